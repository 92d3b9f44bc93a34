/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's parts put together: host UART, gateway core, fleet, central's logic, SoftDevice. */
#include "gateway.h"
#include "board.h"

#include <dfucast/framing.h>
#include <string.h>

#define HOST_FRAME_MAX 2475u
#define ANSWER_BYTES 1024u
#define LONG_ANSWERS 2u
#define LONG_ANSWER_BYTES 512u
#define QUEUE_BYTES 4096u
#define HEARD 24u

/* ---- memory: all there is ---- */

struct dfucast_gateway gateway_core;
struct dfucast_s140 gateway_port;
static struct dfucast_ble_fleet fleet;
static uint8_t ring[GATEWAY_RING_BYTES];
static struct dfucast_update devices[GATEWAY_TARGETS];
static struct dfucast_cast_target cast_targets[GATEWAY_TARGETS];
static struct dfucast_gateway_target plan_targets[GATEWAY_TARGETS];
static struct dfucast_gateway_target defaults[GATEWAY_TARGETS];
static struct dfucast_ble_target ble_targets[GATEWAY_TARGETS];
static struct dfucast_ble_conn conns[GATEWAY_LINKS];
static struct dfucast_ble_pool pool;
static uint8_t long_answers[LONG_ANSWERS][LONG_ANSWER_BYTES];
static uint8_t value[GATEWAY_MTU - 3];
static uintptr_t queue[QUEUE_BYTES / sizeof(uintptr_t)];
static struct dfucast_ble_heard heard[HEARD];
static uint32_t sums[128];
static struct dfucast_smp_fleet_event events[32];
static struct dfucast_gateway_port port_calls;
static struct {
	struct dfucast_framing framing;
	uint8_t frame[HOST_FRAME_MAX + 4]; /* as it comes in, with its length and CRC */
	uint8_t answer[ANSWER_BYTES];
} host;
static bool reset_wanted;

const struct dfucast_s140_settings gateway_settings = {
    .central_links = GATEWAY_LINKS, .write_queue = GATEWAY_WRITE_QUEUE, .att_mtu = GATEWAY_MTU};

uint32_t gateway_enable(uint32_t *ram_start)
{
	return dfucast_s140_enable(&gateway_settings, ram_start);
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
	       dfucast_ble_fleet_offer(&fleet, address, &offer, board_now());
}

bool gateway_uses(uint16_t conn_handle)
{
	return dfucast_s140_uses(&gateway_port, conn_handle);
}

/* ---- start ---- */

static void on_advertisement(void *context, const struct dfucast_ble_report *report)
{
	(void)context;
	dfucast_ble_fleet_heard(&fleet, report);
}

static uint32_t start_port(bool application_answers)
{
	const struct dfucast_s140_config config = {
	    .central = {.air = {.slot_us = dfucast_s140_slot_us(&gateway_settings)},
			.targets = ble_targets,
			.conns = conns,
			.value = value,
			.pool = &pool,
			.target_count = GATEWAY_TARGETS,
			.value_bytes = sizeof(value),
			.conn_count = GATEWAY_LINKS,
			.write_queue = GATEWAY_WRITE_QUEUE},
	    .hooks = {.mask = board_mask,
		      .unmask = board_unmask,
		      .pend = board_pend,
		      .secure = board_secure,
		      .advertisement = on_advertisement},
	    .queue = queue,
	    .queue_bytes = sizeof(queue),
	    .att_mtu = GATEWAY_MTU,
	    .tag = 1,
	    .active_scan = true,
	    .application_answers = application_answers,
	};

	dfucast_ble_pool_init(&pool, long_answers[0], LONG_ANSWER_BYTES, LONG_ANSWERS);
	return dfucast_s140_init(&gateway_port, &config);
}

static void reset(void *context)
{
	(void)context;
	reset_wanted = true; /* once the answer is out */
}

static uint16_t default_targets(void)
{
	const struct dfucast_ble_address *addresses = NULL;
	uint16_t count = board_allowed(&addresses);

	count = count < GATEWAY_TARGETS ? count : GATEWAY_TARGETS;
	for (uint16_t i = 0; i < count; i++)
		defaults[i] = dfucast_ble_fleet_target(&addresses[i]);
	return count;
}

static void start_gateway(void)
{
	const struct dfucast_gateway_config config = {.cast = {.devices = devices,
							       .device_bytes = sizeof(devices[0]),
							       .targets = cast_targets,
							       .count = GATEWAY_TARGETS,
							       .links_max = GATEWAY_LINKS,
							       .ring = ring,
							       .ring_bytes = sizeof(ring),
							       .canary = 1,
							       .gather_ms = 10000},
						      .targets = plan_targets,
						      .defaults = defaults,
						      .default_count = default_targets(),
						      .port = &port_calls,
						      .file = board_sha256(0),
						      .content = board_sha256(1),
						      .sums = sums,
						      .sum_count = sizeof(sums) / sizeof(sums[0]),
						      .answer = host.answer,
						      .answer_bytes = sizeof(host.answer),
						      .buf_size = HOST_FRAME_MAX,
						      .host_baud = BOARD_BAUD,
						      .boot_id = board_boot_id(),
						      .version = DFUCAST_VERSION,
						      .log = events,
						      .log_count = sizeof(events) / sizeof(events[0])};

	dfucast_gateway_init(&gateway_core, &config);
}

uint32_t gateway_start(bool application_answers)
{
	const struct dfucast_ble_fleet_config config = {.central = &gateway_port.central,
							.gateway = &gateway_core,
							.heard = heard,
							.heard_count = HEARD,
							.owner = owner};
	uint32_t result = start_port(application_answers);

	if (result != NRF_SUCCESS)
		return result;
	dfucast_ble_fleet_init(&fleet, &config);
	dfucast_ble_fleet_port(&fleet, &port_calls);
	port_calls.reset = reset;
	dfucast_framing_init(&host.framing, GATEWAY_FRAMING, host.frame, sizeof(host.frame));
	start_gateway();
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

static void take(void *context, const uint8_t *frame, size_t length)
{
	(void)context;
	dfucast_gateway_recv(&gateway_core, frame, length, board_now());
}

static void host_receive(void)
{
	const struct dfucast_frame_sink sink = {NULL, take};
	uint8_t bytes[64];
	size_t length;

	while ((length = board_host_read(bytes, sizeof(bytes))) > 0)
		dfucast_framing_recv(&host.framing, bytes, length, &sink);
}

static void host_send(void)
{
	const struct dfucast_frame_source source = dfucast_gateway_frame_source(&gateway_core);
	uint8_t block[DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t length;

	while (board_host_room() >= sizeof(block) &&
	       (length = dfucast_framing_send(&host.framing, &source, block, sizeof(block))) > 0)
		board_host_write(block, length);
	if (reset_wanted && board_host_idle())
		board_reset();
}

uint32_t gateway_poll(void)
{
	uint32_t deadline, other;

	host_receive();
	dfucast_ble_fleet_run(&fleet, board_now());
	dfucast_gateway_run(&gateway_core, board_now());
	(void)dfucast_s140_run(&gateway_port, board_now());
	/* What devices answered may have moved the stream: the host is told at once, and they get what there is. */
	dfucast_gateway_run(&gateway_core, board_now());
	deadline = dfucast_s140_run(&gateway_port, board_now());
	host_send();
	if (dfucast_gateway_deadline(&gateway_core, &other) && (int32_t)(other - deadline) < 0)
		deadline = other;
	return deadline;
}
