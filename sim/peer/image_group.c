/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group 1 of the model peripheral: list, set-state, upload, erase, slot info; a build for one image or two. The order of
 * checks is that of Zephyr's server.
 */
#include "internal.h"
#include <stdio.h>
#include <string.h>
#include <zcbor_encode.h>

enum { STATE = 0, UPLOAD = 1, ERASE = 5, SLOTS = 6 };

/* Group codes. */
enum {
	NO_FREE_SLOT = 9,
	HASH_NOT_FOUND = 8,
	FLASH_OPEN_FAILED = 10,
	INVALID_SLOT = 14,
	INVALID_OFFSET = 20,
	INVALID_LENGTH = 21,
	INVALID_HEADER = 22,
	BAD_MAGIC = 23,
	INVALID_HASH = 24,
	BAD_ADDRESS = 25,
	NOT_NEWER = 27,
	ALREADY_PENDING = 28,
	TOO_LARGE = 30,
	OVERRUN = 31,
	CONFIRM_DENIED = 32,
	TEST_OF_ACTIVE = 33,
};

static bool look(const struct sim_peer *peer, uint8_t slot, struct sim_peer_image *image)
{
	if (peer->slots[slot].displaced && sim_peer_swap_type(peer, slot / 2) != SIM_PEER_SWAP_REVERT) {
		return false;
	}
	return sim_peer_image_look(peer->slots[slot].bytes, peer->config.slot_bytes, image);
}

static void put_flag(const struct sim_peer_call *call, const char *key, bool value)
{
	if (value || !call->peer->config.frugal) {
		zcbor_tstr_put_term(call->out, key, 20);
		zcbor_bool_put(call->out, value);
	}
}

/* The slot that runs, of the image that this slot is of; and what starts there next. */
static uint8_t running(const struct sim_peer *peer, uint8_t slot)
{
	return slot < 2 ? peer->active : 2;
}

static struct sim_peer_next next_of(const struct sim_peer *peer, uint8_t slot)
{
	return slot < 2 ? sim_peer_next(peer) : sim_peer_next_second(peer);
}

static void put_slot(const struct sim_peer_call *call, uint8_t slot)
{
	struct sim_peer_next next = next_of(call->peer, slot);
	bool active = slot == running(call->peer, slot);
	bool loader = call->peer->config.mode == SIM_PEER_MODE_LOADER;
	struct sim_peer_image image;
	char version[24];

	if (!look(call->peer, slot, &image) ||
	    (call->peer->state == SIM_PEER_RECOVERY && call->peer->config.recovery_mute)) {
		return;
	}
	snprintf(version, sizeof(version), image.version[3] ? "%u.%u.%u.%u" : "%u.%u.%u", image.version[0],
		 image.version[1], image.version[2], image.version[3]);
	zcbor_map_start_encode(call->out, 10);
	if (call->peer->config.images > 1) {
		zcbor_tstr_put_lit(call->out, "image");
		zcbor_uint32_put(call->out, slot / 2);
	}
	zcbor_tstr_put_lit(call->out, "slot");
	zcbor_uint32_put(call->out, slot % 2);
	zcbor_tstr_put_lit(call->out, "version");
	zcbor_tstr_put_term(call->out, version, sizeof(version));
	if (call->peer->state != SIM_PEER_RECOVERY || call->peer->config.recovery_hash) {
		zcbor_tstr_put_lit(call->out, "hash");
		zcbor_bstr_encode_ptr(call->out, (const char *)image.hash, sizeof(image.hash));
	}
	if (call->peer->state == SIM_PEER_RECOVERY) { /* built without the option for flags */
		zcbor_map_end_encode(call->out, 10);
		return;
	}
	put_flag(call, "bootable", true);
	bool elsewhere =
	    next.slot != running(call->peer, slot) && !active; /* the other slot starts, and this is it */

	put_flag(call, "pending", elsewhere && next.type != SIM_PEER_NEXT_REVERT);
	put_flag(call, "confirmed",
		 active ? next.type != SIM_PEER_NEXT_REVERT && !loader && !call->peer->config.xip_unconfirmed
			: loader || (elsewhere && next.type == SIM_PEER_NEXT_REVERT));
	put_flag(call, "active", active);
	put_flag(call, "permanent", elsewhere && next.type == SIM_PEER_NEXT_NORMAL);
	zcbor_map_end_encode(call->out, 10);
}

