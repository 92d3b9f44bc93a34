/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --match KEY=VALUE and a target file's match=: read, and made into the lists of the plan. A target's own keys stand in
 * place of the command line's same keys; the package's board counts where nobody names one.
 */
#include "update.h"
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum dfucast_match_key key;
} keys[] = {
    {"board=", DFUCAST_MATCH_BOARD},
    {"name=", DFUCAST_MATCH_NAME},
    {"running=", DFUCAST_MATCH_RUNNING},
    {"hash=", DFUCAST_MATCH_HASH},
};

/* ---- running=RANGE ----------------------------------------------------------------------------------------------- */

/* "<2.0.0", ">=1.2.0", "=1.2.3", "1.2.3.4": one bound, or with = both. */
static bool read_bound(const char *text, size_t length, struct update_match *match)
{
	size_t sign = 0;

	while (sign < length && strchr("<>=", text[sign]) != NULL) {
		sign++;
	}
	bool low = sign == 0 || text[0] == '>' || text[0] == '=';
	bool high = sign == 0 || text[0] == '<' || text[0] == '=';
	struct dfucast_version version;

	if (sign > 2 || (sign == 2 && (text[0] == '=' || text[1] != '=')) ||
	    (low && (match->line.flags & DFUCAST_MATCH_LOW)) ||
	    (high && (match->line.flags & DFUCAST_MATCH_HIGH)) ||
	    !dfucast_version_parse(&version, text + sign, length - sign)) {
		return false;
	}
	size_t dots = 0;

	for (size_t i = sign; i < length; i++) {
		dots += text[i] == '.' || text[i] == '+';
	}
	bool open = sign == 1 && text[0] != '=';

	if (low) {
		match->bounds[0] = version;
		match->line.flags |= (uint8_t)(DFUCAST_MATCH_LOW | (open ? DFUCAST_MATCH_LOW_OPEN : 0) |
					       (dots > 2 ? DFUCAST_MATCH_LOW_BUILD : 0));
	}
	if (high) {
		match->bounds[1] = version;
		match->line.flags |= (uint8_t)(DFUCAST_MATCH_HIGH | (open ? DFUCAST_MATCH_HIGH_OPEN : 0) |
					       (dots > 2 ? DFUCAST_MATCH_HIGH_BUILD : 0));
	}
	return true;
}

/* At most one lower and one upper bound, with a comma between. */
static bool read_range(const char *text, struct update_match *match)
{
	size_t first = strcspn(text, ",");

	return read_bound(text, first, match) &&
	       (text[first] == '\0' || read_bound(text + first + 1, strlen(text + first + 1), match));
}

/* ---- one KEY=VALUE ------------------------------------------------------------------------------------------------ */

static bool read_value(const char *value, struct update_match *match, const char **wrong)
{
	size_t length = strlen(value);

	if (match->line.key == DFUCAST_MATCH_RUNNING) {
		*wrong = "a range is one or two of <, <=, >, >=, = with a version, as >=1.2.0,<2.0.0";
		return read_range(value, match);
	}
	if (match->line.key == DFUCAST_MATCH_HASH) {
		*wrong = "a hash is an even number of hex digits, from its beginning on";
		match->line.bytes = (uint8_t)cli_hex_parse(value, match->hash, sizeof(match->hash));
		return match->line.bytes > 0;
	}
	*wrong = "it needs a text of 1 to 100 characters; a * at its end stands for anything";
	if (length > 0 && value[length - 1] == '*') {
		match->line.flags = DFUCAST_MATCH_PREFIX;
		length--;
	} else if (length == 0) {
		return false;
	}
	match->text = value;
	match->line.bytes = (uint8_t)length;
	return length <= 100;
}

bool update_match_read(struct update_match *match, const char *text, char *why, size_t why_bytes)
{
	const char *wrong = "the keys are board, name, running and hash";

	memset(match, 0, sizeof(*match));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t length = strlen(keys[i].name);

		if (strncmp(text, keys[i].name, length) == 0) {
			match->line.key = (uint8_t)keys[i].key;
			if (read_value(text + length, match, &wrong)) {
				return true;
			}
			break;
		}
	}
	snprintf(why, why_bytes, "\"%.60s\" is no match: %s", text, wrong);
	return false;
}

/* ---- the lists ---------------------------------------------------------------------------------------------------- */

static struct update_match *add(struct update_matches *matches)
{
	if (matches->count == matches->room) {
		size_t room = matches->room ? 2 * matches->room : 16;
		struct update_match *more = realloc(matches->items, room * sizeof(*more));

		if (more == NULL) {
			return NULL;
		}
		matches->items = more;
		matches->room = room;
	}
	matches->count++;
	memset(&matches->items[matches->count - 1], 0, sizeof(*matches->items));
	return &matches->items[matches->count - 1];
}

static bool add_text(struct update_matches *matches, const char *text)
{
	char why[200];
	struct update_match *match = add(matches);

	return match != NULL && update_match_read(match, text, why, sizeof(why));
}

