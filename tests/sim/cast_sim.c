/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet in virtual time: events, links, the calls in their prescribed order. */
#include "cast_sim.h"

#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Far more than any run does without time moving on: beyond it something spins. */
#define SPIN_MAX 20000u
#define ANSWER_BYTES_MAX 8192u

enum event_kind {
	EVENT_OPENED,
	EVENT_CLOSED,
	EVENT_RESYNCED,
	EVENT_LOST,
	EVENT_TO_DEVICE,
	EVENT_TO_CAST,
	EVENT_NOISE
};

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert failed: %s:%d\n", file, line);
	abort();
}

static bool reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

static bool chance(struct cast_sim *sim, uint32_t ppm)
{
	sim->seed ^= sim->seed << 13;
	sim->seed ^= sim->seed >> 7;
	sim->seed ^= sim->seed << 17;
	return ppm != 0 && (uint32_t)(sim->seed % 1000000u) < ppm;
}

/* ---- construction ---- */

struct cast_sim *cast_sim_new(uint16_t count, uint32_t image_bytes)
{
	static const uint8_t versions[3][4] = {{1, 0, 0, 0}, {2, 0, 0, 0}, {3, 1, 0, 7}};
	struct cast_sim *sim = calloc(1, sizeof(*sim));

	assert_non_null(sim);
	assert_true(count <= CAST_SIM_NODES_MAX);
	sim->count = count;
	sim->nodes = calloc(count, sizeof(*sim->nodes));
	sim->image_bytes = image_bytes;
	sim->first_bytes = image_bytes;
	sim->factory_bytes = image_bytes > 600 ? image_bytes - 500 : image_bytes;
	sim->other_bytes = image_bytes;
	sim->factory = malloc(sim->factory_bytes);
	sim->image = malloc(sim->image_bytes);
	sim->other = malloc(sim->other_bytes);
	assert_non_null(sim->nodes);
	sim_peer_image_make(sim->factory, sim->factory_bytes, versions[0], 1);
	sim_peer_image_make(sim->image, sim->image_bytes, versions[1], 2);
	sim_peer_image_make(sim->other, sim->other_bytes, versions[2], 3);
	sim_peer_sha256(sim->factory, sim->factory_bytes, sim->digests[0]);
	sim_peer_sha256(sim->image, sim->image_bytes, sim->digests[1]);
	sim_peer_sha256(sim->other, sim->other_bytes, sim->digests[2]);
	sim->plan.header = sim->image;
	sim->plan.sha = sim->digests[1];
	sim->plan.hash = sim->image + image_bytes - 32;
	sim->plan.hash_bytes = 32;
	sim->plan.image_bytes = image_bytes;
	sim->plan.version.major = 2;
	sim->config.ring_bytes = 65536;
	sim->config.image_bytes = image_bytes;
	sim->config.canary = 1;
	sim->config.rewinds = true;
	sim->config.gather_ms = 5000;
	sim->start_ms = 1000;
	sim->limit_ms = 3600u * 1000u;
	sim->feed_bytes = 1000;
	sim->seed = 0x9E3779B97F4A7C15u;
	for (uint16_t i = 0; i < count; i++) {
		struct cast_sim_node *node = &sim->nodes[i];

		sim_peer_config_default(&node->config);
		node->sim = sim;
		node->link.open_ms = 30;
		node->link.delay_ms = 5;
		node->link.supervision_ms = 600;
		node->link.frame_max = 2000;
		node->link.frame_fallback = 256;
		node->link.value_max = 2000;
		node->link.flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_KEEPS;
	}
	return sim;
}

