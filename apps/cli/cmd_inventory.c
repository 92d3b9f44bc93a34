/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dfucast inventory: asks all targets at the same time what they run. Each walks through its questions by itself,
 * so a silent one delays nobody.
 */
#define _GNU_SOURCE 1
#include "serve.h"
#include "session.h"
#include <dfucast/smp_img.h>
#include <stdlib.h>
#include <string.h>

enum inventory_step {
	STEP_LIST,   /* image list */
	STEP_PARAMS, /* buffers */
	STEP_BOARD,  /* OS info "i" */
	STEP_DONE,
};

struct inventory;

/* A target and what is known of it; texts are "" and numbers 0 where it did not tell. */
struct row {
	struct inventory *inventory;
	const struct dfucast_linux_target *target;
	struct session *session;
	enum inventory_step step;
	struct failure failure; /* err 0: it answered */
	bool has_list;
	bool confirmed;
	char version[64];
	char hash[2 * UINT8_MAX + 1];
	char board[160];
	uint32_t buf_size;
	uint32_t buf_count;
	uint32_t window;
};

struct inventory {
	struct cli cli;
	struct cli_targets targets;
	struct row *rows;
	size_t unfinished;
};

/* Version and sequence number are the session's. */
static const struct dfucast_smp_id no_id = {DFUCAST_SMP_V2, 0};

static void on_answer(void *context, const struct answer *answer);

static void ask(struct row *row)
{
	struct inventory *inventory = row->inventory;
	uint32_t timeout_ms = inventory->cli.options.timeout_ms;
	const struct dfucast_smp_text board = {"i", 1};
	uint8_t frame[64];
	int length = 0;

	switch (row->step) {
	case STEP_LIST:
		length = dfucast_smp_image_list_encode(frame, sizeof(frame), no_id);
		break;
	case STEP_PARAMS:
		length = dfucast_smp_params_encode(frame, sizeof(frame), no_id);
		break;
	case STEP_BOARD:
		length = dfucast_smp_info_encode(frame, sizeof(frame), no_id, board);
		break;
	case STEP_DONE:
		inventory->unfinished--;
		session_destroy(row->session);
		row->session = NULL;
		if (inventory->unfinished == 0)
			uv_stop(&inventory->cli.loop);
		return;
	}
	session_start(row->session, frame, (size_t)length, timeout_ms != 0 ? timeout_ms : SESSION_TIMEOUT_MS,
		      SESSION_TRIES, on_answer, row);
}

/* What runs: the active slot of the first image that has one. */
static struct failure take_list(struct row *row, const struct answer *answer)
{
	struct dfucast_smp_image_list list = {0};
	struct dfucast_smp_error error = {0};
	struct failure failure = session_verdict(
	    answer, dfucast_smp_image_list_decode(answer->body, answer->length, &error, &list), &error);

	for (size_t i = 0; failure.err == DFUCAST_ERR_OK && i < list.count; i++) {
		const struct dfucast_smp_slot *slot = &list.slots[i];

		/* MCUboot's serial recovery tells no flags: then the first slot is what there is */
		if ((slot->flags & DFUCAST_SMP_SLOT_ACTIVE) == 0 && (list.has_split_status || i > 0))
			continue;
		row->has_list = true;
		row->confirmed = (slot->flags & DFUCAST_SMP_SLOT_CONFIRMED) != 0;
		(void)output_text(row->version, sizeof(row->version), slot->version.text,
				  slot->version.length);
		if (slot->hash != NULL)
			cli_hex_format(row->hash, slot->hash, slot->hash_bytes);
		break;
	}
	return failure;
}

static struct failure take_params(struct row *row, const struct answer *answer)
{
	struct dfucast_smp_params params = {0};
	struct dfucast_smp_error error = {0};
	struct failure failure = session_verdict(
	    answer, dfucast_smp_params_decode(answer->body, answer->length, &error, &params), &error);

	row->window = 1;
	if (failure.err == DFUCAST_ERR_OK) {
		row->buf_size = params.buf_size;
		row->buf_count = params.buf_count;
		if (params.buf_count > 2)
			row->window = params.buf_count - 1 < DFUCAST_SMP_PENDING_MAX
					  ? params.buf_count - 1
					  : DFUCAST_SMP_PENDING_MAX;
	}
	return failure;
}

static struct failure take_board(struct row *row, const struct answer *answer)
{
	struct dfucast_smp_text text = {NULL, 0};
	struct dfucast_smp_error error = {0};
	struct failure failure = session_verdict(
	    answer, dfucast_smp_info_decode(answer->body, answer->length, &error, &text), &error);

