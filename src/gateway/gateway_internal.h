/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the gateway share.
 *
 *   gateway.c  frames in and out, the answer that is held, time, the host's silence
 *   source.c   the image bytes: where the host is, what it sent, whether it obeys, the hashes
 *   session.c  an upload from its first chunk to its last answer: the cast
 *   plan.c     the plan, a host's or the default one
 *   match.c    its lists of which devices are meant
 *   images.c   the OS and image groups, as a stock host sees the fleet
 *   fleet.c    the fleet's group
 *   relay.c    one frame to one target, between the update's
 */
#ifndef DFUCAST_GATEWAY_INTERNAL_H
#define DFUCAST_GATEWAY_INTERNAL_H

#include <dfucast/gateway.h>
#include <string.h>

/* Group codes with the old code for hosts that speak SMP version 1. */
struct gateway_refusal {
	uint16_t group;
	uint16_t code; /* 0: no group error, `rc` alone */
	uint8_t rc;    /* enum dfucast_smp_rc */
};

static inline bool gateway_reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

static inline uint32_t gateway_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* FNV-1a: finds a host that sends other bytes than it did, not one that means harm; for that there is the SHA-256. */
#define GATEWAY_SUM_START 2166136261u
uint32_t dfucast_gateway_sum(uint32_t sum, const uint8_t *bytes, size_t length);

/* ---- gateway.c ---- */

/* Nobody is being activated. */
bool dfucast_gateway_untouched(const struct dfucast_gateway *gateway);
/* A cast is open or over: its targets have states. */
bool dfucast_gateway_has_cast(const struct dfucast_gateway *gateway);
/* The answer is ready, `length` bytes in gateway->answer; negative: there was no room, and the host is told so. */
void dfucast_gateway_answer(struct dfucast_gateway *gateway, int length);
void dfucast_gateway_refuse(struct dfucast_gateway *gateway, struct gateway_refusal refusal);
void dfucast_gateway_answer_rc(struct dfucast_gateway *gateway, enum dfucast_smp_rc rc);
void dfucast_gateway_log(struct dfucast_gateway *gateway, enum dfucast_gateway_event what, uint16_t target,
			 int32_t value, uint32_t now);
/* Back to where init left it: no plan but the default one, no cast. Only with all links closed. */
void dfucast_gateway_forget(struct dfucast_gateway *gateway);
/* Links at the same time. */
uint32_t dfucast_gateway_links(const struct dfucast_gateway *gateway);
/* Gives a frame to the gateway's own server, if it has one. */
void dfucast_gateway_local(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length);

/* ---- source.c ---- */

/* The image is known: its bytes are to come from 0 on. */
void dfucast_gateway_source_start(struct dfucast_gateway *gateway);
/* Image bytes at gateway->next. Takes what there is room for. @return false: not those that were sent before */
bool dfucast_gateway_source_take(struct dfucast_gateway *gateway, const uint8_t *bytes, uint32_t length,
				 uint32_t now);
/* Looks where the fan-out is and moves gateway->next there. */
void dfucast_gateway_source_follow(struct dfucast_gateway *gateway, uint32_t now);
/* Bytes that would be taken at gateway->next now. */
uint32_t dfucast_gateway_source_room(const struct dfucast_gateway *gateway);
/* Every byte is hashed: tells the fan-out, or stops it. */
void dfucast_gateway_source_check(struct dfucast_gateway *gateway, uint32_t now);

/* ---- session.c ---- */

void dfucast_gateway_upload(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length,
			    uint32_t now);
