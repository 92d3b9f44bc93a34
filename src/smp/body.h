/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * CBOR bodies, inside the SMP codec only: a builder for requests, and one decoder for all answers, driven by
 * tables of the keys an answer may have.
 *
 * zcbor writes the heads of all values. What is done here instead:
 * - Reading: where an item ends, what its head says, and what lies inside a string, list or map. zcbor_any_skip() calls
 *   itself once for every level of the input, and a peer could exhaust a microcontroller's stack with a few hundred bytes
 *   of 0x81; zcbor's map functions need a backup state for each level. The scan used here has a fixed stack of
 *   DFUCAST_SMP_NESTING_MAX counters. It checks the whole body once before anything is decoded, and then finds the bounds
 *   of keys, values and list elements. Since it reads every head anyway, zcbor's reading of numbers would be 500 bytes of
 *   code for what is done already.
 * - The map head of requests: always definite, whether or not zcbor was built with ZCBOR_CANONICAL.
 */
#ifndef DFUCAST_SMP_BODY_H
#define DFUCAST_SMP_BODY_H

#include <dfucast/smp.h>
#include <dfucast/smp_os.h>
#include <zcbor_common.h>

#define DFUCAST_SMP_BODY_BYTES_MAX 0xFFFFu

/** op, group (up to 63) and command of this client's own requests in 16 bits. */
#define DFUCAST_SMP_BODY_WHAT(op, group, command) ((uint16_t)((op) << 14 | (group) << 8 | (command)))
#define DFUCAST_SMP_BODY_READ(group, command) DFUCAST_SMP_BODY_WHAT(DFUCAST_SMP_READ, group, command)
#define DFUCAST_SMP_BODY_WRITE(group, command) DFUCAST_SMP_BODY_WHAT(DFUCAST_SMP_WRITE, group, command)

/* ---- requests ---------------------------------------------------------------------------------------------- */

/** A request being written. No room is remembered, and told by finish. */
struct dfucast_smp_build {
	uint8_t *frame;
	uint8_t pairs;
	bool is_full;
	zcbor_state_t state;
};

/** First byte of a value, or'ed over the head of the unsigned integer `value`. */
enum dfucast_smp_put {
	DFUCAST_SMP_PUT_UINT = 0x00,
	DFUCAST_SMP_PUT_BYTES = 0x40,
	DFUCAST_SMP_PUT_TEXT = 0x60,
	DFUCAST_SMP_PUT_BOOL = 0xE0, /**< use dfucast_smp_build_bool() */
};

/** The simple value; true is one more. zcbor has had two names for it. */
#define DFUCAST_SMP_FALSE 20u

void dfucast_smp_build_start(struct dfucast_smp_build *build, uint8_t *frame, size_t capacity);

/**
 * Adds a key and its value. UINT: @p value. BYTES, TEXT: @p value is the length, @p bytes the content; with NULL
 * only the head is written and the content is the caller's business.
 */
void dfucast_smp_build_put(struct dfucast_smp_build *build, const char *key, enum dfucast_smp_put put,
			   size_t value, const void *bytes);

void dfucast_smp_build_bool(struct dfucast_smp_build *build, const char *key, bool value);

/** Writes header and map head. @p extra: bytes the caller sends behind the frame, counted in the header's length.
 *  @return bytes in the frame, or SPACE */
int dfucast_smp_build_finish(struct dfucast_smp_build *build, struct dfucast_smp_id id, uint16_t what,
			     size_t extra);

/** A whole request with one text, or with an empty map when @p key is NULL. */
int dfucast_smp_build_text(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, uint16_t what,
			   const char *key, const struct dfucast_smp_text *text);

/** A whole request with an empty map. */
int dfucast_smp_build_empty(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, uint16_t what);

/* ---- answers ----------------------------------------------------------------------------------------------- */

