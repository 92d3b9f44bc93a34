/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay: one SMP frame of the host to one target, and its answer back, whatever group it is of. It travels on the
 * target's own link, between the update's frames: this file is the device protocol that the fan-out sees, the update's
 * with the relayed frame put in. One at a time; it takes one buffer of the target's window while it is under way. Where no
 * update runs the link is opened for it, and kept a moment for the next.
 */
#include "gateway_internal.h"

#define RELAY_MS 10000u /* connecting included */
#define LINGER_MS 2000u

enum relay_state {
	RELAY_NONE,
	RELAY_TO_SEND, /* waits for the link, and for a place in the window */
	RELAY_BEGUN,   /* its frame is going out */
	RELAY_SENT,    /* waits for the answer */
	RELAY_LINGERS, /* over; the link is kept for the next */
};

static const struct gateway_refusal no_target = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_NO_TARGET,
						 DFUCAST_SMP_RC_NO_ENTRY};
static const struct gateway_refusal unreachable = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_UNREACHABLE,
						   DFUCAST_SMP_RC_TIMEOUT};
static const struct gateway_refusal busy = {0, 0, DFUCAST_SMP_RC_BUSY};

static uint16_t index_of(const struct dfucast_gateway *gateway, const void *device)
{
	size_t bytes = (size_t)((const uint8_t *)device - (const uint8_t *)gateway->cast.config.devices);

	return (uint16_t)(bytes / gateway->cast.config.device_bytes);
}

static struct dfucast_update *device_of(const struct dfucast_gateway *gateway, uint16_t target)
{
	return (struct dfucast_update *)((uint8_t *)gateway->cast.config.devices +
					 (size_t)target * gateway->cast.config.device_bytes);
}

static bool is_for(const struct dfucast_gateway *gateway, const void *device)
{
	return gateway->relay.state != RELAY_NONE && gateway->relay.target == index_of(gateway, device);
}

/* The update's business is over, or has not begun: the link is the relay's alone. */
static bool is_idle(const struct dfucast_gateway *gateway, uint16_t target)
{
	enum dfucast_phase phase = dfucast_update_consumer.phase(&gateway->plan, device_of(gateway, target));

	return phase == DFUCAST_PHASE_IDLE || phase == DFUCAST_PHASE_ENDED;
}

/* ---- the device protocol, with the relay in it ---- */

static enum dfucast_phase phase(const void *plan, const void *device)
{
	return dfucast_update_consumer.phase(&((const struct dfucast_gateway *)plan)->plan, device);
}

static void status(const void *plan, const void *device, struct dfucast_status *out)
{
	dfucast_update_consumer.status(&((const struct dfucast_gateway *)plan)->plan, device, out);
}

static void start(const void *plan, void *device, uint32_t now)
{
	dfucast_update_consumer.start(&((const struct dfucast_gateway *)plan)->plan, device, now);
}

static void activate(const void *plan, void *device, uint32_t now)
{
	dfucast_update_consumer.activate(&((const struct dfucast_gateway *)plan)->plan, device, now);
}

static void stop(const void *plan, void *device, enum dfucast_err why)
{
	dfucast_update_consumer.stop(&((const struct dfucast_gateway *)plan)->plan, device, why);
}

static bool wants_link(const void *plan, const void *device)
{
	const struct dfucast_gateway *gateway = plan;

	return dfucast_update_consumer.wants_link(&gateway->plan, device) ||
	       (is_for(gateway, device) && !gateway->relay.given_up &&
		is_idle(gateway, gateway->relay.target) &&
		/* Ended in the middle of a frame: that link is closed first. */
		!dfucast_update_is_sending(device));
}

static bool wants_resync(const void *plan, const void *device)
{
	const struct dfucast_gateway *gateway = plan;

	/* A frame once begun is finished first, the relay's too. */
	return !(is_for(gateway, device) && gateway->relay.state == RELAY_BEGUN) &&
	       dfucast_update_consumer.wants_resync(&gateway->plan, device);
}

