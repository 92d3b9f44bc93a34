/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the application lends and answers for: its own links, and passkeys.
 */
#include "central_internal.h"

bool dfucast_ble_central_agrees(const struct dfucast_ble_central *central, struct dfucast_ble_handle handle,
				const struct dfucast_ble_params_asked *asked)
{
	const struct dfucast_ble_conn *conn = dfucast_central_of_handle(central, handle);
	struct dfucast_ble_params wanted;

	if (conn == NULL)
		return false;
	wanted = dfucast_central_wanted(central, conn);
	return wanted.interval != 0 && dfucast_ble_params_agree(&wanted, asked);
}

bool dfucast_ble_central_passkey(const struct dfucast_ble_central *central, struct dfucast_ble_handle handle,
				 uint32_t *passkey)
{
	const struct dfucast_ble_conn *conn = dfucast_central_of_handle(central, handle);

	if (conn == NULL || conn->state == CENTRAL_OFFERED ||
	    central_target(central, conn)->passkey == DFUCAST_BLE_NO_PASSKEY)
		return false;
	*passkey = central_target(central, conn)->passkey - 1u;
	return true;
}

/* ---- the application's links ---- */

bool dfucast_ble_central_adopt(struct dfucast_ble_central *central, const struct dfucast_ble_offer *offer,
			       uint32_t now)
{
	struct dfucast_ble_conn *conn = NULL;

	if (offer->target >= central->config.target_count)
		return false;
	conn = dfucast_central_of_handle(central, offer->handle);
	if (conn != NULL && (conn->state != CENTRAL_OFFERED || conn->target == offer->target))
		return false;
	if (conn != NULL)
		*conn = (struct dfucast_ble_conn){0}; /* lent for a number that it had in another plan */
	conn = NULL;
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		struct dfucast_ble_conn *other = &central->config.conns[i];

		if (other->state == CENTRAL_FREE || other->target != offer->target)
			continue;
		if (other->state != CENTRAL_SEEK)
			return false;
		conn = other; /* it is waited for */
	}
	if (conn == NULL)
		conn = dfucast_central_in_state(central, 0, CENTRAL_FREE);
	if (conn == NULL)
		return false;
	bool wanted = conn->state == CENTRAL_SEEK;

	conn->target = offer->target;
	conn->handle = offer->handle;
	conn->before = offer->params;
	conn->setup.mtu = offer->mtu;
	conn->setup.value = offer->value;
	conn->setup.ccc = offer->ccc;
	conn_set(conn, CONN_ADOPTED | (offer->secured ? CONN_SECURE_TRIED : 0));
	dfucast_central_enter(conn, CENTRAL_OFFERED, now);
	if (wanted)
		dfucast_central_use_offer(central, conn, now);
	return true;
}

bool dfucast_ble_central_release(struct dfucast_ble_central *central, struct dfucast_ble_handle handle)
{
	struct dfucast_ble_conn *conn = dfucast_central_of_handle(central, handle);

	if (conn != NULL && conn->state != CENTRAL_OFFERED)
		return false;
	if (conn != NULL)
		*conn = (struct dfucast_ble_conn){0};
	return true;
}

void dfucast_ble_central_renumber(struct dfucast_ble_central *central, uint16_t target)
{
	struct dfucast_ble_conn *conn = dfucast_central_in_state(central, target, CENTRAL_OFFERED);

	if (conn != NULL)
		*conn = (struct dfucast_ble_conn){0};
}

bool dfucast_ble_central_uses(const struct dfucast_ble_central *central, struct dfucast_ble_handle handle)
{
	const struct dfucast_ble_conn *conn = dfucast_central_of_handle(central, handle);

	return conn != NULL && conn->state != CENTRAL_OFFERED;
}
