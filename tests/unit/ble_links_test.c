/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What a BLE central does on its links beside traffic: parameters, encryption, and links that the application owns.
 */
#include "ble_central_harness.h"

/* ---- parameters ---- */

static bool asks_for(struct dfucast_ble_handle handle, uint16_t min, uint16_t max, uint16_t timeout)
{
	const struct dfucast_ble_event event = {
	    .kind = DFUCAST_BLE_PARAMS_ASKED, .handle = handle, .asked = {min, max, 0, timeout}};

	return tell(&event);
}

static void has(struct dfucast_ble_handle handle, struct dfucast_ble_params params)
{
	const struct dfucast_ble_event event = {
	    .kind = DFUCAST_BLE_PARAMS_CHANGED, .handle = handle, .params = params};

	tell(&event);
}

static void the_stock_wish_is_refused(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);

	(void)state;
	open_one(0, handle);
	assert_true(asks_for(handle, 6, 9, 42));
	does(DFUCAST_BLE_OP_REFUSE);
	nothing();
	assert_true(asks_for(handle, 6, 800, 400));
	does(DFUCAST_BLE_OP_AGREE);
	assert_int_equal(op.params.interval, central.slots.interval);
	assert_true(
	    dfucast_ble_central_agrees(&central, handle, &(struct dfucast_ble_params_asked){6, 800, 0, 400}));
	assert_false(
	    dfucast_ble_central_agrees(&central, handle, &(struct dfucast_ble_params_asked){6, 9, 0, 42}));
	assert_false(dfucast_ble_central_agrees(&central, handle_of(0, 2),
						&(struct dfucast_ble_params_asked){6, 800, 0, 400}));
	/* A stack that changed them without asking is told ours. */
	has(handle, (struct dfucast_ble_params){6, 0, 42});
	does(DFUCAST_BLE_OP_PARAMS);
	assert_int_equal(op.params.interval, central.slots.interval);
	assert_int_equal(op.params.timeout, 400);
	has(handle, op.params);
	nothing();
}

static void more_links_more_interval(void **state)
{
	uint16_t before;

	(void)state;
	open_one(0, handle_of(0, 1));
	before = central.slots.interval;
	ask(1, 1, DFUCAST_REQUEST_OPEN);
	ask(2, 1, DFUCAST_REQUEST_OPEN);
	ask(3, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_PARAMS); /* the first link's slot is another now */
	assert_int_equal(op.target, 0);
	assert_true(op.params.interval > before);
	has(handle_of(0, 1), op.params);
	does(DFUCAST_BLE_OP_SCAN_START);
	nothing();
}

static void idle_links_are_slow(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);
	uint32_t deadline;

	(void)state;
	open_one(0, handle);
	notifies(handle, 22);
	assert_true(dfucast_ble_central_deadline(&central, &deadline));
	assert_int_equal(deadline - now, 15000);
	passes(15000);
	does(DFUCAST_BLE_OP_PARAMS);
	assert_int_equal(op.params.interval, 400);
	has(handle, op.params);
	nothing();
	assert_false(dfucast_ble_central_deadline(&central, &deadline));
	user.frame = 20;
	does(DFUCAST_BLE_OP_WRITE); /* at once, slow as it is */
	user.frame = 0;
	does(DFUCAST_BLE_OP_PARAMS);
	assert_int_equal(op.params.interval, central.slots.interval);
	has(handle, op.params);
	nothing();
}

static void slow_and_listening_by_word(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);

	(void)state;
	open_one(0, handle);
	central.slow = true;
	does(DFUCAST_BLE_OP_PARAMS);
	assert_int_equal(op.params.interval, 400);
	has(handle, op.params);
	central.listen = true;
	does(DFUCAST_BLE_OP_SCAN_START);
	assert_false(advertises(2));
	central.slow = false;
	does(DFUCAST_BLE_OP_PARAMS);
	assert_int_equal(op.params.interval, central.slots.interval);
	has(handle, op.params);
	central.listen = false;
	does(DFUCAST_BLE_OP_SCAN_STOP);
	nothing();
}