static void list(const struct sim_peer_call *call)
{
	zcbor_tstr_put_lit(call->out, "images");
	zcbor_list_start_encode(call->out, 4);
	if (call->peer->config.mode == SIM_PEER_MODE_LOADER) { /* the running one comes last */
		put_slot(call, 1u - call->peer->active);
		put_slot(call, call->peer->active);
	} else {
		for (uint8_t slot = 0; slot < 2 * call->peer->config.images; slot++) {
			put_slot(call, slot);
		}
	}
	zcbor_list_end_encode(call->out, 4);
	if (!call->peer->config.frugal && call->peer->state != SIM_PEER_RECOVERY) {
		zcbor_tstr_put_lit(call->out, "splitStatus");
		zcbor_int32_put(call->out, 0);
	}
}

/* Direct-XIP and RAM load with revert: no rules but that the running image is not tested. */
static void mark(struct sim_peer_call *call, struct sim_peer_slot *trailer, bool confirm)
{
	if (!sim_peer_flash_operation(call->peer, NULL)) {
		return;
	}
	call->words += confirm ? 8 : 4;
	trailer->magic = true;
	if (confirm) {
		trailer->copy_done = true;
		trailer->image_ok = true;
		call->peer->watchdog_due = false;
	}
}

/* The slot that a non-empty hash names is the first with it. */
static uint16_t find_slot(const struct sim_peer *peer, const struct sim_peer_arguments *arguments,
			  uint8_t *slot)
{
	struct sim_peer_image image;

	*slot = peer->active;
	if (arguments->hash.len == 0) {
		return arguments->confirm ? 0 : INVALID_HASH;
	}
	if (arguments->hash.len != 32) {
		return INVALID_HASH;
	}
	*slot = 0;
	while (*slot < 2 * peer->config.images &&
	       !(look(peer, *slot, &image) && memcmp(image.hash, arguments->hash.value, 32) == 0)) {
		(*slot)++;
	}
	return *slot < 2 * peer->config.images ? 0 : HASH_NOT_FOUND;
}

/* Spec 5.3, rules 1 and 3. */
static uint16_t may_set(const struct sim_peer *peer, uint8_t slot, bool confirm)
{
	bool runs = slot == running(peer, slot);

	if (confirm && slot >= 2 && (runs || peer->config.keeps_others)) {
		return CONFIRM_DENIED;
	}
	return runs && !confirm ? TEST_OF_ACTIVE : 0;
}

static void set_state(struct sim_peer_call *call, const struct sim_peer_arguments *arguments)
{
	struct sim_peer *peer = call->peer;
	uint8_t slot;

	call->group_rc = find_slot(peer, arguments, &slot);
	if (call->group_rc != 0) {
		return;
	}
	enum sim_peer_swap swap = sim_peer_swap_type(peer, slot / 2);
	struct sim_peer_slot *slots = &peer->slots[slot / 2 * 2];
	bool first = slot % 2 == 0;

	peer->writes++;
	call->group_rc = may_set(peer, slot, arguments->confirm);
	if (call->group_rc != 0) {
		return;
	}
	if (sim_peer_marks(peer)) {
		mark(call, &peer->slots[slot], arguments->confirm);
		list(call);
		return;
	}
	switch (swap) {
	case SIM_PEER_SWAP_TEST:
		if (first || arguments->confirm) {
			call->group_rc = ALREADY_PENDING;
			return;
		}
		break;
	case SIM_PEER_SWAP_PERM:
		if (first || !arguments->confirm) {
			call->group_rc = ALREADY_PENDING;
			return;
		}
		break;
	case SIM_PEER_SWAP_REVERT:
		if (!arguments->confirm) {
			call->group_rc = ALREADY_PENDING;
			return;
		}
		if (first && sim_peer_flash_operation(peer, NULL)) {
			call->words += 4;
			slots[0].image_ok = true;
			peer->watchdog_due = false;
		}
		break;
	default:
		if (!first && sim_peer_flash_operation(peer, NULL)) {
			call->words += arguments->confirm ? 8 : 4;
			slots[1].magic = true;
			slots[1].image_ok = arguments->confirm;
		}
		break;
	}
	list(call);
}

