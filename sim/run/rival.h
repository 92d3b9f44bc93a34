/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * How others update a fleet: one device after the other. Two clients by their own rules, in the same radio, against the
 * same model peripherals as the fleet of fleet.h, with nothing of the core:
 *
 *   stop-and-wait   one upload request, then its answer (Zephyr's img_mgmt_client: 384-octet frames, its interval)
 *   pipelined       a window of requests, go back where the answer says (the phone libraries' way)
 */
#ifndef SIM_RUN_RIVAL_H
#define SIM_RUN_RIVAL_H

#include "../air/limit.h"
#include <stdbool.h>

struct sim_rival_result {
	uint64_t one_ns;      /**< one device's upload, from its first request's turn to the last answer */
	uint64_t all_ns;      /**< `n` devices, each with its set-up */
	uint64_t rounds;      /**< upload requests of one device */
	uint32_t interval_us; /**< as used */
};

/** Window 1, 384-octet frames, no reassembly, CI 11.25 ms. @return false: it never gets to an end (flash starves) */
bool sim_rival_stop_and_wait(const struct sim_air_parameters *parameters, struct sim_rival_result *result);
/** The parameters' own window and frames, at limit.py's best interval for one link. */
bool sim_rival_pipelined(const struct sim_air_parameters *parameters, struct sim_rival_result *result);
/** One upload with the parameters as they are. @return its time; 0: no end in 300 s */
uint64_t sim_rival_upload_ns(const struct sim_air_parameters *parameters, uint32_t interval_us,
			     uint64_t *rounds);

#endif
