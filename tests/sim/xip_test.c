/* SPDX-License-Identifier: Apache-2.0 */
/* One device whose bootloader starts images where they lie: direct-XIP, without and with revert. */
#include "modes.h"

/* ---- direct-XIP ---- */

static void xip_starts_the_other_slot(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < 16; bits++) {
		uint8_t runs = bits & 1;
		struct cast_sim *sim = device(SIM_PEER_MODE_XIP, runs);
		struct cast_sim_node *node = &sim->nodes[0];

		node->config.slot_check = bits & 2;
		node->config.frugal = bits & 4;
		node->config.xip_unconfirmed = bits & 8;
		run_once(sim, "done", UPLOADED " list reset list");
		assert_int_equal(node->peer.active, 1 - runs);
		assert_true(runs_new(sim));
		assert_int_equal(node->status.holds, DFUCAST_HOLDS_IMAGE);
		assert_true(node->status.has_after && node->status.after.major == 2);
		cast_sim_free(sim);
	}
}

/* Some devices do not tell their mode: the user can. */
static void xip_that_is_not_told(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_XIP, 0);

	(void)state;
	sim->nodes[0].config.mode_hidden = true;
	run_once(sim, "failed bootloader_mode", UPLOADED " test");
	assert_int_equal(sim->nodes[0].peer.boots, 0);
	cast_sim_free(sim);

	sim = device(SIM_PEER_MODE_XIP, 0);
	sim->nodes[0].config.mode_hidden = true;
	sim->plan.boot_mode = SIM_PEER_MODE_XIP + 1;
	run_once(sim, "done", UPLOADED " list reset list");
	assert_true(sim->nodes[0].status.revert_unproven);
	cast_sim_free(sim);
}

static void xip_in_every_plan(void **state)
{
	static const struct {
		uint8_t mode;
		bool no_reset;
		uint8_t holds;
		const char *trace;
	} cases[] = {
	    {DFUCAST_MODE_TEST, false, DFUCAST_HOLDS_IMAGE, UPLOADED " list reset list"},
	    {DFUCAST_MODE_CONFIRM, false, DFUCAST_HOLDS_IMAGE, UPLOADED " list reset list"},
	    {DFUCAST_MODE_UPLOAD, false, DFUCAST_HOLDS_PENDING, UPLOADED},
	    {DFUCAST_MODE_TEST_CONFIRM, true, DFUCAST_HOLDS_PENDING, UPLOADED " list"},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cast_sim *sim = device(SIM_PEER_MODE_XIP, 0);

		sim->plan.mode = cases[i].mode;
		sim->plan.no_reset = cases[i].no_reset;
		run_once(sim, "done", cases[i].trace);
		assert_int_equal(sim->nodes[0].status.holds, cases[i].holds);
		cast_sim_free(sim);
	}
}

static void xip_needs_a_known_slot(void **state)
{
	static const int8_t modes[] = {SIM_PEER_MODE_XIP, SIM_PEER_MODE_XIP_REVERT};

	(void)state;
	for (unsigned int i = 0; i < sizeof(modes); i++) {
		for (uint8_t runs = 0; runs < 2; runs++) {
			struct cast_sim *sim = device(modes[i], runs);

			link_image(sim, 0, 0);
			run_untouched(sim, "skipped slot_needed", "params mode slots list");

			sim = device(modes[i], runs);
			sim->plan.slot = runs + 1u; /* linked for the slot that runs */
			run_untouched(sim, "skipped wrong_slot", "params mode slots list");

			sim = device(modes[i], runs);
			link_image(sim, 0, 0);
			sim->plan.slot = 1u - runs + 1u;
			run_once(sim, "done", NULL);
			assert_int_equal(sim->nodes[0].peer.active, 1 - runs);
			cast_sim_free(sim);
		}
	}
}

