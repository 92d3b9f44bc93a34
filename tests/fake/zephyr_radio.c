/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's radio and host: advertisements, connections, procedures, values both ways, and what peripherals do of
 * themselves. Called with `air` held.
 */
#include "zephyr_internal.h"

#include <assert.h>
#include <string.h>

#include <zephyr/bluetooth/hci.h>

#define UNKNOWN_CONNECTION 0x02u /* what an attempt that came to nothing ends with */
#define ATT_NOT_SUPPORTED 0x06u
#define ATT_AUTHENTICATION 0x05u
#define PAIRING_MS 30000u
#define ATT_TIMEOUT_MS 30000u

static struct sim_peer *peer_of(struct zephyr *fake, const struct bt_conn *conn)
{
	return zephyr_device_of(fake, conn)->peer;
}

/* ---- connection objects ---- */

struct bt_conn *zephyr_conn_new(struct zephyr *fake, uint16_t device)
{
	for (unsigned int i = 0; i < CONFIG_BT_MAX_CONN; i++) {
		struct bt_conn *conn = &fake->conns[i];
		uint16_t before = conn->device_before;

		if (conn->refs != 0)
			continue;
		memset(conn, 0, sizeof(*conn));
		conn->refs = 1;
		conn->device = device;
		conn->device_before = (uint16_t)(device + 1u);
		fake->counts.air.reused += before != 0 && before != conn->device_before;
		conn->address.type = BT_ADDR_LE_RANDOM;
		fake_address(device, conn->address.a.val);
		conn->mtu = 23;
		conn->level = conn->required = BT_SECURITY_L1;
		return conn;
	}
	return NULL;
}

void zephyr_conn_put(struct zephyr *fake, struct bt_conn *conn)
{
	assert(conn->refs > 0);
	if (--conn->refs > 0)
		return;
	assert(conn->state == CONN_DOWN || conn->state == CONN_FREE);
	conn->state = CONN_FREE;
	(void)zephyr_push(fake, EVENT_RECYCLED, NULL, 0);
}

static bool is_linked(const struct zephyr *fake, uint16_t device)
{
	for (unsigned int i = 0; i < CONFIG_BT_MAX_CONN; i++) {
		const struct bt_conn *conn = &fake->conns[i];

		if ((conn->state == CONN_UP || conn->state == CONN_DISCONNECTING) && conn->device == device)
			return true;
	}
	return false;
}

/* ---- connections ---- */

static void link_up(struct zephyr *fake, struct bt_conn *conn)
{
	struct fake_device *device = &fake->config.devices[conn->device];

	if (device->forgets && device->peer->boots != device->boots)
		device->has_keys = false;
	device->boots = device->peer->boots;
	conn->state = CONN_UP;
	conn->wishes_left = device->params_wishes;
	conn->phy_wish = conn->length_wish = conn->mtu_wish = device->asks && !device->old;
	conn->features_known = fake_now(&fake->clock) + 10 + fake_roll(&fake->clock, 90);
	if (!device->old) {
		conn->features[0] = 1u << BT_LE_FEAT_BIT_DLE;
		conn->features[1] = 1u << (BT_LE_FEAT_BIT_PHY_2M - 8);
	}
	conn->security_wish = device->wants_security;
	fake_arm(&fake->clock, &conn->wish_timer, 5, 400);
	if (device->owned)
		fake_arm(&fake->clock, &conn->notice_timer, FAKE_NOTICE_MS, 0);
	(void)zephyr_push(fake, EVENT_CONNECTED, conn, 0);
	fake->counts.air.connects++;
	if (fake->drops[conn->device] < fake->config.drops_max && fake_roll(&fake->clock, 2) == 0) {
		fake->drops[conn->device]++;
		fake->counts.air.drops++;
		conn->reason = FAKE_HCI_TIMEOUT;
		fake_arm(&fake->clock, &conn->down_timer, 1, 1500);
	}
}

static void connect_step(struct zephyr *fake)
{
	struct bt_conn *conn = fake->connecting;

	if (!fake_fires(&fake->clock, &fake->connect_timer))
		return;
	if (sim_peer_connectable(peer_of(fake, conn)) && !is_linked(fake, conn->device) &&
	    (!fake->connect_deaf || fake->connect_forced)) {
		fake->connecting = NULL;
		fake->counts.late_cancels += fake->connect_forced;
		link_up(fake, conn);
	} else if (fake->connect_forced || fake_reached(fake_now(&fake->clock), fake->connect_limit)) {
		fake->connecting = NULL;
		conn->state = CONN_DOWN;
		(void)zephyr_push(fake, EVENT_CONNECTED, conn, UNKNOWN_CONNECTION);
	} else {
		fake_arm(&fake->clock, &fake->connect_timer, 20, 20);
	}
}

