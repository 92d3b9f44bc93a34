/* SPDX-License-Identifier: Apache-2.0 */
/* `dfucast sim serve`: one virtual device and the way its requests come. cmd_sim.c; serve_udp.c, serve_pty.c */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "cli.h"
#include "sim/peer/console.h"
#include "sim/peer/peer.h"
#include "sim/run/fleet.h"

#define SERVE_FRAME_BYTES_MAX                                                                                \
	2048u /* of a whole datagram too: smpclient fills its MTU whatever buffers are told */

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

/* A whole request came in: it is handled, answers that are due go out. cmd_sim.c */
void served_take(struct served *served, const uint8_t *frame, size_t length);

/* Each sets `target`, `send` and `close`. @return 0, or libuv's error. */
int serve_udp_open(struct served *served, long port);
int serve_pty_open(struct served *served);

#endif
