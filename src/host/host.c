/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's half of a gateway's link. One request at a time; each answer decides what is asked next. A request without
 * an answer is sent again as it was: the gateway answers it once. A gateway that started anew is noticed by its boot_id
 * and given the plan again; devices go on from what they hold.
 */
#include "host_internal.h"
#include <string.h>

#define RESTARTS_MAX 16u
#define BUSY_MAX 60u
#define BUSY_MS 500u

/* What the request on its way is. */
enum request {
	REQUEST_NONE,
	REQUEST_CAPABILITIES,
	REQUEST_PARAMS,
	REQUEST_PLAN,
	REQUEST_START,
	REQUEST_CHUNK,
	REQUEST_STATUS,
	REQUEST_REPORT,
	REQUEST_COMMAND,
};

/* The head of a chunk is written in front of its data, which is there first. */
#define HEAD_BYTES DFUCAST_SMP_UPLOAD_HEAD_BYTES_MAX

void dfucast_host_init(struct dfucast_host *host, const struct dfucast_host_config *config)
{
	DFUCAST_ASSERT(config->plan != NULL && config->plan->image_bytes > 0);
	DFUCAST_ASSERT(config->plan->header != NULL && config->plan->hash != NULL &&
		       config->plan->sha != NULL);
	DFUCAST_ASSERT(config->frame != NULL && config->frame_bytes >= 256);
	memset(host, 0, sizeof(*host));
	host->config = *config;
	host->config.timeout_ms = config->timeout_ms != 0 ? config->timeout_ms : 3000;
	host->config.tries = config->tries != 0 ? config->tries : 5;
	host->config.poll_ms = config->poll_ms != 0 ? config->poll_ms : 1000;
}

static bool reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

static void fail(struct dfucast_host *host, enum dfucast_err err, const struct dfucast_smp_error *error)
{
	host->outcome = (struct dfucast_outcome){
	    .err = (int8_t)err,
	    .step = host->state,
	    .group = error != NULL ? error->group : DFUCAST_GROUP_NONE,
	    .rc = error != NULL ? error->rc : 0,
	    .offset = host->offset,
	};
	host->state = DFUCAST_HOST_FAILED;
	host->request = REQUEST_NONE;
	host->length = 0;
	host->waits = false;
	host->to_send = false;
}

struct dfucast_outcome dfucast_host_outcome(const struct dfucast_host *host)
{
	return host->outcome;
}

/* ---- requests ---- */

static struct dfucast_smp_id next_id(struct dfucast_host *host)
{
	return (struct dfucast_smp_id){DFUCAST_SMP_V2, ++host->sequence};
}

static void send(struct dfucast_host *host, enum request request, int length, uint16_t begin)
{
	DFUCAST_ASSERT(length > 0);
	host->request = (uint8_t)request;
	host->begin = begin;
	host->length = (uint16_t)length;
	host->to_send = true;
	host->waits = false;
	host->tries = 1;
}

static void send_command(struct dfucast_host *host, enum request request,
			 enum dfucast_smp_fleet_command command)
{
	send(host, request,
	     dfucast_smp_fleet_command_encode(host->config.frame, host->config.frame_bytes, next_id(host),
					      command),
	     0);
}

static void send_read(struct dfucast_host *host, enum request request, enum dfucast_smp_fleet_command command,
		      uint32_t from)
{
	send(host, request,
	     dfucast_smp_fleet_read_encode(host->config.frame, host->config.frame_bytes, next_id(host),
					   command, from),
	     0);
}

static void send_plan(struct dfucast_host *host)
{
	struct dfucast_smp_fleet_plan plan = *host->config.plan;
	size_t capacity = host->config.frame_bytes;
	size_t written = 0;

	if (host->buf_size != 0 && host->buf_size < capacity) {
		capacity = host->buf_size;
	}
	plan.at = host->planned;
	int length = dfucast_smp_fleet_plan_encode(host->config.frame, capacity, next_id(host), &plan,
						   host->config.targets + host->planned,
						   host->config.target_count - host->planned, &written);

	if (length < 0 || (written == 0 && host->planned < host->config.target_count)) {
		fail(host, DFUCAST_ERR_SPACE, NULL);
		return;
	}
	host->planned = (uint16_t)(host->planned + written);
	send(host, REQUEST_PLAN, length, 0);
}