void cast_sim_second(struct cast_sim *sim, uint32_t bytes)
{
	static const uint8_t versions[2][4] = {{1, 5, 0, 0}, {3, 0, 0, 0}};
	uint8_t *second;

	sim->image_bytes = sim->first_bytes + bytes;
	sim->image = realloc(sim->image, sim->image_bytes);
	sim->old_second_bytes = bytes - 300;
	sim->old_second = malloc(sim->old_second_bytes);
	assert_true(sim->image != NULL && sim->old_second != NULL);
	second = sim->image + sim->first_bytes;
	sim_peer_image_make(sim->old_second, sim->old_second_bytes, versions[0], 11);
	sim_peer_image_make(second, bytes, versions[1], 12);
	sim_peer_sha256(sim->old_second, sim->old_second_bytes, sim->digests[3]);
	sim_peer_sha256(second, bytes, sim->digests[4]);
	sim->second = (struct dfucast_update_image){.header = second,
						    .sha = sim->digests[4],
						    .hash = second + bytes - 32,
						    .hash_bytes = 32,
						    .image_bytes = bytes,
						    .version = {.major = 3},
						    .image = 1};
	sim->plan.header = sim->image;
	sim->plan.hash = sim->image + sim->first_bytes - 32;
	sim->plan.more = &sim->second;
	sim->plan.more_count = 1;
	sim->plan.set = &dfucast_update_set;
	sim->plan.mode = DFUCAST_MODE_CONFIRM;
	sim->config.image_bytes = sim->image_bytes;
	for (uint16_t i = 0; i < sim->count; i++) {
		sim->nodes[i].config.images = 2;
		sim->nodes[i].config.second = sim->old_second;
		sim->nodes[i].config.second_bytes = sim->old_second_bytes;
		sim->nodes[i].config.buf_size = 1024; /* its list of four slots */
	}
}

void cast_sim_make_ble(struct cast_sim_node *node, uint16_t value_max)
{
	node->config.reassembly = true;
	node->link.value_max = value_max;
	node->link.frame_fallback = value_max;
	node->link.flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_FRAGMENTS;
}

void cast_sim_fault(struct cast_sim_node *node, struct sim_peer_fault fault)
{
	for (unsigned int i = 0; i < SIM_PEER_FAULTS_MAX; i++) {
		if (node->config.faults[i].kind == SIM_PEER_FAULT_NONE) {
			node->config.faults[i] = fault;
			return;
		}
	}
	fail_msg("too many faults");
}

void cast_sim_free(struct cast_sim *sim)
{
	for (uint32_t i = 0; i < sim->event_count; i++) {
		free(sim->events[i].bytes);
	}
	for (uint16_t i = 0; i < sim->count && sim->devices != NULL; i++) {
		sim_peer_free(&sim->nodes[i].peer);
	}
	free(sim->events);
	free(sim->devices);
	free(sim->targets);
	free(sim->ring);
	free(sim->nodes);
	free(sim->factory);
	free(sim->image);
	free(sim->old_second);
	free(sim->other);
	free(sim);
}

/* ---- events ---- */

static void post(struct cast_sim *sim, const struct cast_sim_node *node, uint8_t kind, uint32_t delay,
		 const uint8_t *bytes, uint32_t length)
{
	struct cast_sim_event event = {.when = sim->now + delay,
				       .order = sim->order++,
				       .epoch = node->epoch,
				       .node = (uint16_t)(node - sim->nodes),
				       .generation = node->generation,
				       .kind = kind,
				       .length = length};
	uint32_t at = sim->event_count;

	if (length > 0) {
		event.bytes = malloc(length);
		assert_non_null(event.bytes);
		memcpy(event.bytes, bytes, length);
	}
	if (sim->event_count == sim->event_room) {
		sim->event_room = sim->event_room * 2 + 64;
		sim->events = realloc(sim->events, sim->event_room * sizeof(*sim->events));
		assert_non_null(sim->events);
	}
	while (at > 0 && (int32_t)(sim->events[at - 1].when - event.when) > 0) {
		sim->events[at] = sim->events[at - 1];
		at--;
	}
	sim->events[at] = event;
	sim->event_count++;
}

