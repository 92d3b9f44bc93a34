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

#include "../../ports/s140/s140.h"
#include "../../src/central/central_internal.h"
#include "../fake/s140.h"
#include "central_world.h"

#define QUEUE_BYTES 4096u
#ifndef S140_SEEDS
#define S140_SEEDS 12u
#endif

struct world {
	struct central_world base;
	struct s140 *sd;
	struct dfucast_s140 port;
	uintptr_t queue[QUEUE_BYTES / sizeof(uintptr_t)];
	struct fake_counts counts;
};

/* What all seeds together must have met: a fake that never was awkward would prove nothing. */
static struct fake_counts total;
static uint32_t total_strays, total_starvations, total_lost;

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

	if (world->base.setup.observed)
		observe_all(&world->port);
	else
		dfucast_s140_interrupt(&world->port);
}

static uint16_t meant(void *context, uint16_t handle)
{
	const struct world *world = context;

	return central_world_meant(&world->base, handle);
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

		assert_true(device < world->base.setup.owned);
		(void)dfucast_s140_adopt(&world->port, gap->conn_handle, device,
					 &gap->params.connected.conn_params, 0, world->base.now);
	} else if (event->header.evt_id == BLE_GATTC_EVT_HVX) {
		world->base.notices++;
	} else if (event->header.evt_id == BLE_GATTC_EVT_TIMEOUT) {
		s140_drop(world->sd, gap->conn_handle);
	} else {
		answer(event, gap->conn_handle);
	}
}

static void prepare_port(struct world *world)
{
	const struct dfucast_s140_config config = {
	    .central = central_world_config(&world->base, S140_LINKS_MAX, S140_MTU_MAX),
	    .hooks = {world, mask, unmask, pend, secure, application, NULL},
	    .queue = world->queue,
	    .queue_bytes = sizeof(world->queue),
	    .att_mtu = S140_MTU_MAX,
	    .tag = 1,
	};
	const struct dfucast_ble_user user = dfucast_ble_user_cast(&world->base.cast);

	assert_int_equal(dfucast_s140_init(&world->port, &config), NRF_SUCCESS);
	dfucast_ble_central_set_user(&world->port.central, &user);
}

static void run(struct world *world)
{
	struct dfucast_cast *cast = &world->base.cast;

	central_world_start(&world->base, s140_now(world->sd));
	do {
		uint32_t deadline, other;

		world->base.now = s140_now(world->sd);
		dfucast_cast_tick(cast, world->base.now);
		do {
			deadline = dfucast_s140_run(&world->port, world->base.now);
		} while (central_world_feed(&world->base, s140_now(world->sd)));
		if (dfucast_cast_deadline(cast, &other) && (int32_t)(other - deadline) < 0)
			deadline = other;
		s140_wait(world->sd, deadline);
	} while (!central_world_is_over(&world->base) && world->base.now < CENTRAL_LIMIT_MS);
}

/* The application has its links back as they were. */
static void check_params(const struct world *world)
{
	for (unsigned int i = 0; i < S140_LINKS_MAX; i++) {
		const struct dfucast_ble_conn *conn = &world->base.conns[i];
		ble_gap_conn_params_t params;

		if (conn->state != CENTRAL_OFFERED)
			continue;
		params = s140_params(world->sd, conn->handle.index);
		assert_int_equal(params.max_conn_interval, 80);
		assert_int_equal(params.conn_sup_timeout, 500);
	}
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
	       world->base.setup.count, world->base.now, counts->connects, counts->drops, counts->busy,
	       counts->no_credit, counts->reused, counts->late, world->port.central.strays, counts->preempted,
	       world->port.starvations, counts->reports, counts->wishes, counts->pairings,
	       counts->thrown_away);
}

static void one_update(uint64_t seed, const struct central_setup *setup)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	central_world_prepare(&world->base, setup);
	const struct s140_config config = {
	    .seed = seed,
	    .devices = world->base.radio_devices,
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
	check_params(world);
	s140_stop(world->sd, &world->counts);
	add_up(world);
	central_world_check(&world->base);
	central_world_check_counts(&world->base, &world->counts);
	central_world_free(&world->base);
	free(world);
}

static void all_seeds(const struct central_setup *setup)
{
	for (uint64_t seed = 1; seed <= S140_SEEDS; seed++) {
		one_update(seed, setup);
	}
}

static void one_device(void **state)
{
	struct central_setup setup = {.count = 1, .links = S140_LINKS_MAX, .write_queue = 1};

	(void)state;
	all_seeds(&setup);
	setup.drops = 2;
	all_seeds(&setup);
}

static void four_devices(void **state)
{
	struct central_setup setup = {.count = 4, .links = S140_LINKS_MAX, .write_queue = 1};

	(void)state;
	all_seeds(&setup);
	setup.drops = 2;
	all_seeds(&setup);
	setup.write_queue = 6;
	all_seeds(&setup);
}

static void twenty_devices(void **state)
{
	const struct central_setup setup = {.count = 20, .links = S140_LINKS_MAX, .write_queue = 1};

	(void)state;
	all_seeds(&setup);
}

static void twenty_devices_with_drops(void **state)
{
	const struct central_setup setup = {
	    .count = 20, .links = S140_LINKS_MAX, .write_queue = 6, .drops = 2};

	(void)state;
	all_seeds(&setup);
}

/* More devices than links: waves, and each handle has many owners. */
static void twenty_devices_on_four_links(void **state)
{
	struct central_setup setup = {.count = 20, .links = 4, .write_queue = 1};

	(void)state;
	all_seeds(&setup);
	setup.drops = 1;
	all_seeds(&setup);
}

/* They ask for parameters, PHYs, lengths and MTUs, do not answer, or want encryption, each in its way. */
static void peripherals_with_wishes(void **state)
{
	struct central_setup setup = {.count = 8, .links = S140_LINKS_MAX, .write_queue = 2, .awkward = true};

	(void)state;
	all_seeds(&setup);
	setup.drops = 1;
	all_seeds(&setup);
}

static void the_wrong_ones_fail_alone(void **state)
{
	const struct central_setup setup = {
	    .count = 5, .links = S140_LINKS_MAX, .write_queue = 1, .odd = true};

	(void)state;
	all_seeds(&setup);
}

static void links_of_the_application(void **state)
{
	struct central_setup setup = {.count = 6, .links = S140_LINKS_MAX, .write_queue = 1, .owned = 4};

	(void)state;
	all_seeds(&setup);
	setup.drops = 1;
	setup.awkward = true;
	all_seeds(&setup);
}

/* A question that is not answered costs a connection, not the device. A lent one its owner ends, who is told. */
static void unanswered_procedures(void **state)
{
	struct central_setup setup = {.count = 6, .links = S140_LINKS_MAX, .write_queue = 2, .deaf = true};

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
	struct central_setup setup = {
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
static struct central_setup one_setup = {.count = 4, .links = S140_LINKS_MAX, .drops = 2, .write_queue = 1};

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
