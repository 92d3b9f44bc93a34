/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * MCUboot images: versions, header and TLVs, both hashes; the worked example of the spec, and images that break
 * one rule each.
 */
#include <dfucast/image.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/sha256.h>

#include "image_cases.h"

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

static uint32_t random_next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* A file in memory whose reads are checked, and can be made to fail. */
struct file {
	const uint8_t *bytes;
	uint32_t length;
	unsigned int reads;
	unsigned int reads_left; /* then reads fail; 0: never */
};

static bool file_read(void *context, uint32_t offset, uint8_t *buffer, uint32_t length)
{
	struct file *file = context;

	assert_true(offset <= file->length && length <= file->length - offset);
	file->reads++;
	if (file->reads_left != 0 && --file->reads_left == 0)
		return false;
	memcpy(buffer, file->bytes + offset, length);
	return true;
}

static int parse(struct dfucast_image *image, const uint8_t *bytes, size_t length)
{
	struct file file = {.bytes = bytes, .length = (uint32_t)length};

	return dfucast_image_parse(image, file_read, &file, (uint32_t)length);
}

/* Images are built piece by piece behind the example's header and payload. */
struct builder {
	uint8_t bytes[70000];
	size_t length;
	size_t area; /* where the open TLV area starts */
};

static struct builder b;

static void put_le16(size_t at, size_t value)
{
	b.bytes[at] = (uint8_t)value;
	b.bytes[at + 1] = (uint8_t)(value >> 8);
}

static void build_start(void)
{
	memset(&b, 0, sizeof(b));
	memcpy(b.bytes, example, PAYLOAD_END);
	b.length = PAYLOAD_END;
}

static void build_area(uint16_t magic)
{
	b.area = b.length;
	put_le16(b.length, magic);
	put_le16(b.length + 2, 4);
	b.length += 4;
}

static void build_tlv(uint16_t type, uint16_t length)
{
	put_le16(b.length, type);
	put_le16(b.length + 2, length);
	memset(b.bytes + b.length + 4, (uint8_t)type, length);
	b.length += 4u + length;
	put_le16(b.area + 2, b.length - b.area);
	if (b.bytes[b.area] == 0x08)
		put_le16(10, b.length - b.area);
}

static void version_text(void **state)
{
	static const struct {
		const char *text;
		struct dfucast_version version;
	} good[] = {
	    {"0.0.0", {0, 0, 0, 0}},         {"1.2.3", {1, 2, 3, 0}},
	    {"1.2.3.4", {1, 2, 3, 4}},       {"255.255.65535.4294967295", {255, 255, 65535, 4294967295u}},
	    {"10.0.100.0", {10, 0, 100, 0}}, {"1.2.3+4", {1, 2, 3, 4}},
	    {"001.02.3", {1, 2, 3, 0}},
	};
	static const char *const bad[] = {
	    "",          "1",
	    "1.2",       "1.2.",
	    "1.2.3.",    "1.2.3+",
	    "1.2+3",     "1+2.3",
	    "1.2.3.4.5", "1.2.3+4+5",
	    "1.2.3+4.5", ".1.2.3",
	    "1..2.3",    "256.0.0",
	    "0.256.0",   "0.0.65536",
	    "-1.0.0",    " 1.2.3",
	    "1.2.3 ",    "a.b.c",
	    "1.2.3-rc1", "0.0.0.4294967296",
	    "1,2,3",     "0.0.0.42949672950",
	    "0.0.99999", "v1.2.3",
	    "1.2.3.x",   "4294967297.0.0",
	};
	char text[DFUCAST_VERSION_TEXT_BYTES];
	struct dfucast_version version;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(dfucast_version_parse(&version, good[i].text, strlen(good[i].text)));
		assert_int_equal(dfucast_version_compare(&version, &good[i].version, true), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(dfucast_version_format(&good[i].version, text), strlen(good[i].text));
		assert_string_equal(text, good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct dfucast_version zero = {0};

		memset(&version, 0xFF, sizeof(version));
		assert_false(dfucast_version_parse(&version, bad[i], strlen(bad[i])));
		assert_int_equal(dfucast_version_compare(&version, &zero, true), 0);
	}
	/* Only `length` characters count; a NUL among them is no digit. */
	assert_true(dfucast_version_parse(&version, "1.2.34", 5));
	assert_int_equal(version.revision, 3);
	assert_false(dfucast_version_parse(&version, "1.2.3\0", 6));
}

static void version_order(void **state)
{
	static const struct dfucast_version rising[] = {
	    {0, 0, 0, 0}, {0, 0, 0, 1},           {0, 0, 1, 0},   {0, 0, 256, 0},
	    {0, 1, 0, 0}, {0, 1, 0, 4294967295u}, {0, 1, 2, 0},   {0, 255, 65535, 9},
	    {1, 0, 0, 0}, {2, 0, 0, 0},           {255, 0, 0, 0},
	};
	enum { COUNT = sizeof(rising) / sizeof(rising[0]) };

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		for (int k = 0; k < COUNT; k++) {
			int order = dfucast_version_compare(&rising[i], &rising[k], true);

			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
		}
	}
	assert_int_equal(dfucast_version_compare(&rising[0], &rising[1], false), 0);
	assert_true(dfucast_version_compare(&rising[1], &rising[2], false) < 0);
	assert_true(dfucast_version_compare(&rising[6], &rising[5], false) > 0);
}

