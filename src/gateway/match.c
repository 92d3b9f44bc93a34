/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's match lists, as the update compares them (match.h). Lines grow up from the beginning of the memory, values
 * down from its end. The first list holds for every target without lines of its own: the plan's lines, and the image's
 * board unless one of them names a board. A target's list is its own lines, then those of the first with other keys, whose
 * values are not copied; two targets with the same lines have one list.
 */
#include "gateway_internal.h"

void dfucast_gateway_match_clear(struct dfucast_gateway *gateway)
{
	gateway->match[0] = (struct dfucast_match){.key = DFUCAST_MATCH_END};
	gateway->match_lines = 1;
	gateway->match_values = gateway->match_bytes;
}

static bool has_room(const struct dfucast_gateway *gateway, size_t more)
{
	return gateway->match_lines * sizeof(struct dfucast_match) + more <= gateway->match_values;
}

/* A line at the end of the memory's lines. @return false: no room */
static bool add_line(struct dfucast_gateway *gateway, const struct dfucast_match *line)
{
	if (!has_room(gateway, sizeof(*line))) {
		return false;
	}
	gateway->match[gateway->match_lines++] = *line;
	return true;
}

static size_t value_bytes(const struct dfucast_match *line)
{
	return line->key == DFUCAST_MATCH_RUNNING ? 2 * sizeof(struct dfucast_version) : line->bytes;
}

/* The same, with its value, which lies in the host's frame. */
static bool keep_line(struct dfucast_gateway *gateway, const struct dfucast_match *line)
{
	size_t bytes = value_bytes(line);
	struct dfucast_match kept = *line;

	/* Versions are read as numbers of 32 bits: every value begins where one may. */
	size_t taken = (bytes + 3u) & ~(size_t)3u;

	if (!has_room(gateway, sizeof(kept) + taken)) {
		return false;
	}
	gateway->match_values = (uint16_t)(gateway->match_values - taken);
	uint8_t *value = (uint8_t *)gateway->match + gateway->match_values;

	memcpy(value, line->value, bytes);
	kept.value = value;
	return add_line(gateway, &kept);
}

static bool keep_end(struct dfucast_gateway *gateway)
{
	const struct dfucast_match end = {.key = DFUCAST_MATCH_END};

	return add_line(gateway, &end);
}

static bool is_equal(const struct dfucast_match *a, const struct dfucast_match *b)
{
	return a->key == b->key && a->flags == b->flags && a->bytes == b->bytes &&
	       memcmp(a->value, b->value, value_bytes(a)) == 0;
}

/* The first line from `from` on, up to the list's end, whose key is none of the lines' in `but`. */
static const struct dfucast_match *next_but(const struct dfucast_match *from, const struct dfucast_match *but,
					    const struct dfucast_match *but_end)
{
	for (; from->key != DFUCAST_MATCH_END; from++) {
		const struct dfucast_match *other = but;

		while (other < but_end && other->key != from->key) {
			other++;
		}
		if (other == but_end) {
			break;
		}
	}
	return from;
}

static bool names_a_board(const struct dfucast_match *list)
{
	while (list->key != DFUCAST_MATCH_END && list->key != DFUCAST_MATCH_BOARD) {
		list++;
	}
	return list->key == DFUCAST_MATCH_BOARD;
}

static struct dfucast_match board_line(const struct dfucast_smp_fleet_plan *plan)
{
	return (struct dfucast_match){
	    .value = plan->board.text,
	    .key = DFUCAST_MATCH_BOARD,
	    .flags = plan->board_must_be_told ? 0 : DFUCAST_MATCH_IF_TOLD,
	    .bytes = (uint8_t)plan->board.length,
	};
}

/* ---- the plan's own list ---- */

enum gateway_match dfucast_gateway_match_take(struct dfucast_gateway *gateway,
					      const struct dfucast_smp_fleet_plan *plan)
{
	struct dfucast_smp_text rest = plan->matches;
	struct dfucast_version range[2];
	struct dfucast_match line;
	int more;

	dfucast_gateway_match_clear(gateway);
	gateway->match_lines = 0;
	while ((more = dfucast_smp_fleet_match_next(&rest, &line, range)) > 0) {
		if (!keep_line(gateway, &line)) {
			return GATEWAY_MATCH_NO_ROOM;
		}
	}
	if (more < 0) {
		return GATEWAY_MATCH_BAD;
	}
	if (!keep_end(gateway)) {
		return GATEWAY_MATCH_NO_ROOM;
	}
	if (plan->board.length != 0 && !names_a_board(gateway->match)) {
		line = board_line(plan);
		gateway->match_lines--; /* the end comes behind it */
		if (!keep_line(gateway, &line) || !keep_end(gateway)) {
			return GATEWAY_MATCH_NO_ROOM;
		}
	}
	return GATEWAY_MATCH_OK;
}

