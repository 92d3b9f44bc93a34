/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The gateway: an SMP server whose image is a whole fleet's. What a host uploads to it goes through a window to every
 * target at the same time; the `off` of each upload answer is the flow control. Any stock SMP tool can drive it, and
 * the fleet's group (smp_fleet.h) adds what SMP lacks. What a host sees: docs/gateway-protocol.md.
 *
 * Sans-IO, as the fan-out inside it. A port has two kinds of links: to devices, which it serves exactly as cast.h
 * says on dfucast_gateway_cast(), and one to the host. After every event of either kind, and at the deadline:
 *
 *     dfucast_gateway_run()          what follows from it
 *     requests and frames            as cast.h says: next_request, begin/read/sent for each link with room
 *     the host link's frame source   dfucast_gateway_frame_source(): an answer may be ready
 *     dfucast_gateway_deadline()     when to call _run() at the latest, instead of dfucast_cast_deadline()
 *
 * dfucast_cast_feed() and _tick() are the gateway's business, not the port's. One context for all calls, none from
 * inside another; nothing is allocated. Time as in port.h.
 */
#ifndef DFUCAST_GATEWAY_H
#define DFUCAST_GATEWAY_H

#include <dfucast/cast.h>
#include <dfucast/image.h>
#include <dfucast/port.h>
#include <dfucast/smp_fleet.h>
#include <dfucast/update.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFUCAST_GATEWAY_ADDRESS_BYTES 12u

/** One target of the plan: the caller's memory, one element for each target a plan can have. */
struct dfucast_gateway_target {
	uint8_t address
	    [DFUCAST_GATEWAY_ADDRESS_BYTES]; /**< what the port needs to reach it; only the port knows */
	uint16_t changed;                    /**< number of its last change of state; 0: none yet */
	uint8_t told;                        /**< enum dfucast_state, as last looked at */
	int8_t rssi;                         /**< dBm, set by the port; 0: not known */
	uint16_t match;                      /**< where its list begins among the plan's; the gateway's */
};

/** The board that a target told, or as much of it as there is room for. */
struct dfucast_gateway_board {
	uint8_t bytes;
	char text[DFUCAST_BOARD_BYTES_MAX];
};

/** What only the port knows. Members that may be NULL say so. Called from inside the gateway's calls. */
struct dfucast_gateway_port {
	void *context;
	/** A target's text, as a host writes it, to its address. @return false: no such target */
	bool (*resolve)(void *context, const struct dfucast_smp_fleet_target *wanted,
			struct dfucast_gateway_target *target);
	/** The other way round: at most @p capacity bytes, no NUL. @return its length */
	size_t (*name)(void *context, const struct dfucast_gateway_target *target, char *text,
		       size_t capacity);
	/** An own SMP server beside the fleet's: a frame in, its answer out. What of the OS and image groups is the fleet's
	 *  does not come here: on a fleet-only link, `bootloader` neither. @return its length, 0: no answer.
	 *  NULL: there is none. */
	size_t (*local_smp)(void *context, const uint8_t *frame, size_t length, uint8_t *answer,
			    size_t capacity);
	/** Mixed links: whether an image is for the gateway itself, by its first 32 bytes. NULL: none is. */
	bool (*is_own_image)(void *context, const uint8_t *header, uint32_t image_bytes);
	/** The host wants the gateway itself reset; the answer is on its way when this is called. NULL: asked of local_smp,
	 *  or refused. */
	void (*reset)(void *context);
	/** Device number @p index in range. @return false: there are not so many. NULL: no scan. What @p seen points to
	 *  must stay until the call after. */
	bool (*seen)(void *context, uint32_t index, struct dfucast_smp_fleet_seen *seen);
};

/** Room for match lists in the gateway itself: two lines and a board, so that a plan can name the image's. */
#define DFUCAST_GATEWAY_MATCH_BYTES_MIN                                                                      \
	((uint16_t)(2u * sizeof(struct dfucast_match) + DFUCAST_BOARD_BYTES_MAX))

/** Blocks by which bytes sent again are compared with those sent first, see `sums`. */
#define DFUCAST_GATEWAY_SUMS_MIN 16u