/* A peer that will not have it is left in peace. */
static void parameters_are_not_forced(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);
	unsigned int asked = 0;

	(void)state;
	open_one(0, handle);
	has(handle, (struct dfucast_ble_params){6, 0, 42});
	while (dfucast_ble_central_next(&central, &op, now)) {
		assert_int_equal(op.kind, DFUCAST_BLE_OP_PARAMS);
		assert_true(++asked < 10);
		answer(DFUCAST_BLE_STARTED);
		passes(8000); /* no answer */
		notifies(handle, 22);
	}
	assert_int_equal(asked, 3);
}

/* ---- security ---- */

/* Subscribed, but every write falls silent: it wants to be paired with. */
static void silence_is_needs_pairing(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);

	(void)state;
	open_one(0, handle);
	user.frame = 20;
	does(DFUCAST_BLE_OP_WRITE);
	passes(2000);
	does(DFUCAST_BLE_OP_WRITE); /* the user's own retry does not put it off */
	passes(2000);
	step(DFUCAST_BLE_STEP_SECURE);
	nothing();
	happens(DFUCAST_BLE_SECURED, handle, 0x85);
	does(DFUCAST_BLE_OP_DISCONNECT);
	happens(DFUCAST_BLE_DISCONNECTED, handle, 0x16);
	assert_int_equal(user.err, DFUCAST_ERR_NEEDS_PAIRING);
}

static void silence_mended_by_pairing(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);

	(void)state;
	open_one(0, handle);
	user.frame = 20;
	does(DFUCAST_BLE_OP_WRITE);
	passes(4000);
	step(DFUCAST_BLE_STEP_SECURE);
	ask(0, 1, DFUCAST_REQUEST_RESYNC); /* in the middle of it: follows */
	nothing();
	happens(DFUCAST_BLE_SECURED, handle, 0);
	step(DFUCAST_BLE_STEP_UNSUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, handle, 0);
	step(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, handle, 0);
	assert_int_equal(user.resynced, 1);
	does(DFUCAST_BLE_OP_WRITE);
	assert_true(targets[0].flags & DFUCAST_BLE_TARGET_SECURE); /* first thing on the next link */
	passes(20000); /* silent all the same: pairing is not tried again */
	user.frame = 0;
	while (dfucast_ble_central_next(&central, &op, now)) {
		assert_int_equal(op.kind, DFUCAST_BLE_OP_PARAMS);
		answer(DFUCAST_BLE_REFUSED);
	}
}

static void a_peer_that_asks_for_encryption(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);

	(void)state;
	open_one(0, handle);
	assert_true(happens(DFUCAST_BLE_SECURITY_ASKED, handle, 0));
	step(DFUCAST_BLE_STEP_SECURE);
	happens(DFUCAST_BLE_SECURED, handle, 1); /* it only asked: the link is used as it is */
	user.frame = 20;
	does(DFUCAST_BLE_OP_WRITE);
}

static void only_parameters(void)
{
	while (dfucast_ble_central_next(&central, &op, now)) {
		assert_int_equal(op.kind, DFUCAST_BLE_OP_PARAMS);
		answer(DFUCAST_BLE_REFUSED);
	}
}

/* Seen with Zephyr's host: a second pairing meanwhile fails at once, and says nothing of being busy. */
static void one_pairing_at_a_time(void **state)
{
	const struct dfucast_ble_handle first = handle_of(0, 1), second = handle_of(1, 1);

	(void)state;
	open_one(0, first);
	open_one(1, second);
	assert_true(happens(DFUCAST_BLE_SECURITY_ASKED, first, 0));
	assert_true(happens(DFUCAST_BLE_SECURITY_ASKED, second, 0));
	step(DFUCAST_BLE_STEP_SECURE);
	assert_int_equal(op.handle.index, 0);
	only_parameters();
	happens(DFUCAST_BLE_SECURED, first, 0);
	step(DFUCAST_BLE_STEP_SECURE);
	assert_int_equal(op.handle.index, 1);
	nothing();
	happens(DFUCAST_BLE_SECURED, second, 0);
	nothing();
}

