/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast sim serve`: virtual SMP peripherals on UDP ports or pseudo terminals of this machine, in real time, for any
 * client: a bootloader that swaps and reverts, flash that takes its time, buffers that run out. They forget everything
 * when the command ends.
 */
#include "serve.h"
#include <stdlib.h>
#include <string.h>

#define FACTORY_BYTES 32768u

struct sim_options {
	struct cli_common common;
	const char *word;
	long port; /* 0: none */
	bool pty;
	long count;
	long slot_kb;
	const char *boards;
};

enum key {
	KEY_UDP = 0x500,
	KEY_COUNT,
	KEY_SLOT_KB,
	KEY_BOARD,
	KEY_PTY,
};

static const struct argp_option options[] = {
    {"udp", KEY_UDP, "PORT", 0, "Serve on UDP ports from this one on, on 127.0.0.1", 1},
    {"count", KEY_COUNT, "N", 0, "So many devices, a port or terminal each (1)", 1},
    {"slot-kb", KEY_SLOT_KB, "KIB", 0, "Size of a device's slots (512)", 1},
    {"board", KEY_BOARD, "BOARD", 0,
     "What they tell as their board (nrf52840dk/nrf52840); several with commas between, \"-\" tells none", 1},
    {"pty", KEY_PTY, 0, 0, "Serve on pseudo terminals, in console lines as on a serial port", 1},
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
	case KEY_BOARD:
		sim->boards = argument;
		break;
	case KEY_PTY:
		sim->pty = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static uint32_t now_ms(const struct served *served)
{
	return (uint32_t)uv_now(&served->cli->loop);
}

static void wake(uv_timer_t *timer);

/* Answers that are due go out; then it sleeps until its next own deadline. */
static void follow(struct served *served)
{
	uint32_t when;
	size_t length;

	while ((length = sim_peer_answer(&served->peer, served->answer, sizeof(served->answer),
					 now_ms(served))) > 0) {
		cli_log(served->cli, 1, "%s: answer of %zu bytes", served->target, length);
		served->send(served, length);
	}
	if (served->boots_seen != served->peer.boots && served->peer.state == SIM_PEER_RUNNING) {
		served->boots_seen = served->peer.boots;
		if (served->boots != NULL) {
			served->boots(served);
		}
	}
	if (sim_peer_deadline(&served->peer, &when)) {
		int32_t left = (int32_t)(when - now_ms(served));

		(void)uv_timer_start(&served->timer, wake, left > 0 ? (uint64_t)left : 0, 0);
	} else {
		(void)uv_timer_stop(&served->timer);
	}
}

static void wake(uv_timer_t *timer)
{
	struct served *served = timer->data;

	sim_peer_tick(&served->peer, now_ms(served));
	follow(served);
}

void served_take(struct served *served, const uint8_t *frame, size_t length)
{
	cli_log(served->cli, 1, "%s: request of %zu bytes", served->target, length);
	sim_peer_receive(&served->peer, frame, length, now_ms(served));
	follow(served);
}

static int serve(struct cli *cli, struct served *served, const struct sim_options *sim, long index)
{
	static const uint8_t version[4] = {1, 0, 0, 0};
	static uint8_t factory[FACTORY_BYTES];
	struct sim_peer_config config;
	char what[120];
	int error;

	sim_peer_image_make(factory, sizeof(factory), version, 1);
	sim_peer_config_default(&config);
	config.slot_bytes = (uint32_t)sim->slot_kb * 1024u;
	config.buf_size = SERVE_FRAME_BYTES_MAX;
	config.board = sim_fleet_board(sim->boards, (uint32_t)index, served->board);
	config.name = served->name;
	snprintf(served->name, sizeof(served->name), "sim-%ld", index);
	sim_peer_init(&served->peer, &config, factory, sizeof(factory), now_ms(served));
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
	    "  dfucast update app.signed.bin --to udp:127.0.0.1:1337 --to udp:127.0.0.1:1338\n"
	    "  dfucast sim serve --pty";
	const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 2}, {0}};
	const struct argp argp = {
	    .options = options, .parser = parse, .args_doc = "serve", .doc = doc, .children = children};
	struct sim_options sim = {.count = 1, .slot_kb = 512, .boards = "nrf52840dk/nrf52840"};
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
	long begun = 0;

	for (; begun < sim.count && code == CLI_EXIT_OK; begun++) {
		struct served *served = &fleet[begun];

		served->cli = &cli;
		(void)uv_timer_init(&cli.loop, &served->timer);
		served->timer.data = served;
		code = serve(&cli, served, &sim, begun);
	}
	if (code == CLI_EXIT_OK) {
		uv_run(&cli.loop, UV_RUN_DEFAULT);
	}
	for (long i = 0; i < begun; i++) {
		fleet[i].close(&fleet[i]);
		uv_close((uv_handle_t *)&fleet[i].timer, NULL);
	}
	code = cli_close(&cli, code);
	for (long i = 0; i < begun; i++) {
		sim_peer_free(&fleet[i].peer);
	}
	free(fleet);
	return code;
}
