/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Advertisements: who is an updatable device, by which protocol, under which name, and how often it is heard. No state
 * but what the caller keeps. What comes in is from the air: nothing in it can do harm. Callable from anywhere.
 */
#ifndef DFUCAST_BLE_SCAN_H
#define DFUCAST_BLE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A device address. */
struct dfucast_ble_address {
	uint8_t
	    type; /**< 0 public, 1 random static, 2 resolvable private, 3 private: as the stacks number them */
	uint8_t bytes[6]; /**< least significant first, as on air */
};

bool dfucast_ble_address_equal(const struct dfucast_ble_address *a, const struct dfucast_ble_address *b);

/** Longest text of an address: "AA:BB:CC:DD:EE:FF,random". */
#define DFUCAST_BLE_ADDRESS_TEXT 24u

/**
 * An address as people write it: six bytes in hex, most significant first, with colons; ",random" behind it where it is
 * not public, "ble:" may stand in front. @return false: that is none
 */
bool dfucast_ble_address_parse(const char *text, size_t length, struct dfucast_ble_address *address);
/** @p text holds at least DFUCAST_BLE_ADDRESS_TEXT bytes; no NUL. @return its length */
size_t dfucast_ble_address_format(const struct dfucast_ble_address *address, char *text);

/** One advertisement or scan response. `data` is valid only during the call it is given to. */
struct dfucast_ble_report {
	struct dfucast_ble_address address;
	int8_t rssi;
	bool connectable;
	uint16_t length;
	const uint8_t *data; /**< AD structures: length, type, content */
};

enum dfucast_ble_protocol {
	DFUCAST_BLE_PROTOCOL_NONE, /**< none that is advertised; an SMP server need not advertise its service */
	DFUCAST_BLE_PROTOCOL_SMP,
	DFUCAST_BLE_PROTOCOL_SECURE_DFU, /**< FE59 */
	DFUCAST_BLE_PROTOCOL_LEGACY_DFU, /**< 00001530-1212-EFDE-1523-785FEABCD123 */
	DFUCAST_BLE_PROTOCOL_TI_OAD,     /**< F000FFC0-0451-4000-B000-000000000000, or FFC0 */
};

/** "none", "smp", "secure-dfu", "legacy-dfu", "ti-oad"; static storage. */
const char *dfucast_ble_protocol_name(enum dfucast_ble_protocol protocol);

/** What one report says. */
struct dfucast_ble_adv {
	uint8_t protocol; /**< enum dfucast_ble_protocol */
	uint8_t name_length;
	const uint8_t *name; /**< into the report's data, not terminated; NULL: none in this report */
};

/** A name and a service may come in two reports, the advertisement and the scan response. */
void dfucast_ble_adv_look(const struct dfucast_ble_report *report, struct dfucast_ble_adv *adv);

/** @p wanted: a name, or the beginning of one and `*`. @return false also where the report holds no name. */
bool dfucast_ble_name_matches(const struct dfucast_ble_adv *adv, const char *wanted);

/** How often one device advertises, learned from when it is heard. Zero-initialise. */
struct dfucast_ble_period {
	uint32_t seen_ms;
	uint16_t
	    period_ms; /**< 0: heard once at most. Never shorter than the truth, but for its jitter of 10 ms */
	bool seen;
};

/** It was heard now. What comes within 5 ms is the same event on another channel. */
void dfucast_ble_period_heard(struct dfucast_ble_period *period, uint32_t now);

/**
 * How long a connection attempt may take: connecting means to hear it once more, which a second try must allow for
 * when it advertises seldom. @return 2000 … 25000
 */
uint32_t dfucast_ble_connect_ms(const struct dfucast_ble_period *period);

#ifdef __cplusplus
}
#endif
#endif
