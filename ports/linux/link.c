/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link's life: opening from the loop, name resolution, watching the descriptor, failing, closing.
 *
 * Two rules keep callbacks safe. Nothing is told from inside a call: failures wait for the timer. And each close
 * counts `generation` up, so code that has just called its owner sees that the link it worked on is gone; the
 * memory itself stays until libuv has let go of the timer.
 */
#define _GNU_SOURCE 1
#include "link.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void dfucast_linux_link_unwatch(struct dfucast_linux_link *link)
{
	if (link->watch != NULL) {
		link->watch->link = NULL;
		uv_close((uv_handle_t *)&link->watch->poll, on_watch_closed);
		link->watch = NULL;
	}
	link->writable_watched = false;
	if (link->fd >= 0) {
		if (link->target.scheme == DFUCAST_LINUX_SERIAL)
			dfucast_linux_serial_release(link->fd);
		(void)close(link->fd);
		link->fd = -1;
	}
}

/* Lets go of everything but the timer. */
static void release(struct dfucast_linux_link *link)
{
	link->generation++;
	dfucast_linux_link_unwatch(link);
	if (link->resolve != NULL) {
		link->resolve->link = NULL; /* its callback frees it */
		(void)uv_cancel((uv_req_t *)&link->resolve->request);
		link->resolve = NULL;
	}
	if (link->addresses != NULL) {
		uv_freeaddrinfo(link->addresses);
		link->addresses = NULL;
		link->address_next = NULL;
	}
	link->tx_have = 0;
	link->tx_sent = 0;
	link->tx_traced = false;
	(void)uv_timer_stop(&link->timer);
}

static void on_timer(uv_timer_t *timer);

void dfucast_linux_link_fail(struct dfucast_linux_link *link, int err, const char *format, ...)
{
	va_list arguments;

	if (link->state == LINK_CLOSED || link->state == LINK_FAILING)
		return;
	va_start(arguments, format);
	(void)vsnprintf(link->failure_why, sizeof(link->failure_why), format, arguments);
	va_end(arguments);
	link->failure_err = err;
	release(link);
	link->state = LINK_FAILING;
	(void)uv_timer_start(&link->timer, on_timer, 0, 0);
}

void dfucast_linux_link_fail_errno(struct dfucast_linux_link *link, int error, const char *what)
{
	int err = DFUCAST_ERR_LINK_LOST;

	switch (error) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case ETIMEDOUT:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		err = DFUCAST_ERR_UNREACHABLE;
		break;
	case EACCES:
	case EPERM:
		err = DFUCAST_ERR_NO_PERMISSION;
		break;
	default:
		if (link->state != LINK_UP)
			err = DFUCAST_ERR_UNREACHABLE;
		break;
	}
	if (error == ECONNREFUSED)
		dfucast_linux_link_fail(link, err, "%s: refused, nothing listens on port %u of %s", what,
					(unsigned)link->target.port, link->target.host);
	else
		dfucast_linux_link_fail(link, err, "%s: %s", what, strerror(error));
}

/* ---- descriptor ---------------------------------------------------------------------------------------------- */

static void on_connecting(struct dfucast_linux_link *link)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	dfucast_linux_tcp_connected(link, error);
}

/* libuv reports EPOLLERR as a bad status and stops watching: ask the socket what it was. */
static void on_watch_error(struct dfucast_linux_link *link)
{
	uint32_t generation = link->generation;
	int error = 0;
	socklen_t length = sizeof(error);

	if (link->target.scheme == DFUCAST_LINUX_UDP) {
		if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
			error = errno;
		dfucast_linux_udp_error(link, error);
		return;
	}
	/* what came before the error is still to be read, and the read says what the error is */
	dfucast_linux_stream_readable(link);
	if (link->generation == generation)
		dfucast_linux_link_fail(link, DFUCAST_ERR_LINK_LOST, "the connection broke");
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct link_watch *watch = poll->data;
	struct dfucast_linux_link *link = watch->link;
	uint32_t generation;

	if (link == NULL)
		return;
	generation = link->generation;
	if (link->state == LINK_CONNECTING) {
		on_connecting(link);
		return;
	}
	if (status < 0) {
		on_watch_error(link);
		return;
	}
	if ((events & UV_READABLE) != 0) {
		if (link->target.scheme == DFUCAST_LINUX_UDP)
			dfucast_linux_udp_readable(link);
		else
			dfucast_linux_stream_readable(link);
	}
	if (link->generation == generation && (events & UV_WRITABLE) != 0)
		dfucast_linux_link_pump(link);
}

