/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Memory that a caller supplies, as arrays whose sizes tools/size.py reads from the Cortex-M4 object. The name says
 * where each counts: ram_per_device__*, ram_fixed__* (beside the ring), ram_struct__* (shown, counted nowhere).
 */
#include <dfucast/ble_central.h>
#include <dfucast/cast.h>
#include <dfucast/framing.h>
#include <dfucast/image.h>
#include <dfucast/update.h>

#define POOL_COUNT 2
#define ATT_VALUE_BYTES 512

#define RAM(name, bytes)                                                                                     \
	extern unsigned char name[bytes];                                                                    \
	unsigned char name[bytes]

/* (bytes for 20 devices - bytes for 1) / 19: everything a caller has once per device. */
RAM(ram_per_device__update, sizeof(struct dfucast_update));
RAM(ram_per_device__cast_target, sizeof(struct dfucast_cast_target));
RAM(ram_per_device__ble_link, sizeof(struct dfucast_ble_link));

RAM(ram_fixed__cast, sizeof(struct dfucast_cast));
RAM(ram_fixed__plan, sizeof(struct dfucast_update_plan));
RAM(ram_fixed__image, sizeof(struct dfucast_image));
RAM(ram_fixed__digest, sizeof(struct dfucast_image_digest));
RAM(ram_fixed__image_header, DFUCAST_IMAGE_HEADER_BYTES);
RAM(ram_fixed__ble_pool, sizeof(struct dfucast_ble_pool));
RAM(ram_fixed__ble_pool_memory, POOL_COUNT *DFUCAST_BLE_LONG_ANSWER_BYTES);
RAM(ram_fixed__att_value, ATT_VALUE_BYTES);

/* A BLE central's: one for each link of the radio, one address for each target. */
RAM(ram_struct__ble_conn, sizeof(struct dfucast_ble_conn));
RAM(ram_struct__ble_target, sizeof(struct dfucast_ble_target));
RAM(ram_struct__ble_central, sizeof(struct dfucast_ble_central));
RAM(ram_struct__framing, sizeof(struct dfucast_framing));
RAM(ram_struct__smp_client, sizeof(struct dfucast_smp_client));
RAM(ram_struct__status, sizeof(struct dfucast_status));
