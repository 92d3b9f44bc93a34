/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two images in one run: both uploaded and verified, both marked, one reset, both checked. A set is made permanent before
 * the reset, since a device confirms only image 0 after it.
 */
#include "cast_sim.h"
#include <dfucast/ble.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FIRST_BYTES 20000u
#define SECOND_BYTES 9000u

static struct cast_sim *fleet(uint16_t count)
{
	struct cast_sim *sim = cast_sim_new(count, FIRST_BYTES);

	cast_sim_second(sim, SECOND_BYTES);
	return sim;
}

static bool runs_new(const struct cast_sim *sim, uint16_t index, unsigned int image)
{
	const struct sim_peer *peer = &sim->nodes[index].peer;
	uint32_t base = image == 0 ? 0 : FIRST_BYTES;

	return memcmp(peer->slots[2 * image].bytes, sim->image + base,
		      image == 0 ? FIRST_BYTES : SECOND_BYTES) == 0;
}

static void ends(const struct cast_sim *sim, uint16_t index, const char *outcome)
{
	const struct cast_sim_node *node = &sim->nodes[index];

	if (strcmp(cast_sim_outcome(node), outcome) != 0) {
		fail_msg("node %u: %s instead of %s: %s, %s", index, cast_sim_outcome(node), outcome,
			 node->states, node->trace);
	}
}

static void both_new(const struct cast_sim *sim, uint16_t index)
{
	const struct sim_peer *peer = &sim->nodes[index].peer;

	ends(sim, index, "done");
	for (unsigned int image = 0; image < 2; image++) {
		assert_true(runs_new(sim, index, image));
		assert_true(peer->slots[2 * image].image_ok);
	}
	assert_int_equal(sim->nodes[index].status.holds, DFUCAST_HOLDS_IMAGE);
}

static void one_run(void **state)
{
	struct cast_sim *sim = fleet(1);
	const struct cast_sim_node *node = &sim->nodes[0];

	(void)state;
	cast_sim_run(sim);
	both_new(sim, 0);
	/* Image 1 is marked first, image 0 last; one reset. */
	assert_string_equal(node->trace,
			    "params mode slots list first echo stream list first echo stream list test list "
			    "test list reset list");
	assert_int_equal(node->peer.boots, 1);
	assert_int_equal(node->status.sent_bytes, FIRST_BYTES + SECOND_BYTES - 64);
	assert_int_equal(node->status.offset, FIRST_BYTES + SECOND_BYTES);
	assert_int_equal(sim->cast.passes, 1);
	cast_sim_free(sim);
}

/* A small ring, many devices, one of them slow: each takes both, whatever the ring has dropped. */
static void through_a_small_ring(void **state)
{
	(void)state;
	for (uint32_t ring = 2048; ring <= 65536; ring *= 2) {
		struct cast_sim *sim = fleet(5);

		sim->config.ring_bytes = ring;
		sim->nodes[2].link.bytes_per_s = 3000;
		sim->nodes[4].link.appears_ms = 12000;
		cast_sim_run(sim);
		for (uint16_t i = 0; i < 5; i++) {
			both_new(sim, i);
		}
		cast_sim_free(sim);
	}
}

static void waves_and_ble(void **state)
{
	struct cast_sim *sim = fleet(7);

	(void)state;
	sim->config.links_max = 3;
	for (uint16_t i = 0; i < 7; i++) {
		cast_sim_make_ble(&sim->nodes[i], 244);
		sim->nodes[i].config.buf_size = 2475;
	}
	cast_sim_run(sim);
	for (uint16_t i = 0; i < 7; i++) {
		both_new(sim, i);
	}
	cast_sim_free(sim);
}

/* What a device holds of the set already is not sent again. */
static void parts_held_already(void **state)
{
	(void)state;
	for (unsigned int held = 1; held < 4; held++) {
		struct cast_sim *sim = fleet(1);
		struct cast_sim_node *node = &sim->nodes[0];

		if (held & 1) { /* image 0 staged */
			node->preset = sim->image;
			node->preset_bytes = FIRST_BYTES;
		}
		if (held & 2) { /* image 1 runs */
			node->config.second = sim->image + FIRST_BYTES;
			node->config.second_bytes = SECOND_BYTES;
		}
		cast_sim_run(sim);
		both_new(sim, 0);
		assert_int_equal(node->writes, (held & 1 ? 0 : FIRST_BYTES) + (held & 2 ? 0 : SECOND_BYTES));
		assert_int_equal(node->peer.boots, 1);
		cast_sim_free(sim);
	}
}

