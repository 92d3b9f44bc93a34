/* SPDX-License-Identifier: Apache-2.0 */
/* A cast on a libuv loop. See runner.h. */
#include "runner.h"
#include <stdio.h>
#include <string.h>

/* Image bytes read at a time: what a ring of usual size asks for in one go. */
#define READ_BYTES 16384u

static uint32_t now_ms(const struct dfucast_linux_runner *runner)
{
	return (uint32_t)uv_now(runner->config.loop);
}

static void serve(struct dfucast_linux_runner *runner);

/* ---- frames out: the link pulls from the cast ---- */

static size_t begin(void *context)
{
	struct dfucast_linux_way *way = context;

	return dfucast_cast_begin(way->runner->cast, way->link, now_ms(way->runner));
}

static void read_frame(void *context, size_t position, uint8_t *buffer, size_t length)
{
	struct dfucast_linux_way *way = context;

	dfucast_cast_read(way->runner->cast, way->link, position, buffer, length);
}

static void sent(void *context)
{
	struct dfucast_linux_way *way = context;

	dfucast_cast_sent(way->runner->cast, way->link, now_ms(way->runner));
}

/* ---- link events in ---- */

static void up(void *context)
{
	struct dfucast_linux_way *way = context;
	struct dfucast_linux_link_info carrier;
	struct dfucast_link_info info = {.flags = DFUCAST_LINK_KEEPS};

	dfucast_linux_link_info(way->carrier, &carrier);
	info.frame_max =
	    (uint16_t)(carrier.frame_bytes_max > UINT16_MAX ? UINT16_MAX : carrier.frame_bytes_max);
	info.frame_fallback =
	    (uint16_t)(carrier.frame_bytes_fallback > UINT16_MAX ? UINT16_MAX : carrier.frame_bytes_fallback);
	info.value_max = carrier.datagram ? info.frame_max : info.frame_fallback;
	info.buffer_overhead = carrier.buffer_overhead;
	info.flags |= carrier.ordered ? DFUCAST_LINK_ORDERED : 0;
	info.flags |= carrier.shares_console ? DFUCAST_LINK_CONSOLE : 0;
	dfucast_cast_link_up(way->runner->cast, way->link, &info, now_ms(way->runner));
	serve(way->runner);
}

static void down(void *context, int err, const char *why)
{
	struct dfucast_linux_way *way = context;

	snprintf(way->why, sizeof(way->why), "%s", why);
	dfucast_linux_link_destroy(way->carrier);
	way->carrier = NULL;
	dfucast_cast_link_down(way->runner->cast, way->link, (enum dfucast_err)err, now_ms(way->runner));
	serve(way->runner);
}

static void frame(void *context, const uint8_t *bytes, size_t length)
{
	struct dfucast_linux_way *way = context;

	dfucast_cast_recv(way->runner->cast, way->link, bytes, length, now_ms(way->runner));
	serve(way->runner);
}

static void noise(void *context, size_t bytes)
{
	struct dfucast_linux_way *way = context;

	(void)bytes;
	dfucast_cast_noise(way->runner->cast, way->link, now_ms(way->runner));
	serve(way->runner);
}

static void trace(void *context, bool outgoing, const uint8_t *bytes, size_t length)
{
	struct dfucast_linux_way *way = context;
	struct dfucast_linux_runner *runner = way->runner;

	if (runner->config.trace != NULL) {
		runner->config.trace(runner->config.context, way->link.target, outgoing, bytes, length);
	}
}

/* ---- what the cast asks for ---- */

static void open_way(struct dfucast_linux_way *way)
{
	const struct dfucast_linux_link_events events = {
	    .context = way,
	    .up = up,
	    .down = down,
	    .frame = frame,
	    .noise = noise,
	    .trace = trace,
	};
	way->source = (struct dfucast_frame_source){
	    .context = way,
	    .begin = begin,
	    .read = read_frame,
	    .done = sent,
	};

	way->carrier =
	    dfucast_linux_link_create(way->runner->config.loop, way->target, &events, &way->source);
	if (way->carrier == NULL) {
		snprintf(way->why, sizeof(way->why), "no memory for the link");
		dfucast_cast_link_down(way->runner->cast, way->link, DFUCAST_ERR_UNREACHABLE,
				       now_ms(way->runner));
		return;
	}
	dfucast_linux_link_open(way->carrier);
}

static uint16_t index_of(const struct dfucast_linux_runner *runner, uint16_t target)
{
	const struct dfucast_gateway_target *address;

	if (runner->config.gateway == NULL) {
		return target;
	}
	address = dfucast_gateway_target(runner->config.gateway, target);
	return (uint16_t)(address->address[0] | address->address[1] << 8);
}

