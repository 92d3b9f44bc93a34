/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP codec: every request at every buffer size, how much data fits in a frame, outstanding requests. Section numbers
 * are those of the protocol notes.
 */
#include "smp_decode_all.h"

#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

static const struct dfucast_smp_id id_any = {DFUCAST_SMP_V2, 9};

static int encode_nth(unsigned int n, uint8_t *frame, size_t capacity)
{
	static const uint8_t hash[64] = {1, 2, 3};
	static const struct dfucast_smp_text word = {"mode", 4};
	static const struct dfucast_smp_text none = {NULL, 0};
	struct dfucast_smp_upload upload = {
	    .image_length = 300000, .sha = hash, .data_bytes = 400, .upgrade_only = true, .image = 200};

	switch (n) {
	case 0:
		return dfucast_smp_echo_encode(frame, capacity, id_any, word);
	case 1:
		return dfucast_smp_echo_encode(frame, capacity, id_any, none);
	case 2:
		return dfucast_smp_params_encode(frame, capacity, id_any);
	case 3:
		return dfucast_smp_info_encode(frame, capacity, id_any, word);
	case 4:
		return dfucast_smp_info_encode(frame, capacity, id_any, none);
	case 5:
		return dfucast_smp_bootloader_encode(frame, capacity, id_any, none);
	case 6:
		return dfucast_smp_reset_encode(frame, capacity, id_any, true, 1);
	case 7:
		return dfucast_smp_reset_encode(frame, capacity, id_any, false, 0);
	case 8:
		return dfucast_smp_datetime_get_encode(frame, capacity, id_any);
	case 9:
		return dfucast_smp_datetime_set_encode(frame, capacity, id_any, word);
	case 10:
		return dfucast_smp_console_echo_encode(frame, capacity, id_any, true);
	case 11:
		return dfucast_smp_taskstat_encode(frame, capacity, id_any);
	case 12:
		return dfucast_smp_memory_pools_encode(frame, capacity, id_any);
	case 13:
		return dfucast_smp_image_set_encode(frame, capacity, id_any, hash, sizeof(hash), true);
	case 14:
		return dfucast_smp_image_erase_encode(frame, capacity, id_any, -1);
	case 15:
		return dfucast_smp_image_erase_encode(frame, capacity, id_any, 3);
	case 16:
		return dfucast_smp_raw_encode(frame, capacity, id_any, DFUCAST_SMP_WRITE, 64, 7, hash, 10);
	case 17:
		return dfucast_smp_raw_encode(frame, capacity, id_any, DFUCAST_SMP_READ, 64, 7, NULL, 0);
	case 18:
		return dfucast_smp_upload_head_encode(frame, capacity, id_any, &upload);
	default:
		return 0;
	}
}

static void requests_are_what_they_say(void **state)
{
	/* body, and in front of it op, group, command */
	static const struct {
		uint8_t op, group, command;
		const char *body;
	} expected[] = {
	    {2, 0, 0, "A1 'd' 'mode'"},
	    {2, 0, 0, "A1 'd' ''"},
	    {0, 0, 6, "A0"},
	    {0, 0, 7, "A1 'format' 'mode'"},
	    {0, 0, 7, "A0"},
	    {0, 0, 8, "A0"},
	    {2, 0, 5, "A2 'force' F5 'boot_mode' 01"},
	    {2, 0, 5, "A1 'boot_mode' 00"},
	    {0, 0, 4, "A0"},
	    {2, 0, 4, "A1 'datetime' 'mode'"},
	    {2, 0, 1, "A1 'echo' 01"},
	    {0, 0, 2, "A0"},
	    {0, 0, 3, "A0"},
	    {2, 1, 0, NULL},
	    {2, 1, 5, "A0"},
	    {2, 1, 5, "A1 'slot' 03"},
	    {2, 64, 7, "01 02 03 00 00 00 00 00 00 00"},
	    {0, 64, 7, ""},
	    {2, 1, 1, NULL},
	};

	(void)state;
	for (unsigned int n = 0; n < sizeof(expected) / sizeof(expected[0]); n++) {
		uint8_t frame[160];
		struct dfucast_smp_header header;
		int length = encode_nth(n, frame, sizeof(frame));

		assert_true(length >= 8);
		dfucast_smp_header_decode(&header, frame);
		assert_int_equal(header.op, expected[n].op);
		assert_int_equal(header.version, id_any.version);
		assert_int_equal(header.flags, 0);
		assert_int_equal(header.sequence, id_any.sequence);
		assert_int_equal(header.group, expected[n].group);
		assert_int_equal(header.command, expected[n].command);
		if (expected[n].body != NULL) {
			struct smp_bytes body = smp_cbor(expected[n].body);

			assert_int_equal(header.length, body.length);
			assert_int_equal(length - 8, body.length);
			assert_memory_equal(frame + 8, body.data, body.length);
		}
		/* one byte less than needed, down to nothing: SPACE, and nothing written behind the end */
		for (size_t capacity = 0; capacity < (size_t)length; capacity++) {
			uint8_t *tight = malloc(capacity + 1);

			assert_non_null(tight);
			tight[capacity] = 0x5A;
			assert_int_equal(encode_nth(n, tight, capacity), DFUCAST_ERR_SPACE);
			assert_int_equal(tight[capacity], 0x5A);
			free(tight);
		}
		uint8_t exact[160];

		assert_int_equal(encode_nth(n, exact, (size_t)length), length);
		assert_memory_equal(exact, frame, (size_t)length);
	}
}

