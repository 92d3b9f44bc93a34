/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The requests this client makes, those that wait for an answer, and which of them an answer belongs to. Spec section 1, "Client matching
 * rule". What an entry's offset and length mean is the business of who added it.
 */
#include "body.h"

#include <dfucast/port.h>
#include <dfucast/smp_img.h>
#include <string.h>

/** What each request sends; NONE and RAW have no entry of their own. */
static const uint16_t requests[DFUCAST_SMP_REQUEST_COUNT] = {
    [DFUCAST_SMP_REQUEST_ECHO] = DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_OS, DFUCAST_SMP_OS_ECHO),
    [DFUCAST_SMP_REQUEST_RESET] = DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_OS, DFUCAST_SMP_OS_RESET),
    [DFUCAST_SMP_REQUEST_PARAMS] = DFUCAST_SMP_BODY_READ(DFUCAST_SMP_GROUP_OS, DFUCAST_SMP_OS_PARAMS),
    [DFUCAST_SMP_REQUEST_INFO] = DFUCAST_SMP_BODY_READ(DFUCAST_SMP_GROUP_OS, DFUCAST_SMP_OS_INFO),
    [DFUCAST_SMP_REQUEST_BOOTLOADER] = DFUCAST_SMP_BODY_READ(DFUCAST_SMP_GROUP_OS, DFUCAST_SMP_OS_BOOTLOADER),
    [DFUCAST_SMP_REQUEST_IMG_LIST] = DFUCAST_SMP_BODY_READ(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_STATE),
    [DFUCAST_SMP_REQUEST_IMG_SET] = DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_STATE),
    [DFUCAST_SMP_REQUEST_IMG_UPLOAD] = DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_UPLOAD),
    [DFUCAST_SMP_REQUEST_IMG_ERASE] = DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_ERASE),
    [DFUCAST_SMP_REQUEST_IMG_SLOTS] = DFUCAST_SMP_BODY_READ(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_SLOTS),
    [DFUCAST_SMP_REQUEST_STORAGE_ERASE] = DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_ZEPHYR, 0),
};

int dfucast_smp_request_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
			       enum dfucast_smp_request request, const char *key, const char *text)
{
	struct dfucast_smp_build build;

	DFUCAST_ASSERT(request > DFUCAST_SMP_REQUEST_RAW && request < DFUCAST_SMP_REQUEST_COUNT);
	dfucast_smp_build_start(&build, frame, capacity);
	if (key != NULL) {
		dfucast_smp_build_put(&build, key, DFUCAST_SMP_PUT_TEXT, strlen(text), text);
	}
	return dfucast_smp_build_finish(&build, id, requests[request], 0);
}

uint32_t dfucast_smp_raw_pack(enum dfucast_smp_op op, uint16_t group, uint8_t command)
{
	return (uint32_t)op << 24 | (uint32_t)group << 8 | command;
}

void dfucast_smp_client_init(struct dfucast_smp_client *client, uint8_t sequence_first)
{
	memset(client, 0, sizeof(*client));
	client->sequence_next = sequence_first;
	client->version = DFUCAST_SMP_V2;
}

struct dfucast_smp_pending *dfucast_smp_client_add(struct dfucast_smp_client *client,
						   enum dfucast_smp_request request, uint32_t offset,
						   uint16_t length)
{
	DFUCAST_ASSERT(client->count < DFUCAST_SMP_PENDING_MAX);
	DFUCAST_ASSERT(request > DFUCAST_SMP_REQUEST_NONE && request < DFUCAST_SMP_REQUEST_COUNT);

	struct dfucast_smp_pending *pending = &client->pending[client->count++];

	pending->offset = offset;
	pending->length = length;
	pending->sequence = client->sequence_next++;
	pending->request = (uint8_t)request;
	return pending;
}

int dfucast_smp_client_match(const struct dfucast_smp_client *client, const struct dfucast_smp_header *header)
{
	/* An answer's op is its request's plus one. Op 0 becomes one that no request has. */
	uint32_t answered =
	    ((uint32_t)header->op - 1u) << 24 | (uint32_t)header->group << 8 | header->command;

	for (int i = 0; i < client->count; i++) {
		const struct dfucast_smp_pending *pending = &client->pending[i];
		uint16_t what = requests[pending->request];
		uint32_t asked = pending->offset;

		if (pending->request != DFUCAST_SMP_REQUEST_RAW) {
			asked = (uint32_t)(what >> 14) << 24 | (what & 0x3FFFu);
		}
		if (pending->sequence == header->sequence && asked == answered) {
			return i;
		}
	}
	return -1;
}

void dfucast_smp_client_remove(struct dfucast_smp_client *client, int index)
{
	DFUCAST_ASSERT(index >= 0 && index < client->count);

	struct dfucast_smp_pending *gone = &client->pending[index];

	client->count--;
	memmove(gone, gone + 1, (size_t)(client->count - index) * sizeof(*gone));
}

void dfucast_smp_client_clear(struct dfucast_smp_client *client)
{
	client->count = 0;
}
