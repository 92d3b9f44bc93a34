/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The link on which this machine is the server: a gateway's host is at its other end. A serial port, a pseudo terminal,
 * a TCP port or a UDP port, on the caller's libuv loop.
 */
#ifndef DFUCAST_LINUX_HOST_H
#define DFUCAST_LINUX_HOST_H

#include "linux.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dfucast_linux_host_events {
	void *context;
	/** A whole frame, valid during the call. */
	void (*frame)(void *context, const uint8_t *frame, size_t length);
	/** Something happened to the link, for people; valid during the call. */
	void (*told)(void *context, const char *what);
};

struct dfucast_linux_host;

/**
 * Begins to serve. @p text: `serial:…` and `udp:…` as targets are written, `udp:` and `tcp:` naming the address and
 * port to listen on, or `pty`. Answers are pulled from @p source, whose context must outlive the host.
 * @param why  one or two sentences when the result is NULL
 */
struct dfucast_linux_host *dfucast_linux_host_open(uv_loop_t *loop, const char *text,
						   const struct dfucast_linux_host_events *events,
						   const struct dfucast_frame_source *source, char *why,
						   size_t why_bytes);
/** How a host names this link: "serial:/dev/pts/3", "udp:127.0.0.1:1337". */
const char *dfucast_linux_host_name(const struct dfucast_linux_host *host);
/** Its bit rate, 0: fast or not known. */
uint32_t dfucast_linux_host_baud(const struct dfucast_linux_host *host);
/** There may be an answer to send. */
void dfucast_linux_host_pump(struct dfucast_linux_host *host);
/** Closes and frees it; the memory goes when the loop next runs. */
void dfucast_linux_host_close(struct dfucast_linux_host *host);

#ifdef __cplusplus
}
#endif
#endif
