/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP frames in ATT values: fragments out, reassembly in, the shared pool, torn frames.
 */
#include <dfucast/ble.h>
#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FRAME_BYTES_MAX DFUCAST_BLE_FRAME_BYTES_MAX

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

static uint32_t random_next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* A frame with a payload that depends on the length and a tag, so that a mixed-up piece shows. */
static void make_frame(uint8_t *frame, size_t length, uint8_t tag)
{
	for (size_t i = 0; i < length; i++)
		frame[i] = (uint8_t)(i * 7u + tag + length);
	frame[0] = 0x09;
	frame[1] = 0;
	frame[2] = (uint8_t)((length - 8) >> 8);
	frame[3] = (uint8_t)(length - 8);
}

struct outgoing {
	const uint8_t *frame;
	size_t length;
	unsigned int left;
	unsigned int done;
	bool closed; /* its link is being closed: nothing can be begun, and nothing may be read */
};

static size_t outgoing_begin(void *context)
{
	const struct outgoing *out = context;

	return out->left > 0 && !out->closed ? out->length : 0;
}

static void outgoing_read(void *context, size_t position, uint8_t *buffer, size_t length)
{
	const struct outgoing *out = context;

	assert_false(out->closed);
	assert_true(position <= out->length && length <= out->length - position);
	memcpy(buffer, out->frame + position, length);
}

static void outgoing_done(void *context)
{
	struct outgoing *out = context;

	assert_true(out->left > 0);
	out->left--;
	out->done++;
}

/* A value that the stack does not take at first, and then takes. @return its length. */
static size_t try_twice(struct dfucast_ble_link *link, const struct dfucast_frame_source *source,
			uint8_t *value, size_t capacity)
{
	const struct outgoing *out = source->context;
	uint8_t refused[FRAME_BYTES_MAX];
	size_t length = dfucast_ble_send(link, source, refused, capacity);
	bool partial = dfucast_ble_tx_partial(link);
	unsigned int done = out->done;

	assert_int_equal(dfucast_ble_send(link, source, value, capacity), length);
	assert_memory_equal(value, refused, length);
	assert_int_equal(dfucast_ble_tx_partial(link), partial);
	assert_int_equal(out->done, done);
	if (length > 0)
		dfucast_ble_sent(link, source, length);
	return length;
}

struct incoming {
	unsigned int count;
	size_t length;
	const uint8_t *where;
	uint8_t frame[FRAME_BYTES_MAX];
};

static void incoming_frame(void *context, const uint8_t *frame, size_t length)
{
	struct incoming *in = context;

	assert_true(length >= 8 && length <= sizeof(in->frame));
	assert_int_equal(length, 8u + (size_t)frame[2] * 256u + frame[3]);
	memcpy(in->frame, frame, length);
	in->length = length;
	in->where = frame;
	in->count++;
}

static struct incoming in;
static const struct dfucast_frame_sink sink = {&in, incoming_frame};
static uint8_t frame[FRAME_BYTES_MAX + 16];

static void expect_frame(const uint8_t *expected, size_t length)
{
	assert_int_equal(in.count, 1);
	assert_int_equal(in.length, length);
	assert_memory_equal(in.frame, expected, length);
	in.count = 0;
}

static void uuids(void **state)
{
	/* Section 6.1: DA2E7828-FBCE-4E01-AE9E-261174997C48 and 8D53DC1D-1DB7-4CD3-868B-8A527460AA84, backwards. */
	static const char *const texts[] = {"8D53DC1D1DB74CD3868B8A527460AA84",
					    "DA2E7828FBCE4E01AE9E261174997C48"};
	const uint8_t *const uuid[] = {dfucast_ble_smp_service_uuid, dfucast_ble_smp_characteristic_uuid};
	static const char digits[] = "0123456789ABCDEF";

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < 16; i++) {
			assert_int_equal(digits[uuid[k][15 - i] >> 4], texts[k][2 * i]);
			assert_int_equal(digits[uuid[k][15 - i] & 15], texts[k][2 * i + 1]);
		}
	}
}

