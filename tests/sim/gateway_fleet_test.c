/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's group of a gateway, in virtual time: plans, status, reports, the log, and the relay.
 */
#include "gateway_checks.h"

/* ---- the fleet's group ---- */

static void test_status_and_reports(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=12&never_returns=0", 65536);
	struct dfucast_smp_fleet_status status;
	struct dfucast_smp_fleet_report report;
	struct dfucast_smp_fleet_event event;
	struct dfucast_smp_error error;
	struct dfucast_smp_text elements;
	uint32_t next = 0;
	uint8_t frame[32];
	uint8_t told[12] = {0};
	unsigned int seen = 0;
	unsigned int lines = 0;

	(void)state;
	gateway_sim_begin(sim);
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_HELD), 11);
	memset(&status, 0, sizeof(status));
	do {
		int length = dfucast_smp_fleet_read_encode(frame, sizeof(frame),
							   (struct dfucast_smp_id){1, sim->sequence++},
							   DFUCAST_SMP_FLEET_STATUS, status.now);

		assert_true(gateway_sim_request(sim, frame, (size_t)length));
		assert_true(sim->answer_bytes <= DFUCAST_SMP_FLEET_STATUS_BYTES_MAX);
		assert_int_equal(
		    dfucast_smp_fleet_status_decode(sim->answer + 8, sim->answer_bytes - 8, &error, &status),
		    0);
		for (unsigned int i = 0; i < status.count; i++) {
			told[status.changes[i].target] = status.changes[i].state;
		}
	} while (status.more);
	assert_int_equal(status.ended, 12);
	assert_int_equal(status.state, DFUCAST_SMP_FLEET_OVER);
	for (unsigned int i = 0; i < 12; i++) {
		assert_int_equal(told[i], i == 0 ? DFUCAST_STATE_FAILED : DFUCAST_STATE_HELD);
	}
	do {
		int length = dfucast_smp_fleet_read_encode(frame, sizeof(frame),
							   (struct dfucast_smp_id){1, sim->sequence++},
							   DFUCAST_SMP_FLEET_REPORT, next);

		assert_true(gateway_sim_request(sim, frame, (size_t)length));
		assert_int_equal(dfucast_smp_fleet_page_decode(sim->answer + 8, sim->answer_bytes - 8, &error,
							       "targets", &elements, &next),
				 0);
		while (dfucast_smp_fleet_report_next(&elements, &report) == 1) {
			assert_int_equal(report.target, seen);
			assert_int_equal(report.state, told[seen]);
			assert_int_equal(report.err, seen == 0 ? DFUCAST_ERR_NEVER_RETURNED
							       : DFUCAST_ERR_HELD_MAX_FAILED);
			assert_memory_equal(report.before.text, "1.0.0", 5);
			seen++;
		}
	} while (next != 0);
	assert_int_equal(seen, 12);
	next = 0;
	do {
		int length = dfucast_smp_fleet_read_encode(frame, sizeof(frame),
							   (struct dfucast_smp_id){1, sim->sequence++},
							   DFUCAST_SMP_FLEET_LOG, next);

		assert_true(gateway_sim_request(sim, frame, (size_t)length));
		assert_int_equal(dfucast_smp_fleet_page_decode(sim->answer + 8, sim->answer_bytes - 8, &error,
							       "events", &elements, &next),
				 0);
		while (dfucast_smp_fleet_event_next(&elements, &event) == 1) {
			lines++;
		}
	} while (next != 0);
	assert_int_equal(lines, sim->gateway.event_number);
	assert_int_equal(event.what, DFUCAST_GATEWAY_EVENT_OVER);
	assert_clean(sim);
	gateway_sim_free(sim);
}

/* ---- relay ---- */

static bool relay_echo(struct gateway_sim *sim, uint16_t target)
{
	static const struct dfucast_smp_text hello = {"hello", 5};
	const uint8_t *inner = NULL;
	size_t inner_bytes = 0;
	struct dfucast_smp_text text;
	struct dfucast_smp_error error;
	uint8_t frame[32];
	int length =
	    dfucast_smp_echo_encode(frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, 42}, hello);

	if (!gateway_sim_relay(sim, target, frame, (size_t)length, &inner, &inner_bytes)) {
		return false;
	}
	assert_int_equal(inner[6], 42); /* the host's own sequence number */
	assert_int_equal(dfucast_smp_echo_decode(inner + 8, inner_bytes - 8, &error, &text), 0);
	assert_int_equal(text.length, 5);
	assert_memory_equal(text.text, "hello", 5);
	return true;
}

