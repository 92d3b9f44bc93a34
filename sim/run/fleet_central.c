/* SPDX-License-Identifier: Apache-2.0 */
/* The central of a run: an initiator, the core's calls in their order (cast.h), a host behind a UART. */
#include "fleet_internal.h"
#include <assert.h>
#include <string.h>

#define LOOK_AGAIN_US 50000u
#define CONNECT_TIMEOUT_US 5000000u

static void at(struct sim_fleet *fleet, uint64_t delay_us, uint8_t kind, const struct fleet_device *device)
{
	sim_events_add(&fleet->events, fleet->events.now + delay_us * SIM_NS_PER_US, kind,
		       fleet_index(device), device->epoch);
}

/* ---- the link's states ---- */

static void release(struct fleet_device *device)
{
	struct sim_fleet *fleet = device->fleet;

	if (device->link != FLEET_NO_LINK) {
		if (fleet->radio.links[device->link].is_up) {
			sim_radio_link_down(&fleet->radio, device->link);
		}
		fleet->owners[device->link] = FLEET_NO_LINK;
		device->link = FLEET_NO_LINK;
	}
	fleet_peer_disconnect(device);
	device->epoch++;
	device->state = FLEET_DOWN;
	dfucast_ble_link_reset(&device->ble, &fleet->pool);
}

void fleet_link_lost(struct fleet_device *device, enum dfucast_err err)
{
	struct sim_fleet *fleet = device->fleet;

	release(device);
	dfucast_cast_link_down(fleet->core, device->outlet.link, err, fleet_ms(fleet));
	fleet->touched = true;
	fleet_look(fleet, fleet_index(device));
}

void sim_fleet_central_reset(struct sim_fleet *fleet)
{
	for (uint16_t i = 0; i < fleet->count; i++) {
		release(&fleet->peers[i]);
	}
}

static void arm_initiator(struct sim_fleet *fleet, uint32_t delay_us)
{
	if (!fleet->initiator_armed) {
		fleet->initiator_armed = true;
		sim_events_add(&fleet->events, fleet->events.now + delay_us * SIM_NS_PER_US,
			       SIM_EVENT_CONNECT, 0, 0);
	}
}

/* The one that waits longest and advertises is connected; who waited too long is given up. */
static void initiate(struct sim_fleet *fleet)
{
	struct fleet_device *chosen = NULL;
	bool waiting = false;
	uint16_t link = 0;

	fleet->initiator_armed = false;
	while (link < fleet->links && fleet->owners[link] != FLEET_NO_LINK) {
		link++;
	}
	for (uint16_t i = 0; i < fleet->count; i++) {
		struct fleet_device *device = &fleet->peers[i];

		if (device->state != FLEET_WAITING) {
			continue;
		}
		if (fleet->events.now - device->waits_ns > CONNECT_TIMEOUT_US * SIM_NS_PER_US) {
			fleet_link_lost(device, DFUCAST_ERR_UNREACHABLE);
			continue;
		}
		waiting = true;
		if (link < fleet->links && sim_peer_connectable(&device->peer) &&
		    (chosen == NULL || device->waits_ns < chosen->waits_ns)) {
			chosen = device;
		}
	}
	if (chosen != NULL) {
		chosen->link = link;
		fleet->owners[link] = fleet_index(chosen);
		chosen->state = FLEET_SETUP;
		chosen->connected = true;
		at(fleet, (uint64_t)fleet->options.connect_us + fleet->options.air.setup_us, SIM_EVENT_OPENED,
		   chosen);
	}
	if (waiting) {
		arm_initiator(fleet, chosen != NULL ? fleet->options.connect_us : LOOK_AGAIN_US);
	}
}

static void opened(struct fleet_device *device)
{
	struct sim_fleet *fleet = device->fleet;
	uint16_t value_max = (uint16_t)(fleet->options.air.mtu - 3);
	const struct dfucast_link_info info = {.frame_max = DFUCAST_BLE_FRAME_BYTES_MAX,
					       .frame_fallback = value_max,
					       .value_max = value_max,
					       .flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_FRAGMENTS};

	if (!device->connected) {
		fleet_link_lost(device, DFUCAST_ERR_UNREACHABLE);
		return;
	}
	device->state = FLEET_UP;
	sim_radio_link_up(&fleet->radio, device->link);
	dfucast_cast_link_up(fleet->core, device->outlet.link, &info, fleet_ms(fleet));
}

