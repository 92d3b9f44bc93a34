/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upload as the host sees it. The first chunk is taken and answered at once. Unless the plan has told the image's
 * hash, the host is then asked for the image's end, where its TLVs are: no device is touched before it is known which
 * image it is. Then the cast begins, and each answer names the offset that the fan-out can use next. It is held back
 * while there is no room; when that takes too long, the host is sent to the image's last byte, where asking again costs
 * one byte instead of a chunk, and called back from there. The image's length is named only when every target has
 * verified the image or ended, for a host stops there.
 */
#include "gateway_internal.h"

#define SUM_OF_NOTHING GATEWAY_SUM_START
#define TLV_MAGIC 0x07u /* 0x6907, or 0x6908 for protected ones: little endian */
#define TLV_MAGIC_PROTECTED 0x08u
#define TLV_MAGIC_HIGH 0x69u

static const struct gateway_refusal no_length = {DFUCAST_SMP_GROUP_IMG, 21, DFUCAST_SMP_RC_INVALID};
static const struct gateway_refusal no_header = {DFUCAST_SMP_GROUP_IMG, 22, DFUCAST_SMP_RC_INVALID};
static const struct gateway_refusal no_magic = {DFUCAST_SMP_GROUP_IMG, 23, DFUCAST_SMP_RC_INVALID};
static const struct gateway_refusal bad_sha = {DFUCAST_SMP_GROUP_IMG, 24, DFUCAST_SMP_RC_INVALID};
static const struct gateway_refusal no_targets = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_NO_TARGET,
						  DFUCAST_SMP_RC_NO_ENTRY};
static const struct gateway_refusal bad_image = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_IMAGE,
						 DFUCAST_SMP_RC_CORRUPT};
static const struct gateway_refusal disobeyed = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_DISOBEYED,
						 DFUCAST_SMP_RC_CORRUPT};
static const struct gateway_refusal too_costly = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_HOST_BYTES,
						  DFUCAST_SMP_RC_ACCESS_DENIED};
static const struct gateway_refusal nobody = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_NOBODY,
					      DFUCAST_SMP_RC_UNKNOWN};
static const struct gateway_refusal wrong_state = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_STATE,
						   DFUCAST_SMP_RC_BAD_STATE};
static const struct gateway_refusal bad_slot = {DFUCAST_SMP_GROUP_IMG, 14, DFUCAST_SMP_RC_INVALID};
static const struct gateway_refusal busy = {0, 0, DFUCAST_SMP_RC_BUSY};
static const struct gateway_refusal not_ours = {0, 0, DFUCAST_SMP_RC_ACCESS_DENIED};

/* ---- header ---- */

static uint32_t u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static uint16_t u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/* MCUboot's struct image_header; the TLVs are read elsewhere, when they are there. */
bool dfucast_gateway_read_header(struct dfucast_gateway *gateway, const uint8_t *header, uint32_t image_bytes)
{
	struct dfucast_image *image = &gateway->image;

	memset(image, 0, sizeof(*image));
	image->length = image_bytes;
	image->load_address = u32(header + 4);
	image->header_bytes = u16(header + 8);
	image->protected_tlv_bytes = u16(header + 10);
	image->payload_bytes = u32(header + 12);
	image->flags = u32(header + 16);
	image->version = (struct dfucast_version){
	    .major = header[20],
	    .minor = header[21],
	    .revision = u16(header + 22),
	    .build = u32(header + 24),
	};
	return u32(header) == DFUCAST_IMAGE_MAGIC && image->header_bytes >= DFUCAST_IMAGE_HEADER_BYTES &&
	       image->payload_bytes < image_bytes &&
	       image->header_bytes < image_bytes - image->payload_bytes &&
	       image->protected_tlv_bytes < image_bytes - image->payload_bytes - image->header_bytes;
}

/* ---- the cast ---- */

bool dfucast_gateway_can_start(const struct dfucast_gateway *gateway)
{
	return gateway->plan.hash_bytes != 0 && gateway->plan.image_bytes != 0 &&
	       u32(gateway->header) == DFUCAST_IMAGE_MAGIC && gateway->target_count > 0;
}

/* Whom a cast is about: all, or only those who run its image on trial. The others have ended, and stay as they are. */
enum whom {
	ALL,
	ON_TRIAL,
};

