/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of one device's update share.
 *
 *   machine.c   the states, timers, links; the one place that changes `state`
 *   request.c   which frame to send next, and its bytes
 *   answer.c    answers to everything but uploads
 *   inspect.c   what an image list means, before and after the reset
 *   view.c      one image in a list
 *   match.c     whether the device is one of those that are meant
 *   mode.c      what the bootloader's mode asks of image and plan
 *   images.c    the plan's images in the stream
 *   set.c       what an image list means for several images in one run
 *   upload.c    the stream: window, offsets, loss
 */
#ifndef DFUCAST_UPDATE_INTERNAL_H
#define DFUCAST_UPDATE_INTERNAL_H

#include <dfucast/port.h>
#include <dfucast/smp_img.h>
#include <dfucast/update.h>

/* struct dfucast_update.flags */
enum update_flag {
	UPDATE_TIMER = 0x0001,      /* deadline_ms counts */
	UPDATE_LINK = 0x0002,       /* the link is up */
	UPDATE_TX = 0x0004,         /* a frame is begun: tx_sequence */
	UPDATE_DUE = 0x0008,        /* the state's request is to be sent */
	UPDATE_ECHO_DUE = 0x0010,   /* an echo is to be sent behind the first chunk */
	UPDATE_PAUSE = 0x0020,      /* no upload request before the timer */
	UPDATE_RESYNC_DUE = 0x0040, /* the far end's reassembly must be emptied */
	UPDATE_SAMPLE = 0x0080,     /* a round trip is being measured */
	UPDATE_NOISE = 0x0100,      /* bytes came that were no frame, since the last frame */
	UPDATE_MALFORMED = 0x0200,  /* the last answer to the present request made no sense */
	UPDATE_SKIPPED = 0x0400,    /* the device held all or a part of the image already */
	UPDATE_FRESH = 0x0800,      /* nothing the device holds is to be used: erase before the upload */
	UPDATE_AFRESH = 0x100000,   /* it was sent once more, after an erase: not a second time */
	UPDATE_FOREIGN = 0x1000,    /* offsets of another client's session were seen once */
	UPDATE_HAS_BEFORE = 0x2000,
	UPDATE_HAS_AFTER = 0x4000,
	UPDATE_RUNS_OURS = 0x80000, /* the plan's image was seen active */
	UPDATE_MODE_UNKNOWN = 0x8000,
	UPDATE_SLOT_UNKNOWN = 0x10000,
	UPDATE_SOAKED = 0x20000,            /* the soak is over, or there is none */
	UPDATE_PROBES = 0x40000,            /* buf_count >= 3 is known: an echo may follow the first chunk */
	UPDATE_HEARD = 0x200000,            /* it has answered something in this run */
	UPDATE_WILL_RESET = 0x400000,       /* it said it would: not to be asked again */
	UPDATE_ASKS_BOARD = 0x10000000u,    /* INFO: the board is asked for, else the name */
	UPDATE_BOARD_UNTOLD = 0x20000000u,  /* the plan asks for its board, and it does not tell */
	UPDATE_PART_RAN = 0x80000000u,      /* some of the plan's images ran before this run */
	UPDATE_NAME_UNTOLD = 0x40000000u,   /* the same for its name */
	UPDATE_SELF_STARTS = 0x800000,      /* the next reset starts the image, nobody has to mark it */
	UPDATE_SETTINGS_ERASED = 0x2000000, /* since activate() */
	UPDATE_CUT = 0x4000000, /* the fan-out closed the link: the next upload is no try of the device's */
	UPDATE_IN_PLACE = 0x1000000, /* it goes over the only application: slot 0 */
};

/* struct dfucast_smp_pending.length, upload: a later answer, or a jump back, has made this request's own answer
 * worthless as a guide. */
#define UPDATE_OVERTAKEN 0x8000u
#define UPDATE_LENGTH_MASK 0x7FFFu

/* Bounds. */
#define UPDATE_STALLS_MAX 16u /* answers in a row that move nothing */
#define UPDATE_RECONNECTS_MAX 3u
#define UPDATE_RECOVERIES_MAX 2u
#define UPDATE_RESETS_MAX 2u
#define UPDATE_RESETS_BUSY_MAX 4u /* the same where the device says that it is busy */
#define UPDATE_ATTEMPTS_MAX 4u    /* uploads begun from the start */
#define UPDATE_SPARE_BYTES 16384u /* four times the image and four times this may be sent, repeats included */

/* A window that shrank grows by one each time the stream passes a multiple of this; a power of two. */
#define UPDATE_GROW_BYTES 4096u

/* Times, ms. */
#define UPDATE_ECHO_MS 3000u      /* between probes while the first chunk's answer is awaited */
#define UPDATE_PAUSE_MS 100u      /* "wait a little", grows with each stall */
#define UPDATE_RTT_MS_FIRST 1000u /* time-out of an upload request before any round trip is known */
#define UPDATE_RTT_MS_MIN 150u
#define UPDATE_RTT_MS_MAX 5000u
#define UPDATE_PROBE_MS 2000u     /* pause between lists after a reset */
#define UPDATE_SETTINGS_MS 10000u /* a storage partition is erased meanwhile */
#define UPDATE_BOOT_MS 1000u      /* silence wanted after the last boot output */
#define UPDATE_TX_TICKS                                                                                      \
	100u /* looks, UPDATE_RTT_MS_MIN apart, at a frame that does not get out: then the link is stuck */

