/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to one device, and the frame of every single-device command.
 */
#define _GNU_SOURCE 1
#include "session.h"
#include "serve.h"
#include <dfucast/smp_fleet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS 500u

struct session {
	struct cli *cli;
	struct dfucast_linux_target target;
	unsigned index;
	struct dfucast_linux_link *link;
	struct served *served; /* a virtual device of this command's own; NULL: a real one */
	struct dfucast_frame_source source;
	uv_timer_t timer;
	struct dfucast_smp_client client;
	bool active;  /* a request waits for its end */
	bool to_send; /* the frame, or a begun part of it, still has to go out */
	bool begun;   /* it was partly read: it must not change any more */
	bool heard;
	bool busy;             /* the gateway asked for patience: the timer sends the request again */
	size_t noise_bytes;    /* since the link came up */
	unsigned frames_other; /* answers to something else */
	unsigned tries;        /* asked for */
	unsigned tries_left;   /* the running one not counted */
	uint32_t timeout_ms;   /* asked for */
	uint64_t deadline_ms;  /* uv_now() at which all ends */
	session_done done;
	void *done_context;
	size_t length;
	const char *relay_to; /* the device behind this gateway; NULL: the target is the device itself */
	uint8_t frame[DFUCAST_LINUX_FRAME_BYTES_MAX];
	uint8_t answer[DFUCAST_LINUX_FRAME_BYTES_MAX];
	struct answer result;
};

/* ---- the frame on its way out ------------------------------------------------------------------------------- */

static size_t source_begin(void *context)
{
	struct session *session = context;

	if (!session->to_send)
		return 0;
	session->begun = true;
	return session->length;
}

static void source_read(void *context, size_t position, uint8_t *buffer, size_t length)
{
	const struct session *session = context;

	memcpy(buffer, session->frame + position, length);
}

static void source_done(void *context)
{
	struct session *session = context;

	session->to_send = false;
	session->begun = false;
}

/* ---- ends ---------------------------------------------------------------------------------------------------- */

static void finish(struct session *session)
{
	session->active = false;
	dfucast_smp_client_clear(&session->client);
	(void)uv_timer_stop(&session->timer);
	session->done(session->done_context, &session->result);
}

static void finish_failed(struct session *session, int err, const char *why)
{
	memset(&session->result, 0, sizeof(session->result));
	session->result.failure.err = err;
	session->result.failure.group = DFUCAST_GROUP_NONE;
	(void)snprintf(session->result.failure.why, sizeof(session->result.failure.why), "%s", why);
	cli_log(session->cli, 1, "%s: %s: %s", session->target.text, dfucast_err_name(err), why);
	finish(session);
}

/* All tries are over. Which silence was it? */
static void finish_silent(struct session *session)
{
	double seconds = (double)session->timeout_ms / 1000.0;
	char why[200];

	if (!dfucast_linux_link_is_up(session->link)) {
		(void)snprintf(why, sizeof(why), "no connection within %g s", seconds);
		finish_failed(session, DFUCAST_ERR_UNREACHABLE, why);
	} else if (!session->heard && session->frames_other == 0 && session->noise_bytes > 0) {
		(void)snprintf(why, sizeof(why), "%zu bytes came within %g s, but no SMP frame among them",
			       session->noise_bytes, seconds);
		finish_failed(session, DFUCAST_ERR_GARBLED, why);
	} else if (session->frames_other > 0) {
		(void)snprintf(why, sizeof(why),
			       "%u SMP frames came within %g s, but none answers this request",
			       session->frames_other, seconds);
		finish_failed(session, DFUCAST_ERR_SILENT, why);
	} else {
		(void)snprintf(why, sizeof(why), "no answer to %u %s within %g s%s", session->tries,
			       session->tries == 1 ? "request" : "tries", seconds,
			       session->heard ? ", though the device answered before" : "");
		finish_failed(session, DFUCAST_ERR_SILENT, why);
	}
}

/* ---- tries --------------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void write_header(struct session *session)
{
	struct dfucast_smp_header header;

	dfucast_smp_header_decode(&header, session->frame);
	header.version = session->client.version & 3u;
	header.sequence = session->client.pending[0].sequence;
	dfucast_smp_header_encode(&header, session->frame);
}

/* A gateway answers a repeated frame as it did before: what is asked anew needs another number. */
static void next_number(struct session *session)
{
	struct dfucast_smp_header header;

	dfucast_smp_header_decode(&header, session->frame);
	dfucast_smp_client_clear(&session->client);
	(void)dfucast_smp_client_add(
	    &session->client, DFUCAST_SMP_REQUEST_RAW,
	    dfucast_smp_raw_pack((enum dfucast_smp_op)header.op, header.group, header.command), 0);
}

