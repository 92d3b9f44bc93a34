/* SPDX-License-Identifier: Apache-2.0 */
#include "central_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/central/central_internal.h"

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert at %s:%d\n", file, line);
	abort();
}

static void prepare_radio_device(struct central_world *world, uint16_t i)
{
	static const uint16_t mtus[] = {247, 498, 23};
	struct fake_device *device = &world->radio_devices[i];

	*device = (struct fake_device){.peer = &world->peers[i], .mtu = mtus[i % 3]};
	device->owned = i < world->setup.owned;
	device->deaf = world->setup.deaf;
	device->forgets = world->setup.forgets;
	if (world->setup.awkward) {
		device->params_wishes = 3;
		device->asks = i % 2 == 0;
		device->no_phy = i % 5 == 1;
		device->old = i % 7 == 5;
		device->wants_security = i % 3 == 0;
		device->security = i % 4 == 1   ? FAKE_ASKS
				   : i % 4 == 3 ? FAKE_SILENT
				   : i % 8 == 6 ? FAKE_PASSKEY
						: FAKE_OPEN;
	}
	if (world->setup.odd && i == 0)
		device->security = FAKE_REFUSES;
	if (world->setup.odd && i == 1)
		device->no_service = true;
	if (world->setup.odd && (i == 2 || i == 3))
		device->security = FAKE_PASSKEY; /* which nobody knows; a wrong one, or none */
}

static void prepare_peers(struct central_world *world)
{
	static const uint8_t old_version[4] = {1, 0, 0, 0};
	static const uint8_t new_version[4] = {1, 1, 0, 7};
	struct sim_peer_image made;
	struct sim_peer_config config;

	sim_peer_image_make(world->factory, sizeof(world->factory), old_version, 1);
	sim_peer_image_make(world->image, CENTRAL_IMAGE_BYTES, new_version, 2);
	assert_true(sim_peer_image_look(world->image, CENTRAL_IMAGE_BYTES, &made));
	memcpy(world->hash, made.hash, sizeof(world->hash));
	sim_peer_sha256(world->image, CENTRAL_IMAGE_BYTES, world->sha);
	sim_peer_config_default(&config);
	config.buf_size = 512;
	config.reassembly = true;
	config.slot_bytes = 16384;
	for (uint16_t i = 0; i < world->setup.count; i++) {
		config.progressive = i % 2 != 0;
		sim_peer_init(&world->peers[i], &config, world->factory, sizeof(world->factory), 0);
		prepare_radio_device(world, i);
	}
}

static void prepare_cast(struct central_world *world)
{
	world->plan = (struct dfucast_update_plan){
	    .header = world->image,
	    .sha = world->sha,
	    .hash = world->hash,
	    .hash_bytes = sizeof(world->hash),
	    .image_bytes = CENTRAL_IMAGE_BYTES,
	    .version = {1, 1, 0, 7},
	    /* Attributes are silent for 30 s before a lent link is ended. */
	    .wait_ms = world->setup.deaf && world->setup.owned != 0 ? 60000u : 0u,
	};
	const struct dfucast_cast_config config = {
	    .consumer = &dfucast_update_consumer,
	    .plan = &world->plan,
	    .devices = world->devices,
	    .device_bytes = sizeof(world->devices[0]),
	    .targets = world->targets,
	    .count = world->setup.count,
	    .links_max = world->setup.links,
	    .ring = world->ring,
	    .ring_bytes = sizeof(world->ring),
	    .image_bytes = CENTRAL_IMAGE_BYTES,
	    .canary = 1,
	    .gather_ms = 5000,
	    .rewinds = true,
	};

	dfucast_cast_init(&world->cast, &config);
}

static void prepare_targets(struct central_world *world)
{
	for (uint16_t i = 0; i < world->setup.count; i++) {
		struct dfucast_ble_target *target = &world->ble_targets[i];

		target->address.type = 1;
		fake_address(i, target->address.bytes);
		target->passkey = world->setup.odd && i == 2 ? 1u + 123456u
				  : i % 8 == 6               ? FAKE_DIGITS + 1u
							     : DFUCAST_BLE_NO_PASSKEY;
		target->flags = (uint8_t)(DFUCAST_BLE_TARGET_PINNED |
					  (i < world->setup.owned ? DFUCAST_BLE_TARGET_OWNED : 0));
	}
}

void central_world_prepare(struct central_world *world, const struct central_setup *setup)
{
	world->setup = *setup;
	prepare_peers(world);
	prepare_cast(world);
	prepare_targets(world);
	dfucast_ble_pool_init(&world->pool, world->long_answers[0], sizeof(world->long_answers[0]),
			      sizeof(world->long_answers) / sizeof(world->long_answers[0]));
}

