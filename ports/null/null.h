/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The empty port: no radio, no clock, no source. It always builds, for any machine, and makes every call of
 * cast.h, so a change of the core's contract shows here first. A new port may begin as a copy of it.
 */
#ifndef DFUCAST_NULL_H
#define DFUCAST_NULL_H

#include <dfucast/ble.h>
#include <dfucast/cast.h>
#include <dfucast/port.h>
#include <dfucast/update.h>

#define DFUCAST_NULL_TARGETS 3u
#define DFUCAST_NULL_RING_BYTES 512u

struct dfucast_null_port {
	struct dfucast_cast cast;
	struct dfucast_update_plan plan;
	struct dfucast_update devices[DFUCAST_NULL_TARGETS];
	struct dfucast_cast_target targets[DFUCAST_NULL_TARGETS];
	struct dfucast_ble_link links[DFUCAST_NULL_TARGETS];
	struct dfucast_ble_pool pool;
	uint8_t long_answers[64];
	uint8_t ring[DFUCAST_NULL_RING_BYTES];
	uint32_t opens; /**< links asked for; none ever came up */
};

/** No hash to be had: start() says no. Its `context` is NULL. */
extern const struct dfucast_sha256 dfucast_null_sha256;

/** Clears @p port and starts the cast for an image that nobody has. */
void dfucast_null_start(struct dfucast_null_port *port, uint32_t now);

/**
 * One round of a port's loop: what happened, then requests, sending, image bytes, time.
 * @return false: every target has ended. Otherwise *now is when the next round is due.
 */
bool dfucast_null_run(struct dfucast_null_port *port, uint32_t *now);

/** Ends what still runs, as an operator would. */
void dfucast_null_stop(struct dfucast_null_port *port, uint32_t now);

#endif
