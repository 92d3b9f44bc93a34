/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of events, a generator, a hash. */
#include "events.h"
#include <assert.h>
#include <stdlib.h>

const char *sim_event_name(uint8_t kind)
{
	static const char *const names[SIM_EVENT_KIND_COUNT] = {
	    "anchor", "pair", "host",    "connect", "opened", "closed", "resynced",
	    "uart",   "tick", "peer",    "drop",    "empty",  "lost",   "down",
	    "up",     "dead", "request", "write",   "boot",   "power",  "state",
	};

	return kind < SIM_EVENT_KIND_COUNT ? names[kind] : "?";
}

void sim_events_free(struct sim_events *events)
{
	free(events->heap);
	*events = (struct sim_events){0};
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
	struct sim_event c = *a;

	*a = *b;
	*b = c;
}

void sim_events_add(struct sim_events *events, uint64_t when, uint8_t kind, uint16_t index, uint32_t epoch)
{
	uint32_t at = events->count;

	if (events->count == events->room) {
		events->room = events->room * 2 + 64;
		events->heap = realloc(events->heap, events->room * sizeof(*events->heap));
		assert(events->heap != NULL);
	}
	events->heap[events->count++] = (struct sim_event){.when = when < events->now ? events->now : when,
							   .order = events->order++,
							   .epoch = epoch,
							   .index = index,
							   .kind = kind};
	while (at > 0 && before(&events->heap[at], &events->heap[(at - 1) / 2])) {
		swap(&events->heap[at], &events->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

bool sim_events_next(struct sim_events *events, uint64_t until, struct sim_event *event)
{
	uint32_t at = 0;

	if (events->count == 0 || events->heap[0].when > until) {
		return false;
	}
	*event = events->heap[0];
	events->now = event->when;
	events->heap[0] = events->heap[--events->count];
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= events->count) {
			return true;
		}
		if (child + 1 < events->count && before(&events->heap[child + 1], &events->heap[child])) {
			child++;
		}
		if (!before(&events->heap[child], &events->heap[at])) {
			return true;
		}
		swap(&events->heap[at], &events->heap[child]);
		at = child;
	}
}

void sim_chance_seed(struct sim_chance *chance, uint64_t seed)
{
	chance->state = seed * 0x9E3779B97F4A7C15ull + 0xD1B54A32D192ED03ull;
}

/* SplitMix64. */
uint32_t sim_chance_next(struct sim_chance *chance)
{
	uint64_t z = chance->state += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return (uint32_t)((z ^ z >> 31) >> 32);
}

bool sim_chance_ppm(struct sim_chance *chance, uint32_t ppm)
{
	return ppm != 0 && (uint32_t)((uint64_t)sim_chance_next(chance) * 1000000u >> 32) < ppm;
}

uint64_t sim_hash(uint64_t hash, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++) {
		hash = (hash ^ (value >> (8 * i) & 0xFFu)) * 0x100000001B3ull;
	}
	return hash;
}
