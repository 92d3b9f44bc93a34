/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A central on nrf52_bsim: whoever advertises the SMP service gets an image that is made here, DEVICES at the same time, and
 * what MODE says beside it. It prints a line for each change of state, and END with the time; then the simulation is over.
 */
#include "dfucast_zephyr.h"

#include <dfucast/update.h>
#include <nsi_main.h>
#include <zephyr/sys/printk.h>

#include <string.h>

#define IMAGE_BYTES 131072u
#define HEADER_BYTES 32u
#define TLV_BYTES 40u
#define WRITE_QUEUE 2

static uint8_t image[IMAGE_BYTES + TLV_BYTES];
static uint8_t sha[32], hash[32];
static struct dfucast_cast cast;
static struct dfucast_update_plan plan;
static struct dfucast_update devices[DEVICES];
static struct dfucast_cast_target cast_targets[DEVICES];
static struct dfucast_ble_target ble_targets[DEVICES];
static struct dfucast_ble_conn conns[DEVICES];
static struct dfucast_ble_pool pool;
static uint8_t answers[2][512];
static uint8_t value[CONFIG_BT_L2CAP_TX_MTU - 3];
static uint8_t ring[65536];
static struct dfucast_zephyr port;
static K_SEM_DEFINE(wake, 0, 1);

static void put_u32(uint8_t *at, uint32_t number)
{
	for (unsigned int i = 0; i < 4; i++)
		at[i] = (uint8_t)(number >> (8 * i));
}

static void digest(size_t bytes, uint8_t *into)
{
	const struct dfucast_sha256 sha256 = dfucast_zephyr_sha256(0);

	if (!sha256.start(sha256.context) || !sha256.update(sha256.context, image, bytes) ||
	    !sha256.finish(sha256.context, into))
		k_oops();
}

/* An MCUboot header of version 2.0.0, noise, and a SHA-256 TLV. */
static void make_image(void)
{
	static const uint8_t tlv[] = {0x07, 0x69, TLV_BYTES, 0, 0x10, 0, 32, 0};

	put_u32(image, 0x96f3b83d);
	image[8] = HEADER_BYTES;
	put_u32(image + 12, IMAGE_BYTES - HEADER_BYTES);
	image[20] = 2;
	for (uint32_t i = HEADER_BYTES; i < IMAGE_BYTES; i++)
		image[i] = (uint8_t)(i * 2654435761u >> 13);
	digest(IMAGE_BYTES, hash);
	memcpy(image + IMAGE_BYTES, tlv, sizeof(tlv));
	memcpy(image + IMAGE_BYTES + sizeof(tlv), hash, sizeof(hash));
	digest(sizeof(image), sha);
}

static void start(void)
{
	const struct dfucast_cast_config config = {.consumer = &dfucast_update_consumer,
						   .plan = &plan,
						   .devices = devices,
						   .device_bytes = sizeof(devices[0]),
						   .targets = cast_targets,
						   .count = DEVICES,
						   .image_bytes = sizeof(image),
						   .ring = ring,
						   .ring_bytes = sizeof(ring),
						   .canary = 1,
						   .gather_ms = 10000,
						   .rewinds = true};
	const struct dfucast_zephyr_config port_config = {
	    .central = {.air = {.interval_min = INTERVAL_MIN, .slot_us = DFUCAST_ZEPHYR_SLOT_US},
			.targets = ble_targets,
			.conns = conns,
			.value = value,
			.pool = &pool,
			.target_count = DEVICES,
			.value_bytes = sizeof(value),
			.conn_count = DEVICES,
			.write_queue = WRITE_QUEUE},
	    .wake = &wake,
	    .active_scan = true};
	struct dfucast_ble_user user;

	plan = (struct dfucast_update_plan){.mode = MODE,
					    .header = image,
					    .sha = sha,
					    .hash = hash,
					    .hash_bytes = sizeof(hash),
					    .image_bytes = sizeof(image),
					    .version = {.major = 2}};
	for (unsigned int i = 0; i < DEVICES; i++)
		ble_targets[i].passkey = PASSKEY;
	dfucast_ble_pool_init(&pool, answers[0], sizeof(answers[0]), ARRAY_SIZE(answers));
	if (bt_enable(NULL) != 0 || dfucast_zephyr_init(&port, &port_config) != 0)
		k_oops();
	dfucast_cast_init(&cast, &config);
	user = dfucast_ble_user_cast(&cast);
	dfucast_ble_central_set_user(&port.central, &user);
	dfucast_cast_start(&cast, dfucast_zephyr_now());
	dfucast_cast_set_image_verified(&cast, dfucast_zephyr_now());
}

/* @return how many have ended */
static unsigned int report(uint32_t now)
{
	static uint8_t told[DEVICES];
	struct dfucast_status status;
	unsigned int ended = 0;

	for (uint16_t i = 0; i < DEVICES; i++) {
		dfucast_cast_status(&cast, i, &status);
		ended += dfucast_state_is_final((enum dfucast_state)status.state) ? 1u : 0u;
		if (status.state == told[i])
			continue;
		told[i] = status.state;
		printk("%u ms: device %u %s %s\n", now, i,
		       dfucast_state_name((enum dfucast_state)status.state),
		       dfucast_state_is_final((enum dfucast_state)status.state)
			   ? dfucast_err_name(status.outcome.err)
			   : "");
	}
	return ended;
}

static uint32_t poll(uint32_t now)
{
	uint32_t offset, length, other, deadline;

	dfucast_cast_tick(&cast, now);
	deadline = dfucast_zephyr_run(&port, now);
	while (dfucast_cast_need(&cast, &offset, &length)) {
		(void)dfucast_cast_feed(&cast, offset, image + offset, length, now);
		deadline = dfucast_zephyr_run(&port, now);
	}
	if (dfucast_cast_deadline(&cast, &other) && (int32_t)(other - deadline) < 0)
		deadline = other;
	return deadline;
}

int main(void)
{
	unsigned int ended = 0;

	make_image();
	start();
	while (ended < DEVICES) {
		uint32_t deadline = poll(dfucast_zephyr_now());
		int32_t left = (int32_t)(deadline - dfucast_zephyr_now());

		ended = report(dfucast_zephyr_now());
		if (left > 0 && ended < DEVICES)
			(void)k_sem_take(&wake, K_MSEC(left));
	}
	printk("END %u ms, %u passes, %u activated, interval %u x 1.25 ms, %u events lost\n",
	       dfucast_zephyr_now(), cast.passes, cast.activated, port.central.slots.interval,
	       (unsigned int)atomic_get(&port.lost));
	nsi_exit(0);
	return 0;
}