struct dfucast_gateway_config {
	/** Memory and limits of the fan-out: devices, device_bytes, targets, ring, ring_bytes, links_max, straggle_ms,
	 *  erase_ms, and what a stock host's cast gets: canary, max_failed, barrier, gather_ms, passes_max. `count` is
	 *  how many targets a plan can have. The rest is set here. */
	struct dfucast_cast_config cast;
	/** What a stock host's update is: mode, time-outs, permissions. The image's fields are set here. */
	struct dfucast_update_plan plan;
	struct dfucast_gateway_target *targets; /**< cast.count elements */
	/** The default plan: what a host updates that brings none. Never simply everything in range. */
	const struct dfucast_gateway_target *defaults;
	uint16_t default_count;
	bool
	    mixed; /**< image 0 is the gateway's own, image 1 the fleet's; false: the fleet's is all there is */
	bool forward_only; /**< no host of this gateway can go back in the image */
	const struct dfucast_gateway_port *port;
	struct dfucast_sha256 file;    /**< two hashes at the same time: over the whole file */
	struct dfucast_sha256 content; /**< and over what the image's own hash covers */
	uint32_t *sums; /**< checksums of blocks; 128 are plenty, at least DFUCAST_GATEWAY_SUMS_MIN */
	uint16_t sum_count;
	uint8_t *answer; /**< one answer to the host */
	uint16_t
	    answer_bytes; /**< at least 128; an image list takes 300, with the gateway's own images in it 1,000; a page at most
			        DFUCAST_SMP_FLEET_PAGE_BYTES */
	uint16_t buf_size;   /**< longest frame taken from the host, header included: told in `params` */
	uint32_t host_baud;  /**< of the wire to the host, bit/s; 0: fast. An answer is due hold_ms after the
			            request's first byte, and only the port's speed tells when that was */
	uint32_t hold_ms;    /**< an answer is held back at most so long; 0: 900 */
	uint32_t slow_ms;    /**< no image byte from the host for so long: links go slow; 0: 10000 */
	uint32_t release_ms; /**< and for so long: links are given back until it goes on; 0: 300000 */
	/** cast.count elements: boards, where they are asked for, to be told in the reports. NULL: they are not kept. */
	struct dfucast_gateway_board *boards;
	/** A plan's match lists: one element a line, one for the end of each list that differs from the others, and the values
	 *  behind them (texts and hashes as long as they are, ranges 16 bytes, up to the next multiple of 4). A plan that needs
	 *  more is refused. NULL: DFUCAST_GATEWAY_MATCH_BYTES_MIN of the gateway's own. */
	struct dfucast_match *match;
	uint16_t match_bytes; /**< of all of it; a multiple of 4, at least DFUCAST_GATEWAY_MATCH_BYTES_MIN */
	uint8_t *relay;       /**< one frame to or from a target; NULL: no relay */
	uint16_t relay_bytes;
	uint32_t boot_id;    /**< another number after each start */
	const char *version; /**< of the gateway's firmware, NUL-terminated; NULL: "" */
	/** Newest last; oldest are overwritten. NULL: no log. */
	struct dfucast_smp_fleet_event *log;
	uint16_t log_count;
};

/** `what` of a log line. */
enum dfucast_gateway_event {
	DFUCAST_GATEWAY_EVENT_STATE,     /**< a target's state: enum dfucast_state */
	DFUCAST_GATEWAY_EVENT_PLAN,      /**< a plan was taken: number of targets */
	DFUCAST_GATEWAY_EVENT_OPENED,    /**< a cast began: image bytes */
	DFUCAST_GATEWAY_EVENT_REWIND,    /**< the host is asked for an earlier offset */
	DFUCAST_GATEWAY_EVENT_VERIFIED,  /**< the SHA-256 over every byte matches */
	DFUCAST_GATEWAY_EVENT_ACTIVATED, /**< the word to activate came */
	DFUCAST_GATEWAY_EVENT_PAUSED,    /**< 1: by command, 0: by the host's silence */
	DFUCAST_GATEWAY_EVENT_RESUMED,
	DFUCAST_GATEWAY_EVENT_STOPPED, /**< enum dfucast_err */
	DFUCAST_GATEWAY_EVENT_OVER,    /**< every target has ended: how many are done */
};

/** How fast the port's links should be: a hint, for ports whose links have a pace. */
enum dfucast_gateway_pace {
	DFUCAST_GATEWAY_FAST, /**< image bytes are on their way */
	DFUCAST_GATEWAY_SLOW, /**< nothing to do for a while */
};

/** What became of the present request's answer. */
enum dfucast_gateway_tx {
	DFUCAST_GATEWAY_TX_NONE,
	DFUCAST_GATEWAY_TX_RELAYED, /**< a relay's: a target's answer is waited for */
	DFUCAST_GATEWAY_TX_HELD,    /**< an upload's: not yet known which offset to ask for */
	DFUCAST_GATEWAY_TX_READY,   /**< in `answer`, to be sent */
	DFUCAST_GATEWAY_TX_SENT,    /**< still in `answer`, in case the request comes again */
};

/** The frame being relayed, private. */
struct dfucast_gateway_relay {
	struct dfucast_gateway_relay *self;
	uint32_t due_ms;
	uint16_t target;
	uint16_t length;
	uint8_t state;
	uint8_t host_sequence;
	uint8_t sequence;
	bool answered;
	bool lost;
	bool given_up; /**< begun, and its time is over */
};

/** Opaque, the caller's memory; the first members may be read. */
struct dfucast_gateway {
	uint32_t host_bytes;         /**< image bytes accepted into the ring, this cast */
	uint32_t host_dropped_bytes; /**< image bytes received and not accepted */
	uint32_t rewinds;            /**< times the host was called back, this cast */
	uint8_t state;               /**< enum dfucast_smp_fleet_state */
	uint8_t pace;                /**< enum dfucast_gateway_pace */
	uint16_t target_count;       /**< of the plan */

