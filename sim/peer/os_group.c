/* SPDX-License-Identifier: Apache-2.0 */
/* Group 0 of the model peripheral: echo, reset, params, info of the system and of the bootloader. */
#include "internal.h"
#include <string.h>
#include <zcbor_encode.h>

enum { ECHO = 0, CONSOLE_ECHO = 1, RESET = 5, PARAMS = 6, INFO = 7, BOOTLOADER = 8 };

static void bootloader(struct sim_peer_call *call, const struct sim_peer_arguments *arguments)
{
	if (call->peer->state == SIM_PEER_RECOVERY || call->peer->config.mode == SIM_PEER_MODE_ABSENT ||
	    call->peer->config.mode_hidden) {
		call->rc = 8;
	} else if (arguments->text.len == 4 && memcmp(arguments->text.value, "mode", 4) == 0) {
		zcbor_tstr_put_lit(call->out, "mode");
		zcbor_int32_put(call->out, call->peer->config.mode);
	} else if (arguments->text.len == 0) {
		zcbor_tstr_put_lit(call->out, "bootloader");
		zcbor_tstr_put_lit(call->out, "MCUboot");
	} else {
		call->group_rc = 3;
	}
}

void sim_peer_os_call(struct sim_peer_call *call)
{
	struct sim_peer *peer = call->peer;
	struct sim_peer_arguments arguments;

	if ((call->command == ECHO || call->command == BOOTLOADER || call->command == INFO) &&
	    !(call->op == 2 && call->command != ECHO) &&
	    !sim_peer_arguments_decode(call->body, call->body_length, &arguments)) {
		call->rc = 3;
		return;
	}
	if (call->command == ECHO) {
		zcbor_tstr_put_lit(call->out, "r");
		zcbor_tstr_encode(call->out, &arguments.text);
	} else if (call->command == CONSOLE_ECHO && peer->state == SIM_PEER_RECOVERY) {
		return;
	} else if (call->command == RESET && call->op == 2) {
		peer->reset_due = true;
		peer->reset_ms = call->now + peer->config.service_ms + peer->config.reset_ms;
	} else if (call->command == PARAMS && call->op == 0 && peer->config.params &&
		   peer->state != SIM_PEER_RECOVERY) {
		zcbor_tstr_put_lit(call->out, "buf_size");
		zcbor_uint32_put(call->out, peer->config.buf_size);
		zcbor_tstr_put_lit(call->out, "buf_count");
		zcbor_uint32_put(call->out, peer->config.buf_count);
	} else if (call->command == INFO && call->op == 0) {
		sim_peer_os_info(call, &arguments.text);
	} else if (call->command == BOOTLOADER && call->op == 0) {
		bootloader(call, &arguments);
	} else {
		call->rc = 8;
	}
}
