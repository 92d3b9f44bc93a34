/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image list means: before the update (may this device be touched, what does it hold already), before the
 * reset (is exactly our image pending), and after it (which of the ends is it).
 */
#include "update_internal.h"
#include <string.h>

/* The whole list. */
struct view {
	struct update_view image; /* the plan's */
	bool foreign_pending;     /* something that is not the plan's image starts at the next reset */
	bool foreign_trial;       /* another image number runs unconfirmed: a reset would revert it */
	bool is_recovery;         /* the bootloader answered */
	bool is_empty;            /* nothing is listed */
};

static void look(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
		 const struct dfucast_smp_image_list *list, struct view *view)
{
	bool is_single = dfucast_update_mode_is_single(u);

	memset(view, 0, sizeof(*view));
	view->is_recovery = dfucast_update_view_is_recovery(list);
	view->is_empty = list->count == 0;
	for (unsigned int i = 0; i < list->count; i++) {
		const struct dfucast_smp_slot *slot = &list->slots[i];

		if (slot->image != plan->image) {
			view->foreign_pending |= (slot->flags & DFUCAST_SMP_SLOT_PENDING) != 0;
			view->foreign_trial |= dfucast_update_view_is_trial(slot);
			continue;
		}
		/* Whatever lies behind the one slot does not matter. */
		view->foreign_pending |=
		    !dfucast_update_view_add(&view->image, &plan->first, slot, !is_single || slot->slot == 0);
	}
}

void dfucast_update_leave_recovery(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (plan->dry_run || ++u->recoveries > UPDATE_RECOVERIES_MAX) {
		dfucast_update_fail(u, DFUCAST_ERR_SERIAL_RECOVERY);
		return;
	}
	if (u->state == DFUCAST_UPDATE_INSPECT) {
		u->resume = DFUCAST_UPDATE_PARAMS;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_RECOVERY);
}

void dfucast_update_done(struct dfucast_update *u, enum dfucast_holds holds)
{
	u->holds = (uint8_t)holds;
	dfucast_update_end(u, DFUCAST_STATE_DONE, DFUCAST_ERR_OK);
}

/* Confirming what runs, without a hash, means image 0 and no other. */
static void confirm(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (plan->image == 0 && plan->dry_run) {
		dfucast_update_done(u, DFUCAST_HOLDS_TRIAL);
	} else if (plan->image == 0) {
		dfucast_update_enter(u, DFUCAST_UPDATE_CONFIRM);
	} else {
		dfucast_update_fail(u, DFUCAST_ERR_NOT_CONFIRMED);
	}
}

/* Our image runs, unconfirmed. */
static void on_trial(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	u->holds = DFUCAST_HOLDS_TRIAL;
	if (plan->mode == DFUCAST_MODE_TEST || plan->mode == DFUCAST_MODE_UPLOAD) {
		dfucast_update_done(u, DFUCAST_HOLDS_TRIAL);
	} else if (plan->soak_ms != 0 && !plan->dry_run && !update_has(u, UPDATE_SOAKED)) {
		dfucast_update_enter(u, DFUCAST_UPDATE_SOAK);
		dfucast_update_arm(t, plan->soak_ms);
	} else {
		confirm(t);
	}
}

/* Nobody has to mark the image: the list shows it pending for good once it is there. */
static bool starts_unasked(const struct dfucast_update *u)
{
	return u->boot_mode == DFUCAST_BOOT_DIRECT_XIP || u->boot_mode == DFUCAST_BOOT_RAM_LOAD;
}

/* The next reset starts the image, and no list shows it as pending. */
static bool starts_unlisted(const struct dfucast_update *u)
{
	return update_has(u, UPDATE_SELF_STARTS) &&
	       (update_has(u, UPDATE_IN_PLACE) || u->boot_mode == DFUCAST_BOOT_RAM_LOAD);
}

/* Without a trial nothing has to be confirmed, and some servers never say that it is. */
static bool is_confirmed(const struct dfucast_update *u, const struct view *view)
{
	return view->image.active->flags & DFUCAST_SMP_SLOT_CONFIRMED || update_has(u, UPDATE_IN_PLACE) ||
	       u->boot_mode == DFUCAST_BOOT_DIRECT_XIP;
}

/* The plan's image runs. */
static void found_running(const struct update_turn *t, const struct view *view)
{
	struct dfucast_update *u = t->u;

	if (u->attempts == 0) {
		update_set(u, UPDATE_SKIPPED);
	}
	dfucast_update_remember_before(u, view->image.active);
	dfucast_update_remember_after(u, &view->image);
	if (is_confirmed(u, view)) {
		dfucast_update_done(u, DFUCAST_HOLDS_IMAGE);
	} else {
		on_trial(t);
	}
}

