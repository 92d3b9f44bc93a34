/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What an answer says about success. Spec section 2.
 */
#include "body.h"

struct top {
	struct dfucast_smp_text err;
	uint16_t rc;
};

enum { FOUND_RC = 1 << 0, FOUND_ERR = 1 << 1, FOUND_RET = 1 << 2 };

static const struct dfucast_smp_field top_fields[] = {
    {"rc", DFUCAST_SMP_KIND_CODE, 8, offsetof(struct top, rc)},
    {"err", DFUCAST_SMP_KIND_MAP, 0, offsetof(struct top, err)},
    /* Zephyr 3.4.0's word for `err`. The shell group has an integer of that name, which is no error. */
    {"ret", DFUCAST_SMP_KIND_MAP, DFUCAST_SMP_UNLESS_OTHER, offsetof(struct top, err)},
};
DFUCAST_SMP_SCHEMA(top, struct top);

struct err {
	uint32_t group; /* two bytes on the wire */
	uint16_t rc;
};

enum { FOUND_BOTH = 3 };

static const struct dfucast_smp_field err_fields[] = {
    {"group", DFUCAST_SMP_KIND_UINT, 2, offsetof(struct err, group)},
    {"rc", DFUCAST_SMP_KIND_CODE, 8, offsetof(struct err, rc)},
};
DFUCAST_SMP_SCHEMA(err, struct err);

int dfucast_smp_error_read(struct dfucast_smp_text map, struct dfucast_smp_error *error)
{
	struct top said;
	struct err inner;
	int found = dfucast_smp_body_map(&map, &top, &said);

	if (found < 0) {
		return found;
	}
	error->has_rc = (found & FOUND_RC) != 0;
	error->rc = said.rc;
	if ((found & (FOUND_ERR | FOUND_RET)) == 0) {
		return 0;
	}
	/* A group error that does not say which is neither success nor an error anybody could name. */
	if (dfucast_smp_body_map(&said.err, &err, &inner) != FOUND_BOTH) {
		return DFUCAST_ERR_MALFORMED;
	}
	if (inner.rc != 0) {
		error->group = (uint16_t)inner.group;
		error->rc = inner.rc;
	}
	return 0;
}

int dfucast_smp_error_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error)
{
	static const struct dfucast_smp_schema nothing = {NULL, 0, 0};

	/* Of nothing, nothing is found. */
	return dfucast_smp_body_decode(body, length, error, &nothing, error);
}
