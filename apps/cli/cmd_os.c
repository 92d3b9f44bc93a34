/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the OS group: echo, reset, params, taskstat, datetime, info, bootloader.
 */
#define _GNU_SOURCE 1
#include "session.h"
#include <dfucast/smp_os.h>
#include <stdlib.h>
#include <string.h>

/* Version and sequence number are the session's. */
static const struct dfucast_smp_id no_id = {DFUCAST_SMP_V2, 0};

static struct dfucast_smp_text text_of(const char *text)
{
	struct dfucast_smp_text result = {text, strlen(text)};

	return result;
}

/* ---- echo ---------------------------------------------------------------------------------------------------- */

int cmd_echo(int argc, char **argv)
{
	static const struct single_spec spec = {
	    NULL, "TARGET TEXT",
	    "Sends TEXT to the device and prints what comes back: the shortest test of a connection.\v"
	    "Examples:\n"
	    "  dfucast echo udp:192.0.2.7 hello\n"
	    "  dfucast echo serial:/dev/ttyACM0 hello\n"
	    "  dfucast echo 'tcp:127.0.0.1:5555?framing=raw' hello --json",
	    1, 1};
	struct single single;
	struct dfucast_smp_error error = {0};
	struct dfucast_smp_text text = {NULL, 0};
	struct answer answer;
	struct failure failure;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	answer = single_request(&single, dfucast_smp_echo_encode(single.frame, sizeof(single.frame), no_id,
								 text_of(single.words[0])));
	failure = session_verdict(&answer, dfucast_smp_echo_decode(answer.body, answer.length, &error, &text),
				  &error);
	if (failure.err != DFUCAST_ERR_OK)
		return single_fail(&single, &failure);
	if (single.cli.options.json) {
		cJSON *object = output_begin(&single.cli.out, "echo", single.target.text);

		output_add_text(object, "text", text.text, text.length);
		output_end(object);
	} else {
		char line[DFUCAST_LINUX_FRAME_BYTES_MAX + 8];

		(void)printf("%s\n", output_text(line, sizeof(line), text.text, text.length));
	}
	/* A wire that changes bytes is found here, or nowhere. */
	if (text.length != strlen(single.words[0]) || memcmp(text.text, single.words[0], text.length) != 0) {
		failure.err = DFUCAST_ERR_MALFORMED;
		(void)snprintf(failure.why, sizeof(failure.why),
			       "the device echoed another text than was sent");
		return single_fail(&single, &failure);
	}
	return single_end(&single, CLI_EXIT_OK);
}

/* ---- reset --------------------------------------------------------------------------------------------------- */

/* The answer to a reset may get lost with the device that sent it. So first something harmless is asked: a device
 * that answered that and then falls silent was reset; one that never answered anything was not reached. */
static struct failure reset_now(struct single *single, int length)
{
	uint8_t probe[64];
	struct dfucast_smp_error error = {0};
	int probe_length = dfucast_smp_params_encode(probe, sizeof(probe), no_id);
	uint32_t timeout_ms =
	    single->cli.options.timeout_ms != 0 ? single->cli.options.timeout_ms : SESSION_TIMEOUT_MS;
	struct answer answer =
	    session_request(single->session, probe, (size_t)probe_length, timeout_ms, SESSION_TRIES);

	if (answer.failure.err != DFUCAST_ERR_OK)
		return answer.failure;
	answer = session_request(single->session, single->frame, (size_t)length,
				 timeout_ms < 3000 ? timeout_ms : 3000, 1);
	if (answer.failure.err == DFUCAST_ERR_SILENT || answer.failure.err == DFUCAST_ERR_LINK_LOST) {
		memset(&answer.failure, 0, sizeof(answer.failure));
		return answer.failure;
	}
	return session_verdict(&answer, dfucast_smp_error_decode(answer.body, answer.length, &error), &error);
}

int cmd_reset(int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"force", SINGLE_FORCE, NULL, 0, "Also when the firmware says that it is busy", 0},
	    {"boot-mode", SINGLE_BOOT_MODE, "N", 0, "0 normal, 1 bootloader, others the vendor's own", 0},
	    {0},
	};
	static const struct single_spec spec = {
	    options, "TARGET",
	    "Resets the device. An image on trial that is not confirmed reverts.\v"
	    "Examples:\n"
	    "  dfucast reset serial:/dev/ttyACM0\n"
	    "  dfucast reset udp:192.0.2.7 --boot-mode 1\n"
	    "A firmware without support for boot modes ignores --boot-mode silently.",
	    0, 0};
	struct single single;
	struct failure failure;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	failure = reset_now(&single, dfucast_smp_reset_encode(single.frame, sizeof(single.frame), no_id,
							      single.force, (int)single.boot_mode));
	if (failure.err != DFUCAST_ERR_OK)
		return single_fail(&single, &failure);
	if (single.cli.options.json)
		output_end(output_begin(&single.cli.out, "reset", single.target.text));
	else
		(void)printf("%s resets now.\n", single.target.text);
	return single_end(&single, CLI_EXIT_OK);
}

