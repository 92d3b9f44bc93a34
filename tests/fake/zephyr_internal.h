/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fake's files share. zephyr_kernel.c: kernel, start and stop. zephyr_radio.c: what happens on air.
 * zephyr_events.c: the program's callbacks. zephyr_calls.c: the Bluetooth host's calls. zephyr_uart.c: the UART.
 *
 * Three locks, in this order: `host` is held while callbacks run and while the program is in a call of the host's, for
 * Zephyr's threads are cooperative and the program's is not; `irq` is what spinlocks are on one processor; the clock's
 * `air` guards the fake.
 */
#ifndef FAKE_ZEPHYR_INTERNAL_H
#define FAKE_ZEPHYR_INTERNAL_H

#include "clock.h"
#include "zephyr.h"

#include <zephyr/bluetooth/gatt.h>
#include <zephyr/drivers/uart.h>

#define EVENTS_MAX 512u
#define EVENTS_FULL 320u /* from here on notifications and reports wait in the radio */
#define VALUE_MAX (CONFIG_BT_L2CAP_TX_MTU - 3)
#define QUEUE_MAX 16u
#define REQUESTS_MAX 4u
#define SUBSCRIPTIONS_MAX 3u
#define CALLBACKS_MAX 3u
#define WIRE_BYTES 8192u
#define ATT_UNLIKELY 0x0Eu

enum conn_state {
	CONN_FREE,
	CONN_CONNECTING,
	CONN_UP,
	CONN_DISCONNECTING,
	CONN_DOWN, /* until the last reference is gone */
};

enum request_kind {
	REQUEST_NONE,
	REQUEST_MTU,
	REQUEST_DISCOVER,
	REQUEST_CCC, /* either way */
};

struct request {
	enum request_kind kind;
	void *params;
	uint16_t value; /* of a CCC */
	uint16_t ccc;
};

struct value {
	uint16_t length;
	uint8_t bytes[VALUE_MAX];
};

struct pending_write {
	struct value value;
	bt_gatt_complete_func_t func;
	void *user_data;
};

/* What is in the program's memory must stay as it was while the host has it. */
struct subscription {
	struct bt_gatt_subscribe_params *params;
	bt_gatt_notify_func_t notify;
	uint16_t value_handle;
};

enum radio_procedure {
	RADIO_NONE,
	RADIO_PHY,
	RADIO_LENGTH,
	RADIO_PARAMS,
};

struct bt_conn {
	_Atomic int refs;
	_Atomic int state; /* enum conn_state */
	uint16_t device;
	uint16_t device_before; /* device + 1; 0: never used */
	bt_addr_le_t address;
	uint16_t mtu;
	uint8_t reason;
	bool mtu_asked;
	bool encrypted;
	bool subscribed; /* to the SMP server's value */
	bool key_asked, key_answered, key_right;
	uint8_t level, required; /* bt_security_t */
	bool phy_wish, length_wish, mtu_wish, security_wish;
	uint8_t wishes_left; /* parameters */
	bool length_set;
	uint8_t features[8];     /* the peer's */
	uint32_t features_known; /* when the host has asked it for them */
	struct bt_le_conn_param params, params_next;
	struct request requests[REQUESTS_MAX];
	uint8_t request_count;
	bool unanswered; /* the first of them: never */
	bool att_dead;   /* it timed out: the host takes no more */
	enum radio_procedure radio;
	struct subscription subscriptions[SUBSCRIPTIONS_MAX];
	uint8_t subscription_count;
	struct pending_write queue[QUEUE_MAX];
	uint8_t queued;
	struct fake_timer request_timer, radio_timer, write_timer, notify_timer, down_timer, wish_timer,
	    secure_timer, notice_timer;
	struct fake_answer answer;
};