/* The application's own devices are always connected: its host does that by itself. */
static void owned_step(struct zephyr *fake)
{
	for (uint16_t i = 0; i < fake->config.count && fake->enabled; i++) {
		struct bt_conn *conn;

		if (fake->config.devices[i].owned && !fake->owned_timers[i].runs && !is_linked(fake, i))
			fake_arm(&fake->clock, &fake->owned_timers[i], 100, 400);
		if (!fake_fires(&fake->clock, &fake->owned_timers[i]) || is_linked(fake, i) ||
		    !sim_peer_connectable(fake->config.devices[i].peer))
			continue;
		conn = zephyr_conn_new(fake, i);
		if (conn == NULL)
			continue;
		conn->params = (struct bt_le_conn_param){80, 80, 0, 500};
		link_up(fake, conn);
	}
}

void zephyr_request_begin(struct zephyr *fake, struct bt_conn *conn)
{
	struct fake_device *device = &fake->config.devices[conn->device];

	conn->unanswered = device->deaf > 0 && fake_roll(&fake->clock, 3) == 0;
	if (conn->unanswered) {
		device->deaf--;
		fake->counts.air.deaf++;
		fake_arm(&fake->clock, &conn->request_timer, ATT_TIMEOUT_MS, 0);
	} else {
		fake_arm(&fake->clock, &conn->request_timer, 5, 40);
	}
}

struct request zephyr_request_take(struct zephyr *fake, struct bt_conn *conn)
{
	struct request taken = conn->requests[0];

	conn->request_count--;
	fake->buffers--;
	memmove(conn->requests, conn->requests + 1, conn->request_count * sizeof(conn->requests[0]));
	return taken;
}

void zephyr_request_over(struct zephyr *fake, struct bt_conn *conn, uint8_t err)
{
	zephyr_push(fake, EVENT_REQUEST_DONE, conn, err)->request = zephyr_request_take(fake, conn);
	if (conn->request_count > 0 && conn->state != CONN_DOWN)
		zephyr_request_begin(fake, conn);
}

void zephyr_subscription_end(struct zephyr *fake, struct bt_conn *conn,
			     const struct bt_gatt_subscribe_params *params)
{
	for (uint8_t i = 0; i < conn->subscription_count; i++) {
		if (conn->subscriptions[i].params != params)
			continue;
		zephyr_push(fake, EVENT_SUBSCRIPTION_ENDED, conn, 0)->subscription = conn->subscriptions[i];
		return; /* and then it is off the list: what came before is still told */
	}
}

static void sent(struct zephyr *fake, struct bt_conn *conn, const struct pending_write *write)
{
	struct zephyr_event *event = zephyr_push(fake, EVENT_SENT, conn, 0);

	event->sent = write->func;
	event->user_data = write->user_data;
	fake->buffers--;
}

/* In the order of bt_conn_set_state() and deferred_work(): pairing, writes, requests, subscriptions, then the end itself. */
static void link_down(struct zephyr *fake, struct bt_conn *conn)
{
	bool late = fake_roll(&fake->clock, 4) == 0;

	conn->state = CONN_DOWN;
	sim_peer_disconnect(peer_of(fake, conn));
	if (conn->required > conn->level) {
		zephyr_push(fake, EVENT_SECURITY, conn, BT_SECURITY_ERR_UNSPECIFIED)->value.length =
		    conn->level;
		fake->counts.pairings_cut++;
	}
	for (uint8_t i = 0; i < conn->queued; i++) {
		if (late || fake_roll(&fake->clock, 2) == 0)
			continue;
		sent(fake, conn, &conn->queue[i]);
		conn->queue[i].func = NULL;
	}
	while (conn->request_count > 0)
		zephyr_request_over(fake, conn, ATT_UNLIKELY);
	for (uint8_t i = 0; i < conn->subscription_count; i++)
		zephyr_subscription_end(fake, conn, conn->subscriptions[i].params);
	(void)zephyr_push(fake, EVENT_DISCONNECTED, conn, conn->reason);
	for (uint8_t i = 0; i < conn->queued; i++) {
		if (conn->queue[i].func == NULL)
			continue;
		if (late) {
			sent(fake, conn, &conn->queue[i]);
			fake->counts.air.late++;
		} else {
			fake->buffers--;
			fake->counts.unwritten++;
		}
	}
	conn->queued = 0;
}

