/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fake's files share. s140.c: interrupt, sleep. s140_radio.c: what happens on air.
 * s140_calls.c: the SoftDevice's calls.
 *
 * Two locks: `door` is the event interrupt's mask, the clock's `air` guards everything the SoftDevice itself holds (its calls are
 * supervisor calls, which nothing of the program interrupts). `door` is always taken first.
 */
#ifndef FAKE_S140_INTERNAL_H
#define FAKE_S140_INTERNAL_H

#include "clock.h"
#include "s140.h"

#include <stddef.h>

#define EVENTS_MAX 512u
#define EVENTS_FULL 320u /* from here on notifications and reports wait in the radio */
#define EVENT_BYTES 640u
#define QUEUE_MAX 8u
#define VALUE_MAX (S140_MTU_MAX - 3u)

enum link_state {
	LINK_FREE,
	LINK_UP,
	LINK_GONE, /* DISCONNECTED is in the queue, or will be */
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
	bool subscribe;    /* value of the CCC being written */
	uint8_t level;     /* of security: 1 none, 2 encrypted, 3 authenticated */
	uint8_t key_level; /* of the key that it is being encrypted with; 0: it is being paired */
	ble_gap_sec_params_t pairing;
	ble_gap_conn_params_t params;
	ble_gap_conn_params_t params_next;
	uint16_t procedure; /* event that will end the running attribute procedure; 0: none */
	bool unanswered;    /* that procedure */
	bool att_dead;      /* so the SoftDevice takes none any more */
	uint16_t range_start, range_end;
	uint16_t radio_procedure; /* the same for the radio's */
	uint8_t wishes_left;      /* parameters */
	uint16_t wish;            /* event that waits for an answer; 0: none */
	bool phy_wish, length_wish, mtu_wish, security_wish;
	bool key_asked, key_right;
	uint8_t queued; /* writes without response */
	struct value queue[QUEUE_MAX];
	struct fake_timer procedure_timer, radio_timer, write_timer, notify_timer, down_timer, wish_timer,
	    secure_timer;
	struct fake_timer told_timer;   /* it is gone, and will be told */
	struct fake_timer notice_timer; /* the application's own notifications */
	struct fake_answer answer;
	struct value last; /* notification: comes again, too late */
};

struct s140 {
	struct s140_config config;
	struct fake_counts counts;
	struct fake_clock clock;
	pthread_mutex_t door;
	bool irq;
	bool scanning;
	bool scan_paused;
	uint8_t *scan_buffer;
	uint16_t scan_next; /* device that is heard next */
	struct fake_timer scan_timer;
	struct fake_timer connect_timer;
	uint32_t connect_limit;
	uint16_t connecting; /* address */
	ble_gap_conn_params_t connect_params;
	struct link links[S140_LINKS_MAX];
	uint16_t free_handles[S140_LINKS_MAX]; /* the one freed last is given out first */
	uint16_t free_count;
	uint8_t uuid_bases;
	uint16_t att_mtu;                /* as configured */
	uint16_t conn_count;             /* the same; 0: whatever there is */
	uint8_t write_queue_asked;       /* the same */
	uint8_t *drops;                  /* for each device */
	struct fake_timer *owned_timers; /* for each device: the application connects it again */
	struct event events[EVENTS_MAX];
	uint32_t event_first;
	uint32_t event_count;
};

/* s140.c */
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
