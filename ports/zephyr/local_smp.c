/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zephyr's own SMP server for what is not the fleet's: the gateway's update of itself, statistics, whatever the program has
 * enabled. A frame in, its answer out, in the caller's thread: no transport of Zephyr's is needed.
 */
#include "dfucast_zephyr.h"

#include <zephyr/mgmt/mcumgr/smp/smp.h>

#include <string.h>

static struct smp_transport transport;
static struct {
	uint8_t *bytes;
	size_t capacity, length;
} answered;

static int take_answer(struct net_buf *answer)
{
	if (answer->len <= answered.capacity) {
		memcpy(answered.bytes, answer->data, answer->len);
		answered.length = answer->len;
	}
	smp_packet_free(answer);
	return 0;
}

size_t dfucast_zephyr_local_smp(void *context, const uint8_t *frame, size_t length, uint8_t *answer,
				size_t capacity)
{
	struct cbor_nb_reader reader;
	struct cbor_nb_writer writer;
	struct smp_streamer streamer = {.smpt = &transport, .reader = &reader, .writer = &writer};
	struct net_buf *request = smp_packet_alloc();

	ARG_UNUSED(context);
	if (request == NULL)
		return 0; /* the host asks again */
	if (length > net_buf_tailroom(request)) {
		smp_packet_free(request);
		return 0;
	}
	(void)net_buf_add_mem(request, frame, length);
	answered.bytes = answer;
	answered.capacity = capacity;
	answered.length = 0;
	DFUCAST_ZEPHYR_SMP_OUTPUT(transport) = take_answer;
	(void)smp_process_request_packet(&streamer, request); /* its errors are answers */
	return answered.length;
}
