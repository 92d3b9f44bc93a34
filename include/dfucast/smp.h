/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP (MCUmgr) frames: header, errors, matching answers to requests. Bodies are in smp_os.h and smp_img.h.
 * Source: Zephyr doc/services/device_mgmt/smp_protocol.rst, mgmt/mcumgr/smp.c; spec sections 1 and 2.
 *
 * Encoders write one whole frame and return its length, or DFUCAST_ERR_SPACE. Decoders take a body (the bytes
 * after the header), accept definite and indefinite CBOR, skip unknown keys, and return 0 or
 * DFUCAST_ERR_MALFORMED; in the second case nothing in the result may be used. Pointers in results point into
 * the body. No decoder recurses, and a body nested deeper than DFUCAST_SMP_NESTING_MAX is malformed.
 */
#ifndef DFUCAST_SMP_H
#define DFUCAST_SMP_H

#include <dfucast/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFUCAST_SMP_HEADER_BYTES 8u
#define DFUCAST_SMP_NESTING_MAX 6

/** Header version field: 0 is "SMP version 1", 1 is "SMP version 2". */
#define DFUCAST_SMP_V1 0u
#define DFUCAST_SMP_V2 1u

enum dfucast_smp_op {
	DFUCAST_SMP_READ = 0,
	DFUCAST_SMP_READ_RESPONSE = 1,
	DFUCAST_SMP_WRITE = 2,
	DFUCAST_SMP_WRITE_RESPONSE = 3,
};

enum dfucast_smp_group {
	DFUCAST_SMP_GROUP_OS = 0,
	DFUCAST_SMP_GROUP_IMG = 1,
	DFUCAST_SMP_GROUP_STAT = 2,
	DFUCAST_SMP_GROUP_SETTINGS = 3,
	DFUCAST_SMP_GROUP_FS = 8,
	DFUCAST_SMP_GROUP_SHELL = 9,
	DFUCAST_SMP_GROUP_ENUM = 10,
	DFUCAST_SMP_GROUP_ZEPHYR = 63,
};

/** SMP-level codes (`rc`). */
enum dfucast_smp_rc {
	DFUCAST_SMP_RC_OK = 0,
	DFUCAST_SMP_RC_UNKNOWN = 1,
	DFUCAST_SMP_RC_NO_MEMORY = 2,
	DFUCAST_SMP_RC_INVALID = 3,
	DFUCAST_SMP_RC_TIMEOUT = 4,
	DFUCAST_SMP_RC_NO_ENTRY = 5,
	DFUCAST_SMP_RC_BAD_STATE = 6,
	DFUCAST_SMP_RC_TOO_LONG = 7,
	DFUCAST_SMP_RC_NOT_SUPPORTED = 8,
	DFUCAST_SMP_RC_CORRUPT = 9,
	DFUCAST_SMP_RC_BUSY = 10,
	DFUCAST_SMP_RC_ACCESS_DENIED = 11,
	DFUCAST_SMP_RC_VERSION_TOO_OLD = 12,
	DFUCAST_SMP_RC_VERSION_TOO_NEW = 13,
};

struct dfucast_smp_header {
	uint8_t op;      /**< enum dfucast_smp_op; 4-7 are illegal but decoded */
	uint8_t version; /**< DFUCAST_SMP_V1 or _V2; 2 and 3 are undefined but decoded */
	uint8_t flags;   /**< send 0, ignore on receive */
	uint8_t sequence;
	uint16_t length; /**< body bytes */
	uint16_t group;
	uint8_t command;
};

void dfucast_smp_header_encode(const struct dfucast_smp_header *header, uint8_t bytes[8]);
void dfucast_smp_header_decode(struct dfucast_smp_header *header, const uint8_t bytes[8]);

/** What goes into every request's header beside its own group, command and op. */
struct dfucast_smp_id {
	uint8_t version;
	uint8_t sequence;
};

/**
 * What a device said about success: both error forms as (group, rc). `{"rc":n}` has group DFUCAST_GROUP_NONE,
 * `{"err":{"group":g,"rc":n}}` (also `ret`, Zephyr 3.4.0) has g. rc 0 is success. Codes above 65534 are kept as 65535.
 */
struct dfucast_smp_error {
	uint16_t group;
	uint16_t rc;
	bool
	    has_rc; /**< the key `rc` was there, 0 or not (legacy servers; MCUboot serial recovery, but for its list) */
};

