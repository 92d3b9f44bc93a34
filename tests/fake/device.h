/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Peripherals as the fakes of radio stacks have them: a model SMP server, its attributes, its advertisement, and how
 * awkward it is.
 */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../sim/peer/peer.h"

#define FAKE_NOBODY 0xFFFFu
#define FAKE_DIGITS 42017u
#define FAKE_RSSI (-70)
#define FAKE_NOTICE_MS 1000u
#define FAKE_HCI_TIMEOUT 0x08u

/* The SMP server's attributes, and one of the application's. */
enum {
	FAKE_SERVICE = 0x10,
	FAKE_DECLARATION = 0x11,
	FAKE_VALUE = 0x12,
	FAKE_CCC = 0x13,
	FAKE_LAST = 0x13,
	FAKE_OTHER_VALUE = 0x22,
	FAKE_OTHER_CCC = 0x23,
};

enum fake_security {
	FAKE_OPEN,
	FAKE_ASKS,    /**< its CCC cannot be written before the link is encrypted */
	FAKE_SILENT,  /**< it throws unencrypted writes away */
	FAKE_REFUSES, /**< as FAKE_ASKS, and pairing fails */
	FAKE_PASSKEY, /**< as FAKE_ASKS, and nothing less than the passkey 042017 will do */
	FAKE_MUTE,    /**< as FAKE_ASKS, and does not answer a pairing */
};

struct fake_device {
	struct sim_peer *peer; /**< the caller's; the radio's alone while the fake runs */
	uint16_t mtu;
	uint8_t security;      /**< enum fake_security */
	uint8_t params_wishes; /**< times it asks for smp_svr's stock parameters, a second apart */
	bool asks;             /**< for another PHY, data length and MTU by itself */
	bool wants_security;   /**< sends a security request, whatever its server wants */
	bool forgets;          /**< its bonds, when it restarts */
	bool has_keys;         /**< of a bond with us */
	uint32_t boots;        /**< the fake's own: when last connected */
	uint8_t deaf; /**< attribute procedures that it leaves unanswered, each on a connection of its own */
	bool old;     /**< Bluetooth 4.0: no PHYs, no long packets, no ATT_MTU exchange */
	bool no_phy;  /**< does not answer a PHY update */
	bool no_service; /**< is something else */
	bool owned;      /**< connected to the application from the start, and again after each drop */
};

/** What happened, for tests to see that it did. A fake counts what its stack has. */
struct fake_counts {
	uint32_t connects;
	uint32_t drops;
	uint32_t busy;
	uint32_t no_credit;
	uint32_t reused;       /**< numbers of connections given to another device than before */
	uint32_t late;         /**< events of an old connection behind such a reuse */
	uint32_t preempted;    /**< interrupts while the program was at work */
	uint32_t misdirected;  /**< values written to another device than meant */
	uint32_t reports;      /**< advertisements */
	uint32_t wishes;       /**< parameters, PHYs, lengths, MTUs that peripherals asked for */
	uint32_t refused;      /**< parameters refused */
	uint32_t unanswered;   /**< wishes that were still open when the link ended by itself or at the end */
	uint32_t ending;       /**< calls for connections that had just ended */
	uint32_t deaf;         /**< attribute procedures left unanswered */
	uint32_t att_timeouts; /**< and those that timed out before the link ended */
	uint32_t old;          /**< procedures that a peer does not know */
	uint32_t pairings;
	uint32_t keys_lost;   /**< encryptions with a key that the peer had forgotten */
	uint32_t thrown_away; /**< writes of unencrypted links */
	uint32_t notices;     /**< the application's own notifications, of owned devices */
};

/** Its address is its index: a static random one. Lowest byte first. */
void fake_address(uint16_t device, uint8_t bytes[6]);
/** What it advertises: the SMP service. */
extern const uint8_t fake_advertisement[21];
/** smp_svr's stock parameters: 7.5 … 11.25 ms, 420 ms. */
enum { FAKE_WISH_INTERVAL_MIN = 6, FAKE_WISH_INTERVAL_MAX = 9, FAKE_WISH_TIMEOUT = 42 };

/** Writing the CCC is an error on this link. */
bool fake_ccc_needs_security(const struct fake_device *device, bool encrypted);
/** The same by level of security: 1 none, 2 encrypted, 3 authenticated. */
uint8_t fake_level_needed(const struct fake_device *device);
/** How a pairing ends. */
bool fake_pairs(const struct fake_device *device, bool key_right);
/** What is written on this link is thrown away. */
bool fake_is_deaf(const struct fake_device *device, bool encrypted);

/** A server's answer on its way, notification by notification. */
struct fake_answer {
	uint8_t bytes[4096];
	size_t length;
	size_t position;
};

/** The next one, if the last is out. @return true: there is a new one */
bool fake_answer_next(struct fake_answer *answer, struct sim_peer *peer, uint32_t now);
bool fake_answer_waits(const struct fake_answer *answer);
/** The next notification of it. @return its length */
size_t fake_answer_part(struct fake_answer *answer, uint16_t mtu, const uint8_t **bytes);

/** All of them, in front of all else that is due. */
void fake_devices_tick(const struct fake_device *devices, uint16_t count, uint32_t now);
void fake_devices_earlier(const struct fake_device *devices, uint16_t count, uint32_t now, uint32_t *next);

#endif
