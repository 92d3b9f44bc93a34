/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port, see port_s140.h. The interrupt only fetches, marks each event with the link it belongs to, and queues.
 * All else happens in port_s140_run(), and all calls of the SoftDevice that may have to be repeated are made in
 * step(), from the connection's state.
 */
#include "port_s140.h"

#include <dfucast/port.h>
#include <string.h>

#define RETRY_MS 3u

void port_s140_init(struct port_s140 *port, struct dfucast_cast *cast, uint16_t count)
{
	DFUCAST_ASSERT(count <= PORT_S140_TARGETS_MAX);
	memset(port, 0, sizeof(*port));
	port->cast = cast;
	port->count = count;
	dfucast_ble_pool_init(&port->pool, port->long_answers[0], PORT_S140_LONG_ANSWER_BYTES,
			      PORT_S140_LONG_ANSWERS);
}

/* ---- interrupt ---- */

/* Who an event is for. @return false: nobody. */
static bool mark(struct port_s140 *port, struct port_s140_entry *entry)
{
	const struct s140_event *event = &entry->event;

	if (event->id == S140_TIMEOUT) {
		entry->link = port->connecting;
		return true;
	}
	if (event->handle >= S140_LINKS_MAX) {
		return false;
	}
	if (event->id == S140_CONNECTED) {
		port->handles[event->handle] = port->connecting;
		port->alive[event->handle] = true;
	}
	entry->link = port->handles[event->handle];
	bool alive = port->alive[event->handle];

	if (event->id == S140_DISCONNECTED) {
		/* From here on the handle may be another's: nothing is written to it any more. */
		port->alive[event->handle] = false;
	}
	return alive;
}

void port_s140_interrupt(void *context)
{
	struct port_s140 *port = context;
	uint32_t head = atomic_load_explicit(&port->head, memory_order_relaxed);

	for (;;) {
		struct port_s140_entry *entry = &port->queue[head % PORT_S140_QUEUE];

		if (head - atomic_load_explicit(&port->tail, memory_order_acquire) == PORT_S140_QUEUE) {
			/* The rest stays where it is; the main context pends the interrupt once it has made room. */
			atomic_store(&port->starved, true);
			return;
		}
		if (s140_evt_get(port->sd, &entry->event) != S140_SUCCESS) {
			return;
		}
		if (mark(port, entry)) {
			atomic_store_explicit(&port->head, ++head, memory_order_release);
		} else {
			port->strays++;
		}
	}
}

/* ---- events, in the main context ---- */

static void notification(struct port_s140 *port, struct port_s140_connection *connection,
			 const struct s140_event *event)
{
	struct dfucast_cast_outlet outlet = {port->cast, connection->link, port->now};
	const struct dfucast_frame_sink sink = dfucast_cast_frame_sink(&outlet);

	if (!connection->listening) {
		port->late++; /* nobody has asked for it on this connection: it is for the handle's owner before */
		return;
	}
	dfucast_ble_recv(&connection->ble, &port->pool, event->data, event->length, &sink);
}

static void subscribed(struct port_s140 *port, struct port_s140_connection *connection)
{
	const struct dfucast_link_info info = {.frame_max = 2475,
					       .frame_fallback = connection->value_max,
					       .value_max = connection->value_max,
					       .flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_FRAGMENTS};

	connection->state = PORT_S140_UP;
	connection->listening = true;
	if (connection->resync) {
		connection->resync = false;
		dfucast_cast_resynced(port->cast, connection->link, port->now);
	} else {
		dfucast_cast_link_up(port->cast, connection->link, &info, port->now);
	}
}

static void down(struct port_s140 *port, struct port_s140_connection *connection, enum dfucast_err err)
{
	dfucast_ble_link_reset(&connection->ble, &port->pool);
	connection->state = PORT_S140_IDLE;
	dfucast_cast_link_down(port->cast, connection->link, err, port->now);
}