	struct dfucast_gateway_config config;
	struct dfucast_cast cast;
	struct dfucast_update_plan plan;
	struct dfucast_cast_config gates;    /**< of the present plan: canary, barrier … */
	struct dfucast_update_boards boards; /**< one image, so one board */
	struct dfucast_match *match;         /**< memory for match lists: the caller's, or `own_match` */
	struct {
		struct dfucast_match lines[2];
		char board[DFUCAST_BOARD_BYTES_MAX];
	} own_match;
	struct dfucast_match runs_it[2]; /**< the list of a cast that only confirms: who runs the image */
	uint16_t match_bytes;
	uint16_t match_lines;  /**< lines in it, ends and all */
	uint16_t match_values; /**< where its values begin, which lie at its end */
	struct dfucast_image image;
	struct dfucast_image_digest digest;
	struct dfucast_gateway_relay relay;
	struct dfucast_smp_header request; /**< the one being answered */
	uint32_t request_key;              /**< checksum of its whole frame */
	uint16_t request_bytes;
	uint16_t answer_length;
	uint8_t tx; /**< enum dfucast_gateway_tx */
	bool replayed;
	bool planned;        /**< the plan came from the host: it starts by itself, unless COMMANDED */
	bool plan_commanded; /**< its COMMANDED flag */
	/* What the plan itself has told of the image: it outlives an upload that is given up. */
	bool plan_has_header;
	bool plan_has_hash;
	bool plan_has_sha;
	bool plan_upgrade_only;
	bool erase_due;    /**< asked for by the image group's erase: done before the next upload */
	bool forward_only; /**< this cast's host */
	bool has_sha;
	bool local_upload; /**< the last first chunk was for the gateway itself */
	bool marked;       /**< a stock host asked for the test */
	bool
	    expects_reset; /**< the last upload has ended well, and the reset that belongs to it has not come */
	bool parked;       /**< the host was sent to the image's last byte, to wait there */
	bool has_park_byte;
	bool asks_again;  /**< LOOKING, while a cast runs: is it the same image? */
	bool auto_paused; /**< by the host's silence */
	bool reset_due;   /**< the gateway's own, once the answer is out */
	int8_t stopped;   /**< enum dfucast_err: why the cast was stopped; OK: it was not */
	uint8_t park_byte;
	uint16_t data_max;    /**< longest chunk the host has sent */
	uint16_t stamp;       /**< number of the last change of state */
	uint32_t held_ms;     /**< when the held answer is due */
	uint32_t heard_ms;    /**< last image bytes from the host */
	uint32_t opened_ms;   /**< the cast; while PLANNED: the plan's last frame */
	uint32_t next;        /**< image offset wanted of the host */
	uint32_t hashed;      /**< bytes hashed so far, from 0 */
	uint32_t hashed_sum;  /**< of the block in which `hashed` lies, up to it */
	uint32_t sum;         /**< of the block in which `next` lies, up to it */
	uint32_t summed;      /**< end of the last whole block that was summed */
	uint32_t block_bytes; /**< a power of two */
	uint32_t tail;        /**< LOOKING: offset wanted */
	uint32_t tail_begin;  /**< where the image's TLVs begin */
	uint32_t tail_sum;    /**< of the TLVs, as first seen */
	uint32_t tail_now;
	uint32_t kept; /**< bytes of the first chunk that wait in the ring's memory */
	uint32_t event_number;
	uint32_t host_bytes_max; /**< of the plan; 0: no limit */
	uint32_t plan_flags;     /**< and its flags */
	uint16_t plan_again;     /**< targets of the same plan, told once more while its cast runs */
	uint8_t plan_mode;
	uint8_t header[DFUCAST_IMAGE_HEADER_BYTES];
	uint8_t sha[32];
	uint8_t hash[DFUCAST_IMAGE_HASH_BYTES_MAX];
};

/** @p config is copied; what it points to stays the caller's and must outlive the gateway. Asserts on nonsense. */
void dfucast_gateway_init(struct dfucast_gateway *gateway, const struct dfucast_gateway_config *config);

/** The fan-out, for serving device links. Valid from init on, also while no cast is open. */
struct dfucast_cast *dfucast_gateway_cast(struct dfucast_gateway *gateway);
/** The target that a link request of the fan-out means. */
const struct dfucast_gateway_target *dfucast_gateway_target(const struct dfucast_gateway *gateway,
							    uint16_t index);

/** A whole frame from the host; its content is not to be trusted. @param length 8 … buf_size; others are dropped */
void dfucast_gateway_recv(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length, uint32_t now);
/** Answers to the host, for a carrier. Valid as long as the gateway. */
struct dfucast_frame_source dfucast_gateway_frame_source(struct dfucast_gateway *gateway);

/** After every event of a device's link, and at the deadline. */
void dfucast_gateway_run(struct dfucast_gateway *gateway, uint32_t now);
/** @return false: nothing to wait for but events. */
bool dfucast_gateway_deadline(const struct dfucast_gateway *gateway, uint32_t *deadline);

#ifdef __cplusplus
}
#endif
#endif
