/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake Peer Manager. Called where events come, and by the program with that interrupt masked.
 */
#include "peer_manager.h"
#include "s140.h"

#include <assert.h>
#include <string.h>

#define BONDS_MAX 32u
#define LEVEL_ENCRYPTED 2u
#define LEVEL_AUTHENTICATED 3u

static struct {
	pm_evt_handler_t handler;
	ble_gap_sec_params_t params;
	bool params_set;
	struct {
		ble_gap_sec_params_t params; /* of its procedure */
		uint8_t address;
		uint8_t level;
		bool there;
		bool runs, pairs;
		bool queued, forced;
	} links[S140_LINKS_MAX];
	uint8_t bonds[BONDS_MAX]; /* level of each device's key; 0: none */
	struct fake_pm_counts counts;
} pm;

/* What a params request's context points to. */
struct reply {
	ble_gap_sec_params_t params;
	bool there;
};

void fake_pm_reset(void)
{
	memset(&pm, 0, sizeof(pm));
}

void fake_pm_bond(uint8_t address, bool authenticated)
{
	pm.bonds[address] = authenticated ? LEVEL_AUTHENTICATED : LEVEL_ENCRYPTED;
}

struct fake_pm_counts fake_pm_counts(void)
{
	return pm.counts;
}

uint32_t pm_init(void)
{
	return NRF_SUCCESS;
}

uint32_t pm_register(pm_evt_handler_t event_handler)
{
	pm.handler = event_handler;
	return NRF_SUCCESS;
}

/* As security_manager.c does. */
static bool is_valid(const ble_gap_sec_params_t *params)
{
	bool keys =
	    params->kdist_own.enc || params->kdist_own.id || params->kdist_peer.enc || params->kdist_peer.id;

	return params->io_caps <= 4 && !(params->mitm && params->io_caps == BLE_GAP_IO_CAPS_NONE) &&
	       params->min_key_size >= 7 && params->min_key_size <= params->max_key_size &&
	       params->max_key_size <= 16 && !params->kdist_own.sign && !params->kdist_peer.sign &&
	       !params->kdist_own.link && !params->kdist_peer.link && keys == params->bond;
}

uint32_t pm_sec_params_set(ble_gap_sec_params_t *p_sec_params)
{
	assert(is_valid(p_sec_params));
	pm.params = *p_sec_params;
	pm.params_set = true;
	return NRF_SUCCESS;
}

static void tell(pm_evt_id_t id, uint16_t conn_handle, uint16_t error)
{
	pm_evt_t event = {.evt_id = id, .conn_handle = conn_handle};

	if (id == PM_EVT_CONN_SEC_FAILED)
		event.params.conn_sec_failed.error = error;
	pm.handler(&event);
}

uint32_t pm_conn_sec_params_reply(uint16_t conn_handle, ble_gap_sec_params_t *p_sec_params,
				  void const *p_context)
{
	struct reply *reply = (struct reply *)(uintptr_t)p_context;

	(void)conn_handle;
	assert(is_valid(p_sec_params));
	reply->params = *p_sec_params;
	reply->there = true;
	return NRF_SUCCESS;
}

static uint32_t begin(uint16_t conn_handle, bool force, bool *pairs)
{
	uint8_t level = pm.bonds[pm.links[conn_handle].address % BONDS_MAX];

	*pairs = level == 0 || force;
	if (!*pairs) {
		pm.counts.with_key++;
		return s140_encrypt(conn_handle, level);
	}
	pm.counts.forced += level != 0;
	return s140_pair(conn_handle, &pm.links[conn_handle].params);
}

static uint32_t secure(uint16_t conn_handle, bool force)
{
	struct reply reply = {.params = pm.params};
	pm_evt_t event = {.evt_id = PM_EVT_CONN_SEC_PARAMS_REQ, .conn_handle = conn_handle};
	bool pairs = false;
	uint32_t result;

	if (conn_handle >= S140_LINKS_MAX || !pm.links[conn_handle].there)
		return BLE_ERROR_INVALID_CONN_HANDLE;
	event.params.conn_sec_params_req.p_context = &reply;
	pm.handler(&event);
	if (!pm.params_set && !reply.there)
		return NRF_ERROR_NOT_FOUND;
	pm.counts.overlaps += pm.links[conn_handle].runs;
	pm.links[conn_handle].params = reply.params;
	result = begin(conn_handle, force, &pairs);
	pm.links[conn_handle].runs = result == NRF_SUCCESS;
	pm.links[conn_handle].queued = result == NRF_ERROR_NO_MEM || result == NRF_ERROR_BUSY;
	pm.links[conn_handle].forced = force;
	if (result == NRF_SUCCESS) {
		pm.links[conn_handle].pairs = pairs;
		tell(PM_EVT_CONN_SEC_START, conn_handle, 0);
	}
	pm.counts.queued += pm.links[conn_handle].queued;
	return pm.links[conn_handle].queued ? NRF_SUCCESS : result;
}

