/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * How the SoftDevice is configured: the RAM it is expected to take, and what is given up where that is too much. The
 * SoftDevice here takes what it is told to, and notes what it was asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../ports/s140/s140.h"

#define RAM_BEGIN 0x20000000u
#define FIXED_BYTES 5752u /* without any configuration */

static struct {
	uint32_t link_bytes, mtu_bytes; /* for each link, and for each byte of its ATT_MTU beyond 23 */
	bool mute;                      /* does not say how much it takes */
	bool extended;
	unsigned int parts, tries;
	ble_cfg_t gap, gattc, gatt, roles, uuids, table;
} sd;

static uint32_t dynamic_bytes(void)
{
	uint32_t mtu = sd.gatt.conn_cfg.params.gatt_conn_cfg.att_mtu;
	uint32_t waiting = sd.gattc.conn_cfg.params.gattc_conn_cfg.write_cmd_tx_queue_size - 1u;

	return 600u + sd.gap.conn_cfg.params.gap_conn_cfg.conn_count *
			  (sd.link_bytes + (mtu - 23u) * sd.mtu_bytes + waiting * mtu);
}

uint32_t sd_ble_cfg_set(uint32_t cfg_id, ble_cfg_t const *p_cfg, uint32_t app_ram_base)
{
	ble_cfg_t *const kept = cfg_id == BLE_CONN_CFG_GAP         ? &sd.gap
				: cfg_id == BLE_CONN_CFG_GATTC     ? &sd.gattc
				: cfg_id == BLE_CONN_CFG_GATT      ? &sd.gatt
				: cfg_id == BLE_GAP_CFG_ROLE_COUNT ? &sd.roles
				: cfg_id == BLE_COMMON_CFG_VS_UUID ? &sd.uuids
								   : &sd.table;

	*kept = *p_cfg;
	sd.parts++;
	if (kept == &sd.roles && p_cfg->gap_cfg.role_count_cfg.central_sec_count >
				     p_cfg->gap_cfg.role_count_cfg.central_role_count)
		return NRF_ERROR_INVALID_PARAM;
	return kept == &sd.gap && app_ram_base < RAM_BEGIN + FIXED_BYTES + 20000u ? NRF_ERROR_NO_MEM
										  : NRF_SUCCESS;
}

uint32_t sd_ble_enable(uint32_t *p_app_ram_base)
{
	uint32_t needed = RAM_BEGIN + FIXED_BYTES + dynamic_bytes();
	bool fits = *p_app_ram_base >= needed && dynamic_bytes() <= 65536u;

	assert_int_equal(sd.parts % 6u, 0); /* all of them, also where one had no room */
	sd.tries++;
	if (!sd.mute)
		*p_app_ram_base = needed;
	return fits ? NRF_SUCCESS : NRF_ERROR_NO_MEM;
}

uint32_t sd_ble_opt_set(uint32_t opt_id, ble_opt_t const *p_opt)
{
	sd.extended = opt_id == BLE_COMMON_OPT_CONN_EVT_EXT && p_opt->common_opt.conn_evt_ext.enable;
	return NRF_SUCCESS;
}

/* The RAM starts in the linker scripts of nRF5 SDK 17.0.2's examples, S140 7.2.0, beside the estimate. */
static void the_estimate_covers_the_sdks_examples(void **state)
{
	static const struct {
		uint8_t peripherals, centrals;
		uint16_t att_mtu, event_length;
		uint8_t vs_uuids;
		uint16_t attr_tab_size;
		uint32_t bytes;
	} examples[] = {
	    {0, 1, 23, 6, 0, 248, 7480},      {0, 2, 23, 6, 0, 1408, 9864},
	    {0, 8, 23, 6, 1, 1408, 17320},    {0, 1, 247, 6, 1, 1408, 10808},
	    {0, 1, 247, 320, 0, 1408, 11048}, {1, 1, 23, 6, 0, 1408, 10456},
	    {1, 2, 23, 6, 0, 1408, 11696},    {4, 0, 23, 6, 1, 1408, 14288},
	    {1, 0, 247, 6, 1, 1408, 10984},   {3, 3, 247, 320, 3, 1408, 31200},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct dfucast_s140_settings settings = {.central_links = examples[i].centrals,
							       .peripheral_links = examples[i].peripherals,
							       .att_mtu = examples[i].att_mtu,
							       .event_length = examples[i].event_length,
							       .vs_uuids = examples[i].vs_uuids,
							       .attr_tab_size = examples[i].attr_tab_size};
		uint32_t bytes = dfucast_s140_ram_bytes(&settings);

		assert_true(bytes >= examples[i].bytes);
		assert_true(bytes < examples[i].bytes * (examples[i].peripherals != 0 ? 110u : 106u) / 100u);
	}
	/* What fits into 64 KiB, whatever RAM there is. */
	assert_int_equal(dfucast_s140_links_max(247, 1), 16);
	assert_int_equal(dfucast_s140_links_max(247, 2), 15);
	assert_int_equal(DFUCAST_S140_MTU_FITS(14u, 2u), 247);
	assert_int_equal(DFUCAST_S140_MTU_FITS(15u, 2u), 241);
	assert_int_equal(DFUCAST_S140_MTU_FITS(16u, 1u), 240);
	assert_int_equal(DFUCAST_S140_MTU_FITS(20u, 1u), 176);
	assert_int_equal(dfucast_s140_links_max(176, 1), 20);
}

static const struct dfucast_s140_settings twenty = {
    .central_links = 20, .write_queue = 2, .att_mtu = 247, .pairings = 4};

