/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark of the simulator: one JSON object a row, each with its goal (docs: goals as ratios to the limit).
 *
 *     dfucast_sim_bench            all rows
 *     dfucast_sim_bench quick      10 seeds instead of 100
 *     dfucast_sim_bench bounds     options "n=8&phy=1M", a line each, from standard input; the bounds in ns of each
 *     dfucast_sim_bench wire RTT_US BAUD REQUEST_US BYTE_NS IMAGE BUF BUFS WINDOW   one upload over a console, microseconds
 *     dfucast_sim_bench run TEXT   one run, its trace and what came of it
 *     dfucast_sim_bench seeds A..B TEXT   many runs with faults; how many updates, faults, violations
 */
#include "fleet.h"
#include "rival.h"
#include "wire.h"

#include <dfucast/port.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const uint32_t fleet_sizes[] = {1, 2, 4, 8, 16, 20};

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert failed: %s:%d\n", file, line);
	abort();
}

/* ---- rows ---- */

enum sense { AT_MOST, AT_LEAST, NO_GOAL };

static unsigned int rows_short;

static void row(const char *name, const char *what, double figure, enum sense sense, double goal)
{
	bool ok = sense == NO_GOAL || (sense == AT_MOST ? figure <= goal : figure >= goal);

	rows_short += !ok;
	printf("{\"row\": \"%s\", \"what\": \"%s\", \"figure\": %.4f, \"goal\": ", name, what, figure);
	if (sense == NO_GOAL) {
		printf("null");
	} else {
		printf("\"%s %.3g\"", sense == AT_MOST ? "<=" : ">=", goal);
	}
	printf(", \"ok\": %s}\n", ok ? "true" : "false");
	fflush(stdout);
}

