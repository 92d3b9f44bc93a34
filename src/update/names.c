/* SPDX-License-Identifier: Apache-2.0 */
/* The words for the steps of one device's update, for logs and reports. */
#include <dfucast/update.h>

const char *dfucast_update_state_name(enum dfucast_update_state state)
{
	static const char *const names[DFUCAST_UPDATE_STATE_COUNT] = {
	    [DFUCAST_UPDATE_IDLE] = "idle",         [DFUCAST_UPDATE_CONNECT] = "connect",
	    [DFUCAST_UPDATE_RESYNC] = "resync",     [DFUCAST_UPDATE_PARAMS] = "params",
	    [DFUCAST_UPDATE_MODE] = "mode",         [DFUCAST_UPDATE_SLOTS] = "slots",
	    [DFUCAST_UPDATE_INSPECT] = "inspect",   [DFUCAST_UPDATE_ERASE] = "erase",
	    [DFUCAST_UPDATE_FIRST] = "first",       [DFUCAST_UPDATE_STREAM] = "stream",
	    [DFUCAST_UPDATE_VERIFY] = "verify",     [DFUCAST_UPDATE_READY] = "ready",
	    [DFUCAST_UPDATE_TEST] = "test",         [DFUCAST_UPDATE_PRECHECK] = "precheck",
	    [DFUCAST_UPDATE_RESET] = "reset",       [DFUCAST_UPDATE_SWAP] = "swap",
	    [DFUCAST_UPDATE_RETURN] = "return",     [DFUCAST_UPDATE_SOAK] = "soak",
	    [DFUCAST_UPDATE_CONFIRM] = "confirm",   [DFUCAST_UPDATE_FINAL] = "final",
	    [DFUCAST_UPDATE_RECOVERY] = "recovery", [DFUCAST_UPDATE_ENDED] = "ended",
	};

	return state < DFUCAST_UPDATE_STATE_COUNT ? names[state] : "unknown";
}
