/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast update IMAGE --to sim:N`: the same job on virtual devices around one simulated radio, in virtual time. The
 * core that runs is the one that runs on links; only what is around it is made up.
 */
#include "sim/run/fleet.h"
#include "update.h"
#include <stdlib.h>
#include <string.h>

#define STEP_MS 50u  /* of virtual time between two looks */
#define PACE 5u      /* virtual milliseconds a real one, where somebody watches */
#define FRAME_MS 50u /* of real time between two looks, then */
#define FOREVER_MS 1000000000u
#define SIM_IMAGE_BYTES_MIN 2048u

bool update_sim_is(const char *text)
{
	return strncmp(text, "sim:", 4) == 0;
}

int update_sim_targets(struct update_job *job, const char *text)
{
	const char *number = strncmp(text, "sim://", 6) == 0 ? text + 6 : text + 4;
	const char *keys = strchr(number, '?');
	char what[160];
	char digits[8];
	size_t length = keys != NULL ? (size_t)(keys - number) : strlen(number);
	long count = 0;

	snprintf(digits, sizeof(digits), "%.*s", (int)(length < sizeof(digits) ? length : sizeof(digits) - 1),
		 number);
	if (length >= sizeof(digits) || !cli_number_parse(digits, 1, DFUCAST_CAST_TARGETS_MAX, &count)) {
		snprintf(what, sizeof(what), "\"%.80s\" names no number of virtual devices.", text);
		return output_usage(&job->cli.out, what, "Write sim:8, or any number from 1 to 4096.");
	}
	job->targets.items = calloc((size_t)count, sizeof(*job->targets.items));
	if (job->targets.items == NULL) {
		return output_usage(&job->cli.out, "Not enough memory.", "Give fewer targets.");
	}
	job->targets.count = (size_t)count;
	for (long i = 0; i < count; i++) {
		struct dfucast_linux_target *target = &job->targets.items[i];

		target->scheme = DFUCAST_LINUX_SIM;
		snprintf(target->text, sizeof(target->text), "sim:%ld#%ld", count, i);
	}
	job->sim = keys != NULL ? keys + 1 : "";
	return CLI_EXIT_OK;
}

/* The command's own options win over the same keys of the target. */
static int make_options(struct update_job *job, struct sim_fleet_options *fleet)
{
	const struct update_options *options = &job->options;
	const char *at = "";
	const char *wrong;
	char what[200];

	sim_fleet_defaults(fleet);
	fleet->gather_ms = options->gather_ms;
	fleet->air.ram_window = options->ring_bytes;
	fleet->air.image = job->file.length;
	fleet->air.n = (uint32_t)job->targets.count;
	wrong = sim_fleet_parse(fleet, job->sim, &at);
	if (wrong == NULL && (fleet->air.n != job->targets.count || fleet->air.image != job->file.length)) {
		wrong = "the number of devices stands before the \"?\", the size is that of IMAGE";
		at = "n, image";
	}
	if (wrong != NULL) {
		snprintf(what, sizeof(what), "sim:%zu?%.60s: %.100s.", job->targets.count, at, wrong);
		return output_usage(
		    &job->cli.out, what,
		    "Keys: seed, loss, board, mode, slot, no_storage, links, drops, slow, slow_loss, "
		    "slow_from_ms, "
		    "never_returns, "
		    "reverts, "
		    "power, "
		    "power_loss, straggle_ms, connect_us, limit_s, and the option names of bench/limit.py.");
	}
	fleet->links = options->links != 0 ? (uint32_t)options->links : fleet->links;
	fleet->canary = options->canary >= 0 ? (uint32_t)options->canary : fleet->canary;
	fleet->barrier = options->barrier < 0 ? fleet->air.n : (uint32_t)options->barrier;
	fleet->max_failed = (uint32_t)options->max_failed;
	fleet->air.window = options->window != 0 ? (uint32_t)options->window : fleet->air.window;
	fleet->mode = (uint8_t)options->mode;
	fleet->image = job->file.memory;
	fleet->plan = &job->plan;
	if (job->options.common.trace_path != NULL) {
		return output_usage(&job->cli.out, "Virtual devices have no wire to trace.",
				    "Leave out --trace.");
	}
	if (job->file.length < SIM_IMAGE_BYTES_MIN) {
		return output_usage(&job->cli.out, "The image is too small for virtual devices.",
				    "Take one of at least 2 KiB.");
	}
	return CLI_EXIT_OK;
}

static void interrupted(void *context)
{
	sim_fleet_stop(context, DFUCAST_ERR_ABORTED);
}

static void wake(uv_timer_t *timer)
{
	(void)timer;
}

/* Signals are seen, and where somebody watches, time passes. */
static void look_around(struct update_job *job, uv_timer_t *timer)
{
	if (job->live) {
		uv_timer_start(timer, wake, FRAME_MS, 0);
		uv_run(&job->cli.loop, UV_RUN_ONCE);
	} else {
		/* A loop with nothing to wait for does not look for signals either. */
		uv_timer_start(timer, wake, FOREVER_MS, 0);
		uv_run(&job->cli.loop, UV_RUN_NOWAIT);
	}
}

static void run(struct update_job *job, struct sim_fleet *fleet)
{
	uint32_t step_ms = job->live ? FRAME_MS * PACE : STEP_MS;
	bool goes_on = true;
	uv_timer_t timer;

	uv_timer_init(&job->cli.loop, &timer);
	job->cli.on_interrupt = interrupted;
	job->cli.on_interrupt_context = fleet;
	while (goes_on) {
		uint64_t now = sim_fleet_now(fleet);

		if (job->options.deadline_ms != 0 && now / SIM_NS_PER_MS >= job->options.deadline_ms &&
		    !dfucast_cast_is_done(job->watched)) {
			sim_fleet_stop(fleet, DFUCAST_ERR_DEADLINE);
		}
		goes_on = sim_fleet_step(fleet, now + step_ms * SIM_NS_PER_MS);
		job->cli.out.virtual_ms = (uint32_t)(sim_fleet_now(fleet) / SIM_NS_PER_MS);
		update_report_changes(job);
		update_report_draw(job);
		look_around(job, &timer);
	}
	job->cli.on_interrupt = NULL;
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&job->cli.loop, UV_RUN_NOWAIT); /* the handle lives on this stack */
}

int update_sim_run(struct update_job *job)
{
	struct sim_fleet_options options;
	struct sim_fleet *fleet;
	int code = make_options(job, &options);

	if (code != CLI_EXIT_OK) {
		return code;
	}
	fleet = sim_fleet_create(&options);
	if (fleet == NULL) {
		return output_usage(&job->cli.out, "So many links do not fit into this connection interval.",
				    "Give a longer interval (ci_us=), or fewer links (--links).");
	}
	job->watched = sim_fleet_cast(fleet);
	job->cli.out.is_virtual = true;
	update_report_start(job);
	run(job, fleet);
	job->ratio_to_limit = sim_fleet_ratio_ppm(fleet) / 1e6;
	job->sim_upload_s = (double)sim_fleet_upload_ns(fleet) / 1e9;
	job->fleet = fleet;
	if (sim_fleet_violation(fleet) != NULL) {
		fprintf(stderr, "dfucast: the simulator saw what must never be: %s. Please report it.\n",
			sim_fleet_violation(fleet));
		return CLI_EXIT_TARGET;
	}
	return CLI_EXIT_OK;
}

void update_sim_predict(struct update_job *job, size_t uploads, double *upload_s, double *swap_s)
{
	struct sim_fleet_options options;
	struct sim_air_bounds bounds;

	*upload_s = 0;
	if (make_options(job, &options) != CLI_EXIT_OK) {
		return;
	}
	*swap_s = (double)sim_air_swap_ns(&options.air) / 1e9;
	if (uploads > 0) {
		options.air.n = (uint32_t)uploads;
		sim_air_bounds(&options.air, &bounds);
		*upload_s = (double)bounds.limit / 1e9;
	}
}

void update_sim_free(struct update_job *job)
{
	sim_fleet_free(job->fleet);
	job->fleet = NULL;
}
