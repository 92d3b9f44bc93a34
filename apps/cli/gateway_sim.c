/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's devices made up: virtual ones around a simulated radio, whose time goes with the clock on the wall, since
 * the host at the other end is real. A stand-in to write one's host's code against.
 */
#include "gateway.h"
#include "sim/run/fleet.h"
#include <stdlib.h>
#include <string.h>

#define PACE_MS 2u

/* "sim:N?KEY=VALUE&…" @return the keys, NULL: wrong, and said so */
static const char *count_of(const struct gateway_job *job, long *count)
{
	const char *text = job->options.radio + 4;
	const char *keys = strchr(text, '?');
	char digits[8];

	snprintf(digits, sizeof(digits), "%.*s", keys != NULL ? (int)(keys - text) : 7, text);
	if (!cli_number_parse(digits, 1, 1000, count)) {
		(void)output_usage(&job->cli.out, "The radio names no number of virtual devices.",
				   "Write --radio sim:8, or any number from 1 to 1000.");
		return NULL;
	}
	return keys != NULL ? keys + 1 : "";
}

int gateway_sim_targets(struct gateway_job *job)
{
	long count;

	if (count_of(job, &count) == NULL) {
		return CLI_EXIT_USAGE;
	}
	job->targets.items = calloc((size_t)count, sizeof(*job->targets.items));
	if (job->targets.items == NULL) {
		return output_usage(&job->cli.out, "Not enough memory.", "Give fewer devices.");
	}
	job->targets.count = (size_t)count;
	for (long i = 0; i < count; i++) {
		snprintf(job->targets.items[i].text, sizeof(job->targets.items[i].text), "sim:%ld#%ld", count,
			 i);
	}
	return CLI_EXIT_OK;
}

void gateway_sim_advance(struct gateway_job *job)
{
	uint64_t due = (uv_hrtime() - job->begun_ns) * (uint64_t)job->options.speed;

	if (due > sim_fleet_now(job->fleet)) {
		(void)sim_fleet_step(job->fleet, due);
	}
}

static void pace(uv_timer_t *timer)
{
	struct gateway_job *job = timer->data;

	gateway_sim_advance(job);
	gateway_changed(job);
}

int gateway_sim_start(struct gateway_job *job)
{
	struct sim_fleet_options options;
	const char *at = "";
	const char *wrong;
	char what[200];
	long count;

	sim_fleet_defaults(&options);
	wrong = sim_fleet_parse(&options, count_of(job, &count), &at);
	if (wrong != NULL) {
		snprintf(what, sizeof(what), "--radio sim: %.60s: %.100s.", at, wrong);
		return output_usage(&job->cli.out, what, "\"dfucast update --help\" names the keys.");
	}
	options.air.n = (uint32_t)count;
	options.links = job->config.cast.links_max;
	options.limit_s = UINT32_MAX / 1000u;
	options.gateway = &job->gateway;
	job->fleet = sim_fleet_create(&options);
	if (job->fleet == NULL) {
		return output_usage(&job->cli.out, "So many links do not fit into this connection interval.",
				    "Give a longer interval (ci_us=), or fewer links (--links).");
	}
	job->begun_ns = uv_hrtime();
	uv_timer_init(&job->cli.loop, &job->pace);
	job->pace.data = job;
	uv_timer_start(&job->pace, pace, PACE_MS, PACE_MS);
	return CLI_EXIT_OK;
}

void gateway_sim_serve(struct gateway_job *job)
{
	sim_fleet_touch(job->fleet);
	gateway_changed(job);
}

void gateway_sim_close(struct gateway_job *job)
{
	if (job->fleet != NULL) {
		uv_close((uv_handle_t *)&job->pace, NULL);
	}
}
