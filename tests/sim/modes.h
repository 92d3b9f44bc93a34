/* SPDX-License-Identifier: Apache-2.0 */
/* One device under a bootloader mode: what modes_test.c and xip_test.c share. */
#ifndef TESTS_SIM_MODES_H
#define TESTS_SIM_MODES_H

#include "cast_sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 20000u
#define UPLOADED "params mode slots list first echo stream list"

static inline void expect(const struct cast_sim *sim, const char *outcome, const char *trace)
{
	assert_string_equal(cast_sim_outcome(&sim->nodes[0]), outcome);
	if (trace != NULL) {
		assert_string_equal(sim->nodes[0].trace, trace);
	}
}

static inline void run_once(struct cast_sim *sim, const char *outcome, const char *trace)
{
	cast_sim_run(sim);
	expect(sim, outcome, trace);
}

/* Neither written to nor reset. */
static inline void run_untouched(struct cast_sim *sim, const char *outcome, const char *trace)
{
	run_once(sim, outcome, trace);
	assert_int_equal(sim->nodes[0].peer.flash_operations, 0);
	assert_int_equal(sim->nodes[0].peer.writes, 0);
	assert_int_equal(sim->nodes[0].peer.boots, 0);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_AS_BEFORE);
	cast_sim_free(sim);
}

/* The plan's image is built for this place. */
static inline void link_image(struct cast_sim *sim, uint32_t flags, uint32_t load_address)
{
	sim_peer_image_link(sim->image, sim->image_bytes, flags, load_address);
	sim_peer_sha256(sim->image, sim->image_bytes, sim->digests[1]);
}

/* The plan's image has this version. */
static inline void set_version(struct cast_sim *sim, const uint8_t version[4])
{
	memcpy(sim->image + 20, version, 2);
	sim->image[22] = version[2];
	sim->image[24] = version[3];
	link_image(sim, 0, 0);
	sim->plan.version = (struct dfucast_version){
	    .major = version[0], .minor = version[1], .revision = version[2], .build = version[3]};
}

/* One device in a mode, its application in `runs`; the image is built to run there. */
static inline struct cast_sim *device(int8_t mode, uint8_t runs)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);
	struct sim_peer_config *config = &sim->nodes[0].config;

	config->mode = mode;
	config->runs_slot = runs;
	config->recovery_hash = true;
	sim->plan.allow_no_revert = true;
	sim->plan.proven = true;
	if (mode == SIM_PEER_MODE_RAM) {
		link_image(sim, SIM_PEER_IMAGE_RAM_LOAD, 0x20000000);
		sim_peer_image_link(sim->factory, sim->factory_bytes, SIM_PEER_IMAGE_RAM_LOAD, 0x20000000);
		sim_peer_sha256(sim->factory, sim->factory_bytes, sim->digests[0]);
	} else if (mode == SIM_PEER_MODE_XIP || mode == SIM_PEER_MODE_XIP_REVERT) {
		link_image(sim, SIM_PEER_IMAGE_ROM_FIXED, sim_peer_slot_address(config, 1u - runs));
	}
	return sim;
}

static inline void flip(struct cast_sim *sim)
{
	cast_sim_fault(
	    &sim->nodes[0],
	    (struct sim_peer_fault){.kind = SIM_PEER_FAULT_FLIP, .uploads = true, .first = 5, .count = 1});
}

static inline bool runs_new(const struct cast_sim *sim)
{
	return sim_peer_is_updated(&sim->nodes[0].peer);
}

#endif
