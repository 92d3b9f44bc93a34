/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as bytes, for a host that keeps it over a loss of power. Little endian, a fixed place for each value; the first
 * two bytes say that it is one, the third its layout.
 */
#include "host_internal.h"
#include <string.h>

#define MAGIC_0 0xDFu
#define MAGIC_1 0xCAu
#define LAYOUT 2u
#define LAYOUT_MATCH                                                                                         \
	3u /* the same, of a plan with match lists: what does not know them must not go on without */

#define NUMBERS_AT 8u
#define HEADER_AT 56u
#define SHA_AT (HEADER_AT + 32u)
#define HASH_AT (SHA_AT + 32u)
#define BOARD_AT (HASH_AT + 64u) /* its length, then 60 bytes */
#define SUM_AT (BOARD_AT + 61u)
_Static_assert(SUM_AT + 4u <= DFUCAST_HOST_BLOB_BYTES, "the blob has a stated size");

static void put(uint8_t *bytes, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++) {
		bytes[i] = (uint8_t)(value >> (8u * i));
	}
}

static uint32_t get(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* Finds a blob that was half written. */
static uint32_t sum(const uint8_t *blob)
{
	uint32_t value = 2166136261u;

	for (unsigned int i = 0; i < SUM_AT; i++) {
		value = (value ^ blob[i]) * 16777619u;
	}
	return value;
}

void dfucast_host_save(const struct dfucast_host *host, uint8_t blob[DFUCAST_HOST_BLOB_BYTES])
{
	const struct dfucast_smp_fleet_plan *plan = host->config.plan;
	const uint32_t numbers[12] = {plan->mode,       plan->flags,          plan->barrier,
				      plan->canary,     plan->max_failed,     plan->gather_ms,
				      plan->wait_ms,    plan->soak_ms,        plan->passes_max,
				      plan->slot_bytes, plan->host_bytes_max, plan->image_bytes};

	memset(blob, 0, DFUCAST_HOST_BLOB_BYTES);
	blob[0] = MAGIC_0;
	blob[1] = MAGIC_1;
	blob[2] = plan->match_is_due || dfucast_host_has_match(&host->config) ? LAYOUT_MATCH : LAYOUT;
	blob[3] = (uint8_t)plan->hash_bytes;
	blob[4] = (uint8_t)host->config.target_count;
	blob[5] = (uint8_t)(host->config.target_count >> 8);
	for (unsigned int i = 0; i < 12; i++) {
		put(blob + NUMBERS_AT + 4u * i, numbers[i]);
	}
	memcpy(blob + HEADER_AT, plan->header, 32);
	memcpy(blob + SHA_AT, plan->sha, 32);
	memcpy(blob + HASH_AT, plan->hash, plan->hash_bytes <= 64 ? plan->hash_bytes : 64);
	blob[6] = plan->board_must_be_told;
	blob[BOARD_AT] = (uint8_t)(plan->board.length <= 60 ? plan->board.length : 0);
	memcpy(blob + BOARD_AT + 1, plan->board.text != NULL ? plan->board.text : "", blob[BOARD_AT]);
	put(blob + SUM_AT, sum(blob));
}

bool dfucast_host_restore(const uint8_t blob[DFUCAST_HOST_BLOB_BYTES], struct dfucast_smp_fleet_plan *plan,
			  uint16_t *target_count)
{
	uint32_t numbers[12];

	if (blob[0] != MAGIC_0 || blob[1] != MAGIC_1 || (blob[2] != LAYOUT && blob[2] != LAYOUT_MATCH) ||
	    get(blob + SUM_AT) != sum(blob)) {
		return false;
	}
	for (unsigned int i = 0; i < 12; i++) {
		numbers[i] = get(blob + NUMBERS_AT + 4u * i);
	}
	*plan = (struct dfucast_smp_fleet_plan){
	    .mode = numbers[0],
	    .flags = numbers[1],
	    .barrier = numbers[2],
	    .canary = numbers[3],
	    .max_failed = numbers[4],
	    .gather_ms = numbers[5],
	    .wait_ms = numbers[6],
	    .soak_ms = numbers[7],
	    .passes_max = numbers[8],
	    .slot_bytes = numbers[9],
	    .host_bytes_max = numbers[10],
	    .image_bytes = numbers[11],
	    .header = blob + HEADER_AT,
	    .header_bytes = 32,
	    .sha = blob + SHA_AT,
	    .sha_bytes = 32,
	    .hash = blob + HASH_AT,
	    .hash_bytes = blob[3],
	    .board = {(const char *)blob + BOARD_AT + 1, blob[BOARD_AT]},
	    .board_must_be_told = blob[6] != 0,
	    .match_is_due = blob[2] == LAYOUT_MATCH,
	};
	*target_count = (uint16_t)(blob[4] | blob[5] << 8);
	return true;
}
