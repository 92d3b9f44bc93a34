/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A port as one for the S140 SoftDevice is shaped: no threads and no RTOS, events from an interrupt through one queue,
 * one write command in flight a link, any call may be answered "busy", links told apart by generation and not by
 * their handle. Runs on the fake SoftDevice of s140.h; the real one has the same calls under longer names.
 */
#ifndef FAKE_PORT_S140_H
#define FAKE_PORT_S140_H

#include <dfucast/ble.h>
#include <dfucast/cast.h>
#include <stdatomic.h>

#include "s140.h"

#define PORT_S140_TARGETS_MAX 32u
#define PORT_S140_QUEUE 8u
#define PORT_S140_LONG_ANSWERS 2u
#define PORT_S140_LONG_ANSWER_BYTES 512u

/** What a connection wants to do next (W2) or waits for (W4). */
enum port_s140_state {
	PORT_S140_IDLE,
	PORT_S140_W2_CONNECT,
	PORT_S140_W4_CONNECTED,
	PORT_S140_W2_EXCHANGE_MTU,
	PORT_S140_W4_MTU,
	PORT_S140_W2_SUBSCRIBE,
	PORT_S140_W4_SUBSCRIBED,
	PORT_S140_UP,
	PORT_S140_W2_UNSUBSCRIBE, /**< first half of a resync; the second half is W2_SUBSCRIBE */
	PORT_S140_W4_UNSUBSCRIBED,
	PORT_S140_W2_DISCONNECT,
	PORT_S140_W4_DISCONNECTED,
};

/** One target's connection: the main context's alone. */
struct port_s140_connection {
	struct dfucast_link link;
	struct dfucast_ble_link ble;
	uint16_t handle;
	uint16_t value_max;
	uint8_t state;  /**< enum port_s140_state */
	bool listening; /**< notifications are for us */
	bool resync;
	bool in_flight; /**< a write command has no TX_COMPLETE yet */
};

/** An event and the link its handle meant when it came. */
struct port_s140_entry {
	struct s140_event event;
	struct dfucast_link link;
};

struct port_s140 {
	struct s140 *sd;
	struct dfucast_cast *cast;
	uint16_t count;
	uint16_t turn; /**< whose turn it is to send first */
	uint32_t now;
	bool retry;          /**< something was answered "busy": try again soon */
	bool connecting_now; /**< the one connect procedure runs */
	struct dfucast_ble_pool pool;
	uint8_t long_answers[PORT_S140_LONG_ANSWERS][PORT_S140_LONG_ANSWER_BYTES];
	struct port_s140_connection connections[PORT_S140_TARGETS_MAX];

	/* The door: written by the interrupt, or by the main context while the interrupt is masked. */
	struct dfucast_link handles[S140_LINKS_MAX]; /**< what each handle means now */
	bool alive[S140_LINKS_MAX];
	struct dfucast_link connecting;
	uint32_t strays; /**< events of a handle that means nothing */

	/* One queue: the interrupt writes at the head, the main context reads at the tail. */
	struct port_s140_entry queue[PORT_S140_QUEUE];
	_Atomic uint32_t head;
	_Atomic uint32_t tail;
	_Atomic bool starved; /**< events were left in the SoftDevice for want of room */

	uint32_t late; /**< events that came too late for their link */
	uint32_t starvations;
	uint32_t refusals; /**< writes that were made but not taken */
};

/** The interrupt's handler; `context` is the port. */
void port_s140_interrupt(void *context);

/** Before the interrupt can come; `sd` is set by the caller as soon as there is one, with the interrupt masked. */
void port_s140_init(struct port_s140 *port, struct dfucast_cast *cast, uint16_t count);

/** One round: events, then the cast's requests, then sending. @return when to call again at the latest */
uint32_t port_s140_run(struct port_s140 *port);

#endif
