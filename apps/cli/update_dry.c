/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast update --dry-run`: the same run up to the first request that would change something, and what would come
 * then. Times are estimates: links are known from the answers to the few questions that were asked, flash and swap are
 * those of an nRF52 (spec of the simulator: 30 KB/s with its erase, a swap of 60 ms for each KiB). Through a gateway the
 * links are not known, only the wire to it.
 */
#include "update.h"
#include <inttypes.h>
#include <string.h>

#define UPLOAD_HEAD_BYTES 32u /* of an upload request: header, keys */
#define FLASH_BYTES_PER_S 30000.0
#define SWAP_S_PER_KIB 0.06
#define BOOT_S 7.0 /* reset, silence on a console, first answer */
#define SETUP_S 1.0

void update_dry_note(struct update_job *job, uint16_t target, bool outgoing)
{
	struct update_dry *dry = &job->dry[target];
	uint64_t now = uv_hrtime();

	if (outgoing) {
		dry->asked_ns = now;
	} else if (dry->asked_ns != 0) {
		uint32_t us = (uint32_t)((now - dry->asked_ns) / 1000u);

		if (dry->rtt_us == 0 || us < dry->rtt_us) {
			dry->rtt_us = us > 0 ? us : 1;
		}
		dry->asked_ns = 0;
	}
}

/* What one device would need of this run. */
struct needs {
	bool upload;
	bool activation;
	bool confirm;
};

static struct needs needs_of(const struct update_job *job, const struct dfucast_status *status)
{
	bool activates = job->options.mode != DFUCAST_MODE_UPLOAD;
	struct needs needs = {false, false, false};

	if (status->state != DFUCAST_STATE_DONE) {
		return needs;
	}
	switch (status->holds) {
	case DFUCAST_HOLDS_AS_BEFORE:
		needs.upload = true;
		needs.activation = activates;
		break;
	case DFUCAST_HOLDS_STAGED:
		needs.activation = activates;
		break;
	case DFUCAST_HOLDS_PENDING:
		needs.activation = activates && !job->options.no_reset;
		break;
	case DFUCAST_HOLDS_TRIAL:
		needs.confirm = activates && job->options.mode != DFUCAST_MODE_TEST;
		break;
	default:
		break;
	}
	return needs;
}

const char *update_dry_word(const struct update_job *job, const struct dfucast_status *status)
{
	struct needs needs = needs_of(job, status);

	if (status->state != DFUCAST_STATE_DONE) {
		return status->state == DFUCAST_STATE_SKIPPED ? "skip" : "fail";
	}
	if (needs.upload) {
		return "upload";
	}
	return needs.activation ? "activate" : needs.confirm ? "confirm" : "nothing";
}

struct forecast {
	size_t uploads;
	size_t activations;
	unsigned passes;
	uint64_t bytes;
	double seconds;
};

/* A serial line carries base64 in console framing: three bytes in four, and what stands around them. */
static double upload_s(const struct update_job *job, size_t index, const struct dfucast_status *status)
{
	const struct dfucast_linux_target *target = &job->targets.items[index];
	double bytes = job->file.length;
	double data = status->frame_bytes > UPLOAD_HEAD_BYTES ? status->frame_bytes - UPLOAD_HEAD_BYTES : 32;
	double slowest = bytes / FLASH_BYTES_PER_S;
	double by_answers =
	    bytes / data * job->dry[index].rtt_us / 1e6 / (status->window ? status->window : 1);

	if (target->scheme == DFUCAST_LINUX_SERIAL) {
		double by_wire = bytes * (1 + UPLOAD_HEAD_BYTES / data) * 10.0 / target->baud *
				 (target->framing == DFUCAST_FRAMING_CONSOLE ? 1.38 : 1.01);

		slowest = by_wire > slowest ? by_wire : slowest;
	}
	return by_answers > slowest ? by_answers : slowest;
}

static void predict(struct update_job *job, struct forecast *forecast)
{
	const struct update_options *options = &job->options;
	double swap_s = job->file.length / 1024.0 * SWAP_S_PER_KIB;
	double slowest_s = 0;

	memset(forecast, 0, sizeof(*forecast));
	for (size_t i = 0; i < job->targets.count; i++) {
		struct dfucast_status status;
		struct needs needs;

		update_status(job, i, &status);
		needs = needs_of(job, &status);
		forecast->activations += needs.activation;
		if (needs.upload) {
			double one_s = job->sim == NULL ? upload_s(job, i, &status) : 0;

			forecast->uploads++;
			forecast->bytes += job->file.length;
			slowest_s = one_s > slowest_s ? one_s : slowest_s;
		}
	}
	if (job->sim != NULL) {
		update_sim_predict(job, forecast->uploads, &slowest_s, &swap_s);
	}
	size_t links = job->watched->config.links_max;

	if (job->via != NULL) {
		double wire_s = update_via_wire_s(job);

		links = (job->targets.count + update_via_waves(job) - 1) / update_via_waves(job);
		slowest_s = forecast->uploads > 0 && wire_s > slowest_s ? wire_s : slowest_s;
	}
	size_t waves = forecast->uploads > 0 ? (forecast->uploads + links - 1) / links : 0;
	size_t canary = job->watched->config.canary;
	unsigned rounds = forecast->activations == 0                     ? 0
			  : canary > 0 && forecast->activations > canary ? 2
									 : 1;

	forecast->passes = (unsigned)waves;
	/* In the simulator the limit already counts all devices around one radio. */
	forecast->seconds = SETUP_S + slowest_s * (double)(job->sim != NULL ? waves > 0 : waves) +
			    rounds * (options->no_reset ? 0 : BOOT_S + swap_s + options->soak_ms / 1000.0);
}

void update_dry_summary(struct update_job *job, cJSON *event)
{
	struct forecast forecast;

	predict(job, &forecast);
	cJSON_AddBoolToObject(event, "dry_run", true);
	cJSON_AddNumberToObject(event, "predicted_uploads", (double)forecast.uploads);
	cJSON_AddNumberToObject(event, "predicted_passes", forecast.passes);
	cJSON_AddNumberToObject(event, "predicted_bytes", (double)forecast.bytes);
	cJSON_AddNumberToObject(event, "predicted_minutes",
				(double)(uint32_t)(forecast.seconds / 0.6 + 0.5) / 100.0);
}

static const char *why(const struct update_job *job, const struct dfucast_status *status)
{
	if (status->state != DFUCAST_STATE_DONE) {
		return dfucast_err_name(status->outcome.err);
	}
	switch (status->holds) {
	case DFUCAST_HOLDS_STAGED:
		return "it holds the image already";
	case DFUCAST_HOLDS_PENDING:
		return "it holds the image already, marked to start";
	case DFUCAST_HOLDS_TRIAL:
		return "it runs the image on trial";
	case DFUCAST_HOLDS_IMAGE:
		return "it runs the image already";
	default:
		return job->options.fresh
			   ? "asked to send all anew"
			   : "it runs another image (a part that it may hold is not sent again)";
	}
}

void update_dry_print(struct update_job *job)
{
	struct forecast forecast;
	struct table table;

	predict(job, &forecast);
	table_init(&table, 5);
	for (const char *const *heading =
		 (const char *const[]){"target", "runs", "would", "bytes", "why", NULL};
	     *heading != NULL; heading++) {
		table_cell(&table, "%s", *heading);
	}
	for (size_t i = 0; i < job->targets.count; i++) {
		char runs[DFUCAST_VERSION_TEXT_BYTES] = "?";
		struct dfucast_status status;

		update_status(job, i, &status);
		if (status.has_before) {
			dfucast_version_format(&status.before, runs);
		}
		table_cell(&table, "%s", update_target_name(job, i));
		table_cell(&table, "%s", runs);
		table_cell(&table, "%s", update_dry_word(job, &status));
		table_cell(&table, "%" PRIu32, needs_of(job, &status).upload ? job->file.length : 0);
		table_cell(&table, "%s%s%s", why(job, &status),
			   status.state == DFUCAST_STATE_DONE && status.revert_unproven
			       ? "; its bootloader does not tell its mode"
			       : "",
			   status.state == DFUCAST_STATE_DONE && status.slot_unknown
			       ? "; its slot size is not known"
			       : "");
	}
	table_print(&table, stdout);
	table_free(&table);
	for (size_t i = 0; i < job->targets.count; i++) {
		struct dfucast_status status;

		update_status(job, i, &status);
		if (status.state != DFUCAST_STATE_DONE) {
			update_report_reason(job, i, &status);
		}
	}
	printf("Dry run, nothing was changed. It would be %zu upload%s, %" PRIu64
	       " bytes in %u pass%s, %zu activation%s, about %.1f minutes.\n",
	       forecast.uploads, forecast.uploads == 1 ? "" : "s", forecast.bytes, forecast.passes,
	       forecast.passes == 1 ? "" : "es", forecast.activations, forecast.activations == 1 ? "" : "s",
	       forecast.seconds / 60.0);
}
