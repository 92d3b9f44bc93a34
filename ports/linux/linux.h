/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The Linux port: targets as people write them, links that carry SMP frames (UDP, serial port, TCP), and a
 * SHA-256 by PSA Crypto. Everything runs on one libuv loop in one thread; no call here blocks, but for
 * opening a tty. Callers are the command line (apps/cli) and anybody's own Linux program.
 *
 * | carrier | frame boundary            | order            | after a reset of the device          |
 * |---------|---------------------------|------------------|--------------------------------------|
 * | udp     | the datagram              | only on loopback | socket stays; "refused" closes it    |
 * | serial  | framing.h, one of three   | kept             | port stays open; USB ports vanish    |
 * | tcp     | framing.h, one of three   | kept             | stays open unless the peer closes it |
 */
#ifndef DFUCAST_LINUX_H
#define DFUCAST_LINUX_H

#include <dfucast/frame.h>
#include <dfucast/framing.h>
#include <dfucast/port.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- targets ------------------------------------------------------------------------------------------------ */

#define DFUCAST_LINUX_UDP_PORT 1337u
#define DFUCAST_LINUX_TEXT_BYTES 256u

enum dfucast_linux_scheme {
	DFUCAST_LINUX_UDP,
	DFUCAST_LINUX_SERIAL,
	DFUCAST_LINUX_TCP,
	DFUCAST_LINUX_BLE, /**< recognised; this port has no radio yet */
	DFUCAST_LINUX_SIM, /**< recognised; comes with the simulator */
	DFUCAST_LINUX_FD,  /**< no text: see dfucast_linux_link_create_on() */
};

/** One target. Plain values: copy it freely. */
struct dfucast_linux_target {
	char text[DFUCAST_LINUX_TEXT_BYTES]; /**< as it was given */
	char host[DFUCAST_LINUX_TEXT_BYTES]; /**< udp, tcp: name or address without brackets; serial: path */
	enum dfucast_linux_scheme scheme;
	enum dfucast_framing_kind framing; /**< serial, tcp; default console */
	uint32_t baud;         /**< serial: bit/s, any number the port's driver takes; default 115200 */
	uint16_t port;         /**< udp (default 1337), tcp */
	uint16_t line_bytes;   /**< serial, tcp: the server's line buffer; default 128 */
	uint16_t line_buffers; /**< serial, tcp: how many of them; default 2 */
	bool lines_given;      /**< one of both was in the text: then they limit every console frame */
	char label[64];        /**< from a target file, "" otherwise */
	char match[128];  /**< from a target file: KEY=VALUE, several with a blank between; "" otherwise */
	char passkey[16]; /**< from a target file, "" otherwise */
};

/** What a target text turned out to be. */
enum dfucast_linux_parse {
	DFUCAST_LINUX_PARSE_OK,
	DFUCAST_LINUX_PARSE_WRONG,    /**< not understood: wrong usage; `why` says what to write */
	DFUCAST_LINUX_PARSE_LIST,     /**< "serial:" alone: list the ports */
	DFUCAST_LINUX_PARSE_NO_RADIO, /**< "ble:…" on a build without a radio; `why` says how to get one */
	DFUCAST_LINUX_PARSE_LATER,    /**< "sim:…"; `why` says so */
};

/**
 * Reads one target text: `udp:HOST[:PORT]`, `serial:PATH[?key=value&…]`, `tcp:HOST:PORT[?key=value&…]`, with
 * `//` after the colon allowed. An IPv6 address is written `[fe80::1%eth0]:1337`, or plain when no port follows.
 * @param target  filled when the result is OK, and as far as known otherwise
 * @param why     one or two sentences for people when the result is not OK; always terminated
 */
enum dfucast_linux_parse dfucast_linux_target_parse(struct dfucast_linux_target *target, const char *text,
						    char *why, size_t why_bytes);

/** Reads one word behind a target in a target file: `label=…`, `match=…`, `passkey=…`. @return OK or WRONG, as above */
enum dfucast_linux_parse dfucast_linux_target_word(struct dfucast_linux_target *target, const char *word,
						   char *why, size_t why_bytes);

/**
 * Reads a target file: one target a line, then `label=`, `match=`, `passkey=` in any order, separated by blanks;
 * `#` starts a comment. Calls @p add for each; false from it ends the reading with its own @p why.
 * @return OK, or what the first bad line is, with file name and line number in @p why. WRONG also for a file
 *         that cannot be read or names no target.
 */
enum dfucast_linux_parse dfucast_linux_target_file(const char *path,
						   bool (*add)(void *context,
							       const struct dfucast_linux_target *target),
						   void *context, char *why, size_t why_bytes);

/**
 * Calls @p port for each serial port of this machine that is backed by a device: /dev/serial/by-id names first
 * (with the tty they point to as @p resolved), then ttyACM*, ttyUSB* and ttyS* that no such name points to.
 * @return how many there were
 */
int dfucast_linux_serial_list(void (*port)(void *context, const char *path, const char *resolved),
			      void *context);

/* ---- links -------------------------------------------------------------------------------------------------- */

/** Longest SMP frame a link carries in either direction, header included. */
#define DFUCAST_LINUX_FRAME_BYTES_MAX 8192u

/** A connection attempt, name resolution included, ends after this long. */
#define DFUCAST_LINUX_CONNECT_MS 5000u

/** Silence inside a raw frame after which its beginning is dropped (Zephyr's own time-out). */
#define DFUCAST_LINUX_RAW_GAP_MS 3000u

