/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing frames. Nothing is stored: a frame is rebuilt from its entry among the outstanding requests, the
 * device's state and the plan each time the carrier reads a part of it.
 */
#include "update_internal.h"
#include <string.h>

/* Longest frame that is not an upload: set-state with a 64-byte hash. */
#define SHORT_FRAME_BYTES_MAX 96u
_Static_assert(SHORT_FRAME_BYTES_MAX >= DFUCAST_SMP_UPLOAD_HEAD_BYTES_MAX,
	       "one scratch for heads and short frames");

const struct dfucast_smp_pending *dfucast_update_tx(const struct dfucast_update *u)
{
	if (!update_has(u, UPDATE_TX)) {
		return NULL;
	}
	for (unsigned int i = 0; i < u->client.count; i++) {
		if (u->client.pending[i].sequence == u->tx_sequence) {
			return &u->client.pending[i];
		}
	}
	return NULL;
}

void dfucast_update_forget_pending(struct dfucast_update *u)
{
	const struct dfucast_smp_pending *tx = dfucast_update_tx(u);

	if (tx == NULL) {
		dfucast_smp_client_clear(&u->client);
		return;
	}
	for (int i = (int)u->client.count - 1; i >= 0; i--) {
		if (u->client.pending[i].sequence != u->tx_sequence) {
			dfucast_smp_client_remove(&u->client, i);
		}
	}
}

static void describe_upload(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
			    uint32_t offset, uint16_t length, struct dfucast_smp_upload *upload)
{
	const struct dfucast_update_image *image = update_image(plan, u);

	memset(upload, 0, sizeof(*upload));
	upload->offset = offset;
	upload->data_bytes = length;
	upload->image_length = image->image_bytes;
	upload->sha = image->sha;
	upload->image = image->image;
	upload->upgrade_only = plan->upgrade_only;
}

size_t dfucast_update_first_bytes(const struct dfucast_update_plan *plan, const struct dfucast_update *u)
{
	struct dfucast_smp_upload upload;

	describe_upload(plan, u, 0, DFUCAST_IMAGE_HEADER_BYTES, &upload);
	return dfucast_smp_upload_head_bytes(&upload) + DFUCAST_IMAGE_HEADER_BYTES;
}

/* The head of an upload, or a whole short frame. @return its length; *data_bytes follow it. */
static size_t build(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
		    const struct dfucast_smp_pending *pending, uint8_t scratch[SHORT_FRAME_BYTES_MAX],
		    uint16_t *data_bytes)
{
	const struct dfucast_smp_id id = {.version = u->client.version, .sequence = pending->sequence};
	enum dfucast_smp_request request = (enum dfucast_smp_request)pending->request;
	/* Before the reset a hash names the staged image; afterwards never: confirm only what runs. */
	bool confirms = u->state == DFUCAST_UPDATE_CONFIRM;
	const struct dfucast_update_image *image = update_image(plan, u);
	struct dfucast_smp_upload upload;
	int length;

	*data_bytes = 0;
	switch (request) {
	case DFUCAST_SMP_REQUEST_ECHO:
		length = dfucast_smp_request_encode(scratch, SHORT_FRAME_BYTES_MAX, id, request, "d", "");
		break;
	case DFUCAST_SMP_REQUEST_BOOTLOADER:
		length =
		    dfucast_smp_request_encode(scratch, SHORT_FRAME_BYTES_MAX, id, request, "query", "mode");
		break;
	case DFUCAST_SMP_REQUEST_INFO:
		length = dfucast_smp_request_encode(scratch, SHORT_FRAME_BYTES_MAX, id, request, "format",
						    update_has(u, UPDATE_ASKS_BOARD) ? "i" : "n");
		break;
	case DFUCAST_SMP_REQUEST_IMG_ERASE:
		/* Slot 1 of image 0 is the server's own default, and all that old servers know. */
		length = dfucast_smp_image_erase_encode(scratch, SHORT_FRAME_BYTES_MAX, id,
							image->image ? image->image * 2 + 1 : -1);
		break;
	case DFUCAST_SMP_REQUEST_IMG_SET:
		length = dfucast_smp_image_set_encode(scratch, SHORT_FRAME_BYTES_MAX, id, image->hash,
						      confirms ? 0 : image->hash_bytes,
						      confirms || plan->mode == DFUCAST_MODE_CONFIRM);
		break;
	case DFUCAST_SMP_REQUEST_IMG_UPLOAD:
		describe_upload(plan, u, pending->offset, pending->length & UPDATE_LENGTH_MASK, &upload);
		*data_bytes = upload.data_bytes;
		length = dfucast_smp_upload_head_encode(scratch, SHORT_FRAME_BYTES_MAX, id, &upload);
		break;
	default: /* nothing in the body */
		length = dfucast_smp_request_encode(scratch, SHORT_FRAME_BYTES_MAX, id, request, NULL, NULL);
		break;
	}
	DFUCAST_ASSERT(length > 0);
	return (size_t)length;
}

