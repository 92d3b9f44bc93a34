/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What the central's files share.
 *
 *   central.c   events, time, requests: what changes a link's state
 *   seek.c      who is scanned for and connected
 *   next.c      what is to be done next, and what came of it
 *   lend.c      links of the application
 *   user.c      a cast as the links' user
 */
#ifndef DFUCAST_CENTRAL_INTERNAL_H
#define DFUCAST_CENTRAL_INTERNAL_H

#include <dfucast/ble_central.h>
#include <dfucast/port.h>

#define CENTRAL_RETRY_MS 5u         /* after BUSY */
#define CENTRAL_RADIO_RETRY_MS 100u /* the same for scanning and connecting: the application may be at it */
#define CENTRAL_RESCAN_MS 10000u    /* a scan that hears nothing may have been stopped by somebody else */
#define CENTRAL_PARAMS_MS 8000u     /* for a change of parameters: six of the slowest events, and some */
#define CENTRAL_GONE_MS 5000u       /* for DISCONNECTED to come; a port may have lost it */
#define CENTRAL_PARAM_TRIES 3u
#define CENTRAL_CONNECT_TRIES 3u

/* What a link waits for. */
enum {
	CENTRAL_FREE,
	CENTRAL_OFFERED,    /* the application's; its target's OPEN */
	CENTRAL_SEEK,       /* its advertisement, or that it is adopted */
	CENTRAL_CONNECT,    /* the initiator */
	CENTRAL_CONNECTING, /* CONNECTED */
	CENTRAL_CANCEL,     /* to be cancelled */
	CENTRAL_CANCELLED,  /* too late to be cancelled: CONNECTED or CONNECT_FAILED is in the queue */
	CENTRAL_SETUP,      /* notifications on */
	CENTRAL_UP,         /* traffic */
	CENTRAL_RESYNC,     /* notifications off and on */
	CENTRAL_SECURING,   /* encryption, of a link that was up */
	CENTRAL_LEAVE,      /* adopted: notifications off */
	CENTRAL_RESTORE,    /* adopted: its old parameters */
	CENTRAL_CLOSE,      /* to be disconnected */
	CENTRAL_CLOSING,    /* DISCONNECTED */
};

enum {
	CONN_ADOPTED = 0x0001,
	CONN_HEARD = 0x0002, /* something was notified since it is up */
	CONN_WROTE = 0x0004, /* something was written since it is up */
	CONN_BUSY = 0x0008,  /* a procedure was answered BUSY */
	CONN_WRITE_BUSY = 0x0010,
	CONN_PARAMS = 0x0020, /* a change of parameters is under way */
	CONN_AGREE = 0x0040,  /* the peer's wish is to be answered */
	CONN_REFUSE = 0x0080,
	CONN_SECURE = 0x0100,       /* the peer asked for encryption */
	CONN_SECURE_TRIED = 0x0200, /* it was tried since the link is up */
	CONN_CLOSED = 0x0400,       /* the user asked to close it */
	CONN_RESYNC = 0x0800,       /* the user asked to resync it, before it could be */
	CONN_IDLE = 0x1000,         /* no traffic for a while */
	CONN_GONE = 0x2000, /* the stack says that the handle means another: DISCONNECTED is on its way */
};

static inline bool conn_has(const struct dfucast_ble_conn *conn, unsigned int flag)
{
	return (conn->flags & flag) != 0;
}

static inline void conn_set(struct dfucast_ble_conn *conn, unsigned int flag)
{
	conn->flags = (uint16_t)(conn->flags | flag);
}

static inline void conn_clear(struct dfucast_ble_conn *conn, unsigned int flag)
{
	conn->flags = (uint16_t)(conn->flags & ~flag);
}

static inline bool central_reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

/* The set-up machine runs: it may want a step. */
static inline bool conn_sets_up(const struct dfucast_ble_conn *conn)
{
	return conn->state == CENTRAL_SETUP || conn->state == CENTRAL_RESYNC ||
	       conn->state == CENTRAL_SECURING || conn->state == CENTRAL_LEAVE;
}

/* It has a connection whose procedures and parameters are ours now. */
static inline bool conn_is_ours(const struct dfucast_ble_conn *conn)
{
	return conn->state >= CENTRAL_SETUP && conn->state <= CENTRAL_RESTORE;
}

/* The connection attempt that holds the initiator. */
static inline bool conn_initiates(const struct dfucast_ble_conn *conn)
{
	return conn->state >= CENTRAL_CONNECTING && conn->state <= CENTRAL_CANCELLED;
}

static inline struct dfucast_ble_target *central_target(const struct dfucast_ble_central *central,
							const struct dfucast_ble_conn *conn)
{
	return &central->config.targets[conn->target];
}

/* central.c */
/* Changes the state; what belongs to the old one is over. */
void dfucast_central_enter(struct dfucast_ble_conn *conn, unsigned int state, uint32_t deadline_ms);
/* The set-up machine moved: goes where it leads. */
void dfucast_central_follow_setup(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
				  uint32_t now);
/* The link is over for its user, who is told; `conn` is free, or offered again. */
void dfucast_central_end(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
			 enum dfucast_err err, uint32_t now);
/* The parameters that this link should have now; interval 0: whatever it has. */
struct dfucast_ble_params dfucast_central_wanted(const struct dfucast_ble_central *central,
						 const struct dfucast_ble_conn *conn);
/* Whether they are to be asked for. */
bool dfucast_central_wants_params(const struct dfucast_ble_central *central,
				  const struct dfucast_ble_conn *conn);
/* A change of parameters ended, or could not be begun. */
void dfucast_central_params_over(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
				 uint32_t now);
/* Something was written or notified. */
void dfucast_central_used(struct dfucast_ble_conn *conn, uint32_t now);
/* Takes the user's requests. */
void dfucast_central_take_requests(struct dfucast_ble_central *central, uint32_t now);

/* The link in this state, of this target unless it is FREE; NULL: none. */
struct dfucast_ble_conn *dfucast_central_in_state(const struct dfucast_ble_central *central, uint16_t target,
						  unsigned int state);
/* The link that has this connection; NULL: none of ours. */
struct dfucast_ble_conn *dfucast_central_of_handle(const struct dfucast_ble_central *central,
						   struct dfucast_ble_handle handle);
/* An adopted link is taken into use. */
void dfucast_central_use_offer(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
			       uint32_t now);

/* seek.c */
/* An advertisement. @return true: somebody waited for it. */
bool dfucast_central_heard(struct dfucast_ble_central *central, const struct dfucast_ble_report *report,
			   uint32_t now);
/* The attempt came to nothing: once more, or over. */
void dfucast_central_connect_failed(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
				    uint32_t now);
/* The next thing for scanner and initiator. */
bool dfucast_central_radio(struct dfucast_ble_central *central, struct dfucast_ble_op *op, uint32_t now);

#endif
