/* SPDX-License-Identifier: Apache-2.0 */
/* SMP over a console, the device's half. */
#include "console.h"
#include <assert.h>
#include <string.h>

/* What Zephyr puts into one line, as bytes before base64: the first with the length in front, the others. */
#define FIRST_BYTES 93u
#define OTHER_BYTES 90u

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint16_t crc16(const uint8_t *bytes, size_t length)
{
	uint16_t crc = 0;

	for (size_t i = 0; i < length; i++) {
		crc = (uint16_t)(crc ^ (uint16_t)bytes[i] << 8);
		for (unsigned int bit = 0; bit < 8; bit++) {
			crc = (uint16_t)((crc & 0x8000u) != 0 ? (uint32_t)crc << 1 ^ 0x1021u
							      : (uint32_t)crc << 1);
		}
	}
	return crc;
}

void sim_console_init(struct sim_console *console, uint32_t line_bytes, uint32_t packet_bytes,
		      void (*frame)(void *context, const uint8_t *bytes, size_t length), void *context)
{
	assert(line_bytes <= SIM_CONSOLE_LINE_BYTES_MAX && packet_bytes <= SIM_CONSOLE_PACKET_BYTES_MAX);
	memset(console, 0, sizeof(*console));
	console->line_bytes = line_bytes;
	console->packet_bytes = packet_bytes;
	console->frame = frame;
	console->context = context;
}

/* Appends a line's base64 to the packet. @return false: bad, or too long. */
static bool append(struct sim_console *console, const char *text, size_t length)
{
	if (length == 0 || length % 4 != 0) {
		return false;
	}
	for (size_t at = 0; at < length; at += 4) {
		uint32_t bits = 0;
		unsigned int pad = 0;

		for (size_t i = at; i < at + 4; i++) {
			const char *digit = memchr(digits, text[i], sizeof(digits) - 1);

			if (text[i] == '=' && at + 4 == length && i >= at + 2) {
				pad++;
			} else if (digit == NULL || pad != 0) {
				return false;
			}
			bits = bits << 6 | (digit != NULL ? (uint32_t)(digit - digits) : 0);
		}
		for (unsigned int i = 0; i < 3 - pad; i++) {
			if (console->packet_have == console->packet_bytes) {
				return false;
			}
			console->packet[console->packet_have++] = (uint8_t)(bits >> (16 - 8 * i));
		}
	}
	return true;
}

static void take_line(struct sim_console *console, size_t length)
{
	const char *line = console->line;

	if (length > 0 && line[length - 1] == '\r') {
		length--;
	}
	if (length < 2) {
		return;
	}
	if (line[0] == 0x06 && line[1] == 0x09) {
		console->collecting = true;
		console->packet_have = 0;
	} else if (line[0] != 0x04 || line[1] != 0x14 || !console->collecting) {
		return;
	}
	if (!append(console, line + 2, length - 2)) {
		console->collecting = false;
		return;
	}
	if (console->packet_have < 4) {
		return;
	}
	const uint8_t *packet = console->packet;
	size_t whole = (size_t)(packet[0] << 8 | packet[1]);

	if (console->packet_have < whole + 2) {
		return;
	}
	console->collecting = false;
	if (whole < 2 || console->packet_have != whole + 2) {
		return;
	}
	size_t frame = whole - 2;

	if (crc16(packet + 2, frame) == (packet[2 + frame] << 8 | packet[3 + frame])) {
		console->frame(console->context, packet + 2, frame);
	}
}

void sim_console_receive(struct sim_console *console, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] != '\n') {
			if (console->line_have < sizeof(console->line)) {
				console->line[console->line_have] = (char)bytes[i];
			}
			console->line_have++;
			continue;
		}
		if (console->line_have <= console->line_bytes) {
			take_line(console, console->line_have);
		}
		console->line_have = 0;
	}
}

static size_t put_line(char *out, bool first, const uint8_t *bytes, size_t length)
{
	size_t at = 2;

	memcpy(out, first ? "\x06\x09" : "\x04\x14", 2);
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t bits = (uint32_t)bytes[i] << 16;

		if (left > 1) {
			bits |= (uint32_t)bytes[i + 1] << 8;
		}
		if (left > 2) {
			bits |= bytes[i + 2];
		}
		out[at++] = digits[bits >> 18];
		out[at++] = digits[bits >> 12 & 63];
		out[at++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		out[at++] = left > 2 ? digits[bits & 63] : '=';
	}
	out[at++] = '\n';
	return at;
}

size_t sim_console_lines(const uint8_t *frame, size_t length, char *out, size_t capacity)
{
	uint8_t packet[SIM_CONSOLE_PACKET_BYTES_MAX];
	size_t whole = length + 4;
	size_t used = 0;

	if (whole > sizeof(packet) || capacity / 2u < whole + 8u) {
		return 0;
	}
	uint16_t crc = crc16(frame, length);

	packet[0] = (uint8_t)((length + 2) >> 8);
	packet[1] = (uint8_t)(length + 2);
	memcpy(packet + 2, frame, length);
	packet[2 + length] = (uint8_t)(crc >> 8);
	packet[3 + length] = (uint8_t)crc;
	for (size_t at = 0; at < whole;) {
		size_t most = at == 0 ? FIRST_BYTES : OTHER_BYTES;
		size_t part = whole - at;

		if (part > most) {
			part = most;
			if (at + part > length + 2) {
				part -=
				    3; /* the CRC is never split: the next line takes it, and data with it */
			}
		}
		used += put_line(out + used, at == 0, packet + at, part);
		at += part;
	}
	return used;
}