static void requests_too_long_for_the_header(void **state)
{
	uint8_t *frame = malloc(70000);
	uint8_t *text = calloc(1, 70000);

	(void)state;
	assert_non_null(frame);
	assert_non_null(text);
	/* 1 for the map, 2 for the key, 3 for the text's head */
	struct dfucast_smp_text longest = {(const char *)text, 65535 - 6};

	assert_int_equal(dfucast_smp_echo_encode(frame, 70000, id_any, longest), 65543);
	longest.length++;
	assert_int_equal(dfucast_smp_echo_encode(frame, 70000, id_any, longest), DFUCAST_ERR_SPACE);
	assert_int_equal(dfucast_smp_raw_encode(frame, 70000, id_any, DFUCAST_SMP_READ, 1, 1, text, 65535),
			 65543);
	assert_int_equal(dfucast_smp_raw_encode(frame, 70000, id_any, DFUCAST_SMP_READ, 1, 1, text, 65536),
			 DFUCAST_ERR_SPACE);

	struct dfucast_smp_upload upload = {.offset = 70000, .data_bytes = 65535};

	assert_int_equal(dfucast_smp_upload_head_encode(frame, 96, id_any, &upload), DFUCAST_ERR_SPACE);
	free(text);
	free(frame);
}

/* Section 4.6's table: image, len 300000, sha at offset 0; then the two kinds of later offset. */
static void data_in_a_frame_4_6(void **state)
{
	static const uint16_t rows[][4] = {
	    {20, 0, 0, 0},        {182, 107, 159, 157},   {244, 169, 221, 219},     {384, 308, 360, 358},
	    {495, 419, 471, 469}, {1024, 948, 1000, 998}, {2475, 2399, 2451, 2449},
	};
	static const uint8_t sha[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dfucast_smp_upload upload = {.image_length = 300000, .sha = sha};

		assert_int_equal(dfucast_smp_upload_data_max(&upload, rows[i][0]), rows[i][1]);
		upload.offset = 256;
		assert_int_equal(dfucast_smp_upload_data_max(&upload, rows[i][0]), rows[i][2]);
		upload.offset = 65535;
		assert_int_equal(dfucast_smp_upload_data_max(&upload, rows[i][0]), rows[i][2]);
		upload.offset = 65536;
		assert_int_equal(dfucast_smp_upload_data_max(&upload, rows[i][0]), rows[i][3]);
	}
	/* "Minimum first chunk is 32 data bytes": 107 bytes with image and sha, for a len of two bytes */
	struct dfucast_smp_upload upload = {.image_length = 300000, .sha = sha};

	assert_int_equal(dfucast_smp_upload_data_max(&upload, 107), 32);
	assert_int_equal(dfucast_smp_upload_data_max(&upload, SIZE_MAX), 65535 - (76 - 8));
}

