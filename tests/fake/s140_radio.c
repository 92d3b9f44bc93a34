/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake SoftDevice's radio: advertisements, connections, procedures, values both ways, and what peripherals do of
 * themselves. Called with `air` held.
 */
#include "s140_internal.h"

#include <assert.h>
#include <string.h>

#define WISH_PATIENCE_MS 10000u

static struct sim_peer *peer_of(struct s140 *sd, const struct link *link)
{
	return sd->config.devices[link->device].peer;
}

bool s140_is_linked(const struct s140 *sd, uint16_t device)
{
	for (uint16_t i = 0; i < S140_LINKS_MAX; i++) {
		if ((sd->links[i].state == LINK_UP || sd->links[i].told_timer.runs) &&
		    sd->links[i].device == device)
			return true;
	}
	return false;
}

static void address_of(uint16_t device, ble_gap_addr_t *address)
{
	address->addr_type = 1;
	fake_address(device, address->addr);
}

/* ---- connections ---- */

static void notify_event(struct s140 *sd, uint16_t handle, uint16_t attribute, const uint8_t *bytes,
			 size_t length)
{
	ble_evt_t *event = s140_push(sd, BLE_GATTC_EVT_HVX, handle, S140_GATTC_BYTES(hvx) + length);
	ble_gattc_evt_hvx_t *hvx = &event->evt.gattc_evt.params.hvx;

	hvx->handle = attribute;
	hvx->type = BLE_GATT_HVX_NOTIFICATION;
	hvx->len = (uint16_t)length;
	memcpy(hvx->data, bytes, length);
}

static void sent_event(struct s140 *sd, uint16_t handle, uint8_t count)
{
	ble_evt_t *event = s140_push(sd, BLE_GATTC_EVT_WRITE_CMD_TX_COMPLETE, handle,
				     S140_GATTC_BYTES(write_cmd_tx_complete));

	event->evt.gattc_evt.params.write_cmd_tx_complete.count = count;
}

/* Two that were on their way when the handle's old connection ended. */
static void come_too_late(struct s140 *sd, uint16_t handle, const struct value *last)
{
	sent_event(sd, handle, 1);
	if (last->length != 0)
		notify_event(sd, handle, FAKE_VALUE, last->bytes, last->length);
	sd->counts.late++;
}

static void connected(struct s140 *sd, uint16_t device, const ble_gap_conn_params_t *params)
{
	struct fake_device *config = &sd->config.devices[device];
	uint16_t handle = sd->free_handles[--sd->free_count];
	struct link *link = &sd->links[handle];
	uint16_t before = link->device_before;
	struct value last = link->last;
	ble_evt_t *event;

	memset(link, 0, sizeof(*link));
	link->state = LINK_UP;
	link->device = device;
	link->device_before = (uint16_t)(device + 1u);
	link->mtu = BLE_GATT_ATT_MTU_DEFAULT;
	link->level = 1;
	link->params = *params;
	link->wishes_left = config->params_wishes;
	link->phy_wish = link->length_wish = link->mtu_wish = config->asks;
	link->security_wish = config->wants_security;
	fake_arm(&sd->clock, &link->wish_timer, 20, 1500);
	if (config->owned)
		fake_arm(&sd->clock, &link->notice_timer, FAKE_NOTICE_MS, 0);
	if (config->forgets && config->peer->boots != config->boots)
		config->has_keys = false;
	config->boots = config->peer->boots;
	event = s140_push(sd, BLE_GAP_EVT_CONNECTED, handle, S140_GAP_BYTES(connected));
	address_of(device, &event->evt.gap_evt.params.connected.peer_addr);
	event->evt.gap_evt.params.connected.role = BLE_GAP_ROLE_CENTRAL;
	event->evt.gap_evt.params.connected.conn_params = *params;
	sd->counts.connects++;
	if (before != 0 && before != link->device_before) {
		sd->counts.reused++;
		if (fake_roll(&sd->clock, 2) == 0)
			come_too_late(sd, handle, &last);
	}
	if (sd->drops[device] < sd->config.drops_max && fake_roll(&sd->clock, 2) == 0) {
		sd->drops[device]++;
		sd->counts.drops++;
		link->reason = FAKE_HCI_TIMEOUT;
		fake_arm(&sd->clock, &link->down_timer, 1, 1500);
	}
}

