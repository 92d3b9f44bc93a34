/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP: a connected socket, one SMP frame a datagram in both directions.
 */
#define _GNU_SOURCE 1
#include "link.h"
#include <arpa/inet.h>
#include <dfucast/err.h>
#include <dfucast/smp.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Datagrams moved in one go before the loop gets its turn again. */
#define BURST_MAX 64

static bool address_is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof(in6));
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
	}
	return false;
}

/* The next address that a socket can be connected to; 0, or the errno of the last. */
static int connect_next(struct dfucast_linux_link *link)
{
	int error = EADDRNOTAVAIL;

	while (link->address_next != NULL) {
		const struct addrinfo *address = link->address_next;

		link->address_next = address->ai_next;
		link->fd = socket(address->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (link->fd >= 0 && connect(link->fd, address->ai_addr, address->ai_addrlen) == 0) {
			link->loopback = address_is_loopback(address->ai_addr);
			link->ipv6 = address->ai_family == AF_INET6;
			return 0;
		}
		error = errno;
		if (link->fd >= 0)
			(void)close(link->fd);
		link->fd = -1;
	}
	return error;
}

void dfucast_linux_udp_connect(struct dfucast_linux_link *link)
{
	int error = connect_next(link);

	if (error != 0) {
		dfucast_linux_link_fail_errno(link, error, "no way to the address");
		return;
	}
	if (dfucast_linux_link_watch(link, UV_READABLE))
		dfucast_linux_link_set_up(link);
}

/*
 * ICMP said no. A name may have several addresses ("localhost" has two) of which only one is served: as long as
 * nothing was heard, the last datagram is sent to the next one.
 */
void dfucast_linux_udp_error(struct dfucast_linux_link *link, int error)
{
	if (error != 0 && !link->heard && link->address_next != NULL) {
		dfucast_linux_link_unwatch(link);
		if (connect_next(link) == 0) {
			/* a pump that got the refusal sends by itself */
			if (dfucast_linux_link_watch(link, UV_READABLE) && link->tx_have > 0 &&
			    !link->pumping)
				(void)send(link->fd, link->tx, link->tx_have, 0);
			return;
		}
	}
	dfucast_linux_link_fail_errno(link, error != 0 ? error : EIO, "UDP");
}

/* A datagram that is exactly one frame. */
static bool is_frame(const uint8_t *bytes, size_t length)
{
	return length >= DFUCAST_SMP_HEADER_BYTES &&
	       length == DFUCAST_SMP_HEADER_BYTES + (size_t)((bytes[2] << 8) | bytes[3]);
}

void dfucast_linux_udp_readable(struct dfucast_linux_link *link)
{
	uint32_t generation = link->generation;

	for (int i = 0; i < BURST_MAX && link->generation == generation; i++) {
		ssize_t got = recv(link->fd, link->block, sizeof(link->block), MSG_TRUNC);

		if (got < 0) {
			if (errno != EAGAIN && errno != EINTR)
				dfucast_linux_udp_error(link, errno);
			return;
		}
		link->heard = true;
		if ((size_t)got <= sizeof(link->block) && is_frame(link->block, (size_t)got))
			dfucast_linux_link_deliver(link, link->block, (size_t)got);
		else
			dfucast_linux_link_noise(link, (size_t)got);
	}
}

void dfucast_linux_udp_pump(struct dfucast_linux_link *link)
{
	const struct dfucast_frame_source *source = link->source;
	/* what info() says is for those who choose a size; whoever asks for more on loopback may try */
	size_t length_max = link->loopback ? DFUCAST_LINUX_FRAME_BYTES_MAX : link->ipv6 ? 1452 : 1472;
	uint32_t generation = link->generation;

	for (int i = 0; i < BURST_MAX; i++) {
		size_t length = source->begin(source->context);

		if (length == 0 || link->generation != generation) {
			if (link->generation == generation)
				(void)dfucast_linux_link_watch(link, UV_READABLE);
			return;
		}
		if (length > length_max) {
			dfucast_linux_link_fail(link, DFUCAST_ERR_SPACE,
						"a frame of %zu bytes does not fit a datagram of at most %u",
						length, (unsigned)length_max);
			return;
		}
		source->read(source->context, 0, link->tx, length);
		link->tx_have = length;
		if (send(link->fd, link->tx, length, 0) < 0) {
			if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
				break;
			dfucast_linux_udp_error(link, errno);
			if (link->generation != generation)
				return;
			continue; /* to the name's next address */
		}
		dfucast_linux_link_trace_begun(link, length);
		link->tx_traced = false;
		source->done(source->context);
		if (link->generation != generation)
			return;
	}
	(void)dfucast_linux_link_watch(link, UV_READABLE | UV_WRITABLE);
}
