/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Somebody's program: the headers are found, the library and zcbor link.
 */
#include <dfucast/port.h>
#include <dfucast/smp_os.h>
#include <stdlib.h>

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	abort();
}

int main(void)
{
	uint8_t frame[32];
	struct dfucast_smp_id id = {DFUCAST_SMP_V2, 1};

	return dfucast_smp_params_encode(frame, sizeof(frame), id) == 9 ? 0 : 1;
}
