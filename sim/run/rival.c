/* SPDX-License-Identifier: Apache-2.0 */
/* The others' ways, one device at a time. */
#include "rival.h"
#include "../air/radio.h"
#include "../air/server.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STARVED_NS (300u * SIM_NS_PER_S)
#define FRAME_BYTES_MAX 4096u

struct rival {
	struct sim_air_parameters parameters;
	struct sim_events events;
	struct sim_radio radio;
	struct sim_peer peer;
	struct sim_air_server server;
	uint8_t *image;
	uint64_t image_ns; /* the whole image over the host link */
	uint64_t finished_ns;
	uint64_t rounds;
	uint32_t next; /* offset of the next request */
	uint32_t acked;
	uint32_t inflight;
	uint32_t frame_length, frame_sent; /* the request being written */
	uint8_t sequence;
	uint8_t sha[32];
	uint8_t frame[FRAME_BYTES_MAX];
};

static uint8_t *put_uint(uint8_t *at, uint8_t major, uint32_t value)
{
	unsigned int bytes = value < 24 ? 0 : value < 256 ? 1 : value < 65536 ? 2 : 4;
	static const uint8_t minors[] = {0, 24, 25, 0, 26};

	*at++ = (uint8_t)((unsigned int)major << 5 | (bytes == 0 ? value : minors[bytes]));
	while (bytes > 0) {
		bytes--;
		*at++ = (uint8_t)(value >> (8u * bytes));
	}
	return at;
}

static uint8_t *put_key(uint8_t *at, const char *key)
{
	size_t length = strlen(key);

	at = put_uint(at, 3, (uint32_t)length);
	memcpy(at, key, length);
	return at + length;
}

/* An upload request as limit.py counts it: off and data, with the first one also len and sha. */
static void write_request(struct rival *rival, uint32_t data)
{
	uint8_t *at = rival->frame + 8;
	uint32_t body;

	*at++ = (uint8_t)(0xA0u | (rival->next == 0 ? 4u : 2u));
	if (rival->next == 0) {
		at = put_uint(put_key(at, "len"), 0, rival->parameters.image);
		at = put_uint(put_key(at, "sha"), 2, 32);
		memcpy(at, rival->sha, 32);
		at += 32;
	}
	at = put_uint(put_key(at, "off"), 0, rival->next);
	at = put_uint(put_key(at, "data"), 2, data);
	memcpy(at, rival->image + rival->next, data);
	at += data;
	body = (uint32_t)(at - rival->frame) - 8;
	const uint8_t header[8] = {0x0A, 0, (uint8_t)(body >> 8), (uint8_t)body, 0, 1, rival->sequence++, 1};

	memcpy(rival->frame, header, sizeof(header));
	rival->frame_length = body + 8;
	rival->frame_sent = 0;
}

static size_t down(void *context, uint16_t link, uint8_t *value, size_t capacity)
{
	struct rival *rival = context;
	const struct sim_air_parameters *p = &rival->parameters;
	struct sim_air_request request;
	uint32_t part;

	(void)link;
	if (rival->frame_length == 0) {
		if (rival->next >= p->image || rival->inflight >= sim_air_window(p)) {
			return 0;
		}
		sim_air_request_at(p, rival->next, &request);
		/* The bytes must be here: the host link delivers them steadily. */
		if (p->baud != 0 && rival->events.now / 1000u * p->image <
					rival->image_ns / 1000u * (rival->next + request.data)) {
			return 0;
		}
		write_request(rival, request.data);
		assert(rival->frame_length == request.frame);
		rival->next += request.data;
		rival->inflight++;
		rival->rounds++;
	}
	part = rival->frame_length - rival->frame_sent;
	if (part > capacity) {
		part = (uint32_t)capacity;
	}
	memcpy(value, rival->frame + rival->frame_sent, part);
	rival->frame_sent += part;
	if (rival->frame_sent == rival->frame_length) {
		rival->frame_length = 0;
	}
	return part;
}

/* The answer's `off`, wherever it stands. */
static bool find_offset(const uint8_t *frame, size_t length, uint32_t *offset)
{
	for (size_t i = 8; i + 4 < length; i++) {
		if (memcmp(frame + i, "\x63off", 4) == 0) {
			unsigned int minor = frame[i + 4] & 31u;
			unsigned int bytes = minor < 24 ? 0 : 1u << (minor - 24u);

			*offset = bytes == 0 ? minor : 0;
			for (unsigned int b = 0; b < bytes && i + 5 + b < length; b++) {
				*offset = *offset << 8 | frame[i + 5 + b];
			}
			return true;
		}
	}
	return false;
}

static void to_host(void *context, uint16_t link, const uint8_t *value, size_t length)
{
	struct rival *rival = context;
	uint32_t offset;

	(void)link;
	if (!find_offset(value, length, &offset)) {
		return;
	}
	rival->inflight--;
	rival->acked = offset;
	if (offset >= rival->parameters.image) {
		rival->finished_ns = rival->events.now;
	}
}

