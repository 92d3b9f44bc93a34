/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What the core needs of its surroundings: an assert, a log hook, a hash. That is all.
 *
 * The core has no clock, no memory of its own, no threads and no I/O. A port gives bytes, link events and
 * the time, and pulls out bytes and a deadline; see cast.h for the calls and their order.
 *
 * Time is `uint32_t` milliseconds, monotonic, from any start; it may wrap. No timer of the core is longer
 * than 2^31 - 1 ms (24.8 days), so "a is before b" is `(int32_t)(a - b) < 0`.
 *
 * No public call may be made from inside a hook or while another call on the same object runs: what arrives
 * in an interrupt goes into a queue of the port's, and the port's one context empties it.
 */
#ifndef DFUCAST_PORT_H
#define DFUCAST_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Programmer errors only: nothing from the air, the wire or a file can reach one. Three ways to have them:
 * - by default a failed one calls dfucast_port_assert_failed(), which the program supplies and which must not return;
 * - with DFUCAST_ASSERT_TRAPS defined it stops at the processor's trap instruction (a fault on Cortex-M), which needs
 *   no function and no file names: smaller, and the fault's program counter says as much;
 * - whoever wants another defines DFUCAST_ASSERT(condition) before this header.
 */
#ifndef DFUCAST_ASSERT
#ifdef DFUCAST_ASSERT_TRAPS
#define DFUCAST_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define DFUCAST_ASSERT(condition) ((condition) ? (void)0 : dfucast_port_assert_failed(__FILE__, __LINE__))
#endif
#endif
void dfucast_port_assert_failed(const char *file, int line);

/**
 * SHA-256 by the platform's own crypto (PSA on Linux and Zephyr, the SDK's on S140). `context` holds one
 * running hash. The three calls are made in order: start, any number of updates, finish.
 */
struct dfucast_sha256 {
	void *context;                /**< the caller's */
	bool (*start)(void *context); /**< false: no hash to be had */
	bool (*update)(void *context, const uint8_t *bytes, size_t length);
	bool (*finish)(void *context, uint8_t digest[32]);
};

#ifdef __cplusplus
}
#endif
#endif
