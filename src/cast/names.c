/* SPDX-License-Identifier: Apache-2.0 */
/* The words for states, as scripts and people read them. */
#include <dfucast/consumer.h>

bool dfucast_state_is_final(enum dfucast_state state)
{
	return state >= DFUCAST_STATE_DONE && state < DFUCAST_STATE_COUNT;
}

const char *dfucast_state_name(enum dfucast_state state)
{
	static const char *const names[DFUCAST_STATE_COUNT] = {
	    [DFUCAST_STATE_IDLE] = "idle",
	    [DFUCAST_STATE_CONNECTING] = "connecting",
	    [DFUCAST_STATE_PREPARING] = "preparing",
	    [DFUCAST_STATE_UPLOADING] = "uploading",
	    [DFUCAST_STATE_VERIFYING] = "verifying",
	    [DFUCAST_STATE_WAITING] = "waiting",
	    [DFUCAST_STATE_TESTING] = "testing",
	    [DFUCAST_STATE_REBOOTING] = "rebooting",
	    [DFUCAST_STATE_CHECKING] = "checking",
	    [DFUCAST_STATE_SOAKING] = "soaking",
	    [DFUCAST_STATE_CONFIRMING] = "confirming",
	    [DFUCAST_STATE_DONE] = "done",
	    [DFUCAST_STATE_HELD] = "held",
	    [DFUCAST_STATE_SKIPPED] = "skipped",
	    [DFUCAST_STATE_REJECTED] = "rejected",
	    [DFUCAST_STATE_REVERTED] = "reverted",
	    [DFUCAST_STATE_BEHIND] = "behind",
	    [DFUCAST_STATE_FAILED] = "failed",
	};

	return state < DFUCAST_STATE_COUNT ? names[state] : "unknown";
}
