/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One virtual device in real time and the way its requests come.
 *
 *   cmd_sim.c      `dfucast sim serve`, for any client
 *   serve_local.c  sim:N as a target of commands that speak to one device, and of inventory
 *   serve.c        what both share
 *   serve_udp.c, serve_pty.c   the ways
 */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "cli.h"
#include "sim/peer/console.h"
#include "sim/peer/peer.h"
#include "sim/run/fleet.h"

#define SERVE_FRAME_BYTES_MAX 4092u
/* Unless told otherwise: smpclient fills its UDP MTU whatever buffers are told. */
#define SERVE_BUFFER_BYTES 2048u

struct served {
	struct sim_peer peer;
	struct cli *cli;
	uv_timer_t timer;
	uint8_t answer[SERVE_FRAME_BYTES_MAX];
	char target[64];                                    /* as a client names it */
	void (*send)(struct served *served, size_t length); /* `answer`, as far as it goes */
	void (*boots)(struct served *served); /* it has booted; NULL: nothing to be seen of that */
	void (*close)(struct served *served);
	uint32_t boots_seen;
	char board[SIM_FLEET_BOARD_BYTES];
	char name[24];
	/* serve_udp.c */
	uv_udp_t udp;
	struct sockaddr_storage client; /* who asked last: answers go there */
	bool asked;
	uint8_t frame[SERVE_FRAME_BYTES_MAX];
	/* serve_pty.c */
	uv_poll_t poll;
	int ours;   /* our end */
	int theirs; /* theirs, held open: a client that goes is no end of the line */
	struct sim_console console;
	size_t queued; /* lines not written yet */
	char lines[4u * SERVE_FRAME_BYTES_MAX];
};

/* Its peer and its timer. */
void served_begin(struct served *served, struct cli *cli, const struct sim_peer_config *config,
		  const uint8_t *image, uint32_t image_bytes);
/* Ends all; `closed` (may be NULL) is called for its timer when the loop next runs, the last of its handles. The peer
 * is the caller's to free, after that. */
void served_close(struct served *served, uv_close_cb closed);
/* A whole request came in: it is handled, answers that are due go out. */
void served_take(struct served *served, const uint8_t *frame, size_t length);

/* Each sets `target`, `send` and `close`. @return 0, or libuv's error. Port 0: any. */
int serve_udp_open(struct served *served, long port);
int serve_pty_open(struct served *served);

/* "sim:…" */
bool serve_local_is(const char *text);
/* Adds the N targets of "sim:N[?KEY=VALUE&…]". @return CLI_EXIT_OK, or USAGE after saying what is wrong. */
int serve_local_targets(struct cli_targets *targets, const char *text, const struct output *out);
/* Makes the device of such a target, on the command's own loop, and turns the target into the way to it. NULL: none to be
 * had. */
struct served *serve_local_open(struct cli *cli, struct dfucast_linux_target *target);
void serve_local_close(struct served *served); /* NULL is fine */

#endif
