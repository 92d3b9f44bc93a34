/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A frame being written whose body nests: answers, and the fleet group's messages. Inside the SMP codec only; plain
 * requests use body.h. Maps and lists are of indefinite length, so nothing has to be counted before it is written.
 * No room is remembered, and told by finish.
 */
#ifndef DFUCAST_SMP_WRITE_H
#define DFUCAST_SMP_WRITE_H

#include <dfucast/smp.h>
#include <dfucast/smp_os.h>
#include <zcbor_common.h>

struct dfucast_smp_writer {
	zcbor_state_t state;
	uint8_t *frame;
	bool is_full;
};

/** Opens the body's map. */
void dfucast_smp_write_start(struct dfucast_smp_writer *writer, uint8_t *frame, size_t capacity);
/** Closes the body's map and writes the header. @return bytes, or SPACE */
int dfucast_smp_write_finish(struct dfucast_smp_writer *writer, const struct dfucast_smp_header *header);
/** The same with the header of an answer to @p request. */
int dfucast_smp_write_answer(struct dfucast_smp_writer *writer, const struct dfucast_smp_header *request);

/** Bytes written so far, for whoever has to stay below a limit. */
size_t dfucast_smp_write_length(const struct dfucast_smp_writer *writer);

/* A value, with its key in front of it; @p key NULL: an element of a list. */
void dfucast_smp_write_uint(struct dfucast_smp_writer *writer, const char *key, uint32_t value);
/** Nothing for 0, which is what an absent key means. */
void dfucast_smp_write_uint_unless_0(struct dfucast_smp_writer *writer, const char *key, uint32_t value);
void dfucast_smp_write_int(struct dfucast_smp_writer *writer, const char *key, int32_t value);
void dfucast_smp_write_bool(struct dfucast_smp_writer *writer, const char *key, bool value);
void dfucast_smp_write_text(struct dfucast_smp_writer *writer, const char *key, struct dfucast_smp_text text);
void dfucast_smp_write_bytes(struct dfucast_smp_writer *writer, const char *key, const void *bytes,
			     size_t length);
void dfucast_smp_write_map(struct dfucast_smp_writer *writer, const char *key);
void dfucast_smp_write_list(struct dfucast_smp_writer *writer, const char *key);
/** Closes the innermost map or list. */
void dfucast_smp_write_end(struct dfucast_smp_writer *writer);

#endif
