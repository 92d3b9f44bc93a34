/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A whole run in virtual time: N model peripherals around one central's radio, the real core on the central's side,
 * a host that delivers the image at its UART's rate. One seed: the same options give the same run, event by event, on
 * every compiler and word size.
 *
 *     struct sim_fleet_options options;
 *     sim_fleet_defaults(&options);
 *     fleet = sim_fleet_create(&options);
 *     while (sim_fleet_step(fleet, sim_fleet_now(fleet) + 100 ms))
 *             … sim_fleet_status() …
 *     sim_fleet_violation(fleet) must be NULL
 *     sim_fleet_free(fleet);
 */
#ifndef SIM_RUN_FLEET_H
#define SIM_RUN_FLEET_H

#include "../air/radio.h"
#include <dfucast/gateway.h>
#include <stdio.h>

#define SIM_FLEET_LINKS_MAX 20u
#define SIM_FLEET_NOBODY UINT32_MAX
#define SIM_FLEET_BOARDS_BYTES 128u
#define SIM_FLEET_BOARD_BYTES 64u

/** What goes wrong, beside `per_ppm`. Devices are indexes, SIM_FLEET_NOBODY: none. */
struct sim_fleet_faults {
	uint32_t slow; /**< this device's link loses slow_ppm of its pairs */
	uint32_t slow_ppm;
	uint32_t slow_from_ms;  /**< from this time on */
	uint32_t drops;         /**< so many links end without warning, at times and devices of the seed */
	uint32_t never_returns; /**< its new image boots and is never heard of */
	uint32_t reverts;       /**< the same, but a watchdog resets it: MCUboot goes back */
	uint32_t power;         /**< this device loses power in the middle of a flash operation */
	uint32_t power_loss;    /**< which one, counted from 1 */
};

struct sim_fleet_options {
	struct sim_air_parameters air; /**< limit.py's options; ci_us 0: sim_air_interval_us() */
	struct sim_fleet_faults faults;
	uint64_t seed;
	uint32_t
	    links; /**< open at once, at most SIM_FLEET_LINKS_MAX; 0: as many as there are peers, or the most */
	uint32_t
	    connect_us; /**< the initiator finds an advertiser; one at a time. The rest of the set-up overlaps */
	uint32_t limit_s;        /**< virtual time after which a device that has not ended is a violation */
	uint32_t drop_window_ms; /**< the drops happen within so long of the start */
	uint32_t canary, barrier, max_failed;
	uint32_t gather_ms, straggle_ms; /**< struct dfucast_cast_config's; straggle_ms 0: its default */
	uint8_t mode;                    /**< enum dfucast_update_mode */
	/** Boards that the devices tell, with commas between: device i has the (i mod count)-th, "-" tells none. Their
	 *  names are sim-0, sim-1 … */
	char boards[SIM_FLEET_BOARDS_BYTES];
	uint32_t
	    boot_mode; /**< the peers' bootloader, enum dfucast_boot_mode; SIM_FLEET_NOBODY: as air.swap has it */
	uint32_t no_storage; /**< the peers have no group to erase their settings with */
	uint32_t runs_slot;  /**< where it can run from either: slot of the image that runs at first */
	/* A real image instead of a made one, or a set of two (the devices are built for two then): both or none, the
	 * caller's memory while the fleet lives. */
	const uint8_t *image;                   /**< air.image bytes */
	const struct dfucast_update_plan *plan; /**< copied; its `mode` counts */
	/** A gateway instead of a fan-out of our own: its image, links_max and gates count, its host is the caller's
	 *  business. Initialised, with at least air.n targets whose address is their number in two bytes, low first;
	 *  it must outlive the fleet. The run then ends only at limit_s. NULL: none. */
	struct dfucast_gateway *gateway;
	FILE *trace; /**< one line an event; NULL: none */
};

void sim_fleet_defaults(struct sim_fleet_options *options);
struct sim_peer_config;
/** What the options say of each device, faults and board apart. */
void sim_fleet_peer_config(const struct sim_fleet_options *options, struct sim_peer_config *config);
/** The board of device @p index out of a list as in `boards`. @return NULL: it tells none; else @p board */
const char *sim_fleet_board(const char *boards, uint32_t index, char board[SIM_FLEET_BOARD_BYTES]);
/**
 * "seed=1&image_kb=256&loss=0.01&n=8&slow=3&slow_loss=0.3&drops=2&never_returns=1&reverts=2&power=0&power_loss=7&links=4"
 * "mode=4&slot=1" (bootloader mode, slot that runs) and all of limit.py's names. @return NULL; or what is wrong, static storage, with *at at the key.
 */
