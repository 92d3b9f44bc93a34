/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast gateway`: this machine is the gateway. An SMP server on the link to the host; what the host uploads goes to
 * every device behind it.
 */
#include "gateway.h"
#include "sim/run/fleet.h"
#include <dfucast/update.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum key {
	KEY_HOST = 0x600,
	KEY_RADIO,
	KEY_TO,
	KEY_MODE,
	KEY_CANARY,
	KEY_MAX_FAILED,
	KEY_GATHER,
	KEY_RELEASE,
	KEY_RING,
	KEY_LINKS,
	KEY_BUF_SIZE,
	KEY_FORWARD_ONLY,
	KEY_MIXED,
	KEY_SPEED,
	KEY_ALLOW_DOWNGRADE,
	KEY_ALLOW_NO_REVERT,
	KEY_SLOT,
	KEY_BOOTLOADER,
	KEY_ERASE_SETTINGS,
	KEY_ONCE,
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "Links", 1},
    {"host", KEY_HOST, "LINK", 0,
     "Where the host is: pty (a new pseudo terminal, its name is printed), serial:/dev/ttyS0?baud=921600, "
     "udp:127.0.0.1:1337 or tcp:127.0.0.1:1337 to listen on",
     1},
    {"radio", KEY_RADIO, "RADIO", 0,
     "What the devices are on: links (the TARGETs, default) or sim:N?KEY=VALUE&... (virtual devices)", 1},
    {"to", KEY_TO, "TARGET", 0, "A device behind the gateway; repeat it for more, or give @FILE", 1},
    {0, 0, 0, 0, "What a host updates that brings no plan of its own", 2},
    {"mode", KEY_MODE, "MODE", 0,
     "test-confirm (default), test, confirm or upload, as for \"dfucast update\"", 2},
    {"canary", KEY_CANARY, "K", 0, "Bring K devices to the end before the others are activated (1)", 2},
    {"max-failed", KEY_MAX_FAILED, "F", 0, "After F failed activations nobody else is activated (1)", 2},
    {"gather", KEY_GATHER, "SECONDS", 0, "Start the stream so long after the first device is ready (10)", 2},
    {"allow-downgrade", KEY_ALLOW_DOWNGRADE, 0, 0, "Also devices that run a higher version", 2},
    {"allow-no-revert", KEY_ALLOW_NO_REVERT, 0, 0, "Also devices whose bootloader has no way back", 2},
    {"slot", KEY_SLOT, "N", 0, "Slot that images are linked for (0 or 1), for direct-XIP bootloaders", 2},
    {"bootloader", KEY_BOOTLOADER, "MODE", 0,
     "Bootloaders' mode where devices do not tell: " UPDATE_BOOTLOADERS, 2},
    {"erase-settings", KEY_ERASE_SETTINGS, 0, 0,
     "Erase each device's settings and bonds before the new image starts", 2},
    {0, 0, 0, 0, "As a small gateway has it", 3},
    {"ring", KEY_RING, "BYTES", 0, "Image window in memory (65536)", 3},
    {"links", KEY_LINKS, "N", 0,
     "Links open at the same time; the rest wait their turn (20 on a radio, else all)", 3},
    {"buf-size", KEY_BUF_SIZE, "BYTES", 0, "Longest frame taken from the host (2048)", 3},
    {"forward-only", KEY_FORWARD_ONLY, 0, 0,
     "The host does not follow the offsets it is answered: hold answers, never ask for bytes twice", 3},
    {"mixed", KEY_MIXED, 0, 0,
     "As a gateway that has an image of its own: image 0 is that (this machine has none, so it is refused), "
     "image 1 "
     "the fleet's",
     3},
    {"speed", KEY_SPEED, "N", 0, "Virtual devices only: their time goes N times as fast as the clock (1)", 3},
    {"release", KEY_RELEASE, "SECONDS", 0,
     "Give the links back after so long without a byte of the image (300)", 3},
    {"once", KEY_ONCE, 0, 0,
     "End when every device of one update has ended and the host is silent, with its exit code", 3},
    {0, 0, 0, 0, "Common", 8},
    {0},
};

static const char doc[] =
    "Makes this machine a gateway: an SMP server on LINK whose image is the whole fleet's. Any SMP tool that "
    "uploads to it "
    "(smpmgr, mcumgr-toolkit, \"dfucast update --via\", a host microcontroller) updates every device behind "
    "it, from one pass "
    "of the image."
    "\v"
    "Examples:\n"
    "  dfucast gateway --host pty --radio sim:8\n"
    "  dfucast gateway --host udp:127.0.0.1:1337 --to serial:/dev/ttyACM0\n"
    "\n"
    "What a host sees is in docs/gateway-protocol.md. Ctrl-C ends it: devices stay as they are, and are "
    "named.";

#define LINGER_MS 3000u

static void add_target(struct gateway_options *gateway, const char *text, struct argp_state *state)
{
	const char **more = realloc(gateway->to, (gateway->to_count + 1) * sizeof(*more));

	if (more == NULL) {
		argp_failure(state, CLI_EXIT_USAGE, 0, "out of memory");
		return;
	}
	gateway->to = more;
	gateway->to[gateway->to_count++] = text;
}

static long number(struct argp_state *state, const char *name, const char *text, long low, long high)
{
	long value = low;

	if (!cli_number_parse(text, low, high, &value)) {
		argp_error(state, "--%s takes a whole number from %ld to %ld, not \"%s\"", name, low, high,
			   text);
	}
	return value;
}

static uint32_t seconds(struct argp_state *state, const char *name, const char *text)
{
	uint32_t ms = 0;

	if (!cli_seconds_parse(text, &ms)) {
		argp_error(state, "--%s takes seconds, as 0.5 or 60, not \"%s\"", name, text);
	}
	return ms;
}

static enum dfucast_update_mode mode(struct argp_state *state, const char *text)
{
	static const char *const names[] = {"test-confirm", "test", "confirm", "upload"};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			return (enum dfucast_update_mode)i;
		}
	}
	argp_error(state, "--mode takes test-confirm, test, confirm or upload, not \"%s\"", text);
	return DFUCAST_MODE_TEST_CONFIRM;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct gateway_options *gateway = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &gateway->common;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is one word too many: write --to %s for a device", argument,
			   argument);
		break;
	case ARGP_KEY_END:
		if (gateway->host == NULL) {
			argp_error(
			    state,
			    "where is the host? Write --host pty, --host serial:/dev/… or --host udp:…");
		}
		if (gateway->to_count > 0 && gateway->radio != NULL &&
		    strncmp(gateway->radio, "sim:", 4) == 0) {
			argp_error(state, "--radio %s has devices of its own: leave out --to",
				   gateway->radio);
		}
		if (gateway->to_count == 0 && gateway->radio == NULL) {
			argp_error(state,
				   "which devices? Write --to TARGET, or --radio sim:8 for virtual ones");
		}
		break;
	case KEY_HOST:
		gateway->host = argument;
		break;
	case KEY_RADIO:
		gateway->radio = strcmp(argument, "links") == 0 ? NULL : argument;
		break;
	case KEY_TO:
		add_target(gateway, argument, state);
		break;
	case KEY_MODE:
		gateway->mode = mode(state, argument);
		break;
	case KEY_CANARY:
		gateway->canary = number(state, "canary", argument, 0, 65535);
		break;
	case KEY_MAX_FAILED:
		gateway->max_failed = number(state, "max-failed", argument, 1, 65535);
		break;
	case KEY_GATHER:
		gateway->gather_ms = seconds(state, "gather", argument);
		break;
	case KEY_RELEASE:
		gateway->release_ms = seconds(state, "release", argument);
		break;
	case KEY_RING:
		gateway->ring_bytes = (uint32_t)number(state, "ring", argument, 4096, 1 << 30);
		break;
	case KEY_LINKS:
		gateway->links = number(state, "links", argument, 1, DFUCAST_CAST_TARGETS_MAX);
		break;
	case KEY_BUF_SIZE:
		gateway->buf_size = number(state, "buf-size", argument, 256, 8192);
		break;
	case KEY_FORWARD_ONLY:
		gateway->forward_only = true;
		break;
	case KEY_SPEED:
		gateway->speed = number(state, "speed", argument, 1, 100);
		break;
	case KEY_MIXED:
		gateway->mixed = true;
		break;
	case KEY_ALLOW_DOWNGRADE:
		gateway->allow_downgrade = true;
		break;
	case KEY_SLOT:
		gateway->slot = number(state, "slot", argument, 0, 1);
		break;
	case KEY_BOOTLOADER:
		if (!update_bootloader_read(argument, &gateway->boot_mode)) {
			argp_error(state, "--bootloader is " UPDATE_BOOTLOADERS ", not \"%s\"", argument);
		}
		break;
	case KEY_ERASE_SETTINGS:
		gateway->erase_settings = true;
		break;
	case KEY_ALLOW_NO_REVERT:
		gateway->allow_no_revert = true;
		break;
	case KEY_ONCE:
		gateway->once = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- the port's side ---- */

static const char *name_of(const struct gateway_job *job, const struct dfucast_gateway_target *target)
{
	size_t index = (size_t)(target->address[0] | target->address[1] << 8);

	return job->targets.items[index].text;
}

static size_t name(void *context, const struct dfucast_gateway_target *target, char *text, size_t capacity)
{
	const char *from = name_of(context, target);
	size_t length = strlen(from) < capacity ? strlen(from) : capacity;

	memcpy(text, from, length);
	return length;
}

/* By its text, its label, or its number among the gateway's devices. */
static bool resolve(void *context, const struct dfucast_smp_fleet_target *wanted,
		    struct dfucast_gateway_target *target)
{
	const struct gateway_job *job = context;
	char text[DFUCAST_LINUX_TEXT_BYTES];
	long index = -1;

	/* No link here can use a passkey: better no such target than one that is reached without. */
	if (wanted->id.length == 0 || wanted->id.length >= sizeof(text) ||
	    wanted->passkey != DFUCAST_SMP_FLEET_NO_PASSKEY) {
		return false;
	}
	memcpy(text, wanted->id.text, wanted->id.length);
	text[wanted->id.length] = '\0';
	for (size_t i = 0; i < job->targets.count; i++) {
		if (strcmp(job->targets.items[i].text, text) == 0 ||
		    (job->targets.items[i].label[0] != '\0' &&
		     strcmp(job->targets.items[i].label, text) == 0)) {
			index = (long)i;
		}
	}
	if (index < 0 && !cli_number_parse(text, 0, (long)job->targets.count - 1, &index)) {
		return false;
	}
	target->address[0] = (uint8_t)index;
	target->address[1] = (uint8_t)(index >> 8);
	return true;
}

static bool seen(void *context, uint32_t index, struct dfucast_smp_fleet_seen *device)
{
	const struct gateway_job *job = context;

	if (index >= job->targets.count) {
		return false;
	}
	*device = (struct dfucast_smp_fleet_seen){
	    .id = {job->targets.items[index].text, strlen(job->targets.items[index].text)},
	    .name = {job->targets.items[index].label, strlen(job->targets.items[index].label)},
	};
	return true;
}

/* ---- what is told ---- */

uint32_t gateway_now(const struct gateway_job *job)
{
	return job->fleet != NULL ? (uint32_t)(sim_fleet_now(job->fleet) / SIM_NS_PER_MS)
				  : (uint32_t)uv_now(&job->cli.loop);
}

static void tell_target(const struct gateway_job *job, const struct dfucast_smp_fleet_event *event)
{
	const struct dfucast_gateway_target *target =
	    dfucast_gateway_target(&job->gateway, (uint16_t)event->target);
	const char *state = dfucast_state_name((enum dfucast_state)event->value);
	struct dfucast_status status;

	dfucast_cast_status(&job->gateway.cast, (uint16_t)event->target, &status);
	const char *error =
	    dfucast_state_is_final((enum dfucast_state)status.state) && status.outcome.err != 0
		? dfucast_err_name(status.outcome.err)
		: NULL;

	if (job->cli.out.json) {
		cJSON *object = output_begin(&job->cli.out, "target", name_of(job, target));

		cJSON_AddStringToObject(object, "state", state);
		if (error != NULL) {
			cJSON_AddStringToObject(object, "error", error);
		}
		output_end(object);
		return;
	}
	printf("%8.1f s  %s: %s%s%s\n", output_ms(&job->cli.out) / 1000.0, name_of(job, target), state,
	       error != NULL ? ", " : "", error != NULL ? error : "");
}

static void tell_cast(const struct gateway_job *job, const struct dfucast_smp_fleet_event *event)
{
	static const char *const words[] = {
	    [DFUCAST_GATEWAY_EVENT_PLAN] = "plan",          [DFUCAST_GATEWAY_EVENT_OPENED] = "image",
	    [DFUCAST_GATEWAY_EVENT_REWIND] = "rewind",      [DFUCAST_GATEWAY_EVENT_VERIFIED] = "verified",
	    [DFUCAST_GATEWAY_EVENT_ACTIVATED] = "activate", [DFUCAST_GATEWAY_EVENT_PAUSED] = "pause",
	    [DFUCAST_GATEWAY_EVENT_RESUMED] = "resume",     [DFUCAST_GATEWAY_EVENT_STOPPED] = "stop",
	    [DFUCAST_GATEWAY_EVENT_OVER] = "over",
	};
	const char *word = words[event->what];

	if (job->cli.out.json) {
		cJSON *object = output_begin(&job->cli.out, "gateway", NULL);

		cJSON_AddStringToObject(object, "what", word);
		cJSON_AddNumberToObject(object, "value", event->value);
		output_end(object);
		return;
	}
	printf("%8.1f s  %s", output_ms(&job->cli.out) / 1000.0, word);
	if (event->what == DFUCAST_GATEWAY_EVENT_STOPPED) {
		printf(": %s\n", dfucast_err_name(event->value));
	} else if (event->what == DFUCAST_GATEWAY_EVENT_OVER) {
		printf(": %d of %u done, %u bytes taken from the host, %u beside, %u passes\n",
		       (int)event->value, job->gateway.target_count, (unsigned)job->gateway.host_bytes,
		       (unsigned)job->gateway.host_dropped_bytes, job->gateway.cast.passes);
	} else {
		printf(" %d\n", (int)event->value);
	}
}

static void finish(struct gateway_job *job)
{
	if (job->finished) {
		return;
	}
	job->finished = true;
	uv_close((uv_handle_t *)&job->linger, NULL);
	dfucast_linux_host_close(job->host);
	job->host = NULL;
	if (job->fleet != NULL) {
		gateway_sim_close(job);
	} else {
		gateway_links_close(job);
	}
}

/* --once: the host has had time to read the reports. */
static void linger_over(uv_timer_t *timer)
{
	finish(timer->data);
}

void gateway_changed(struct gateway_job *job)
{
	bool over = false;

	while (job->told < job->gateway.event_number) {
		const struct dfucast_smp_fleet_event *event = &job->log[++job->told % GATEWAY_LOG_LINES];

		if (event->number != job->told) {
			continue; /* overwritten already */
		}
		if (event->what == DFUCAST_GATEWAY_EVENT_STATE) {
			tell_target(job, event);
		} else {
			tell_cast(job, event);
		}
		over |= event->what == DFUCAST_GATEWAY_EVENT_OVER;
	}
	fflush(stdout);
	if (job->host != NULL) {
		dfucast_linux_host_pump(job->host);
	}
	if (over && job->options.once) {
		uv_timer_start(&job->linger, linger_over, LINGER_MS, 0);
	}
}

static void host_frame(void *context, const uint8_t *frame, size_t length)
{
	struct gateway_job *job = context;

	if (job->finished) {
		return;
	}
	job->host_said[0] = '\0';
	if (uv_is_active((uv_handle_t *)&job->linger)) {
		uv_timer_start(&job->linger, linger_over, LINGER_MS, 0);
	}
	if (job->fleet != NULL) {
		gateway_sim_advance(job);
	}
	cli_log(&job->cli, 2, "host: request of %zu bytes", length);
	dfucast_gateway_recv(&job->gateway, frame, length, gateway_now(job));
	if (job->fleet != NULL) {
		gateway_sim_serve(job);
	} else {
		gateway_links_serve(job);
	}
}

static void host_told(void *context, const char *what)
{
	struct gateway_job *job = context;

	if (strcmp(job->host_said, what) == 0) {
		return; /* the same every second, as long as an adapter is unplugged */
	}
	snprintf(job->host_said, sizeof(job->host_said), "%s", what);
	if (!job->cli.out.json) {
		fprintf(stderr, "dfucast gateway: host link: %s\n", what);
	}
	cli_log(&job->cli, 1, "host link: %s", what);
}

static void interrupted(void *context)
{
	struct gateway_job *job = context;

	bool open = job->gateway.state == DFUCAST_SMP_FLEET_OPEN;

	if (job->finished) {
		return;
	}
	dfucast_cast_stop(&job->gateway.cast, DFUCAST_ERR_ABORTED, gateway_now(job));
	dfucast_gateway_run(&job->gateway, gateway_now(job));
	job->cli.interrupted = true;
	gateway_changed(job);
	if (open) {
		gateway_left(job);
	}
	finish(job);
}

/* ---- life ---- */

/* Another number, also when it was started twice in a second. */
static uint32_t new_boot_id(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint32_t)now.tv_sec * 1000u + (uint32_t)(now.tv_nsec / 1000000) + (uint32_t)getpid() * 65537u;
}

static void make_config(struct gateway_job *job)
{
	const struct gateway_options *wanted = &job->options;
	struct dfucast_gateway_config *config = &job->config;
	bool radio = wanted->radio != NULL;
	uint16_t count = (uint16_t)job->targets.count;

	config->cast.count = count;
	config->cast.device_bytes = sizeof(struct dfucast_update);
	config->cast.ring_bytes = wanted->ring_bytes;
	config->cast.links_max = (uint16_t)wanted->links;
	if (wanted->links == 0) {
		config->cast.links_max = radio && count > SIM_FLEET_LINKS_MAX ? SIM_FLEET_LINKS_MAX : count;
	}
	config->cast.canary = (uint16_t)wanted->canary;
	config->cast.max_failed = (uint16_t)wanted->max_failed;
	config->cast.gather_ms = wanted->gather_ms;
	config->plan.mode = (uint8_t)wanted->mode;
	config->plan.allow_downgrade = wanted->allow_downgrade;
	config->plan.allow_no_revert = wanted->allow_no_revert;
	config->plan.slot = (uint8_t)(wanted->slot + 1);
	config->plan.boot_mode = (uint8_t)(wanted->boot_mode + 1);
	config->plan.erase_settings = wanted->erase_settings;
	config->default_count = count;
	config->forward_only = wanted->forward_only;
	config->mixed = wanted->mixed;
	config->release_ms = wanted->release_ms;
	job->port =
	    (struct dfucast_gateway_port){.context = job, .resolve = resolve, .name = name, .seen = seen};
	config->port = &job->port;
	dfucast_linux_sha256_init(&config->file, &job->hashes[0]);
	dfucast_linux_sha256_init(&config->content, &job->hashes[1]);
	config->sums = job->sums;
	config->sum_count = GATEWAY_SUMS;
	config->answer = job->answer;
	config->answer_bytes = (uint16_t)wanted->buf_size;
	config->buf_size = (uint16_t)wanted->buf_size;
	config->relay = job->relay;
	config->relay_bytes = sizeof(job->relay);
	config->boot_id = new_boot_id();
	config->version = DFUCAST_VERSION;
	config->log = job->log;
	config->log_count = GATEWAY_LOG_LINES;
}

static int load_targets(struct gateway_job *job)
{
	int code = CLI_EXIT_OK;

	if (job->options.radio != NULL && strncmp(job->options.radio, "sim:", 4) == 0) {
		return gateway_sim_targets(job);
	}
	if (job->options.radio != NULL) {
		bool bluez = strcmp(job->options.radio, "bluez") == 0;

		code =
		    output_usage(&job->cli.out,
				 bluez ? "This version drives no Bluetooth LE radio yet." : "No such radio.",
				 "Write --radio links with --to TARGET, or --radio sim:8.");
		return bluez ? CLI_EXIT_RADIO : code;
	}
	for (size_t i = 0; i < job->options.to_count && code == CLI_EXIT_OK; i++) {
		code = cli_targets_add(&job->targets, job->options.to[i], &job->cli.out);
	}
	return code;
}

static int open_host(struct gateway_job *job)
{
	const struct dfucast_linux_host_events events = {
	    .context = job, .frame = host_frame, .told = host_told};
	const struct dfucast_frame_source source = dfucast_gateway_frame_source(&job->gateway);
	char why[300];

	job->host =
	    dfucast_linux_host_open(&job->cli.loop, job->options.host, &events, &source, why, sizeof(why));
	if (job->host == NULL) {
		struct dfucast_linux_target target;
		char wrong[300];
		int code =
		    output_usage(&job->cli.out, why,
				 "Write --host pty, --host serial:/dev/ttyS0 or --host udp:127.0.0.1:1337.");

		/* well written, but not to be had */
		return strcmp(job->options.host, "pty") == 0 ||
			       dfucast_linux_target_parse(&target, job->options.host, wrong, sizeof(wrong)) ==
				   DFUCAST_LINUX_PARSE_OK
			   ? CLI_EXIT_RADIO
			   : code;
	}
	if (job->cli.out.json) {
		output_end(output_begin(&job->cli.out, "serving", dfucast_linux_host_name(job->host)));
	} else {
		printf("%s\n", dfucast_linux_host_name(job->host));
		fflush(stdout);
	}
	return CLI_EXIT_OK;
}

/* After --once: did every device get there? */
static int verdict(const struct gateway_job *job)
{
	for (uint16_t i = 0; i < job->gateway.target_count; i++) {
		struct dfucast_status status;

		dfucast_cast_status(&job->gateway.cast, i, &status);
		if (status.state != DFUCAST_STATE_DONE) {
			return CLI_EXIT_TARGET;
		}
	}
	return CLI_EXIT_OK;
}

static int run(struct gateway_job *job)
{
	int code;

	make_config(job);
	dfucast_gateway_init(&job->gateway, &job->config);
	code = open_host(job);
	if (code != CLI_EXIT_OK) {
		return code;
	}
	job->config.host_baud = dfucast_linux_host_baud(job->host);
	job->gateway.config.host_baud = job->config.host_baud;
	code = job->options.radio != NULL ? gateway_sim_start(job) : gateway_links_start(job);
	if (code != CLI_EXIT_OK) {
		dfucast_linux_host_close(job->host);
		return code;
	}
	job->cli.on_interrupt = interrupted;
	job->cli.on_interrupt_context = job;
	uv_timer_init(&job->cli.loop, &job->linger);
	job->linger.data = job;
	uv_run(&job->cli.loop, UV_RUN_DEFAULT);
	return verdict(job);
}

int cmd_gateway(int argc, char **argv)
{
	static struct gateway_job job;
	const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 8}, {0}};
	const struct argp argp = {
	    .options = options, .parser = parse, .args_doc = "--host LINK", .doc = doc, .children = children};
	int code;

	memset(&job, 0, sizeof(job));
	job.options.ring_bytes = 65536;
	job.options.buf_size = 2048;
	job.options.canary = 1;
	job.options.slot = -1;
	job.options.boot_mode = -1;
	job.options.speed = 1;
	job.options.max_failed = 1;
	job.options.gather_ms = 10000;
	cli_parse(&argp, argc, argv, &job.options);
	code = cli_open(&job.cli, "dfucast gateway", &job.options.common);
	if (code != CLI_EXIT_OK) {
		free(job.options.to);
		return code;
	}
	code = load_targets(&job);
	if (code == CLI_EXIT_OK && job.options.ring_bytes < 2u * (uint32_t)job.options.buf_size + 1u) {
		code = output_usage(&job.cli.out, "The ring must hold more than two of the host's frames.",
				    "Give a larger --ring, or a smaller --buf-size.");
	}
	if (code == CLI_EXIT_OK && !gateway_memory(&job)) {
		code = output_usage(&job.cli.out, "Not enough memory.",
				    "Give a smaller --ring, or fewer targets.");
	}
	if (code == CLI_EXIT_OK) {
		code = run(&job);
	}
	code = cli_close(&job.cli, code);
	gateway_memory_free(&job);
	return code;
}
