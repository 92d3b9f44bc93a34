/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream's bookkeeping: who takes part in the running pass, how far the ring may drop, who holds the others
 * back, when a pass begins and ends. Bytes themselves never pass through here.
 */
#include "cast_internal.h"

/* Devices that want bytes, and the smallest offset that one of them needs next. */
struct group {
	uint32_t lowest;
	unsigned int count;
};

/* What one look over the fleet finds. */
struct view {
	struct group pass;     /* in the pass */
	struct group waiting;  /* not in the pass */
	unsigned int checked;  /* devices that wait until all are checked */
	unsigned int starving; /* in the pass, and have taken all the ring can give */
};

/*
 * What a device wants of the stream. @return false: nothing.
 * In the pass, what it still needs of the ring: a frame once begun is read until it is sent, even when its device has
 * gone back behind the ring meanwhile, or wants no more bytes at all. The tail then stays where it is.
 */
static bool wants(const struct dfucast_cast *cast, const struct cast_seat *seat, struct dfucast_want *want)
{
	bool in_pass = seat->target->flags & CAST_IN_PASS;

	if (seat->phase & CAST_PHASE(TAKING)) {
		cast->config.consumer->want(cast->config.plan, seat->device, want);
	} else if (in_pass && (seat->target->flags & CAST_SENDING)) {
		*want = (struct dfucast_want){.sending = true};
	} else {
		return false;
	}
	if (in_pass && want->sending && want->keep < cast->ring.tail) {
		want->keep = cast->ring.tail;
	}
	return true;
}

/* One look over the fleet: who joins the pass, who leaves it, and what the ring may drop then. Flags that are forgotten are
 * cleared first. */
static void look(struct dfucast_cast *cast, struct view *view, int forgotten)
{
	struct cast_seat seat;

	*view = (struct view){.pass.lowest = UINT32_MAX, .waiting.lowest = UINT32_MAX};
	for (seat.next = 0; dfucast_cast_walk(cast, CAST_ANY_PHASE, &seat);) {
		int flags = seat.target->flags & ~forgotten;
		struct dfucast_want want;

		view->checked += (seat.phase & CAST_PHASE(CHECKED)) != 0;
		if (!wants(cast, &seat, &want)) {
			seat.target->flags = (uint8_t)(flags & ~CAST_IN_PASS);
			continue;
		}
		if (want.keep < cast->ring.tail) {
			/* It lost what it had (a reboot, another client): the ring cannot help, the next pass can. */
			flags &= ~CAST_IN_PASS;
		} else if (cast->streaming && !(flags & (CAST_IN_PASS | CAST_LET_GO))) {
			flags |= CAST_IN_PASS;
			seat.target->blocked_ms = 0;
		}
		if (want.patient) {
			flags |= CAST_ERASING;
		} else if (flags & CAST_ERASING) {
			flags &= ~CAST_ERASING;
			seat.target->blocked_ms = 0; /* its erase is no slowness */
		}
		seat.target->flags = (uint8_t)flags;
		struct group *group = &view->pass;

		if (flags & CAST_IN_PASS) {
			view->starving += want.offset >= cast->ring.head;
		} else if (cast->passes == 0 || !want.patient) {
			group = &view->waiting;
		} else {
			continue; /* later on, who is still being asked may hold more than it seems: a resume */
		}
		group->count++;
		if (want.keep < group->lowest) {
			group->lowest = want.keep;
		}
	}
	if (view->pass.count > 0 && view->pass.lowest > cast->ring.tail) {
		dfucast_ring_move(&cast->ring, view->pass.lowest);
	}
}

/* The ring is full, others have eaten all of it, and somebody still sits on its tail. */
static bool held_back(const struct dfucast_cast *cast, const struct view *view)
{
	return view->starving > 0 && view->starving < view->pass.count && dfucast_cast_ring_is_full(cast) &&
	       /* A slow majority is not a straggler: going at its pace costs less than a pass for it. */
	       2u * view->starving + 1u >= view->pass.count;
}

/* Charges a device for time that others waited for it. @return true: it has used up its patience. */
static bool charge(struct dfucast_cast_target *target, uint32_t elapsed_ms, uint32_t patience_ms)
{
	uint32_t blocked = target->blocked_ms + elapsed_ms;

	target->blocked_ms = (uint16_t)(blocked > UINT16_MAX ? UINT16_MAX : blocked);
	return blocked >= patience_ms;
}

/* Charges those at the tail for the time they made others wait; lets go whoever used up its patience. */
static bool let_stragglers_go(struct dfucast_cast *cast, uint32_t elapsed_ms)
{
	struct cast_seat seat;
	bool changed = false;

	for (seat.next = 0; dfucast_cast_walk(cast, CAST_ANY_PHASE, &seat);) {
		struct dfucast_want want;

		if (!(seat.target->flags & CAST_IN_PASS) || !wants(cast, &seat, &want) ||
		    want.keep != cast->ring.tail ||
		    !charge(seat.target, elapsed_ms,
			    want.patient ? cast->config.erase_ms : cast->config.straggle_ms)) {
			continue;
		}
		seat.target->flags |= CAST_LET_GO;
		if (want.sending) {
			/* Its frame still reads the ring, which must not drop those bytes before the link is closed. */
			seat.target->flags |= CAST_CUT;
		} else {
			seat.target->flags = (uint8_t)(seat.target->flags & ~CAST_IN_PASS);
			changed = true;
		}
	}
	return changed;
}

