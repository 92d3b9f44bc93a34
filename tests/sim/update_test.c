/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One device: each way an update can go, with the exact sequence of requests, against the model peripheral. Losses
 * are in loss_test.c, fleets in cast_test.c.
 */
#include "cast_sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 20000u

static void expect(const struct cast_sim *sim, const char *outcome, const char *trace)
{
	assert_string_equal(cast_sim_outcome(&sim->nodes[0]), outcome);
	if (trace != NULL) {
		assert_string_equal(sim->nodes[0].trace, trace);
	}
	assert_int_equal(sim->nodes[0].peer.lost_for_buffers, 0);
	assert_int_equal(sim->nodes[0].peer.lost_for_size, 0);
}

static void run_once(struct cast_sim *sim, const char *outcome, const char *trace)
{
	cast_sim_run(sim);
	expect(sim, outcome, trace);
}

static void preset(struct cast_sim *sim, const uint8_t *image, bool magic, bool image_ok, bool boot)
{
	struct cast_sim_node *node = &sim->nodes[0];

	node->preset = image;
	node->preset_bytes = sim->image_bytes;
	node->preset_magic = magic;
	node->preset_image_ok = image_ok;
	node->preset_boot = boot;
}

/* ---- the usual way ---- */

static void every_step_in_order(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);
	struct cast_sim_node *node = &sim->nodes[0];

	(void)state;
	run_once(sim, "done",
		 "params mode slots list first echo stream list test list reset list confirm list");
	assert_string_equal(node->states,
			    "connecting preparing uploading verifying testing rebooting checking "
			    "confirming done");
	assert_int_equal(node->writes, IMAGE_BYTES);
	assert_int_equal(node->status.sent_bytes, IMAGE_BYTES - 32);
	assert_int_equal(node->status.offset, IMAGE_BYTES);
	assert_int_equal(node->status.attempts, 1);
	assert_int_equal(node->status.window_peak, 3);
	assert_int_equal(node->status.holds, DFUCAST_HOLDS_IMAGE);
	assert_true(node->status.has_before && node->status.before.major == 1);
	assert_true(node->status.has_after && node->status.after.major == 2);
	assert_false(node->status.skipped_upload || node->status.revert_unproven ||
		     node->status.slot_unknown);
	assert_int_equal(sim->cast.passes, 1);
	assert_int_equal(sim->fed_bytes, IMAGE_BYTES - 32);
	assert_true(sim_peer_is_updated(&node->peer));
	cast_sim_free(sim);
}

static void time_wraps_in_the_middle(void **state)
{
	struct cast_sim *sim = cast_sim_new(2, IMAGE_BYTES);

	(void)state;
	sim->start_ms = 0xFFFFF000u;
	run_once(sim, "done",
		 "params mode slots list first echo stream list test list reset list confirm list");
	assert_string_equal(cast_sim_outcome(&sim->nodes[1]), "done");
	assert_true(sim->now < 0x80000000u);
	assert_true(sim->elapsed_ms < 30000);
	cast_sim_free(sim);
}

static void links_that_close_at_a_reset(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->nodes[0].link.flags = DFUCAST_LINK_ORDERED;
	run_once(sim, "done",
		 "params mode slots list first echo stream list test list reset list confirm list");
	assert_int_equal(sim->nodes[0].opens, 2);
	cast_sim_free(sim);
}

/* Every kind of server in the field, alone and together: what it lacks is skipped, the update is the same. */
static void old_and_small_servers(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < 128; bits++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);
		struct sim_peer_config *config = &sim->nodes[0].config;

		config->v1_only = bits & 1;
		config->params = !(bits & 2);
		config->slot_info = !(bits & 4);
		config->mode = bits & 8 ? SIM_PEER_MODE_ABSENT : SIM_PEER_MODE_MOVE;
		config->frugal = bits & 16;
		config->image_check = bits & 32;
		config->progressive = bits & 64;
		if (bits & 2) {
			config->buf_size = 300;
		}
		cast_sim_run(sim);
		assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
		assert_int_equal(sim->nodes[0].status.revert_unproven, (bits & 8) != 0);
		assert_int_equal(sim->nodes[0].status.slot_unknown, (bits & 4) != 0);
		assert_int_equal(sim->nodes[0].status.attempts, 1);
		assert_int_equal(sim->nodes[0].peer.lost_for_size, 0);
		cast_sim_free(sim);
	}
}