static void begin_anew(struct dfucast_gateway *gateway, enum whom whom)
{
	const struct dfucast_cast_config *config = &gateway->config.cast;

	for (uint16_t i = 0; i < gateway->target_count; i++) {
		struct dfucast_status status = {.holds = DFUCAST_HOLDS_TRIAL};

		if (whom == ON_TRIAL) {
			dfucast_cast_status(&gateway->cast, i, &status);
		}
		if (status.holds == DFUCAST_HOLDS_TRIAL) {
			struct dfucast_update *device =
			    (struct dfucast_update *)((uint8_t *)config->devices +
						      (size_t)i * config->device_bytes);

			memset(device, 0, config->device_bytes);
			device->match = whom == ALL ? gateway->config.targets[i].match : 0;
			gateway->config.targets[i].told = DFUCAST_STATE_IDLE;
			if (gateway->config.boards != NULL) {
				gateway->config.boards[i].bytes = 0;
			}
		}
	}
}

/* The plan's `told`. */
static void keep_board(void *context, const void *device, const char *text, size_t length)
{
	struct dfucast_gateway *gateway = context;
	const struct dfucast_cast_config *config = &gateway->config.cast;
	size_t index =
	    (size_t)((const uint8_t *)device - (const uint8_t *)config->devices) / config->device_bytes;
	struct dfucast_gateway_board *board = &gateway->config.boards[index];

	board->bytes = (uint8_t)gateway_min((uint32_t)length, sizeof(board->text));
	memcpy(board->text, text, board->bytes);
}

static void init_cast(struct dfucast_gateway *gateway, enum whom whom)
{
	struct dfucast_cast_config config = gateway->gates;

	DFUCAST_ASSERT(config.consumer == &dfucast_gateway_consumer);
	memset(&gateway->boards, 0, sizeof(gateway->boards));
	gateway->plan.matcher = &dfucast_update_matcher;
	gateway->plan.matches = whom == ALL ? gateway->match : gateway->runs_it;
	gateway->plan.told = gateway->config.boards != NULL ? keep_board : NULL;
	gateway->plan.told_context = gateway;
	/* Where the plan names the boards, each target is compared with that; else they are with each other. */
	gateway->plan.boards =
	    whom == ALL && gateway->target_count > 1 && !dfucast_gateway_match_names_boards(gateway)
		? &gateway->boards
		: NULL;

	config.plan = gateway;
	config.image_bytes = gateway->image.length;
	config.count = gateway->target_count;
	config.passes_max = (uint16_t)dfucast_gateway_passes_max(gateway, gateway->image.length);
	config.rewinds = !gateway->forward_only;
	/* Who is being activated keeps its link for a whole swap. In waves that would cost the others places in their
	 * pass, and the host further passes: first all have the image, then they are activated. */
	config.commanded =
	    gateway->plan_commanded || (config.links_max != 0 && gateway->target_count > config.links_max);
	config.prefills = true;
	config.source_bytes = gateway->data_max;
	gateway->plan_again = gateway->target_count;
	begin_anew(gateway, whom);
	dfucast_cast_init(&gateway->cast, &config);
}

bool dfucast_gateway_start(struct dfucast_gateway *gateway, uint32_t now)
{
	dfucast_gateway_relay_end(gateway);
	if (gateway->cast.links_open > 0) {
		return false;
	}
	gateway->plan.header = gateway->header;
	gateway->plan.hash = gateway->hash;
	gateway->plan.sha = gateway->has_sha ? gateway->sha : NULL;
	gateway->plan.image_bytes = gateway->image.length;
	gateway->plan.version = gateway->image.version;
	gateway->image.hash_bytes = gateway->plan.hash_bytes;
	/* TLV types 0x10 … 0x12 for SHA-256, -384, -512. */
	gateway->image.hash_type = (uint16_t)(0x0Eu + gateway->plan.hash_bytes / 16u);
	memcpy(gateway->image.hash, gateway->hash, gateway->plan.hash_bytes);
	if (!gateway->plan.dry_run) {
		gateway->plan.fresh |= gateway->erase_due;
		gateway->erase_due = false;
	}
	dfucast_gateway_source_start(gateway);
	init_cast(gateway, ALL);
	gateway->state = DFUCAST_SMP_FLEET_OPEN;
	gateway->stopped = DFUCAST_ERR_OK;
	gateway->expects_reset = false;
	gateway->opened_ms = now;
	gateway->heard_ms = now;
	gateway->marked = false;
	gateway->asks_again = false;
	gateway->auto_paused = false;
	dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_OPENED, UINT16_MAX, (int32_t)gateway->image.length,
			    now);
	dfucast_cast_start(&gateway->cast, now);
	return true;
}

