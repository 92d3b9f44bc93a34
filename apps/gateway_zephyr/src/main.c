/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway by itself: main() is its thread, and sleeps until something came or went, or a deadline. An LED, where the board has
 * one, is lit while an update is under way.
 */
#include "gateway.h"

#include <zephyr/drivers/gpio.h>
#include <zephyr/settings/settings.h>
#include <zephyr/sys/reboot.h>

#include <errno.h>

static K_SEM_DEFINE(wake, 0, 1);
static const struct gpio_dt_spec led = GPIO_DT_SPEC_GET_OR(DT_ALIAS(led0), gpios, {0});

/* No application beside it: no link is anybody else's. */
bool gateway_owns(const struct dfucast_ble_address *address, struct bt_conn **conn)
{
	ARG_UNUSED(address);
	ARG_UNUSED(conn);
	return false;
}

static void show(bool busy)
{
	if (led.port != NULL)
		(void)gpio_pin_set_dt(&led, busy);
}

static int start(void)
{
	int code = bt_enable(NULL);

	if (code != 0)
		return code;
	if (IS_ENABLED(CONFIG_BT_SETTINGS))
		(void)settings_load(); /* bonds; without them devices pair again */
	if (led.port != NULL &&
	    (!device_is_ready(led.port) || gpio_pin_configure_dt(&led, GPIO_OUTPUT_INACTIVE) != 0))
		return -ENODEV;
	return gateway_start(DEVICE_DT_GET(DT_CHOSEN(dfucast_host)), &wake);
}

static void sleep_until(uint32_t deadline)
{
	int32_t left = (int32_t)(deadline - dfucast_zephyr_now());

	if (left > 0)
		(void)k_sem_take(&wake, K_MSEC(left));
}

int main(void)
{
	if (start() != 0)
		k_oops(); /* a board that has no radio or no UART: nothing to do here */
	for (;;) {
		uint32_t deadline = gateway_ble_poll();

		show(gateway_ble_is_busy());
		if (gateway_ble_wants_reset())
			sys_reboot(SYS_REBOOT_COLD);
		sleep_until(deadline);
	}
	return 0;
}
