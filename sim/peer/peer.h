/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A model peripheral: an SMP server (OS and image group), a flash with two slots, MCUboot in each of its modes. No I/O and no
 * clock: frames and the time go in, answers and a deadline come out. It shares no code with the client side.
 *
 * What it does follows what Zephyr's servers and MCUboot do, the unhelpful parts included: a request that finds no
 * free buffer is lost without a word, a frame over the buffer size too, a piece lost in front of others swallows
 * what comes next, the upload session is one for all links and gone once complete.
 */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_PEER_BUFFERS_MAX 16u
#define SIM_PEER_FAULTS_MAX 8u
#define SIM_PEER_ANSWERS_MAX 64u
#define SIM_PEER_IMAGES_MAX 2u
#define SIM_PEER_MODE_ABSENT (-2) /**< the bootloader query is answered with rc 8 */
#define SIM_PEER_MODE_SINGLE 0
#define SIM_PEER_MODE_OVERWRITE 2
#define SIM_PEER_MODE_MOVE 3
#define SIM_PEER_MODE_XIP 4
#define SIM_PEER_MODE_XIP_REVERT 5
#define SIM_PEER_MODE_RAM 6
#define SIM_PEER_MODE_LOADER 7
#define SIM_PEER_MODE_SINGLE_RAM 8
#define SIM_PEER_MODE_OFFSET 9
#define SIM_PEER_NO_SLOT 2u

/**
 * What goes wrong. A fault holds for `count` requests from the `first` on, counted from 0 as they arrive; with
 * `uploads` only upload requests behind the first chunk are counted. A count of 0: from there on for ever.
 */
enum sim_peer_fault_kind {
	SIM_PEER_FAULT_NONE,
	SIM_PEER_FAULT_LOSE_REQUEST,
	SIM_PEER_FAULT_LOSE_ANSWER,
	SIM_PEER_FAULT_DUPLICATE_REQUEST,
	SIM_PEER_FAULT_DUPLICATE_ANSWER,
	SIM_PEER_FAULT_DELAY_ANSWER, /**< value: ms; the server works on meanwhile, so answers change places */
	SIM_PEER_FAULT_STALL,        /**< value: ms that handling takes longer */
	SIM_PEER_FAULT_DISCONNECT, /**< value 0: the request is lost too; 1: it is handled, its answer lost */
	SIM_PEER_FAULT_RC,         /**< value: SMP-level code instead of handling it */
	SIM_PEER_FAULT_GROUP_RC,   /**< value: code of the request's group instead of handling it */
	SIM_PEER_FAULT_TAKE,       /**< upload: takes at most so many bytes of the chunk */
	SIM_PEER_FAULT_BACK,       /**< upload: forgets what it has beyond this offset, then handles it */
	SIM_PEER_FAULT_CLAIM,      /**< upload: answers with this offset, takes nothing */
	SIM_PEER_FAULT_MALFORMED,  /**< value: which kind of nonsense, see server.c */
	SIM_PEER_FAULT_FLIP,       /**< upload: one bit of the chunk's first byte is stored wrong */
	SIM_PEER_FAULT_RESET,      /**< resets without being asked, before handling the request */
};

struct sim_peer_fault {
	uint8_t kind; /**< enum sim_peer_fault_kind */
	bool uploads;
	uint32_t first;
	uint32_t count;
	uint32_t value;
};

enum sim_peer_event_kind {
	SIM_PEER_EVENT_REQUEST, /**< a whole request arrived and found a buffer */
	SIM_PEER_EVENT_WRITE,   /**< image bytes were taken at `offset` */
	SIM_PEER_EVENT_BOOT,    /**< an image starts: `digest` is over every byte of it as stored */
};

struct sim_peer_event {
	uint8_t kind;
	uint8_t op;
	uint16_t group;
	uint8_t command;
	bool recovery; /**< MCUboot's serial recovery got it, not the application */
	uint8_t image; /**< WRITE, BOOT: its number */
	uint32_t now;
	uint32_t offset; /**< upload */
	uint32_t length; /**< upload: data bytes */
	const uint8_t *bytes;
	const uint8_t *digest; /**< 32 bytes */
};

