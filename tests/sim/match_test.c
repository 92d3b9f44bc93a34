/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices are meant: boards, names, versions and hashes, lists of their own, and a fleet that must be of one board
 * when nobody names it. "Untouched" is asserted on what reached the device.
 */
#include "cast_sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 20000u
#define LINE(name, text, more)                                                                               \
	{                                                                                                    \
		.key = DFUCAST_MATCH_##name, .value = (text), .bytes = sizeof(text) - 1, .flags = (more)     \
	}

static void untouched(const struct cast_sim_node *node)
{
	static const char *const writes[] = {"first", "stream", "test", "set", "confirm", "reset", "erase"};

	assert_int_equal(node->writes, 0);
	assert_int_equal(node->peer.writes, 0);
	assert_int_equal(node->peer.boots, 0);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		if (strstr(node->trace, writes[i]) != NULL) {
			fail_msg("%s reached it: %s", writes[i], node->trace);
		}
	}
}

static void ends(const struct cast_sim *sim, uint16_t index, const char *outcome)
{
	const struct cast_sim_node *node = &sim->nodes[index];

	if (strcmp(cast_sim_outcome(node), outcome) != 0) {
		fail_msg("node %u: %s instead of %s: %s, %s", index, cast_sim_outcome(node), outcome,
			 node->states, node->trace);
	}
	if (strncmp(outcome, "skipped", 7) == 0) {
		untouched(node);
	}
}

static struct cast_sim *fleet(uint16_t count, const char *const *boards)
{
	struct cast_sim *sim = cast_sim_new(count, IMAGE_BYTES);

	sim->plan.matcher = &dfucast_update_matcher;
	for (uint16_t i = 0; i < count; i++) {
		sim->nodes[i].config.board = boards[i];
	}
	return sim;
}

/* ---- how texts are compared ---- */

