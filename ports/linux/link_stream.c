/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte streams: serial ports and TCP, both through struct dfucast_framing.
 *
 * The tty is set by termios2, which takes any bit rate as a number. Only the kernel's header has it, and that
 * defines a struct termios that the C library's (which uv.h brings in) also defines: it gets another name here.
 */
#define _GNU_SOURCE 1
#define termios kernel_termios
#include <asm/termbits.h>
#undef termios
#include "link.h"
#include <dfucast/err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes written and blocks read in one go before the loop gets its turn again. */
#define WRITE_BURST_BYTES 65536u
#define READ_BURST_BLOCKS 8

void dfucast_linux_stream_adopt(struct dfucast_linux_link *link)
{
	int flags;

	link->fd = fcntl(link->fd_given, F_DUPFD_CLOEXEC, 0);
	flags = link->fd >= 0 ? fcntl(link->fd, F_GETFL) : -1;
	if (flags < 0 || fcntl(link->fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		dfucast_linux_link_fail_errno(link, errno, "the stream cannot be used");
		return;
	}
	if (dfucast_linux_link_watch(link, UV_READABLE))
		dfucast_linux_link_set_up(link);
}

/* ---- serial ------------------------------------------------------------------------------------------------- */

static void fail_permission(struct dfucast_linux_link *link)
{
	const char *path = link->target.host;
	const struct group *group = NULL;
	struct stat status;

	if (stat(path, &status) == 0 && (status.st_mode & S_IRGRP) != 0 && (status.st_mode & S_IWGRP) != 0)
		group = getgrgid(status.st_gid);
	if (group != NULL)
		dfucast_linux_link_fail(
		    link, DFUCAST_ERR_NO_PERMISSION,
		    "no permission for %s, which belongs to the group %s: \"sudo usermod -aG %s "
		    "$USER\", then log in again",
		    path, group->gr_name, group->gr_name);
	else
		dfucast_linux_link_fail(link, DFUCAST_ERR_NO_PERMISSION, "no permission for %s", path);
}

static void fail_open(struct dfucast_linux_link *link, int error)
{
	const char *path = link->target.host;

	switch (error) {
	case EACCES:
	case EPERM:
		fail_permission(link);
		break;
	case EBUSY:
	case EWOULDBLOCK:
		dfucast_linux_link_fail(link, DFUCAST_ERR_PORT_BUSY, "%s is in use by another program", path);
		break;
	case ENOTTY:
	case EISDIR:
	case EINVAL:
		dfucast_linux_link_fail(link, DFUCAST_ERR_NO_SUCH_PORT, "%s is no serial port", path);
		break;
	default: /* ENOENT, ENXIO, ENODEV, EIO of a pty whose other side is gone */
		dfucast_linux_link_fail(link, DFUCAST_ERR_NO_SUCH_PORT, "the port cannot be opened: %s",
					strerror(error));
		break;
	}
}

/* Raw bytes, 8 data bits, no parity, no flow control. HUPCL stays off: closing must not pull DTR, which resets
 * many boards. 0, or an errno; ERANGE: the driver chose another rate. */
static int tty_setup(int fd, uint32_t baud)
{
	struct termios2 tty;
	uint32_t got;

	if (ioctl(fd, TCGETS2, &tty) != 0)
		return errno;
	tty.c_iflag = IGNBRK;
	tty.c_oflag = 0;
	tty.c_lflag = 0;
	tty.c_cflag = CS8 | CREAD | CLOCAL | BOTHER;
	tty.c_ispeed = baud;
	tty.c_ospeed = baud;
	memset(tty.c_cc, 0, sizeof(tty.c_cc));
	tty.c_cc[VMIN] = 1; /* so that 0 bytes read means that the line hung up */
	if (ioctl(fd, TCSETS2, &tty) != 0 || ioctl(fd, TCGETS2, &tty) != 0)
		return errno;
	got = tty.c_ospeed;
	if (got < baud - baud / 32 || got > baud + baud / 32)
		return ERANGE;
	(void)ioctl(fd, TCFLSH, TCIFLUSH); /* what came before we listened belongs to nobody */
	return 0;
}

void dfucast_linux_serial_open(struct dfucast_linux_link *link)
{
	int error;

	link->fd = open(link->target.host, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (link->fd < 0) {
		fail_open(link, errno);
		return;
	}
	if (isatty(link->fd) == 0) {
		fail_open(link, ENOTTY);
		return;
	}
	/* the lock keeps a second dfucast out, TIOCEXCL everybody who is not root */
	if (flock(link->fd, LOCK_EX | LOCK_NB) != 0 || ioctl(link->fd, TIOCEXCL) != 0) {
		error = errno;
		(void)close(link->fd); /* not ours: leave the other program's TIOCEXCL alone */
		link->fd = -1;
		fail_open(link, error);
		return;
	}
	error = tty_setup(link->fd, link->target.baud);
	if (error == ERANGE) {
		dfucast_linux_link_fail(link, DFUCAST_ERR_ARGUMENT, "%s cannot run at %u bit/s",
					link->target.host, (unsigned)link->target.baud);
		return;
	}
	if (error != 0) {
		fail_open(link, error);
		return;
	}
	if (dfucast_linux_link_watch(link, UV_READABLE))
		dfucast_linux_link_set_up(link);
}

void dfucast_linux_serial_release(int fd)
{
	(void)ioctl(fd, TIOCNXCL);
}

/* ---- TCP ---------------------------------------------------------------------------------------------------- */

void dfucast_linux_tcp_connect(struct dfucast_linux_link *link)
{
	int error = EADDRNOTAVAIL;
	int on = 1;

	while (link->address_next != NULL) {
		const struct addrinfo *address = link->address_next;

		link->address_next = address->ai_next;
		link->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (link->fd >= 0) {
			(void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			(void)setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
			if (connect(link->fd, address->ai_addr, address->ai_addrlen) == 0 ||
			    errno == EINPROGRESS) {
				link->state = LINK_CONNECTING;
				(void)dfucast_linux_link_watch(link, UV_READABLE | UV_WRITABLE);
				return;
			}
		}
		error = errno;
		if (link->fd >= 0)
			(void)close(link->fd);
		link->fd = -1;
	}
	dfucast_linux_link_fail_errno(link, error, "no TCP connection");
}

void dfucast_linux_tcp_connected(struct dfucast_linux_link *link, int error)
{
	if (error == 0) {
		if (dfucast_linux_link_watch(link, UV_READABLE))
			dfucast_linux_link_set_up(link);
		return;
	}
	if (link->address_next == NULL) {
		dfucast_linux_link_fail_errno(link, error, "no TCP connection");
		return;
	}
	dfucast_linux_link_unwatch(link);
	dfucast_linux_tcp_connect(link);
}

/* ---- bytes -------------------------------------------------------------------------------------------------- */

static void on_frame(void *context, const uint8_t *frame, size_t length)
{
	dfucast_linux_link_deliver(context, frame, length);
}

static void on_raw_gap(uv_timer_t *timer);

/* Raw and COBS frames whose rest does not come would keep the receiver waiting. */
static void arm_gap(struct dfucast_linux_link *link)
{
	if (link->target.framing != DFUCAST_FRAMING_CONSOLE && dfucast_framing_rx_partial(&link->framing))
		(void)uv_timer_start(&link->timer, on_raw_gap, DFUCAST_LINUX_RAW_GAP_MS, 0);
	else
		(void)uv_timer_stop(&link->timer);
}

static void tell_noise(struct dfucast_linux_link *link)
{
	uint16_t noise = link->framing.noise_bytes;

	link->framing.noise_bytes = 0;
	dfucast_linux_link_noise(link, noise);
}

static void on_raw_gap(uv_timer_t *timer)
{
	struct dfucast_linux_link *link = timer->data;

	if (link->state != LINK_UP)
		return;
	dfucast_framing_rx_timeout(&link->framing);
	tell_noise(link);
}

static void fail_read(struct dfucast_linux_link *link, ssize_t got, int error)
{
	if (link->target.scheme == DFUCAST_LINUX_SERIAL)
		dfucast_linux_link_fail(link, DFUCAST_ERR_LINK_LOST, "%s went away (%s)", link->target.host,
					got == 0 ? "hung up" : strerror(error));
	else if (got == 0)
		dfucast_linux_link_fail(link, DFUCAST_ERR_LINK_LOST,
					"the other side closed the TCP connection");
	else
		dfucast_linux_link_fail(link, DFUCAST_ERR_LINK_LOST, "TCP: %s", strerror(error));
}

/*
 * Acknowledge at once what came. A device behind TCP (QEMU, a serial server) writes an answer in small segments, and
 * where it has Nagle's algorithm on, the rest of the answer waits for our acknowledgement, which Linux delays by 40 ms.
 * The kernel falls back to delaying by itself, so this is asked after each read; where it is refused, it is only slow.
 */
static void acknowledge(const struct dfucast_linux_link *link)
{
	int on = 1;

	if (link->target.scheme == DFUCAST_LINUX_TCP)
		(void)setsockopt(link->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

void dfucast_linux_stream_readable(struct dfucast_linux_link *link)
{
	const struct dfucast_frame_sink sink = {link, on_frame};
	uint32_t generation = link->generation;

	for (int i = 0; i < READ_BURST_BLOCKS; i++) {
		ssize_t got = read(link->fd, link->block, sizeof(link->block));

		if (got <= 0) {
			int error = errno;

			if (got == 0 || (error != EAGAIN && error != EINTR))
				fail_read(link, got, error);
			return;
		}
		acknowledge(link);
		dfucast_framing_recv(&link->framing, link->block, (size_t)got, &sink);
		if (link->generation != generation)
			return;
		tell_noise(link);
		if (link->generation != generation)
			return;
		arm_gap(link);
		if ((size_t)got < sizeof(link->block))
			return;
	}
}

/* The source with the trace hooked in. */
static size_t traced_begin(void *context)
{
	struct dfucast_linux_link *link = context;
	size_t length = link->source->begin(link->source->context);

	if (length > 0)
		dfucast_linux_link_trace_begun(link, length);
	return length;
}

static void traced_read(void *context, size_t position, uint8_t *buffer, size_t length)
{
	struct dfucast_linux_link *link = context;

	link->source->read(link->source->context, position, buffer, length);
}

static void traced_done(void *context)
{
	struct dfucast_linux_link *link = context;

	link->tx_traced = false;
	link->source->done(link->source->context);
}

void dfucast_linux_stream_pump(struct dfucast_linux_link *link)
{
	const struct dfucast_frame_source source = {link, traced_begin, traced_read, traced_done};
	uint32_t generation = link->generation;
	size_t written = 0;

	while (written < WRITE_BURST_BYTES) {
		ssize_t put;

		if (link->tx_sent == link->tx_have) {
			link->tx_sent = 0;
			link->tx_have =
			    dfucast_framing_send(&link->framing, &source, link->tx, sizeof(link->tx));
			if (link->generation != generation)
				return;
			if (link->tx_have == 0) {
				(void)dfucast_linux_link_watch(link, UV_READABLE);
				return;
			}
		}
		put = write(link->fd, link->tx + link->tx_sent, link->tx_have - link->tx_sent);
		if (put < 0 && errno != EAGAIN && errno != EINTR) {
			fail_read(link, put, errno);
			return;
		}
		if (put <= 0)
			break;
		link->tx_sent += (size_t)put;
		written += (size_t)put;
	}
	(void)dfucast_linux_link_watch(link, UV_READABLE | UV_WRITABLE);
}
