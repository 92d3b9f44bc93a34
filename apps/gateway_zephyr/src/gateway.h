/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The gateway of apps/gateway_ble on Zephyr's Bluetooth host and UART. Everything here and there is called from one thread.
 */
#ifndef GATEWAY_ZEPHYR_GATEWAY_H
#define GATEWAY_ZEPHYR_GATEWAY_H

#include <gateway_ble.h>

#include "dfucast_zephyr.h"

/** Once Bluetooth is enabled. @return 0, or what a part of Zephyr said */
int gateway_start(const struct device *uart, struct k_sem *wake);
/* Its round, and what it has to say: gateway_ble.h. */

/** A link of the application's is there (again): lent if the present plan names its device. As dfucast_ble_fleet_offer(). */
bool gateway_offer(struct bt_conn *conn);
/** True while the gateway works on this link: the application leaves its parameters alone. */
bool gateway_uses(struct bt_conn *conn);
/** The application's: whether this device is its own, and its connection now, without a reference; NULL: away. In main.c: none is. */
bool gateway_owns(const struct dfucast_ble_address *address, struct bt_conn **conn);

#endif
