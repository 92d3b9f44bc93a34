/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The worked image of the protocol fact sheet, and one-field patches of an image that each break one rule.
 * Each comment names the rule, by its section there.
 */
#ifndef DFUCAST_TESTS_IMAGE_CASES_H
#define DFUCAST_TESTS_IMAGE_CASES_H

#include <dfucast/err.h>
#include <stddef.h>
#include <stdint.h>

/* Section 8.6: header 32, payload 16 x AA, version 1.2.3+4. */
static const uint8_t example[88] = {
    0x3D, 0xB8, 0xF3, 0x96, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA,
    0xAA, 0xAA, 0xAA, 0x07, 0x69, 0x28, 0x00, 0x10, 0x00, 0x20, 0x00, 0xCA, 0x2F, 0x3F, 0xCD,
    0xDC, 0x8F, 0x49, 0x33, 0x88, 0x45, 0xB4, 0xE3, 0x1F, 0x45, 0x7D, 0x6B, 0xAB, 0xA3, 0x5F,
    0xA1, 0xF9, 0x22, 0x5C, 0x01, 0x8F, 0x30, 0x46, 0x98, 0xD9, 0xE3, 0x69, 0x37};
static const uint8_t example_hash[32] = {0xCA, 0x2F, 0x3F, 0xCD, 0xDC, 0x8F, 0x49, 0x33, 0x88, 0x45, 0xB4,
					 0xE3, 0x1F, 0x45, 0x7D, 0x6B, 0xAB, 0xA3, 0x5F, 0xA1, 0xF9, 0x22,
					 0x5C, 0x01, 0x8F, 0x30, 0x46, 0x98, 0xD9, 0xE3, 0x69, 0x37};
static const uint8_t example_file_sha[32] = {0x47, 0x4D, 0x62, 0x8C, 0xC5, 0x90, 0x2B, 0x5A, 0xFF, 0x70, 0x07,
					     0x16, 0x8E, 0xB0, 0x8F, 0x7B, 0x86, 0x9A, 0x09, 0xED, 0x76, 0x41,
					     0xEA, 0x40, 0x5C, 0x94, 0x0A, 0x61, 0x82, 0x15, 0x02, 0x67};

#define PAYLOAD_END 48u /* of the example, and of what the tests build on its header */

/* One patch of a good image (protected: security counter; unprotected: SHA-256, ECDSA) each. */
struct patch {
	size_t at;
	uint32_t value;
	size_t bytes;
	int expected;
};

enum {
	PROTECTED = PAYLOAD_END,      /* info, then one entry of 4 + 4 bytes */
	UNPROTECTED = PROTECTED + 12, /* info, hash entry of 4 + 32, signature entry of 4 + 70 */
	HASH = UNPROTECTED + 4,
	SIGNATURE = HASH + 36,
	END = SIGNATURE + 74,
};

