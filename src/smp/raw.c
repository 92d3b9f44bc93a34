/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Requests whose body comes ready-made: any group and command, and what a gateway relays.
 */
#include <dfucast/smp.h>
#include <string.h>

int dfucast_smp_raw_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, enum dfucast_smp_op op,
			   uint16_t group, uint8_t command, const uint8_t *body, size_t length)
{
	struct dfucast_smp_header header = {
	    .op = (uint8_t)op,
	    .version = id.version,
	    .sequence = id.sequence,
	    .length = (uint16_t)length,
	    .group = group,
	    .command = command,
	};

	if (length > UINT16_MAX || capacity < DFUCAST_SMP_HEADER_BYTES + length) {
		return DFUCAST_ERR_SPACE;
	}
	if (length != 0) {
		/* A relay may have the body in place already. */
		memmove(frame + DFUCAST_SMP_HEADER_BYTES, body, length);
	}
	dfucast_smp_header_encode(&header, frame);
	return (int)(DFUCAST_SMP_HEADER_BYTES + length);
}
