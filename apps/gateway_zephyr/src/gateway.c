/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's parts put together. */
#include "gateway.h"

#include <dfucast/framing.h>
#include <string.h>

#define HOST_FRAME_MAX 2475u
#define ANSWER_BYTES 1024u
#define LONG_ANSWERS 2u
#define LONG_ANSWER_BYTES 512u
#define HEARD 24u
#define LINKS CONFIG_GATEWAY_LINKS
#define TARGETS CONFIG_GATEWAY_TARGETS
#define HOST_NODE DT_CHOSEN(dfucast_host)

BUILD_ASSERT(DFUCAST_ZEPHYR_BUFFERS(LINKS, CONFIG_GATEWAY_WRITE_QUEUE) <= CONFIG_BT_L2CAP_TX_BUF_COUNT,
	     "CONFIG_BT_L2CAP_TX_BUF_COUNT: GATEWAY_LINKS x (GATEWAY_WRITE_QUEUE + 1) at least");

/* ---- memory: all there is ---- */

static struct dfucast_gateway gateway;
static struct dfucast_zephyr port;
static struct dfucast_ble_fleet fleet;
static uint8_t ring[CONFIG_GATEWAY_RING_BYTES];
static struct dfucast_update devices[TARGETS];
static struct dfucast_cast_target cast_targets[TARGETS];
static struct dfucast_gateway_target plan_targets[TARGETS];
static struct dfucast_gateway_target defaults[TARGETS];
static struct dfucast_ble_target ble_targets[TARGETS];
static struct dfucast_ble_conn conns[LINKS];
static struct dfucast_ble_pool pool;
static uint8_t long_answers[LONG_ANSWERS][LONG_ANSWER_BYTES];
static uint8_t value[CONFIG_BT_L2CAP_TX_MTU - 3];
static struct dfucast_ble_heard heard[HEARD];
static uint32_t sums[128];
static struct dfucast_smp_fleet_event events[32];
static uint8_t relayed[LONG_ANSWER_BYTES];
static struct dfucast_gateway_port port_calls;
static struct {
	struct dfucast_framing framing;
	uint8_t frame[HOST_FRAME_MAX + 4]; /* as it comes in, with its length and CRC */
	uint8_t answer[ANSWER_BYTES];
} host;
static bool reset_wanted;

/* ---- the application's links ---- */

static enum dfucast_ble_ownership owner(void *context, const struct dfucast_ble_address *address,
					struct dfucast_ble_offer *offer)
{
	struct bt_conn *conn = NULL;

	ARG_UNUSED(context);
	if (!gateway_owns(address, &conn))
		return DFUCAST_BLE_NOT_OWNED;
	return conn != NULL && dfucast_zephyr_offer(&port, conn, offer) ? DFUCAST_BLE_LENT
									: DFUCAST_BLE_OWNED_AWAY;
}

bool gateway_offer(struct bt_conn *conn)
{
	struct dfucast_ble_address address = dfucast_zephyr_address(bt_conn_get_dst(conn));
	struct dfucast_ble_offer offer;

	return dfucast_zephyr_offer(&port, conn, &offer) &&
	       dfucast_ble_fleet_offer(&fleet, &address, &offer, dfucast_zephyr_now());
}

bool gateway_uses(struct bt_conn *conn)
{
	return dfucast_zephyr_uses(&port, conn);
}

/* ---- start ---- */

static void on_advertisement(void *context, const struct dfucast_ble_report *report)
{
	ARG_UNUSED(context);
	dfucast_ble_fleet_heard(&fleet, report);
}

static int start_port(struct k_sem *wake)
{
	const struct dfucast_zephyr_config config = {
	    .central = {.air = {.slot_us = DFUCAST_ZEPHYR_SLOT_US},
			.targets = ble_targets,
			.conns = conns,
			.value = value,
			.pool = &pool,
			.target_count = TARGETS,
			.value_bytes = sizeof(value),
			.conn_count = LINKS,
			.write_queue = CONFIG_GATEWAY_WRITE_QUEUE},
	    .wake = wake,
	    .active_scan = true,
	    .advertisement = on_advertisement,
	};

	dfucast_ble_pool_init(&pool, long_answers[0], LONG_ANSWER_BYTES, LONG_ANSWERS);
	return dfucast_zephyr_init(&port, &config);
}

static void reset(void *context)
{
	ARG_UNUSED(context);
	reset_wanted = true; /* once the answer is out */
}