/* ---- params -------------------------------------------------------------------------------------------------- */

int cmd_params(int argc, char **argv)
{
	static const struct single_spec spec = {
	    NULL, "TARGET",
	    "Prints the size and the number of the device's SMP buffers, and the window that an upload would "
	    "use: "
	    "requests in flight, one buffer kept for the answer, at most 4.\v"
	    "Examples:\n"
	    "  dfucast params udp:192.0.2.7\n"
	    "  dfucast params serial:/dev/ttyACM0 --json",
	    0, 0};
	struct single single;
	struct dfucast_smp_error error = {0};
	struct dfucast_smp_params params = {0};
	struct answer answer;
	struct failure failure;
	uint32_t window;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	answer =
	    single_request(&single, dfucast_smp_params_encode(single.frame, sizeof(single.frame), no_id));
	failure = session_verdict(
	    &answer, dfucast_smp_params_decode(answer.body, answer.length, &error, &params), &error);
	if (failure.err != DFUCAST_ERR_OK)
		return single_fail(&single, &failure);
	window = params.buf_count < 2 ? 1 : params.buf_count - 1;
	window = window > DFUCAST_SMP_PENDING_MAX ? DFUCAST_SMP_PENDING_MAX : window;
	if (single.cli.options.json) {
		cJSON *object = output_begin(&single.cli.out, "params", single.target.text);

		(void)cJSON_AddNumberToObject(object, "buf_size", params.buf_size);
		(void)cJSON_AddNumberToObject(object, "buf_count", params.buf_count);
		(void)cJSON_AddNumberToObject(object, "window", window);
		output_end(object);
	} else {
		(void)printf("buf_size   %u\nbuf_count  %u\nwindow     %u\n", params.buf_size,
			     params.buf_count, window);
	}
	return single_end(&single, CLI_EXIT_OK);
}

/* ---- taskstat ------------------------------------------------------------------------------------------------ */

struct task_rows {
	struct table table;
	cJSON *list; /* NULL: people read */
};

/* A member of struct dfucast_smp_task that was told, as table cell and JSON member. */
static void task_member(struct task_rows *rows, cJSON *object, const struct dfucast_smp_task *task,
			unsigned bit, const char *name, double value)
{
	bool told = (task->present & (1u << bit)) != 0;

	if (object != NULL && told)
		(void)cJSON_AddNumberToObject(object, name, value);
	else if (object == NULL && told)
		table_cell(&rows->table, "%.0f", value);
	else if (object == NULL)
		table_cell(&rows->table, "-");
}

static void on_task(void *context, const struct dfucast_smp_task *task)
{
	struct task_rows *rows = context;
	cJSON *object = NULL;
	char name[128];

	(void)output_text(name, sizeof(name), task->name.text, task->name.length);
	if (rows->list != NULL) {
		object = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(object, "name", name);
		(void)cJSON_AddItemToArray(rows->list, object);
	} else {
		table_cell(&rows->table, "%s", name);
	}
	task_member(rows, object, task, 0, "priority", task->priority);
	task_member(rows, object, task, 2, "state", task->state);
	task_member(rows, object, task, 3, "stack_used_bytes", 4.0 * task->stack_used);
	task_member(rows, object, task, 4, "stack_size_bytes", 4.0 * task->stack_size);
	task_member(rows, object, task, 5, "context_switches", (double)task->context_switches);
	task_member(rows, object, task, 6, "runtime_ticks", (double)task->runtime);
}

