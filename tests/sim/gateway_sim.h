/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A gateway in virtual time: the real gateway core, the simulator's radio and peers behind it, and in front of it a
 * host that behaves as stock clients were seen to: one request at a time, its next offset is the one answered.
 */
#ifndef GATEWAY_SIM_H
#define GATEWAY_SIM_H

#include <dfucast/gateway.h>
#include <mbedtls/sha256.h>

#include "../../sim/peer/peer.h"
#include "../../sim/run/fleet.h"

#define GATEWAY_SIM_TARGETS_MAX 100u
#define GATEWAY_SIM_FRAME_BYTES 2475u

enum gateway_sim_host {
	GATEWAY_SIM_OBEYS,
	/** Zephyr's img_mgmt_client: the offset is the one answered, the data pointer goes on by itself. */
	GATEWAY_SIM_OWN_COUNT,
};

struct gateway_sim {
	/* set before gateway_sim_begin() */
	struct sim_fleet_options options; /**< n, loss, faults; image is of air.image bytes */
	struct dfucast_gateway_config config;
	uint32_t ring_bytes;
	uint32_t frame_bytes; /**< of the host's requests, at most GATEWAY_SIM_FRAME_BYTES */
	uint32_t baud;        /**< of the host's wire, console framing */
	enum gateway_sim_host host;
	bool any_image;        /**< the peers' checker does not know the image */
	bool no_sha;           /**< the first chunk carries none */
	uint32_t silent_at;    /**< at this offset the host falls silent; 0: never */
	uint32_t silent_ms;    /**< for so long; 0: for good */
	uint32_t timeout_ms;   /**< of the host, for an answer */
	uint32_t first_answer; /**< at most, ms, of any first chunk's answer */

	/* results */
	uint8_t answer[GATEWAY_SIM_FRAME_BYTES];
	size_t answer_bytes;
	uint32_t requests;
	uint32_t waited_ms;        /**< for answers, their time on the wire not counted */
	uint32_t longest_ms;       /**< longest wait for an answer */
	uint32_t wire_bytes;       /**< image bytes sent on the wire */
	uint32_t backwards;        /**< times the answer named an earlier offset */
	uint32_t parked;           /**< one-byte requests at the image's end */
	uint32_t peak_pause_links; /**< links open after the silence had lasted long enough */

	struct dfucast_gateway gateway;
	struct sim_fleet *fleet;
	uint8_t *image;
	uint32_t image_bytes;
	uint8_t sha[32];
	uint8_t sequence;

	struct dfucast_update devices[GATEWAY_SIM_TARGETS_MAX];
	struct dfucast_cast_target cast_targets[GATEWAY_SIM_TARGETS_MAX];
	struct dfucast_gateway_target targets[GATEWAY_SIM_TARGETS_MAX];
	struct dfucast_gateway_target defaults[GATEWAY_SIM_TARGETS_MAX];
	struct dfucast_smp_fleet_event log[2048];
	struct dfucast_gateway_port port;
	mbedtls_sha256_context hashes[2];
	uint32_t sums[128];
	uint8_t gateway_answer[1024];
	uint8_t relay[512];
	uint8_t *ring;
	uint32_t resets; /**< of the gateway itself */
};

/** @p keys: of the simulated fleet, as "n=4&loss=0.01". */
struct gateway_sim *gateway_sim_new(const char *keys, uint32_t image_bytes);
void gateway_sim_begin(struct gateway_sim *sim);
void gateway_sim_free(struct gateway_sim *sim);

uint32_t gateway_sim_now(const struct gateway_sim *sim);
/** Lets time pass. */
void gateway_sim_wait(struct gateway_sim *sim, uint32_t ms);
/** Sends a frame and waits for its answer, which is then in sim->answer. @return false: none came in time. */
bool gateway_sim_request(struct gateway_sim *sim, const uint8_t *frame, size_t length);
/** The answer's error. */
struct dfucast_smp_error gateway_sim_error(const struct gateway_sim *sim);

/** Uploads the image as a stock client does. @return true: the last answer was the image's length */
bool gateway_sim_upload(struct gateway_sim *sim);
bool gateway_sim_test(struct gateway_sim *sim);
bool gateway_sim_reset(struct gateway_sim *sim);
bool gateway_sim_confirm(struct gateway_sim *sim);
/** A command of the fleet's group without a body. */
bool gateway_sim_command(struct gateway_sim *sim, enum dfucast_smp_fleet_command command);
/** A plan for targets "0" … "count-1". @return false: refused */
bool gateway_sim_plan(struct gateway_sim *sim, struct dfucast_smp_fleet_plan *plan, uint16_t count);
/** The same, each with a list of its own; NULL: without one. */
bool gateway_sim_plan_own(struct gateway_sim *sim, struct dfucast_smp_fleet_plan *plan,
			  const struct dfucast_match *const *own, uint16_t count);
/** Relays a frame to target @p index. @return true: the target answered, and *inner is its frame */
bool gateway_sim_relay(struct gateway_sim *sim, uint16_t index, const uint8_t *frame, size_t length,
		       const uint8_t **inner, size_t *inner_bytes);
/** Waits until every target has ended. @return false: not within @p ms */
bool gateway_sim_until_over(struct gateway_sim *sim, uint32_t ms);
unsigned int gateway_sim_count(struct gateway_sim *sim, enum dfucast_state state);

#endif
