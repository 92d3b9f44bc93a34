/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fleets: who is activated when (canary, max-failed, barrier, image not proven), and more targets than links.
 */
#include "cast_sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 30000u

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

/* ---- gates ---- */

static void one_canary(void **state)
{
	struct cast_sim *sim = cast_sim_new(4, IMAGE_BYTES);

	(void)state;
	cast_sim_begin(sim);
	while (cast_sim_step(sim)) {
		/* Until one is done, one alone is under way. */
		if (sim->cast.succeeded == 0) {
			assert_true(sim->activating_peak <= 1);
		}
	}
	expect_all(sim, "done");
	assert_int_equal(sim->activating_peak, 3);
	cast_sim_free(sim);
}

static void no_canary_and_two(void **state)
{
	struct cast_sim *sim = cast_sim_new(4, IMAGE_BYTES);

	(void)state;
	sim->config.canary = 0;
	cast_sim_run(sim);
	expect_all(sim, "done");
	assert_int_equal(sim->activating_peak, 4);
	cast_sim_free(sim);

	sim = cast_sim_new(6, IMAGE_BYTES);
	sim->config.canary = 2;
	cast_sim_begin(sim);
	while (cast_sim_step(sim)) {
		if (sim->cast.succeeded < 2) {
			assert_true(sim->activating_peak <= 2);
		}
	}
	expect_all(sim, "done");
	assert_int_equal(sim->activating_peak, 4);
	cast_sim_free(sim);
}

/* The canary dies, reverts, or is refused: nobody else is touched. */
static void a_bad_canary_stops_the_fleet(void **state)
{
	(void)state;
	for (unsigned int how = 0; how < 3; how++) {
		struct cast_sim *sim = cast_sim_new(4, IMAGE_BYTES);

		for (uint16_t i = 0; i < 4; i++) {
			sim->nodes[i].config.dead_image = how < 2;
			sim->nodes[i].config.watchdog_ms = how == 1 ? 20000 : 0;
			if (how == 2) {
				cast_sim_fault(&sim->nodes[i],
					       (struct sim_peer_fault){.kind = SIM_PEER_FAULT_FLIP,
								       .uploads = true,
								       .first = 9,
								       .count = 1});
			}
		}
		cast_sim_run(sim);
		expect(sim, 0,
		       how == 0   ? "failed never_returned"
		       : how == 1 ? "reverted reverted"
				  : "rejected rejected_by_bootloader");
		for (uint16_t i = 1; i < 4; i++) {
			expect(sim, i, "held held_max_failed");
			assert_int_equal(sim->nodes[i].peer.boots, 0);
			assert_int_equal(sim->nodes[i].status.holds, DFUCAST_HOLDS_STAGED);
			assert_null(strstr(sim->nodes[i].trace, "test"));
		}
		cast_sim_free(sim);
	}
}

/* What the canary held was refused, and is sent once more: until that has run, nobody else is reset. */
static void a_canary_sent_once_more_keeps_its_place(void **state)
{
	struct cast_sim *sim = cast_sim_new(4, IMAGE_BYTES);
	uint8_t bad[IMAGE_BYTES];

	(void)state;
	memcpy(bad, sim->image, sizeof(bad));
	bad[5000] ^= 1; /* which no list shows */
	for (uint16_t i = 0; i < 4; i++) {
		sim->nodes[i].preset = bad;
		sim->nodes[i].preset_bytes = sizeof(bad);
	}
	cast_sim_begin(sim);
	while (cast_sim_step(sim)) {
		for (uint16_t i = 1; i < 4 && sim->cast.succeeded == 0; i++) {
			assert_int_equal(sim->nodes[i].peer.boots, 0);
		}
	}
	expect_all(sim, "done");
	cast_sim_free(sim);
}

static void max_failed(void **state)
{
	(void)state;
	for (uint16_t most = 0; most <= 5; most++) {
		struct cast_sim *sim = cast_sim_new(5, IMAGE_BYTES);
		uint16_t failed = 0;

		sim->config.max_failed = most;
		for (uint16_t i = 0; i < 5; i++) {
			sim->nodes[i].config.dead_image = true;
		}
		cast_sim_run(sim);
		for (uint16_t i = 0; i < 5; i++) {
			failed = (uint16_t)(failed + (sim->nodes[i].status.state == DFUCAST_STATE_FAILED));
			assert_int_equal(sim->nodes[i].peer.boots,
					 sim->nodes[i].status.state == DFUCAST_STATE_FAILED);
		}
		assert_int_equal(failed, most ? most : 1);
		cast_sim_free(sim);
	}
}

