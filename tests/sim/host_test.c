/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's half against the gateway, in virtual time: image bytes that come slowly, frames that get lost, power that
 * fails on either side.
 */
#include "gateway_sim.h"

#include <dfucast/host.h>
#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 100000u

struct world {
	struct gateway_sim *sim;
	struct dfucast_host host;
	struct dfucast_smp_fleet_plan plan;
	struct dfucast_smp_fleet_target targets[GATEWAY_SIM_TARGETS_MAX];
	char names[GATEWAY_SIM_TARGETS_MAX][6];
	uint16_t count;
	uint8_t frame[GATEWAY_SIM_FRAME_BYTES];
	/* the network behind the host, and the wire */
	uint32_t bytes_per_ms; /* 0: as fast as it is asked for */
	uint32_t silent_from;  /* ms */
	uint32_t silent_to;
	uint32_t lose_ppm;
	uint64_t chance;
	uint32_t credit;
	uint8_t to_gateway[GATEWAY_SIM_FRAME_BYTES];
	size_t to_gateway_bytes;
	uint32_t arrives_ms;
	uint8_t to_host[GATEWAY_SIM_FRAME_BYTES];
	size_t to_host_bytes;
	uint32_t answers_ms;
	/* what was told */
	uint8_t states[GATEWAY_SIM_TARGETS_MAX];
	uint8_t reported[GATEWAY_SIM_TARGETS_MAX];
	uint32_t fed;
	uint32_t last_bytes; /* times that the image's last byte was asked for alone */
	unsigned int reports;
};

static void changed(void *context, uint16_t target, enum dfucast_state state)
{
	struct world *world = context;

	assert_true(target < world->count);
	world->states[target] = (uint8_t)state;
}

static void reported(void *context, const struct dfucast_smp_fleet_report *report)
{
	struct world *world = context;

	assert_true(report->target < world->count);
	assert_int_equal(report->id.length, strlen(world->names[report->target]));
	assert_memory_equal(report->id.text, world->names[report->target], report->id.length);
	world->reported[report->target] = (uint8_t)report->state;
	world->reports++;
}

static void host_begin(struct world *world)
{
	const struct dfucast_host_config config = {
	    .plan = &world->plan,
	    .targets = world->targets,
	    .target_count = world->count,
	    .frame = world->frame,
	    .frame_bytes = sizeof(world->frame),
	    .context = world,
	    .changed = changed,
	    .report = reported,
	};

	world->reports = 0;
	world->to_gateway_bytes = 0;
	world->to_host_bytes = 0;
	dfucast_host_init(&world->host, &config);
	dfucast_host_start(&world->host, gateway_sim_now(world->sim));
}

static struct world *world_new(const char *keys, uint16_t count)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->sim = gateway_sim_new(keys, IMAGE_BYTES);
	world->count = count;
	world->chance = 88172645463325252ull;
	world->plan = (struct dfucast_smp_fleet_plan){
	    .canary = 1,
	    .max_failed = 1,
	    .gather_ms = 10000,
	    .image_bytes = IMAGE_BYTES,
	    .header = world->sim->image,
	    .header_bytes = 32,
	    .hash = world->sim->image + IMAGE_BYTES - 32,
	    .hash_bytes = 32,
	    .sha = world->sim->sha,
	    .sha_bytes = 32,
	};
	for (uint16_t i = 0; i < count; i++) {
		int length = snprintf(world->names[i], sizeof(world->names[i]), "%u", i);

		world->targets[i] = (struct dfucast_smp_fleet_target){
		    .id = {world->names[i], (size_t)length}, .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY};
	}
	gateway_sim_begin(world->sim);
	host_begin(world);
	return world;
}

static void world_free(struct world *world)
{
	gateway_sim_free(world->sim);
	free(world);
}

static bool lost(struct world *world)
{
	world->chance ^= world->chance << 13;
	world->chance ^= world->chance >> 7;
	world->chance ^= world->chance << 17;
	return world->chance % 1000000u < world->lose_ppm;
}

