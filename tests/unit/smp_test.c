/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP codec beyond the worked examples: malformed, cut, nested and mutated answers, and all the forms a right
 * one can have. Section numbers are those of the protocol notes. Requests are in smp_request_test.c.
 */
#include "smp_decode_all.h"

#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

/* xorshift32: the same bytes in every run. */
static uint32_t random_next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/** Through every decoder, from memory of exactly that size, so that a sanitizer sees one byte too far. */
static unsigned int decode_exact(const uint8_t *data, size_t length)
{
	uint8_t *copy = malloc(length + (length == 0 ? 1u : 0u));

	assert_non_null(copy);
	if (length != 0) {
		memcpy(copy, data, length);
	}
	unsigned int decoded = smp_decode_all(copy, length);

	free(copy);
	return decoded;
}

/* Not well-formed, or no map: every decoder has to refuse. */
static const char *const malformed[] = {
    "00",                                            /* a body is a map: number */
    "80",                                            /* a body is a map: list */
    "60",                                            /* a body is a map: text */
    "F6",                                            /* a body is a map: null */
    "FF",                                            /* a break without anything open */
    "C1 A0",                                         /* a body is a map: tagged */
    "A1",                                            /* one pair promised, none there */
    "A1 'rc'",                                       /* key without value */
    "BF",                                            /* open map not closed */
    "BF 'rc' FF",                                    /* break between key and value */
    "BF 'rc' 00",                                    /* open map not closed after a pair */
    "BB FF FF FF FF FF FF FF FF",                    /* count far beyond the bytes there */
    "BA 80 00 00 00 00 00",                          /* count that doubles to 0 in 32 bits */
    "BB 00 00 00 01 00 00 00 00",                    /* count that is 0 in 32 bits, and means 2^32 */
    "A1 'x' 18",                                     /* argument of one byte missing */
    "A1 'x' 19 00",                                  /* argument of two bytes cut */
    "A1 'x' 1A 00 00 00",                            /* argument of four bytes cut */
    "A1 'x' 1B 00 00 00 00 00 00 00",                /* argument of eight bytes cut */
    "A1 'x' 1C",                                     /* additional information 28 is reserved */
    "A1 'x' 5D",                                     /* additional information 29 is reserved */
    "A1 'x' FE",                                     /* additional information 30 is reserved */
    "A1 'x' 1F",                                     /* numbers have no indefinite length */
    "A1 'x' 3F",                                     /* nor negative ones */
    "A1 'x' DF 00",                                  /* nor tags */
    "A1 'x' FF",                                     /* break in a map of definite length */
    "A1 'x' 81 FF",                                  /* break in a list of definite length */
    "A1 'x' C1",                                     /* tag without anything tagged */
    "BF 'x' C1 FF",                                  /* break where the tagged item should be */
    "A1 'x' 62 61",                                  /* text longer than the body */
    "A1 'x' 5B 00 00 00 01 00 00 00 01 61",          /* length over 32 bits */
    "A1 'x' 7F 41 61 FF",                            /* bytes inside an open text */
    "A1 'x' 5F 61 61 FF",                            /* text inside open bytes */
    "A1 'x' 7F 7F 61 61 FF FF",                      /* open string inside an open string */
    "A1 'x' 7F 00 FF",                               /* number inside an open text */
    "A1 'x' 7F C1 61 61 FF",                         /* tag inside an open text */
    "A1 'x' BF 00 FF",                               /* break between key and value, in an unknown value */
    "A1 'x' BF 00 01 02 FF",                         /* the same later on */
    "A1 'x' 81 82 00",                               /* list in a list cut */
    "A1 'x' 81 81 81 81 81 81 00",                   /* eight levels */
    "A1 'x' A1 00 A1 00 A1 00 A1 00 A1 00 A1 00 00", /* seven maps */
    "A1 'x' C1 C1 C1 C1 C1 C1 00",                   /* tags are levels too */
    "A1 'rc' 60",                                    /* rc is a number */
    "A1 'rc' F4",                                    /* rc is a number */
    "A1 'rc' FB 00 00 00 00 00 00 00 00",            /* rc is an integer */
    "A1 'err' 00",                                   /* err is a map */
    "A1 'err' 80",                                   /* err is a map */
    "A1 'err' A0",                                   /* err names a group and a code */
    "A1 'err' A1 'group' 01",                        /* err names a code */
    "A1 'err' A1 'rc' 01",                           /* err names a group */
    "A1 'err' A2 'group' 20 'rc' 01",                /* a group is not negative */
    "A1 'err' A2 'group' 1A 00 01 00 00 'rc' 01",    /* a group has 16 bits */
    "A1 'err' A2 'group' 01 'rc' 60",                /* rc is a number */
    "A1 'ret' A1 'rc' 01",                           /* as err */
};

