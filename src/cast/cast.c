/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fan-out's public calls: links and their generations, frames in and out, the source, time. After every
 * event the whole fleet is looked at once, in run(): stream, gates, links, in this order.
 */
#include "cast_internal.h"
#include <string.h>

/* Back-off between attempts to open a link: 100 ms doubling up to 3.2 s. */
#define RETRY_MS_FIRST 100u
#define RETRY_SHIFT_MAX 5u

static void *device_at(const struct dfucast_cast *cast, unsigned int index)
{
	return (uint8_t *)cast->config.devices + (size_t)index * cast->config.device_bytes;
}

bool dfucast_cast_walk(const struct dfucast_cast *cast, unsigned int phases, struct cast_seat *seat)
{
	while (seat->next < cast->config.count) {
		seat->target = &cast->config.targets[seat->next];
		seat->device = device_at(cast, seat->next);
		seat->next++;
		seat->phase = 1u << cast->config.consumer->phase(cast->config.plan, seat->device);
		if (seat->phase & phases) {
			return true;
		}
	}
	return false;
}

void dfucast_cast_stop_phases(struct dfucast_cast *cast, unsigned int phases, enum dfucast_err why)
{
	struct cast_seat seat;

	for (seat.next = 0; dfucast_cast_walk(cast, phases, &seat);) {
		cast->config.consumer->stop(cast->config.plan, seat.device, why);
	}
}

bool dfucast_cast_ring_is_full(const struct dfucast_cast *cast)
{
	uint32_t room = dfucast_ring_free(&cast->ring);
	uint32_t left = cast->config.image_bytes - cast->ring.head;

	return room == 0 || (room < cast->config.source_bytes && room < left);
}

unsigned int dfucast_cast_slots_held(const struct dfucast_cast *cast)
{
	struct cast_seat seat;
	unsigned int held = 0;

	for (seat.next = 0; dfucast_cast_walk(cast, CAST_ANY_PHASE, &seat);) {
		bool needs = !(seat.phase & (CAST_PHASE(IDLE) | CAST_PHASE(ENDED))) &&
			     !(seat.target->flags & CAST_PARKED);

		if (needs || seat.target->link != CAST_LINK_DOWN) {
			held++;
		}
	}
	return held;
}

/*
 * A link's slot belongs to a device from its start to its end, through lost links and resets, so that nobody else's
 * wave makes it look unreachable. A device that waits verified can lend it: it is parked. Whoever has no slot is
 * not started.
 */
static void admit(struct dfucast_cast *cast, uint32_t now)
{
	unsigned int holders = dfucast_cast_slots_held(cast);
	unsigned int idle = 0; /* cannot be started now */
	struct cast_seat seat;

	for (seat.next = 0; dfucast_cast_walk(cast, CAST_PHASE(IDLE), &seat);) {
		if (holders < cast->config.links_max) {
			holders++;
			seat.target->retry_ms = now;
			cast->config.consumer->start(cast->config.plan, seat.device, now);
		} else {
			idle++;
		}
	}
	for (seat.next = 0;
	     idle > 0 && dfucast_cast_walk(cast, CAST_PHASE(VERIFIED) | CAST_PHASE(ENDED), &seat);) {
		if (seat.phase & CAST_PHASE(VERIFIED)) {
			seat.target->flags |= CAST_PARKED;
		}
		if (seat.target->link != CAST_LINK_DOWN) {
			idle--; /* gets this one's slot when its link is closed */
		}
	}
}

static void run(struct dfucast_cast *cast, uint32_t now)
{
	if (!cast->paused) {
		dfucast_cast_stream_run(cast, now);
		dfucast_cast_gate_run(cast, now);
		if (cast->started) {
			admit(cast, now);
		}
	}
	cast->run_ms = now;
}

/* What is charged is counted in 16 bits. */
static uint32_t patience(uint32_t ms, uint32_t fallback)
{
	uint32_t chosen = ms > 0 ? ms : fallback;

	return chosen < 60000u ? chosen : 60000u;
}

