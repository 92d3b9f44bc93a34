/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The three framings of byte streams: golden bytes, round trips at every frame size, malformed input, noise.
 */
#include <dfucast/framing.h>
#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "framing_harness.h"
#include "framing_streams.h"

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

static void crc_check_value(void **state)
{
	(void)state;
	/* Section 6.2: the check value of CRC-16/XMODEM, and the CRC of the echo request of section 1. */
	assert_int_equal(dfucast_crc16(0, (const uint8_t *)"123456789", 9), 0x31C3);
	assert_int_equal(
	    dfucast_crc16(dfucast_crc16(0, (const uint8_t *)"1234", 4), (const uint8_t *)"56789", 5), 0x31C3);
	assert_int_equal(dfucast_crc16(0, (const uint8_t *)"123456789\x31\xC3", 11), 0);
	assert_int_equal(dfucast_crc16(0x1234, NULL, 0), 0x1234);
}

static void golden_console(void **state)
{
	char lines[256];

	(void)state;
	expect_wire(DFUCAST_FRAMING_CONSOLE, echo_frame, sizeof(echo_frame), echo_console,
		    sizeof(echo_console) - 1);
	(void)snprintf(lines, sizeof(lines), "%s%s", upload_line_1, upload_line_2);
	assert_int_equal(sizeof(upload_head), 104);
	assert_int_equal(sizeof(upload_line_1) - 1, DFUCAST_CONSOLE_LINE_BYTES);
	expect_wire(DFUCAST_FRAMING_CONSOLE, upload_head, sizeof(upload_head), lines, strlen(lines));
}

static void golden_raw(void **state)
{
	(void)state;
	/* Section 6.3: the packet as it is. */
	expect_wire(DFUCAST_FRAMING_RAW, echo_frame, sizeof(echo_frame), echo_frame, sizeof(echo_frame));
}

static void golden_cobs(void **state)
{
	(void)state;
	expect_wire(DFUCAST_FRAMING_COBS, params_frame, sizeof(params_frame), params_cobs,
		    sizeof(params_cobs));
}

static void round_trips(void **state)
{
	static uint8_t rx[RX_BYTES];
	static uint8_t frame[FRAME_BYTES_MAX];
	static uint8_t wire[WIRE_BYTES_MAX];
	uint32_t seed = 0x5EED0001;

	(void)state;
	for (unsigned int kind = DFUCAST_FRAMING_CONSOLE; kind <= DFUCAST_FRAMING_COBS; kind++) {
		struct dfucast_framing link;
		struct incoming in = {0};
		struct dfucast_frame_sink sink = sink_of(&in);

		dfucast_framing_init(&link, (enum dfucast_framing_kind)kind, rx, sizeof(rx));
		for (size_t length = 8; length <= FRAME_BYTES_MAX; length++) {
			for (unsigned int mode = 0; mode < 4; mode++) {
				size_t n;

				make_frame(frame, length, mode, &seed);
				n = encode(&link, frame, length, wire, &seed);
				in.count = 0;
				receive_split(&link, wire, n, &sink, &seed);
				assert_int_equal(in.count, 1);
				assert_int_equal(in.length, length);
				assert_memory_equal(in.frame, frame, length);
			}
		}
		assert_int_equal(link.noise_bytes, 0);
		assert_int_equal(link.frames_dropped, 0);
	}
}

static void console_cut_otherwise(void **state)
{
	static const struct {
		size_t cut;
		const char *line_end;
	} ways[] = {
	    {124, "\n"},   /* MCUboot: the CRC may be split */
	    {124, "\r\n"}, /* through a console that adds CR */
	    {124, "\r"},   /* and one that turns LF into it */
	    {4, "\n"},     /* shortest lines */
	    {124, ""},     /* line ends lost: the next marker ends the line */
	};
	static uint8_t rx[RX_BYTES];
	static uint8_t frame[FRAME_BYTES_MAX];
	static uint8_t wire[WIRE_BYTES_MAX];
	uint32_t seed = 0x5EED0002;

	(void)state;
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
		struct dfucast_framing link;
		struct incoming in = {0};
		struct dfucast_frame_sink sink = sink_of(&in);

		dfucast_framing_init(&link, DFUCAST_FRAMING_CONSOLE, rx, sizeof(rx));
		for (size_t length = 8; length <= 1000; length++) {
			size_t n;

			make_frame(frame, length, 0, &seed);
			n = reference_console(frame, length, ways[way].cut, ways[way].line_end, wire);
			receive_split(&link, wire, n, &sink, &seed);
			if (ways[way].line_end[0] == '\0')
				dfucast_framing_recv(&link, (const uint8_t *)"\n", 1, &sink);
			assert_int_equal(in.count, length - 7);
			assert_memory_equal(in.frame, frame, length);
		}
		assert_int_equal(link.noise_bytes, 0);
		assert_int_equal(link.frames_dropped, 0);
	}
}

