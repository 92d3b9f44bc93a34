/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A cast's links over console UARTs: what a port does with a cast's requests, frames and noise. Target n of the cast
 * is the nth link. Not of this board: any UART that can be read and written without waiting does.
 */
#ifndef DFUCAST_MPS2_LINKS_H
#define DFUCAST_MPS2_LINKS_H

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

/** Links 0 … @p count - 1 on the UARTs from @p first_uart on. */
void mps2_links_open(struct mps2_link *links, uint16_t count, unsigned int first_uart, uint32_t baud);
/** Does what the cast asks for: opens, closes and resyncs links. */
void mps2_links_serve(struct mps2_link *links, uint16_t count, struct dfucast_cast *cast);
/** Gives the cast what came, and sends what it has, as far as the UARTs take it now. */
void mps2_links_move(struct mps2_link *links, uint16_t count, struct dfucast_cast *cast);

#endif
