/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What happens on a central's BLE stack, in words that every stack can be put into. A port makes these of its stack's
 * events and gives them, in their order and from its one context, to dfucast_ble_central_event() (ble_central.h).
 */
#ifndef DFUCAST_BLE_EVENT_H
#define DFUCAST_BLE_EVENT_H

#include <dfucast/ble_params.h>
#include <dfucast/ble_scan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Connections a stack can number. */
#define DFUCAST_BLE_HANDLES_MAX 32u

/**
 * A connection as the stack numbers it. Stacks give numbers out again at once; so the port counts the connections that
 * a number has stood for, where the event is *fetched* (in the interrupt), and puts that count into each event it
 * queues. An event or a write of an older connection is then told from those of the present one. ble_door.h counts.
 */
struct dfucast_ble_handle {
	uint8_t index;   /**< the stack's number, 0 … DFUCAST_BLE_HANDLES_MAX - 1 */
	uint8_t opening; /**< which connection under this number; wraps, queues are shorter than 256 */
};

enum dfucast_ble_event_kind {
	DFUCAST_BLE_ADVERTISEMENT,  /**< `report` */
	DFUCAST_BLE_SCAN_STOPPED,   /**< without our asking */
	DFUCAST_BLE_CONNECTED,      /**< `connected` */
	DFUCAST_BLE_CONNECT_FAILED, /**< time-out, or given up by the stack; no handle */
	DFUCAST_BLE_DISCONNECTED,   /**< `number`: HCI reason */
	/* what ends a procedure that was started */
	DFUCAST_BLE_PHY_CHANGED,         /**< also: stays as it was */
	DFUCAST_BLE_DATA_LENGTH_CHANGED, /**< also: stays as it was */
	DFUCAST_BLE_MTU_CHANGED,         /**< `number`: ATT_MTU of the link, 23 … */
	DFUCAST_BLE_PARAMS_CHANGED,      /**< `params`, from now on */
	DFUCAST_BLE_SECURED,             /**< `number`: 0 encrypted; else it failed */
	DFUCAST_BLE_FOUND_SERVICE,       /**< `found`: first and last attribute of the SMP service */
	DFUCAST_BLE_FOUND_CHARACTERISTIC, /**< `found`: declaration and value of a characteristic in the service */
	DFUCAST_BLE_FOUND_DESCRIPTOR, /**< `found.last`: a descriptor behind the characteristic's value */
	/** The discovery's answer is over; `number` 0: there may be more behind what was found, 1: nothing more. */
	DFUCAST_BLE_DISCOVERED,
	DFUCAST_BLE_WRITTEN, /**< write with response; `number`: ATT error code, 0 success */
	/* what comes by itself */
	DFUCAST_BLE_NOTIFIED,       /**< `value` */
	DFUCAST_BLE_WRITES_SENT,    /**< `number` of writes without response have left the queue */
	DFUCAST_BLE_PARAMS_ASKED,   /**< `asked`: must be answered */
	DFUCAST_BLE_SECURITY_ASKED, /**< the peripheral asks for encryption */
	DFUCAST_BLE_DEAF,           /**< an attribute procedure timed out: the stack takes none any more */
};

struct dfucast_ble_event {
	uint8_t kind; /**< enum dfucast_ble_event_kind */
	struct dfucast_ble_handle handle;
	union {
		uint16_t number;
		struct dfucast_ble_report report;
		struct dfucast_ble_params params;
		struct dfucast_ble_params_asked asked;
		struct {
			struct dfucast_ble_address address;
			struct dfucast_ble_params params;
		} connected;
		struct {
			uint16_t first;
			uint16_t last;
			bool wanted; /**< its UUID is the SMP characteristic's; or 0x2902, of a descriptor */
		} found;
		struct {
			const uint8_t *bytes; /**< valid during the call */
			uint16_t length;
			uint16_t attribute;
		} value;
	};
};

/** What the stack said when it was asked to do something. */
enum dfucast_ble_result {
	DFUCAST_BLE_STARTED, /**< done with, or an event will tell */
	DFUCAST_BLE_DONE,    /**< it is so already: no event will come */
	DFUCAST_BLE_BUSY,    /**< not now: it is asked again a little later */
	DFUCAST_BLE_REFUSED, /**< not on this link, or never */
	DFUCAST_BLE_GONE, /**< the handle means another connection, or none: DISCONNECTED is in the queue */
};

#ifdef __cplusplus
}
#endif
#endif