const char *sim_fleet_parse(struct sim_fleet_options *options, const char *text, const char **at);

struct sim_fleet_statistics {
	uint64_t first_upload_ns;               /**< the first upload request's first PDU on air */
	uint64_t last_first_ns;                 /**< the last device's first upload request */
	uint64_t last_acked_ns;                 /**< the last answer that named the image's end */
	uint64_t last_verified_ns;              /**< the last device showed the whole image in its slot */
	uint64_t first_reset_ns, last_reset_ns; /**< reset requests taken by peers */
	struct sim_radio_statistics radio;
	struct sim_radio_statistics upload; /**< the radio's, from first_upload_ns to last_acked_ns */
	uint64_t host_octets;               /**< on the UART */
	uint64_t image_bytes_fed;
	uint64_t sent_bytes;      /**< image data to all devices */
	uint64_t duplicate_bytes; /**< image bytes that a device wrote twice without need */
	uint32_t window_peak;
	uint32_t lost_for_buffers; /**< requests that found no netbuf */
	uint32_t no_memory;        /**< requests answered with ENOMEM */
	uint32_t passes;
	uint32_t acked; /**< devices whose image was acknowledged to its end */
	uint32_t interval_us;
	uint32_t drops;
	uint32_t boots;
	uint32_t swap_resumes; /**< swaps cut by a power loss and gone on with */
};

struct sim_fleet;

/** @return NULL when the options make no sense (sim_air_invalid()). */
struct sim_fleet *sim_fleet_create(const struct sim_fleet_options *options);
void sim_fleet_free(struct sim_fleet *fleet);
/** Runs up to @p until_ns, included. @return false: everything has ended, or a violation was found. */
bool sim_fleet_step(struct sim_fleet *fleet, uint64_t until_ns);
void sim_fleet_run(struct sim_fleet *fleet);
/** With a gateway: after a call of it, or of its frame source; what it wants of its links is done. */
void sim_fleet_touch(struct sim_fleet *fleet);
/** The central loses power: its links are gone, the peers go on. The gateway is to be initialised anew then. */
void sim_fleet_central_reset(struct sim_fleet *fleet);
/** dfucast_cast_stop() at this moment, and what follows from it; goes on with sim_fleet_step(). */
void sim_fleet_stop(struct sim_fleet *fleet, enum dfucast_err why);
uint64_t sim_fleet_now(const struct sim_fleet *fleet);
/** The fan-out that runs, to look at. */
const struct dfucast_cast *sim_fleet_cast(const struct sim_fleet *fleet);
uint16_t sim_fleet_count(const struct sim_fleet *fleet);
void sim_fleet_status(const struct sim_fleet *fleet, uint16_t device, struct dfucast_status *status);
void sim_fleet_statistics(const struct sim_fleet *fleet, struct sim_fleet_statistics *statistics);
/** Time from the first upload request sent to the last byte acknowledged; 0: not every device took all of it. */
uint64_t sim_fleet_upload_ns(const struct sim_fleet *fleet);
/** When the device's last byte was acknowledged; 0: not yet. */
uint64_t sim_fleet_acked_ns(const struct sim_fleet *fleet, uint16_t device);
/** Requests it got that change something: erase, first chunk, set-state. */
uint32_t sim_fleet_writes(const struct sim_fleet *fleet, uint16_t device);
/** ratio_to_limit in millionths; 0: not to be said (resume, waves, a device that did not take all of it). */
uint32_t sim_fleet_ratio_ppm(const struct sim_fleet *fleet);
/** Over every event so far, with its time. */
uint64_t sim_fleet_hash(const struct sim_fleet *fleet);
/** What must never be and was; NULL: nothing. */
const char *sim_fleet_violation(const struct sim_fleet *fleet);

/** The interval with the shortest upload among @p candidates (0-terminated; NULL: limit.py's), by running them. */
uint32_t sim_fleet_sweep(const struct sim_fleet_options *options, const uint32_t *candidates,
			 uint64_t *upload_ns);

#endif