static void worked_example(void **state)
{
	struct dfucast_image image;
	struct dfucast_image_tlv tlv;
	struct file file = {.bytes = example, .length = sizeof(example)};
	uint32_t cursor = 0;

	(void)state;
	assert_int_equal(dfucast_image_parse(&image, file_read, &file, sizeof(example)), DFUCAST_ERR_OK);
	assert_int_equal(image.length, 88);
	assert_int_equal(image.load_address, 0);
	assert_int_equal(image.header_bytes, 32);
	assert_int_equal(image.payload_bytes, 16);
	assert_int_equal(image.protected_tlv_bytes, 0);
	assert_int_equal(image.flags, 0);
	assert_int_equal(image.tlv_end, 88);
	assert_int_equal(image.version.major, 1);
	assert_int_equal(image.version.minor, 2);
	assert_int_equal(image.version.revision, 3);
	assert_int_equal(image.version.build, 4);
	assert_int_equal(image.hash_type, 0x10);
	assert_int_equal(image.hash_bytes, 32);
	assert_memory_equal(image.hash, example_hash, 32);
	assert_int_equal(image.signature_count, 0);
	assert_int_equal(image.signature_type, 0);
	assert_int_equal(image.tlv_count, 1);
	assert_true(dfucast_image_hash_checkable(&image));

	assert_int_equal(dfucast_image_tlv_next(&image, file_read, &file, &cursor, &tlv), 1);
	assert_int_equal(tlv.offset, 56);
	assert_int_equal(tlv.type, 0x10);
	assert_int_equal(tlv.length, 32);
	assert_false(tlv.is_protected);
	assert_int_equal(dfucast_image_tlv_next(&image, file_read, &file, &cursor, &tlv), 0);
	assert_int_equal(dfucast_image_tlv_next(&image, file_read, &file, &cursor, &tlv), 0);
	/* Every read failing in turn. */
	for (unsigned int i = 1; i <= 4; i++) {
		struct file failing = {.bytes = example, .length = sizeof(example), .reads_left = i};

		assert_int_equal(dfucast_image_parse(&image, file_read, &failing, sizeof(example)),
				 DFUCAST_ERR_IMAGE_READ);
		assert_int_equal(failing.reads, i);
	}
	/* Cut off anywhere: magic first, then too short. Nothing is read behind the end (file_read checks). */
	for (size_t length = 0; length < sizeof(example); length++)
		assert_int_equal(parse(&image, example, length), DFUCAST_ERR_IMAGE_TRUNCATED);
}