/* Section 6.2: what Zephyr's encoder guarantees of its lines. */
static void console_lines_are_cut_as_zephyr_does(void **state)
{
	static uint8_t rx[RX_BYTES];
	static uint8_t frame[FRAME_BYTES_MAX];
	static uint8_t wire[WIRE_BYTES_MAX];
	struct dfucast_framing link;
	uint32_t seed = 0x5EED0003;

	(void)state;
	dfucast_framing_init(&link, DFUCAST_FRAMING_CONSOLE, rx, sizeof(rx));
	for (size_t length = 8; length <= FRAME_BYTES_MAX; length++) {
		size_t n;
		size_t line = 0;

		make_frame(frame, length, 0, &seed);
		n = encode(&link, frame, length, wire, &seed);
		for (size_t start = 0; start < n; line++) {
			uint8_t *end = memchr(wire + start, '\n', n - start);
			size_t bytes;
			bool last;
			bool padded;

			assert_non_null(end);
			bytes = (size_t)(end - wire) + 1 - start;
			last = start + bytes == n;
			padded = end[-1] == '=';
			assert_memory_equal(wire + start, line == 0 ? "\x06\x09" : "\x04\x14", 2);
			assert_true(bytes <= (line == 0 ? 127 : 123));
			assert_int_equal((bytes - 3) % 4, 0);
			assert_true(last || !padded);
			/* CRC and at least one byte in front of it. */
			assert_true(!last || bytes >= 7);
			if (!last && length - 89 > 3 && start + bytes + 123 < n)
				assert_int_equal(bytes, line == 0 ? 127 : 123);
			start += bytes;
		}
		assert_true(length > 89 ? line > 1 : line == 1);
		/* The frame's size decides the number of lines: what dfucast_console_frame_max() counts on. */
		assert_true(length <= dfucast_console_frame_max(127, (uint16_t)line));
		assert_true(line == 1 || length > dfucast_console_frame_max(127, (uint16_t)(line - 1)));
	}
}

static void console_frame_max(void **state)
{
	static uint8_t rx[RX_BYTES];
	static uint8_t frame[FRAME_BYTES_MAX];
	static uint8_t wire[WIRE_BYTES_MAX];
	struct dfucast_framing link;
	uint32_t seed = 0x5EED0004;

	(void)state;
	assert_int_equal(dfucast_console_frame_max(128, 1),
			 89); /* section 6.2: one frame holds <= 89 bytes */
	assert_int_equal(dfucast_console_frame_max(127, 2), 179);
	assert_int_equal(dfucast_console_frame_max(128, 4), 359);
	assert_int_equal(dfucast_console_frame_max(128, 0), 0);
	assert_int_equal(dfucast_console_frame_max(0, 4), 0);
	assert_int_equal(dfucast_console_frame_max(2, 4), 0);
	assert_int_equal(dfucast_console_frame_max(128, UINT16_MAX), UINT16_MAX - 4);
	dfucast_framing_init(&link, DFUCAST_FRAMING_CONSOLE, rx, sizeof(rx));
	for (uint16_t line_bytes = 3; line_bytes < 127; line_bytes++) {
		uint16_t most = dfucast_console_frame_max(line_bytes, 3);

		/* Below 8 there is no frame. A longer one than the most is a longer line. */
		if (most >= 8) {
			make_frame(frame, most, 0, &seed);
			assert_true(encode(&link, frame, most, wire, &seed) <= line_bytes);
		}
		if (most >= 7) {
			make_frame(frame, most + 1u, 0, &seed);
			assert_true(encode(&link, frame, most + 1u, wire, &seed) > line_bytes);
		}
	}
}