/* The same sequence number in every try, so that a late answer still counts. */
static void send_try(struct session *session)
{
	uint64_t now = uv_now(&session->cli->loop);
	uint64_t left = session->deadline_ms > now ? session->deadline_ms - now : 0;

	if (!session->begun)
		write_header(session);
	session->to_send = true;
	cli_log(session->cli, 1,
		"%s: request group %u command %u sequence %u, %zu bytes, SMP version %u, try %u",
		session->target.text, (unsigned)(session->frame[4] << 8 | session->frame[5]),
		session->frame[7], session->frame[6], session->length, session->client.version + 1u,
		session->tries - session->tries_left);
	(void)uv_timer_start(&session->timer, on_timer, left / (session->tries_left + 1), 0);
	dfucast_linux_link_pump(session->link);
}

static void on_timer(uv_timer_t *timer)
{
	struct session *session = timer->data;

	if (!session->active)
		return;
	if (session->busy) {
		session->busy = false;
		next_number(session);
		send_try(session);
		return;
	}
	if (session->tries_left == 0 || !dfucast_linux_link_is_up(session->link)) {
		finish_silent(session);
		return;
	}
	session->tries_left--;
	/* some servers of the first version drop what has another version number: the last try is for them */
	if (session->tries_left == 0 && !session->heard && session->tries > 1)
		session->client.version = DFUCAST_SMP_V1;
	send_try(session);
}

/* ---- the link's events --------------------------------------------------------------------------------------- */

static void on_up(void *context)
{
	struct session *session = context;

	cli_log(session->cli, 1, "%s: link up", session->target.text);
	session->noise_bytes = 0;
	session->frames_other = 0;
	if (session->active)
		send_try(session);
}

static void on_down(void *context, int err, const char *why)
{
	struct session *session = context;

	session->to_send = false;
	session->begun = false;
	if (session->active)
		finish_failed(session, err, why);
	else
		cli_log(session->cli, 1, "%s: link down: %s", session->target.text, why);
}

static void on_noise(void *context, size_t bytes)
{
	struct session *session = context;

	session->noise_bytes += bytes;
	cli_log(session->cli, 2, "%s: %zu bytes outside any frame", session->target.text, bytes);
}

static void on_trace(void *context, bool outgoing, const uint8_t *frame, size_t length)
{
	struct session *session = context;

	trace_frame(&session->cli->trace, session->index, outgoing, frame, length);
}

/* The device says that this version is too new for it. */
static bool wants_v1(const struct session *session)
{
	struct dfucast_smp_error error = {0};

	return session->client.version != DFUCAST_SMP_V1 &&
	       dfucast_smp_error_decode(session->result.body, session->result.length, &error) == 0 &&
	       error.group == DFUCAST_GROUP_NONE && error.rc == DFUCAST_SMP_RC_VERSION_TOO_NEW;
}

/* The answer of the device behind the gateway out of the gateway's. @return false: the gateway is busy, asked again */
static bool unwrap(struct session *session)
{
	struct failure *failure = &session->result.failure;
	struct dfucast_smp_error error;
	const uint8_t *inner;
	size_t length;

	if (dfucast_smp_fleet_relay_answer_decode(session->result.body, session->result.length, &error,
						  &inner, &length) != 0) {
		failure->err = DFUCAST_ERR_MALFORMED;
		(void)snprintf(failure->why, sizeof(failure->why),
			       "the gateway's answer cannot be understood");
		return true;
	}
	if (error.rc == 0) {
		session->result.body = inner + DFUCAST_SMP_HEADER_BYTES;
		session->result.length = length - DFUCAST_SMP_HEADER_BYTES;
		return true;
	}
	bool busy = error.group == DFUCAST_GROUP_NONE && error.rc == DFUCAST_SMP_RC_BUSY;

	if (busy && uv_now(&session->cli->loop) + BUSY_MS < session->deadline_ms) {
		session->busy = true;
		(void)uv_timer_start(&session->timer, on_timer, BUSY_MS, 0);
		return false;
	}
	failure->group = error.group;
	failure->rc = error.rc;
	failure->err = DFUCAST_ERR_REFUSED;
	if (error.group == DFUCAST_SMP_GROUP_FLEET && error.rc == DFUCAST_SMP_FLEET_RC_UNREACHABLE) {
		failure->err = DFUCAST_ERR_UNREACHABLE;
		(void)snprintf(failure->why, sizeof(failure->why), "the gateway cannot reach %.80s",
			       session->relay_to);
	} else if (error.group == DFUCAST_SMP_GROUP_FLEET && error.rc == DFUCAST_SMP_FLEET_RC_NO_TARGET) {
		(void)snprintf(failure->why, sizeof(failure->why), "the gateway knows no %.80s",
			       session->relay_to);
	} else if (error.group == DFUCAST_GROUP_NONE && error.rc == DFUCAST_SMP_RC_NOT_SUPPORTED) {
		failure->err = DFUCAST_ERR_NOT_SUPPORTED;
		(void)snprintf(failure->why, sizeof(failure->why),
			       "this is an SMP server, but no gateway that relays");
	} else if (busy) {
		(void)snprintf(failure->why, sizeof(failure->why),
			       "the gateway is at work on %.80s: only reads and echo pass then",
			       session->relay_to);
	}
	return true;
}