struct sim_peer_config {
	uint32_t buf_size;  /**< longest frame taken, header included */
	uint8_t buf_count;  /**< buffers for requests and the answer being built; 1: answers have their own */
	bool v1_only;       /**< answers with header version 0 and v1 errors */
	bool params;        /**< answers the params request */
	bool slot_info;     /**< answers slot info */
	bool legacy_rc;     /**< rc 0 beside every success */
	bool frugal;        /**< list: only true flags, no splitStatus */
	bool no_storage;    /**< no group 63: its storage cannot be erased */
	bool image_check;   /**< compares the file's SHA-256: `match` */
	bool erase_pending; /**< a pending slot may be erased and uploaded to */
	bool erase_blank_fails; /**< erasing an empty slot: err 1, as Zephyr 3.4 does it */
	bool
	    revert_stale; /**< after a revert slot 1 lists the old image again, as swap by offset was seen to leave it */
	bool no_images;   /**< built without the image group */
	bool verbose;     /**< says `rsn` beside an upload's `rc` */
	bool progressive; /**< erases page by page while writing, not all at the first chunk */
	bool reassembly;  /**< requests may come in pieces; one context, no time-out */
	bool starts_in_recovery;
	/** What a request costs is told in `cost`, and it is in work until sim_peer_worked(): the carrier keeps the time of
	 *  CPU and flash. service_ms, page_erase_ms and write_us_per_kib do not count then. */
	bool outside;
	uint8_t images; /**< image numbers it is built for; 0 is 1: the number in requests is ignored */
	const uint8_t *second; /**< what image 1 runs when new */
	uint32_t second_bytes;
	bool keeps_others; /**< refuses to make another image than 0 permanent (rc 32) */
	const char *board; /**< told by OS info `i`; NULL: built without OS info */
	const char *name;  /**< told by OS info `n`; NULL: "unknown" */
	bool dead_image;   /**< anything but the factory image boots and is never heard of */
	bool mode_hidden;  /**< the bootloader query is answered with rc 8, whatever the mode */
	bool ram_revert;   /**< RAM load with trailers that are marked, tried and confirmed */
	bool ram_unlisted; /**< RAM load as Zephyr 4.4 lists it: what starts next is never called pending */
	bool
	    xip_unconfirmed; /**< direct-XIP as Zephyr 3.4 lists it: the image that runs is never called confirmed */
	bool slot_check;       /**< direct-XIP: an image for the other slot's address is refused at upload */
	bool mute_application; /**< firmware loader: the application has no image group */
	bool
	    recovery_mute; /**< serial recovery found nothing to start, and lists nothing afterwards either */
	bool recovery_hash;        /**< serial recovery lists hashes */
	uint8_t runs_slot;         /**< the factory image's, where either slot can run */
	int8_t mode;               /**< bootloader mode, or SIM_PEER_MODE_ABSENT: swap, and not told */
	uint32_t flash_base;       /**< address of slot 0; slot 1 follows it */
	uint32_t slot_bytes;       /**< each of the two */
	uint32_t page_bytes;       /**< erase unit */
	uint32_t page_erase_ms;    /**< per page */
	uint32_t service_ms;       /**< per request */
	uint32_t write_us_per_kib; /**< on top, for image data */
	uint32_t reset_ms;         /**< from the answer to the reset */
	uint32_t boot_ms;          /**< from reset to the application, without a swap */
	uint32_t swap_ms;          /**< on top, for a swap */
	uint32_t
	    recovery_window_ms; /**< so long after a reset it waits for a frame, and one holds it in serial recovery; 0: never */
	uint32_t watchdog_ms;     /**< an unconfirmed image is reset so long after its start; 0: never */
	uint32_t swap_operations; /**< flash operations of a swap, for power_loss */
	uint32_t
	    power_loss; /**< power fails in the middle of this flash operation, counted from 1; 0: never */
	struct sim_peer_fault faults[SIM_PEER_FAULTS_MAX];
	const char
	    *info; /**< OS info's other fields, by letter: "v=4.4.0&p=cortex-m0&b=…"; NULL: usual ones */
	void *context;
	void (*observe)(void *context, const struct sim_peer_event *event); /**< may be NULL */
};