/* The slot that uploads for image @p image go to: the one that does not run. 0xFF: there is no such image. */
static uint8_t target_of(const struct sim_peer *peer, uint32_t image)
{
	if (peer->config.images > 1 && image >= peer->config.images) {
		return 0xFF;
	}
	return peer->config.images > 1 && image == 1 ? 3 : (uint8_t)(1u - peer->active);
}

static bool target_in_use(const struct sim_peer *peer, uint8_t slot)
{
	struct sim_peer_next next = next_of(peer, slot);

	if ((sim_peer_takes_highest(peer) && peer->config.mode != SIM_PEER_MODE_XIP_REVERT) ||
	    peer->config.mode == SIM_PEER_MODE_LOADER || next.slot == running(peer, slot)) {
		return false;
	}
	return next.type == SIM_PEER_NEXT_REVERT || !peer->config.erase_pending;
}

static uint32_t erase_ms(const struct sim_peer *peer, uint32_t length)
{
	uint32_t pages = (length + peer->config.page_bytes - 1) / peer->config.page_bytes;

	return (pages + 1) * peer->config.page_erase_ms; /* and the trailer's */
}

static bool is_blank(const struct sim_peer *peer, uint8_t slot)
{
	const uint8_t *bytes = peer->slots[slot].bytes;

	return bytes[0] == 0xFF && memcmp(bytes, bytes + 1, peer->config.slot_bytes - 1) == 0;
}

/* Erases a slot for @p length bytes, and all else in it at no cost. @return false: power failed. */
static bool erase_slot(struct sim_peer_call *call, uint8_t slot, uint32_t length)
{
	struct sim_peer *peer = call->peer;
	uint32_t page = peer->config.page_bytes;
	bool whole;

	for (uint32_t at = 0; at < length && at + page <= peer->config.slot_bytes; at += page) {
		if (!sim_peer_flash_operation(peer, &whole)) {
			return false;
		}
		call->pages++;
		memset(peer->slots[slot].bytes + at, 0xFF, whole ? page : page / 2);
	}
	if (!peer->power_lost) {
		sim_peer_slot_erase(peer, slot);
	}
	return !peer->power_lost;
}

static void refuse(struct sim_peer_call *call, uint16_t code, const char *reason)
{
	call->group_rc = code;
	call->reason = reason;
}

