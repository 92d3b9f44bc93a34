/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Types of Zephyr's whose insides are nobody's business: the fake's own.
 */
#ifndef FAKE_ZEPHYR_TYPES_H
#define FAKE_ZEPHYR_TYPES_H

#include <stdint.h>

typedef struct {
	int32_t ms;
} k_timeout_t;

struct k_spinlock {
	int unused;
};

typedef struct {
	int unused;
} k_spinlock_key_t;

struct k_sem {
	unsigned int count;
	unsigned int limit;
};

/* Entries are chained by their first word. */
struct k_fifo {
	void *first;
	void *last;
};

struct k_heap {
	uint32_t bytes;
	uint32_t used;
};

struct device {
	const char *name;
};

struct ring_buf {
	uint8_t *bytes;
	uint32_t size;
	uint32_t put;
	uint32_t got;
};

struct cbor_nb_reader {
	int unused;
};

struct cbor_nb_writer {
	int unused;
};

/* Devicetree: one UART, one LED. */
#define FAKE_PROPERTY_current_speed 1000000
extern const struct device fake_zephyr_uart, fake_zephyr_led;

_Noreturn void fake_zephyr_oops(void);

#endif
