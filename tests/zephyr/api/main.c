/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The macros of Zephyr's API that are no numbers, by their use: built against Zephyr and against tests/fake/zephyr.
 */
#include <zephyr/bluetooth/bluetooth.h>
#include <zephyr/bluetooth/conn.h>
#include <zephyr/bluetooth/gatt.h>
#include <zephyr/bluetooth/uuid.h>
#include <zephyr/device.h>
#include <zephyr/drivers/gpio.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/ring_buffer.h>

#define SAME(expression, type)                                                                               \
	BUILD_ASSERT(__builtin_types_compatible_p(__typeof__(expression), type), #expression ": not " #type)

static K_SEM_DEFINE(sem, 0, 1);
K_HEAP_DEFINE(heap, 2048);
RING_BUF_DECLARE(ring, 64);
static const struct bt_uuid_16 uuid = BT_UUID_INIT_16(BT_UUID_GATT_CCC_VAL);
static const struct gpio_dt_spec led = GPIO_DT_SPEC_GET_OR(DT_ALIAS(led0), gpios, {0});
static struct k_fifo fifo;

SAME(sem, struct k_sem);
SAME(heap, struct k_heap);
SAME(ring, struct ring_buf);
SAME(K_NO_WAIT, k_timeout_t);
SAME(DEVICE_DT_GET(DT_CHOSEN(dfucast_host)), const struct device *);
BUILD_ASSERT(ARRAY_SIZE(((bt_addr_t *)0)->val) == 6, "ARRAY_SIZE");
BUILD_ASSERT(DT_PROP(DT_CHOSEN(dfucast_host), current_speed) == 1000000, "the overlay's speed");
BUILD_ASSERT(IS_ENABLED(CONFIG_BT) == 1, "an option that is y");
BUILD_ASSERT(IS_ENABLED(CONFIG_THAT_IS_NOT_THERE) == 0, "an option that is not there");
BUILD_ASSERT(CONFIG_BT_L2CAP_TX_MTU == 498, "numbers of prj.conf");

static bool addresses_are_told_apart(void)
{
	static const bt_addr_t fixed = {{0, 0, 0, 0, 0, 0xC0}}, resolvable = {{0, 0, 0, 0, 0, 0x7F}},
			       other = {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F}};

	return BT_ADDR_IS_STATIC(&fixed) && !BT_ADDR_IS_STATIC(&resolvable) && !BT_ADDR_IS_STATIC(&other) &&
	       BT_ADDR_IS_RPA(&resolvable) && !BT_ADDR_IS_RPA(&fixed) && !BT_ADDR_IS_RPA(&other);
}

__maybe_unused static void unused(int argument)
{
	ARG_UNUSED(argument);
	k_oops();
}

int main(void)
{
	k_sem_give(&sem);
	k_fifo_init(&fifo);
	return addresses_are_told_apart() && k_sem_take(&sem, K_MSEC(1)) == 0 &&
		       k_fifo_get(&fifo, K_NO_WAIT) == NULL && ring_buf_space_get(&ring) == 64 &&
		       k_heap_alloc(&heap, 16, K_NO_WAIT) != NULL && led.port != NULL &&
		       uuid.uuid.type == BT_UUID_TYPE_16 && uuid.val == BT_UUID_GATT_CCC_VAL
		   ? 0
		   : 1;
}
