/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Reused connection handles, the interrupt's half: which connection a number means at the moment an event is fetched.
 *
 * A SoftDevice hands a number out again as soon as DISCONNECTED has been fetched. Between that and the moment the main
 * context hears of it, a write meant for the old device would reach the new one. So the interrupt keeps this table, and
 * the main context looks into it, with the interrupt masked, right before each write.
 *
 * Written only where events are fetched. The main context reads it with that interrupt masked.
 */
#ifndef DFUCAST_BLE_DOOR_H
#define DFUCAST_BLE_DOOR_H

#include <dfucast/ble_event.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Zero-initialise. */
struct dfucast_ble_door {
	uint32_t alive; /**< bit i: number i means a connection */
	uint8_t openings[DFUCAST_BLE_HANDLES_MAX];
};

/** A connection event was fetched. @return the handle to queue it with. @p number < DFUCAST_BLE_HANDLES_MAX. */
struct dfucast_ble_handle dfucast_ble_door_connected(struct dfucast_ble_door *door, uint16_t number);
/** A disconnection was fetched: from here on nothing is written to this number. Queue it with what is returned. */
struct dfucast_ble_handle dfucast_ble_door_disconnected(struct dfucast_ble_door *door, uint16_t number);
/** Any other event of a number. @return false: the number means nothing now, drop the event. */
bool dfucast_ble_door_pass(const struct dfucast_ble_door *door, uint16_t number,
			   struct dfucast_ble_handle *handle);
/** True while @p handle still means the connection it meant when it was given out. */
bool dfucast_ble_door_holds(const struct dfucast_ble_door *door, struct dfucast_ble_handle handle);

#ifdef __cplusplus
}
#endif
#endif
