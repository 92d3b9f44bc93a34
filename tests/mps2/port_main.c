/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port by itself, for tests/interop/test_mps2.py: UART 1 … 4 give back what they get; letters on UART 0 ask for more.
 */
#include "mps2.h"

#include <dfucast/port.h>
#include <string.h>

#define RING_BYTES 512u

static struct mps2_uart uarts[MPS2_UARTS];
static uint8_t rx[MPS2_UARTS][RING_BYTES], tx[MPS2_UARTS][RING_BYTES];

static void say(const char *name, uint32_t value)
{
	char text[32];
	char *first = &text[sizeof(text) - 1];

	*first = '\n';
	for (uint32_t rest = value; rest > 0 || first == &text[sizeof(text) - 1]; rest /= 10)
		*--first = (char)('0' + rest % 10);
	*--first = ' ';
	mps2_uart_write(&uarts[0], (const uint8_t *)name, strlen(name));
	mps2_uart_write(&uarts[0], (const uint8_t *)first, (size_t)(text + sizeof(text) - first));
}

static uint32_t wait(uint32_t ms)
{
	const uint32_t start = mps2_now(), end = start + ms;

	while ((int32_t)(mps2_now() - end) < 0)
		mps2_sleep(&end);
	return mps2_now() - start;
}

static uint32_t deep(uint32_t depth)
{
	volatile uint8_t room[64];

	room[depth % sizeof(room)] = (uint8_t)depth;
	return depth == 0 ? 0 : deep(depth - 1) + room[depth % sizeof(room)];
}

static void obey(uint8_t letter)
{
	switch (letter) {
	case 'w': /* wait, by sleeping until a deadline */
		say("waited", wait(500));
		break;
	case 't':
		say("now", mps2_now());
		break;
	case 'i': /* idle: nobody fetches what comes on UART 1 until so much of it is lost, or for 10 s */
		for (uint32_t i = 0; i < 1000 && uarts[1].overflows < 1000; i++)
			(void)wait(10);
		say("lost", uarts[1].overflows);
		break;
	case 'l':
		say("lost",
		    uarts[1].overflows + uarts[2].overflows + uarts[3].overflows + uarts[4].overflows);
		break;
	case 'a':
		DFUCAST_ASSERT(letter != 'a');
		break;
	case 'f': /* nothing is there */
		say("read", *(volatile uint32_t *)0xA0000000);
		break;
	case 's':
		say("depth", deep(1000000));
		break;
	case 'p':
		say("peak", mps2_stack_peak());
		break;
	default:
		break;
	}
}

int main(void)
{
	uint8_t bytes[64];

	mps2_clock_start();
	for (unsigned int i = 0; i < MPS2_UARTS; i++)
		mps2_uart_open(&uarts[i], i, 115200, rx[i], RING_BYTES, tx[i], RING_BYTES);
	say("ready", MPS2_UARTS);
	for (;;) {
		if (mps2_uart_read(&uarts[0], bytes, 1) == 1)
			obey(bytes[0]);
		for (unsigned int i = 1; i < MPS2_UARTS; i++) {
			const size_t room = mps2_uart_room(&uarts[i]);

			mps2_uart_write(
			    &uarts[i], bytes,
			    mps2_uart_read(&uarts[i], bytes, room < sizeof(bytes) ? room : sizeof(bytes)));
		}
		mps2_sleep(NULL);
	}
}
