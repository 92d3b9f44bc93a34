/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator beside BabbleSim: what tests/zephyr/bsim_cast took there, with Zephyr 3.4.99's controller and host on both
 * sides and its smp_svr, and what the model says with the same figures. docs/zephyr.md has the commands.
 */
#include "../../sim/run/fleet.h"

#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/*
 * Each a fact of that run: image and sizes of bsim_cast; no wire; processors that take no time; an erase and a word as long as
 * its flash model's, which are the defaults; FLASH_SYNC_SWITCHING_TIME (soc_flash_nrf_ticker.c); whole pages
 * (FLASH_PAGE_ERASE_MAX_TIME_US); CONFIG_IMG_BLOCK_BUF_SIZE; smp_notify_sem of smp_bt.c.
 */
#define ZEPHYR                                                                                               \
	"image=131112&mtu=498&baud=0&req_cpu_us=0&host_us=0&abort_us=1700&erase_slot_us=89700&flash_block="  \
	"512&acked=1&"
#define TIME_PERCENT 5u
#define ALONE_PERCENT 10u
#define STEP_NS (UINT64_C(500) * 1000u)

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert failed: %s:%d\n", file, line);
	abort();
}

/* From the last device's first request to the last answer; of a link, how many of its events its peer did not hear. */
struct figures {
	uint32_t ms;
	uint32_t alone; /* 0: not recorded */
};

static struct figures simulated(const char *text)
{
	struct sim_fleet_options options;
	struct sim_fleet_statistics statistics;
	struct dfucast_status status;
	uint64_t first_ns = 0;
	uint64_t last_ns = 0;
	const char *at;
	bool goes_on = true;

	sim_fleet_defaults(&options);
	options.mode = DFUCAST_MODE_UPLOAD;
	assert_null(sim_fleet_parse(&options, text, &at));
	struct sim_fleet *fleet = sim_fleet_create(&options);

	assert_non_null(fleet);
	for (uint64_t now = 0; goes_on; now += STEP_NS) {
		unsigned int began = 0;
		unsigned int sent = 0;

		goes_on = sim_fleet_step(fleet, now);
		for (uint16_t i = 0; i < sim_fleet_count(fleet); i++) {
			sim_fleet_status(fleet, i, &status);
			began += status.state >= DFUCAST_STATE_UPLOADING;
			sent += status.state >= DFUCAST_STATE_VERIFYING;
		}
		first_ns = began == sim_fleet_count(fleet) && first_ns == 0 ? now : first_ns;
		last_ns = sent == sim_fleet_count(fleet) && last_ns == 0 ? now : last_ns;
	}
	assert_null(sim_fleet_violation(fleet));
	sim_fleet_statistics(fleet, &statistics);
	const struct figures figures = {(uint32_t)((last_ns - first_ns) / 1000000u),
					(uint32_t)(statistics.upload.events_alone / options.air.n)};

	sim_fleet_free(fleet);
	return figures;
}

static void near(const char *what, const char *text, uint32_t model, uint32_t real, uint32_t percent)
{
	uint32_t off = model > real ? model - real : real - model;

	if (off * 100u > real * percent) {
		fail_msg("%s: %s: %u, BabbleSim %u", text, what, model, real);
	}
}

/* periph.conf erases page by page, overlay-bt.conf found its slot blank, small.conf has buffers of 384 bytes. */
static void uploads_as_on_babblesim(void **state)
{
	static const struct {
		const char *text;
		struct figures real;
	} rows[] = {{ZEPHYR "n=1&ci_us=30000", {6329, 151}},
		    {ZEPHYR "n=4&ci_us=30000", {8039, 147}},
		    {ZEPHYR "n=7&ci_us=52500", {9404, 65}},
		    {ZEPHYR "erase=none&n=1&ci_us=30000", {3269, 0}},
		    {ZEPHYR "erase=none&n=4&ci_us=30000", {4829, 0}},
		    {ZEPHYR "erase=none&n=7&ci_us=52500", {5677, 0}},
		    {ZEPHYR "buf=384&reassembly=0&n=1&ci_us=30000", {25319, 127}},
		    {ZEPHYR "buf=384&reassembly=0&n=4&ci_us=30000", {25319, 0}},
		    {ZEPHYR "buf=384&reassembly=0&n=7&ci_us=52500", {38797, 0}}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct figures model = simulated(rows[i].text);

		print_message("%s: %u ms, BabbleSim %u; alone %u, BabbleSim %u\n", rows[i].text, model.ms,
			      rows[i].real.ms, model.alone, rows[i].real.alone);
		near("ms", rows[i].text, model.ms, rows[i].real.ms, TIME_PERCENT);
		if (rows[i].real.alone != 0) {
			near("events that the peer did not hear", rows[i].text, model.alone,
			     rows[i].real.alone, ALONE_PERCENT);
		}
	}
}

/* What it says without: flash beside the radio, requests ahead of answers. Far off for four, which is why there is more. */
static void each_of_the_two_counts(void **state)
{
	struct figures four = simulated("image=131112&mtu=498&baud=0&n=4&ci_us=30000");
	struct figures small = simulated(ZEPHYR "acked=0&buf=384&reassembly=0&n=1&ci_us=30000");

	(void)state;
	assert_true(four.ms < 6000);
	assert_int_equal(four.alone, 0);
	assert_true(small.ms < 20000);
}

/* The prediction that intervals are chosen by follows the same rules. */
static void predicted_as_simulated(void **state)
{
	static const uint32_t intervals[] = {15000, 30000, 52500, 75000};

	(void)state;
	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		struct sim_fleet_options options;
		const char *at;
		char text[256];

		snprintf(text, sizeof(text), ZEPHYR "n=1&ci_us=%u", (unsigned int)intervals[i]);
		sim_fleet_defaults(&options);
		assert_null(sim_fleet_parse(&options, text, &at));
		near("prediction, ms", text,
		     (uint32_t)(sim_air_predict_ns(&options.air, 1, intervals[i]) / 1000000u),
		     simulated(text).ms, TIME_PERCENT);
	}
}

static void options_that_cannot_be(void **state)
{
	struct sim_fleet_options options;
	const char *at;

	(void)state;
	sim_fleet_defaults(&options);
	assert_non_null(sim_fleet_parse(&options, "abort_us=8000", &at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uploads_as_on_babblesim),
	    cmocka_unit_test(each_of_the_two_counts),
	    cmocka_unit_test(predicted_as_simulated),
	    cmocka_unit_test(options_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
