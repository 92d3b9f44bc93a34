/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: matching them to what is outstanding, and what each means in its state. Uploads are in upload.c, image
 * lists in inspect.c.
 */
#include "update_internal.h"
#include <string.h>

bool dfucast_update_says(const struct update_turn *t, enum dfucast_smp_rc rc)
{
	return t->error.group == DFUCAST_GROUP_NONE && t->error.rc == rc;
}

bool dfucast_update_says_busy(const struct update_turn *t)
{
	return dfucast_update_says(t, DFUCAST_SMP_RC_BUSY) ||
	       dfucast_update_says(t, DFUCAST_SMP_RC_NO_MEMORY);
}

/* The server knows only SMP version 1: everything in that, this request first. */
static bool speaks_older(const struct update_turn *t)
{
	struct dfucast_update *u = t->u;

	if (u->client.version == DFUCAST_SMP_V1 || !dfucast_update_says(t, DFUCAST_SMP_RC_VERSION_TOO_NEW)) {
		return false;
	}
	u->client.version = DFUCAST_SMP_V1;
	update_set(u, UPDATE_DUE);
	return true;
}

/* A request that the device may take later: the same again after a pause, as often as a silent one. */
static bool later(const struct update_turn *t)
{
	if (dfucast_update_says_busy(t) && ++t->u->retries <= update_retries_max(t->plan)) {
		dfucast_update_arm(t, update_timeout_ms(t->plan));
		return true;
	}
	return false;
}

static void later_or_refuse(const struct update_turn *t, enum dfucast_err err)
{
	if (!later(t)) {
		dfucast_update_refuse(t, err);
	}
}

bool dfucast_update_was_busy(const struct update_turn *t)
{
	bool is_busy = dfucast_update_says_busy(t);

	if (is_busy) {
		later_or_refuse(t, DFUCAST_ERR_REFUSED);
	}
	return is_busy;
}

static void params_answer(struct update_turn *t, const uint8_t *body, size_t length)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	struct dfucast_smp_params params;
	uint32_t window = 1;

	if (dfucast_smp_params_decode(body, length, &t->error, &params) != 0) {
		update_set(u, UPDATE_MALFORMED);
		return;
	}
	if (speaks_older(t)) {
		return;
	}
	if (t->error.rc == 0 && params.buf_size > u->buffer_overhead) {
		uint32_t room = params.buf_size - u->buffer_overhead;

		/* The answer takes a buffer of the same pool: one less than there are. */
		window = params.buf_count > 1 ? params.buf_count - 1 : 1;
		u->frame_max = room < u->frame_link ? (uint16_t)room : u->frame_link;
		/* An echo behind the first chunk tells of its loss, where answers keep order and frames arrive whole. */
		bool whole = !(u->link_flags & DFUCAST_LINK_FRAGMENTS) ||
			     dfucast_update_first_bytes(plan, u) <= u->value_max;

		if (params.buf_count >= 3 && whole && (u->link_flags & DFUCAST_LINK_ORDERED)) {
			update_set(u, UPDATE_PROBES);
		} else {
			update_clear(u, UPDATE_PROBES);
		}
	}
	uint32_t most = plan->window_max ? plan->window_max : DFUCAST_SMP_PENDING_MAX;

	if (most > DFUCAST_SMP_PENDING_MAX) {
		most = DFUCAST_SMP_PENDING_MAX;
	}
	u->window = (window < most ? window : most) & 0xFu;
	dfucast_update_enter(u, DFUCAST_UPDATE_MODE);
}

static void mode_answer(struct update_turn *t, const uint8_t *body, size_t length)
{
	struct dfucast_update *u = t->u;
	struct dfucast_smp_bootloader bootloader;

	if (dfucast_smp_bootloader_decode(body, length, &t->error, &bootloader) != 0) {
		update_set(u, UPDATE_MALFORMED);
		return;
	}
	if (dfucast_update_was_busy(t)) {
		return;
	}
	dfucast_update_mode_take(t, t->error.rc != 0 ? DFUCAST_BOOT_UNKNOWN : bootloader.mode);
}

