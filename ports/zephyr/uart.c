/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UART to the host by the async API: the driver fills pieces of memory by DMA, which go whole into a ring; when the ring
 * could not take another piece, the driver gets none, stops, and flow control holds the host.
 */
#include "dfucast_zephyr.h"

#include <zephyr/drivers/uart.h>
#include <zephyr/sys/ring_buffer.h>

#include <string.h>

#define PIECE_BYTES 128u
#define PIECES 3
#define IDLE_US 500

static struct {
	const struct device *device;
	struct k_sem *wake;
	uint8_t pieces[PIECES][PIECE_BYTES];
	atomic_t pieces_used; /* bit i: the driver has piece i */
	atomic_t stopped;     /* receiving has ended for want of room, or an error */
	atomic_t errors;
	uint8_t out[2][CONFIG_DFUCAST_UART_TX_BYTES];
	size_t filled; /* bytes in out[filling] */
	uint8_t filling;
	atomic_t sending;
} uart;
RING_BUF_DECLARE(uart_in, CONFIG_DFUCAST_UART_RX_BYTES);

/* A piece for the driver, if the ring can take all that the driver has then. */
static uint8_t *take_piece(void)
{
	unsigned int used = 1;

	for (int i = 0; i < PIECES; i++)
		used += atomic_test_bit(&uart.pieces_used, i) ? 1u : 0u;
	if (ring_buf_space_get(&uart_in) < used * PIECE_BYTES)
		return NULL;
	for (int i = 0; i < PIECES; i++) {
		if (!atomic_test_and_set_bit(&uart.pieces_used, i))
			return uart.pieces[i];
	}
	return NULL;
}

static void give_piece(const uint8_t *piece)
{
	for (int i = 0; i < PIECES; i++) {
		if (piece == uart.pieces[i])
			atomic_clear_bit(&uart.pieces_used, i);
	}
}

/* In the driver's interrupt. */
static void on_uart(const struct device *device, struct uart_event *event, void *user_data)
{
	uint8_t *piece;

	ARG_UNUSED(user_data);
	switch (event->type) {
	case UART_TX_DONE:
	case UART_TX_ABORTED:
		atomic_clear(&uart.sending);
		break;
	case UART_RX_RDY:
		(void)ring_buf_put(&uart_in, event->data.rx.buf + event->data.rx.offset,
				   (uint32_t)event->data.rx.len);
		break;
	case UART_RX_BUF_REQUEST:
		piece = take_piece();
		if (piece != NULL && uart_rx_buf_rsp(device, piece, PIECE_BYTES) != 0)
			give_piece(piece);
		return;
	case UART_RX_BUF_RELEASED:
		give_piece(event->data.rx_buf.buf);
		return;
	case UART_RX_STOPPED:
		atomic_inc(&uart.errors); /* RX_DISABLED follows */
		return;
	case UART_RX_DISABLED:
		atomic_set(&uart.stopped, 1);
		break;
	default:
		return;
	}
	k_sem_give(uart.wake);
}

static int receive(void)
{
	uint8_t *piece = take_piece();
	int code;

	if (piece == NULL)
		return -EAGAIN;
	atomic_clear(&uart.stopped);
	code = uart_rx_enable(uart.device, piece, PIECE_BYTES, IDLE_US);
	if (code != 0) {
		give_piece(piece);
		atomic_set(&uart.stopped, 1);
	}
	return code;
}

int dfucast_zephyr_uart_init(const struct device *device, struct k_sem *wake)
{
	int code;

	if (!device_is_ready(device))
		return -ENODEV;
	uart.device = device;
	uart.wake = wake;
	code = uart_callback_set(device, on_uart, NULL);
	return code != 0 ? code : receive();
}

size_t dfucast_zephyr_uart_read(uint8_t *bytes, size_t capacity)
{
	size_t length = ring_buf_get(&uart_in, bytes, (uint32_t)capacity);

	if (atomic_get(&uart.stopped) != 0)
		(void)receive(); /* no room yet: with the next call */
	return length;
}

/* What is filled goes out as soon as the other half is. */
static void push_out(void)
{
	if (uart.filled == 0 || !atomic_cas(&uart.sending, 0, 1))
		return;
	if (uart_tx(uart.device, uart.out[uart.filling], uart.filled, SYS_FOREVER_US) != 0) {
		atomic_clear(&uart.sending); /* again with the next call */
		return;
	}
	uart.filling ^= 1u;
	uart.filled = 0;
}

size_t dfucast_zephyr_uart_room(void)
{
	push_out();
	return sizeof(uart.out[0]) - uart.filled;
}

bool dfucast_zephyr_uart_idle(void)
{
	push_out();
	return uart.filled == 0 && atomic_get(&uart.sending) == 0;
}

void dfucast_zephyr_uart_write(const uint8_t *bytes, size_t length)
{
	memcpy(uart.out[uart.filling] + uart.filled, bytes, length);
	uart.filled += length;
	push_out();
}

uint32_t dfucast_zephyr_uart_errors(void)
{
	return (uint32_t)atomic_get(&uart.errors);
}
