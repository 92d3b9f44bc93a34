/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The S140 gateway's firmware, all but its board, on a fake SoftDevice: a host hands over a plan and an image over a
 * console line, six peripherals behind the radio are updated, two of them over links that the application owns; and one
 * plan after another with other devices. Seeds 1 … 6, with and without broken links. Encryption is asked of pairing.c on a
 * fake Peer Manager; built once more with PAIRING_BONDS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dfucast/framing.h>
#include <dfucast/host.h>
#include <dfucast/smp_os.h>

#include "../../apps/gateway_s140/beside.h"
#include "../../apps/gateway_s140/board.h"
#include "../../apps/gateway_s140/pairing.h"
#include "../../src/central/central_internal.h"
#include "../fake/peer_manager.h"
#include "../fake/s140.h"

#define DEVICES 6u
#define PAIRED 5u          /* wants a passkey, which the plan brings */
#define IMAGE_BYTES 20000u /* the ring is smaller */
#define FACTORY_BYTES 6000u
#define LIMIT_MS (20u * 60u * 1000u)
#define SEEDS 6u

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
	uint8_t image[IMAGE_BYTES];
	uint8_t factory[FACTORY_BYTES];
	uint8_t sha[32], hash[32];
	uint8_t hashed[2][IMAGE_BYTES];
	size_t hashed_bytes[2];
	uint16_t owned;
	uint32_t ram_start; /* of the application */
	uint16_t max_failed;
	uint32_t wait_ms;
	uint32_t paired; /* a bit for each device that the plan has a passkey for */
	/* the host */
	struct dfucast_host host;
	struct dfucast_framing framing;
	struct dfucast_smp_fleet_plan plan;
	struct dfucast_smp_fleet_target targets[DEVICES];
	char texts[DEVICES][DFUCAST_BLE_ADDRESS_TEXT];
	uint8_t frame[600];
	uint8_t wire[DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t waiting; /* of it */
	uint8_t rx_frame[1200];
	unsigned int done, reports;
	uint32_t sent_bytes;
	int32_t err;
} world;

/* ---- the board ---- */

uint32_t board_now(void)
{
	return s140_now(world.sd);
}

void board_mask(void *context)
{
	(void)context;
	s140_irq_disable(world.sd);
}

void board_unmask(void *context)
{
	(void)context;
	s140_irq_enable(world.sd);
}

void board_pend(void *context)
{
	(void)context;
	s140_irq_pend(world.sd);
}

uint32_t board_secure(void *context, uint16_t conn_handle, bool authenticated)
{
	(void)context;
	return pairing_secure(conn_handle, authenticated);
}

static bool hash_start(void *context)
{
	*(size_t *)context = 0;
	return true;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	size_t *used = context;
	uint8_t *hashed = world.hashed[used - world.hashed_bytes];

	assert_true(length <= IMAGE_BYTES - *used);
	memcpy(hashed + *used, bytes, length);
	*used += length;
	return true;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	const size_t *used = context;

	sim_peer_sha256(world.hashed[used - world.hashed_bytes], *used, digest);
	return true;
}

struct dfucast_sha256 board_sha256(unsigned int index)
{
	return (struct dfucast_sha256){&world.hashed_bytes[index], hash_start, hash_update, hash_finish};
}

uint32_t board_boot_id(void)
{
	return 7;
}

uint16_t board_allowed(const struct dfucast_ble_address **addresses)
{
	(void)addresses;
	return 0;
}

void board_reset(void)
{
	fail();
}

/* ---- the application beside it: it is connected to the first devices by itself ---- */

bool beside_is_mine(const struct dfucast_ble_address *address)
{
	return address->bytes[0] < world.owned;
}