/* The source cannot go back: tells those who hold less than it can still give. */
static void leave_behind(struct dfucast_cast *cast)
{
	struct cast_seat seat;

	for (seat.next = 0; dfucast_cast_walk(cast, CAST_PHASE(TAKING), &seat);) {
		struct dfucast_want want;

		cast->config.consumer->want(cast->config.plan, seat.device, &want);
		if (!want.patient && want.keep < cast->ring.tail) {
			cast->config.consumer->stop(cast->config.plan, seat.device, DFUCAST_ERR_BEHIND);
		}
	}
}

/* Nobody is left in the pass. Begin the next where the lowest waiting device is, or tell them they are behind. */
static void begin_pass(struct dfucast_cast *cast, const struct view *view)
{
	if (cast->passes == 0 || view->waiting.lowest < cast->ring.tail) {
		if (cast->passes > 0 && (!cast->config.rewinds || cast->passes == cast->config.passes_max)) {
			leave_behind(cast);
			return;
		}
		cast->passes++;
	}
	/* Back; or on, when all hold more than was streamed: a resume. */
	dfucast_ring_move(&cast->ring, view->waiting.lowest);
	cast->streaming = true;
	cast->gathering = false;
}

/* Keep their links for longer than a pass may wait. */
#define BUSY (CAST_PHASE(PREPARING) | CAST_PHASE(CHECKED) | CAST_PHASE(TAKING) | CAST_PHASE(ACTIVATING))

/*
 * Is anybody about to want bytes that the next pass would have passed by? Each is waited for gather_ms altogether,
 * until it takes part in a pass: a silent device holds nobody back for longer.
 */
static bool others_come(struct dfucast_cast *cast, const struct view *view, uint32_t elapsed_ms)
{
	unsigned int phases = 0; /* that at least one device is in */
	unsigned int busy = 0;
	unsigned int come = 0;
	struct cast_seat seat;

	for (seat.next = 0; dfucast_cast_walk(cast, CAST_ANY_PHASE, &seat);) {
		bool comes = seat.phase & CAST_PHASE(PREPARING);

		phases |= seat.phase;
		busy += (seat.phase & BUSY) != 0;
		if (seat.phase & CAST_PHASE(TAKING)) {
			struct dfucast_want want;

			cast->config.consumer->want(cast->config.plan, seat.device, &want);
			comes = want.patient && want.keep < view->waiting.lowest;
		}
		if (comes) {
			come += !charge(seat.target, elapsed_ms, cast->config.gather_ms);
		}
	}
	/* The other links are about to be free, and the next wave's. */
	return come > 0 || ((phases & CAST_PHASE(IDLE)) && busy < cast->config.links_max);
}

/* The start rule: when every device has joined, ended, or the gather time is over. */
static bool may_begin(struct dfucast_cast *cast, const struct view *view, uint32_t now)
{
	if (!others_come(cast, view, cast->gathering ? now - cast->run_ms : 0)) {
		return true;
	}
	if (!cast->gathering) {
		cast->gathering = true;
		cast->gather_end_ms = now + cast->config.gather_ms;
	}
	return cast_reached(now, cast->gather_end_ms);
}

/* Who was checked begins when all were, by the start rule. @return true: they do */
static bool muster(struct dfucast_cast *cast, const struct view *view, uint32_t now)
{
	struct cast_seat seat;

	if (!cast->open) {
		if (!may_begin(cast, view, now)) {
			return false;
		}
		cast->open = true;
		cast->gathering = false;
	}
	for (seat.next = 0; dfucast_cast_walk(cast, CAST_PHASE(CHECKED), &seat);) {
		cast->config.consumer->activate(cast->config.plan, seat.device, now);
	}
	return true;
}

void dfucast_cast_stream_run(struct dfucast_cast *cast, uint32_t now)
{
	struct view view;

	look(cast, &view, 0);
	bool held = cast->streaming && held_back(cast, &view);
	bool counts = held && cast->held; /* only time that began held counts */

	cast->held = held;
	if (counts && let_stragglers_go(cast, now - cast->run_ms)) {
		look(cast, &view, 0);
	}
	if (view.checked > 0 && muster(cast, &view, now)) {
		look(cast, &view, 0);
	}
	if (view.pass.count > 0) {
		return;
	}
	cast->streaming = false;
	if (view.waiting.count + view.checked == 0) {
		cast->gathering = false; /* the one that began it is gone: the next begins anew */
	} else if (view.waiting.count > 0 && may_begin(cast, &view, now)) {
		begin_pass(cast, &view);
		look(cast, &view, CAST_LET_GO); /* joins, whoever was let go too */
	}
}