/* The first chunk. @return true: go on and write its data. */
static bool first_chunk(struct sim_peer_call *call, const struct sim_peer_arguments *a)
{
	static const uint8_t magic[4] = {0x3D, 0xB8, 0xF3, 0x96};
	struct sim_peer *peer = call->peer;
	struct sim_peer_session *session = &peer->session;
	struct sim_peer_image image;
	uint8_t slot = target_of(peer, a->image);
	uint32_t start = sim_peer_slot_address(&peer->config, slot);
	const uint8_t address[4] = {(uint8_t)start, (uint8_t)(start >> 8), (uint8_t)(start >> 16),
				    (uint8_t)(start >> 24)};
	uint8_t digest[32];

	if (a->data.len < 32) {
		refuse(call, INVALID_HEADER, "header malformed");
	} else if (!a->has_len || a->len == UINT32_MAX) { /* the mark of "did not come" */
		refuse(call, INVALID_LENGTH, "header malformed");
	} else if (memcmp(a->data.value, magic, sizeof(magic)) != 0) {
		refuse(call, BAD_MAGIC, "magic mismatch");
	} else if (a->sha.len > 32) {
		call->group_rc = INVALID_HASH;
	} else if (session->open && a->sha.len > 0 && a->sha.len == session->sha_bytes &&
		   memcmp(a->sha.value, session->sha, a->sha.len) == 0) {
		return false; /* resume: the answer tells where it stands */
	} else if (slot == 0xFF) {
		call->group_rc = INVALID_SLOT;
	} else if (target_in_use(peer, slot)) {
		refuse(call, NO_FREE_SLOT, "no slot");
	} else if (a->len > peer->config.slot_bytes) {
		refuse(call, TOO_LARGE, "img too large");
	} else if (peer->config.slot_check && (a->data.value[17] & 1u) != 0 &&
		   memcmp(a->data.value + 4, address, sizeof(address)) != 0) {
		refuse(call, BAD_ADDRESS, "img addr mismatch");
	} else if (a->upgrade && look(peer, peer->active, &image) &&
		   memcmp(a->data.value + 20, image.version, 3) <= 0) {
		refuse(call, NOT_NEWER, "downgrade");
	}
	memset(session, 0, sizeof(*session));
	if (call->group_rc != 0) {
		return false;
	}
	peer->writes++;
	session->open = true;
	session->slot = slot;
	session->size = a->len;
	session->sha_bytes = (uint8_t)a->sha.len;
	if (a->sha.len > 0) {
		memcpy(session->sha, a->sha.value, a->sha.len);
	}
	if (peer->config.image_check && a->sha.len == 32) {
		sim_peer_sha256(peer->slots[slot].bytes, a->len, digest);
		if (memcmp(digest, session->sha, 32) == 0) {
			session->offset = a->len;
			return false;
		}
	}
	if (peer->config.progressive) {
		return true;
	}
	if (is_blank(peer, slot)) {
		sim_peer_slot_erase(peer, slot); /* its trailer; skipping blank pages takes no time */
		return true;
	}
	call->cost_ms += erase_ms(peer, a->len);
	return erase_slot(call, slot, a->len);
}

static void write_data(struct sim_peer_call *call, const struct zcbor_string *data)
{
	struct sim_peer *peer = call->peer;
	struct sim_peer_session *session = &peer->session;
	uint32_t length = (uint32_t)data->len;
	bool whole = true;
	struct sim_peer_slot *slot = &peer->slots[session->slot];
	uint8_t *at = slot->bytes + session->offset;
	const struct sim_peer_fault *fault =
	    sim_peer_fault_for(peer, SIM_PEER_FAULT_TAKE, call->index, call->upload_index);

	if (fault != NULL && length > fault->value) {
		length = fault->value;
	}
	if (length > peer->config.slot_bytes - session->offset) {
		return; /* more than `len` in the first chunk is taken, and such a session never ends */
	}
	if (peer->config.progressive) {
		uint32_t page = peer->config.page_bytes;

		while (session->erased < session->offset + length &&
		       session->erased < peer->config.slot_bytes && sim_peer_flash_operation(peer, &whole)) {
			uint32_t part = page < peer->config.slot_bytes - session->erased
					    ? page
					    : peer->config.slot_bytes - session->erased;

			memset(slot->bytes + session->erased, 0xFF, whole ? part : part / 2);
			session->erased += page;
			call->pages++;
			call->cost_ms += peer->config.page_erase_ms;
		}
		if (session->offset + length == session->size && !peer->power_lost) {
			slot->magic = false;
			slot->image_ok = false;
			slot->copy_done = false;
		}
	}
	if (length > 0) {
		if (!sim_peer_flash_operation(peer, &whole)) {
			return;
		}
		call->words += (length + 3) / 4;
		memcpy(at, data->value, whole ? length : length / 2);
	}
	if (peer->power_lost) {
		return;
	}
	if (sim_peer_fault_for(peer, SIM_PEER_FAULT_FLIP, call->index, call->upload_index) != NULL) {
		at[0] ^= 0x10;
	}
	if (peer->config.observe != NULL) {
		const struct sim_peer_event event = {.kind = SIM_PEER_EVENT_WRITE,
						     .now = call->now,
						     .offset = session->offset,
						     .length = length,
						     .image = session->slot / 2,
						     .bytes = data->value};

		peer->config.observe(peer->config.context, &event);
	}
	session->offset += length;
	call->cost_ms += (uint32_t)((uint64_t)length * peer->config.write_us_per_kib / 1024u / 1000u);
}