/* Section 6.1: first write >= 8 bytes, each write at most what is missing, never two frames in one write. */
static void send_cuts_at_capacity(void **state)
{
	static const size_t capacities[] = {8, 20, 182, 244, 495};
	struct dfucast_ble_link link = {0};

	(void)state;
	for (size_t c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
		for (size_t length = 8; length <= FRAME_BYTES_MAX; length++) {
			struct outgoing out = {.frame = frame, .length = length, .left = 2};
			const struct dfucast_frame_source source = {&out, outgoing_begin, outgoing_read,
								    outgoing_done};
			uint8_t value[495];

			make_frame(frame, length, 1);
			for (unsigned int round = 0; round < 2; round++) {
				size_t at = 0;

				while (at < length) {
					size_t n = try_twice(&link, &source, value, capacities[c]);
					size_t rest = length - at;

					assert_int_equal(n, rest < capacities[c] ? rest : capacities[c]);
					assert_memory_equal(value, frame + at, n);
					at += n;
					assert_int_equal(dfucast_ble_tx_partial(&link), at < length);
					assert_int_equal(out.done, round + (at == length));
				}
			}
			assert_int_equal(try_twice(&link, &source, value, capacities[c]), 0);
			assert_false(dfucast_ble_tx_partial(&link));
		}
	}
}

static void send_survives_a_changed_capacity(void **state)
{
	struct dfucast_ble_link link = {0};
	struct outgoing out = {.frame = frame, .length = 500, .left = 1};
	const struct dfucast_frame_source source = {&out, outgoing_begin, outgoing_read, outgoing_done};
	uint8_t value[500];

	(void)state;
	make_frame(frame, 500, 2);
	assert_int_equal(try_twice(&link, &source, value, 20), 20);
	assert_int_equal(try_twice(&link, &source, value + 20, 480), 480);
	assert_memory_equal(value, frame, 500);
	assert_int_equal(out.done, 1);
	/* Also between two tries of one value: only what was taken counts. */
	out.left = 1;
	assert_int_equal(dfucast_ble_send(&link, &source, value, 500), 500);
	assert_int_equal(try_twice(&link, &source, value, 8), 8);
	assert_int_equal(dfucast_ble_send(&link, &source, value + 8, 20), 20);
	assert_int_equal(try_twice(&link, &source, value + 8, 492), 492);
	assert_memory_equal(value, frame, 500);
	assert_int_equal(out.done, 2);
}

/* What was made and not taken is nothing yet: the frame may still be another one, or none. */
static void only_what_was_taken_counts(void **state)
{
	struct dfucast_ble_link link = {0};
	struct dfucast_ble_pool pool;
	struct outgoing out = {.frame = frame, .length = 100, .left = 2};
	const struct dfucast_frame_source source = {&out, outgoing_begin, outgoing_read, outgoing_done};
	uint8_t value[100];

	(void)state;
	dfucast_ble_pool_init(&pool, value, sizeof(value), 1);
	make_frame(frame, 100, 11);
	assert_int_equal(dfucast_ble_send(&link, &source, value, 60), 60);
	assert_false(dfucast_ble_tx_partial(&link));
	out.length = 50; /* the link went down and came up again before anything was taken: another frame */
	make_frame(frame, 50, 12);
	assert_int_equal(dfucast_ble_send(&link, &source, value, 60), 50);
	assert_memory_equal(value, frame, 50);
	assert_int_equal(out.done, 0);
	dfucast_ble_sent(&link, &source, 50);
	assert_int_equal(out.done, 1);
	assert_false(dfucast_ble_tx_partial(&link));
	/* Half of a frame is out when its link is closed: no more of it is read. */
	assert_int_equal(try_twice(&link, &source, value, 20), 20);
	assert_true(dfucast_ble_tx_partial(&link));
	assert_int_equal(dfucast_ble_send(&link, &source, value, 20), 20);
	out.closed = true;
	assert_int_equal(dfucast_ble_send(&link, &source, value, 20), 0);
	assert_true(dfucast_ble_tx_partial(&link));
	dfucast_ble_link_reset(&link, &pool);
	assert_false(dfucast_ble_tx_partial(&link));
	assert_int_equal(dfucast_ble_send(&link, &source, value, 20), 0);
	/* Open again: from the start. */
	out.closed = false;
	assert_int_equal(try_twice(&link, &source, value, 50), 50);
	assert_memory_equal(value, frame, 50);
	assert_int_equal(out.done, 2);
}

