/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. The asynchronous and the interrupt-driven API. */
#ifndef FAKE_ZEPHYR_UART_H
#define FAKE_ZEPHYR_UART_H

#include <stddef.h>
#include <stdint.h>

#if __has_include(<zephyr/version.h>)
#include <zephyr/version.h>
#else
#include <version.h>
#endif
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

typedef void (*uart_irq_callback_user_data_t)(const struct device *dev, void *user_data);

#if KERNEL_VERSION_NUMBER >= 0x030400
int uart_irq_callback_user_data_set(const struct device *dev, uart_irq_callback_user_data_t cb,
				    void *user_data);
#else
void uart_irq_callback_user_data_set(const struct device *dev, uart_irq_callback_user_data_t cb,
				     void *user_data);
#endif
int uart_irq_update(const struct device *dev);
int uart_irq_rx_ready(const struct device *dev);
int uart_irq_tx_ready(const struct device *dev);
void uart_irq_rx_enable(const struct device *dev);
void uart_irq_rx_disable(const struct device *dev);
void uart_irq_tx_enable(const struct device *dev);
void uart_irq_tx_disable(const struct device *dev);
int uart_fifo_read(const struct device *dev, uint8_t *rx_data, const int size);
int uart_fifo_fill(const struct device *dev, const uint8_t *tx_data, int size);

#endif
