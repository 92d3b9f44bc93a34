/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One device under each of MCUboot's modes, against the model of that mode: a good update, what is refused and left
 * untouched, bad images, power cuts. The swap modes are in update_test.c, direct-XIP in xip_test.c.
 */
#include "modes.h"
#include <stdlib.h>

/* ---- all of them ---- */

static void a_mode_nobody_knows(void **state)
{
	struct cast_sim *sim = device(10, 0);

	(void)state;
	run_untouched(sim, "failed bootloader_mode", "params mode");
}

static void no_way_back_needs_leave(void **state)
{
	static const int8_t modes[] = {SIM_PEER_MODE_OVERWRITE, SIM_PEER_MODE_XIP, SIM_PEER_MODE_RAM,
				       SIM_PEER_MODE_LOADER};

	(void)state;
	for (unsigned int i = 0; i < sizeof(modes); i++) {
		for (unsigned int upload = 0; upload < 2; upload++) {
			struct cast_sim *sim = device(modes[i], 0);

			sim->plan.allow_no_revert = false;
			if (upload) { /* which in the others starts the image at the next reset */
				sim->plan.mode = DFUCAST_MODE_UPLOAD;
			}
			if (upload && modes[i] == SIM_PEER_MODE_OVERWRITE) {
				cast_sim_free(sim);
				continue;
			}
			run_untouched(sim, "skipped no_way_back", "params mode slots list");
		}
	}
}

/* It runs the plan's image already: nothing is at stake. */
static void nothing_to_do_needs_no_leave(void **state)
{
	static const int8_t modes[] = {SIM_PEER_MODE_OVERWRITE, SIM_PEER_MODE_XIP, SIM_PEER_MODE_XIP_REVERT,
				       SIM_PEER_MODE_RAM};

	(void)state;
	for (unsigned int i = 0; i < sizeof(modes); i++) {
		struct cast_sim *sim = device(modes[i], 0);

		link_image(sim, modes[i] == SIM_PEER_MODE_RAM ? SIM_PEER_IMAGE_RAM_LOAD : 0, 0);
		memcpy(sim->factory, sim->image, sim->factory_bytes);
		sim->factory_bytes = sim->image_bytes;
		sim->factory = realloc(sim->factory, sim->factory_bytes);
		memcpy(sim->factory, sim->image, sim->factory_bytes);
		sim->plan.allow_no_revert = false;
		run_once(sim, "done", "params mode slots list");
		assert_int_equal(sim->nodes[0].peer.boots, 0);
		cast_sim_free(sim);
	}
}

/* Built to run from RAM, or from flash, and the bootloader does the other. */
static void images_of_the_wrong_kind(void **state)
{
	static const int8_t modes[] = {SIM_PEER_MODE_OFFSET, SIM_PEER_MODE_OVERWRITE, SIM_PEER_MODE_XIP,
				       SIM_PEER_MODE_XIP_REVERT, SIM_PEER_MODE_LOADER};
	struct cast_sim *sim;

	(void)state;
	for (unsigned int i = 0; i < sizeof(modes); i++) {
		sim = device(modes[i], 0);
		link_image(sim, SIM_PEER_IMAGE_RAM_LOAD, 0x20000000);
		run_untouched(sim, "skipped image_kind", "params mode slots list");
	}
	sim = device(SIM_PEER_MODE_RAM, 0);
	link_image(sim, 0, 0);
	run_untouched(sim, "skipped image_kind", "params mode slots list");
}

/* What is not higher is never started, whatever the plan allows. */
static void only_what_is_newer(void **state)
{
	static const int8_t modes[] = {SIM_PEER_MODE_XIP, SIM_PEER_MODE_XIP_REVERT, SIM_PEER_MODE_RAM};
	static const uint8_t versions[][4] = {{1, 0, 0, 0}, {0, 9, 9, 9}};

	(void)state;
	for (unsigned int i = 0; i < sizeof(modes) * 2; i++) {
		struct cast_sim *sim = device(modes[i / 2], 0);

		set_version(sim, versions[i % 2]);
		link_image(sim, modes[i / 2] == SIM_PEER_MODE_RAM ? SIM_PEER_IMAGE_RAM_LOAD : 0, 0);
		sim->plan.slot = 2;
		sim->plan.allow_downgrade = true;
		run_untouched(sim, "skipped not_newer", "params mode slots list");
	}
}

