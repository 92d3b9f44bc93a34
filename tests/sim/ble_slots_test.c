/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The slots that the core computes, held against the simulator, which plays every interval through: how much longer does
 * an upload take than with the best one?
 */
#include <dfucast/ble_params.h>
#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../sim/air/limit.h"

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

/* All numbers of links, any guard that a controller may have: the slots suit it. */
static void beside_the_best(uint8_t phy, uint32_t sim_phy)
{
	unsigned int worst = 0, sum = 0, count = 0;

	for (unsigned int links = 1; links <= 20; links += links < 8 ? 1 : 4) {
		for (uint16_t guard = 150; guard <= 1000; guard = (uint16_t)(guard + 170)) {
			const struct dfucast_ble_air air = {.guard_us = guard, .phy = phy};
			struct sim_air_parameters p;
			struct dfucast_ble_slots slots;
			unsigned int ratio;

			sim_air_defaults(&p);
			p.guard_us = guard;
			p.phy = sim_phy;
			assert_true(dfucast_ble_slots_plan(&air, links, &slots));
			uint64_t best = sim_air_predict_ns(&p, links, sim_air_interval_us(&p, links));
			uint64_t ours = sim_air_predict_ns(&p, links, slots.interval * 1250u);

			assert_true(best != 0 && ours != 0);
			ratio = (unsigned int)(ours * 1000u / best);
			worst = ratio > worst ? ratio : worst;
			sum += ratio;
			count++;
		}
	}
	printf("worst %u, mean %u thousandths of the best\n", worst, sum / count);
	assert_true(worst <= 1170);
	assert_true(sum / count <= 1060);
}

static void two_megabit(void **state)
{
	(void)state;
	beside_the_best(DFUCAST_BLE_PHY_2M, SIM_AIR_2M);
}

static void one_megabit(void **state)
{
	(void)state;
	beside_the_best(DFUCAST_BLE_PHY_1M, SIM_AIR_1M);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_megabit),
	    cmocka_unit_test(one_megabit),
	};

	return cmocka_run_group_tests_name("BLE slots", tests, NULL, NULL);
}