static void malformed_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct smp_bytes body = smp_cbor(malformed[i]);

		if (decode_exact(body.data, body.length) != 0) {
			fail_msg("%s was taken", malformed[i]);
		}
	}
}

enum decoder { ERROR, ECHO, PARAMS, INFO, BOOTLOADER, DATETIME, LIST, UPLOAD, SLOTS, TASKSTAT };

/* Well-formed, but a key that one decoder knows has a value of the wrong type or size. All others may not care. */
static const struct {
	enum decoder decoder;
	const char *body;
} wrong[] = {
    {ECHO, "A1 'r' 41 61"},                                /* bytes for text */
    {ECHO, "A1 'r' 7F 61 61 FF"},                          /* text in pieces would have to be put together */
    {PARAMS, "A1 'buf_size' 20"},                          /* negative */
    {PARAMS, "A1 'buf_size' F5"},                          /* bool */
    {PARAMS, "A1 'buf_count' 1B 00 00 00 01 00 00 00 00"}, /* over 32 bits */
    {INFO, "A1 'output' 00"},                              /* number for text */
    {BOOTLOADER, "A1 'mode' 'x'"},                         /* text for number */
    {BOOTLOADER, "A1 'mode' 1A 80 00 00 00"},              /* over 31 bits */
    {BOOTLOADER, "A1 'bootloader' 80"},                    /* list for text */
    {BOOTLOADER, "A1 'no-downgrade' 01"},                  /* number for bool */
    {BOOTLOADER, "A1 'no-downgrade' F6"},                  /* null for bool */
    {BOOTLOADER, "A1 'no-downgrade' F8 F5"},               /* simple value 245 for bool */
    {DATETIME, "A1 'datetime' F6"},                        /* null for text */
    {LIST, "A1 'images' A0"},                              /* map for list */
    {LIST, "A1 'images' 81 00"},                           /* number for map in the list */
    {LIST, "A1 'images' 9F A0 80 FF"},                     /* list for map in the list */
    {LIST, "A1 'images' 81 A1 'slot' 19 01 00"},           /* over 8 bits */
    {LIST, "A1 'images' 81 A1 'image' 20"},                /* negative */
    {LIST, "A1 'images' 81 A1 'hash' 61 61"},              /* text for bytes */
    {LIST, "A1 'images' 81 A1 'hash' 5F 41 00 FF"},        /* bytes in pieces */
    {LIST, "A1 'images' 81 A1 'version' 41 61"},           /* bytes for text */
    {LIST, "A1 'images' 81 A1 'active' 01"},               /* number for bool */
    {LIST, "A1 'splitStatus' F4"},                         /* bool for number */
    {UPLOAD, "A1 'off' 20"},                               /* negative */
    {UPLOAD, "A1 'off' 1B 00 00 00 01 00 00 00 00"},       /* over 32 bits */
    {UPLOAD, "A1 'match' 00"},                             /* number for bool */
    {SLOTS, "A1 'images' 81 A1 'slots' A0"},               /* map for list */
    {SLOTS, "A1 'images' 81 A1 'slots' 81 00"},            /* number for map */
    {SLOTS, "A1 'images' 81 A1 'slots' 81 A1 'rc' 'x'"},   /* text for number */
    {SLOTS, "A1 'images' 81 A1 'slots' 81 A1 'upload_image_id' 20"}, /* negative */
    {SLOTS, "A1 'images' 81 A1 'max_image_size' F5"},                /* bool for number */
    {TASKSTAT, "A1 'tasks' 80"},                                     /* list for map */
    {TASKSTAT, "A1 'tasks' A1 'a' 00"},                              /* number for map */
    {TASKSTAT, "A1 'tasks' A1 00 A0"},                               /* number for name */
    {TASKSTAT, "A1 'tasks' A2 'a' A0 'b' A1 'tid' 20"},              /* negative */
};

