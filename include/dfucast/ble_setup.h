/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * From "connected" to "notifications are on", step by step, for one link; and notifications off and on again later.
 *
 *     PHY -> DATA_LENGTH -> MTU -> [SECURE] -> SERVICE -> CHARACTERISTIC -> CCC -> SUBSCRIBE -> READY
 *
 * The radio's steps are wishes: what a peer refuses or does not answer is done without. An attribute step must be
 * answered, for a stack takes no further one before; one that is not answered in time ends the set-up. MTU: an error is
 * an answer, and 23 it stays. SECURE comes by plan, or when the server wants encryption before it lets us subscribe.
 *
 * One step at a time: the port asks dfucast_ble_setup_wants(), does it, tells _started(), and gives events to _event().
 */
#ifndef DFUCAST_BLE_SETUP_H
#define DFUCAST_BLE_SETUP_H

#include <dfucast/ble_event.h>
#include <dfucast/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is to be done, or is under way. */
enum dfucast_ble_step {
	DFUCAST_BLE_STEP_NONE,
	DFUCAST_BLE_STEP_PHY,         /**< 2M where both can: before the data length, which depends on it */
	DFUCAST_BLE_STEP_DATA_LENGTH, /**< 251 bytes where both can */
	DFUCAST_BLE_STEP_MTU,         /**< exchange; once in a connection's life */
	DFUCAST_BLE_STEP_SECURE,      /**< encrypt, pair if need be */
	DFUCAST_BLE_STEP_SERVICE,     /**< find dfucast_ble_smp_service_uuid */
	DFUCAST_BLE_STEP_CHARACTERISTIC, /**< all characteristics in [first, last] */
	DFUCAST_BLE_STEP_CCC,            /**< descriptor 0x2902 in [first, last] */
	DFUCAST_BLE_STEP_UNSUBSCRIBE,    /**< write 0 to `ccc` */
	DFUCAST_BLE_STEP_SUBSCRIBE,      /**< write 1 to `ccc`: notifications */
	DFUCAST_BLE_STEP_READY,          /**< notifications are on */
	DFUCAST_BLE_STEP_LEFT, /**< notifications are off again: dfucast_ble_setup_leave() has done its work */
	DFUCAST_BLE_STEP_FAILED, /**< see `err` */
};

/** Bit of a step, for the set of those to leave out. */
#define DFUCAST_BLE_STEP_BIT(step) ((uint16_t)(1u << (step)))

/** One link's set-up. Read-only for callers. */
struct dfucast_ble_setup {
	uint8_t step; /**< enum dfucast_ble_step */
	uint8_t flags;
	int8_t err; /**< enum dfucast_err, of FAILED: SILENT, NEEDS_PAIRING or NO_SERVICE */
	uint8_t rounds;
	uint16_t skip;
	uint16_t mtu;
	uint16_t first, last; /**< attributes to look at next */
	uint16_t value;       /**< attribute that is written to and notifies; 0: not found yet */
	uint16_t ccc;
	uint32_t deadline_ms; /**< of the present step */
};

/** A new connection. @p skip: DFUCAST_BLE_STEP_BIT()s of steps that are done or not wanted. @p mtu: 23, or what is agreed already. */
void dfucast_ble_setup_begin(struct dfucast_ble_setup *setup, uint16_t skip, uint16_t mtu, uint32_t now);
/** From READY: notifications off and on again; READY follows, or FAILED. */
void dfucast_ble_setup_resync(struct dfucast_ble_setup *setup, uint32_t now);
/** From READY: encrypt the link; READY follows. Where that cannot be done: READY too, or where it is @p needed, FAILED
 *  with NEEDS_PAIRING. */
void dfucast_ble_setup_secure(struct dfucast_ble_setup *setup, bool needed, uint32_t now);
/** From anywhere: notifications off if they were switched on, and stop. LEFT follows. What is under way is waited for. */
void dfucast_ble_setup_leave(struct dfucast_ble_setup *setup, uint32_t now);

/** The step to start now; NONE: an answer is awaited, or READY, LEFT or FAILED is reached. */
enum dfucast_ble_step dfucast_ble_setup_wants(const struct dfucast_ble_setup *setup);
/** What the stack said to that step. BUSY: it stays wanted. GONE changes nothing: DISCONNECTED is on its way. */
void dfucast_ble_setup_started(struct dfucast_ble_setup *setup, enum dfucast_ble_result result, uint32_t now);
/** Anything that happened on this link; what does not concern the present step is ignored. */
void dfucast_ble_setup_event(struct dfucast_ble_setup *setup, const struct dfucast_ble_event *event,
			     uint32_t now);
/** @return true, with *deadline: dfucast_ble_setup_tick() is wanted then. */
bool dfucast_ble_setup_deadline(const struct dfucast_ble_setup *setup, uint32_t *deadline);
void dfucast_ble_setup_tick(struct dfucast_ble_setup *setup, uint32_t now);

/** True once notifications were switched on and not off again. */
bool dfucast_ble_setup_is_subscribed(const struct dfucast_ble_setup *setup);
/** True once the link was encrypted. */
bool dfucast_ble_setup_is_secured(const struct dfucast_ble_setup *setup);
/** True while the stack was asked to encrypt and has not said how it went. */
bool dfucast_ble_setup_pairs(const struct dfucast_ble_setup *setup);

#ifdef __cplusplus
}
#endif
#endif