/* The next upload request that may go out now; false: none. */
static bool next_upload(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
			const struct dfucast_grant *grant, uint32_t *offset, uint16_t *length)
{
	struct dfucast_smp_upload upload;
	uint32_t end = update_image(plan, u)->image_bytes;
	uint32_t base = dfucast_update_base(plan, u->image);
	/* The ring in offsets of this image. */
	uint32_t tail = grant->tail > base ? grant->tail - base : 0;
	uint32_t head = grant->head > base ? grant->head - base : 0;

	if (u->state != DFUCAST_UPDATE_STREAM || update_has(u, UPDATE_PAUSE | UPDATE_RESYNC_DUE) ||
	    u->client.count >= u->window || u->next >= end) {
		return false;
	}
	if (u->next < DFUCAST_IMAGE_HEADER_BYTES) {
		end =
		    DFUCAST_IMAGE_HEADER_BYTES; /* a first chunk that was cut: the plan has these bytes, the ring not */
	} else if (u->next < tail || u->next >= head) {
		return false;
	}
	describe_upload(plan, u, u->next, 0, &upload);
	uint32_t most = dfucast_smp_upload_data_max(&upload, u->frame_max);

	if (end - u->next > most) {
		end = u->next + most;
	}
	if (u->next >= DFUCAST_IMAGE_HEADER_BYTES && end > head) {
		if (!grant->partial) {
			return false; /* the rest of the chunk is on its way */
		}
		end = head;
	}
	*offset = u->next;
	*length = (uint16_t)(end - u->next);
	return *length > 0;
}

/* Puts the next request into the table of outstanding ones. */
static bool choose(const struct update_turn *t, const struct dfucast_grant *grant)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	const struct dfucast_smp_pending *added;
	uint32_t offset;
	uint16_t length;

	if (update_has(u, UPDATE_DUE)) {
		enum dfucast_smp_request request =
		    dfucast_update_request_of((enum dfucast_update_state)u->state);

		length = request == DFUCAST_SMP_REQUEST_IMG_UPLOAD ? DFUCAST_IMAGE_HEADER_BYTES : 0;
		update_clear(u, UPDATE_DUE);
		if (u->client.count >= DFUCAST_SMP_PENDING_MAX) {
			dfucast_smp_client_clear(
			    &u->client); /* left-overs of an upload: no longer of interest */
		}
		added = dfucast_smp_client_add(&u->client, request, 0, length);
	} else if (update_has(u, UPDATE_ECHO_DUE) && u->client.count < u->window) {
		update_clear(u, UPDATE_ECHO_DUE);
		added = dfucast_smp_client_add(&u->client, DFUCAST_SMP_REQUEST_ECHO, 0, 0);
	} else if (next_upload(plan, u, grant, &offset, &length)) {
		added = dfucast_smp_client_add(&u->client, DFUCAST_SMP_REQUEST_IMG_UPLOAD, offset, length);
		u->next = offset + length;
		u->sent_bytes += length;
		if (u->next > u->sent_max) {
			u->sent_max = u->next;
		}
		if (u->client.count > u->window_peak) {
			u->window_peak = u->client.count & 0xFu;
		}
	} else {
		return false;
	}
	u->tx_sequence = added->sequence;
	u->tx_ticks = 0;
	update_set(u, UPDATE_TX);
	if (!update_has(u, UPDATE_TIMER)) {
		dfucast_update_arm(t, UPDATE_RTT_MS_MIN);
	}
	return true;
}

bool dfucast_update_is_sending(const struct dfucast_update *update)
{
	return update_has(update, UPDATE_TX);
}

size_t dfucast_update_begin(const void *plan, void *device, const struct dfucast_grant *grant, uint32_t now)
{
	struct dfucast_update *u = device;
	const struct update_turn turn = {.plan = plan, .u = u, .now = now};
	uint8_t scratch[SHORT_FRAME_BYTES_MAX];
	uint16_t data_bytes;

	if (!update_has(u, UPDATE_LINK) || u->state == DFUCAST_UPDATE_ENDED ||
	    (!update_has(u, UPDATE_TX) && !choose(&turn, grant))) {
		return 0;
	}
	const struct dfucast_smp_pending *tx = dfucast_update_tx(u);

	DFUCAST_ASSERT(tx != NULL);
	return build(plan, u, tx, scratch, &data_bytes) + data_bytes;
}

