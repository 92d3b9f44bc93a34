/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Integers in byte buffers, at any alignment: SMP is big endian, MCUboot images are little endian.
 */
#ifndef DFUCAST_UTIL_BYTES_H
#define DFUCAST_UTIL_BYTES_H

#include <stdint.h>

static inline uint16_t dfucast_get_be16(const uint8_t *bytes)
{
	return (uint16_t)((bytes[0] << 8) | bytes[1]);
}

static inline uint32_t dfucast_get_be32(const uint8_t *bytes)
{
	return ((uint32_t)dfucast_get_be16(bytes) << 16) | dfucast_get_be16(bytes + 2);
}

static inline uint16_t dfucast_get_le16(const uint8_t *bytes)
{
	return (uint16_t)((bytes[1] << 8) | bytes[0]);
}

static inline uint32_t dfucast_get_le32(const uint8_t *bytes)
{
	return ((uint32_t)dfucast_get_le16(bytes + 2) << 16) | dfucast_get_le16(bytes);
}

static inline void dfucast_put_be16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static inline void dfucast_put_be32(uint8_t *bytes, uint32_t value)
{
	dfucast_put_be16(bytes, (uint16_t)(value >> 16));
	dfucast_put_be16(bytes + 2, (uint16_t)value);
}

static inline void dfucast_put_le16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static inline void dfucast_put_le32(uint8_t *bytes, uint32_t value)
{
	dfucast_put_le16(bytes, (uint16_t)value);
	dfucast_put_le16(bytes + 2, (uint16_t)(value >> 16));
}

#endif
