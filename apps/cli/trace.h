/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --trace: SMP frames of every transport as a pcap file. Each frame is wrapped in made-up IPv4 and UDP headers, so
 * that Wireshark, tshark and tcpdump open it: this machine is 10.0.0.1, target i (from 0) is 10.0.x.y with
 * x.y = i + 2 in base 256, its port 1337. --log: lines of text with UTC stamps.
 */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct trace {
	FILE *pcap; /* NULL: none */
	FILE *log;  /* NULL: none */
	uint16_t ip_id;
};

/* Opens what is not NULL. False: could not, `why` says so. */
bool trace_open(struct trace *trace, const char *pcap_path, const char *log_path, char *why,
		size_t why_bytes);
/* One SMP frame to (outgoing) or from target `index`. */
void trace_frame(struct trace *trace, unsigned index, bool outgoing, const uint8_t *frame, size_t length);
void trace_log(struct trace *trace, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
/* False: something could not be written (disk full); said on standard error. */
bool trace_close(struct trace *trace);

#endif