static void as_many_pairings_as_the_stack_has(void **state)
{
	(void)state;
	central.config.pairings = 2;
	open_one(0, handle_of(0, 1));
	open_one(1, handle_of(1, 1));
	happens(DFUCAST_BLE_SECURITY_ASKED, handle_of(0, 1), 0);
	happens(DFUCAST_BLE_SECURITY_ASKED, handle_of(1, 1), 0);
	for (uint8_t i = 0; i < 2; i++) {
		step(DFUCAST_BLE_STEP_SECURE);
		assert_int_equal(op.handle.index, i);
	}
	only_parameters();
}

/* It is under way in the stack until the link is gone; and a silent peer's turn has an end. */
static void the_turn_to_pair_ends_with_the_link(void **state)
{
	const struct dfucast_ble_handle first = handle_of(0, 1), second = handle_of(1, 1);

	(void)state;
	open_one(0, first);
	open_one(1, second);
	happens(DFUCAST_BLE_SECURITY_ASKED, first, 0);
	happens(DFUCAST_BLE_SECURITY_ASKED, second, 0);
	step(DFUCAST_BLE_STEP_SECURE);
	only_parameters();
	ask(0, 1, DFUCAST_REQUEST_CLOSE);
	does(DFUCAST_BLE_OP_DISCONNECT);
	nothing();
	happens(DFUCAST_BLE_DISCONNECTED, first, 0x16);
	step(DFUCAST_BLE_STEP_SECURE);
	assert_int_equal(op.handle.index, 1);
	open_one(0, handle_of(2, 1));
	happens(DFUCAST_BLE_SECURITY_ASKED, handle_of(2, 1), 0);
	only_parameters();
	passes(35000); /* the second says nothing at all */
	step(DFUCAST_BLE_STEP_SECURE);
	assert_int_equal(op.handle.index, 2);
}

/* Zephyr's host answers the peripheral's wish by itself: the next link is encrypted first, for what is written before is lost. */
static void encryption_that_came_by_itself_is_remembered(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);

	(void)state;
	open_one(0, handle);
	happens(DFUCAST_BLE_SECURED, handle, 1);
	assert_false(targets[0].flags & DFUCAST_BLE_TARGET_SECURE);
	happens(DFUCAST_BLE_SECURED, handle, 0);
	assert_true(targets[0].flags & DFUCAST_BLE_TARGET_SECURE);
	user.frame = 20;
	does(DFUCAST_BLE_OP_WRITE);
}