/* ---- advertisements ---- */

static void scan_step(struct zephyr *fake)
{
	if (fake->scan_callback == NULL || !fake_fires(&fake->clock, &fake->scan_timer))
		return;
	fake_arm(&fake->clock, &fake->scan_timer, 2, 30);
	for (uint16_t i = 0; i < fake->config.count && fake->event_count < EVENTS_FULL; i++) {
		uint16_t device = (uint16_t)((fake->scan_next + i) % fake->config.count);

		if (sim_peer_connectable(fake->config.devices[device].peer) && !is_linked(fake, device)) {
			(void)zephyr_push(fake, EVENT_REPORT, NULL, device);
			fake->counts.air.reports++;
			fake->scan_next = (uint16_t)(device + 1u);
			return;
		}
	}
}

/* ---- procedures ---- */

static void end_ccc(struct zephyr *fake, struct bt_conn *conn)
{
	struct request request = conn->requests[0];
	bool ours = request.ccc == FAKE_CCC;
	bool on = request.value != 0;

	if (ours && fake_ccc_needs_security(zephyr_device_of(fake, conn), conn->encrypted)) {
		zephyr_subscription_end(fake, conn, request.params);
		zephyr_request_over(fake, conn, ATT_AUTHENTICATION);
		return;
	}
	if (ours && !on)
		sim_peer_resubscribe(peer_of(fake, conn));
	if (ours)
		conn->subscribed = on;
	zephyr_request_over(fake, conn, 0);
}

static void end_request(struct zephyr *fake, struct bt_conn *conn)
{
	uint16_t device_mtu = zephyr_device_of(fake, conn)->mtu;

	if (conn->unanswered) {
		(void)zephyr_push(fake, EVENT_ATT_TIMEOUT, conn, 0);
		return;
	}
	switch (conn->requests[0].kind) {
	case REQUEST_MTU:
		if (zephyr_device_of(fake, conn)->old) {
			fake->counts.air.old++;
			zephyr_request_over(fake, conn, ATT_NOT_SUPPORTED);
			break;
		}
		conn->mtu = device_mtu < CONFIG_BT_L2CAP_TX_MTU ? device_mtu : CONFIG_BT_L2CAP_TX_MTU;
		zephyr_request_over(fake, conn, 0);
		break;
	case REQUEST_CCC:
		end_ccc(fake, conn);
		break;
	default:
		zephyr_request_over(fake, conn, 0);
		break;
	}
}

static void end_radio_procedure(struct zephyr *fake, struct bt_conn *conn)
{
	enum radio_procedure ended = conn->radio;

	conn->radio = RADIO_NONE;
	if (ended == RADIO_PARAMS)
		conn->params = conn->params_next;
	conn->length_set |= ended == RADIO_LENGTH;
	(void)zephyr_push(fake,
			  ended == RADIO_PHY      ? EVENT_PHY
			  : ended == RADIO_LENGTH ? EVENT_LENGTH
						  : EVENT_PARAMS,
			  conn, 0);
}

void zephyr_secure(struct zephyr *fake, struct bt_conn *conn, uint8_t level)
{
	conn->required = level;
	if (!conn->secure_timer.runs)
		fake_arm(&fake->clock, &conn->secure_timer, 50, 200);
}

/* With the key of a bond: does the peer have it still? */
static void end_encryption(struct zephyr *fake, struct bt_conn *conn)
{
	bool success = zephyr_device_of(fake, conn)->has_keys;

	fake->counts.air.keys_lost += !success;
	conn->encrypted |= success;
	conn->level = success ? fake->bonds[conn->device] : conn->level;
	conn->required = conn->level;
	zephyr_push(fake, EVENT_SECURITY, conn, success ? 0 : BT_SECURITY_ERR_PIN_OR_KEY_MISSING)
	    ->value.length = conn->level;
}

