/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Slots, intervals, timeouts and the scanner's share. How good the chosen interval is, tests/sim/ble_slots_test.c tells.
 */
#include <dfucast/ble_params.h>
#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

/* The figures of the Core specification: 251 bytes out, empty back, two spaces of 150 us. */
static void pairs_take_their_time(void **state)
{
	struct dfucast_ble_air air = {0};

	(void)state;
	assert_int_equal(dfucast_ble_pair_us(&air), 1048 + 44 + 300);
	air.phy = DFUCAST_BLE_PHY_1M;
	assert_int_equal(dfucast_ble_pair_us(&air), 2088 + 80 + 300);
	air.encrypted = true;
	assert_int_equal(dfucast_ble_pair_us(&air), 2120 + 80 + 300);
	air.pdu_bytes = 27;
	air.encrypted = false;
	assert_int_equal(dfucast_ble_pair_us(&air), 296 + 80 + 300);
}

/* Whatever is asked for: all slots and what is reserved fit the interval, and a flash operation fits beside each slot. */
static void slots_fit(void **state)
{
	(void)state;
	for (unsigned int links = 1; links <= 20; links++) {
		for (uint16_t guard = 150; guard <= 1000; guard = (uint16_t)(guard + 50)) {
			for (uint32_t reserved = 0; reserved <= 40000; reserved += 8000) {
				const struct dfucast_ble_air air = {.guard_us = guard,
								    .reserved_us = reserved};
				struct dfucast_ble_slots slots;

				assert_true(dfucast_ble_slots_plan(&air, links, &slots));
				assert_true(slots.interval >= 24 && slots.interval <= 320);
				assert_true(slots.slot_us * links + reserved <= slots.interval * 1250u);
				assert_true(slots.slot_us + 7500u <= slots.interval * 1250u);
				assert_true(slots.pairs >= 1);
				assert_true(guard + slots.pairs * 1392u - 150u <= slots.slot_us);
			}
		}
	}
}

static void a_slot_of_the_stack_is_kept(void **state)
{
	const struct dfucast_ble_air air = {.slot_us = 5000};
	struct dfucast_ble_slots slots;

	(void)state;
	assert_true(dfucast_ble_slots_plan(&air, 8, &slots));
	assert_int_equal(slots.slot_us, 5000);
	assert_int_equal(slots.pairs, 3);
	assert_int_equal(slots.interval, 32); /* eight times 5 ms, no longer */
	assert_true(dfucast_ble_slots_plan(&air, 1, &slots));
	assert_int_equal(slots.interval, 24);
}

static void what_cannot_fit_is_told(void **state)
{
	const struct dfucast_ble_air short_ones = {.interval_max = 24, .slot_us = 7500};
	const struct dfucast_ble_air taken = {.reserved_us = 500000};
	struct dfucast_ble_slots slots;

	(void)state;
	assert_false(dfucast_ble_slots_plan(&short_ones, 8, &slots));
	assert_int_equal(slots.interval, 24);
	assert_int_equal(slots.pairs, 1);
	assert_false(dfucast_ble_slots_plan(&taken, 1, &slots));
	assert_int_equal(slots.interval, 320);
}

/* A page erased at once takes 89.7 ms, in which the peer hears nothing. */
static void slow_flash_gets_long_gaps(void **state)
{
	const struct dfucast_ble_air air = {.flash_us = 89700};
	struct dfucast_ble_slots slots;

	(void)state;
	assert_true(dfucast_ble_slots_plan(&air, 1, &slots));
	assert_true(slots.interval * 1250u >= 89700u + slots.slot_us);
}

static void timeouts_survive_an_erase(void **state)
{
	struct dfucast_ble_params params = dfucast_ble_params_make(24, 0);

	(void)state;
	assert_int_equal(params.interval, 24);
	assert_int_equal(params.timeout, 400);
	params = dfucast_ble_params_make(800, 0); /* 1 s */
	assert_int_equal(params.timeout, 600);
	params = dfucast_ble_params_make(800, 3);
	assert_int_equal(params.latency, 3);
	assert_int_equal(params.timeout, 2400);
	params = dfucast_ble_params_make(3200, 10);
	assert_int_equal(params.timeout, 3200);
	/* The specification: longer than two times the intervals that may be slept through. */
	for (unsigned int interval = 6; interval <= 3200; interval++) {
		params = dfucast_ble_params_make(interval, 0);
		assert_true(params.timeout * 8u > 2u * interval);
	}
}

static void the_stock_wish_is_refused(void **state)
{
	const struct dfucast_ble_params ours = dfucast_ble_params_make(24, 0);
	/* smp_svr's: 7.5 … 11.25 ms, 420 ms. */
	const struct dfucast_ble_params_asked stock = {6, 9, 0, 42};
	struct dfucast_ble_params_asked same = {20, 40, 0, 400};

	(void)state;
	assert_false(dfucast_ble_params_agree(&ours, &stock));
	assert_true(dfucast_ble_params_agree(&ours, &same));
	same.timeout = 42;
	assert_false(dfucast_ble_params_agree(&ours, &same));
	same.timeout = 400;
	same.latency = 4;
	assert_false(dfucast_ble_params_agree(&ours, &same));
}

static void the_scanner_leaves_room(void **state)
{
	const struct dfucast_ble_air air = {.slot_us = 5000};
	struct dfucast_ble_slots slots;
	struct dfucast_ble_duty duty;

	(void)state;
	assert_true(dfucast_ble_slots_plan(&air, 8, &slots));
	duty = dfucast_ble_scan_duty(&air, &slots, 0);
	assert_int_equal(duty.interval, duty.window);
	for (unsigned int links = 1; links <= 8; links++) {
		duty = dfucast_ble_scan_duty(&air, &slots, links);
		assert_true(duty.window >= 4 && duty.window <= duty.interval);
		assert_true(duty.interval * 625u >= 100000u);
		assert_int_equal(duty.interval * 625u % (slots.interval * 1250u), 0);
		if (links < 8)
			assert_true(duty.window * 625u + links * slots.slot_us <= slots.interval * 1250u);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pairs_take_their_time),       cmocka_unit_test(slots_fit),
	    cmocka_unit_test(a_slot_of_the_stack_is_kept), cmocka_unit_test(what_cannot_fit_is_told),
	    cmocka_unit_test(slow_flash_gets_long_gaps),   cmocka_unit_test(timeouts_survive_an_erase),
	    cmocka_unit_test(the_stock_wish_is_refused),   cmocka_unit_test(the_scanner_leaves_room),
	};

	return cmocka_run_group_tests_name("BLE parameters", tests, NULL, NULL);
}