enum sim_peer_state {
	SIM_PEER_RUNNING,
	SIM_PEER_BOOTING,
	SIM_PEER_RECOVERY,
	SIM_PEER_DEAD, /**< runs an image that does not talk */
};

/** A slot's trailer, as far as it matters: MCUboot docs/design.md, "image trailer". */
struct sim_peer_slot {
	uint8_t *bytes;
	bool magic;
	bool image_ok;
	bool copy_done;
	bool
	    displaced; /**< swap by offset put it where uploads do not begin: seen only while it can be gone back to */
};

struct sim_peer_session {
	bool open;
	uint32_t offset;
	uint32_t size;
	uint32_t erased; /**< bytes erased so far, progressive */
	uint8_t sha[32];
	uint8_t sha_bytes;
	uint8_t slot;
};

/** What the request in work costs, with `outside`. */
struct sim_peer_cost {
	uint32_t ms;    /**< of faults */
	uint32_t pages; /**< to erase */
	uint32_t words; /**< of 32 bits, to write */
};

struct sim_peer_message {
	uint8_t *bytes;
	uint32_t length;
	uint32_t due;
	uint32_t index;        /**< of the request, as it arrived */
	uint32_t upload_index; /**< among the uploads; UINT32_MAX: none of them */
};

struct sim_peer {
	struct sim_peer_config config;
	/** Of image 1, with swap only: 2 runs, 3 takes uploads. Of image 0: 0 and 1. */
	struct sim_peer_slot slots[2 * SIM_PEER_IMAGES_MAX];
	struct sim_peer_session session;
	struct sim_peer_message queue[SIM_PEER_BUFFERS_MAX]; /**< requests, oldest first */
	struct sim_peer_message answers[SIM_PEER_ANSWERS_MAX];
	struct sim_peer_message current; /**< answer being built */
	struct sim_peer_cost cost;       /**< of `current` */
	uint8_t factory_hash[32];
	uint8_t *partial; /**< reassembly context */
	uint32_t partial_have;
	uint32_t partial_need;
	uint32_t requests; /**< whole messages that arrived */
	uint32_t uploads;  /**< of these, uploads behind a first chunk */
	uint32_t boots;
	uint32_t storage_erases; /**< group 63 */
	uint32_t storage_boots;  /**< boots before the last of them */
	uint8_t storage_by;      /**< slot that ran then */
	uint32_t swap_resumes;   /**< swaps that a power cut interrupted */
	uint32_t lost_for_buffers;
	uint32_t lost_for_size;
	uint32_t no_memory;        /**< requests answered with ENOMEM */
	uint32_t flash_operations; /**< pages erased, pieces written, marks set, steps of swaps */
	uint32_t writes;           /**< requests that change something: erase, first chunk, set-state */
	uint32_t state_ms;         /**< end of this part of booting */
	uint32_t reset_ms;
	uint32_t watchdog_ms;
	uint8_t queue_count;
	uint8_t queue_peak;
	uint8_t answer_count;
	uint8_t state;  /**< enum sim_peer_state */
	uint8_t active; /**< slot that runs */
	uint8_t starts; /**< booting: the slot that will run, or SIM_PEER_NO_SLOT */
	bool busy;      /**< `current` is being built */
	bool refused;   /**< the last request handled, with an SMP-level code */
	bool reset_due;
	bool watchdog_due;
	bool drop_link; /**< a fault cuts the link: the carrier clears it */
	bool
	    power_lost; /**< in the middle of what is in work: it resets when that is done, and nothing is answered */
	bool listening; /**< booting, and a frame now would hold it in serial recovery */
};

