/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_CONN_H
#define FAKE_ZEPHYR_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <zephyr/bluetooth/addr.h>

#if __has_include(<zephyr/version.h>)
#include <zephyr/version.h>
#else
#include <version.h>
#endif

#define BT_HCI_ERR_REMOTE_USER_TERM_CONN 0x13

enum bt_conn_type {
	BT_CONN_TYPE_LE = 1,
};

enum {
	BT_CONN_ROLE_CENTRAL = 0,
	BT_CONN_ROLE_PERIPHERAL = 1,
};

enum bt_conn_state {
	BT_CONN_STATE_DISCONNECTED = 0,
	BT_CONN_STATE_CONNECTING = 1,
	BT_CONN_STATE_CONNECTED = 2,
	BT_CONN_STATE_DISCONNECTING = 3,
};

typedef enum {
	BT_SECURITY_L1 = 1,
	BT_SECURITY_L2 = 2,
	BT_SECURITY_L3 = 3,
} bt_security_t;

enum bt_security_err {
	BT_SECURITY_ERR_SUCCESS = 0,
	BT_SECURITY_ERR_AUTH_FAIL = 1,
	BT_SECURITY_ERR_PIN_OR_KEY_MISSING = 2,
	BT_SECURITY_ERR_UNSPECIFIED = 9,
};

struct bt_conn;

struct bt_le_conn_param {
	uint16_t interval_min;
	uint16_t interval_max;
	uint16_t latency;
	uint16_t timeout;
};

struct bt_conn_le_create_param {
	uint16_t interval;
	uint16_t window;
	uint16_t timeout;
};

struct bt_conn_le_phy_param {
	uint8_t pref_tx_phy;
	uint8_t pref_rx_phy;
};

struct bt_conn_le_phy_info {
	uint8_t tx_phy;
	uint8_t rx_phy;
};

struct bt_conn_le_data_len_param {
	uint16_t tx_max_len;
	uint16_t tx_max_time;
};

struct bt_conn_le_data_len_info {
	uint16_t tx_max_len;
};

struct bt_conn_le_info {
	uint16_t interval;
	uint16_t latency;
	uint16_t timeout;
};

struct bt_conn_info {
#if KERNEL_VERSION_NUMBER >= 0x030400
	enum bt_conn_type type;
#else
	uint8_t type;
#endif
	uint8_t role;
	struct bt_conn_le_info le;
	enum bt_conn_state state;
};

struct bt_conn_le_remote_info {
	const uint8_t *features;
};

struct bt_conn_remote_info {
	uint8_t type;
	struct bt_conn_le_remote_info le;
};

struct bt_conn_cb {
	void (*connected)(struct bt_conn *conn, uint8_t err);
	void (*disconnected)(struct bt_conn *conn, uint8_t reason);
#if KERNEL_VERSION_NUMBER >= 0x040000
	void (*recycled)(void);
#endif
	bool (*le_param_req)(struct bt_conn *conn, struct bt_le_conn_param *param);
	void (*le_param_updated)(struct bt_conn *conn, uint16_t interval, uint16_t latency, uint16_t timeout);
	void (*security_changed)(struct bt_conn *conn, bt_security_t level, enum bt_security_err err);
	void (*le_phy_updated)(struct bt_conn *conn, struct bt_conn_le_phy_info *param);
	void (*le_data_len_updated)(struct bt_conn *conn, struct bt_conn_le_data_len_info *info);
};

struct bt_conn_auth_cb {
	void (*passkey_entry)(struct bt_conn *conn);
	void (*cancel)(struct bt_conn *conn);
};

struct bt_conn *bt_conn_ref(struct bt_conn *conn);
void bt_conn_unref(struct bt_conn *conn);
uint8_t bt_conn_index(const struct bt_conn *conn);
struct bt_conn *bt_conn_lookup_addr_le(uint8_t id, const bt_addr_le_t *peer);
const bt_addr_le_t *bt_conn_get_dst(const struct bt_conn *conn);
int bt_conn_get_info(const struct bt_conn *conn, struct bt_conn_info *info);
int bt_conn_get_remote_info(struct bt_conn *conn, struct bt_conn_remote_info *remote_info);
void bt_conn_cb_register(struct bt_conn_cb *cb);
int bt_conn_auth_cb_register(const struct bt_conn_auth_cb *cb);
int bt_conn_le_create(const bt_addr_le_t *peer, const struct bt_conn_le_create_param *create_param,
		      const struct bt_le_conn_param *conn_param, struct bt_conn **conn);
int bt_conn_disconnect(struct bt_conn *conn, uint8_t reason);
int bt_conn_le_param_update(struct bt_conn *conn, const struct bt_le_conn_param *param);
int bt_conn_le_phy_update(struct bt_conn *conn, const struct bt_conn_le_phy_param *param);
int bt_conn_le_data_len_update(struct bt_conn *conn, const struct bt_conn_le_data_len_param *param);
bt_security_t bt_conn_get_security(const struct bt_conn *conn);
int bt_conn_set_security(struct bt_conn *conn, bt_security_t sec);
int bt_conn_auth_passkey_entry(struct bt_conn *conn, unsigned int passkey);
int bt_conn_auth_cancel(struct bt_conn *conn);

#endif
