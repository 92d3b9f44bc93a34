/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the port is to do next, and what came of it. First what links need to come and go, then scanner and initiator,
 * then values to write: one at a time, each link in its turn.
 */
#include "central_internal.h"

#define CONNECT_SLACK_MS 3000u /* the stack's own time-out comes first */
#define CANCELLED_MS 5000u
#define CLOSING_MS 35000u /* longer than any supervision timeout */

struct outlet {
	struct dfucast_ble_central *central;
	struct dfucast_link link;
	uint32_t now;
};

static size_t begin(void *context)
{
	const struct outlet *outlet = context;

	return outlet->central->user.begin(outlet->central->user.context, outlet->link, outlet->now);
}

static void read_part(void *context, size_t position, uint8_t *buffer, size_t length)
{
	const struct outlet *outlet = context;

	outlet->central->user.read(outlet->central->user.context, outlet->link, position, buffer, length);
}

static void done(void *context)
{
	const struct outlet *outlet = context;

	outlet->central->user.sent(outlet->central->user.context, outlet->link, outlet->now);
}

static bool offer(struct dfucast_ble_op *op, struct dfucast_ble_conn *conn, unsigned int kind)
{
	op->kind = (uint8_t)kind;
	op->conn = conn;
	op->target = conn->target;
	op->handle = conn->handle;
	op->setup = &conn->setup;
	return true;
}

/* A stack may fail one pairing too many, which then looks like the peer's refusal. The one of a link that is being closed is
 * under way until the link is gone. */
static bool others_pair(const struct dfucast_ble_central *central, const struct dfucast_ble_conn *conn)
{
	unsigned int pairings = 0;

	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		const struct dfucast_ble_conn *other = &central->config.conns[i];

		pairings +=
		    other != conn && other->state >= CENTRAL_SETUP && dfucast_ble_setup_pairs(&other->setup);
	}
	return pairings >= central->config.pairings;
}

/* What a link's state wants. */
static bool control(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
		    struct dfucast_ble_op *op)
{
	enum dfucast_ble_step step = DFUCAST_BLE_STEP_NONE;

	if (conn_has(conn, CONN_BUSY | CONN_GONE))
		return false;
	if (conn->state == CENTRAL_CLOSE)
		return offer(op, conn, DFUCAST_BLE_OP_DISCONNECT);
	if (conn->state == CENTRAL_CANCEL)
		return offer(op, conn, DFUCAST_BLE_OP_CONNECT_CANCEL);
	if (!conn_is_ours(conn))
		return false;
	if (conn_has(conn, CONN_AGREE | CONN_REFUSE)) {
		op->params = dfucast_central_wanted(central, conn);
		return offer(op, conn,
			     conn_has(conn, CONN_AGREE) ? DFUCAST_BLE_OP_AGREE : DFUCAST_BLE_OP_REFUSE);
	}
	if (conn_sets_up(conn))
		step = dfucast_ble_setup_wants(&conn->setup);
	if (step == DFUCAST_BLE_STEP_SECURE && others_pair(central, conn))
		step = DFUCAST_BLE_STEP_NONE; /* its turn comes with the end of one of them */
	if (step != DFUCAST_BLE_STEP_NONE) {
		op->step = (uint8_t)step;
		return offer(op, conn, DFUCAST_BLE_OP_STEP);
	}
	if (dfucast_central_wants_params(central, conn)) {
		op->params = dfucast_central_wanted(central, conn);
		return offer(op, conn, DFUCAST_BLE_OP_PARAMS);
	}
	return false;
}

static bool write_value(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
			struct dfucast_ble_op *op, uint32_t now)
{
	struct outlet outlet = {central, conn->link, now};
	const struct dfucast_frame_source source = {&outlet, begin, read_part, done};
	size_t capacity = conn->setup.mtu - 3u;

	if (conn->state != CENTRAL_UP || conn->credit == 0 || conn_has(conn, CONN_WRITE_BUSY | CONN_GONE))
		return false;
	if (capacity > central->config.value_bytes)
		capacity = central->config.value_bytes;
	op->length = (uint16_t)dfucast_ble_send(&conn->frames, &source, central->config.value, capacity);
	op->value = central->config.value;
	return op->length != 0 && offer(op, conn, DFUCAST_BLE_OP_WRITE);
}

bool dfucast_ble_central_next(struct dfucast_ble_central *central, struct dfucast_ble_op *op, uint32_t now)
{
	const struct dfucast_ble_central_config *config = &central->config;

	*op = (struct dfucast_ble_op){0};
	dfucast_central_take_requests(central, now);
	for (unsigned int i = 0; i < config->conn_count; i++) {
		if (control(central, &config->conns[i], op))
			return true;
	}
	if (dfucast_central_radio(central, op, now))
		return true;
	for (unsigned int i = 0; i < config->conn_count; i++) {
		unsigned int index = (central->turn + i) % config->conn_count;

		if (write_value(central, &config->conns[index], op, now)) {
			central->turn = (uint8_t)((index + 1u) % config->conn_count);
			return true;
		}
	}
	return false;
}

/* ---- results ---- */