static const struct patch patches[] = {
    /* 8.1: magic; the old format's; another byte order */
    {0, 0x96F3B83C, 4, DFUCAST_ERR_IMAGE_MAGIC},
    {0, 0x3DB8F396, 4, DFUCAST_ERR_IMAGE_MAGIC},
    {0, 0, 4, DFUCAST_ERR_IMAGE_MAGIC},
    /* 8.1: header size includes the header */
    {8, 0, 2, DFUCAST_ERR_IMAGE_MAGIC},
    {8, 31, 2, DFUCAST_ERR_IMAGE_MAGIC},
    /* 8.2: header and payload lie in the file */
    {8, 0xFFFF, 2, DFUCAST_ERR_IMAGE_TRUNCATED},
    {12, END, 4, DFUCAST_ERR_IMAGE_TRUNCATED},
    {12, 0x7FFFFFFF, 4, DFUCAST_ERR_IMAGE_TRUNCATED},
    /* sums that wrap: to 0, and to the right TLV offset */
    {12, 0xFFFFFFE0, 4, DFUCAST_ERR_IMAGE_TRUNCATED},
    {12, 0xFFFFFFFF, 4, DFUCAST_ERR_IMAGE_TRUNCATED},
    /* payload ends in front of, in and behind the place where TLVs start */
    {12, 15, 4, DFUCAST_ERR_IMAGE_TLV},
    {12, 17, 4, DFUCAST_ERR_IMAGE_TLV},
    {12, END - 32, 4, DFUCAST_ERR_IMAGE_TRUNCATED},
    {12, END - 32 - 3, 4, DFUCAST_ERR_IMAGE_TRUNCATED},
    /* 8.1: the protected area's size stands in the header too: none, another, more than the file */
    {10, 0, 2, DFUCAST_ERR_IMAGE_TLV},
    {10, 4, 2, DFUCAST_ERR_IMAGE_TLV},
    {10, 13, 2, DFUCAST_ERR_IMAGE_TLV},
    {10, 0xFFFF, 2, DFUCAST_ERR_IMAGE_TLV},
    /* 8.2: each area has its own magic */
    {PROTECTED, 0x6907, 2, DFUCAST_ERR_IMAGE_TLV},
    {UNPROTECTED, 0x6908, 2, DFUCAST_ERR_IMAGE_TLV},
    {UNPROTECTED, 0, 2, DFUCAST_ERR_IMAGE_TLV},
    /* 8.2: total includes the info's 4 bytes */
    {PROTECTED + 2, 0, 2, DFUCAST_ERR_IMAGE_TLV},
    {PROTECTED + 2, 3, 2, DFUCAST_ERR_IMAGE_TLV},
    {UNPROTECTED + 2, 0, 2, DFUCAST_ERR_IMAGE_TLV},
    {UNPROTECTED + 2, 3, 2, DFUCAST_ERR_IMAGE_TLV},
    /* an area behind the file's end */
    {PROTECTED + 2, 0xFFFF, 2, DFUCAST_ERR_IMAGE_TRUNCATED},
    {UNPROTECTED + 2, END - UNPROTECTED + 1, 2, DFUCAST_ERR_IMAGE_TRUNCATED},
    {UNPROTECTED + 2, 0xFFFF, 2, DFUCAST_ERR_IMAGE_TRUNCATED},
    /* an area that ends inside an entry's value, or in its head */
    {UNPROTECTED + 2, END - UNPROTECTED - 1, 2, DFUCAST_ERR_IMAGE_TLV},
    {UNPROTECTED + 2, 4 + 36 + 1, 2, DFUCAST_ERR_IMAGE_TLV},
    {UNPROTECTED + 2, 4 + 36 + 3, 2, DFUCAST_ERR_IMAGE_TLV},
    /* an entry longer than its area: into the next area, behind the end */
    {PROTECTED + 6, 5, 2, DFUCAST_ERR_IMAGE_TLV},
    {PROTECTED + 6, 0xFFFF, 2, DFUCAST_ERR_IMAGE_TLV},
    {SIGNATURE + 2, 71, 2, DFUCAST_ERR_IMAGE_TLV},
    {SIGNATURE + 2, 0xFFFF, 2, DFUCAST_ERR_IMAGE_TLV},
    /* an entry cut short leaves less than an entry's head behind it */
    {PROTECTED + 6, 3, 2, DFUCAST_ERR_IMAGE_TLV},
    {SIGNATURE + 2, 69, 2, DFUCAST_ERR_IMAGE_TLV},
    /* 8.4: exactly one hash: none (area empty; another type), a second one, a second of another type */
    {UNPROTECTED + 2, 4, 2, DFUCAST_ERR_IMAGE_TLV},
    {HASH, 0x13, 2, DFUCAST_ERR_IMAGE_TLV},
    {HASH, 0x0110, 2, DFUCAST_ERR_IMAGE_TLV},
    {SIGNATURE, 0x10, 2, DFUCAST_ERR_IMAGE_TLV},
    {SIGNATURE, 0x11, 2, DFUCAST_ERR_IMAGE_TLV},
    /* 8.3: a hash of the wrong size */
    {HASH, 0x11, 2, DFUCAST_ERR_IMAGE_TLV},
    {HASH, 0x12, 2, DFUCAST_ERR_IMAGE_TLV},
    {HASH + 2, 31, 2, DFUCAST_ERR_IMAGE_TLV},
    {HASH + 2, 0, 2, DFUCAST_ERR_IMAGE_TLV},
    {HASH + 2, 64, 2, DFUCAST_ERR_IMAGE_TLV},
    /* 8.4: the hash is in the unprotected area */
    {PROTECTED + 4, 0x10, 2, DFUCAST_ERR_IMAGE_TLV},
    /* and what is allowed: any load address, flags, version, unknown types; the pure-signature marker is no signature */
    {4, 0xFFFFFFFF, 4, DFUCAST_ERR_OK},
    {16, 0xFFFFFFFF, 4, DFUCAST_ERR_OK},
    {SIGNATURE, 0xFFFF, 2, DFUCAST_ERR_OK},
    {SIGNATURE, 0x25, 2, DFUCAST_ERR_OK},
    {UNPROTECTED + 2, 4 + 36, 2, DFUCAST_ERR_OK},
};

#endif