static void handle_event(struct port_s140 *port, const struct port_s140_entry *entry)
{
	struct port_s140_connection *connection = &port->connections[entry->link.target];
	const struct s140_event *event = &entry->event;

	if (connection->state == PORT_S140_IDLE || connection->link.generation != entry->link.generation) {
		port->late++;
		return;
	}
	switch (event->id) {
	case S140_CONNECTED:
		port->connecting_now = false;
		connection->handle = event->handle;
		if (connection->state == PORT_S140_W4_CONNECTED) {
			connection->state = PORT_S140_W2_EXCHANGE_MTU;
		} /* else W2_DISCONNECT: it came before it could be cancelled */
		break;
	case S140_TIMEOUT:
		port->connecting_now = false;
		down(port, connection, DFUCAST_ERR_UNREACHABLE);
		break;
	case S140_DISCONNECTED:
		down(port, connection, DFUCAST_ERR_LINK_LOST);
		break;
	case S140_EXCHANGE_MTU_RSP:
		if (connection->state == PORT_S140_W4_MTU) {
			connection->value_max = (uint16_t)(event->value - 3u);
			connection->state = PORT_S140_W2_SUBSCRIBE;
		}
		break;
	case S140_WRITE_RSP:
		if (connection->state == PORT_S140_W4_SUBSCRIBED) {
			subscribed(port, connection);
		} else if (connection->state == PORT_S140_W4_UNSUBSCRIBED) {
			connection->state = PORT_S140_W2_SUBSCRIBE;
		}
		break;
	case S140_WRITE_CMD_TX_COMPLETE:
		port->late += connection->in_flight ? 0 : 1;
		connection->in_flight = false;
		break;
	case S140_HVX:
		notification(port, connection, event);
		break;
	default:
		break;
	}
}

static void handle_events(struct port_s140 *port)
{
	for (;;) {
		uint32_t tail = atomic_load_explicit(&port->tail, memory_order_relaxed);

		if (tail == atomic_load_explicit(&port->head, memory_order_acquire)) {
			if (!atomic_exchange(&port->starved, false)) {
				return;
			}
			port->starvations++;
			s140_irq_pend(port->sd);
			return; /* and with the interrupt we are called again */
		}
		port->now = s140_now(port->sd);
		handle_event(port, &port->queue[tail % PORT_S140_QUEUE]);
		atomic_store_explicit(&port->tail, tail + 1u, memory_order_release);
	}
}

/* ---- what connections want ---- */

/* Masks the interrupt and looks whether the handle still means this link: what is fetched meanwhile cannot give it to
 * another. @return false, unmasked: it does not; DISCONNECTED is in the queue. */
static bool hold(struct port_s140 *port, const struct port_s140_connection *connection)
{
	s140_irq_disable(port->sd);
	const struct dfucast_link *link = &port->handles[connection->handle];

	if (port->alive[connection->handle] && link->target == connection->link.target &&
	    link->generation == connection->link.generation) {
		return true;
	}
	s140_irq_enable(port->sd);
	return false;
}

static void connect_step(struct port_s140 *port, struct port_s140_connection *connection)
{
	if (port->connecting_now) {
		return; /* its end wakes us */
	}
	s140_irq_disable(port->sd);
	port->connecting = connection->link;
	uint32_t result = s140_gap_connect(port->sd, connection->link.target);

	s140_irq_enable(port->sd);
	if (result == S140_SUCCESS) {
		port->connecting_now = true;
		connection->state = PORT_S140_W4_CONNECTED;
	} else {
		port->retry = true;
	}
}

static void disconnect_step(struct port_s140 *port, struct port_s140_connection *connection)
{
	if (connection->handle == S140_HANDLE_INVALID) {
		return; /* CONNECTED or TIMEOUT is in the queue */
	}
	if (hold(port, connection)) {
		(void)s140_gap_disconnect(port->sd, connection->handle);
		s140_irq_enable(port->sd);
	}
	connection->state = PORT_S140_W4_DISCONNECTED;
}

static uint32_t write_cccd(struct port_s140 *port, const struct port_s140_connection *connection,
			   uint8_t value)
{
	const uint8_t bytes[2] = {value, 0};
	const struct s140_write write = {.handle = S140_ATTRIBUTE_CCCD,
					 .op = S140_WRITE_REQ,
					 .length = sizeof(bytes),
					 .value = bytes,
					 .meant = connection->link.target};

	return s140_gattc_write(port->sd, connection->handle, &write);
}

/* The states that are left by a GATT procedure: each is the one before what waits for its answer. */
static void procedure_step(struct port_s140 *port, struct port_s140_connection *connection)
{
	uint32_t result;

	if (!hold(port, connection)) {
		return;
	}
	if (connection->state == PORT_S140_W2_EXCHANGE_MTU) {
		result = s140_gattc_exchange_mtu_request(port->sd, connection->handle, S140_MTU_MAX);
	} else {
		result = write_cccd(port, connection, connection->state == PORT_S140_W2_SUBSCRIBE);
	}
	s140_irq_enable(port->sd);
	if (result == S140_SUCCESS) {
		connection->state++;
	} else {
		port->retry = true;
	}
}