/* Without a canary the failures come together; those under way are seen through, the late ones are held. */
static void failures_after_the_canary(void **state)
{
	struct cast_sim *sim = cast_sim_new(4, IMAGE_BYTES);

	(void)state;
	sim->nodes[1].config.dead_image = true;
	sim->nodes[3].link.appears_ms = 15000; /* verified long after the others were activated */
	sim->nodes[3].config.service_ms = 900;
	cast_sim_run(sim);
	expect(sim, 0, "done");
	expect(sim, 1, "failed never_returned");
	expect(sim, 2, "done");
	expect(sim, 3, "held held_max_failed");
	cast_sim_free(sim);
}

static void failures_before_activation_do_not_count(void **state)
{
	struct cast_sim *sim = cast_sim_new(4, IMAGE_BYTES);

	(void)state;
	sim->nodes[0].link.open_err = DFUCAST_ERR_UNREACHABLE;
	sim->nodes[1].config.mode = 10;
	cast_sim_run(sim);
	expect(sim, 0, "failed unreachable");
	expect(sim, 1, "failed bootloader_mode");
	expect(sim, 2, "done");
	expect(sim, 3, "done");
	cast_sim_free(sim);
}

static void barrier(void **state)
{
	(void)state;
	for (uint16_t needed = 1; needed <= 4; needed++) {
		struct cast_sim *sim = cast_sim_new(4, IMAGE_BYTES);

		sim->config.barrier = needed;
		sim->config.canary = 0;
		sim->nodes[3].link.appears_ms = 18000;
		cast_sim_begin(sim);
		while (cast_sim_step(sim)) {
			if (needed == 4 && sim->nodes[3].status.state < DFUCAST_STATE_WAITING) {
				assert_int_equal(sim->activating_peak, 0);
			}
		}
		expect_all(sim, "done");
		cast_sim_free(sim);
	}
}

static void a_barrier_out_of_reach(void **state)
{
	struct cast_sim *sim = cast_sim_new(4, IMAGE_BYTES);

	(void)state;
	sim->config.barrier = 4;
	sim->nodes[2].link.open_err = DFUCAST_ERR_UNREACHABLE;
	cast_sim_run(sim);
	expect(sim, 0, "held held_barrier");
	expect(sim, 1, "held held_barrier");
	expect(sim, 2, "failed unreachable");
	expect(sim, 3, "held held_barrier");
	cast_sim_free(sim);
}

/* Nobody is tested or reset before the image is proven. */
static void an_image_not_proven_is_not_activated(void **state)
{
	struct cast_sim *sim = cast_sim_new(3, IMAGE_BYTES);

	(void)state;
	for (uint16_t i = 0; i < 3; i++) {
		sim->nodes[i].preset = sim->image;
		sim->nodes[i].preset_bytes = IMAGE_BYTES;
	}
	sim->verify_late = true; /* everybody holds it: no byte is streamed, none is hashed */
	sim->stop_ms = 60000;
	cast_sim_run(sim);
	expect_all(sim, "held aborted");
	for (uint16_t i = 0; i < 3; i++) {
		assert_string_equal(sim->nodes[i].trace, "params mode slots list list");
	}
	cast_sim_free(sim);
}

static void proven_by_the_stream(void **state)
{
	struct cast_sim *sim = cast_sim_new(3, IMAGE_BYTES);

	(void)state;
	sim->verify_late = true;
	sim->hashed = 32; /* the header comes with the plan */
	cast_sim_run(sim);
	expect_all(sim, "done");
	cast_sim_free(sim);
}

/* ---- waves ---- */

static void more_targets_than_links(void **state)
{
	static const uint16_t links[] = {1, 2, 4, 7};

	(void)state;
	for (unsigned int l = 0; l < 4; l++) {
		for (unsigned int ble = 0; ble < 2; ble++) {
			struct cast_sim *sim = cast_sim_new(20, 8000);

			sim->config.links_max = links[l];
			sim->plan.wait_ms = 600000;
			for (uint16_t i = 0; i < 20 && ble; i++) {
				cast_sim_make_ble(&sim->nodes[i], 244);
				sim->nodes[i].config.buf_size = 900;
			}
			cast_sim_run(sim);
			expect_all(sim, "done");
			assert_true(sim->links_peak <= links[l]);
			cast_sim_free(sim);
		}
	}
}

/* The canary is parked as well when links are short: it gets its link back for its activation. */
static void waves_with_a_barrier(void **state)
{
	struct cast_sim *sim = cast_sim_new(10, 8000);

	(void)state;
	sim->config.links_max = 3;
	sim->config.barrier = 10;
	sim->plan.wait_ms = 600000;
	cast_sim_run(sim);
	expect_all(sim, "done");
	cast_sim_free(sim);
}

static void waves_with_dead_ones(void **state)
{
	struct cast_sim *sim = cast_sim_new(9, 8000);

	(void)state;
	sim->config.links_max = 2;
	sim->config.max_failed = 9;
	sim->plan.wait_ms = 300000;
	for (uint16_t i = 0; i < 9; i += 3) {
		sim->nodes[i].link.open_err = DFUCAST_ERR_UNREACHABLE;
	}
	cast_sim_run(sim);
	for (uint16_t i = 0; i < 9; i++) {
		expect(sim, i, i % 3 ? "done" : "failed unreachable");
	}
	cast_sim_free(sim);
}