static void cobs_matches_reference(void **state)
{
	static uint8_t rx[RX_BYTES];
	static uint8_t frame[FRAME_BYTES_MAX];
	static uint8_t wire[WIRE_BYTES_MAX];
	static uint8_t expected[WIRE_BYTES_MAX];
	struct dfucast_framing link;
	uint32_t seed = 0x5EED0005;
	unsigned int crc_ends_in_zero = 0;

	(void)state;
	dfucast_framing_init(&link, DFUCAST_FRAMING_COBS, rx, sizeof(rx));
	for (size_t length = 8; length <= FRAME_BYTES_MAX; length++) {
		for (unsigned int mode = 0; mode < 4; mode++) {
			size_t n;

			make_frame(frame, length, mode, &seed);
			crc_ends_in_zero += (dfucast_crc16(0, frame, length) & 0xFF) == 0;
			n = reference_cobs(frame, length, expected);
			assert_int_equal(encode(&link, frame, length, wire, &seed), n);
			assert_memory_equal(wire, expected, n);
		}
	}
	assert_true(crc_ends_in_zero > 0);
}

/* Section 6.3: a message that ends with a full block may be followed by an empty one; stock clients write it so. */
static void cobs_empty_last_block(void **state)
{
	static uint8_t rx[RX_BYTES];
	static uint8_t frame[506]; /* with its CRC two full blocks */
	static uint8_t wire[WIRE_BYTES_MAX];
	struct dfucast_framing link;
	struct incoming in = {0};
	struct dfucast_frame_sink sink = sink_of(&in);
	uint32_t seed = 0x5EED000B;
	uint16_t crc;
	size_t n;

	(void)state;
	dfucast_framing_init(&link, DFUCAST_FRAMING_COBS, rx, sizeof(rx));
	do {
		make_frame(frame, sizeof(frame), 2, &seed);
		crc = dfucast_crc16(0, frame, sizeof(frame));
	} while (crc >> 8 == 0 || (crc & 0xFF) == 0);
	n = encode(&link, frame, sizeof(frame), wire, &seed);
	assert_int_equal(n, 2 * 255 + 1);
	wire[n - 1] = 0x01;
	wire[n++] = 0x00;
	receive_split(&link, wire, n, &sink, &seed);
	assert_int_equal(in.count, 1);
	assert_memory_equal(in.frame, frame, sizeof(frame));
	assert_int_equal(link.noise_bytes, 0);
}

static void check_streams(enum dfucast_framing_kind kind, const struct stream *streams, size_t count)
{
	uint8_t rx[64];
	uint32_t seed = 0x5EED0006;

	for (size_t i = 0; i < count; i++) {
		const struct stream *s = &streams[i];

		for (unsigned int split = 0; split < 20; split++) {
			struct dfucast_framing link;
			struct incoming in = {0};
			struct dfucast_frame_sink sink = sink_of(&in);

			dfucast_framing_init(&link, kind, rx, sizeof(rx));
			if (split == 0)
				dfucast_framing_recv(&link, (const uint8_t *)s->bytes, s->length, &sink);
			else
				receive_split(&link, (const uint8_t *)s->bytes, s->length, &sink, &seed);
			if (in.count != s->frames || link.frames_dropped != s->dropped ||
			    link.noise_bytes != s->noise)
				print_error("stream %zu: frames %u dropped %u noise %u\n", i, in.count,
					    link.frames_dropped, link.noise_bytes);
			assert_int_equal(in.count, s->frames);
			assert_int_equal(link.frames_dropped, s->dropped);
			assert_int_equal(link.noise_bytes, s->noise);
			assert_int_equal(dfucast_framing_rx_partial(&link), s->partial);
		}
	}
}

static void malformed_console(void **state)
{
	(void)state;
	check_streams(DFUCAST_FRAMING_CONSOLE, console_streams,
		      sizeof(console_streams) / sizeof(console_streams[0]));
}

static void malformed_cobs(void **state)
{
	(void)state;
	check_streams(DFUCAST_FRAMING_COBS, cobs_streams, sizeof(cobs_streams) / sizeof(cobs_streams[0]));
}