bool dfucast_linux_link_watch(struct dfucast_linux_link *link, int events)
{
	bool writable = (events & UV_WRITABLE) != 0;
	int status = 0;

	if (link->watch == NULL) {
		struct link_watch *watch = calloc(1, sizeof(*watch));

		if (watch == NULL) {
			dfucast_linux_link_fail(link, DFUCAST_ERR_SPACE, "out of memory");
			return false;
		}
		status = uv_poll_init(link->loop, &watch->poll, link->fd);
		if (status != 0) {
			free(watch);
			dfucast_linux_link_fail(link, DFUCAST_ERR_UNREACHABLE, "cannot be watched: %s",
						uv_strerror(status));
			return false;
		}
		watch->poll.data = watch;
		watch->link = link;
		link->watch = watch;
	} else if (writable == link->writable_watched) {
		return true;
	}
	link->writable_watched = writable;
	status = uv_poll_start(&link->watch->poll, events, on_poll);
	if (status != 0) {
		dfucast_linux_link_fail(link, DFUCAST_ERR_LINK_LOST, "cannot be watched: %s",
					uv_strerror(status));
		return false;
	}
	return true;
}

/* ---- what carriers tell ------------------------------------------------------------------------------------- */

void dfucast_linux_link_set_up(struct dfucast_linux_link *link)
{
	link->state = LINK_UP;
	(void)uv_timer_stop(&link->timer);
	if (link->events.up != NULL)
		link->events.up(link->events.context);
}

void dfucast_linux_link_deliver(struct dfucast_linux_link *link, const uint8_t *frame, size_t length)
{
	uint32_t generation = link->generation;

	if (link->state != LINK_UP)
		return;
	if (link->events.trace != NULL)
		link->events.trace(link->events.context, false, frame, length);
	if (link->generation == generation && link->events.frame != NULL)
		link->events.frame(link->events.context, frame, length);
}

void dfucast_linux_link_noise(struct dfucast_linux_link *link, size_t bytes)
{
	if (bytes > 0 && link->state == LINK_UP && link->events.noise != NULL)
		link->events.noise(link->events.context, bytes);
}

void dfucast_linux_link_trace_begun(struct dfucast_linux_link *link, size_t length)
{
	if (link->tx_traced || link->events.trace == NULL || length > sizeof(link->traced))
		return;
	link->tx_traced = true;
	link->source->read(link->source->context, 0, link->traced, length);
	link->events.trace(link->events.context, true, link->traced, length);
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
	struct link_resolve *resolve = request->data;
	struct dfucast_linux_link *link = resolve->link;

	free(resolve);
	if (link == NULL) {
		if (addresses != NULL)
			uv_freeaddrinfo(addresses);
		return;
	}
	link->resolve = NULL;
	if (status != 0) {
		dfucast_linux_link_fail(link, DFUCAST_ERR_NAME_UNKNOWN, "the name \"%s\" has no address: %s",
					link->target.host, uv_strerror(status));
		return;
	}
	link->addresses = addresses;
	link->address_next = addresses;
	if (link->target.scheme == DFUCAST_LINUX_UDP)
		dfucast_linux_udp_connect(link);
	else
		dfucast_linux_tcp_connect(link);
}

static void start_resolving(struct dfucast_linux_link *link)
{
	struct addrinfo hints;
	char service[8];
	int status;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = link->target.scheme == DFUCAST_LINUX_UDP ? SOCK_DGRAM : SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV;
	(void)snprintf(service, sizeof(service), "%u", (unsigned)link->target.port);
	link->resolve = calloc(1, sizeof(*link->resolve));
	if (link->resolve == NULL) {
		dfucast_linux_link_fail(link, DFUCAST_ERR_SPACE, "out of memory");
		return;
	}
	link->resolve->link = link;
	link->resolve->request.data = link->resolve;
	link->state = LINK_RESOLVING;
	(void)uv_timer_start(&link->timer, on_timer, DFUCAST_LINUX_CONNECT_MS, 0);
	status = uv_getaddrinfo(link->loop, &link->resolve->request, on_resolved, link->target.host, service,
				&hints);
	if (status != 0) {
		free(link->resolve);
		link->resolve = NULL;
		dfucast_linux_link_fail(link, DFUCAST_ERR_NAME_UNKNOWN, "the name \"%s\" has no address: %s",
					link->target.host, uv_strerror(status));
	}
}

static void start(struct dfucast_linux_link *link)
{
	link->heard = false;
	dfucast_framing_init(&link->framing, link->target.framing, link->rx, sizeof(link->rx));
	if (link->target.scheme == DFUCAST_LINUX_SERIAL)
		dfucast_linux_serial_open(link);
	else if (link->target.scheme == DFUCAST_LINUX_FD)
		dfucast_linux_stream_adopt(link);
	else
		start_resolving(link);
}

static void on_timer(uv_timer_t *timer)
{
	struct dfucast_linux_link *link = timer->data;
	uint16_t noise;

	switch (link->state) {
	case LINK_CLOSED:
		break;
	case LINK_STARTING:
		start(link);
		break;
	case LINK_RESOLVING:
		dfucast_linux_link_fail(link, DFUCAST_ERR_NAME_UNKNOWN,
					"the name \"%s\" was not resolved within %u s", link->target.host,
					DFUCAST_LINUX_CONNECT_MS / 1000);
		break;
	case LINK_CONNECTING:
		dfucast_linux_link_fail(link, DFUCAST_ERR_UNREACHABLE, "no connection within %u s",
					DFUCAST_LINUX_CONNECT_MS / 1000);
		break;
	case LINK_UP: /* silence inside a frame */
		dfucast_framing_rx_timeout(&link->framing);
		noise = link->framing.noise_bytes;
		link->framing.noise_bytes = 0;
		dfucast_linux_link_noise(link, noise);
		break;
	case LINK_FAILING:
		link->state = LINK_CLOSED;
		if (link->events.down != NULL)
			link->events.down(link->events.context, link->failure_err, link->failure_why);
		break;
	}
}

