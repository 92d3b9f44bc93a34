/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the image group: list, upload, test, confirm, erase, slots.
 */
#define _GNU_SOURCE 1
#include "session.h"
#include <dfucast/smp_img.h>
#include <stdlib.h>
#include <string.h>

/* A whole slot is erased before the answer comes: external flash takes over half a minute. */
#define ERASE_TIMEOUT_MS 90000u

/* Version and sequence number are the session's. */
static const struct dfucast_smp_id no_id = {DFUCAST_SMP_V2, 0};

/* ---- the list, also the answer of test and confirm ----------------------------------------------------------- */

static const struct {
	uint8_t flag;
	const char *name;
} slot_flags[] = {
    {DFUCAST_SMP_SLOT_ACTIVE, "active"},     {DFUCAST_SMP_SLOT_CONFIRMED, "confirmed"},
    {DFUCAST_SMP_SLOT_PENDING, "pending"},   {DFUCAST_SMP_SLOT_PERMANENT, "permanent"},
    {DFUCAST_SMP_SLOT_BOOTABLE, "bootable"},
};

#define SLOT_FLAG_COUNT (sizeof(slot_flags) / sizeof(slot_flags[0]))

static void list_json(const struct single *single, const char *event,
		      const struct dfucast_smp_image_list *list)
{
	cJSON *object = output_begin(&single->cli.out, event, single->target.text);
	cJSON *images = cJSON_AddArrayToObject(object, "images");

	for (size_t i = 0; i < list->count; i++) {
		const struct dfucast_smp_slot *slot = &list->slots[i];
		cJSON *image = cJSON_CreateObject();
		char hash[2 * UINT8_MAX + 1];

		(void)cJSON_AddItemToArray(images, image);
		(void)cJSON_AddNumberToObject(image, "image", slot->image);
		(void)cJSON_AddNumberToObject(image, "slot", slot->slot);
		output_add_text(image, "version", slot->version.text, slot->version.length);
		if (slot->hash != NULL) {
			cli_hex_format(hash, slot->hash, slot->hash_bytes);
			(void)cJSON_AddStringToObject(image, "hash", hash);
		}
		for (size_t f = 0; f < SLOT_FLAG_COUNT; f++)
			(void)cJSON_AddBoolToObject(image, slot_flags[f].name,
						    (slot->flags & slot_flags[f].flag) != 0);
	}
	(void)cJSON_AddBoolToObject(object, "truncated", list->truncated);
	output_end(object);
}

static void list_table(const struct dfucast_smp_image_list *list)
{
	static const char *const headings[] = {"image", "slot", "version", "flags", "hash"};
	struct table table;

	table_init(&table, sizeof(headings) / sizeof(headings[0]));
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_cell(&table, "%s", headings[i]);
	for (size_t i = 0; i < list->count; i++) {
		const struct dfucast_smp_slot *slot = &list->slots[i];
		char text[2 * UINT8_MAX + 1];
		char flags[64] = ""; /* all five names and their blanks take 46 */
		size_t used = 0;

		table_cell(&table, "%u", slot->image);
		table_cell(&table, "%u", slot->slot);
		table_cell(&table, "%s",
			   output_text(text, sizeof(text), slot->version.text, slot->version.length));
		for (size_t f = 0; f < SLOT_FLAG_COUNT; f++) {
			if ((slot->flags & slot_flags[f].flag) != 0) {
				int put = snprintf(flags + used, sizeof(flags) - used, "%s%s",
						   used > 0 ? " " : "", slot_flags[f].name);

				used += put > 0 ? (size_t)put : 0;
			}
		}
		table_cell(&table, "%s", flags[0] != '\0' ? flags : "-");
		cli_hex_format(text, slot->hash, slot->hash != NULL ? slot->hash_bytes : 0);
		table_cell(&table, "%s", text[0] != '\0' ? text : "-");
	}
	table_print(&table, stdout);
	table_free(&table);
	if (list->truncated)
		(void)fprintf(stderr, "The device lists more slots than can be shown.\n");
}

/* Sends what is encoded and prints the list that comes back. */
static int list_request(struct single *single, const char *event, int length)
{
	struct dfucast_smp_image_list list = {0};
	struct dfucast_smp_error error = {0};
	struct answer answer = single_request(single, length);
	struct failure failure = session_verdict(
	    &answer, dfucast_smp_image_list_decode(answer.body, answer.length, &error, &list), &error);

	if (failure.err != DFUCAST_ERR_OK)
		return single_fail(single, &failure);
	if (single->cli.options.json)
		list_json(single, event, &list);
	else
		list_table(&list);
	return single_end(single, CLI_EXIT_OK);
}

