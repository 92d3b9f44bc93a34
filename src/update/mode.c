/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bootloader's mode means for an update: which images it can start, from which slot, unasked or not, and
 * whether there is a way back. What servers list in each mode: docs/smp-update.md, "Bootloader modes".
 */
#include "update_internal.h"

static uint32_t image_flags(const struct dfucast_update_plan *plan)
{
	const uint8_t *at = plan->header + 16;

	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Where the device does not tell: as the user says, or as the image was built. */
static int assumed(const struct dfucast_update_plan *plan)
{
	if (plan->boot_mode != 0) {
		return plan->boot_mode - 1;
	}
	return image_flags(plan) & DFUCAST_IMAGE_RAM_LOAD ? DFUCAST_BOOT_RAM_LOAD : DFUCAST_BOOT_SWAP_OFFSET;
}

void dfucast_update_mode_take(const struct update_turn *t, int32_t told)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	int32_t mode = told;

	update_clear(u, UPDATE_MODE_UNKNOWN | UPDATE_IN_PLACE);
	if (told == DFUCAST_BOOT_UNKNOWN) { /* often: the report says so */
		update_set(u, UPDATE_MODE_UNKNOWN);
		mode = assumed(plan);
	}
	u->boot_mode = (uint8_t)mode;
	switch (mode) {
	case DFUCAST_BOOT_SWAP_SCRATCH:
	case DFUCAST_BOOT_SWAP_MOVE:
	case DFUCAST_BOOT_SWAP_OFFSET:
		u->boot_mode = 0;
		break;
	case DFUCAST_BOOT_SINGLE_SLOT:
	case DFUCAST_BOOT_SINGLE_RAM_LOAD:
	case DFUCAST_BOOT_FIRMWARE_LOADER:
		update_set(u, UPDATE_IN_PLACE);
		break;
	case DFUCAST_BOOT_OVERWRITE:
	case DFUCAST_BOOT_DIRECT_XIP:
	case DFUCAST_BOOT_DIRECT_XIP_REVERT:
	case DFUCAST_BOOT_RAM_LOAD:
		break;
	default: /* newer than this */
		dfucast_update_fail(u, DFUCAST_ERR_MODE_UNSUPPORTED);
		return;
	}
	if (told == DFUCAST_BOOT_SINGLE_SLOT || told == DFUCAST_BOOT_SINGLE_RAM_LOAD) {
		/* The application answers, and so occupies the one slot. */
		dfucast_update_end(u, DFUCAST_STATE_SKIPPED, DFUCAST_ERR_SINGLE_SLOT);
		return;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_SLOTS);
}

bool dfucast_update_mode_is_target(const struct dfucast_update *u, const struct dfucast_smp_slot_info *slot)
{
	if (update_has(u, UPDATE_IN_PLACE)) {
		return slot->slot == 0;
	}
	/* Either slot may be the one that does not run; most servers say which. */
	return dfucast_update_mode_takes_highest(u) ? slot->upload_image_id >= 0 : slot->slot == 1;
}

/* The slot that the image was linked for is another than the one it would start from. */
static bool is_misplaced(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
			 unsigned int target)
{
	bool is_xip =
	    u->boot_mode == DFUCAST_BOOT_DIRECT_XIP || u->boot_mode == DFUCAST_BOOT_DIRECT_XIP_REVERT;

	return plan->slot != 0 && u->boot_mode != DFUCAST_BOOT_RAM_LOAD &&
	       plan->slot - 1u != (is_xip ? target : 0u);
}

static bool needs_leave(const struct dfucast_update_plan *plan, const struct dfucast_update *u)
{
	/* Overwrite-only starts nothing unasked; with the others the upload alone decides what starts next. */
	return update_has(u, UPDATE_IN_PLACE) || u->boot_mode == DFUCAST_BOOT_DIRECT_XIP ||
	       u->boot_mode == DFUCAST_BOOT_RAM_LOAD ||
	       (u->boot_mode == DFUCAST_BOOT_OVERWRITE && plan->mode != DFUCAST_MODE_UPLOAD);
}

/* What cannot be helped comes before what an option would allow. */
enum dfucast_err dfucast_update_mode_refuses(const struct dfucast_update_plan *plan,
					     const struct dfucast_update *u, unsigned int target)
{
	bool is_for_ram = image_flags(plan) & DFUCAST_IMAGE_RAM_LOAD;
	bool highest = dfucast_update_mode_takes_highest(u);

	if (!dfucast_update_mode_is_single(u) && is_for_ram != (u->boot_mode == DFUCAST_BOOT_RAM_LOAD)) {
		return DFUCAST_ERR_IMAGE_KIND;
	}
	if (is_misplaced(plan, u, target)) {
		return DFUCAST_ERR_WRONG_SLOT;
	}
	if (highest && (!update_has(u, UPDATE_HAS_BEFORE) ||
			dfucast_version_compare(&plan->version, &u->before, true) <= 0)) {
		return DFUCAST_ERR_NOT_NEWER;
	}
	if (highest && !is_for_ram && plan->slot == 0 && !(image_flags(plan) & DFUCAST_IMAGE_ROM_FIXED)) {
		return DFUCAST_ERR_SLOT_NEEDED;
	}
	if (needs_leave(plan, u) && !plan->allow_no_revert) {
		return DFUCAST_ERR_NO_WAY_BACK;
	}
	if (update_has(u, UPDATE_IN_PLACE) && !plan->proven) {
		return DFUCAST_ERR_IMAGE_UNPROVEN;
	}
	return DFUCAST_ERR_OK;
}
