/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DFUCAST_HOST_INTERNAL_H
#define DFUCAST_HOST_INTERNAL_H

#include <dfucast/host.h>

/* The plan or one of its targets has a match list. */
bool dfucast_host_has_match(const struct dfucast_host_config *config);

#endif