int cmd_taskstat(int argc, char **argv)
{
	static const char *const headings[] = {"thread", "priority", "state",  "stack used",
					       "of",     "switches", "runtime"};
	static const struct single_spec spec = {
	    NULL, "TARGET",
	    "Prints the device's threads: priority, state, stack in bytes, run time.\v"
	    "Examples:\n"
	    "  dfucast taskstat udp:192.0.2.7\n"
	    "  dfucast taskstat serial:/dev/ttyACM0 --json",
	    0, 0};
	struct single single;
	struct dfucast_smp_error error = {0};
	struct task_rows rows = {.list = NULL};
	struct answer answer;
	struct failure failure;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	table_init(&rows.table, sizeof(headings) / sizeof(headings[0]));
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_cell(&rows.table, "%s", headings[i]);
	if (single.cli.options.json)
		rows.list = cJSON_CreateArray();
	answer =
	    single_request(&single, dfucast_smp_taskstat_encode(single.frame, sizeof(single.frame), no_id));
	failure = session_verdict(
	    &answer, dfucast_smp_taskstat_decode(answer.body, answer.length, &error, on_task, &rows), &error);
	if (failure.err == DFUCAST_ERR_OK && rows.list != NULL) {
		cJSON *object = output_begin(&single.cli.out, "taskstat", single.target.text);

		(void)cJSON_AddItemToObject(object, "tasks", rows.list);
		rows.list = NULL;
		output_end(object);
	} else if (failure.err == DFUCAST_ERR_OK) {
		table_print(&rows.table, stdout);
	}
	cJSON_Delete(rows.list);
	table_free(&rows.table);
	return failure.err != DFUCAST_ERR_OK ? single_fail(&single, &failure)
					     : single_end(&single, CLI_EXIT_OK);
}

/* ---- datetime ------------------------------------------------------------------------------------------------ */

int cmd_datetime(int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"set", SINGLE_SET, "ISO", 0, "Set it, as 2026-11-22T09:30:00; the device keeps no zone", 0},
	    {0},
	};
	static const struct single_spec spec = {
	    options, "TARGET",
	    "Prints or sets the device's date and time.\v"
	    "Examples:\n"
	    "  dfucast datetime udp:192.0.2.7\n"
	    "  dfucast datetime udp:192.0.2.7 --set $(date -u +%Y-%m-%dT%H:%M:%S)",
	    0, 0};
	struct single single;
	struct dfucast_smp_error error = {0};
	struct dfucast_smp_text text = {NULL, 0};
	struct answer answer;
	struct failure failure;
	char line[128];
	int length;
	int decoded;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	if (single.set != NULL)
		length = dfucast_smp_datetime_set_encode(single.frame, sizeof(single.frame), no_id,
							 text_of(single.set));
	else
		length = dfucast_smp_datetime_get_encode(single.frame, sizeof(single.frame), no_id);
	answer = single_request(&single, length);
	if (single.set != NULL) {
		decoded = dfucast_smp_error_decode(answer.body, answer.length, &error);
		text = text_of(single.set);
	} else {
		decoded = dfucast_smp_datetime_decode(answer.body, answer.length, &error, &text);
	}
	failure = session_verdict(&answer, decoded, &error);
	if (failure.err != DFUCAST_ERR_OK)
		return single_fail(&single, &failure);
	(void)output_text(line, sizeof(line), text.text, text.length);
	if (single.cli.options.json) {
		cJSON *object = output_begin(&single.cli.out, "datetime", single.target.text);

		(void)cJSON_AddStringToObject(object, "datetime", line);
		(void)cJSON_AddBoolToObject(object, "set", single.set != NULL);
		output_end(object);
	} else {
		(void)printf("%s\n", line);
	}
	return single_end(&single, CLI_EXIT_OK);
}

/* ---- info ---------------------------------------------------------------------------------------------------- */

static struct failure info_ask(struct single *single, const char *format, char *text, size_t text_bytes)
{
	struct dfucast_smp_error error = {0};
	struct dfucast_smp_text output = {NULL, 0};
	struct answer answer = single_request(
	    single, dfucast_smp_info_encode(single->frame, sizeof(single->frame), no_id, text_of(format)));
	struct failure failure = session_verdict(
	    &answer, dfucast_smp_info_decode(answer.body, answer.length, &error, &output), &error);

	text[0] = '\0';
	if (failure.err == DFUCAST_ERR_OK)
		(void)output_text(text, text_bytes, output.text, output.length);
	return failure;
}

/* One letter at a time: the device joins several fields by blanks, and the fields have blanks themselves. */
static struct failure info_all(struct single *single, cJSON *object)
{
	static const struct {
		const char *letter;
		const char *name;
	} fields[] = {
	    {"s", "kernel"},  {"n", "node"},      {"r", "release"},  {"v", "version"}, {"b", "build"},
	    {"m", "machine"}, {"p", "processor"}, {"i", "hardware"}, {"o", "os"},
	};
	struct failure failure = {0};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char text[1024];

