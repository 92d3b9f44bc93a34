/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP over a console, the device's half: base64 lines with a length and a CRC, between them whatever else a console shows
 * (Zephyr: serial_util.c). Written apart from src/framing, which is the other half of the same wire.
 */
#ifndef SIM_PEER_CONSOLE_H
#define SIM_PEER_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_CONSOLE_LINE_BYTES_MAX 512u
#define SIM_CONSOLE_PACKET_BYTES_MAX 4096u

struct sim_console {
	uint32_t line_bytes;   /**< longest line taken, its LF apart; longer ones are dropped */
	uint32_t packet_bytes; /**< room for length, frame and CRC: a netbuf. What is longer is dropped */
	void *context;
	void (*frame)(void *context, const uint8_t *bytes, size_t length);
	uint32_t line_have;
	uint32_t packet_have;
	bool collecting; /**< a packet has begun */
	char line[SIM_CONSOLE_LINE_BYTES_MAX];
	uint8_t packet[SIM_CONSOLE_PACKET_BYTES_MAX];
};

void sim_console_init(struct sim_console *console, uint32_t line_bytes, uint32_t packet_bytes,
		      void (*frame)(void *context, const uint8_t *bytes, size_t length), void *context);
/** Bytes as they come; calls `frame` for each whole frame. */
void sim_console_receive(struct sim_console *console, const uint8_t *bytes, size_t length);
/** A frame as lines. @return their length; 0: they do not fit. */
size_t sim_console_lines(const uint8_t *frame, size_t length, char *out, size_t capacity);

#endif
