/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * CRC-16/XMODEM, the check of the console and COBS framings.
 *
 * Without a table: the polynomial 0x1021 has only three terms beside x^16, so a whole byte is folded in with
 * a few shifts. That is as fast as a 512-byte table on a core without cache, and much smaller.
 */
#include <dfucast/framing.h>

uint16_t dfucast_crc16(uint16_t crc, const uint8_t *bytes, size_t length)
{
	uint32_t c = crc;

	for (size_t i = 0; i < length; i++) {
		uint32_t x = (c >> 8) ^ bytes[i];

		x ^= x >> 4;
		c = ((c << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFFu;
	}
	return (uint16_t)c;
}
