/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Both hashes of an image while its bytes pass by (spec section 8.4).
 */
#include <dfucast/image.h>

#include <string.h>

#define TLV_SHA256 0x10u

bool dfucast_image_hash_checkable(const struct dfucast_image *image)
{
	/* What a device hashes of these is not what is sent. */
	const uint32_t transformed = DFUCAST_IMAGE_ENCRYPTED_AES128 | DFUCAST_IMAGE_ENCRYPTED_AES256 |
				     DFUCAST_IMAGE_COMPRESSED_LZMA1 | DFUCAST_IMAGE_COMPRESSED_LZMA2 |
				     DFUCAST_IMAGE_COMPRESSED_ARM_THUMB;

	return image->hash_type == TLV_SHA256 && (image->flags & transformed) == 0;
}

/** @return @p hash when it is running, so that every hash that was started is finished once, and no other. */
static const struct dfucast_sha256 *start(struct dfucast_image_digest *digest,
					  const struct dfucast_sha256 *hash)
{
	if (hash == NULL || hash->start(hash->context))
		return hash;
	digest->failed = true;
	return NULL;
}

static void update(struct dfucast_image_digest *digest, const struct dfucast_sha256 *hash,
		   const uint8_t *bytes, size_t length)
{
	if (hash != NULL && length > 0 && !digest->failed)
		digest->failed = !hash->update(hash->context, bytes, length);
}

static void finish(struct dfucast_image_digest *digest, const struct dfucast_sha256 *hash, uint8_t sha[32])
{
	if (hash != NULL && !hash->finish(hash->context, sha))
		digest->failed = true;
}

void dfucast_image_digest_start(struct dfucast_image_digest *digest, const struct dfucast_image *image,
				const struct dfucast_sha256 *file, const struct dfucast_sha256 *content)
{
	digest->failed = false;
	digest->fed = 0;
	digest->content_end = image->header_bytes + image->payload_bytes + image->protected_tlv_bytes;
	digest->file = start(digest, file);
	digest->content = start(digest, content);
}

void dfucast_image_digest_feed(struct dfucast_image_digest *digest, const uint8_t *bytes, size_t length)
{
	size_t content = digest->fed < digest->content_end ? digest->content_end - digest->fed : 0;

	DFUCAST_ASSERT(length <= UINT32_MAX - digest->fed);
	update(digest, digest->file, bytes, length);
	update(digest, digest->content, bytes, content < length ? content : length);
	digest->fed += (uint32_t)length;
}

int dfucast_image_digest_finish(struct dfucast_image_digest *digest, const struct dfucast_image *image,
				uint8_t file_sha[32])
{
	const bool has_content = digest->content != NULL;
	uint8_t sha[32];

	finish(digest, digest->file, file_sha != NULL ? file_sha : sha);
	finish(digest, digest->content, sha);
	digest->file = NULL;
	digest->content = NULL;
	if (digest->failed)
		return DFUCAST_ERR_STATE;
	if (digest->fed != image->length)
		return DFUCAST_ERR_IMAGE_TRUNCATED;
	if (!has_content || !dfucast_image_hash_checkable(image))
		return DFUCAST_ERR_IMAGE_UNCHECKED;
	return memcmp(sha, image->hash, sizeof(sha)) == 0 ? DFUCAST_ERR_OK : DFUCAST_ERR_IMAGE_HASH;
}