static void wrong_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct smp_bytes body = smp_cbor(wrong[i].body);
		unsigned int decoded = decode_exact(body.data, body.length);

		if ((decoded & 1u << wrong[i].decoder) != 0 || (decoded & 1u << ERROR) == 0) {
			fail_msg("%s: decoders %#x", wrong[i].body, decoded);
		}
	}
}

/* Odd, but right: every decoder has to take them. */
static const char *const odd[] = {
    "A0",
    "BF FF",
    "B8 00",                             /* longer head than needed */
    "A1 00 01",                          /* keys need not be text */
    "A1 41 61 00",                       /* nor is this one */
    "A1 80 A0",                          /* nor this */
    "A1 7F 61 72 FF 00",                 /* key in pieces: not one of ours */
    "A1 'x' F6",                         /* unknown: null */
    "A1 'x' F7",                         /* undefined */
    "A1 'x' F9 3C 00",                   /* half float */
    "A1 'x' FB 00 00 00 00 00 00 00 00", /* double */
    "A1 'x' F8 FF",                      /* simple value */
    "A1 'x' 1B FF FF FF FF FF FF FF FF", /* largest number */
    "A1 'x' 3B FF FF FF FF FF FF FF FF", /* smallest number */
    "A1 'x' C1 1A 00 00 00 00",          /* tagged */
    "A1 'x' 9F FF",                      /* open list */
    "A1 'x' 9F 00 FF",                   /* with one element: parity is a matter of maps */
    "A1 'x' BF 00 01 'rc' 05 FF",        /* an rc further in is none of ours */
    "A1 'x' 7F FF",                      /* open text of no pieces */
    "A1 'x' 5F 41 00 42 00 00 FF",       /* open bytes */
    "A1 'x' 81 81 81 81 81 00",          /* six levels */
    "A2 'x' 80 'x' 00",                  /* unknown key twice */
    "A1 'ret' 05",                       /* the shell's */
    "A1 'rc' 00",                        /* said by old servers */
    "A2 'rc' 05 'rc' 00",                /* known key twice: the last */
    "BF 'rsn' 'no slot' 'rc' 05 FF",
    "A0 00", /* bytes behind the map are let be */
};

static void odd_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct smp_bytes body = smp_cbor(odd[i]);
		unsigned int decoded = decode_exact(body.data, body.length);

		if (decoded != SMP_DECODED_ALL) {
			fail_msg("%s: decoders %#x", odd[i], decoded);
		}
	}
	assert_int_equal(decode_exact(NULL, 0), SMP_DECODED_ALL);
}

static void nesting_bombs(void **state)
{
	static const uint8_t fills[] = {0x81, 0x9F, 0xA1, 0xBF, 0xC1, 0x7F, 0x82, 0xD8};
	uint8_t *bomb = malloc(70000);

	(void)state;
	assert_non_null(bomb);
	for (size_t i = 0; i < sizeof(fills); i++) {
		memset(bomb, fills[i], 70000);
		assert_int_equal(smp_decode_all(bomb, 65535), 0);
		bomb[0] = 0xA1;
		bomb[1] = 0x60;
		assert_int_equal(smp_decode_all(bomb, 65535), 0);
		assert_int_equal(smp_decode_all(bomb, 8), 0);
	}
	/* no SMP body is longer than its header's length field can tell */
	memset(bomb, 0, 70000);
	bomb[0] = 0xA0;
	assert_int_equal(smp_decode_all(bomb, 65535), SMP_DECODED_ALL);
	assert_int_equal(smp_decode_all(bomb, 65536), 0);
	free(bomb);
}

#define TASKS                                                                                                \
	"BF 'tasks' BF 'main' BF 'prio' 20 'tid' 01 'state' 18 80 'stkuse' 19 01 00 'stksiz' 19 02 00 "      \
	"'cswcnt' 05"                                                                                        \
	" 'runtime' 1B 00 00 00 01 00 00 00 00 'last_checkin' 00 'next_checkin' 00 FF 'main' A1 'tid' 02 "   \
	"'' BF FF"                                                                                           \
	" FF FF"
