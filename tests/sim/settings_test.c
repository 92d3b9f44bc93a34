/* SPDX-License-Identifier: Apache-2.0 */
/* Erasing a device's settings with the update: when it is sent, and what happens where it cannot be done. */
#include "modes.h"

static struct cast_sim *erasing(int8_t mode)
{
	struct cast_sim *sim = device(mode, 0);

	sim->plan.erase_settings = true;
	return sim;
}

/* By the image that ran before, and before any reset. */
static void assert_erased_before(const struct cast_sim *sim, uint32_t times)
{
	const struct sim_peer *peer = &sim->nodes[0].peer;

	assert_int_equal(peer->storage_erases, times);
	assert_int_equal(peer->storage_boots, peer->boots - 1);
	assert_int_equal(peer->storage_by, 0);
}

/* Before the image is marked: who cannot erase is left with nothing armed. */
static void before_the_mark(void **state)
{
	static const int8_t modes[] = {SIM_PEER_MODE_OFFSET, SIM_PEER_MODE_OVERWRITE,
				       SIM_PEER_MODE_XIP_REVERT};

	(void)state;
	for (unsigned int i = 0; i < sizeof(modes); i++) {
		struct cast_sim *sim = erasing(modes[i]);

		run_once(sim, "done",
			 modes[i] == SIM_PEER_MODE_OVERWRITE ? UPLOADED " settings test list reset list"
							     : UPLOADED
			     " settings test list reset list confirm list");
		assert_erased_before(sim, 1);
		cast_sim_free(sim);

		sim = erasing(modes[i]);
		sim->nodes[0].config.no_storage = true;
		run_once(sim, "failed settings_not_erased", UPLOADED " settings");
		assert_int_equal(sim->nodes[0].status.outcome.rc, 8);
		assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_STAGED);
		assert_int_equal(sim->nodes[0].peer.boots, 0);
		assert_false(sim->nodes[0].peer.slots[1].magic);
		cast_sim_free(sim);
	}
}

/* Where it starts unasked, or was marked already: after the look at what runs, and that look once more. */
static void after_the_look(void **state)
{
	struct cast_sim *sim = erasing(SIM_PEER_MODE_XIP);

	(void)state;
	run_once(sim, "done", UPLOADED " list settings list reset list");
	assert_erased_before(sim, 1);
	cast_sim_free(sim);

	sim = erasing(SIM_PEER_MODE_XIP);
	sim->nodes[0].config.no_storage = true;
	run_once(sim, "failed settings_not_erased", UPLOADED " list settings");
	assert_int_equal(sim->nodes[0].status.holds, DFUCAST_HOLDS_PENDING);
	assert_int_equal(sim->nodes[0].peer.boots, 0);
	cast_sim_free(sim);

	sim = erasing(SIM_PEER_MODE_OFFSET);
	sim->nodes[0].preset = sim->image;
	sim->nodes[0].preset_bytes = sim->image_bytes;
	sim->nodes[0].preset_magic = true;
	run_once(sim, "done",
		 "params mode slots list list test list settings test list reset list confirm list");
	assert_erased_before(sim, 1);
	cast_sim_free(sim);
}

/* It runs the image already, or on trial: its settings are its own. */
static void not_under_the_new_image(void **state)
{
	(void)state;
	for (unsigned int trial = 0; trial < 2; trial++) {
		struct cast_sim *sim = erasing(SIM_PEER_MODE_OFFSET);

		sim->nodes[0].preset = sim->image;
		sim->nodes[0].preset_bytes = sim->image_bytes;
		sim->nodes[0].preset_magic = true;
		sim->nodes[0].preset_image_ok = !trial;
		sim->nodes[0].preset_boot = true;
		run_once(sim, "done",
			 trial ? "params mode slots list confirm list" : "params mode slots list");
		assert_int_equal(sim->nodes[0].peer.storage_erases, 0);
		cast_sim_free(sim);
	}
}

/* The request or its answer is lost, the link breaks, the device is busy: again, and once is like twice. */
static void trouble(void **state)
{
	static const struct sim_peer_fault faults[] = {
	    {.kind = SIM_PEER_FAULT_LOSE_REQUEST, .count = 1},
	    {.kind = SIM_PEER_FAULT_LOSE_ANSWER, .count = 1},
	    {.kind = SIM_PEER_FAULT_DISCONNECT, .count = 1, .value = 1},
	    {.kind = SIM_PEER_FAULT_RC, .count = 2, .value = 10},
	    {.kind = SIM_PEER_FAULT_STALL, .count = 1, .value = 8000},
	};
	uint32_t at;

	(void)state;
	struct cast_sim *sim = erasing(SIM_PEER_MODE_OFFSET);

	cast_sim_run(sim);
	at = sim->nodes[0].peer.requests - 7; /* settings test list reset list confirm list */
	cast_sim_free(sim);
	for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct sim_peer_fault fault = faults[i];

		fault.first = at;
		sim = erasing(SIM_PEER_MODE_OFFSET);
		cast_sim_fault(&sim->nodes[0], fault);
		run_once(sim, "done", NULL);
		assert_non_null(strstr(sim->nodes[0].trace, " settings"));
		assert_true(sim->nodes[0].peer.storage_erases >= 1 && sim->nodes[0].peer.storage_erases <= 2);
		assert_int_equal(sim->nodes[0].peer.storage_by, 0);
		cast_sim_free(sim);
	}
	/* Its flash says no. */
	sim = erasing(SIM_PEER_MODE_OFFSET);
	cast_sim_fault(&sim->nodes[0],
		       (struct sim_peer_fault){.kind = SIM_PEER_FAULT_GROUP_RC, .first = at, .value = 4});
	run_once(sim, "failed settings_not_erased", UPLOADED " settings");
	assert_int_equal(sim->nodes[0].status.outcome.group, 63);
	cast_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(before_the_mark),
	    cmocka_unit_test(after_the_look),
	    cmocka_unit_test(not_under_the_new_image),
	    cmocka_unit_test(trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
