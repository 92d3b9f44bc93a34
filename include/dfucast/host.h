/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The host's half of a gateway's link: hands over the plan, sends the image as the gateway asks for it, watches the
 * fleet, reads the reports. For a host microcontroller with a modem, and what `dfucast update --via` runs on Linux.
 *
 * Sans-IO: whole SMP frames in and out, so that the link can share a wire with a protocol of the product's own; image
 * bytes when they come, since they come over a network. The caller's loop, after every event and at the deadline:
 *
 *     dfucast_host_tick()           time, polls, repeats
 *     dfucast_host_want()           image bytes wanted? give what there is: _feed(); "nothing yet" is no error
 *     the frame source              a frame to send?
 *     dfucast_host_deadline()       when to call _tick() at the latest
 *
 * What the fleet does is told through the two calls of struct dfucast_host_config. One context, nothing re-enters,
 * nothing is allocated. Time as in port.h.
 */
#ifndef DFUCAST_HOST_H
#define DFUCAST_HOST_H

#include <dfucast/consumer.h>
#include <dfucast/frame.h>
#include <dfucast/port.h>
#include <dfucast/smp_fleet.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the host is doing. */
enum dfucast_host_state {
	DFUCAST_HOST_IDLE,      /**< dfucast_host_start() */
	DFUCAST_HOST_ASKING,    /**< what the gateway is, and whether it works on this image already */
	DFUCAST_HOST_PLANNING,  /**< hands over the plan */
	DFUCAST_HOST_STARTING,  /**< has devices connected */
	DFUCAST_HOST_UPLOADING, /**< image bytes, as the gateway asks for them */
	DFUCAST_HOST_WATCHING,  /**< the fleet has them: status until every target has ended */
	DFUCAST_HOST_REPORTING, /**< reads each target's report */
	DFUCAST_HOST_DONE,      /**< every target has ended and was reported; how, the reports say */
	DFUCAST_HOST_FAILED,    /**< see dfucast_host_outcome() */
};

struct dfucast_host_config {
	/** The job; `at` and `targets` are not used. The image's size, header, hash and sha must be there. */
	const struct dfucast_smp_fleet_plan *plan;
	const struct dfucast_smp_fleet_target *targets; /**< NULL with count 0: the gateway's default plan */
	uint16_t target_count;
	uint8_t image;  /**< image number of the fleet on this link: 1 where image 0 is the gateway's own */
	uint8_t *frame; /**< one request on its way */
	uint16_t frame_bytes; /**< at least 256; a larger one carries more of the image at a time */
	uint32_t timeout_ms;  /**< for an answer; 0: 3000 */
	uint8_t tries;        /**< of one request; 0: 5 */
	uint32_t poll_ms;     /**< between two looks at the status; 0: 1000 */
	void *context;
	/** A target's state has changed. May be NULL. */
	void (*changed)(void *context, uint16_t target, enum dfucast_state state);
	/** A target's report, in order; texts are valid during the call. May be NULL. */
	void (*report)(void *context, const struct dfucast_smp_fleet_report *report);
};

/** Opaque, the caller's memory; `state`, `status` and `prediction` may be read. */
struct dfucast_host {
	uint8_t state;                                  /**< enum dfucast_host_state */
	struct dfucast_smp_fleet_status status;         /**< as last told */
	struct dfucast_smp_fleet_prediction prediction; /**< the plan's answer */
	struct dfucast_host_config config;
	struct dfucast_outcome outcome;
	uint32_t boot_id;
	uint32_t buf_size;    /**< the gateway's; 0: not known */
	uint32_t offset;      /**< of the chunk being filled or sent */
	uint32_t report_next; /**< page */
	uint32_t passes;      /**< most that a status has told */
	uint32_t poll_at_ms;
	uint32_t due_ms;  /**< the request is sent again, or a pause is over */
	uint16_t planned; /**< targets handed over */
	uint16_t filled;  /**< image bytes in the frame */
	uint16_t begin;   /**< where the frame begins in its memory */
	uint16_t length;  /**< of the request; 0: none */
	uint8_t sequence;
	uint8_t tries;    /**< of the present request */
	uint8_t restarts; /**< times it was begun anew */
	uint8_t busy;     /**< times in a row the gateway asked for patience */
	uint8_t request;  /**< what the request is, private */
	uint8_t command;  /**< to be sent as soon as possible; 0: none */
	bool to_send;     /**< the request, or the rest of it, is not out yet */
	bool waits;       /**< for the answer, or for `due_ms` */
	bool adopted;     /**< the gateway is at work on this image already; the plan tells whether for us */
	bool aborts;
};

/** @p config is copied; what it points to must outlive the host. Asserts on nonsense. */
void dfucast_host_init(struct dfucast_host *host, const struct dfucast_host_config *config);
void dfucast_host_start(struct dfucast_host *host, uint32_t now);

/** @return true: image bytes [*offset, *offset + *length) are wanted, length >= 1. */
bool dfucast_host_want(const struct dfucast_host *host, uint32_t *offset, uint32_t *length);
/** Gives image bytes at the offset that _want names. @return bytes taken; 0: not wanted now. */
uint32_t dfucast_host_feed(struct dfucast_host *host, uint32_t offset, const uint8_t *bytes, uint32_t length,
			   uint32_t now);

/** Frames to the gateway, for a carrier. Valid as long as the host. */
struct dfucast_frame_source dfucast_host_frame_source(struct dfucast_host *host);
/**
 * A whole frame from the gateway: its answers are at most DFUCAST_SMP_FLEET_PAGE_BYTES long, so that is the buffer that a host
 * needs. Frames that answer nothing of ours are dropped: they may be the product's own.
 */
void dfucast_host_recv(struct dfucast_host *host, const uint8_t *frame, size_t length, uint32_t now);

/** @return false: no timer runs. */
bool dfucast_host_deadline(const struct dfucast_host *host, uint32_t *deadline);
void dfucast_host_tick(struct dfucast_host *host, uint32_t now);

/** ACTIVATE, PAUSE, RESUME or ABORT, sent before anything else. After ABORT the reports are read: what each holds. */
void dfucast_host_command(struct dfucast_host *host, enum dfucast_smp_fleet_command command, uint32_t now);

/** Why it FAILED: UNREACHABLE (no answer), NOT_SUPPORTED (no gateway; with group FLEET and code MATCH: one that knows no match
 *  lists), REFUSED with the gateway's group and code, ARGUMENT (a restored plan whose match lists were not given again), SPACE (a
 *  frame cannot carry the plan's match list, or a target with its own). */
struct dfucast_outcome dfucast_host_outcome(const struct dfucast_host *host);

/* ---- over a loss of power ------------------------------------------------------------------------------------- */

/** The job without its targets' texts and match lists, which are the product's own data. */
#define DFUCAST_HOST_BLOB_BYTES 256u
/** To be kept in flash once the plan is taken (state UPLOADING). */
void dfucast_host_save(const struct dfucast_host *host, uint8_t blob[DFUCAST_HOST_BLOB_BYTES]);
/**
 * The plan out of a blob, for the configuration of a host that goes on: devices are asked what they hold, those on
 * trial are checked and confirmed. @p plan points into @p blob, which must stay. Where it had match lists (`match_is_due`), they
 * are to be given again: dfucast_host_start() fails without. @return false: not such a blob
 */
bool dfucast_host_restore(const uint8_t blob[DFUCAST_HOST_BLOB_BYTES], struct dfucast_smp_fleet_plan *plan,
			  uint16_t *target_count);

#ifdef __cplusplus
}
#endif
#endif
