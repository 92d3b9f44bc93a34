/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A BLE central's logic, the same on every stack: who is scanned for and connected when, set-up of each link, which
 * parameters it has when, write credit and turns, frames in and out, links that the application owns, and handles that
 * a stack gives out again. The port knows its stack's calls and events, and nothing else:
 *
 *     what happened:   dfucast_ble_central_event()      in the order in which it happened
 *     then always:     dfucast_ble_central_tick()
 *                      while (dfucast_ble_central_next(&op)) dfucast_ble_central_result(&op, what the stack said)
 *                      dfucast_ble_central_deadline()   when to call _tick at the latest
 *
 * All from one context, never from an interrupt and never from inside one another. The links' user (a cast, or a gateway
 * around one) is called from within _event, _next, _result and _tick, through struct dfucast_ble_user.
 *
 * A link's life:
 *
 *     OPEN -> SEEK -> CONNECT -> CONNECTING -> SETUP -> UP (-> RESYNC -> UP) -> CLOSE -> CLOSING
 *     adopted: OFFERED -OPEN-> SETUP -> UP -> LEAVE -> OFFERED, with the parameters that it had before
 *
 * An adopted link is never closed by us, and never connected by us again when it breaks: that is its owner's business,
 * who then adopts it anew. Of our own links one is given up only after notifications were off for it or it broke.
 */
#ifndef DFUCAST_BLE_CENTRAL_H
#define DFUCAST_BLE_CENTRAL_H

#include <dfucast/ble.h>
#include <dfucast/ble_setup.h>
#include <dfucast/cast.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Who uses the links: the calls of cast.h by their names, and with their meanings. */
struct dfucast_ble_user {
	void *context;
	bool (*next_request)(void *context, struct dfucast_link_request *request, uint32_t now);
	void (*link_up)(void *context, struct dfucast_link link, const struct dfucast_link_info *info,
			uint32_t now);
	void (*link_down)(void *context, struct dfucast_link link, enum dfucast_err err, uint32_t now);
	void (*resynced)(void *context, struct dfucast_link link, uint32_t now);
	void (*recv)(void *context, struct dfucast_link link, const uint8_t *frame, size_t length,
		     uint32_t now);
	size_t (*begin)(void *context, struct dfucast_link link, uint32_t now);
	void (*read)(void *context, struct dfucast_link link, size_t position, uint8_t *buffer,
		     size_t length);
	void (*sent)(void *context, struct dfucast_link link, uint32_t now);
};

/** @p cast as the user. It must outlive the central's use of it. */
struct dfucast_ble_user dfucast_ble_user_cast(struct dfucast_cast *cast);

enum dfucast_ble_target_flag {
	DFUCAST_BLE_TARGET_PINNED = 0x01, /**< `address` is known; without it, the first match pins it */
	DFUCAST_BLE_TARGET_OWNED =
	    0x02, /**< the application's: only adopted, never scanned for or connected */
	DFUCAST_BLE_TARGET_SECURE =
	    0x04, /**< encrypt before anything else; set by itself once a link of it was */
};

/** No passkey: pairing without one, or with whatever the application answers. */
#define DFUCAST_BLE_NO_PASSKEY 0u

/** One device, by the index that the links' user has for it. The caller's memory, one for each target. */
struct dfucast_ble_target {
	/** Not PINNED: "NAME", or "BEGINNING*"; NULL: any connectable device that advertises the SMP service. */
	const char *name;
	uint32_t
	    passkey; /**< 1 + the six digits that it wants when it is paired with; DFUCAST_BLE_NO_PASSKEY */
	struct dfucast_ble_address address;
	int8_t rssi;   /**< when last heard before connecting, dBm; 0: not yet */
	uint8_t flags; /**< enum dfucast_ble_target_flag */
};

