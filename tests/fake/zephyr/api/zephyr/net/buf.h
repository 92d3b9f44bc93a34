/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_NET_BUF_H
#define FAKE_ZEPHYR_NET_BUF_H

#include <stddef.h>
#include <stdint.h>

struct net_buf {
	uint8_t *data;
	uint16_t len;
};

size_t net_buf_tailroom(struct net_buf *buf);
void *net_buf_add_mem(struct net_buf *buf, const void *mem, size_t len);

#endif
