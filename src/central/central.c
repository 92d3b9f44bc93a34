/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A central's links: what changes their state. dfucast_central_enter() alone writes it.
 */
#include "central_internal.h"
#include <string.h>

#define SLOW_INTERVAL 400u
#define IDLE_MS 15000u /* longer than most erases: back from slow parameters takes seconds */
#define SILENT_MS 4000u
#define VALUE_MIN 20u

void dfucast_ble_central_init(struct dfucast_ble_central *central,
			      const struct dfucast_ble_central_config *config)
{
	struct dfucast_ble_central_config *own = &central->config;

	DFUCAST_ASSERT(config->conn_count >= 1 && config->conn_count <= DFUCAST_BLE_HANDLES_MAX);
	DFUCAST_ASSERT(config->targets != NULL && config->conns != NULL && config->pool != NULL);
	DFUCAST_ASSERT(config->value != NULL && config->value_bytes >= VALUE_MIN);
	*central = (struct dfucast_ble_central){.config = *config};
	own->slow_interval = own->slow_interval != 0 ? own->slow_interval : SLOW_INTERVAL;
	own->idle_ms = own->idle_ms != 0 ? own->idle_ms : IDLE_MS;
	own->silent_ms = own->silent_ms != 0 ? own->silent_ms : SILENT_MS;
	own->write_queue = own->write_queue != 0 ? own->write_queue : 1;
	own->pairings = own->pairings != 0 ? own->pairings : 1;
	memset(own->conns, 0, sizeof(own->conns[0]) * own->conn_count);
	(void)dfucast_ble_slots_plan(&own->air, own->links_min, &central->slots);
	central->planned = own->links_min;
}

void dfucast_ble_central_set_user(struct dfucast_ble_central *central, const struct dfucast_ble_user *user)
{
	for (unsigned int i = 0; i < central->config.conn_count; i++)
		DFUCAST_ASSERT(central->config.conns[i].state <= CENTRAL_OFFERED);
	central->user = *user;
}

/* ---- one link's state ---- */

void dfucast_central_enter(struct dfucast_ble_conn *conn, unsigned int state, uint32_t deadline_ms)
{
	conn->state = (uint8_t)state;
	conn->deadline_ms = deadline_ms;
	conn_clear(conn, CONN_BUSY | CONN_WRITE_BUSY);
}

void dfucast_central_end(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
			 enum dfucast_err err, uint32_t now)
{
	struct dfucast_link link = conn->link;

	dfucast_ble_link_reset(&conn->frames, central->config.pool);
	if (conn->state == CENTRAL_RESTORE) {
		conn->flags = CONN_ADOPTED;
		dfucast_central_enter(conn, CENTRAL_OFFERED, now);
	} else {
		*conn = (struct dfucast_ble_conn){0};
	}
	central->user.link_down(central->user.context, link, err, now);
}

/* From a connection of ours to none, or to an adopted one at rest. Nothing goes out on it any more. */
static void give_up(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn, enum dfucast_err err,
		    uint32_t now)
{
	conn->err = (int8_t)err;
	dfucast_ble_link_reset(&conn->frames, central->config.pool);
	if (!conn_has(conn, CONN_ADOPTED)) {
		dfucast_central_enter(conn, CENTRAL_CLOSE, now);
		return;
	}
	dfucast_central_enter(conn, CENTRAL_LEAVE, now);
	dfucast_ble_setup_leave(&conn->setup, now);
	dfucast_central_follow_setup(central, conn, now);
}

void dfucast_central_used(struct dfucast_ble_conn *conn, uint32_t now)
{
	conn->used_ms = now;
	conn_clear(conn, CONN_IDLE);
}

static void start_resync(struct dfucast_ble_conn *conn, uint32_t now)
{
	conn_clear(conn, CONN_RESYNC);
	dfucast_central_enter(conn, CENTRAL_RESYNC, now);
	dfucast_ble_setup_resync(&conn->setup, now);
}

