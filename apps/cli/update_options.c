/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `dfucast update`. */
#include "update.h"
#include <dfucast/smp_os.h>
#include <stdlib.h>
#include <string.h>

enum key {
	KEY_TO = 0x300,
	KEY_VIA,
	KEY_MATCH,
	KEY_MODE,
	KEY_CANARY,
	KEY_MAX_FAILED,
	KEY_BARRIER,
	KEY_SOAK,
	KEY_ALLOW_DOWNGRADE,
	KEY_UPGRADE_ONLY,
	KEY_REPLACE_PENDING,
	KEY_ALLOW_NO_REVERT,
	KEY_NO_RESET,
	KEY_FRESH,
	KEY_ERASE_SETTINGS,
	KEY_DRY_RUN,
	KEY_IMAGE,
	KEY_KEY,
	KEY_SLOT,
	KEY_SLOT_SIZE,
	KEY_BOOTLOADER,
	KEY_GATHER,
	KEY_WAIT,
	KEY_RETURN,
	KEY_DEADLINE,
	KEY_RETRIES,
	KEY_RING,
	KEY_LINKS,
	KEY_WINDOW,
	KEY_REPORT,
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "Targets", 1},
    {"to", KEY_TO, "TARGET", 0, "A device to update; repeat it for more, or give @FILE", 1},
    {"via", KEY_VIA, "GATEWAY", 0,
     "Have a gateway do it, at serial:, tcp: or udp:; TARGETs are then as it sees them, and none means its "
     "own",
     1},
    {"match", KEY_MATCH, "KEY=VALUE", 0,
     "Only devices that tell this of themselves, repeatable: board=BOARD, name=NAME (a * at the end stands "
     "for "
     "anything), running=RANGE (as \"<2.0.0\", \">=1.2.0,<2.0.0\", \"1.4.2\"), hash=HEX (of the image that "
     "runs, or "
     "its beginning). Different keys must all fit, of the same key one",
     1},
    {0, 0, 0, 0, "What is done", 2},
    {"mode", KEY_MODE, "MODE", 0,
     "test-confirm (default): test, reset, check, confirm. test: stop before confirm, the next reset "
     "reverts. "
     "confirm: permanent before the reset, no way back. upload: send and verify only",
     2},
    {"soak", KEY_SOAK, "SECONDS", 0, "Let the new image run so long before it is confirmed (0)", 2},
    {"no-reset", KEY_NO_RESET, 0, 0, "Mark the image, leave the reset to the device", 2},
    {"dry-run", KEY_DRY_RUN, 0, 0,
     "Only look: ask every device, change nothing, and tell what would be done and why, how many bytes and "
     "minutes",
     2},
    {"erase-settings", KEY_ERASE_SETTINGS, 0, 0,
     "Erase each device's settings and bonds before the new image starts; what cannot is not updated", 2},
    {"fresh", KEY_FRESH, 0, 0, "Ignore what devices hold already: erase and send everything", 2},
    {0, 0, 0, 0, "Safety", 3},
    {"canary", KEY_CANARY, "K", 0,
     "Bring K devices to the end before the others are activated (1 of several)", 3},
    {"max-failed", KEY_MAX_FAILED, "F", 0, "After F failed activations nobody else is activated (1)", 3},
    {"barrier", KEY_BARRIER, "K|all", 0, "Activate nobody before K devices, or all, hold the image verified",
     3},
    {"allow-downgrade", KEY_ALLOW_DOWNGRADE, 0, 0, "Send the image also to devices that run a higher version",
     3},
    {"upgrade-only", KEY_UPGRADE_ONLY, 0, 0,
     "Only to devices that run a lower version, and have them refuse the image too if it is not newer", 3},
    {"replace-pending", KEY_REPLACE_PENDING, 0, 0, "Overwrite another image that waits for the next reset",
     3},
    {"allow-no-revert", KEY_ALLOW_NO_REVERT, 0, 0,
     "Also devices whose bootloader cannot go back to the image that runs: a bad one may cost them", 3},
    {0, 0, 0, 0, "Image", 4},
    {"image", KEY_IMAGE, "N", 0,
     "Image number on the device (0); with --via, 1 where the gateway has an image of its own", 4},
    {"key", KEY_KEY, "PEM", 0,
     "Send the image only if it is signed with this key (ECDSA P-256, RSA-2048, RSA-3072)", 4},
    {"slot", KEY_SLOT, "N", 0,
     "Slot that the image is linked for (0 or 1), where the bootloader starts images from either: direct-XIP",
     4},
    {"bootloader", KEY_BOOTLOADER, "MODE", 0,
     "Bootloader's mode where the device does not tell: swap, overwrite, direct-xip, direct-xip-revert, "
     "ram-load, "
     "firmware-loader; single-slot also for a device in serial recovery",
     4},
    {"slot-size", KEY_SLOT_SIZE, "BYTES", 0, "Slot size, where the device does not tell it", 4},
    {0, 0, 0, 0, "Time and flow", 5},
    {"gather", KEY_GATHER, "SECONDS", 0, "Start the stream so long after the first device is ready (10)", 5},
    {"wait", KEY_WAIT, "SECONDS", 0, "A device may stay unreachable so long (20)", 5},
    {"return", KEY_RETURN, "SECONDS", 0,
     "A device may take so long from its reset to its first answer (60, and 0.25 per KiB of image)", 5},
    {"deadline", KEY_DEADLINE, "SECONDS", 0, "Stop everything after so long (none)", 5},
    {"retries", KEY_RETRIES, "N", 0, "Repeat an unanswered request so often (4)", 5},
    {"ring", KEY_RING, "BYTES", 0, "Image window in memory, as a small gateway has it (65536)", 5},
    {"links", KEY_LINKS, "N", 0, "Links open at the same time; the rest wait their turn (all)", 5},
    {"window", KEY_WINDOW, "N", 0, "Most upload requests in flight at one device, 1 to 4 (its buffers - 1)",
     5},
    {0, 0, 0, 0, "Output", 6},
    {"report", KEY_REPORT, "FILE.html", 0,
     "Write a page of the run: a timeline of each device, versions, rates, what was sent twice, errors", 6},
    {0, 0, 0, 0, "Common", 8},
    {0},
};

