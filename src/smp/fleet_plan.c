/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The fleet's group: capabilities, plan, commands, relay. docs/gateway-protocol.md.
 */
#include "body.h"
#include "write.h"

#include <dfucast/smp_fleet.h>
#include <string.h>

static struct dfucast_smp_header request_header(struct dfucast_smp_id id, enum dfucast_smp_op op,
						enum dfucast_smp_fleet_command command)
{
	return (struct dfucast_smp_header){
	    .op = (uint8_t)op,
	    .version = id.version,
	    .sequence = id.sequence,
	    .group = DFUCAST_SMP_GROUP_FLEET,
	    .command = (uint8_t)command,
	};
}

static int finish_request(struct dfucast_smp_writer *writer, struct dfucast_smp_id id, enum dfucast_smp_op op,
			  enum dfucast_smp_fleet_command command)
{
	const struct dfucast_smp_header header = request_header(id, op, command);

	return dfucast_smp_write_finish(writer, &header);
}

int dfucast_smp_fleet_command_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				     enum dfucast_smp_fleet_command command)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	return finish_request(&writer, id, DFUCAST_SMP_WRITE, command);
}

/* ---- capabilities ------------------------------------------------------------------------------------------- */

int dfucast_smp_fleet_capabilities_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	return finish_request(&writer, id, DFUCAST_SMP_READ, DFUCAST_SMP_FLEET_CAPABILITIES);
}

struct capabilities {
	struct dfucast_smp_text version;
	struct dfucast_smp_text hash;
	uint32_t protocol, boot_id, links, links_free, ring, targets, targets_max, state, match;
	bool forward_only;
};

static const struct dfucast_smp_field capabilities_fields[] = {
    DFUCAST_SMP_FIELD_UINT(capabilities, "protocol", protocol),
    DFUCAST_SMP_FIELD_TEXT(capabilities, "version", version),
    DFUCAST_SMP_FIELD_UINT(capabilities, "boot", boot_id),
    DFUCAST_SMP_FIELD_UINT(capabilities, "links", links),
    DFUCAST_SMP_FIELD_UINT(capabilities, "free", links_free),
    DFUCAST_SMP_FIELD_UINT(capabilities, "ring", ring),
    DFUCAST_SMP_FIELD_UINT(capabilities, "targets", targets),
    DFUCAST_SMP_FIELD_UINT(capabilities, "max", targets_max),
    DFUCAST_SMP_FIELD_UINT(capabilities, "state", state),
    DFUCAST_SMP_FIELD_BYTES(capabilities, "hash", hash),
    {"forward", DFUCAST_SMP_KIND_BOOL, 1, offsetof(struct capabilities, forward_only)},
    DFUCAST_SMP_FIELD_UINT(capabilities, "match", match),
};
DFUCAST_SMP_SCHEMA(capabilities, struct capabilities);

int dfucast_smp_fleet_capabilities_answer(uint8_t *frame, size_t capacity,
					  const struct dfucast_smp_header *request,
					  const struct dfucast_smp_fleet_capabilities *from)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_uint(&writer, "protocol", from->protocol);
	dfucast_smp_write_text(&writer, "version", from->version);
	dfucast_smp_write_uint(&writer, "boot", from->boot_id);
	dfucast_smp_write_uint(&writer, "links", from->links);
	dfucast_smp_write_uint(&writer, "free", from->links_free);
	dfucast_smp_write_uint(&writer, "ring", from->ring_bytes);
	dfucast_smp_write_uint(&writer, "targets", from->targets);
	dfucast_smp_write_uint(&writer, "max", from->targets_max);
	dfucast_smp_write_uint(&writer, "state", from->state);
	if (from->hash != NULL) {
		dfucast_smp_write_bytes(&writer, "hash", from->hash, from->hash_bytes);
	}
	if (from->forward_only) {
		dfucast_smp_write_bool(&writer, "forward", true);
	}
	dfucast_smp_write_uint_unless_0(&writer, "match", from->match_bytes);
	return dfucast_smp_write_answer(&writer, request);
}

int dfucast_smp_fleet_capabilities_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
					  struct dfucast_smp_fleet_capabilities *to)
{
	struct capabilities said;
	int found = dfucast_smp_body_decode(body, length, error, &capabilities, &said);

	if (found < 0) {
		return found;
	}
	*to = (struct dfucast_smp_fleet_capabilities){
	    .version = said.version,
	    .hash = said.hash.length != 0 ? (const uint8_t *)said.hash.text : NULL,
	    .hash_bytes = (uint16_t)said.hash.length,
	    .protocol = said.protocol,
	    .boot_id = said.boot_id,
	    .links = said.links,
	    .links_free = said.links_free,
	    .ring_bytes = said.ring,
	    .targets = said.targets,
	    .targets_max = said.targets_max,
	    .state = said.state,
	    .match_bytes = said.match,
	    .forward_only = said.forward_only,
	};
	return 0;
}

