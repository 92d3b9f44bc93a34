/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of `dfucast gateway`, which depends on the number of its devices.
 */
#include "gateway.h"
#include "sim/run/fleet.h"
#include <stdlib.h>

#define MATCH_LINES_MAX (UINT16_MAX / sizeof(struct dfucast_match))

bool gateway_memory(struct gateway_job *job)
{
	struct dfucast_cast_config *cast = &job->config.cast;
	size_t count = job->targets.count;
	struct dfucast_gateway_target *defaults = calloc(count, sizeof(*defaults));

	job->config.targets = calloc(count, sizeof(*job->config.targets));
	job->config.defaults = defaults;
	cast->devices = calloc(count, sizeof(struct dfucast_update));
	cast->targets = calloc(count, sizeof(*cast->targets));
	cast->ring = malloc(job->options.ring_bytes);
	job->ways = calloc(count, sizeof(*job->ways));
	/* A list of four lines with long texts for every target, as far as 16 bits count. */
	size_t lines = 64 + count * 32 < MATCH_LINES_MAX ? 64 + count * 32 : MATCH_LINES_MAX;

	job->config.match = calloc(lines, sizeof(*job->config.match));
	job->config.match_bytes = (uint16_t)(lines * sizeof(*job->config.match));
	job->config.boards = calloc(count, sizeof(*job->config.boards));
	if (defaults == NULL || job->config.targets == NULL || cast->devices == NULL ||
	    cast->targets == NULL || cast->ring == NULL || job->ways == NULL || job->config.match == NULL ||
	    job->config.boards == NULL) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		defaults[i].address[0] = (uint8_t)i;
		defaults[i].address[1] = (uint8_t)(i >> 8);
	}
	return true;
}

void gateway_memory_free(struct gateway_job *job)
{
	struct dfucast_cast_config *cast = &job->config.cast;

	sim_fleet_free(job->fleet);
	free((void *)job->config.defaults);
	free(job->config.targets);
	free(job->config.match);
	free(job->config.boards);
	free(cast->devices);
	free(cast->targets);
	free(cast->ring);
	free(job->ways);
	free(job->options.to);
	cli_targets_free(&job->targets);
}
