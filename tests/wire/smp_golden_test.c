/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The worked examples of the protocol notes, byte for byte: requests as our encoders write them, answers as our
 * decoders read them, every field. The number in a test's name is the section the bytes stand in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dfucast/smp_img.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	fail_msg("assert at %s:%d", file, line);
	abort();
}

struct bytes {
	uint8_t data[512];
	size_t length;
};

/** Hex digits; everything else is there for the reader. */
static struct bytes hex(const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	struct bytes bytes = {.length = 0};
	unsigned int nibbles = 0;

	for (; *text != '\0'; text++) {
		const char *digit = strchr(digits, *text);

		if (digit == NULL) {
			continue;
		}
		assert_true(bytes.length < sizeof(bytes.data));
		bytes.data[bytes.length] = (uint8_t)(bytes.data[bytes.length] << 4 | (digit - digits));
		bytes.length += nibbles++ & 1u;
	}
	assert_int_equal(nibbles & 1u, 0);
	return bytes;
}

static void frame_is(const uint8_t *frame, int length, const char *expected)
{
	struct bytes bytes = hex(expected);

	assert_int_equal(length, bytes.length);
	assert_memory_equal(frame, bytes.data, bytes.length);
}

/** An answer's header, whole. @return its body */
static struct bytes body_of(const char *text, uint8_t op, uint8_t version, uint16_t group, uint8_t sequence,
			    uint8_t command)
{
	struct bytes bytes = hex(text);
	struct dfucast_smp_header header;
	uint8_t again[8];

	assert_true(bytes.length >= DFUCAST_SMP_HEADER_BYTES);
	dfucast_smp_header_decode(&header, bytes.data);
	assert_int_equal(header.op, op);
	assert_int_equal(header.version, version);
	assert_int_equal(header.flags, 0);
	assert_int_equal(header.group, group);
	assert_int_equal(header.sequence, sequence);
	assert_int_equal(header.command, command);
	assert_int_equal(header.length, bytes.length - DFUCAST_SMP_HEADER_BYTES);
	dfucast_smp_header_encode(&header, again);
	assert_memory_equal(again, bytes.data, sizeof(again));
	bytes.length -= DFUCAST_SMP_HEADER_BYTES;
	memmove(bytes.data, bytes.data + DFUCAST_SMP_HEADER_BYTES, bytes.length);
	return bytes;
}

static struct dfucast_smp_text text_of(const char *text)
{
	return (struct dfucast_smp_text){text, strlen(text)};
}

static void text_is(struct dfucast_smp_text text, const char *expected)
{
	assert_int_equal(text.length, strlen(expected));
	assert_memory_equal(text.text, expected, text.length);
}

static void error_is(struct dfucast_smp_error error, uint16_t group, uint16_t rc, bool has_rc)
{
	assert_int_equal(error.group, group);
	assert_int_equal(error.rc, rc);
	assert_int_equal(error.has_rc, has_rc);
}

static struct dfucast_smp_id id_of(uint8_t version, uint8_t sequence)
{
	return (struct dfucast_smp_id){version, sequence};
}

static void section_1_echo(void **state)
{
	uint8_t frame[32];
	struct dfucast_smp_error error;
	struct dfucast_smp_text text;
	int length =
	    dfucast_smp_echo_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 0x42), text_of("hi"));

	(void)state;
	frame_is(frame, length, "0A 00 00 06 00 00 42 00 | A1 61 64 62 68 69");

	struct bytes body = body_of("0B 00 00 07 00 00 42 00 | BF 61 72 62 68 69 FF", 3, 1, 0, 0x42, 0);

	assert_int_equal(dfucast_smp_echo_decode(body.data, body.length, &error, &text), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
	text_is(text, "hi");
}

static void section_1_reset_v1(void **state)
{
	uint8_t frame[32];
	struct dfucast_smp_error error;
	int length = dfucast_smp_reset_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V1, 1), false, -1);

	(void)state;
	frame_is(frame, length, "02 00 00 01 00 00 01 05 | A0");

	struct bytes body = body_of("03 00 00 02 00 00 01 05 | BF FF", 3, 0, 0, 1, 5);

	assert_int_equal(dfucast_smp_error_decode(body.data, body.length, &error), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
}

