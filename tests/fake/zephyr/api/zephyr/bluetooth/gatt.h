/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_GATT_H
#define FAKE_ZEPHYR_GATT_H

#include <stdbool.h>
#include <stdint.h>

#include <zephyr/bluetooth/conn.h>
#include <zephyr/bluetooth/uuid.h>
#include <zephyr/kernel.h>

#define BT_ATT_FIRST_ATTRIBUTE_HANDLE 0x0001
#define BT_ATT_LAST_ATTRIBUTE_HANDLE 0xFFFF
#define BT_GATT_CCC_NOTIFY 1

enum {
	BT_GATT_ITER_STOP = 0,
	BT_GATT_ITER_CONTINUE = 1,
};

enum {
	BT_GATT_DISCOVER_PRIMARY = 0,
	BT_GATT_DISCOVER_CHARACTERISTIC = 3,
	BT_GATT_DISCOVER_DESCRIPTOR = 4,
};

enum {
	BT_GATT_SUBSCRIBE_FLAG_VOLATILE = 0,
};

struct bt_gatt_attr {
	const struct bt_uuid *uuid;
	void *user_data;
	uint16_t handle;
};

struct bt_gatt_service_val {
	const struct bt_uuid *uuid;
	uint16_t end_handle;
};

struct bt_gatt_chrc {
	const struct bt_uuid *uuid;
	uint16_t value_handle;
};

struct bt_gatt_exchange_params {
	void (*func)(struct bt_conn *conn, uint8_t err, struct bt_gatt_exchange_params *params);
};

struct bt_gatt_discover_params;
struct bt_gatt_subscribe_params;

typedef uint8_t (*bt_gatt_discover_func_t)(struct bt_conn *conn, const struct bt_gatt_attr *attr,
					   struct bt_gatt_discover_params *params);
typedef uint8_t (*bt_gatt_notify_func_t)(struct bt_conn *conn, struct bt_gatt_subscribe_params *params,
					 const void *data, uint16_t length);
typedef void (*bt_gatt_subscribe_func_t)(struct bt_conn *conn, uint8_t err,
					 struct bt_gatt_subscribe_params *params);
typedef void (*bt_gatt_complete_func_t)(struct bt_conn *conn, void *user_data);

struct bt_gatt_discover_params {
	const struct bt_uuid *uuid;
	bt_gatt_discover_func_t func;
	uint16_t start_handle;
	uint16_t end_handle;
	uint8_t type;
};

struct bt_gatt_subscribe_params {
	bt_gatt_notify_func_t notify;
	bt_gatt_subscribe_func_t subscribe;
	uint16_t value_handle;
	uint16_t ccc_handle;
	uint16_t value;
	atomic_t flags[1];
};

int bt_gatt_exchange_mtu(struct bt_conn *conn, struct bt_gatt_exchange_params *params);
uint16_t bt_gatt_get_mtu(struct bt_conn *conn);
int bt_gatt_discover(struct bt_conn *conn, struct bt_gatt_discover_params *params);
int bt_gatt_subscribe(struct bt_conn *conn, struct bt_gatt_subscribe_params *params);
int bt_gatt_unsubscribe(struct bt_conn *conn, struct bt_gatt_subscribe_params *params);
int bt_gatt_write_without_response_cb(struct bt_conn *conn, uint16_t handle, const void *data,
				      uint16_t length, bool sign, bt_gatt_complete_func_t func,
				      void *user_data);

#endif