static void lose_link(struct cast_sim_node *node, uint32_t delay)
{
	if ((node->link_state == CAST_SIM_UP || node->link_state == CAST_SIM_RESYNCING ||
	     node->link_state == CAST_SIM_CLOSING) &&
	    !node->dead) {
		node->dead = true;
		post(node->sim, node, EVENT_LOST, delay, NULL, 0);
	}
}

/* What the device did by itself: resets, answers. */
static void follow_device(struct cast_sim *sim, struct cast_sim_node *node)
{
	static uint8_t answer[ANSWER_BYTES_MAX];
	size_t length;

	if (node->peer.boots != node->boots_seen) {
		node->boots_seen = node->peer.boots;
		if (node->link.noise) {
			post(sim, node, EVENT_NOISE, 300, NULL, 0);
		}
		if (!(node->link.flags & DFUCAST_LINK_KEEPS)) {
			lose_link(node, node->link.supervision_ms);
		}
	}
	if (node->peer.drop_link) {
		node->peer.drop_link = false;
		sim_peer_disconnect(&node->peer);
		lose_link(node, 0);
	}
	while ((length = sim_peer_answer(&node->peer, answer, sizeof(answer), sim->now)) > 0) {
		if (!node->dead && !chance(sim, node->link.loss_ppm)) {
			post(sim, node, EVENT_TO_CAST, node->link.delay_ms, answer, (uint32_t)length);
		}
	}
}

static struct dfucast_link link_of(const struct cast_sim *sim, const struct cast_sim_node *node)
{
	return (struct dfucast_link){.target = (uint16_t)(node - sim->nodes), .generation = node->generation};
}

static void link_gone(struct cast_sim_node *node)
{
	node->link_state = CAST_SIM_DOWN;
	node->dead = false;
	node->tx_length = 0;
	node->epoch++;
}

static void opened(struct cast_sim *sim, struct cast_sim_node *node)
{
	bool there = ((node->link.flags & DFUCAST_LINK_KEEPS) || sim_peer_connectable(&node->peer)) &&
		     sim->now - sim->start_ms >= node->link.appears_ms && node->link.open_err == 0;

	if (!there) {
		link_gone(node);
		dfucast_cast_link_down(&sim->cast, link_of(sim, node),
				       node->link.open_err ? (enum dfucast_err)node->link.open_err
							   : DFUCAST_ERR_UNREACHABLE,
				       sim->now);
		return;
	}
	const struct dfucast_link_info info = {.frame_max = node->link.frame_max,
					       .frame_fallback = node->link.frame_fallback,
					       .value_max = node->link.value_max,
					       .flags = node->link.flags};

	node->link_state = CAST_SIM_UP;
	node->opens++;
	dfucast_cast_link_up(&sim->cast, link_of(sim, node), &info, sim->now);
}

static void deliver(struct cast_sim *sim, const struct cast_sim_event *event)
{
	struct cast_sim_node *node = &sim->nodes[event->node];
	struct dfucast_link link = {.target = event->node, .generation = event->generation};
	bool current = event->epoch == node->epoch;

	switch (event->kind) {
	case EVENT_OPENED:
		if (current && node->link_state == CAST_SIM_OPENING) {
			opened(sim, node);
		}
		break;
	case EVENT_CLOSED:
	case EVENT_LOST:
		if (current) {
			sim_peer_disconnect(&node->peer);
			link_gone(node);
			dfucast_cast_link_down(
			    &sim->cast, link,
			    event->kind == EVENT_LOST ? DFUCAST_ERR_LINK_LOST : DFUCAST_ERR_OK, sim->now);
		}
		break;
	case EVENT_RESYNCED:
		if (current && node->link_state == CAST_SIM_RESYNCING && !node->dead) {
			node->link_state = CAST_SIM_UP;
			sim_peer_resubscribe(&node->peer);
			dfucast_cast_resynced(&sim->cast, link, sim->now);
		}
		break;
	case EVENT_TO_DEVICE:
		if (current && !node->dead) {
			sim_peer_receive(&node->peer, event->bytes, event->length, sim->now);
		}
		break;
	case EVENT_NOISE:
		dfucast_cast_noise(&sim->cast, link, sim->now);
		break;
	default: /* also what a closed link still had under way: the cast must drop it */
		node->stale += current ? 0 : 1;
		dfucast_cast_recv(&sim->cast, link, event->bytes, event->length, sim->now);
		break;
	}
}

