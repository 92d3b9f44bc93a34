/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake SoftDevice: its events, the interrupt, and the program's sleep.
 */
#include "s140_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint32_t s140_now(const struct s140 *sd)
{
	return fake_now(&sd->clock);
}

ble_evt_t *s140_push(struct s140 *sd, uint16_t id, uint16_t handle, size_t bytes)
{
	assert(sd->event_count < EVENTS_MAX && bytes <= EVENT_BYTES);
	struct event *event = &sd->events[(sd->event_first + sd->event_count++) % EVENTS_MAX];

	memset(event, 0, sizeof(*event));
	event->length = (uint16_t)bytes;
	event->evt.header.evt_id = id;
	event->evt.header.evt_len = (uint16_t)bytes;
	event->evt.evt.gap_evt.conn_handle = handle;
	sd->irq = true;
	return &event->evt;
}

static bool interrupt(void *context)
{
	struct s140 *sd = context;

	if (!sd->irq)
		return false;
	sd->irq = false;
	/* `air` is given back in between, for the interrupt works with the SoftDevice. */
	pthread_mutex_unlock(&sd->clock.air);
	pthread_mutex_lock(&sd->door);
	sd->config.interrupt(sd->config.context);
	pthread_mutex_unlock(&sd->door);
	pthread_mutex_lock(&sd->clock.air);
	fake_wake(&sd->clock);
	return true;
}

static uint32_t step(void *context)
{
	return s140_radio_step(context);
}

void s140_wait(struct s140 *sd, uint32_t deadline)
{
	pthread_mutex_lock(&sd->clock.air);
	fake_sleep(&sd->clock, deadline);
	pthread_mutex_unlock(&sd->clock.air);
}

void s140_irq_disable(struct s140 *sd)
{
	pthread_mutex_lock(&sd->clock.air);
	fake_hold_up(&sd->clock, 24);
	pthread_mutex_unlock(&sd->clock.air);
	pthread_mutex_lock(&sd->door);
}

void s140_irq_enable(struct s140 *sd)
{
	pthread_mutex_unlock(&sd->door);
}

void s140_irq_pend(struct s140 *sd)
{
	pthread_mutex_lock(&sd->clock.air);
	sd->irq = true;
	pthread_cond_signal(&sd->clock.radio_wakes);
	pthread_mutex_unlock(&sd->clock.air);
}

/* ---- start and stop ---- */

/* The SoftDevice's calls name no instance. */
struct s140 *s140_the;

struct s140 *s140_start(const struct s140_config *config)
{
	struct s140 *sd = calloc(1, sizeof(*sd));
	const struct fake_clock_config clock = {config->seed, step, interrupt, sd};

	assert(sd != NULL && s140_the == NULL && config->links_max <= S140_LINKS_MAX);
	assert(config->write_queue >= 1 && config->write_queue <= QUEUE_MAX);
	sd->config = *config;
	sd->att_mtu = S140_MTU_MAX;
	fake_clock_init(&sd->clock, &clock);
	sd->drops = calloc(config->count, 1);
	sd->owned_timers = calloc(config->count, sizeof(*sd->owned_timers));
	assert(sd->drops != NULL && sd->owned_timers != NULL);
	for (uint16_t i = 0; i < config->count; i++) {
		if (config->devices[i].owned)
			fake_arm(&sd->clock, &sd->owned_timers[i], 5, 50);
	}
	for (uint16_t i = 0; i < config->links_max; i++) {
		sd->free_handles[sd->free_count++] = (uint16_t)(config->links_max - 1u - i);
	}
	pthread_mutex_init(&sd->door, NULL);
	s140_the = sd;
	fake_clock_start(&sd->clock);
	return sd;
}

void s140_stop(struct s140 *sd, struct fake_counts *counts)
{
	fake_clock_stop(&sd->clock);
	*counts = sd->counts;
	counts->preempted = sd->clock.preempted;
	pthread_mutex_destroy(&sd->door);
	free(sd->drops);
	free(sd->owned_timers);
	free(sd);
	s140_the = NULL;
}

ble_gap_conn_params_t s140_params(const struct s140 *sd, uint16_t conn_handle)
{
	return sd->links[conn_handle].params;
}
