/* SPDX-License-Identifier: Apache-2.0 */
/* The words for the steps of one device's update, for logs and reports. */
#include <dfucast/update.h>
#include <stddef.h>

#include "../util/words.h"

const char *dfucast_update_state_name(enum dfucast_update_state state)
{
	/* In the order of enum dfucast_update_state. */
	static const char words[] = "idle\0"
				    "connect\0"
				    "resync\0"
				    "params\0"
				    "mode\0"
				    "slots\0"
				    "info\0"
				    "inspect\0"
				    "muster\0"
				    "erase\0"
				    "first\0"
				    "stream\0"
				    "verify\0"
				    "ready\0"
				    "settings\0"
				    "test\0"
				    "precheck\0"
				    "reset\0"
				    "swap\0"
				    "return\0"
				    "soak\0"
				    "confirm\0"
				    "final\0"
				    "recovery\0"
				    "ended\0";
	const char *word = dfucast_words_at(words, state);

	return word != NULL ? word : "unknown";
}
