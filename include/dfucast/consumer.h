/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A device protocol as the fan-out sees it. SMP/MCUboot (update.h) is the first; Nordic Secure DFU and TI OAD
 * fit behind the same calls. The fan-out (cast.h) knows devices only through this header.
 *
 * One cast drives an array of equal devices: `device` below is element i of the caller's array, `plan` is the
 * protocol's own description of the job, shared by all and constant while the cast runs.
 *
 * A device's life, as phases:
 *
 *     IDLE -start-> PREPARING -> CHECKED -activate-> TAKING -> VERIFYING -> VERIFIED -activate-> ACTIVATING -> ENDED
 *
 * CHECKED is for protocols that compare the devices with each other before any of them is touched; others leave it out.
 * It may fall back (TAKING to PREPARING after a lost link, VERIFIED to PREPARING when what it holds turns out
 * bad), may skip ahead (already done, already staged, on trial), and may go to ENDED from anywhere.
 *
 * All calls come from the cast, one at a time, with `now` in milliseconds (port.h). None may call back into the
 * cast. What a device needs next it says when asked; it never waits.
 */
#ifndef DFUCAST_CONSUMER_H
#define DFUCAST_CONSUMER_H

#include <dfucast/err.h>
#include <dfucast/image.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dfucast_phase {
	DFUCAST_PHASE_IDLE,       /**< not started */
	DFUCAST_PHASE_PREPARING,  /**< connecting, reading what it is and holds */
	DFUCAST_PHASE_CHECKED,    /**< may begin, and waits for activate(): until the others are as far */
	DFUCAST_PHASE_TAKING,     /**< has joined the stream: erasing, or takes image bytes */
	DFUCAST_PHASE_VERIFYING,  /**< has all bytes, they are being checked */
	DFUCAST_PHASE_VERIFIED,   /**< holds the image, waits for activate() */
	DFUCAST_PHASE_ACTIVATING, /**< being tested, reset, checked, confirmed */
	DFUCAST_PHASE_ENDED,      /**< final: see the status */
};

/** What people and scripts are told; the words are those of dfucast_state_name(). */
enum dfucast_state {
	DFUCAST_STATE_IDLE,
	DFUCAST_STATE_CONNECTING,
	DFUCAST_STATE_PREPARING,
	DFUCAST_STATE_UPLOADING,
	DFUCAST_STATE_VERIFYING,
	DFUCAST_STATE_WAITING,
	DFUCAST_STATE_TESTING,
	DFUCAST_STATE_REBOOTING,
	DFUCAST_STATE_CHECKING,
	DFUCAST_STATE_SOAKING,
	DFUCAST_STATE_CONFIRMING,
	/* final ones */
	DFUCAST_STATE_DONE,
	DFUCAST_STATE_HELD,     /**< verified, not activated: barrier, canary or max-failed */
	DFUCAST_STATE_SKIPPED,  /**< untouched, on purpose */
	DFUCAST_STATE_REJECTED, /**< the bootloader refused the image */
	DFUCAST_STATE_REVERTED, /**< it ran and went back */
	DFUCAST_STATE_BEHIND,   /**< holds a part; the source could not go back for the rest */
	DFUCAST_STATE_FAILED,
	DFUCAST_STATE_COUNT,
};

/** True for DONE … FAILED. */
bool dfucast_state_is_final(enum dfucast_state state);
/** "connecting" … "failed"; static storage. */
const char *dfucast_state_name(enum dfucast_state state);

/** What a device holds now, for reports after an interruption: what to run next depends on it. */
enum dfucast_holds {
	DFUCAST_HOLDS_AS_BEFORE, /**< nothing of this image */
	DFUCAST_HOLDS_PART,      /**< a part of the image, not bootable */
	DFUCAST_HOLDS_STAGED,    /**< the image, not marked to start */
	DFUCAST_HOLDS_PENDING,   /**< the image starts at the next reset */
	DFUCAST_HOLDS_TRIAL,     /**< the image runs unconfirmed: the next reset reverts it */
	DFUCAST_HOLDS_IMAGE,     /**< the image runs and stays */
	DFUCAST_HOLDS_UNKNOWN,   /**< it was reset and has not been heard of since */
	DFUCAST_HOLDS_TORN, /**< its only application is overwritten in part: its loader must be fed again */
};

/** A device's state for people. Versions are zero until known (`has_before`, `has_after`). */
struct dfucast_status {
	uint8_t state;       /**< enum dfucast_state */
	uint8_t holds;       /**< enum dfucast_holds */
	uint8_t attempts;    /**< times an upload was started */
	uint8_t window_peak; /**< most requests that were in flight */
	uint8_t window;      /**< requests that may be in flight */
	bool has_before;
	bool has_after;
	bool skipped_upload;  /**< it held the image, or a part, before this run */
	bool revert_unproven; /**< the bootloader's mode is not known: the way back is not proven */
	bool
	    slot_unknown; /**< nobody told the slot's size: an image too large shows only when flash is full */
	uint16_t frame_bytes; /**< longest frame sent to it */
	uint32_t offset;      /**< image bytes acknowledged */
	uint32_t sent_bytes;  /**< image data sent to it, repeats included */
	struct dfucast_outcome outcome;
	struct dfucast_version before;
	struct dfucast_version after;
};

