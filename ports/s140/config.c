/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the SoftDevice is configured, and what that costs.
 */
#include "s140.h"

#define ATT_MTU 247u
#define ATTR_TAB_SIZE 248u
#define TAG 1u
#define VS_UUIDS_OURS 2u
#define UNIT_US 1250u

#define PERIPHERAL_LINK_MORE 600u /* beside a central's link */
#define LESS_BYTES 1024u
#define LESS_PARTS 4u

static struct dfucast_s140_settings filled(const struct dfucast_s140_settings *settings)
{
	struct dfucast_s140_settings full = *settings;

	full.att_mtu = full.att_mtu != 0 ? full.att_mtu : ATT_MTU;
	full.write_queue = full.write_queue != 0 ? full.write_queue : 1;
	full.tag = full.tag != 0 ? full.tag : TAG;
	full.pairings = full.pairings != 0 ? full.pairings : 1;
	full.pairings = full.pairings < full.central_links ? full.pairings : full.central_links;
	full.attr_tab_size = full.attr_tab_size != 0 ? full.attr_tab_size : ATTR_TAB_SIZE;
	if (full.event_length == 0) {
		/* Guard and six pairs of 251 bytes at 2M are 8.6 ms. */
		full.event_length = 7;
	}
	return full;
}

uint32_t dfucast_s140_ram_bytes(const struct dfucast_s140_settings *settings)
{
	const struct dfucast_s140_settings full = filled(settings);
	uint32_t links = (uint32_t)full.central_links + full.peripheral_links;

	return DFUCAST_S140_RAM_BYTES(links, full.att_mtu, full.write_queue, full.vs_uuids) +
	       full.peripheral_links * PERIPHERAL_LINK_MORE + (full.attr_tab_size - ATTR_TAB_SIZE);
}

unsigned int dfucast_s140_links_max(uint16_t att_mtu, uint8_t write_queue)
{
	unsigned int links = DFUCAST_S140_LINKS_BYTES / DFUCAST_S140_LINK_BYTES(att_mtu, write_queue);

	return links < 20u ? links : 20u;
}

uint32_t dfucast_s140_slot_us(const struct dfucast_s140_settings *settings)
{
	return filled(settings).event_length * UNIT_US;
}

bool dfucast_s140_less(struct dfucast_s140_settings *settings, uint32_t bytes)
{
	struct dfucast_s140_settings less = filled(settings);
	uint32_t before = dfucast_s140_ram_bytes(&less);

	bytes = bytes != 0 ? bytes : LESS_BYTES;
	/* The estimate may be wrong: not too much at once. */
	bytes = bytes < before / LESS_PARTS ? bytes : before / LESS_PARTS;
	while (before - dfucast_s140_ram_bytes(&less) < bytes) {
		if (less.att_mtu > DFUCAST_S140_MTU_LEAST)
			less.att_mtu--;
		else if (less.write_queue > 1)
			less.write_queue--;
		else if (less.central_links > 1)
			less.central_links--;
		else
			break;
	}
	*settings = filled(&less);
	return dfucast_s140_ram_bytes(settings) < before;
}

/*
 * One part of the configuration. The first that fails counts, but where RAM is what lacks the others are set too: only then
 * does sd_ble_enable() say how much.
 */
static void set(uint32_t *result, uint32_t id, const ble_cfg_t *config, uint32_t ram_start)
{
	uint32_t code;

	if (*result != NRF_SUCCESS && *result != NRF_ERROR_NO_MEM)
		return;
	code = sd_ble_cfg_set(id, config, ram_start);
	if (code != NRF_SUCCESS)
		*result = code;
}

uint32_t dfucast_s140_configure(const struct dfucast_s140_settings *settings, uint32_t ram_start)
{
	const struct dfucast_s140_settings full = filled(settings);
	uint32_t result = NRF_SUCCESS;
	ble_cfg_t config = {0};

	config.conn_cfg.conn_cfg_tag = full.tag;
	config.conn_cfg.params.gap_conn_cfg.conn_count =
	    (uint8_t)(full.central_links + full.peripheral_links);
	config.conn_cfg.params.gap_conn_cfg.event_length = full.event_length;
	set(&result, BLE_CONN_CFG_GAP, &config, ram_start);
	config = (ble_cfg_t){0};
	config.conn_cfg.conn_cfg_tag = full.tag;
	config.conn_cfg.params.gattc_conn_cfg.write_cmd_tx_queue_size = full.write_queue;
	set(&result, BLE_CONN_CFG_GATTC, &config, ram_start);
	config = (ble_cfg_t){0};
	config.conn_cfg.conn_cfg_tag = full.tag;
	config.conn_cfg.params.gatt_conn_cfg.att_mtu = full.att_mtu;
	set(&result, BLE_CONN_CFG_GATT, &config, ram_start);
	config = (ble_cfg_t){0};
	config.gap_cfg.role_count_cfg.adv_set_count = full.peripheral_links != 0;
	config.gap_cfg.role_count_cfg.periph_role_count = full.peripheral_links;
	config.gap_cfg.role_count_cfg.central_role_count = full.central_links;
	config.gap_cfg.role_count_cfg.central_sec_count = full.pairings;
	set(&result, BLE_GAP_CFG_ROLE_COUNT, &config, ram_start);
	config = (ble_cfg_t){0};
	config.common_cfg.vs_uuid_cfg.vs_uuid_count = (uint8_t)(full.vs_uuids + VS_UUIDS_OURS);
	set(&result, BLE_COMMON_CFG_VS_UUID, &config, ram_start);
	config = (ble_cfg_t){0};
	config.gatts_cfg.attr_tab_size.attr_tab_size = full.attr_tab_size;
	set(&result, BLE_GATTS_CFG_ATTR_TAB_SIZE, &config, ram_start);
	return result;
}

uint32_t dfucast_s140_extend_events(void)
{
	ble_opt_t option = {0};

	option.common_opt.conn_evt_ext.enable = 1;
	return sd_ble_opt_set(BLE_COMMON_OPT_CONN_EVT_EXT, &option);
}

static uint32_t enabled(const struct dfucast_s140_settings *settings, uint32_t *ram_start,
			uint32_t (*enable)(uint32_t *ram_start))
{
	uint32_t result = dfucast_s140_configure(settings, *ram_start);

	if (result == NRF_SUCCESS || result == NRF_ERROR_NO_MEM)
		result = enable(ram_start);
	return result == NRF_SUCCESS ? dfucast_s140_extend_events() : result;
}

uint32_t dfucast_s140_enable(const struct dfucast_s140_settings *settings, uint32_t *ram_start)
{
	return enabled(settings, ram_start, sd_ble_enable);
}

uint32_t dfucast_s140_enable_fitting(struct dfucast_s140_settings *settings, uint32_t ram_start,
				     uint32_t (*enable)(uint32_t *ram_start))
{
	for (;;) {
		uint32_t wanted = ram_start;
		uint32_t result = enabled(settings, &wanted, enable);

		if (result != NRF_ERROR_NO_MEM)
			return result;
		/* Without an address that says how much: the links are beyond the 64 KiB. */
		if (!dfucast_s140_less(settings, wanted > ram_start ? wanted - ram_start : 0))
			return result;
	}
}
