/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake SoftDevice's calls, with the answers that the real one gives.
 */
#include "s140_internal.h"

#include <assert.h>
#include <string.h>

#define ATT_TIMEOUT_MS 30000u

extern struct s140 *s140_the;

/* Called with `air` held; NULL: no such connection. */
static struct link *link_of(struct s140 *sd, uint16_t handle)
{
	if (handle >= S140_LINKS_MAX || sd->links[handle].state != LINK_UP)
		return NULL;
	return &sd->links[handle];
}

/* No such connection: the SoftDevice's answer, which depends on how far its end has come. */
static uint32_t no_link(struct s140 *sd, uint16_t handle)
{
	if (handle >= S140_LINKS_MAX || sd->links[handle].state != LINK_GONE || fake_roll(&sd->clock, 4) == 0)
		return BLE_ERROR_INVALID_CONN_HANDLE;
	sd->counts.ending++;
	return NRF_ERROR_INVALID_STATE;
}

static bool says_busy(struct s140 *sd)
{
	if (fake_roll(&sd->clock, 12) != 0)
		return false;
	sd->counts.busy++;
	return true;
}

/* Every call enters and leaves through these. */
static struct s140 *enter(void)
{
	pthread_mutex_lock(&s140_the->clock.air);
	return s140_the;
}

static uint32_t leave(struct s140 *sd, uint32_t result)
{
	if (result == NRF_SUCCESS)
		pthread_cond_signal(&sd->clock.radio_wakes);
	pthread_mutex_unlock(&sd->clock.air);
	return result;
}

/* A value or a procedure for a link: it must be the one that the program means. */
static struct link *meant(struct s140 *sd, uint16_t handle)
{
	struct link *link = link_of(sd, handle);
	uint16_t device = sd->config.meant(sd->config.context, handle);

	if (link != NULL && device != FAKE_NOBODY && device != link->device)
		sd->counts.misdirected++;
	return link;
}

/* ---- configuration ---- */

/* Somewhat more than the port takes it for. */
static uint32_t links_bytes(const struct s140 *sd)
{
	return sd->conn_count *
	       (1300u + (sd->att_mtu - 23u) * 13u + (sd->write_queue_asked - 1u) * (uint32_t)sd->att_mtu);
}

uint32_t sd_ble_enable(uint32_t *p_app_ram_base)
{
	struct s140 *sd = enter();
	uint32_t have = *p_app_ram_base;
	uint16_t gone;

	if (sd->conn_count == 0)
		return leave(sd, NRF_ERROR_INVALID_STATE);
	*p_app_ram_base = 0x20000000u + 6500u + links_bytes(sd);
	if (*p_app_ram_base > have || links_bytes(sd) > 65536u)
		return leave(sd, NRF_ERROR_NO_MEM);
	assert(sd->conn_count <= sd->free_count && sd->write_queue_asked <= sd->config.write_queue);
	gone = (uint16_t)(sd->free_count - sd->conn_count);
	memmove(sd->free_handles, sd->free_handles + gone, sd->conn_count * sizeof(sd->free_handles[0]));
	sd->free_count = sd->conn_count;
	sd->config.write_queue = sd->write_queue_asked;
	return leave(sd, NRF_SUCCESS);
}

uint32_t sd_ble_cfg_set(uint32_t cfg_id, ble_cfg_t const *p_cfg, uint32_t app_ram_base)
{
	struct s140 *sd = enter();

	(void)app_ram_base;
	switch (cfg_id) {
	case BLE_CONN_CFG_GAP:
		sd->conn_count = p_cfg->conn_cfg.params.gap_conn_cfg.conn_count;
		break;
	case BLE_CONN_CFG_GATTC:
		sd->write_queue_asked = p_cfg->conn_cfg.params.gattc_conn_cfg.write_cmd_tx_queue_size;
		break;
	case BLE_CONN_CFG_GATT:
		sd->att_mtu = p_cfg->conn_cfg.params.gatt_conn_cfg.att_mtu;
		break;
	case 0:
		return leave(sd, NRF_ERROR_INVALID_PARAM);
	default:
		break;
	}
	return leave(sd, NRF_SUCCESS);
}

uint32_t sd_ble_opt_set(uint32_t opt_id, ble_opt_t const *p_opt)
{
	return opt_id == BLE_COMMON_OPT_CONN_EVT_EXT && p_opt->common_opt.conn_evt_ext.enable
		   ? NRF_SUCCESS
		   : NRF_ERROR_INVALID_PARAM;
}

