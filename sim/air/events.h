/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Virtual time: what happens next, in order of time and, at the same time, in the order it was asked for. And the one
 * source of chance. Nothing here depends on a compiler or on the width of a pointer.
 */
#ifndef SIM_AIR_EVENTS_H
#define SIM_AIR_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

enum sim_event_kind {
	/* radio.c */
	SIM_EVENT_ANCHOR, /**< a link's connection event begins */
	SIM_EVENT_PAIR,   /**< a pair of PDUs is over */
	SIM_EVENT_HOST,   /**< the central's host gets a notification */
	/* whoever runs the central */
	SIM_EVENT_CONNECT,  /**< the initiator looks for a peer again */
	SIM_EVENT_OPENED,   /**< a link's set-up is done */
	SIM_EVENT_CLOSED,   /**< a link was closed as asked */
	SIM_EVENT_RESYNCED, /**< notifications were off and are on again */
	SIM_EVENT_UART,     /**< a frame of image bytes came over the host link */
	SIM_EVENT_TICK,     /**< the core's deadline */
	SIM_EVENT_PEER,     /**< a peer's own deadline: reset, boot, watchdog */
	SIM_EVENT_DROP,     /**< fault: a link ends without warning */
	/* not scheduled, only traced */
	SIM_TRACE_EMPTY,   /**< a connection event without data */
	SIM_TRACE_LOST,    /**< a pair was lost */
	SIM_TRACE_DOWN,    /**< a PDU towards the peer came through */
	SIM_TRACE_UP,      /**< a PDU towards the central came through */
	SIM_TRACE_DEAD,    /**< supervision time-out */
	SIM_TRACE_REQUEST, /**< a peer took a request */
	SIM_TRACE_WRITE,   /**< a peer wrote image bytes */
	SIM_TRACE_BOOT,    /**< a peer started an image */
	SIM_TRACE_POWER,   /**< a peer lost power */
	SIM_TRACE_STATE,   /**< a device's state changed */
	SIM_EVENT_KIND_COUNT,
};
const char *sim_event_name(uint8_t kind);

struct sim_event {
	uint64_t when;
	uint64_t order;
	uint32_t epoch; /**< of what it belongs to: an event of an older one is void */
	uint16_t index; /**< link or peer */
	uint8_t kind;
};

struct sim_events {
	struct sim_event *heap;
	uint32_t count;
	uint32_t room;
	uint64_t order;
	uint64_t now;
};

void sim_events_free(struct sim_events *events);
/** Times before `now` count as now. */
void sim_events_add(struct sim_events *events, uint64_t when, uint8_t kind, uint16_t index, uint32_t epoch);
/** The next one not after @p until; moves `now` there. @return false: none, `now` stays. */
bool sim_events_next(struct sim_events *events, uint64_t until, struct sim_event *event);

/** A generator with a state of 64 bits; any seed. */
struct sim_chance {
	uint64_t state;
};
void sim_chance_seed(struct sim_chance *chance, uint64_t seed);
uint32_t sim_chance_next(struct sim_chance *chance);
/** True for @p ppm of a million draws. 0 draws nothing. */
bool sim_chance_ppm(struct sim_chance *chance, uint32_t ppm);

/** FNV-1a, 64 bits, over values byte by byte, least significant first. */
#define SIM_HASH_START 0xCBF29CE484222325ull
uint64_t sim_hash(uint64_t hash, uint64_t value, unsigned int bytes);

#endif
