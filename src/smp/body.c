/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * CBOR bodies: scan, table-driven decoder, request builder. See body.h.
 */
#include "body.h"

#include <dfucast/port.h>
#include <string.h>
#include <zcbor_encode.h>

#define MAJOR(head) ((head) / 32u)
#define ADDITIONAL(head) ((head) % 32u)
#define ADDITIONAL_INDEFINITE 31u
#define BREAK 0xFFu

/* What is left at one level of the scan is a number of items. For indefinite lengths it is one of these, which start
 * out even and count down too; a body is far too short to change the four upper bits. */
#define OPEN(major) (((major) + 6u) << 28 | 0x0FFFFFFEu)
#define OPEN_BITS(left) ((left) >> 28)

/** Bytes that follow an item's first byte as its argument. */
static unsigned int argument_bytes(unsigned int head)
{
	unsigned int additional = ADDITIONAL(head) - ZCBOR_VALUE_IS_1_BYTE;

	return additional < 4u ? 1u << additional : 0u;
}

/** The number in an item's head, all of whose bytes are there: a value, a length or a count. */
static uint64_t argument(const uint8_t *head)
{
	unsigned int bytes = argument_bytes(*head);
	uint64_t value = bytes != 0 ? 0 : ADDITIONAL(*head);

	for (; bytes != 0; bytes--) {
		value = value << 8 | *++head;
	}
	return value;
}

/**
 * The end of the item at @p at, or NULL: cut short, not well-formed, or nested deeper than DFUCAST_SMP_NESTING_MAX,
 * a tag counting as a level. Each round takes at least one byte, and no count is believed that the bytes at hand
 * cannot fulfil.
 */
static const uint8_t *item_end(const uint8_t *at, const uint8_t *end)
{
	uint32_t stack[DFUCAST_SMP_NESTING_MAX + 1];
	uint32_t *left = stack;

	*left = 1;
	for (;;) {
		if (at == end) {
			return NULL;
		}
		unsigned int head = *at++;
		unsigned int major = MAJOR(head);
		unsigned int open = OPEN_BITS(*left);
		uint32_t value = ADDITIONAL(head);
		unsigned int bytes = argument_bytes(head);
		bool is_indefinite = value == ADDITIONAL_INDEFINITE;

		if (head == BREAK) {
			/* Only where a length is open, and not between a map's key and its value. */
			if (open == 0 ||
			    (open == OPEN_BITS(OPEN(ZCBOR_MAJOR_TYPE_MAP)) && (*left & 1u) != 0)) {
				return NULL;
			}
			*left = 1;
			value = 0;
		} else if ((open | 1u) == OPEN_BITS(OPEN(ZCBOR_MAJOR_TYPE_TSTR)) &&
			   (open != OPEN_BITS(OPEN(major)) || is_indefinite)) {
			/* An open string has definite strings of its own kind inside. */
			return NULL;
		} else if (is_indefinite) {
			if (major - ZCBOR_MAJOR_TYPE_BSTR > ZCBOR_MAJOR_TYPE_MAP - ZCBOR_MAJOR_TYPE_BSTR) {
				return NULL;
			}
			value = OPEN(major);
		} else {
			if (bytes > (size_t)(end - at) || (bytes == 0 && value > ZCBOR_VALUE_IN_HEADER)) {
				return NULL;
			}
			uint64_t number = argument(at - 1);

			at += bytes;
			value = 0;
			if (major == ZCBOR_MAJOR_TYPE_TAG) {
				value = 1;
			} else if (major - ZCBOR_MAJOR_TYPE_BSTR <=
				   ZCBOR_MAJOR_TYPE_MAP - ZCBOR_MAJOR_TYPE_BSTR) {
				if (number > (size_t)(end - at)) {
					return NULL;
				}
				if (major < ZCBOR_MAJOR_TYPE_LIST) {
					at += number;
				} else {
					/* No body is longer than 65535, see decode: nothing is lost. */
					value = (uint32_t)number << (major - ZCBOR_MAJOR_TYPE_LIST);
				}
			}
		}
		--*left;
		if (value != 0) {
			if (left == &stack[DFUCAST_SMP_NESTING_MAX]) {
				return NULL;
			}
			*++left = value;
		}
		while (*left == 0) {
			if (left == stack) {
				return at;
			}
			left--;
		}
	}
}

/** Takes the next item, whole, off a container's content. */
static bool item_next(struct dfucast_smp_text *rest, struct dfucast_smp_text *item)
{
	const uint8_t *at = (const uint8_t *)rest->text;
	const uint8_t *end = item_end(at, at + rest->length);

	if (end == NULL) {
		return false;
	}
	item->text = rest->text;
	item->length = (size_t)(end - at);
	rest->text += item->length;
	rest->length -= item->length;
	return true;
}

