/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP frames in ATT values: fragments out, reassembly in (spec section 6.1).
 *
 * A stock server never puts bytes of two frames into one notification. So bytes behind a frame's end are
 * padding when they are too few for a header; when they are more, a piece of the frame was lost on the way
 * and the value that seemed to end it begins the next one.
 */
#include <dfucast/ble.h>
#include <dfucast/port.h>

#include "../util/bytes.h"

#include <string.h>

#define HEADER_BYTES 8u

const uint8_t dfucast_ble_smp_service_uuid[16] = {0x84, 0xAA, 0x60, 0x74, 0x52, 0x8A, 0x8B, 0x86,
						  0xD3, 0x4C, 0xB7, 0x1D, 0x1D, 0xDC, 0x53, 0x8D};
const uint8_t dfucast_ble_smp_characteristic_uuid[16] = {0x48, 0x7C, 0x99, 0x74, 0x11, 0x26, 0x9E, 0xAE,
							 0x01, 0x4E, 0xCE, 0xFB, 0x28, 0x78, 0x2E, 0xDA};

void dfucast_ble_pool_init(struct dfucast_ble_pool *pool, uint8_t *memory, uint16_t bytes_each, uint8_t count)
{
	DFUCAST_ASSERT(count >= 1 && count <= DFUCAST_BLE_POOL_COUNT_MAX);
	DFUCAST_ASSERT(bytes_each >= HEADER_BYTES);
	*pool = (struct dfucast_ble_pool){.memory = memory, .bytes_each = bytes_each, .count = count};
}

static void release(struct dfucast_ble_link *link, struct dfucast_ble_pool *pool)
{
	if (link->rx_slot != 0)
		pool->used = (uint8_t)(pool->used & ~(1u << (link->rx_slot - 1u)));
	link->rx_slot = 0;
}

void dfucast_ble_link_reset(struct dfucast_ble_link *link, struct dfucast_ble_pool *pool)
{
	release(link, pool);
	*link = (struct dfucast_ble_link){.drops = link->drops};
}

bool dfucast_ble_tx_partial(const struct dfucast_ble_link *link)
{
	return link->tx_position != 0;
}

size_t dfucast_ble_send(struct dfucast_ble_link *link, const struct dfucast_frame_source *source,
			uint8_t *value, size_t capacity)
{
	size_t length;

	DFUCAST_ASSERT(capacity >= HEADER_BYTES);
	/* Asked for each value: a frame whose link was closed meanwhile is not there any more and must not be read. */
	length = source->begin(source->context);
	if (length == 0)
		return 0;
	DFUCAST_ASSERT(length >= HEADER_BYTES && length <= UINT16_MAX && length > link->tx_position);
	link->tx_length = (uint16_t)length;
	length -= link->tx_position;
	if (length > capacity)
		length = capacity;
	source->read(source->context, link->tx_position, value, length);
	return length;
}

void dfucast_ble_sent(struct dfucast_ble_link *link, const struct dfucast_frame_source *source, size_t length)
{
	DFUCAST_ASSERT(length > 0 && length <= (size_t)(link->tx_length - link->tx_position));
	link->tx_position = (uint16_t)(link->tx_position + length);
	if (link->tx_position == link->tx_length) {
		link->tx_position = link->tx_length = 0;
		source->done(source->context);
	}
}

static void count_drop(struct dfucast_ble_link *link)
{
	if (link->drops < UINT8_MAX)
		link->drops++;
}

static size_t frame_length(const uint8_t *header)
{
	return HEADER_BYTES + (size_t)dfucast_get_be16(header + 2);
}

/** The first @p length bytes of a frame of @p need bytes: takes a buffer for them, or passes the frame over. */
static void take_first(struct dfucast_ble_link *link, struct dfucast_ble_pool *pool, const uint8_t *value,
		       size_t length, size_t need)
{
	unsigned int slot = 0;

	link->rx_rest = (uint16_t)(need - length);
	while ((pool->used & 1u << slot) != 0)
		slot++;
	if (slot >= pool->count || need > pool->bytes_each) {
		count_drop(link);
		return;
	}
	pool->used = (uint8_t)(pool->used | 1u << slot);
	link->rx_slot = (uint8_t)(slot + 1);
	link->rx_have = (uint16_t)length;
	memcpy(pool->memory + (size_t)slot * pool->bytes_each, value, length);
}

/** A value while a frame is half here or half passed over. @return false when it is no part of that frame. */
static bool take_next(struct dfucast_ble_link *link, struct dfucast_ble_pool *pool, const uint8_t *value,
		      size_t length, const struct dfucast_frame_sink *sink)
{
	size_t rest = link->rx_rest;
	size_t part = length < rest ? length : rest;
	uint8_t *frame;

	link->rx_rest = (uint16_t)(rest - part);
	if (length >= rest + HEADER_BYTES) {
		/* A frame passed over was counted at its start. */
		if (link->rx_slot != 0)
			count_drop(link);
		release(link, pool);
		return false;
	}
	if (link->rx_slot == 0)
		return true;
	frame = pool->memory + (size_t)(link->rx_slot - 1u) * pool->bytes_each;
	memcpy(frame + link->rx_have, value, part);
	link->rx_have = (uint16_t)(link->rx_have + part);
	if (part == rest) {
		/* The buffer is given back first but stays whole: nobody else runs before the sink returns. */
		release(link, pool);
		sink->frame(sink->context, frame, link->rx_have);
	}
	return true;
}

void dfucast_ble_recv(struct dfucast_ble_link *link, struct dfucast_ble_pool *pool, const uint8_t *value,
		      size_t length, const struct dfucast_frame_sink *sink)
{
	size_t need;

	if (length == 0)
		return;
	if (link->rx_rest != 0 && take_next(link, pool, value, length, sink))
		return;
	need = length < HEADER_BYTES ? SIZE_MAX : frame_length(value);
	if (need > DFUCAST_BLE_FRAME_BYTES_MAX || length >= need + HEADER_BYTES)
		count_drop(link);
	if (need > DFUCAST_BLE_FRAME_BYTES_MAX)
		return;
	if (length < need)
		take_first(link, pool, value, length, need);
	else
		sink->frame(sink->context, value, need);
}
