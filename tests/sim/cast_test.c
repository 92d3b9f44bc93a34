/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fleets: one stream for all, stragglers and passes, and that nobody's trouble is anybody else's.
 */
#include "cast_sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 30000u

#ifndef RANDOM_FLEETS
#define RANDOM_FLEETS 600u
#endif

static void expect(const struct cast_sim *sim, uint16_t index, const char *outcome)
{
	const struct cast_sim_node *node = &sim->nodes[index];

	if (strcmp(cast_sim_outcome(node), outcome) != 0) {
		fail_msg("node %u: %s instead of %s: %s, %s", index, cast_sim_outcome(node), outcome,
			 node->states, node->trace);
	}
}

static void expect_all(const struct cast_sim *sim, const char *outcome)
{
	for (uint16_t i = 0; i < sim->count; i++) {
		expect(sim, i, outcome);
	}
}

/* ---- one stream ---- */

static void one_pass_feeds_all(void **state)
{
	static const uint32_t rings[] = {512, 1000, 8192, 65536};

	(void)state;
	for (unsigned int r = 0; r < 4; r++) {
		struct cast_sim *sim = cast_sim_new(4, 96000);

		for (uint16_t i = 0; i < 4; i++) {
			sim->nodes[i].config.slot_bytes = 106496;
		}
		sim->config.ring_bytes = rings[r];
		cast_sim_run(sim);
		expect_all(sim, "done");
		assert_int_equal(sim->cast.passes, 1);
		assert_int_equal(sim->fed_bytes, 96000 - 32);
		assert_true(rings[r] != 8192 || sim->cast.ring.wraps > 0);
		cast_sim_free(sim);
	}
}

static void four_take_no_longer_than_one(void **state)
{
	uint32_t upload_ms[2];

	(void)state;
	for (uint16_t n = 0; n < 2; n++) {
		struct cast_sim *sim = cast_sim_new(n ? 4 : 1, IMAGE_BYTES);

		sim->config.ring_bytes = 8192;
		cast_sim_run(sim);
		expect_all(sim, "done");
		upload_ms[n] = sim->upload_ms;
		cast_sim_free(sim);
	}
	assert_true(upload_ms[1] <= upload_ms[0] + upload_ms[0] / 10);
}

static void a_slow_source(void **state)
{
	struct cast_sim *sim = cast_sim_new(3, IMAGE_BYTES);

	(void)state;
	sim->feed_ms = 40;
	sim->feed_bytes = 170;
	sim->config.ring_bytes = 2048;
	cast_sim_run(sim);
	expect_all(sim, "done");
	assert_int_equal(sim->cast.passes, 1);
	assert_true(sim->upload_ms < 40 * (IMAGE_BYTES / 170) + 1500);
	cast_sim_free(sim);
}

/* ---- stragglers ---- */

static struct cast_sim *with_a_slow_one(uint32_t ring, uint32_t bytes_per_s)
{
	struct cast_sim *sim = cast_sim_new(3, 60000);

	sim->config.ring_bytes = ring;
	sim->nodes[1].link.bytes_per_s = bytes_per_s;
	sim->nodes[1].config.service_ms = 150;
	return sim;
}

static void a_straggler_is_caught_up(void **state)
{
	static const uint32_t rings[] = {4096, 8192, 16384};

	(void)state;
	for (unsigned int r = 0; r < 3; r++) {
		struct cast_sim *sim = with_a_slow_one(rings[r], 1500);

		cast_sim_run(sim);
		expect_all(sim, "done");
		assert_int_equal(sim->cast.passes, 2);
		assert_int_equal(sim->rewinds, 1);
		assert_int_equal(sim->nodes[1].writes, 60000);
		cast_sim_free(sim);
	}
}

static void a_straggler_of_a_source_without_return_ends_behind(void **state)
{
	struct cast_sim *sim = with_a_slow_one(8192, 1500);

	(void)state;
	sim->config.rewinds = false;
	cast_sim_run(sim);
	expect(sim, 0, "done");
	expect(sim, 1, "behind behind");
	expect(sim, 2, "done");
	assert_int_equal(sim->nodes[1].status.holds, DFUCAST_HOLDS_PART);
	assert_true(sim->nodes[1].status.offset > 0 && sim->nodes[1].status.offset < 60000);
	cast_sim_free(sim);
}

