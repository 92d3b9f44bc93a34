/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model peripheral's life: links and pieces, the pool of buffers, the one worker that handles requests in the
 * order they came, faults, resets and time.
 */
#include "internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LOADER_BYTES 2048u

void sim_peer_config_default(struct sim_peer_config *config)
{
	memset(config, 0, sizeof(*config));
	config->buf_size = 384;
	config->buf_count = 4;
	config->params = true;
	config->slot_info = true;
	config->mode = SIM_PEER_MODE_OFFSET;
	config->erase_pending = true;
	config->flash_base = 0x10000u;
	config->slot_bytes = 64u * 1024u;
	config->page_bytes = 4096;
	config->page_erase_ms = 85;
	config->service_ms = 2;
	config->write_us_per_kib = 10500;
	config->reset_ms = 250;
	config->boot_ms = 1500;
	config->swap_ms = 4000;
}

void sim_peer_init(struct sim_peer *peer, const struct sim_peer_config *config, const uint8_t *factory,
		   uint32_t length, uint32_t now)
{
	struct sim_peer_image image;

	assert(config->buf_count > 0 && config->buf_count <= SIM_PEER_BUFFERS_MAX);
	assert(length <= config->slot_bytes);
	memset(peer, 0, sizeof(*peer));
	peer->config = *config;
	peer->config.images = config->images > 1 ? config->images : 1;
	assert(peer->config.images <= SIM_PEER_IMAGES_MAX);
	for (uint8_t i = 0; i < 2 * peer->config.images; i++) {
		peer->slots[i].bytes = malloc(config->slot_bytes);
		assert(peer->slots[i].bytes != NULL);
		sim_peer_slot_erase(peer, i);
	}
	peer->partial = malloc(config->buf_size);
	peer->current.bytes = malloc(config->buf_size + 64u);
	assert(peer->partial != NULL && peer->current.bytes != NULL);
	peer->active = config->runs_slot;
	memcpy(peer->slots[peer->active].bytes, factory, length);
	peer->slots[peer->active].image_ok = true;
	peer->slots[peer->active].magic = sim_peer_marks(peer);
	peer->slots[peer->active].copy_done = sim_peer_marks(peer);
	if (peer->config.images > 1 && config->second != NULL) {
		memcpy(peer->slots[2].bytes, config->second, config->second_bytes);
		peer->slots[2].image_ok = true;
	}
	if (config->mode == SIM_PEER_MODE_LOADER) {
		static const uint8_t version[4] = {0, 9, 0, 0};

		/* Its loader runs, as after a button or a reset with boot mode 1. */
		sim_peer_image_make(peer->slots[1].bytes, LOADER_BYTES, version, 77);
		peer->active = 1;
	}
	if (sim_peer_image_look(factory, length, &image)) {
		memcpy(peer->factory_hash, image.hash, sizeof(image.hash));
	}
	peer->state = config->starts_in_recovery ? SIM_PEER_RECOVERY : SIM_PEER_RUNNING;
	(void)now;
}

static void drop_messages(struct sim_peer_message *messages, uint8_t *count)
{
	for (uint8_t i = 0; i < *count; i++) {
		free(messages[i].bytes);
	}
	*count = 0;
}

void sim_peer_free(struct sim_peer *peer)
{
	drop_messages(peer->queue, &peer->queue_count);
	drop_messages(peer->answers, &peer->answer_count);
	free(peer->partial);
	free(peer->current.bytes);
	for (uint8_t i = 0; i < 2 * peer->config.images; i++) {
		free(peer->slots[i].bytes);
	}
}

void sim_peer_preset(struct sim_peer *peer, const uint8_t *image, uint32_t length, bool magic, bool image_ok)
{
	assert(length <= peer->config.slot_bytes);
	uint8_t slot = 1u - peer->active;

	sim_peer_slot_erase(peer, slot);
	memcpy(peer->slots[slot].bytes, image, length);
	peer->slots[slot].magic = magic;
	peer->slots[slot].image_ok = image_ok;
}

