/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board with the nRF5 SDK (15.3 … 17.1): nrf_sdh for the SoftDevice, libuarte for the host's UART (DMA, double
 * buffer, flow control), app_timer as the clock. Pins and speed: app_config.h.
 */
#include "board.h"
#include "gateway.h"

#include "app_error.h"
#include "app_timer.h"
#include "nrf.h"
#include "nrf_libuarte_async.h"
#include "nrf_pwr_mgmt.h"
#include "nrf_sdh.h"
#include "nrf_sdh_ble.h"
#include "sha256.h"
#ifdef GATEWAY_PAIRING
#include "pairing.h"
#endif
#include <string.h>

/* ---- clock: app_timer's counter has 24 bits; a timer once a minute keeps it running and looked at ---- */

#define KEEP_MS 60000u

APP_TIMER_DEF(keep_timer);
APP_TIMER_DEF(wake_timer);
static uint32_t clock_ticks, clock_ms, clock_rest;

uint32_t board_now(void)
{
	uint32_t ticks = app_timer_cnt_get();
	uint64_t passed = app_timer_cnt_diff_compute(ticks, clock_ticks);

	clock_ticks = ticks;
	passed = passed * 1000u * (APP_TIMER_CONFIG_RTC_FREQUENCY + 1u) + clock_rest;
	clock_rest = (uint32_t)(passed % APP_TIMER_CLOCK_FREQ);
	clock_ms += (uint32_t)(passed / APP_TIMER_CLOCK_FREQ);
	return clock_ms;
}

/* The interrupt itself is what is wanted: it wakes the main loop. */
static void on_timer(void *context)
{
	(void)context;
}

static void clock_start(void)
{
	APP_ERROR_CHECK(app_timer_init());
	APP_ERROR_CHECK(app_timer_create(&keep_timer, APP_TIMER_MODE_REPEATED, on_timer));
	APP_ERROR_CHECK(app_timer_create(&wake_timer, APP_TIMER_MODE_SINGLE_SHOT, on_timer));
	APP_ERROR_CHECK(app_timer_start(keep_timer, APP_TIMER_TICKS(KEEP_MS), NULL));
}

static void sleep_until(uint32_t deadline)
{
	int32_t left = (int32_t)(deadline - board_now());

	if (left <= 0)
		return;
	left = left < (int32_t)KEEP_MS ? left : (int32_t)KEEP_MS;
	APP_ERROR_CHECK(app_timer_stop(wake_timer));
	APP_ERROR_CHECK(
	    app_timer_start(wake_timer, APP_TIMER_TICKS((uint32_t)left) + APP_TIMER_MIN_TIMEOUT_TICKS, NULL));
	nrf_pwr_mgmt_run(); /* sd_app_evt_wait(): returns at once if an interrupt came since the last time */
}

/* ---- host UART ---- */

#define RX_BYTES 255u /* a piece */
#define RX_PIECES 8u
#define TX_BYTES 1024u

/* UARTE 0; TIMER 1 counts bytes, TIMER 2 sees pauses. TIMER 0 and RTC 0 are the SoftDevice's, RTC 1 app_timer's. */
NRF_LIBUARTE_ASYNC_DEFINE(uart, 0, 1, NRF_LIBUARTE_PERIPHERAL_NOT_USED, 2, RX_BYTES, RX_PIECES);

/* Pieces that came, in libuarte's own buffers until they are read: with flow control the sender then waits. */
static struct {
	nrf_libuarte_async_data_t pieces[RX_PIECES * 4u];
	volatile uint32_t head, tail; /* the interrupt's, the main loop's */
	size_t position;              /* in the oldest */
	volatile uint32_t lost;
} rx;
static struct {
	uint8_t blocks[2][TX_BYTES];
	size_t filled;
	uint8_t filling; /* block */
	volatile bool busy;
} tx;

static void on_uart(void *context, nrf_libuarte_async_evt_t *event)
{
	uint32_t next = (rx.head + 1u) % (RX_PIECES * 4u);

	(void)context;
	switch (event->type) {
	case NRF_LIBUARTE_ASYNC_EVT_RX_DATA:
		if (next == rx.tail) {
			rx.lost += (uint32_t)event->data.rxtx.length;
			nrf_libuarte_async_rx_free(&uart, event->data.rxtx.p_data, event->data.rxtx.length);
			break;
		}
		rx.pieces[rx.head] = event->data.rxtx;
		rx.head = next;
		break;
	case NRF_LIBUARTE_ASYNC_EVT_TX_DONE:
		tx.busy = false;
		break;
	default:
		break; /* a frame with a hole is dropped by its CRC, and sent again */
	}
}

size_t board_host_read(uint8_t *bytes, size_t capacity)
{
	nrf_libuarte_async_data_t *piece = &rx.pieces[rx.tail];
	size_t length;

	if (rx.tail == rx.head)
		return 0;
	length = piece->length - rx.position;
	length = length < capacity ? length : capacity;
	memcpy(bytes, piece->p_data + rx.position, length);
	rx.position += length;
	if (rx.position == piece->length) {
		nrf_libuarte_async_rx_free(&uart, piece->p_data, piece->length);
		rx.position = 0;
		rx.tail = (rx.tail + 1u) % (RX_PIECES * 4u);
	}
	return length;
}