/** Reads an integer. @return false: it is none, too large for the field, or written longer than the field is. */
static bool number_read(const uint8_t *at, unsigned int kind, unsigned int width, void *result)
{
	unsigned int major = MAJOR(*at);
	uint64_t number = argument(at);
	bool is_negative = major == ZCBOR_MAJOR_TYPE_NINT;

	if (kind == DFUCAST_SMP_KIND_CODE) {
		*(uint16_t *)result = is_negative || number > UINT16_MAX ? UINT16_MAX : (uint16_t)number;
		return major <= ZCBOR_MAJOR_TYPE_NINT;
	}
	if (argument_bytes(*at) > width) {
		return false;
	}
	if (kind == DFUCAST_SMP_KIND_INT) {
		/* A negative number is written as its complement. */
		*(uint32_t *)result = is_negative ? ~(uint32_t)number : (uint32_t)number;
		return major <= ZCBOR_MAJOR_TYPE_NINT && number <= INT32_MAX;
	}
	switch (width) {
	case 1:
		*(uint8_t *)result = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)result = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)result = (uint32_t)number;
		break;
	default:
		*(uint64_t *)result = number;
		break;
	}
	return major == ZCBOR_MAJOR_TYPE_PINT;
}

/**
 * Reads one whole, checked item of the wanted kind: for everything but numbers the scan has left nothing to do but to
 * look at the first byte. @return false: it is of another kind, or too large.
 */
static bool item_read(struct dfucast_smp_text item, unsigned int kind, unsigned int width, void *result)
{
	const uint8_t *at = (const uint8_t *)item.text;
	unsigned int head = *at;
	uint8_t *byte = result;
	struct dfucast_smp_text *content = result;
	bool is_indefinite = ADDITIONAL(head) == ADDITIONAL_INDEFINITE;
	unsigned int skip = 1u + argument_bytes(head);

	if (kind < DFUCAST_SMP_KIND_BOOL) {
		return number_read(at, kind, width, result);
	}
	if (kind == DFUCAST_SMP_KIND_BOOL) {
		*byte = (uint8_t)((*byte & ~width) | ((head & 1u) != 0 ? width : 0u));
		return (head | 1u) == (DFUCAST_SMP_PUT_BOOL | DFUCAST_SMP_FALSE | 1u);
	}
	content->text = item.text + skip;
	content->length = item.length - skip - (is_indefinite ? 1u : 0u);
	/* Kinds and major types are in the same order. Strings in pieces would have to be put together. */
	return MAJOR(head) == kind - DFUCAST_SMP_KIND_BYTES + ZCBOR_MAJOR_TYPE_BSTR &&
	       !(is_indefinite && kind < DFUCAST_SMP_KIND_LIST);
}

int dfucast_smp_body_map(struct dfucast_smp_text map, const struct dfucast_smp_schema *schema, void *result)
{
	int found = 0;

	memset(result, 0, schema->bytes);
	while (map.length != 0) {
		struct dfucast_smp_text item;
		struct dfucast_smp_text key;
		bool has_name;

		if (!item_next(&map, &item)) {
			return DFUCAST_ERR_MALFORMED;
		}
		has_name = item_read(item, DFUCAST_SMP_KIND_TEXT, 0, &key);
		if (map.length == 0 || !item_next(&map, &item)) {
			return DFUCAST_ERR_MALFORMED;
		}
		for (unsigned int i = 0; has_name && i < schema->count; i++) {
			const struct dfucast_smp_field *field = &schema->fields[i];
			uint8_t kind = field->kind;

			if (strlen(field->key) != key.length ||
			    memcmp(field->key, key.text, key.length) != 0) {
				continue;
			}
			if (kind == DFUCAST_SMP_KIND_MAP_ONLY) {
				if ((uint8_t)*item.text >> 5 != ZCBOR_MAJOR_TYPE_MAP) {
					break;
				}
				kind = DFUCAST_SMP_KIND_MAP;
			}
			if (!item_read(item, kind, field->width, (uint8_t *)result + field->offset)) {
				return DFUCAST_ERR_MALFORMED;
			}
			found |= 1 << i;
			break;
		}
	}
	return found;
}

int dfucast_smp_body_element(struct dfucast_smp_text *list, const struct dfucast_smp_schema *schema,
			     void *result)
{
	struct dfucast_smp_text item;

	if (!item_next(list, &item) || !item_read(item, DFUCAST_SMP_KIND_MAP, 0, &item)) {
		return DFUCAST_ERR_MALFORMED;
	}
	return dfucast_smp_body_map(item, schema, result);
}

int dfucast_smp_body_number(struct dfucast_smp_text *list, uint32_t *value)
{
	struct dfucast_smp_text item;

	return item_next(list, &item) && item_read(item, DFUCAST_SMP_KIND_UINT, sizeof(*value), value)
		   ? 0
		   : DFUCAST_ERR_MALFORMED;
}

