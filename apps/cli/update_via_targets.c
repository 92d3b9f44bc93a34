/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The targets of `dfucast update … --via GATEWAY`: texts that only the gateway understands, with the labels and match= of
 * this side's target files; without --to those of the gateway's own plan.
 */
#include "session.h"
#include "update.h"
#include <dfucast/smp_fleet.h>
#include <stdlib.h>
#include <string.h>

#define OWN_PLAN_TRIES 5u
#define OWN_PLAN_MS 200u /* between them */

static int no_memory(const struct update_job *job)
{
	return output_usage(&job->cli.out, "Not enough memory.", "Give fewer targets.");
}

/* The element that was added, behind whatever there was. NULL: no memory. */
static struct dfucast_linux_target *add_empty(struct update_job *job)
{
	struct dfucast_linux_target *more =
	    realloc(job->targets.items, (job->targets.count + 1) * sizeof(*more));

	if (more == NULL) {
		return NULL;
	}
	job->targets.items = more;
	more += job->targets.count++;
	memset(more, 0, sizeof(*more));
	return more;
}

static int add(struct update_job *job, const char *text)
{
	struct dfucast_linux_target *target = add_empty(job);

	if (target == NULL) {
		return no_memory(job);
	}
	if (strlen(text) >= sizeof(target->text)) {
		return output_usage(&job->cli.out, "A target's text is too long.",
				    "Write at most 255 characters.");
	}
	snprintf(target->text, sizeof(target->text), "%s", text);
	return CLI_EXIT_OK;
}

/* One target, then its words. */
static int add_line(struct update_job *job, char *line)
{
	char *save = NULL;
	char *word = strtok_r(line, " \t\r\n", &save);
	char why[400];
	long passkey;
	int code;

	if (word == NULL || word[0] == '#') {
		return CLI_EXIT_OK;
	}
	code = add(job, word);
	while (code == CLI_EXIT_OK && (word = strtok_r(NULL, " \t\r\n", &save)) != NULL && word[0] != '#') {
		struct dfucast_linux_target *target = &job->targets.items[job->targets.count - 1];

		if (dfucast_linux_target_word(target, word, why, sizeof(why)) != DFUCAST_LINUX_PARSE_OK) {
			code = output_usage(&job->cli.out, why, "");
		} else if (target->passkey[0] != '\0' &&
			   !cli_number_parse(target->passkey, 0, 999999, &passkey)) {
			code =
			    output_usage(&job->cli.out, "A passkey is a number of at most six digits.", "");
		}
	}
	return code;
}

static int add_file(struct update_job *job, const char *path)
{
	char line[1024];
	char what[400];
	FILE *file = fopen(path, "re");
	int code = CLI_EXIT_OK;

	if (file == NULL) {
		snprintf(what, sizeof(what), "The target file %.255s cannot be read.", path);
		return output_usage(&job->cli.out, what, "Write @FILE with one target a line.");
	}
	while (code == CLI_EXIT_OK && fgets(line, sizeof(line), file) != NULL) {
		code = add_line(job, line);
	}
	fclose(file);
	return code;
}

/* A device that is taken for a gateway is only asked what it is. */
static struct failure ask_what_it_is(struct session *session)
{
	struct dfucast_smp_fleet_capabilities capabilities;
	struct dfucast_smp_error error;
	uint8_t frame[32];
	int length = dfucast_smp_fleet_capabilities_encode(frame, sizeof(frame), (struct dfucast_smp_id){0});
	struct answer answer = session_request(session, frame, (size_t)length, SESSION_TIMEOUT_MS, 3);
	int decoded =
	    answer.failure.err != 0
		? 0
		: dfucast_smp_fleet_capabilities_decode(answer.body, answer.length, &error, &capabilities);

	return session_verdict(&answer, decoded, &error);
}

/*
 * A plan without targets means the gateway's own: until then its reports are of the last plan, which may have been for
 * some of them only. Refused while a cast runs, and for a moment after: then it is that cast that is looked at.
 */
static struct failure ask_for_own_plan(struct session *session)
{
	const struct dfucast_smp_fleet_plan plan = {.at = 0};
	struct failure failure = {.err = 0};

