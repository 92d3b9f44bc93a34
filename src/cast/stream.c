/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream's bookkeeping: who takes part in the running pass, how far the ring may drop, who holds the others
 * back, when a pass begins and ends. Bytes themselves never pass through here.
 */
#include "cast_internal.h"

/* What one look over the fleet finds. */
struct view {
	uint32_t lowest_waiting; /* smallest offset wanted by a device that is not in the pass */
	uint32_t lowest_kept;    /* smallest offset still needed by a device in the pass */
	unsigned int waiting;    /* devices that want bytes and are not in the pass */
	unsigned int checked;    /* devices that wait until all are checked */
	unsigned int in_pass;
	unsigned int starving; /* in the pass, and have taken all the ring can give */
};

static bool taking(const struct dfucast_cast *cast, unsigned int index, struct dfucast_want *want)
{
	if (dfucast_cast_phase(cast, index) != DFUCAST_PHASE_TAKING) {
		return false;
	}
	cast->config.consumer->want(cast->config.plan, dfucast_cast_device(cast, index), want);
	return true;
}

/*
 * What a device in the pass still needs of the ring. A frame once begun is read until it is sent, even when its
 * device has gone back behind the ring meanwhile, or wants no more bytes at all: the tail stays where it is.
 */
static bool needs(const struct dfucast_cast *cast, unsigned int index, struct dfucast_want *want)
{
	if (!taking(cast, index, want)) {
		*want = (struct dfucast_want){.sending = true};
		if (!(cast->config.targets[index].flags & CAST_SENDING)) {
			return false;
		}
	}
	if (want->sending && want->keep < cast->ring.tail) {
		want->keep = cast->ring.tail;
	}
	return true;
}

/* The ring is to begin at this offset: what it has of that it keeps. */
static void move_to(struct dfucast_cast *cast, uint32_t offset)
{
	if (offset >= cast->ring.tail && offset <= cast->ring.head) {
		dfucast_ring_drop(&cast->ring, offset);
	} else {
		dfucast_ring_restart(&cast->ring,
				     offset); /* a rewind, or all hold more than was streamed: a resume */
	}
}

/* One look over the fleet: who joins the pass, who leaves it, and what the ring may drop then. */
static void look(struct dfucast_cast *cast, struct view *view)
{
	*view = (struct view){.lowest_waiting = UINT32_MAX, .lowest_kept = UINT32_MAX};
	for (unsigned int i = 0; i < cast->config.count; i++) {
		struct dfucast_cast_target *target = &cast->config.targets[i];
		struct dfucast_want want;

		view->checked += dfucast_cast_phase(cast, i) == DFUCAST_PHASE_CHECKED;
		if (!((target->flags & CAST_IN_PASS) ? needs(cast, i, &want) : taking(cast, i, &want))) {
			target->flags = (uint8_t)(target->flags & ~CAST_IN_PASS);
			continue;
		}
		if ((target->flags & CAST_IN_PASS) && want.keep < cast->ring.tail) {
			/* It lost what it had (a reboot, another client): the ring cannot help, the next pass can. */
			target->flags = (uint8_t)(target->flags & ~CAST_IN_PASS);
		}
		if (cast->streaming && !(target->flags & (CAST_IN_PASS | CAST_LET_GO)) &&
		    want.keep >= cast->ring.tail) {
			target->flags |= CAST_IN_PASS;
			target->blocked_ms = 0;
		}
		if (want.patient) {
			target->flags |= CAST_ERASING;
		} else if (target->flags & CAST_ERASING) {
			target->flags = (uint8_t)(target->flags & ~CAST_ERASING);
			target->blocked_ms = 0; /* its erase is no slowness */
		}
		if (target->flags & CAST_IN_PASS) {
			view->in_pass++;
			if (want.offset >= cast->ring.head) {
				view->starving++;
			}
			if (want.keep < view->lowest_kept) {
				view->lowest_kept = want.keep;
			}
		} else if (cast->passes == 0 || !want.patient) {
			/* Later on, who is still being asked may hold more than it seems: a resume. */
			view->waiting++;
			if (want.keep < view->lowest_waiting) {
				view->lowest_waiting = want.keep;
			}
		}
	}
	if (view->in_pass > 0 && view->lowest_kept > cast->ring.tail) {
		move_to(cast, view->lowest_kept);
	}
}

/* The ring is full, others have eaten all of it, and somebody still sits on its tail. */
static bool held_back(const struct dfucast_cast *cast, const struct view *view)
{
	return view->starving > 0 && view->starving < view->in_pass && cast_ring_is_full(cast) &&
	       /* A slow majority is not a straggler: going at its pace costs less than a pass for it. */
	       2u * view->starving + 1u >= view->in_pass;
}

/* Charges those at the tail for the time they made others wait; lets go whoever used up its patience. */
static bool let_stragglers_go(struct dfucast_cast *cast, uint32_t elapsed_ms)
{
	bool changed = false;

	for (unsigned int i = 0; i < cast->config.count; i++) {
		struct dfucast_cast_target *target = &cast->config.targets[i];
		struct dfucast_want want;

		if (!(target->flags & CAST_IN_PASS) || !needs(cast, i, &want) ||
		    want.keep != cast->ring.tail) {
			continue;
		}
		uint32_t blocked = target->blocked_ms + elapsed_ms;
		uint32_t limit = want.patient ? cast->config.erase_ms : cast->config.straggle_ms;

		target->blocked_ms = (uint16_t)(blocked > UINT16_MAX ? UINT16_MAX : blocked);
		if (blocked < limit) {
			continue;
		}
		if (want.sending) {
			/* Its frame still reads the ring, which must not drop those bytes before the link is closed. */
			target->flags |= CAST_LET_GO | CAST_CUT;
			continue;
		}
		target->flags = (uint8_t)((target->flags & ~CAST_IN_PASS) | CAST_LET_GO);
		changed = true;
	}
	return changed;
}

