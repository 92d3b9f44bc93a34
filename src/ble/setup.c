/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * One link's set-up. enter() alone changes the step; every step has an end: its answer, or its deadline.
 */
#include <dfucast/ble_setup.h>
#include <dfucast/port.h>

#define RADIO_STEP_MS 3000u
#define ATTRIBUTE_STEP_MS 15000u /* a link at one second an event needs several for each question */
#define SECURE_STEP_MS 35000u    /* the Security Manager Protocol itself gives up after 30 s of silence */
#define SECURE_TURN_MS 180000u   /* one pairing at a time, and any peer may be silent */
#define MTU_MIN 23u
#define ROUNDS_MAX 32u /* of one discovery: a peer may have so many characteristics that come one an answer */

enum {
	WAITING = 0x01,    /* the step is started: an event ends it */
	FOUND = 0x02,      /* what this discovery looks for */
	BOUNDED = 0x04,    /* `last` is the characteristic's, no longer the service's */
	SUBSCRIBED = 0x08, /* the descriptor says 1 */
	SECURED = 0x10,
	LEAVING = 0x20,
	OPTIONAL = 0x40, /* security is only a wish */
};

#define ATT_INSUFFICIENT_AUTHENTICATION 0x05u
#define ATT_INSUFFICIENT_AUTHORIZATION 0x08u
#define ATT_INSUFFICIENT_KEY_SIZE 0x0Cu
#define ATT_INSUFFICIENT_ENCRYPTION 0x0Fu

static bool has(const struct dfucast_ble_setup *setup, unsigned int flag)
{
	return (setup->flags & flag) != 0;
}

static bool is_over(const struct dfucast_ble_setup *setup)
{
	return setup->step >= DFUCAST_BLE_STEP_READY;
}

static bool is_radio_step(unsigned int step)
{
	return step == DFUCAST_BLE_STEP_PHY || step == DFUCAST_BLE_STEP_DATA_LENGTH;
}

/* How long a step may take until it is answered. */
static uint32_t patience_ms(unsigned int step)
{
	if (is_radio_step(step))
		return RADIO_STEP_MS;
	return step == DFUCAST_BLE_STEP_SECURE ? SECURE_TURN_MS : ATTRIBUTE_STEP_MS;
}

static void enter(struct dfucast_ble_setup *setup, enum dfucast_ble_step step, uint32_t now)
{
	setup->step = (uint8_t)step;
	setup->flags = (uint8_t)(setup->flags & ~(WAITING | FOUND));
	setup->rounds = 0;
	setup->deadline_ms = now + patience_ms(step);
}

static void fail(struct dfucast_ble_setup *setup, enum dfucast_err err, uint32_t now)
{
	setup->err = (int8_t)err;
	enter(setup, DFUCAST_BLE_STEP_FAILED, now);
}

/* The next step that is not left out. Unsubscribing is no step on the way up. */
static void advance(struct dfucast_ble_setup *setup, uint32_t now)
{
	unsigned int step = setup->step + 1u;

	while (step < DFUCAST_BLE_STEP_READY &&
	       ((setup->skip & DFUCAST_BLE_STEP_BIT(step)) != 0 || step == DFUCAST_BLE_STEP_UNSUBSCRIBE))
		step++;
	enter(setup, (enum dfucast_ble_step)step, now);
}

void dfucast_ble_setup_begin(struct dfucast_ble_setup *setup, uint16_t skip, uint16_t mtu, uint32_t now)
{
	*setup = (struct dfucast_ble_setup){
	    .skip = skip, .mtu = mtu > MTU_MIN ? mtu : MTU_MIN, .first = 1, .last = UINT16_MAX};
	advance(setup, now);
}

void dfucast_ble_setup_resync(struct dfucast_ble_setup *setup, uint32_t now)
{
	DFUCAST_ASSERT(setup->step == DFUCAST_BLE_STEP_READY);
	enter(setup, DFUCAST_BLE_STEP_UNSUBSCRIBE, now);
}

void dfucast_ble_setup_secure(struct dfucast_ble_setup *setup, bool needed, uint32_t now)
{
	DFUCAST_ASSERT(setup->step == DFUCAST_BLE_STEP_READY);
	setup->flags = (uint8_t)(needed ? setup->flags & ~OPTIONAL : setup->flags | OPTIONAL);
	enter(setup, DFUCAST_BLE_STEP_SECURE, now);
}

void dfucast_ble_setup_leave(struct dfucast_ble_setup *setup, uint32_t now)
{
	bool on =
	    has(setup, SUBSCRIBED) || (setup->step == DFUCAST_BLE_STEP_SUBSCRIBE && has(setup, WAITING));

	setup->flags |= LEAVING;
	/* A write that is under way keeps the stack busy until it is answered: this one is started after it. */
	enter(setup, on ? DFUCAST_BLE_STEP_UNSUBSCRIBE : DFUCAST_BLE_STEP_LEFT, now);
}

