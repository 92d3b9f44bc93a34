/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast sim serve`: virtual SMP peripherals on UDP ports or pseudo terminals of this machine, in real time, for any
 * client: a bootloader that swaps and reverts, flash that takes its time, buffers that run out. They forget everything
 * when the command ends.
 */
#include "serve.h"
#include <stdlib.h>
#include <string.h>

#define SECOND_BYTES 16384u
#define FACTORY_BYTES 32768u

struct sim_options {
	struct cli_common common;
	const char *word;
	long port; /* 0: none */
	bool pty;
	long count;
	long slot_kb;
	const char *boards;
	long images;
	const char *image; /* NULL: one made here */
	const char *keys;  /* of the model; "": none */
	const char *info;
};

enum key {
	KEY_UDP = 0x500,
	KEY_COUNT,
	KEY_SLOT_KB,
	KEY_BOARD,
	KEY_IMAGES,
	KEY_PTY,
	KEY_IMAGE,
	KEY_SIM,
	KEY_INFO,
};

static const struct argp_option options[] = {
    {"udp", KEY_UDP, "PORT", 0, "Serve on UDP ports from this one on, on 127.0.0.1", 1},
    {"count", KEY_COUNT, "N", 0, "So many devices, a port or terminal each (1)", 1},
    {"slot-kb", KEY_SLOT_KB, "KIB", 0, "Size of a device's slots (512)", 1},
    {"images", KEY_IMAGES, "N", 0, "Image numbers they are built for, 1 or 2 (1)", 1},
    {"board", KEY_BOARD, "BOARD", 0,
     "What they tell as their board (nrf52840dk/nrf52840); several with commas between, \"-\" tells none", 1},
    {"pty", KEY_PTY, 0, 0, "Serve on pseudo terminals, in console lines as on a serial port", 1},
    {"image", KEY_IMAGE, "FILE", 0, "The signed image they run (one of 32 KiB made here)", 1},
    {"sim", KEY_SIM, "KEYS", 0,
     "What the server is like, e.g. \"buf=384&bufs=4&params=0&images=0&mode=none&v1=1&swap_ms=9000\"", 1},
    {"info", KEY_INFO, "TEXT", 0, "What else they tell of themselves, by letter: \"v=4.4.0&p=cortex-m0\"", 1},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct sim_options *sim = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &sim->common;
		break;
	case ARGP_KEY_ARG:
		if (sim->word != NULL || strcmp(argument, "serve") != 0) {
			argp_error(state, "the one thing to do is \"serve\", not \"%s\"", argument);
		}
		sim->word = argument;
		break;
	case ARGP_KEY_END:
		if (sim->word == NULL || (sim->port == 0) == !sim->pty) {
			argp_error(state, "write \"dfucast sim serve --udp 1337\" or \"… --pty\"");
		}
		if (sim->port + sim->count > 65536) {
			argp_error(state, "there are not so many ports from %ld on", sim->port);
		}
		break;
	case KEY_UDP:
		if (!cli_number_parse(argument, 1, 65535, &sim->port)) {
			argp_error(state, "--udp takes a port from 1 to 65535, not \"%s\"", argument);
		}
		break;
	case KEY_COUNT:
		if (!cli_number_parse(argument, 1, 256, &sim->count)) {
			argp_error(state, "--count takes a whole number from 1 to 256, not \"%s\"", argument);
		}
		break;
	case KEY_SLOT_KB:
		if (!cli_number_parse(argument, 64, 16384, &sim->slot_kb)) {
			argp_error(state, "--slot-kb takes a whole number from 64 to 16384, not \"%s\"",
				   argument);
		}
		break;
	case KEY_IMAGES:
		if (!cli_number_parse(argument, 1, 2, &sim->images)) {
			argp_error(state, "--images takes 1 or 2, not \"%s\"", argument);
		}
		break;
	case KEY_BOARD:
		sim->boards = argument;
		break;
	case KEY_PTY:
		sim->pty = true;
		break;
	case KEY_IMAGE:
		sim->image = argument;
		break;
	case KEY_SIM:
		sim->keys = argument;
		break;
	case KEY_INFO:
		sim->info = argument;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* What every device is made of. */
struct model {
	struct sim_peer_config config;
	uint8_t *image;
	uint32_t image_bytes;
};

/* The image from --image, or one made here. @return CLI_EXIT_OK, or the exit code after saying why. */
static int read_image(struct cli *cli, const struct sim_options *sim, struct model *model)
{
	static const uint8_t version[4] = {1, 0, 0, 0};
	struct failure failure = {.err = DFUCAST_ERR_IMAGE_READ, .group = DFUCAST_GROUP_NONE};
	struct sim_peer_image look;
	struct image_file file;
	bool ok;

	model->image_bytes = FACTORY_BYTES;
	if (sim->image != NULL) {
		failure.err = image_file_open(&file, sim->image, failure.why, sizeof(failure.why));
		if (failure.err != 0) {
			return output_failure(&cli->out, sim->image, &failure);
		}
		model->image_bytes = file.length;
	}
	model->image = malloc(model->image_bytes);
	if (model->image == NULL) {
		abort();
	}
	if (sim->image == NULL) {
		sim_peer_image_make(model->image, model->image_bytes, version, 1);
		return CLI_EXIT_OK;
	}
	ok = image_file_read(&file, 0, model->image, file.length);
	image_file_close(&file);
	if (!ok || !sim_peer_image_look(model->image, model->image_bytes, &look)) {
		failure.err = ok ? DFUCAST_ERR_IMAGE_MAGIC : DFUCAST_ERR_IMAGE_READ;
		return output_failure(&cli->out, sim->image, &failure);
	}
	if (model->image_bytes > model->config.slot_bytes) {
		return output_usage(&cli->out, "The image does not fit the slot.",
				    "Give --slot-kb a larger size.");
	}
	return CLI_EXIT_OK;
}

static int make_model(struct cli *cli, const struct sim_options *sim, struct model *model)
{
	const char *at;
	const char *wrong;
	char what[160];

	sim_peer_config_default(&model->config);
	model->config.slot_bytes = (uint32_t)sim->slot_kb * 1024u;
	model->config.buf_size = SERVE_BUFFER_BYTES;
	model->config.info = sim->info;
	wrong = sim_peer_config_parse(&model->config, sim->keys, &at);
	if (wrong != NULL) {
		snprintf(what, sizeof(what), "--sim: %s: \"%.80s\".", wrong, at);
		return output_usage(&cli->out, what,
				    "Keys: buf, bufs, mode, mode_told, params, slots, images, v1, legacy_rc, "
				    "verbose, frugal, image_check, erase_pending, ram_unlisted, progressive, "
				    "page_erase_ms, service_ms, write_us_per_kib, boot_ms, swap_ms.");
	}
	return read_image(cli, sim, model);
}

static int serve(struct cli *cli, struct served *served, const struct model *model,
		 const struct sim_options *sim, long index)
{
	static const uint8_t version[4] = {0, 5, 0, 0};
	static uint8_t second[SECOND_BYTES]; /* what image 1 runs */
	struct sim_peer_config config = model->config;
	char what[120];
	int error;

	sim_peer_image_make(second, sizeof(second), version, 3);

	config.board = sim_fleet_board(sim->boards, (uint32_t)index, served->board);
	config.name = served->name;
	config.images = (uint8_t)sim->images;
	config.second = second;
	config.second_bytes = sizeof(second);
	snprintf(served->name, sizeof(served->name), "sim-%ld", index);
	served_begin(served, cli, &config, model->image, model->image_bytes);
	error = sim->pty ? serve_pty_open(served) : serve_udp_open(served, sim->port + index);
	if (error != 0) {
		snprintf(what, sizeof(what), "%s%s cannot be served: %s.",
			 sim->pty ? "A pseudo terminal" : "UDP port ", sim->pty ? "" : served->target + 14,
			 uv_strerror(error));
		return output_usage(&cli->out, what,
				    sim->pty ? "Serve fewer devices." : "Give --udp another port.");
	}
	if (cli->out.json) {
		output_end(output_begin(&cli->out, "serving", served->target));
	} else {
		printf("%s\n", served->target);
		fflush(stdout);
	}
	return CLI_EXIT_OK;
}

int cmd_sim(int argc, char **argv)
{
	static const char doc[] =
	    "Serves virtual SMP peripherals (MCUboot swapping by offset, 4 buffers of 2048 bytes) to any "
	    "client. "
	    "Prints a target a line, then serves until Ctrl-C."
	    "\v"
	    "Example:\n"
	    "  dfucast sim serve --udp 1337 --count 2 &\n"
	    "  dfucast update app.bin --to udp:127.0.0.1:1337 --to udp:127.0.0.1:1338\n"
	    "  dfucast sim serve --pty";
	const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 2}, {0}};
	const struct argp argp = {
	    .options = options, .parser = parse, .args_doc = "serve", .doc = doc, .children = children};
	struct sim_options sim = {
	    .count = 1, .slot_kb = 512, .keys = "", .images = 1, .boards = "nrf52840dk/nrf52840"};
	struct model model = {0};
	struct served *fleet;
	struct cli cli;
	int code;

	cli_parse(&argp, argc, argv, &sim);
	code = cli_open(&cli, "dfucast sim serve", &sim.common);
	if (code != CLI_EXIT_OK) {
		return code;
	}
	fleet = calloc((size_t)sim.count, sizeof(*fleet));
	if (fleet == NULL) {
		return cli_close(&cli, output_usage(&cli.out, "Not enough memory.", "Serve fewer devices."));
	}
	code = make_model(&cli, &sim, &model);
	long begun = 0;

	for (; begun < sim.count && code == CLI_EXIT_OK; begun++) {
		code = serve(&cli, &fleet[begun], &model, &sim, begun);
	}
	if (code == CLI_EXIT_OK) {
		uv_run(&cli.loop, UV_RUN_DEFAULT);
	}
	for (long i = 0; i < begun; i++) {
		served_close(&fleet[i], NULL);
	}
	code = cli_close(&cli, code);
	for (long i = 0; i < begun; i++) {
		sim_peer_free(&fleet[i].peer);
	}
	free(fleet);
	free(model.image);
	return code;
}
