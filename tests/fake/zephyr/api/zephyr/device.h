/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. The devicetree is apps/gateway_zephyr/boards': its UART, an LED. */
#ifndef FAKE_ZEPHYR_DEVICE_H
#define FAKE_ZEPHYR_DEVICE_H

#include <stdbool.h>

#include "../fake_types.h"

#define DT_CHOSEN(name) FAKE_NODE_##name
#define DT_ALIAS(name) FAKE_NODE_##name
#define DT_PROP(node, property) FAKE_PROPERTY_##property
#define DT_PROP_OR(node, property, otherwise) FAKE_PROPERTY_##property
#define DEVICE_DT_GET(node) (&node)
#define FAKE_NODE_dfucast_host fake_zephyr_uart
#define FAKE_NODE_led0 fake_zephyr_led

bool device_is_ready(const struct device *dev);

#endif
