/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rare trouble that once harmed a device or hung a run: each case is a scenario that somebody thought of on reading
 * the code, with the rule it once broke.
 */
#include "cast_sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 20000u
#define LONG_MS 3000000u

/* Runs to the end; "time stands still" and an endless run fail inside. */
static void ends(struct cast_sim *sim, uint16_t node, const char *outcome)
{
	sim->limit_ms = LONG_MS;
	cast_sim_run(sim);
	assert_string_equal(cast_sim_outcome(&sim->nodes[node]), outcome);
}

/* Steps until `word` shows in the node's trace of requests. */
static void until(struct cast_sim *sim, uint16_t node, const char *word)
{
	while (strstr(sim->nodes[node].trace, word) == NULL) {
		assert_true(cast_sim_step(sim));
	}
}

static void to_the_end(struct cast_sim *sim)
{
	while (cast_sim_step(sim)) {
	}
}

/* A frame too small for one data byte: nothing to send and no timer. */
static void frames_that_cannot_shrink_further(void **state)
{
	static const struct sim_peer_fault faults[] = {
	    {.kind = SIM_PEER_FAULT_RC, .uploads = true, .first = 3, .count = 1, .value = 9},
	    {.kind = SIM_PEER_FAULT_LOSE_REQUEST, .uploads = true, .first = 0, .count = 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		cast_sim_make_ble(&sim->nodes[0], 20);
		cast_sim_fault(&sim->nodes[0], faults[i]);
		ends(sim, 0, "done");
		cast_sim_free(sim);
	}
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	sim->plan.retries = 20;
	cast_sim_fault(&sim->nodes[0],
		       (struct sim_peer_fault){.kind = SIM_PEER_FAULT_LOSE_REQUEST, .uploads = true});
	ends(sim, 0, "failed silent");
	cast_sim_free(sim);
}

/* Rule 6: "busy" is no answer to the question whether there is a way back. */
static void busy_is_not_unknown(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->nodes[0].config.mode = SIM_PEER_MODE_OVERWRITE;
	cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){
					   .kind = SIM_PEER_FAULT_RC, .first = 1, .count = 1, .value = 10});
	ends(sim, 0, "skipped no_way_back");
	cast_sim_free(sim);
}

/* Rule 8: what was asked for may have been done, whether or not the answer came. */
static void stopped_before_the_answer(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	cast_sim_begin(sim);
	until(sim, 0, "list test");
	dfucast_cast_stop(&sim->cast, DFUCAST_ERR_ABORTED, sim->now);
	to_the_end(sim);
	dfucast_cast_status(&sim->cast, 0, &sim->nodes[0].status);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_PENDING);
	cast_sim_free(sim);

	sim = cast_sim_new(1, IMAGE_BYTES);
	sim->nodes[0].preset = sim->image;
	sim->nodes[0].preset_bytes = sim->image_bytes;
	sim->plan.fresh = true;
	cast_sim_begin(sim);
	until(sim, 0, "erase");
	dfucast_cast_stop(&sim->cast, DFUCAST_ERR_ABORTED, sim->now);
	to_the_end(sim);
	dfucast_cast_status(&sim->cast, 0, &sim->nodes[0].status);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_PART);
	cast_sim_free(sim);
}

/* Rule 5: somebody made the staged image permanent while it waited; a reset would leave no way back. */
static void armed_while_it_waits(void **state)
{
	struct cast_sim *sim = cast_sim_new(2, IMAGE_BYTES);
	struct dfucast_status status;
	bool armed = false;

	(void)state;
	sim->plan.soak_ms = 20000;
	cast_sim_begin(sim);
	while (cast_sim_step(sim)) {
		dfucast_cast_status(&sim->cast, 1, &status);
		if (!armed && status.state == DFUCAST_STATE_WAITING) {
			armed = true;
			sim->nodes[1].peer.slots[1].magic = true;
			sim->nodes[1].peer.slots[1].image_ok = true;
		}
	}
	assert_true(armed);
	dfucast_cast_status(&sim->cast, 1, &sim->nodes[1].status);
	assert_string_equal(cast_sim_outcome(&sim->nodes[1]), "failed state_changed");
	assert_null(strstr(sim->nodes[1].trace, "reset"));
	cast_sim_free(sim);
}

