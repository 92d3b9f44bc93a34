/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A gateway (gateway.h) whose devices are Bluetooth LE peripherals (ble_central.h): what is between the two, the same on
 * every stack. Targets are addresses, "AA:BB:CC:DD:EE:FF[,random]"; who is heard is remembered for the fleet's scan; links
 * that the application owns are lent when a plan names their devices.
 *
 *     dfucast_ble_fleet_init()   after the central's; its port members and user go into the gateway's configuration
 *     dfucast_ble_fleet_heard()  with every advertisement
 *     dfucast_ble_fleet_run()    each round, before the central's
 *
 * All from the context of both.
 */
#ifndef DFUCAST_BLE_FLEET_H
#define DFUCAST_BLE_FLEET_H

#include <dfucast/ble_central.h>
#include <dfucast/gateway.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFUCAST_BLE_FLEET_NAME_BYTES 16u

/** One device that was heard; the caller's memory. */
struct dfucast_ble_heard {
	struct dfucast_ble_address address;
	struct dfucast_ble_period period;
	int8_t rssi;
	uint8_t protocol; /**< enum dfucast_ble_protocol; NONE: a free place, or one of no interest */
	uint8_t name_length;
	char name[DFUCAST_BLE_FLEET_NAME_BYTES];
};

enum dfucast_ble_ownership {
	DFUCAST_BLE_NOT_OWNED, /**< not the application's: connect it */
	DFUCAST_BLE_OWNED_AWAY, /**< the application's, not connected now: dfucast_ble_fleet_offer() will follow */
	DFUCAST_BLE_LENT,       /**< *offer is filled in, but for its target */
};

struct dfucast_ble_fleet_config {
	struct dfucast_ble_central *central; /**< target_count at least as many as a plan can have */
	struct dfucast_gateway *gateway;
	struct dfucast_ble_heard *heard; /**< devices to remember; NULL: no scan */
	uint16_t heard_count;
	/** A plan names this device: is its connection the application's? NULL: none is. */
	enum dfucast_ble_ownership (*owner)(void *context, const struct dfucast_ble_address *address,
					    struct dfucast_ble_offer *offer);
	void *context; /**< of owner */
};

/** Opaque; the caller's memory. */
struct dfucast_ble_fleet {
	struct dfucast_ble_fleet_config config;
	uint32_t now;
	uint32_t listen_ms; /**< until when somebody wants to know who is there */
	bool listening;
	char text[DFUCAST_BLE_ADDRESS_TEXT];
};

/** @p config is copied. Sets the central's user; the gateway itself may be initialised later. */
void dfucast_ble_fleet_init(struct dfucast_ble_fleet *fleet, const struct dfucast_ble_fleet_config *config);
/** Fills in context, resolve, name and seen; the rest of @p port stays. */
void dfucast_ble_fleet_port(struct dfucast_ble_fleet *fleet, struct dfucast_gateway_port *port);
/** An address as a target, for a default plan. */
struct dfucast_gateway_target dfucast_ble_fleet_target(const struct dfucast_ble_address *address);

void dfucast_ble_fleet_heard(struct dfucast_ble_fleet *fleet, const struct dfucast_ble_report *report);
void dfucast_ble_fleet_run(struct dfucast_ble_fleet *fleet, uint32_t now);

/** A connection of the application's is there (again). @return true: the present plan has use for it, and it is lent. */
bool dfucast_ble_fleet_offer(struct dfucast_ble_fleet *fleet, const struct dfucast_ble_address *address,
			     struct dfucast_ble_offer *offer, uint32_t now);

#ifdef __cplusplus
}
#endif
#endif
