/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The gateway beside a running S140 application: an observer, a UART hook and a tick. docs/s140-beside.md.
 */
#ifndef GATEWAY_S140_BESIDE_H
#define GATEWAY_S140_BESIDE_H

#include "gateway.h"

/** The product's: whether it connects this device by itself. */
bool beside_is_mine(const struct dfucast_ble_address *address);

/** Once the application's SoftDevice is on, before its first connection. As gateway_start(). */
uint32_t beside_start(bool application_answers);
/** Every BLE event, from the application's observer, at any level: for the gateway, and for the table of own links. */
void beside_event(const ble_evt_t *event);
/** Bytes that the application's UART brought for the gateway, at any level. @return how many found room */
size_t beside_uart_received(const uint8_t *bytes, size_t length);
/** Bytes that the gateway wants sent: as many as the application's UART takes now. @return how many */
size_t beside_uart_to_send(uint8_t *bytes, size_t capacity);
/** From the main loop, after each event and at the time that it returned last. */
uint32_t beside_tick(void);

#endif