/* One millisecond of host, wire and gateway. */
static void step(struct world *world)
{
	struct dfucast_frame_source answers = dfucast_gateway_frame_source(&world->sim->gateway);
	struct dfucast_frame_source requests = dfucast_host_frame_source(&world->host);
	uint32_t now = gateway_sim_now(world->sim);
	uint32_t offset;
	uint32_t length;

	dfucast_host_tick(&world->host, now);
	world->credit += world->bytes_per_ms;
	if (dfucast_host_want(&world->host, &offset, &length) &&
	    !(now >= world->silent_from && now < world->silent_to)) {
		if (world->bytes_per_ms != 0 && length > world->credit) {
			length = world->credit;
		}
		if (length > 0) {
			uint32_t took =
			    dfucast_host_feed(&world->host, offset, world->sim->image + offset, length, now);

			assert_int_equal(took, length);
			world->last_bytes += offset == IMAGE_BYTES - 1;
			world->credit -= world->bytes_per_ms != 0 ? took : 0;
			world->fed += took;
		}
	}
	size_t ready = world->to_gateway_bytes == 0 ? requests.begin(requests.context) : 0;

	if (ready > 0) {
		requests.read(requests.context, 0, world->to_gateway, ready);
		requests.done(requests.context);
		world->to_gateway_bytes = ready;
		world->arrives_ms = now + (uint32_t)(ready / 80u);
	}
	if (world->to_gateway_bytes > 0 && now >= world->arrives_ms) {
		if (!lost(world)) {
			dfucast_gateway_recv(&world->sim->gateway, world->to_gateway, world->to_gateway_bytes,
					     now);
			sim_fleet_touch(world->sim->fleet);
		}
		world->to_gateway_bytes = 0;
	}
	ready = world->to_host_bytes == 0 ? answers.begin(answers.context) : 0;
	if (ready > 0) {
		answers.read(answers.context, 0, world->to_host, ready);
		answers.done(answers.context);
		world->to_host_bytes = ready;
		world->answers_ms = now + 1;
	}
	if (world->to_host_bytes > 0 && now >= world->answers_ms) {
		if (!lost(world)) {
			dfucast_host_recv(&world->host, world->to_host, world->to_host_bytes, now);
		}
		world->to_host_bytes = 0;
	}
	gateway_sim_wait(world->sim, 1);
}

static void until_over(struct world *world, uint32_t limit_ms)
{
	uint32_t end = gateway_sim_now(world->sim) + limit_ms;

	while (world->host.state < DFUCAST_HOST_DONE) {
		if (gateway_sim_now(world->sim) > end) {
			fail_msg(
			    "still in state %u after %u ms: request %u offset %u, gateway %u next %u tx %u",
			    world->host.state, limit_ms, world->host.request, world->host.offset,
			    world->sim->gateway.state, world->sim->gateway.next, world->sim->gateway.tx);
		}
		step(world);
	}
	if (sim_fleet_violation(world->sim->fleet) != NULL) {
		fail_msg("%s", sim_fleet_violation(world->sim->fleet));
	}
}

static void assert_all_done(struct world *world)
{
	assert_int_equal(world->host.state, DFUCAST_HOST_DONE);
	assert_int_equal(world->reports, world->count);
	for (uint16_t i = 0; i < world->count; i++) {
		assert_int_equal(world->reported[i], DFUCAST_STATE_DONE);
	}
}

static void test_whole_update(void **state)
{
	struct world *world = world_new("n=12", 12);

	(void)state;
	until_over(world, 300000);
	assert_all_done(world);
	assert_int_equal(world->host.prediction.host_bytes, IMAGE_BYTES);
	assert_int_equal(world->sim->gateway.host_bytes, IMAGE_BYTES);
	/* It waited there, through the erase and the end, and had the byte from then on. */
	assert_true(world->sim->gateway.host_dropped_bytes > 3);
	assert_true(world->last_bytes <= 2);
	for (uint16_t i = 0; i < 12; i++) {
		assert_int_equal(world->states[i], DFUCAST_STATE_DONE);
	}
	world_free(world);
}

/* A modem: 3 kB/s, and an hour in which nothing comes. */
static void test_slow_network(void **state)
{
	struct world *world = world_new("n=2", 2);

	(void)state;
	world->bytes_per_ms = 3;
	world->silent_from = 15000;
	world->silent_to = 3615000;
	until_over(world, 4000000);
	assert_all_done(world);
	/* What was half filled when the status was asked for is not asked of the network again. */
	assert_true(world->fed <= IMAGE_BYTES + 2 * GATEWAY_SIM_FRAME_BYTES);
	world_free(world);
}