bool dfucast_gateway_match_is_plans(const struct dfucast_gateway *gateway,
				    const struct dfucast_smp_fleet_plan *plan)
{
	const struct dfucast_match *kept = gateway->match;
	struct dfucast_smp_text rest = plan->matches;
	struct dfucast_version range[2];
	struct dfucast_match line;
	bool board = false;
	int more;

	if (plan->board.length > DFUCAST_BOARD_BYTES_MAX) {
		return false;
	}
	for (; (more = dfucast_smp_fleet_match_next(&rest, &line, range)) > 0; kept++) {
		if (!is_equal(&line, kept)) {
			return false;
		}
		board |= line.key == DFUCAST_MATCH_BOARD;
	}
	if (plan->board.length != 0 && !board) {
		line = board_line(plan);
		if (!is_equal(&line, kept++)) {
			return false;
		}
	}
	return more == 0 && kept->key == DFUCAST_MATCH_END;
}

/* ---- a target's ---- */

bool dfucast_gateway_match_is(const struct dfucast_gateway *gateway, uint16_t list,
			      struct dfucast_smp_text matches)
{
	const struct dfucast_match *own = gateway->match + list;
	const struct dfucast_match *kept = own;
	const struct dfucast_match *own_end;
	const struct dfucast_match *common = gateway->match;
	struct dfucast_version range[2];
	struct dfucast_match line;
	int more;

	for (; (more = dfucast_smp_fleet_match_next(&matches, &line, range)) > 0; kept++) {
		if (!is_equal(&line, kept)) {
			return false;
		}
	}
	own_end = kept;
	for (; (common = next_but(common, own, own_end))->key != DFUCAST_MATCH_END; common++, kept++) {
		if (kept->key == DFUCAST_MATCH_END || !is_equal(common, kept)) {
			return false;
		}
	}
	return more == 0 && kept->key == DFUCAST_MATCH_END;
}

/* A list that some target has already. @return its number, or -1 */
static int find(const struct dfucast_gateway *gateway, struct dfucast_smp_text matches)
{
	const struct dfucast_match *lines = gateway->match;

	for (uint16_t list = 0; list < gateway->match_lines; list++) {
		if ((list == 0 || lines[list - 1].key == DFUCAST_MATCH_END) &&
		    dfucast_gateway_match_is(gateway, list, matches)) {
			return list;
		}
	}
	return -1;
}

enum gateway_match dfucast_gateway_match_take_own(struct dfucast_gateway *gateway,
						  struct dfucast_smp_text matches, uint16_t *list)
{
	const uint16_t first = gateway->match_lines;
	const struct dfucast_match *common = gateway->match;
	struct dfucast_version range[2];
	struct dfucast_match line;
	int known = find(gateway, matches);
	int more;

	if (known >= 0) {
		*list = (uint16_t)known;
		return GATEWAY_MATCH_OK;
	}
	while ((more = dfucast_smp_fleet_match_next(&matches, &line, range)) > 0) {
		if (!keep_line(gateway, &line)) {
			return GATEWAY_MATCH_NO_ROOM;
		}
	}
	if (more < 0) {
		return GATEWAY_MATCH_BAD;
	}
	const struct dfucast_match *own = gateway->match + first;
	const struct dfucast_match *own_end = gateway->match + gateway->match_lines;

	for (; (common = next_but(common, own, own_end))->key != DFUCAST_MATCH_END; common++) {
		if (!add_line(gateway, common)) {
			return GATEWAY_MATCH_NO_ROOM;
		}
	}
	*list = first;
	return keep_end(gateway) ? GATEWAY_MATCH_OK : GATEWAY_MATCH_NO_ROOM;
}

bool dfucast_gateway_match_names_boards(const struct dfucast_gateway *gateway)
{
	for (uint16_t i = 0; i < gateway->target_count; i++) {
		if (!names_a_board(gateway->match + gateway->config.targets[i].match)) {
			return false;
		}
	}
	return true;
}
