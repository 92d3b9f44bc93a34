/* SPDX-License-Identifier: Apache-2.0 */
/* The words for states, as scripts and people read them. */
#include <dfucast/consumer.h>

#include "../util/words.h"

bool dfucast_state_is_final(enum dfucast_state state)
{
	return state >= DFUCAST_STATE_DONE && state < DFUCAST_STATE_COUNT;
}

const char *dfucast_state_name(enum dfucast_state state)
{
	/* In the order of enum dfucast_state. */
	static const char words[] = "idle\0"
				    "connecting\0"
				    "preparing\0"
				    "uploading\0"
				    "verifying\0"
				    "waiting\0"
				    "testing\0"
				    "rebooting\0"
				    "checking\0"
				    "soaking\0"
				    "confirming\0"
				    "done\0"
				    "held\0"
				    "skipped\0"
				    "rejected\0"
				    "reverted\0"
				    "behind\0"
				    "failed\0";
	const char *word = dfucast_words_at(words, state);

	return word != NULL ? word : "unknown";
}
