/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OS and image groups: the fleet as one device, as far as a stock host needs it. docs/gateway-protocol.md says what
 * each request means where the link is mixed.
 */
#include "gateway_internal.h"

static const struct gateway_refusal unknown_hash = {DFUCAST_SMP_GROUP_IMG, 8, DFUCAST_SMP_RC_UNKNOWN};
static const struct gateway_refusal bad_slot = {DFUCAST_SMP_GROUP_IMG, 14, DFUCAST_SMP_RC_INVALID};

static struct dfucast_smp_text text_of(const char *text)
{
	return (struct dfucast_smp_text){text, strlen(text)};
}

/* ---- OS group ---- */

static void echo(struct dfucast_gateway *gateway, const uint8_t *body)
{
	struct dfucast_smp_text text;

	if (dfucast_smp_text_request_decode(body, gateway->request.length, "d", &text) != 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_INVALID);
		return;
	}
	dfucast_gateway_answer(gateway,
			       dfucast_smp_answer_text(gateway->config.answer, gateway->config.answer_bytes,
						       &gateway->request, "r", text));
}

/* The mode that says the least: there is a way back, as each target's own mode decides. */
static void bootloader(struct dfucast_gateway *gateway, const uint8_t *body)
{
	struct dfucast_smp_text query;
	int length;

	if (dfucast_smp_text_request_decode(body, gateway->request.length, "query", &query) != 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_INVALID);
		return;
	}
	if (query.length == 0) {
		length = dfucast_smp_answer_text(gateway->config.answer, gateway->config.answer_bytes,
						 &gateway->request, "bootloader", text_of("MCUboot"));
	} else {
		length =
		    dfucast_smp_answer_numbers(gateway->config.answer, gateway->config.answer_bytes,
					       &gateway->request, "mode", DFUCAST_BOOT_SWAP_SCRATCH, NULL, 0);
	}
	dfucast_gateway_answer(gateway, length);
}

/* The fleet's activation while a cast is open; otherwise the gateway's own reset. */
static void reset(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length, uint32_t now)
{
	const struct dfucast_gateway_port *port = gateway->config.port;

	if (gateway->state == DFUCAST_SMP_FLEET_OPEN) {
		if (!gateway->cast.image_verified) {
			/* An upload is under way: neither the fleet nor the gateway may be reset now. */
			dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_BUSY);
			return;
		}
		gateway->expects_reset = false;
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_OK);
		dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_ACTIVATED, UINT16_MAX, 0, now);
		dfucast_cast_activate(&gateway->cast, now);
		return;
	}
	if (gateway->state == DFUCAST_SMP_FLEET_OVER && gateway->expects_reset) {
		/* Asked to activate a cast in which everybody has ended already: there is nothing left to do, and
		 * taking the gateway down instead is not what was meant. */
		gateway->expects_reset = false;
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_OK);
		return;
	}
	if (port->reset != NULL) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_OK);
		gateway->reset_due = true;
	} else if (port->local_smp != NULL) {
		dfucast_gateway_local(gateway, frame, length);
	} else {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_NOT_SUPPORTED);
	}
}

void dfucast_gateway_os(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length, uint32_t now)
{
	const uint8_t *body = frame + DFUCAST_SMP_HEADER_BYTES;

	switch (gateway->request.command) {
	case DFUCAST_SMP_OS_ECHO:
		echo(gateway, body);
		break;
	case DFUCAST_SMP_OS_PARAMS:
		/* Two buffers: one request at a time, by the rule that a host keeps one free for the answer. */
		dfucast_gateway_answer(
		    gateway, dfucast_smp_answer_numbers(gateway->config.answer, gateway->config.answer_bytes,
							&gateway->request, "buf_size",
							gateway->config.buf_size, "buf_count", 2));
		break;
	case DFUCAST_SMP_OS_RESET:
		reset(gateway, frame, length, now);
		break;
	case DFUCAST_SMP_OS_BOOTLOADER:
		/* Where the fleet's image is all there is, its bootloader is the one that is meant. */
		if (!gateway->config.mixed || gateway->config.port->local_smp == NULL) {
			bootloader(gateway, body);
			break;
		}
		dfucast_gateway_local(gateway, frame, length);
		break;
	default:
		dfucast_gateway_local(gateway, frame, length);
		break;
	}
}

/* ---- image list ---- */

/* What holds for every target. */
struct view {
	bool known;     /* somebody has told what it runs */
	bool all_run;   /* the plan's image */
	bool confirmed; /* and stay with it */
	bool staged;    /* hold it, whole */
	struct dfucast_version lowest;
};

static struct view look(const struct dfucast_gateway *gateway)
{
	struct view view = {.all_run = gateway->target_count > 0, .confirmed = true, .staged = true};