/* Nobody is left in the pass. Begin the next where the lowest waiting device is, or tell them they are behind. */
static void begin_pass(struct dfucast_cast *cast, const struct view *view)
{
	bool first = cast->passes == 0;
	bool back = !first && view->lowest_waiting < cast->ring.tail;
	bool allowed =
	    cast->config.rewinds && (cast->config.passes_max == 0 || cast->passes < cast->config.passes_max);

	if (back && !allowed) {
		for (unsigned int i = 0; i < cast->config.count; i++) {
			struct dfucast_want want;

			if (taking(cast, i, &want) && !want.patient && want.keep < cast->ring.tail) {
				dfucast_cast_stop_device(cast, i, DFUCAST_ERR_BEHIND);
			}
		}
		return;
	}
	if (first || back) {
		cast->passes++;
	}
	move_to(cast, view->lowest_waiting);
	cast->streaming = true;
	cast->gathering = false;
	for (unsigned int i = 0; i < cast->config.count; i++) {
		cast->config.targets[i].flags = (uint8_t)(cast->config.targets[i].flags & ~CAST_LET_GO);
	}
}

/*
 * Is anybody about to want bytes that the next pass would have passed by? Each is waited for gather_ms altogether,
 * until it takes part in a pass: a silent device holds nobody back for longer.
 */
static bool others_come(struct dfucast_cast *cast, const struct view *view, uint32_t elapsed_ms)
{
	unsigned int idle = 0;
	unsigned int busy = 0; /* keep their links for longer than a pass may wait */
	bool come = false;

	for (unsigned int i = 0; i < cast->config.count; i++) {
		struct dfucast_cast_target *target = &cast->config.targets[i];
		enum dfucast_phase phase = dfucast_cast_phase(cast, i);
		struct dfucast_want want;

		idle += phase == DFUCAST_PHASE_IDLE;
		busy += phase == DFUCAST_PHASE_PREPARING || phase == DFUCAST_PHASE_CHECKED ||
			phase == DFUCAST_PHASE_TAKING || phase == DFUCAST_PHASE_ACTIVATING;
		if (phase == DFUCAST_PHASE_PREPARING ||
		    (taking(cast, i, &want) && want.patient && want.keep < view->lowest_waiting)) {
			uint32_t waited = target->blocked_ms + elapsed_ms;

			target->blocked_ms = (uint16_t)(waited > UINT16_MAX ? UINT16_MAX : waited);
			come |= waited < cast->config.gather_ms;
		}
	}
	/* The other links are about to be free, and the next wave's. */
	return come || (idle > 0 && busy < cast->config.links_max);
}

/* The start rule: when every device has joined, ended, or the gather time is over. */
static bool may_begin(struct dfucast_cast *cast, const struct view *view, uint32_t elapsed_ms, uint32_t now)
{
	if (!others_come(cast, view, cast->gathering ? elapsed_ms : 0)) {
		return true;
	}
	if (!cast->gathering) {
		cast->gathering = true;
		cast->gather_end_ms = now + cast->config.gather_ms;
	}
	return cast_reached(now, cast->gather_end_ms);
}

/* Who was checked begins when all were, by the start rule. @return true: they do */
static bool muster(struct dfucast_cast *cast, const struct view *view, uint32_t elapsed_ms, uint32_t now)
{
	if (!cast->open) {
		cast->open = may_begin(cast, view, elapsed_ms, now);
		cast->gathering &= !cast->open;
	}
	for (unsigned int i = 0; i < cast->config.count && cast->open; i++) {
		if (dfucast_cast_phase(cast, i) == DFUCAST_PHASE_CHECKED) {
			cast->config.consumer->activate(cast->config.plan, dfucast_cast_device(cast, i), now);
		}
	}
	return cast->open;
}

void dfucast_cast_stream_run(struct dfucast_cast *cast, uint32_t elapsed_ms, uint32_t now)
{
	struct view view;

	look(cast, &view);
	bool held = cast->streaming && held_back(cast, &view);
	bool charge = held && cast->held; /* only time that began held counts */

	cast->held = held;
	if (charge && let_stragglers_go(cast, elapsed_ms)) {
		look(cast, &view);
	}
	if (view.checked > 0 && muster(cast, &view, elapsed_ms, now)) {
		look(cast, &view);
	}
	if (view.in_pass > 0) {
		return;
	}
	cast->streaming = false;
	if (view.waiting + view.checked == 0) {
		cast->gathering = false; /* the one that began it is gone: the next begins anew */
	} else if (view.waiting > 0 && may_begin(cast, &view, elapsed_ms, now)) {
		begin_pass(cast, &view);
		look(cast, &view); /* joins */
	}
}

bool dfucast_cast_stream_deadline(const struct dfucast_cast *cast, uint32_t *deadline)
{
	bool timed = false;

	if (cast->gathering) {
		*deadline = cast->gather_end_ms;
		timed = true;
	}
	if (cast->streaming && cast_ring_is_full(cast)) {
		/* Somebody may be holding the others back: look again soon. A tenth of the patience is fine enough. */
		uint32_t soon = cast->run_ms + cast->config.straggle_ms / 10u + 1u;

		if (!timed || cast_reached(*deadline, soon)) {
			*deadline = soon;
		}
		timed = true;
	}
	return timed;
}
