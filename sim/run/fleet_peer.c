/* SPDX-License-Identifier: Apache-2.0 */
/* The peers of a run: what the radio and time do to them, and what they tell of themselves. */
#include "fleet_internal.h"
#include <string.h>

#define WATCHDOG_MS 8000u

static void observe(void *context, const struct sim_peer_event *event)
{
	struct fleet_device *device = context;
	struct sim_fleet *fleet = device->fleet;
	uint16_t index = fleet_index(device);

	sim_check_event(&fleet->check, index, event);
	switch (event->kind) {
	case SIM_PEER_EVENT_REQUEST:
		fleet_trace(fleet, SIM_TRACE_REQUEST, index,
			    (uint32_t)event->group << 16 | (uint32_t)event->command << 8 | event->op,
			    event->offset);
		if (event->group == 0 && event->command == 5) {
			fleet->statistics.last_reset_ns = fleet->events.now;
			if (fleet->statistics.first_reset_ns == 0) {
				fleet->statistics.first_reset_ns = fleet->events.now;
			}
		}
		break;
	case SIM_PEER_EVENT_WRITE:
		fleet_trace(fleet, SIM_TRACE_WRITE, index, event->offset, event->length);
		break;
	default:
		fleet_trace(fleet, SIM_TRACE_BOOT, index, (uint32_t)event->digest[0] << 8 | event->digest[1],
			    0);
		fleet->statistics.boots++;
		break;
	}
}

/* Where the image's header says that it is linked for an address, the slot that does not run is there. */
static void place_slots(struct sim_peer_config *config, const uint8_t *image)
{
	struct sim_peer_image header;
	uint32_t before = (1u - config->runs_slot) * config->slot_bytes;

	if (sim_peer_image_look(image, config->slot_bytes, &header) &&
	    (header.flags & SIM_PEER_IMAGE_ROM_FIXED) != 0) {
		config->flash_base = header.load_address - before;
	}
}

void sim_fleet_peer_config(const struct sim_fleet_options *options, struct sim_peer_config *config)
{
	sim_air_server_config(config, &options->air);
	config->no_storage = options->no_storage != 0;
	if (options->boot_mode == SIM_FLEET_NOBODY) {
		return;
	}
	config->mode = (int8_t)options->boot_mode;
	if (config->mode >= SIM_PEER_MODE_XIP && config->mode <= SIM_PEER_MODE_RAM) {
		config->runs_slot = (uint8_t)options->runs_slot;
	}
}

void fleet_peer_create(struct sim_fleet *fleet, uint16_t index)
{
	const struct sim_fleet_faults *faults = &fleet->options.faults;
	struct fleet_device *device = &fleet->peers[index];
	struct sim_peer_config config;

	device->fleet = fleet;
	device->link = FLEET_NO_LINK;
	sim_fleet_peer_config(&fleet->options, &config);
	place_slots(&config, fleet->image);
	config.context = device;
	config.observe = observe;
	config.dead_image = index == faults->never_returns || index == faults->reverts;
	config.watchdog_ms = index == faults->reverts ? WATCHDOG_MS : 0;
	if (fleet->second != NULL) {
		config.images = 2;
		config.second = fleet->second;
		config.second_bytes = fleet->second_bytes;
	}
	config.board = sim_fleet_board(fleet->options.boards, index, device->board);
	config.name = device->name;
	snprintf(device->name, sizeof(device->name), "sim-%u", index);
	config.power_loss = index == faults->power ? faults->power_loss : 0;
	sim_peer_init(&device->peer, &config, fleet->factory, fleet->factory_bytes, 0);
	if (fleet->options.air.erase != SIM_AIR_ERASE_NONE && config.mode != SIM_PEER_MODE_LOADER) {
		/* An update before this one left the image that was replaced: the slot is not blank. */
		sim_peer_preset(&device->peer, fleet->factory, fleet->factory_bytes, false, false);
	}
	sim_air_server_init(&device->server, &device->peer, &fleet->options.air);
}

/* The next time at which the peer does something by itself; the flash is the server's. */
static bool next_time(const struct sim_peer *peer, uint64_t *when)
{
	uint32_t ms = UINT32_MAX;

	if (peer->reset_due && peer->reset_ms < ms) {
		ms = peer->reset_ms;
	}
	if (peer->watchdog_due && peer->watchdog_ms < ms) {
		ms = peer->watchdog_ms;
	}
	if (peer->state == SIM_PEER_BOOTING && peer->state_ms < ms) {
		ms = peer->state_ms;
	}
	*when = ms * SIM_NS_PER_MS;
	return ms != UINT32_MAX;
}

