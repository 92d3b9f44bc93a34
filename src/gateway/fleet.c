/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's group: what SMP has no words for. docs/gateway-protocol.md.
 */
#include "gateway_internal.h"

#define NAME_BYTES_MAX 64u

static const struct gateway_refusal no_target = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_NO_TARGET,
						 DFUCAST_SMP_RC_NO_ENTRY};
static const struct gateway_refusal bad_plan = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_BAD_PLAN,
						DFUCAST_SMP_RC_INVALID};
static const struct gateway_refusal wrong_state = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_STATE,
						   DFUCAST_SMP_RC_BAD_STATE};
static const struct gateway_refusal too_costly = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_HOST_BYTES,
						  DFUCAST_SMP_RC_ACCESS_DENIED};
static const struct gateway_refusal bad_image = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_IMAGE,
						 DFUCAST_SMP_RC_CORRUPT};

/* ---- capabilities, plan ---- */

static void capabilities(struct dfucast_gateway *gateway)
{
	const char *version = gateway->config.version != NULL ? gateway->config.version : "";
	uint32_t links = dfucast_gateway_links(gateway);
	const struct dfucast_smp_fleet_capabilities said = {
	    .version = {version, strlen(version)},
	    .hash = gateway->plan.hash_bytes != 0 ? gateway->hash : NULL,
	    .hash_bytes = gateway->plan.hash_bytes,
	    .protocol = DFUCAST_SMP_FLEET_PROTOCOL,
	    .boot_id = gateway->config.boot_id,
	    .links = links,
	    .links_free = links > gateway->cast.links_open ? links - gateway->cast.links_open : 0,
	    .ring_bytes = gateway->config.cast.ring_bytes,
	    .targets = gateway->target_count,
	    .targets_max = gateway->config.cast.count,
	    .state = gateway->state,
	    .forward_only = gateway->config.forward_only,
	};

	dfucast_gateway_answer(gateway, dfucast_smp_fleet_capabilities_answer(gateway->config.answer,
									      gateway->config.answer_bytes,
									      &gateway->request, &said));
}

static bool take_image(struct dfucast_gateway *gateway, const struct dfucast_smp_fleet_plan *plan)
{
	if ((plan->hash != NULL && plan->hash_bytes != 32 && plan->hash_bytes != 48 &&
	     plan->hash_bytes != 64) ||
	    (plan->sha != NULL && plan->sha_bytes != 32) || plan->board.length > sizeof(gateway->board) ||
	    (plan->header != NULL &&
	     (plan->header_bytes != DFUCAST_IMAGE_HEADER_BYTES || plan->image_bytes == 0))) {
		return false;
	}
	gateway->plan.image_bytes = plan->image_bytes;
	gateway->plan.hash_bytes = (uint8_t)plan->hash_bytes;
	gateway->has_sha = plan->sha != NULL;
	gateway->plan_has_header = plan->header != NULL;
	gateway->plan_has_hash = plan->hash != NULL;
	gateway->plan_has_sha = gateway->has_sha;
	if (plan->hash != NULL) {
		memcpy(gateway->hash, plan->hash, plan->hash_bytes);
	}
	if (plan->board.length != 0) {
		memcpy(gateway->board, plan->board.text, plan->board.length);
		gateway->matches[0] = (struct dfucast_match){
		    .value = gateway->board,
		    .key = DFUCAST_MATCH_BOARD,
		    .flags = plan->board_must_be_told ? 0 : DFUCAST_MATCH_IF_TOLD,
		    .bytes = (uint8_t)plan->board.length,
		};
	}
	if (plan->sha != NULL) {
		memcpy(gateway->sha, plan->sha, sizeof(gateway->sha));
	}
	if (plan->header != NULL) {
		memcpy(gateway->header, plan->header, sizeof(gateway->header));
		return dfucast_gateway_read_header(gateway, gateway->header, plan->image_bytes);
	}
	return true;
}

/* A value of the plan; 0: it is not in the plan, and the default plan's stays. */
static uint16_t value_or(uint32_t value, uint16_t usual)
{
	return value != 0 ? (uint16_t)gateway_min(value, UINT16_MAX) : usual;
}

