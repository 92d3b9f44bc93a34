/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * How links share one radio, and the connection parameters that follow. Numbers in, numbers out: no state, no link.
 *
 * All links of a central get one common interval, and in it a slot each. In a slot fit whole pairs of packets (251 bytes
 * out, an empty one or an answer back); what is left of it is wasted, so slots come from pairs and the interval from
 * slots, never the other way round. Between two of a peer's events its flash must find room for one operation.
 *
 * Callable from anywhere.
 */
#ifndef DFUCAST_BLE_PARAMS_H
#define DFUCAST_BLE_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Connection parameters as on air (Core specification, vol 6, part B, 4.5). All zero: not known. */
struct dfucast_ble_params {
	uint16_t interval; /**< × 1.25 ms, 6 … 3200 */
	uint16_t latency;  /**< events that the peripheral may sleep through, 0 … 499 */
	uint16_t timeout;  /**< supervision timeout, × 10 ms, 10 … 3200 */
};

/** What a peripheral asks for. */
struct dfucast_ble_params_asked {
	uint16_t interval_min, interval_max;
	uint16_t latency;
	uint16_t timeout;
};

/** Numbers as the stacks have them. */
enum dfucast_ble_phy { DFUCAST_BLE_PHY_1M = 1, DFUCAST_BLE_PHY_2M = 2 };

/** What one radio can do. A zero takes the value named beside it. */
struct dfucast_ble_air {
	uint8_t phy; /**< enum dfucast_ble_phy; 0: 2M */
	bool encrypted;
	uint16_t pdu_bytes; /**< largest link layer payload, 27 … 251; 0: 251 */
	uint16_t guard_us;  /**< of each connection event, lost to its start and end; 0: 400 */
	uint16_t
	    pairs_max; /**< in one event; 0: 10, one request of a server with buffers of 2475 bytes. With more,
				* answers come later and a lost packet costs more. Buffers of 384 bytes: 6 */
	uint16_t interval_min; /**< × 1.25 ms; 0: 24 */
	uint16_t interval_max; /**< × 1.25 ms; 0: 320 */
	uint32_t slot_us;      /**< of a link's event, where the stack was configured with one; 0: free */
	uint32_t
	    reserved_us; /**< of each interval that belongs to others: the application's links, its scanner */
	uint32_t flash_us; /**< a peer's flash operation, which needs that much between two events; 0: 7500,
				* pages erased in parts. 89700 where a whole page is erased at once */
};

struct dfucast_ble_slots {
	uint16_t interval; /**< × 1.25 ms */
	uint8_t pairs;     /**< in each event of each link */
	uint32_t slot_us;  /**< what to configure as a link's event length, where the stack lets one */
};

/** Length of one pair: a full packet, an empty one, two inter-frame spaces. */
uint32_t dfucast_ble_pair_us(const struct dfucast_ble_air *air);

/**
 * The shortest interval within a thirty-fifth of the best rate that @p links links can have at once; 0 counts as 1.
 * Beside the best interval that a simulation of server and flash finds, an upload takes 1.05 times as long on average
 * over 1 … 20 links and guards of 150 … 1000 us, 1.16 times at worst (tests/sim/ble_slots_test.c).
 * @return false: not even one pair a link fits interval_max; *slots is then interval_max and one pair.
 */
bool dfucast_ble_slots_plan(const struct dfucast_ble_air *air, unsigned int links,
			    struct dfucast_ble_slots *slots);

/** A supervision timeout that survives a flash erase and six lost events: at least 4 s, at most 32 s. */
struct dfucast_ble_params dfucast_ble_params_make(unsigned int interval, unsigned int latency);

/**
 * Whether a peripheral's wish is met by what the link has or is about to get: then it may be agreed to, with @p ours.
 * Stock smp_svr asks for a timeout of 420 ms, in which no flash erase fits: that is refused like everything else.
 */
bool dfucast_ble_params_agree(const struct dfucast_ble_params *ours,
			      const struct dfucast_ble_params_asked *asked);

/** Scanner's interval and window, × 0.625 ms. */
struct dfucast_ble_duty {
	uint16_t interval;
	uint16_t window;
};

/** All the time where no link is up (@p links 0); else in what the links' slots leave over, at least 2.5 ms a second. */
struct dfucast_ble_duty dfucast_ble_scan_duty(const struct dfucast_ble_air *air,
					      const struct dfucast_ble_slots *slots, unsigned int links);

#ifdef __cplusplus
}
#endif
#endif
