/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * An image's version: order and text.
 */
#include <dfucast/image.h>

#define FIELD_COUNT 4u

/* One number that orders versions as their fields do but for the build, most significant first. */
static uint32_t release(const struct dfucast_version *version)
{
	return (uint32_t)version->major << 24 | (uint32_t)version->minor << 16 | version->revision;
}

int dfucast_version_compare(const struct dfucast_version *a, const struct dfucast_version *b, bool with_build)
{
	uint32_t left = release(a);
	uint32_t right = release(b);

	if (left == right && with_build) {
		left = a->build;
		right = b->build;
	}
	return (left > right) - (left < right);
}

bool dfucast_version_parse(struct dfucast_version *version, const char *text, size_t length)
{
	static const uint8_t bits[FIELD_COUNT] = {8, 8, 16, 32};
	uint32_t fields[FIELD_COUNT] = {0};
	unsigned int count = 0;
	bool digits = false;

	*version = (struct dfucast_version){0};
	for (size_t i = 0; i < length; i++) {
		uint32_t digit = (uint32_t)(uint8_t)text[i] - '0';

		if (digit <= 9) {
			if (fields[count] > ((UINT32_MAX >> (32u - bits[count])) - digit) / 10u)
				return false;
			fields[count] = fields[count] * 10u + digit;
			digits = true;
			continue;
		}
		count++;
		if (!digits || count == FIELD_COUNT ||
		    !(text[i] == '.' || (text[i] == '+' && count == FIELD_COUNT - 1)))
			return false;
		digits = false;
	}
	if (!digits || count < FIELD_COUNT - 2)
		return false;
	version->major = (uint8_t)fields[0];
	version->minor = (uint8_t)fields[1];
	version->revision = (uint16_t)fields[2];
	version->build = fields[3];
	return true;
}

size_t dfucast_version_format(const struct dfucast_version *version, char text[DFUCAST_VERSION_TEXT_BYTES])
{
	uint32_t fields[FIELD_COUNT] = {version->major, version->minor, version->revision, version->build};
	size_t used = 0;

	for (size_t i = 0; i < (fields[3] != 0 ? FIELD_COUNT : FIELD_COUNT - 1); i++) {
		char digits[10]; /* least significant first */
		size_t count = 0;

		do {
			digits[count++] = (char)('0' + fields[i] % 10u);
			fields[i] /= 10u;
		} while (fields[i] != 0);
		if (i > 0)
			text[used++] = '.';
		while (count > 0)
			text[used++] = digits[--count];
	}
	text[used] = '\0';
	return used;
}