/* A loader or serial recovery must be what answers: it is not in the slot that is written. */
static bool can_write_in_place(struct dfucast_update *u, const struct view *view)
{
	bool is_single = dfucast_update_mode_is_single(u);

	if (is_single ? view->is_recovery : view->image.active != NULL && view->image.active->slot == 1) {
		return true;
	}
	dfucast_update_end(u, DFUCAST_STATE_SKIPPED,
			   is_single ? DFUCAST_ERR_SINGLE_SLOT : DFUCAST_ERR_NOT_IN_LOADER);
	return false;
}

/* What the device runs, or has in store, ends it here. */
static bool ends_untouched(const struct update_turn *t, const struct view *view)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	bool in_place = update_has(u, UPDATE_IN_PLACE);
	/* What the image would replace: in place also an empty slot. */
	const struct dfucast_smp_slot *replaced = in_place ? view->image.other : view->image.active;

	if (in_place && !can_write_in_place(u, view)) {
		return true;
	}
	if (!in_place && !is_confirmed(u, view)) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_TRIAL);
		return true;
	}
	if (replaced != NULL) {
		dfucast_update_remember_before(u, replaced);
	}
	enum dfucast_err why = dfucast_update_mode_refuses(
	    plan, u, view->image.active != NULL ? 1u - view->image.active->slot : 0);

	if (why == DFUCAST_ERR_OK && !plan->allow_downgrade && replaced != NULL &&
	    (!update_has(u, UPDATE_HAS_BEFORE) /* cannot be read: no proof either */ ||
	     dfucast_version_compare(&plan->version, &u->before, true) < (plan->upgrade_only ? 1 : 0))) {
		why = DFUCAST_ERR_DOWNGRADE;
	}
	if (why != DFUCAST_ERR_OK) {
		dfucast_update_end(u, DFUCAST_STATE_SKIPPED, why);
	}
	return why != DFUCAST_ERR_OK;
}

void dfucast_update_begin_work(const struct update_turn *t, bool open)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (plan->matcher != NULL && !plan->matcher->may_begin(t, open)) {
		return;
	}
	if (plan->dry_run) {
		if (u->acked == 0 && u->frame_max < dfucast_update_first_bytes(plan, u)) {
			dfucast_update_fail(u, DFUCAST_ERR_BUFFER_TOO_SMALL);
		} else {
			dfucast_update_done(u, (enum dfucast_holds)u->holds);
		}
	} else if (u->acked != 0) {
		dfucast_update_enter(u, DFUCAST_UPDATE_VERIFY);
	} else {
		dfucast_update_upload_begin(t, DFUCAST_ERR_NO_PROGRESS);
	}
}

static void inspect(const struct update_turn *t, const struct view *view)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (view->is_recovery && update_has(u, UPDATE_MODE_UNKNOWN) /* it knows no bootloader info */ &&
	    !dfucast_update_mode_is_single(u)) {
		if (view->foreign_pending || view->image.ours_pending || view->is_empty) {
			/* The reset that would free it would also start an image; or there is none that it could start, if this is
			 * serial recovery at all: an empty list says too little to reset a device for. */
			dfucast_update_fail(u, view->foreign_pending ? DFUCAST_ERR_FOREIGN_PENDING
								     : DFUCAST_ERR_SERIAL_RECOVERY);
			return;
		}
		dfucast_update_leave_recovery(t);
		return;
	}
	if (view->image.active == NULL && !update_has(u, UPDATE_IN_PLACE)) {
		/* Which slot runs is not known: touch nothing. A server built for one image lists no other, and would write what
		 * it is sent over that one. */
		dfucast_update_fail(u, plan->image != 0 && view->image.other == NULL
					   ? DFUCAST_ERR_NO_SUCH_IMAGE
					   : DFUCAST_ERR_NOT_LISTED);
		return;
	}
	/* What the image would replace: in place that is another slot than the one that answers. */
	static const struct dfucast_smp_slot nothing = {.version = {.text = ""}};
	const struct dfucast_smp_slot *replaced =
	    update_has(u, UPDATE_IN_PLACE) ? view->image.other : view->image.active;

	if (plan->matcher != NULL &&
	    !plan->matcher->is_meant(t, replaced != NULL ? replaced : &nothing, view->image.active_is_ours)) {
		return;
	}
	if (!update_has(u, UPDATE_IN_PLACE)) {
		dfucast_update_remember_before(u, view->image.active);
	}
	if (view->foreign_pending && !(plan->replace_pending && !view->image.active_is_ours)) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_PENDING);
		return;
	}
	if (view->foreign_trial) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_TRIAL);
		return;
	}
	if (view->image.active_is_ours) {
		found_running(t, view);
		return;
	}
	if (ends_untouched(t, view)) {
		return;
	}
	if (plan->fresh && u->attempts == 0) {
		update_set(u, UPDATE_FRESH); /* once: a broken link must not erase what this run sent */
	}
	u->acked = 0;
	if (view->image.other_is_ours && !update_has(u, UPDATE_FRESH)) {
		if (view->image.armed && plan->mode != DFUCAST_MODE_CONFIRM && !starts_unasked(u)) {
			/* Somebody armed it without a way back: that was not this plan's choice. */
			dfucast_update_fail(u, DFUCAST_ERR_ARMED);
			return;
		}
		if (u->attempts == 0) {
			update_set(u, UPDATE_SKIPPED);
		}
		u->holds = view->image.ours_pending ? DFUCAST_HOLDS_PENDING : DFUCAST_HOLDS_STAGED;
		u->acked = plan->image_bytes;
	}
	dfucast_update_begin_work(t, false);
}