static void requests(struct dfucast_linux_runner *runner)
{
	struct dfucast_link_request request;

	while (dfucast_cast_next_request(runner->cast, &request, now_ms(runner))) {
		struct dfucast_linux_way *way = &runner->config.ways[request.link.target];

		switch (request.kind) {
		case DFUCAST_REQUEST_OPEN:
			way->link = request.link;
			way->target = &runner->config.targets[index_of(runner, request.link.target)];
			open_way(way);
			break;
		case DFUCAST_REQUEST_CLOSE:
			dfucast_linux_link_destroy(way->carrier);
			way->carrier = NULL;
			dfucast_cast_link_down(runner->cast, request.link, DFUCAST_ERR_OK, now_ms(runner));
			break;
		default: /* nothing here reassembles, so nothing can be out of step */
			dfucast_cast_resynced(runner->cast, request.link, now_ms(runner));
			break;
		}
	}
}

static bool feed(struct dfucast_linux_runner *runner)
{
	uint8_t bytes[READ_BYTES];
	uint32_t offset;
	uint32_t length;

	if (runner->config.gateway != NULL || !dfucast_cast_need(runner->cast, &offset, &length)) {
		return false;
	}
	if (length > sizeof(bytes)) {
		length = sizeof(bytes);
	}
	if (!runner->config.read(runner->config.read_context, offset, bytes, length)) {
		runner->read_failed = true;
		dfucast_cast_stop(runner->cast, DFUCAST_ERR_IMAGE_READ, now_ms(runner));
		return false;
	}
	return dfucast_cast_feed(runner->cast, offset, bytes, length, now_ms(runner)) > 0;
}

static void pump(struct dfucast_linux_runner *runner)
{
	for (uint16_t i = 0; i < runner->config.target_count; i++) {
		struct dfucast_linux_way *way = &runner->config.ways[i];

		if (way->carrier != NULL) {
			dfucast_linux_link_pump(way->carrier);
		}
	}
}

static void tick(uv_timer_t *timer)
{
	struct dfucast_linux_runner *runner = timer->data;

	if (runner->config.gateway == NULL) {
		dfucast_cast_tick(runner->cast, now_ms(runner));
	}
	serve(runner);
}

/* After every event: requests, frames, image bytes, the next deadline. Events that come up meanwhile (a link that
 * cannot be made) are taken in the same round. */
static void serve(struct dfucast_linux_runner *runner)
{
	uint32_t deadline;

	if (runner->serving) {
		runner->again = true;
		return;
	}
	runner->serving = true;
	do {
		runner->again = false;
		if (runner->config.gateway != NULL) {
			dfucast_gateway_run(runner->config.gateway, now_ms(runner));
		}
		requests(runner);
		pump(runner);
		while (feed(runner)) {
			pump(runner);
		}
		requests(runner);
	} while (runner->again);
	runner->serving = false;

	if (runner->config.gateway != NULL ? dfucast_gateway_deadline(runner->config.gateway, &deadline)
					   : dfucast_cast_deadline(runner->cast, &deadline)) {
		int32_t left = (int32_t)(deadline - now_ms(runner));

		uv_timer_start(&runner->timer, tick, left > 0 ? (uint64_t)left : 0, 0);
	} else {
		uv_timer_stop(&runner->timer);
	}
	if (runner->config.changed != NULL) {
		runner->config.changed(runner->config.context);
	}
}

void dfucast_linux_runner_start(struct dfucast_linux_runner *runner, struct dfucast_cast *cast,
				const struct dfucast_linux_runner_config *config)
{
	memset(runner, 0, sizeof(*runner));
	runner->config = *config;
	runner->cast = cast;
	uv_timer_init(config->loop, &runner->timer);
	runner->timer.data = runner;
	if (runner->config.target_count == 0) {
		runner->config.target_count = cast->config.count;
	}
	for (uint16_t i = 0; i < runner->config.target_count; i++) {
		memset(&config->ways[i], 0, sizeof(config->ways[i]));
		config->ways[i].runner = runner;
		config->ways[i].target = &config->targets[i];
		config->ways[i].link.target = i;
	}
	uv_update_time(config->loop);
	if (config->gateway == NULL) {
		dfucast_cast_start(cast, now_ms(runner));
	}
	serve(runner);
}

void dfucast_linux_runner_serve(struct dfucast_linux_runner *runner)
{
	serve(runner);
}

void dfucast_linux_runner_stop(struct dfucast_linux_runner *runner, enum dfucast_err why)
{
	dfucast_cast_stop(runner->cast, why, now_ms(runner));
	serve(runner);
}

void dfucast_linux_runner_close(struct dfucast_linux_runner *runner)
{
	for (uint16_t i = 0; i < runner->config.target_count; i++) {
		dfucast_linux_link_destroy(runner->config.ways[i].carrier);
		runner->config.ways[i].carrier = NULL;
	}
	if (!uv_is_closing((uv_handle_t *)&runner->timer)) {
		uv_close((uv_handle_t *)&runner->timer, NULL);
	}
}