static uint32_t chunk_max(const struct dfucast_host *host)
{
	const struct dfucast_smp_upload upload = {
	    .offset = host->offset,
	    .image_length = host->config.plan->image_bytes,
	    .sha = host->config.plan->sha,
	    .image = host->config.image,
	};
	uint32_t frame = host->config.frame_bytes;

	if (host->buf_size != 0 && host->buf_size < frame) {
		frame = host->buf_size;
	}
	uint32_t most = dfucast_smp_upload_data_max(&upload, frame);
	uint32_t room = host->config.frame_bytes - HEAD_BYTES;
	uint32_t left = host->config.plan->image_bytes - host->offset;

	most = most < room ? most : room;
	return most < left ? most : left;
}

static void send_chunk(struct dfucast_host *host)
{
	const struct dfucast_smp_upload upload = {
	    .offset = host->offset,
	    .image_length = host->config.plan->image_bytes,
	    .sha = host->config.plan->sha,
	    .data_bytes = host->filled,
	    .image = host->config.image,
	};
	uint8_t head[HEAD_BYTES];
	int length = dfucast_smp_upload_head_encode(head, sizeof(head), next_id(host), &upload);

	DFUCAST_ASSERT(length > 0);
	memcpy(host->config.frame + HEAD_BYTES - length, head, (size_t)length);
	send(host, REQUEST_CHUNK, length + host->filled, (uint16_t)(HEAD_BYTES - (unsigned int)length));
}

/* ---- states ---- */

static void ask(struct dfucast_host *host)
{
	host->state = DFUCAST_HOST_ASKING;
	host->filled = 0;
	send(host, REQUEST_CAPABILITIES,
	     dfucast_smp_fleet_capabilities_encode(host->config.frame, host->config.frame_bytes,
						   next_id(host)),
	     0);
}

static void ask_again(struct dfucast_host *host)
{
	if (++host->restarts > RESTARTS_MAX) {
		fail(host, DFUCAST_ERR_NO_PROGRESS, NULL);
		return;
	}
	ask(host);
}

static void plan(struct dfucast_host *host)
{
	host->state = DFUCAST_HOST_PLANNING;
	host->planned = 0;
	memset(&host->status, 0, sizeof(host->status));
	send_plan(host);
}

/* The next request is a chunk, filled as bytes come. */
static void upload(struct dfucast_host *host, uint32_t offset)
{
	host->state = DFUCAST_HOST_UPLOADING;
	host->offset = offset;
	host->filled = 0;
	host->request = REQUEST_NONE;
	host->length = 0;
}

static bool is_dry(const struct dfucast_host *host)
{
	return (host->config.plan->flags & DFUCAST_SMP_FLEET_DRY_RUN) != 0;
}

static void watch(struct dfucast_host *host, uint32_t now)
{
	host->state = DFUCAST_HOST_WATCHING;
	host->request = REQUEST_NONE;
	host->length = 0;
	host->poll_at_ms = now;
}

static void report(struct dfucast_host *host)
{
	host->state = DFUCAST_HOST_REPORTING;
	host->filled = 0;
	host->report_next = 0;
	send_read(host, REQUEST_REPORT, DFUCAST_SMP_FLEET_REPORT, 0);
}

bool dfucast_host_has_match(const struct dfucast_host_config *config)
{
	bool has = config->plan->match != NULL;

	for (uint16_t i = 0; i < config->target_count && !has; i++) {
		has = config->targets[i].match != NULL;
	}
	return has;
}

