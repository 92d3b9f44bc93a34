/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What every gateway with a Bluetooth LE central is made of, whatever its stack: memory, gateway core, fleet, the framing on the
 * UART to the host, and their round. Static memory, one gateway a program, one thread or main loop. A program adds its port and
 * its board: apps/gateway_s140, apps/gateway_zephyr.
 *
 * The program's own gateway_sizes.h says how large everything is:
 *
 *     GATEWAY_LINKS         links at the same time
 *     GATEWAY_TARGETS       devices that a plan can name; more than links: waves
 *     GATEWAY_RING_BYTES    the window
 *     GATEWAY_VALUE_BYTES   longest attribute value on air: ATT_MTU - 3
 *     GATEWAY_WRITE_QUEUE   write commands that the stack takes for each link
 *
 * and may say how much room there is for a plan's match lists: GATEWAY_MATCH_BYTES, else 512.
 */
#ifndef GATEWAY_BLE_H
#define GATEWAY_BLE_H

#include <dfucast/ble_central.h>
#include <dfucast/ble_fleet.h>
#include <dfucast/framing.h>

/** What the program supplies. None of the calls waits. */
struct gateway_ble_config {
	struct dfucast_ble_central *central; /**< the port's, which has begun */
	uint32_t (*run)(uint32_t now);       /**< the port's round. @return its deadline, ms */
	uint32_t (*now)(void);               /**< ms, wraps */

	/* The UART to the host. */
	size_t (*read)(uint8_t *bytes, size_t capacity); /**< @return bytes that came, 0: none now */
	size_t (*room)(void);                            /**< bytes that can be written now */
	void (*write)(const uint8_t *bytes, size_t length);
	bool (*idle)(void); /**< everything is out */
	enum dfucast_framing_kind framing;
	uint32_t baud;

	/** As in struct dfucast_ble_fleet_config: whose link this is. */
	enum dfucast_ble_ownership (*owner)(void *context, const struct dfucast_ble_address *address,
					    struct dfucast_ble_offer *offer);
	/* The gateway's own image: as in struct dfucast_gateway_port. Both or none: with them the link is a mixed one, image 0 is the
	 * gateway's own and image 1 the fleet's. */
	size_t (*local_smp)(void *context, const uint8_t *frame, size_t length, uint8_t *answer,
			    size_t capacity);
	bool (*is_own_image)(void *context, const uint8_t *header, uint32_t image_bytes);
	struct dfucast_sha256 file, content; /**< two that run at the same time */
	uint32_t boot_id;                    /**< another number after each start */
	/** Devices that a stock SMP tool's upload is for: it names none. Copied; what is over GATEWAY_TARGETS is left out. */
	const struct dfucast_ble_address *allowed;
	uint16_t allowed_count; /**< 0: only hosts with a plan are served */
};

/** The memory here and the sizes, for the port's configuration: all of it but `air`. */
void gateway_ble_central_memory(struct dfucast_ble_central_config *config);
/** Once the port has begun. */
void gateway_ble_start(const struct gateway_ble_config *config);
/** One round. @return when to call again at the latest, ms */
uint32_t gateway_ble_poll(void);

/** An advertisement that the port heard; @p context is not used. */
void gateway_ble_heard(void *context, const struct dfucast_ble_report *report);
/** A link of the application's is there (again): lent if the present plan names its device. */
bool gateway_ble_offer(const struct dfucast_ble_address *address, struct dfucast_ble_offer *offer);
/** A cast is open. */
bool gateway_ble_is_busy(void);
/** The host asked for a reset of the gateway, and its answer is out. */
bool gateway_ble_wants_reset(void);

/** For tests and displays. */
extern struct dfucast_gateway gateway_core;

#endif
