/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by TinyCrypt, which Zephyr had before PSA. */
#include "dfucast_zephyr.h"

#include <tinycrypt/constants.h>
#include <tinycrypt/sha256.h>

static bool start(void *context)
{
	return tc_sha256_init(context) == TC_CRYPTO_SUCCESS;
}

static bool update(void *context, const uint8_t *bytes, size_t length)
{
	return tc_sha256_update(context, bytes, length) == TC_CRYPTO_SUCCESS;
}

static bool finish(void *context, uint8_t digest[32])
{
	return tc_sha256_final(digest, context) == TC_CRYPTO_SUCCESS;
}

struct dfucast_sha256 dfucast_zephyr_sha256(unsigned int index)
{
	static struct tc_sha256_state_struct hashes[2];

	return (struct dfucast_sha256){&hashes[index], start, update, finish};
}
