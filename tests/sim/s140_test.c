/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Whole updates through the S140 port, on a fake SoftDevice: 1, 4 and 20 devices of ATT_MTU 23, 247 and 498, with and
 * without broken connections, on as many links or on four, with a write queue of one or six; peripherals that ask for
 * this and that, want encryption, or are not what they seem; links that the application owns. Seeds 1 … 12. Built with
 * -fsanitize=thread as well: the only things that interrupt and program share are the port's queue and its door.
 *
 * s140_test SEED [DEVICES [DROPS [LINKS [AWKWARD [OWNED [DEAF]]]]]] runs one; S140_VERBOSE=1 tells what it met.
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

#include "../../ports/s140/s140.h"
#include "../../src/central/central_internal.h"
#include "../fake/s140.h"

#define DEVICES_MAX 20u
#define IMAGE_BYTES 12000u
#define FACTORY_BYTES 6000u
#define RING_BYTES 8192u
#define QUEUE_BYTES 4096u
#define LIMIT_MS (20u * 60u * 1000u)
#define LONG_ANSWERS 2u
#define LONG_ANSWER_BYTES 512u
#ifndef S140_SEEDS
#define S140_SEEDS 12u
#endif

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert at %s:%d\n", file, line);
	abort();
}

/* What one run is made of. */
struct setup {
	uint16_t count, links;
	uint8_t drops, write_queue;
	bool awkward; /* peripherals that ask for things */
	bool odd;     /* two cannot be paired with, one is no SMP server */
	uint16_t owned;
	bool deaf; /* attribute procedures that are not answered */
	bool short_events;
	bool observed; /* the SDK fetches the events, and the port is one of its observers */
};

struct world {
	struct setup setup;
	struct sim_peer peers[DEVICES_MAX];
	struct fake_device radio_devices[DEVICES_MAX];
	struct dfucast_update devices[DEVICES_MAX];
	struct dfucast_cast_target targets[DEVICES_MAX];
	struct dfucast_cast cast;
	struct dfucast_update_plan plan;
	struct s140 *sd;
	struct dfucast_s140 port;
	struct dfucast_ble_conn conns[S140_LINKS_MAX];
	struct dfucast_ble_target ble_targets[DEVICES_MAX];
	struct dfucast_ble_pool pool;
	uint8_t long_answers[LONG_ANSWERS][LONG_ANSWER_BYTES];
	uint8_t value[S140_MTU_MAX - 3u];
	uintptr_t queue[QUEUE_BYTES / sizeof(uintptr_t)];
	uint32_t notices; /* the application's own notifications that reached it */
	uint32_t now;
	struct fake_counts counts;
	uint8_t ring[RING_BYTES];
	uint8_t image[IMAGE_BYTES];
	uint8_t factory[FACTORY_BYTES];
	uint8_t sha[32];
	uint8_t hash[32];
};

/* What all seeds together must have met: a fake that never was awkward would prove nothing. */
static struct fake_counts total;
static uint32_t total_strays, total_starvations, total_lost;

static void prepare_radio_device(struct world *world, uint16_t i)
{
	static const uint16_t mtus[] = {247, 498, 23};
	struct fake_device *device = &world->radio_devices[i];

	*device = (struct fake_device){.peer = &world->peers[i], .mtu = mtus[i % 3]};
	device->owned = i < world->setup.owned;
	device->deaf = world->setup.deaf;
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
	if (world->setup.odd && i == 2)
		device->security = FAKE_PASSKEY; /* which nobody knows */
}

static void prepare_peers(struct world *world)
{
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
	for (uint16_t i = 0; i < world->setup.count; i++) {
		config.progressive = i % 2 != 0;
		sim_peer_init(&world->peers[i], &config, world->factory, FACTORY_BYTES, 0);
		prepare_radio_device(world, i);
	}
}

static void prepare_cast(struct world *world)
{
	world->plan = (struct dfucast_update_plan){
	    .header = world->image,
	    .sha = world->sha,
	    .hash = world->hash,
	    .hash_bytes = sizeof(world->hash),
	    .image_bytes = IMAGE_BYTES,
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
	    .image_bytes = IMAGE_BYTES,
	    .canary = 1,
	    .gather_ms = 5000,
	    .rewinds = true,
	};

	dfucast_cast_init(&world->cast, &config);
}

