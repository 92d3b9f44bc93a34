/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway behind a host that behaves as stock clients do, in virtual time: whole updates, hosts that do not obey,
 * silence, rewinds, waves, and the fleet's group.
 */
#include "gateway_checks.h"

static void test_stock_host(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4", IMAGE_BYTES);

	(void)state;
	gateway_sim_begin(sim);
	one_liner(sim, true);
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 4);
	assert_int_equal(sim->gateway.cast.passes, 1);
	assert_int_equal(sim->gateway.host_bytes, IMAGE_BYTES);
	assert_true(sim->first_answer < 950);
	assert_true(sim->longest_ms < 950);
	assert_int_equal(sim->resets, 0);
	gateway_sim_free(sim);
}

static void test_unmarked(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=3", IMAGE_BYTES);

	(void)state;
	gateway_sim_begin(sim);
	one_liner(sim, false); /* smpmgr upgrade without a slot */
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 3);
	gateway_sim_free(sim);
}

static void test_no_sha(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);

	(void)state;
	sim->no_sha = true;
	gateway_sim_begin(sim);
	one_liner(sim, true);
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	gateway_sim_free(sim);
}

/* The ring is a fraction of the image: held answers, the host parked at the end, and not a byte wrong. */
static void test_small_ring(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4", IMAGE_BYTES);

	(void)state;
	sim->ring_bytes = 8192;
	gateway_sim_begin(sim);
	one_liner(sim, true);
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 4);
	assert_true(sim->gateway.cast.ring.wraps >= 1);
	assert_true(sim->parked >= 1);
	assert_true(sim->longest_ms < 950);
	assert_int_equal(sim->gateway.host_bytes, IMAGE_BYTES * sim->gateway.cast.passes);
	assert_int_equal(sim->gateway.cast.passes, 1);
	/* Parking makes waiting cheap: the bound of gateway.md though the erase is a stall of many holds. */
	assert_true(sim->gateway.host_bytes + sim->gateway.host_dropped_bytes <=
		    IMAGE_BYTES + IMAGE_BYTES / 50);
	gateway_sim_free(sim);
}

/* ---- hosts that do not obey ---- */

static void test_disobedient(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);

	(void)state;
	sim->host = GATEWAY_SIM_OWN_COUNT;
	gateway_sim_begin(sim);
	assert_false(gateway_sim_upload(sim));
	assert_int_equal(gateway_sim_error(sim).group, DFUCAST_SMP_GROUP_FLEET);
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_DISOBEYED);
	gateway_sim_wait(sim, 60000);
	assert_clean(sim);
	assert_int_equal(sim->gateway.cast.activated, 0);
	assert_false(gateway_sim_test(sim));
	gateway_sim_free(sim);
}

/* The same host, told apart by its plan: answers are held as long as it takes, and no offset ever goes back. */
static void test_forward_only(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	sim->host = GATEWAY_SIM_OWN_COUNT;
	sim->ring_bytes = 16384;
	sim->timeout_ms = 60000;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	plan.flags = DFUCAST_SMP_FLEET_FORWARD_ONLY;
	assert_true(gateway_sim_plan(sim, &plan, 2));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_int_equal(sim->backwards, 0);
	gateway_sim_free(sim);
}

/* A host that changes its mind in the middle: an image whose bytes are not those of its hash. */
static void test_wrong_bytes(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);

	(void)state;
	sim->any_image = true;
	gateway_sim_begin(sim);
	sim->image[IMAGE_BYTES / 2] ^= 1;
	assert_false(gateway_sim_upload(sim));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_IMAGE);
	gateway_sim_wait(sim, 60000);
	assert_int_equal(sim->gateway.cast.activated, 0);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_FAILED), 2);
	gateway_sim_free(sim);
}

/* ---- slow devices, waves ---- */

#define SLOW "n=4&slow=2&slow_loss=0.85&slow_from_ms=6000"

