/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to one answer: header, arguments, dispatch, both error forms. Answers are indefinite-length maps, as
 * Zephyr's are.
 */
#include "internal.h"
#include <string.h>
#include <zcbor_decode.h>
#include <zcbor_encode.h>

/* Group 1's codes as a v1 client gets them, spec 2.2. */
static const uint8_t image_rc_v1[] = {0, 1, 1, 5, 5, 1, 1, 1, 1, 6, 1, 1, 1, 1, 3, 2, 1, 1,
				      1, 3, 3, 3, 3, 1, 3, 3, 1, 6, 6, 1, 1, 1, 1, 1, 1};

static bool key_is(const struct zcbor_string *key, const char *name)
{
	return key->len == strlen(name) && memcmp(key->value, name, key->len) == 0;
}

/* A known key twice is an error, an unknown one is skipped. */
static bool decode_value(zcbor_state_t *in, const struct zcbor_string *key, struct sim_peer_arguments *a)
{
	static const char *const known[] = {"image", "len", "off",  "slot", "upgrade", "confirm",
					    "data",  "sha", "hash", "d",    "query",   "format"};

	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (key_is(key, known[i])) {
			if ((a->seen >> i & 1u) != 0) {
				return false;
			}
			a->seen |= 1u << i;
		}
	}
	if (key_is(key, "image")) {
		return zcbor_uint32_decode(in, &a->image);
	}
	if (key_is(key, "len")) {
		a->has_len = true;
		return zcbor_uint32_decode(in, &a->len);
	}
	if (key_is(key, "off")) {
		a->has_off = true;
		return zcbor_uint32_decode(in, &a->off);
	}
	if (key_is(key, "slot")) {
		a->has_slot = true;
		return zcbor_uint32_decode(in, &a->slot);
	}
	if (key_is(key, "upgrade")) {
		return zcbor_bool_decode(in, &a->upgrade);
	}
	if (key_is(key, "confirm")) {
		return zcbor_bool_decode(in, &a->confirm);
	}
	if (key_is(key, "data")) {
		return zcbor_bstr_decode(in, &a->data);
	}
	if (key_is(key, "sha")) {
		return zcbor_bstr_decode(in, &a->sha);
	}
	if (key_is(key, "hash")) {
		return zcbor_bstr_decode(in, &a->hash);
	}
	if (key_is(key, "d") || key_is(key, "query") || key_is(key, "format")) {
		return zcbor_tstr_decode(in, &a->text);
	}
	return zcbor_any_skip(in, NULL);
}

bool sim_peer_arguments_decode(const uint8_t *body, size_t length, struct sim_peer_arguments *arguments)
{
	ZCBOR_STATE_D(in, 3, body, length, 1, 0);
	struct zcbor_string key;

	memset(arguments, 0, sizeof(*arguments));
	if (!zcbor_map_start_decode(in)) {
		return false;
	}
	while (!zcbor_array_at_end(in)) {
		if (!zcbor_tstr_decode(in, &key) || !decode_value(in, &key, arguments)) {
			return false;
		}
	}
	return zcbor_map_end_decode(in);
}

bool sim_peer_upload_offset(const uint8_t *frame, size_t length, uint32_t *offset)
{
	struct sim_peer_arguments arguments;

	if (length < 8 || frame[4] != 0 || frame[5] != 1 || frame[7] != 1 ||
	    !sim_peer_arguments_decode(frame + 8, length - 8, &arguments) || !arguments.has_off) {
		return false;
	}
	*offset = arguments.off;
	return true;
}

/* Group 0's: bad format, no answer, clock not set. */
static const uint8_t os_rc_v1[] = {0, 1, 3, 5, 5, 1, 1};

/* The code that a v1 client gets for one of a group. */
static uint32_t rc_v1(uint16_t group, uint16_t rc)
{
	if (group == 0) {
		return rc < sizeof(os_rc_v1) ? os_rc_v1[rc] : 1;
	}
	return group == 1 && rc < sizeof(image_rc_v1) ? image_rc_v1[rc] : 1;
}

static void put_error(const struct sim_peer_call *call, zcbor_state_t *out)
{
	bool v1 = call->version == 0;

	if (call->rc != 0 || v1) {
		uint32_t code = call->rc != 0 ? call->rc : rc_v1(call->group, call->group_rc);

		zcbor_tstr_put_lit(out, "rc");
		zcbor_uint32_put(out, code);
		if (call->reason != NULL && call->peer->config.verbose) {
			zcbor_tstr_put_lit(out, "rsn");
			zcbor_tstr_put_term(out, call->reason, 40);
		}
		return;
	}
	zcbor_tstr_put_lit(out, "err");
	zcbor_map_start_encode(out, 2);
	zcbor_tstr_put_lit(out, "group");
	zcbor_uint32_put(out, call->group);
	zcbor_tstr_put_lit(out, "rc");
	zcbor_uint32_put(out, call->group_rc);
	zcbor_map_end_encode(out, 2);
}

#define STORAGE_PAGES 8u

