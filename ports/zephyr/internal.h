/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What the port's files share.
 *
 *   events.c   the host's callbacks, into the queue; and out of it
 *   port.c     the host's calls, and the round
 *   uart.c, hash_*.c   beside it
 */
#ifndef DFUCAST_ZEPHYR_INTERNAL_H
#define DFUCAST_ZEPHYR_INTERNAL_H

#include "dfucast_zephyr.h"

/* Of dfucast_zephyr_link.with_host. A second exchange the host refuses by itself. */
enum {
	WITH_HOST_DISCOVER,
	WITH_HOST_SUBSCRIBE,
};

/* events.c */
int zephyr_events_init(struct dfucast_zephyr *port);
/* Gives the central all that happened. */
void zephyr_events_take(struct dfucast_zephyr *port, uint32_t now);
/* Which connection of the central role this is. @return false: its end is in the queue, or it is none */
bool zephyr_handle_of(struct bt_conn *conn, struct dfucast_ble_handle *handle);
bool zephyr_is_up(const struct bt_conn *conn);
bool zephyr_params_of(const struct bt_conn *conn, struct dfucast_ble_params *params);
/* An event that the port itself knows of. */
void zephyr_events_tell(struct bt_conn *conn, enum dfucast_ble_event_kind kind, uint16_t number);

void zephyr_on_scan(const bt_addr_le_t *address, int8_t rssi, uint8_t type, struct net_buf_simple *data);
void zephyr_on_sent(struct bt_conn *conn, void *user_data);
void zephyr_on_mtu(struct bt_conn *conn, uint8_t err, struct bt_gatt_exchange_params *params);
uint8_t zephyr_on_service(struct bt_conn *conn, const struct bt_gatt_attr *attribute,
			  struct bt_gatt_discover_params *params);
uint8_t zephyr_on_characteristic(struct bt_conn *conn, const struct bt_gatt_attr *attribute,
				 struct bt_gatt_discover_params *params);
uint8_t zephyr_on_descriptor(struct bt_conn *conn, const struct bt_gatt_attr *attribute,
			     struct bt_gatt_discover_params *params);
void zephyr_on_subscribed(struct bt_conn *conn, uint8_t err, struct bt_gatt_subscribe_params *params);
uint8_t zephyr_on_notified(struct bt_conn *conn, struct bt_gatt_subscribe_params *params, const void *data,
			   uint16_t length);

#endif