bool dfucast_gateway_start_confirm(struct dfucast_gateway *gateway, uint32_t now)
{
	dfucast_gateway_relay_end(gateway);
	if (gateway->cast.links_open > 0) {
		return false;
	}
	gateway->plan.mode = DFUCAST_MODE_TEST_CONFIRM;
	gateway->plan.dry_run = false;
	gateway->plan_commanded = false;
	gateway->runs_it[0] = (struct dfucast_match){
	    .value = gateway->hash, .key = DFUCAST_MATCH_HASH, .bytes = gateway->plan.hash_bytes};
	gateway->runs_it[1] = (struct dfucast_match){.key = DFUCAST_MATCH_END};
	init_cast(gateway, ON_TRIAL);
	gateway->state = DFUCAST_SMP_FLEET_OPEN;
	dfucast_cast_start(&gateway->cast, now);
	/* No byte is sent and nobody activated: who runs it on trial has it, who has gone back does not match. */
	dfucast_cast_set_image_verified(&gateway->cast, now);
	return true;
}

void dfucast_gateway_stop(struct dfucast_gateway *gateway, enum dfucast_err why, uint32_t now)
{
	if (gateway->state == DFUCAST_SMP_FLEET_OPEN) {
		dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_STOPPED, UINT16_MAX, why, now);
		gateway->stopped = (int8_t)why;
		dfucast_cast_stop(&gateway->cast, why, now);
		dfucast_cast_resume(&gateway->cast, now); /* after it: no gate opens */
	} else if (gateway->state == DFUCAST_SMP_FLEET_LOOKING) {
		gateway->state = gateway->planned ? DFUCAST_SMP_FLEET_PLANNED : DFUCAST_SMP_FLEET_IDLE;
		dfucast_gateway_forget_upload(gateway);
	}
	gateway->parked = false;
	gateway->asks_again = false;
}

/* ---- the image's end ---- */

/* The first chunk and the TLVs wait at the end of the ring's memory, which nobody uses before the cast begins. */
static uint8_t *tail_memory(const struct dfucast_gateway *gateway)
{
	return gateway->config.cast.ring + gateway->config.cast.ring_bytes -
	       (gateway->image.length - gateway->tail_begin);
}

static uint8_t *kept_memory(const struct dfucast_gateway *gateway)
{
	return tail_memory(gateway) - gateway->kept;
}

static bool read_tail(void *context, uint32_t offset, uint8_t *buffer, uint32_t length)
{
	const struct dfucast_gateway *gateway = context;

	if (offset < DFUCAST_IMAGE_HEADER_BYTES && length <= DFUCAST_IMAGE_HEADER_BYTES - offset) {
		memcpy(buffer, gateway->header + offset, length);
		return true;
	}
	if (offset < gateway->tail_begin || length > gateway->image.length - offset) {
		return false;
	}
	memcpy(buffer, tail_memory(gateway) + (offset - gateway->tail_begin), length);
	return true;
}

static void look_at_the_end(struct dfucast_gateway *gateway, const struct dfucast_smp_upload_request *request)
{
	uint32_t room;

	gateway->tail_begin = gateway->image.header_bytes + gateway->image.payload_bytes;
	gateway->tail = gateway->tail_begin;
	gateway->tail_now = SUM_OF_NOTHING;
	if (gateway->asks_again) {
		return;
	}
	/* Half of what the TLVs leave: the kept bytes are copied to the ring's beginning later. */
	room = (gateway->config.cast.ring_bytes - (gateway->image.length - gateway->tail_begin)) / 2u;
	gateway->kept = gateway_min(request->data_bytes, room);
	memcpy(kept_memory(gateway), request->data, gateway->kept);
	gateway->state = DFUCAST_SMP_FLEET_LOOKING;
}