/* Legacy servers send rc 0 with everything; only together with an unknown mode and no splitStatus is it recovery. */
static void rc_zero_beside_everything(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->nodes[0].config.legacy_rc = true;
	sim->nodes[0].config.v1_only = true;
	sim->nodes[0].config.mode = SIM_PEER_MODE_ABSENT;
	run_once(sim, "done",
		 "params mode slots list first echo stream list test list reset list confirm list");
	cast_sim_free(sim);
}

static void buffers_and_windows(void **state)
{
	(void)state;
	for (uint8_t buffers = 1; buffers <= 6; buffers++) {
		for (uint8_t window = 0; window <= 4; window++) {
			struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);
			uint8_t most = window ? window : 4;
			uint8_t safe = buffers > 2 ? (uint8_t)(buffers - 1) : 1;

			sim->nodes[0].config.buf_count = buffers;
			sim->plan.window_max = window;
			run_once(sim, "done", NULL);
			assert_int_equal(sim->nodes[0].status.window_peak, most < safe ? most : safe);
			assert_true(sim->nodes[0].peer.queue_peak <= safe);
			cast_sim_free(sim);
		}
	}
}

/* Every buffer size near the limits of a length's own length, and a ring that is no multiple of anything. */
static void frame_sizes(void **state)
{
	static const uint32_t rings[] = {512, 700, 8192, 65536};

	(void)state;
	for (unsigned int r = 0; r < 4; r++) {
		for (uint32_t size = 128; size < 600;
		     size += size < 160 || (size > 270 && size < 310) ? 1 : 37) {
			struct cast_sim *sim = cast_sim_new(1, 6000);

			sim->nodes[0].config.buf_size = size > 300 ? size : 300; /* the list needs so much */
			sim->nodes[0].link.frame_max = (uint16_t)size;
			sim->nodes[0].link.frame_fallback = 128;
			sim->config.ring_bytes = rings[r];
			run_once(sim, "done", NULL);
			assert_int_equal(sim->nodes[0].writes, 6000);
			cast_sim_free(sim);
		}
	}
}

/* ---- what the device holds at the start ---- */

static void already_done(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	preset(sim, sim->image, true, true, true);
	run_once(sim, "done", "params mode slots list");
	assert_int_equal(sim->nodes[0].peer.writes, 0);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_IMAGE);
	assert_true(sim->nodes[0].status.skipped_upload);
	assert_int_equal(sim->fed_bytes, 0);
	cast_sim_free(sim);
}

static void staged_skips_the_upload(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	preset(sim, sim->image, false, false, false);
	run_once(sim, "done", "params mode slots list list test list reset list confirm list");
	assert_true(sim->nodes[0].status.skipped_upload);
	assert_int_equal(sim->nodes[0].status.sent_bytes, 0);
	cast_sim_free(sim);
}

static void pending_of_ours_goes_on(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	preset(sim, sim->image, true, false, false);
	run_once(sim, "done", "params mode slots list list test list reset list confirm list");
	cast_sim_free(sim);
}

static void armed_without_a_way_back(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	preset(sim, sim->image, true, true, false);
	run_once(sim, "failed armed_for_good", "params mode slots list");
	assert_int_equal(sim->nodes[0].peer.writes, 0);
	cast_sim_free(sim);
}

static void on_trial_of_ours_goes_on_at_the_check(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	preset(sim, sim->image, true, false, true);
	run_once(sim, "done", "params mode slots list confirm list");
	cast_sim_free(sim);
}