const struct sim_peer_fault *sim_peer_fault_for(const struct sim_peer *peer, uint8_t kind, uint32_t index,
						uint32_t upload_index)
{
	for (unsigned int i = 0; i < SIM_PEER_FAULTS_MAX; i++) {
		const struct sim_peer_fault *fault = &peer->config.faults[i];
		uint32_t at = fault->uploads ? upload_index : index;

		if (fault->kind == kind && !(fault->uploads && upload_index == UINT32_MAX) &&
		    at >= fault->first && (fault->count == 0 || at - fault->first < fault->count)) {
			return fault;
		}
	}
	return NULL;
}

/* ---- links ---- */

bool sim_peer_connectable(const struct sim_peer *peer)
{
	return peer->state == SIM_PEER_RUNNING;
}

void sim_peer_resubscribe(struct sim_peer *peer)
{
	peer->partial_have = 0;
	peer->partial_need = 0;
}

void sim_peer_disconnect(struct sim_peer *peer)
{
	/* What the worker has begun it finishes; nobody hears of it. */
	drop_messages(peer->queue, &peer->queue_count);
	drop_messages(peer->answers, &peer->answer_count);
	peer->busy = false;
	sim_peer_resubscribe(peer);
	if (peer->power_lost) {
		peer->reset_due = true; /* it was told to nobody yet */
	}
}

void sim_peer_reset(struct sim_peer *peer, uint32_t now)
{
	peer->power_lost = false;
	sim_peer_disconnect(peer);
	peer->reset_due = false;
	sim_peer_boot(peer, now);
}

/* ---- requests ---- */

static uint8_t buffers_used(const struct sim_peer *peer)
{
	uint8_t used = peer->queue_count;

	if (peer->partial_need != 0) {
		used++;
	}
	if (peer->busy) {
		used =
		    (uint8_t)(used + (peer->config.buf_count > 1 ? 2 : 1)); /* the request and its answer */
	}
	return used;
}

static void observe_request(struct sim_peer *peer, const uint8_t *frame, size_t length, uint32_t now)
{
	struct sim_peer_arguments arguments;
	struct sim_peer_event event = {
	    .kind = SIM_PEER_EVENT_REQUEST,
	    .op = frame[0] & 7u,
	    .group = (uint16_t)(frame[4] << 8 | frame[5]),
	    .command = frame[7],
	    .recovery = peer->state == SIM_PEER_RECOVERY,
	    .now = now,
	    .bytes = frame,
	};

	if (peer->config.observe == NULL) {
		return;
	}
	if (event.group == 1 && event.command == 1 &&
	    sim_peer_arguments_decode(frame + 8, length - 8, &arguments)) {
		event.offset = arguments.off;
		event.length = (uint32_t)arguments.data.len;
	}
	peer->config.observe(peer->config.context, &event);
}

static void push_answer(struct sim_peer *peer, const uint8_t *bytes, uint32_t length, uint32_t due)
{
	assert(peer->answer_count < SIM_PEER_ANSWERS_MAX);
	struct sim_peer_message *answer = &peer->answers[peer->answer_count++];

	answer->bytes = malloc(length);
	assert(answer->bytes != NULL);
	memcpy(answer->bytes, bytes, length);
	answer->length = length;
	answer->due = due;
}

/* Requests may stand back to back in one message; one that is refused ends it. What is left goes in front again. */
static void put_back(struct sim_peer *peer, struct sim_peer_message *request)
{
	uint32_t used = 8u + (uint32_t)(request->bytes[2] << 8 | request->bytes[3]);

	if (peer->refused || request->length < used + 8u || peer->queue_count == SIM_PEER_BUFFERS_MAX) {
		free(request->bytes);
		return;
	}
	request->length -= used;
	memmove(request->bytes, request->bytes + used, request->length);
	memmove(peer->queue + 1, peer->queue, (size_t)(peer->queue_count++) * sizeof(peer->queue[0]));
	peer->queue[0] = *request;
}

