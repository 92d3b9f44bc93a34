/* SPDX-License-Identifier: Apache-2.0 */
#include "links.h"

/* A UART's link is always there: opening it means to begin a frame anew. */
static const struct dfucast_link_info info = {
    .frame_max = MPS2_LINK_FRAME_MAX,
    .frame_fallback = 179, /* two of Zephyr's line buffers of 128 */
    .value_max = MPS2_LINK_FRAME_MAX,
    .buffer_overhead = 4, /* length and CRC lie in the device's buffer too */
    .flags = DFUCAST_LINK_ORDERED | DFUCAST_LINK_CONSOLE | DFUCAST_LINK_KEEPS,
};

void mps2_links_open(struct mps2_link *links, uint16_t count, unsigned int first_uart, uint32_t baud)
{
	for (uint16_t i = 0; i < count; i++) {
		links[i].up = false;
		mps2_uart_open(&links[i].uart, first_uart + i, baud, links[i].rx_ring,
			       sizeof(links[i].rx_ring), links[i].tx_ring, sizeof(links[i].tx_ring));
	}
}

void mps2_links_serve(struct mps2_link *links, uint16_t count, struct dfucast_cast *cast)
{
	struct dfucast_link_request request;

	while (dfucast_cast_next_request(cast, &request, mps2_now())) {
		struct mps2_link *link = &links[request.link.target];

		DFUCAST_ASSERT(request.link.target < count);
		switch (request.kind) {
		case DFUCAST_REQUEST_OPEN:
			link->link = request.link;
			link->up = true;
			dfucast_framing_init(&link->framing, DFUCAST_FRAMING_CONSOLE, link->frame,
					     sizeof(link->frame));
			dfucast_cast_link_up(cast, request.link, &info, mps2_now());
			break;
		case DFUCAST_REQUEST_CLOSE:
			link->up = false;
			dfucast_cast_link_down(cast, request.link, DFUCAST_ERR_OK, mps2_now());
			break;
		default: /* A console frame's first line empties the far end by itself. */
			dfucast_cast_resynced(cast, request.link, mps2_now());
			break;
		}
	}
}

static void receive(struct mps2_link *link, struct dfucast_cast *cast)
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

static void send(struct mps2_link *link, struct dfucast_cast *cast)
{
	struct dfucast_cast_outlet outlet = {cast, link->link, mps2_now()};
	const struct dfucast_frame_source source = dfucast_cast_frame_source(&outlet);
	uint8_t block[DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t length;

	while (link->up && mps2_uart_room(&link->uart) >= sizeof(block) &&
	       (length = dfucast_framing_send(&link->framing, &source, block, sizeof(block))) > 0)
		mps2_uart_write(&link->uart, block, length);
}

void mps2_links_move(struct mps2_link *links, uint16_t count, struct dfucast_cast *cast)
{
	for (uint16_t i = 0; i < count; i++) {
		receive(&links[i], cast);
		send(&links[i], cast);
	}
}