#define LIST_TWO                                                                                             \
	"BF 'images' 9F BF 'image' 01 'slot' 00 'version' '1.2.3' 'hash' 44 01 02 03 04 'bootable' F5 "      \
	"'pending' F4"                                                                                       \
	" 'confirmed' F5 'active' F5 'permanent' F4 FF A2 'slot' 01 'permanent' F5 FF 'splitStatus' 00 FF"

static const char *const answers[] = {
    "BF 'r' 'hi' FF",
    "BF FF",
    "BF 'buf_size' 19 09 AB 'buf_count' 04 FF",
    "BF 'mode' 03 'no-downgrade' F5 FF",
    "BF 'bootloader' 'MCUboot' FF",
    "BF 'rc' 08 FF",
    "BF 'rc' 05 'rsn' 'no slot' FF",
    "BF 'err' BF 'group' 01 'rc' 18 1E FF FF",
    "BF 'images' 9F BF 'image' 00 'slots' 9F BF 'slot' 00 'size' 1A 00 07 80 00 FF BF 'slot' 01 'size' 1A 00 "
    "07 80"
    " 00 'upload_image_id' 00 FF FF FF FF FF",
    "BF 'off' 00 'data' 45 68 65 6C 6C 6F 'len' 05 FF",
    "BF 'o' 'Uptime: 5 ms' 'ret' 00 FF",
    "BF 'off' 18 58 'match' F5 FF",
    LIST_TWO,
    TASKS,
    "A2 'output' 'Zephyr' 'datetime' '2026-11-22T06:30:00'",
};
#define ANSWER_COUNT (sizeof(answers) / sizeof(answers[0]))

/* The start of a map is never a map: no cut answer may be taken, by any decoder. */
static void truncation_at_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ANSWER_COUNT; i++) {
		struct smp_bytes body = smp_cbor(answers[i]);

		for (size_t length = 1; length < body.length; length++) {
			if (decode_exact(body.data, length) != 0) {
				fail_msg("%s was taken when cut to %zu bytes", answers[i], length);
			}
		}
		assert_true((decode_exact(body.data, body.length) & 1u << ERROR) != 0);
	}
}

/* Whatever comes out is checked in smp_decode_all(). */
static void random_mutations(void **state)
{
	uint32_t seed = 0x5EED1234;

	(void)state;
	for (unsigned int round = 0; round < 100000; round++) {
		struct smp_bytes body = smp_cbor(answers[round % ANSWER_COUNT]);
		unsigned int changes = 1 + random_next(&seed) % 4u;

		while (changes-- != 0) {
			size_t at = random_next(&seed) % body.length;

			switch (random_next(&seed) % 4u) {
			case 0:
				body.data[at] ^= (uint8_t)(1u << random_next(&seed) % 8u);
				break;
			case 1:
				body.data[at] = (uint8_t)random_next(&seed);
				break;
			case 2:
				memmove(body.data + at, body.data + at + 1, body.length - at - 1);
				body.length--;
				break;
			default:
				memmove(body.data + at + 1, body.data + at, body.length - at);
				body.length++;
				break;
			}
			if (body.length == 0) {
				break;
			}
		}
		decode_exact(body.data, body.length);
	}
}

static struct dfucast_smp_error error_of(const char *text)
{
	struct smp_bytes body = smp_cbor(text);
	struct dfucast_smp_error error;

	assert_int_equal(dfucast_smp_error_decode(body.data, body.length, &error), 0);
	return error;
}

