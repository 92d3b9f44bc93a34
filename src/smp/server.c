/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The server's half of the OS and image groups. Spec sections 2 to 5.
 */
#include "body.h"
#include "write.h"

#include <dfucast/smp_server.h>
#include <string.h>

/* ---- requests ---------------------------------------------------------------------------------------------- */

struct upload {
	struct dfucast_smp_text sha;
	struct dfucast_smp_text data;
	uint32_t offset;
	uint32_t length;
	uint32_t image;
	bool upgrade;
};

enum { FOUND_OFFSET = 1 << 0, FOUND_LENGTH = 1 << 1, FOUND_DATA = 1 << 4 };

static const struct dfucast_smp_field upload_fields[] = {
    {"off", DFUCAST_SMP_KIND_UINT, 4, offsetof(struct upload, offset)},
    {"len", DFUCAST_SMP_KIND_UINT, 4, offsetof(struct upload, length)},
    {"image", DFUCAST_SMP_KIND_UINT, 4, offsetof(struct upload, image)},
    {"sha", DFUCAST_SMP_KIND_BYTES, 0, offsetof(struct upload, sha)},
    {"data", DFUCAST_SMP_KIND_BYTES, 0, offsetof(struct upload, data)},
    {"upgrade", DFUCAST_SMP_KIND_BOOL, 1, offsetof(struct upload, upgrade)},
};
DFUCAST_SMP_SCHEMA(upload, struct upload);

int dfucast_smp_upload_request_decode(const uint8_t *body, size_t length,
				      struct dfucast_smp_upload_request *request)
{
	struct dfucast_smp_error ignored;
	struct upload said;
	int found = dfucast_smp_body_decode(body, length, &ignored, &upload, &said);

	if (found < 0) {
		return found;
	}
	*request = (struct dfucast_smp_upload_request){
	    .offset = said.offset,
	    .image_length = said.length,
	    .image = said.image,
	    .sha = said.sha.length != 0 ? (const uint8_t *)said.sha.text : NULL,
	    .data = (found & FOUND_DATA) != 0 ? (const uint8_t *)said.data.text : NULL,
	    .sha_bytes = (uint16_t)said.sha.length,
	    .data_bytes = (uint16_t)said.data.length,
	    .has_offset = (found & FOUND_OFFSET) != 0,
	    .has_length = (found & FOUND_LENGTH) != 0,
	    .upgrade_only = said.upgrade,
	};
	return 0;
}

struct set {
	struct dfucast_smp_text hash;
	bool confirm;
};

static const struct dfucast_smp_field set_fields[] = {
    {"hash", DFUCAST_SMP_KIND_BYTES, 0, offsetof(struct set, hash)},
    {"confirm", DFUCAST_SMP_KIND_BOOL, 1, offsetof(struct set, confirm)},
};
DFUCAST_SMP_SCHEMA(set, struct set);

int dfucast_smp_set_request_decode(const uint8_t *body, size_t length,
				   struct dfucast_smp_set_request *request)
{
	struct dfucast_smp_error ignored;
	struct set said;
	int found = dfucast_smp_body_decode(body, length, &ignored, &set, &said);

	if (found < 0) {
		return found;
	}
	request->hash = said.hash.length != 0 ? (const uint8_t *)said.hash.text : NULL;
	request->hash_bytes = (uint16_t)said.hash.length;
	request->confirm = said.confirm;
	return 0;
}

static const struct dfucast_smp_field erase_fields[] = {{"slot", DFUCAST_SMP_KIND_UINT, 4, 0}};
DFUCAST_SMP_SCHEMA(erase, uint32_t);

int dfucast_smp_erase_request_decode(const uint8_t *body, size_t length, int *slot)
{
	struct dfucast_smp_error ignored;
	uint32_t said;
	int found = dfucast_smp_body_decode(body, length, &ignored, &erase, &said);

	if (found < 0) {
		return found;
	}
	*slot = found == 0 ? -1 : said > INT16_MAX ? INT16_MAX : (int)said;
	return 0;
}

int dfucast_smp_text_request_decode(const uint8_t *body, size_t length, const char *key,
				    struct dfucast_smp_text *text)
{
	const struct dfucast_smp_field field = {key, DFUCAST_SMP_KIND_TEXT, 0, 0};
	const struct dfucast_smp_schema schema = {&field, 1, sizeof(*text)};
	struct dfucast_smp_error ignored;

