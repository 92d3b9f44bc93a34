/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The core alone inside an existing S140 application: no gateway protocol, no UART of ours. The application has a host
 * protocol and a buffer of its own, and connections of its own; it lends both. Copy these two files and change them.
 *
 *     at start           core_start(), once the SoftDevice is on
 *     observer           core_observe() with every BLE event (NRF_SDH_BLE_OBSERVER)
 *     host protocol      core_announce(), core_bytes()
 *     main loop          core_poll() after each event and at the time that it returns
 *
 * docs/s140-core-alone.md goes through it.
 */
#ifndef S140_CORE_H
#define S140_CORE_H

#include <dfucast/ble_central.h>
#include <dfucast/update.h>

#include "s140.h"

#define CORE_DEVICES 8u
#define CORE_LINKS 8u
#define CORE_MTU 247u
#define CORE_WRITE_QUEUE 2u

/** What the host says of the image before it sends the first byte. */
struct core_image {
	uint32_t bytes;
	struct dfucast_version version;
	uint8_t header[DFUCAST_IMAGE_HEADER_BYTES]; /**< the file's first 32 bytes */
	uint8_t hash[32];                           /**< the image's own SHA-256 TLV */
	uint8_t sha[32];                            /**< SHA-256 of the whole file */
};

/** What the application supplies; none may call back into this file. */
struct core_application {
	uint8_t *buffer; /**< its own, lent while an update runs: the window */
	uint32_t buffer_bytes;
	struct dfucast_sha256 sha256;
	struct dfucast_s140_hooks hooks; /**< mask, unmask; pend only with dfucast_s140_interrupt() */
	/** Ask the host for these bytes, in its own protocol. They come in order; replaces what was asked before. */
	void (*ask_image)(uint32_t offset, uint32_t length);
	/** True where its own modules answer what peers ask of every link (nrf_ble_gatt). */
	bool answers;
};

/** @return an NRF_ error */
uint32_t core_start(const struct core_application *application);
void core_observe(const ble_evt_t *event);

/** Steps 1 and 2: the image, and whose it is. OWNED devices are those that the application is connected to. */
void core_announce(const struct core_image *image, const struct dfucast_ble_target *devices, uint16_t count,
		   uint32_t now);
/** Step 4. */
void core_bytes(uint32_t offset, const uint8_t *bytes, uint32_t length, uint32_t now);
/** A connection of the application's own device @p index is there (again), with these parameters. */
bool core_lend(uint16_t index, uint16_t conn_handle, const ble_gap_conn_params_t *params, uint16_t att_mtu,
	       uint32_t now);
/** True while it is in use: the application leaves its parameters alone. */
bool core_uses(uint16_t conn_handle);
/** @return when to call again at the latest */
uint32_t core_poll(uint32_t now);
/** All have ended, and every link is closed or given back. Then the buffer is the application's again. */
bool core_is_done(void);
void core_status(uint16_t index, struct dfucast_status *status);

#endif
