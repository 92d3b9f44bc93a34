/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several images in one run: what an image list means for all of them. Each is uploaded and looked for in its slot in
 * turn; then all are marked, the last first; the device is reset once; then all must run. A device confirms only image 0
 * after a reset, so a set that is to stay is made permanent before it (mode CONFIRM).
 */
#include "update_internal.h"
#include <string.h>

/* The whole list. */
struct views {
	struct update_view images[1 + DFUCAST_UPDATE_MORE_MAX]; /* in the plan's order */
	unsigned int count;
	bool foreign_pending; /* something that is not the plan's starts at the next reset */
	bool foreign_trial;   /* another image number runs unconfirmed: a reset would revert it */
	bool any_pending;     /* of the plan's images */
	bool all_ours;        /* every one of them runs */
	bool any_ours;        /* one of them runs */
	bool all_confirmed;   /* what runs of their numbers */
	bool ours_on_trial;   /* one of them runs, and the next reset takes it back */
	bool is_recovery;     /* the bootloader answered */
	bool is_empty;        /* nothing is listed */
};

static void look_at(const struct dfucast_update_plan *plan, const struct dfucast_smp_slot *slot,
		    struct views *views)
{
	unsigned int i = 0;

	while (i < views->count && dfucast_update_image(plan, i)->image != slot->image) {
		i++;
	}
	if (i == views->count) { /* none of the plan's numbers */
		views->foreign_pending |= (slot->flags & DFUCAST_SMP_SLOT_PENDING) != 0;
		views->foreign_trial |= dfucast_update_view_is_trial(slot);
	} else {
		views->foreign_pending |=
		    !dfucast_update_view_add(&views->images[i], dfucast_update_image(plan, i), slot, true);
		views->any_pending |= views->images[i].ours_pending;
	}
}

static void look(const struct dfucast_update_plan *plan, const struct dfucast_smp_image_list *list,
		 struct views *views)
{
	memset(views, 0, sizeof(*views));
	views->count = dfucast_update_image_count(plan);
	views->is_recovery = dfucast_update_view_is_recovery(list);
	views->is_empty = list->count == 0;
	for (unsigned int i = 0; i < list->count; i++) {
		look_at(plan, &list->slots[i], views);
	}
	views->all_ours = true;
	views->all_confirmed = true;
	for (unsigned int i = 0; i < views->count; i++) {
		const struct update_view *view = &views->images[i];
		bool confirmed =
		    view->active != NULL && (view->active->flags & DFUCAST_SMP_SLOT_CONFIRMED) != 0;

		views->all_ours &= view->active_is_ours;
		views->any_ours |= view->active_is_ours;
		views->all_confirmed &= confirmed;
		views->ours_on_trial |= view->active_is_ours && !confirmed;
	}
}

/* All run, and not all are confirmed. Image 0 can be; nobody can confirm another any more. */
static void on_trial(const struct update_turn *t, const struct views *views)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	bool can_confirm = u->state != DFUCAST_UPDATE_FINAL;

	for (unsigned int i = 0; i < views->count; i++) {
		can_confirm &= dfucast_update_image(plan, i)->image == 0 ||
			       (views->images[i].active->flags & DFUCAST_SMP_SLOT_CONFIRMED) != 0;
	}
	u->holds = DFUCAST_HOLDS_TRIAL;
	if (plan->mode != DFUCAST_MODE_CONFIRM || (can_confirm && plan->dry_run)) {
		dfucast_update_done(u, DFUCAST_HOLDS_TRIAL);
	} else if (can_confirm) {
		dfucast_update_enter(u, DFUCAST_UPDATE_CONFIRM);
	} else {
		dfucast_update_fail(u, DFUCAST_ERR_NOT_CONFIRMED);
	}
}

/* The stream's end, as far as this device is concerned. */
static void all_acked(const struct update_turn *t, unsigned int index)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	u->image = index & 3u;
	u->acked =
	    dfucast_update_base(plan, dfucast_update_image_count(plan)) - dfucast_update_base(plan, index);
}

