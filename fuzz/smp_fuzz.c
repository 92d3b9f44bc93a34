/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * libFuzzer: any bytes as an SMP frame from a peer. Header and matching, then the body through every decoder; what
 * they must hold to is in smp_decode_all.h.
 */
#include "../tests/unit/smp_decode_all.h"

#include <dfucast/port.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	abort(); /* no byte from a peer may get here */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dfucast_smp_client client;
	struct dfucast_smp_header header;
	uint8_t again[DFUCAST_SMP_HEADER_BYTES];

	if (size < DFUCAST_SMP_HEADER_BYTES) {
		return 0;
	}
	dfucast_smp_client_init(&client, data[6]);
	dfucast_smp_client_add(&client, (enum dfucast_smp_request)(DFUCAST_SMP_REQUEST_ECHO + data[1] % 10u),
			       0, 0);
	dfucast_smp_client_add(&client, DFUCAST_SMP_REQUEST_RAW, 0x02000105u, 0);
	dfucast_smp_header_decode(&header, data);
	int index = dfucast_smp_client_match(&client, &header);

	MUST(index >= -1 && index < 2);
	if (index >= 0) {
		MUST(client.pending[index].sequence == header.sequence);
		dfucast_smp_client_remove(&client, index);
		MUST(dfucast_smp_client_match(&client, &header) < 0);
	}
	dfucast_smp_header_encode(&header, again);
	MUST((data[0] & 0xE0) != 0 || memcmp(again, data, sizeof(again)) == 0);
	smp_decode_all(data + DFUCAST_SMP_HEADER_BYTES, size - DFUCAST_SMP_HEADER_BYTES);
	return 0;
}