static void link_up(const void *plan, void *device, const struct dfucast_link_info *info, uint32_t now)
{
	const struct dfucast_gateway *gateway = plan;

	dfucast_update_consumer.link_up(&gateway->plan, device, info, now);
}

/* The gateway is the plan, and the plan is constant to whoever gets it from the fan-out; the relay is its own. */
static struct dfucast_gateway_relay *relay_of(const void *plan)
{
	return ((const struct dfucast_gateway *)plan)->relay.self;
}

static void link_down(const void *plan, void *device, enum dfucast_err err, uint32_t now)
{
	const struct dfucast_gateway *gateway = plan;

	if (is_for(gateway, device)) {
		struct dfucast_gateway_relay *relay = relay_of(plan);

		if (relay->state == RELAY_LINGERS) {
			relay->state = RELAY_NONE;
		} else if (relay->state != RELAY_TO_SEND || err != DFUCAST_ERR_OK) {
			/* A half-sent frame is void, and so is the wait for an answer. Not yet sent: the fan-out opens the
			 * link again, within the same time. */
			relay->lost = relay->state != RELAY_TO_SEND;
		}
	}
	dfucast_update_consumer.link_down(&gateway->plan, device, err, now);
}

static void resynced(const void *plan, void *device, uint32_t now)
{
	dfucast_update_consumer.resynced(&((const struct dfucast_gateway *)plan)->plan, device, now);
}

static void recv(const void *plan, void *device, const uint8_t *frame, size_t length, uint32_t now)
{
	const struct dfucast_gateway *gateway = plan;
	struct dfucast_gateway_relay *relay = relay_of(plan);
	struct dfucast_smp_header header;

	if (is_for(gateway, device) && relay->state == RELAY_SENT && length >= DFUCAST_SMP_HEADER_BYTES) {
		dfucast_smp_header_decode(&header, frame);
		if (header.op == (gateway->config.relay[0] & 7u) + 1u && header.sequence == relay->sequence &&
		    header.group == (gateway->config.relay[4] << 8 | gateway->config.relay[5]) &&
		    header.command == gateway->config.relay[7] &&
		    header.length <= length - DFUCAST_SMP_HEADER_BYTES) {
			size_t bytes = DFUCAST_SMP_HEADER_BYTES + (size_t)header.length;

			relay->answered = true;
			relay->length = (uint16_t)(bytes <= gateway->config.relay_bytes ? bytes : 0);
			memcpy(gateway->config.relay, frame, relay->length);
			return;
		}
	}
	dfucast_update_consumer.recv(&gateway->plan, device, frame, length, now);
}

static void noise(const void *plan, void *device, uint32_t now)
{
	dfucast_update_consumer.noise(&((const struct dfucast_gateway *)plan)->plan, device, now);
}

static void want(const void *plan, const void *device, struct dfucast_want *out)
{
	dfucast_update_consumer.want(&((const struct dfucast_gateway *)plan)->plan, device, out);
}

static size_t begin(const void *plan, void *device, const struct dfucast_grant *grant, uint32_t now)
{
	const struct dfucast_gateway *gateway = plan;
	const struct dfucast_update *update = device;
	struct dfucast_gateway_relay *relay = relay_of(plan);

	if (is_for(gateway, device) && !dfucast_update_is_sending(update)) {
		unsigned int taken = relay->state == RELAY_SENT ? 1 : 0;
		bool idle = is_idle(gateway, relay->target);

		if (relay->state == RELAY_TO_SEND && (idle || update->client.count < update->window)) {
			relay->state = RELAY_BEGUN;
		}
		if (relay->state == RELAY_BEGUN) {
			return relay->length;
		}
		/* Its answer takes a buffer of the target's: the update has one less until then. */
		if (idle || update->client.count + taken >= update->window) {
			return 0;
		}
	}
	return dfucast_update_consumer.begin(&gateway->plan, device, grant, now);
}

