/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast gateway`, in four files: cmd_gateway.c (the command line, what is told), gateway_memory.c, gateway_links.c (devices on
 * links of this machine), gateway_sim.c (virtual devices, in real time).
 */
#ifndef CLI_GATEWAY_H
#define CLI_GATEWAY_H

#include "cli.h"
#include "host.h"
#include "runner.h"
#include <dfucast/gateway.h>

struct sim_fleet;

struct gateway_options {
	struct cli_common common;
	const char *host;
	const char *radio; /* NULL: links */
	const char **to;
	size_t to_count;
	uint32_t ring_bytes;
	long buf_size;
	long speed;
	long links; /* 0: as many as targets */
	long canary;
	long max_failed;
	enum dfucast_update_mode mode;
	uint32_t gather_ms;
	uint32_t release_ms;
	bool forward_only;
	bool mixed;
	bool allow_downgrade;
	bool allow_no_revert;
	bool erase_settings;
	long slot;     /* the image is linked for; -1: not said */
	int boot_mode; /* enum dfucast_boot_mode where a device does not tell; -1: not given */
	bool once;
};

#define GATEWAY_SUMS 128u
#define GATEWAY_ANSWER_BYTES 8192u
#define GATEWAY_LOG_LINES 256u

struct gateway_job {
	struct cli cli;
	struct gateway_options options;
	struct cli_targets targets; /* names, also of virtual devices */
	struct dfucast_gateway gateway;
	struct dfucast_gateway_config config;
	struct dfucast_gateway_port port;
	struct dfucast_linux_host *host;
	char host_said[200]; /* the last of its link since the last request */
	struct dfucast_linux_sha256 hashes[2];
	uint32_t sums[GATEWAY_SUMS];
	uint8_t answer[GATEWAY_ANSWER_BYTES];
	uint8_t relay[DFUCAST_LINUX_FRAME_BYTES_MAX];
	struct dfucast_smp_fleet_event log[GATEWAY_LOG_LINES];
	uint32_t told;     /* number of the last event that was told */
	uv_timer_t linger; /* --once: until the host has read what it wants */
	bool finished;

	struct dfucast_linux_runner runner; /* links */
	struct dfucast_linux_way *ways;

	struct sim_fleet *fleet; /* sim */
	uv_timer_t pace;
	uint64_t begun_ns;
};

/* For job->targets. @return false: no memory; what there is of it is freed all the same. */
bool gateway_memory(struct gateway_job *job);
void gateway_memory_free(struct gateway_job *job);

/* The gateway's time, ms. */
uint32_t gateway_now(const struct gateway_job *job);
/* After every event: tells what is new, sends the answer that is ready. */
void gateway_changed(struct gateway_job *job);

/* Interrupted in the middle of an update: what each device holds, and the command that confirms those on trial. */
void gateway_left(const struct gateway_job *job);

/* Each: begins to serve devices; serves what a frame of the host led to; ends. */
int gateway_links_start(struct gateway_job *job);
void gateway_links_serve(struct gateway_job *job);
void gateway_links_close(struct gateway_job *job);
int gateway_sim_targets(struct gateway_job *job);
int gateway_sim_start(struct gateway_job *job);
void gateway_sim_advance(struct gateway_job *job);
void gateway_sim_serve(struct gateway_job *job);
void gateway_sim_close(struct gateway_job *job);

#endif
