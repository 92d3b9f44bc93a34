/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A model peripheral's CPU and flash in time (bench/limit.py, run_server): one work queue; CPU, then erase, then write
 * of one request after the other; the flash works only between the peer's radio events, in slots.
 */
#ifndef SIM_AIR_SERVER_H
#define SIM_AIR_SERVER_H

#include "../peer/peer.h"
#include "limit.h"

struct sim_air_server {
	struct sim_peer *peer;
	const struct sim_air_parameters *parameters;
	uint64_t free_ns;    /**< its clock: worked up to here */
	uint64_t left_ns[3]; /**< of the request in work: CPU, erase, write */
	uint64_t event_ns;   /**< the present or last connection event's begin */
	uint32_t buffered;   /**< words that wait for a block to be full, with `abort_us` */
	bool working;
	bool holds; /**< with `acked`: the last answer is not acknowledged yet */
};

/** The peer's configuration must say `outside`. Both must outlive the server. */
void sim_air_server_init(struct sim_air_server *server, struct sim_peer *peer,
			 const struct sim_air_parameters *parameters);
/** The peer's configuration for these parameters: buffers, flash, swap; slots for an image of that size. */
void sim_air_server_config(struct sim_peer_config *config, const struct sim_air_parameters *parameters);
/** After each sim_peer_receive() at @p now: takes up the request that the peer began with. */
void sim_air_server_begin(struct sim_air_server *server, uint64_t now);
/** Works in the gap between two radio events; with `abort_us` also during them. */
void sim_air_server_run(struct sim_air_server *server, uint64_t from, uint64_t to);
/** With `acked`: the last answer was acknowledged at @p now. */
void sim_air_server_acked(struct sim_air_server *server, uint64_t now);
/** With `abort_us`: flash is at work, and the radio off. */
bool sim_air_server_deaf(const struct sim_air_server *server);
/** The link went away, or the power: nobody waits for what is in work. */
void sim_air_server_drop(struct sim_air_server *server, uint64_t now);

static inline uint32_t sim_air_ms(uint64_t ns)
{
	return (uint32_t)(ns / SIM_NS_PER_MS);
}

#endif
