/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image list means: before the update (may this device be touched, what does it hold already), before the
 * reset (is exactly our image pending), and after it (which of the ends is it).
 */
#include "update_internal.h"
#include <string.h>

struct view {
	const struct dfucast_smp_slot
	    *active;                          /* slot of the plan's image number that runs; NULL: none told */
	const struct dfucast_smp_slot *other; /* the other slot of that image; NULL: nothing listed there */
	bool active_is_ours;
	bool other_is_ours;
	bool foreign_pending; /* something that is not the plan's image starts at the next reset */
	bool ours_pending;
	bool is_recovery; /* the bootloader answered */
};

static bool is_ours(const struct dfucast_update_plan *plan, const struct dfucast_smp_slot *slot)
{
	return slot != NULL && slot->hash != NULL && slot->hash_bytes == plan->hash_bytes &&
	       memcmp(slot->hash, plan->hash, plan->hash_bytes) == 0;
}

/*
 * In MCUboot's serial recovery nothing runs: no version of it calls a slot active, and none sends splitStatus.
 * Zephyr sends splitStatus, except with frugal lists; those name the active slot. (`rc` says nothing: recovery sends
 * it beside everything but lists, old servers beside all.)
 */
static void look(const struct dfucast_update_plan *plan, const struct dfucast_smp_image_list *list,
		 struct view *view)
{
	memset(view, 0, sizeof(*view));
	view->is_recovery = !list->has_split_status;
	for (unsigned int i = 0; i < list->count; i++) {
		const struct dfucast_smp_slot *slot = &list->slots[i];
		bool same_image = slot->image == plan->image;
		bool is_active = slot->flags & DFUCAST_SMP_SLOT_ACTIVE;

		if (is_active) {
			view->is_recovery = false;
		}
		if (slot->flags & DFUCAST_SMP_SLOT_PENDING) {
			if (same_image && is_ours(plan, slot)) {
				view->ours_pending = true;
			} else {
				view->foreign_pending = true;
			}
		}
		if (!same_image) {
			continue;
		}
		if (is_active && view->active == NULL) {
			view->active = slot;
		} else {
			view->other = slot;
		}
	}
	view->active_is_ours = is_ours(plan, view->active);
	view->other_is_ours = is_ours(plan, view->other);
}

static void leave_recovery(struct dfucast_update *u)
{
	if (++u->recoveries > UPDATE_RECOVERIES_MAX) {
		dfucast_update_fail(u, DFUCAST_ERR_SERIAL_RECOVERY);
		return;
	}
	if (u->state == DFUCAST_UPDATE_INSPECT) {
		u->resume = DFUCAST_UPDATE_PARAMS;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_RECOVERY);
}

/* What ran before this update, from the first list. */
static void remember_before(struct dfucast_update *u, const struct dfucast_smp_slot *slot)
{
	if (!update_has(u, UPDATE_HAS_BEFORE) &&
	    dfucast_version_parse(&u->before, slot->version.text, slot->version.length)) {
		update_set(u, UPDATE_HAS_BEFORE);
	}
}

/* What runs now: the plan's image, or the same as before. */
static void remember_after(struct dfucast_update *u, const struct view *view)
{
	struct dfucast_version version;

	update_clear(u, UPDATE_HAS_AFTER | UPDATE_RUNS_OURS);
	if (view->active_is_ours) {
		update_set(u, UPDATE_HAS_AFTER | UPDATE_RUNS_OURS);
	} else if (view->active != NULL && update_has(u, UPDATE_HAS_BEFORE) &&
		   dfucast_version_parse(&version, view->active->version.text,
					 view->active->version.length) &&
		   dfucast_version_compare(&version, &u->before, true) == 0) {
		update_set(u, UPDATE_HAS_AFTER);
	}
}

static void done(struct dfucast_update *u, enum dfucast_holds holds)
{
	u->holds = (uint8_t)holds;
	dfucast_update_end(u, DFUCAST_STATE_DONE, DFUCAST_ERR_OK);
}

/* Our image runs, unconfirmed. */
static void on_trial(const struct dfucast_update_plan *plan, struct dfucast_update *u, uint32_t now)
{
	u->holds = DFUCAST_HOLDS_TRIAL;
	if (plan->mode == DFUCAST_MODE_TEST || plan->mode == DFUCAST_MODE_UPLOAD) {
		done(u, DFUCAST_HOLDS_TRIAL);
	} else if (plan->soak_ms != 0 && !update_has(u, UPDATE_SOAKED)) {
		dfucast_update_enter(u, DFUCAST_UPDATE_SOAK);
		dfucast_update_arm(u, plan->soak_ms, now);
	} else {
		dfucast_update_enter(u, DFUCAST_UPDATE_CONFIRM);
	}
}

