/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast demo`: `dfucast update` on eight virtual devices with an image made for it. Nothing to plug in: what is shown
 * is the real core and the real command; radio, flash, bootloader and server are the simulator's.
 */
#define _GNU_SOURCE 1
#include "cli.h"
#include "sim/peer/peer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEMO_IMAGE_BYTES (256u * 1024u)
#define DEMO_WORDS_MAX 32

struct demo {
	struct cli_common common;
	long count;
	const char *keys; /* of the sim: target */
	const char *report;
	const char *canary;
};

enum key {
	KEY_COUNT = 0x400,
	KEY_SIM,
	KEY_REPORT,
	KEY_CANARY,
};

static char folder[] = "/tmp/dfucast-demo-XXXXXX";
static char image_path[sizeof(folder) + 32];

static void clean_up(void)
{
	(void)unlink(image_path);
	(void)rmdir(folder);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct demo *demo = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &demo->common;
		break;
	case KEY_COUNT:
		if (!cli_number_parse(argument, 1, 4096, &demo->count)) {
			argp_error(state, "--count takes a whole number from 1 to 4096, not \"%s\"",
				   argument);
		}
		break;
	case KEY_SIM:
		demo->keys = argument;
		break;
	case KEY_REPORT:
		demo->report = argument;
		break;
	case KEY_CANARY:
		demo->canary = argument;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static bool make_image(void)
{
	static const uint8_t version[4] = {2, 0, 0, 0};
	static uint8_t bytes[DEMO_IMAGE_BYTES];
	FILE *to;
	bool ok;

	if (mkdtemp(folder) == NULL) {
		return false;
	}
	(void)atexit(clean_up); /* wrong usage ends the process inside update */
	(void)snprintf(image_path, sizeof(image_path), "%s/sensor-2.0.0.signed.bin", folder);
	sim_peer_image_make(bytes, sizeof(bytes), version, 2);
	to = fopen(image_path, "wb");
	if (to == NULL) {
		return false;
	}
	ok = fwrite(bytes, 1, sizeof(bytes), to) == sizeof(bytes);
	return fclose(to) == 0 && ok;
}

int cmd_demo(int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"count", KEY_COUNT, "N", 0, "Virtual devices (8)", 1},
	    {"sim", KEY_SIM, "KEY=VALUE&...", 0, "Options of the simulator, as behind sim:N?", 1},
	    {"canary", KEY_CANARY, "K", 0, "As in \"dfucast update\"", 1},
	    {"report", KEY_REPORT, "FILE.html", 0, "As in \"dfucast update\"", 1},
	    {0},
	};
	static const char doc[] =
	    "Updates eight virtual nRF52840s around one simulated radio with a made image of 256 KiB: "
	    "nothing "
	    "to plug in. The core and the command are the real ones; time is virtual, and shown five "
	    "times as fast on a terminal."
	    "\v"
	    "Examples:\n"
	    "  dfucast demo\n"
	    "  dfucast demo --sim 'never_returns=0'    the canary never comes back\n"
	    "  dfucast demo --sim 'loss=0.05&drops=3'    a bad radio\n"
	    "  dfucast demo --count 100                  more devices than links: waves";
	const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 2}, {0}};
	const struct argp argp = {.options = options, .parser = parse, .doc = doc, .children = children};
	struct demo demo = {.count = 8};
	char target[DFUCAST_LINUX_TEXT_BYTES];
	char *words[DEMO_WORDS_MAX] = {"dfucast update", image_path, "--to", target};
	int count = 4;

	cli_parse(&argp, argc, argv, &demo);
	if (!make_image()) {
		struct output out;

		output_init(&out, "dfucast demo", demo.common.json);
		return output_usage(&out, "The demo's image could not be written to /tmp.", strerror(errno));
	}
	(void)snprintf(target, sizeof(target), "sim:%ld%s%s", demo.count, demo.keys != NULL ? "?" : "",
		       demo.keys != NULL ? demo.keys : "");
	if (demo.common.json) {
		words[count++] = "--json";
	} else {
		printf("$ dfucast update sensor-2.0.0.signed.bin --to %s\n", target);
		fflush(stdout);
	}
	if (demo.common.verbose > 0) {
		words[count++] = demo.common.verbose > 1 ? "-vv" : "-v";
	}
	if (demo.common.log_path != NULL) {
		words[count++] = "--log";
		words[count++] = (char *)demo.common.log_path;
	}
	if (demo.common.trace_path != NULL) {
		words[count++] = "--trace";
		words[count++] = (char *)demo.common.trace_path;
	}
	if (demo.canary != NULL) {
		words[count++] = "--canary";
		words[count++] = (char *)demo.canary;
	}
	if (demo.report != NULL) {
		words[count++] = "--report";
		words[count++] = (char *)demo.report;
	}
	return cmd_update(count, words);
}
