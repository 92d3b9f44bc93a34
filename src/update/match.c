/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the device one of those the plan is for? Board and name are asked for one by one, and compared while the answer is
 * read: nothing of them is kept, but the fleet's first board where the plan wants all boards to be equal.
 */
#include "update_internal.h"
#include <string.h>

static const struct dfucast_match *list_of(const struct dfucast_update_plan *plan,
					   const struct dfucast_update *u)
{
	static const struct dfucast_match any = {.key = DFUCAST_MATCH_END};

	return plan->matches != NULL ? plan->matches + u->match : &any;
}

/* A line of this key, but for those with one of the flags in `but`. */
static bool asks_for(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
		     enum dfucast_match_key key, uint8_t but)
{
	const struct dfucast_match *line = list_of(plan, u);

	while (line->key != DFUCAST_MATCH_END && (line->key != key || (line->flags & but))) {
		line++;
	}
	return line->key == key;
}

/* Zephyr wrote board_soc in its old hardware model and board/soc in its new one. */
static char folded(char letter)
{
	return letter == '/' ? '_' : letter;
}

/* Behind the revision that begins here, if one does. */
static size_t past_revision(const struct dfucast_smp_text *told, size_t at)
{
	if (at < told->length && told->text[at] == '@') {
		while (at < told->length && folded(told->text[at]) != '_') {
			at++;
		}
	}
	return at;
}

static bool text_fits(const struct dfucast_match *line, const struct dfucast_smp_text *told)
{
	bool is_board = line->key == DFUCAST_MATCH_BOARD;
	const char *wanted = line->value;
	size_t at = 0;

	for (size_t i = 0; i < line->bytes; i++, at++) {
		if (is_board && wanted[i] != '@') {
			at = past_revision(told, at); /* nobody asked for it */
		}
		if (at == told->length ||
		    (is_board ? folded(wanted[i]) != folded(told->text[at]) : wanted[i] != told->text[at])) {
			return false;
		}
	}
	if (is_board) {
		at = past_revision(told, at);
	}
	return at == told->length || (line->flags & DFUCAST_MATCH_PREFIX);
}

static bool version_fits(const struct dfucast_match *line, const struct dfucast_smp_text *told)
{
	const struct dfucast_version *bounds = line->value;
	struct dfucast_version runs;

	if (!dfucast_version_parse(&runs, told->text, told->length)) {
		return false;
	}
	int low = dfucast_version_compare(&runs, &bounds[0], line->flags & DFUCAST_MATCH_LOW_BUILD);
	int high = dfucast_version_compare(&runs, &bounds[1], line->flags & DFUCAST_MATCH_HIGH_BUILD);

	if ((line->flags & DFUCAST_MATCH_LOW) &&
	    (low < 0 || (low == 0 && (line->flags & DFUCAST_MATCH_LOW_OPEN)))) {
		return false;
	}
	return !(line->flags & DFUCAST_MATCH_HIGH) || high < 0 ||
	       (high == 0 && !(line->flags & DFUCAST_MATCH_HIGH_OPEN));
}

/* One of the key's lines fits, or there is none. */
static bool fits(const struct dfucast_update_plan *plan, const struct dfucast_update *u,
		 enum dfucast_match_key key, const struct dfucast_smp_text *told)
{
	bool asked = false;

	for (const struct dfucast_match *line = list_of(plan, u); line->key != DFUCAST_MATCH_END; line++) {
		if (line->key != key) {
			continue;
		}
		asked = true;
		if (key == DFUCAST_MATCH_RUNNING) {
			if (version_fits(line, told)) {
				return true;
			}
		} else if (key == DFUCAST_MATCH_HASH) {
			if (told->length >= line->bytes &&
			    memcmp(told->text, line->value, line->bytes) == 0) {
				return true;
			}
		} else if (text_fits(line, told)) {
			return true;
		}
	}
	return !asked;
}

static void skip(struct dfucast_update *u, enum dfucast_err err)
{
	dfucast_update_end(u, DFUCAST_STATE_SKIPPED, err);
}

