/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host microcontroller with a modem, and a dfucast gateway on a UART: the whole of its side. Nothing is allocated; the
 * image passes through in pieces of half a kilobyte and is never stored.
 */
#include "board.h"
#include <dfucast/framing.h>
#include <string.h>

#define DEVICES_MAX 32u
#define FRAME_BYTES 640u /* of the image, about 600 travel in one */

static struct dfucast_host host;
static struct dfucast_framing framing;
static struct dfucast_smp_fleet_plan plan;
static struct dfucast_smp_fleet_target targets[DEVICES_MAX];
static uint8_t frame[FRAME_BYTES];
static uint8_t received[FRAME_BYTES + 2];
static uint8_t out[DFUCAST_FRAMING_SEND_BYTES_MIN];
static size_t out_length, out_sent;
static uint8_t kept[DFUCAST_HOST_BLOB_BYTES];
static uint32_t asked; /* image offset last asked of the network */
static bool is_kept;

/* What to do with what the fleet tells: here, one line a device when it has ended. */
static void report(void *context, const struct dfucast_smp_fleet_report *one)
{
	(void)context;
	board_report(one);
}

static void begin(const char *const *devices, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		targets[i] = (struct dfucast_smp_fleet_target){.id = {devices[i], strlen(devices[i])},
							       .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY};
	}
	const struct dfucast_host_config config = {
	    .plan = &plan,
	    .targets = targets,
	    .target_count = count,
	    .frame = frame,
	    .frame_bytes = sizeof(frame),
	    .report = report,
	};

	dfucast_framing_init(&framing, DFUCAST_FRAMING_CONSOLE, received, sizeof(received));
	out_length = out_sent = 0;
	asked = UINT32_MAX;
	is_kept = false;
	dfucast_host_init(&host, &config);
	dfucast_host_start(&host, board_now());
}

void example_start(const struct dfucast_smp_fleet_plan *announced, const char *const *devices, uint16_t count)
{
	DFUCAST_ASSERT(count <= DEVICES_MAX);
	plan = *announced;
	begin(devices, count);
}

bool example_continue(const char *const *devices, uint16_t count)
{
	uint16_t planned;

	if (board_flash_read(kept, sizeof(kept)) != sizeof(kept) ||
	    !dfucast_host_restore(kept, &plan, &planned) || planned != count) {
		return false;
	}
	begin(devices, count);
	return true;
}

/* Not wanted any more: the gateway has gone back, or was quicker. It is asked for again then. */
void example_image_bytes(uint32_t offset, const uint8_t *bytes, uint32_t length)
{
	(void)dfucast_host_feed(&host, offset, bytes, length, board_now());
	asked = UINT32_MAX;
}

static void take(void *context, const uint8_t *bytes, size_t length)
{
	(void)context;
	dfucast_host_recv(&host, bytes, length, board_now());
}

void example_uart_received(const uint8_t *bytes, size_t length)
{
	const struct dfucast_frame_sink sink = {NULL, take};

	dfucast_framing_recv(&framing, bytes, length, &sink);
}

static void send(void)
{
	const struct dfucast_frame_source source = dfucast_host_frame_source(&host);

	do {
		if (out_sent == out_length) {
			out_sent = 0;
			out_length = dfucast_framing_send(&framing, &source, out, sizeof(out));
		}
		size_t taken = board_uart_write(out + out_sent, out_length - out_sent);

		if (taken == 0) {
			return; /* nothing to send, or no room: the UART's interrupt wakes the main loop */
		}
		out_sent += taken;
	} while (true);
}

bool example_poll(uint32_t *deadline)
{
	uint32_t offset;
	uint32_t length;

	dfucast_host_tick(&host, board_now());
	if (dfucast_host_want(&host, &offset, &length) && offset != asked) {
		asked = offset;
		board_network_ask(offset, length);
	}
	send();
	dfucast_host_tick(&host, board_now()); /* what has gone out is waited for */
	if (host.state == DFUCAST_HOST_UPLOADING && !is_kept) {
		is_kept = true; /* from here on a loss of power costs nothing */
		dfucast_host_save(&host, kept);
		board_flash_keep(kept, sizeof(kept));
	} else if (host.state == DFUCAST_HOST_DONE && is_kept) {
		is_kept = false;
		board_flash_keep(NULL, 0);
	}
	return dfucast_host_deadline(&host, deadline);
}

uint8_t example_state(void)
{
	return host.state;
}