/* The longest frame that fits is received, one byte more is dropped and counted, and the next one is received. */
static void frames_at_the_capacity(void **state)
{
	static uint8_t frame[FRAME_BYTES_MAX];
	static uint8_t wire[WIRE_BYTES_MAX];
	uint8_t rx[404];
	uint32_t seed = 0x5EED0007;

	(void)state;
	for (unsigned int kind = DFUCAST_FRAMING_CONSOLE; kind <= DFUCAST_FRAMING_COBS; kind++) {
		for (size_t length = 395; length <= 1000; length++) {
			struct dfucast_framing link;
			struct incoming in = {0};
			struct dfucast_frame_sink sink = sink_of(&in);
			size_t n;

			dfucast_framing_init(&link, (enum dfucast_framing_kind)kind, rx, sizeof(rx));
			make_frame(frame, length, 0, &seed);
			n = encode(&link, frame, length, wire, &seed);
			receive_split(&link, wire, n, &sink, &seed);
			assert_int_equal(in.count, length <= 400);
			assert_int_equal(link.frames_dropped, length > 400);
			assert_int_equal(link.noise_bytes > 0, length > 400);
			if (kind == DFUCAST_FRAMING_RAW && length > 400)
				assert_int_equal(link.noise_bytes, length);
			assert_false(dfucast_framing_rx_partial(&link));
			make_frame(frame, 400, 0, &seed);
			n = encode(&link, frame, 400, wire, &seed);
			receive_split(&link, wire, n, &sink, &seed);
			assert_int_equal(in.count, length <= 400 ? 2 : 1);
			assert_memory_equal(in.frame, frame, 400);
		}
	}
}

static void raw_skips_the_longest_frame_exactly(void **state)
{
	static uint8_t wire[8 + 65535];
	uint8_t rx[32];
	struct dfucast_framing link;
	struct incoming in = {0};
	struct dfucast_frame_sink sink = sink_of(&in);
	uint32_t seed = 0x5EED0008;

	(void)state;
	memset(wire, 0x55, sizeof(wire));
	wire[2] = wire[3] = 0xFF;
	dfucast_framing_init(&link, DFUCAST_FRAMING_RAW, rx, sizeof(rx));
	receive_split(&link, wire, sizeof(wire), &sink, &seed);
	assert_false(dfucast_framing_rx_partial(&link));
	assert_int_equal(link.noise_bytes, UINT16_MAX); /* 65543, saturated */
	dfucast_framing_recv(&link, echo_frame, sizeof(echo_frame), &sink);
	assert_int_equal(in.count, 1);
	assert_int_equal(link.frames_dropped, 1);
}

static void raw_back_to_back(void **state)
{
	static const uint8_t empty[] = {0x0B, 0, 0, 0, 0, 0, 1, 5};
	uint8_t rx[64];
	uint8_t wire[3 * sizeof(echo_frame) + sizeof(empty)];
	struct dfucast_framing link;
	struct incoming in = {0};
	struct dfucast_frame_sink sink = sink_of(&in);

	(void)state;
	memcpy(wire, echo_frame, sizeof(echo_frame));
	memcpy(wire + sizeof(echo_frame), empty, sizeof(empty));
	memcpy(wire + sizeof(echo_frame) + sizeof(empty), echo_frame, sizeof(echo_frame));
	dfucast_framing_init(&link, DFUCAST_FRAMING_RAW, rx, sizeof(rx));
	dfucast_framing_recv(&link, wire, 2 * sizeof(echo_frame) + sizeof(empty), &sink);
	assert_int_equal(in.count, 3);
	assert_int_equal(link.noise_bytes, 0);
}

static void timeout_brings_raw_back_into_step(void **state)
{
	uint8_t rx[32];
	struct dfucast_framing link;
	struct incoming in = {0};
	struct dfucast_frame_sink sink = sink_of(&in);
	static const uint8_t longer[] = {0x0B, 0, 0xFF, 0, 0, 0, 1, 5, 1, 2, 3};

	(void)state;
	dfucast_framing_init(&link, DFUCAST_FRAMING_RAW, rx, sizeof(rx));
	dfucast_framing_rx_timeout(&link);
	assert_int_equal(link.frames_dropped, 0);
	dfucast_framing_recv(&link, echo_frame, 13, &sink);
	assert_true(dfucast_framing_rx_partial(&link));
	dfucast_framing_rx_timeout(&link);
	assert_false(dfucast_framing_rx_partial(&link));
	assert_int_equal(link.frames_dropped, 1);
	assert_int_equal(link.noise_bytes, 13);
	dfucast_framing_recv(&link, echo_frame, sizeof(echo_frame), &sink);
	assert_int_equal(in.count, 1);
	/* In a frame that is being passed over: it was counted at its start. */
	dfucast_framing_recv(&link, longer, sizeof(longer), &sink);
	assert_true(dfucast_framing_rx_partial(&link));
	assert_int_equal(link.frames_dropped, 2);
	dfucast_framing_rx_timeout(&link);
	assert_int_equal(link.frames_dropped, 2);
	assert_int_equal(link.noise_bytes, 13 + sizeof(longer));
	dfucast_framing_recv(&link, echo_frame, sizeof(echo_frame), &sink);
	assert_int_equal(in.count, 2);
}

