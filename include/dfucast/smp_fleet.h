/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The fleet's group: what a gateway offers beside SMP's own groups. Both halves of every message: requests are encoded
 * by the host and decoded by the gateway, answers the other way round. Conventions in smp.h and smp_server.h.
 * Normative: docs/gateway-protocol.md and docs/gateway-protocol.cddl.
 */
#ifndef DFUCAST_SMP_FLEET_H
#define DFUCAST_SMP_FLEET_H

#include <dfucast/match.h>
#include <dfucast/smp_server.h>

#ifdef __cplusplus
extern "C" {
#endif

/** In the range that SMP leaves to applications. */
#define DFUCAST_SMP_GROUP_FLEET 3580u
/** `protocol` in capabilities: raised when an older host would misunderstand. */
#define DFUCAST_SMP_FLEET_PROTOCOL 1u

enum dfucast_smp_fleet_command {
	DFUCAST_SMP_FLEET_CAPABILITIES = 0, /**< read */
	DFUCAST_SMP_FLEET_SCAN = 1,         /**< read */
	DFUCAST_SMP_FLEET_PLAN = 2,         /**< write */
	DFUCAST_SMP_FLEET_START = 3,        /**< write, as the following four; bodies are empty */
	DFUCAST_SMP_FLEET_PAUSE = 4,
	DFUCAST_SMP_FLEET_RESUME = 5,
	DFUCAST_SMP_FLEET_ACTIVATE = 6,
	DFUCAST_SMP_FLEET_ABORT = 7,
	DFUCAST_SMP_FLEET_STATUS = 8, /**< read */
	DFUCAST_SMP_FLEET_REPORT = 9, /**< read */
	DFUCAST_SMP_FLEET_LOG = 10,   /**< read */
	DFUCAST_SMP_FLEET_RELAY = 11, /**< write */
};

/** `err.rc` of this group. */
enum dfucast_smp_fleet_rc {
	DFUCAST_SMP_FLEET_RC_NO_TARGET = 1, /**< no target of that name or number */
	DFUCAST_SMP_FLEET_RC_BAD_PLAN = 2,  /**< a value of the plan makes no sense, or too many targets */
	DFUCAST_SMP_FLEET_RC_STATE = 3,     /**< not in this state of the cast */
	DFUCAST_SMP_FLEET_RC_DISOBEYED = 4, /**< bytes sent again were not those sent first: this host does
					         not follow `off` and needs the plan's forward flag */
	DFUCAST_SMP_FLEET_RC_IMAGE =
	    5, /**< not an image, or not the one of the plan; or its SHA-256 is wrong */
	DFUCAST_SMP_FLEET_RC_UNREACHABLE = 6, /**< relay: the target could not be reached, or fell silent */
	DFUCAST_SMP_FLEET_RC_HOST_BYTES = 7,  /**< the plan's host_bytes_max would be exceeded */
	DFUCAST_SMP_FLEET_RC_NOBODY =
	    8, /**< every target has ended, and none has the image: read the report */
	DFUCAST_SMP_FLEET_RC_MATCH =
	    9, /**< the plan's match lists are longer than the gateway has room for */
};

/** What the gateway is doing: `state` in capabilities and status. */
enum dfucast_smp_fleet_state {
	DFUCAST_SMP_FLEET_IDLE,    /**< no cast */
	DFUCAST_SMP_FLEET_PLANNED, /**< a plan, nothing begun */
	DFUCAST_SMP_FLEET_LOOKING, /**< the first chunk is there, the image's end is being asked for */
	DFUCAST_SMP_FLEET_OPEN,    /**< a cast runs */
	DFUCAST_SMP_FLEET_OVER,    /**< every target has ended; until the next plan or upload */
};

/* ---- capabilities ------------------------------------------------------------------------------------------- */

struct dfucast_smp_fleet_capabilities {
	struct dfucast_smp_text version; /**< the gateway's firmware, for people */
	const uint8_t *hash;             /**< of the open cast's image; NULL: none */
	uint32_t protocol;
	uint32_t boot_id; /**< another number after each start of the gateway: its plan is gone */
	uint32_t links;   /**< connections it can hold */
	uint32_t links_free;
	uint32_t ring_bytes;
	uint32_t targets;     /**< of the present plan; without one, of the default plan */
	uint32_t targets_max; /**< that a plan can have */
	uint32_t state;       /**< enum dfucast_smp_fleet_state */
	uint32_t
	    match_bytes; /**< room for match lists, about; 0: it knows none, and refuses a plan with one */
	uint16_t hash_bytes;
	bool forward_only; /**< it never asks for bytes twice */
};
int dfucast_smp_fleet_capabilities_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id);
int dfucast_smp_fleet_capabilities_answer(uint8_t *frame, size_t capacity,
					  const struct dfucast_smp_header *request,
					  const struct dfucast_smp_fleet_capabilities *capabilities);