void dfucast_host_start(struct dfucast_host *host, uint32_t now)
{
	DFUCAST_ASSERT(host->state == DFUCAST_HOST_IDLE);
	host->poll_at_ms = now;
	if (host->config.plan->match_is_due && !dfucast_host_has_match(&host->config)) {
		fail(host, DFUCAST_ERR_ARGUMENT,
		     NULL); /* without them devices would be touched that are not meant */
		return;
	}
	ask(host);
}

/* ---- image bytes ---- */

bool dfucast_host_want(const struct dfucast_host *host, uint32_t *offset, uint32_t *length)
{
	if (host->state != DFUCAST_HOST_UPLOADING || host->request != REQUEST_NONE ||
	    host->offset >= host->config.plan->image_bytes) {
		return false;
	}
	*offset = host->offset + host->filled;
	*length = chunk_max(host) - host->filled;
	return *length > 0;
}

uint32_t dfucast_host_feed(struct dfucast_host *host, uint32_t offset, const uint8_t *bytes, uint32_t length,
			   uint32_t now)
{
	uint32_t wanted;
	uint32_t most;

	(void)now;
	if (!dfucast_host_want(host, &wanted, &most) || offset != wanted) {
		return 0;
	}
	length = length < most ? length : most;
	memcpy(host->config.frame + HEAD_BYTES + host->filled, bytes, length);
	host->filled = (uint16_t)(host->filled + length);
	if (length == most) {
		send_chunk(host);
	}
	return length;
}

/* ---- frames out ---- */

static size_t begin(void *context)
{
	const struct dfucast_host *host = context;

	return host->to_send ? host->length : 0;
}

static void read_frame(void *context, size_t position, uint8_t *buffer, size_t length)
{
	const struct dfucast_host *host = context;

	DFUCAST_ASSERT(position + length <= host->length);
	memcpy(buffer, host->config.frame + host->begin + position, length);
}

/* The time-out starts at the next tick, which has the time. */
static void done(void *context)
{
	struct dfucast_host *host = context;

	host->to_send = false;
}

struct dfucast_frame_source dfucast_host_frame_source(struct dfucast_host *host)
{
	return (struct dfucast_frame_source){host, begin, read_frame, done};
}

/* ---- answers ---- */

/* A gateway without the fleet's group is none. */
static void refused(struct dfucast_host *host, const struct dfucast_smp_error *error)
{
	fail(host,
	     host->state == DFUCAST_HOST_ASKING && error->group == DFUCAST_GROUP_NONE &&
		     error->rc == DFUCAST_SMP_RC_NOT_SUPPORTED
		 ? DFUCAST_ERR_NOT_SUPPORTED
		 : DFUCAST_ERR_REFUSED,
	     error);
}

static void capabilities_answer(struct dfucast_host *host, const uint8_t *body, size_t length)
{
	struct dfucast_smp_fleet_capabilities said;
	struct dfucast_smp_error error;

	if (dfucast_smp_fleet_capabilities_decode(body, length, &error, &said) != 0) {
		fail(host, DFUCAST_ERR_MALFORMED, NULL);
		return;
	}
	if (error.rc != 0) {
		refused(host, &error);
		return;
	}
	if (said.protocol != DFUCAST_SMP_FLEET_PROTOCOL) {
		fail(host, DFUCAST_ERR_NOT_SUPPORTED, NULL);
		return;
	}
	if (said.match_bytes == 0 && dfucast_host_has_match(&host->config)) {
		/* It would pass over what it does not know, or take it for something else. */
		const struct dfucast_smp_error unknown = {.group = DFUCAST_SMP_GROUP_FLEET,
							  .rc = DFUCAST_SMP_FLEET_RC_MATCH};

		fail(host, DFUCAST_ERR_NOT_SUPPORTED, &unknown);
		return;
	}
	bool same = said.hash != NULL && said.hash_bytes == host->config.plan->hash_bytes &&
		    memcmp(said.hash, host->config.plan->hash, said.hash_bytes) == 0;

	host->adopted = same && said.state == DFUCAST_SMP_FLEET_OPEN &&
			(host->config.target_count == 0 || said.targets == host->config.target_count);
	host->boot_id = said.boot_id;
	host->outcome.count = (uint16_t)said.state;
	send(host, REQUEST_PARAMS,
	     dfucast_smp_params_encode(host->config.frame, host->config.frame_bytes, next_id(host)), 0);
}

