/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bootloader: MCUboot with swap, by move or by offset; its other modes are in modes.c. Trailers are flags, the swap
 * is instantaneous and takes its time afterwards. A power cut in the middle of a swap costs one boot more: MCUboot notes each step and goes on
 * where it was; that it does so is taken for granted, not played through.
 */
#include "internal.h"
#include <string.h>

enum sim_peer_swap sim_peer_swap_type(const struct sim_peer *peer, uint8_t image)
{
	const struct sim_peer_slot *slots = &peer->slots[2 * image];

	if (slots[1].magic) {
		return slots[1].image_ok ? SIM_PEER_SWAP_PERM : SIM_PEER_SWAP_TEST;
	}
	if (slots[0].magic && slots[0].copy_done && !slots[0].image_ok) {
		return SIM_PEER_SWAP_REVERT;
	}
	return SIM_PEER_SWAP_NONE;
}

bool sim_peer_flash_operation(struct sim_peer *peer, bool *whole)
{
	bool dies;

	if (peer->power_lost) {
		return false;
	}
	peer->flash_operations++;
	dies = peer->config.power_loss != 0 && peer->flash_operations == peer->config.power_loss;
	peer->power_lost = dies;
	if (whole != NULL) {
		*whole = !dies;
		return true;
	}
	return !dies;
}

void sim_peer_slot_erase(struct sim_peer *peer, uint8_t slot)
{
	memset(peer->slots[slot].bytes, 0xFF, peer->config.slot_bytes);
	peer->slots[slot].magic = false;
	peer->slots[slot].image_ok = false;
	peer->slots[slot].copy_done = false;
	peer->slots[slot].displaced = false;
}

static void swap_contents(struct sim_peer_slot slots[2], bool displaced)
{
	uint8_t *bytes = slots[0].bytes;

	slots[0].bytes = slots[1].bytes;
	slots[1].bytes = bytes;
	slots[1].magic = false;
	slots[1].image_ok = false;
	slots[1].copy_done = false;
	slots[1].displaced = displaced;
	slots[0].magic = true;
	slots[0].copy_done = true;
}

/* Overwrite-only: slot 1 is copied over slot 0, then its header and trailer are erased; nothing is left to go back to. */
static void overwrite(struct sim_peer *peer, uint8_t image)
{
	struct sim_peer_slot *slots = &peer->slots[2 * image];

	memcpy(slots[0].bytes, slots[1].bytes, peer->config.slot_bytes);
	sim_peer_slot_erase(peer, (uint8_t)(2 * image + 1));
	slots[0].magic = false;
	slots[0].copy_done = false;
	slots[0].image_ok = true;
}

void sim_peer_boot(struct sim_peer *peer, uint32_t now)
{
	memset(&peer->session, 0, sizeof(peer->session));
	peer->state = SIM_PEER_BOOTING;
	peer->boots++;
	peer->watchdog_due = false;
	peer->listening = peer->config.recovery_window_ms != 0;
	peer->state_ms = now + peer->config.recovery_window_ms;
	if (!peer->listening) {
		sim_peer_boot_swap(peer, now);
	}
}

/* Each image by itself, as MCUboot does: one that is refused keeps the others from nothing. @return ms */
static uint32_t swap_image(struct sim_peer *peer, uint8_t image)
{
	struct sim_peer_slot *slots = &peer->slots[2 * image];
	enum sim_peer_swap swap = sim_peer_swap_type(peer, image);

	switch (swap) {
	case SIM_PEER_SWAP_TEST:
	case SIM_PEER_SWAP_PERM:
		if (!sim_peer_image_valid(slots[1].bytes, peer->config.slot_bytes)) {
			/* "Image in the secondary slot is not valid!" */
			sim_peer_slot_erase(peer, (uint8_t)(2 * image + 1));
			return 0;
		}
		if (peer->config.mode == SIM_PEER_MODE_OVERWRITE) {
			overwrite(peer, image);
		} else {
			swap_contents(slots, peer->config.mode == SIM_PEER_MODE_OFFSET);
			slots[0].image_ok = swap == SIM_PEER_SWAP_PERM;
		}
		return peer->config.swap_ms;
	case SIM_PEER_SWAP_REVERT:
		swap_contents(slots, false); /* back where uploads begin */
		slots[0].image_ok = true;
		if (peer->config.revert_stale) {
			memcpy(slots[1].bytes, slots[0].bytes, peer->config.slot_bytes);
		}
		return peer->config.swap_ms;
	default:
		return 0;
	}
}

