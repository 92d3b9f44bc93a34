/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_ADDR_H
#define FAKE_ZEPHYR_ADDR_H

#include <stdint.h>

#define BT_ADDR_LE_PUBLIC 0
#define BT_ADDR_LE_RANDOM 1
#define BT_ADDR_LE_PUBLIC_ID 2

/* Kinds of random addresses, by the two highest bits. */
#define BT_ADDR_IS_STATIC(address) ((address)->val[5] >> 6 == 3)
#define BT_ADDR_IS_RPA(address) ((address)->val[5] >> 6 == 1)

typedef struct {
	uint8_t val[6];
} bt_addr_t;

typedef struct {
	uint8_t type;
	bt_addr_t a;
} bt_addr_le_t;

int bt_addr_le_cmp(const bt_addr_le_t *a, const bt_addr_le_t *b);

#endif
