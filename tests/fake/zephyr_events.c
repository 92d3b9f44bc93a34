/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's events: what the program's callbacks are called with, one after the other, without the fake's lock.
 */
#include "zephyr_internal.h"

#include <assert.h>
#include <string.h>

static const struct bt_uuid_128 smp_service = {
    .uuid = {BT_UUID_TYPE_128},
    .val = {0x84, 0xAA, 0x60, 0x74, 0x52, 0x8A, 0x8B, 0x86, 0xD3, 0x4C, 0xB7, 0x1D, 0x1D, 0xDC, 0x53, 0x8D}};
static const struct bt_uuid_128 smp_value = {
    .uuid = {BT_UUID_TYPE_128},
    .val = {0x48, 0x7C, 0x99, 0x74, 0x11, 0x26, 0x9E, 0xAE, 0x01, 0x4E, 0xCE, 0xFB, 0x28, 0x78, 0x2E, 0xDA}};
static const struct bt_uuid_16 ccc = BT_UUID_INIT_16(BT_UUID_GATT_CCC_VAL);

int bt_addr_le_cmp(const bt_addr_le_t *a, const bt_addr_le_t *b)
{
	return a->type != b->type ? 1 : memcmp(a->a.val, b->a.val, sizeof(a->a.val));
}

int bt_uuid_cmp(const struct bt_uuid *u1, const struct bt_uuid *u2)
{
	if (u1->type != u2->type)
		return 1;
	if (u1->type == BT_UUID_TYPE_16)
		return ((const struct bt_uuid_16 *)(const void *)u1)->val -
		       ((const struct bt_uuid_16 *)(const void *)u2)->val;
	return memcmp(((const struct bt_uuid_128 *)(const void *)u1)->val,
		      ((const struct bt_uuid_128 *)(const void *)u2)->val, 16);
}

struct zephyr_event *zephyr_push(struct zephyr *fake, enum event_kind kind, struct bt_conn *conn,
				 uint16_t number)
{
	assert(fake->event_count < EVENTS_MAX);
	struct zephyr_event *event = &fake->events[(fake->event_first + fake->event_count++) % EVENTS_MAX];

	*event = (struct zephyr_event){.kind = kind, .conn = conn, .number = number};
	if (conn != NULL)
		conn->refs++;
	return event;
}

/* ---- attributes ---- */

static const struct bt_gatt_attr *attribute_of(struct bt_gatt_attr *attr, uint8_t type)
{
	static struct bt_gatt_service_val service = {&smp_service.uuid, FAKE_LAST};
	static struct bt_gatt_chrc characteristic = {&smp_value.uuid, FAKE_VALUE};

	switch (type) {
	case BT_GATT_DISCOVER_PRIMARY:
		*attr = (struct bt_gatt_attr){.handle = FAKE_SERVICE, .user_data = &service};
		break;
	case BT_GATT_DISCOVER_CHARACTERISTIC:
		*attr = (struct bt_gatt_attr){.handle = FAKE_DECLARATION, .user_data = &characteristic};
		break;
	default:
		*attr = (struct bt_gatt_attr){.handle = FAKE_CCC, .uuid = &ccc.uuid};
		break;
	}
	return attr;
}

static bool is_wanted(const struct bt_gatt_discover_params *params)
{
	return params->uuid == NULL ||
	       bt_uuid_cmp(params->uuid,
			   params->type == BT_GATT_DISCOVER_PRIMARY ? &smp_service.uuid : &ccc.uuid) == 0;
}

static void tell_discovery(struct bt_conn *conn, const struct zephyr_event *event,
			   const struct fake_device *device)
{
	struct bt_gatt_discover_params *params = event->request.params;
	struct bt_gatt_attr attr;
	uint16_t handle = attribute_of(&attr, params->type)->handle;
	bool found = event->number == 0 && !device->no_service && params->start_handle <= handle &&
		     handle <= params->end_handle && is_wanted(params);

	if (found && params->func(conn, &attr, params) == BT_GATT_ITER_STOP)
		return;
	(void)params->func(conn, NULL, params);
}

