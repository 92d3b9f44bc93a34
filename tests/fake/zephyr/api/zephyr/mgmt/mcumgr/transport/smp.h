/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_TRANSPORT_SMP_H
#define FAKE_ZEPHYR_TRANSPORT_SMP_H

#if __has_include(<zephyr/version.h>)
#include <zephyr/version.h>
#else
#include <version.h>
#endif
#include <zephyr/net/buf.h>

typedef int (*smp_transport_out_fn)(struct net_buf *nb);

#if KERNEL_VERSION_NUMBER >= 0x030300
struct smp_transport_api_t {
	smp_transport_out_fn output;
};

struct smp_transport {
	struct smp_transport_api_t functions;
};
#else
struct smp_transport {
	smp_transport_out_fn output;
};
#endif

#endif
