/* SPDX-License-Identifier: Apache-2.0 */
/* A run from its creation to its results: one loop over the events. */
#include "fleet_internal.h"

#include <assert.h>
#include <dfucast/port.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Far more events than any moment has: beyond it something spins. */
#define SPINS_MAX 100000u
#define FACTORY_SHORTER 512u

/* Made images are built for the mode: to run from RAM, or from the slot that does not run now. */
static void link_images(struct sim_fleet *fleet)
{
	struct sim_peer_config config;

	sim_fleet_peer_config(&fleet->options, &config);
	if (config.mode == SIM_PEER_MODE_RAM) {
		sim_peer_image_link(fleet->factory, fleet->factory_bytes, SIM_PEER_IMAGE_RAM_LOAD,
				    0x20000000u);
		if (fleet->options.image == NULL) {
			sim_peer_image_link(fleet->image, fleet->options.air.image, SIM_PEER_IMAGE_RAM_LOAD,
					    0x20000000u);
		}
	} else if ((config.mode == SIM_PEER_MODE_XIP || config.mode == SIM_PEER_MODE_XIP_REVERT) &&
		   fleet->options.image == NULL) {
		sim_peer_image_link(fleet->image, fleet->options.air.image, SIM_PEER_IMAGE_ROM_FIXED,
				    sim_peer_slot_address(&config, 1u - config.runs_slot));
	}
}

/* What image 1 of a set replaces. */
static void make_second(struct sim_fleet *fleet)
{
	static const uint8_t version[4] = {0, 5, 0, 0};

	fleet->second_bytes = fleet->plan.more[0].image_bytes;
	fleet->second = malloc(fleet->second_bytes);
	assert(fleet->second != NULL);
	sim_peer_image_make(fleet->second, fleet->second_bytes, version, 3);
}

static void make_images(struct sim_fleet *fleet)
{
	static const uint8_t versions[2][4] = {{1, 0, 0, 0}, {2, 0, 0, 0}};
	uint32_t bytes = fleet->options.air.image;

	fleet->factory_bytes = bytes - FACTORY_SHORTER;
	fleet->factory = malloc(fleet->factory_bytes);
	fleet->image = malloc(bytes);
	assert(fleet->factory != NULL && fleet->image != NULL);
	sim_peer_image_make(fleet->factory, fleet->factory_bytes, versions[0], 1);
	if (fleet->options.image != NULL) {
		memcpy(fleet->image, fleet->options.image, bytes);
		fleet->plan = *fleet->options.plan;
		link_images(fleet);
		if (fleet->plan.more_count > 0) {
			make_second(fleet);
		}
		return;
	}
	sim_peer_image_make(fleet->image, bytes, versions[1], 2);
	link_images(fleet);
	sim_peer_sha256(fleet->image, bytes, fleet->sha);
	fleet->plan = (struct dfucast_update_plan){.header = fleet->image,
						   .sha = fleet->sha,
						   .hash = fleet->image + bytes - 32,
						   .hash_bytes = 32,
						   .image_bytes = bytes,
						   .version = {.major = 2},
						   .allow_no_revert = true,
						   .proven = true,
						   .mode = fleet->options.mode};
}

static void make_cast(struct sim_fleet *fleet)
{
	const struct sim_fleet_options *options = &fleet->options;

	fleet->plan.window_max = (uint8_t)(options->air.window > 4 ? 4 : options->air.window);
	const struct dfucast_cast_config config = {.consumer = &dfucast_update_consumer,
						   .plan = &fleet->plan,
						   .devices = fleet->devices,
						   .device_bytes = sizeof(struct dfucast_update),
						   .targets = fleet->targets,
						   .count = fleet->count,
						   .links_max = fleet->links,
						   .image_bytes = options->air.image,
						   .ring = fleet->ring,
						   .ring_bytes = options->air.ram_window,
						   .canary = (uint16_t)options->canary,
						   .barrier = (uint16_t)options->barrier,
						   .max_failed = (uint16_t)options->max_failed,
						   .gather_ms = options->gather_ms,
						   .straggle_ms = options->straggle_ms,
						   .rewinds = true};

	dfucast_ble_pool_init(&fleet->pool, fleet->pool_memory[0], DFUCAST_BLE_LONG_ANSWER_BYTES,
			      FLEET_POOL_COUNT);
	if (options->gateway != NULL) {
		fleet->core = dfucast_gateway_cast(options->gateway);
		return;
	}
	fleet->core = &fleet->cast;
	dfucast_cast_init(fleet->core, &config);
	dfucast_cast_set_image_verified(fleet->core, 0); /* the host has the file and has hashed it */
	dfucast_cast_start(fleet->core, 0);
}