/* The worker takes the next request. */
static void work(struct sim_peer *peer, uint32_t now)
{
	uint32_t cost_ms;

	if (peer->busy || peer->queue_count == 0) {
		return;
	}
	struct sim_peer_message request = peer->queue[0];

	memmove(peer->queue, peer->queue + 1, (size_t)(--peer->queue_count) * sizeof(peer->queue[0]));
	bool no_memory = peer->config.buf_count > 1 && buffers_used(peer) + 2u > peer->config.buf_count;

	if (no_memory) {
		static const uint8_t body[] = {0xBF, 0x62, 'r', 'c', 0x02, 0xFF};

		memcpy(peer->current.bytes, request.bytes, 8);
		peer->current.bytes[0] = (uint8_t)(request.bytes[0] | 1u);
		peer->current.bytes[2] = 0;
		peer->current.bytes[3] = sizeof(body);
		memcpy(peer->current.bytes + 8, body, sizeof(body));
		peer->current.length = 8 + sizeof(body);
		cost_ms = 0;
		peer->no_memory++;
		memset(&peer->cost, 0, sizeof(peer->cost));
		peer->refused = true;
	} else {
		peer->current.length = (uint32_t)sim_peer_serve(
		    peer, &request, peer->current.bytes,
		    peer->config.buf_size > 64 ? peer->config.buf_size : 64, &cost_ms, now);
	}
	peer->current.index = request.index;
	peer->current.upload_index = request.upload_index;
	peer->current.due = now + peer->config.service_ms + cost_ms;
	peer->busy = true;
	put_back(peer, &request);
}

static void enqueue(struct sim_peer *peer, const uint8_t *frame, uint32_t length, uint32_t index,
		    uint32_t upload_index, uint32_t now)
{
	if (buffers_used(peer) >= peer->config.buf_count) {
		peer->lost_for_buffers++;
		return;
	}
	struct sim_peer_message *message = &peer->queue[peer->queue_count++];

	message->bytes = malloc(length);
	assert(message->bytes != NULL);
	memcpy(message->bytes, frame, length);
	message->length = length;
	message->index = index;
	message->upload_index = upload_index;
	observe_request(peer, frame, length, now);
	work(peer, now);
	if (peer->queue_count + (peer->busy ? 1u : 0u) > peer->queue_peak) {
		peer->queue_peak = (uint8_t)(peer->queue_count + (peer->busy ? 1u : 0u));
	}
}

/* A whole message, in the application or in the bootloader. */
static void message(struct sim_peer *peer, const uint8_t *frame, uint32_t length, uint32_t now)
{
	const struct sim_peer_fault *fault;
	uint32_t offset;
	uint32_t index = peer->requests++;
	bool chunk = sim_peer_upload_offset(frame, length, &offset) && offset != 0;
	uint32_t upload_index = chunk ? peer->uploads++ : UINT32_MAX;

	if (sim_peer_fault_for(peer, SIM_PEER_FAULT_RESET, index, upload_index) != NULL) {
		sim_peer_reset(peer, now);
		return;
	}
	fault = sim_peer_fault_for(peer, SIM_PEER_FAULT_DISCONNECT, index, upload_index);
	if (fault != NULL) {
		peer->drop_link = true;
		if (fault->value == 0) {
			return;
		}
	}
	if (sim_peer_fault_for(peer, SIM_PEER_FAULT_LOSE_REQUEST, index, upload_index) != NULL) {
		return;
	}
	enqueue(peer, frame, length, index, upload_index, now);
	if (sim_peer_fault_for(peer, SIM_PEER_FAULT_DUPLICATE_REQUEST, index, upload_index) != NULL) {
		enqueue(peer, frame, length, index, upload_index, now);
	}
}

static void collect(struct sim_peer *peer, const uint8_t *bytes, uint32_t length, uint32_t now)
{
	if (peer->partial_need == 0) {
		uint32_t need = length >= 8 ? 8u + (uint32_t)(bytes[2] << 8 | bytes[3]) : 0;

		if (need == 0 || length > need) {
			return;
		}
		if (need > peer->config.buf_size) {
			peer->lost_for_size++; /* its further pieces will be taken for new headers */
			return;
		}
		if (buffers_used(peer) >= peer->config.buf_count) {
			peer->lost_for_buffers++;
			return;
		}
		peer->partial_need = need;
		peer->partial_have = 0;
	}
	if (length > peer->partial_need - peer->partial_have) {
		sim_peer_resubscribe(peer); /* overflow: all of it is dropped */
		return;
	}
	memcpy(peer->partial + peer->partial_have, bytes, length);
	peer->partial_have += length;
	if (peer->partial_have == peer->partial_need) {
		uint32_t whole = peer->partial_need;

		sim_peer_resubscribe(peer);
		message(peer, peer->partial, whole, now);
	}
}

