/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Which devices an image is for: lists of lines, for a plan (update.h) and for its way to a gateway (smp_fleet.h).
 * docs/matching.md.
 */
#ifndef DFUCAST_MATCH_H
#define DFUCAST_MATCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dfucast_match_key {
	DFUCAST_MATCH_END,     /**< the list is over */
	DFUCAST_MATCH_BOARD,   /**< text; the device's board, OS info `i` */
	DFUCAST_MATCH_NAME,    /**< text; the device's name, OS info `n` */
	DFUCAST_MATCH_RUNNING, /**< two struct dfucast_version, low and high; the version that runs */
	DFUCAST_MATCH_HASH,    /**< bytes; the hash of the image that runs begins with them */
};

enum dfucast_match_flag {
	DFUCAST_MATCH_PREFIX = 0x01,    /**< text: what the device tells only begins with it */
	DFUCAST_MATCH_LOW = 0x02,       /**< the range begins at `low` … */
	DFUCAST_MATCH_LOW_OPEN = 0x04,  /**< … or right behind it */
	DFUCAST_MATCH_HIGH = 0x08,      /**< it ends at `high` … */
	DFUCAST_MATCH_HIGH_OPEN = 0x10, /**< … or right before it */
	DFUCAST_MATCH_LOW_BUILD = 0x20, /**< `low` has a build number, which is compared too */
	DFUCAST_MATCH_HIGH_BUILD = 0x40,
	DFUCAST_MATCH_IF_TOLD = 0x80, /**< text: who does not tell fits too */
};

/**
 * One line of a list that says which devices are meant; the last has the key END. Each key that occurs must be fitted
 * by one of its lines. Boards: '/' and '_' are the same, and a revision ("@1.0.0") that only the device names is not
 * compared. Running and hash: who runs the plan's image already fits.
 */
struct dfucast_match {
	const void *value; /**< as the key says; text is not NUL-terminated; the caller's */
	uint8_t key;       /**< enum dfucast_match_key */
	uint8_t flags;     /**< enum dfucast_match_flag */
	uint8_t bytes;     /**< of text or hash */
};

/** Longest text of a line that goes to a gateway, and longest hash. */
#define DFUCAST_MATCH_TEXT_BYTES_MAX 100u
#define DFUCAST_MATCH_HASH_BYTES_MAX 64u

#ifdef __cplusplus
}
#endif
#endif
