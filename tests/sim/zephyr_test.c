/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Whole updates through the Zephyr port, on a fake host: 1, 4 and 20 devices of ATT_MTU 23, 247 and 498 on up to eight links,
 * with and without broken connections, with a write queue of one, two or six; peripherals that ask for this and that, want
 * encryption, or are not what they seem; links that the application owns. Seeds 1 … 12, a process each. Built with
 * -fsanitize=thread and with little memory for events as well.
 *
 * zephyr_test SEED [DEVICES [DROPS [LINKS [AWKWARD [OWNED [DEAF]]]]]] runs one; ZEPHYR_VERBOSE=1 tells what it met.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dfucast_zephyr.h>

#include "../../src/central/central_internal.h"
#include "../fake/zephyr.h"
#include "central_world.h"
#include "forked.h"

#ifndef ZEPHYR_SEEDS
#define ZEPHYR_SEEDS 12u
#endif

/* The application's link to one of its sensors. */
struct sensor {
	struct bt_conn *conn; /* referenced; NULL: away */
	bool subscribed, lent;
	struct bt_gatt_subscribe_params subscription;
};

struct world {
	struct central_world base;
	struct dfucast_zephyr port;
	struct k_sem wake;
	pthread_mutex_t lock; /* of sensors: the host's callbacks */
	struct sensor sensors[CENTRAL_DEVICES_MAX];
	struct zephyr_counts counts;
};

/* What all seeds together have met. */
struct totals {
	struct zephyr_counts counts;
	uint32_t strays, lost;
};

static struct totals *totals;
static struct world *the_world; /* the host's callbacks have no context */

static uint16_t meant(void *context, uint8_t index)
{
	const struct world *world = context;

	return central_world_meant(&world->base, index);
}

/* ---- the application beside the update: it is connected to its sensors, lends the links, and listens ---- */

static struct sensor *sensor_of(struct bt_conn *conn)
{
	uint8_t device = bt_conn_get_dst(conn)->a.val[0];

	return device < the_world->base.setup.owned ? &the_world->sensors[device] : NULL;
}

static void on_connected(struct bt_conn *conn, uint8_t err)
{
	struct sensor *sensor = sensor_of(conn);

	if (sensor == NULL || err != 0)
		return;
	pthread_mutex_lock(&the_world->lock);
	assert_null(sensor->conn);
	sensor->conn = bt_conn_ref(conn);
	sensor->subscribed = sensor->lent = false;
	pthread_mutex_unlock(&the_world->lock);
	k_sem_give(&the_world->wake);
}

static void on_disconnected(struct bt_conn *conn, uint8_t reason)
{
	struct sensor *sensor = sensor_of(conn);

	ARG_UNUSED(reason);
	if (sensor == NULL)
		return;
	pthread_mutex_lock(&the_world->lock);
	sensor->conn = NULL;
	pthread_mutex_unlock(&the_world->lock);
	bt_conn_unref(conn);
}

static bool on_params_asked(struct bt_conn *conn, struct bt_le_conn_param *param)
{
	ARG_UNUSED(param);
	return sensor_of(conn) == NULL; /* of the others the port decides */
}

static struct bt_conn_cb callbacks = {
    .connected = on_connected, .disconnected = on_disconnected, .le_param_req = on_params_asked};

static uint8_t on_notice(struct bt_conn *conn, struct bt_gatt_subscribe_params *params, const void *data,
			 uint16_t length)
{
	assert_int_equal(params->value_handle, FAKE_OTHER_VALUE);
	if (data == NULL) {
		if (bt_gatt_get_mtu(conn) == 0)
			zephyr_drop(
			    conn); /* a request timed out: of no use any more, unless it is gone anyway */
		return BT_GATT_ITER_STOP;
	}
	assert_int_equal(length, 4);
	the_world->base.notices++;
	return BT_GATT_ITER_CONTINUE;
}

static struct bt_conn *sensor_ref(struct world *world, struct sensor *sensor)
{
	struct bt_conn *conn;

	pthread_mutex_lock(&world->lock);
	conn = sensor->conn != NULL ? bt_conn_ref(sensor->conn) : NULL;
	pthread_mutex_unlock(&world->lock);
	return conn;
}

