/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A board without hardware: links the whole firmware for the nRF52840, which shows that nothing is missing, and what it
 * takes: code, RAM, its stack and the SoftDevice's RAM. A product has board_sdk.c, or its own, instead.
 */
#include "board.h"
#include "gateway.h"

#include <sodium/crypto_hash_sha256.h>

/* What nobody here reads or writes is still there on a chip. */
#define STACK_BYTES 4096u /* ours 1.5 KiB, the SoftDevice's up to 1.75 KiB on the same one */
__attribute__((section(".softdevice"), used)) static uint8_t
    softdevice_ram[DFUCAST_S140_RAM_BYTES(GATEWAY_LINKS, GATEWAY_MTU, GATEWAY_WRITE_QUEUE, 0u)];
__attribute__((section(".stack"), used)) static uint8_t stack[STACK_BYTES];
/* libuarte's, or whatever a UART with DMA needs. */
static volatile uint8_t uart_rx[1024], uart_tx[1024];
/* Volatile: the linker must keep all of it. */
static volatile uint32_t ticks, length;

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	for (;;)
		continue;
}

uint32_t board_now(void)
{
	return ticks;
}

size_t board_host_read(uint8_t *bytes, size_t capacity)
{
	bytes[0] = uart_rx[length % sizeof(uart_rx)];
	return capacity < length ? capacity : length;
}

size_t board_host_room(void)
{
	return length;
}

bool board_host_idle(void)
{
	return length == 0;
}

void board_host_write(const uint8_t *bytes, size_t count)
{
	uart_tx[count % sizeof(uart_tx)] = bytes[0];
}

void board_mask(void *context)
{
	(void)context;
}

void board_unmask(void *context)
{
	(void)context;
}

void board_pend(void *context)
{
	(void)context;
}

uint32_t board_secure(void *context, uint16_t conn_handle, bool authenticated)
{
	(void)context;
	return authenticated ? conn_handle : 0;
}

static bool hash_start(void *context)
{
	return crypto_hash_sha256_init(context) == 0;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t count)
{
	return crypto_hash_sha256_update(context, bytes, count) == 0;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	return crypto_hash_sha256_final(context, digest) == 0;
}

struct dfucast_sha256 board_sha256(unsigned int index)
{
	static crypto_hash_sha256_state states[2];

	return (struct dfucast_sha256){&states[index], hash_start, hash_update, hash_finish};
}

uint32_t board_boot_id(void)
{
	return ticks;
}

uint16_t board_allowed(const struct dfucast_ble_address **addresses)
{
	*addresses = NULL;
	return 0;
}

void board_reset(void)
{
	ticks = 0;
}

int main(void)
{
	const uint32_t ram_start = 0x20000000u + sizeof(softdevice_ram);

	if (gateway_enable(ram_start, sd_ble_enable) != NRF_SUCCESS || gateway_start(false) != NRF_SUCCESS)
		return 1;
	for (;;) {
		gateway_interrupt();
		ticks = gateway_poll();
	}
}