/* A lost link is no reason to be behind, while the ring still has what comes next. */
static void a_lost_link_is_back_in_time(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < 80; at++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->config.rewinds = false;
		sim->config.ring_bytes = 2048;
		cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_DISCONNECT,
								       .uploads = true,
								       .first = at,
								       .count = 1,
								       .value = at % 2});
		cast_sim_run(sim);
		expect_all(sim, "done");
		assert_int_equal(sim->cast.passes, 1);
		assert_int_equal(sim->nodes[0].writes, IMAGE_BYTES);
		cast_sim_free(sim);
	}
}

/* The device goes back behind the ring while a frame is half sent: the frame's bytes stay until it is sent. */
static void back_behind_the_ring_in_the_middle_of_a_frame(void **state)
{
	(void)state;
	for (uint32_t at = 3; at < 60; at++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		cast_sim_make_ble(&sim->nodes[0], 120);
		sim->nodes[0].config.buf_size = 540;
		sim->nodes[0].link.bytes_per_s = 7000;
		sim->config.ring_bytes = 512u << (at % 3);
		cast_sim_fault(
		    &sim->nodes[0],
		    (struct sim_peer_fault){
			.kind = SIM_PEER_FAULT_BACK, .uploads = true, .first = at, .count = 1, .value = 100});
		cast_sim_run(sim);
		expect_all(sim, "done");
		cast_sim_free(sim);
	}
}

/* A device that is told it has all, while a chunk is half sent again: others may not push that chunk out of the ring. */
static void all_there_in_the_middle_of_a_frame(void **state)
{
	(void)state;
	for (uint32_t slower = 20; slower < 400; slower += 20) {
		for (uint32_t at = 12; at < 17; at++) {
			struct cast_sim *sim = cast_sim_new(2, 6000);
			struct cast_sim_node *node = &sim->nodes[0];

			/* One chunk is not taken, the answer to the next, late, claims that all is there. */
			node->link.bytes_per_s = 2000;
			sim->config.ring_bytes = 1024;
			sim->nodes[1].link.bytes_per_s = 2000;
			sim->nodes[1].config.service_ms = slower;
			cast_sim_fault(
			    node, (struct sim_peer_fault){
				      .kind = SIM_PEER_FAULT_TAKE, .uploads = true, .first = at, .count = 1});
			cast_sim_fault(node, (struct sim_peer_fault){.kind = SIM_PEER_FAULT_STALL,
								     .uploads = true,
								     .first = at + 1,
								     .count = 1,
								     .value = 300});
			cast_sim_fault(node, (struct sim_peer_fault){.kind = SIM_PEER_FAULT_CLAIM,
								     .uploads = true,
								     .first = at + 1,
								     .count = 1,
								     .value = 6000});
			cast_sim_run(sim);
			expect(sim, 1, "done");
			cast_sim_free(sim);
		}
	}
}

static void as_many_passes_as_allowed(void **state)
{
	struct cast_sim *sim = with_a_slow_one(8192, 1500);

	(void)state;
	sim->config.passes_max = 1;
	cast_sim_run(sim);
	expect(sim, 0, "done");
	expect(sim, 1, "behind behind");
	cast_sim_free(sim);
}

/* A slow one whose frames take longer to send than anybody's patience: its link is cut, and it still gets there. */
static void a_straggler_in_the_middle_of_a_frame(void **state)
{
	struct cast_sim *sim = with_a_slow_one(4096, 200);

	(void)state;
	cast_sim_run(sim);
	expect_all(sim, "done");
	assert_true(sim->cast.passes >= 2);
	cast_sim_free(sim);
}

/* Each device a bit slower than the one before: whoever falls behind is caught up, all get there. */
static void all_speeds(void **state)
{
	struct cast_sim *sim = cast_sim_new(6, 60000);

	(void)state;
	sim->config.ring_bytes = 4096;
	for (uint16_t i = 0; i < 6; i++) {
		sim->nodes[i].config.service_ms = 2u << i;
		sim->nodes[i].link.bytes_per_s = 40000u >> i;
	}
	cast_sim_run(sim);
	expect_all(sim, "done");
	assert_true(sim->cast.passes <= 6);
	cast_sim_free(sim);
}