	for (uint16_t i = 0; i < gateway->target_count && dfucast_gateway_has_cast(gateway); i++) {
		struct dfucast_status status;

		dfucast_cast_status(&gateway->cast, i, &status);
		view.all_run &= status.holds == DFUCAST_HOLDS_TRIAL || status.holds == DFUCAST_HOLDS_IMAGE;
		view.confirmed &= status.holds == DFUCAST_HOLDS_IMAGE;
		view.staged &= status.holds == DFUCAST_HOLDS_STAGED || status.holds == DFUCAST_HOLDS_PENDING;
		if (status.has_before &&
		    (!view.known || dfucast_version_compare(&status.before, &view.lowest, true) < 0)) {
			view.lowest = status.before;
			view.known = true;
		}
	}
	if (!dfucast_gateway_has_cast(gateway)) {
		view.all_run = false;
		view.staged = false;
	}
	return view;
}

static size_t fleet_slots(const struct dfucast_gateway *gateway, struct dfucast_smp_slot slots[2],
			  char text[2][DFUCAST_VERSION_TEXT_BYTES])
{
	const struct view view = look(gateway);
	uint8_t image = gateway->config.mixed ? 1 : 0;
	struct dfucast_smp_slot ours = {.hash = gateway->hash,
					.hash_bytes = gateway->plan.hash_bytes,
					.image = image,
					.flags = DFUCAST_SMP_SLOT_BOOTABLE};
	size_t count = 0;

	if (gateway->plan.hash_bytes != 0) {
		ours.version = (struct dfucast_smp_text){
		    text[1], dfucast_version_format(&gateway->image.version, text[1])};
	}
	if (view.all_run) {
		ours.flags |= DFUCAST_SMP_SLOT_ACTIVE;
		ours.flags |= view.confirmed ? DFUCAST_SMP_SLOT_CONFIRMED : 0;
		slots[count++] = ours;
		return count;
	}
	if (view.known) {
		/* What runs has no hash in common; its lowest version says how far the fleet is behind. */
		slots[count++] = (struct dfucast_smp_slot){
		    .version = {text[0], dfucast_version_format(&view.lowest, text[0])},
		    .image = image,
		    .flags = DFUCAST_SMP_SLOT_BOOTABLE | DFUCAST_SMP_SLOT_ACTIVE | DFUCAST_SMP_SLOT_CONFIRMED,
		};
	}
	if (view.staged) {
		ours.slot = 1;
		ours.flags |= gateway->marked ? DFUCAST_SMP_SLOT_PENDING : 0;
		ours.flags |= gateway->marked && gateway->plan.mode == DFUCAST_MODE_CONFIRM
				  ? DFUCAST_SMP_SLOT_PERMANENT
				  : 0;
		slots[count++] = ours;
	}
	return count;
}

/* The gateway's own entries stand first, as its own server lists them. */
static size_t own_slots(struct dfucast_gateway *gateway, struct dfucast_smp_image_list *list, size_t *room)
{
	const struct dfucast_gateway_port *port = gateway->config.port;
	uint8_t frame[DFUCAST_SMP_HEADER_BYTES + 1];
	struct dfucast_smp_error error;
	struct dfucast_smp_header header;

	if (!gateway->config.mixed || port->local_smp == NULL ||
	    dfucast_smp_image_list_encode(frame, sizeof(frame), (struct dfucast_smp_id){DFUCAST_SMP_V2, 0}) <
		0) {
		return 0;
	}
	/* Its answer is read where it stands, at the far end of the answer's memory; ours is then written from the front. */
	size_t answered = port->local_smp(port->context, frame, sizeof(frame), gateway->config.answer,
					  gateway->config.answer_bytes / 2u);

	if (answered < DFUCAST_SMP_HEADER_BYTES) {
		return 0;
	}
	DFUCAST_ASSERT(answered <= gateway->config.answer_bytes / 2u);
	*room = gateway->config.answer_bytes - answered;
	uint8_t *answer = gateway->config.answer + *room;

	memcpy(answer, gateway->config.answer, answered);
	dfucast_smp_header_decode(&header, answer);
	if (header.length > answered - DFUCAST_SMP_HEADER_BYTES ||
	    dfucast_smp_image_list_decode(answer + DFUCAST_SMP_HEADER_BYTES, header.length, &error, list) !=
		0 ||
	    error.rc != 0) {
		return 0;
	}
	return list->count;
}

static void list(struct dfucast_gateway *gateway)
{
	struct dfucast_smp_image_list own;
	struct dfucast_smp_slot slots[DFUCAST_SMP_IMG_SLOTS_MAX + 2];
	char text[2][DFUCAST_VERSION_TEXT_BYTES];
	size_t room = gateway->config.answer_bytes;
	size_t count = own_slots(gateway, &own, &room);

	memcpy(slots, own.slots, count * sizeof(slots[0]));
	count += fleet_slots(gateway, &slots[count], text);
	dfucast_gateway_answer(gateway, dfucast_smp_answer_images(gateway->config.answer, room,
								  &gateway->request, slots, count));
}

/* ---- set-state ---- */

