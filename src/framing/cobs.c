/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * COBS framing: COBS(frame, CRC-16 big endian) and a zero byte (spec section 6.3).
 *
 * A block is a code 1 … 255 and code - 1 bytes without zero; after each block whose code is not 255 stands a
 * zero in the data, except after the last. So a zero on the wire always ends a message.
 */
#include "framing_internal.h"

#include "../util/bytes.h"

#define RUN_BYTES_MAX 254u

/** rx_quad: bytes still to come of the block, and whether a zero is due before the next block. */
#define RUN_LEFT 0xFFu
#define ZERO_DUE 0x100u

/** Frame bytes read from the source at a time: bounds the stack. */
#define PIECE_BYTES 32u

/** Notes that everything before @p position is on its way: the next call goes on from there. */
static void commit(struct dfucast_framing *link, size_t position, uint16_t crc)
{
	link->tx_position = (uint16_t)position;
	link->tx_crc = crc;
}

static size_t encode(struct dfucast_framing *link, const struct dfucast_frame_source *source, uint8_t *buffer,
		     size_t capacity)
{
	uint8_t piece[PIECE_BYTES];
	size_t end = (size_t)link->tx_length + DFUCAST_FRAMING_CRC_BYTES;
	size_t position = link->tx_position;
	size_t piece_at = 0; /* the piece holds message bytes [piece_at, piece_end) */
	size_t piece_end = 0;
	size_t code_at = 0; /* where the open block's code goes */
	size_t used = 1;
	uint16_t crc = link->tx_crc;

	/* A block that doesn't fit any more is begun again in the next call. There it fits: 254 bytes, a code and
	 * the delimiter are less than the least capacity. */
	while (used < capacity) {
		uint8_t byte;

		if (position == end) {
			buffer[code_at] = (uint8_t)(used - code_at);
			buffer[used++] = 0;
			link->tx_length = 0;
			return used;
		}
		if (used - code_at > RUN_BYTES_MAX) {
			buffer[code_at] = (uint8_t)(used - code_at);
			code_at = used++;
			commit(link, position, crc);
			continue;
		}
		if (position < link->tx_length) {
			if (position >= piece_end) {
				size_t rest = link->tx_length - position;

				piece_at = position;
				piece_end = position + (rest < PIECE_BYTES ? rest : PIECE_BYTES);
				source->read(source->context, position, piece, piece_end - piece_at);
			}
			byte = piece[position - piece_at];
			crc = dfucast_crc16(crc, &byte, 1);
		} else {
			byte = (uint8_t)(position == link->tx_length ? crc >> 8 : crc);
		}
		position++;
		if (byte != 0) {
			buffer[used++] = byte;
		} else {
			buffer[code_at] = (uint8_t)(used - code_at);
			code_at = used++;
			commit(link, position, crc);
		}
	}
	return code_at;
}

static bool push(struct dfucast_framing *link, uint8_t byte)
{
	if (link->rx_have == link->rx_capacity)
		return false;
	link->rx[link->rx_have++] = byte;
	return true;
}

/** A byte that is not zero. @return false when the message outgrows the buffer. */
static bool take(struct dfucast_framing *link, uint8_t byte)
{
	bool fits = true;

	if ((link->rx_quad & RUN_LEFT) != 0) {
		link->rx_quad--;
		return push(link, byte);
	}
	if ((link->rx_quad & ZERO_DUE) != 0)
		fits = push(link, 0);
	link->rx_quad = byte - 1u;
	if (byte != 0xFF)
		link->rx_quad |= ZERO_DUE;
	return fits;
}

static void decode(struct dfucast_framing *link, const uint8_t *bytes, size_t length,
		   const struct dfucast_frame_sink *sink)
{
	for (size_t i = 0; i < length; i++) {
		bool whole = (link->rx_quad & RUN_LEFT) == 0;

		if (link->rx_state == DFUCAST_FRAMING_RX_SKIP) {
			dfucast_framing_count_noise(link, 1);
			if (bytes[i] == 0)
				link->rx_state = DFUCAST_FRAMING_RX_IDLE;
		} else if (bytes[i] != 0) {
			if (link->rx_state == DFUCAST_FRAMING_RX_IDLE) {
				link->rx_state = DFUCAST_FRAMING_RX_FRAME;
				/* The frame lies where the console's would, behind a length. */
				link->rx_have = DFUCAST_FRAMING_LENGTH_BYTES;
				link->rx_quad = 0;
			}
			if (!take(link, bytes[i])) {
				dfucast_framing_drop(link);
				link->rx_state = DFUCAST_FRAMING_RX_SKIP;
			}
		} else if (link->rx_state == DFUCAST_FRAMING_RX_FRAME) {
			if (whole)
				dfucast_framing_finish(link, sink);
			else
				dfucast_framing_drop(link);
		}
	}
}

const struct dfucast_framing_codec dfucast_framing_cobs = {.encode = encode, .decode = decode};
