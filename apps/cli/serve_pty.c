/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual device on a pseudo terminal: SMP in console lines, as on a development board's serial port. A line that
 * nobody reads is lost, as there.
 */
#include "serve.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_BYTES 127u /* Zephyr's receive buffers hold 128 with the LF */

static void ready(uv_poll_t *poll, int status, int events);

static void watch(struct served *served)
{
	(void)uv_poll_start(&served->poll, UV_READABLE | (served->queued > 0 ? UV_WRITABLE : 0), ready);
}

static void write_lines(struct served *served)
{
	ssize_t done = write(served->ours, served->lines, served->queued);

	if (done > 0) {
		served->queued -= (size_t)done;
		memmove(served->lines, served->lines + done, served->queued);
	}
}

static void send_answer(struct served *served, size_t length)
{
	size_t added = sim_console_lines(served->answer, length, served->lines + served->queued,
					 sizeof(served->lines) - served->queued);

	if (added == 0) {
		cli_log(served->cli, 1, "%s: nobody reads; an answer is lost", served->target);
		return;
	}
	served->queued += added;
	write_lines(served);
	watch(served);
}

/* What a board's console shows then. */
static void print_banner(struct served *served)
{
	static const char banner[] = "*** Booting Zephyr OS (virtual) ***\r\n";

	if (sizeof(served->lines) - served->queued >= sizeof(banner)) {
		memcpy(served->lines + served->queued, banner, sizeof(banner) - 1);
		served->queued += sizeof(banner) - 1;
		write_lines(served);
		watch(served);
	}
}

static void frame(void *context, const uint8_t *bytes, size_t length)
{
	served_take(context, bytes, length);
}

static void ready(uv_poll_t *poll, int status, int events)
{
	struct served *served = poll->data;
	uint8_t bytes[1024];
	ssize_t length;

	if (status < 0) {
		return;
	}
	if ((events & UV_WRITABLE) != 0) {
		write_lines(served);
		watch(served);
	}
	if ((events & UV_READABLE) != 0) {
		length = read(served->ours, bytes, sizeof(bytes));
		if (length > 0) {
			sim_console_receive(&served->console, bytes, (size_t)length);
		}
	}
}

static void close_pty(struct served *served)
{
	if (served->poll.data != NULL) {
		uv_close((uv_handle_t *)&served->poll, NULL);
	}
	if (served->theirs >= 0) {
		(void)close(served->theirs);
	}
	if (served->ours >= 0) {
		(void)close(served->ours);
	}
}

int serve_pty_open(struct served *served)
{
	struct termios mode;
	char path[40];

	served->send = send_answer;
	served->boots = print_banner;
	served->close = close_pty;
	served->theirs = -1;
	served->ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (served->ours < 0 || grantpt(served->ours) != 0 || unlockpt(served->ours) != 0 ||
	    ptsname_r(served->ours, path, sizeof(path)) != 0) {
		return -errno;
	}
	served->theirs = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (served->theirs < 0 || tcgetattr(served->theirs, &mode) != 0) {
		return -errno;
	}
	cfmakeraw(&mode); /* or what is sent before a client opens it would be echoed */
	(void)cfsetspeed(&mode, B115200);
	if (tcsetattr(served->theirs, TCSANOW, &mode) != 0 || fcntl(served->ours, F_SETFL, O_NONBLOCK) != 0) {
		return -errno;
	}
	sim_console_init(&served->console, LINE_BYTES, served->peer.config.buf_size, frame, served);
	snprintf(served->target, sizeof(served->target), "serial:%s", path);
	int error = uv_poll_init(&served->cli->loop, &served->poll, served->ours);

	if (error == 0) {
		served->poll.data = served;
		watch(served);
	}
	return error;
}
