/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include "dfucast_zephyr.h"

#include <string.h>

#define TLV_BYTES 40u
#define CONTENT_BYTES (BSIM_IMAGE_BYTES - TLV_BYTES)

uint8_t bsim_image[BSIM_IMAGE_BYTES];
uint8_t bsim_image_hash[32], bsim_image_sha[32];

static void put_u32(uint8_t *at, uint32_t number)
{
	for (unsigned int i = 0; i < 4; i++)
		at[i] = (uint8_t)(number >> (8 * i));
}

static void digest(size_t bytes, uint8_t *into)
{
	const struct dfucast_sha256 sha256 = dfucast_zephyr_sha256(0);

	if (!sha256.start(sha256.context) || !sha256.update(sha256.context, bsim_image, bytes) ||
	    !sha256.finish(sha256.context, into))
		k_oops();
}

void bsim_image_make(uint8_t major)
{
	static const uint8_t tlv[] = {0x07, 0x69, TLV_BYTES, 0, 0x10, 0, 32, 0};

	put_u32(bsim_image, 0x96f3b83d);
	bsim_image[8] = BSIM_IMAGE_HEADER_BYTES;
	put_u32(bsim_image + 12, CONTENT_BYTES - BSIM_IMAGE_HEADER_BYTES);
	bsim_image[20] = major;
	for (uint32_t i = BSIM_IMAGE_HEADER_BYTES; i < CONTENT_BYTES; i++)
		bsim_image[i] = (uint8_t)(i * 2654435761u >> 13);
	digest(CONTENT_BYTES, bsim_image_hash);
	memcpy(bsim_image + CONTENT_BYTES, tlv, sizeof(tlv));
	memcpy(bsim_image + CONTENT_BYTES + sizeof(tlv), bsim_image_hash, sizeof(bsim_image_hash));
	digest(BSIM_IMAGE_BYTES, bsim_image_sha);
}