uint32_t sd_ble_uuid_vs_add(ble_uuid128_t const *p_vs_uuid, uint8_t *p_uuid_type)
{
	struct s140 *sd = enter();

	assert(p_vs_uuid->uuid128[15] == (sd->uuid_bases == 0 ? 0x8D : 0xDA));
	*p_uuid_type = (uint8_t)(2u + sd->uuid_bases++);
	return leave(sd, NRF_SUCCESS);
}

uint32_t sd_ble_evt_get(uint8_t *p_dest, uint16_t *p_len)
{
	struct s140 *sd = enter();
	const struct event *event = &sd->events[sd->event_first];

	if (sd->event_count == 0)
		return leave(sd, NRF_ERROR_NOT_FOUND);
	assert((uintptr_t)p_dest % 4 == 0);
	if (*p_len < event->length)
		return leave(sd, NRF_ERROR_DATA_SIZE);
	memcpy(p_dest, event->bytes, event->length);
	*p_len = event->length;
	sd->event_first = (sd->event_first + 1u) % EVENTS_MAX;
	sd->event_count--;
	if (event->evt.header.evt_id == BLE_GAP_EVT_DISCONNECTED) {
		uint16_t handle = event->evt.evt.gap_evt.conn_handle;

		sd->links[handle].state = LINK_FREE;
		sd->free_handles[sd->free_count++] = handle;
	}
	return leave(sd, NRF_SUCCESS);
}

/* ---- scanner and initiator ---- */

uint32_t sd_ble_gap_scan_start(ble_gap_scan_params_t const *p_scan_params,
			       ble_data_t const *p_adv_report_buffer)
{
	struct s140 *sd = enter();

	if (p_scan_params == NULL) {
		if (!sd->scanning || !sd->scan_paused)
			return leave(sd, NRF_ERROR_INVALID_STATE);
	} else {
		assert(p_scan_params->interval >= 4 && p_scan_params->window <= p_scan_params->interval);
		if (sd->scanning || sd->connect_timer.runs)
			return leave(sd, NRF_ERROR_INVALID_STATE);
		if (says_busy(sd))
			return leave(sd, NRF_ERROR_RESOURCES);
	}
	assert(p_adv_report_buffer->len >= BLE_GAP_SCAN_BUFFER_MAX);
	sd->scanning = true;
	sd->scan_paused = false;
	sd->scan_buffer = p_adv_report_buffer->p_data;
	fake_arm(&sd->clock, &sd->scan_timer, 2, 30);
	return leave(sd, NRF_SUCCESS);
}

uint32_t sd_ble_gap_scan_stop(void)
{
	struct s140 *sd = enter();
	bool ran = sd->scanning;

	sd->scanning = false;
	return leave(sd, ran ? NRF_SUCCESS : NRF_ERROR_INVALID_STATE);
}

uint32_t sd_ble_gap_connect(ble_gap_addr_t const *p_peer_addr, ble_gap_scan_params_t const *p_scan_params,
			    ble_gap_conn_params_t const *p_conn_params, uint8_t conn_cfg_tag)
{
	struct s140 *sd = enter();
	uint16_t address = (uint16_t)(p_peer_addr->addr[0] | p_peer_addr->addr[1] << 8);

	assert(conn_cfg_tag == 1 && p_peer_addr->addr_type == 1 && address < sd->config.count);
	/* The specification: a timeout longer than two intervals. */
	assert(p_conn_params->conn_sup_timeout * 8u > 2u * p_conn_params->max_conn_interval);
	sd->scanning = false; /* even when it fails */
	if (sd->connect_timer.runs)
		return leave(sd, NRF_ERROR_INVALID_STATE);
	if (sd->free_count == 0)
		return leave(sd, NRF_ERROR_CONN_COUNT);
	if (says_busy(sd))
		return leave(sd, NRF_ERROR_BUSY);
	sd->connecting = address;
	sd->connect_params = *p_conn_params;
	sd->connect_limit = s140_now(sd) + p_scan_params->timeout * 10u;
	fake_arm(&sd->clock, &sd->connect_timer, 3, 40);
	return leave(sd, NRF_SUCCESS);
}

uint32_t sd_ble_gap_connect_cancel(void)
{
	struct s140 *sd = enter();
	bool ran = sd->connect_timer.runs;

	sd->connect_timer.runs = false;
	return leave(sd, ran ? NRF_SUCCESS : NRF_ERROR_INVALID_STATE);
}