static double ppm(uint32_t millionths)
{
	return (double)millionths / 1e6;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* ---- runs ---- */

struct result {
	struct sim_fleet_statistics statistics;
	uint64_t upload_ns;
	uint64_t others_ns; /* the last but the slow one, from the first upload request */
	uint32_t ratio_ppm;
	uint32_t ended; /* in DONE */
	bool ok;        /* nothing violated */
};

static struct result run(const struct sim_fleet_options *options)
{
	struct sim_fleet *fleet = sim_fleet_create(options);
	struct result result = {0};
	struct dfucast_status status;

	if (fleet == NULL) {
		return result;
	}
	sim_fleet_run(fleet);
	sim_fleet_statistics(fleet, &result.statistics);
	result.upload_ns = sim_fleet_upload_ns(fleet);
	result.ratio_ppm = sim_fleet_ratio_ppm(fleet);
	for (uint16_t i = 0; i < sim_fleet_count(fleet); i++) {
		uint64_t took = sim_fleet_acked_ns(fleet, i) - result.statistics.first_upload_ns;

		sim_fleet_status(fleet, i, &status);
		result.ended += status.state == DFUCAST_STATE_DONE;
		if (i != options->faults.slow && took > result.others_ns) {
			result.others_ns = took;
		}
	}
	if (sim_fleet_violation(fleet) != NULL) {
		fprintf(stderr, "violation: %s\n", sim_fleet_violation(fleet));
	} else {
		result.ok = true;
	}
	sim_fleet_free(fleet);
	return result;
}

static void scenario(struct sim_fleet_options *options, char letter, uint32_t n)
{
	sim_fleet_defaults(options);
	sim_air_scenario(&options->air, letter);
	options->air.n = n;
	options->mode = DFUCAST_MODE_UPLOAD;
}

/* ---- the table ---- */

static void fan_out(char letter, uint32_t n)
{
	struct sim_fleet_options options;
	struct sim_air_bounds bounds;
	struct result result;
	enum sense sense = NO_GOAL;
	double goal = 0;
	char name[32];
	char what[128];

	scenario(&options, letter, n);
	sim_air_bounds(&options.air, &bounds);
	result = run(&options);
	if (letter == 'A') {
		sense = AT_MOST;
		goal = 1.10;
	} else if ((letter == 'D' || letter == 'E') && bounds.by == SIM_AIR_BY_UART) {
		sense = AT_MOST;
		goal = 1.02;
	} else if (letter == 'G' && (n == 8 || n == 20)) {
		sense = AT_MOST;
		goal = n == 8 ? 1.45 : 1.15;
	}
	snprintf(name, sizeof(name), "fan-out %c n=%u", letter, (unsigned int)n);
	snprintf(what, sizeof(what), "upload / T_limit; %.2f s of %.2f s, bound by %s, CI %.2f ms",
		 seconds(result.upload_ns), seconds(bounds.limit), sim_air_bound_name(bounds.by),
		 result.statistics.interval_us / 1000.0);
	row(name, what, result.ok && result.ratio_ppm != 0 ? ppm(result.ratio_ppm) : 99, sense, goal);
	/* What is left when the set-up of the last device does not count: see fleet.h, last_first_ns. */
	if (letter == 'A' || goal == 1.02) {
		snprintf(name, sizeof(name), "stream %c n=%u", letter, (unsigned int)n);
		row(name, "the same from the last device's first upload request",
		    seconds(result.statistics.last_acked_ns - result.statistics.last_first_ns) /
			seconds(bounds.limit),
		    letter == 'A' ? NO_GOAL : AT_MOST, letter == 'A' ? 0 : 1.02);
	}
}

static void rivals(char letter, uint32_t n)
{
	struct sim_fleet_options options;
	struct sim_rival_result other = {0};
	struct result ours;
	char name[48];
	char what[128];

	scenario(&options, letter, n);
	ours = run(&options);
	if (sim_rival_stop_and_wait(&options.air, &other)) {
		bool goal = letter == 'A' || letter == 'D';

		snprintf(name, sizeof(name), "vs stop-and-wait %c n=%u", letter, (unsigned int)n);
		snprintf(what, sizeof(what), "one after the other %.1f s, fan-out %.1f s",
			 seconds(other.all_ns), seconds(ours.upload_ns));
		row(name, what, seconds(other.all_ns) / seconds(ours.upload_ns), goal ? AT_LEAST : NO_GOAL,
		    letter == 'A' ? 15.0 : 8.0);
	}
	if (sim_rival_pipelined(&options.air, &other)) {
		bool goal = letter == 'A' || letter == 'C';

		snprintf(name, sizeof(name), "vs pipelined %c n=%u", letter, (unsigned int)n);
		snprintf(what, sizeof(what), "one after the other %.1f s at CI %.2f ms, fan-out %.1f s",
			 seconds(other.all_ns), other.interval_us / 1000.0, seconds(ours.upload_ns));
		row(name, what, seconds(other.all_ns) / seconds(ours.upload_ns), goal ? AT_LEAST : NO_GOAL,
		    letter == 'A' ? 7.0 : 3.3);
	}
}

static void loss(uint32_t loss_ppm, double goal, uint32_t seeds)
{
	struct sim_fleet_options options;
	uint32_t worst = 0;
	uint64_t worst_seed = 0;
	uint64_t sum = 0;
	char name[32];
	char what[128];

	scenario(&options, 'A', 8);
	options.air.per_ppm = loss_ppm;
	options.air.ci_us = sim_air_interval_us(&options.air, 8);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		options.seed = seed;
		struct result result = run(&options);
		uint32_t ratio = result.ok && result.ratio_ppm != 0 ? result.ratio_ppm : 99000000u;

		sum += ratio;
		if (ratio > worst) {
			worst = ratio;
			worst_seed = seed;
		}
	}
	snprintf(name, sizeof(name), "loss %u %% n=8", (unsigned int)(loss_ppm / 10000u));
	snprintf(what, sizeof(what), "worst of %u seeds (seed %" PRIu64 "), mean %.4f, CI %.2f ms",
		 (unsigned int)seeds, worst_seed, (double)sum / seeds / 1e6, options.air.ci_us / 1000.0);
	row(name, what, ppm(worst), AT_MOST, goal);
}