static void runs_both_already(void **state)
{
	struct cast_sim *sim = fleet(1);
	struct cast_sim_node *node = &sim->nodes[0];

	(void)state;
	node->config.second = sim->image + FIRST_BYTES;
	node->config.second_bytes = SECOND_BYTES;
	node->preset = sim->image;
	node->preset_bytes = FIRST_BYTES;
	node->preset_magic = true;
	node->preset_image_ok = true;
	node->preset_boot = true;
	cast_sim_run(sim);
	ends(sim, 0, "done");
	assert_string_equal(node->trace, "params mode slots list");
	cast_sim_free(sim);
}

static void modes(void **state)
{
	static const struct {
		uint8_t mode;
		bool no_reset;
		uint8_t holds;
		uint32_t boots;
	} cases[] = {
	    {DFUCAST_MODE_UPLOAD, false, DFUCAST_HOLDS_STAGED, 0},
	    {DFUCAST_MODE_TEST, false, DFUCAST_HOLDS_TRIAL, 1},
	    {DFUCAST_MODE_TEST, true, DFUCAST_HOLDS_PENDING, 0},
	    {DFUCAST_MODE_CONFIRM, true, DFUCAST_HOLDS_PENDING, 0},
	    {DFUCAST_MODE_CONFIRM, false, DFUCAST_HOLDS_IMAGE, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cast_sim *sim = fleet(2);

		sim->plan.mode = cases[i].mode;
		sim->plan.no_reset = cases[i].no_reset;
		cast_sim_run(sim);
		for (uint16_t k = 0; k < 2; k++) {
			ends(sim, k, "done");
			assert_int_equal(sim->nodes[k].status.holds, cases[i].holds);
			assert_int_equal(sim->nodes[k].peer.boots, cases[i].boots);
			assert_int_equal(sim->nodes[k].peer.slots[1].magic, cases[i].no_reset);
			assert_int_equal(sim->nodes[k].peer.slots[3].magic, cases[i].no_reset);
		}
		cast_sim_free(sim);
	}
}

/* On trial after --mode test: both go back at the next reset, and the set can be brought again. */
static void a_test_reverts_whole(void **state)
{
	struct cast_sim *sim = fleet(1);

	(void)state;
	sim->plan.mode = DFUCAST_MODE_TEST;
	cast_sim_run(sim);
	assert_true(runs_new(sim, 0, 0) && runs_new(sim, 0, 1));
	sim_peer_reset(&sim->nodes[0].peer, sim->now + 1000);
	sim_peer_tick(&sim->nodes[0].peer, sim->now + 60000);
	assert_false(runs_new(sim, 0, 0) || runs_new(sim, 0, 1));
	cast_sim_free(sim);
}

/* A server for one image ignores the number and would write image 1 over image 0's slot: left alone. */
static void no_such_image(void **state)
{
	struct cast_sim *sim = fleet(1);

	(void)state;
	sim->nodes[0].config.images = 1;
	cast_sim_run(sim);
	ends(sim, 0, "failed no_such_image");
	assert_int_equal(sim->nodes[0].writes, 0);
	assert_int_equal(sim->nodes[0].peer.writes, 0);
	cast_sim_free(sim);
}

/* It refuses to make image 1 permanent: nothing is marked, nothing is reset. */
static void other_images_cannot_be_confirmed(void **state)
{
	struct cast_sim *sim = fleet(2);

	(void)state;
	sim->nodes[0].config.keeps_others = true;
	sim->config.max_failed = 2;
	cast_sim_run(sim);
	ends(sim, 0, "failed refused");
	assert_int_equal(sim->nodes[0].status.outcome.rc, 32);
	assert_false(sim->nodes[0].peer.slots[1].magic || sim->nodes[0].peer.slots[3].magic);
	assert_int_equal(sim->nodes[0].peer.boots, 0);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_STAGED);
	both_new(sim, 1);
	cast_sim_free(sim);
}

static void too_large_for_its_slot(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, FIRST_BYTES);

	(void)state;
	cast_sim_second(sim, 70000);
	sim->nodes[0].config.second_bytes = 0; /* what runs there is as large: not put there */
	sim->nodes[0].config.second = NULL;
	cast_sim_run(sim);
	ends(sim, 0, "failed image_too_large");
	assert_int_equal(sim->nodes[0].writes, 0);
	cast_sim_free(sim);
}