/* Built for the slot that runs, as its header says: the server refuses it, or else the bootloader passes over it. */
static void xip_for_the_wrong_slot(void **state)
{
	static const int8_t modes[] = {SIM_PEER_MODE_XIP, SIM_PEER_MODE_XIP_REVERT};

	(void)state;
	for (unsigned int i = 0; i < sizeof(modes); i++) {
		for (unsigned int checked = 0; checked < 2; checked++) {
			struct cast_sim *sim = device(modes[i], 0);
			struct cast_sim_node *node = &sim->nodes[0];

			link_image(sim, SIM_PEER_IMAGE_ROM_FIXED, sim_peer_slot_address(&node->config, 0));
			node->config.slot_check = checked != 0;
			if (checked) {
				run_once(sim, "skipped wrong_slot", "params mode slots list first echo");
				assert_int_equal(node->peer.flash_operations, 0);
				assert_int_equal(node->status.outcome.rc, 25);
				assert_int_equal(node->status.holds, DFUCAST_HOLDS_AS_BEFORE);
			} else {
				run_once(sim, "rejected wrong_slot", NULL);
				assert_int_equal(node->peer.active, 0);
				assert_int_equal(node->peer.boots, 1);
			}
			cast_sim_free(sim);
		}
	}
}

static void xip_rejects(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_XIP, 1);

	(void)state;
	flip(sim);
	run_once(sim, "rejected rejected_by_bootloader", UPLOADED " list reset list");
	assert_int_equal(sim->nodes[0].peer.active, 1);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_AS_BEFORE);
	cast_sim_free(sim);
}

/* A dead image has no way back here. The canary pays; the other holds the image and is not reset, and that is said. */
static void xip_canary(void **state)
{
	struct cast_sim *sim = cast_sim_new(2, IMAGE_BYTES);

	(void)state;
	sim->plan.allow_no_revert = true;
	for (unsigned int i = 0; i < 2; i++) {
		sim->nodes[i].config.mode = SIM_PEER_MODE_XIP;
		sim->nodes[i].config.dead_image = i == 0;
	}
	link_image(sim, SIM_PEER_IMAGE_ROM_FIXED, sim_peer_slot_address(&sim->nodes[0].config, 1));
	run_once(sim, "failed never_returned", NULL);
	assert_string_equal(cast_sim_outcome(&sim->nodes[1]), "held held_max_failed");
	assert_int_equal(sim->nodes[1].status.holds, DFUCAST_HOLDS_PENDING);
	assert_int_equal(sim->nodes[1].peer.boots, 0);
	cast_sim_free(sim);
}

/* Somebody else's higher image waits in the other slot. */
static void xip_foreign_pending(void **state)
{
	(void)state;
	for (unsigned int replace = 0; replace < 2; replace++) {
		struct cast_sim *sim = device(SIM_PEER_MODE_XIP, 0);

		sim->nodes[0].preset = sim->other;
		sim->nodes[0].preset_bytes = sim->other_bytes;
		sim->plan.replace_pending = replace != 0;
		if (replace) {
			run_once(sim, "done", UPLOADED " list reset list");
			cast_sim_free(sim);
		} else {
			run_untouched(sim, "failed other_image_pending", "params mode slots list");
		}
	}
}

/* ---- direct-XIP with revert ---- */

static void xip_revert_confirms(void **state)
{
	(void)state;
	for (uint8_t runs = 0; runs < 2; runs++) {
		struct cast_sim *sim = device(SIM_PEER_MODE_XIP_REVERT, runs);

		sim->plan.allow_no_revert = false; /* it can go back */
		sim->plan.soak_ms = runs * 5000u;
		run_once(sim, "done",
			 runs ? UPLOADED " test list reset list list confirm list"
			      : UPLOADED " test list reset list confirm list");
		assert_int_equal(sim->nodes[0].peer.active, 1 - runs);
		assert_true(runs_new(sim));
		cast_sim_free(sim);
	}
}

