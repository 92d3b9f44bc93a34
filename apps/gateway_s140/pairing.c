/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairing by the SDK's Peer Manager. What it does not do by itself is here: it is not called where a procedure runs (it
 * would forget that it runs), nor for more of them than there is room for; parameters for each link; what to do where a peer
 * has lost its keys or an old bond is weaker than what is wanted; and an answer in every case.
 *
 * Its events come where BLE events come; the main loop calls pairing_secure() with that interrupt masked.
 */
#include "pairing.h"
#include <stddef.h>

#define LINKS_MAX 20u
#define KEY_BYTES_MIN 7u
#define KEY_BYTES_MAX 16u

static struct {
	struct pairing_config config;
	/* A bit for each connection. */
	uint32_t ours;
	uint32_t authenticated; /* it has to be */
	uint32_t running;       /* a procedure, ours or the application's or one that the peer asked for */
	uint32_t anew;          /* to be paired in spite of a bond */
	uint32_t repaired;      /* that was wanted already */
} pairing;

static uint32_t bit_of(uint16_t conn_handle)
{
	return conn_handle < LINKS_MAX ? UINT32_C(1) << conn_handle : 0;
}

static unsigned int count_of(uint32_t bits)
{
	unsigned int count = 0;

	for (; bits != 0; bits &= bits - 1u)
		count++;
	return count;
}

static ble_gap_sec_params_t params_of(bool authenticated, bool keyboard)
{
	ble_gap_sec_params_t params = {.bond = PAIRING_BONDS,
				       .mitm = authenticated,
				       .lesc = PM_LESC_ENABLED,
				       .io_caps =
					   keyboard ? BLE_GAP_IO_CAPS_KEYBOARD_ONLY : BLE_GAP_IO_CAPS_NONE,
				       .min_key_size = KEY_BYTES_MIN,
				       .max_key_size = KEY_BYTES_MAX};

	/* Keys are handed over for a bond only. Who we are need not be known: our address does not change. */
	params.kdist_own.enc = params.kdist_peer.enc = PAIRING_BONDS;
	params.kdist_peer.id = PAIRING_BONDS;
	return params;
}

static bool is_authenticated(uint16_t conn_handle)
{
	pm_conn_sec_status_t status = {0};

	return pm_conn_sec_status_get(conn_handle, &status) == NRF_SUCCESS && status.encrypted &&
	       status.mitm_protected;
}

/* Once more, whatever bond there is; the Peer Manager or pairing_poll() goes on where the SoftDevice is busy. */
static bool pair_anew(uint16_t conn_handle)
{
	uint32_t bit = bit_of(conn_handle);

	if ((pairing.repaired & bit) != 0)
		return false;
	pairing.repaired |= bit;
	pairing.anew |= bit;
	(void)pm_conn_secure(conn_handle, true);
	return true;
}

static void succeeded(uint16_t conn_handle)
{
	uint32_t bit = bit_of(conn_handle);

	pairing.running &= ~bit;
	if ((pairing.ours & pairing.authenticated & bit) == 0 || is_authenticated(conn_handle))
		return; /* the port hears of it from the SoftDevice */
	/* With an old key, or begun by the peer: it may have more to offer. */
	if (!pair_anew(conn_handle))
		pairing.config.failed(conn_handle, BLE_GAP_SEC_STATUS_AUTH_REQ);
}

static void failed(uint16_t conn_handle, uint32_t error)
{
	uint32_t bit = bit_of(conn_handle);

	pairing.running &= ~bit;
	if ((pairing.ours & bit) == 0 || error == PM_CONN_SEC_ERROR_DISCONNECT ||
	    error == PM_CONN_SEC_ERROR_MIC_FAILURE)
		return; /* the link has ended, and that is told */
	if (error != PM_CONN_SEC_ERROR_PIN_OR_KEY_MISSING || !pair_anew(conn_handle))
		pairing.config.failed(conn_handle, BLE_GAP_SEC_STATUS_UNSPECIFIED);
}

