/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests in an order that no tool of today sends: what one upload, plan or relay leaves behind must not reach into the
 * next.
 */
#include "gateway_checks.h"

/* Another image of the same length. */
static uint8_t *other_image(const struct gateway_sim *sim, uint8_t sha[32])
{
	static const uint8_t version[4] = {3, 1, 0, 0};
	uint8_t *image = malloc(sim->image_bytes);

	assert_non_null(image);
	sim_peer_image_make(image, sim->image_bytes, version, 9);
	sim_peer_sha256(image, sim->image_bytes, sha);
	return image;
}

/* A first chunk with a sha, given up before the image's end was seen; then another image by a host that sends none. */
static void test_sha_of_an_upload_given_up(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	uint8_t sha[32];
	uint8_t *other = other_image(sim, sha);

	(void)state;
	gateway_sim_begin(sim);
	assert_int_not_equal(gateway_chunk(sim, other, sha, 0, 0), UINT32_MAX);
	sim->no_sha = true;
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_clean(sim);
	free(other);
	gateway_sim_free(sim);
}

/* The same behind a plan that names no image. */
static void test_image_of_a_plan_given_up(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan = {.canary = 1};
	uint8_t sha[32];
	uint8_t *other = other_image(sim, sha);

	(void)state;
	gateway_sim_begin(sim);
	assert_true(gateway_sim_plan(sim, &plan, 2));
	assert_int_not_equal(gateway_chunk(sim, other, sha, 0, 0), UINT32_MAX);
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_clean(sim);
	free(other);
	gateway_sim_free(sim);
}

static bool relay_echo(struct gateway_sim *sim, uint16_t target)
{
	const uint8_t *inner;
	size_t inner_bytes;
	uint8_t frame[32];
	int length =
	    dfucast_smp_echo_encode(frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, 42},
				    (struct dfucast_smp_text){"hello", 5});

	return gateway_sim_relay(sim, target, frame, (size_t)length, &inner, &inner_bytes);
}

/* A command to one device, and an upload at once: the link that was kept for the next command is not in its way. */
static void test_upload_behind_a_relay(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);

	(void)state;
	gateway_sim_begin(sim);
	assert_true(relay_echo(sim, 1));
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_clean(sim);
	gateway_sim_free(sim);
}

/* A frame for a device that could not be reached must not go to another one of the next plan. */
static void test_relay_and_the_next_plan(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4", IMAGE_BYTES);
	static const char *const names[] = {"3", "2", "1", "0"};
	struct dfucast_smp_fleet_target targets[4];
	struct dfucast_smp_fleet_plan plan;
	struct dfucast_link_request request;
	struct sim_fleet_statistics statistics;
	uint8_t inner[32];
	uint8_t frame[512];
	size_t written;

	(void)state;
	gateway_sim_begin(sim);
	int length = dfucast_smp_reset_encode(inner, sizeof(inner),
					      (struct dfucast_smp_id){DFUCAST_SMP_V2, 1}, false, -1);
	const struct dfucast_smp_fleet_relay relay = {
	    .id = {"3", 1}, .frame = inner, .frame_bytes = (uint16_t)length};

	length = dfucast_smp_fleet_relay_encode(
	    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++}, &relay);
	dfucast_gateway_recv(&sim->gateway, frame, (size_t)length, gateway_sim_now(sim));
	/* Its port is not there: the link is down at once. */
	struct dfucast_cast *cast = dfucast_gateway_cast(&sim->gateway);

	assert_true(dfucast_cast_next_request(cast, &request, gateway_sim_now(sim)));
	assert_int_equal(request.kind, DFUCAST_REQUEST_OPEN);
	dfucast_cast_link_down(cast, request.link, DFUCAST_ERR_NO_SUCH_PORT, gateway_sim_now(sim));
	fill_plan(sim, &plan);
	plan.mode = DFUCAST_MODE_UPLOAD;
	for (unsigned int i = 0; i < 4; i++) {
		targets[i] = (struct dfucast_smp_fleet_target){.id = {names[i], 1},
							       .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY};
	}
	length = dfucast_smp_fleet_plan_encode(frame, sizeof(frame),
					       (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++},
					       &plan, targets, 4, &written);
	assert_int_equal(written, 4);
	assert_true(gateway_sim_request(sim, frame, (size_t)length));
	assert_int_equal(gateway_sim_error(sim).rc, 0);
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 4);
	sim_fleet_statistics(sim->fleet, &statistics);
	assert_int_equal(statistics.boots, 0); /* nobody was reset */
	gateway_sim_free(sim);
}

