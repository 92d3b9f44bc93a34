/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Match lists in a gateway's plan: the plan's own and each target's, in memory that is bounded. "Untouched" is asserted on
 * what reached the device.
 */
#include "gateway_checks.h"

#define LINE(name, text, more)                                                                               \
	{                                                                                                    \
		.key = DFUCAST_MATCH_##name, .value = (text), .bytes = sizeof(text) - 1, .flags = (more)     \
	}
#define SMALL_IMAGE 32768u
#define NRF "nrf52840dk/nrf52840"
#define OTHER "nrf5340dk/nrf5340/cpuapp"
#define FLEET "n=4&board=" NRF "," OTHER

static const struct dfucast_match is_nrf[] = {LINE(BOARD, NRF, 0), {.key = DFUCAST_MATCH_END}};
static const struct dfucast_match is_other[] = {LINE(BOARD, OTHER, 0), {.key = DFUCAST_MATCH_END}};
static const struct dfucast_match is_any_board[] = {LINE(BOARD, "", DFUCAST_MATCH_PREFIX),
						    {.key = DFUCAST_MATCH_END}};
static const struct dfucast_version below_2[2] = {{0}, {.major = 2}};
static const struct dfucast_version from_2[2] = {{.major = 2}, {0}};
static const struct dfucast_match runs_below_2[] = {
    {.key = DFUCAST_MATCH_RUNNING, .value = below_2, .flags = DFUCAST_MATCH_HIGH | DFUCAST_MATCH_HIGH_OPEN},
    {.key = DFUCAST_MATCH_END}};
static const struct dfucast_match runs_from_2[] = {
    {.key = DFUCAST_MATCH_RUNNING, .value = from_2, .flags = DFUCAST_MATCH_LOW}, {.key = DFUCAST_MATCH_END}};

static struct gateway_sim *begin(const char *keys, uint16_t match_bytes, struct dfucast_smp_fleet_plan *plan)
{
	static struct dfucast_match memory[1024];
	struct gateway_sim *sim = gateway_sim_new(keys, SMALL_IMAGE);

	if (match_bytes != 0) {
		assert_true(match_bytes <= sizeof(memory));
		memset(memory, 0x5A, sizeof(memory));
		sim->config.match = memory;
		sim->config.match_bytes = match_bytes;
	}
	gateway_sim_begin(sim);
	fill_plan(sim, plan);
	return sim;
}

/* Sends the image until everybody has ended; who is skipped asks for none of it. */
static void run(struct gateway_sim *sim)
{
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	(void)gateway_sim_upload(sim); /* nobody: an error */
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_clean(sim);
}

/* One letter a target: done, wrong board, no match, board untold, boards differ. Whoever is skipped was not touched. */
static void ends(struct gateway_sim *sim, const char *wanted)
{
	static const struct {
		char letter;
		enum dfucast_err err;
	} words[] = {{'d', DFUCAST_ERR_OK},
		     {'w', DFUCAST_ERR_WRONG_BOARD},
		     {'n', DFUCAST_ERR_NO_MATCH},
		     {'u', DFUCAST_ERR_BOARD_UNTOLD},
		     {'D', DFUCAST_ERR_BOARDS_DIFFER}};
	char got[GATEWAY_SIM_TARGETS_MAX + 1] = {0};

	for (uint16_t i = 0; i < sim->gateway.target_count; i++) {
		struct dfucast_status status;

		dfucast_cast_status(dfucast_gateway_cast(&sim->gateway), i, &status);
		got[i] = '?';
		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
			if (status.outcome.err == words[k].err &&
			    status.state == (k == 0 ? DFUCAST_STATE_DONE : DFUCAST_STATE_SKIPPED)) {
				got[i] = words[k].letter;
			}
		}
		if (got[i] != 'd') {
			assert_int_equal(sim_fleet_writes(sim->fleet, i), 0);
		}
	}
	assert_string_equal(got, wanted);
}