static void other_image_on_trial_is_not_touched(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	preset(sim, sim->other, true, false, true);
	sim->plan.allow_downgrade = true;
	sim->plan.replace_pending = true;
	run_once(sim, "failed other_image_on_trial", "params mode slots list");
	assert_int_equal(sim->nodes[0].peer.writes, 0);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_AS_BEFORE);
	cast_sim_free(sim);
}

static void other_image_pending(void **state)
{
	(void)state;
	for (unsigned int permanent = 0; permanent < 2; permanent++) {
		for (unsigned int replace = 0; replace < 2; replace++) {
			struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

			preset(sim, sim->other, true, permanent != 0, false);
			sim->plan.replace_pending = replace != 0;
			if (replace) {
				run_once(sim, "done", NULL);
			} else {
				run_once(sim, "failed other_image_pending", "params mode slots list");
				assert_int_equal(sim->nodes[0].peer.writes, 0);
			}
			cast_sim_free(sim);
		}
	}
}

/* A server that keeps pending slots from being overwritten says so, and that is what is reported. */
static void pending_that_cannot_be_replaced(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	preset(sim, sim->other, true, false, false);
	sim->plan.replace_pending = true;
	sim->nodes[0].config.erase_pending = false;
	run_once(sim, "failed refused", NULL);
	assert_int_equal(sim->nodes[0].status.outcome.group, 1);
	assert_int_equal(sim->nodes[0].status.outcome.rc, 9);
	cast_sim_free(sim);
}

static void downgrade(void **state)
{
	(void)state;
	for (unsigned int allow = 0; allow < 2; allow++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		preset(sim, sim->other, true, true, true);
		sim->plan.allow_downgrade = allow != 0;
		run_once(sim, allow ? "done" : "skipped downgrade", allow ? NULL : "params mode slots list");
		if (!allow) {
			assert_int_equal(sim->nodes[0].peer.writes, 0);
			assert_int_equal(sim->nodes[0].status.before.build, 7);
		}
		cast_sim_free(sim);
	}
}

static void fresh_erases_first(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	preset(sim, sim->image, false, false, false);
	sim->plan.fresh = true;
	run_once(sim, "done",
		 "params mode slots list erase first echo stream list test list reset list confirm list");
	assert_int_equal(sim->nodes[0].writes, IMAGE_BYTES);
	cast_sim_free(sim);
}

static void image_larger_than_the_slot(void **state)
{
	(void)state;
	for (unsigned int told = 0; told < 2; told++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->nodes[0].config.slot_bytes = IMAGE_BYTES - 100;
		sim->nodes[0].config.slot_info = told != 0;
		run_once(sim, "failed image_too_large",
			 told ? "params mode slots" : "params mode slots list first echo");
		cast_sim_free(sim);
	}
}

/* ---- modes ---- */

static void mode_test(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->plan.mode = DFUCAST_MODE_TEST;
	run_once(sim, "done", "params mode slots list first echo stream list test list reset list");
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_TRIAL);
	assert_false(sim_peer_is_updated(&sim->nodes[0].peer));
	cast_sim_free(sim);
}

static void mode_confirm(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->plan.mode = DFUCAST_MODE_CONFIRM;
	run_once(sim, "done", "params mode slots list first echo stream list test list reset list");
	assert_true(sim_peer_is_updated(&sim->nodes[0].peer));
	cast_sim_free(sim);
}

static void mode_upload(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->plan.mode = DFUCAST_MODE_UPLOAD;
	run_once(sim, "done", "params mode slots list first echo stream list");
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_STAGED);
	cast_sim_free(sim);
}

static void no_reset(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->plan.no_reset = true;
	run_once(sim, "done", "params mode slots list first echo stream list test list");
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_PENDING);
	assert_int_equal(sim->nodes[0].peer.boots, 0);
	cast_sim_free(sim);
}

/* ---- how it ends ---- */

