/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Image group: image list and set-state. Spec sections 3.1, 5.1 and 5.3.
 */
#include "body.h"

#include <dfucast/smp_img.h>

int dfucast_smp_image_list_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id)
{
	return dfucast_smp_build_empty(frame, capacity, id,
				       DFUCAST_SMP_BODY_READ(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_STATE));
}

int dfucast_smp_image_set_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				 const uint8_t *hash, size_t hash_bytes, bool confirm)
{
	struct dfucast_smp_build build;

	dfucast_smp_build_start(&build, frame, capacity);
	if (hash_bytes != 0) {
		dfucast_smp_build_put(&build, "hash", DFUCAST_SMP_PUT_BYTES, hash_bytes, hash);
	}
	dfucast_smp_build_bool(&build, "confirm", confirm);
	return dfucast_smp_build_finish(
	    &build, id, DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_STATE), 0);
}

struct lists {
	struct dfucast_smp_text images;
	uint16_t split_status; /* only whether it is there matters */
};

enum { FOUND_IMAGES = 1 << 0, FOUND_SPLIT_STATUS = 1 << 1 };

static const struct dfucast_smp_field lists_fields[] = {
    {"images", DFUCAST_SMP_KIND_LIST, 0, offsetof(struct lists, images)},
    {"splitStatus", DFUCAST_SMP_KIND_CODE, 8, offsetof(struct lists, split_status)},
};
DFUCAST_SMP_SCHEMA(lists, struct lists);

struct entry {
	struct dfucast_smp_slot slot;
	struct dfucast_smp_text hash;
};

#define ENTRY_FLAG(key, flag)                                                                                \
	{                                                                                                    \
		key, DFUCAST_SMP_KIND_BOOL, flag, offsetof(struct entry, slot.flags)                         \
	}

static const struct dfucast_smp_field entry_fields[] = {
    {"image", DFUCAST_SMP_KIND_UINT, 1, offsetof(struct entry, slot.image)},
    {"slot", DFUCAST_SMP_KIND_UINT, 1, offsetof(struct entry, slot.slot)},
    {"version", DFUCAST_SMP_KIND_TEXT, 0, offsetof(struct entry, slot.version)},
    {"hash", DFUCAST_SMP_KIND_BYTES, 0, offsetof(struct entry, hash)},
    ENTRY_FLAG("bootable", DFUCAST_SMP_SLOT_BOOTABLE),
    ENTRY_FLAG("pending", DFUCAST_SMP_SLOT_PENDING),
    ENTRY_FLAG("confirmed", DFUCAST_SMP_SLOT_CONFIRMED),
    ENTRY_FLAG("active", DFUCAST_SMP_SLOT_ACTIVE),
    ENTRY_FLAG("permanent", DFUCAST_SMP_SLOT_PERMANENT),
};
DFUCAST_SMP_SCHEMA(entry, struct entry);

int dfucast_smp_image_list_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				  struct dfucast_smp_image_list *list)
{
	struct lists top;
	int found = dfucast_smp_body_decode(body, length, error, &lists, &top);

	if (found < 0) {
		return found;
	}
	list->count = 0;
	list->truncated = false;
	list->has_images = (found & FOUND_IMAGES) != 0;
	list->has_split_status = (found & FOUND_SPLIT_STATUS) != 0;
	while (top.images.length != 0) {
		struct entry one;

		if (dfucast_smp_body_element(&top.images, &entry, &one) < 0 ||
		    one.hash.length > DFUCAST_IMAGE_HASH_BYTES_MAX) {
			return DFUCAST_ERR_MALFORMED;
		}
		one.slot.hash = (const uint8_t *)one.hash.text;
		one.slot.hash_bytes = (uint8_t)one.hash.length;
		if (list->count < DFUCAST_SMP_IMG_SLOTS_MAX) {
			list->slots[list->count++] = one.slot;
		} else {
			list->truncated = true;
		}
	}
	return 0;
}
