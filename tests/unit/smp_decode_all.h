/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Every SMP decoder on the same bytes, and what must hold whenever one of them says it understood; and a way to
 * write CBOR down. Shared by the unit tests and the fuzzer.
 */
#ifndef SMP_DECODE_ALL_H
#define SMP_DECODE_ALL_H

#include <dfucast/smp_img.h>
#include <stdlib.h>
#include <string.h>

#define SMP_DECODER_COUNT 9
#define SMP_DECODED_ALL ((2u << SMP_DECODER_COUNT) - 1u) /* task statistics come on top */

#define MUST(condition) ((condition) ? (void)0 : abort())

struct smp_bytes {
	uint8_t data[1024];
	size_t length;
};

static inline unsigned int smp_digit(char digit)
{
	return (unsigned int)(digit <= '9' ? digit - '0' : digit - 'A' + 10);
}

/** CBOR written down: hex bytes, and 'text' with its head. */
static inline struct smp_bytes smp_cbor(const char *text)
{
	struct smp_bytes bytes = {.length = 0};

	while (*text != '\0') {
		if (*text == ' ') {
			text++;
		} else if (*text == '\'') {
			const char *end = strchr(text + 1, '\'');
			size_t length = (size_t)(end - text - 1);

			MUST(length < 24);
			bytes.data[bytes.length++] = (uint8_t)(0x60u + length);
			memcpy(bytes.data + bytes.length, text + 1, length);
			bytes.length += length;
			text = end + 1;
		} else {
			bytes.data[bytes.length++] = (uint8_t)(smp_digit(text[0]) << 4 | smp_digit(text[1]));
			text += 2;
		}
		MUST(bytes.length < sizeof(bytes.data) - 32);
	}
	return bytes;
}

struct smp_body {
	const uint8_t *bytes;
	size_t length;
	unsigned int tasks;
};

static inline void smp_inside(const struct smp_body *body, const void *start, size_t length)
{
	const uint8_t *at = start;

	if (at == NULL) {
		MUST(length == 0);
		return;
	}
	MUST(at >= body->bytes && at <= body->bytes + body->length);
	MUST(length <= (size_t)(body->bytes + body->length - at));
}

static inline void smp_task_check(void *context, const struct dfucast_smp_task *task)
{
	struct smp_body *body = context;

	smp_inside(body, task->name.text, task->name.length);
	MUST(task->name.text != NULL && task->present < 1u << 7);
	MUST((task->present & 1u << 0) != 0 || task->priority == 0);
	MUST((task->present & 1u << 6) != 0 || task->runtime == 0);
	body->tasks++;
}

/** @return which decoders succeeded, bit 0 the first */
static inline unsigned int smp_decode_all(const uint8_t *bytes, size_t length)
{
	struct smp_body body = {bytes, length, 0};
	struct dfucast_smp_error errors[SMP_DECODER_COUNT];
	struct dfucast_smp_text text[3];
	struct dfucast_smp_params params;
	struct dfucast_smp_bootloader bootloader;
	struct dfucast_smp_image_list list;
	struct dfucast_smp_slot_list slots;
	struct dfucast_smp_upload_answer answer;
	unsigned int decoded = 0;
	int result[SMP_DECODER_COUNT];

	memset(errors, 0xA5, sizeof(errors));
	memset(&list, 0xA5, sizeof(list));
	memset(&slots, 0xA5, sizeof(slots));
	result[0] = dfucast_smp_error_decode(bytes, length, &errors[0]);
	result[1] = dfucast_smp_echo_decode(bytes, length, &errors[1], &text[0]);
	result[2] = dfucast_smp_params_decode(bytes, length, &errors[2], &params);
	result[3] = dfucast_smp_info_decode(bytes, length, &errors[3], &text[1]);
	result[4] = dfucast_smp_bootloader_decode(bytes, length, &errors[4], &bootloader);
	result[5] = dfucast_smp_datetime_decode(bytes, length, &errors[5], &text[2]);
	result[6] = dfucast_smp_image_list_decode(bytes, length, &errors[6], &list);
	result[7] = dfucast_smp_upload_decode(bytes, length, &errors[7], &answer);
	result[8] = dfucast_smp_slot_list_decode(bytes, length, &errors[8], &slots);

	for (unsigned int i = 0; i < SMP_DECODER_COUNT; i++) {
		MUST(result[i] == 0 || result[i] == DFUCAST_ERR_MALFORMED);
		if (result[i] == 0) {
			decoded |= 1u << i;
			/* the error is the same for all that understood */
			MUST(result[0] == 0 && errors[i].group == errors[0].group);
			MUST(errors[i].rc == errors[0].rc && errors[i].has_rc == errors[0].has_rc);
			MUST(errors[i].rc != 0 || errors[i].group == DFUCAST_GROUP_NONE);
		}
	}
	for (unsigned int i = 0; i < 3; i++) {
		if (result[2 * i + 1] == 0) {
			smp_inside(&body, text[i].text, text[i].length);
		}
	}
	if (result[4] == 0) {
		smp_inside(&body, bootloader.name.text, bootloader.name.length);
	}
	if (result[6] == 0) {
		MUST(list.count <= DFUCAST_SMP_IMG_SLOTS_MAX);
		MUST(!list.truncated || list.count == DFUCAST_SMP_IMG_SLOTS_MAX);
		for (unsigned int i = 0; i < list.count; i++) {
			smp_inside(&body, list.slots[i].hash, list.slots[i].hash_bytes);
			smp_inside(&body, list.slots[i].version.text, list.slots[i].version.length);
			MUST(list.slots[i].hash_bytes <= DFUCAST_IMAGE_HASH_BYTES_MAX);
			MUST(list.slots[i].flags < 0x20);
		}
	}
	if (result[7] == 0) {
		MUST(answer.match <= DFUCAST_SMP_MATCH_TRUE && (answer.has_offset || answer.offset == 0));
	}
	if (result[8] == 0) {
		MUST(slots.count <= DFUCAST_SMP_IMG_SLOTS_MAX);
		for (unsigned int i = 0; i < slots.count; i++) {
			MUST(slots.slots[i].upload_image_id >= -1);
		}
	}

	struct dfucast_smp_error error;
	int tasks = dfucast_smp_taskstat_decode(bytes, length, &error, NULL, NULL);

	MUST(dfucast_smp_taskstat_decode(bytes, length, &error, smp_task_check, &body) == tasks);
	MUST(tasks == 0 || (tasks == DFUCAST_ERR_MALFORMED && body.tasks == 0));
	return decoded | (tasks == 0 ? 1u << SMP_DECODER_COUNT : 0u);
}

#endif