static int a_softdevice(void **state)
{
	(void)state;
	memset(&sd, 0, sizeof(sd));
	sd.link_bytes = 1300;
	sd.mtu_bytes = 12;
	return 0;
}

static void what_fits_is_taken_as_it_is(void **state)
{
	struct dfucast_s140_settings settings = {.central_links = 8, .write_queue = 2, .pairings = 4};

	(void)state;
	assert_int_equal(dfucast_s140_enable_fitting(&settings, RAM_BEGIN + 45000u, sd_ble_enable),
			 NRF_SUCCESS);
	assert_int_equal(sd.tries, 1);
	assert_true(sd.extended);
	assert_int_equal(settings.central_links, 8);
	assert_int_equal(sd.gap.conn_cfg.params.gap_conn_cfg.conn_count, 8);
	assert_int_equal(sd.gap.conn_cfg.params.gap_conn_cfg.event_length, 7);
	assert_int_equal(sd.gatt.conn_cfg.params.gatt_conn_cfg.att_mtu, 247);
	assert_int_equal(sd.gattc.conn_cfg.params.gattc_conn_cfg.write_cmd_tx_queue_size, 2);
	assert_int_equal(sd.roles.gap_cfg.role_count_cfg.central_role_count, 8);
	assert_int_equal(sd.roles.gap_cfg.role_count_cfg.central_sec_count, 4);
	assert_int_equal(sd.uuids.common_cfg.vs_uuid_cfg.vs_uuid_count, 2);
	assert_int_equal(sd.table.gatts_cfg.attr_tab_size.attr_tab_size, 248);
}

/* Without giving anything up: the address that would do. */
static void how_much_it_takes_is_said(void **state)
{
	uint32_t ram_start = RAM_BEGIN + 10000u; /* the first part has no room even */
	const struct dfucast_s140_settings settings = {.central_links = 8};

	(void)state;
	assert_int_equal(dfucast_s140_enable(&settings, &ram_start), NRF_ERROR_NO_MEM);
	assert_int_equal(ram_start, RAM_BEGIN + FIXED_BYTES + dynamic_bytes());
	assert_int_equal(sd.gap.conn_cfg.params.gap_conn_cfg.conn_count, 8);
	assert_false(sd.extended);
	assert_int_equal(dfucast_s140_enable(&settings, &ram_start), NRF_SUCCESS);
}

/* 20 links at 247 are beyond the 64 KiB, however much RAM there is: all links, and what is left for values. */
static void beyond_64_kib_values_get_shorter(void **state)
{
	struct dfucast_s140_settings settings = twenty;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		settings = twenty;
		sd.mute = i == 1;
		assert_int_equal(dfucast_s140_enable_fitting(&settings, RAM_BEGIN + 131072u, sd_ble_enable),
				 NRF_SUCCESS);
		assert_int_equal(settings.central_links, 20);
		assert_int_equal(settings.write_queue, 2);
		assert_in_range(settings.att_mtu, 160, 170);
		assert_int_equal(sd.gatt.conn_cfg.params.gatt_conn_cfg.att_mtu, settings.att_mtu);
	}
}

static void then_links_are_given_up(void **state)
{
	struct dfucast_s140_settings settings = twenty;

	(void)state;
	assert_int_equal(dfucast_s140_enable_fitting(&settings, RAM_BEGIN + 30000u, sd_ble_enable),
			 NRF_SUCCESS);
	assert_int_equal(settings.att_mtu, DFUCAST_S140_MTU_LEAST);
	assert_int_equal(settings.write_queue, 1);
	assert_in_range(settings.central_links, 8, 9);
	assert_int_equal(sd.roles.gap_cfg.role_count_cfg.central_role_count, settings.central_links);
	assert_true(dynamic_bytes() <= 30000u - FIXED_BYTES);
	assert_true(sd.tries <= 10);
	/* No more pairings than links. */
	settings = twenty;
	assert_int_equal(dfucast_s140_enable_fitting(&settings, RAM_BEGIN + 12000u, sd_ble_enable),
			 NRF_SUCCESS);
	assert_in_range(settings.central_links, 1, 2);
	assert_int_equal(settings.pairings, settings.central_links);
}

/* A SoftDevice that takes far more than it is expected to, or never enough. */
static void it_comes_to_an_end(void **state)
{
	struct dfucast_s140_settings settings = twenty;

	(void)state;
	sd.link_bytes = 4000;
	sd.mtu_bytes = 40;
	assert_int_equal(dfucast_s140_enable_fitting(&settings, RAM_BEGIN + 40000u, sd_ble_enable),
			 NRF_SUCCESS);
	assert_in_range(settings.central_links, 2, 4);
	for (unsigned int i = 0; i < 2; i++) {
		settings = twenty;
		sd.tries = 0;
		sd.mute = i == 1;
		assert_int_equal(dfucast_s140_enable_fitting(&settings, RAM_BEGIN + 2000u, sd_ble_enable),
				 NRF_ERROR_NO_MEM);
		assert_int_equal(settings.central_links, 1);
		assert_true(sd.tries < 100);
		assert_false(dfucast_s140_less(&settings, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_estimate_covers_the_sdks_examples),
	    cmocka_unit_test_setup(what_fits_is_taken_as_it_is, a_softdevice),
	    cmocka_unit_test_setup(how_much_it_takes_is_said, a_softdevice),
	    cmocka_unit_test_setup(beyond_64_kib_values_get_shorter, a_softdevice),
	    cmocka_unit_test_setup(then_links_are_given_up, a_softdevice),
	    cmocka_unit_test_setup(it_comes_to_an_end, a_softdevice),
	};

	return cmocka_run_group_tests_name("S140 settings", tests, NULL, NULL);
}
