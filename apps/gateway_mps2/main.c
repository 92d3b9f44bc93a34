/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway on bare metal: a host on UART 0, four SMP devices on UART 1 … 4, a window of 64 KiB, no OS and no heap.
 * Any SMP tool that uploads an image to UART 0 updates all four. What the host sees: docs/gateway-protocol.md.
 */
#include "hash.h"
#include "link.h"
#include "stat.h"

#include <dfucast/gateway.h>
#include <string.h>

#ifndef GATEWAY_RING_BYTES
#define GATEWAY_RING_BYTES 65536u
#endif
#ifndef GATEWAY_HOST_FRAMING
#define GATEWAY_HOST_FRAMING DFUCAST_FRAMING_CONSOLE /* stock tools' own */
#endif
#define DEVICES 4u
#define BAUD 115200u
#define HOST_FRAME_MAX 2475u /* what MCUmgr's clients send at most where a server says so */
#define ANSWER_BYTES 1024u

static struct dfucast_gateway gateway;

/* ---- memory: all there is ---- */

static uint8_t ring[GATEWAY_RING_BYTES];
static struct dfucast_update devices[DEVICES];
static struct dfucast_cast_target targets[DEVICES];
static struct dfucast_gateway_target plan_targets[DEVICES];
static struct mps2_link links[DEVICES];
static struct {
	struct mps2_uart uart;
	struct dfucast_framing framing;
	uint8_t frame[HOST_FRAME_MAX + 4]; /* as it comes in, with its length and CRC */
	uint8_t answer[ANSWER_BYTES];
	uint8_t rx_ring[1024];
	uint8_t tx_ring[512];
} host;
static crypto_hash_sha256_state file_hash, content_hash;
static uint32_t sums[128];
static uint8_t relayed[MPS2_LINK_FRAME_MAX];
static struct dfucast_match match[64]; /* with the texts behind them */
static struct dfucast_smp_fleet_event events[32];
static bool reset_wanted;

/* ---- targets: a device is the UART it is wired to, "uart1" … "uart4" ---- */

static const struct dfucast_gateway_target all_devices[DEVICES] = {
    {.address = {1}}, {.address = {2}}, {.address = {3}}, {.address = {4}}};

static bool resolve(void *context, const struct dfucast_smp_fleet_target *wanted,
		    struct dfucast_gateway_target *target)
{
	const struct dfucast_smp_text *id = &wanted->id;
	const unsigned int uart = id->length == 5 ? (unsigned int)(uint8_t)id->text[4] - '0' : 0;

	(void)context;
	if (uart < 1 || uart > DEVICES || memcmp(id->text, "uart", 4) != 0)
		return false;
	target->address[0] = (uint8_t)uart;
	return true;
}

static size_t name(void *context, const struct dfucast_gateway_target *target, char *text, size_t capacity)
{
	const char whole[5] = {'u', 'a', 'r', 't', (char)('0' + target->address[0])};
	const size_t length = capacity < sizeof(whole) ? capacity : sizeof(whole);

	(void)context;
	memcpy(text, whole, length);
	return length;
}

/* A wire is always in range. */
static bool seen(void *context, uint32_t index, struct dfucast_smp_fleet_seen *found)
{
	static char id[5];

	if (index >= DEVICES)
		return false;
	*found = (struct dfucast_smp_fleet_seen){
	    .id = {id, (uint16_t)name(context, &all_devices[index], id, sizeof(id))}};
	return true;
}

static struct mps2_link *link_of(uint16_t target)
{
	return &links[dfucast_gateway_target(&gateway, target)->address[0] - 1];
}

/* The answer goes out first. */
static void reset(void *context)
{
	(void)context;
	reset_wanted = true;
}

/* What is not the fleet's: how the gateway itself is. */
static size_t local_smp(void *context, const uint8_t *frame, size_t length, uint8_t *answer, size_t capacity)
{
	uint32_t lost = host.uart.overflows;

	(void)context;
	for (unsigned int i = 0; i < DEVICES; i++)
		lost += links[i].uart.overflows;
	const struct stat_counter counters[] = {
	    {"uptime_ms", mps2_now()},           {"passes", gateway.cast.passes},
	    {"ring_bytes", sizeof(ring)},        {"ring_wraps", gateway.cast.ring.wraps},
	    {"uart_bytes_lost", lost},           {"host_frames_dropped", host.framing.frames_dropped},
	    {"stack_bytes", mps2_stack_bytes()}, {"stack_peak", mps2_stack_peak()}};

	return stat_answer(frame, length, answer, capacity, counters, sizeof(counters) / sizeof(counters[0]));
}

