/* SPDX-License-Identifier: Apache-2.0 */
/** @file SHA-256 for the core's hook (port.h), by libsodium's portable C. A chip with a hash unit uses that instead. */
#ifndef DFUCAST_MPS2_HASH_H
#define DFUCAST_MPS2_HASH_H

#include <dfucast/port.h>
#include <sodium/crypto_hash_sha256.h>

/** One running hash in @p state, which must outlive its use. */
struct dfucast_sha256 mps2_sha256(crypto_hash_sha256_state *state);

#endif