/** Common values: Zephyr's defaults, 64 KiB slots, swap by offset. Times are short. */
void sim_peer_config_default(struct sim_peer_config *config);
/**
 * "buf=384&bufs=4&params=1&slots=1&images=1&mode=9" (or "none") "&mode_told=1&v1=0&legacy_rc=0&verbose=0&frugal=0&image_check=0&
 * erase_pending=1&progressive=0&page_erase_ms=85&service_ms=2&write_us_per_kib=10500&boot_ms=1500&swap_ms=4000".
 * @return NULL; or what is wrong, static storage, with *at at the key.
 */
const char *sim_peer_config_parse(struct sim_peer_config *config, const char *text, const char **at);
/** Slot 0 gets the factory image, confirmed. Allocates; sim_peer_free() gives it back. */
void sim_peer_init(struct sim_peer *peer, const struct sim_peer_config *config, const uint8_t *factory,
		   uint32_t length, uint32_t now);
void sim_peer_free(struct sim_peer *peer);
/** Puts an image into the slot that does not run (slot 1 unless told otherwise) without any protocol; @p magic and @p image_ok are its trailer: pending, permanent. */
void sim_peer_preset(struct sim_peer *peer, const uint8_t *image, uint32_t length, bool magic, bool image_ok);
/** Resets at once: power cycle, button. */
void sim_peer_reset(struct sim_peer *peer, uint32_t now);

/** True when a connection can be made. */
bool sim_peer_connectable(const struct sim_peer *peer);
/** The link is gone: queued requests and answers of it too. */
void sim_peer_disconnect(struct sim_peer *peer);
/** Notifications off and on: empties the reassembly context. */
void sim_peer_resubscribe(struct sim_peer *peer);

/** A whole frame, or with `reassembly` a piece of one. */
void sim_peer_receive(struct sim_peer *peer, const uint8_t *bytes, size_t length, uint32_t now);
/** Copies the next answer that is due; 0: none. */
size_t sim_peer_answer(struct sim_peer *peer, uint8_t *buffer, size_t capacity, uint32_t now);
/** With `outside`: what was in work is done, answered at once; the next request is taken up. */
void sim_peer_worked(struct sim_peer *peer, uint32_t now);
bool sim_peer_deadline(const struct sim_peer *peer, uint32_t *when);
void sim_peer_tick(struct sim_peer *peer, uint32_t now);

/* ---- images ---- */

struct sim_peer_image {
	uint32_t length; /**< header, payload, TLVs */
	uint32_t hashed; /**< what the hash is over: all before the unprotected TLVs */
	uint32_t load_address;
	uint32_t flags;     /**< SIM_PEER_IMAGE_* */
	uint8_t version[4]; /**< major, minor, revision (low byte), build (low byte) */
	uint8_t hash[32];   /**< of the TLV */
};

/** Makes a whole MCUboot image of exactly @p length bytes (at least 32 + 40) with a right SHA-256 TLV. */
void sim_peer_image_make(uint8_t *bytes, uint32_t length, const uint8_t version[4], uint32_t seed);
#define SIM_PEER_IMAGE_RAM_LOAD 0x20u
#define SIM_PEER_IMAGE_ROM_FIXED 0x100u
/** Writes flags and load address into a made image's header and renews its hash. */
void sim_peer_image_link(uint8_t *bytes, uint32_t length, uint32_t flags, uint32_t load_address);
/** Where a slot begins in flash. */
uint32_t sim_peer_slot_address(const struct sim_peer_config *config, uint8_t slot);
/** Reads header and hash TLV, as the application's image list does; never the payload. */
bool sim_peer_image_look(const uint8_t *bytes, uint32_t capacity, struct sim_peer_image *image);
/** As the bootloader does: the hash over the stored bytes fits the TLV. */
bool sim_peer_image_valid(const uint8_t *bytes, uint32_t capacity);
void sim_peer_sha256(const uint8_t *bytes, size_t length, uint8_t digest[32]);

/** The image that runs is not the factory's, and stays. */
bool sim_peer_is_updated(const struct sim_peer *peer);

#endif