/**
 * What a link tells its owner. All are called from the loop, never from inside a call on the link, and in any of
 * them every call on the link is allowed, destroy included.
 */
struct dfucast_linux_link_events {
	void *context;
	/** Frames can be sent. For UDP and serial this says nothing of a device at the other end. */
	void (*up)(void *context);
	/**
	 * The link is closed: it could not be opened, or it was lost. @p err: enum dfucast_err, of the link band
	 * mostly; @p why: a sentence for people without the target's name, valid during the call. Open may be
	 * called again.
	 */
	void (*down)(void *context, int err, const char *why);
	/** A whole frame, valid during the call. */
	void (*frame)(void *context, const uint8_t *frame, size_t length);
	/** @p bytes came since the last call that belong to no good frame: log lines, noise, wrong framing. May be
	 *  NULL. */
	void (*noise)(void *context, size_t bytes);
	/** Each whole frame as it starts on its way out or came in, for traces. May be NULL. */
	void (*trace)(void *context, bool outgoing, const uint8_t *frame, size_t length);
};

/** What a link can carry; valid from `up` on, for all but UDP also before. */
struct dfucast_linux_link_info {
	/** No longer frame is sure to get through: udp 1472, IPv6 1452; a console whose target names line_bytes or
	 *  line_buffers: what those lines hold. */
	uint32_t frame_bytes_max;
	/** What to take for the device's buffer when it does not tell (params). */
	uint32_t frame_bytes_fallback;
	/** Bytes of framing that take room in the device's buffer: console 4, length and CRC (seen at every
	 *  buf_size from 96 to 2048), others 0. */
	uint8_t buffer_overhead;
	bool datagram;       /**< a frame arrives whole or not at all, never torn */
	bool ordered;        /**< answers come in the order of the requests */
	bool shares_console; /**< bytes may reach a bootloader's console: be silent while it boots */
};

struct dfucast_linux_link;

/**
 * Makes a closed link. @p target and @p events are copied; what @p source points to must outlive the link.
 * @return NULL: no memory, or a target whose scheme is none of udp, serial, tcp
 */
struct dfucast_linux_link *dfucast_linux_link_create(uv_loop_t *loop,
						     const struct dfucast_linux_target *target,
						     const struct dfucast_linux_link_events *events,
						     const struct dfucast_frame_source *source);

/**
 * The same on a byte stream that is open already (a pseudo terminal's end, an accepted connection): opening duplicates
 * @p fd, which stays the caller's.
 */
struct dfucast_linux_link *dfucast_linux_link_create_on(uv_loop_t *loop, int fd,
							enum dfucast_framing_kind framing,
							const struct dfucast_linux_link_events *events,
							const struct dfucast_frame_source *source);

/** Starts to open it; `up` or `down` follows, unless close comes first. Nothing happens on an open link. */
void dfucast_linux_link_open(struct dfucast_linux_link *link);

/** Closes it now; no event follows. What was not yet written is dropped. Nothing happens on a closed link. */
void dfucast_linux_link_close(struct dfucast_linux_link *link);

/** Closes and frees it; the memory goes when the loop next runs. NULL is allowed. The caller forgets the pointer. */
void dfucast_linux_link_destroy(struct dfucast_linux_link *link);

/**
 * There may be something to send: pulls frames from the source and writes as long as the wire takes them. At most
 * one block is held back; when the wire has room again the link goes on by itself. Allowed at any time, also on a
 * closed link and inside the source's own calls (then it does nothing).
 */
void dfucast_linux_link_pump(struct dfucast_linux_link *link);

bool dfucast_linux_link_is_up(const struct dfucast_linux_link *link);

void dfucast_linux_link_info(const struct dfucast_linux_link *link, struct dfucast_linux_link_info *info);

/* ---- hash --------------------------------------------------------------------------------------------------- */

/** Room for one running hash; opaque. */
struct dfucast_linux_sha256 {
	void *operation;
};

/**
 * Binds @p hash to PSA Crypto with @p state as its running hash. A hash that was started must be finished, or
 * given to dfucast_linux_sha256_abort(). The first call in a process initialises PSA Crypto.
 */
void dfucast_linux_sha256_init(struct dfucast_sha256 *hash, struct dfucast_linux_sha256 *state);
void dfucast_linux_sha256_abort(struct dfucast_linux_sha256 *state);

/* ---- signatures --------------------------------------------------------------------------------------------- */

/** The public half of a key that images are signed with. */
struct dfucast_linux_key;

/**
 * Reads a PEM file: a public key, or a private one as imgtool makes them, of which only the public half is used.
 * @return NULL: @p why says why, as a sentence without subject and full stop. Else free it.
 */
struct dfucast_linux_key *dfucast_linux_key_load(const char *path, char *why, size_t why_bytes);
void dfucast_linux_key_free(struct dfucast_linux_key *key);
/** MCUboot's TLV type of the signatures this key makes: 0x22 ECDSA P-256, 0x20 RSA-2048, 0x23 RSA-3072. */
uint16_t dfucast_linux_key_type(const struct dfucast_linux_key *key);
/** True when @p signature, the value of such a TLV, is over @p sha256, an image's hash. */
bool dfucast_linux_key_verify(const struct dfucast_linux_key *key, const uint8_t sha256[32],
			      const uint8_t *signature, size_t length);

#ifdef __cplusplus
}
#endif
#endif
