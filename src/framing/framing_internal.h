/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Shared by the three framings: how a codec looks to framing.c, and what they all do with a frame.
 */
#ifndef DFUCAST_FRAMING_INTERNAL_H
#define DFUCAST_FRAMING_INTERNAL_H

#include <dfucast/framing.h>
#include <dfucast/port.h>

/**
 * Which framings are built in, one bit for each enum dfucast_framing_kind. A gateway with one host link sets
 * this to the one it speaks, and the linker throws the others away.
 */
#ifndef DFUCAST_FRAMING_KINDS
#define DFUCAST_FRAMING_KINDS 0x7
#endif

#define DFUCAST_SMP_HEADER_BYTES 8u
#define DFUCAST_FRAMING_CRC_BYTES 2u
#define DFUCAST_FRAMING_LENGTH_BYTES 2u

/** Most bytes a frame's transport adds in the assembly buffer: length in front, CRC behind. */
#define DFUCAST_FRAMING_EXTRA_BYTES (DFUCAST_FRAMING_LENGTH_BYTES + DFUCAST_FRAMING_CRC_BYTES)

/** Receiver, between bytes. Zero after a reset. */
enum dfucast_framing_rx {
	DFUCAST_FRAMING_RX_IDLE,  /**< waits for the start of a frame */
	DFUCAST_FRAMING_RX_FRAME, /**< rx_have bytes of one are here */
	DFUCAST_FRAMING_RX_SKIP,  /**< passes over the rest of a frame that was dropped */
};

struct dfucast_framing_codec {
	/**
	 * Writes the next bytes of the begun frame: as many whole lines or blocks as fit. Sets tx_length to 0
	 * once the last byte is written. @return bytes written, never 0.
	 */
	size_t (*encode)(struct dfucast_framing *link, const struct dfucast_frame_source *source,
			 uint8_t *buffer, size_t capacity);
	void (*decode)(struct dfucast_framing *link, const uint8_t *bytes, size_t length,
		       const struct dfucast_frame_sink *sink);
};

extern const struct dfucast_framing_codec dfucast_framing_console;
extern const struct dfucast_framing_codec dfucast_framing_raw;
extern const struct dfucast_framing_codec dfucast_framing_cobs;

/** Counts bytes that belong to no frame. */
void dfucast_framing_count_noise(struct dfucast_framing *link, size_t count);

/** Gives up the frame being received and counts it, and the bytes it had been decoded to. */
void dfucast_framing_drop(struct dfucast_framing *link);

/**
 * Ends the frame in rx[0 … rx_have): two bytes, the SMP frame, its CRC. Hands it to @p sink when CRC and
 * header agree with what came, or else drops it.
 */
void dfucast_framing_finish(struct dfucast_framing *link, const struct dfucast_frame_sink *sink);

#endif
