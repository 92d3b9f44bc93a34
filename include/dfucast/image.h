/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * MCUboot images: header, TLVs, hash check. Reads through a callback, so the image may lie in a file, in flash
 * or in a buffer. Source of the format: MCUboot docs/design.md and bootutil/image.h; spec sections 8.1-8.4.
 *
 * Two different hashes, never to be mixed up:
 * - `hash`: the image's own SHA TLV, over header + payload + protected TLVs. The image list and set-state use it.
 * - the file's SHA-256, over all bytes sent. Only the upload's `sha` key uses it, to resume.
 */
#ifndef DFUCAST_IMAGE_H
#define DFUCAST_IMAGE_H

#include <dfucast/err.h>
#include <dfucast/port.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFUCAST_IMAGE_HEADER_BYTES 32u
#define DFUCAST_IMAGE_MAGIC 0x96F3B83Du
#define DFUCAST_IMAGE_HASH_BYTES_MAX 64u

/** Header flags, MCUboot bootutil/image.h. */
enum dfucast_image_flag {
	DFUCAST_IMAGE_PIC = 0x1,
	DFUCAST_IMAGE_ENCRYPTED_AES128 = 0x4,
	DFUCAST_IMAGE_ENCRYPTED_AES256 = 0x8,
	DFUCAST_IMAGE_NON_BOOTABLE = 0x10,
	DFUCAST_IMAGE_RAM_LOAD = 0x20,
	DFUCAST_IMAGE_ROM_FIXED = 0x100,
	DFUCAST_IMAGE_COMPRESSED_LZMA1 = 0x200,
	DFUCAST_IMAGE_COMPRESSED_LZMA2 = 0x400,
	DFUCAST_IMAGE_COMPRESSED_ARM_THUMB = 0x800,
};

/** An image's version. Text form as the device's list gives it: "M.m.r" or, with a build number, "M.m.r.b". */
struct dfucast_version {
	uint8_t major;
	uint8_t minor;
	uint16_t revision;
	uint32_t build;
};

/** <0, 0, >0 like memcmp. Major, minor, revision; the build number too when @p with_build. */
int dfucast_version_compare(const struct dfucast_version *a, const struct dfucast_version *b,
			    bool with_build);

/** Reads "M.m.r", "M.m.r.b" or "M.m.r+b". @return false, and zeros, when the text is no version. */
bool dfucast_version_parse(struct dfucast_version *version, const char *text, size_t length);

/** The longest version text, "255.255.65535.4294967295", and a NUL. */
#define DFUCAST_VERSION_TEXT_BYTES 25u

/** Writes "M.m.r" or "M.m.r.b" and a NUL into @p text (DFUCAST_VERSION_TEXT_BYTES are always enough). @return its length. */
size_t dfucast_version_format(const struct dfucast_version *version, char text[DFUCAST_VERSION_TEXT_BYTES]);

/** What an image says of itself. Plain values, no pointers. */
struct dfucast_image {
	uint32_t length; /**< bytes of the file, all of which are sent */
	uint32_t load_address;
	uint32_t payload_bytes;
	uint32_t flags;               /**< enum dfucast_image_flag */
	uint16_t header_bytes;        /**< offset of the payload */
	uint16_t protected_tlv_bytes; /**< 0: none */
	uint32_t tlv_end; /**< first byte after the unprotected TLVs; the rest is padding or a trailer */
	struct dfucast_version version;
	uint16_t hash_type; /**< TLV type 0x10 SHA-256, 0x11 SHA-384, 0x12 SHA-512 */
	uint8_t hash_bytes; /**< 32, 48 or 64 */
	uint8_t signature_count;
	uint16_t signature_type; /**< TLV type of the first signature, 0: none */
	uint16_t tlv_count;
	uint8_t hash[DFUCAST_IMAGE_HASH_BYTES_MAX];
};

/** Copies [offset, offset + length) of the image. @return false on a read error: parsing ends with IMAGE_READ. */
typedef bool (*dfucast_image_read)(void *context, uint32_t offset, uint8_t *buffer, uint32_t length);

/** One TLV entry, for listing. */
struct dfucast_image_tlv {
	uint32_t offset; /**< of the value, from the image's start */
	uint16_t type;
	uint16_t length;
	bool is_protected;
};

/**
 * Reads header and TLVs and checks that they hold together: magic, sizes within @p length, both TLV areas,
 * exactly one hash TLV of a right size.
 * @return 0, IMAGE_MAGIC, IMAGE_TRUNCATED, IMAGE_TLV or IMAGE_READ.
 */
int dfucast_image_parse(struct dfucast_image *image, dfucast_image_read read, void *context, uint32_t length);

/** Steps through the TLVs of a parsed image: set *cursor to 0 first. @return 1 an entry, 0 the end, <0 an error. */
int dfucast_image_tlv_next(const struct dfucast_image *image, dfucast_image_read read, void *context,
			   uint32_t *cursor, struct dfucast_image_tlv *entry);

/** True when the hash TLV can be compared with the bytes at hand: SHA-256, neither encrypted nor compressed. */
bool dfucast_image_hash_checkable(const struct dfucast_image *image);

/**
 * The streaming check: two running SHA-256 over the same bytes, fed in order from offset 0.
 * Hash contexts are the caller's; `image` must be parsed (or at least its sizes known) before the first feed.
 */
struct dfucast_image_digest {
	const struct dfucast_sha256 *file; /**< over all bytes: the upload's `sha`; NULL: not wanted */
	const struct dfucast_sha256
	    *content;         /**< header to protected TLVs: the image's hash; NULL: not wanted */
	uint32_t content_end; /**< first byte that is not hashed into `content` */
	uint32_t fed;         /**< bytes so far */
	bool failed;          /**< a hash hook said no */
};

void dfucast_image_digest_start(struct dfucast_image_digest *digest, const struct dfucast_image *image,
				const struct dfucast_sha256 *file, const struct dfucast_sha256 *content);
void dfucast_image_digest_feed(struct dfucast_image_digest *digest, const uint8_t *bytes, size_t length);
/**
 * Ends both hashes. @p file_sha may be NULL.
 * @return 0 the image's hash matches; IMAGE_HASH it does not; IMAGE_UNCHECKED it cannot be compared here
 *         (encrypted, compressed, not SHA-256); IMAGE_TRUNCATED fewer bytes were fed than the image has;
 *         STATE a hash hook failed.
 */
int dfucast_image_digest_finish(struct dfucast_image_digest *digest, const struct dfucast_image *image,
				uint8_t file_sha[32]);

#ifdef __cplusplus
}
#endif
#endif