static void both_areas_are_listed(void **state)
{
	static const struct dfucast_image_tlv expected[] = {
	    {56, 0x50, 4, true},    {64, 0x40, 12, true},   {84, 0x01, 32, false},
	    {120, 0x10, 32, false}, {156, 0x22, 70, false}, {230, 0x24, 0, false},
	};
	struct dfucast_image image;
	struct dfucast_image_tlv tlv;
	struct file file = {.bytes = b.bytes};
	uint32_t cursor = 0;

	(void)state;
	build_start();
	build_area(0x6908);
	build_tlv(0x50, 4);
	build_tlv(0x40, 12);
	build_area(0x6907);
	build_tlv(0x01, 32);
	build_tlv(0x10, 32);
	build_tlv(0x22, 70);
	build_tlv(0x24, 0);
	b.length += 100; /* padding behind: section 8.2 */
	file.length = (uint32_t)b.length;
	assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_OK);
	assert_int_equal(image.protected_tlv_bytes, 28);
	assert_int_equal(image.tlv_end, b.length - 100);
	assert_int_equal(image.tlv_count, 6);
	assert_int_equal(image.signature_count, 2);
	assert_int_equal(image.signature_type, 0x22);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(dfucast_image_tlv_next(&image, file_read, &file, &cursor, &tlv), 1);
		assert_int_equal(tlv.offset, expected[i].offset);
		assert_int_equal(tlv.type, expected[i].type);
		assert_int_equal(tlv.length, expected[i].length);
		assert_int_equal(tlv.is_protected, expected[i].is_protected);
	}
	assert_int_equal(dfucast_image_tlv_next(&image, file_read, &file, &cursor, &tlv), 0);

	/* A protected area that holds nothing but its info. */
	build_start();
	build_area(0x6908);
	put_le16(10, 4);
	build_area(0x6907);
	build_tlv(0x10, 32);
	assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_OK);
	assert_int_equal(image.tlv_count, 1);
}

static void other_hashes(void **state)
{
	struct dfucast_image image;

	(void)state;
	for (uint16_t k = 0; k < 3; k++) {
		const uint16_t bytes = (uint16_t)(32 + 16 * k);

		build_start();
		build_area(0x6907);
		build_tlv((uint16_t)(0x10 + k), bytes);
		assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_OK);
		assert_int_equal(image.hash_type, 0x10 + k);
		assert_int_equal(image.hash_bytes, bytes);
		assert_int_equal(image.hash[bytes - 1], 0x10 + k);
		assert_int_equal(dfucast_image_hash_checkable(&image), k == 0);
	}
	build_start();
	build_area(0x6907);
	build_tlv(0x10, 32);
	for (unsigned int bit = 0; bit < 32; bit++) {
		/* Section 8.1: 4 and 8 encrypt, 200, 400 and 800 compress. */
		const uint32_t hidden = 0x4 | 0x8 | 0x200 | 0x400 | 0x800;

		memset(b.bytes + 16, 0, 4);
		b.bytes[16 + bit / 8] = (uint8_t)(1u << bit % 8);
		assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_OK);
		assert_int_equal(image.flags, 1u << bit);
		assert_int_equal(dfucast_image_hash_checkable(&image), (hidden >> bit & 1u) == 0);
	}
}

static void build_signed(void)
{
	build_start();
	build_area(0x6908);
	build_tlv(0x50, 4);
	build_area(0x6907);
	build_tlv(0x10, 32);
	build_tlv(0x22, 70);
}