int cmd_image_list(int argc, char **argv)
{
	static const struct single_spec spec = {
	    NULL, "TARGET",
	    "Lists the images in the device's slots with version, flags and hash.\v"
	    "Examples:\n"
	    "  dfucast image list udp:192.0.2.7\n"
	    "  dfucast image list serial:/dev/ttyACM0 --json",
	    0, 0};
	struct single single;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	return list_request(&single, "image_list",
			    dfucast_smp_image_list_encode(single.frame, sizeof(single.frame), no_id));
}

/* ---- test, confirm ------------------------------------------------------------------------------------------- */

/* Reads HASH. @return its bytes, or 0 after the complaint. */
static size_t hash_word(const struct single *single, const char *word,
			uint8_t hash[DFUCAST_IMAGE_HASH_BYTES_MAX])
{
	size_t bytes = cli_hex_parse(word, hash, DFUCAST_IMAGE_HASH_BYTES_MAX);
	char what[256];

	if (bytes == 32 || bytes == 48 || bytes == 64)
		return bytes;
	(void)snprintf(what, sizeof(what), "\"%.160s\" is no image hash.", word);
	(void)output_usage(
	    &single->cli.out, what,
	    "Give all 64 hex digits (96 or 128 for SHA-384 and SHA-512) from \"dfucast image list\".");
	return 0;
}

static int set_state(int argc, char **argv, const struct single_spec *spec, const char *event, bool confirm)
{
	uint8_t hash[DFUCAST_IMAGE_HASH_BYTES_MAX];
	struct single single;
	size_t hash_bytes = 0;
	int code;

	single_parse(&single, argc, argv, spec);
	if (single.word_count > 0) {
		hash_bytes = hash_word(&single, single.words[0], hash);
		if (hash_bytes == 0)
			return CLI_EXIT_USAGE;
	}
	code = single_open(&single);
	if (code != CLI_EXIT_OK)
		return code;
	return list_request(&single, event,
			    dfucast_smp_image_set_encode(single.frame, sizeof(single.frame), no_id, hash,
							 hash_bytes, confirm));
}

int cmd_image_test(int argc, char **argv)
{
	static const struct single_spec spec = {NULL, "TARGET HASH",
						"Marks the image with HASH to run once at the next reset; "
						"unconfirmed, the one after that goes back.\v"
						"Examples:\n"
						"  dfucast image test udp:192.0.2.7 ca2f3fcd…e36937\n"
						"HASH is the image's own, as \"image list\" and \"image "
						"inspect\" print it: not the SHA-256 of the file.",
						1, 1};

	return set_state(argc, argv, &spec, "image_test", false);
}

int cmd_image_confirm(int argc, char **argv)
{
	static const struct single_spec spec = {NULL, "TARGET [HASH]",
						"Makes the running image permanent. With HASH: makes that "
						"image permanent at the next reset, with no way "
						"back from it.\v"
						"Examples:\n"
						"  dfucast image confirm udp:192.0.2.7",
						0, 1};

	return set_state(argc, argv, &spec, "image_confirm", true);
}

/* ---- erase ---------------------------------------------------------------------------------------------------- */

int cmd_image_erase(int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"slot", SINGLE_SLOT, "N", 0,
	     "Absolute slot: image × 2 + slot; by default the one that is not running", 0},
	    {0},
	};
	static const struct single_spec spec = {
	    options, "TARGET",
	    "Erases a slot. Uploads do that by themselves: this is for cleaning up. It "
	    "may take half a minute; the time limit is 90 s here.\v"
	    "Examples:\n"
	    "  dfucast image erase udp:192.0.2.7\n"
	    "  dfucast image erase udp:192.0.2.7 --slot 3",
	    0, 0};
	struct single single;
	struct dfucast_smp_error error = {0};
	struct answer answer;
	struct failure failure;
	uint32_t timeout_ms;
	int length;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	length = dfucast_smp_image_erase_encode(single.frame, sizeof(single.frame), no_id, (int)single.slot);
	timeout_ms = single.cli.options.timeout_ms != 0 ? single.cli.options.timeout_ms : ERASE_TIMEOUT_MS;
	answer = session_request(single.session, single.frame, (size_t)length, timeout_ms, 1);
	failure =
	    session_verdict(&answer, dfucast_smp_error_decode(answer.body, answer.length, &error), &error);
	if (failure.err != DFUCAST_ERR_OK)
		return single_fail(&single, &failure);
	if (single.cli.options.json)
		output_end(output_begin(&single.cli.out, "image_erase", single.target.text));
	else
		(void)printf("Erased.\n");
	return single_end(&single, CLI_EXIT_OK);
}

/* ---- slots ---------------------------------------------------------------------------------------------------- */

