/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts that do wrong: each gets a clear SMP error or nothing, the gateway lives and then does a whole update, and nobody
 * was activated.
 */
#include "gateway_checks.h"

/* After all that, the gateway still works. */
static void still_works(struct gateway_sim *sim, unsigned int devices)
{
	assert_int_equal(sim->gateway.cast.activated, 0);
	gateway_sim_wait(sim, 2000);
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), devices);
	assert_clean(sim);
	gateway_sim_free(sim);
}

static bool send(struct gateway_sim *sim, uint8_t *frame, size_t length)
{
	frame[6] = sim->sequence++;
	return gateway_sim_request(sim, frame, length);
}

static void test_frames(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	static const struct {
		const char *bytes;
		size_t length;
		int rc; /* -1: no answer */
	} cases[] = {
	    {"\x08\x00\x00\x01\x00\x01\x00\x00\xFF", 9, -2}, /* a body that is no map: a list needs none */
	    {"\x0A\x00\x00\x01\x00\x01\x00\x01\xFF", 9, 3},  /* an upload without one does */
	    {"\x0A\x00\x00\x05\x00\x01\x00\x01\xA0", 9, 9},  /* shorter than its header says */
	    {"\x08\x00\x00\x01\x00\x63\x00\x00\xA0", 9, 8},  /* no such group */
	    {"\x08\x00\x00\x01\x0D\xFC\x00\x63\xA0", 9, 8},  /* no such command of the fleet's */
	    {"\x08\x00\x00\x01\x0D\xFC\x00\x02\xA0", 9, 8},  /* a plan that is read */
	    {"\x18\x00\x00\x01\x00\x00\x00\x06\xA0", 9, 13}, /* a header of version 4 */
	    {"\x0B\x00\x00\x01\x00\x00\x00\x06\xA0", 9, -1}, /* an answer */
	    {"\x08\x00\x00\x01\x00", 5, -1},                 /* half a header */
	    {"\x0A\x00\x00\x06\x00\x01\x00\x01\xA1\x63off\x07", 14, 3}, /* an upload without data */
	};

	(void)state;
	gateway_sim_begin(sim);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t frame[32];

		memcpy(frame, cases[i].bytes, cases[i].length);
		bool came = cases[i].length > 6 ? send(sim, frame, cases[i].length)
						: gateway_sim_request(sim, frame, cases[i].length);

		assert_int_equal(came, cases[i].rc != -1);
		if (cases[i].rc > 0) {
			assert_int_equal(gateway_sim_error(sim).rc, cases[i].rc);
		}
	}
	still_works(sim, 2);
}

static void test_oversized_frame(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	uint8_t frame[1025] = {0x0A, 0, 0x03, 0xF9, 0, 1, 0, 1};

	(void)state;
	gateway_sim_begin(sim);
	assert_false(send(sim, frame, sizeof(frame))); /* one byte more than buf_size */
	still_works(sim, 2);
}

static void test_no_default_plan(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	gateway_sim_begin(sim);
	sim->config.default_count = 0;
	dfucast_gateway_init(&sim->gateway, &sim->config);
	assert_false(gateway_sim_upload(sim));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_NO_TARGET);
	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 2));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	gateway_sim_free(sim);
}

static void test_plans_of_any_size(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_smp_fleet_target none[200];
	struct dfucast_smp_fleet_plan plan;
	uint8_t frame[1024];
	size_t written;
	int length;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	/* No targets: the default plan. */
	length = dfucast_smp_fleet_plan_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 0}, &plan,
					       none, 0, &written);
	assert_true(send(sim, frame, (size_t)length));
	assert_int_equal(gateway_sim_error(sim).rc, 0);
	assert_int_equal(sim->gateway.target_count, 2);
	/* Ten thousand, all the same one: refused at the second, however many follow. */
	for (unsigned int i = 0; i < 200; i++) {
		none[i] = (struct dfucast_smp_fleet_target){.id = {"1", 1},
							    .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY};
	}
	for (unsigned int frames = 0; frames < 100; frames++) {
		plan.at = frames * 100;
		length = dfucast_smp_fleet_plan_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 0},
						       &plan, none, 100, &written);
		assert_true(send(sim, frame, (size_t)length));
		assert_int_equal(gateway_sim_error(sim).group, DFUCAST_SMP_GROUP_FLEET);
		assert_int_equal(gateway_sim_error(sim).rc,
				 frames == 0 ? DFUCAST_SMP_FLEET_RC_BAD_PLAN : DFUCAST_SMP_FLEET_RC_STATE);
	}
	still_works(sim, 2);
}

