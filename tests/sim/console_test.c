/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model peripheral's console and the core's, which share nothing: what one sends the other reads, and what is wrong
 * with a line costs that frame alone.
 */
#include "../../sim/peer/console.h"

#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/framing_harness.h"

#define LENGTH_MAX 2048u

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert failed: %s:%d\n", file, line);
	abort();
}

static void sizes_both_ways(void **state)
{
	static uint8_t rx[RX_BYTES];
	static uint8_t frame[LENGTH_MAX];
	static uint8_t wire[WIRE_BYTES_MAX];
	static struct sim_console console;
	struct incoming at_peer = {0};
	struct incoming at_core = {0};
	struct dfucast_frame_sink sink = sink_of(&at_core);
	struct dfucast_framing link;
	uint32_t seed = 5;

	(void)state;
	sim_console_init(&console, 127, LENGTH_MAX + 4, incoming_frame, &at_peer);
	dfucast_framing_init(&link, DFUCAST_FRAMING_CONSOLE, rx, sizeof(rx));
	for (size_t length = 8; length <= LENGTH_MAX; length++) {
		size_t used;

		make_frame(frame, length, (unsigned int)length % 4, &seed);
		used = encode(&link, frame, length, wire, &seed);
		for (size_t at = 0; at < used;) {
			size_t part = 1 + random_next(&seed) % 200;

			part = part < used - at ? part : used - at;
			sim_console_receive(&console, wire + at, part);
			at += part;
		}
		assert_int_equal(at_peer.length, length);
		assert_memory_equal(at_peer.frame, frame, length);

		used = sim_console_lines(frame, length, (char *)wire, sizeof(wire));
		assert_true(used > 0);
		receive_split(&link, wire, used, &sink, &seed);
		assert_int_equal(at_core.length, length);
		assert_memory_equal(at_core.frame, frame, length);
		assert_int_equal(at_core.count, at_peer.count);
		assert_int_equal(at_core.count, length - 7);
	}
	assert_int_equal(link.noise_bytes, 0);
}

/* Lines as Zephyr writes them (spec 6.2): at most 127 bytes with their end, the CRC in one piece. */
static void lines_are_zephyrs(void **state)
{
	static uint8_t frame[LENGTH_MAX];
	static uint8_t wire[WIRE_BYTES_MAX];
	static uint8_t expected[WIRE_BYTES_MAX];
	uint32_t seed = 6;

	(void)state;
	for (size_t length = 8; length <= LENGTH_MAX; length++) {
		make_frame(frame, length, 0, &seed);
		size_t used = sim_console_lines(frame, length, (char *)wire, sizeof(wire));
		size_t line = 0;

		for (size_t i = 0; i < used; i++) {
			line++;
			if (wire[i] == '\n') {
				assert_true(line <= 127 && line >= 2 + 4 + 1);
				line = 0;
			}
		}
		assert_int_equal(line, 0);
		if (length <= 89) {
			assert_int_equal(used, reference_console(frame, length, 124, "\n", expected));
			assert_memory_equal(wire, expected, used);
		}
	}
	assert_int_equal(sim_console_lines(frame, LENGTH_MAX, (char *)wire, 2048), 0);
	assert_int_equal(sim_console_lines(frame, SIM_CONSOLE_PACKET_BYTES_MAX, (char *)wire, sizeof(wire)),
			 0);
}

/* A good frame stands behind each bad one and is the only one that is read. */
static void bad_lines_cost_one_frame(void **state)
{
	static uint8_t frame[300];
	static uint8_t wire[1024];
	static uint8_t bad[2048];
	static struct sim_console console;
	struct incoming in = {0};
	uint32_t seed = 7;

	(void)state;
	make_frame(frame, sizeof(frame), 0, &seed);
	size_t used = sim_console_lines(frame, sizeof(frame), (char *)wire, sizeof(wire));

	for (unsigned int kind = 0; kind < 9; kind++) {
		size_t length = used;

		memcpy(bad, wire, used);
		switch (kind) {
		case 0: /* another letter: the CRC, or the length */
			bad[40] = bad[40] == 'A' ? 'B' : 'A';
			break;
		case 1:
			bad[40] = '!';
			break;
		case 2: /* a continuation without a beginning */
			memmove(bad, bad + 127, used - 127);
			length = used - 127;
			break;
		case 3: /* the end is missing */
			length = 127;
			break;
		case 4: /* a line too long */
			memset(bad + 126, 'A', 400);
			bad[526] = '\n';
			length = 527;
			break;
		case 5: /* longer than any buffer, never ended */
			memset(bad, 'x', sizeof(bad) - 1);
			bad[sizeof(bad) - 1] = '\n';
			length = sizeof(bad);
			break;
		case 6: /* a log line between two of its lines does no harm, so the whole of it is read */
			memmove(bad + 127 + 6, bad + 127, used - 127);
			memcpy(bad + 127, "<inf>\n", 6);
			length = used + 6;
			in.count--;
			break;
		case 7: /* padding in the middle */
			memcpy(bad + 20, "A===", 4);
			break;
		default: /* a length of nothing */
			memcpy(bad,
			       "\x06\x09"
			       "AAAAAA==\n",
			       11);
			length = 11;
			break;
		}
		sim_console_init(&console, 127, sizeof(frame) + 4, incoming_frame, &in);
		sim_console_receive(&console, bad, length);
		sim_console_receive(&console, wire, used);
		assert_int_equal(in.count, kind + 1);
	}
	/* One byte more than there is room for. */
	sim_console_init(&console, 127, sizeof(frame) + 3, incoming_frame, &in);
	sim_console_receive(&console, wire, used);
	assert_int_equal(in.count, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes_both_ways),
	    cmocka_unit_test(lines_are_zephyrs),
	    cmocka_unit_test(bad_lines_cost_one_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
