/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * How large the gateway is, from Kconfig: for apps/gateway_ble.
 */
#ifndef GATEWAY_SIZES_H
#define GATEWAY_SIZES_H

#define GATEWAY_LINKS CONFIG_GATEWAY_LINKS
#define GATEWAY_TARGETS CONFIG_GATEWAY_TARGETS
#define GATEWAY_RING_BYTES CONFIG_GATEWAY_RING_BYTES
#define GATEWAY_VALUE_BYTES (CONFIG_BT_L2CAP_TX_MTU - 3)
#define GATEWAY_WRITE_QUEUE CONFIG_GATEWAY_WRITE_QUEUE

#endif
