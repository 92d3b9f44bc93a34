/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image bytes that the host sends. One position, gateway->next, is what the host is asked for. It follows the
 * fan-out: forwards with the ring, back when a pass begins anew. Three things happen to each byte on its way:
 *
 * - Bytes never seen before are hashed, in order, all of them: also those that no device needs (a resume).
 * - Each block is summed. A block that comes again must have the sum it had, or the host does not follow `off`.
 * - Bytes at and behind the ring's head go into the ring; those below only pass by.
 *
 * The host is called back to the beginning of a block, never into its middle: otherwise its sum could not be compared.
 */
#include "gateway_internal.h"

uint32_t dfucast_gateway_sum(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		sum = (sum ^ bytes[i]) * 16777619u;
	}
	return sum;
}

static uint32_t block_of(const struct dfucast_gateway *gateway, uint32_t offset)
{
	return offset & ~(gateway->block_bytes - 1u);
}

void dfucast_gateway_source_start(struct dfucast_gateway *gateway)
{
	uint32_t block = 1024;

	while (gateway->image.length / gateway->config.sum_count >= block) {
		block <<= 1;
	}
	gateway->block_bytes = block;
	gateway->next = 0;
	gateway->hashed = 0;
	gateway->hashed_sum = GATEWAY_SUM_START;
	gateway->sum = GATEWAY_SUM_START;
	gateway->summed = 0;
	gateway->host_bytes = 0;
	gateway->host_dropped_bytes = 0;
	gateway->rewinds = 0;
	gateway->parked = false;
	gateway->has_park_byte = false;
	dfucast_image_digest_start(&gateway->digest, &gateway->image, &gateway->config.file,
				   &gateway->config.content);
}

/* No device takes the image, and none may come to take it: what is still to come is only hashed. */
static bool nobody_takes(const struct dfucast_gateway *gateway)
{
	const struct dfucast_cast *cast = &gateway->cast;

	if (!cast->started || cast->streaming) {
		return false;
	}
	for (unsigned int i = 0; i < cast->config.count; i++) {
		const void *device =
		    (const uint8_t *)cast->config.devices + (size_t)i * cast->config.device_bytes;

		if (cast->config.consumer->phase(cast->config.plan, device) < DFUCAST_PHASE_VERIFYING) {
			return false;
		}
	}
	return true;
}

/* What the fan-out takes now: [*head, *head + result). */
static uint32_t ring_room(const struct dfucast_gateway *gateway, uint32_t *head)
{
	uint32_t length;

	if (nobody_takes(gateway)) {
		*head = gateway->image.length;
		return 0;
	}
	if (dfucast_cast_need(&gateway->cast, head, &length)) {
		return length;
	}
	*head = gateway->cast.ring.head;
	return 0;
}

uint32_t dfucast_gateway_source_room(const struct dfucast_gateway *gateway)
{
	uint32_t head;
	uint32_t room = ring_room(gateway, &head);

	return head > gateway->next ? head - gateway->next + room : room;
}

void dfucast_gateway_source_follow(struct dfucast_gateway *gateway, uint32_t now)
{
	uint32_t goal;
	uint32_t room;

	if (nobody_takes(gateway) || !dfucast_cast_need(&gateway->cast, &goal, &room)) {
		return;
	}
	/* What was never hashed may not be passed over. */
	if (gateway->hashed < gateway->image.length && gateway->hashed < goal) {
		goal = gateway->hashed;
	}
	uint32_t block = block_of(gateway, goal);

	if (goal >= gateway->next && block <= block_of(gateway, gateway->next)) {
		return;
	}
	if (goal < gateway->next) {
		gateway->rewinds++;
		dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_REWIND, UINT16_MAX, (int32_t)block, now);
	}
	gateway->next = block;
	gateway->sum = GATEWAY_SUM_START;
}

