/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What tests of a BLE port have in common, whatever its stack: a cast over the central's logic, model peripherals of ATT_MTU
 * 247, 498 and 23 with the wishes and the security that they have, and what must have come of it.
 */
#ifndef CENTRAL_WORLD_H
#define CENTRAL_WORLD_H

#include <dfucast/ble_central.h>
#include <dfucast/update.h>

#include "../fake/device.h"

#define CENTRAL_DEVICES_MAX 20u
#define CENTRAL_CONNS_MAX 20u
#define CENTRAL_IMAGE_BYTES 12000u
#define CENTRAL_LIMIT_MS (20u * 60u * 1000u)

/* What one run is made of. */
struct central_setup {
	uint16_t count, links;
	uint8_t drops, write_queue;
	bool awkward; /* peripherals that ask for things */
	bool forgets; /* and lose their bonds when they restart */
	bool odd;     /* three cannot be paired with, one is no SMP server */
	uint16_t owned;
	bool deaf;         /* attribute procedures that are not answered */
	bool short_events; /* S140: connection events too short for long packets */
	bool observed;     /* S140: the SDK fetches the events, and the port is one of its observers */
};

struct central_world {
	struct central_setup setup;
	struct sim_peer peers[CENTRAL_DEVICES_MAX];
	struct fake_device radio_devices[CENTRAL_DEVICES_MAX];
	struct dfucast_update devices[CENTRAL_DEVICES_MAX];
	struct dfucast_cast_target targets[CENTRAL_DEVICES_MAX];
	struct dfucast_cast cast;
	struct dfucast_update_plan plan;
	struct dfucast_ble_conn conns[CENTRAL_CONNS_MAX];
	struct dfucast_ble_target ble_targets[CENTRAL_DEVICES_MAX];
	struct dfucast_ble_pool pool;
	uint8_t long_answers[2][512];
	uint8_t value[498];
	uint32_t notices; /* the application's own notifications that reached it */
	uint32_t now;
	uint8_t ring[8192];
	uint8_t image[CENTRAL_IMAGE_BYTES];
	uint8_t factory[6000];
	uint8_t sha[32];
	uint8_t hash[32];
};

/** Everything but the port. @p world is zeroed. */
void central_world_prepare(struct central_world *world, const struct central_setup *setup);
void central_world_free(struct central_world *world);
/** Of the port's configuration, for @p conn_count connections that the stack numbers. */
struct dfucast_ble_central_config central_world_config(struct central_world *world, uint8_t conn_count,
						       uint16_t att_mtu);

/** The cast begins. */
void central_world_start(struct central_world *world, uint32_t now);
/** The source has all of it at hand. @return whether anything was wanted */
bool central_world_feed(struct central_world *world, uint32_t now);
/** Whom the port means by a connection's number: what it is used for in the central's own book. */
uint16_t central_world_meant(const struct central_world *world, uint16_t index);
/** Links of the application's that are at rest. */
unsigned int central_world_lent(const struct central_world *world);
/** All are done, our links are closed, and the application has those back that broke last. */
bool central_world_is_over(const struct central_world *world);
/** Every device as it should be, no link of ours left, the memory given back. */
void central_world_check(const struct central_world *world);
/** What the fake of the stack must have seen and not seen. */
void central_world_check_counts(const struct central_world *world, const struct fake_counts *counts);

#endif
