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
	bool foreign_trial;   /* another image number runs unconfirmed: a reset would revert it */
	bool armed;           /* the plan's image is pending with no way back */
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
				view->armed = slot->flags & DFUCAST_SMP_SLOT_PERMANENT;
			} else {
				view->foreign_pending = true;
			}
		}
		if (!same_image) {
			if (is_active && !(slot->flags & DFUCAST_SMP_SLOT_CONFIRMED)) {
				view->foreign_trial = true;
			}
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

static void leave_recovery(const struct dfucast_update_plan *plan, struct dfucast_update *u)
{
	if (plan->dry_run || ++u->recoveries > UPDATE_RECOVERIES_MAX) {
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

/* Confirming what runs, without a hash, means image 0 and no other. */
static void confirm(const struct dfucast_update_plan *plan, struct dfucast_update *u)
{
	if (plan->image == 0 && plan->dry_run) {
		done(u, DFUCAST_HOLDS_TRIAL);
	} else if (plan->image == 0) {
		dfucast_update_enter(u, DFUCAST_UPDATE_CONFIRM);
	} else {
		dfucast_update_fail(u, DFUCAST_ERR_NOT_CONFIRMED);
	}
}

/* Our image runs, unconfirmed. */
static void on_trial(const struct dfucast_update_plan *plan, struct dfucast_update *u, uint32_t now)
{
	u->holds = DFUCAST_HOLDS_TRIAL;
	if (plan->mode == DFUCAST_MODE_TEST || plan->mode == DFUCAST_MODE_UPLOAD) {
		done(u, DFUCAST_HOLDS_TRIAL);
	} else if (plan->soak_ms != 0 && !plan->dry_run && !update_has(u, UPDATE_SOAKED)) {
		dfucast_update_enter(u, DFUCAST_UPDATE_SOAK);
		dfucast_update_arm(u, plan->soak_ms, now);
	} else {
		confirm(plan, u);
	}
}

void dfucast_update_begin_work(const struct dfucast_update_plan *plan, struct dfucast_update *u, bool open)
{
	if (plan->matcher != NULL && !plan->matcher->may_begin(plan, u, open)) {
		return;
	}
	if (plan->dry_run) {
		if (u->acked == 0 && u->frame_max < dfucast_update_first_bytes(plan)) {
			dfucast_update_fail(u, DFUCAST_ERR_BUFFER_TOO_SMALL);
		} else {
			done(u, (enum dfucast_holds)u->holds);
		}
	} else if (u->acked == plan->image_bytes) {
		dfucast_update_enter(u, DFUCAST_UPDATE_VERIFY);
	} else {
		dfucast_update_upload_begin(plan, u, DFUCAST_ERR_NO_PROGRESS);
	}
}

static void inspect(const struct dfucast_update_plan *plan, struct dfucast_update *u, const struct view *view,
		    uint32_t now)
{
	if (view->is_recovery && update_has(u, UPDATE_MODE_UNKNOWN)) { /* it knows no bootloader info */
		if (view->foreign_pending || view->ours_pending) {
			/* The reset that would free it would also start an image. */
			dfucast_update_fail(u, view->foreign_pending ? DFUCAST_ERR_FOREIGN_PENDING
								     : DFUCAST_ERR_SERIAL_RECOVERY);
			return;
		}
		leave_recovery(plan, u);
		return;
	}
	if (view->active == NULL) {
		dfucast_update_fail(u,
				    DFUCAST_ERR_NOT_LISTED); /* which slot runs is not known: touch nothing */
		return;
	}
	if (plan->matcher != NULL && !plan->matcher->is_meant(plan, u, view->active, view->active_is_ours)) {
		return;
	}
	remember_before(u, view->active);
	bool confirmed = view->active->flags & DFUCAST_SMP_SLOT_CONFIRMED;

	if (view->foreign_pending && !(plan->replace_pending && !view->active_is_ours)) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_PENDING);
		return;
	}
	if (view->foreign_trial) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_TRIAL);
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
	if (!plan->allow_downgrade &&
	    (!update_has(u, UPDATE_HAS_BEFORE) /* cannot be read: no proof either */ ||
	     dfucast_version_compare(&plan->version, &u->before, true) < (plan->upgrade_only ? 1 : 0))) {
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
		if (view->armed && plan->mode != DFUCAST_MODE_CONFIRM) {
			/* Somebody armed it without a way back: that was not this plan's choice. */
			dfucast_update_fail(u, DFUCAST_ERR_ARMED);
			return;
		}
		if (u->attempts == 0) {
			update_set(u, UPDATE_SKIPPED);
		}
		u->holds = view->ours_pending ? DFUCAST_HOLDS_PENDING : DFUCAST_HOLDS_STAGED;
		u->acked = plan->image_bytes;
	} else {
		u->acked = 0;
	}
	dfucast_update_begin_work(plan, u, false);
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

/* The next reset starts exactly the plan's image, in the plan's way, and costs nobody else anything. */
static bool may_reset(const struct dfucast_update_plan *plan, const struct view *view)
{
	return view->ours_pending && !view->foreign_pending && !view->foreign_trial &&
	       (!view->armed || plan->mode == DFUCAST_MODE_CONFIRM);
}

/* The same list once more after a pause, until the device's time to return is over. */
static void ask_again(struct dfucast_update *u, enum dfucast_err err, uint32_t now)
{
	if ((int32_t)(now - u->limit_ms) >= 0) {
		dfucast_update_fail(u, err);
	} else {
		dfucast_update_arm(u, UPDATE_PROBE_MS, now);
	}
}

/* It runs something else than the plan's image. */
static void not_running(const struct dfucast_update_plan *plan, struct dfucast_update *u,
			const struct view *view, uint32_t now)
{
	if (view->active == NULL) {
		/* It does not say what runs: no end can be told from that. */
		ask_again(u, DFUCAST_ERR_NOT_LISTED, now);
		return;
	}
	if (view->ours_pending) {
		u->holds = DFUCAST_HOLDS_PENDING;
		if (update_has(u, UPDATE_WILL_RESET)) {
			ask_again(u, DFUCAST_ERR_STATE_CHANGED, now); /* it said so, and takes its time */
		} else if (++u->resets > UPDATE_RESETS_MAX || !may_reset(plan, view)) {
			dfucast_update_fail(u, DFUCAST_ERR_STATE_CHANGED);
		} else {
			dfucast_update_enter(u, DFUCAST_UPDATE_RESET); /* the request to reset was lost */
		}
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
	/* An empty list says too little to reset a device for: ask again. */
	if (view->is_recovery && view->other != NULL && !view->foreign_pending) {
		u->resume = DFUCAST_UPDATE_RETURN;
		leave_recovery(plan, u);
		return;
	}
	remember_after(u, view);
	if (!view->active_is_ours) {
		not_running(plan, u, view, now);
		return;
	}
	if (view->active->flags & DFUCAST_SMP_SLOT_CONFIRMED) {
		done(u, DFUCAST_HOLDS_IMAGE);
	} else if (u->state == DFUCAST_UPDATE_FINAL) {
		dfucast_update_fail(u, DFUCAST_ERR_NOT_CONFIRMED);
		u->holds = DFUCAST_HOLDS_TRIAL;
	} else if (plan->mode == DFUCAST_MODE_CONFIRM && !update_has(u, UPDATE_SOAKED)) {
		/* It was made permanent before the reset and is not: confirm what runs. */
		u->holds = DFUCAST_HOLDS_TRIAL;
		confirm(plan, u);
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
	if (!may_reset(plan, view)) {
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
	if (list->truncated && (u->state == DFUCAST_UPDATE_INSPECT || u->state == DFUCAST_UPDATE_PRECHECK)) {
		dfucast_update_fail(u, DFUCAST_ERR_SPACE); /* what is not seen may be pending */
		return;
	}
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
