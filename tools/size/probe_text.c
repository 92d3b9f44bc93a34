/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What `text` of ./dev size counts: a central that updates devices over BLE and one UART, swap mode, canary and all.
 * A table of the calls that such a program makes; the linker then drops whatever none of them reaches. The table is
 * in a section of its own that is not counted.
 */
#include <dfucast/ble.h>
#include <dfucast/cast.h>
#include <dfucast/framing.h>
#include <dfucast/update.h>

typedef void (*call)(void);

#define CALL(function) ((call)(function))

struct probe {
	const void *consumer;
	call calls[32];
};

__attribute__((section(".probe"), used)) const struct probe dfucast_probe = {
    .consumer = &dfucast_update_consumer,
    .calls =
	{
	    CALL(dfucast_cast_init),
	    CALL(dfucast_cast_start),
	    CALL(dfucast_cast_set_image_verified),
	    CALL(dfucast_cast_need),
	    CALL(dfucast_cast_feed),
	    CALL(dfucast_cast_next_request),
	    CALL(dfucast_cast_link_up),
	    CALL(dfucast_cast_link_down),
	    CALL(dfucast_cast_resynced),
	    CALL(dfucast_cast_recv),
	    CALL(dfucast_cast_noise),
	    CALL(dfucast_cast_begin),
	    CALL(dfucast_cast_read),
	    CALL(dfucast_cast_sent),
	    CALL(dfucast_cast_deadline),
	    CALL(dfucast_cast_tick),
	    CALL(dfucast_cast_stop),
	    CALL(dfucast_cast_is_done),
	    CALL(dfucast_cast_status),
	    CALL(dfucast_ble_pool_init),
	    CALL(dfucast_ble_link_reset),
	    CALL(dfucast_ble_tx_partial),
	    CALL(dfucast_ble_send),
	    CALL(dfucast_ble_sent),
	    CALL(dfucast_ble_recv),
	    CALL(dfucast_framing_init),
	    CALL(dfucast_framing_reset),
	    CALL(dfucast_framing_send),
	    CALL(dfucast_framing_recv),
	    CALL(dfucast_cast_frame_source),
	    CALL(dfucast_cast_frame_sink),
	},
};
