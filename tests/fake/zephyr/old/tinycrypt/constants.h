/* SPDX-License-Identifier: Apache-2.0 */
/** @file TinyCrypt: see zephyr/kernel.h. */
#ifndef FAKE_TINYCRYPT_CONSTANTS_H
#define FAKE_TINYCRYPT_CONSTANTS_H

#define TC_CRYPTO_SUCCESS 1

#endif