/* A link that takes no more of a frame once begun: the host is told in time, and the link is given up. */
static void test_relay_that_never_goes_out(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	static const struct dfucast_link_info info = {.frame_max = 512, .frame_fallback = 256};
	struct dfucast_frame_source source;
	struct dfucast_link_request request;
	uint8_t inner[32];
	uint8_t frame[64];
	uint32_t deadline;

	(void)state;
	gateway_sim_begin(sim);
	struct dfucast_cast *cast = dfucast_gateway_cast(&sim->gateway);
	int length =
	    dfucast_smp_image_list_encode(inner, sizeof(inner), (struct dfucast_smp_id){DFUCAST_SMP_V2, 1});
	const struct dfucast_smp_fleet_relay relay = {
	    .id = {"1", 1}, .frame = inner, .frame_bytes = (uint16_t)length};

	source = dfucast_gateway_frame_source(&sim->gateway);
	for (unsigned int again = 0; again < 2; again++) {
		uint32_t now = again * 60000u;

		length = dfucast_smp_fleet_relay_encode(
		    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++}, &relay);
		dfucast_gateway_recv(&sim->gateway, frame, (size_t)length, now);
		assert_true(dfucast_cast_next_request(cast, &request, now));
		assert_int_equal(request.kind, DFUCAST_REQUEST_OPEN);
		dfucast_cast_link_up(cast, request.link, &info, now);
		dfucast_gateway_run(&sim->gateway, now);
		assert_int_equal(dfucast_cast_begin(cast, request.link, now), 9);
		assert_true(dfucast_gateway_deadline(&sim->gateway, &deadline));
		assert_true(deadline <= now + 10000);
		assert_int_equal(source.begin(source.context), 0);
		dfucast_gateway_run(&sim->gateway, deadline);
		sim->answer_bytes = source.begin(source.context);
		assert_int_not_equal(sim->answer_bytes, 0);
		source.read(source.context, 0, sim->answer, sim->answer_bytes);
		source.done(source.context);
		assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_UNREACHABLE);
		/* What is on its way may still be read, until the port has heard that the link is to be closed. */
		dfucast_cast_read(cast, request.link, 0, inner, 9);
		assert_true(dfucast_cast_next_request(cast, &request, deadline));
		assert_int_equal(request.kind, DFUCAST_REQUEST_CLOSE);
		dfucast_cast_link_down(cast, request.link, DFUCAST_ERR_OK, deadline);
		dfucast_gateway_run(&sim->gateway, deadline);
		assert_false(dfucast_cast_next_request(cast, &request, deadline + 5000));
		assert_int_equal(cast->links_open, 0);
	}
	gateway_sim_free(sim);
}

/* A relay that comes while a frame of the update is half out waits until that is out: a torn frame would put wrong bytes
 * under a right offset. */