void fleet_peer_follow(struct fleet_device *device)
{
	struct sim_fleet *fleet = device->fleet;
	uint64_t when;

	if (device->peer.power_lost && !device->power_seen) {
		device->power_seen = true;
		fleet->check.devices[fleet_index(device)].power_failed = true;
		fleet_trace(fleet, SIM_TRACE_POWER, fleet_index(device), device->peer.flash_operations, 0);
	}
	if (device->peer.boots != device->boots_seen) {
		device->boots_seen = device->peer.boots;
		device->connected = false;
		device->notify_length = 0;
		sim_air_server_drop(&device->server, fleet->events.now);
		device->server.free_ns = fleet->events.now;
	}
	if (next_time(&device->peer, &when)) {
		if (when < fleet->events.now) {
			when = fleet->events.now;
		}
		if (device->timer_ns != when) {
			device->timer_ns = when;
			sim_events_add(&fleet->events, when, SIM_EVENT_PEER, fleet_index(device),
				       ++device->timer_epoch);
		}
	}
}

void fleet_peer_event(struct fleet_device *device)
{
	device->timer_ns = 0;
	sim_peer_tick(&device->peer, fleet_ms(device->fleet));
	fleet_peer_follow(device);
	fleet_look(device->fleet, fleet_index(device));
}

/* ---- the radio's side ---- */

bool fleet_peer_awake(void *context, uint16_t link, uint64_t free_ns)
{
	struct sim_fleet *fleet = context;
	struct fleet_device *device = fleet_owner(fleet, link);

	if (!device->connected) {
		return false;
	}
	fleet->radio.links[link].loss_ppm = fleet_index(device) == fleet->options.faults.slow &&
						    fleet_ms(fleet) >= fleet->options.faults.slow_from_ms
						? fleet->options.faults.slow_ppm
						: fleet->options.air.per_ppm;
	device->server.event_ns = fleet->radio.links[link].begin_ns;
	sim_air_server_run(&device->server, free_ns, fleet->events.now);
	fleet_peer_follow(device);
	return device->connected && !device->peer.power_lost && !sim_air_server_deaf(&device->server);
}

void fleet_peer_value(void *context, uint16_t link, const uint8_t *value, size_t length)
{
	struct sim_fleet *fleet = context;
	struct fleet_device *device = fleet_owner(fleet, link);

	sim_peer_receive(&device->peer, value, length, fleet_ms(fleet));
	sim_air_server_begin(&device->server, fleet->events.now);
	fleet_peer_follow(device);
}

size_t fleet_peer_notify(void *context, uint16_t link, uint8_t *value, size_t capacity)
{
	struct sim_fleet *fleet = context;
	struct fleet_device *device = fleet_owner(fleet, link);
	size_t part;

	if (device->notify_length == 0) {
		device->notify_sent = 0;
		device->notify_length = (uint16_t)sim_peer_answer(&device->peer, device->notify,
								  sizeof(device->notify), fleet_ms(fleet));
		if (device->notify_length == 0) {
			return 0;
		}
	}
	part = (size_t)(device->notify_length - device->notify_sent);
	if (part > capacity) {
		part = capacity;
	}
	memcpy(value, device->notify + device->notify_sent, part);
	device->notify_sent = (uint16_t)(device->notify_sent + part);
	if (device->notify_sent == device->notify_length) {
		device->notify_length = 0;
	}
	return part;
}

void fleet_peer_acked(void *context, uint16_t link)
{
	struct sim_fleet *fleet = context;
	struct fleet_device *device = fleet_owner(fleet, link);

	if (device->notify_length == 0 && device->peer.answer_count == 0) {
		sim_air_server_acked(&device->server, fleet->events.now);
	}
}

void fleet_peer_disconnect(struct fleet_device *device)
{
	if (!device->connected) {
		return; /* it went first */
	}
	device->connected = false;
	device->notify_length = 0;
	sim_peer_disconnect(&device->peer);
	sim_air_server_drop(&device->server, device->fleet->events.now);
	fleet_peer_follow(device);
}
