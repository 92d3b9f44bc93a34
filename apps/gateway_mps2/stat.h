/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The gateway's own SMP server: what of a frame is not the fleet's comes here whole. It has one group, statistics (2),
 * read-only: `dfucast raw GATEWAY 2 0 '{"name":"gateway"}' --read`.
 */
#ifndef GATEWAY_MPS2_STAT_H
#define GATEWAY_MPS2_STAT_H

#include <stddef.h>
#include <stdint.h>

struct stat_counter {
	const char *name;
	uint32_t value;
};

/** One answer to one frame of the host, whose content is not to be trusted. @return its length; 0: none */
size_t stat_answer(const uint8_t *frame, size_t length, uint8_t *answer, size_t capacity,
		   const struct stat_counter *counters, size_t count);

#endif
