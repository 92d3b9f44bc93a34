/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Advertisements: real ones, broken ones, names, periods; and handles that a stack gives out again.
 */
#include <dfucast/ble_door.h>
#include <dfucast/ble_scan.h>
#include <dfucast/port.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	mock_assert(0, "DFUCAST_ASSERT", file, line);
}

/* Zephyr's smp_svr: flags and the service's UUID; the name comes in the scan response. */
static const uint8_t smp_svr[] = {2,    0x01, 0x06, 17,   0x07, 0x84, 0xAA, 0x60, 0x74, 0x52, 0x8A,
				  0x8B, 0x86, 0xD3, 0x4C, 0xB7, 0x1D, 0x1D, 0xDC, 0x53, 0x8D};
static const uint8_t named[] = {7, 0x09, 'Z', 'e', 'p', 'h', 'y', 'r'};
static const uint8_t secure_dfu[] = {2,    0x01, 0x06, 3,   0x02, 0x59, 0xFE, 8,
				     0x09, 'D',  'f',  'u', 'T',  'a',  'r',  'g'};
static const uint8_t legacy[] = {17,   0x06, 0x23, 0xD1, 0xBC, 0xEA, 0x5F, 0x78, 0x23,
				 0x15, 0xDE, 0xEF, 0x12, 0x12, 0x30, 0x15, 0x00, 0x00};
static const uint8_t oad_short[] = {5, 0x03, 0x0F, 0x18, 0xC0, 0xFF};

static struct dfucast_ble_adv look(const uint8_t *data, size_t length)
{
	const struct dfucast_ble_report report = {.data = data, .length = (uint16_t)length};
	struct dfucast_ble_adv adv;

	dfucast_ble_adv_look(&report, &adv);
	return adv;
}

static void protocols_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(look(smp_svr, sizeof(smp_svr)).protocol, DFUCAST_BLE_PROTOCOL_SMP);
	assert_int_equal(look(secure_dfu, sizeof(secure_dfu)).protocol, DFUCAST_BLE_PROTOCOL_SECURE_DFU);
	assert_int_equal(look(legacy, sizeof(legacy)).protocol, DFUCAST_BLE_PROTOCOL_LEGACY_DFU);
	assert_int_equal(look(oad_short, sizeof(oad_short)).protocol, DFUCAST_BLE_PROTOCOL_TI_OAD);
	assert_int_equal(look(named, sizeof(named)).protocol, DFUCAST_BLE_PROTOCOL_NONE);
	assert_string_equal(dfucast_ble_protocol_name(DFUCAST_BLE_PROTOCOL_NONE), "none");
	assert_string_equal(dfucast_ble_protocol_name(DFUCAST_BLE_PROTOCOL_SMP), "smp");
	assert_string_equal(dfucast_ble_protocol_name(DFUCAST_BLE_PROTOCOL_TI_OAD), "ti-oad");
}

static void names_match(void **state)
{
	struct dfucast_ble_adv adv = look(named, sizeof(named));

	(void)state;
	assert_true(dfucast_ble_name_matches(&adv, "Zephyr"));
	assert_true(dfucast_ble_name_matches(&adv, "Zeph*"));
	assert_true(dfucast_ble_name_matches(&adv, "*"));
	assert_true(dfucast_ble_name_matches(&adv, "Zephyr*"));
	assert_false(dfucast_ble_name_matches(&adv, "Zephyr2"));
	assert_false(dfucast_ble_name_matches(&adv, "Zephyr2*"));
	assert_false(dfucast_ble_name_matches(&adv, "Zephy"));
	assert_false(dfucast_ble_name_matches(&adv, "zephyr"));
	assert_false(dfucast_ble_name_matches(&adv, ""));
	adv = look(smp_svr, sizeof(smp_svr));
	assert_false(dfucast_ble_name_matches(&adv, "*")); /* no name in it */
}

/* Every prefix of a good one, every length byte wrong, and noise: nothing is read behind the end. */
static void broken_ones_do_no_harm(void **state)
{
	uint8_t data[sizeof(secure_dfu)];
	uint32_t seed = 1;

	(void)state;
	for (size_t length = 0; length <= sizeof(secure_dfu); length++) {
		struct dfucast_ble_adv adv = look(secure_dfu, length);

		assert_true(length >= 7 || adv.protocol == DFUCAST_BLE_PROTOCOL_NONE);
		assert_true((adv.name != NULL) == (length == sizeof(secure_dfu)));
	}
	for (unsigned int round = 0; round < 20000; round++) {
		size_t length;

		for (size_t i = 0; i < sizeof(data); i++) {
			seed = seed * 1664525u + 1013904223u;
			data[i] = (uint8_t)(seed >> 24 < 60 ? seed >> 20 & 7 : seed >> 24);
		}
		length = seed >> 8 & 15;
		struct dfucast_ble_adv adv = look(data, length);

		if (adv.name != NULL)
			assert_true(adv.name >= data + 2 && adv.name + adv.name_length <= data + length);
	}
}