static void serve(struct world *world, uint16_t device, struct bt_conn *conn)
{
	struct sensor *sensor = &world->sensors[device];
	struct bt_gatt_subscribe_params *subscription = &sensor->subscription;
	struct dfucast_ble_offer offer;

	if (!sensor->subscribed) {
		*subscription = (struct bt_gatt_subscribe_params){.notify = on_notice,
								  .value_handle = FAKE_OTHER_VALUE,
								  .ccc_handle = FAKE_OTHER_CCC,
								  .value = BT_GATT_CCC_NOTIFY};
		atomic_set_bit(subscription->flags, BT_GATT_SUBSCRIBE_FLAG_VOLATILE);
		sensor->subscribed = bt_gatt_subscribe(conn, subscription) == 0;
	}
	if (!sensor->lent && dfucast_zephyr_offer(&world->port, conn, &offer)) {
		offer.target = device;
		sensor->lent = dfucast_ble_central_adopt(&world->port.central, &offer, world->base.now);
	}
}

/* @return whether all is as it should be */
static bool application(struct world *world)
{
	bool served = true;

	for (uint16_t i = 0; i < world->base.setup.owned; i++) {
		struct bt_conn *conn = sensor_ref(world, &world->sensors[i]);

		if (conn == NULL)
			continue;
		if (!world->sensors[i].subscribed || !world->sensors[i].lent)
			serve(world, i, conn);
		served = served && world->sensors[i].subscribed && world->sensors[i].lent;
		bt_conn_unref(conn);
	}
	return served;
}

/* ---- the port ---- */

static void prepare_port(struct world *world)
{
	const struct dfucast_zephyr_config config = {
	    .central =
		central_world_config(&world->base, (uint8_t)world->base.setup.links, CONFIG_BT_L2CAP_TX_MTU),
	    .wake = &world->wake,
	};
	const struct dfucast_ble_user user = dfucast_ble_user_cast(&world->base.cast);

	bt_conn_cb_register(&callbacks);
	assert_int_equal(bt_enable(NULL), 0);
	assert_int_equal(dfucast_zephyr_init(&world->port, &config), 0);
	dfucast_ble_central_set_user(&world->port.central, &user);
}

static void sleep_until(struct world *world, uint32_t deadline)
{
	int32_t left = (int32_t)(deadline - dfucast_zephyr_now());

	(void)k_sem_take(&world->wake, K_MSEC(left > 0 ? left : 0));
}

static uint32_t one_round(struct world *world)
{
	struct dfucast_cast *cast = &world->base.cast;
	uint32_t deadline, other;

	world->base.now = dfucast_zephyr_now();
	dfucast_cast_tick(cast, world->base.now);
	do {
		deadline = dfucast_zephyr_run(&world->port, world->base.now);
	} while (central_world_feed(&world->base, dfucast_zephyr_now()));
	if (!application(world))
		deadline = world->base.now + 5;
	if (dfucast_cast_deadline(cast, &other) && (int32_t)(other - deadline) < 0)
		deadline = other;
	return deadline;
}

static void run(struct world *world)
{
	central_world_start(&world->base, dfucast_zephyr_now());
	do {
		sleep_until(world, one_round(world));
	} while (!central_world_is_over(&world->base) && world->base.now < CENTRAL_LIMIT_MS);
}

/* Links of the application have the parameters that they had; of the others nothing is left: no link, no attempt, no reference. */
static void check_port(struct world *world)
{
	uint32_t end = dfucast_zephyr_now() + 300;

	while ((int32_t)(dfucast_zephyr_now() - end) < 0)
		sleep_until(world, dfucast_zephyr_now() + 20);
	(void)dfucast_zephyr_run(&world->port, dfucast_zephyr_now());
	assert_null(world->port.connecting);
	assert_null(world->port.calling);
	assert_int_equal(atomic_get(&world->port.lossy), 0);
	for (uint8_t i = 0; i < CONFIG_BT_MAX_CONN; i++) {
		struct bt_conn *conn = world->port.links[i].conn;

		if (conn == NULL)
			continue;
		assert_non_null(sensor_of(conn));
		assert_int_equal(zephyr_params(conn).interval_max, 80);
		assert_int_equal(zephyr_params(conn).timeout, 500);
		assert_false(dfucast_zephyr_uses(&world->port, conn));
	}
	assert_true(zephyr_connections() <= world->base.setup.owned);
}

