/* SPDX-License-Identifier: Apache-2.0 */
/* See gateway_sim.h. */
#include "gateway_sim.h"

#include <assert.h>
#include <dfucast/port.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	fprintf(stderr, "assert failed: %s:%d\n", file, line);
	abort();
}

/* ---- the port ---- */

static bool hash_start(void *context)
{
	mbedtls_sha256_init(context);
	return mbedtls_sha256_starts_ret(context, 0) == 0;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	return mbedtls_sha256_update_ret(context, bytes, length) == 0;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	return mbedtls_sha256_finish_ret(context, digest) == 0;
}

static bool resolve(void *context, const struct dfucast_smp_fleet_target *wanted,
		    struct dfucast_gateway_target *target)
{
	const struct gateway_sim *sim = context;
	unsigned long number = 0;

	for (size_t i = 0; i < wanted->id.length; i++) {
		if (wanted->id.text[i] < '0' || wanted->id.text[i] > '9' || i > 4) {
			return false;
		}
		number = number * 10 + (unsigned long)(wanted->id.text[i] - '0');
	}
	if (wanted->id.length == 0 || number >= sim->options.air.n) {
		return false;
	}
	target->address[0] = (uint8_t)number;
	target->address[1] = (uint8_t)(number >> 8);
	return true;
}

static size_t name(void *context, const struct dfucast_gateway_target *target, char *text, size_t capacity)
{
	(void)context;
	return (size_t)snprintf(text, capacity, "%u", target->address[0] | target->address[1] << 8);
}

static void reset(void *context)
{
	struct gateway_sim *sim = context;

	sim->resets++;
}

/* ---- life ---- */

struct gateway_sim *gateway_sim_new(const char *keys, uint32_t image_bytes)
{
	static const uint8_t version[4] = {2, 0, 0, 0};
	struct gateway_sim *sim = calloc(1, sizeof(*sim));
	const char *at;

	assert(sim != NULL);
	sim_fleet_defaults(&sim->options);
	sim->options.air.image = image_bytes;
	const char *wrong = sim_fleet_parse(&sim->options, keys, &at);

	if (wrong != NULL) {
		fprintf(stderr, "%s: %s\n", at, wrong);
		abort();
	}
	sim->image_bytes = image_bytes;
	sim->image = malloc(image_bytes);
	assert(sim->image != NULL);
	sim_peer_image_make(sim->image, image_bytes, version, 2);
	sim_peer_sha256(sim->image, image_bytes, sim->sha);
	sim->ring_bytes = 65536;
	sim->baud = 1000000;
	sim->frame_bytes = 1024;
	sim->timeout_ms = 2000;
	sim->config.cast.canary = 1;
	sim->config.cast.max_failed = 1;
	sim->config.cast.gather_ms = 10000;
	sim->options.limit_s = 100000;
	return sim;
}

void gateway_sim_begin(struct gateway_sim *sim)
{
	struct dfucast_gateway_config *config = &sim->config;
	uint32_t count = sim->options.air.n;

	assert(count <= GATEWAY_SIM_TARGETS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		sim->defaults[i].address[0] = (uint8_t)i;
		sim->defaults[i].address[1] = (uint8_t)(i >> 8);
	}
	sim->ring = malloc(sim->ring_bytes);
	assert(sim->ring != NULL);
	sim->port =
	    (struct dfucast_gateway_port){.context = sim, .resolve = resolve, .name = name, .reset = reset};
	config->port = &sim->port;
	config->targets = sim->targets;
	config->defaults = sim->defaults;
	config->default_count = (uint16_t)count;
	config->cast.devices = sim->devices;
	config->cast.device_bytes = sizeof(sim->devices[0]);
	config->cast.targets = sim->cast_targets;
	config->cast.ring = sim->ring;
	config->cast.ring_bytes = sim->ring_bytes;
	config->cast.count = GATEWAY_SIM_TARGETS_MAX;
	config->cast.links_max = (uint16_t)(sim->options.links != 0 ? sim->options.links
					    : count < 20            ? count
								    : 20);
	config->file = (struct dfucast_sha256){&sim->hashes[0], hash_start, hash_update, hash_finish};
	config->content = (struct dfucast_sha256){&sim->hashes[1], hash_start, hash_update, hash_finish};
	config->sums = sim->sums;
	config->sum_count = 128;
	config->answer = sim->gateway_answer;
	config->answer_bytes = sizeof(sim->gateway_answer);
	config->buf_size = (uint16_t)sim->frame_bytes;
	config->relay = sim->relay;
	config->relay_bytes = sizeof(sim->relay);
	config->host_baud = sim->baud;
	config->boot_id = 77;
	config->version = "test";
	config->log = sim->log;
	config->log_count = 2048;
	dfucast_gateway_init(&sim->gateway, config);
	static const struct dfucast_update_plan plan = {0};

	sim->options.gateway = &sim->gateway;
	if (!sim->any_image) {
		sim->options.image = sim->image;
		sim->options.plan = &plan;
	}
	sim->fleet = sim_fleet_create(&sim->options);
	assert(sim->fleet != NULL);
}

