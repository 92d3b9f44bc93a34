/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_BLUETOOTH_H
#define FAKE_ZEPHYR_BLUETOOTH_H

#include <stddef.h>
#include <stdint.h>

#include <zephyr/bluetooth/addr.h>

#define BT_ID_DEFAULT 0
#define BT_GAP_DATA_LEN_MAX 251
#define BT_GAP_DATA_TIME_MAX 17040

enum {
	BT_GAP_LE_PHY_1M = 1,
	BT_GAP_LE_PHY_2M = 2,
};

enum {
	BT_GAP_ADV_TYPE_ADV_IND = 0,
	BT_GAP_ADV_TYPE_ADV_DIRECT_IND = 1,
	BT_GAP_ADV_TYPE_ADV_SCAN_IND = 2,
	BT_GAP_ADV_TYPE_ADV_NONCONN_IND = 3,
	BT_GAP_ADV_TYPE_SCAN_RSP = 4,
};

enum {
	BT_LE_SCAN_TYPE_PASSIVE = 0,
	BT_LE_SCAN_TYPE_ACTIVE = 1,
};

struct net_buf_simple {
	uint8_t *data;
	uint16_t len;
};

struct bt_le_scan_param {
	uint8_t type;
	uint16_t interval;
	uint16_t window;
};

typedef void (*bt_ready_cb_t)(int err);
typedef void bt_le_scan_cb_t(const bt_addr_le_t *addr, int8_t rssi, uint8_t adv_type,
			     struct net_buf_simple *buf);

int bt_enable(bt_ready_cb_t cb);
int bt_le_scan_start(const struct bt_le_scan_param *param, bt_le_scan_cb_t cb);
int bt_le_scan_stop(void);
int bt_unpair(uint8_t id, const bt_addr_le_t *addr);

#endif