static void reset_forgets_both_half_frames(void **state)
{
	static uint8_t frame[600];
	static uint8_t wire[WIRE_BYTES_MAX];
	uint8_t rx[700];
	uint32_t seed = 0x5EED0009;

	(void)state;
	make_frame(frame, sizeof(frame), 0, &seed);
	for (unsigned int kind = DFUCAST_FRAMING_CONSOLE; kind <= DFUCAST_FRAMING_COBS; kind++) {
		struct dfucast_framing link;
		struct incoming in = {0};
		struct dfucast_frame_sink sink = sink_of(&in);
		struct outgoing out = {.frame = frame, .length = sizeof(frame), .left = 1};
		struct dfucast_frame_source source = source_of(&out);
		uint8_t buffer[DFUCAST_FRAMING_SEND_BYTES_MIN];
		size_t n;

		dfucast_framing_init(&link, (enum dfucast_framing_kind)kind, rx, sizeof(rx));
		n = dfucast_framing_send(&link, &source, buffer, sizeof(buffer));
		dfucast_framing_recv(&link, buffer, n, &sink);
		assert_true(dfucast_framing_rx_partial(&link));
		assert_int_equal(out.done, 0);
		dfucast_framing_reset(&link);
		assert_false(dfucast_framing_rx_partial(&link));
		assert_int_equal(link.frames_dropped, 0);
		/* Not even that a line was open. */
		if (kind == DFUCAST_FRAMING_CONSOLE) {
			dfucast_framing_recv(&link, (const uint8_t *)"\x06\tAEAA", 6, &sink);
			dfucast_framing_reset(&link);
			dfucast_framing_recv(&link, (const uint8_t *)"AEAA\n", 5, &sink);
			assert_int_equal(link.noise_bytes, 5);
			assert_int_equal(link.frames_dropped, 0);
		}
		/* A whole frame, from its first byte. */
		n = encode(&link, frame, sizeof(frame), wire, &seed);
		receive_split(&link, wire, n, &sink, &seed);
		assert_int_equal(in.count, 1);
		assert_memory_equal(in.frame, frame, sizeof(frame));
	}
}

static void one_frame_a_call(void **state)
{
	uint8_t rx[64];
	uint8_t buffer[1024];

	(void)state;
	for (unsigned int kind = DFUCAST_FRAMING_CONSOLE; kind <= DFUCAST_FRAMING_COBS; kind++) {
		struct dfucast_framing link;
		struct outgoing out = {.frame = echo_frame, .length = sizeof(echo_frame), .left = 2};
		struct dfucast_frame_source source = source_of(&out);

		dfucast_framing_init(&link, (enum dfucast_framing_kind)kind, rx, sizeof(rx));
		assert_true(dfucast_framing_send(&link, &source, buffer, sizeof(buffer)) > 0);
		assert_int_equal(out.done, 1);
		assert_true(dfucast_framing_send(&link, &source, buffer, sizeof(buffer)) > 0);
		assert_int_equal(out.done, 2);
		assert_int_equal(dfucast_framing_send(&link, &source, buffer, sizeof(buffer)), 0);
	}
}

