/* SPDX-License-Identifier: Apache-2.0 */
/* The core alone inside an existing S140 application. The numbers are those of docs/central.md's ten steps. */
#include "core.h"

#include <string.h>

#define QUEUE_BYTES 4096u
#define ASK_MIN 2048u /* not for less, but at the end */

static struct core_application app;
static struct core_image image;
static struct dfucast_cast cast;
static struct dfucast_update_plan plan;
static struct dfucast_s140 port;
static struct dfucast_update devices[CORE_DEVICES];
static struct dfucast_cast_target cast_targets[CORE_DEVICES];
static struct dfucast_ble_target ble_targets[CORE_DEVICES];
static struct dfucast_ble_conn conns[CORE_LINKS];
static struct dfucast_ble_pool pool;
static uint8_t long_answers[2][DFUCAST_BLE_LONG_ANSWER_BYTES];
static uint8_t value[CORE_MTU - 3];
static uintptr_t queue[QUEUE_BYTES / sizeof(uintptr_t)];
static uint32_t asked, asked_end, hashed; /* offsets: on its way from the host; first byte not hashed yet */
static bool announced;

uint32_t core_start(const struct core_application *application)
{
	const struct dfucast_s140_config config = {.central = {.targets = ble_targets,
							       .conns = conns,
							       .value = value,
							       .pool = &pool,
							       .target_count = CORE_DEVICES,
							       .value_bytes = sizeof(value),
							       .conn_count = CORE_LINKS,
							       .write_queue = CORE_WRITE_QUEUE},
						   .hooks = application->hooks,
						   .queue = queue,
						   .queue_bytes = sizeof(queue),
						   .att_mtu = CORE_MTU,
						   .tag = 1,
						   .application_answers = application->answers};

	app = *application;
	announced = false;
	dfucast_ble_pool_init(&pool, long_answers[0], sizeof(long_answers[0]), 2);
	return dfucast_s140_init(&port, &config);
}

void core_observe(const ble_evt_t *event)
{
	dfucast_s140_observe(&port, event);
}

void core_announce(const struct core_image *announcement, const struct dfucast_ble_target *whose,
		   uint16_t count, uint32_t now)
{
	const struct dfucast_ble_user user = dfucast_ble_user_cast(&cast);

	/* Step 1, announce. */
	image = *announcement;
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
						   .targets = cast_targets,
						   .count = count,
						   .links_max = CORE_LINKS,
						   .image_bytes = image.bytes,
						   .ring = app.buffer,
						   .ring_bytes = app.buffer_bytes,
						   .canary = 1,
						   .gather_ms = 10000,
						   .rewinds = true};

	memset(devices, 0, sizeof(devices));
	memcpy(ble_targets, whose, count * sizeof(ble_targets[0]));
	asked = asked_end = 0;
	hashed = sizeof(image.header); /* what devices get from the plan: the stream begins behind it */
	(void)app.sha256.start(app.sha256.context);
	(void)app.sha256.update(app.sha256.context, image.header, hashed);
	dfucast_cast_init(&cast, &config);
	dfucast_ble_central_set_user(&port.central, &user);
	dfucast_cast_start(&cast, now); /* Step 2, connect: from here on core_poll() does it. */
	announced = true;
}

void core_bytes(uint32_t offset, const uint8_t *bytes, uint32_t length, uint32_t now)
{
	uint8_t sha[32];

	if (!announced || offset != asked || length > asked_end - asked)
		return; /* of an earlier question */
	asked += length;
	if (offset <= hashed && asked > hashed) {
		(void)app.sha256.update(app.sha256.context, bytes + (hashed - offset), asked - hashed);
		hashed = asked;
		/* Step 7, hash: nobody starts an image whose bytes did not give the announced SHA. */
		if (hashed == image.bytes) {
			if (app.sha256.finish(app.sha256.context, sha) &&
			    memcmp(sha, image.sha, sizeof(sha)) == 0)
				dfucast_cast_set_image_verified(&cast, now);
			else
				dfucast_cast_stop(&cast, DFUCAST_ERR_IMAGE_HASH, now);
		}
	}
	/* Step 4, fill the buffer. What is not taken now is asked for again. */
	(void)dfucast_cast_feed(&cast, offset, bytes, length, now);
}

bool core_lend(uint16_t index, uint16_t conn_handle, const ble_gap_conn_params_t *params, uint16_t att_mtu,
	       uint32_t now)
{
	return dfucast_s140_adopt(&port, conn_handle, index, params, att_mtu, now);
}

bool core_uses(uint16_t conn_handle)
{
	return dfucast_s140_uses(&port, conn_handle);
}

/* The window's next bytes; or, at the end, those that no device needed and that are not hashed yet. */
static void ask(void)
{
	struct dfucast_status status;
	uint32_t offset = hashed;
	uint32_t length = image.bytes - hashed;
	bool somebody_waits = false;
	bool wanted;

	for (uint16_t i = 0; i < cast.config.count; i++) {
		dfucast_cast_status(&cast, i, &status);
		somebody_waits |= status.state == DFUCAST_STATE_WAITING;
	}
	wanted =
	    dfucast_cast_need(&cast, &offset, &length) || (!cast.streaming && somebody_waits && length != 0);
	if (!wanted || (offset == asked && asked != asked_end) ||
	    (length < ASK_MIN && offset + length != image.bytes))
		return;
	asked = offset;
	asked_end = offset + length;
	app.ask_image(offset, length);
}

uint32_t core_poll(uint32_t now)
{
	uint32_t deadline, other;

	/* Steps 5, write, and 6, continue; 9, reset: all in here. */
	if (announced)
		dfucast_cast_tick(&cast, now);
	deadline = dfucast_s140_run(&port, now);
	if (!announced)
		return deadline;
	ask();
	if (dfucast_cast_deadline(&cast, &other) && (int32_t)(other - deadline) < 0)
		deadline = other;
	return deadline;
}

bool core_is_done(void)
{
	return announced && dfucast_cast_is_done(&cast) && cast.links_open == 0;
}

void core_status(uint16_t index, struct dfucast_status *status)
{
	dfucast_cast_status(&cast, index, status);
}