static void dispatch(struct sim_peer_call *call)
{
	const struct sim_peer_fault *fault;

	fault = sim_peer_fault_for(call->peer, SIM_PEER_FAULT_RC, call->index, call->upload_index);
	if (fault != NULL) {
		call->rc = (uint16_t)fault->value;
		return;
	}
	fault = sim_peer_fault_for(call->peer, SIM_PEER_FAULT_GROUP_RC, call->index, call->upload_index);
	if (fault != NULL) {
		call->group_rc = (uint16_t)fault->value;
		return;
	}
	if (call->version > 1) {
		call->rc = 13;
	} else if (call->op != 0 && call->op != 2) {
		call->rc = 8;
	} else if (call->group == 0) {
		sim_peer_os_call(call);
	} else if (call->group == 1) {
		sim_peer_image_call(call);
	} else if (call->group == 63 && call->op == 2 && call->command == 0 &&
		   !call->peer->config.no_storage && call->peer->state != SIM_PEER_RECOVERY) {
		call->peer->storage_erases++;
		call->peer->storage_boots = call->peer->boots;
		call->peer->storage_by = call->peer->active;
		call->pages += STORAGE_PAGES;
		call->cost_ms += STORAGE_PAGES * call->peer->config.page_erase_ms;
	} else {
		call->rc = 8;
	}
}

/* Nonsense in place of a body; @return its length. */
static size_t spoil(uint8_t *body, size_t length, uint32_t kind)
{
	static const uint8_t deep[] = {0xBF, 0x61, 'x',  0x81, 0x81, 0x81, 0x81,
				       0x81, 0x81, 0x81, 0x81, 0x81, 0x00};

	switch (kind) {
	case 0: /* cut in the middle */
		return length / 2;
	case 1: /* not CBOR at all */
		memset(body, 0xFF, length);
		return length;
	case 2: /* a list, not a map */
		body[0] = 0x80;
		return 1;
	case 3: /* too deep */
		memcpy(body, deep, sizeof(deep));
		return sizeof(deep);
	default: /* empty map: nothing of what was asked for */
		body[0] = 0xA0;
		return 1;
	}
}

size_t sim_peer_serve(struct sim_peer *peer, const struct sim_peer_message *request, uint8_t *answer,
		      size_t capacity, uint32_t *cost_ms, uint32_t now)
{
	const uint8_t *frame = request->bytes;
	struct sim_peer_call call = {
	    .peer = peer,
	    .now = now,
	    .index = request->index,
	    .upload_index = request->upload_index,
	    .op = frame[0] & 7u,
	    .version = (frame[0] >> 3) & 3u,
	    .group = (uint16_t)(frame[4] << 8 | frame[5]),
	    .sequence = frame[6],
	    .command = frame[7],
	    .body = frame + 8,
	    .body_length = request->length - 8, /* all that came, whatever the header says */
	};
	uint32_t said = (uint32_t)(frame[2] << 8 | frame[3]);

	if (peer->config.v1_only) {
		call.version = 0;
	}
	ZCBOR_STATE_E(out, 5, answer + 8, capacity - 8, 1);
	call.out = out;
	zcbor_map_start_encode(out, 10);
	if (call.body_length < said) {
		call.rc = 9;
	} else {
		dispatch(&call);
	}
	bool fits = true;

	if (call.rc == 0 && call.group_rc == 0) {
		bool is_list = call.group == 1 && call.command == 0;

		/* Serial recovery sends it with everything but lists. */
		if (peer->config.legacy_rc || (peer->state == SIM_PEER_RECOVERY && !is_list)) {
			zcbor_tstr_put_lit(out, "rc");
			zcbor_uint32_put(out, 0);
		}
		/* What did not fit may have had something shorter behind it that did. */
		fits = zcbor_map_end_encode(out, 10) && zcbor_pop_error(out) == ZCBOR_SUCCESS;
	}
	if (!fits || call.rc != 0 || call.group_rc != 0) {
		if (!fits) {
			call.rc = 7;
		}
		zcbor_new_encode_state(out, 5, answer + 8, capacity - 8, 1);
		zcbor_map_start_encode(out, 10);
		put_error(&call, out);
		zcbor_map_end_encode(out, 10);
	}
	size_t length = (size_t)(out->payload - (answer + 8));
	const struct sim_peer_fault *fault =
	    sim_peer_fault_for(peer, SIM_PEER_FAULT_MALFORMED, call.index, call.upload_index);

	if (fault != NULL) {
		length = spoil(answer + 8, length, fault->value);
	}
	peer->refused = call.rc != 0;
	fault = sim_peer_fault_for(peer, SIM_PEER_FAULT_STALL, call.index, call.upload_index);
	*cost_ms = call.cost_ms + (fault != NULL ? fault->value : 0);
	peer->cost = (struct sim_peer_cost){
	    .ms = fault != NULL ? fault->value : 0, .pages = call.pages, .words = call.words};
	answer[0] = (uint8_t)((call.op == 0 ? 1u : 3u) | (call.version != 0 ? 8u : 0u));
	answer[1] = 0;
	answer[2] = (uint8_t)(length >> 8);
	answer[3] = (uint8_t)length;
	memcpy(answer + 4, frame + 4, 4);
	return 8 + length;
}
