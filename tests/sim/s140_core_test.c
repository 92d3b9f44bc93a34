/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * apps/s140_core, the core inside an application, on a fake SoftDevice: image bytes from the application's host, two
 * devices that it is connected to and two that it is not, and one byte that is not the announced image's. Seeds 1 … 8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../apps/s140_core/core.h"
#include "../fake/s140.h"

#define DEVICES 4u
#define OWNED 2u
#define IMAGE_BYTES 30000u
#define FACTORY_BYTES 6000u
#define LIMIT_MS (20u * 60u * 1000u)
#define SEEDS 8u
#define PIECE 512u

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert at %s:%d\n", file, line);
	abort();
}

static struct {
	struct s140 *sd;
	struct sim_peer peers[DEVICES];
	struct fake_device radio_devices[DEVICES];
	struct fake_counts counts;
	struct core_image announced;
	uint8_t image[IMAGE_BYTES], factory[FACTORY_BYTES], hashed[IMAGE_BYTES];
	size_t hashed_bytes;
	uint8_t buffer[8192]; /* the application's own */
	uint32_t offset, end; /* what the host still has to send */
	uint32_t notices;
	uint16_t handles[OWNED];
	bool lies;
} world;

static bool hash_start(void *context)
{
	(void)context;
	world.hashed_bytes = 0;
	return true;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	(void)context;
	assert_true(length <= IMAGE_BYTES - world.hashed_bytes);
	memcpy(world.hashed + world.hashed_bytes, bytes, length);
	world.hashed_bytes += length;
	return true;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	(void)context;
	sim_peer_sha256(world.hashed, world.hashed_bytes, digest);
	return true;
}

static void ask_image(uint32_t offset, uint32_t length)
{
	assert_true(length > 0 && offset <= IMAGE_BYTES - length);
	world.offset = offset;
	world.end = offset + length;
}

static void mask(void *context)
{
	(void)context;
	s140_irq_disable(world.sd);
}

static void unmask(void *context)
{
	(void)context;
	s140_irq_enable(world.sd);
}

static void pend(void *context)
{
	(void)context;
	s140_irq_pend(world.sd);
}

static uint32_t secure(void *context, uint16_t conn_handle, bool authenticated)
{
	(void)context;
	(void)authenticated;
	return s140_secure(conn_handle);
}

static void application(void *context, const ble_evt_t *event)
{
	const ble_gap_evt_t *gap = &event->evt.gap_evt;

	(void)context;
	if (event->header.evt_id == BLE_GAP_EVT_CONNECTED) {
		uint16_t device = gap->params.connected.peer_addr.addr[0];

		assert_true(device < OWNED);
		world.handles[device] = gap->conn_handle;
		assert_true(core_lend(device, gap->conn_handle, &gap->params.connected.conn_params, 0,
				      s140_now(world.sd)));
	} else if (event->header.evt_id == BLE_GATTC_EVT_HVX) {
		world.notices++;
	}
}

static void interrupt(void *context)
{
	union {
		ble_evt_t event;
		uint8_t bytes[1024];
	} buffer;
	uint16_t length = sizeof(buffer);

	(void)context;
	while (sd_ble_evt_get(buffer.bytes, &length) == NRF_SUCCESS) {
		core_observe(&buffer.event);
		length = sizeof(buffer);
	}
}

static uint16_t meant(void *context, uint16_t handle)
{
	(void)context;
	(void)handle;
	return FAKE_NOBODY; /* tests/sim/s140_test.c looks into that */
}

