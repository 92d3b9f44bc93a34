/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_SETTINGS_H
#define FAKE_ZEPHYR_SETTINGS_H

int settings_load(void);

#endif