static void add_up(const struct world *world, struct totals *to)
{
	const struct zephyr_counts *counts = &world->counts;

	/* Both are nothing but counts. */
	for (size_t i = 0; i < sizeof(*counts) / sizeof(uint32_t); i++)
		((uint32_t *)&to->counts)[i] += ((const uint32_t *)counts)[i];
	to->strays += world->port.central.strays;
	to->lost += (uint32_t)atomic_get(&world->port.lost);
	if (getenv("ZEPHYR_VERBOSE") == NULL)
		return;
	printf("devices %u: %u ms, %u connects, %u drops, %u reused, %u late, %u early, %u cancels, %u too "
	       "late, %u busy, "
	       "%u refused for memory, %u unwritten, %u strays, %u preempted, %u reports, %u wishes, %u "
	       "pairings, "
	       "%u thrown away, %u deaf, %u timed out, %ld lost\n",
	       world->base.setup.count, world->base.now, counts->air.connects, counts->air.drops,
	       counts->air.reused, counts->air.late, counts->early, counts->cancels, counts->late_cancels,
	       counts->air.busy, counts->no_memory, counts->unwritten, world->port.central.strays,
	       counts->air.preempted, counts->air.reports, counts->air.wishes, counts->air.pairings,
	       counts->air.thrown_away, counts->air.deaf, counts->air.att_timeouts,
	       atomic_get(&world->port.lost));
}

struct one {
	uint64_t seed;
	struct central_setup setup;
};

static void one_update(void *context, void *sums)
{
	const struct one *one = context;
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	the_world = world;
	world->wake.limit = 1;
	pthread_mutex_init(&world->lock, NULL);
	central_world_prepare(&world->base, &one->setup);
	if (one->setup.deaf)
		world->base.plan.wait_ms = 90000; /* an attempt may be held up beside */
	const struct zephyr_config config = {
	    .seed = one->seed,
	    .devices = world->base.radio_devices,
	    .count = one->setup.count,
	    .write_queue = one->setup.write_queue,
	    .drops_max = one->setup.drops,
	    .meant = meant,
	    .context = world,
	};

	zephyr_start(&config);
	prepare_port(world);
	run(world);
	central_world_check(&world->base);
	check_port(world);
	zephyr_stop(&world->counts);
	add_up(world, sums);
	central_world_check_counts(&world->base, &world->counts.air);
	/* A wish for 420 ms is never met: the port refuses for links in use, the application for the others. */
	assert_int_equal(world->counts.accepted, 0);
	/* The controller's word for it is the same as for a busy one: time would be lost. */
	assert_int_equal(world->counts.unknown, 0);
	assert_int_equal(world->counts.twice, 0);
	assert_int_equal(world->counts.keys_unanswered, 0);
	central_world_free(&world->base);
	pthread_mutex_destroy(&world->lock);
	free(world);
}

static void all_seeds(const struct central_setup *setup)
{
	for (uint64_t seed = 1; seed <= ZEPHYR_SEEDS; seed++) {
		struct one one = {seed, *setup};

		forked(one_update, &one, totals);
	}
}

static void one_device(void **state)
{
	struct central_setup setup = {.count = 1, .links = 8, .write_queue = 2};

	(void)state;
	all_seeds(&setup);
	setup.drops = 2;
	all_seeds(&setup);
}

static void four_devices(void **state)
{
	struct central_setup setup = {.count = 4, .links = 4, .write_queue = 1};

	(void)state;
	all_seeds(&setup);
	setup.drops = 2;
	all_seeds(&setup);
	setup.links = 3;
	setup.write_queue = 6;
	all_seeds(&setup);
}

/* More devices than links: waves, and each index has many owners. */
static void twenty_devices_on_eight_links(void **state)
{
	struct central_setup setup = {.count = 20, .links = 8, .write_queue = 2};

	(void)state;
	all_seeds(&setup);
	setup.drops = 2;
	all_seeds(&setup);
}

static void twelve_devices_on_two_links(void **state)
{
	struct central_setup setup = {.count = 12, .links = 2, .write_queue = 2, .drops = 1};

	(void)state;
	all_seeds(&setup);
}

/* They ask for parameters, PHYs, lengths and MTUs, do not answer, or want encryption, each in its way. */
static void peripherals_with_wishes(void **state)
{
	struct central_setup setup = {.count = 8, .links = 8, .write_queue = 2, .awkward = true};

	(void)state;
	all_seeds(&setup);
	setup.drops = 1;
	all_seeds(&setup);
}

