/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Whole updates through a port shaped as one for the S140 SoftDevice: 1, 4 and 20 devices of ATT_MTU 23, 247 and 498,
 * with and without broken connections, on as many links or on four, seeds 1 … 20. Build it with -fsanitize=thread as well: the only things that
 * interrupt and program share are the port's queue and its table of handles.
 *
 * s140_test SEED [DEVICES [DROPS [LINKS]]] runs one; S140_VERBOSE=1 tells what it met.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dfucast/update.h>

#include "../fake/port_s140.h"
#include "../fake/s140.h"

#define DEVICES_MAX 20u
#define IMAGE_BYTES 12000u
#define FACTORY_BYTES 6000u
#define RING_BYTES 8192u
#define LIMIT_MS (20u * 60u * 1000u)
#ifndef S140_SEEDS
#define S140_SEEDS 20u
#endif

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert at %s:%d\n", file, line);
	abort();
}

struct world {
	struct sim_peer peers[DEVICES_MAX];
	struct s140_device radio_devices[DEVICES_MAX];
	struct dfucast_update devices[DEVICES_MAX];
	struct dfucast_cast_target targets[DEVICES_MAX];
	struct dfucast_cast cast;
	struct dfucast_update_plan plan;
	struct port_s140 port;
	struct s140_counts counts;
	uint8_t ring[RING_BYTES];
	uint8_t image[IMAGE_BYTES];
	uint8_t factory[FACTORY_BYTES];
	uint8_t sha[32];
	uint8_t hash[32];
};

/* What all seeds together must have met: a fake that never was awkward would prove nothing. */
static struct s140_counts total;
static uint32_t total_late, total_starvations, total_refusals;

static void prepare_peers(struct world *world, uint16_t count)
{
	static const uint16_t mtus[] = {247, 498, 23};
	static const uint8_t old_version[4] = {1, 0, 0, 0};
	static const uint8_t new_version[4] = {1, 1, 0, 7};
	struct sim_peer_image made;
	struct sim_peer_config config;

	sim_peer_image_make(world->factory, FACTORY_BYTES, old_version, 1);
	sim_peer_image_make(world->image, IMAGE_BYTES, new_version, 2);
	assert_true(sim_peer_image_look(world->image, IMAGE_BYTES, &made));
	memcpy(world->hash, made.hash, sizeof(world->hash));
	sim_peer_sha256(world->image, IMAGE_BYTES, world->sha);
	sim_peer_config_default(&config);
	config.buf_size = 512;
	config.reassembly = true;
	config.slot_bytes = 16384;
	for (uint16_t i = 0; i < count; i++) {
		config.progressive = i % 2 != 0;
		sim_peer_init(&world->peers[i], &config, world->factory, FACTORY_BYTES, 0);
		world->radio_devices[i] =
		    (struct s140_device){&world->peers[i], mtus[i % (sizeof(mtus) / sizeof(mtus[0]))]};
	}
}

static void prepare_cast(struct world *world, uint16_t count, uint16_t links)
{
	world->plan = (struct dfucast_update_plan){
	    .header = world->image,
	    .sha = world->sha,
	    .hash = world->hash,
	    .hash_bytes = sizeof(world->hash),
	    .image_bytes = IMAGE_BYTES,
	    .version = {1, 1, 0, 7},
	};
	const struct dfucast_cast_config config = {
	    .consumer = &dfucast_update_consumer,
	    .plan = &world->plan,
	    .devices = world->devices,
	    .device_bytes = sizeof(world->devices[0]),
	    .targets = world->targets,
	    .count = count,
	    .links_max = links,
	    .ring = world->ring,
	    .ring_bytes = sizeof(world->ring),
	    .image_bytes = IMAGE_BYTES,
	    .canary = 1,
	    .gather_ms = 5000,
	    .rewinds = true,
	};

	dfucast_cast_init(&world->cast, &config);
}

/* The source has all of it at hand. */
static void feed(struct world *world)
{
	uint32_t offset;
	uint32_t length;

	while (dfucast_cast_need(&world->cast, &offset, &length)) {
		uint32_t part = length < 500 ? length : 500;

		assert_int_equal(dfucast_cast_feed(&world->cast, offset, world->image + offset, part,
						   s140_now(world->port.sd)),
				 part);
	}
}

static void check(const struct world *world, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		struct dfucast_status status;

		dfucast_cast_status(&world->cast, i, &status);
		if (status.state != DFUCAST_STATE_DONE) {
			fail_msg("device %u: %s, %s in step %u at %u", i,
				 dfucast_state_name((enum dfucast_state)status.state),
				 dfucast_err_name(status.outcome.err), status.outcome.step,
				 status.outcome.offset);
		}
		assert_int_equal(status.holds, DFUCAST_HOLDS_IMAGE);
		assert_true(sim_peer_is_updated(&world->peers[i]));
		assert_memory_equal(world->peers[i].slots[0].bytes, world->image, IMAGE_BYTES);
		assert_int_equal(world->port.connections[i].state, PORT_S140_IDLE);
		assert_int_equal(world->port.connections[i].ble.rx_slot, 0);
	}
	assert_int_equal(world->port.pool.used, 0);
	assert_int_equal(world->cast.links_open, 0);
	/* Never did a value go to another device than meant, though handles changed hands all the time. */
	assert_int_equal(world->counts.misdirected, 0);
}