/* As nrf_sdh_ble.c does, with the application's observer. */
static void interrupt(void *context)
{
	union {
		ble_evt_t event;
		uint8_t bytes[1024];
	} buffer;
	uint16_t length = sizeof(buffer);

	(void)context;
	while (sd_ble_evt_get(buffer.bytes, &length) == NRF_SUCCESS) {
		fake_pm_event(&buffer.event);
		pairing_event(&buffer.event);
		beside_event(&buffer.event);
		length = sizeof(buffer);
	}
}

static uint16_t meant(void *context, uint16_t handle)
{
	const struct dfucast_ble_central *central = &gateway_port.central;

	(void)context;
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		const struct dfucast_ble_conn *conn = &central->config.conns[i];

		if (conn->state >= CENTRAL_SETUP && conn->handle.index == handle)
			return central->config.targets[conn->target].address.bytes[0];
	}
	return FAKE_NOBODY;
}

/* ---- the host ---- */

static void reported(void *context, const struct dfucast_smp_fleet_report *report)
{
	(void)context;
	world.reports++;
	world.done += report->state == DFUCAST_STATE_DONE;
	world.sent_bytes += report->sent_bytes;
	if (report->state != DFUCAST_STATE_DONE)
		world.err = report->err;
	assert_true(report->rssi == -70 || report->rssi == 0);
}

static void host_take(void *context, const uint8_t *frame, size_t length)
{
	(void)context;
	dfucast_host_recv(&world.host, frame, length, board_now());
}

static void push_wire(void)
{
	size_t taken = beside_uart_received(world.wire, world.waiting);

	world.waiting -= taken;
	memmove(world.wire, world.wire + taken, world.waiting);
}

static void host_round(void)
{
	const struct dfucast_frame_sink sink = {NULL, host_take};
	const struct dfucast_frame_source source = dfucast_host_frame_source(&world.host);
	uint8_t bytes[DFUCAST_FRAMING_SEND_BYTES_MIN];
	uint32_t offset, wanted;
	size_t length;

	while ((length = beside_uart_to_send(bytes, sizeof(bytes))) > 0)
		dfucast_framing_recv(&world.framing, bytes, length, &sink);
	dfucast_host_tick(&world.host, board_now());
	while (dfucast_host_want(&world.host, &offset, &wanted))
		assert_true(
		    dfucast_host_feed(&world.host, offset, world.image + offset, wanted, board_now()) > 0);
	/* A wire with flow control: what finds no room waits. */
	while (world.waiting == 0 && (world.waiting = dfucast_framing_send(
					  &world.framing, &source, world.wire, sizeof(world.wire))) > 0)
		push_wire();
	push_wire();
}

/* The plan names devices [first, first + count). */
static void host_begin(uint16_t first, uint16_t count)
{
	const struct dfucast_host_config config = {.plan = &world.plan,
						   .targets = world.targets,
						   .target_count = count,
						   .frame = world.frame,
						   .frame_bytes = sizeof(world.frame),
						   .report = reported};

	world.plan = (struct dfucast_smp_fleet_plan){.canary = 1,
						     .max_failed = world.max_failed,
						     .wait_ms = world.wait_ms,
						     .gather_ms = 5000,
						     .image_bytes = IMAGE_BYTES,
						     .header = world.image,
						     .header_bytes = 32,
						     .hash = world.hash,
						     .hash_bytes = 32,
						     .sha = world.sha,
						     .sha_bytes = 32};
	for (uint16_t i = 0; i < count; i++) {
		const struct dfucast_ble_address address = {1, {(uint8_t)(first + i), 0, 0, 0, 0, 0xC0}};

		world.targets[i] = (struct dfucast_smp_fleet_target){
		    .id = {world.texts[i], (uint16_t)dfucast_ble_address_format(&address, world.texts[i])},
		    .passkey =
			(world.paired >> (first + i) & 1u) != 0 ? FAKE_DIGITS : DFUCAST_SMP_FLEET_NO_PASSKEY};
	}
	world.done = world.reports = 0;
	dfucast_framing_init(&world.framing, DFUCAST_FRAMING_CONSOLE, world.rx_frame, sizeof(world.rx_frame));
	dfucast_host_init(&world.host, &config);
	dfucast_host_start(&world.host, board_now());
}