/* Higher by the build number alone: the list shows that it does not count. */
static void a_build_number_that_does_not_count(void **state)
{
	static const uint8_t version[4] = {1, 0, 0, 5};
	static const struct {
		int8_t mode;
		const char *outcome;
		const char *trace;
	} cases[] = {
	    {SIM_PEER_MODE_XIP, "failed not_newer", UPLOADED},
	    {SIM_PEER_MODE_XIP_REVERT, "failed state_changed", UPLOADED " test list"},
	    {SIM_PEER_MODE_RAM, "failed not_newer", UPLOADED " test"},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cast_sim *sim = device(cases[i].mode, 0);

		set_version(sim, version);
		link_image(sim, cases[i].mode == SIM_PEER_MODE_RAM ? SIM_PEER_IMAGE_RAM_LOAD : 0, 0);
		sim->plan.slot = 2;
		run_once(sim, cases[i].outcome, cases[i].trace);
		assert_int_equal(sim->nodes[0].peer.boots, 0);
		cast_sim_free(sim);
	}
}

/* Power is cut at each flash operation in turn, and at each step of starting: the next run brings it to the end. */
static void power_cuts(void **state)
{
	static const int8_t modes[] = {SIM_PEER_MODE_OVERWRITE, SIM_PEER_MODE_XIP, SIM_PEER_MODE_XIP_REVERT,
				       SIM_PEER_MODE_RAM, SIM_PEER_MODE_LOADER};

	(void)state;
	for (unsigned int i = 0; i < sizeof(modes) * 2; i++) {
		int8_t mode = modes[i / 2];
		unsigned int cut = 0;
		unsigned int lost_starts = 0;
		bool hit = true;

		while (hit) {
			struct cast_sim *sim = device(mode, 0);
			struct cast_sim_node *node = &sim->nodes[0];

			node->config.power_loss = ++cut;
			node->config.progressive = i & 1;
			node->config.swap_operations = 3;
			cast_sim_run(sim);
			hit = node->peer.flash_operations >= cut;
			if (strcmp(cast_sim_outcome(node), "done") == 0) {
				assert_true(runs_new(sim));
			} else {
				/* Cut between its mark and its start, or before its confirmation was written. */
				const char *end = cast_sim_outcome(node);

				assert_true(strcmp(end, "rejected erased_by_bootloader") == 0 ||
					    strcmp(end, "reverted reverted") == 0);
				assert_int_equal(mode, SIM_PEER_MODE_XIP_REVERT);
				assert_int_equal(node->peer.active, 0);
				lost_starts++;
			}
			cast_sim_free(sim);
		}
		assert_true(cut > 20);
		assert_int_equal(lost_starts, mode == SIM_PEER_MODE_XIP_REVERT ? 2 : 0);
	}
}

/* ---- overwrite-only ---- */

/* Overwrite-only: untouched unless the plan allows it; then upload, overwrite, confirmed at once; nothing left in slot 1. */
static void overwrite_needs_leave(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->nodes[0].config.mode = SIM_PEER_MODE_OVERWRITE;
	run_once(sim, "skipped no_way_back", "params mode slots list");
	assert_int_equal(sim->nodes[0].peer.flash_operations, 0);
	assert_int_equal(sim->nodes[0].status.outcome.count, SIM_PEER_MODE_OVERWRITE);
	cast_sim_free(sim);
}

static void overwrite_with_leave(void **state)
{
	static const struct {
		uint8_t mode;
		uint8_t holds;
		const char *trace;
	} cases[] = {
	    {DFUCAST_MODE_TEST_CONFIRM, DFUCAST_HOLDS_IMAGE,
	     "params mode slots list first echo stream list test list reset list"},
	    {DFUCAST_MODE_TEST, DFUCAST_HOLDS_IMAGE,
	     "params mode slots list first echo stream list test list reset list"},
	    {DFUCAST_MODE_CONFIRM, DFUCAST_HOLDS_IMAGE,
	     "params mode slots list first echo stream list test list reset list"},
	    {DFUCAST_MODE_UPLOAD, DFUCAST_HOLDS_STAGED, "params mode slots list first echo stream list"},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

		sim->nodes[0].config.mode = SIM_PEER_MODE_OVERWRITE;
		sim->plan.mode = cases[i].mode;
		sim->plan.allow_no_revert = true;
		run_once(sim, "done", cases[i].trace);
		assert_int_equal(sim->nodes[0].status.holds, cases[i].holds);
		assert_int_equal(sim->nodes[0].peer.boots, cases[i].mode == DFUCAST_MODE_UPLOAD ? 0 : 1);
		cast_sim_free(sim);
	}
}

