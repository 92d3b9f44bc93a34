/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * CBOR bodies: scan, table-driven decoder, request builder. See body.h.
 */
#include "body.h"
#include "header.h"

#include <dfucast/port.h>
#include <string.h>
#include <zcbor_encode.h>

#define MAJOR(head) ((head) / 32u)
#define ADDITIONAL(head) ((head) % 32u)
#define ADDITIONAL_INDEFINITE 31u
#define BREAK 0xFFu

/* What is left at one level of the scan is a number of items. For indefinite lengths it is one of these, which start
 * out even and count down too; a body is far too short to change the four upper bits, the major type. */
#define OPEN(major) ((major) << 28 | 0x0FFFFFFEu)
#define OPENED(left) ((left) >> 28)

/**
 * Reads an item's head. @p value: the number in it, a value, a length or a count; UINT32_MAX stands for all that are
 * larger. @return the byte behind it, or NULL: cut short, or not well-formed
 */
static const uint8_t *head_read(const uint8_t *at, const uint8_t *end, uint32_t *value)
{
	if (at == end) {
		return NULL;
	}
	uint32_t number = ADDITIONAL(*at++);
	unsigned int power = number - ZCBOR_VALUE_IS_1_BYTE;

	if (power < 4u) {
		number = 0;
		for (unsigned int bytes = 1u << power; bytes != 0; bytes--) {
			if (at == end) {
				return NULL;
			}
			number = number > UINT32_MAX >> 8 ? UINT32_MAX : number << 8 | *at;
			at++;
		}
	} else if (number > ZCBOR_VALUE_IN_HEADER && number != ADDITIONAL_INDEFINITE) {
		return NULL;
	}
	*value = number;
	return at;
}

/**
 * Takes the next item, whole, off a container's content: there its end is then the content's begin. @return the item,
 * or NULL: cut short, not well-formed, or nested deeper than DFUCAST_SMP_NESTING_MAX, a tag counting as a level. Each
 * round takes at least one byte, and no count is believed that the bytes at hand cannot fulfil.
 */
static const uint8_t *item_next(struct dfucast_smp_text *rest)
{
	uint32_t stack[DFUCAST_SMP_NESTING_MAX + 1];
	uint32_t *left = stack;
	const uint8_t *item = (const uint8_t *)rest->text;
	const uint8_t *at = item;
	const uint8_t *end = at + rest->length;

	*left = 1;
	for (;;) {
		uint32_t number;
		const uint8_t *next = head_read(at, end, &number);

		if (next == NULL) {
			return NULL;
		}
		unsigned int head = *at;
		unsigned int major = MAJOR(head);
		unsigned int open = OPENED(--*left);
		bool is_indefinite = ADDITIONAL(head) == ADDITIONAL_INDEFINITE;
		uint32_t inside = 0;

		at = next;
		if (head == BREAK) {
			/* Only where a length is open, and not between a map's key and its value. */
			if (open == 0 || (open == ZCBOR_MAJOR_TYPE_MAP && (*left & 1u) == 0)) {
				return NULL;
			}
			*left = 0;
		} else if ((open == ZCBOR_MAJOR_TYPE_BSTR || open == ZCBOR_MAJOR_TYPE_TSTR) &&
			   (major != open || is_indefinite)) {
			/* An open string has definite strings of its own kind inside. */
			return NULL;
		} else if (major - ZCBOR_MAJOR_TYPE_BSTR <= ZCBOR_MAJOR_TYPE_MAP - ZCBOR_MAJOR_TYPE_BSTR) {
			if (is_indefinite) {
				inside = OPEN(major);
			} else if (number > (size_t)(end - at)) {
				return NULL;
			} else if (major < ZCBOR_MAJOR_TYPE_LIST) {
				at += number;
			} else {
				/* No body is longer than 65535, see decode: nothing is lost. */
				inside = number << (major - ZCBOR_MAJOR_TYPE_LIST);
			}
		} else if (is_indefinite) {
			return NULL;
		} else if (major == ZCBOR_MAJOR_TYPE_TAG) {
			inside = 1;
		}
		if (inside != 0) {
			if (left == &stack[DFUCAST_SMP_NESTING_MAX]) {
				return NULL;
			}
			*++left = inside;
		}
		while (*left == 0) {
			if (left == stack) {
				rest->text = (const char *)at;
				rest->length = (size_t)(end - at);
				return item;
			}
			left--;
		}
	}
}

/**
 * Reads one whole, checked item of the wanted kind, [@p at, @p end). @return false: it is of another kind, too large for
 * the field, or a number written longer than the field is.
 */
