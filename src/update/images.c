/* SPDX-License-Identifier: Apache-2.0 */
/* The plan's images: one, or several that are updated in one run, one behind the other in the stream. */
#include "update_internal.h"

unsigned int dfucast_update_image_count(const struct dfucast_update_plan *plan)
{
	return 1u + plan->more_count;
}

const struct dfucast_update_image *dfucast_update_image(const struct dfucast_update_plan *plan,
							unsigned int index)
{
	return index == 0 ? &plan->first : &plan->more[index - 1];
}

uint32_t dfucast_update_base(const struct dfucast_update_plan *plan, unsigned int index)
{
	uint32_t base = 0;

	while (index > 0) {
		base += dfucast_update_image(plan, --index)->image_bytes;
	}
	return base;
}