/* ---- the port's surroundings ---- */

static void mask(void *context)
{
	s140_irq_disable(((struct world *)context)->sd);
}

static void unmask(void *context)
{
	s140_irq_enable(((struct world *)context)->sd);
}

static void pend(void *context)
{
	s140_irq_pend(((struct world *)context)->sd);
}

static uint32_t secure(void *context, uint16_t conn_handle, bool authenticated)
{
	(void)context;
	(void)authenticated;
	return s140_secure(conn_handle);
}

/* As nrf_sdh_ble.c does. */
static void observe_all(struct dfucast_s140 *port)
{
	union {
		ble_evt_t event;
		uint8_t bytes[1024];
	} buffer;
	uint16_t length = sizeof(buffer);

	while (sd_ble_evt_get(buffer.bytes, &length) == NRF_SUCCESS) {
		dfucast_s140_observe(port, &buffer.event);
		length = sizeof(buffer);
	}
}

static void interrupt(void *context)
{
	struct world *world = context;

	if (world->setup.observed)
		observe_all(&world->port);
	else
		dfucast_s140_interrupt(&world->port);
}

/* Whom the port means by a handle: what it is used for in the central's own book. */
static uint16_t meant(void *context, uint16_t handle)
{
	const struct world *world = context;

	for (unsigned int i = 0; i < S140_LINKS_MAX; i++) {
		const struct dfucast_ble_conn *conn = &world->conns[i];

		if ((conn->state == CENTRAL_OFFERED || conn->state >= CENTRAL_SETUP) &&
		    conn->handle.index == handle)
			return conn->target;
	}
	return FAKE_NOBODY;
}

/* What peripherals ask of the application's links while they are not lent, it answers, as its modules would. */
static void answer(const ble_evt_t *event, uint16_t handle)
{
	const ble_gap_phys_t phys = {BLE_GAP_PHY_AUTO, BLE_GAP_PHY_AUTO};
	uint32_t result;

	do {
		switch (event->header.evt_id) {
		case BLE_GAP_EVT_CONN_PARAM_UPDATE_REQUEST:
			result = sd_ble_gap_conn_param_update(handle, NULL);
			break;
		case BLE_GAP_EVT_PHY_UPDATE_REQUEST:
			result = sd_ble_gap_phy_update(handle, &phys);
			break;
		case BLE_GAP_EVT_DATA_LENGTH_UPDATE_REQUEST:
			result = sd_ble_gap_data_length_update(handle, NULL, NULL);
			break;
		case BLE_GATTS_EVT_EXCHANGE_MTU_REQUEST:
			result = sd_ble_gatts_exchange_mtu_reply(handle, S140_MTU_MAX);
			break;
		default:
			return;
		}
	} while (result == NRF_ERROR_BUSY);
}

/* The application beside the update: it owns links, lends them, and listens to its sensors. */
static void application(void *context, const ble_evt_t *event)
{
	struct world *world = context;
	const ble_gap_evt_t *gap = &event->evt.gap_evt;

	if (event->header.evt_id == BLE_GAP_EVT_CONNECTED) {
		uint16_t device = gap->params.connected.peer_addr.addr[0];

		assert_true(device < world->setup.owned);
		(void)dfucast_s140_adopt(&world->port, gap->conn_handle, device,
					 &gap->params.connected.conn_params, 0, world->now);
	} else if (event->header.evt_id == BLE_GATTC_EVT_HVX) {
		world->notices++;
	} else if (event->header.evt_id == BLE_GATTC_EVT_TIMEOUT) {
		s140_drop(world->sd, gap->conn_handle);
	} else {
		answer(event, gap->conn_handle);
	}
}