static void straggler(const char *name, uint32_t loss_ppm, uint32_t from_ms)
{
	struct sim_fleet_options options;
	struct sim_air_bounds bounds;
	struct result result;
	char what[128];

	scenario(&options, 'A', 8);
	sim_air_bounds(&options.air, &bounds);
	options.faults.slow = 3;
	options.faults.slow_ppm = loss_ppm;
	options.faults.slow_from_ms = from_ms;
	result = run(&options);
	snprintf(what, sizeof(what), "the other seven / T_limit(8); %u of 8 done, passes %u",
		 (unsigned int)result.ended, (unsigned int)result.statistics.passes);
	row(name, what, result.ok ? seconds(result.others_ns) / seconds(bounds.limit) : 99, AT_MOST, 1.15);
}

static void guards(void)
{
	struct sim_fleet_options options;
	uint32_t worst = 0;
	uint32_t worst_guard = 0;
	char what[128];

	for (uint32_t guard = 150; guard <= 1000; guard += 50) {
		scenario(&options, 'A', 8);
		options.air.guard_us = guard;
		struct result result = run(&options);
		uint32_t ratio = result.ok && result.ratio_ppm != 0 ? result.ratio_ppm : 99000000u;

		if (ratio > worst) {
			worst = ratio;
			worst_guard = guard;
		}
	}
	snprintf(what, sizeof(what),
		 "interval chosen from the measured guard, 150 to 1000 us; worst at %u us",
		 (unsigned int)worst_guard);
	row("guard sweep n=8", what, ppm(worst), AT_MOST, 1.12);
}

/* What one whole update of eight devices shows beside its time. */
static void counters(void)
{
	struct sim_fleet_options options;
	struct sim_air_bounds bounds;
	struct result r;
	const struct sim_fleet_statistics *s = &r.statistics;

	scenario(&options, 'A', 8);
	sim_air_bounds(&options.air, &bounds);
	options.mode = DFUCAST_MODE_TEST_CONFIRM;
	options.canary = 0;
	r = run(&options);
	row("host octets n=8", "UART octets / image octets", (double)s->host_octets / options.air.image,
	    AT_MOST, 1.02);
	row("window n=8", "most requests in flight at one device", s->window_peak, AT_MOST,
	    options.air.bufs - 1);
	row("ENOMEM n=8", "answers without memory, requests lost for buffers",
	    s->no_memory + s->lost_for_buffers, AT_MOST, 0);
	row("duplicates n=8", "image bytes written twice", (double)s->duplicate_bytes, AT_MOST, 0);
	row("first chunks n=8", "from the first to the last device's first upload request, intervals",
	    (double)(s->last_first_ns - s->first_upload_ns) / (s->interval_us * 1000.0), AT_MOST, 1);
	row("resets n=8", "canary 0: from the last device verified to the last reset, s",
	    seconds(s->last_reset_ns - s->last_verified_ns), AT_MOST, 1);
	row("empty events n=8", "connection events without data during the upload, percent",
	    100.0 * (double)s->upload.events_empty / (double)s->upload.events, AT_MOST, 5);
	row("radio time n=8", "radio on during the upload / the least possible",
	    seconds(s->upload.air_ns) / seconds(bounds.radio_peer * 8), AT_MOST, 1.10);
}

/* A hundred waves, as far as the machine that simulates them is concerned: its time, its memory. */
static void thousands(void)
{
	struct sim_fleet_options options;
	struct rusage usage[2];
	struct result result;
	char what[128];

	scenario(&options, 'A', 20);
	options.air.image = 32768;
	options.limit_s = 100000;
	options.mode = DFUCAST_MODE_TEST_CONFIRM;
	(void)run(&options);
	getrusage(RUSAGE_SELF, &usage[0]);
	options.air.n = 2000;
	result = run(&options);
	getrusage(RUSAGE_SELF, &usage[1]);
	snprintf(what, sizeof(what),
		 "of 2000 devices done, behind 20 links, 32 KiB, upload to confirmed; %u passes",
		 (unsigned int)result.statistics.passes);
	row("2000 devices", what, result.ok ? result.ended : 0, AT_LEAST, 2000);
	row("2000 devices time", "processor time of that run, s",
	    (double)(usage[1].ru_utime.tv_sec - usage[0].ru_utime.tv_sec) +
		(double)(usage[1].ru_utime.tv_usec - usage[0].ru_utime.tv_usec) / 1e6,
	    NO_GOAL, 0);
	row("2000 devices memory", "KiB a device more, two slots of flash of 36 KiB included",
	    (double)(usage[1].ru_maxrss - usage[0].ru_maxrss) / 1980.0, NO_GOAL, 0);
}