static void connect_step(struct s140 *sd)
{
	if (!fake_fires(&sd->clock, &sd->connect_timer))
		return;
	if (sim_peer_connectable(sd->config.devices[sd->connecting].peer) && sd->free_count > 0 &&
	    !s140_is_linked(sd, sd->connecting)) {
		connected(sd, sd->connecting, &sd->connect_params);
	} else if (fake_reached(s140_now(sd), sd->connect_limit)) {
		ble_evt_t *event =
		    s140_push(sd, BLE_GAP_EVT_TIMEOUT, BLE_CONN_HANDLE_INVALID, S140_GAP_BYTES(timeout));

		event->evt.gap_evt.params.timeout.src = BLE_GAP_TIMEOUT_SRC_CONN;
	} else {
		fake_arm(&sd->clock, &sd->connect_timer, 20, 20);
	}
}

/* The application's own devices are always connected: it does that by itself. */
static void owned_step(struct s140 *sd)
{
	const ble_gap_conn_params_t params = {80, 80, 0, 500};

	for (uint16_t i = 0; i < sd->config.count; i++) {
		if (!fake_fires(&sd->clock, &sd->owned_timers[i]))
			continue;
		sd->scanning = false; /* sd_ble_gap_connect() stops whoever's scan it is */
		if (sim_peer_connectable(sd->config.devices[i].peer) && sd->free_count > 0)
			connected(sd, i, &params);
		else
			fake_arm(&sd->clock, &sd->owned_timers[i], 100, 100);
	}
}

static void link_down(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];

	sim_peer_disconnect(peer_of(sd, link));
	link->state = LINK_GONE;
	fake_arm(&sd->clock, &link->told_timer, 0, 8);
	if (sd->config.devices[link->device].owned)
		fake_arm(&sd->clock, &sd->owned_timers[link->device], 100, 400);
}

static void tell_down(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];

	if (fake_fires(&sd->clock, &link->told_timer))
		s140_push(sd, BLE_GAP_EVT_DISCONNECTED, handle, S140_GAP_BYTES(disconnected))
		    ->evt.gap_evt.params.disconnected.reason = link->reason;
}

void s140_drop(struct s140 *sd, uint16_t conn_handle)
{
	struct link *link;

	pthread_mutex_lock(&sd->clock.air);
	link = &sd->links[conn_handle];
	if (link->state == LINK_UP && sd->config.devices[link->device].owned && link->reason == 0) {
		link->reason = 0x16;
		fake_arm(&sd->clock, &link->down_timer, 5, 30);
	}
	pthread_mutex_unlock(&sd->clock.air);
}

/* ---- advertisements ---- */

static void report(struct s140 *sd, uint16_t device)
{
	ble_evt_t *event =
	    s140_push(sd, BLE_GAP_EVT_ADV_REPORT, BLE_CONN_HANDLE_INVALID, S140_GAP_BYTES(adv_report));
	ble_gap_evt_adv_report_t *adv = &event->evt.gap_evt.params.adv_report;

	adv->type.connectable = 1;
	address_of(device, &adv->peer_addr);
	adv->rssi = FAKE_RSSI;
	memcpy(sd->scan_buffer, fake_advertisement, sizeof(fake_advertisement));
	adv->data = (ble_data_t){sd->scan_buffer, sizeof(fake_advertisement)};
	sd->scan_paused = true;
	sd->counts.reports++;
}