static size_t up(void *context, uint16_t link, uint8_t *value, size_t capacity)
{
	struct rival *rival = context;

	(void)link;
	return sim_peer_answer(&rival->peer, value, capacity, sim_air_ms(rival->events.now));
}

static void to_peer(void *context, uint16_t link, const uint8_t *value, size_t length)
{
	struct rival *rival = context;

	(void)link;
	sim_peer_receive(&rival->peer, value, length, sim_air_ms(rival->events.now));
	sim_air_server_begin(&rival->server, rival->events.now);
}

static bool awake(void *context, uint16_t link, uint64_t free_ns)
{
	struct rival *rival = context;

	rival->server.event_ns = rival->radio.links[link].begin_ns;
	sim_air_server_run(&rival->server, free_ns, rival->events.now);
	return !sim_air_server_deaf(&rival->server);
}

static void acked(void *context, uint16_t link)
{
	struct rival *rival = context;

	(void)link;
	sim_air_server_acked(&rival->server, rival->events.now);
}

static void dead(void *context, uint16_t link)
{
	(void)context;
	(void)link;
}

static void trace(void *context, uint8_t kind, uint16_t link, uint32_t a, uint32_t b)
{
	(void)context;
	(void)kind;
	(void)link;
	(void)a;
	(void)b;
}

uint64_t sim_rival_upload_ns(const struct sim_air_parameters *parameters, uint32_t interval_us,
			     uint64_t *rounds)
{
	static const uint8_t version[4] = {2, 0, 0, 0};
	struct rival *rival = calloc(1, sizeof(*rival));
	const struct sim_radio_port port = {.context = rival,
					    .peer_awake = awake,
					    .down = down,
					    .up = up,
					    .to_peer = to_peer,
					    .to_host = to_host,
					    .acked = acked,
					    .dead = dead,
					    .trace = trace};
	struct sim_peer_config config;
	struct sim_event event;
	uint64_t finished;

	assert(rival != NULL);
	rival->parameters = *parameters;
	rival->image = malloc(parameters->image);
	assert(rival->image != NULL);
	sim_peer_image_make(rival->image, parameters->image, version, 2);
	sim_peer_sha256(rival->image, parameters->image, rival->sha);
	rival->image_ns = sim_air_uart_ns(parameters, parameters->image);
	sim_air_server_config(&config, parameters);
	sim_peer_init(&rival->peer, &config, rival->image, parameters->image, 0);
	if (parameters->erase != SIM_AIR_ERASE_NONE) {
		sim_peer_preset(&rival->peer, rival->image, parameters->image, false, false);
	}
	sim_air_server_init(&rival->server, &rival->peer, &rival->parameters);
	sim_radio_init(&rival->radio, parameters, &port, &rival->events, 1, interval_us, 0, 1);
	sim_radio_link_up(&rival->radio, 0);
	while (rival->finished_ns == 0 && sim_events_next(&rival->events, STARVED_NS, &event)) {
		sim_radio_event(&rival->radio, &event);
	}
	finished = rival->finished_ns;
	if (rounds != NULL) {
		*rounds = rival->rounds;
	}
	sim_radio_free(&rival->radio);
	sim_events_free(&rival->events);
	sim_peer_free(&rival->peer);
	free(rival->image);
	free(rival);
	return finished;
}

static bool finish(const struct sim_air_parameters *p, struct sim_rival_result *result)
{
	result->all_ns = result->one_ns != 0 ? p->n * (result->one_ns + p->setup_us * SIM_NS_PER_US) : 0;
	return result->one_ns != 0;
}

bool sim_rival_stop_and_wait(const struct sim_air_parameters *parameters, struct sim_rival_result *result)
{
	struct sim_air_parameters p = *parameters;

	p.window = 1;
	p.bufs = 4;
	p.buf = 384;
	p.mtu = 498;
	p.reassembly = 0;
	result->interval_us = 11250;
	result->one_ns = sim_rival_upload_ns(&p, result->interval_us, &result->rounds);
	return finish(&p, result);
}

bool sim_rival_pipelined(const struct sim_air_parameters *parameters, struct sim_rival_result *result)
{
	static const uint32_t candidates[] = {11250,  15000,  20000,  22500,  25000,  30000,  35000,
					      40000,  50000,  60000,  70000,  80000,  100000, 110000,
					      120000, 125000, 140000, 150000, 160000, 175000, 200000,
					      225000, 250000, 320000, 400000};
	uint64_t rounds;

	*result = (struct sim_rival_result){0};
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		uint64_t ns = sim_rival_upload_ns(parameters, candidates[i], &rounds);

		if (ns != 0 && (result->one_ns == 0 || ns < result->one_ns)) {
			result->one_ns = ns;
			result->rounds = rounds;
			result->interval_us = candidates[i];
		}
	}
	return finish(parameters, result);
}
