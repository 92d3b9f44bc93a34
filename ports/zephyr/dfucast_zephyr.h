/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The core on Zephyr's Bluetooth host as a central (3.2 … 4.x, NCS too). What is decided is decided in ble_central.h; here are
 * the host's calls and callbacks, and the way from its threads to the one of the port's: one queue, one door.
 *
 *     at start    bt_enable(), settings_load() where bonds are kept, dfucast_zephyr_init()
 *     one thread  dfucast_zephyr_run() whenever `wake` was given, and at the time that it returns
 *
 * All but the host's callbacks is called from that one thread, which must be a thread of its own: not the system work
 * queue, whose work the host waits for. One port a program, for the host's callbacks have no context.
 */
#ifndef DFUCAST_ZEPHYR_H
#define DFUCAST_ZEPHYR_H

#include <dfucast/ble_central.h>
#include <dfucast/ble_door.h>
#include <dfucast/port.h>

#include "compat.h"

struct dfucast_zephyr_config {
	/** value_bytes: at least CONFIG_BT_L2CAP_TX_MTU - 3. write_queue and conn_count: together no more than
	 *  CONFIG_BT_L2CAP_TX_BUF_COUNT holds beside one request of each link, see DFUCAST_ZEPHYR_BUFFERS(). */
	struct dfucast_ble_central_config central;
	struct k_sem *wake; /**< given when there is something to do: the thread's */
	bool active_scan;   /**< ask for scan responses: where names are looked for */
	/** Every advertisement heard while the port scans, in the thread. NULL: nobody wants it. */
	void (*advertisement)(void *context, const struct dfucast_ble_report *report);
	void *context;
};

/** Least CONFIG_BT_L2CAP_TX_BUF_COUNT: then no call of the port's ever waits for a buffer. */
#define DFUCAST_ZEPHYR_BUFFERS(links, write_queue) ((links) * ((write_queue) + 1))

/** What the host works with while a procedure runs on a connection: by its index. Private. */
struct dfucast_zephyr_link {
	struct bt_conn *conn; /* referenced from `connected` until the thread has heard of its end */
	bool heard;           /* the central knows of it */
	bool made;            /* by an attempt of ours */
	struct bt_gatt_discover_params discover;
	struct bt_gatt_exchange_params exchange;
	struct bt_gatt_subscribe_params subscribe;
	atomic_t
	    with_host; /* a bit for each of these that the host has, perhaps for an earlier user of the link */
};

/** Private, but for `central` and `lost`. */
struct dfucast_zephyr {
	struct dfucast_ble_central central;
	struct dfucast_zephyr_config config;
	struct k_spinlock lock; /* of door and links[].conn */
	struct dfucast_ble_door door;
	struct dfucast_zephyr_link links[CONFIG_BT_MAX_CONN];
	const bt_addr_le_t *calling; /* while the host is asked to connect */
	struct bt_conn *connecting;  /* the attempt under way: a reference */
	struct bt_uuid_128 service;  /* of the SMP service, for discoveries */
	struct k_fifo queue;
	atomic_t in_use;      /* bit i: the central works on connection i */
	atomic_t lossy;       /* bytes in the queue that may be dropped: notifications, advertisements */
	atomic_t lost;        /* events for which there was no room */
	atomic_t passkey_for; /* bit i: pairing on connection i waits for a passkey */
	atomic_t unpair;      /* bit i: the peer of connection i has forgotten its bond */
};

/** @return 0, or what the host said. */
int dfucast_zephyr_init(struct dfucast_zephyr *port, const struct dfucast_zephyr_config *config);
/** One round: events, then what follows from them. @return when to call again at the latest. */
uint32_t dfucast_zephyr_run(struct dfucast_zephyr *port, uint32_t now);
/** The clock: ms, wraps. */
uint32_t dfucast_zephyr_now(void);

/** An address as the core has it. */
struct dfucast_ble_address dfucast_zephyr_address(const bt_addr_le_t *address);

/** A link of the application's, for dfucast_ble_fleet_offer(): all of *offer but its target. @return false: it is gone. */
bool dfucast_zephyr_offer(struct dfucast_zephyr *port, struct bt_conn *conn, struct dfucast_ble_offer *offer);
/** @return true: the application has its link to itself, as it was. False: it is in use. */
bool dfucast_zephyr_release(struct dfucast_zephyr *port, struct bt_conn *conn);
/** True while the central works on this link. */
bool dfucast_zephyr_uses(struct dfucast_zephyr *port, struct bt_conn *conn);

/* ---- a UART to the host (CONFIG_DFUCAST_UART): by DMA, or by interrupts, as USB CDC ACM wants it ---- */

/** Starts receiving. @p wake is given when something came or went. One a program. @return 0, or what the driver said */
int dfucast_zephyr_uart_init(const struct device *uart, struct k_sem *wake);
/** Bytes that came. @return how many, 0: none now */
size_t dfucast_zephyr_uart_read(uint8_t *bytes, size_t capacity);
/** Bytes that can be written now. */
size_t dfucast_zephyr_uart_room(void);
void dfucast_zephyr_uart_write(const uint8_t *bytes, size_t length);
/** Everything is out. */
bool dfucast_zephyr_uart_idle(void);
/** Received bytes lost to errors on the line: frames with holes are dropped by their CRC. */
uint32_t dfucast_zephyr_uart_errors(void);

/* ---- Zephyr's own SMP server (CONFIG_DFUCAST_LOCAL_SMP) ---- */

/** For struct dfucast_gateway_port.local_smp: the answer of Zephyr's SMP server. Called from one thread, and writes flash there. */
size_t dfucast_zephyr_local_smp(void *context, const uint8_t *frame, size_t length, uint8_t *answer,
				size_t capacity);

/* ---- SHA-256: PSA, or TinyCrypt where Zephyr has it (CONFIG_DFUCAST_SHA256_…) ---- */

/** Two hashes that run at the same time: @p index 0 and 1. Static memory. */
struct dfucast_sha256 dfucast_zephyr_sha256(unsigned int index);

#endif