/* What a call of the fan-out's is about, handed down whole. */
struct update_turn {
	const struct dfucast_update_plan *plan;
	struct dfucast_update *u;
	uint32_t now;                   /* ms, port.h */
	struct dfucast_smp_error error; /* of the answer that came; else without meaning */
};

static inline bool update_has(const struct dfucast_update *u, uint32_t flags)
{
	return (u->flags & flags) != 0;
}

static inline void update_set(struct dfucast_update *u, uint32_t flags)
{
	u->flags |= flags;
}

static inline void update_clear(struct dfucast_update *u, uint32_t flags)
{
	u->flags &= ~flags;
}

static inline uint32_t update_timeout_ms(const struct dfucast_update_plan *plan)
{
	return plan->timeout_ms ? plan->timeout_ms : 2000u;
}

static inline uint8_t update_retries_max(const struct dfucast_update_plan *plan)
{
	return plan->retries ? plan->retries : 4u;
}

static inline uint32_t update_erase_ms(const struct dfucast_update_plan *plan)
{
	return plan->erase_ms ? plan->erase_ms : 40000u;
}

/* images.c: the plan's images, 0 … count - 1, as they lie in the stream. */
unsigned int dfucast_update_image_count(const struct dfucast_update_plan *plan);
const struct dfucast_update_image *dfucast_update_image(const struct dfucast_update_plan *plan,
							unsigned int index);
/* Where it begins in the stream; for the count: the stream's length. */
uint32_t dfucast_update_base(const struct dfucast_update_plan *plan, unsigned int index);
/* The one the device is at. */
static inline const struct dfucast_update_image *update_image(const struct dfucast_update_plan *plan,
							      const struct dfucast_update *u)
{
	return dfucast_update_image(plan, u->image);
}

/* mode.c */
/* The answer to the mode query, or DFUCAST_BOOT_UNKNOWN: goes on, or ends the device. */
void dfucast_update_mode_take(const struct update_turn *t, int32_t told);
/* The image may go to this slot of its number. */
bool dfucast_update_mode_is_target(const struct dfucast_update *u, const struct dfucast_smp_slot_info *slot);
/* Why the image is not to be sent to this device, whose slot `target` would take it; OK: nothing against it. */
enum dfucast_err dfucast_update_mode_refuses(const struct dfucast_update_plan *plan,
					     const struct dfucast_update *u, unsigned int target);

/* The bootloader starts the higher version, from whichever slot. */
static inline bool dfucast_update_mode_takes_highest(const struct dfucast_update *u)
{
	return u->boot_mode >= DFUCAST_BOOT_DIRECT_XIP && u->boot_mode <= DFUCAST_BOOT_RAM_LOAD;
}

/* One slot: only the bootloader itself, in serial recovery, can replace what is in it. */
static inline bool dfucast_update_mode_is_single(const struct dfucast_update *u)
{
	return update_has(u, UPDATE_IN_PLACE) && u->boot_mode != DFUCAST_BOOT_FIRMWARE_LOADER;
}

/* machine.c */
/* Sets the timer of CONNECT only. That of a request starts when it is sent; SWAP is entered with await_reset(), and
 * who enters SOAK arms it. */
void dfucast_update_enter(struct dfucast_update *u, enum dfucast_update_state next);
/* SWAP: the device resets, or may be doing so. */
void dfucast_update_await_reset(const struct update_turn *t);
void dfucast_update_end(struct dfucast_update *u, enum dfucast_state final, enum dfucast_err err);
void dfucast_update_fail(struct dfucast_update *u, enum dfucast_err err);
/* The same, and keeps the device's own words: the answer's error. */
void dfucast_update_refuse(const struct update_turn *t, enum dfucast_err err);
void dfucast_update_arm(const struct update_turn *t, uint32_t delay_ms);
/* What the device said of an earlier request does not count any more. */
static inline void update_forget_words(struct dfucast_update *u)
{
	u->error_group = DFUCAST_GROUP_NONE;
	u->error_rc = 0;
}
/* Closes the link and opens it again, then goes to `resume`; ends the device with `err` when that was tried enough. */
void dfucast_update_reconnect(const struct update_turn *t, enum dfucast_update_state resume,
			      enum dfucast_err err);
/* The word for "no answer", from what was heard instead. */
enum dfucast_err dfucast_update_silence(const struct dfucast_update *u);
/* The request a state waits for; NONE where it waits for something else. */
enum dfucast_smp_request dfucast_update_request_of(enum dfucast_update_state state);
/* Where activating begins. */
static inline enum dfucast_update_state update_activation(const struct dfucast_update *u)
{
	return update_has(u, UPDATE_SELF_STARTS) ? DFUCAST_UPDATE_PRECHECK : DFUCAST_UPDATE_TEST;
}