static bool item_read(const uint8_t *at, const char *end, const struct dfucast_smp_field *field, void *result)
{
	uint32_t number = 0;
	const uint8_t *content = head_read(at, (const uint8_t *)end, &number);
	unsigned int bytes = (unsigned int)(content - at) - 1u;
	unsigned int head = *at;
	unsigned int major = MAJOR(head);
	unsigned int kind = field->kind;
	unsigned int width = field->width;
	struct dfucast_smp_text *text = result;
	uint8_t *byte = result;
	bool is_indefinite = ADDITIONAL(head) == ADDITIONAL_INDEFINITE;

	if (kind <= DFUCAST_SMP_KIND_CODE) {
		if (major > ZCBOR_MAJOR_TYPE_NINT || bytes > width) {
			return false;
		}
		bool is_negative = major == ZCBOR_MAJOR_TYPE_NINT;

		if (kind == DFUCAST_SMP_KIND_CODE) {
			if (is_negative || number > UINT16_MAX) {
				number = UINT16_MAX;
			}
			*(uint16_t *)result = (uint16_t)number;
			return true;
		}
		if (width == 1) {
			*byte = (uint8_t)number;
		} else {
			/* A negative number is written as its complement. */
			*(uint32_t *)result = is_negative ? ~number : number;
		}
		return kind == DFUCAST_SMP_KIND_INT ? number <= INT32_MAX : !is_negative;
	}
	if (kind == DFUCAST_SMP_KIND_BOOL) {
		*byte = (uint8_t)((*byte & ~width) | ((head & 1u) != 0 ? width : 0u));
		return (head | 1u) == (DFUCAST_SMP_PUT_BOOL | DFUCAST_SMP_FALSE | 1u);
	}
	/* For everything else the scan has left nothing to do but to look at the first byte; these kinds are in the order
	 * of the major types. Strings in pieces would have to be put together. */
	if (major != kind - DFUCAST_SMP_KIND_LONG || (is_indefinite && major < ZCBOR_MAJOR_TYPE_LIST)) {
		return false;
	}
	if (is_indefinite) {
		end--;
	} else if (kind == DFUCAST_SMP_KIND_LONG) {
		content = at;
	}
	text->text = (const char *)content;
	text->length = (size_t)(end - text->text);
	return true;
}

/** Takes the next item off a container's content and reads it. */
static bool item_take(struct dfucast_smp_text *rest, const struct dfucast_smp_field *field, void *result)
{
	const uint8_t *item = item_next(rest);

	return item != NULL && item_read(item, rest->text, field, result);
}

static const struct dfucast_smp_field any_text = {NULL, DFUCAST_SMP_KIND_TEXT, 0, 0};
static const struct dfucast_smp_field any_map = {NULL, DFUCAST_SMP_KIND_MAP, 0, 0};
static const struct dfucast_smp_field any_number = {NULL, DFUCAST_SMP_KIND_UINT, sizeof(uint32_t), 0};

int dfucast_smp_body_map(struct dfucast_smp_text *map, const struct dfucast_smp_schema *schema, void *result)
{
	int found = 0;

	memset(result, 0, schema->bytes);
	while (map->length != 0) {
		struct dfucast_smp_text key;
		/* A malformed key is not passed over, and found again as the value. */
		bool has_name = item_take(map, &any_text, &key);
		const uint8_t *item = item_next(map);

		if (item == NULL) {
			return DFUCAST_ERR_MALFORMED;
		}
		for (unsigned int i = 0; has_name && i < schema->count; i++) {
			const struct dfucast_smp_field *field = &schema->fields[i];

			if (strlen(field->key) != key.length ||
			    memcmp(field->key, key.text, key.length) != 0) {
				continue;
			}
			if (item_read(item, map->text, field, (uint8_t *)result + field->offset)) {
				found |= 1 << i;
			} else if (field->width != DFUCAST_SMP_UNLESS_OTHER) {
				return DFUCAST_ERR_MALFORMED;
			}
			break;
		}
	}
	return found;
}

int dfucast_smp_body_element(struct dfucast_smp_text *list, const struct dfucast_smp_schema *schema,
			     void *result)
{
	struct dfucast_smp_text map;

	if (!item_take(list, &any_map, &map)) {
		return DFUCAST_ERR_MALFORMED;
	}
	return dfucast_smp_body_map(&map, schema, result);
}

int dfucast_smp_body_number(struct dfucast_smp_text *list, uint32_t *value)
{
	return item_take(list, &any_number, value) ? 0 : DFUCAST_ERR_MALFORMED;
}

int dfucast_smp_body_string(struct dfucast_smp_text *list, enum dfucast_smp_kind kind,
			    struct dfucast_smp_text *value)
{
	const struct dfucast_smp_field any_string = {.kind = (uint8_t)kind};

	return item_take(list, &any_string, value) ? 0 : DFUCAST_ERR_MALFORMED;
}

int dfucast_smp_body_named(struct dfucast_smp_text *map, struct dfucast_smp_text *name,
			   const struct dfucast_smp_schema *schema, void *result)
{
	if (!item_take(map, &any_text, name)) {
		return DFUCAST_ERR_MALFORMED;
	}
	return dfucast_smp_body_element(map, schema, result);
}

int dfucast_smp_body_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			    const struct dfucast_smp_schema *schema, void *result)
{
	struct dfucast_smp_text rest = {(const char *)body, length};
	struct dfucast_smp_text map = {NULL, 0};

	*error = (struct dfucast_smp_error){.group = DFUCAST_GROUP_NONE};
	/* Bytes behind the map are let be: no server sends them, and nothing here depends on them. */
	if (length > DFUCAST_SMP_BODY_BYTES_MAX ||
	    (length != 0 && (!item_take(&rest, &any_map, &map) || dfucast_smp_error_read(map, error) != 0))) {
		return DFUCAST_ERR_MALFORMED;
	}
	return dfucast_smp_body_map(&map, schema, result);
}

/* ---- requests ---------------------------------------------------------------------------------------------- */

void dfucast_smp_build_start(struct dfucast_smp_build *build, uint8_t *frame, size_t capacity)
{
	memset(build, 0, sizeof(*build));
	build->frame = frame;
	build->state.payload_mut = frame + DFUCAST_SMP_HEADER_BYTES + 1;
	build->state.payload_end = frame + capacity;
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
	if (bytes != NULL) {
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

	dfucast_smp_header_put(header, build->frame);
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