static void params_answer(struct dfucast_host *host, const uint8_t *body, size_t length)
{
	struct dfucast_smp_params params;
	struct dfucast_smp_error error;

	if (dfucast_smp_params_decode(body, length, &error, &params) == 0 && error.rc == 0 &&
	    params.buf_size >= 128) {
		host->buf_size = params.buf_size;
	}
	plan(host);
}

/* rc 10, or links of the last cast still being closed: soon. @return true: it is waited for */
static bool patience(struct dfucast_host *host, const struct dfucast_smp_error *error, uint32_t now)
{
	bool busy = (error->group == DFUCAST_GROUP_NONE && error->rc == DFUCAST_SMP_RC_BUSY) ||
		    (error->group == DFUCAST_SMP_GROUP_FLEET && error->rc == DFUCAST_SMP_FLEET_RC_STATE);

	if (!busy || host->busy >= BUSY_MAX) {
		return false;
	}
	host->busy++;
	host->waits = true;
	host->due_ms = now + BUSY_MS;
	host->tries = 0;
	host->adopted = false; /* what it is at work on is another plan's */
	/* It goes again then, and is to be looked at anew: another number, or the answer would be this one once more. */
	host->config.frame[host->begin + 6u] = ++host->sequence;
	return true;
}

static void plan_answer(struct dfucast_host *host, const uint8_t *body, size_t length, uint32_t now)
{
	struct dfucast_smp_error error;

	if (dfucast_smp_fleet_prediction_decode(body, length, &error, &host->prediction) != 0) {
		fail(host, DFUCAST_ERR_MALFORMED, NULL);
	} else if (error.rc != 0) {
		if (!patience(host, &error, now)) {
			refused(host, &error);
		}
	} else if (host->planned < host->config.target_count) {
		host->busy = 0;
		send_plan(host);
	} else if (host->adopted) {
		/* It was our plan that it is at work on. What it wants next, its status says. */
		host->state = DFUCAST_HOST_WATCHING;
		send_read(host, REQUEST_STATUS, DFUCAST_SMP_FLEET_STATUS, 0);
	} else {
		host->busy = 0;
		host->state = DFUCAST_HOST_STARTING;
		send_command(host, REQUEST_START, DFUCAST_SMP_FLEET_START);
	}
}

static void chunk_answer(struct dfucast_host *host, const uint8_t *body, size_t length, uint32_t now)
{
	struct dfucast_smp_upload_answer answer;
	struct dfucast_smp_error error;

	if (dfucast_smp_upload_decode(body, length, &error, &answer) != 0) {
		fail(host, DFUCAST_ERR_MALFORMED, NULL);
	} else if (error.group == DFUCAST_SMP_GROUP_FLEET && error.rc == DFUCAST_SMP_FLEET_RC_NOBODY) {
		watch(host, now);
	} else if (error.rc != 0) {
		if (!patience(host, &error, now)) {
			refused(host, &error);
		}
	} else if (!answer.has_offset || answer.offset > host->config.plan->image_bytes) {
		fail(host, DFUCAST_ERR_MALFORMED, NULL);
	} else if (answer.offset == host->config.plan->image_bytes) {
		watch(host, now);
	} else if (answer.offset == 0 && host->offset != 0) {
		/* It has forgotten us: look first, or its default plan would be what is updated. */
		ask_again(host);
	} else {
		uint16_t filled = answer.offset == host->offset ? host->filled : 0;

		host->busy = 0;
		upload(host, answer.offset);
		/* The same bytes once more, as when it is waited at the image's last one: they are there still, and what comes
		 * over a network is not asked for again. */
		host->filled = filled;
	}
}

