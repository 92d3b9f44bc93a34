/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest central: image bytes from a host protocol of your own, N devices over Bluetooth LE, all static. */
#include "board.h"

#include <dfucast/ble.h>
#include <dfucast/update.h>
#include <string.h>

struct connection {
	struct dfucast_link link; /* the opening that counts: events of older ones are dropped */
	struct dfucast_ble_link ble;
	uint16_t value_max; /* 0: not connected */
	bool busy;          /* the stack takes no write now */
};

struct dfucast_cast central_cast;
static struct dfucast_update_plan plan;
static struct central_image image;
static struct dfucast_update devices[CENTRAL_DEVICES_MAX];
static struct dfucast_cast_target targets[CENTRAL_DEVICES_MAX];
static struct connection connections[CENTRAL_DEVICES_MAX];
static struct dfucast_ble_pool pool;
static uint8_t long_answers[2][DFUCAST_BLE_LONG_ANSWER_BYTES];
static uint8_t ring[64u * 1024u];
static uint32_t asked, asked_end, hashed; /* offsets: on its way from the host; first byte not hashed yet */

void central_start(const struct central_image *announced, uint16_t count)
{
	/* Step 1, announce: the core learns what it sends, to how many, and what each device must list then. */
	image = *announced;
	plan = (struct dfucast_update_plan){
	    .header = image.header,
	    .sha = image.sha,
	    .image_bytes = image.bytes,
	    .version = image.version,
	    .hash = image.hash,
	    .hash_bytes = sizeof(image.hash),
	    .erase_ms = 40000, /* Step 3, erase: the device's own, before it answers the first chunk. */
	    .mode = DFUCAST_MODE_TEST_CONFIRM}; /* Steps 8, test, and 10, confirm: the core's own requests. */
	const struct dfucast_cast_config config = {.consumer = &dfucast_update_consumer,
						   .plan = &plan,
						   .devices = devices,
						   .device_bytes = sizeof(devices[0]),
						   .targets = targets,
						   .count = count,
						   .image_bytes = image.bytes,
						   .ring = ring,
						   .ring_bytes = sizeof(ring),
						   .canary = 1,
						   .gather_ms = 10000,
						   .rewinds = true};

	memset(devices, 0, sizeof(devices));
	asked = asked_end = 0;
	dfucast_ble_pool_init(&pool, long_answers[0], sizeof(long_answers[0]), 2);
	hashed = sizeof(image.header); /* what the devices get from the plan: the stream begins behind it */
	(void)board_sha256.start(board_sha256.context);
	(void)board_sha256.update(board_sha256.context, image.header, hashed);
	dfucast_cast_init(&central_cast, &config);
	dfucast_cast_start(&central_cast, board_now());
}

void central_image_bytes(uint32_t offset, const uint8_t *bytes, uint32_t length)
{
	uint8_t sha[32];

	if (offset != asked || length > asked_end - asked)
		return; /* of an earlier question */
	asked += length;
	if (offset <= hashed && asked > hashed) {
		(void)board_sha256.update(board_sha256.context, bytes + (hashed - offset), asked - hashed);
		hashed = asked;
		/* Step 7, hash: nobody starts an image whose bytes did not give the announced SHA. */
		if (hashed == image.bytes) {
			if (board_sha256.finish(board_sha256.context, sha) && !memcmp(sha, image.sha, 32))
				dfucast_cast_set_image_verified(&central_cast, board_now());
			else
				dfucast_cast_stop(&central_cast, DFUCAST_ERR_IMAGE_HASH, board_now());
		}
	}
	/* Step 4, fill the buffer. What is not taken now is asked for again. */
	(void)dfucast_cast_feed(&central_cast, offset, bytes, length, board_now());
}

