/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `dfucast update` tells: JSON events on standard output, or live lines on the terminal and a table at the end.
 */
#include "update.h"
#include <dfucast/smp_img.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NOT_TOLD 255u
#define PROGRESS_MS 200u /* at most one progress event a target in this time */

const char *update_target_name(const struct update_job *job, size_t index)
{
	const struct dfucast_linux_target *target = &job->targets.items[index];

	return target->label[0] != '\0' ? target->label : target->text;
}

void update_status(const struct update_job *job, size_t index, struct dfucast_status *status)
{
	if (job->via != NULL) {
		update_via_status(job, index, status);
	} else {
		dfucast_cast_status(job->watched, (uint16_t)index, status);
	}
}

static void version_text(char text[DFUCAST_VERSION_TEXT_BYTES], bool known,
			 const struct dfucast_version *version)
{
	if (known) {
		dfucast_version_format(version, text);
	} else {
		text[0] = '?';
		text[1] = '\0';
	}
}

/* ---- image ---- */

/* One image: the file itself, or one of the package; `number`: told where there are several. */
static void tell_image(const struct update_job *job, const struct dfucast_image *image, const char *member,
		       const char *board, int number)
{
	char version[DFUCAST_VERSION_TEXT_BYTES];
	char hash[2 * DFUCAST_IMAGE_HASH_BYTES_MAX + 1];
	char which[16] = "";

	dfucast_version_format(&image->version, version);
	cli_hex_format(hash, image->hash, image->hash_bytes);
	if (job->cli.out.json) {
		cJSON *event = output_begin(&job->cli.out, "image", NULL);

		cJSON_AddStringToObject(event, "version", version);
		cJSON_AddNumberToObject(event, "size", image->length);
		cJSON_AddStringToObject(event, "hash", hash);
		cJSON_AddBoolToObject(event, "signed", image->signature_count > 0);
		cJSON_AddBoolToObject(event, "hash_checked", !job->unchecked);
		cJSON_AddBoolToObject(event, "signature_checked", job->key != NULL);
		if (job->more_count > 0) {
			cJSON_AddNumberToObject(event, "image", number);
		}
		if (member[0] != '\0') {
			cJSON_AddStringToObject(event, "file", member);
			cJSON_AddStringToObject(event, "board", board);
		}
		output_end(event);
		return;
	}
	if (job->more_count > 0) {
		snprintf(which, sizeof(which), " (image %d)", number);
	}
	printf("Image %s%s%s%s: version %s, %" PRIu32 " bytes, hash %.16s…, %s\n", job->options.image_path,
	       member[0] != '\0' ? ", in it " : "", member, which, version, image->length, hash,
	       job->key != NULL             ? "signed with the key given"
	       : image->signature_count > 0 ? "signed"
					    : "not signed");
}

void update_report_start(struct update_job *job)
{
	for (size_t i = 0; i < job->targets.count; i++) {
		job->lines[i].state = NOT_TOLD;
	}
	job->live = !job->cli.out.json && isatty(STDERR_FILENO) == 1;
	tell_image(job, &job->image, job->member, job->board, (int)job->options.image);
	for (size_t i = 0; i < job->more_count; i++) {
		tell_image(job, &job->more[i].image, job->more[i].member, "", job->more[i].number);
	}
	if (job->cli.out.json) {
		return;
	}
	if (job->unchecked) {
		printf("Its payload hash is not checkable here (encrypted, compressed, or not SHA-256): the "
		       "bootloader "
		       "alone will judge it.\n");
	}
	fflush(stdout);
}

/* ---- JSON ---- */

static const char *holds_name(uint8_t holds)
{
	static const char *const names[] = {
	    [DFUCAST_HOLDS_AS_BEFORE] = "as_before", [DFUCAST_HOLDS_PART] = "part",
	    [DFUCAST_HOLDS_STAGED] = "staged",       [DFUCAST_HOLDS_PENDING] = "pending",
	    [DFUCAST_HOLDS_TRIAL] = "trial",         [DFUCAST_HOLDS_IMAGE] = "image",
	    [DFUCAST_HOLDS_UNKNOWN] = "unknown",     [DFUCAST_HOLDS_TORN] = "torn",
	};

	return names[holds];
}