static void xip_revert_in_every_plan(void **state)
{
	static const struct {
		uint8_t mode;
		uint8_t holds;
		const char *trace;
	} cases[] = {
	    {DFUCAST_MODE_TEST, DFUCAST_HOLDS_TRIAL, UPLOADED " test list reset list"},
	    {DFUCAST_MODE_CONFIRM, DFUCAST_HOLDS_IMAGE, UPLOADED " test list reset list"},
	    {DFUCAST_MODE_UPLOAD, DFUCAST_HOLDS_STAGED, UPLOADED},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cast_sim *sim = device(SIM_PEER_MODE_XIP_REVERT, 0);

		sim->plan.mode = cases[i].mode;
		run_once(sim, "done", cases[i].trace);
		assert_int_equal(sim->nodes[0].status.holds, cases[i].holds);
		cast_sim_free(sim);
	}
}

/* Refused, or started and never confirmed: erased either way, and only what was seen running is called reverted. */
static void xip_revert_goes_back(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_XIP_REVERT, 1);

	(void)state;
	flip(sim);
	run_once(sim, "rejected erased_by_bootloader", UPLOADED " test list reset list");
	assert_int_equal(sim->nodes[0].peer.active, 1);
	cast_sim_free(sim);

	sim = device(SIM_PEER_MODE_XIP_REVERT, 0);
	sim->nodes[0].config.dead_image = true;
	sim->nodes[0].config.watchdog_ms = 8000;
	run_once(sim, "rejected erased_by_bootloader", NULL);
	assert_int_equal(sim->nodes[0].peer.active, 0);
	assert_int_equal(sim->nodes[0].peer.boots, 2);
	cast_sim_free(sim);

	sim = device(SIM_PEER_MODE_XIP_REVERT, 0);
	sim->nodes[0].config.watchdog_ms = 20000;
	sim->plan.soak_ms = 60000;
	run_once(sim, "reverted reverted", UPLOADED " test list reset list list");
	assert_int_equal(sim->nodes[0].peer.active, 0);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_AS_BEFORE);
	cast_sim_free(sim);
}

/* Found with the image already there, and on trial. */
static void xip_revert_goes_on(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_XIP_REVERT, 0);

	(void)state;
	sim->nodes[0].preset = sim->image;
	sim->nodes[0].preset_bytes = sim->image_bytes;
	run_once(sim, "done", "params mode slots list list test list reset list confirm list");
	assert_true(sim->nodes[0].status.skipped_upload);
	cast_sim_free(sim);

	sim = device(SIM_PEER_MODE_XIP_REVERT, 0);
	sim->nodes[0].preset = sim->image;
	sim->nodes[0].preset_bytes = sim->image_bytes;
	sim->nodes[0].preset_magic = true;
	sim->nodes[0].preset_boot = true;
	run_once(sim, "done", "params mode slots list confirm list");
	cast_sim_free(sim);

	/* Armed for good by somebody: that was not this plan's choice. */
	sim = device(SIM_PEER_MODE_XIP_REVERT, 0);
	sim->nodes[0].preset = sim->image;
	sim->nodes[0].preset_bytes = sim->image_bytes;
	sim->nodes[0].preset_magic = true;
	sim->nodes[0].preset_image_ok = true;
	run_untouched(sim, "failed armed_for_good", "params mode slots list");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(xip_starts_the_other_slot),
	    cmocka_unit_test(xip_that_is_not_told),
	    cmocka_unit_test(xip_in_every_plan),
	    cmocka_unit_test(xip_needs_a_known_slot),
	    cmocka_unit_test(xip_for_the_wrong_slot),
	    cmocka_unit_test(xip_rejects),
	    cmocka_unit_test(xip_canary),
	    cmocka_unit_test(xip_foreign_pending),
	    cmocka_unit_test(xip_revert_confirms),
	    cmocka_unit_test(xip_revert_in_every_plan),
	    cmocka_unit_test(xip_revert_goes_back),
	    cmocka_unit_test(xip_revert_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
