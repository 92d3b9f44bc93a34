/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_HCI_H
#define FAKE_ZEPHYR_HCI_H

#define BT_LE_FEAT_BIT_DLE 5
#define BT_LE_FEAT_BIT_PHY_2M 8

#endif
