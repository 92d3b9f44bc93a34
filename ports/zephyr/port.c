/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's calls, and the round of our thread. Whatever the host answers is told to the central's logic, which asks again
 * what was busy; nothing here waits: DFUCAST_ZEPHYR_BUFFERS() says why.
 */
#include "internal.h"

#include <dfucast/port.h>
#include <errno.h>
#include <string.h>

#define ROUND_MS 1000u
#define MTU_UNASKED 23u
#define SECURITY(passkey) ((passkey) ? BT_SECURITY_L3 : BT_SECURITY_L2)

static const struct bt_uuid_16 ccc_uuid = BT_UUID_INIT_16(BT_UUID_GATT_CCC_VAL);

uint32_t dfucast_zephyr_now(void)
{
	return k_uptime_get_32();
}

int dfucast_zephyr_init(struct dfucast_zephyr *port, const struct dfucast_zephyr_config *config)
{
	unsigned int write_queue = config->central.write_queue != 0 ? config->central.write_queue : 1u;

	DFUCAST_ASSERT(config->wake != NULL);
	DFUCAST_ASSERT(config->central.value_bytes + 3u >= CONFIG_BT_L2CAP_TX_MTU);
	DFUCAST_ASSERT(DFUCAST_ZEPHYR_BUFFERS(config->central.conn_count, write_queue) <=
		       CONFIG_BT_L2CAP_TX_BUF_COUNT);
	BUILD_ASSERT(CONFIG_BT_MAX_CONN <= DFUCAST_BLE_HANDLES_MAX, "more connections than the core numbers");
	memset(port, 0, sizeof(*port));
	port->config = *config;
	port->service.uuid.type = BT_UUID_TYPE_128;
	memcpy(port->service.val, dfucast_ble_smp_service_uuid, sizeof(port->service.val));
	dfucast_ble_central_init(&port->central, &config->central);
	return zephyr_events_init(port);
}

static enum dfucast_ble_result result_of(int code)
{
	switch (code) {
	case 0:
		return DFUCAST_BLE_STARTED;
	case -EALREADY:
		return DFUCAST_BLE_DONE;
	case -ENOTCONN:
		return DFUCAST_BLE_GONE;
	case -EAGAIN:
	case -EBUSY:
	case -EIO: /* what the controller says against it: another procedure runs, or the link has just ended */
	case -ENOBUFS:
	case -ENOMEM:
		return DFUCAST_BLE_BUSY;
	default:
		return DFUCAST_BLE_REFUSED;
	}
}

/* ---- scanner and initiator ---- */

static bt_addr_le_t host_address(const struct dfucast_ble_address *address)
{
	bt_addr_le_t made = {.type = address->type == 0 ? BT_ADDR_LE_PUBLIC : BT_ADDR_LE_RANDOM};

	memcpy(made.a.val, address->bytes, sizeof(made.a.val));
	return made;
}

/*
 * Zephyr's own controller leaves out a whole window that meets a link's event, and windows that fit between events at
 * first stay where they meet one: seen to hear nothing for seconds. What scans all the time gives way to links instead.
 */
static uint16_t window_of(const struct dfucast_ble_op *op)
{
	return IS_ENABLED(CONFIG_BT_LL_SW_SPLIT) ? op->duty.interval : op->duty.window;
}

static enum dfucast_ble_result start_scan(const struct dfucast_zephyr *port, const struct dfucast_ble_op *op)
{
	const struct bt_le_scan_param param = {.type = port->config.active_scan ? BT_LE_SCAN_TYPE_ACTIVE
										: BT_LE_SCAN_TYPE_PASSIVE,
					       .interval = op->duty.interval,
					       .window = window_of(op)};
	int code = bt_le_scan_start(&param, zephyr_on_scan);

	/* The application's scan runs: its end is for it to say. */
	return code == -EALREADY ? DFUCAST_BLE_BUSY : result_of(code);
}

static enum dfucast_ble_result connect_to(struct dfucast_zephyr *port, const struct dfucast_ble_op *op)
{
	const struct bt_conn_le_create_param create = {.interval = op->duty.interval,
						       .window = window_of(op),
						       .timeout = (uint16_t)(op->timeout_ms / 10u)};
	const struct bt_le_conn_param params = {.interval_min = op->params.interval,
						.interval_max = op->params.interval,
						.latency = op->params.latency,
						.timeout = op->params.timeout};
	const bt_addr_le_t address = host_address(op->address);
	struct bt_conn *conn = NULL;
	k_spinlock_key_t key;
	bool over;
	int code;

