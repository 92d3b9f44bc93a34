/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a link: what link.c (life, loop, events) and its two carriers (link_udp.c, link_stream.c) share.
 */
#ifndef DFUCAST_LINUX_LINK_H
#define DFUCAST_LINUX_LINK_H

#include "linux.h"
#include <dfucast/err.h>
#include <netdb.h>

enum link_state {
	LINK_CLOSED,
	LINK_STARTING,   /* open was called; the timer will start the carrier from the loop */
	LINK_RESOLVING,  /* waits for the name's addresses */
	LINK_CONNECTING, /* waits for a TCP connection */
	LINK_UP,
	LINK_FAILING, /* waits for the timer to tell `down` from the loop */
};

/* A watched file descriptor. Its own allocation, because libuv frees handles later than we close them. */
struct link_watch {
	uv_poll_t poll;
	struct dfucast_linux_link *link; /* NULL: the link let go of it */
};

struct link_resolve {
	uv_getaddrinfo_t request;
	struct dfucast_linux_link *link;
};

struct dfucast_linux_link {
	uv_loop_t *loop;
	struct dfucast_linux_target target;
	struct dfucast_linux_link_events events;
	const struct dfucast_frame_source *source;
	uv_timer_t timer; /* in turn: start, connect limit, raw gap, deferred `down` */
	struct link_watch *watch;
	struct link_resolve *resolve;
	struct addrinfo *addresses;    /* of the name, ours to free */
	struct addrinfo *address_next; /* to try when the present one refuses */
	enum link_state state;
	int fd;              /* -1: none */
	int fd_given;        /* DFUCAST_LINUX_FD: the owner's */
	uint32_t generation; /* counts closes: after a callback, a change says "return now" */
	bool pumping;
	bool writable_watched;
	bool loopback;
	bool ipv6;
	bool heard;      /* UDP: something came from this address */
	bool tx_traced;  /* the begun frame was given to `trace` */
	size_t tx_have;  /* bytes in tx */
	size_t tx_sent;  /* of them written */
	int failure_err; /* for LINK_FAILING */
	char failure_why[320];
	struct dfucast_framing framing;
	uint8_t tx[DFUCAST_LINUX_FRAME_BYTES_MAX];
	uint8_t rx[DFUCAST_LINUX_FRAME_BYTES_MAX + 4];
	uint8_t block[DFUCAST_LINUX_FRAME_BYTES_MAX + 4]; /* bytes just read */
	uint8_t traced[DFUCAST_LINUX_FRAME_BYTES_MAX];
};

/* link.c */
void dfucast_linux_link_fail(struct dfucast_linux_link *link, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* By errno, for sockets: `what` begins the sentence. */
void dfucast_linux_link_fail_errno(struct dfucast_linux_link *link, int error, const char *what);
/* Watches link->fd for UV_READABLE, UV_WRITABLE; takes the fd over. False: failed, and said so. */
bool dfucast_linux_link_watch(struct dfucast_linux_link *link, int events);
void dfucast_linux_link_unwatch(struct dfucast_linux_link *link);
void dfucast_linux_link_set_up(struct dfucast_linux_link *link);
void dfucast_linux_link_deliver(struct dfucast_linux_link *link, const uint8_t *frame, size_t length);
void dfucast_linux_link_noise(struct dfucast_linux_link *link, size_t bytes);
void dfucast_linux_link_trace_begun(struct dfucast_linux_link *link, size_t length);

/* link_udp.c; the next of link->address_next, or failure when there is none */
void dfucast_linux_udp_connect(struct dfucast_linux_link *link);
void dfucast_linux_udp_readable(struct dfucast_linux_link *link);
void dfucast_linux_udp_pump(struct dfucast_linux_link *link);
void dfucast_linux_udp_error(struct dfucast_linux_link *link, int error);

/* link_stream.c */
void dfucast_linux_serial_open(struct dfucast_linux_link *link);
void dfucast_linux_serial_release(int fd);
void dfucast_linux_stream_adopt(struct dfucast_linux_link *link);
void dfucast_linux_tcp_connect(struct dfucast_linux_link *link);
void dfucast_linux_tcp_connected(struct dfucast_linux_link *link, int error);
void dfucast_linux_stream_readable(struct dfucast_linux_link *link);
void dfucast_linux_stream_pump(struct dfucast_linux_link *link);

#endif
