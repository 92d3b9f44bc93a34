/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * One link's set-up: every step's answers, refusals, silence, and peers that answer nonsense.
 */
#include <dfucast/ble_setup.h>
#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NO_SECURITY DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_SECURE)

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

static struct dfucast_ble_setup setup;
static uint32_t now;

static void begin(uint16_t skip)
{
	now = 1000;
	dfucast_ble_setup_begin(&setup, skip, 23, now);
}

static void wants(enum dfucast_ble_step step)
{
	assert_int_equal(dfucast_ble_setup_wants(&setup), step);
}

static void start(enum dfucast_ble_step step)
{
	wants(step);
	dfucast_ble_setup_started(&setup, DFUCAST_BLE_STARTED, now);
	wants(DFUCAST_BLE_STEP_NONE);
}

static void happens(enum dfucast_ble_event_kind kind, uint16_t number)
{
	const struct dfucast_ble_event event = {.kind = (uint8_t)kind, .number = number};

	dfucast_ble_setup_event(&setup, &event, now);
}

static void finds(enum dfucast_ble_event_kind kind, uint16_t first, uint16_t last, bool wanted)
{
	const struct dfucast_ble_event event = {.kind = (uint8_t)kind, .found = {first, last, wanted}};

	dfucast_ble_setup_event(&setup, &event, now);
}

static void to_service(uint16_t skip)
{
	begin(skip);
	start(DFUCAST_BLE_STEP_PHY);
	happens(DFUCAST_BLE_PHY_CHANGED, 0);
	start(DFUCAST_BLE_STEP_DATA_LENGTH);
	happens(DFUCAST_BLE_DATA_LENGTH_CHANGED, 251);
	start(DFUCAST_BLE_STEP_MTU);
	happens(DFUCAST_BLE_MTU_CHANGED, 247);
	assert_int_equal(setup.mtu, 247);
}

static void to_subscribe(uint16_t skip)
{
	to_service(skip);
	start(DFUCAST_BLE_STEP_SERVICE);
	finds(DFUCAST_BLE_FOUND_SERVICE, 20, 23, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	start(DFUCAST_BLE_STEP_CHARACTERISTIC);
	assert_int_equal(setup.first, 20);
	assert_int_equal(setup.last, 23);
	finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, 21, 22, true);
	happens(DFUCAST_BLE_DISCOVERED,
		0); /* one attribute left: no further characteristic, not asked again */
	start(DFUCAST_BLE_STEP_CCC);
	assert_int_equal(setup.first, 23);
	finds(DFUCAST_BLE_FOUND_DESCRIPTOR, 0, 23, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	assert_int_equal(setup.value, 22);
	assert_int_equal(setup.ccc, 23);
}

static void to_ready(void)
{
	to_subscribe(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SUBSCRIBE);
	assert_false(dfucast_ble_setup_is_subscribed(&setup));
	happens(DFUCAST_BLE_WRITTEN, 0);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_READY);
	assert_true(dfucast_ble_setup_is_subscribed(&setup));
}

static void stock_server(void **state)
{
	uint32_t deadline;

	(void)state;
	to_ready();
	assert_false(dfucast_ble_setup_deadline(&setup, &deadline));
	/* Late answers of what is over change nothing. */
	happens(DFUCAST_BLE_WRITTEN, 5);
	happens(DFUCAST_BLE_DISCOVERED, 1);
	happens(DFUCAST_BLE_DEAF, 0);
	finds(DFUCAST_BLE_FOUND_SERVICE, 50, 60, true);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_READY);
	assert_int_equal(setup.value, 22);
}

static void off_and_on(void **state)
{
	(void)state;
	to_ready();
	dfucast_ble_setup_resync(&setup, now);
	start(DFUCAST_BLE_STEP_UNSUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, 0);
	assert_false(dfucast_ble_setup_is_subscribed(&setup));
	start(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, 0);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_READY);
}