/* The image is to be sent although the device holds it: once, a broken link must not erase what this run sent. */
static bool due_anew(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
		     unsigned int index)
{
	return index == u->image ? update_has(u, UPDATE_FRESH) || (plan->fresh && u->attempts == 0)
				 : plan->fresh && index > u->image;
}

/* The first image that is neither running nor to be found in its slot; the count: none. */
static unsigned int missing(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
			    const struct views *views)
{
	unsigned int i = 0;

	while (i < views->count && (views->images[i].active_is_ours ||
				    (views->images[i].other_is_ours && !due_anew(plan, u, i)))) {
		i++;
	}
	return i;
}

/* Goes to an image that is to be sent. Another than before is a new upload, with tries of its own. */
static void turn_to(const struct update_turn *t, unsigned int index)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (index > u->image) {
		u->attempts = 0;
		u->sent_max = 0;
		update_clear(u, UPDATE_FRESH);
	}
	u->image = index & 3u;
	u->acked = 0;
	if (plan->fresh && u->attempts == 0) {
		update_set(u, UPDATE_FRESH);
	}
}

/* Of all images: is there anything in what runs or waits that forbids to touch the device? @return true: ended */
static bool forbidden(const struct update_turn *t, const struct views *views)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (views->ours_on_trial && plan->mode != DFUCAST_MODE_UPLOAD) {
		/* The reset that starts the others would take this one back: half a set. */
		u->holds = DFUCAST_HOLDS_TRIAL;
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_TRIAL);
		return true;
	}
	for (unsigned int i = 0; i < views->count; i++) {
		const struct dfucast_update_image *image = dfucast_update_image(plan, i);
		const struct update_view *view = &views->images[i];
		struct dfucast_version runs;

		if (view->active_is_ours) {
			continue;
		}
		if (!(view->active->flags & DFUCAST_SMP_SLOT_CONFIRMED)) {
			dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_TRIAL);
			return true;
		}
		bool known =
		    dfucast_version_parse(&runs, view->active->version.text, view->active->version.length);

		/* A version that cannot be read is no proof either. */
		if (!plan->allow_downgrade &&
		    (!known ||
		     dfucast_version_compare(&image->version, &runs, true) < (plan->upgrade_only ? 1 : 0))) {
			dfucast_update_end(u, DFUCAST_STATE_SKIPPED, DFUCAST_ERR_DOWNGRADE);
			return true;
		}
		if (view->armed && plan->mode != DFUCAST_MODE_CONFIRM && !due_anew(plan, u, i)) {
			/* Somebody armed it without a way back: that was not this plan's choice. */
			dfucast_update_fail(u, DFUCAST_ERR_ARMED);
			return true;
		}
	}
	return false;
}

static void in_recovery(const struct update_turn *t, const struct views *views)
{
	struct dfucast_update *u = t->u;

	if (views->foreign_pending || views->any_pending || views->is_empty) {
		/* The reset that would free it would also start an image, or an empty list says too little to reset it. */
		dfucast_update_fail(u, views->foreign_pending ? DFUCAST_ERR_FOREIGN_PENDING
							      : DFUCAST_ERR_SERIAL_RECOVERY);
		return;
	}
	dfucast_update_leave_recovery(t);
}

/* Every number of the plan must be told as running, or which slot may be written is not known: touch nothing. */
static bool all_listed(const struct update_turn *t, const struct views *views)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	for (unsigned int i = 0; i < views->count; i++) {
		if (views->images[i].active == NULL) {
			/* A server built for one image lists no other, and would write what it is sent over that one. */
			dfucast_update_fail(u, dfucast_update_image(plan, i)->image != 0 &&
						       views->images[i].other == NULL
						   ? DFUCAST_ERR_NO_SUCH_IMAGE
						   : DFUCAST_ERR_NOT_LISTED);
			return false;
		}
	}
	return true;
}

