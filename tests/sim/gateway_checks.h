/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of a gateway in virtual time share; for files that include cmocka. */
#ifndef GATEWAY_CHECKS_H
#define GATEWAY_CHECKS_H

#include "gateway_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 200000u

static inline void assert_clean(const struct gateway_sim *sim)
{
	const char *violation = sim_fleet_violation(sim->fleet);

	if (violation != NULL) {
		fail_msg("%s", violation);
	}
}

/* Upload, test, reset: what mcumgr-toolkit's firmware_update and smpmgr's upgrade do. */
static inline void one_liner(struct gateway_sim *sim, bool marks)
{
	assert_true(gateway_sim_upload(sim));
	assert_true(!marks || gateway_sim_test(sim));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 0);
	assert_true(gateway_sim_reset(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
}

static inline void fill_plan(const struct gateway_sim *sim, struct dfucast_smp_fleet_plan *plan)
{
	*plan = (struct dfucast_smp_fleet_plan){
	    .canary = 1,
	    .max_failed = 1,
	    .gather_ms = 10000,
	    .image_bytes = sim->image_bytes,
	    .header = sim->image,
	    .header_bytes = 32,
	    .hash = sim->image + sim->image_bytes - 32,
	    .hash_bytes = 32,
	    .sha = sim->sha,
	    .sha_bytes = 32,
	};
}

/* What image list says now. */
static inline struct dfucast_smp_image_list list_of(struct gateway_sim *sim)
{
	struct dfucast_smp_image_list list;
	struct dfucast_smp_error error;
	uint8_t frame[16];
	int length = dfucast_smp_image_list_encode(frame, sizeof(frame),
						   (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++});

	assert_true(gateway_sim_request(sim, frame, (size_t)length));
	assert_int_equal(dfucast_smp_image_list_decode(sim->answer + 8, sim->answer_bytes - 8, &error, &list),
			 0);
	assert_int_equal(error.rc, 0);
	return list;
}

/* One chunk of @p image; the answer's offset, UINT32_MAX: an error. */
static inline uint32_t gateway_chunk(struct gateway_sim *sim, const uint8_t *image, const uint8_t *sha,
				     uint32_t offset, uint32_t number)
{
	uint8_t frame[GATEWAY_SIM_FRAME_BYTES];
	struct dfucast_smp_upload upload = {
	    .offset = offset, .image_length = sim->image_bytes, .sha = sha, .image = (uint8_t)number};
	struct dfucast_smp_upload_answer answer;
	struct dfucast_smp_error error;
	uint32_t left = sim->image_bytes - offset;
	uint32_t most = dfucast_smp_upload_data_max(&upload, sim->frame_bytes);

	upload.data_bytes = (uint16_t)(left < most ? left : most);
	int head = dfucast_smp_upload_head_encode(
	    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++}, &upload);

	memcpy(frame + head, image + offset, upload.data_bytes);
	assert_true(gateway_sim_request(sim, frame, (size_t)head + upload.data_bytes));
	assert_int_equal(dfucast_smp_upload_decode(sim->answer + 8, sim->answer_bytes - 8, &error, &answer),
			 0);
	return error.rc == 0 && answer.has_offset ? answer.offset : UINT32_MAX;
}

#endif