static void radio_steps_are_wishes(void **state)
{
	(void)state;
	begin(NO_SECURITY);
	dfucast_ble_setup_started(&setup, DFUCAST_BLE_REFUSED, now);
	start(DFUCAST_BLE_STEP_DATA_LENGTH);
	now += 2999;
	dfucast_ble_setup_tick(&setup, now);
	wants(DFUCAST_BLE_STEP_NONE);
	now += 1;
	dfucast_ble_setup_tick(&setup, now);
	wants(DFUCAST_BLE_STEP_MTU);
	happens(DFUCAST_BLE_PHY_CHANGED, 0); /* too late */
	dfucast_ble_setup_started(&setup, DFUCAST_BLE_BUSY, now);
	wants(DFUCAST_BLE_STEP_MTU);
	dfucast_ble_setup_started(&setup, DFUCAST_BLE_REFUSED, now);
	wants(DFUCAST_BLE_STEP_SERVICE);
	assert_int_equal(setup.mtu, 23);
}

static void an_mtu_of_nonsense_stays_23(void **state)
{
	(void)state;
	begin(NO_SECURITY);
	happens(DFUCAST_BLE_MTU_CHANGED, 0);
	assert_int_equal(setup.mtu, 23);
	/* The peer's own exchange counts, whenever it comes. */
	happens(DFUCAST_BLE_MTU_CHANGED, 185);
	assert_int_equal(setup.mtu, 185);
	wants(DFUCAST_BLE_STEP_PHY);
}

static void silence_ends_an_attribute_step(void **state)
{
	uint32_t deadline;

	(void)state;
	to_service(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SERVICE);
	assert_true(dfucast_ble_setup_deadline(&setup, &deadline));
	now = deadline;
	dfucast_ble_setup_tick(&setup, now);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_FAILED);
	assert_int_equal(setup.err, DFUCAST_ERR_SILENT);
	/* Busy for ever is silence too. */
	to_service(NO_SECURITY);
	for (unsigned int i = 0; i < 3100 && setup.step != DFUCAST_BLE_STEP_FAILED; i++) {
		dfucast_ble_setup_started(&setup, DFUCAST_BLE_BUSY, now);
		now += 5;
		dfucast_ble_setup_tick(&setup, now);
	}
	assert_int_equal(setup.err, DFUCAST_ERR_SILENT);
	to_service(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SERVICE);
	happens(DFUCAST_BLE_DEAF, 0);
	assert_int_equal(setup.err, DFUCAST_ERR_SILENT);
}

static void not_the_right_device(void **state)
{
	(void)state;
	to_service(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SERVICE);
	happens(DFUCAST_BLE_DISCOVERED, 1);
	assert_int_equal(setup.err, DFUCAST_ERR_NO_SERVICE);
	/* The service without its characteristic. */
	to_service(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SERVICE);
	finds(DFUCAST_BLE_FOUND_SERVICE, 20, 30, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	start(DFUCAST_BLE_STEP_CHARACTERISTIC);
	finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, 21, 22, false);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	start(DFUCAST_BLE_STEP_CHARACTERISTIC); /* there may be more */
	assert_int_equal(setup.first, 23);
	happens(DFUCAST_BLE_DISCOVERED, 1);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_FAILED);
	/* The characteristic without its descriptor. */
	to_service(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SERVICE);
	finds(DFUCAST_BLE_FOUND_SERVICE, 20, 22, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	start(DFUCAST_BLE_STEP_CHARACTERISTIC);
	finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, 21, 22, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	assert_int_equal(setup.err, DFUCAST_ERR_NO_SERVICE);
}

