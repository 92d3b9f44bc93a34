/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake host's calls, with the answers that the real one gives.
 */
#include "zephyr_internal.h"

#include <assert.h>
#include <string.h>

#define HELD_UP_MS 30000u

/* Refused for want of something: what the host says where the program would have waited, and what it says while busy. */
static int says_no(struct zephyr *fake)
{
	static const int codes[] = {-ENOMEM, -EAGAIN, -EBUSY, -ENOBUFS};

	if (fake_roll(&fake->clock, 12) != 0)
		return 0;
	fake->counts.no_memory++;
	return codes[fake_roll(&fake->clock, 4)];
}

/* A value or a procedure for a link: it must be the one that the program means. @return NULL: it is no link any more */
static struct bt_conn *meant(struct zephyr *fake, struct bt_conn *conn)
{
	uint16_t device;

	assert(conn->refs > 0);
	device = zephyr_is_program(fake) ? fake->config.meant(fake->config.context, bt_conn_index(conn))
					 : FAKE_NOBODY;
	if (device != FAKE_NOBODY && device != conn->device)
		fake->counts.air.misdirected++;
	return conn->state == CONN_UP ? conn : NULL;
}

int bt_enable(bt_ready_cb_t cb)
{
	struct zephyr *fake = zephyr_enter_host();

	assert(cb == NULL && !fake->enabled);
	fake->enabled = true;
	return zephyr_leave_host(fake, 0);
}

/* ---- connection objects ---- */

uint8_t bt_conn_index(const struct bt_conn *conn)
{
	assert(conn >= zephyr_fake.conns && conn < zephyr_fake.conns + CONFIG_BT_MAX_CONN);
	return (uint8_t)(conn - zephyr_fake.conns);
}

struct bt_conn *bt_conn_ref(struct bt_conn *conn)
{
	assert(conn->refs > 0);
	conn->refs++;
	return conn;
}

void bt_conn_unref(struct bt_conn *conn)
{
	struct zephyr *fake = zephyr_enter();

	zephyr_conn_put(fake, conn);
	zephyr_leave(fake);
}

struct bt_conn *bt_conn_lookup_addr_le(uint8_t id, const bt_addr_le_t *peer)
{
	struct zephyr *fake = zephyr_enter_host();
	struct bt_conn *found = NULL;

	assert(id == BT_ID_DEFAULT);
	for (unsigned int i = 0; i < CONFIG_BT_MAX_CONN && found == NULL; i++) {
		if (fake->conns[i].refs > 0 && bt_addr_le_cmp(&fake->conns[i].address, peer) == 0)
			found = bt_conn_ref(&fake->conns[i]);
	}
	(void)zephyr_leave_host(fake, 0);
	return found;
}

const bt_addr_le_t *bt_conn_get_dst(const struct bt_conn *conn)
{
	return &conn->address;
}

int bt_conn_get_info(const struct bt_conn *conn, struct bt_conn_info *info)
{
	static const enum bt_conn_state states[] = {
	    [CONN_FREE] = BT_CONN_STATE_DISCONNECTED, [CONN_CONNECTING] = BT_CONN_STATE_CONNECTING,
	    [CONN_UP] = BT_CONN_STATE_CONNECTED,      [CONN_DISCONNECTING] = BT_CONN_STATE_DISCONNECTING,
	    [CONN_DOWN] = BT_CONN_STATE_DISCONNECTED,
	};
	struct zephyr *fake = zephyr_enter();

	assert(conn->refs > 0);
	*info = (struct bt_conn_info){
	    .type = BT_CONN_TYPE_LE, .role = BT_CONN_ROLE_CENTRAL, .state = states[conn->state]};
	info->le.interval = conn->params.interval_max;
	info->le.latency = conn->params.latency;
	info->le.timeout = conn->params.timeout;
	zephyr_leave(fake);
	return 0;
}

int bt_conn_get_remote_info(struct bt_conn *conn, struct bt_conn_remote_info *remote_info)
{
	struct zephyr *fake = zephyr_enter();
	bool known = fake_reached(fake_now(&fake->clock), conn->features_known);

	assert(conn->refs > 0);
	if (known)
		*remote_info =
		    (struct bt_conn_remote_info){.type = BT_CONN_TYPE_LE, .le.features = conn->features};
	zephyr_leave(fake);
	return known ? 0 : -EBUSY;
}