/* ---- match lists: key, flags and value of each line, one after the other --------------------------------------- */

/* A range on the wire: both bounds, each as in an image's header. */
#define BOUND_BYTES 8u
#define RANGE_BYTES (2u * BOUND_BYTES)

#define TEXT_FLAGS ((uint32_t)(DFUCAST_MATCH_PREFIX | DFUCAST_MATCH_IF_TOLD))
#define RANGE_FLAGS                                                                                          \
	((uint32_t)(DFUCAST_MATCH_LOW | DFUCAST_MATCH_LOW_OPEN | DFUCAST_MATCH_HIGH |                        \
		    DFUCAST_MATCH_HIGH_OPEN | DFUCAST_MATCH_LOW_BUILD | DFUCAST_MATCH_HIGH_BUILD))

static void put_bound(uint8_t *bytes, const struct dfucast_version *version)
{
	bytes[0] = version->major;
	bytes[1] = version->minor;
	bytes[2] = (uint8_t)version->revision;
	bytes[3] = (uint8_t)(version->revision >> 8);
	for (unsigned int i = 0; i < 4; i++) {
		bytes[4 + i] = (uint8_t)(version->build >> (8u * i));
	}
}

static struct dfucast_version get_bound(const char *text)
{
	const uint8_t *bytes = (const uint8_t *)text;

	return (struct dfucast_version){
	    .major = bytes[0],
	    .minor = bytes[1],
	    .revision = (uint16_t)(bytes[2] | bytes[3] << 8),
	    .build = (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 |
		     (uint32_t)bytes[7] << 24,
	};
}

static void write_match(struct dfucast_smp_writer *writer, const struct dfucast_match *line)
{
	if (line == NULL || line->key == DFUCAST_MATCH_END) {
		return;
	}
	dfucast_smp_write_list(writer, "match");
	for (; line->key != DFUCAST_MATCH_END && !writer->is_full; line++) {
		const struct dfucast_smp_text text = {line->value, line->bytes};
		uint8_t range[RANGE_BYTES] = {0};

		dfucast_smp_write_uint(writer, NULL, line->key);
		dfucast_smp_write_uint(writer, NULL, line->flags);
		if (line->key == DFUCAST_MATCH_RUNNING) {
			const struct dfucast_version *bounds = line->value;

			/* A bound that is not there is 0, whatever the caller's memory has. */
			if (line->flags & DFUCAST_MATCH_LOW) {
				put_bound(range, &bounds[0]);
			}
			if (line->flags & DFUCAST_MATCH_HIGH) {
				put_bound(range + BOUND_BYTES, &bounds[1]);
			}
			dfucast_smp_write_bytes(writer, NULL, range, sizeof(range));
		} else if (line->key == DFUCAST_MATCH_HASH) {
			dfucast_smp_write_bytes(writer, NULL, line->value, line->bytes);
		} else {
			dfucast_smp_write_text(writer, NULL, text);
		}
	}
	dfucast_smp_write_end(writer);
}

/* Flags that say something about a bound that is not there are refused with those that nobody knows. */
static bool range_makes_sense(uint32_t flags)
{
	return (flags & ~RANGE_FLAGS) == 0 && (flags & (DFUCAST_MATCH_LOW | DFUCAST_MATCH_HIGH)) != 0 &&
	       ((flags & DFUCAST_MATCH_LOW) != 0 ||
		(flags & (DFUCAST_MATCH_LOW_OPEN | DFUCAST_MATCH_LOW_BUILD)) == 0) &&
	       ((flags & DFUCAST_MATCH_HIGH) != 0 ||
		(flags & (DFUCAST_MATCH_HIGH_OPEN | DFUCAST_MATCH_HIGH_BUILD)) == 0);
}

static bool line_makes_sense(uint32_t key, uint32_t flags, size_t bytes)
{
	switch (key) {
	case DFUCAST_MATCH_BOARD:
	case DFUCAST_MATCH_NAME:
		/* Nothing as a whole text fits nobody; as a prefix, whoever tells. */
		return (flags & ~TEXT_FLAGS) == 0 && bytes <= DFUCAST_MATCH_TEXT_BYTES_MAX &&
		       (bytes > 0 || (flags & DFUCAST_MATCH_PREFIX) != 0);
	case DFUCAST_MATCH_RUNNING:
		return bytes == RANGE_BYTES && range_makes_sense(flags);
	default:
		return flags == 0 && bytes > 0 && bytes <= DFUCAST_MATCH_HASH_BYTES_MAX;
	}
}

int dfucast_smp_fleet_match_next(struct dfucast_smp_text *from, struct dfucast_match *line,
				 struct dfucast_version range[2])
{
	struct dfucast_smp_text value;
	uint32_t key;
	uint32_t flags;

