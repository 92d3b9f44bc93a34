/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Advertisements (Core specification, vol 3, part C, 11): a list of [length][type][content], length counting the type.
 */
#include <dfucast/ble.h>
#include <dfucast/ble_scan.h>
#include <dfucast/port.h>

#include "../util/bytes.h"
#include "../util/words.h"

#include <string.h>

#define AD_UUID16_SOME 0x02u
#define AD_UUID16_ALL 0x03u
#define AD_UUID128_SOME 0x06u
#define AD_UUID128_ALL 0x07u
#define AD_NAME_SHORT 0x08u
#define AD_NAME 0x09u
#define UUID_SECURE_DFU 0xFE59u
#define UUID_TI_OAD 0xFFC0u
#define SAME_EVENT_MS 5u
#define CONNECT_MS_MIN 2000u
#define CONNECT_MS_MAX 25000u
#define CONNECT_MS_UNKNOWN 4000u

static const uint8_t legacy_dfu[16] = {0x23, 0xD1, 0xBC, 0xEA, 0x5F, 0x78, 0x23, 0x15,
				       0xDE, 0xEF, 0x12, 0x12, 0x30, 0x15, 0x00, 0x00};
static const uint8_t ti_oad[16] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xB0,
				   0x00, 0x40, 0x51, 0x04, 0xC0, 0xFF, 0x00, 0xF0};

bool dfucast_ble_address_equal(const struct dfucast_ble_address *a, const struct dfucast_ble_address *b)
{
	return a->type == b->type && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool dfucast_ble_address_parse(const char *text, size_t length, struct dfucast_ble_address *address)
{
	if (length >= 4 && memcmp(text, "ble:", 4) == 0) {
		text += 4;
		length -= 4;
	}
	if (length < 17)
		return false;
	for (unsigned int i = 0; i < 6; i++) {
		int high = hex_digit(text[3 * i]);
		int low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return false;
		address->bytes[5 - i] = (uint8_t)(high << 4 | low);
	}
	address->type = length > 17;
	return length == 17 || (length == 24 && memcmp(text + 17, ",random", 7) == 0);
}

size_t dfucast_ble_address_format(const struct dfucast_ble_address *address, char *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (unsigned int i = 0; i < 6; i++) {
		text[3 * i] = digits[address->bytes[5 - i] >> 4];
		text[3 * i + 1] = digits[address->bytes[5 - i] & 15];
		text[3 * i + 2] = ':';
	}
	if (address->type == 0)
		return 17;
	memcpy(text + 17, ",random", 7);
	return 24;
}

const char *dfucast_ble_protocol_name(enum dfucast_ble_protocol protocol)
{
	const char *name = dfucast_words_at("none\0smp\0secure-dfu\0legacy-dfu\0ti-oad\0", protocol);

	return name != NULL ? name : "none";
}

static enum dfucast_ble_protocol protocol_of16(const uint8_t *uuids, size_t length)
{
	for (; length >= 2; uuids += 2, length -= 2) {
		if (dfucast_get_le16(uuids) == UUID_SECURE_DFU)
			return DFUCAST_BLE_PROTOCOL_SECURE_DFU;
		if (dfucast_get_le16(uuids) == UUID_TI_OAD)
			return DFUCAST_BLE_PROTOCOL_TI_OAD;
	}
	return DFUCAST_BLE_PROTOCOL_NONE;
}

static enum dfucast_ble_protocol protocol_of128(const uint8_t *uuids, size_t length)
{
	for (; length >= 16; uuids += 16, length -= 16) {
		if (memcmp(uuids, dfucast_ble_smp_service_uuid, 16) == 0)
			return DFUCAST_BLE_PROTOCOL_SMP;
		if (memcmp(uuids, legacy_dfu, 16) == 0)
			return DFUCAST_BLE_PROTOCOL_LEGACY_DFU;
		if (memcmp(uuids, ti_oad, 16) == 0)
			return DFUCAST_BLE_PROTOCOL_TI_OAD;
	}
	return DFUCAST_BLE_PROTOCOL_NONE;
}

static void look_at(struct dfucast_ble_adv *adv, uint8_t type, const uint8_t *content, size_t length)
{
	enum dfucast_ble_protocol protocol = DFUCAST_BLE_PROTOCOL_NONE;

	switch (type) {
	case AD_UUID16_SOME:
	case AD_UUID16_ALL:
		protocol = protocol_of16(content, length);
		break;
	case AD_UUID128_SOME:
	case AD_UUID128_ALL:
		protocol = protocol_of128(content, length);
		break;
	case AD_NAME_SHORT:
	case AD_NAME:
		adv->name = content;
		adv->name_length = (uint8_t)length;
		break;
	default:
		break;
	}
	/* A device in its own bootloader may list both: what it is asked for first counts. */
	if (adv->protocol == DFUCAST_BLE_PROTOCOL_NONE)
		adv->protocol = (uint8_t)protocol;
}

void dfucast_ble_adv_look(const struct dfucast_ble_report *report, struct dfucast_ble_adv *adv)
{
	const uint8_t *data = report->data;
	size_t left = report->length;

	*adv = (struct dfucast_ble_adv){0};
	while (left >= 2 && data[0] != 0 && data[0] < left) {
		look_at(adv, data[1], data + 2, data[0] - 1u);
		left -= data[0] + 1u;
		data += data[0] + 1u;
	}
}

bool dfucast_ble_name_matches(const struct dfucast_ble_adv *adv, const char *wanted)
{
	size_t length = strlen(wanted);
	bool prefix = length > 0 && wanted[length - 1] == '*';

	if (adv->name == NULL)
		return false;
	if (prefix)
		length--;
	return (prefix ? adv->name_length >= length : adv->name_length == length) &&
	       memcmp(adv->name, wanted, length) == 0;
}

void dfucast_ble_period_heard(struct dfucast_ble_period *period, uint32_t now)
{
	uint32_t since = now - period->seen_ms;

	if (period->seen && since < SAME_EVENT_MS)
		return;
	/* Events that were missed make it longer, never shorter: the shortest is the nearest. */
	if (period->seen && since <= UINT16_MAX && (period->period_ms == 0 || since < period->period_ms))
		period->period_ms = (uint16_t)since;
	period->seen = true;
	period->seen_ms = now;
}

uint32_t dfucast_ble_connect_ms(const struct dfucast_ble_period *period)
{
	uint32_t ms = 2u * period->period_ms + 1000u;

	if (period->period_ms == 0)
		return CONNECT_MS_UNKNOWN;
	ms = ms > CONNECT_MS_MIN ? ms : CONNECT_MS_MIN;
	return ms < CONNECT_MS_MAX ? ms : CONNECT_MS_MAX;
}