static void malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
		const struct patch *patch = &patches[i];
		struct dfucast_image image;
		int err;

		build_signed();
		assert_int_equal(b.length, END);
		assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_OK);
		for (size_t k = 0; k < patch->bytes; k++)
			b.bytes[patch->at + k] = (uint8_t)(patch->value >> 8 * k);
		err = parse(&image, b.bytes, b.length);
		if (err != patch->expected)
			print_error("patch %zu\n", i);
		assert_int_equal(err, patch->expected);
		if (err == DFUCAST_ERR_OK && patch->at == SIGNATURE)
			assert_int_equal(image.signature_count, 0);
	}
}

/* Section 8.4: exactly one hash, and not in the area that it covers. */
static void one_hash_only(void **state)
{
	struct dfucast_image image;

	(void)state;
	for (uint16_t type = 0x10; type <= 0x12; type++) {
		for (uint16_t second = 0x10; second <= 0x12; second++) {
			build_start();
			build_area(0x6907);
			build_tlv(type, (uint16_t)(32 + 16 * (type - 0x10)));
			assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_OK);
			build_tlv(second, (uint16_t)(32 + 16 * (second - 0x10)));
			assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_IMAGE_TLV);
		}
	}
	build_start();
	build_area(0x6908);
	build_tlv(0x10, 32);
	build_area(0x6907);
	build_tlv(0x01, 32);
	assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_IMAGE_TLV);
	build_tlv(0x10, 32);
	assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_IMAGE_TLV);
}

static void no_image_at_all(void **state)
{
	struct dfucast_image image;

	(void)state;
	assert_int_equal(parse(&image, (const uint8_t *)"hello", 5), DFUCAST_ERR_IMAGE_MAGIC);
	assert_int_equal(parse(&image, (const uint8_t *)"hell", 4), DFUCAST_ERR_IMAGE_MAGIC);
	assert_int_equal(parse(&image, (const uint8_t *)"hel", 3), DFUCAST_ERR_IMAGE_TRUNCATED);
	assert_int_equal(parse(&image, NULL, 0), DFUCAST_ERR_IMAGE_TRUNCATED);
}

/* As many entries as an area can hold: the steps are bounded by its 16-bit size. */
static void many_entries(void **state)
{
	struct dfucast_image image;

	(void)state;
	build_start();
	build_area(0x6907);
	build_tlv(0x10, 32);
	while (b.length - b.area + 4 <= UINT16_MAX)
		build_tlv(0x20, 0);
	assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_OK);
	assert_int_equal(image.tlv_count, 1 + (UINT16_MAX - 40) / 4);
	assert_int_equal(image.signature_count, UINT8_MAX);
}

static void random_damage(void **state)
{
	uint32_t seed = 0x5EED0201;
	unsigned int parsed = 0;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		struct dfucast_image image;
		struct dfucast_image_tlv tlv;
		uint32_t cursor = 0;
		unsigned int listed = 0;
		size_t length;
		struct file file;

		if (i % 16 == 0)
			build_signed();
		b.bytes[random_next(&seed) % END] = (uint8_t)(random_next(&seed) >> 9);
		if (i % 4 != 0)
			memcpy(b.bytes, example, 4);
		length = random_next(&seed) % 4 == 0 ? random_next(&seed) % (END + 1) : END;
		if (parse(&image, b.bytes, length) != DFUCAST_ERR_OK)
			continue;
		parsed++;
		file = (struct file){.bytes = b.bytes, .length = (uint32_t)length};
		while (dfucast_image_tlv_next(&image, file_read, &file, &cursor, &tlv) == 1)
			listed++;
		assert_int_equal(listed, image.tlv_count);
		assert_true(image.tlv_end <= length);
	}
	assert_true(parsed > 1000);
}

/* SHA-256 hooks over Mbed TLS that check their own order, and can be made to fail. */
enum hash_fail { FAIL_NOTHING, FAIL_START, FAIL_UPDATE, FAIL_FINISH };

struct hash {
	mbedtls_sha256_context sha;
	unsigned int started;
	unsigned int finished;
	enum hash_fail fail;
};

