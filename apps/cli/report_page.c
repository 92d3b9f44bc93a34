/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of a run: head, timeline, table. Colours are never alone: every bar has its phases as text beside it, every
 * result its word. All text that comes from files, devices or the command line is escaped.
 */
#include "report_html.h"
#include "update.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures ---------------------------------------------------------------------------------------------------- */

struct figures {
	uint64_t sent;
	uint64_t resent;
	uint64_t gained; /* image bytes that devices have and did not have before */
	uint32_t start_ms;
	uint32_t last_ms;
	unsigned counts[DFUCAST_STATE_COUNT];
};

static uint32_t gained(const struct course *course)
{
	return course->most_bytes - course->first_bytes;
}

static uint32_t resent(const struct course *course, const struct dfucast_status *status)
{
	return status->sent_bytes > gained(course) ? status->sent_bytes - gained(course) : 0;
}

/* A device that failed half-way has bytes in flight that never counted: those were not sent twice. */
static bool is_whole(const struct update_job *job, const struct course *course)
{
	return course->most_bytes == job->file.length;
}

static void add_up(const struct update_job *job, struct figures *figures)
{
	memset(figures, 0, sizeof(*figures));
	figures->start_ms = UINT32_MAX;
	for (size_t i = 0; i < job->targets.count; i++) {
		const struct course *course = &job->page->courses[i];
		struct dfucast_status status;

		update_status(job, i, &status);
		figures->counts[status.state]++;
		figures->sent += status.sent_bytes;
		figures->gained += gained(course);
		figures->resent += is_whole(job, course) ? resent(course, &status) : 0;
		if (gained(course) > 0) {
			figures->start_ms =
			    course->start_ms < figures->start_ms ? course->start_ms : figures->start_ms;
			figures->last_ms =
			    course->last_ms > figures->last_ms ? course->last_ms : figures->last_ms;
		}
	}
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

static void put_escaped(FILE *to, const char *text)
{
	size_t bytes = strlen(text) + 6;
	char *clean = malloc(bytes);

	if (clean == NULL) {
		return;
	}
	for (const char *at = output_text(clean, bytes, text, strlen(text)); *at != '\0'; at++) {
		const char *entity = *at == '&'    ? "&amp;"
				     : *at == '<'  ? "&lt;"
				     : *at == '>'  ? "&gt;"
				     : *at == '"'  ? "&quot;"
				     : *at == '\'' ? "&#39;"
						   : NULL;

		if (entity != NULL) {
			(void)fputs(entity, to);
		} else {
			(void)fputc(*at, to);
		}
	}
	free(clean);
}

static const char *state_name(uint8_t state)
{
	return dfucast_state_name((enum dfucast_state)state);
}

/* good, fair, bad: the colour of a final state. */
static const char *judgement(uint8_t state)
{
	return state == DFUCAST_STATE_DONE                                     ? "good"
	       : state == DFUCAST_STATE_HELD || state == DFUCAST_STATE_SKIPPED ? "fair"
									       : "bad";
}

static void put_tag(FILE *to, const char *class, const char *text)
{
	(void)fprintf(to, "<span class=\"tag %s\">%s</span>", class, text);
}

static void put_duration(FILE *to, uint32_t ms)
{
	if (ms < 1000) {
		(void)fprintf(to, "%" PRIu32 " ms", ms);
	} else {
		(void)fprintf(to, "%.1f s", ms / 1000.0);
	}
}

static void put_rate(FILE *to, uint64_t bytes, uint32_t ms)
{
	if (bytes == 0 || ms == 0) {
		(void)fputs("–", to);
	} else {
		(void)fprintf(to, "%.1f", (double)bytes / ms); /* bytes a millisecond are kB/s */
	}
}

static void put_time(FILE *to, time_t when)
{
	char text[64];
	struct tm parts;

	if (gmtime_r(&when, &parts) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts) > 0) {
		(void)fputs(text, to);
	}
}