	if (from->length == 0) {
		return 0;
	}
	if (dfucast_smp_body_number(from, &key) != 0 || key == DFUCAST_MATCH_END ||
	    key > DFUCAST_MATCH_HASH || dfucast_smp_body_number(from, &flags) != 0 ||
	    dfucast_smp_body_string(
		from, key <= DFUCAST_MATCH_NAME ? DFUCAST_SMP_KIND_TEXT : DFUCAST_SMP_KIND_BYTES, &value) !=
		0 ||
	    !line_makes_sense(key, flags, value.length)) {
		return DFUCAST_ERR_MALFORMED;
	}
	*line = (struct dfucast_match){.value = value.text, .key = (uint8_t)key, .flags = (uint8_t)flags};
	if (key == DFUCAST_MATCH_RUNNING) {
		memset(range, 0, 2 * sizeof(*range));
		if (flags & DFUCAST_MATCH_LOW) {
			range[0] = get_bound(value.text);
		}
		if (flags & DFUCAST_MATCH_HIGH) {
			range[1] = get_bound(value.text + BOUND_BYTES);
		}
		line->value = range;
	} else {
		line->bytes = (uint8_t)value.length;
	}
	return 1;
}

/* ---- plan --------------------------------------------------------------------------------------------------- */

static void write_image(struct dfucast_smp_writer *writer, const struct dfucast_smp_fleet_plan *plan)
{
	dfucast_smp_write_map(writer, "image");
	dfucast_smp_write_uint_unless_0(writer, "size", plan->image_bytes);
	if (plan->header != NULL) {
		dfucast_smp_write_bytes(writer, "header", plan->header, plan->header_bytes);
	}
	if (plan->hash != NULL) {
		dfucast_smp_write_bytes(writer, "hash", plan->hash, plan->hash_bytes);
	}
	if (plan->sha != NULL) {
		dfucast_smp_write_bytes(writer, "sha", plan->sha, plan->sha_bytes);
	}
	if (plan->board.length != 0) {
		dfucast_smp_write_text(writer, "board", plan->board);
	}
	if (plan->board_must_be_told) {
		dfucast_smp_write_bool(writer, "told", true);
	}
	dfucast_smp_write_end(writer);
}

static void write_target(struct dfucast_smp_writer *writer, const struct dfucast_smp_fleet_target *target)
{
	dfucast_smp_write_map(writer, NULL);
	dfucast_smp_write_text(writer, "id", target->id);
	write_match(writer, target->match);
	if (target->passkey != DFUCAST_SMP_FLEET_NO_PASSKEY) {
		dfucast_smp_write_uint(writer, "passkey", target->passkey);
	}
	dfucast_smp_write_end(writer);
}

int dfucast_smp_fleet_plan_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				  const struct dfucast_smp_fleet_plan *plan,
				  const struct dfucast_smp_fleet_target *targets, size_t count,
				  size_t *written)
{
	struct dfucast_smp_writer writer;
	const struct {
		const char *key;
		uint32_t value;
	} numbers[] = {
	    {"mode", plan->mode},
	    {"flags", plan->flags},
	    {"barrier", plan->barrier},
	    {"canary", plan->canary == DFUCAST_SMP_FLEET_NO_CANARY ? 0 : plan->canary},
	    {"max_failed", plan->max_failed},
	    {"gather", plan->gather_ms},
	    {"wait", plan->wait_ms},
	    {"soak", plan->soak_ms},
	    {"passes_max", plan->passes_max},
	    {"host_bytes_max", plan->host_bytes_max},
	    {"slot", plan->slot_bytes},
	};

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_uint(&writer, "at", plan->at);
	if (plan->at == 0) {
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			dfucast_smp_write_uint_unless_0(&writer, numbers[i].key, numbers[i].value);
		}
		if (plan->canary == DFUCAST_SMP_FLEET_NO_CANARY) {
			dfucast_smp_write_uint(&writer, "canary", 0);
		}
		write_image(&writer, plan);
		write_match(&writer, plan->match);
	}
	dfucast_smp_write_list(&writer, "targets");
	for (*written = 0; *written < count; ++*written) {
		struct dfucast_smp_writer before = writer;

		write_target(&writer, &targets[*written]);
		/* Two bytes more close the list and the map. */
		if (writer.is_full || dfucast_smp_write_length(&writer) + 2u > capacity) {
			writer = before;
			break;
		}
	}
	dfucast_smp_write_end(&writer);
	return finish_request(&writer, id, DFUCAST_SMP_WRITE, DFUCAST_SMP_FLEET_PLAN);
}

