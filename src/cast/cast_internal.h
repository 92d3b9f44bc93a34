/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the fan-out share. cast.c: the public calls, links and time. stream.c: who is in the pass,
 * the ring's tail, stragglers, passes. gate.c: barrier, canary, max-failed.
 */
#ifndef DFUCAST_CAST_INTERNAL_H
#define DFUCAST_CAST_INTERNAL_H

#include <dfucast/cast.h>
#include <dfucast/port.h>

/* struct dfucast_cast_target.link: the one link of a target. */
enum cast_link {
	CAST_LINK_DOWN,    /* none; asked for when the device wants one and its back-off is over */
	CAST_LINK_OPENING, /* OPEN was given out */
	CAST_LINK_UP,
	CAST_LINK_RESYNCING, /* RESYNC was given out */
	CAST_LINK_CLOSING,   /* CLOSE was given out: whatever comes is dropped */
};

/* struct dfucast_cast_target.flags */
enum cast_flag {
	CAST_IN_PASS = 0x01,   /* takes bytes of the running pass: holds the ring's tail */
	CAST_LET_GO = 0x02,    /* held the others back too long: waits for the next pass */
	CAST_ACTIVATED = 0x04, /* counted in `activated` */
	CAST_COUNTED = 0x08,   /* its end is counted in `succeeded` or `failed` */
	CAST_CUT = 0x20,       /* let go in the middle of a frame: its link must be closed first */
	CAST_ERASING = 0x40,   /* was erasing at the last look */
	CAST_SENDING = 0x80,   /* a frame begun in the pass is not sent yet: it may read the ring */
	CAST_PARKED = 0x10,    /* verified and waiting: its link was given to another target */
};

/* cast.c: element `index` of the caller's array, and what its protocol says of it. Not inline: they are called from
 * everywhere, and each is ten instructions. */
void *dfucast_cast_device(const struct dfucast_cast *cast, unsigned int index);
enum dfucast_phase dfucast_cast_phase(const struct dfucast_cast *cast, unsigned int index);
void dfucast_cast_stop_device(struct dfucast_cast *cast, unsigned int index, enum dfucast_err why);

/* No more comes before somebody moves. */
static inline bool cast_ring_is_full(const struct dfucast_cast *cast)
{
	uint32_t left = cast->config.image_bytes - cast->ring.head;
	uint32_t piece = cast->config.source_bytes < left ? cast->config.source_bytes : left;

	return dfucast_ring_free(&cast->ring) < (piece > 0 ? piece : 1u);
}

/* Wrapping time: a is at or after b. */
static inline bool cast_reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

/* Moves the stream on: joins, drops from the ring, lets stragglers go, begins and ends passes. */
void dfucast_cast_stream_run(struct dfucast_cast *cast, uint32_t elapsed_ms, uint32_t now);
/* True when the stream needs a look at `*deadline` though nothing happens. */
bool dfucast_cast_stream_deadline(const struct dfucast_cast *cast, uint32_t *deadline);

/* Slots in use, at most links_max. */
unsigned int dfucast_cast_slots_held(const struct dfucast_cast *cast);

/* Activates whom barrier, canary and max-failed allow; holds whom they stop for good. */
void dfucast_cast_gate_run(struct dfucast_cast *cast, uint32_t now);

#endif