static void test_lossy_wire(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 20; seed++) {
		struct world *world = world_new("n=2", 2);

		world->lose_ppm = 30000;
		world->chance += seed * 7919u;
		until_over(world, 600000);
		assert_all_done(world);
		world_free(world);
	}
}

/* The host restarts with what it saved, at any moment; then the gateway does, then one after the other. */
static void test_power_fails(void **state)
{
	uint8_t blob[DFUCAST_HOST_BLOB_BYTES];
	uint16_t count;

	(void)state;
	for (uint32_t at = 200; at < 60000; at = at * 5 / 4 + 150) {
		for (unsigned int who = 1; who <= 3; who++) {
			struct world *world = world_new("n=3", 3);

			while (gateway_sim_now(world->sim) < at && world->host.state < DFUCAST_HOST_DONE) {
				step(world);
			}
			if (who & 1) {
				dfucast_host_save(&world->host, blob);
				memset(&world->plan, 0, sizeof(world->plan));
				assert_true(dfucast_host_restore(blob, &world->plan, &count));
				assert_int_equal(count, 3);
			}
			if (who & 2) {
				sim_fleet_central_reset(world->sim->fleet);
				world->sim->config.boot_id++;
				dfucast_gateway_init(&world->sim->gateway, &world->sim->config);
			}
			if (who & 1) {
				host_begin(world);
			}
			until_over(world, 600000);
			assert_all_done(world);
			world_free(world);
		}
	}
}

static void cut(struct world *world, unsigned int who)
{
	if (who & 2) {
		sim_fleet_central_reset(world->sim->fleet);
		world->sim->config.boot_id++;
		dfucast_gateway_init(&world->sim->gateway, &world->sim->config);
	}
	if (who & 1) {
		host_begin(world);
	}
}

/* In each state that a target can be told to be in, and at moments behind it: also between the write and the answer of
 * test, reset and confirm, which are an interval or two apart. */
static void test_power_fails_in_each_state(void **state)
{
	static const uint32_t behind_ms[] = {0, 15, 30, 45, 60, 90, 130, 400};
	unsigned int met = 0;

	(void)state;
	for (uint8_t wanted = DFUCAST_STATE_CONNECTING; wanted <= DFUCAST_STATE_DONE; wanted++) {
		for (unsigned int i = 0; i < sizeof(behind_ms) / sizeof(behind_ms[0]); i++) {
			unsigned int who = 1 + (wanted + i) % 3u;
			struct world *world = world_new("n=2", 2);
			bool seen = false;

			world->plan.soak_ms = 1000;
			while (!seen && world->host.state < DFUCAST_HOST_DONE) {
				step(world);
				seen = gateway_sim_count(world->sim, (enum dfucast_state)wanted) > 0 &&
				       world->sim->gateway.state == DFUCAST_SMP_FLEET_OPEN;
			}
			for (uint32_t ms = 0; ms < behind_ms[i]; ms++) {
				step(world);
			}
			met += seen;
			cut(world, who);
			until_over(world, 600000);
			assert_all_done(world);
			world_free(world);
		}
	}
	assert_int_equal(met, 11 * 8); /* every state was met, or this proves nothing */
}

/* One device loses power at a flash operation; the gateway goes on with it, or its report says what it holds. */
static void test_device_power_fails(void **state)
{
	unsigned int done = 0;

	(void)state;
	for (unsigned int operation = 1; operation < 420; operation += 23) {
		char keys[48];
		struct world *world;

		(void)snprintf(keys, sizeof(keys), "n=3&power=1&power_loss=%u", operation);
		world = world_new(keys, 3);
		until_over(world, 600000);
		assert_int_equal(world->host.state, DFUCAST_HOST_DONE);
		assert_int_equal(world->reports, 3);
		if (world->reported[1] != DFUCAST_STATE_DONE) {
			host_begin(world); /* the second run finishes it */
			until_over(world, 600000);
		}
		done += world->reported[1] == DFUCAST_STATE_DONE;
		assert_int_equal(world->reported[1], DFUCAST_STATE_DONE);
		world_free(world);
	}
	assert_true(done > 10);
}