struct plan {
	struct dfucast_smp_text targets;
	struct dfucast_smp_text matches;
	struct dfucast_smp_text image;
	uint32_t at, mode, flags, barrier, canary, max_failed, gather, wait, soak, passes_max, host_bytes_max,
	    slot;
};

static const struct dfucast_smp_field plan_fields[] = {
    DFUCAST_SMP_FIELD_UINT(plan, "at", at),
    DFUCAST_SMP_FIELD_UINT(plan, "mode", mode),
    DFUCAST_SMP_FIELD_UINT(plan, "flags", flags),
    DFUCAST_SMP_FIELD_UINT(plan, "barrier", barrier),
    DFUCAST_SMP_FIELD_UINT(plan, "canary", canary),
    DFUCAST_SMP_FIELD_UINT(plan, "max_failed", max_failed),
    DFUCAST_SMP_FIELD_UINT(plan, "gather", gather),
    DFUCAST_SMP_FIELD_UINT(plan, "wait", wait),
    DFUCAST_SMP_FIELD_UINT(plan, "soak", soak),
    DFUCAST_SMP_FIELD_UINT(plan, "passes_max", passes_max),
    DFUCAST_SMP_FIELD_UINT(plan, "host_bytes_max", host_bytes_max),
    DFUCAST_SMP_FIELD_UINT(plan, "slot", slot),
    {"image", DFUCAST_SMP_KIND_MAP, 0, offsetof(struct plan, image)},
    {"targets", DFUCAST_SMP_KIND_LIST, 0, offsetof(struct plan, targets)},
    {"match", DFUCAST_SMP_KIND_LIST, 0, offsetof(struct plan, matches)},
};
DFUCAST_SMP_SCHEMA(plan, struct plan);
enum { FOUND_CANARY = 1 << 4 };

struct image {
	struct dfucast_smp_text header, hash, sha, board;
	uint32_t size;
	bool told;
};

static const struct dfucast_smp_field image_fields[] = {
    DFUCAST_SMP_FIELD_UINT(image, "size", size),
    DFUCAST_SMP_FIELD_BYTES(image, "header", header),
    DFUCAST_SMP_FIELD_BYTES(image, "hash", hash),
    DFUCAST_SMP_FIELD_BYTES(image, "sha", sha),
    DFUCAST_SMP_FIELD_TEXT(image, "board", board),
    {"told", DFUCAST_SMP_KIND_BOOL, 1, offsetof(struct image, told)},
};
DFUCAST_SMP_SCHEMA(image, struct image);

static const uint8_t *bytes_or_null(struct dfucast_smp_text text)
{
	return text.length != 0 ? (const uint8_t *)text.text : NULL;
}

int dfucast_smp_fleet_plan_decode(const uint8_t *body, size_t length, struct dfucast_smp_fleet_plan *to)
{
	struct dfucast_smp_error ignored;
	struct plan said;
	struct image picture;
	int found = dfucast_smp_body_decode(body, length, &ignored, &plan, &said);

	if (found < 0 || dfucast_smp_body_map(&said.image, &image, &picture) < 0) {
		return DFUCAST_ERR_MALFORMED;
	}
	*to = (struct dfucast_smp_fleet_plan){
	    .at = said.at,
	    .mode = said.mode,
	    .flags = said.flags,
	    .barrier = said.barrier,
	    .canary =
		(found & FOUND_CANARY) != 0 && said.canary == 0 ? DFUCAST_SMP_FLEET_NO_CANARY : said.canary,
	    .max_failed = said.max_failed,
	    .gather_ms = said.gather,
	    .wait_ms = said.wait,
	    .soak_ms = said.soak,
	    .passes_max = said.passes_max,
	    .host_bytes_max = said.host_bytes_max,
	    .slot_bytes = said.slot,
	    .image_bytes = picture.size,
	    .header = bytes_or_null(picture.header),
	    .hash = bytes_or_null(picture.hash),
	    .sha = bytes_or_null(picture.sha),
	    .header_bytes = (uint16_t)picture.header.length,
	    .hash_bytes = (uint16_t)picture.hash.length,
	    .sha_bytes = (uint16_t)picture.sha.length,
	    .board = picture.board,
	    .board_must_be_told = picture.told,
	    .matches = said.matches,
	    .targets = said.targets,
	};
	return 0;
}