static void texts(void **state)
{
	static const struct {
		const char *wanted;
		const char *told;
		bool prefix;
		bool fits;
	} cases[] = {
	    {"a_b", "a/b", false, true},       {"a/b", "a_b", false, true},
	    {"a", "a/b", false, false},        {"a/b", "a", false, false},
	    {"a/b", "a@1.0.0/b", false, true}, {"a_b", "a_b@1.0.0", false, true},
	    {"a@2/b", "a@2/b", false, true},   {"a@2/b", "a@3/b", false, false},
	    {"a@2/b", "a/b", false, false},    {"a@", "a", false, false},
	    {"a", "a@1", false, true},         {"a", "a@1/b", false, false},
	    {"a", "ab", true, true},           {"", "anything", true, true},
	    {"ab", "a", true, false},          {"a/b", "a@@@/b", false, true},
	    {"a@1", "a@1@2", false, true},     {"b", "a", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cast_sim *sim = fleet(1, &cases[i].told);
		const struct dfucast_match lines[] = {
		    {.key = DFUCAST_MATCH_BOARD,
		     .value = cases[i].wanted,
		     .bytes = (uint8_t)strlen(cases[i].wanted),
		     .flags = cases[i].prefix ? DFUCAST_MATCH_PREFIX : 0},
		    {0},
		};

		sim->plan.matches = lines;
		cast_sim_run(sim);
		if ((strcmp(cast_sim_outcome(&sim->nodes[0]), "done") == 0) != cases[i].fits) {
			fail_msg("%s told, %s wanted: %s", cases[i].told, cases[i].wanted,
				 cast_sim_outcome(&sim->nodes[0]));
		}
		ends(sim, 0, cases[i].fits ? "done" : "skipped wrong_board");
		cast_sim_free(sim);
	}
}

/* A name is a name: no letter of it stands for another. */
static void names_are_taken_as_they_are(void **state)
{
	static const struct dfucast_match lines[] = {LINE(NAME, "a_b", 0), LINE(NAME, "kitchen", 0), {0}};
	struct cast_sim *sim = fleet(3, (const char *[]){"x", "x", "x"});

	(void)state;
	sim->nodes[0].config.name = "a/b";
	sim->nodes[1].config.name = "kitchen";
	sim->nodes[2].config.name = "kitchen@1";
	sim->plan.matches = lines;
	cast_sim_run(sim);
	ends(sim, 0, "skipped no_match");
	ends(sim, 1, "done");
	ends(sim, 2, "skipped no_match");
	cast_sim_free(sim);
}

/* ---- lists ---- */

/* Each device has its own: as a gateway's plan does. */
static void a_list_for_each(void **state)
{
	static const struct dfucast_version old[2] = {{0}, {.major = 1, .minor = 0}};
	static const struct dfucast_match lines[] = {
	    LINE(BOARD, "a", 0),
	    {0},
	    LINE(BOARD, "b", 0),
	    {.key = DFUCAST_MATCH_RUNNING, .value = old, .flags = DFUCAST_MATCH_HIGH},
	    {0},
	    {0},
	};
	struct cast_sim *sim = fleet(5, (const char *[]){"a", "b", "b", "c", "b"});

	(void)state;
	sim->plan.matches = lines;
	sim->nodes[1].match = 2;
	sim->nodes[2].match = 2;
	sim->nodes[3].match = 5;
	cast_sim_run(sim);
	ends(sim, 0, "done");
	ends(sim, 1, "done");
	ends(sim, 2, "done");
	ends(sim, 3, "done");
	ends(sim, 4, "skipped wrong_board");
	cast_sim_free(sim);
}

/* Whoever runs the plan's image already, on trial, is past the question what it ran before. */
static void on_trial_is_confirmed(void **state)
{
	static const struct dfucast_version old[2] = {{0}, {.major = 1}};
	static const struct dfucast_match lines[] = {
	    {.key = DFUCAST_MATCH_RUNNING, .value = old, .flags = DFUCAST_MATCH_HIGH}, {0}};
	struct cast_sim *sim = fleet(1, (const char *[]){"a"});

	(void)state;
	sim->plan.matches = lines;
	sim->nodes[0].preset = sim->image;
	sim->nodes[0].preset_bytes = sim->image_bytes;
	sim->nodes[0].preset_magic = true;
	sim->nodes[0].preset_boot = true;
	cast_sim_run(sim);
	ends(sim, 0, "done");
	assert_int_equal(sim->nodes[0].writes, 0);
	cast_sim_free(sim);
}

/* In serial recovery nobody tells a board: it is asked again when the application runs. */
static void recovery_tells_no_board(void **state)
{
	static const struct dfucast_match lines[] = {LINE(BOARD, "a", 0), {0}};
	struct cast_sim *sim = fleet(2, (const char *[]){"a", NULL});

	(void)state;
	sim->plan.matches = lines;
	sim->nodes[0].config.starts_in_recovery = true;
	sim->nodes[0].config.recovery_window_ms = 800;
	sim->nodes[0].link.flags |= DFUCAST_LINK_CONSOLE;
	cast_sim_run(sim);
	ends(sim, 0, "done");
	ends(sim, 1, "skipped board_not_told");
	cast_sim_free(sim);
}

static void busy_is_not_untold(void **state)
{
	static const struct dfucast_match lines[] = {LINE(BOARD, "a", 0), {0}};
	struct cast_sim *sim = fleet(1, (const char *[]){"a"});

	(void)state;
	sim->plan.matches = lines;
	for (uint32_t at = 3; at < 5; at++) { /* params, mode, slots, info, info */
		cast_sim_fault(
		    &sim->nodes[0],
		    (struct sim_peer_fault){.kind = SIM_PEER_FAULT_RC, .first = at, .count = 1, .value = 10});
	}
	cast_sim_run(sim);
	ends(sim, 0, "done");
	cast_sim_free(sim);
}

/* ---- one board for all ---- */

static void boards_that_differ(void **state)
{
	struct dfucast_update_boards boards = {0};
	struct cast_sim *sim = fleet(4, (const char *[]){"a", "a", "b", NULL});

	(void)state;
	sim->plan.boards = &boards;
	/* One holds the image already: it is not started either. */
	sim->nodes[1].preset = sim->image;
	sim->nodes[1].preset_bytes = sim->image_bytes;
	cast_sim_run(sim);
	for (uint16_t i = 0; i < 4; i++) {
		ends(sim, i, "skipped boards_differ");
	}
	assert_int_equal(sim->fed_bytes, 0);
	cast_sim_free(sim);
}

static void boards_that_agree(void **state)
{
	struct dfucast_update_boards boards = {0};
	struct cast_sim *sim = fleet(4, (const char *[]){"a", "a", NULL, "a"});

	(void)state;
	sim->plan.boards = &boards;
	sim->nodes[1].preset = sim->image;
	sim->nodes[1].preset_bytes = sim->image_bytes;
	cast_sim_run(sim);
	for (uint16_t i = 0; i < 4; i++) {
		ends(sim, i, "done");
	}
	assert_int_equal(sim->cast.passes, 1);
	assert_int_equal(sim->nodes[1].writes, 0);
	cast_sim_free(sim);
}

/* Nobody wants bytes: no pass, and the staged are started all the same. */
static void all_hold_it_already(void **state)
{
	struct dfucast_update_boards boards = {0};
	struct cast_sim *sim = fleet(3, (const char *[]){"a", "a", "a"});

	(void)state;
	sim->plan.boards = &boards;
	for (uint16_t i = 0; i < 3; i++) {
		sim->nodes[i].preset = sim->image;
		sim->nodes[i].preset_bytes = sim->image_bytes;
	}
	cast_sim_run(sim);
	for (uint16_t i = 0; i < 3; i++) {
		ends(sim, i, "done");
	}
	assert_int_equal(sim->cast.passes, 0);
	cast_sim_free(sim);
}

/* A sleeper is waited for as long as the fleet gathers; who comes later cannot stop the others any more. */
static void sleepers(void **state)
{
	(void)state;
	for (uint32_t appears = 2000; appears <= 9000; appears += 7000) {
		struct dfucast_update_boards boards = {0};
		struct cast_sim *sim = fleet(4, (const char *[]){"a", "a", "b", "a"});
		bool late = appears > 5000;

		sim->plan.boards = &boards;
		sim->config.gather_ms = 5000;
		sim->nodes[2].link.appears_ms = appears;
		sim->nodes[3].link.appears_ms = appears + 500;
		cast_sim_run(sim);
		ends(sim, 0, late ? "done" : "skipped boards_differ");
		ends(sim, 1, late ? "done" : "skipped boards_differ");
		ends(sim, 2, late ? "skipped wrong_board" : "skipped boards_differ");
		ends(sim, 3, late ? "done" : "skipped boards_differ");
		cast_sim_free(sim);
	}
}

/* Lost links and requests anywhere before the stream: nobody waits for ever, and nobody slips through. */
static void faults_while_it_gathers(void **state)
{
	static const uint8_t kinds[] = {SIM_PEER_FAULT_LOSE_REQUEST, SIM_PEER_FAULT_LOSE_ANSWER,
					SIM_PEER_FAULT_DISCONNECT, SIM_PEER_FAULT_RESET,
					SIM_PEER_FAULT_MALFORMED};

	(void)state;
	for (size_t kind = 0; kind < sizeof(kinds); kind++) {
		for (uint32_t at = 0; at < 8; at++) {
			for (unsigned int differ = 0; differ < 2; differ++) {
				struct dfucast_update_boards boards = {0};
				struct cast_sim *sim =
				    fleet(3, (const char *[]){"a", differ ? "b" : "a", "a"});

				sim->plan.boards = &boards;
				sim->config.gather_ms = 60000;
				cast_sim_fault(
				    &sim->nodes[at % 3],
				    (struct sim_peer_fault){
					.kind = kinds[kind], .first = at / 2, .count = 1, .value = at % 2});
				sim->nodes[2].link.appears_ms = 3000;
				cast_sim_run(sim);
				for (uint16_t i = 0; i < 3; i++) {
					if (differ) {
						assert_string_equal(cast_sim_outcome(&sim->nodes[i]),
								    "skipped boards_differ");
						assert_int_equal(sim->nodes[i].writes, 0);
					} else {
						ends(sim, i, "done");
					}
				}
				cast_sim_free(sim);
			}
		}
	}
}

/* More targets than links: the first wave's board is the fleet's. */
static void waves(void **state)
{
	struct dfucast_update_boards boards = {0};
	struct cast_sim *sim = fleet(6, (const char *[]){"a", "a", "b", "a", NULL, "a"});

	(void)state;
	sim->plan.boards = &boards;
	sim->config.links_max = 2;
	cast_sim_run(sim);
	for (uint16_t i = 0; i < 6; i++) {
		ends(sim, i, i == 2 ? "skipped wrong_board" : "done");
	}
	cast_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts),
	    cmocka_unit_test(names_are_taken_as_they_are),
	    cmocka_unit_test(a_list_for_each),
	    cmocka_unit_test(on_trial_is_confirmed),
	    cmocka_unit_test(recovery_tells_no_board),
	    cmocka_unit_test(busy_is_not_untold),
	    cmocka_unit_test(boards_that_differ),
	    cmocka_unit_test(boards_that_agree),
	    cmocka_unit_test(all_hold_it_already),
	    cmocka_unit_test(sleepers),
	    cmocka_unit_test(faults_while_it_gathers),
	    cmocka_unit_test(waves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