static void run(void)
{
	uint32_t limit = board_now() + LIMIT_MS;

	while (world.host.state < DFUCAST_HOST_DONE && (int32_t)(board_now() - limit) < 0) {
		uint32_t deadline, other;

		host_round();
		pairing_poll();
		deadline = beside_tick();
		if (world.waiting > 0 || !board_host_idle())
			deadline = board_now() + 1; /* the wire takes its time */
		if (dfucast_host_deadline(&world.host, &other) && (int32_t)(other - deadline) < 0)
			deadline = other;
		s140_wait(world.sd, deadline);
	}
}

/* ---- runs ---- */

static struct dfucast_s140_settings whole; /* before RAM is too little */

static void begin(uint64_t seed, uint8_t drops, uint16_t owned, void (*change)(void))
{
	static const uint8_t old_version[4] = {1, 0, 0, 0};
	static const uint8_t new_version[4] = {1, 1, 0, 7};
	static const uint16_t mtus[] = {247, 498, 23};
	const struct s140_config config = {.seed = seed,
					   .devices = world.radio_devices,
					   .count = DEVICES,
					   .links_max = GATEWAY_LINKS,
					   .write_queue = GATEWAY_WRITE_QUEUE,
					   .drops_max = drops,
					   .pairings = GATEWAY_PAIRINGS,
					   .interrupt = interrupt,
					   .meant = meant};
	struct sim_peer_image made;
	struct sim_peer_config peer;

	memset(&world, 0, sizeof(world));
	world.owned = owned;
	world.ram_start = 0x20010000;
	gateway_settings = whole;
	sim_peer_image_make(world.factory, FACTORY_BYTES, old_version, 1);
	sim_peer_image_make(world.image, IMAGE_BYTES, new_version, 2);
	assert_true(sim_peer_image_look(world.image, IMAGE_BYTES, &made));
	memcpy(world.hash, made.hash, sizeof(world.hash));
	sim_peer_sha256(world.image, IMAGE_BYTES, world.sha);
	sim_peer_config_default(&peer);
	peer.buf_size = 512;
	peer.reassembly = true;
	peer.slot_bytes = 32768;
	for (uint16_t i = 0; i < DEVICES; i++) {
		sim_peer_init(&world.peers[i], &peer, world.factory, FACTORY_BYTES, 0);
		world.radio_devices[i] =
		    (struct fake_device){.peer = &world.peers[i], .mtu = mtus[i % 3], .owned = i < owned};
	}
	world.radio_devices[PAIRED].security = FAKE_PASSKEY;
	world.paired = 1u << PAIRED;
	world.max_failed = 1;
	if (change != NULL)
		change();
	fake_pm_reset();
	world.sd = s140_start(&config);
	const struct pairing_config pairing = {.failed = gateway_not_secured,
					       .mask = board_mask,
					       .unmask = board_unmask,
					       .at_once = GATEWAY_PAIRINGS};

	assert_int_equal(gateway_enable(world.ram_start, sd_ble_enable), NRF_SUCCESS);
	assert_int_equal(beside_start(false), NRF_SUCCESS);
	assert_int_equal(pairing_start(&pairing), NRF_SUCCESS);
}

static void end(void)
{
	s140_stop(world.sd, &world.counts);
	assert_int_equal(world.counts.misdirected, 0);
	/* The Peer Manager would have forgotten that a procedure runs. */
	assert_int_equal(fake_pm_counts().overlaps, 0);
	for (uint16_t i = 0; i < DEVICES; i++)
		sim_peer_free(&world.peers[i]);
}