static void test_blob(void **state)
{
	struct world *world = world_new("n=3", 3);
	struct dfucast_smp_fleet_plan plan;
	uint8_t blob[DFUCAST_HOST_BLOB_BYTES];
	uint16_t count;

	(void)state;
	world->plan.mode = 2;
	world->plan.flags = 0x41;
	world->plan.soak_ms = 123456;
	world->plan.board = (struct dfucast_smp_text){"nrf52840dk/nrf52840", 19};
	dfucast_host_save(&world->host, blob);
	assert_true(dfucast_host_restore(blob, &plan, &count));
	assert_int_equal(plan.mode, 2);
	assert_int_equal(plan.flags, 0x41);
	assert_int_equal(plan.soak_ms, 123456);
	assert_int_equal(plan.image_bytes, IMAGE_BYTES);
	assert_memory_equal(plan.hash, world->plan.hash, 32);
	assert_memory_equal(plan.sha, world->plan.sha, 32);
	assert_int_equal(plan.board.length, 19);
	assert_memory_equal(plan.board.text, "nrf52840dk/nrf52840", 19);
	for (unsigned int i = 0; i < 249; i++) {
		blob[i] ^= 0x20;
		assert_false(dfucast_host_restore(blob, &plan, &count));
		blob[i] ^= 0x20;
	}
	world_free(world);
}

static const struct dfucast_match is_nrf[] = {
    {.key = DFUCAST_MATCH_BOARD, .value = "nrf52840dk/nrf52840", .bytes = 19}, {.key = DFUCAST_MATCH_END}};

/* The lists are not in the blob, but that there were some is: without them nobody is updated. */
static void test_blob_and_match(void **state)
{
	(void)state;
	for (unsigned int own = 0; own < 2; own++) {
		struct world *world = world_new("n=3&board=nrf52840dk/nrf52840,thingy53", 3);
		uint8_t blob[DFUCAST_HOST_BLOB_BYTES];
		uint8_t again[DFUCAST_HOST_BLOB_BYTES];
		uint16_t count;

		world->plan.match = own ? NULL : is_nrf;
		world->targets[1].match = own ? is_nrf : NULL;
		dfucast_host_save(&world->host, blob);
		world->targets[1].match = NULL;
		assert_true(dfucast_host_restore(blob, &world->plan, &count));
		assert_true(world->plan.match_is_due);
		host_begin(world);
		assert_int_equal(world->host.state, DFUCAST_HOST_FAILED);
		assert_int_equal(dfucast_host_outcome(&world->host).err, DFUCAST_ERR_ARGUMENT);
		/* One that has not given them again either is saved as it was. */
		dfucast_host_save(&world->host, again);
		assert_true(dfucast_host_restore(again, &world->plan, &count));
		assert_true(world->plan.match_is_due);
		world->plan.match = is_nrf;
		host_begin(world);
		until_over(world, 600000);
		assert_int_equal(world->host.state, DFUCAST_HOST_DONE);
		assert_int_equal(world->reported[0], DFUCAST_STATE_DONE);
		assert_int_equal(world->reported[1], DFUCAST_STATE_SKIPPED);
		assert_int_equal(world->reported[2], DFUCAST_STATE_DONE);
		world_free(world);
	}
}

/* ---- how it fails ---- */

/* A gateway that is older than match lists is not sent any: it would refuse them at best. */
static void test_gateway_without_match(void **state)
{
	(void)state;
	for (unsigned int own = 0; own < 2; own++) {
		struct world *world = world_new("n=2", 2);

		world->sim->gateway.match_bytes = 0;
		world->plan.match = own ? NULL : is_nrf;
		world->targets[1].match = own ? is_nrf : NULL;
		until_over(world, 600000);
		assert_int_equal(world->host.state, DFUCAST_HOST_FAILED);
		assert_int_equal(dfucast_host_outcome(&world->host).err, DFUCAST_ERR_NOT_SUPPORTED);
		assert_int_equal(dfucast_host_outcome(&world->host).group, DFUCAST_SMP_GROUP_FLEET);
		assert_int_equal(dfucast_host_outcome(&world->host).rc, DFUCAST_SMP_FLEET_RC_MATCH);
		assert_int_equal(world->sim->gateway.state, DFUCAST_SMP_FLEET_IDLE);
		world_free(world);
	}
}

