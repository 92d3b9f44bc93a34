/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the model peripheral share.
 *
 *   peer.c         links, pieces, buffers, the worker queue, faults, time
 *   options.c      a configuration from text
 *   console.c      frames as console lines and back
 *   server.c       one request to one answer: header, errors, dispatch
 *   os_group.c     echo, reset, params, bootloader info
 *   os_info.c      info: board, version …
 *   image_group.c  list, set-state, upload, erase, slot info
 *   boot.c         slots, trailers, what the bootloader does at a reset
 *   modes.c        which slot starts, in the bootloader's other modes
 *   image.c        MCUboot images: making and reading them; SHA-256
 */
#ifndef SIM_PEER_INTERNAL_H
#define SIM_PEER_INTERNAL_H

#include "peer.h"
#include <zcbor_common.h>

/* A request taken apart, and where its answer goes. */
struct sim_peer_call {
	struct sim_peer *peer;
	uint32_t now;
	uint32_t index;        /* of the request, for faults */
	uint32_t upload_index; /* UINT32_MAX: not an upload behind the first chunk */
	uint8_t op;
	uint8_t version;
	uint8_t command;
	uint16_t group;
	uint8_t sequence;
	const uint8_t *body;
	size_t body_length;
	zcbor_state_t *out; /* inside the answer's open map */
	uint32_t cost_ms;   /* on top of the usual service time */
	uint32_t pages;     /* erased */
	uint32_t words;     /* written */
	uint16_t rc;        /* SMP-level code */
	uint16_t group_rc;  /* code of `group` */
	const char *reason; /* `rsn`, for servers built to say it; NULL: none */
};

/* The fault of this kind that holds for a request, or NULL. */
const struct sim_peer_fault *sim_peer_fault_for(const struct sim_peer *peer, uint8_t kind, uint32_t index,
						uint32_t upload_index);

/* server.c: handles one request; @return length of the answer, 0: none. */
size_t sim_peer_serve(struct sim_peer *peer, const struct sim_peer_message *request, uint8_t *answer,
		      size_t capacity, uint32_t *cost_ms, uint32_t now);
/* Peeks at an upload's `off`; false: not an upload. */
bool sim_peer_upload_offset(const uint8_t *frame, size_t length, uint32_t *offset);

/* os_group.c, image_group.c */
void sim_peer_os_call(struct sim_peer_call *call);
void sim_peer_image_call(struct sim_peer_call *call);

/* What a request's map may hold; absent keys keep their value. */
struct sim_peer_arguments {
	uint32_t image, len, off, slot;
	bool has_len, has_off, has_slot, upgrade, confirm;
	uint32_t seen; /* known keys that came */
	struct zcbor_string data, sha, hash, text;
};
/* @return false: the body is no map or a key has the wrong type: rc 3. */
bool sim_peer_arguments_decode(const uint8_t *body, size_t length, struct sim_peer_arguments *arguments);

/* os_info.c */
void sim_peer_os_info(struct sim_peer_call *call, const struct zcbor_string *format);

/* boot.c */
enum sim_peer_swap { SIM_PEER_SWAP_NONE, SIM_PEER_SWAP_TEST, SIM_PEER_SWAP_PERM, SIM_PEER_SWAP_REVERT };
enum sim_peer_swap sim_peer_swap_type(const struct sim_peer *peer, uint8_t image); /* swap modes */
void sim_peer_slot_erase(struct sim_peer *peer, uint8_t slot);
/*
 * One flash operation begins. @return true: it is carried out; false: power failed before. `*whole` false: power fails
 * in the middle of it. For a NULL `whole` the middle counts as before.
 */
bool sim_peer_flash_operation(struct sim_peer *peer, bool *whole);
/* What happens at a reset; sets state and times. */
void sim_peer_boot(struct sim_peer *peer, uint32_t now);
/* The time in which a frame holds it in serial recovery is over: swaps where that is due. */
void sim_peer_boot_swap(struct sim_peer *peer, uint32_t now);
/* The application starts. */
void sim_peer_boot_done(struct sim_peer *peer, uint32_t now);

/* modes.c */
enum sim_peer_next_type { SIM_PEER_NEXT_NORMAL, SIM_PEER_NEXT_TEST, SIM_PEER_NEXT_REVERT };
/* What the application takes for the next start. */
struct sim_peer_next {
	uint8_t slot;
	uint8_t type; /* enum sim_peer_next_type */
};
struct sim_peer_next sim_peer_next(const struct sim_peer *peer);
/* The same for image 1; its slots count from 2. */
struct sim_peer_next sim_peer_next_second(const struct sim_peer *peer);
/* The highest version starts, from whichever slot. */
bool sim_peer_takes_highest(const struct sim_peer *peer);
/* … once it is marked, and stays once it is confirmed. */
bool sim_peer_marks(const struct sim_peer *peer);
/* The slot that starts, or SIM_PEER_NO_SLOT. */
uint8_t sim_peer_boot_highest(struct sim_peer *peer, uint32_t *took);
uint8_t sim_peer_boot_in_place(struct sim_peer *peer);
bool sim_peer_is_misplaced(const struct sim_peer *peer);

static inline bool sim_peer_has_one_slot(const struct sim_peer *peer)
{
	return peer->config.mode == SIM_PEER_MODE_SINGLE || peer->config.mode == SIM_PEER_MODE_SINGLE_RAM;
}

static inline bool sim_peer_reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

#endif
