/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast sim serve`: virtual SMP peripherals on UDP ports of this machine, in real time, for any client: a bootloader
 * that swaps and reverts, flash that takes its time, buffers that run out. They forget everything when the command ends.
 */
#include "cli.h"
#include "sim/peer/peer.h"
#include <stdlib.h>
#include <string.h>

#define FRAME_BYTES_MAX 2048u /* of a whole datagram too: smpclient fills its MTU whatever buffers are told */
#define FACTORY_BYTES 32768u

struct served {
	struct sim_peer peer;
	struct cli *cli;
	uv_udp_t udp;
	uv_timer_t timer;
	struct sockaddr_storage client; /* who asked last: answers go there */
	bool asked;
	uint8_t frame[FRAME_BYTES_MAX];
	uint8_t answer[FRAME_BYTES_MAX];
};

struct sim_options {
	struct cli_common common;
	const char *word;
	long port;
	long count;
	long slot_kb;
};

enum key {
	KEY_UDP = 0x500,
	KEY_COUNT,
	KEY_SLOT_KB,
	KEY_PTY,
};

static const struct argp_option options[] = {
    {"udp", KEY_UDP, "PORT", 0, "Serve on UDP ports from this one on, on 127.0.0.1", 1},
    {"count", KEY_COUNT, "N", 0, "So many devices, a port each (1)", 1},
    {"slot-kb", KEY_SLOT_KB, "KIB", 0, "Size of a device's slots (512)", 1},
    {"pty", KEY_PTY, 0, 0, "Still to come", 1},
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
		if (sim->word == NULL || sim->port == 0) {
			argp_error(state, "write \"dfucast sim serve --udp 1337\"");
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
	case KEY_PTY:
		argp_error(state, "--pty comes with a later version; serve on --udp");
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
		uv_buf_t part = uv_buf_init((char *)served->answer, (unsigned int)length);

		cli_log(served->cli, 1, "answer of %zu bytes", length);
		if (served->asked) {
			/* A datagram that does not fit is lost, as on any network. */
			(void)uv_udp_try_send(&served->udp, &part, 1,
					      (const struct sockaddr *)&served->client);
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

static void room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct served *served = handle->data;

	(void)suggested;
	*buffer = uv_buf_init((char *)served->frame, sizeof(served->frame));
}

static void received(uv_udp_t *udp, ssize_t length, const uv_buf_t *buffer, const struct sockaddr *from,
		     unsigned int flags)
{
	struct served *served = udp->data;

	if (length <= 0 || from == NULL || (flags & UV_UDP_PARTIAL) != 0) {
		return;
	}
	memcpy(&served->client, from,
	       from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	served->asked = true;
	cli_log(served->cli, 1, "request of %zd bytes", length);
	sim_peer_receive(&served->peer, (const uint8_t *)buffer->base, (size_t)length, now_ms(served));
	follow(served);
}

static int serve(struct cli *cli, struct served *served, const struct sim_options *sim, long index)
{
	static const uint8_t version[4] = {1, 0, 0, 0};
	static uint8_t factory[FACTORY_BYTES];
	struct sim_peer_config config;
	struct sockaddr_in address;
	char what[120];
	int error;

	sim_peer_image_make(factory, sizeof(factory), version, 1);
	sim_peer_config_default(&config);
	config.slot_bytes = (uint32_t)sim->slot_kb * 1024u;
	config.buf_size = FRAME_BYTES_MAX;
	sim_peer_init(&served->peer, &config, factory, sizeof(factory), now_ms(served));
	(void)uv_ip4_addr("127.0.0.1", (int)(sim->port + index), &address);
	error = uv_udp_bind(&served->udp, (const struct sockaddr *)&address, 0);
	if (error == 0) {
		error = uv_udp_recv_start(&served->udp, room, received);
	}
	if (error != 0) {
		snprintf(what, sizeof(what), "UDP port %ld cannot be served: %s.", sim->port + index,
			 uv_strerror(error));
		return output_usage(&cli->out, what, "Give --udp another port.");
	}
	if (cli->out.json) {
		char target[32];

		snprintf(target, sizeof(target), "udp:127.0.0.1:%ld", sim->port + index);
		output_end(output_begin(&cli->out, "serving", target));
	} else {
		printf("udp:127.0.0.1:%ld\n", sim->port + index);
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
	    "  dfucast update app.signed.bin --to udp:127.0.0.1:1337 --to udp:127.0.0.1:1338";
	const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 2}, {0}};
	const struct argp argp = {
	    .options = options, .parser = parse, .args_doc = "serve", .doc = doc, .children = children};
	struct sim_options sim = {.count = 1, .slot_kb = 512};
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
		(void)uv_udp_init(&cli.loop, &served->udp);
		(void)uv_timer_init(&cli.loop, &served->timer);
		served->udp.data = served;
		served->timer.data = served;
		code = serve(&cli, served, &sim, begun);
	}
	if (code == CLI_EXIT_OK) {
		uv_run(&cli.loop, UV_RUN_DEFAULT);
	}
	for (long i = 0; i < begun; i++) {
		uv_close((uv_handle_t *)&fleet[i].udp, NULL);
		uv_close((uv_handle_t *)&fleet[i].timer, NULL);
	}
	code = cli_close(&cli, code);
	for (long i = 0; i < begun; i++) {
		sim_peer_free(&fleet[i].peer);
	}
	free(fleet);
	return code;
}
