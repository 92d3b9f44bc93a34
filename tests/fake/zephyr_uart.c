/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's UART: a driver of the asynchronous API at 1 Mbaud with flow control, and the wire.
 */
#include "zephyr_internal.h"

#include <assert.h>
#include <string.h>

#define BYTES_PER_MS 87u

static struct {
	uart_callback_t callback;
	void *user_data;
	/* receiving */
	bool on;
	uint8_t *now, *next;
	size_t now_size, next_size;
	size_t filled, told; /* of `now` */
	bool requested;
	/* sending */
	const uint8_t *out;
	size_t out_length, out_done;
	/* the wire */
	uint8_t to_device[WIRE_BYTES], to_host[WIRE_BYTES];
	size_t to_device_length, to_host_length;
	uint32_t last_ms;
	uint32_t beside_ms;
} uart;

static struct uart_event *push(struct zephyr *fake, enum uart_event_type type)
{
	struct zephyr_event *event = zephyr_push(fake, EVENT_UART, NULL, 0);

	event->uart.type = type;
	return &event->uart;
}

void zephyr_uart_tell(const struct zephyr_event *event)
{
	struct uart_event told = event->uart;

	uart.callback(&fake_zephyr_uart, &told, uart.user_data);
}

/* ---- receiving ---- */

static void tell_ready(struct zephyr *fake)
{
	struct uart_event *event;

	if (uart.filled == uart.told)
		return;
	event = push(fake, UART_RX_RDY);
	event->data.rx.buf = uart.now;
	event->data.rx.offset = uart.told;
	event->data.rx.len = uart.filled - uart.told;
	uart.told = uart.filled;
}

static void release(struct zephyr *fake, uint8_t *piece)
{
	if (piece != NULL)
		push(fake, UART_RX_BUF_RELEASED)->data.rx_buf.buf = piece;
}

static void turn_off(struct zephyr *fake)
{
	release(fake, uart.now);
	release(fake, uart.next);
	uart.now = uart.next = NULL;
	uart.on = false;
	(void)push(fake, UART_RX_DISABLED);
}

static void swap(struct zephyr *fake)
{
	if (uart.next == NULL) {
		fake->counts.rx_stops++;
		turn_off(fake);
		return;
	}
	release(fake, uart.now);
	uart.now = uart.next;
	uart.now_size = uart.next_size;
	uart.next = NULL;
	uart.filled = uart.told = 0;
	(void)push(fake, UART_RX_BUF_REQUEST);
}

static void receive(struct zephyr *fake, size_t budget)
{
	while (uart.on && budget > 0 && uart.to_device_length > 0) {
		size_t part = uart.now_size - uart.filled;

		part = part < budget ? part : budget;
		part = part < uart.to_device_length ? part : uart.to_device_length;
		memcpy(uart.now + uart.filled, uart.to_device, part);
		uart.to_device_length -= part;
		memmove(uart.to_device, uart.to_device + part, uart.to_device_length);
		uart.filled += part;
		budget -= part;
		if (uart.filled < uart.now_size)
			continue;
		tell_ready(fake);
		swap(fake);
		return; /* the program has the time of a step to answer with another piece */
	}
	if (uart.on)
		tell_ready(fake); /* nothing came for a while */
}

/* A byte is damaged: the driver stops, and what it has not told of is lost. */
static void line_error(struct zephyr *fake)
{
	if (!uart.on || !fake->config.line_errors || uart.to_device_length == 0 ||
	    fake_roll(&fake->clock, 300) != 0)
		return;
	uart.to_device_length--;
	memmove(uart.to_device, uart.to_device + 1, uart.to_device_length);
	fake->counts.rx_errors++;
	(void)push(fake, UART_RX_STOPPED);
	tell_ready(fake);
	turn_off(fake);
}

/* ---- sending ---- */