static void check_verify(const struct update_turn *t, const struct view *view)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	/* A serial recovery that found nothing to start lists nothing afterwards either (measured). */
	bool is_mute = dfucast_update_mode_is_single(u) && view->image.other == NULL;

	if (!view->image.other_is_ours && !is_mute) {
		/* A lost session, or something else in the slot. */
		dfucast_update_upload_afresh(u, DFUCAST_ERR_NOT_LISTED);
		return;
	}
	u->acked = plan->image_bytes;
	update_clear(u, UPDATE_SELF_STARTS);
	if (update_has(u, UPDATE_IN_PLACE) || (starts_unasked(u) && view->image.armed)) {
		update_set(u, UPDATE_SELF_STARTS);
	}
	/* RAM load may start it unasked and list nothing pending: that is known only once it has been asked to mark it. */
	bool may_start = view->image.ours_pending || update_has(u, UPDATE_SELF_STARTS) ||
			 u->boot_mode == DFUCAST_BOOT_RAM_LOAD;

	u->holds = may_start ? DFUCAST_HOLDS_PENDING : DFUCAST_HOLDS_STAGED;
	if (u->boot_mode == DFUCAST_BOOT_DIRECT_XIP && !view->image.ours_pending) {
		/* Higher by its build number alone, which does not count there. */
		dfucast_update_fail(u, DFUCAST_ERR_NOT_NEWER);
	} else if (plan->mode == DFUCAST_MODE_UPLOAD) {
		dfucast_update_done(u, (enum dfucast_holds)u->holds);
	} else {
		dfucast_update_enter(u, DFUCAST_UPDATE_READY);
	}
}

/* The next reset starts exactly the plan's image, in the plan's way, and costs nobody else anything. */
static bool may_reset(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
		      const struct view *view)
{
	if (view->foreign_pending || view->foreign_trial) {
		return false;
	}
	if (starts_unlisted(u)) {
		return view->image.other_is_ours ||
		       (dfucast_update_mode_is_single(u) && view->image.other == NULL);
	}
	return view->image.ours_pending &&
	       (!view->image.armed || plan->mode == DFUCAST_MODE_CONFIRM || starts_unasked(u));
}

bool dfucast_update_asks_again(const struct update_turn *t)
{
	if ((int32_t)(t->now - t->u->limit_ms) >= 0) {
		return false;
	}
	dfucast_update_arm(t, UPDATE_PROBE_MS);
	return true;
}

/* The image is still where it would start from, and something else runs. */
static void still_there(const struct update_turn *t, const struct view *view)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	bool is_xip =
	    u->boot_mode == DFUCAST_BOOT_DIRECT_XIP || u->boot_mode == DFUCAST_BOOT_DIRECT_XIP_REVERT;

	u->holds = DFUCAST_HOLDS_PENDING;
	if (!update_has(u, UPDATE_WILL_RESET)) {
		if (u->resets >= UPDATE_RESETS_MAX || !may_reset(plan, u, view)) {
			dfucast_update_fail(u, DFUCAST_ERR_STATE_CHANGED);
		} else {
			u->resets++;
			dfucast_update_enter(u, DFUCAST_UPDATE_RESET); /* the request to reset was lost */
		}
	} else if (dfucast_update_asks_again(t)) {
		return; /* it said it would reset, and takes its time */
	} else if (update_has(u, UPDATE_IN_PLACE)) {
		dfucast_update_end(u, DFUCAST_STATE_REJECTED, DFUCAST_ERR_REJECTED);
	} else if (is_xip) {
		/* It has reset. MCUboot passes over an image that is linked for the other slot, and leaves it there. */
		dfucast_update_end(u, DFUCAST_STATE_REJECTED, DFUCAST_ERR_WRONG_SLOT);
	} else {
		dfucast_update_fail(u, DFUCAST_ERR_STATE_CHANGED);
	}
}