struct target {
	struct dfucast_smp_text id, matches;
	uint32_t passkey;
};

enum { FOUND_ID = 1 << 0, FOUND_PASSKEY = 1 << 2 };

static const struct dfucast_smp_field target_fields[] = {
    DFUCAST_SMP_FIELD_TEXT(target, "id", id),
    {"match", DFUCAST_SMP_KIND_LIST, 0, offsetof(struct target, matches)},
    DFUCAST_SMP_FIELD_UINT(target, "passkey", passkey),
};
DFUCAST_SMP_SCHEMA(target, struct target);

int dfucast_smp_fleet_target_next(struct dfucast_smp_fleet_plan *from, struct dfucast_smp_fleet_target *to)
{
	struct target said;

	if (from->targets.length == 0) {
		return 0;
	}
	int found = dfucast_smp_body_element(&from->targets, &target, &said);

	if (found < 0 || (found & FOUND_ID) == 0) {
		return DFUCAST_ERR_MALFORMED;
	}
	to->id = said.id;
	to->match = NULL;
	to->matches = said.matches;
	to->passkey = (found & FOUND_PASSKEY) != 0 ? said.passkey : DFUCAST_SMP_FLEET_NO_PASSKEY;
	return 1;
}

static const struct dfucast_smp_field prediction_fields[] = {
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_prediction, "targets", targets),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_prediction, "waves", waves),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_prediction, "passes", passes),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_prediction, "host_bytes", host_bytes),
};
DFUCAST_SMP_SCHEMA(prediction, struct dfucast_smp_fleet_prediction);

int dfucast_smp_fleet_plan_answer(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
				  const struct dfucast_smp_fleet_prediction *from)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_uint(&writer, "targets", from->targets);
	dfucast_smp_write_uint(&writer, "waves", from->waves);
	dfucast_smp_write_uint(&writer, "passes", from->passes);
	dfucast_smp_write_uint(&writer, "host_bytes", from->host_bytes);
	return dfucast_smp_write_answer(&writer, request);
}

int dfucast_smp_fleet_prediction_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
					struct dfucast_smp_fleet_prediction *to)
{
	return dfucast_smp_body_read(body, length, error, &prediction, to);
}

/* ---- relay ---------------------------------------------------------------------------------------------------- */

struct relay {
	struct dfucast_smp_text id;
	struct dfucast_smp_text frame;
};

static const struct dfucast_smp_field relay_fields[] = {
    DFUCAST_SMP_FIELD_BYTES(relay, "frame", frame),
    DFUCAST_SMP_FIELD_TEXT(relay, "id", id),
};
DFUCAST_SMP_SCHEMA(relay, struct relay);

int dfucast_smp_fleet_relay_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				   const struct dfucast_smp_fleet_relay *from)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_text(&writer, "id", from->id);
	dfucast_smp_write_bytes(&writer, "frame", from->frame, from->frame_bytes);
	return finish_request(&writer, id, DFUCAST_SMP_WRITE, DFUCAST_SMP_FLEET_RELAY);
}

int dfucast_smp_fleet_relay_decode(const uint8_t *body, size_t length, struct dfucast_smp_fleet_relay *to)
{
	struct dfucast_smp_error ignored;
	struct relay said;

	if (dfucast_smp_body_decode(body, length, &ignored, &relay, &said) < 0 ||
	    said.frame.length < DFUCAST_SMP_HEADER_BYTES) {
		return DFUCAST_ERR_MALFORMED;
	}
	to->id = said.id;
	to->frame = (const uint8_t *)said.frame.text;
	to->frame_bytes = (uint16_t)said.frame.length;
	return 0;
}

int dfucast_smp_fleet_relay_answer(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
				   const uint8_t *inner, size_t inner_bytes)
{
	struct dfucast_smp_writer writer;

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_bytes(&writer, "frame", inner, inner_bytes);
	return dfucast_smp_write_answer(&writer, request);
}

int dfucast_smp_fleet_relay_answer_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
					  const uint8_t **inner, size_t *inner_bytes)
{
	struct relay said;
	int found = dfucast_smp_body_decode(body, length, error, &relay, &said);

	if (found < 0) {
		return found;
	}
	*inner = (const uint8_t *)said.frame.text;
	*inner_bytes = said.frame.length;
	return error->rc == 0 && said.frame.length < DFUCAST_SMP_HEADER_BYTES ? DFUCAST_ERR_MALFORMED : 0;
}
