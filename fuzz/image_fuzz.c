/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Fuzzes the image reader. Input: the file. When its length is odd, the magic is put in first, so that the
 * fuzzer need not find it.
 *
 * Checked: nothing is read behind the file's end; what parses can be listed, entry by entry, without gaps and
 * overlaps, within the file, with exactly one hash; the error is one that image.h promises. Versions that are
 * read from the same bytes are written and read back the same.
 */
#include <dfucast/image.h>
#include <stdlib.h>
#include <string.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	abort();
}

static void check(bool condition)
{
	if (!condition)
		abort();
}

struct file {
	const uint8_t *bytes;
	uint32_t length;
};

static bool file_read(void *context, uint32_t offset, uint8_t *buffer, uint32_t length)
{
	static const uint8_t magic[4] = {0x3D, 0xB8, 0xF3, 0x96};
	const struct file *file = context;

	check(length > 0 || offset <= file->length);
	check(offset <= file->length && length <= file->length - offset);
	for (uint32_t i = 0; i < length; i++) {
		bool patched = file->length % 2 == 1 && offset + i < sizeof(magic);

		buffer[i] = patched ? magic[offset + i] : file->bytes[offset + i];
	}
	return true;
}

static void check_version(const uint8_t *data, size_t size)
{
	struct dfucast_version version;
	struct dfucast_version again;
	char text[DFUCAST_VERSION_TEXT_BYTES];
	size_t length;

	if (!dfucast_version_parse(&version, (const char *)data, size))
		return;
	length = dfucast_version_format(&version, text);
	check(length < sizeof(text) && text[length] == '\0');
	check(dfucast_version_parse(&again, text, length));
	check(dfucast_version_compare(&version, &again, true) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file file = {.bytes = data, .length = (uint32_t)size};
	struct dfucast_image image;
	struct dfucast_image_tlv tlv;
	uint32_t cursor = 0;
	uint32_t end;
	unsigned int count = 0;
	unsigned int hashes = 0;
	int err;

	check_version(data, size);
	err = dfucast_image_parse(&image, file_read, &file, file.length);
	check(err == DFUCAST_ERR_OK || err == DFUCAST_ERR_IMAGE_MAGIC || err == DFUCAST_ERR_IMAGE_TRUNCATED ||
	      err == DFUCAST_ERR_IMAGE_TLV);
	if (err != DFUCAST_ERR_OK)
		return 0;
	check(image.header_bytes >= DFUCAST_IMAGE_HEADER_BYTES);
	check((uint64_t)image.header_bytes + image.payload_bytes + image.protected_tlv_bytes + 4u <=
	      image.tlv_end);
	check(image.tlv_end <= file.length);
	end = image.header_bytes + image.payload_bytes + (image.protected_tlv_bytes != 0 ? 4u : 0u);
	while ((err = dfucast_image_tlv_next(&image, file_read, &file, &cursor, &tlv)) == 1) {
		uint32_t start = tlv.offset - 4;

		/* The unprotected area's info lies between the last protected entry and the first other one. */
		check(start == end || (!tlv.is_protected && start == end + 4));
		end = tlv.offset + tlv.length;
		count++;
		if (tlv.type >= 0x10 && tlv.type <= 0x12) {
			hashes++;
			check(tlv.length == image.hash_bytes && tlv.type == image.hash_type &&
			      !tlv.is_protected);
		}
	}
	check(err == 0);
	check(end == image.tlv_end);
	check(count == image.tlv_count && hashes == 1);
	return 0;
}