/* The held answer: what can be said by now. @param due  it must be answered, whatever there is to say */
void dfucast_gateway_upload_answer(struct dfucast_gateway *gateway, bool due, uint32_t now);
/* Every target has the whole image, proven, or has ended, and somebody has it. */
bool dfucast_gateway_all_have_it(const struct dfucast_gateway *gateway);
/* Ends the cast: `why` as for dfucast_cast_stop(). */
void dfucast_gateway_stop(struct dfucast_gateway *gateway, enum dfucast_err why, uint32_t now);
/* The plan names everything: the cast may begin before the first chunk. */
bool dfucast_gateway_can_start(const struct dfucast_gateway *gateway);
/* Begins the cast. @return false: links of the last one are still being closed */
bool dfucast_gateway_start(struct dfucast_gateway *gateway, uint32_t now);
/* Once more over targets that run the image on trial, to confirm it. @return as above */
bool dfucast_gateway_start_confirm(struct dfucast_gateway *gateway, uint32_t now);
/* The header's fields into gateway->image. */
bool dfucast_gateway_read_header(struct dfucast_gateway *gateway, const uint8_t *header,
				 uint32_t image_bytes);

/* ---- plan.c ---- */

/* The plan of a host that brings none. */
void dfucast_gateway_plan_default(struct dfucast_gateway *gateway);
/* What an upload that did not become a cast has told of its image is not the next one's. What the plan has told stays. */
void dfucast_gateway_forget_upload(struct dfucast_gateway *gateway);
void dfucast_gateway_plan(struct dfucast_gateway *gateway, const uint8_t *body, uint32_t now);
/* Image passes that the plan takes, without a straggler. */
uint32_t dfucast_gateway_passes(const struct dfucast_gateway *gateway);
/* And those that its limits allow, stragglers' included. */
uint32_t dfucast_gateway_passes_max(const struct dfucast_gateway *gateway, uint32_t image_bytes);

/* ---- match.c ---- */

enum gateway_match {
	GATEWAY_MATCH_OK,
	GATEWAY_MATCH_BAD,     /* what it says makes no sense, or is not known here */
	GATEWAY_MATCH_NO_ROOM, /* the memory for it is full */
};

/* No list but one that everybody fits. */
void dfucast_gateway_match_clear(struct dfucast_gateway *gateway);
/* The list of the whole plan, with the board it names; and one target's own lines: where its list begins. */
enum gateway_match dfucast_gateway_match_take(struct dfucast_gateway *gateway,
					      const struct dfucast_smp_fleet_plan *plan);
enum gateway_match dfucast_gateway_match_take_own(struct dfucast_gateway *gateway,
						  struct dfucast_smp_text matches, uint16_t *list);
/* The same again? */
bool dfucast_gateway_match_is_plans(const struct dfucast_gateway *gateway,
				    const struct dfucast_smp_fleet_plan *plan);
bool dfucast_gateway_match_is(const struct dfucast_gateway *gateway, uint16_t list,
			      struct dfucast_smp_text matches);
/* Every target's list says which board. */
bool dfucast_gateway_match_names_boards(const struct dfucast_gateway *gateway);

/* ---- images.c ---- */

void dfucast_gateway_os(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length, uint32_t now);
void dfucast_gateway_images(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length,
			    uint32_t now);

/* ---- fleet.c ---- */

void dfucast_gateway_fleet(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length,
			   uint32_t now);
void dfucast_gateway_pause(struct dfucast_gateway *gateway, bool by_command, uint32_t now);
void dfucast_gateway_resume(struct dfucast_gateway *gateway, uint32_t now);

/* ---- relay.c ---- */

/* What the fan-out drives; its plan is the gateway. */
extern const struct dfucast_consumer dfucast_gateway_consumer;
void dfucast_gateway_relay(struct dfucast_gateway *gateway, const uint8_t *body, uint32_t now);
void dfucast_gateway_relay_run(struct dfucast_gateway *gateway, uint32_t now);
bool dfucast_gateway_relay_deadline(const struct dfucast_gateway *gateway, uint32_t *when);
/* A new request has come: a link that is only kept for the next relay is not kept any more, and a frame that nobody waits
 * for is not sent any more. */
void dfucast_gateway_relay_end(struct dfucast_gateway *gateway);

#endif
