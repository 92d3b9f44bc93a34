/* SPDX-License-Identifier: Apache-2.0 */
/* A run's options: defaults, and from text as in "sim:8?seed=1&loss=0.01". */
#include "fleet.h"
#include <dfucast/smp_os.h>
#include <string.h>

void sim_fleet_defaults(struct sim_fleet_options *options)
{
	*options = (struct sim_fleet_options){.seed = 1,
					      .connect_us = 30000,
					      .limit_s = 4000,
					      .drop_window_ms = 10000,
					      .canary = 1,
					      .gather_ms = 10000,
					      .boot_mode = SIM_FLEET_NOBODY,
					      .mode = DFUCAST_MODE_TEST_CONFIRM,
					      .boards = "nrf52840dk/nrf52840"};
	sim_air_defaults(&options->air);
	options->faults = (struct sim_fleet_faults){.slow = SIM_FLEET_NOBODY,
						    .slow_ppm = 300000,
						    .never_returns = SIM_FLEET_NOBODY,
						    .reverts = SIM_FLEET_NOBODY,
						    .power = SIM_FLEET_NOBODY,
						    .power_loss = 1};
}

const char *sim_fleet_board(const char *boards, uint32_t index, char board[SIM_FLEET_BOARD_BYTES])
{
	const char *at = boards;
	uint32_t count = 1;

	for (const char *comma = strchr(boards, ','); comma != NULL; comma = strchr(comma + 1, ',')) {
		count++;
	}
	for (index %= count; index > 0; index--) {
		at = strchr(at, ',') + 1;
	}
	size_t length = strcspn(at, ",");

	if (length == 0 || length >= SIM_FLEET_BOARD_BYTES || (length == 1 && at[0] == '-')) {
		return NULL;
	}
	memcpy(board, at, length);
	board[length] = 0;
	return board;
}

static bool whole(const char *text, size_t length, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;

	if (length == 0) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (text[i] < '0' || text[i] > '9' || sum > (UINT64_MAX - digit) / 10u) {
			return false;
		}
		sum = sum * 10u + digit;
	}
	*value = sum;
	return sum <= max;
}

/* "0.01", "1", ".3": a share of one, in millionths. */
static bool share(const char *text, size_t length, uint64_t *ppm)
{
	const char *point = memchr(text, '.', length);
	size_t before = point != NULL ? (size_t)(point - text) : length;
	size_t after = point != NULL ? length - before - 1 : 0;
	uint64_t ones = 0;
	uint64_t part = 0;

	if ((before == 0 && after == 0) || after > 6 || (before > 0 && !whole(text, before, 1, &ones)) ||
	    (after > 0 && !whole(point + 1, after, 999999, &part))) {
		return false;
	}
	for (size_t i = after; i < 6; i++) {
		part *= 10u;
	}
	*ppm = ones * 1000000u + part;
	return *ppm <= 1000000u;
}

enum form { NUMBER, KIBIBYTES, SHARE, SEED };

static bool key_is(const char *name, const char *text, size_t length)
{
	return strlen(name) == length && memcmp(name, text, length) == 0;
}

/* @return 0; -1: no such key; -2: bad value */
static int set(struct sim_fleet_options *o, const char *key, size_t key_length, const char *text,
	       size_t length)
{
	const struct {
		const char *name;
		uint32_t *value;
		enum form form;
		uint32_t max;
	} keys[] = {
	    {"image_kb", &o->air.image, KIBIBYTES, 16384},
	    {"loss", &o->air.per_ppm, SHARE, 0},
	    {"links", &o->links, NUMBER, SIM_FLEET_LINKS_MAX},
	    {"connect_us", &o->connect_us, NUMBER, 10000000},
	    {"limit_s", &o->limit_s, NUMBER, 1000000},
	    {"canary", &o->canary, NUMBER, 4096},
	    {"barrier", &o->barrier, NUMBER, 4096},
	    {"max_failed", &o->max_failed, NUMBER, 4096},
	    {"gather_ms", &o->gather_ms, NUMBER, 600000},
	    {"mode", &o->boot_mode, NUMBER, DFUCAST_BOOT_SWAP_OFFSET},
	    {"slot", &o->runs_slot, NUMBER, 1},
	    {"no_storage", &o->no_storage, NUMBER, 1},
	    {"straggle_ms", &o->straggle_ms, NUMBER, 600000},
	    {"slow", &o->faults.slow, NUMBER, 4095},
	    {"slow_loss", &o->faults.slow_ppm, SHARE, 0},
	    {"slow_from_ms", &o->faults.slow_from_ms, NUMBER, 1000000},
	    {"drops", &o->faults.drops, NUMBER, 1000},
	    {"never_returns", &o->faults.never_returns, NUMBER, 4095},
	    {"reverts", &o->faults.reverts, NUMBER, 4095},
	    {"power", &o->faults.power, NUMBER, 4095},
	    {"power_loss", &o->faults.power_loss, NUMBER, 1000000},
	};
	uint64_t value;

	if (key_is("seed", key, key_length)) {
		return whole(text, length, UINT64_MAX, &o->seed) ? 0 : -2;
	}
	if (key_is("board", key, key_length)) {
		if (length == 0 || length >= sizeof(o->boards)) {
			return -2;
		}
		memcpy(o->boards, text, length);
		o->boards[length] = 0;
		return 0;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!key_is(keys[i].name, key, key_length)) {
			continue;
		}
		if (!(keys[i].form == SHARE ? share(text, length, &value)
					    : whole(text, length, keys[i].max, &value)) ||
		    (keys[i].form == KIBIBYTES && value == 0)) {
			return -2;
		}
		*keys[i].value = (uint32_t)(keys[i].form == KIBIBYTES ? value * 1024u : value);
		return 0;
	}
	return sim_air_set(&o->air, key, key_length, text, length);
}

const char *sim_fleet_parse(struct sim_fleet_options *options, const char *text, const char **at)
{
	while (*text != 0) {
		size_t length = strcspn(text, "&");
		const char *equals = memchr(text, '=', length);
		size_t key = equals != NULL ? (size_t)(equals - text) : length;
		int done = equals == NULL ? -2 : set(options, text, key, equals + 1, length - key - 1);

		*at = text;
		if (done != 0) {
			return done == -1 ? "unknown key" : "bad value";
		}
		text += length;
		text += *text == '&';
	}
	*at = text;
	return sim_air_invalid(&options->air);
}
