/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gateway and host in one program, two threads and a wire between them: the gateway is apps/gateway_zephyr's, the host is
 * apps/example's, and its network has each byte at once. It prints a line for each device that has ended, and END with the
 * time; then the simulation is over. With LINKS there is an application beside the gateway, whose links are lent.
 */
#include "application.h"
#include "board.h"
#include "gateway.h"
#include "image.h"
#include "own.h"
#include "wire.h"

#include <nsi_main.h>
#include <zephyr/sys/printk.h>

#include <string.h>

#define HOST_STACK 8192
#define HOST_PRIORITY 1

static K_SEM_DEFINE(gateway_wake, 0, 1);
static K_SEM_DEFINE(host_wake, 0, 1);
static K_THREAD_STACK_DEFINE(host_stack, HOST_STACK);
static struct k_thread host_thread;
static struct {
	uint32_t offset, length; /* asked of the network */
	unsigned int asked, reports;
} network;
static uint8_t kept[DFUCAST_HOST_BLOB_BYTES];
static size_t kept_bytes;

bool gateway_owns(const struct dfucast_ble_address *address, struct bt_conn **conn)
{
	bool ours;

	*conn = application_connection(address, &ours);
	return ours;
}

/* ---- the host's board ---- */

uint32_t board_now(void)
{
	return k_uptime_get_32();
}

size_t board_uart_write(const uint8_t *bytes, size_t length)
{
	return wire_host_write(bytes, length);
}

void board_network_ask(uint32_t offset, uint32_t length)
{
	network.offset = offset;
	network.length = length;
	network.asked++;
}

void board_flash_keep(const uint8_t *bytes, size_t length)
{
	memcpy(kept, bytes, length);
	kept_bytes = length;
}

size_t board_flash_read(uint8_t *bytes, size_t capacity)
{
	size_t length = MIN(capacity, kept_bytes);

	memcpy(bytes, kept, length);
	return length;
}

void board_report(const struct dfucast_smp_fleet_report *report)
{
	printk("%u ms: device %u %s %s, window %u, %u bytes sent\n", board_now(), report->target,
	       dfucast_state_name((enum dfucast_state)report->state),
	       dfucast_err_name((enum dfucast_err)report->err), report->window, report->sent_bytes);
	network.reports++;
}

/* ---- the host ---- */

static void begin(void)
{
	static char names[DEVICES][DFUCAST_BLE_ADDRESS_TEXT + 1];
	static const char *devices[DEVICES];
	const struct dfucast_smp_fleet_plan plan = {.mode = MODE,
						    .canary = MODE == DFUCAST_MODE_UPLOAD ? 0 : 1,
						    .max_failed = 1,
						    .gather_ms = 10000,
						    .image_bytes = BSIM_IMAGE_BYTES,
						    .header = bsim_image,
						    .header_bytes = BSIM_IMAGE_HEADER_BYTES,
						    .hash = bsim_image_hash,
						    .hash_bytes = sizeof(bsim_image_hash),
						    .sha = bsim_image_sha,
						    .sha_bytes = sizeof(bsim_image_sha)};

	for (unsigned int i = 0; i < DEVICES; i++) {
		const struct dfucast_ble_address address = {1, {(uint8_t)(i + 1), 0, 0, 0, 0, 0xc0}};

		(void)dfucast_ble_address_format(&address, names[i]);
		devices[i] = names[i];
	}
	example_start(&plan, devices, DEVICES);
}

static void host_poll(void)
{
	uint8_t bytes[64];
	uint32_t deadline;
	size_t length;
	bool timed;
	int32_t left;

	while ((length = wire_host_read(bytes, sizeof(bytes))) > 0)
		example_uart_received(bytes, length);
	timed = example_poll(&deadline);
	while (network.length > 0) {
		uint32_t now = MIN(network.length, BSIM_IMAGE_BYTES - network.offset);

		network.length = 0;
		example_image_bytes(network.offset, bsim_image + network.offset, now);
		timed = example_poll(&deadline);
	}
	left = timed ? (int32_t)(deadline - board_now()) : 1000;
	if (left > 0)
		(void)k_sem_take(&host_wake, K_MSEC(left));
}

static void host(void *one, void *two, void *three)
{
	ARG_UNUSED(one);
	ARG_UNUSED(two);
	ARG_UNUSED(three);
	uint32_t over;

#ifdef CONFIG_GATEWAY_OWN_UPDATE
	own_update(&host_wake);
	printk("END\n");
	nsi_exit(0);
#endif

	wire_host_init(&host_wake);
	begin();
	while (example_state() != DFUCAST_HOST_DONE && example_state() != DFUCAST_HOST_FAILED)
		host_poll();
	over = board_now();
	k_sleep(K_SECONDS(5)); /* links are given back */
	application_print();
	printk("END %u ms, %s, %u reports, %u pieces of the image asked for\n", over,
	       example_state() == DFUCAST_HOST_DONE ? "done" : "failed", network.reports, network.asked);
	nsi_exit(0);
}

static void start_host(void)
{
	k_thread_create(&host_thread, host_stack, K_THREAD_STACK_SIZEOF(host_stack), host, NULL, NULL, NULL,
			HOST_PRIORITY, 0, K_NO_WAIT);
}

/* ---- the gateway: as its own main() ---- */

int main(void)
{
	if (bt_enable(NULL) != 0)
		k_oops();
	bsim_image_make(2);
	application_start(&gateway_wake);
	if (gateway_start(NULL, &gateway_wake) != 0)
		k_oops();
	for (bool started = false;;) {
		int32_t left = (int32_t)(gateway_ble_poll() - dfucast_zephyr_now());

		if (application_poll() && !started) {
			started = true;
			start_host();
		}
		if (left > 0)
			(void)k_sem_take(&gateway_wake, K_MSEC(left));
		if (gateway_ble_wants_reset())
			k_oops();
	}
	return 0;
}
