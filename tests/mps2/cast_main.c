/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cast by itself on the Cortex-M4: four devices on UART 1 … 4. The image lies in the board's PSRAM, where QEMU's
 * loader puts it, with what a host would say of it in front. UART 0 tells what happens, a line a change.
 */
#include "hash.h"
#include "link.h"

#include <dfucast/update.h>
#include <string.h>

#define DEVICES 4u

#ifndef RING_BYTES
#define RING_BYTES 65536u
#endif

/* In PSRAM; tests/interop/mps2.py writes it. */
static const struct announced {
	uint32_t ring_bytes; /* of RING_BYTES; 0: all */
	uint32_t canary;
	uint32_t bytes;
	struct dfucast_version version;
	uint8_t hash[32];
	uint8_t sha[32];
	uint8_t image[];
} *const announced = (const struct announced *)0x21000000;

static struct dfucast_cast cast;
static struct dfucast_update_plan plan;
static struct dfucast_update devices[DEVICES];
static struct dfucast_cast_target targets[DEVICES];
static struct mps2_link links[DEVICES];
static struct mps2_uart console;
static uint8_t ring[RING_BYTES];
static uint8_t console_rx[16];
static uint8_t console_tx[1024];
static crypto_hash_sha256_state hash_state;

static void say(const char *text)
{
	mps2_uart_write(&console, (const uint8_t *)text, strlen(text));
}

static void say_number(const char *name, uint32_t value)
{
	char digits[11];
	char *first = &digits[sizeof(digits) - 1];

	*first = '\0';
	do
		*--first = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	say(" ");
	say(name);
	say("=");
	say(first);
}

static void start(void)
{
	plan = (struct dfucast_update_plan){.mode = DFUCAST_MODE_TEST_CONFIRM,
					    .header = announced->image,
					    .sha = announced->sha,
					    .hash = announced->hash,
					    .hash_bytes = sizeof(announced->hash),
					    .image_bytes = announced->bytes,
					    .version = announced->version};
	const struct dfucast_cast_config config = {
	    .consumer = &dfucast_update_consumer,
	    .plan = &plan,
	    .devices = devices,
	    .device_bytes = sizeof(devices[0]),
	    .targets = targets,
	    .count = DEVICES,
	    .image_bytes = announced->bytes,
	    .ring = ring,
	    .ring_bytes = announced->ring_bytes != 0 ? announced->ring_bytes : sizeof(ring),
	    .canary = (uint16_t)announced->canary,
	    .rewinds = true};

	dfucast_cast_init(&cast, &config);
	dfucast_cast_start(&cast, mps2_now());
}

/* Whether the bytes are what was announced, as a host link would learn it: by its own hash over all of them. */
static void verify(void)
{
	const struct dfucast_sha256 sha = mps2_sha256(&hash_state);
	uint8_t digest[32];

	if (sha.start(sha.context) && sha.update(sha.context, announced->image, announced->bytes) &&
	    sha.finish(sha.context, digest) && memcmp(digest, announced->sha, sizeof(digest)) == 0)
		dfucast_cast_set_image_verified(&cast, mps2_now());
	else
		dfucast_cast_stop(&cast, DFUCAST_ERR_IMAGE_HASH, mps2_now());
}

static void report(void)
{
	static uint8_t told[DEVICES];
	struct dfucast_status status;

	for (uint16_t i = 0; i < DEVICES; i++) {
		dfucast_cast_status(&cast, i, &status);
		if (status.state == told[i] || mps2_uart_room(&console) < 100)
			continue;
		told[i] = status.state;
		say("device");
		say_number("n", i);
		say(" ");
		say(dfucast_state_name((enum dfucast_state)status.state));
		if (dfucast_state_is_final((enum dfucast_state)status.state)) {
			say(" ");
			say(dfucast_err_name(status.outcome.err));
		}
		say("\n");
	}
}

static void report_end(void)
{
	uint32_t overflows = 0;

	for (unsigned int i = 0; i < DEVICES; i++)
		overflows += links[i].uart.overflows;
	say("end");
	say_number("passes", cast.passes);
	say_number("wraps", cast.ring.wraps);
	say_number("accepted", cast.accepted_bytes);
	say_number("overflows", overflows);
	say_number("stack", mps2_stack_peak());
	say_number("stack_bytes", mps2_stack_bytes());
	say("\n");
}

int main(void)
{
	struct dfucast_link_request request;
	uint32_t offset, length, deadline;

	mps2_clock_start();
	mps2_uart_open(&console, 0, 115200, console_rx, sizeof(console_rx), console_tx, sizeof(console_tx));
	for (unsigned int i = 0; i < DEVICES; i++)
		mps2_link_init(&links[i], i + 1, 115200);
	start();
	verify();
	while (!dfucast_cast_is_done(&cast)) {
		dfucast_cast_tick(&cast, mps2_now());
		while (dfucast_cast_next_request(&cast, &request, mps2_now()))
			mps2_link_obey(&links[request.link.target], &cast, &request);
		for (uint16_t i = 0; i < DEVICES; i++) {
			mps2_link_receive(&links[i], &cast);
			mps2_link_send(&links[i], &cast);
		}
		report();
		if (dfucast_cast_need(&cast, &offset, &length))
			(void)dfucast_cast_feed(&cast, offset, announced->image + offset, length, mps2_now());
		else
			mps2_sleep(dfucast_cast_deadline(&cast, &deadline) ? &deadline : NULL);
	}
	report();
	report_end();
	for (;;)
		mps2_sleep(NULL);
}
