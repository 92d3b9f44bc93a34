/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A product's own part, beside the gateway in the same central: it is connected to LINKS sensors all the time, hears a number of
 * each once a second (../bsim_board/tick.h), and lends the links. Called from the gateway's thread.
 */
#ifndef BSIM_APPLICATION_H
#define BSIM_APPLICATION_H

#include <dfucast/ble_scan.h>
#include <zephyr/bluetooth/conn.h>

void application_start(struct k_sem *wake);
/** Connects who is away, subscribes, offers links that are back. @return true: all are connected and subscribed */
bool application_poll(void);
/** @return the connection, NULL: away, or not one of ours: then *ours is false */
struct bt_conn *application_connection(const struct dfucast_ble_address *address, bool *ours);
/** A line for each sensor: numbers heard, and missed while it was connected. */
void application_print(void);

#endif
