/* SPDX-License-Identifier: Apache-2.0 */
/* --key PEM: is the image signed with this key? Of an image with several signatures one must be. */
#include "cli.h"
#include <string.h>

#define SIGNATURE_BYTES_MAX 512u /* RSA-4096 has as many */

static const char *name_of(uint16_t type)
{
	switch (type) {
	case 0x20:
		return "RSA-2048";
	case 0x22:
		return "ECDSA P-256";
	case 0x23:
		return "RSA-3072";
	case 0x24:
		return "Ed25519, which cannot be checked here";
	default:
		return "a kind that is not known here";
	}
}

struct dfucast_linux_key *signed_key(const struct output *out, const char *path, int *code)
{
	char why[200] = "";
	char what[500];
	struct dfucast_linux_key *key = dfucast_linux_key_load(path, why, sizeof(why));

	*code = CLI_EXIT_OK;
	if (key == NULL) {
		snprintf(what, sizeof(what), "--key %.200s: %s.", path, why);
		*code = output_usage(
		    out, what,
		    "Give the key that imgtool signs with, or its public half (\"imgtool getpub -e pem\").");
	}
	return key;
}

int signed_check(const struct dfucast_linux_key *key, const struct dfucast_image *image,
		 struct image_file *file, char *why, size_t why_bytes)
{
	struct dfucast_image_tlv entry;
	uint32_t cursor = 0;
	bool same_kind = false;

	if (image->signature_count == 0) {
		(void)snprintf(why, why_bytes, "it carries no signature");
		return DFUCAST_ERR_IMAGE_SIGNATURE;
	}
	if (image->hash_bytes != 32) {
		(void)snprintf(why, why_bytes,
			       "its hash is not SHA-256, so its signature cannot be checked here");
		return DFUCAST_ERR_IMAGE_SIGNATURE;
	}
	while (dfucast_image_tlv_next(image, image_file_read, file, &cursor, &entry) == 1) {
		uint8_t signature[SIGNATURE_BYTES_MAX];

		if (entry.is_protected || entry.type != dfucast_linux_key_type(key) ||
		    entry.length > sizeof(signature)) {
			continue;
		}
		same_kind = true;
		if (!image_file_read(file, entry.offset, signature, entry.length)) {
			return DFUCAST_ERR_IMAGE_READ;
		}
		if (dfucast_linux_key_verify(key, image->hash, signature, entry.length)) {
			return DFUCAST_ERR_OK;
		}
	}
	if (same_kind) {
		(void)snprintf(why, why_bytes, "its %s signature is not of this key, or not of this content",
			       name_of(dfucast_linux_key_type(key)));
	} else {
		(void)snprintf(why, why_bytes, "it is signed with %s, and the key is for %s",
			       name_of(image->signature_type), name_of(dfucast_linux_key_type(key)));
	}
	return DFUCAST_ERR_IMAGE_SIGNATURE;
}
