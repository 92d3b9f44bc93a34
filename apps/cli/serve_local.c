/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim:N for commands that speak to one device, and for inventory: each target is a virtual device that lives in this
 * process as long as the command, in real time, behind a UDP port of its own. What a sim:N target of `dfucast update` says
 * of itself it says too; of the keys those count that a device has, the radio's and the faults do not.
 */
#include "serve.h"
#include "sim/air/server.h"
#include "sim/run/fleet.h"
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 256 /* a device's flash is real memory here */
#define FACTORY_SHORTER 512u

bool serve_local_is(const char *text)
{
	return strncmp(text, "sim:", 4) == 0;
}

static const char *parse(struct sim_fleet_options *options, const char *keys, const char **at)
{
	sim_fleet_defaults(options);
	return sim_fleet_parse(options, keys, at);
}

static bool add(struct cli_targets *targets, const struct dfucast_linux_target *target)
{
	struct dfucast_linux_target *items =
	    realloc(targets->items, (targets->count + 1) * sizeof(*targets->items));

	if (items == NULL) {
		return false;
	}
	targets->items = items;
	targets->items[targets->count++] = *target;
	return true;
}

int serve_local_targets(struct cli_targets *targets, const char *text, const struct output *out)
{
	const char *number = strncmp(text, "sim://", 6) == 0 ? text + 6 : text + 4;
	struct dfucast_linux_target target = {.scheme = DFUCAST_LINUX_SIM};
	const char *keys = strchr(number, '?');
	struct sim_fleet_options options;
	const char *wrong;
	const char *at = "";
	char digits[8];
	char what[400];
	long count;

	snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(number, "?"), number);
	if (!cli_number_parse(digits, 1, COUNT_MAX, &count)) {
		snprintf(what, sizeof(what), "\"%.80s\" names no number of virtual devices.", text);
		return output_usage(out, what, "Write sim:1, or any number up to 256.");
	}
	keys = keys != NULL ? keys + 1 : "";
	wrong = strlen(keys) < sizeof(target.host) ? parse(&options, keys, &at) : "too long";
	if (wrong != NULL) {
		snprintf(what, sizeof(what), "sim:%ld?%.60s: %.100s.", count, at, wrong);
		return output_usage(
		    out, what,
		    "Keys: board, mode, slot, no_storage, bufs, buf, erase, swap, image_kb, and those of "
		    "\"dfucast update --to sim:N\".");
	}
	for (long i = 0; i < count; i++) {
		snprintf(target.text, sizeof(target.text), "sim:%ld#%ld", count, i);
		snprintf(target.host, sizeof(target.host), "%s", keys);
		target.port = (uint16_t)i;
		if (!add(targets, &target)) {
			return output_usage(out, "Not enough memory.", "Give fewer targets.");
		}
	}
	return CLI_EXIT_OK;
}

static void closed(uv_handle_t *timer)
{
	struct served *served = timer->data;

	sim_peer_free(&served->peer);
	free(served);
}

struct served *serve_local_open(struct cli *cli, struct dfucast_linux_target *target)
{
	static const uint8_t version[4] = {1, 0, 0, 0};
	struct served *served = calloc(1, sizeof(*served));
	struct sim_fleet_options options;
	struct sim_peer_config config;
	const char *at;
	uint8_t *image;

	if (served == NULL || parse(&options, target->host, &at) != NULL) {
		free(served);
		return NULL;
	}
	sim_fleet_peer_config(&options, &config);
	config.outside = false;
	config.reassembly = false; /* a datagram is a frame */
	if (config.buf_size > SERVE_FRAME_BYTES_MAX) {
		config.buf_size = SERVE_FRAME_BYTES_MAX; /* more than any server has */
	}
	config.service_ms = options.air.req_cpu_us / 1000u;
	config.page_erase_ms = options.air.erase_page_us / 1000u;
	config.write_us_per_kib = (options.air.word_us + options.air.word_sw_us) * 256u;
	config.board = sim_fleet_board(options.boards, target->port, served->board);
	config.name = served->name;
	snprintf(served->name, sizeof(served->name), "sim-%u", target->port);
	image = malloc(options.air.image);
	if (image == NULL) {
		free(served);
		return NULL;
	}
	sim_peer_image_make(image, options.air.image - FACTORY_SHORTER, version, 1);
	served_begin(served, cli, &config, image, options.air.image - FACTORY_SHORTER);
	free(image);
	if (serve_udp_open(served, 0) != 0) {
		serve_local_close(served);
		return NULL;
	}
	target->scheme = DFUCAST_LINUX_UDP;
	snprintf(target->host, sizeof(target->host), "127.0.0.1");
	target->port = (uint16_t)strtoul(strrchr(served->target, ':') + 1, NULL, 10);
	return served;
}

void serve_local_close(struct served *served)
{
	if (served != NULL) {
		served_close(served, closed);
	}
}