/* ---- public ------------------------------------------------------------------------------------------------- */

struct dfucast_linux_link *dfucast_linux_link_create(uv_loop_t *loop,
						     const struct dfucast_linux_target *target,
						     const struct dfucast_linux_link_events *events,
						     const struct dfucast_frame_source *source)
{
	struct dfucast_linux_link *link;

	if (target->scheme != DFUCAST_LINUX_UDP && target->scheme != DFUCAST_LINUX_SERIAL &&
	    target->scheme != DFUCAST_LINUX_TCP && target->scheme != DFUCAST_LINUX_FD)
		return NULL;
	link = calloc(1, sizeof(*link));
	if (link == NULL)
		return NULL;
	link->loop = loop;
	link->target = *target;
	link->events = *events;
	link->source = source;
	link->fd = -1;
	(void)uv_timer_init(loop, &link->timer); /* never fails */
	link->timer.data = link;
	return link;
}

struct dfucast_linux_link *dfucast_linux_link_create_on(uv_loop_t *loop, int fd,
							enum dfucast_framing_kind framing,
							const struct dfucast_linux_link_events *events,
							const struct dfucast_frame_source *source)
{
	struct dfucast_linux_target target = {.scheme = DFUCAST_LINUX_FD, .framing = framing};
	struct dfucast_linux_link *link;

	(void)snprintf(target.text, sizeof(target.text), "fd:%d", fd);
	target.line_bytes = 128;
	target.line_buffers = 2;
	link = dfucast_linux_link_create(loop, &target, events, source);
	if (link != NULL)
		link->fd_given = fd;
	return link;
}

void dfucast_linux_link_open(struct dfucast_linux_link *link)
{
	if (link->state != LINK_CLOSED)
		return;
	link->state = LINK_STARTING;
	(void)uv_timer_start(&link->timer, on_timer, 0, 0);
}

void dfucast_linux_link_close(struct dfucast_linux_link *link)
{
	if (link->state == LINK_CLOSED)
		return;
	release(link);
	link->state = LINK_CLOSED;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void dfucast_linux_link_destroy(struct dfucast_linux_link *link)
{
	if (link == NULL)
		return;
	dfucast_linux_link_close(link);
	if (!uv_is_closing((uv_handle_t *)&link->timer))
		uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}

void dfucast_linux_link_pump(struct dfucast_linux_link *link)
{
	if (link->state != LINK_UP || link->pumping)
		return;
	link->pumping = true;
	if (link->target.scheme == DFUCAST_LINUX_UDP)
		dfucast_linux_udp_pump(link);
	else
		dfucast_linux_stream_pump(link);
	link->pumping = false;
}

bool dfucast_linux_link_is_up(const struct dfucast_linux_link *link)
{
	return link->state == LINK_UP;
}

void dfucast_linux_link_info(const struct dfucast_linux_link *link, struct dfucast_linux_link_info *info)
{
	bool datagram = link->target.scheme == DFUCAST_LINUX_UDP;

	memset(info, 0, sizeof(*info));
	info->datagram = datagram;
	info->ordered = !datagram || link->loopback;
	info->shares_console = !datagram;
	info->frame_bytes_max = DFUCAST_LINUX_FRAME_BYTES_MAX;
	if (datagram) {
		/* Ethernet's 1500 less the headers: a fragmented datagram is one that many devices do not take. On
		 * loopback too, where Zephyr's server cuts off what is above its own 1500 (seen: rc 9), whatever
		 * its buf_size says. */
		info->frame_bytes_max = link->ipv6 ? 1452 : 1472;
		info->frame_bytes_fallback = 384; /* Zephyr's default buffer */
	} else if (link->target.framing == DFUCAST_FRAMING_CONSOLE) {
		info->buffer_overhead =
		    4; /* length and CRC are decoded into the device's buffer too (seen) */
		info->frame_bytes_fallback =
		    dfucast_console_frame_max(link->target.line_bytes, link->target.line_buffers);
		/* A UART is slow enough that a server frees a line while the next one comes; USB is not. Who knows
		 * better than params says so in the target. */
		if (link->target.lines_given)
			info->frame_bytes_max = info->frame_bytes_fallback;
	} else {
		info->frame_bytes_fallback = (uint32_t)link->target.line_bytes * link->target.line_buffers;
	}
	if (info->frame_bytes_fallback > info->frame_bytes_max)
		info->frame_bytes_fallback = info->frame_bytes_max;
}