static void tell_request(struct bt_conn *conn, const struct zephyr_event *event,
			 const struct fake_device *device)
{
	struct bt_gatt_exchange_params *exchange = event->request.params;
	struct bt_gatt_subscribe_params *subscribe = event->request.params;
	uint8_t err = (uint8_t)event->number;

	switch (event->request.kind) {
	case REQUEST_MTU:
		exchange->func(conn, err, exchange);
		break;
	case REQUEST_DISCOVER:
		tell_discovery(conn, event, device);
		break;
	default:
		if (err == 0 && event->request.value == 0)
			(void)subscribe->notify(conn, subscribe, NULL, 0);
		if (subscribe->subscribe != NULL)
			subscribe->subscribe(conn, err, subscribe);
		break;
	}
}

/* att_timeout(), in one go: what waits ends, the bearer and its subscriptions with it; the link stays. */
static void tell_att_timeout(struct zephyr *fake, struct bt_conn *conn)
{
	struct zephyr_event over = {.conn = conn, .number = ATT_UNLIKELY};

	pthread_mutex_lock(&fake->clock.air);
	conn->att_dead = true;
	fake->counts.air.att_timeouts +=
	    conn->request_count > 0; /* else the link ended meanwhile, which told them */
	while (conn->request_count > 0) {
		over.request = zephyr_request_take(fake, conn);
		pthread_mutex_unlock(&fake->clock.air);
		tell_request(conn, &over, zephyr_device_of(fake, conn));
		pthread_mutex_lock(&fake->clock.air);
	}
	while (conn->state != CONN_DOWN && conn->subscription_count > 0) {
		over.subscription = conn->subscriptions[--conn->subscription_count];
		pthread_mutex_unlock(&fake->clock.air);
		(void)over.subscription.notify(conn, over.subscription.params, NULL, 0);
		pthread_mutex_lock(&fake->clock.air);
	}
	pthread_mutex_unlock(&fake->clock.air);
}

static void tell_notification(const struct zephyr_event *event)
{
	const struct subscription *to = &event->subscription;

	/* What the host has of the program's has not been touched meanwhile. */
	assert(to->params->notify == to->notify && to->params->value_handle == to->value_handle);
	(void)to->notify(event->conn, to->params, event->value.bytes, event->value.length);
}

/* ---- connections ---- */

static void tell_params_asked(struct zephyr *fake, struct bt_conn *conn)
{
	struct bt_le_conn_param wish = {FAKE_WISH_INTERVAL_MIN, FAKE_WISH_INTERVAL_MAX, 0, FAKE_WISH_TIMEOUT};
	bool agreed = true;

	for (uint8_t i = 0; i < fake->callback_count && agreed; i++) {
		if (fake->callbacks[i]->le_param_req != NULL)
			agreed = fake->callbacks[i]->le_param_req(conn, &wish);
	}
	pthread_mutex_lock(&fake->clock.air);
	fake->counts.air.refused += !agreed;
	fake->counts.accepted += agreed;
	if (agreed && conn->state == CONN_UP && conn->radio == RADIO_NONE) {
		conn->params_next = wish;
		conn->radio = RADIO_PARAMS;
		fake_arm(&fake->clock, &conn->radio_timer, 10, 60);
	}
	pthread_mutex_unlock(&fake->clock.air);
}

static void tell_connection(struct zephyr *fake, const struct bt_conn_cb *callback,
			    const struct zephyr_event *event)
{
	struct bt_conn_le_phy_info phy = {BT_GAP_LE_PHY_2M, BT_GAP_LE_PHY_2M};
	struct bt_conn_le_data_len_info length = {.tx_max_len = BT_GAP_DATA_LEN_MAX};
	const struct bt_le_conn_param *now = &event->conn->params;

	(void)fake;
	switch (event->kind) {
	case EVENT_CONNECTED:
		callback->connected(event->conn, (uint8_t)event->number);
		break;
	case EVENT_DISCONNECTED:
		callback->disconnected(event->conn, (uint8_t)event->number);
		break;
	case EVENT_PARAMS:
		if (callback->le_param_updated != NULL)
			callback->le_param_updated(event->conn, now->interval_max, now->latency,
						   now->timeout);
		break;
	case EVENT_PHY:
		if (callback->le_phy_updated != NULL)
			callback->le_phy_updated(event->conn, &phy);
		break;
	case EVENT_LENGTH:
		if (callback->le_data_len_updated != NULL)
			callback->le_data_len_updated(event->conn, &length);
		break;
	default:
		if (callback->security_changed != NULL)
			callback->security_changed(event->conn, (bt_security_t)event->value.length,
						   (enum bt_security_err)event->number);
		break;
	}
}

