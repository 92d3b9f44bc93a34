/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The image window: bytes [tail, head) of the image in a ring of the caller's memory. Written at the head in
 * order, read anywhere inside, dropped from the tail. Offsets are image offsets, never positions in memory.
 */
#ifndef DFUCAST_RING_H
#define DFUCAST_RING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Empty with memory and size alone, all else 0. */
struct dfucast_ring {
	uint8_t *memory;
	uint32_t size; /**< bytes, any number >= 1 */
	uint32_t tail; /**< image offset of the first byte held */
	uint32_t head; /**< image offset after the last byte held; head - tail <= size */
	uint32_t
	    origin; /**< image offset of the first byte written when it was last empty; at index 0 of memory */
	uint32_t wraps; /**< times writing came to the end of memory, for tests and reports */
};

/** Begins at @p offset from now on: keeps what it holds from there on; outside [tail, head]: empties it. */
void dfucast_ring_move(struct dfucast_ring *ring, uint32_t offset);
static inline uint32_t dfucast_ring_free(const struct dfucast_ring *ring)
{
	return ring->size - (ring->head - ring->tail);
}
/** Appends at the head; takes at most what is free. @return bytes taken */
uint32_t dfucast_ring_write(struct dfucast_ring *ring, const uint8_t *bytes, uint32_t length);
/** Copies [offset, offset + length), which must lie within [tail, head). */
void dfucast_ring_read(const struct dfucast_ring *ring, uint32_t offset, uint8_t *buffer, uint32_t length);

#ifdef __cplusplus
}
#endif
#endif