static void section_1_params(void **state)
{
	uint8_t frame[32];
	struct dfucast_smp_error error;
	struct dfucast_smp_params params;
	int length = dfucast_smp_params_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 2));

	(void)state;
	frame_is(frame, length, "08 00 00 01 00 00 02 06 | A0");

	struct bytes body = body_of("09 00 00 19 00 00 02 06 | BF 68 62 75 66 5F 73 69 7A 65 19 09 AB"
				    " 69 62 75 66 5F 63 6F 75 6E 74 04 FF",
				    1, 1, 0, 2, 6);

	assert_int_equal(dfucast_smp_params_decode(body.data, body.length, &error, &params), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
	assert_int_equal(params.buf_size, 2475);
	assert_int_equal(params.buf_count, 4);
}

static void section_1_bootloader_mode(void **state)
{
	uint8_t frame[32];
	struct dfucast_smp_error error;
	struct dfucast_smp_bootloader bootloader;
	int length =
	    dfucast_smp_bootloader_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 3), text_of("mode"));

	(void)state;
	frame_is(frame, length, "08 00 00 0C 00 00 03 08 | A1 65 71 75 65 72 79 64 6D 6F 64 65");

	struct bytes body = body_of("09 00 00 08 00 00 03 08 | BF 64 6D 6F 64 65 03 FF", 1, 1, 0, 3, 8);

	assert_int_equal(dfucast_smp_bootloader_decode(body.data, body.length, &error, &bootloader), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
	assert_int_equal(bootloader.mode, DFUCAST_BOOT_SWAP_MOVE);
	assert_int_equal(bootloader.name.length, 0);
	assert_false(bootloader.no_downgrade);
}

static void section_2_errors(void **state)
{
	static const struct {
		const char *frame;
		uint8_t op, version, sequence, command;
		uint16_t group;
		uint16_t error_group, rc;
		bool has_rc;
	} rows[] = {
	    {"03 00 00 06 00 01 06 00 | BF 62 72 63 08 FF", 3, 0, 6, 0, 1, DFUCAST_GROUP_NONE,
	     DFUCAST_SMP_RC_NOT_SUPPORTED, true},
	    {"03 00 00 12 00 01 07 01 | BF 62 72 63 05 63 72 73 6E 67 6E 6F 20 73 6C 6F 74 FF", 3, 0, 7, 1, 1,
	     DFUCAST_GROUP_NONE, DFUCAST_SMP_RC_NO_ENTRY, true},
	    {"0B 00 00 14 00 01 07 01 | BF 63 65 72 72 BF 65 67 72 6F 75 70 01 62 72 63 18 1E FF FF", 3, 1, 7,
	     1, 1, DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_RC_IMAGE_TOO_LARGE, false},
	    {"0B 00 00 06 00 00 08 09 | BF 62 72 63 08 FF", 3, 1, 8, 9, 0, DFUCAST_GROUP_NONE,
	     DFUCAST_SMP_RC_NOT_SUPPORTED, true},
	    /* the third row as Zephyr 3.4.0 said it */
	    {"0B 00 00 14 00 01 07 01 | BF 63 72 65 74 BF 65 67 72 6F 75 70 01 62 72 63 18 1E FF FF", 3, 1, 7,
	     1, 1, DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_RC_IMAGE_TOO_LARGE, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes body = body_of(rows[i].frame, rows[i].op, rows[i].version, rows[i].group,
					    rows[i].sequence, rows[i].command);
		struct dfucast_smp_error error;
		struct dfucast_smp_upload_answer answer;

		assert_int_equal(dfucast_smp_error_decode(body.data, body.length, &error), 0);
		error_is(error, rows[i].error_group, rows[i].rc, rows[i].has_rc);
		assert_int_equal(dfucast_smp_upload_decode(body.data, body.length, &error, &answer), 0);
		error_is(error, rows[i].error_group, rows[i].rc, rows[i].has_rc);
		assert_false(answer.has_offset);
		assert_int_equal(answer.match, DFUCAST_SMP_MATCH_ABSENT);
	}
}

static void section_3_0_info(void **state)
{
	const struct dfucast_smp_text letter = {"i", 1};
	struct dfucast_smp_error error;
	struct dfucast_smp_text told;
	uint8_t frame[32];
	int length = dfucast_smp_info_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 0x18), letter);
	struct bytes body = body_of("09 00 00 1D 00 00 18 07 | BF 66 6F 75 74 70 75 74"
				    " 73 6E 72 66 35 32 38 34 30 64 6B 2F 6E 72 66 35 32 38 34 30 FF",
				    1, 1, 0, 0x18, 7);

	(void)state;
	frame_is(frame, length, "08 00 00 0A 00 00 18 07 | A1 66 66 6F 72 6D 61 74 61 69");
	assert_int_equal(dfucast_smp_info_decode(body.data, body.length, &error, &told), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
	assert_int_equal(told.length, 19);
	assert_memory_equal(told.text, "nrf52840dk/nrf52840", 19);
}

