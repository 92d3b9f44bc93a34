/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Encoders of the console and COBS framings that work on a whole frame at once and share only the CRC with the
 * code under test.
 */
#ifndef DFUCAST_TESTS_FRAMING_REFERENCE_H
#define DFUCAST_TESTS_FRAMING_REFERENCE_H

#include <dfucast/framing.h>
#include <string.h>

#define FRAME_BYTES_MAX 2999u

/* base64 by the book, apart from the code under test. */
static size_t reference_base64(const uint8_t *raw, size_t length, char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t used = 0;

	for (size_t i = 0; i < length; i += 3) {
		unsigned int b1 = i + 1 < length ? raw[i + 1] : 0;
		unsigned int b2 = i + 2 < length ? raw[i + 2] : 0;

		text[used++] = digits[raw[i] >> 2];
		text[used++] = digits[(raw[i] & 3u) << 4 | b1 >> 4];
		text[used++] = i + 1 < length ? digits[(b1 & 15u) << 2 | b2 >> 6] : '=';
		text[used++] = i + 2 < length ? digits[b2 & 63u] : '=';
	}
	return used;
}

/* Length, frame and CRC as one base64 text, cut every `cut` characters: MCUboot's way (section 6.2) with 124. */
static size_t reference_console(const uint8_t *frame, size_t length, size_t cut, const char *line_end,
				uint8_t *wire)
{
	static uint8_t raw[FRAME_BYTES_MAX + 4];
	static char text[FRAME_BYTES_MAX * 2];
	uint16_t crc = dfucast_crc16(0, frame, length);
	size_t used = 0;
	size_t n;

	raw[0] = (uint8_t)((length + 2) >> 8);
	raw[1] = (uint8_t)(length + 2);
	memcpy(raw + 2, frame, length);
	raw[length + 2] = (uint8_t)(crc >> 8);
	raw[length + 3] = (uint8_t)crc;
	n = reference_base64(raw, length + 4, text);
	for (size_t i = 0; i < n; i += cut) {
		size_t part = n - i < cut ? n - i : cut;

		memcpy(wire + used, i == 0 ? "\x06\x09" : "\x04\x14", 2);
		memcpy(wire + used + 2, text + i, part);
		used += 2 + part;
		memcpy(wire + used, line_end, strlen(line_end));
		used += strlen(line_end);
	}
	return used;
}

/* COBS by the book: whole message at once. */
static inline size_t reference_cobs(const uint8_t *frame, size_t length, uint8_t *wire)
{
	static uint8_t message[FRAME_BYTES_MAX + 2];
	uint16_t crc = dfucast_crc16(0, frame, length);
	size_t end = length + 2;
	size_t used = 0;
	size_t at = 0;
	bool more = true;

	memcpy(message, frame, length);
	message[length] = (uint8_t)(crc >> 8);
	message[length + 1] = (uint8_t)crc;
	while (more) {
		size_t run = 0;

		while (run < 254 && at + run < end && message[at + run] != 0)
			run++;
		wire[used++] = (uint8_t)(run + 1);
		memcpy(wire + used, message + at, run);
		used += run;
		at += run;
		more = at < end;
		/* A block that was ended by a zero stands for it; a full one does not. */
		if (run < 254 && more)
			at++;
	}
	wire[used++] = 0;
	return used;
}

#endif