void bt_conn_cb_register(struct bt_conn_cb *cb)
{
	struct zephyr *fake = zephyr_enter_host();

	assert(fake->callback_count < CALLBACKS_MAX);
	fake->callbacks[fake->callback_count++] = cb;
	(void)zephyr_leave_host(fake, 0);
}

int bt_conn_auth_cb_register(const struct bt_conn_auth_cb *cb)
{
	struct zephyr *fake = zephyr_enter_host();

	if (fake->pairing != NULL)
		return zephyr_leave_host(fake, -EALREADY);
	assert(cb->cancel != NULL);
	fake->pairing = cb;
	return zephyr_leave_host(fake, 0);
}

/* ---- scanner and initiator ---- */

int bt_le_scan_start(const struct bt_le_scan_param *param, bt_le_scan_cb_t cb)
{
	struct zephyr *fake = zephyr_enter_host();
	int code = fake->enabled ? 0 : -EAGAIN;

	assert(param->interval >= 4 && param->window >= 4 && param->window <= param->interval);
	if (code == 0 && fake->connecting != NULL)
		code = -EIO; /* the initiator has the radio */
	if (code == 0 && fake->scan_callback != NULL)
		code = -EALREADY;
	if (code == 0)
		code = says_no(fake);
	if (code == 0) {
		fake->scan_callback = cb;
		fake_arm(&fake->clock, &fake->scan_timer, 2, 30);
	}
	return zephyr_leave_host(fake, code);
}

int bt_le_scan_stop(void)
{
	struct zephyr *fake = zephyr_enter_host();
	bool ran = fake->scan_callback != NULL;

	fake->scan_callback = NULL;
	return zephyr_leave_host(fake, ran ? 0 : -EALREADY);
}

/* The call returns only now: what it has begun is over already. */
static void come_back_late(struct zephyr *fake)
{
	if (fake->connect_deaf || fake_roll(&fake->clock, 6) != 0)
		return;
	fake->counts.early++;
	pthread_mutex_unlock(&fake->host);
	while (fake->connecting != NULL || fake->event_count > 0)
		fake_hold_up(&fake->clock, 1);
	pthread_mutex_unlock(&fake->clock.air);
	pthread_mutex_lock(&fake->host);
	pthread_mutex_lock(&fake->clock.air);
}

int bt_conn_le_create(const bt_addr_le_t *peer, const struct bt_conn_le_create_param *create_param,
		      const struct bt_le_conn_param *conn_param, struct bt_conn **conn)
{
	struct zephyr *fake = zephyr_enter_host();
	uint16_t device = (uint16_t)(peer->a.val[0] | peer->a.val[1] << 8);
	struct bt_conn *made;
	int code = says_no(fake);

	assert(fake->enabled && peer->type == BT_ADDR_LE_RANDOM && device < fake->config.count);
	assert(fake->scan_callback == NULL); /* or it would be refused: the scanner has the random address */
	assert(create_param->window <= create_param->interval && create_param->timeout > 0);
	/* The specification: a timeout longer than two intervals. */
	assert(conn_param->timeout * 8u > 2u * conn_param->interval_max);
	if (code != 0)
		return zephyr_leave_host(fake, code);
	if (fake->connecting != NULL)
		return zephyr_leave_host(fake, -EALREADY);
	for (unsigned int i = 0; i < CONFIG_BT_MAX_CONN; i++) {
		if (fake->conns[i].refs == 0 || bt_addr_le_cmp(&fake->conns[i].address, peer) != 0)
			continue;
		fake->counts.twice++;
		return zephyr_leave_host(fake, -EINVAL);
	}
	made = zephyr_conn_new(fake, device);
	if (made == NULL)
		return zephyr_leave_host(fake, -ENOMEM);
	made->refs++; /* the host's own beside the caller's */
	made->state = CONN_CONNECTING;
	made->params = *conn_param;
	fake->connecting = made;
	fake->connect_forced = false;
	fake->connect_deaf = fake->deaf_left > 0 && fake_roll(&fake->clock, 6) == 0;
	fake->deaf_left = (uint8_t)(fake->deaf_left - fake->connect_deaf);
	fake->connect_limit = fake_now(&fake->clock) + create_param->timeout * 10u;
	if (fake->connect_deaf && fake_roll(&fake->clock, 4) != 0)
		fake->connect_limit += HELD_UP_MS; /* the work queue that ends it is busy */
	fake_arm(&fake->clock, &fake->connect_timer, 3, 40);
	come_back_late(fake);
	*conn = made;
	return zephyr_leave_host(fake, 0);
}

