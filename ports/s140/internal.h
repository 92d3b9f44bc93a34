/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What the port's files share.
 *
 *   config.c   the SoftDevice's configuration
 *   queue.c    the interrupt's side
 *   events.c   events in the words of ble_event.h
 *   port.c     calls, and the round
 */
#ifndef DFUCAST_S140_INTERNAL_H
#define DFUCAST_S140_INTERNAL_H

#include "s140.h"

/* In front of each event in the queue. */
struct s140_entry {
	uint16_t words; /* with this head; 0: the rest of the memory is not used, go on at its beginning */
	uint16_t
	    extra; /* advertisement data behind the event, bytes; `event.data` would point to what is gone */
	struct dfucast_ble_handle handle;
	uint16_t extra_at; /* words from the entry's beginning */
};

#define S140_ENTRY_WORDS ((uint32_t)(sizeof(struct s140_entry) / sizeof(uintptr_t)))

static inline const ble_evt_t *s140_event_of(const struct s140_entry *entry)
{
	return (const ble_evt_t *)(const void *)(entry + 1);
}

/* queue.c: the oldest event, or NULL; and done with it. */
const struct s140_entry *s140_queue_first(struct dfucast_s140_queue *queue);
void s140_queue_drop_first(struct dfucast_s140_queue *queue, const struct s140_entry *entry);

/* events.c */
void s140_dispatch(struct dfucast_s140 *port, const struct s140_entry *entry, uint32_t now);

#endif
