/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's public calls. One request of the host is open at a time; its answer is built when it is known, and kept
 * until the next request, in case this one comes again.
 */
#include "gateway_internal.h"

/* An empty fan-out, so that the port need not know whether there is one, and a relay has one to travel through. */
static void idle_cast(struct dfucast_gateway *gateway)
{
	struct dfucast_cast_config idle = gateway->config.cast;

	memset(idle.devices, 0, (size_t)idle.count * idle.device_bytes);
	idle.plan = gateway;
	idle.image_bytes = 1;
	dfucast_cast_init(&gateway->cast, &idle);
}

void dfucast_gateway_init(struct dfucast_gateway *gateway, const struct dfucast_gateway_config *config)
{
	DFUCAST_ASSERT(config->port != NULL && config->port->name != NULL);
	DFUCAST_ASSERT(config->targets != NULL && config->cast.count > 0);
	DFUCAST_ASSERT(config->default_count <= config->cast.count);
	DFUCAST_ASSERT(config->sums != NULL && config->sum_count >= DFUCAST_GATEWAY_SUMS_MIN);
	DFUCAST_ASSERT(config->answer != NULL && config->answer_bytes >= 128);
	DFUCAST_ASSERT(config->buf_size >= 128 && config->buf_size < config->cast.ring_bytes / 2u);
	DFUCAST_ASSERT(config->match == NULL || (config->match_bytes >= DFUCAST_GATEWAY_MATCH_BYTES_MIN &&
						 config->match_bytes % 4u == 0));
	memset(gateway, 0, sizeof(*gateway));
	gateway->config = *config;
	gateway->config.cast.consumer = &dfucast_gateway_consumer;
	gateway->config.hold_ms = config->hold_ms != 0 ? config->hold_ms : 900;
	gateway->config.slow_ms = config->slow_ms != 0 ? config->slow_ms : 10000;
	gateway->config.release_ms = config->release_ms != 0 ? config->release_ms : 300000;
	gateway->pace = DFUCAST_GATEWAY_SLOW;
	gateway->match = config->match != NULL ? config->match : gateway->own_match.lines;
	gateway->match_bytes = config->match != NULL ? config->match_bytes : DFUCAST_GATEWAY_MATCH_BYTES_MIN;
	dfucast_gateway_plan_default(gateway);
	gateway->relay.self = &gateway->relay;
	idle_cast(gateway);
}

void dfucast_gateway_forget(struct dfucast_gateway *gateway)
{
	DFUCAST_ASSERT(gateway->cast.links_open == 0);
	dfucast_gateway_relay_end(gateway); /* its target's number means another one from now on */
	dfucast_gateway_plan_default(gateway);
	gateway->state = DFUCAST_SMP_FLEET_IDLE;
	idle_cast(gateway);
}

uint32_t dfucast_gateway_links(const struct dfucast_gateway *gateway)
{
	uint32_t links = gateway->config.cast.links_max;

	return links != 0 ? links : gateway->config.cast.count;
}

struct dfucast_cast *dfucast_gateway_cast(struct dfucast_gateway *gateway)
{
	return &gateway->cast;
}

const struct dfucast_gateway_target *dfucast_gateway_target(const struct dfucast_gateway *gateway,
							    uint16_t index)
{
	DFUCAST_ASSERT(index < gateway->config.cast.count);
	return &gateway->config.targets[index];
}

bool dfucast_gateway_has_cast(const struct dfucast_gateway *gateway)
{
	return gateway->state == DFUCAST_SMP_FLEET_OPEN || gateway->state == DFUCAST_SMP_FLEET_OVER;
}

bool dfucast_gateway_untouched(const struct dfucast_gateway *gateway)
{
	return gateway->state != DFUCAST_SMP_FLEET_OPEN || gateway->cast.activated == 0 ||
	       gateway->cast.activated == gateway->cast.succeeded + gateway->cast.failed;
}

void dfucast_gateway_log(struct dfucast_gateway *gateway, enum dfucast_gateway_event what, uint16_t target,
			 int32_t value, uint32_t now)
{
	gateway->event_number++;
	if (gateway->config.log_count == 0) {
		return;
	}
	gateway->config.log[gateway->event_number % gateway->config.log_count] =
	    (struct dfucast_smp_fleet_event){
		.number = gateway->event_number,
		.t_ms = now,
		.target = target,
		.what = what,
		.value = value,
	    };
}

/* ---- answers ---- */

void dfucast_gateway_answer(struct dfucast_gateway *gateway, int length)
{
	if (length < 0) {
		length = dfucast_smp_answer_rc(gateway->config.answer, gateway->config.answer_bytes,
					       &gateway->request, DFUCAST_SMP_RC_TOO_LONG);
	}
	gateway->answer_length = (uint16_t)length;
	gateway->tx = DFUCAST_GATEWAY_TX_READY;
}

