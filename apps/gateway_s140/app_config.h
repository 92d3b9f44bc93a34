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
#define NRF_LIBUARTE_UARTE0 1 /* its name in SDK 15.3 */
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

#ifdef GATEWAY_PAIRING
/* Peer Manager, and the flash storage that it is built on: the last FDS_VIRTUAL_PAGES × 4 KB, below a bootloader. */
#define PEER_MANAGER_ENABLED 1
#define PM_CENTRAL_ENABLED 1
#define PM_MAX_REGISTRANTS 2
#define PM_FLASH_BUFFERS 4
#define PM_PEER_RANKS_ENABLED PAIRING_BONDS
#define PM_SERVICE_CHANGED_ENABLED 0
#define PM_RA_PROTECTION_ENABLED 0
#define PM_HANDLER_SEC_DELAY_MS 0
#define PM_LOG_ENABLED 0
#define NRF_BLE_LESC_ENABLED PM_LESC_ENABLED
#define FDS_ENABLED 1
#define FDS_VIRTUAL_PAGES 3
#define FDS_BACKEND 2
#define NRF_FSTORAGE_ENABLED 1
#if PM_LESC_ENABLED
/* P-256 on the CC310. */
#define NRF_CRYPTO_ENABLED 1
#define NRF_CRYPTO_ALLOCATOR 0
#define NRF_CRYPTO_RNG_AUTO_INIT_ENABLED 1
#define NRF_CRYPTO_RNG_STATIC_MEMORY_BUFFERS_ENABLED 1
#define NRF_CRYPTO_BACKEND_CC310_ENABLED 1
#define NRF_CRYPTO_BACKEND_CC310_RNG_ENABLED 1
#define NRF_CRYPTO_BACKEND_CC310_ECC_SECP256R1_ENABLED 1
#define NRF_CRYPTO_BACKEND_CC310_INTERRUPTS_ENABLED 1
#endif
#endif

/* One line an event costs flash and time; switch it on to look for trouble. */
#define NRF_LOG_ENABLED 0

#endif
