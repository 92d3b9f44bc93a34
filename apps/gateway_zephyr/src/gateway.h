/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The gateway's parts put together: host UART, gateway core, fleet, central's logic, Zephyr's host. All memory is static,
 * one gateway a program. Everything here is called from one thread.
 */
#ifndef GATEWAY_ZEPHYR_GATEWAY_H
#define GATEWAY_ZEPHYR_GATEWAY_H

#include <dfucast/ble_fleet.h>

#include "dfucast_zephyr.h"

/** Once Bluetooth is enabled. @return 0, or what a part of Zephyr said */
int gateway_start(const struct device *uart, struct k_sem *wake);
/** One round. @return when to call again at the latest, ms */
uint32_t gateway_poll(void);
/** A cast is open. */
bool gateway_is_busy(void);
/** The host asked for a reset of the gateway, and its answer is out. */
bool gateway_wants_reset(void);

/** A link of the application's is there (again): lent if the present plan names its device. As dfucast_ble_fleet_offer(). */
bool gateway_offer(struct bt_conn *conn);
/** True while the gateway works on this link: the application leaves its parameters alone. */
bool gateway_uses(struct bt_conn *conn);
/** The application's: whether this device is its own, and its connection now, without a reference; NULL: away. In main.c: none is. */
bool gateway_owns(const struct dfucast_ble_address *address, struct bt_conn **conn);

#endif
