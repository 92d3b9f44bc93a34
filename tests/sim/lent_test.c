/* SPDX-License-Identifier: Apache-2.0 */
/* A link that was lent for one plan and given back must not serve another plan's target of the same number. */
#include <dfucast/ble_fleet.h>
#include <dfucast/port.h>
#include <mbedtls/sha256.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../sim/peer/peer.h"

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert %s:%d\n", file, line);
	abort();
}

static bool hstart(void *c)
{
	mbedtls_sha256_init(c);
	return mbedtls_sha256_starts_ret(c, 0) == 0;
}
static bool hupdate(void *c, const uint8_t *b, size_t l)
{
	return mbedtls_sha256_update_ret(c, b, l) == 0;
}
static bool hfinish(void *c, uint8_t d[32])
{
	return mbedtls_sha256_finish_ret(c, d) == 0;
}

static struct dfucast_ble_central central;
static struct dfucast_ble_target targets[4];
static struct dfucast_ble_conn conns[4];
static struct dfucast_ble_pool pool;
static uint8_t pool_memory[2][512], value[244];
static struct dfucast_gateway gateway;
static struct dfucast_ble_fleet fleet;
static uint32_t now = 1000;
static struct dfucast_ble_op op;
static const struct dfucast_ble_handle lent_handle = {9, 3};
/* the application owns XX, connected; YY is nobody's */
#define XX "C0:00:EE:FF:C0:01"
#define YY "C0:00:EE:FF:C0:02"
static struct dfucast_ble_address x_address;

static enum dfucast_ble_ownership owner(void *context, const struct dfucast_ble_address *address,
					struct dfucast_ble_offer *offer)
{
	(void)context;
	if (!dfucast_ble_address_equal(address, &x_address))
		return DFUCAST_BLE_NOT_OWNED;
	*offer = (struct dfucast_ble_offer){
	    .handle = lent_handle, .params = {80, 4, 500}, .mtu = 185, .value = 22, .ccc = 23};
	return DFUCAST_BLE_LENT;
}

static uint8_t seq;
static unsigned int command(enum dfucast_smp_fleet_command c)
{
	uint8_t frame[64];
	struct dfucast_smp_error e;
	int n = dfucast_smp_fleet_command_encode(frame, sizeof(frame),
						 (struct dfucast_smp_id){DFUCAST_SMP_V2, seq++}, c);
	dfucast_gateway_recv(&gateway, frame, (size_t)n, now);
	dfucast_smp_error_decode(gateway.config.answer + 8, gateway.answer_length - 8u, &e);
	dfucast_gateway_frame_source(&gateway).done(&gateway);
	return e.rc;
}
static unsigned int plan_for(const char *id, const uint8_t *image, uint32_t bytes, const uint8_t *sha)
{
	uint8_t frame[700];
	struct dfucast_smp_error e;
	size_t written;
	struct dfucast_smp_fleet_plan plan = {.image_bytes = bytes,
					      .header = image,
					      .header_bytes = 32,
					      .hash = image + bytes - 32,
					      .hash_bytes = 32,
					      .sha = sha,
					      .sha_bytes = 32};
	struct dfucast_smp_fleet_target t = {.id = {id, strlen(id)}, .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY};
	int n = dfucast_smp_fleet_plan_encode(
	    frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, seq++}, &plan, &t, 1, &written);
	assert_true(n > 0 && written == 1);
	dfucast_gateway_recv(&gateway, frame, (size_t)n, now);
	dfucast_smp_error_decode(gateway.config.answer + 8, gateway.answer_length - 8u, &e);
	dfucast_gateway_frame_source(&gateway).done(&gateway);
	return e.rc;
}
static bool next(void)
{
	dfucast_ble_fleet_run(&fleet, now);
	dfucast_gateway_run(&gateway, now);
	dfucast_ble_central_tick(&central, now);
	return dfucast_ble_central_next(&central, &op, now);
}