static const char style[] =
    ":root{--back:#fff;--text:#1b1f24;--soft:#59636e;--line:#d1d9e0;--panel:#f6f8fa;--good:#1a7f37;--fair:#"
    "7d5200;"
    "--bad:#c6202b;--connecting:#9aa4af;--preparing:#6b7785;--uploading:#1f6feb;--verifying:#0e8a8a;"
    "--waiting:#d3d9df;--testing:#8250df;--rebooting:#d4650d;--checking:#b83280;--soaking:#a68a00;"
    "--confirming:#2da44e}\n"
    "@media (prefers-color-scheme:dark){:root{--back:#0d1117;--text:#e6edf3;--soft:#9aa5b1;--line:#343b44;"
    "--panel:#161b22;--good:#4cc269;--fair:#e0a93b;--bad:#ff7b72;--connecting:#7d8792;--preparing:#a3adb8;"
    "--uploading:#58a6ff;--verifying:#39c5c5;--waiting:#3d444d;--testing:#bc8cff;--rebooting:#f0883e;"
    "--checking:#f778ba;--soaking:#d9bd3a;--confirming:#56d364}}\n"
    "body{background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif;margin:0}\n"
    "main{max-width:72rem;margin:0 auto;padding:1.5rem}\n"
    "h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.2rem;margin:2rem 0 .5rem}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem "
    "1.2rem;background:var(--panel);padding:1rem;"
    "border:1px solid var(--line);border-radius:8px}\n"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}code{font:.9em ui-monospace,monospace}"
    "code span{display:inline-block;max-width:100%}\n"
    ".tag{display:inline-block;border:1px solid;border-radius:1em;padding:0 .6em;font-weight:600;"
    "white-space:nowrap}\n"
    ".good{color:var(--good)}.fair{color:var(--fair)}.bad{color:var(--bad)}.soft{color:var(--soft)}\n"
    ".legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.5rem 0}\n"
    ".legend svg{width:.9em;height:.9em;margin-right:.4em;vertical-align:-.1em}\n"
    ".course{display:grid;grid-template-columns:minmax(8rem,16rem) 1fr;gap:0 1rem;padding:.4rem 0;"
    "border-top:1px solid var(--line)}\n"
    ".course>:first-child{overflow-wrap:anywhere}.course svg{width:100%;height:1.3rem;display:block}\n"
    ".course p{margin:0;font-size:.85rem;color:var(--soft)}\n"
    ".axis{position:relative;height:1.4rem;font-size:.85rem;color:var(--soft)}\n"
    ".axis span{position:absolute;transform:translateX(-50%)}.axis span:first-child{transform:none}\n"
    ".grid{stroke:var(--line)}.end{stroke-width:4}line.good{stroke:var(--good)}line.fair{stroke:var(--fair)}"
    "line.bad{stroke:var(--bad)}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;color:var(--soft);padding-bottom:.4rem}\n"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .7rem}\n"
    "th[scope=row]{font-weight:400;min-width:14rem;overflow-wrap:anywhere}.n{text-align:right;white-space:"
    "nowrap}\n"
    "tbody th,tbody td{border-top:1px solid var(--line)}.why td{border:0;padding:0 .7rem .6rem "
    "2rem;font-size:.9rem}\n"
    "@media (max-width:40rem){.course,dl{grid-template-columns:1fr}}\n";

/* ---- head ------------------------------------------------------------------------------------------------------- */

static void put_counts(FILE *to, const struct figures *figures)
{
	for (unsigned s = 0; s < DFUCAST_STATE_COUNT; s++) {
		char text[40];

		if (figures->counts[s] > 0) {
			(void)snprintf(text, sizeof(text), "%u %s", figures->counts[s],
				       state_name((uint8_t)s));
			put_tag(to, judgement((uint8_t)s), text);
			(void)fputc('\n', to);
		}
	}
}

static void put_options(FILE *to, const struct update_job *job)
{
	const struct update_options *options = &job->options;

	(void)fprintf(to, "mode %s, canary %u, max-failed %ld, barrier %u, ring %" PRIu32 " bytes",
		      update_mode_name(options->mode), job->watched->config.canary, options->max_failed,
		      job->watched->config.barrier, options->ring_bytes);
	if (options->soak_ms > 0) {
		(void)fprintf(to, ", soak %.1f s", options->soak_ms / 1000.0);
	}
	if (options->window > 0) {
		(void)fprintf(to, ", window %ld", options->window);
	}
	if (options->image > 0) {
		(void)fprintf(to, ", image %ld", options->image);
	}
}

static void put_command(FILE *to, const struct update_options *options)
{
	(void)fputs("<code>", to);
	for (int i = 0; i < options->word_count; i++) {
		/* quoted where a shell would need it; the name itself has a space */
		bool plain = i == 0 || strcspn(options->words[i], " \t\n\"'\\$&|;<>()*?`#") ==
					   strlen(options->words[i]);

		(void)fputs(plain ? "<span>" : "<span>&#39;", to);
		put_escaped(to, options->words[i]);
		(void)fputs(plain ? "</span> " : "&#39;</span> ", to);
	}
	(void)fputs("</code>", to);
}

