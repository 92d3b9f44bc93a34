/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * See write.h.
 */
#include "write.h"
#include "body.h"

#include <string.h>
#include <zcbor_encode.h>

#define MAP_OPEN 0xBFu
#define LIST_OPEN 0x9Fu
#define BREAK 0xFFu

static void put_byte(struct dfucast_smp_writer *writer, uint8_t byte)
{
	if (writer->is_full || writer->state.payload == writer->state.payload_end) {
		writer->is_full = true;
		return;
	}
	*writer->state.payload_mut++ = byte;
}

/* A head of the unsigned integer's form under another type, and the content of a string. */
static void put(struct dfucast_smp_writer *writer, uint8_t type, uint32_t value, const void *bytes)
{
	uint8_t *at = writer->state.payload_mut;

	if (writer->is_full || !zcbor_uint32_put(&writer->state, value)) {
		writer->is_full = true;
		return;
	}
	*at |= type;
	if (bytes == NULL || value == 0) {
		return;
	}
	if (value > (size_t)(writer->state.payload_end - writer->state.payload)) {
		writer->is_full = true;
		return;
	}
	memcpy(writer->state.payload_mut, bytes, value);
	writer->state.payload_mut += value;
}

static void put_key(struct dfucast_smp_writer *writer, const char *key)
{
	if (key != NULL) {
		put(writer, DFUCAST_SMP_PUT_TEXT, (uint32_t)strlen(key), key);
	}
}

void dfucast_smp_write_start(struct dfucast_smp_writer *writer, uint8_t *frame, size_t capacity)
{
	size_t most = DFUCAST_SMP_HEADER_BYTES + DFUCAST_SMP_BODY_BYTES_MAX;

	memset(writer, 0, sizeof(*writer));
	writer->frame = frame;
	writer->is_full = capacity < DFUCAST_SMP_HEADER_BYTES;
	writer->state.payload_mut = frame + (writer->is_full ? 0 : DFUCAST_SMP_HEADER_BYTES);
	writer->state.payload_end = frame + (capacity < most ? capacity : most);
	put_byte(writer, MAP_OPEN);
}

int dfucast_smp_write_finish(struct dfucast_smp_writer *writer, const struct dfucast_smp_header *header)
{
	struct dfucast_smp_header whole = *header;

	put_byte(writer, BREAK);
	if (writer->is_full) {
		return DFUCAST_ERR_SPACE;
	}
	size_t length = (size_t)(writer->state.payload - writer->frame);

	whole.length = (uint16_t)(length - DFUCAST_SMP_HEADER_BYTES);
	dfucast_smp_header_encode(&whole, writer->frame);
	return (int)length;
}

int dfucast_smp_write_answer(struct dfucast_smp_writer *writer, const struct dfucast_smp_header *request)
{
	const struct dfucast_smp_header header = {
	    .op = request->op == DFUCAST_SMP_READ ? DFUCAST_SMP_READ_RESPONSE : DFUCAST_SMP_WRITE_RESPONSE,
	    .version = request->version > DFUCAST_SMP_V2 ? DFUCAST_SMP_V2 : request->version,
	    .sequence = request->sequence,
	    .group = request->group,
	    .command = request->command,
	};

	return dfucast_smp_write_finish(writer, &header);
}

size_t dfucast_smp_write_length(const struct dfucast_smp_writer *writer)
{
	return (size_t)(writer->state.payload - writer->frame);
}

void dfucast_smp_write_uint(struct dfucast_smp_writer *writer, const char *key, uint32_t value)
{
	put_key(writer, key);
	put(writer, DFUCAST_SMP_PUT_UINT, value, NULL);
}

void dfucast_smp_write_uint_unless_0(struct dfucast_smp_writer *writer, const char *key, uint32_t value)
{
	if (value != 0) {
		dfucast_smp_write_uint(writer, key, value);
	}
}

void dfucast_smp_write_int(struct dfucast_smp_writer *writer, const char *key, int32_t value)
{
	put_key(writer, key);
	if (writer->is_full || !zcbor_int32_put(&writer->state, value)) {
		writer->is_full = true;
	}
}

void dfucast_smp_write_bool(struct dfucast_smp_writer *writer, const char *key, bool value)
{
	put_key(writer, key);
	put_byte(writer, (uint8_t)(DFUCAST_SMP_PUT_BOOL + DFUCAST_SMP_FALSE + (value ? 1u : 0u)));
}

void dfucast_smp_write_text(struct dfucast_smp_writer *writer, const char *key, struct dfucast_smp_text text)
{
	put_key(writer, key);
	put(writer, DFUCAST_SMP_PUT_TEXT, (uint32_t)text.length, text.text);
}

void dfucast_smp_write_bytes(struct dfucast_smp_writer *writer, const char *key, const void *bytes,
			     size_t length)
{
	put_key(writer, key);
	put(writer, DFUCAST_SMP_PUT_BYTES, (uint32_t)length, bytes);
}

void dfucast_smp_write_map(struct dfucast_smp_writer *writer, const char *key)
{
	put_key(writer, key);
	put_byte(writer, MAP_OPEN);
}

void dfucast_smp_write_list(struct dfucast_smp_writer *writer, const char *key)
{
	put_key(writer, key);
	put_byte(writer, LIST_OPEN);
}

void dfucast_smp_write_end(struct dfucast_smp_writer *writer)
{
	put_byte(writer, BREAK);
}