static void read_data(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
		      const struct dfucast_image_bytes *image, uint32_t offset, uint8_t *buffer,
		      size_t length)
{
	if (offset < DFUCAST_IMAGE_HEADER_BYTES) {
		memcpy(buffer, update_image(plan, u)->header + offset, length);
	} else {
		image->read(image->context, dfucast_update_base(plan, u->image) + offset, buffer,
			    (uint32_t)length);
	}
}

void dfucast_update_read(const void *plan, const void *device, const struct dfucast_image_bytes *image,
			 size_t position, uint8_t *buffer, size_t length)
{
	const struct dfucast_update *u = device;
	const struct dfucast_smp_pending *tx = dfucast_update_tx(u);
	uint8_t scratch[SHORT_FRAME_BYTES_MAX];
	uint16_t data_bytes;

	DFUCAST_ASSERT(tx != NULL);
	size_t head = build(plan, u, tx, scratch, &data_bytes);

	DFUCAST_ASSERT(position + length <= head + data_bytes);
	if (position < head) {
		size_t part = head - position < length ? head - position : length;

		memcpy(buffer, scratch + position, part);
		buffer += part;
		position += part;
		length -= part;
	}
	if (length > 0) {
		read_data(plan, u, image, tx->offset + (uint32_t)(position - head), buffer, length);
	}
}

void dfucast_update_sent(const void *plan, void *device, uint32_t now)
{
	struct dfucast_update *u = device;
	const struct update_turn turn = {.plan = plan, .u = u, .now = now};
	const struct dfucast_smp_pending *tx = dfucast_update_tx(u);

	DFUCAST_ASSERT(tx != NULL);
	update_clear(u, UPDATE_TX);
	if (u->state == DFUCAST_UPDATE_ENDED || tx->request == DFUCAST_SMP_REQUEST_ECHO) {
		return; /* an echo is only a probe behind a first chunk, which has its own timer */
	}
	/* From here on it may have been done, whatever is heard. */
	if (tx->request == DFUCAST_SMP_REQUEST_RESET && u->resume == DFUCAST_UPDATE_RETURN) {
		u->holds = DFUCAST_HOLDS_UNKNOWN;
	} else if (tx->request == DFUCAST_SMP_REQUEST_IMG_SET && u->state == DFUCAST_UPDATE_TEST) {
		u->holds = DFUCAST_HOLDS_PENDING;
	} else if (tx->request == DFUCAST_SMP_REQUEST_IMG_ERASE || u->state == DFUCAST_UPDATE_FIRST) {
		u->holds = update_has(u, UPDATE_IN_PLACE) ? DFUCAST_HOLDS_TORN : DFUCAST_HOLDS_PART;
	}
	if (tx->request != DFUCAST_SMP_REQUEST_IMG_UPLOAD) {
		uint32_t patience = update_timeout_ms(plan);

		if (tx->request == DFUCAST_SMP_REQUEST_IMG_ERASE) {
			patience = update_erase_ms(plan); /* as a first chunk's */
		} else if (tx->request == DFUCAST_SMP_REQUEST_STORAGE_ERASE) {
			patience = UPDATE_SETTINGS_MS;
		}
		dfucast_update_arm(&turn, patience);
		return;
	}
	if (u->state == DFUCAST_UPDATE_FIRST) {
		u->limit_ms = now + update_erase_ms(plan);
		if (update_has(u, UPDATE_PROBES)) {
			update_set(u, UPDATE_ECHO_DUE);
		}
		dfucast_update_arm(&turn, UPDATE_ECHO_MS);
		return;
	}
	if (!update_has(u, UPDATE_SAMPLE)) {
		u->sample_sequence = tx->sequence;
		u->sample_ms = (uint16_t)now;
		update_set(u, UPDATE_SAMPLE);
	}
	dfucast_update_upload_arm(&turn);
	/* A device that goes back again and again could send us round for ever. (Not in begin(): nobody would look.) */
	if (u->sent_bytes / 4u >
	    dfucast_update_base(plan, dfucast_update_image_count(plan)) + UPDATE_SPARE_BYTES) {
		dfucast_update_fail(u, DFUCAST_ERR_NO_PROGRESS);
	}
}