static void inspect(const struct update_turn *t, const struct views *views)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	const struct update_view *first = &views->images[0];

	if (u->boot_mode == DFUCAST_BOOT_OVERWRITE && !plan->allow_no_revert &&
	    plan->mode != DFUCAST_MODE_UPLOAD) {
		dfucast_update_end(u, DFUCAST_STATE_SKIPPED, DFUCAST_ERR_NO_WAY_BACK);
		return;
	}
	if (update_has(u, UPDATE_IN_PLACE) || (u->boot_mode != 0 && u->boot_mode != DFUCAST_BOOT_OVERWRITE)) {
		/* Where the bootloader itself chooses what starts, each image by its own version. */
		dfucast_update_fail(u, DFUCAST_ERR_MODE_UNSUPPORTED);
		return;
	}
	if (views->is_recovery && update_has(u, UPDATE_MODE_UNKNOWN)) { /* it knows no bootloader info */
		in_recovery(t, views);
		return;
	}
	if (!all_listed(t, views)) {
		return;
	}
	if (plan->matcher != NULL && !plan->matcher->is_meant(t, first->active, first->active_is_ours)) {
		return;
	}
	dfucast_update_remember_before(u, first->active);
	if (views->any_ours) {
		update_set(u, UPDATE_PART_RAN);
	}
	if (views->foreign_pending && !(plan->replace_pending && !views->all_ours)) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_PENDING);
		return;
	}
	if (views->foreign_trial) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_TRIAL);
		return;
	}
	unsigned int next = missing(plan, u, views);

	if (next == views->count && u->attempts == 0) {
		update_set(u, UPDATE_SKIPPED);
	}
	if (views->all_ours) {
		dfucast_update_remember_after(u, &views->images[0]);
		if (views->all_confirmed) {
			dfucast_update_done(u, DFUCAST_HOLDS_IMAGE);
		} else {
			on_trial(t, views);
		}
		return;
	}
	if (forbidden(t, views)) {
		return;
	}
	if (next < views->count) {
		turn_to(t, next);
	} else {
		u->holds = views->any_pending ? DFUCAST_HOLDS_PENDING : DFUCAST_HOLDS_STAGED;
		all_acked(t, views->count - 1);
	}
	dfucast_update_begin_work(t, false);
}

static void check_verify(const struct update_turn *t, const struct views *views)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	unsigned int next = missing(plan, u, views);

	if (next <= u->image) {
		/* A lost session, or something else in the slot. */
		u->image = next & 3u;
		dfucast_update_upload_afresh(u, DFUCAST_ERR_NOT_LISTED);
		return;
	}
	if (next < views->count) {
		turn_to(t, next);
		dfucast_update_upload_begin(t, DFUCAST_ERR_NO_PROGRESS);
		return;
	}
	u->holds = views->any_pending ? DFUCAST_HOLDS_PENDING : DFUCAST_HOLDS_STAGED;
	/* The last that does not run yet is the first to be marked, see check_pending(). */
	for (next = views->count - 1; next > 0 && views->images[next].active_is_ours;) {
		next--;
	}
	all_acked(t, next);
	if (plan->mode == DFUCAST_MODE_UPLOAD) {
		dfucast_update_done(u, (enum dfucast_holds)u->holds);
		return;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_READY);
}

/* The next reset starts exactly the plan's images, in the plan's way, and costs nobody else anything. */
static bool may_reset(const struct dfucast_update_plan *plan, const struct views *views)
{
	bool may = views->any_pending && !views->foreign_pending && !views->foreign_trial &&
		   !views->ours_on_trial; /* which a reset would take back */

	for (unsigned int i = 0; i < views->count; i++) {
		const struct update_view *view = &views->images[i];

		/* Another image than 0 cannot be confirmed after the reset: where the plan makes it stay, it must be marked so. */
		bool stays = plan->mode == DFUCAST_MODE_CONFIRM && dfucast_update_image(plan, i)->image != 0;

		may &= view->active_is_ours || (view->ours_pending && (view->armed || !stays));
		may &= !view->armed || plan->mode == DFUCAST_MODE_CONFIRM;
	}
	return may;
}

