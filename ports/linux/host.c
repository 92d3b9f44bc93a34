/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end of a link. See host.h. Streams are links on a descriptor that is open already; a datagram's answer
 * goes to whoever sent the last request. */
#define _GNU_SOURCE 1
#include "host.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define REOPEN_MS 1000u

enum host_kind {
	HOST_SERIAL,
	HOST_PTY,
	HOST_TCP,
	HOST_UDP,
};

struct dfucast_linux_host {
	uv_loop_t *loop;
	struct dfucast_linux_host_events events;
	struct dfucast_frame_source source;
	struct dfucast_linux_target target;
	struct dfucast_linux_link *link; /* NULL: none, or UDP */
	uv_timer_t timer;                /* to open the link again */
	uv_poll_t poll;                  /* of `fd`: TCP, UDP */
	enum host_kind kind;
	int fd;       /* the pty's master, or a listening socket; -1: none */
	int slave;    /* the pty's other end, held open so that a host's leaving is no end of it; -1: none */
	int accepted; /* TCP: the connection; -1: none */
	bool polls;
	unsigned handles; /* still to be closed by libuv */
	struct sockaddr_storage client;
	socklen_t client_bytes; /* 0: nobody has asked yet */
	char name[DFUCAST_LINUX_TEXT_BYTES + 16];
	uint8_t frame[DFUCAST_LINUX_FRAME_BYTES_MAX];
};

static void say(struct dfucast_linux_host *host, const char *what)
{
	if (host->events.told != NULL)
		host->events.told(host->events.context, what);
}

/* ---- streams ------------------------------------------------------------------------------------------------- */

static void reopen(uv_timer_t *timer)
{
	struct dfucast_linux_host *host = timer->data;

	if (host->link != NULL)
		dfucast_linux_link_open(host->link);
}

static void on_frame(void *context, const uint8_t *frame, size_t length)
{
	struct dfucast_linux_host *host = context;

	host->events.frame(host->events.context, frame, length);
}

static void on_down(void *context, int err, const char *why)
{
	struct dfucast_linux_host *host = context;

	(void)err;
	say(host, why);
	if (host->kind == HOST_TCP) {
		dfucast_linux_link_destroy(host->link);
		host->link = NULL; /* the next host may come */
		(void)close(host->accepted);
		host->accepted = -1;
		return;
	}
	(void)uv_timer_start(&host->timer, reopen, REOPEN_MS, 0);
}

static struct dfucast_linux_link_events link_events(struct dfucast_linux_host *host)
{
	return (struct dfucast_linux_link_events){.context = host, .down = on_down, .frame = on_frame};
}

static void begin_stream(struct dfucast_linux_host *host, int fd)
{
	const struct dfucast_linux_link_events events = link_events(host);

	host->link = fd < 0 ? dfucast_linux_link_create(host->loop, &host->target, &events, &host->source)
			    : dfucast_linux_link_create_on(host->loop, fd, host->target.framing, &events,
							   &host->source);
	if (host->link != NULL)
		dfucast_linux_link_open(host->link);
}

