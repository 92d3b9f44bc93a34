/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Losses, one device: each single request and each single answer of the whole exchange is lost once, doubled, late;
 * the link is cut at each; the device falls silent or resets at each. However it goes, the update ends, and where
 * only one thing was lost it ends done, soon.
 */
#include "cast_sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 6000u

/* How a scenario is built: which link, how many buffers. */
struct shape {
	uint16_t value_max; /* 0: a link that keeps; else Bluetooth-like */
	uint8_t buffers;
	uint32_t buf_size;
	bool closes;
};

static const struct shape shapes[] = {
    {0, 4, 384, false}, {0, 2, 384, false}, {0, 4, 384, true}, {244, 4, 1000, true}, {495, 3, 2000, true},
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static struct cast_sim *make(const struct shape *shape)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);
	struct cast_sim_node *node = &sim->nodes[0];

	node->config.buf_count = shape->buffers;
	node->config.buf_size = shape->buf_size;
	if (shape->closes) {
		node->link.flags = DFUCAST_LINK_ORDERED;
	}
	if (shape->value_max != 0) {
		cast_sim_make_ble(node, shape->value_max);
	}
	return sim;
}

/* A run without faults: how many requests and pieces, how long. */
struct base {
	uint32_t requests;
	uint32_t pieces;
	uint32_t uploads;
	uint32_t elapsed_ms;
	uint32_t upload_ms;
};

static struct base measure(const struct shape *shape)
{
	struct cast_sim *sim = make(shape);
	struct base base;

	cast_sim_run(sim);
	assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
	base.requests = sim->nodes[0].peer.requests;
	base.uploads = sim->nodes[0].peer.uploads;
	base.pieces = sim->nodes[0].pieces;
	base.elapsed_ms = sim->elapsed_ms;
	base.upload_ms = sim->upload_ms;
	cast_sim_free(sim);
	return base;
}

static void each(uint8_t kind, uint32_t value, uint32_t count, uint32_t extra_ms, const char *outcome)
{
	for (unsigned int s = 0; s < SHAPES; s++) {
		struct base base = measure(&shapes[s]);

		for (uint32_t at = 0; at < base.requests; at++) {
			struct cast_sim *sim = make(&shapes[s]);

			cast_sim_fault(&sim->nodes[0],
				       (struct sim_peer_fault){
					   .kind = kind, .first = at, .count = count, .value = value});
			cast_sim_run(sim);
			if (outcome != NULL && strcmp(cast_sim_outcome(&sim->nodes[0]), outcome) != 0) {
				fail_msg("shape %u, request %u: %s, %s, %s", s, at,
					 cast_sim_outcome(&sim->nodes[0]), sim->nodes[0].states,
					 sim->nodes[0].trace);
			}
			if (sim->elapsed_ms > base.elapsed_ms + extra_ms) {
				fail_msg("shape %u, request %u: %u ms instead of %u: %s", s, at,
					 sim->elapsed_ms, base.elapsed_ms, sim->nodes[0].trace);
			}
			cast_sim_free(sim);
		}
	}
}

static void each_request_lost(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_LOSE_REQUEST, 0, 1, 43000, "done");
}

static void each_answer_lost(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_LOSE_ANSWER, 0, 1, 61000, "done");
}

static void two_requests_lost(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_LOSE_REQUEST, 0, 2, 90000, "done");
}

static void two_answers_lost(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_LOSE_ANSWER, 0, 2, 120000, "done");
}

static void each_request_doubled(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_DUPLICATE_REQUEST, 0, 1, 7000, "done");
}

static void each_answer_doubled(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_DUPLICATE_ANSWER, 0, 1, 10, "done");
}

static void each_answer_late(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_DELAY_ANSWER, 30, 1, 500, "done");
	each(SIM_PEER_FAULT_DELAY_ANSWER, 3000, 1, 20000, "done");
}

static void each_request_stalls(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_STALL, 700, 1, 4000, "done"); /* a page erase in the middle */
	each(SIM_PEER_FAULT_STALL, 6000, 1, 30000, "done");
}

static void cut_at_each_request(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_DISCONNECT, 0, 1, 45000, "done");
	each(SIM_PEER_FAULT_DISCONNECT, 1, 1, 45000, "done");
}

static void resets_itself_at_each_request(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_RESET, 0, 1, 120000, NULL);
}

