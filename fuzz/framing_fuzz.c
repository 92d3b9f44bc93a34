/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Fuzzes the framings' decoders. Input: one byte for the framing, one for how the rest is split, then wire bytes.
 *
 * Checked: every frame is as long as its header says and fits the buffer; it encodes, and what is encoded
 * decodes to the same frame; counters only grow; the frames are the same in any split.
 */
#include <dfucast/framing.h>
#include <dfucast/port.h>
#include <stdlib.h>
#include <string.h>

#define RX_BYTES 300u

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	abort();
}

static void check(bool condition)
{
	if (!condition)
		abort();
}

struct received {
	enum dfucast_framing_kind kind;
	const uint8_t *expected; /* NULL: any frame */
	size_t length;
	unsigned int count;
	uint32_t sum; /* over all frames, to compare two runs */
};

static size_t frame_begin(void *context)
{
	return ((const struct received *)context)->length;
}

static void frame_read(void *context, size_t position, uint8_t *buffer, size_t length)
{
	const struct received *frame = context;

	check(position <= frame->length && length <= frame->length - position);
	memcpy(buffer, frame->expected + position, length);
}

static void frame_done(void *context)
{
	((struct received *)context)->count++;
}

static void check_same(void *context, const uint8_t *frame, size_t length)
{
	struct received *expected = context;

	check(length == expected->length && memcmp(frame, expected->expected, length) == 0);
	expected->sum++;
}

/* There and back again. */
static void round_trip(enum dfucast_framing_kind kind, const uint8_t *frame, size_t length)
{
	struct received out = {.expected = frame, .length = length};
	const struct dfucast_frame_source source = {&out, frame_begin, frame_read, frame_done};
	const struct dfucast_frame_sink sink = {&out, check_same};
	struct dfucast_framing link;
	uint8_t rx[RX_BYTES];
	uint8_t wire[DFUCAST_FRAMING_SEND_BYTES_MIN];

	dfucast_framing_init(&link, kind, rx, sizeof(rx));
	while (out.count == 0) {
		size_t n = dfucast_framing_send(&link, &source, wire, sizeof(wire));

		check(n > 0 && n <= sizeof(wire));
		dfucast_framing_recv(&link, wire, n, &sink);
	}
	check(out.sum == 1);
	check(link.noise_bytes == 0 && link.frames_dropped == 0);
}

static void take(void *context, const uint8_t *frame, size_t length)
{
	struct received *in = context;

	check(length >= 8 && length <= RX_BYTES - 4);
	check(length == 8u + (size_t)frame[2] * 256u + frame[3]);
	in->count++;
	in->sum = in->sum * 31u + dfucast_crc16((uint16_t)length, frame, length);
	round_trip(in->kind, frame, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dfucast_framing link;
	struct dfucast_framing whole;
	struct received in = {0};
	struct received in_whole = {0};
	const struct dfucast_frame_sink sink = {&in, take};
	const struct dfucast_frame_sink sink_whole = {&in_whole, take};
	uint8_t rx[RX_BYTES];
	uint8_t rx_whole[RX_BYTES];

	if (size < 2)
		return 0;
	in.kind = in_whole.kind = (enum dfucast_framing_kind)(data[0] % 3);
	dfucast_framing_init(&link, in.kind, rx, sizeof(rx));
	dfucast_framing_init(&whole, in.kind, rx_whole, sizeof(rx_whole));
	dfucast_framing_recv(&whole, data + 2, size - 2, &sink_whole);
	for (size_t at = 2; at < size;) {
		size_t part = 1 + (at * data[1]) % 17;
		uint16_t noise = link.noise_bytes;
		uint16_t dropped = link.frames_dropped;

		if (part > size - at)
			part = size - at;
		dfucast_framing_recv(&link, data + at, part, &sink);
		check(link.noise_bytes >= noise && link.frames_dropped >= dropped);
		at += part;
	}
	check(in.count == in_whole.count && in.sum == in_whole.sum);
	check(link.noise_bytes == whole.noise_bytes && link.frames_dropped == whole.frames_dropped);
	check(dfucast_framing_rx_partial(&link) == dfucast_framing_rx_partial(&whole));
	return 0;
}
