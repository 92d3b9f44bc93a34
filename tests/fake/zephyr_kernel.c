/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's kernel: atomics, locks, semaphores, queues, heaps; small drivers; start and stop.
 */
#include "zephyr_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <zephyr/drivers/gpio.h>
#include <zephyr/settings/settings.h>
#include <zephyr/sys/reboot.h>
#include <zephyr/sys/ring_buffer.h>

#if __has_include(<zephyr/random/random.h>)
#include <zephyr/random/random.h>
#else
#include <tinycrypt/constants.h>
#include <tinycrypt/sha256.h>
#include <zephyr/random/rand32.h>
#endif

#define DEAF_ATTEMPTS 1u
#define HEAP_HEAD_BYTES 16u
#define HEAP_UNIT_BYTES 8u

struct zephyr zephyr_fake;
const struct device fake_zephyr_uart = {"uart"}, fake_zephyr_led = {"led"};

/* ---- atomics ---- */

atomic_val_t atomic_get(const atomic_t *target)
{
	return __atomic_load_n(target, __ATOMIC_SEQ_CST);
}

atomic_val_t atomic_set(atomic_t *target, atomic_val_t value)
{
	return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

atomic_val_t atomic_clear(atomic_t *target)
{
	return atomic_set(target, 0);
}

atomic_val_t atomic_add(atomic_t *target, atomic_val_t value)
{
	return __atomic_fetch_add(target, value, __ATOMIC_SEQ_CST);
}

atomic_val_t atomic_sub(atomic_t *target, atomic_val_t value)
{
	return __atomic_fetch_sub(target, value, __ATOMIC_SEQ_CST);
}

atomic_val_t atomic_inc(atomic_t *target)
{
	return atomic_add(target, 1);
}

bool atomic_cas(atomic_t *target, atomic_val_t old_value, atomic_val_t new_value)
{
	return __atomic_compare_exchange_n(target, &old_value, new_value, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static atomic_val_t mask_of(int bit)
{
	assert(bit >= 0 && bit < 32); /* of the targets that this is for */
	return (atomic_val_t)(1ul << bit);
}

bool atomic_test_bit(const atomic_t *target, int bit)
{
	return (atomic_get(target) & mask_of(bit)) != 0;
}

bool atomic_test_and_set_bit(atomic_t *target, int bit)
{
	return (__atomic_fetch_or(target, mask_of(bit), __ATOMIC_SEQ_CST) & mask_of(bit)) != 0;
}

bool atomic_test_and_clear_bit(atomic_t *target, int bit)
{
	return (__atomic_fetch_and(target, ~mask_of(bit), __ATOMIC_SEQ_CST) & mask_of(bit)) != 0;
}

void atomic_set_bit(atomic_t *target, int bit)
{
	(void)atomic_test_and_set_bit(target, bit);
}

void atomic_clear_bit(atomic_t *target, int bit)
{
	(void)atomic_test_and_clear_bit(target, bit);
}

/* ---- the fake's lock ---- */

bool zephyr_is_program(const struct zephyr *fake)
{
	return pthread_equal(pthread_self(), fake->program) != 0;
}

struct zephyr *zephyr_enter(void)
{
	struct zephyr *fake = &zephyr_fake;

	pthread_mutex_lock(&fake->clock.air);
	return fake;
}

void zephyr_leave(struct zephyr *fake)
{
	pthread_cond_signal(&fake->clock.radio_wakes);
	pthread_mutex_unlock(&fake->clock.air);
}

struct zephyr *zephyr_enter_host(void)
{
	struct zephyr *fake = &zephyr_fake;

	if (zephyr_is_program(fake))
		pthread_mutex_lock(&fake->host);
	return zephyr_enter();
}

int zephyr_leave_host(struct zephyr *fake, int result)
{
	zephyr_leave(fake);
	if (zephyr_is_program(fake))
		pthread_mutex_unlock(&fake->host);
	return result;
}

uint32_t zephyr_now(void)
{
	return fake_now(&zephyr_fake.clock);
}

uint32_t k_uptime_get_32(void)
{
	return zephyr_now();
}

/* ---- locks and semaphores ---- */

k_spinlock_key_t k_spin_lock(struct k_spinlock *lock)
{
	struct zephyr *fake = zephyr_enter();

	(void)lock;
	if (zephyr_is_program(fake))
		fake_hold_up(&fake->clock, 48);
	zephyr_leave(fake);
	pthread_mutex_lock(&fake->irq);
	return (k_spinlock_key_t){0};
}

void k_spin_unlock(struct k_spinlock *lock, k_spinlock_key_t key)
{
	(void)lock;
	(void)key;
	pthread_mutex_unlock(&zephyr_fake.irq);
}

void k_sem_give(struct k_sem *sem)
{
	struct zephyr *fake = zephyr_enter();

	if (sem->count < sem->limit)
		sem->count++;
	if (fake->sleeps == sem)
		fake_wake(&fake->clock);
	zephyr_leave(fake);
}

int k_sem_take(struct k_sem *sem, k_timeout_t timeout)
{
	struct zephyr *fake = zephyr_enter();
	uint32_t deadline = fake_now(&fake->clock) + (uint32_t)timeout.ms;
	bool taken;

	assert(zephyr_is_program(fake) && timeout.ms >= 0);
	fake->sleeps = sem;
	/* What has been given is taken at once, but the others have had their time, too. */
	fake->clock.woken = sem->count > 0;
	fake_sleep(&fake->clock, deadline);
	fake->sleeps = NULL;
	taken = sem->count > 0;
	if (taken)
		sem->count--;
	if (fake->over && fake->config.over != NULL) {
		zephyr_leave(fake);
		fake->config.over(fake->config.context);
	}
	zephyr_leave(fake);
	return taken ? 0 : -EAGAIN;
}

/* ---- queues ---- */

void k_fifo_init(struct k_fifo *fifo)
{
	*fifo = (struct k_fifo){0};
}

void k_fifo_put(struct k_fifo *fifo, void *data)
{
	pthread_mutex_lock(&zephyr_fake.irq);
	assert(data != fifo->last); /* what is in it already is not put again */
	*(void **)data = NULL;
	if (fifo->first == NULL)
		fifo->first = data;
	else
		*(void **)fifo->last = data;
	fifo->last = data;
	pthread_mutex_unlock(&zephyr_fake.irq);
}

void *k_fifo_get(struct k_fifo *fifo, k_timeout_t timeout)
{
	void *data;

	assert(timeout.ms == 0);
	pthread_mutex_lock(&zephyr_fake.irq);
	data = fifo->first;
	if (data != NULL)
		fifo->first = *(void **)data;
	if (fifo->first == NULL)
		fifo->last = NULL;
	pthread_mutex_unlock(&zephyr_fake.irq);
	return data;
}

/* ---- heaps: of the C library, so that its checkers see what is done to a block ---- */

static uint32_t block_bytes(size_t bytes)
{
	return (uint32_t)((bytes + 2u * HEAP_UNIT_BYTES - 1u) / HEAP_UNIT_BYTES * HEAP_UNIT_BYTES);
}

void *k_heap_alloc(struct k_heap *heap, size_t bytes, k_timeout_t timeout)
{
	struct zephyr *fake = zephyr_enter();
	uint32_t whole = block_bytes(bytes);
	uint8_t *block = NULL;

	assert(timeout.ms == 0);
	if (heap->used + whole <= heap->bytes) {
		block = malloc(HEAP_HEAD_BYTES + bytes);
		assert(block != NULL);
		memcpy(block, &whole, sizeof(whole));
		heap->used += whole;
	} else {
		fake->counts.heap_full++;
	}
	zephyr_leave(fake);
	return block != NULL ? block + HEAP_HEAD_BYTES : NULL;
}

void k_heap_free(struct k_heap *heap, void *mem)
{
	struct zephyr *fake = zephyr_enter();
	uint8_t *block = (uint8_t *)mem - HEAP_HEAD_BYTES;
	uint32_t whole;

	memcpy(&whole, block, sizeof(whole));
	assert(heap->used >= whole);
	heap->used -= whole;
	zephyr_leave(fake);
	free(block);
}

/* ---- rings: one writes, one reads ---- */

uint32_t ring_buf_space_get(struct ring_buf *buf)
{
	return buf->size -
	       (__atomic_load_n(&buf->put, __ATOMIC_ACQUIRE) - __atomic_load_n(&buf->got, __ATOMIC_ACQUIRE));
}

uint32_t ring_buf_put(struct ring_buf *buf, const uint8_t *data, uint32_t size)
{
	uint32_t room = ring_buf_space_get(buf);
	uint32_t length = size < room ? size : room;

	for (uint32_t i = 0; i < length; i++)
		buf->bytes[(buf->put + i) % buf->size] = data[i];
	__atomic_store_n(&buf->put, buf->put + length, __ATOMIC_RELEASE);
	return length;
}

uint32_t ring_buf_get(struct ring_buf *buf, uint8_t *data, uint32_t size)
{
	uint32_t there = buf->size - ring_buf_space_get(buf);
	uint32_t length = size < there ? size : there;

	for (uint32_t i = 0; i < length; i++)
		data[i] = buf->bytes[(buf->got + i) % buf->size];
	__atomic_store_n(&buf->got, buf->got + length, __ATOMIC_RELEASE);
	return length;
}

/* ---- the rest ---- */

bool device_is_ready(const struct device *dev)
{
	return dev != NULL;
}

int gpio_pin_configure_dt(const struct gpio_dt_spec *spec, gpio_flags_t extra_flags)
{
	return spec->port == &fake_zephyr_led && extra_flags == GPIO_OUTPUT_INACTIVE ? 0 : -EINVAL;
}

int gpio_pin_set_dt(const struct gpio_dt_spec *spec, int value)
{
	return spec->port == &fake_zephyr_led && value >= 0 && value <= 1 ? 0 : -EINVAL;
}

int settings_load(void)
{
	return 0;
}

uint32_t sys_rand32_get(void)
{
	struct zephyr *fake = zephyr_enter();
	uint32_t number = fake_roll(&fake->clock, UINT32_MAX);

	zephyr_leave(fake);
	return number;
}

void fake_zephyr_oops(void)
{
	abort();
}

void sys_reboot(int type)
{
	struct zephyr *fake = &zephyr_fake;

	assert(type == SYS_REBOOT_COLD && fake->config.over != NULL);
	fake->config.over(fake->config.context);
	abort();
}

#ifdef TC_CRYPTO_SUCCESS
int tc_sha256_init(TCSha256State_t s)
{
	s->length = 0;
	return TC_CRYPTO_SUCCESS;
}

int tc_sha256_update(TCSha256State_t s, const uint8_t *data, size_t datalen)
{
	if (datalen == 0)
		return TC_CRYPTO_SUCCESS;
	s->bytes = realloc(s->bytes, s->length + datalen);
	assert(s->bytes != NULL);
	memcpy(s->bytes + s->length, data, datalen);
	s->length += datalen;
	return TC_CRYPTO_SUCCESS;
}

int tc_sha256_final(uint8_t *digest, TCSha256State_t s)
{
	sim_peer_sha256(s->bytes, s->length, digest);
	return TC_CRYPTO_SUCCESS;
}
#endif

/* ---- start and stop ---- */

static uint32_t step(void *context)
{
	return zephyr_radio_step(context);
}

static bool interrupt(void *context)
{
	return zephyr_tell(context);
}

void zephyr_start(const struct zephyr_config *config)
{
	struct zephyr *fake = &zephyr_fake;
	const struct fake_clock_config clock = {config->seed, step, interrupt, fake};

	assert(config->write_queue <= QUEUE_MAX);
	memset(fake, 0, sizeof(*fake));
	fake->config = *config;
	fake->program = pthread_self();
	fake->deaf_left = DEAF_ATTEMPTS;
	fake->drops = calloc(config->count, 1);
	fake->bonds = calloc(config->count, 1);
	fake->owned_timers = calloc(config->count, sizeof(*fake->owned_timers));
	assert(fake->drops != NULL && fake->bonds != NULL && fake->owned_timers != NULL);
	pthread_mutex_init(&fake->host, NULL);
	pthread_mutex_init(&fake->irq, NULL);
	fake_clock_init(&fake->clock, &clock);
	fake_clock_start(&fake->clock);
}

void zephyr_over(void)
{
	zephyr_fake.over = true;
	fake_wake(&zephyr_fake.clock);
}

void zephyr_stop(struct zephyr_counts *counts)
{
	struct zephyr *fake = &zephyr_fake;

	fake_clock_stop(&fake->clock);
	fake->counts.air.preempted = fake->clock.preempted;
	*counts = fake->counts;
	pthread_mutex_destroy(&fake->host);
	pthread_mutex_destroy(&fake->irq);
	free(fake->drops);
	free(fake->bonds);
	free(fake->owned_timers);
}

unsigned int zephyr_connections(void)
{
	struct zephyr *fake = zephyr_enter();
	unsigned int count = 0;

	for (unsigned int i = 0; i < CONFIG_BT_MAX_CONN; i++)
		count += fake->conns[i].refs > 0;
	zephyr_leave(fake);
	return count;
}

struct bt_le_conn_param zephyr_params(const struct bt_conn *conn)
{
	return conn->params;
}
