/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One device, one request at a time: sequence number, retries, time-out, SMP version 2 with fallback to 1.
 * On the caller's loop; several sessions run side by side. Below it, what every single-device command does
 * before and after its request.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli.h"
#include <dfucast/smp.h>

#define SESSION_TIMEOUT_MS 10000u
#define SESSION_TRIES 3u

/* How a request ended. `body` points into the session and is valid until its next request. */
struct answer {
	struct failure failure; /* err 0: an answer came, which may still carry the device's error */
	const uint8_t *body;
	size_t length;
};

struct session;
typedef void (*session_done)(void *context, const struct answer *answer);

/* Opens nothing yet. `index`: the target's place in the trace. NULL: no memory. */
struct session *session_create(struct cli *cli, const struct dfucast_linux_target *target, unsigned index);
/* Its target is a gateway: requests go to @p device behind it, whose text must outlive the session. */
void session_relay_to(struct session *session, const char *device);
/* Closes its link and frees it when the loop next runs. Allowed inside `done`. */
void session_destroy(struct session *session);

/*
 * Sends one whole request frame (header included; version and sequence number in it are replaced) and calls `done`
 * once, from the loop. `timeout_ms` is the limit of all tries together, connecting included.
 * Tries: 1 for what must not be repeated blindly (reset) or is answered late (erase).
 */
void session_start(struct session *session, const uint8_t *frame, size_t length, uint32_t timeout_ms,
		   unsigned tries, session_done done, void *context);

/* The same, running the loop until it ended. Failure err ABORTED: Ctrl-C. */
struct answer session_request(struct session *session, const uint8_t *frame, size_t length,
			      uint32_t timeout_ms, unsigned tries);

/* True once any SMP answer of this device came. */
bool session_heard(const struct session *session);

/*
 * Turns a decoder's result into one failure: err 0 when decoding and the device both said yes. `decoded` is the
 * decoder's return value, `error` what it found.
 */
struct failure session_verdict(const struct answer *answer, int decoded,
			       const struct dfucast_smp_error *error);

/* ---- single-device commands ---------------------------------------------------------------------------------- */

/* Options of single commands, as keys of their struct argp_option. */
enum single_key {
	SINGLE_FORCE = 0x200,
	SINGLE_VIA,
	SINGLE_BOOT_MODE,
	SINGLE_SET,
	SINGLE_FORMAT,
	SINGLE_SLOT,
	SINGLE_READ,
	SINGLE_WRITE,
};

struct single_spec {
	const struct argp_option *options; /* NULL: only the common ones */
	const char *words_doc;             /* "TARGET TEXT" */
	const char *doc;                   /* what it does \v examples */
	int words_min;                     /* words after TARGET */
	int words_max;
};

struct single {
	struct cli cli;
	struct dfucast_linux_target target;
	struct session *session;
	const char *target_text; /* TARGET as typed */
	const char *via;         /* NULL: not given */
	const char *words[4];    /* after TARGET */
	int word_count;
	bool force;
	bool read;
	bool write;
	long boot_mode;     /* -1: not given */
	long slot;          /* -1: not given */
	const char *set;    /* NULL: not given */
	const char *format; /* NULL: not given */
	uint8_t frame[DFUCAST_LINUX_FRAME_BYTES_MAX];
};

/* Parses the command line, opens the command and its session. @return CLI_EXIT_OK, or the exit code to return;
 * wrong usage that argp finds ends the process itself. */
int single_begin(struct single *single, int argc, char **argv, const struct single_spec *spec);
/* Only the command line, for commands that check more before they open: then single_open(). */
void single_parse(struct single *single, int argc, char **argv, const struct single_spec *spec);
int single_open(struct single *single);
/* Sends the `length` bytes of single->frame with the time-out that was asked for. A negative `length`, an
 * encoder's error, ends as that error. */
struct answer single_request(struct single *single, int length);
/* Closes all and returns the exit code. */
int single_end(struct single *single, int code);
/* single_end() after saying how it failed. */
int single_fail(struct single *single, const struct failure *failure);

#endif
