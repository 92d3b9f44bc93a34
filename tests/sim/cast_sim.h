/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A fleet in virtual time: N model peripherals behind N point-to-point links, one cast driven exactly in the order
 * that cast.h prescribes. Deterministic: everything random comes from `seed`.
 *
 * After every event cast_sim_check() looks from outside at what must always hold; it fails the running test.
 */
#ifndef CAST_SIM_H
#define CAST_SIM_H

#include <dfucast/cast.h>
#include <dfucast/update.h>

#include "../../sim/peer/peer.h"

#define CAST_SIM_NODES_MAX 24u
#define CAST_SIM_TRACE_BYTES 1024u
#define CAST_SIM_FRAME_BYTES_MAX 4096u

/** One link. Times in ms. */
struct cast_sim_link {
	uint32_t open_ms;     /**< to open, close and resync */
	uint32_t delay_ms;    /**< one way */
	uint32_t bytes_per_s; /**< towards the device; 0: no limit */
	uint32_t loss_ppm;    /**< of each frame, either way */
	uint32_t
	    lose_piece; /**< this piece towards the device is lost if it is a frame's first; from 1; 0: none */
	uint32_t supervision_ms; /**< a link that does not keep: so long until a reset is noticed */
	uint32_t appears_ms;     /**< cannot be opened before, counted from the start */
	uint16_t frame_max;
	uint16_t frame_fallback;
	uint16_t value_max;
	uint8_t flags;   /**< enum dfucast_link_flag */
	int8_t open_err; /**< every opening ends so; 0: normal */
	bool noise;      /**< the device prints while it boots */
};

enum cast_sim_link_state {
	CAST_SIM_DOWN,
	CAST_SIM_OPENING,
	CAST_SIM_UP,
	CAST_SIM_RESYNCING,
	CAST_SIM_CLOSING
};

struct cast_sim_node {
	/* set before cast_sim_run() */
	struct cast_sim_link link;
	struct sim_peer_config config;
	const uint8_t *preset; /**< image in slot 1, `preset_bytes` long */
	uint32_t preset_bytes;
	bool preset_magic;
	bool preset_image_ok;
	uint16_t match;   /**< where the device's list begins in the plan's matches */
	bool preset_boot; /**< reset once before the start: a pending preset is on trial */

	/* results */
	char trace
	    [CAST_SIM_TRACE_BYTES]; /**< requests that arrived: "params mode … reset", chunks as "stream" */
	char states[CAST_SIM_TRACE_BYTES]; /**< what the status said, in order */
	struct dfucast_status status;
	uint32_t writes; /**< bytes of image data the device took */
	uint32_t recovery_writes;
	uint32_t frames_sent; /**< frames the cast sent */
	uint32_t opens;
	uint32_t resyncs;
	uint32_t stale; /**< events delivered for an older generation */

	/* inner state */
	struct sim_peer peer;
	struct cast_sim *sim;
	uint32_t epoch;
	uint32_t pieces;
	uint32_t tx_next_ms;
	uint32_t boots_seen;
	uint32_t confirmed_boots;
	uint16_t generation;
	uint16_t tx_length;
	uint16_t tx_position;
	uint8_t link_state;
	bool dead; /**< the far end is gone, not noticed yet */
	bool was_updated;
	uint8_t tx[CAST_SIM_FRAME_BYTES_MAX];
};

struct cast_sim_event {
	uint8_t *bytes;
	uint32_t length;
	uint32_t when;
	uint32_t order;
	uint32_t epoch;
	uint16_t node;
	uint16_t generation;
	uint8_t kind;
};

struct cast_sim {
	/* set before cast_sim_run() */
	struct dfucast_cast_config
	    config; /**< ring_bytes, links_max, gates; what points somewhere is set by run */
	struct dfucast_update_plan plan;
	struct cast_sim_node *nodes;
	uint32_t start_ms;
	uint32_t limit_ms;
	uint32_t stop_ms;    /**< calls dfucast_cast_stop so long after the start; 0: never */
	uint32_t feed_bytes; /**< most bytes fed in one call */
	uint32_t feed_ms;    /**< time each feed takes */
	uint64_t seed;
	bool writes_in_recovery; /**< serial recovery may be written to */
	bool verify_late;        /**< the image counts as verified only when every byte has been fed */

	uint8_t *image; /**< all of the stream */
	uint32_t image_bytes;
	uint32_t first_bytes; /**< of it the first image, number 0; the rest is the second, number 1 */
	uint8_t *old_second;  /**< what image 1 runs when new; NULL: there is one image */
	uint32_t old_second_bytes;
	struct dfucast_update_image second;
	uint8_t *factory;
	uint32_t factory_bytes;
	uint8_t *other; /**< a third image, of nobody's plan */
	uint32_t other_bytes;

	/* results */
	uint32_t elapsed_ms;
	uint32_t upload_ms; /**< from the first chunk's arrival anywhere to the last write */
	uint32_t fed_bytes;
	uint32_t rewinds;
	uint32_t activating_peak; /**< most devices that were being activated at once */
	uint32_t links_peak;

	/* inner state */
	struct dfucast_cast cast;
	struct dfucast_update *devices;
	struct dfucast_cast_target *targets;
	uint8_t *ring;
	struct cast_sim_event *events;
	uint32_t event_count;
	uint32_t event_room;
	uint32_t order;
	uint32_t now;
	uint32_t source; /**< end of the last feed */
	uint32_t hashed; /**< image bytes fed in order */
	uint32_t first_write_ms;
	uint32_t feed_ready_ms;
	uint16_t count;
	bool feeding;
	bool wrote;
	uint8_t digests[5][32];
};

/** @p count nodes with equal defaults, an image of @p image_bytes, version 2.0.0 over 1.0.0. */
struct cast_sim *cast_sim_new(uint16_t count, uint32_t image_bytes);
void cast_sim_free(struct cast_sim *sim);
/** A second image of @p bytes, number 1, version 3.0.0 over 1.5.0, in the plan and in all nodes; made permanent before
 *  the reset (--mode confirm). */
void cast_sim_second(struct cast_sim *sim, uint32_t bytes);

/** Runs until every device has ended and every link is closed; fails the test at the time limit. */
void cast_sim_run(struct cast_sim *sim);

/** For two casts in one process: begin, then steps until both say false. */
void cast_sim_begin(struct cast_sim *sim);
bool cast_sim_step(struct cast_sim *sim);

/** A Bluetooth-like link: pieces of @p value_max, a device with reassembly. */
void cast_sim_make_ble(struct cast_sim_node *node, uint16_t value_max);
/** Adds a fault to a node's device. */
void cast_sim_fault(struct cast_sim_node *node, struct sim_peer_fault fault);
/** The one-word summary of a node: "done", "failed silent" … */
const char *cast_sim_outcome(const struct cast_sim_node *node);

/* ---- between cast_sim.c and cast_sim_check.c ---- */

/** struct sim_peer_config.observe, context: the node. */
void cast_sim_observe(void *context, const struct sim_peer_event *event);
void cast_sim_check(struct cast_sim *sim);

#endif