int dfucast_smp_fleet_capabilities_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
					  struct dfucast_smp_fleet_capabilities *capabilities);

/* ---- plan --------------------------------------------------------------------------------------------------- */

enum dfucast_smp_fleet_flag {
	DFUCAST_SMP_FLEET_ALLOW_DOWNGRADE = 0x01,
	DFUCAST_SMP_FLEET_ALLOW_NO_REVERT = 0x02,
	DFUCAST_SMP_FLEET_REPLACE_PENDING = 0x04,
	DFUCAST_SMP_FLEET_NO_RESET = 0x08,
	DFUCAST_SMP_FLEET_FRESH = 0x10,
	DFUCAST_SMP_FLEET_UPGRADE_ONLY = 0x20,
	DFUCAST_SMP_FLEET_FORWARD_ONLY = 0x40, /**< this host cannot go back in the image */
	DFUCAST_SMP_FLEET_COMMANDED = 0x80,    /**< activate only on the command to */
	DFUCAST_SMP_FLEET_ERASE_SETTINGS = 0x100,
	DFUCAST_SMP_FLEET_DRY_RUN = 0x200, /**< only look: nothing but read requests goes to the devices */
};
/** A gateway refuses a plan with others: a permission that it does not know is none, a caution is not to be dropped. */
#define DFUCAST_SMP_FLEET_FLAGS_KNOWN 0xF33FFu
/* Two numbers above the flags, 0: not said. */
#define DFUCAST_SMP_FLEET_SLOT_SHIFT 12u /**< slot that the image is linked for, and 1: 2 bits */
#define DFUCAST_SMP_FLEET_SLOT_MASK 0x3u
#define DFUCAST_SMP_FLEET_BOOT_SHIFT                                                                         \
	16u /**< enum dfucast_boot_mode where a target does not tell, and 1: 4 bits */
#define DFUCAST_SMP_FLEET_BOOT_MASK 0xFu

/** The job. Sent in as many frames as its targets need; only the first has anything but `at` and `targets`. */
struct dfucast_smp_fleet_plan {
	uint32_t at;    /**< index of the first target in this frame; 0 begins a new plan */
	uint32_t mode;  /**< enum dfucast_update_mode */
	uint32_t flags; /**< enum dfucast_smp_fleet_flag, slot and boot mode */
	/* Each 0: as the gateway has it for a host that brings no plan. */
	uint32_t barrier;
	uint32_t canary; /**< DFUCAST_SMP_FLEET_NO_CANARY: everybody at once */
	uint32_t max_failed;
	uint32_t gather_ms;
	uint32_t wait_ms;
	uint32_t soak_ms;
	uint32_t passes_max;
	uint32_t host_bytes_max; /**< the plan is refused when it predicts more; 0: no limit */
	uint32_t slot_bytes;     /**< for devices that do not tell; 0: as the gateway has it */
	uint32_t image_bytes;
	const uint8_t *header; /**< the image's first 32 bytes; NULL: the first chunk will tell */
	const uint8_t *hash;   /**< the image's hash TLV; NULL: the gateway asks for the image's end first */
	const uint8_t *sha;    /**< SHA-256 of the whole file; NULL: as the first chunk says */
	uint16_t header_bytes, hash_bytes, sha_bytes;
	struct dfucast_smp_text
	    board;               /**< the one that the image is for, at most 60 bytes; length 0: not named */
	bool board_must_be_told; /**< a target that does not tell its board is left alone, too */
	bool
	    match_is_due; /**< restored from a blob: the plan had match lists, which have to be given again */
	/** Encoding: which devices the image is for, whichever target it is. NULL: all. A line with the key BOARD stands in
	 *  place of `board`. */
	const struct dfucast_match *match;
	struct dfucast_smp_text matches; /**< decoding: the same, for _match_next() */
	struct dfucast_smp_text targets; /**< decoding: the list's content, for _target_next() */
};
struct dfucast_smp_fleet_target {
	struct dfucast_smp_text id; /**< address, port or name, as this gateway writes it in its scan */
	/** Encoding: lines of its own. They stand in place of the plan's with the same keys. NULL: none. */
	const struct dfucast_match *match;
	struct dfucast_smp_text matches; /**< decoding: the same, for _match_next() */
	uint32_t passkey;                /**< of the pairing; 0xFFFFFFFF: none */
};
#define DFUCAST_SMP_FLEET_NO_PASSKEY 0xFFFFFFFFu
#define DFUCAST_SMP_FLEET_NO_CANARY 0xFFFFFFFFu
/**
 * Writes @p plan with as many of @p targets as fit, from index plan->at on.
 * @param written  targets in the frame
 */
