/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by PSA: Mbed TLS in software, or what the chip has. */
#include "dfucast_zephyr.h"

#include <psa/crypto.h>

static bool start(void *context)
{
	psa_hash_operation_t *hash = context;

	(void)psa_hash_abort(hash); /* also of one that was left half done */
	return psa_crypto_init() == PSA_SUCCESS && psa_hash_setup(hash, PSA_ALG_SHA_256) == PSA_SUCCESS;
}

static bool update(void *context, const uint8_t *bytes, size_t length)
{
	return psa_hash_update(context, bytes, length) == PSA_SUCCESS;
}

static bool finish(void *context, uint8_t digest[32])
{
	size_t length = 0;

	return psa_hash_finish(context, digest, 32, &length) == PSA_SUCCESS && length == 32;
}

struct dfucast_sha256 dfucast_zephyr_sha256(unsigned int index)
{
	static psa_hash_operation_t hashes[2];

	return (struct dfucast_sha256){&hashes[index], start, update, finish};
}
