/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of bench/limit.py: air time, framing sizes, UART, flash, swap; one function here for each one there. */
#include "limit.h"
#include <string.h>

void sim_air_defaults(struct sim_air_parameters *p)
{
	*p = (struct sim_air_parameters){
	    .n = 8,
	    .image = 256u * 1024u,
	    .phy = SIM_AIR_2M,
	    .dle = 251,
	    .mtu = 498,
	    .guard_us = 400,
	    .buf = 2475,
	    .bufs = 4,
	    .reassembly = 1,
	    .erase_page_us = 87500,
	    .word_us = 42,
	    .page = 4096,
	    .flash_slot_us = 7500,
	    .erase_slot_us = 7500,
	    .couple = 1,
	    .req_cpu_us = 800,
	    .host_us = 1000,
	    .baud = 1000000,
	    .uart_chunk = 1024,
	    .ram_window = 65536,
	    .setup_us = 800000,
	    .flash_block = 512,
	};
}

bool sim_air_scenario(struct sim_air_parameters *p, char letter)
{
	sim_air_defaults(p);
	switch (letter) {
	case 'A':
		break;
	case 'B':
		p->erase = SIM_AIR_ERASE_UPFRONT;
		break;
	case 'C':
		p->erase = SIM_AIR_ERASE_NONE;
		break;
	case 'D':
		p->baud = 115200;
		break;
	case 'E':
		p->baud = 115200;
		p->framing = SIM_AIR_CONSOLE;
		break;
	case 'F':
		p->phy = SIM_AIR_1M;
		break;
	case 'G':
		p->buf = 384;
		p->reassembly = 0;
		break;
	case 'H':
		p->erase = SIM_AIR_ERASE_NONE;
		p->erase_page_us = 0;
		p->word_us = 10;
		p->flash_slot_us = 0;
		break;
	case 'I':
		p->erase_slot_us = 89700;
		break;
	default:
		return false;
	}
	return true;
}

/* ---- air ---- */

uint64_t sim_air_pdu_ns(const struct sim_air_parameters *p, uint32_t octets)
{
	uint64_t m = octets + (p->mic && octets ? 4u : 0u);
	uint64_t us;

	switch (p->phy) {
	case SIM_AIR_1M:
		us = (1 + 4 + 2 + m + 3) * 8;
		break;
	case SIM_AIR_2M:
		us = (2 + 4 + 2 + m + 3) * 4;
		break;
	default: {
		uint64_t s = p->phy == SIM_AIR_S2 ? 2 : 8;

		us = 80 + 256 + 16 + 24 + (2 + m + 3) * 8 * s + 3 * s;
		break;
	}
	}
	return us * SIM_NS_PER_US;
}

uint64_t sim_air_pair_ns(const struct sim_air_parameters *p, uint32_t down, uint32_t up)
{
	return sim_air_pdu_ns(p, down) + SIM_T_IFS_NS + sim_air_pdu_ns(p, up) + SIM_T_IFS_NS;
}

/* ---- framing sizes ---- */

static uint32_t cbor_uint(uint32_t value)
{
	return value < 24 ? 1 : value < 256 ? 2 : value < 65536 ? 3 : 5;
}

static uint32_t request_bytes(uint32_t offset, uint32_t data, uint32_t image, bool first)
{
	uint32_t n = 8 + 1;

	if (first && offset == 0) {
		n += 4 + cbor_uint(image) + 4 + 2 + 32; /* len, sha */
	}
	return n + 4 + cbor_uint(offset) + 5 + cbor_uint(data) + data;
}

static uint32_t response_bytes(uint32_t offset)
{
	return 8 + 2 + 4 + 4 + cbor_uint(offset);
}

static uint32_t data_max(uint32_t frame, uint32_t offset, uint32_t image)
{
	uint32_t data = frame;

	while (data > 0 && request_bytes(offset, data, image, true) > frame) {
		data--;
	}
	return data;
}

static uint32_t console_bytes(uint32_t octets)
{
	uint32_t raw = 2 + octets + 2;
	uint32_t per = (127u - 3u) / 4u * 3u;
	uint32_t rest = raw % per;
	uint32_t total = raw / per * (2 + per / 3 * 4 + 1);

	return total + (rest ? 2 + (rest + 2) / 3 * 4 + 1 : 0);
}

static uint32_t cobs_bytes(uint32_t octets)
{
	uint32_t raw = octets + 2;

	return raw + 1 + raw / 254 + 1;
}

uint32_t sim_air_window(const struct sim_air_parameters *p)
{
	return p->window ? p->window : p->bufs > 1 ? p->bufs - 1 : 1;
}

uint32_t sim_air_frame_limit(const struct sim_air_parameters *p)
{
	return p->reassembly || p->buf < p->mtu - 3 ? p->buf : p->mtu - 3;
}

uint32_t sim_air_frame_pdu(const struct sim_air_parameters *p, uint32_t frame, uint32_t index)
{
	while (frame > 0) {
		uint32_t value = frame < p->mtu - 3 ? frame : p->mtu - 3;
		uint32_t octets = value + 3 + 4;

		frame -= value;
		while (octets > 0) {
			uint32_t payload = octets < p->dle ? octets : p->dle;

			if (index-- == 0) {
				return payload;
			}
			octets -= payload;
		}
	}
	return 0;
}

