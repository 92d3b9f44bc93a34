/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scanner and initiator: whoever is wanted and shows up is connected, one at a time, in the order of showing up. The
 * scanner runs while somebody is sought and the initiator is free. Nobody waits for a device that is not there: an
 * attempt is made only after an advertisement of it, and takes no longer than its next one may.
 */
#include "central_internal.h"

static bool matches(const struct dfucast_ble_central *central, const struct dfucast_ble_conn *conn,
		    const struct dfucast_ble_report *report, const struct dfucast_ble_adv *adv)
{
	const struct dfucast_ble_target *target = central_target(central, conn);

	if (target->flags & DFUCAST_BLE_TARGET_OWNED)
		return false;
	if (target->flags & DFUCAST_BLE_TARGET_PINNED)
		return dfucast_ble_address_equal(&target->address, &report->address);
	if (target->name != NULL ? !dfucast_ble_name_matches(adv, target->name)
				 : adv->protocol != DFUCAST_BLE_PROTOCOL_SMP)
		return false;
	for (unsigned int i = 0; i < central->config.target_count; i++) {
		const struct dfucast_ble_target *other = &central->config.targets[i];

		if ((other->flags & DFUCAST_BLE_TARGET_PINNED) &&
		    dfucast_ble_address_equal(&other->address, &report->address))
			return false; /* another target's */
	}
	return true;
}

bool dfucast_central_heard(struct dfucast_ble_central *central, const struct dfucast_ble_report *report,
			   uint32_t now)
{
	struct dfucast_ble_adv adv;

	central->scan_ms = now;
	dfucast_ble_adv_look(report, &adv);
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		struct dfucast_ble_conn *conn = &central->config.conns[i];
		struct dfucast_ble_target *target;

		if (conn->state != CENTRAL_SEEK || !report->connectable ||
		    !matches(central, conn, report, &adv))
			continue;
		target = central_target(central, conn);
		target->rssi = report->rssi;
		target->address = report->address;
		target->flags |= DFUCAST_BLE_TARGET_PINNED;
		dfucast_ble_period_heard(&conn->heard, now);
		/* After an attempt that took too long: once more only with its period known. */
		if (conn->tries == 0 || conn->heard.period_ms != 0)
			dfucast_central_enter(conn, CENTRAL_CONNECT, now);
		return true;
	}
	return false;
}

void dfucast_central_connect_failed(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
				    uint32_t now)
{
	if (conn_has(conn, CONN_CLOSED))
		dfucast_central_end(central, conn, DFUCAST_ERR_OK, now);
	else if (++conn->tries < CENTRAL_CONNECT_TRIES)
		dfucast_central_enter(conn, CENTRAL_SEEK, now);
	else
		dfucast_central_end(central, conn, DFUCAST_ERR_UNREACHABLE, now);
}

/* Links with traffic, which the scanner must leave room for. */
static unsigned int links_up(const struct dfucast_ble_central *central)
{
	unsigned int up = 0;

	for (unsigned int i = 0; i < central->config.conn_count; i++)
		up += conn_is_ours(&central->config.conns[i]);
	return up;
}

static bool scanner(struct dfucast_ble_central *central, struct dfucast_ble_op *op, bool wanted, uint32_t now)
{
	unsigned int up = links_up(central);

	if (central->scanning) {
		if (wanted && central->scan_shared == (up != 0) &&
		    !central_reached(now, central->scan_ms + CENTRAL_RESCAN_MS))
			return false;
		op->kind = DFUCAST_BLE_OP_SCAN_STOP;
		return true;
	}
	if (!wanted)
		return false;
	op->kind = DFUCAST_BLE_OP_SCAN_START;
	op->duty = dfucast_ble_scan_duty(&central->config.air, &central->slots, up);
	central->scan_shared = up != 0;
	return true;
}

static void connect_to(struct dfucast_ble_central *central, struct dfucast_ble_conn *conn,
		       struct dfucast_ble_op *op)
{
	op->kind = DFUCAST_BLE_OP_CONNECT;
	op->conn = conn;
	op->target = conn->target;
	op->address = &central_target(central, conn)->address;
	op->params = dfucast_ble_params_make(central->slots.interval, 0);
	op->timeout_ms = dfucast_ble_connect_ms(&conn->heard);
	op->duty = dfucast_ble_scan_duty(&central->config.air, &central->slots, links_up(central));
}

bool dfucast_central_radio(struct dfucast_ble_central *central, struct dfucast_ble_op *op, uint32_t now)
{
	struct dfucast_ble_conn *next = NULL;
	bool sought = central->listen;

	if (central->radio_retrying)
		return false;
	for (unsigned int i = 0; i < central->config.conn_count; i++) {
		struct dfucast_ble_conn *conn = &central->config.conns[i];

		if (conn_initiates(conn))
			return false; /* its end wakes us */
		if (conn->state == CENTRAL_CONNECT &&
		    (next == NULL || (int32_t)(conn->deadline_ms - next->deadline_ms) < 0))
			next = conn; /* who showed up first */
		sought |= conn->state == CENTRAL_SEEK &&
			  !(central_target(central, conn)->flags & DFUCAST_BLE_TARGET_OWNED);
	}
	if (scanner(central, op, sought && next == NULL, now))
		return true;
	if (next != NULL)
		connect_to(central, next, op);
	return next != NULL;
}
