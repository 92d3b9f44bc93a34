/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SoftDevice's events in the words of ble_event.h. An answer of a discovery is several of them.
 */
#include "internal.h"

#define UUID_CCC 0x2902u
#define UUID_SMP_CHARACTERISTIC 0x7828u
#define ATT_ERROR_BASE 0x0100u
#define ATT_ERROR_UNLIKELY 0x0Eu
#define SECURITY_LEVEL_ENCRYPTED 2u
#define SECURITY_LEVEL_AUTHENTICATED 3u

/* An ATT error code; 0: success. The SoftDevice has some of its own below 0x100. */
static uint16_t att_error(uint16_t status)
{
	if (status == BLE_GATT_STATUS_SUCCESS)
		return 0;
	return status >= ATT_ERROR_BASE ? (uint16_t)(status & 0xFFu) : ATT_ERROR_UNLIKELY;
}

static struct dfucast_ble_address address_of(const ble_gap_addr_t *address)
{
	struct dfucast_ble_address made = {.type = address->addr_type};

	for (unsigned int i = 0; i < sizeof(made.bytes); i++)
		made.bytes[i] = address->addr[i];
	return made;
}

static struct dfucast_ble_params params_of(const ble_gap_conn_params_t *params)
{
	return (struct dfucast_ble_params){params->max_conn_interval, params->slave_latency,
					   params->conn_sup_timeout};
}

/* What is passed on; true while the application need not see it. */
struct delivery {
	struct dfucast_s140 *port;
	struct dfucast_ble_event event;
	uint32_t now;
	bool ours;
};

static void tell(struct delivery *to, enum dfucast_ble_event_kind kind)
{
	to->event.kind = (uint8_t)kind;
	to->ours |= dfucast_ble_central_event(&to->port->central, &to->event, to->now);
}

static void tell_number(struct delivery *to, enum dfucast_ble_event_kind kind, uint16_t number)
{
	to->event.number = number;
	tell(to, kind);
}

static void found(struct delivery *to, enum dfucast_ble_event_kind kind, uint16_t first, uint16_t last,
		  bool wanted)
{
	to->event.found.first = first;
	to->event.found.last = last;
	to->event.found.wanted = wanted;
	tell(to, kind);
}

static void advertisement(struct delivery *to, const struct s140_entry *entry)
{
	const ble_gap_evt_adv_report_t *report = &s140_event_of(entry)->evt.gap_evt.params.adv_report;

	to->event.report = (struct dfucast_ble_report){
	    .address = address_of(&report->peer_addr),
	    .rssi = report->rssi,
	    .connectable = report->type.connectable || report->type.scan_response,
	    .length = entry->extra,
	    .data = (const uint8_t *)((const uintptr_t *)(const void *)entry + entry->extra_at)};
	if (to->port->config.hooks.advertisement != NULL)
		to->port->config.hooks.advertisement(to->port->config.hooks.context, &to->event.report);
	tell(to, DFUCAST_BLE_ADVERTISEMENT);
	to->ours = false; /* whoever else listens */
}

static void connected(struct delivery *to, const ble_gap_evt_connected_t *connected)
{
	if (connected->role != BLE_GAP_ROLE_CENTRAL)
		return;
	to->event.connected.address = address_of(&connected->peer_addr);
	to->event.connected.params = params_of(&connected->conn_params);
	tell(to, DFUCAST_BLE_CONNECTED);
}

static void disconnected(struct delivery *to, uint8_t reason)
{
	uint32_t bit = UINT32_C(1) << to->event.handle.index;

	to->port->phy_due &= ~bit;
	to->port->length_due &= ~bit;
	to->port->mtu_due &= ~bit;
	to->port->attributes_due &= ~bit;
	to->port->passkey_due &= ~bit;
	tell_number(to, DFUCAST_BLE_DISCONNECTED, reason);
}

/* A peer's wish that the SoftDevice wants an answer to: given in the round, for it may be busy now. */
static void owe(struct delivery *to, uint32_t *bits)
{
	*bits |= UINT32_C(1) << to->event.handle.index;
	to->port->due_opening[to->event.handle.index] = to->event.handle.opening;
	to->ours = true;
}

static void due(struct delivery *to, uint32_t *bits)
{
	if (!to->port->config.application_answers &&
	    dfucast_ble_central_uses(&to->port->central, to->event.handle))
		owe(to, bits);
}

static void gap_timeout(struct delivery *to, uint8_t source)
{
	if (source == BLE_GAP_TIMEOUT_SRC_CONN)
		tell(to, DFUCAST_BLE_CONNECT_FAILED);
	else if (source == BLE_GAP_TIMEOUT_SRC_SCAN)
		tell(to, DFUCAST_BLE_SCAN_STOPPED);
}