void sim_air_request_at(const struct sim_air_parameters *p, uint32_t offset, struct sim_air_request *request)
{
	uint32_t most = data_max(sim_air_frame_limit(p), offset, p->image);
	struct sim_air_parameters plain = *p;
	uint32_t payload;

	plain.mic = 0; /* limit.py leaves it out of the first frame's time */
	*request = (struct sim_air_request){.offset = offset,
					    .data = most < p->image - offset ? most : p->image - offset};
	request->frame = request_bytes(offset, request->data, p->image, true);
	request->response = response_bytes(offset + request->data) + 7;
	while ((payload = sim_air_frame_pdu(p, request->frame, request->pdus)) > 0) {
		request->air_ns += sim_air_pair_ns(p, payload, request->pdus == 0 ? request->response : 0);
		request->first_ns += sim_air_pair_ns(&plain, payload, 0);
		request->pdus++;
	}
}

/* ---- the stages ---- */

static uint32_t uart_frame_bytes(const struct sim_air_parameters *p, uint32_t bytes)
{
	switch (p->framing) {
	case SIM_AIR_COBS:
		return cobs_bytes(bytes + 9);
	case SIM_AIR_CONSOLE:
		return console_bytes(request_bytes(70000, bytes, 0, false));
	default:
		return bytes + 9 + 2;
	}
}

uint64_t sim_air_uart_ns(const struct sim_air_parameters *p, uint32_t bytes)
{
	uint32_t rest = bytes % p->uart_chunk;
	uint64_t octets = (uint64_t)(bytes / p->uart_chunk) * uart_frame_bytes(p, p->uart_chunk);

	if (p->baud == 0) {
		return 0;
	}
	octets += rest ? uart_frame_bytes(p, rest) : 0;
	return octets * 10u * SIM_NS_PER_S / p->baud;
}

uint64_t sim_air_radio_peer_ns(const struct sim_air_parameters *p)
{
	struct sim_air_bounds bounds;

	sim_air_bounds(p, &bounds);
	return bounds.radio_peer;
}

static uint64_t pages_of(const struct sim_air_parameters *p)
{
	return (p->image + p->page - 1) / p->page;
}

void sim_air_flash_ns(const struct sim_air_parameters *p, uint64_t *erase, uint64_t *write)
{
	uint64_t erase_us = pages_of(p) * p->erase_page_us * (100u + p->erase_over_pct) / 100u;

	*erase = p->erase == SIM_AIR_ERASE_NONE ? 0 : erase_us * SIM_NS_PER_US;
	*write = (uint64_t)((p->image + 3) / 4) * (p->word_us + p->word_sw_us) * SIM_NS_PER_US;
}

uint64_t sim_air_swap_ns(const struct sim_air_parameters *p)
{
	static const uint8_t copies[] = {3, 2, 1, 0};
	uint64_t one = (p->erase_page_us + (uint64_t)(p->page / 4) * p->word_us) * SIM_NS_PER_US;

	return copies[p->swap] * pages_of(p) * one;
}

void sim_air_bounds(const struct sim_air_parameters *p, struct sim_air_bounds *b)
{
	struct sim_air_request request;
	uint64_t first = 0;

	memset(b, 0, sizeof(*b));
	for (uint32_t offset = 0; offset < p->image; offset += request.data) {
		sim_air_request_at(p, offset, &request);
		if (request.data == 0) {
			return; /* not even one octet fits a frame: nothing can be said */
		}
		if (offset == 0) {
			first = sim_air_uart_ns(p, request.data) + request.first_ns;
		}
		b->radio_peer += request.air_ns;
		b->pdus += request.pdus;
		b->requests++;
	}
	sim_air_flash_ns(p, &b->flash_erase, &b->flash_write);
	uint64_t cpu = (uint64_t)b->requests * p->req_cpu_us * SIM_NS_PER_US;

	b->uart = sim_air_uart_ns(p, p->image);
	b->radio = p->n * b->radio_peer;
	b->peer = b->flash_erase + b->flash_write + (p->couple && b->radio_peer > cpu ? b->radio_peer : cpu);
	if (p->erase == SIM_AIR_ERASE_UPFRONT) {
		/* Nothing is written before the whole erase is done; the window's frames may wait in netbufs. */
		uint64_t behind = b->requests > sim_air_window(p) ? b->requests - sim_air_window(p) : 0;

		b->radio = first + b->flash_erase + p->n * (b->radio_peer * behind / b->requests);
		b->peer += first;
	}
	b->by = SIM_AIR_BY_UART;
	b->limit = b->uart;
	if (b->radio > b->limit) {
		b->by = SIM_AIR_BY_RADIO;
		b->limit = b->radio;
	}
	if (b->peer > b->limit) {
		b->by = SIM_AIR_BY_PEER;
		b->limit = b->peer;
	}
}

const char *sim_air_bound_name(uint8_t by)
{
	static const char *const names[] = {"uart", "radio", "peer"};

	return names[by];
}
