/* SPDX-License-Identifier: Apache-2.0 */
/** @file TinyCrypt: see zephyr/kernel.h. */
#ifndef FAKE_TINYCRYPT_SHA256_H
#define FAKE_TINYCRYPT_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "fake_hash.h"

typedef struct tc_sha256_state_struct *TCSha256State_t;

int tc_sha256_init(TCSha256State_t s);
int tc_sha256_update(TCSha256State_t s, const uint8_t *data, size_t datalen);
int tc_sha256_final(uint8_t *digest, TCSha256State_t s);

#endif