static void end_pairing(struct zephyr *fake, struct bt_conn *conn)
{
	struct fake_device *device = &fake->config.devices[conn->device];
	bool passkey = device->security == FAKE_PASSKEY;
	bool success = fake_pairs(device, conn->key_right);

	if (fake->bonds[conn->device] >= conn->required) {
		end_encryption(fake, conn);
		return;
	}
	if (passkey && !conn->key_asked && fake->pairing != NULL) {
		(void)zephyr_push(fake, EVENT_PASSKEY, conn, 0);
		conn->key_asked = true;
		fake_arm(&fake->clock, &conn->secure_timer, PAIRING_MS,
			 0); /* SMP's patience, unless it is answered */
		return;
	}
	fake->counts.keys_unanswered += conn->key_asked && !conn->key_answered;
	if (conn->key_asked && !success)
		(void)zephyr_push(fake, EVENT_PAIRING_CANCELLED, conn, 0);
	fake->counts.air.pairings++;
	conn->key_asked = conn->key_answered = conn->key_right = false;
	conn->encrypted |= success;
	if (success) {
		conn->level = passkey ? BT_SECURITY_L3 : BT_SECURITY_L2;
		fake->bonds[conn->device] = conn->level;
		device->has_keys = true;
	}
	conn->required = conn->level;
	zephyr_push(fake, EVENT_SECURITY, conn, success ? 0 : BT_SECURITY_ERR_AUTH_FAIL)->value.length =
	    conn->level;
}

/* ---- what peripherals ask for: all but the parameters the host and its controller answer by themselves ---- */

static void wish_step(struct zephyr *fake, struct bt_conn *conn)
{
	uint16_t mtu = zephyr_device_of(fake, conn)->mtu;

	if (!fake_fires(&fake->clock, &conn->wish_timer))
		return;
	if (conn->radio != RADIO_NONE) {
		fake_arm(&fake->clock, &conn->wish_timer, 20, 20);
		return;
	}
	if (conn->security_wish) {
		conn->security_wish = false;
		if (conn->level < BT_SECURITY_L2)
			zephyr_secure(fake, conn, BT_SECURITY_L2);
	} else if (conn->phy_wish || conn->length_wish) {
		conn->radio = conn->phy_wish ? RADIO_PHY : RADIO_LENGTH;
		conn->length_wish &= conn->phy_wish;
		conn->phy_wish = false;
		fake_arm(&fake->clock, &conn->radio_timer, 10, 60);
	} else if (conn->mtu_wish) {
		conn->mtu_wish = false;
		conn->mtu = mtu < CONFIG_BT_L2CAP_TX_MTU ? mtu : CONFIG_BT_L2CAP_TX_MTU;
	} else if (conn->wishes_left > 0) {
		conn->wishes_left--;
		(void)zephyr_push(fake, EVENT_PARAMS_ASKED, conn, 0);
		fake_arm(&fake->clock, &conn->wish_timer, 1000, 0);
		fake->counts.air.wishes++;
		return;
	} else {
		return;
	}
	fake->counts.air.wishes++;
	fake_arm(&fake->clock, &conn->wish_timer, 100, 0);
}

/* ---- values ---- */

/* One or all that wait go out in one connection event. */
static void write_step(struct zephyr *fake, struct bt_conn *conn)
{
	uint8_t count = fake_roll(&fake->clock, 2) == 0 ? 1 : conn->queued;
	bool breaks = conn->down_timer.runs && conn->reason == FAKE_HCI_TIMEOUT;
	bool deaf = fake_is_deaf(zephyr_device_of(fake, conn), conn->encrypted);

	if (breaks && fake_roll(&fake->clock, 3) == 0) {
		fake_arm(&fake->clock, &conn->down_timer, 1, 1); /* and these stay unsent */
		return;
	}
	for (uint8_t i = 0; i < count; i++) {
		const struct value *value = &conn->queue[i].value;

		if (deaf)
			fake->counts.air.thrown_away++;
		else
			sim_peer_receive(peer_of(fake, conn), value->bytes, value->length,
					 fake_now(&fake->clock));
		sent(fake, conn, &conn->queue[i]);
	}
	conn->queued = (uint8_t)(conn->queued - count);
	memmove(conn->queue, conn->queue + count, conn->queued * sizeof(conn->queue[0]));
	if (conn->queued > 0)
		fake_arm(&fake->clock, &conn->write_timer, 1, 7);
}

static void notify(struct zephyr *fake, struct bt_conn *conn, uint16_t attribute, const uint8_t *bytes,
		   size_t length)
{
	for (uint8_t i = 0; i < conn->subscription_count; i++) {
		struct zephyr_event *event;

		if (conn->subscriptions[i].value_handle != attribute)
			continue;
		event = zephyr_push(fake, EVENT_NOTIFIED, conn, attribute);
		event->subscription = conn->subscriptions[i];
		event->value.length = (uint16_t)length;
		memcpy(event->value.bytes, bytes, length);
	}
}