void dfucast_cast_init(struct dfucast_cast *cast, const struct dfucast_cast_config *config)
{
	DFUCAST_ASSERT(config->count > 0 && config->count <= DFUCAST_CAST_TARGETS_MAX);
	DFUCAST_ASSERT(config->devices != NULL && config->targets != NULL && config->consumer != NULL);
	DFUCAST_ASSERT(config->image_bytes > 0 && config->ring != NULL && config->ring_bytes > 0);
	memset(cast, 0, sizeof(*cast));
	cast->config = *config;
	cast->commanded = config->commanded;
	cast->ring.memory = config->ring;
	cast->ring.size = config->ring_bytes;
	if (cast->config.links_max == 0) {
		cast->config.links_max = config->count;
	}
	if (cast->config.max_failed == 0) {
		cast->config.max_failed = 1;
	}
	cast->config.straggle_ms = patience(config->straggle_ms, 500);
	cast->config.erase_ms = patience(config->erase_ms, 15000);
	memset(config->targets, 0, sizeof(*config->targets) * config->count);
}

void dfucast_cast_start(struct dfucast_cast *cast, uint32_t now)
{
	DFUCAST_ASSERT(!cast->started);
	cast->started = true;
	cast->run_ms = now;
	run(cast, now);
}

void dfucast_cast_set_image_verified(struct dfucast_cast *cast, uint32_t now)
{
	cast->image_verified = true;
	run(cast, now);
}

void dfucast_cast_activate(struct dfucast_cast *cast, uint32_t now)
{
	cast->commanded = false;
	run(cast, now);
}

void dfucast_cast_set_links_max(struct dfucast_cast *cast, uint16_t links_max, uint32_t now)
{
	DFUCAST_ASSERT(links_max > 0);
	cast->config.links_max = links_max;
	run(cast, now);
}

/* ---- pause ---- */

void dfucast_cast_pause(struct dfucast_cast *cast, uint32_t now)
{
	/* Everybody whose activation has not begun, or is over. */
	cast->paused = CAST_ANY_PHASE & ~CAST_PHASE(ACTIVATING);
	run(cast, now);
}

void dfucast_cast_resume(struct dfucast_cast *cast, uint32_t now)
{
	if (!cast->paused) {
		return;
	}
	struct cast_seat seat;

	for (seat.next = 0; dfucast_cast_walk(cast, cast->paused, &seat);) {
		if (seat.target->link == CAST_LINK_DOWN) {
			/* Once more, so that its patience begins now and not when the pause began. */
			cast->config.consumer->link_down(cast->config.plan, seat.device, DFUCAST_ERR_OK, now);
			seat.target->retry_ms = now;
			seat.target->opens = 0;
		}
	}
	cast->paused = 0;
	cast->held = false;
	run(cast, now);
}

/* ---- the image source ---- */

bool dfucast_cast_need(const struct dfucast_cast *cast, uint32_t *offset, uint32_t *length)
{
	uint32_t room = dfucast_ring_free(&cast->ring);
	uint32_t left = cast->config.image_bytes - cast->ring.head;

	bool open = cast->streaming || (cast->config.prefills && cast->started && cast->passes == 0);

	if (!open || cast->ring.head >= cast->config.image_bytes || room == 0) {
		return false;
	}
	*offset = cast->ring.head;
	*length = left < room ? left : room;
	return true;
}

uint32_t dfucast_cast_feed(struct dfucast_cast *cast, uint32_t offset, const uint8_t *bytes, uint32_t length,
			   uint32_t now)
{
	uint32_t wanted;
	uint32_t most;

	if (!dfucast_cast_need(cast, &wanted, &most) || offset != wanted) {
		return 0;
	}
	uint32_t taken = dfucast_ring_write(&cast->ring, bytes, length < most ? length : most);

	cast->accepted_bytes += taken;
	run(cast, now);
	return taken;
}

/* ---- links ---- */

/* Sets of states of a link, a bit each. */
#define LINK(name) (1u << CAST_LINK_##name)
#define LINKS_LIVE (LINK(UP) | LINK(RESYNCING))

/* The target and device of a link; no phase, which nobody needs for each piece of a frame.
 * @return false: it is of an older generation, or in none of these states: what happened is dropped */
static bool find(const struct dfucast_cast *cast, struct dfucast_link link, unsigned int states,
		 struct cast_seat *seat)
{
	if (link.target >= cast->config.count) {
		return false;
	}
	seat->target = &cast->config.targets[link.target];
	seat->device = device_at(cast, link.target);
	return seat->target->generation == link.generation && (states >> seat->target->link & 1u);
}

