/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * PSA's state: nobody's business.
 */
#ifndef FAKE_ZEPHYR_PSA_H
#define FAKE_ZEPHYR_PSA_H

typedef struct {
	unsigned int id;
} psa_hash_operation_t;

#endif