static bool has_passkey(const struct delivery *to)
{
	uint32_t passkey;

	return dfucast_ble_central_passkey(&to->port->central, to->event.handle, &passkey);
}

/* A pairing wants the passkey. Without one of ours it is the application's to answer; is there none, no is the answer. */
static void passkey_asked(struct delivery *to, uint8_t type)
{
	if (type == BLE_GAP_AUTH_KEY_TYPE_PASSKEY && has_passkey(to))
		owe(to, &to->port->passkey_due);
	else
		due(to, &to->port->passkey_due);
}

/* Where the plan brings a passkey, an encryption without authentication is none. */
static void encrypted(struct delivery *to, unsigned int level)
{
	if (level >= (has_passkey(to) ? SECURITY_LEVEL_AUTHENTICATED : SECURITY_LEVEL_ENCRYPTED))
		tell_number(to, DFUCAST_BLE_SECURED, 0);
	to->ours = false; /* whoever keeps the bonds listens too */
}

static void gap_event(struct delivery *to, const struct s140_entry *entry)
{
	const ble_evt_t *event = s140_event_of(entry);
	const ble_gap_evt_t *gap = &event->evt.gap_evt;

	switch (event->header.evt_id) {
	case BLE_GAP_EVT_ADV_REPORT:
		advertisement(to, entry);
		break;
	case BLE_GAP_EVT_CONNECTED:
		connected(to, &gap->params.connected);
		break;
	case BLE_GAP_EVT_DISCONNECTED:
		disconnected(to, gap->params.disconnected.reason);
		break;
	case BLE_GAP_EVT_TIMEOUT:
		gap_timeout(to, gap->params.timeout.src);
		break;
	case BLE_GAP_EVT_CONN_PARAM_UPDATE:
		to->event.params = params_of(&gap->params.conn_param_update.conn_params);
		tell(to, DFUCAST_BLE_PARAMS_CHANGED);
		break;
	case BLE_GAP_EVT_CONN_PARAM_UPDATE_REQUEST: {
		const ble_gap_conn_params_t *asked = &gap->params.conn_param_update_request.conn_params;

		to->event.asked =
		    (struct dfucast_ble_params_asked){asked->min_conn_interval, asked->max_conn_interval,
						      asked->slave_latency, asked->conn_sup_timeout};
		tell(to, DFUCAST_BLE_PARAMS_ASKED);
		break;
	}
	case BLE_GAP_EVT_PHY_UPDATE:
		tell(to, DFUCAST_BLE_PHY_CHANGED);
		break;
	case BLE_GAP_EVT_DATA_LENGTH_UPDATE:
		tell_number(to, DFUCAST_BLE_DATA_LENGTH_CHANGED,
			    gap->params.data_length_update.effective_params.max_tx_octets);
		break;
	case BLE_GAP_EVT_PHY_UPDATE_REQUEST:
		due(to, &to->port->phy_due);
		break;
	case BLE_GAP_EVT_DATA_LENGTH_UPDATE_REQUEST:
		due(to, &to->port->length_due);
		break;
	case BLE_GAP_EVT_AUTH_KEY_REQUEST:
		passkey_asked(to, gap->params.auth_key_request.key_type);
		break;
	case BLE_GAP_EVT_SEC_REQUEST:
		tell(to, DFUCAST_BLE_SECURITY_ASKED);
		break;
	case BLE_GAP_EVT_CONN_SEC_UPDATE:
		encrypted(to, gap->params.conn_sec_update.conn_sec.sec_mode.lv);
		break;
	case BLE_GAP_EVT_AUTH_STATUS:
		if (gap->params.auth_status.auth_status != BLE_GAP_SEC_STATUS_SUCCESS)
			tell_number(to, DFUCAST_BLE_SECURED, gap->params.auth_status.auth_status);
		to->ours = false;
		break;
	default:
		break;
	}
}

static void services(struct delivery *to, const ble_gattc_evt_t *gattc)
{
	const ble_gattc_evt_prim_srvc_disc_rsp_t *answer = &gattc->params.prim_srvc_disc_rsp;

	for (unsigned int i = 0; att_error(gattc->gatt_status) == 0 && i < answer->count; i++) {
		const ble_gattc_handle_range_t *range = &answer->services[i].handle_range;

		found(to, DFUCAST_BLE_FOUND_SERVICE, range->start_handle, range->end_handle, true);
	}
	tell_number(to, DFUCAST_BLE_DISCOVERED, att_error(gattc->gatt_status) != 0);
}