void sim_peer_receive(struct sim_peer *peer, const uint8_t *bytes, size_t length, uint32_t now)
{
	sim_peer_tick(peer, now);
	if (peer->state == SIM_PEER_BOOTING) {
		if (!peer->listening) {
			return;
		}
		peer->state = SIM_PEER_RECOVERY;
	}
	if (peer->state == SIM_PEER_DEAD) {
		return;
	}
	if (peer->config.reassembly) {
		collect(peer, bytes, (uint32_t)length, now);
	} else if (length > peer->config.buf_size) {
		peer->lost_for_size++;
	} else if (length >= 8) {
		message(peer, bytes, (uint32_t)length, now);
	}
}

size_t sim_peer_answer(struct sim_peer *peer, uint8_t *buffer, size_t capacity, uint32_t now)
{
	for (uint8_t i = 0; i < peer->answer_count; i++) {
		struct sim_peer_message answer = peer->answers[i];

		if (!sim_peer_reached(now, answer.due)) {
			continue;
		}
		assert(answer.length <= capacity);
		memcpy(buffer, answer.bytes, answer.length);
		free(answer.bytes);
		peer->answer_count--;
		memmove(peer->answers + i, peer->answers + i + 1,
			(size_t)(peer->answer_count - i) * sizeof(peer->answers[0]));
		return answer.length;
	}
	return 0;
}

/* ---- time ---- */

static void earlier(uint32_t *when, bool *timed, uint32_t candidate)
{
	if (!*timed || (int32_t)(candidate - *when) < 0) {
		*when = candidate;
	}
	*timed = true;
}

bool sim_peer_deadline(const struct sim_peer *peer, uint32_t *when)
{
	bool timed = false;

	if (peer->busy && !peer->config.outside) {
		earlier(when, &timed, peer->current.due);
	}
	for (uint8_t i = 0; i < peer->answer_count; i++) {
		earlier(when, &timed, peer->answers[i].due);
	}
	if (peer->reset_due) {
		earlier(when, &timed, peer->reset_ms);
	}
	if (peer->watchdog_due) {
		earlier(when, &timed, peer->watchdog_ms);
	}
	if (peer->state == SIM_PEER_BOOTING) {
		earlier(when, &timed, peer->state_ms);
	}
	return timed;
}

static void finish(struct sim_peer *peer)
{
	const struct sim_peer_message *answer = &peer->current;
	uint32_t index = answer->index;
	uint32_t upload = answer->upload_index;
	const struct sim_peer_fault *delay =
	    sim_peer_fault_for(peer, SIM_PEER_FAULT_DELAY_ANSWER, index, upload);
	uint32_t due = answer->due + (delay != NULL ? delay->value : 0);

	peer->busy = false;
	if (peer->power_lost) {
		peer->reset_due = true;
		peer->reset_ms = answer->due;
		return;
	}
	if (answer->length == 0 ||
	    sim_peer_fault_for(peer, SIM_PEER_FAULT_LOSE_ANSWER, index, upload) != NULL) {
		return;
	}
	push_answer(peer, answer->bytes, answer->length, due);
	if (sim_peer_fault_for(peer, SIM_PEER_FAULT_DUPLICATE_ANSWER, index, upload) != NULL) {
		push_answer(peer, answer->bytes, answer->length, due);
	}
}

void sim_peer_worked(struct sim_peer *peer, uint32_t now)
{
	if (!peer->busy) {
		return;
	}
	peer->current.due = now;
	finish(peer);
	if (!peer->power_lost) {
		work(peer, now);
	}
}

void sim_peer_tick(struct sim_peer *peer, uint32_t now)
{
	while (peer->busy && !peer->config.outside && sim_peer_reached(now, peer->current.due)) {
		uint32_t at = peer->current.due;

		finish(peer);
		if (!peer->power_lost) {
			work(peer, at);
		}
	}
	if (peer->reset_due && sim_peer_reached(now, peer->reset_ms)) {
		sim_peer_reset(peer, now);
	}
	if (peer->watchdog_due && sim_peer_reached(now, peer->watchdog_ms)) {
		sim_peer_reset(peer, now);
	}
	if (peer->state == SIM_PEER_BOOTING && sim_peer_reached(now, peer->state_ms)) {
		if (peer->listening) {
			sim_peer_boot_swap(peer, peer->state_ms);
		} else {
			sim_peer_boot_done(peer, now);
		}
	}
}
