/* SPDX-License-Identifier: Apache-2.0 */
/* OS info of the model peripheral: fields in one order, whatever the order they are asked in. */
#include "internal.h"
#include <string.h>
#include <zcbor_encode.h>

#define OUTPUT_BYTES_MAX 256u

/* What a letter stands for. @return its length, *text not terminated. */
static size_t field(const struct sim_peer_config *config, char letter, const char **text)
{
	const char *at = config->info != NULL ? config->info : "";

	while (*at != 0) {
		size_t length = strcspn(at, "&");

		if (length >= 2 && at[0] == letter && at[1] == '=') {
			*text = at + 2;
			return length - 2;
		}
		at += length;
		at += *at == '&';
	}
	switch (letter) {
	case 'n':
		*text = config->name != NULL ? config->name : "unknown";
		break;
	case 'i':
		*text = config->board;
		break;
	case 'r':
	case 'v':
		*text = "4.4.0";
		break;
	case 'b':
		*text = "Thu Jan  1 00:00:00 1970";
		break;
	case 'm':
		*text = "arm";
		break;
	case 'p':
		*text = "cortex-m4";
		break;
	default: /* s, o */
		*text = "Zephyr";
		break;
	}
	return strlen(*text);
}

void sim_peer_os_info(struct sim_peer_call *call, const struct zcbor_string *format)
{
	static const char order[] = "snrvbmpio";
	const struct sim_peer_config *config = &call->peer->config;
	char output[OUTPUT_BYTES_MAX];
	const char *text;
	bool all = false;
	size_t used = 0;

	if (call->peer->state == SIM_PEER_RECOVERY || config->board == NULL) {
		call->rc = 8;
		return;
	}
	for (size_t i = 0; i < format->len; i++) {
		if (format->value[i] != 'a' && memchr(order, format->value[i], sizeof(order) - 1) == NULL) {
			call->group_rc = 2;
			return;
		}
		all = all || format->value[i] == 'a';
	}
	for (const char *letter = order; *letter != 0; letter++) {
		bool wanted =
		    format->len == 0 ? *letter == 's' : memchr(format->value, *letter, format->len) != NULL;

		if (!wanted && !all) {
			continue;
		}
		size_t length = field(config, *letter, &text);

		if (used + 1 + length > sizeof(output)) {
			call->rc = 7;
			return;
		}
		if (used > 0) {
			output[used++] = ' ';
		}
		memcpy(output + used, text, length);
		used += length;
	}
	zcbor_tstr_put_lit(call->out, "output");
	zcbor_tstr_encode_ptr(call->out, output, used);
}