void dfucast_gateway_refuse(struct dfucast_gateway *gateway, struct gateway_refusal refusal)
{
	if (refusal.code == 0) {
		dfucast_gateway_answer_rc(gateway, (enum dfucast_smp_rc)refusal.rc);
		return;
	}
	dfucast_gateway_answer(gateway,
			       dfucast_smp_answer_error(gateway->config.answer, gateway->config.answer_bytes,
							&gateway->request, refusal.group, refusal.code,
							(enum dfucast_smp_rc)refusal.rc));
}

void dfucast_gateway_answer_rc(struct dfucast_gateway *gateway, enum dfucast_smp_rc rc)
{
	dfucast_gateway_answer(gateway,
			       dfucast_smp_answer_rc(gateway->config.answer, gateway->config.answer_bytes,
						     &gateway->request, rc));
}

void dfucast_gateway_local(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length)
{
	const struct dfucast_gateway_port *port = gateway->config.port;

	if (port->local_smp == NULL) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_NOT_SUPPORTED);
		return;
	}
	size_t answered = port->local_smp(port->context, frame, length, gateway->config.answer,
					  gateway->config.answer_bytes);

	DFUCAST_ASSERT(answered <= gateway->config.answer_bytes);
	if (answered > 0) {
		dfucast_gateway_answer(gateway, (int)answered);
	}
}

static size_t begin(void *context)
{
	const struct dfucast_gateway *gateway = context;

	return gateway->tx == DFUCAST_GATEWAY_TX_READY ? gateway->answer_length : 0;
}

static void read_answer(void *context, size_t position, uint8_t *buffer, size_t length)
{
	const struct dfucast_gateway *gateway = context;

	DFUCAST_ASSERT(position + length <= gateway->answer_length);
	memcpy(buffer, gateway->config.answer + position, length);
}

static void done(void *context)
{
	struct dfucast_gateway *gateway = context;

	gateway->tx = DFUCAST_GATEWAY_TX_SENT;
	if (gateway->reset_due) {
		gateway->reset_due = false;
		gateway->config.port->reset(gateway->config.port->context);
	}
}

struct dfucast_frame_source dfucast_gateway_frame_source(struct dfucast_gateway *gateway)
{
	return (struct dfucast_frame_source){gateway, begin, read_answer, done};
}

/* ---- requests ---- */

/* The same frame again: its answer is on its way, or got lost. @return true: nothing more to do */
static bool is_repeated(struct dfucast_gateway *gateway, uint32_t key, size_t length)
{
	if (key != gateway->request_key || length != gateway->request_bytes ||
	    gateway->tx == DFUCAST_GATEWAY_TX_NONE) {
		return false;
	}
	if (gateway->tx != DFUCAST_GATEWAY_TX_SENT) {
		return true;
	}
	/* Reads are answered anew. Of writes, the answer is given once more; after that it is a new request. */
	if (gateway->request.op == DFUCAST_SMP_READ || gateway->replayed) {
		return false;
	}
	gateway->replayed = true;
	gateway->tx = DFUCAST_GATEWAY_TX_READY;
	return true;
}

void dfucast_gateway_recv(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length, uint32_t now)
{
	struct dfucast_smp_header header;

	if (length < DFUCAST_SMP_HEADER_BYTES || length > gateway->config.buf_size) {
		return;
	}
	dfucast_smp_header_decode(&header, frame);
	if (header.op != DFUCAST_SMP_READ && header.op != DFUCAST_SMP_WRITE) {
		return;
	}
	uint32_t key = dfucast_gateway_sum(GATEWAY_SUM_START, frame, length);

	if (is_repeated(gateway, key, length) || gateway->tx == DFUCAST_GATEWAY_TX_READY) {
		return; /* one at a time: the second of a host that does not wait is lost, as on any server's full queue */
	}
	gateway->request = header;
	gateway->request_key = key;
	gateway->request_bytes = (uint16_t)length;
	gateway->replayed = false;
	gateway->tx = DFUCAST_GATEWAY_TX_NONE;
	if (length - DFUCAST_SMP_HEADER_BYTES < header.length) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_CORRUPT);
	} else if (header.version > DFUCAST_SMP_V2) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_VERSION_TOO_NEW);
	} else if (header.group == DFUCAST_SMP_GROUP_IMG) {
		dfucast_gateway_images(gateway, frame, length, now);
	} else if (header.group == DFUCAST_SMP_GROUP_FLEET) {
		dfucast_gateway_fleet(gateway, frame, length, now);
	} else if (header.group == DFUCAST_SMP_GROUP_OS) {
		dfucast_gateway_os(gateway, frame, length, now);
	} else {
		dfucast_gateway_local(gateway, frame, length);
	}
	dfucast_gateway_run(gateway, now);
}