/* Where a peer began before we knew whose it is, the parameters of the start count: a passkey, if it wants one. */
static void params_wanted(const pm_evt_t *event)
{
	uint32_t bit = bit_of(event->conn_handle);
	bool authenticated = (pairing.authenticated & bit) != 0;
	ble_gap_sec_params_t params = params_of(authenticated, authenticated);

	if ((pairing.ours & bit) != 0)
		(void)pm_conn_sec_params_reply(event->conn_handle, &params,
					       event->params.conn_sec_params_req.p_context);
}

static void on_peer_manager(const pm_evt_t *event)
{
	switch (event->evt_id) {
	case PM_EVT_CONN_SEC_START:
		pairing.running |= bit_of(event->conn_handle);
		pairing.anew &= ~pairing.running;
		break;
	case PM_EVT_CONN_SEC_SUCCEEDED:
		succeeded(event->conn_handle);
		break;
	case PM_EVT_CONN_SEC_FAILED:
		failed(event->conn_handle, event->params.conn_sec_failed.error);
		break;
	case PM_EVT_CONN_SEC_PARAMS_REQ:
		params_wanted(event);
		break;
	case PM_EVT_ERROR_UNEXPECTED:
		if ((pairing.running & bit_of(event->conn_handle)) != 0)
			failed(event->conn_handle, NRF_SUCCESS);
		break;
	default:
		break;
	}
#if PAIRING_BONDS
	if (!pairing.config.beside)
		pm_handler_flash_clean(event); /* the oldest bonds go when flash is full */
#endif
}

uint32_t pairing_start(const struct pairing_config *config)
{
	ble_gap_sec_params_t params = params_of(false, true);
	uint32_t result = NRF_SUCCESS;

	pairing.config = *config;
	pairing.ours = pairing.authenticated = pairing.running = pairing.anew = pairing.repaired = 0;
	if (!config->beside)
		result = pm_init();
	if (result == NRF_SUCCESS && !config->beside)
		result = pm_sec_params_set(&params);
	return result == NRF_SUCCESS ? pm_register(on_peer_manager) : result;
}

void pairing_event(const ble_evt_t *event)
{
	uint32_t bit = bit_of(event->evt.gap_evt.conn_handle);

	if (event->header.evt_id != BLE_GAP_EVT_DISCONNECTED)
		return;
	pairing.ours &= ~bit;
	pairing.authenticated &= ~bit;
	pairing.running &= ~bit;
	pairing.anew &= ~bit;
	pairing.repaired &= ~bit;
}

uint32_t pairing_secure(uint16_t conn_handle, bool authenticated)
{
	uint32_t bit = bit_of(conn_handle);
	uint32_t result;

	pairing.ours |= bit;
	if (authenticated)
		pairing.authenticated |= bit;
	/* Its end is told. What the peer began by itself may end with less than is wanted: then it is begun anew. */
	if (((pairing.running | pairing.anew) & bit) != 0)
		return NRF_SUCCESS;
	if (count_of(pairing.running) >= pairing.config.at_once)
		return NRF_ERROR_BUSY; /* in its turn */
	result = pm_conn_secure(conn_handle, false);
	if (result == NRF_ERROR_INVALID_DATA) /* a bond without a key */
		return pair_anew(conn_handle) ? NRF_SUCCESS : NRF_ERROR_INVALID_STATE;
	/* The Peer Manager says success too where it waits for the SoftDevice, which only an event ends: it is asked again. */
	return result == NRF_SUCCESS && (pairing.running & bit) == 0 ? NRF_ERROR_BUSY : result;
}

void pairing_poll(void)
{
	pairing.config.mask(NULL);
	for (uint16_t i = 0; i < LINKS_MAX; i++) {
		if ((pairing.anew & ~pairing.running & bit_of(i)) != 0)
			(void)pm_conn_secure(i, true);
	}
	pairing.config.unmask(NULL);
#if PM_LESC_ENABLED
	(void)nrf_ble_lesc_request_handler();
#endif
}
