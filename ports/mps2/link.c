/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

/* A UART's link is always there: opening it means to begin a frame anew. */
static const struct dfucast_link_info info = {
    .frame_max = MPS2_LINK_FRAME_MAX,
    .frame_fallback = 179, /* two of Zephyr's line buffers of 128 */
    .value_max = MPS2_LINK_FRAME_MAX,
    .buffer_overhead = 4, /* length and CRC lie in the device's buffer too */
    .flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_CONSOLE | DFUCAST_LINK_KEEPS,
};

void mps2_link_init(struct mps2_link *link, unsigned int uart, uint32_t baud)
{
	link->up = false;
	mps2_uart_open(&link->uart, uart, baud, link->rx_ring, sizeof(link->rx_ring), link->tx_ring,
		       sizeof(link->tx_ring));
}

static void open_link(struct mps2_link *link, struct dfucast_cast *cast, struct dfucast_link opening)
{
	/* Two targets of a plan on one UART: the second is not to be had. */
	if (link->up) {
		dfucast_cast_link_down(cast, opening, DFUCAST_ERR_PORT_BUSY, mps2_now());
		return;
	}
	link->link = opening;
	link->up = true;
	dfucast_framing_init(&link->framing, DFUCAST_FRAMING_CONSOLE, link->frame, sizeof(link->frame));
	dfucast_cast_link_up(cast, opening, &info, mps2_now());
}

void mps2_link_obey(struct mps2_link *link, struct dfucast_cast *cast,
		    const struct dfucast_link_request *request)
{
	switch (request->kind) {
	case DFUCAST_REQUEST_OPEN:
		open_link(link, cast, request->link);
		break;
	case DFUCAST_REQUEST_CLOSE:
		link->up = false;
		dfucast_cast_link_down(cast, request->link, DFUCAST_ERR_OK, mps2_now());
		break;
	default: /* RESYNC: the first line of a console frame empties the far end by itself */
		dfucast_cast_resynced(cast, request->link, mps2_now());
		break;
	}
}

void mps2_link_receive(struct mps2_link *link, struct dfucast_cast *cast)
{
	struct dfucast_cast_outlet outlet = {cast, link->link, mps2_now()};
	const struct dfucast_frame_sink sink = dfucast_cast_frame_sink(&outlet);
	uint8_t bytes[64];
	size_t length;

	/* What comes while the link is closed is read too, and dropped. */
	while ((length = mps2_uart_read(&link->uart, bytes, sizeof(bytes))) > 0) {
		if (link->up)
			dfucast_framing_recv(&link->framing, bytes, length, &sink);
	}
	if (link->up && link->framing.noise_bytes > 0) {
		link->framing.noise_bytes = 0;
		dfucast_cast_noise(cast, link->link, mps2_now());
	}
}

void mps2_link_send(struct mps2_link *link, struct dfucast_cast *cast)
{
	struct dfucast_cast_outlet outlet = {cast, link->link, mps2_now()};
	const struct dfucast_frame_source source = dfucast_cast_frame_source(&outlet);
	uint8_t block[DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t length;

	while (link->up && mps2_uart_room(&link->uart) >= sizeof(block) &&
	       (length = dfucast_framing_send(&link->framing, &source, block, sizeof(block))) > 0)
		mps2_uart_write(&link->uart, block, length);
}