static void updates(uint16_t first, uint16_t count)
{
	host_begin(first, count);
	run();
	assert_int_equal(world.host.state, DFUCAST_HOST_DONE);
	assert_int_equal(world.reports, count);
	if (world.done != count)
		fail_msg("%u of %u done: %s", world.done, count, dfucast_err_name(world.err));
	for (uint16_t i = first; i < first + count; i++) {
		assert_true(sim_peer_is_updated(&world.peers[i]));
		assert_memory_equal(world.peers[i].slots[0].bytes, world.image, IMAGE_BYTES);
	}
}

static void a_host_updates_all(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, seed % 2, 0, NULL);
		updates(0, DEVICES);
		assert_true(gateway_core.cast.ring.wraps >= 1);
		assert_true(world.sent_bytes >= DEVICES * (IMAGE_BYTES - 32u));
		end();
	}
}

static void too_little_ram(void)
{
	world.ram_start = 0x20000000 + 24000;
}

/* Rather with less than not at all: waves over fewer links, with shorter values. */
static void what_fits_is_what_it_runs_with(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, 0, 0, too_little_ram);
		assert_int_equal(gateway_settings.att_mtu, DFUCAST_S140_MTU_LEAST);
		assert_int_equal(gateway_settings.write_queue, 1);
		assert_in_range(gateway_settings.central_links, 2, GATEWAY_LINKS - 1);
		assert_int_equal(gateway_core.config.cast.links_max, gateway_settings.central_links);
		updates(0, DEVICES);
		end();
	}
}

/* The same index of a plan means another device in the next one. */
static void one_plan_after_another(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, 0, 0, NULL);
		updates(0, 2);
		for (uint16_t i = 2; i < DEVICES; i++)
			assert_false(sim_peer_is_updated(&world.peers[i]));
		updates(3, 3);
		assert_false(sim_peer_is_updated(&world.peers[2]));
		end();
	}
}

static void links_of_the_application_are_lent(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, seed % 2, 2, NULL);
		updates(0, DEVICES);
		/* The last ones are given back while the host reads its reports. */
		for (uint32_t limit = board_now() + 30000; (int32_t)(board_now() - limit) < 0;)
			s140_wait(world.sd, beside_tick());
		for (uint8_t i = 0; i < 2; i++) {
			const struct dfucast_ble_address address = {1, {i, 0, 0, 0, 0, 0xC0}};
			ble_gap_conn_params_t params;
			uint16_t conn_handle, att_mtu;

			assert_int_equal(gateway_owner(&address, &conn_handle, &params, &att_mtu),
					 DFUCAST_BLE_LENT);
			assert_false(gateway_uses(conn_handle));
			assert_int_equal(s140_params(world.sd, conn_handle).max_conn_interval, 80);
		}
		end();
	}
}

/* Who is there, by the fleet's scan: asked for twice, for the first question begins the listening. */
static void the_scan_names_who_is_there(void **state)
{
	struct dfucast_smp_fleet_seen seen;
	const struct dfucast_gateway_port *port;
	unsigned int count = 0;

	(void)state;
	begin(1, 0, 0, NULL);
	port = gateway_core.config.port;
	assert_false(port->seen(port->context, 0, &seen));
	for (unsigned int i = 0; i < 3000; i++)
		s140_wait(world.sd, beside_tick());
	assert_true(world.sd != NULL);
	while (port->seen(port->context, count, &seen)) {
		assert_int_equal(seen.protocol, 0);
		assert_int_equal(seen.rssi, -70);
		assert_int_equal(seen.id.length, 24);
		assert_true(seen.period_ms > 0);
		count++;
	}
	assert_int_equal(count, DEVICES);
	end();
	assert_true(world.counts.reports > DEVICES);
	assert_int_equal(world.counts.connects, 0);
}

/* ---- relay: one frame of the host's to one device ---- */

static struct {
	uint8_t request[128], answer[600];
	size_t left, length; /* of the request still to send; of the answer */
} relayed;

static size_t relay_begin(void *context)
{
	(void)context;
	return relayed.left;
}

static void relay_read(void *context, size_t position, uint8_t *buffer, size_t length)
{
	(void)context;
	memcpy(buffer, relayed.request + position, length);
}

