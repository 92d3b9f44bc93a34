/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The empty port, run to its end: nobody is there, so every target ends `unreachable`, in bounded time, and
 * nothing that comes from a link that is not open changes that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../ports/null/null.h"

#define WAIT_MS 20000u
#define ROUNDS_MAX 10000u

static struct dfucast_null_port port;

static uint32_t run_to_end(uint32_t start)
{
	uint32_t now = start;
	uint32_t rounds = 0;

	dfucast_null_start(&port, start);
	while (dfucast_null_run(&port, &now)) {
		rounds++;
		assert_true(rounds < ROUNDS_MAX);
	}
	return now - start;
}

static void all_unreachable(void)
{
	for (uint16_t i = 0; i < DFUCAST_NULL_TARGETS; i++) {
		struct dfucast_status status;

		dfucast_cast_status(&port.cast, i, &status);
		assert_int_equal(status.state, DFUCAST_STATE_FAILED);
		assert_int_equal(status.outcome.err, DFUCAST_ERR_UNREACHABLE);
		assert_int_equal(status.holds, DFUCAST_HOLDS_AS_BEFORE);
		assert_int_equal(status.sent_bytes, 0);
		assert_int_equal(status.attempts, 0);
	}
	assert_true(dfucast_cast_is_done(&port.cast));
	assert_int_equal(port.cast.links_open, 0);
	assert_int_equal(port.cast.activated, 0);
	assert_int_equal(port.cast.accepted_bytes, 0);
}

static void ends_unreachable(void **state)
{
	(void)state;
	assert_int_equal(run_to_end(0), WAIT_MS);
	all_unreachable();
	/* 100, 200, … 3200 ms between attempts: 11 of them in 20 s, for each target. */
	assert_int_equal(port.opens, 11u * DFUCAST_NULL_TARGETS);
}

static void ends_across_the_wrap_of_time(void **state)
{
	(void)state;
	for (uint32_t before = 1; before < 2u * WAIT_MS; before += 777) {
		assert_int_equal(run_to_end(0u - before), WAIT_MS);
		all_unreachable();
	}
}

static void stops_when_told(void **state)
{
	uint32_t now = 5;

	(void)state;
	dfucast_null_start(&port, now);
	assert_true(dfucast_null_run(&port, &now));
	assert_false(dfucast_cast_is_done(&port.cast));
	dfucast_null_stop(&port, now);
	assert_true(dfucast_cast_is_done(&port.cast));
	for (uint16_t i = 0; i < DFUCAST_NULL_TARGETS; i++) {
		struct dfucast_status status;

		dfucast_cast_status(&port.cast, i, &status);
		assert_int_equal(status.state, DFUCAST_STATE_FAILED);
		assert_int_equal(status.outcome.err, DFUCAST_ERR_ABORTED);
	}
	assert_false(dfucast_null_run(&port, &now));
	assert_int_equal(port.cast.links_open, 0);
}

static void has_no_hash(void **state)
{
	uint8_t digest[32];

	(void)state;
	assert_false(dfucast_null_sha256.start(dfucast_null_sha256.context));
	assert_false(dfucast_null_sha256.update(dfucast_null_sha256.context, digest, 0));
	assert_false(dfucast_null_sha256.finish(dfucast_null_sha256.context, digest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ends_unreachable),
	    cmocka_unit_test(ends_across_the_wrap_of_time),
	    cmocka_unit_test(stops_when_told),
	    cmocka_unit_test(has_no_hash),
	};

	return cmocka_run_group_tests_name("null port", tests, NULL, NULL);
}