/* @return false: links are still being closed. It is tried again as long as the host's request is open. */
static bool begin_what_was_seen(struct dfucast_gateway *gateway, uint32_t now)
{
	const uint8_t *kept = kept_memory(gateway);

	if (!dfucast_gateway_start(gateway, now)) {
		return false;
	}
	(void)dfucast_gateway_source_take(gateway, kept, gateway->kept, now);
	return true;
}

/* The TLVs are there: it is known which image this is. */
static void have_seen_the_end(struct dfucast_gateway *gateway, uint32_t now)
{
	struct dfucast_image image;
	const uint8_t *tail = tail_memory(gateway);

	if ((tail[0] != TLV_MAGIC && tail[0] != TLV_MAGIC_PROTECTED) || tail[1] != TLV_MAGIC_HIGH) {
		/* Most likely the bytes behind the first chunk: the host went on by its own count. */
		dfucast_gateway_stop(gateway, DFUCAST_ERR_IMAGE_TLV, now);
		dfucast_gateway_refuse(gateway, disobeyed);
		return;
	}
	if (dfucast_image_parse(&image, read_tail, gateway, gateway->image.length) != 0) {
		dfucast_gateway_stop(gateway, DFUCAST_ERR_IMAGE_TLV, now);
		dfucast_gateway_refuse(gateway, bad_image);
		return;
	}
	gateway->image = image;
	gateway->plan.hash_bytes = image.hash_bytes;
	memcpy(gateway->hash, image.hash, sizeof(gateway->hash));
	gateway->tail_sum = gateway->tail_now;
	(void)begin_what_was_seen(gateway, now);
}

static void take_tail(struct dfucast_gateway *gateway, const struct dfucast_smp_upload_request *request,
		      uint32_t now)
{
	uint32_t length = gateway_min(request->data_bytes, gateway->image.length - gateway->tail);

	if (request->offset != gateway->tail) {
		return; /* the answer names the offset again */
	}
	gateway->tail_now = dfucast_gateway_sum(gateway->tail_now, request->data, length);
	if (!gateway->asks_again) {
		memcpy(tail_memory(gateway) + (gateway->tail - gateway->tail_begin), request->data, length);
	}
	gateway->tail += length;
	if (gateway->tail < gateway->image.length) {
		return;
	}
	if (!gateway->asks_again) {
		have_seen_the_end(gateway, now);
		return;
	}
	gateway->asks_again = false;
	if (gateway->tail_now != gateway->tail_sum) {
		if (dfucast_gateway_untouched(gateway)) { /* another image of the same size and version */
			dfucast_gateway_stop(gateway, DFUCAST_ERR_ABORTED, now);
		}
		dfucast_gateway_refuse(gateway, busy);
	}
}

/* ---- first chunk ---- */

/* What the running cast's host would send, if it began anew. */
static bool is_the_same(const struct dfucast_gateway *gateway,
			const struct dfucast_smp_upload_request *request)
{
	/* One that is over is begun anew: those who failed may be there now, and those who are done say so at once. */
	if (gateway->state != DFUCAST_SMP_FLEET_OPEN || request->image_length != gateway->image.length ||
	    memcmp(request->data, gateway->header, sizeof(gateway->header)) != 0) {
		return false;
	}
	return request->sha == NULL || !gateway->has_sha ||
	       memcmp(request->sha, gateway->sha, sizeof(gateway->sha)) == 0;
}

static const struct gateway_refusal *first_problem(const struct dfucast_smp_upload_request *request)
{
	if (request->data == NULL || request->data_bytes < DFUCAST_IMAGE_HEADER_BYTES) {
		return &no_header;
	}
	if (!request->has_length) {
		return &no_length;
	}
	if (u32(request->data) != DFUCAST_IMAGE_MAGIC) {
		return &no_magic;
	}
	return request->sha != NULL && request->sha_bytes != 32 ? &bad_sha : NULL;
}