static void prepare_port(struct world *world)
{
	const struct dfucast_s140_config config = {
	    .central = {.targets = world->ble_targets,
			.conns = world->conns,
			.value = world->value,
			.pool = &world->pool,
			.target_count = world->setup.count,
			.value_bytes = sizeof(world->value),
			.conn_count = S140_LINKS_MAX,
			.write_queue = world->setup.write_queue},
	    .hooks = {world, mask, unmask, pend, secure, application, NULL},
	    .queue = world->queue,
	    .queue_bytes = sizeof(world->queue),
	    .att_mtu = S140_MTU_MAX,
	    .tag = 1,
	};
	const struct dfucast_ble_user user = dfucast_ble_user_cast(&world->cast);

	for (uint16_t i = 0; i < world->setup.count; i++) {
		world->ble_targets[i].address =
		    (struct dfucast_ble_address){1, {(uint8_t)i, 0, 0, 0, 0, 0xC0}};
		world->ble_targets[i].passkey = world->setup.odd && i == 2 ? 1u + 123456u
						: i % 8 == 6               ? FAKE_DIGITS + 1u
									   : DFUCAST_BLE_NO_PASSKEY;
		world->ble_targets[i].flags =
		    (uint8_t)(DFUCAST_BLE_TARGET_PINNED |
			      (i < world->setup.owned ? DFUCAST_BLE_TARGET_OWNED : 0));
	}
	dfucast_ble_pool_init(&world->pool, world->long_answers[0], LONG_ANSWER_BYTES, LONG_ANSWERS);
	assert_int_equal(dfucast_s140_init(&world->port, &config), NRF_SUCCESS);
	dfucast_ble_central_set_user(&world->port.central, &user);
}

/* The source has all of it at hand. @return whether anything was wanted. */
static bool feed(struct world *world)
{
	uint32_t offset;
	uint32_t length;
	bool any = false;

	while (dfucast_cast_need(&world->cast, &offset, &length)) {
		uint32_t part = length < 500 ? length : 500;

		assert_int_equal(
		    dfucast_cast_feed(&world->cast, offset, world->image + offset, part, s140_now(world->sd)),
		    part);
		any = true;
	}
	return any;
}

static unsigned int lent(const struct world *world)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < S140_LINKS_MAX; i++)
		count += world->conns[i].state == CENTRAL_OFFERED;
	return count;
}

/* All are done, our links are closed, and the application has those back that broke last. */
static bool is_over(const struct world *world)
{
	return dfucast_cast_is_done(&world->cast) && world->cast.links_open == 0 &&
	       lent(world) == world->setup.owned;
}

static void run(struct world *world)
{
	world->now = s140_now(world->sd);
	dfucast_cast_start(&world->cast, world->now);
	dfucast_cast_set_image_verified(&world->cast, world->now);
	do {
		uint32_t deadline, other;

		world->now = s140_now(world->sd);
		dfucast_cast_tick(&world->cast, world->now);
		do {
			deadline = dfucast_s140_run(&world->port, world->now);
		} while (feed(world));
		if (dfucast_cast_deadline(&world->cast, &other) && (int32_t)(other - deadline) < 0)
			deadline = other;
		s140_wait(world->sd, deadline);
	} while (!is_over(world) && world->now < LIMIT_MS);
}

/* ---- what must have come of it ---- */