/* Of the attempt. Where the controller was faster the command fails, and the link comes all the same. */
static int cancel(struct zephyr *fake, struct bt_conn *conn)
{
	assert(conn == fake->connecting);
	fake->counts.cancels++;
	if (fake_roll(&fake->clock, 2) == 0) {
		fake->connect_forced = true;
		fake_arm(&fake->clock, &fake->connect_timer, 1, 5);
		return -EIO;
	}
	fake->connecting = NULL;
	fake->connect_timer.runs = false;
	conn->state = CONN_DOWN;
	(void)zephyr_push(fake, EVENT_CONNECTED, conn, 0x02);
	return 0;
}

static void end_link(struct zephyr *fake, struct bt_conn *conn)
{
	conn->state = CONN_DISCONNECTING;
	conn->reason = 0x16;
	fake_arm(&fake->clock, &conn->down_timer, 5, 30);
}

void zephyr_drop(struct bt_conn *conn)
{
	struct zephyr *fake = zephyr_enter_host();

	if (conn->state == CONN_UP)
		end_link(fake, conn);
	(void)zephyr_leave_host(fake, 0);
}

int bt_conn_disconnect(struct bt_conn *conn, uint8_t reason)
{
	struct zephyr *fake = zephyr_enter_host();
	int code = -ENOTCONN;
	int state = conn->state;

	assert(conn->refs > 0 && reason == BT_HCI_ERR_REMOTE_USER_TERM_CONN);
	switch (state) {
	case CONN_CONNECTING:
		code = cancel(fake, conn);
		break;
	case CONN_UP:
		(void)meant(fake, conn);
		assert(!zephyr_device_of(fake, conn)->owned); /* never the application's */
		end_link(fake, conn);
		code = 0;
		break;
	case CONN_DISCONNECTING:
		code = 0;
		break;
	default:
		break;
	}
	return zephyr_leave_host(fake, code);
}

/* ---- the radio's procedures: one a link, others' too ---- */

static int radio_procedure(struct zephyr *fake, struct bt_conn *conn, enum radio_procedure which)
{
	int code = says_no(fake);

	if (code != 0)
		return code;
	if (conn->radio != RADIO_NONE) {
		fake->counts.air.busy++;
		return -EIO; /* "command disallowed", says the controller */
	}
	if (which != RADIO_PARAMS && zephyr_device_of(fake, conn)->old) {
		fake->counts.unknown++;
		return -EIO; /* "unsupported remote feature", says it */
	}
	if (which == RADIO_PHY && zephyr_device_of(fake, conn)->no_phy)
		return 0; /* it is never answered */
	conn->radio = which;
	fake_arm(&fake->clock, &conn->radio_timer, 10, 60);
	return 0;
}

int bt_conn_le_phy_update(struct bt_conn *conn, const struct bt_conn_le_phy_param *param)
{
	struct zephyr *fake = zephyr_enter_host();

	assert(param->pref_tx_phy == BT_GAP_LE_PHY_2M && param->pref_rx_phy == BT_GAP_LE_PHY_2M);
	if (meant(fake, conn) == NULL)
		return zephyr_leave_host(
		    fake, -EIO); /* the host does not look, the controller knows no such handle */
	return zephyr_leave_host(fake, radio_procedure(fake, conn, RADIO_PHY));
}

int bt_conn_le_data_len_update(struct bt_conn *conn, const struct bt_conn_le_data_len_param *param)
{
	struct zephyr *fake = zephyr_enter_host();

	assert(param->tx_max_len == BT_GAP_DATA_LEN_MAX);
	if (conn->length_set)
		return zephyr_leave_host(fake, -EALREADY);
	if (meant(fake, conn) == NULL)
		return zephyr_leave_host(fake, -EIO);
	return zephyr_leave_host(fake, radio_procedure(fake, conn, RADIO_LENGTH));
}