static void upload(struct sim_peer_call *call, const struct sim_peer_arguments *a)
{
	struct sim_peer *peer = call->peer;
	struct sim_peer_session *session = &peer->session;
	const struct sim_peer_fault *fault;
	uint8_t digest[32];

	fault = sim_peer_fault_for(peer, SIM_PEER_FAULT_CLAIM, call->index, call->upload_index);
	if (fault != NULL) {
		zcbor_tstr_put_lit(call->out, "off");
		zcbor_uint32_put(call->out, fault->value);
		return;
	}
	fault = sim_peer_fault_for(peer, SIM_PEER_FAULT_BACK, call->index, call->upload_index);
	if (fault != NULL && session->open && session->offset > fault->value) {
		session->offset = fault->value;
	}
	if (!a->has_off || a->off == UINT32_MAX) {
		refuse(call, INVALID_OFFSET, "header malformed");
		memset(session, 0, sizeof(*session));
		return;
	}
	if (a->off == 0) {
		if (first_chunk(call, a)) {
			write_data(call, &a->data);
		}
	} else if (session->open && a->off == session->offset) {
		if (session->offset + a->data.len > session->size) {
			refuse(call, OVERRUN, "data overrun");
			memset(session, 0, sizeof(*session));
		} else {
			write_data(call, &a->data);
		}
	}
	if (call->group_rc != 0) {
		return;
	}
	zcbor_tstr_put_lit(call->out, "off");
	zcbor_uint32_put(call->out, session->offset);
	if (session->open && session->offset == session->size) {
		if (peer->config.image_check) {
			sim_peer_sha256(peer->slots[session->slot].bytes, session->size, digest);
			zcbor_tstr_put_lit(call->out, "match");
			zcbor_bool_put(call->out, memcmp(digest, session->sha, 32) == 0);
		}
		memset(session, 0, sizeof(*session)); /* a last chunk sent again is answered with 0 */
	}
}

static void erase(struct sim_peer_call *call, const struct sim_peer_arguments *arguments)
{
	struct sim_peer *peer = call->peer;
	uint8_t slot = target_of(peer, 0);

	if (arguments->has_slot && arguments->slot / 2 >= peer->config.images) {
		call->group_rc = FLASH_OPEN_FAILED;
		return;
	}
	if (arguments->has_slot) {
		slot = (uint8_t)arguments->slot;
	}
	if (slot == running(peer, slot) || target_in_use(peer, slot)) {
		call->group_rc = NO_FREE_SLOT;
		return;
	}
	peer->writes++;
	memset(&peer->session, 0, sizeof(peer->session));
	if (is_blank(peer, slot)) {
		call->group_rc = peer->config.erase_blank_fails ? 1 : 0; /* both measured */
		return;
	}
	call->cost_ms += erase_ms(peer, peer->config.slot_bytes);
	(void)erase_slot(call, slot, peer->config.slot_bytes);
}