/* A vendor's service with more than one characteristic: the descriptor is looked for in ours alone. */
static void a_service_with_more_in_it(void **state)
{
	(void)state;
	to_service(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SERVICE);
	finds(DFUCAST_BLE_FOUND_SERVICE, 20, 40, true);
	finds(DFUCAST_BLE_FOUND_SERVICE, 50, 60, true); /* a second one: the first counts */
	happens(DFUCAST_BLE_DISCOVERED, 0);
	start(DFUCAST_BLE_STEP_CHARACTERISTIC);
	finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, 21, 22, false);
	finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, 24, 25, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	start(DFUCAST_BLE_STEP_CHARACTERISTIC);
	assert_int_equal(setup.first, 26);
	finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, 28, 29, false);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	start(DFUCAST_BLE_STEP_CCC);
	assert_int_equal(setup.first, 26);
	assert_int_equal(setup.last, 27);
	finds(DFUCAST_BLE_FOUND_DESCRIPTOR, 0, 26, false); /* a user description */
	happens(DFUCAST_BLE_DISCOVERED, 0);
	start(DFUCAST_BLE_STEP_CCC);
	assert_int_equal(setup.first, 27);
	finds(DFUCAST_BLE_FOUND_DESCRIPTOR, 0, 27, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	wants(DFUCAST_BLE_STEP_SUBSCRIBE);
	assert_int_equal(setup.value, 25);
	assert_int_equal(setup.ccc, 27);
}

/* A peer that answers the same for ever, or attributes that were not asked for. */
static void nonsense_has_an_end(void **state)
{
	unsigned int rounds = 0;

	(void)state;
	to_service(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SERVICE);
	finds(DFUCAST_BLE_FOUND_SERVICE, 30, 20, true); /* upside down */
	happens(DFUCAST_BLE_DISCOVERED, 0);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_FAILED);
	to_service(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SERVICE);
	finds(DFUCAST_BLE_FOUND_SERVICE, 1, 0xFFFF, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	while (setup.step == DFUCAST_BLE_STEP_CHARACTERISTIC) {
		assert_true(++rounds < 100);
		start(DFUCAST_BLE_STEP_CHARACTERISTIC);
		finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, 5, 6, false);
		happens(DFUCAST_BLE_DISCOVERED, 0);
	}
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_FAILED);
	/* The last attribute there can be. */
	to_service(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SERVICE);
	finds(DFUCAST_BLE_FOUND_SERVICE, 0xFFF0, 0xFFFF, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	start(DFUCAST_BLE_STEP_CHARACTERISTIC);
	finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, 0xFFFE, 0xFFFF, true);
	happens(DFUCAST_BLE_DISCOVERED, 0);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_FAILED);
}

static void a_server_that_wants_encryption(void **state)
{
	static const uint16_t codes[] = {0x05, 0x08, 0x0C, 0x0F};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		to_subscribe(NO_SECURITY);
		start(DFUCAST_BLE_STEP_SUBSCRIBE);
		happens(DFUCAST_BLE_WRITTEN, codes[i]);
		start(DFUCAST_BLE_STEP_SECURE);
		happens(DFUCAST_BLE_SECURED, 0);
		assert_true(dfucast_ble_setup_is_secured(&setup));
		start(DFUCAST_BLE_STEP_SUBSCRIBE);
		happens(DFUCAST_BLE_WRITTEN, codes[i]); /* still not good enough: once is enough */
		assert_int_equal(setup.err, DFUCAST_ERR_NEEDS_PAIRING);
	}
	to_subscribe(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, 0x05);
	start(DFUCAST_BLE_STEP_SECURE);
	happens(DFUCAST_BLE_SECURED, 1);
	assert_int_equal(setup.err, DFUCAST_ERR_NEEDS_PAIRING);
	to_subscribe(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, 0x05);
	dfucast_ble_setup_started(&setup, DFUCAST_BLE_REFUSED, now); /* a port without pairing */
	assert_int_equal(setup.err, DFUCAST_ERR_NEEDS_PAIRING);
	to_subscribe(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, 0x03);
	assert_int_equal(setup.err, DFUCAST_ERR_NO_SERVICE);
}

