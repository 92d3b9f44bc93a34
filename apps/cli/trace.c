/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap and log files; what they look like is in trace.h. Format of pcap: draft-ietf-opsawg-pcap.
 */
#define _GNU_SOURCE 1
#include "trace.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define IP_BYTES 20u
#define UDP_BYTES 8u
#define LINKTYPE_RAW 101u
#define SMP_PORT 1337u
#define HOST_PORT 49152u
#define FRAME_BYTES_MAX (65535u - IP_BYTES - UDP_BYTES)

static void put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

/* One's complement sum over the IPv4 header, whose checksum field is 0. */
static uint16_t ip_checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < IP_BYTES; i += 2)
		sum += (uint32_t)(header[i] << 8 | header[i + 1]);
	while (sum > 0xFFFF)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return (uint16_t)~sum;
}

static FILE *open_file(const char *path, const char *mode, char *why, size_t why_bytes)
{
	FILE *file = fopen(path, mode);

	if (file == NULL)
		(void)snprintf(why, why_bytes, "%s cannot be written: %s", path, strerror(errno));
	return file;
}

bool trace_open(struct trace *trace, const char *pcap_path, const char *log_path, char *why, size_t why_bytes)
{
	/* host byte order, as the magic number tells readers */
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		int32_t zone;
		uint32_t accuracy, snap_bytes, link_type;
	} header = {0xA1B2C3D4u, 2, 4, 0, 0, 65535, LINKTYPE_RAW};

	memset(trace, 0, sizeof(*trace));
	if (pcap_path != NULL) {
		trace->pcap = open_file(pcap_path, "we", why, why_bytes);
		if (trace->pcap == NULL)
			return false;
		(void)fwrite(&header, sizeof(header), 1, trace->pcap);
	}
	if (log_path != NULL) {
		trace->log = open_file(log_path, "ae", why, why_bytes);
		if (trace->log == NULL) {
			(void)trace_close(trace);
			return false;
		}
		(void)setvbuf(trace->log, NULL, _IOLBF, 0);
	}
	return true;
}

void trace_frame(struct trace *trace, unsigned index, bool outgoing, const uint8_t *frame, size_t length)
{
	uint8_t headers[IP_BYTES + UDP_BYTES] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17};
	uint8_t *ip_target = headers + (outgoing ? 16 : 12);
	uint8_t *ip_host = headers + (outgoing ? 12 : 16);
	uint8_t *udp = headers + IP_BYTES;
	struct timespec now;
	uint32_t record[4];

	if (trace->pcap == NULL || length > FRAME_BYTES_MAX)
		return;
	put16(headers + 2, (uint32_t)(sizeof(headers) + length));
	put16(headers + 4, trace->ip_id++);
	put16(ip_host, 10 << 8);
	put16(ip_host + 2, 1);
	put16(ip_target, 10 << 8);
	put16(ip_target + 2, index + 2);
	put16(headers + 10, ip_checksum(headers));
	put16(udp, outgoing ? HOST_PORT : SMP_PORT);
	put16(udp + 2, outgoing ? SMP_PORT : HOST_PORT);
	put16(udp + 4, (uint32_t)(UDP_BYTES + length)); /* checksum 0: none, which IPv4 allows */

	(void)clock_gettime(CLOCK_REALTIME, &now);
	record[0] = (uint32_t)now.tv_sec;
	record[1] = (uint32_t)(now.tv_nsec / 1000);
	record[2] = (uint32_t)(sizeof(headers) + length);
	record[3] = record[2];
	(void)fwrite(record, sizeof(record), 1, trace->pcap);
	(void)fwrite(headers, sizeof(headers), 1, trace->pcap);
	(void)fwrite(frame, 1, length, trace->pcap);
	/* whole records in the file even if this process is killed */
	(void)fflush(trace->pcap);
}

void trace_log(struct trace *trace, const char *format, va_list arguments)
{
	struct timespec now;
	struct tm utc;
	char stamp[32];

	if (trace->log == NULL)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	(void)fprintf(trace->log, "%s.%03ldZ ", stamp, now.tv_nsec / 1000000);
	(void)vfprintf(trace->log, format, arguments);
	(void)fputc('\n', trace->log);
}

static bool close_file(FILE **file, const char *what)
{
	bool good;

	if (*file == NULL)
		return true;
	good = ferror(*file) == 0;
	if (fclose(*file) != 0)
		good = false;
	*file = NULL;
	if (!good)
		(void)fprintf(stderr,
			      "dfucast: the %s file is not complete. Look at the space on its disk.\n", what);
	return good;
}

bool trace_close(struct trace *trace)
{
	bool pcap = close_file(&trace->pcap, "trace");
	bool log = close_file(&trace->log, "log");

	return pcap && log;
}