static bool somebody_on_trial(const struct dfucast_gateway *gateway)
{
	bool on_trial = false;

	for (uint16_t i = 0; i < gateway->target_count; i++) {
		struct dfucast_status status;

		dfucast_cast_status(&gateway->cast, i, &status);
		on_trial |= status.holds == DFUCAST_HOLDS_TRIAL;
	}
	return on_trial;
}

/* A confirm without a hash: the fleet's as long as it has use for one; then that of the image the gateway itself runs. */
static bool is_own_confirm(const struct dfucast_gateway *gateway)
{
	return gateway->config.mixed && gateway->config.port->local_smp != NULL &&
	       gateway->state == DFUCAST_SMP_FLEET_OVER && !somebody_on_trial(gateway);
}

/* Targets that run the image on trial are confirmed; where that is under way anyhow, there is nothing to do. */
static void confirm(struct dfucast_gateway *gateway, uint32_t now)
{
	bool waits = gateway->state == DFUCAST_SMP_FLEET_OPEN &&
		     (gateway->plan.mode == DFUCAST_MODE_TEST || gateway->plan.mode == DFUCAST_MODE_UPLOAD);

	/* Where the others are still on their way to it, nobody will confirm those on trial: later. */
	if (somebody_on_trial(gateway) && (waits || (gateway->state == DFUCAST_SMP_FLEET_OVER &&
						     !dfucast_gateway_start_confirm(gateway, now)))) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_BUSY);
		return;
	}
	list(gateway);
}

static void set_state(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length, uint32_t now)
{
	struct dfucast_smp_set_request request;

	if (dfucast_smp_set_request_decode(frame + DFUCAST_SMP_HEADER_BYTES, gateway->request.length,
					   &request) != 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_INVALID);
		return;
	}
	bool ours = gateway->plan.hash_bytes != 0 && request.hash_bytes == gateway->plan.hash_bytes &&
		    memcmp(request.hash, gateway->hash, gateway->plan.hash_bytes) == 0;

	if (request.hash == NULL && request.confirm && is_own_confirm(gateway)) {
		dfucast_gateway_local(gateway, frame, length);
	} else if (request.hash == NULL && request.confirm && dfucast_gateway_has_cast(gateway)) {
		confirm(gateway, now);
	} else if (ours && dfucast_gateway_has_cast(gateway)) {
		gateway->marked = true;
		if (request.confirm && gateway->state == DFUCAST_SMP_FLEET_OPEN &&
		    gateway->cast.activated == 0) {
			gateway->plan.mode =
			    DFUCAST_MODE_CONFIRM; /* before the reset: the host wants no way back */
		} else if (request.confirm) {
			confirm(gateway, now);
			return;
		}
		list(gateway);
	} else if (gateway->config.port->local_smp != NULL) {
		dfucast_gateway_local(gateway, frame, length);
	} else {
		dfucast_gateway_refuse(gateway, unknown_hash);
	}
}

/* ---- erase, slots ---- */

/* The fleet's slot is erased by the next upload, on every target, before its first byte. */
static void erase(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length, uint32_t now)
{
	int first = gateway->config.mixed ? 2 : 0;
	int slot;

	if (dfucast_smp_erase_request_decode(frame + DFUCAST_SMP_HEADER_BYTES, gateway->request.length,
					     &slot) != 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_INVALID);
		return;
	}
	if (gateway->config.mixed && slot < first) {
		dfucast_gateway_local(gateway, frame, length);
		return;
	}
	if (slot >= 0 && slot != first + 1) {
		dfucast_gateway_refuse(gateway, bad_slot); /* what runs cannot be erased */
		return;
	}
	if (!dfucast_gateway_untouched(gateway)) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_BUSY);
		return;
	}
	dfucast_gateway_stop(gateway, DFUCAST_ERR_ABORTED, now);
	gateway->erase_due = true;
	dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_OK);
}

void dfucast_gateway_images(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length,
			    uint32_t now)
{
	bool reads = gateway->request.op == DFUCAST_SMP_READ;

	switch (gateway->request.command) {
	case DFUCAST_SMP_IMG_STATE:
		if (reads) {
			list(gateway);
		} else {
			set_state(gateway, frame, length, now);
		}
		return;
	case DFUCAST_SMP_IMG_UPLOAD:
		if (!reads) {
			dfucast_gateway_upload(gateway, frame, length, now);
			return;
		}
		break;
	case DFUCAST_SMP_IMG_ERASE:
		if (!reads) {
			erase(gateway, frame, length, now);
			return;
		}
		break;
	case DFUCAST_SMP_IMG_SLOTS:
		if (reads && !gateway->config.mixed) {
			dfucast_gateway_answer(gateway, dfucast_smp_answer_slots(gateway->config.answer,
										 gateway->config.answer_bytes,
										 &gateway->request,
										 gateway->plan.slot_bytes));
			return;
		}
		break;
	default:
		break;
	}
	dfucast_gateway_local(gateway, frame, length);
}