uint32_t sd_ble_gap_disconnect(uint16_t conn_handle, uint8_t hci_status_code)
{
	struct s140 *sd = enter();
	struct link *link = meant(sd, conn_handle);

	assert(hci_status_code == BLE_HCI_REMOTE_USER_TERMINATED_CONNECTION);
	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	assert(!sd->config.devices[link->device].owned); /* never the application's */
	link->reason = 0x16;
	link->by_us = true;
	fake_arm(&sd->clock, &link->down_timer, 5, 30);
	return leave(sd, NRF_SUCCESS);
}

/* ---- the radio's procedures: one a link ---- */

static uint32_t radio_procedure(struct s140 *sd, struct link *link, uint16_t ends_with, uint16_t wish)
{
	bool answers = link->wish == wish;

	if (!answers && (link->radio_procedure != 0 || link->wish == BLE_GAP_EVT_PHY_UPDATE_REQUEST ||
			 link->wish == BLE_GAP_EVT_DATA_LENGTH_UPDATE_REQUEST))
		return NRF_ERROR_BUSY;
	if (says_busy(sd))
		return NRF_ERROR_BUSY;
	if (answers)
		link->wish = 0;
	if (answers)
		fake_arm(&sd->clock, &link->wish_timer, 1000, 0);
	link->radio_procedure = ends_with;
	if (ends_with != BLE_GAP_EVT_PHY_UPDATE || !sd->config.devices[link->device].no_phy)
		fake_arm(&sd->clock, &link->radio_timer, 10, 60);
	else
		link->radio_procedure = 0; /* it is never answered */
	return NRF_SUCCESS;
}

uint32_t sd_ble_gap_phy_update(uint16_t conn_handle, ble_gap_phys_t const *p_gap_phys)
{
	struct s140 *sd = enter();
	struct link *link = meant(sd, conn_handle);

	assert(p_gap_phys->tx_phys == p_gap_phys->rx_phys);
	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	return leave(sd, radio_procedure(sd, link, BLE_GAP_EVT_PHY_UPDATE, BLE_GAP_EVT_PHY_UPDATE_REQUEST));
}

uint32_t sd_ble_gap_data_length_update(uint16_t conn_handle, ble_gap_data_length_params_t const *p_dl_params,
				       ble_gap_data_length_limitation_t *p_dl_limitation)
{
	struct s140 *sd = enter();
	struct link *link = meant(sd, conn_handle);

	assert(p_dl_params == NULL && p_dl_limitation == NULL);
	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	if (sd->config.short_events && link->wish != BLE_GAP_EVT_DATA_LENGTH_UPDATE_REQUEST)
		return leave(sd, NRF_ERROR_RESOURCES);
	return leave(sd, radio_procedure(sd, link, BLE_GAP_EVT_DATA_LENGTH_UPDATE,
					 BLE_GAP_EVT_DATA_LENGTH_UPDATE_REQUEST));
}

uint32_t sd_ble_gap_conn_param_update(uint16_t conn_handle, ble_gap_conn_params_t const *p_conn_params)
{
	struct s140 *sd = enter();
	struct link *link = meant(sd, conn_handle);

	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	if (p_conn_params == NULL) {
		if (link->wish != BLE_GAP_EVT_CONN_PARAM_UPDATE_REQUEST)
			return leave(sd, NRF_ERROR_INVALID_STATE);
		link->wish = 0;
		sd->counts.refused++;
		fake_arm(&sd->clock, &link->wish_timer, 1000, 0);
		return leave(sd, NRF_SUCCESS);
	}
	assert(p_conn_params->conn_sup_timeout * 8u > 2u * p_conn_params->max_conn_interval);
	uint32_t result =
	    radio_procedure(sd, link, BLE_GAP_EVT_CONN_PARAM_UPDATE, BLE_GAP_EVT_CONN_PARAM_UPDATE_REQUEST);

	if (result == NRF_SUCCESS)
		link->params_next = *p_conn_params;
	return leave(sd, result);
}