	key = k_spin_lock(&port->lock);
	over = port->connecting == NULL;
	k_spin_unlock(&port->lock, key);
	if (!over)
		return DFUCAST_BLE_BUSY; /* the last attempt's callback is still to come */
	conn = bt_conn_lookup_addr_le(BT_ID_DEFAULT, &address);
	if (conn != NULL) {
		bt_conn_unref(conn); /* its old connection is not quite gone */
		return DFUCAST_BLE_BUSY;
	}
	/* The callback may come before the call returns: it knows the attempt by its address until then. */
	key = k_spin_lock(&port->lock);
	port->calling = &address;
	k_spin_unlock(&port->lock, key);
	code = bt_conn_le_create(&address, &create, &params, &conn);
	key = k_spin_lock(&port->lock);
	over = port->calling == NULL;
	port->calling = NULL;
	if (code == 0 && !over)
		port->connecting = conn;
	k_spin_unlock(&port->lock, key);
	if (code == 0 && over)
		bt_conn_unref(conn);
	/* ALREADY: another connects, the application. */
	return code == -EALREADY ? DFUCAST_BLE_BUSY : result_of(code);
}

/* However it ends, the callback tells: the controller may have been faster, and then there is a link to be closed. */
static enum dfucast_ble_result cancel(struct dfucast_zephyr *port)
{
	k_spinlock_key_t key = k_spin_lock(&port->lock);
	struct bt_conn *conn = port->connecting != NULL ? bt_conn_ref(port->connecting) : NULL;

	k_spin_unlock(&port->lock, key);
	if (conn != NULL) {
		(void)bt_conn_disconnect(conn, BT_HCI_ERR_REMOTE_USER_TERM_CONN);
		bt_conn_unref(conn);
	}
	return DFUCAST_BLE_REFUSED; /* its event is in the queue, or to come */
}

/* ---- one link ---- */

/* A link that is up has no attributes any more once a request has timed out: asked again until somebody ends it. */
static enum dfucast_ble_result attribute_result_of(const struct bt_conn *conn, int code)
{
	return code == -ENOTCONN && zephyr_is_up(conn) ? DFUCAST_BLE_BUSY : result_of(code);
}

/* What the host has must not be touched: a question that was given up is still its own, for up to 30 s. */
static bool lend(struct dfucast_zephyr_link *link, int which)
{
	return !atomic_test_and_set_bit(&link->with_host, which);
}

/* @return @p code. Not taken: ours again. */
static int lent(struct dfucast_zephyr_link *link, int which, int code)
{
	if (code != 0)
		atomic_clear_bit(&link->with_host, which);
	return code;
}

static int discover(const struct dfucast_zephyr *port, struct dfucast_zephyr_link *link,
		    const struct dfucast_ble_op *op)
{
	struct bt_gatt_discover_params *params = &link->discover;

	if (!lend(link, WITH_HOST_DISCOVER))
		return -EBUSY;
	memset(params, 0, sizeof(*params));
	params->start_handle = op->setup->first;
	params->end_handle = op->setup->last;
	switch (op->step) {
	case DFUCAST_BLE_STEP_SERVICE:
		params->uuid = &port->service.uuid;
		params->func = zephyr_on_service;
		params->start_handle = BT_ATT_FIRST_ATTRIBUTE_HANDLE;
		params->end_handle = BT_ATT_LAST_ATTRIBUTE_HANDLE;
		params->type = BT_GATT_DISCOVER_PRIMARY;
		break;
	case DFUCAST_BLE_STEP_CHARACTERISTIC:
		params->func = zephyr_on_characteristic;
		params->type = BT_GATT_DISCOVER_CHARACTERISTIC;
		break;
	default:
		params->uuid = &ccc_uuid.uuid;
		params->func = zephyr_on_descriptor;
		params->type = BT_GATT_DISCOVER_DESCRIPTOR;
		break;
	}
	return lent(link, WITH_HOST_DISCOVER, bt_gatt_discover(link->conn, params));
}

static int subscribe(struct dfucast_zephyr_link *link, const struct dfucast_ble_op *op)
{
	struct bt_gatt_subscribe_params *params = &link->subscribe;

	if (!lend(link, WITH_HOST_SUBSCRIBE)) {
		(void)bt_gatt_unsubscribe(link->conn, params); /* left over, when the link was given back */
		return -EBUSY;
	}
	memset(params, 0, sizeof(*params));
	params->notify = zephyr_on_notified;
	params->subscribe = zephyr_on_subscribed;
	params->value_handle = op->setup->value;
	params->ccc_handle = op->setup->ccc;
	params->value = BT_GATT_CCC_NOTIFY;
	/* Bonds or not, the next connection subscribes by itself. */
	atomic_set_bit(params->flags, BT_GATT_SUBSCRIBE_FLAG_VOLATILE);
	return lent(link, WITH_HOST_SUBSCRIBE, bt_gatt_subscribe(link->conn, params));
}

static enum dfucast_ble_result exchange_mtu(struct dfucast_zephyr_link *link)
{
	int code;

