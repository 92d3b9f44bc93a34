/* SPDX-License-Identifier: Apache-2.0 */
/** @file PSA Crypto: see zephyr/kernel.h. Where Mbed TLS is there, its own header is taken. */
#ifndef FAKE_PSA_CRYPTO_H
#define FAKE_PSA_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "fake_psa.h"

#define PSA_SUCCESS 0
#define PSA_ALG_SHA_256 0x02000009

typedef int32_t psa_status_t;
typedef uint32_t psa_algorithm_t;

psa_status_t psa_crypto_init(void);
psa_status_t psa_hash_setup(psa_hash_operation_t *operation, psa_algorithm_t alg);
psa_status_t psa_hash_update(psa_hash_operation_t *operation, const uint8_t *input, size_t input_length);
psa_status_t psa_hash_finish(psa_hash_operation_t *operation, uint8_t *hash, size_t hash_size,
			     size_t *hash_length);
psa_status_t psa_hash_abort(psa_hash_operation_t *operation);

#endif