static void slots_json(const struct single *single, const struct dfucast_smp_slot_list *list)
{
	cJSON *object = output_begin(&single->cli.out, "image_slots", single->target.text);
	cJSON *slots = cJSON_AddArrayToObject(object, "slots");

	for (size_t i = 0; i < list->count; i++) {
		const struct dfucast_smp_slot_info *info = &list->slots[i];
		cJSON *slot = cJSON_CreateObject();

		(void)cJSON_AddItemToArray(slots, slot);
		(void)cJSON_AddNumberToObject(slot, "image", info->image);
		(void)cJSON_AddNumberToObject(slot, "slot", info->slot);
		if (info->size != 0)
			(void)cJSON_AddNumberToObject(slot, "size", info->size);
		if (info->upload_image_id >= 0)
			(void)cJSON_AddNumberToObject(slot, "upload_image_id", info->upload_image_id);
		if (info->rc != 0)
			(void)cJSON_AddNumberToObject(slot, "errno", info->rc);
		if (info->image < DFUCAST_SMP_IMG_SLOTS_MAX / 2 && list->image_bytes_max[info->image] != 0)
			(void)cJSON_AddNumberToObject(slot, "image_bytes_max",
						      list->image_bytes_max[info->image]);
	}
	output_end(object);
}

static void slots_table(const struct dfucast_smp_slot_list *list)
{
	static const char *const headings[] = {"image", "slot", "bytes", "upload as image"};
	struct table table;

	table_init(&table, sizeof(headings) / sizeof(headings[0]));
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_cell(&table, "%s", headings[i]);
	for (size_t i = 0; i < list->count; i++) {
		const struct dfucast_smp_slot_info *info = &list->slots[i];

		table_cell(&table, "%u", info->image);
		table_cell(&table, "%u", info->slot);
		if (info->rc != 0)
			table_cell(&table, "error %d", info->rc);
		else
			table_cell(&table, "%u", info->size);
		if (info->upload_image_id >= 0)
			table_cell(&table, "%d", info->upload_image_id);
		else
			table_cell(&table, "-");
	}
	table_print(&table, stdout);
	table_free(&table);
	for (size_t i = 0; i < DFUCAST_SMP_IMG_SLOTS_MAX / 2; i++) {
		if (list->image_bytes_max[i] != 0)
			(void)printf("Image %zu may have at most %u bytes.\n", i, list->image_bytes_max[i]);
	}
}

int cmd_zephyr_erase_storage(int argc, char **argv)
{
	static const struct single_spec spec = {NULL, "TARGET",
						"Erases the partition labelled storage: settings and bonds. "
						"What the running firmware has loaded of it "
						"lasts until the next reset: reset the device at once.\v"
						"Examples:\n"
						"  dfucast zephyr erase-storage udp:192.0.2.7\n"
						"  dfucast reset udp:192.0.2.7",
						0, 0};
	struct single single;
	struct dfucast_smp_error error = {0};
	struct answer answer;
	struct failure failure;
	uint32_t timeout_ms;
	int length;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	length = dfucast_smp_request_encode(single.frame, sizeof(single.frame), no_id,
					    DFUCAST_SMP_REQUEST_STORAGE_ERASE, NULL, NULL);
	timeout_ms = single.cli.options.timeout_ms != 0 ? single.cli.options.timeout_ms : ERASE_TIMEOUT_MS;
	answer = session_request(single.session, single.frame, (size_t)length, timeout_ms, 1);
	failure =
	    session_verdict(&answer, dfucast_smp_error_decode(answer.body, answer.length, &error), &error);
	if (failure.err != DFUCAST_ERR_OK)
		return single_fail(&single, &failure);
	if (single.cli.options.json)
		output_end(output_begin(&single.cli.out, "storage_erase", single.target.text));
	else
		(void)printf("Erased. Reset the device now.\n");
	return single_end(&single, CLI_EXIT_OK);
}

int cmd_image_slots(int argc, char **argv)
{
	static const struct single_spec spec = {
	    NULL, "TARGET",
	    "Prints the device's slots and their sizes (Zephyr 4.0 and newer).\v"
	    "Examples:\n"
	    "  dfucast image slots udp:192.0.2.7",
	    0, 0};
	struct single single;
	struct dfucast_smp_slot_list list = {0};
	struct dfucast_smp_error error = {0};
	struct answer answer;
	struct failure failure;
	int code = single_begin(&single, argc, argv, &spec);

	if (code != CLI_EXIT_OK)
		return code;
	answer =
	    single_request(&single, dfucast_smp_slot_list_encode(single.frame, sizeof(single.frame), no_id));
	failure = session_verdict(
	    &answer, dfucast_smp_slot_list_decode(answer.body, answer.length, &error, &list), &error);
	if (failure.err != DFUCAST_ERR_OK)
		return single_fail(&single, &failure);
	if (single.cli.options.json)
		slots_json(&single, &list);
	else
		slots_table(&list);
	return single_end(&single, CLI_EXIT_OK);
}