static void test_no_gateway(void **state)
{
	static const uint8_t not_supported[] = {9, 0, 0, 6, 0x0D, 0xFC, 0, 0, 0xBF, 0x62, 'r', 'c', 8, 0xFF};
	struct world *world = world_new("n=1", 1);
	struct dfucast_frame_source requests = dfucast_host_frame_source(&world->host);
	uint8_t answer[sizeof(not_supported)];
	uint8_t header[8];

	(void)state;
	assert_true(requests.begin(requests.context) > 0);
	requests.read(requests.context, 0, header, 8);
	requests.done(requests.context);
	memcpy(answer, not_supported, sizeof(answer));
	answer[4] = header[4];
	answer[5] = header[5];
	answer[6] = header[6];
	dfucast_host_recv(&world->host, answer, sizeof(answer), 5);
	assert_int_equal(world->host.state, DFUCAST_HOST_FAILED);
	assert_int_equal(dfucast_host_outcome(&world->host).err, DFUCAST_ERR_NOT_SUPPORTED);
	world_free(world);
}

static void test_silence(void **state)
{
	struct world *world = world_new("n=1", 1);

	(void)state;
	world->lose_ppm = 1000000;
	until_over(world, 60000);
	assert_int_equal(world->host.state, DFUCAST_HOST_FAILED);
	assert_int_equal(dfucast_host_outcome(&world->host).err, DFUCAST_ERR_UNREACHABLE);
	world_free(world);
}

static void test_unknown_target(void **state)
{
	struct world *world = world_new("n=2", 2);

	(void)state;
	world->targets[1].id.text = "nosuch";
	world->targets[1].id.length = 6;
	until_over(world, 60000);
	assert_int_equal(world->host.state, DFUCAST_HOST_FAILED);
	assert_int_equal(dfucast_host_outcome(&world->host).group, DFUCAST_SMP_GROUP_FLEET);
	assert_int_equal(dfucast_host_outcome(&world->host).rc, DFUCAST_SMP_FLEET_RC_NO_TARGET);
	world_free(world);
}

static void test_abort(void **state)
{
	struct world *world = world_new("n=3", 3);

	(void)state;
	while (gateway_sim_now(world->sim) < 2600) {
		step(world);
	}
	dfucast_host_command(&world->host, DFUCAST_SMP_FLEET_ABORT, gateway_sim_now(world->sim));
	until_over(world, 60000);
	assert_int_equal(world->host.state, DFUCAST_HOST_DONE);
	assert_int_equal(world->reports, 3);
	for (uint16_t i = 0; i < 3; i++) {
		assert_int_equal(world->reported[i], DFUCAST_STATE_FAILED);
	}
	world_free(world);
}

static void steps(struct world *world, uint32_t ms)
{
	while (ms-- > 0) {
		step(world);
	}
}

/* Paused and resumed by the host, at any moment. */
static void test_pause_and_resume(void **state)
{
	static const uint32_t moments[] = {0, 3, 40, 300, 1500, 3000, 5000, 7000};

	(void)state;
	for (unsigned int i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		struct world *world = world_new("n=3", 3);

		steps(world, moments[i]);
		dfucast_host_command(&world->host, DFUCAST_SMP_FLEET_PAUSE, gateway_sim_now(world->sim));
		steps(world, 5000);
		assert_true(world->sim->gateway.cast.paused); /* as soon as there is a cast that can be */
		steps(world, 20000);
		assert_int_equal(world->sim->gateway.cast.links_open, 0);
		assert_true(world->host.state < DFUCAST_HOST_DONE);
		dfucast_host_command(&world->host, DFUCAST_SMP_FLEET_RESUME, gateway_sim_now(world->sim));
		until_over(world, 600000);
		assert_all_done(world);
		assert_int_equal(world->sim->gateway.host_bytes, IMAGE_BYTES);
		world_free(world);
	}
}

/* A host that has lost its memory does not know that it had paused: its plan, sent again, is the word to go on. */
static void test_paused_and_forgotten(void **state)
{
	struct world *world = world_new("n=2", 2);

	(void)state;
	steps(world, 4000);
	dfucast_host_command(&world->host, DFUCAST_SMP_FLEET_PAUSE, gateway_sim_now(world->sim));
	steps(world, 5000);
	assert_true(world->sim->gateway.cast.paused);
	host_begin(world);
	until_over(world, 600000);
	assert_all_done(world);
	world_free(world);
}

