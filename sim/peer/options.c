/* SPDX-License-Identifier: Apache-2.0 */
/* A model peripheral's configuration from text, as in "buf=384&bufs=4&mode=none&images=0". */
#include "peer.h"
#include <string.h>

enum kind { FLAG, NUMBER8, NUMBER32 };

struct key {
	const char *name;
	enum kind kind;
	void *value;
	uint32_t low, high;
	bool inverted;
};

static bool number(const char *text, size_t length, uint32_t low, uint32_t high, uint32_t *value)
{
	uint64_t sum = 0;

	if (length == 0 || length > 9) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		sum = sum * 10u + (uint64_t)(text[i] - '0');
	}
	*value = (uint32_t)sum;
	return sum >= low && sum <= high;
}

static bool is(const char *name, const char *text, size_t length)
{
	return strlen(name) == length && memcmp(name, text, length) == 0;
}

/* @return 0; -1: no such key; -2: bad value */
static int set(struct sim_peer_config *c, const char *key, size_t key_length, const char *text, size_t length)
{
	const struct key keys[] = {
	    {"buf", NUMBER32, &c->buf_size, 64, 4092, false},
	    {"bufs", NUMBER8, &c->buf_count, 1, SIM_PEER_BUFFERS_MAX, false},
	    {"params", FLAG, &c->params, 0, 1, false},
	    {"slots", FLAG, &c->slot_info, 0, 1, false},
	    {"images", FLAG, &c->no_images, 0, 1, true},
	    {"mode_told", FLAG, &c->mode_hidden, 0, 1, true},
	    {"ram_unlisted", FLAG, &c->ram_unlisted, 0, 1, false},
	    {"v1", FLAG, &c->v1_only, 0, 1, false},
	    {"legacy_rc", FLAG, &c->legacy_rc, 0, 1, false},
	    {"verbose", FLAG, &c->verbose, 0, 1, false},
	    {"frugal", FLAG, &c->frugal, 0, 1, false},
	    {"image_check", FLAG, &c->image_check, 0, 1, false},
	    {"erase_pending", FLAG, &c->erase_pending, 0, 1, false},
	    {"progressive", FLAG, &c->progressive, 0, 1, false},
	    {"page_erase_ms", NUMBER32, &c->page_erase_ms, 0, 10000, false},
	    {"service_ms", NUMBER32, &c->service_ms, 0, 10000, false},
	    {"write_us_per_kib", NUMBER32, &c->write_us_per_kib, 0, 1000000, false},
	    {"boot_ms", NUMBER32, &c->boot_ms, 0, 600000, false},
	    {"swap_ms", NUMBER32, &c->swap_ms, 0, 600000, false},
	};
	uint32_t value;

	if (is("mode", key, key_length)) {
		if (is("none", text, length)) {
			c->mode = SIM_PEER_MODE_ABSENT;
			return 0;
		}
		if (!number(text, length, 0, 9, &value)) {
			return -2;
		}
		c->mode = (int8_t)value;
		return 0;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!is(keys[i].name, key, key_length)) {
			continue;
		}
		if (!number(text, length, keys[i].low, keys[i].high, &value)) {
			return -2;
		}
		if (keys[i].kind == FLAG) {
			*(bool *)keys[i].value = (value != 0) != keys[i].inverted;
		} else if (keys[i].kind == NUMBER8) {
			*(uint8_t *)keys[i].value = (uint8_t)value;
		} else {
			*(uint32_t *)keys[i].value = value;
		}
		return 0;
	}
	return -1;
}

const char *sim_peer_config_parse(struct sim_peer_config *config, const char *text, const char **at)
{
	while (*text != 0) {
		size_t length = strcspn(text, "&");
		const char *equals = memchr(text, '=', length);
		size_t key = equals != NULL ? (size_t)(equals - text) : length;
		int done = equals == NULL ? -2 : set(config, text, key, equals + 1, length - key - 1);

		*at = text;
		if (done != 0) {
			return done == -1 ? "unknown key" : "bad value";
		}
		text += length;
		text += *text == '&';
	}
	*at = text;
	return NULL;
}
