/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bootloader's mode makes of two slots: which one an image list says starts next (Zephyr's img_mgmt), and which
 * one does (MCUboot's loader.c).
 */
#include "internal.h"
#include <string.h>

bool sim_peer_takes_highest(const struct sim_peer *peer)
{
	return peer->config.mode == SIM_PEER_MODE_XIP || peer->config.mode == SIM_PEER_MODE_XIP_REVERT ||
	       peer->config.mode == SIM_PEER_MODE_RAM;
}

bool sim_peer_marks(const struct sim_peer *peer)
{
	return peer->config.mode == SIM_PEER_MODE_XIP_REVERT ||
	       (peer->config.mode == SIM_PEER_MODE_RAM && peer->config.ram_revert);
}

uint32_t sim_peer_slot_address(const struct sim_peer_config *config, uint8_t slot)
{
	return config->flash_base + slot * config->slot_bytes;
}

static bool look(const struct sim_peer *peer, uint8_t slot, struct sim_peer_image *image)
{
	return sim_peer_image_look(peer->slots[slot].bytes, peer->config.slot_bytes, image);
}

/* Major, minor, revision; the build number counts only where it is built in, and here it is not. */
static bool is_higher(const struct sim_peer_image *a, const struct sim_peer_image *b)
{
	return memcmp(a->version, b->version, 3) > 0;
}

/* ---- what the application says ---- */

static struct sim_peer_next next_of_highest(const struct sim_peer *peer)
{
	const struct sim_peer_slot *active = &peer->slots[peer->active];
	uint8_t opposite = 1u - peer->active;
	const struct sim_peer_slot *other = &peer->slots[opposite];
	struct sim_peer_next next = {.slot = peer->active, .type = SIM_PEER_NEXT_NORMAL};
	struct sim_peer_image images[2];

	if (!look(peer, peer->active, &images[0]) || !look(peer, opposite, &images[1])) {
		return next; /* a trial with nothing to go back to looks confirmed */
	}
	bool higher = is_higher(&images[1], &images[0]);

	if (!sim_peer_marks(peer)) {
		next.slot = higher && !peer->config.ram_unlisted ? opposite : peer->active;
	} else if (active->magic && active->copy_done && !active->image_ok) {
		next.slot = opposite;
		next.type = SIM_PEER_NEXT_REVERT;
	} else if (!other->magic) {
		next.type = active->magic && !active->image_ok ? SIM_PEER_NEXT_TEST : SIM_PEER_NEXT_NORMAL;
	} else if (higher && other->image_ok) {
		next.slot = opposite;
	} else if (higher && !other->copy_done) {
		next.slot = opposite;
		next.type = SIM_PEER_NEXT_TEST;
	}
	return next;
}

static struct sim_peer_next next_of_swap(const struct sim_peer *peer, uint8_t image)
{
	uint8_t other = (uint8_t)(2 * image + 1);

	switch (sim_peer_swap_type(peer, image)) {
	case SIM_PEER_SWAP_TEST:
		return (struct sim_peer_next){.slot = other, .type = SIM_PEER_NEXT_TEST};
	case SIM_PEER_SWAP_PERM:
		return (struct sim_peer_next){.slot = other, .type = SIM_PEER_NEXT_NORMAL};
	case SIM_PEER_SWAP_REVERT:
		return (struct sim_peer_next){.slot = other, .type = SIM_PEER_NEXT_REVERT};
	default:
		return (struct sim_peer_next){.slot = (uint8_t)(2 * image), .type = SIM_PEER_NEXT_NORMAL};
	}
}

struct sim_peer_next sim_peer_next_second(const struct sim_peer *peer)
{
	return next_of_swap(peer, 1);
}

struct sim_peer_next sim_peer_next(const struct sim_peer *peer)
{
	if (sim_peer_takes_highest(peer)) {
		return next_of_highest(peer);
	}
	if (peer->config.mode == SIM_PEER_MODE_LOADER || sim_peer_has_one_slot(peer)) {
		return (struct sim_peer_next){.slot = peer->active, .type = SIM_PEER_NEXT_NORMAL};
	}
	return next_of_swap(peer, 0);
}

/* ---- what the bootloader does ---- */

/* With revert: an image that nobody marked, or that ran and was not confirmed, is erased. */
static bool selects(struct sim_peer *peer, uint8_t slot, bool *power_cut)
{
	struct sim_peer_slot *trailer = &peer->slots[slot];

	if (!trailer->magic || (trailer->copy_done && !trailer->image_ok)) {
		sim_peer_slot_erase(peer, slot);
		return false;
	}
	if (!trailer->copy_done) {
		/* The mark stands before the image runs: power lost from here on uses its one start up. */
		peer->flash_operations++;
		*power_cut = peer->flash_operations == peer->config.power_loss;
		trailer->copy_done = true;
	}
	return true;
}

/* May this slot's image start? What may not is erased, but for one that is linked for the other slot. */
static bool may_start(struct sim_peer *peer, uint8_t slot, bool *power_cut)
{
	bool ram = peer->config.mode == SIM_PEER_MODE_RAM;
	struct sim_peer_image image;

	if (!look(peer, slot, &image) || (!ram && (image.flags & SIM_PEER_IMAGE_ROM_FIXED) != 0 &&
					  image.load_address != sim_peer_slot_address(&peer->config, slot))) {
		return false;
	}
	if (sim_peer_marks(peer) && !selects(peer, slot, power_cut)) {
		return false;
	}
	if (*power_cut) {
		return false;
	}
	if ((ram && (image.flags & SIM_PEER_IMAGE_RAM_LOAD) == 0) ||
	    !sim_peer_image_valid(peer->slots[slot].bytes, peer->config.slot_bytes)) {
		sim_peer_slot_erase(peer, slot);
		return false;
	}
	return true;
}

static uint8_t highest(const struct sim_peer *peer, const bool passed[2])
{
	uint8_t best = SIM_PEER_NO_SLOT;
	struct sim_peer_image image;
	struct sim_peer_image best_image;

	for (uint8_t slot = 0; slot < 2; slot++) {
		if (!passed[slot] && look(peer, slot, &image) &&
		    (best == SIM_PEER_NO_SLOT || is_higher(&image, &best_image))) {
			best = slot;
			best_image = image;
		}
	}
	return best;
}

uint8_t sim_peer_boot_highest(struct sim_peer *peer, uint32_t *took)
{
	bool passed[2] = {false, false};
	bool power_cut = false;

	for (;;) {
		uint8_t slot = highest(peer, passed);

		if (slot == SIM_PEER_NO_SLOT || may_start(peer, slot, &power_cut)) {
			return slot;
		}
		if (power_cut) { /* from the beginning */
			power_cut = false;
			*took += peer->config.boot_ms;
			peer->swap_resumes++;
			passed[0] = false;
			passed[1] = false;
		} else {
			passed[slot] = true;
		}
	}
}

/* Slot 0 is the application's, slot 1 the loader's: it starts where the application is missing or bad. */
uint8_t sim_peer_boot_in_place(struct sim_peer *peer)
{
	for (uint8_t slot = 0; slot < (sim_peer_has_one_slot(peer) ? 1 : 2); slot++) {
		if (sim_peer_image_valid(peer->slots[slot].bytes, peer->config.slot_bytes)) {
			return slot;
		}
	}
	return SIM_PEER_NO_SLOT;
}

/* The image was linked for another place than where it starts: it gets nowhere. */
bool sim_peer_is_misplaced(const struct sim_peer *peer)
{
	struct sim_peer_image image;

	return (peer->config.mode == SIM_PEER_MODE_XIP || peer->config.mode == SIM_PEER_MODE_XIP_REVERT) &&
	       look(peer, peer->active, &image) && image.load_address != 0 &&
	       image.load_address != sim_peer_slot_address(&peer->config, peer->active);
}
