/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to CBOR and back, for requests that this program knows nothing about.
 *
 * | CBOR                                | JSON                                                        |
 * |-------------------------------------|-------------------------------------------------------------|
 * | map with text keys                  | object; other keys become their JSON text (decoding only)   |
 * | array, text, bool, null, float      | the same; a JSON number with no fraction is an integer      |
 * | integer                             | number; 64 bits are kept when decoding, 53 when encoding    |
 * | byte string                         | {"$hex":"00ff"}                                             |
 * | text that is no UTF-8 or has a NUL  | {"$text_hex":"..."} (decoding only)                         |
 * | tag n                               | {"$tag":n,"$value":...} (decoding only)                     |
 * | undefined                           | {"$undefined":true} (decoding only)                         |
 */
#ifndef CLI_JSON_CBOR_H
#define CLI_JSON_CBOR_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

/* Maps and arrays in each other; deeper input is refused in both directions. */
#define JSON_CBOR_DEPTH_MAX 16

/* Encodes. @return bytes, or 0 with a sentence in `why`. */
size_t json_cbor_encode(const cJSON *json, uint8_t *cbor, size_t capacity, char *why, size_t why_bytes);

/* Decodes exactly one item and nothing after it. NULL with a sentence in `why`. The caller deletes the result. */
cJSON *json_cbor_decode(const uint8_t *cbor, size_t length, char *why, size_t why_bytes);

#endif