static void test_straggler(void **state)
{
	struct gateway_sim *sim = gateway_sim_new(SLOW, IMAGE_BYTES);

	(void)state;
	sim->ring_bytes = 16384;
	gateway_sim_begin(sim);
	one_liner(sim, true);
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 4);
	assert_true(sim->gateway.rewinds >= 1);
	assert_true(sim->gateway.cast.passes >= 2);
	assert_true(sim->backwards >= 1);
	gateway_sim_free(sim);
}

static void test_straggler_forward_only(void **state)
{
	struct gateway_sim *sim = gateway_sim_new(SLOW, IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	sim->ring_bytes = 16384;
	sim->timeout_ms = 120000;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	plan.flags = DFUCAST_SMP_FLEET_FORWARD_ONLY;
	assert_true(gateway_sim_plan(sim, &plan, 4));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 3);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_BEHIND), 1);
	assert_int_equal(sim->gateway.rewinds, 0);
	/* The next run, by a host that can go back, finishes it. */
	plan.flags = 0;
	assert_true(gateway_sim_plan(sim, &plan, 4));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 4);
	assert_clean(sim);
	gateway_sim_free(sim);
}

static void test_hundred_behind_twenty(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=100&links=20", 65536);
	struct dfucast_smp_fleet_plan plan;
	struct dfucast_smp_fleet_prediction prediction;
	struct dfucast_smp_error error;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 100));
	assert_int_equal(
	    dfucast_smp_fleet_prediction_decode(sim->answer + 8, sim->answer_bytes - 8, &error, &prediction),
	    0);
	assert_int_equal(prediction.targets, 100);
	assert_int_equal(prediction.waves, 5);
	assert_int_equal(prediction.host_bytes, prediction.passes * 65536u);
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 3600000));
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 100);
	assert_int_equal(sim->gateway.cast.passes, prediction.passes);
	assert_int_equal(sim->gateway.host_bytes, prediction.host_bytes);
	gateway_sim_free(sim);
}

/* ---- silence, pause, restarts ---- */

static void test_an_hour_of_silence(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4", IMAGE_BYTES);
	uint32_t sent = 0;

	(void)state;
	sim->silent_at = IMAGE_BYTES / 2;
	sim->silent_ms = 3600000;
	gateway_sim_begin(sim);
	assert_true(gateway_sim_upload(sim));
	assert_int_equal(sim->peak_pause_links, 0);
	assert_true(gateway_sim_reset(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 4);
	assert_int_equal(sim->gateway.host_bytes, IMAGE_BYTES);
	for (uint16_t i = 0; i < 4; i++) {
		struct dfucast_status status;

		dfucast_cast_status(&sim->gateway.cast, i, &status);
		sent = status.sent_bytes > sent ? status.sent_bytes : sent;
	}
	/* What was in flight when the links were given back, and the first chunk that asked where to go on. */
	assert_true(sent <= IMAGE_BYTES + 4096);
	gateway_sim_free(sim);
}

/* What is told to the port while the host is silent in mid-stream: slow after 10 s, no links after 5 min, back with the next
 * chunk. */
static void test_pace(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	const struct dfucast_gateway *gateway = &sim->gateway;

	(void)state;
	gateway_sim_begin(sim);
	assert_int_equal(gateway->pace, DFUCAST_GATEWAY_SLOW); /* nothing to do */
	sim->silent_at = IMAGE_BYTES / 2;
	assert_false(gateway_sim_upload(sim));
	uint32_t since = gateway_sim_now(sim);

	assert_int_equal(gateway->pace, DFUCAST_GATEWAY_FAST);
	gateway_sim_wait(sim, 9000);
	assert_int_equal(gateway->pace, DFUCAST_GATEWAY_FAST);
	gateway_sim_wait(sim, 2500); /* and what the ring's last bytes took */
	assert_int_equal(gateway->pace, DFUCAST_GATEWAY_SLOW);
	assert_int_equal(gateway->cast.links_open, 2);
	gateway_sim_wait(sim, since + 299000 - gateway_sim_now(sim));
	assert_int_equal(gateway->cast.links_open, 2);
	gateway_sim_wait(sim, 6000);
	assert_int_equal(gateway->cast.links_open, 0);
	assert_true(gateway->cast.paused);
	sim->silent_at = 0;
	assert_true(gateway_sim_upload(sim));
	assert_int_equal(gateway->pace, DFUCAST_GATEWAY_FAST);
	assert_true(gateway_sim_reset(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway->pace, DFUCAST_GATEWAY_SLOW);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_int_equal(gateway->host_bytes, IMAGE_BYTES);
	assert_clean(sim);
	gateway_sim_free(sim);
}

static void test_pause(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 2));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	gateway_sim_wait(sim, 3000);
	assert_int_equal(sim->gateway.cast.links_open, 2);
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_PAUSE));
	gateway_sim_wait(sim, 7200000);
	assert_int_equal(sim->gateway.cast.links_open, 0);
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_RESUME));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_clean(sim);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	gateway_sim_free(sim);
}

