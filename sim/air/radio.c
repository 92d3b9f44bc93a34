/* SPDX-License-Identifier: Apache-2.0 */
/* Connection events, pair by pair. */
#include "radio.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ATT_L2CAP_OCTETS 7u

void sim_radio_init(struct sim_radio *radio, const struct sim_air_parameters *parameters,
		    const struct sim_radio_port *port, struct sim_events *events, uint16_t count,
		    uint32_t interval_us, uint32_t supervision_us, uint64_t seed)
{
	memset(radio, 0, sizeof(*radio));
	radio->parameters = *parameters;
	radio->port = *port;
	radio->events = events;
	radio->count = count;
	radio->interval_ns = interval_us * SIM_NS_PER_US;
	radio->slot_ns = radio->interval_ns / count;
	radio->supervision_ns = supervision_us * SIM_NS_PER_US;
	if (radio->supervision_ns == 0) {
		radio->supervision_ns = 4 * SIM_NS_PER_S;
		if (radio->supervision_ns < 6 * radio->interval_ns) {
			radio->supervision_ns = 6 * radio->interval_ns;
		}
	}
	sim_chance_seed(&radio->chance, seed);
	radio->links = calloc(count, sizeof(*radio->links));
	assert(radio->links != NULL);
	for (uint16_t i = 0; i < count; i++) {
		radio->links[i].slot = i;
		radio->links[i].loss_ppm = parameters->per_ppm;
	}
}

void sim_radio_free(struct sim_radio *radio)
{
	free(radio->links);
}

static void trace(struct sim_radio *radio, uint8_t kind, uint16_t link, uint32_t a, uint32_t b)
{
	radio->port.trace(radio->port.context, kind, link, a, b);
}

void sim_radio_link_up(struct sim_radio *radio, uint16_t link)
{
	struct sim_radio_link *l = &radio->links[link];
	uint64_t now = radio->events->now;
	uint64_t place = l->slot * radio->slot_ns;
	uint64_t turns = now > place ? (now - place + radio->interval_ns - 1) / radio->interval_ns : 0;

	assert(!l->is_up);
	l->is_up = true;
	l->epoch++;
	l->heard_ns = l->free_ns = now;
	l->down.length = l->up.length = 0;
	l->waiting = 0;
	l->unacked = false;
	sim_events_add(radio->events, place + turns * radio->interval_ns, SIM_EVENT_ANCHOR, link, l->epoch);
}

void sim_radio_link_down(struct sim_radio *radio, uint16_t link)
{
	radio->links[link].is_up = false;
	radio->links[link].epoch++;
}

/* LL payload of the next PDU of this value; 0: none, and the next value is asked for. */
static uint16_t next_pdu(const struct sim_radio *radio, const struct sim_radio_value *value)
{
	uint32_t rest = value->length + ATT_L2CAP_OCTETS - value->sent;

	if (value->length == 0) {
		return 0;
	}
	return (uint16_t)(rest < radio->parameters.dle ? rest : radio->parameters.dle);
}

static void event_end(struct sim_radio *radio, uint16_t link)
{
	struct sim_radio_link *l = &radio->links[link];

	l->free_ns = radio->parameters.couple ? radio->events->now : l->begin_ns;
	if (!l->moved) {
		radio->statistics.events_empty++;
		trace(radio, SIM_TRACE_EMPTY, link, 0, 0);
	}
	if (l->is_up) {
		sim_events_add(radio->events, l->begin_ns + radio->interval_ns, SIM_EVENT_ANCHOR, link,
			       l->epoch);
	}
}

/* Begins the next pair, or ends the event. */
static void next_pair(struct sim_radio *radio, uint16_t link)
{
	struct sim_radio_link *l = &radio->links[link];
	uint64_t now = radio->events->now;
	uint64_t end = l->begin_ns + radio->slot_ns - radio->parameters.guard_us * SIM_NS_PER_US;

	if (!l->first && radio->parameters.abort_us != 0 &&
	    !radio->port.peer_awake(radio->port.context, link, now)) {
		event_end(radio, link);
		return;
	}
	if (l->down.length == 0) {
		l->down.sent = 0;
		l->down.length = (uint16_t)radio->port.down(radio->port.context, link, l->down.bytes,
							    radio->parameters.mtu - 3);
	}
	if (l->up.length == 0) {
		l->up.sent = 0;
		l->up.length = (uint16_t)radio->port.up(radio->port.context, link, l->up.bytes,
							radio->parameters.mtu - 3);
	}
	l->down_pdu = next_pdu(radio, &l->down);
	l->up_pdu = next_pdu(radio, &l->up);
	uint64_t cost = sim_air_pair_ns(&radio->parameters, l->down_pdu, l->up_pdu);

	if ((l->down_pdu == 0 && l->up_pdu == 0 && !l->first) || now + cost - SIM_T_IFS_NS > end) {
		event_end(radio, link);
		return;
	}
	radio->statistics.air_ns += cost;
	sim_events_add(radio->events, now + cost, SIM_EVENT_PAIR, link, l->epoch);
}