static bool hash_start(void *context)
{
	struct hash *hash = context;

	assert_int_equal(hash->started, hash->finished);
	if (hash->fail == FAIL_START)
		return false;
	hash->started++;
	mbedtls_sha256_init(&hash->sha);
	return mbedtls_sha256_starts_ret(&hash->sha, 0) == 0;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	struct hash *hash = context;

	assert_int_equal(hash->started, hash->finished + 1);
	return hash->fail != FAIL_UPDATE && mbedtls_sha256_update_ret(&hash->sha, bytes, length) == 0;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	struct hash *hash = context;
	int rc;

	assert_int_equal(hash->started, hash->finished + 1);
	hash->finished++;
	rc = mbedtls_sha256_finish_ret(&hash->sha, digest);
	mbedtls_sha256_free(&hash->sha);
	return hash->fail != FAIL_FINISH && rc == 0;
}

static struct dfucast_sha256 hook(struct hash *hash)
{
	return (struct dfucast_sha256){hash, hash_start, hash_update, hash_finish};
}

static int digest_of(const struct dfucast_image *image, const uint8_t *bytes, size_t length,
		     struct hash *file, struct hash *content, uint8_t file_sha[32], uint32_t seed)
{
	const struct dfucast_sha256 file_hook = hook(file);
	const struct dfucast_sha256 content_hook = hook(content);
	struct dfucast_image_digest digest;
	size_t at = 0;

	dfucast_image_digest_start(&digest, image, &file_hook, &content_hook);
	while (at < length) {
		size_t part = 1 + random_next(&seed) % 40;

		if (part > length - at)
			part = length - at;
		dfucast_image_digest_feed(&digest, bytes + at, part);
		at += part;
	}
	return dfucast_image_digest_finish(&digest, image, file_sha);
}

static void both_hashes_of_the_example(void **state)
{
	struct dfucast_image image;
	uint8_t sha[32];

	(void)state;
	assert_int_equal(parse(&image, example, sizeof(example)), DFUCAST_ERR_OK);
	for (uint32_t seed = 1; seed < 200; seed++) {
		struct hash file = {0};
		struct hash content = {0};

		memset(sha, 0, sizeof(sha));
		assert_int_equal(digest_of(&image, example, sizeof(example), &file, &content, sha, seed),
				 DFUCAST_ERR_OK);
		/* Section 8.6: the file's sha is for the upload, the image's hash for the list. */
		assert_memory_equal(sha, example_file_sha, 32);
		assert_int_equal(file.finished, 1);
		assert_int_equal(content.finished, 1);
		assert_int_equal(digest_of(&image, example, sizeof(example), &file, &content, NULL, seed),
				 DFUCAST_ERR_OK);
	}
}

/* The hash covers the protected area with its info (section 8.4), not the unprotected one, nor padding. */
static void what_the_hash_covers(void **state)
{
	struct dfucast_image image;
	size_t end;

	(void)state;
	build_signed();
	b.length += 10;
	assert_int_equal(mbedtls_sha256_ret(b.bytes, UNPROTECTED, b.bytes + HASH + 4, 0), 0);
	assert_int_equal(parse(&image, b.bytes, b.length), DFUCAST_ERR_OK);
	end = b.length;
	for (size_t i = 0; i < end; i++) {
		struct hash file = {0};
		struct hash content = {0};
		int err;

		b.bytes[i] ^= 0x20;
		err = digest_of(&image, b.bytes, end, &file, &content, NULL, (uint32_t)i + 1);
		b.bytes[i] ^= 0x20;
		assert_int_equal(err, i < UNPROTECTED ? DFUCAST_ERR_IMAGE_HASH : DFUCAST_ERR_OK);
	}
}