static void inspect(const struct dfucast_update_plan *plan, struct dfucast_update *u, const struct view *view,
		    uint32_t now)
{
	if (view->is_recovery && update_has(u, UPDATE_MODE_UNKNOWN)) { /* it knows no bootloader info */
		leave_recovery(u);
		return;
	}
	if (view->active == NULL) {
		dfucast_update_fail(u,
				    DFUCAST_ERR_NOT_LISTED); /* which slot runs is not known: touch nothing */
		return;
	}
	remember_before(u, view->active);
	bool confirmed = view->active->flags & DFUCAST_SMP_SLOT_CONFIRMED;

	if (view->foreign_pending && !(plan->replace_pending && !view->active_is_ours)) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_PENDING);
		return;
	}
	if (view->active_is_ours) {
		if (u->attempts == 0) {
			update_set(u, UPDATE_SKIPPED);
		}
		remember_after(u, view);
		if (confirmed) {
			done(u, DFUCAST_HOLDS_IMAGE);
		} else {
			on_trial(plan, u, now);
		}
		return;
	}
	if (!confirmed) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_TRIAL);
		return;
	}
	if (update_has(u, UPDATE_HAS_BEFORE) && !plan->allow_downgrade &&
	    dfucast_version_compare(&plan->version, &u->before, true) < 0) {
		dfucast_update_end(u, DFUCAST_STATE_SKIPPED, DFUCAST_ERR_DOWNGRADE);
		return;
	}
	if (plan->fresh) {
		if (u->attempts == 0) {
			update_set(u,
				   UPDATE_FRESH); /* once: a broken link must not erase what this run sent */
		}
	}
	if (view->other_is_ours && !update_has(u, UPDATE_FRESH)) {
		bool permanent = view->other->flags & DFUCAST_SMP_SLOT_PERMANENT;

		if (permanent && plan->mode != DFUCAST_MODE_CONFIRM) {
			/* Somebody armed it without a way back: that was not this plan's choice. */
			dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_PENDING);
			return;
		}
		if (u->attempts == 0) {
			update_set(u, UPDATE_SKIPPED);
		}
		u->holds = view->ours_pending ? DFUCAST_HOLDS_PENDING : DFUCAST_HOLDS_STAGED;
		u->acked = plan->image_bytes;
		dfucast_update_enter(u, DFUCAST_UPDATE_VERIFY);
		return;
	}
	dfucast_update_upload_begin(plan, u, DFUCAST_ERR_NO_PROGRESS);
}

static void check_verify(const struct dfucast_update_plan *plan, struct dfucast_update *u,
			 const struct view *view)
{
	if (!view->other_is_ours) {
		/* A lost session, or something else in the slot. */
		dfucast_update_upload_afresh(u, DFUCAST_ERR_NOT_LISTED);
		return;
	}
	u->acked = plan->image_bytes;
	u->holds = view->ours_pending ? DFUCAST_HOLDS_PENDING : DFUCAST_HOLDS_STAGED;
	if (plan->mode == DFUCAST_MODE_UPLOAD) {
		done(u, (enum dfucast_holds)u->holds);
		return;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_READY);
}

/* It runs something else than the plan's image. */
static void not_running(struct dfucast_update *u, const struct view *view)
{
	if (view->ours_pending && !view->foreign_pending) {
		if (++u->resets > UPDATE_RESETS_MAX) {
			dfucast_update_fail(u, DFUCAST_ERR_STATE_CHANGED);
			return;
		}
		u->holds = DFUCAST_HOLDS_PENDING;
		dfucast_update_enter(u, DFUCAST_UPDATE_RESET); /* the request to reset was lost */
		return;
	}
	u->holds = DFUCAST_HOLDS_AS_BEFORE;
	if (view->other != NULL) {
		dfucast_update_end(u, DFUCAST_STATE_REVERTED, DFUCAST_ERR_REVERTED);
	} else if (update_has(u, UPDATE_SKIPPED)) {
		/* What it held was not sent in this run: send it all, once. */
		dfucast_update_upload_afresh(u, DFUCAST_ERR_REJECTED);
	} else {
		dfucast_update_end(u, DFUCAST_STATE_REJECTED, DFUCAST_ERR_REJECTED);
	}
}

static void check_return(const struct dfucast_update_plan *plan, struct dfucast_update *u,
			 const struct view *view, uint32_t now)
{
	if (view->is_recovery) {
		u->resume = DFUCAST_UPDATE_RETURN;
		leave_recovery(u);
		return;
	}
	remember_after(u, view);
	if (!view->active_is_ours) {
		not_running(u, view);
		return;
	}
	if (view->active->flags & DFUCAST_SMP_SLOT_CONFIRMED) {
		done(u, DFUCAST_HOLDS_IMAGE);
	} else if (u->state == DFUCAST_UPDATE_FINAL) {
		dfucast_update_fail(u, DFUCAST_ERR_NOT_CONFIRMED);
		u->holds = DFUCAST_HOLDS_TRIAL;
	} else if (plan->mode == DFUCAST_MODE_CONFIRM && !update_has(u, UPDATE_SOAKED)) {
		/* It was made permanent before the reset and is not: confirm what runs. */
		dfucast_update_enter(u, DFUCAST_UPDATE_CONFIRM);
	} else {
		on_trial(plan, u, now);
	}
}

static void check_pending(const struct dfucast_update_plan *plan, struct dfucast_update *u,
			  const struct view *view, uint32_t now)
{
	if (view->active_is_ours) {
		check_return(plan, u, view, now); /* it reset by itself meanwhile */
		return;
	}
	if (!view->ours_pending || view->foreign_pending) {
		dfucast_update_fail(u, DFUCAST_ERR_STATE_CHANGED);
		return;
	}
	u->holds = DFUCAST_HOLDS_PENDING;
	if (plan->no_reset) {
		done(u, DFUCAST_HOLDS_PENDING);
		return;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_RESET);
}

void dfucast_update_judge(const struct dfucast_update_plan *plan, struct dfucast_update *u,
			  const struct dfucast_smp_image_list *list, uint32_t now)
{
	struct view view;

	look(plan, list, &view);
	switch (u->state) {
	case DFUCAST_UPDATE_INSPECT:
		inspect(plan, u, &view, now);
		break;
	case DFUCAST_UPDATE_VERIFY:
		check_verify(plan, u, &view);
		break;
	case DFUCAST_UPDATE_PRECHECK:
		check_pending(plan, u, &view, now);
		break;
	default: /* RETURN, FINAL */
		check_return(plan, u, &view, now);
		break;
	}
}
