/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A fake of Zephyr's kernel, Bluetooth host and UART driver, as awkward as the real ones: callbacks from another thread at
 * any moment, before the call returns that they answer, refusals for want of this and that, attempts whose cancelling comes
 * too late, connections whose index is given out again as soon as the last reference is gone, procedures that end with an
 * error in front of `disconnected`, writes that are told or not when their link dies, peripherals that ask for things and
 * that pair by themselves, a UART that stops for want of memory or an error. What it does follows the sources of
 * Zephyr 3.4's host (conn.c, gatt.c, att.c, smp.c). Behind the radio are model peripherals.
 *
 * It answers the calls that tests/fake/zephyr declares, so the port is the very one that goes into a product. What the port
 * promises is asserted: no buffer is waited for, nothing is subscribed to twice, references are given back.
 *
 * clock.h has its time and its thread: that is the radio, all of Zephyr's threads, and the interrupts. One fake at a time.
 */
#ifndef FAKE_ZEPHYR_H
#define FAKE_ZEPHYR_H

#include <stdbool.h>
#include <stdint.h>

#include <zephyr/bluetooth/bluetooth.h>
#include <zephyr/bluetooth/conn.h>

#include "device.h"

struct zephyr_config {
	uint64_t seed;
	struct fake_device *devices;
	uint16_t count;
	uint8_t write_queue; /**< writes that the program may give for one link */
	uint8_t drops_max;   /**< connections that break by themselves, for each device */
	/** Whom the program means by this connection, FAKE_NOBODY: nobody. From within calls. */
	uint16_t (*meant)(void *context, uint8_t index);
	/** The machine at the other end of the UART, with the fake's lock held. @return when it wants to be called again. NULL */
	uint32_t (*beside)(void *context, uint32_t now);
	/** The program sleeps and the test is over: does not return. NULL: only the test's own loop sleeps */
	void (*over)(void *context);
	void *context;
	bool line_errors; /**< on the UART */
};

/** Beyond what all fakes count. */
struct zephyr_counts {
	struct fake_counts air;
	uint32_t early;        /**< callbacks before the call returned */
	uint32_t pairings_cut; /**< their link died */
	uint32_t cancels;      /**< of attempts */
	uint32_t late_cancels; /**< the link was there all the same */
	uint32_t no_memory;    /**< -ENOMEM and the like */
	uint32_t unwritten;    /**< writes that were never told of: their link died */
	uint32_t heap_full;    /**< allocations that found no room */
	uint32_t rx_stops;     /**< the UART ran out of memory to receive to */
	uint32_t rx_errors;
	uint32_t unknown;         /**< procedures of the radio that a peer does not know */
	uint32_t twice;           /**< connections asked for to whom there was one */
	uint32_t keys_unanswered; /**< passkeys that pairing waited for in vain */
	uint32_t accepted;        /**< parameters that peripherals asked for, and got */
};

void zephyr_start(const struct zephyr_config *config);
/** Ends the thread; the clock stands still. */
void zephyr_stop(struct zephyr_counts *counts);
/** The program is to end: it is told by `over` when it sleeps. With the fake's lock held, or not: from `beside`. */
void zephyr_over(void);

/** Virtual ms; from any context. */
uint32_t zephyr_now(void);
/** Connection objects that somebody refers to. */
unsigned int zephyr_connections(void);
/** The parameters that a link has now. */
struct bt_le_conn_param zephyr_params(const struct bt_conn *conn);

/** A link that the application ends by itself. */
void zephyr_drop(struct bt_conn *conn);

/* ---- the other end of the UART: from `beside` ---- */

/** @return how many of them went into the wire */
size_t zephyr_wire_send(const uint8_t *bytes, size_t length);
/** @return how many came */
size_t zephyr_wire_receive(uint8_t *bytes, size_t capacity);

#endif
