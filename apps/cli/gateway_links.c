/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway's devices on links of this machine: UDP, serial ports, TCP. */
#include "gateway.h"
#include <stdlib.h>

static void changed(void *context)
{
	gateway_changed(context);
}

static void traced(void *context, uint16_t target, bool outgoing, const uint8_t *frame, size_t length)
{
	struct gateway_job *job = context;

	trace_frame(&job->cli.trace, target, outgoing, frame, length);
}

int gateway_links_start(struct gateway_job *job)
{
	const struct dfucast_linux_runner_config config = {
	    .loop = &job->cli.loop,
	    .targets = job->targets.items,
	    .ways = job->ways,
	    .target_count = (uint16_t)job->targets.count,
	    .gateway = &job->gateway,
	    .changed = changed,
	    .trace = traced,
	    .context = job,
	};

	dfucast_linux_runner_start(&job->runner, dfucast_gateway_cast(&job->gateway), &config);
	return CLI_EXIT_OK;
}

void gateway_links_serve(struct gateway_job *job)
{
	dfucast_linux_runner_serve(&job->runner);
}

void gateway_links_close(struct gateway_job *job)
{
	dfucast_linux_runner_close(&job->runner);
}