enum dfucast_smp_kind {
	DFUCAST_SMP_KIND_UINT, /**< uint8_t with `width` 1, uint32_t with 2 or 4: bytes on the wire, at most */
	DFUCAST_SMP_KIND_INT,  /**< int32_t, `width` 4 */
	DFUCAST_SMP_KIND_CODE, /**< any integer as uint16_t, `width` 8; 65535 for what does not fit in less */
	DFUCAST_SMP_KIND_BOOL, /**< the bits of `width` in a byte: 1 for a bool */
	DFUCAST_SMP_KIND_LONG, /**< unsigned, as a struct dfucast_smp_text that is the whole item, head and all */
	/** This and the following: struct dfucast_smp_text, the content. */
	DFUCAST_SMP_KIND_BYTES = DFUCAST_SMP_KIND_LONG + 2,
	DFUCAST_SMP_KIND_TEXT,
	DFUCAST_SMP_KIND_LIST,
	DFUCAST_SMP_KIND_MAP,
};

/** As the `width` of a map: anything else under this key makes it an unknown key. */
#define DFUCAST_SMP_UNLESS_OTHER 0xFFu

struct dfucast_smp_field {
	const char *key;
	uint8_t kind;
	uint8_t width;
	uint16_t offset; /**< in the result */
};

/** The keys of one map, at most 30, and the size of the struct they go into. */
struct dfucast_smp_schema {
	const struct dfucast_smp_field *fields;
	uint8_t count;
	uint8_t bytes;
};

/* Fields of the usual kinds: key and member of `struct type`. */
#define DFUCAST_SMP_FIELD_UINT(type, key, member)                                                            \
	{                                                                                                    \
		key, DFUCAST_SMP_KIND_UINT, 4, offsetof(struct type, member)                                 \
	}
#define DFUCAST_SMP_FIELD_INT(type, key, member)                                                             \
	{                                                                                                    \
		key, DFUCAST_SMP_KIND_INT, 4, offsetof(struct type, member)                                  \
	}
#define DFUCAST_SMP_FIELD_BOOL(type, key, member)                                                            \
	{                                                                                                    \
		key, DFUCAST_SMP_KIND_BOOL, 1, offsetof(struct type, member)                                 \
	}
#define DFUCAST_SMP_FIELD_TEXT(type, key, member)                                                            \
	{                                                                                                    \
		key, DFUCAST_SMP_KIND_TEXT, 0, offsetof(struct type, member)                                 \
	}
#define DFUCAST_SMP_FIELD_BYTES(type, key, member)                                                           \
	{                                                                                                    \
		key, DFUCAST_SMP_KIND_BYTES, 0, offsetof(struct type, member)                                \
	}

#define DFUCAST_SMP_SCHEMA(name, type)                                                                       \
	static const struct dfucast_smp_schema name = {                                                      \
	    name##_fields, sizeof(name##_fields) / sizeof(name##_fields[0]), sizeof(type)}

/**
 * Zeroes the result, then reads a map's content into it. Of @p map nothing is left.
 * @return the keys found, bit n for the n-th field of the schema, or MALFORMED
 */
int dfucast_smp_body_map(struct dfucast_smp_text *map, const struct dfucast_smp_schema *schema, void *result);

/** Takes the next element off a list's content (which must not be empty), a map, and reads it as above. */
int dfucast_smp_body_element(struct dfucast_smp_text *list, const struct dfucast_smp_schema *schema,
			     void *result);

/** Takes the next element off a list's content (which must not be empty), an unsigned number. @return 0 or MALFORMED */
int dfucast_smp_body_number(struct dfucast_smp_text *list, uint32_t *value);

/** The same for a text, or with DFUCAST_SMP_KIND_BYTES for bytes. */
int dfucast_smp_body_string(struct dfucast_smp_text *list, enum dfucast_smp_kind kind,
			    struct dfucast_smp_text *value);

/** Takes the next key and value off a map's content (which must not be empty): text to map. As above. */
int dfucast_smp_body_named(struct dfucast_smp_text *map, struct dfucast_smp_text *name,
			   const struct dfucast_smp_schema *schema, void *result);

/** A whole body: checks it, reads error and result. Empty: success, nothing found. As above. */
int dfucast_smp_body_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			    const struct dfucast_smp_schema *schema, void *result);

/** The same for results that need no more work. @return 0 or MALFORMED */
static inline int dfucast_smp_body_read(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
					const struct dfucast_smp_schema *schema, void *result)
{
	int found = dfucast_smp_body_decode(body, length, error, schema, result);

	return found < 0 ? found : 0;
}

/** The error of a checked body's map, error.c. @return 0 or MALFORMED */
int dfucast_smp_error_read(struct dfucast_smp_text map, struct dfucast_smp_error *error);

#endif