/* Slowness costs a further pass, never the device: fourteen speeds, each three fifths of the last. */
static void fourteen_speeds(uint32_t image_bytes, uint32_t ring_bytes, uint16_t buf_size)
{
	struct cast_sim *sim = cast_sim_new(14, image_bytes);
	uint32_t bytes_per_s = 60000;

	sim->config.ring_bytes = ring_bytes;
	sim->config.canary = 0;
	for (uint16_t i = 0; i < 14; i++) {
		sim->nodes[i].config.slot_bytes = 0x80000;
		if (buf_size != 0) {
			sim->nodes[i].config.buf_size = buf_size;
		}
		sim->nodes[i].link.bytes_per_s = bytes_per_s;
		bytes_per_s = bytes_per_s * 3 / 5 > 300 ? bytes_per_s * 3 / 5 : 300;
	}
	sim->limit_ms = 3600000;
	cast_sim_run(sim);
	for (uint16_t i = 0; i < 14; i++) {
		assert_string_equal(cast_sim_outcome(&sim->nodes[i]), "done");
	}
	cast_sim_free(sim);
}

static void many_speeds(void **state)
{
	(void)state;
	fourteen_speeds(400000, 65536, 0);
}

/* Lost links count only while nothing moves between them. */
static void links_lost_with_progress_between(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, 90000);

	(void)state;
	sim->nodes[0].link.flags = DFUCAST_LINK_ORDERED;
	sim->nodes[0].config.slot_bytes = 0x40000;
	for (uint32_t i = 0; i < 5; i++) {
		cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_DISCONNECT,
								       .uploads = true,
								       .first = 30u * (i + 1u),
								       .count = 1});
	}
	ends(sim, 0, "done");
	cast_sim_free(sim);
}

/* It said that it will reset and takes its time: it is waited for, not asked again and given up. */
static void resets_late(void **state)
{
	(void)state;
	for (uint32_t late = 2500; late <= 10000; late += 2500) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->nodes[0].config.reset_ms = late;
		ends(sim, 0, "done");
		cast_sim_free(sim);
	}
}

/* A device for two images, of which the plan has the first. */
static struct cast_sim *of_two_images(void)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	sim->nodes[0].config.images = 2;
	sim->nodes[0].config.second = sim->factory;
	sim->nodes[0].config.second_bytes = sim->factory_bytes;
	sim->nodes[0].config.buf_size = 1024;
	return sim;
}

/* Busy when it is to reset: asked again later, each time after another look. */
static void busy_when_it_is_to_reset(void **state)
{
	struct cast_sim *whole = of_two_images();

	(void)state;
	ends(whole, 0, "done");
	uint32_t reset = whole->nodes[0].peer.requests - 4; /* list, confirm and list come behind it */

	cast_sim_free(whole);
	for (uint32_t times = 1; times <= 5; times++) {
		for (unsigned int marked = 0; marked < 2; marked++) {
			struct cast_sim *sim = of_two_images();
			struct cast_sim_node *node = &sim->nodes[0];

			for (uint32_t i = 0; i < times; i++) {
				cast_sim_fault(node, (struct sim_peer_fault){.kind = SIM_PEER_FAULT_RC,
									     .first = reset + 2 * i,
									     .count = 1,
									     .value = DFUCAST_SMP_RC_BUSY});
			}
			cast_sim_begin(sim);
			while (cast_sim_step(sim)) {
				if (marked && strstr(node->trace, "reset") != NULL) {
					/* Somebody marks another image meanwhile: not started along with it. */
					memcpy(node->peer.slots[3].bytes, sim->other, sim->other_bytes);
					node->peer.slots[3].magic = true;
				}
			}
			assert_string_equal(cast_sim_outcome(node), marked      ? "failed state_changed"
								    : times < 5 ? "done"
										: "failed refused");
			assert_int_equal(node->peer.boots, !marked && times < 5);
			assert_true(times < 5 || marked || node->status.outcome.rc == DFUCAST_SMP_RC_BUSY);
			cast_sim_free(sim);
		}
	}
}