static void anchor(struct sim_radio *radio, uint16_t link)
{
	struct sim_radio_link *l = &radio->links[link];
	uint64_t now = radio->events->now;

	if (now - l->heard_ns >= radio->supervision_ns) {
		trace(radio, SIM_TRACE_DEAD, link, 0, 0);
		sim_radio_link_down(radio, link);
		radio->port.dead(radio->port.context, link);
		return;
	}
	l->begin_ns = now;
	l->first = true;
	l->moved = false;
	radio->statistics.events++;
	if (!radio->port.peer_awake(radio->port.context, link, l->free_ns)) {
		radio->statistics.events_alone++;
		event_end(radio, link);
		return;
	}
	next_pair(radio, link);
}

static void deliver_up(struct sim_radio *radio, uint16_t link)
{
	struct sim_radio_link *l = &radio->links[link];

	assert(l->waiting < SIM_RADIO_HOST_QUEUE_MAX);
	l->host[l->waiting].length = l->up.length;
	memcpy(l->host[l->waiting].bytes, l->up.bytes, l->up.length);
	l->waiting++;
	l->up.length = 0;
	sim_events_add(radio->events, radio->events->now + radio->parameters.host_us * SIM_NS_PER_US,
		       SIM_EVENT_HOST, link, l->epoch);
}

static void pair(struct sim_radio *radio, uint16_t link)
{
	struct sim_radio_link *l = &radio->links[link];

	l->first = false;
	l->moved = l->moved || l->down_pdu != 0 || l->up_pdu != 0;
	if (sim_chance_ppm(&radio->chance, l->loss_ppm)) {
		radio->statistics.pairs_lost++;
		trace(radio, SIM_TRACE_LOST, link, l->down_pdu, l->up_pdu);
		event_end(radio, link);
		return;
	}
	l->heard_ns = radio->events->now;
	if (l->unacked) {
		l->unacked = false;
		if (radio->port.acked != NULL) {
			radio->port.acked(radio->port.context, link);
		}
	}
	if (l->up_pdu != 0) {
		radio->statistics.pdus_up++;
		l->up.sent = (uint16_t)(l->up.sent + l->up_pdu);
		trace(radio, SIM_TRACE_UP, link, l->up_pdu, l->up.sent);
		if (l->up.sent == l->up.length + ATT_L2CAP_OCTETS) {
			deliver_up(radio, link);
			l->unacked = true;
		}
	}
	if (l->down_pdu != 0) {
		radio->statistics.pdus_down++;
		l->down.sent = (uint16_t)(l->down.sent + l->down_pdu);
		trace(radio, SIM_TRACE_DOWN, link, l->down_pdu, l->down.sent);
		if (l->down.sent == l->down.length + ATT_L2CAP_OCTETS) {
			uint16_t length = l->down.length;

			l->down.length = 0;
			radio->port.to_peer(radio->port.context, link, l->down.bytes, length);
		}
	}
	if (l->is_up) {
		next_pair(radio, link);
	}
}

static void host(struct sim_radio *radio, uint16_t link)
{
	struct sim_radio_link *l = &radio->links[link];
	uint8_t bytes[SIM_RADIO_VALUE_BYTES_MAX];
	uint16_t length = l->host[0].length;

	assert(l->waiting > 0);
	memcpy(bytes, l->host[0].bytes, length);
	l->waiting--;
	memmove(l->host, l->host + 1, l->waiting * sizeof(l->host[0]));
	radio->port.to_host(radio->port.context, link, bytes, length);
}

void sim_radio_event(struct sim_radio *radio, const struct sim_event *event)
{
	if (!radio->links[event->index].is_up || radio->links[event->index].epoch != event->epoch) {
		return;
	}
	switch (event->kind) {
	case SIM_EVENT_ANCHOR:
		anchor(radio, event->index);
		break;
	case SIM_EVENT_PAIR:
		pair(radio, event->index);
		break;
	default:
		host(radio, event->index);
		break;
	}
}
