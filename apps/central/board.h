/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Between the smallest central and the board it runs on. All calls come from one context: what happens in an
 * interrupt is queued by the board and told from its main loop. No call may be made from inside another.
 */
#ifndef CENTRAL_BOARD_H
#define CENTRAL_BOARD_H

#include <dfucast/cast.h>
#include <dfucast/port.h>

#define CENTRAL_DEVICES_MAX 20u
#define CENTRAL_MTU_MAX 498

/** What the host says of the image before it sends the first byte. */
struct central_image {
	uint32_t bytes;
	struct dfucast_version version;
	uint8_t header[DFUCAST_IMAGE_HEADER_BYTES]; /**< the file's first 32 bytes */
	uint8_t hash[32];                           /**< the image's own SHA-256 TLV */
	uint8_t sha[32];                            /**< SHA-256 of the whole file */
};

/* ---- the board does ---- */

uint32_t board_now(void); /**< ms, monotonic, wraps */
extern const struct dfucast_sha256 board_sha256;
/** Connect to device link.target: MTU, discovery, notifications on. Ends with CENTRAL_CONNECTED or _DISCONNECTED. */
void board_connect(struct dfucast_link link);
/** Close, or give up connecting. Ends with CENTRAL_DISCONNECTED. */
void board_disconnect(struct dfucast_link link);
/** Notifications off and on again. Ends with CENTRAL_RESUBSCRIBED or _DISCONNECTED. */
void board_resubscribe(struct dfucast_link link);
/** Write without response, copied. @return false: busy; CENTRAL_WRITE_COMPLETE when it may be tried again. */
bool board_write_command(struct dfucast_link link, const uint8_t *value, size_t length);
/** Ask the host for these bytes, in its own protocol. They come in order; replaces what was asked before. */
void board_ask_image(uint32_t offset, uint32_t length);

/* ---- the board calls; after any of them, and when the time is up, central_poll ---- */

void central_start(const struct central_image *announced, uint16_t count);
void central_image_bytes(uint32_t offset, const uint8_t *bytes, uint32_t length);
enum central_event {
	CENTRAL_CONNECTED, /**< with its ATT_MTU, subscribed */
	CENTRAL_RESUBSCRIBED,
	CENTRAL_WRITE_COMPLETE, /**< another write may be tried */
	CENTRAL_DISCONNECTED,   /**< also: the connect failed */
};
/** @p att_mtu, 23 … CENTRAL_MTU_MAX, counts for CENTRAL_CONNECTED. Events of older links are dropped: none can come too late. */
void central_event(struct dfucast_link link, enum central_event event, uint16_t att_mtu);
void central_notification(struct dfucast_link link, const uint8_t *value, size_t length);
/** @return true: call it again at *deadline at the latest; false: when something happened. */
bool central_poll(uint32_t now, uint32_t *deadline);
/** For dfucast_cast_status() and dfucast_cast_is_done(). */
extern struct dfucast_cast central_cast;

#endif
