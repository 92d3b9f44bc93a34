/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connection interval? Pairs fit a slot in whole numbers, flash operations fit a gap in whole slots, answers come
 * an event later: each of the three makes cliffs, and their products no formula follows. So the upload to one peer is
 * played through, event by event, for every interval in question; that is a few thousand steps each.
 */
#include "events.h"
#include "limit.h"

#define STEP_US 1250u
#define SHORTEST_US 7500u
#define LONGEST_US 400000u
#define STARVED_NS (300u * SIM_NS_PER_S)
#define WINDOW_MAX 16u

/* One upload under way. Requests are counted from 0: answered <= served <= sent. */
struct upload {
	const struct sim_air_parameters *p;
	struct sim_air_request sending; /* being sent, or next */
	struct sim_air_request serving;
	uint64_t ready_ns[WINDOW_MAX];  /* answers: when, by request */
	uint64_t credit_ns[WINDOW_MAX]; /* when the host has seen the answer */
	uint64_t left_ns[3];
	uint64_t server_ns;
	uint64_t image_ns; /* the whole image over the UART */
	uint64_t event_ns; /* the present event's begin */
	uint32_t pages;    /* erased */
	uint32_t buffered; /* words, as in server.h */
	uint32_t pdu;      /* of `sending` */
	uint32_t sent, served, answered, acked, credited;
	bool working;
};

/* As take_flash() of server.c. */
static void take_flash(struct upload *u, uint32_t pages, uint64_t now)
{
	const struct sim_air_parameters *p = u->p;
	uint32_t block = p->flash_block / 4u;
	uint32_t words = (u->buffered + (u->serving.data + 3u) / 4u) / block * block;
	uint32_t turn_us = (pages != 0 ? p->erase_slot_us : p->flash_slot_us) - p->abort_us;

	u->buffered = (u->buffered + (u->serving.data + 3u) / 4u) % block;
	u->left_ns[1] += (uint64_t)pages * p->abort_us * SIM_NS_PER_US;
	u->left_ns[2] = (uint64_t)words * (p->word_us + p->word_sw_us) * SIM_NS_PER_US +
			(uint64_t)(words / block) * p->abort_us * SIM_NS_PER_US;
	if (pages + words != 0 && now < u->event_ns + sim_air_pair_ns(p, p->dle, p->dle)) {
		u->left_ns[0] += turn_us * SIM_NS_PER_US;
	}
}

static void take(struct upload *u, uint64_t now)
{
	const struct sim_air_parameters *p = u->p;
	uint32_t offset = u->served == 0 ? 0 : u->serving.offset + u->serving.data;
	uint32_t pages;

	sim_air_request_at(p, offset, &u->serving);
	pages = (offset + u->serving.data + p->page - 1) / p->page;
	if (p->erase == SIM_AIR_ERASE_UPFRONT) {
		pages = (p->image + p->page - 1) / p->page;
	} else if (p->erase == SIM_AIR_ERASE_NONE) {
		pages = 0;
	}
	u->left_ns[0] = p->req_cpu_us * SIM_NS_PER_US;
	pages = pages > u->pages ? pages - u->pages : 0;
	u->left_ns[1] =
	    (uint64_t)pages * p->erase_page_us * (100u + p->erase_over_pct) / 100u * SIM_NS_PER_US;
	u->left_ns[2] = (uint64_t)((u->serving.data + 3) / 4) * (p->word_us + p->word_sw_us) * SIM_NS_PER_US;
	if (p->abort_us != 0) {
		take_flash(u, pages, now);
	}
	u->pages += pages;
	u->working = true;
}

static bool stage(struct upload *u, unsigned int index, uint64_t *now, uint64_t to)
{
	uint64_t slot = (index == 1 ? u->p->erase_slot_us : u->p->flash_slot_us) * SIM_NS_PER_US;
	uint64_t gap = to - *now;
	uint64_t part = u->left_ns[index];

	if (part <= gap) {
		u->left_ns[index] = 0;
		*now += part;
		return true;
	}
	part = index != 0 && u->p->couple && u->p->abort_us == 0 && slot != 0 ? gap / slot * slot : gap;
	u->left_ns[index] -= part;
	*now = to;
	return false;
}