	if (failure.err == DFUCAST_ERR_OK)
		(void)output_text(row->board, sizeof(row->board), text.text, text.length);
	return failure;
}

static void on_answer(void *context, const struct answer *answer)
{
	struct row *row = context;
	struct failure failure = {0};

	switch (row->step) {
	case STEP_LIST:
		failure = take_list(row, answer);
		break;
	case STEP_PARAMS:
		failure = take_params(row, answer);
		break;
	case STEP_BOARD:
		failure = take_board(row, answer);
		break;
	case STEP_DONE:
		break;
	}
	/* A question that the device has no answer to leaves its field empty. Anything else ends the row. */
	if (failure.err != DFUCAST_ERR_OK && failure.err != DFUCAST_ERR_REFUSED &&
	    failure.err != DFUCAST_ERR_NOT_SUPPORTED) {
		row->failure = failure;
		row->step = STEP_DONE;
	} else {
		row->step++;
	}
	ask(row);
}

/* ---- output ---------------------------------------------------------------------------------------------------- */

static void rows_table(const struct inventory *inventory, bool csv)
{
	static const char *const headings[] = {"target", "label",    "version",   "confirmed", "hash",
					       "board",  "buf_size", "buf_count", "window",    "error"};
	struct table table;

	table_init(&table, sizeof(headings) / sizeof(headings[0]));
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_cell(&table, "%s", headings[i]);
	for (size_t i = 0; i < inventory->targets.count; i++) {
		const struct row *row = &inventory->rows[i];
		const char *none = csv ? "" : "-";
		bool answered = row->failure.err == DFUCAST_ERR_OK;

		table_cell(&table, "%s", row->target->text);
		table_cell(&table, "%s", row->target->label[0] != '\0' ? row->target->label : none);
		table_cell(&table, "%s", row->version[0] != '\0' ? row->version : none);
		table_cell(&table, "%s", !row->has_list ? none : row->confirmed ? "yes" : "no");
		/* people compare the first digits, machines all */
		table_cell(&table, "%.*s", csv ? (int)sizeof(row->hash) : 12,
			   row->hash[0] != '\0' ? row->hash : none);
		table_cell(&table, "%s", row->board[0] != '\0' ? row->board : none);
		if (row->buf_size != 0)
			table_cell(&table, "%u", row->buf_size);
		else
			table_cell(&table, "%s", none);
		if (row->buf_count != 0)
			table_cell(&table, "%u", row->buf_count);
		else
			table_cell(&table, "%s", none);
		if (answered)
			table_cell(&table, "%u", row->window);
		else
			table_cell(&table, "%s", none);
		table_cell(&table, "%s", answered ? none : dfucast_err_name(row->failure.err));
	}
	if (csv)
		table_print_csv(&table, stdout);
	else
		table_print(&table, stdout);
	table_free(&table);
}

static void row_json(const struct inventory *inventory, const struct row *row)
{
	cJSON *object = output_begin(&inventory->cli.out, "inventory", row->target->text);

	output_add_text(object, "label", row->target->label, strlen(row->target->label));
	if (row->has_list) {
		(void)cJSON_AddStringToObject(object, "version", row->version);
		(void)cJSON_AddStringToObject(object, "hash", row->hash);
		(void)cJSON_AddBoolToObject(object, "confirmed", row->confirmed);
	}
	if (row->board[0] != '\0')
		(void)cJSON_AddStringToObject(object, "board", row->board);
	if (row->buf_size != 0)
		(void)cJSON_AddNumberToObject(object, "buf_size", row->buf_size);
	if (row->buf_count != 0)
		(void)cJSON_AddNumberToObject(object, "buf_count", row->buf_count);
	if (row->failure.err == DFUCAST_ERR_OK) {
		(void)cJSON_AddNumberToObject(object, "window", row->window);
	} else {
		(void)cJSON_AddStringToObject(object, "error", dfucast_err_name(row->failure.err));
		(void)cJSON_AddStringToObject(object, "message", row->failure.why);
		(void)cJSON_AddStringToObject(object, "hint", hint_for(row->failure.err));
	}
	output_end(object);
}