static void data_max_is_exact(void **state)
{
	static const uint8_t sha[32];
	static const uint32_t offsets[] = {0, 1, 23, 24, 255, 256, 65535, 65536, UINT32_MAX};
	static const uint32_t lengths[] = {1, 24, 256, 65536};

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]) * 16; i++) {
		struct dfucast_smp_upload upload = {
		    .offset = offsets[i / 16],
		    .image_length = lengths[i % 4],
		    .sha = (i & 4) != 0 ? sha : NULL,
		    .upgrade_only = (i & 8) != 0,
		    .image = (i & 8) != 0 ? 24 : 0,
		};

		for (size_t frame_bytes = 0; frame_bytes < 700; frame_bytes++) {
			uint8_t head[DFUCAST_SMP_UPLOAD_HEAD_BYTES_MAX];
			uint16_t most = dfucast_smp_upload_data_max(&upload, frame_bytes);

			upload.data_bytes = (uint16_t)(most + 1u);
			assert_true(dfucast_smp_upload_head_bytes(&upload) + upload.data_bytes > frame_bytes);
			upload.data_bytes = most;
			int length = dfucast_smp_upload_head_encode(head, sizeof(head), id_any, &upload);

			assert_int_equal(length, dfucast_smp_upload_head_bytes(&upload));
			assert_true(most == 0 || (size_t)length + most <= frame_bytes);
		}
	}
}

/* ---- outstanding requests ---------------------------------------------------------------------------------- */

static int match_of(const struct dfucast_smp_client *client, uint8_t op, uint16_t group, uint8_t command,
		    uint8_t sequence)
{
	/* version and flags are not looked at */
	struct dfucast_smp_header header = {
	    .op = op, .version = 3, .flags = 0xFF, .sequence = sequence, .group = group, .command = command};

	return dfucast_smp_client_match(client, &header);
}

static void client_matches(void **state)
{
	static const uint8_t what[][3] = {
	    [DFUCAST_SMP_REQUEST_ECHO] = {2, 0, 0},           [DFUCAST_SMP_REQUEST_RESET] = {2, 0, 5},
	    [DFUCAST_SMP_REQUEST_PARAMS] = {0, 0, 6},         [DFUCAST_SMP_REQUEST_INFO] = {0, 0, 7},
	    [DFUCAST_SMP_REQUEST_BOOTLOADER] = {0, 0, 8},     [DFUCAST_SMP_REQUEST_IMG_LIST] = {0, 1, 0},
	    [DFUCAST_SMP_REQUEST_IMG_SET] = {2, 1, 0},        [DFUCAST_SMP_REQUEST_IMG_UPLOAD] = {2, 1, 1},
	    [DFUCAST_SMP_REQUEST_IMG_ERASE] = {2, 1, 5},      [DFUCAST_SMP_REQUEST_IMG_SLOTS] = {0, 1, 6},
	    [DFUCAST_SMP_REQUEST_STORAGE_ERASE] = {2, 63, 0},
	};
	struct dfucast_smp_client client;

	(void)state;
	assert_int_equal(sizeof(what) / sizeof(what[0]), DFUCAST_SMP_REQUEST_COUNT);
	for (unsigned int i = DFUCAST_SMP_REQUEST_ECHO; i < DFUCAST_SMP_REQUEST_COUNT; i++) {
		dfucast_smp_client_init(&client, 7);
		dfucast_smp_client_add(&client, (enum dfucast_smp_request)i, 0x02004007u, 0xFFFF);
		for (unsigned int op = 0; op < 8; op++) {
			bool fits = op == what[i][0] + 1u;

			assert_int_equal(match_of(&client, (uint8_t)op, what[i][1], what[i][2], 7),
					 fits ? 0 : -1);
		}
		uint8_t op = (uint8_t)(what[i][0] + 1);

		assert_int_equal(match_of(&client, op, what[i][1], what[i][2], 8), -1);
		assert_int_equal(match_of(&client, op, (uint16_t)(what[i][1] + 1), what[i][2], 7), -1);
		assert_int_equal(match_of(&client, op, (uint16_t)(what[i][1] + 0x100), what[i][2], 7), -1);
		assert_int_equal(match_of(&client, op, what[i][1], (uint8_t)(what[i][2] + 1), 7), -1);
	}
	dfucast_smp_client_init(&client, 7);
	dfucast_smp_client_add(&client, DFUCAST_SMP_REQUEST_RAW,
			       dfucast_smp_raw_pack(DFUCAST_SMP_WRITE, 0xABCD, 0xEF), 0);
	assert_int_equal(match_of(&client, 3, 0xABCD, 0xEF, 7), 0);
	assert_int_equal(match_of(&client, 1, 0xABCD, 0xEF, 7), -1);
	assert_int_equal(match_of(&client, 3, 0xABCC, 0xEF, 7), -1);
}