/* The values that are not zero replace those of the default plan. Permissions are only what the plan itself gives. */
static bool take_values(struct dfucast_gateway *gateway, const struct dfucast_smp_fleet_plan *plan)
{
	struct dfucast_update_plan *update = &gateway->plan;
	struct dfucast_cast_config *gates = &gateway->gates;

	if (plan->mode > DFUCAST_MODE_UPLOAD || (plan->flags & ~DFUCAST_SMP_FLEET_FLAGS_KNOWN) != 0) {
		return false;
	}
	update->mode = (uint8_t)plan->mode;
	gateway->plan_mode = update->mode;
	gateway->plan_flags = plan->flags;
	update->allow_downgrade = (plan->flags & DFUCAST_SMP_FLEET_ALLOW_DOWNGRADE) != 0;
	update->allow_no_revert = (plan->flags & DFUCAST_SMP_FLEET_ALLOW_NO_REVERT) != 0;
	update->replace_pending = (plan->flags & DFUCAST_SMP_FLEET_REPLACE_PENDING) != 0;
	update->no_reset = (plan->flags & DFUCAST_SMP_FLEET_NO_RESET) != 0;
	update->fresh = (plan->flags & DFUCAST_SMP_FLEET_FRESH) != 0;
	update->upgrade_only = (plan->flags & DFUCAST_SMP_FLEET_UPGRADE_ONLY) != 0;
	gateway->plan_upgrade_only = update->upgrade_only;
	update->erase_settings = (plan->flags & DFUCAST_SMP_FLEET_ERASE_SETTINGS) != 0;
	update->dry_run = (plan->flags & DFUCAST_SMP_FLEET_DRY_RUN) != 0;
	uint32_t slot = plan->flags >> DFUCAST_SMP_FLEET_SLOT_SHIFT & DFUCAST_SMP_FLEET_SLOT_MASK;
	uint32_t boot = plan->flags >> DFUCAST_SMP_FLEET_BOOT_SHIFT & DFUCAST_SMP_FLEET_BOOT_MASK;

	update->slot = slot != 0 ? (uint8_t)slot : update->slot;
	update->boot_mode = boot != 0 ? (uint8_t)boot : update->boot_mode;
	gateway->forward_only |= (plan->flags & DFUCAST_SMP_FLEET_FORWARD_ONLY) != 0;
	gateway->plan_commanded = (plan->flags & DFUCAST_SMP_FLEET_COMMANDED) != 0;
	update->wait_ms = plan->wait_ms != 0 ? plan->wait_ms : update->wait_ms;
	update->soak_ms = plan->soak_ms != 0 ? plan->soak_ms : update->soak_ms;
	update->slot_bytes = plan->slot_bytes != 0 ? plan->slot_bytes : update->slot_bytes;
	gates->barrier = value_or(plan->barrier, gates->barrier);
	gates->canary =
	    plan->canary == DFUCAST_SMP_FLEET_NO_CANARY ? 0 : value_or(plan->canary, gates->canary);
	gates->max_failed = value_or(plan->max_failed, gates->max_failed);
	gates->gather_ms = plan->gather_ms != 0 ? plan->gather_ms : gates->gather_ms;
	gates->passes_max = value_or(plan->passes_max, gates->passes_max);
	gateway->host_bytes_max = plan->host_bytes_max;
	return true;
}

uint32_t dfucast_gateway_passes(const struct dfucast_gateway *gateway)
{
	uint32_t links = dfucast_gateway_links(gateway);

	return (gateway->target_count + links - 1u) / links;
}

uint32_t dfucast_gateway_passes_max(const struct dfucast_gateway *gateway, uint32_t image_bytes)
{
	uint32_t most = gateway->gates.passes_max != 0 ? gateway->gates.passes_max : UINT16_MAX;

	return gateway->host_bytes_max != 0 && image_bytes != 0
		   ? gateway_min(most, gateway->host_bytes_max / image_bytes)
		   : most;
}

static struct dfucast_smp_fleet_prediction predict(const struct dfucast_gateway *gateway)
{
	uint32_t passes = dfucast_gateway_passes(gateway);
	uint64_t bytes = (uint64_t)passes * gateway->plan.image_bytes;

	return (struct dfucast_smp_fleet_prediction){
	    .targets = gateway->target_count,
	    .waves = passes,
	    .passes = passes,
	    .host_bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX,
	};
}

/* One device, two cursors: both would fight over its link. */
static bool is_there_already(const struct dfucast_gateway *gateway,
			     const struct dfucast_gateway_target *target)
{
	for (uint16_t i = 0; i < gateway->target_count; i++) {
		if (memcmp(gateway->config.targets[i].address, target->address, sizeof(target->address)) ==
		    0) {
			return true;
		}
	}
	return false;
}

