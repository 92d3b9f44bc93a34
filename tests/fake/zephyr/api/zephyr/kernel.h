/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What ports/zephyr and apps/gateway_zephyr use of Zephyr's API, declared anew: this header and those beside it, for
 * builds without Zephyr (CI) and for the fake host of tests/fake. Only names, types and numbers of what is used; layouts
 * are not Zephyr's.
 *
 * tests/zephyr/api makes assertions of every declaration and compiles them against a real Zephyr. Done for the nRF52840 DK
 * with: Zephyr 3.2.99 (ea33f2fce4), Zephyr 3.4.99 (the nRF Connect SDK's), Mbed TLS 2.28.3 and 3.4.0 (PSA).
 * What is for 4.x, `recycled` and where two headers are, was only read.
 *
 * One declaration, member or constant a line where they fit, for tests/zephyr/api/assertions.py reads this.
 */
#ifndef FAKE_ZEPHYR_KERNEL_H
#define FAKE_ZEPHYR_KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../fake_types.h"

/* ---- macros: by their use in tests/zephyr/api/main.c ---- */

#define ARG_UNUSED(x) (void)(x)
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MAX(a, b) (((a) > (b)) ? (a) : (b))
#define BUILD_ASSERT(condition, text) _Static_assert(condition, text)
#define __maybe_unused __attribute__((unused))

/* 1 for an option that is y, 0 for one that is not there. */
#define IS_ENABLED(option) FAKE_ENABLED_VALUE(option)
#define FAKE_ENABLED_VALUE(value) FAKE_ENABLED_PAIR(FAKE_ENABLED_##value)
#define FAKE_ENABLED_PAIR(pair) FAKE_ENABLED_SECOND(pair 1, 0, 0)
#define FAKE_ENABLED_SECOND(first, second, ...) second
#define FAKE_ENABLED_1 0,

#define K_NO_WAIT ((k_timeout_t){0})
#define K_MSEC(wait) ((k_timeout_t){wait})
#define K_SEM_DEFINE(name, initial, limit) struct k_sem name = {initial, limit}
#define K_HEAP_DEFINE(name, size) struct k_heap name = {.bytes = (size)}
#define k_oops() fake_zephyr_oops()

/* ---- atomics ---- */

typedef long atomic_t;
typedef atomic_t atomic_val_t;

atomic_val_t atomic_get(const atomic_t *target);
atomic_val_t atomic_set(atomic_t *target, atomic_val_t value);
atomic_val_t atomic_clear(atomic_t *target);
atomic_val_t atomic_inc(atomic_t *target);
atomic_val_t atomic_add(atomic_t *target, atomic_val_t value);
atomic_val_t atomic_sub(atomic_t *target, atomic_val_t value);
bool atomic_cas(atomic_t *target, atomic_val_t old_value, atomic_val_t new_value);
bool atomic_test_bit(const atomic_t *target, int bit);
bool atomic_test_and_set_bit(atomic_t *target, int bit);
bool atomic_test_and_clear_bit(atomic_t *target, int bit);
void atomic_set_bit(atomic_t *target, int bit);
void atomic_clear_bit(atomic_t *target, int bit);

/* ---- kernel ---- */

uint32_t k_uptime_get_32(void);
k_spinlock_key_t k_spin_lock(struct k_spinlock *lock);
void k_spin_unlock(struct k_spinlock *lock, k_spinlock_key_t key);
int k_sem_take(struct k_sem *sem, k_timeout_t timeout);
void k_sem_give(struct k_sem *sem);
void k_fifo_init(struct k_fifo *fifo);
void k_fifo_put(struct k_fifo *fifo, void *data);
void *k_fifo_get(struct k_fifo *fifo, k_timeout_t timeout);
void *k_heap_alloc(struct k_heap *heap, size_t bytes, k_timeout_t timeout);
void k_heap_free(struct k_heap *heap, void *mem);

#endif
