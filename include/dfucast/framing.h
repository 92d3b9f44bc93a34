/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP frames on a byte stream (UART, USB CDC, a pty, TCP): three framings, each sans-IO in both directions.
 *
 * - console: base64 lines of at most 127 bytes with CRC-16, between log lines (`06 09` first line, `04 14`
 *   continuation). Zephyr's MCUMGR_TRANSPORT_UART / _SHELL and MCUboot serial recovery.
 * - raw: frames back to back, boundary from the header's length. Zephyr 4.4 MCUMGR_TRANSPORT_RAW_UART.
 * - cobs: COBS(frame, CRC-16 big endian), 00.
 *
 * One struct dfucast_framing per link, in the caller's memory, for one context.
 */
#ifndef DFUCAST_FRAMING_H
#define DFUCAST_FRAMING_H

#include <dfucast/frame.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dfucast_framing_kind {
	DFUCAST_FRAMING_CONSOLE,
	DFUCAST_FRAMING_RAW,
	DFUCAST_FRAMING_COBS,
};

/** The smallest buffer that dfucast_framing_send() accepts: one COBS block and its delimiters, or one console line. */
#define DFUCAST_FRAMING_SEND_BYTES_MIN 257u

/** Frame bytes one console line of 127 bytes carries: 93, less the length on the first line. */
#define DFUCAST_CONSOLE_LINE_BYTES 127u

/** Opaque to callers, but for the counters at the end, which they may read and clear. */
struct dfucast_framing {
	uint8_t *rx; /**< assembly buffer, the caller's; one whole frame and its CRC */
	uint16_t rx_capacity;
	uint16_t rx_have;
	uint16_t rx_need;
	uint16_t tx_position; /**< next frame byte to encode */
	uint16_t tx_length;   /**< of the frame being sent; 0: none */
	uint16_t tx_crc;
	uint32_t rx_quad; /**< base64: bits collected; COBS: run left and code */
	uint8_t rx_state;
	uint8_t rx_quad_count;
	uint8_t kind; /**< enum dfucast_framing_kind */
	uint8_t rx_line_state;
	uint16_t noise_bytes;    /**< received outside any frame, or in a frame that was dropped; saturates */
	uint16_t frames_dropped; /**< bad CRC, bad base64, too long; saturates */
};

/**
 * Sets up a link. @p rx must stay valid as long as the link; @p rx_capacity is the longest frame that can be
 * received plus 4 bytes (length and CRC travel in it). Longer frames are dropped and counted.
 */
void dfucast_framing_init(struct dfucast_framing *link, enum dfucast_framing_kind kind, uint8_t *rx,
			  uint16_t rx_capacity);

/** Forgets half a frame in both directions: call when the link was closed and opened again. */
void dfucast_framing_reset(struct dfucast_framing *link);

/**
 * Fills @p buffer with the next wire bytes, at most @p capacity (>= DFUCAST_FRAMING_SEND_BYTES_MIN).
 * @return bytes written; 0 when @p source has nothing to send. A frame that was begun is always finished
 *         before the next: its `done` is called when its last byte was written to @p buffer.
 */
size_t dfucast_framing_send(struct dfucast_framing *link, const struct dfucast_frame_source *source,
			    uint8_t *buffer, size_t capacity);

/**
 * Takes received bytes in any split and hands every whole, checked frame to @p sink, in order.
 * Noise and log lines between frames are skipped and counted in `noise_bytes`.
 */
void dfucast_framing_recv(struct dfucast_framing *link, const uint8_t *bytes, size_t length,
			  const struct dfucast_frame_sink *sink);

/** For raw framing, whose only way back into step is silence: call when no byte came for 3 s inside a frame
 *  (Zephyr's own time-out). Drops the half-received frame. */
void dfucast_framing_rx_timeout(struct dfucast_framing *link);

/** True while a frame is half received. */
bool dfucast_framing_rx_partial(const struct dfucast_framing *link);

/** Longest frame whose console encoding fits @p line_count lines of @p line_bytes bytes (a server's line buffers). */
uint16_t dfucast_console_frame_max(uint16_t line_bytes, uint16_t line_count);

/** CRC-16/XMODEM (poly 0x1021, init 0, no reflection), continued from @p crc. "123456789" gives 0x31C3. */
uint16_t dfucast_crc16(uint16_t crc, const uint8_t *bytes, size_t length);

#ifdef __cplusplus
}
#endif
#endif