/* It runs something else than the plan's image, which it did run before if `ran`. */
static void not_running(const struct update_turn *t, const struct view *view, bool ran)
{
	struct dfucast_update *u = t->u;

	/* With revert, both a refused image and one that ran and was not confirmed are erased. */
	bool erases = dfucast_update_mode_takes_highest(u) && !update_has(u, UPDATE_SELF_STARTS);

	if (view->image.active == NULL) {
		/* It does not say what runs: no end can be told from that. */
		if (!dfucast_update_asks_again(t)) {
			dfucast_update_fail(u, DFUCAST_ERR_NOT_LISTED);
		}
		return;
	}
	if (view->image.ours_pending || (starts_unlisted(u) && view->image.other_is_ours)) {
		still_there(t, view);
		return;
	}
	u->holds = DFUCAST_HOLDS_AS_BEFORE;
	if (ran || (view->image.other != NULL && !update_has(u, UPDATE_SELF_STARTS))) {
		dfucast_update_end(u, DFUCAST_STATE_REVERTED, DFUCAST_ERR_REVERTED);
	} else if (update_has(u, UPDATE_SKIPPED)) {
		/* What it held was not sent in this run: send it all, once. */
		dfucast_update_upload_afresh(u, erases ? DFUCAST_ERR_NOT_KEPT : DFUCAST_ERR_REJECTED);
	} else {
		dfucast_update_end(u, DFUCAST_STATE_REJECTED,
				   erases ? DFUCAST_ERR_NOT_KEPT : DFUCAST_ERR_REJECTED);
	}
}

static void check_return(const struct update_turn *t, const struct view *view)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	/* An empty list says too little to reset a device for: ask again. */
	if (view->is_recovery && view->image.other != NULL && !view->foreign_pending) {
		u->resume = DFUCAST_UPDATE_RETURN;
		dfucast_update_leave_recovery(t);
		return;
	}
	bool ran = update_has(u, UPDATE_RUNS_OURS);

	dfucast_update_remember_after(u, &view->image);
	if (!view->image.active_is_ours) {
		not_running(t, view, ran);
		return;
	}
	if (is_confirmed(u, view)) {
		dfucast_update_done(u, DFUCAST_HOLDS_IMAGE);
	} else if (u->state == DFUCAST_UPDATE_FINAL) {
		dfucast_update_fail(u, DFUCAST_ERR_NOT_CONFIRMED);
		u->holds = DFUCAST_HOLDS_TRIAL;
	} else if (plan->mode == DFUCAST_MODE_CONFIRM && !update_has(u, UPDATE_SOAKED)) {
		/* It was made permanent before the reset and is not: confirm what runs. */
		u->holds = DFUCAST_HOLDS_TRIAL;
		confirm(t);
	} else {
		on_trial(t);
	}
}

void dfucast_update_found_marked(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	u->holds = DFUCAST_HOLDS_PENDING;
	if (plan->no_reset) {
		dfucast_update_done(u, DFUCAST_HOLDS_PENDING);
	} else if (plan->erase_settings && !update_has(u, UPDATE_SETTINGS_ERASED)) {
		dfucast_update_enter(
		    u, DFUCAST_UPDATE_SETTINGS); /* it was marked already: first what runs was looked at */
	} else {
		dfucast_update_enter(u, DFUCAST_UPDATE_RESET);
	}
}

static void check_pending(const struct update_turn *t, const struct view *view)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (dfucast_update_was_refused(u, view->image.active_is_ours || view->image.ours_pending)) {
		return;
	}
	if (view->image.active_is_ours) {
		check_return(t, view); /* it reset by itself meanwhile */
		return;
	}
	if (!may_reset(plan, u, view)) {
		dfucast_update_fail(u, DFUCAST_ERR_STATE_CHANGED);
		return;
	}
	dfucast_update_found_marked(t);
}

void dfucast_update_judge(const struct update_turn *t, const struct dfucast_smp_image_list *list)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	struct view view;

	if (list->truncated && (u->state == DFUCAST_UPDATE_INSPECT || u->state == DFUCAST_UPDATE_PRECHECK)) {
		dfucast_update_fail(u, DFUCAST_ERR_SPACE); /* what is not seen may be pending */
		return;
	}
	if (plan->set != NULL) {
		plan->set->judge(t, list);
		return;
	}
	look(plan, u, list, &view);
	switch (u->state) {
	case DFUCAST_UPDATE_INSPECT:
		inspect(t, &view);
		break;
	case DFUCAST_UPDATE_VERIFY:
		check_verify(t, &view);
		break;
	case DFUCAST_UPDATE_PRECHECK:
		check_pending(t, &view);
		break;
	default: /* RETURN, FINAL */
		check_return(t, &view);
		break;
	}
}
