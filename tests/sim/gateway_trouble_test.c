/* SPDX-License-Identifier: Apache-2.0 */
/* What a host says while devices are on their way: nobody runs what nobody chose, and nobody is left behind unsaid. */
#include "gateway_checks.h"

#include "../../sim/run/fleet_internal.h"

static unsigned int updated(const struct gateway_sim *sim)
{
	unsigned int count = 0;

	for (uint32_t i = 0; i < sim->options.air.n; i++) {
		count += sim_peer_is_updated(&sim->fleet->peers[i].peer);
	}
	return count;
}

static bool confirm_by_hash(struct gateway_sim *sim)
{
	uint8_t frame[96];
	int length = dfucast_smp_image_set_encode(frame, sizeof(frame),
						  (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++},
						  sim->image + sim->image_bytes - 32, 32, true);

	return gateway_sim_request(sim, frame, (size_t)length) && gateway_sim_error(sim).rc == 0;
}

/* Rule 2: one went back after its test. Confirm is for those that run it, and starts it on nobody again. */
static void test_confirm_after_a_revert(void **state)
{
	static const char *const keys[] = {"n=3&swap=move", "n=3&swap=offset"};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct gateway_sim *sim = gateway_sim_new(keys[i], IMAGE_BYTES);

		sim->config.plan.mode = DFUCAST_MODE_TEST;
		gateway_sim_begin(sim);
		struct sim_peer *peer = &sim->fleet->peers[2].peer;

		peer->config.watchdog_ms = 90000;
		one_liner(sim, true);
		assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 3);
		gateway_sim_wait(sim, 200000);
		peer->config.watchdog_ms = 0;
		uint32_t boots = peer->boots;
		uint32_t writes = peer->writes;

		assert_int_equal(boots, 2);
		assert_true(gateway_sim_confirm(sim));
		assert_true(gateway_sim_until_over(sim, 600000));
		assert_int_equal(peer->boots, boots);
		assert_int_equal(peer->writes, writes);
		assert_int_equal(updated(sim), 2);
		assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
		assert_clean(sim);
		gateway_sim_free(sim);
	}
}

/* A confirm that comes while the others are still being tested is not answered as if it were done. */
static void test_confirm_too_early(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=3", IMAGE_BYTES);

	(void)state;
	sim->config.plan.mode = DFUCAST_MODE_TEST;
	gateway_sim_begin(sim);
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_reset(sim));
	while (gateway_sim_count(sim, DFUCAST_STATE_DONE) == 0) {
		gateway_sim_wait(sim, 10);
	}
	assert_false(gateway_sim_confirm(sim));
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_RC_BUSY);
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_true(gateway_sim_confirm(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(updated(sim), 3);
	assert_clean(sim);
	gateway_sim_free(sim);
}

/* Found on trial, so nobody was activated in this cast: confirmed all the same. */
static void test_confirm_by_hash_of_those_found(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);

	(void)state;
	sim->config.plan.mode = DFUCAST_MODE_TEST;
	gateway_sim_begin(sim);
	one_liner(sim, true);
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(sim->gateway.cast.activated, 0);
	assert_true(confirm_by_hash(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(updated(sim), 2);
	assert_clean(sim);
	gateway_sim_free(sim);
}

/* The canary ends well while the rest is paused; then abort: the rest is held, and nothing was begun with it. */
static void test_abort_of_a_pause(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=4", IMAGE_BYTES);
	struct dfucast_smp_fleet_plan plan;

	(void)state;
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	assert_true(gateway_sim_plan(sim, &plan, 4));
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_START));
	assert_true(gateway_sim_upload(sim));
	while (sim->gateway.cast.activated == 0) {
		gateway_sim_wait(sim, 1);
	}
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_PAUSE));
	gateway_sim_wait(sim, 200000);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 1);
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_WAITING), 3);
	assert_true(gateway_sim_command(sim, DFUCAST_SMP_FLEET_ABORT));
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_HELD), 3);
	assert_int_equal(sim->gateway.cast.activated, 1);
	assert_clean(sim);
	gateway_sim_free(sim);
}