static void scan_step(struct s140 *sd)
{
	if (!sd->scanning || sd->scan_paused || !fake_fires(&sd->clock, &sd->scan_timer))
		return;
	fake_arm(&sd->clock, &sd->scan_timer, 2, 30);
	for (uint16_t i = 0; i < sd->config.count && sd->event_count < EVENTS_FULL; i++) {
		uint16_t device = (uint16_t)((sd->scan_next + i) % sd->config.count);

		if (sim_peer_connectable(sd->config.devices[device].peer) && !s140_is_linked(sd, device)) {
			report(sd, device);
			sd->scan_next = (uint16_t)(device + 1u);
			return;
		}
	}
}

/* ---- procedures ---- */

static ble_gattc_evt_t *gattc(struct s140 *sd, uint16_t handle, uint16_t id, size_t bytes)
{
	return &s140_push(sd, id, handle, bytes)->evt.gattc_evt;
}

static void discovered(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	ble_gattc_evt_t *event = gattc(sd, handle, link->procedure, S140_GATTC_BYTES(char_disc_rsp) + 16);
	bool there = !sd->config.devices[link->device].no_service;

	if (there && link->procedure == BLE_GATTC_EVT_PRIM_SRVC_DISC_RSP) {
		event->params.prim_srvc_disc_rsp.count = 1;
		event->params.prim_srvc_disc_rsp.services[0].handle_range.start_handle = FAKE_SERVICE;
		event->params.prim_srvc_disc_rsp.services[0].handle_range.end_handle = FAKE_LAST;
	} else if (there && link->procedure == BLE_GATTC_EVT_CHAR_DISC_RSP &&
		   link->range_start <= FAKE_DECLARATION && link->range_end >= FAKE_VALUE) {
		event->params.char_disc_rsp.count = 1;
		event->params.char_disc_rsp.chars[0].uuid.uuid = 0x7828;
		event->params.char_disc_rsp.chars[0].uuid.type = 3; /* the second base that was added */
		event->params.char_disc_rsp.chars[0].handle_decl = FAKE_DECLARATION;
		event->params.char_disc_rsp.chars[0].handle_value = FAKE_VALUE;
	} else if (there && link->procedure == BLE_GATTC_EVT_DESC_DISC_RSP && link->range_start <= FAKE_CCC &&
		   link->range_end >= FAKE_CCC) {
		event->params.desc_disc_rsp.count = 1;
		event->params.desc_disc_rsp.descs[0].handle = FAKE_CCC;
		event->params.desc_disc_rsp.descs[0].uuid.uuid = 0x2902;
		event->params.desc_disc_rsp.descs[0].uuid.type = BLE_UUID_TYPE_BLE;
	} else {
		event->gatt_status = BLE_GATT_STATUS_ATTERR_ATTRIBUTE_NOT_FOUND;
	}
}

static void written(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	ble_gattc_evt_t *event = gattc(sd, handle, BLE_GATTC_EVT_WRITE_RSP, S140_GATTC_BYTES(write_rsp));

	event->params.write_rsp.handle = FAKE_CCC;
	if (link->level < fake_level_needed(&sd->config.devices[link->device])) {
		event->gatt_status = 0x0105; /* insufficient authentication */
		return;
	}
	link->subscribed = link->subscribe;
	if (!link->subscribed)
		sim_peer_resubscribe(peer_of(sd, link));
}

static void end_procedure(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	const struct fake_device *device = &sd->config.devices[link->device];
	uint16_t device_mtu = device->mtu;

	if (link->unanswered) {
		/* And with it every further one. */
		link->att_dead = true;
		sd->counts.att_timeouts++;
		(void)gattc(sd, handle, BLE_GATTC_EVT_TIMEOUT, S140_GATTC_BYTES(timeout));
		return;
	}
	switch (link->procedure) {
	case BLE_GATTC_EVT_EXCHANGE_MTU_RSP:
		if (device->old) {
			sd->counts.old++;
			gattc(sd, handle, link->procedure, S140_GATTC_BYTES(exchange_mtu_rsp))->gatt_status =
			    0x0106; /* request not supported */
			break;
		}
		link->mtu = device_mtu < sd->att_mtu ? device_mtu : sd->att_mtu;
		gattc(sd, handle, link->procedure, S140_GATTC_BYTES(exchange_mtu_rsp))
		    ->params.exchange_mtu_rsp.server_rx_mtu = device_mtu;
		break;
	case BLE_GATTC_EVT_WRITE_RSP:
		written(sd, handle);
		break;
	default:
		discovered(sd, handle);
		break;
	}
	link->procedure = 0;
}