/* A plan with this list of its own, lists of its targets, and the ends that it leads to. */
static void plan_ends(const char *keys, const struct dfucast_match *match, const char *board,
		      const struct dfucast_match *const *own, const char *wanted)
{
	struct dfucast_smp_fleet_plan plan;
	struct gateway_sim *sim = begin(keys, 1024, &plan);

	plan.match = match;
	plan.board = (struct dfucast_smp_text){board, strlen(board)};
	assert_true(gateway_sim_plan_own(sim, &plan, own, (uint16_t)strlen(wanted)));
	run(sim);
	ends(sim, wanted);
	gateway_sim_free(sim);
}

/* ---- what fits ---- */

static void test_the_plans_list(void **state)
{
	static const struct dfucast_match names[] = {LINE(BOARD, "nrf5", DFUCAST_MATCH_PREFIX),
						     LINE(NAME, "sim-1", 0),
						     LINE(NAME, "sim-2", 0),
						     {.key = DFUCAST_MATCH_END}};
	static const struct dfucast_match hash[] = {LINE(HASH, "\x12\x34", 0), {.key = DFUCAST_MATCH_END}};

	(void)state;
	plan_ends(FLEET, is_nrf, "", NULL, "dwdw");
	plan_ends(FLEET, names, "", NULL, "nddn");
	plan_ends(FLEET, NULL, "", NULL, "DDDD");
	plan_ends("n=2", runs_below_2, "", NULL, "dd");
	plan_ends("n=2", runs_from_2, "", NULL, "nn");
	plan_ends("n=2", hash, "", NULL, "nn");
	plan_ends("n=2&board=-," NRF, is_nrf, "", NULL, "ud");
}

/* What an image's own board is worth: less than any line that names one. */
static void test_the_images_board(void **state)
{
	const struct dfucast_match *const own[4] = {NULL, NULL, is_nrf, is_other};

	(void)state;
	plan_ends(FLEET, NULL, NRF, NULL, "dwdw");
	plan_ends(FLEET, is_other, NRF, NULL, "wdwd");
	plan_ends(FLEET, runs_below_2, NRF, NULL, "dwdw");
	plan_ends(FLEET, NULL, OTHER, own, "wddd");
	plan_ends("n=2&board=-," OTHER, runs_below_2, NRF, NULL, "dw");
}

static void test_lists_of_their_own(void **state)
{
	static const struct dfucast_match both[] = {
	    LINE(BOARD, OTHER, 0), LINE(NAME, "sim-3", 0), {.key = DFUCAST_MATCH_END}};
	const struct dfucast_match *const named[4] = {is_nrf, is_other, is_other, both};
	const struct dfucast_match *const some[4] = {NULL, is_other, runs_from_2, is_any_board};
	const struct dfucast_match *const one[4] = {NULL, NULL, is_nrf, is_other};

	(void)state;
	plan_ends(FLEET, NULL, "", named, "ddwd");  /* everybody's board is said: they need not be equal */
	plan_ends(FLEET, is_nrf, "", some, "ddnd"); /* in place of the plan's same keys, beside the others */
	plan_ends(FLEET, runs_below_2, "", named, "ddwd");
	plan_ends(FLEET, runs_from_2, "", named, "nnwn");
	plan_ends(FLEET, NULL, "", one, "DDDD"); /* of two nobody has said which board */
}

/* With more targets than links, and with a plan that only lists of default targets have. */
static void test_waves_and_default_targets(void **state)
{
	struct dfucast_smp_fleet_plan plan;
	struct gateway_sim *sim = begin("n=9&links=2&board=" NRF "," OTHER, 512, &plan);
	const struct dfucast_match *own[9];
	struct dfucast_smp_error error;
	uint8_t frame[400];
	size_t written;

	(void)state;
	for (unsigned int i = 0; i < 9; i++) {
		own[i] = i % 2 == 0 ? is_nrf : i == 5 ? is_other : is_nrf;
	}
	plan.match = runs_below_2;
	assert_true(gateway_sim_plan_own(sim, &plan, own, 9));
	run(sim);
	ends(sim, "dwdwddd"
		  "wd");
	gateway_sim_free(sim);

	sim = begin(FLEET, 512, &plan);
	plan.match = is_other;
	assert_true(gateway_sim_request(sim, frame,
					(size_t)dfucast_smp_fleet_plan_encode(frame, sizeof(frame),
									      (struct dfucast_smp_id){1, 77},
									      &plan, NULL, 0, &written)));
	error = gateway_sim_error(sim);
	assert_int_equal(error.rc, 0);
	run(sim);
	ends(sim, "wdwd");
	gateway_sim_free(sim);
}

