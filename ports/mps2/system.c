/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, sleep, the stack's watermark, and last words.
 */
#include "internal.h"

#include <dfucast/port.h>

static volatile bool woken;

/* Time is what a free-running counter says, not a count of ticks: a tick that comes late, or never because interrupts
 * were off for long, costs nothing. The tick is there to wake who sleeps, and so that the counter is read in time. */
static uint32_t now_ms;
static uint32_t last_ticks;
static uint32_t rest_ticks; /* of a millisecond */

void mps2_clock_start(void)
{
	MPS2_TIMER0_RELOAD = UINT32_MAX;
	MPS2_TIMER0_VALUE = UINT32_MAX;
	MPS2_TIMER0_CTRL = 1;
	last_ticks = mps2_ticks();
	MPS2_SYST_RVR = MPS2_CLOCK_HZ / 1000 - 1;
	MPS2_SYST_CVR = 0;
	MPS2_SYST_CSR = 7; /* on, interrupt, processor clock */
}

uint32_t mps2_ticks(void)
{
	return UINT32_MAX - MPS2_TIMER0_VALUE; /* it counts down */
}

uint32_t mps2_now(void)
{
	const uint32_t before = mps2_lock();
	const uint32_t ticks = mps2_ticks();
	uint32_t now;

	rest_ticks += ticks - last_ticks;
	last_ticks = ticks;
	now_ms += rest_ticks / (MPS2_CLOCK_HZ / 1000);
	rest_ticks %= MPS2_CLOCK_HZ / 1000;
	now = now_ms;
	mps2_unlock(before);
	return now;
}

void mps2_on_tick(void)
{
	(void)mps2_now();
}

void mps2_wake(void)
{
	woken = true;
}

/* With interrupts off nothing can come between the look and the sleep; wfi wakes all the same, and what woke it is
 * served as soon as they are on again. */
void mps2_sleep(const uint32_t *deadline)
{
	for (;;) {
		const uint32_t before = mps2_lock();
		const bool over = woken || (deadline != NULL && (int32_t)(mps2_now() - *deadline) >= 0);

		if (over)
			woken = false;
		else
			__asm__ volatile("dsb\n\twfi" ::: "memory");
		mps2_unlock(before);
		if (over)
			return;
	}
}

uint32_t mps2_stack_bytes(void)
{
	return (uint32_t)mps2_ld_stack_top - (uint32_t)mps2_ld_stack_bottom;
}

uint32_t mps2_stack_peak(void)
{
	const uint32_t *lowest = mps2_ld_stack_bottom;

	while (lowest < mps2_ld_stack_top && *lowest == MPS2_STACK_PAINT)
		lowest++;
	return (uint32_t)mps2_ld_stack_top - (uint32_t)lowest;
}

_Noreturn void mps2_reboot(void)
{
	__asm__ volatile("dsb" ::: "memory");
	MPS2_SCB_AIRCR = MPS2_SCB_AIRCR_RESET;
	for (;;)
		continue;
}

_Noreturn void mps2_die(const char *what, uint32_t value)
{
	char digits[11];
	char *first = &digits[sizeof(digits) - 1];

	(void)mps2_lock();
	*first = '\0';
	do
		*--first = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	mps2_uart_last_words("\r\nmps2: ");
	mps2_uart_last_words(what);
	mps2_uart_last_words(" ");
	mps2_uart_last_words(first);
	mps2_uart_last_words("\r\n");
	mps2_reboot();
}

void dfucast_port_assert_failed(const char *file, int line)
{
	mps2_die(file, (uint32_t)line);
}