static void client_keeps_order_and_wraps(void **state)
{
	struct dfucast_smp_client client;

	(void)state;
	dfucast_smp_client_init(&client, 254);
	assert_int_equal(client.count, 0);
	assert_int_equal(match_of(&client, 3, 1, 1, 254), -1);
	for (unsigned int i = 0; i < DFUCAST_SMP_PENDING_MAX; i++) {
		struct dfucast_smp_pending *pending = dfucast_smp_client_add(
		    &client, DFUCAST_SMP_REQUEST_IMG_UPLOAD, 100 * i, (uint16_t)(i | 0x8000));

		assert_ptr_equal(pending, &client.pending[i]);
		assert_int_equal(pending->sequence, (uint8_t)(254 + i));
		assert_int_equal(pending->offset, 100 * i);
		assert_int_equal(pending->length, i | 0x8000);
		assert_int_equal(pending->request, DFUCAST_SMP_REQUEST_IMG_UPLOAD);
	}
	expect_assert_failure(dfucast_smp_client_add(&client, DFUCAST_SMP_REQUEST_ECHO, 0, 0));
	assert_int_equal(match_of(&client, 3, 1, 1, 255), 1);
	assert_int_equal(match_of(&client, 3, 1, 1, 0), 2);
	dfucast_smp_client_remove(&client, 1);
	assert_int_equal(client.count, 3);
	assert_int_equal(match_of(&client, 3, 1, 1, 255), -1);
	assert_int_equal(match_of(&client, 3, 1, 1, 254), 0);
	assert_int_equal(match_of(&client, 3, 1, 1, 0), 1);
	assert_int_equal(match_of(&client, 3, 1, 1, 1), 2);
	dfucast_smp_client_remove(&client, 2);
	dfucast_smp_client_remove(&client, 0);
	assert_int_equal(client.count, 1);
	assert_int_equal(client.pending[0].offset, 200);
	expect_assert_failure(dfucast_smp_client_remove(&client, 1));
	expect_assert_failure(dfucast_smp_client_remove(&client, -1));
	dfucast_smp_client_clear(&client);
	assert_int_equal(client.count, 0);
	assert_int_equal(match_of(&client, 3, 1, 1, 0), -1);
	/* sequence numbers go on */
	assert_int_equal(dfucast_smp_client_add(&client, DFUCAST_SMP_REQUEST_ECHO, 0, 0)->sequence, 2);
	assert_int_equal(sizeof(struct dfucast_smp_pending), 8);
}

static void header_fields(void **state)
{
	static const uint8_t bytes[8] = {0xFF, 0x5A, 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC};
	uint8_t again[8];
	struct dfucast_smp_header header;

	(void)state;
	dfucast_smp_header_decode(&header, bytes);
	assert_int_equal(header.op, 7);
	assert_int_equal(header.version, 3);
	assert_int_equal(header.flags, 0x5A);
	assert_int_equal(header.length, 0x1234);
	assert_int_equal(header.group, 0x5678);
	assert_int_equal(header.sequence, 0x9A);
	assert_int_equal(header.command, 0xBC);
	dfucast_smp_header_encode(&header, again);
	assert_int_equal(again[0], 0x1F); /* reserved bits are sent as 0 */
	assert_memory_equal(again + 1, bytes + 1, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_are_what_they_say),
	    cmocka_unit_test(requests_too_long_for_the_header),
	    cmocka_unit_test(data_in_a_frame_4_6),
	    cmocka_unit_test(data_max_is_exact),
	    cmocka_unit_test(client_matches),
	    cmocka_unit_test(client_keeps_order_and_wraps),
	    cmocka_unit_test(header_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