static void read_frame(const void *plan, const void *device, const struct dfucast_image_bytes *image,
		       size_t position, uint8_t *buffer, size_t length)
{
	const struct dfucast_gateway *gateway = plan;

	if (is_for(gateway, device) && gateway->relay.state == RELAY_BEGUN) {
		DFUCAST_ASSERT(position + length <= gateway->relay.length);
		memcpy(buffer, gateway->config.relay + position, length);
		return;
	}
	dfucast_update_consumer.read(&gateway->plan, device, image, position, buffer, length);
}

static void sent(const void *plan, void *device, uint32_t now)
{
	const struct dfucast_gateway *gateway = plan;
	struct dfucast_gateway_relay *relay = relay_of(plan);

	if (is_for(gateway, device) && relay->state == RELAY_BEGUN) {
		relay->state = RELAY_SENT;
		return;
	}
	dfucast_update_consumer.sent(&gateway->plan, device, now);
}

static bool deadline(const void *plan, const void *device, uint32_t *when)
{
	return dfucast_update_consumer.deadline(&((const struct dfucast_gateway *)plan)->plan, device, when);
}

static void tick(const void *plan, void *device, uint32_t now)
{
	dfucast_update_consumer.tick(&((const struct dfucast_gateway *)plan)->plan, device, now);
}

const struct dfucast_consumer dfucast_gateway_consumer = {
    .phase = phase,
    .status = status,
    .start = start,
    .activate = activate,
    .stop = stop,
    .wants_link = wants_link,
    .wants_resync = wants_resync,
    .link_up = link_up,
    .link_down = link_down,
    .resynced = resynced,
    .recv = recv,
    .noise = noise,
    .want = want,
    .begin = begin,
    .read = read_frame,
    .sent = sent,
    .deadline = deadline,
    .tick = tick,
};

/* ---- the request ---- */

/* Where the target is: in the plan, or, while no cast is open, behind it. @return false: no such target */
static bool find(struct dfucast_gateway *gateway, struct dfucast_smp_text id, uint16_t *index)
{
	const struct dfucast_gateway_port *port = gateway->config.port;
	const struct dfucast_smp_fleet_target wanted = {.id = id, .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY};
	struct dfucast_gateway_target target = {.rssi = 0};

	if (port->resolve == NULL || !port->resolve(port->context, &wanted, &target)) {
		return false;
	}
	for (*index = 0; *index < gateway->target_count; ++*index) {
		if (memcmp(gateway->config.targets[*index].address, target.address, sizeof(target.address)) ==
		    0) {
			return true;
		}
	}
	if (gateway->state == DFUCAST_SMP_FLEET_OVER && gateway->cast.links_open == 0) {
		dfucast_gateway_forget(gateway); /* its reports were there to be read */
		return find(gateway, id, index);
	}
	if (dfucast_gateway_has_cast(gateway) || *index >= gateway->config.cast.count) {
		return false;
	}
	gateway->config.targets[*index] = target;
	return true;
}

static bool is_read_or_echo(const uint8_t *frame)
{
	struct dfucast_smp_header header;

	dfucast_smp_header_decode(&header, frame);
	return header.op == DFUCAST_SMP_READ ||
	       (header.group == DFUCAST_SMP_GROUP_OS && header.command == DFUCAST_SMP_OS_ECHO);
}