/* The first board told is the fleet's. @return false: this one came late and has another. */
static bool agrees(struct dfucast_update_boards *boards, const struct dfucast_smp_text *told)
{
	size_t bytes = told->length < UINT8_MAX ? told->length : UINT8_MAX;
	size_t kept = bytes < sizeof(boards->board) ? bytes : sizeof(boards->board);

	if (boards->bytes == 0) {
		boards->bytes = (uint8_t)bytes;
		memcpy(boards->board, told->text, kept);
	}
	if (boards->bytes == bytes && memcmp(boards->board, told->text, kept) == 0) {
		return true;
	}
	boards->differ |= !boards->open;
	return !boards->open;
}

static void identify(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	update_clear(u, UPDATE_ASKS_BOARD | UPDATE_BOARD_UNTOLD | UPDATE_NAME_UNTOLD);
	if (plan->boards != NULL || asks_for(plan, u, DFUCAST_MATCH_BOARD, 0)) {
		update_set(u, UPDATE_ASKS_BOARD);
	} else if (!asks_for(plan, u, DFUCAST_MATCH_NAME, 0)) {
		dfucast_update_enter(u, DFUCAST_UPDATE_INSPECT);
		return;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_INFO);
}

static void identified(const struct update_turn *t, const struct dfucast_smp_text *told)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	bool is_board = update_has(u, UPDATE_ASKS_BOARD);
	enum dfucast_match_key key = is_board ? DFUCAST_MATCH_BOARD : DFUCAST_MATCH_NAME;

	update_clear(u, UPDATE_ASKS_BOARD);
	if (is_board && told->length != 0 && plan->told != NULL) {
		plan->told(plan->told_context, u, told->text, told->length);
	}
	if (told->length == 0) {
		/* Serial recovery knows no info: judged with the list, which shows what answers here. */
		if (asks_for(plan, u, key, DFUCAST_MATCH_IF_TOLD)) {
			update_set(u, is_board ? UPDATE_BOARD_UNTOLD : UPDATE_NAME_UNTOLD);
		}
	} else if (!fits(plan, u, key, told)) {
		skip(u, is_board ? DFUCAST_ERR_WRONG_BOARD : DFUCAST_ERR_NO_MATCH);
		return;
	} else if (is_board && plan->boards != NULL && !agrees(plan->boards, told)) {
		skip(u, DFUCAST_ERR_WRONG_BOARD);
		return;
	}
	dfucast_update_enter(u, is_board && asks_for(plan, u, DFUCAST_MATCH_NAME, 0)
				    ? DFUCAST_UPDATE_INFO
				    : DFUCAST_UPDATE_INSPECT);
}

static void answer(struct update_turn *t, const uint8_t *body, size_t length)
{
	struct dfucast_update *u = t->u;
	struct dfucast_smp_text told;

	if (dfucast_smp_info_decode(body, length, &t->error, &told) != 0) {
		update_set(u, UPDATE_MALFORMED);
		return;
	}
	if (dfucast_update_was_busy(t)) {
		return;
	}
	if (t->error.rc != 0) {
		told.length = 0; /* built without it, or without an answer to this letter: it does not tell */
	}
	identified(t, &told);
}

static bool is_meant(const struct update_turn *t, const struct dfucast_smp_slot *active, bool is_ours)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	const struct dfucast_smp_text hash = {(const char *)active->hash, active->hash_bytes};

	if (update_has(u, UPDATE_BOARD_UNTOLD)) {
		skip(u, DFUCAST_ERR_BOARD_UNTOLD);
	} else if (update_has(u, UPDATE_NAME_UNTOLD) ||
		   (!is_ours && (!fits(plan, u, DFUCAST_MATCH_RUNNING, &active->version) ||
				 !fits(plan, u, DFUCAST_MATCH_HASH, &hash)))) {
		skip(u, DFUCAST_ERR_NO_MATCH);
	}
	return u->state != DFUCAST_UPDATE_ENDED;
}

/* ---- the fleet ---------------------------------------------------------------------------------------------------- */

static bool may_begin(const struct update_turn *t, bool open)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (plan->boards == NULL) {
		return true;
	}
	if (!open) {
		dfucast_update_enter(u, DFUCAST_UPDATE_MUSTER);
		return false;
	}
	if (plan->boards->differ) {
		skip(u, DFUCAST_ERR_BOARDS_DIFFER);
		return false;
	}
	plan->boards->open = true;
	return true;
}

const struct dfucast_update_matcher dfucast_update_matcher = {
    .identify = identify,
    .answer = answer,
    .is_meant = is_meant,
    .may_begin = may_begin,
};