static void json_end(const struct update_job *job, size_t index, const struct dfucast_status *status,
		     cJSON *event)
{
	char text[DFUCAST_VERSION_TEXT_BYTES];
	int err = status->outcome.err;

	if (status->has_before) {
		dfucast_version_format(&status->before, text);
		cJSON_AddStringToObject(event, "version_before", text);
	}
	if (status->has_after) {
		dfucast_version_format(&status->after, text);
		cJSON_AddStringToObject(event, "version_after", text);
	}
	if (job->told[index].board[0] != '\0') {
		cJSON_AddStringToObject(event, "board", job->told[index].board);
	}
	if (job->dry != NULL) {
		cJSON_AddBoolToObject(event, "dry_run", true);
		cJSON_AddStringToObject(event, "would", update_dry_word(job, status));
	}
	cJSON_AddNumberToObject(event, "attempts", status->attempts);
	cJSON_AddStringToObject(event, "holds", holds_name(status->holds));
	cJSON_AddBoolToObject(event, "skipped_upload", status->skipped_upload);
	cJSON_AddBoolToObject(event, "revert_unproven", status->revert_unproven);
	if (job->dry != NULL) {
		cJSON_AddBoolToObject(event, "slot_unknown", status->slot_unknown);
	}
	if (err == DFUCAST_ERR_OK) {
		return;
	}
	cJSON_AddStringToObject(event, "error", dfucast_err_name(err));
	cJSON_AddStringToObject(event, "step",
				dfucast_update_state_name((enum dfucast_update_state)status->outcome.step));
	if (status->outcome.rc != 0) {
		if (status->outcome.group != DFUCAST_GROUP_NONE) {
			cJSON_AddNumberToObject(event, "group", status->outcome.group);
		}
		cJSON_AddNumberToObject(event, "rc", status->outcome.rc);
	}
	if (job->ways[index].why[0] != '\0' && dfucast_err_band(err) == DFUCAST_BAND_LINK) {
		cJSON_AddStringToObject(event, "why", job->ways[index].why);
	}
	const char *hint =
	    status->outcome.rc != 0 ? hint_for_device(status->outcome.group, status->outcome.rc) : NULL;

	cJSON_AddStringToObject(event, "hint", hint != NULL ? hint : hint_for(err));
}

/* All that one look found out happened at one time, `now`, in whatever order it is told. */
static void json_target(const struct update_job *job, size_t index, const struct dfucast_status *status,
			uint32_t now)
{
	enum dfucast_state state = (enum dfucast_state)status->state;
	cJSON *event = output_begin(&job->cli.out, "target", job->targets.items[index].text);

	cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(event, "t_ms"), now);
	output_add_text(event, "label", job->targets.items[index].label,
			strlen(job->targets.items[index].label));
	cJSON_AddStringToObject(event, "state", dfucast_state_name(state));
	if (state == DFUCAST_STATE_UPLOADING) {
		cJSON_AddNumberToObject(event, "offset", status->offset);
		cJSON_AddNumberToObject(event, "size", job->file.length);
	}
	if (dfucast_state_is_final(state)) {
		json_end(job, index, status, event);
	}
	output_end(event);
}

/* ---- what changed ---- */

static void plain_target(const struct update_job *job, size_t index, const struct dfucast_status *status)
{
	if (status->state == DFUCAST_STATE_IDLE) {
		return;
	}
	fprintf(stderr, "%7.1f s  %s: %s\n", output_ms(&job->cli.out) / 1000.0,
		update_target_name(job, index), dfucast_state_name((enum dfucast_state)status->state));
}

