/* SPDX-License-Identifier: Apache-2.0 */
/** @file See zephyr/kernel.h. */
#ifndef FAKE_ZEPHYR_RANDOM_H
#define FAKE_ZEPHYR_RANDOM_H

#include <stdint.h>

uint32_t sys_rand32_get(void);

#endif