static void test_second_plan(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 2));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	plan.mode = DFUCAST_MODE_UPLOAD;
	assert_false(gateway_sim_plan(sim, &plan, 2));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_STATE);
	plan.mode = DFUCAST_MODE_TEST_CONFIRM;
	assert_false(gateway_sim_plan(sim, &plan, 3)); /* one more, behind the same two */
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_STATE);
	/* The first of the same plan's targets: not yet another one, but nothing can be done with it. */
	assert_true(gateway_sim_plan(sim, &plan, 1));
	assert_false(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_STATE);
	assert_false(gateway_sim_upload(sim));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_STATE);
	assert_true(gateway_sim_plan(sim, &plan, 2));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	assert_int_equal(sim->gateway.target_count, 2);
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_ABORT));
	still_works(sim, 2);
}

/* Other images than the plan's: longer, or with another hash than was announced. */
static void test_not_what_was_announced(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;
	uint8_t hash[32];

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	plan.image_bytes = IMAGE_BYTES - 1000;
	assert_false(gateway_sim_plan(sim, &plan, 2)); /* its header says that it is longer */
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_IMAGE);
	plan.header = NULL;
	assert_true(gateway_sim_plan(sim, &plan, 2));
	assert_false(gateway_sim_upload(sim));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_IMAGE);
	fill_plan(sim, &plan);
	memcpy(hash, plan.hash, 32);
	hash[5] ^= 1;
	plan.hash = hash;
	assert_true(gateway_sim_plan(sim, &plan, 2));
	assert_false(gateway_sim_upload(sim));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_IMAGE);
	gateway_sim_wait(sim, 60000);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_FAILED), 2);
	still_works(sim, 2);
}

/* A stream that stops, for good: devices keep a part, and the next host finishes it. */
static void test_stream_that_stops(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	uint8_t frame[1024];
	uint32_t offset = 0;

	(void)state;
	gateway_sim_begin(sim);
	for (unsigned int i = 0; i < 100; i++) {
		struct dfucast_smp_upload upload = {
		    .offset = offset, .image_length = IMAGE_BYTES, .sha = sim->sha};
		struct dfucast_smp_upload_answer answer;
		struct dfucast_smp_error error;

		upload.data_bytes = dfucast_smp_upload_data_max(&upload, sim->frame_bytes);
		if (upload.data_bytes > IMAGE_BYTES - offset) {
			upload.data_bytes = (uint16_t)(IMAGE_BYTES - offset);
		}
		int head = dfucast_smp_upload_head_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, 0},
							  &upload);

		memcpy(frame + head, sim->image + offset, upload.data_bytes);
		assert_true(send(sim, frame, (size_t)head + upload.data_bytes));
		assert_int_equal(
		    dfucast_smp_upload_decode(sim->answer + 8, sim->answer_bytes - 8, &error, &answer), 0);
		assert_int_equal(error.rc, 0);
		offset = answer.offset;
	}
	gateway_sim_wait(sim, 86400000); /* a day */
	assert_int_equal(sim->gateway.cast.links_open, 0);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_FAILED), 0);
	still_works(sim, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frames),
	    cmocka_unit_test(test_oversized_frame),
	    cmocka_unit_test(test_no_default_plan),
	    cmocka_unit_test(test_plans_of_any_size),
	    cmocka_unit_test(test_second_plan),
	    cmocka_unit_test(test_not_what_was_announced),
	    cmocka_unit_test(test_stream_that_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