/* The host's tool dies after so many requests, and is started again. */
static void test_host_restarts(void **state)
{
	(void)state;
	for (uint32_t stop = 1; stop < 200; stop += 37) {
		struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
		uint8_t frame[GATEWAY_SIM_FRAME_BYTES];
		struct dfucast_smp_upload_answer answer = {0};
		struct dfucast_smp_error error;
		uint32_t offset = 0;

		gateway_sim_begin(sim);
		for (uint32_t i = 0; i < stop && offset < IMAGE_BYTES; i++) {
			struct dfucast_smp_upload upload = {
			    .offset = offset, .image_length = IMAGE_BYTES, .sha = sim->sha};

			upload.data_bytes = dfucast_smp_upload_data_max(&upload, sim->frame_bytes);
			if (upload.data_bytes > IMAGE_BYTES - offset) {
				upload.data_bytes = (uint16_t)(IMAGE_BYTES - offset);
			}
			int head = dfucast_smp_upload_head_encode(
			    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++},
			    &upload);

			memcpy(frame + head, sim->image + offset, upload.data_bytes);
			assert_true(gateway_sim_request(sim, frame, (size_t)head + upload.data_bytes));
			assert_int_equal(dfucast_smp_upload_decode(sim->answer + 8, sim->answer_bytes - 8,
								   &error, &answer),
					 0);
			offset = answer.offset;
		}
		gateway_sim_wait(sim, 5000);
		one_liner(sim, true);
		assert_clean(sim);
		assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
		/* What was taken is not asked for again. */
		assert_int_equal(sim->gateway.host_bytes, IMAGE_BYTES);
		gateway_sim_free(sim);
	}
}

/* The gateway loses power at some moment of its work, and the host begins anew. Every device ends on the new image. */
static void test_gateway_restarts(void **state)
{
	(void)state;
	for (uint32_t after_ms = 500; after_ms < 40000; after_ms += 3300) {
		struct gateway_sim *sim = gateway_sim_new("n=3", 65536);
		struct dfucast_smp_fleet_plan plan;

		gateway_sim_begin(sim);
		fill_plan(sim, &plan);
		assert_true(gateway_sim_plan(sim, &plan, 3));
		(void)gateway_sim_upload(sim);
		gateway_sim_wait(sim, after_ms);
		sim_fleet_central_reset(sim->fleet);
		dfucast_gateway_init(&sim->gateway, &sim->config);
		assert_int_equal(sim->gateway.state, DFUCAST_SMP_FLEET_IDLE);
		gateway_sim_wait(sim, 1000);
		if (!gateway_sim_plan(sim, &plan, 3)) {
			fail_msg("after %u: %zu bytes, rc %u", after_ms, sim->answer_bytes,
				 gateway_sim_error(sim).rc);
		}
		assert_true(gateway_sim_upload(sim));
		assert_true(gateway_sim_until_over(sim, 600000));
		assert_clean(sim);
		assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 3);
		gateway_sim_free(sim);
	}
}