void update_report_changes(struct update_job *job)
{
	uint32_t now = output_ms(&job->cli.out);

	for (size_t i = 0; i < job->targets.count; i++) {
		struct update_line *line = &job->lines[i];
		struct dfucast_status status;
		bool moved;

		update_status(job, i, &status);
		if (status.state == DFUCAST_STATE_IDLE) {
			continue; /* waits for a link of its own: nothing to tell yet */
		}
		if (job->page != NULL) {
			report_html_note(job->page, i, now, &status);
		}
		bool uploading = status.state == DFUCAST_STATE_UPLOADING;

		if (uploading && line->state != DFUCAST_STATE_UPLOADING) {
			line->upload_ms = now;
			line->upload_from = status.offset;
		}
		moved = uploading && status.offset != line->offset && now - line->told_ms >= PROGRESS_MS;
		if (status.state != line->state) {
			if (status.slot_unknown && status.state == DFUCAST_STATE_UPLOADING &&
			    job->options.slot_bytes == 0 && !job->live && !job->cli.out.json) {
				fprintf(stderr,
					"warning: %s does not tell its slot size; if the image is too large, "
					"that shows "
					"only late. --slot-size BYTES checks it first.\n",
					update_target_name(job, i));
			}
			cli_log(&job->cli, 1, "%s: %s", job->targets.items[i].text,
				dfucast_state_name((enum dfucast_state)status.state));
		} else if (!moved) {
			continue;
		}
		if (job->cli.out.json) {
			json_target(job, i, &status, now);
		} else if (!job->live && status.state != line->state) {
			plain_target(job, i, &status);
		}
		line->state = status.state;
		line->offset = status.offset;
		line->told_ms = now;
	}
}

/* ---- live lines ---- */

#define NAME_COLUMNS 34u
#define STATE_COLUMNS 10u

static void terminal_size(unsigned *rows, unsigned *columns)
{
	struct winsize size;

	*rows = 24;
	*columns = 80;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 4 && size.ws_col > 0) {
		*rows = size.ws_row;
		*columns = size.ws_col;
	}
}

/* One line of the screen, cut to its width: a longer one would wrap, and be more than the one that is erased. */
static void draw_line(const char *text, unsigned columns)
{
	unsigned used;
	size_t length = output_clip(text, columns, &used);

	fprintf(stderr, "\033[K%.*s\n", (int)length, text);
}

static void draw_target(const struct update_job *job, size_t index, unsigned columns)
{
	struct dfucast_status status;
	const struct update_line *line = &job->lines[index];
	const char *name = update_target_name(job, index);
	unsigned wide = columns >= NAME_COLUMNS + 1 + STATE_COLUMNS ? NAME_COLUMNS
			: columns > 2 * (STATE_COLUMNS + 1)         ? columns - STATE_COLUMNS - 1
								    : STATE_COLUMNS;
	char text[NAME_COLUMNS * 4 + 128];
	char bar[21];
	unsigned filled;
	unsigned used;
	size_t at;

	update_status(job, index, &status);
	at = output_clip(name, wide, &used);
	at = (size_t)snprintf(text, sizeof(text), "%.*s%*s %-10s", (int)at, name, (int)(wide - used), "",
			      dfucast_state_name((enum dfucast_state)status.state));
	if (status.state != DFUCAST_STATE_UPLOADING) {
		draw_line(text, columns);
		return;
	}
	filled = (unsigned)((uint64_t)status.offset * 20u / job->file.length);
	memset(bar, '.', 20);
	memset(bar, '#', filled);
	bar[20] = '\0';
	uint32_t spent = output_ms(&job->cli.out) - line->upload_ms;
	uint32_t moved = status.offset > line->upload_from ? status.offset - line->upload_from : 0;
	double rate = spent > 0 ? (double)moved / spent : 0; /* bytes a ms are kB/s */

	at += (size_t)snprintf(text + at, sizeof(text) - at, " [%s] %3u %%  %6.1f kB/s", bar,
			       (unsigned)((uint64_t)status.offset * 100u / job->file.length), rate);
	if (rate > 0.01) {
		snprintf(text + at, sizeof(text) - at, "  ETA %.0f s",
			 (double)(job->file.length - status.offset) / rate / 1000.0);
	}
	draw_line(text, columns);
}