/* Uploading alone starts nothing: no leave is needed for it. */
static void overwrite_upload_needs_no_leave(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->nodes[0].config.mode = SIM_PEER_MODE_OVERWRITE;
	sim->plan.mode = DFUCAST_MODE_UPLOAD;
	run_once(sim, "done", "params mode slots list first echo stream list");
	assert_int_equal(sim->nodes[0].peer.boots, 0);
	cast_sim_free(sim);
}

/* A bad image is refused before anything is overwritten: the old one runs on. */
static void overwrite_rejects(void **state)
{
	struct cast_sim *sim = cast_sim_new(1, IMAGE_BYTES);

	(void)state;
	sim->nodes[0].config.mode = SIM_PEER_MODE_OVERWRITE;
	sim->plan.allow_no_revert = true;
	cast_sim_fault(
	    &sim->nodes[0],
	    (struct sim_peer_fault){.kind = SIM_PEER_FAULT_FLIP, .uploads = true, .first = 5, .count = 1});
	run_once(sim, "rejected rejected_by_bootloader",
		 "params mode slots list first echo stream list test list reset list");
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_AS_BEFORE);
	cast_sim_free(sim);
}

/* ---- RAM load ---- */

static void ram_load(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < 8; bits++) {
		struct cast_sim *sim = device(SIM_PEER_MODE_RAM, bits & 1);

		/* Not told: the image says what it was built for. */
		sim->nodes[0].config.mode_hidden = bits & 2;
		sim->nodes[0].config.ram_unlisted = bits & 4;
		sim->plan.slot = 1; /* it runs from RAM, whichever slot it comes from */
		run_once(sim, "done",
			 bits & 4 ? UPLOADED " test list reset list" : UPLOADED " list reset list");
		assert_int_equal(sim->nodes[0].peer.active, 1 - (bits & 1));
		cast_sim_free(sim);
	}
}

static void ram_load_rejects(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_RAM, 0);

	(void)state;
	flip(sim);
	run_once(sim, "rejected rejected_by_bootloader", UPLOADED " list reset list");
	assert_int_equal(sim->nodes[0].peer.active, 0);
	cast_sim_free(sim);
}

/* The same number, but it marks and confirms: the list shows that. */
static void ram_load_with_revert(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_RAM, 0);

	(void)state;
	sim->nodes[0].config.ram_revert = true;
	run_once(sim, "done", UPLOADED " test list reset list confirm list");
	assert_true(runs_new(sim));
	cast_sim_free(sim);

	sim = device(SIM_PEER_MODE_RAM, 0);
	sim->nodes[0].config.ram_revert = true;
	sim->nodes[0].config.watchdog_ms = 20000;
	sim->plan.soak_ms = 60000;
	run_once(sim, "reverted reverted", UPLOADED " test list reset list list");
	assert_int_equal(sim->nodes[0].peer.active, 0);
	cast_sim_free(sim);
}

/* ---- firmware loader ---- */

static void loader(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_LOADER, 0);

	(void)state;
	run_once(sim, "done", UPLOADED " list reset list");
	assert_int_equal(sim->nodes[0].peer.active, 0);
	assert_true(runs_new(sim));
	assert_int_equal(sim->nodes[0].status.before.major,
			 1); /* the application's version, not the loader's */
	cast_sim_free(sim);

	sim = device(SIM_PEER_MODE_LOADER, 0);
	sim->plan.proven = false;
	run_untouched(sim, "skipped image_not_proven", "params mode slots list");

	sim = device(SIM_PEER_MODE_LOADER, 0);
	sim->plan.version.major = 0;
	run_untouched(sim, "skipped downgrade", "params mode slots list");
}

/* An application without an image group answers nothing but that; the loader would have listed images. */
static void loader_and_an_application_without_images(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_LOADER, 0);

	(void)state;
	sim->nodes[0].config.mute_application = true;
	run_once(sim, "done", UPLOADED " list reset list");
	assert_int_equal(sim->nodes[0].status.after.major, 2);
	assert_true(runs_new(sim));
	cast_sim_free(sim);
}

/* The application runs: what it calls free is the loader's slot. */
static void loader_is_not_overwritten(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_LOADER, 0);

	(void)state;
	sim->nodes[0].preset = sim->factory;
	sim->nodes[0].preset_bytes = sim->factory_bytes;
	sim->nodes[0].preset_boot = true;
	cast_sim_run(sim);
	expect(sim, "skipped not_in_loader", "params mode slots list");
	assert_int_equal(sim->nodes[0].peer.flash_operations, 0);
	cast_sim_free(sim);
}