static void resynced(struct fleet_device *device)
{
	struct sim_fleet *fleet = device->fleet;

	if (fleet->radio.links[device->link].down.length != 0) {
		at(fleet, fleet->statistics.interval_us, SIM_EVENT_RESYNCED,
		   device); /* writes stay in order */
		return;
	}
	if (!device->connected) {
		return; /* the supervision time-out will tell */
	}
	device->state = FLEET_UP;
	sim_peer_resubscribe(&device->peer);
	dfucast_cast_resynced(fleet->core, device->outlet.link, fleet_ms(fleet));
}

static void drop_one(struct sim_fleet *fleet)
{
	uint16_t start = (uint16_t)(sim_chance_next(&fleet->chance) % fleet->count);

	for (uint16_t i = 0; i < fleet->count; i++) {
		struct fleet_device *device = &fleet->peers[(start + i) % fleet->count];

		if (device->state == FLEET_UP || device->state == FLEET_RESYNC) {
			fleet->statistics.drops++;
			fleet_link_lost(device, DFUCAST_ERR_LINK_LOST);
			return;
		}
	}
}

/* ---- the radio's side ---- */

static size_t pull(void *context, uint16_t link, uint8_t *value, size_t capacity)
{
	struct sim_fleet *fleet = context;
	struct fleet_device *device = fleet_owner(fleet, link);
	bool begins = !dfucast_ble_tx_partial(&device->ble);
	struct dfucast_frame_source source;
	size_t length;

	if (device->state != FLEET_UP) {
		return 0;
	}
	device->outlet.now = fleet_ms(fleet);
	source = dfucast_cast_frame_source(&device->outlet);
	length = dfucast_ble_send(&device->ble, &source, value, capacity);
	if (length == 0) {
		return 0;
	}
	if (begins && value[0] % 8 == 2 && value[5] == 1 && value[7] == 1 && !device->uploading) {
		device->uploading = true;
		fleet->statistics.last_first_ns = fleet->events.now;
		if (fleet->statistics.first_upload_ns == 0) {
			fleet->statistics.first_upload_ns = fleet->events.now;
			fleet->upload_begin = fleet->radio.statistics;
		}
	}
	dfucast_ble_sent(&device->ble, &source, length);
	fleet->touched = true;
	return length;
}

static void notified(void *context, uint16_t link, const uint8_t *value, size_t length)
{
	struct sim_fleet *fleet = context;
	struct fleet_device *device = fleet_owner(fleet, link);
	struct dfucast_frame_sink sink;

	if (device->state != FLEET_UP && device->state != FLEET_RESYNC) {
		return;
	}
	device->outlet.now = fleet_ms(fleet);
	sink = dfucast_cast_frame_sink(&device->outlet);
	dfucast_ble_recv(&device->ble, &fleet->pool, value, length, &sink);
	fleet->touched = true;
	fleet_look(fleet, fleet_index(device));
}

static void dead(void *context, uint16_t link)
{
	struct sim_fleet *fleet = context;

	fleet_link_lost(fleet_owner(fleet, link), DFUCAST_ERR_LINK_LOST);
}

static void radio_trace(void *context, uint8_t kind, uint16_t link, uint32_t a, uint32_t b)
{
	struct sim_fleet *fleet = context;

	fleet_trace(fleet, kind, fleet->owners[link], a, b);
}

const struct sim_radio_port fleet_radio_port = {
    .peer_awake = fleet_peer_awake,
    .down = pull,
    .up = fleet_peer_notify,
    .to_peer = fleet_peer_value,
    .to_host = notified,
    .acked = fleet_peer_acked,
    .dead = dead,
    .trace = radio_trace,
};

/* ---- what the core wants ---- */

static void request(struct sim_fleet *fleet, const struct dfucast_link_request *wanted)
{
	struct fleet_device *device = &fleet->peers[fleet_device_of(fleet, wanted->link.target)];

	switch (wanted->kind) {
	case DFUCAST_REQUEST_OPEN:
		assert(device->state == FLEET_DOWN);
		device->outlet = (struct dfucast_cast_outlet){.cast = fleet->core, .link = wanted->link};
		device->state = FLEET_WAITING;
		device->waits_ns = fleet->events.now;
		arm_initiator(fleet, 0);
		break;
	case DFUCAST_REQUEST_CLOSE:
		assert(device->state != FLEET_DOWN && device->state != FLEET_CLOSING);
		device->epoch++; /* what was under way is void */
		device->state = FLEET_CLOSING;
		dfucast_ble_link_reset(&device->ble, &fleet->pool);
		at(fleet, device->link == FLEET_NO_LINK ? 0 : fleet->statistics.interval_us, SIM_EVENT_CLOSED,
		   device);
		break;
	default:
		assert(device->state == FLEET_UP);
		device->state = FLEET_RESYNC;
		/* Two writes with response: one interval each. */
		at(fleet, 2ull * fleet->statistics.interval_us + fleet->options.air.host_us,
		   SIM_EVENT_RESYNCED, device);
		break;
	}
}

