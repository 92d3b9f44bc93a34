/* SPDX-License-Identifier: Apache-2.0 */
/** @file Zephyr 3.2: see zephyr/kernel.h. */
#ifndef FAKE_ZEPHYR_VERSION_H
#define FAKE_ZEPHYR_VERSION_H

#define KERNEL_VERSION_NUMBER 0x030200

#endif