		failure = info_ask(single, fields[i].letter, text, sizeof(text));
		/* a letter that the firmware leaves out is refused; a missing command ends it */
		if (failure.err == DFUCAST_ERR_REFUSED)
			continue;
		if (failure.err != DFUCAST_ERR_OK)
			return failure;
		if (object != NULL)
			(void)cJSON_AddStringToObject(object, fields[i].name, text);
		else
			(void)printf("%-10s %s\n", fields[i].name, text);
	}
	memset(&failure, 0, sizeof(failure));
	return failure;
}

int cmd_info(int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"format", SINGLE_FORMAT, "LETTERS", 0,
	     "Ask once with these letters and print the device's line: s kernel, n node, r release, v "
	     "version, b build, "
	     "m machine, p processor, i hardware, o system, a all",
	     0},
	    {0},
	};
	static const struct single_spec spec = {
	    options, "TARGET",
	    "Prints what the device says of itself: board, kernel, build.\v"
	    "Examples:\n"
	    "  dfucast info serial:/dev/ttyACM0\n"
	    "  dfucast info udp:192.0.2.7 --format i",
	    0, 0};
	struct single single;
	struct failure failure;
	cJSON *object = NULL;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	if (single.cli.options.json)
		object = output_begin(&single.cli.out, "info", single.target.text);
	if (single.format != NULL) {
		char text[DFUCAST_LINUX_FRAME_BYTES_MAX];

		failure = info_ask(&single, single.format, text, sizeof(text));
		if (failure.err == DFUCAST_ERR_OK && object != NULL)
			(void)cJSON_AddStringToObject(object, "output", text);
		else if (failure.err == DFUCAST_ERR_OK)
			(void)printf("%s\n", text);
	} else {
		failure = info_all(&single, object);
	}
	if (failure.err != DFUCAST_ERR_OK) {
		cJSON_Delete(object);
		return single_fail(&single, &failure);
	}
	if (object != NULL)
		output_end(object);
	return single_end(&single, CLI_EXIT_OK);
}

/* ---- bootloader ---------------------------------------------------------------------------------------------- */

static const char *mode_name(int32_t mode)
{
	static const char *const names[] = {
	    "single slot",       "swap using scratch", "overwrite only",
	    "swap using move",   "direct XIP",         "direct XIP with revert",
	    "RAM load",          "firmware loader",    "single slot, RAM load",
	    "swap using offset",
	};

	if (mode >= 0 && (size_t)mode < sizeof(names) / sizeof(names[0]))
		return names[mode];
	return mode == DFUCAST_BOOT_UNKNOWN ? "unknown" : "a newer mode";
}

int cmd_bootloader(int argc, char **argv)
{
	static const struct single_spec spec = {
	    NULL, "TARGET",
	    "Prints the device's bootloader and how it updates: whether a bad image can "
	    "be undone depends on it.\v"
	    "Examples:\n"
	    "  dfucast bootloader serial:/dev/ttyACM0",
	    0, 0};
	static const char *const queries[] = {"", "mode"};
	struct single single;
	struct dfucast_smp_bootloader loader = {.mode = DFUCAST_BOOT_UNKNOWN};
	char name[128] = "";
	struct failure failure = {0};
	bool has_mode = false;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	for (int i = 0; i < 2; i++) {
		struct dfucast_smp_error error = {0};
		struct answer answer =
		    single_request(&single, dfucast_smp_bootloader_encode(single.frame, sizeof(single.frame),
									  no_id, text_of(queries[i])));

		failure = session_verdict(
		    &answer, dfucast_smp_bootloader_decode(answer.body, answer.length, &error, &loader),
		    &error);
		if (i == 1 && failure.err == DFUCAST_ERR_REFUSED)
			break; /* a bootloader without modes */
		if (failure.err != DFUCAST_ERR_OK)
			return single_fail(&single, &failure);
		if (i == 0)
			(void)output_text(name, sizeof(name), loader.name.text, loader.name.length);
		else
			has_mode = true;
	}
	if (single.cli.options.json) {
		cJSON *object = output_begin(&single.cli.out, "bootloader", single.target.text);

		(void)cJSON_AddStringToObject(object, "bootloader", name);
		if (has_mode) {
			(void)cJSON_AddNumberToObject(object, "mode", loader.mode);
			(void)cJSON_AddStringToObject(object, "mode_name", mode_name(loader.mode));
			(void)cJSON_AddBoolToObject(object, "no_downgrade", loader.no_downgrade);
		}
		output_end(object);
	} else {
		(void)printf("bootloader  %s\n", name);
		if (has_mode)
			(void)printf("mode        %d, %s%s\n", loader.mode, mode_name(loader.mode),
				     loader.no_downgrade ? ", no downgrade" : "");
	}
	return single_end(&single, CLI_EXIT_OK);
}
