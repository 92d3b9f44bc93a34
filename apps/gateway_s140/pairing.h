/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Encryption and pairing by the nRF5 SDK's Peer Manager, for dfucast_s140_hooks.secure: with the passkey that the plan
 * brings for a device, else without authentication; LE Secure Connections where the SDK is built with them
 * (PM_LESC_ENABLED), else legacy pairing. docs/s140.md tells what it costs.
 *
 *     at start      pairing_start(), once the SoftDevice is on
 *     observer      pairing_event(), before the port's own dfucast_s140_observe()
 *     main loop     pairing_poll()
 *     hook          pairing_secure()
 */
#ifndef GATEWAY_S140_PAIRING_H
#define GATEWAY_S140_PAIRING_H

#include "pm_api.h"

/** 1: bonds are kept in flash. 0: each connection pairs anew, and nothing is written. */
#ifndef PAIRING_BONDS
#define PAIRING_BONDS 0
#endif

struct pairing_config {
	/** Tell the port: dfucast_s140_not_secured(). From where events come. */
	void (*failed)(uint16_t conn_handle, uint8_t status);
	void (*mask)(void *context); /**< as dfucast_s140_hooks has them; their context is NULL */
	void (*unmask)(void *context);
	uint8_t
	    at_once; /**< procedures: as the SoftDevice was configured with (dfucast_s140_settings.pairings) */
	/** The application has called pm_init() and pm_sec_params_set(), and keeps them for its own links. */
	bool beside;
};

/** @return an NRF_ error */
uint32_t pairing_start(const struct pairing_config *config);
/** Every BLE event. */
void pairing_event(const ble_evt_t *event);
/** The hook, but its context: with the event interrupt masked. */
uint32_t pairing_secure(uint16_t conn_handle, bool authenticated);
/** At least once a second: keys of LE Secure Connections are computed here, and what was answered busy is begun again. */
void pairing_poll(void);

#endif