static void on_frame(void *context, const uint8_t *frame, size_t length)
{
	struct session *session = context;
	struct dfucast_smp_header header;

	dfucast_smp_header_decode(&header, frame);
	if (!session->active || length > sizeof(session->answer) ||
	    dfucast_smp_client_match(&session->client, &header) < 0) {
		session->frames_other++;
		cli_log(session->cli, 1, "%s: frame nobody waits for: group %u command %u sequence %u",
			session->target.text, header.group, header.command, header.sequence);
		return;
	}
	session->heard = true;
	memcpy(session->answer, frame, length);
	memset(&session->result, 0, sizeof(session->result));
	session->result.failure.group = DFUCAST_GROUP_NONE;
	session->result.body = session->answer + DFUCAST_SMP_HEADER_BYTES;
	session->result.length = length - DFUCAST_SMP_HEADER_BYTES;
	cli_log(session->cli, 1, "%s: answer group %u command %u sequence %u, %zu bytes",
		session->target.text, header.group, header.command, header.sequence, length);
	if (wants_v1(session)) {
		session->client.version = DFUCAST_SMP_V1;
		send_try(session);
		return;
	}
	if (session->relay_to != NULL && !unwrap(session)) {
		return;
	}
	finish(session);
}

/* ---- public ------------------------------------------------------------------------------------------------- */

struct session *session_create(struct cli *cli, const struct dfucast_linux_target *target, unsigned index)
{
	struct session *session = calloc(1, sizeof(*session));
	struct dfucast_linux_link_events events = {
	    .context = session,
	    .up = on_up,
	    .down = on_down,
	    .frame = on_frame,
	    .noise = on_noise,
	    .trace = cli->trace.pcap != NULL ? on_trace : NULL,
	};
	struct timespec now;

