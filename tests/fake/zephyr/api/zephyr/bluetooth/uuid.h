/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_UUID_H
#define FAKE_ZEPHYR_UUID_H

#include <stdint.h>

#define BT_UUID_GATT_CCC_VAL 0x2902
#define BT_UUID_INIT_16(value)                                                                               \
	{                                                                                                    \
		.uuid = {BT_UUID_TYPE_16}, .val = (value)                                                    \
	}

enum {
	BT_UUID_TYPE_16 = 0,
	BT_UUID_TYPE_128 = 2,
};

struct bt_uuid {
	uint8_t type;
};

struct bt_uuid_16 {
	struct bt_uuid uuid;
	uint16_t val;
};

struct bt_uuid_128 {
	struct bt_uuid uuid;
	uint8_t val[16];
};

int bt_uuid_cmp(const struct bt_uuid *u1, const struct bt_uuid *u2);

#endif