static void check_device(const struct world *world, uint16_t i)
{
	struct dfucast_status status;

	dfucast_cast_status(&world->cast, i, &status);
	if (world->setup.odd && i < 3) {
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
	assert_memory_equal(world->peers[i].slots[0].bytes, world->image, IMAGE_BYTES);
}

/* Our own links are closed; the application's are there, at rest, as they were. */
static void check_links(const struct world *world)
{
	for (unsigned int i = 0; i < S140_LINKS_MAX; i++) {
		const struct dfucast_ble_conn *conn = &world->conns[i];
		ble_gap_conn_params_t params;

		assert_int_equal(conn->frames.rx_slot, 0);
		if (conn->state == CENTRAL_FREE)
			continue;
		assert_int_equal(conn->state, CENTRAL_OFFERED);
		params = s140_params(world->sd, conn->handle.index);
		assert_int_equal(params.max_conn_interval, 80);
		assert_int_equal(params.conn_sup_timeout, 500);
	}
	assert_int_equal(lent(world), world->setup.owned);
	assert_int_equal(world->pool.used, 0);
	assert_int_equal(world->cast.links_open, 0);
}

static void add_up(const struct world *world)
{
	const struct fake_counts *counts = &world->counts;

	total.drops += counts->drops;
	total.busy += counts->busy;
	total.reused += counts->reused;
	total.late += counts->late;
	total.preempted += counts->preempted;
	total.wishes += counts->wishes;
	total.refused += counts->refused;
	total.pairings += counts->pairings;
	total.thrown_away += counts->thrown_away;
	total.ending += counts->ending;
	total.deaf += counts->deaf;
	total.att_timeouts += counts->att_timeouts;
	total.old += counts->old;
	total_strays += world->port.central.strays;
	total_starvations += world->port.starvations;
	total_lost += world->port.queue.lost;
	if (getenv("S140_VERBOSE") == NULL)
		return;
	printf("devices %u: %u ms, %u connects, %u drops, %u busy, %u without credit, %u reused, %u late, %u "
	       "strays, "
	       "%u preempted, %u starved, %u reports, %u wishes, %u pairings, %u thrown away\n",
	       world->setup.count, world->now, counts->connects, counts->drops, counts->busy,
	       counts->no_credit, counts->reused, counts->late, world->port.central.strays, counts->preempted,
	       world->port.starvations, counts->reports, counts->wishes, counts->pairings,
	       counts->thrown_away);
}

static void one_update(uint64_t seed, const struct setup *setup)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->setup = *setup;
	prepare_peers(world);
	prepare_cast(world);
	const struct s140_config config = {
	    .seed = seed,
	    .devices = world->radio_devices,
	    .count = setup->count,
	    .links_max = setup->links,
	    .write_queue = setup->write_queue,
	    .drops_max = setup->drops,
	    .short_events = setup->short_events,
	    .interrupt = interrupt,
	    .meant = meant,
	    .context = world,
	};

	world->sd = s140_start(&config);
	prepare_port(world);
	run(world);
	check_links(world);
	s140_stop(world->sd, &world->counts);
	add_up(world);
	for (uint16_t i = 0; i < setup->count; i++) {
		check_device(world, i);
	}
	/* Never did a value or a procedure go to another device than meant, though handles changed hands all the time. */
	assert_int_equal(world->counts.misdirected, 0);
	assert_int_equal(world->counts.unanswered, 0);
	/* The application's sensors were heard all the time; notifications on their way at the end apart. */
	assert_true(world->notices + setup->owned >= world->counts.notices);
	for (uint16_t i = 0; i < setup->count; i++) {
		sim_peer_free(&world->peers[i]);
	}
	free(world);
}

static void all_seeds(const struct setup *setup)
{
	for (uint64_t seed = 1; seed <= S140_SEEDS; seed++) {
		one_update(seed, setup);
	}
}

static void one_device(void **state)
{
	struct setup setup = {.count = 1, .links = S140_LINKS_MAX, .write_queue = 1};

	(void)state;
	all_seeds(&setup);
	setup.drops = 2;
	all_seeds(&setup);
}

static void four_devices(void **state)
{
	struct setup setup = {.count = 4, .links = S140_LINKS_MAX, .write_queue = 1};

	(void)state;
	all_seeds(&setup);
	setup.drops = 2;
	all_seeds(&setup);
	setup.write_queue = 6;
	all_seeds(&setup);
}

static void twenty_devices(void **state)
{
	const struct setup setup = {.count = 20, .links = S140_LINKS_MAX, .write_queue = 1};

	(void)state;
	all_seeds(&setup);
}

static void twenty_devices_with_drops(void **state)
{
	const struct setup setup = {.count = 20, .links = S140_LINKS_MAX, .write_queue = 6, .drops = 2};

	(void)state;
	all_seeds(&setup);
}

/* More devices than links: waves, and each handle has many owners. */
static void twenty_devices_on_four_links(void **state)
{
	struct setup setup = {.count = 20, .links = 4, .write_queue = 1};

	(void)state;
	all_seeds(&setup);
	setup.drops = 1;
	all_seeds(&setup);
}

/* They ask for parameters, PHYs, lengths and MTUs, do not answer, or want encryption, each in its way. */
static void peripherals_with_wishes(void **state)
{
	struct setup setup = {.count = 8, .links = S140_LINKS_MAX, .write_queue = 2, .awkward = true};

	(void)state;
	all_seeds(&setup);
	setup.drops = 1;
	all_seeds(&setup);
}

static void the_wrong_ones_fail_alone(void **state)
{
	const struct setup setup = {.count = 5, .links = S140_LINKS_MAX, .write_queue = 1, .odd = true};

	(void)state;
	all_seeds(&setup);
}