static void soak(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->plan.soak_ms = 90000;
	run_once(sim, "done",
		 "params mode slots list first echo stream list test list reset list list confirm list");
	assert_string_equal(sim->nodes[0].states,
			    "connecting preparing uploading verifying testing rebooting "
			    "checking soaking checking confirming done");
	assert_true(sim->elapsed_ms > 90000);
	cast_sim_free(sim);
}

static void reverts_during_the_soak(void **state)
{
	(void)state;
	for (unsigned int move = 0; move < 2; move++) {
		for (unsigned int keeps = 0; keeps < 2; keeps++) {
			struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

			sim->plan.soak_ms = 90000;
			sim->nodes[0].config.watchdog_ms = 30000;
			sim->nodes[0].config.mode = move ? SIM_PEER_MODE_MOVE : SIM_PEER_MODE_OFFSET;
			sim->nodes[0].config.revert_stale = !move;
			if (!keeps) {
				sim->nodes[0].link.flags = DFUCAST_LINK_ORDERED;
			}
			run_once(sim, "reverted reverted",
				 "params mode slots list first echo stream list test list reset list list");
			assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_AS_BEFORE);
			assert_int_equal(sim->nodes[0].status.after.major, 1);
			cast_sim_free(sim);
		}
	}
}

static void a_flipped_bit_is_rejected(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	cast_sim_fault(
	    &sim->nodes[0],
	    (struct sim_peer_fault){.kind = SIM_PEER_FAULT_FLIP, .uploads = true, .first = 5, .count = 1});
	run_once(sim, "rejected rejected_by_bootloader",
		 "params mode slots list first echo stream list test list reset list");
	assert_int_equal(sim->nodes[0].status.attempts, 1);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_AS_BEFORE);
	cast_sim_free(sim);
}

/* With the server's own check the last answer says so: everything once more, then given up. */
static void a_mismatch_is_sent_once_more(void **state)
{
	(void)state;
	for (unsigned int lasting = 0; lasting < 2; lasting++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->nodes[0].config.image_check = true;
		cast_sim_fault(&sim->nodes[0], (struct sim_peer_fault){.kind = SIM_PEER_FAULT_FLIP,
								       .uploads = true,
								       .first = 5,
								       .count = lasting ? 0 : 1});
		run_once(sim, lasting ? "failed upload_mismatch" : "done", NULL);
		assert_int_equal(sim->nodes[0].status.attempts, 2);
		cast_sim_free(sim);
	}
}

/* What was staged before this run turns out bad: erased and sent whole, once. */
static void a_bad_staged_image_is_sent_afresh(void **state)
{
	(void)state;
	for (unsigned int lasting = 0; lasting < 2; lasting++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);
		uint8_t *bad = test_malloc(IMAGE_BYTES);

		memcpy(bad, sim->image, IMAGE_BYTES);
		bad[9000] ^= 1;
		preset(sim, bad, false, false, false);
		if (lasting) {
			cast_sim_fault(&sim->nodes[0],
				       (struct sim_peer_fault){.kind = SIM_PEER_FAULT_FLIP, .uploads = true});
		}
		run_once(sim, lasting ? "rejected rejected_by_bootloader" : "done", NULL);
		assert_int_equal(sim->nodes[0].status.attempts, 1);
		assert_false(sim->nodes[0].status.skipped_upload);
		test_free(bad);
		cast_sim_free(sim);
	}
}

static void never_returns(void **state)
{
	(void)state;
	for (unsigned int keeps = 0; keeps < 2; keeps++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->nodes[0].config.dead_image = true;
		if (!keeps) {
			sim->nodes[0].link.flags = DFUCAST_LINK_ORDERED;
		}
		run_once(sim, "failed never_returned",
			 "params mode slots list first echo stream list test list reset");
		assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_UNKNOWN);
		assert_true(sim->elapsed_ms > 64000 && sim->elapsed_ms < 75000); /* 60 s and 250 ms per KiB */
		cast_sim_free(sim);
	}
}