static void status_answer(struct dfucast_host *host, const uint8_t *body, size_t length, uint32_t now)
{
	struct dfucast_smp_fleet_status said;
	struct dfucast_smp_error error;

	if (dfucast_smp_fleet_status_decode(body, length, &error, &said) != 0) {
		fail(host, DFUCAST_ERR_MALFORMED, NULL);
		return;
	}
	if (error.rc != 0) {
		refused(host, &error);
		return;
	}
	host->status = said;
	if (said.passes > host->passes) {
		host->passes = said.passes;
		host->restarts =
		    0; /* to be called back to the image's beginning for a further pass is progress */
	}
	for (unsigned int i = 0; i < said.count && host->config.changed != NULL; i++) {
		host->config.changed(host->config.context, said.changes[i].target,
				     (enum dfucast_state)said.changes[i].state);
	}
	host->request = REQUEST_NONE;
	host->length = 0;
	host->poll_at_ms = said.more ? now : now + host->config.poll_ms;
	if (said.state != DFUCAST_SMP_FLEET_OPEN && said.state != DFUCAST_SMP_FLEET_OVER) {
		ask_again(host);
	} else if (said.more) {
		return;
	} else if (said.state == DFUCAST_SMP_FLEET_OVER) {
		report(host);
	} else if (host->state == DFUCAST_HOST_WATCHING && said.next < host->config.plan->image_bytes &&
		   !is_dry(host)) {
		upload(host, said.next); /* somebody needs it once more, or it was adopted in the middle */
	}
}

static void report_answer(struct dfucast_host *host, const uint8_t *body, size_t length)
{
	struct dfucast_smp_fleet_report one;
	struct dfucast_smp_text elements;
	struct dfucast_smp_error error;
	uint32_t next;
	int more;

	if (dfucast_smp_fleet_page_decode(body, length, &error, "targets", &elements, &next) != 0) {
		fail(host, DFUCAST_ERR_MALFORMED, NULL);
		return;
	}
	if (error.rc != 0) {
		refused(host, &error);
		return;
	}
	while ((more = dfucast_smp_fleet_report_next(&elements, &one)) > 0) {
		if (host->config.report != NULL) {
			host->config.report(host->config.context, &one);
		}
	}
	if (more < 0 || (next != 0 && next <= host->report_next)) {
		fail(host, DFUCAST_ERR_MALFORMED, NULL);
	} else if (next != 0) {
		host->report_next = next;
		send_read(host, REQUEST_REPORT, DFUCAST_SMP_FLEET_REPORT, next);
	} else {
		host->state = DFUCAST_HOST_DONE;
		host->request = REQUEST_NONE;
		host->length = 0;
	}
}

static void command_answer(struct dfucast_host *host, const uint8_t *body, size_t length, uint32_t now)
{
	struct dfucast_smp_error error;

	if (dfucast_smp_error_decode(body, length, &error) != 0) {
		fail(host, DFUCAST_ERR_MALFORMED, NULL);
	} else if (host->request == REQUEST_COMMAND) {
		/* Refused means too late: the status that follows says what became of it. */
		watch(host, now);
		if (!host->aborts && host->offset < host->config.plan->image_bytes && error.rc == 0 &&
		    !is_dry(host)) {
			upload(host, host->offset);
		}
	} else if (error.rc != 0) {
		if (!patience(host, &error, now)) {
			refused(host, &error);
		}
	} else if (is_dry(host)) {
		watch(host, now); /* nobody takes a byte */
	} else {
		host->busy = 0;
		upload(host, 0);
	}
}