void gateway_sim_free(struct gateway_sim *sim)
{
	sim_fleet_free(sim->fleet);
	mbedtls_sha256_free(&sim->hashes[0]);
	mbedtls_sha256_free(&sim->hashes[1]);
	free(sim->image);
	free(sim->ring);
	free(sim);
}

/* ---- time and the wire ---- */

uint32_t gateway_sim_now(const struct gateway_sim *sim)
{
	return (uint32_t)(sim_fleet_now(sim->fleet) / SIM_NS_PER_MS);
}

void gateway_sim_wait(struct gateway_sim *sim, uint32_t ms)
{
	uint64_t until = sim_fleet_now(sim->fleet) + ms * SIM_NS_PER_MS;

	(void)sim_fleet_step(sim->fleet, until);
	if (sim_fleet_now(sim->fleet) < until) {
		fprintf(stderr, "the simulation stopped: %s\n", sim_fleet_violation(sim->fleet));
		abort();
	}
}

static uint32_t wire_ms(const struct gateway_sim *sim, size_t length)
{
	return (uint32_t)((uint64_t)length * 4u * 10u * 1000u / 3u / sim->baud) + 1u;
}

bool gateway_sim_request(struct gateway_sim *sim, const uint8_t *frame, size_t length)
{
	struct dfucast_frame_source source = dfucast_gateway_frame_source(&sim->gateway);
	uint32_t began = gateway_sim_now(sim);

	sim->requests++;
	gateway_sim_wait(sim, wire_ms(sim, length));
	dfucast_gateway_recv(&sim->gateway, frame, length, gateway_sim_now(sim));
	sim_fleet_touch(sim->fleet);
	uint32_t arrived = gateway_sim_now(sim);

	for (;;) {
		size_t ready = source.begin(source.context);

		if (ready > 0) {
			assert(ready <= sizeof(sim->answer));
			source.read(source.context, 0, sim->answer, ready);
			source.done(source.context);
			sim->answer_bytes = ready;
			sim->waited_ms += gateway_sim_now(sim) - arrived;
			gateway_sim_wait(sim, wire_ms(sim, ready));
			break;
		}
		if (gateway_sim_now(sim) - began > sim->timeout_ms) {
			sim->answer_bytes = 0;
			return false;
		}
		gateway_sim_wait(sim, 1);
	}
	uint32_t took = gateway_sim_now(sim) - began;

	sim->longest_ms = took > sim->longest_ms ? took : sim->longest_ms;
	return true;
}

struct dfucast_smp_error gateway_sim_error(const struct gateway_sim *sim)
{
	struct dfucast_smp_error error;

	assert(sim->answer_bytes >= DFUCAST_SMP_HEADER_BYTES);
	int rc = dfucast_smp_error_decode(sim->answer + DFUCAST_SMP_HEADER_BYTES,
					  sim->answer_bytes - DFUCAST_SMP_HEADER_BYTES, &error);

	assert(rc == 0);
	(void)rc;
	return error;
}

static struct dfucast_smp_id id_of(struct gateway_sim *sim)
{
	return (struct dfucast_smp_id){DFUCAST_SMP_V2, sim->sequence++};
}

