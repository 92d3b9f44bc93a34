/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Slots, intervals and timeouts. The air's arithmetic: a packet of L bytes takes (10 + L) × 8 us at 1M and
 * (11 + L) × 4 us at 2M, an encrypted one 4 bytes more; 150 us lie between any two.
 */
#include <dfucast/ble_params.h>

#define UNIT_US 1250u
#define T_IFS_US 150u
#define MIC_BYTES 4u
#define PDU_BYTES_MAX 251u
#define ANSWER_BYTES 30u /* the server's answer to an upload request */
#define TIMEOUT_MIN 400u /* × 10 ms */
#define TIMEOUT_MAX 3200u
#define SCAN_UNIT_US 625u
#define SCAN_MARGIN_US 2500u
#define SCAN_WINDOW_MIN_US 2500u
#define SCAN_INTERVAL_MIN_US 100000u
#define SCAN_ALWAYS 80u

/* The defaults filled in. */
static struct dfucast_ble_air filled(const struct dfucast_ble_air *air)
{
	struct dfucast_ble_air full = *air;

	if (full.pdu_bytes == 0)
		full.pdu_bytes = PDU_BYTES_MAX;
	if (full.guard_us == 0)
		full.guard_us = 400;
	if (full.pairs_max == 0)
		full.pairs_max = 10;
	if (full.interval_min == 0)
		full.interval_min = 24;
	if (full.interval_max == 0)
		full.interval_max = 320;
	if (full.flash_us == 0)
		full.flash_us = 7500;
	return full;
}

static uint32_t packet_us(const struct dfucast_ble_air *air, uint32_t bytes)
{
	if (bytes != 0 && air->encrypted)
		bytes += MIC_BYTES;
	return air->phy == DFUCAST_BLE_PHY_1M ? (10u + bytes) * 8u : (11u + bytes) * 4u;
}

uint32_t dfucast_ble_pair_us(const struct dfucast_ble_air *air)
{
	return packet_us(air, air->pdu_bytes != 0 ? air->pdu_bytes : PDU_BYTES_MAX) + packet_us(air, 0) +
	       2u * T_IFS_US;
}

/* Pairs that fit @p slot_us. The last one needs no space behind it; in one of them an answer comes back. */
static uint32_t pairs_in(const struct dfucast_ble_air *air, uint32_t slot_us)
{
	uint32_t lost = packet_us(air, ANSWER_BYTES) - packet_us(air, 0);

	if (air->guard_us > T_IFS_US)
		lost += air->guard_us - T_IFS_US;
	return slot_us > lost ? (slot_us - lost) / dfucast_ble_pair_us(air) : 0;
}

/* The slots of one interval. */
static struct dfucast_ble_slots slots_of(const struct dfucast_ble_air *air, uint32_t links, uint32_t interval)
{
	struct dfucast_ble_slots slots = {.interval = (uint16_t)interval};
	uint32_t us = interval * UNIT_US;
	uint32_t pairs;

	if (us <= air->reserved_us || us <= air->flash_us)
		return slots;
	slots.slot_us = (us - air->reserved_us) / links;
	if (air->slot_us != 0) {
		if (slots.slot_us < air->slot_us)
			return slots;
		slots.slot_us = air->slot_us;
	}
	if (slots.slot_us > us - air->flash_us)
		slots.slot_us = us - air->flash_us;
	pairs = pairs_in(air, slots.slot_us);
	pairs = pairs < air->pairs_max ? pairs : air->pairs_max;
	slots.pairs = (uint8_t)(pairs < UINT8_MAX ? pairs : UINT8_MAX);
	return slots;
}

bool dfucast_ble_slots_plan(const struct dfucast_ble_air *air, unsigned int links,
			    struct dfucast_ble_slots *slots)
{
	const struct dfucast_ble_air full = filled(air);
	uint32_t best = 0;

	links = links != 0 ? links : 1;
	for (uint32_t interval = full.interval_min; interval <= full.interval_max; interval++) {
		uint32_t rate = ((uint32_t)slots_of(&full, links, interval).pairs << 16) / interval;

		best = rate > best ? rate : best;
	}
	for (uint32_t interval = full.interval_min; interval <= full.interval_max && best != 0; interval++) {
		*slots = slots_of(&full, links, interval);
		if (((uint32_t)slots->pairs << 16) / interval >= best - best / 35u)
			return true;
	}
	*slots = (struct dfucast_ble_slots){
	    .interval = full.interval_max, .pairs = 1, .slot_us = full.guard_us + dfucast_ble_pair_us(&full)};
	return false;
}

struct dfucast_ble_params dfucast_ble_params_make(unsigned int interval, unsigned int latency)
{
	/* Six intervals, each as many as the peripheral may sleep, in tens of milliseconds. */
	uint32_t timeout = (6u * interval * (latency + 1u) + 7u) / 8u;

	timeout = timeout > TIMEOUT_MIN ? timeout : TIMEOUT_MIN;
	timeout = timeout < TIMEOUT_MAX ? timeout : TIMEOUT_MAX;
	return (struct dfucast_ble_params){(uint16_t)interval, (uint16_t)latency, (uint16_t)timeout};
}

bool dfucast_ble_params_agree(const struct dfucast_ble_params *ours,
			      const struct dfucast_ble_params_asked *asked)
{
	return asked->interval_min <= ours->interval && ours->interval <= asked->interval_max &&
	       asked->latency == ours->latency && asked->timeout >= ours->timeout;
}

struct dfucast_ble_duty dfucast_ble_scan_duty(const struct dfucast_ble_air *air,
					      const struct dfucast_ble_slots *slots, unsigned int links)
{
	uint32_t interval_us = slots->interval * UNIT_US;
	uint32_t used_us = slots->slot_us * links + air->reserved_us + SCAN_MARGIN_US;
	uint32_t window_us = interval_us > used_us ? interval_us - used_us : 0;
	uint32_t every_us = interval_us;

	if (links == 0)
		return (struct dfucast_ble_duty){SCAN_ALWAYS, SCAN_ALWAYS};
	/* A window behind the links' slots, once in as many intervals as make a tenth of a second; some of the links'
	 * events are lost to it where they leave nothing. */
	window_us = window_us > SCAN_WINDOW_MIN_US ? window_us : SCAN_WINDOW_MIN_US;
	while (every_us < SCAN_INTERVAL_MIN_US && every_us != 0)
		every_us += interval_us;
	return (struct dfucast_ble_duty){(uint16_t)(every_us / SCAN_UNIT_US),
					 (uint16_t)(window_us / SCAN_UNIT_US)};
}
