/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A fake of the nRF5 SDK's Peer Manager on the fake SoftDevice, with its ways: it answers a peer's security request by
 * itself, queues what the SoftDevice is too busy for, encrypts with the bond it has, and forgets that a procedure runs when
 * it is called again on the same link. It answers the calls of apps/gateway_s140/pm_api.h.
 */
#ifndef FAKE_PEER_MANAGER_H
#define FAKE_PEER_MANAGER_H

#include "../../apps/gateway_s140/pm_api.h"

struct fake_pm_counts {
	uint32_t overlaps; /**< calls on a link where a procedure ran */
	uint32_t queued;
	uint32_t bonds;    /**< made */
	uint32_t with_key; /**< encryptions with a bond's key */
	uint32_t forced;   /**< pairings in spite of a bond */
};

/** Forgets everything. */
void fake_pm_reset(void);
/** A bond from an earlier life, with the device of this address. */
void fake_pm_bond(uint8_t address, bool authenticated);
/** As the first of all observers: every event. */
void fake_pm_event(const ble_evt_t *event);
struct fake_pm_counts fake_pm_counts(void);

#endif
