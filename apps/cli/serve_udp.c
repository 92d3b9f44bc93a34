/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual device on a UDP port: a datagram is a frame. */
#include "serve.h"
#include <string.h>

/* CONFIG_MCUMGR_TRANSPORT_UDP_MTU's default: what Zephyr's server reads of a datagram, whatever its buffers. */
#define DATAGRAM_BYTES 1500u

static void send_answer(struct served *served, size_t length)
{
	uv_buf_t part = uv_buf_init((char *)served->answer, (unsigned int)length);

	if (served->asked) {
		/* A datagram that does not fit is lost, as on any network. */
		(void)uv_udp_try_send(&served->udp, &part, 1, (const struct sockaddr *)&served->client);
	}
}

static void room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct served *served = handle->data;

	(void)suggested;
	/* What is longer is cut, and then not what its header says. */
	*buffer = uv_buf_init((char *)served->frame, served->peer.config.buf_size < DATAGRAM_BYTES
							 ? served->peer.config.buf_size
							 : DATAGRAM_BYTES);
}

static void received(uv_udp_t *udp, ssize_t length, const uv_buf_t *buffer, const struct sockaddr *from,
		     unsigned int flags)
{
	struct served *served = udp->data;

	(void)flags;
	if (length <= 0 || from == NULL) {
		return;
	}
	memcpy(&served->client, from,
	       from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	served->asked = true;
	served_take(served, (const uint8_t *)buffer->base, (size_t)length);
}

static void close_udp(struct served *served)
{
	uv_close((uv_handle_t *)&served->udp, NULL);
}

int serve_udp_open(struct served *served, long port)
{
	struct sockaddr_in address;
	int error;

	(void)uv_udp_init(&served->cli->loop, &served->udp);
	served->udp.data = served;
	served->send = send_answer;
	served->close = close_udp;
	(void)uv_ip4_addr("127.0.0.1", (int)port, &address);
	error = uv_udp_bind(&served->udp, (const struct sockaddr *)&address, 0);
	if (error == 0) {
		error = uv_udp_recv_start(&served->udp, room, received);
	}
	if (error == 0 && port == 0) {
		int length = (int)sizeof(address);

		error = uv_udp_getsockname(&served->udp, (struct sockaddr *)&address, &length);
		port = ntohs(address.sin_port);
	}
	snprintf(served->target, sizeof(served->target), "udp:127.0.0.1:%ld", port);
	return error;
}