static void test_relay(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4", IMAGE_BYTES);
	const uint8_t *inner = NULL;
	size_t inner_bytes = 0;
	struct dfucast_smp_image_list list;
	struct dfucast_smp_error error;
	uint8_t frame[32];
	int length;

	(void)state;
	gateway_sim_begin(sim);
	for (uint16_t i = 0; i < 4; i++) {
		assert_true(relay_echo(sim, i)); /* no cast: the link is opened for it */
	}
	assert_false(relay_echo(sim, 9));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_NO_TARGET);
	gateway_sim_wait(sim, 5000);
	assert_int_equal(sim->gateway.cast.links_open, 0); /* and closed again */

	struct dfucast_smp_fleet_plan plan;

	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 4));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	gateway_sim_wait(sim, 2500);
	/* In the middle of it: between the update's frames, but only what changes nothing. */
	assert_true(relay_echo(sim, 2));
	length =
	    dfucast_smp_image_list_encode(frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, 7});
	assert_true(gateway_sim_relay(sim, 1, frame, (size_t)length, &inner, &inner_bytes));
	assert_int_equal(dfucast_smp_image_list_decode(inner + 8, inner_bytes - 8, &error, &list), 0);
	assert_true(list.count >= 1);
	length = dfucast_smp_reset_encode(frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, 7},
					  false, -1);
	assert_false(gateway_sim_relay(sim, 1, frame, (size_t)length, &inner, &inner_bytes));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_RC_BUSY);
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 4);
	assert_true(relay_echo(sim, 3));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 4); /* its reports are still there */
	gateway_sim_free(sim);
}

/* All the time, to each in turn, while an update runs: it costs the update next to nothing, and nothing is lost. */
static void test_relay_storm(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=3", 65536);
	struct dfucast_smp_fleet_plan plan;
	unsigned int answered = 0;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 3));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	assert_true(gateway_sim_upload(sim));
	for (uint16_t i = 0; sim->gateway.state == DFUCAST_SMP_FLEET_OPEN; i++) {
		assert_true(i < 20000);
		answered += relay_echo(sim, i % 3);
		gateway_sim_wait(sim, 20);
	}
	assert_clean(sim);
	assert_true(answered > 10);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 3);
	gateway_sim_free(sim);
}

static void test_relay_to_the_dead(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2&never_returns=0", IMAGE_BYTES);

	(void)state;
	gateway_sim_begin(sim);
	one_liner(sim, true);
	assert_false(relay_echo(sim, 0));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_UNREACHABLE);
	assert_true(relay_echo(sim, 1));
	gateway_sim_free(sim);
}

/* The plan names the board: who tells another is left alone, and nobody is asked to agree with the others. */
static void test_board_of_the_plan(void **state)
{
	struct gateway_sim *sim =
	    gateway_sim_new("n=4&board=nrf52840dk/nrf52840,thingy52/nrf52832", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 4)); /* unnamed: they differ, so nobody */
	(void)gateway_sim_upload(sim);
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 0);
	plan.board = (struct dfucast_smp_text){"thingy52/nrf52832", 17};
	assert_true(gateway_sim_plan(sim, &plan, 4));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_SKIPPED), 2);
	assert_clean(sim);
	gateway_sim_free(sim);
}

/* Every device is asked, none is touched, and no byte of the image is wanted. */
static void test_dry_run(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=6&links=2", IMAGE_BYTES);
	struct sim_fleet_statistics statistics;
	struct dfucast_smp_fleet_plan plan;
	struct dfucast_status status;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	plan.flags = DFUCAST_SMP_FLEET_DRY_RUN;
	assert_true(gateway_sim_plan(sim, &plan, 6));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	assert_true(gateway_sim_until_over(sim, 100000));
	for (uint16_t i = 0; i < 6; i++) {
		dfucast_cast_status(&sim->gateway.cast, i, &status);
		assert_int_equal(status.state, DFUCAST_STATE_DONE);
		assert_int_equal(status.holds, DFUCAST_HOLDS_AS_BEFORE);
		assert_int_equal(status.sent_bytes, 0);
		assert_true(status.has_before);
	}
	sim_fleet_statistics(sim->fleet, &statistics);
	assert_int_equal(statistics.boots, 0);
	assert_int_equal(statistics.sent_bytes, 0);
	/* The same without the flag is another plan, and does it. */
	plan.flags = 0;
	assert_true(gateway_sim_plan(sim, &plan, 6));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 6);
	assert_clean(sim);
	gateway_sim_free(sim);
}

static void test_bad_plans(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	assert_false(gateway_sim_plan(sim, &plan, 3)); /* the third is not there */
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_NO_TARGET);
	fill_plan(sim, &plan);
	plan.mode = 9;
	assert_false(gateway_sim_plan(sim, &plan, 2));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_BAD_PLAN);
	fill_plan(sim, &plan);
	plan.host_bytes_max = IMAGE_BYTES - 1;
	assert_false(gateway_sim_plan(sim, &plan, 2));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_HOST_BYTES);
	fill_plan(sim, &plan);
	plan.flags = 0x400; /* what it means nobody here knows: better refused than done without */
	assert_false(gateway_sim_plan(sim, &plan, 2));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_BAD_PLAN);
	fill_plan(sim, &plan);
	plan.hash_bytes = 31;
	assert_false(gateway_sim_plan(sim, &plan, 2));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_IMAGE);
	/* After all that the default plan is as it was. */
	assert_false(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	gateway_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_status_and_reports),
	    cmocka_unit_test(test_relay),
	    cmocka_unit_test(test_relay_storm),
	    cmocka_unit_test(test_relay_to_the_dead),
	    cmocka_unit_test(test_board_of_the_plan),
	    cmocka_unit_test(test_bad_plans),
	    cmocka_unit_test(test_dry_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