/* A confirm without a cast's own run: the lists still hold, and who runs the image fits. */
static void test_confirm_of_a_trial(void **state)
{
	struct dfucast_smp_fleet_plan plan;
	struct gateway_sim *sim = begin(FLEET, 512, &plan);

	(void)state;
	plan.match = is_nrf;
	plan.mode = DFUCAST_MODE_TEST;
	assert_true(gateway_sim_plan(sim, &plan, 4));
	run(sim);
	ends(sim, "dwdw");
	assert_true(gateway_sim_confirm(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	for (uint16_t i = 0; i < 4; i += 2) {
		struct dfucast_status status;

		dfucast_cast_status(dfucast_gateway_cast(&sim->gateway), i, &status);
		assert_int_equal(status.state, DFUCAST_STATE_DONE);
		assert_int_equal(status.holds, DFUCAST_HOLDS_IMAGE);
	}
	assert_int_equal(sim_fleet_writes(sim->fleet, 1) + sim_fleet_writes(sim->fleet, 3), 0);
	gateway_sim_free(sim);
}

/* Boards that the lists have told apart are not compared with each other afterwards. */
static void test_confirm_of_two_boards(void **state)
{
	struct dfucast_smp_fleet_plan plan;
	struct gateway_sim *sim = begin(FLEET, 512, &plan);
	const struct dfucast_match *const own[4] = {is_nrf, is_other, is_nrf, is_other};

	(void)state;
	plan.mode = DFUCAST_MODE_TEST;
	assert_true(gateway_sim_plan_own(sim, &plan, own, 4));
	run(sim);
	ends(sim, "dddd");
	assert_true(gateway_sim_confirm(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	ends(sim, "dddd");
	for (uint16_t i = 0; i < 4; i++) {
		struct dfucast_status status;

		dfucast_cast_status(dfucast_gateway_cast(&sim->gateway), i, &status);
		assert_int_equal(status.holds, DFUCAST_HOLDS_IMAGE);
	}
	gateway_sim_free(sim);
}

/* ---- the board that was told ---- */

static void test_boards_in_reports(void **state)
{
	static struct dfucast_gateway_board boards[GATEWAY_SIM_TARGETS_MAX];
	static const char *const told[] = {NRF, OTHER, "", NRF};
	struct dfucast_smp_fleet_plan plan;
	struct gateway_sim *sim = gateway_sim_new("n=4&board=" NRF "," OTHER ",-," NRF, SMALL_IMAGE);
	struct dfucast_smp_fleet_report report;
	struct dfucast_smp_error error;
	struct dfucast_smp_text elements;
	uint32_t next;
	uint8_t frame[32];

	(void)state;
	memset(boards, 0xFF, sizeof(boards));
	sim->config.boards = boards;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	plan.match = is_nrf;
	assert_true(gateway_sim_plan(sim, &plan, 4));
	run(sim);
	ends(sim, "dwud");
	int length = dfucast_smp_fleet_read_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 99},
						   DFUCAST_SMP_FLEET_REPORT, 0);

	assert_true(gateway_sim_request(sim, frame, (size_t)length));
	assert_int_equal(dfucast_smp_fleet_page_decode(sim->answer + 8, sim->answer_bytes - 8, &error,
						       "targets", &elements, &next),
			 0);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(dfucast_smp_fleet_report_next(&elements, &report), 1);
		assert_int_equal(report.board.length, strlen(told[i]));
		assert_memory_equal(report.board.text, told[i], report.board.length);
	}
	gateway_sim_free(sim);
}

/* ---- room ---- */

static uint32_t told_room(struct gateway_sim *sim)
{
	struct dfucast_smp_fleet_capabilities said;
	struct dfucast_smp_error error;
	uint8_t frame[32];
	int length = dfucast_smp_fleet_capabilities_encode(
	    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++});

	assert_true(gateway_sim_request(sim, frame, (size_t)length));
	assert_int_equal(
	    dfucast_smp_fleet_capabilities_decode(sim->answer + 8, sim->answer_bytes - 8, &error, &said), 0);
	return said.match_bytes;
}

