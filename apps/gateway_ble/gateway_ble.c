/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_ble.h"
#include "gateway_sizes.h"

#define HOST_FRAME_MAX 2475u /* what MCUmgr's clients send at most where a server says so */
#define ANSWER_BYTES 1024u
#define LONG_ANSWERS 2u
#define RELAYED_BYTES 512u
#define HEARD 24u
#define SUMS 128u
#define EVENTS 32u
#ifndef GATEWAY_MATCH_BYTES
#define GATEWAY_MATCH_BYTES 512u /* as ten boards or names of 28 letters, each in a list of its own */
#endif

/* ---- memory: all there is ---- */

struct dfucast_gateway gateway_core;
static struct dfucast_ble_fleet fleet;
static uint8_t ring[GATEWAY_RING_BYTES];
static struct dfucast_update devices[GATEWAY_TARGETS];
static struct dfucast_cast_target cast_targets[GATEWAY_TARGETS];
static struct dfucast_gateway_target plan_targets[GATEWAY_TARGETS];
static struct dfucast_gateway_target defaults[GATEWAY_TARGETS];
static struct dfucast_ble_target ble_targets[GATEWAY_TARGETS];
static struct dfucast_ble_conn conns[GATEWAY_LINKS];
static struct dfucast_ble_pool pool;
static uint8_t long_answers[LONG_ANSWERS][DFUCAST_BLE_LONG_ANSWER_BYTES];
static uint8_t value[GATEWAY_VALUE_BYTES];
static struct dfucast_ble_heard heard[HEARD];
static uint32_t sums[SUMS];
static struct dfucast_smp_fleet_event events[EVENTS];
static uint8_t relayed[RELAYED_BYTES];
static struct dfucast_match match[GATEWAY_MATCH_BYTES / sizeof(struct dfucast_match)];
static struct dfucast_gateway_port port_calls;
static struct gateway_ble_config program;
static struct {
	struct dfucast_framing framing;
	uint8_t frame[HOST_FRAME_MAX + 4]; /* as it comes in, with its length and CRC */
	uint8_t answer[ANSWER_BYTES];
} host;
static bool reset_wanted;

/* ---- start ---- */

void gateway_ble_central_memory(struct dfucast_ble_central_config *config)
{
	dfucast_ble_pool_init(&pool, long_answers[0], DFUCAST_BLE_LONG_ANSWER_BYTES, LONG_ANSWERS);
	config->targets = ble_targets;
	config->target_count = GATEWAY_TARGETS;
	config->conns = conns;
	config->conn_count = GATEWAY_LINKS;
	config->value = value;
	config->value_bytes = sizeof(value);
	config->pool = &pool;
	config->write_queue = GATEWAY_WRITE_QUEUE;
}

static void reset(void *context)
{
	(void)context;
	reset_wanted = true; /* once the answer is out */
}

static uint16_t default_targets(void)
{
	uint16_t count = program.allowed_count < GATEWAY_TARGETS ? program.allowed_count : GATEWAY_TARGETS;

	for (uint16_t i = 0; i < count; i++)
		defaults[i] = dfucast_ble_fleet_target(&program.allowed[i]);
	return count;
}

static void start_gateway(void)
{
	const uint16_t links = program.central->config.conn_count;
	const struct dfucast_gateway_config config = {.cast = {.devices = devices,
							       .device_bytes = sizeof(devices[0]),
							       .targets = cast_targets,
							       .count = GATEWAY_TARGETS,
							       .links_max = links,
							       .ring = ring,
							       .ring_bytes = sizeof(ring),
							       .canary = 1,
							       .gather_ms = 10000},
						      .targets = plan_targets,
						      .defaults = defaults,
						      .default_count = default_targets(),
						      .port = &port_calls,
						      .mixed = program.is_own_image != NULL,
						      .file = program.file,
						      .content = program.content,
						      .sums = sums,
						      .sum_count = SUMS,
						      .answer = host.answer,
						      .answer_bytes = sizeof(host.answer),
						      .buf_size = HOST_FRAME_MAX,
						      .host_baud = program.baud,
						      .match = match,
						      .match_bytes = sizeof(match),
						      .relay = relayed,
						      .relay_bytes = sizeof(relayed),
						      .boot_id = program.boot_id,
						      .version = DFUCAST_VERSION,
						      .log = events,
						      .log_count = EVENTS};

	dfucast_gateway_init(&gateway_core, &config);
}

void gateway_ble_start(const struct gateway_ble_config *config)
{
	const struct dfucast_ble_fleet_config of_fleet = {.central = config->central,
							  .gateway = &gateway_core,
							  .heard = heard,
							  .heard_count = HEARD,
							  .owner = config->owner};

	program = *config;
	reset_wanted = false;
	dfucast_ble_fleet_init(&fleet, &of_fleet);
	dfucast_ble_fleet_port(&fleet, &port_calls);
	port_calls.reset = reset;
	port_calls.local_smp = program.local_smp;
	port_calls.is_own_image = program.is_own_image;
	dfucast_framing_init(&host.framing, program.framing, host.frame, sizeof(host.frame));
	start_gateway();
}

/* ---- running ---- */

void gateway_ble_heard(void *context, const struct dfucast_ble_report *report)
{
	(void)context;
	dfucast_ble_fleet_heard(&fleet, report);
}

bool gateway_ble_offer(const struct dfucast_ble_address *address, struct dfucast_ble_offer *offer)
{
	return dfucast_ble_fleet_offer(&fleet, address, offer, program.now());
}

static void take(void *context, const uint8_t *frame, size_t length)
{
	(void)context;
	dfucast_gateway_recv(&gateway_core, frame, length, program.now());
}

static void host_receive(void)
{
	const struct dfucast_frame_sink sink = {NULL, take};
	uint8_t bytes[64];
	size_t length;

	while ((length = program.read(bytes, sizeof(bytes))) > 0)
		dfucast_framing_recv(&host.framing, bytes, length, &sink);
}

static void host_send(void)
{
	const struct dfucast_frame_source source = dfucast_gateway_frame_source(&gateway_core);
	uint8_t block[DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t length;

	while (program.room() >= sizeof(block) &&
	       (length = dfucast_framing_send(&host.framing, &source, block, sizeof(block))) > 0)
		program.write(block, length);
}

uint32_t gateway_ble_poll(void)
{
	uint32_t deadline, other;

	host_receive();
	dfucast_ble_fleet_run(&fleet, program.now());
	dfucast_gateway_run(&gateway_core, program.now());
	(void)program.run(program.now());
	/* What devices answered may have moved the stream: the host is told at once, and they get what there is. */
	dfucast_gateway_run(&gateway_core, program.now());
	deadline = program.run(program.now());
	host_send();
	if (dfucast_gateway_deadline(&gateway_core, &other) && (int32_t)(other - deadline) < 0)
		deadline = other;
	return deadline;
}

bool gateway_ble_is_busy(void)
{
	return gateway_core.state != DFUCAST_SMP_FLEET_IDLE;
}

bool gateway_ble_wants_reset(void)
{
	return reset_wanted && program.idle();
}