/* What is filled goes out as soon as the other block is. */
static void push_out(void)
{
	if (tx.busy || tx.filled == 0)
		return;
	tx.busy = true;
	APP_ERROR_CHECK(nrf_libuarte_async_tx(&uart, tx.blocks[tx.filling], tx.filled));
	tx.filling ^= 1u;
	tx.filled = 0;
}

size_t board_host_room(void)
{
	push_out();
	return TX_BYTES - tx.filled;
}

bool board_host_idle(void)
{
	push_out();
	return !tx.busy;
}

void board_host_write(const uint8_t *bytes, size_t length)
{
	memcpy(tx.blocks[tx.filling] + tx.filled, bytes, length);
	tx.filled += length;
	push_out();
}

static void uart_start(void)
{
	nrf_libuarte_async_config_t config = {
		.rx_pin = GATEWAY_PIN_RX,
		.tx_pin = GATEWAY_PIN_TX,
		.cts_pin = GATEWAY_PIN_CTS,
		.rts_pin = GATEWAY_PIN_RTS,
		.timeout_us = 500,
		.hwfc = NRF_UARTE_HWFC_ENABLED,
		.parity = NRF_UARTE_PARITY_EXCLUDED,
		.baudrate = GATEWAY_BAUDRATE,
#if NRF_SD_BLE_API_VERSION > 6 /* SDK 15.3 has these in sdk_config.h, or not at all */
		.pullup_rx = true,
		.int_prio = APP_IRQ_PRIORITY_LOW_MID
#endif
	};

	APP_ERROR_CHECK(nrf_libuarte_async_init(&uart, &config, on_uart, NULL));
	nrf_libuarte_async_enable(&uart);
}

/* ---- SoftDevice ---- */

void board_mask(void *context)
{
	(void)context;
	NVIC_DisableIRQ(SD_EVT_IRQn);
	__DSB();
	__ISB();
}

void board_unmask(void *context)
{
	(void)context;
	NVIC_EnableIRQ(SD_EVT_IRQn);
}

void board_pend(void *context)
{
	(void)context;
	NVIC_SetPendingIRQ(SD_EVT_IRQn);
}

uint32_t board_secure(void *context, uint16_t conn_handle, bool authenticated)
{
	(void)context;
#ifdef GATEWAY_PAIRING
	return pairing_secure(conn_handle, authenticated);
#else
	(void)conn_handle;
	(void)authenticated;
	return NRF_ERROR_NOT_SUPPORTED;
#endif
}

/* Behind the Peer Manager, whose observers have the priorities 0 and 1. */
static void on_ble(ble_evt_t const *event, void *context)
{
	(void)context;
#ifdef GATEWAY_PAIRING
	pairing_event(event);
#endif
	gateway_observe(event);
}

NRF_SDH_BLE_OBSERVER(gateway_observer, 3, on_ble, NULL);

static void softdevice_start(void)
{
	uint32_t ram_start = 0;

	APP_ERROR_CHECK(nrf_sdh_enable_request());
	APP_ERROR_CHECK(nrf_sdh_ble_app_ram_start_get(&ram_start));
	/* Where RAM begins too low, nrf_sdh_ble logs where it should; the gateway makes do with less. */
	APP_ERROR_CHECK(gateway_enable(ram_start, nrf_sdh_ble_enable));
#ifdef GATEWAY_PAIRING
	const struct pairing_config pairing = {.failed = gateway_not_secured,
					       .mask = board_mask,
					       .unmask = board_unmask,
					       .at_once = GATEWAY_PAIRINGS};

	APP_ERROR_CHECK(pairing_start(&pairing));
#endif
}

/* ---- the rest ---- */

static bool hash_start(void *context)
{
	return sha256_init(context) == NRF_SUCCESS;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	return sha256_update(context, bytes, length) == NRF_SUCCESS;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	return sha256_final(context, digest, 0) == NRF_SUCCESS;
}

struct dfucast_sha256 board_sha256(unsigned int index)
{
	static sha256_context_t contexts[2];

	return (struct dfucast_sha256){&contexts[index], hash_start, hash_update, hash_finish};
}

uint32_t board_boot_id(void)
{
	uint32_t id = 0;
	uint8_t available = 0;

	/* The SoftDevice's own random numbers; its pool fills in the milliseconds after its start. */
	while (available < sizeof(id))
		(void)sd_rand_application_bytes_available_get(&available);
	(void)sd_rand_application_vector_get((uint8_t *)&id, sizeof(id));
	return id;
}

uint16_t board_allowed(const struct dfucast_ble_address **addresses)
{
	*addresses = NULL; /* a product's own list; without one, hosts hand over a plan */
	return 0;
}

void board_reset(void)
{
	NVIC_SystemReset();
}

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	APP_ERROR_HANDLER((uint32_t)line);
	for (;;)
		continue;
}

int main(void)
{
	clock_start();
	APP_ERROR_CHECK(nrf_pwr_mgmt_init());
	softdevice_start();
	uart_start();
	APP_ERROR_CHECK(gateway_start(false));
	for (;;) {
#ifdef GATEWAY_PAIRING
		pairing_poll();
#endif
		sleep_until(gateway_poll());
	}
}