static void refused(struct gateway_sim *sim, enum dfucast_smp_fleet_rc rc)
{
	assert_int_equal(gateway_sim_error(sim).group, DFUCAST_SMP_GROUP_FLEET);
	assert_int_equal(gateway_sim_error(sim).rc, rc);
	/* It is forgotten: the default plan is what is left, and nobody is asked for anything. */
	assert_false(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	assert_int_equal(sim->gateway.target_count, sim->options.air.n);
}

/* Exactly as much room as it takes, and four bytes less. */
static void test_room(void **state)
{
	const uint16_t line = sizeof(struct dfucast_match);
	const uint16_t board = 20; /* 19 and one, to the next multiple of 4 */
	const uint16_t other = 24;
	struct dfucast_smp_fleet_plan plan;
	const struct dfucast_match *const own[4] = {is_nrf, is_other, is_other, runs_below_2};
	/* The plan's range and its end; two boards, the plan's range and the end behind each; the last has the same range
	 * as the plan, and no list. */
	const uint16_t needed = (uint16_t)(2 * line + 16 + (3 * line + board) + (3 * line + other));

	(void)state;
	for (uint16_t less = 0; less <= 4; less += 4) {
		struct gateway_sim *sim = begin(FLEET, (uint16_t)(needed - less), &plan);

		plan.match = runs_below_2;
		assert_int_equal(told_room(sim), needed - less);
		assert_true(gateway_sim_plan_own(sim, &plan, own, 4) == (less == 0));
		if (less == 0) {
			run(sim);
			ends(sim, "DDwD");
		} else {
			refused(sim, DFUCAST_SMP_FLEET_RC_MATCH);
			/* A smaller one is taken after it. */
			fill_plan(sim, &plan);
			plan.match = is_nrf;
			assert_true(gateway_sim_plan(sim, &plan, 4));
			run(sim);
			ends(sim, "dwdw");
		}
		gateway_sim_free(sim);
	}
}

/* The gateway's own room: enough for what it could before, and for a line or two. */
static void test_room_of_its_own(void **state)
{
	static char longest[DFUCAST_BOARD_BYTES_MAX + 1];
	struct dfucast_smp_fleet_plan plan;
	struct gateway_sim *sim = begin(FLEET, 0, &plan);
	const struct dfucast_match *const own[4] = {is_nrf, is_other, is_nrf, is_other};

	(void)state;
	assert_int_equal(told_room(sim), DFUCAST_GATEWAY_MATCH_BYTES_MIN);
	memset(longest, 'x', DFUCAST_BOARD_BYTES_MAX);
	plan.board = (struct dfucast_smp_text){longest, DFUCAST_BOARD_BYTES_MAX};
	assert_true(gateway_sim_plan(sim, &plan, 4));
	fill_plan(sim, &plan);
	assert_false(gateway_sim_plan_own(sim, &plan, own, 4));
	refused(sim, DFUCAST_SMP_FLEET_RC_MATCH);
	fill_plan(sim, &plan);
	plan.match = runs_below_2;
	assert_true(gateway_sim_plan(sim, &plan, 2));
	fill_plan(sim, &plan);
	plan.match = is_other;
	assert_true(gateway_sim_plan(sim, &plan, 4));
	run(sim);
	ends(sim, "wdwd");
	gateway_sim_free(sim);
}

/* A hundred targets with two kinds of lists, in several frames: each kind costs once. */
static void test_equal_lists_cost_once(void **state)
{
	struct dfucast_smp_fleet_plan plan;
	struct gateway_sim *sim = begin("n=100&board=" NRF "," OTHER, 256, &plan);
	const struct dfucast_match *own[100];
	uint16_t used;

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		own[i] = i % 2 == 0 ? is_nrf : is_other;
	}
	assert_true(gateway_sim_plan_own(sim, &plan, own, 2));
	used = sim->gateway.match_lines;
	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan_own(sim, &plan, own, 100));
	assert_int_equal(sim->gateway.match_lines, used);
	assert_int_equal(sim->gateway.target_count, 100);
	gateway_sim_free(sim);
}

