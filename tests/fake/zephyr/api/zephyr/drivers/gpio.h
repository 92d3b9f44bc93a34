/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_GPIO_H
#define FAKE_ZEPHYR_GPIO_H

#include <stdint.h>

#include <zephyr/device.h>

#define GPIO_OUTPUT_INACTIVE 0x160000
#define GPIO_DT_SPEC_GET_OR(node, property, other)                                                           \
	{                                                                                                    \
		&node, 13                                                                                    \
	}

typedef uint8_t gpio_pin_t;
typedef uint32_t gpio_flags_t;

struct gpio_dt_spec {
	const struct device *port;
	gpio_pin_t pin;
};

int gpio_pin_configure_dt(const struct gpio_dt_spec *spec, gpio_flags_t extra_flags);
int gpio_pin_set_dt(const struct gpio_dt_spec *spec, int value);

#endif