/* It runs something else than the plan's images, all or some. */
static void not_running(const struct update_turn *t, const struct views *views)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	const struct update_view *lost = &views->images[0]; /* the first that does not run */

	while (lost->active_is_ours) {
		lost++;
	}
	if (lost->active == NULL) {
		/* It does not say what runs: no end can be told from that. */
		if (!dfucast_update_asks_again(t)) {
			dfucast_update_fail(u, DFUCAST_ERR_NOT_LISTED);
		}
		return;
	}
	if (views->any_pending) {
		u->holds = DFUCAST_HOLDS_PENDING;
		if (update_has(u, UPDATE_WILL_RESET)) {
			if (!dfucast_update_asks_again(t)) { /* it said so, and takes its time */
				dfucast_update_fail(u, DFUCAST_ERR_STATE_CHANGED);
			}
		} else if (!may_reset(plan, views) || u->resets >= UPDATE_RESETS_MAX) {
			dfucast_update_fail(u, DFUCAST_ERR_STATE_CHANGED);
		} else {
			u->resets++;
			dfucast_update_enter(u, DFUCAST_UPDATE_RESET); /* the request to reset was lost */
		}
		return;
	}
	u->holds = DFUCAST_HOLDS_AS_BEFORE;
	if (views->any_ours && !update_has(u, UPDATE_PART_RAN)) {
		u->holds = views->all_confirmed ? DFUCAST_HOLDS_IMAGE : DFUCAST_HOLDS_TRIAL;
		dfucast_update_fail(u, DFUCAST_ERR_SET_TORN);
	} else if (lost->other != NULL) {
		dfucast_update_end(u, DFUCAST_STATE_REVERTED, DFUCAST_ERR_REVERTED);
	} else {
		dfucast_update_end(u, DFUCAST_STATE_REJECTED, DFUCAST_ERR_REJECTED);
	}
}

static void check_return(const struct update_turn *t, const struct views *views)
{
	struct dfucast_update *u = t->u;

	/* An empty list says too little to reset a device for: ask again. */
	if (views->is_recovery && views->images[0].other != NULL && !views->foreign_pending) {
		u->resume = DFUCAST_UPDATE_RETURN;
		dfucast_update_leave_recovery(t);
		return;
	}
	dfucast_update_remember_after(u, &views->images[0]);
	if (!views->all_ours) {
		not_running(t, views);
		return;
	}
	if (views->all_confirmed) {
		dfucast_update_done(u, DFUCAST_HOLDS_IMAGE);
	} else {
		on_trial(t, views);
	}
}

static void check_pending(const struct update_turn *t, const struct views *views)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (dfucast_update_was_refused(u, views->images[u->image].active_is_ours ||
					      views->images[u->image].ours_pending)) {
		return;
	}
	if (views->all_ours) {
		check_return(t, views); /* it reset by itself meanwhile */
		return;
	}
	if (views->ours_on_trial) {
		/* It reset by itself between the marks. The next reset takes back what runs: nothing more is marked. */
		u->holds = DFUCAST_HOLDS_TRIAL;
		dfucast_update_fail(u, DFUCAST_ERR_SET_TORN);
		return;
	}
	/* Image 0 comes last: a server may refuse to make another image permanent (rc 32), and then none is marked. */
	for (unsigned int i = u->image; i-- > 0;) {
		const struct update_view *view = &views->images[i];

		if (view->other_is_ours && !view->active_is_ours && !view->ours_pending) {
			all_acked(t, i);
			dfucast_update_enter(u, DFUCAST_UPDATE_TEST);
			return;
		}
	}
	if (!may_reset(plan, views)) {
		dfucast_update_fail(u, DFUCAST_ERR_STATE_CHANGED);
		return;
	}
	dfucast_update_found_marked(t);
}

static void judge(const struct update_turn *t, const struct dfucast_smp_image_list *list)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	struct views views;

	look(plan, list, &views);
	switch (u->state) {
	case DFUCAST_UPDATE_INSPECT:
		inspect(t, &views);
		break;
	case DFUCAST_UPDATE_VERIFY:
		check_verify(t, &views);
		break;
	case DFUCAST_UPDATE_PRECHECK:
		check_pending(t, &views);
		break;
	default: /* RETURN, FINAL */
		check_return(t, &views);
		break;
	}
}

const struct dfucast_update_set dfucast_update_set = {.judge = judge};
