/* SPDX-License-Identifier: Apache-2.0 */
/* `dfucast scan --via GATEWAY`: the updatable devices that a gateway sees, and the protocol each speaks. */
#include "session.h"
#include <dfucast/smp_fleet.h>
#include <string.h>

struct scan_options {
	struct cli_common common;
	const char *via;
};

enum key { KEY_VIA = 0x700 };

static const struct argp_option options[] = {
    {"via", KEY_VIA, "GATEWAY", 0, "The gateway that looks, at serial:, tcp: or udp:", 1}, {0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct scan_options *scan = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &scan->common;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is one word too many: write --via GATEWAY", argument);
		return 0;
	case KEY_VIA:
		scan->via = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *protocol_name(uint32_t protocol)
{
	static const char *const names[] = {"smp", "secure-dfu", "legacy-dfu", "ti-oad"};

	return protocol < sizeof(names) / sizeof(names[0]) ? names[protocol] : "unknown";
}

static void add_device(struct cli *cli, struct table *table, const struct dfucast_smp_fleet_seen *seen)
{
	char id[256];
	char name[128];

	output_text(id, sizeof(id), seen->id.text, seen->id.length);
	output_text(name, sizeof(name), seen->name.text, seen->name.length);
	if (cli->out.json) {
		cJSON *event = output_begin(&cli->out, "device", id);

		cJSON_AddStringToObject(event, "protocol", protocol_name(seen->protocol));
		if (name[0] != '\0')
			cJSON_AddStringToObject(event, "name", name);
		if (seen->rssi != 0)
			cJSON_AddNumberToObject(event, "rssi", seen->rssi);
		if (seen->period_ms != 0)
			cJSON_AddNumberToObject(event, "period_ms", seen->period_ms);
		output_end(event);
		return;
	}
	table_cell(table, "%s", id);
	table_cell(table, "%s", protocol_name(seen->protocol));
	table_cell(table, "%s", name[0] != '\0' ? name : "-");
	if (seen->rssi != 0)
		table_cell(table, "%d dBm", (int)seen->rssi);
	else
		table_cell(table, "-");
}

/* Page after page. @return CLI_EXIT_OK, or the exit code after saying why */
static int read_pages(struct cli *cli, struct session *session, const char *gateway, struct table *table)
{
	uint32_t timeout_ms = cli->options.timeout_ms != 0 ? cli->options.timeout_ms : SESSION_TIMEOUT_MS;
	uint32_t next = 0;

	do {
		struct dfucast_smp_fleet_seen seen;
		struct dfucast_smp_text elements = {0};
		struct dfucast_smp_error error;
		uint32_t from = next;
		uint8_t frame[32];
		int length = dfucast_smp_fleet_read_encode(frame, sizeof(frame), (struct dfucast_smp_id){0},
							   DFUCAST_SMP_FLEET_SCAN, from);
		struct answer answer =
		    session_request(session, frame, (size_t)length, timeout_ms, SESSION_TRIES);
		int decoded = answer.failure.err != 0
				  ? 0
				  : dfucast_smp_fleet_page_decode(answer.body, answer.length, &error,
								  "devices", &elements, &next);
		struct failure failure = session_verdict(&answer, decoded, &error);

		if (failure.err != 0) {
			(void)output_failure(&cli->out, gateway, &failure);
			return failure.err == DFUCAST_ERR_ABORTED ? CLI_EXIT_INTERRUPTED : CLI_EXIT_RADIO;
		}
		while (dfucast_smp_fleet_seen_next(&elements, &seen) > 0)
			add_device(cli, table, &seen);
		if (next != 0 && next <= from)
			break; /* it would go round for ever */
	} while (next != 0);
	return CLI_EXIT_OK;
}

int cmd_scan(int argc, char **argv)
{
	static const char doc[] =
	    "Lists the updatable devices that a gateway sees, and the protocol each speaks: smp, secure-dfu, "
	    "legacy-dfu or ti-oad. Their names are what --to takes beside --via.\v"
	    "Example:\n"
	    "  dfucast scan --via serial:/dev/ttyACM0";
	const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 2}, {0}};
	const struct argp argp = {.options = options,
				  .parser = parse,
				  .args_doc = "--via GATEWAY",
				  .doc = doc,
				  .children = children};
	struct dfucast_linux_target gateway;
	struct scan_options scan = {0};
	struct session *session;
	struct table table;
	struct cli cli;
	int code;

	cli_parse(&argp, argc, argv, &scan);
	code = cli_open(&cli, "dfucast scan", &scan.common);
	if (code != CLI_EXIT_OK)
		return code;
	if (scan.via == NULL) {
		(void)output_usage(&cli.out, "This machine has no radio that this version can use.",
				   "Name a gateway that has one: --via serial:/dev/ttyACM0.");
		return cli_close(&cli, CLI_EXIT_RADIO);
	}
	code = cli_target_one(&gateway, scan.via, &cli.out);
	if (code != CLI_EXIT_OK)
		return cli_close(&cli, code);
	session = session_create(&cli, &gateway, 0);
	if (session == NULL)
		return cli_close(&cli, output_usage(&cli.out, "Not enough memory.", "Close other programs."));
	table_init(&table, 4);
	for (const char *const *heading = (const char *const[]){"device", "protocol", "name", "signal", NULL};
	     *heading != NULL; heading++)
		table_cell(&table, "%s", *heading);
	code = read_pages(&cli, session, scan.via, &table);
	if (code == CLI_EXIT_OK && !cli.out.json)
		table_print(&table, stdout);
	table_free(&table);
	session_destroy(session);
	return cli_close(&cli, code);
}
