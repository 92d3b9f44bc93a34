/* SPDX-License-Identifier: Apache-2.0 */
/* One of the plan's images in a device's list, and what the device ran and runs. */
#include "update_internal.h"
#include <string.h>

/*
 * In MCUboot's serial recovery nothing runs: no version of it calls a slot active, and none sends splitStatus.
 * Zephyr sends splitStatus, except with frugal lists; those name the active slot. (`rc` says nothing: recovery sends
 * it beside everything but lists, old servers beside all.)
 */
bool dfucast_update_view_is_recovery(const struct dfucast_smp_image_list *list)
{
	bool is_recovery = !list->has_split_status;

	for (unsigned int i = 0; i < list->count; i++) {
		is_recovery &= !(list->slots[i].flags & DFUCAST_SMP_SLOT_ACTIVE);
	}
	return is_recovery;
}

bool dfucast_update_view_is_trial(const struct dfucast_smp_slot *slot)
{
	return (slot->flags & (DFUCAST_SMP_SLOT_ACTIVE | DFUCAST_SMP_SLOT_CONFIRMED)) ==
	       DFUCAST_SMP_SLOT_ACTIVE;
}

bool dfucast_update_view_add(struct update_view *view, const struct dfucast_update_image *image,
			     const struct dfucast_smp_slot *slot, bool may_be_other)
{
	bool is_ours = slot->hash != NULL && slot->hash_bytes == image->hash_bytes &&
		       memcmp(slot->hash, image->hash, image->hash_bytes) == 0;

	if ((slot->flags & DFUCAST_SMP_SLOT_ACTIVE) && view->active == NULL) {
		view->active = slot;
		view->active_is_ours = is_ours;
	} else if (may_be_other) {
		view->other = slot;
		view->other_is_ours = is_ours;
	}
	if (!(slot->flags & DFUCAST_SMP_SLOT_PENDING)) {
		return true;
	}
	if (is_ours) {
		view->ours_pending = true;
		view->armed = slot->flags & DFUCAST_SMP_SLOT_PERMANENT;
	}
	return is_ours;
}

void dfucast_update_remember_before(struct dfucast_update *u, const struct dfucast_smp_slot *slot)
{
	if (!update_has(u, UPDATE_HAS_BEFORE) &&
	    dfucast_version_parse(&u->before, slot->version.text, slot->version.length)) {
		update_set(u, UPDATE_HAS_BEFORE);
	}
}

void dfucast_update_remember_after(struct dfucast_update *u, const struct update_view *view)
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