static void error_forms(void **state)
{
	static const struct {
		const char *body;
		uint16_t group, rc;
		bool has_rc;
	} rows[] = {
	    {"A1 'rc' 00", DFUCAST_GROUP_NONE, 0, true},
	    {"A0", DFUCAST_GROUP_NONE, 0, false},
	    {"A1 'rc' 19 01 00", DFUCAST_GROUP_NONE, 256, true},
	    {"A1 'rc' 19 FF FE", DFUCAST_GROUP_NONE, 65534, true},
	    {"A1 'rc' 19 FF FF", DFUCAST_GROUP_NONE, 65535, true},
	    {"A1 'rc' 1A 00 01 00 00", DFUCAST_GROUP_NONE, 65535, true},
	    {"A1 'rc' 1B FF FF FF FF FF FF FF FF", DFUCAST_GROUP_NONE, 65535, true},
	    {"A1 'rc' 20", DFUCAST_GROUP_NONE, 65535, true},
	    {"A1 'rc' 39 FF FF", DFUCAST_GROUP_NONE, 65535, true}, /* -65536: its low 16 bits are 0 */
	    {"A1 'err' A2 'rc' 05 'group' 18 3F", 63, 5, false},
	    {"BF 'err' BF 'group' 01 'x' 80 'rc' 09 FF 'off' 05 FF", 1, 9, false},
	    {"A1 'err' A2 'group' 01 'rc' 00", DFUCAST_GROUP_NONE, 0, false},
	    /* both forms at once: the one that says more */
	    {"A2 'rc' 01 'err' A2 'group' 01 'rc' 09", 1, 9, true},
	    {"A2 'rc' 00 'err' A2 'group' 01 'rc' 09", 1, 9, true},
	    {"A2 'rc' 03 'err' A2 'group' 01 'rc' 00", DFUCAST_GROUP_NONE, 3, true},
	    {"A1 'ret' A2 'group' 08 'rc' 03", 8, 3, false},
	    {"A1 'ret' 38 63", DFUCAST_GROUP_NONE, 0, false},
	    {"A2 'ret' A2 'group' 01 'rc' 09 'ret' 00", 1, 9, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dfucast_smp_error error = error_of(rows[i].body);

		if (error.group != rows[i].group || error.rc != rows[i].rc ||
		    error.has_rc != rows[i].has_rc) {
			fail_msg("%s: group %u rc %u %d", rows[i].body, error.group, error.rc, error.has_rc);
		}
	}
}

/* An error can stand beside normal keys, which are read all the same (section 2). */
static void error_beside_keys(void **state)
{
	struct smp_bytes body = smp_cbor("BF 'off' 18 20 'err' BF 'group' 01 'rc' 09 FF FF");
	struct dfucast_smp_error error;
	struct dfucast_smp_upload_answer answer;

	(void)state;
	assert_int_equal(dfucast_smp_upload_decode(body.data, body.length, &error, &answer), 0);
	assert_int_equal(error.group, 1);
	assert_int_equal(error.rc, DFUCAST_SMP_IMG_RC_NO_FREE_SLOT);
	assert_true(answer.has_offset);
	assert_int_equal(answer.offset, 32);
	assert_int_equal(answer.match, DFUCAST_SMP_MATCH_ABSENT);

	body = smp_cbor("A2 'match' F4 'off' 1A FF FF FF FF");
	assert_int_equal(dfucast_smp_upload_decode(body.data, body.length, &error, &answer), 0);
	assert_int_equal(answer.offset, 0xFFFFFFFFu);
	assert_int_equal(answer.match, DFUCAST_SMP_MATCH_FALSE);
}

static void bootloader_forms(void **state)
{
	struct smp_bytes body = smp_cbor("BF 'bootloader' 'MCUboot' FF");
	struct dfucast_smp_error error;
	struct dfucast_smp_bootloader bootloader;

	(void)state;
	assert_int_equal(dfucast_smp_bootloader_decode(body.data, body.length, &error, &bootloader), 0);
	assert_int_equal(bootloader.name.length, 7);
	assert_memory_equal(bootloader.name.text, "MCUboot", 7);
	assert_int_equal(bootloader.mode, DFUCAST_BOOT_UNKNOWN);
	assert_false(bootloader.no_downgrade);
	body = smp_cbor("A2 'mode' 20 'no-downgrade' F5");
	assert_int_equal(dfucast_smp_bootloader_decode(body.data, body.length, &error, &bootloader), 0);
	assert_int_equal(bootloader.mode, -1);
	assert_true(bootloader.no_downgrade);
	body = smp_cbor("A3 'no-downgrade' F5 'mode' 00 'no-downgrade' F4");
	assert_int_equal(dfucast_smp_bootloader_decode(body.data, body.length, &error, &bootloader), 0);
	assert_int_equal(bootloader.mode, DFUCAST_BOOT_SINGLE_SLOT);
	assert_false(bootloader.no_downgrade);
}

static void list_forms(void **state)
{
	struct smp_bytes body = smp_cbor(LIST_TWO);
	struct dfucast_smp_error error;
	struct dfucast_smp_image_list list;

	(void)state;
	assert_int_equal(dfucast_smp_image_list_decode(body.data, body.length, &error, &list), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.slots[0].image, 1);
	assert_int_equal(list.slots[0].hash_bytes, 4);
	assert_memory_equal(list.slots[0].hash, "\1\2\3\4", 4);
	/* frugal: absent flags are false, and what is not told is not told */
	assert_int_equal(list.slots[1].flags, DFUCAST_SMP_SLOT_PERMANENT);
	assert_int_equal(list.slots[1].image, 0);
	assert_null(list.slots[1].hash);
	assert_int_equal(list.slots[1].version.length, 0);
	assert_true(list.has_split_status);

	body = smp_cbor("A2 'images' 86 A0 A0 A0 A0 A0 A1 'slot' 01 'rc' 00");
	assert_int_equal(dfucast_smp_image_list_decode(body.data, body.length, &error, &list), 0);
	assert_int_equal(list.count, 6);
	assert_int_equal(list.slots[5].slot, 1);
	assert_false(list.truncated);
	assert_false(list.has_split_status);
	assert_true(error.has_rc);

	body = smp_cbor("A1 'images' 87 A0 A0 A0 A0 A0 A0 A0");
	assert_int_equal(dfucast_smp_image_list_decode(body.data, body.length, &error, &list), 0);
	assert_int_equal(list.count, 6);
	assert_true(list.truncated);

	/* the longest hash there is has 64 bytes */
	body = smp_cbor("A1 'images' 81 A1 'hash' 58 40");
	memset(body.data + body.length, 0, 65);
	body.length += 64;
	assert_int_equal(dfucast_smp_image_list_decode(body.data, body.length, &error, &list), 0);
	assert_int_equal(list.slots[0].hash_bytes, 64);
	body.data[body.length - 65]++;
	body.length++;
	assert_int_equal(dfucast_smp_image_list_decode(body.data, body.length, &error, &list),
			 DFUCAST_ERR_MALFORMED);
}

static void slot_forms(void **state)
{
	struct smp_bytes body =
	    smp_cbor("BF 'images' 82 A3 'slots' 82 A2 'slot' 00 'rc' 24 A3 'size' 19 10 00 'slot' 01"
		     " 'upload_image_id' 03 'max_image_size' 19 0F 00 'image' 01"
		     " BF 'image' 07 'max_image_size' 05 'slots' 9F A0 A0 A0 A0 A0 FF FF FF");
	struct dfucast_smp_error error;
	struct dfucast_smp_slot_list list;

	(void)state;
	assert_int_equal(dfucast_smp_slot_list_decode(body.data, body.length, &error, &list), 0);
	assert_int_equal(list.count, 6);
	assert_int_equal(list.slots[0].image, 1);
	assert_int_equal(list.slots[0].rc, -5);
	assert_int_equal(list.slots[0].size, 0);
	assert_int_equal(list.slots[0].upload_image_id, -1);
	assert_int_equal(list.slots[1].slot, 1);
	assert_int_equal(list.slots[1].size, 4096);
	assert_int_equal(list.slots[1].upload_image_id, 3);
	assert_int_equal(list.slots[2].image, 7);
	assert_int_equal(list.image_bytes_max[0], 0);
	assert_int_equal(list.image_bytes_max[1], 0xF00);
	assert_int_equal(list.image_bytes_max[2], 0);
}

struct seen {
	struct dfucast_smp_task tasks[4];
	unsigned int count;
};

static void task_see(void *context, const struct dfucast_smp_task *task)
{
	struct seen *seen = context;

	assert_true(seen->count < 4);
	seen->tasks[seen->count++] = *task;
}

static void taskstat_forms(void **state)
{
	struct smp_bytes body = smp_cbor(TASKS);
	struct dfucast_smp_error error;
	struct seen seen = {.count = 0};

	(void)state;
	assert_int_equal(dfucast_smp_taskstat_decode(body.data, body.length, &error, task_see, &seen), 0);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.tasks[0].present, 0x7F);
	assert_int_equal(seen.tasks[0].priority, -1);
	assert_int_equal(seen.tasks[0].task_id, 1);
	assert_int_equal(seen.tasks[0].state, 0x80);
	assert_int_equal(seen.tasks[0].stack_used, 256);
	assert_int_equal(seen.tasks[0].stack_size, 512);
	assert_int_equal(seen.tasks[0].context_switches, 5);
	assert_true(seen.tasks[0].runtime == 0x100000000u);
	/* the same name again is another task */
	assert_int_equal(seen.tasks[1].name.length, 4);
	assert_memory_equal(seen.tasks[1].name.text, "main", 4);
	assert_int_equal(seen.tasks[1].present, 1u << 1);
	assert_int_equal(seen.tasks[1].task_id, 2);
	assert_int_equal(seen.tasks[2].name.length, 0);
	assert_int_equal(seen.tasks[2].present, 0);

	/* an error in the last task keeps the first from being told */
	body = smp_cbor("A1 'tasks' A2 'a' A0 'b' A1 'prio' F4");
	seen.count = 0;
	assert_int_equal(dfucast_smp_taskstat_decode(body.data, body.length, &error, task_see, &seen),
			 DFUCAST_ERR_MALFORMED);
	assert_int_equal(seen.count, 0);
}

