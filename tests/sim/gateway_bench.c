/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's rows of ./dev bench, in virtual time: one JSON object a row, each with its goal. What a host's wire
 * carries for one byte of the image, how long the host is held back, and how long the whole takes beside the limit.
 */
#include "gateway_sim.h"

#include <dfucast/framing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_BYTES 262144u

static unsigned int rows_short;

/* @param goal  at most; 0: none */
static void row(const char *name, const char *what, double figure, double goal)
{
	bool ok = goal == 0 || figure <= goal;

	rows_short += !ok;
	printf("{\"row\": \"%s\", \"what\": \"%s\", \"figure\": %.4f, \"goal\": ", name, what, figure);
	if (goal == 0) {
		printf("null");
	} else {
		printf("\"<= %.3g\"", goal);
	}
	printf(", \"ok\": %s}\n", ok ? "true" : "false");
	fflush(stdout);
}

/* ---- octets on the host's wire ---- */

struct one_frame {
	uint8_t bytes[GATEWAY_SIM_FRAME_BYTES];
	size_t length;
};

static size_t begin(void *context)
{
	return ((struct one_frame *)context)->length;
}

static void read_part(void *context, size_t position, uint8_t *buffer, size_t length)
{
	memcpy(buffer, ((struct one_frame *)context)->bytes + position, length);
}

static void done(void *context)
{
	((struct one_frame *)context)->length = 0;
}

/* All upload requests of the image, framed: octets towards the gateway. */
static double octets(const struct gateway_sim *sim, enum dfucast_framing_kind kind, uint32_t frame_bytes)
{
	static uint8_t rx[GATEWAY_SIM_FRAME_BYTES + 2];
	struct dfucast_framing framing;
	struct one_frame frame;
	struct dfucast_frame_source source = {&frame, begin, read_part, done};
	uint8_t out[512];
	size_t total = 0;

	dfucast_framing_init(&framing, kind, rx, sizeof(rx));
	for (uint32_t offset = 0; offset < IMAGE_BYTES;) {
		struct dfucast_smp_upload upload = {
		    .offset = offset, .image_length = IMAGE_BYTES, .sha = sim->sha};
		uint32_t most = dfucast_smp_upload_data_max(&upload, frame_bytes);
		size_t taken;

		upload.data_bytes = (uint16_t)(most < IMAGE_BYTES - offset ? most : IMAGE_BYTES - offset);
		int head = dfucast_smp_upload_head_encode(frame.bytes, sizeof(frame.bytes),
							  (struct dfucast_smp_id){1, 7}, &upload);

		memcpy(frame.bytes + head, sim->image + offset, upload.data_bytes);
		frame.length = (size_t)head + upload.data_bytes;
		while ((taken = dfucast_framing_send(&framing, &source, out, sizeof(out))) > 0) {
			total += taken;
		}
		offset += upload.data_bytes;
	}
	return (double)total / IMAGE_BYTES;
}

static void octet_rows(void)
{
	struct gateway_sim *sim = gateway_sim_new("n=1", IMAGE_BYTES);

	gateway_sim_begin(sim);
	row("host octets console 384", "octets to the gateway / image bytes",
	    octets(sim, DFUCAST_FRAMING_CONSOLE, 384), 0);
	row("host octets console 2475", "octets to the gateway / image bytes",
	    octets(sim, DFUCAST_FRAMING_CONSOLE, 2475), 0);
	row("host octets cobs 384", "octets to the gateway / image bytes",
	    octets(sim, DFUCAST_FRAMING_COBS, 384), 0);
	row("host octets cobs 2475", "octets to the gateway / image bytes",
	    octets(sim, DFUCAST_FRAMING_COBS, 2475), 0);
	gateway_sim_free(sim);
}

/* ---- whole updates ---- */

static void whole(unsigned int n, uint32_t baud)
{
	struct gateway_sim *sim;
	struct sim_fleet_statistics statistics;
	struct sim_air_bounds bounds;
	struct sim_air_parameters air;
	char keys[48];
	char name[64];
	char what[160];

	snprintf(keys, sizeof(keys), "n=%u", n);
	sim = gateway_sim_new(keys, IMAGE_BYTES);
	sim->baud = baud;
	sim->frame_bytes = 2475;
	gateway_sim_begin(sim);
	bool uploaded = gateway_sim_upload(sim);
	uint32_t verified_ms = gateway_sim_now(sim);
	uint32_t waited_ms = sim->waited_ms;

	if (!uploaded || !gateway_sim_reset(sim) || !gateway_sim_until_over(sim, 600000) ||
	    gateway_sim_count(sim, DFUCAST_STATE_DONE) != n) {
		fprintf(stderr, "gateway n=%u: not every device is done\n", n);
		exit(1);
	}
	uint32_t over_ms = gateway_sim_now(sim) - 1000; /* until_over waits so long for the links */

	sim_fleet_statistics(sim->fleet, &statistics);
	air = sim->options.air;
	air.baud = baud;
	air.framing = SIM_AIR_CONSOLE;
	air.uart_chunk = 2400;
	sim_air_bounds(&air, &bounds);
	snprintf(name, sizeof(name), "gateway n=%u %u baud", n, (unsigned int)baud);
	snprintf(what, sizeof(what),
		 "first chunk to all verified, set-up in, / T_limit; %.1f s of %.1f s, last confirmed after "
		 "%.1f s, passes %u",
		 verified_ms / 1000.0, (double)bounds.limit / 1e9, over_ms / 1000.0,
		 sim->gateway.cast.passes);
	row(name, what, verified_ms / 1000.0 / ((double)bounds.limit / 1e9), 0);
	snprintf(name, sizeof(name), "gateway stall n=%u %u baud", n, (unsigned int)baud);
	row(name, "time the host waited for answers / time to all verified", (double)waited_ms / verified_ms,
	    0);
	snprintf(name, sizeof(name), "gateway bytes n=%u %u baud", n, (unsigned int)baud);
	row(name, "image bytes accepted and dropped / passes x image",
	    (double)(sim->gateway.host_bytes + sim->gateway.host_dropped_bytes) /
		((double)sim->gateway.cast.passes * IMAGE_BYTES),
	    1.02);
	gateway_sim_free(sim);
}

int main(void)
{
	octet_rows();
	whole(1, 1000000);
	whole(8, 1000000);
	whole(8, 115200);
	whole(20, 1000000);
	return rows_short == 0 ? 0 : 3;
}
