/* SPDX-License-Identifier: Apache-2.0 */
/* One upload over a console in virtual microseconds. */
#include "wire.h"
#include "../peer/console.h"
#include "../peer/peer.h"
#include <assert.h>
#include <dfucast/cast.h>
#include <dfucast/framing.h>
#include <dfucast/update.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_BYTES_MAX 4096u
#define FLIGHT_MAX 16u
#define RING_BYTES 65536u
#define LIMIT_US 3600000000ull
#define NEVER UINT64_MAX

/* Frames on their way in one direction, in order. */
struct flight {
	uint64_t due_us[FLIGHT_MAX];
	uint16_t length[FLIGHT_MAX];
	uint8_t frames[FLIGHT_MAX][FRAME_BYTES_MAX];
	uint8_t count;
	uint64_t free_us; /* the line is free again */
};

struct wire {
	struct sim_wire_options options;
	uint64_t now_us;
	uint64_t worked_us; /* the request in work is done; NEVER: none */
	struct dfucast_cast cast;
	struct dfucast_update device;
	struct dfucast_cast_target target;
	struct dfucast_update_plan plan;
	struct dfucast_link link;
	struct sim_peer peer;
	struct flight there, back;
	bool up;
	uint8_t *image;
	uint8_t ring[RING_BYTES];
	uint8_t sha[32];
};

void sim_wire_defaults(struct sim_wire_options *options)
{
	*options = (struct sim_wire_options){
	    .rtt_us = 2000, .image_bytes = 49692, .request_us = 1000, .buf_size = 384, .buf_count = 4};
}

static uint32_t now_ms(const struct wire *wire)
{
	return (uint32_t)(wire->now_us / 1000u);
}

/* Puts a frame onto the line. @return when its last byte is out. */
static uint64_t put(struct wire *wire, struct flight *flight, const uint8_t *frame, size_t length)
{
	static char lines[2u * FRAME_BYTES_MAX + 64u];
	uint64_t bytes = sim_console_lines(frame, length, lines, sizeof(lines));
	uint64_t start = flight->free_us > wire->now_us ? flight->free_us : wire->now_us;

	assert(flight->count < FLIGHT_MAX && bytes > 0);
	flight->free_us = start + (wire->options.baud != 0 ? bytes * 10000000u / wire->options.baud : 0);
	flight->due_us[flight->count] = flight->free_us + wire->options.rtt_us / 2u;
	flight->length[flight->count] = (uint16_t)length;
	memcpy(flight->frames[flight->count], frame, length);
	flight->count++;
	return flight->free_us;
}

static void drop_first(struct flight *flight)
{
	flight->count--;
	memmove(flight->due_us, flight->due_us + 1, flight->count * sizeof(flight->due_us[0]));
	memmove(flight->length, flight->length + 1, flight->count * sizeof(flight->length[0]));
	memmove(flight->frames, flight->frames + 1, flight->count * sizeof(flight->frames[0]));
}

/* The peer may have taken up a request: its time starts. What it costs is told in words of image data. */
static void take_up(struct wire *wire)
{
	if (wire->worked_us == NEVER && wire->peer.busy) {
		wire->worked_us = wire->now_us + wire->options.request_us +
				  (uint64_t)wire->peer.cost.words * 4u * wire->options.byte_ns / 1000u;
	}
}

static void core(struct wire *wire)
{
	static const struct dfucast_link_info info = {.frame_max = FRAME_BYTES_MAX,
						      .frame_fallback = 180,
						      .value_max = 180,
						      .buffer_overhead = 4,
						      .flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_KEEPS |
							       DFUCAST_LINK_CONSOLE};
	struct dfucast_link_request request;
	uint8_t frame[FRAME_BYTES_MAX];
	uint32_t offset;
	uint32_t length;
	size_t frame_bytes;

	while (dfucast_cast_next_request(&wire->cast, &request, now_ms(wire))) {
		wire->up = request.kind == DFUCAST_REQUEST_OPEN;
		wire->link = request.link;
		if (wire->up) {
			dfucast_cast_link_up(&wire->cast, wire->link, &info, now_ms(wire));
		} else {
			dfucast_cast_link_down(&wire->cast, wire->link, DFUCAST_ERR_OK, now_ms(wire));
		}
	}
	while (dfucast_cast_need(&wire->cast, &offset, &length)) {
		(void)dfucast_cast_feed(&wire->cast, offset, wire->image + offset, length, now_ms(wire));
	}
	/* A line that is busy takes no further frame: the core chooses what to send when it can be sent. */
	while (wire->up && wire->there.free_us <= wire->now_us && wire->there.count < FLIGHT_MAX &&
	       (frame_bytes = dfucast_cast_begin(&wire->cast, wire->link, now_ms(wire))) > 0) {
		dfucast_cast_read(&wire->cast, wire->link, 0, frame, frame_bytes);
		(void)put(wire, &wire->there, frame, frame_bytes);
		dfucast_cast_sent(&wire->cast, wire->link, now_ms(wire));
	}
}

