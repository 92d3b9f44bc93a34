/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_RING_BUFFER_H
#define FAKE_ZEPHYR_RING_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "../../fake_types.h"

#define RING_BUF_DECLARE(name, bytes_count)                                                                  \
	static uint8_t name##_bytes[bytes_count];                                                            \
	struct ring_buf name = {.bytes = name##_bytes, .size = (bytes_count)}

uint32_t ring_buf_space_get(struct ring_buf *buf);
uint32_t ring_buf_put(struct ring_buf *buf, const uint8_t *data, uint32_t size);
uint32_t ring_buf_get(struct ring_buf *buf, uint8_t *data, uint32_t size);
uint32_t ring_buf_put_claim(struct ring_buf *buf, uint8_t **data, uint32_t size);
int ring_buf_put_finish(struct ring_buf *buf, uint32_t size);
uint32_t ring_buf_get_claim(struct ring_buf *buf, uint8_t **data, uint32_t size);
int ring_buf_get_finish(struct ring_buf *buf, uint32_t size);
bool ring_buf_is_empty(struct ring_buf *buf);

#endif
