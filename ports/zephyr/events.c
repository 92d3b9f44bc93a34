/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's callbacks, from its threads, and the queue from them to ours. Nothing here waits: the host's threads free the
 * buffers that ours may be waiting for. What may be lost, notifications and advertisements, gets half of the queue's memory.
 */
#include "internal.h"

#include <dfucast/port.h>
#include <string.h>

#define LOSSY_BYTES_MAX (CONFIG_DFUCAST_BLE_EVENT_BYTES / 2)
#define ADVERTISEMENT_BYTES_MAX 31u

/* In the queue; a notification's or an advertisement's bytes follow it. */
struct entry {
	void *reserved; /* k_fifo's */
	struct dfucast_ble_event event;
	uint16_t lossy; /* bytes counted in port->lossy */
	bool kept;      /* not of the heap */
};

K_HEAP_DEFINE(zephyr_event_heap, CONFIG_DFUCAST_BLE_EVENT_BYTES);

/* A connection's beginning and end must never be lost. One of each is enough for an index: the thread holds the connection,
 * and with it the index, until it has heard of the end. */
static struct entry begins[CONFIG_BT_MAX_CONN], ends[CONFIG_BT_MAX_CONN];

static struct dfucast_zephyr *the_port;

/* ---- into the queue ---- */

bool zephyr_handle_of(struct bt_conn *conn, struct dfucast_ble_handle *handle)
{
	k_spinlock_key_t key = k_spin_lock(&the_port->lock);
	uint8_t index = bt_conn_index(conn);
	bool alive =
	    the_port->links[index].conn == conn && dfucast_ble_door_pass(&the_port->door, index, handle);

	k_spin_unlock(&the_port->lock, key);
	return alive;
}

static void put(const struct dfucast_ble_event *event, const void *bytes, uint16_t length)
{
	bool lossy = event->kind == DFUCAST_BLE_NOTIFIED || event->kind == DFUCAST_BLE_ADVERTISEMENT;
	size_t size = sizeof(struct entry) + length;
	struct entry *entry = NULL;

	if (!lossy || atomic_get(&the_port->lossy) + (atomic_val_t)size <= LOSSY_BYTES_MAX)
		entry = k_heap_alloc(&zephyr_event_heap, size, K_NO_WAIT);
	if (entry == NULL) {
		atomic_inc(&the_port->lost);
		return;
	}
	*entry = (struct entry){.event = *event, .lossy = lossy ? (uint16_t)size : 0};
	if (length != 0)
		memcpy(entry + 1, bytes, length);
	atomic_add(&the_port->lossy, entry->lossy);
	k_fifo_put(&the_port->queue, entry);
	k_sem_give(the_port->config.wake);
}

static void put_kept(struct entry *entry, const struct dfucast_ble_event *event)
{
	*entry = (struct entry){.event = *event, .kept = true};
	k_fifo_put(&the_port->queue, entry);
	k_sem_give(the_port->config.wake);
}

/* An event of a connection that is known; others are nobody's. */
static void put_of(struct bt_conn *conn, struct dfucast_ble_event *event, enum dfucast_ble_event_kind kind)
{
	event->kind = (uint8_t)kind;
	if (zephyr_handle_of(conn, &event->handle))
		put(event, NULL, 0);
}

void zephyr_events_tell(struct bt_conn *conn, enum dfucast_ble_event_kind kind, uint16_t number)
{
	struct dfucast_ble_event event = {.number = number};

	put_of(conn, &event, kind);
}

/* ---- connections ---- */

struct dfucast_ble_address dfucast_zephyr_address(const bt_addr_le_t *address)
{
	struct dfucast_ble_address made = {0};

	memcpy(made.bytes, address->a.val, sizeof(made.bytes));
	if (address->type == BT_ADDR_LE_PUBLIC || address->type == BT_ADDR_LE_PUBLIC_ID)
		return made;
	/* The host knows "random"; its two highest bits say which. */
	if (BT_ADDR_IS_STATIC(&address->a))
		made.type = 1;
	else
		made.type = BT_ADDR_IS_RPA(&address->a) ? 2 : 3;
	return made;
}

bool zephyr_params_of(const struct bt_conn *conn, struct dfucast_ble_params *params)
{
	struct bt_conn_info info;

	if (bt_conn_get_info(conn, &info) != 0 || info.type != BT_CONN_TYPE_LE ||
	    info.role != BT_CONN_ROLE_CENTRAL)
		return false;
	*params = (struct dfucast_ble_params){info.le.interval, info.le.latency, info.le.timeout};
	return true;
}

