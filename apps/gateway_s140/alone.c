/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway by itself: no application, so no link is anybody else's. */
#include "board.h"
#include "gateway.h"

enum dfucast_ble_ownership gateway_owner(const struct dfucast_ble_address *address, uint16_t *conn_handle,
					 ble_gap_conn_params_t *params, uint16_t *att_mtu)
{
	(void)address;
	(void)conn_handle;
	(void)params;
	(void)att_mtu;
	return DFUCAST_BLE_NOT_OWNED;
}