/* ---- a stock client ---- */

/* @return the answered offset, or UINT32_MAX: an error, or no answer */
static uint32_t chunk(struct gateway_sim *sim, uint32_t offset, uint32_t data_at)
{
	uint8_t frame[GATEWAY_SIM_FRAME_BYTES];
	struct dfucast_smp_upload upload = {
	    .offset = offset, .image_length = sim->image_bytes, .sha = sim->no_sha ? NULL : sim->sha};
	struct dfucast_smp_upload_answer answer;
	struct dfucast_smp_error error;
	uint32_t left = sim->image_bytes - offset;
	uint32_t most = dfucast_smp_upload_data_max(&upload, sim->frame_bytes);

	upload.data_bytes = (uint16_t)(left < most ? left : most);
	int head = dfucast_smp_upload_head_encode(frame, sizeof(frame), id_of(sim), &upload);

	assert(head > 0);
	for (uint32_t i = 0; i < upload.data_bytes; i++) {
		frame[(uint32_t)head + i] = data_at + i < sim->image_bytes ? sim->image[data_at + i] : 0xFF;
	}
	sim->wire_bytes += upload.data_bytes;
	sim->parked += offset == sim->image_bytes - 1 && upload.data_bytes == 1;
	if (!gateway_sim_request(sim, frame, (size_t)head + upload.data_bytes) ||
	    dfucast_smp_upload_decode(sim->answer + DFUCAST_SMP_HEADER_BYTES,
				      sim->answer_bytes - DFUCAST_SMP_HEADER_BYTES, &error, &answer) != 0 ||
	    error.rc != 0 || !answer.has_offset) {
		return UINT32_MAX;
	}
	return answer.offset;
}

bool gateway_sim_upload(struct gateway_sim *sim)
{
	uint32_t offset = 0;
	uint32_t data_at = 0;
	bool silent = false;

	/* More requests than this is a loop without progress. */
	for (uint32_t guard = 0; guard < 200000; guard++) {
		uint32_t sent = sim->image_bytes - offset;
		struct dfucast_smp_upload most = {
		    .offset = offset, .image_length = sim->image_bytes, .sha = sim->sha};
		uint32_t most_bytes = dfucast_smp_upload_data_max(&most, sim->frame_bytes);
		uint32_t next = chunk(sim, offset, sim->host == GATEWAY_SIM_OBEYS ? offset : data_at);

		if (offset == 0) {
			uint32_t took = sim->longest_ms;

			sim->first_answer = took > sim->first_answer ? took : sim->first_answer;
		}
		data_at += sent < most_bytes ? sent : most_bytes;
		if (next == UINT32_MAX) {
			return false;
		}
		if (next == sim->image_bytes) {
			return true;
		}
		sim->backwards += next < offset && offset != sim->image_bytes - 1;
		offset = next;
		/* Not where the image's end is asked for before the stream. */
		if (sim->silent_at != 0 && sim->gateway.next >= sim->silent_at && offset >= sim->silent_at &&
		    !silent && offset != sim->image_bytes - 1) {
			if (sim->silent_ms == 0) {
				return false;
			}
			silent = true;
			gateway_sim_wait(sim, sim->silent_ms);
			sim->peak_pause_links = sim->gateway.cast.links_open;
		}
	}
	return false;
}

static bool set_state(struct gateway_sim *sim, const uint8_t *hash, bool confirm)
{
	uint8_t frame[96];
	int length = dfucast_smp_image_set_encode(frame, sizeof(frame), id_of(sim), hash,
						  hash != NULL ? 32 : 0, confirm);

	return gateway_sim_request(sim, frame, (size_t)length) && gateway_sim_error(sim).rc == 0;
}

bool gateway_sim_test(struct gateway_sim *sim)
{
	return set_state(sim, sim->image + sim->image_bytes - 32, false);
}

bool gateway_sim_confirm(struct gateway_sim *sim)
{
	return set_state(sim, NULL, true);
}