int dfucast_smp_fleet_plan_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				  const struct dfucast_smp_fleet_plan *plan,
				  const struct dfucast_smp_fleet_target *targets, size_t count,
				  size_t *written);
int dfucast_smp_fleet_plan_decode(const uint8_t *body, size_t length, struct dfucast_smp_fleet_plan *plan);
/** @return 1 a target, 0 the end, MALFORMED */
int dfucast_smp_fleet_target_next(struct dfucast_smp_fleet_plan *plan,
				  struct dfucast_smp_fleet_target *target);
/** Takes a line off `matches`. @param range  the value of a RUNNING line: its bounds
 *  @return 1 a line, 0 the end, MALFORMED: also a key or flag that is not known, or a value that makes no sense */
int dfucast_smp_fleet_match_next(struct dfucast_smp_text *matches, struct dfucast_match *line,
				 struct dfucast_version range[2]);

/** What the plan will cost, as far as it is known: no straggler, no restart. */
struct dfucast_smp_fleet_prediction {
	uint32_t targets; /**< taken so far */
	uint32_t waves;   /**< targets beyond the links */
	uint32_t passes;
	uint32_t host_bytes; /**< image bytes that the host will have to send */
};
int dfucast_smp_fleet_plan_answer(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
				  const struct dfucast_smp_fleet_prediction *prediction);
int dfucast_smp_fleet_prediction_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
					struct dfucast_smp_fleet_prediction *prediction);

/** START, PAUSE, RESUME, ACTIVATE, ABORT. The answer is dfucast_smp_answer_rc(). */
int dfucast_smp_fleet_command_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				     enum dfucast_smp_fleet_command command);

/* ---- status, report, log, scan: read in pages ------------------------------------------------------------------ */

/** STATUS ("since"), REPORT, LOG and SCAN ("at"): one number. */
int dfucast_smp_fleet_read_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				  enum dfucast_smp_fleet_command command, uint32_t from);
int dfucast_smp_fleet_read_decode(const uint8_t *body, size_t length, uint32_t *from);

/** A status answer is at most this long, header included. */
#define DFUCAST_SMP_FLEET_STATUS_BYTES_MAX 100u
/** Changes in one status answer. */
#define DFUCAST_SMP_FLEET_CHANGES_MAX 6u

struct dfucast_smp_fleet_status {
	uint32_t now;   /**< give it as `since` next time */
	uint32_t state; /**< enum dfucast_smp_fleet_state */
	uint32_t next;  /**< the image offset wanted of the host; the image's length: none */
	uint32_t
	    low; /**< acknowledged by the slowest target that still takes the image; and by the fastest */
	uint32_t high;
	uint32_t eta_s;   /**< until every target has the image; 0: not known */
	uint32_t ended;   /**< targets in a final state */
	uint32_t waiting; /**< verified, not activated */
	uint32_t host_bytes;
	uint32_t host_dropped_bytes;
	uint32_t passes;
	struct {
		uint16_t target;
		uint8_t state; /**< enum dfucast_state */
	} changes[DFUCAST_SMP_FLEET_CHANGES_MAX];
	uint8_t count;
	bool more; /**< ask again at once */
};
int dfucast_smp_fleet_status_answer(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
				    const struct dfucast_smp_fleet_status *status);
int dfucast_smp_fleet_status_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				    struct dfucast_smp_fleet_status *status);