static void the_wrong_device(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(0, 1);

	(void)state;
	ask(0, 1, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	advertises(0);
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	connects(0, handle);
	step(DFUCAST_BLE_STEP_PHY);
	happens(DFUCAST_BLE_PHY_CHANGED, handle, 0);
	step(DFUCAST_BLE_STEP_DATA_LENGTH);
	happens(DFUCAST_BLE_DATA_LENGTH_CHANGED, handle, 27);
	expect(DFUCAST_BLE_OP_STEP);
	answer(DFUCAST_BLE_DONE); /* MTU: nothing to do */
	step(DFUCAST_BLE_STEP_SERVICE);
	happens(DFUCAST_BLE_DISCOVERED, handle, 1);
	does(DFUCAST_BLE_OP_DISCONNECT);
	happens(DFUCAST_BLE_DISCONNECTED, handle, 0x16);
	assert_int_equal(user.err, DFUCAST_ERR_NO_SERVICE);
	assert_int_equal(user.up, 0);
}

/* ---- the application's links ---- */

static const struct dfucast_ble_params before = {80, 4, 500};

static struct dfucast_ble_offer offer_of(uint16_t target, struct dfucast_ble_handle handle)
{
	return (struct dfucast_ble_offer){.handle = handle, .params = before, .target = target, .mtu = 185};
}

static void adopted_and_given_back(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(9, 3);
	struct dfucast_ble_offer offer = offer_of(0, handle);

	(void)state;
	assert_true(dfucast_ble_central_adopt(&central, &offer, now));
	assert_false(dfucast_ble_central_adopt(&central, &offer, now));
	nothing();
	assert_false(asks_for(handle, 6, 9, 42)); /* not in use: the application answers */
	assert_false(notifies(handle, 40));
	ask(0, 1, DFUCAST_REQUEST_OPEN);
	/* No scan, no connect, neither PHY nor data length, no MTU a second time; our parameters meanwhile. */
	step(DFUCAST_BLE_STEP_SERVICE);
	does(DFUCAST_BLE_OP_PARAMS);
	assert_int_equal(op.params.interval, central.slots.interval);
	has(handle, op.params);
	finds(DFUCAST_BLE_FOUND_SERVICE, handle, 20, 23);
	happens(DFUCAST_BLE_DISCOVERED, handle, 0);
	step(DFUCAST_BLE_STEP_CHARACTERISTIC);
	finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, handle, 21, 22);
	happens(DFUCAST_BLE_DISCOVERED, handle, 0);
	step(DFUCAST_BLE_STEP_CCC);
	finds(DFUCAST_BLE_FOUND_DESCRIPTOR, handle, 0, 23);
	happens(DFUCAST_BLE_DISCOVERED, handle, 0);
	step(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, handle, 0);
	assert_int_equal(user.up, 1);
	assert_int_equal(user.info.value_max, 182);
	assert_true(dfucast_ble_central_uses(&central, handle));
	assert_false(dfucast_ble_central_release(&central, handle));
	assert_false(notifies(handle, 40)); /* the application's notifications run on */
	assert_true(asks_for(handle, 6, 9, 42));
	does(DFUCAST_BLE_OP_REFUSE);
	ask(0, 1, DFUCAST_REQUEST_CLOSE);
	step(DFUCAST_BLE_STEP_UNSUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, handle, 0);
	does(DFUCAST_BLE_OP_PARAMS);
	assert_memory_equal(&op.params, &before, sizeof(before));
	assert_int_equal(user.down, 0);
	has(handle, before);
	assert_int_equal(user.down, 1);
	assert_int_equal(user.err, DFUCAST_ERR_OK);
	nothing(); /* and never disconnected */
	assert_false(dfucast_ble_central_uses(&central, handle));
	/* A second time: what was found is still known. */
	ask(0, 2, DFUCAST_REQUEST_OPEN);
	step(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, handle, 0);
	assert_int_equal(user.up, 2);
	/* It breaks (a reset): its owner hears of it too, and nobody connects it but the owner. */
	targets[0].flags |= DFUCAST_BLE_TARGET_OWNED;
	while (dfucast_ble_central_next(&central, &op, now))
		answer(DFUCAST_BLE_REFUSED);
	assert_false(happens(DFUCAST_BLE_DISCONNECTED, handle, 8));
	assert_int_equal(user.err, DFUCAST_ERR_LINK_LOST);
	ask(0, 3, DFUCAST_REQUEST_OPEN);
	nothing();
	assert_false(advertises(0));
	offer.handle = handle_of(9, 4);
	assert_true(dfucast_ble_central_adopt(&central, &offer, now));
	step(DFUCAST_BLE_STEP_SERVICE);
}

