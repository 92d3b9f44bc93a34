/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A device's link over a console UART: what a port does with a cast's requests, frames and noise. Not of this board: any
 * UART that can be read and written without waiting does.
 */
#ifndef DFUCAST_MPS2_LINK_H
#define DFUCAST_MPS2_LINK_H

#include "mps2.h"

#include <dfucast/cast.h>
#include <dfucast/framing.h>

/** Longest frame to a device and from it. Zephyr's default buffer is 384; an image list of two slots is 254. */
#define MPS2_LINK_FRAME_MAX 512u

/** One device's link. Opaque. */
struct mps2_link {
	struct mps2_uart uart;
	struct dfucast_framing framing;
	struct dfucast_link link; /* the opening that counts */
	bool up;
	uint8_t frame[MPS2_LINK_FRAME_MAX + 4]; /* as it comes in, with its length and CRC */
	uint8_t rx_ring[512];
	uint8_t tx_ring[512];
};

/** Call once. @p link must outlive the program. */
void mps2_link_init(struct mps2_link *link, unsigned int uart, uint32_t baud);
/** Does what the cast asks for with this link, and tells it. */
void mps2_link_obey(struct mps2_link *link, struct dfucast_cast *cast,
		    const struct dfucast_link_request *request);
/** Gives the cast what came. */
void mps2_link_receive(struct mps2_link *link, struct dfucast_cast *cast);
/** Sends what the cast has, as far as the UART takes it now. */
void mps2_link_send(struct mps2_link *link, struct dfucast_cast *cast);

#endif