/* Image 1 is older than what runs: the set is not brought, and image 0 neither. */
static void one_of_them_older(void **state)
{
	struct cast_sim *sim = fleet(1);

	(void)state;
	sim->second.version = (struct dfucast_version){.major = 1, .minor = 4};
	cast_sim_run(sim);
	ends(sim, 0, "skipped downgrade");
	assert_int_equal(sim->nodes[0].writes, 0);
	cast_sim_free(sim);
}

static void somebody_elses_image_1(void **state)
{
	struct cast_sim *sim = fleet(1);

	(void)state;
	cast_sim_begin(sim);
	/* Another client has put a third image there, to start at the next reset. */
	memcpy(sim->nodes[0].peer.slots[3].bytes, sim->other, 64);
	memcpy(sim->nodes[0].peer.slots[3].bytes, sim->other, sim->other_bytes);
	sim->nodes[0].peer.slots[3].magic = true;
	while (cast_sim_step(sim)) {
	}
	ends(sim, 0, "failed other_image_pending");
	assert_int_equal(sim->nodes[0].writes, 0);
	cast_sim_free(sim);
}

/* The bootloader refuses one of them, after both had been verified: said so, in whatever state that leaves the device. */
static void one_is_refused(void **state)
{
	(void)state;
	for (unsigned int image = 0; image < 2; image++) {
		struct cast_sim *sim = fleet(2);

		/* A bit of the payload is stored wrong, which no list shows. */
		cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_FLIP,
								       .uploads = true,
								       .first = image == 0 ? 3 : 25,
								       .count = 1});
		cast_sim_run(sim);
		ends(sim, 0, "failed set_torn");
		assert_int_equal(runs_new(sim, 0, 0), image == 1);
		assert_int_equal(runs_new(sim, 0, 1), image == 0);
		/* It was the canary. */
		ends(sim, 1, "held held_max_failed");
		cast_sim_free(sim);
	}
}

static void both_are_refused(void **state)
{
	struct cast_sim *sim = fleet(1);

	(void)state;
	for (uint32_t at = 3; at < 26; at += 22) {
		cast_sim_fault(&sim->nodes[0],
			       (struct sim_peer_fault){
				   .kind = SIM_PEER_FAULT_FLIP, .uploads = true, .first = at, .count = 1});
	}
	cast_sim_run(sim);
	ends(sim, 0, "rejected rejected_by_bootloader");
	cast_sim_free(sim);
}

/* Each kind of trouble once at each request: both images new in the end, or honestly not; never one of them alone. */
static void trouble_everywhere(void **state)
{
	static const uint8_t kinds[] = {SIM_PEER_FAULT_LOSE_REQUEST,      SIM_PEER_FAULT_LOSE_ANSWER,
					SIM_PEER_FAULT_DUPLICATE_REQUEST, SIM_PEER_FAULT_DISCONNECT,
					SIM_PEER_FAULT_MALFORMED,         SIM_PEER_FAULT_RESET};
	struct cast_sim *whole = fleet(1);

	(void)state;
	cast_sim_run(whole);
	uint32_t requests = whole->nodes[0].peer.requests;

	cast_sim_free(whole);
	for (size_t kind = 0; kind < sizeof(kinds); kind++) {
		for (uint32_t at = 0; at < requests; at++) {
			struct cast_sim *sim = fleet(1);

			cast_sim_fault(&sim->nodes[0],
				       (struct sim_peer_fault){
					   .kind = kinds[kind], .first = at, .count = 1, .value = at % 2});
			cast_sim_run(sim);
			if (runs_new(sim, 0, 0) != runs_new(sim, 0, 1)) {
				/* A reset by itself between the two marks starts what is marked: image 1 alone. */
				assert_int_equal(kinds[kind], SIM_PEER_FAULT_RESET);
				assert_true(runs_new(sim, 0, 1));
			}
			if (kinds[kind] != SIM_PEER_FAULT_RESET) {
				both_new(sim, 0);
			} else if (strcmp(cast_sim_outcome(&sim->nodes[0]), "done") == 0) {
				both_new(sim, 0);
			} else {
				ends(sim, 0, "failed set_torn");
			}
			cast_sim_free(sim);
		}
	}
}