/* CONFIG_GATEWAY_ALLOWED: addresses with blanks between. What is no address is left out. */
static uint16_t default_targets(void)
{
	const char *text = CONFIG_GATEWAY_ALLOWED;
	struct dfucast_ble_address address;
	uint16_t count = 0;

	while (*text != '\0' && count < TARGETS) {
		size_t length = strcspn(text, " ");

		if (dfucast_ble_address_parse(text, length, &address))
			defaults[count++] = dfucast_ble_fleet_target(&address);
		text += length;
		text += *text == ' ' ? 1 : 0;
	}
	return count;
}

static void start_gateway(void)
{
	const struct dfucast_gateway_config config = {.cast = {.devices = devices,
							       .device_bytes = sizeof(devices[0]),
							       .targets = cast_targets,
							       .count = TARGETS,
							       .links_max = LINKS,
							       .ring = ring,
							       .ring_bytes = sizeof(ring),
							       .canary = 1,
							       .gather_ms = 10000},
						      .targets = plan_targets,
						      .defaults = defaults,
						      .default_count = default_targets(),
						      .port = &port_calls,
						      .file = dfucast_zephyr_sha256(0),
						      .content = dfucast_zephyr_sha256(1),
						      .sums = sums,
						      .sum_count = ARRAY_SIZE(sums),
						      .answer = host.answer,
						      .answer_bytes = sizeof(host.answer),
						      .buf_size = HOST_FRAME_MAX,
						      .host_baud = DT_PROP(HOST_NODE, current_speed),
						      .relay = relayed,
						      .relay_bytes = sizeof(relayed),
						      .boot_id = sys_rand32_get(),
						      .version = DFUCAST_VERSION,
						      .log = events,
						      .log_count = ARRAY_SIZE(events)};

	dfucast_gateway_init(&gateway, &config);
}

int gateway_start(const struct device *uart, struct k_sem *wake)
{
	const struct dfucast_ble_fleet_config config = {.central = &port.central,
							.gateway = &gateway,
							.heard = heard,
							.heard_count = HEARD,
							.owner = owner};
	int code = start_port(wake);

	if (code != 0)
		return code;
	dfucast_ble_fleet_init(&fleet, &config);
	dfucast_ble_fleet_port(&fleet, &port_calls);
	port_calls.reset = reset;
	dfucast_framing_init(&host.framing,
			     IS_ENABLED(CONFIG_GATEWAY_FRAMING_COBS) ? DFUCAST_FRAMING_COBS
								     : DFUCAST_FRAMING_CONSOLE,
			     host.frame, sizeof(host.frame));
	start_gateway();
	return dfucast_zephyr_uart_init(uart, wake);
}

/* ---- running ---- */

static void take(void *context, const uint8_t *frame, size_t length)
{
	ARG_UNUSED(context);
	dfucast_gateway_recv(&gateway, frame, length, dfucast_zephyr_now());
}

static void host_receive(void)
{
	const struct dfucast_frame_sink sink = {NULL, take};
	uint8_t bytes[64];
	size_t length;

	while ((length = dfucast_zephyr_uart_read(bytes, sizeof(bytes))) > 0)
		dfucast_framing_recv(&host.framing, bytes, length, &sink);
}

static void host_send(void)
{
	const struct dfucast_frame_source source = dfucast_gateway_frame_source(&gateway);
	uint8_t block[DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t length;

	while (dfucast_zephyr_uart_room() >= sizeof(block) &&
	       (length = dfucast_framing_send(&host.framing, &source, block, sizeof(block))) > 0)
		dfucast_zephyr_uart_write(block, length);
}

uint32_t gateway_poll(void)
{
	uint32_t deadline, other;

	host_receive();
	dfucast_ble_fleet_run(&fleet, dfucast_zephyr_now());
	dfucast_gateway_run(&gateway, dfucast_zephyr_now());
	(void)dfucast_zephyr_run(&port, dfucast_zephyr_now());
	/* What devices answered may have moved the stream: the host is told at once, and they get what there is. */
	dfucast_gateway_run(&gateway, dfucast_zephyr_now());
	deadline = dfucast_zephyr_run(&port, dfucast_zephyr_now());
	host_send();
	if (dfucast_gateway_deadline(&gateway, &other) && (int32_t)(other - deadline) < 0)
		deadline = other;
	return deadline;
}

bool gateway_is_busy(void)
{
	return gateway.state != DFUCAST_SMP_FLEET_IDLE;
}

bool gateway_wants_reset(void)
{
	return reset_wanted && dfucast_zephyr_uart_idle();
}
