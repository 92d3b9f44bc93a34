/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * One device's update over SMP, MCUboot on the other side: the first device protocol behind consumer.h.
 *
 * The diagram and the reasons are in docs/update-states.md; every request's bytes in docs/smp-update.md.
 */
#ifndef DFUCAST_UPDATE_H
#define DFUCAST_UPDATE_H

#include <dfucast/consumer.h>
#include <dfucast/match.h>
#include <dfucast/smp.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dfucast_update_mode {
	DFUCAST_MODE_TEST_CONFIRM, /**< test, reset, check, soak, confirm */
	DFUCAST_MODE_TEST,         /**< ends `done` running unconfirmed */
	DFUCAST_MODE_CONFIRM,      /**< made permanent before the reset: no way back */
	DFUCAST_MODE_UPLOAD,       /**< ends `done` verified, nothing activated */
};

/** What compares: named in the plan, so that a program which never asks does not carry it. Opaque. */
struct dfucast_update_matcher;
extern const struct dfucast_update_matcher dfucast_update_matcher;

#define DFUCAST_BOARD_BYTES_MAX 60u

/**
 * For plans that name no board: what the first device told is the fleet's board. Nobody is touched before all were
 * asked (or the time to gather them is over), and nobody at all if two of them tell different ones; who comes later and
 * tells another is left alone. Zero-initialise; one for each run.
 */
struct dfucast_update_boards {
	uint8_t bytes;                       /**< of the first board told; 0: none yet */
	bool differ;                         /**< two told different ones before anybody was touched */
	bool open;                           /**< somebody went on */
	char board[DFUCAST_BOARD_BYTES_MAX]; /**< its beginning */
};

/**
 * One image: its first DFUCAST_IMAGE_HEADER_BYTES bytes (the first chunk, all of it); the SHA-256 of the whole file, 32
 * bytes, the key by which a server resumes; its hash TLV, which the image list shows, of 32, 48 or 64 bytes; length of
 * the whole file; version; image number on the device. Numbers above 0 not with TEST_CONFIRM: confirming what runs,
 * after the reset, means image 0.
 */
#define DFUCAST_UPDATE_IMAGE_MEMBERS                                                                         \
	const uint8_t *header;                                                                               \
	const uint8_t *sha;                                                                                  \
	const uint8_t *hash;                                                                                 \
	uint32_t image_bytes;                                                                                \
	struct dfucast_version version;                                                                      \
	uint8_t hash_bytes;                                                                                  \
	uint8_t image;

struct dfucast_update_image {
	DFUCAST_UPDATE_IMAGE_MEMBERS
};

#define DFUCAST_UPDATE_MORE_MAX 2u

/** What judges several images: named in the plan, so that a program with one image does not carry it. Opaque. */
struct dfucast_update_set;
extern const struct dfucast_update_set dfucast_update_set;

/*
 * With `dry_run` nothing but read requests is sent. A device that would have gone on ends `done`, and `holds` says with
 * what: AS_BEFORE: an upload (from where it holds a part, which only an upload request would tell), STAGED: its check
 * and activation without one, PENDING: the same, TRIAL: confirm, IMAGE: nothing. Any other end is the one that it would
 * have had; one in serial recovery ends `failed`, since only a reset would show more.
 */

/**
 * The job, the same for all devices. Times in milliseconds; a zero takes the default named beside it.
 * Pointers must stay valid while any device runs. Bytes come first, for the reason given at struct dfucast_update.
 */