static void dead_until_its_watchdog_bites(void **state)
{
	(void)state;
	for (unsigned int keeps = 0; keeps < 2; keeps++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->nodes[0].config.dead_image = true;
		sim->nodes[0].config.watchdog_ms = 20000;
		if (!keeps) {
			sim->nodes[0].link.flags = DFUCAST_LINK_ORDERED;
		}
		run_once(sim, "reverted reverted",
			 "params mode slots list first echo stream list test list reset list");
		cast_sim_free(sim);
	}
}

/* ---- serial recovery ---- */

static void found_in_serial_recovery(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->nodes[0].config.starts_in_recovery = true;
	sim->nodes[0].config.recovery_window_ms = 800;
	sim->nodes[0].link.flags |= DFUCAST_LINK_CONSOLE;
	run_once(sim, "done",
		 "params mode slots list reset params mode slots list first echo stream list test list "
		 "reset list confirm list");
	cast_sim_free(sim);
}

static void held_in_recovery_for_ever(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->nodes[0].config.starts_in_recovery = true;
	sim->nodes[0].config.recovery_window_ms = 3600u * 1000u;
	sim->nodes[0].link.flags |= DFUCAST_LINK_CONSOLE;
	cast_sim_run(sim);
	assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "failed serial_recovery");
	cast_sim_free(sim);
}

/* The window stays open longer than the first silence, but not than the second. */
static void held_in_recovery_after_the_reset(void **state)
{
	(void)state;
	for (unsigned int told = 0; told < 2; told++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->nodes[0].config.mode = told ? SIM_PEER_MODE_OFFSET : SIM_PEER_MODE_ABSENT;
		sim->nodes[0].config.recovery_window_ms = 8000;
		sim->nodes[0].link.flags |= DFUCAST_LINK_CONSOLE;
		cast_sim_run(sim);
		assert_string_equal(cast_sim_outcome(&sim->nodes[0]), "done");
		assert_non_null(strstr(sim->nodes[0].trace, "test list reset list reset list confirm list"));
		cast_sim_free(sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_step_in_order),
	    cmocka_unit_test(time_wraps_in_the_middle),
	    cmocka_unit_test(links_that_close_at_a_reset),
	    cmocka_unit_test(old_and_small_servers),
	    cmocka_unit_test(rc_zero_beside_everything),
	    cmocka_unit_test(buffers_and_windows),
	    cmocka_unit_test(frame_sizes),
	    cmocka_unit_test(already_done),
	    cmocka_unit_test(staged_skips_the_upload),
	    cmocka_unit_test(pending_of_ours_goes_on),
	    cmocka_unit_test(armed_without_a_way_back),
	    cmocka_unit_test(on_trial_of_ours_goes_on_at_the_check),
	    cmocka_unit_test(other_image_on_trial_is_not_touched),
	    cmocka_unit_test(other_image_pending),
	    cmocka_unit_test(pending_that_cannot_be_replaced),
	    cmocka_unit_test(downgrade),
	    cmocka_unit_test(fresh_erases_first),
	    cmocka_unit_test(image_larger_than_the_slot),
	    cmocka_unit_test(mode_test),
	    cmocka_unit_test(mode_confirm),
	    cmocka_unit_test(mode_upload),
	    cmocka_unit_test(no_reset),
	    cmocka_unit_test(soak),
	    cmocka_unit_test(reverts_during_the_soak),
	    cmocka_unit_test(a_flipped_bit_is_rejected),
	    cmocka_unit_test(a_mismatch_is_sent_once_more),
	    cmocka_unit_test(a_bad_staged_image_is_sent_afresh),
	    cmocka_unit_test(never_returns),
	    cmocka_unit_test(dead_until_its_watchdog_bites),
	    cmocka_unit_test(found_in_serial_recovery),
	    cmocka_unit_test(held_in_recovery_for_ever),
	    cmocka_unit_test(held_in_recovery_after_the_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