static void end_radio_procedure(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	ble_gap_evt_t *event;

	switch (link->radio_procedure) {
	case BLE_GAP_EVT_PHY_UPDATE:
		event =
		    &s140_push(sd, link->radio_procedure, handle, S140_GAP_BYTES(phy_update))->evt.gap_evt;
		event->params.phy_update.tx_phy = event->params.phy_update.rx_phy = BLE_GAP_PHY_2MBPS;
		if (sd->config.devices[link->device].old) {
			sd->counts.old++;
			event->params.phy_update.status = 0x1A; /* unsupported remote feature */
			event->params.phy_update.tx_phy = event->params.phy_update.rx_phy = 0;
		}
		break;
	case BLE_GAP_EVT_DATA_LENGTH_UPDATE:
		event = &s140_push(sd, link->radio_procedure, handle, S140_GAP_BYTES(data_length_update))
			     ->evt.gap_evt;
		event->params.data_length_update.effective_params.max_tx_octets =
		    sd->config.devices[link->device].old ? 27 : 251;
		break;
	default:
		event = &s140_push(sd, link->radio_procedure, handle, S140_GAP_BYTES(conn_param_update))
			     ->evt.gap_evt;
		link->params = link->params_next;
		event->params.conn_param_update.conn_params = link->params;
		break;
	}
	link->radio_procedure = 0;
}

static void level_event(struct s140 *sd, uint16_t handle)
{
	ble_gap_evt_t *event =
	    &s140_push(sd, BLE_GAP_EVT_CONN_SEC_UPDATE, handle, S140_GAP_BYTES(conn_sec_update))->evt.gap_evt;

	event->params.conn_sec_update.conn_sec.sec_mode.sm = 1;
	event->params.conn_sec_update.conn_sec.sec_mode.lv = sd->links[handle].level & 0xFu;
}

/* With a key from before: does the peer have it still? */
static void end_encryption(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];

	if (sd->config.devices[link->device].has_keys)
		link->level = link->key_level;
	else
		sd->counts.keys_lost++;
	level_event(sd, handle);
}

/* @return true: it goes on */
static bool pairing_waits(struct s140 *sd, uint16_t handle, bool by_passkey)
{
	struct link *link = &sd->links[handle];
	ble_gap_evt_t *event;

	if (link->key_asked || (!by_passkey && sd->config.devices[link->device].security != FAKE_MUTE))
		return false;
	link->key_asked = true;
	fake_arm(&sd->clock, &link->secure_timer, 30000, 0); /* SMP's patience, unless it is answered */
	if (by_passkey) {
		event = &s140_push(sd, BLE_GAP_EVT_AUTH_KEY_REQUEST, handle, S140_GAP_BYTES(auth_key_request))
			     ->evt.gap_evt;
		event->params.auth_key_request.key_type = BLE_GAP_AUTH_KEY_TYPE_PASSKEY;
	}
	return true;
}

static void end_pairing(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	struct fake_device *device = &sd->config.devices[link->device];
	/* It has a display and wants to be authenticated: by passkey, where there is a keyboard. */
	bool by_passkey =
	    device->security == FAKE_PASSKEY && link->pairing.io_caps == BLE_GAP_IO_CAPS_KEYBOARD_ONLY;
	bool success = fake_pairs(device, !by_passkey || link->key_right);
	ble_gap_evt_t *event;

	if (link->key_level != 0) {
		end_encryption(sd, handle);
		return;
	}
	if (pairing_waits(sd, handle, by_passkey))
		return;
	sd->counts.pairings++;
	if (success) {
		link->level = by_passkey ? 3 : 2;
		device->has_keys = link->pairing.bond;
		level_event(sd, handle);
	}
	event = &s140_push(sd, BLE_GAP_EVT_AUTH_STATUS, handle, S140_GAP_BYTES(auth_status))->evt.gap_evt;
	event->params.auth_status.auth_status = success ? 0 : 0x85;
}