static void relay_sent(void *context)
{
	(void)context;
	relayed.left = 0;
}

static void relay_take(void *context, const uint8_t *frame, size_t length)
{
	(void)context;
	assert_true(length <= sizeof(relayed.answer));
	memcpy(relayed.answer, frame, length);
	relayed.length = length;
}

/* Sends what is in `relayed.request` over the console and waits for the answer to it. */
static void relay_run(void)
{
	const struct dfucast_frame_source source = {NULL, relay_begin, relay_read, relay_sent};
	const struct dfucast_frame_sink sink = {NULL, relay_take};
	uint32_t limit = board_now() + 60000;
	uint8_t bytes[DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t length;

	relayed.length = 0;
	dfucast_framing_init(&world.framing, DFUCAST_FRAMING_CONSOLE, world.rx_frame, sizeof(world.rx_frame));
	while (relayed.length == 0 && (int32_t)(board_now() - limit) < 0) {
		if (world.waiting == 0)
			world.waiting =
			    dfucast_framing_send(&world.framing, &source, world.wire, sizeof(world.wire));
		push_wire();
		while ((length = beside_uart_to_send(bytes, sizeof(bytes))) > 0)
			dfucast_framing_recv(&world.framing, bytes, length, &sink);
		(void)beside_tick();
		s140_wait(world.sd, board_now() + 1);
	}
	assert_true(relayed.length > DFUCAST_SMP_HEADER_BYTES);
}

static void a_request_is_relayed(void **state)
{
	static const struct dfucast_smp_text hello = {"hello", 5};
	const struct dfucast_smp_id outer = {DFUCAST_SMP_V2, 7}, inner_id = {DFUCAST_SMP_V2, 42};

	(void)state;
	begin(1, 0, 0, NULL);
	for (uint8_t i = 0; i < 2; i++) {
		const struct dfucast_ble_address address = {1, {i, 0, 0, 0, 0, 0xC0}};
		char name[DFUCAST_BLE_ADDRESS_TEXT];
		uint8_t frame[32];
		const struct dfucast_smp_fleet_relay relay = {
		    .id = {name, (uint16_t)dfucast_ble_address_format(&address, name)},
		    .frame = frame,
		    .frame_bytes = (uint16_t)dfucast_smp_echo_encode(frame, sizeof(frame), inner_id, hello)};
		const uint8_t *inner = NULL;
		size_t inner_bytes = 0;
		struct dfucast_smp_error error;
		struct dfucast_smp_text text;

		relayed.left = (size_t)dfucast_smp_fleet_relay_encode(relayed.request,
								      sizeof(relayed.request), outer, &relay);
		relay_run();
		assert_int_equal(dfucast_smp_fleet_relay_answer_decode(
				     relayed.answer + DFUCAST_SMP_HEADER_BYTES,
				     relayed.length - DFUCAST_SMP_HEADER_BYTES, &error, &inner, &inner_bytes),
				 0);
		assert_int_equal(error.rc, 0);
		assert_int_equal(inner[6], 42);
		assert_int_equal(dfucast_smp_echo_decode(inner + DFUCAST_SMP_HEADER_BYTES,
							 inner_bytes - DFUCAST_SMP_HEADER_BYTES, &error,
							 &text),
				 0);
		assert_int_equal(text.length, 5);
		assert_memory_equal(text.text, "hello", 5);
	}
	end();
}

/* ---- security ---- */

static void set_security(uint16_t device, enum fake_security security, bool wants, bool passkey)
{
	world.radio_devices[device].security = (uint8_t)security;
	world.radio_devices[device].wants_security = wants;
	world.paired &= ~(1u << device);
	world.paired |= (uint32_t)passkey << device;
}

/* Peripherals as they come: some ask by themselves, some refuse, some are silent; two pairings at a time. */
static void all_kinds(void)
{
	set_security(0, FAKE_ASKS, false, false);
	set_security(1, FAKE_PASSKEY, true, true);
	set_security(2, FAKE_SILENT, false, false);
	set_security(3, FAKE_OPEN, true, false);
	set_security(4, FAKE_ASKS, true, false);
	set_security(5, FAKE_PASSKEY, false, true);
}

static void every_kind_of_security(void **state)
{
	uint32_t thrown_away = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, seed % 2, 0, all_kinds);
		updates(0, DEVICES);
		end();
		/* Each connection pairs anew, or the first only. */
		assert_true(world.counts.pairings >= DEVICES);
		thrown_away += world.counts.thrown_away;
		if (!PAIRING_BONDS)
			assert_true(world.counts.pairings >= 2 * DEVICES - 2);
		assert_int_equal(fake_pm_counts().bonds != 0, PAIRING_BONDS);
		assert_int_equal(fake_pm_counts().with_key != 0, PAIRING_BONDS);
	}
	assert_true(thrown_away > 0); /* the gateway remembers who has to be encrypted first */
}