static void whole_frame_is_handed_on_in_place(void **state)
{
	struct dfucast_ble_link link = {0};
	struct dfucast_ble_pool pool;
	uint8_t memory[16];

	(void)state;
	dfucast_ble_pool_init(&pool, memory, 16, 1);
	pool.used = 1; /* even with no buffer, and a frame longer than one */
	for (size_t length = 8; length <= 495; length++) {
		make_frame(frame, length, 3);
		dfucast_ble_recv(&link, &pool, frame, length, &sink);
		assert_ptr_equal(in.where, frame);
		expect_frame(frame, length);
	}
	assert_int_equal(link.drops, 0);
	assert_int_equal(pool.used, 1);
}

/* Section 6.1: pieces of at most MTU - 3, maybe smaller; joined by the header's length. */
static void pieces_are_joined(void **state)
{
	struct dfucast_ble_link link = {0};
	struct dfucast_ble_pool pool;
	static uint8_t memory[FRAME_BYTES_MAX];
	uint32_t seed = 0x5EED0101;

	(void)state;
	dfucast_ble_pool_init(&pool, memory, sizeof(memory), 1);
	for (size_t length = 9; length <= FRAME_BYTES_MAX; length++) {
		size_t at = 0;

		make_frame(frame, length, (uint8_t)length);
		while (at < length) {
			size_t part = 8 + random_next(&seed) % 488;

			if (part >= length - at)
				part = at == 0 ? length - 1 : length - at;
			dfucast_ble_recv(&link, &pool, frame + at, part, &sink);
			dfucast_ble_recv(&link, &pool, frame, 0, &sink); /* an empty value is nothing */
			at += part;
			assert_int_equal(pool.used, at < length);
		}
		expect_frame(frame, length);
	}
	assert_int_equal(link.drops, 0);
}

static void links_share_the_pool(void **state)
{
	enum { LINK_COUNT = 10, LENGTH = 100 };
	struct dfucast_ble_link links[LINK_COUNT] = {0};
	struct dfucast_ble_pool pool;
	uint8_t memory[DFUCAST_BLE_POOL_COUNT_MAX * LENGTH];
	uint8_t frames[LINK_COUNT][LENGTH];

	(void)state;
	dfucast_ble_pool_init(&pool, memory, LENGTH, DFUCAST_BLE_POOL_COUNT_MAX);
	for (uint8_t i = 0; i < LINK_COUNT; i++) {
		make_frame(frames[i], LENGTH, i);
		dfucast_ble_recv(&links[i], &pool, frames[i], 40, &sink);
		assert_int_equal(links[i].drops, i >= 8);
	}
	assert_int_equal(pool.used, 0xFF);
	/* The two that found no buffer pass over exactly the rest, and then take a whole frame. */
	for (unsigned int i = 8; i < LINK_COUNT; i++) {
		dfucast_ble_recv(&links[i], &pool, frames[i] + 40, 59, &sink);
		dfucast_ble_recv(&links[i], &pool, frames[i] + 99, 1, &sink);
		assert_int_equal(in.count, 0);
		dfucast_ble_recv(&links[i], &pool, frames[i], LENGTH, &sink);
		expect_frame(frames[i], LENGTH);
		assert_int_equal(links[i].drops, 1);
	}
	/* A lost connection gives its buffer back, and another link takes it. */
	dfucast_ble_link_reset(&links[3], &pool);
	assert_int_equal(pool.used, 0xF7);
	dfucast_ble_recv(&links[8], &pool, frames[8], 40, &sink);
	assert_int_equal(pool.used, 0xFF);
	for (unsigned int i = 0; i <= 8; i++) {
		if (i == 3)
			continue;
		dfucast_ble_recv(&links[i], &pool, frames[i] + 40, 60, &sink);
		expect_frame(frames[i], LENGTH);
	}
	assert_int_equal(pool.used, 0);
}

