/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway's devices on links of this machine: UDP, serial ports, TCP. */
#include "gateway.h"
#include "update.h"
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

void gateway_left(const struct gateway_job *job)
{
	char word[5 * DFUCAST_LINUX_TEXT_BYTES];

	for (uint16_t i = 0; i < job->gateway.target_count; i++) {
		const struct dfucast_gateway_target *target = dfucast_gateway_target(&job->gateway, i);
		size_t index = (size_t)(target->address[0] | target->address[1] << 8);
		const char *text = job->targets.items[index].text;
		struct dfucast_status status;

		dfucast_cast_status(&job->gateway.cast, i, &status);
		fprintf(stderr, "%s: %s.\n", text, update_holds_words(status.holds));
		if (job->fleet != NULL) {
			continue; /* gone with this run: nothing to run next */
		}
		if (status.holds == DFUCAST_HOLDS_TRIAL) {
			fprintf(stderr, "  to keep it: dfucast image confirm %s\n",
				output_shell_word(word, sizeof(word), text));
		}
		if (status.holds == DFUCAST_HOLDS_UNKNOWN) {
			fprintf(stderr, "  to see what it runs, in %u seconds: dfucast image list %s\n",
				UPDATE_BOOT_S, output_shell_word(word, sizeof(word), text));
		}
	}
}
