/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The SMP header's eight bytes. Spec section 1.
 */
#include "header.h"

void dfucast_smp_header_encode(const struct dfucast_smp_header *header, uint8_t bytes[8])
{
	dfucast_smp_header_put(*header, bytes);
}

void dfucast_smp_header_decode(struct dfucast_smp_header *header, const uint8_t bytes[8])
{
	header->op = bytes[0] & 7u;
	header->version = (bytes[0] >> 3) & 3u;
	header->flags = bytes[1];
	header->length = dfucast_get_be16(bytes + 2);
	header->group = dfucast_get_be16(bytes + 4);
	header->sequence = bytes[6];
	header->command = bytes[7];
}
