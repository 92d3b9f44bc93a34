/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to CBOR and back, over cJSON and zcbor. The functions call themselves at most JSON_CBOR_DEPTH_MAX deep.
 */
#define _GNU_SOURCE 1
#include "json_cbor.h"
#include "cli.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zcbor_decode.h>
#include <zcbor_encode.h>

/* Largest integer that a double, which is all that cJSON keeps, holds exactly. */
#define EXACT_MAX 9007199254740992.0

struct reason {
	char *text;
	size_t bytes;
};

static bool complain(const struct reason *why, const char *sentence)
{
	/* the first, innermost reason is the one that helps */
	if (why->bytes > 0 && why->text[0] == '\0')
		(void)snprintf(why->text, why->bytes, "%s", sentence);
	return false;
}

/* ---- encoding ------------------------------------------------------------------------------------------------ */

static bool encode_item(zcbor_state_t *state, const cJSON *item, int depth, const struct reason *why);

static bool encode_number(zcbor_state_t *state, double number, const struct reason *why)
{
	if (!isfinite(number))
		return complain(why, "a number is too large");
	if (number > EXACT_MAX || number < -EXACT_MAX)
		return complain(why, "a number beyond 2^53 cannot be kept exactly");
	if ((double)(int64_t)number != number)
		return zcbor_float64_put(state, number);
	return zcbor_int64_put(state, (int64_t)number);
}

/* {"$hex":"…"} */
static bool encode_bytes(zcbor_state_t *state, const char *hex, const struct reason *why)
{
	size_t length = strlen(hex) / 2;
	uint8_t *bytes = malloc(length + 1);
	struct zcbor_string string = {bytes, length};
	bool good = bytes != NULL;

	if (good && hex[0] != '\0' && cli_hex_parse(hex, bytes, length) == 0)
		good = complain(why, "\"$hex\" takes an even number of hex digits");
	good = good && zcbor_bstr_encode(state, &string);
	free(bytes);
	return good;
}

static bool encode_object(zcbor_state_t *state, const cJSON *object, int depth, const struct reason *why)
{
	size_t count = (size_t)cJSON_GetArraySize(object);
	const cJSON *first = object->child;

	if (count == 1 && strcmp(first->string, "$hex") == 0 && cJSON_IsString(first))
		return encode_bytes(state, first->valuestring, why);
	if (!zcbor_map_start_encode(state, count))
		return false;
	for (const cJSON *item = first; item != NULL; item = item->next) {
		if (!zcbor_tstr_encode_ptr(state, item->string, strlen(item->string)) ||
		    !encode_item(state, item, depth + 1, why))
			return false;
	}
	return zcbor_map_end_encode(state, count);
}

static bool encode_array(zcbor_state_t *state, const cJSON *array, int depth, const struct reason *why)
{
	size_t count = (size_t)cJSON_GetArraySize(array);

	if (!zcbor_list_start_encode(state, count))
		return false;
	for (const cJSON *item = array->child; item != NULL; item = item->next) {
		if (!encode_item(state, item, depth + 1, why))
			return false;
	}
	return zcbor_list_end_encode(state, count);
}

static bool encode_item(zcbor_state_t *state, const cJSON *item, int depth, const struct reason *why)
{
	if (depth > JSON_CBOR_DEPTH_MAX)
		return complain(why, "objects and arrays lie too deep in each other");
	if (cJSON_IsObject(item))
		return encode_object(state, item, depth, why);
	if (cJSON_IsArray(item))
		return encode_array(state, item, depth, why);
	if (cJSON_IsString(item))
		return zcbor_tstr_encode_ptr(state, item->valuestring, strlen(item->valuestring));
	if (cJSON_IsNumber(item))
		return encode_number(state, item->valuedouble, why);
	if (cJSON_IsBool(item))
		return zcbor_bool_put(state, cJSON_IsTrue(item));
	return zcbor_nil_put(state, NULL);
}

size_t json_cbor_encode(const cJSON *json, uint8_t *cbor, size_t capacity, char *why_text, size_t why_bytes)
{
	const struct reason why = {why_text, why_bytes};

	ZCBOR_STATE_E(state, JSON_CBOR_DEPTH_MAX + 1, cbor, capacity, 1);
	why_text[0] = '\0';
	if (!encode_item(state, json, 0, &why)) {
		(void)complain(&why, "it does not fit one request");
		return 0;
	}
	return (size_t)(state->payload - cbor);
}

/* ---- decoding ------------------------------------------------------------------------------------------------ */

static cJSON *decode_item(zcbor_state_t *state, int depth, const struct reason *why);

static cJSON *hex_object(const char *key, const struct zcbor_string *bytes)
{
	cJSON *object = cJSON_CreateObject();
	char *hex = malloc(2 * bytes->len + 1);

	if (hex != NULL) {
		cli_hex_format(hex, bytes->value, bytes->len);
		(void)cJSON_AddStringToObject(object, key, hex);
	}
	free(hex);
	return object;
}

/* Text as a JSON string, if JSON and C can hold it as it is; NULL otherwise. */
static cJSON *text_string(const struct zcbor_string *text)
{
	char *copy = malloc(text->len + 6);
	cJSON *string = NULL;

	if (copy == NULL)
		return NULL;
	if (output_is_text((const char *)text->value, text->len)) {
		memcpy(copy, text->value, text->len);
		copy[text->len] = '\0';
		string = cJSON_CreateString(copy);
	}
	free(copy);
	return string;
}