static void retry_later(struct dfucast_ble_central *central, uint32_t now)
{
	if (!central->retrying)
		central->retry_ms = now + CENTRAL_RETRY_MS;
	central->retrying = true;
}

static void written(struct dfucast_ble_central *central, const struct dfucast_ble_op *op,
		    enum dfucast_ble_result result, uint32_t now)
{
	struct dfucast_ble_conn *conn = op->conn;
	struct outlet outlet = {central, conn->link, now};
	const struct dfucast_frame_source source = {&outlet, begin, read_part, done};

	if (result != DFUCAST_BLE_STARTED) {
		/* Nothing of it went out: the same value is made again, when another has left the queue or soon. */
		conn_set(conn, CONN_WRITE_BUSY);
		retry_later(central, now);
		return;
	}
	conn->credit--;
	if (conn_has(conn, CONN_HEARD) || !conn_has(conn, CONN_WROTE))
		dfucast_central_used(conn, now); /* else: since when answers are missing */
	conn_set(conn, CONN_WROTE);
	dfucast_ble_sent(&conn->frames, &source, op->length);
}

/* CONNECT, CANCEL and the scanner. */
static void radio_result(struct dfucast_ble_central *central, const struct dfucast_ble_op *op,
			 enum dfucast_ble_result result, uint32_t now)
{
	bool taken = result == DFUCAST_BLE_STARTED || result == DFUCAST_BLE_DONE;

	switch (op->kind) {
	case DFUCAST_BLE_OP_SCAN_START:
		central->scanning = taken;
		central->scan_ms = now;
		break;
	case DFUCAST_BLE_OP_SCAN_STOP:
		central->scanning = false;
		return;
	case DFUCAST_BLE_OP_CONNECT_CANCEL:
		if (taken)
			dfucast_central_connect_failed(central, op->conn, now);
		else
			dfucast_central_enter(op->conn, CENTRAL_CANCELLED, now + CANCELLED_MS);
		return;
	default:
		if (taken)
			dfucast_central_enter(op->conn, CENTRAL_CONNECTING,
					      now + op->timeout_ms + CONNECT_SLACK_MS);
		else if (result != DFUCAST_BLE_BUSY)
			dfucast_central_connect_failed(central, op->conn, now);
		break;
	}
	if (!taken) {
		central->radio_retrying = true;
		central->radio_ms = now + CENTRAL_RADIO_RETRY_MS;
	}
}

static void params_result(struct dfucast_ble_conn *conn, const struct dfucast_ble_op *op,
			  enum dfucast_ble_result result, uint32_t now)
{
	const struct dfucast_ble_params *asked = &op->params;
	bool again = conn->asked.interval == asked->interval && conn->asked.latency == asked->latency &&
		     conn->asked.timeout == asked->timeout;

	conn->param_tries = (uint8_t)(again ? conn->param_tries + 1u : 1u);
	conn->asked = *asked;
	if (result == DFUCAST_BLE_STARTED) {
		conn_set(conn, CONN_PARAMS);
		conn->params_ms = now + CENTRAL_PARAMS_MS;
	} else if (result == DFUCAST_BLE_DONE) {
		conn->have = *asked;
	} else {
		conn->param_tries = CENTRAL_PARAM_TRIES;
	}
}

void dfucast_ble_central_result(struct dfucast_ble_central *central, const struct dfucast_ble_op *op,
				enum dfucast_ble_result result, uint32_t now)
{
	struct dfucast_ble_conn *conn = op->conn;

	if (result == DFUCAST_BLE_GONE && conn != NULL && !conn_has(conn, CONN_GONE)) {
		/* Nothing more is asked for this link; its end is told. */
		conn_set(conn, CONN_GONE);
		conn_clear(conn, CONN_PARAMS | CONN_AGREE | CONN_REFUSE);
		conn->params_ms = now + CENTRAL_GONE_MS;
		return;
	}
	switch (op->kind) {
	case DFUCAST_BLE_OP_WRITE:
		written(central, op, result, now);
		return;
	case DFUCAST_BLE_OP_SCAN_START:
	case DFUCAST_BLE_OP_SCAN_STOP:
	case DFUCAST_BLE_OP_CONNECT:
	case DFUCAST_BLE_OP_CONNECT_CANCEL:
		radio_result(central, op, result, now);
		return;
	default:
		break;
	}
	if (result == DFUCAST_BLE_BUSY) {
		conn_set(conn, CONN_BUSY);
		retry_later(central, now);
	} else if (op->kind == DFUCAST_BLE_OP_DISCONNECT) {
		dfucast_central_enter(conn, CENTRAL_CLOSING, now + CLOSING_MS);
	} else if (op->kind == DFUCAST_BLE_OP_STEP) {
		dfucast_ble_setup_started(&conn->setup, result, now);
		dfucast_central_follow_setup(central, conn, now);
	} else if (op->kind == DFUCAST_BLE_OP_PARAMS) {
		params_result(conn, op, result, now);
		if (!conn_has(conn, CONN_PARAMS))
			dfucast_central_params_over(central, conn, now);
	} else {
		conn_clear(conn, CONN_AGREE | CONN_REFUSE);
	}
}