/* Another image with the same header, and no sha to tell, while devices are reset: refused, and they are brought to their end. */
static void test_another_image_too_late(void **state)
{
	static const uint8_t version[4] = {2, 0, 0, 0};
	struct gateway_sim *sim = gateway_sim_new("n=2", IMAGE_BYTES);
	uint8_t *image = malloc(IMAGE_BYTES);

	(void)state;
	assert_non_null(image);
	sim_peer_image_make(image, IMAGE_BYTES, version, 77);
	sim->no_sha = true;
	gateway_sim_begin(sim);
	assert_memory_equal(image, sim->image, 32);
	assert_true(gateway_sim_upload(sim));
	assert_true(gateway_sim_reset(sim));
	gateway_sim_wait(sim, 4000);
	assert_int_equal(sim->gateway.cast.activated, 1);
	uint32_t tail = gateway_chunk(sim, image, NULL, 0, 0);

	assert_true(tail != UINT32_MAX && tail > 0);
	assert_int_equal(gateway_chunk(sim, image, NULL, tail, 0), UINT32_MAX);
	assert_int_equal(gateway_sim_error(sim).rc, DFUCAST_SMP_RC_BUSY);
	assert_true(gateway_sim_until_over(sim, 600000));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 2);
	assert_clean(sim);
	free(image);
	gateway_sim_free(sim);
}

/* Requests of the update are lost while long frames are relayed: the far end is emptied between frames, never in one. */
static void test_relay_and_resync(void **state)
{
	struct gateway_sim *sim = gateway_sim_new("n=1&mtu=23&loss=0.1", IMAGE_BYTES);
	struct dfucast_frame_source source;
	static char text[380];
	uint8_t inner[512];
	uint8_t frame[1024];
	unsigned int resyncs = 0;
	uint8_t last = FLEET_DOWN;
	uint32_t offset = 0;

	(void)state;
	memset(text, 'x', sizeof(text));
	gateway_sim_begin(sim);
	struct fleet_device *device = &sim->fleet->peers[0];

	for (uint32_t i = 0; i < SIM_PEER_FAULTS_MAX; i++) {
		device->peer.config.faults[i] = (struct sim_peer_fault){
		    .kind = SIM_PEER_FAULT_LOSE_REQUEST, .uploads = true, .first = 6 + 4 * i, .count = 1};
	}
	while (sim->devices[0].state != DFUCAST_UPDATE_STREAM) {
		offset = gateway_chunk(sim, sim->image, NULL, offset, 0);
	}
	source = dfucast_gateway_frame_source(&sim->gateway);
	for (unsigned int t = 0; t < 40000; t++) {
		if (t % 7 == 0) {
			int length = dfucast_smp_echo_encode(inner, sizeof(inner),
							     (struct dfucast_smp_id){DFUCAST_SMP_V2, 42},
							     (struct dfucast_smp_text){text, sizeof(text)});
			const struct dfucast_smp_fleet_relay relay = {
			    .id = {"0", 1}, .frame = inner, .frame_bytes = (uint16_t)length};

			length = dfucast_smp_fleet_relay_encode(
			    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++},
			    &relay);
			dfucast_gateway_recv(&sim->gateway, frame, (size_t)length, gateway_sim_now(sim));
			sim_fleet_touch(sim->fleet);
		}
		if (source.begin(source.context) > 0) {
			source.done(source.context);
		}
		gateway_sim_wait(sim, 1);
		if (device->state == FLEET_RESYNC && last != FLEET_RESYNC) {
			resyncs++;
			assert_false(dfucast_ble_tx_partial(&device->ble));
		}
		last = device->state;
	}
	assert_true(resyncs > 3);
	gateway_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_confirm_after_a_revert),         cmocka_unit_test(test_confirm_too_early),
	    cmocka_unit_test(test_confirm_by_hash_of_those_found), cmocka_unit_test(test_abort_of_a_pause),
	    cmocka_unit_test(test_another_image_too_late),         cmocka_unit_test(test_relay_and_resync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