static void one_update(uint64_t seed, uint16_t count, uint8_t drops, uint16_t links)
{
	struct world *world = calloc(1, sizeof(*world));
	uint32_t now;

	assert_non_null(world);
	prepare_peers(world, count);
	prepare_cast(world, count, links);
	port_s140_init(&world->port, &world->cast, count);
	const struct s140_config config = {
	    .seed = seed,
	    .devices = world->radio_devices,
	    .count = count,
	    .links_max = links,
	    .drops_max = drops,
	    .interrupt = port_s140_interrupt,
	    .context = &world->port,
	};

	world->port.sd = s140_start(&config);
	now = s140_now(world->port.sd);
	dfucast_cast_start(&world->cast, now);
	dfucast_cast_set_image_verified(&world->cast, now);
	do {
		uint32_t deadline = port_s140_run(&world->port);

		feed(world);
		s140_wait(world->port.sd, deadline);
		now = s140_now(world->port.sd);
	} while ((!dfucast_cast_is_done(&world->cast) || world->cast.links_open != 0) && now < LIMIT_MS);
	s140_stop(world->port.sd, &world->counts);
	if (getenv("S140_VERBOSE") != NULL) {
		printf(
		    "seed %u devices %u: %u ms, %u connects, %u drops, %u busy, %u reused, %u late, %u/%u, "
		    "%u preempted, %u starved\n",
		    (unsigned int)seed, count, now, world->counts.connects, world->counts.drops,
		    world->counts.busy, world->counts.reused, world->counts.late, world->port.late,
		    world->port.strays, world->counts.preempted, world->port.starvations);
	}
	check(world, count);
	total.drops += world->counts.drops;
	total.busy += world->counts.busy;
	total.reused += world->counts.reused;
	total.late += world->counts.late;
	total.preempted += world->counts.preempted;
	total_late += world->port.late;
	total_starvations += world->port.starvations;
	total_refusals += world->port.refusals;
	for (uint16_t i = 0; i < count; i++) {
		sim_peer_free(&world->peers[i]);
	}
	free(world);
}

static void all_seeds(uint16_t count, uint8_t drops, uint16_t links)
{
	for (uint64_t seed = 1; seed <= S140_SEEDS; seed++) {
		one_update(seed, count, drops, links);
	}
}

static void one_device(void **state)
{
	(void)state;
	all_seeds(1, 0, S140_LINKS_MAX);
	all_seeds(1, 2, S140_LINKS_MAX);
}

static void four_devices(void **state)
{
	(void)state;
	all_seeds(4, 0, S140_LINKS_MAX);
	all_seeds(4, 2, S140_LINKS_MAX);
}

static void twenty_devices(void **state)
{
	(void)state;
	all_seeds(20, 0, S140_LINKS_MAX);
}

static void twenty_devices_with_drops(void **state)
{
	(void)state;
	all_seeds(20, 2, S140_LINKS_MAX);
}

/* More devices than links: waves, and each handle has many owners. */
static void twenty_devices_on_four_links(void **state)
{
	(void)state;
	all_seeds(20, 0, 4);
	all_seeds(20, 1, 4);
}

static void the_fake_was_awkward(void **state)
{
	(void)state;
	assert_true(total.drops > S140_SEEDS);
	assert_true(total.busy > S140_SEEDS);
	assert_true(total.reused > S140_SEEDS);
	assert_true(total.late > S140_SEEDS);
	assert_true(total_late >= total.late);
	assert_true(total_refusals > S140_SEEDS);
	assert_true(total.preempted > S140_SEEDS);
}

static uint64_t one_seed;
static uint16_t one_count = 4;
static uint8_t one_drops = 2;
static uint16_t one_links = S140_LINKS_MAX;

static void one_of_them(void **state)
{
	(void)state;
	one_update(one_seed, one_count, one_drops, one_links);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_device),
	    cmocka_unit_test(four_devices),
	    cmocka_unit_test(twenty_devices),
	    cmocka_unit_test(twenty_devices_with_drops),
	    cmocka_unit_test(twenty_devices_on_four_links),
	    cmocka_unit_test(the_fake_was_awkward),
	};
	const struct CMUnitTest one[] = {cmocka_unit_test(one_of_them)};

	if (argc > 1) {
		one_seed = strtoull(argv[1], NULL, 0);
		one_count = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 0) : one_count;
		one_drops = argc > 3 ? (uint8_t)strtoul(argv[3], NULL, 0) : one_drops;
		one_links = argc > 4 ? (uint16_t)strtoul(argv[4], NULL, 0) : one_links;
		return cmocka_run_group_tests_name("S140", one, NULL, NULL);
	}
	return cmocka_run_group_tests_name("S140", tests, NULL, NULL);
}
