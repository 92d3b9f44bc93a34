/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One device that says no, talks nonsense, lies about its offset, or is not there: the update ends in bounded time,
 * with the right word, and a passing trouble does not keep it from ending done.
 */
#include "cast_sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 20000u

static void expect(const struct cast_sim *sim, const char *outcome, const char *trace)
{
	assert_string_equal(cast_sim_outcome(&sim->nodes[0]), outcome);
	if (trace != NULL) {
		assert_string_equal(sim->nodes[0].trace, trace);
	}
	assert_int_equal(sim->nodes[0].peer.lost_for_buffers, 0);
	assert_int_equal(sim->nodes[0].peer.lost_for_size, 0);
}

static void run_once(struct cast_sim *sim, const char *outcome, const char *trace)
{
	cast_sim_run(sim);
	expect(sim, outcome, trace);
}

/* ---- a device that says no, or nonsense ---- */

static void busy_for_a_while(void **state)
{
	static const uint16_t codes[] = {10, 2};

	(void)state;
	for (unsigned int c = 0; c < 2; c++) {
		struct cast_sim *sim = cast_sim_new(1, 4000);

		cast_sim_run(sim);
		uint32_t requests = sim->nodes[0].peer.requests;

		cast_sim_free(sim);
		for (uint32_t at = 0; at < requests; at++) {
			sim = cast_sim_new(1, 4000);
			cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_RC,
									       .first = at,
									       .count = 2,
									       .value = codes[c]});
			cast_sim_run(sim);
			assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
			assert_true(sim->elapsed_ms < 30000);
			cast_sim_free(sim);
		}
	}
}

static void busy_for_ever(void **state)
{
	(void)state;
	for (uint32_t from = 3; from < 25; from++) {
		struct cast_sim *sim = cast_sim_new(1, 4000);

		cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){
						   .kind = SIM_PEER_FAULT_RC, .first = from, .value = 10});
		cast_sim_run(sim);
		assert_int_equal(sim->nodes[0].status.state, DFUCAST_STATE_FAILED);
		assert_true(sim->elapsed_ms < 200000);
		cast_sim_free(sim);
	}
}

static void group_error_while_uploading(void **state)
{
	(void)state;
	for (uint32_t code = 1; code < 36; code++) {
		for (unsigned int v1 = 0; v1 < 2; v1++) {
			struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

			sim->nodes[0].config.v1_only = v1 != 0;
			cast_sim_fault(
			    &sim->nodes[0],
			    (struct sim_peer_fault){
				.kind = SIM_PEER_FAULT_GROUP_RC, .uploads = true, .first = 7, .value = code});
			cast_sim_run(sim);
			assert_int_equal(sim->nodes[0].status.state, DFUCAST_STATE_FAILED);
			if (!v1) {
				assert_int_equal(sim->nodes[0].status.outcome.group, 1);
				assert_int_equal(sim->nodes[0].status.outcome.rc, code);
			}
			assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_PART);
			cast_sim_free(sim);
		}
	}
}

/* One answer of nonsense, of each kind, at each place: the same request again, and the update ends done. */
static void one_malformed_answer(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, 4000);

	(void)state;
	cast_sim_run(sim);
	uint32_t requests = sim->nodes[0].peer.requests;

	cast_sim_free(sim);
	for (uint32_t kind = 0; kind < 5; kind++) {
		for (uint32_t at = 0; at < requests; at++) {
			sim = cast_sim_new(1, 4000);
			cast_sim_fault(
			    &sim->nodes[0],
			    (struct sim_peer_fault){
				.kind = SIM_PEER_FAULT_MALFORMED, .first = at, .count = 1, .value = kind});
			cast_sim_run(sim);
			if (kind != 4) {
				assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
			}
			assert_true(dfucast_state_is_final((enum dfucast_state)sim->nodes[0].status.state));
			cast_sim_free(sim);
		}
	}
}

static void malformed_for_ever(void **state)
{
	(void)state;
	for (uint32_t kind = 0; kind < 5; kind++) {
		for (uint32_t from = 0; from < 26; from++) {
			struct cast_sim *sim = cast_sim_new(1, 4000);

			sim->limit_ms = 600000;
			cast_sim_fault(&sim->nodes[0],
				       (struct sim_peer_fault){
					   .kind = SIM_PEER_FAULT_MALFORMED, .first = from, .value = kind});
			cast_sim_run(sim);
			if (from < 2 && kind != 4) {
				assert_string_equal(cast_sim_outcome(&sim->nodes[0]),
						    "failed malformed_answer");
			}
			cast_sim_free(sim);
		}
	}
}

/* ---- offsets that lie ---- */

static void offsets(struct sim_peer_fault fault, const char *outcome, uint32_t most_sent)
{
	for (uint8_t buffers = 2; buffers <= 5; buffers++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->limit_ms = 600000;
		sim->nodes[0].config.buf_count = buffers;
		cast_sim_fault(&sim->nodes[0], fault);
		cast_sim_run(sim);
		assert_string_equal(cast_sim_outcome(&sim->nodes[0]), outcome);
		assert_true(sim->nodes[0].status.sent_bytes <= most_sent);
		cast_sim_free(sim);
	}
}

static void takes_nothing_for_a_while(void **state)
{
	(void)state;
	offsets((struct sim_peer_fault){.kind = SIM_PEER_FAULT_TAKE, .uploads = true, .first = 4, .count = 6},
		"done", IMAGE_BYTES + 12 * 400);
}

static void takes_nothing_for_ever(void **state)
{
	(void)state;
	offsets((struct sim_peer_fault){.kind = SIM_PEER_FAULT_TAKE, .uploads = true, .first = 4},
		"failed no_progress", IMAGE_BYTES + 40 * 400);
}