static void erase_drawn(struct update_job *job)
{
	if (job->drawn > 0) {
		fprintf(stderr, "\033[%uA\033[J", job->drawn);
		job->drawn = 0;
	}
}

void update_report_draw(struct update_job *job)
{
	unsigned counts[DFUCAST_STATE_COUNT] = {0};
	unsigned rows;
	unsigned columns;
	unsigned room;
	unsigned drawn = 0;
	char text[256];
	size_t at;

	if (!job->live) {
		return;
	}
	terminal_size(&rows, &columns);
	room = rows - 3;
	erase_drawn(job);
	for (size_t i = 0; i < job->targets.count; i++) {
		struct dfucast_status status;

		update_status(job, i, &status);
		counts[status.state]++;
		/* A large fleet does not fit: then show only those at work. */
		bool wanted =
		    job->targets.count <= room || !dfucast_state_is_final((enum dfucast_state)status.state);

		if (wanted && drawn < room) {
			draw_target(job, i, columns);
			drawn++;
		}
	}
	at = (size_t)snprintf(text, sizeof(text), "%6.1f s ", output_ms(&job->cli.out) / 1000.0);
	for (unsigned s = DFUCAST_STATE_CONNECTING; s < DFUCAST_STATE_COUNT && at < sizeof(text); s++) {
		if (counts[s] > 0) {
			at += (size_t)snprintf(text + at, sizeof(text) - at, " %u %s", counts[s],
					       dfucast_state_name((enum dfucast_state)s));
		}
	}
	draw_line(text, columns);
	job->drawn = drawn + 1;
	fflush(stderr);
}

/* ---- the end ---- */

struct totals {
	unsigned counts[DFUCAST_STATE_COUNT];
	uint64_t sent_bytes;
	unsigned window_max;
	unsigned misfits; /* devices that the image is not for */
};

static void add_up(const struct update_job *job, struct totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	for (size_t i = 0; i < job->targets.count; i++) {
		struct dfucast_status status;

		update_status(job, i, &status);
		totals->counts[status.state]++;
		totals->sent_bytes += status.sent_bytes;
		totals->misfits += status.outcome.err == DFUCAST_ERR_WRONG_BOARD ||
				   status.outcome.err == DFUCAST_ERR_BOARD_UNTOLD ||
				   status.outcome.err == DFUCAST_ERR_NO_MATCH;
		if (status.window_peak > totals->window_max) {
			totals->window_max = status.window_peak;
		}
	}
}

static void json_summary(struct update_job *job, const struct totals *totals)
{
	cJSON *event = output_begin(&job->cli.out, "summary", NULL);

	for (unsigned s = DFUCAST_STATE_DONE; s < DFUCAST_STATE_COUNT; s++) {
		cJSON_AddNumberToObject(event, dfucast_state_name((enum dfucast_state)s), totals->counts[s]);
	}
	cJSON_AddNumberToObject(event, "elapsed_ms", output_ms(&job->cli.out));
	cJSON_AddNumberToObject(event, "image_bytes", job->file.length);
	cJSON_AddNumberToObject(event, "sent_bytes", (double)totals->sent_bytes);
	cJSON_AddNumberToObject(event, "host_bytes", job->watched->accepted_bytes);
	/* A file is read only as far as the ring takes it. */
	cJSON_AddNumberToObject(event, "host_dropped_bytes", job->via != NULL ? update_via_dropped(job) : 0);
	cJSON_AddNumberToObject(event, "passes", job->watched->passes);
	cJSON_AddNumberToObject(event, "window_max", totals->window_max);
	if (job->via == NULL) {
		cJSON_AddNumberToObject(event, "ring_wraps", job->watched->ring.wraps);
	}
	if (job->ratio_to_limit > 0) {
		cJSON_AddNumberToObject(event, "ratio_to_limit", job->ratio_to_limit);
	}
	if (job->dry != NULL) {
		update_dry_summary(job, event);
	}
	output_end(event);
}

