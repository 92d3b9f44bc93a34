/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway beside a running S140 application. Interrupts only write down what happened; beside_tick() does the rest.
 */
#include "beside.h"
#include "board.h"

#include <stdatomic.h>
#include <string.h>

#define MINE_MAX 8u
#define RING_BYTES 2048u /* a power of two */

/* The application's own connections. Written where events come; the main loop looks with that interrupt masked. */
static struct mine {
	struct dfucast_ble_address address;
	ble_gap_conn_params_t params;
	uint16_t conn_handle;
	uint16_t att_mtu; /* 0: not exchanged */
	bool there;
	bool fresh; /* the gateway was not told yet */
} mine[MINE_MAX];

/* One writer, one reader each. */
static struct bytes {
	uint8_t ring[RING_BYTES];
	_Atomic uint32_t head, tail;
} to_gateway, to_host;

static size_t bytes_room(const struct bytes *bytes)
{
	return RING_BYTES - (atomic_load(&bytes->head) - atomic_load(&bytes->tail));
}

static size_t bytes_put(struct bytes *bytes, const uint8_t *from, size_t length)
{
	uint32_t head = atomic_load(&bytes->head);
	size_t room = bytes_room(bytes);

	length = length < room ? length : room;
	for (size_t i = 0; i < length; i++)
		bytes->ring[(head + i) % RING_BYTES] = from[i];
	atomic_store(&bytes->head, head + (uint32_t)length);
	return length;
}

static size_t bytes_get(struct bytes *bytes, uint8_t *to, size_t capacity)
{
	uint32_t tail = atomic_load(&bytes->tail);
	size_t there = RING_BYTES - bytes_room(bytes);

	capacity = capacity < there ? capacity : there;
	for (size_t i = 0; i < capacity; i++)
		to[i] = bytes->ring[(tail + i) % RING_BYTES];
	atomic_store(&bytes->tail, tail + (uint32_t)capacity);
	return capacity;
}

/* ---- what the application calls ---- */

uint32_t beside_start(bool application_answers)
{
	memset(mine, 0, sizeof(mine));
	return gateway_start(application_answers);
}

size_t beside_uart_received(const uint8_t *bytes, size_t length)
{
	return bytes_put(&to_gateway, bytes, length);
}

size_t beside_uart_to_send(uint8_t *bytes, size_t capacity)
{
	return bytes_get(&to_host, bytes, capacity);
}

static struct mine *of_handle(uint16_t conn_handle)
{
	for (unsigned int i = 0; i < MINE_MAX; i++) {
		if (mine[i].there && mine[i].conn_handle == conn_handle)
			return &mine[i];
	}
	return NULL;
}

static void connected(const ble_gap_evt_t *gap)
{
	struct dfucast_ble_address address = {.type = gap->params.connected.peer_addr.addr_type};

	memcpy(address.bytes, gap->params.connected.peer_addr.addr, sizeof(address.bytes));
	if (gap->params.connected.role != BLE_GAP_ROLE_CENTRAL || !beside_is_mine(&address))
		return;
	for (unsigned int i = 0; i < MINE_MAX; i++) {
		if (mine[i].there)
			continue;
		mine[i] = (struct mine){.address = address,
					.params = gap->params.connected.conn_params,
					.conn_handle = gap->conn_handle,
					.there = true,
					.fresh = true};
		return;
	}
}

static void link_event(const ble_evt_t *event)
{
	const ble_gap_evt_t *gap = &event->evt.gap_evt;
	struct mine *link = of_handle(gap->conn_handle);

	if (link == NULL)
		return;
	switch (event->header.evt_id) {
	case BLE_GAP_EVT_DISCONNECTED:
		link->there = false;
		break;
	case BLE_GATTC_EVT_EXCHANGE_MTU_RSP:
		link->att_mtu = event->evt.gattc_evt.params.exchange_mtu_rsp.server_rx_mtu;
		link->att_mtu = link->att_mtu < GATEWAY_MTU ? link->att_mtu : GATEWAY_MTU;
		break;
	default:
		break;
	}
}

void beside_event(const ble_evt_t *event)
{
	gateway_observe(event);
	if (event->header.evt_id == BLE_GAP_EVT_CONNECTED)
		connected(&event->evt.gap_evt);
	else
		link_event(event);
}

uint32_t beside_tick(void)
{
	for (unsigned int i = 0; i < MINE_MAX; i++) {
		board_mask(NULL);
		const struct mine link = mine[i];

		mine[i].fresh = false;
		board_unmask(NULL);
		if (link.there && link.fresh)
			(void)gateway_offer(link.conn_handle, &link.address, &link.params, link.att_mtu);
	}
	return gateway_poll();
}

/* ---- what the gateway asks ---- */

/* A plan names a device: is it one of the application's, and connected? */
enum dfucast_ble_ownership gateway_owner(const struct dfucast_ble_address *address, uint16_t *conn_handle,
					 ble_gap_conn_params_t *params, uint16_t *att_mtu)
{
	enum dfucast_ble_ownership ownership =
	    beside_is_mine(address) ? DFUCAST_BLE_OWNED_AWAY : DFUCAST_BLE_NOT_OWNED;

	board_mask(NULL);
	for (unsigned int i = 0; i < MINE_MAX; i++) {
		if (!mine[i].there || !dfucast_ble_address_equal(&mine[i].address, address))
			continue;
		*conn_handle = mine[i].conn_handle;
		*params = mine[i].params;
		*att_mtu = mine[i].att_mtu;
		ownership = DFUCAST_BLE_LENT;
	}
	board_unmask(NULL);
	return ownership;
}

size_t board_host_read(uint8_t *bytes, size_t capacity)
{
	return bytes_get(&to_gateway, bytes, capacity);
}

size_t board_host_room(void)
{
	return bytes_room(&to_host);
}

bool board_host_idle(void)
{
	return bytes_room(&to_host) == RING_BYTES;
}

void board_host_write(const uint8_t *bytes, size_t length)
{
	(void)bytes_put(&to_host, bytes, length);
}