static const char doc[] =
    "Updates every TARGET with the signed MCUboot image IMAGE (or the one in a dfu_application.zip), all at "
    "the same time: upload, verify, test, reset, check, confirm. A device that fails costs the others "
    "nothing; one that holds a part of the image goes "
    "on "
    "there; one that runs it already is left alone."
    "\v"
    "Examples:\n"
    "  dfucast update app.signed.bin --to serial:/dev/ttyACM0\n"
    "  dfucast update app.signed.bin --to udp:192.0.2.10 --to udp:192.0.2.11\n"
    "  dfucast update app.signed.bin --to @fleet.txt --soak 60 --json\n"
    "  dfucast update app.signed.bin --via serial:/dev/ttyACM0   (its own fleet)\n"
    "  dfucast update app.signed.bin --to 'sim:8?loss=0.02'    (virtual devices)\n"
    "\n"
    "Exit code: 0 all targets are in the state asked for, 1 wrong usage, 2 bad image (nothing was sent), 3 "
    "one or "
    "more targets did not get there, 4 the gateway or the radio cannot be reached, 130 interrupted. Ctrl-C "
    "leaves every device bootable; the same command "
    "run "
    "again goes on where it stopped. --timeout is here the limit of one try of a short request (2).";

static long number(struct argp_state *state, const char *name, const char *text, long low, long high)
{
	long value;

	if (!cli_number_parse(text, low, high, &value)) {
		argp_error(state, "--%s takes a whole number from %ld to %ld, not \"%s\"", name, low, high,
			   text);
		return low;
	}
	return value;
}

static uint32_t seconds(struct argp_state *state, const char *name, const char *text)
{
	uint32_t ms;

	if (!cli_seconds_parse(text, &ms)) {
		argp_error(state, "--%s takes seconds up to 24 days, like 10 or 0.5, not \"%s\"", name, text);
		return 0;
	}
	return ms;
}

static const char *const mode_names[] = {
    [DFUCAST_MODE_TEST_CONFIRM] = "test-confirm",
    [DFUCAST_MODE_TEST] = "test",
    [DFUCAST_MODE_CONFIRM] = "confirm",
    [DFUCAST_MODE_UPLOAD] = "upload",
};

const char *update_mode_name(enum dfucast_update_mode mode)
{
	return mode_names[mode];
}

static void read_mode(struct argp_state *state, struct update_options *update, const char *text)
{
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++) {
		if (strcmp(text, mode_names[i]) == 0) {
			update->mode = (enum dfucast_update_mode)i;
			return;
		}
	}
	argp_error(state, "--mode is test-confirm, test, confirm or upload, not \"%s\"", text);
}

static const struct {
	const char *name;
	uint8_t mode; /* enum dfucast_boot_mode */
} bootloaders[] = {
    {"swap", DFUCAST_BOOT_SWAP_OFFSET},        {"overwrite", DFUCAST_BOOT_OVERWRITE},
    {"direct-xip", DFUCAST_BOOT_DIRECT_XIP},   {"direct-xip-revert", DFUCAST_BOOT_DIRECT_XIP_REVERT},
    {"ram-load", DFUCAST_BOOT_RAM_LOAD},       {"firmware-loader", DFUCAST_BOOT_FIRMWARE_LOADER},
    {"single-slot", DFUCAST_BOOT_SINGLE_SLOT},
};

bool update_bootloader_read(const char *text, int *mode)
{
	for (size_t i = 0; i < sizeof(bootloaders) / sizeof(bootloaders[0]); i++) {
		if (strcmp(text, bootloaders[i].name) == 0) {
			*mode = bootloaders[i].mode;
			return true;
		}
	}
	return false;
}

static void add_word(struct argp_state *state, const char ***words, size_t *count, const char *text)
{
	const char **more = realloc(*words, (*count + 1) * sizeof(*more));

	if (more == NULL) {
		argp_failure(state, CLI_EXIT_USAGE, 0, "no memory for the command line");
		return;
	}
	*words = more;
	more[(*count)++] = text;
}