static void section_3_1_slot_info(void **state)
{
	uint8_t frame[16];
	struct dfucast_smp_error error;
	struct dfucast_smp_slot_list list;
	int length = dfucast_smp_slot_list_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 0x14));
	struct bytes body =
	    body_of("09 00 00 51 00 01 14 06 | BF 66 69 6D 61 67 65 73 9F BF 65 69 6D 61 67 65 00"
		    " 65 73 6C 6F 74 73 9F"
		    " BF 64 73 6C 6F 74 00 64 73 69 7A 65 1A 00 07 80 00 FF"
		    " BF 64 73 6C 6F 74 01 64 73 69 7A 65 1A 00 07 80 00"
		    " 6F 75 70 6C 6F 61 64 5F 69 6D 61 67 65 5F 69 64 00 FF FF FF FF FF",
		    1, 1, 1, 0x14, 6);

	(void)state;
	frame_is(frame, length, "08 00 00 01 00 01 14 06 | A0");
	assert_int_equal(dfucast_smp_slot_list_decode(body.data, body.length, &error, &list), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
	assert_int_equal(list.count, 2);
	for (uint8_t i = 0; i < 2; i++) {
		assert_int_equal(list.slots[i].image, 0);
		assert_int_equal(list.slots[i].slot, i);
		assert_int_equal(list.slots[i].size, 0x78000);
		assert_int_equal(list.slots[i].rc, 0);
		assert_int_equal(list.slots[i].upload_image_id, i == 0 ? -1 : 0);
	}
	for (size_t i = 0; i < sizeof(list.image_bytes_max) / sizeof(list.image_bytes_max[0]); i++) {
		assert_int_equal(list.image_bytes_max[i], 0);
	}
}

static void section_3_1_requests(void **state)
{
	uint8_t frame[64];
	uint8_t hash[32];

	(void)state;
	for (size_t i = 0; i < sizeof(hash); i++) {
		hash[i] = (uint8_t)(0x20 + i);
	}
	frame_is(frame, dfucast_smp_image_erase_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 0x13), 1),
		 "0A 00 00 07 00 01 13 05 | A1 64 73 6C 6F 74 01");
	frame_is(frame, dfucast_smp_image_list_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 4)),
		 "08 00 00 01 00 01 04 00 | A0");
	frame_is(frame,
		 dfucast_smp_image_set_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 5), hash,
					      sizeof(hash), false),
		 "0A 00 00 31 00 01 05 00 | A2 64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 2A 2B 2C "
		 "2D 2E 2F"
		 " 30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F 67 63 6F 6E 66 69 72 6D F4");
	frame_is(frame,
		 dfucast_smp_image_set_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 6), NULL, 0, true),
		 "0A 00 00 0A 00 01 06 00 | A1 67 63 6F 6E 66 69 72 6D F5");
}

static void section_3_4_file_read_raw(void **state)
{
	uint8_t frame[64];
	struct dfucast_smp_error error;
	struct bytes body = hex("A2 63 6F 66 66 00 64 6E 61 6D 65 6B 2F 6C 66 73 31 2F 61 2E 74 78 74");

	(void)state;
	frame_is(
	    frame,
	    dfucast_smp_raw_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 0x15), DFUCAST_SMP_READ,
				   DFUCAST_SMP_GROUP_FS, 0, body.data, body.length),
	    "08 00 00 17 00 08 15 00 | A2 63 6F 66 66 00 64 6E 61 6D 65 6B 2F 6C 66 73 31 2F 61 2E 74 78 74");

	body = body_of(
	    "09 00 00 17 00 08 15 00 | BF 63 6F 66 66 00 64 64 61 74 61 45 68 65 6C 6C 6F 63 6C 65 6E 05 FF",
	    1, 1, 8, 0x15, 0);
	assert_int_equal(dfucast_smp_error_decode(body.data, body.length, &error), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
}