enum event_kind {
	EVENT_CONNECTED, /* number: error */
	EVENT_DISCONNECTED,
	EVENT_RECYCLED,
	EVENT_PARAMS_ASKED,
	EVENT_PARAMS,
	EVENT_PHY,
	EVENT_LENGTH,
	EVENT_SECURITY, /* number: error */
	EVENT_PASSKEY,
	EVENT_PAIRING_CANCELLED,
	EVENT_REPORT,       /* number: device */
	EVENT_REQUEST_DONE, /* number: ATT error */
	EVENT_ATT_TIMEOUT,
	EVENT_SUBSCRIPTION_ENDED,
	EVENT_NOTIFIED, /* number: attribute */
	EVENT_SENT,
	EVENT_UART,
};

struct zephyr_event {
	enum event_kind kind;
	struct bt_conn *conn; /* referenced */
	uint16_t number;
	struct request request;
	struct subscription subscription;
	bt_gatt_complete_func_t sent;
	bt_le_scan_cb_t *report;
	void *user_data;
	struct value value;
	struct uart_event uart;
};

struct zephyr {
	struct zephyr_config config;
	struct zephyr_counts counts;
	struct fake_clock clock;
	pthread_mutex_t host, irq;
	pthread_t program;
	bool enabled, over;
	struct k_sem *sleeps; /* what the program waits for */
	struct bt_conn conns[CONFIG_BT_MAX_CONN];
	struct bt_conn_cb *callbacks[CALLBACKS_MAX];
	uint8_t callback_count;
	const struct bt_conn_auth_cb *pairing;
	bt_le_scan_cb_t *scan_callback;
	uint16_t scan_next; /* device that is heard next */
	struct fake_timer scan_timer;
	struct bt_conn *connecting;
	struct fake_timer connect_timer;
	uint32_t connect_limit;
	bool connect_forced; /* its cancelling came too late */
	bool connect_deaf;   /* the device does not hear it */
	uint8_t deaf_left;   /* such attempts: each takes seconds, and nobody else is connected meanwhile */
	uint16_t buffers;    /* of the host's pool, in use */
	uint8_t *drops;      /* for each device */
	uint8_t *bonds;      /* the same: level of our key; 0: none */
	struct fake_timer *owned_timers; /* for each device: the application's connections come again */
	struct zephyr_event events[EVENTS_MAX];
	uint32_t event_first;
	uint32_t event_count;
};

extern struct zephyr zephyr_fake;

/* zephyr_kernel.c: every call enters and leaves through these. */
struct zephyr *zephyr_enter(void);
void zephyr_leave(struct zephyr *fake);
/* Those of the Bluetooth host's, from the program or from within a callback. */
struct zephyr *zephyr_enter_host(void);
int zephyr_leave_host(struct zephyr *fake, int result);
bool zephyr_is_program(const struct zephyr *fake);

/* zephyr_events.c */
struct zephyr_event *zephyr_push(struct zephyr *fake, enum event_kind kind, struct bt_conn *conn,
				 uint16_t number);
/* The oldest one is told. @return false: there is none */
bool zephyr_tell(struct zephyr *fake);

/* zephyr_radio.c */
uint32_t zephyr_radio_step(struct zephyr *fake);
/* A free connection object, referenced once. NULL: none. */
struct bt_conn *zephyr_conn_new(struct zephyr *fake, uint16_t device);
void zephyr_conn_put(struct zephyr *fake, struct bt_conn *conn);
/* The first one goes out. */
void zephyr_request_begin(struct zephyr *fake, struct bt_conn *conn);
/* The first one is off the list. */
struct request zephyr_request_take(struct zephyr *fake, struct bt_conn *conn);
void zephyr_request_over(struct zephyr *fake, struct bt_conn *conn, uint8_t err);
void zephyr_subscription_end(struct zephyr *fake, struct bt_conn *conn,
			     const struct bt_gatt_subscribe_params *params);
void zephyr_secure(struct zephyr *fake, struct bt_conn *conn, uint8_t level);
static inline const struct fake_device *zephyr_device_of(const struct zephyr *fake,
							 const struct bt_conn *conn)
{
	return &fake->config.devices[conn->device];
}

/* zephyr_uart.c */
uint32_t zephyr_uart_step(struct zephyr *fake, uint32_t next);
void zephyr_uart_tell(const struct zephyr_event *event);

#endif