void central_event(struct dfucast_link link, enum central_event event, uint16_t att_mtu)
{
	struct connection *connection = &connections[link.target];
	const struct dfucast_link_info info = {.frame_max = 4096, /* in pieces, which the device joins */
					       .frame_fallback = (uint16_t)(att_mtu - 3),
					       .value_max = (uint16_t)(att_mtu - 3),
					       .flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_FRAGMENTS};

	if (link.generation != connection->link.generation)
		return;
	if (event == CENTRAL_CONNECTED) {
		connection->value_max = info.value_max;
		dfucast_cast_link_up(&central_cast, link, &info, board_now());
	} else if (event == CENTRAL_RESUBSCRIBED) {
		dfucast_cast_resynced(&central_cast, link, board_now());
	} else if (event == CENTRAL_WRITE_COMPLETE) {
		connection->busy = false;
	} else {
		/* Step 9, reset: the device goes away to swap its images. The core waits, then connects and looks. */
		dfucast_ble_link_reset(&connection->ble, &pool);
		dfucast_cast_link_down(
		    &central_cast, link,
		    connection->value_max ? DFUCAST_ERR_LINK_LOST : DFUCAST_ERR_UNREACHABLE, board_now());
		connection->value_max = 0;
	}
}

void central_notification(struct dfucast_link link, const uint8_t *value, size_t length)
{
	struct dfucast_cast_outlet outlet = {&central_cast, link, board_now()};
	const struct dfucast_frame_sink sink = dfucast_cast_frame_sink(&outlet);
	struct connection *connection = &connections[link.target];

	/* Step 6, continue: the answer names the next offset, and the core moves its window there. */
	if (link.generation == connection->link.generation && connection->value_max != 0)
		dfucast_ble_recv(&connection->ble, &pool, value, length, &sink);
}

static bool send_value(struct connection *connection)
{
	struct dfucast_cast_outlet outlet = {&central_cast, connection->link, board_now()};
	const struct dfucast_frame_source source = dfucast_cast_frame_source(&outlet);
	uint8_t value[CENTRAL_MTU_MAX - 3];
	size_t length = 0;

	if (!connection->busy && connection->value_max != 0)
		length = dfucast_ble_send(&connection->ble, &source, value, connection->value_max);
	if (length == 0)
		return false;
	/* Step 5, write. A value that the stack does not take is made again later: nothing is stored. */
	connection->busy = !board_write_command(connection->link, value, length);
	if (!connection->busy)
		dfucast_ble_sent(&connection->ble, &source, length);
	return !connection->busy;
}

bool central_poll(uint32_t now, uint32_t *deadline)
{
	struct dfucast_link_request request;
	struct dfucast_status status;
	uint32_t offset = hashed, length = image.bytes - hashed;
	bool somebody_waits = false;

	dfucast_cast_tick(&central_cast, now);
	while (dfucast_cast_next_request(&central_cast, &request, now)) {
		struct connection *connection = &connections[request.link.target];

		if (request.kind == DFUCAST_REQUEST_OPEN) {
			*connection = (struct connection){.link = request.link};
			board_connect(request.link); /* Step 2, connect. */
		} else if (request.kind == DFUCAST_REQUEST_CLOSE) {
			connection->value_max = 0; /* nothing more goes out, not even the rest of a frame */
			board_disconnect(request.link);
		} else {
			board_resubscribe(request.link);
		}
	}
	for (uint16_t i = 0; i < central_cast.config.count; i++) {
		while (send_value(&connections[i]))
			continue;
		dfucast_cast_status(&central_cast, i, &status);
		somebody_waits |= status.state == DFUCAST_STATE_WAITING;
	}
	/* The window's next bytes; or, at the end, those that no device needed and that are not hashed yet. */
	if ((dfucast_cast_need(&central_cast, &offset, &length) ||
	     (!central_cast.streaming && somebody_waits && length != 0)) &&
	    (offset != asked || asked == asked_end) && (length >= 2048 || offset + length == image.bytes)) {
		asked = offset;
		asked_end = offset + length;
		board_ask_image(offset, length);
	}
	return dfucast_cast_deadline(&central_cast, deadline);
}