struct sim_fleet *sim_fleet_create(const struct sim_fleet_options *options)
{
	struct sim_fleet *fleet;
	const struct sim_air_parameters *air = &options->air;
	uint32_t window = air->bufs > 2 ? air->bufs - 1 : 1;

	if (sim_air_invalid(air) != NULL || (options->image == NULL) != (options->plan == NULL)) {
		return NULL;
	}
	fleet = calloc(1, sizeof(*fleet));
	assert(fleet != NULL);
	fleet->options = *options;
	fleet->hash = SIM_HASH_START;
	fleet->count = (uint16_t)air->n;
	fleet->links =
	    (uint16_t)(options->links != 0 && options->links < SIM_FLEET_LINKS_MAX ? options->links
										   : SIM_FLEET_LINKS_MAX);
	if (fleet->links > fleet->count) {
		fleet->links = fleet->count;
	}
	fleet->statistics.interval_us = air->ci_us ? air->ci_us : sim_air_interval_us(air, fleet->links);
	if (sim_air_predict_ns(air, fleet->links, fleet->statistics.interval_us) == 0) {
		free(fleet);
		return NULL; /* too many links for this interval */
	}
	fleet->peers = calloc(fleet->count, sizeof(*fleet->peers));
	fleet->devices = calloc(fleet->count, sizeof(*fleet->devices));
	fleet->targets = calloc(fleet->count, sizeof(*fleet->targets));
	fleet->owners = calloc(fleet->links, sizeof(*fleet->owners));
	fleet->ring = malloc(air->ram_window);
	assert(fleet->peers != NULL && fleet->devices != NULL && fleet->targets != NULL &&
	       fleet->owners != NULL && fleet->ring != NULL);
	for (uint16_t i = 0; i < fleet->links; i++) {
		fleet->owners[i] = FLEET_NO_LINK;
	}
	make_images(fleet);
	sim_check_init(&fleet->check, fleet->count, fleet->factory, fleet->factory_bytes, fleet->image,
		       air->image, window);
	if (fleet->second != NULL) {
		sim_check_second(&fleet->check, fleet->plan.image_bytes, fleet->second, fleet->second_bytes);
	}
	fleet->check.restarts = options->gateway != NULL;
	fleet->check.any_image = options->gateway != NULL && options->image == NULL;
	struct sim_radio_port port = fleet_radio_port;

	port.context = fleet;
	sim_radio_init(&fleet->radio, air, &port, &fleet->events, fleet->links, fleet->statistics.interval_us,
		       0, options->seed);
	sim_chance_seed(&fleet->chance, ~options->seed);
	for (uint16_t i = 0; i < fleet->count; i++) {
		fleet_peer_create(fleet, i);
	}
	for (uint32_t i = 0; i < options->faults.drops; i++) {
		uint64_t ms = sim_chance_next(&fleet->chance) % options->drop_window_ms;

		sim_events_add(&fleet->events, ms * SIM_NS_PER_MS, SIM_EVENT_DROP, 0, 0);
	}
	make_cast(fleet);
	fleet_central_pump(fleet);
	return fleet;
}

void sim_fleet_free(struct sim_fleet *fleet)
{
	if (fleet == NULL) {
		return;
	}
	for (uint16_t i = 0; i < fleet->count; i++) {
		sim_peer_free(&fleet->peers[i].peer);
	}
	sim_radio_free(&fleet->radio);
	sim_check_free(&fleet->check);
	sim_events_free(&fleet->events);
	free(fleet->peers);
	free(fleet->devices);
	free(fleet->targets);
	free(fleet->owners);
	free(fleet->ring);
	free(fleet->image);
	free(fleet->factory);
	free(fleet->second);
	free(fleet);
}

/* ---- what is told ---- */

void fleet_trace(struct sim_fleet *fleet, uint8_t kind, uint16_t index, uint32_t a, uint32_t b)
{
	fleet->hash = sim_hash(fleet->hash, fleet->events.now, 8);
	fleet->hash = sim_hash(fleet->hash, (uint64_t)kind << 16 | index, 3);
	fleet->hash = sim_hash(fleet->hash, (uint64_t)a << 32 | b, 8);
	if (fleet->options.trace != NULL) {
		fprintf(fleet->options.trace,
			"%6" PRIu64 ".%06" PRIu64 " %-8s %3u %8" PRIx32 " %" PRIu32 "\n",
			fleet->events.now / SIM_NS_PER_S, fleet->events.now % SIM_NS_PER_S / SIM_NS_PER_US,
			sim_event_name(kind), index, a, b);
	}
}