static void transmit(struct zephyr *fake, size_t budget)
{
	size_t part = uart.out_length - uart.out_done;

	if (uart.out == NULL)
		return;
	part = part < budget ? part : budget;
	part = part < WIRE_BYTES - uart.to_host_length ? part : WIRE_BYTES - uart.to_host_length;
	memcpy(uart.to_host + uart.to_host_length, uart.out + uart.out_done, part);
	uart.to_host_length += part;
	uart.out_done += part;
	if (uart.out_done < uart.out_length)
		return;
	uart.out = NULL;
	(void)push(fake, UART_TX_DONE);
}

uint32_t zephyr_uart_step(struct zephyr *fake, uint32_t next)
{
	uint32_t now = fake_now(&fake->clock);
	size_t budget = (size_t)(now - uart.last_ms) * BYTES_PER_MS;

	if (fake->config.beside != NULL && !fake->over && fake_reached(now, uart.beside_ms))
		uart.beside_ms = fake->config.beside(fake->config.context, now);
	if (budget > 0) {
		uart.last_ms = now;
		line_error(fake);
		receive(fake, budget);
		transmit(fake, budget);
	}
	if (fake->config.beside != NULL)
		fake_earlier(now, &next, uart.beside_ms);
	if (uart.out != NULL || (uart.on && uart.to_device_length > 0))
		fake_earlier(now, &next, now + 1);
	return next;
}

size_t zephyr_wire_send(const uint8_t *bytes, size_t length)
{
	size_t part = WIRE_BYTES - uart.to_device_length;

	part = part < length ? part : length;
	memcpy(uart.to_device + uart.to_device_length, bytes, part);
	uart.to_device_length += part;
	return part;
}

size_t zephyr_wire_receive(uint8_t *bytes, size_t capacity)
{
	size_t part = uart.to_host_length < capacity ? uart.to_host_length : capacity;

	memcpy(bytes, uart.to_host, part);
	uart.to_host_length -= part;
	memmove(uart.to_host, uart.to_host + part, uart.to_host_length);
	return part;
}

/* ---- the driver's calls ---- */

int uart_callback_set(const struct device *dev, uart_callback_t callback, void *user_data)
{
	struct zephyr *fake = zephyr_enter();

	assert(dev == &fake_zephyr_uart && callback != NULL);
	uart.callback = callback;
	uart.user_data = user_data;
	zephyr_leave(fake);
	return 0;
}

int uart_rx_enable(const struct device *dev, uint8_t *buf, size_t len, int32_t timeout)
{
	struct zephyr *fake = zephyr_enter();
	int code = uart.on || fake_roll(&fake->clock, 8) == 0 ? -EBUSY : 0;

	assert(dev == &fake_zephyr_uart && timeout > 0 && len > 0);
	if (code == 0) {
		uart.on = true;
		uart.now = buf;
		uart.now_size = len;
		uart.filled = uart.told = 0;
		(void)push(fake, UART_RX_BUF_REQUEST);
	}
	zephyr_leave(fake);
	return code;
}

int uart_rx_buf_rsp(const struct device *dev, uint8_t *buf, size_t len)
{
	struct zephyr *fake = zephyr_enter();
	int code = !uart.on ? -EACCES : uart.next != NULL ? -EBUSY : 0;

	assert(dev == &fake_zephyr_uart && buf != uart.now);
	if (code == 0) {
		uart.next = buf;
		uart.next_size = len;
	}
	zephyr_leave(fake);
	return code;
}

int uart_tx(const struct device *dev, const uint8_t *buf, size_t len, int32_t timeout)
{
	struct zephyr *fake = zephyr_enter();
	int code = uart.out != NULL || fake_roll(&fake->clock, 16) == 0 ? -EBUSY : 0;

	assert(dev == &fake_zephyr_uart && len > 0 && timeout == SYS_FOREVER_US);
	if (code == 0) {
		uart.out = buf;
		uart.out_length = len;
		uart.out_done = 0;
	}
	zephyr_leave(fake);
	return code;
}
