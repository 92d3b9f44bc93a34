/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP frames in ATT values: fragments out, reassembly in (SMP over Bluetooth LE).
 *
 * Out: one frame is cut into values of at most ATT_MTU - 3 bytes, never two frames in one value. A value is made,
 * offered to the stack, and counts when the stack took it; what it did not take is made again later:
 *
 *     length = dfucast_ble_send(link, source, value, att_mtu - 3);
 *     if (length > 0 && the stack takes the write)
 *             dfucast_ble_sent(link, source, length);
 *
 * In: a frame's notifications are joined by the header's length; most answers are one notification and are handed on in
 * place; only a split one takes a buffer of the pool that all links share.
 */
#ifndef DFUCAST_BLE_H
#define DFUCAST_BLE_H

#include <dfucast/frame.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** SMP service 8D53DC1D-1DB7-4CD3-868B-8A527460AA84 and characteristic DA2E7828-…, as on air (little endian). */
extern const uint8_t dfucast_ble_smp_service_uuid[16];
extern const uint8_t dfucast_ble_smp_characteristic_uuid[16];

/** Most buffers one pool can have. */
#define DFUCAST_BLE_POOL_COUNT_MAX 8

/**
 * A longer frame than this, header included, is not received: servers' buffers, which answers are built in, hold 384
 * bytes by default and 2475 in Bluetooth builds. A header that promises more is a piece of a torn frame taken for
 * one; believed, it would swallow up to 64 KiB of good answers and make the link deaf for minutes.
 */
#define DFUCAST_BLE_FRAME_BYTES_MAX 4096u

/** Assembly buffers shared by all links of one port: for long answers only. The caller's memory. */
struct dfucast_ble_pool {
	uint8_t *memory;     /**< count × bytes_each */
	uint16_t bytes_each; /**< longest answer that can be assembled; see DFUCAST_BLE_FRAME_BYTES_MAX */
	uint8_t count;       /**< 1 … DFUCAST_BLE_POOL_COUNT_MAX */
	uint8_t used;        /**< bit i: buffer i is taken */
};

/** One link's fragment state. */
struct dfucast_ble_link {
	uint16_t tx_position; /**< bytes of the begun frame that the stack has taken */
	uint16_t tx_length;   /**< of the frame that the last value was made of */
	uint16_t rx_have;
	uint16_t
	    rx_rest; /**< bytes still to come of a frame that has begun; passed over if it found no buffer */
	uint8_t rx_slot; /**< buffer of the pool + 1; 0: none */
	uint8_t drops;   /**< frames dropped for lack of a buffer or of sense; saturates */
};

/**
 * Room for what devices answer at most: the image list of two images, four slots with long versions and 64-byte hashes
 * (with 32-byte ones 524 bytes). Longer answers are dropped, and the device ends `silent`.
 */
#define DFUCAST_BLE_LONG_ANSWER_BYTES 768u

void dfucast_ble_pool_init(struct dfucast_ble_pool *pool, uint8_t *memory, uint16_t bytes_each,
			   uint8_t count);

/** New or lost connection: forgets both half frames and gives a buffer back. Zero-initialised links may be reset. */
void dfucast_ble_link_reset(struct dfucast_ble_link *link, struct dfucast_ble_pool *pool);

/**
 * True while a frame is half sent: the stack took at least one value of it, and not the last one. It must be finished,
 * or the link closed (a torn frame swallows the next one's bytes). A frame of which nothing was taken is not partial.
 */
bool dfucast_ble_tx_partial(const struct dfucast_ble_link *link);

/**
 * Makes the next ATT value to write, at most @p capacity bytes (the link's ATT_MTU - 3; at least 8, so that the first
 * value holds the whole header). The frame is begun by that, but nothing of it counts as sent: called again, it makes
 * the same bytes again, as many as @p capacity then allows. @return bytes, 0: nothing to send now.
 */
size_t dfucast_ble_send(struct dfucast_ble_link *link, const struct dfucast_frame_source *source,
			uint8_t *value, size_t capacity);

/**
 * The stack took the value that dfucast_ble_send() made last, @p length bytes as it returned them. Moves on; at the
 * frame's end calls @p source's `done`. Not after the link was reset meanwhile: that value's frame is void.
 */
void dfucast_ble_sent(struct dfucast_ble_link *link, const struct dfucast_frame_source *source,
		      size_t length);

/** One notification's value. Whole frames go to @p sink; what is no frame is dropped and counted in `drops`. */
void dfucast_ble_recv(struct dfucast_ble_link *link, struct dfucast_ble_pool *pool, const uint8_t *value,
		      size_t length, const struct dfucast_frame_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
