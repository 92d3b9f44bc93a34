/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fakes' clock, its thread, the program's sleep.
 */
#include "clock.h"

#include <stdlib.h>
#include <string.h>

#define AHEAD_MS 4u    /* how far the clock may run while the program works */
#define HELD_UP_MS 60u /* how long other interrupts may hold the program up */

/* splitmix64 */
uint32_t fake_roll(struct fake_clock *clock, uint32_t below)
{
	uint64_t z = clock->random += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return (uint32_t)((z ^ z >> 31) >> 32) % below;
}

bool fake_reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

uint32_t fake_now(const struct fake_clock *clock)
{
	return atomic_load_explicit(&clock->now, memory_order_relaxed);
}

void fake_arm(struct fake_clock *clock, struct fake_timer *timer, uint32_t least_ms, uint32_t spread_ms)
{
	timer->runs = true;
	timer->when = fake_now(clock) + least_ms + fake_roll(clock, spread_ms + 1u);
}

bool fake_fires(const struct fake_clock *clock, struct fake_timer *timer)
{
	if (!timer->runs || !fake_reached(fake_now(clock), timer->when))
		return false;
	timer->runs = false;
	return true;
}

void fake_earlier(uint32_t now, uint32_t *next, uint32_t when)
{
	/* What is late comes with the next tick of the clock. */
	if (fake_reached(now, when))
		when = now + 1;
	if ((int32_t)(when - *next) < 0)
		*next = when;
}

void fake_earlier_timer(uint32_t now, uint32_t *next, const struct fake_timer *timer)
{
	if (timer->runs)
		fake_earlier(now, next, timer->when);
}

static void *radio(void *context)
{
	struct fake_clock *clock = context;

	pthread_mutex_lock(&clock->air);
	while (!clock->stop) {
		uint32_t next = clock->config.step(clock->config.context);
		uint32_t now = fake_now(clock);
		bool working = !clock->sleeping;

		if (clock->config.interrupt(clock->config.context)) {
			clock->preempted += working;
			continue;
		}
		uint32_t limit = clock->sleeping && !clock->woken ? clock->deadline : clock->leash;

		if (fake_reached(now, limit)) {
			pthread_cond_signal(&clock->program_wakes);
			pthread_cond_wait(&clock->radio_wakes, &clock->air);
			continue;
		}
		next = fake_reached(next, limit) ? limit : next;
		atomic_store_explicit(&clock->now, next, memory_order_relaxed);
	}
	pthread_mutex_unlock(&clock->air);
	return NULL;
}

void fake_sleep(struct fake_clock *clock, uint32_t deadline)
{
	clock->sleeping = true;
	clock->deadline = deadline;
	pthread_cond_signal(&clock->radio_wakes);
	while (!clock->woken && !fake_reached(fake_now(clock), deadline)) {
		pthread_cond_wait(&clock->program_wakes, &clock->air);
	}
	clock->woken = false;
	clock->sleeping = false;
	clock->leash = fake_now(clock) + fake_roll(clock, AHEAD_MS + 1u);
	pthread_cond_signal(&clock->radio_wakes);
}

void fake_wake(struct fake_clock *clock)
{
	clock->woken = true;
	pthread_cond_signal(&clock->program_wakes);
}

void fake_hold_up(struct fake_clock *clock, uint32_t one_in)
{
	if (fake_roll(clock, one_in) != 0)
		return;
	clock->leash = fake_now(clock) + 1u + fake_roll(clock, HELD_UP_MS);
	pthread_cond_signal(&clock->radio_wakes);
	while (!fake_reached(fake_now(clock), clock->leash)) {
		pthread_cond_wait(&clock->program_wakes, &clock->air);
	}
}

void fake_clock_init(struct fake_clock *clock, const struct fake_clock_config *config)
{
	memset(clock, 0, sizeof(*clock));
	clock->config = *config;
	clock->random = config->seed * 0xD1342543DE82EF95u + 1;
	pthread_mutex_init(&clock->air, NULL);
	pthread_cond_init(&clock->radio_wakes, NULL);
	pthread_cond_init(&clock->program_wakes, NULL);
}

void fake_clock_start(struct fake_clock *clock)
{
	if (pthread_create(&clock->thread, NULL, radio, clock) != 0)
		abort();
}

void fake_clock_stop(struct fake_clock *clock)
{
	pthread_mutex_lock(&clock->air);
	clock->stop = true;
	pthread_cond_signal(&clock->radio_wakes);
	pthread_mutex_unlock(&clock->air);
	pthread_join(clock->thread, NULL);
	pthread_mutex_destroy(&clock->air);
	pthread_cond_destroy(&clock->radio_wakes);
	pthread_cond_destroy(&clock->program_wakes);
}
