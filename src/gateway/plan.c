/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: the one of a host that brings none, and one that a host brings, frame by frame. docs/gateway-protocol.md.
 */
#include "gateway_internal.h"

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
static const struct gateway_refusal no_room = {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_MATCH,
					       DFUCAST_SMP_RC_NO_MEMORY};

/* ---- the default plan ---- */

void dfucast_gateway_forget_upload(struct dfucast_gateway *gateway)
{
	if (!gateway->plan_has_hash) {
		gateway->plan.hash_bytes = 0;
	}
	if (!gateway->plan_has_header) {
		memset(gateway->header, 0, sizeof(gateway->header));
	}
	gateway->has_sha = gateway->plan_has_sha;
	gateway->plan.upgrade_only = gateway->plan_upgrade_only;
	gateway->tail_sum = 0;
	gateway->asks_again = false;
}

void dfucast_gateway_plan_default(struct dfucast_gateway *gateway)
{
	const struct dfucast_gateway_config *config = &gateway->config;

	for (uint16_t i = 0; i < config->default_count; i++) {
		config->targets[i] = config->defaults[i];
		config->targets[i].told = DFUCAST_STATE_IDLE;
		config->targets[i].match = 0;
	}
	gateway->target_count = config->default_count;
	gateway->plan = config->plan;
	gateway->gates = config->cast;
	gateway->forward_only = config->forward_only;
	gateway->planned = false;
	gateway->plan_commanded = true; /* SMP has a word for it: reset */
	gateway->plan.image_bytes = 0;
	gateway->host_bytes_max = 0;
	gateway->plan_has_header = false;
	gateway->plan_has_hash = false;
	gateway->plan_has_sha = false;
	gateway->plan_upgrade_only = config->plan.upgrade_only;
	gateway->marked = false;
	dfucast_gateway_match_clear(gateway);
	dfucast_gateway_forget_upload(gateway);
}

/* ---- a host's plan ---- */

static bool take_image(struct dfucast_gateway *gateway, const struct dfucast_smp_fleet_plan *plan)
{
	if ((plan->hash != NULL && plan->hash_bytes != 32 && plan->hash_bytes != 48 &&
	     plan->hash_bytes != 64) ||
	    (plan->sha != NULL && plan->sha_bytes != 32) || plan->board.length > DFUCAST_BOARD_BYTES_MAX ||
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

static const struct gateway_refusal *refusal(enum gateway_match match)
{
	return match == GATEWAY_MATCH_OK ? NULL : match == GATEWAY_MATCH_BAD ? &bad_plan : &no_room;
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
		if (port->resolve == NULL || !port->resolve(port->context, &wanted, target)) {
			return &no_target;
		}
		if (is_there_already(gateway, target)) {
			return &bad_plan;
		}
		const struct gateway_refusal *problem =
		    refusal(dfucast_gateway_match_take_own(gateway, wanted.matches, &target->match));

		if (problem != NULL) {
			return problem;
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
		   memcmp(plan->hash, gateway->hash, plan->hash_bytes) != 0 ||
		   !dfucast_gateway_match_is_plans(gateway, plan)) {
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
		    memcmp(target.address, config->targets[at].address, sizeof(target.address)) != 0 ||
		    !dfucast_gateway_match_is(gateway, config->targets[at].match, wanted.matches)) {
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

void dfucast_gateway_plan(struct dfucast_gateway *gateway, const uint8_t *body, uint32_t now)
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
							: refusal(dfucast_gateway_match_take(gateway, &said));
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