uint32_t pm_conn_secure(uint16_t conn_handle, bool force_repairing)
{
	uint32_t result = secure(conn_handle, force_repairing);

	return result == NRF_ERROR_INVALID_STATE ? NRF_ERROR_BUSY : result;
}

uint32_t pm_conn_sec_status_get(uint16_t conn_handle, pm_conn_sec_status_t *p_conn_sec_status)
{
	if (!pm.links[conn_handle].there)
		return BLE_ERROR_INVALID_CONN_HANDLE;
	*p_conn_sec_status =
	    (pm_conn_sec_status_t){.connected = 1,
				   .encrypted = pm.links[conn_handle].level >= LEVEL_ENCRYPTED,
				   .mitm_protected = pm.links[conn_handle].level >= LEVEL_AUTHENTICATED};
	return NRF_SUCCESS;
}

void pm_handler_flash_clean(pm_evt_t const *p_pm_evt)
{
	(void)p_pm_evt;
}

uint32_t nrf_ble_lesc_request_handler(void)
{
	return NRF_SUCCESS;
}

/* ---- the SoftDevice's events ---- */

static void level_changed(uint16_t conn_handle, uint8_t level)
{
	pm.links[conn_handle].level = level;
	if (pm.links[conn_handle].runs && pm.links[conn_handle].pairs)
		return; /* AUTH_STATUS follows */
	pm.links[conn_handle].runs = false;
	if (level < LEVEL_ENCRYPTED)
		tell(PM_EVT_CONN_SEC_FAILED, conn_handle, PM_CONN_SEC_ERROR_PIN_OR_KEY_MISSING);
	else
		tell(PM_EVT_CONN_SEC_SUCCEEDED, conn_handle, 0);
}

static void paired(uint16_t conn_handle, uint8_t status)
{
	bool ran = pm.links[conn_handle].runs;

	pm.links[conn_handle].runs = false;
	if (status == BLE_GAP_SEC_STATUS_SUCCESS) {
		if (pm.links[conn_handle].params.bond) {
			pm.bonds[pm.links[conn_handle].address % BONDS_MAX] = pm.links[conn_handle].level;
			pm.counts.bonds++;
		}
		tell(PM_EVT_CONN_SEC_SUCCEEDED, conn_handle, 0);
	} else if (ran) {
		tell(PM_EVT_CONN_SEC_FAILED, conn_handle, status);
	}
}

static void link_event(const ble_evt_t *event, uint16_t conn_handle)
{
	const ble_gap_evt_t *gap = &event->evt.gap_evt;

	switch (event->header.evt_id) {
	case BLE_GAP_EVT_CONNECTED:
		memset(&pm.links[conn_handle], 0, sizeof(pm.links[0]));
		pm.links[conn_handle].there = true;
		pm.links[conn_handle].level = 1;
		pm.links[conn_handle].address = gap->params.connected.peer_addr.addr[0];
		break;
	case BLE_GAP_EVT_DISCONNECTED:
		if (pm.links[conn_handle].runs)
			tell(PM_EVT_CONN_SEC_FAILED, conn_handle, PM_CONN_SEC_ERROR_DISCONNECT);
		memset(&pm.links[conn_handle], 0, sizeof(pm.links[0]));
		break;
	case BLE_GAP_EVT_SEC_REQUEST:
		if (!pm.links[conn_handle].runs)
			(void)secure(conn_handle, false);
		break;
	case BLE_GAP_EVT_CONN_SEC_UPDATE:
		level_changed(conn_handle, gap->params.conn_sec_update.conn_sec.sec_mode.lv);
		break;
	case BLE_GAP_EVT_AUTH_STATUS:
		paired(conn_handle, gap->params.auth_status.auth_status);
		break;
	default:
		break;
	}
}

void fake_pm_event(const ble_evt_t *event)
{
	uint16_t conn_handle = event->evt.gap_evt.conn_handle;

	if (conn_handle < S140_LINKS_MAX)
		link_event(event, conn_handle);
	for (uint16_t i = 0; i < S140_LINKS_MAX; i++) {
		if (pm.links[i].queued)
			(void)secure(i, pm.links[i].forced);
	}
}
