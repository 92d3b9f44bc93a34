/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole fleets around the simulated radio: the core updates them, whatever goes wrong, and does so the same way on
 * every machine.
 */
#include "../../sim/run/fleet.h"
#include "../../sim/run/rival.h"
#include "../../sim/run/wire.h"

#include <dfucast/port.h>
#include <inttypes.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert failed: %s:%d\n", file, line);
	abort();
}

static struct sim_fleet_options options_of(const char *text)
{
	struct sim_fleet_options options;
	const char *at;

	sim_fleet_defaults(&options);
	const char *wrong = sim_fleet_parse(&options, text, &at);

	if (wrong != NULL) {
		fail_msg("%s: %s", at, wrong);
	}
	return options;
}

struct outcome {
	struct sim_fleet_statistics statistics;
	uint64_t hash;
	uint64_t upload_ns;
	uint64_t end_ns;
	uint32_t ratio_ppm;
	uint32_t counts[DFUCAST_STATE_COUNT];
	uint8_t states[128];
};

static struct outcome run(const struct sim_fleet_options *options)
{
	struct sim_fleet *fleet = sim_fleet_create(options);
	struct outcome outcome = {0};
	struct dfucast_status status;

	assert_non_null(fleet);
	assert_true(sim_fleet_count(fleet) <= sizeof(outcome.states));
	sim_fleet_run(fleet);
	if (sim_fleet_violation(fleet) != NULL) {
		fail_msg("seed %" PRIu64 ": %s", options->seed, sim_fleet_violation(fleet));
	}
	sim_fleet_statistics(fleet, &outcome.statistics);
	outcome.hash = sim_fleet_hash(fleet);
	outcome.upload_ns = sim_fleet_upload_ns(fleet);
	outcome.ratio_ppm = sim_fleet_ratio_ppm(fleet);
	outcome.end_ns = sim_fleet_now(fleet);
	for (uint16_t i = 0; i < sim_fleet_count(fleet); i++) {
		sim_fleet_status(fleet, i, &status);
		assert_true(dfucast_state_is_final((enum dfucast_state)status.state));
		outcome.states[i] = status.state;
		outcome.counts[status.state]++;
	}
	sim_fleet_free(fleet);
	/* Whatever happens on the way, buffers never run out. */
	assert_int_equal(outcome.statistics.no_memory, 0);
	assert_int_equal(outcome.statistics.lost_for_buffers, 0);
	assert_true(outcome.statistics.window_peak <= options->air.bufs - 1);
	return outcome;
}

static struct outcome run_text(const char *text)
{
	const struct sim_fleet_options options = options_of(text);

	return run(&options);
}

/* ---- the same every time ---- */

/* A change in the core or in the model changes them: look at the traces, then set them anew from the failure's text. */
static const struct {
	const char *text;
	uint64_t hash;
} pinned[] = {
#include "fleet_hashes.inc"
};

