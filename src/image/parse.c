/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * MCUboot image header and TLVs (spec sections 8.1-8.4). Whatever stands in the file: every size is checked
 * against what is left of it before it is used, and every step through the TLVs goes at least 4 bytes on.
 */
#include <dfucast/image.h>

#include "../util/bytes.h"

#include <string.h>

/** Both a TLV area's info and an entry's head: two 16-bit words. */
#define TLV_HEAD_BYTES 4u

#define TLV_INFO_MAGIC 0x6907u
#define TLV_INFO_PROTECTED_MAGIC 0x6908u

#define TLV_SHA256 0x10u
#define TLV_SHA512 0x12u
#define TLV_SIGNATURE_FIRST 0x20u /* RSA-2048 */
#define TLV_SIGNATURE_LAST 0x24u  /* Ed25519 */

static uint32_t tlv_start(const struct dfucast_image *image)
{
	return image->header_bytes + image->payload_bytes;
}

/** Reads the info of the TLV area at @p offset. @return the area's size with it, or an error (< 0). */
static int32_t area_bytes(const struct dfucast_image *image, dfucast_image_read read, void *context,
			  uint32_t offset, uint16_t magic)
{
	uint8_t info[TLV_HEAD_BYTES];
	uint16_t total;

	if (image->length - offset < sizeof(info))
		return DFUCAST_ERR_IMAGE_TRUNCATED;
	if (!read(context, offset, info, sizeof(info)))
		return DFUCAST_ERR_IMAGE_READ;
	total = dfucast_get_le16(info + 2);
	if (dfucast_get_le16(info) != magic || total < sizeof(info))
		return DFUCAST_ERR_IMAGE_TLV;
	return total <= image->length - offset ? total : DFUCAST_ERR_IMAGE_TRUNCATED;
}

static int parse_header(struct dfucast_image *image, dfucast_image_read read, void *context)
{
	uint8_t header[DFUCAST_IMAGE_HEADER_BYTES] = {0};
	uint32_t have = image->length < sizeof(header) ? image->length : (uint32_t)sizeof(header);

	if (have > 0 && !read(context, 0, header, have))
		return DFUCAST_ERR_IMAGE_READ;
	/* A short file that begins with something else is no image at all: say so first. */
	if (have >= 4 && dfucast_get_le32(header) != DFUCAST_IMAGE_MAGIC)
		return DFUCAST_ERR_IMAGE_MAGIC;
	if (have < sizeof(header))
		return DFUCAST_ERR_IMAGE_TRUNCATED;
	image->load_address = dfucast_get_le32(header + 4);
	image->header_bytes = dfucast_get_le16(header + 8);
	image->protected_tlv_bytes = dfucast_get_le16(header + 10);
	image->payload_bytes = dfucast_get_le32(header + 12);
	image->flags = dfucast_get_le32(header + 16);
	image->version.major = header[20];
	image->version.minor = header[21];
	image->version.revision = dfucast_get_le16(header + 22);
	image->version.build = dfucast_get_le32(header + 24);
	if (image->header_bytes < sizeof(header))
		return DFUCAST_ERR_IMAGE_MAGIC;
	if (image->header_bytes > image->length || image->payload_bytes > image->length - image->header_bytes)
		return DFUCAST_ERR_IMAGE_TRUNCATED;
	return DFUCAST_ERR_OK;
}

/** Finds both TLV areas and sets tlv_end. */
static int parse_areas(struct dfucast_image *image, dfucast_image_read read, void *context)
{
	uint32_t offset = tlv_start(image);
	int32_t bytes;

	if (image->protected_tlv_bytes != 0) {
		bytes = area_bytes(image, read, context, offset, TLV_INFO_PROTECTED_MAGIC);
		if (bytes < 0)
			return (int)bytes;
		if (bytes != image->protected_tlv_bytes)
			return DFUCAST_ERR_IMAGE_TLV;
		offset += (uint32_t)bytes;
	}
	bytes = area_bytes(image, read, context, offset, TLV_INFO_MAGIC);
	if (bytes < 0)
		return (int)bytes;
	image->tlv_end = offset + (uint32_t)bytes;
	return DFUCAST_ERR_OK;
}

static int take_tlv(struct dfucast_image *image, dfucast_image_read read, void *context,
		    const struct dfucast_image_tlv *entry)
{
	image->tlv_count++;
	if (entry->type >= TLV_SIGNATURE_FIRST && entry->type <= TLV_SIGNATURE_LAST) {
		if (image->signature_count < UINT8_MAX)
			image->signature_count++;
		if (image->signature_type == 0)
			image->signature_type = entry->type;
	}
	if (entry->type < TLV_SHA256 || entry->type > TLV_SHA512)
		return DFUCAST_ERR_OK;
	/* Exactly one, outside the area it covers; SHA-256, -384, -512: 32, 48, 64 bytes. */
	if (image->hash_bytes != 0 || entry->is_protected ||
	    entry->length != 32u + 16u * (entry->type - TLV_SHA256))
		return DFUCAST_ERR_IMAGE_TLV;
	image->hash_type = entry->type;
	image->hash_bytes = (uint8_t)entry->length;
	return read(context, entry->offset, image->hash, entry->length) ? DFUCAST_ERR_OK
									: DFUCAST_ERR_IMAGE_READ;
}

int dfucast_image_parse(struct dfucast_image *image, dfucast_image_read read, void *context, uint32_t length)
{
	struct dfucast_image_tlv entry;
	uint32_t cursor = 0;
	int err;

	*image = (struct dfucast_image){.length = length};
	err = parse_header(image, read, context);
	if (err == DFUCAST_ERR_OK)
		err = parse_areas(image, read, context);
	if (err != DFUCAST_ERR_OK)
		return err;
	while ((err = dfucast_image_tlv_next(image, read, context, &cursor, &entry)) > 0) {
		err = take_tlv(image, read, context, &entry);
		if (err != DFUCAST_ERR_OK)
			return err;
	}
	if (err == DFUCAST_ERR_OK && image->hash_bytes == 0)
		return DFUCAST_ERR_IMAGE_TLV;
	return err;
}

int dfucast_image_tlv_next(const struct dfucast_image *image, dfucast_image_read read, void *context,
			   uint32_t *cursor, struct dfucast_image_tlv *entry)
{
	uint8_t head[TLV_HEAD_BYTES];
	uint32_t start = tlv_start(image);
	uint32_t protected_end = start + image->protected_tlv_bytes;
	uint32_t end = image->tlv_end;
	uint32_t offset = *cursor == 0 ? start : *cursor;

	/* Step over the info of the protected area, then over that of the other; either may be empty. */
	if (offset == start && offset != protected_end)
		offset += TLV_HEAD_BYTES;
	if (offset == protected_end)
		offset += TLV_HEAD_BYTES;
	else if (offset < protected_end)
		end = protected_end;
	*cursor = offset;
	if (offset >= end)
		return 0;
	if (end - offset < sizeof(head))
		return DFUCAST_ERR_IMAGE_TLV;
	if (!read(context, offset, head, sizeof(head)))
		return DFUCAST_ERR_IMAGE_READ;
	offset += TLV_HEAD_BYTES;
	entry->offset = offset;
	entry->type = dfucast_get_le16(head);
	entry->length = dfucast_get_le16(head + 2);
	entry->is_protected = end == protected_end;
	if (entry->length > end - offset)
		return DFUCAST_ERR_IMAGE_TLV;
	*cursor = offset + entry->length;
	return 1;
}
