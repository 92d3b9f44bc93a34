/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden bytes of the fleet's group: those that docs/host-integration.md shows, written by the host's half and read by the
 * gateway's, and the other way round.
 */
#include <dfucast/port.h>
#include <dfucast/smp_fleet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	fail_msg("assert failed: %s:%d", file, line);
}

/* Hex with blanks; '|' between header and body is passed over. */
static size_t bytes_of(const char *hex, uint8_t *bytes)
{
	size_t length = 0;

	while (*hex != '\0') {
		char *end;

		if (*hex == ' ' || *hex == '|') {
			hex++;
			continue;
		}
		bytes[length++] = (uint8_t)strtoul(hex, &end, 16);
		hex = end;
	}
	return length;
}

static void assert_bytes(const uint8_t *frame, int length, const char *hex)
{
	uint8_t wanted[300];
	size_t wanted_length = bytes_of(hex, wanted);

	assert_int_equal(length, wanted_length);
	assert_memory_equal(frame, wanted, wanted_length);
}

static struct dfucast_smp_header header_of(const char *hex)
{
	struct dfucast_smp_header header;
	uint8_t bytes[300];

	(void)bytes_of(hex, bytes);
	dfucast_smp_header_decode(&header, bytes);
	return header;
}

static void test_requests(void **state)
{
	const struct dfucast_smp_fleet_target targets[] = {
	    {.id = {"0", 1}, .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY},
	    {.id = {"1", 1}, .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY}};
	const struct dfucast_smp_fleet_plan plan = {
	    .canary = 1, .max_failed = 1, .gather_ms = 10000, .image_bytes = 4096};
	uint8_t frame[300];
	size_t written;

	(void)state;
	assert_bytes(
	    frame, dfucast_smp_fleet_capabilities_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 1}),
	    "08 00 00 02 0D FC 01 00 | BF FF");
	assert_bytes(frame,
		     dfucast_smp_fleet_command_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 4},
						      DFUCAST_SMP_FLEET_START),
		     "0A 00 00 02 0D FC 04 03 | BF FF");
	assert_bytes(frame,
		     dfucast_smp_fleet_read_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 0x0F},
						   DFUCAST_SMP_FLEET_STATUS, 2),
		     "08 00 00 06 0D FC 0F 08 | BF 62 61 74 02 FF");
	assert_bytes(frame,
		     dfucast_smp_fleet_plan_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 3}, &plan,
						   targets, 2, &written),
		     "0A 00 00 4C 0D FC 03 02 | BF 62 61 74 00 66 63 61 6E 61 72 79 01 6A 6D 61 78 5F 66 61 "
		     "69 6C 65 64 01 "
		     "66 67 61 74 68 65 72 19 27 10 65 69 6D 61 67 65 BF 64 73 69 7A 65 19 10 00 FF 67 74 61 "
		     "72 67 65 74 73 "
		     "9F BF 62 69 64 61 30 FF BF 62 69 64 61 31 FF FF FF");
	assert_int_equal(written, 2);
}

static void test_answers(void **state)
{
	static const char prediction_hex[] = "0B 00 00 28 0D FC 03 02 | BF 67 74 61 72 67 65 74 73 02 65 77 "
					     "61 76 65 73 01 66 70 61 73 73 65 73 01 6A 68 6F "
					     "73 74 5F 62 79 74 65 73 19 10 00 FF";
	static const char status_hex[] = "09 00 00 21 0D FC 0F 08 | BF 61 73 9F 0A 03 19 10 00 19 10 00 19 "
					 "10 00 00 00 01 19 10 00 01 01 FF 61 63 9F 00 "
					 "06 01 05 FF FF";
	const struct dfucast_smp_header plan = header_of("0A 00 00 C2 0D FC 03 02");
	const struct dfucast_smp_header read = header_of("08 00 00 06 0D FC 0F 08");
	const struct dfucast_smp_fleet_prediction prediction = {
	    .targets = 2, .waves = 1, .passes = 1, .host_bytes = 4096};
	struct dfucast_smp_fleet_prediction predicted;
	struct dfucast_smp_fleet_status status;
	struct dfucast_smp_error error;
	uint8_t frame[300];
	uint8_t again[300];
	size_t length;

	(void)state;
	assert_bytes(frame, dfucast_smp_fleet_plan_answer(frame, sizeof(frame), &plan, &prediction),
		     prediction_hex);
	length = bytes_of(prediction_hex, frame);
	assert_int_equal(dfucast_smp_fleet_prediction_decode(frame + 8, length - 8, &error, &predicted), 0);
	assert_memory_equal(&predicted, &prediction, sizeof(prediction));
	length = bytes_of(status_hex, frame);
	assert_int_equal(dfucast_smp_fleet_status_decode(frame + 8, length - 8, &error, &status), 0);
	assert_int_equal(status.now, 10);
	assert_int_equal(status.state, DFUCAST_SMP_FLEET_OPEN);
	assert_int_equal(status.next, 4096);
	assert_int_equal(status.waiting, 1);
	assert_int_equal(status.passes, 1);
	assert_int_equal(status.count, 2);
	assert_int_equal(status.changes[0].target, 0);
	assert_int_equal(status.changes[0].state, 6);
	assert_bytes(again, dfucast_smp_fleet_status_answer(again, sizeof(again), &read, &status),
		     status_hex);
}