/* ---- what a stock host sees ---- */

static void test_image_list(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_smp_image_list list;

	(void)state;
	gateway_sim_begin(sim);
	list = list_of(sim);
	assert_int_equal(list.count, 0); /* nobody has been asked yet */
	assert_true(gateway_sim_upload(sim));
	list = list_of(sim);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.slots[0].flags & DFUCAST_SMP_SLOT_ACTIVE, DFUCAST_SMP_SLOT_ACTIVE);
	assert_memory_equal(list.slots[0].version.text, "1.0.0", 5);
	assert_int_equal(list.slots[1].slot, 1);
	assert_memory_equal(list.slots[1].hash, sim->image + IMAGE_BYTES - 32, 32);
	assert_int_equal(list.slots[1].flags & DFUCAST_SMP_SLOT_PENDING, 0);
	assert_true(gateway_sim_test(sim));
	list = list_of(sim);
	assert_int_equal(list.slots[1].flags & DFUCAST_SMP_SLOT_PENDING, DFUCAST_SMP_SLOT_PENDING);
	assert_true(gateway_sim_reset(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	list = list_of(sim);
	assert_int_equal(list.count, 1);
	assert_memory_equal(list.slots[0].hash, sim->image + IMAGE_BYTES - 32, 32);
	assert_int_equal(list.slots[0].flags & (DFUCAST_SMP_SLOT_ACTIVE | DFUCAST_SMP_SLOT_CONFIRMED),
			 DFUCAST_SMP_SLOT_ACTIVE | DFUCAST_SMP_SLOT_CONFIRMED);
	gateway_sim_free(sim);
}

/* Mode `test` leaves them on trial; confirm without a hash means the fleet. */
static void test_confirm_later(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=3", IMAGE_BYTES);

	(void)state;
	sim->config.plan.mode = DFUCAST_MODE_TEST;
	gateway_sim_begin(sim);
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 3);
	assert_int_equal(list_of(sim).slots[0].flags & DFUCAST_SMP_SLOT_CONFIRMED, 0);
	assert_true(gateway_sim_confirm(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(list_of(sim).slots[0].flags & DFUCAST_SMP_SLOT_CONFIRMED,
			 DFUCAST_SMP_SLOT_CONFIRMED);
	assert_clean(sim);
	gateway_sim_free(sim);
}

static void test_mixed_link(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	uint8_t frame[GATEWAY_SIM_FRAME_BYTES];
	struct dfucast_smp_upload upload = {.image_length = IMAGE_BYTES, .sha = sim->sha, .data_bytes = 256};

	(void)state;
	sim->config.mixed = true;
	gateway_sim_begin(sim);
	for (uint8_t image = 0; image < 2; image++) {
		upload.image = image;
		int head = dfucast_smp_upload_head_encode(
		    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, image}, &upload);

		memcpy(frame + head, sim->image, 256);
		assert_true(gateway_sim_request(sim, frame, (size_t)head + 256));
		assert_int_equal(gateway_sim_error(sim).rc, image == 0 ? DFUCAST_SMP_RC_ACCESS_DENIED : 0);
		assert_int_equal(sim->gateway.state,
				 image == 0 ? DFUCAST_SMP_FLEET_IDLE : DFUCAST_SMP_FLEET_LOOKING);
	}
	gateway_sim_free(sim);
}

static void test_reset_of_the_gateway(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	uint8_t frame[32];
	int length;

	(void)state;
	gateway_sim_begin(sim);
	assert_true(gateway_sim_reset(sim));
	assert_int_equal(sim->resets, 1);
	/* In the middle of an upload neither the fleet nor the gateway may be reset. */
	struct dfucast_smp_fleet_plan plan;

	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 2));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	length = dfucast_smp_reset_encode(frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, 99},
					  false, -1);
	assert_true(gateway_sim_request(sim, frame, (size_t)length));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_RC_BUSY);
	assert_int_equal(sim->resets, 1);
	gateway_sim_free(sim);
}