/* The size of the slot an image goes to; of several that it may go to, the smallest. 0: nobody says. */
static uint32_t room_for(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
			 const struct dfucast_smp_slot_list *list, uint8_t image)
{
	uint32_t told = 0;

	for (unsigned int i = 0; i < list->count; i++) {
		const struct dfucast_smp_slot_info *slot = &list->slots[i];

		if (slot->image == image && slot->rc == 0 && slot->size != 0 &&
		    dfucast_update_mode_is_target(u, slot) && (told == 0 || slot->size < told)) {
			told = slot->size;
		}
	}
	uint32_t room = told != 0 ? told : plan->slot_bytes;

	if (image < DFUCAST_SMP_IMG_SLOTS_MAX / 2 && list->image_bytes_max[image] != 0 &&
	    (room == 0 || list->image_bytes_max[image] < room)) {
		room = list->image_bytes_max[image];
	}
	return room;
}

static void slots_answer(struct update_turn *t, const uint8_t *body, size_t length)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	struct dfucast_smp_slot_list list;

	if (dfucast_smp_slot_list_decode(body, length, &t->error, &list) != 0) {
		update_set(u, UPDATE_MALFORMED);
		return;
	}
	if (dfucast_update_was_busy(t)) {
		return;
	}
	if (t->error.rc != 0) {
		memset(&list, 0, sizeof(list));
	}
	update_clear(u, UPDATE_SLOT_UNKNOWN);
	for (unsigned int i = 0; i < dfucast_update_image_count(plan); i++) {
		const struct dfucast_update_image *image = dfucast_update_image(plan, i);
		uint32_t room = room_for(plan, u, &list, image->image);

		if (room == 0) {
			update_set(u, UPDATE_SLOT_UNKNOWN);
		} else if (image->image_bytes > room) {
			dfucast_update_fail(u, DFUCAST_ERR_IMAGE_TOO_LARGE);
			return;
		}
	}
	if (plan->matcher != NULL) {
		plan->matcher->identify(t);
	} else {
		dfucast_update_enter(u, DFUCAST_UPDATE_INSPECT);
	}
}

static void list_answer(struct update_turn *t, const uint8_t *body, size_t length)
{
	struct dfucast_update *u = t->u;
	struct dfucast_smp_image_list list;

	if (dfucast_smp_image_list_decode(body, length, &t->error, &list) != 0 ||
	    (t->error.rc == 0 && !list.has_images)) {
		update_set(u, UPDATE_MALFORMED);
		return;
	}
	if (t->error.rc == 0) {
		dfucast_update_judge(t, &list);
	} else if (u->state == DFUCAST_UPDATE_RETURN && update_has(u, UPDATE_IN_PLACE) &&
		   dfucast_update_says(t, DFUCAST_SMP_RC_NOT_SUPPORTED)) {
		/* Loaders and serial recovery list images. An application that does not is the one from slot 0. */
		update_set(u, UPDATE_RUNS_OURS | UPDATE_HAS_AFTER);
		u->holds = DFUCAST_HOLDS_IMAGE;
		dfucast_update_end(u, DFUCAST_STATE_DONE, DFUCAST_ERR_OK);
	} else {
		later_or_refuse(t, dfucast_update_says(t, DFUCAST_SMP_RC_NOT_SUPPORTED)
				       ? DFUCAST_ERR_NOT_SUPPORTED
				       : DFUCAST_ERR_REFUSED);
	}
}

