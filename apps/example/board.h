/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Between the example host and the board it runs on: a UART to the gateway, a network that has the image, a little
 * flash. All calls come from one context.
 */
#ifndef EXAMPLE_BOARD_H
#define EXAMPLE_BOARD_H

#include <dfucast/host.h>

/* ---- the board does ---- */

uint32_t board_now(void); /**< ms, monotonic, wraps */
/** Takes as many bytes for the gateway's UART as it has room for. @return how many */
size_t board_uart_write(const uint8_t *bytes, size_t length);
/** Ask the network for image bytes; they come with example_image_bytes(), in any portions, whenever they come. */
void board_network_ask(uint32_t offset, uint32_t length);
/** Keep these bytes over a loss of power; length 0: forget them. */
void board_flash_keep(const uint8_t *bytes, size_t length);
/** @return how many were kept */
size_t board_flash_read(uint8_t *bytes, size_t capacity);
/** For people: one device's end. */
void board_report(const struct dfucast_smp_fleet_report *report);

/* ---- the board calls; after any of them, and when the time is up, example_poll() ---- */

/** A new job: image as announced by the cloud, and the devices' names as the gateway writes them. */
void example_start(const struct dfucast_smp_fleet_plan *plan, const char *const *devices, uint16_t count);
/** After a restart: goes on with the job that was kept. @return false: there was none */
bool example_continue(const char *const *devices, uint16_t count);
void example_image_bytes(uint32_t offset, const uint8_t *bytes, uint32_t length);
void example_uart_received(const uint8_t *bytes, size_t length);
/** @return true: call it again at *deadline at the latest; false: when something happened */
bool example_poll(uint32_t *deadline);
/** enum dfucast_host_state */
uint8_t example_state(void);

#endif