static uint64_t next_time(const struct wire *wire)
{
	uint64_t next = wire->worked_us;
	uint32_t deadline;

	if (wire->there.count > 0 && wire->there.due_us[0] < next) {
		next = wire->there.due_us[0];
	}
	if (wire->back.count > 0 && wire->back.due_us[0] < next) {
		next = wire->back.due_us[0];
	}
	if (wire->there.free_us > wire->now_us && wire->there.free_us < next) {
		next = wire->there.free_us;
	}
	if (dfucast_cast_deadline(&wire->cast, &deadline) && deadline * 1000ull < next) {
		next = deadline * 1000ull > wire->now_us ? deadline * 1000ull : wire->now_us + 1000u;
	}
	return next;
}

static void step(struct wire *wire)
{
	uint8_t answer[FRAME_BYTES_MAX];
	uint32_t deadline;
	size_t length;

	if (wire->worked_us <= wire->now_us) {
		wire->worked_us = NEVER;
		sim_peer_worked(&wire->peer, now_ms(wire));
		while ((length = sim_peer_answer(&wire->peer, answer, sizeof(answer), now_ms(wire))) > 0) {
			(void)put(wire, &wire->back, answer, length);
		}
		take_up(wire);
	}
	while (wire->there.count > 0 && wire->there.due_us[0] <= wire->now_us) {
		sim_peer_receive(&wire->peer, wire->there.frames[0], wire->there.length[0], now_ms(wire));
		drop_first(&wire->there);
		take_up(wire);
	}
	while (wire->back.count > 0 && wire->back.due_us[0] <= wire->now_us) {
		dfucast_cast_recv(&wire->cast, wire->link, wire->back.frames[0], wire->back.length[0],
				  now_ms(wire));
		drop_first(&wire->back);
	}
	if (dfucast_cast_deadline(&wire->cast, &deadline) && deadline <= now_ms(wire)) {
		dfucast_cast_tick(&wire->cast, now_ms(wire));
	}
}

static bool run(struct wire *wire, uint64_t *upload_us)
{
	struct dfucast_status status = {0};
	uint64_t first_us = 0;

	while (status.state != DFUCAST_STATE_VERIFYING && wire->now_us < LIMIT_US) {
		core(wire);
		dfucast_cast_status(&wire->cast, 0, &status);
		if (status.state == DFUCAST_STATE_UPLOADING && first_us == 0) {
			first_us = wire->now_us;
		}
		if (dfucast_state_is_final((enum dfucast_state)status.state)) {
			return false;
		}
		uint64_t next = next_time(wire);

		if (next == NEVER) {
			return false;
		}
		wire->now_us = next > wire->now_us ? next : wire->now_us;
		step(wire);
		dfucast_cast_status(&wire->cast, 0, &status);
	}
	*upload_us = wire->now_us - first_us;
	return status.state == DFUCAST_STATE_VERIFYING && first_us != 0;
}

bool sim_wire_upload(const struct sim_wire_options *options, uint64_t *upload_us)
{
	static const uint8_t versions[2][4] = {{1, 0, 0, 0}, {2, 0, 0, 0}};
	struct wire *wire = calloc(1, sizeof(*wire));
	struct sim_peer_config peer;
	bool ok;

	if (wire == NULL || options->image_bytes < 2048 || options->image_bytes > 16u << 20 ||
	    options->buf_size < 128 || options->buf_size + 8u > FRAME_BYTES_MAX || options->buf_count == 0 ||
	    options->buf_count > SIM_PEER_BUFFERS_MAX) {
		free(wire);
		return false;
	}
	wire->options = *options;
	wire->worked_us = NEVER;
	wire->image = malloc(options->image_bytes);
	assert(wire->image != NULL);
	sim_peer_config_default(&peer);
	peer.outside = true;
	peer.buf_size = options->buf_size;
	peer.buf_count = options->buf_count;
	peer.slot_bytes = (options->image_bytes / 4096u + 2u) * 4096u;
	sim_peer_image_make(wire->image, options->image_bytes, versions[0], 1);
	sim_peer_init(&wire->peer, &peer, wire->image, options->image_bytes, 0);
	sim_peer_image_make(wire->image, options->image_bytes, versions[1], 2);
	sim_peer_sha256(wire->image, options->image_bytes, wire->sha);
	wire->plan = (struct dfucast_update_plan){.header = wire->image,
						  .sha = wire->sha,
						  .hash = wire->image + options->image_bytes - 32,
						  .hash_bytes = 32,
						  .image_bytes = options->image_bytes,
						  .version = {.major = 2},
						  .window_max = options->window,
						  .mode = DFUCAST_MODE_UPLOAD};
	const struct dfucast_cast_config config = {.consumer = &dfucast_update_consumer,
						   .plan = &wire->plan,
						   .devices = &wire->device,
						   .device_bytes = sizeof(wire->device),
						   .targets = &wire->target,
						   .count = 1,
						   .image_bytes = options->image_bytes,
						   .ring = wire->ring,
						   .ring_bytes = sizeof(wire->ring),
						   .rewinds = true};

	dfucast_cast_init(&wire->cast, &config);
	dfucast_cast_set_image_verified(&wire->cast, 0);
	dfucast_cast_start(&wire->cast, 0);
	ok =
	    run(wire, upload_us) && memcmp(wire->peer.slots[1].bytes, wire->image, options->image_bytes) == 0;
	sim_peer_free(&wire->peer);
	free(wire->image);
	free(wire);
	return ok;
}
