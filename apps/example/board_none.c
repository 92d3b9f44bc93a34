/* SPDX-License-Identifier: Apache-2.0 */
/* A board without hardware: links for a Cortex-M, to see sizes. */
#include "board.h"

uint32_t board_now(void)
{
	static uint32_t now;

	return now++;
}

size_t board_uart_write(const uint8_t *bytes, size_t length)
{
	(void)bytes;
	return length;
}

void board_network_ask(uint32_t offset, uint32_t length)
{
	static const uint8_t nothing[16];

	example_image_bytes(offset, nothing, length < sizeof(nothing) ? length : sizeof(nothing));
}

void board_flash_keep(const uint8_t *bytes, size_t length)
{
	(void)bytes;
	(void)length;
}

size_t board_flash_read(uint8_t *bytes, size_t capacity)
{
	(void)bytes;
	(void)capacity;
	return 0;
}

void board_report(const struct dfucast_smp_fleet_report *report)
{
	(void)report;
}

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	for (;;) {
	}
}

int main(void)
{
	static const uint8_t image[32];
	static const char *const devices[] = {"1", "2", "3", "4"};
	const struct dfucast_smp_fleet_plan plan = {.image_bytes = 200000,
						    .header = image,
						    .header_bytes = 32,
						    .hash = image,
						    .hash_bytes = 32,
						    .sha = image};
	uint32_t deadline;

	if (!example_continue(devices, 4)) {
		example_start(&plan, devices, 4);
	}
	while (example_state() < DFUCAST_HOST_DONE) {
		(void)example_poll(&deadline);
		example_uart_received(image, sizeof(image));
	}
	return 0;
}