/* Sections 2.1 and 2.2: first, one within and the last of each row, and one beyond it. */
static void error_names(void **state)
{
	static const struct {
		uint16_t group, rc;
		const char *name;
	} rows[] = {
	    {DFUCAST_GROUP_NONE, 0, "OK"},
	    {DFUCAST_GROUP_NONE, 8, "NOT_SUPPORTED"},
	    {DFUCAST_GROUP_NONE, 13, "VERSION_TOO_NEW"},
	    {DFUCAST_GROUP_NONE, 15, NULL},
	    {0, 3, "OS_QUERY_YIELDS_NO_ANSWER"},
	    {0, 8, NULL},
	    {1, 9, "IMG_NO_FREE_SLOT"},
	    {1, 22, "IMG_INVALID_IMAGE_HEADER"},
	    {1, 28, "IMG_IMAGE_ALREADY_PENDING"},
	    {1, 30, "IMG_INVALID_IMAGE_TOO_LARGE"},
	    {1, 34, "IMG_ACTIVE_SLOT_NOT_KNOWN"},
	    {1, 35, NULL},
	    {2, 5, "STAT_WALK_ABORTED"},
	    {3, 8, "SETTINGS_SAVE_NOT_SUPPORTED"},
	    {8, 12, "FS_FILE_OFFSET_LARGER_THAN_FILE"},
	    {8, 17, "FS_FILE_CLOSE_FAILED"},
	    {9, 3, "SHELL_EMPTY_COMMAND"},
	    {10, 4, "ENUM_INDEX_TOO_LARGE"},
	    {11, 13, "TRANSPORT_OUTGOING_ALREADY_BRIDGED"},
	    {63, 4, "ZEPHYR_FLASH_ERASE_FAILED"},
	    {64, 1, NULL},
	    {1, 65535, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = dfucast_smp_error_name(rows[i].group, rows[i].rc);

		if (rows[i].name == NULL) {
			assert_null(name);
		} else {
			assert_non_null(name);
			assert_string_equal(name, rows[i].name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(malformed_bodies),
	    cmocka_unit_test(wrong_types),
	    cmocka_unit_test(odd_bodies),
	    cmocka_unit_test(nesting_bombs),
	    cmocka_unit_test(truncation_at_every_byte),
	    cmocka_unit_test(random_mutations),
	    cmocka_unit_test(error_forms),
	    cmocka_unit_test(error_beside_keys),
	    cmocka_unit_test(bootloader_forms),
	    cmocka_unit_test(list_forms),
	    cmocka_unit_test(slot_forms),
	    cmocka_unit_test(taskstat_forms),
	    cmocka_unit_test(error_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