static void digest_that_cannot_be_had(void **state)
{
	struct dfucast_image image;
	struct dfucast_image other;
	struct dfucast_image_digest digest;
	struct hash file = {0};
	struct hash content = {0};
	const struct dfucast_sha256 file_hook = hook(&file);
	const struct dfucast_sha256 content_hook = hook(&content);
	uint8_t sha[32];

	(void)state;
	assert_int_equal(parse(&image, example, sizeof(example)), DFUCAST_ERR_OK);
	/* Fewer bytes than the image has. */
	assert_int_equal(digest_of(&image, example, 87, &file, &content, sha, 1),
			 DFUCAST_ERR_IMAGE_TRUNCATED);
	assert_int_equal(digest_of(&image, example, 0, &file, &content, sha, 1), DFUCAST_ERR_IMAGE_TRUNCATED);
	/* Encrypted, compressed, not SHA-256: the file's sha is right all the same. */
	other = image;
	other.flags = DFUCAST_IMAGE_ENCRYPTED_AES128;
	assert_int_equal(digest_of(&other, example, 88, &file, &content, sha, 1),
			 DFUCAST_ERR_IMAGE_UNCHECKED);
	assert_memory_equal(sha, example_file_sha, 32);
	other = image;
	other.hash_type = 0x12;
	assert_int_equal(digest_of(&other, example, 88, &file, &content, sha, 1),
			 DFUCAST_ERR_IMAGE_UNCHECKED);
	/* Only one of the two wanted; none. */
	dfucast_image_digest_start(&digest, &image, NULL, &content_hook);
	dfucast_image_digest_feed(&digest, example, sizeof(example));
	assert_int_equal(dfucast_image_digest_finish(&digest, &image, NULL), DFUCAST_ERR_OK);
	dfucast_image_digest_start(&digest, &image, &file_hook, NULL);
	dfucast_image_digest_feed(&digest, example, sizeof(example));
	memset(sha, 0, sizeof(sha));
	assert_int_equal(dfucast_image_digest_finish(&digest, &image, sha), DFUCAST_ERR_IMAGE_UNCHECKED);
	assert_memory_equal(sha, example_file_sha, 32);
	dfucast_image_digest_start(&digest, &image, NULL, NULL);
	dfucast_image_digest_feed(&digest, example, sizeof(example));
	assert_int_equal(dfucast_image_digest_finish(&digest, &image, NULL), DFUCAST_ERR_IMAGE_UNCHECKED);
	/* A stream whose header alone is known at the start: the hash comes with the last bytes. */
	other = (struct dfucast_image){.header_bytes = 32, .payload_bytes = 16};
	dfucast_image_digest_start(&digest, &other, NULL, &content_hook);
	dfucast_image_digest_feed(&digest, example, sizeof(example));
	assert_int_equal(dfucast_image_digest_finish(&digest, &image, NULL), DFUCAST_ERR_OK);
	/* Each hook failing in turn; every hash that was started is finished. */
	for (unsigned int fail = FAIL_START; fail <= FAIL_FINISH; fail++) {
		struct hash good = {0};
		struct hash bad = {.fail = (enum hash_fail)fail};

		assert_int_equal(digest_of(&image, example, 88, &bad, &good, sha, 1), DFUCAST_ERR_STATE);
		assert_int_equal(bad.started, bad.finished);
		assert_int_equal(good.finished, 1);
		assert_int_equal(digest_of(&image, example, 88, &good, &bad, sha, 1), DFUCAST_ERR_STATE);
		assert_int_equal(bad.started, bad.finished);
		assert_int_equal(good.finished, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(version_text),
	    cmocka_unit_test(version_order),
	    cmocka_unit_test(worked_example),
	    cmocka_unit_test(both_areas_are_listed),
	    cmocka_unit_test(other_hashes),
	    cmocka_unit_test(malformed),
	    cmocka_unit_test(one_hash_only),
	    cmocka_unit_test(no_image_at_all),
	    cmocka_unit_test(many_entries),
	    cmocka_unit_test(random_damage),
	    cmocka_unit_test(both_hashes_of_the_example),
	    cmocka_unit_test(what_the_hash_covers),
	    cmocka_unit_test(digest_that_cannot_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