static void reset_forgets_both_half_frames(void **state)
{
	struct dfucast_ble_link link = {0};
	struct dfucast_ble_pool pool;
	uint8_t memory[100];
	uint8_t value[20];
	struct outgoing out = {.frame = frame, .length = 100, .left = 1};
	const struct dfucast_frame_source source = {&out, outgoing_begin, outgoing_read, outgoing_done};

	(void)state;
	dfucast_ble_pool_init(&pool, memory, sizeof(memory), 1);
	dfucast_ble_link_reset(&link, &pool);
	make_frame(frame, 100, 4);
	assert_int_equal(try_twice(&link, &source, value, 20), 20);
	dfucast_ble_recv(&link, &pool, frame, 20, &sink);
	assert_true(dfucast_ble_tx_partial(&link));
	dfucast_ble_link_reset(&link, &pool);
	assert_false(dfucast_ble_tx_partial(&link));
	assert_int_equal(pool.used, 0);
	assert_int_equal(try_twice(&link, &source, value, 20), 20);
	assert_memory_equal(value, frame, 20);
	/* While a frame was being passed over, too. */
	pool.used = 1;
	dfucast_ble_recv(&link, &pool, frame, 20, &sink);
	dfucast_ble_link_reset(&link, &pool);
	dfucast_ble_recv(&link, &pool, frame, 100, &sink);
	expect_frame(frame, 100);
	/* The count of drops is the link's history: it stays. */
	assert_int_equal(link.drops, 1);
}

static void longer_than_a_buffer(void **state)
{
	struct dfucast_ble_link link = {0};
	struct dfucast_ble_pool pool;
	uint8_t memory[64];

	(void)state;
	dfucast_ble_pool_init(&pool, memory, sizeof(memory), 1);
	make_frame(frame, 64, 5);
	dfucast_ble_recv(&link, &pool, frame, 63, &sink);
	dfucast_ble_recv(&link, &pool, frame + 63, 1, &sink);
	expect_frame(frame, 64);
	make_frame(frame, 65, 5);
	dfucast_ble_recv(&link, &pool, frame, 20, &sink);
	assert_int_equal(pool.used, 0);
	dfucast_ble_recv(&link, &pool, frame + 20, 45, &sink);
	assert_int_equal(in.count, 0);
	assert_int_equal(link.drops, 1);
	/* The longest frame there can be, passed over in pieces of 20. */
	make_frame(frame, FRAME_BYTES_MAX, 5);
	for (size_t at = 0; at < FRAME_BYTES_MAX; at += 20)
		dfucast_ble_recv(&link, &pool, frame + at,
				 FRAME_BYTES_MAX - at < 20 ? FRAME_BYTES_MAX - at : 20, &sink);
	assert_int_equal(in.count, 0);
	assert_int_equal(link.drops, 2);
	make_frame(frame, 64, 6);
	dfucast_ble_recv(&link, &pool, frame, 64, &sink);
	expect_frame(frame, 64);
}

