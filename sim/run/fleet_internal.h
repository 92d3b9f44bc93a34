/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a run share.
 *
 *   fleet.c          create, step, results
 *   fleet_options.c  options from text
 *   fleet_central.c  the central: links, the core's calls, the host and its UART
 *   fleet_peer.c     the peers: what the radio and time do to them, what they tell
 */
#ifndef SIM_RUN_FLEET_INTERNAL_H
#define SIM_RUN_FLEET_INTERNAL_H

#include "../air/server.h"
#include "../check/check.h"
#include "fleet.h"
#include <dfucast/ble.h>
#include <dfucast/cast.h>

#define FLEET_NO_LINK UINT16_MAX
#define FLEET_POOL_COUNT 4u

/* The central's link to a device. */
enum fleet_link {
	FLEET_DOWN,
	FLEET_WAITING, /* for the initiator */
	FLEET_SETUP,   /* connected; MTU, PHY, discovery, notifications */
	FLEET_UP,
	FLEET_RESYNC,
	FLEET_CLOSING,
};

struct fleet_device {
	struct sim_peer peer;
	struct sim_air_server server;
	struct dfucast_ble_link ble;
	struct dfucast_cast_outlet outlet; /* the opening that counts */
	struct sim_fleet *fleet;
	uint64_t waits_ns; /* since when */
	uint64_t acked_ns; /* the image's end was acknowledged, in this run */
	uint64_t timer_ns; /* of the peer event that is under way; 0: none */
	uint32_t epoch;    /* of the link's events */
	uint32_t timer_epoch;
	uint32_t boots_seen;
	uint16_t link;  /* of the radio */
	uint8_t state;  /* enum fleet_link */
	bool connected; /* the peer's side of the link: gone at once when it resets */
	bool uploading; /* its first upload request was on air */
	bool power_seen;
	uint16_t notify_length; /* answer being notified in pieces */
	uint16_t notify_sent;
	uint8_t notify[DFUCAST_BLE_LONG_ANSWER_BYTES];
	char board[SIM_FLEET_BOARD_BYTES];
	char name[16];
};

struct sim_fleet {
	struct sim_fleet_options options;
	struct sim_events events;
	struct sim_radio radio;
	struct sim_check check;
	struct sim_chance chance;
	struct dfucast_cast cast;
	struct dfucast_cast *core; /* `cast`, or the gateway's */
	struct dfucast_update_plan plan;
	struct dfucast_ble_pool pool;
	struct fleet_device *peers;
	struct dfucast_update *devices;
	struct dfucast_cast_target *targets;
	uint8_t *ring;
	uint8_t *image;
	uint8_t *factory;
	uint8_t *second; /* what image 1 runs when new; NULL: there is one image */
	uint32_t second_bytes;
	uint16_t *owners; /* device of each radio link; FLEET_NO_LINK: free */
	struct sim_fleet_statistics statistics;
	struct sim_radio_statistics upload_begin; /* the radio's at the first upload request */
	uint64_t hash;
	uint64_t tick_ns; /* of the tick that is under way; 0: none */
	uint32_t tick_epoch;
	uint32_t uart_offset;
	uint32_t uart_length; /* on the wire; 0: the wire is idle */
	uint32_t factory_bytes;
	uint32_t spins; /* events without time moving on */
	uint16_t count;
	uint16_t links;
	uint8_t sha[32];
	uint8_t pool_memory[FLEET_POOL_COUNT][DFUCAST_BLE_LONG_ANSWER_BYTES];
	bool initiator_armed;
	bool touched; /* the core was called: look what it wants */
};

static inline uint32_t fleet_ms(const struct sim_fleet *fleet)
{
	return sim_air_ms(fleet->events.now);
}

static inline struct fleet_device *fleet_owner(struct sim_fleet *fleet, uint16_t link)
{
	return &fleet->peers[fleet->owners[link]];
}

/* The device of a link of the core. */
static inline uint16_t fleet_device_of(const struct sim_fleet *fleet, uint16_t target)
{
	const struct dfucast_gateway_target *address;

	if (fleet->options.gateway == NULL) {
		return target;
	}
	address = dfucast_gateway_target(fleet->options.gateway, target);
	return (uint16_t)(address->address[0] | address->address[1] << 8);
}

static inline uint16_t fleet_index(const struct fleet_device *device)
{
	return (uint16_t)(device - device->fleet->peers);
}

/* fleet.c: hashes and, where wanted, prints */
void fleet_trace(struct sim_fleet *fleet, uint8_t kind, uint16_t index, uint32_t a, uint32_t b);
/* Checks one device; traces a change of its state. */
void fleet_look(struct sim_fleet *fleet, uint16_t index);

/* fleet_central.c */
extern const struct sim_radio_port fleet_radio_port;
void fleet_central_event(struct sim_fleet *fleet, const struct sim_event *event);
/* What the core wants now: links, image bytes, a tick. */
void fleet_central_pump(struct sim_fleet *fleet);
/* Ends a link from below; `err` as the core is told. */
void fleet_link_lost(struct fleet_device *device, enum dfucast_err err);

/* fleet_peer.c */
void fleet_peer_create(struct sim_fleet *fleet, uint16_t index);
void fleet_peer_event(struct fleet_device *device);
/* After anything that may have changed it: resets, timers. */
void fleet_peer_follow(struct fleet_device *device);
bool fleet_peer_awake(void *context, uint16_t link, uint64_t free_ns);
void fleet_peer_value(void *context, uint16_t link, const uint8_t *value, size_t length);
size_t fleet_peer_notify(void *context, uint16_t link, uint8_t *value, size_t capacity);
void fleet_peer_acked(void *context, uint16_t link);
/* The peer's side of a link that ended. */
void fleet_peer_disconnect(struct fleet_device *device);

#endif