/* The fleet runs the image already: a tool's reset still means the fleet, and not the gateway. */
static void test_again(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);

	(void)state;
	gateway_sim_begin(sim);
	one_liner(sim, false);
	assert_true(gateway_sim_upload(sim));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_true(gateway_sim_reset(sim));
	assert_int_equal(sim->resets, 0);
	assert_true(gateway_sim_reset(sim)); /* this one is the gateway's */
	assert_int_equal(sim->resets, 1);
	assert_clean(sim);
	gateway_sim_free(sim);
}

/* Nobody could be reached; the same tool with the same image some time later begins anew. */
static void test_after_a_failure(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);

	(void)state;
	sim->config.plan.wait_ms = 1; /* patience for nobody */
	gateway_sim_begin(sim);
	assert_false(gateway_sim_upload(sim));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_NOBODY);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_FAILED), 2);
	gateway_sim_wait(sim, 2000);
	sim->gateway.config.plan.wait_ms = 0;
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_clean(sim);
	gateway_sim_free(sim);
}

/* A plan whose host went away binds nobody for ever. */
static void test_dead_plan(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=3", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;
	uint8_t other[32];

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	memcpy(other, sim->image, 32);
	other[20]++; /* another version */
	plan.header = other;
	assert_true(gateway_sim_plan(sim, &plan, 1));
	assert_false(gateway_sim_upload(sim)); /* not the image that was planned */
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_IMAGE);
	gateway_sim_wait(sim, 301000);
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 3);
	gateway_sim_free(sim);
}

/* The same frame again gets the same answer, once; while the answer is held it gets none of its own. */
static void test_repeated_request(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_frame_source source;
	uint8_t frame[32];
	int length;

	(void)state;
	gateway_sim_begin(sim);
	source = dfucast_gateway_frame_source(&sim->gateway);
	length = dfucast_smp_reset_encode(frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, 5},
					  false, -1);
	for (int i = 0; i < 2; i++) {
		assert_true(gateway_sim_request(sim, frame, (size_t)length));
		assert_int_equal(sim->answer[6], 5);
		assert_int_equal(sim->resets, 1); /* not done again */
	}
	assert_true(gateway_sim_request(sim, frame, (size_t)length));
	assert_int_equal(sim->resets, 2); /* now it is a new one */
	dfucast_gateway_recv(&sim->gateway, frame, (size_t)length, gateway_sim_now(sim));
	dfucast_gateway_recv(&sim->gateway, frame, (size_t)length, gateway_sim_now(sim));
	assert_int_not_equal(source.begin(source.context), 0);
	source.done(source.context);
	assert_int_equal(source.begin(source.context), 0);
	gateway_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stock_host),
	    cmocka_unit_test(test_unmarked),
	    cmocka_unit_test(test_no_sha),
	    cmocka_unit_test(test_small_ring),
	    cmocka_unit_test(test_disobedient),
	    cmocka_unit_test(test_forward_only),
	    cmocka_unit_test(test_wrong_bytes),
	    cmocka_unit_test(test_straggler),
	    cmocka_unit_test(test_straggler_forward_only),
	    cmocka_unit_test(test_hundred_behind_twenty),
	    cmocka_unit_test(test_an_hour_of_silence),
	    cmocka_unit_test(test_pace),
	    cmocka_unit_test(test_pause),
	    cmocka_unit_test(test_host_restarts),
	    cmocka_unit_test(test_gateway_restarts),
	    cmocka_unit_test(test_image_list),
	    cmocka_unit_test(test_confirm_later),
	    cmocka_unit_test(test_mixed_link),
	    cmocka_unit_test(test_reset_of_the_gateway),
	    cmocka_unit_test(test_again),
	    cmocka_unit_test(test_after_a_failure),
	    cmocka_unit_test(test_dead_plan),
	    cmocka_unit_test(test_repeated_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