/** One link. Opaque; the caller's memory, one for each link that the stack can have at once. */
struct dfucast_ble_conn {
	struct dfucast_link link;
	struct dfucast_ble_setup setup;
	struct dfucast_ble_link frames;
	struct dfucast_ble_period heard;
	struct dfucast_ble_params have;   /* what the link has */
	struct dfucast_ble_params asked;  /* what the stack was last asked for */
	struct dfucast_ble_params before; /* an adopted link's own */
	uint32_t deadline_ms;             /* of the state, where it has one */
	uint32_t used_ms;                 /* last traffic; or since when answers are missing */
	uint32_t params_ms;               /* end of patience with a change of parameters */
	struct dfucast_ble_handle handle;
	uint16_t target; /* of an adopted link; else as in `link` */
	uint16_t flags;
	uint8_t state;
	uint8_t credit;
	int8_t err;          /* why it is being closed */
	uint8_t tries;       /* connects that failed since OPEN */
	uint8_t param_tries; /* changes of parameters that came to nothing */
};

/** Times in ms; a zero takes the default named beside it. What is pointed to must outlive the central. */
struct dfucast_ble_central_config {
	struct dfucast_ble_air air; /**< what slots are computed from */
	struct dfucast_ble_target *targets;
	struct dfucast_ble_conn *conns;
	uint8_t *value; /**< room for one value to write */
	struct dfucast_ble_pool *pool;
	uint16_t target_count;
	uint16_t value_bytes; /**< largest ATT_MTU - 3 that is asked for; at least 20 */
	uint16_t skip; /**< DFUCAST_BLE_STEP_BIT()s that the stack does by itself; SECURE counts only there */
	uint16_t slow_interval; /**< × 1.25 ms, of links with nothing to do; 0: 400 (500 ms) */
	uint16_t slow_latency;  /**< events such a peripheral may sleep through; 0: none */
	uint8_t conn_count;     /**< 1 … DFUCAST_BLE_HANDLES_MAX */
	uint8_t write_queue;    /**< writes without response that the stack takes for one link; 0: 1 */
	uint8_t pairings;       /**< that the stack has under way at the same time; 0: 1 */
	uint8_t
	    links_min;    /**< compute slots for at least so many links from the start; 0: for those in use */
	uint32_t idle_ms; /**< no traffic for so long: slow parameters; 0: 15000 */
	uint32_t silent_ms; /**< never heard since connecting, unencrypted: encrypt; 0: 4000 */
};

/** Read-only for callers, but for the first two members. Zero-initialised by dfucast_ble_central_init(). */
struct dfucast_ble_central {
	bool listen; /**< scan also while nobody is sought: somebody wants to know who is there */
	bool slow;   /**< the image's source has paused: links go slow now, and stay so */
	struct dfucast_ble_central_config config;
	struct dfucast_ble_user user;
	struct dfucast_ble_slots slots; /**< of the present plan */
	uint32_t retry_ms;              /**< when what was answered BUSY is tried again */
	uint32_t radio_ms;              /**< the same for scanning and connecting */
	uint32_t scan_ms;               /**< last advertisement, or start of the scan */
	uint8_t planned;                /**< links that `slots` is for */
	uint8_t turn;                   /**< whose turn it is to write first */
	bool retrying;
	bool radio_retrying;
	bool scanning;
	bool scan_shared; /**< the scan leaves room for links */
	uint16_t strays;  /**< notifications that nobody had asked for on this connection */
};

enum dfucast_ble_op_kind {
	DFUCAST_BLE_OP_SCAN_START, /**< `duty`; passive is enough for addresses, active brings names */
	DFUCAST_BLE_OP_SCAN_STOP,
	DFUCAST_BLE_OP_CONNECT,        /**< `address`, `params`, `timeout_ms`, `duty` */
	DFUCAST_BLE_OP_CONNECT_CANCEL, /**< STARTED or DONE: it is cancelled; REFUSED: its event is in the queue */
	DFUCAST_BLE_OP_DISCONNECT,
	DFUCAST_BLE_OP_STEP,   /**< `step`, and what it needs of `setup` */
	DFUCAST_BLE_OP_PARAMS, /**< change to `params` */
	DFUCAST_BLE_OP_AGREE,  /**< answer PARAMS_ASKED with `params` */
	DFUCAST_BLE_OP_REFUSE, /**< answer PARAMS_ASKED with no */
	DFUCAST_BLE_OP_WRITE, /**< without response: `value`, `length` to attribute setup->value; copied by the stack */
};