	if (session == NULL)
		return NULL;
	session->cli = cli;
	session->target = *target;
	session->index = index;
	session->source.context = session;
	session->source.begin = source_begin;
	session->source.read = source_read;
	session->source.done = source_done;
	if (target->scheme == DFUCAST_LINUX_SIM) {
		session->served = serve_local_open(cli, &session->target);
		if (session->served == NULL) {
			free(session);
			return NULL;
		}
	}
	session->link = dfucast_linux_link_create(&cli->loop, &session->target, &events, &session->source);
	if (session->link == NULL) {
		serve_local_close(session->served);
		free(session);
		return NULL;
	}
	/* Not the number of the run before, whose late answers may still come. */
	(void)clock_gettime(CLOCK_REALTIME, &now);
	dfucast_smp_client_init(&session->client, (uint8_t)(now.tv_nsec / 1000 + getpid() + (long)index));
	session->client.version = DFUCAST_SMP_V2;
	(void)uv_timer_init(&cli->loop, &session->timer);
	session->timer.data = session;
	return session;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void session_destroy(struct session *session)
{
	if (session == NULL)
		return;
	session->active = false;
	dfucast_linux_link_destroy(session->link);
	session->link = NULL;
	serve_local_close(session->served);
	session->served = NULL;
	uv_close((uv_handle_t *)&session->timer, on_timer_closed);
}

/* The request as it goes to this link's other end. @return its length, 0: no room */
static size_t wrap(struct session *session, const uint8_t *frame, size_t length)
{
	const struct dfucast_smp_id id = {DFUCAST_SMP_V2, 0};
	struct dfucast_smp_fleet_relay relay = {.frame = frame, .frame_bytes = (uint16_t)length};
	int wrapped;

	if (session->relay_to == NULL) {
		memcpy(session->frame, frame, length);
		return length;
	}
	relay.id = (struct dfucast_smp_text){session->relay_to, strlen(session->relay_to)};
	wrapped = dfucast_smp_fleet_relay_encode(session->frame, sizeof(session->frame), id, &relay);
	return wrapped > 0 ? (size_t)wrapped : 0;
}

void session_relay_to(struct session *session, const char *device)
{
	session->relay_to = device;
}

void session_start(struct session *session, const uint8_t *frame, size_t length, uint32_t timeout_ms,
		   unsigned tries, session_done done, void *context)
{
	struct dfucast_smp_header header;

	uv_update_time(&session->cli->loop);
	session->active = true;
	session->done = done;
	session->done_context = context;
	session->timeout_ms = timeout_ms;
	session->deadline_ms = uv_now(&session->cli->loop) + timeout_ms;
	session->tries = tries;
	session->tries_left = tries - 1;
	session->frames_other = 0;
	session->busy = false;
	session->length = wrap(session, frame, length);
	if (session->length == 0) {
		session->active = false;
		finish_failed(session, DFUCAST_ERR_SPACE, "the request is too long to be relayed");
		return;
	}
	dfucast_smp_header_decode(&header, session->frame);
	(void)dfucast_smp_client_add(
	    &session->client, DFUCAST_SMP_REQUEST_RAW,
	    dfucast_smp_raw_pack((enum dfucast_smp_op)header.op, header.group, header.command), 0);
	if (dfucast_linux_link_is_up(session->link)) {
		send_try(session);
	} else {
		(void)uv_timer_start(&session->timer, on_timer, timeout_ms, 0);
		dfucast_linux_link_open(session->link);
	}
}

struct waiting {
	bool ended;
	struct answer answer;
};

static void on_waiting_done(void *context, const struct answer *answer)
{
	struct waiting *waiting = context;

	waiting->ended = true;
	waiting->answer = *answer;
}

struct answer session_request(struct session *session, const uint8_t *frame, size_t length,
			      uint32_t timeout_ms, unsigned tries)
{
	struct waiting waiting = {0};

	session_start(session, frame, length, timeout_ms, tries, on_waiting_done, &waiting);
	while (!waiting.ended && !session->cli->interrupted)
		(void)uv_run(&session->cli->loop, UV_RUN_ONCE);
	if (!waiting.ended) {
		session->active = false;
		waiting.answer.failure.err = DFUCAST_ERR_ABORTED;
		waiting.answer.failure.group = DFUCAST_GROUP_NONE;
	}
	return waiting.answer;
}

bool session_heard(const struct session *session)
{
	return session->heard;
}

struct failure session_verdict(const struct answer *answer, int decoded,
			       const struct dfucast_smp_error *error)
{
	struct failure failure = answer->failure;

	if (failure.err != DFUCAST_ERR_OK)
		return failure;
	failure.group = DFUCAST_GROUP_NONE;
	if (decoded < 0) {
		failure.err = decoded;
	} else if (error->rc != 0) {
		bool absent = error->group == DFUCAST_GROUP_NONE && error->rc == DFUCAST_SMP_RC_NOT_SUPPORTED;

		failure.err = absent ? DFUCAST_ERR_NOT_SUPPORTED : DFUCAST_ERR_REFUSED;
		failure.group = error->group;
		failure.rc = error->rc;
	}
	return failure;
}

/* ---- single-device commands --------------------------------------------------------------------------------- */

struct single_parser {
	struct single *single;
	const struct single_spec *spec;
	const char *target;
};

static error_t parse_via(int key, char *value, struct argp_state *state)
{
	if (key != SINGLE_VIA)
		return ARGP_ERR_UNKNOWN;
	((struct single *)state->input)->via = value;
	return 0;
}

static error_t parse_single(int key, char *value, struct argp_state *state)
{
	struct single_parser *parser = state->input;
	struct single *single = parser->single;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &single->cli.options;
		state->child_inputs[1] = single;
		return 0;
	case SINGLE_FORCE:
		single->force = true;
		return 0;
	case SINGLE_READ:
		single->read = true;
		return 0;
	case SINGLE_WRITE:
		single->write = true;
		return 0;
	case SINGLE_SET:
		single->set = value;
		return 0;
	case SINGLE_FORMAT:
		single->format = value;
		return 0;
	case SINGLE_BOOT_MODE:
		if (!cli_number_parse(value, 0, 255, &single->boot_mode))
			argp_error(state, "--boot-mode takes a number from 0 to 255, not \"%s\"", value);
		return 0;
	case SINGLE_SLOT:
		if (!cli_number_parse(value, 0, 255, &single->slot))
			argp_error(state, "--slot takes a number from 0 to 255, not \"%s\"", value);
		return 0;
	case ARGP_KEY_ARG:
		if (parser->target == NULL) {
			parser->target = value;
			return 0;
		}
		if (single->word_count == parser->spec->words_max)
			argp_error(state, "\"%s\" is one argument too many", value);
		single->words[single->word_count++] = value;
		return 0;
	case ARGP_KEY_END:
		if (parser->target == NULL || single->word_count < parser->spec->words_min)
			argp_error(state, "an argument is missing: write %s %s", state->name,
				   parser->spec->words_doc);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void single_parse(struct single *single, int argc, char **argv, const struct single_spec *spec)
{
	static const struct argp_option via_options[] = {
	    {"via", SINGLE_VIA, "GATEWAY", 0,
	     "Through a gateway at serial:, tcp: or udp:; TARGET is then as it sees it", 1},
	    {0}};
	static const struct argp via_argp = {via_options, parse_via, NULL, NULL, NULL, NULL, NULL};
	const struct argp_child children[] = {
	    {&cli_common_argp, 0, "Common options:", 10}, {&via_argp, 0, NULL, 9}, {0}};
	const struct argp argp = {spec->options, parse_single, spec->words_doc, spec->doc, children,
				  NULL,          NULL};
	struct single_parser parser = {single, spec, NULL};

	memset(single, 0, sizeof(*single));
	single->boot_mode = -1;
	single->slot = -1;
	cli_parse(&argp, argc, argv, &parser);
	output_init(&single->cli.out, argv[0], single->cli.options.json);
	single->target_text = parser.target;
}

static int target_of(struct single *single)
{
	/* Behind a gateway the target's text is the gateway's. */
	const char *text = single->via != NULL ? single->via : single->target_text;
	struct cli_targets targets = {0};
	int code;

	if (!serve_local_is(text))
		return cli_target_one(&single->target, text, &single->cli.out);
	code = serve_local_targets(&targets, text, &single->cli.out);
	if (code == CLI_EXIT_OK && targets.count != 1)
		code = output_usage(&single->cli.out, "This command speaks to one device.",
				    "Write sim:1; \"dfucast inventory\" and \"dfucast update\" take many.");
	if (code == CLI_EXIT_OK)
		single->target = targets.items[0];
	cli_targets_free(&targets);
	return code;
}

int single_open(struct single *single)
{
	int code = target_of(single);

	if (code == CLI_EXIT_OK)
		code = cli_open(&single->cli, single->cli.out.command, &single->cli.options);
	if (code != CLI_EXIT_OK)
		return code;
	single->session = session_create(&single->cli, &single->target, 0);
	if (single->session == NULL) {
		(void)fprintf(stderr, "%s: out of memory.\n", single->cli.out.command);
		return cli_close(&single->cli, CLI_EXIT_TARGET);
	}
	if (single->via != NULL) {
		session_relay_to(single->session, single->target_text);
	}
	return CLI_EXIT_OK;
}

int single_begin(struct single *single, int argc, char **argv, const struct single_spec *spec)
{
	single_parse(single, argc, argv, spec);
	return single_open(single);
}

static uint32_t timeout_of(const struct single *single)
{
	return single->cli.options.timeout_ms != 0 ? single->cli.options.timeout_ms : SESSION_TIMEOUT_MS;
}

struct answer single_request(struct single *single, int length)
{
	struct answer answer = {.failure = {.err = DFUCAST_ERR_ARGUMENT, .group = DFUCAST_GROUP_NONE}};

	if (length >= 0)
		return session_request(single->session, single->frame, (size_t)length, timeout_of(single),
				       SESSION_TRIES);
	/* An encoder has only one thing to complain about, and it is the user's. */
	(void)snprintf(answer.failure.why, sizeof(answer.failure.why), "the request is longer than %u bytes",
		       DFUCAST_LINUX_FRAME_BYTES_MAX);
	return answer;
}

int single_end(struct single *single, int code)
{
	session_destroy(single->session);
	single->session = NULL;
	return cli_close(&single->cli, code);
}

int single_fail(struct single *single, const struct failure *failure)
{
	int code;

	if (failure->err == DFUCAST_ERR_ABORTED)
		return single_end(single, CLI_EXIT_INTERRUPTED);
	code = output_failure(&single->cli.out, single->target.text, failure);
	/* What the gateway itself answers has a code; without one it was the link to it. */
	if (single->via != NULL && failure->rc == 0 && dfucast_err_band(failure->err) == DFUCAST_BAND_LINK)
		code = CLI_EXIT_RADIO;
	return single_end(single, code);
}
