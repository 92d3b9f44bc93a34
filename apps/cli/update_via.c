/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast update … --via GATEWAY`: the same job, done by a gateway. What runs here is the host's half of its link
 * (dfucast/host.h), as on a host microcontroller; image bytes are a file's.
 */
#include "update.h"
#include <dfucast/host.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_BYTES DFUCAST_LINUX_FRAME_BYTES_MAX
#define REOPEN_MS 1000u
#define UP_MS 15000u /* the gateway's link may take so long, at first and when it was lost */
#define POLL_MS 500u

struct update_via {
	struct update_job *job;
	struct dfucast_linux_target gateway;
	struct dfucast_linux_link *link;
	struct dfucast_frame_source source;
	struct dfucast_host host;
	struct dfucast_smp_fleet_plan plan;
	struct dfucast_smp_fleet_target *targets;
	struct dfucast_status *statuses;
	uv_timer_t timer;       /* the host's deadline */
	uv_timer_t reopen;      /* the link */
	uint64_t down_since_ms; /* 0: it is up */
	bool began;
	bool over;
	bool late; /* the deadline passed: that is why it was aborted */
	bool unreachable;
	bool serving;
	uint8_t frame[FRAME_BYTES];
	char why[200];
};

/* ---- before it begins ---- */

static int open_gateway(struct update_job *job, struct update_via *via)
{
	char why[400];

	switch (dfucast_linux_target_parse(&via->gateway, job->options.via, why, sizeof(why))) {
	case DFUCAST_LINUX_PARSE_OK:
		return CLI_EXIT_OK;
	case DFUCAST_LINUX_PARSE_LIST:
		cli_ports_print(stderr);
		break;
	default:
		break;
	}
	return output_usage(&job->cli.out, why, "Name the gateway's link, as --via serial:/dev/ttyACM0.");
}

int update_via_targets(struct update_job *job)
{
	struct update_via *via = calloc(1, sizeof(*via));
	char what[DFUCAST_LINUX_TEXT_BYTES + 80];
	int code;

	if (via == NULL) {
		return output_usage(&job->cli.out, "Not enough memory.", "Give fewer targets.");
	}
	job->via = via;
	via->job = job;
	if (job->options.unfit != NULL) {
		snprintf(what, sizeof(what), "--%s is the gateway's business.", job->options.unfit);
		return output_usage(&job->cli.out, what,
				    "Leave it out with --via, and set it where the gateway runs.");
	}
	if (job->more_count > 0) {
		return output_usage(&job->cli.out, "A gateway takes one image at a time.",
				    "Give the one for image 0 by itself, or update the devices directly.");
	}
	code = open_gateway(job, via);
	return code == CLI_EXIT_OK ? update_via_take(job, &via->gateway) : code;
}

/* ---- what the report sees ---- */

void update_via_status(const struct update_job *job, size_t index, struct dfucast_status *status)
{
	const struct update_via *via = job->via;

	*status = via->statuses[index];
	if (status->state == DFUCAST_STATE_UPLOADING) {
		status->offset = via->host.status.low; /* the slowest's: nobody has less */
	}
	if (via->late && status->outcome.err == DFUCAST_ERR_ABORTED) {
		status->outcome.err = DFUCAST_ERR_DEADLINE;
	}
}

uint32_t update_via_dropped(const struct update_job *job)
{
	return job->via->host.status.host_dropped_bytes;
}

static void changed(void *context, uint16_t target, enum dfucast_state state)
{
	struct update_via *via = context;

	/* How it ended is told with its report, which has the reasons. */
	if (target < via->job->targets.count && !dfucast_state_is_final(state)) {
		via->statuses[target].state = (uint8_t)state;
	}
}

static void reported(void *context, const struct dfucast_smp_fleet_report *report)
{
	struct update_via *via = context;

	if (report->target >= via->job->targets.count || report->state >= DFUCAST_STATE_COUNT ||
	    report->holds > DFUCAST_HOLDS_TORN) {
		return;
	}
	struct dfucast_status *status = &via->statuses[report->target];

	*status = (struct dfucast_status){
	    .state = (uint8_t)report->state,
	    .holds = (uint8_t)report->holds,
	    .attempts = (uint8_t)report->attempts,
	    .window_peak = (uint8_t)report->window,
	    .offset = report->offset,
	    .sent_bytes = report->sent_bytes,
	    .skipped_upload = report->skipped_upload,
	    .revert_unproven = report->revert_unproven,
	    .slot_unknown = report->slot_unknown,
	    .outcome = {.err = (int8_t)report->err,
			.step = (uint8_t)report->step,
			.group = (uint16_t)report->group,
			.rc = (uint16_t)report->rc,
			.offset = report->offset},
	};
	status->has_before =
	    dfucast_version_parse(&status->before, report->before.text, report->before.length);
	status->has_after = dfucast_version_parse(&status->after, report->after.text, report->after.length);
	output_text(via->job->told[report->target].board, sizeof(via->job->told[0].board), report->board.text,
		    report->board.length);
}

/* ---- the loop ---- */

static void finish(struct update_via *via)
{
	if (via->over) {
		return;
	}
	via->over = true;
	dfucast_linux_link_destroy(via->link);
	via->link = NULL;
	uv_close((uv_handle_t *)&via->timer, NULL);
	uv_close((uv_handle_t *)&via->reopen, NULL);
	uv_close((uv_handle_t *)&via->job->deadline, NULL);
	uv_close((uv_handle_t *)&via->job->redraw, NULL);
}

static uint32_t now_ms(const struct update_via *via)
{
	return (uint32_t)uv_now(&via->job->cli.loop);
}

static void serve(struct update_via *via);

static void on_timer(uv_timer_t *timer)
{
	serve(timer->data);
}

/* As far as the gateway's figures go, they stand where a fan-out of our own would have them. */
static void show(struct update_via *via)
{
	via->job->cast.passes = (uint16_t)via->host.status.passes;
	via->job->cast.accepted_bytes = via->host.status.host_bytes;
	update_report_changes(via->job);
}

static void serve(struct update_via *via)
{
	uint32_t deadline;
	uint32_t offset;
	uint32_t length;

	if (via->serving || via->over || !via->began) {
		return;
	}
	via->serving = true;
	dfucast_host_tick(&via->host, now_ms(via));
	while (dfucast_host_want(&via->host, &offset, &length)) {
		(void)dfucast_host_feed(&via->host, offset, via->job->file.memory + offset, length,
					now_ms(via));
	}
	if (via->link != NULL) {
		dfucast_linux_link_pump(via->link);
	}
	dfucast_host_tick(&via->host, now_ms(via)); /* what has gone out is waited for */
	via->serving = false;
	show(via);
	if (via->host.state >= DFUCAST_HOST_DONE) {
		finish(via);
	} else if (dfucast_host_deadline(&via->host, &deadline)) {
		int32_t left = (int32_t)(deadline - now_ms(via));

		uv_timer_start(&via->timer, on_timer, left > 0 ? (uint64_t)left : 0, 0);
	} else {
		uv_timer_start(&via->timer, on_timer, 20, 0); /* a frame is on its way out */
	}
}

static void on_up(void *context)
{
	struct update_via *via = context;

	via->down_since_ms = 0;
	if (!via->began) {
		via->began = true;
		dfucast_host_start(&via->host, now_ms(via));
	}
	serve(via);
}

static void on_reopen(uv_timer_t *timer)
{
	struct update_via *via = timer->data;

	if (via->link != NULL) {
		dfucast_linux_link_open(via->link);
	}
}

static void on_down(void *context, int err, const char *why)
{
	struct update_via *via = context;
	uint64_t now = uv_now(&via->job->cli.loop);
	bool lasting = err == DFUCAST_ERR_NO_PERMISSION || err == DFUCAST_ERR_PORT_BUSY ||
		       err == DFUCAST_ERR_NO_SUCH_PORT || err == DFUCAST_ERR_NAME_UNKNOWN;

	snprintf(via->why, sizeof(via->why), "%s", why);
	if (via->down_since_ms == 0) {
		via->down_since_ms = now;
	}
	if ((lasting && !via->began) || now - via->down_since_ms > UP_MS) {
		via->unreachable = true;
		finish(via);
		return;
	}
	uv_timer_start(&via->reopen, on_reopen, REOPEN_MS, 0);
}

static void on_frame(void *context, const uint8_t *frame, size_t length)
{
	struct update_via *via = context;

	if (via->began) {
		dfucast_host_recv(&via->host, frame, length, now_ms(via));
		serve(via);
	}
}

static void on_trace(void *context, bool outgoing, const uint8_t *frame, size_t length)
{
	struct update_via *via = context;

	trace_frame(&via->job->cli.trace, 0, outgoing, frame, length);
}

static void stop(struct update_via *via)
{
	if (via->over) {
		return;
	}
	if (!via->began) {
		finish(via);
		return;
	}
	dfucast_host_command(&via->host, DFUCAST_SMP_FLEET_ABORT, now_ms(via));
	serve(via);
}

static void interrupted(void *context)
{
	struct update_job *job = context;

	job->cli.interrupted = true;
	stop(job->via);
}

static void deadline_over(uv_timer_t *timer)
{
	struct update_job *job = timer->data;

	job->via->late = true;
	stop(job->via);
}

static void redraw(uv_timer_t *timer)
{
	update_report_draw(timer->data);
}

/* ---- the job ---- */

/* What every target has to fit. A board alone has a place that every gateway knows. */
static void add_match(struct update_via *via)
{
	const struct dfucast_match *lines = via->job->matches.lines;

	if (lines[0].key == DFUCAST_MATCH_BOARD && lines[1].key == DFUCAST_MATCH_END &&
	    (lines[0].flags & DFUCAST_MATCH_PREFIX) == 0 && lines[0].bytes <= DFUCAST_BOARD_BYTES_MAX) {
		via->plan.board = (struct dfucast_smp_text){lines[0].value, lines[0].bytes};
		via->plan.board_must_be_told = (lines[0].flags & DFUCAST_MATCH_IF_TOLD) == 0;
	} else if (lines[0].key != DFUCAST_MATCH_END) {
		via->plan.match = lines;
	}
}

static void make_plan(struct update_via *via)
{
	const struct update_job *job = via->job;
	const struct update_options *options = &job->options;
	const struct {
		bool given;
		uint32_t flag;
	} flags[] = {
	    {options->allow_downgrade, DFUCAST_SMP_FLEET_ALLOW_DOWNGRADE},
	    {options->allow_no_revert, DFUCAST_SMP_FLEET_ALLOW_NO_REVERT},
	    {options->replace_pending, DFUCAST_SMP_FLEET_REPLACE_PENDING},
	    {options->no_reset, DFUCAST_SMP_FLEET_NO_RESET},
	    {options->fresh, DFUCAST_SMP_FLEET_FRESH},
	    {options->upgrade_only, DFUCAST_SMP_FLEET_UPGRADE_ONLY},
	    {options->erase_settings, DFUCAST_SMP_FLEET_ERASE_SETTINGS},
	    {options->dry_run, DFUCAST_SMP_FLEET_DRY_RUN},
	};

	via->plan = (struct dfucast_smp_fleet_plan){
	    .mode = (uint32_t)options->mode,
	    .barrier = options->barrier < 0 ? (uint32_t)job->targets.count : (uint32_t)options->barrier,
	    .canary = options->canary < 0    ? 1u
		      : options->canary == 0 ? DFUCAST_SMP_FLEET_NO_CANARY
					     : (uint32_t)options->canary,
	    .max_failed = (uint32_t)options->max_failed,
	    .gather_ms = options->gather_ms != 0 ? options->gather_ms : 1u, /* 0: the gateway's own */
	    .wait_ms = options->wait_ms,
	    .soak_ms = options->soak_ms,
	    .slot_bytes = options->slot_bytes,
	    .image_bytes = job->image.length,
	    .header = job->header,
	    .header_bytes = sizeof(job->header),
	    .hash = job->image.hash,
	    .hash_bytes = job->image.hash_bytes,
	    .sha = job->sha,
	    .sha_bytes = sizeof(job->sha),
	};
	add_match(via);
	via->plan.flags = (uint32_t)(options->slot + 1) << DFUCAST_SMP_FLEET_SLOT_SHIFT |
			  (uint32_t)(options->boot_mode + 1) << DFUCAST_SMP_FLEET_BOOT_SHIFT;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		via->plan.flags |= flags[i].given ? flags[i].flag : 0;
	}
	for (size_t i = 0; i < job->targets.count; i++) {
		const struct dfucast_linux_target *target = &job->targets.items[i];
		const uint16_t match = job->match_of[i];

		via->targets[i] = (struct dfucast_smp_fleet_target){
		    .id = {target->text, strlen(target->text)},
		    .match = match != 0 ? job->matches.lines + match : NULL,
		    .passkey = target->passkey[0] != '\0' ? (uint32_t)strtoul(target->passkey, NULL, 10)
							  : DFUCAST_SMP_FLEET_NO_PASSKEY,
		};
	}
}

static void begin(struct update_via *via)
{
	struct update_job *job = via->job;
	const struct dfucast_host_config config = {
	    .plan = &via->plan,
	    .targets = via->targets,
	    .target_count = (uint16_t)job->targets.count,
	    .image = (uint8_t)job->options.image,
	    .frame = via->frame,
	    .frame_bytes = sizeof(via->frame),
	    .timeout_ms = job->options.common.timeout_ms,
	    .poll_ms = POLL_MS,
	    .context = via,
	    .changed = changed,
	    .report = reported,
	};
	const struct dfucast_linux_link_events events = {
	    .context = via, .up = on_up, .down = on_down, .frame = on_frame, .trace = on_trace};

	dfucast_host_init(&via->host, &config);
	via->source = dfucast_host_frame_source(&via->host);
	uv_timer_init(&job->cli.loop, &via->timer);
	uv_timer_init(&job->cli.loop, &via->reopen);
	uv_timer_init(&job->cli.loop, &job->deadline);
	uv_timer_init(&job->cli.loop, &job->redraw);
	via->timer.data = via;
	via->reopen.data = via;
	job->deadline.data = job;
	job->redraw.data = job;
	via->down_since_ms = uv_now(&job->cli.loop);
	if (job->options.deadline_ms != 0) {
		uv_timer_start(&job->deadline, deadline_over, job->options.deadline_ms, 0);
	}
	if (job->live) {
		uv_timer_start(&job->redraw, redraw, 0, 100);
	}
	job->cli.on_interrupt = interrupted;
	job->cli.on_interrupt_context = job;
	via->link = dfucast_linux_link_create(&job->cli.loop, &via->gateway, &events, &via->source);
	if (via->link != NULL) {
		dfucast_linux_link_open(via->link);
	} else {
		via->unreachable = true;
		finish(via);
	}
}

static int failure(struct update_via *via)
{
	struct update_job *job = via->job;
	struct dfucast_outcome outcome = dfucast_host_outcome(&via->host);
	struct failure failure = {.err = outcome.err, .group = outcome.group, .rc = outcome.rc};

	if (via->unreachable) {
		failure = (struct failure){.err = DFUCAST_ERR_UNREACHABLE, .group = DFUCAST_GROUP_NONE};
		snprintf(failure.why, sizeof(failure.why), "the gateway's link cannot be used: %s", via->why);
	} else if (outcome.err == DFUCAST_ERR_NOT_SUPPORTED && outcome.group == DFUCAST_SMP_GROUP_FLEET) {
		failure.group = DFUCAST_GROUP_NONE; /* nobody has said so: it was not asked */
		failure.rc = 0;
		snprintf(failure.why, sizeof(failure.why),
			 "this gateway's firmware is older than match lists: through it only one --match, "
			 "board=BOARD, is compared");
		(void)output_failure(&job->cli.out, job->options.via, &failure);
		return CLI_EXIT_TARGET;
	} else if (outcome.err == DFUCAST_ERR_SPACE) {
		snprintf(failure.why, sizeof(failure.why),
			 "the gateway's frames are too small for so much --match, or a target's match=");
		(void)output_failure(&job->cli.out, job->options.via, &failure);
		return CLI_EXIT_TARGET;
	} else if (outcome.err == DFUCAST_ERR_NOT_SUPPORTED) {
		snprintf(failure.why, sizeof(failure.why),
			 "this is an SMP server, but no gateway: it does not know the fleet's group");
	} else if (outcome.group == DFUCAST_SMP_GROUP_FLEET && outcome.rc == DFUCAST_SMP_FLEET_RC_STATE) {
		snprintf(failure.why, sizeof(failure.why),
			 "the gateway is at work on another plan: wait until it is over, or abort it");
	} else if (outcome.err == DFUCAST_ERR_UNREACHABLE) {
		snprintf(failure.why, sizeof(failure.why), "the gateway does not answer");
	}
	(void)output_failure(&job->cli.out, job->options.via, &failure);
	return outcome.err == DFUCAST_ERR_REFUSED ? CLI_EXIT_TARGET : CLI_EXIT_RADIO;
}

/* The gateway does not answer any more in the middle of an update: what became of the devices is not known here. */
static void end_unheard(struct update_via *via)
{
	struct update_job *job = via->job;
	bool any = false;

	for (size_t i = 0; i < job->targets.count; i++) {
		struct dfucast_status *status = &via->statuses[i];

		if (status->state == DFUCAST_STATE_IDLE ||
		    dfucast_state_is_final((enum dfucast_state)status->state)) {
			continue;
		}
		any = true;
		status->state = DFUCAST_STATE_FAILED;
		status->holds = DFUCAST_HOLDS_UNKNOWN;
		status->outcome.err = DFUCAST_ERR_LINK_LOST;
		snprintf(job->ways[i].why, sizeof(job->ways[i].why), "the gateway does not answer");
	}
	if (any && job->dry == NULL) {
		update_report_changes(job);
		(void)update_report_end(job);
	}
}

int update_via_run(struct update_job *job)
{
	struct update_via *via = job->via;

	via->targets = calloc(job->targets.count, sizeof(*via->targets));
	via->statuses = calloc(job->targets.count, sizeof(*via->statuses));
	if (job->options.dry_run) {
		job->dry = calloc(job->targets.count, sizeof(*job->dry));
	}
	if (via->targets == NULL || via->statuses == NULL || (job->options.dry_run && job->dry == NULL)) {
		return output_usage(&job->cli.out, "Not enough memory.", "Give fewer targets.");
	}
	make_plan(via);
	job->cast.config.canary =
	    (uint16_t)(via->plan.canary == DFUCAST_SMP_FLEET_NO_CANARY ? 0 : via->plan.canary);
	job->cast.config.barrier = (uint16_t)via->plan.barrier;
	job->watched = &job->cast;
	update_report_start(job);
	begin(via);
	uv_run(&job->cli.loop, UV_RUN_DEFAULT);
	if (job->cli.interrupted && !via->began) {
		return CLI_EXIT_INTERRUPTED;
	}
	if (!via->unreachable && via->host.state != DFUCAST_HOST_FAILED) {
		return CLI_EXIT_OK;
	}
	if (via->unreachable || dfucast_host_outcome(&via->host).err == DFUCAST_ERR_UNREACHABLE) {
		end_unheard(via);
	}
	return failure(via);
}

double update_via_wire_s(const struct update_job *job)
{
	const struct dfucast_linux_target *gateway = &job->via->gateway;
	double octets = gateway->framing == DFUCAST_FRAMING_CONSOLE ? 1.39 : 1.01;

	return gateway->scheme == DFUCAST_LINUX_SERIAL ? job->file.length * octets * 10.0 / gateway->baud : 0;
}

unsigned update_via_waves(const struct update_job *job)
{
	return job->via->host.prediction.waves > 0 ? job->via->host.prediction.waves : 1;
}

void update_via_free(struct update_job *job)
{
	if (job->via != NULL) {
		free(job->via->targets);
		free(job->via->statuses);
		free(job->via);
		job->via = NULL;
	}
}