static void feed(struct sim_fleet *fleet, uint32_t offset, uint32_t length)
{
	fleet->statistics.image_bytes_fed +=
	    dfucast_cast_feed(fleet->core, offset, fleet->image + offset, length, fleet_ms(fleet));
}

/* The host sends what is wanted, one UART frame after the other, and goes back when told. */
static bool uart(struct sim_fleet *fleet)
{
	const struct sim_air_parameters *air = &fleet->options.air;
	uint32_t offset;
	uint32_t length;

	if (fleet->options.gateway != NULL || fleet->uart_length != 0 ||
	    !dfucast_cast_need(fleet->core, &offset, &length)) {
		return false;
	}
	if (length > air->uart_chunk) {
		length = air->uart_chunk;
	}
	if (air->baud == 0) {
		feed(fleet, offset, length);
		return true;
	}
	fleet->uart_offset = offset;
	fleet->uart_length = length;
	uint64_t ns = sim_air_uart_ns(air, length);

	fleet->statistics.host_octets += (ns * air->baud + 5 * SIM_NS_PER_S) / (10 * SIM_NS_PER_S);
	sim_events_add(&fleet->events, fleet->events.now + ns, SIM_EVENT_UART, 0, 0);
	return false;
}

static void tick_later(struct sim_fleet *fleet)
{
	uint32_t deadline;
	uint64_t when;

	if (!(fleet->options.gateway != NULL ? dfucast_gateway_deadline(fleet->options.gateway, &deadline)
					     : dfucast_cast_deadline(fleet->core, &deadline))) {
		fleet->tick_ns = 0;
		fleet->tick_epoch++;
		return;
	}
	when = deadline * SIM_NS_PER_MS;
	if (when < fleet->events.now) {
		when = fleet->events.now;
	}
	if (when != fleet->tick_ns) {
		fleet->tick_ns = when;
		sim_events_add(&fleet->events, when, SIM_EVENT_TICK, 0, ++fleet->tick_epoch);
	}
}

void fleet_central_pump(struct sim_fleet *fleet)
{
	struct dfucast_link_request wanted;

	if (fleet->options.gateway != NULL) {
		dfucast_gateway_run(fleet->options.gateway, fleet_ms(fleet));
	}
	do {
		while (dfucast_cast_next_request(fleet->core, &wanted, fleet_ms(fleet))) {
			request(fleet, &wanted);
		}
	} while (uart(fleet));
	tick_later(fleet);
	fleet->touched = false;
}

void fleet_central_event(struct sim_fleet *fleet, const struct sim_event *event)
{
	struct fleet_device *device = &fleet->peers[event->index];

	switch (event->kind) {
	case SIM_EVENT_CONNECT:
		initiate(fleet);
		break;
	case SIM_EVENT_UART:
		feed(fleet, fleet->uart_offset, fleet->uart_length);
		fleet->uart_length = 0;
		fleet->touched = true;
		break;
	case SIM_EVENT_TICK:
		if (event->epoch == fleet->tick_epoch) {
			fleet->tick_ns = 0;
			if (fleet->options.gateway == NULL) {
				dfucast_cast_tick(fleet->core, fleet_ms(fleet));
			}
			fleet->touched = true; /* a gateway's time passes in the pump */
			for (uint16_t i = 0; i < fleet->count; i++) {
				fleet_look(fleet, i);
			}
		}
		break;
	case SIM_EVENT_DROP:
		drop_one(fleet);
		break;
	default:
		if (event->epoch != device->epoch) {
			return;
		}
		if (event->kind == SIM_EVENT_OPENED) {
			opened(device);
		} else if (event->kind == SIM_EVENT_RESYNCED) {
			resynced(device);
		} else {
			release(device);
			dfucast_cast_link_down(fleet->core, device->outlet.link, DFUCAST_ERR_OK,
					       fleet_ms(fleet));
		}
		fleet->touched = true;
		fleet_look(fleet, event->index);
		break;
	}
}
