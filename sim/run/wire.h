/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * One upload by the real core to one model peripheral over a console, in virtual time: a round trip, a line rate, and a
 * server that takes its time for each request and each byte. For holding predictions against real boards.
 */
#ifndef SIM_RUN_WIRE_H
#define SIM_RUN_WIRE_H

#include <stdbool.h>
#include <stdint.h>

struct sim_wire_options {
	uint32_t rtt_us;      /**< there and back, beside what follows */
	uint32_t baud;        /**< of the line, each way, ten bits a byte; 0: no limit */
	uint32_t request_us;  /**< the server's time for a request */
	uint32_t byte_ns;     /**< and for each byte of image data */
	uint32_t image_bytes; /**< at least 2048 */
	uint16_t buf_size;
	uint8_t buf_count;
	uint8_t window; /**< most requests in flight; 0: the core's choice */
};

void sim_wire_defaults(struct sim_wire_options *options);
/**
 * @param upload_us  from the first chunk's answer to the last byte's, as `dfucast update --json` shows them
 * @return false: the options make no sense, or the upload did not end well
 */
bool sim_wire_upload(const struct sim_wire_options *options, uint64_t *upload_us);

#endif
