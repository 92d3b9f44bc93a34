/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What the byte-stream framings have in common: the link's life, the begin and end of a frame, the counters.
 */
#include "framing_internal.h"

#include "../util/bytes.h"

static const struct dfucast_framing_codec *const codecs[] = {
#if DFUCAST_FRAMING_KINDS & 0x1
    [DFUCAST_FRAMING_CONSOLE] = &dfucast_framing_console,
#endif
#if DFUCAST_FRAMING_KINDS & 0x2
    [DFUCAST_FRAMING_RAW] = &dfucast_framing_raw,
#endif
#if DFUCAST_FRAMING_KINDS & 0x4
    [DFUCAST_FRAMING_COBS] = &dfucast_framing_cobs,
#endif
};

void dfucast_framing_init(struct dfucast_framing *link, enum dfucast_framing_kind kind, uint8_t *rx,
			  uint16_t rx_capacity)
{
	DFUCAST_ASSERT((unsigned int)kind < sizeof(codecs) / sizeof(codecs[0]));
	DFUCAST_ASSERT(codecs[kind] != NULL);
	DFUCAST_ASSERT(rx_capacity >= DFUCAST_SMP_HEADER_BYTES + DFUCAST_FRAMING_EXTRA_BYTES);
	*link = (struct dfucast_framing){.rx = rx, .rx_capacity = rx_capacity, .kind = (uint8_t)kind};
}

void dfucast_framing_reset(struct dfucast_framing *link)
{
	link->tx_length = 0;
	link->rx_state = DFUCAST_FRAMING_RX_IDLE;
	link->rx_line_state = 0;
}

size_t dfucast_framing_send(struct dfucast_framing *link, const struct dfucast_frame_source *source,
			    uint8_t *buffer, size_t capacity)
{
	size_t length;

	DFUCAST_ASSERT(capacity >= DFUCAST_FRAMING_SEND_BYTES_MIN);
	if (link->tx_length == 0) {
		length = source->begin(source->context);
		if (length == 0)
			return 0;
		/* Positions up to the end of the CRC must fit 16 bits. */
		DFUCAST_ASSERT(length >= DFUCAST_SMP_HEADER_BYTES &&
			       length <= UINT16_MAX - DFUCAST_FRAMING_EXTRA_BYTES);
		link->tx_length = (uint16_t)length;
		link->tx_position = 0;
		link->tx_crc = 0;
	}
	length = codecs[link->kind]->encode(link, source, buffer, capacity);
	if (link->tx_length == 0)
		source->done(source->context);
	return length;
}

void dfucast_framing_recv(struct dfucast_framing *link, const uint8_t *bytes, size_t length,
			  const struct dfucast_frame_sink *sink)
{
	codecs[link->kind]->decode(link, bytes, length, sink);
}

void dfucast_framing_rx_timeout(struct dfucast_framing *link)
{
	if (link->rx_state == DFUCAST_FRAMING_RX_FRAME)
		dfucast_framing_drop(link);
	link->rx_state = DFUCAST_FRAMING_RX_IDLE;
	link->rx_line_state = 0;
}

bool dfucast_framing_rx_partial(const struct dfucast_framing *link)
{
	return link->rx_state != DFUCAST_FRAMING_RX_IDLE;
}

void dfucast_framing_count_noise(struct dfucast_framing *link, size_t count)
{
	size_t room = (size_t)(UINT16_MAX - link->noise_bytes);

	link->noise_bytes = (uint16_t)(link->noise_bytes + (count < room ? count : room));
}

void dfucast_framing_drop(struct dfucast_framing *link)
{
	dfucast_framing_count_noise(link, link->rx_have);
	if (link->frames_dropped < UINT16_MAX)
		link->frames_dropped++;
	link->rx_state = DFUCAST_FRAMING_RX_IDLE;
}

void dfucast_framing_finish(struct dfucast_framing *link, const struct dfucast_frame_sink *sink)
{
	const uint8_t *frame = link->rx + DFUCAST_FRAMING_LENGTH_BYTES;
	size_t length = link->rx_have;

	/* Over a frame and its own CRC, the CRC is 0. */
	if (length < DFUCAST_SMP_HEADER_BYTES + DFUCAST_FRAMING_EXTRA_BYTES ||
	    length != DFUCAST_SMP_HEADER_BYTES + DFUCAST_FRAMING_EXTRA_BYTES + dfucast_get_be16(frame + 2) ||
	    dfucast_crc16(0, frame, length - DFUCAST_FRAMING_LENGTH_BYTES) != 0) {
		dfucast_framing_drop(link);
		return;
	}
	link->rx_state = DFUCAST_FRAMING_RX_IDLE;
	sink->frame(sink->context, frame, length - DFUCAST_FRAMING_EXTRA_BYTES);
}
