/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The SMP header written in place, inside the SMP codec only: a request's, whose fields are mostly constants, takes less
 * code so than by a call with a structure.
 */
#ifndef DFUCAST_SMP_HEADER_H
#define DFUCAST_SMP_HEADER_H

#include <dfucast/smp.h>

#include "../util/bytes.h"

static inline void dfucast_smp_header_put(struct dfucast_smp_header header, uint8_t bytes[8])
{
	bytes[0] = (uint8_t)((header.version & 3u) << 3 | (header.op & 7u));
	bytes[1] = header.flags;
	dfucast_put_be16(bytes + 2, header.length);
	dfucast_put_be16(bytes + 4, header.group);
	bytes[6] = header.sequence;
	bytes[7] = header.command;
}

#endif