static void section_3_5_shell_raw(void **state)
{
	uint8_t frame[64];
	struct dfucast_smp_error error;
	struct bytes body = hex("A1 64 61 72 67 76 82 66 6B 65 72 6E 65 6C 66 75 70 74 69 6D 65");

	(void)state;
	frame_is(frame,
		 dfucast_smp_raw_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, 0x16), DFUCAST_SMP_WRITE,
					DFUCAST_SMP_GROUP_SHELL, 0, body.data, body.length),
		 "0A 00 00 15 00 09 16 00 | A1 64 61 72 67 76 82 66 6B 65 72 6E 65 6C 66 75 70 74 69 6D 65");

	/* `ret` is an integer here: the command's own, and no error */
	body = body_of(
	    "0B 00 00 16 00 09 16 00 | BF 61 6F 6C 55 70 74 69 6D 65 3A 20 35 20 6D 73 63 72 65 74 00 FF", 3,
	    1, 9, 0x16, 0);
	assert_int_equal(dfucast_smp_error_decode(body.data, body.length, &error), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
}

#define IMAGE_HEX                                                                                            \
	"3D B8 F3 96 00 00 00 00 20 00 00 00 10 00 00 00 00 00 00 00 01 02 03 00 04 00 00 00 00 00 00 00"    \
	" AA AA AA AA AA AA AA AA AA AA AA AA AA AA AA AA"                                                   \
	" 07 69 28 00 10 00 20 00 CA 2F 3F CD DC 8F 49 33"                                                   \
	" 88 45 B4 E3 1F 45 7D 6B AB A3 5F A1 F9 22 5C 01 8F 30 46 98 D9 E3 69 37"

static void upload_is(struct dfucast_smp_upload upload, uint8_t sequence, const char *expected)
{
	struct bytes image = hex(IMAGE_HEX);
	uint8_t frame[256];
	int head =
	    dfucast_smp_upload_head_encode(frame, sizeof(frame), id_of(DFUCAST_SMP_V2, sequence), &upload);

	assert_int_equal(image.length, 88);
	assert_true(head > 0);
	assert_int_equal(head, dfucast_smp_upload_head_bytes(&upload));
	memcpy(frame + head, image.data + upload.offset, upload.data_bytes);
	frame_is(frame, head + upload.data_bytes, expected);
}

