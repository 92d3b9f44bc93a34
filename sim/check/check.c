/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants. */
#include "check.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_check_init(struct sim_check *check, uint16_t count, const uint8_t *factory, uint32_t factory_bytes,
		    const uint8_t *image, uint32_t image_bytes, uint32_t window)
{
	memset(check, 0, sizeof(*check));
	check->image = image;
	check->image_bytes = image_bytes;
	check->count = count;
	check->window = window;
	check->devices = calloc(count, sizeof(*check->devices));
	assert(check->devices != NULL);
	sim_peer_sha256(factory, factory_bytes, check->digests[0]);
	sim_peer_sha256(image, image_bytes, check->digests[1]);
}

void sim_check_second(struct sim_check *check, uint32_t first_bytes, const uint8_t *old, uint32_t old_bytes)
{
	check->first_bytes = first_bytes;
	sim_peer_sha256(check->image, first_bytes, check->digests[1]);
	sim_peer_sha256(old, old_bytes, check->digests[2]);
	sim_peer_sha256(check->image + first_bytes, check->image_bytes - first_bytes, check->digests[3]);
}

void sim_check_free(struct sim_check *check)
{
	free(check->devices);
}

static void violated(struct sim_check *check, uint16_t device, const char *format, ...)
{
	va_list arguments;
	int used;

	if (check->violation[0] != 0) {
		return;
	}
	used = snprintf(check->violation, sizeof(check->violation), "device %u: ", device);
	va_start(arguments, format);
	vsnprintf(check->violation + used, sizeof(check->violation) - (size_t)used, format, arguments);
	va_end(arguments);
}

static void wrote(struct sim_check *check, uint16_t device, const struct sim_peer_event *event)
{
	struct sim_check_device *d = &check->devices[device];
	uint32_t begin = event->offset + (event->image != 0 ? check->first_bytes : 0);
	uint32_t end = begin + event->length;

	if (check->any_image) {
		return;
	}
	if (end > check->image_bytes || end < begin) {
		violated(check, device, "wrote up to %u of an image of %u", (unsigned int)end,
			 (unsigned int)check->image_bytes);
		return;
	}
	if (memcmp(event->bytes, check->image + begin, event->length) != 0) {
		violated(check, device, "other bytes than the image's at %u", (unsigned int)begin);
	}
	if (begin < d->written && !d->power_failed) {
		check->duplicate_bytes += (end < d->written ? end : d->written) - begin;
	}
	d->written = end;
}

void sim_check_event(struct sim_check *check, uint16_t device, const struct sim_peer_event *event)
{
	switch (event->kind) {
	case SIM_PEER_EVENT_WRITE:
		wrote(check, device, event);
		break;
	case SIM_PEER_EVENT_BOOT:
		check->devices[device].written = 0;
		if (!check->any_image && memcmp(event->digest, check->digests[2 * event->image], 32) != 0 &&
		    memcmp(event->digest, check->digests[2 * event->image + 1], 32) != 0) {
			violated(check, device, "started an image that nobody sent whole");
		}
		break;
	default:
		break;
	}
}

bool sim_check_device(struct sim_check *check, uint16_t device, const struct dfucast_status *status,
		      const struct sim_peer *peer)
{
	struct sim_check_device *d = &check->devices[device];
	bool updated = !check->any_image && sim_peer_is_updated(peer) &&
		       memcmp(peer->slots[peer->active].bytes, check->image, 64) == 0;
	bool changed = status->state != d->state;

	if (changed && !check->restarts && dfucast_state_is_final((enum dfucast_state)d->state)) {
		violated(check, device, "%s was final and became %s",
			 dfucast_state_name((enum dfucast_state)d->state),
			 dfucast_state_name((enum dfucast_state)status->state));
	}
	d->state = status->state;
	if (d->was_updated && !updated) {
		violated(check, device, "was confirmed and is no more");
	}
	d->was_updated = updated;
	if (status->window_peak > check->window) {
		violated(check, device, "%u requests in flight, %u may be", status->window_peak,
			 (unsigned int)check->window);
	}
	if (peer->no_memory != 0) {
		violated(check, device, "a request was answered with ENOMEM");
	}
	if (!check->any_image && status->offset > check->image_bytes) {
		violated(check, device, "offset %u beyond the image", (unsigned int)status->offset);
	}
	return changed;
}

void sim_check_late(struct sim_check *check, uint16_t device, const struct dfucast_status *status)
{
	if (!dfucast_state_is_final((enum dfucast_state)status->state)) {
		violated(check, device, "still %s at the end of its time",
			 dfucast_state_name((enum dfucast_state)status->state));
	}
}
