/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The fan-out: one image stream, many devices, one window.
 *
 * The image passes once through a ring. Each device has its own cursor; the ring drops what the slowest device
 * of this pass no longer needs. A device that holds the others back is let go and caught up in a further pass,
 * for which the source is asked again from its offset. A source that cannot go back says so, and the straggler
 * ends `behind`.
 *
 * A port makes the calls in this order, whenever something happened (one context, never from inside a hook):
 *
 *     what happened:   dfucast_cast_link_up / _link_down / _resynced / _recv / _noise / _feed / _tick
 *     then always:     dfucast_cast_next_request()   until it says no: open, close or resync links
 *                      dfucast_cast_begin()          for each link with room: _read() the frame, _sent()
 *                      dfucast_cast_need()           more image bytes, if it says yes: _feed()
 *                      dfucast_cast_deadline()       when to call _tick() at the latest
 *
 * Nothing is allocated: the caller supplies every array (struct dfucast_cast_config).
 */
#ifndef DFUCAST_CAST_H
#define DFUCAST_CAST_H

#include <dfucast/consumer.h>
#include <dfucast/frame.h>
#include <dfucast/ring.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Targets one cast can have. */
#define DFUCAST_CAST_TARGETS_MAX 4096u

/**
 * One opening of one target's link. What arrives for an older generation is dropped inside the cast, so a
 * connection handle that the stack hands out again harms nobody. Keep it beside the connection.
 */
struct dfucast_link {
	uint16_t target;
	uint16_t generation;
};

/** The cast's own state of one target; opaque, the caller's memory. */
struct dfucast_cast_target {
	uint32_t retry_ms;
	uint16_t generation;
	uint16_t blocked_ms;
	uint8_t link;
	uint8_t flags;
	uint8_t opens;
};

struct dfucast_cast_config {
	const struct dfucast_consumer *consumer; /**< the device protocol, e.g. &dfucast_update_consumer */
	const void *plan;                        /**< that protocol's plan */
	void *devices;                       /**< count elements of device_bytes each, zeroed by the caller */
	struct dfucast_cast_target *targets; /**< count elements */
	uint8_t *ring;                       /**< the image window */
	uint32_t ring_bytes; /**< at least one frame of the largest device; 64 KiB is plenty */
	uint32_t image_bytes;
	uint16_t device_bytes;
	uint16_t count; /**< targets, 1 … DFUCAST_CAST_TARGETS_MAX */
	uint16_t
	    links_max; /**< links open at the same time; fewer than count: waves. 0: as many as targets */
	uint16_t
	    canary; /**< devices activated, checked and finished before the rest; ignored for one target */
	uint16_t max_failed; /**< after so many failed activations nobody else is activated; 0: 1 */
	uint16_t barrier;    /**< nobody is activated before so many are verified; 0: no barrier */
	uint16_t passes_max; /**< 0: no limit */
	uint32_t
	    gather_ms; /**< a pass begins so long after the first device is ready for it, at the latest */
	uint32_t straggle_ms; /**< a device may hold the others back so long in one pass; 0: 500 */
	uint32_t erase_ms;    /**< the same while it is erasing; 0: 15000 */
	uint32_t
	    source_bytes; /**< the source gives no fewer at a time: with less room the ring counts as full;
				    0: 1. May be raised while the cast runs */
	bool rewinds;     /**< the source can go back */
	bool commanded;   /**< nobody is activated before dfucast_cast_activate() */
	bool prefills;    /**< bytes are taken before the first device is ready for them, too */
};

/** Read-only for callers, except through the functions below. */
struct dfucast_cast {
	bool started;
	bool gathering;
	bool open; /**< devices that were checked may begin */
	bool image_verified;
	bool streaming; /**< a pass runs */
	bool held;      /**< somebody held the others back at the last look */
	uint8_t paused; /**< phases (consumer.h) that rest in a pause, a bit each; 0: no pause */
	bool commanded; /**< still waits for dfucast_cast_activate() */
	uint16_t passes;
	uint16_t activated; /**< activations begun */
	uint16_t succeeded; /**< activations that ended `done` */
	uint16_t failed;    /**< activations that ended otherwise */
	uint16_t links_open;
	struct dfucast_cast_config config;
	struct dfucast_ring ring;
	uint32_t run_ms; /**< when the cast last looked at the whole fleet */
	uint32_t gather_end_ms;
	uint32_t accepted_bytes; /**< image bytes taken into the ring, all passes */
};

enum dfucast_request_kind {
	DFUCAST_REQUEST_OPEN, /**< complete with _link_up or _link_down */
	/** Complete with _link_down. What comes in between is dropped; nothing goes out any more: not one _read or _sent
	 *  for this link, a half-sent frame is given up (reset the carrier's state). */
	DFUCAST_REQUEST_CLOSE,
	DFUCAST_REQUEST_RESYNC, /**< complete with _resynced or _link_down */
};

struct dfucast_link_request {
	struct dfucast_link link;
	uint8_t kind; /**< enum dfucast_request_kind */
};

