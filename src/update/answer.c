/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the answers mean, each in its state. Uploads are in upload.c, image lists in inspect.c.
 */
#include "update_internal.h"

bool dfucast_update_says(const struct dfucast_smp_error *error, enum dfucast_smp_rc rc)
{
	return error->group == DFUCAST_GROUP_NONE && error->rc == rc;
}

bool dfucast_update_says_busy(const struct dfucast_smp_error *error)
{
	return dfucast_update_says(error, DFUCAST_SMP_RC_BUSY) ||
	       dfucast_update_says(error, DFUCAST_SMP_RC_NO_MEMORY);
}

/* The server knows only SMP version 1: everything in that, this request first. */
static bool speaks_older(struct dfucast_update *u, const struct dfucast_smp_error *error)
{
	if (u->client.version == DFUCAST_SMP_V1 ||
	    !dfucast_update_says(error, DFUCAST_SMP_RC_VERSION_TOO_NEW)) {
		return false;
	}
	u->client.version = DFUCAST_SMP_V1;
	update_set(u, UPDATE_DUE);
	return true;
}

static void params_answer(const struct dfucast_update_plan *plan, struct dfucast_update *u,
			  const struct dfucast_smp_params *params, const struct dfucast_smp_error *error)
{
	uint32_t window = 1;

	if (speaks_older(u, error)) {
		return;
	}
	if (error->rc == 0 && params->buf_size > u->buffer_overhead) {
		uint32_t room = params->buf_size - u->buffer_overhead;

		/* The answer takes a buffer of the same pool: one less than there are. */
		window = params->buf_count > 1 ? params->buf_count - 1 : 1;
		u->frame_max = room < u->frame_link ? (uint16_t)room : u->frame_link;
		/* An echo behind the first chunk tells of its loss, where answers keep order and frames arrive whole. */
		bool whole = !(u->link_flags & DFUCAST_LINK_FRAGMENTS) ||
			     dfucast_update_first_bytes(plan) <= u->value_max;

		if (params->buf_count >= 3 && whole && (u->link_flags & DFUCAST_LINK_ORDERED)) {
			update_set(u, UPDATE_PROBES);
		} else {
			update_clear(u, UPDATE_PROBES);
		}
	}
	uint32_t most = plan->window_max ? plan->window_max : DFUCAST_SMP_PENDING_MAX;

	if (most > DFUCAST_SMP_PENDING_MAX) {
		most = DFUCAST_SMP_PENDING_MAX;
	}
	u->window = (uint8_t)(window < most ? window : most);
	dfucast_update_enter(u, DFUCAST_UPDATE_MODE);
}

static void mode_answer(struct dfucast_update *u, const struct dfucast_smp_bootloader *bootloader,
			const struct dfucast_smp_error *error)
{
	update_clear(u, UPDATE_MODE_UNKNOWN);
	if (error->rc != 0 || bootloader->mode == DFUCAST_BOOT_UNKNOWN) {
		update_set(u, UPDATE_MODE_UNKNOWN); /* often: treated as swap, and the report says so */
	} else if (bootloader->mode != DFUCAST_BOOT_SWAP_SCRATCH &&
		   bootloader->mode != DFUCAST_BOOT_SWAP_MOVE &&
		   bootloader->mode != DFUCAST_BOOT_SWAP_OFFSET) {
		u->boot_mode = (uint8_t)bootloader->mode;
		dfucast_update_fail(u, DFUCAST_ERR_MODE_UNSUPPORTED);
		return;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_SLOTS);
}

/* The size of the slot the image goes to: the second of its image number, as all swap modes have it. */
static void slots_answer(const struct dfucast_update_plan *plan, struct dfucast_update *u,
			 const struct dfucast_smp_slot_list *list, const struct dfucast_smp_error *error)
{
	uint32_t room = plan->slot_bytes;

	if (error->rc == 0) {
		for (unsigned int i = 0; i < list->count; i++) {
			const struct dfucast_smp_slot_info *slot = &list->slots[i];

			if (slot->image == plan->image && slot->slot == 1 && slot->rc == 0 &&
			    slot->size != 0) {
				room = slot->size;
			}
		}
		if (plan->image < DFUCAST_SMP_IMG_SLOTS_MAX / 2 && list->image_bytes_max[plan->image] != 0 &&
		    (room == 0 || list->image_bytes_max[plan->image] < room)) {
			room = list->image_bytes_max[plan->image];
		}
	}
	update_clear(u, UPDATE_SLOT_UNKNOWN);
	if (room == 0) {
		update_set(u, UPDATE_SLOT_UNKNOWN);
	} else if (plan->image_bytes > room) {
		dfucast_update_fail(u, DFUCAST_ERR_IMAGE_TOO_LARGE);
		return;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_INSPECT);
}

