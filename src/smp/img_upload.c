/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Image group: upload. The data is no part of what is built here; it goes out of the image window. Spec section 4.
 */
#include "body.h"

#include <dfucast/smp_img.h>

/** Data up to these lengths needs a head of one byte, two bytes; beyond, three. */
#define DATA_HEAD_1_MAX 23u
#define DATA_HEAD_2_MAX 255u

int dfucast_smp_upload_head_encode(uint8_t *head, size_t capacity, struct dfucast_smp_id id,
				   const struct dfucast_smp_upload *upload)
{
	struct dfucast_smp_build build;
	bool is_first = upload->offset == 0;

	dfucast_smp_build_start(&build, head, capacity);
	if (is_first) {
		dfucast_smp_build_put(&build, "image", DFUCAST_SMP_PUT_UINT, upload->image, NULL);
		dfucast_smp_build_put(&build, "len", DFUCAST_SMP_PUT_UINT, upload->image_length, NULL);
	}
	dfucast_smp_build_put(&build, "off", DFUCAST_SMP_PUT_UINT, upload->offset, NULL);
	if (is_first && upload->sha != NULL) {
		dfucast_smp_build_put(&build, "sha", DFUCAST_SMP_PUT_BYTES, 32, upload->sha);
	}
	if (is_first && upload->upgrade_only) {
		dfucast_smp_build_bool(&build, "upgrade", true);
	}
	/* Last, so that the bytes that follow are the data and nothing comes after them. */
	dfucast_smp_build_put(&build, "data", DFUCAST_SMP_PUT_BYTES, upload->data_bytes, NULL);
	return dfucast_smp_build_finish(&build, id,
					DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_UPLOAD),
					upload->data_bytes);
}

/** Written for good and thrown away: a formula would be a second account of the same keys. */
size_t dfucast_smp_upload_head_bytes(const struct dfucast_smp_upload *upload)
{
	uint8_t head[DFUCAST_SMP_UPLOAD_HEAD_BYTES_MAX];

	return (size_t)dfucast_smp_upload_head_encode(head, sizeof(head), (struct dfucast_smp_id){0, 0},
						      upload);
}

uint16_t dfucast_smp_upload_data_max(const struct dfucast_smp_upload *upload, size_t frame_bytes)
{
	struct dfucast_smp_upload empty = *upload;
	size_t most = DFUCAST_SMP_HEADER_BYTES + DFUCAST_SMP_BODY_BYTES_MAX;
	size_t room = frame_bytes < most ? frame_bytes : most;
	size_t head;

	empty.data_bytes = 0;
	head = dfucast_smp_upload_head_bytes(&empty);
	if (room <= head) {
		return 0;
	}
	room -= head;
	/* Each longer head takes a byte; on the edge that byte stays unused. */
	if (room > DATA_HEAD_1_MAX) {
		room--;
	}
	if (room > DATA_HEAD_2_MAX) {
		room--;
	}
	return (uint16_t)room;
}

enum { FOUND_OFFSET = 1 << 0, FOUND_MATCH = 1 << 1 };

static const struct dfucast_smp_field answer_fields[] = {
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_upload_answer, "off", offset),
    {"match", DFUCAST_SMP_KIND_BOOL, DFUCAST_SMP_MATCH_TRUE,
     offsetof(struct dfucast_smp_upload_answer, match)},
};
DFUCAST_SMP_SCHEMA(answer, struct dfucast_smp_upload_answer);

int dfucast_smp_upload_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			      struct dfucast_smp_upload_answer *result)
{
	int found = dfucast_smp_body_decode(body, length, error, &answer, result);

	if (found < 0) {
		return found;
	}
	result->has_offset = (found & FOUND_OFFSET) != 0;
	if ((found & FOUND_MATCH) != 0 && result->match != DFUCAST_SMP_MATCH_TRUE) {
		result->match = DFUCAST_SMP_MATCH_FALSE;
	}
	return 0;
}
