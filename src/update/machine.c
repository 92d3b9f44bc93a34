/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One device's update: states, timers and links. `state` changes in dfucast_update_enter() and
 * dfucast_update_end() and nowhere else.
 */
#include "update_internal.h"
#include <string.h>

/* What each state is to the fan-out, to people, and which request it waits for. */
static const struct {
	uint8_t phase;
	uint8_t state;
	uint8_t request;
} states[DFUCAST_UPDATE_STATE_COUNT] = {
#define STATE(name, phase, state, request)                                                                   \
	[DFUCAST_UPDATE_##                                                                                   \
	    name] = {DFUCAST_PHASE_##phase, DFUCAST_STATE_##state, DFUCAST_SMP_REQUEST_##request}
    STATE(IDLE, IDLE, IDLE, NONE),
    STATE(CONNECT, PREPARING, CONNECTING, NONE),
    STATE(RESYNC, PREPARING, CONNECTING, NONE),
    STATE(PARAMS, PREPARING, CONNECTING, PARAMS),
    STATE(MODE, PREPARING, PREPARING, BOOTLOADER),
    STATE(SLOTS, PREPARING, PREPARING, IMG_SLOTS),
    STATE(INFO, PREPARING, PREPARING, INFO),
    STATE(INSPECT, PREPARING, PREPARING, IMG_LIST),
    STATE(MUSTER, CHECKED, PREPARING, NONE),
    STATE(ERASE, TAKING, PREPARING, IMG_ERASE),
    STATE(FIRST, TAKING, PREPARING, IMG_UPLOAD),
    STATE(STREAM, TAKING, UPLOADING, NONE),
    STATE(VERIFY, VERIFYING, VERIFYING, IMG_LIST),
    STATE(READY, VERIFIED, WAITING, NONE),
    STATE(SETTINGS, ACTIVATING, TESTING, STORAGE_ERASE),
    STATE(TEST, ACTIVATING, TESTING, IMG_SET),
    STATE(PRECHECK, ACTIVATING, TESTING, IMG_LIST),
    STATE(RESET, ACTIVATING, REBOOTING, RESET),
    STATE(SWAP, ACTIVATING, REBOOTING, NONE),
    STATE(RETURN, ACTIVATING, CHECKING, IMG_LIST),
    STATE(SOAK, ACTIVATING, SOAKING, NONE),
    STATE(CONFIRM, ACTIVATING, CONFIRMING, IMG_SET),
    STATE(FINAL, ACTIVATING, CONFIRMING, IMG_LIST),
    STATE(RECOVERY, PREPARING, CONNECTING, RESET),
    STATE(ENDED, ENDED, FAILED, NONE),
#undef STATE
};

enum dfucast_smp_request dfucast_update_request_of(enum dfucast_update_state state)
{
	return (enum dfucast_smp_request)states[state].request;
}

void dfucast_update_arm(const struct update_turn *t, uint32_t delay_ms)
{
	t->u->deadline_ms = t->now + delay_ms;
	update_set(t->u, UPDATE_TIMER);
}

static uint32_t quiet_ms(const struct dfucast_update_plan *plan, const struct dfucast_update *u)
{
	if (!(u->link_flags & DFUCAST_LINK_CONSOLE)) {
		return 1000;
	}
	/* A frame in MCUboot's window can hold it in serial recovery; whoever was found there waits longer. */
	return (plan->quiet_ms ? plan->quiet_ms : 5000u) << (u->recoveries ? 1 : 0);
}

void dfucast_update_enter(struct dfucast_update *u, enum dfucast_update_state next)
{
	DFUCAST_ASSERT(next > DFUCAST_UPDATE_IDLE && next < DFUCAST_UPDATE_ENDED);
	DFUCAST_ASSERT(u->state != DFUCAST_UPDATE_ENDED);
	u->state = (uint8_t)next;
	u->retries = 0;
	update_clear(u, UPDATE_DUE | UPDATE_ECHO_DUE | UPDATE_PAUSE | UPDATE_MALFORMED);
	if (!update_has(u, UPDATE_TX)) {
		update_clear(u, UPDATE_TIMER); /* a begun frame is watched until it is out */
	}
	if (states[next].request != DFUCAST_SMP_REQUEST_NONE) {
		update_set(u, UPDATE_DUE); /* its timer starts when it is sent */
	}
	if (next == DFUCAST_UPDATE_CONNECT) {
		u->deadline_ms = u->limit_ms;
		update_set(u, UPDATE_TIMER);
	} else if (next == DFUCAST_UPDATE_RESET) {
		update_clear(u, UPDATE_WILL_RESET);
		u->resume = DFUCAST_UPDATE_RETURN;
	}
}

/* The device may take so long from now until it shows what it runs. */
static void begin_return(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	uint32_t kib = dfucast_update_base(plan, dfucast_update_image_count(plan)) >> 10;

	t->u->limit_ms = t->now + (plan->return_ms ? plan->return_ms : 60000u + kib * 250u);
}

void dfucast_update_await_reset(const struct update_turn *t)
{
	dfucast_update_enter(t->u, DFUCAST_UPDATE_SWAP);
	begin_return(t);
	dfucast_update_arm(t, quiet_ms(t->plan, t->u));
}

void dfucast_update_end(struct dfucast_update *u, enum dfucast_state final, enum dfucast_err err)
{
	u->err = (int8_t)err;
	u->resume = u->state; /* the step, for the report */
	u->final = (uint8_t) final;
	u->state = DFUCAST_UPDATE_ENDED;
	update_clear(u, UPDATE_TIMER | UPDATE_DUE);
}

void dfucast_update_fail(struct dfucast_update *u, enum dfucast_err err)
{
	dfucast_update_end(u, DFUCAST_STATE_FAILED, err);
}

void dfucast_update_refuse(const struct update_turn *t, enum dfucast_err err)
{
	t->u->error_group = t->error.group;
	t->u->error_rc = t->error.rc;
	dfucast_update_fail(t->u, err);
}

enum dfucast_err dfucast_update_silence(const struct dfucast_update *u)
{
	if (update_has(u, UPDATE_MALFORMED)) {
		return DFUCAST_ERR_MALFORMED;
	}
	return update_has(u, UPDATE_NOISE) ? DFUCAST_ERR_GARBLED : DFUCAST_ERR_SILENT;
}

/* The wait for a link, or for the first answer on it, begins now. */
static void begin_wait(const struct update_turn *t)
{
	t->u->limit_ms = t->now + (t->plan->wait_ms ? t->plan->wait_ms : 20000u);
}

static void connect(const struct update_turn *t, enum dfucast_update_state resume)
{
	t->u->resume = (uint8_t)resume;
	begin_wait(t);
	dfucast_update_enter(t->u, DFUCAST_UPDATE_CONNECT);
}

void dfucast_update_reconnect(const struct update_turn *t, enum dfucast_update_state resume,
			      enum dfucast_err err)
{
	struct dfucast_update *u = t->u;

	update_forget_words(u);
	if (err == DFUCAST_ERR_OK) { /* the fan-out closed it, which says nothing of the device */
		update_set(u, UPDATE_CUT);
	} else if (++u->reconnects > UPDATE_RECONNECTS_MAX) {
		dfucast_update_fail(u, err);
		return;
	}
	u->err = (int8_t)(err == DFUCAST_ERR_OK ? DFUCAST_ERR_LINK_LOST : err);
	connect(t, resume);
}

/* ---- consumer calls: state ---- */

/* A wait for a link or for the end of a silence belongs to what comes after it. */
static enum dfucast_update_state shown(const struct dfucast_update *u)
{
	bool waits = u->state == DFUCAST_UPDATE_CONNECT || u->state == DFUCAST_UPDATE_RESYNC ||
		     u->state == DFUCAST_UPDATE_SWAP || u->state == DFUCAST_UPDATE_RECOVERY;

	if (waits && u->resume != DFUCAST_UPDATE_PARAMS) {
		return u->resume == DFUCAST_UPDATE_RETURN ? DFUCAST_UPDATE_SWAP
							  : (enum dfucast_update_state)u->resume;
	}
	return waits ? DFUCAST_UPDATE_CONNECT : (enum dfucast_update_state)u->state;
}

/* With images still to come it stays in the stream while one is looked for in its slot. */
static bool goes_on(const struct dfucast_update_plan *plan, const struct dfucast_update *u)
{
	return u->state == DFUCAST_UPDATE_VERIFY && u->image + 1u < dfucast_update_image_count(plan);
}

static enum dfucast_phase phase(const void *plan, const void *device)
{
	return goes_on(plan, device) ? DFUCAST_PHASE_TAKING : (enum dfucast_phase)states[shown(device)].phase;
}

static void status(const void *plan, const void *device, struct dfucast_status *out)
{
	const struct dfucast_update *u = device;

	memset(out, 0, sizeof(*out));
	out->offset = dfucast_update_base(plan, u->image) + u->acked;
	out->sent_bytes = u->sent_bytes;
	out->outcome = (struct dfucast_outcome){
	    .err = u->err,
	    .step = u->state == DFUCAST_UPDATE_ENDED ? u->resume : u->state,
	    .group = u->error_group,
	    .rc = u->error_rc,
	    .count = u->boot_mode,
	    .offset = out->offset,
	};
	out->before = u->before;
	/* It runs either the plan's image or what it ran before; anything else is not told. */
	out->after =
	    update_has(u, UPDATE_RUNS_OURS) ? ((const struct dfucast_update_plan *)plan)->version : u->before;
	out->state = u->state == DFUCAST_UPDATE_ENDED ? u->final : states[shown(u)].state;
	out->holds = u->holds;
	out->attempts = u->attempts;
	out->window_peak = u->window_peak;
	out->window = u->window;
	out->frame_bytes = u->frame_max;
	out->has_before = update_has(u, UPDATE_HAS_BEFORE);
	out->has_after = update_has(u, UPDATE_HAS_AFTER);
	if (u->holds <= DFUCAST_HOLDS_PENDING && !out->has_after) {
		out->has_after = out->has_before; /* it was not reset: it runs what it ran */
	}
	out->skipped_upload = update_has(u, UPDATE_SKIPPED);
	out->revert_unproven = update_has(u, UPDATE_MODE_UNKNOWN);
	out->slot_unknown = update_has(u, UPDATE_SLOT_UNKNOWN);
}

static void start(const void *plan, void *device, uint32_t now)
{
	struct dfucast_update *u = device;
	const struct update_turn turn = {.plan = plan, .u = u, .now = now};

	DFUCAST_ASSERT(u->state == DFUCAST_UPDATE_IDLE);
	DFUCAST_ASSERT(turn.plan->more_count <= DFUCAST_UPDATE_MORE_MAX);
	DFUCAST_ASSERT(turn.plan->more_count == 0 || turn.plan->set != NULL);
	/* Confirming what runs, without a hash, always means image 0. */
	DFUCAST_ASSERT(turn.plan->mode != DFUCAST_MODE_TEST_CONFIRM ||
		       (turn.plan->image == 0 && turn.plan->more_count == 0));
	dfucast_smp_client_init(&u->client, 0);
	update_forget_words(u);
	u->err = DFUCAST_ERR_UNREACHABLE;
	u->window = 1;
	connect(&turn, DFUCAST_UPDATE_PARAMS);
}

static void activate(const void *plan, void *device, uint32_t now)
{
	const struct dfucast_update_plan *p = plan;
	struct dfucast_update *u = device;
	const struct update_turn turn = {.plan = plan, .u = u, .now = now};
	enum dfucast_update_state first = update_activation(u);

	if (u->state == DFUCAST_UPDATE_MUSTER) {
		dfucast_update_begin_work(&turn, true);
		return;
	}
	DFUCAST_ASSERT(u->state == DFUCAST_UPDATE_READY);
	u->reconnects = 0;
	update_clear(u, UPDATE_SETTINGS_ERASED);
	if (p->erase_settings && u->holds != DFUCAST_HOLDS_PENDING) {
		first = DFUCAST_UPDATE_SETTINGS; /* if it cannot, nothing is marked yet */
	}
	if (update_has(u, UPDATE_LINK)) {
		dfucast_update_enter(u, first);
		return;
	}
	connect(&turn, first);
}

static void stop(const void *plan, void *device, enum dfucast_err why)
{
	struct dfucast_update *u = device;
	enum dfucast_state final = DFUCAST_STATE_FAILED;

	(void)plan;
	if (u->state == DFUCAST_UPDATE_ENDED) {
		return;
	}
	if (why == DFUCAST_ERR_BEHIND) {
		final = DFUCAST_STATE_BEHIND;
	} else if (u->state == DFUCAST_UPDATE_READY && dfucast_err_band(why) == DFUCAST_BAND_FLEET) {
		final = DFUCAST_STATE_HELD;
	}
	dfucast_update_end(u, final, why);
}

/* ---- consumer calls: link ---- */

static bool wants_link(const void *plan, const void *device)
{
	const struct dfucast_update *u = device;

	(void)plan;
	switch (u->state) {
	case DFUCAST_UPDATE_IDLE:
	case DFUCAST_UPDATE_ENDED:
		return false;
	case DFUCAST_UPDATE_CONNECT:
		return !update_has(u, UPDATE_LINK); /* still up: close it first */
	case DFUCAST_UPDATE_SWAP:
		return update_has(u, UPDATE_LINK) && (u->link_flags & DFUCAST_LINK_KEEPS);
	default:
		return true;
	}
}

static bool wants_resync(const void *plan, const void *device)
{
	const struct dfucast_update *u = device;

	(void)plan;
	/* Drain first: answers still under way would be cut in two. */
	return update_has(u, UPDATE_RESYNC_DUE) && !update_has(u, UPDATE_TX) && u->client.count == 0;
}

static void link_up(const void *plan, void *device, const struct dfucast_link_info *info, uint32_t now)
{
	struct dfucast_update *u = device;

	(void)plan;
	(void)now;
	update_set(u, UPDATE_LINK);
	u->link_flags = info->flags;
	u->buffer_overhead = info->buffer_overhead;
	u->value_max = info->value_max;
	u->frame_max = info->frame_fallback;
	u->frame_link = info->frame_max < UPDATE_LENGTH_MASK ? info->frame_max : UPDATE_LENGTH_MASK;
	u->rtt_ms = 0;
	if (info->flags & DFUCAST_LINK_FRAGMENTS) {
		update_set(u, UPDATE_RESYNC_DUE);
	}
	if (u->state != DFUCAST_UPDATE_CONNECT) {
		return; /* READY or SOAK: it only had lost the link meanwhile */
	}
	dfucast_update_enter(u, update_has(u, UPDATE_RESYNC_DUE) ? DFUCAST_UPDATE_RESYNC
								 : (enum dfucast_update_state)u->resume);
}

static void resynced(const void *plan, void *device, uint32_t now)
{
	struct dfucast_update *u = device;

	(void)plan;
	(void)now;
	update_clear(u, UPDATE_RESYNC_DUE | UPDATE_PAUSE);
	if (u->state == DFUCAST_UPDATE_RESYNC) {
		dfucast_update_enter(u, (enum dfucast_update_state)u->resume);
	}
}

/* At first contact these do not go away by waiting. */
static bool is_lasting(enum dfucast_err err)
{
	return err == DFUCAST_ERR_NO_PERMISSION || err == DFUCAST_ERR_PORT_BUSY ||
	       err == DFUCAST_ERR_NO_SUCH_PORT || err == DFUCAST_ERR_NAME_UNKNOWN ||
	       err == DFUCAST_ERR_NEEDS_PAIRING || err == DFUCAST_ERR_NO_SERVICE;
}

/* Where a broken step is taken up again. */
static enum dfucast_update_state resumes_at(const struct dfucast_update *u)
{
	switch (u->state) {
	case DFUCAST_UPDATE_RECOVERY:
		return (enum dfucast_update_state)u->resume;
	case DFUCAST_UPDATE_SETTINGS:
		return DFUCAST_UPDATE_SETTINGS; /* erasing twice is the same as once */
	case DFUCAST_UPDATE_TEST:
	case DFUCAST_UPDATE_PRECHECK:
	case DFUCAST_UPDATE_RESET:
		return update_activation(u); /* testing too */
	case DFUCAST_UPDATE_CONFIRM:
	case DFUCAST_UPDATE_FINAL:
		return DFUCAST_UPDATE_RETURN; /* confirm only what runs: look again first */
	default:
		return DFUCAST_UPDATE_PARAMS;
	}
}

/* What a lost link means in each state. */
static void lost(const struct update_turn *t, enum dfucast_err err)
{
	struct dfucast_update *u = t->u;

	switch (u->state) {
	case DFUCAST_UPDATE_CONNECT:
		if (err == DFUCAST_ERR_OK) {
			/* The fan-out took the link away, or the wait out of a pause: what was waited so far does
			 * not count. After a reset it does. */
			if (u->resume != DFUCAST_UPDATE_RETURN) {
				connect(t, (enum dfucast_update_state)u->resume);
			}
			return;
		}
		u->err = (int8_t)err;
		if (is_lasting(err) && u->resume == DFUCAST_UPDATE_PARAMS && u->reconnects == 0) {
			dfucast_update_fail(u, err);
		}
		return;
	case DFUCAST_UPDATE_IDLE:
	case DFUCAST_UPDATE_READY:
	case DFUCAST_UPDATE_SWAP:
	case DFUCAST_UPDATE_SOAK:
	case DFUCAST_UPDATE_ENDED:
		return; /* nothing was under way; the cast opens it again where one is wanted */
	case DFUCAST_UPDATE_RECOVERY:
	case DFUCAST_UPDATE_RESET:
		if (!update_has(u, UPDATE_TX)) {
			dfucast_update_await_reset(t); /* it may have taken the request */
			return;
		}
		break;
	case DFUCAST_UPDATE_RETURN:
		u->resume = DFUCAST_UPDATE_RETURN;
		/* fall through */
	case DFUCAST_UPDATE_RESYNC: /* on the way to `resume`: still is, within the same limit */
		dfucast_update_enter(u, DFUCAST_UPDATE_CONNECT);
		return;
	default:
		if (!update_has(u, UPDATE_HEARD) &&
		    err != DFUCAST_ERR_OK) { /* not seen yet: the wait for it goes on */
			u->err = (int8_t)err;
			if (is_lasting(err)) {
				dfucast_update_fail(u, err);
			} else {
				dfucast_update_enter(u, DFUCAST_UPDATE_CONNECT);
			}
			return;
		}
		break;
	}
	dfucast_update_reconnect(t, resumes_at(u), err);
}

static void link_down(const void *plan, void *device, enum dfucast_err err, uint32_t now)
{
	struct dfucast_update *u = device;
	const struct update_turn turn = {.plan = plan, .u = u, .now = now};

	update_clear(u, UPDATE_LINK | UPDATE_RESYNC_DUE | UPDATE_SAMPLE);
	lost(&turn, err);
	update_clear(u, UPDATE_TX);
	dfucast_smp_client_clear(&u->client);
}

static void noise(const void *plan, void *device, uint32_t now)
{
	struct dfucast_update *u = device;

	(void)plan;
	update_set(u, UPDATE_NOISE);
	if (u->state == DFUCAST_UPDATE_SWAP && (int32_t)(u->deadline_ms - now) < (int32_t)UPDATE_BOOT_MS &&
	    (int32_t)(u->limit_ms - now) > (int32_t)UPDATE_BOOT_MS) {
		u->deadline_ms = now + UPDATE_BOOT_MS; /* it is still talking: let it finish booting */
	}
}

/* ---- consumer calls: stream and time ---- */

static void want(const void *plan, const void *device, struct dfucast_want *out)
{
	const struct dfucast_update *u = device;
	const struct dfucast_smp_pending *tx = dfucast_update_tx(u);
	uint32_t base = dfucast_update_base(plan, u->image);

	out->patient = u->state != DFUCAST_UPDATE_STREAM;
	out->offset = base + u->next;
	out->keep = base + u->acked;
	out->sending = tx != NULL && tx->request == DFUCAST_SMP_REQUEST_IMG_UPLOAD && tx->offset != 0;
	if (out->patient) {
		/* The first chunk comes from the plan's header: the stream is wanted from behind it. */
		out->keep = base + (goes_on(plan, u) ? update_image(plan, u)->image_bytes : 0) +
			    DFUCAST_IMAGE_HEADER_BYTES;
		out->offset = out->keep;
	}
	if (out->sending && base + tx->offset < out->keep) {
		out->keep = base + tx->offset; /* also of an image that is acknowledged whole by now */
	}
}

static bool deadline(const void *plan, const void *device, uint32_t *when)
{
	const struct dfucast_update *u = device;

	(void)plan;
	*when = u->deadline_ms;
	return update_has(u, UPDATE_TIMER);
}

/* A short request got no answer. */
static void request_tick(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	enum dfucast_err err = dfucast_update_silence(u);

	if (u->client.count == 0) { /* a pause is over */
		update_set(u, UPDATE_DUE);
		return;
	}
	dfucast_update_forget_pending(u);
	if (u->state == DFUCAST_UPDATE_RETURN) {
		if ((int32_t)(t->now - u->limit_ms) >= 0) {
			dfucast_update_fail(u, DFUCAST_ERR_NEVER_RETURNED);
			return;
		}
		if (!(u->link_flags & DFUCAST_LINK_KEEPS)) {
			/* Connected and deaf: half an answer may block the way. A new link, within the same limit. */
			u->resume = DFUCAST_UPDATE_RETURN;
			dfucast_update_enter(u, DFUCAST_UPDATE_CONNECT);
			return;
		}
		dfucast_update_arm(t, UPDATE_PROBE_MS);
		return;
	}
	if (u->state == DFUCAST_UPDATE_RESET || u->state == DFUCAST_UPDATE_RECOVERY) {
		/* A missing answer to a reset is no error: wait and see what runs. */
		dfucast_update_await_reset(t);
		return;
	}
	if (++u->retries <= update_retries_max(plan)) {
		update_set(u, UPDATE_DUE);
		return;
	}
	if (u->state == DFUCAST_UPDATE_PARAMS && !update_has(u, UPDATE_HEARD)) {
		/* Nobody there, or not listening: a new link would not help, the time to wait may. */
		if ((int32_t)(t->now - u->limit_ms) >= 0) {
			dfucast_update_fail(u, err);
		} else {
			update_set(u, UPDATE_DUE);
		}
		return;
	}
	dfucast_update_reconnect(t, resumes_at(u), err);
}

static void connect_tick(const struct update_turn *t)
{
	struct dfucast_update *u = t->u;

	if ((int32_t)(t->now - u->limit_ms) < 0) {
		dfucast_update_arm(t, u->limit_ms - t->now);
		return;
	}
	if (u->resume == DFUCAST_UPDATE_RETURN) {
		dfucast_update_fail(u, DFUCAST_ERR_NEVER_RETURNED);
		return;
	}
	dfucast_update_fail(u, (enum dfucast_err)u->err);
}

/* The silence after a reset, or the soak, is over. */
static void wake(const struct update_turn *t)
{
	struct dfucast_update *u = t->u;

	if (u->state == DFUCAST_UPDATE_SOAK) {
		update_set(u, UPDATE_SOAKED);
		u->resume = DFUCAST_UPDATE_RETURN;
		begin_return(t);
	}
	if (u->resume == DFUCAST_UPDATE_PARAMS) {
		begin_wait(t);
	}
	dfucast_update_enter(u, update_has(u, UPDATE_LINK) ? (enum dfucast_update_state)u->resume
							   : DFUCAST_UPDATE_CONNECT);
}

static void tick(const void *plan, void *device, uint32_t now)
{
	struct dfucast_update *u = device;
	const struct update_turn turn = {.plan = plan, .u = u, .now = now};
	const struct update_turn *t = &turn;

	update_clear(u, UPDATE_TIMER);
	if (update_has(u, UPDATE_TX)) {
		/* A frame is still going out: judge later, unless the link has stopped taking bytes. */
		dfucast_update_arm(t, UPDATE_RTT_MS_MIN);
		if (++u->tx_ticks > UPDATE_TX_TICKS) {
			u->tx_ticks = 0;
			lost(t, DFUCAST_ERR_LINK_LOST);
		}
		return;
	}
	switch (u->state) {
	case DFUCAST_UPDATE_CONNECT:
		connect_tick(t);
		break;
	case DFUCAST_UPDATE_SWAP:
	case DFUCAST_UPDATE_SOAK:
		wake(t);
		break;
	case DFUCAST_UPDATE_READY:
		break;
	case DFUCAST_UPDATE_FIRST:
		dfucast_update_first_tick(t);
		break;
	case DFUCAST_UPDATE_STREAM:
		dfucast_update_upload_tick(t);
		break;
	default:
		request_tick(t);
		break;
	}
}

const struct dfucast_consumer dfucast_update_consumer = {
    .phase = phase,
    .status = status,
    .start = start,
    .activate = activate,
    .stop = stop,
    .wants_link = wants_link,
    .wants_resync = wants_resync,
    .link_up = link_up,
    .link_down = link_down,
    .resynced = resynced,
    .recv = dfucast_update_recv,
    .noise = noise,
    .want = want,
    .begin = dfucast_update_begin,
    .read = dfucast_update_read,
    .sent = dfucast_update_sent,
    .deadline = deadline,
    .tick = tick,
};
