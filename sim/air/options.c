/* SPDX-License-Identifier: Apache-2.0 */
/* The model's options by limit.py's names. */
#include "limit.h"
#include <string.h>

static const char *const phys[] = {"1M", "2M", "S2", "S8", NULL};
static const char *const erases[] = {"progressive", "upfront", "none", NULL};
static const char *const framings[] = {"cobs", "raw", "console", NULL};
static const char *const swaps[] = {"move", "offset", "overwrite", "none", NULL};
static const char *const switches[] = {"0", "1", "no", "yes", "false", "true", NULL};

/* Every member is a uint32_t. Numbers have bounds that keep all products within 64 bits. */
static const struct option {
	const char *name;
	uint16_t position;
	uint32_t min, max;
	const char *const *words;
} options[] = {
#define AT(member) offsetof(struct sim_air_parameters, member)
    {"n", AT(n), 1, 4096, NULL},
    {"image", AT(image), 1024, 16u << 20, NULL},
    {"phy", AT(phy), 0, 3, phys},
    {"dle", AT(dle), 27, 251, NULL},
    {"mtu", AT(mtu), 23, 515, NULL},
    {"mic", AT(mic), 0, 1, switches},
    {"ci_us", AT(ci_us), 0, 4000000, NULL},
    {"guard_us", AT(guard_us), 0, 1000000, NULL},
    {"buf", AT(buf), 128, 4096, NULL},
    {"bufs", AT(bufs), 1, 16, NULL},
    {"window", AT(window), 0, 16, NULL},
    {"reassembly", AT(reassembly), 0, 1, switches},
    {"erase_page_us", AT(erase_page_us), 0, 10000000, NULL},
    {"erase_over_pct", AT(erase_over_pct), 0, 1000, NULL},
    {"word_us", AT(word_us), 0, 10000, NULL},
    {"word_sw_us", AT(word_sw_us), 0, 10000, NULL},
    {"page", AT(page), 256, 262144, NULL},
    {"erase", AT(erase), 0, 2, erases},
    {"flash_slot_us", AT(flash_slot_us), 0, 10000000, NULL},
    {"erase_slot_us", AT(erase_slot_us), 0, 10000000, NULL},
    {"couple", AT(couple), 0, 1, switches},
    {"req_cpu_us", AT(req_cpu_us), 0, 1000000, NULL},
    {"host_us", AT(host_us), 0, 1000000, NULL},
    {"baud", AT(baud), 0, 100000000, NULL},
    {"framing", AT(framing), 0, 2, framings},
    {"uart_chunk", AT(uart_chunk), 16, 65536, NULL},
    {"ram_window", AT(ram_window), 4096, 16u << 20, NULL},
    {"setup_us", AT(setup_us), 0, 60000000, NULL},
    {"swap", AT(swap), 0, 3, swaps},
    {"per_ppm", AT(per_ppm), 0, 1000000, NULL},
    {"abort_us", AT(abort_us), 0, 1000000, NULL},
    {"flash_block", AT(flash_block), 4, 65536, NULL},
    {"acked", AT(acked), 0, 1, switches},
#undef AT
};

static bool same_name(const char *name, const char *given, size_t length)
{
	size_t i = 0;

	while (i < length && name[i] != 0 && (given[i] == name[i] || (given[i] == '-' && name[i] == '_'))) {
		i++;
	}
	return i == length && name[i] == 0;
}

static bool number(const char *text, size_t length, uint32_t *value)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || i > 9) {
			return false;
		}
		sum = sum * 10u + (uint64_t)(text[i] - '0');
	}
	*value = (uint32_t)sum;
	return length > 0 && sum <= UINT32_MAX;
}

static bool word(const struct option *option, const char *text, size_t length, uint32_t *value)
{
	for (uint32_t i = 0; option->words[i] != NULL; i++) {
		if (strlen(option->words[i]) == length && memcmp(option->words[i], text, length) == 0) {
			*value = option->words == switches ? i & 1u : i;
			return true;
		}
	}
	return false;
}

int sim_air_set(struct sim_air_parameters *p, const char *name, size_t name_length, const char *value,
		size_t value_length)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const struct option *option = &options[i];
		uint32_t parsed;

		if (!same_name(option->name, name, name_length)) {
			continue;
		}
		if (!(option->words != NULL ? word(option, value, value_length, &parsed)
					    : number(value, value_length, &parsed)) ||
		    parsed < option->min || parsed > option->max) {
			return -2;
		}
		memcpy((uint8_t *)p + option->position, &parsed, sizeof(parsed));
		return 0;
	}
	return -1;
}

const char *sim_air_invalid(const struct sim_air_parameters *p)
{
	struct sim_air_request request;

	if (p->ci_us != 0 && (p->ci_us < 7500 || p->ci_us % 1250 != 0)) {
		return "ci_us: a connection interval is 7500 to 4000000, a multiple of 1250";
	}
	sim_air_request_at(p, 0, &request);
	if (request.data < 32) {
		return "buf, mtu: a first chunk of 32 bytes does not fit a frame";
	}
	if (p->abort_us != 0 && (p->abort_us > p->flash_slot_us || p->abort_us > p->erase_slot_us)) {
		return "abort_us: longer than the slots of which it is a part";
	}
	if (p->ram_window < sim_air_frame_limit(p)) {
		return "ram_window: less than one frame";
	}
	if (sim_air_interval_us(p, 1) == 0) {
		return "guard_us, erase_slot_us: no connection interval leaves room for a PDU and a flash "
		       "slot";
	}
	return NULL;
}