/* The package's image 1 on a server for one image, by itself: said so, and not written over image 0's slot. */
static void no_image_of_this_number(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->plan.image = 1;
	sim->plan.mode = DFUCAST_MODE_UPLOAD;
	ends(sim, 0, "failed no_such_image");
	assert_int_equal(sim->nodes[0].writes, 0);
	cast_sim_free(sim);
}

/* An answer without a list, or with an empty one, is no sign of serial recovery: nobody is reset for it. */
static void no_list_is_no_recovery(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= 2; count++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);
		struct cast_sim_node *node = &sim->nodes[0];

		node->config.mode = SIM_PEER_MODE_ABSENT;
		cast_sim_fault(
		    node, (struct sim_peer_fault){
			      .kind = SIM_PEER_FAULT_MALFORMED, .first = 3, .count = count - 1, .value = 4});
		ends(sim, 0, count == 2 ? "done" : "failed malformed_answer");
		assert_int_equal(node->peer.boots, count == 2);
		cast_sim_free(sim);
	}
	for (unsigned int set = 0; set < 2; set++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);
		struct cast_sim_node *node = &sim->nodes[0];

		if (set) {
			cast_sim_second(sim, IMAGE_BYTES);
		}
		node->config.mode = SIM_PEER_MODE_ABSENT;
		node->config.frugal = true;
		cast_sim_begin(sim);
		memset(node->peer.slots[0].bytes, 0xFF,
		       64); /* it runs something that its server cannot read */
		if (set) {
			memset(node->peer.slots[2].bytes, 0xFF, 64);
		}
		while (cast_sim_step(sim)) {
		}
		assert_string_equal(cast_sim_outcome(node), "failed serial_recovery");
		assert_string_equal(node->trace, "params mode slots list");
		cast_sim_free(sim);
	}
}

/* A device that takes back what it acknowledged costs the source a bounded number of passes. */
static void goes_back_for_ever(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, 90000);

	(void)state;
	sim->nodes[0].config.slot_bytes = 0x40000;
	cast_sim_fault(
	    &sim->nodes[0],
	    (struct sim_peer_fault){.kind = SIM_PEER_FAULT_BACK, .uploads = true, .first = 10, .value = 32});
	ends(sim, 0, "failed no_progress");
	assert_true(sim->cast.passes <= 6);
	cast_sim_free(sim);
}

/* One byte of each chunk: what is sent stays within four times the image and a little. */
static void takes_one_byte_of_each(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	cast_sim_fault(&sim->nodes[0],
		       (struct sim_peer_fault){.kind = SIM_PEER_FAULT_TAKE, .uploads = true, .value = 1});
	ends(sim, 0, "failed no_progress");
	assert_true(sim->nodes[0].status.sent_bytes <= 4 * IMAGE_BYTES + 70000);
	cast_sim_free(sim);
}

/* With a small ring and long frames the slow are let go in the middle of their first one, pass after pass. */
static void many_speeds_and_a_small_ring(void **state)
{
	(void)state;
	fourteen_speeds(100000, 4096, 2475);
}

/* A server that does not tell its buffer, which is shorter than one write: found out once more after the link is lost. */
static void short_buffers_after_a_lost_link(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	cast_sim_make_ble(&sim->nodes[0], 495);
	sim->nodes[0].config.params = false;
	sim->nodes[0].config.buf_size = 384;
	cast_sim_fault(&sim->nodes[0],
		       (struct sim_peer_fault){
			   .kind = SIM_PEER_FAULT_DISCONNECT, .uploads = true, .first = 15, .count = 1});
	ends(sim, 0, "done");
	cast_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_that_cannot_shrink_further),
	    cmocka_unit_test(busy_is_not_unknown),
	    cmocka_unit_test(stopped_before_the_answer),
	    cmocka_unit_test(armed_while_it_waits),
	    cmocka_unit_test(short_buffers_after_a_lost_link),
	    cmocka_unit_test(many_speeds_and_a_small_ring),
	    cmocka_unit_test(many_speeds),
	    cmocka_unit_test(links_lost_with_progress_between),
	    cmocka_unit_test(resets_late),
	    cmocka_unit_test(busy_when_it_is_to_reset),
	    cmocka_unit_test(no_image_of_this_number),
	    cmocka_unit_test(no_list_is_no_recovery),
	    cmocka_unit_test(goes_back_for_ever),
	    cmocka_unit_test(takes_one_byte_of_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