/* One device erases for 8 s, the other needs no erase: no straggler, one pass. */
static void erasing_is_not_slowness(void **state)
{
	struct cast_sim *sim = cast_sim_new(2, 60000);

	(void)state;
	sim->config.ring_bytes = 8192;
	sim->nodes[0].preset = sim->other;
	sim->nodes[0].preset_bytes = 60000;
	sim->nodes[0].config.page_erase_ms = 500;
	cast_sim_run(sim);
	expect_all(sim, "done");
	assert_int_equal(sim->cast.passes, 1);
	cast_sim_free(sim);
}

static void a_late_one_gets_a_pass_of_its_own(void **state)
{
	(void)state;
	for (unsigned int rewinds = 0; rewinds < 2; rewinds++) {
		struct cast_sim *sim = cast_sim_new(3, IMAGE_BYTES);

		sim->config.gather_ms = 1000;
		sim->config.rewinds = rewinds != 0;
		sim->config.ring_bytes = 4096;
		sim->nodes[2].link.appears_ms = 9000;
		cast_sim_run(sim);
		expect(sim, 0, "done");
		expect(sim, 1, "done");
		expect(sim, 2, rewinds ? "done" : "behind behind");
		cast_sim_free(sim);
	}
}

static void who_comes_while_gathering_shares_the_pass(void **state)
{
	struct cast_sim *sim = cast_sim_new(3, IMAGE_BYTES);

	(void)state;
	sim->config.gather_ms = 12000;
	sim->nodes[2].link.appears_ms = 9000;
	cast_sim_run(sim);
	expect_all(sim, "done");
	assert_int_equal(sim->cast.passes, 1);
	assert_int_equal(sim->fed_bytes, IMAGE_BYTES - 32);
	cast_sim_free(sim);
}

/* The only one ready is gone again before the gather time is over: nobody is called for it. */
static void the_first_one_ready_fails(void **state)
{
	struct cast_sim *sim = cast_sim_new(2, IMAGE_BYTES);

	(void)state;
	sim->config.gather_ms = 3000;
	sim->nodes[1].link.appears_ms = 15000;
	cast_sim_fault(&sim->nodes[0],
		       (struct sim_peer_fault){.kind = SIM_PEER_FAULT_GROUP_RC, .first = 4, .value = 12});
	cast_sim_run(sim);
	expect(sim, 0, "failed refused");
	expect(sim, 1, "done");
	cast_sim_free(sim);
}

/* ---- nobody's trouble is anybody else's ---- */

static void every_kind_of_trouble_at_once(void **state)
{
	struct cast_sim *sim = cast_sim_new(9, IMAGE_BYTES);
	struct sim_peer_fault faults[8] = {
	    {.kind = SIM_PEER_FAULT_LOSE_REQUEST, .first = 20},
	    {.kind = SIM_PEER_FAULT_TAKE, .uploads = true, .first = 12},
	    {.kind = SIM_PEER_FAULT_BACK, .uploads = true, .first = 30, .value = 3000},
	    {.kind = SIM_PEER_FAULT_MALFORMED, .uploads = true, .first = 9},
	    {.kind = SIM_PEER_FAULT_DISCONNECT, .uploads = true, .first = 9},
	    {.kind = SIM_PEER_FAULT_CLAIM, .uploads = true, .first = 9, .value = 29999},
	    {.kind = SIM_PEER_FAULT_RC, .uploads = true, .first = 3, .value = 10},
	    {.kind = SIM_PEER_FAULT_GROUP_RC, .first = 4, .value = 12},
	};

	(void)state;
	sim->config.ring_bytes = 8192;
	for (uint16_t i = 0; i < 8; i++) {
		cast_sim_fault(&sim->nodes[i], faults[i]);
	}
	cast_sim_begin(sim);
	while (sim->nodes[8].status.state != DFUCAST_STATE_DONE && cast_sim_step(sim)) {
	}
	assert_true(sim->elapsed_ms < 30000);
	while (cast_sim_step(sim)) {
	}
	for (uint16_t i = 0; i < 8; i++) {
		assert_int_equal(sim->nodes[i].status.state, DFUCAST_STATE_FAILED);
	}
	expect(sim, 8, "done");
	cast_sim_free(sim);
}

