/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines that the gateway needs of the SDK's sdk_config.h, and only those. With USE_APP_CONFIG the SDK reads them
 * before its own; a product that has an app_config.h or an sdk_config.h of its own takes them over.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

/* The board: an nRF52840 DK's virtual COM port. P0.x is x, P1.x is 32 + x. */
#define GATEWAY_PIN_RX 8
#define GATEWAY_PIN_TX 6
#define GATEWAY_PIN_CTS 7
#define GATEWAY_PIN_RTS 5
#define GATEWAY_BAUDRATE NRF_UARTE_BAUDRATE_1000000 /* with BOARD_BAUD, board.h */

/* SoftDevice. Link counts and ATT_MTU here size nrf_sdh's event buffer; the links themselves are configured by
 * dfucast_s140_configure(). */
#define NRF_SDH_ENABLED 1
#define NRF_SDH_BLE_ENABLED 1
#define NRF_SDH_SOC_ENABLED 1
#define NRF_SDH_DISPATCH_MODEL 0
#define NRF_SDH_BLE_CENTRAL_LINK_COUNT GATEWAY_LINKS
#define NRF_SDH_BLE_PERIPHERAL_LINK_COUNT 0
#define NRF_SDH_BLE_TOTAL_LINK_COUNT GATEWAY_LINKS
#define NRF_SDH_BLE_GATT_MAX_MTU_SIZE 247
#define NRF_SDH_BLE_VS_UUID_COUNT 2

/* Clock and sleep. */
#define NRF_CLOCK_ENABLED 1
#define NRFX_CLOCK_ENABLED 1
#define APP_TIMER_ENABLED 1
#define APP_TIMER_CONFIG_RTC_FREQUENCY 0
#define NRF_PWR_MGMT_ENABLED 1
#define NRF_SORTLIST_ENABLED 1

/* UART: libuarte with TIMER 1 and 2, and what it stands on. */
#define NRF_LIBUARTE_DRV_UARTE0 1
#define NRF_LIBUARTE_DRV_HWFC_ENABLED 1
#define NRF_LIBUARTE_ASYNC_WITH_APP_TIMER 0
#define NRFX_TIMER_ENABLED 1
#define NRFX_TIMER1_ENABLED 1
#define NRFX_TIMER2_ENABLED 1
#define TIMER_ENABLED 1
#define TIMER1_ENABLED 1
#define TIMER2_ENABLED 1
#define NRFX_PPI_ENABLED 1
#define PPI_ENABLED 1
#define NRFX_GPIOTE_ENABLED 1
#define GPIOTE_ENABLED 1
#define NRFX_UARTE_ENABLED 1
#define NRFX_UARTE0_ENABLED 1
#define UART_ENABLED 1
#define UART0_ENABLED 1
#define NRF_BALLOC_ENABLED 1
#define NRF_QUEUE_ENABLED 1

/* One line an event costs flash and time; switch it on to look for trouble. */
#define NRF_LOG_ENABLED 0

#endif