/* ---- the prescribed calls ---- */

static void handle_request(struct cast_sim *sim, const struct dfucast_link_request *request)
{
	struct cast_sim_node *node = &sim->nodes[request->link.target];

	switch (request->kind) {
	case DFUCAST_REQUEST_OPEN:
		assert_int_equal(node->link_state, CAST_SIM_DOWN);
		node->generation = request->link.generation;
		node->link_state = CAST_SIM_OPENING;
		node->epoch++;
		post(sim, node, EVENT_OPENED, node->link.open_ms, NULL, 0);
		break;
	case DFUCAST_REQUEST_CLOSE:
		assert_int_not_equal(node->link_state, CAST_SIM_DOWN);
		assert_int_equal(request->link.generation, node->generation);
		node->link_state = CAST_SIM_CLOSING;
		post(sim, node, EVENT_CLOSED, node->link.open_ms, NULL, 0);
		break;
	default:
		assert_int_equal(request->kind, DFUCAST_REQUEST_RESYNC);
		assert_int_equal(node->link_state, CAST_SIM_UP);
		assert_int_equal(node->tx_length, 0); /* never in the middle of a frame */
		node->link_state = CAST_SIM_RESYNCING;
		node->resyncs++;
		post(sim, node, EVENT_RESYNCED, node->link.open_ms, NULL, 0);
		break;
	}
}

/* Reads a part of the begun frame twice: it must not change. */
static void read_part(struct cast_sim *sim, struct cast_sim_node *node, size_t position, size_t length)
{
	uint8_t again[CAST_SIM_FRAME_BYTES_MAX];

	dfucast_cast_read(&sim->cast, link_of(sim, node), position, node->tx + position, length);
	dfucast_cast_read(&sim->cast, link_of(sim, node), position, again, length);
	assert_memory_equal(node->tx + position, again, length);
}

static bool transmit(struct cast_sim *sim, struct cast_sim_node *node)
{
	struct dfucast_link link = link_of(sim, node);

	if (node->link_state != CAST_SIM_UP) {
		return false;
	}
	if (node->tx_length == 0) {
		size_t length = dfucast_cast_begin(&sim->cast, link, sim->now);

		if (length == 0) {
			return false;
		}
		assert_true(length >= 8 && length <= sizeof(node->tx));
		assert_true(length <= node->link.frame_max);
		assert_int_equal(dfucast_cast_begin(&sim->cast, link, sim->now), length);
		node->tx_length = (uint16_t)length;
		node->tx_position = 0;
		node->tx_next_ms = sim->now;
	}
	if (!reached(sim->now, node->tx_next_ms)) {
		return false;
	}
	if (node->tx_position == node->tx_length) {
		node->tx_length = 0;
		node->frames_sent++;
		dfucast_cast_sent(&sim->cast, link, sim->now);
		return true;
	}
	bool fragments = node->link.flags & DFUCAST_LINK_FRAGMENTS;
	uint32_t piece = (uint32_t)(node->tx_length - node->tx_position);

	if (fragments && piece > node->link.value_max) {
		piece = node->link.value_max;
	} else if (!fragments && piece > 61) {
		piece = 61; /* a UART takes what it takes */
	}
	uint32_t takes = node->link.bytes_per_s ? piece * 1000u / node->link.bytes_per_s : 0;

	read_part(sim, node, node->tx_position, piece);
	node->tx_position = (uint16_t)(node->tx_position + piece);
	node->tx_next_ms = sim->now + takes;
	bool whole = node->tx_position == node->tx_length;

	if (fragments || whole) {
		const uint8_t *from = fragments ? node->tx + node->tx_position - piece : node->tx;
		uint32_t length = fragments ? piece : node->tx_length;

		node->pieces++;
		/* The air loses nothing; a server drops a frame's first piece when it has no buffer for it. */
		bool lost = node->tx_position == piece || !fragments
				? node->pieces == node->link.lose_piece || chance(sim, node->link.loss_ppm)
				: false;

		if (!node->dead && !lost) {
			post(sim, node, EVENT_TO_DEVICE, takes + node->link.delay_ms, from, length);
		}
	}
	return true;
}

