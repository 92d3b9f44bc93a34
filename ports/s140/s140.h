/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The core on Nordic's S140 SoftDevice (6.1, 7.x) as a central, without an RTOS. What is decided is decided in
 * ble_central.h; here are the SoftDevice's calls and events, its configuration, and the way from its interrupt to the
 * main loop: one queue, one door.
 *
 *     at start       dfucast_s140_enable() (or the product's own), dfucast_s140_init()
 *     interrupt      dfucast_s140_interrupt(), where the SoftDevice's events are nobody else's; or
 *                    dfucast_s140_observe(), from an observer of the SDK's nrf_sdh, beside a running application
 *     main loop      dfucast_s140_run() after each interrupt and at the time that it returns
 *
 * Everything but _interrupt and _observe is called from the main loop alone. All memory is in struct dfucast_s140 or
 * the caller's.
 */
#ifndef DFUCAST_S140_H
#define DFUCAST_S140_H

#include <dfucast/ble_central.h>
#include <dfucast/ble_door.h>
#include <stdatomic.h>

#include "sd_api.h"

/** Longest event with this ATT_MTU, bytes: a discovery's answer, four bytes of which become eight. */
#define DFUCAST_S140_EVENT_BYTES(mtu) (2u * (mtu) + sizeof(ble_evt_t))

/* ---- configuration of the SoftDevice ---- */

struct dfucast_s140_settings {
	uint8_t central_links;    /**< of all centrals' links, the application's too: 1 … 20 */
	uint8_t peripheral_links; /**< the application's own server; 0: none */
	uint8_t write_queue;      /**< writes without response for each link; 0: 1 */
	uint8_t vs_uuids;         /**< of the application; two more are ours */
	uint8_t tag;              /**< of this configuration; 0: 1 */
	uint8_t pairings;         /**< at the same time; 0: 1 */
	uint16_t att_mtu; /**< 23 … 247; 0: 247. At 247 no more than 15 or 16 links fit, see _ram_bytes */
	uint16_t
	    event_length; /**< × 1.25 ms, airtime of a link in each interval; 0: what fits, see _slot_us */
	uint16_t attr_tab_size; /**< of the own server; 0: 248, none to speak of */
};

/**
 * RAM that the SoftDevice asks for, bytes from 0x20000000, where the application's RAM begins: an estimate, above the RAM
 * start of every example of the SDK for S140 7.x that configures links, by 6 percent at most with centrals alone (event
 * length 6 … 320; tests/unit/s140_settings_test.c has them). A write that waits is taken to cost its own length. dfucast_s140_enable()
 * tells the truth.
 */
#define DFUCAST_S140_LINK_BYTES(att_mtu, write_queue)                                                        \
	(1250u + ((att_mtu)-23u) * 12u + ((write_queue)-1u) * (att_mtu))
#define DFUCAST_S140_RAM_BYTES(links, att_mtu, write_queue, vs_uuids)                                        \
	(6300u + (links)*DFUCAST_S140_LINK_BYTES(att_mtu, write_queue) + ((vs_uuids) + 2u) * 16u)
/**
 * What links can take of it: sd_ble_enable() says NO_MEM where the part that depends on the configuration is larger than
 * 64 KiB (ble.h of every S140), however much RAM there is.
 */
#define DFUCAST_S140_LINKS_BYTES (65536u - (6300u - 5752u))
/** Largest ATT_MTU up to 247 with which so many links fit, by the same estimate and 5 percent below the limit. */
#define DFUCAST_S140_MTU_FITS(links, write_queue)                                                            \
	((DFUCAST_S140_LINKS_BYTES * 95u / 100u / (links)-974u) / (11u + (write_queue)) < 247u               \
	     ? (DFUCAST_S140_LINKS_BYTES * 95u / 100u / (links)-974u) / (11u + (write_queue))                \
	     : 247u)
uint32_t dfucast_s140_ram_bytes(const struct dfucast_s140_settings *settings);
/** Most links that fit, by the same estimate. */
unsigned int dfucast_s140_links_max(uint16_t att_mtu, uint8_t write_queue);
/** The slot that event_length gives, for struct dfucast_ble_air; its default is 6 pairs of 251 bytes at 2M. */
uint32_t dfucast_s140_slot_us(const struct dfucast_s140_settings *settings);

/** What an ATT_MTU is not made shorter than before links are given up. */
#define DFUCAST_S140_MTU_LEAST 128u
/**
 * Makes do with so many bytes less (0: some; at most a quarter at once), by the estimate: a shorter ATT_MTU, then a queue of one, then fewer links.
 * The event length stays: it hardly costs RAM. @return false: there is nothing left to give
 */
bool dfucast_s140_less(struct dfucast_s140_settings *settings, uint32_t bytes);

/**
 * The two halves of dfucast_s140_enable(): before, and after. NO_MEM of the first is no end: sd_ble_enable() says how much
 * RAM it takes.
 */
uint32_t dfucast_s140_configure(const struct dfucast_s140_settings *settings, uint32_t ram_start);
/** A link alone on air goes on beyond its slot. */
uint32_t dfucast_s140_extend_events(void);

/**
 * Configures and enables the SoftDevice's BLE part (sd_softdevice_enable, or nrf_sdh_enable_request, come before).
 * @param ram_start in: where the application's RAM begins (linker symbol); out: where it must begin at least
 * @return NRF_SUCCESS; NRF_ERROR_NO_MEM: *ram_start is too low, see what is there now; else what the SoftDevice said
 */
uint32_t dfucast_s140_enable(const struct dfucast_s140_settings *settings, uint32_t *ram_start);
/**
 * The same with whatever fits: on NO_MEM with less and less, until the SoftDevice takes it. *settings is then what was
 * agreed on, for struct dfucast_s140_config. @p enable: sd_ble_enable, or the SDK's nrf_sdh_ble_enable
 */
uint32_t dfucast_s140_enable_fitting(struct dfucast_s140_settings *settings, uint32_t ram_start,
				     uint32_t (*enable)(uint32_t *ram_start));

/* ---- the port ---- */

/** What the port needs of its surroundings. Members that may be NULL say so. */
struct dfucast_s140_hooks {
	void *context;
	void (*mask)(void *context);   /**< the event interrupt off: NVIC_DisableIRQ(SD_EVT_IRQn) */
	void (*unmask)(void *context); /**< and on again. Not nested */
	void (*pend)(
	    void *context); /**< it comes again: NVIC_SetPendingIRQ(SD_EVT_IRQn); used with _interrupt only */
	/**
	 * Encrypt the link, pair if need be (apps/gateway_s140/pairing.h does it by the SDK's Peer Manager). Called with
	 * the interrupt masked. @p authenticated: its passkey is known, and less than a pairing by passkey is not enough.
	 * @return an NRF_ error; BUSY is asked again. NULL: not possible here.
	 */
	uint32_t (*secure)(void *context, uint16_t conn_handle, bool authenticated);
	/** An event that is none of ours, from the main loop; with _interrupt only. NULL: nobody wants it. */
	void (*application)(void *context, const ble_evt_t *event);
	/** Every advertisement, the application's scans' too. NULL: nobody wants it. */
	void (*advertisement)(void *context, const struct dfucast_ble_report *report);
};

struct dfucast_s140_config {
	struct dfucast_ble_central_config central; /**< value_bytes: at least att_mtu - 3 */
	struct dfucast_s140_hooks hooks;
	uintptr_t *queue;     /**< events on their way; 4 KiB are plenty */
	uint32_t queue_bytes; /**< at least four of the longest events */
	uint16_t att_mtu;     /**< as configured */
	uint8_t tag;          /**< as configured */
	bool active_scan;     /**< ask for scan responses: where names are looked for */
	/** The application answers what peers ask of every link (nrf_ble_gatt does): MTU, PHY, data length. */
	bool application_answers;
};

/** The queue: the interrupt writes at the head, the main loop reads at the tail. Entries lie in one piece. */
struct dfucast_s140_queue {
	uintptr_t *words; /**< as events are aligned */
	uint32_t count;
	_Atomic uint32_t head;
	_Atomic uint32_t tail;
	_Atomic bool starved; /**< events wait in the SoftDevice for want of room */
	_Atomic uint32_t
	    lost; /**< observed events that found no room: notifications and advertisements go first */
};

struct dfucast_s140 {
	struct dfucast_ble_central central;
	struct dfucast_s140_config config;
	struct dfucast_ble_door door; /**< the interrupt's */
	struct dfucast_s140_queue queue;
	uint8_t service_type; /**< UUID types that the SoftDevice gave the two bases */
	uint8_t characteristic_type;
	uint8_t scan_buffer[BLE_GAP_SCAN_BUFFER_MAX];
	/** What peers asked for and is not answered yet: a bit for each connection's number. */
	uint32_t phy_due, length_due, mtu_due, attributes_due, passkey_due;
	uint8_t due_opening[DFUCAST_BLE_HANDLES_MAX]; /**< which connection under the number asked */
	bool retry;
	uint32_t starvations; /**< times the queue was full */
};

/** @return NRF_SUCCESS, or what sd_ble_uuid_vs_add() said: NRF_ERROR_NO_MEM means settings.vs_uuids is too low. */
uint32_t dfucast_s140_init(struct dfucast_s140 *port, const struct dfucast_s140_config *config);

/** From SD_EVT_IRQn: fetches events. */
void dfucast_s140_interrupt(struct dfucast_s140 *port);
/** From an observer, at any interrupt level or from the main loop (where that is nrf_sdh's dispatch model). */
void dfucast_s140_observe(struct dfucast_s140 *port, const ble_evt_t *event);

/**
 * Encrypting a link came to nothing without an event of the SoftDevice that says so: the peer has lost its keys, or paired
 * with less than was wanted. From where events come. @p status: a BLE_GAP_SEC_STATUS_ or anything else but 0
 */
void dfucast_s140_not_secured(struct dfucast_s140 *port, uint16_t conn_handle, uint8_t status);

/** One round: events, then what follows from them. @return when to call again at the latest. */
uint32_t dfucast_s140_run(struct dfucast_s140 *port, uint32_t now);

/**
 * Lends a link of the application's to the central, for this target (ble_central.h). @p params: as the link has them;
 * @p att_mtu: as agreed, 0: not exchanged. @return false: not possible now, or the link is gone.
 */
bool dfucast_s140_adopt(struct dfucast_s140 *port, uint16_t conn_handle, uint16_t target,
			const ble_gap_conn_params_t *params, uint16_t att_mtu, uint32_t now);
/** The same in two steps, for dfucast_ble_fleet_offer(): all of *offer but its target. @return false: the link is gone. */
bool dfucast_s140_offer(struct dfucast_s140 *port, uint16_t conn_handle, const ble_gap_conn_params_t *params,
			uint16_t att_mtu, struct dfucast_ble_offer *offer);
/** @return true: the application has its link to itself, as it was. False: it is in use. */
bool dfucast_s140_release(struct dfucast_s140 *port, uint16_t conn_handle);
/** True while the central works on this link. */
bool dfucast_s140_uses(struct dfucast_s140 *port, uint16_t conn_handle);

#endif