	for (unsigned tries = 0; tries < OWN_PLAN_TRIES; tries++) {
		struct dfucast_smp_fleet_prediction prediction;
		struct dfucast_smp_error error;
		uint8_t frame[128];
		size_t written = 0;
		int length = dfucast_smp_fleet_plan_encode(frame, sizeof(frame), (struct dfucast_smp_id){0},
							   &plan, NULL, 0, &written);
		struct answer answer = session_request(session, frame, (size_t)length, SESSION_TIMEOUT_MS, 3);
		int decoded = answer.failure.err != 0 ? 0
						      : dfucast_smp_fleet_prediction_decode(
							    answer.body, answer.length, &error, &prediction);

		failure = session_verdict(&answer, decoded, &error);
		if (failure.err != DFUCAST_ERR_REFUSED) {
			return failure;
		}
		uv_sleep(OWN_PLAN_MS);
	}
	return (struct failure){.err = 0};
}

/* No --to: the gateway's own plan, as its reports list it. @return CLI_EXIT_OK, or the exit code */
static int ask_for_targets(struct update_job *job, const struct dfucast_linux_target *gateway)
{
	struct session *session = session_create(&job->cli, gateway, 0);
	uint32_t next = 0;
	int code = CLI_EXIT_OK;

	if (session == NULL) {
		return no_memory(job);
	}
	struct failure refused = ask_what_it_is(session);

	if (refused.err == 0) {
		refused = ask_for_own_plan(session);
	}
	if (refused.err != 0) {
		(void)output_failure(&job->cli.out, job->options.via, &refused);
		session_destroy(session);
		return CLI_EXIT_RADIO;
	}
	do {
		struct dfucast_smp_fleet_report report;
		struct dfucast_smp_error error;
		struct dfucast_smp_text elements = {0};
		uint8_t frame[32];
		int length = dfucast_smp_fleet_read_encode(frame, sizeof(frame), (struct dfucast_smp_id){0},
							   DFUCAST_SMP_FLEET_REPORT, next);
		struct answer answer = session_request(session, frame, (size_t)length, SESSION_TIMEOUT_MS, 3);
		int decoded = answer.failure.err != 0
				  ? 0
				  : dfucast_smp_fleet_page_decode(answer.body, answer.length, &error,
								  "targets", &elements, &next);
		struct failure failure = session_verdict(&answer, decoded, &error);

		if (failure.err != 0) {
			(void)output_failure(&job->cli.out, job->options.via, &failure);
			code = CLI_EXIT_RADIO;
			break;
		}
		while (code == CLI_EXIT_OK && dfucast_smp_fleet_report_next(&elements, &report) > 0) {
			char text[DFUCAST_LINUX_TEXT_BYTES];

			code = add(job, output_text(text, sizeof(text), report.id.text, report.id.length));
		}
	} while (code == CLI_EXIT_OK && next != 0);
	session_destroy(session);
	if (code == CLI_EXIT_OK && job->targets.count == 0) {
		code = output_usage(&job->cli.out, "The gateway has no targets of its own.",
				    "Name them with --to TARGET; \"dfucast scan --via\" lists what it sees.");
	}
	return code;
}

int update_via_take(struct update_job *job, const struct dfucast_linux_target *gateway)
{
	char what[DFUCAST_LINUX_TEXT_BYTES + 80];
	int code = CLI_EXIT_OK;

	for (size_t i = 0; i < job->options.to_count && code == CLI_EXIT_OK; i++) {
		const char *text = job->options.to[i];

		code = text[0] == '@' ? add_file(job, text + 1) : add(job, text);
	}
	if (code == CLI_EXIT_OK && job->options.to_count == 0) {
		code = ask_for_targets(job, gateway);
	}
	for (size_t i = 0; i < job->targets.count && code == CLI_EXIT_OK; i++) {
		for (size_t k = 0; k < i; k++) {
			if (strcmp(job->targets.items[i].text, job->targets.items[k].text) == 0) {
				snprintf(what, sizeof(what), "%s is given twice.",
					 job->targets.items[i].text);
				return output_usage(&job->cli.out, what, "Name each device once.");
			}
		}
	}
	return code == CLI_EXIT_OK ? update_match_check(job) : code;
}