/* A request that the device may take later: the same again after a pause, as often as a silent one. */
static bool later(const struct dfucast_update_plan *plan, struct dfucast_update *u,
		  const struct dfucast_smp_error *error, uint32_t now)
{
	if (dfucast_update_says_busy(error) && ++u->retries <= update_retries_max(plan)) {
		dfucast_update_arm(u, update_timeout_ms(plan), now);
		return true;
	}
	return false;
}

/* Set-state: test before the reset, confirm after it. Only the list that follows decides. */
static void set_answer(struct dfucast_update *u, const struct dfucast_smp_error *error)
{
	if (u->state == DFUCAST_UPDATE_CONFIRM) {
		if (error->rc == 0) {
			dfucast_update_enter(u, DFUCAST_UPDATE_FINAL);
		} else {
			dfucast_update_refuse(u, DFUCAST_ERR_NOT_CONFIRMED, error);
		}
		return;
	}
	/* Old servers know one code for every wrong state. Whether it matters, the list that follows tells. */
	bool is_pending =
	    error->rc == 0 || dfucast_update_says(error, DFUCAST_SMP_RC_BAD_STATE) ||
	    (error->group == DFUCAST_SMP_GROUP_IMG && error->rc == DFUCAST_SMP_IMG_RC_ALREADY_PENDING);
	/* No set-state: the bootloader does not swap, it starts the higher version at the next reset. */
	bool is_absent = dfucast_update_says(error, DFUCAST_SMP_RC_NOT_SUPPORTED);

	if (is_pending || is_absent) {
		u->holds = DFUCAST_HOLDS_PENDING;
	}
	if (is_pending) {
		dfucast_update_enter(u, DFUCAST_UPDATE_PRECHECK);
	} else {
		dfucast_update_refuse(u, is_absent ? DFUCAST_ERR_MODE_UNSUPPORTED : DFUCAST_ERR_REFUSED,
				      error);
	}
}

void dfucast_update_answer(const struct dfucast_update_plan *plan, struct dfucast_update *u,
			   enum dfucast_smp_request request, const union update_said *said,
			   const struct dfucast_smp_error *error, uint32_t now)
{
	/* What these would tell can be done without. */
	switch (request) {
	case DFUCAST_SMP_REQUEST_PARAMS:
		params_answer(plan, u, &said->params, error);
		return;
	case DFUCAST_SMP_REQUEST_BOOTLOADER:
		mode_answer(u, &said->bootloader, error);
		return;
	case DFUCAST_SMP_REQUEST_IMG_SLOTS:
		slots_answer(plan, u, &said->slots, error);
		return;
	default:
		break;
	}
	if (u->state == DFUCAST_UPDATE_RESET && error->rc != 0) {
		u->holds = DFUCAST_HOLDS_PENDING; /* it says that it stays up */
	}
	if (later(plan, u, error, now)) {
		return;
	}
	if (request == DFUCAST_SMP_REQUEST_IMG_SET) {
		set_answer(u, error);
	} else if (request == DFUCAST_SMP_REQUEST_IMG_ERASE) {
		/* Whatever it says (servers differ about an empty slot), the first chunk's answer decides. */
		update_clear(u, UPDATE_FRESH);
		dfucast_update_enter(u, DFUCAST_UPDATE_FIRST);
	} else if (error->rc != 0) {
		bool is_absent = request == DFUCAST_SMP_REQUEST_IMG_LIST &&
				 dfucast_update_says(error, DFUCAST_SMP_RC_NOT_SUPPORTED);

		dfucast_update_refuse(u, is_absent ? DFUCAST_ERR_NOT_SUPPORTED : DFUCAST_ERR_REFUSED, error);
	} else if (request == DFUCAST_SMP_REQUEST_RESET) {
		dfucast_update_await_reset(plan, u, now);
	} else {
		dfucast_update_judge(plan, u, &said->list, now);
	}
}