/* The same image again: the session goes on. Without a sha to tell, the image's end is asked for once more. */
static void go_on(struct dfucast_gateway *gateway, const struct dfucast_smp_upload_request *request,
		  uint32_t now)
{
	if (gateway->state == DFUCAST_SMP_FLEET_OPEN && (request->sha == NULL || !gateway->has_sha) &&
	    gateway->tail_sum != 0) {
		gateway->asks_again = true;
		look_at_the_end(gateway, request);
	} else {
		gateway->asks_again = false;
	}
	if (gateway->cast.paused && gateway->auto_paused) {
		dfucast_gateway_resume(gateway, now);
	}
}

/* What the plan says of the image, if it says anything, against what came. */
static bool fits_the_plan(const struct dfucast_gateway *gateway,
			  const struct dfucast_smp_upload_request *request)
{
	if (!gateway->planned) {
		return true;
	}
	return (gateway->plan.image_bytes == 0 || gateway->plan.image_bytes == request->image_length) &&
	       (u32(gateway->header) != DFUCAST_IMAGE_MAGIC ||
		memcmp(gateway->header, request->data, sizeof(gateway->header)) == 0) &&
	       (!gateway->has_sha || request->sha == NULL ||
		memcmp(gateway->sha, request->sha, sizeof(gateway->sha)) == 0);
}

static void begin_session(struct dfucast_gateway *gateway, const struct dfucast_smp_upload_request *request,
			  uint32_t now)
{
	if (dfucast_gateway_has_cast(gateway)) {
		/* The last cast's plan was for the last image. Its links must be closed before its memory is used again. */
		dfucast_gateway_stop(gateway, DFUCAST_ERR_ABORTED, now);
		if (gateway->cast.links_open > 0) {
			dfucast_gateway_refuse(gateway, busy);
			return;
		}
		dfucast_gateway_forget(gateway);
	} else if (gateway->state == DFUCAST_SMP_FLEET_PLANNED && gateway->cast.links_open == 0 &&
		   gateway_reached(now, gateway->opened_ms + gateway->config.release_ms)) {
		dfucast_gateway_forget(gateway); /* its host went away without a word */
	}
	dfucast_gateway_relay_end(gateway); /* its link is closed while the image's end is looked at */
	dfucast_gateway_forget_upload(gateway);
	if (gateway->target_count == 0) {
		dfucast_gateway_refuse(gateway, no_targets);
		return;
	}
	if (!fits_the_plan(gateway, request) ||
	    !dfucast_gateway_read_header(gateway, request->data, request->image_length)) {
		dfucast_gateway_refuse(gateway, bad_image);
		return;
	}
	if (dfucast_gateway_passes(gateway) > dfucast_gateway_passes_max(gateway, request->image_length)) {
		dfucast_gateway_refuse(gateway, too_costly);
		return;
	}
	memcpy(gateway->header, request->data, sizeof(gateway->header));
	if (request->sha != NULL) {
		memcpy(gateway->sha, request->sha, sizeof(gateway->sha));
		gateway->has_sha = true;
	}
	gateway->plan.upgrade_only |= request->upgrade_only;
	if (gateway->plan.hash_bytes == 0) {
		uint32_t tail =
		    gateway->image.length - gateway->image.header_bytes - gateway->image.payload_bytes;

		if (gateway->forward_only) {
			dfucast_gateway_refuse(gateway, disobeyed); /* without the hash this cannot be done */
		} else if (tail > gateway->config.cast.ring_bytes - 2u * DFUCAST_IMAGE_HEADER_BYTES) {
			dfucast_gateway_refuse(gateway, bad_image);
		} else {
			look_at_the_end(gateway, request);
		}
		return;
	}
	if (!dfucast_gateway_start(gateway, now)) {
		dfucast_gateway_refuse(gateway, busy);
		return;
	}
	(void)dfucast_gateway_source_take(gateway, request->data, request->data_bytes, now);
}

static void first_chunk(struct dfucast_gateway *gateway, const struct dfucast_smp_upload_request *request,
			uint32_t now)
{
	const struct gateway_refusal *problem = first_problem(request);

	if (problem != NULL) {
		dfucast_gateway_refuse(gateway, *problem);
		return;
	}
	gateway->parked = false;
	if (gateway->state == DFUCAST_SMP_FLEET_OPEN && gateway->plan_again != gateway->target_count) {
		dfucast_gateway_refuse(gateway, wrong_state); /* a plan of which the rest never came */
	} else if (is_the_same(gateway, request)) {
		go_on(gateway, request, now);
		/* A cast that was started by its plan has not had the first bytes yet. */
		if (gateway->state == DFUCAST_SMP_FLEET_OPEN && gateway->next == 0) {
			(void)dfucast_gateway_source_take(gateway, request->data, request->data_bytes, now);
		}
	} else if (!dfucast_gateway_untouched(gateway)) {
		dfucast_gateway_refuse(gateway, busy); /* devices are being reset: that image first */
	} else {
		begin_session(gateway, request, now);
	}
}

