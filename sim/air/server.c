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

/*
 * Zephyr's flash driver on its controller (soc_flash_nrf_ticker.c): each operation has a ticker slot of its own, stops the radio
 * and works FLASH_SYNC_SWITCHING_TIME after that. Image bytes are written in whole blocks, an operation each (stream_flash). An
 * operation asked for in the time that the controller has reserved for the event under way, a pair of longest PDUs
 * (ull_conn.c, slot_us), waits for the ticker's next turn, as long as such an operation may take.
 */
static void take_flash(struct sim_air_server *server)
{
	const struct sim_air_parameters *p = server->parameters;
	const struct sim_peer_cost *cost = &server->peer->cost;
	uint32_t block = p->flash_block / 4u;
	uint32_t words = (server->buffered + cost->words) / block * block;
	uint32_t turn_us = (cost->pages != 0 ? p->erase_slot_us : p->flash_slot_us) - p->abort_us;

	server->buffered = (server->buffered + cost->words) % block;
	server->left_ns[1] += (uint64_t)cost->pages * p->abort_us * SIM_NS_PER_US;
	server->left_ns[2] = (uint64_t)words * (p->word_us + p->word_sw_us) * SIM_NS_PER_US +
			     (uint64_t)(words / block) * p->abort_us * SIM_NS_PER_US;
	if (cost->pages + words != 0 &&
	    server->free_ns < server->event_ns + sim_air_pair_ns(p, p->dle, p->dle)) {
		server->left_ns[0] += turn_us * SIM_NS_PER_US;
	}
}

/* What the request costs that the peer has just taken up, at free_ns. */
static void take(struct sim_air_server *server)
{
	const struct sim_air_parameters *p = server->parameters;
	const struct sim_peer_cost *cost = &server->peer->cost;

	server->working = true;
	server->left_ns[0] = p->req_cpu_us * SIM_NS_PER_US + cost->ms * SIM_NS_PER_MS;
	server->left_ns[1] =
	    (uint64_t)cost->pages * p->erase_page_us * (100u + p->erase_over_pct) / 100u * SIM_NS_PER_US;
	server->left_ns[2] = (uint64_t)cost->words * (p->word_us + p->word_sw_us) * SIM_NS_PER_US;
	if (p->abort_us != 0) {
		take_flash(server);
	}
}

void sim_air_server_begin(struct sim_air_server *server, uint64_t now)
{
	if (!server->working && !server->holds && server->peer->busy) {
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
	if (index != 0 && p->couple && p->abort_us == 0 && slot != 0 && *left > gap) {
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

	if (server->parameters->abort_us != 0) {
		now = server->free_ns; /* it does not wait for the radio */
	}
	while (now < to && server->working) {
		if (!stage(server, 0, &now, to) || !stage(server, 1, &now, to) ||
		    !stage(server, 2, &now, to)) {
			break;
		}
		server->working = false;
		sim_peer_worked(server->peer, sim_air_ms(now));
		server->holds = server->parameters->acked != 0 && server->peer->answer_count != 0;
		if (server->peer->busy && !server->holds) {
			server->free_ns = now;
			take(server);
		}
	}
	server->free_ns = now;
}

void sim_air_server_acked(struct sim_air_server *server, uint64_t now)
{
	server->holds = false;
	sim_air_server_begin(server, now);
}

bool sim_air_server_deaf(const struct sim_air_server *server)
{
	return server->parameters->abort_us != 0 && server->working && server->left_ns[0] == 0 &&
	       server->left_ns[1] + server->left_ns[2] != 0;
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
	server->holds = false;
}