void central_world_free(struct central_world *world)
{
	for (uint16_t i = 0; i < world->setup.count; i++)
		sim_peer_free(&world->peers[i]);
}

struct dfucast_ble_central_config central_world_config(struct central_world *world, uint8_t conn_count,
						       uint16_t att_mtu)
{
	assert_true(att_mtu - 3u <= sizeof(world->value) && conn_count <= CENTRAL_CONNS_MAX);
	return (struct dfucast_ble_central_config){.targets = world->ble_targets,
						   .conns = world->conns,
						   .value = world->value,
						   .pool = &world->pool,
						   .target_count = world->setup.count,
						   .value_bytes = (uint16_t)(att_mtu - 3u),
						   .conn_count = conn_count,
						   .write_queue = world->setup.write_queue};
}

void central_world_start(struct central_world *world, uint32_t now)
{
	world->now = now;
	dfucast_cast_start(&world->cast, now);
	dfucast_cast_set_image_verified(&world->cast, now);
}

bool central_world_feed(struct central_world *world, uint32_t now)
{
	uint32_t offset;
	uint32_t length;
	bool any = false;

	while (dfucast_cast_need(&world->cast, &offset, &length)) {
		uint32_t part = length < 500 ? length : 500;

		assert_int_equal(dfucast_cast_feed(&world->cast, offset, world->image + offset, part, now),
				 part);
		any = true;
	}
	return any;
}

uint16_t central_world_meant(const struct central_world *world, uint16_t index)
{
	for (unsigned int i = 0; i < CENTRAL_CONNS_MAX; i++) {
		const struct dfucast_ble_conn *conn = &world->conns[i];

		if ((conn->state == CENTRAL_OFFERED || conn->state >= CENTRAL_SETUP) &&
		    conn->handle.index == index)
			return conn->target;
	}
	return FAKE_NOBODY;
}

unsigned int central_world_lent(const struct central_world *world)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < CENTRAL_CONNS_MAX; i++)
		count += world->conns[i].state == CENTRAL_OFFERED;
	return count;
}

bool central_world_is_over(const struct central_world *world)
{
	return dfucast_cast_is_done(&world->cast) && world->cast.links_open == 0 &&
	       central_world_lent(world) == world->setup.owned;
}

/* ---- what must have come of it ---- */

static void check_device(const struct central_world *world, uint16_t i)
{
	struct dfucast_status status;

	dfucast_cast_status(&world->cast, i, &status);
	if (world->setup.odd && i < 4) {
		assert_int_equal(status.outcome.err,
				 i == 1 ? DFUCAST_ERR_NO_SERVICE : DFUCAST_ERR_NEEDS_PAIRING);
		assert_int_equal(world->peers[i].boots, 0);
		return;
	}
	if (status.state != DFUCAST_STATE_DONE) {
		fail_msg("device %u: %s, %s in step %u at %u", i,
			 dfucast_state_name((enum dfucast_state)status.state),
			 dfucast_err_name(status.outcome.err), status.outcome.step, status.outcome.offset);
	}
	assert_int_equal(status.holds, DFUCAST_HOLDS_IMAGE);
	assert_true(sim_peer_is_updated(&world->peers[i]));
	assert_memory_equal(world->peers[i].slots[0].bytes, world->image, CENTRAL_IMAGE_BYTES);
}

void central_world_check(const struct central_world *world)
{
	for (uint16_t i = 0; i < world->setup.count; i++)
		check_device(world, i);
	/* Our own links are closed; the application's are there, at rest. */
	for (unsigned int i = 0; i < CENTRAL_CONNS_MAX; i++) {
		const struct dfucast_ble_conn *conn = &world->conns[i];

		assert_int_equal(conn->frames.rx_slot, 0);
		assert_true(conn->state == CENTRAL_FREE || conn->state == CENTRAL_OFFERED);
	}
	assert_int_equal(central_world_lent(world), world->setup.owned);
	assert_int_equal(world->pool.used, 0);
	assert_int_equal(world->cast.links_open, 0);
}

void central_world_check_counts(const struct central_world *world, const struct fake_counts *counts)
{
	/* Never did a value or a procedure go to another device than meant, though handles changed hands all the time. */
	assert_int_equal(counts->misdirected, 0);
	assert_int_equal(counts->unanswered, 0);
	/* The application's sensors were heard all the time; notifications on their way at the end apart. */
	assert_true(world->notices + world->setup.owned >= counts->notices);
}