static void takes_a_part_of_each(void **state)
{
	(void)state;
	offsets((struct sim_peer_fault){.kind = SIM_PEER_FAULT_TAKE, .uploads = true, .value = 131}, "done",
		11 * IMAGE_BYTES); /* of four in flight one is taken, and of that a third */
}

static void first_chunk_cut(void **state)
{
	(void)state;
	offsets((struct sim_peer_fault){.kind = SIM_PEER_FAULT_TAKE, .count = 5, .value = 16}, "done",
		IMAGE_BYTES + 1000);
}

static void goes_back_once(void **state)
{
	(void)state;
	offsets(
	    (struct sim_peer_fault){
		.kind = SIM_PEER_FAULT_BACK, .uploads = true, .first = 40, .count = 1, .value = 5000},
	    "done", 2 * IMAGE_BYTES);
}

static void goes_back_for_ever(void **state)
{
	(void)state;
	offsets(
	    (struct sim_peer_fault){.kind = SIM_PEER_FAULT_BACK, .uploads = true, .first = 20, .value = 5000},
	    "failed no_progress", 5 * IMAGE_BYTES + 70000);
}

static void names_offsets_past_the_end(void **state)
{
	(void)state;
	offsets(
	    (struct sim_peer_fault){
		.kind = SIM_PEER_FAULT_CLAIM, .uploads = true, .first = 10, .value = 0xFFFFFFFF},
	    "failed another_client", 2 * IMAGE_BYTES);
	offsets(
	    (struct sim_peer_fault){
		.kind = SIM_PEER_FAULT_CLAIM, .uploads = true, .first = 10, .value = IMAGE_BYTES},
	    "failed another_client", 2 * IMAGE_BYTES);
}

static void another_clients_session_for_a_moment(void **state)
{
	(void)state;
	offsets(
	    (struct sim_peer_fault){
		.kind = SIM_PEER_FAULT_CLAIM, .uploads = true, .first = 10, .count = 1, .value = 19000},
	    "done", 2 * IMAGE_BYTES);
}

/* Nothing taken starts a pause; an answer of before that then names progress: the pause is over, nobody waits on. */
static void progress_during_a_pause(void **state)
{
	(void)state;
	for (uint8_t buffers = 3; buffers <= 5; buffers++) {
		for (uint32_t at = 20; at < 30; at++) {
			struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

			sim->nodes[0].config.buf_count = buffers;
			cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_TAKE,
									       .uploads = true,
									       .first = at,
									       .count = 1});
			cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_CLAIM,
									       .uploads = true,
									       .first = at + buffers - 2u,
									       .count = 1,
									       .value = 9000});
			cast_sim_run(sim);
			assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
			cast_sim_free(sim);
		}
	}
}

/* A first chunk's answer that claims everything is there: the list decides, and one whole upload follows. */
static void claims_to_hold_everything(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){
					   .kind = SIM_PEER_FAULT_CLAIM, .count = 5, .value = IMAGE_BYTES});
	cast_sim_run(sim);
	assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
	assert_int_equal(sim->nodes[0].writes, IMAGE_BYTES);
	cast_sim_free(sim);
}

/* ---- nobody there ---- */

static void cannot_be_reached(void **state)
{
	static const int8_t errors[] = {DFUCAST_ERR_UNREACHABLE, DFUCAST_ERR_NO_PERMISSION,
					DFUCAST_ERR_NO_SUCH_PORT};

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->nodes[0].link.open_err = errors[i];
		cast_sim_run(sim);
		assert_int_equal(sim->nodes[0].status.state, DFUCAST_STATE_FAILED);
		assert_int_equal(sim->nodes[0].status.outcome.err, errors[i]);
		if (errors[i] == DFUCAST_ERR_UNREACHABLE) {
			assert_true(sim->elapsed_ms >= 20000 && sim->elapsed_ms < 20200);
		} else {
			assert_true(sim->elapsed_ms < 200);
		}
		cast_sim_free(sim);
	}
}

static void appears_late(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->plan.wait_ms = 60000;
	sim->nodes[0].link.appears_ms = 50000;
	run_once(sim, "done", NULL);
	cast_sim_free(sim);
}

static void silent_from_the_start(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_LOSE_REQUEST});
	run_once(sim, "failed silent", "");
	assert_true(sim->elapsed_ms <
		    32000); /* the time to wait for a device, and the tries under way then */
	cast_sim_free(sim);
}

static void stopped_by_the_caller(void **state)
{
	(void)state;
	for (uint32_t at = 1; at < 11000; at += 97) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->stop_ms = at;
		cast_sim_run(sim);
		if (sim->nodes[0].status.state != DFUCAST_STATE_DONE) {
			assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "failed aborted");
		}
		cast_sim_free(sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(busy_for_a_while),
	    cmocka_unit_test(busy_for_ever),
	    cmocka_unit_test(group_error_while_uploading),
	    cmocka_unit_test(one_malformed_answer),
	    cmocka_unit_test(malformed_for_ever),
	    cmocka_unit_test(takes_nothing_for_a_while),
	    cmocka_unit_test(takes_nothing_for_ever),
	    cmocka_unit_test(takes_a_part_of_each),
	    cmocka_unit_test(first_chunk_cut),
	    cmocka_unit_test(goes_back_once),
	    cmocka_unit_test(goes_back_for_ever),
	    cmocka_unit_test(names_offsets_past_the_end),
	    cmocka_unit_test(another_clients_session_for_a_moment),
	    cmocka_unit_test(progress_during_a_pause),
	    cmocka_unit_test(claims_to_hold_everything),
	    cmocka_unit_test(cannot_be_reached),
	    cmocka_unit_test(appears_late),
	    cmocka_unit_test(silent_from_the_start),
	    cmocka_unit_test(stopped_by_the_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