	link->exchange.func = zephyr_on_mtu;
	code = bt_gatt_exchange_mtu(link->conn, &link->exchange);
	if (code != -EALREADY)
		return attribute_result_of(link->conn, code);
	/* Once in a connection's life: somebody else asked already. */
	zephyr_events_tell(link->conn, DFUCAST_BLE_MTU_CHANGED, bt_gatt_get_mtu(link->conn));
	return DFUCAST_BLE_STARTED;
}

static enum dfucast_ble_result secure(struct dfucast_zephyr *port, struct bt_conn *conn,
				      struct dfucast_ble_handle handle)
{
#ifdef CONFIG_BT_SMP
	uint32_t passkey;
	bt_security_t level = SECURITY(dfucast_ble_central_passkey(&port->central, handle, &passkey));

	return bt_conn_get_security(conn) >= level ? DFUCAST_BLE_DONE
						   : result_of(bt_conn_set_security(conn, level));
#else
	ARG_UNUSED(port);
	ARG_UNUSED(conn);
	ARG_UNUSED(handle);
	return DFUCAST_BLE_REFUSED;
#endif
}

/* The controller's word for "the peer does not know this" is the one for "another procedure runs": -EIO. So it is not asked. */
static enum dfucast_ble_result peer_knows(struct bt_conn *conn, unsigned int feature)
{
	struct bt_conn_remote_info info;
	int code = bt_conn_get_remote_info(conn, &info);

	if (code != 0)
		return result_of(code); /* the host is still asking for them */
	return (info.le.features[feature / 8u] & 1u << feature % 8u) != 0 ? DFUCAST_BLE_DONE
									  : DFUCAST_BLE_REFUSED;
}

static enum dfucast_ble_result to_2m(struct bt_conn *conn)
{
	static const struct bt_conn_le_phy_param phy = {.pref_tx_phy = BT_GAP_LE_PHY_2M,
							.pref_rx_phy = BT_GAP_LE_PHY_2M};
	enum dfucast_ble_result knows = peer_knows(conn, BT_LE_FEAT_BIT_PHY_2M);

	return knows == DFUCAST_BLE_DONE ? result_of(bt_conn_le_phy_update(conn, &phy)) : knows;
}

static enum dfucast_ble_result to_long_packets(struct bt_conn *conn)
{
	static const struct bt_conn_le_data_len_param length = {.tx_max_len = BT_GAP_DATA_LEN_MAX,
								.tx_max_time = BT_GAP_DATA_TIME_MAX};
	enum dfucast_ble_result knows = peer_knows(conn, BT_LE_FEAT_BIT_DLE);

	return knows == DFUCAST_BLE_DONE ? result_of(bt_conn_le_data_len_update(conn, &length)) : knows;
}

static enum dfucast_ble_result step(struct dfucast_zephyr *port, struct dfucast_zephyr_link *link,
				    const struct dfucast_ble_op *op)
{
	switch (op->step) {
	case DFUCAST_BLE_STEP_PHY:
		return to_2m(link->conn);
	case DFUCAST_BLE_STEP_DATA_LENGTH:
		return to_long_packets(link->conn);
	case DFUCAST_BLE_STEP_MTU:
		return exchange_mtu(link);
	case DFUCAST_BLE_STEP_SECURE:
		return secure(port, link->conn, op->handle);
	case DFUCAST_BLE_STEP_SUBSCRIBE:
		return attribute_result_of(link->conn, subscribe(link, op));
	case DFUCAST_BLE_STEP_UNSUBSCRIBE:
		return attribute_result_of(link->conn, bt_gatt_unsubscribe(link->conn, &link->subscribe));
	default:
		return attribute_result_of(link->conn, discover(port, link, op));
	}
}

static enum dfucast_ble_result change_params(struct bt_conn *conn, const struct dfucast_ble_params *wanted)
{
	const struct bt_le_conn_param params = {.interval_min = wanted->interval,
						.interval_max = wanted->interval,
						.latency = wanted->latency,
						.timeout = wanted->timeout};

	return result_of(bt_conn_le_param_update(conn, &params));
}

static enum dfucast_ble_result on_link(struct dfucast_zephyr *port, struct dfucast_zephyr_link *link,
				       const struct dfucast_ble_op *op)
{
	switch (op->kind) {
	case DFUCAST_BLE_OP_DISCONNECT:
		return result_of(bt_conn_disconnect(link->conn, BT_HCI_ERR_REMOTE_USER_TERM_CONN));
	case DFUCAST_BLE_OP_STEP:
		return step(port, link, op);
	case DFUCAST_BLE_OP_PARAMS:
	case DFUCAST_BLE_OP_AGREE:
		return change_params(link->conn, &op->params);
	case DFUCAST_BLE_OP_REFUSE:
		return DFUCAST_BLE_DONE; /* it was, in the callback */
	default:
		return result_of(bt_gatt_write_without_response_cb(link->conn, op->setup->value, op->value,
								   op->length, false, zephyr_on_sent, NULL));
	}
}

