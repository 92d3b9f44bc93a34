/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A central on nrf52_bsim: whoever advertises the SMP service gets an image that is made here, DEVICES at the same time, and
 * what MODE says beside it. It prints a line for each change of state, and END with the time; then the simulation is over.
 */
#include "dfucast_zephyr.h"
#include "image.h"

#include <dfucast/update.h>
#include <nsi_main.h>
#include <zephyr/sys/printk.h>

#define WRITE_QUEUE 2

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

static void start(void)
{
	const struct dfucast_cast_config config = {.consumer = &dfucast_update_consumer,
						   .plan = &plan,
						   .devices = devices,
						   .device_bytes = sizeof(devices[0]),
						   .targets = cast_targets,
						   .count = DEVICES,
						   .image_bytes = sizeof(bsim_image),
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
					    .header = bsim_image,
					    .sha = bsim_image_sha,
					    .hash = bsim_image_hash,
					    .hash_bytes = sizeof(bsim_image_hash),
					    .image_bytes = sizeof(bsim_image),
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
		(void)dfucast_cast_feed(&cast, offset, bsim_image + offset, length, now);
		deadline = dfucast_zephyr_run(&port, now);
	}
	if (dfucast_cast_deadline(&cast, &other) && (int32_t)(other - deadline) < 0)
		deadline = other;
	return deadline;
}

int main(void)
{
	unsigned int ended = 0;

	bsim_image_make(2);
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
