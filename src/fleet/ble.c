/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a gateway and a BLE central. A target's bytes: its address's type, its six bytes, a mark that tells them from
 * none, and its passkey.
 */
#include <dfucast/ble_fleet.h>
#include <dfucast/port.h>
#include "../util/bytes.h"

#include <string.h>

#define MARK 0xB1u
#define LISTEN_MS 15000u
#define PASSKEY_AT 8u /* 1 + the passkey; 0: none */
#define PASSKEY_MAX 999999u

static bool address_of(const struct dfucast_gateway_target *target, struct dfucast_ble_address *address)
{
	address->type = target->address[0];
	memcpy(address->bytes, target->address + 1, sizeof(address->bytes));
	return target->address[7] == MARK;
}

struct dfucast_gateway_target dfucast_ble_fleet_target(const struct dfucast_ble_address *address)
{
	struct dfucast_gateway_target target = {.address = {address->type, [7] = MARK}};

	memcpy(target.address + 1, address->bytes, sizeof(address->bytes));
	return target;
}

/* ---- the gateway's port ---- */

static bool resolve(void *context, const struct dfucast_smp_fleet_target *wanted,
		    struct dfucast_gateway_target *target)
{
	struct dfucast_ble_address address;

	(void)context;
	if (!dfucast_ble_address_parse(wanted->id.text, wanted->id.length, &address))
		return false;
	memcpy(target->address, dfucast_ble_fleet_target(&address).address, sizeof(target->address));
	if (wanted->passkey <= PASSKEY_MAX)
		dfucast_put_le32(target->address + PASSKEY_AT, wanted->passkey + 1u);
	return true;
}

static size_t name(void *context, const struct dfucast_gateway_target *target, char *text, size_t capacity)
{
	char whole[DFUCAST_BLE_ADDRESS_TEXT];
	struct dfucast_ble_address address;
	size_t length;

	(void)context;
	(void)address_of(target, &address);
	length = dfucast_ble_address_format(&address, whole);
	length = length < capacity ? length : capacity;
	memcpy(text, whole, length);
	return length;
}

static bool seen(void *context, uint32_t index, struct dfucast_smp_fleet_seen *found)
{
	struct dfucast_ble_fleet *fleet = context;

	fleet->listening = true;
	fleet->listen_ms = fleet->now + LISTEN_MS;
	for (unsigned int i = 0; i < fleet->config.heard_count; i++) {
		const struct dfucast_ble_heard *heard = &fleet->config.heard[i];

		if (heard->protocol == DFUCAST_BLE_PROTOCOL_NONE || index-- != 0)
			continue;
		*found = (struct dfucast_smp_fleet_seen){
		    .id = {fleet->text, (uint16_t)dfucast_ble_address_format(&heard->address, fleet->text)},
		    .name = {heard->name, heard->name_length},
		    .protocol = heard->protocol - 1u,
		    .rssi = heard->rssi,
		    .period_ms = heard->period.period_ms};
		return true;
	}
	return false;
}

void dfucast_ble_fleet_port(struct dfucast_ble_fleet *fleet, struct dfucast_gateway_port *port)
{
	port->context = fleet;
	port->resolve = resolve;
	port->name = name;
	port->seen = fleet->config.heard_count != 0 ? seen : NULL;
}

/* ---- the central's user: the gateway's cast ---- */

static struct dfucast_cast *cast_of(void *context)
{
	return dfucast_gateway_cast(((struct dfucast_ble_fleet *)context)->config.gateway);
}

/* Before a link is opened the central learns whose it is: plans come and go, and the same index means another device. */
static void prepare(struct dfucast_ble_fleet *fleet, uint16_t index, uint32_t now)
{
	const struct dfucast_ble_fleet_config *config = &fleet->config;
	struct dfucast_ble_target *target = &config->central->config.targets[index];
	struct dfucast_ble_offer offer = {0};
	struct dfucast_ble_address address;
	enum dfucast_ble_ownership owner = DFUCAST_BLE_NOT_OWNED;

	DFUCAST_ASSERT(index < config->central->config.target_count);
	if (!address_of(dfucast_gateway_target(config->gateway, index), &address) ||
	    !dfucast_ble_address_equal(&address, &target->address)) {
		*target = (struct dfucast_ble_target){.address = address};
		dfucast_ble_central_renumber(config->central, index);
	}
	target->passkey =
	    dfucast_get_le32(dfucast_gateway_target(config->gateway, index)->address + PASSKEY_AT);
	target->flags = (uint8_t)((target->flags & DFUCAST_BLE_TARGET_SECURE) | DFUCAST_BLE_TARGET_PINNED);
	if (config->owner != NULL)
		owner = config->owner(config->context, &address, &offer);
	if (owner != DFUCAST_BLE_NOT_OWNED)
		target->flags |= DFUCAST_BLE_TARGET_OWNED;
	offer.target = index;
	if (owner == DFUCAST_BLE_LENT)
		(void)dfucast_ble_central_adopt(config->central, &offer, now);
}

