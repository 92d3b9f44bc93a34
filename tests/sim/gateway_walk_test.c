/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that does anything in any order: plans, uploads that stop and begin anew, commands, relays, other images, the
 * gateway's loss of power. Whatever it did, nobody runs an image that was not proven, and a host that does right
 * afterwards gets every device done.
 */
#include "gateway_checks.h"

#define DEVICES 3u
#define SMALL_BYTES 60000u
#ifndef WALK_SEEDS
#define WALK_SEEDS 40u
#endif

struct walk {
	struct gateway_sim *sim;
	uint64_t chance;
	uint32_t offset; /* as last answered */
	uint32_t steps;
};

static uint32_t below(struct walk *walk, uint32_t count)
{
	walk->chance ^= walk->chance << 13;
	walk->chance ^= walk->chance >> 7;
	walk->chance ^= walk->chance << 17;
	return (uint32_t)(walk->chance >> 16) % count;
}

/* One chunk; mostly where it is wanted. */
static void chunk(struct walk *walk)
{
	struct gateway_sim *sim = walk->sim;
	uint8_t frame[GATEWAY_SIM_FRAME_BYTES];
	uint32_t odd = below(walk, 40);
	uint32_t offset = odd == 0 ? 0 : odd == 1 ? below(walk, SMALL_BYTES) : walk->offset;
	struct dfucast_smp_upload upload = {
	    .offset = offset, .image_length = SMALL_BYTES, .sha = below(walk, 2) == 0 ? sim->sha : NULL};
	struct dfucast_smp_upload_answer answer;
	struct dfucast_smp_error error;
	uint32_t left = SMALL_BYTES - offset;
	uint32_t most = dfucast_smp_upload_data_max(&upload, 200 + below(walk, sim->frame_bytes - 200));

	upload.data_bytes = (uint16_t)(left < most ? left : most);
	int head = dfucast_smp_upload_head_encode(
	    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++}, &upload);

	memcpy(frame + head, sim->image + offset, upload.data_bytes);
	if (sim->any_image && below(walk, 400) == 0) {
		frame[head] ^= 1; /* not the image's */
	}
	if (!gateway_sim_request(sim, frame, (size_t)head + upload.data_bytes)) {
		return;
	}
	if (dfucast_smp_upload_decode(sim->answer + 8, sim->answer_bytes - 8, &error, &answer) == 0 &&
	    error.rc == 0 && answer.has_offset && answer.offset < SMALL_BYTES) {
		walk->offset = answer.offset;
	} else {
		walk->offset = 0;
	}
}

static void send_plan(struct walk *walk)
{
	struct dfucast_smp_fleet_plan plan;

	fill_plan(walk->sim, &plan);
	plan.gather_ms = 1 + below(walk, 3000);
	plan.mode = below(walk, 3) == 0 ? DFUCAST_MODE_TEST : DFUCAST_MODE_TEST_CONFIRM;
	plan.flags = below(walk, 3) == 0 ? DFUCAST_SMP_FLEET_COMMANDED : 0;
	plan.flags |= below(walk, 6) == 0 ? DFUCAST_SMP_FLEET_DRY_RUN : 0;
	if (below(walk, 3) == 0) {
		plan.hash = NULL;
		plan.hash_bytes = 0;
	}
	(void)gateway_sim_plan(walk->sim, &plan, (uint16_t)(1 + below(walk, DEVICES)));
}

static void relay(struct walk *walk)
{
	const uint8_t *inner;
	size_t inner_bytes;
	uint8_t frame[32];
	int length = dfucast_smp_image_list_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 7});

	(void)gateway_sim_relay(walk->sim, (uint16_t)below(walk, DEVICES + 1u), frame, (size_t)length, &inner,
				&inner_bytes);
}

static void command(struct walk *walk)
{
	static const enum dfucast_smp_fleet_command commands[] = {
	    DFUCAST_SMP_FLEET_START,  DFUCAST_SMP_FLEET_START,  DFUCAST_SMP_FLEET_PAUSE,
	    DFUCAST_SMP_FLEET_RESUME, DFUCAST_SMP_FLEET_RESUME, DFUCAST_SMP_FLEET_ACTIVATE,
	    DFUCAST_SMP_FLEET_ABORT};

	(void)gateway_sim_command(walk->sim, commands[below(walk, 7)]);
}

static void erase(struct walk *walk)
{
	uint8_t frame[32];
	int length = dfucast_smp_image_erase_encode(frame, sizeof(frame),
						    (struct dfucast_smp_id){1, walk->sim->sequence++}, -1);

	(void)gateway_sim_request(walk->sim, frame, (size_t)length);
}