/* ---- what peripherals ask for ---- */

static void wish_of(struct s140 *sd, struct link *link, uint16_t handle, uint16_t id, size_t bytes)
{
	ble_evt_t *event = s140_push(sd, id, handle, bytes);

	link->wish = id;
	sd->counts.wishes++;
	if (id == BLE_GAP_EVT_CONN_PARAM_UPDATE_REQUEST)
		event->evt.gap_evt.params.conn_param_update_request.conn_params = (ble_gap_conn_params_t){
		    FAKE_WISH_INTERVAL_MIN, FAKE_WISH_INTERVAL_MAX, 0, FAKE_WISH_TIMEOUT};
	else if (id == BLE_GATTS_EVT_EXCHANGE_MTU_REQUEST)
		event->evt.gatts_evt.params.exchange_mtu_request.client_rx_mtu =
		    sd->config.devices[link->device].mtu;
}

static void wish_step(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];

	if (!fake_fires(&sd->clock, &link->wish_timer))
		return;
	if (link->security_wish) {
		link->security_wish = false; /* wants no answer of its own */
		(void)s140_push(sd, BLE_GAP_EVT_SEC_REQUEST, handle, S140_GAP_BYTES(auth_status));
	} else if (link->wish != 0) {
		sd->counts.unanswered++;
		link->wish = 0;
	} else if (link->radio_procedure != 0) {
		fake_arm(&sd->clock, &link->wish_timer, 20, 20);
		return;
	} else if (link->phy_wish) {
		link->phy_wish = false;
		wish_of(sd, link, handle, BLE_GAP_EVT_PHY_UPDATE_REQUEST, S140_GAP_BYTES(phy_update));
	} else if (link->length_wish) {
		link->length_wish = false;
		wish_of(sd, link, handle, BLE_GAP_EVT_DATA_LENGTH_UPDATE_REQUEST,
			S140_GAP_BYTES(data_length_update));
	} else if (link->mtu_wish) {
		link->mtu_wish = false;
		wish_of(sd, link, handle, BLE_GATTS_EVT_EXCHANGE_MTU_REQUEST,
			offsetof(ble_evt_t, evt.gatts_evt.params) +
			    sizeof(ble_gatts_evt_exchange_mtu_request_t));
	} else if (link->wishes_left > 0) {
		link->wishes_left--;
		wish_of(sd, link, handle, BLE_GAP_EVT_CONN_PARAM_UPDATE_REQUEST,
			S140_GAP_BYTES(conn_param_update_request));
	} else {
		return;
	}
	fake_arm(&sd->clock, &link->wish_timer, link->wish != 0 ? WISH_PATIENCE_MS : 100, 0);
}

/* ---- values ---- */

/* One or all that wait go out in one connection event. */
static void write_step(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	uint8_t count = fake_roll(&sd->clock, 2) == 0 ? 1 : link->queued;
	bool silent = fake_is_deaf(&sd->config.devices[link->device], link->level >= 2);

	for (uint8_t i = 0; i < count; i++) {
		if (silent)
			sd->counts.thrown_away++;
		else
			sim_peer_receive(peer_of(sd, link), link->queue[i].bytes, link->queue[i].length,
					 s140_now(sd));
	}
	link->queued = (uint8_t)(link->queued - count);
	memmove(link->queue, link->queue + count, link->queued * sizeof(link->queue[0]));
	if (link->queued > 0)
		fake_arm(&sd->clock, &link->write_timer, 1, 7);
	sent_event(sd, handle, count);
}

