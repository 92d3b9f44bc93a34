/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may be activated, and when. MCUboot reverts only at a reset: a valid image whose radio is dead would take
 * every device with it. So a few go first (canary), the rest wait verified, and after max_failed bad ends
 * nobody else is activated.
 */
#include "cast_internal.h"

struct tally {
	uint16_t verified; /* wait for activation now */
	uint16_t passed;   /* have been verified in this run, or needed nothing */
	uint16_t coming;   /* may still become verified */
	uint16_t running;  /* activations under way */
};

/* Counts each device's activation and its end exactly once, wherever it happened. */
static void account(struct dfucast_cast *cast, uint16_t index, enum dfucast_phase phase)
{
	struct dfucast_cast_target *target = &cast->config.targets[index];

	if (phase == DFUCAST_PHASE_ACTIVATING && !(target->flags & CAST_ACTIVATED)) {
		target->flags |=
		    CAST_ACTIVATED; /* found on trial of this image: it is past the gate already */
		cast->activated++;
	}
	if (phase == DFUCAST_PHASE_ENDED && (target->flags & CAST_ACTIVATED) &&
	    !(target->flags & CAST_COUNTED)) {
		struct dfucast_status status;

		target->flags |= CAST_COUNTED;
		dfucast_cast_status(cast, index, &status);
		if (status.state == DFUCAST_STATE_DONE) {
			cast->succeeded++;
		} else {
			cast->failed++;
		}
	}
}

static void survey(struct dfucast_cast *cast, struct tally *tally)
{
	for (uint16_t i = 0; i < cast->config.count; i++) {
		enum dfucast_phase phase = cast_phase(cast, i);

		account(cast, i, phase);
		switch (phase) {
		case DFUCAST_PHASE_VERIFIED:
			tally->verified++;
			tally->passed++;
			break;
		case DFUCAST_PHASE_ACTIVATING:
			tally->running++;
			tally->passed++;
			break;
		case DFUCAST_PHASE_ENDED: {
			struct dfucast_status status;

			dfucast_cast_status(cast, i, &status);
			if (status.state == DFUCAST_STATE_DONE ||
			    (cast->config.targets[i].flags & CAST_ACTIVATED)) {
				tally->passed++;
			}
			break;
		}
		default:
			tally->coming++;
			break;
		}
	}
}

static void hold_all(struct dfucast_cast *cast, enum dfucast_err why)
{
	for (uint16_t i = 0; i < cast->config.count; i++) {
		if (cast_phase(cast, i) == DFUCAST_PHASE_VERIFIED) {
			cast_stop_device(cast, i, why);
		}
	}
}

/* How many may be under way at once, given what has been proven so far. */
static uint32_t allowance(const struct dfucast_cast *cast)
{
	uint16_t canary = cast->config.count > 1 ? cast->config.canary : 0;

	if (cast->succeeded >= canary) {
		return UINT32_MAX;
	}
	return (uint32_t)(canary - cast->succeeded);
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
	if (!cast->image_verified) {
		return;
	}
	if (tally.passed < cast->config.barrier) {
		if ((uint32_t)tally.passed + tally.coming < cast->config.barrier) {
			hold_all(cast, DFUCAST_ERR_HELD_BARRIER); /* it cannot be reached any more */
		}
		return;
	}
	uint32_t allowed = allowance(cast);
	uint16_t held = dfucast_cast_slots_held(cast);

	for (uint16_t i = 0; i < cast->config.count && tally.running < allowed; i++) {
		struct dfucast_cast_target *target = &cast->config.targets[i];

		if (cast_phase(cast, i) != DFUCAST_PHASE_VERIFIED) {
			continue;
		}
		if ((target->flags & CAST_PARKED) && target->link == CAST_LINK_DOWN) {
			if (held >= cast->config.links_max) {
				continue; /* it lent its link: until one is free it waits on */
			}
			held++;
		}
		target->flags = (uint8_t)((target->flags | CAST_ACTIVATED) & ~CAST_PARKED);
		cast->activated++;
		tally.running++;
		cast->config.consumer->activate(cast->config.plan, cast_device(cast, i), now);
	}
}