static void same_hash_everywhere(void **state)
{
	unsigned int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++) {
		struct outcome first = run_text(pinned[i].text);
		struct outcome again = run_text(pinned[i].text);

		assert_true(first.hash == again.hash);
		if (first.hash != pinned[i].hash) {
			print_message("    {\"%s\", UINT64_C(0x%016" PRIx64 ")},\n", pinned[i].text,
				      first.hash);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void other_seed_other_run(void **state)
{
	struct outcome one = run_text("n=2&image_kb=32&loss=0.05&seed=1");
	struct outcome two = run_text("n=2&image_kb=32&loss=0.05&seed=2");

	(void)state;
	assert_true(one.hash != two.hash);
}

static void steps_change_nothing(void **state)
{
	const struct sim_fleet_options options = options_of("n=3&image_kb=32&loss=0.02");
	struct outcome whole = run(&options);
	struct sim_fleet *fleet = sim_fleet_create(&options);
	uint64_t now = 0;

	(void)state;
	assert_non_null(fleet);
	while (sim_fleet_step(fleet, now)) {
		assert_true(sim_fleet_now(fleet) == now);
		now += 7 * SIM_NS_PER_MS;
	}
	assert_null(sim_fleet_violation(fleet));
	assert_true(sim_fleet_hash(fleet) == whole.hash);
	sim_fleet_free(fleet);
}

/* ---- good runs ---- */

static void all_done(void **state)
{
	static const char *const texts[] = {"n=1", "n=4", "n=8", "n=20"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sim_fleet_options options = options_of(texts[i]);
		struct outcome outcome = run(&options);

		assert_int_equal(outcome.counts[DFUCAST_STATE_DONE], options.air.n);
		assert_int_equal(outcome.statistics.boots, options.air.n);
		assert_int_equal(outcome.statistics.duplicate_bytes, 0);
		assert_true(outcome.ratio_ppm >= 1000000 && outcome.ratio_ppm <= 1100000);
		/* Each byte once; the header, in the first chunk, may be counted or not. */
		assert_in_range(outcome.statistics.sent_bytes, options.air.n * (options.air.image - 32u),
				options.air.n * options.air.image);
	}
}

/* Never better than the bound, never far from it, whatever the peers, the radio and the host link are. */
static void every_scenario(void **state)
{
	(void)state;
	for (char letter = 'A'; letter <= 'I'; letter++) {
		struct sim_fleet_options options;

		sim_fleet_defaults(&options);
		assert_true(sim_air_scenario(&options.air, letter));
		options.mode = DFUCAST_MODE_UPLOAD;
		struct outcome outcome = run(&options);

		assert_int_equal(outcome.counts[DFUCAST_STATE_DONE], 8);
		assert_true(outcome.ratio_ppm >= 1000000);
		assert_true(outcome.ratio_ppm <= (letter == 'G' ? 1450000u : 1100000u));
	}
}

static void waves(void **state)
{
	static const struct {
		const char *text;
		uint32_t passes;
	} cases[] = {
	    {"n=100&image_kb=64&links=20&seed=3&canary=0", 5},
	    {"n=100&image_kb=64&links=20&seed=3", 6}, /* the second wave is the canary's link short */
	    {"n=100&image_kb=64&links=20&seed=3&loss=0.05", 6},
	    {"n=60&image_kb=64&links=20&canary=0&erase=upfront", 3}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim_fleet_options options = options_of(cases[i].text);
		struct outcome outcome = run(&options);

		assert_int_equal(outcome.counts[DFUCAST_STATE_DONE], options.air.n);
		assert_int_equal(outcome.ratio_ppm, 0); /* not to be said of waves */
		assert_int_equal(outcome.statistics.passes, cases[i].passes);
		assert_true(outcome.statistics.image_bytes_fed ==
			    (uint64_t)cases[i].passes * (options.air.image - 32));
	}
}

/* Bytes on the heap; 0: not to be known (another C library, a sanitizer). */
static size_t heap_bytes(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#else
	return 0;
#endif
}

struct crowd {
	size_t heap_peak; /* of the run alone, looked at each virtual second */
	uint32_t done;
	uint32_t passes;
	uint64_t hash;
};

static struct crowd run_crowd(uint32_t count)
{
	struct sim_fleet_options options = options_of("image_kb=8&limit_s=100000");
	struct crowd crowd = {0};
	struct sim_fleet_statistics statistics;
	struct dfucast_status status;
	size_t before = heap_bytes();
	uint64_t now = 0;

	options.air.n = count;
	struct sim_fleet *fleet = sim_fleet_create(&options);

	assert_non_null(fleet);
	do {
		size_t used = heap_bytes() - before;

		crowd.heap_peak = used > crowd.heap_peak ? used : crowd.heap_peak;
		now += SIM_NS_PER_S;
	} while (sim_fleet_step(fleet, now));
	assert_null(sim_fleet_violation(fleet));
	sim_fleet_statistics(fleet, &statistics);
	crowd.passes = statistics.passes;
	crowd.hash = sim_fleet_hash(fleet);
	for (uint16_t i = 0; i < count; i++) {
		sim_fleet_status(fleet, i, &status);
		crowd.done += status.state == DFUCAST_STATE_DONE;
	}
	sim_fleet_free(fleet);
	return crowd;
}

/* A hundred waves. What each device more costs is the same from the first to the last, the model's flash included. */
static void two_thousand_devices(void **state)
{
	struct crowd few = run_crowd(200);
	struct crowd some = run_crowd(400);
	struct crowd all = run_crowd(2000);

	(void)state;
	assert_int_equal(few.done, 200);
	assert_int_equal(some.done, 400);
	assert_int_equal(all.done, 2000);
	assert_in_range(all.passes, 100, 106); /* the canary's link, while it runs */
	if (all.hash != UINT64_C(0xf40734e7050c7770)) {
		fail_msg("2000 devices: hash 0x%016" PRIx64, all.hash);
	}
	if (all.heap_peak != 0) {
		size_t each = (some.heap_peak - few.heap_peak) / 200;
		size_t each_more = (all.heap_peak - some.heap_peak) / 1600;

		assert_in_range(each_more, each - each / 100, each + each / 100);
	}
}

/* The interval computed is about as good as the best that trying finds. */
static void interval_from_the_guard(void **state)
{
	static const uint32_t guards[] = {150, 400, 558, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
		struct sim_fleet_options options = options_of("n=8");
		uint64_t best;

		options.mode = DFUCAST_MODE_UPLOAD;
		options.air.guard_us = guards[i];
		assert_true(sim_fleet_sweep(&options, NULL, &best) != 0);
		struct outcome outcome = run(&options);

		assert_int_equal(outcome.statistics.interval_us % 1250, 0);
		assert_true(outcome.upload_ns <= best + best / 20);
		assert_true(outcome.ratio_ppm <= 1120000);
	}
}

/* ---- faults ---- */

static void loss(void **state)
{
	static const struct {
		uint32_t ppm, goal_ppm;
	} cases[] = {{10000, 1150000}, {50000, 1400000}, {100000, 1700000}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim_fleet_options options = options_of("n=8");

		options.air.per_ppm = cases[i].ppm;
		options.air.ci_us = sim_air_interval_us(&options.air, 8);
		options.mode = DFUCAST_MODE_UPLOAD;
		for (options.seed = 1; options.seed <= 8; options.seed++) {
			struct outcome outcome = run(&options);

			assert_int_equal(outcome.counts[DFUCAST_STATE_DONE], 8);
			assert_int_equal(outcome.statistics.duplicate_bytes, 0);
			assert_true(outcome.ratio_ppm != 0 && outcome.ratio_ppm <= cases[i].goal_ppm);
		}
	}
}

static void dropped_links(void **state)
{
	struct sim_fleet_options options = options_of("n=4&image_kb=128&drops=3");

	(void)state;
	for (options.seed = 1; options.seed <= 12; options.seed++) {
		struct outcome outcome = run(&options);

		assert_int_equal(outcome.counts[DFUCAST_STATE_DONE], 4);
		assert_true(outcome.statistics.drops > 0);
		assert_int_equal(outcome.statistics.duplicate_bytes, 0); /* it resumes */
	}
}

static void one_never_returns(void **state)
{
	struct outcome canary = run_text("n=4&image_kb=64&never_returns=0");
	struct outcome later = run_text("n=4&image_kb=64&never_returns=2");

	(void)state;
	assert_int_equal(canary.states[0], DFUCAST_STATE_FAILED);
	assert_int_equal(canary.counts[DFUCAST_STATE_HELD], 3);
	assert_int_equal(later.states[2], DFUCAST_STATE_FAILED);
	assert_int_equal(later.counts[DFUCAST_STATE_DONE], 3);
}

static void one_reverts(void **state)
{
	struct outcome canary = run_text("n=4&image_kb=64&reverts=0");
	struct outcome later = run_text("n=4&image_kb=64&reverts=3&swap=offset");

	(void)state;
	assert_int_equal(canary.states[0], DFUCAST_STATE_REVERTED);
	assert_int_equal(canary.counts[DFUCAST_STATE_HELD], 3);
	assert_int_equal(later.states[3], DFUCAST_STATE_REVERTED);
	assert_int_equal(later.counts[DFUCAST_STATE_DONE], 3);
}

static void one_is_slow(void **state)
{
	struct outcome outcome = run_text("n=4&slow=1&slow_loss=0.3");

	(void)state;
	assert_int_equal(outcome.counts[DFUCAST_STATE_DONE], 4);
}

/* The checker holds that it then starts the old image or the new one, whole; and in the end it has the new one. */
static void power_fails_at_each_operation(void **state)
{
	static const char *const texts[] = {"n=2&image_kb=32&power=1",
					    "n=1&image_kb=32&power=0&erase=upfront",
					    "n=1&image_kb=32&power=0&swap=offset&bufs=2"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sim_fleet_options options = options_of(texts[i]);
		uint32_t reverts = 0;

		for (uint32_t operation = 1; operation <= 80; operation++) {
			options.faults.power_loss = operation;
			struct outcome outcome = run(&options);

			uint32_t reverted = outcome.counts[DFUCAST_STATE_REVERTED];

			/* Cut while its confirmation is written, a device goes back: that is what trials are for. */
			assert_int_equal(outcome.counts[DFUCAST_STATE_DONE] + reverted, options.air.n);
			assert_true(operation > 40 || reverted == 0);
			assert_true(operation > 40 || outcome.statistics.boots > options.air.n ||
				    outcome.statistics.swap_resumes == 1);
			reverts += reverted;
		}
		assert_true(reverts <= 1);
	}
}

/* ---- the others, by limit.py's figures ---- */

static void rivals_as_the_model_says(void **state)
{
	static const struct {
		char letter;
		uint32_t stop_and_wait_ms, pipelined_ms; /* one device, bench/limit.py; 0: never ends */
	} figures[] = {{'A', 24390, 10570}, {'B', 24860, 10500}, {'C', 16470, 4630},
		       {'D', 24410, 23180}, {'E', 32110, 32130}, {'F', 25110, 11760},
		       {'G', 24390, 12850}, {'H', 16470, 2700},  {'I', 0, 11680}};

	(void)state;
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		struct sim_air_parameters parameters;
		struct sim_rival_result result;

		sim_air_scenario(&parameters, figures[i].letter);
		assert_true(sim_rival_pipelined(&parameters, &result));
		assert_in_range(result.one_ns / SIM_NS_PER_MS, figures[i].pipelined_ms * 97 / 100,
				figures[i].pipelined_ms * 103 / 100);
		assert_true(result.all_ns == 8 * (result.one_ns + 800 * SIM_NS_PER_MS));
		assert_true(sim_rival_stop_and_wait(&parameters, &result) ==
			    (figures[i].stop_and_wait_ms != 0));
		assert_in_range(result.one_ns / SIM_NS_PER_MS, figures[i].stop_and_wait_ms * 97 / 100,
				figures[i].stop_and_wait_ms * 103 / 100);
	}
}

static uint64_t wire_us(uint32_t rtt_us, uint32_t baud, uint32_t request_us, uint8_t window)
{
	struct sim_wire_options options;
	uint64_t us;

	sim_wire_defaults(&options);
	options.rtt_us = rtt_us;
	options.baud = baud;
	options.request_us = request_us;
	options.window = window;
	assert_true(sim_wire_upload(&options, &us));
	return us;
}

/* A console's upload takes what its parameters say: the round trip shared by a window, or the server, or the line. */
static void a_wire_takes_its_time(void **state)
{
	uint64_t one = wire_us(40000, 0, 4000, 1);
	uint64_t chunks = one / 44000;

	(void)state;
	assert_in_range(chunks, 49692 / 380, 49692 / 320);
	assert_in_range(one * 100 / wire_us(40000, 0, 4000, 2), 195, 205);
	assert_in_range(one * 100 / wire_us(40000, 0, 4000, 3), 290, 310);
	assert_true(wire_us(40000, 0, 4000, 3) == wire_us(40000, 0, 4000, 0)); /* buf_count - 1 by itself */
	/* The server is what everything waits for. */
	assert_in_range(wire_us(10000, 0, 50000, 3) / chunks, 49000, 51500);
	assert_in_range(wire_us(10000, 0, 50000, 1) / chunks, 59000, 61500);
	/* The line: 8.2 kB/s of image at 115,200 baud (base64 lines). */
	assert_in_range(wire_us(1000, 115200, 100, 3), 49692u * 1000u / 83u * 10u,
			49692u * 1000u / 76u * 10u);
	assert_true(wire_us(40000, 0, 4000, 1) == one);
}

static void options_from_text(void **state)
{
	static const char *const bad[] = {
	    "nonsense=1", "n=0",      "n",      "loss=1.5", "loss=",  "phy=3M", "ci_us=8000",
	    "image_kb=0", "links=21", "seed=x", "n=8&=2",   "loss=.", "buf=100"};
	struct sim_fleet_options options;
	const char *at;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sim_fleet_defaults(&options);
		assert_non_null(sim_fleet_parse(&options, bad[i], &at));
	}
	options = options_of(
	    "seed=18446744073709551615&image_kb=64&loss=0.015&erase-page-us=1000&couple=no&slow_loss=1");
	assert_true(options.seed == UINT64_MAX);
	assert_int_equal(options.air.image, 65536);
	assert_int_equal(options.air.per_ppm, 15000);
	assert_int_equal(options.air.erase_page_us, 1000);
	assert_int_equal(options.air.couple, 0);
	assert_int_equal(options.faults.slow_ppm, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_hash_everywhere),
	    cmocka_unit_test(other_seed_other_run),
	    cmocka_unit_test(steps_change_nothing),
	    cmocka_unit_test(all_done),
	    cmocka_unit_test(every_scenario),
	    cmocka_unit_test(waves),
	    cmocka_unit_test(two_thousand_devices),
	    cmocka_unit_test(interval_from_the_guard),
	    cmocka_unit_test(loss),
	    cmocka_unit_test(dropped_links),
	    cmocka_unit_test(one_never_returns),
	    cmocka_unit_test(one_reverts),
	    cmocka_unit_test(one_is_slow),
	    cmocka_unit_test(power_fails_at_each_operation),
	    cmocka_unit_test(rivals_as_the_model_says),
	    cmocka_unit_test(a_wire_takes_its_time),
	    cmocka_unit_test(options_from_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