static void test_relay_into_a_begun_frame(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=1", IMAGE_BYTES);
	static const struct dfucast_link_info info = {.frame_max = 512, .frame_fallback = 256};
	struct dfucast_link_request request;
	struct dfucast_smp_fleet_plan plan;
	uint8_t inner[32];
	uint8_t frame[64];
	uint8_t begun[8];
	uint8_t now_begun[8];

	(void)state;
	gateway_sim_begin(sim);
	struct dfucast_cast *cast = dfucast_gateway_cast(&sim->gateway);

	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 1));
	uint32_t now = gateway_sim_now(sim);
	int length = dfucast_smp_fleet_command_encode(
	    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++},
	    DFUCAST_SMP_FLEET_START);

	dfucast_gateway_recv(&sim->gateway, frame, (size_t)length, now);
	dfucast_gateway_frame_source(&sim->gateway).done(&sim->gateway);
	assert_true(dfucast_cast_next_request(cast, &request, now));
	dfucast_cast_link_up(cast, request.link, &info, now);
	size_t bytes = dfucast_cast_begin(cast, request.link, now);

	assert_true(bytes > 8);
	dfucast_cast_read(cast, request.link, 0, begun, 8);
	length = dfucast_smp_echo_encode(inner, sizeof(inner), (struct dfucast_smp_id){DFUCAST_SMP_V2, 42},
					 (struct dfucast_smp_text){"hello, you", 10});
	const struct dfucast_smp_fleet_relay relay = {
	    .id = {"0", 1}, .frame = inner, .frame_bytes = (uint16_t)length};

	length = dfucast_smp_fleet_relay_encode(
	    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++}, &relay);
	dfucast_gateway_recv(&sim->gateway, frame, (size_t)length, now);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(dfucast_cast_begin(cast, request.link, now), bytes);
		dfucast_cast_read(cast, request.link, 0, now_begun, 8);
		assert_memory_equal(begun, now_begun, 8);
	}
	/* Ended in the middle of it: the link is closed before the relay's frame goes out. */
	dfucast_cast_stop(cast, DFUCAST_ERR_ABORTED, now);
	assert_int_equal(dfucast_cast_begin(cast, request.link, now), 0);
	assert_true(dfucast_cast_next_request(cast, &request, now));
	assert_int_equal(request.kind, DFUCAST_REQUEST_CLOSE);
	dfucast_cast_link_down(cast, request.link, DFUCAST_ERR_OK, now);
	assert_true(dfucast_cast_next_request(cast, &request, now + 1000));
	assert_int_equal(request.kind, DFUCAST_REQUEST_OPEN);
	dfucast_cast_link_up(cast, request.link, &info, now + 1000);
	assert_int_equal(dfucast_cast_begin(cast, request.link, now + 1000), relay.frame_bytes);
	gateway_sim_free(sim);
}

/* Confirm means those on trial: who was held, or failed, is not begun anew, and nobody waits for the host's bytes. */
static void test_confirm_touches_only_those_on_trial(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4&never_returns=1", IMAGE_BYTES);

	(void)state;
	sim->config.plan.mode = DFUCAST_MODE_TEST;
	gateway_sim_begin(sim);
	one_liner(sim, true);
	/* 0, the canary, runs it on trial; 1, 2, 3 were activated: 1 never came back. */
	unsigned int done = gateway_sim_count(sim, DFUCAST_STATE_DONE);
	unsigned int failed = gateway_sim_count(sim, DFUCAST_STATE_FAILED);

	assert_true(done >= 1);
	assert_int_equal(failed, 1);
	assert_true(gateway_sim_confirm(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), done);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_FAILED), failed);
	assert_clean(sim);
	gateway_sim_free(sim);
}

