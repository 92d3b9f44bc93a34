/* SPDX-License-Identifier: Apache-2.0 */
/* A sensor's own work beside smp_svr: tick.h. */
#include "tick.h"

#include <zephyr/bluetooth/gatt.h>
#include <zephyr/init.h>
#include <zephyr/kernel.h>

static void on_subscription(const struct bt_gatt_attr *attribute, uint16_t value)
{
	ARG_UNUSED(attribute);
	ARG_UNUSED(value);
}

BT_GATT_SERVICE_DEFINE(tick_service, BT_GATT_PRIMARY_SERVICE(BT_UUID_DECLARE_128(TICK_SERVICE)),
		       BT_GATT_CHARACTERISTIC(BT_UUID_DECLARE_128(TICK_VALUE), BT_GATT_CHRC_NOTIFY,
					      BT_GATT_PERM_NONE, NULL, NULL, NULL),
		       BT_GATT_CCC(on_subscription, BT_GATT_PERM_READ | BT_GATT_PERM_WRITE));

static void tick(struct k_work *work)
{
	static uint32_t number;

	number++;
	(void)bt_gatt_notify(NULL, &tick_service.attrs[1], &number, sizeof(number));
	(void)k_work_schedule(k_work_delayable_from_work(work), K_SECONDS(1));
}

static K_WORK_DELAYABLE_DEFINE(tick_work, tick);

static int start(void)
{
	(void)k_work_schedule(&tick_work, K_SECONDS(1));
	return 0;
}

SYS_INIT(start, APPLICATION, 2);
