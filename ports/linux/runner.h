/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A cast on the Linux port: one link per target, the image from a callback, timers, all on one libuv loop.
 * It makes the calls of dfucast/cast.h in their order; whoever wants to know what happened asks the cast.
 */
#ifndef DFUCAST_LINUX_RUNNER_H
#define DFUCAST_LINUX_RUNNER_H

#include "linux.h"
#include <dfucast/gateway.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dfucast_linux_runner;

/** One target's way: its link, and the last thing the link said when it went away. */
struct dfucast_linux_way {
	struct dfucast_linux_runner *runner;
	struct dfucast_linux_link *carrier; /**< NULL while not open */
	const struct dfucast_linux_target *target;
	struct dfucast_link link;
	struct dfucast_frame_source source;
	char why[200]; /**< last reason the link was lost or not opened; "" */
};

struct dfucast_linux_runner_config {
	uv_loop_t *loop;
	const struct dfucast_linux_target
	    *targets;                   /**< as many as the cast's count; must outlive the runner */
	struct dfucast_linux_way *ways; /**< as many, the caller's memory */
	uint16_t target_count;          /**< of both arrays; 0: the cast's count */
	dfucast_image_read read;        /**< the image: any offset, at any time; not with a gateway */
	void *read_context;
	/** The cast is this gateway's: it has its image from its host and its time from the gateway, and a target's
	 *  address is its index in `targets`, in two bytes, low first. NULL: a cast of its own. */
	struct dfucast_gateway *gateway;
	/** Called after every event, from the loop. May call dfucast_cast_status(), _stop() through
	 *  dfucast_linux_runner_stop(), nothing else of the cast. */
	void (*changed)(void *context);
	/** Every frame, for traces. May be NULL. */
	void (*trace)(void *context, uint16_t target, bool outgoing, const uint8_t *frame, size_t length);
	void *context;
};

/** Opaque; the caller's memory, which must stay until dfucast_linux_runner_close() and the loop has run out. */
struct dfucast_linux_runner {
	struct dfucast_linux_runner_config config;
	struct dfucast_cast *cast;
	uv_timer_t timer;
	bool serving;
	bool again;
	bool read_failed; /**< the image could not be read: the cast was stopped */
};

/** Starts the cast, which must be initialised, on the loop. A gateway's is started by its host. */
void dfucast_linux_runner_start(struct dfucast_linux_runner *runner, struct dfucast_cast *cast,
				const struct dfucast_linux_runner_config *config);
/** dfucast_cast_stop(), and what follows from it. */
void dfucast_linux_runner_stop(struct dfucast_linux_runner *runner, enum dfucast_err why);
/** With a gateway: its host has said something. */
void dfucast_linux_runner_serve(struct dfucast_linux_runner *runner);
/** Closes links and timer; the loop then runs out. */
void dfucast_linux_runner_close(struct dfucast_linux_runner *runner);

#ifdef __cplusplus
}
#endif
#endif