/* There is no set-state: the bootloader does not swap, it starts the higher version at the next reset. */
static void nothing_to_mark(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	u->holds = DFUCAST_HOLDS_PENDING;
	if (u->boot_mode != DFUCAST_BOOT_RAM_LOAD) {
		dfucast_update_refuse(t, DFUCAST_ERR_MODE_UNSUPPORTED);
	} else if (dfucast_version_compare(&plan->version, &u->before, false) > 0) {
		/* Measured: Zephyr 4.4 never lists it as pending. */
		update_set(u, UPDATE_SELF_STARTS);
		dfucast_update_enter(u, DFUCAST_UPDATE_PRECHECK);
	} else {
		u->holds = DFUCAST_HOLDS_STAGED; /* higher by its build number alone */
		dfucast_update_refuse(t, DFUCAST_ERR_NOT_NEWER);
	}
}

/* Set-state: test before the reset, confirm after it. Only the list that follows decides. */
static void set_answer(const struct update_turn *t)
{
	struct dfucast_update *u = t->u;

	/* Old servers know one code for every wrong state. Whether it matters, the list that follows tells. */
	bool pending_already =
	    (t->error.group == DFUCAST_SMP_GROUP_IMG && t->error.rc == DFUCAST_SMP_IMG_RC_ALREADY_PENDING) ||
	    dfucast_update_says(t, DFUCAST_SMP_RC_BAD_STATE);

	update_forget_words(u);
	if (t->error.rc == 0 || (u->state == DFUCAST_UPDATE_TEST && pending_already)) {
		u->holds = u->state == DFUCAST_UPDATE_TEST ? DFUCAST_HOLDS_PENDING : u->holds;
		dfucast_update_enter(u, u->state == DFUCAST_UPDATE_TEST ? DFUCAST_UPDATE_PRECHECK
									: DFUCAST_UPDATE_FINAL);
		return;
	}
	if (u->state == DFUCAST_UPDATE_TEST) {
		u->holds = DFUCAST_HOLDS_STAGED; /* it was not marked after all */
	}
	if (later(t)) {
		return;
	}
	if (u->state == DFUCAST_UPDATE_CONFIRM) {
		dfucast_update_refuse(t, DFUCAST_ERR_NOT_CONFIRMED);
	} else if (t->error.group == DFUCAST_SMP_GROUP_IMG &&
		   t->error.rc == DFUCAST_SMP_IMG_RC_HASH_NOT_FOUND) {
		/* It was reset while it waited: direct-XIP with revert erases what nobody has marked yet. */
		dfucast_update_upload_afresh(u, DFUCAST_ERR_NOT_LISTED);
	} else if (dfucast_update_says(t, DFUCAST_SMP_RC_NOT_SUPPORTED)) {
		nothing_to_mark(t);
	} else {
		/* Perhaps because the image runs: it was marked before, and the device reset by itself. */
		u->error_group = t->error.group;
		u->error_rc = t->error.rc;
		dfucast_update_enter(u, DFUCAST_UPDATE_PRECHECK);
	}
}

bool dfucast_update_was_refused(struct dfucast_update *u, bool is_marked)
{
	if (u->error_rc != 0 && !is_marked) {
		dfucast_update_fail(u, DFUCAST_ERR_REFUSED); /* with the words it gave then */
		return true;
	}
	update_forget_words(u);
	return false;
}

static void reset_answer(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (t->error.rc == 0) {
		update_set(u, UPDATE_WILL_RESET);
		dfucast_update_await_reset(t);
		return;
	}
	if (u->state == DFUCAST_UPDATE_RECOVERY) {
		later_or_refuse(t, DFUCAST_ERR_REFUSED);
		return;
	}
	u->holds = DFUCAST_HOLDS_PENDING;
	if (!dfucast_update_says_busy(t) || u->resets >= UPDATE_RESETS_BUSY_MAX) {
		dfucast_update_refuse(t, DFUCAST_ERR_REFUSED);
		return;
	}
	/* Once more, later, and what starts then is looked at anew. */
	u->resets++;
	dfucast_update_enter(u, DFUCAST_UPDATE_PRECHECK);
	update_clear(u, UPDATE_DUE);
	dfucast_update_arm(t, update_timeout_ms(plan));
}

