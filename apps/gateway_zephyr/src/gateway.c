/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway of apps/gateway_ble on Zephyr's Bluetooth host and UART. */
#include "gateway.h"
#include "gateway_sizes.h"

#include <gateway_ble.h>
#include <string.h>

#define HOST_NODE DT_CHOSEN(dfucast_host)

BUILD_ASSERT(DFUCAST_ZEPHYR_BUFFERS(GATEWAY_LINKS, GATEWAY_WRITE_QUEUE) <= CONFIG_BT_L2CAP_TX_BUF_COUNT,
	     "CONFIG_BT_L2CAP_TX_BUF_COUNT: GATEWAY_LINKS x (GATEWAY_WRITE_QUEUE + 1) at least");

static struct dfucast_zephyr port;
static struct dfucast_ble_address allowed[GATEWAY_TARGETS];

/* ---- the application's links ---- */

static enum dfucast_ble_ownership owner(void *context, const struct dfucast_ble_address *address,
					struct dfucast_ble_offer *offer)
{
	struct bt_conn *conn = NULL;

	ARG_UNUSED(context);
	if (!gateway_owns(address, &conn))
		return DFUCAST_BLE_NOT_OWNED;
	return conn != NULL && dfucast_zephyr_offer(&port, conn, offer) ? DFUCAST_BLE_LENT
									: DFUCAST_BLE_OWNED_AWAY;
}

bool gateway_offer(struct bt_conn *conn)
{
	struct dfucast_ble_address address = dfucast_zephyr_address(bt_conn_get_dst(conn));
	struct dfucast_ble_offer offer;

	return dfucast_zephyr_offer(&port, conn, &offer) && gateway_ble_offer(&address, &offer);
}

bool gateway_uses(struct bt_conn *conn)
{
	return dfucast_zephyr_uses(&port, conn);
}

/* ---- start ---- */

static int start_port(struct k_sem *wake)
{
	struct dfucast_zephyr_config config = {
	    .wake = wake, .active_scan = true, .advertisement = gateway_ble_heard};

	gateway_ble_central_memory(&config.central);
	config.central.air.slot_us = DFUCAST_ZEPHYR_SLOT_US;
	return dfucast_zephyr_init(&port, &config);
}

/* CONFIG_GATEWAY_ALLOWED: addresses with blanks between. What is no address is left out. */
static uint16_t read_allowed(void)
{
	const char *text = CONFIG_GATEWAY_ALLOWED;
	uint16_t count = 0;

	while (*text != '\0' && count < GATEWAY_TARGETS) {
		size_t length = strcspn(text, " ");

		if (dfucast_ble_address_parse(text, length, &allowed[count]))
			count++;
		text += length;
		text += *text == ' ' ? 1 : 0;
	}
	return count;
}

#ifdef CONFIG_GATEWAY_OWN_UPDATE
#define HEADER_MAJOR 20u /* of MCUboot's image header: the version's first byte */

static bool is_own_image(void *context, const uint8_t *header, uint32_t image_bytes)
{
	ARG_UNUSED(context);
	ARG_UNUSED(image_bytes);
	return header[HEADER_MAJOR] == CONFIG_GATEWAY_OWN_MAJOR;
}
#endif

static uint32_t run_port(uint32_t now)
{
	return dfucast_zephyr_run(&port, now);
}

int gateway_start(const struct device *uart, struct k_sem *wake)
{
	const struct gateway_ble_config config = {
	    .central = &port.central,
	    .run = run_port,
	    .now = dfucast_zephyr_now,
	    .read = dfucast_zephyr_uart_read,
	    .room = dfucast_zephyr_uart_room,
	    .write = dfucast_zephyr_uart_write,
	    .idle = dfucast_zephyr_uart_idle,
	    .framing =
		IS_ENABLED(CONFIG_GATEWAY_FRAMING_COBS) ? DFUCAST_FRAMING_COBS : DFUCAST_FRAMING_CONSOLE,
	    .baud = DT_PROP_OR(HOST_NODE, current_speed, 0), /* USB: fast */
	    .owner = owner,
#ifdef CONFIG_DFUCAST_LOCAL_SMP
	    .local_smp = dfucast_zephyr_local_smp,
#endif
#ifdef CONFIG_GATEWAY_OWN_UPDATE
	    .is_own_image = is_own_image,
#endif
	    .file = dfucast_zephyr_sha256(0),
	    .content = dfucast_zephyr_sha256(1),
	    .boot_id = sys_rand32_get(),
	    .allowed = allowed,
	    .allowed_count = read_allowed()};
	int code = start_port(wake);

	if (code != 0)
		return code;
	gateway_ble_start(&config);
	return dfucast_zephyr_uart_init(uart, wake);
}
