/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The server's half of SMP: reading requests, writing answers. For the gateway (gateway.h), and for anybody who puts
 * an SMP server in front of something else. Conventions in smp.h.
 *
 * Answer encoders take the request's header and write one whole frame: op + 1, the same group, command, sequence and
 * version (at most V2), maps and lists of indefinite length as Zephyr's servers send them. They return the frame's
 * length, or DFUCAST_ERR_SPACE.
 */
#ifndef DFUCAST_SMP_SERVER_H
#define DFUCAST_SMP_SERVER_H

#include <dfucast/smp_img.h>
#include <dfucast/smp_os.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- requests ---------------------------------------------------------------------------------------------- */

/** An upload request (group 1, command 1). What is absent is zero, and its has_… false. */
struct dfucast_smp_upload_request {
	uint32_t offset;
	uint32_t image_length; /**< `len` */
	uint32_t image;        /**< 0 when absent */
	const uint8_t *sha;    /**< into the body; NULL: absent or empty */
	const uint8_t *data;   /**< into the body; NULL: absent */
	uint16_t sha_bytes;
	uint16_t data_bytes;
	bool has_offset;
	bool has_length;
	bool upgrade_only;
};
int dfucast_smp_upload_request_decode(const uint8_t *body, size_t length,
				      struct dfucast_smp_upload_request *request);

/** Set-state (group 1, command 0, write). */
struct dfucast_smp_set_request {
	const uint8_t *hash; /**< into the body; NULL: none */
	uint16_t hash_bytes;
	bool confirm;
};
int dfucast_smp_set_request_decode(const uint8_t *body, size_t length,
				   struct dfucast_smp_set_request *request);

/** Erase (group 1, command 5). @param slot absolute; -1: absent */
int dfucast_smp_erase_request_decode(const uint8_t *body, size_t length, int *slot);

/** A request with one text under @p key: echo ("d"), info ("format"), bootloader ("query"). Absent: length 0. */
int dfucast_smp_text_request_decode(const uint8_t *body, size_t length, const char *key,
				    struct dfucast_smp_text *text);

/* ---- answers ----------------------------------------------------------------------------------------------- */

/** An empty map, or `rc` where it is not 0. */
int dfucast_smp_answer_rc(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			  enum dfucast_smp_rc rc);
/** `err` with group and code to a V2 request; a V1 request gets @p rc. */
int dfucast_smp_answer_error(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			     uint16_t group, uint16_t code, enum dfucast_smp_rc rc);
/** Upload: the offset wanted next; @p match as the last answer of servers that compare the file's SHA-256. */
int dfucast_smp_answer_upload(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			      uint32_t offset, enum dfucast_smp_match match);
/** One text: echo ("r"), info ("output"), bootloader ("bootloader"). */
int dfucast_smp_answer_text(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			    const char *key, struct dfucast_smp_text text);
/** One or two numbers: params ("buf_size", "buf_count"), bootloader ("mode", NULL). */
int dfucast_smp_answer_numbers(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			       const char *key, uint32_t value, const char *key2, uint32_t value2);
/** Image list, also for set-state. `image` is written only where one of the entries has another than 0. */
int dfucast_smp_answer_images(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			      const struct dfucast_smp_slot *slots, size_t count);
/** Slot info of one image with two slots of equal size. @p size 0: not told */
int dfucast_smp_answer_slots(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
			     uint32_t size);

#ifdef __cplusplus
}
#endif
#endif
