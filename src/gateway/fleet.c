/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's group: what SMP has no words for. docs/gateway-protocol.md.
 */
#include "gateway_internal.h"

#define NAME_BYTES_MAX 64u

static const struct gateway_refusal wrong_state = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_STATE,
						   DFUCAST_SMP_RC_BAD_STATE};

/* ---- capabilities ---- */

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
	    .match_bytes = gateway->match_bytes,
	    .forward_only = gateway->config.forward_only,
	};

	dfucast_gateway_answer(gateway, dfucast_smp_fleet_capabilities_answer(gateway->config.answer,
									      gateway->config.answer_bytes,
									      &gateway->request, &said));
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
	if (gateway->config.boards != NULL && dfucast_gateway_has_cast(gateway)) {
		const struct dfucast_gateway_board *board = &gateway->config.boards[index];

		report.board = (struct dfucast_smp_text){board->text, board->bytes};
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
		dfucast_gateway_plan(gateway, body, now);
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