enum dfucast_ble_step dfucast_ble_setup_wants(const struct dfucast_ble_setup *setup)
{
	return has(setup, WAITING) || is_over(setup) ? DFUCAST_BLE_STEP_NONE
						     : (enum dfucast_ble_step)setup->step;
}

bool dfucast_ble_setup_is_subscribed(const struct dfucast_ble_setup *setup)
{
	return has(setup, SUBSCRIBED);
}

bool dfucast_ble_setup_is_secured(const struct dfucast_ble_setup *setup)
{
	return has(setup, SECURED);
}

bool dfucast_ble_setup_pairs(const struct dfucast_ble_setup *setup)
{
	return setup->step == DFUCAST_BLE_STEP_SECURE && has(setup, WAITING);
}

/* ---- how steps end ---- */

static void secured(struct dfucast_ble_setup *setup, bool success, uint32_t now)
{
	if (success)
		setup->flags |= SECURED;
	if (setup->step != DFUCAST_BLE_STEP_SECURE)
		return;
	if (!success && !has(setup, OPTIONAL))
		fail(setup, DFUCAST_ERR_NEEDS_PAIRING, now);
	else if (has(setup, SUBSCRIBED))
		enter(setup, DFUCAST_BLE_STEP_READY, now);
	else if (setup->ccc != 0)
		enter(setup, DFUCAST_BLE_STEP_SUBSCRIBE, now);
	else
		advance(setup, now);
}

static bool wants_security(uint16_t status)
{
	return status == ATT_INSUFFICIENT_AUTHENTICATION || status == ATT_INSUFFICIENT_AUTHORIZATION ||
	       status == ATT_INSUFFICIENT_KEY_SIZE || status == ATT_INSUFFICIENT_ENCRYPTION;
}

static void written(struct dfucast_ble_setup *setup, uint16_t status, uint32_t now)
{
	if (setup->step == DFUCAST_BLE_STEP_UNSUBSCRIBE) {
		setup->flags = (uint8_t)(setup->flags & ~SUBSCRIBED);
		enter(setup, has(setup, LEAVING) ? DFUCAST_BLE_STEP_LEFT : DFUCAST_BLE_STEP_SUBSCRIBE, now);
	} else if (setup->step != DFUCAST_BLE_STEP_SUBSCRIBE) {
		return;
	} else if (status == 0) {
		setup->flags |= SUBSCRIBED;
		enter(setup, DFUCAST_BLE_STEP_READY, now);
	} else if (wants_security(status) && !has(setup, SECURED)) {
		enter(setup, DFUCAST_BLE_STEP_SECURE, now);
	} else {
		fail(setup, wants_security(status) ? DFUCAST_ERR_NEEDS_PAIRING : DFUCAST_ERR_NO_SERVICE, now);
	}
}

/* ---- discovery ---- */

static void found(struct dfucast_ble_setup *setup, const struct dfucast_ble_event *event)
{
	if (event->kind == DFUCAST_BLE_FOUND_SERVICE && setup->step == DFUCAST_BLE_STEP_SERVICE) {
		if (!has(setup, FOUND) && event->found.first <= event->found.last) {
			setup->first = event->found.first;
			setup->last = event->found.last;
			setup->flags |= FOUND;
		}
	} else if (event->kind == DFUCAST_BLE_FOUND_CHARACTERISTIC &&
		   setup->step == DFUCAST_BLE_STEP_CHARACTERISTIC) {
		if (event->found.last < setup->first || event->found.last > setup->last) {
			return; /* not in the range asked for: it would send us round for ever */
		}
		if (has(setup, FOUND) && !has(setup, BOUNDED)) {
			setup->last = (uint16_t)(event->found.first - 1u); /* ours ends before this one */
			setup->flags |= BOUNDED;
		} else if (event->found.wanted && !has(setup, FOUND)) {
			setup->value = event->found.last;
			setup->flags |= FOUND;
		}
		if (!has(setup, BOUNDED))
			setup->first = (uint16_t)(event->found.last + 1u);
	} else if (event->kind == DFUCAST_BLE_FOUND_DESCRIPTOR && setup->step == DFUCAST_BLE_STEP_CCC &&
		   event->found.last >= setup->first && event->found.last <= setup->last) {
		if (event->found.wanted && setup->ccc == 0) {
			setup->ccc = event->found.last;
			setup->flags |= FOUND;
		}
		setup->first = (uint16_t)(event->found.last + 1u);
	}
}

/* A declaration and a value need two attributes: with one left, there is no further characteristic. */
static bool all_seen(const struct dfucast_ble_setup *setup, bool complete)
{
	if (complete || setup->first > setup->last || setup->first == 0)
		return true;
	if (setup->step == DFUCAST_BLE_STEP_CHARACTERISTIC)
		return has(setup, FOUND) && (has(setup, BOUNDED) || setup->first == setup->last);
	return has(setup, FOUND) || setup->step == DFUCAST_BLE_STEP_SERVICE;
}