/* The user wants the new image to start without the old one's settings: without that it is not started. */
static void settings_answer(const struct update_turn *t)
{
	struct dfucast_update *u = t->u;

	if (t->error.rc == 0) {
		update_set(u, UPDATE_SETTINGS_ERASED);
		dfucast_update_enter(u, update_activation(u));
	} else {
		later_or_refuse(t, DFUCAST_ERR_SETTINGS_KEPT);
	}
}

static void short_answer(struct update_turn *t, enum dfucast_smp_request request, const uint8_t *body,
			 size_t length)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	switch (request) {
	case DFUCAST_SMP_REQUEST_PARAMS:
		params_answer(t, body, length);
		return;
	case DFUCAST_SMP_REQUEST_BOOTLOADER:
		mode_answer(t, body, length);
		return;
	case DFUCAST_SMP_REQUEST_IMG_SLOTS:
		slots_answer(t, body, length);
		return;
	case DFUCAST_SMP_REQUEST_INFO:
		plan->matcher->answer(t, body, length);
		return;
	case DFUCAST_SMP_REQUEST_IMG_LIST:
		list_answer(t, body, length);
		return;
	default:
		break;
	}
	if (dfucast_smp_error_decode(body, length, &t->error) != 0) {
		update_set(u, UPDATE_MALFORMED);
		return;
	}
	if (request == DFUCAST_SMP_REQUEST_IMG_SET) {
		set_answer(t);
	} else if (request == DFUCAST_SMP_REQUEST_RESET) {
		reset_answer(t);
	} else if (request == DFUCAST_SMP_REQUEST_STORAGE_ERASE) {
		settings_answer(t);
	} else if (!later(t)) {
		/* Erase: whatever it says (servers differ about an empty slot), the first chunk's answer decides. */
		update_clear(u, UPDATE_FRESH);
		dfucast_update_enter(u, DFUCAST_UPDATE_FIRST);
	}
}

void dfucast_update_recv(const void *plan, void *device, const uint8_t *frame, size_t length, uint32_t now)
{
	struct dfucast_update *u = device;
	struct update_turn turn = {.plan = plan, .u = u, .now = now};
	struct dfucast_smp_header header;

	if (u->state == DFUCAST_UPDATE_ENDED || length < DFUCAST_SMP_HEADER_BYTES) {
		return;
	}
	dfucast_smp_header_decode(&header, frame);
	int index = dfucast_smp_client_match(&u->client, &header);

	if (index < 0 || length - DFUCAST_SMP_HEADER_BYTES < header.length) {
		return; /* late, foreign or unasked */
	}
	const struct dfucast_smp_pending *pending = &u->client.pending[index];
	enum dfucast_smp_request request = (enum dfucast_smp_request)pending->request;
	const uint8_t *body = frame + DFUCAST_SMP_HEADER_BYTES;

	if (update_has(u, UPDATE_TX) && pending->sequence == u->tx_sequence) {
		return; /* nobody can answer what has not been sent yet */
	}
	update_clear(u, UPDATE_NOISE | UPDATE_MALFORMED);
	update_set(u, UPDATE_HEARD);
	if (request == DFUCAST_SMP_REQUEST_IMG_UPLOAD) {
		dfucast_update_upload_answer(&turn, index, body, header.length);
	} else if (request == DFUCAST_SMP_REQUEST_ECHO) {
		dfucast_smp_client_remove(&u->client, index);
		dfucast_update_echo_answer(u);
	} else if (request != dfucast_update_request_of((enum dfucast_update_state)u->state)) {
		dfucast_smp_client_remove(&u->client, index); /* of a step that is over */
	} else {
		short_answer(&turn, request, body, header.length);
		/* A good answer moved the state on or started a pause; either way this request is no longer open. */
		if (!update_has(u, UPDATE_MALFORMED)) {
			index = dfucast_smp_client_match(&u->client, &header);
			if (index >= 0) {
				dfucast_smp_client_remove(&u->client, index);
			}
		}
	}
}