static uint32_t swap_if_due(struct sim_peer *peer)
{
	uint32_t took = peer->config.boot_ms;

	for (uint8_t image = 0; image < peer->config.images; image++) {
		took += swap_image(peer, image);
	}
	if (took != peer->config.boot_ms) {
		uint32_t begun = peer->flash_operations;

		/* MCUboot notes each step: after a power cut it goes on where it was, one boot later. */
		peer->flash_operations += peer->config.swap_operations;
		if (begun < peer->config.power_loss && peer->flash_operations >= peer->config.power_loss) {
			took += peer->config.boot_ms;
			peer->swap_resumes++;
		}
	}
	return took;
}

void sim_peer_boot_swap(struct sim_peer *peer, uint32_t now)
{
	uint32_t took = peer->config.boot_ms;

	if (sim_peer_takes_highest(peer)) {
		peer->starts = sim_peer_boot_highest(peer, &took);
	} else if (peer->config.mode == SIM_PEER_MODE_LOADER || sim_peer_has_one_slot(peer)) {
		peer->starts = sim_peer_boot_in_place(peer);
	} else {
		took = swap_if_due(peer);
		peer->starts = 0;
	}
	peer->listening = false;
	peer->state_ms = now + took;
}

static void observe_boot(struct sim_peer *peer, uint32_t now)
{
	struct sim_peer_image image;
	uint8_t digest[32] = {0};

	if (peer->config.observe == NULL || (peer->config.mode == SIM_PEER_MODE_LOADER &&
					     peer->active == 1)) { /* a loader is no application */
		return;
	}
	if (sim_peer_image_look(peer->slots[peer->active].bytes, peer->config.slot_bytes, &image)) {
		sim_peer_sha256(peer->slots[peer->active].bytes, image.length, digest);
	}
	struct sim_peer_event event = {.kind = SIM_PEER_EVENT_BOOT, .now = now, .digest = digest};

	peer->config.observe(peer->config.context, &event);
	if (peer->config.images > 1 &&
	    sim_peer_image_look(peer->slots[2].bytes, peer->config.slot_bytes, &image)) {
		sim_peer_sha256(peer->slots[2].bytes, image.length, digest);
		event.image = 1;
		peer->config.observe(peer->config.context, &event);
	}
}

/* The image that runs is another than at first, and not the loader either. */
static bool is_new(const struct sim_peer *peer)
{
	struct sim_peer_image image;

	return sim_peer_image_look(peer->slots[peer->active].bytes, peer->config.slot_bytes, &image) &&
	       memcmp(image.hash, peer->factory_hash, sizeof(image.hash)) != 0 &&
	       !(peer->config.mode == SIM_PEER_MODE_LOADER && peer->active == 1);
}

void sim_peer_boot_done(struct sim_peer *peer, uint32_t now)
{
	if (peer->starts == SIM_PEER_NO_SLOT) {
		peer->state = SIM_PEER_RECOVERY; /* nothing that could be started: it waits for an image */
		return;
	}
	peer->active = peer->starts;
	peer->state = (peer->config.dead_image && is_new(peer)) || sim_peer_is_misplaced(peer)
			  ? SIM_PEER_DEAD
			  : SIM_PEER_RUNNING;
	if (peer->config.watchdog_ms != 0 && sim_peer_next(peer).type == SIM_PEER_NEXT_REVERT) {
		peer->watchdog_due = true;
		peer->watchdog_ms = now + peer->config.watchdog_ms;
	}
	observe_boot(peer, now);
}

bool sim_peer_is_updated(const struct sim_peer *peer)
{
	if (!is_new(peer)) {
		return false;
	}
	if (sim_peer_takes_highest(peer)) {
		return sim_peer_next(peer).type != SIM_PEER_NEXT_REVERT;
	}
	return peer->config.mode == SIM_PEER_MODE_LOADER || sim_peer_has_one_slot(peer) ||
	       peer->slots[0].image_ok;
}
