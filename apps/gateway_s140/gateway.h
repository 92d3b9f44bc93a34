/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The gateway on an nRF52840 with the S140 SoftDevice: SMP server on a UART, its fleet behind the radio. All memory is
 * static, one gateway a program.
 *
 *     alone:    gateway_enable(), gateway_start(); SD_EVT_IRQHandler calls gateway_interrupt(); the main loop calls
 *               gateway_poll() after each interrupt and at the time that it returns
 *     beside:   gateway_start() once the application's SoftDevice is on; an observer calls gateway_observe(), the main
 *               loop gateway_poll()
 *
 * In the second case the application's own links are lent where gateway_owner() says so, and come back as they were.
 */
#ifndef GATEWAY_S140_GATEWAY_H
#define GATEWAY_S140_GATEWAY_H

#include <gateway_ble.h>

#include "gateway_sizes.h"
#include "s140.h"

/** Pairings at the same time: a peripheral that does not answer holds one for 30 s. */
#ifndef GATEWAY_PAIRINGS
#define GATEWAY_PAIRINGS (GATEWAY_LINKS < 4 ? GATEWAY_LINKS : 4)
#endif
/** DFUCAST_FRAMING_CONSOLE for stock tools, DFUCAST_FRAMING_COBS for hosts of your own: a third faster. */
#ifndef GATEWAY_FRAMING
#define GATEWAY_FRAMING DFUCAST_FRAMING_CONSOLE
#endif

/** The SoftDevice's configuration: what it should be, after gateway_enable() what it is. */
extern struct dfucast_s140_settings gateway_settings;

/** As dfucast_s140_enable_fitting(). */
uint32_t gateway_enable(uint32_t ram_start, uint32_t (*enable)(uint32_t *ram_start));
/** Once the SoftDevice is on. @p application_answers: nrf_ble_gatt or the like runs beside. @return an NRF_ error */
uint32_t gateway_start(bool application_answers);
void gateway_interrupt(void);
void gateway_observe(const ble_evt_t *event);
/** As dfucast_s140_not_secured(). */
void gateway_not_secured(uint16_t conn_handle, uint8_t status);
/** One round. @return when to call again at the latest, ms */
uint32_t gateway_poll(void);
/** A link of the application's is there (again): lent if the present plan names it. As dfucast_s140_adopt(). */
bool gateway_offer(uint16_t conn_handle, const struct dfucast_ble_address *address,
		   const ble_gap_conn_params_t *params, uint16_t att_mtu);
/** True while the gateway works on this link: the application leaves its parameters alone. */
bool gateway_uses(uint16_t conn_handle);

/** The application's: whether this device's link is its own. In gateway_alone.c: never. */
enum dfucast_ble_ownership gateway_owner(const struct dfucast_ble_address *address, uint16_t *conn_handle,
					 ble_gap_conn_params_t *params, uint16_t *att_mtu);

/** For tests and displays. */
extern struct dfucast_s140 gateway_port;

#endif