/* ---- upload: the update command in mode upload ---------------------------------------------------------------- */

#define UPLOAD_WORDS_MAX 64
#define UPLOAD_COMMON_MAX 8

enum { KEY_PASSED = 0x300 };

/* Options that go to the update command as they are. */
static const struct argp_option upload_options[] = {
    {"image", KEY_PASSED + 0, "N", 0, "Image number (0)", 0},
    {"slot", KEY_PASSED + 1, "N", 0, "Slot that the image is linked for (0 or 1), for direct-XIP", 0},
    {"slot-size", KEY_PASSED + 2, "BYTES", 0, "The slot's size, where the device does not tell it", 0},
    {"fresh", KEY_PASSED + 3, NULL, 0, "Ignore what the device holds already: erase and send everything", 0},
    {"window", KEY_PASSED + 4, "N", 0, "Most requests in flight, 1 to 4 (its buffers - 1)", 0},
    {"retries", KEY_PASSED + 5, "N", 0, "Repeat an unanswered request so often (4)", 0},
    {0},
};

struct upload_parser {
	struct cli_common common; /* checked here, passed on as typed */
	char *target;
	char *file;
	char *words[UPLOAD_WORDS_MAX];
	int count;
};

/* Without memory, or beyond the limit, the word is left out. */
static void upload_word(struct upload_parser *parser, const char *option, const char *value)
{
	char *word = NULL;

	if (parser->count < UPLOAD_WORDS_MAX &&
	    asprintf(&word, "--%s%s%s", option, value != NULL ? "=" : "", value != NULL ? value : "") >= 0)
		parser->words[parser->count++] = word;
}

static error_t parse_upload(int key, char *value, struct argp_state *state)
{
	struct upload_parser *parser = state->input;

	if (key >= KEY_PASSED && key < KEY_PASSED + 6) {
		/* room is kept for the common options */
		if (parser->count == UPLOAD_WORDS_MAX - UPLOAD_COMMON_MAX)
			argp_error(state, "too many options");
		upload_word(parser, upload_options[key - KEY_PASSED].name, value);
		return 0;
	}
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &parser->common;
		return 0;
	case ARGP_KEY_ARG:
		if (parser->target != NULL && parser->file != NULL)
			argp_error(state, "\"%s\" is one argument too many", value);
		*(parser->target == NULL ? &parser->target : &parser->file) = value;
		return 0;
	case ARGP_KEY_END:
		if (parser->file == NULL)
			argp_error(state, "an argument is missing: write %s TARGET FILE", state->name);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The common options again, as words. */
static void upload_common(struct upload_parser *parser)
{
	char timeout[32];

	if (parser->common.json)
		upload_word(parser, "json", NULL);
	for (int i = 0; i < parser->common.verbose && i < 2; i++)
		upload_word(parser, "verbose", NULL);
	if (parser->common.timeout_ms != 0) {
		(void)snprintf(timeout, sizeof(timeout), "%.3f", parser->common.timeout_ms / 1000.0);
		upload_word(parser, "timeout", timeout);
	}
	if (parser->common.log_path != NULL)
		upload_word(parser, "log", parser->common.log_path);
	if (parser->common.trace_path != NULL)
		upload_word(parser, "trace", parser->common.trace_path);
}

int cmd_image_upload(int argc, char **argv)
{
	static const struct argp_child children[] = {{&cli_common_argp, 0, "Common options:", 10}, {0}};
	static const struct argp argp = {
	    upload_options,
	    parse_upload,
	    "TARGET FILE",
	    "Uploads FILE into the device's free slot, checks that it arrived, and activates nothing: "
	    "\"dfucast update FILE --to TARGET --mode upload\".\v"
	    "Examples:\n"
	    "  dfucast image upload udp:192.0.2.7 zephyr.signed.bin",
	    children,
	    NULL,
	    NULL};
	struct upload_parser parser = {.count = 0};
	char *words[UPLOAD_WORDS_MAX + 16];
	char to[] = "--to";
	char mode[] = "--mode=upload";
	char end[] = "--";
	int count = 0;
	int code;

	cli_parse(&argp, argc, argv, &parser);
	upload_common(&parser);
	words[count++] = argv[0];
	words[count++] = to;
	words[count++] = parser.target;
	words[count++] = mode;
	for (int i = 0; i < parser.count; i++)
		words[count++] = parser.words[i];
	words[count++] = end; /* FILE may begin with a dash */
	words[count++] = parser.file;
	words[count] = NULL;
	code = cmd_update(count, words);
	for (int i = 0; i < parser.count; i++)
		free(parser.words[i]);
	return code;
}
