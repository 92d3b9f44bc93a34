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
 * A thread is the radio and the interrupt; it moves a virtual clock. While the program sleeps in s140_wait() time
 * jumps; while it works the clock runs a few milliseconds ahead of it, so that events meet it in the middle. One fake at
 * a time: the SoftDevice's calls name no instance.
 */
#ifndef FAKE_S140_H
#define FAKE_S140_H

#include <stdbool.h>
#include <stdint.h>

#include "../../ports/s140/sd_api.h"
#include "../../sim/peer/peer.h"

#define S140_LINKS_MAX 20u
#define S140_MTU_MAX 247u
#define S140_NOBODY 0xFFFFu
#define S140_DIGITS 42017u

enum s140_security {
	S140_OPEN,
	S140_ASKS,    /**< its CCC cannot be written before the link is encrypted */
	S140_SILENT,  /**< it throws unencrypted writes away */
	S140_REFUSES, /**< as S140_ASKS, and pairing fails */
	S140_PASSKEY, /**< as S140_ASKS, and it wants the passkey 042017 */
};

struct s140_device {
	struct sim_peer *peer; /**< the caller's; the radio's alone between s140_start() and s140_stop() */
	uint16_t mtu;
	uint8_t security;      /**< enum s140_security */
	uint8_t params_wishes; /**< times it asks for smp_svr's stock parameters, a second apart */
	bool asks;             /**< for another PHY, data length and MTU by itself */
	bool wants_security;   /**< sends a security request, whatever its server wants */
	bool no_phy;           /**< does not answer a PHY update */
	bool no_service;       /**< is something else */
	bool owned;            /**< connected to the application from the start, and again after each drop */
};

struct s140_config {
	uint64_t seed;
	struct s140_device *devices; /**< a device's address is its index: the first two bytes */
	uint16_t count;
	uint16_t links_max;
	uint8_t write_queue;
	uint8_t drops_max; /**< connections that break by themselves, for each device */
	void (*interrupt)(void *context);
	/** Whom the program means by this handle, S140_NOBODY: nobody. From within calls. */
	uint16_t (*meant)(void *context, uint16_t handle);
	void *context;
};

/** What happened, for tests to see that it did. Read after s140_stop(). */
struct s140_counts {
	uint32_t connects;
	uint32_t drops;
	uint32_t busy;
	uint32_t no_credit;
	uint32_t reused;      /**< handles given to another device than before */
	uint32_t late;        /**< events of an old connection behind such a reuse */
	uint32_t preempted;   /**< interrupts while the program was at work */
	uint32_t misdirected; /**< values written to another device than meant */
	uint32_t reports;     /**< advertisements */
	uint32_t wishes;      /**< parameters, PHYs, lengths, MTUs that peripherals asked for */
	uint32_t refused;     /**< parameters refused */
	uint32_t unanswered;  /**< wishes that were still open when the link ended by itself or at the end */
	uint32_t pairings;
	uint32_t thrown_away; /**< writes of unencrypted links */
	uint32_t notices;     /**< the application's own notifications, of owned devices */
};

struct s140;

struct s140 *s140_start(const struct s140_config *config);
/** Ends the thread; the clock stands still. */
void s140_stop(struct s140 *sd, struct s140_counts *counts);

/** Virtual ms; from any context. */
uint32_t s140_now(const struct s140 *sd);
/** Sleeps until an interrupt came since the last call, or the deadline. */
void s140_wait(struct s140 *sd, uint32_t deadline);
/** Masks the event interrupt: what would come waits. Not nested. */
void s140_irq_disable(struct s140 *sd);
void s140_irq_enable(struct s140 *sd);
/** The event interrupt comes again, as NVIC_SetPendingIRQ() does. */
void s140_irq_pend(struct s140 *sd);
/** Pairs, as a peer manager would. */
uint32_t s140_secure(uint16_t conn_handle);
/** The parameters that a link has now. */
ble_gap_conn_params_t s140_params(const struct s140 *sd, uint16_t conn_handle);

#endif
