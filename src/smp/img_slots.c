/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Image group: erase, and slot info. Spec section 3.1.
 */
#include "body.h"

#include <dfucast/smp_img.h>
#include <string.h>

int dfucast_smp_image_erase_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, int slot)
{
	struct dfucast_smp_build build;

	dfucast_smp_build_start(&build, frame, capacity);
	if (slot >= 0) {
		dfucast_smp_build_put(&build, "slot", DFUCAST_SMP_PUT_UINT, (size_t)slot, NULL);
	}
	return dfucast_smp_build_finish(
	    &build, id, DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_ERASE), 0);
}

int dfucast_smp_slot_list_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id)
{
	return dfucast_smp_build_empty(frame, capacity, id,
				       DFUCAST_SMP_BODY_READ(DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_SLOTS));
}

static const struct dfucast_smp_field images_fields[] = {{"images", DFUCAST_SMP_KIND_LIST, 0, 0}};
DFUCAST_SMP_SCHEMA(images, struct dfucast_smp_text);

struct image {
	struct dfucast_smp_text slots;
	uint32_t bytes_max;
	uint8_t number;
};

static const struct dfucast_smp_field image_fields[] = {
    {"image", DFUCAST_SMP_KIND_UINT, 1, offsetof(struct image, number)},
    {"slots", DFUCAST_SMP_KIND_LIST, 0, offsetof(struct image, slots)},
    {"max_image_size", DFUCAST_SMP_KIND_UINT, 4, offsetof(struct image, bytes_max)},
};
DFUCAST_SMP_SCHEMA(image, struct image);

struct slot {
	struct dfucast_smp_slot_info info;
	uint8_t upload_image_id;
};

enum { FOUND_UPLOAD_IMAGE_ID = 1 << 3 };

static const struct dfucast_smp_field slot_fields[] = {
    {"slot", DFUCAST_SMP_KIND_UINT, 1, offsetof(struct slot, info.slot)},
    {"size", DFUCAST_SMP_KIND_UINT, 4, offsetof(struct slot, info.size)},
    {"rc", DFUCAST_SMP_KIND_INT, 4, offsetof(struct slot, info.rc)},
    {"upload_image_id", DFUCAST_SMP_KIND_UINT, 1, offsetof(struct slot, upload_image_id)},
};
DFUCAST_SMP_SCHEMA(slot, struct slot);

int dfucast_smp_slot_list_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				 struct dfucast_smp_slot_list *list)
{
	struct dfucast_smp_text rest;

	memset(list, 0, sizeof(*list));
	if (dfucast_smp_body_decode(body, length, error, &images, &rest) < 0) {
		return DFUCAST_ERR_MALFORMED;
	}
	while (rest.length != 0) {
		struct image of;

		if (dfucast_smp_body_element(&rest, &image, &of) < 0) {
			return DFUCAST_ERR_MALFORMED;
		}
		if (of.number < DFUCAST_SMP_IMG_SLOTS_MAX / 2) {
			list->image_bytes_max[of.number] = of.bytes_max;
		}
		while (of.slots.length != 0) {
			struct slot one;
			int found = dfucast_smp_body_element(&of.slots, &slot, &one);

			if (found < 0) {
				return found;
			}
			one.info.image = of.number;
			one.info.upload_image_id =
			    (found & FOUND_UPLOAD_IMAGE_ID) != 0 ? one.upload_image_id : -1;
			if (list->count < DFUCAST_SMP_IMG_SLOTS_MAX) {
				list->slots[list->count++] = one.info;
			}
		}
	}
	return 0;
}