static bool wants_link(const struct dfucast_cast *cast, const struct cast_seat *seat)
{
	return !(seat->target->flags & (CAST_PARKED | CAST_CUT)) && !(seat->phase & cast->paused) &&
	       cast->config.consumer->wants_link(cast->config.plan, seat->device);
}

static bool request_for(struct dfucast_cast *cast, const struct cast_seat *seat,
			struct dfucast_link_request *request, uint32_t now)
{
	struct dfucast_cast_target *target = seat->target;
	bool wanted = wants_link(cast, seat);

	if (target->link == CAST_LINK_DOWN && wanted && cast_reached(now, target->retry_ms)) {
		cast->links_open++;
		target->generation++;
		request->kind = DFUCAST_REQUEST_OPEN;
	} else if (target->link != CAST_LINK_DOWN && target->link != CAST_LINK_CLOSING && !wanted) {
		request->kind = DFUCAST_REQUEST_CLOSE;
	} else if (target->link == CAST_LINK_UP && wanted &&
		   cast->config.consumer->wants_resync(cast->config.plan, seat->device)) {
		request->kind = DFUCAST_REQUEST_RESYNC;
	} else {
		return false;
	}
	target->link = (uint8_t)(CAST_LINK_ASKED + request->kind);
	request->link.target = (uint16_t)(seat->next - 1u);
	request->link.generation = target->generation;
	return true;
}

bool dfucast_cast_next_request(struct dfucast_cast *cast, struct dfucast_link_request *request, uint32_t now)
{
	struct cast_seat seat;

	for (seat.next = 0; dfucast_cast_walk(cast, CAST_ANY_PHASE, &seat);) {
		if (request_for(cast, &seat, request, now)) {
			return true;
		}
	}
	return false;
}

void dfucast_cast_link_up(struct dfucast_cast *cast, struct dfucast_link link,
			  const struct dfucast_link_info *info, uint32_t now)
{
	struct cast_seat seat;

	if (find(cast, link, LINK(OPENING), &seat)) {
		seat.target->link = CAST_LINK_UP;
		cast->config.consumer->link_up(cast->config.plan, seat.device, info, now);
		run(cast, now);
	}
}

void dfucast_cast_link_down(struct dfucast_cast *cast, struct dfucast_link link, enum dfucast_err err,
			    uint32_t now)
{
	struct cast_seat seat;

	if (!find(cast, link, ~LINK(DOWN), &seat)) {
		return;
	}
	bool asked = seat.target->link == CAST_LINK_CLOSING;

	seat.target->link = CAST_LINK_DOWN;
	seat.target->retry_ms = now + (RETRY_MS_FIRST << seat.target->opens);
	if (seat.target->opens < RETRY_SHIFT_MAX) {
		seat.target->opens++;
	}
	cast->links_open--;
	seat.target->flags = (uint8_t)(seat.target->flags & ~(CAST_CUT | CAST_SENDING));
	cast->config.consumer->link_down(cast->config.plan, seat.device, asked ? DFUCAST_ERR_OK : err, now);
	run(cast, now);
}

void dfucast_cast_resynced(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now)
{
	struct cast_seat seat;

	if (find(cast, link, LINK(RESYNCING), &seat)) {
		seat.target->link = CAST_LINK_UP;
		cast->config.consumer->resynced(cast->config.plan, seat.device, now);
		run(cast, now);
	}
}

void dfucast_cast_recv(struct dfucast_cast *cast, struct dfucast_link link, const uint8_t *frame,
		       size_t length, uint32_t now)
{
	struct cast_seat seat;

	if (find(cast, link, LINKS_LIVE, &seat)) {
		seat.target->opens = 0; /* somebody is there: the back-off begins anew */
		cast->config.consumer->recv(cast->config.plan, seat.device, frame, length, now);
		run(cast, now);
	}
}

void dfucast_cast_noise(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now)
{
	struct cast_seat seat;

	if (find(cast, link, LINKS_LIVE, &seat)) {
		cast->config.consumer->noise(cast->config.plan, seat.device, now);
	}
}