/* Behind a gateway a device may be in no plan, or have another number there. */
static bool fleet_status(const struct sim_fleet *fleet, uint16_t device, struct dfucast_status *status)
{
	const struct dfucast_gateway *gateway = fleet->options.gateway;
	uint16_t index = 0;

	if (gateway == NULL) {
		dfucast_cast_status(fleet->core, device, status);
		return true;
	}
	while (index < gateway->target_count && fleet_device_of(fleet, index) != device) {
		index++;
	}
	if (index == gateway->target_count) {
		return false;
	}
	dfucast_cast_status(fleet->core, index, status);
	return true;
}

void fleet_look(struct sim_fleet *fleet, uint16_t index)
{
	struct fleet_device *device = &fleet->peers[index];
	struct dfucast_status status;

	if (!fleet_status(fleet, index, &status)) {
		return;
	}
	if (fleet->check.devices[index].state == DFUCAST_STATE_VERIFYING &&
	    status.state != DFUCAST_STATE_VERIFYING) {
		fleet->statistics.last_verified_ns = fleet->events.now;
	}
	if (sim_check_device(&fleet->check, index, &status, &device->peer)) {
		fleet_trace(fleet, SIM_TRACE_STATE, index, status.state, status.offset);
	}
	if (device->uploading && device->acked_ns == 0 && status.offset == fleet->options.air.image) {
		struct sim_radio_statistics *upload = &fleet->statistics.upload;

		device->acked_ns = fleet->events.now;
		fleet->statistics.acked++;
		fleet->statistics.last_acked_ns = fleet->events.now;
		*upload = fleet->radio.statistics;
		upload->events -= fleet->upload_begin.events;
		upload->events_empty -= fleet->upload_begin.events_empty;
		upload->events_alone -= fleet->upload_begin.events_alone;
		upload->pdus_down -= fleet->upload_begin.pdus_down;
		upload->pdus_up -= fleet->upload_begin.pdus_up;
		upload->pairs_lost -= fleet->upload_begin.pairs_lost;
		upload->air_ns -= fleet->upload_begin.air_ns;
	}
}

static bool finished(const struct sim_fleet *fleet)
{
	return fleet->options.gateway == NULL && dfucast_cast_is_done(fleet->core) &&
	       fleet->core->links_open == 0;
}

static void dispatch(struct sim_fleet *fleet, const struct sim_event *event)
{
	switch (event->kind) {
	case SIM_EVENT_ANCHOR:
	case SIM_EVENT_PAIR:
	case SIM_EVENT_HOST:
		sim_radio_event(&fleet->radio, event);
		break;
	case SIM_EVENT_PEER:
		if (event->epoch == fleet->peers[event->index].timer_epoch) {
			fleet_trace(fleet, event->kind, event->index, 0, 0);
			fleet_peer_event(&fleet->peers[event->index]);
		}
		break;
	default:
		fleet_trace(fleet, event->kind, event->index, event->epoch, 0);
		fleet_central_event(fleet, event);
		break;
	}
	if (fleet->touched) {
		fleet_central_pump(fleet);
	}
}

static void judge(struct sim_fleet *fleet)
{
	struct dfucast_status status;

	for (uint16_t i = 0; i < fleet->count; i++) {
		fleet_look(fleet, i);
		if (fleet_status(fleet, i, &status) && fleet->options.gateway == NULL) {
			sim_check_late(&fleet->check, i, &status);
		}
	}
}

bool sim_fleet_step(struct sim_fleet *fleet, uint64_t until_ns)
{
	uint64_t limit = fleet->options.limit_s * SIM_NS_PER_S;
	struct sim_event event;
	uint64_t before;

	while (!finished(fleet) && fleet->check.violation[0] == 0) {
		before = fleet->events.now;
		if (!sim_events_next(&fleet->events, until_ns < limit ? until_ns : limit, &event)) {
			bool over =
			    until_ns >= limit || (fleet->events.count == 0 && fleet->options.gateway == NULL);

			if (over) {
				judge(fleet);
			} else {
				fleet->events.now = until_ns;
			}
			return !over;
		}
		dispatch(fleet, &event);
		fleet->spins = fleet->events.now == before ? fleet->spins + 1 : 0;
		if (fleet->spins > SPINS_MAX) {
			snprintf(fleet->check.violation, sizeof(fleet->check.violation),
				 "time stands still: %s", sim_event_name(event.kind));
		}
	}
	judge(fleet);
	return false;
}

void sim_fleet_run(struct sim_fleet *fleet)
{
	while (sim_fleet_step(fleet, UINT64_MAX)) {
	}
}

