/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Console framing: base64 lines between log lines, with CRC-16 (spec section 6.2, Zephyr's mgmt/mcumgr/util
 * and serial transport, MCUboot's boot_serial).
 *
 * A frame on the wire is base64(length, SMP frame, CRC) cut into lines of at most 127 bytes, each with a
 * marker in front and a line feed behind. The encoder cuts as Zephyr's does. The decoder is more tolerant
 * than the servers': it knows a marker anywhere, so that log text without a line end before it costs no frame;
 * takes LF, CR LF, CR or the next marker as a line's end; and takes lines of any length, for no line buffer
 * stands behind it.
 */
#include "framing_internal.h"

#include "../util/bytes.h"

/** Raw bytes in a line: 31 quads in the first, 30 in the others, as Zephyr does it. */
#define FIRST_RAW_BYTES 93u
#define NEXT_RAW_BYTES 90u

/** Bytes of a line that carry nothing: marker and line feed. */
#define LINE_EXTRA_BYTES 3u

/**
 * rx_line_state, between bytes. TEXT is anything outside a line of ours; the others are named after the byte
 * that led there: half a marker, a line's CR that an LF may follow.
 */
enum line_state { TEXT = 0, FIRST_MARKER = 0x06, NEXT_MARKER = 0x04, AFTER_CR = '\r', BODY = 0xFF };

#define FIRST_MARKER_END 0x09
#define NEXT_MARKER_END 0x14
#define MARKER_BYTES 2u

/** rx_quad_count: characters of the open quad, and from bit 4 on the `=` seen. */
#define QUAD_CHARS 0x0Fu
#define QUAD_PAD 0x10u

#define BASE64_BAD 0xFFu

static uint8_t base64_char(uint32_t value)
{
	if (value < 26)
		return (uint8_t)('A' + value);
	if (value < 52)
		return (uint8_t)('a' - 26 + value);
	if (value < 62)
		return (uint8_t)(value - 52 + '0');
	return value == 62 ? '+' : '/';
}

static uint32_t base64_value(uint32_t c)
{
	if (c - 'A' < 26)
		return c - 'A';
	if (c - 'a' < 26)
		return c - 'a' + 26;
	if (c - '0' < 10)
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : BASE64_BAD;
}

/** @return characters written: a multiple of 4. */
static size_t base64_encode(const uint8_t *raw, size_t length, uint8_t *text)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i += 3) {
		size_t rest = length - i;
		uint32_t bits = (uint32_t)raw[i] << 16;

		if (rest > 1)
			bits |= (uint32_t)raw[i + 1] << 8;
		if (rest > 2)
			bits |= raw[i + 2];
		for (size_t k = 0; k < 4; k++, bits <<= 6)
			text[used++] = k > rest ? '=' : base64_char((bits >> 18) & 63u);
	}
	return used;
}

/** Writes one line. @return its length. */
static size_t encode_line(struct dfucast_framing *link, const struct dfucast_frame_source *source,
			  uint8_t *line)
{
	uint8_t raw[FIRST_RAW_BYTES + DFUCAST_FRAMING_CRC_BYTES];
	size_t position = link->tx_position;
	size_t part = link->tx_length - position;
	size_t limit = NEXT_RAW_BYTES;
	size_t used = 0;
	uint16_t marker = NEXT_MARKER << 8 | NEXT_MARKER_END;

	if (position == 0) {
		marker = FIRST_MARKER << 8 | FIRST_MARKER_END;
		limit = FIRST_RAW_BYTES;
		dfucast_put_be16(raw, (uint16_t)(link->tx_length + DFUCAST_FRAMING_CRC_BYTES));
		used = DFUCAST_FRAMING_LENGTH_BYTES;
	}
	if (used + part + DFUCAST_FRAMING_CRC_BYTES > limit) {
		/* More lines follow: whole quads here, and at least one byte for the line that has the CRC. */
		part = limit - used - (used + part > limit ? 0u : 3u);
	}
	source->read(source->context, position, raw + used, part);
	link->tx_crc = dfucast_crc16(link->tx_crc, raw + used, part);
	used += part;
	link->tx_position = (uint16_t)(position + part);
	if (link->tx_position == link->tx_length) {
		dfucast_put_be16(raw + used, link->tx_crc);
		used += DFUCAST_FRAMING_CRC_BYTES;
		link->tx_length = 0;
	}
	dfucast_put_be16(line, marker);
	used = MARKER_BYTES + base64_encode(raw, used, line + MARKER_BYTES);
	line[used++] = '\n';
	return used;
}

static size_t encode(struct dfucast_framing *link, const struct dfucast_frame_source *source, uint8_t *buffer,
		     size_t capacity)
{
	size_t used = 0;

	while (link->tx_length != 0 && capacity - used >= DFUCAST_CONSOLE_LINE_BYTES)
		used += encode_line(link, source, buffer + used);
	return used;
}

