/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

#include "image.h"
#include "wire.h"

#include <dfucast/framing.h>
#include <dfucast/smp_img.h>
#include <zephyr/sys/printk.h>

#include <string.h>

#define ANSWER_MS 5000
#define FRAME_BYTES 1024u

static struct {
	uint8_t request[FRAME_BYTES];
	size_t length; /* 0: it is out */
	uint8_t answer[FRAME_BYTES];
	size_t answer_length; /* 0: none came */
	uint8_t received[FRAME_BYTES + 4];
	struct dfucast_framing framing;
	struct dfucast_smp_error error; /* of the last answer */
	uint8_t sequence;
} link;

static size_t begin(void *context)
{
	ARG_UNUSED(context);
	return link.length;
}

static void read_frame(void *context, size_t position, uint8_t *buffer, size_t length)
{
	ARG_UNUSED(context);
	memcpy(buffer, link.request + position, length);
}

static void done(void *context)
{
	ARG_UNUSED(context);
	link.length = 0;
}

static void take(void *context, const uint8_t *frame, size_t length)
{
	ARG_UNUSED(context);
	memcpy(link.answer, frame, MIN(length, sizeof(link.answer)));
	link.answer_length = length;
}

static struct dfucast_smp_id next_id(void)
{
	return (struct dfucast_smp_id){DFUCAST_SMP_V2, ++link.sequence};
}

static void write_all(const uint8_t *bytes, size_t length, struct k_sem *wake)
{
	while (length > 0) {
		size_t taken = wire_host_write(bytes, length);

		bytes += taken;
		length -= taken;
		if (length > 0)
			(void)k_sem_take(wake, K_MSEC(10));
	}
}

/* Sends link.request. @return false: no answer */
static bool ask(int length, struct k_sem *wake)
{
	const struct dfucast_frame_source source = {NULL, begin, read_frame, done};
	const struct dfucast_frame_sink sink = {NULL, take};
	int64_t end = k_uptime_get() + ANSWER_MS;
	uint8_t bytes[DFUCAST_FRAMING_SEND_BYTES_MIN];
	size_t count;

	link.length = (size_t)length;
	link.answer_length = 0;
	while ((count = dfucast_framing_send(&link.framing, &source, bytes, sizeof(bytes))) > 0)
		write_all(bytes, count, wake);
	while (link.answer_length == 0 && k_uptime_get() < end) {
		while ((count = wire_host_read(bytes, sizeof(bytes))) > 0)
			dfucast_framing_recv(&link.framing, bytes, count, &sink);
		if (link.answer_length == 0)
			(void)k_sem_take(wake, K_MSEC(10));
	}
	return link.answer_length >= DFUCAST_SMP_HEADER_BYTES;
}

static void print_list(const char *when, struct k_sem *wake)
{
	struct dfucast_smp_image_list list;

	if (!ask(dfucast_smp_image_list_encode(link.request, sizeof(link.request), next_id()), wake) ||
	    dfucast_smp_image_list_decode(link.answer + DFUCAST_SMP_HEADER_BYTES,
					  link.answer_length - DFUCAST_SMP_HEADER_BYTES, &link.error,
					  &list) != 0) {
		printk("%s: no list, rc %d\n", when, link.error.rc);
		return;
	}
	for (unsigned int i = 0; i < list.count; i++) {
		const struct dfucast_smp_slot *slot = &list.slots[i];

		printk("%s: image %u slot %u version %.*s flags %02x\n", when, slot->image, slot->slot,
		       (int)slot->version.length, slot->version.text, slot->flags);
	}
}

/* To image 0. @return how far it came */
static uint32_t upload(struct k_sem *wake)
{
	struct dfucast_smp_upload_answer answer = {0};
	struct dfucast_smp_upload piece = {.image_length = BSIM_IMAGE_BYTES, .sha = bsim_image_sha};

	while (piece.offset < BSIM_IMAGE_BYTES) {
		uint32_t left = BSIM_IMAGE_BYTES - piece.offset;
		int head;

		piece.data_bytes = dfucast_smp_upload_data_max(&piece, sizeof(link.request));
		if (piece.data_bytes > left)
			piece.data_bytes = (uint16_t)left;
		head = dfucast_smp_upload_head_encode(link.request, sizeof(link.request), next_id(), &piece);
		memcpy(link.request + head, bsim_image + piece.offset, piece.data_bytes);
		if (!ask(head + piece.data_bytes, wake) ||
		    dfucast_smp_upload_decode(link.answer + DFUCAST_SMP_HEADER_BYTES,
					      link.answer_length - DFUCAST_SMP_HEADER_BYTES, &link.error,
					      &answer) != 0 ||
		    !answer.has_offset)
			break;
		piece.offset = answer.offset;
	}
	return piece.offset;
}

void own_update(struct k_sem *wake)
{
	uint32_t came;

	wire_host_init(wake);
	dfucast_framing_init(&link.framing, DFUCAST_FRAMING_CONSOLE, link.received, sizeof(link.received));
	print_list("before", wake);
	came = upload(wake);
	printk("%u ms: a device's image to image 0: %u bytes taken, rc %d\n", k_uptime_get_32(), came,
	       link.error.rc);
	bsim_image_make(CONFIG_GATEWAY_OWN_MAJOR);
	came = upload(wake);
	printk("%u ms: the gateway's own image: %u bytes taken\n", k_uptime_get_32(), came);
	print_list("uploaded", wake);
	if (!ask(dfucast_smp_image_set_encode(link.request, sizeof(link.request), next_id(), bsim_image_hash,
					      sizeof(bsim_image_hash), false),
		 wake))
		printk("no answer to the mark\n");
	print_list("marked", wake);
}