/* request.c */
size_t dfucast_update_begin(const void *plan, void *device, const struct dfucast_grant *grant, uint32_t now);
void dfucast_update_read(const void *plan, const void *device, const struct dfucast_image_bytes *image,
			 size_t position, uint8_t *buffer, size_t length);
void dfucast_update_sent(const void *plan, void *device, uint32_t now);
/* The entry of the begun frame, or NULL. */
const struct dfucast_smp_pending *dfucast_update_tx(const struct dfucast_update *u);
/* Length of the first chunk's frame: with less room the device cannot be updated. */
size_t dfucast_update_first_bytes(const struct dfucast_update_plan *plan, const struct dfucast_update *u);
/* Forgets outstanding requests, except a begun frame, which is always finished. */
void dfucast_update_forget_pending(struct dfucast_update *u);

/* answer.c */
void dfucast_update_recv(const void *plan, void *device, const uint8_t *frame, size_t length, uint32_t now);
/* The device said this SMP-level code. */
bool dfucast_update_says(const struct update_turn *t, enum dfucast_smp_rc rc);
/* The device may take the same request later. */
bool dfucast_update_says_busy(const struct update_turn *t);

/* In PRECHECK, if TEST was refused: the image neither runs nor is it marked. True: that was the device's end. */
bool dfucast_update_was_refused(struct dfucast_update *u, bool is_marked);

/* Busy: the same later, or refused in the end. What it is busy with must not pass for "does not have it". */
bool dfucast_update_was_busy(const struct update_turn *t);

/* inspect.c: what a list that decoded well and whose error is 0 means in the present state. */
void dfucast_update_judge(const struct update_turn *t, const struct dfucast_smp_image_list *list);
/* It may be updated: on to the upload, or with the image staged (acked: all of it) to its check. MUSTER comes first
 * where boards are compared; `open`: it is over. */
void dfucast_update_begin_work(const struct update_turn *t, bool open);
void dfucast_update_leave_recovery(const struct update_turn *t);
/* Exactly what the plan means starts at the next reset: what comes before that reset, or the end. */
void dfucast_update_found_marked(const struct update_turn *t);
void dfucast_update_done(struct dfucast_update *u, enum dfucast_holds holds);
/* The same list once more after a pause. @return false: the device's time to return is over. */
bool dfucast_update_asks_again(const struct update_turn *t);

/* view.c */
/* One of the plan's images in the list; zero-initialise. */
struct update_view {
	const struct dfucast_smp_slot *active; /* slot of the image's number that runs; NULL: none told */
	const struct dfucast_smp_slot *other;  /* the other slot of that number; NULL: nothing listed there */
	bool active_is_ours;
	bool other_is_ours;
	bool armed; /* it is pending with no way back */
	bool ours_pending;
};
/* Adds a slot of the image's number; `may_be_other`: the image could go there. False: what is pending there is not ours. */
bool dfucast_update_view_add(struct update_view *view, const struct dfucast_update_image *image,
			     const struct dfucast_smp_slot *slot, bool may_be_other);
/* It runs and is not confirmed: a reset would revert it. */
bool dfucast_update_view_is_trial(const struct dfucast_smp_slot *slot);
/* The bootloader answered. */
bool dfucast_update_view_is_recovery(const struct dfucast_smp_image_list *list);
/* What ran before this update, from the first list. */
void dfucast_update_remember_before(struct dfucast_update *u, const struct dfucast_smp_slot *slot);
/* What runs now, if it is the plan's image, or the same as before. */
void dfucast_update_remember_after(struct dfucast_update *u, const struct update_view *view);

/* set.c: the same as dfucast_update_judge(), for a plan with several images. */
struct dfucast_update_set {
	void (*judge)(const struct update_turn *t, const struct dfucast_smp_image_list *list);
};

/* match.c */
struct dfucast_update_matcher {
	/* The slots are known: asks for what the plan wants to know of the device, then for its images. */
	void (*identify)(const struct update_turn *t);
	/* INFO was answered. */
	void (*answer)(struct update_turn *t, const uint8_t *body, size_t length);
	/* What runs there decides the rest. False: it is not meant, and has ended. */
	bool (*is_meant)(const struct update_turn *t, const struct dfucast_smp_slot *active, bool is_ours);
	/* Its list asks for the update. True: at once; false: it waits in MUSTER, or has ended. */
	bool (*may_begin)(const struct update_turn *t, bool open);
};

/* upload.c */
/* Sends the image from its first chunk; `why` is how it ends when that was tried enough. */
void dfucast_update_upload_begin(const struct update_turn *t, enum dfucast_err why);
/* What the device holds is bad: everything once more, after an erase. Only once. */
void dfucast_update_upload_afresh(struct dfucast_update *u, enum dfucast_err why);
void dfucast_update_upload_answer(struct update_turn *t, int index, const uint8_t *body, size_t length);
void dfucast_update_upload_tick(const struct update_turn *t);
void dfucast_update_first_tick(const struct update_turn *t);
void dfucast_update_echo_answer(struct dfucast_update *u);
void dfucast_update_upload_arm(const struct update_turn *t);

#endif