/* @return NULL, or why a target is not taken */
static const struct gateway_refusal *take_targets(struct dfucast_gateway *gateway,
						  struct dfucast_smp_fleet_plan *plan)
{
	const struct dfucast_gateway_port *port = gateway->config.port;
	struct dfucast_smp_fleet_target wanted;
	int more;

	while ((more = dfucast_smp_fleet_target_next(plan, &wanted)) > 0) {
		struct dfucast_gateway_target *target = &gateway->config.targets[gateway->target_count];

		if (gateway->target_count == gateway->config.cast.count) {
			return &bad_plan;
		}
		memset(target, 0, sizeof(*target));
		if (wanted.match.length != 0) {
			return &bad_plan; /* not looked at yet: better refused than ignored */
		}
		if (port->resolve == NULL || !port->resolve(port->context, &wanted, target)) {
			return &no_target;
		}
		if (is_there_already(gateway, target)) {
			return &bad_plan;
		}
		gateway->target_count++;
	}
	return more < 0 ? &bad_plan : NULL;
}

/* While a cast runs: whether this is its plan once more, of a host that has lost its memory or did not hear the answer. */
static bool is_the_same_plan(struct dfucast_gateway *gateway, struct dfucast_smp_fleet_plan *plan)
{
	const struct dfucast_gateway_config *config = &gateway->config;
	struct dfucast_smp_fleet_target wanted;
	uint16_t at = 0;
	int more;

	if (plan->at != 0) {
		at = gateway->plan_again;
	} else if (plan->mode != gateway->plan_mode || plan->flags != gateway->plan_flags ||
		   plan->hash_bytes != gateway->plan.hash_bytes || plan->hash == NULL ||
		   memcmp(plan->hash, gateway->hash, plan->hash_bytes) != 0) {
		return false;
	} else if (plan->targets.length == 0) {
		for (; at < config->default_count && at < gateway->target_count; at++) {
			if (memcmp(config->targets[at].address, config->defaults[at].address,
				   sizeof(config->targets[at].address)) != 0) {
				return false;
			}
		}
	}
	if (!gateway->planned || (plan->at != 0 && plan->at != at)) {
		return false;
	}
	while ((more = dfucast_smp_fleet_target_next(plan, &wanted)) > 0) {
		struct dfucast_gateway_target target = {.rssi = 0};

		if (at == gateway->target_count || config->port->resolve == NULL ||
		    !config->port->resolve(config->port->context, &wanted, &target) ||
		    memcmp(target.address, config->targets[at].address, sizeof(target.address)) != 0) {
			return false;
		}
		at++;
	}
	gateway->plan_again = at;
	return more == 0;
}

static void answer_plan(struct dfucast_gateway *gateway,
			const struct dfucast_smp_fleet_prediction *prediction)
{
	dfucast_gateway_answer(gateway, dfucast_smp_fleet_plan_answer(gateway->config.answer,
								      gateway->config.answer_bytes,
								      &gateway->request, prediction));
}

static void plan(struct dfucast_gateway *gateway, const uint8_t *body, uint32_t now)
{
	const struct gateway_refusal *problem = NULL;
	struct dfucast_smp_fleet_plan said;

	if (dfucast_smp_fleet_plan_decode(body, gateway->request.length, &said) != 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_INVALID);
		return;
	}
	if (gateway->state == DFUCAST_SMP_FLEET_OPEN && is_the_same_plan(gateway, &said)) {
		struct dfucast_smp_fleet_prediction again = predict(gateway);

		again.targets = gateway->plan_again;
		if (gateway->cast.paused && gateway->plan_again == gateway->target_count) {
			dfucast_gateway_resume(gateway, now); /* it does not know that it had paused */
		}
		answer_plan(gateway, &again);
		return;
	}
	dfucast_gateway_relay_end(gateway);
	if (gateway->state == DFUCAST_SMP_FLEET_OPEN || gateway->cast.links_open > 0) {
		dfucast_gateway_refuse(gateway, wrong_state);
		return;
	}
	if (said.at == 0) {
		dfucast_gateway_forget(gateway);
		gateway->state = DFUCAST_SMP_FLEET_PLANNED;
		gateway->planned = true;
		if (said.targets.length != 0) {
			gateway->target_count = 0;
		}
		problem = !take_values(gateway, &said)  ? &bad_plan
			  : !take_image(gateway, &said) ? &bad_image
							: NULL;
	} else if (gateway->state != DFUCAST_SMP_FLEET_PLANNED || said.at != gateway->target_count) {
		dfucast_gateway_refuse(gateway, wrong_state);
		return;
	}
	if (problem == NULL) {
		problem = take_targets(gateway, &said);
	}
	const struct dfucast_smp_fleet_prediction prediction = predict(gateway);

	if (problem == NULL &&
	    prediction.passes > dfucast_gateway_passes_max(gateway, gateway->plan.image_bytes)) {
		problem = &too_costly;
	}
	if (problem != NULL) {
		dfucast_gateway_forget(gateway);
		dfucast_gateway_refuse(gateway, *problem);
		return;
	}
	gateway->opened_ms = now;
	dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_PLAN, UINT16_MAX, gateway->target_count, now);
	answer_plan(gateway, &prediction);
}