int dfucast_smp_body_named(struct dfucast_smp_text *map, struct dfucast_smp_text *name,
			   const struct dfucast_smp_schema *schema, void *result)
{
	struct dfucast_smp_text item;

	if (!item_next(map, &item) || !item_read(item, DFUCAST_SMP_KIND_TEXT, 0, name) || map->length == 0) {
		return DFUCAST_ERR_MALFORMED;
	}
	return dfucast_smp_body_element(map, schema, result);
}

int dfucast_smp_body_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			    const struct dfucast_smp_schema *schema, void *result)
{
	struct dfucast_smp_text rest = {(const char *)body, length};
	struct dfucast_smp_text item;

	error->group = DFUCAST_GROUP_NONE;
	error->rc = 0;
	error->has_rc = false;
	if (length == 0) {
		memset(result, 0, schema->bytes);
		return 0;
	}
	/* Bytes behind the map are let be: no server sends them, and nothing here depends on them. */
	if (length > DFUCAST_SMP_BODY_BYTES_MAX || !item_next(&rest, &item) ||
	    !item_read(item, DFUCAST_SMP_KIND_MAP, 0, &item) || dfucast_smp_error_read(item, error) != 0) {
		return DFUCAST_ERR_MALFORMED;
	}
	return dfucast_smp_body_map(item, schema, result);
}

int dfucast_smp_body_read(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			  const struct dfucast_smp_schema *schema, void *result)
{
	int found = dfucast_smp_body_decode(body, length, error, schema, result);

	return found < 0 ? found : 0;
}

/* ---- requests ---------------------------------------------------------------------------------------------- */

void dfucast_smp_build_start(struct dfucast_smp_build *build, uint8_t *frame, size_t capacity)
{
	size_t most = DFUCAST_SMP_HEADER_BYTES + DFUCAST_SMP_BODY_BYTES_MAX;

	memset(build, 0, sizeof(*build));
	build->frame = frame;
	build->state.payload_mut = frame + DFUCAST_SMP_HEADER_BYTES + 1;
	build->state.payload_end = frame + (capacity < most ? capacity : most);
	build->is_full = capacity < DFUCAST_SMP_HEADER_BYTES + 1;
}

/** zcbor writes the shortest head of the number; heads of all types differ only in the three bits put over it. */
static void put(struct dfucast_smp_build *build, uint8_t type, size_t value, const void *bytes)
{
	uint8_t *at = build->state.payload_mut;

	if (build->is_full || value > UINT32_MAX || !zcbor_uint32_put(&build->state, (uint32_t)value)) {
		build->is_full = true;
		return;
	}
	*at |= type;
	if (bytes != NULL && value != 0) {
		if (value > (size_t)(build->state.payload_end - build->state.payload)) {
			build->is_full = true;
			return;
		}
		memcpy(build->state.payload_mut, bytes, value);
		build->state.payload_mut += value;
	}
}

void dfucast_smp_build_put(struct dfucast_smp_build *build, const char *key, enum dfucast_smp_put type,
			   size_t value, const void *bytes)
{
	put(build, DFUCAST_SMP_PUT_TEXT, strlen(key), key);
	put(build, (uint8_t)type, value, bytes);
	build->pairs++;
}

void dfucast_smp_build_bool(struct dfucast_smp_build *build, const char *key, bool value)
{
	dfucast_smp_build_put(build, key, DFUCAST_SMP_PUT_BOOL, DFUCAST_SMP_FALSE + (value ? 1u : 0u), NULL);
}

int dfucast_smp_build_finish(struct dfucast_smp_build *build, struct dfucast_smp_id id, uint16_t what,
			     size_t extra)
{
	size_t length = (size_t)(build->state.payload - build->frame);
	size_t body = length - DFUCAST_SMP_HEADER_BYTES + extra;

	if (build->is_full || body > DFUCAST_SMP_BODY_BYTES_MAX) {
		return DFUCAST_ERR_SPACE;
	}
	struct dfucast_smp_header header = {
	    .op = (uint8_t)(what >> 14),
	    .version = id.version,
	    .sequence = id.sequence,
	    .length = (uint16_t)body,
	    .group = (what >> 8) & 0x3Fu,
	    .command = (uint8_t)what,
	};

	dfucast_smp_header_encode(&header, build->frame);
	/* No request has as many as 24 keys. */
	build->frame[DFUCAST_SMP_HEADER_BYTES] = (uint8_t)(0xA0u + build->pairs);
	return (int)length;
}

int dfucast_smp_build_text(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, uint16_t what,
			   const char *key, const struct dfucast_smp_text *text)
{
	struct dfucast_smp_build build;

	dfucast_smp_build_start(&build, frame, capacity);
	if (key != NULL) {
		dfucast_smp_build_put(&build, key, DFUCAST_SMP_PUT_TEXT, text->length, text->text);
	}
	return dfucast_smp_build_finish(&build, id, what, 0);
}

int dfucast_smp_build_empty(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, uint16_t what)
{
	return dfucast_smp_build_text(frame, capacity, id, what, NULL, NULL);
}