static void a_device_that_does_not_answer_is_given_back_too(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(2, 1);
	struct dfucast_ble_offer offer = offer_of(1, handle);

	(void)state;
	offer.value = 22;
	offer.ccc = 23;
	assert_true(dfucast_ble_central_adopt(&central, &offer, now));
	ask(1, 1, DFUCAST_REQUEST_OPEN);
	step(DFUCAST_BLE_STEP_SUBSCRIBE);
	does(DFUCAST_BLE_OP_PARAMS);
	passes(15000); /* neither is answered */
	while (dfucast_ble_central_next(&central, &op, now)) {
		assert_int_equal(op.kind, DFUCAST_BLE_OP_PARAMS); /* never DISCONNECT */
		answer(DFUCAST_BLE_STARTED);
	}
	passes(8000);
	passes(8000);
	assert_int_equal(user.down, 1);
	assert_int_equal(user.err, DFUCAST_ERR_SILENT);
	assert_true(dfucast_ble_central_release(&central, handle));
	nothing();
}

/* The owner hears that its link takes no questions any more, and gets it as it was, whatever is under way. */
static void a_question_that_times_out_is_told(void **state)
{
	const struct dfucast_ble_handle handle = handle_of(2, 1);
	struct dfucast_ble_offer offer = offer_of(1, handle);
	struct dfucast_ble_params ours;

	(void)state;
	offer.value = 22;
	offer.ccc = 23;
	assert_true(dfucast_ble_central_adopt(&central, &offer, now));
	ask(1, 1, DFUCAST_REQUEST_OPEN);
	step(DFUCAST_BLE_STEP_SUBSCRIBE);
	does(DFUCAST_BLE_OP_PARAMS);
	ours = op.params;
	assert_false(happens(DFUCAST_BLE_DEAF, handle, 0));
	nothing();
	assert_int_equal(user.down, 0); /* our parameters are still to come */
	has(handle, ours);
	does(DFUCAST_BLE_OP_PARAMS);
	assert_memory_equal(&op.params, &before, sizeof(before));
	has(handle, before);
	assert_int_equal(user.down, 1);
	assert_int_equal(user.err, DFUCAST_ERR_SILENT);
	/* The same when it is up. */
	ask(1, 2, DFUCAST_REQUEST_OPEN);
	step(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, handle, 0);
	assert_int_equal(user.up, 1);
	assert_false(happens(DFUCAST_BLE_DEAF, handle, 0));
}

static void no_offer_for_nobody(void **state)
{
	struct dfucast_ble_offer offer = offer_of(TARGETS, handle_of(0, 1));

	(void)state;
	assert_false(dfucast_ble_central_adopt(&central, &offer, now));
	open_one(0, handle_of(0, 1));
	offer = offer_of(0, handle_of(1, 1));
	assert_false(dfucast_ble_central_adopt(&central, &offer, now)); /* it has a link */
	assert_true(dfucast_ble_central_release(&central, handle_of(30, 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(the_stock_wish_is_refused, setup),
	    cmocka_unit_test_setup(more_links_more_interval, setup),
	    cmocka_unit_test_setup(idle_links_are_slow, setup),
	    cmocka_unit_test_setup(slow_and_listening_by_word, setup),
	    cmocka_unit_test_setup(parameters_are_not_forced, setup),
	    cmocka_unit_test_setup(silence_is_needs_pairing, setup),
	    cmocka_unit_test_setup(silence_mended_by_pairing, setup),
	    cmocka_unit_test_setup(a_peer_that_asks_for_encryption, setup),
	    cmocka_unit_test_setup(one_pairing_at_a_time, setup),
	    cmocka_unit_test_setup(as_many_pairings_as_the_stack_has, setup),
	    cmocka_unit_test_setup(the_turn_to_pair_ends_with_the_link, setup),
	    cmocka_unit_test_setup(encryption_that_came_by_itself_is_remembered, setup),
	    cmocka_unit_test_setup(the_wrong_device, setup),
	    cmocka_unit_test_setup(adopted_and_given_back, setup),
	    cmocka_unit_test_setup(a_device_that_does_not_answer_is_given_back_too, setup),
	    cmocka_unit_test_setup(a_question_that_times_out_is_told, setup),
	    cmocka_unit_test_setup(no_offer_for_nobody, setup),
	};

	return cmocka_run_group_tests_name("BLE central, its links", tests, NULL, NULL);
}