static void slots_of(struct sim_peer_call *call, uint8_t image)
{
	zcbor_map_start_encode(call->out, 3);
	zcbor_tstr_put_lit(call->out, "image");
	zcbor_uint32_put(call->out, image);
	zcbor_tstr_put_lit(call->out, "slots");
	zcbor_list_start_encode(call->out, 2);
	for (uint8_t i = 0; i < 2; i++) {
		uint8_t slot = (uint8_t)(2 * image + i);

		zcbor_map_start_encode(call->out, 3);
		zcbor_tstr_put_lit(call->out, "slot");
		zcbor_uint32_put(call->out, i);
		zcbor_tstr_put_lit(call->out, "size");
		zcbor_uint32_put(call->out, call->peer->config.slot_bytes);
		if (slot != running(call->peer, slot)) {
			zcbor_tstr_put_lit(call->out, "upload_image_id");
			zcbor_uint32_put(call->out, image);
		}
		zcbor_map_end_encode(call->out, 3);
	}
	zcbor_list_end_encode(call->out, 2);
	zcbor_map_end_encode(call->out, 3);
}

static void slots(struct sim_peer_call *call)
{
	zcbor_tstr_put_lit(call->out, "images");
	zcbor_list_start_encode(call->out, 2);
	for (uint8_t image = 0; image < call->peer->config.images; image++) {
		slots_of(call, image);
	}
	zcbor_list_end_encode(call->out, 2);
}

/* Serial recovery writes into slot 0, resumes nothing and checks nothing (spec 4.3, [MB]). */
static void recovery_upload(struct sim_peer_call *call, const struct sim_peer_arguments *a)
{
	struct sim_peer *peer = call->peer;
	struct sim_peer_session *session = &peer->session;

	peer->writes++;
	if (a->off == 0) {
		if (!a->has_len || a->len > peer->config.slot_bytes) {
			call->rc = 3;
			return;
		}
		session->offset = 0;
		session->size = a->len;
		sim_peer_slot_erase(peer, 0);
	}
	if (a->off == session->offset && a->data.len <= session->size - session->offset) {
		memcpy(peer->slots[0].bytes + session->offset, a->data.value, a->data.len);
		session->offset += (uint32_t)a->data.len;
	}
	zcbor_tstr_put_lit(call->out, "off");
	zcbor_uint32_put(call->out, session->offset);
}

void sim_peer_image_call(struct sim_peer_call *call)
{
	bool recovery = call->peer->state == SIM_PEER_RECOVERY;
	/* The higher version starts unasked, or what was uploaded: there is nothing to be set. */
	bool no_set = call->peer->config.mode == SIM_PEER_MODE_LOADER ||
		      (sim_peer_takes_highest(call->peer) && !sim_peer_marks(call->peer));
	struct sim_peer_arguments arguments;

	if (call->peer->config.no_images) {
		call->rc = 8;
		return;
	}
	bool loader = call->peer->config.mode == SIM_PEER_MODE_LOADER;

	/* Not built in where there is one slot, and often not where a loader has it. */
	if (!recovery && (sim_peer_has_one_slot(call->peer) ||
			  (loader && call->peer->active == 0 && call->peer->config.mute_application))) {
		call->rc = 8;
		return;
	}

	if (call->command == STATE && call->op == 0) {
		list(call);
		return;
	}
	if (call->command == SLOTS && call->op == 0 && call->peer->config.slot_info && !recovery) {
		slots(call);
		return;
	}
	if (call->op != 2 || (recovery && call->command != UPLOAD) || (call->command == STATE && no_set)) {
		call->rc = 8;
		return;
	}
	if (!sim_peer_arguments_decode(call->body, call->body_length, &arguments)) {
		call->rc = 3;
	} else if (recovery) {
		recovery_upload(call, &arguments);
	} else if (call->command == STATE) {
		set_state(call, &arguments);
	} else if (call->command == UPLOAD) {
		upload(call, &arguments);
	} else if (call->command == ERASE) {
		erase(call, &arguments);
	} else {
		call->rc = 8;
	}
}
