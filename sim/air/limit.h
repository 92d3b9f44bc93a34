/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What a fleet update can take at best: the bounds of bench/limit.py in C, in whole nanoseconds. Same names, units and
 * defaults; tests/sim/limit_test.py holds the two together.
 */
#ifndef SIM_AIR_LIMIT_H
#define SIM_AIR_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NS_PER_US UINT64_C(1000)
#define SIM_NS_PER_MS UINT64_C(1000000)
#define SIM_NS_PER_S UINT64_C(1000000000)
#define SIM_T_IFS_NS (150u * SIM_NS_PER_US)

enum sim_air_phy { SIM_AIR_1M, SIM_AIR_2M, SIM_AIR_S2, SIM_AIR_S8 };
enum sim_air_erase { SIM_AIR_ERASE_PROGRESSIVE, SIM_AIR_ERASE_UPFRONT, SIM_AIR_ERASE_NONE };
enum sim_air_framing { SIM_AIR_COBS, SIM_AIR_RAW, SIM_AIR_CONSOLE };
enum sim_air_swap { SIM_AIR_SWAP_MOVE, SIM_AIR_SWAP_OFFSET, SIM_AIR_SWAP_OVERWRITE, SIM_AIR_SWAP_NONE };

/** The options of limit.py, in its order. Switches are 0 or 1, choices the enums above. */
struct sim_air_parameters {
	uint32_t n;              /**< peers */
	uint32_t image;          /**< bytes */
	uint32_t phy;            /**< enum sim_air_phy */
	uint32_t dle;            /**< LL payload, octets */
	uint32_t mtu;            /**< ATT_MTU */
	uint32_t mic;            /**< encrypted links */
	uint32_t ci_us;          /**< connection interval; 0: chosen */
	uint32_t guard_us;       /**< per connection event: set-up and close */
	uint32_t buf;            /**< server's SMP frame limit */
	uint32_t bufs;           /**< server's netbufs, requests and responses */
	uint32_t window;         /**< requests in flight; 0: bufs - 1 */
	uint32_t reassembly;     /**< frames may span ATT values */
	uint32_t erase_page_us;  /**< one page */
	uint32_t erase_over_pct; /**< set-up cost of partial erases */
	uint32_t word_us;        /**< 32-bit word */
	uint32_t word_sw_us;     /**< driver cost per word */
	uint32_t page;           /**< bytes */
	uint32_t erase;          /**< enum sim_air_erase */
	uint32_t flash_slot_us;  /**< flash works beside the radio in slots of this size; 0: in any gap */
	uint32_t erase_slot_us;  /**< the same for erasing */
	uint32_t couple;         /**< flash and radio of a peer exclude each other */
	uint32_t req_cpu_us;     /**< server CPU per request */
	uint32_t host_us;        /**< central: response in, next request queued */
	uint32_t baud;           /**< host link; 0: none, the image is there at once (not in limit.py) */
	uint32_t framing;        /**< enum sim_air_framing */
	uint32_t uart_chunk;     /**< payload per UART frame */
	uint32_t ram_window;     /**< ring, bytes */
	uint32_t setup_us;       /**< connect, MTU, DLE, PHY, discovery, CCCD, params */
	uint32_t swap;           /**< enum sim_air_swap */
	uint32_t per_ppm;        /**< loss per LL PDU pair */
	/*
	 * Not in limit.py: Zephyr's smp_svr on Zephyr's controller (docs/zephyr.md). With abort_us each operation of its
	 * flash ends the connection event that is under way, works so long after it was asked for, and to its end,
	 * whatever events it meets, which the peer does not hear. 0: flash works beside the radio, in slots.
	 */
	uint32_t abort_us;
	uint32_t flash_block; /**< with it: bytes of one write operation */
	uint32_t acked; /**< the server takes the next request when its answer was acknowledged on air */
};

/** limit.py's defaults: scenario A for 8 peers. */
void sim_air_defaults(struct sim_air_parameters *p);
/** Scenario 'A' … 'I' of limit.py's table, otherwise as the defaults. @return false: no such letter */
bool sim_air_scenario(struct sim_air_parameters *p, char letter);
/** Sets one option by limit.py's name, '-' and '_' alike. @return 0; -1: no such name; -2: bad value */
int sim_air_set(struct sim_air_parameters *p, const char *name, size_t name_length, const char *value,
		size_t value_length);
/** @return NULL, or what about these values no radio, server or ring can do. */
const char *sim_air_invalid(const struct sim_air_parameters *p);

/** Air time of one data PDU with @p octets of L2CAP, MIC not counted. */
uint64_t sim_air_pdu_ns(const struct sim_air_parameters *p, uint32_t octets);
/** A PDU down, a PDU up, and the two spaces behind them. */
uint64_t sim_air_pair_ns(const struct sim_air_parameters *p, uint32_t down, uint32_t up);

uint32_t sim_air_window(const struct sim_air_parameters *p);
uint32_t sim_air_frame_limit(const struct sim_air_parameters *p);

/** One upload request of the plan. */
struct sim_air_request {
	uint32_t offset;
	uint32_t data;
	uint32_t frame;    /**< SMP octets */
	uint32_t pdus;     /**< LL PDUs */
	uint32_t response; /**< LL payload of the answer */
	uint64_t air_ns;   /**< all its PDU pairs, the response in place of the first ack */
	uint64_t
	    first_ns; /**< the same with empty acks only, without MIC: limit.py's time of a first frame */
};
/** The request that starts at @p offset; offset < image. */
void sim_air_request_at(const struct sim_air_parameters *p, uint32_t offset, struct sim_air_request *request);
/** LL payload of PDU @p index of a frame of @p frame octets; 0: it has no such PDU. */
uint32_t sim_air_frame_pdu(const struct sim_air_parameters *p, uint32_t frame, uint32_t index);

uint64_t sim_air_uart_ns(const struct sim_air_parameters *p, uint32_t bytes);
uint64_t sim_air_radio_peer_ns(const struct sim_air_parameters *p);
void sim_air_flash_ns(const struct sim_air_parameters *p, uint64_t *erase, uint64_t *write);
uint64_t sim_air_swap_ns(const struct sim_air_parameters *p);

enum sim_air_bound { SIM_AIR_BY_UART, SIM_AIR_BY_RADIO, SIM_AIR_BY_PEER };
struct sim_air_bounds {
	uint64_t uart, radio, peer;
	uint64_t limit; /**< T_limit: the largest of the three */
	uint64_t radio_peer, flash_erase, flash_write;
	uint32_t requests;
	uint32_t pdus; /**< LL PDUs of one peer's upload */
	uint8_t by;    /**< enum sim_air_bound */
};
void sim_air_bounds(const struct sim_air_parameters *p, struct sim_air_bounds *bounds);
/** "uart", "radio", "peer" */
const char *sim_air_bound_name(uint8_t by);

/**
 * The connection interval for @p links links, in us, a multiple of 1.25 ms, from what the central can know at its
 * start: the measured guard, PHY, sizes, the peers' buffers and flash. The shortest one within half a percent of the
 * best prediction: a long slot loses more with each lost pair.
 */
uint32_t sim_air_interval_us(const struct sim_air_parameters *p, uint32_t links);
/**
 * The model behind it: how long one upload takes in a slot of interval / links, event by event, as limit.py's
 * simulate(), the window of its own and not the neighbours'. 0: it does not work (no room for a pair, or the flash
 * never gets a slot).
 */
uint64_t sim_air_predict_ns(const struct sim_air_parameters *p, uint32_t links, uint32_t interval_us);

#endif