bool gateway_sim_reset(struct gateway_sim *sim)
{
	uint8_t frame[32];
	int length = dfucast_smp_reset_encode(frame, sizeof(frame), id_of(sim), false, -1);

	return gateway_sim_request(sim, frame, (size_t)length) && gateway_sim_error(sim).rc == 0;
}

/* ---- the fleet's group ---- */

bool gateway_sim_command(struct gateway_sim *sim, enum dfucast_smp_fleet_command command)
{
	uint8_t frame[32];
	int length = dfucast_smp_fleet_command_encode(frame, sizeof(frame), id_of(sim), command);

	return gateway_sim_request(sim, frame, (size_t)length) && gateway_sim_error(sim).rc == 0;
}

bool gateway_sim_plan(struct gateway_sim *sim, struct dfucast_smp_fleet_plan *plan, uint16_t count)
{
	return gateway_sim_plan_own(sim, plan, NULL, count);
}

bool gateway_sim_plan_own(struct gateway_sim *sim, struct dfucast_smp_fleet_plan *plan,
			  const struct dfucast_match *const *own, uint16_t count)
{
	static char names[GATEWAY_SIM_TARGETS_MAX][6];
	struct dfucast_smp_fleet_target targets[GATEWAY_SIM_TARGETS_MAX];
	uint8_t frame[GATEWAY_SIM_FRAME_BYTES];

	for (uint16_t i = 0; i < count; i++) {
		int length = snprintf(names[i], sizeof(names[i]), "%u", i);

		targets[i] = (struct dfucast_smp_fleet_target){.id = {names[i], (size_t)length},
							       .match = own != NULL ? own[i] : NULL,
							       .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY};
	}
	for (plan->at = 0; plan->at < count;) {
		size_t written;
		int length = dfucast_smp_fleet_plan_encode(frame, sim->frame_bytes, id_of(sim), plan,
							   targets + plan->at, count - plan->at, &written);

		if (length < 0 || written == 0 || !gateway_sim_request(sim, frame, (size_t)length) ||
		    gateway_sim_error(sim).rc != 0) {
			return false;
		}
		plan->at += (uint32_t)written;
	}
	return true;
}

bool gateway_sim_relay(struct gateway_sim *sim, uint16_t index, const uint8_t *frame, size_t length,
		       const uint8_t **inner, size_t *inner_bytes)
{
	char name_text[6];
	uint8_t request[GATEWAY_SIM_FRAME_BYTES];
	int name_length = snprintf(name_text, sizeof(name_text), "%u", index);
	const struct dfucast_smp_fleet_relay relay = {
	    .id = {name_text, (size_t)name_length}, .frame = frame, .frame_bytes = (uint16_t)length};
	struct dfucast_smp_error error;
	int bytes = dfucast_smp_fleet_relay_encode(request, sizeof(request), id_of(sim), &relay);
	uint32_t usual = sim->timeout_ms;

	sim->timeout_ms = 15000;
	bool came = gateway_sim_request(sim, request, (size_t)bytes);

	sim->timeout_ms = usual;
	return came &&
	       dfucast_smp_fleet_relay_answer_decode(sim->answer + DFUCAST_SMP_HEADER_BYTES,
						     sim->answer_bytes - DFUCAST_SMP_HEADER_BYTES, &error,
						     inner, inner_bytes) == 0 &&
	       error.rc == 0;
}

unsigned int gateway_sim_count(struct gateway_sim *sim, enum dfucast_state state)
{
	unsigned int count = 0;

	for (uint16_t i = 0; i < sim->gateway.target_count; i++) {
		struct dfucast_status status;

		dfucast_cast_status(&sim->gateway.cast, i, &status);
		count += status.state == state;
	}
	return count;
}

bool gateway_sim_until_over(struct gateway_sim *sim, uint32_t ms)
{
	uint32_t began = gateway_sim_now(sim);

	while (sim->gateway.state == DFUCAST_SMP_FLEET_OPEN) {
		if (gateway_sim_now(sim) - began > ms) {
			return false;
		}
		gateway_sim_wait(sim, 100);
	}
	gateway_sim_wait(sim, 1000); /* links are closed */
	return true;
}