/** @p config is copied; what it points to stays the caller's and must outlive the cast. Asserts on nonsense. */
void dfucast_cast_init(struct dfucast_cast *cast, const struct dfucast_cast_config *config);
/** Starts all devices. Call once. */
void dfucast_cast_start(struct dfucast_cast *cast, uint32_t now);

/** The SHA-256 over every image byte has matched in this run. Nobody is activated before. */
void dfucast_cast_set_image_verified(struct dfucast_cast *cast, uint32_t now);

/** With `commanded`: the word has come; the gates decide from here on. Nothing happens otherwise. */
void dfucast_cast_activate(struct dfucast_cast *cast, uint32_t now);

/**
 * Gives the links back and stops the clocks of all devices that are not being activated; those go on to their end.
 * Nobody fails for it, however long it lasts: at resume they are connected anew and go on from what they hold.
 */
void dfucast_cast_pause(struct dfucast_cast *cast, uint32_t now);
void dfucast_cast_resume(struct dfucast_cast *cast, uint32_t now);

/** As links_max in the configuration, from now on; at least 1. Open links beyond it stay until they are done. */
void dfucast_cast_set_links_max(struct dfucast_cast *cast, uint16_t links_max, uint32_t now);

/* ---- the image source ---- */

/** @return true: the stream wants image bytes [*offset, *offset + *length), length >= 1. The offset is the end of
 *  the last feed, or lower: a rewind, or higher: bytes that no device needs. */
bool dfucast_cast_need(const struct dfucast_cast *cast, uint32_t *offset, uint32_t *length);
/** Gives bytes at @p offset, which must be the one that _need names now. @return bytes taken; 0 when the offset is
 *  not the one wanted (ask _need again) or the ring is full. */
uint32_t dfucast_cast_feed(struct dfucast_cast *cast, uint32_t offset, const uint8_t *bytes, uint32_t length,
			   uint32_t now);

/* ---- links ---- */

/** The next thing to do with a link. Each request is given out once. @return false: nothing now. */
bool dfucast_cast_next_request(struct dfucast_cast *cast, struct dfucast_link_request *request, uint32_t now);
void dfucast_cast_link_up(struct dfucast_cast *cast, struct dfucast_link link,
			  const struct dfucast_link_info *info, uint32_t now);
/** The link went away, could not be opened, or was closed as asked (err OK). */
void dfucast_cast_link_down(struct dfucast_cast *cast, struct dfucast_link link, enum dfucast_err err,
			    uint32_t now);
void dfucast_cast_resynced(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now);
void dfucast_cast_recv(struct dfucast_cast *cast, struct dfucast_link link, const uint8_t *frame,
		       size_t length, uint32_t now);
void dfucast_cast_noise(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now);

/** Length of the next frame for this link; 0: nothing now. It stays begun, whatever else happens, until _sent or
 *  until the link is down or its CLOSE was given out: then the frame is void, and 0 is answered. */
size_t dfucast_cast_begin(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now);
/** Bytes [position, position + length) of the begun frame, as often as wanted, in any order. Asserts that the link is
 *  up: never after CLOSE was given out for it. */
void dfucast_cast_read(const struct dfucast_cast *cast, struct dfucast_link link, size_t position,
		       uint8_t *buffer, size_t length);
/** The begun frame's last byte went to the wire. */
void dfucast_cast_sent(struct dfucast_cast *cast, struct dfucast_link link, uint32_t now);

/**
 * _begin, _read, _sent and _recv as frame source and frame sink of one link, for a carrier (ble.h, framing.h). Set
 * `now` before each call of the carrier. The source and the sink point to the outlet: it must outlive their use, which
 * for the carriers here is the one call they are given to, so it may be made anew each time.
 */
struct dfucast_cast_outlet {
	struct dfucast_cast *cast;
	struct dfucast_link link;
	uint32_t now;
};
/** begin, read and done are _begin, _read and _sent. */
struct dfucast_frame_source dfucast_cast_frame_source(struct dfucast_cast_outlet *outlet);
/** frame is _recv. */
struct dfucast_frame_sink dfucast_cast_frame_sink(struct dfucast_cast_outlet *outlet);

/* ---- time and state ---- */

/** @return false: nothing to wait for but events. */
bool dfucast_cast_deadline(const struct dfucast_cast *cast, uint32_t *deadline);
void dfucast_cast_tick(struct dfucast_cast *cast, uint32_t now);

/** Stops every device that has not ended; nothing more is sent. `why`: ABORTED or DEADLINE, after which verified
 *  devices are `held`; or what is wrong with the image (IMAGE_*), after which all are `failed`. */
void dfucast_cast_stop(struct dfucast_cast *cast, enum dfucast_err why, uint32_t now);
/** Every device has ended. */
bool dfucast_cast_is_done(const struct dfucast_cast *cast);
void dfucast_cast_status(const struct dfucast_cast *cast, uint16_t target, struct dfucast_status *status);

#ifdef __cplusplus
}
#endif
#endif
