/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's SHA-256 hook over PSA Crypto (Mbed TLS).
 */
#define _GNU_SOURCE 1
#include "linux.h"
#include <psa/crypto.h>
#include <stdlib.h>

static void release(struct dfucast_linux_sha256 *state)
{
	if (state->operation != NULL) {
		(void)psa_hash_abort(state->operation);
		free(state->operation);
		state->operation = NULL;
	}
}

static bool hash_start(void *context)
{
	struct dfucast_linux_sha256 *state = context;

	release(state);
	if (psa_crypto_init() != PSA_SUCCESS)
		return false;
	state->operation = calloc(1, sizeof(psa_hash_operation_t));
	if (state->operation == NULL)
		return false;
	*(psa_hash_operation_t *)state->operation = psa_hash_operation_init();
	if (psa_hash_setup(state->operation, PSA_ALG_SHA_256) == PSA_SUCCESS)
		return true;
	release(state);
	return false;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	struct dfucast_linux_sha256 *state = context;

	return state->operation != NULL && psa_hash_update(state->operation, bytes, length) == PSA_SUCCESS;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	struct dfucast_linux_sha256 *state = context;
	size_t length = 0;
	bool good = state->operation != NULL &&
		    psa_hash_finish(state->operation, digest, 32, &length) == PSA_SUCCESS && length == 32;

	release(state);
	return good;
}

void dfucast_linux_sha256_init(struct dfucast_sha256 *hash, struct dfucast_linux_sha256 *state)
{
	state->operation = NULL;
	hash->context = state;
	hash->start = hash_start;
	hash->update = hash_update;
	hash->finish = hash_finish;
}

void dfucast_linux_sha256_abort(struct dfucast_linux_sha256 *state)
{
	release(state);
}
