/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fake's files share. s140.c: clock, thread, interrupt, sleep. s140_radio.c: what happens on air.
 * s140_calls.c: the SoftDevice's calls.
 *
 * Two locks: `door` is the event interrupt's mask, `air` guards everything the SoftDevice itself holds (its calls are
 * supervisor calls, which nothing of the program interrupts). `door` is always taken first.
 */
#ifndef FAKE_S140_INTERNAL_H
#define FAKE_S140_INTERNAL_H

#include "s140.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define EVENTS_MAX 512u
#define EVENTS_FULL 320u /* from here on notifications and reports wait in the radio */
#define EVENT_BYTES 640u
#define QUEUE_MAX 8u
#define VALUE_MAX (S140_MTU_MAX - 3u)

/* The SMP server's attributes, and one of the application's. */
enum { SERVICE = 0x10, DECLARATION = 0x11, VALUE = 0x12, CCC = 0x13, LAST = 0x13, OTHER_VALUE = 0x22 };

enum link_state {
	LINK_FREE,
	LINK_UP,
	LINK_GONE, /* DISCONNECTED is in the queue */
};

struct timer {
	bool runs;
	uint32_t when;
};

struct value {
	uint16_t length;
	uint8_t bytes[VALUE_MAX];
};

struct event {
	uint16_t length;
	union {
		ble_evt_t evt;
		uint8_t bytes[EVENT_BYTES];
	};
};

struct link {
	enum link_state state;
	uint16_t device;
	uint16_t device_before; /* device + 1; 0: never used */
	uint16_t mtu;
	uint8_t reason;
	bool by_us; /* the program ended it */
	bool mtu_asked;
	bool subscribed;
	bool subscribe; /* value of the CCC being written */
	bool encrypted;
	ble_gap_conn_params_t params;
	ble_gap_conn_params_t params_next;
	uint16_t procedure; /* event that will end the running attribute procedure; 0: none */
	uint16_t range_start, range_end;
	uint16_t radio_procedure; /* the same for the radio's */
	uint8_t wishes_left;      /* parameters */
	uint16_t wish;            /* event that waits for an answer; 0: none */
	bool phy_wish, length_wish, mtu_wish, security_wish;
	bool key_asked, key_right;
	uint8_t queued; /* writes without response */
	struct value queue[QUEUE_MAX];
	struct timer procedure_timer, radio_timer, write_timer, notify_timer, down_timer, wish_timer,
	    secure_timer;
	struct timer notice_timer; /* the application's own notifications */
	uint8_t answer[4096];
	size_t answer_length;
	size_t answer_position;
	struct value last; /* notification: comes again, too late */
};

struct s140 {
	struct s140_config config;
	struct s140_counts counts;
	pthread_t thread;
	pthread_mutex_t door;
	pthread_mutex_t air;
	pthread_cond_t radio_wakes;
	pthread_cond_t program_wakes;
	_Atomic uint32_t clock;
	uint64_t random;
	uint32_t leash;    /* the clock may run to here while the program works */
	uint32_t deadline; /* of the sleeping program */
	bool sleeping;
	bool woken;
	bool irq;
	bool stop;
	bool scanning;
	bool scan_paused;
	uint8_t *scan_buffer;
	uint16_t scan_next; /* device that is heard next */
	struct timer scan_timer;
	struct timer connect_timer;
	uint32_t connect_limit;
	uint16_t connecting; /* address */
	ble_gap_conn_params_t connect_params;
	struct link links[S140_LINKS_MAX];
	uint16_t free_handles[S140_LINKS_MAX]; /* the one freed last is given out first */
	uint16_t free_count;
	uint8_t uuid_bases;
	uint8_t *drops;             /* for each device */
	struct timer *owned_timers; /* for each device: the application connects it again */
	struct event events[EVENTS_MAX];
	uint32_t event_first;
	uint32_t event_count;
};

/* s140.c */
uint32_t s140_roll(struct s140 *sd, uint32_t below);
bool s140_reached(uint32_t now, uint32_t when);
void s140_arm(struct s140 *sd, struct timer *timer, uint32_t least_ms, uint32_t spread_ms);
bool s140_fires(const struct s140 *sd, struct timer *timer);
/* A new event of @p bytes, header included, zeroed; marks the interrupt. */
ble_evt_t *s140_push(struct s140 *sd, uint16_t id, uint16_t handle, size_t bytes);

/* s140_radio.c: everything due now. @return when there is more. */
uint32_t s140_radio_step(struct s140 *sd);
bool s140_is_linked(const struct s140 *sd, uint16_t device);

#define S140_GAP_BYTES(member)                                                                               \
	(offsetof(ble_evt_t, evt.gap_evt.params) + sizeof(((ble_gap_evt_t *)0)->params.member))
#define S140_GATTC_BYTES(member)                                                                             \
	(offsetof(ble_evt_t, evt.gattc_evt.params) + sizeof(((ble_gattc_evt_t *)0)->params.member))

#endif
