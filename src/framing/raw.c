/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Raw framing: SMP frames back to back, cut by their own length field (spec section 6.3). There is no mark to
 * find again after a lost byte: only dfucast_framing_rx_timeout() brings the receiver back into step.
 */
#include "framing_internal.h"

#include "../util/bytes.h"

#include <string.h>

static size_t encode(struct dfucast_framing *link, const struct dfucast_frame_source *source, uint8_t *buffer,
		     size_t capacity)
{
	size_t rest = (size_t)(link->tx_length - link->tx_position);
	size_t length = rest < capacity ? rest : capacity;

	source->read(source->context, link->tx_position, buffer, length);
	link->tx_position = (uint16_t)(link->tx_position + length);
	if (length == rest)
		link->tx_length = 0;
	return length;
}

/** The header is complete: sets how long the frame is, or starts to skip one that is too long. */
static void take_header(struct dfucast_framing *link)
{
	uint32_t body = dfucast_get_be16(link->rx + 2);

	if (body > (uint32_t)(link->rx_capacity - DFUCAST_FRAMING_EXTRA_BYTES - DFUCAST_SMP_HEADER_BYTES)) {
		dfucast_framing_drop(link);
		link->rx_state = DFUCAST_FRAMING_RX_SKIP;
		link->rx_have = 0;
		link->rx_need = (uint16_t)body;
	} else {
		link->rx_need = (uint16_t)(DFUCAST_SMP_HEADER_BYTES + body);
	}
}

static void decode(struct dfucast_framing *link, const uint8_t *bytes, size_t length,
		   const struct dfucast_frame_sink *sink)
{
	while (length > 0) {
		size_t part;

		if (link->rx_state == DFUCAST_FRAMING_RX_IDLE) {
			link->rx_state = DFUCAST_FRAMING_RX_FRAME;
			link->rx_have = 0;
			link->rx_need = DFUCAST_SMP_HEADER_BYTES;
		}
		part = (size_t)(link->rx_need - link->rx_have);
		if (part > length)
			part = length;
		if (link->rx_state == DFUCAST_FRAMING_RX_FRAME)
			memcpy(link->rx + link->rx_have, bytes, part);
		else
			dfucast_framing_count_noise(link, part);
		link->rx_have = (uint16_t)(link->rx_have + part);
		bytes += part;
		length -= part;

		if (link->rx_state == DFUCAST_FRAMING_RX_FRAME && link->rx_have == DFUCAST_SMP_HEADER_BYTES)
			take_header(link);
		if (link->rx_have < link->rx_need)
			continue;
		if (link->rx_state == DFUCAST_FRAMING_RX_FRAME)
			sink->frame(sink->context, link->rx, link->rx_have);
		link->rx_state = DFUCAST_FRAMING_RX_IDLE;
	}
}

const struct dfucast_framing_codec dfucast_framing_raw = {.encode = encode, .decode = decode};
