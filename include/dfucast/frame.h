/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Whole SMP frames between the core and whatever carries them (framing.h, ble.h, a datagram).
 *
 * Outgoing frames are never stored: they are rebuilt from a few bytes of state and the image ring each time
 * they are read, so a carrier reads any part of a begun frame as often as it likes.
 */
#ifndef DFUCAST_FRAME_H
#define DFUCAST_FRAME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where a carrier gets outgoing frames from. All three are called only from the carrier's send call. */
struct dfucast_frame_source {
	void *context;
	/** Length in bytes of the frame to send now, header included; 0: nothing to send. From a length until
	 *  `done`, the same frame stays begun and the same length is answered. */
	size_t (*begin)(void *context);
	/** Copies bytes [position, position + length) of the begun frame; always within its length. */
	void (*read)(void *context, size_t position, uint8_t *buffer, size_t length);
	/** The last byte has been handed to the wire. */
	void (*done)(void *context);
};

/** What receives whole frames. `frame` is valid only during the call; length >= 8 and equals 8 + the header's
 *  length field. */
struct dfucast_frame_sink {
	void *context;
	void (*frame)(void *context, const uint8_t *frame, size_t length);
};

#ifdef __cplusplus
}
#endif
#endif