static void is_up(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn, uint32_t now)
{
	unsigned int before = conn->state;
	uint16_t value_max = (uint16_t)(conn->setup.mtu - 3u);

	if (value_max > central->config.value_bytes)
		value_max = central->config.value_bytes;
	const struct dfucast_link_info info = {.frame_max = DFUCAST_BLE_FRAME_BYTES_MAX,
					       .frame_fallback = value_max,
					       .value_max = value_max,
					       .flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_FRAGMENTS};

	dfucast_central_enter(conn, CENTRAL_UP, now);
	dfucast_central_used(conn, now);
	/* It wanted that once: the next time it is done first, not after seconds of silence. */
	if (dfucast_ble_setup_is_secured(&conn->setup))
		central_target(central, conn)->flags |= DFUCAST_BLE_TARGET_SECURE;
	if (conn_has(conn, CONN_RESYNC)) {
		start_resync(conn, now);
		return;
	}
	if (before == CENTRAL_SETUP)
		central->user.link_up(central->user.context, conn->link, &info, now);
	else if (before == CENTRAL_RESYNC)
		central->user.resynced(central->user.context, conn->link, now);
}

void dfucast_central_follow_setup(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
				  uint32_t now)
{
	switch (conn->setup.step) {
	case DFUCAST_BLE_STEP_READY:
		is_up(central, conn, now);
		break;
	case DFUCAST_BLE_STEP_FAILED:
		give_up(central, conn, (enum dfucast_err)conn->setup.err, now);
		break;
	case DFUCAST_BLE_STEP_LEFT:
		conn->param_tries = 0;
		dfucast_central_enter(conn, CENTRAL_RESTORE, now + CENTRAL_PARAMS_MS);
		/* Ours, if they are still to come, are waited for. */
		if (!conn_has(conn, CONN_PARAMS) && !dfucast_central_wants_params(central, conn))
			dfucast_central_end(central, conn, (enum dfucast_err)conn->err, now);
		break;
	default:
		break;
	}
}

/* ---- parameters ---- */

struct dfucast_ble_params dfucast_central_wanted(const struct dfucast_ble_central *central,
						 const struct dfucast_ble_conn *conn)
{
	const struct dfucast_ble_central_config *config = &central->config;
	unsigned int slow = config->slow_interval;

	if (conn->state == CENTRAL_RESTORE)
		return conn->before;
	if (!conn_is_ours(conn) || conn->state == CENTRAL_LEAVE)
		return (struct dfucast_ble_params){0};
	if (conn->state != CENTRAL_UP || !(central->slow || conn_has(conn, CONN_IDLE)))
		return dfucast_ble_params_make(central->slots.interval, 0);
	slow = slow > central->slots.interval ? slow : central->slots.interval;
	return dfucast_ble_params_make(slow, config->slow_latency);
}

static bool same_params(const struct dfucast_ble_params *a, const struct dfucast_ble_params *b)
{
	return a->interval == b->interval && a->latency == b->latency && a->timeout == b->timeout;
}

bool dfucast_central_wants_params(const struct dfucast_ble_central *central,
				  const struct dfucast_ble_conn *conn)
{
	const struct dfucast_ble_params wanted = dfucast_central_wanted(central, conn);

	if (wanted.interval == 0 || conn_has(conn, CONN_PARAMS) || same_params(&wanted, &conn->have))
		return false;
	/* A peer or a stack that will have none of it is left as it is, until something else is wanted. */
	return conn->param_tries < CENTRAL_PARAM_TRIES || !same_params(&wanted, &conn->asked);
}

void dfucast_central_params_over(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
				 uint32_t now)
{
	conn_clear(conn, CONN_PARAMS);
	if (conn->state == CENTRAL_RESTORE && !dfucast_central_wants_params(central, conn))
		dfucast_central_end(central, conn, (enum dfucast_err)conn->err, now);
}

static void params_asked(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
			 const struct dfucast_ble_params_asked *asked)
{
	conn_clear(conn, CONN_AGREE | CONN_REFUSE);
	conn_set(conn, dfucast_ble_central_agrees(central, conn->handle, asked) ? CONN_AGREE : CONN_REFUSE);
}

/* ---- requests of the user ---- */

struct dfucast_ble_conn *dfucast_central_in_state(const struct dfucast_ble_central *central, uint16_t target,
						  unsigned int state)
{
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		struct dfucast_ble_conn *conn = &central->config.conns[i];

		if (conn->state == state && (state == CENTRAL_FREE || conn->target == target))
			return conn;
	}
	return NULL;
}

