/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Which connection a number means: one bit and one counter each.
 */
#include <dfucast/ble_door.h>
#include <dfucast/port.h>

static struct dfucast_ble_handle handle_of(const struct dfucast_ble_door *door, uint16_t number)
{
	number %= DFUCAST_BLE_HANDLES_MAX; /* it is less; and no program goes on behind a failed assert */
	return (struct dfucast_ble_handle){(uint8_t)number, door->openings[number]};
}

struct dfucast_ble_handle dfucast_ble_door_connected(struct dfucast_ble_door *door, uint16_t number)
{
	DFUCAST_ASSERT(number < DFUCAST_BLE_HANDLES_MAX);
	door->openings[number % DFUCAST_BLE_HANDLES_MAX]++;
	door->alive |= UINT32_C(1) << number;
	return handle_of(door, number);
}

struct dfucast_ble_handle dfucast_ble_door_disconnected(struct dfucast_ble_door *door, uint16_t number)
{
	DFUCAST_ASSERT(number < DFUCAST_BLE_HANDLES_MAX);
	door->alive &= ~(UINT32_C(1) << number);
	return handle_of(door, number);
}

bool dfucast_ble_door_pass(const struct dfucast_ble_door *door, uint16_t number,
			   struct dfucast_ble_handle *handle)
{
	if (number >= DFUCAST_BLE_HANDLES_MAX || (door->alive & UINT32_C(1) << number) == 0)
		return false;
	*handle = handle_of(door, number);
	return true;
}

bool dfucast_ble_door_holds(const struct dfucast_ble_door *door, struct dfucast_ble_handle handle)
{
	return handle.index < DFUCAST_BLE_HANDLES_MAX && (door->alive & UINT32_C(1) << handle.index) != 0 &&
	       door->openings[handle.index] == handle.opening;
}