/** One decoded byte. @return false when it can't belong to a frame. */
static bool push(struct dfucast_framing *link, uint8_t byte)
{
	uint32_t length;

	if (link->rx_have == link->rx_need)
		return false;
	link->rx[link->rx_have++] = byte;
	if (link->rx_have != DFUCAST_FRAMING_LENGTH_BYTES)
		return true;
	length = DFUCAST_FRAMING_LENGTH_BYTES + (uint32_t)dfucast_get_be16(link->rx);
	link->rx_need = (uint16_t)length;
	return length >= DFUCAST_SMP_HEADER_BYTES + DFUCAST_FRAMING_EXTRA_BYTES &&
	       length <= link->rx_capacity;
}

/** One base64 character. @return false when it is none, or its bytes can't belong to a frame. */
static bool take_char(struct dfucast_framing *link, uint8_t c)
{
	uint32_t value = base64_value(c);
	uint32_t count = link->rx_quad_count;

	if (c == '=' && (count & QUAD_CHARS) >= 2) {
		value = 0;
		count += QUAD_PAD;
	} else if (value == BASE64_BAD || count >= QUAD_PAD) {
		/* After padding comes nothing more, not in this line nor in the next. */
		return false;
	}
	link->rx_quad = (link->rx_quad << 6) | value;
	count++;
	if ((count & QUAD_CHARS) == 4) {
		count &= ~QUAD_CHARS;
		for (uint32_t i = count / QUAD_PAD, shift = 16; i < 3; i++, shift -= 8) {
			if (!push(link, (uint8_t)(link->rx_quad >> shift)))
				return false;
		}
	}
	link->rx_quad_count = (uint8_t)count;
	return true;
}

static void end_line(struct dfucast_framing *link, const struct dfucast_frame_sink *sink)
{
	if ((link->rx_quad_count & QUAD_CHARS) != 0)
		dfucast_framing_drop(link);
	else if (link->rx_have == link->rx_need)
		dfucast_framing_finish(link, sink);
	else if (link->rx_quad_count != 0)
		dfucast_framing_drop(link);
}

/** A byte outside a line's body. */
static void take_text(struct dfucast_framing *link, uint8_t c)
{
	uint8_t before = link->rx_line_state;

	link->rx_line_state = TEXT;
	if (before == FIRST_MARKER && c == FIRST_MARKER_END) {
		if (link->rx_state == DFUCAST_FRAMING_RX_FRAME)
			dfucast_framing_drop(link);
		link->rx_state = DFUCAST_FRAMING_RX_FRAME;
		link->rx_have = 0;
		link->rx_need = DFUCAST_FRAMING_LENGTH_BYTES;
		link->rx_quad_count = 0;
		link->rx_line_state = BODY;
	} else if (before == NEXT_MARKER && c == NEXT_MARKER_END &&
		   link->rx_state == DFUCAST_FRAMING_RX_FRAME) {
		link->rx_line_state = BODY;
	} else {
		if (before == FIRST_MARKER || before == NEXT_MARKER)
			dfucast_framing_count_noise(link, 1);
		if (c == FIRST_MARKER || c == NEXT_MARKER)
			link->rx_line_state = c;
		else if (before != AFTER_CR || c != '\n')
			dfucast_framing_count_noise(link, 1);
	}
}

static void decode(struct dfucast_framing *link, const uint8_t *bytes, size_t length,
		   const struct dfucast_frame_sink *sink)
{
	for (size_t i = 0; i < length; i++) {
		uint8_t c = bytes[i];

		if (link->rx_line_state != BODY) {
			take_text(link, c);
		} else if (c == '\n' || c == '\r' || c == FIRST_MARKER || c == NEXT_MARKER) {
			link->rx_line_state = c == '\n' ? TEXT : c;
			end_line(link, sink);
		} else if (!take_char(link, c)) {
			dfucast_framing_drop(link);
			dfucast_framing_count_noise(link, 1);
			link->rx_line_state = TEXT;
		}
	}
}

const struct dfucast_framing_codec dfucast_framing_console = {.encode = encode, .decode = decode};

uint16_t dfucast_console_frame_max(uint16_t line_bytes, uint16_t line_count)
{
	/* The first line has the length, the last the CRC; in one line both. */
	uint32_t extra = DFUCAST_FRAMING_EXTRA_BYTES;
	uint32_t raw = FIRST_RAW_BYTES;

	if (line_count == 0)
		return 0;
	if (line_bytes >= DFUCAST_CONSOLE_LINE_BYTES) {
		raw += (line_count - 1u) * NEXT_RAW_BYTES;
		if (raw > UINT16_MAX)
			raw = UINT16_MAX;
	} else {
		/* Lines are only cut at 127 bytes, so the whole frame must be one line. */
		raw = line_bytes < LINE_EXTRA_BYTES ? 0 : (line_bytes - LINE_EXTRA_BYTES) / 4u * 3u;
	}
	return (uint16_t)(raw < extra + DFUCAST_SMP_HEADER_BYTES ? 0 : raw - extra);
}