/* Marked, it starts the image by itself: found running, and confirmed. Nothing else than a revert is worse than done. */
static void resets_itself_and_is_believed(void **state)
{
	(void)state;
	for (unsigned int v1 = 0; v1 < 2; v1++) {
		for (unsigned int s = 0; s < SHAPES; s++) {
			struct base base = measure(&shapes[s]);

			for (uint32_t at = 0; at < base.requests; at++) {
				struct cast_sim *sim = make(&shapes[s]);
				const struct cast_sim_node *node = &sim->nodes[0];

				sim->nodes[0].config.v1_only = v1;
				cast_sim_fault(&sim->nodes[0],
					       (struct sim_peer_fault){
						   .kind = SIM_PEER_FAULT_RESET, .first = at, .count = 1});
				cast_sim_run(sim);
				bool reverted = node->status.state == DFUCAST_STATE_REVERTED &&
						strstr(node->trace, "reset list") != NULL;

				if (!reverted && strcmp(cast_sim_outcome(node), "done") != 0) {
					fail_msg("shape %u, request %u: %s, %s", s, at,
						 cast_sim_outcome(node), node->trace);
				}
				assert_int_equal(sim_peer_is_updated(&node->peer), !reverted);
				assert_int_equal(node->status.outcome.rc, 0);
				cast_sim_free(sim);
			}
		}
	}
}

static void silent_from_each_request_on(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_LOSE_REQUEST, 0, 0, 400000, NULL);
	each(SIM_PEER_FAULT_LOSE_ANSWER, 0, 0, 400000, NULL);
}

static void cut_from_each_request_on(void **state)
{
	(void)state;
	each(SIM_PEER_FAULT_DISCONNECT, 0, 0, 400000, NULL);
	each(SIM_PEER_FAULT_DISCONNECT, 1, 0, 400000, NULL);
}

/* On a link that keeps order a loss among several in flight is seen from the answers: nobody waits for a timer. */
static void losses_in_the_window_cost_no_time_out(void **state)
{
	static const uint8_t kinds[] = {SIM_PEER_FAULT_LOSE_REQUEST, SIM_PEER_FAULT_LOSE_ANSWER};
	struct base base = measure(&shapes[0]);

	(void)state;
	for (unsigned int k = 0; k < 2; k++) {
		for (uint32_t at = 0; at + 3 < base.uploads; at++) {
			struct cast_sim *sim = make(&shapes[0]);

			cast_sim_fault(&sim->nodes[0],
				       (struct sim_peer_fault){
					   .kind = kinds[k], .uploads = true, .first = at, .count = 1});
			cast_sim_run(sim);
			assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
			if (sim->upload_ms > base.upload_ms + 100) {
				fail_msg("kind %u upload %u: %u ms, base %u", k, at, sim->upload_ms,
					 base.upload_ms);
			}
			assert_int_equal(sim->nodes[0].opens, 1);
			/* Once per hole: what was in flight behind it is sent again, no more. */
			assert_true(sim->nodes[0].status.sent_bytes <= IMAGE_BYTES - 32 + 3 * 384);
			cast_sim_free(sim);
		}
	}
}

/* The first chunk's echo: its loss costs no long patience. */
static void a_lost_first_chunk_is_noticed(void **state)
{
	static const uint8_t kinds[] = {SIM_PEER_FAULT_LOSE_REQUEST, SIM_PEER_FAULT_LOSE_ANSWER};
	struct base base = measure(&shapes[0]);

	(void)state;
	for (unsigned int k = 0; k < 2; k++) {
		struct cast_sim *sim = make(&shapes[0]);

		cast_sim_fault(&sim->nodes[0],
			       (struct sim_peer_fault){.kind = kinds[k], .first = 4, .count = 1});
		cast_sim_run(sim);
		assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
		assert_non_null(strstr(sim->nodes[0].trace, "echo"));
		assert_true(sim->elapsed_ms < base.elapsed_ms + 100);
		cast_sim_free(sim);
	}
}

/* Echoes without answers pile up behind a first chunk that takes nothing: no more than the window holds. */
static void echoes_without_answers(void **state)
{
	(void)state;
	for (uint8_t buffers = 3; buffers <= 6; buffers++) {
		struct cast_sim *sim = make(&shapes[0]);

		sim->nodes[0].config.buf_count = buffers;
		cast_sim_fault(&sim->nodes[0],
			       (struct sim_peer_fault){
				   .kind = SIM_PEER_FAULT_STALL, .first = 4, .count = 1, .value = 14000});
		cast_sim_fault(&sim->nodes[0],
			       (struct sim_peer_fault){.kind = SIM_PEER_FAULT_CLAIM, .first = 4, .count = 1});
		cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_LOSE_ANSWER,
								       .first = 5,
								       .count = buffers - 2u});
		cast_sim_run(sim);
		assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
		assert_true(sim->nodes[0].peer.queue_peak < buffers);
		cast_sim_free(sim);
	}
}

/* A long erase is no loss: the first chunk is sent once, and the session is not begun again. */
static void a_long_erase_is_waited_for(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < SHAPES; s++) {
		struct cast_sim *sim = make(&shapes[s]);

		sim->nodes[0].preset = sim->other;
		sim->nodes[0].preset_bytes = sim->other_bytes;
		sim->nodes[0].config.page_erase_ms = 12000;
		cast_sim_run(sim);
		assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
		assert_int_equal(sim->nodes[0].status.attempts, 1);
		assert_int_equal(sim->nodes[0].writes, IMAGE_BYTES);
		cast_sim_free(sim);
	}
}

