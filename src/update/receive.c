/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives: which outstanding request a frame answers, and its body decoded. What the answers mean is in answer.c,
 * for uploads in upload.c.
 */
#include "update_internal.h"

static int decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
		  union update_said *said, enum dfucast_smp_request request)
{
	switch (request) {
	case DFUCAST_SMP_REQUEST_PARAMS:
		return dfucast_smp_params_decode(body, length, error, &said->params);
	case DFUCAST_SMP_REQUEST_BOOTLOADER:
		return dfucast_smp_bootloader_decode(body, length, error, &said->bootloader);
	case DFUCAST_SMP_REQUEST_IMG_SLOTS:
		return dfucast_smp_slot_list_decode(body, length, error, &said->slots);
	case DFUCAST_SMP_REQUEST_IMG_LIST:
		return dfucast_smp_image_list_decode(body, length, error, &said->list);
	default:
		return dfucast_smp_error_decode(body, length, error);
	}
}

void dfucast_update_recv(const void *plan, void *device, const uint8_t *frame, size_t length, uint32_t now)
{
	struct dfucast_update *u = device;
	struct dfucast_smp_header header;
	struct dfucast_smp_error error;
	union update_said said;

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
	bool is_awaited = request == dfucast_update_request_of((enum dfucast_update_state)u->state);
	const uint8_t *body = frame + DFUCAST_SMP_HEADER_BYTES;

	if (pending == dfucast_update_tx(u)) {
		return; /* nobody can answer what has not been sent yet */
	}
	update_clear(u, UPDATE_NOISE | UPDATE_MALFORMED);
	if (request == DFUCAST_SMP_REQUEST_IMG_UPLOAD) {
		dfucast_update_upload_answer(plan, u, index, body, header.length, now);
		return;
	}
	if (is_awaited && decode(body, header.length, &error, &said, request) != 0) {
		update_set(u, UPDATE_MALFORMED); /* as if it had not come: the timer decides */
		return;
	}
	dfucast_smp_client_remove(&u->client, index);
	if (request == DFUCAST_SMP_REQUEST_ECHO) {
		dfucast_update_echo_answer(plan, u);
	} else if (is_awaited) { /* else: of a step that is over */
		dfucast_update_answer(plan, u, request, &said, &error, now);
	}
}