static const struct dfucast_match boards[] = {
    {.key = DFUCAST_MATCH_BOARD, .value = "nrf52", .bytes = 5, .flags = DFUCAST_MATCH_PREFIX},
    {.key = DFUCAST_MATCH_END}};
static const struct dfucast_version bounds[2] = {{1, 2, 0x0304, 9}, {2, 0, 0, 0}};
static const struct dfucast_match others[] = {
    {.key = DFUCAST_MATCH_NAME, .value = "a", .bytes = 1},
    {.key = DFUCAST_MATCH_RUNNING,
     .value = bounds,
     .flags = DFUCAST_MATCH_LOW | DFUCAST_MATCH_LOW_BUILD | DFUCAST_MATCH_HIGH | DFUCAST_MATCH_HIGH_OPEN},
    {.key = DFUCAST_MATCH_HASH, .value = "\xAB\xCD", .bytes = 2},
    {.key = DFUCAST_MATCH_END}};

static const char match_hex[] = "0A 00 00 5B 0D FC 03 02 | BF 62 61 74 00 65 69 6D 61 67 65 BF FF "
				"65 6D 61 74 63 68 9F 01 01 65 6E 72 66 35 32 FF 67 74 61 72 67 65 74 73 "
				"9F BF 62 69 64 61 30 65 6D 61 74 63 68 9F 02 00 61 61 "
				"03 18 3A 50 01 02 04 03 09 00 00 00 02 00 00 00 00 00 00 00 "
				"04 00 42 AB CD FF FF BF 62 69 64 61 31 FF FF FF";

static void test_match(void **state)
{
	const struct dfucast_smp_fleet_target targets[] = {
	    {.id = {"0", 1}, .match = others, .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY},
	    {.id = {"1", 1}, .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY}};
	const struct dfucast_smp_fleet_plan plan = {.match = boards};
	struct dfucast_smp_fleet_target target;
	struct dfucast_smp_fleet_plan read;
	struct dfucast_version range[2];
	struct dfucast_match line;
	uint8_t frame[300];
	size_t written;
	int length = dfucast_smp_fleet_plan_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 3}, &plan,
						   targets, 2, &written);

	(void)state;
	assert_bytes(frame, length, match_hex);
	assert_int_equal(written, 2);
	assert_int_equal(dfucast_smp_fleet_plan_decode(frame + 8, (size_t)length - 8, &read), 0);
	assert_int_equal(dfucast_smp_fleet_match_next(&read.matches, &line, range), 1);
	assert_int_equal(line.key, DFUCAST_MATCH_BOARD);
	assert_int_equal(line.flags, DFUCAST_MATCH_PREFIX);
	assert_int_equal(line.bytes, 5);
	assert_memory_equal(line.value, "nrf52", 5);
	assert_int_equal(dfucast_smp_fleet_match_next(&read.matches, &line, range), 0);
	assert_int_equal(dfucast_smp_fleet_target_next(&read, &target), 1);
	assert_int_equal(dfucast_smp_fleet_match_next(&target.matches, &line, range), 1);
	assert_int_equal(line.key, DFUCAST_MATCH_NAME);
	assert_int_equal(dfucast_smp_fleet_match_next(&target.matches, &line, range), 1);
	assert_int_equal(line.key, DFUCAST_MATCH_RUNNING);
	assert_int_equal(line.flags, others[1].flags);
	assert_ptr_equal(line.value, range);
	assert_memory_equal(range, bounds, sizeof(range));
	assert_int_equal(dfucast_smp_fleet_match_next(&target.matches, &line, range), 1);
	assert_int_equal(line.key, DFUCAST_MATCH_HASH);
	assert_int_equal(line.bytes, 2);
	assert_memory_equal(line.value, "\xAB\xCD", 2);
	assert_int_equal(dfucast_smp_fleet_match_next(&target.matches, &line, range), 0);
	assert_int_equal(dfucast_smp_fleet_target_next(&read, &target), 1);
	assert_int_equal(dfucast_smp_fleet_match_next(&target.matches, &line, range), 0);
	assert_int_equal(dfucast_smp_fleet_target_next(&read, &target), 0);
	/* A frame too short for a target with its list carries none of it. */
	length = dfucast_smp_fleet_plan_encode(frame, 70, (struct dfucast_smp_id){1, 3}, &plan, targets, 2,
					       &written);
	assert_true(length > 0 && length <= 70);
	assert_int_equal(written, 0);
	assert_int_equal(dfucast_smp_fleet_plan_encode(frame, 40, (struct dfucast_smp_id){1, 3}, &plan,
						       targets, 2, &written),
			 DFUCAST_ERR_SPACE);
}