static int table(uint32_t seeds)
{
	for (char letter = 'A'; letter <= 'I'; letter++) {
		for (size_t i = 0; i < sizeof(fleet_sizes) / sizeof(fleet_sizes[0]); i++) {
			fan_out(letter, fleet_sizes[i]);
		}
	}
	for (char letter = 'A'; letter <= 'I'; letter++) {
		rivals(letter, 8);
	}
	rivals('A', 20);
	loss(0, 1.10, 1);
	loss(10000, 1.15, seeds);
	loss(50000, 1.40, seeds);
	loss(100000, 1.70, seeds);
	straggler("straggler 30 %", 300000, 0);
	straggler("straggler silent after 6 s", 1000000, 6000);
	guards();
	counters();
	thousands();
	fprintf(stderr, "%u rows short of their goal\n", rows_short);
	return rows_short == 0 ? 0 : 3;
}

/* ---- for tests and for looking ---- */

static int bounds_of_lines(void)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct sim_fleet_options options;
		struct sim_air_bounds b;
		const char *at;

		line[strcspn(line, "\n")] = 0;
		sim_fleet_defaults(&options);
		const char *wrong = sim_fleet_parse(&options, line, &at);

		if (wrong != NULL && *at != 0) {
			fprintf(stderr, "%s: %s\n", at, wrong);
			return 1;
		}
		sim_air_bounds(&options.air, &b);
		printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s %u %" PRIu64 " %" PRIu64
		       " %" PRIu64 " %" PRIu64 "\n",
		       b.uart, b.radio, b.peer, b.limit, sim_air_bound_name(b.by), (unsigned int)b.requests,
		       b.radio_peer, b.flash_erase, b.flash_write, sim_air_swap_ns(&options.air));
	}
	return 0;
}

static int one_run(const char *text)
{
	struct sim_fleet_options options;
	struct dfucast_status status;
	const char *at;

	sim_fleet_defaults(&options);
	options.trace = stdout;
	const char *wrong = sim_fleet_parse(&options, text, &at);
	struct sim_fleet *fleet = wrong == NULL ? sim_fleet_create(&options) : NULL;

	if (fleet == NULL) {
		fprintf(stderr, "%s: %s\n", at, wrong != NULL ? wrong : "does not work");
		return 1;
	}
	sim_fleet_run(fleet);
	for (uint16_t i = 0; i < sim_fleet_count(fleet); i++) {
		sim_fleet_status(fleet, i, &status);
		printf("device %u: %s %s\n", i, dfucast_state_name((enum dfucast_state)status.state),
		       dfucast_err_name(status.outcome.err));
	}
	printf("%.3f s, ratio %.4f, hash %016" PRIx64 ", %s\n", seconds(sim_fleet_now(fleet)),
	       ppm(sim_fleet_ratio_ppm(fleet)), sim_fleet_hash(fleet),
	       sim_fleet_violation(fleet) != NULL ? sim_fleet_violation(fleet) : "nothing violated");
	sim_fleet_free(fleet);
	return 0;
}

/* Faults that the seed chooses, unless the options name some. */
static void choose_faults(struct sim_fleet_options *options, uint64_t seed)
{
	struct sim_chance chance;

	sim_chance_seed(&chance, seed * 2654435761u + 1u);
	options->air.n = 2 + sim_chance_next(&chance) % 7;
	options->air.image = 32768 + sim_chance_next(&chance) % 65536;
	options->air.per_ppm = sim_chance_next(&chance) % 100000;
	options->faults.drops = sim_chance_next(&chance) % 5;
	if (sim_chance_next(&chance) % 4 == 0) {
		options->faults.never_returns = sim_chance_next(&chance) % options->air.n;
	}
	if (sim_chance_next(&chance) % 4 == 0) {
		options->faults.reverts = sim_chance_next(&chance) % options->air.n;
	}
	if (sim_chance_next(&chance) % 3 == 0) {
		options->faults.power = sim_chance_next(&chance) % options->air.n;
		options->faults.power_loss = 1 + sim_chance_next(&chance) % 300;
	}
}