static void upload_answer_is(const char *frame, uint8_t sequence, uint32_t offset, uint8_t match)
{
	struct bytes body = body_of(frame, 3, 1, 1, sequence, 1);
	struct dfucast_smp_error error;
	struct dfucast_smp_upload_answer answer;

	assert_int_equal(dfucast_smp_upload_decode(body.data, body.length, &error, &answer), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
	assert_true(answer.has_offset);
	assert_int_equal(answer.offset, offset);
	assert_int_equal(answer.match, match);
}

static void section_4_7_upload(void **state)
{
	struct bytes sha = hex("47 4D 62 8C C5 90 2B 5A FF 70 07 16 8E B0 8F 7B 86 9A 09 ED 76 41 EA 40 5C "
			       "94 0A 61 82 15 02 67");
	struct dfucast_smp_upload upload = {.image_length = 88, .sha = sha.data, .data_bytes = 32};

	(void)state;
	upload_is(upload, 0x10,
		  "0A 00 00 60 00 01 10 01 | A5 65 69 6D 61 67 65 00 63 6C 65 6E 18 58 63 6F 66 66 00"
		  " 63 73 68 61 58 20 47 4D 62 8C C5 90 2B 5A FF 70 07 16 8E B0 8F 7B"
		  " 86 9A 09 ED 76 41 EA 40 5C 94 0A 61 82 15 02 67 64 64 61 74 61 58 20"
		  " 3D B8 F3 96 00 00 00 00 20 00 00 00 10 00 00 00 00 00 00 00 01 02 03 00 04 00 00 00 00 "
		  "00 00 00");
	upload_answer_is("0B 00 00 08 00 01 10 01 | BF 63 6F 66 66 18 20 FF", 0x10, 32,
			 DFUCAST_SMP_MATCH_ABSENT);

	upload.offset = 32;
	upload_is(upload, 0x11,
		  "0A 00 00 2E 00 01 11 01 | A2 63 6F 66 66 18 20 64 64 61 74 61 58 20"
		  " AA AA AA AA AA AA AA AA AA AA AA AA AA AA AA AA"
		  " 07 69 28 00 10 00 20 00 CA 2F 3F CD DC 8F 49 33");

	upload.offset = 64;
	upload.data_bytes = 24;
	upload.upgrade_only = true; /* as image, len and sha: only ever in the first */
	upload_is(upload, 0x12,
		  "0A 00 00 26 00 01 12 01 | A2 63 6F 66 66 18 40 64 64 61 74 61 58 18"
		  " 88 45 B4 E3 1F 45 7D 6B AB A3 5F A1 F9 22 5C 01 8F 30 46 98 D9 E3 69 37");
	upload_answer_is("0B 00 00 0F 00 01 12 01 | BF 63 6F 66 66 18 58 65 6D 61 74 63 68 F5 FF", 0x12, 88,
			 DFUCAST_SMP_MATCH_TRUE);
}

#define HASH_00                                                                                              \
	" 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F"
#define HASH_20                                                                                              \
	" 20 21 22 23 24 25 26 27 28 29 2A 2B 2C 2D 2E 2F 30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F"

static void section_5_1_image_list(void **state)
{
	static const char frame[] =
	    "09 00 00 F6 00 01 04 00 | BF 66 69 6D 61 67 65 73 9F"
	    " BF 64 73 6C 6F 74 00 67 76 65 72 73 69 6F 6E 65 31 2E 32 2E 33 64 68 61 73 68 58 20" HASH_00
	    " 68 62 6F 6F 74 61 62 6C 65 F5 67 70 65 6E 64 69 6E 67 F4 69 63 6F 6E 66 69 72 6D 65 64 F5"
	    " 66 61 63 74 69 76 65 F5 69 70 65 72 6D 61 6E 65 6E 74 F4 FF"
	    " BF 64 73 6C 6F 74 01 67 76 65 72 73 69 6F 6E 67 31 2E 33 2E 30 2E 37 64 68 61 73 68 58 "
	    "20" HASH_20
	    " 68 62 6F 6F 74 61 62 6C 65 F5 67 70 65 6E 64 69 6E 67 F5 69 63 6F 6E 66 69 72 6D 65 64 F4"
	    " 66 61 63 74 69 76 65 F4 69 70 65 72 6D 61 6E 65 6E 74 F4 FF"
	    " FF 6B 73 70 6C 69 74 53 74 61 74 75 73 00 FF";
	struct bytes body = body_of(frame, 1, 1, 1, 4, 0);
	struct bytes hashes[] = {hex(HASH_00), hex(HASH_20)};
	struct dfucast_smp_error error;
	struct dfucast_smp_image_list list;

	(void)state;
	assert_int_equal(dfucast_smp_image_list_decode(body.data, body.length, &error, &list), 0);
	error_is(error, DFUCAST_GROUP_NONE, 0, false);
	assert_int_equal(list.count, 2);
	assert_false(list.truncated);
	assert_true(list.has_split_status);
	for (uint8_t i = 0; i < 2; i++) {
		assert_int_equal(list.slots[i].image, 0);
		assert_int_equal(list.slots[i].slot, i);
		assert_int_equal(list.slots[i].hash_bytes, 32);
		assert_memory_equal(list.slots[i].hash, hashes[i].data, 32);
	}
	text_is(list.slots[0].version, "1.2.3");
	text_is(list.slots[1].version, "1.3.0.7");
	assert_int_equal(list.slots[0].flags,
			 DFUCAST_SMP_SLOT_BOOTABLE | DFUCAST_SMP_SLOT_CONFIRMED | DFUCAST_SMP_SLOT_ACTIVE);
	assert_int_equal(list.slots[1].flags, DFUCAST_SMP_SLOT_BOOTABLE | DFUCAST_SMP_SLOT_PENDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(section_1_echo),
	    cmocka_unit_test(section_1_reset_v1),
	    cmocka_unit_test(section_1_params),
	    cmocka_unit_test(section_1_bootloader_mode),
	    cmocka_unit_test(section_2_errors),
	    cmocka_unit_test(section_3_1_slot_info),
	    cmocka_unit_test(section_3_0_info),
	    cmocka_unit_test(section_3_1_requests),
	    cmocka_unit_test(section_3_4_file_read_raw),
	    cmocka_unit_test(section_3_5_shell_raw),
	    cmocka_unit_test(section_4_7_upload),
	    cmocka_unit_test(section_5_1_image_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
