/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cast as the frame source and frame sink of one link: what every port would write for its carrier.
 */
#include <dfucast/cast.h>

static size_t begin(void *context)
{
	const struct dfucast_cast_outlet *outlet = context;

	return dfucast_cast_begin(outlet->cast, outlet->link, outlet->now);
}

static void read_part(void *context, size_t position, uint8_t *buffer, size_t length)
{
	const struct dfucast_cast_outlet *outlet = context;

	dfucast_cast_read(outlet->cast, outlet->link, position, buffer, length);
}

static void done(void *context)
{
	const struct dfucast_cast_outlet *outlet = context;

	dfucast_cast_sent(outlet->cast, outlet->link, outlet->now);
}

static void take(void *context, const uint8_t *frame, size_t length)
{
	const struct dfucast_cast_outlet *outlet = context;

	dfucast_cast_recv(outlet->cast, outlet->link, frame, length, outlet->now);
}

struct dfucast_frame_source dfucast_cast_frame_source(struct dfucast_cast_outlet *outlet)
{
	return (struct dfucast_frame_source){outlet, begin, read_part, done};
}

struct dfucast_frame_sink dfucast_cast_frame_sink(struct dfucast_cast_outlet *outlet)
{
	return (struct dfucast_frame_sink){outlet, take};
}
