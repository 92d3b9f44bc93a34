/* SPDX-License-Identifier: Apache-2.0 */
/* The image window: a ring addressed by image offset. */
#include <dfucast/port.h>
#include <dfucast/ring.h>
#include <string.h>

void dfucast_ring_init(struct dfucast_ring *ring, uint8_t *memory, uint32_t size)
{
	DFUCAST_ASSERT(memory != NULL);
	DFUCAST_ASSERT(size > 0);
	memset(ring, 0, sizeof(*ring));
	ring->memory = memory;
	ring->size = size;
}

void dfucast_ring_restart(struct dfucast_ring *ring, uint32_t offset)
{
	ring->tail = offset;
	ring->head = offset;
	ring->start = 0;
}

uint32_t dfucast_ring_free(const struct dfucast_ring *ring)
{
	return ring->size - (ring->head - ring->tail);
}

/* Index in memory of an image offset inside [tail, head]; never adds past 2^32 even with a 4 GiB ring. */
static uint32_t index_of(const struct dfucast_ring *ring, uint32_t offset)
{
	uint32_t ahead = offset - ring->tail;
	uint32_t to_end = ring->size - ring->start;

	return ahead < to_end ? ring->start + ahead : ahead - to_end;
}

uint32_t dfucast_ring_write(struct dfucast_ring *ring, const uint8_t *bytes, uint32_t length)
{
	uint32_t room = dfucast_ring_free(ring);

	if (length > room) {
		length = room;
	}
	if (length == 0) {
		return 0;
	}
	uint32_t at = index_of(ring, ring->head);
	uint32_t first = ring->size - at;

	if (first > length) {
		first = length;
	}
	memcpy(ring->memory + at, bytes, first);
	memcpy(ring->memory, bytes + first, length - first);
	ring->wraps += at + first == ring->size; /* also when the write ends exactly there */
	ring->head += length;
	return length;
}

void dfucast_ring_read(const struct dfucast_ring *ring, uint32_t offset, uint8_t *buffer, uint32_t length)
{
	DFUCAST_ASSERT(offset - ring->tail <= ring->head - ring->tail);
	DFUCAST_ASSERT(length <= ring->head - offset);
	if (length == 0) {
		return;
	}
	uint32_t at = index_of(ring, offset);
	uint32_t first = ring->size - at;

	if (first > length) {
		first = length;
	}
	memcpy(buffer, ring->memory + at, first);
	memcpy(buffer + first, ring->memory, length - first);
}

void dfucast_ring_drop(struct dfucast_ring *ring, uint32_t offset)
{
	DFUCAST_ASSERT(offset - ring->tail <= ring->head - ring->tail);
	ring->start = index_of(ring, offset);
	ring->tail = offset;
}