static bool holds(struct dfucast_zephyr *port, struct dfucast_ble_handle handle)
{
	k_spinlock_key_t key = k_spin_lock(&port->lock);
	bool held = dfucast_ble_door_holds(&port->door, handle);

	k_spin_unlock(&port->lock, key);
	return held;
}

/* No lock is held meanwhile: the reference keeps the connection's memory what it is, and the host says -ENOTCONN. */
static enum dfucast_ble_result perform(struct dfucast_zephyr *port, const struct dfucast_ble_op *op)
{
	switch (op->kind) {
	case DFUCAST_BLE_OP_SCAN_START:
		return start_scan(port, op);
	case DFUCAST_BLE_OP_SCAN_STOP:
		(void)bt_le_scan_stop();
		return DFUCAST_BLE_DONE;
	case DFUCAST_BLE_OP_CONNECT:
		return connect_to(port, op);
	case DFUCAST_BLE_OP_CONNECT_CANCEL:
		return cancel(port);
	default:
		return holds(port, op->handle) ? on_link(port, &port->links[op->handle.index], op)
					       : DFUCAST_BLE_GONE;
	}
}

/* ---- the round ---- */

#ifdef CONFIG_DFUCAST_BLE_PAIRING
static void answer_passkey(struct dfucast_zephyr *port, struct bt_conn *conn,
			   struct dfucast_ble_handle handle)
{
	uint32_t passkey;

	if (!atomic_test_and_clear_bit(&port->passkey_for, handle.index))
		return;
	if (dfucast_ble_central_passkey(&port->central, handle, &passkey))
		(void)bt_conn_auth_passkey_entry(conn, passkey);
	else
		(void)bt_conn_auth_cancel(conn); /* nobody here who could type it */
}
#endif

/* What the callbacks must know of each connection. */
static void look_after(struct dfucast_zephyr *port)
{
	struct dfucast_ble_handle handle;

	for (int i = 0; i < CONFIG_BT_MAX_CONN; i++) {
		k_spinlock_key_t key = k_spin_lock(&port->lock);
		struct bt_conn *conn = port->links[i].conn; /* ours until we hear of its end */

		k_spin_unlock(&port->lock, key);
		if (conn == NULL || !zephyr_handle_of(conn, &handle))
			continue;
#ifdef CONFIG_DFUCAST_BLE_PAIRING
		answer_passkey(port, conn, handle);
		if (atomic_test_and_clear_bit(&port->unpair, i))
			(void)bt_unpair(BT_ID_DEFAULT, bt_conn_get_dst(conn)); /* and it disconnects */
#endif
		if (dfucast_ble_central_uses(&port->central, handle))
			atomic_set_bit(&port->in_use, i);
		else if (port->links[i].heard)
			atomic_clear_bit(&port->in_use, i);
	}
}

uint32_t dfucast_zephyr_run(struct dfucast_zephyr *port, uint32_t now)
{
	struct dfucast_ble_op op;
	uint32_t deadline;

	zephyr_events_take(port, now);
	dfucast_ble_central_tick(&port->central, now);
	while (dfucast_ble_central_next(&port->central, &op, now))
		dfucast_ble_central_result(&port->central, &op, perform(port, &op), now);
	look_after(port);
	return dfucast_ble_central_deadline(&port->central, &deadline) ? deadline : now + ROUND_MS;
}

/* ---- the application's links ---- */

bool dfucast_zephyr_offer(struct dfucast_zephyr *port, struct bt_conn *conn, struct dfucast_ble_offer *offer)
{
	bool dead;

	ARG_UNUSED(port);
	*offer = (struct dfucast_ble_offer){.mtu = bt_gatt_get_mtu(conn)};
#ifdef CONFIG_BT_SMP
	offer->secured = bt_conn_get_security(conn) >= BT_SECURITY_L2;
#endif
	dead = offer->mtu == 0; /* a request has timed out */
	/* 23 may mean that nobody asked yet. */
	if (offer->mtu == MTU_UNASKED)
		offer->mtu = 0;
	return !dead && zephyr_handle_of(conn, &offer->handle) && zephyr_params_of(conn, &offer->params);
}

bool dfucast_zephyr_release(struct dfucast_zephyr *port, struct bt_conn *conn)
{
	struct dfucast_ble_handle handle;

	return !zephyr_handle_of(conn, &handle) || dfucast_ble_central_release(&port->central, handle);
}

bool dfucast_zephyr_uses(struct dfucast_zephyr *port, struct bt_conn *conn)
{
	struct dfucast_ble_handle handle;

	return zephyr_handle_of(conn, &handle) && dfucast_ble_central_uses(&port->central, handle);
}