static void test_confirm_activates_nobody(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4", IMAGE_BYTES);
	struct sim_fleet_statistics before;
	struct sim_fleet_statistics after;

	(void)state;
	sim->config.plan.mode = DFUCAST_MODE_TEST;
	gateway_sim_begin(sim);
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_reset(sim));
	/* The user stops it behind the canary. */
	while (gateway_sim_count(sim, DFUCAST_STATE_DONE) == 0) {
		gateway_sim_wait(sim, 1);
	}
	dfucast_cast_stop(&sim->gateway.cast, DFUCAST_ERR_ABORTED, gateway_sim_now(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	unsigned int held =
	    gateway_sim_count(sim, DFUCAST_STATE_HELD) + gateway_sim_count(sim, DFUCAST_STATE_FAILED);

	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 1);
	assert_int_equal(held, 3);
	sim_fleet_statistics(sim->fleet, &before);
	assert_true(gateway_sim_confirm(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	sim_fleet_statistics(sim->fleet, &after);
	assert_int_equal(after.boots, before.boots);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 1);
	assert_clean(sim);
	gateway_sim_free(sim);
}

/* Erase is for the next upload, not for all to come: those go on from what devices hold. */
static void test_erase_once(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=1", IMAGE_BYTES);
	uint8_t frame[32];
	int length;

	(void)state;
	gateway_sim_begin(sim);
	length = dfucast_smp_image_erase_encode(frame, sizeof(frame),
						(struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++}, -1);
	assert_true(gateway_sim_request(sim, frame, (size_t)length));
	assert_int_equal(gateway_sim_error(sim).rc, 0);
	one_liner(sim, true);
	assert_true(sim->gateway.plan.fresh);
	assert_true(gateway_sim_upload(sim));
	assert_false(sim->gateway.plan.fresh);
	gateway_sim_free(sim);
}

/* The changes of a gateway that has been running for months. */
static void test_status_after_many_changes(void **state)
{
	static const uint16_t stamps[] = {0, 32760, 40000, 65530, 65535};

	(void)state;
	for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
		struct gateway_sim *sim = gateway_sim_new("n=12", 65536);
		struct dfucast_smp_fleet_status status = {0};
		struct dfucast_smp_error error;
		uint8_t told[12] = {0};
		uint8_t frame[32];
		unsigned int rounds = 0;

		gateway_sim_begin(sim);
		sim->gateway.stamp = stamps[i];
		one_liner(sim, true);
		do {
			int length = dfucast_smp_fleet_read_encode(
			    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++},
			    DFUCAST_SMP_FLEET_STATUS, status.now);

			assert_true(gateway_sim_request(sim, frame, (size_t)length));
			assert_int_equal(dfucast_smp_fleet_status_decode(
					     sim->answer + 8, sim->answer_bytes - 8, &error, &status),
					 0);
			for (unsigned int k = 0; k < status.count; k++) {
				told[status.changes[k].target] = status.changes[k].state;
			}
			assert_true(++rounds < 10);
		} while (status.more);
		for (unsigned int k = 0; k < 12; k++) {
			assert_int_equal(told[k], DFUCAST_STATE_DONE);
		}
		/* And nothing is told twice. */
		int length = dfucast_smp_fleet_read_encode(
		    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++},
		    DFUCAST_SMP_FLEET_STATUS, status.now);

		assert_true(gateway_sim_request(sim, frame, (size_t)length));
		assert_int_equal(
		    dfucast_smp_fleet_status_decode(sim->answer + 8, sim->answer_bytes - 8, &error, &status),
		    0);
		assert_int_equal(status.count, 0);
		gateway_sim_free(sim);
	}
}

/* A limit that cannot be looked at before the image's size is known is looked at then. */
static void test_host_bytes_max_without_a_size(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4&links=2", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan = {.canary = 1, .host_bytes_max = IMAGE_BYTES + IMAGE_BYTES / 2};

	(void)state;
	gateway_sim_begin(sim);
	assert_true(gateway_sim_plan(sim, &plan, 4));
	assert_int_equal(gateway_chunk(sim, sim->image, sim->sha, 0, 0), UINT32_MAX);
	assert_int_equal(gateway_sim_error(sim).group, DFUCAST_SMP_GROUP_FLEET);
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_FLEET_RC_HOST_BYTES);
	gateway_sim_free(sim);
}

/* A prediction that does not fit into its number is the largest there is. */
static void test_huge_prediction(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4&links=1", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan = {.canary = 1, .image_bytes = 0x50000000u};
	struct dfucast_smp_fleet_prediction prediction;
	struct dfucast_smp_error error;

	(void)state;
	gateway_sim_begin(sim);
	assert_true(gateway_sim_plan(sim, &plan, 4));
	assert_int_equal(
	    dfucast_smp_fleet_prediction_decode(sim->answer + 8, sim->answer_bytes - 8, &error, &prediction),
	    0);
	assert_int_equal(prediction.host_bytes, UINT32_MAX);
	gateway_sim_free(sim);
}

/* An image for the fleet's second core is not the fleet's first. */
static void test_other_image_numbers(void **state)
{
	for (unsigned int mixed = 0; mixed < 2; mixed++) {
		struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);

		sim->config.mixed = mixed != 0;
		gateway_sim_begin(sim);
		assert_int_equal(gateway_chunk(sim, sim->image, sim->sha, 0, 2), UINT32_MAX);
		assert_int_equal(sim->gateway.state, DFUCAST_SMP_FLEET_IDLE);
		assert_int_not_equal(gateway_chunk(sim, sim->image, sim->sha, 0, 1), UINT32_MAX);
		gateway_sim_free(sim);
	}
	(void)state;
}