/* Nobody is activated before the word: early, while the image is still on its way, or when all have it. */
static void test_commanded(void **state)
{
	static const uint32_t moments[] = {2000, 40000};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct world *world = world_new("n=3", 3);

		world->plan.flags = DFUCAST_SMP_FLEET_COMMANDED;
		steps(world, moments[i]);
		assert_int_equal(world->sim->gateway.cast.activated, 0);
		assert_int_equal(world->sim->gateway.cast.image_verified, i == 1);
		dfucast_host_command(&world->host, DFUCAST_SMP_FLEET_ACTIVATE, gateway_sim_now(world->sim));
		until_over(world, 600000);
		assert_all_done(world);
		world_free(world);
	}
}

/* The gateway is at work on this image for other devices: that cast's reports are none of this host's. */
static void test_others_at_work(void **state)
{
	struct world *world = world_new("n=4", 2);
	struct dfucast_smp_fleet_target first = world->targets[0];

	(void)state;
	while (gateway_sim_now(world->sim) < 2600) {
		step(world);
	}
	assert_int_equal(world->sim->gateway.state, DFUCAST_SMP_FLEET_OPEN);
	/* Another host, for devices 0 and 3; as many as the first one's. */
	memcpy(world->names[1], "3", 2);
	host_begin(world);
	assert_int_equal(first.id.length, 1);
	until_over(world, 600000);
	assert_int_equal(world->host.state, DFUCAST_HOST_FAILED);
	assert_int_equal(dfucast_host_outcome(&world->host).group, DFUCAST_SMP_GROUP_FLEET);
	assert_int_equal(dfucast_host_outcome(&world->host).rc, DFUCAST_SMP_FLEET_RC_STATE);
	assert_int_equal(world->reports, 0);
	world_free(world);
}

/* More waves than a host may begin anew: to be called back to the beginning is no restart. */
static void test_many_waves(void **state)
{
	struct world *world = world_new("n=44&links=2", 44);

	(void)state;
	until_over(world, 3600000);
	assert_all_done(world);
	assert_int_equal(world->sim->gateway.cast.passes, 22);
	assert_int_equal(world->sim->gateway.host_bytes, world->host.prediction.host_bytes);
	world_free(world);
}

/* A gateway that is busy is asked anew, each time, and not told its last answer again. */
static void test_busy(void **state)
{
	struct world *world = world_new("n=2", 2);

	(void)state;
	until_over(world, 600000);
	/* The next run begins while links of the last one are still being closed. */
	struct dfucast_cast *cast = dfucast_gateway_cast(&world->sim->gateway);

	cast->links_open++;
	host_begin(world);
	while (world->host.busy == 0) {
		step(world);
	}
	uint32_t began = gateway_sim_now(world->sim);

	cast->links_open--;
	while (world->host.state == DFUCAST_HOST_PLANNING) {
		step(world);
	}
	assert_true(gateway_sim_now(world->sim) - began < 700);
	until_over(world, 600000);
	assert_all_done(world);
	world_free(world);
}

static void test_mute_image(void **state)
{
	struct world *world = world_new("n=8&never_returns=0", 8);

	(void)state;
	until_over(world, 600000);
	assert_int_equal(world->host.state, DFUCAST_HOST_DONE);
	for (uint16_t i = 0; i < 8; i++) {
		assert_int_equal(world->reported[i], i == 0 ? DFUCAST_STATE_FAILED : DFUCAST_STATE_HELD);
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole_update),
	    cmocka_unit_test(test_slow_network),
	    cmocka_unit_test(test_lossy_wire),
	    cmocka_unit_test(test_power_fails),
	    cmocka_unit_test(test_power_fails_in_each_state),
	    cmocka_unit_test(test_device_power_fails),
	    cmocka_unit_test(test_blob),
	    cmocka_unit_test(test_blob_and_match),
	    cmocka_unit_test(test_gateway_without_match),
	    cmocka_unit_test(test_no_gateway),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_unknown_target),
	    cmocka_unit_test(test_abort),
	    cmocka_unit_test(test_pause_and_resume),
	    cmocka_unit_test(test_paused_and_forgotten),
	    cmocka_unit_test(test_commanded),
	    cmocka_unit_test(test_others_at_work),
	    cmocka_unit_test(test_many_waves),
	    cmocka_unit_test(test_busy),
	    cmocka_unit_test(test_mute_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
