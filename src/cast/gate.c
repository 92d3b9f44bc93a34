/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may be activated, and when. MCUboot reverts only at a reset: a valid image whose radio is dead would take
 * every device with it. So a few go first (canary), the rest wait verified, and after max_failed bad ends
 * nobody else is activated.
 */
#include "cast_internal.h"

struct tally {
	unsigned int phases;  /* that at least one device is in */
	unsigned int missed;  /* ended without ever being verified in this run, and needed something */
	unsigned int coming;  /* may still become verified */
	unsigned int running; /* activations under way, one that sends its image once more too */
};

/* Past the gate: each device is counted once. */
static void count_activation(struct dfucast_cast *cast, struct dfucast_cast_target *target)
{
	if (!(target->flags & CAST_ACTIVATED)) {
		target->flags |= CAST_ACTIVATED;
		cast->activated++;
	}
}

/* A device has ended: how did its activation? */
static void count_end(struct dfucast_cast *cast, const struct cast_seat *seat, struct tally *tally)
{
	struct dfucast_status status;

	cast->config.consumer->status(cast->config.plan, seat->device, &status);
	bool done = status.state == DFUCAST_STATE_DONE;

	if (!(seat->target->flags & CAST_ACTIVATED)) {
		tally->missed += !done;
	} else if (done) {
		cast->succeeded++;
	} else {
		cast->failed++;
	}
}

static void survey(struct dfucast_cast *cast, struct tally *tally)
{
	struct cast_seat seat;

	cast->succeeded = 0;
	cast->failed = 0;
	for (seat.next = 0; dfucast_cast_walk(cast, CAST_ANY_PHASE, &seat);) {
		tally->phases |= seat.phase;
		if (seat.phase & CAST_PHASE(ENDED)) {
			count_end(cast, &seat, tally);
		} else if (!(seat.phase & CAST_PHASE(VERIFIED))) {
			if (seat.phase & CAST_PHASE(ACTIVATING)) {
				/* Not always activated from here: it may have been found on trial of this image. */
				count_activation(cast, seat.target);
			} else {
				tally->coming++;
			}
			/* Sent once more after an activation that the bootloader refused: it is no proof yet, and nobody
			 * takes its place meanwhile. */
			tally->running += (seat.target->flags & CAST_ACTIVATED) != 0;
		}
	}
}

/*
 * One more, given what has been proven so far and how many are under way? Beyond the canary nobody is activated while a
 * wave is still to come: a swap holds a link for half a minute in which it carries nothing, and waves that lack
 * links are more waves, each of which fetches the image once more.
 */
static bool may_activate(const struct dfucast_cast *cast, const struct tally *tally)
{
	unsigned int canary = cast->config.count > 1 ? cast->config.canary : 0;

	if (cast->succeeded >= canary) {
		return !(tally->phases & CAST_PHASE(IDLE));
	}
	return cast->succeeded + tally->running < canary;
}

void dfucast_cast_gate_run(struct dfucast_cast *cast, uint32_t now)
{
	struct tally tally = {0};

	survey(cast, &tally);
	if (!(tally.phases & CAST_PHASE(VERIFIED))) {
		return;
	}
	if (cast->failed >= cast->config.max_failed) {
		dfucast_cast_stop_phases(cast, CAST_PHASE(VERIFIED), DFUCAST_ERR_HELD_MAX_FAILED);
		return;
	}
	if (!cast->image_verified || cast->commanded) {
		return;
	}
	unsigned int able =
	    cast->config.count - tally.missed; /* have been verified in this run, or may still be */

	if (able - tally.coming < cast->config.barrier) {
		if (able < cast->config.barrier) {
			dfucast_cast_stop_phases(
			    cast, CAST_PHASE(VERIFIED),
			    DFUCAST_ERR_HELD_BARRIER); /* it cannot be reached any more */
		}
		return;
	}
	unsigned int held = dfucast_cast_slots_held(cast);

	struct cast_seat seat;

	for (seat.next = 0;
	     may_activate(cast, &tally) && dfucast_cast_walk(cast, CAST_PHASE(VERIFIED), &seat);) {
		if ((seat.target->flags & CAST_PARKED) && seat.target->link == CAST_LINK_DOWN) {
			if (held >= cast->config.links_max) {
				continue; /* it lent its link: until one is free it waits on */
			}
			held++;
		}
		seat.target->flags = (uint8_t)(seat.target->flags & ~CAST_PARKED);
		count_activation(cast, seat.target);
		tally.running++;
		cast->config.consumer->activate(cast->config.plan, seat.device, now);
	}
}
