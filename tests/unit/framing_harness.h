/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Both ends of a framing under test: a source and a sink that check the contract of frame.h, and ways to send
 * and receive in random pieces.
 */
#ifndef DFUCAST_TESTS_FRAMING_HARNESS_H
#define DFUCAST_TESTS_FRAMING_HARNESS_H

#include <dfucast/framing.h>
#include <string.h>

#include "framing_reference.h"

#define RX_BYTES (FRAME_BYTES_MAX + 4u)
#define WIRE_BYTES_MAX 8192u

/* xorshift32: the same bytes in every run. */
static uint32_t random_next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* One outgoing frame, and how often it was asked for. */
struct outgoing {
	const uint8_t *frame;
	size_t length;
	unsigned int left; /* how many times the frame is still to be sent */
	unsigned int done;
	bool begun;
};

static size_t outgoing_begin(void *context)
{
	struct outgoing *out = context;

	assert_false(out->begun);
	if (out->left == 0)
		return 0;
	out->begun = true;
	return out->length;
}

static void outgoing_read(void *context, size_t position, uint8_t *buffer, size_t length)
{
	struct outgoing *out = context;

	assert_true(out->begun);
	assert_true(position <= out->length && length <= out->length - position);
	memcpy(buffer, out->frame + position, length);
}

static void outgoing_done(void *context)
{
	struct outgoing *out = context;

	assert_true(out->begun);
	out->begun = false;
	out->left--;
	out->done++;
}

static struct dfucast_frame_source source_of(struct outgoing *out)
{
	return (struct dfucast_frame_source){out, outgoing_begin, outgoing_read, outgoing_done};
}

struct incoming {
	unsigned int count;
	size_t length;
	uint8_t frame[FRAME_BYTES_MAX];
};

static void incoming_frame(void *context, const uint8_t *frame, size_t length)
{
	struct incoming *in = context;

	assert_true(length >= 8 && length <= sizeof(in->frame));
	assert_int_equal(length, 8u + (size_t)frame[2] * 256u + frame[3]);
	memcpy(in->frame, frame, length);
	in->length = length;
	in->count++;
}

static struct dfucast_frame_sink sink_of(struct incoming *in)
{
	return (struct dfucast_frame_sink){in, incoming_frame};
}

/* A frame of a length with a header that says so; mode: what the payload is like. */
static void make_frame(uint8_t *frame, size_t length, unsigned int mode, uint32_t *seed)
{
	for (size_t i = 0; i < length; i++) {
		uint32_t r = random_next(seed) >> 7;

		frame[i] = (uint8_t)(mode == 0 ? r : mode == 1 ? 0 : mode == 2 ? 1 + r % 255 : r % 8 == 0);
	}
	frame[0] = 0x0A;
	frame[2] = (uint8_t)((length - 8) >> 8);
	frame[3] = (uint8_t)(length - 8);
}

/* Sends one frame in calls of a random capacity. */
static size_t encode(struct dfucast_framing *link, const uint8_t *frame, size_t length, uint8_t *wire,
		     uint32_t *seed)
{
	struct outgoing out = {.frame = frame, .length = length, .left = 1};
	struct dfucast_frame_source source = source_of(&out);
	size_t used = 0;

	while (out.done == 0) {
		uint8_t buffer[1024];
		size_t capacity = DFUCAST_FRAMING_SEND_BYTES_MIN + random_next(seed) % 600;
		size_t n = dfucast_framing_send(link, &source, buffer, capacity);

		assert_true(n > 0 && n <= capacity);
		assert_true(used + n <= WIRE_BYTES_MAX);
		memcpy(wire + used, buffer, n);
		used += n;
	}
	assert_int_equal(out.done, 1);
	return used;
}

static void receive_split(struct dfucast_framing *link, const uint8_t *wire, size_t length,
			  const struct dfucast_frame_sink *sink, uint32_t *seed)
{
	while (length > 0) {
		size_t part = 1 + random_next(seed) % (random_next(seed) % 4 == 0 ? 3 : 300);

		if (part > length)
			part = length;
		dfucast_framing_recv(link, wire, part, sink);
		wire += part;
		length -= part;
	}
}

/* The frame is sent as exactly these bytes, and they are received one by one as that frame. */
static inline void expect_wire(enum dfucast_framing_kind kind, const uint8_t *frame, size_t length,
			       const void *wire, size_t wire_length)
{
	static uint8_t rx[RX_BYTES];
	struct dfucast_framing link;
	struct incoming in = {0};
	struct dfucast_frame_sink sink = sink_of(&in);
	struct outgoing out = {.frame = frame, .length = length, .left = 1};
	struct dfucast_frame_source source = source_of(&out);
	uint8_t buffer[512];

	dfucast_framing_init(&link, kind, rx, sizeof(rx));
	assert_int_equal(dfucast_framing_send(&link, &source, buffer, sizeof(buffer)), wire_length);
	assert_memory_equal(buffer, wire, wire_length);
	assert_int_equal(out.done, 1);
	assert_int_equal(dfucast_framing_send(&link, &source, buffer, sizeof(buffer)), 0);

	for (size_t i = 0; i < wire_length; i++) {
		assert_int_equal(in.count, 0);
		dfucast_framing_recv(&link, (const uint8_t *)wire + i, 1, &sink);
	}
	assert_int_equal(in.count, 1);
	assert_int_equal(in.length, length);
	assert_memory_equal(in.frame, frame, length);
	assert_int_equal(link.noise_bytes, 0);
	assert_int_equal(link.frames_dropped, 0);
	assert_false(dfucast_framing_rx_partial(&link));
}

#endif