bool zephyr_is_up(const struct bt_conn *conn)
{
	struct bt_conn_info info;

	return bt_conn_get_info(conn, &info) == 0 && info.state == BT_CONN_STATE_CONNECTED;
}

/* @return whether @p conn is what an attempt of ours has come to. */
static bool end_attempt(struct bt_conn *conn)
{
	k_spinlock_key_t key = k_spin_lock(&the_port->lock);
	bool calling =
	    the_port->calling != NULL && bt_addr_le_cmp(the_port->calling, bt_conn_get_dst(conn)) == 0;
	bool ours = conn == the_port->connecting;

	if (ours)
		the_port->connecting = NULL;
	if (calling)
		the_port->calling = NULL; /* connect_to() lets go of its reference itself */
	k_spin_unlock(&the_port->lock, key);
	if (ours)
		bt_conn_unref(conn);
	return ours || calling;
}

static void on_connected(struct bt_conn *conn, uint8_t err)
{
	struct dfucast_ble_event event = {.kind = DFUCAST_BLE_CONNECT_FAILED};
	struct bt_conn *known = err == 0 ? bt_conn_ref(conn) : NULL;
	bool ours = end_attempt(conn);
	uint8_t index = bt_conn_index(conn);
	k_spinlock_key_t key;

	if (err != 0) {
		if (ours)
			put(&event, NULL, 0);
		return;
	}
	if (!zephyr_params_of(conn, &event.connected.params)) {
		bt_conn_unref(known);
		return;
	}
	event.kind = DFUCAST_BLE_CONNECTED;
	event.connected.address = dfucast_zephyr_address(bt_conn_get_dst(conn));
	key = k_spin_lock(&the_port->lock);
	memset(&the_port->links[index], 0, sizeof(the_port->links[index]));
	the_port->links[index].conn = known;
	the_port->links[index].made = ours;
	event.handle = dfucast_ble_door_connected(&the_port->door, index);
	k_spin_unlock(&the_port->lock, key);
	if (ours)
		atomic_set_bit(&the_port->in_use, index);
	else
		atomic_clear_bit(&the_port->in_use, index);
	put_kept(&begins[index], &event);
}

static void on_disconnected(struct bt_conn *conn, uint8_t reason)
{
	struct dfucast_ble_event event = {.kind = DFUCAST_BLE_DISCONNECTED, .number = reason};
	uint8_t index = bt_conn_index(conn);
	k_spinlock_key_t key = k_spin_lock(&the_port->lock);
	bool known = the_port->links[index].conn == conn;

	if (known)
		event.handle = dfucast_ble_door_disconnected(&the_port->door, index);
	k_spin_unlock(&the_port->lock, key);
	atomic_clear_bit(&the_port->in_use, index);
	atomic_clear_bit(&the_port->passkey_for, index);
	atomic_clear_bit(&the_port->unpair, index);
	if (known)
		put_kept(&ends[index], &event);
}

/* The host wants its answer now, in its thread. So it is no; where the central agrees, it asks for its own parameters. */
static bool on_params_asked(struct bt_conn *conn, struct bt_le_conn_param *param)
{
	struct dfucast_ble_event event = {
	    .asked = {param->interval_min, param->interval_max, param->latency, param->timeout}};

	if (!atomic_test_bit(&the_port->in_use, bt_conn_index(conn)))
		return true; /* the application's */
	put_of(conn, &event, DFUCAST_BLE_PARAMS_ASKED);
	return false;
}

static void on_params(struct bt_conn *conn, uint16_t interval, uint16_t latency, uint16_t timeout)
{
	struct dfucast_ble_event event = {.params = {interval, latency, timeout}};

	put_of(conn, &event, DFUCAST_BLE_PARAMS_CHANGED);
}

static void on_phy(struct bt_conn *conn, struct bt_conn_le_phy_info *info)
{
	ARG_UNUSED(info);
	zephyr_events_tell(conn, DFUCAST_BLE_PHY_CHANGED, 0);
}

static void on_data_length(struct bt_conn *conn, struct bt_conn_le_data_len_info *info)
{
	zephyr_events_tell(conn, DFUCAST_BLE_DATA_LENGTH_CHANGED, info->tx_max_len);
}