/* One of them runs already, on trial: the reset that starts the other would take it back. */
static void one_of_them_on_trial(void **state)
{
	(void)state;
	for (uint8_t mode = DFUCAST_MODE_TEST; mode <= DFUCAST_MODE_UPLOAD; mode++) {
		struct cast_sim *sim = fleet(1);
		struct cast_sim_node *node = &sim->nodes[0];

		sim->plan.mode = mode;
		node->preset = sim->image;
		node->preset_bytes = FIRST_BYTES;
		node->preset_magic = true;
		node->preset_boot = true;
		cast_sim_run(sim);
		if (mode == DFUCAST_MODE_UPLOAD) {
			ends(sim, 0, "done");
		} else {
			ends(sim, 0, "failed other_image_on_trial");
			assert_int_equal(node->status.holds, DFUCAST_HOLDS_TRIAL);
			assert_int_equal(node->writes, 0);
		}
		assert_int_equal(node->peer.boots, 1); /* before the run */
		assert_true(runs_new(sim, 0, 0));
		cast_sim_free(sim);
	}
}

/* It resets by itself at each request, on links that stay and on those that do not: what it holds is told as it is. */
static void resets_itself(void **state)
{
	struct cast_sim *whole = fleet(1);

	(void)state;
	cast_sim_run(whole);
	uint32_t requests = whole->nodes[0].peer.requests;

	cast_sim_free(whole);
	for (uint32_t i = 0; i < 4 * requests; i++) {
		struct cast_sim *sim = fleet(1);
		struct cast_sim_node *node = &sim->nodes[0];
		bool is_test = i & 1;

		sim->plan.mode = is_test ? DFUCAST_MODE_TEST : DFUCAST_MODE_CONFIRM;
		node->link.flags = i & 2 ? DFUCAST_LINK_ORDERED : node->link.flags;
		cast_sim_fault(
		    node, (struct sim_peer_fault){.kind = SIM_PEER_FAULT_RESET, .first = i / 4, .count = 1});
		cast_sim_run(sim);
		bool first = runs_new(sim, 0, 0);
		bool second = runs_new(sim, 0, 1);

		if (strcmp(cast_sim_outcome(node), "done") == 0) {
			assert_true(first && second);
			assert_int_equal(node->status.holds,
					 is_test ? DFUCAST_HOLDS_TRIAL : DFUCAST_HOLDS_IMAGE);
		} else if (strcmp(cast_sim_outcome(node), "reverted reverted") == 0) {
			assert_true(is_test && !first && !second);
			assert_int_equal(node->status.holds, DFUCAST_HOLDS_AS_BEFORE);
		} else {
			/* Between the marks: not reset once more. */
			ends(sim, 0, "failed set_torn");
			assert_true(is_test && !first && second);
			assert_int_equal(node->status.holds, DFUCAST_HOLDS_TRIAL);
			assert_int_equal(node->peer.boots, 1);
		}
		cast_sim_free(sim);
	}
}

/* Interrupted and run again, at every stage: the second run brings the rest. */
static void again_after_a_stop(void **state)
{
	(void)state;
	for (uint32_t stop = 200; stop < 6000; stop += 150) {
		struct cast_sim *sim = fleet(1);
		struct cast_sim *next = fleet(1);

		sim->stop_ms = stop;
		cast_sim_run(sim);
		/* The second run's device is the first one's. */
		cast_sim_begin(next);
		for (unsigned int i = 0; i < 4; i++) {
			memcpy(next->nodes[0].peer.slots[i].bytes, sim->nodes[0].peer.slots[i].bytes,
			       next->nodes[0].config.slot_bytes);
			next->nodes[0].peer.slots[i].magic = sim->nodes[0].peer.slots[i].magic;
			next->nodes[0].peer.slots[i].image_ok = sim->nodes[0].peer.slots[i].image_ok;
			next->nodes[0].peer.slots[i].copy_done = sim->nodes[0].peer.slots[i].copy_done;
		}
		while (cast_sim_step(next)) {
		}
		both_new(next, 0);
		cast_sim_free(sim);
		cast_sim_free(next);
	}
}

static void fresh_sends_both(void **state)
{
	struct cast_sim *sim = fleet(1);
	struct cast_sim_node *node = &sim->nodes[0];

	(void)state;
	sim->plan.fresh = true;
	node->preset = sim->image;
	node->preset_bytes = FIRST_BYTES;
	cast_sim_fault(node,
		       (struct sim_peer_fault){
			   .kind = SIM_PEER_FAULT_DISCONNECT, .uploads = true, .first = 12, .count = 1});
	cast_sim_run(sim);
	both_new(sim, 0);
	assert_true(node->writes >= FIRST_BYTES + SECOND_BYTES);
	cast_sim_free(sim);
}

