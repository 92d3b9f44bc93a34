/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may be activated, and when. MCUboot reverts only at a reset: a valid image whose radio is dead would take
 * every device with it. So a few go first (canary), the rest wait verified, and after max_failed bad ends
 * nobody else is activated.
 */
#include "cast_internal.h"

struct tally {
	unsigned int verified; /* wait for activation now */
	unsigned int passed;   /* have been verified in this run, or needed nothing */
	unsigned int coming;   /* may still become verified */
	unsigned int idle;     /* of these: wait for a link, the next wave */
	unsigned int running;  /* activations under way, one that sends its image once more too */
};

/* Past the gate: each device is counted once. */
static void count_activation(struct dfucast_cast *cast, struct dfucast_cast_target *target)
{
	if (!(target->flags & CAST_ACTIVATED)) {
		target->flags |= CAST_ACTIVATED;
		cast->activated++;
	}
}

/* A device has ended: counts the end of its activation, once. @return whether it counts as passed. */
static bool count_end(struct dfucast_cast *cast, unsigned int index)
{
	struct dfucast_cast_target *target = &cast->config.targets[index];
	struct dfucast_status status;

	dfucast_cast_status(cast, (uint16_t)index, &status);
	bool done = status.state == DFUCAST_STATE_DONE;

	if (!(target->flags & CAST_ACTIVATED)) {
		return done;
	}
	if (!(target->flags & CAST_COUNTED)) {
		target->flags |= CAST_COUNTED;
		if (done) {
			cast->succeeded++;
		} else {
			cast->failed++;
		}
	}
	return true;
}

static void survey(struct dfucast_cast *cast, struct tally *tally)
{
	for (unsigned int i = 0; i < cast->config.count; i++) {
		switch (dfucast_cast_phase(cast, i)) {
		case DFUCAST_PHASE_VERIFIED:
			tally->verified++;
			tally->passed++;
			break;
		case DFUCAST_PHASE_ACTIVATING:
			/* Not always activated from here: it may have been found on trial of this image. */
			count_activation(cast, &cast->config.targets[i]);
			tally->running++;
			tally->passed++;
			break;
		case DFUCAST_PHASE_ENDED:
			tally->passed += count_end(cast, i);
			break;
		case DFUCAST_PHASE_IDLE:
			tally->idle++;
			tally->coming++;
			break;
		default:
			tally->coming++;
			/* Sent once more after an activation that the bootloader refused: it is no proof yet, and nobody
			 * takes its place meanwhile. */
			tally->running += (cast->config.targets[i].flags & CAST_ACTIVATED) != 0;
			break;
		}
	}
}

static void hold_all(struct dfucast_cast *cast, enum dfucast_err why)
{
	for (unsigned int i = 0; i < cast->config.count; i++) {
		if (dfucast_cast_phase(cast, i) == DFUCAST_PHASE_VERIFIED) {
			dfucast_cast_stop_device(cast, i, why);
		}
	}
}

/*
 * How many may be under way at once, given what has been proven so far. Beyond the canary nobody is activated while a
 * wave is still to come: a swap holds a link for half a minute in which it carries nothing, and waves that lack
 * links are more waves, each of which fetches the image once more.
 */
static uint32_t allowance(const struct dfucast_cast *cast, const struct tally *tally)
{
	unsigned int canary = cast->config.count > 1 ? cast->config.canary : 0;

	if (cast->succeeded >= canary) {
		return tally->idle > 0 ? 0 : UINT32_MAX;
	}
	return canary - cast->succeeded;
}

void dfucast_cast_gate_run(struct dfucast_cast *cast, uint32_t now)
{
	struct tally tally = {0};

	survey(cast, &tally);
	if (tally.verified == 0) {
		return;
	}
	if (cast->failed >= cast->config.max_failed) {
		hold_all(cast, DFUCAST_ERR_HELD_MAX_FAILED);
		return;
	}
	if (!cast->image_verified || cast->commanded) {
		return;
	}
	if (tally.passed < cast->config.barrier) {
		if (tally.passed + tally.coming < cast->config.barrier) {
			hold_all(cast, DFUCAST_ERR_HELD_BARRIER); /* it cannot be reached any more */
		}
		return;
	}
	uint32_t allowed = allowance(cast, &tally);
	unsigned int held = dfucast_cast_slots_held(cast);

	for (unsigned int i = 0; i < cast->config.count && tally.running < allowed; i++) {
		struct dfucast_cast_target *target = &cast->config.targets[i];

		if (dfucast_cast_phase(cast, i) != DFUCAST_PHASE_VERIFIED) {
			continue;
		}
		if ((target->flags & CAST_PARKED) && target->link == CAST_LINK_DOWN) {
			if (held >= cast->config.links_max) {
				continue; /* it lent its link: until one is free it waits on */
			}
			held++;
		}
		target->flags = (uint8_t)(target->flags & ~CAST_PARKED);
		count_activation(cast, target);
		tally.running++;
		cast->config.consumer->activate(cast->config.plan, dfucast_cast_device(cast, i), now);
	}
}