/* A connection is there: new, or adopted. */
static void begin_setup(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn, uint16_t skip,
			uint16_t mtu, uint32_t now)
{
	uint16_t value = conn->setup.value;
	uint16_t ccc = conn->setup.ccc;

	skip = (uint16_t)(skip | central->config.skip);
	if (!(central_target(central, conn)->flags & DFUCAST_BLE_TARGET_SECURE))
		skip = (uint16_t)(skip | DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_SECURE));
	dfucast_central_enter(conn, CENTRAL_SETUP, now);
	conn->credit = central->config.write_queue;
	dfucast_central_used(conn, now);
	conn->param_tries = 0;
	dfucast_ble_setup_begin(&conn->setup, skip, mtu, now);
	if (skip & DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_SERVICE)) {
		conn->setup.value = value;
		conn->setup.ccc = ccc;
	}
}

/* An adopted link is taken into use. What its owner did already is not done again; its radio is not touched. */
void dfucast_central_use_offer(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
			       uint32_t now)
{
	unsigned int skip =
	    DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_PHY) | DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_DATA_LENGTH);

	if (conn->setup.mtu != 0)
		skip |= DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_MTU);
	if (conn->setup.value != 0 && conn->setup.ccc != 0)
		skip |= DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_SERVICE) |
			DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_CHARACTERISTIC) |
			DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_CCC);
	if (conn_has(conn, CONN_SECURE_TRIED))
		skip |= DFUCAST_BLE_STEP_BIT(DFUCAST_BLE_STEP_SECURE);
	conn->have = conn->before;
	begin_setup(central, conn, (uint16_t)skip, conn->setup.mtu, now);
}

static void open_link(struct dfucast_ble_central *central, struct dfucast_link link, uint32_t now)
{
	struct dfucast_ble_conn *conn = dfucast_central_in_state(central, link.target, CENTRAL_OFFERED);

	DFUCAST_ASSERT(link.target < central->config.target_count);
	if (conn != NULL) {
		conn->link = link;
		dfucast_central_use_offer(central, conn, now);
		return;
	}
	conn = dfucast_central_in_state(central, 0, CENTRAL_FREE);
	if (conn == NULL) {
		central->user.link_down(central->user.context, link, DFUCAST_ERR_UNREACHABLE, now);
		return;
	}
	conn->link = link;
	conn->target = link.target;
	dfucast_central_enter(conn, CENTRAL_SEEK, now);
}

static struct dfucast_ble_conn *of_link(const struct dfucast_ble_central *central, struct dfucast_link link)
{
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		struct dfucast_ble_conn *conn = &central->config.conns[i];

		if (conn->state > CENTRAL_OFFERED && conn->link.target == link.target &&
		    conn->link.generation == link.generation)
			return conn;
	}
	return NULL;
}

static void close_link(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn, uint32_t now)
{
	conn_set(conn, CONN_CLOSED);
	if (conn->state == CENTRAL_SEEK || conn->state == CENTRAL_CONNECT)
		dfucast_central_end(central, conn, DFUCAST_ERR_OK, now);
	else if (conn->state == CENTRAL_CONNECTING)
		dfucast_central_enter(conn, CENTRAL_CANCEL, now);
	else if (conn->state >= CENTRAL_SETUP && conn->state < CENTRAL_LEAVE)
		give_up(central, conn, DFUCAST_ERR_OK, now);
	/* In every other state it is on its way out already. */
}

/* Slots for as many links as are wanted now: never fewer before all are gone, or parameters would change all the time. */
static void plan(struct dfucast_ble_central *central)
{
	unsigned int links = 0;

	for (unsigned int i = 0; i < central->config.conn_count; i++)
		links += central->config.conns[i].state > CENTRAL_OFFERED;
	if (links == 0)
		central->planned = central->config.links_min;
	if (links > central->planned) {
		central->planned = (uint8_t)links;
		(void)dfucast_ble_slots_plan(&central->config.air, links, &central->slots);
	}
}