static bool open_pty(struct dfucast_linux_host *host, char *why, size_t why_bytes)
{
	struct termios raw;
	char path[128];

	if (openpty(&host->fd, &host->slave, NULL, NULL, NULL) != 0 || tcgetattr(host->slave, &raw) != 0) {
		(void)snprintf(why, why_bytes, "No pseudo terminal: %s.", strerror(errno));
		return false;
	}
	cfmakeraw(&raw);
	(void)tcsetattr(host->slave, TCSANOW, &raw);
	(void)fcntl(host->fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(host->slave, F_SETFD, FD_CLOEXEC);
	if (ttyname_r(host->slave, path, sizeof(path)) != 0)
		(void)snprintf(path, sizeof(path), "?");
	(void)snprintf(host->name, sizeof(host->name), "serial:%s", path);
	begin_stream(host, host->fd);
	return true;
}

/* ---- sockets ------------------------------------------------------------------------------------------------- */

/* A host that lost its power says no goodbye, and while its connection stands no other is let in. */
static void keep_asking(int fd)
{
	const struct {
		int level;
		int name;
		int value;
	} options[] = {
	    {SOL_SOCKET, SO_KEEPALIVE, 1},          {IPPROTO_TCP, TCP_KEEPIDLE, 10},
	    {IPPROTO_TCP, TCP_KEEPINTVL, 5},        {IPPROTO_TCP, TCP_KEEPCNT, 4},
	    {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000}, {IPPROTO_TCP, TCP_NODELAY, 1},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof(options[i].value));
}

static void accept_one(struct dfucast_linux_host *host)
{
	int fd = accept4(host->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (host->link != NULL) {
		say(host, "a second host was turned away: one at a time");
	} else {
		keep_asking(fd);
		host->accepted = fd; /* the link opens on a duplicate */
		begin_stream(host, fd);
		return;
	}
	(void)close(fd);
}

static void datagram(struct dfucast_linux_host *host)
{
	for (int i = 0; i < 16; i++) {
		struct sockaddr_storage from;
		socklen_t from_bytes = sizeof(from);
		ssize_t got = recvfrom(host->fd, host->frame, sizeof(host->frame), 0,
				       (struct sockaddr *)&from, &from_bytes);

		if (got < 0)
			return;
		host->client = from;
		host->client_bytes = from_bytes;
		host->events.frame(host->events.context, host->frame, (size_t)got);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct dfucast_linux_host *host = poll->data;

	(void)events;
	if (status < 0)
		return;
	if (host->kind == HOST_TCP)
		accept_one(host);
	else
		datagram(host);
}

/* Name resolution blocks here: it is the machine's own address, before anything runs. */
static bool open_socket(struct dfucast_linux_host *host, char *why, size_t why_bytes)
{
	const struct addrinfo hints = {
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	    .ai_socktype = host->kind == HOST_UDP ? SOCK_DGRAM : SOCK_STREAM,
	};
	struct addrinfo *addresses = NULL;
	char service[8];
	int on = 1;
	int error;

	(void)snprintf(service, sizeof(service), "%u", (unsigned)host->target.port);
	error = getaddrinfo(host->target.host, service, &hints, &addresses);
	if (error != 0) {
		(void)snprintf(why, why_bytes, "\"%s\" is no address of this machine: %s.", host->target.host,
			       gai_strerror(error));
		return false;
	}
	host->fd = socket(addresses->ai_family, addresses->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (host->fd >= 0)
		(void)setsockopt(host->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (host->fd < 0 || bind(host->fd, addresses->ai_addr, addresses->ai_addrlen) != 0 ||
	    (host->kind == HOST_TCP && listen(host->fd, 1) != 0)) {
		(void)snprintf(why, why_bytes, "Port %s of %s cannot be served: %s.", service,
			       host->target.host, strerror(errno));
		freeaddrinfo(addresses);
		return false;
	}
	freeaddrinfo(addresses);
	(void)snprintf(host->name, sizeof(host->name), "%s:%s:%s", host->kind == HOST_UDP ? "udp" : "tcp",
		       host->target.host, service);
	(void)uv_poll_init(host->loop, &host->poll, host->fd);
	host->poll.data = host;
	host->polls = true;
	(void)uv_poll_start(&host->poll, UV_READABLE, on_poll);
	return true;
}

static void send_datagram(struct dfucast_linux_host *host)
{
	uint8_t frame[DFUCAST_LINUX_FRAME_BYTES_MAX];
	size_t length = host->source.begin(host->source.context);

	if (length == 0 || length > sizeof(frame))
		return;
	host->source.read(host->source.context, 0, frame, length);
	if (host->client_bytes > 0)
		(void)sendto(host->fd, frame, length, 0, (const struct sockaddr *)&host->client,
			     host->client_bytes);
	host->source.done(host->source.context);
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static bool parse(struct dfucast_linux_host *host, const char *text, char *why, size_t why_bytes)
{
	if (strcmp(text, "pty") == 0) {
		host->kind = HOST_PTY;
		host->target.framing = DFUCAST_FRAMING_CONSOLE;
		return true;
	}
	if (dfucast_linux_target_parse(&host->target, text, why, why_bytes) != DFUCAST_LINUX_PARSE_OK)
		return false;
	switch (host->target.scheme) {
	case DFUCAST_LINUX_SERIAL:
		host->kind = HOST_SERIAL;
		return true;
	case DFUCAST_LINUX_TCP:
		host->kind = HOST_TCP;
		return true;
	case DFUCAST_LINUX_UDP:
		host->kind = HOST_UDP;
		return true;
	default:
		(void)snprintf(why, why_bytes, "\"%s\" is no link to a host.", text);
		return false;
	}
}

/* A port that goes away later is waited for; one that is not there at the start is a mistake. */
static bool open_serial(struct dfucast_linux_host *host, char *why, size_t why_bytes)
{
	if (access(host->target.host, R_OK | W_OK) != 0) {
		(void)snprintf(why, why_bytes, "%s cannot be opened: %s.", host->name, strerror(errno));
		return false;
	}
	begin_stream(host, -1);
	return true;
}

struct dfucast_linux_host *dfucast_linux_host_open(uv_loop_t *loop, const char *text,
						   const struct dfucast_linux_host_events *events,
						   const struct dfucast_frame_source *source, char *why,
						   size_t why_bytes)
{
	struct dfucast_linux_host *host = calloc(1, sizeof(*host));
	bool opened = true;

	if (host == NULL) {
		(void)snprintf(why, why_bytes, "Not enough memory.");
		return NULL;
	}
	host->loop = loop;
	host->events = *events;
	host->source = *source;
	host->fd = -1;
	host->slave = -1;
	host->accepted = -1;
	if (!parse(host, text, why, why_bytes)) {
		free(host);
		return NULL;
	}
	(void)uv_timer_init(loop, &host->timer);
	host->timer.data = host;
	(void)snprintf(host->name, sizeof(host->name), "%s", text);
	if (host->kind == HOST_SERIAL)
		opened = open_serial(host, why, why_bytes);
	else if (host->kind == HOST_PTY)
		opened = open_pty(host, why, why_bytes);
	else
		opened = open_socket(host, why, why_bytes);
	if (!opened) {
		dfucast_linux_host_close(host);
		return NULL;
	}
	return host;
}

const char *dfucast_linux_host_name(const struct dfucast_linux_host *host)
{
	return host->name;
}

uint32_t dfucast_linux_host_baud(const struct dfucast_linux_host *host)
{
	return host->kind == HOST_SERIAL ? host->target.baud : 0;
}

void dfucast_linux_host_pump(struct dfucast_linux_host *host)
{
	if (host->kind == HOST_UDP)
		send_datagram(host);
	else if (host->link != NULL)
		dfucast_linux_link_pump(host->link);
}

static void on_closed(uv_handle_t *handle)
{
	struct dfucast_linux_host *host = handle->data;

	if (--host->handles == 0)
		free(host);
}

void dfucast_linux_host_close(struct dfucast_linux_host *host)
{
	if (host == NULL)
		return;
	dfucast_linux_link_destroy(host->link);
	host->link = NULL;
	host->handles = host->polls ? 2 : 1;
	if (host->polls)
		uv_close((uv_handle_t *)&host->poll, on_closed);
	uv_close((uv_handle_t *)&host->timer, on_closed);
	if (host->fd >= 0)
		(void)close(host->fd);
	if (host->slave >= 0)
		(void)close(host->slave);
	if (host->accepted >= 0)
		(void)close(host->accepted);
}
