/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_SMP_H
#define FAKE_ZEPHYR_SMP_H

#include <zephyr/mgmt/mcumgr/transport/smp.h>
#include <zephyr/net/buf.h>

#include "../../../../fake_types.h"

struct smp_streamer {
	struct smp_transport *smpt;
	struct cbor_nb_reader *reader;
	struct cbor_nb_writer *writer;
};

struct net_buf *smp_packet_alloc(void);
void smp_packet_free(struct net_buf *nb);
int smp_process_request_packet(struct smp_streamer *streamer, void *req);

#endif
