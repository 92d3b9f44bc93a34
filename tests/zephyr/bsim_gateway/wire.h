/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * In the UART's place, for the simulated board has none: two directions at BAUD, and flow control. At the gateway's end are the
 * port's calls (dfucast_zephyr.h); these are the host's.
 */
#ifndef BSIM_WIRE_H
#define BSIM_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <zephyr/kernel.h>

/** @p wake is given when something came or went. */
void wire_host_init(struct k_sem *wake);
size_t wire_host_read(uint8_t *bytes, size_t capacity);
/** @return how many were taken */
size_t wire_host_write(const uint8_t *bytes, size_t length);

#endif