/* Answers of a link that was cut arrive after the next one is open: dropped by their generation. */
static void answers_of_a_dead_link(void **state)
{
	uint32_t stale = 0;

	(void)state;
	for (uint32_t at = 0; at < 60; at += 3) {
		struct cast_sim *sim = cast_sim_new(2, IMAGE_BYTES);

		for (uint16_t i = 0; i < 2; i++) {
			sim->nodes[i].link.delay_ms = 200;
			sim->nodes[i].link.open_ms = 20;
			sim->nodes[i].config.service_ms = 150;
			cast_sim_fault(
			    &sim->nodes[i],
			    (struct sim_peer_fault){
				.kind = SIM_PEER_FAULT_DISCONNECT, .uploads = true, .first = at, .count = 1});
		}
		cast_sim_run(sim);
		expect_all(sim, "done");
		stale += sim->nodes[0].stale;
		cast_sim_free(sim);
	}
	assert_true(stale > 10);
}

static void two_casts_side_by_side(void **state)
{
	struct cast_sim *one = cast_sim_new(3, IMAGE_BYTES);
	struct cast_sim *two = cast_sim_new(2, 9000);
	bool more = true;

	(void)state;
	two->plan.mode = DFUCAST_MODE_UPLOAD;
	two->config.ring_bytes = 600;
	cast_sim_begin(one);
	cast_sim_begin(two);
	while (more) {
		more = cast_sim_step(one);
		more = cast_sim_step(two) || more;
	}
	expect_all(one, "done");
	expect_all(two, "done");
	assert_int_equal(one->nodes[0].status.holds, DFUCAST_HOLDS_IMAGE);
	assert_int_equal(two->nodes[0].status.holds, DFUCAST_HOLDS_STAGED);
	cast_sim_free(one);
	cast_sim_free(two);
}

static void stopped_at_any_time(void **state)
{
	(void)state;
	for (uint32_t at = 1; at < 20000; at += 331) {
		struct cast_sim *sim = cast_sim_new(5, 10000);

		sim->stop_ms = at;
		sim->config.links_max = 2;
		cast_sim_run(sim);
		for (uint16_t i = 0; i < 5; i++) {
			assert_true(dfucast_state_is_final((enum dfucast_state)sim->nodes[i].status.state));
		}
		cast_sim_free(sim);
	}
}

/* ---- anything ---- */

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

static struct cast_sim *random_fleet(uint64_t seed)
{
	uint16_t count = (uint16_t)(1 + draw(&seed, 6));
	struct cast_sim *sim = cast_sim_new(count, 2000 + draw(&seed, 20000));

