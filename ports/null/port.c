/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The empty port, see null.h. Every place where a real port reaches for its hardware says so and does nothing.
 */
#include "null.h"

#include <string.h>

/* A real port writes down where, and resets. */
void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	__builtin_trap();
}

/* ---- the hash hook: a real port calls its crypto library ---- */

static bool hash_start(void *context)
{
	(void)context;
	return false;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	(void)context;
	(void)bytes;
	(void)length;
	return false;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	(void)context;
	(void)digest;
	return false;
}

const struct dfucast_sha256 dfucast_null_sha256 = {
    .context = NULL, .start = hash_start, .update = hash_update, .finish = hash_finish};

/* ---- start ---- */

static const uint8_t image_header[DFUCAST_IMAGE_HEADER_BYTES] = {0x3D, 0xB8, 0xF3, 0x96};
static const uint8_t image_digest[32];

void dfucast_null_start(struct dfucast_null_port *port, uint32_t now)
{
	memset(port, 0, sizeof(*port));
	port->plan.header = image_header;
	port->plan.sha = image_digest;
	port->plan.hash = image_digest;
	port->plan.hash_bytes = sizeof(image_digest);
	port->plan.image_bytes = 4096;

	const struct dfucast_cast_config config = {
	    .consumer = &dfucast_update_consumer,
	    .plan = &port->plan,
	    .devices = port->devices,
	    .targets = port->targets,
	    .ring = port->ring,
	    .ring_bytes = sizeof(port->ring),
	    .image_bytes = port->plan.image_bytes,
	    .device_bytes = sizeof(port->devices[0]),
	    .count = DFUCAST_NULL_TARGETS,
	    .canary = 1,
	    .rewinds = true,
	};

	dfucast_ble_pool_init(&port->pool, port->long_answers, sizeof(port->long_answers), 1);
	dfucast_cast_init(&port->cast, &config);
	dfucast_cast_start(&port->cast, now);
	/* A real port says so once its hash over every image byte has matched. Without devices it changes nothing. */
	dfucast_cast_set_image_verified(&port->cast, now);
}

/* ---- links: a real port keeps the struct dfucast_link of the OPEN beside each connection ---- */

/* A real port has these events from its stack. Here every link is one that is not there any more. */
static void stale_events(struct dfucast_null_port *port, struct dfucast_link link, uint32_t now)
{
	static const struct dfucast_link_info info = {.frame_max = 20,
						      .frame_fallback = 20,
						      .value_max = 20,
						      .flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_FRAGMENTS};
	static const uint8_t notification[] = {0x09, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x06, 0xBF, 0xFF};
	struct dfucast_cast *cast = &port->cast;
	struct dfucast_cast_outlet outlet = {cast, link, now};
	const struct dfucast_frame_sink sink = dfucast_cast_frame_sink(&outlet);
	struct dfucast_ble_link *ble = &port->links[link.target];

	dfucast_cast_link_up(cast, link, &info, now);
	dfucast_cast_resynced(cast, link, now);
	dfucast_ble_recv(ble, &port->pool, notification, sizeof(notification), &sink);
	dfucast_cast_noise(cast, link, now);
	dfucast_cast_link_down(cast, link, DFUCAST_ERR_LINK_LOST, now);
	dfucast_ble_link_reset(ble, &port->pool);
}

static void do_requests(struct dfucast_null_port *port, uint32_t now)
{
	struct dfucast_link_request request;

	/* Each request completed at once: at most one open a target and round, for its back-off is not over then. */
	while (dfucast_cast_next_request(&port->cast, &request, now)) {
		if (request.kind == DFUCAST_REQUEST_OPEN)
			port->opens++;
		dfucast_cast_link_down(
		    &port->cast, request.link,
		    request.kind == DFUCAST_REQUEST_CLOSE ? DFUCAST_ERR_OK : DFUCAST_ERR_UNREACHABLE, now);
	}
}

/* A real port gives the value to its stack. This one takes none, and would be offered the same again. */
static bool write_value(const uint8_t *value, size_t length)
{
	(void)value;
	(void)length;
	return false;
}

/* A real port does this for links on which a write is possible now. */
static void do_send(struct dfucast_null_port *port, struct dfucast_link link, uint32_t now)
{
	struct dfucast_cast_outlet outlet = {&port->cast, link, now};
	const struct dfucast_frame_source source = dfucast_cast_frame_source(&outlet);
	struct dfucast_ble_link *ble = &port->links[link.target];
	uint8_t value[20];
	size_t length = dfucast_ble_send(ble, &source, value, sizeof(value));

	if (length > 0 && write_value(value, length))
		dfucast_ble_sent(ble, &source, length);
}

/* A real port asks its source for these bytes, and feeds them when they arrive. */
static void do_feed(struct dfucast_null_port *port, uint32_t now)
{
	uint32_t offset;
	uint32_t length;
	static const uint8_t byte = 0xFF;

	if (dfucast_cast_need(&port->cast, &offset, &length))
		(void)dfucast_cast_feed(&port->cast, offset, &byte, 1, now);
}

bool dfucast_null_run(struct dfucast_null_port *port, uint32_t *now)
{
	uint32_t deadline;

	dfucast_cast_tick(&port->cast, *now);
	do_requests(port, *now);
	for (uint16_t i = 0; i < DFUCAST_NULL_TARGETS; i++) {
		/* Generation 0 was never given out. */
		const struct dfucast_link link = {.target = i, .generation = 0};

		stale_events(port, link, *now);
		do_send(port, link, *now);
	}
	do_feed(port, *now);
	if (dfucast_cast_is_done(&port->cast))
		return false;
	if (dfucast_cast_deadline(&port->cast, &deadline) && (int32_t)(deadline - *now) > 0)
		*now = deadline;
	else
		*now += 1;
	return true;
}

void dfucast_null_stop(struct dfucast_null_port *port, uint32_t now)
{
	dfucast_cast_stop(&port->cast, DFUCAST_ERR_ABORTED, now);
}