static bool has_key(const struct update_matches *matches, size_t from, size_t to, uint8_t key)
{
	for (size_t i = from; i < to; i++) {
		if (matches->items[i].line.key == key) {
			return true;
		}
	}
	return false;
}

/* What the command line says, behind the `own` lines of a target that begin at `from`; then the end. */
static bool add_common(struct update_job *job, size_t from)
{
	struct update_matches *matches = &job->matches;
	size_t own = matches->count;

	for (size_t i = 0; i < job->options.match_count; i++) {
		if (!add_text(matches, job->options.match[i])) {
			return false;
		}
		if (has_key(matches, from, own, matches->items[matches->count - 1].line.key)) {
			matches->count--;
		}
	}
	if (!has_key(matches, from, matches->count, DFUCAST_MATCH_BOARD)) {
		struct update_match *board = job->board[0] != '\0' ? add(matches) : NULL;

		if (board == NULL && job->board[0] != '\0') {
			return false;
		}
		if (board != NULL) {
			board->line.key = DFUCAST_MATCH_BOARD;
			board->line.flags = DFUCAST_MATCH_IF_TOLD; /* few devices do */
			board->line.bytes = (uint8_t)strlen(job->board);
			board->text = job->board;
		}
	}
	return add(matches) != NULL; /* END */
}

static bool names_a_board(const struct update_matches *matches, size_t from)
{
	while (matches->items[from].line.key != DFUCAST_MATCH_END &&
	       matches->items[from].line.key != DFUCAST_MATCH_BOARD) {
		from++;
	}
	return matches->items[from].line.key == DFUCAST_MATCH_BOARD;
}

/* @return false: no memory, or more lines than 16 bits count */
bool update_match_build(struct update_job *job)
{
	struct update_matches *matches = &job->matches;

	job->match_of = calloc(job->targets.count, sizeof(*job->match_of));
	if (job->match_of == NULL || !add_common(job, 0)) {
		return false;
	}
	for (size_t i = 0; i < job->targets.count; i++) {
		size_t from = matches->count;
		char *save = NULL;

		if (job->targets.items[i].match[0] == '\0') {
			continue;
		}
		for (char *word = strtok_r(job->targets.items[i].match, " ", &save); word != NULL;
		     word = strtok_r(NULL, " ", &save)) {
			if (!add_text(matches, word)) {
				return false;
			}
		}
		job->match_of[i] = (uint16_t)from;
		if (!(job->via != NULL ? add(matches) != NULL : add_common(job, from)) ||
		    matches->count > UINT16_MAX) {
			return false;
		}
	}
	for (size_t i = 0; i < job->targets.count; i++) {
		matches->some_boardless |= !names_a_board(matches, job->match_of[i]);
	}
	matches->lines = calloc(matches->count, sizeof(*matches->lines));
	for (size_t i = 0; matches->lines != NULL && i < matches->count; i++) {
		const struct update_match *match = &matches->items[i];

		matches->lines[i] = match->line;
		matches->lines[i].value = match->line.key == DFUCAST_MATCH_RUNNING
					      ? (const void *)match->bounds
					  : match->line.key == DFUCAST_MATCH_HASH ? (const void *)match->hash
										  : match->text;
	}
	return matches->lines != NULL;
}

void update_match_free(struct update_job *job)
{
	free(job->matches.items);
	free(job->matches.lines);
	free(job->match_of);
	free(job->told);
	free(job->dry);
}

/* Every match= of the target files. @return CLI_EXIT_OK, or the exit code after saying what is wrong */
int update_match_check(const struct update_job *job)
{
	for (size_t i = 0; i < job->targets.count; i++) {
		char words[sizeof(job->targets.items[i].match)];
		char why[200];
		char *save = NULL;
		struct update_match match;

		snprintf(words, sizeof(words), "%s", job->targets.items[i].match);
		for (char *word = strtok_r(words, " ", &save); word != NULL;
		     word = strtok_r(NULL, " ", &save)) {
			if (!update_match_read(&match, word, why, sizeof(why))) {
				char what[DFUCAST_LINUX_TEXT_BYTES + sizeof(why) + 8];

				snprintf(what, sizeof(what), "%s: %s.", job->targets.items[i].text, why);
				return output_usage(
				    &job->cli.out, what,
				    "Write match=board=BOARD, match=name=NAME, match=running=RANGE "
				    "or match=hash=HEX.");
			}
		}
	}
	return CLI_EXIT_OK;
}

void update_match_told(void *context, const void *device, const char *text, size_t length)
{
	struct update_job *job = context;
	const struct dfucast_cast_config *config = &job->watched->config;
	size_t index =
	    (size_t)((const uint8_t *)device - (const uint8_t *)config->devices) / config->device_bytes;

	output_text(job->told[index].board, sizeof(job->told[index].board), text, length);
}