static void dry_run(void **state)
{
	struct cast_sim *sim = fleet(1);

	(void)state;
	sim->plan.dry_run = true;
	cast_sim_run(sim);
	ends(sim, 0, "done");
	assert_string_equal(sim->nodes[0].trace, "params mode slots list");
	cast_sim_free(sim);
}

/* The answer to an earlier chunk claims all of image 0 while its last chunk is half sent: that frame is still read to its end. */
static void claimed_whole_in_the_middle_of_a_frame(void **state)
{
	(void)state;
	for (uint32_t first = 0; first < 24; first++) {
		struct cast_sim *sim = fleet(1);

		cast_sim_make_ble(&sim->nodes[0], 100);
		sim->nodes[0].link.bytes_per_s = 20000;
		cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_CLAIM,
								       .uploads = true,
								       .first = first,
								       .count = 1,
								       .value = FIRST_BYTES});
		cast_sim_run(sim);
		both_new(sim, 0);
		cast_sim_free(sim);
	}
}

struct received {
	unsigned int frames;
	size_t bytes;
};

static void take(void *context, const uint8_t *frame, size_t length)
{
	struct received *got = context;

	(void)frame;
	got->frames++;
	got->bytes = length;
}

/* Four slots with versions as long as the model has: the list comes through a pool of the size that the library names,
 * and would with 64-byte hashes. */
static void a_list_of_four_slots_fits(void **state)
{
	static const uint8_t version[4] = {200, 200, 200, 200};
	static const uint8_t request[] = {0x00, 0, 0, 1, 0, 1, 7, 0, 0xA0};
	static uint8_t memory[DFUCAST_BLE_LONG_ANSWER_BYTES];
	static uint8_t answer[4096];
	struct cast_sim *sim = fleet(1);
	struct sim_peer *peer = &sim->nodes[0].peer;
	struct dfucast_ble_pool pool;
	struct dfucast_ble_link link = {0};
	struct received got = {0};
	size_t length = 0;

	(void)state;
	cast_sim_run(sim);
	peer->config.buf_size = sizeof(answer);
	for (unsigned int slot = 0; slot < 4; slot++) {
		sim_peer_image_make(peer->slots[slot].bytes, 1000, version, slot);
		peer->slots[slot].displaced = false;
	}
	sim_peer_receive(peer, request, sizeof(request), sim->now);
	for (uint32_t ms = 0; ms < 2000 && length == 0; ms++) {
		sim_peer_tick(peer, ++sim->now);
		length = sim_peer_answer(peer, answer, sizeof(answer), sim->now);
	}
	assert_in_range(length, 520, sizeof(memory) - 4 * 33);
	dfucast_ble_pool_init(&pool, memory, sizeof(memory), 1);
	for (size_t at = 0; at < length; at += 244) {
		dfucast_ble_recv(&link, &pool, answer + at, length - at < 244 ? length - at : 244,
				 &(struct dfucast_frame_sink){.frame = take, .context = &got});
	}
	assert_int_equal(got.frames, 1);
	assert_int_equal(got.bytes, length);
	cast_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(claimed_whole_in_the_middle_of_a_frame),
	    cmocka_unit_test(one_run),
	    cmocka_unit_test(through_a_small_ring),
	    cmocka_unit_test(waves_and_ble),
	    cmocka_unit_test(parts_held_already),
	    cmocka_unit_test(runs_both_already),
	    cmocka_unit_test(modes),
	    cmocka_unit_test(a_test_reverts_whole),
	    cmocka_unit_test(no_such_image),
	    cmocka_unit_test(other_images_cannot_be_confirmed),
	    cmocka_unit_test(too_large_for_its_slot),
	    cmocka_unit_test(one_of_them_older),
	    cmocka_unit_test(somebody_elses_image_1),
	    cmocka_unit_test(one_is_refused),
	    cmocka_unit_test(both_are_refused),
	    cmocka_unit_test(trouble_everywhere),
	    cmocka_unit_test(one_of_them_on_trial),
	    cmocka_unit_test(resets_itself),
	    cmocka_unit_test(again_after_a_stop),
	    cmocka_unit_test(fresh_sends_both),
	    cmocka_unit_test(dry_run),
	    cmocka_unit_test(a_list_of_four_slots_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
