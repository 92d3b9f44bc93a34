/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bad wire between host and gateway: one byte in ten thousand flipped, dropped, doubled, or followed by one that nobody
 * sent, in both directions, on console and COBS framing. Every update completes, and what is activated is the image.
 */
#include "gateway_checks.h"

#include <dfucast/framing.h>
#include <dfucast/host.h>

#undef IMAGE_BYTES
#define IMAGE_BYTES 150000u
#define FRAME_BYTES 640u
#define DEVICES 2

enum noise { FLIPPED, DROPPED, DOUBLED, INSERTED, NOISES };

struct end {
	struct dfucast_framing framing;
	uint8_t rx[GATEWAY_SIM_FRAME_BYTES + 4];
};

static struct gateway_sim *sim;
static struct dfucast_host host;
static struct end ends[2]; /* the host's, the gateway's */
static uint8_t frame[FRAME_BYTES];
static uint64_t chance;
static uint32_t hits;
static unsigned int done;

static uint32_t draw(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (uint32_t)(chance >> 16);
}

static void to_host(void *context, const uint8_t *bytes, size_t length)
{
	(void)context;
	dfucast_host_recv(&host, bytes, length, gateway_sim_now(sim));
}

static void to_gateway(void *context, const uint8_t *bytes, size_t length)
{
	(void)context;
	dfucast_gateway_recv(&sim->gateway, bytes, length, gateway_sim_now(sim));
	sim_fleet_touch(sim->fleet);
}

static void report(void *context, const struct dfucast_smp_fleet_report *one)
{
	(void)context;
	done += one->state == DFUCAST_STATE_DONE;
}

/* What came out at one end goes in at the other, with its share of noise. */
static void carry(unsigned int from, enum noise noise, const struct dfucast_frame_source *source,
		  const struct dfucast_frame_sink *sink)
{
	uint8_t sent[DFUCAST_FRAMING_SEND_BYTES_MIN];
	uint8_t come[2 * DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t length = dfucast_framing_send(&ends[from].framing, source, sent, sizeof(sent));
	size_t count = 0;

	for (size_t i = 0; i < length; i++) {
		bool hit = draw() % 10000u == 0;

		hits += hit;
		if (hit && noise == DROPPED) {
			continue;
		}
		come[count] = sent[i];
		if (hit && noise == FLIPPED) {
			come[count] = (uint8_t)(come[count] ^ 1u << draw() % 8u);
		}
		count++;
		if (hit && noise == DOUBLED) {
			come[count++] = sent[i];
		} else if (hit && noise == INSERTED) {
			come[count++] = (uint8_t)draw();
		}
	}
	dfucast_framing_recv(&ends[1 - from].framing, come, count, sink);
}

static void update(enum dfucast_framing_kind framing, enum noise noise, uint64_t seed)
{
	const struct dfucast_frame_sink host_sink = {NULL, to_host};
	const struct dfucast_frame_sink gateway_sink = {NULL, to_gateway};
	struct dfucast_smp_fleet_target targets[DEVICES] = {
	    {.id = {"0", 1}, .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY},
	    {.id = {"1", 1}, .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY}};
	struct dfucast_smp_fleet_plan plan;
	struct dfucast_frame_source requests;
	struct dfucast_frame_source answers;
	uint32_t gap_ms = 0;

	sim = gateway_sim_new("n=2", IMAGE_BYTES);
	gateway_sim_begin(sim);
	fill_plan(sim, &plan);
	chance = seed * 2654435761u + 88172645463325252ull;
	done = 0;
	for (unsigned int i = 0; i < 2; i++) {
		dfucast_framing_init(&ends[i].framing, framing, ends[i].rx, sizeof(ends[i].rx));
	}
	const struct dfucast_host_config config = {.plan = &plan,
						   .targets = targets,
						   .target_count = DEVICES,
						   .frame = frame,
						   .frame_bytes = sizeof(frame),
						   .report = report};

	dfucast_host_init(&host, &config);
	dfucast_host_start(&host, gateway_sim_now(sim));
	requests = dfucast_host_frame_source(&host);
	answers = dfucast_gateway_frame_source(&sim->gateway);
	while (host.state < DFUCAST_HOST_DONE) {
		uint32_t now = gateway_sim_now(sim);
		uint32_t offset;
		uint32_t length;

		assert_true(now < 900000);
		dfucast_host_tick(&host, now);
		while (dfucast_host_want(&host, &offset, &length)) {
			(void)dfucast_host_feed(&host, offset, sim->image + offset, length, now);
		}
		carry(0, noise, &requests, &gateway_sink);
		carry(1, noise, &answers, &host_sink);
		/* As a port does: a frame whose rest does not come is given up. */
		gap_ms++;
		if (gap_ms % 3000u == 0) {
			dfucast_framing_rx_timeout(&ends[0].framing);
			dfucast_framing_rx_timeout(&ends[1].framing);
		}
		gateway_sim_wait(sim, 1);
	}
	assert_int_equal(host.state, DFUCAST_HOST_DONE);
	assert_int_equal(done, DEVICES);
	assert_clean(sim);
	gateway_sim_free(sim);
}

static void all(enum dfucast_framing_kind framing)
{
	for (unsigned int noise = 0; noise < NOISES; noise++) {
		hits = 0;
		for (uint64_t seed = 1; seed <= 4; seed++) {
			update(framing, (enum noise)noise, seed);
		}
		assert_true(hits > 20); /* or this proves nothing */
	}
}

static void test_console(void **state)
{
	(void)state;
	all(DFUCAST_FRAMING_CONSOLE);
}

static void test_cobs(void **state)
{
	(void)state;
	all(DFUCAST_FRAMING_COBS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_console),
	    cmocka_unit_test(test_cobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