/* ---- commands ---- */

void dfucast_gateway_pause(struct dfucast_gateway *gateway, bool by_command, uint32_t now)
{
	gateway->auto_paused = !by_command;
	dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_PAUSED, UINT16_MAX, by_command, now);
	dfucast_cast_pause(&gateway->cast, now);
}

void dfucast_gateway_resume(struct dfucast_gateway *gateway, uint32_t now)
{
	dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_RESUMED, UINT16_MAX, 0, now);
	gateway->auto_paused = false;
	gateway->heard_ms = now;
	dfucast_cast_resume(&gateway->cast, now);
}

static void command(struct dfucast_gateway *gateway, uint32_t now)
{
	bool open = gateway->state == DFUCAST_SMP_FLEET_OPEN;

	switch (gateway->request.command) {
	case DFUCAST_SMP_FLEET_START:
		if (open && gateway->plan_again == gateway->target_count) {
			break; /* it has begun, as was wanted */
		}
		if (gateway->state != DFUCAST_SMP_FLEET_PLANNED || !dfucast_gateway_can_start(gateway) ||
		    !dfucast_gateway_start(gateway, now)) {
			dfucast_gateway_refuse(gateway, wrong_state);
			return;
		}
		break;
	case DFUCAST_SMP_FLEET_PAUSE:
	case DFUCAST_SMP_FLEET_RESUME:
	case DFUCAST_SMP_FLEET_ACTIVATE:
		if (!open) {
			dfucast_gateway_refuse(gateway, wrong_state);
			return;
		}
		if (gateway->request.command == DFUCAST_SMP_FLEET_PAUSE) {
			dfucast_gateway_pause(gateway, true, now);
		} else if (gateway->request.command == DFUCAST_SMP_FLEET_RESUME) {
			dfucast_gateway_resume(gateway, now);
		} else {
			dfucast_gateway_log(gateway, DFUCAST_GATEWAY_EVENT_ACTIVATED, UINT16_MAX, 0, now);
			dfucast_cast_activate(&gateway->cast, now);
		}
		break;
	default: /* ABORT */
		dfucast_gateway_stop(gateway, DFUCAST_ERR_ABORTED, now);
		if (gateway->state == DFUCAST_SMP_FLEET_PLANNED) {
			dfucast_gateway_relay_end(gateway);
			if (gateway->cast.links_open > 0) {
				dfucast_gateway_refuse(gateway, wrong_state); /* a relay's link: soon */
				return;
			}
			dfucast_gateway_forget(gateway);
		}
		break;
	}
	dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_OK);
}

/* ---- status ---- */

/* How long ago a number was given, in numbers given since; 0 is none of them, and longer ago than all. */
static uint32_t age_of(const struct dfucast_gateway *gateway, uint16_t number)
{
	return number != 0 ? (uint16_t)(gateway->stamp - number) : UINT16_MAX + 1u;
}

/* The changes since a number, oldest first: each turn the oldest of those that are younger than the last. */
static void add_changes(const struct dfucast_gateway *gateway, struct dfucast_smp_fleet_status *status,
			uint16_t since)
{
	for (;;) {
		int best = -1;

		for (uint16_t i = 0; i < gateway->target_count; i++) {
			uint32_t age = age_of(gateway, gateway->config.targets[i].changed);

			if (age < age_of(gateway, since) &&
			    (best < 0 || age > age_of(gateway, gateway->config.targets[best].changed))) {
				best = i;
			}
		}
		if (best < 0) {
			status->now = gateway->stamp;
			return;
		}
		if (status->count == DFUCAST_SMP_FLEET_CHANGES_MAX) {
			status->now = since;
			status->more = true;
			return;
		}
		since = gateway->config.targets[best].changed;
		status->changes[status->count].target = (uint16_t)best;
		status->changes[status->count].state = gateway->config.targets[best].told;
		status->count++;
	}
}

