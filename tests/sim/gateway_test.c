/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway behind a host that behaves as stock clients do, in virtual time: whole updates, hosts that do not obey,
 * silence, rewinds, waves, and the fleet's group.
 */
#include "gateway_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES 200000u

static void assert_clean(const struct gateway_sim *sim)
{
	const char *violation = sim_fleet_violation(sim->fleet);

	if (violation != NULL) {
		fail_msg("%s", violation);
	}
}

/* Upload, test, reset: what mcumgr-toolkit's firmware_update and smpmgr's upgrade do. */
static void one_liner(struct gateway_sim *sim, bool marks)
{
	assert_true(gateway_sim_upload(sim));
	assert_true(!marks || gateway_sim_test(sim));
	assert_int_equal(gateway_sim_count(sim, DFUCAST_STATE_DONE), 0);
	assert_true(gateway_sim_reset(sim));
	assert_true(gateway_sim_until_over(sim, 600000));
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stock_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