void sim_fleet_touch(struct sim_fleet *fleet)
{
	fleet_central_pump(fleet);
}

void sim_fleet_stop(struct sim_fleet *fleet, enum dfucast_err why)
{
	dfucast_cast_stop(fleet->core, why, fleet_ms(fleet));
	fleet_central_pump(fleet);
}

/* ---- results ---- */

const struct dfucast_cast *sim_fleet_cast(const struct sim_fleet *fleet)
{
	return fleet->core;
}

uint64_t sim_fleet_now(const struct sim_fleet *fleet)
{
	return fleet->events.now;
}

uint16_t sim_fleet_count(const struct sim_fleet *fleet)
{
	return fleet->count;
}

void sim_fleet_status(const struct sim_fleet *fleet, uint16_t device, struct dfucast_status *status)
{
	if (!fleet_status(fleet, device, status)) {
		memset(status, 0, sizeof(*status));
	}
}

void sim_fleet_statistics(const struct sim_fleet *fleet, struct sim_fleet_statistics *statistics)
{
	struct dfucast_status status;

	*statistics = fleet->statistics;
	statistics->radio = fleet->radio.statistics;
	statistics->duplicate_bytes = fleet->check.duplicate_bytes;
	statistics->passes = fleet->core->passes;
	for (uint16_t i = 0; i < fleet->count; i++) {
		const struct sim_peer *peer = &fleet->peers[i].peer;

		if (!fleet_status(fleet, i, &status)) {
			continue;
		}
		statistics->sent_bytes += status.sent_bytes;
		statistics->lost_for_buffers += peer->lost_for_buffers;
		statistics->no_memory += peer->no_memory;
		statistics->swap_resumes += peer->swap_resumes;
		if (status.window_peak > statistics->window_peak) {
			statistics->window_peak = status.window_peak;
		}
	}
}

uint64_t sim_fleet_upload_ns(const struct sim_fleet *fleet)
{
	if (fleet->statistics.acked != fleet->count) {
		return 0;
	}
	return fleet->statistics.last_acked_ns - fleet->statistics.first_upload_ns;
}

uint64_t sim_fleet_acked_ns(const struct sim_fleet *fleet, uint16_t device)
{
	return fleet->peers[device].acked_ns;
}

uint32_t sim_fleet_writes(const struct sim_fleet *fleet, uint16_t device)
{
	return fleet->peers[device].peer.writes;
}

uint32_t sim_fleet_ratio_ppm(const struct sim_fleet *fleet)
{
	struct sim_air_bounds bounds;
	struct dfucast_status status;

	for (uint16_t i = 0; i < fleet->count; i++) {
		if (!fleet_status(fleet, i, &status) || status.skipped_upload) {
			return 0;
		}
	}
	if (fleet->links < fleet->count || fleet->core->passes > 1) {
		return 0;
	}
	sim_air_bounds(&fleet->options.air, &bounds);
	return (uint32_t)(sim_fleet_upload_ns(fleet) / (bounds.limit / 1000000u));
}

uint64_t sim_fleet_hash(const struct sim_fleet *fleet)
{
	return fleet->hash;
}

const char *sim_fleet_violation(const struct sim_fleet *fleet)
{
	return fleet->check.violation[0] != 0 ? fleet->check.violation : NULL;
}

uint32_t sim_fleet_sweep(const struct sim_fleet_options *options, const uint32_t *candidates,
			 uint64_t *upload_ns)
{
	static const uint32_t usual[] = {11250,  15000,  20000,  22500,  25000,  30000,  35000,
					 40000,  50000,  60000,  70000,  80000,  100000, 110000,
					 120000, 125000, 140000, 150000, 160000, 175000, 200000,
					 225000, 250000, 320000, 400000, 0};
	struct sim_fleet_options one = *options;
	uint32_t best = 0;

	*upload_ns = 0;
	one.mode = DFUCAST_MODE_UPLOAD;
	one.trace = NULL;
	for (const uint32_t *us = candidates != NULL ? candidates : usual; *us != 0; us++) {
		one.air.ci_us = *us;
		struct sim_fleet *fleet = sim_fleet_create(&one);

		if (fleet == NULL) {
			continue;
		}
		sim_fleet_run(fleet);
		uint64_t took = sim_fleet_violation(fleet) == NULL ? sim_fleet_upload_ns(fleet) : 0;

		if (took != 0 && (*upload_ns == 0 || took < *upload_ns)) {
			*upload_ns = took;
			best = *us;
		}
		sim_fleet_free(fleet);
	}
	return best;
}