static void answer_step(struct zephyr *fake, struct bt_conn *conn)
{
	const uint8_t *bytes;
	size_t length;

	if (fake_answer_next(&conn->answer, peer_of(fake, conn), fake_now(&fake->clock)))
		fake_arm(&fake->clock, &conn->notify_timer, 1, 7);
	if (fake->event_count >= EVENTS_FULL || !fake_fires(&fake->clock, &conn->notify_timer))
		return;
	length = fake_answer_part(&conn->answer, conn->mtu, &bytes);
	if (conn->subscribed && !conn->att_dead)
		notify(fake, conn, FAKE_VALUE, bytes, length);
	if (fake_answer_waits(&conn->answer))
		fake_arm(&fake->clock, &conn->notify_timer, 1, 7);
}

static void notice_step(struct zephyr *fake, struct bt_conn *conn)
{
	static const uint8_t measured[4] = {0x17, 0, 0, 0};

	if (!fake_fires(&fake->clock, &conn->notice_timer))
		return;
	fake_arm(&fake->clock, &conn->notice_timer, FAKE_NOTICE_MS, 0);
	if (conn->att_dead)
		return;
	notify(fake, conn, FAKE_OTHER_VALUE, measured, sizeof(measured));
	fake->counts.air.notices++;
}

static void link_step(struct zephyr *fake, struct bt_conn *conn)
{
	struct sim_peer *peer = peer_of(fake, conn);

	if (!sim_peer_connectable(peer) && conn->reason == 0) {
		conn->reason = FAKE_HCI_TIMEOUT; /* it reset: the link dies of silence */
		fake_arm(&fake->clock, &conn->down_timer, conn->params.timeout * 10u, 0);
	}
	if (fake_fires(&fake->clock, &conn->down_timer)) {
		link_down(fake, conn);
		return;
	}
	if (!sim_peer_connectable(peer))
		return;
	if (fake_fires(&fake->clock, &conn->write_timer))
		write_step(fake, conn);
	if (fake_fires(&fake->clock, &conn->request_timer))
		end_request(fake, conn);
	if (fake_fires(&fake->clock, &conn->radio_timer))
		end_radio_procedure(fake, conn);
	if (fake_fires(&fake->clock, &conn->secure_timer))
		end_pairing(fake, conn);
	wish_step(fake, conn);
	notice_step(fake, conn);
	answer_step(fake, conn);
}

/* ---- time ---- */

static void earlier_link(uint32_t now, uint32_t *next, const struct bt_conn *conn)
{
	fake_earlier_timer(now, next, &conn->down_timer);
	fake_earlier_timer(now, next, &conn->write_timer);
	fake_earlier_timer(now, next, &conn->request_timer);
	fake_earlier_timer(now, next, &conn->radio_timer);
	fake_earlier_timer(now, next, &conn->secure_timer);
	fake_earlier_timer(now, next, &conn->notify_timer);
	fake_earlier_timer(now, next, &conn->wish_timer);
	fake_earlier_timer(now, next, &conn->notice_timer);
}

static bool has_link(const struct bt_conn *conn)
{
	return conn->state == CONN_UP || conn->state == CONN_DISCONNECTING;
}

uint32_t zephyr_radio_step(struct zephyr *fake)
{
	uint32_t now = fake_now(&fake->clock);
	uint32_t next = now + 1000;

	fake_devices_tick(fake->config.devices, fake->config.count, now);
	connect_step(fake);
	owned_step(fake);
	scan_step(fake);
	for (unsigned int i = 0; i < CONFIG_BT_MAX_CONN; i++) {
		if (has_link(&fake->conns[i]))
			link_step(fake, &fake->conns[i]);
	}
	next = zephyr_uart_step(fake, next);
	fake_devices_earlier(fake->config.devices, fake->config.count, now, &next);
	for (uint16_t i = 0; i < fake->config.count; i++)
		fake_earlier_timer(now, &next, &fake->owned_timers[i]);
	fake_earlier_timer(now, &next, &fake->connect_timer);
	if (fake->scan_callback != NULL)
		fake_earlier_timer(now, &next, &fake->scan_timer);
	for (unsigned int i = 0; i < CONFIG_BT_MAX_CONN; i++) {
		if (has_link(&fake->conns[i]))
			earlier_link(now, &next, &fake->conns[i]);
	}
	return next;
}
