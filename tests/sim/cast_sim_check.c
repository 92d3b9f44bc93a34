/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold whatever happens, seen from outside, and the records that tests compare. */
#include "cast_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

const char *cast_sim_outcome(const struct cast_sim_node *node)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s %s", dfucast_state_name((enum dfucast_state)node->status.state),
		 dfucast_err_name(node->status.outcome.err));
	if (node->status.outcome.err == 0) {
		return dfucast_state_name((enum dfucast_state)node->status.state);
	}
	return text;
}

static void append(char *text, const char *word)
{
	size_t used = strlen(text);

	if (used + strlen(word) + 2 < CAST_SIM_TRACE_BYTES) {
		snprintf(text + used, CAST_SIM_TRACE_BYTES - used, used ? " %s" : "%s", word);
	}
}

static void append_once(char *text, const char *word)
{
	size_t used = strlen(text);
	size_t length = strlen(word);

	if (used < length || strcmp(text + used - length, word) != 0) {
		append(text, word);
	}
}

static void trace(struct cast_sim_node *node, const struct sim_peer_event *event)
{
	static const struct {
		uint16_t what; /* group, command, op as decimal digits */
		const char *word;
	} words[] = {{60, "params"},     {80, "mode"}, {160, "slots"}, {100, "list"},  {152, "erase"},
		     {6302, "settings"}, {2, "echo"},  {52, "reset"},  {112, "first"}, {70, "info"}};
	unsigned int what = event->group * 100u + event->command * 10u + event->op;

	if (what == 102) {
		append(node->trace, event->bytes[10] == 'h' ? "test" : "confirm");
	} else if (what == 112 && event->offset != 0) {
		append_once(node->trace, "stream");
	} else {
		for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (words[i].what == what) {
				append(node->trace, words[i].word);
				return;
			}
		}
		/* A piece taken for a header is the device's mistake. */
		assert_true(node->link.flags & DFUCAST_LINK_FRAGMENTS);
		append_once(node->trace, "stray");
	}
}

void cast_sim_observe(void *context, const struct sim_peer_event *event)
{
	struct cast_sim_node *node = context;
	struct cast_sim *sim = node->sim;
	bool known = false;

	switch (event->kind) {
	case SIM_PEER_EVENT_REQUEST:
		trace(node, event);
		if (event->recovery && event->group == 1 && event->op == 2) {
			node->recovery_writes++;
		}
		if (event->group == 1 && event->command == 1) {
			assert_true(event->offset + event->length <= sim->image_bytes);
		}
		break;
	case SIM_PEER_EVENT_WRITE: {
		/* Never other bytes than the image's at that place, whatever was lost or cut before. */
		uint32_t base = event->image == 0 ? 0 : sim->first_bytes;

		assert_true(base + event->offset + event->length <= sim->image_bytes);
		assert_memory_equal(event->bytes, sim->image + base + event->offset, event->length);
		node->writes += event->length;
		if (!sim->wrote) {
			sim->wrote = true;
			sim->first_write_ms = event->now;
		}
		sim->upload_ms = event->now - sim->first_write_ms;
		break;
	}
	default:
		for (unsigned int i = 0; i < 5; i++) {
			known = known || memcmp(event->digest, sim->digests[i], 32) == 0;
		}
		assert_true(known); /* no device ever starts an image that was not sent whole */
		break;
	}
}

void cast_sim_check(struct cast_sim *sim)
{
	const struct dfucast_ring *ring = &sim->cast.ring;
	uint32_t activating = 0;
	uint32_t links = 0;

	assert_true(ring->origin <= ring->tail && ring->tail <= ring->head && ring->head <= sim->image_bytes);
	assert_true(ring->head - ring->tail <= ring->size);
	for (uint16_t i = 0; i < sim->count; i++) {
		struct cast_sim_node *node = &sim->nodes[i];
		uint8_t before = node->status.state;
		uint32_t window =
		    node->config.buf_count > 2 && node->config.params ? node->config.buf_count - 1u : 1;

		dfucast_cast_status(&sim->cast, i, &node->status);
		if (node->status.state != before || node->states[0] == 0) {
			assert_false(dfucast_state_is_final((enum dfucast_state)before));
			append(node->states, dfucast_state_name((enum dfucast_state)node->status.state));
		}
		assert_true(node->status.offset <= sim->image_bytes);
		assert_true(node->status.window_peak <= window);
		assert_true(node->status.window_peak <= DFUCAST_SMP_PENDING_MAX);
		if (node->was_updated) {
			assert_true(
			    sim_peer_is_updated(&node->peer)); /* a confirmed device stays confirmed */
		}
		node->was_updated = sim_peer_is_updated(&node->peer) &&
				    memcmp(node->peer.slots[node->peer.active].bytes, sim->image, 64) == 0;
		activating += node->status.state >= DFUCAST_STATE_TESTING &&
			      node->status.state <= DFUCAST_STATE_CONFIRMING;
		links += node->link_state != CAST_SIM_DOWN;
	}
	assert_int_equal(links, sim->cast.links_open);
	assert_true(links <= sim->cast.config.links_max);
	sim->links_peak = links > sim->links_peak ? links : sim->links_peak;
	sim->activating_peak = activating > sim->activating_peak ? activating : sim->activating_peak;
}