int bt_conn_le_param_update(struct bt_conn *conn, const struct bt_le_conn_param *param)
{
	struct zephyr *fake = zephyr_enter_host();
	int code;

	assert(param->timeout * 8u > 2u * param->interval_max);
	if (conn->params.interval_max >= param->interval_min &&
	    conn->params.interval_max <= param->interval_max && conn->params.latency == param->latency &&
	    conn->params.timeout == param->timeout)
		return zephyr_leave_host(fake, -EALREADY);
	if (meant(fake, conn) == NULL)
		return zephyr_leave_host(fake, -EIO);
	code = radio_procedure(fake, conn, RADIO_PARAMS);
	if (code == 0)
		conn->params_next = *param;
	return zephyr_leave_host(fake, code);
}

/* ---- security ---- */

bt_security_t bt_conn_get_security(const struct bt_conn *conn)
{
	struct zephyr *fake = zephyr_enter();
	uint8_t level = conn->level;

	assert(conn->refs > 0);
	zephyr_leave(fake);
	return (bt_security_t)level;
}

int bt_conn_set_security(struct bt_conn *conn, bt_security_t sec)
{
	struct zephyr *fake = zephyr_enter_host();
	int code;

	if (meant(fake, conn) == NULL)
		return zephyr_leave_host(fake, -ENOTCONN);
	if (conn->level >= sec || conn->required >= sec)
		return zephyr_leave_host(fake, 0);
	code = says_no(fake);
	if (code == 0)
		zephyr_secure(fake, conn, (uint8_t)sec);
	return zephyr_leave_host(fake, code);
}

int bt_unpair(uint8_t id, const bt_addr_le_t *addr)
{
	struct zephyr *fake = zephyr_enter_host();

	assert(id == BT_ID_DEFAULT);
	for (unsigned int i = 0; i < CONFIG_BT_MAX_CONN; i++) {
		struct bt_conn *conn = &fake->conns[i];

		if (conn->state != CONN_UP || bt_addr_le_cmp(&conn->address, addr) != 0)
			continue;
		assert(!zephyr_device_of(fake, conn)->owned); /* its bond is the application's */
		fake->bonds[conn->device] = 0;
		end_link(fake, conn);
	}
	return zephyr_leave_host(fake, 0);
}

static int answer_key(struct bt_conn *conn, bool right)
{
	struct zephyr *fake = zephyr_enter_host();

	if (meant(fake, conn) == NULL || !conn->key_asked)
		return zephyr_leave_host(fake, -EINVAL);
	conn->key_right = right;
	conn->key_answered = true;
	fake_arm(&fake->clock, &conn->secure_timer, 50, 200);
	return zephyr_leave_host(fake, 0);
}

int bt_conn_auth_passkey_entry(struct bt_conn *conn, unsigned int passkey)
{
	return answer_key(conn, passkey == FAKE_DIGITS);
}

int bt_conn_auth_cancel(struct bt_conn *conn)
{
	return answer_key(conn, false);
}

/* ---- attributes: requests wait for each other ---- */

/* Each has a buffer of the pool until it is answered. The program never waits for one: it promised. */
static int take_buffer(struct zephyr *fake)
{
	int code = says_no(fake);

	if (code != 0)
		return code == -EAGAIN || code == -EBUSY ? -ENOMEM : code;
	fake->buffers++;
	assert(fake->buffers <= CONFIG_BT_L2CAP_TX_BUF_COUNT);
	return 0;
}

static int request(struct zephyr *fake, struct bt_conn *conn, const struct request *what)
{
	int code = conn->att_dead ? -ENOTCONN : take_buffer(fake);

	if (code != 0)
		return code;
	assert(conn->request_count < REQUESTS_MAX);
	conn->requests[conn->request_count++] = *what;
	if (conn->request_count == 1)
		zephyr_request_begin(fake, conn);
	return 0;
}

int bt_gatt_exchange_mtu(struct bt_conn *conn, struct bt_gatt_exchange_params *params)
{
	struct zephyr *fake = zephyr_enter_host();
	const struct request what = {.kind = REQUEST_MTU, .params = params};
	int code;

	assert(params->func != NULL);
	if (meant(fake, conn) == NULL)
		return zephyr_leave_host(fake, -ENOTCONN);
	if (conn->mtu_asked)
		return zephyr_leave_host(fake, -EALREADY);
	code = request(fake, conn, &what);
	conn->mtu_asked = code == 0;
	return zephyr_leave_host(fake, code);
}