static void put_facts(FILE *to, const struct update_job *job, const struct figures *figures, uint32_t end_ms)
{
	const struct dfucast_image *image = &job->image;
	char hash[2 * DFUCAST_IMAGE_HASH_BYTES_MAX + 1];

	cli_hex_format(hash, image->hash, image->hash_bytes);
	(void)fputs("<dl>\n<dt>Image</dt><dd>", to);
	put_escaped(to, job->options.image_path);
	if (job->member[0] != '\0') {
		(void)fputs(", in it ", to);
		put_escaped(to, job->member);
	}
	for (size_t i = 0; i < job->more_count; i++) {
		(void)fputs(" and ", to);
		put_escaped(to, job->more[i].member);
	}
	(void)fprintf(to, "</dd>\n<dt>Size</dt><dd>%" PRIu32 " bytes, %s</dd>\n", job->file.length,
		      image->signature_count > 0 ? "signed" : "not signed");
	(void)fprintf(to, "<dt>Hash</dt><dd><code>%s</code>%s</dd>\n<dt>Started</dt><dd>", hash,
		      job->unchecked ? " (not checkable here)" : "");
	put_time(to, job->page->started);
	(void)fprintf(to, "</dd>\n<dt>Duration</dt><dd>%.1f s</dd>\n", end_ms / 1000.0);
	(void)fprintf(to,
		      "<dt>Image data sent</dt><dd>%" PRIu64 " bytes to all devices, %" PRIu64
		      " of them again, in %u pass%s</dd>\n<dt>Total rate</dt><dd>",
		      figures->sent, figures->resent, job->watched->passes,
		      job->watched->passes == 1 ? "" : "es");
	put_rate(to, figures->gained,
		 figures->last_ms > figures->start_ms ? figures->last_ms - figures->start_ms : 0);
	(void)fputs(" kB/s, new bytes of all devices from the first to the last</dd>\n<dt>Options</dt><dd>",
		    to);
	put_options(to, job);
	(void)fputs("</dd>\n<dt>Command</dt><dd>", to);
	put_command(to, &job->options);
	(void)fputs("</dd>\n</dl>\n", to);
}

static void put_head(FILE *to, const struct update_job *job, const struct figures *figures, uint32_t end_ms,
		     int code)
{
	char version[DFUCAST_VERSION_TEXT_BYTES];

	(void)dfucast_version_format(&job->image.version, version);
	(void)fprintf(
	    to,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	    "style-src 'unsafe-inline'\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n"
	    "<meta name=\"generator\" content=\"dfucast " DFUCAST_VERSION "\">\n"
	    "<title>Update to %s: %u of %zu done</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n"
	    "<h1>Update to version %s</h1>\n<p>",
	    version, figures->counts[DFUCAST_STATE_DONE], job->targets.count, style, version);
	put_counts(to, figures);
	(void)fprintf(to, "of %zu device%s in %.1f s; exit code %d%s.</p>\n", job->targets.count,
		      job->targets.count == 1 ? "" : "s", end_ms / 1000.0, code,
		      code == CLI_EXIT_INTERRUPTED ? ", the run was interrupted" : "");
	put_facts(to, job, figures, end_ms);
}

/* ---- timeline --------------------------------------------------------------------------------------------------- */

/* "connecting 0.2 s, uploading 3.8 s": what each phase took in sum. */
static void put_phases(FILE *to, const struct course *course, uint32_t end_ms)
{
	uint32_t spent[DFUCAST_STATE_COUNT] = {0};
	bool seen[DFUCAST_STATE_COUNT] = {false};
	const char *comma = "";

	for (size_t k = 0; k < course->count; k++) {
		uint32_t until = k + 1 < course->count ? course->marks[k + 1].ms : end_ms;

		spent[course->marks[k].state] += until - course->marks[k].ms;
		seen[course->marks[k].state] = true;
	}
	for (unsigned s = DFUCAST_STATE_CONNECTING; s < DFUCAST_STATE_DONE; s++) {
		if (seen[s]) {
			(void)fprintf(to, "%s%s ", comma, state_name((uint8_t)s));
			put_duration(to, spent[s]);
			comma = ", ";
		}
	}
}

/* 1, 2 or 5 times a power of ten, so that there are at most six of them. */
static uint32_t tick_ms(uint32_t end_ms)
{
	static const uint32_t digits[] = {1, 2, 5};

	for (uint32_t power = 100; power < 1000000000u; power *= 10) {
		for (size_t i = 0; i < 3; i++) {
			if (end_ms / (digits[i] * power) <= 6) {
				return digits[i] * power;
			}
		}
	}
	return UINT32_MAX;
}