/* Refused, it leaves no application: the loader runs, and can be fed again. */
static void loader_rejects(void **state)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_LOADER, 0);

	(void)state;
	flip(sim);
	run_once(sim, "rejected rejected_by_bootloader", NULL);
	assert_int_equal(sim->nodes[0].peer.active, 1);
	cast_sim_free(sim);
}

/* ---- one slot ---- */

static void one_slot_is_taken(void **state)
{
	static const int8_t modes[] = {SIM_PEER_MODE_SINGLE, SIM_PEER_MODE_SINGLE_RAM};
	struct cast_sim *sim;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		sim = device(modes[i], 0);
		run_untouched(sim, "skipped single_slot", "params mode");
	}
	/* The user says so, and there are two. */
	sim = device(SIM_PEER_MODE_OFFSET, 0);
	sim->nodes[0].config.mode_hidden = true;
	sim->plan.boot_mode = SIM_PEER_MODE_SINGLE + 1;
	run_untouched(sim, "skipped single_slot", "params mode slots list");
}

static struct cast_sim *in_recovery(void)
{
	struct cast_sim *sim = device(SIM_PEER_MODE_SINGLE, 0);

	sim->nodes[0].config.starts_in_recovery = true;
	sim->nodes[0].config.buf_count = 1;
	sim->plan.boot_mode = SIM_PEER_MODE_SINGLE + 1;
	sim->writes_in_recovery = true;
	return sim;
}

static void one_slot_in_recovery(void **state)
{
	struct cast_sim *sim = in_recovery();

	(void)state;
	run_once(sim, "done", "params mode slots list first stream list list reset list");
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_IMAGE);
	assert_true(runs_new(sim));
	cast_sim_free(sim);

	/* Nothing listed before the upload nor after it: what runs in the end decides. */
	sim = in_recovery();
	sim->nodes[0].config.recovery_mute = true;
	run_once(sim, "done", "params mode slots list first stream list list reset list");
	assert_true(runs_new(sim));
	cast_sim_free(sim);

	sim = in_recovery();
	sim->plan.allow_no_revert = false;
	run_untouched(sim, "skipped no_way_back", "params mode slots list");

	sim = in_recovery();
	sim->plan.proven = false;
	run_untouched(sim, "skipped image_not_proven", "params mode slots list");
}

/* The upload breaks off: nothing runs any more, and the next try goes on in recovery. */
static void one_slot_torn(void **state)
{
	struct cast_sim *sim = in_recovery();

	(void)state;
	cast_sim_fault(&sim->nodes[0],
		       (struct sim_peer_fault){
			   .kind = SIM_PEER_FAULT_GROUP_RC, .uploads = true, .first = 9, .value = 12});
	run_once(sim, "failed refused", NULL);
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_TORN);
	cast_sim_free(sim);

	sim = in_recovery();
	cast_sim_fault(
	    &sim->nodes[0],
	    (struct sim_peer_fault){.kind = SIM_PEER_FAULT_RESET, .uploads = true, .first = 9, .count = 1});
	run_once(sim, "done", NULL);
	assert_int_equal(sim->nodes[0].peer.boots, 2);
	assert_true(runs_new(sim));
	cast_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mode_nobody_knows),
	    cmocka_unit_test(no_way_back_needs_leave),
	    cmocka_unit_test(nothing_to_do_needs_no_leave),
	    cmocka_unit_test(images_of_the_wrong_kind),
	    cmocka_unit_test(only_what_is_newer),
	    cmocka_unit_test(a_build_number_that_does_not_count),
	    cmocka_unit_test(power_cuts),
	    cmocka_unit_test(overwrite_needs_leave),
	    cmocka_unit_test(overwrite_with_leave),
	    cmocka_unit_test(overwrite_upload_needs_no_leave),
	    cmocka_unit_test(overwrite_rejects),
	    cmocka_unit_test(ram_load),
	    cmocka_unit_test(ram_load_rejects),
	    cmocka_unit_test(ram_load_with_revert),
	    cmocka_unit_test(loader),
	    cmocka_unit_test(loader_and_an_application_without_images),
	    cmocka_unit_test(loader_is_not_overwritten),
	    cmocka_unit_test(loader_rejects),
	    cmocka_unit_test(one_slot_is_taken),
	    cmocka_unit_test(one_slot_in_recovery),
	    cmocka_unit_test(one_slot_torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
