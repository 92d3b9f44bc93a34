/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A BLE central's links on a stack played by hand: who is connected when, write credit and turns, handles that come
 * again. Whole updates through it: tests/sim/s140_test.c.
 */
#include "ble_central_harness.h"

/* ---- connecting ---- */

static void one_link(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);

	(void)state;
	nothing();
	open_one(0, handle);
	assert_int_equal(user.info.value_max, 244);
	assert_int_equal(user.info.flags, DFUCAST_LINK_ORDERED | DFUCAST_LINK_FRAGMENTS);
	assert_int_equal(targets[0].rssi, -60);
	nothing();
	ask(0, 1, DFUCAST_REQUEST_CLOSE);
	does(DFUCAST_BLE_OP_DISCONNECT);
	nothing();
	assert_true(happens(DFUCAST_BLE_DISCONNECTED, handle, 0x16));
	assert_int_equal(user.down, 1);
	assert_int_equal(user.err, DFUCAST_ERR_OK);
	assert_int_equal(conns[0].state, 0);
}

/* Three are wanted; they are connected in the order in which they show up, one at a time, set up at the same time. */
static void whoever_shows_up(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		ask(i, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	assert_int_equal(op.duty.window, op.duty.interval);
	assert_false(advertises(3)); /* nobody asked for it */
	assert_true(advertises(2));
	now++;
	assert_true(advertises(0));
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	assert_int_equal(op.target, 2);
	nothing(); /* one initiator */
	assert_true(connects(2, handle_of(5, 1)));
	step(DFUCAST_BLE_STEP_PHY);
	does(DFUCAST_BLE_OP_CONNECT);
	assert_int_equal(op.target, 0);
	assert_true(op.duty.window < op.duty.interval); /* a link is up: room for it */
	assert_true(connects(0, handle_of(6, 1)));
	step(DFUCAST_BLE_STEP_PHY);
	does(DFUCAST_BLE_OP_SCAN_START); /* target 1 is still sought */
	assert_true(op.duty.window < op.duty.interval);
	nothing();
}

static void a_connection_of_the_application_is_not_ours(void **state)
{
	(void)state;
	assert_false(connects(0, handle_of(3, 1)));
	ask(0, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	advertises(0);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	assert_false(connects(1, handle_of(3, 2)));
	assert_false(happens(DFUCAST_BLE_WRITES_SENT, handle_of(3, 2), 1));
	assert_false(notifies(handle_of(3, 2), 22));
	assert_false(happens(DFUCAST_BLE_DISCONNECTED, handle_of(3, 2), 8));
	assert_int_equal(user.down, 0);
}

/* It was heard, but cannot be connected: tried again with its period known, three times, then it is over. */
static void attempts_have_an_end(void **state)
{
	(void)state;
	ask(0, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	advertises(0);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	assert_int_equal(op.timeout_ms, 4000);
	assert_true(happens(DFUCAST_BLE_CONNECT_FAILED, handle_of(0, 0), 0));
	does(DFUCAST_BLE_OP_SCAN_START);
	now += 4000;
	advertises(0);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	assert_int_equal(op.timeout_ms, 9000); /* it advertises every 4 s */
	happens(DFUCAST_BLE_CONNECT_FAILED, handle_of(0, 0), 0);
	does(DFUCAST_BLE_OP_SCAN_START);
	advertises(0);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	happens(DFUCAST_BLE_CONNECT_FAILED, handle_of(0, 0), 0);
	assert_int_equal(user.down, 1);
	assert_int_equal(user.err, DFUCAST_ERR_UNREACHABLE);
	nothing();
}

/* A stack that never tells how an attempt ended is asked to give it up. */
static void a_stack_that_forgets(void **state)
{
	(void)state;
	ask(0, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	advertises(0);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	passes(7000);
	does(DFUCAST_BLE_OP_CONNECT_CANCEL);
	does(DFUCAST_BLE_OP_SCAN_START); /* cancelled: sought again */
	passes(10000);
	does(DFUCAST_BLE_OP_SCAN_STOP); /* nothing heard for so long: somebody may have stopped it */
	does(DFUCAST_BLE_OP_SCAN_START);
}

/* The attempt took too long, and succeeded while it was being cancelled: nobody asked for it to be closed. */
static void too_late_to_be_cancelled(void **state)
{
	(void)state;
	ask(0, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	advertises(0);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	passes(7000);
	expect(DFUCAST_BLE_OP_CONNECT_CANCEL);
	answer(DFUCAST_BLE_REFUSED);
	assert_true(connects(0, handle_of(1, 1)));
	does(DFUCAST_BLE_OP_DISCONNECT);
	happens(DFUCAST_BLE_DISCONNECTED, handle_of(1, 1), 0x16);
	assert_int_equal(user.err, DFUCAST_ERR_UNREACHABLE);
}

static void closed_while_connecting(void **state)
{
	(void)state;
	ask(0, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	advertises(0);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	ask(0, 1, DFUCAST_REQUEST_CLOSE);
	expect(DFUCAST_BLE_OP_CONNECT_CANCEL);
	answer(DFUCAST_BLE_REFUSED); /* CONNECTED is in the queue */
	nothing();
	assert_true(connects(0, handle_of(1, 1)));
	does(DFUCAST_BLE_OP_DISCONNECT);
	happens(DFUCAST_BLE_DISCONNECTED, handle_of(1, 1), 0x16);
	assert_int_equal(user.down, 1);
	assert_int_equal(user.err, DFUCAST_ERR_OK);
	assert_int_equal(user.up, 0);
}

static void busy_is_asked_again_later(void **state)
{
	uint32_t deadline;

	(void)state;
	ask(0, 1, DFUCAST_REQUEST_OPEN);
	expect(DFUCAST_BLE_OP_SCAN_START);
	answer(DFUCAST_BLE_BUSY); /* the application scans */
	nothing();
	assert_true(dfucast_ble_central_deadline(&central, &deadline));
	assert_int_equal(deadline - now, 100);
	passes(100);
	does(DFUCAST_BLE_OP_SCAN_START);
	advertises(0);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	connects(0, handle_of(0, 1));
	expect(DFUCAST_BLE_OP_STEP);
	answer(DFUCAST_BLE_BUSY);
	nothing();
	assert_true(dfucast_ble_central_deadline(&central, &deadline));
	assert_int_equal(deadline - now, 5);
	passes(5);
	step(DFUCAST_BLE_STEP_PHY);
}

static void names_and_services_pin(void **state)
{
	static const uint8_t smp[] = {17,   0x07, 0x84, 0xAA, 0x60, 0x74, 0x52, 0x8A, 0x8B,
				      0x86, 0xD3, 0x4C, 0xB7, 0x1D, 0x1D, 0xDC, 0x53, 0x8D};
	static const uint8_t name[] = {6, 0x09, 'S', 'e', 'n', '-', '7'};
	struct dfucast_ble_event event = {.kind = DFUCAST_BLE_ADVERTISEMENT,
					  .report = {.address = address_of(3), .connectable = true}};

	(void)state;
	targets[0].flags = 0;
	targets[1].flags = 0;
	targets[1].name = "Sen-*";
	ask(0, 1, DFUCAST_REQUEST_OPEN);
	ask(1, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	event.report.data = smp;
	event.report.length = sizeof(smp);
	assert_false(tell(&event)); /* target 3's own */
	event.report.address.bytes[0] = 99;
	event.report.connectable = false;
	assert_false(tell(&event));
	event.report.connectable = true;
	assert_true(tell(&event));
	assert_int_equal(targets[0].address.bytes[0], 99);
	assert_true(targets[0].flags & DFUCAST_BLE_TARGET_PINNED);
	event.report.data = name;
	event.report.length = sizeof(name);
	assert_false(tell(&event)); /* target 0 has it now */
	event.report.address.bytes[0] = 98;
	assert_true(tell(&event));
	assert_int_equal(targets[1].address.bytes[0], 98);
}

/* ---- traffic ---- */

static void credit_and_turns(void **state)
{
	(void)state;
	open_one(0, handle_of(0, 1));
	open_one(1, handle_of(1, 1));
	user.frame = 300; /* two values */
	for (unsigned int i = 0; i < 4; i++) {
		expect(DFUCAST_BLE_OP_WRITE);
		assert_int_equal(op.target, i % 2);
		assert_int_equal(op.length, i < 2 ? 244 : 56);
		assert_int_equal(op.setup->value, 22);
		answer(DFUCAST_BLE_STARTED);
	}
	nothing(); /* two each is what the stack promised */
	assert_int_equal(user.sent[0], 1);
	assert_int_equal(user.sent[1], 1);
	happens(DFUCAST_BLE_WRITES_SENT, handle_of(1, 1), 1);
	expect(DFUCAST_BLE_OP_WRITE);
	assert_int_equal(op.target, 1);
	answer(DFUCAST_BLE_BUSY); /* nothing went out: the same again */
	nothing();
	happens(DFUCAST_BLE_WRITES_SENT, handle_of(1, 1), 1);
	expect(DFUCAST_BLE_OP_WRITE);
	assert_int_equal(op.target, 1);
	assert_int_equal(op.length, 244);
	answer(DFUCAST_BLE_STARTED);
	/* Completions beyond what was written do not add up. */
	happens(DFUCAST_BLE_WRITES_SENT, handle_of(0, 1), 200);
	assert_int_equal(conns[0].credit, 2);
}

static void old_handles_reach_nobody(void **state)
{
	(void)state;
	open_one(0, handle_of(0, 7));
	assert_true(notifies(handle_of(0, 7), 22));
	assert_int_equal(user.received, 1);
	assert_false(notifies(handle_of(0, 6), 22));
	assert_false(happens(DFUCAST_BLE_DISCONNECTED, handle_of(0, 6), 8));
	assert_int_equal(user.received, 1);
	assert_int_equal(user.down, 0);
	assert_true(happens(DFUCAST_BLE_DISCONNECTED, handle_of(0, 7), 8));
	assert_int_equal(user.err, DFUCAST_ERR_LINK_LOST);
	/* The number again, another device: what was on its way for the old one is dropped until notifications are on. */
	ask(1, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	advertises(1);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	connects(1, handle_of(0, 8));
	notifies(handle_of(0, 8), 22);
	assert_int_equal(user.received, 1);
	set_up(handle_of(0, 8));
	assert_true(notifies(handle_of(0, 8), 22));
	assert_true(notifies(handle_of(0, 8), 40)); /* nobody has asked for another characteristic's */
	assert_int_equal(central.strays, 2);
	assert_int_equal(user.received, 2);
}

/* The stack says so before its event comes; and the event, should it be lost, is done without. */
static void a_handle_that_is_gone(void **state)
{
	uint32_t deadline;

	(void)state;
	open_one(0, handle_of(0, 1));
	open_one(1, handle_of(1, 1));
	user.frame = 20;
	for (unsigned int i = 0; i < 2; i++) {
		expect(DFUCAST_BLE_OP_WRITE);
		answer(DFUCAST_BLE_GONE);
	}
	nothing();
	assert_true(happens(DFUCAST_BLE_DISCONNECTED, handle_of(0, 1), 8));
	assert_int_equal(user.down, 1);
	assert_true(dfucast_ble_central_deadline(&central, &deadline));
	assert_int_equal(deadline - now, 5000);
	passes(5000);
	assert_int_equal(user.down, 2);
	assert_int_equal(user.err, DFUCAST_ERR_LINK_LOST);
	nothing();
}

static void resync(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);

	(void)state;
	open_one(0, handle);
	ask(0, 1, DFUCAST_REQUEST_RESYNC);
	step(DFUCAST_BLE_STEP_UNSUBSCRIBE);
	user.frame = 20;
	nothing(); /* nothing is written meanwhile */
	happens(DFUCAST_BLE_WRITTEN, handle, 0);
	step(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, handle, 0);
	assert_int_equal(user.resynced, 1);
	assert_int_equal(user.up, 1);
	expect(DFUCAST_BLE_OP_WRITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(one_link, setup),
	    cmocka_unit_test_setup(whoever_shows_up, setup),
	    cmocka_unit_test_setup(a_connection_of_the_application_is_not_ours, setup),
	    cmocka_unit_test_setup(attempts_have_an_end, setup),
	    cmocka_unit_test_setup(a_stack_that_forgets, setup),
	    cmocka_unit_test_setup(closed_while_connecting, setup),
	    cmocka_unit_test_setup(too_late_to_be_cancelled, setup),
	    cmocka_unit_test_setup(busy_is_asked_again_later, setup),
	    cmocka_unit_test_setup(names_and_services_pin, setup),
	    cmocka_unit_test_setup(credit_and_turns, setup),
	    cmocka_unit_test_setup(old_handles_reach_nobody, setup),
	    cmocka_unit_test_setup(a_handle_that_is_gone, setup),
	    cmocka_unit_test_setup(resync, setup),
	};

	return cmocka_run_group_tests_name("BLE central", tests, NULL, NULL);
}
