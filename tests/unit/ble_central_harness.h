/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A stack played by hand and a user of the links, for the tests of the BLE central's logic. Each test file uses most of
 * it: what one does not use is marked so.
 */
#ifndef BLE_CENTRAL_HARNESS_H
#define BLE_CENTRAL_HARNESS_H

#include <dfucast/ble_central.h>
#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TARGETS 4u
#define CONNS 4u

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

static struct dfucast_ble_central central;
static struct dfucast_ble_target targets[TARGETS];
static struct dfucast_ble_conn conns[CONNS];
static struct dfucast_ble_pool pool;
static uint8_t pool_memory[2][64];
static uint8_t value[244];
static uint32_t now;
static struct dfucast_ble_op op;

/* ---- the links' user ---- */

static struct {
	struct dfucast_link_request requests[8];
	unsigned int request_count;
	unsigned int up, down, resynced, received;
	enum dfucast_err err;
	struct dfucast_link_info info;
	size_t frame; /* length of each frame there is to send; 0: none */
	unsigned int sent[TARGETS];
} user;

__attribute__((unused)) static bool next_request(void *context, struct dfucast_link_request *request,
						 uint32_t at)
{
	(void)context;
	(void)at;
	if (user.request_count == 0)
		return false;
	*request = user.requests[0];
	user.request_count--;
	memmove(user.requests, user.requests + 1, user.request_count * sizeof(user.requests[0]));
	return true;
}

__attribute__((unused)) static void link_up(void *context, struct dfucast_link link,
					    const struct dfucast_link_info *info, uint32_t at)
{
	(void)context;
	(void)link;
	(void)at;
	user.up++;
	user.info = *info;
}

__attribute__((unused)) static void link_down(void *context, struct dfucast_link link, enum dfucast_err err,
					      uint32_t at)
{
	(void)context;
	(void)link;
	(void)at;
	user.down++;
	user.err = err;
}

__attribute__((unused)) static void resynced(void *context, struct dfucast_link link, uint32_t at)
{
	(void)context;
	(void)link;
	(void)at;
	user.resynced++;
}

__attribute__((unused)) static void recv(void *context, struct dfucast_link link, const uint8_t *frame,
					 size_t length, uint32_t at)
{
	(void)context;
	(void)link;
	(void)frame;
	(void)at;
	assert_true(length >= 8);
	user.received++;
}

static size_t begin(void *context, struct dfucast_link link, uint32_t at)
{
	(void)context;
	(void)link;
	(void)at;
	return user.frame;
}

__attribute__((unused)) static void read_part(void *context, struct dfucast_link link, size_t position,
					      uint8_t *buffer, size_t length)
{
	(void)context;
	(void)link;
	assert_true(position + length <= user.frame);
	memset(buffer, 0x55, length);
}

__attribute__((unused)) static void sent(void *context, struct dfucast_link link, uint32_t at)
{
	(void)context;
	(void)at;
	user.sent[link.target]++;
}

__attribute__((unused)) static void ask(uint16_t target, uint16_t generation, enum dfucast_request_kind kind)
{
	user.requests[user.request_count++] =
	    (struct dfucast_link_request){{target, generation}, (uint8_t)kind};
}

/* ---- the stack ---- */

__attribute__((unused)) static void expect(enum dfucast_ble_op_kind kind)
{
	assert_true(dfucast_ble_central_next(&central, &op, now));
	assert_int_equal(op.kind, kind);
}

__attribute__((unused)) static void answer(enum dfucast_ble_result result)
{
	dfucast_ble_central_result(&central, &op, result, now);
}

__attribute__((unused)) static void does(enum dfucast_ble_op_kind kind)
{
	expect(kind);
	answer(DFUCAST_BLE_STARTED);
}

__attribute__((unused)) static void nothing(void)
{
	assert_false(dfucast_ble_central_next(&central, &op, now));
}

__attribute__((unused)) static bool tell(const struct dfucast_ble_event *event)
{
	return dfucast_ble_central_event(&central, event, now);
}

__attribute__((unused)) static struct dfucast_ble_handle handle_of(uint8_t index, uint8_t opening)
{
	return (struct dfucast_ble_handle){index, opening};
}

__attribute__((unused)) static bool happens(enum dfucast_ble_event_kind kind,
					    struct dfucast_ble_handle handle, uint16_t number)
{
	const struct dfucast_ble_event event = {.kind = (uint8_t)kind, .handle = handle, .number = number};

	return tell(&event);
}

__attribute__((unused)) static struct dfucast_ble_address address_of(uint16_t target)
{
	return (struct dfucast_ble_address){1, {(uint8_t)target, 0xC0, 0xFF, 0xEE, 0, 0xC0}};
}

