/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Errors and outcomes.
 *
 * Zero is success, negative is failure. The number tells the band, and the band tells what to do:
 *
 * | band     | codes      | meaning                                   | do                            |
 * |----------|------------|-------------------------------------------|-------------------------------|
 * | caller   | -1 … -15   | an argument or a call out of turn         | mend the calling code         |
 * | resource | -16 … -31  | memory given by the caller is too small   | give more                     |
 * | link     | -32 … -47  | the way to the device                     | try again, look at the wiring |
 * | peer     | -48 … -79  | the device's own answer                   | give up on this device        |
 * | image    | -80 … -95  | the image, or image and device together   | get another image             |
 * | fleet    | -96 … -111 | the roll-out as a whole stopped it        | read why, run again           |
 *
 * Every code's cause and cure is in docs/errors.md under the word that dfucast_err_name() gives.
 */
#ifndef DFUCAST_ERR_H
#define DFUCAST_ERR_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** X(symbol, number, word). The word is stable: scripts match on it. */
#define DFUCAST_ERR_LIST(X)                                                                                  \
	X(OK, 0, "ok")                                                                                       \
	X(ARGUMENT, -1, "argument")                                                                          \
	X(STATE, -2, "state")                                                                                \
	X(SPACE, -16, "space")                                                                               \
	X(UNREACHABLE, -32, "unreachable")                                                                   \
	X(LINK_LOST, -33, "link_lost")                                                                       \
	X(PORT_BUSY, -34, "port_busy")                                                                       \
	X(NO_PERMISSION, -35, "no_permission")                                                               \
	X(NO_SUCH_PORT, -36, "no_such_port")                                                                 \
	X(SILENT, -37, "silent")                                                                             \
	X(GARBLED, -38, "garbled")                                                                           \
	X(NAME_UNKNOWN, -39, "name_unknown")                                                                 \
	X(NEEDS_PAIRING, -40, "needs_pairing")                                                               \
	X(NO_SERVICE, -41, "no_smp_service")                                                                 \
	X(MALFORMED, -48, "malformed_answer")                                                                \
	X(REFUSED, -49, "refused")                                                                           \
	X(NOT_SUPPORTED, -50, "not_supported")                                                               \
	X(NO_PROGRESS, -51, "no_progress")                                                                   \
	X(FOREIGN_SESSION, -52, "another_client")                                                            \
	X(IMAGE_TOO_LARGE, -53, "image_too_large")                                                           \
	X(FOREIGN_TRIAL, -54, "other_image_on_trial")                                                        \
	X(FOREIGN_PENDING, -55, "other_image_pending")                                                       \
	X(SERIAL_RECOVERY, -56, "serial_recovery")                                                           \
	X(MODE_UNSUPPORTED, -57, "bootloader_mode")                                                          \
	X(NEVER_RETURNED, -58, "never_returned")                                                             \
	X(REJECTED, -59, "rejected_by_bootloader")                                                           \
	X(REVERTED, -60, "reverted")                                                                         \
	X(STATE_CHANGED, -61, "state_changed")                                                               \
	X(NOT_LISTED, -62, "not_in_slot")                                                                    \
	X(NOT_CONFIRMED, -63, "not_confirmed")                                                               \
	X(BUFFER_TOO_SMALL, -64, "device_buffer_too_small")                                                  \
	X(UPLOAD_MISMATCH, -65, "upload_mismatch")                                                           \
	X(ARMED, -66, "armed_for_good")                                                                      \
	X(NO_WAY_BACK, -67, "no_way_back")                                                                   \
	X(NOT_KEPT, -68, "erased_by_bootloader")                                                             \
	X(SINGLE_SLOT, -69, "single_slot")                                                                   \
	X(NOT_IN_LOADER, -70, "not_in_loader")                                                               \
	X(SETTINGS_KEPT, -71, "settings_not_erased")                                                         \
	X(NO_SUCH_IMAGE, -72, "no_such_image")                                                               \
	X(SET_TORN, -73, "set_torn")                                                                         \
	X(IMAGE_MAGIC, -80, "not_an_image")                                                                  \
	X(IMAGE_TRUNCATED, -81, "image_truncated")                                                           \
	X(IMAGE_TLV, -82, "image_tlv")                                                                       \
	X(IMAGE_HASH, -83, "image_hash")                                                                     \
	X(IMAGE_UNCHECKED, -84, "image_unchecked")                                                           \
	X(WRONG_BOARD, -85, "wrong_board")                                                                   \
	X(DOWNGRADE, -86, "downgrade")                                                                       \
	X(IMAGE_READ, -87, "image_read")                                                                     \
	X(NO_MATCH, -88, "no_match")                                                                         \
	X(BOARD_UNTOLD, -89, "board_not_told")                                                               \
	X(IMAGE_SIGNATURE, -90, "image_signature")                                                           \
	X(NOT_NEWER, -91, "not_newer")                                                                       \
	X(WRONG_SLOT, -92, "wrong_slot")                                                                     \
	X(SLOT_NEEDED, -93, "slot_needed")                                                                   \
	X(IMAGE_KIND, -94, "image_kind")                                                                     \
	X(IMAGE_UNPROVEN, -95, "image_not_proven")                                                           \
	X(HELD_BARRIER, -97, "held_barrier")                                                                 \
	X(HELD_MAX_FAILED, -98, "held_max_failed")                                                           \
	X(BEHIND, -99, "behind")                                                                             \
	X(DEADLINE, -100, "deadline")                                                                        \
	X(ABORTED, -101, "aborted")                                                                          \
	X(BOARDS_DIFFER, -102, "boards_differ")

enum dfucast_err {
#define DFUCAST_ERR_ENUM(symbol, number, word) DFUCAST_ERR_##symbol = (number),
	DFUCAST_ERR_LIST(DFUCAST_ERR_ENUM)
#undef DFUCAST_ERR_ENUM
};

enum dfucast_band {
	DFUCAST_BAND_NONE,
	DFUCAST_BAND_CALLER,
	DFUCAST_BAND_RESOURCE,
	DFUCAST_BAND_LINK,
	DFUCAST_BAND_PEER,
	DFUCAST_BAND_IMAGE,
	DFUCAST_BAND_FLEET,
};

/** In `group` of an outcome: the device's code is an SMP-level `rc`, or there is none (rc 0). */
#define DFUCAST_GROUP_NONE 0xFFFFu

/** How something ended, with nothing flattened. */
struct dfucast_outcome {
	int8_t err;   /**< enum dfucast_err */
	uint8_t step; /**< the device protocol's own step, see its header (SMP: enum dfucast_update_state) */
	uint16_t group;  /**< the device's group, DFUCAST_GROUP_NONE for an SMP-level code */
	uint16_t rc;     /**< the device's code in that group; 0: the device gave none */
	uint16_t count;  /**< attempts, retries or what else the step counts */
	uint32_t offset; /**< image offset at which it ended, bytes */
};

/** The band of a code, from its number alone. */
enum dfucast_band dfucast_err_band(int err);

/** The stable word of a code; "unknown" for a number that is none. Never NULL, static storage. */
const char *dfucast_err_name(int err);

#ifdef __cplusplus
}
#endif
#endif
