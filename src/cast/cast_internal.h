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
	CAST_LINK_DOWN, /* none; asked for when the device wants one and its back-off is over */
	CAST_LINK_UP,
	/* A request was given out, and is not completed: */
	CAST_LINK_ASKED,
	CAST_LINK_OPENING = CAST_LINK_ASKED + DFUCAST_REQUEST_OPEN,
	CAST_LINK_CLOSING = CAST_LINK_ASKED + DFUCAST_REQUEST_CLOSE, /* whatever comes is dropped */
	CAST_LINK_RESYNCING = CAST_LINK_ASKED + DFUCAST_REQUEST_RESYNC,
};

/* struct dfucast_cast_target.flags */
enum cast_flag {
	CAST_IN_PASS = 0x01,   /* takes bytes of the running pass: holds the ring's tail */
	CAST_LET_GO = 0x02,    /* held the others back too long: waits for the next pass */
	CAST_ACTIVATED = 0x04, /* counted in `activated` */
	CAST_CUT = 0x20,       /* let go in the middle of a frame: its link must be closed first */
	CAST_ERASING = 0x40,   /* was erasing at the last look */
	CAST_SENDING = 0x80,   /* a frame begun in the pass is not sent yet: it may read the ring */
	CAST_PARKED = 0x10,    /* verified and waiting: its link was given to another target */
};

/* One target of a walk over all: its memory, and what its protocol said of it when the walk came to it. */
struct cast_seat {
	unsigned int next; /* index of the target after it */
	struct dfucast_cast_target *target;
	void *device;
	unsigned int phase; /* CAST_PHASE() of it */
};

/* Sets of phases, a bit each. */
#define CAST_PHASE(name) (1u << DFUCAST_PHASE_##name)
#define CAST_ANY_PHASE 0xFFu

/*
 * Goes to the next target whose phase is in the set. The whole walk:
 *
 *     for (seat.next = 0; dfucast_cast_walk(cast, CAST_ANY_PHASE, &seat);)
 */
bool dfucast_cast_walk(const struct dfucast_cast *cast, unsigned int phases, struct cast_seat *seat);
/* Stops all whose phase is in the set. */
void dfucast_cast_stop_phases(struct dfucast_cast *cast, unsigned int phases, enum dfucast_err why);

/* No more comes before somebody moves. */
bool dfucast_cast_ring_is_full(const struct dfucast_cast *cast);

/* Wrapping time: a is at or after b. */
static inline bool cast_reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

/* Moves the stream on: joins, drops from the ring, lets stragglers go, begins and ends passes. The time since run_ms is
 * charged to those who made others wait. */
void dfucast_cast_stream_run(struct dfucast_cast *cast, uint32_t now);

/* Slots in use, at most links_max. */
unsigned int dfucast_cast_slots_held(const struct dfucast_cast *cast);

/* Activates whom barrier, canary and max-failed allow; holds whom they stop for good. */
void dfucast_cast_gate_run(struct dfucast_cast *cast, uint32_t now);

#endif
