/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A fake of Nordic's S140 SoftDevice as a central, as awkward as the real one: events in an interrupt at any moment, a
 * write queue of one, busy answers, one initiator, a scanner that pauses at each report, one attribute procedure and one
 * of the radio's a link, handles given out again at once, events of an old connection behind the reuse of its handle,
 * peripherals that ask for parameters, PHYs, lengths and MTUs and want answers, that want encryption, or that are not
 * what they seem. Behind the radio are model peripherals.
 *
 * It answers the SoftDevice's own calls (ports/s140/sd_api.h), so the port is the very one that goes into a product.
 *
 * clock.h has its time and its thread: that is the radio and the interrupt. One fake at
 * a time: the SoftDevice's calls name no instance.
 */
#ifndef FAKE_S140_H
#define FAKE_S140_H

#include <stdbool.h>
#include <stdint.h>

#include "../../ports/s140/sd_api.h"
#include "device.h"

#define S140_LINKS_MAX 20u
#define S140_MTU_MAX 247u

struct s140_config {
	uint64_t seed;
	struct fake_device *devices; /**< a device's address is its index: the first two bytes */
	uint16_t count;
	uint16_t links_max;
	uint8_t write_queue;
	bool short_events; /**< the event length is too short for long packets */
	uint8_t pairings;  /**< at the same time; 0: any number */
	uint8_t drops_max; /**< connections that break by themselves, for each device */
	void (*interrupt)(void *context);
	/** Whom the program means by this handle, FAKE_NOBODY: nobody. From within calls. */
	uint16_t (*meant)(void *context, uint16_t handle);
	void *context;
};

struct s140;

struct s140 *s140_start(const struct s140_config *config);
/** Ends the thread; the clock stands still. */
void s140_stop(struct s140 *sd, struct fake_counts *counts);

/** Virtual ms; from any context. */
uint32_t s140_now(const struct s140 *sd);
/** Sleeps until an interrupt came since the last call, or the deadline. */
void s140_wait(struct s140 *sd, uint32_t deadline);
/** Masks the event interrupt: what would come waits. Not nested. */
void s140_irq_disable(struct s140 *sd);
void s140_irq_enable(struct s140 *sd);
/** The event interrupt comes again, as NVIC_SetPendingIRQ() does. */
void s140_irq_pend(struct s140 *sd);
/** Pairs, with a keyboard for passkeys, as an application without a peer manager would. */
uint32_t s140_secure(uint16_t conn_handle);
/** sd_ble_gap_authenticate(), and sd_ble_gap_encrypt() with a key that was made at this security level. */
uint32_t s140_pair(uint16_t conn_handle, const ble_gap_sec_params_t *params);
uint32_t s140_encrypt(uint16_t conn_handle, uint8_t level);
/** The application ends a link of its own. */
void s140_drop(struct s140 *sd, uint16_t conn_handle);
/** The parameters that a link has now. */
ble_gap_conn_params_t s140_params(const struct s140 *sd, uint16_t conn_handle);

#endif