/* Each is the content of a list. */
static void test_bad_match(void **state)
{
	static const char *const bad[] = {
	    "01",                                                       /* key alone */
	    "01 00",                                                    /* no value */
	    "00 00 61 61",                                              /* the end is no line */
	    "05 00 61 61",                                              /* a key of later */
	    "18 01 02 61 61",                                           /* flags that are none for a text */
	    "01 19 01 00 61 61",                                        /* and that fit into no byte */
	    "01 00 60",                                                 /* a board that nobody has */
	    "01 00 41 61",                                              /* bytes for a text */
	    "04 00 61 61",                                              /* and the other way round */
	    "04 01 41 61",                                              /* flags that are none for a hash */
	    "04 00 40",                                                 /* an empty one */
	    "03 02 47 01 02 04 03 09 00 00",                            /* bounds cut short */
	    "03 00 50 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", /* none at all */
	    "03 0A 50 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 80", /* a line too much */
	    "03 04 50 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",    /* open, and not there */
	    "03 12 50 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
	    "03 42 50 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
	    "03 03 50 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
	    "20 00 61 61", /* below nothing */
	    "01 00 01",    /* a number */
	};
	struct dfucast_version range[2];
	struct dfucast_match line;
	uint8_t content[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dfucast_smp_text list = {(const char *)content, bytes_of(bad[i], content)};
		int more = 1;

		for (unsigned int lines = 0; more > 0; lines++) {
			assert_true(lines < 3);
			more = dfucast_smp_fleet_match_next(&list, &line, range);
		}
		if (more != DFUCAST_ERR_MALFORMED) {
			fail_msg("taken: %s", bad[i]);
		}
	}
	/* Longest text, and one letter more; longest hash, and one byte more. */
	for (unsigned int more = 0; more < 2; more++) {
		struct dfucast_smp_text list = {(const char *)content,
						4 + DFUCAST_MATCH_TEXT_BYTES_MAX + more};

		memset(content, 'a', sizeof(content));
		memcpy(content,
		       ((const uint8_t[]){2, 0, 0x78, (uint8_t)(DFUCAST_MATCH_TEXT_BYTES_MAX + more)}), 4);
		assert_int_equal(dfucast_smp_fleet_match_next(&list, &line, range),
				 more == 0 ? 1 : DFUCAST_ERR_MALFORMED);
		list =
		    (struct dfucast_smp_text){(const char *)content, 4 + DFUCAST_MATCH_HASH_BYTES_MAX + more};
		memcpy(content,
		       ((const uint8_t[]){4, 0, 0x58, (uint8_t)(DFUCAST_MATCH_HASH_BYTES_MAX + more)}), 4);
		assert_int_equal(dfucast_smp_fleet_match_next(&list, &line, range),
				 more == 0 ? 1 : DFUCAST_ERR_MALFORMED);
	}
}

static void test_match_room_is_told(void **state)
{
	const struct dfucast_smp_header request = header_of("08 00 00 02 0D FC 01 00");
	struct dfucast_smp_fleet_capabilities said = {.protocol = 1, .match_bytes = 512};
	struct dfucast_smp_fleet_capabilities read;
	struct dfucast_smp_error error;
	uint8_t frame[200];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		int length = dfucast_smp_fleet_capabilities_answer(frame, sizeof(frame), &request, &said);

		assert_int_equal(
		    dfucast_smp_fleet_capabilities_decode(frame + 8, (size_t)length - 8, &error, &read), 0);
		assert_int_equal(read.match_bytes, said.match_bytes);
		said.match_bytes = 0;
	}
}

/* Later versions may add: keys and numbers that this one does not know are passed over. */
static void test_from_a_later_version(void **state)
{
	struct dfucast_smp_fleet_status status;
	struct dfucast_smp_fleet_plan plan;
	struct dfucast_smp_fleet_target target;
	struct dfucast_smp_error error;
	uint8_t body[200];
	size_t length;

	(void)state;
	length = bytes_of(
	    "BF 61 73 9F 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D FF 61 63 9F FF 61 78 A1 61 79 01 FF", body);
	assert_int_equal(dfucast_smp_fleet_status_decode(body, length, &error, &status), 0);
	assert_int_equal(status.passes, 11);
	length = bytes_of(
	    "A3 62 61 74 00 63 6E 65 77 82 01 02 67 74 61 72 67 65 74 73 81 A2 62 69 64 61 37 61 7A F5",
	    body);
	assert_int_equal(dfucast_smp_fleet_plan_decode(body, length, &plan), 0);
	assert_int_equal(dfucast_smp_fleet_target_next(&plan, &target), 1);
	assert_int_equal(target.id.text[0], '7');
	assert_int_equal(dfucast_smp_fleet_target_next(&plan, &target), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_match),
	    cmocka_unit_test(test_bad_match),
	    cmocka_unit_test(test_match_room_is_told),
	    cmocka_unit_test(test_from_a_later_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