static void notify(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	const uint8_t *bytes;
	size_t part = fake_answer_part(&link->answer, link->mtu, &bytes);

	if (link->subscribed) {
		link->last.length = (uint16_t)part;
		memcpy(link->last.bytes, bytes, part);
		notify_event(sd, handle, FAKE_VALUE, link->last.bytes, part);
	}
}

static void notice_step(struct s140 *sd, uint16_t handle)
{
	static const uint8_t measured[4] = {0x17, 0, 0, 0};

	if (!fake_fires(&sd->clock, &sd->links[handle].notice_timer))
		return;
	fake_arm(&sd->clock, &sd->links[handle].notice_timer, FAKE_NOTICE_MS, 0);
	notify_event(sd, handle, FAKE_OTHER_VALUE, measured, sizeof(measured));
	sd->counts.notices++;
}

static void link_step(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	struct sim_peer *peer = peer_of(sd, link);

	if (!sim_peer_connectable(peer) && link->reason == 0) {
		link->reason = FAKE_HCI_TIMEOUT; /* it reset: the link dies of silence */
		fake_arm(&sd->clock, &link->down_timer, link->params.conn_sup_timeout * 10u, 0);
	}
	if (fake_fires(&sd->clock, &link->down_timer)) {
		link_down(sd, handle);
		return;
	}
	if (!sim_peer_connectable(peer))
		return;
	if (fake_fires(&sd->clock, &link->write_timer))
		write_step(sd, handle);
	if (fake_fires(&sd->clock, &link->procedure_timer))
		end_procedure(sd, handle);
	if (fake_fires(&sd->clock, &link->radio_timer))
		end_radio_procedure(sd, handle);
	if (fake_fires(&sd->clock, &link->secure_timer))
		end_pairing(sd, handle);
	wish_step(sd, handle);
	notice_step(sd, handle);
	if (fake_answer_next(&link->answer, peer, s140_now(sd)))
		fake_arm(&sd->clock, &link->notify_timer, 1, 7);
	if (sd->event_count < EVENTS_FULL && fake_fires(&sd->clock, &link->notify_timer)) {
		notify(sd, handle);
		if (fake_answer_waits(&link->answer))
			fake_arm(&sd->clock, &link->notify_timer, 1, 7);
	}
}

/* ---- time ---- */

static void earlier_link(uint32_t now, uint32_t *next, const struct link *link)
{
	fake_earlier_timer(now, next, &link->down_timer);
	fake_earlier_timer(now, next, &link->write_timer);
	fake_earlier_timer(now, next, &link->procedure_timer);
	fake_earlier_timer(now, next, &link->radio_timer);
	fake_earlier_timer(now, next, &link->secure_timer);
	fake_earlier_timer(now, next, &link->notify_timer);
	fake_earlier_timer(now, next, &link->wish_timer);
	fake_earlier_timer(now, next, &link->notice_timer);
}

uint32_t s140_radio_step(struct s140 *sd)
{
	uint32_t now = s140_now(sd);
	uint32_t next = now + 1000;

	fake_devices_tick(sd->config.devices, sd->config.count, now);
	connect_step(sd);
	owned_step(sd);
	scan_step(sd);
	for (uint16_t i = 0; i < S140_LINKS_MAX; i++) {
		if (sd->links[i].state == LINK_UP)
			link_step(sd, i);
		tell_down(sd, i);
	}
	fake_devices_earlier(sd->config.devices, sd->config.count, now, &next);
	for (uint16_t i = 0; i < sd->config.count; i++)
		fake_earlier_timer(now, &next, &sd->owned_timers[i]);
	fake_earlier_timer(now, &next, &sd->connect_timer);
	if (sd->scanning && !sd->scan_paused)
		fake_earlier_timer(now, &next, &sd->scan_timer);
	for (uint16_t i = 0; i < S140_LINKS_MAX; i++) {
		if (sd->links[i].state == LINK_UP)
			earlier_link(now, &next, &sd->links[i]);
		fake_earlier_timer(now, &next, &sd->links[i].told_timer);
	}
	return next;
}
