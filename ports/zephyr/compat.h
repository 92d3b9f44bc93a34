/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What differs between Zephyr 3.2 and 4.x, all of it: nothing else in this port asks for a version. Which trees it was built
 * with, and what is only read: docs/zephyr.md.
 */
#ifndef DFUCAST_ZEPHYR_COMPAT_H
#define DFUCAST_ZEPHYR_COMPAT_H

#include <zephyr/bluetooth/bluetooth.h>
#include <zephyr/bluetooth/conn.h>
#include <zephyr/bluetooth/gatt.h>
#include <zephyr/bluetooth/hci.h>
#include <zephyr/bluetooth/uuid.h>
#include <zephyr/device.h>
#include <zephyr/kernel.h>

/* 3.7 moved the generated header. */
#if __has_include(<zephyr/version.h>)
#include <zephyr/version.h>
#else
#include <version.h>
#endif

/* 3.5 renamed it. */
#if __has_include(<zephyr/random/random.h>)
#include <zephyr/random/random.h>
#else
#include <zephyr/random/rand32.h>
#endif

/* From 4.0 a callback tells when a connection's memory is free again; before, a connect that came too early is tried again. */
#if KERNEL_VERSION_NUMBER >= 0x040000
#define DFUCAST_ZEPHYR_RECYCLED(function) .recycled = (function),
#else
#define DFUCAST_ZEPHYR_RECYCLED(function)
#endif

/* Where an SMP transport of Zephyr's has its output function: 3.3 put it into a structure. */
#if KERNEL_VERSION_NUMBER >= 0x030300
#define DFUCAST_ZEPHYR_SMP_OUTPUT(transport) (transport).functions.output
#else
#define DFUCAST_ZEPHYR_SMP_OUTPUT(transport) (transport).output
#endif

/*
 * A link's slot as the controller was configured. The NCS's reserves it in each interval. Zephyr's own puts each new link's
 * events so far behind those of the one before, whatever the interval: a longer one than all of them only waits. At 0 that is
 * about what a pair of longest packets takes at 1M.
 */
#if defined(CONFIG_BT_CTLR_SDC_MAX_CONN_EVENT_LEN_DEFAULT)
#define DFUCAST_ZEPHYR_SLOT_US CONFIG_BT_CTLR_SDC_MAX_CONN_EVENT_LEN_DEFAULT
#elif defined(CONFIG_BT_CTLR_CENTRAL_SPACING)
#define DFUCAST_ZEPHYR_SLOT_US                                                                               \
	(CONFIG_BT_CTLR_CENTRAL_SPACING > 5000 ? CONFIG_BT_CTLR_CENTRAL_SPACING + 0u : 5000u)
#else
#define DFUCAST_ZEPHYR_SLOT_US 0
#endif

#endif