/** One target's report. */
struct dfucast_smp_fleet_report {
	struct dfucast_smp_text id;
	uint32_t target; /**< index in the plan */
	uint32_t state;  /**< enum dfucast_state */
	uint32_t holds;  /**< enum dfucast_holds */
	uint32_t attempts;
	uint32_t window;
	uint32_t offset;
	uint32_t sent_bytes;
	int32_t err;    /**< enum dfucast_err */
	uint32_t step;  /**< enum dfucast_update_state */
	uint32_t group; /**< the device's own; DFUCAST_GROUP_NONE */
	uint32_t rc;
	int32_t rssi;                   /**< dBm; 0: not known */
	struct dfucast_smp_text before; /**< version; length 0: not known */
	struct dfucast_smp_text after;
	struct dfucast_smp_text
	    board; /**< that it told; length 0: it was not asked, or the gateway does not keep it */
	bool skipped_upload;
	bool revert_unproven;
	bool slot_unknown;
};
/** A gateway's pages are at most so long, header and all: a small host's buffer for what comes. */
#define DFUCAST_SMP_FLEET_PAGE_BYTES 512u
/** A page of reports: begin, add until it says no more fits, end. */
struct dfucast_smp_page {
	uint8_t *frame;
	size_t capacity;
	size_t length;
};
void dfucast_smp_fleet_page_begin(struct dfucast_smp_page *page, uint8_t *frame, size_t capacity,
				  const char *key);
/** @return false: it did not fit, and nothing was added */
bool dfucast_smp_fleet_page_report(struct dfucast_smp_page *page,
				   const struct dfucast_smp_fleet_report *report);
/** @param next  where the next page begins; 0: this was the last */
int dfucast_smp_fleet_page_end(struct dfucast_smp_page *page, const struct dfucast_smp_header *request,
			       uint32_t next);

/** Opens a page: its elements are then taken off with _report_next() or _event_next(). */
int dfucast_smp_fleet_page_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				  const char *key, struct dfucast_smp_text *elements, uint32_t *next);
/** @return 1 a report, 0 the end, MALFORMED */
int dfucast_smp_fleet_report_next(struct dfucast_smp_text *elements, struct dfucast_smp_fleet_report *report);

/** One line of the log. */
struct dfucast_smp_fleet_event {
	uint32_t number; /**< counts from 1 */
	uint32_t t_ms;   /**< since the gateway's start */
	uint32_t target; /**< 0xFFFF: none */
	uint32_t what;   /**< enum dfucast_gateway_event, gateway.h */
	int32_t value;
};
bool dfucast_smp_fleet_page_event(struct dfucast_smp_page *page, const struct dfucast_smp_fleet_event *event);
int dfucast_smp_fleet_event_next(struct dfucast_smp_text *elements, struct dfucast_smp_fleet_event *event);

/** One device in range. */
struct dfucast_smp_fleet_seen {
	struct dfucast_smp_text id;
	struct dfucast_smp_text name;
	uint32_t protocol;  /**< 0 smp, 1 secure-dfu, 2 legacy-dfu, 3 ti-oad */
	int32_t rssi;       /**< dBm; 0: not known */
	uint32_t period_ms; /**< of its advertising, 0: not known */
};
bool dfucast_smp_fleet_page_seen(struct dfucast_smp_page *page, const struct dfucast_smp_fleet_seen *seen);
int dfucast_smp_fleet_seen_next(struct dfucast_smp_text *elements, struct dfucast_smp_fleet_seen *seen);

/* ---- relay ---------------------------------------------------------------------------------------------------- */

/** One SMP frame to one target. The answer is the target's frame, its sequence number that of the inner request. */
struct dfucast_smp_fleet_relay {
	struct dfucast_smp_text id; /**< as in the plan, or as the scan names it */
	const uint8_t *frame;
	uint16_t frame_bytes;
};
int dfucast_smp_fleet_relay_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				   const struct dfucast_smp_fleet_relay *relay);
int dfucast_smp_fleet_relay_decode(const uint8_t *body, size_t length, struct dfucast_smp_fleet_relay *relay);
int dfucast_smp_fleet_relay_answer(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
				   const uint8_t *inner, size_t inner_bytes);
int dfucast_smp_fleet_relay_answer_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
					  const uint8_t **inner, size_t *inner_bytes);

#ifdef __cplusplus
}
#endif
#endif
