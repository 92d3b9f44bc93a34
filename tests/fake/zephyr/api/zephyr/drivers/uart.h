/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. The asynchronous API. */
#ifndef FAKE_ZEPHYR_UART_H
#define FAKE_ZEPHYR_UART_H

#include <stddef.h>
#include <stdint.h>

#include <zephyr/device.h>

#define SYS_FOREVER_US (-1)

enum uart_event_type {
	UART_TX_DONE = 0,
	UART_TX_ABORTED = 1,
	UART_RX_RDY = 2,
	UART_RX_BUF_REQUEST = 3,
	UART_RX_BUF_RELEASED = 4,
	UART_RX_DISABLED = 5,
	UART_RX_STOPPED = 6,
};

struct uart_event_rx {
	uint8_t *buf;
	size_t offset;
	size_t len;
};

struct uart_event_rx_buf {
	uint8_t *buf;
};

union uart_event_data {
	struct uart_event_rx rx;
	struct uart_event_rx_buf rx_buf;
};

struct uart_event {
	enum uart_event_type type;
	union uart_event_data data;
};

typedef void (*uart_callback_t)(const struct device *dev, struct uart_event *evt, void *user_data);

int uart_callback_set(const struct device *dev, uart_callback_t callback, void *user_data);
int uart_tx(const struct device *dev, const uint8_t *buf, size_t len, int32_t timeout);
int uart_rx_enable(const struct device *dev, uint8_t *buf, size_t len, int32_t timeout);
int uart_rx_buf_rsp(const struct device *dev, uint8_t *buf, size_t len);

#endif
