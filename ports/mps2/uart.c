/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board's UARTs: CMSDK APB UART, Arm DDI 0479, 4.3. One byte of buffer in each direction, no flow control: what is
 * not fetched within one byte's time is lost, so the interrupt fetches into a ring.
 */
#include "internal.h"

#include <dfucast/port.h>

enum {
	STATE_TX_FULL = 0x1,
	STATE_RX_FULL = 0x2,
	STATE_RX_OVERRUN = 0x8, /* write it to clear it */
	CTRL_TX = 0x1,          /* send */
	CTRL_ALL = 0xF,         /* send, receive, an interrupt for each */
	INTERRUPT_TX = 0x1,     /* write it to clear it */
	INTERRUPT_RX = 0x2,
	BAUD_DIVIDER_MIN = 16,
};

struct registers {
	volatile uint32_t data;
	volatile uint32_t state;
	volatile uint32_t ctrl;
	volatile uint32_t interrupt;
	volatile uint32_t baud_divider;
};

static const struct {
	uint32_t address;
	uint8_t interrupt; /* for receiving; the next is for sending */
} places[MPS2_UARTS] = {
    {0x40004000, 0}, {0x40005000, 2}, {0x40006000, 4}, {0x40007000, 18}, {0x40009000, 20}};

static struct mps2_uart *opened[MPS2_UARTS];

static struct registers *registers_of(unsigned int number)
{
	return (struct registers *)places[number].address;
}

/* ---- rings: the one side writes head, the other tail ---- */

static uint32_t ring_used(const struct mps2_ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_acquire) -
	       atomic_load_explicit(&ring->tail, memory_order_acquire);
}

static void ring_put(struct mps2_ring *ring, uint8_t byte)
{
	const uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	ring->bytes[head & (ring->size - 1)] = byte;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

static uint8_t ring_take(struct mps2_ring *ring)
{
	const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	const uint8_t byte = ring->bytes[tail & (ring->size - 1)];

	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return byte;
}

/* ---- the interrupt's side ---- */

static void receive(struct mps2_uart *uart, struct registers *registers)
{
	while (registers->state & STATE_RX_FULL) {
		const uint8_t byte = (uint8_t)registers->data;

		if (ring_used(&uart->rx) < uart->rx.size)
			ring_put(&uart->rx, byte);
		else
			uart->overflows = uart->overflows + 1;
	}
	if (registers->state & STATE_RX_OVERRUN) {
		registers->state = STATE_RX_OVERRUN;
		uart->overflows = uart->overflows + 1;
	}
}

/* Also from mps2_uart_write(), interrupts off: the first byte raises the first interrupt. */
static void transmit(struct mps2_uart *uart, struct registers *registers)
{
	while (!(registers->state & STATE_TX_FULL) && ring_used(&uart->tx) > 0)
		registers->data = ring_take(&uart->tx);
}

static void serve(unsigned int number)
{
	struct registers *registers = registers_of(number);

	/* Cleared first: what comes while we look raises it again. */
	registers->interrupt = INTERRUPT_TX | INTERRUPT_RX;
	if (opened[number] == NULL)
		return;
	receive(opened[number], registers);
	transmit(opened[number], registers);
	mps2_wake();
}

void mps2_on_uart0(void)
{
	serve(0);
}

void mps2_on_uart1(void)
{
	serve(1);
}

void mps2_on_uart2(void)
{
	serve(2);
}

void mps2_on_uart3(void)
{
	serve(3);
}

void mps2_on_uart4(void)
{
	serve(4);
}

/* ---- the program's side ---- */

static void ring_init(struct mps2_ring *ring, uint8_t *bytes, uint32_t size)
{
	DFUCAST_ASSERT(size > 0 && (size & (size - 1)) == 0);
	ring->bytes = bytes;
	ring->size = size;
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
}

void mps2_uart_open(struct mps2_uart *uart, unsigned int number, uint32_t baud, uint8_t *rx,
		    uint32_t rx_bytes, uint8_t *tx, uint32_t tx_bytes)
{
	struct registers *registers = registers_of(number);

	DFUCAST_ASSERT(number < MPS2_UARTS);
	DFUCAST_ASSERT(opened[number] == NULL);
	DFUCAST_ASSERT(MPS2_CLOCK_HZ / baud >= BAUD_DIVIDER_MIN);
	uart->number = number;
	uart->overflows = 0;
	ring_init(&uart->rx, rx, rx_bytes);
	ring_init(&uart->tx, tx, tx_bytes);
	opened[number] = uart;
	registers->baud_divider = MPS2_CLOCK_HZ / baud;
	registers->ctrl = CTRL_ALL;
	MPS2_NVIC_ISER0 = 3u << places[number].interrupt;
}

size_t mps2_uart_waiting(const struct mps2_uart *uart)
{
	return ring_used(&uart->rx);
}

size_t mps2_uart_read(struct mps2_uart *uart, uint8_t *bytes, size_t capacity)
{
	size_t length = 0;

	while (length < capacity && ring_used(&uart->rx) > 0)
		bytes[length++] = ring_take(&uart->rx);
	return length;
}

size_t mps2_uart_room(const struct mps2_uart *uart)
{
	return uart->tx.size - ring_used(&uart->tx);
}

void mps2_uart_write(struct mps2_uart *uart, const uint8_t *bytes, size_t length)
{
	uint32_t before;

	DFUCAST_ASSERT(length <= mps2_uart_room(uart));
	for (size_t i = 0; i < length; i++)
		ring_put(&uart->tx, bytes[i]);
	before = mps2_lock();
	transmit(uart, registers_of(uart->number));
	mps2_unlock(before);
}

void mps2_uart_last_words(const char *text)
{
	struct registers *registers = registers_of(0);

	if (registers->baud_divider < BAUD_DIVIDER_MIN)
		registers->baud_divider = MPS2_CLOCK_HZ / 115200;
	registers->ctrl = CTRL_TX;
	for (; *text != '\0'; text++) {
		while (registers->state & STATE_TX_FULL)
			continue;
		registers->data = (uint8_t)*text;
	}
	while (registers->state & STATE_TX_FULL)
		continue;
}