void dfucast_central_take_requests(struct dfucast_ble_central *central, uint32_t now)
{
	struct dfucast_link_request request;

	while (central->user.next_request != NULL &&
	       central->user.next_request(central->user.context, &request, now)) {
		struct dfucast_ble_conn *conn;

		if (request.kind == DFUCAST_REQUEST_OPEN) {
			open_link(central, request.link, now);
			continue;
		}
		conn = of_link(central, request.link);
		if (conn == NULL)
			continue;
		if (request.kind == DFUCAST_REQUEST_CLOSE) {
			close_link(central, conn, now);
		} else if (conn->state == CENTRAL_UP) {
			start_resync(conn, now);
		} else {
			conn_set(conn, CONN_RESYNC); /* encryption is under way: it follows */
		}
	}
	plan(central);
}

/* ---- events ---- */

struct dfucast_ble_conn *dfucast_central_of_handle(const struct dfucast_ble_central *central,
						   struct dfucast_ble_handle handle)
{
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		struct dfucast_ble_conn *conn = &central->config.conns[i];

		if ((conn->state == CENTRAL_OFFERED || conn->state >= CENTRAL_SETUP) &&
		    conn->handle.index == handle.index && conn->handle.opening == handle.opening)
			return conn;
	}
	return NULL;
}

static struct dfucast_ble_conn *initiating(const struct dfucast_ble_central *central)
{
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		if (conn_initiates(&central->config.conns[i]))
			return &central->config.conns[i];
	}
	return NULL;
}

static bool connected(struct dfucast_ble_central *central, const struct dfucast_ble_event *event,
		      uint32_t now)
{
	struct dfucast_ble_conn *conn = initiating(central);

	if (conn == NULL ||
	    !dfucast_ble_address_equal(&central_target(central, conn)->address, &event->connected.address))
		return false; /* the application's own */
	conn->handle = event->handle;
	conn->have = event->connected.params;
	if (conn->state == CENTRAL_CONNECTING) {
		begin_setup(central, conn, 0, 0, now);
		return true;
	}
	/* Given up already: closed by the user, or after too long. */
	conn->err = conn_has(conn, CONN_CLOSED) ? DFUCAST_ERR_OK : DFUCAST_ERR_UNREACHABLE;
	dfucast_central_enter(conn, CENTRAL_CLOSE, now);
	return true;
}

static bool connect_failed(struct dfucast_ble_central *central, uint32_t now)
{
	struct dfucast_ble_conn *conn = initiating(central);

	if (conn != NULL)
		dfucast_central_connect_failed(central, conn, now);
	return conn != NULL;
}

/* @return false also where the application's link broke: it wants to know. */
static bool disconnected(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn, uint32_t now)
{
	bool adopted = conn_has(conn, CONN_ADOPTED);
	enum dfucast_err err = (enum dfucast_err)conn->err;

	if (conn->state == CENTRAL_OFFERED) {
		*conn = (struct dfucast_ble_conn){0};
		return false;
	}
	if (conn->state < CENTRAL_LEAVE)
		err = conn->state == CENTRAL_SETUP ? DFUCAST_ERR_UNREACHABLE : DFUCAST_ERR_LINK_LOST;
	dfucast_central_enter(conn, CENTRAL_CLOSING, now); /* it is not there any more: not offered again */
	dfucast_central_end(central, conn, err, now);
	return !adopted;
}

static void deliver(void *context, const uint8_t *frame, size_t length);

struct inlet {
	struct dfucast_ble_central *central;
	struct dfucast_link link;
	uint32_t now;
};

static bool notified(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
		     const struct dfucast_ble_event *event, uint32_t now)
{
	struct inlet inlet = {central, conn->link, now};
	const struct dfucast_frame_sink sink = {&inlet, deliver};

	if (event->value.attribute != conn->setup.value && conn_has(conn, CONN_ADOPTED))
		return false;
	if (event->value.attribute != conn->setup.value || !dfucast_ble_setup_is_subscribed(&conn->setup)) {
		central->strays++; /* for whoever had this handle before */
		return true;
	}
	if (conn->state >= CENTRAL_UP && conn->state <= CENTRAL_SECURING) {
		conn_set(conn, CONN_HEARD);
		dfucast_central_used(conn, now);
		dfucast_ble_recv(&conn->frames, central->config.pool, event->value.bytes, event->value.length,
				 &sink);
	}
	return true;
}