static void characteristics(struct delivery *to, const ble_gattc_evt_t *gattc)
{
	const ble_gattc_evt_char_disc_rsp_t *answer = &gattc->params.char_disc_rsp;

	for (unsigned int i = 0; att_error(gattc->gatt_status) == 0 && i < answer->count; i++) {
		const ble_gattc_char_t *one = &answer->chars[i];

		found(to, DFUCAST_BLE_FOUND_CHARACTERISTIC, one->handle_decl, one->handle_value,
		      one->uuid.type == to->port->characteristic_type &&
			  one->uuid.uuid == UUID_SMP_CHARACTERISTIC);
	}
	tell_number(to, DFUCAST_BLE_DISCOVERED, att_error(gattc->gatt_status) != 0);
}

static void descriptors(struct delivery *to, const ble_gattc_evt_t *gattc)
{
	const ble_gattc_evt_desc_disc_rsp_t *answer = &gattc->params.desc_disc_rsp;

	for (unsigned int i = 0; att_error(gattc->gatt_status) == 0 && i < answer->count; i++) {
		const ble_gattc_desc_t *one = &answer->descs[i];

		found(to, DFUCAST_BLE_FOUND_DESCRIPTOR, 0, one->handle,
		      one->uuid.type == BLE_UUID_TYPE_BLE && one->uuid.uuid == UUID_CCC);
	}
	tell_number(to, DFUCAST_BLE_DISCOVERED, att_error(gattc->gatt_status) != 0);
}

static void mtu_answered(struct delivery *to, const ble_gattc_evt_t *gattc)
{
	uint16_t mtu = gattc->params.exchange_mtu_rsp.server_rx_mtu;

	if (att_error(gattc->gatt_status) != 0)
		mtu = BLE_GATT_ATT_MTU_DEFAULT;
	tell_number(to, DFUCAST_BLE_MTU_CHANGED,
		    mtu < to->port->config.att_mtu ? mtu : to->port->config.att_mtu);
}

static void notified(struct delivery *to, const ble_gattc_evt_hvx_t *hvx)
{
	if (hvx->type != BLE_GATT_HVX_NOTIFICATION)
		return;
	to->event.value.attribute = hvx->handle;
	to->event.value.length = hvx->len;
	to->event.value.bytes = hvx->data;
	tell(to, DFUCAST_BLE_NOTIFIED);
}

static void gatt_event(struct delivery *to, const ble_evt_t *event)
{
	const ble_gattc_evt_t *gattc = &event->evt.gattc_evt;
	uint16_t client_mtu = event->evt.gatts_evt.params.exchange_mtu_request.client_rx_mtu;

	switch (event->header.evt_id) {
	case BLE_GATTC_EVT_PRIM_SRVC_DISC_RSP:
		services(to, gattc);
		break;
	case BLE_GATTC_EVT_CHAR_DISC_RSP:
		characteristics(to, gattc);
		break;
	case BLE_GATTC_EVT_DESC_DISC_RSP:
		descriptors(to, gattc);
		break;
	case BLE_GATTC_EVT_WRITE_RSP:
		tell_number(to, DFUCAST_BLE_WRITTEN, att_error(gattc->gatt_status));
		break;
	case BLE_GATTC_EVT_HVX:
		notified(to, &gattc->params.hvx);
		break;
	case BLE_GATTC_EVT_EXCHANGE_MTU_RSP:
		mtu_answered(to, gattc);
		break;
	case BLE_GATTC_EVT_TIMEOUT:
		tell(to, DFUCAST_BLE_DEAF);
		break;
	case BLE_GATTC_EVT_WRITE_CMD_TX_COMPLETE:
		tell_number(to, DFUCAST_BLE_WRITES_SENT, gattc->params.write_cmd_tx_complete.count);
		break;
	case BLE_GATTS_EVT_EXCHANGE_MTU_REQUEST:
		due(to, &to->port->mtu_due);
		if (to->ours)
			tell_number(to, DFUCAST_BLE_MTU_CHANGED,
				    client_mtu < to->port->config.att_mtu ? client_mtu
									  : to->port->config.att_mtu);
		break;
	case BLE_GATTS_EVT_SYS_ATTR_MISSING:
		due(to, &to->port->attributes_due);
		break;
	default:
		break;
	}
}

void s140_dispatch(struct dfucast_s140 *port, const struct s140_entry *entry, uint32_t now)
{
	const ble_evt_t *event = s140_event_of(entry);
	struct delivery to = {.port = port, .now = now};

	to.event.handle = entry->handle;
	if (event->header.evt_id < BLE_GATTC_EVT_PRIM_SRVC_DISC_RSP)
		gap_event(&to, entry);
	else
		gatt_event(&to, event);
	if (!to.ours && port->config.hooks.application != NULL)
		port->config.hooks.application(port->config.hooks.context, event);
}
