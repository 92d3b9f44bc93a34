/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dfucast raw: any request of any group, its body as JSON.
 */
#define _GNU_SOURCE 1
#include "json_cbor.h"
#include "session.h"
#include <string.h>

/* Parses JSON strictly: one value, an object, nothing after it. NULL after the complaint. */
static cJSON *parse_body(const struct single *single, const char *text)
{
	const char *end = NULL;
	cJSON *json = cJSON_ParseWithOpts(text, &end, true);
	char what[160];

	if (json != NULL && cJSON_IsObject(json))
		return json;
	if (json == NULL)
		(void)snprintf(what, sizeof(what), "the JSON is wrong at character %zu.",
			       end != NULL ? (size_t)(end - text) + 1 : 1);
	else
		(void)snprintf(what, sizeof(what), "the JSON is no object.");
	cJSON_Delete(json);
	(void)output_usage(&single->cli.out, what,
			   "Write an object in single quotes, as '{\"d\":\"hello\"}'; byte strings are "
			   "{\"$hex\":\"00ff\"}.");
	return NULL;
}

/* The body in CBOR. @return its length, or 0 after the complaint. */
static size_t encode_body(const struct single *single, uint8_t *body, size_t capacity)
{
	char why[160];
	char what[200];
	cJSON *json;
	size_t length;

	if (single->word_count < 3) {
		body[0] = 0xA0; /* an empty map */
		return 1;
	}
	json = parse_body(single, single->words[2]);
	if (json == NULL)
		return 0;
	length = json_cbor_encode(json, body, capacity, why, sizeof(why));
	cJSON_Delete(json);
	if (length > 0)
		return length;
	(void)snprintf(what, sizeof(what), "the JSON cannot be sent: %s.", why);
	(void)output_usage(&single->cli.out, what, "Shorten or change it.");
	return 0;
}

static void print_body(const struct single *single, const cJSON *json)
{
	char *text;

	if (single->cli.options.json) {
		cJSON *object = output_begin(&single->cli.out, "raw", single->target.text);

		(void)cJSON_AddItemToObject(object, "body", cJSON_Duplicate(json, true));
		output_end(object);
		return;
	}
	text = cJSON_PrintUnformatted(json);
	(void)printf("%s\n", text != NULL ? text : "");
	cJSON_free(text);
}

static int finish(struct single *single, const struct answer *answer)
{
	static const uint8_t empty_map[] = {0xA0};
	bool empty = answer->length == 0; /* some servers answer with no body at all */
	struct dfucast_smp_error error = {0};
	struct failure failure = answer->failure;
	char why[160];
	cJSON *json;

	if (failure.err != DFUCAST_ERR_OK)
		return single_fail(single, &failure);
	json = json_cbor_decode(empty ? empty_map : answer->body, empty ? sizeof(empty_map) : answer->length,
				why, sizeof(why));
	if (json == NULL) {
		failure.err = DFUCAST_ERR_MALFORMED;
		(void)snprintf(failure.why, sizeof(failure.why), "the answer cannot be shown: %s", why);
		return single_fail(single, &failure);
	}
	print_body(single, json);
	cJSON_Delete(json);
	failure =
	    session_verdict(answer, dfucast_smp_error_decode(answer->body, answer->length, &error), &error);
	return failure.err != DFUCAST_ERR_OK ? single_fail(single, &failure)
					     : single_end(single, CLI_EXIT_OK);
}

int cmd_raw(int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"read", SINGLE_READ, NULL, 0, "Send a read request; the default without JSON", 0},
	    {"write", SINGLE_WRITE, NULL, 0, "Send a write request; the default with JSON", 0},
	    {0},
	};
	static const struct single_spec spec = {
	    options, "TARGET GROUP CMD [JSON]",
	    "Sends any request and prints the answer's body as JSON. Without JSON it is a read with an empty "
	    "body, with "
	    "JSON a write, unless --read or --write says otherwise.\v"
	    "Byte strings are {\"$hex\":\"00ff\"} in both directions. An answer that carries an error is "
	    "printed too; the "
	    "exit code is then 3.\n"
	    "Examples:\n"
	    "  dfucast raw udp:192.0.2.7 0 6\n"
	    "  dfucast raw udp:192.0.2.7 0 0 '{\"d\":\"hello\"}'\n"
	    "  dfucast raw udp:192.0.2.7 3 0 '{\"name\":\"bt/name\"}' --read\n"
	    "  dfucast raw udp:192.0.2.7 63 0 --write",
	    2, 3};
	uint8_t body[DFUCAST_LINUX_FRAME_BYTES_MAX - DFUCAST_SMP_HEADER_BYTES];
	const struct dfucast_smp_id id = {DFUCAST_SMP_V2, 0};
	struct single single;
	struct answer answer;
	size_t body_length;
	long group;
	long command;
	bool write;
	int code;

	single_parse(&single, argc, argv, &spec);
	if (single.read && single.write)
		return output_usage(&single.cli.out, "--read and --write exclude each other.",
				    "Give one of them.");
	if (!cli_number_parse(single.words[0], 0, 65535, &group))
		return output_usage(&single.cli.out, "GROUP is no number from 0 to 65535.",
				    "Write it as 0 (OS), 1 (image), 64 and more (your own).");
	if (!cli_number_parse(single.words[1], 0, 255, &command))
		return output_usage(&single.cli.out, "CMD is no number from 0 to 255.",
				    "Write it as 0 or 0x10.");
	body_length = encode_body(&single, body, sizeof(body));
	if (body_length == 0)
		return CLI_EXIT_USAGE;
	write = single.write || (single.word_count == 3 && !single.read);
	code = single_open(&single);
	if (code != CLI_EXIT_OK)
		return code;
	answer = single_request(&single,
				dfucast_smp_raw_encode(single.frame, sizeof(single.frame), id,
						       write ? DFUCAST_SMP_WRITE : DFUCAST_SMP_READ,
						       (uint16_t)group, (uint8_t)command, body, body_length));
	return finish(&single, &answer);
}
