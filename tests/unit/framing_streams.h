/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Golden frames and their wire bytes; byte streams for the console and COBS decoders: what stands around
 * frames, and what breaks a rule, with what must come of it. Each comment names the rule, by its section of
 * the protocol fact sheet.
 */
#ifndef DFUCAST_TESTS_FRAMING_STREAMS_H
#define DFUCAST_TESTS_FRAMING_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Section 1: echo "hi". */
static const uint8_t echo_frame[] = {0x0A, 0x00, 0x00, 0x06, 0x00, 0x00, 0x42,
				     0x00, 0xA1, 0x61, 0x64, 0x62, 0x68, 0x69};
/* Section 6.2, first example. */
static const char echo_console[] = "\x06\x09"
				   "ABAKAAAGAABCAKFhZGJoaZsK\n";

/* Section 4.7: the first upload request of the 88-byte image, 104 bytes; section 6.2 has the lines. */
static const uint8_t upload_head[] = {
    0x0A, 0x00, 0x00, 0x60, 0x00, 0x01, 0x10, 0x01, 0xA5, 0x65, 'i',  'm',  'a',  'g',  'e',
    0x00, 0x63, 'l',  'e',  'n',  0x18, 0x58, 0x63, 'o',  'f',  'f',  0x00, 0x63, 's',  'h',
    'a',  0x58, 0x20, 0x47, 0x4D, 0x62, 0x8C, 0xC5, 0x90, 0x2B, 0x5A, 0xFF, 0x70, 0x07, 0x16,
    0x8E, 0xB0, 0x8F, 0x7B, 0x86, 0x9A, 0x09, 0xED, 0x76, 0x41, 0xEA, 0x40, 0x5C, 0x94, 0x0A,
    0x61, 0x82, 0x15, 0x02, 0x67, 0x64, 'd',  'a',  't',  'a',  0x58, 0x20, 0x3D, 0xB8, 0xF3,
    0x96, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x02, 0x03, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
static const char upload_line_1[] = "\x06\x09"
				    "AGoKAABgAAEQAaVlaW1hZ2UAY2xlbhhYY29mZgBjc2hhWCBHTWKMxZArWv9wBxaOsI97"
				    "hpoJ7XZB6kBclAphghUCZ2RkYXRhWCA9uPOWAAAAACAAAAAQAAAAAAAA\n";
static const char upload_line_2[] = "\x04\x14"
				    "AAECAwAEAAAAAAAAAKyA\n";

/* Section 6.3: params request, and its COBS form. */
static const uint8_t params_frame[] = {0x0A, 0x00, 0x00, 0x01, 0x00, 0x00, 0x01, 0x05, 0xA0};
static const uint8_t params_cobs[] = {0x02, 0x0A, 0x01, 0x02, 0x01, 0x01, 0x06,
				      0x01, 0x05, 0xA0, 0xD7, 0x17, 0x00};

struct stream {
	const char *bytes;
	size_t length;
	unsigned int frames;
	unsigned int dropped;
	unsigned int noise;
	bool partial;
};

#define STREAM(text, frames, dropped, noise, partial)                                                        \
	{                                                                                                    \
		text, sizeof(text) - 1, frames, dropped, noise, partial                                      \
	}
#define S "\x06\x09"
#define C "\x04\x14"
/* The echo request of section 6.2: all of it, and in two parts of whole quads (12 and 6 raw bytes). */
#define ECHO "ABAKAAAGAABCAKFhZGJoaZsK"
#define ECHO_1 "ABAKAAAGAABCAKFh"
#define ECHO_2 "ZGJoaZsK"

/* A dropped frame counts in noise with the bytes it had been decoded to; so does every byte that starts none. */
static const struct stream console_streams[] = {
    /* 6.2: lines may be mixed with log text */
    STREAM("boot\n" S ECHO "\n", 1, 0, 5, false),
    STREAM(S ECHO "\n<inf> ok\r\n" S ECHO "\n", 2, 0, 10, false),
    STREAM(S ECHO_1 "\n<inf> between\n" C ECHO_2 "\n", 1, 0, 14, false),
    /* log text with no line end before the marker */
    STREAM("uart:~$ " S ECHO "\n", 1, 0, 8, false),
    STREAM("abc" S ECHO_1 "\nabc" C ECHO_2 "\n", 1, 0, 6, false),
    /* half markers in the text, and a marker right after half a one */
    STREAM("\x06x\x04y" S ECHO "\n", 1, 0, 4, false),
    STREAM("\x06" S ECHO "\n", 1, 0, 1, false),
    STREAM("\x04" S ECHO "\n", 1, 0, 1, false),
    /* 6.2: be ready for CR LF; only that one LF is free */
    STREAM(S ECHO "\r\n" S ECHO "\r\n", 2, 0, 0, false),
    STREAM(S ECHO "\r\n\n", 1, 0, 1, false),
    /* line end lost: the next marker ends the line */
    STREAM(S ECHO S ECHO "\n", 2, 0, 0, false),
    STREAM(S ECHO_1 C ECHO_2 "\n", 1, 0, 0, false),
    /* an empty line of a frame carries nothing */
    STREAM(S "\n" C ECHO "\n", 1, 0, 0, false),
    /* unfinished: waits for the continuation */
    STREAM(S ECHO_1 "\n", 0, 0, 0, true),
    STREAM(S ECHO, 0, 0, 0, true),
    /* 6.2: 06 09 always restarts */
    STREAM(S ECHO_1 "\n" S ECHO "\n", 1, 1, 12, false),
    STREAM(S ECHO_1 S ECHO "\n", 1, 1, 12, false),
    /* 6.2: continuation without start */
    STREAM(C ECHO "\n", 0, 0, 27, false),
    STREAM(S ECHO "\n" C ECHO_2 "\n", 1, 0, 11, false),
    /* 6.2: bad base64: a character that is none, in place 1 … 4 of a quad */
    STREAM(S "!BAK\n", 0, 1, 5, false),
    STREAM(S "A!AK\n", 0, 1, 4, false),
    STREAM(S "AB AK\n", 0, 1, 4, false),
    STREAM(S "ABA-\n", 0, 1, 2, false),
    STREAM(S ECHO_1 "\x80\n", 0, 1, 14, false),
    /* bad base64: a quad cut off */
    STREAM(S "ABAKA\n", 0, 1, 3, false),
    STREAM(S "ABAKAAA\n" C ECHO "\n", 0, 1, 30, false),
    /* bad base64: padding in place 1 and 2, one `=` where two belong, data after padding, a fifth */
    STREAM(S "=\n", 0, 1, 2, false),
    STREAM(S "A=\n", 0, 1, 2, false),
    STREAM(S "ABAKAA=A\n", 0, 1, 5, false),
    STREAM(S "ABAKAA==AAAA\n", 0, 1, 9, false),
    STREAM(S "ABAKAA===\n", 0, 1, 6, false),
    /* 6.2: padding only in the last line */
    STREAM(S "ABAKAA==\n" C ECHO "\n", 0, 1, 31, false),
    /* 6.2: bad CRC (last byte 0A -> 0B) */
    STREAM(S "ABAKAAAGAABCAKFhZGJoaZsL\n", 0, 1, 18, false),
    /* a flipped bit in the frame */
    STREAM(S "ABAKAAAGAABCAKFhZGJqaZsK\n", 0, 1, 18, false),
    /* length field too large by one: the frame never ends, and the next start drops it */
    STREAM(S "ABEKAAAGAABCAKFhZGJoaZsK\n" S ECHO "\n", 1, 1, 18, false),
    /* length field too small by one: bytes behind the frame's end */
    STREAM(S "AA8KAAAGAABCAKFhZGJoaZsK\n", 0, 1, 19, false),
    /* length field below header and CRC: 9, 0 */
    STREAM(S "AAkK\n", 0, 1, 4, false),
    STREAM(S "AAAK\n", 0, 1, 4, false),
    /* length field above the buffer: FFFF */
    STREAM(S "//8K\n", 0, 1, 4, false),
    /* CRC right, but the SMP header's length field is 7 where 6 bytes follow (section 1) */
    STREAM(S "ABAKAAAHAABCAKFhZGJoaUND\n", 0, 1, 18, false),
};

static const struct stream cobs_streams[] = {
#define P "\x02\x0A\x01\x02\x01\x01\x06\x01\x05\xA0\xD7\x17"
    STREAM(P "\0", 1, 0, 0, false),
    /* 6.3: empty frames (stray 00) are ignored */
    STREAM("\0\0" P "\0\0" P "\0", 2, 0, 0, false),
    /* unfinished */
    STREAM(P, 0, 0, 0, true),
    /* 6.3: bad CRC */
    STREAM("\x02\x0A\x01\x02\x01\x01\x06\x01\x05\xA0\xD7\x16\0" P "\0", 1, 1, 13, false),
    /* 6.3: bad code: the block is longer than what comes before 00 */
    STREAM("\x02\x0A\x01\x02\x01\x01\x07\x01\x05\xA0\xD7\x17\0" P "\0", 1, 1, 13, false),
    STREAM("\x05\x01\0" P "\0", 1, 1, 3, false),
    STREAM("\xFF\0" P "\0", 1, 1, 2, false),
    /* no message: shorter than header and CRC */
    STREAM("\x01\0" P "\0", 1, 1, 2, false),
    STREAM("\x01\x01\x01\x01\x01\x01\x01\x01\x01\0" P "\0", 1, 1, 10, false),
    /* a boot log before the first 00, then in step */
    STREAM("*** Booting ***\r\n\0" P "\0", 1, 1, 18, false),
    /* CRC right, header length field 2 where 1 byte follows (section 1) */
    STREAM("\x02\x0A\x01\x02\x02\x01\x06\x01\x05\xA0\x19\xF7\0", 0, 1, 13, false),
#undef P
};

#undef S
#undef C
#undef ECHO
#undef ECHO_1
#undef ECHO_2
#undef STREAM

#endif
