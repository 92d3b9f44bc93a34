/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A board without hardware: links the central for a Cortex-M4, which shows that nothing is missing and what it takes.
 * A product replaces this file by its SoftDevice, its UART and its hash.
 */
#include "board.h"

/* Where a real board's interrupts put what happened, for its main loop. Volatile: the linker must keep all of it. */
static volatile struct {
	enum { NOTHING, EVENT, NOTIFICATION, IMAGE_BYTES } what;
	struct dfucast_link link;
	enum central_event event;
	uint16_t att_mtu;
	uint16_t length;
	uint32_t offset;
	uint32_t ticks;
	bool writable;
} board;
static uint8_t received[CENTRAL_MTU_MAX];

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	for (;;)
		continue;
}

uint32_t board_now(void)
{
	return board.ticks;
}

static bool hash_start(void *context)
{
	(void)context;
	return false;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	(void)context;
	(void)bytes;
	(void)length;
	return false;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	(void)context;
	(void)digest;
	return board.writable;
}

const struct dfucast_sha256 board_sha256 = {NULL, hash_start, hash_update, hash_finish};

void board_connect(struct dfucast_link link)
{
	board.link = link;
}

void board_disconnect(struct dfucast_link link)
{
	board.link = link;
}

void board_resubscribe(struct dfucast_link link)
{
	board.link = link;
}

bool board_write_command(struct dfucast_link link, const uint8_t *value, size_t length)
{
	board.link = link;
	board.length = (uint16_t)(value[0] + length);
	return board.writable;
}

void board_ask_image(uint32_t offset, uint32_t length)
{
	board.offset = offset;
	board.length = (uint16_t)length;
}

int main(void)
{
	static const struct central_image image = {.bytes = 100000};
	uint32_t deadline;

	central_start(&image, CENTRAL_DEVICES_MAX);
	for (;;) {
		const struct dfucast_link link = {board.link.target, board.link.generation};

		switch (board.what) {
		case EVENT:
			central_event(link, board.event, board.att_mtu);
			break;
		case NOTIFICATION:
			central_notification(link, received, board.length);
			break;
		case IMAGE_BYTES:
			central_image_bytes(board.offset, received, board.length);
			break;
		default:
			break;
		}
		board.what = NOTHING;
		if (!central_poll(board_now(), &deadline))
			board.ticks++;
	}
}