/* A question about the image's end that nobody answered any more. */
static void test_question_left_open(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	uint8_t sha[32];
	uint8_t *other = other_image(sim, sha);
	uint32_t offset;

	(void)state;
	gateway_sim_begin(sim);
	/* Another image's cast, whose host came again without a sha and then gave up. */
	offset = gateway_chunk(sim, other, NULL, 0, 0);
	offset = gateway_chunk(sim, other, NULL, offset, 0);
	assert_int_equal(sim->gateway.state, DFUCAST_SMP_FLEET_OPEN);
	offset = gateway_chunk(sim, other, NULL, 0, 0);
	assert_int_not_equal(offset, UINT32_MAX);
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_ABORT));
	gateway_sim_wait(sim, 2000);
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_clean(sim);
	free(other);
	gateway_sim_free(sim);
}

/* What a plan leaves out is as for a stock host; it is not that there is no canary. */
static void test_canary_left_out(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4&never_returns=0", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	plan.canary = 0;
	assert_true(gateway_sim_plan(sim, &plan, 4));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_FAILED), 1);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_HELD), 3);
	/* Said, it means none. */
	gateway_sim_free(sim);
	sim = gateway_sim_new("n=4&never_returns=0", IMAGE_BYTES);
	gateway_sim_begin(sim);
	plan.header = sim->image;
	plan.hash = sim->image + IMAGE_BYTES - 32;
	plan.sha = sim->sha;
	plan.canary = DFUCAST_SMP_FLEET_NO_CANARY;
	assert_true(gateway_sim_plan(sim, &plan, 4));
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_FAILED), 1);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 3);
	gateway_sim_free(sim);
}

/* A plan that was not begun is gone with the word to abort it: the next host gets the default plan. */
static void test_abort_of_a_plan(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=3", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 1));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_ABORT));
	one_liner(sim, true);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 3);
	gateway_sim_free(sim);
}

/* ---- a gateway with an SMP server of its own ---- */

static struct dfucast_smp_header own_asked;
static unsigned int own_requests;

static size_t own_server(void *context, const uint8_t *frame, size_t length, uint8_t *answer, size_t capacity)
{
	static const uint8_t hash[32] = {7};
	const struct dfucast_smp_slot slots[2] = {
	    {.version = {"9.9.9", 5},
	     .hash = hash,
	     .hash_bytes = 32,
	     .flags = DFUCAST_SMP_SLOT_ACTIVE | DFUCAST_SMP_SLOT_BOOTABLE},
	    {.version = {"200.100.65535.4294967295", 24},
	     .hash = hash,
	     .hash_bytes = 32,
	     .slot = 1,
	     .flags = DFUCAST_SMP_SLOT_BOOTABLE}};
	int bytes;

	(void)context;
	assert_true(length >= 8);
	dfucast_smp_header_decode(&own_asked, frame);
	own_requests++;
	if (own_asked.group == DFUCAST_SMP_GROUP_IMG && own_asked.command == DFUCAST_SMP_IMG_STATE) {
		bytes = dfucast_smp_answer_images(answer, capacity, &own_asked, slots, 2);
	} else if (own_asked.group == DFUCAST_SMP_GROUP_IMG && own_asked.command == DFUCAST_SMP_IMG_UPLOAD) {
		bytes =
		    dfucast_smp_answer_upload(answer, capacity, &own_asked, 100, DFUCAST_SMP_MATCH_ABSENT);
	} else {
		bytes = dfucast_smp_answer_rc(answer, capacity, &own_asked, DFUCAST_SMP_RC_OK);
	}
	return bytes > 0 ? (size_t)bytes : 0;
}

static bool own_image(void *context, const uint8_t *header, uint32_t image_bytes)
{
	(void)context;
	(void)image_bytes;
	return header[20] == 3; /* version 3 is the gateway's, in this test */
}

static struct gateway_sim *mixed_new(void)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);

	static uint8_t answer[790]; /* more than half of it is the longest list */

	sim->config.mixed = true;
	gateway_sim_begin(sim);
	sim->port.local_smp = own_server;
	sim->port.is_own_image = own_image;
	sim->config.answer = answer;
	sim->config.answer_bytes = sizeof(answer);
	dfucast_gateway_init(&sim->gateway, &sim->config);
	own_requests = 0;
	return sim;
}