/* ---- the gateway, and its host ---- */

static void start(void)
{
	static const struct dfucast_gateway_port port = {
	    .resolve = resolve, .name = name, .local_smp = local_smp, .reset = reset, .seen = seen};
	const struct dfucast_gateway_config config = {
	    .cast = {.devices = devices,
		     .device_bytes = sizeof(devices[0]),
		     .targets = targets,
		     .count = DEVICES,
		     .ring = ring,
		     .ring_bytes = sizeof(ring),
		     .canary = 1,
		     .gather_ms = 10000},
	    .targets = plan_targets,
	    .defaults = all_devices, /* a stock tool's update is for all that is wired */
	    .default_count = DEVICES,
	    .port = &port,
	    .file = mps2_sha256(&file_hash),
	    .content = mps2_sha256(&content_hash),
	    .sums = sums,
	    .sum_count = sizeof(sums) / sizeof(sums[0]),
	    .answer = host.answer,
	    .answer_bytes = sizeof(host.answer),
	    .buf_size = HOST_FRAME_MAX,
	    .host_baud = BAUD,
	    .match = match,
	    .match_bytes = sizeof(match),
	    .relay = relayed,
	    .relay_bytes = sizeof(relayed),
	    .boot_id = mps2_ticks(), /* of the host's first byte, in 40 ns: not twice the same */
	    .version = DFUCAST_VERSION,
	    .log = events,
	    .log_count = sizeof(events) / sizeof(events[0])};

	dfucast_gateway_init(&gateway, &config);
}

static void take(void *context, const uint8_t *frame, size_t length)
{
	(void)context;
	dfucast_gateway_recv(&gateway, frame, length, mps2_now());
}

static void host_receive(void)
{
	const struct dfucast_frame_sink sink = {NULL, take};
	uint8_t bytes[64];
	size_t length;

	while ((length = mps2_uart_read(&host.uart, bytes, sizeof(bytes))) > 0)
		dfucast_framing_recv(&host.framing, bytes, length, &sink);
}

static void host_send(void)
{
	const struct dfucast_frame_source source = dfucast_gateway_frame_source(&gateway);
	uint8_t block[DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t length;

	while (mps2_uart_room(&host.uart) >= sizeof(block) &&
	       (length = dfucast_framing_send(&host.framing, &source, block, sizeof(block))) > 0)
		mps2_uart_write(&host.uart, block, length);
	if (reset_wanted && mps2_uart_room(&host.uart) == sizeof(host.tx_ring))
		mps2_reboot();
}

static void receive_from_devices(void)
{
	for (uint16_t i = 0; i < DEVICES; i++)
		mps2_link_receive(&links[i], dfucast_gateway_cast(&gateway));
}

/* @return true: links were opened or closed, so there may be more to do */
static bool serve_devices(void)
{
	struct dfucast_cast *cast = dfucast_gateway_cast(&gateway);
	struct dfucast_link_request request;
	bool served = false;

	while (dfucast_cast_next_request(cast, &request, mps2_now())) {
		mps2_link_obey(link_of(request.link.target), cast, &request);
		served = true;
	}
	for (uint16_t i = 0; i < DEVICES; i++)
		mps2_link_send(&links[i], cast);
	return served;
}

int main(void)
{
	uint32_t deadline;

	mps2_clock_start();
	mps2_uart_open(&host.uart, 0, BAUD, host.rx_ring, sizeof(host.rx_ring), host.tx_ring,
		       sizeof(host.tx_ring));
	dfucast_framing_init(&host.framing, GATEWAY_HOST_FRAMING, host.frame, sizeof(host.frame));
	for (unsigned int i = 0; i < DEVICES; i++)
		mps2_link_init(&links[i], all_devices[i].address[0], BAUD);
	while (mps2_uart_waiting(&host.uart) == 0) {
		receive_from_devices(); /* what they say while they boot */
		mps2_sleep(NULL);
	}
	start();
	for (;;) {
		host_receive();
		receive_from_devices();
		dfucast_gateway_run(&gateway, mps2_now());
		const bool again = serve_devices();

		host_send();
		if (!again)
			mps2_sleep(dfucast_gateway_deadline(&gateway, &deadline) ? &deadline : NULL);
	}
}