static uint16_t ended_well(uint16_t count)
{
	uint16_t well = 0;

	host_begin(0, count);
	run();
	assert_int_equal(world.host.state, DFUCAST_HOST_DONE);
	assert_int_equal(world.reports, count);
	for (uint16_t i = 0; i < count; i++)
		well = (uint16_t)(well | (unsigned int)sim_peer_is_updated(&world.peers[i]) << i);
	return well;
}

static void the_wrong_ones(void)
{
	all_kinds();
	world.max_failed = DEVICES;
	world.wait_ms = 60000;
	set_security(0, FAKE_MUTE, false, false);   /* pairing is never answered: SMP's 30 s */
	set_security(2, FAKE_ASKS, false, true);    /* cannot be authenticated, and the plan wants it */
	set_security(3, FAKE_PASSKEY, true, false); /* asks for a passkey that nobody knows */
}

/* They end for themselves, with the word that says why; the others wait for their turn, and get it. */
static void who_cannot_be_paired_with(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, 0, 0, the_wrong_ones);
		assert_int_equal(ended_well(DEVICES), 1u << 1 | 1u << 4 | 1u << 5);
		assert_int_equal(world.done, 3);
		assert_int_equal(world.err, DFUCAST_ERR_NEEDS_PAIRING);
		end();
	}
}

static void forgetful_ones(void)
{
	all_kinds();
	for (uint16_t i = 0; i < DEVICES; i++)
		world.radio_devices[i].forgets = true;
}

/* An update that erases settings takes the bonds along: the next connection pairs again. */
static void bonds_that_peripherals_lose(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, 0, 0, forgetful_ones);
		updates(0, DEVICES);
		end();
		assert_int_equal(world.counts.keys_lost != 0, PAIRING_BONDS);
		assert_int_equal(fake_pm_counts().forced != 0, PAIRING_BONDS);
	}
}

/* Bonded without authentication in an earlier life; the plan has a passkey. */
static void bonds_that_are_too_weak(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, 0, 0, all_kinds);
		fake_pm_bond(5, false);
		world.radio_devices[5].has_keys = true;
		updates(5, 1);
		end();
		assert_true(fake_pm_counts().with_key >= 1);
		assert_true(fake_pm_counts().forced >= 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_host_updates_all),
	    cmocka_unit_test(what_fits_is_what_it_runs_with),
	    cmocka_unit_test(one_plan_after_another),
	    cmocka_unit_test(links_of_the_application_are_lent),
	    cmocka_unit_test(the_scan_names_who_is_there),
	    cmocka_unit_test(a_request_is_relayed),
	    cmocka_unit_test(every_kind_of_security),
	    cmocka_unit_test(who_cannot_be_paired_with),
	    cmocka_unit_test(bonds_that_peripherals_lose),
	    cmocka_unit_test(bonds_that_are_too_weak),
	};

	whole = gateway_settings;
	return cmocka_run_group_tests_name("S140 gateway", tests, NULL, NULL);
}