static void add_progress(const struct dfucast_gateway *gateway, struct dfucast_smp_fleet_status *status,
			 uint32_t now)
{
	status->low = gateway->image.length;
	for (uint16_t i = 0; i < gateway->target_count; i++) {
		struct dfucast_status device;

		dfucast_cast_status(&gateway->cast, i, &device);
		status->ended += dfucast_state_is_final((enum dfucast_state)device.state);
		status->waiting += device.state == DFUCAST_STATE_WAITING;
		if (device.state < DFUCAST_STATE_VERIFYING) {
			status->low = gateway_min(status->low, device.offset);
		}
		if (device.offset > status->high) {
			status->high = device.offset;
		}
	}
	if (status->low > 0 && status->low < gateway->image.length) {
		/* At the pace so far, set-up and erase included: too long at first, right in the end. */
		uint64_t left = gateway->image.length - status->low;

		status->eta_s = (uint32_t)(left * (now - gateway->opened_ms) / status->low / 1000u) + 1u;
	}
}

static void status(struct dfucast_gateway *gateway, uint32_t since, uint32_t now)
{
	struct dfucast_smp_fleet_status said = {.state = gateway->state};

	if (dfucast_gateway_has_cast(gateway)) {
		add_progress(gateway, &said, now);
		said.next = gateway->next;
		said.passes = gateway->cast.passes;
		said.host_bytes = gateway->host_bytes;
		said.host_dropped_bytes = gateway->host_dropped_bytes;
		add_changes(gateway, &said, (uint16_t)since);
	} else {
		said.now = since;
	}
	dfucast_gateway_answer(gateway, dfucast_smp_fleet_status_answer(gateway->config.answer,
									gateway->config.answer_bytes,
									&gateway->request, &said));
}

/* ---- pages ---- */

static void page_begin(const struct dfucast_gateway *gateway, struct dfucast_smp_page *page, const char *key)
{
	const struct dfucast_gateway_config *config = &gateway->config;

	dfucast_smp_fleet_page_begin(page, config->answer,
				     config->answer_bytes < DFUCAST_SMP_FLEET_PAGE_BYTES
					 ? config->answer_bytes
					 : DFUCAST_SMP_FLEET_PAGE_BYTES,
				     key);
}

static bool add_report(const struct dfucast_gateway *gateway, struct dfucast_smp_page *page, uint16_t index)
{
	const struct dfucast_gateway_port *port = gateway->config.port;
	const struct dfucast_gateway_target *target = &gateway->config.targets[index];
	char name[NAME_BYTES_MAX];
	char before[DFUCAST_VERSION_TEXT_BYTES];
	char after[DFUCAST_VERSION_TEXT_BYTES];
	struct dfucast_status device = {0};
	struct dfucast_smp_fleet_report report = {.target = index, .rssi = target->rssi};

	report.id = (struct dfucast_smp_text){name, port->name(port->context, target, name, sizeof(name))};
	if (dfucast_gateway_has_cast(gateway)) {
		dfucast_cast_status(&gateway->cast, index, &device);
		report.group = device.outcome.group;
		report.rc = device.outcome.rc;
		report.err =
		    dfucast_state_is_final((enum dfucast_state)device.state) ? device.outcome.err : 0;
		report.step = device.outcome.step;
	}
	report.state = device.state;
	report.holds = device.holds;
	report.attempts = device.attempts;
	report.window = device.window_peak;
	report.offset = device.offset;
	report.sent_bytes = device.sent_bytes;
	report.skipped_upload = device.skipped_upload;
	report.revert_unproven = device.revert_unproven;
	report.slot_unknown = device.slot_unknown;
	if (device.has_before) {
		report.before =
		    (struct dfucast_smp_text){before, dfucast_version_format(&device.before, before)};
	}
	if (device.has_after) {
		report.after = (struct dfucast_smp_text){after, dfucast_version_format(&device.after, after)};
	}
	return dfucast_smp_fleet_page_report(page, &report);
}

