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

void *dfucast_cast_device(const struct dfucast_cast *cast, unsigned int index)
{
	return (uint8_t *)cast->config.devices + (size_t)index * cast->config.device_bytes;
}

enum dfucast_phase dfucast_cast_phase(const struct dfucast_cast *cast, unsigned int index)
{
	return cast->config.consumer->phase(cast->config.plan, dfucast_cast_device(cast, index));
}

void dfucast_cast_stop_device(struct dfucast_cast *cast, unsigned int index, enum dfucast_err why)
{
	cast->config.consumer->stop(cast->config.plan, dfucast_cast_device(cast, index), why);
}

unsigned int dfucast_cast_slots_held(const struct dfucast_cast *cast)
{
	unsigned int held = 0;

	for (unsigned int i = 0; i < cast->config.count; i++) {
		const struct dfucast_cast_target *target = &cast->config.targets[i];
		enum dfucast_phase phase = dfucast_cast_phase(cast, i);
		bool needs = phase != DFUCAST_PHASE_IDLE && phase != DFUCAST_PHASE_ENDED &&
			     !(target->flags & CAST_PARKED);

		held += needs || target->link != CAST_LINK_DOWN;
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

	for (unsigned int i = 0; i < cast->config.count; i++) {
		if (dfucast_cast_phase(cast, i) != DFUCAST_PHASE_IDLE) {
			continue;
		}
		if (holders < cast->config.links_max) {
			holders++;
			cast->config.targets[i].retry_ms = now;
			cast->config.consumer->start(cast->config.plan, dfucast_cast_device(cast, i), now);
		} else {
			idle++;
		}
	}
	for (unsigned int i = 0; i < cast->config.count && idle > 0; i++) {
		struct dfucast_cast_target *target = &cast->config.targets[i];
		enum dfucast_phase phase = dfucast_cast_phase(cast, i);

		if (phase == DFUCAST_PHASE_VERIFIED) {
			target->flags |= CAST_PARKED;
		}
		if ((phase == DFUCAST_PHASE_VERIFIED || phase == DFUCAST_PHASE_ENDED) &&
		    target->link != CAST_LINK_DOWN) {
			idle--; /* gets this one's slot when its link is closed */
		}
	}
}

static void run(struct dfucast_cast *cast, uint32_t now)
{
	uint32_t elapsed = now - cast->run_ms;

	cast->run_ms = now;
	if (cast->paused) {
		return;
	}
	dfucast_cast_stream_run(cast, elapsed, now);
	dfucast_cast_gate_run(cast, now);
	if (cast->started) {
		admit(cast, now);
	}
}

void dfucast_cast_init(struct dfucast_cast *cast, const struct dfucast_cast_config *config)
{
	DFUCAST_ASSERT(config->count > 0 && config->count <= DFUCAST_CAST_TARGETS_MAX);
	DFUCAST_ASSERT(config->devices != NULL && config->targets != NULL && config->consumer != NULL);
	DFUCAST_ASSERT(config->image_bytes > 0);
	memset(cast, 0, sizeof(*cast));
	cast->config = *config;
	if (cast->config.links_max == 0) {
		cast->config.links_max = config->count;
	}
	if (cast->config.max_failed == 0) {
		cast->config.max_failed = 1;
	}
	if (cast->config.straggle_ms == 0) {
		cast->config.straggle_ms = 500;
	}
	if (cast->config.erase_ms == 0) {
		cast->config.erase_ms = 15000;
	}
	/* What is charged is counted in 16 bits. */
	cast->config.straggle_ms = cast->config.straggle_ms < 60000u ? cast->config.straggle_ms : 60000u;
	cast->config.erase_ms = cast->config.erase_ms < 60000u ? cast->config.erase_ms : 60000u;
	cast->commanded = config->commanded;
	memset(config->targets, 0, sizeof(*config->targets) * config->count);
	dfucast_ring_init(&cast->ring, config->ring, config->ring_bytes);
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

/* A pause stops this device: its activation has not begun, or is over. */
static bool rests(const struct dfucast_cast *cast, unsigned int index)
{
	return cast->paused && dfucast_cast_phase(cast, index) != DFUCAST_PHASE_ACTIVATING;
}

void dfucast_cast_pause(struct dfucast_cast *cast, uint32_t now)
{
	cast->paused = true;
	run(cast, now);
}

void dfucast_cast_resume(struct dfucast_cast *cast, uint32_t now)
{
	if (!cast->paused) {
		return;
	}
	for (unsigned int i = 0; i < cast->config.count; i++) {
		struct dfucast_cast_target *target = &cast->config.targets[i];

		if (rests(cast, i) && target->link == CAST_LINK_DOWN) {
			/* Once more, so that its patience begins now and not when the pause began. */
			cast->config.consumer->link_down(cast->config.plan, dfucast_cast_device(cast, i),
							 DFUCAST_ERR_OK, now);
			target->retry_ms = now;
			target->opens = 0;
		}
	}
	cast->paused = false;
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

/* The target of a link, or NULL: of an older generation. */
static struct dfucast_cast_target *target_of(const struct dfucast_cast *cast, struct dfucast_link link)
{
	if (link.target >= cast->config.count) {
		return NULL;
	}
	struct dfucast_cast_target *target = &cast->config.targets[link.target];

	return target->generation == link.generation ? target : NULL;
}

/* The target of a live link, or NULL: closed, being closed, or of an older generation. */
static struct dfucast_cast_target *live(const struct dfucast_cast *cast, struct dfucast_link link)
{
	struct dfucast_cast_target *target = target_of(cast, link);

	if (target == NULL || (target->link != CAST_LINK_UP && target->link != CAST_LINK_RESYNCING)) {
		return NULL;
	}
	return target;
}

static bool wants_link(const struct dfucast_cast *cast, unsigned int index)
{
	return !(cast->config.targets[index].flags & (CAST_PARKED | CAST_CUT)) && !rests(cast, index) &&
	       cast->config.consumer->wants_link(cast->config.plan, dfucast_cast_device(cast, index));
}

static bool request_for(struct dfucast_cast *cast, unsigned int index, struct dfucast_link_request *request,
			uint32_t now)
{
	struct dfucast_cast_target *target = &cast->config.targets[index];
	bool wanted = wants_link(cast, index);

	request->link.target = (uint16_t)index;
	switch (target->link) {
	case CAST_LINK_DOWN:
		if (!wanted || !cast_reached(now, target->retry_ms)) {
			return false;
		}
		cast->links_open++;
		target->generation++;
		target->link = CAST_LINK_OPENING;
		request->kind = DFUCAST_REQUEST_OPEN;
		break;
	case CAST_LINK_OPENING:
	case CAST_LINK_RESYNCING:
	case CAST_LINK_UP:
		if (!wanted) {
			target->link = CAST_LINK_CLOSING;
			request->kind = DFUCAST_REQUEST_CLOSE;
			break;
		}
		if (target->link == CAST_LINK_UP &&
		    cast->config.consumer->wants_resync(cast->config.plan,
							dfucast_cast_device(cast, index))) {
			target->link = CAST_LINK_RESYNCING;
			request->kind = DFUCAST_REQUEST_RESYNC;
			break;
		}
		return false;
	default:
		return false;
	}
	request->link.generation = target->generation;
	return true;
}

bool dfucast_cast_next_request(struct dfucast_cast *cast, struct dfucast_link_request *request, uint32_t now)
{
	for (unsigned int i = 0; i < cast->config.count; i++) {
		if (request_for(cast, i, request, now)) {
			return true;
		}
	}
	return false;
}

void dfucast_cast_link_up(struct dfucast_cast *cast, struct dfucast_link link,
			  const struct dfucast_link_info *info, uint32_t now)
{
	struct dfucast_cast_target *target = target_of(cast, link);

	if (target == NULL || target->link != CAST_LINK_OPENING) {
		return;
	}
	target->link = CAST_LINK_UP;
	cast->config.consumer->link_up(cast->config.plan, dfucast_cast_device(cast, link.target), info, now);
	run(cast, now);
}

void dfucast_cast_link_down(struct dfucast_cast *cast, struct dfucast_link link, enum dfucast_err err,
			    uint32_t now)
{
	struct dfucast_cast_target *target = target_of(cast, link);

	if (target == NULL || target->link == CAST_LINK_DOWN) {
		return;
	}
	bool asked = target->link == CAST_LINK_CLOSING;
	uint32_t shift = target->opens < RETRY_SHIFT_MAX ? target->opens : RETRY_SHIFT_MAX;
	target->link = CAST_LINK_DOWN;
	target->retry_ms = now + (RETRY_MS_FIRST << shift);
	target->opens = (uint8_t)(shift + 1u);
	cast->links_open--;
	target->flags = (uint8_t)(target->flags & ~(CAST_CUT | CAST_SENDING));
	cast->config.consumer->link_down(cast->config.plan, dfucast_cast_device(cast, link.target),
					 asked ? DFUCAST_ERR_OK : err, now);
	run(cast, now);
}

void dfucast_cast_resynced(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now)
{
	struct dfucast_cast_target *target = live(cast, link);

	if (target == NULL || target->link != CAST_LINK_RESYNCING) {
		return;
	}
	target->link = CAST_LINK_UP;
	cast->config.consumer->resynced(cast->config.plan, dfucast_cast_device(cast, link.target), now);
	run(cast, now);
}

void dfucast_cast_recv(struct dfucast_cast *cast, struct dfucast_link link, const uint8_t *frame,
		       size_t length, uint32_t now)
{
	struct dfucast_cast_target *target = live(cast, link);

	if (target == NULL) {
		return;
	}
	target->opens = 0; /* somebody is there: the back-off begins anew */
	cast->config.consumer->recv(cast->config.plan, dfucast_cast_device(cast, link.target), frame, length,
				    now);
	run(cast, now);
}

void dfucast_cast_noise(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now)
{
	if (live(cast, link) != NULL) {
		cast->config.consumer->noise(cast->config.plan, dfucast_cast_device(cast, link.target), now);
	}
}

size_t dfucast_cast_begin(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now)
{
	struct dfucast_cast_target *target = live(cast, link);

	if (target == NULL || target->link != CAST_LINK_UP) {
		return 0;
	}
	struct dfucast_grant grant = {.tail = cast->ring.tail, .head = cast->ring.head};

	if (!(target->flags & CAST_IN_PASS)) {
		grant.head = grant.tail; /* not in the pass: control frames only */
	}
	/* Full: no more comes before somebody moves. Who takes all there is shows that another holds it back. */
	grant.partial = cast_ring_is_full(cast);
	size_t length = cast->config.consumer->begin(cast->config.plan,
						     dfucast_cast_device(cast, link.target), &grant, now);

	if (length > 0 && (target->flags & CAST_IN_PASS)) {
		target->flags |= CAST_SENDING;
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

	DFUCAST_ASSERT(live(cast, link) != NULL);
	cast->config.consumer->read(cast->config.plan, dfucast_cast_device(cast, link.target), &image,
				    position, buffer, length);
}

void dfucast_cast_sent(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now)
{
	struct dfucast_cast_target *target = live(cast, link);

	if (target != NULL) {
		target->flags = (uint8_t)(target->flags & ~CAST_SENDING);
		cast->config.consumer->sent(cast->config.plan, dfucast_cast_device(cast, link.target), now);
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
	uint32_t when;
	bool timed = !cast->paused && dfucast_cast_stream_deadline(cast, deadline);

	for (unsigned int i = 0; i < cast->config.count; i++) {
		const struct dfucast_cast_target *target = &cast->config.targets[i];

		if (rests(cast, i)) {
			continue;
		}
		if (cast->config.consumer->deadline(cast->config.plan, dfucast_cast_device(cast, i), &when)) {
			earlier(deadline, &timed, when);
		}
		if (target->link == CAST_LINK_DOWN && wants_link(cast, i)) {
			earlier(deadline, &timed, target->retry_ms);
		}
	}
	return timed;
}

void dfucast_cast_tick(struct dfucast_cast *cast, uint32_t now)
{
	for (unsigned int i = 0; i < cast->config.count; i++) {
		uint32_t when;

		if (!rests(cast, i) &&
		    cast->config.consumer->deadline(cast->config.plan, dfucast_cast_device(cast, i), &when) &&
		    cast_reached(now, when)) {
			cast->config.consumer->tick(cast->config.plan, dfucast_cast_device(cast, i), now);
		}
	}
	run(cast, now);
}

void dfucast_cast_stop(struct dfucast_cast *cast, enum dfucast_err why, uint32_t now)
{
	for (unsigned int i = 0; i < cast->config.count; i++) {
		if (dfucast_cast_phase(cast, i) != DFUCAST_PHASE_ENDED) {
			dfucast_cast_stop_device(cast, i, why);
		}
	}
	run(cast, now);
}

bool dfucast_cast_is_done(const struct dfucast_cast *cast)
{
	for (unsigned int i = 0; i < cast->config.count; i++) {
		if (dfucast_cast_phase(cast, i) != DFUCAST_PHASE_ENDED) {
			return false;
		}
	}
	return true;
}

void dfucast_cast_status(const struct dfucast_cast *cast, uint16_t target, struct dfucast_status *status)
{
	DFUCAST_ASSERT(target < cast->config.count);
	cast->config.consumer->status(cast->config.plan, dfucast_cast_device(cast, target), status);
}