#ifdef CONFIG_BT_SMP
static void on_security(struct bt_conn *conn, bt_security_t level, enum bt_security_err err)
{
	bool secured = err == BT_SECURITY_ERR_SUCCESS && level >= BT_SECURITY_L2;

	/* A link that breaks ends its pairing with an error of its own, before it is told that it broke: nobody's refusal. */
	if (err != BT_SECURITY_ERR_SUCCESS && !zephyr_is_up(conn))
		return;
#ifdef CONFIG_DFUCAST_BLE_PAIRING
	/* The peer lost its bond, with its settings perhaps: ours goes too, and the next connection pairs. */
	if (err == BT_SECURITY_ERR_PIN_OR_KEY_MISSING && the_port->links[bt_conn_index(conn)].made) {
		atomic_set_bit(&the_port->unpair, bt_conn_index(conn));
		k_sem_give(the_port->config.wake);
		return;
	}
#endif
	zephyr_events_tell(conn, DFUCAST_BLE_SECURED, secured ? 0 : (uint16_t)(err != 0 ? err : 1));
}
#endif

__maybe_unused static void on_recycled(void)
{
	k_sem_give(the_port->config.wake);
}

static struct bt_conn_cb conn_callbacks = {.connected = on_connected,
					   .disconnected = on_disconnected,
					   .le_param_req = on_params_asked,
					   .le_param_updated = on_params,
					   .le_phy_updated = on_phy,
					   .le_data_len_updated = on_data_length,
#ifdef CONFIG_BT_SMP
					   .security_changed = on_security,
#endif
					   DFUCAST_ZEPHYR_RECYCLED(on_recycled)};

#ifdef CONFIG_DFUCAST_BLE_PAIRING
static void on_passkey_wanted(struct bt_conn *conn)
{
	atomic_set_bit(&the_port->passkey_for, bt_conn_index(conn));
	k_sem_give(the_port->config.wake);
}

static void on_pairing_cancelled(struct bt_conn *conn)
{
	atomic_clear_bit(&the_port->passkey_for, bt_conn_index(conn));
}

static const struct bt_conn_auth_cb pairing_callbacks = {.passkey_entry = on_passkey_wanted,
							 .cancel = on_pairing_cancelled};
#endif

int zephyr_events_init(struct dfucast_zephyr *port)
{
	the_port = port;
	k_fifo_init(&port->queue);
	bt_conn_cb_register(&conn_callbacks);
#ifdef CONFIG_DFUCAST_BLE_PAIRING
	return bt_conn_auth_cb_register(&pairing_callbacks);
#else
	return 0;
#endif
}

/* ---- scanner ---- */

void zephyr_on_scan(const bt_addr_le_t *address, int8_t rssi, uint8_t type, struct net_buf_simple *data)
{
	struct dfucast_ble_event event = {.kind = DFUCAST_BLE_ADVERTISEMENT};
	uint16_t length = data->len < ADVERTISEMENT_BYTES_MAX ? data->len : ADVERTISEMENT_BYTES_MAX;

	event.report = (struct dfucast_ble_report){
	    .address = dfucast_zephyr_address(address),
	    .rssi = rssi,
	    .connectable = type == BT_GAP_ADV_TYPE_ADV_IND || type == BT_GAP_ADV_TYPE_ADV_DIRECT_IND ||
			   type == BT_GAP_ADV_TYPE_SCAN_RSP,
	    .length = length,
	};
	put(&event, data->data, length);
}

/* ---- attributes ---- */

/*
 * A link's end ends its requests first, as if there were no such thing: that is no answer, and the end is told right after.
 * So does a request that timed out, and the host takes no more of them for this link. In either case it knows no ATT_MTU.
 */
static void put_answer(struct bt_conn *conn, enum dfucast_ble_event_kind kind, uint16_t number)
{
	if (bt_gatt_get_mtu(conn) != 0)
		zephyr_events_tell(conn, kind, number);
	else if (zephyr_is_up(conn))
		zephyr_events_tell(conn, DFUCAST_BLE_DEAF, 0);
}

void zephyr_on_sent(struct bt_conn *conn, void *user_data)
{
	ARG_UNUSED(user_data);
	zephyr_events_tell(conn, DFUCAST_BLE_WRITES_SENT, 1);
}

void zephyr_on_mtu(struct bt_conn *conn, uint8_t err, struct bt_gatt_exchange_params *params)
{
	ARG_UNUSED(err); /* an error is an answer: it stays as it was */
	ARG_UNUSED(params);
	put_answer(conn, DFUCAST_BLE_MTU_CHANGED, bt_gatt_get_mtu(conn));
}

static void found(struct bt_conn *conn, enum dfucast_ble_event_kind kind, uint16_t first, uint16_t last,
		  bool wanted)
{
	struct dfucast_ble_event event = {.found = {first, last, wanted}};

	put_of(conn, &event, kind);
}

static void back_from_host(struct bt_conn *conn, int which)
{
	atomic_clear_bit(&the_port->links[bt_conn_index(conn)].with_host, which);
}

