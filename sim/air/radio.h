/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * One central's radio: links with a slot each in a common connection interval, PDU pairs, loss, supervision. It carries
 * ATT values and knows nothing of what is in them. Time is virtual, in nanoseconds (events.h).
 *
 * As in bench/limit.py: an event ends when neither side has something to send, when the next pair does not fit before
 * the guard, or when a pair is lost, which is then sent again in the next event; an answer rides in place of an ack. With
 * `abort_us` it also ends when the peer's flash begins to work, and the peer is asked before every pair.
 */
#ifndef SIM_AIR_RADIO_H
#define SIM_AIR_RADIO_H

#include "events.h"
#include "limit.h"
#include <stddef.h>

#define SIM_RADIO_VALUE_BYTES_MAX 512u
#define SIM_RADIO_HOST_QUEUE_MAX 32u

/** What the radio asks of the two ends. @p link is the index of the link. */
struct sim_radio_port {
	void *context;
	/** A connection event begins: the peer has worked since the last one's end at @p free_ns. @return false: it is
	 *  not there (booting, no power): it hears nothing. */
	bool (*peer_awake)(void *context, uint16_t link, uint64_t free_ns);
	/** The central's next ATT value, which counts as taken; 0: none now. */
	size_t (*down)(void *context, uint16_t link, uint8_t *value, size_t capacity);
	/** The peer's next notification; 0: none now. */
	size_t (*up)(void *context, uint16_t link, uint8_t *value, size_t capacity);
	/** A whole value has come to the peer. */
	void (*to_peer)(void *context, uint16_t link, const uint8_t *value, size_t length);
	/** A whole notification has come to the central's host, host_us after it was on air. */
	void (*to_host)(void *context, uint16_t link, const uint8_t *value, size_t length);
	/** The peer's last notification was acknowledged. NULL: of no interest. */
	void (*acked)(void *context, uint16_t link);
	/** Supervision time-out: the link is down. */
	void (*dead)(void *context, uint16_t link);
	/** Told of everything that happens, for the trace. */
	void (*trace)(void *context, uint8_t kind, uint16_t link, uint32_t a, uint32_t b);
};

/** A value on its way. */
struct sim_radio_value {
	uint8_t bytes[SIM_RADIO_VALUE_BYTES_MAX];
	uint16_t length;
	uint16_t sent; /**< LL octets that came through: value, ATT and L2CAP heads */
};

struct sim_radio_link {
	struct sim_radio_value down, up;
	uint64_t begin_ns; /**< of the present or last event */
	uint64_t free_ns;  /**< end of the last event */
	uint64_t heard_ns; /**< the last pair that came through */
	uint32_t epoch;
	uint32_t loss_ppm;
	uint16_t slot;
	uint16_t down_pdu, up_pdu; /**< of the pair on air: LL payload */
	bool is_up;
	bool first;   /**< no pair of this event is over yet */
	bool moved;   /**< this event carried data */
	bool unacked; /**< the last notification has come through; the central's next PDU acknowledges it */
	uint8_t waiting; /**< notifications between the controller and the host */
	struct {
		uint16_t length;
		uint8_t bytes[SIM_RADIO_VALUE_BYTES_MAX];
	} host[SIM_RADIO_HOST_QUEUE_MAX]; /**< oldest first */
};

struct sim_radio_statistics {
	uint64_t events;       /**< connection events */
	uint64_t events_empty; /**< without data either way */
	uint64_t events_alone; /**< which the peer did not hear: booting, without power, flash at work */
	uint64_t pdus_down;    /**< with data, came through */
	uint64_t pdus_up;
	uint64_t pairs_lost;
	uint64_t air_ns;
};

struct sim_radio {
	struct sim_air_parameters parameters;
	struct sim_radio_port port;
	struct sim_events *events;
	struct sim_chance chance;
	struct sim_radio_link *links;
	struct sim_radio_statistics statistics;
	uint64_t interval_ns;
	uint64_t slot_ns;
	uint64_t supervision_ns;
	uint16_t count;
};

/** @p count links in @p interval_us; @p supervision_us 0: 4 s, or six intervals. */
void sim_radio_init(struct sim_radio *radio, const struct sim_air_parameters *parameters,
		    const struct sim_radio_port *port, struct sim_events *events, uint16_t count,
		    uint32_t interval_us, uint32_t supervision_us, uint64_t seed);
void sim_radio_free(struct sim_radio *radio);
/** A link comes up now: its first event is at its slot's next place. */
void sim_radio_link_up(struct sim_radio *radio, uint16_t link);
/** It is gone: what was on its way is lost. */
void sim_radio_link_down(struct sim_radio *radio, uint16_t link);
/** SIM_EVENT_ANCHOR, _PAIR and _HOST. */
void sim_radio_event(struct sim_radio *radio, const struct sim_event *event);

#endif