static int seeds(const char *range, const char *text)
{
	unsigned int counts[DFUCAST_STATE_COUNT] = {0};
	unsigned int faults = 0;
	unsigned int violations = 0;
	unsigned int updates = 0;
	uint64_t first;
	uint64_t last;

	if (sscanf(range, "%" SCNu64 "..%" SCNu64, &first, &last) != 2 || first > last) {
		fprintf(stderr, "\"%s\" is no range of seeds: write A..B, e.g. 1..100\n", range);
		return 1;
	}
	for (uint64_t seed = first; seed <= last; seed++) {
		struct sim_fleet_options options;
		struct sim_fleet_statistics statistics;
		const char *at;

		sim_fleet_defaults(&options);
		options.seed = seed;
		choose_faults(&options, seed);
		const char *wrong = sim_fleet_parse(&options, text, &at);
		struct sim_fleet *fleet = wrong == NULL ? sim_fleet_create(&options) : NULL;

		if (fleet == NULL) {
			fprintf(stderr, "seed %" PRIu64 ": %s: %s\n", seed, at,
				wrong != NULL ? wrong : "does not work");
			return 1;
		}
		sim_fleet_run(fleet);
		sim_fleet_statistics(fleet, &statistics);
		faults += statistics.drops + statistics.swap_resumes +
			  (options.faults.never_returns != SIM_FLEET_NOBODY) +
			  (options.faults.reverts != SIM_FLEET_NOBODY) +
			  (options.faults.power != SIM_FLEET_NOBODY);
		for (uint16_t i = 0; i < sim_fleet_count(fleet); i++) {
			struct dfucast_status status;

			sim_fleet_status(fleet, i, &status);
			counts[status.state]++;
			updates++;
		}
		if (sim_fleet_violation(fleet) != NULL) {
			violations++;
			printf("seed %" PRIu64 ": %s\n", seed, sim_fleet_violation(fleet));
		}
		sim_fleet_free(fleet);
	}
	printf("%u updates, %u faults, %u violations:", updates, faults, violations);
	for (unsigned int s = DFUCAST_STATE_DONE; s < DFUCAST_STATE_COUNT; s++) {
		printf(" %u %s", counts[s], dfucast_state_name((enum dfucast_state)s));
	}
	printf("\n");
	return violations == 0 ? 0 : 3;
}

static int one_wire(char **numbers)
{
	uint32_t n[8];
	uint64_t us;

	for (unsigned int i = 0; i < 8; i++) {
		n[i] = (uint32_t)strtoul(numbers[i], NULL, 10);
	}
	const struct sim_wire_options options = {.rtt_us = n[0],
						 .baud = n[1],
						 .request_us = n[2],
						 .byte_ns = n[3],
						 .image_bytes = n[4],
						 .buf_size = (uint16_t)n[5],
						 .buf_count = (uint8_t)n[6],
						 .window = (uint8_t)n[7]};

	if (!sim_wire_upload(&options, &us)) {
		fprintf(stderr, "no upload with these numbers\n");
		return 1;
	}
	printf("%" PRIu64 "\n", us);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 10 && strcmp(argv[1], "wire") == 0) {
		return one_wire(argv + 2);
	}
	if ((argc == 3 || argc == 4) && strcmp(argv[1], "seeds") == 0) {
		return seeds(argv[2], argc == 4 ? argv[3] : "");
	}
	if (argc == 2 && strcmp(argv[1], "bounds") == 0) {
		return bounds_of_lines();
	}
	if (argc == 3 && strcmp(argv[1], "run") == 0) {
		return one_run(argv[2]);
	}
	if (argc == 1 || (argc == 2 && strcmp(argv[1], "quick") == 0)) {
		return table(argc == 1 ? 100 : 10);
	}
	fprintf(stderr, "usage: %s [quick | bounds | run OPTIONS | seeds A..B OPTIONS]\n", argv[0]);
	return 1;
}
