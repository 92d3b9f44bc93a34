/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The example host, as it stands in apps/example, against a gateway in virtual time: UART bytes in small portions, a
 * network that answers late, power that fails.
 */
#include "gateway_checks.h"

#include "../../apps/example/board.h"
#include <dfucast/framing.h>

#define DEVICES 12 /* their reports are more than the host can take at a time */
#undef IMAGE_BYTES
#define IMAGE_BYTES 100000u

static struct {
	struct gateway_sim *sim;
	struct dfucast_framing gateway_end;
	uint8_t gateway_rx[GATEWAY_SIM_FRAME_BYTES + 2];
	uint8_t to_gateway[256];
	size_t to_gateway_bytes;
	uint32_t asked_at, asked_length, answers_ms; /* the network */
	bool asks;
	uint8_t flash[DFUCAST_HOST_BLOB_BYTES];
	size_t flash_bytes;
	unsigned int reports;
	unsigned int done;
} board;

uint32_t board_now(void)
{
	return gateway_sim_now(board.sim);
}

/* A FIFO of 64 bytes. */
size_t board_uart_write(const uint8_t *bytes, size_t length)
{
	size_t room = 64u - board.to_gateway_bytes;

	length = length < room ? length : room;
	memcpy(board.to_gateway + board.to_gateway_bytes, bytes, length);
	board.to_gateway_bytes += length;
	return length;
}

void board_network_ask(uint32_t offset, uint32_t length)
{
	board.asks = true;
	board.asked_at = offset;
	board.asked_length = length;
	board.answers_ms = board_now() + 40;
}

void board_flash_keep(const uint8_t *bytes, size_t length)
{
	memcpy(board.flash, bytes != NULL ? bytes : board.flash, length);
	board.flash_bytes = length;
}

size_t board_flash_read(uint8_t *bytes, size_t capacity)
{
	size_t length = board.flash_bytes < capacity ? board.flash_bytes : capacity;

	memcpy(bytes, board.flash, length);
	return length;
}

void board_report(const struct dfucast_smp_fleet_report *report)
{
	board.reports++;
	board.done += report->state == DFUCAST_STATE_DONE;
}

static void to_gateway(void *context, const uint8_t *frame, size_t length)
{
	(void)context;
	dfucast_gateway_recv(&board.sim->gateway, frame, length, board_now());
	sim_fleet_touch(board.sim->fleet);
}

static void step(void)
{
	const struct dfucast_frame_sink sink = {NULL, to_gateway};
	const struct dfucast_frame_source answers = dfucast_gateway_frame_source(&board.sim->gateway);
	uint8_t bytes[DFUCAST_FRAMING_SEND_BYTES_MIN];
	uint32_t deadline;

	(void)example_poll(&deadline);
	if (board.asks && board_now() >= board.answers_ms) {
		/* It comes in two portions. */
		uint32_t part = board.asked_length > 100 ? 100 : board.asked_length;

		board.asks = false;
		example_image_bytes(board.asked_at, board.sim->image + board.asked_at, part);
	}
	dfucast_framing_recv(&board.gateway_end, board.to_gateway, board.to_gateway_bytes, &sink);
	board.to_gateway_bytes = 0;
	size_t length = dfucast_framing_send(&board.gateway_end, &answers, bytes, sizeof(bytes));

	for (size_t i = 0; i < length; i += 16) {
		example_uart_received(bytes + i, length - i < 16 ? length - i : 16);
	}
	gateway_sim_wait(board.sim, 1);
}

static const char *const devices[DEVICES] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"};

static void set_up(const char *keys)
{
	memset(&board, 0, sizeof(board));
	board.sim = gateway_sim_new(keys, IMAGE_BYTES);
	gateway_sim_begin(board.sim);
	dfucast_framing_init(&board.gateway_end, DFUCAST_FRAMING_CONSOLE, board.gateway_rx,
			     sizeof(board.gateway_rx));

	struct dfucast_smp_fleet_plan plan;

	fill_plan(board.sim, &plan);
	example_start(&plan, devices, DEVICES);
}

static void until_done(uint32_t limit_ms)
{
	while (example_state() < DFUCAST_HOST_DONE) {
		assert_true(board_now() < limit_ms);
		step();
	}
	assert_int_equal(example_state(), DFUCAST_HOST_DONE);
	assert_int_equal(board.reports, DEVICES);
	assert_int_equal(board.done, DEVICES);
	assert_clean(board.sim);
}

static void test_update(void **state)
{
	(void)state;
	set_up("n=12");
	until_done(600000);
	example_poll(&(uint32_t){0});
	assert_int_equal(board.flash_bytes, 0); /* nothing is left to go on with */
	gateway_sim_free(board.sim);
}

static void test_power_fails(void **state)
{
	(void)state;
	for (uint32_t at = 3000; at < 50000; at += 7700) {
		set_up("n=12");
		while (board_now() < at && example_state() < DFUCAST_HOST_DONE) {
			step();
		}
		board.asks = false;
		board.to_gateway_bytes = 0;
		assert_true(example_continue(devices, DEVICES));
		until_done(600000);
		gateway_sim_free(board.sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_update),
	    cmocka_unit_test(test_power_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
