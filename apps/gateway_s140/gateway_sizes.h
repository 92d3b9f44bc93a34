/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * How large the gateway is: for apps/gateway_ble. Each can be given on the compiler's command line.
 */
#ifndef GATEWAY_SIZES_H
#define GATEWAY_SIZES_H

#include "s140.h"

#ifndef GATEWAY_LINKS
#define GATEWAY_LINKS 8
#endif
/** Devices that a plan can name; more than links: waves. */
#ifndef GATEWAY_TARGETS
#define GATEWAY_TARGETS (GATEWAY_LINKS > 16 ? 40 : 24)
#endif
#ifndef GATEWAY_RING_BYTES
#define GATEWAY_RING_BYTES 65536
#endif
#ifndef GATEWAY_WRITE_QUEUE
#define GATEWAY_WRITE_QUEUE (GATEWAY_LINKS > 15 ? 1 : 2)
#endif
/** The SoftDevice gives its links 64 KiB at most: beyond 14 links it has to be a smaller ATT_MTU; 176 for 20. */
#ifndef GATEWAY_MTU
#define GATEWAY_MTU DFUCAST_S140_MTU_FITS(GATEWAY_LINKS, GATEWAY_WRITE_QUEUE)
#endif
#define GATEWAY_VALUE_BYTES (GATEWAY_MTU - 3)

#endif