void update_report_reason(const struct update_job *job, size_t index, const struct dfucast_status *status)
{
	int err = status->outcome.err;
	const char *device_hint = NULL;

	printf("  %s: %s (%s, at step %s", update_target_name(job, index), what_for(err),
	       dfucast_err_name(err),
	       dfucast_update_state_name((enum dfucast_update_state)status->outcome.step));
	if (status->outcome.rc != 0) {
		char code[80];

		printf(", %s",
		       output_device_code(code, sizeof(code), status->outcome.group, status->outcome.rc));
		device_hint = hint_for_device(status->outcome.group, status->outcome.rc);
	}
	printf(").");
	if (job->ways[index].why[0] != '\0' && dfucast_err_band(err) == DFUCAST_BAND_LINK) {
		printf(" %s", job->ways[index].why);
	}
	if ((err == DFUCAST_ERR_WRONG_BOARD || err == DFUCAST_ERR_BOARDS_DIFFER) &&
	    job->told[index].board[0] != '\0') {
		printf(" It is %s.", job->told[index].board);
	}
	printf("\n    %s\n", device_hint != NULL ? device_hint : hint_for(err));
}

static void plain_end(const struct update_job *job, const struct totals *totals)
{
	struct table table;
	bool unproven = false;

	table_init(&table, 5);
	for (const char *const *heading =
		 (const char *const[]){"target", "result", "before", "after", "sent", NULL};
	     *heading != NULL; heading++) {
		table_cell(&table, "%s", *heading);
	}
	for (size_t i = 0; i < job->targets.count; i++) {
		struct dfucast_status status;
		char before[DFUCAST_VERSION_TEXT_BYTES];
		char after[DFUCAST_VERSION_TEXT_BYTES];

		update_status(job, i, &status);
		version_text(before, status.has_before, &status.before);
		version_text(after, status.has_after, &status.after);
		table_cell(&table, "%s", update_target_name(job, i));
		table_cell(&table, "%s%s", dfucast_state_name((enum dfucast_state)status.state),
			   status.state == DFUCAST_STATE_DONE && status.sent_bytes == 0 &&
				   status.attempts == 0 && status.holds == DFUCAST_HOLDS_IMAGE
			       ? " (had it)"
			       : "");
		table_cell(&table, "%s", before);
		table_cell(&table, "%s", after);
		table_cell(&table, "%" PRIu32, status.sent_bytes);
		unproven |= status.revert_unproven && status.attempts > 0;
	}
	table_print(&table, stdout);
	table_free(&table);
	for (size_t i = 0; i < job->targets.count; i++) {
		struct dfucast_status status;

		update_status(job, i, &status);
		/* Interrupted devices are told of once, below: what each holds. */
		if (status.state != DFUCAST_STATE_DONE && status.outcome.err != DFUCAST_ERR_ABORTED) {
			update_report_reason(job, i, &status);
		}
	}
	for (unsigned s = DFUCAST_STATE_DONE; s < DFUCAST_STATE_COUNT; s++) {
		if (totals->counts[s] > 0) {
			printf("%u %s, ", totals->counts[s], dfucast_state_name((enum dfucast_state)s));
		}
	}
	printf("%.1f s, %" PRIu64 " bytes sent in %u pass%s.\n", output_ms(&job->cli.out) / 1000.0,
	       totals->sent_bytes, job->watched->passes, job->watched->passes == 1 ? "" : "es");
	if (job->ratio_to_limit > 0) {
		printf(
		    "Simulated: the upload took %.2f s, %.3f times what its radio, wire and flash can do at "
		    "best.\n",
		    job->sim_upload_s, job->ratio_to_limit);
	}
	if (unproven) {
		printf("Some bootloaders do not tell their mode: that a bad image would have been reverted "
		       "is not proven.\n");
	}
}