static void deliver(void *context, const uint8_t *frame, size_t length)
{
	const struct inlet *inlet = context;

	inlet->central->user.recv(inlet->central->user.context, inlet->link, frame, length, inlet->now);
}

static void writes_sent(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
			unsigned int count)
{
	/* More than was written: the application's on an adopted link, or of the handle's owner before. */
	count += conn->credit;
	conn->credit = (uint8_t)(count < central->config.write_queue ? count : central->config.write_queue);
	conn_clear(conn, CONN_WRITE_BUSY);
}

static void security_asked(struct dfucast_ble_conn *conn, uint32_t now)
{
	if (dfucast_ble_setup_is_secured(&conn->setup))
		return;
	if (conn->state == CENTRAL_UP) {
		dfucast_central_enter(conn, CENTRAL_SECURING, now);
		dfucast_ble_setup_secure(&conn->setup, false, now);
	} else {
		conn_set(conn, CONN_SECURE); /* when it is up */
	}
}

/* An event of a link in use. @return false: the application's. */
static bool link_event(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
		       const struct dfucast_ble_event *event, uint32_t now)
{
	bool adopted = conn_has(conn, CONN_ADOPTED);

	conn_clear(conn, CONN_BUSY);
	switch (event->kind) {
	case DFUCAST_BLE_NOTIFIED:
		return notified(central, conn, event, now);
	case DFUCAST_BLE_WRITES_SENT:
		writes_sent(central, conn, event->number);
		return !adopted;
	case DFUCAST_BLE_PARAMS_CHANGED:
		conn->have = event->params;
		dfucast_central_params_over(central, conn, now);
		return true;
	case DFUCAST_BLE_PARAMS_ASKED:
		params_asked(central, conn, &event->asked);
		return true;
	case DFUCAST_BLE_SECURITY_ASKED:
		security_asked(conn, now);
		return true;
	case DFUCAST_BLE_DEAF:
		if (conn_is_ours(conn) && !conn_sets_up(conn)) {
			give_up(central, conn, DFUCAST_ERR_SILENT, now);
			return !adopted;
		}
		break;
	default:
		break;
	}
	dfucast_ble_setup_event(&conn->setup, event, now);
	/* Also where the stack did it by itself, because the device asked. */
	if (dfucast_ble_setup_is_secured(&conn->setup))
		central_target(central, conn)->flags |= DFUCAST_BLE_TARGET_SECURE;
	if (conn_sets_up(conn))
		dfucast_central_follow_setup(central, conn, now);
	/* Who owns a link has to know that it is of no use any more. */
	return event->kind != DFUCAST_BLE_DEAF || !adopted;
}

bool dfucast_ble_central_event(struct dfucast_ble_central *central, const struct dfucast_ble_event *event,
			       uint32_t now)
{
	struct dfucast_ble_conn *conn;

	switch (event->kind) {
	case DFUCAST_BLE_ADVERTISEMENT:
		return dfucast_central_heard(central, &event->report, now);
	case DFUCAST_BLE_SCAN_STOPPED:
		central->scanning = false;
		return false;
	case DFUCAST_BLE_CONNECTED:
		central->radio_retrying = false;
		return connected(central, event, now);
	case DFUCAST_BLE_CONNECT_FAILED:
		central->radio_retrying = false;
		return connect_failed(central, now);
	default:
		break;
	}
	conn = dfucast_central_of_handle(central, event->handle);
	if (conn == NULL)
		return false;
	if (event->kind == DFUCAST_BLE_DISCONNECTED)
		return disconnected(central, conn, now);
	if (conn->state == CENTRAL_OFFERED) {
		if (event->kind == DFUCAST_BLE_PARAMS_CHANGED)
			conn->before = event->params; /* the owner's will: given back like that */
		return false;
	}
	return link_event(central, conn, event, now);
}

/* ---- time ---- */

static void tick_up(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn, uint32_t now)
{
	bool secured = dfucast_ble_setup_is_secured(&conn->setup);

	if (central_reached(now, conn->used_ms + central->config.idle_ms))
		conn_set(conn, CONN_IDLE);
	bool silent = conn_has(conn, CONN_WROTE) && !conn_has(conn, CONN_HEARD) &&
		      central_reached(now, conn->used_ms + central->config.silent_ms);

	if (secured || !(conn_has(conn, CONN_SECURE) || (silent && !conn_has(conn, CONN_SECURE_TRIED))))
		return;
	/* A server that wants authentication throws unencrypted writes away without a word. */
	conn_clear(conn, CONN_SECURE);
	if (silent)
		conn_set(conn, CONN_SECURE_TRIED);
	dfucast_central_enter(conn, CENTRAL_SECURING, now);
	dfucast_ble_setup_secure(&conn->setup, silent, now);
}

