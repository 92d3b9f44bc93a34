/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * TinyCrypt's state, the fake's own: what is hashed is kept.
 */
#ifndef FAKE_ZEPHYR_HASH_H
#define FAKE_ZEPHYR_HASH_H

#include <stddef.h>
#include <stdint.h>

struct tc_sha256_state_struct {
	uint8_t *bytes;
	size_t length;
};

#endif