static int report(const struct inventory *inventory)
{
	int code = CLI_EXIT_OK;

	if (!inventory->cli.options.json)
		rows_table(inventory, inventory->cli.options.csv);
	for (size_t i = 0; i < inventory->targets.count; i++) {
		const struct row *row = &inventory->rows[i];

		if (inventory->cli.options.json)
			row_json(inventory, row);
		if (row->failure.err == DFUCAST_ERR_OK)
			continue;
		code = CLI_EXIT_TARGET;
		if (!inventory->cli.options.json)
			(void)output_failure(&inventory->cli.out, row->target->text, &row->failure);
	}
	return code;
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

enum { KEY_TO = 0x400, KEY_CSV };

struct inventory_parser {
	struct cli_common common;
	char **to;
	size_t to_count;
};

static error_t parse_inventory(int key, char *value, struct argp_state *state)
{
	struct inventory_parser *parser = state->input;
	char **to;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &parser->common;
		return 0;
	case KEY_CSV:
		parser->common.csv = true;
		return 0;
	case KEY_TO:
		to = realloc(parser->to, (parser->to_count + 1) * sizeof(*to));
		if (to == NULL)
			argp_failure(state, CLI_EXIT_USAGE, 0, "out of memory");
		else
			to[parser->to_count++] = value;
		parser->to = to;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is no option: write --to %s", value, value);
		return 0;
	case ARGP_KEY_END:
		if (parser->to_count == 0)
			argp_error(state, "a target is missing: write %s --to TARGET", state->name);
		if (parser->common.csv && parser->common.json)
			argp_error(state, "--json and --csv exclude each other: give one of them");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* All rows at once, until all ended. */
static int run(struct inventory *inventory)
{
	inventory->rows = calloc(inventory->targets.count, sizeof(*inventory->rows));
	if (inventory->rows == NULL)
		return output_usage(&inventory->cli.out, "out of memory.", "Give fewer targets.");
	inventory->unfinished = inventory->targets.count;
	for (size_t i = 0; i < inventory->targets.count; i++) {
		struct row *row = &inventory->rows[i];

		row->inventory = inventory;
		row->target = &inventory->targets.items[i];
		row->session = session_create(&inventory->cli, row->target, (unsigned)i);
		if (row->session == NULL) {
			row->failure.err = DFUCAST_ERR_SPACE;
			inventory->unfinished--;
			continue;
		}
		ask(row);
	}
	while (inventory->unfinished > 0 && !inventory->cli.interrupted)
		(void)uv_run(&inventory->cli.loop, UV_RUN_ONCE);
	for (size_t i = 0; i < inventory->targets.count; i++)
		session_destroy(inventory->rows[i].session);
	return inventory->cli.interrupted ? CLI_EXIT_INTERRUPTED : report(inventory);
}

int cmd_inventory(int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"to", KEY_TO, "TARGET", 0, "A device, or @FILE with one target a line; as often as you like", 0},
	    {"csv", KEY_CSV, NULL, 0, "A table that spreadsheets read", 0},
	    {0},
	};
	static const struct argp_child children[] = {{&cli_common_argp, 0, "Common options:", 10}, {0}};
	static const struct argp argp = {options,
					 parse_inventory,
					 NULL,
					 "Asks all targets at the same time: running version and hash, "
					 "confirmed or not, board, buffers, and the "
					 "window an upload would use. Exit code 3 when one did not answer.\v"
					 "Examples:\n"
					 "  dfucast inventory --to udp:192.0.2.7 --to serial:/dev/ttyACM0\n"
					 "  dfucast inventory --to @sensors.txt --csv > sensors.csv\n"
					 "  dfucast inventory --to sim:3      (virtual devices)",
					 children,
					 NULL,
					 NULL};
	struct inventory_parser parser = {.to = NULL};
	struct inventory inventory;
	int code = CLI_EXIT_OK;

	memset(&inventory, 0, sizeof(inventory));
	cli_parse(&argp, argc, argv, &parser);
	output_init(&inventory.cli.out, argv[0], parser.common.json);
	for (size_t i = 0; code == CLI_EXIT_OK && i < parser.to_count; i++)
		code = serve_local_is(parser.to[i])
			   ? serve_local_targets(&inventory.targets, parser.to[i], &inventory.cli.out)
			   : cli_targets_add(&inventory.targets, parser.to[i], &inventory.cli.out);
	free(parser.to);
	if (code == CLI_EXIT_OK)
		code = cli_open(&inventory.cli, argv[0], &parser.common);
	if (code == CLI_EXIT_OK)
		code = cli_close(&inventory.cli, run(&inventory));
	free(inventory.rows);
	cli_targets_free(&inventory.targets);
	return code;
}
