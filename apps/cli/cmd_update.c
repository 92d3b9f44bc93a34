/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast update`: proves the image, makes the plan, runs the cast on the loop. Nothing is sent before the image
 * is proven and every target text is understood.
 */
#include "update.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REDRAW_MS 100u

/* What the command line allows word by word and not together. */
static int check_options(const struct update_job *job)
{
	if (job->options.via != NULL && job->options.image > 1) {
		return output_usage(&job->cli.out, "A gateway's fleet is image 0, or 1 beside its own.",
				    "Leave --image out, or give --image 1.");
	}
	if (job->options.via == NULL && job->options.image > 0 &&
	    job->options.mode == DFUCAST_MODE_TEST_CONFIRM) {
		return output_usage(&job->cli.out, "Devices confirm only image 0 after a reset.",
				    "For --image 1 or 2 give --mode confirm (no way back) or --mode upload.");
	}
	if (job->options.allow_downgrade && job->options.upgrade_only) {
		return output_usage(
		    &job->cli.out, "--allow-downgrade and --upgrade-only exclude each other.",
		    "Give one of them, or none: then equal versions are sent and lower ones are not.");
	}
	if (job->options.erase_settings &&
	    (job->options.no_reset || job->options.mode == DFUCAST_MODE_UPLOAD)) {
		return output_usage(&job->cli.out,
				    "--erase-settings comes before a reset, and this run does not reset.",
				    "Leave it out, or leave out --no-reset and --mode upload.");
	}
	if (job->options.no_reset && job->options.mode == DFUCAST_MODE_UPLOAD) {
		return output_usage(&job->cli.out, "--no-reset marks the image, and --mode upload does not.",
				    "Leave out one of them.");
	}
	if (job->options.soak_ms != 0 &&
	    (job->options.no_reset || job->options.mode != DFUCAST_MODE_TEST_CONFIRM)) {
		return output_usage(
		    &job->cli.out,
		    "--soak lies between the reset and the confirm, and this run has not both.",
		    "Leave it out, or leave out --no-reset and --mode.");
	}
	if (job->options.dry_run && job->options.report_path != NULL) {
		return output_usage(&job->cli.out, "A dry run does nothing that a report could show.",
				    "Leave out --report or --dry-run.");
	}
	return CLI_EXIT_OK;
}

/* However it is written: with or without the usual port, slashes, framing or bit rate. */
static bool is_same_device(const struct dfucast_linux_target *a, const struct dfucast_linux_target *b)
{
	return a->scheme == b->scheme && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static int load_targets(struct update_job *job)
{
	for (size_t i = 0; i < job->options.to_count; i++) {
		if (!update_sim_is(job->options.to[i])) {
			continue;
		}
		if (job->options.to_count > 1) {
			return output_usage(&job->cli.out, "Virtual devices are a fleet of their own.",
					    "Give sim:N as the only target.");
		}
		return update_sim_targets(job, job->options.to[i]);
	}
	for (size_t i = 0; i < job->options.to_count; i++) {
		int code = cli_targets_add(&job->targets, job->options.to[i], &job->cli.out);

		if (code != CLI_EXIT_OK) {
			return code;
		}
	}
	for (size_t i = 0; i < job->targets.count; i++) {
		const struct dfucast_linux_target *target = &job->targets.items[i];

		if (target->passkey[0] != '\0') {
			char what[DFUCAST_LINUX_TEXT_BYTES + 80];

			snprintf(what, sizeof(what), "%s has passkey=, which this version does not use yet.",
				 target->text);
			return output_usage(&job->cli.out, what, "Take it out; it comes with Bluetooth LE.");
		}
	}
	if (job->targets.count > DFUCAST_CAST_TARGETS_MAX) {
		return output_usage(&job->cli.out, "Too many targets.", "Update at most 4096 in one run.");
	}
	for (size_t i = 0; i < job->targets.count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (is_same_device(&job->targets.items[i], &job->targets.items[k])) {
				char what[2 * DFUCAST_LINUX_TEXT_BYTES + 40];

				snprintf(what, sizeof(what), "%s and %s are the same device.",
					 job->targets.items[k].text, job->targets.items[i].text);
				return output_usage(&job->cli.out, what, "Name each device once.");
			}
		}
	}
	return update_match_check(job);
}

static int check_barrier(const struct update_job *job)
{
	if (job->options.barrier <= (long)job->targets.count) {
		return CLI_EXIT_OK;
	}
	return output_usage(&job->cli.out, "--barrier asks for more devices than there are targets.",
			    "Give a number up to that of the targets, or --barrier all.");
}

static void make_plan(struct update_job *job)
{
	const struct update_options *options = &job->options;

	job->plan = (struct dfucast_update_plan){
	    .header = job->header,
	    .sha = job->sha,
	    .hash = job->image.hash,
	    .image_bytes = job->image.length,
	    .version = job->image.version,
	    .slot_bytes = options->slot_bytes,
	    .soak_ms = options->soak_ms,
	    .timeout_ms = options->common.timeout_ms,
	    .wait_ms = options->wait_ms,
	    .return_ms = options->return_ms,
	    .hash_bytes = job->image.hash_bytes,
	    .image = (uint8_t)options->image,
	    .slot = (uint8_t)(options->slot + 1),
	    .boot_mode = (uint8_t)(options->boot_mode + 1),
	    .proven = !job->unchecked,
	    .mode = (uint8_t)options->mode,
	    .window_max = (uint8_t)options->window,
	    .retries = (uint8_t)options->retries,
	    .allow_downgrade = options->allow_downgrade,
	    .upgrade_only = options->upgrade_only,
	    .allow_no_revert = options->allow_no_revert,
	    .replace_pending = options->replace_pending,
	    .no_reset = options->no_reset,
	    .fresh = options->fresh,
	    .erase_settings = options->erase_settings,
	    .dry_run = options->dry_run,
	    .matcher = &dfucast_update_matcher,
	    .matches = job->matches.lines,
	    .told = update_match_told,
	    .told_context = job,
	};
	update_set_plan(job);
	/* Several devices, and nobody says for which board the image is: then they must at least be equal. */
	if (job->targets.count > 1 && job->matches.some_boardless) {
		job->plan.boards = &job->boards;
	}
}

static bool make_memory(struct update_job *job)
{
	size_t count = job->targets.count;

	job->devices = calloc(count, sizeof(*job->devices));
	job->cast_targets = calloc(count, sizeof(*job->cast_targets));
	job->ways = calloc(count, sizeof(*job->ways));
	job->lines = calloc(count, sizeof(*job->lines));
	job->ring = malloc(job->options.ring_bytes);
	job->told = calloc(count, sizeof(*job->told));
	if (job->options.dry_run) {
		job->dry = calloc(count, sizeof(*job->dry));
		if (job->dry == NULL) {
			return false;
		}
	}
	if (job->options.report_path != NULL) {
		job->page = report_html_new(count);
		if (job->page == NULL) {
			return false;
		}
	}
	return update_match_build(job) && job->told != NULL && job->devices != NULL &&
	       job->cast_targets != NULL && job->ways != NULL && job->lines != NULL && job->ring != NULL;
}

static void make_cast(struct update_job *job)
{
	const struct update_options *options = &job->options;
	size_t count = job->targets.count;

	for (size_t i = 0; i < count; i++) {
		job->devices[i].match = job->match_of[i];
	}
	const struct dfucast_cast_config config = {
	    .consumer = &dfucast_update_consumer,
	    .plan = &job->plan,
	    .devices = job->devices,
	    .targets = job->cast_targets,
	    .ring = job->ring,
	    .ring_bytes = options->ring_bytes,
	    .image_bytes = job->file.length,
	    .device_bytes = sizeof(*job->devices),
	    .count = (uint16_t)count,
	    .links_max = (uint16_t)options->links,
	    .canary = (uint16_t)(options->canary < 0 ? 1 : options->canary),
	    .max_failed = (uint16_t)options->max_failed,
	    .barrier = (uint16_t)(options->barrier < 0 ? (long)count : options->barrier),
	    .gather_ms = options->gather_ms,
	    .rewinds = true,
	};

	dfucast_cast_init(&job->cast, &config);
	/* update_image_load() has hashed every byte. Where that proves nothing (encrypted, compressed), the user was told, and
	 * the bootloader alone judges. */
	dfucast_cast_set_image_verified(&job->cast, 0);
}

/* ---- while it runs ---- */

static void finish_if_done(struct update_job *job)
{
	if (job->finished || !dfucast_cast_is_done(&job->cast)) {
		return;
	}
	job->finished = true;
	dfucast_linux_runner_close(&job->runner);
	uv_close((uv_handle_t *)&job->deadline, NULL);
	uv_close((uv_handle_t *)&job->redraw, NULL);
}

static void changed(void *context)
{
	struct update_job *job = context;

	update_report_changes(job);
	finish_if_done(job);
}

static void traced(void *context, uint16_t target, bool outgoing, const uint8_t *frame, size_t length)
{
	struct update_job *job = context;

	trace_frame(&job->cli.trace, target, outgoing, frame, length);
	if (job->dry != NULL) {
		update_dry_note(job, target, outgoing);
	}
}

static void interrupted(void *context)
{
	struct update_job *job = context;

	if (!job->finished) {
		dfucast_linux_runner_stop(&job->runner, DFUCAST_ERR_ABORTED);
	}
}

static void deadline_over(uv_timer_t *timer)
{
	struct update_job *job = timer->data;

	dfucast_linux_runner_stop(&job->runner, DFUCAST_ERR_DEADLINE);
}

static void redraw(uv_timer_t *timer)
{
	update_report_draw(timer->data);
}

/* After the summary: a page that cannot be written turns a good end into exit 1, and leaves a bad end as it is. */
static int write_report(const struct update_job *job, int code)
{
	char why[400];

	if (!report_html_write(job, code, why, sizeof(why))) {
		(void)output_usage(&job->cli.out, why, "Give --report a path that can be written.");
		return code == CLI_EXIT_OK ? CLI_EXIT_USAGE : code;
	}
	if (!job->cli.out.json) {
		printf("Report: %s\n", job->options.report_path);
		fflush(stdout);
	}
	return code;
}

static void run(struct update_job *job)
{
	const struct dfucast_linux_runner_config config = {
	    .loop = &job->cli.loop,
	    .targets = job->targets.items,
	    .ways = job->ways,
	    .read = image_file_read,
	    .read_context = &job->file,
	    .changed = changed,
	    .trace = traced,
	    .context = job,
	};

	uv_timer_init(&job->cli.loop, &job->deadline);
	uv_timer_init(&job->cli.loop, &job->redraw);
	job->deadline.data = job;
	job->redraw.data = job;
	if (job->options.deadline_ms != 0) {
		uv_timer_start(&job->deadline, deadline_over, job->options.deadline_ms, 0);
	}
	update_report_start(job);
	if (job->live) {
		uv_timer_start(&job->redraw, redraw, 0, REDRAW_MS);
	}
	job->cli.on_interrupt = interrupted;
	job->cli.on_interrupt_context = job;
	dfucast_linux_runner_start(&job->runner, &job->cast, &config);
	uv_run(&job->cli.loop, UV_RUN_DEFAULT);
}

/* The summary, the page, the exit code. */
static int end(struct update_job *job)
{
	int code = update_report_end(job);

	return job->page != NULL ? write_report(job, code) : code;
}

/* Before anything is sent: an hour later it would be a pity. */
static int check_report(const struct update_job *job)
{
	char why[400];

	if (job->options.report_path == NULL ||
	    report_html_can_write(job->options.report_path, why, sizeof(why))) {
		return CLI_EXIT_OK;
	}
	return output_usage(&job->cli.out, why, "Give --report a path that can be written.");
}

static bool is_same_file(const char *one, const char *other)
{
	struct stat a;
	struct stat b;

	return one != NULL && other != NULL && stat(one, &a) == 0 && stat(other, &b) == 0 &&
	       S_ISREG(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* What is written must not be what is read: a --trace that names the image would empty it. */
static int check_files(struct update_job *job)
{
	const struct update_options *options = &job->options;
	const char *const written[] = {options->report_path, options->common.trace_path,
				       options->common.log_path};
	const char *what_to_do = "Give --report, --trace and --log files of their own.";
	char what[400];

	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		bool reads = is_same_file(written[i], options->image_path) ||
			     is_same_file(written[i], options->key_path);

		for (size_t k = 0; k < options->to_count; k++) {
			reads |= options->to[k][0] == '@' && is_same_file(written[i], options->to[k] + 1);
		}
		if (reads) {
			output_init(&job->cli.out, "dfucast update", options->common.json);
			snprintf(what, sizeof(what), "%.300s is read by this run, and cannot be written too.",
				 written[i]);
			return output_usage(&job->cli.out, what, what_to_do);
		}
	}
	return CLI_EXIT_OK;
}

static void release(struct update_job *job)
{
	update_sim_free(job);
	update_via_free(job);
	update_match_free(job);
	update_set_free(job);
	dfucast_linux_key_free(job->key);
	free(job->devices);
	free(job->cast_targets);
	free(job->ways);
	free(job->lines);
	report_html_free(job->page);
	free(job->ring);
	cli_targets_free(&job->targets);
	update_options_free(&job->options);
	image_file_close(&job->file);
}

int cmd_update(int argc, char **argv)
{
	static struct update_job job;
	int code;

	memset(&job, 0, sizeof(job));
	job.file.fd = -1;
	update_options_parse(&job.options, argc, argv);
	code = check_files(&job);
	if (code == CLI_EXIT_OK) {
		code = cli_open(&job.cli, "dfucast update", &job.options.common);
	}
	if (code != CLI_EXIT_OK) {
		update_options_free(&job.options);
		return code;
	}
	code = check_options(&job);
	if (code == CLI_EXIT_OK && job.options.via == NULL) {
		code = load_targets(&job);
		code = code == CLI_EXIT_OK ? check_barrier(&job) : code;
	}
	if (code == CLI_EXIT_OK && job.options.key_path != NULL) {
		job.key = signed_key(&job.cli.out, job.options.key_path, &code);
	}
	if (code == CLI_EXIT_OK) {
		code = check_report(&job);
	}
	if (code == CLI_EXIT_OK) {
		code = update_image_load(&job);
	}
	if (code == CLI_EXIT_OK && job.options.via != NULL) {
		code = update_via_targets(&job); /* asks the gateway: only with an image that is proven */
		code = code == CLI_EXIT_OK ? check_barrier(&job) : code;
	}
	if (code == CLI_EXIT_OK && !make_memory(&job)) {
		code = output_usage(&job.cli.out, "Not enough memory.",
				    "Give a smaller --ring, or fewer targets.");
	}
	if (code == CLI_EXIT_OK) {
		make_plan(&job);
		if (job.sim != NULL) {
			code = update_sim_run(&job);
		} else if (job.via != NULL) {
			code = update_via_run(&job);
		} else {
			make_cast(&job);
			job.watched = &job.cast;
			run(&job);
		}
	}
	if (code == CLI_EXIT_OK) {
		code = end(&job);
	}
	code = cli_close(&job.cli, code);
	release(&job);
	return code;
}