/** What a device wants of the image stream. */
struct dfucast_want {
	uint32_t keep;   /**< it will not ask for bytes below this again: the ring may drop them */
	uint32_t offset; /**< next byte it would take */
	bool patient;    /**< it is erasing: holding others back is not a sign of slowness */
	bool sending;    /**< a frame with image bytes is begun: the ring must keep them until it is sent */
};

/** What the stream can give now. */
struct dfucast_grant {
	uint32_t tail; /**< first offset in the ring */
	uint32_t head; /**< first offset not yet in the ring */
	bool partial;  /**< the ring cannot take more before this device moves: take what there is */
};

/** Reads image bytes that lie in the ring; [offset, offset + length) is within the last grant. */
struct dfucast_image_bytes {
	const void *context;
	void (*read)(const void *context, uint32_t offset, uint8_t *buffer, uint32_t length);
};

enum dfucast_link_flag {
	DFUCAST_LINK_ORDERED = 0x01,   /**< what arrives, arrives in order (BLE, UART, TCP, loopback UDP) */
	DFUCAST_LINK_CONSOLE = 0x02,   /**< shared with a bootloader that listens: be silent while it boots */
	DFUCAST_LINK_FRAGMENTS = 0x04, /**< long frames travel in pieces that can be lost one by one (BLE) */
	DFUCAST_LINK_KEEPS = 0x08,     /**< stays open while the device resets (UART, UDP) */
};

/** What a link can carry, told when it comes up. */
struct dfucast_link_info {
	uint16_t frame_max;      /**< longest frame it carries, bytes */
	uint16_t frame_fallback; /**< longest frame to send when the device does not tell its buffer size */
	uint16_t
	    value_max; /**< longest frame sure to pass in one piece (BLE: ATT_MTU - 3; console: the server's line buffers);
			         else as frame_max. Tried when longer frames meet silence */
	uint8_t
	    buffer_overhead; /**< bytes of framing that take room in the device's buffer (console: 4, length and CRC) */
	uint8_t flags; /**< enum dfucast_link_flag */
};

/** The calls of one device protocol. Every member must be set. */
struct dfucast_consumer {
	enum dfucast_phase (*phase)(const void *plan, const void *device);
	void (*status)(const void *plan, const void *device, struct dfucast_status *status);

	/** From IDLE: begin. */
	void (*start)(const void *plan, void *device, uint32_t now);
	/** CHECKED: all were looked at, or the time to gather them is over: begin. VERIFIED: the gates are open, make it run
	 *  the image. */
	void (*activate)(const void *plan, void *device, uint32_t now);
	/** End here, for a reason of the fleet (HELD_*, BEHIND, DEADLINE, ABORTED). Sends nothing more. */
	void (*stop)(const void *plan, void *device, enum dfucast_err why);

	/** True while it needs a link. Turning false asks the cast to close the one it has. */
	bool (*wants_link)(const void *plan, const void *device);
	/** True when the link must drop half-received frames at the far end (BLE: notifications off and on). */
	bool (*wants_resync)(const void *plan, const void *device);
	void (*link_up)(const void *plan, void *device, const struct dfucast_link_info *info, uint32_t now);
	/** The link is gone or could not be opened; `err` is of the link band, OK when the cast closed it. */
	void (*link_down)(const void *plan, void *device, enum dfucast_err err, uint32_t now);
	void (*resynced)(const void *plan, void *device, uint32_t now);

	/** A whole frame from the device. Its content is not to be trusted. */
	void (*recv)(const void *plan, void *device, const uint8_t *frame, size_t length, uint32_t now);
	/** Bytes came that are no frame: boot output, log lines, line noise. */
	void (*noise)(const void *plan, void *device, uint32_t now);

	/** TAKING only. */
	void (*want)(const void *plan, const void *device, struct dfucast_want *want);
	/** Length of the next frame to send, 0: none now. The frame stays begun until `sent`. */
	size_t (*begin)(const void *plan, void *device, const struct dfucast_grant *grant, uint32_t now);
	void (*read)(const void *plan, const void *device, const struct dfucast_image_bytes *image,
		     size_t position, uint8_t *buffer, size_t length);
	void (*sent)(const void *plan, void *device, uint32_t now);

	/** @return false: no timer runs. */
	bool (*deadline)(const void *plan, const void *device, uint32_t *deadline);
	void (*tick)(const void *plan, void *device, uint32_t now);
};

#ifdef __cplusplus
}
#endif
#endif