struct dfucast_update_plan {
	uint8_t more_count; /**< at most DFUCAST_UPDATE_MORE_MAX; with more than none not with TEST_CONFIRM */
	uint8_t mode;       /**< enum dfucast_update_mode */
	uint8_t window_max; /**< most upload requests in flight, 1 … 4; 0: 4 */
	uint8_t retries;    /**< tries of a short request beyond the first, and of a silent upload; 0: 4 */
	bool allow_downgrade; /**< a lower version than the running one is sent too */
	bool upgrade_only;    /**< an equal version is not sent either, and the server is told to refuse it */
	uint8_t
	    slot; /**< direct-XIP: the slot the image is linked for, and 1; 0: not known, or its header tells */
	uint8_t
	    boot_mode; /**< enum dfucast_boot_mode, and 1, where the device does not tell; 0: by the image */
	bool allow_no_revert; /**< also devices whose bootloader cannot go back to the image that runs now */
	bool
	    proven; /**< every byte has matched the image's hash already: else no device's only image is touched */
	bool
	    erase_settings; /**< before the image is marked: the device's storage, settings and bonds, old and new */
	bool replace_pending; /**< overwrite another image that waits for the next reset */
	bool no_reset;        /**< stop after marking the image: the device's next own reset starts it */
	bool dry_run; /**< only look: ends at the first request that would change something, see below */
	bool fresh;   /**< ignore what the device already holds: erase, then send everything */
	union {
		struct dfucast_update_image first;
		struct {
			DFUCAST_UPDATE_IMAGE_MEMBERS
		};
	};
	/** &dfucast_update_set where `more` is given, else NULL. */
	const struct dfucast_update_set *set;
	/** Further images of the same run, in ascending image numbers: their bytes follow the first one's in the stream. All
	 *  are uploaded and verified, then all marked, then the device is reset once. */
	const struct dfucast_update_image *more;
	uint32_t slot_bytes; /**< slot size to assume where the device does not tell; 0: none */
	uint32_t soak_ms;    /**< time between "it runs" and confirm; 0: none */
	uint32_t timeout_ms; /**< for one answer to a short request; 0: 2000 */
	uint32_t erase_ms;   /**< for the first chunk's answer, which may come after a full erase; 0: 40000 */
	uint32_t wait_ms;    /**< a link may stay unopened or lost so long; 0: 20000 */
	uint32_t return_ms;  /**< from reset to the first answer; 0: 60000 and 250 per KiB of image */
	uint32_t quiet_ms;   /**< silence after a reset on a console link; 0: 5000 */
	/** &dfucast_update_matcher where `matches` or `boards` are given; NULL: neither of them counts. */
	const struct dfucast_update_matcher *matcher;
	/** Lists one after the other; a device's begins at its `match`. NULL: any device is meant. What does not fit is
	 *  skipped, untouched; so is who is asked for its board or name and does not tell (but for IF_TOLD). */
	const struct dfucast_match *matches;
	struct dfucast_update_boards *boards; /**< NULL: boards are not compared with each other */
	/** A device told its board: @p text of @p length bytes, from the air; valid during the call. NULL: not wanted.
	 *  Must not call back into the cast. */
	void (*told)(void *context, const void *device, const char *text, size_t length);
	void *told_context;
};

/** What a step waits for. The number is `step` in outcomes. */
enum dfucast_update_state {
	DFUCAST_UPDATE_IDLE,     /**< start() */
	DFUCAST_UPDATE_CONNECT,  /**< a link */
	DFUCAST_UPDATE_RESYNC,   /**< far end's reassembly emptied (BLE) */
	DFUCAST_UPDATE_PARAMS,   /**< answer: buffer size and count */
	DFUCAST_UPDATE_MODE,     /**< answer: bootloader mode */
	DFUCAST_UPDATE_SLOTS,    /**< answer: slot sizes */
	DFUCAST_UPDATE_INFO,     /**< answer: board, or name, where the plan asks for them */
	DFUCAST_UPDATE_INSPECT,  /**< answer: image list, decides what is to be done */
	DFUCAST_UPDATE_MUSTER,   /**< the others: all are asked for their boards before anybody is touched */
	DFUCAST_UPDATE_ERASE,    /**< answer: slot erased (only where a fresh start is forced) */
	DFUCAST_UPDATE_FIRST,    /**< answer to the first chunk, after the server's erase */
	DFUCAST_UPDATE_STREAM,   /**< image bytes and their answers */
	DFUCAST_UPDATE_VERIFY,   /**< answer: image list shows the hash */
	DFUCAST_UPDATE_READY,    /**< activate(): barrier and canary */
	DFUCAST_UPDATE_SETTINGS, /**< answer: storage erased, where the plan asks for it */
	DFUCAST_UPDATE_TEST,     /**< answer: marked to start */
	DFUCAST_UPDATE_PRECHECK, /**< answer: image list, exactly the plan's image is pending */
	DFUCAST_UPDATE_RESET,    /**< answer: will reset */
	DFUCAST_UPDATE_SWAP,     /**< time: silence while the bootloader works */
	DFUCAST_UPDATE_RETURN,   /**< answer: image list after the reset */
	DFUCAST_UPDATE_SOAK,     /**< time */
	DFUCAST_UPDATE_CONFIRM,  /**< answer: confirmed */
	DFUCAST_UPDATE_FINAL,    /**< answer: image list shows it active and confirmed */
	DFUCAST_UPDATE_RECOVERY, /**< answer: reset out of serial recovery */
	DFUCAST_UPDATE_ENDED,
	DFUCAST_UPDATE_STATE_COUNT,
};