static void step(struct port_s140 *port, struct port_s140_connection *connection)
{
	switch (connection->state) {
	case PORT_S140_W2_CONNECT:
		connect_step(port, connection);
		break;
	case PORT_S140_W2_DISCONNECT:
		disconnect_step(port, connection);
		break;
	case PORT_S140_W2_EXCHANGE_MTU:
	case PORT_S140_W2_SUBSCRIBE:
	case PORT_S140_W2_UNSUBSCRIBE:
		procedure_step(port, connection);
		break;
	default:
		break;
	}
}

static void close_link(struct port_s140 *port, struct port_s140_connection *connection)
{
	dfucast_ble_link_reset(&connection->ble, &port->pool);
	connection->listening = false;
	if (connection->state == PORT_S140_W2_CONNECT) {
		down(port, connection, DFUCAST_ERR_OK);
	} else if (connection->state == PORT_S140_W4_CONNECTED &&
		   s140_gap_connect_cancel(port->sd) == S140_SUCCESS) {
		port->connecting_now = false;
		down(port, connection, DFUCAST_ERR_OK);
	} else {
		connection->state = PORT_S140_W2_DISCONNECT;
	}
}

static void handle_requests(struct port_s140 *port)
{
	struct dfucast_link_request request;

	while (dfucast_cast_next_request(port->cast, &request, port->now)) {
		struct port_s140_connection *connection = &port->connections[request.link.target];

		switch (request.kind) {
		case DFUCAST_REQUEST_OPEN:
			*connection = (struct port_s140_connection){.link = request.link,
								    .handle = S140_HANDLE_INVALID,
								    .state = PORT_S140_W2_CONNECT};
			break;
		case DFUCAST_REQUEST_CLOSE:
			close_link(port, connection);
			break;
		default:
			connection->resync = true;
			connection->state = PORT_S140_W2_UNSUBSCRIBE;
			break;
		}
	}
}

/* ---- sending ---- */

static void send_value(struct port_s140 *port, struct port_s140_connection *connection)
{
	struct dfucast_cast_outlet outlet = {port->cast, connection->link, port->now};
	const struct dfucast_frame_source source = dfucast_cast_frame_source(&outlet);
	uint8_t value[S140_VALUE_MAX];
	struct s140_write write = {.handle = S140_ATTRIBUTE_SMP,
				   .op = S140_WRITE_CMD,
				   .value = value,
				   .meant = connection->link.target};
	uint32_t result = S140_INVALID_CONN_HANDLE;

	if (connection->state != PORT_S140_UP || connection->in_flight) {
		return;
	}
	write.length = (uint16_t)dfucast_ble_send(&connection->ble, &source, value, connection->value_max);
	if (write.length == 0) {
		return;
	}
	if (hold(port, connection)) {
		result = s140_gattc_write(port->sd, connection->handle, &write);
		s140_irq_enable(port->sd);
	}
	if (result != S140_SUCCESS) {
		/* Nothing of it went out: the same value is made again. */
		port->refusals++;
		port->retry = true;
		return;
	}
	connection->in_flight = true;
	dfucast_ble_sent(&connection->ble, &source, write.length);
}

uint32_t port_s140_run(struct port_s140 *port)
{
	uint32_t deadline;

	port->retry = false;
	port->now = s140_now(port->sd);
	handle_events(port);
	port->now = s140_now(port->sd);
	dfucast_cast_tick(port->cast, port->now);
	handle_requests(port);
	port->turn = (uint16_t)((port->turn + 1u) % port->count);
	for (uint16_t i = 0; i < port->count; i++) {
		struct port_s140_connection *connection = &port->connections[(port->turn + i) % port->count];

		step(port, connection);
		send_value(port, connection);
	}
	if (!dfucast_cast_deadline(port->cast, &deadline)) {
		deadline = port->now + 1000u;
	}
	if (port->retry && (int32_t)(deadline - port->now) > (int32_t)RETRY_MS) {
		deadline = port->now + RETRY_MS;
	}
	return deadline;
}
