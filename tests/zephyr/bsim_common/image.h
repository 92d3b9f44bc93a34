/* SPDX-License-Identifier: Apache-2.0 */
/** @file An image as MCUboot takes it, made in memory: noise, a SHA-256 and no signature. */
#ifndef BSIM_IMAGE_H
#define BSIM_IMAGE_H

#include <stdint.h>

#define BSIM_IMAGE_HEADER_BYTES 32u
#define BSIM_IMAGE_BYTES (131072u + 40u)

extern uint8_t bsim_image[BSIM_IMAGE_BYTES];
extern uint8_t bsim_image_hash[32]; /**< its hash TLV */
extern uint8_t bsim_image_sha[32];  /**< of the file */

/** Of version MAJOR.0.0. Uses dfucast_zephyr_sha256(0). */
void bsim_image_make(uint8_t major);

#endif
