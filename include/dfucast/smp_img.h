/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP group 1 (image). Conventions in smp.h; spec sections 3.1, 4 and 5.
 */
#ifndef DFUCAST_SMP_IMG_H
#define DFUCAST_SMP_IMG_H

#include <dfucast/image.h>
#include <dfucast/smp.h>
#include <dfucast/smp_os.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dfucast_smp_img_command {
	DFUCAST_SMP_IMG_STATE = 0,
	DFUCAST_SMP_IMG_UPLOAD = 1,
	DFUCAST_SMP_IMG_ERASE = 5,
	DFUCAST_SMP_IMG_SLOTS = 6,
};

/** Image group codes (`err.rc`) that the update logic acts on; spec 2.2. */
enum dfucast_smp_img_rc {
	DFUCAST_SMP_IMG_RC_HASH_NOT_FOUND = 8,
	DFUCAST_SMP_IMG_RC_NO_FREE_SLOT = 9,
	DFUCAST_SMP_IMG_RC_BAD_ADDRESS = 25,
	DFUCAST_SMP_IMG_RC_NOT_NEWER = 27,
	DFUCAST_SMP_IMG_RC_ALREADY_PENDING = 28,
	DFUCAST_SMP_IMG_RC_IMAGE_TOO_LARGE = 30,
	DFUCAST_SMP_IMG_RC_DATA_OVERRUN = 31,
	DFUCAST_SMP_IMG_RC_TEST_OF_ACTIVE = 33,
};

/* ---- image list -------------------------------------------------------------------------------------------- */

/** Slots one answer can list (three images of two slots). */
#define DFUCAST_SMP_IMG_SLOTS_MAX 6

enum dfucast_smp_slot_flag {
	DFUCAST_SMP_SLOT_BOOTABLE = 0x01,
	DFUCAST_SMP_SLOT_PENDING = 0x02,
	DFUCAST_SMP_SLOT_CONFIRMED = 0x04,
	DFUCAST_SMP_SLOT_ACTIVE = 0x08,
	DFUCAST_SMP_SLOT_PERMANENT = 0x10,
};

struct dfucast_smp_slot {
	const uint8_t *hash;             /**< into the body; NULL: not told */
	struct dfucast_smp_text version; /**< into the body, as the server wrote it; "<???>" happens */
	uint8_t hash_bytes;
	uint8_t flags; /**< enum dfucast_smp_slot_flag; an absent key is false */
	uint8_t image; /**< 0 when absent */
	uint8_t slot;  /**< 0 or 1 within the image */
};

struct dfucast_smp_image_list {
	uint8_t count;         /**< entries in `slots` */
	bool truncated;        /**< the answer listed more */
	bool has_images;       /**< every server sends it, be it empty: without it this is no list */
	bool has_split_status; /**< absent with frugal lists and in MCUboot serial recovery */
	struct dfucast_smp_slot slots[DFUCAST_SMP_IMG_SLOTS_MAX];
};

int dfucast_smp_image_list_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id);
/** Also for the answer of set-state, which is the list after the change. */
int dfucast_smp_image_list_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				  struct dfucast_smp_image_list *list);

/** Set-state. @p hash_bytes 0: no hash key at all (confirm what runs). Keys in the order hash, confirm. */
int dfucast_smp_image_set_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				 const uint8_t *hash, size_t hash_bytes, bool confirm);

/* ---- upload ------------------------------------------------------------------------------------------------ */

/** One upload request without its data: the data bytes follow the encoded head, and nothing follows them. */
struct dfucast_smp_upload {
	uint32_t offset;
	uint32_t image_length; /**< sent only at offset 0 */
	const uint8_t *sha; /**< 32 bytes, SHA-256 of the whole file, sent only at offset 0; NULL: left out */
	uint16_t data_bytes;
	uint8_t image;     /**< sent only at offset 0, and always there */
	bool upgrade_only; /**< `upgrade`: true, sent only at offset 0 */
};

/** Longest head: header, map, image, len, off, sha, upgrade, data's own head. */
#define DFUCAST_SMP_UPLOAD_HEAD_BYTES_MAX 96u

/**
 * Everything before the data. The header's length field counts the data too.
 * @return head bytes, or SPACE
 */
int dfucast_smp_upload_head_encode(uint8_t *head, size_t capacity, struct dfucast_smp_id id,
				   const struct dfucast_smp_upload *upload);

/** Bytes that dfucast_smp_upload_head_encode() would write. */
size_t dfucast_smp_upload_head_bytes(const struct dfucast_smp_upload *upload);

/** Most data bytes at @p upload->offset in a frame of @p frame_bytes; 0: not even one. `data_bytes` is ignored. */
uint16_t dfucast_smp_upload_data_max(const struct dfucast_smp_upload *upload, size_t frame_bytes);

enum dfucast_smp_match {
	DFUCAST_SMP_MATCH_ABSENT,
	DFUCAST_SMP_MATCH_FALSE,
	DFUCAST_SMP_MATCH_TRUE,
};
struct dfucast_smp_upload_answer {
	uint32_t offset;
	bool has_offset;
	uint8_t
	    match; /**< enum dfucast_smp_match: the server compared the file's SHA-256 with what it wrote */
};
int dfucast_smp_upload_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			      struct dfucast_smp_upload_answer *answer);

/* ---- erase, slot info -------------------------------------------------------------------------------------- */

/** @p slot is absolute (image × 2 + slot); negative: left out, the server takes the one that is not running. */
int dfucast_smp_image_erase_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, int slot);

struct dfucast_smp_slot_info {
	uint32_t size;           /**< bytes; 0: not told */
	int32_t rc;              /**< the server's errno for this slot; 0: none */
	int16_t upload_image_id; /**< number to send as `image`; -1: not told */
	uint8_t image;
	uint8_t slot;
};
/** At most DFUCAST_SMP_IMG_SLOTS_MAX slots are kept, in the order of the answer; the rest is dropped and not told. */
struct dfucast_smp_slot_list {
	uint8_t count;
	uint32_t image_bytes_max[DFUCAST_SMP_IMG_SLOTS_MAX / 2]; /**< per image number; 0: not told */
	struct dfucast_smp_slot_info slots[DFUCAST_SMP_IMG_SLOTS_MAX];
};
int dfucast_smp_slot_list_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id);
int dfucast_smp_slot_list_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				 struct dfucast_smp_slot_list *list);

#ifdef __cplusplus
}
#endif
#endif
