/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cast as the links' user: the same calls, with a context pointer in front.
 */
#include <dfucast/ble_central.h>

static bool next_request(void *context, struct dfucast_link_request *request, uint32_t now)
{
	return dfucast_cast_next_request(context, request, now);
}

static void link_up(void *context, struct dfucast_link link, const struct dfucast_link_info *info,
		    uint32_t now)
{
	dfucast_cast_link_up(context, link, info, now);
}

static void link_down(void *context, struct dfucast_link link, enum dfucast_err err, uint32_t now)
{
	dfucast_cast_link_down(context, link, err, now);
}

static void resynced(void *context, struct dfucast_link link, uint32_t now)
{
	dfucast_cast_resynced(context, link, now);
}

static void recv(void *context, struct dfucast_link link, const uint8_t *frame, size_t length, uint32_t now)
{
	dfucast_cast_recv(context, link, frame, length, now);
}

static size_t begin(void *context, struct dfucast_link link, uint32_t now)
{
	return dfucast_cast_begin(context, link, now);
}

static void read_part(void *context, struct dfucast_link link, size_t position, uint8_t *buffer,
		      size_t length)
{
	dfucast_cast_read(context, link, position, buffer, length);
}

static void sent(void *context, struct dfucast_link link, uint32_t now)
{
	dfucast_cast_sent(context, link, now);
}

struct dfucast_ble_user dfucast_ble_user_cast(struct dfucast_cast *cast)
{
	return (struct dfucast_ble_user){.context = cast,
					 .next_request = next_request,
					 .link_up = link_up,
					 .link_down = link_down,
					 .resynced = resynced,
					 .recv = recv,
					 .begin = begin,
					 .read = read_part,
					 .sent = sent};
}