static uint8_t discovered(struct bt_conn *conn)
{
	back_from_host(conn, WITH_HOST_DISCOVER);
	put_answer(conn, DFUCAST_BLE_DISCOVERED, 1);
	return BT_GATT_ITER_STOP;
}

uint8_t zephyr_on_service(struct bt_conn *conn, const struct bt_gatt_attr *attribute,
			  struct bt_gatt_discover_params *params)
{
	const struct bt_gatt_service_val *service;

	ARG_UNUSED(params);
	if (attribute != NULL) {
		service = attribute->user_data;
		found(conn, DFUCAST_BLE_FOUND_SERVICE, attribute->handle, service->end_handle, true);
	}
	return discovered(conn); /* there is one, or none */
}

uint8_t zephyr_on_characteristic(struct bt_conn *conn, const struct bt_gatt_attr *attribute,
				 struct bt_gatt_discover_params *params)
{
	const struct bt_gatt_chrc *characteristic;
	struct bt_uuid_128 wanted = {.uuid = {BT_UUID_TYPE_128}};

	ARG_UNUSED(params);
	if (attribute == NULL)
		return discovered(conn);
	characteristic = attribute->user_data;
	memcpy(wanted.val, dfucast_ble_smp_characteristic_uuid, sizeof(wanted.val));
	found(conn, DFUCAST_BLE_FOUND_CHARACTERISTIC, attribute->handle, characteristic->value_handle,
	      bt_uuid_cmp(characteristic->uuid, &wanted.uuid) == 0);
	return BT_GATT_ITER_CONTINUE;
}

uint8_t zephyr_on_descriptor(struct bt_conn *conn, const struct bt_gatt_attr *attribute,
			     struct bt_gatt_discover_params *params)
{
	ARG_UNUSED(params);
	if (attribute != NULL)
		found(conn, DFUCAST_BLE_FOUND_DESCRIPTOR, 0, attribute->handle, true);
	return discovered(conn);
}

void zephyr_on_subscribed(struct bt_conn *conn, uint8_t err, struct bt_gatt_subscribe_params *params)
{
	ARG_UNUSED(params);
	if (err != 0)
		back_from_host(conn, WITH_HOST_SUBSCRIBE);
	put_answer(conn, DFUCAST_BLE_WRITTEN, err);
}

uint8_t zephyr_on_notified(struct bt_conn *conn, struct bt_gatt_subscribe_params *params, const void *data,
			   uint16_t length)
{
	struct dfucast_ble_event event = {.kind = DFUCAST_BLE_NOTIFIED};

	if (data == NULL) { /* the subscription has ended */
		back_from_host(conn, WITH_HOST_SUBSCRIBE);
		return BT_GATT_ITER_STOP;
	}
	event.value.attribute = params->value_handle;
	event.value.length = length;
	if (zephyr_handle_of(conn, &event.handle))
		put(&event, data, length);
	return BT_GATT_ITER_CONTINUE;
}

/* ---- out of the queue ---- */

static void let_go(struct dfucast_zephyr *port, uint8_t index)
{
	k_spinlock_key_t key = k_spin_lock(&port->lock);
	struct bt_conn *gone = port->links[index].conn;

	port->links[index].conn = NULL;
	k_spin_unlock(&port->lock, key);
	bt_conn_unref(gone);
}

/* What the event points to is in its entry; what the host's reference kept is let go. */
static void give(struct dfucast_zephyr *port, struct entry *entry, uint32_t now)
{
	struct dfucast_ble_event *event = &entry->event;
	uint8_t index = event->handle.index;

	if (event->kind == DFUCAST_BLE_NOTIFIED)
		event->value.bytes = (const uint8_t *)(entry + 1);
	if (event->kind == DFUCAST_BLE_ADVERTISEMENT) {
		event->report.data = (const uint8_t *)(entry + 1);
		if (port->config.advertisement != NULL)
			port->config.advertisement(port->config.context, &event->report);
	}
	(void)dfucast_ble_central_event(&port->central, event, now);
	if (event->kind == DFUCAST_BLE_CONNECTED)
		port->links[index].heard = true;
	if (event->kind == DFUCAST_BLE_DISCONNECTED)
		let_go(port, index);
}

void zephyr_events_take(struct dfucast_zephyr *port, uint32_t now)
{
	struct entry *entry;

	while ((entry = k_fifo_get(&port->queue, K_NO_WAIT)) != NULL) {
		atomic_sub(&port->lossy, entry->lossy);
		give(port, entry, now);
		if (!entry->kept)
			k_heap_free(&zephyr_event_heap, entry);
	}
}