void dfucast_gateway_relay(struct dfucast_gateway *gateway, const uint8_t *body, uint32_t now)
{
	struct dfucast_gateway_relay *relay = &gateway->relay;
	struct dfucast_smp_fleet_relay request;
	uint16_t target;

	if (gateway->config.relay == NULL) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_NOT_SUPPORTED);
		return;
	}
	if (dfucast_smp_fleet_relay_decode(body, gateway->request.length, &request) != 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_INVALID);
		return;
	}
	if (!find(gateway, request.id, &target)) {
		dfucast_gateway_refuse(gateway, no_target);
		return;
	}
	const struct dfucast_update *update = device_of(gateway, target);
	bool idle = is_idle(gateway, target);
	/* In the middle of an update only what cannot change anything, and only where its link is anyhow. */
	bool fits_in =
	    idle || (is_read_or_echo(request.frame) && phase(gateway, update) != DFUCAST_PHASE_ACTIVATING);

	bool has_link = relay->state == RELAY_LINGERS && relay->target == target;
	bool under_way = relay->state != RELAY_NONE && relay->state != RELAY_LINGERS;

	if (!fits_in || under_way || gateway->cast.paused ||
	    (idle && !has_link && gateway->cast.links_open >= dfucast_gateway_links(gateway))) {
		dfucast_gateway_relay_end(gateway); /* a link that is only kept may be what is missing */
		dfucast_gateway_refuse(gateway, busy);
		return;
	}
	if (request.frame_bytes > gateway->config.relay_bytes ||
	    (!idle && update->frame_max != 0 && request.frame_bytes > update->frame_max)) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_TOO_LONG);
		return;
	}
	memcpy(gateway->config.relay, request.frame, request.frame_bytes);
	*relay = (struct dfucast_gateway_relay){
	    .self = relay,
	    .target = target,
	    .length = request.frame_bytes,
	    .host_sequence = request.frame[6],
	    /* None that the update has outstanding: those are its last four. */
	    .sequence = (uint8_t)(update->client.sequence_next + 128u),
	    .state = RELAY_TO_SEND,
	    .due_ms = now + RELAY_MS,
	};
	gateway->config.relay[6] = relay->sequence;
	gateway->tx = DFUCAST_GATEWAY_TX_RELAYED;
}

static void end(struct dfucast_gateway *gateway, const struct gateway_refusal *refusal, uint32_t now)
{
	struct dfucast_gateway_relay *relay = &gateway->relay;
	bool asked = gateway->tx == DFUCAST_GATEWAY_TX_RELAYED;

	relay->state = RELAY_LINGERS;
	relay->due_ms = now + LINGER_MS;
	if (!asked) {
		return; /* the host has asked for something else meanwhile */
	}
	if (refusal != NULL) {
		dfucast_gateway_refuse(gateway, *refusal);
		return;
	}
	if (relay->length == 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_TOO_LONG);
		return;
	}
	gateway->config.relay[6] = relay->host_sequence;
	dfucast_gateway_answer(
	    gateway, dfucast_smp_fleet_relay_answer(gateway->config.answer, gateway->config.answer_bytes,
						    &gateway->request, gateway->config.relay, relay->length));
}

void dfucast_gateway_relay_run(struct dfucast_gateway *gateway, uint32_t now)
{
	struct dfucast_gateway_relay *relay = &gateway->relay;

	if (relay->state == RELAY_NONE) {
		return;
	}
	if (relay->answered) {
		relay->answered = false;
		end(gateway, NULL, now);
	} else if (relay->lost) {
		relay->lost = false;
		end(gateway, &unreachable, now);
		relay->state = RELAY_NONE;
	} else if (gateway_reached(now, relay->due_ms)) {
		if (relay->state == RELAY_LINGERS) {
			relay->state = RELAY_NONE;
		} else if (relay->state != RELAY_BEGUN) {
			end(gateway, &unreachable, now);
			relay->state = RELAY_NONE;
		} else if (!relay->given_up) {
			/* A begun frame is finished, or its link closed; its host need not wait for that. */
			uint32_t due_ms = relay->due_ms;

			end(gateway, &unreachable, now);
			relay->state = RELAY_BEGUN;
			relay->due_ms = due_ms;
			relay->given_up = true;
		}
	}
}

bool dfucast_gateway_relay_deadline(const struct dfucast_gateway *gateway, uint32_t *when)
{
	*when = gateway->relay.due_ms;
	return gateway->relay.state != RELAY_NONE && !gateway->relay.given_up;
}

void dfucast_gateway_relay_end(struct dfucast_gateway *gateway)
{
	struct dfucast_gateway_relay *relay = &gateway->relay;

	if (relay->state == RELAY_LINGERS || relay->state == RELAY_TO_SEND || gateway->cast.links_open == 0) {
		relay->state = RELAY_NONE;
		relay->answered = false;
		relay->lost = false;
	}
}