/** One thing for the port to do. Pointers are valid until dfucast_ble_central_result(). */
struct dfucast_ble_op {
	uint8_t kind; /**< enum dfucast_ble_op_kind */
	uint8_t step; /**< enum dfucast_ble_step */
	uint16_t target;
	struct dfucast_ble_handle handle;
	uint16_t length;
	const uint8_t *value;
	const struct dfucast_ble_setup *setup;
	const struct dfucast_ble_address *address;
	struct dfucast_ble_params params;
	struct dfucast_ble_duty duty;
	uint32_t timeout_ms;
	struct dfucast_ble_conn *conn; /**< the central's own */
};

/** @p config is copied. Asserts on nonsense. No user yet: nothing is wanted before one is set. */
void dfucast_ble_central_init(struct dfucast_ble_central *central,
			      const struct dfucast_ble_central_config *config);
/** Whose links these are from now on. Only while no link is in use (adopted ones may be there). */
void dfucast_ble_central_set_user(struct dfucast_ble_central *central, const struct dfucast_ble_user *user);

/** @return true: it concerned a link of ours, and the application need not look at it. False: it is the application's. */
bool dfucast_ble_central_event(struct dfucast_ble_central *central, const struct dfucast_ble_event *event,
			       uint32_t now);
void dfucast_ble_central_tick(struct dfucast_ble_central *central, uint32_t now);
/** The next thing to do. Each is followed by its dfucast_ble_central_result(). @return false: nothing now. */
bool dfucast_ble_central_next(struct dfucast_ble_central *central, struct dfucast_ble_op *op, uint32_t now);
void dfucast_ble_central_result(struct dfucast_ble_central *central, const struct dfucast_ble_op *op,
				enum dfucast_ble_result result, uint32_t now);
/** @return false: nothing to wait for but events. */
bool dfucast_ble_central_deadline(const struct dfucast_ble_central *central, uint32_t *deadline);

/**
 * For stacks that must answer a peripheral's wish at once, in their callback, instead of by PARAMS_ASKED: whether it is met
 * by what this link should have. @return false: refuse. Links that are not in use by the central are the application's.
 */
bool dfucast_ble_central_agrees(const struct dfucast_ble_central *central, struct dfucast_ble_handle handle,
				const struct dfucast_ble_params_asked *asked);

/** The stack asks for the passkey of a pairing on this link. @return false: it is not one of ours, or has none */
bool dfucast_ble_central_passkey(const struct dfucast_ble_central *central, struct dfucast_ble_handle handle,
				 uint32_t *passkey);

/* ---- the application's links ---- */

/** A link that the application owns. */
struct dfucast_ble_offer {
	struct dfucast_ble_handle handle;
	struct dfucast_ble_params params; /**< as they are: it is given back with them */
	uint16_t target;
	uint16_t mtu; /**< agreed already; 0: not exchanged yet */
	uint16_t
	    value; /**< attribute of the SMP characteristic, and its ccc, where known; 0: they are looked for */
	uint16_t ccc;
	bool secured;
};

/**
 * The central may use this link for its target from now on, until it is released or breaks. Its PHY and data length are
 * left alone; notifications of other attributes stay the application's.
 * @return false: no free link, the target is no target, or it has a link already.
 */
bool dfucast_ble_central_adopt(struct dfucast_ble_central *central, const struct dfucast_ble_offer *offer,
			       uint32_t now);
/**
 * The application wants its link to itself again.
 * @return true: it has it, as it was. False: it is in use; a device that is being updated fails with it: ask again later.
 */
bool dfucast_ble_central_release(struct dfucast_ble_central *central, struct dfucast_ble_handle handle);
/** The target's number means another device from now on: what was lent for it is the application's again. */
void dfucast_ble_central_renumber(struct dfucast_ble_central *central, uint16_t target);
/** True while the central works on this link: the application then leaves parameters and procedures alone. */
bool dfucast_ble_central_uses(const struct dfucast_ble_central *central, struct dfucast_ble_handle handle);

#ifdef __cplusplus
}
#endif
#endif