uint32_t sd_ble_gap_auth_key_reply(uint16_t conn_handle, uint8_t key_type, uint8_t const *p_key)
{
	struct s140 *sd = enter();
	struct link *link = meant(sd, conn_handle);
	uint32_t digits = 0;

	assert(key_type == BLE_GAP_AUTH_KEY_TYPE_PASSKEY || p_key == NULL);
	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	if (!link->key_asked)
		return leave(sd, NRF_ERROR_INVALID_STATE);
	if (says_busy(sd))
		return leave(sd, NRF_ERROR_BUSY);
	for (unsigned int i = 0; p_key != NULL && i < BLE_GAP_PASSKEY_LEN; i++) {
		assert(p_key[i] >= '0' && p_key[i] <= '9');
		digits = digits * 10u + p_key[i] - '0';
	}
	link->key_right = p_key != NULL && digits == FAKE_DIGITS;
	fake_arm(&sd->clock, &link->secure_timer, 50, 200);
	return leave(sd, NRF_SUCCESS);
}

static unsigned int pairings(const struct s140 *sd)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < S140_LINKS_MAX; i++)
		count += sd->links[i].state == LINK_UP && sd->links[i].secure_timer.runs &&
			 sd->links[i].key_level == 0;
	return count;
}

/* The Peer Manager knows links in the order of events, which the program may not have seen yet: no meant() here, nor below. */
uint32_t s140_pair(uint16_t conn_handle, const ble_gap_sec_params_t *params)
{
	struct s140 *sd = enter();
	struct link *link = link_of(sd, conn_handle);

	assert(params->min_key_size == 7 && params->max_key_size == 16);
	assert(!params->mitm || params->io_caps != BLE_GAP_IO_CAPS_NONE);
	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	if (link->secure_timer.runs)
		return leave(sd, NRF_ERROR_INVALID_STATE);
	if (says_busy(sd))
		return leave(sd, NRF_ERROR_BUSY);
	if (sd->config.pairings != 0 && pairings(sd) >= sd->config.pairings)
		return leave(sd, NRF_ERROR_NO_MEM);
	link->pairing = *params;
	link->key_level = 0;
	link->key_asked = link->key_right = false;
	fake_arm(&sd->clock, &link->secure_timer, 50, 200);
	return leave(sd, NRF_SUCCESS);
}

uint32_t s140_encrypt(uint16_t conn_handle, uint8_t level)
{
	struct s140 *sd = enter();
	struct link *link = link_of(sd, conn_handle);

	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	if (link->secure_timer.runs)
		return leave(sd, NRF_ERROR_INVALID_STATE);
	link->key_level = level;
	fake_arm(&sd->clock, &link->secure_timer, 20, 100);
	return leave(sd, NRF_SUCCESS);
}

uint32_t s140_secure(uint16_t conn_handle)
{
	const ble_gap_sec_params_t params = {
	    .mitm = 1, .io_caps = BLE_GAP_IO_CAPS_KEYBOARD_ONLY, .min_key_size = 7, .max_key_size = 16};
	struct s140 *sd = enter();
	uint32_t result;

	(void)meant(sd, conn_handle);
	(void)leave(sd, NRF_SUCCESS);
	result = s140_pair(conn_handle, &params);
	return result == NRF_ERROR_INVALID_STATE ? NRF_ERROR_BUSY : result;
}

/* ---- attributes: one procedure a link ---- */

static uint32_t procedure(struct s140 *sd, struct link *link, uint16_t ends_with)
{
	struct fake_device *device = &sd->config.devices[link->device];

	if (link->att_dead)
		return NRF_ERROR_TIMEOUT;
	if (link->procedure != 0 || says_busy(sd))
		return NRF_ERROR_BUSY;
	link->procedure = ends_with;
	if (device->deaf > 0 && fake_roll(&sd->clock, 3) == 0) {
		device->deaf--;
		sd->counts.deaf++;
		link->unanswered = true;
		fake_arm(&sd->clock, &link->procedure_timer, ATT_TIMEOUT_MS, 0);
	} else {
		fake_arm(&sd->clock, &link->procedure_timer, 5, 40);
	}
	return NRF_SUCCESS;
}

uint32_t sd_ble_gattc_exchange_mtu_request(uint16_t conn_handle, uint16_t client_rx_mtu)
{
	struct s140 *sd = enter();
	struct link *link = meant(sd, conn_handle);
	uint32_t result;

	assert(client_rx_mtu == sd->att_mtu);
	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	if (link->mtu_asked)
		return leave(sd, NRF_ERROR_INVALID_STATE);
	result = procedure(sd, link, BLE_GATTC_EVT_EXCHANGE_MTU_RSP);
	link->mtu_asked |= result == NRF_SUCCESS;
	return leave(sd, result);
}