static void links_of_the_application(void **state)
{
	struct setup setup = {.count = 6, .links = S140_LINKS_MAX, .write_queue = 1, .owned = 4};

	(void)state;
	all_seeds(&setup);
	setup.drops = 1;
	setup.awkward = true;
	all_seeds(&setup);
}

/* A question that is not answered costs a connection, not the device. A lent one its owner ends, who is told. */
static void unanswered_procedures(void **state)
{
	struct setup setup = {.count = 6, .links = S140_LINKS_MAX, .write_queue = 2, .deaf = true};

	(void)state;
	all_seeds(&setup);
	setup.short_events = true;
	setup.drops = 1;
	all_seeds(&setup);
	setup.owned = 3;
	setup.drops = 0;
	all_seeds(&setup);
}

/* Beside an application on the SDK, from an observer of its events. */
static void as_an_observer(void **state)
{
	struct setup setup = {
	    .count = 12, .links = S140_LINKS_MAX, .write_queue = 1, .drops = 1, .observed = true};

	(void)state;
	all_seeds(&setup);
	setup.awkward = true;
	all_seeds(&setup);
}

static void the_fake_was_awkward(void **state)
{
	(void)state;
	assert_true(total.drops > S140_SEEDS);
	assert_true(total.busy > S140_SEEDS);
	assert_true(total.reused > S140_SEEDS);
	assert_true(total.late > S140_SEEDS);
	assert_true(total_strays > 0);
	assert_true(total.preempted > S140_SEEDS);
	assert_true(total.wishes > S140_SEEDS);
	assert_true(total.refused > S140_SEEDS);
	assert_true(total.pairings > S140_SEEDS);
	assert_true(total.thrown_away > S140_SEEDS);
	assert_true(total.ending >= S140_SEEDS / 4u);
	assert_true(total.deaf > S140_SEEDS);
	assert_true(total.att_timeouts > 0);
	assert_true(total.old > S140_SEEDS);
	assert_true(total_starvations > 0);
	printf("%u observed events found no room; %u calls for links that had just ended; %u questions "
	       "unanswered, %u until they timed out\n",
	       total_lost, total.ending, total.deaf, total.att_timeouts);
}

static uint64_t one_seed;
static struct setup one_setup = {.count = 4, .links = S140_LINKS_MAX, .drops = 2, .write_queue = 1};

static void one_of_them(void **state)
{
	(void)state;
	one_update(one_seed, &one_setup);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_device),
	    cmocka_unit_test(four_devices),
	    cmocka_unit_test(twenty_devices),
	    cmocka_unit_test(twenty_devices_with_drops),
	    cmocka_unit_test(twenty_devices_on_four_links),
	    cmocka_unit_test(peripherals_with_wishes),
	    cmocka_unit_test(the_wrong_ones_fail_alone),
	    cmocka_unit_test(links_of_the_application),
	    cmocka_unit_test(unanswered_procedures),
	    cmocka_unit_test(as_an_observer),
	    cmocka_unit_test(the_fake_was_awkward),
	};
	const struct CMUnitTest one[] = {cmocka_unit_test(one_of_them)};

	if (getenv("S140_ONLY") != NULL)
		cmocka_set_test_filter(getenv("S140_ONLY"));
	if (argc > 1) {
		one_seed = strtoull(argv[1], NULL, 0);
		one_setup.count = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 0) : one_setup.count;
		one_setup.drops = argc > 3 ? (uint8_t)strtoul(argv[3], NULL, 0) : one_setup.drops;
		one_setup.links = argc > 4 ? (uint16_t)strtoul(argv[4], NULL, 0) : one_setup.links;
		one_setup.awkward = argc > 5 && argv[5][0] == '1';
		one_setup.owned = argc > 6 ? (uint16_t)strtoul(argv[6], NULL, 0) : 0;
		one_setup.deaf = argc > 7 && argv[7][0] != '0';
		one_setup.short_events = argc > 7 && argv[7][0] == '2';
		return cmocka_run_group_tests_name("S140", one, NULL, NULL);
	}
	return cmocka_run_group_tests_name("S140", tests, NULL, NULL);
}