static bool feed(struct cast_sim *sim)
{
	uint32_t offset;
	uint32_t length;

	if (!dfucast_cast_need(&sim->cast, &offset, &length)) {
		sim->feeding = false;
		return false;
	}
	assert_true(length >= 1 && offset + length <= sim->image_bytes);
	if (sim->feed_ms != 0) {
		if (!sim->feeding) {
			sim->feeding = true;
			sim->feed_ready_ms = sim->now + sim->feed_ms;
		}
		if (!reached(sim->now, sim->feed_ready_ms)) {
			return false;
		}
		sim->feeding = false;
	}
	if (offset < sim->source) {
		assert_true(sim->config.rewinds);
		sim->rewinds++;
	}
	if (length > sim->feed_bytes) {
		length = sim->feed_bytes;
	}
	uint32_t taken = dfucast_cast_feed(&sim->cast, offset, sim->image + offset, length, sim->now);

	assert_true(taken > 0 && taken <= length);
	sim->source = offset + taken;
	sim->fed_bytes += taken;
	if (offset <= sim->hashed && offset + taken > sim->hashed) {
		sim->hashed = offset + taken;
	}
	return true;
}

static void pump(struct cast_sim *sim)
{
	struct dfucast_link_request request;
	uint32_t spins = 0;
	bool moved = true;

	while (moved) {
		moved = false;
		while (dfucast_cast_next_request(&sim->cast, &request, sim->now)) {
			handle_request(sim, &request);
			assert_true(++spins < SPIN_MAX);
		}
		for (uint16_t i = 0; i < sim->count; i++) {
			moved = transmit(sim, &sim->nodes[i]) || moved;
		}
		moved = feed(sim) || moved;
		if (sim->verify_late && !sim->cast.image_verified && sim->hashed == sim->image_bytes) {
			dfucast_cast_set_image_verified(&sim->cast, sim->now);
			moved = true;
		}
		assert_true(++spins < SPIN_MAX);
	}
	cast_sim_check(sim);
}

/* ---- time ---- */

static void sooner(uint32_t *when, bool *timed, uint32_t candidate)
{
	if (!*timed || (int32_t)(candidate - *when) < 0) {
		*when = candidate;
	}
	*timed = true;
}

static bool next_time(const struct cast_sim *sim, uint32_t *when)
{
	bool timed = dfucast_cast_deadline(&sim->cast, when);
	uint32_t candidate;

	if (sim->event_count > 0) {
		sooner(when, &timed, sim->events[0].when);
	}
	if (sim->stop_ms != 0 && sim->elapsed_ms < sim->stop_ms) {
		sooner(when, &timed, sim->start_ms + sim->stop_ms);
	}
	if (sim->feeding) {
		sooner(when, &timed, sim->feed_ready_ms);
	}
	for (uint16_t i = 0; i < sim->count; i++) {
		const struct cast_sim_node *node = &sim->nodes[i];

		if (sim_peer_deadline(&node->peer, &candidate)) {
			sooner(when, &timed, candidate);
		}
		if (node->tx_length != 0 && node->link_state == CAST_SIM_UP) {
			sooner(when, &timed, node->tx_next_ms);
		}
	}
	return timed;
}