/* ---- bad input ---- */

static void test_bad_lists(void **state)
{
	static const struct dfucast_match bad[][2] = {
	    {{.key = DFUCAST_MATCH_BOARD, .value = NRF, .bytes = 4, .flags = DFUCAST_MATCH_LOW}, {.key = 0}},
	    {{.key = DFUCAST_MATCH_BOARD, .value = NRF, .bytes = 0}, {.key = 0}},
	    {{.key = DFUCAST_MATCH_RUNNING, .value = below_2}, {.key = 0}},
	    {{.key = DFUCAST_MATCH_RUNNING,
	      .value = below_2,
	      .flags = DFUCAST_MATCH_HIGH | DFUCAST_MATCH_LOW_OPEN},
	     {.key = 0}},
	    {{.key = DFUCAST_MATCH_HASH, .value = NRF, .bytes = 8, .flags = DFUCAST_MATCH_PREFIX},
	     {.key = 0}},
	    {{.key = DFUCAST_MATCH_HASH, .value = NRF, .bytes = 0}, {.key = 0}},
	    {{.key = 5, .value = NRF, .bytes = 4}, {.key = 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dfucast_smp_fleet_plan plan;
		struct gateway_sim *sim = begin(FLEET, 1024, &plan);
		const struct dfucast_match *const own[2] = {is_nrf, bad[i]};

		plan.match = bad[i];
		assert_false(gateway_sim_plan(sim, &plan, 2));
		refused(sim, DFUCAST_SMP_FLEET_RC_BAD_PLAN);
		fill_plan(sim, &plan);
		assert_false(gateway_sim_plan_own(sim, &plan, own, 2));
		refused(sim, DFUCAST_SMP_FLEET_RC_BAD_PLAN);
		gateway_sim_free(sim);
	}
}

/* ---- the same plan again ---- */

static void test_the_same_plan_again(void **state)
{
	struct dfucast_smp_fleet_plan plan;
	struct gateway_sim *sim = begin(FLEET, 1024, &plan);
	const struct dfucast_match *const own[4] = {NULL, is_other, NULL, runs_from_2};
	const struct dfucast_match *const changed[4] = {NULL, is_other, NULL, runs_below_2};
	const struct dfucast_match *const fewer[4] = {NULL, is_other, NULL, NULL};

	(void)state;
	plan.match = is_nrf;
	plan.board = (struct dfucast_smp_text){OTHER, sizeof(OTHER) - 1};
	assert_true(gateway_sim_plan_own(sim, &plan, own, 4));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	assert_true(gateway_sim_plan_own(sim, &plan, own, 4));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	assert_false(gateway_sim_plan_own(sim, &plan, changed, 4));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_STATE);
	assert_false(gateway_sim_plan_own(sim, &plan, fewer, 4));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_STATE);
	plan.match = runs_below_2;
	assert_false(gateway_sim_plan_own(sim, &plan, own, 4));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_STATE);
	plan.match = NULL;
	assert_false(gateway_sim_plan_own(sim, &plan, own, 4));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_STATE);
	/* What was refused has changed nothing. */
	plan.match = is_nrf;
	assert_true(gateway_sim_plan_own(sim, &plan, own, 4));
	run(sim);
	ends(sim, "dddw");
	gateway_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_plans_list),     cmocka_unit_test(test_the_images_board),
	    cmocka_unit_test(test_lists_of_their_own), cmocka_unit_test(test_waves_and_default_targets),
	    cmocka_unit_test(test_confirm_of_a_trial), cmocka_unit_test(test_confirm_of_two_boards),
	    cmocka_unit_test(test_boards_in_reports),  cmocka_unit_test(test_room),
	    cmocka_unit_test(test_room_of_its_own),    cmocka_unit_test(test_equal_lists_cost_once),
	    cmocka_unit_test(test_bad_lists),          cmocka_unit_test(test_the_same_plan_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
