/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt's side: each event is marked with the connection that its number means at this moment, and queued.
 * Nothing else is done here. Where the queue is full, events stay in the SoftDevice; those of an observer, who cannot
 * leave them there, find half of the queue kept free of notifications and advertisements, which alone come in any number
 * and which alone may be lost.
 */
#include "internal.h"
#include <dfucast/port.h>
#include <string.h>

#define WORD ((uint32_t)sizeof(uintptr_t))
#define EXTRA_BYTES_MAX 255u

static struct s140_entry *entry_at(const struct dfucast_s140_queue *queue, uint32_t index)
{
	return (struct s140_entry *)(void *)&queue->words[index];
}

/*
 * Room for @p need words in one piece, or NULL. One word stays free: head == tail means empty. Is the memory's rest too
 * short, it is marked as unused; *at is then its beginning.
 */
static struct s140_entry *reserve(struct dfucast_s140_queue *queue, uint32_t need, uint32_t *at)
{
	uint32_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_acquire);

	*at = head;
	if (head < tail)
		return tail - head > need ? entry_at(queue, head) : NULL;
	if (queue->count - head > need || (queue->count - head == need && tail != 0))
		return entry_at(queue, head);
	if (tail <= need)
		return NULL;
	if (head < queue->count)
		entry_at(queue, head)->words = 0;
	*at = 0;
	return entry_at(queue, 0);
}

static void commit(struct dfucast_s140_queue *queue, uint32_t at, uint32_t words)
{
	uint32_t head = at + words;

	entry_at(queue, at)->words = (uint16_t)words;
	atomic_store_explicit(&queue->head, head == queue->count ? 0 : head, memory_order_release);
}

static uint32_t words_of(uint32_t bytes)
{
	return (bytes + WORD - 1u) / WORD;
}

static uint32_t used_words(const struct dfucast_s140_queue *queue)
{
	uint32_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_acquire);

	return head >= tail ? head - tail : head + queue->count - tail;
}

/* Who an event is for. @return false: nobody that is known. */
static bool mark(struct dfucast_s140 *port, const ble_evt_t *event, struct s140_entry *entry)
{
	uint16_t number = event->evt.gap_evt.conn_handle; /* where all events have it */

	entry->extra = 0;
	entry->handle = (struct dfucast_ble_handle){0, 0};
	if (number == BLE_CONN_HANDLE_INVALID)
		return true;
	if (number >= DFUCAST_BLE_HANDLES_MAX)
		return false;
	if (event->header.evt_id == BLE_GAP_EVT_CONNECTED) {
		entry->handle = dfucast_ble_door_connected(&port->door, number);
		return true;
	}
	if (!dfucast_ble_door_pass(&port->door, number, &entry->handle))
		return false;
	if (event->header.evt_id == BLE_GAP_EVT_DISCONNECTED)
		(void)dfucast_ble_door_disconnected(&port->door, number);
	return true;
}

/* An advertisement's data lies in the scanner's buffer, which is used again: it is taken along. */
static uint32_t take_along(struct s140_entry *entry, const ble_evt_t *event, uint32_t words,
			   uint32_t bytes_max)
{
	const ble_data_t *data = &event->evt.gap_evt.params.adv_report.data;
	uint32_t bytes = data->len < EXTRA_BYTES_MAX ? data->len : EXTRA_BYTES_MAX;

	if (event->header.evt_id != BLE_GAP_EVT_ADV_REPORT || data->p_data == NULL)
		return words;
	bytes = bytes < bytes_max ? bytes : bytes_max;
	memcpy((uintptr_t *)(void *)entry + words, data->p_data, bytes);
	entry->extra = (uint16_t)bytes;
	entry->extra_at = (uint16_t)words;
	return words + words_of(bytes);
}

void dfucast_s140_interrupt(struct dfucast_s140 *port)
{
	struct dfucast_s140_queue *queue = &port->queue;
	uint32_t most = (uint32_t)DFUCAST_S140_EVENT_BYTES(port->config.att_mtu) + EXTRA_BYTES_MAX;

	for (;;) {
		uint16_t bytes = (uint16_t)DFUCAST_S140_EVENT_BYTES(port->config.att_mtu);
		uint32_t at;
		struct s140_entry *entry = reserve(queue, S140_ENTRY_WORDS + words_of(most), &at);
		uint32_t words;

		if (entry == NULL) {
			/* The rest stays where it is; the main loop pends the interrupt once it has made room. */
			atomic_store(&queue->starved, true);
			return;
		}
		if (sd_ble_evt_get((uint8_t *)(entry + 1), &bytes) != NRF_SUCCESS)
			return;
		if (!mark(port, s140_event_of(entry), entry))
			continue;
		words = S140_ENTRY_WORDS + words_of(bytes);
		commit(queue, at, take_along(entry, s140_event_of(entry), words, EXTRA_BYTES_MAX));
	}
}

void dfucast_s140_observe(struct dfucast_s140 *port, const ble_evt_t *event)
{
	struct dfucast_s140_queue *queue = &port->queue;
	uint16_t id = event->header.evt_id;
	bool many = id == BLE_GATTC_EVT_HVX || id == BLE_GAP_EVT_ADV_REPORT;
	uint32_t bytes = (uint32_t)sizeof(event->header) + event->header.evt_len;
	uint32_t need = S140_ENTRY_WORDS + words_of(bytes) +
			(id == BLE_GAP_EVT_ADV_REPORT ? words_of(EXTRA_BYTES_MAX) : 0);
	struct s140_entry marked;
	struct s140_entry *entry = NULL;
	uint32_t at = 0;

	if (!mark(port, event, &marked))
		return;
	if (!many || used_words(queue) + need < queue->count / 2u)
		entry = reserve(queue, need, &at);
	if (entry == NULL) {
		atomic_fetch_add(&queue->lost, 1);
		return;
	}
	*entry = marked;
	memcpy(entry + 1, event, bytes);
	commit(queue, at, take_along(entry, event, S140_ENTRY_WORDS + words_of(bytes), EXTRA_BYTES_MAX));
}

void dfucast_s140_not_secured(struct dfucast_s140 *port, uint16_t conn_handle, uint8_t status)
{
	ble_evt_t event = {0};

	/* What the SoftDevice says when a pairing fails. */
	event.header.evt_id = BLE_GAP_EVT_AUTH_STATUS;
	event.header.evt_len = sizeof(event) - sizeof(event.header);
	event.evt.gap_evt.conn_handle = conn_handle;
	event.evt.gap_evt.params.auth_status.auth_status = status;
	dfucast_s140_observe(port, &event);
}

const struct s140_entry *s140_queue_first(struct dfucast_s140_queue *queue)
{
	uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&queue->head, memory_order_acquire))
		return NULL;
	if (entry_at(queue, tail)->words == 0) {
		tail = 0;
		atomic_store_explicit(&queue->tail, tail, memory_order_release);
	}
	return entry_at(queue, tail);
}

void s140_queue_drop_first(struct dfucast_s140_queue *queue, const struct s140_entry *entry)
{
	uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed) + entry->words;

	atomic_store_explicit(&queue->tail, tail == queue->count ? 0 : tail, memory_order_release);
}
