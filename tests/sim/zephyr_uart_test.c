/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The Zephyr port's UART on the fake driver: two streams at 1 Mbaud, a reader that pauses until the driver stops for want of
 * memory, refusals, and errors on the line. Seeds 1 … 12, a process each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dfucast_zephyr.h>

#include <errno.h>

#include "../fake/zephyr.h"
#include "forked.h"

#define SEEDS 12u
#define STREAM_BYTES 60000u
#define LIMIT_MS 60000u

/* Each field has one writer: the host beside, or the program. */
struct world {
	uint32_t beside_random, random;
	_Atomic uint32_t sent, got, wrong; /* by the host */
	uint32_t received, expected, skipped, written;
	struct k_sem wake, pause;
};

struct totals {
	uint32_t stops, errors;
};

static struct totals *totals;

static uint32_t roll(uint32_t *random, uint32_t below)
{
	*random = *random * 1664525u + 1013904223u;
	return (*random >> 16) % below;
}

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 7u + (i >> 8));
}

/* The host: sends in bursts, and takes what comes. */
static uint32_t beside(void *context, uint32_t now)
{
	struct world *world = context;
	uint8_t bytes[700];
	size_t length = 1u + roll(&world->beside_random, sizeof(bytes));
	uint32_t sent = world->sent, got = world->got;

	if (length > STREAM_BYTES - sent)
		length = STREAM_BYTES - sent;
	for (uint32_t i = 0; i < length; i++)
		bytes[i] = pattern(sent + i);
	world->sent = sent + (uint32_t)zephyr_wire_send(bytes, length);
	length = zephyr_wire_receive(bytes, sizeof(bytes));
	for (uint32_t i = 0; i < length; i++)
		world->wrong += bytes[i] != pattern(got + i);
	world->got = got + (uint32_t)length;
	return now + 1u + roll(&world->beside_random, 8);
}

/* Bytes may be missing, each where the line had an error; none comes twice or out of order. */
static void take(struct world *world)
{
	uint8_t bytes[400];
	size_t length = dfucast_zephyr_uart_read(bytes, 1u + roll(&world->random, sizeof(bytes)));

	for (size_t i = 0; i < length; i++) {
		while (pattern(world->expected) != bytes[i]) {
			world->expected++;
			world->skipped++;
			assert_true(world->skipped <= dfucast_zephyr_uart_errors());
		}
		world->expected++;
	}
	world->received += (uint32_t)length;
}

static void give(struct world *world)
{
	uint8_t bytes[300];
	size_t length = roll(&world->random, sizeof(bytes));
	size_t room = dfucast_zephyr_uart_room();

	length = length < room ? length : room;
	if (length > STREAM_BYTES - world->written)
		length = STREAM_BYTES - world->written;
	for (uint32_t i = 0; i < length; i++)
		bytes[i] = pattern(world->written + i);
	if (length > 0)
		dfucast_zephyr_uart_write(bytes, length);
	world->written += (uint32_t)length;
}

static bool is_over(const struct world *world)
{
	return world->received + dfucast_zephyr_uart_errors() == STREAM_BYTES && world->got == STREAM_BYTES &&
	       dfucast_zephyr_uart_idle();
}

struct one {
	uint64_t seed;
	bool line_errors;
};

static void both_ways(void *context, void *sums)
{
	const struct one *one = context;
	struct totals *all = sums;
	struct world world = {.beside_random = (uint32_t)one->seed, .random = (uint32_t)one->seed + 100u};
	struct zephyr_counts counts;
	const struct zephyr_config config = {
	    .seed = one->seed, .beside = beside, .context = &world, .line_errors = one->line_errors};
	int code;

	world.wake.limit = world.pause.limit = 1;
	zephyr_start(&config);
	code = dfucast_zephyr_uart_init(&fake_zephyr_uart, &world.wake);
	assert_true(code == 0 || code == -EBUSY); /* begins with the next call */
	while (!is_over(&world) && dfucast_zephyr_now() < LIMIT_MS) {
		take(&world);
		give(&world);
		(void)k_sem_take(&world.wake, K_MSEC(2));
		if (roll(&world.random, 100) == 0)
			(void)k_sem_take(&world.pause, K_MSEC(150));
	}
	assert_int_equal(world.got, STREAM_BYTES);
	assert_int_equal(world.wrong, 0);
	assert_int_equal(world.received + dfucast_zephyr_uart_errors(), STREAM_BYTES);
	assert_true(dfucast_zephyr_uart_idle());
	zephyr_stop(&counts);
	assert_int_equal(dfucast_zephyr_uart_errors(), counts.rx_errors);
	assert_true(one->line_errors || counts.rx_errors == 0);
	all->stops += counts.rx_stops;
	all->errors += counts.rx_errors;
}

static void all_seeds(bool line_errors)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct one one = {seed, line_errors};

		forked(both_ways, &one, totals);
	}
}

/* Nothing is lost however long the program is away: the driver stops, and flow control holds the host. */
static void a_reader_that_pauses(void **state)
{
	(void)state;
	all_seeds(false);
	assert_true(totals->stops > SEEDS);
	assert_int_equal(totals->errors, 0);
}

/* Each costs what it damaged; receiving goes on. */
static void errors_on_the_line(void **state)
{
	(void)state;
	all_seeds(true);
	assert_true(totals->errors > SEEDS / 2u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_reader_that_pauses),
	    cmocka_unit_test(errors_on_the_line),
	};

	totals = forked_memory(sizeof(*totals));
	return cmocka_run_group_tests_name("Zephyr, its UART", tests, NULL, NULL);
}