const char *update_holds_words(uint8_t holds)
{
	static const char *const words[] = {
	    [DFUCAST_HOLDS_AS_BEFORE] = "as it was before",
	    [DFUCAST_HOLDS_PART] = "runs as before, holds a part of the image",
	    [DFUCAST_HOLDS_STAGED] = "runs as before, holds the image, not marked to start",
	    [DFUCAST_HOLDS_PENDING] = "runs as before, starts the image at its next reset",
	    [DFUCAST_HOLDS_TRIAL] = "runs the image on trial: its next reset goes back",
	    [DFUCAST_HOLDS_IMAGE] = "runs the image for good",
	    [DFUCAST_HOLDS_UNKNOWN] = "was reset and has not been heard of since",
	    [DFUCAST_HOLDS_TORN] = "has no whole application any more: run the same command again",
	};

	return words[holds];
}

bool update_is_booting(const struct dfucast_status *status)
{
	return status->holds == DFUCAST_HOLDS_UNKNOWN &&
	       (status->outcome.err == DFUCAST_ERR_ABORTED || status->outcome.err == DFUCAST_ERR_DEADLINE);
}

/* A command to copy. */
static void tell_command(const struct update_job *job, const char *command, const char *target)
{
	char word[5 * DFUCAST_LINUX_TEXT_BYTES];
	const char *via = job->options.via;

	fprintf(stderr, "  %s %s", command, output_shell_word(word, sizeof(word), target));
	if (via != NULL) {
		fprintf(stderr, " --via %s", output_shell_word(word, sizeof(word), via));
	}
	fputc('\n', stderr);
}

/* After an interruption, and for devices left running unconfirmed on purpose: what is where, what to run. */
static void plain_left(const struct update_job *job)
{
	bool booting = false;
	bool again = false;

	for (size_t i = 0; i < job->targets.count; i++) {
		struct dfucast_status status;

		update_status(job, i, &status);
		bool stopped = status.state != DFUCAST_STATE_DONE;
		bool trial = status.holds == DFUCAST_HOLDS_TRIAL;

		if (stopped || trial) {
			fprintf(stderr, "%s: %s.\n", update_target_name(job, i),
				status.outcome.err == DFUCAST_ERR_LINK_LOST && job->via != NULL
				    ? "has not been heard of since the gateway fell silent"
				    : update_holds_words(status.holds));
		}
		if (job->sim != NULL) {
			continue; /* gone with this run: nothing to run next */
		}
		if (trial) {
			tell_command(job, "to keep it: dfucast image confirm", job->targets.items[i].text);
		}
		if (status.holds == DFUCAST_HOLDS_UNKNOWN) {
			tell_command(job, "to see what it runs: dfucast image list",
				     job->targets.items[i].text);
		}
		booting |= update_is_booting(&status);
		again |= stopped && status.outcome.err == DFUCAST_ERR_ABORTED;
	}
	if (booting) {
		/* Measured: a request that arrives while MCUboot listens keeps it in serial recovery. */
		fprintf(stderr,
			"Wait %u seconds before the next command: a device that is asked while it "
			"boots may stay in its bootloader.\n",
			UPDATE_BOOT_S);
	}
	if (again) {
		fprintf(stderr, "%s the same command again to go on.\n", booting ? "Then run" : "Run");
	}
}

int update_report_end(struct update_job *job)
{
	struct totals totals;

	if (job->live) {
		erase_drawn(job);
	}
	add_up(job, &totals);
	if (job->cli.out.json) {
		json_summary(job, &totals);
	} else if (job->dry != NULL) {
		update_dry_print(job);
	} else {
		plain_end(job, &totals);
		fflush(stdout);
	}
	if (job->dry == NULL) {
		plain_left(job);
	}
	if (job->runner.read_failed) {
		return CLI_EXIT_IMAGE;
	}
	if (totals.misfits == job->targets.count) {
		return CLI_EXIT_IMAGE; /* the image is for none of them */
	}
	return totals.counts[DFUCAST_STATE_DONE] == job->targets.count ? CLI_EXIT_OK : CLI_EXIT_TARGET;
}