/** "params", "stream" …; static storage. */
const char *dfucast_update_state_name(enum dfucast_update_state state);

/**
 * One device. Opaque but for `match`; zero-initialise. Size is what a device costs, see `./dev size`. The shortest members come first:
 * a Cortex-M's 2-byte loads reach 31 bytes into a struct for bytes, 62 for halfwords, 124 for words.
 */
struct dfucast_update {
	uint8_t state; /**< enum dfucast_update_state */
	uint8_t
	    resume; /**< state to go to once the link is up, or the silence over; once ended: where it ended */
	uint8_t final;           /**< enum dfucast_state once ended */
	uint8_t holds;           /**< enum dfucast_holds */
	int8_t err;              /**< enum dfucast_err: why it ended, or last said by the link */
	uint8_t boot_mode;       /**< enum dfucast_boot_mode, told or assumed; 0: it swaps, or has one slot */
	uint8_t link_flags;      /**< enum dfucast_link_flag */
	uint8_t buffer_overhead; /**< of the link's framing in the device's buffer, bytes */
	uint8_t window : 4;      /**< requests that may be in flight */
	uint8_t window_peak : 4;
	uint8_t retries; /**< of the present request */
	uint8_t stalls;  /**< answers without progress since the last progress */
	uint8_t reconnects : 4;
	uint8_t attempts : 4;    /**< uploads begun */
	uint8_t resets : 4;      /**< resets asked of a device that did not take the first one */
	uint8_t recoveries : 2;  /**< times found in serial recovery */
	uint8_t image : 2;       /**< which of the plan's images it is at */
	uint8_t tx_ticks;        /**< looks at the begun frame that still is not out */
	uint8_t sample_sequence; /**< request whose round trip is being measured */
	uint8_t tx_sequence;     /**< request whose frame is begun, when TX is set */
	uint16_t error_group;    /**< the device's own words, for the outcome */
	uint16_t match; /**< the caller's, before the start: where its list begins in the plan's matches */
	struct dfucast_smp_client client;
	uint16_t error_rc;
	uint16_t frame_max;   /**< longest frame to send */
	uint16_t frame_link;  /**< longest frame the link carries, once the device's buffers are known */
	uint16_t value_max;   /**< longest piece of the link */
	uint16_t rtt_ms;      /**< smoothed round trip of upload requests; 0: none measured */
	uint16_t sample_ms;   /**< low bits of the time when the round trip now being measured began */
	uint32_t flags;       /**< what is due, open or known: the private header names the bits */
	uint32_t deadline_ms; /**< of the state's timer, when TIMER is set */
	uint32_t limit_ms;    /**< absolute end of patience of a longer stretch (connect, return) */
	uint32_t acked;       /**< image bytes the server says it has */
	uint32_t next;        /**< next image byte to send */
	uint32_t sent_max;    /**< highest image offset ever sent in this session */
	uint32_t sent_bytes;
	struct dfucast_version before;
};

/** For struct dfucast_cast_config: `plan` is a struct dfucast_update_plan, devices are struct dfucast_update. */
extern const struct dfucast_consumer dfucast_update_consumer;

/** A frame is begun and not sent: nothing else may go out on that link before it is, or before the link is closed. */
bool dfucast_update_is_sending(const struct dfucast_update *update);

#ifdef __cplusplus
}
#endif
#endif