/* ---- the rest ---- */

/* The host waits at the image's last byte. @return false: another byte than before */
static bool park(struct dfucast_gateway *gateway, const struct dfucast_smp_upload_request *request)
{
	bool same = !gateway->has_park_byte || request->data[0] == gateway->park_byte;

	gateway->park_byte = request->data[0];
	gateway->has_park_byte = true;
	gateway->host_dropped_bytes++;
	return same;
}

static void next_chunk(struct dfucast_gateway *gateway, const struct dfucast_smp_upload_request *request,
		       uint32_t now)
{
	bool obeys = true;

	if (gateway->state == DFUCAST_SMP_FLEET_LOOKING || gateway->asks_again) {
		take_tail(gateway, request, now);
		return;
	}
	if (gateway->state != DFUCAST_SMP_FLEET_OPEN) {
		return;
	}
	if (gateway->cast.paused && gateway->auto_paused) {
		dfucast_gateway_resume(gateway, now);
	}
	if (request->offset == gateway->next && gateway->next < gateway->image.length) {
		obeys = dfucast_gateway_source_take(gateway, request->data, request->data_bytes, now);
	} else if (gateway->parked && request->offset == gateway->image.length - 1u) {
		obeys = park(gateway, request);
	} else {
		gateway->host_dropped_bytes += request->data_bytes;
	}
	gateway->parked = false;
	if (!obeys) {
		dfucast_gateway_stop(gateway, DFUCAST_ERR_IMAGE_HASH, now);
		dfucast_gateway_refuse(gateway, disobeyed);
	}
}

/* When the answer is due: hold_ms after the request's first byte. */
static uint32_t due(const struct dfucast_gateway *gateway, size_t length, uint32_t now)
{
	uint32_t hold = gateway->config.hold_ms;
	uint32_t wire = 0;

	if (gateway->config.host_baud != 0) {
		/* Console framing makes four characters of three bytes, and a character takes ten bits. */
		wire = (uint32_t)((uint64_t)length * 13334u / gateway->config.host_baud);
	}
	return now + (wire < hold ? hold - wire : 0);
}

static bool is_ours(struct dfucast_gateway *gateway, const struct dfucast_smp_upload_request *request)
{
	if (request->offset == 0) {
		gateway->local_upload = gateway->config.mixed && request->image == 0;
	}
	return !gateway->local_upload;
}

void dfucast_gateway_upload(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length,
			    uint32_t now)
{
	const struct dfucast_gateway_port *port = gateway->config.port;
	struct dfucast_smp_upload_request request;

	if (dfucast_smp_upload_request_decode(frame + DFUCAST_SMP_HEADER_BYTES, gateway->request.length,
					      &request) != 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_INVALID);
		return;
	}
	if (!is_ours(gateway, &request)) {
		if (request.offset == 0 &&
		    (port->is_own_image == NULL || first_problem(&request) != NULL ||
		     !port->is_own_image(port->context, request.data, request.image_length))) {
			dfucast_gateway_refuse(gateway, not_ours);
			return;
		}
		dfucast_gateway_local(gateway, frame, length);
		return;
	}
	if (!request.has_offset || request.data == NULL || request.data_bytes == 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_INVALID);
		return;
	}
	if (request.offset == 0 && request.image > 1) {
		dfucast_gateway_refuse(gateway,
				       bad_slot); /* the fleet's other images are none of this one's */
		return;
	}
	gateway->heard_ms = now;
	if (request.data_bytes > gateway->data_max) {
		gateway->data_max = request.data_bytes;
		gateway->cast.config.source_bytes = request.data_bytes;
	}
	if (request.offset == 0) {
		first_chunk(gateway, &request, now);
	} else {
		next_chunk(gateway, &request, now);
	}
	if (gateway->tx == DFUCAST_GATEWAY_TX_NONE) {
		/* What to say is found out in run(), which follows every request: often at once. */
		gateway->tx = DFUCAST_GATEWAY_TX_HELD;
		gateway->held_ms = due(gateway, length, now);
	}
}

