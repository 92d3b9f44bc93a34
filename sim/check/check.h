/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What must hold whatever goes wrong, watched from outside the core:
 *
 *   - no device ever starts an image that was not sent whole: what boots is the factory's image or the job's, every byte
 *   - image bytes land where they belong
 *   - a confirmed device stays confirmed
 *   - requests in flight never exceed the device's buffers minus one, and none is answered with ENOMEM
 *   - states that are final stay final, and everybody gets there in time
 */
#ifndef SIM_CHECK_CHECK_H
#define SIM_CHECK_CHECK_H

#include "../peer/peer.h"
#include <dfucast/update.h>

/** One device, as the checker knows it. */
struct sim_check_device {
	uint32_t written;  /**< image bytes written in this session, from 0 */
	uint8_t state;     /**< enum dfucast_state, last seen */
	bool was_updated;  /**< the job's image ran confirmed */
	bool power_failed; /**< what is written twice after that is no waste */
};

struct sim_check {
	const uint8_t *image;
	uint32_t image_bytes;
	uint32_t first_bytes;   /**< of `image`; the rest is image 1 */
	uint8_t digests[4][32]; /**< of what may start: factory, job; of image 1 the same */
	struct sim_check_device *devices;
	uint64_t duplicate_bytes;
	uint32_t window; /**< most requests in flight */
	uint16_t count;
	bool restarts;       /**< behind a gateway: one job after the other */
	bool any_image;      /**< and nobody knows of which image */
	char violation[160]; /**< empty: none. The first one stays */
};

/** @p window: what the peers' buffers allow. */
void sim_check_init(struct sim_check *check, uint16_t count, const uint8_t *factory, uint32_t factory_bytes,
		    const uint8_t *image, uint32_t image_bytes, uint32_t window);
/** `image` is two of them: the first @p first_bytes are image 0. @p old: what image 1 runs when new. */
void sim_check_second(struct sim_check *check, uint32_t first_bytes, const uint8_t *old, uint32_t old_bytes);
void sim_check_free(struct sim_check *check);
/** Something the peer did. */
void sim_check_event(struct sim_check *check, uint16_t device, const struct sim_peer_event *event);
/** A device after something happened to it. @return true: its state changed */
bool sim_check_device(struct sim_check *check, uint16_t device, const struct dfucast_status *status,
		      const struct sim_peer *peer);
/** Nobody may be left at the end of the time. */
void sim_check_late(struct sim_check *check, uint16_t device, const struct dfucast_status *status);

#endif
