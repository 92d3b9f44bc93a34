/* SPDX-License-Identifier: Apache-2.0 */
/* The image window: a ring addressed by image offset. */
#include <dfucast/port.h>
#include <dfucast/ring.h>
#include <string.h>

void dfucast_ring_move(struct dfucast_ring *ring, uint32_t offset)
{
	if (offset - ring->tail > ring->head - ring->tail) {
		ring->origin = offset;
		ring->head = offset;
	}
	ring->tail = offset;
}

/* Index in memory of an image offset inside [tail, head]. */
static uint32_t index_of(const struct dfucast_ring *ring, uint32_t offset)
{
	return (offset - ring->origin) % ring->size;
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