static void periods_are_learned(void **state)
{
	struct dfucast_ble_period period = {0};
	uint32_t now = UINT32_MAX - 3000;

	(void)state;
	assert_int_equal(dfucast_ble_connect_ms(&period), 4000);
	dfucast_ble_period_heard(&period, now);
	assert_int_equal(period.period_ms, 0);
	dfucast_ble_period_heard(&period, now + 2); /* another channel */
	assert_int_equal(period.period_ms, 0);
	now += 3 * 1000; /* two were missed, and the clock wraps soon */
	dfucast_ble_period_heard(&period, now);
	assert_int_equal(period.period_ms, 3000);
	assert_int_equal(dfucast_ble_connect_ms(&period), 7000);
	now += 1000;
	dfucast_ble_period_heard(&period, now);
	assert_int_equal(period.period_ms, 1000);
	assert_int_equal(dfucast_ble_connect_ms(&period), 3000);
	dfucast_ble_period_heard(&period, now + 100000); /* was away */
	assert_int_equal(period.period_ms, 1000);
	period.period_ms = 60000;
	assert_int_equal(dfucast_ble_connect_ms(&period), 25000);
	period.period_ms = 20;
	assert_int_equal(dfucast_ble_connect_ms(&period), 2000);
}

static void addresses_are_compared_with_their_type(void **state)
{
	const struct dfucast_ble_address a = {1, {1, 2, 3, 4, 5, 6}};
	struct dfucast_ble_address b = a;

	(void)state;
	assert_true(dfucast_ble_address_equal(&a, &b));
	b.type = 0;
	assert_false(dfucast_ble_address_equal(&a, &b));
	b = a;
	b.bytes[5]++;
	assert_false(dfucast_ble_address_equal(&a, &b));
}

static void addresses_have_a_text(void **state)
{
	static const char *const bad[] = {"",
					  "C0:01:02:03:04",
					  "C0:01:02:03:04:0G",
					  "C0-01-02-03-04-05",
					  "C0:01:02:03:04:05,",
					  "C0:01:02:03:04:05,public",
					  "C0:01:02:03:04:05,randoms",
					  "ble:",
					  "udp:C0:01:02:03:04:05"};
	struct dfucast_ble_address address;
	char text[DFUCAST_BLE_ADDRESS_TEXT];

	(void)state;
	assert_true(dfucast_ble_address_parse("c0:01:02:03:04:aF", 17, &address));
	assert_int_equal(address.type, 0);
	assert_int_equal(address.bytes[0], 0xAF);
	assert_int_equal(address.bytes[5], 0xC0);
	assert_int_equal(dfucast_ble_address_format(&address, text), 17);
	assert_memory_equal(text, "C0:01:02:03:04:AF", 17);
	assert_true(dfucast_ble_address_parse("ble:C0:01:02:03:04:05,random", 28, &address));
	assert_int_equal(address.type, 1);
	assert_int_equal(dfucast_ble_address_format(&address, text), 24);
	assert_memory_equal(text, "C0:01:02:03:04:05,random", 24);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(dfucast_ble_address_parse(bad[i], strlen(bad[i]), &address));
}

static void a_number_means_one_connection_at_a_time(void **state)
{
	struct dfucast_ble_door door = {0};
	struct dfucast_ble_handle first, second, seen;

	(void)state;
	assert_false(dfucast_ble_door_pass(&door, 3, &seen));
	assert_false(dfucast_ble_door_pass(&door, 0xFFFF, &seen));
	first = dfucast_ble_door_connected(&door, 3);
	assert_true(dfucast_ble_door_holds(&door, first));
	assert_true(dfucast_ble_door_pass(&door, 3, &seen));
	assert_int_equal(seen.opening, first.opening);
	seen = dfucast_ble_door_disconnected(&door, 3);
	assert_int_equal(seen.opening, first.opening); /* it is the end of that one */
	assert_false(dfucast_ble_door_holds(&door, first));
	assert_false(dfucast_ble_door_pass(&door, 3, &seen));
	second = dfucast_ble_door_connected(&door, 3);
	assert_true(dfucast_ble_door_holds(&door, second));
	assert_false(dfucast_ble_door_holds(&door, first));
	assert_true(dfucast_ble_door_pass(&door, 3, &seen));
	assert_int_equal(seen.opening, second.opening);
	assert_false(dfucast_ble_door_holds(&door, (struct dfucast_ble_handle){200, 0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(protocols_are_told_apart),
	    cmocka_unit_test(names_match),
	    cmocka_unit_test(broken_ones_do_no_harm),
	    cmocka_unit_test(periods_are_learned),
	    cmocka_unit_test(addresses_are_compared_with_their_type),
	    cmocka_unit_test(addresses_have_a_text),
	    cmocka_unit_test(a_number_means_one_connection_at_a_time),
	};

	return cmocka_run_group_tests_name("BLE scan and door", tests, NULL, NULL);
}