/* A header that promises more than any server has costs its own value and nothing behind it. */
static void longer_than_a_frame_can_be(void **state)
{
	static const uint32_t promised[] = {FRAME_BYTES_MAX + 1, FRAME_BYTES_MAX + 8, 0x8000, 8 + 0xFFFF};
	struct dfucast_ble_link link = {0};
	struct dfucast_ble_pool pool;
	static uint8_t memory[2 * FRAME_BYTES_MAX];
	uint8_t value[64];

	(void)state;
	dfucast_ble_pool_init(&pool, memory, 2 * FRAME_BYTES_MAX, 1);
	for (uint8_t i = 0; i < sizeof(promised) / sizeof(promised[0]); i++) {
		make_frame(value, sizeof(value), 13);
		value[2] = (uint8_t)((promised[i] - 8) >> 8);
		value[3] = (uint8_t)(promised[i] - 8);
		dfucast_ble_recv(&link, &pool, value, sizeof(value), &sink);
		assert_int_equal(in.count, 0);
		assert_int_equal(link.drops, 3 * i + 1);
		assert_int_equal(pool.used, 0);
		assert_int_equal(link.rx_rest, 0);
		make_frame(frame, 64, 14);
		dfucast_ble_recv(&link, &pool, frame, 64, &sink);
		expect_frame(frame, 64);
		/* The same where the next frame is found while another one is half here. */
		dfucast_ble_recv(&link, &pool, frame, 60, &sink);
		assert_int_equal(pool.used, 1);
		dfucast_ble_recv(&link, &pool, value, sizeof(value), &sink);
		assert_int_equal(pool.used, 0);
		assert_int_equal(link.drops, 3 * i + 3);
		dfucast_ble_recv(&link, &pool, frame, 64, &sink);
		expect_frame(frame, 64);
	}
	/* All of it in one value: no ATT value is that long, and it is garbage just the same. */
	frame[2] = (FRAME_BYTES_MAX + 1 - 8) >> 8;
	frame[3] = (uint8_t)(FRAME_BYTES_MAX + 1 - 8);
	dfucast_ble_recv(&link, &pool, frame, FRAME_BYTES_MAX + 1, &sink);
	assert_int_equal(in.count, 0);
	/* One byte less is a frame. */
	make_frame(frame, FRAME_BYTES_MAX, 15);
	dfucast_ble_recv(&link, &pool, frame, FRAME_BYTES_MAX - 1, &sink);
	dfucast_ble_recv(&link, &pool, frame + FRAME_BYTES_MAX - 1, 1, &sink);
	expect_frame(frame, FRAME_BYTES_MAX);
}

/* Values that break a rule of section 6.1. */
static void malformed(void **state)
{
	struct dfucast_ble_link link = {0};
	struct dfucast_ble_pool pool;
	uint8_t memory[200];
	uint8_t value[256];

	(void)state;
	dfucast_ble_pool_init(&pool, memory, sizeof(memory), 1);
	/* First piece shorter than a header. */
	make_frame(frame, 100, 7);
	for (uint8_t length = 1; length < 8; length++) {
		dfucast_ble_recv(&link, &pool, frame, length, &sink);
		assert_int_equal(link.drops, length);
		assert_int_equal(in.count, 0);
	}
	link.drops = 0;
	/* Fewer than 8 bytes behind a frame's end: ignored, in one value and in the last of several. */
	dfucast_ble_recv(&link, &pool, frame, 107, &sink);
	expect_frame(frame, 100);
	dfucast_ble_recv(&link, &pool, frame, 50, &sink);
	dfucast_ble_recv(&link, &pool, frame + 50, 57, &sink);
	expect_frame(frame, 100);
	assert_int_equal(link.drops, 0);
	/* Two frames in one value: the second is dropped. */
	make_frame(value, 20, 8);
	make_frame(value + 20, 8, 9);
	dfucast_ble_recv(&link, &pool, value, 28, &sink);
	expect_frame(value, 20);
	assert_int_equal(link.drops, 1);
	/* A torn frame: its last piece is lost, and the next frame comes where 10 bytes are missing. */
	make_frame(value, 40, 10);
	dfucast_ble_recv(&link, &pool, frame, 90, &sink);
	dfucast_ble_recv(&link, &pool, value, 40, &sink);
	expect_frame(value, 40);
	assert_int_equal(link.drops, 2);
	assert_int_equal(pool.used, 0);
	/* The same while it is passed over. */
	pool.used = 1;
	dfucast_ble_recv(&link, &pool, frame, 90, &sink);
	assert_int_equal(link.drops, 3);
	dfucast_ble_recv(&link, &pool, value, 40, &sink);
	expect_frame(value, 40);
	assert_int_equal(link.drops, 3);
	/* Fewer than 8 bytes behind the end of a frame that is passed over. */
	dfucast_ble_recv(&link, &pool, frame, 90, &sink);
	dfucast_ble_recv(&link, &pool, frame + 90, 17, &sink);
	assert_int_equal(in.count, 0);
	dfucast_ble_recv(&link, &pool, value, 40, &sink);
	expect_frame(value, 40);
	assert_int_equal(link.drops, 4);
	/* The count stays at its end. */
	for (unsigned int i = 0; i < 300; i++)
		dfucast_ble_recv(&link, &pool, value, 7, &sink);
	assert_int_equal(link.drops, UINT8_MAX);
}

