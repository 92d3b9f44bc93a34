/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UART to the host by interrupts: USB CDC ACM, and any UART without DMA. Bytes go through two rings; when the one for what
 * comes is full, receiving stops, and the bus or flow control holds the host.
 */
#include "dfucast_zephyr.h"

#include <zephyr/drivers/uart.h>
#include <zephyr/sys/ring_buffer.h>

static struct {
	const struct device *device;
	struct k_sem *wake;
} uart;
RING_BUF_DECLARE(uart_in, CONFIG_DFUCAST_UART_RX_BYTES);
RING_BUF_DECLARE(uart_out, CONFIG_DFUCAST_UART_TX_BYTES);

/* @return false: nothing came, or there is no room */
static bool receive(const struct device *device)
{
	uint8_t *piece;
	uint32_t room = ring_buf_put_claim(&uart_in, &piece, CONFIG_DFUCAST_UART_RX_BYTES);
	int came;

	if (room == 0) {
		uart_irq_rx_disable(device);
		/* The reader may have made room, and enabled receiving, between the two. */
		room = ring_buf_put_claim(&uart_in, &piece, CONFIG_DFUCAST_UART_RX_BYTES);
		if (room == 0)
			return false;
		uart_irq_rx_enable(device);
	}
	came = uart_fifo_read(device, piece, (int)room);
	(void)ring_buf_put_finish(&uart_in, came > 0 ? (uint32_t)came : 0);
	return came > 0;
}

/* @return false: nothing is left, or the driver takes no more */
static bool send(const struct device *device)
{
	uint8_t *piece;
	uint32_t waiting = ring_buf_get_claim(&uart_out, &piece, CONFIG_DFUCAST_UART_TX_BYTES);
	int taken = waiting > 0 ? uart_fifo_fill(device, piece, (int)waiting) : 0;

	(void)ring_buf_get_finish(&uart_out, taken > 0 ? (uint32_t)taken : 0);
	if (waiting == 0)
		uart_irq_tx_disable(device);
	return taken > 0;
}

/* In the driver's interrupt; of USB, in its thread, which says a thing once: so until nothing is left. */
static void on_uart(const struct device *device, void *user_data)
{
	ARG_UNUSED(user_data);
	while (uart_irq_update(device) != 0 && uart_irq_rx_ready(device) > 0 && receive(device)) {
	}
	while (uart_irq_tx_ready(device) > 0 && send(device)) {
	}
	k_sem_give(uart.wake);
}

int dfucast_zephyr_uart_init(const struct device *device, struct k_sem *wake)
{
	if (!device_is_ready(device))
		return -ENODEV;
	uart.device = device;
	uart.wake = wake;
	(void)uart_irq_callback_user_data_set(device, on_uart, NULL);
	uart_irq_rx_enable(device);
	return 0;
}

size_t dfucast_zephyr_uart_read(uint8_t *bytes, size_t capacity)
{
	size_t length = ring_buf_get(&uart_in, bytes, (uint32_t)capacity);

	if (length > 0)
		uart_irq_rx_enable(uart.device); /* there is room: it may have been disabled */
	return length;
}

size_t dfucast_zephyr_uart_room(void)
{
	return ring_buf_space_get(&uart_out);
}

bool dfucast_zephyr_uart_idle(void)
{
	return ring_buf_is_empty(&uart_out);
}

void dfucast_zephyr_uart_write(const uint8_t *bytes, size_t length)
{
	(void)ring_buf_put(&uart_out, bytes, (uint32_t)length);
	uart_irq_tx_enable(uart.device);
}

/* The driver has no event for them. */
uint32_t dfucast_zephyr_uart_errors(void)
{
	return 0;
}