	sim->seed = seed | 1;
	sim->start_ms = draw(&seed, 2) ? 5000 : 0xFFFFFFFFu - draw(&seed, 30000);
	sim->config.ring_bytes = 512u << draw(&seed, 6);
	sim->config.links_max = (uint16_t)draw(&seed, count + 1u);
	sim->config.canary = (uint16_t)draw(&seed, 3);
	sim->config.max_failed = (uint16_t)draw(&seed, 3);
	sim->config.barrier = (uint16_t)(draw(&seed, 4) ? 0 : draw(&seed, count + 1u));
	sim->config.rewinds = draw(&seed, 4) != 0;
	sim->config.gather_ms = draw(&seed, 8000);
	sim->plan.wait_ms = 120000;
	sim->plan.soak_ms = draw(&seed, 3) ? 0 : 15000;
	sim->plan.mode = (uint8_t)(draw(&seed, 3) ? 0 : draw(&seed, 4));
	sim->feed_bytes = 1 + draw(&seed, 2000);
	sim->feed_ms = draw(&seed, 3) ? 0 : draw(&seed, 30);
	for (uint16_t i = 0; i < count; i++) {
		struct cast_sim_node *node = &sim->nodes[i];

		node->config.buf_size = 300 + draw(&seed, 2000);
		node->config.buf_count = (uint8_t)(1 + draw(&seed, 6));
		node->config.params = draw(&seed, 4) != 0;
		node->config.v1_only = draw(&seed, 4) == 0;
		node->config.image_check = draw(&seed, 2) != 0;
		node->config.progressive = draw(&seed, 2) != 0;
		node->config.mode = (int8_t)(draw(&seed, 2) ? SIM_PEER_MODE_ABSENT : SIM_PEER_MODE_MOVE);
		node->config.service_ms = draw(&seed, 40);
		node->config.dead_image = draw(&seed, 12) == 0;
		node->config.watchdog_ms = draw(&seed, 8) ? 0 : 5000 + draw(&seed, 20000);
		node->link.delay_ms = draw(&seed, 60);
		node->link.bytes_per_s = draw(&seed, 3) ? 0 : 500 + draw(&seed, 20000);
		node->link.loss_ppm = draw(&seed, 3) ? 0 : draw(&seed, 30000);
		node->link.appears_ms = draw(&seed, 4) ? 0 : draw(&seed, 20000);
		if (draw(&seed, 2)) {
			node->link.flags = DFUCAST_LINK_ORDERED;
		}
		if (draw(&seed, 3) == 0) {
			cast_sim_make_ble(node, (uint16_t)(draw(&seed, 2) ? 244 : 495));
		} else if (node->config.buf_size < 256) {
			node->link.frame_fallback = 128;
		}
		if (draw(&seed, 3) == 0) {
			cast_sim_fault(node,
				       (struct sim_peer_fault){.kind = (uint8_t)(1 + draw(&seed, 15)),
							       .uploads = draw(&seed, 2) != 0,
							       .first = draw(&seed, 60),
							       .count = draw(&seed, 3),
							       .value = draw(&seed, 5) * draw(&seed, 5000)});
		}
	}
	return sim;
}

static void random_fleets(void **state)
{
	unsigned int ends[DFUCAST_STATE_COUNT] = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= RANDOM_FLEETS; seed++) {
		struct cast_sim *sim = random_fleet(seed);

		cast_sim_run(sim);
		for (uint16_t i = 0; i < sim->count; i++) {
			ends[sim->nodes[i].status.state]++;
		}
		cast_sim_free(sim);
	}
	assert_true(ends[DFUCAST_STATE_DONE] > 600);
	assert_true(ends[DFUCAST_STATE_HELD] > 0 && ends[DFUCAST_STATE_BEHIND] > 0);
	assert_true(ends[DFUCAST_STATE_REVERTED] > 0 && ends[DFUCAST_STATE_FAILED] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_pass_feeds_all),
	    cmocka_unit_test(four_take_no_longer_than_one),
	    cmocka_unit_test(a_slow_source),
	    cmocka_unit_test(a_straggler_is_caught_up),
	    cmocka_unit_test(a_straggler_of_a_source_without_return_ends_behind),
	    cmocka_unit_test(a_lost_link_is_back_in_time),
	    cmocka_unit_test(back_behind_the_ring_in_the_middle_of_a_frame),
	    cmocka_unit_test(all_there_in_the_middle_of_a_frame),
	    cmocka_unit_test(as_many_passes_as_allowed),
	    cmocka_unit_test(a_straggler_in_the_middle_of_a_frame),
	    cmocka_unit_test(all_speeds),
	    cmocka_unit_test(erasing_is_not_slowness),
	    cmocka_unit_test(a_late_one_gets_a_pass_of_its_own),
	    cmocka_unit_test(who_comes_while_gathering_shares_the_pass),
	    cmocka_unit_test(the_first_one_ready_fails),
	    cmocka_unit_test(every_kind_of_trouble_at_once),
	    cmocka_unit_test(answers_of_a_dead_link),
	    cmocka_unit_test(two_casts_side_by_side),
	    cmocka_unit_test(stopped_at_any_time),
	    cmocka_unit_test(random_fleets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