/** The name of a code for people: "NOT_SUPPORTED", "IMG_NO_FREE_SLOT"; NULL when unknown. Host builds only use it;
 *  unreferenced tables are dropped by the linker. */
const char *dfucast_smp_error_name(uint16_t group, uint16_t rc);

/** Decodes only the error of any body; an empty body is success. For commands whose answer has no keys, or `raw`. */
int dfucast_smp_error_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error);

/**
 * A request whose body is already CBOR (raw, relay): header and body into @p frame.
 */
int dfucast_smp_raw_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, enum dfucast_smp_op op,
			   uint16_t group, uint8_t command, const uint8_t *body, size_t length);

/* ---- outstanding requests --------------------------------------------------------------------------------- */

#define DFUCAST_SMP_PENDING_MAX 4

/** The requests this client can have outstanding; each names op, group and command. */
enum dfucast_smp_request {
	DFUCAST_SMP_REQUEST_NONE,
	DFUCAST_SMP_REQUEST_RAW, /**< op, group and command packed into `offset`, see dfucast_smp_raw_pack() */
	DFUCAST_SMP_REQUEST_ECHO,
	DFUCAST_SMP_REQUEST_RESET,
	DFUCAST_SMP_REQUEST_PARAMS,
	DFUCAST_SMP_REQUEST_INFO,
	DFUCAST_SMP_REQUEST_BOOTLOADER,
	DFUCAST_SMP_REQUEST_IMG_LIST,
	DFUCAST_SMP_REQUEST_IMG_SET,
	DFUCAST_SMP_REQUEST_IMG_UPLOAD,
	DFUCAST_SMP_REQUEST_IMG_ERASE,
	DFUCAST_SMP_REQUEST_IMG_SLOTS,
	DFUCAST_SMP_REQUEST_STORAGE_ERASE, /**< Zephyr's basic group: settings, bonds */
	DFUCAST_SMP_REQUEST_COUNT,
};

/**
 * Writes one of these, but RAW, as a whole frame: with an empty body, or with @p text under @p key (both NUL-terminated;
 * @p key NULL: empty). What needs more than one text has an encoder of its own in smp_os.h or smp_img.h.
 */
int dfucast_smp_request_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
			       enum dfucast_smp_request request, const char *key, const char *text);

/** One outstanding request: 8 bytes. */
struct dfucast_smp_pending {
	uint32_t offset; /**< upload: image offset; RAW: packed identity */
	uint16_t length; /**< upload: data bytes; low 15 bits. Bit 15 is the upload's "overtaken" mark */
	uint8_t sequence;
	uint8_t request; /**< enum dfucast_smp_request */
};

/** Outstanding requests in the order sent, oldest first; a bounded table. Zero-initialise. */
struct dfucast_smp_client {
	uint8_t count;
	uint8_t sequence_next;
	uint8_t version; /**< DFUCAST_SMP_V1 or _V2, used for requests */
	uint8_t reserved;
	struct dfucast_smp_pending pending[DFUCAST_SMP_PENDING_MAX];
};

/** No requests outstanding, and version V2. */
void dfucast_smp_client_init(struct dfucast_smp_client *client, uint8_t sequence_first);

/** Adds a request at the end and gives it the next sequence number. Asserts that there is room.
 *  @return its entry, valid until the table changes */
struct dfucast_smp_pending *dfucast_smp_client_add(struct dfucast_smp_client *client,
						   enum dfucast_smp_request request, uint32_t offset,
						   uint16_t length);

/**
 * Finds the request that a received header answers: op, group, command and sequence must all fit; version and
 * flags are not looked at. @return index into `pending`, or -1: a late, foreign or unasked answer, to be dropped.
 */
int dfucast_smp_client_match(const struct dfucast_smp_client *client,
			     const struct dfucast_smp_header *header);

/** Removes entry @p index, keeping the order. */
void dfucast_smp_client_remove(struct dfucast_smp_client *client, int index);

/** Forgets all requests (link closed, everything timed out). Sequence numbers go on. */
void dfucast_smp_client_clear(struct dfucast_smp_client *client);

/** op (2 bits), group and command in 32 bits, for DFUCAST_SMP_REQUEST_RAW. */
uint32_t dfucast_smp_raw_pack(enum dfucast_smp_op op, uint16_t group, uint8_t command);

#ifdef __cplusplus
}
#endif
#endif
