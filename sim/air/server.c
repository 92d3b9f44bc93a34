/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's one work queue between its radio events. */
#include "server.h"
#include <string.h>

void sim_air_server_init(struct sim_air_server *server, struct sim_peer *peer,
			 const struct sim_air_parameters *parameters)
{
	*server = (struct sim_air_server){.peer = peer, .parameters = parameters};
}

void sim_air_server_config(struct sim_peer_config *config, const struct sim_air_parameters *p)
{
	uint32_t pages = (p->image + p->page - 1) / p->page;

	sim_peer_config_default(config);
	config->outside = true;
	config->buf_size = p->buf;
	config->buf_count = (uint8_t)p->bufs;
	config->legacy_rc = true;
	config->progressive = p->erase == SIM_AIR_ERASE_PROGRESSIVE;
	config->reassembly = p->reassembly != 0;
	config->page_bytes = p->page;
	config->slot_bytes = (pages + 1) * p->page; /* the trailer's page */
	config->service_ms = 0;
	config->swap_ms = (uint32_t)(sim_air_swap_ns(p) / SIM_NS_PER_MS);
	config->mode = p->swap == SIM_AIR_SWAP_OFFSET ? SIM_PEER_MODE_OFFSET : SIM_PEER_MODE_MOVE;
	config->swap_operations =
	    config->swap_ms == 0 ? 0 : pages * 2u * (p->swap == SIM_AIR_SWAP_MOVE ? 3u : 2u);
}

/* What the request costs that the peer has just taken up. */
static void take(struct sim_air_server *server)
{
	const struct sim_air_parameters *p = server->parameters;
	const struct sim_peer_cost *cost = &server->peer->cost;

	server->working = true;
	server->left_ns[0] = p->req_cpu_us * SIM_NS_PER_US + cost->ms * SIM_NS_PER_MS;
	server->left_ns[1] =
	    (uint64_t)cost->pages * p->erase_page_us * (100u + p->erase_over_pct) / 100u * SIM_NS_PER_US;
	server->left_ns[2] = (uint64_t)cost->words * (p->word_us + p->word_sw_us) * SIM_NS_PER_US;
}

void sim_air_server_begin(struct sim_air_server *server, uint64_t now)
{
	if (!server->working && server->peer->busy) {
		if (server->free_ns < now) {
			server->free_ns = now;
		}
		take(server);
	}
}

/* One stage until @p to; a flash stage stops at whole slots before the next radio event. @return true: done. */
static bool stage(struct sim_air_server *server, unsigned int index, uint64_t *now, uint64_t to)
{
	const struct sim_air_parameters *p = server->parameters;
	uint64_t slot = (index == 1 ? p->erase_slot_us : p->flash_slot_us) * SIM_NS_PER_US;
	uint64_t *left = &server->left_ns[index];
	uint64_t gap = to - *now;

	if (*left == 0) {
		return true;
	}
	if (index != 0 && p->couple && slot != 0 && *left > gap) {
		gap = gap / slot * slot;
	}
	uint64_t part = *left < gap ? *left : gap;

	*left -= part;
	*now += part;
	if (*left != 0) {
		*now = to;
		return false;
	}
	return true;
}

void sim_air_server_run(struct sim_air_server *server, uint64_t from, uint64_t to)
{
	uint64_t now = from > server->free_ns ? from : server->free_ns;

	while (now < to && server->working) {
		if (!stage(server, 0, &now, to) || !stage(server, 1, &now, to) ||
		    !stage(server, 2, &now, to)) {
			break;
		}
		server->working = false;
		sim_peer_worked(server->peer, sim_air_ms(now));
		if (server->peer->busy) {
			take(server);
		}
	}
	server->free_ns = now;
}

void sim_air_server_drop(struct sim_air_server *server, uint64_t now)
{
	if (server->free_ns < now) {
		server->free_ns = now;
	}
	if (server->working) {
		server->free_ns += server->left_ns[0] + server->left_ns[1] + server->left_ns[2];
	}
	server->working = false;
}