	return dfucast_smp_body_read(body, length, &ignored, &schema, text);
}

/* ---- answers ----------------------------------------------------------------------------------------------- */

int dfucast_smp_answer_rc(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			  enum dfucast_smp_rc rc)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	if (rc != DFUCAST_SMP_RC_OK) {
		dfucast_smp_write_uint(&writer, "rc", rc);
	}
	return dfucast_smp_write_answer(&writer, request);
}

int dfucast_smp_answer_error(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			     uint16_t group, uint16_t code, enum dfucast_smp_rc rc)
{
	struct dfucast_smp_writer writer;

	if (request->version == DFUCAST_SMP_V1) {
		return dfucast_smp_answer_rc(frame, capacity, request, rc);
	}
	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_map(&writer, "err");
	dfucast_smp_write_uint(&writer, "group", group);
	dfucast_smp_write_uint(&writer, "rc", code);
	dfucast_smp_write_end(&writer);
	return dfucast_smp_write_answer(&writer, request);
}

int dfucast_smp_answer_upload(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			      uint32_t offset, enum dfucast_smp_match match)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_uint(&writer, "off", offset);
	if (match != DFUCAST_SMP_MATCH_ABSENT) {
		dfucast_smp_write_bool(&writer, "match", match == DFUCAST_SMP_MATCH_TRUE);
	}
	return dfucast_smp_write_answer(&writer, request);
}

int dfucast_smp_answer_text(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			    const char *key, struct dfucast_smp_text text)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_text(&writer, key, text);
	return dfucast_smp_write_answer(&writer, request);
}

int dfucast_smp_answer_numbers(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			       const char *key, uint32_t value, const char *key2, uint32_t value2)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_uint(&writer, key, value);
	if (key2 != NULL) {
		dfucast_smp_write_uint(&writer, key2, value2);
	}
	return dfucast_smp_write_answer(&writer, request);
}

static void write_slot(struct dfucast_smp_writer *writer, const struct dfucast_smp_slot *slot,
		       bool with_image)
{
	static const struct {
		const char *key;
		uint8_t flag;
	} flags[] = {
	    {"bootable", DFUCAST_SMP_SLOT_BOOTABLE},   {"pending", DFUCAST_SMP_SLOT_PENDING},
	    {"confirmed", DFUCAST_SMP_SLOT_CONFIRMED}, {"active", DFUCAST_SMP_SLOT_ACTIVE},
	    {"permanent", DFUCAST_SMP_SLOT_PERMANENT},
	};

	dfucast_smp_write_map(writer, NULL);
	if (with_image) {
		dfucast_smp_write_uint(writer, "image", slot->image);
	}
	dfucast_smp_write_uint(writer, "slot", slot->slot);
	dfucast_smp_write_text(writer, "version", slot->version);
	if (slot->hash != NULL) {
		dfucast_smp_write_bytes(writer, "hash", slot->hash, slot->hash_bytes);
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		dfucast_smp_write_bool(writer, flags[i].key, (slot->flags & flags[i].flag) != 0);
	}
	dfucast_smp_write_end(writer);
}

int dfucast_smp_answer_images(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			      const struct dfucast_smp_slot *slots, size_t count)
{
	struct dfucast_smp_writer writer;
	bool with_image = false;

	for (size_t i = 0; i < count; i++) {
		with_image |= slots[i].image != 0;
	}
	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_list(&writer, "images");
	for (size_t i = 0; i < count; i++) {
		write_slot(&writer, &slots[i], with_image);
	}
	dfucast_smp_write_end(&writer);
	dfucast_smp_write_uint(&writer, "splitStatus", 0);
	return dfucast_smp_write_answer(&writer, request);
}

int dfucast_smp_answer_slots(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			     uint32_t size)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_list(&writer, "images");
	dfucast_smp_write_map(&writer, NULL);
	dfucast_smp_write_uint(&writer, "image", 0);
	dfucast_smp_write_list(&writer, "slots");
	for (uint32_t slot = 0; slot < 2; slot++) {
		dfucast_smp_write_map(&writer, NULL);
		dfucast_smp_write_uint(&writer, "slot", slot);
		if (size != 0) {
			dfucast_smp_write_uint(&writer, "size", size);
		}
		dfucast_smp_write_end(&writer);
	}
	dfucast_smp_write_end(&writer);
	dfucast_smp_write_end(&writer);
	dfucast_smp_write_end(&writer);
	return dfucast_smp_write_answer(&writer, request);
}