void dfucast_host_recv(struct dfucast_host *host, const uint8_t *frame, size_t length, uint32_t now)
{
	const uint8_t *request = host->config.frame + host->begin;
	const uint8_t *body = frame + DFUCAST_SMP_HEADER_BYTES;
	struct dfucast_smp_header header;

	if (host->request == REQUEST_NONE || host->to_send || length < DFUCAST_SMP_HEADER_BYTES) {
		return;
	}
	dfucast_smp_header_decode(&header, frame);
	if (header.op != (request[0] & 7u) + 1u || header.group != (request[4] << 8 | request[5]) ||
	    header.sequence != request[6] || header.command != request[7] ||
	    header.length > length - DFUCAST_SMP_HEADER_BYTES) {
		return; /* late, or not ours */
	}
	host->waits = false;
	switch (host->request) {
	case REQUEST_CAPABILITIES:
		capabilities_answer(host, body, header.length);
		break;
	case REQUEST_PARAMS:
		params_answer(host, body, header.length);
		break;
	case REQUEST_PLAN:
		plan_answer(host, body, header.length, now);
		break;
	case REQUEST_CHUNK:
		chunk_answer(host, body, header.length, now);
		break;
	case REQUEST_STATUS:
		status_answer(host, body, header.length, now);
		break;
	case REQUEST_REPORT:
		report_answer(host, body, header.length);
		break;
	default:
		command_answer(host, body, header.length, now);
		break;
	}
	dfucast_host_tick(host, now);
}

/* ---- time ---- */

static bool is_over(const struct dfucast_host *host)
{
	return host->state == DFUCAST_HOST_IDLE || host->state >= DFUCAST_HOST_DONE;
}

/* Between two requests: a command that was asked for, then the status when it is time, then a chunk that is whole. */
static void between(struct dfucast_host *host, uint32_t now)
{
	if (host->command != 0) {
		enum dfucast_smp_fleet_command command = (enum dfucast_smp_fleet_command)host->command;

		host->command = 0;
		host->filled = 0; /* its memory is needed */
		send_command(host, REQUEST_COMMAND, command);
		return;
	}
	bool looks = host->state == DFUCAST_HOST_WATCHING || host->state == DFUCAST_HOST_UPLOADING;

	/* A chunk half filled waits for the network; its bytes stand behind the place where a short request goes. */
	if (looks && reached(now, host->poll_at_ms)) {
		send_read(host, REQUEST_STATUS, DFUCAST_SMP_FLEET_STATUS, host->status.now);
		DFUCAST_ASSERT(host->length <= HEAD_BYTES);
	} else if (host->state == DFUCAST_HOST_UPLOADING && host->filled > 0 &&
		   host->filled == chunk_max(host)) {
		send_chunk(host);
	}
}

void dfucast_host_tick(struct dfucast_host *host, uint32_t now)
{
	if (is_over(host) || host->to_send) {
		return;
	}
	if (host->request == REQUEST_NONE) {
		between(host, now);
		return;
	}
	if (!host->waits) {
		host->waits = true; /* it has just gone out */
		host->due_ms = now + host->config.timeout_ms;
		return;
	}
	if (!reached(now, host->due_ms)) {
		return;
	}
	host->waits = false;
	if (host->tries >= host->config.tries) {
		fail(host, DFUCAST_ERR_UNREACHABLE, NULL);
		return;
	}
	host->tries++;
	host->to_send = true;
}

bool dfucast_host_deadline(const struct dfucast_host *host, uint32_t *deadline)
{
	if (is_over(host) || host->to_send) {
		return false;
	}
	if (host->request != REQUEST_NONE) {
		*deadline = host->due_ms;
		return host->waits;
	}
	*deadline = host->poll_at_ms;
	return host->state == DFUCAST_HOST_WATCHING || host->state == DFUCAST_HOST_UPLOADING;
}

void dfucast_host_command(struct dfucast_host *host, enum dfucast_smp_fleet_command command, uint32_t now)
{
	DFUCAST_ASSERT(command >= DFUCAST_SMP_FLEET_PAUSE && command <= DFUCAST_SMP_FLEET_ABORT);
	if (is_over(host)) {
		return;
	}
	host->command = (uint8_t)command;
	host->aborts |= command == DFUCAST_SMP_FLEET_ABORT;
	dfucast_host_tick(host, now);
}