static void security_by_plan_and_by_wish(void **state)
{
	(void)state;
	to_service(0);
	start(DFUCAST_BLE_STEP_SECURE);
	happens(DFUCAST_BLE_SECURED, 0);
	wants(DFUCAST_BLE_STEP_SERVICE);
	to_ready();
	dfucast_ble_setup_secure(&setup, false, now);
	start(DFUCAST_BLE_STEP_SECURE);
	happens(DFUCAST_BLE_SECURED, 1);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_READY); /* it was only asked for */
	dfucast_ble_setup_secure(&setup, true, now);
	start(DFUCAST_BLE_STEP_SECURE);
	now += 35000;
	dfucast_ble_setup_tick(&setup, now);
	assert_int_equal(setup.err, DFUCAST_ERR_NEEDS_PAIRING);
}

/* A stack pairs with few at a time, and each silent one holds it for 30 s: waiting for a turn is no failure yet. */
static void a_pairing_waits_for_its_turn(void **state)
{
	(void)state;
	to_service(0);
	for (unsigned int i = 0; i < 5; i++) {
		dfucast_ble_setup_started(&setup, DFUCAST_BLE_BUSY, now);
		now += 30000;
		dfucast_ble_setup_tick(&setup, now);
	}
	start(DFUCAST_BLE_STEP_SECURE);
	now += 34000; /* the Security Manager Protocol allows 30 s between two of its messages */
	dfucast_ble_setup_tick(&setup, now);
	happens(DFUCAST_BLE_SECURED, 0);
	wants(DFUCAST_BLE_STEP_SERVICE);
	to_service(0);
	dfucast_ble_setup_started(&setup, DFUCAST_BLE_BUSY, now);
	now += 180000; /* but not for ever */
	dfucast_ble_setup_tick(&setup, now);
	assert_int_equal(setup.err, DFUCAST_ERR_NEEDS_PAIRING);
}

static void leaving(void **state)
{
	(void)state;
	to_ready();
	dfucast_ble_setup_leave(&setup, now);
	start(DFUCAST_BLE_STEP_UNSUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, 0);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_LEFT);
	to_service(NO_SECURITY);
	dfucast_ble_setup_leave(&setup, now);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_LEFT); /* nothing was switched on */
	/* In the middle of switching it on: the answer to that is not the answer to switching it off. */
	to_subscribe(NO_SECURITY);
	start(DFUCAST_BLE_STEP_SUBSCRIBE);
	dfucast_ble_setup_leave(&setup, now);
	wants(DFUCAST_BLE_STEP_UNSUBSCRIBE);
	dfucast_ble_setup_started(&setup, DFUCAST_BLE_BUSY, now);
	happens(DFUCAST_BLE_WRITTEN, 0);
	start(DFUCAST_BLE_STEP_UNSUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, 0);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_LEFT);
	/* A peer that does not answer is left all the same. */
	to_ready();
	dfucast_ble_setup_leave(&setup, now);
	start(DFUCAST_BLE_STEP_UNSUBSCRIBE);
	now += 15000;
	dfucast_ble_setup_tick(&setup, now);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_LEFT);
}

static void what_is_left_out_is_not_done(void **state)
{
	(void)state;
	begin(UINT16_MAX);
	assert_int_equal(setup.step, DFUCAST_BLE_STEP_READY);
	begin((uint16_t) ~(DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_SUBSCRIBE) |
			   DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_UNSUBSCRIBE)));
	wants(DFUCAST_BLE_STEP_SUBSCRIBE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stock_server),
	    cmocka_unit_test(off_and_on),
	    cmocka_unit_test(radio_steps_are_wishes),
	    cmocka_unit_test(an_mtu_of_nonsense_stays_23),
	    cmocka_unit_test(silence_ends_an_attribute_step),
	    cmocka_unit_test(not_the_right_device),
	    cmocka_unit_test(a_service_with_more_in_it),
	    cmocka_unit_test(nonsense_has_an_end),
	    cmocka_unit_test(a_server_that_wants_encryption),
	    cmocka_unit_test(security_by_plan_and_by_wish),
	    cmocka_unit_test(a_pairing_waits_for_its_turn),
	    cmocka_unit_test(leaving),
	    cmocka_unit_test(what_is_left_out_is_not_done),
	};

	return cmocka_run_group_tests_name("BLE set-up", tests, NULL, NULL);
}