uint16_t bt_gatt_get_mtu(struct bt_conn *conn)
{
	struct zephyr *fake = zephyr_enter();
	uint16_t mtu = conn->state == CONN_UP && !conn->att_dead ? conn->mtu : 0;

	assert(conn->refs > 0);
	zephyr_leave(fake);
	return mtu;
}

int bt_gatt_discover(struct bt_conn *conn, struct bt_gatt_discover_params *params)
{
	struct zephyr *fake = zephyr_enter_host();
	const struct request what = {.kind = REQUEST_DISCOVER, .params = params};

	assert(params->func != NULL && params->start_handle >= 1 &&
	       params->start_handle <= params->end_handle);
	/* Who prepared them anew while a discovery with them was under way has broken that one. */
	for (uint8_t i = 0; i < conn->request_count; i++)
		assert(conn->requests[i].params != params);
	if (meant(fake, conn) == NULL)
		return zephyr_leave_host(fake, -ENOTCONN);
	return zephyr_leave_host(fake, request(fake, conn, &what));
}

static struct subscription *subscription_of(struct bt_conn *conn,
					    const struct bt_gatt_subscribe_params *params)
{
	for (uint8_t i = 0; i < conn->subscription_count; i++) {
		if (conn->subscriptions[i].params == params)
			return &conn->subscriptions[i];
	}
	return NULL;
}

int bt_gatt_subscribe(struct bt_conn *conn, struct bt_gatt_subscribe_params *params)
{
	struct zephyr *fake = zephyr_enter_host();
	const struct request what = {REQUEST_CCC, params, params->value, params->ccc_handle};
	int code;

	assert(params->notify != NULL && params->value == BT_GATT_CCC_NOTIFY && params->ccc_handle != 0);
	assert(atomic_test_bit(params->flags, BT_GATT_SUBSCRIBE_FLAG_VOLATILE));
	/* Who prepared them anew while they were in the host's list has broken it. */
	assert(subscription_of(conn, params) == NULL && conn->subscription_count < SUBSCRIPTIONS_MAX);
	if (meant(fake, conn) == NULL)
		return zephyr_leave_host(fake, -ENOTCONN);
	code = request(fake, conn, &what);
	if (code == 0)
		conn->subscriptions[conn->subscription_count++] =
		    (struct subscription){params, params->notify, params->value_handle};
	return zephyr_leave_host(fake, code);
}

int bt_gatt_unsubscribe(struct bt_conn *conn, struct bt_gatt_subscribe_params *params)
{
	struct zephyr *fake = zephyr_enter_host();
	const struct request what = {REQUEST_CCC, params, 0, params->ccc_handle};
	struct subscription *found = subscription_of(conn, params);
	int code;

	if (meant(fake, conn) == NULL)
		return zephyr_leave_host(fake, -ENOTCONN);
	if (found == NULL)
		return zephyr_leave_host(fake, -EINVAL);
	code = request(fake, conn, &what);
	if (code == 0) {
		params->value = 0;
		*found = conn->subscriptions[--conn->subscription_count];
	}
	return zephyr_leave_host(fake, code);
}

int bt_gatt_write_without_response_cb(struct bt_conn *conn, uint16_t handle, const void *data,
				      uint16_t length, bool sign, bt_gatt_complete_func_t func,
				      void *user_data)
{
	struct zephyr *fake = zephyr_enter_host();
	struct pending_write *write;
	int code;

	assert(!sign && length > 0 && handle == FAKE_VALUE);
	if (meant(fake, conn) == NULL)
		return zephyr_leave_host(fake, -ENOTCONN);
	assert(length <= conn->mtu - 3u && conn->queued < fake->config.write_queue);
	code = conn->att_dead ? -ENOMEM : take_buffer(fake);
	if (code != 0)
		return zephyr_leave_host(fake, code);
	write = &conn->queue[conn->queued];
	*write = (struct pending_write){.func = func, .user_data = user_data};
	write->value.length = length;
	memcpy(write->value.bytes, data, length);
	if (conn->queued++ == 0)
		fake_arm(&fake->clock, &conn->write_timer, 0, 7);
	return zephyr_leave_host(fake, 0);
}
