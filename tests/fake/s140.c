/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake SoftDevice: its clock, its thread, the interrupt, and the program's sleep.
 */
#include "s140_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MS 4u    /* how far the clock may run while the program works */
#define HELD_UP_MS 60u /* how long other interrupts may hold the program up */

/* splitmix64 */
uint32_t s140_roll(struct s140 *sd, uint32_t below)
{
	uint64_t z = sd->random += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return (uint32_t)((z ^ z >> 31) >> 32) % below;
}

bool s140_reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

uint32_t s140_now(const struct s140 *sd)
{
	return atomic_load_explicit(&sd->clock, memory_order_relaxed);
}

void s140_arm(struct s140 *sd, struct timer *timer, uint32_t least_ms, uint32_t spread_ms)
{
	timer->runs = true;
	timer->when = s140_now(sd) + least_ms + s140_roll(sd, spread_ms + 1u);
}

bool s140_fires(const struct s140 *sd, struct timer *timer)
{
	if (!timer->runs || !s140_reached(s140_now(sd), timer->when))
		return false;
	timer->runs = false;
	return true;
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

/* Called with `air` held; gives it back in between, for the interrupt works with the SoftDevice. */
static void interrupt(struct s140 *sd)
{
	sd->irq = false;
	if (!sd->sleeping)
		sd->counts.preempted++;
	pthread_mutex_unlock(&sd->air);
	pthread_mutex_lock(&sd->door);
	sd->config.interrupt(sd->config.context);
	pthread_mutex_unlock(&sd->door);
	pthread_mutex_lock(&sd->air);
	sd->woken = true;
	pthread_cond_signal(&sd->program_wakes);
}

static void *radio(void *context)
{
	struct s140 *sd = context;

	pthread_mutex_lock(&sd->air);
	while (!sd->stop) {
		uint32_t next = s140_radio_step(sd);
		uint32_t now = s140_now(sd);

		if (sd->irq) {
			interrupt(sd);
			continue;
		}
		uint32_t limit = sd->sleeping && !sd->woken ? sd->deadline : sd->leash;

		if (s140_reached(now, limit)) {
			pthread_cond_signal(&sd->program_wakes);
			pthread_cond_wait(&sd->radio_wakes, &sd->air);
			continue;
		}
		next = s140_reached(next, limit) ? limit : next;
		atomic_store_explicit(&sd->clock, next, memory_order_relaxed);
	}
	pthread_mutex_unlock(&sd->air);
	return NULL;
}

void s140_wait(struct s140 *sd, uint32_t deadline)
{
	pthread_mutex_lock(&sd->air);
	sd->sleeping = true;
	sd->deadline = deadline;
	pthread_cond_signal(&sd->radio_wakes);
	while (!sd->woken && !s140_reached(s140_now(sd), deadline)) {
		pthread_cond_wait(&sd->program_wakes, &sd->air);
	}
	sd->woken = false;
	sd->sleeping = false;
	sd->leash = s140_now(sd) + s140_roll(sd, AHEAD_MS + 1u);
	pthread_cond_signal(&sd->radio_wakes);
	pthread_mutex_unlock(&sd->air);
}

void s140_irq_disable(struct s140 *sd)
{
	pthread_mutex_lock(&sd->air);
	if (s140_roll(sd, 24) == 0) {
		/* The worst moment: much happens between what the program looked at and what it does about it. */
		sd->leash = s140_now(sd) + 1u + s140_roll(sd, HELD_UP_MS);
		pthread_cond_signal(&sd->radio_wakes);
		while (!s140_reached(s140_now(sd), sd->leash)) {
			pthread_cond_wait(&sd->program_wakes, &sd->air);
		}
	}
	pthread_mutex_unlock(&sd->air);
	pthread_mutex_lock(&sd->door);
}

void s140_irq_enable(struct s140 *sd)
{
	pthread_mutex_unlock(&sd->door);
}

void s140_irq_pend(struct s140 *sd)
{
	pthread_mutex_lock(&sd->air);
	sd->irq = true;
	pthread_cond_signal(&sd->radio_wakes);
	pthread_mutex_unlock(&sd->air);
}

/* ---- start and stop ---- */

/* The SoftDevice's calls name no instance. */
struct s140 *s140_the;

struct s140 *s140_start(const struct s140_config *config)
{
	struct s140 *sd = calloc(1, sizeof(*sd));

	assert(sd != NULL && s140_the == NULL && config->links_max <= S140_LINKS_MAX);
	assert(config->write_queue >= 1 && config->write_queue <= QUEUE_MAX);
	sd->config = *config;
	sd->random = config->seed * 0xD1342543DE82EF95u + 1;
	sd->drops = calloc(config->count, 1);
	sd->owned_timers = calloc(config->count, sizeof(*sd->owned_timers));
	assert(sd->drops != NULL && sd->owned_timers != NULL);
	for (uint16_t i = 0; i < config->count; i++) {
		if (config->devices[i].owned)
			s140_arm(sd, &sd->owned_timers[i], 5, 50);
	}
	for (uint16_t i = 0; i < config->links_max; i++) {
		sd->free_handles[sd->free_count++] = (uint16_t)(config->links_max - 1u - i);
	}
	pthread_mutex_init(&sd->door, NULL);
	pthread_mutex_init(&sd->air, NULL);
	pthread_cond_init(&sd->radio_wakes, NULL);
	pthread_cond_init(&sd->program_wakes, NULL);
	s140_the = sd;
	if (pthread_create(&sd->thread, NULL, radio, sd) != 0)
		abort();
	return sd;
}

void s140_stop(struct s140 *sd, struct s140_counts *counts)
{
	pthread_mutex_lock(&sd->air);
	sd->stop = true;
	pthread_cond_signal(&sd->radio_wakes);
	pthread_mutex_unlock(&sd->air);
	pthread_join(sd->thread, NULL);
	*counts = sd->counts;
	pthread_mutex_destroy(&sd->door);
	pthread_mutex_destroy(&sd->air);
	pthread_cond_destroy(&sd->radio_wakes);
	pthread_cond_destroy(&sd->program_wakes);
	free(sd->drops);
	free(sd->owned_timers);
	free(sd);
	s140_the = NULL;
}

ble_gap_conn_params_t s140_params(const struct s140 *sd, uint16_t conn_handle)
{
	return sd->links[conn_handle].params;
}