static void reports(struct dfucast_gateway *gateway, uint32_t from)
{
	struct dfucast_smp_page page;
	uint32_t index = from;

	page_begin(gateway, &page, "targets");
	while (index < gateway->target_count && add_report(gateway, &page, (uint16_t)index)) {
		index++;
	}
	/* One that fits into no page at all would be asked for without end. */
	bool stuck = index == from && index < gateway->target_count;

	dfucast_gateway_answer(gateway,
			       stuck ? DFUCAST_ERR_SPACE
				     : dfucast_smp_fleet_page_end(&page, &gateway->request,
								  index < gateway->target_count ? index : 0));
}

/* From a line's number on, oldest first; lines that are gone are passed over. */
static void lines(struct dfucast_gateway *gateway, uint32_t from)
{
	const struct dfucast_gateway_config *config = &gateway->config;
	struct dfucast_smp_page page;
	uint32_t oldest =
	    gateway->event_number >= config->log_count ? gateway->event_number - config->log_count + 1u : 1u;
	uint32_t number = from < oldest ? oldest : from;

	page_begin(gateway, &page, "events");
	while (config->log_count > 0 && number <= gateway->event_number &&
	       dfucast_smp_fleet_page_event(&page, &config->log[number % config->log_count])) {
		number++;
	}
	dfucast_gateway_answer(gateway,
			       dfucast_smp_fleet_page_end(
				   &page, &gateway->request,
				   config->log_count > 0 && number <= gateway->event_number ? number : 0));
}

static void scan(struct dfucast_gateway *gateway, uint32_t from)
{
	const struct dfucast_gateway_port *port = gateway->config.port;
	struct dfucast_smp_fleet_seen seen;
	struct dfucast_smp_page page;
	uint32_t index = from;
	bool more = true;

	if (port->seen == NULL) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_NOT_SUPPORTED);
		return;
	}
	page_begin(gateway, &page, "devices");
	while ((more = port->seen(port->context, index, &seen)) &&
	       dfucast_smp_fleet_page_seen(&page, &seen)) {
		index++;
	}
	dfucast_gateway_answer(gateway,
			       more && index == from
				   ? DFUCAST_ERR_SPACE
				   : dfucast_smp_fleet_page_end(&page, &gateway->request, more ? index : 0));
}

static void read_from(struct dfucast_gateway *gateway, const uint8_t *body, uint32_t now)
{
	uint32_t from;

	if (dfucast_smp_fleet_read_decode(body, gateway->request.length, &from) != 0) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_INVALID);
		return;
	}
	switch (gateway->request.command) {
	case DFUCAST_SMP_FLEET_STATUS:
		status(gateway, from, now);
		break;
	case DFUCAST_SMP_FLEET_REPORT:
		reports(gateway, from);
		break;
	case DFUCAST_SMP_FLEET_LOG:
		lines(gateway, from);
		break;
	default:
		scan(gateway, from);
		break;
	}
}

void dfucast_gateway_fleet(struct dfucast_gateway *gateway, const uint8_t *frame, size_t length, uint32_t now)
{
	const uint8_t *body = frame + DFUCAST_SMP_HEADER_BYTES;
	uint8_t wanted_op = DFUCAST_SMP_READ;

	(void)length;
	if ((gateway->request.command >= DFUCAST_SMP_FLEET_PLAN &&
	     gateway->request.command <= DFUCAST_SMP_FLEET_ABORT) ||
	    gateway->request.command == DFUCAST_SMP_FLEET_RELAY) {
		wanted_op = DFUCAST_SMP_WRITE;
	}
	if (gateway->request.command > DFUCAST_SMP_FLEET_RELAY || gateway->request.op != wanted_op) {
		dfucast_gateway_answer_rc(gateway, DFUCAST_SMP_RC_NOT_SUPPORTED);
		return;
	}
	switch (gateway->request.command) {
	case DFUCAST_SMP_FLEET_CAPABILITIES:
		capabilities(gateway);
		break;
	case DFUCAST_SMP_FLEET_PLAN:
		plan(gateway, body, now);
		break;
	case DFUCAST_SMP_FLEET_SCAN:
	case DFUCAST_SMP_FLEET_STATUS:
	case DFUCAST_SMP_FLEET_REPORT:
	case DFUCAST_SMP_FLEET_LOG:
		read_from(gateway, body, now);
		break;
	case DFUCAST_SMP_FLEET_RELAY:
		dfucast_gateway_relay(gateway, body, now);
		break;
	default:
		command(gateway, now);
		break;
	}
}