/* A piece within one block and on one side of `hashed`. @return false: other bytes than before */
static bool check_piece(struct dfucast_gateway *gateway, const uint8_t *bytes, uint32_t length)
{
	bool is_new = gateway->next == gateway->hashed;

	if (is_new && gateway->sum != gateway->hashed_sum) {
		return false;
	}
	gateway->sum = dfucast_gateway_sum(gateway->sum, bytes, length);
	if (is_new) {
		dfucast_image_digest_feed(&gateway->digest, bytes, length);
		gateway->hashed += length;
		gateway->hashed_sum = gateway->sum;
	}
	gateway->next += length;
	if (block_of(gateway, gateway->next) != gateway->next && gateway->next != gateway->image.length) {
		return true;
	}
	uint32_t *sum = &gateway->config.sums[(gateway->next - 1u) / gateway->block_bytes];

	if (gateway->next > gateway->summed) {
		*sum = gateway->sum;
		gateway->summed = gateway->next;
	} else if (*sum != gateway->sum) {
		return false;
	}
	if (gateway->next != gateway->image.length) {
		gateway->sum = GATEWAY_SUM_START;
		if (gateway->next == gateway->hashed) {
			gateway->hashed_sum = GATEWAY_SUM_START;
		}
	}
	return true;
}

static bool check(struct dfucast_gateway *gateway, const uint8_t *bytes, uint32_t length)
{
	while (length > 0) {
		uint32_t piece = block_of(gateway, gateway->next) + gateway->block_bytes - gateway->next;

		if (gateway->next < gateway->hashed) {
			piece = gateway_min(piece, gateway->hashed - gateway->next);
		}
		piece = gateway_min(piece, length);
		if (!check_piece(gateway, bytes, piece)) {
			return false;
		}
		bytes += piece;
		length -= piece;
	}
	return true;
}

bool dfucast_gateway_source_take(struct dfucast_gateway *gateway, const uint8_t *bytes, uint32_t length,
				 uint32_t now)
{
	length = gateway_min(length, gateway->image.length - gateway->next);
	/* Each round takes something, or ends it. */
	while (length > 0) {
		uint32_t head;
		uint32_t room = ring_room(gateway, &head);
		uint32_t at = gateway->next;
		uint32_t piece = at < head ? gateway_min(length, head - at) : gateway_min(length, room);

		if (piece == 0 || at > head) {
			break; /* full, or the fan-out has gone back: the answer will say so */
		}
		if (!check(gateway, bytes, piece)) {
			return false;
		}
		if (at < head && head <= DFUCAST_IMAGE_HEADER_BYTES) {
			gateway->host_bytes += piece; /* every device has these first bytes from the plan */
		} else if (at < head) {
			gateway->host_dropped_bytes += piece;
		} else {
			gateway->host_bytes += dfucast_cast_feed(&gateway->cast, at, bytes, piece, now);
		}
		bytes += piece;
		length -= piece;
	}
	gateway->host_dropped_bytes += length;
	return true;
}

void dfucast_gateway_source_check(struct dfucast_gateway *gateway, uint32_t now)
{
	uint8_t sha[32];

	if (gateway->cast.image_verified || gateway->hashed < gateway->image.length ||
	    gateway->state != DFUCAST_SMP_FLEET_OPEN) {
		return;
	}
	int err = dfucast_image_digest_finish(&gateway->digest, &gateway->image, sha);

	if (gateway->has_sha && memcmp(sha, gateway->sha, sizeof(sha)) != 0) {
		err = DFUCAST_ERR_IMAGE_HASH;
	} else if (err == DFUCAST_ERR_IMAGE_UNCHECKED && gateway->has_sha) {
		err =
		    0; /* what a device hashes is not what is sent; the file is the one that the host meant */
	}
	if (err != 0) {
		dfucast_gateway_stop(gateway, (enum dfucast_err)err, now);
		return;
	}
	dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_VERIFIED, UINT16_MAX, 0, now);
	dfucast_cast_set_image_verified(&gateway->cast, now);
}
