/* SPDX-License-Identifier: Apache-2.0 */
#include "hash.h"

static bool start(void *context)
{
	return crypto_hash_sha256_init(context) == 0;
}

static bool update(void *context, const uint8_t *bytes, size_t length)
{
	return crypto_hash_sha256_update(context, bytes, length) == 0;
}

static bool finish(void *context, uint8_t digest[32])
{
	return crypto_hash_sha256_final(context, digest) == 0;
}

struct dfucast_sha256 mps2_sha256(crypto_hash_sha256_state *state)
{
	return (struct dfucast_sha256){state, start, update, finish};
}