/* An update that erases settings takes the bonds along: the next connection pairs again. */
static void bonds_that_peripherals_lose(void **state)
{
	struct central_setup setup = {
	    .count = 8, .links = 8, .write_queue = 2, .awkward = true, .forgets = true};
	uint32_t before = totals->counts.air.keys_lost;

	(void)state;
	assert_int_equal(before, 0);
	all_seeds(&setup);
	assert_true(totals->counts.air.keys_lost >= ZEPHYR_SEEDS);
	setup.drops = 1;
	all_seeds(&setup);
}

static void the_wrong_ones_fail_alone(void **state)
{
	const struct central_setup setup = {.count = 5, .links = 8, .write_queue = 2, .odd = true};

	(void)state;
	all_seeds(&setup);
}

static void links_of_the_application(void **state)
{
	struct central_setup setup = {.count = 6, .links = 8, .write_queue = 2, .owned = 4};

	(void)state;
	all_seeds(&setup);
	setup.drops = 1;
	setup.awkward = true;
	all_seeds(&setup);
}

/* A question that is not answered costs a connection, not the device. A lent one its owner ends, who is told. */
static void unanswered_requests(void **state)
{
	struct central_setup setup = {.count = 6, .links = 8, .write_queue = 2, .deaf = true};

	(void)state;
	all_seeds(&setup);
	setup.drops = 1;
	all_seeds(&setup);
	setup.owned = 3;
	setup.drops = 0;
	all_seeds(&setup);
}

static void the_fake_was_awkward(void **state)
{
	const struct zephyr_counts *counts = &totals->counts;

	(void)state;
	assert_true(counts->air.drops > ZEPHYR_SEEDS);
	assert_true(counts->air.reused > ZEPHYR_SEEDS);
	assert_true(counts->air.late > 0);
	assert_true(counts->air.preempted > ZEPHYR_SEEDS);
	assert_true(counts->air.wishes > ZEPHYR_SEEDS);
	assert_true(counts->air.refused > ZEPHYR_SEEDS);
	assert_true(counts->air.busy > 0);
	assert_true(counts->air.pairings > ZEPHYR_SEEDS);
	assert_true(counts->air.thrown_away > ZEPHYR_SEEDS);
	assert_true(counts->air.deaf > ZEPHYR_SEEDS);
	assert_true(counts->air.att_timeouts > 0);
	assert_true(counts->air.old > ZEPHYR_SEEDS);
	assert_true(counts->pairings_cut > 0);
	assert_true(counts->early > ZEPHYR_SEEDS);
	assert_true(counts->no_memory > ZEPHYR_SEEDS);
	assert_true(counts->unwritten > 0);
	assert_true(counts->cancels > 0);
	assert_true(counts->late_cancels > 0);
#ifdef ZEPHYR_LITTLE_MEMORY
	assert_true(totals->lost > 0);
#endif
	printf("%u events found no room\n", totals->lost);
}

static uint64_t one_seed;
static struct central_setup one_setup = {.count = 4, .links = 8, .drops = 2, .write_queue = 2};

static void one_of_them(void **state)
{
	struct one one = {one_seed, one_setup};

	(void)state;
	one_update(&one, totals);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_device),
	    cmocka_unit_test(four_devices),
	    cmocka_unit_test(twenty_devices_on_eight_links),
	    cmocka_unit_test(twelve_devices_on_two_links),
	    cmocka_unit_test(peripherals_with_wishes),
	    cmocka_unit_test(bonds_that_peripherals_lose),
	    cmocka_unit_test(the_wrong_ones_fail_alone),
	    cmocka_unit_test(links_of_the_application),
	    cmocka_unit_test(unanswered_requests),
	    cmocka_unit_test(the_fake_was_awkward),
	};
	const struct CMUnitTest one[] = {cmocka_unit_test(one_of_them)};

	totals = forked_memory(sizeof(*totals));
	if (argc > 1) {
		one_seed = strtoull(argv[1], NULL, 0);
		one_setup.count = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 0) : one_setup.count;
		one_setup.drops = argc > 3 ? (uint8_t)strtoul(argv[3], NULL, 0) : one_setup.drops;
		one_setup.links = argc > 4 ? (uint16_t)strtoul(argv[4], NULL, 0) : one_setup.links;
		one_setup.awkward = argc > 5 && argv[5][0] == '1';
		one_setup.owned = argc > 6 ? (uint16_t)strtoul(argv[6], NULL, 0) : 0;
		one_setup.deaf = argc > 7 && argv[7][0] == '1';
		return cmocka_run_group_tests_name("Zephyr", one, NULL, NULL);
	}
	return cmocka_run_group_tests_name("Zephyr", tests, NULL, NULL);
}