static void put_bar(FILE *to, const struct course *course, uint32_t end_ms)
{
	for (uint64_t at = tick_ms(end_ms); at < end_ms; at += tick_ms(end_ms)) {
		(void)fprintf(to,
			      "<line class=\"grid\" x1=\"%" PRIu64 "\" x2=\"%" PRIu64
			      "\" y1=\"0\" y2=\"10\" vector-effect=\"non-scaling-stroke\"/>",
			      at, at);
	}
	for (size_t k = 0; k < course->count; k++) {
		const struct mark *mark = &course->marks[k];
		uint32_t until = k + 1 < course->count ? course->marks[k + 1].ms : end_ms;

		if (dfucast_state_is_final((enum dfucast_state)mark->state)) {
			(void)fprintf(
			    to,
			    "<line class=\"end %s\" x1=\"%" PRIu32 "\" x2=\"%" PRIu32
			    "\" y1=\"0\" y2=\"10\" vector-effect=\"non-scaling-stroke\"><title>%s at "
			    "%.1f s</title></line>",
			    judgement(mark->state), mark->ms, mark->ms, state_name(mark->state),
			    mark->ms / 1000.0);
		} else if (mark->state != DFUCAST_STATE_IDLE) {
			(void)fprintf(
			    to,
			    "<rect fill=\"var(--%s)\" x=\"%" PRIu32 "\" width=\"%" PRIu32
			    "\" y=\"1\" height=\"8\"><title>%s from %.1f s to %.1f s</title></rect>",
			    state_name(mark->state), mark->ms, until - mark->ms, state_name(mark->state),
			    mark->ms / 1000.0, until / 1000.0);
		}
	}
}

static void put_legend(FILE *to)
{
	(void)fputs("<ul class=\"legend\" aria-label=\"Colours of the phases\">\n", to);
	for (unsigned s = DFUCAST_STATE_CONNECTING; s < DFUCAST_STATE_DONE; s++) {
		(void)fprintf(
		    to,
		    "<li><svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect width=\"1\" height=\"1\" "
		    "fill=\"var(--%s)\"/></svg>%s</li>\n",
		    state_name((uint8_t)s), state_name((uint8_t)s));
	}
	(void)fputs("</ul>\n", to);
}

static void put_timeline(FILE *to, const struct update_job *job, uint32_t end_ms)
{
	(void)fputs("<h2>Timeline</h2>\n", to);
	put_legend(to);
	(void)fputs("<div class=\"course\" aria-hidden=\"true\"><div></div><div class=\"axis\">", to);
	for (uint64_t at = 0; at < end_ms; at += tick_ms(end_ms)) {
		(void)fprintf(to, "<span style=\"left:%.2f%%\">%g s</span>", (double)at * 100.0 / end_ms,
			      (double)at / 1000.0);
	}
	(void)fputs("</div></div>\n", to);
	for (size_t i = 0; i < job->targets.count; i++) {
		const struct course *course = &job->page->courses[i];
		struct dfucast_status status;

		update_status(job, i, &status);
		(void)fputs("<div class=\"course\"><div>", to);
		put_escaped(to, update_target_name(job, i));
		(void)fprintf(to,
			      "</div><div><svg viewBox=\"0 0 %" PRIu32
			      " 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
			      end_ms);
		put_phases(to, course, end_ms);
		(void)fputs("\">", to);
		put_bar(to, course, end_ms);
		(void)fputs("</svg><p>", to);
		put_phases(to, course, end_ms);
		(void)fprintf(to, "; <span class=\"%s\">%s</span></p></div></div>\n", judgement(status.state),
			      state_name(status.state));
	}
}

/* ---- table ------------------------------------------------------------------------------------------------------ */

static void put_version(FILE *to, bool known, const struct dfucast_version *version)
{
	char text[DFUCAST_VERSION_TEXT_BYTES] = "?";

	if (known) {
		(void)dfucast_version_format(version, text);
	}
	(void)fprintf(to, "<td>%s</td>", text);
}

static void put_error(FILE *to, const struct update_job *job, size_t index,
		      const struct dfucast_status *status)
{
	int err = status->outcome.err;
	const char *hint = hint_for(err);

	(void)fprintf(to, "<code>%s</code>: %s (at step %s", dfucast_err_name(err), what_for(err),
		      dfucast_update_state_name((enum dfucast_update_state)status->outcome.step));
	if (status->outcome.rc != 0) {
		const char *device_hint = hint_for_device(status->outcome.group, status->outcome.rc);
		char code[80];

		(void)fputs(", ", to);
		put_escaped(
		    to, output_device_code(code, sizeof(code), status->outcome.group, status->outcome.rc));
		hint = device_hint != NULL ? device_hint : hint;
	}
	(void)fputs("). ", to);
	if (job->ways[index].why[0] != '\0' && dfucast_err_band(err) == DFUCAST_BAND_LINK) {
		put_escaped(to, job->ways[index].why);
		(void)fputs(". ", to);
	}
	put_escaped(to, hint);
	(void)fprintf(to, "<br><span class=\"soft\">%s", update_holds_words(status->holds));
	if (update_is_booting(status)) {
		(void)fprintf(to, "; wait %u seconds before the next command", UPDATE_BOOT_S);
	}
	(void)fputs("</span>", to);
}