static bool erase_slot(struct gateway_sim *sim, int slot)
{
	uint8_t frame[32];
	int length = dfucast_smp_image_erase_encode(
	    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++}, slot);

	assert_true(gateway_sim_request(sim, frame, (size_t)length));
	return gateway_sim_error(sim).rc == 0;
}

/* Each request goes where it belongs: image 0, its slots and its confirm to the gateway's own server. */
static void test_mixed_with_own_server(void **state)
{
	struct gateway_sim *sim = mixed_new();
	struct dfucast_smp_image_list list;
	uint8_t sha[32];
	uint8_t *own = other_image(sim, sha); /* version 3 */
	uint32_t offset = 0;

	(void)state;
	assert_int_equal(gateway_chunk(sim, sim->image, sim->sha, 0, 0), UINT32_MAX); /* a sensor's */
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_RC_ACCESS_DENIED);
	assert_int_equal(own_requests, 0);
	assert_int_equal(gateway_chunk(sim, own, sha, 0, 0), 100);
	assert_int_equal(gateway_chunk(sim, own, sha, 100, 0), 100);
	assert_int_equal(own_requests, 2);
	assert_true(erase_slot(sim, -1));
	assert_true(erase_slot(sim, 1));
	assert_int_equal(own_requests, 4);
	assert_false(erase_slot(sim, 2)); /* what the fleet runs */
	assert_true(erase_slot(sim, 3));
	assert_true(gateway_sim_confirm(sim)); /* no cast: its own */
	assert_int_equal(own_requests, 5);
	/* The fleet's update, by a tool that names image 1. */
	while (offset != IMAGE_BYTES) {
		offset = gateway_chunk(sim, sim->image, sim->sha, offset, 1);
		assert_int_not_equal(offset, UINT32_MAX);
	}
	/* The longest list there is: two of its own, and what the fleet runs and holds. */
	list = list_of(sim);
	assert_int_equal(list.count, 4);
	assert_memory_equal(list.slots[1].version.text, "200.100.65535.4294967295", 24);
	assert_memory_equal(list.slots[2].version.text, "1.0.0", 5);
	assert_memory_equal(list.slots[3].version.text, "2.0.0", 5);
	assert_true(gateway_sim_test(sim));
	assert_true(gateway_sim_reset(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	list = list_of(sim);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.slots[0].image, 0);
	assert_memory_equal(list.slots[0].version.text, "9.9.9", 5);
	assert_int_equal(list.slots[2].image, 1);
	assert_memory_equal(list.slots[2].version.text, "2.0.0", 5);
	/* It is over, and nobody is on trial: confirm is the gateway's own again, or its image would be reverted. */
	own_requests = 0;
	assert_true(gateway_sim_confirm(sim));
	assert_int_equal(own_requests, 1);
	assert_int_equal(own_asked.op, DFUCAST_SMP_WRITE);
	assert_clean(sim);
	free(own);
	gateway_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sha_of_an_upload_given_up),
	    cmocka_unit_test(test_image_of_a_plan_given_up),
	    cmocka_unit_test(test_upload_behind_a_relay),
	    cmocka_unit_test(test_relay_and_the_next_plan),
	    cmocka_unit_test(test_relay_that_never_goes_out),
	    cmocka_unit_test(test_relay_into_a_begun_frame),
	    cmocka_unit_test(test_confirm_touches_only_those_on_trial),
	    cmocka_unit_test(test_confirm_activates_nobody),
	    cmocka_unit_test(test_erase_once),
	    cmocka_unit_test(test_status_after_many_changes),
	    cmocka_unit_test(test_host_bytes_max_without_a_size),
	    cmocka_unit_test(test_huge_prediction),
	    cmocka_unit_test(test_other_image_numbers),
	    cmocka_unit_test(test_question_left_open),
	    cmocka_unit_test(test_canary_left_out),
	    cmocka_unit_test(test_abort_of_a_plan),
	    cmocka_unit_test(test_mixed_with_own_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