static void step(struct walk *walk)
{
	struct gateway_sim *sim = walk->sim;

	switch (below(walk, 26)) {
	case 0:
		send_plan(walk);
		break;
	case 1:
	case 2:
		command(walk);
		break;
	case 3:
		relay(walk);
		break;
	case 4:
		(void)gateway_sim_test(sim);
		break;
	case 5:
		(void)gateway_sim_reset(sim);
		break;
	case 6:
		(void)gateway_sim_confirm(sim);
		break;
	case 7:
		if (below(walk, 4) == 0) {
			erase(walk);
		}
		break;
	case 8:
		if (below(walk, 6) == 0) {
			sim_fleet_central_reset(sim->fleet);
			dfucast_gateway_init(&sim->gateway, &sim->config);
		}
		break;
	case 9:
	case 10:
		gateway_sim_wait(sim, 1u << below(walk, 17));
		break;
	default:
		for (uint32_t i = below(walk, 60); i > 0; i--) {
			chunk(walk);
		}
		break;
	}
}

static void tell(struct gateway_sim *sim)
{
	for (uint16_t i = 0; i < sim->gateway.target_count; i++) {
		struct dfucast_status status;

		dfucast_cast_status(&sim->gateway.cast, i, &status);
		print_message("%u: state %u err %d step %u holds %u offset %u attempts %u\n", i, status.state,
			      status.outcome.err, status.outcome.step, status.holds, status.offset,
			      status.attempts);
	}
}

static void one_walk(uint32_t seed, const char *keys)
{
	struct walk walk = {.sim = gateway_sim_new(keys, SMALL_BYTES), .chance = 88172645463325252ull + seed};
	struct gateway_sim *sim = walk.sim;
	struct dfucast_smp_fleet_plan plan;

	sim->ring_bytes = 8192;
	sim->any_image = seed % 3 == 0; /* the checker of every byte, or wrong bytes */
	sim->config.release_ms = 20000;
	gateway_sim_begin(sim);
	for (unsigned int i = 0; i < 20; i++) {
		(void)below(&walk, 2);
	}
	for (walk.steps = 0; walk.steps < 60; walk.steps++) {
		step(&walk);
		if (sim_fleet_violation(sim->fleet) != NULL) {
			fail_msg("seed %u, step %u: %s", seed, walk.steps, sim_fleet_violation(sim->fleet));
		}
	}
	/* Now a host that does right: what is left of the last cast is ended, then the plan. */
	for (unsigned int round = 0; round < 3; round++) {
		fill_plan(sim, &plan);
		plan.flags = DFUCAST_SMP_FLEET_REPLACE_PENDING;
		(void)gateway_sim_command(sim, DFUCAST_SMP_FLEET_ABORT);
		gateway_sim_wait(sim, 60000);
		if (!gateway_sim_plan(sim, &plan, DEVICES)) {
			fail_msg("seed %u: the plan is refused, rc %u, state %u", seed,
				 gateway_sim_error(sim).rc, sim->gateway.state);
		}
		if (!gateway_sim_upload(sim) && sim->gateway.state == DFUCAST_SMP_FLEET_OPEN) {
			fail_msg("seed %u: the upload fails in round %u, rc %u", seed, round,
				 sim->answer_bytes > 0 ? gateway_sim_error(sim).rc : 0);
		}
		/* Who rejects what it held in part gets the image once more: a host that watches sends it. */
		bool over = gateway_sim_until_over(sim, 200000);

		for (unsigned int i = 0; i < DEVICES && !over && sim->gateway.next < SMALL_BYTES; i++) {
			(void)gateway_sim_upload(sim);
			over = gateway_sim_until_over(sim, 600000);
		}
		if (!over) {
			tell(sim);
			fail_msg("seed %u: not over, state %u next %u", seed, sim->gateway.state,
				 sim->gateway.next);
		}
		if (gateway_sim_count(sim, DFUCAST_STATE_DONE) == DEVICES) {
			break;
		}
	}
	if (gateway_sim_count(sim, DFUCAST_STATE_DONE) != DEVICES) {
		tell(sim);
		fail_msg("seed %u: not done", seed);
	}
	assert_clean(sim);
	gateway_sim_free(sim);
}

static void test_any_order(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= WALK_SEEDS; seed++) {
		one_walk(seed, seed % 2 == 0 ? "n=3" : "n=3&links=2");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