static void serve(struct upload *u, uint64_t from, uint64_t to)
{
	uint64_t now = from > u->server_ns ? from : u->server_ns;

	while (now < to &&
	       (u->working || (u->served < u->sent && (u->p->acked == 0 || u->acked == u->served)))) {
		if (!u->working) {
			take(u, now);
		}
		if (!stage(u, 0, &now, to) || !stage(u, 1, &now, to) || !stage(u, 2, &now, to)) {
			break;
		}
		u->working = false;
		u->ready_ns[u->served++ % WINDOW_MAX] = now;
	}
	u->server_ns =
	    u->p->abort_us != 0 && !u->working ? to : now; /* idle: it begins when there is something */
}

/* With `abort_us` flash is at work, and the radio off. */
static bool deaf(struct upload *u, uint64_t now)
{
	if (u->p->abort_us == 0) {
		return false;
	}
	serve(u, u->server_ns, now);
	return u->working && u->left_ns[0] == 0 && u->left_ns[1] + u->left_ns[2] != 0;
}

/* One pair at @p now. @return its end; 0: nothing to send, or no room before @p end. */
static uint64_t pair(struct upload *u, uint64_t now, uint64_t end, bool first, struct sim_chance *chance)
{
	const struct sim_air_parameters *p = u->p;
	uint32_t up = 0;
	uint32_t down = 0;
	uint32_t need = u->sending.offset + u->sending.data;
	uint32_t answered = u->answered;

	if (deaf(u, now)) {
		return 0;
	}
	while (u->credited < u->answered && u->credit_ns[u->credited % WINDOW_MAX] <= now) {
		u->credited++;
	}
	if (u->answered < u->served && u->ready_ns[u->answered % WINDOW_MAX] <= now) {
		up = u->serving.response;
	}
	if (u->sending.data != 0 && (u->pdu != 0 || u->sent - u->credited < sim_air_window(p)) &&
	    (p->baud == 0 || now / 1000u * p->image >= u->image_ns / 1000u * need)) {
		down = sim_air_frame_pdu(p, u->sending.frame, u->pdu);
	}
	uint64_t cost = sim_air_pair_ns(p, down, up);

	if ((down == 0 && up == 0 && !first) || now + cost - SIM_T_IFS_NS > end) {
		return 0;
	}
	now += cost;
	if (sim_chance_ppm(chance, p->per_ppm)) {
		return 0;
	}
	u->acked = answered;
	if (up != 0) {
		u->credit_ns[u->answered++ % WINDOW_MAX] = now + p->host_us * SIM_NS_PER_US;
	}
	if (down != 0 && ++u->pdu == u->sending.pdus) {
		u->pdu = 0;
		u->sent++;
		if (need < p->image) {
			sim_air_request_at(p, need, &u->sending);
		} else {
			u->sending.data = 0;
		}
	}
	return now;
}

uint64_t sim_air_predict_ns(const struct sim_air_parameters *p, uint32_t links, uint32_t interval_us)
{
	struct upload u = {.p = p, .image_ns = sim_air_uart_ns(p, p->image)};
	struct sim_chance chance;
	uint64_t interval = interval_us * SIM_NS_PER_US;
	uint64_t slot = interval / links;
	uint64_t guard = p->guard_us * SIM_NS_PER_US;
	uint64_t free_ns = 0;

	if (slot < guard || slot - guard < sim_air_pair_ns(p, p->dle, 0) || sim_air_window(p) > WINDOW_MAX) {
		return 0;
	}
	sim_chance_seed(&chance, 1);
	sim_air_request_at(p, 0, &u.sending);
	for (uint64_t begin = 0; begin < STARVED_NS; begin += interval) {
		uint64_t now = begin;
		uint64_t next;
		bool first = true;

		u.event_ns = begin;
		if (p->abort_us == 0) {
			serve(&u, free_ns, begin);
		}
		while ((next = pair(&u, now, begin + slot - guard, first, &chance)) != 0) {
			now = next;
			first = false;
			if (u.sending.data == 0 && u.answered == u.sent) {
				return now;
			}
		}
		free_ns = p->couple ? now : begin;
	}
	return 0;
}

uint32_t sim_air_interval_us(const struct sim_air_parameters *p, uint32_t links)
{
	uint64_t best = 0;
	uint32_t us;

	for (us = SHORTEST_US; us <= LONGEST_US; us += STEP_US) {
		uint64_t ns = sim_air_predict_ns(p, links, us);

		if (ns != 0 && (best == 0 || ns < best)) {
			best = ns;
		}
	}
	for (us = SHORTEST_US; us <= LONGEST_US && best != 0; us += STEP_US) {
		uint64_t ns = sim_air_predict_ns(p, links, us);

		if (ns != 0 && ns <= best + best / 200u) {
			return us;
		}
	}
	return 0;
}