/* ---- answers ---- */

static void answer_offset(struct dfucast_gateway *gateway, uint32_t offset, enum dfucast_smp_match match)
{
	dfucast_gateway_answer(gateway,
			       dfucast_smp_answer_upload(gateway->config.answer, gateway->config.answer_bytes,
							 &gateway->request, offset, match));
}

enum progress {
	NOT_YET,
	ALL_HAVE_IT, /* every target has the whole image, proven, or has ended */
	NOBODY_HAS_IT,
};

static enum progress progress_of(const struct dfucast_gateway *gateway)
{
	const struct dfucast_cast *cast = &gateway->cast;
	bool anybody = false;
	bool over = true;

	for (unsigned int i = 0; i < cast->config.count; i++) {
		const void *device =
		    (const uint8_t *)cast->config.devices + (size_t)i * cast->config.device_bytes;
		enum dfucast_phase phase = cast->config.consumer->phase(cast->config.plan, device);

		if (phase < DFUCAST_PHASE_VERIFIED) {
			return NOT_YET;
		}
		if (phase == DFUCAST_PHASE_ENDED) {
			struct dfucast_status status;

			dfucast_cast_status(cast, (uint16_t)i, &status);
			anybody |= status.state == DFUCAST_STATE_DONE || status.state == DFUCAST_STATE_HELD;
		} else {
			over = false;
		}
	}
	if (!over) {
		return cast->image_verified ? ALL_HAVE_IT : NOT_YET;
	}
	return anybody ? ALL_HAVE_IT : NOBODY_HAS_IT;
}

bool dfucast_gateway_all_have_it(const struct dfucast_gateway *gateway)
{
	return progress_of(gateway) == ALL_HAVE_IT;
}

void dfucast_gateway_upload_answer(struct dfucast_gateway *gateway, bool due_now, uint32_t now)
{
	uint32_t length = gateway->image.length;
	bool looks = gateway->state == DFUCAST_SMP_FLEET_LOOKING;

	if (looks && gateway->tail == length && !begin_what_was_seen(gateway, now)) {
		if (due_now) {
			dfucast_gateway_stop(gateway, DFUCAST_ERR_ABORTED, now);
			dfucast_gateway_refuse(gateway, busy);
		}
		return;
	}
	if (gateway->state == DFUCAST_SMP_FLEET_LOOKING || gateway->asks_again) {
		answer_offset(gateway, gateway->tail, DFUCAST_SMP_MATCH_ABSENT);
		return;
	}
	if (!dfucast_gateway_has_cast(gateway)) {
		answer_offset(gateway, 0, DFUCAST_SMP_MATCH_ABSENT); /* no upload is open */
		return;
	}
	if (dfucast_err_band(gateway->stopped) == DFUCAST_BAND_IMAGE) {
		dfucast_gateway_refuse(gateway, bad_image);
		return;
	}
	enum progress progress = progress_of(gateway);

	if (progress == NOBODY_HAS_IT) {
		dfucast_gateway_refuse(gateway, nobody);
		return;
	}
	if (progress == ALL_HAVE_IT) {
		gateway->expects_reset = !gateway->planned;
		answer_offset(gateway, length,
			      gateway->cast.image_verified ? DFUCAST_SMP_MATCH_TRUE
							   : DFUCAST_SMP_MATCH_ABSENT);
		return;
	}
	uint32_t left = length - gateway->next;
	uint32_t wanted = gateway_min(gateway->data_max, left);

	if (left > 0 && !gateway->cast.paused && dfucast_gateway_source_room(gateway) >= wanted) {
		gateway->parked = false;
		answer_offset(gateway, gateway->next, DFUCAST_SMP_MATCH_ABSENT);
	} else if (due_now && !gateway->forward_only) {
		gateway->parked = true;
		answer_offset(gateway, length - 1u, DFUCAST_SMP_MATCH_ABSENT);
	}
}