static void random_values(void **state)
{
	enum { LINK_COUNT = 4 };
	struct dfucast_ble_link links[LINK_COUNT] = {0};
	struct dfucast_ble_pool pool;
	uint8_t memory[3 * 120];
	uint32_t seed = 0x5EED0102;

	(void)state;
	in.count = 0;
	dfucast_ble_pool_init(&pool, memory, 120, 3);
	for (unsigned int i = 0; i < 50000; i++) {
		struct dfucast_ble_link *link = &links[random_next(&seed) % LINK_COUNT];
		size_t length = random_next(&seed) % 60;
		uint8_t value[60];
		uint8_t held = 0;

		for (size_t k = 0; k < length; k++)
			value[k] = (uint8_t)(random_next(&seed) >> 9);
		/* Plausible lengths more often than chance has them. */
		if (length >= 4 && i % 4 != 0)
			value[2] = 0;
		dfucast_ble_recv(link, &pool, value, length, &sink);
		if (random_next(&seed) % 50 == 0)
			dfucast_ble_link_reset(link, &pool);
		/* Each taken buffer belongs to exactly one link. */
		for (unsigned int k = 0; k < LINK_COUNT; k++) {
			uint8_t bit = (uint8_t)(links[k].rx_slot == 0 ? 0 : 1u << (links[k].rx_slot - 1u));

			assert_int_equal(held & bit, 0);
			held |= bit;
		}
		assert_int_equal(held, pool.used);
	}
	assert_true(in.count > 100);
	in.count = 0;
}

static void programmer_errors_assert(void **state)
{
	struct dfucast_ble_pool pool;
	struct dfucast_ble_link link = {0};
	struct outgoing out = {.frame = frame, .length = 7, .left = 1};
	const struct dfucast_frame_source source = {&out, outgoing_begin, outgoing_read, outgoing_done};
	uint8_t memory[20];

	(void)state;
	expect_assert_failure(dfucast_ble_pool_init(&pool, memory, 20, 0));
	expect_assert_failure(dfucast_ble_pool_init(&pool, memory, 2, DFUCAST_BLE_POOL_COUNT_MAX + 1));
	expect_assert_failure(dfucast_ble_pool_init(&pool, memory, 7, 2));
	expect_assert_failure((void)dfucast_ble_send(&link, &source, memory, 7));
	expect_assert_failure((void)dfucast_ble_send(&link, &source, memory, 20));
	/* Taken: nothing, what was never made, more than there is, what a reset has voided. */
	out.length = 20;
	expect_assert_failure(dfucast_ble_sent(&link, &source, 20));
	assert_int_equal(dfucast_ble_send(&link, &source, memory, 20), 20);
	expect_assert_failure(dfucast_ble_sent(&link, &source, 0));
	expect_assert_failure(dfucast_ble_sent(&link, &source, 21));
	dfucast_ble_pool_init(&pool, memory, 20, 1);
	dfucast_ble_link_reset(&link, &pool);
	expect_assert_failure(dfucast_ble_sent(&link, &source, 20));
	/* Connected anew without a reset: the rest of the old frame belongs to nothing. */
	assert_int_equal(try_twice(&link, &source, memory, 19), 19);
	out.length = 12;
	expect_assert_failure((void)dfucast_ble_send(&link, &source, memory, 20));
	assert_int_equal(out.done, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uuids),
	    cmocka_unit_test(send_cuts_at_capacity),
	    cmocka_unit_test(send_survives_a_changed_capacity),
	    cmocka_unit_test(only_what_was_taken_counts),
	    cmocka_unit_test(whole_frame_is_handed_on_in_place),
	    cmocka_unit_test(pieces_are_joined),
	    cmocka_unit_test(links_share_the_pool),
	    cmocka_unit_test(reset_forgets_both_half_frames),
	    cmocka_unit_test(longer_than_a_buffer),
	    cmocka_unit_test(longer_than_a_frame_can_be),
	    cmocka_unit_test(malformed),
	    cmocka_unit_test(random_values),
	    cmocka_unit_test(programmer_errors_assert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
