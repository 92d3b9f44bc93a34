/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include "dfucast_zephyr.h"

#include <zephyr/sys/ring_buffer.h>

#define STEP_MS 1u
#define STEP_BYTES (BAUD / 10000u * STEP_MS)

RING_BUF_DECLARE(gateway_out, 512);
RING_BUF_DECLARE(gateway_in, 4096);
RING_BUF_DECLARE(host_out, 512);
RING_BUF_DECLARE(host_in, 4096);
static struct k_sem *gateway_wake, *host_wake;

/* What one direction carries in a step; what the other end has no room for waits. */
static void carry(struct ring_buf *from, struct ring_buf *to, struct k_sem *one, struct k_sem *other)
{
	uint8_t bytes[STEP_BYTES];
	uint32_t length = ring_buf_get(from, bytes, MIN(STEP_BYTES, ring_buf_space_get(to)));

	if (length == 0)
		return;
	(void)ring_buf_put(to, bytes, length);
	if (one != NULL)
		k_sem_give(one);
	if (other != NULL)
		k_sem_give(other);
}

static void step(struct k_timer *timer)
{
	ARG_UNUSED(timer);
	carry(&gateway_out, &host_in, gateway_wake, host_wake);
	carry(&host_out, &gateway_in, gateway_wake, host_wake);
}

static K_TIMER_DEFINE(clock, step, NULL);

/* ---- the gateway's end ---- */

int dfucast_zephyr_uart_init(const struct device *uart, struct k_sem *wake)
{
	ARG_UNUSED(uart);
	gateway_wake = wake;
	k_timer_start(&clock, K_MSEC(STEP_MS), K_MSEC(STEP_MS));
	return 0;
}

size_t dfucast_zephyr_uart_read(uint8_t *bytes, size_t capacity)
{
	return ring_buf_get(&gateway_in, bytes, (uint32_t)capacity);
}

size_t dfucast_zephyr_uart_room(void)
{
	return ring_buf_space_get(&gateway_out);
}

void dfucast_zephyr_uart_write(const uint8_t *bytes, size_t length)
{
	(void)ring_buf_put(&gateway_out, bytes, (uint32_t)length);
}

bool dfucast_zephyr_uart_idle(void)
{
	return ring_buf_is_empty(&gateway_out);
}

/* ---- the host's ---- */

void wire_host_init(struct k_sem *wake)
{
	host_wake = wake;
}

size_t wire_host_read(uint8_t *bytes, size_t capacity)
{
	return ring_buf_get(&host_in, bytes, (uint32_t)capacity);
}

size_t wire_host_write(const uint8_t *bytes, size_t length)
{
	return ring_buf_put(&host_out, bytes, (uint32_t)length);
}
