/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Fuzzes reassembly on three links that share two buffers. Input: records of link (and a bit for reset), value
 * length, value.
 *
 * Checked: every frame is as long as its header says; a frame that came in one value is handed on in place;
 * every taken buffer belongs to exactly one link; no link passes over more than the longest frame there can be.
 */
#include <dfucast/ble.h>
#include <dfucast/port.h>
#include <stdlib.h>
#include <string.h>

#define LINK_COUNT 3u
#define BUFFER_COUNT 2u
#define BUFFER_BYTES 80u

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

struct receiver {
	const uint8_t *value;
	size_t value_length;
	const uint8_t *memory;
};

static void take(void *context, const uint8_t *frame, size_t length)
{
	const struct receiver *in = context;
	size_t offset;

	check(length >= 8 && length == 8u + (size_t)frame[2] * 256u + frame[3]);
	if (frame == in->value) {
		check(length <= in->value_length);
		return;
	}
	offset = (size_t)(frame - in->memory);
	check(offset % BUFFER_BYTES == 0 && offset < BUFFER_COUNT * BUFFER_BYTES && length <= BUFFER_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dfucast_ble_link links[LINK_COUNT] = {0};
	struct dfucast_ble_pool pool;
	uint8_t memory[BUFFER_COUNT * BUFFER_BYTES];
	struct receiver in = {.memory = memory};
	const struct dfucast_frame_sink sink = {&in, take};

	dfucast_ble_pool_init(&pool, memory, BUFFER_BYTES, BUFFER_COUNT);
	while (size >= 2) {
		struct dfucast_ble_link *link = &links[data[0] % LINK_COUNT];
		bool reset = (data[0] & 0x80) != 0;
		size_t length = data[1];
		uint8_t *copy;
		uint8_t taken = 0;

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		/* A copy of exactly this size, so that a read behind it is found. */
		copy = malloc(length + (length == 0));
		check(copy != NULL);
		if (length > 0)
			memcpy(copy, data, length);
		in.value = copy;
		in.value_length = length;
		dfucast_ble_recv(link, &pool, copy, length, &sink);
		free(copy);
		if (reset)
			dfucast_ble_link_reset(link, &pool);
		for (size_t i = 0; i < LINK_COUNT; i++) {
			uint8_t slot = links[i].rx_slot;
			uint8_t bit = (uint8_t)(slot == 0 ? 0 : 1u << (slot - 1u));

			check(slot <= BUFFER_COUNT && (taken & bit) == 0);
			check(slot == 0 || (links[i].rx_have >= 8 && links[i].rx_have < BUFFER_BYTES));
			check(slot == 0 ||
			      (links[i].rx_rest != 0 && links[i].rx_have + links[i].rx_rest <= BUFFER_BYTES));
			check(links[i].rx_rest <= DFUCAST_BLE_FRAME_BYTES_MAX - 8);
			taken |= bit;
		}
		check(taken == pool.used);
		data += length;
		size -= length;
	}
	return 0;
}