static cJSON *decode_text(zcbor_state_t *state)
{
	struct zcbor_string text;
	cJSON *string;

	if (!zcbor_tstr_decode(state, &text))
		return NULL;
	string = text_string(&text);
	return string != NULL ? string : hex_object("$text_hex", &text);
}

/* As text: cJSON's own numbers are doubles. */
static cJSON *decode_integer(zcbor_state_t *state, bool negative)
{
	uint64_t positive = 0;
	int64_t number = 0;
	char text[32];

	if (negative ? !zcbor_int64_decode(state, &number) : !zcbor_uint64_decode(state, &positive))
		return NULL;
	if (negative)
		(void)snprintf(text, sizeof(text), "%" PRId64, number);
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, positive);
	return cJSON_CreateRaw(text);
}

static cJSON *decode_simple(zcbor_state_t *state)
{
	bool truth;
	double number;
	cJSON *object;

	if (zcbor_bool_decode(state, &truth))
		return cJSON_CreateBool(truth);
	if (zcbor_nil_expect(state, NULL))
		return cJSON_CreateNull();
	if (zcbor_float_decode(state, &number))
		return cJSON_CreateNumber(number); /* not a number and infinity print as null */
	if (!zcbor_undefined_expect(state, NULL))
		return NULL;
	object = cJSON_CreateObject();
	(void)cJSON_AddTrueToObject(object, "$undefined");
	return object;
}

static cJSON *decode_tag(zcbor_state_t *state, int depth, const struct reason *why)
{
	uint32_t tag;
	cJSON *object;
	cJSON *value;

	if (!zcbor_tag_decode(state, &tag))
		return NULL;
	value = decode_item(state, depth + 1, why);
	if (value == NULL)
		return NULL;
	object = cJSON_CreateObject();
	(void)cJSON_AddNumberToObject(object, "$tag", tag);
	(void)cJSON_AddItemToObject(object, "$value", value);
	return object;
}

static cJSON *decode_array(zcbor_state_t *state, int depth, const struct reason *why)
{
	cJSON *array;

	if (!zcbor_list_start_decode(state))
		return NULL;
	array = cJSON_CreateArray();
	while (!zcbor_array_at_end(state)) {
		cJSON *item = decode_item(state, depth + 1, why);

		if (item == NULL) {
			cJSON_Delete(array);
			return NULL;
		}
		(void)cJSON_AddItemToArray(array, item);
	}
	if (zcbor_list_end_decode(state))
		return array;
	cJSON_Delete(array);
	return NULL;
}

/* A key and its value into `map`. */
static bool decode_member(zcbor_state_t *state, cJSON *map, int depth, const struct reason *why)
{
	cJSON *key = decode_item(state, depth + 1, why);
	cJSON *value = key != NULL ? decode_item(state, depth + 1, why) : NULL;
	char *name = NULL;

	if (value != NULL && !cJSON_IsString(key))
		name = cJSON_PrintUnformatted(key);
	if (value != NULL && (cJSON_IsString(key) || name != NULL))
		(void)cJSON_AddItemToObject(map, name != NULL ? name : key->valuestring, value);
	cJSON_free(name);
	cJSON_Delete(key);
	return value != NULL;
}

static cJSON *decode_map(zcbor_state_t *state, int depth, const struct reason *why)
{
	cJSON *map;

	if (!zcbor_map_start_decode(state))
		return NULL;
	map = cJSON_CreateObject();
	while (!zcbor_array_at_end(state)) {
		if (!decode_member(state, map, depth, why)) {
			cJSON_Delete(map);
			return NULL;
		}
	}
	if (zcbor_map_end_decode(state))
		return map;
	cJSON_Delete(map);
	return NULL;
}

static cJSON *decode_item(zcbor_state_t *state, int depth, const struct reason *why)
{
	struct zcbor_string bytes;

	if (depth > JSON_CBOR_DEPTH_MAX) {
		(void)complain(why, "maps and arrays lie too deep in each other");
		return NULL;
	}
	if (state->payload >= state->payload_end) {
		(void)complain(why, "the CBOR ends too early");
		return NULL;
	}
	switch (ZCBOR_MAJOR_TYPE(*state->payload)) {
	case ZCBOR_MAJOR_TYPE_PINT:
		return decode_integer(state, false);
	case ZCBOR_MAJOR_TYPE_NINT:
		return decode_integer(state, true);
	case ZCBOR_MAJOR_TYPE_BSTR:
		return zcbor_bstr_decode(state, &bytes) ? hex_object("$hex", &bytes) : NULL;
	case ZCBOR_MAJOR_TYPE_TSTR:
		return decode_text(state);
	case ZCBOR_MAJOR_TYPE_LIST:
		return decode_array(state, depth, why);
	case ZCBOR_MAJOR_TYPE_MAP:
		return decode_map(state, depth, why);
	case ZCBOR_MAJOR_TYPE_TAG:
		return decode_tag(state, depth, why);
	default:
		return decode_simple(state);
	}
}

cJSON *json_cbor_decode(const uint8_t *cbor, size_t length, char *why_text, size_t why_bytes)
{
	const struct reason why = {why_text, why_bytes};
	cJSON *json;

	ZCBOR_STATE_D(state, JSON_CBOR_DEPTH_MAX + 1, cbor, length, 1, 0);
	why_text[0] = '\0';
	json = decode_item(state, 0, &why);
	if (json == NULL) {
		(void)complain(&why, "it is not well-formed CBOR");
	} else if (state->payload != cbor + length) {
		(void)complain(&why, "bytes follow the CBOR item");
		cJSON_Delete(json);
		json = NULL;
	}
	return json;
}