/* After a cut in the stream the server's part is used: hardly anything is sent twice. */
static void resumes_after_a_cut(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < SHAPES; s++) {
		struct base base = measure(&shapes[s]);

		for (uint32_t at = 0; at < base.uploads; at++) {
			struct cast_sim *sim = make(&shapes[s]);
			uint32_t chunk = shapes[s].buf_size;

			cast_sim_fault(
			    &sim->nodes[0],
			    (struct sim_peer_fault){
				.kind = SIM_PEER_FAULT_DISCONNECT, .uploads = true, .first = at, .count = 1});
			cast_sim_run(sim);
			assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
			assert_int_equal(sim->nodes[0].writes, IMAGE_BYTES);
			assert_true(sim->nodes[0].status.sent_bytes <= IMAGE_BYTES + 4 * chunk);
			assert_int_equal(sim->nodes[0].opens, shapes[s].closes ? 3 : 2);
			cast_sim_free(sim);
		}
	}
}

/* Frames in pieces: a lost piece desynchronises the far end; notifications off and on mend it. */
static void each_piece_lost(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < SHAPES; s++) {
		struct base base = measure(&shapes[s]);

		if (shapes[s].value_max == 0) {
			continue;
		}
		for (uint32_t at = 1; at <= base.pieces; at++) {
			struct cast_sim *sim = make(&shapes[s]);

			sim->nodes[0].link.lose_piece = at;
			cast_sim_run(sim);
			if (strcmp(cast_sim_outcome(&sim->nodes[0]), "done") != 0) {
				fail_msg("shape %u piece %u: %s, %s, %s", s, at,
					 cast_sim_outcome(&sim->nodes[0]), sim->nodes[0].states,
					 sim->nodes[0].trace);
			}
			assert_true(sim->elapsed_ms < base.elapsed_ms + 41000);
			cast_sim_free(sim);
		}
	}
}

/* No reassembly although params named a large buffer: back to frames of one piece. */
static void no_reassembly_there(void **state)
{
	(void)state;
	for (uint8_t buffers = 1; buffers <= 4; buffers++) {
		struct cast_sim *sim = make(&shapes[3]);

		sim->nodes[0].config.reassembly = false;
		sim->nodes[0].config.buf_count = buffers;
		cast_sim_run(sim);
		if (strcmp(cast_sim_outcome(&sim->nodes[0]), "done") != 0) {
			fail_msg("%u buffers: %s, %s, %s", buffers, cast_sim_outcome(&sim->nodes[0]),
				 sim->nodes[0].states, sim->nodes[0].trace);
		}
		cast_sim_free(sim);
	}
}

/* Random loss both ways: seeds 1 … 40 a shape. The fleet's bounds hold in each run; most end done. */
static void random_loss(void **state)
{
	static const uint32_t rates[] = {5000, 20000, 60000};

	(void)state;
	for (unsigned int r = 0; r < 3; r++) {
		unsigned int done = 0;
		unsigned int runs = 0;

		for (unsigned int s = 0; s < SHAPES; s++) {
			for (uint64_t seed = 1; seed <= 40; seed++) {
				struct cast_sim *sim = make(&shapes[s]);

				sim->seed = seed * 0x9E3779B97F4A7C15u;
				sim->nodes[0].link.loss_ppm = rates[r];
				cast_sim_run(sim);
				runs++;
				if (sim->nodes[0].status.state == DFUCAST_STATE_DONE) {
					done++;
				} else if (rates[r] <= 20000) {
					fail_msg("shape %u seed %u rate %u: %s, %s, %s", s,
						 (unsigned int)seed, rates[r],
						 cast_sim_outcome(&sim->nodes[0]), sim->nodes[0].states,
						 sim->nodes[0].trace);
				}
				cast_sim_free(sim);
			}
		}
		assert_true(done * 100 >= runs * 90);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_request_lost),
	    cmocka_unit_test(each_answer_lost),
	    cmocka_unit_test(two_requests_lost),
	    cmocka_unit_test(two_answers_lost),
	    cmocka_unit_test(each_request_doubled),
	    cmocka_unit_test(each_answer_doubled),
	    cmocka_unit_test(each_answer_late),
	    cmocka_unit_test(each_request_stalls),
	    cmocka_unit_test(cut_at_each_request),
	    cmocka_unit_test(resets_itself_at_each_request),
	    cmocka_unit_test(resets_itself_and_is_believed),
	    cmocka_unit_test(silent_from_each_request_on),
	    cmocka_unit_test(cut_from_each_request_on),
	    cmocka_unit_test(losses_in_the_window_cost_no_time_out),
	    cmocka_unit_test(a_lost_first_chunk_is_noticed),
	    cmocka_unit_test(echoes_without_answers),
	    cmocka_unit_test(a_long_erase_is_waited_for),
	    cmocka_unit_test(resumes_after_a_cut),
	    cmocka_unit_test(each_piece_lost),
	    cmocka_unit_test(no_reassembly_there),
	    cmocka_unit_test(random_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