static void tell_report(bt_le_scan_cb_t *report, uint16_t device)
{
	uint8_t data[sizeof(fake_advertisement)];
	struct net_buf_simple buf = {data, sizeof(data)};
	bt_addr_le_t address = {.type = BT_ADDR_LE_RANDOM};

	memcpy(data, fake_advertisement, sizeof(data));
	fake_address(device, address.a.val);
	report(&address, FAKE_RSSI, BT_GAP_ADV_TYPE_ADV_IND, &buf);
}

static void tell_all_recycled(const struct zephyr *fake)
{
#if KERNEL_VERSION_NUMBER >= 0x040000
	for (uint8_t i = 0; i < fake->callback_count; i++) {
		if (fake->callbacks[i]->recycled != NULL)
			fake->callbacks[i]->recycled();
	}
#else
	(void)fake;
#endif
}

static void tell(struct zephyr *fake, const struct zephyr_event *event)
{
	switch (event->kind) {
	case EVENT_RECYCLED:
		tell_all_recycled(fake);
		break;
	case EVENT_PARAMS_ASKED:
		tell_params_asked(fake, event->conn);
		break;
	case EVENT_PASSKEY:
		fake->pairing->passkey_entry(event->conn);
		break;
	case EVENT_PAIRING_CANCELLED:
		if (fake->pairing != NULL)
			fake->pairing->cancel(event->conn);
		break;
	case EVENT_REPORT:
		tell_report(event->report, event->number);
		break;
	case EVENT_REQUEST_DONE:
		tell_request(event->conn, event, &fake->config.devices[event->conn->device]);
		break;
	case EVENT_ATT_TIMEOUT:
		tell_att_timeout(fake, event->conn);
		break;
	case EVENT_SUBSCRIPTION_ENDED:
		(void)event->subscription.notify(event->conn, event->subscription.params, NULL, 0);
		break;
	case EVENT_NOTIFIED:
		tell_notification(event);
		break;
	case EVENT_SENT:
		if (event->sent != NULL)
			event->sent(event->conn, event->user_data);
		break;
	case EVENT_UART:
		zephyr_uart_tell(event);
		break;
	default:
		for (uint8_t i = 0; i < fake->callback_count; i++)
			tell_connection(fake, fake->callbacks[i], event);
		break;
	}
}

static bool is_subscribed(struct bt_conn *conn, const struct bt_gatt_subscribe_params *params, bool end)
{
	for (uint8_t i = 0; i < conn->subscription_count; i++) {
		if (conn->subscriptions[i].params != params)
			continue;
		if (end)
			conn->subscriptions[i] = conn->subscriptions[--conn->subscription_count];
		return true;
	}
	return false;
}

/* What the host looks up when it comes to it. */
static bool still_wanted(const struct zephyr *fake, struct zephyr_event *event)
{
	switch (event->kind) {
	case EVENT_REPORT:
		event->report = fake->scan_callback;
		return event->report != NULL;
	case EVENT_NOTIFIED:
		return is_subscribed(event->conn, event->subscription.params, false);
	case EVENT_SUBSCRIPTION_ENDED:
		return is_subscribed(event->conn, event->subscription.params, true);
	default:
		return true;
	}
}

bool zephyr_tell(struct zephyr *fake)
{
	struct zephyr_event event;

	if (fake->event_count == 0)
		return false;
	pthread_mutex_unlock(&fake->clock.air);
	pthread_mutex_lock(&fake->host);
	pthread_mutex_lock(&fake->clock.air);
	event = fake->events[fake->event_first];
	fake->event_first = (fake->event_first + 1u) % EVENTS_MAX;
	fake->event_count--;
	if (still_wanted(fake, &event)) {
		pthread_mutex_unlock(&fake->clock.air);
		tell(fake, &event);
		pthread_mutex_lock(&fake->clock.air);
	}
	/* The host's own reference goes after the callbacks. */
	if (event.kind == EVENT_DISCONNECTED || (event.kind == EVENT_CONNECTED && event.number != 0))
		zephyr_conn_put(fake, event.conn);
	if (event.conn != NULL)
		zephyr_conn_put(fake, event.conn);
	pthread_mutex_unlock(&fake->host);
	return true;
}
