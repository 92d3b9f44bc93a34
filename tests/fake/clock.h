/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What the fakes of radio stacks share: a virtual clock, moved by a thread that is the radio and calls the program's
 * interrupts. While the program sleeps time jumps; while it works the clock runs a few milliseconds ahead of it, so that
 * events meet it in the middle. And timers, and a seeded random number.
 *
 * `air` guards everything that the fake itself holds.
 */
#ifndef FAKE_CLOCK_H
#define FAKE_CLOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct fake_timer {
	bool runs;
	uint32_t when;
};

struct fake_clock_config {
	uint64_t seed;
	/** Everything due now, with `air` held. @return when there is more */
	uint32_t (*step)(void *context);
	/** With `air` held, given back while the program is called. @return false: there was nothing to tell */
	bool (*interrupt)(void *context);
	void *context;
};

struct fake_clock {
	struct fake_clock_config config;
	pthread_t thread;
	pthread_mutex_t air;
	pthread_cond_t radio_wakes;
	pthread_cond_t program_wakes;
	_Atomic uint32_t now;
	uint64_t random;
	uint32_t leash;     /* the clock may run to here while the program works */
	uint32_t deadline;  /* of the sleeping program */
	uint32_t preempted; /* interrupts while the program was at work */
	bool sleeping;
	bool woken; /* what the program sleeps for has happened */
	bool stop;
};

/** @p config is copied. */
void fake_clock_init(struct fake_clock *clock, const struct fake_clock_config *config);
/** The thread begins to run. */
void fake_clock_start(struct fake_clock *clock);
/** Ends the thread; the clock stands still. */
void fake_clock_stop(struct fake_clock *clock);

/** Virtual ms; from any context. */
uint32_t fake_now(const struct fake_clock *clock);
/** The program sleeps until fake_wake() came since the last call, or the deadline. With `air` held. */
void fake_sleep(struct fake_clock *clock, uint32_t deadline);
/** With `air` held, from any context. */
void fake_wake(struct fake_clock *clock);
/** Now and then the worst moment: much happens between what the program looked at and what it does about it. With `air`
 *  held, from the program only. */
void fake_hold_up(struct fake_clock *clock, uint32_t one_in);

/* ---- with `air` held ---- */

uint32_t fake_roll(struct fake_clock *clock, uint32_t below);
bool fake_reached(uint32_t now, uint32_t when);
void fake_arm(struct fake_clock *clock, struct fake_timer *timer, uint32_t least_ms, uint32_t spread_ms);
bool fake_fires(const struct fake_clock *clock, struct fake_timer *timer);
/** *next is no later than this. */
void fake_earlier(uint32_t now, uint32_t *next, uint32_t when);
void fake_earlier_timer(uint32_t now, uint32_t *next, const struct fake_timer *timer);

#endif
