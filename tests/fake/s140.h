/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A fake of Nordic's S140 SoftDevice as a central, as awkward as the real one: events in an interrupt at any moment,
 * one write command in flight a link, busy answers, one connect procedure at a time, handles given out again at once,
 * and events of an old connection behind the reuse of its handle. Behind the radio are model peripherals.
 *
 * A thread is the radio and the interrupt; it moves a virtual clock. While the program sleeps in s140_wait() time
 * jumps; while it works the clock runs a few milliseconds ahead of it, so that events meet it in the middle.
 * Names and numbers follow the SoftDevice's headers without its prefix.
 */
#ifndef FAKE_S140_H
#define FAKE_S140_H

#include <stdbool.h>
#include <stdint.h>

#include "../../sim/peer/peer.h"

#define S140_LINKS_MAX 20u
#define S140_MTU_MAX 498u
#define S140_VALUE_MAX (S140_MTU_MAX - 3u)
#define S140_HANDLE_INVALID 0xFFFFu

enum s140_error {
	S140_SUCCESS = 0,
	S140_NOT_FOUND = 5,
	S140_INVALID_STATE = 8,
	S140_DATA_SIZE = 12,
	S140_BUSY = 17,
	S140_CONN_COUNT = 18,
	S140_RESOURCES = 19,
	S140_INVALID_CONN_HANDLE = 0x3002,
};

enum s140_event_id {
	S140_CONNECTED = 0x10,    /**< `value`: address */
	S140_DISCONNECTED = 0x11, /**< `value`: HCI reason. Once it is fetched, its handle is free again */
	S140_TIMEOUT = 0x1B,      /**< connecting took too long; `handle` is invalid */
	S140_WRITE_RSP = 0x38,
	S140_HVX = 0x39,                   /**< notification in `data` */
	S140_EXCHANGE_MTU_RSP = 0x3A,      /**< `value`: the server's MTU */
	S140_WRITE_CMD_TX_COMPLETE = 0x3C, /**< `value`: count */
};

struct s140_event {
	uint16_t id; /**< enum s140_event_id */
	uint16_t handle;
	uint16_t value;
	uint16_t length;
	uint8_t data[S140_VALUE_MAX];
};

enum s140_write_op { S140_WRITE_REQ = 1, S140_WRITE_CMD = 2 };
enum s140_attribute { S140_ATTRIBUTE_SMP = 0x12, S140_ATTRIBUTE_CCCD = 0x13 };

struct s140_device {
	struct sim_peer *peer; /**< the caller's; the radio's alone between s140_start() and s140_stop() */
	uint16_t mtu;
};

struct s140_config {
	uint64_t seed;
	struct s140_device *devices; /**< a device's address is its index */
	uint16_t count;
	uint16_t links_max;
	uint8_t drops_max; /**< connections that break by themselves, for each device */
	void (*interrupt)(void *context);
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

/** From the interrupt: the next event, or NOT_FOUND. */
uint32_t s140_evt_get(struct s140 *sd, struct s140_event *event);

uint32_t s140_gap_connect(struct s140 *sd, uint16_t address);
/** INVALID_STATE: nothing to cancel, or CONNECTED is in the queue. */
uint32_t s140_gap_connect_cancel(struct s140 *sd);
uint32_t s140_gap_disconnect(struct s140 *sd, uint16_t handle);
uint32_t s140_gattc_exchange_mtu_request(struct s140 *sd, uint16_t handle, uint16_t mtu);

struct s140_write {
	uint16_t handle; /**< attribute */
	uint8_t op;
	uint16_t length;
	const uint8_t *value;
	uint16_t
	    meant; /**< only to check on the caller: the device this is for. The real one has no such field */
};
uint32_t s140_gattc_write(struct s140 *sd, uint16_t handle, const struct s140_write *write);

#endif