size_t dfucast_cast_begin(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now)
{
	struct cast_seat seat;

	if (!find(cast, link, LINK(UP), &seat)) {
		return 0;
	}
	bool in_pass = seat.target->flags & CAST_IN_PASS;
	struct dfucast_grant grant = {
	    .tail = cast->ring.tail,
	    .head = in_pass ? cast->ring.head : cast->ring.tail, /* not in the pass: control frames only */
	    /* Full: no more comes before somebody moves. Who takes all there is shows that another holds it back. */
	    .partial = dfucast_cast_ring_is_full(cast)};
	size_t length = cast->config.consumer->begin(cast->config.plan, seat.device, &grant, now);

	if (length > 0 && in_pass) {
		seat.target->flags |= CAST_SENDING;
	}
	return length;
}

static void read_ring(const void *context, uint32_t offset, uint8_t *buffer, uint32_t length)
{
	dfucast_ring_read(context, offset, buffer, length);
}

void dfucast_cast_read(const struct dfucast_cast *cast, struct dfucast_link link, size_t position,
		       uint8_t *buffer, size_t length)
{
	const struct dfucast_image_bytes image = {.context = &cast->ring, .read = read_ring};
	struct cast_seat seat = {.device = NULL};
	bool live = find(cast, link, LINKS_LIVE, &seat);

	DFUCAST_ASSERT(live);
	cast->config.consumer->read(cast->config.plan, seat.device, &image, position, buffer, length);
}

void dfucast_cast_sent(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now)
{
	struct cast_seat seat;

	if (find(cast, link, LINKS_LIVE, &seat)) {
		seat.target->flags = (uint8_t)(seat.target->flags & ~CAST_SENDING);
		cast->config.consumer->sent(cast->config.plan, seat.device, now);
	}
}

/* ---- time and state ---- */

static void earlier(uint32_t *deadline, bool *timed, uint32_t candidate)
{
	if (!*timed || (int32_t)(candidate - *deadline) < 0) {
		*deadline = candidate;
	}
	*timed = true;
}

bool dfucast_cast_deadline(const struct dfucast_cast *cast, uint32_t *deadline)
{
	struct cast_seat seat;
	uint32_t when;
	bool timed = false;

	if (!cast->paused && cast->gathering) {
		earlier(deadline, &timed, cast->gather_end_ms);
	}
	if (!cast->paused && cast->streaming && dfucast_cast_ring_is_full(cast)) {
		/* Somebody may be holding the others back: look again soon. A tenth of the patience is fine enough. */
		earlier(deadline, &timed, cast->run_ms + cast->config.straggle_ms / 10u + 1u);
	}
	for (seat.next = 0; dfucast_cast_walk(cast, ~cast->paused, &seat);) {
		if (cast->config.consumer->deadline(cast->config.plan, seat.device, &when)) {
			earlier(deadline, &timed, when);
		}
		if (seat.target->link == CAST_LINK_DOWN && wants_link(cast, &seat)) {
			earlier(deadline, &timed, seat.target->retry_ms);
		}
	}
	return timed;
}

void dfucast_cast_tick(struct dfucast_cast *cast, uint32_t now)
{
	struct cast_seat seat;
	uint32_t when;

	for (seat.next = 0; dfucast_cast_walk(cast, ~cast->paused, &seat);) {
		if (cast->config.consumer->deadline(cast->config.plan, seat.device, &when) &&
		    cast_reached(now, when)) {
			cast->config.consumer->tick(cast->config.plan, seat.device, now);
		}
	}
	run(cast, now);
}

void dfucast_cast_stop(struct dfucast_cast *cast, enum dfucast_err why, uint32_t now)
{
	dfucast_cast_stop_phases(cast, ~CAST_PHASE(ENDED), why);
	run(cast, now);
}

bool dfucast_cast_is_done(const struct dfucast_cast *cast)
{
	struct cast_seat seat;

	seat.next = 0;
	return !dfucast_cast_walk(cast, ~CAST_PHASE(ENDED), &seat);
}

void dfucast_cast_status(const struct dfucast_cast *cast, uint16_t target, struct dfucast_status *status)
{
	DFUCAST_ASSERT(target < cast->config.count);
	cast->config.consumer->status(cast->config.plan, device_at(cast, target), status);
}