static void discovered(struct dfucast_ble_setup *setup, bool complete, uint32_t now)
{
	if (!all_seen(setup, complete) && ++setup->rounds < ROUNDS_MAX) {
		setup->flags = (uint8_t)(setup->flags & ~WAITING); /* the next answer, from `first` on */
		return;
	}
	if (!has(setup, FOUND)) {
		fail(setup, DFUCAST_ERR_NO_SERVICE, now);
		return;
	}
	if (setup->step == DFUCAST_BLE_STEP_CHARACTERISTIC) {
		if (setup->value >= setup->last) {
			fail(setup, DFUCAST_ERR_NO_SERVICE, now); /* it cannot notify */
			return;
		}
		setup->first = (uint16_t)(setup->value + 1u);
	}
	advance(setup, now);
}

/* ---- what comes in ---- */

/* The present step came to its end without an answer of use. */
static void unanswered(struct dfucast_ble_setup *setup, enum dfucast_err err, uint32_t now)
{
	if (is_radio_step(setup->step))
		advance(setup, now);
	else if (has(setup, LEAVING))
		enter(setup, DFUCAST_BLE_STEP_LEFT, now);
	else if (setup->step == DFUCAST_BLE_STEP_SECURE)
		secured(setup, false, now);
	else
		fail(setup, err, now);
}

/* The present step is done, as its answer says it: 0, or complete. */
static void succeed(struct dfucast_ble_setup *setup, uint32_t now)
{
	switch (setup->step) {
	case DFUCAST_BLE_STEP_SECURE:
		secured(setup, true, now);
		break;
	case DFUCAST_BLE_STEP_SERVICE:
	case DFUCAST_BLE_STEP_CHARACTERISTIC:
	case DFUCAST_BLE_STEP_CCC:
		discovered(setup, true, now);
		break;
	case DFUCAST_BLE_STEP_UNSUBSCRIBE:
	case DFUCAST_BLE_STEP_SUBSCRIBE:
		written(setup, 0, now);
		break;
	default:
		advance(setup, now);
		break;
	}
}

void dfucast_ble_setup_started(struct dfucast_ble_setup *setup, enum dfucast_ble_result result, uint32_t now)
{
	if (dfucast_ble_setup_wants(setup) == DFUCAST_BLE_STEP_NONE)
		return;
	switch (result) {
	case DFUCAST_BLE_STARTED:
	case DFUCAST_BLE_GONE:
		setup->flags |= WAITING;
		if (setup->step == DFUCAST_BLE_STEP_SECURE)
			setup->deadline_ms = now + SECURE_STEP_MS; /* its turn has come */
		break;
	case DFUCAST_BLE_DONE:
		succeed(setup, now);
		break;
	case DFUCAST_BLE_REFUSED:
		if (setup->step == DFUCAST_BLE_STEP_MTU)
			advance(setup, now);
		else
			unanswered(setup, DFUCAST_ERR_NO_SERVICE, now);
		break;
	case DFUCAST_BLE_BUSY:
		break;
	}
}

void dfucast_ble_setup_event(struct dfucast_ble_setup *setup, const struct dfucast_ble_event *event,
			     uint32_t now)
{
	bool waiting = has(setup, WAITING);

	switch (event->kind) {
	case DFUCAST_BLE_PHY_CHANGED:
		if (waiting && setup->step == DFUCAST_BLE_STEP_PHY)
			advance(setup, now);
		break;
	case DFUCAST_BLE_DATA_LENGTH_CHANGED:
		if (waiting && setup->step == DFUCAST_BLE_STEP_DATA_LENGTH)
			advance(setup, now);
		break;
	case DFUCAST_BLE_MTU_CHANGED:
		setup->mtu = event->number > MTU_MIN ? event->number : MTU_MIN;
		if (waiting && setup->step == DFUCAST_BLE_STEP_MTU)
			advance(setup, now);
		break;
	case DFUCAST_BLE_SECURED:
		secured(setup, event->number == 0, now);
		break;
	case DFUCAST_BLE_DISCOVERED:
		if (waiting && setup->step >= DFUCAST_BLE_STEP_SERVICE && setup->step <= DFUCAST_BLE_STEP_CCC)
			discovered(setup, event->number != 0, now);
		break;
	case DFUCAST_BLE_WRITTEN:
		if (waiting)
			written(setup, event->number, now);
		break;
	case DFUCAST_BLE_DEAF:
		if (!is_over(setup))
			unanswered(setup, DFUCAST_ERR_SILENT, now);
		break;
	default:
		found(setup, event);
		break;
	}
}

bool dfucast_ble_setup_deadline(const struct dfucast_ble_setup *setup, uint32_t *deadline)
{
	*deadline = setup->deadline_ms;
	return !is_over(setup) && setup->step != DFUCAST_BLE_STEP_NONE;
}

void dfucast_ble_setup_tick(struct dfucast_ble_setup *setup, uint32_t now)
{
	uint32_t deadline;

	if (dfucast_ble_setup_deadline(setup, &deadline) && (int32_t)(now - deadline) >= 0)
		unanswered(setup, DFUCAST_ERR_SILENT, now);
}