static uint32_t discover(uint16_t conn_handle, uint16_t ends_with, uint16_t start, uint16_t end)
{
	struct s140 *sd = enter();
	struct link *link = meant(sd, conn_handle);
	uint32_t result;

	assert(start >= 1 && start <= end);
	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	result = procedure(sd, link, ends_with);
	if (result == NRF_SUCCESS) {
		link->range_start = start;
		link->range_end = end;
	}
	return leave(sd, result);
}

uint32_t sd_ble_gattc_primary_services_discover(uint16_t conn_handle, uint16_t start_handle,
						ble_uuid_t const *p_srvc_uuid)
{
	assert(p_srvc_uuid->uuid == 0xDC1D && p_srvc_uuid->type == 2);
	return discover(conn_handle, BLE_GATTC_EVT_PRIM_SRVC_DISC_RSP, start_handle, 0xFFFF);
}

uint32_t sd_ble_gattc_characteristics_discover(uint16_t conn_handle,
					       ble_gattc_handle_range_t const *p_handle_range)
{
	return discover(conn_handle, BLE_GATTC_EVT_CHAR_DISC_RSP, p_handle_range->start_handle,
			p_handle_range->end_handle);
}

uint32_t sd_ble_gattc_descriptors_discover(uint16_t conn_handle,
					   ble_gattc_handle_range_t const *p_handle_range)
{
	return discover(conn_handle, BLE_GATTC_EVT_DESC_DISC_RSP, p_handle_range->start_handle,
			p_handle_range->end_handle);
}

static uint32_t write_command(struct s140 *sd, struct link *link, ble_gattc_write_params_t const *write)
{
	if (link->att_dead)
		return NRF_ERROR_TIMEOUT;
	if (write->len > link->mtu - 3u)
		return NRF_ERROR_DATA_SIZE;
	if (link->queued == sd->config.write_queue) {
		sd->counts.no_credit++;
		return NRF_ERROR_RESOURCES;
	}
	if (says_busy(sd))
		return NRF_ERROR_BUSY;
	assert(write->len > 0 && write->handle == FAKE_VALUE);
	link->queue[link->queued].length = write->len;
	memcpy(link->queue[link->queued].bytes, write->p_value, write->len);
	if (link->queued++ == 0)
		fake_arm(&sd->clock, &link->write_timer, 0, 7);
	return NRF_SUCCESS;
}

uint32_t sd_ble_gattc_write(uint16_t conn_handle, ble_gattc_write_params_t const *p_write_params)
{
	struct s140 *sd = enter();
	struct link *link = meant(sd, conn_handle);
	uint32_t result;

	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	if (p_write_params->write_op == BLE_GATT_OP_WRITE_CMD)
		return leave(sd, write_command(sd, link, p_write_params));
	assert(p_write_params->handle == FAKE_CCC && p_write_params->len == 2);
	result = procedure(sd, link, BLE_GATTC_EVT_WRITE_RSP);
	if (result == NRF_SUCCESS)
		link->subscribe = p_write_params->p_value[0] != 0;
	return leave(sd, result);
}

uint32_t sd_ble_gatts_exchange_mtu_reply(uint16_t conn_handle, uint16_t server_rx_mtu)
{
	struct s140 *sd = enter();
	struct link *link = meant(sd, conn_handle);

	assert(server_rx_mtu == sd->att_mtu);
	if (link == NULL)
		return leave(sd, no_link(sd, conn_handle));
	if (link->wish != BLE_GATTS_EVT_EXCHANGE_MTU_REQUEST)
		return leave(sd, NRF_ERROR_INVALID_STATE);
	if (says_busy(sd))
		return leave(sd, NRF_ERROR_BUSY);
	link->wish = 0;
	fake_arm(&sd->clock, &link->wish_timer, 1000, 0);
	link->mtu = sd->config.devices[link->device].mtu;
	link->mtu = link->mtu < sd->att_mtu ? link->mtu : sd->att_mtu;
	return leave(sd, NRF_SUCCESS);
}

uint32_t sd_ble_gatts_sys_attr_set(uint16_t conn_handle, uint8_t const *p_sys_attr_data, uint16_t len,
				   uint32_t flags)
{
	(void)conn_handle;
	(void)flags;
	assert(p_sys_attr_data == NULL && len == 0);
	return NRF_SUCCESS;
}