static void prepare(uint64_t seed)
{
	static const uint8_t old_version[4] = {1, 0, 0, 0};
	static const uint8_t new_version[4] = {1, 1, 0, 7};
	const struct s140_config config = {.seed = seed,
					   .devices = world.radio_devices,
					   .count = DEVICES,
					   .links_max = CORE_LINKS,
					   .write_queue = CORE_WRITE_QUEUE,
					   .interrupt = interrupt,
					   .meant = meant};
	const struct core_application app = {.buffer = world.buffer,
					     .buffer_bytes = sizeof(world.buffer),
					     .sha256 = {NULL, hash_start, hash_update, hash_finish},
					     .hooks = {NULL, mask, unmask, pend, secure, application, NULL},
					     .ask_image = ask_image};
	struct sim_peer_image made;
	struct sim_peer_config peer;

	memset(&world, 0, sizeof(world));
	sim_peer_image_make(world.factory, FACTORY_BYTES, old_version, 1);
	sim_peer_image_make(world.image, IMAGE_BYTES, new_version, 2);
	assert_true(sim_peer_image_look(world.image, IMAGE_BYTES, &made));
	world.announced.bytes = IMAGE_BYTES;
	world.announced.version = (struct dfucast_version){1, 1, 0, 7};
	memcpy(world.announced.header, world.image, sizeof(world.announced.header));
	memcpy(world.announced.hash, made.hash, sizeof(world.announced.hash));
	sim_peer_sha256(world.image, IMAGE_BYTES, world.announced.sha);
	sim_peer_config_default(&peer);
	peer.buf_size = 1024;
	peer.reassembly = true;
	peer.slot_bytes = 65536;
	for (uint16_t i = 0; i < DEVICES; i++) {
		sim_peer_init(&world.peers[i], &peer, world.factory, FACTORY_BYTES, 0);
		world.radio_devices[i] =
		    (struct fake_device){.peer = &world.peers[i], .mtu = 247, .owned = i < OWNED};
	}
	world.sd = s140_start(&config);
	assert_int_equal(core_start(&app), NRF_SUCCESS);
}

static void announce(void)
{
	struct dfucast_ble_target targets[DEVICES] = {0};

	for (uint16_t i = 0; i < DEVICES; i++) {
		targets[i].address = (struct dfucast_ble_address){1, {(uint8_t)i, 0, 0, 0, 0, 0xC0}};
		targets[i].flags =
		    (uint8_t)(DFUCAST_BLE_TARGET_PINNED | (i < OWNED ? DFUCAST_BLE_TARGET_OWNED : 0));
	}
	core_announce(&world.announced, targets, DEVICES, s140_now(world.sd));
}

/* A piece of the image from the application's host. @return whether there was one */
static bool host_sends(void)
{
	uint8_t piece[PIECE];
	uint32_t length = world.end - world.offset;

	if (length == 0)
		return false;
	length = length < PIECE ? length : PIECE;
	memcpy(piece, world.image + world.offset, length);
	if (world.lies && world.offset + length == IMAGE_BYTES)
		piece[length - 1] ^= 1;
	world.offset += length;
	core_bytes(world.offset - length, piece, length, s140_now(world.sd));
	return true;
}

static void run(void)
{
	while (!core_is_done() && s140_now(world.sd) < LIMIT_MS) {
		uint32_t deadline = core_poll(s140_now(world.sd));

		if (host_sends())
			deadline = s140_now(world.sd) + 4; /* the host's wire */
		s140_wait(world.sd, deadline);
	}
}

static void finish(void)
{
	for (uint16_t i = 0; i < OWNED; i++) {
		ble_gap_conn_params_t params = s140_params(world.sd, world.handles[i]);

		assert_false(core_uses(world.handles[i]));
		assert_int_equal(params.max_conn_interval, 80);
		assert_int_equal(params.conn_sup_timeout, 500);
	}
	s140_stop(world.sd, &world.counts);
	assert_true(world.notices + OWNED >= world.counts.notices && world.notices > 0);
	for (uint16_t i = 0; i < DEVICES; i++)
		sim_peer_free(&world.peers[i]);
}

static void updates_four(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct dfucast_status status;

		prepare(seed);
		/* The application runs for a while before there is anything to update. */
		while (s140_now(world.sd) < 3000)
			s140_wait(world.sd, core_poll(s140_now(world.sd)));
		announce();
		run();
		for (uint16_t i = 0; i < DEVICES; i++) {
			core_status(i, &status);
			assert_int_equal(status.state, DFUCAST_STATE_DONE);
			assert_true(sim_peer_is_updated(&world.peers[i]));
			assert_memory_equal(world.peers[i].slots[0].bytes, world.image, IMAGE_BYTES);
		}
		finish();
	}
}

static void a_wrong_byte_starts_nobody(void **state)
{
	(void)state;
	prepare(1);
	world.lies = true;
	announce();
	run();
	for (uint16_t i = 0; i < DEVICES; i++) {
		struct dfucast_status status;

		core_status(i, &status);
		assert_int_equal(status.outcome.err, DFUCAST_ERR_IMAGE_HASH);
		assert_int_equal(world.peers[i].boots, 0);
	}
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(updates_four),
	    cmocka_unit_test(a_wrong_byte_starts_nobody),
	};

	return cmocka_run_group_tests_name("S140, the core alone", tests, NULL, NULL);
}
