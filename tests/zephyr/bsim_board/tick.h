/* SPDX-License-Identifier: Apache-2.0 */
/** @file A sensor's own service: one characteristic, which notifies a number once a second, one higher each time. */
#ifndef BSIM_TICK_H
#define BSIM_TICK_H

#include <zephyr/bluetooth/uuid.h>

#define TICK_SERVICE BT_UUID_128_ENCODE(0x5d4e0001, 0x7c1c, 0x4b6e, 0x9a52, 0x0d6f1c2b3a49)
#define TICK_VALUE BT_UUID_128_ENCODE(0x5d4e0002, 0x7c1c, 0x4b6e, 0x9a52, 0x0d6f1c2b3a49)

#endif
