/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway of apps/gateway_ble on the port for the SoftDevice, and on the board. */
#include "gateway.h"
#include "board.h"

#define QUEUE_BYTES 4096u

struct dfucast_s140 gateway_port;
static uintptr_t queue[QUEUE_BYTES / sizeof(uintptr_t)];

struct dfucast_s140_settings gateway_settings = {.central_links = GATEWAY_LINKS,
						 .write_queue = GATEWAY_WRITE_QUEUE,
						 .att_mtu = GATEWAY_MTU,
						 .pairings = GATEWAY_PAIRINGS};

uint32_t gateway_enable(uint32_t ram_start, uint32_t (*enable)(uint32_t *ram_start))
{
	return dfucast_s140_enable_fitting(&gateway_settings, ram_start, enable);
}

/* ---- the application's links ---- */

static enum dfucast_ble_ownership owner(void *context, const struct dfucast_ble_address *address,
					struct dfucast_ble_offer *offer)
{
	ble_gap_conn_params_t params = {0};
	uint16_t conn_handle = BLE_CONN_HANDLE_INVALID;
	uint16_t att_mtu = 0;
	enum dfucast_ble_ownership ownership = gateway_owner(address, &conn_handle, &params, &att_mtu);

	(void)context;
	if (ownership == DFUCAST_BLE_LENT &&
	    !dfucast_s140_offer(&gateway_port, conn_handle, &params, att_mtu, offer))
		return DFUCAST_BLE_OWNED_AWAY; /* it broke a moment ago */
	return ownership;
}

bool gateway_offer(uint16_t conn_handle, const struct dfucast_ble_address *address,
		   const ble_gap_conn_params_t *params, uint16_t att_mtu)
{
	struct dfucast_ble_offer offer;

	return dfucast_s140_offer(&gateway_port, conn_handle, params, att_mtu, &offer) &&
	       gateway_ble_offer(address, &offer);
}

bool gateway_uses(uint16_t conn_handle)
{
	return dfucast_s140_uses(&gateway_port, conn_handle);
}

/* ---- start ---- */

static uint32_t start_port(bool application_answers)
{
	struct dfucast_s140_config config = {
	    .hooks = {.mask = board_mask,
		      .unmask = board_unmask,
		      .pend = board_pend,
		      .secure = board_secure,
		      .advertisement = gateway_ble_heard},
	    .queue = queue,
	    .queue_bytes = sizeof(queue),
	    .att_mtu = gateway_settings.att_mtu,
	    .tag = 1,
	    .active_scan = true,
	    .application_answers = application_answers,
	};

	gateway_ble_central_memory(&config.central);
	config.central.conn_count = gateway_settings.central_links;
	config.central.write_queue = gateway_settings.write_queue;
	config.central.pairings = gateway_settings.pairings;
	config.central.air.slot_us = dfucast_s140_slot_us(&gateway_settings);
	return dfucast_s140_init(&gateway_port, &config);
}

static uint32_t run_port(uint32_t now)
{
	return dfucast_s140_run(&gateway_port, now);
}

uint32_t gateway_start(bool application_answers)
{
	struct gateway_ble_config config = {.central = &gateway_port.central,
					    .run = run_port,
					    .now = board_now,
					    .read = board_host_read,
					    .room = board_host_room,
					    .write = board_host_write,
					    .idle = board_host_idle,
					    .framing = GATEWAY_FRAMING,
					    .baud = BOARD_BAUD,
					    .owner = owner,
					    .file = board_sha256(0),
					    .content = board_sha256(1),
					    .boot_id = board_boot_id()};
	uint32_t result = start_port(application_answers);

	if (result != NRF_SUCCESS)
		return result;
	config.allowed_count = board_allowed(&config.allowed);
	gateway_ble_start(&config);
	return NRF_SUCCESS;
}

/* ---- running ---- */

void gateway_interrupt(void)
{
	dfucast_s140_interrupt(&gateway_port);
}

void gateway_observe(const ble_evt_t *event)
{
	dfucast_s140_observe(&gateway_port, event);
}

void gateway_not_secured(uint16_t conn_handle, uint8_t status)
{
	dfucast_s140_not_secured(&gateway_port, conn_handle, status);
}

uint32_t gateway_poll(void)
{
	uint32_t deadline = gateway_ble_poll();

	if (gateway_ble_wants_reset())
		board_reset();
	return deadline;
}
