/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signature of MCUboot's over an image's SHA-256, with Mbed TLS: ECDSA P-256, RSA-2048 and RSA-3072 (PSS).
 * Format: MCUboot docs/design.md and bootutil/src/image_ecdsa.c, image_rsa.c.
 */
#define _GNU_SOURCE 1
#include "linux.h"
#include <errno.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/rsa.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_BYTES_MAX 16384u

struct dfucast_linux_key {
	mbedtls_pk_context context;
	uint16_t type;
};

/* Its text, with a NUL; NULL: `why` says what. */
static char *read_pem(const char *path, char *why, size_t why_bytes)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, PEM_BYTES_MAX + 1);
	size_t length = file != NULL && text != NULL ? fread(text, 1, PEM_BYTES_MAX, file) : 0;

	if (file == NULL || text == NULL || ferror(file) != 0) {
		(void)snprintf(why, why_bytes, "it cannot be read: %s", strerror(errno));
	} else if (length == PEM_BYTES_MAX || strlen(text) != length || strstr(text, "-----BEGIN ") == NULL) {
		(void)snprintf(why, why_bytes, "it is no PEM file");
	} else {
		(void)fclose(file);
		return text;
	}
	if (file != NULL)
		(void)fclose(file);
	free(text);
	return NULL;
}

/* The object identifier of Ed25519, 1.3.101.112, stands near the beginning of such a key; Mbed TLS 2.28 knows nothing
 * of it. "MCowBQYDK2Vw" and "MC4CAQAwBQYDK2Vw" are what both forms begin with. */
static bool is_ed25519(const char *text)
{
	return strstr(text, "BQYDK2Vw") != NULL;
}

/* The TLV type of this key's signatures; 0: MCUboot has none that is checked here. */
static uint16_t type_of(const mbedtls_pk_context *context)
{
	if (mbedtls_pk_get_type(context) == MBEDTLS_PK_RSA) {
		size_t bits = mbedtls_pk_get_bitlen(context);

		return bits == 2048 ? 0x20 : bits == 3072 ? 0x23 : 0;
	}
	if (mbedtls_pk_get_type(context) == MBEDTLS_PK_ECKEY)
		return mbedtls_pk_ec(*context)->grp.id == MBEDTLS_ECP_DP_SECP256R1 ? 0x22 : 0;
	return 0;
}

struct dfucast_linux_key *dfucast_linux_key_load(const char *path, char *why, size_t why_bytes)
{
	struct dfucast_linux_key *key = calloc(1, sizeof(*key));
	char *text = key != NULL ? read_pem(path, why, why_bytes) : NULL;

	if (text == NULL) {
		free(key);
		return NULL;
	}
	const unsigned char *pem = (const unsigned char *)text;
	size_t bytes = strlen(text) + 1;
	bool parsed;

	(void)psa_crypto_init();
	mbedtls_pk_init(&key->context);
	parsed = mbedtls_pk_parse_public_key(&key->context, pem, bytes) == 0;
	if (!parsed) {
		mbedtls_pk_free(&key->context);
		mbedtls_pk_init(&key->context);
		parsed = mbedtls_pk_parse_key(&key->context, pem, bytes, NULL, 0) == 0;
	}
	key->type = parsed ? type_of(&key->context) : 0;
	if (is_ed25519(text)) {
		(void)snprintf(why, why_bytes,
			       "it is an Ed25519 key, which the crypto library here (Mbed TLS 2.28) "
			       "does not have; ECDSA P-256, RSA-2048 and RSA-3072 can be checked");
	} else if (strstr(text, "ENCRYPTED") != NULL) {
		(void)snprintf(why, why_bytes, "it is protected by a password; give the public key");
	} else if (!parsed) {
		(void)snprintf(why, why_bytes, "there is no key in it that can be read");
	} else if (key->type == 0) {
		(void)snprintf(why, why_bytes,
			       "its kind or length is none of ECDSA P-256, RSA-2048 and RSA-3072");
	}
	mbedtls_platform_zeroize(text, bytes); /* it may be the private key */
	free(text);
	if (key->type == 0) {
		dfucast_linux_key_free(key);
		return NULL;
	}
	return key;
}

void dfucast_linux_key_free(struct dfucast_linux_key *key)
{
	if (key != NULL) {
		mbedtls_pk_free(&key->context);
		free(key);
	}
}

uint16_t dfucast_linux_key_type(const struct dfucast_linux_key *key)
{
	return key->type;
}

bool dfucast_linux_key_verify(const struct dfucast_linux_key *key, const uint8_t sha256[32],
			      const uint8_t *signature, size_t length)
{
	const mbedtls_pk_rsassa_pss_options pss = {.mgf1_hash_id = MBEDTLS_MD_SHA256,
						   .expected_salt_len = 32};
	mbedtls_pk_context context = key->context; /* verifying takes it as not constant */

	if (key->type != 0x22) {
		return mbedtls_pk_verify_ext(MBEDTLS_PK_RSASSA_PSS, &pss, &context, MBEDTLS_MD_SHA256, sha256,
					     32, signature, length) == 0;
	}
	/* DER; imgtool can fill it up with zeros behind its end. */
	if (length >= 2 && signature[0] == 0x30 && signature[1] < 0x80 && signature[1] + 2u <= length) {
		for (size_t i = signature[1] + 2u; i < length; i++) {
			if (signature[i] != 0)
				return false;
		}
		length = signature[1] + 2u;
	}
	return mbedtls_pk_verify(&context, MBEDTLS_MD_SHA256, sha256, 32, signature, length) == 0;
}