/* ---- time ---- */

/* The image is still to come, and it is the host that is waited for. */
static bool waits_for_host(const struct dfucast_gateway *gateway)
{
	return gateway->state == DFUCAST_SMP_FLEET_OPEN && gateway->tx != DFUCAST_GATEWAY_TX_HELD &&
	       (gateway->cast.paused || dfucast_gateway_source_room(gateway) > 0) &&
	       gateway->next < gateway->image.length;
}

/* Numbers the changes, so that a host can ask for those since it last looked. */
static void look_at_targets(struct dfucast_gateway *gateway, uint32_t now)
{
	unsigned int ended = 0;
	unsigned int succeeded = 0;

	for (uint16_t i = 0; i < gateway->target_count; i++) {
		struct dfucast_gateway_target *target = &gateway->config.targets[i];
		struct dfucast_status status;

		dfucast_cast_status(&gateway->cast, i, &status);
		ended += dfucast_state_is_final((enum dfucast_state)status.state);
		succeeded += status.state == DFUCAST_STATE_DONE;
		if (status.state != target->told) {
			target->told = status.state;
			gateway->stamp = (uint16_t)(gateway->stamp == UINT16_MAX ? 1 : gateway->stamp + 1);
			target->changed = gateway->stamp;
			dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_STATE, i, status.state, now);
		}
	}
	if (ended == gateway->target_count && gateway->state == DFUCAST_SMP_FLEET_OPEN) {
		gateway->state = DFUCAST_SMP_FLEET_OVER;
		dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_OVER, UINT16_MAX, (int32_t)succeeded, now);
	}
}

static void mind_silence(struct dfucast_gateway *gateway, uint32_t now)
{
	bool waits = waits_for_host(gateway);

	if (!waits) {
		gateway->heard_ms = now; /* its silence is ours */
	}
	gateway->pace = gateway->state != DFUCAST_SMP_FLEET_OPEN || gateway->cast.paused ||
				(waits && gateway_reached(now, gateway->heard_ms + gateway->config.slow_ms))
			    ? DFUCAST_GATEWAY_SLOW
			    : DFUCAST_GATEWAY_FAST;
	if (waits && !gateway->cast.paused &&
	    gateway_reached(now, gateway->heard_ms + gateway->config.release_ms)) {
		dfucast_gateway_pause(gateway, false, now);
	}
}

void dfucast_gateway_run(struct dfucast_gateway *gateway, uint32_t now)
{
	uint32_t when;

	if (dfucast_cast_deadline(&gateway->cast, &when) && gateway_reached(now, when)) {
		dfucast_cast_tick(&gateway->cast, now);
	}
	if (dfucast_gateway_has_cast(gateway)) {
		dfucast_gateway_source_check(gateway, now);
		if (gateway->cast.commanded && !gateway->plan_commanded &&
		    dfucast_gateway_all_have_it(gateway)) {
			dfucast_cast_activate(&gateway->cast, now);
		}
		look_at_targets(gateway, now);
		dfucast_gateway_source_follow(gateway, now);
		mind_silence(gateway, now);
	}
	dfucast_gateway_relay_run(gateway, now);
	if (gateway->tx == DFUCAST_GATEWAY_TX_HELD) {
		dfucast_gateway_upload_answer(gateway, gateway_reached(now, gateway->held_ms), now);
	}
}

static void earlier(uint32_t *deadline, bool *timed, uint32_t candidate)
{
	if (!*timed || (int32_t)(candidate - *deadline) < 0) {
		*deadline = candidate;
	}
	*timed = true;
}

bool dfucast_gateway_deadline(const struct dfucast_gateway *gateway, uint32_t *deadline)
{
	bool timed = dfucast_cast_deadline(&gateway->cast, deadline);
	uint32_t when;

	if (dfucast_gateway_relay_deadline(gateway, &when)) {
		earlier(deadline, &timed, when);
	}
	if (gateway->tx == DFUCAST_GATEWAY_TX_HELD && !gateway->forward_only) {
		earlier(deadline, &timed, gateway->held_ms);
	}
	if (waits_for_host(gateway) && !gateway->cast.paused) {
		earlier(deadline, &timed,
			gateway->heard_ms + (gateway->pace == DFUCAST_GATEWAY_FAST
						 ? gateway->config.slow_ms
						 : gateway->config.release_ms));
	}
	return timed;
}