/* The stack does what next() took out; a step's write is answered at once. */
static void stack_does(void)
{
	bool waits = op.kind == DFUCAST_BLE_OP_WRITE || op.kind == DFUCAST_BLE_OP_STEP;

	dfucast_ble_central_result(&central, &op, waits ? DFUCAST_BLE_STARTED : DFUCAST_BLE_DONE, now);
	if (op.kind == DFUCAST_BLE_OP_STEP) {
		const struct dfucast_ble_event e = {.kind = DFUCAST_BLE_WRITTEN, .handle = op.handle};

		dfucast_ble_central_event(&central, &e, now);
	}
}

static void a_link_lent_for_another_plan(void **state)
{
	static uint8_t image[3000], ring[16384], answer[1024];
	static uint8_t sha[32];
	static uint32_t sums[64];
	static struct dfucast_update devices[4];
	static struct dfucast_cast_target ct[4];
	static struct dfucast_gateway_target gt[4];
	static struct dfucast_gateway_port port;
	static mbedtls_sha256_context h[2];
	static const uint8_t version[4] = {2, 0, 0, 0};
	(void)state;
	sim_peer_image_make(image, sizeof(image), version, 1);
	sim_peer_sha256(image, sizeof(image), sha);
	dfucast_ble_pool_init(&pool, pool_memory[0], sizeof(pool_memory[0]), 2);
	const struct dfucast_ble_central_config cc = {.targets = targets,
						      .conns = conns,
						      .value = value,
						      .pool = &pool,
						      .target_count = 4,
						      .value_bytes = sizeof(value),
						      .conn_count = 4};
	dfucast_ble_central_init(&central, &cc);
	const struct dfucast_ble_fleet_config fc = {.central = &central, .gateway = &gateway, .owner = owner};
	dfucast_ble_fleet_init(&fleet, &fc);
	dfucast_ble_fleet_port(&fleet, &port);
	assert_true(dfucast_ble_address_parse(XX ",random", strlen(XX ",random"), &x_address));
	struct dfucast_gateway_config gc = {.port = &port,
					    .targets = gt,
					    .sums = sums,
					    .sum_count = 64,
					    .answer = answer,
					    .answer_bytes = sizeof(answer),
					    .buf_size = 1024,
					    .cast = {.devices = devices,
						     .device_bytes = sizeof(devices[0]),
						     .targets = ct,
						     .ring = ring,
						     .ring_bytes = sizeof(ring),
						     .count = 4,
						     .gather_ms = 1000},
					    .file = {&h[0], hstart, hupdate, hfinish},
					    .content = {&h[1], hstart, hupdate, hfinish}};
	dfucast_gateway_init(&gateway, &gc);

	assert_int_equal(plan_for(XX ",random", image, sizeof(image), sha), 0);
	assert_int_equal(command(DFUCAST_SMP_FLEET_START), 0);
	bool aborted = false;
	for (int i = 0; i < 40; i++) {
		while (next()) {
			stack_does();
		}
		now += 50;
		if (i == 5 && !aborted) {
			aborted = true;
			assert_int_equal(command(DFUCAST_SMP_FLEET_ABORT), 0);
		}
	}
	assert_int_equal(gateway.cast.links_open, 0);
	assert_false(dfucast_ble_central_uses(&central, lent_handle)); /* given back */

	assert_int_equal(plan_for(YY ",random", image, sizeof(image), sha), 0);
	assert_int_equal(command(DFUCAST_SMP_FLEET_START), 0);
	bool wrong = false;
	for (int i = 0; i < 5; i++) {
		while (next()) {
			wrong |=
			    op.kind > DFUCAST_BLE_OP_CONNECT_CANCEL && op.handle.index == lent_handle.index;
			stack_does();
		}
		now += 50;
	}
	assert_false(wrong); /* X's link, for Y */
}
int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_link_lent_for_another_plan)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