static void tick_conn(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn, uint32_t now)
{
	if (conn_has(conn, CONN_GONE) && central_reached(now, conn->params_ms)) {
		(void)disconnected(central, conn, now);
		return;
	}
	if (conn_has(conn, CONN_PARAMS) && central_reached(now, conn->params_ms))
		dfucast_central_params_over(central, conn, now);
	switch (conn->state) {
	case CENTRAL_CONNECTING:
		if (central_reached(now, conn->deadline_ms))
			dfucast_central_enter(conn, CENTRAL_CANCEL, now);
		break;
	case CENTRAL_CANCELLED:
		if (central_reached(now, conn->deadline_ms))
			dfucast_central_connect_failed(central, conn, now);
		break;
	case CENTRAL_UP:
		tick_up(central, conn, now);
		break;
	case CENTRAL_RESTORE:
	case CENTRAL_CLOSING:
		if (central_reached(now, conn->deadline_ms))
			dfucast_central_end(central, conn, (enum dfucast_err)conn->err, now);
		break;
	default:
		if (conn_sets_up(conn)) {
			dfucast_ble_setup_tick(&conn->setup, now);
			dfucast_central_follow_setup(central, conn, now);
		}
		break;
	}
}

void dfucast_ble_central_tick(struct dfucast_ble_central *central, uint32_t now)
{
	bool retry = central->retrying && central_reached(now, central->retry_ms);

	if (central->radio_retrying && central_reached(now, central->radio_ms))
		central->radio_retrying = false;
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		struct dfucast_ble_conn *conn = &central->config.conns[i];

		if (retry)
			conn_clear(conn, CONN_BUSY | CONN_WRITE_BUSY);
		tick_conn(central, conn, now);
	}
	central->retrying = central->retrying && !retry;
}

/* When this link wants a tick. @return false: it does not. */
static bool conn_deadline(const struct dfucast_ble_central *central, const struct dfucast_ble_conn *conn,
			  uint32_t *deadline)
{
	*deadline = conn->deadline_ms;
	switch (conn->state) {
	case CENTRAL_CONNECTING:
	case CENTRAL_CANCELLED:
	case CENTRAL_RESTORE:
	case CENTRAL_CLOSING:
		return true;
	case CENTRAL_UP:
		if (conn_has(conn, CONN_WROTE) && !conn_has(conn, CONN_HEARD | CONN_SECURE_TRIED) &&
		    !dfucast_ble_setup_is_secured(&conn->setup)) {
			*deadline = conn->used_ms + central->config.silent_ms;
			return true;
		}
		*deadline = conn->used_ms + central->config.idle_ms;
		return !conn_has(conn, CONN_IDLE);
	default:
		return conn_sets_up(conn) && dfucast_ble_setup_deadline(&conn->setup, deadline);
	}
}

static void earlier(uint32_t *deadline, bool *timed, uint32_t candidate)
{
	if (!*timed || (int32_t)(candidate - *deadline) < 0)
		*deadline = candidate;
	*timed = true;
}

bool dfucast_ble_central_deadline(const struct dfucast_ble_central *central, uint32_t *deadline)
{
	bool timed = false;

	if (central->retrying)
		earlier(deadline, &timed, central->retry_ms);
	if (central->radio_retrying)
		earlier(deadline, &timed, central->radio_ms);
	if (central->scanning)
		earlier(deadline, &timed, central->scan_ms + CENTRAL_RESCAN_MS);
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		const struct dfucast_ble_conn *conn = &central->config.conns[i];
		uint32_t when;

		if (conn_deadline(central, conn, &when))
			earlier(deadline, &timed, when);
		if (conn_has(conn, CONN_PARAMS | CONN_GONE))
			earlier(deadline, &timed, conn->params_ms);
	}
	return timed;
}