__attribute__((unused)) static bool advertises(uint16_t target)
{
	const struct dfucast_ble_event event = {
	    .kind = DFUCAST_BLE_ADVERTISEMENT,
	    .report = {.address = address_of(target), .rssi = -60, .connectable = true}};

	return tell(&event);
}

__attribute__((unused)) static bool connects(uint16_t target, struct dfucast_ble_handle handle)
{
	const struct dfucast_ble_event event = {
	    .kind = DFUCAST_BLE_CONNECTED,
	    .handle = handle,
	    .connected = {address_of(target), dfucast_ble_params_make(central.slots.interval, 0)}};

	return tell(&event);
}

__attribute__((unused)) static bool finds(enum dfucast_ble_event_kind kind, struct dfucast_ble_handle handle,
					  uint16_t first, uint16_t last)
{
	const struct dfucast_ble_event event = {
	    .kind = (uint8_t)kind, .handle = handle, .found = {first, last, true}};

	return tell(&event);
}

__attribute__((unused)) static bool notifies(struct dfucast_ble_handle handle, uint16_t attribute)
{
	static const uint8_t frame[8] = {9};
	const struct dfucast_ble_event event = {
	    .kind = DFUCAST_BLE_NOTIFIED, .handle = handle, .value = {frame, sizeof(frame), attribute}};

	return tell(&event);
}

__attribute__((unused)) static void step(enum dfucast_ble_step which)
{
	expect(DFUCAST_BLE_OP_STEP);
	assert_int_equal(op.step, which);
	answer(DFUCAST_BLE_STARTED);
}

__attribute__((unused)) static void attributes(struct dfucast_ble_handle handle)
{
	step(DFUCAST_BLE_STEP_SERVICE);
	assert_true(finds(DFUCAST_BLE_FOUND_SERVICE, handle, 20, 23));
	happens(DFUCAST_BLE_DISCOVERED, handle, 0);
	step(DFUCAST_BLE_STEP_CHARACTERISTIC);
	finds(DFUCAST_BLE_FOUND_CHARACTERISTIC, handle, 21, 22);
	happens(DFUCAST_BLE_DISCOVERED, handle, 0);
	step(DFUCAST_BLE_STEP_CCC);
	finds(DFUCAST_BLE_FOUND_DESCRIPTOR, handle, 0, 23);
	happens(DFUCAST_BLE_DISCOVERED, handle, 0);
}

__attribute__((unused)) static void set_up(struct dfucast_ble_handle handle)
{
	step(DFUCAST_BLE_STEP_PHY);
	happens(DFUCAST_BLE_PHY_CHANGED, handle, 0);
	step(DFUCAST_BLE_STEP_DATA_LENGTH);
	happens(DFUCAST_BLE_DATA_LENGTH_CHANGED, handle, 251);
	step(DFUCAST_BLE_STEP_MTU);
	happens(DFUCAST_BLE_MTU_CHANGED, handle, 247);
	attributes(handle);
	step(DFUCAST_BLE_STEP_SUBSCRIBE);
	happens(DFUCAST_BLE_WRITTEN, handle, 0);
}

__attribute__((unused)) static void open_one(uint16_t target, struct dfucast_ble_handle handle)
{
	unsigned int before = user.up;

	ask(target, handle.opening, DFUCAST_REQUEST_OPEN);
	does(DFUCAST_BLE_OP_SCAN_START);
	assert_true(advertises(target));
	does(DFUCAST_BLE_OP_SCAN_STOP);
	does(DFUCAST_BLE_OP_CONNECT);
	assert_memory_equal(op.address, &targets[target].address, sizeof(*op.address));
	assert_true(connects(target, handle));
	set_up(handle);
	assert_int_equal(user.up, before + 1);
}

__attribute__((unused)) static void passes(uint32_t ms)
{
	now += ms;
	dfucast_ble_central_tick(&central, now);
}

__attribute__((unused)) static int setup(void **state)
{
	const struct dfucast_ble_central_config config = {.targets = targets,
							  .conns = conns,
							  .value = value,
							  .pool = &pool,
							  .target_count = TARGETS,
							  .value_bytes = sizeof(value),
							  .conn_count = CONNS,
							  .write_queue = 2};
	const struct dfucast_ble_user calls = {NULL, next_request, link_up,   link_down, resynced,
					       recv, begin,        read_part, sent};

	(void)state;
	memset(&user, 0, sizeof(user));
	memset(targets, 0, sizeof(targets));
	for (uint16_t i = 0; i < TARGETS; i++) {
		targets[i].address = address_of(i);
		targets[i].flags = DFUCAST_BLE_TARGET_PINNED;
	}
	now = UINT32_MAX - 20000; /* the clock wraps in the middle */
	dfucast_ble_pool_init(&pool, pool_memory[0], sizeof(pool_memory[0]), 2);
	dfucast_ble_central_init(&central, &config);
	dfucast_ble_central_set_user(&central, &calls);
	return 0;
}

#endif