static void add_match(struct argp_state *state, struct update_options *update, const char *text)
{
	struct update_match match;
	char why[200];

	if (!update_match_read(&match, text, why, sizeof(why))) {
		argp_error(state, "--match: %s", why);
	}
	add_word(state, &update->match, &update->match_count, text);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct update_options *update = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &update->common;
		break;
	case ARGP_KEY_ARG:
		if (update->image_path != NULL) {
			argp_error(state,
				   "one IMAGE at a time; \"%s\" is the second (targets go behind --to)",
				   argument);
		}
		update->image_path = argument;
		break;
	case ARGP_KEY_END:
		if (update->image_path == NULL) {
			argp_error(state, "no IMAGE given");
		}
		if (update->to_count == 0 && update->via == NULL) {
			argp_error(state,
				   "no target given: add --to TARGET, for example --to serial:/dev/ttyACM0");
		}
		break;
	case KEY_TO:
		add_word(state, &update->to, &update->to_count, argument);
		break;
	case KEY_VIA:
		update->via = argument;
		break;
	case KEY_MATCH:
		add_match(state, update, argument);
		break;
	case KEY_MODE:
		read_mode(state, update, argument);
		break;
	case KEY_CANARY:
		update->canary = number(state, "canary", argument, 0, DFUCAST_CAST_TARGETS_MAX);
		break;
	case KEY_MAX_FAILED:
		update->max_failed = number(state, "max-failed", argument, 1, DFUCAST_CAST_TARGETS_MAX);
		break;
	case KEY_BARRIER:
		update->barrier = strcmp(argument, "all") == 0
				      ? -1
				      : number(state, "barrier", argument, 0, DFUCAST_CAST_TARGETS_MAX);
		break;
	case KEY_SOAK:
		update->soak_ms = seconds(state, "soak", argument);
		break;
	case KEY_ALLOW_DOWNGRADE:
		update->allow_downgrade = true;
		break;
	case KEY_UPGRADE_ONLY:
		update->upgrade_only = true;
		break;
	case KEY_ALLOW_NO_REVERT:
		update->allow_no_revert = true;
		break;
	case KEY_REPLACE_PENDING:
		update->replace_pending = true;
		break;
	case KEY_NO_RESET:
		update->no_reset = true;
		break;
	case KEY_DRY_RUN:
		update->dry_run = true;
		break;
	case KEY_ERASE_SETTINGS:
		update->erase_settings = true;
		break;
	case KEY_FRESH:
		update->fresh = true;
		break;
	case KEY_KEY:
		update->key_path = argument;
		break;
	case KEY_IMAGE:
		update->image = number(state, "image", argument, 0, 2);
		break;
	case KEY_SLOT:
		update->slot = number(state, "slot", argument, 0, 1);
		break;
	case KEY_BOOTLOADER:
		if (!update_bootloader_read(argument, &update->boot_mode)) {
			argp_error(state, "--bootloader is " UPDATE_BOOTLOADERS ", not \"%s\"", argument);
		}
		break;
	case KEY_SLOT_SIZE:
		update->slot_bytes = (uint32_t)number(state, "slot-size", argument, 1, INT32_MAX);
		break;
	case KEY_GATHER:
		update->gather_ms = seconds(state, "gather", argument);
		break;
	case KEY_WAIT:
		update->wait_ms = seconds(state, "wait", argument);
		break;
	case KEY_RETURN:
		update->unfit = "return";
		update->return_ms = seconds(state, "return", argument);
		break;
	case KEY_DEADLINE:
		update->deadline_ms = seconds(state, "deadline", argument);
		break;
	case KEY_RETRIES:
		update->unfit = "retries";
		update->retries = number(state, "retries", argument, 1, 100);
		break;
	case KEY_RING:
		update->unfit = "ring";
		update->ring_bytes = (uint32_t)number(state, "ring", argument, 512, 1 << 30);
		break;
	case KEY_LINKS:
		update->unfit = "links";
		update->links = number(state, "links", argument, 1, DFUCAST_CAST_TARGETS_MAX);
		break;
	case KEY_WINDOW:
		update->unfit = "window";
		update->window = number(state, "window", argument, 1, DFUCAST_SMP_PENDING_MAX);
		break;
	case KEY_REPORT:
		update->report_path = argument;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

void update_options_parse(struct update_options *update, int argc, char **argv)
{
	const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 8}, {0}};
	const struct argp argp = {.options = options,
				  .parser = parse,
				  .args_doc = "IMAGE --to TARGET...",
				  .doc = doc,
				  .children = children};

	memset(update, 0, sizeof(*update));
	update->canary = -1;
	update->slot = -1;
	update->boot_mode = DFUCAST_BOOT_UNKNOWN;
	update->max_failed = 1;
	update->ring_bytes = 65536;
	update->gather_ms = 10000;
	cli_parse(&argp, argc, argv, update);
	update->word_count = argc;
	update->words = argv;
}

void update_options_free(struct update_options *update)
{
	free(update->to);
	free(update->match);
	update->match = NULL;
	update->to = NULL;
}
