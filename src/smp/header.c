/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The SMP header's eight bytes. Spec section 1.
 */
#include <dfucast/smp.h>

void dfucast_smp_header_encode(const struct dfucast_smp_header *header, uint8_t bytes[8])
{
	bytes[0] = (uint8_t)((header->version & 3u) << 3 | (header->op & 7u));
	bytes[1] = header->flags;
	bytes[2] = (uint8_t)(header->length >> 8);
	bytes[3] = (uint8_t)header->length;
	bytes[4] = (uint8_t)(header->group >> 8);
	bytes[5] = (uint8_t)header->group;
	bytes[6] = header->sequence;
	bytes[7] = header->command;
}

void dfucast_smp_header_decode(struct dfucast_smp_header *header, const uint8_t bytes[8])
{
	header->op = bytes[0] & 7u;
	header->version = (bytes[0] >> 3) & 3u;
	header->flags = bytes[1];
	header->length = (uint16_t)(bytes[2] << 8 | bytes[3]);
	header->group = (uint16_t)(bytes[4] << 8 | bytes[5]);
	header->sequence = bytes[6];
	header->command = bytes[7];
}