static void random_bytes(void **state)
{
	/* Weighted towards what the decoders look for. */
	static const uint8_t likely[] = {0x06, 0x09, 0x04, 0x14, '\n', '\r', '=',
					 'A',  '/',  0x00, 0x01, 0x02, 0xFF};
	uint8_t rx[100];
	uint32_t seed = 0x5EED000A;

	(void)state;
	for (unsigned int kind = DFUCAST_FRAMING_CONSOLE; kind <= DFUCAST_FRAMING_COBS; kind++) {
		struct dfucast_framing link;
		struct incoming in = {0};
		struct dfucast_frame_sink sink = sink_of(&in);
		static uint8_t wire[WIRE_BYTES_MAX];
		unsigned int before;
		size_t n;

		dfucast_framing_init(&link, (enum dfucast_framing_kind)kind, rx, sizeof(rx));
		for (size_t i = 0; i < 400000; i++) {
			uint32_t r = random_next(&seed);
			uint8_t byte = (uint8_t)(r >> 8);

			if (r % 3 == 0)
				byte = likely[(r >> 8) % sizeof(likely)];
			dfucast_framing_recv(&link, &byte, 1, &sink);
		}
		if (kind != DFUCAST_FRAMING_RAW)
			assert_int_equal(link.noise_bytes, UINT16_MAX);
		assert_true(link.frames_dropped > 0);
		/* And still alive: with a delimiter or a silence in front, the next frame comes through. */
		if (kind == DFUCAST_FRAMING_RAW)
			dfucast_framing_rx_timeout(&link);
		else
			dfucast_framing_recv(&link, (const uint8_t *)"\n\0", 2, &sink);
		before = in.count;
		n = encode(&link, echo_frame, sizeof(echo_frame), wire, &seed);
		receive_split(&link, wire, n, &sink, &seed);
		assert_int_equal(in.count, before + 1);
		assert_memory_equal(in.frame, echo_frame, sizeof(echo_frame));
	}
}

static void dropped_frames_saturate(void **state)
{
	uint8_t rx[32];
	struct dfucast_framing link;
	struct incoming in = {0};
	struct dfucast_frame_sink sink = sink_of(&in);

	(void)state;
	dfucast_framing_init(&link, DFUCAST_FRAMING_CONSOLE, rx, sizeof(rx));
	for (unsigned int i = 0; i < 70000; i++)
		dfucast_framing_recv(&link, (const uint8_t *)"\x06\x09!", 3, &sink);
	assert_int_equal(link.frames_dropped, UINT16_MAX);
	assert_int_equal(link.noise_bytes, UINT16_MAX);
}

static void programmer_errors_assert(void **state)
{
	uint8_t rx[32];
	uint8_t buffer[DFUCAST_FRAMING_SEND_BYTES_MIN];
	struct dfucast_framing link;
	struct outgoing out = {.frame = echo_frame, .length = 7, .left = 1};
	struct dfucast_frame_source source = source_of(&out);

	(void)state;
	expect_assert_failure(dfucast_framing_init(&link, DFUCAST_FRAMING_RAW, rx, 11));
	expect_assert_failure(dfucast_framing_init(&link, (enum dfucast_framing_kind)3, rx, sizeof(rx)));
	dfucast_framing_init(&link, DFUCAST_FRAMING_RAW, rx, 12);
	expect_assert_failure((void)dfucast_framing_send(&link, &source, buffer, sizeof(buffer) - 1));
	expect_assert_failure((void)dfucast_framing_send(&link, &source, buffer, sizeof(buffer)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(crc_check_value),
	    cmocka_unit_test(golden_console),
	    cmocka_unit_test(golden_raw),
	    cmocka_unit_test(golden_cobs),
	    cmocka_unit_test(round_trips),
	    cmocka_unit_test(console_cut_otherwise),
	    cmocka_unit_test(console_lines_are_cut_as_zephyr_does),
	    cmocka_unit_test(console_frame_max),
	    cmocka_unit_test(cobs_matches_reference),
	    cmocka_unit_test(cobs_empty_last_block),
	    cmocka_unit_test(malformed_console),
	    cmocka_unit_test(malformed_cobs),
	    cmocka_unit_test(frames_at_the_capacity),
	    cmocka_unit_test(raw_skips_the_longest_frame_exactly),
	    cmocka_unit_test(raw_back_to_back),
	    cmocka_unit_test(timeout_brings_raw_back_into_step),
	    cmocka_unit_test(reset_forgets_both_half_frames),
	    cmocka_unit_test(one_frame_a_call),
	    cmocka_unit_test(random_bytes),
	    cmocka_unit_test(dropped_frames_saturate),
	    cmocka_unit_test(programmer_errors_assert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