static bool next_request(void *context, struct dfucast_link_request *request, uint32_t now)
{
	if (!dfucast_cast_next_request(cast_of(context), request, now))
		return false;
	if (request->kind == DFUCAST_REQUEST_OPEN)
		prepare(context, request->link.target, now);
	return true;
}

static void link_up(void *context, struct dfucast_link link, const struct dfucast_link_info *info,
		    uint32_t now)
{
	struct dfucast_ble_fleet *fleet = context;

	fleet->config.gateway->config.targets[link.target].rssi =
	    fleet->config.central->config.targets[link.target].rssi;
	dfucast_cast_link_up(cast_of(context), link, info, now);
}

static void link_down(void *context, struct dfucast_link link, enum dfucast_err err, uint32_t now)
{
	dfucast_cast_link_down(cast_of(context), link, err, now);
}

static void resynced(void *context, struct dfucast_link link, uint32_t now)
{
	dfucast_cast_resynced(cast_of(context), link, now);
}

static void recv(void *context, struct dfucast_link link, const uint8_t *frame, size_t length, uint32_t now)
{
	dfucast_cast_recv(cast_of(context), link, frame, length, now);
}

static size_t begin(void *context, struct dfucast_link link, uint32_t now)
{
	return dfucast_cast_begin(cast_of(context), link, now);
}

static void read_part(void *context, struct dfucast_link link, size_t position, uint8_t *buffer,
		      size_t length)
{
	dfucast_cast_read(cast_of(context), link, position, buffer, length);
}

static void sent(void *context, struct dfucast_link link, uint32_t now)
{
	dfucast_cast_sent(cast_of(context), link, now);
}

void dfucast_ble_fleet_init(struct dfucast_ble_fleet *fleet, const struct dfucast_ble_fleet_config *config)
{
	const struct dfucast_ble_user user = {.context = fleet,
					      .next_request = next_request,
					      .link_up = link_up,
					      .link_down = link_down,
					      .resynced = resynced,
					      .recv = recv,
					      .begin = begin,
					      .read = read_part,
					      .sent = sent};

	*fleet = (struct dfucast_ble_fleet){.config = *config};
	for (unsigned int i = 0; i < config->heard_count; i++)
		config->heard[i] = (struct dfucast_ble_heard){0};
	dfucast_ble_central_set_user(config->central, &user);
}

/* ---- who is there ---- */

/* The place of this address, or one for it: a free one, or that of who was not heard for longest. */
static struct dfucast_ble_heard *place_of(struct dfucast_ble_fleet *fleet,
					  const struct dfucast_ble_address *address, bool make)
{
	struct dfucast_ble_heard *oldest = NULL;

	for (unsigned int i = 0; i < fleet->config.heard_count; i++) {
		struct dfucast_ble_heard *heard = &fleet->config.heard[i];

		if (heard->period.seen && dfucast_ble_address_equal(&heard->address, address))
			return heard;
		if (oldest == NULL || !heard->period.seen ||
		    (oldest->period.seen && (int32_t)(heard->period.seen_ms - oldest->period.seen_ms) < 0))
			oldest = heard;
	}
	if (!make || oldest == NULL)
		return NULL;
	*oldest = (struct dfucast_ble_heard){.address = *address};
	return oldest;
}

void dfucast_ble_fleet_heard(struct dfucast_ble_fleet *fleet, const struct dfucast_ble_report *report)
{
	struct dfucast_ble_adv adv;
	struct dfucast_ble_heard *heard;

	dfucast_ble_adv_look(report, &adv);
	/* A name alone, from a scan response, belongs to who was heard with a service before. */
	heard = place_of(fleet, &report->address, adv.protocol != DFUCAST_BLE_PROTOCOL_NONE);
	if (heard == NULL)
		return;
	heard->rssi = report->rssi;
	if (adv.protocol != DFUCAST_BLE_PROTOCOL_NONE) {
		heard->protocol = adv.protocol;
		dfucast_ble_period_heard(&heard->period, fleet->now);
	}
	if (adv.name != NULL) {
		heard->name_length =
		    adv.name_length < sizeof(heard->name) ? adv.name_length : sizeof(heard->name);
		memcpy(heard->name, adv.name, heard->name_length);
	}
}

void dfucast_ble_fleet_run(struct dfucast_ble_fleet *fleet, uint32_t now)
{
	fleet->now = now;
	if (fleet->listening && (int32_t)(now - fleet->listen_ms) >= 0)
		fleet->listening = false;
	fleet->config.central->listen = fleet->listening;
	fleet->config.central->slow = fleet->config.gateway->pace == DFUCAST_GATEWAY_SLOW;
}

bool dfucast_ble_fleet_offer(struct dfucast_ble_fleet *fleet, const struct dfucast_ble_address *address,
			     struct dfucast_ble_offer *offer, uint32_t now)
{
	const struct dfucast_gateway *gateway = fleet->config.gateway;

	for (uint16_t i = 0; i < gateway->target_count; i++) {
		struct dfucast_ble_address other;

		if (!address_of(dfucast_gateway_target(gateway, i), &other) ||
		    !dfucast_ble_address_equal(&other, address))
			continue;
		offer->target = i;
		return dfucast_ble_central_adopt(fleet->config.central, offer, now);
	}
	return false;
}
