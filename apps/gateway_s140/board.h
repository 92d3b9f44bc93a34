/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Between the gateway and the board it runs on: a clock, a UART to the host, a hash, the SoftDevice's interrupt. None of
 * these calls waits. board_sdk.c makes them with the nRF5 SDK.
 */
#ifndef GATEWAY_S140_BOARD_H
#define GATEWAY_S140_BOARD_H

#include <dfucast/ble_scan.h>
#include <dfucast/port.h>

uint32_t board_now(void); /**< ms, monotonic, wraps */

/* ---- the host's UART ---- */

#ifndef BOARD_BAUD
#define BOARD_BAUD 1000000u
#endif
/** Bytes that came. @return how many, 0: none now */
size_t board_host_read(uint8_t *bytes, size_t capacity);
/** Bytes that can be written now; all of it when nothing waits. */
size_t board_host_room(void);
bool board_host_idle(void); /**< everything is out */
void board_host_write(const uint8_t *bytes, size_t length);

/* ---- the SoftDevice's event interrupt ---- */

void board_mask(void *context);
void board_unmask(void *context);
void board_pend(void *context);
/** As dfucast_s140_hooks.secure; NRF_ERROR_NOT_SUPPORTED where the board cannot. */
uint32_t board_secure(void *context, uint16_t conn_handle, bool authenticated);

/* ---- the rest ---- */

/** Two hashes that run at the same time, 0 and 1. */
struct dfucast_sha256 board_sha256(unsigned int index);
/** Another number after each start. */
uint32_t board_boot_id(void);
/** Devices that a stock SMP tool's upload is for: it names none. @return how many; 0: only hosts with a plan are served */
uint16_t board_allowed(const struct dfucast_ble_address **addresses);
/** Resets the chip. */
void board_reset(void);

#endif