/* A row of its own below the device's, where there is something to say. */
static void put_why(FILE *to, const struct update_job *job, size_t index, const struct dfucast_status *status)
{
	bool failed = status->outcome.err != DFUCAST_ERR_OK;
	bool ran_it = status->has_before && status->attempts == 0 &&
		      dfucast_version_compare(&status->before, &job->image.version, true) == 0;

	if (!failed && !ran_it && !status->skipped_upload) {
		return;
	}
	(void)fputs("<tr class=\"why\"><td colspan=\"9\">", to);
	if (failed) {
		put_error(to, job, index, status);
	} else {
		(void)fputs(ran_it ? "It ran the image before this run."
				   : "It held the image, or a part of it, before this run.",
			    to);
	}
	(void)fputs("</td></tr>\n", to);
}

static void put_device(FILE *to, const struct update_job *job, size_t index)
{
	const struct course *course = &job->page->courses[index];
	struct dfucast_status status;

	update_status(job, index, &status);
	(void)fputs("<tr><th scope=\"row\">", to);
	put_escaped(to, update_target_name(job, index));
	if (job->targets.items[index].label[0] != '\0') {
		(void)fputs("<br><span class=\"soft\">", to);
		put_escaped(to, job->targets.items[index].text);
		(void)fputs("</span>", to);
	}
	(void)fputs("</th><td>", to);
	put_tag(to, judgement(status.state), state_name(status.state));
	(void)fputs("</td>", to);
	put_version(to, status.has_before, &status.before);
	put_version(to, status.has_after, &status.after);
	(void)fprintf(to, "<td class=\"n\">%u</td><td class=\"n\">%" PRIu32 "</td><td class=\"n\">",
		      status.attempts, status.sent_bytes);
	if (is_whole(job, course)) {
		(void)fprintf(to, "%" PRIu32, resent(course, &status));
	} else {
		(void)fputs("–", to);
	}
	(void)fputs("</td><td class=\"n\">", to);
	put_rate(to, course->most_bytes - course->start_bytes,
		 course->start_bytes > 0 ? course->last_ms - course->start_ms : 0);
	(void)fprintf(to, "</td><td class=\"n\">%u</td></tr>\n", status.window_peak);
	put_why(to, job, index, &status);
}

static void put_table(FILE *to, const struct update_job *job)
{
	(void)fputs("<h2>Devices</h2>\n<div class=\"scroll\" role=\"region\" aria-label=\"Devices\" "
		    "tabindex=\"0\">\n<table>\n"
		    "<caption>Sent and resent are bytes of image data. The rate counts new bytes, from the "
		    "first to the last that the device acknowledged, without erase.</caption>\n<thead><tr>"
		    "<th scope=\"col\">Device</th><th scope=\"col\">Result</th><th scope=\"col\">Before</th>"
		    "<th scope=\"col\">After</th><th scope=\"col\" class=\"n\">Attempts</th>"
		    "<th scope=\"col\" class=\"n\">Sent</th><th scope=\"col\" class=\"n\">Resent</th>"
		    "<th scope=\"col\" class=\"n\">kB/s</th><th scope=\"col\" class=\"n\">Window peak</th>"
		    "</tr></thead>\n<tbody>\n",
		    to);
	for (size_t i = 0; i < job->targets.count; i++) {
		put_device(to, job, i);
	}
	(void)fputs("</tbody>\n</table>\n</div>\n", to);
}

void report_html_page(FILE *to, const struct update_job *job, int code)
{
	uint32_t end_ms = output_ms(&job->cli.out);
	struct figures figures;

	end_ms = end_ms > 0 ? end_ms : 1;
	add_up(job, &figures);
	put_head(to, job, &figures, end_ms, code);
	put_timeline(to, job, end_ms);
	put_table(to, job);
	if (job->page->incomplete) {
		(void)fputs("<p>Memory ran out during the run: timelines miss phases.</p>\n", to);
	}
	(void)fputs("</main>\n</body>\n</html>\n", to);
}