/* Late joiners of a wave share its pass, and its links are not held by swaps while others wait for one. */
static void as_many_passes_as_waves(void **state)
{
	static const struct {
		uint16_t count, links, canary, waves;
	} cases[] = {{20, 4, 0, 5},  {20, 5, 0, 4}, {24, 7, 0, 4},
		     {20, 19, 0, 2}, {20, 4, 1, 7}, {24, 12, 2, 3}};

	(void)state;
	for (unsigned int c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		for (unsigned int ble = 0; ble < 2; ble++) {
			struct cast_sim *sim = cast_sim_new(cases[c].count, IMAGE_BYTES);

			sim->config.links_max = cases[c].links;
			sim->config.canary = cases[c].canary;
			sim->plan.wait_ms = 600000;
			for (uint16_t i = 0; i < cases[c].count; i++) {
				if (ble) {
					cast_sim_make_ble(&sim->nodes[i], 244);
					sim->nodes[i].config.buf_size = 900;
				}
				sim->nodes[i].link.open_ms =
				    20 + 170u * (i % 9u); /* none comes with another */
			}
			cast_sim_run(sim);
			expect_all(sim, "done");
			/* A canary that runs lacks a link: the later waves may be so much smaller, not more. */
			assert_in_range(sim->cast.passes, (cases[c].count - 1) / cases[c].links + 1,
					cases[c].waves);
			assert_int_equal(sim->fed_bytes, sim->cast.passes * (IMAGE_BYTES - 32));
			cast_sim_free(sim);
		}
	}
}

/* The others of its wave wait for it as long as the gather time says, those of the next one not again. */
static void a_silent_one_holds_back_one_wave(void **state)
{
	uint32_t upload_ms[2];

	(void)state;
	for (unsigned int silent = 0; silent < 2; silent++) {
		struct cast_sim *sim = cast_sim_new(10, IMAGE_BYTES);

		sim->config.links_max = 4;
		sim->config.canary = 0;
		sim->plan.wait_ms = 300000;
		if (silent) {
			sim->nodes[5].link.open_err = DFUCAST_ERR_UNREACHABLE;
		}
		cast_sim_run(sim);
		for (uint16_t i = 0; i < 10; i++) {
			expect(sim, i, i == 5 && silent ? "failed unreachable" : "done");
		}
		assert_int_equal(sim->cast.passes, 3);
		upload_ms[silent] = sim->upload_ms;
		cast_sim_free(sim);
	}
	assert_in_range(upload_ms[1], upload_ms[0] + 4000, upload_ms[0] + 6000);
}

/* Whoever still waits for a link is uploaded to before those that hold the image are swapped; the canary is not kept. */
static void swaps_come_after_the_last_wave(void **state)
{
	struct cast_sim *sim = cast_sim_new(9, IMAGE_BYTES);
	uint16_t activated = 0;

	(void)state;
	sim->config.links_max = 3;
	sim->plan.wait_ms = 300000;
	for (uint16_t i = 0; i < 9; i++) {
		sim->nodes[i].link.bytes_per_s = 2000; /* a wave takes longer than the canary's swap */
	}
	cast_sim_begin(sim);
	while (cast_sim_step(sim)) {
		bool waits = false;

		for (uint16_t i = 0; i < 9; i++) {
			waits |= sim->nodes[i].status.state == DFUCAST_STATE_IDLE;
		}
		if (waits) {
			activated = sim->cast.activated;
			assert_true(activated <= 1);
		}
	}
	assert_int_equal(activated, 1);
	expect_all(sim, "done");
	cast_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_canary),
	    cmocka_unit_test(no_canary_and_two),
	    cmocka_unit_test(a_bad_canary_stops_the_fleet),
	    cmocka_unit_test(a_canary_sent_once_more_keeps_its_place),
	    cmocka_unit_test(max_failed),
	    cmocka_unit_test(failures_after_the_canary),
	    cmocka_unit_test(failures_before_activation_do_not_count),
	    cmocka_unit_test(barrier),
	    cmocka_unit_test(a_barrier_out_of_reach),
	    cmocka_unit_test(an_image_not_proven_is_not_activated),
	    cmocka_unit_test(proven_by_the_stream),
	    cmocka_unit_test(more_targets_than_links),
	    cmocka_unit_test(waves_with_a_barrier),
	    cmocka_unit_test(waves_with_dead_ones),
	    cmocka_unit_test(as_many_passes_as_waves),
	    cmocka_unit_test(a_silent_one_holds_back_one_wave),
	    cmocka_unit_test(swaps_come_after_the_last_wave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