void cast_sim_begin(struct cast_sim *sim)
{
	sim->devices = calloc(sim->count, sizeof(*sim->devices));
	sim->targets = calloc(sim->count, sizeof(*sim->targets));
	sim->ring = malloc(sim->config.ring_bytes);
	assert_non_null(sim->ring);
	sim->now = sim->start_ms;
	for (uint16_t i = 0; i < sim->count; i++) {
		struct cast_sim_node *node = &sim->nodes[i];

		sim->devices[i].match = node->match;
		node->config.context = node;
		node->config.observe = cast_sim_observe;
		sim_peer_init(&node->peer, &node->config, sim->factory, sim->factory_bytes, sim->now);
		if (node->preset != NULL) {
			sim_peer_preset(&node->peer, node->preset, node->preset_bytes, node->preset_magic,
					node->preset_image_ok);
		}
		if (node->preset_boot) {
			sim_peer_reset(&node->peer, sim->now - 60000u);
			sim_peer_tick(&node->peer, sim->now - 50000u);
			node->boots_seen = node->peer.boots;
		}
	}
	sim->config.consumer = &dfucast_update_consumer;
	sim->config.plan = &sim->plan;
	sim->config.devices = sim->devices;
	sim->config.device_bytes = sizeof(struct dfucast_update);
	sim->config.targets = sim->targets;
	sim->config.ring = sim->ring;
	sim->config.count = sim->count;
	dfucast_cast_init(&sim->cast, &sim->config);
	if (!sim->verify_late) {
		dfucast_cast_set_image_verified(&sim->cast, sim->now);
	}
	dfucast_cast_start(&sim->cast, sim->now);
	pump(sim);
}

static bool finished(const struct cast_sim *sim)
{
	return dfucast_cast_is_done(&sim->cast) && sim->cast.links_open == 0;
}

bool cast_sim_step(struct cast_sim *sim)
{
	uint32_t when;

	if (finished(sim)) {
		return false;
	}
	if (!next_time(sim, &when)) {
		fail_msg("nothing will ever happen again: %s, %s", sim->nodes[0].states, sim->nodes[0].trace);
	}
	if (!reached(sim->now, when)) {
		sim->now = when;
	}
	sim->elapsed_ms = sim->now - sim->start_ms;
	if (sim->elapsed_ms > sim->limit_ms) {
		fail_msg("not finished in time: %s, %s", sim->nodes[0].states, sim->nodes[0].trace);
	}
	for (uint16_t i = 0; i < sim->count; i++) {
		sim_peer_tick(&sim->nodes[i].peer, sim->now);
		follow_device(sim, &sim->nodes[i]);
	}
	while (sim->event_count > 0 && reached(sim->now, sim->events[0].when)) {
		struct cast_sim_event event = sim->events[0];

		sim->event_count--;
		memmove(sim->events, sim->events + 1, sim->event_count * sizeof(event));
		deliver(sim, &event);
		free(event.bytes);
		for (uint16_t i = 0; i < sim->count; i++) {
			follow_device(sim, &sim->nodes[i]);
		}
		pump(sim);
	}
	if (sim->stop_ms != 0 && sim->elapsed_ms >= sim->stop_ms && !dfucast_cast_is_done(&sim->cast)) {
		dfucast_cast_stop(&sim->cast, DFUCAST_ERR_ABORTED, sim->now);
	}
	if (dfucast_cast_deadline(&sim->cast, &when) && reached(sim->now, when)) {
		dfucast_cast_tick(&sim->cast, sim->now);
	}
	pump(sim);
	return true;
}

void cast_sim_run(struct cast_sim *sim)
{
	uint32_t spins = 0;
	uint32_t before;

	cast_sim_begin(sim);
	before = sim->now;
	while (cast_sim_step(sim)) {
		spins = sim->now == before ? spins + 1 : 0;
		before = sim->now;
		if (spins > SPIN_MAX) {
			fail_msg("time stands still: %s, %s", sim->nodes[0].states, sim->nodes[0].trace);
		}
	}
	for (uint16_t i = 0; i < sim->count; i++) {
		assert_int_equal(sim->nodes[i].link_state, CAST_SIM_DOWN);
		assert_true(sim->writes_in_recovery || sim->nodes[i].recovery_writes == 0);
	}
}
