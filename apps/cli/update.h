/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dfucast update`, in several files: update_options.c (the command line), cmd_update.c (image, plan, run, exit code),
 * update_set.c (packages with several images), update_match.c (which devices are meant), update_dry.c (--dry-run), update_sim.c (the same on virtual devices), update_report.c (what people and scripts see), report_html.c (the page of
 * --report).
 */
#ifndef CLI_UPDATE_H
#define CLI_UPDATE_H

#include "cli.h"
#include "report_html.h"
#include "runner.h"
#include <dfucast/update.h>

struct sim_fleet;

struct update_options {
	struct cli_common common;
	const char *image_path;
	const char *report_path; /* NULL: none */
	const char *key_path;    /* NULL: signatures are not looked at */
	const char *via;         /* the gateway's link; NULL: none */
	const char *unfit;       /* an option given that is the gateway's business; NULL: none */
	int word_count;          /* the command line as given, for the report */
	char **words;
	const char **to; /* target texts as given */
	size_t to_count;
	const char **match; /* KEY=VALUE as given, read already */
	size_t match_count;
	enum dfucast_update_mode mode;
	long canary;  /* -1: not given */
	long barrier; /* 0: none; -1: all */
	long max_failed;
	long links;
	long window;
	long retries; /* 0: default */
	long image;
	long slot;     /* the image is linked for; -1: not said */
	int boot_mode; /* enum dfucast_boot_mode, where the device does not tell; -1: not given */
	uint32_t ring_bytes;
	uint32_t slot_bytes;
	uint32_t soak_ms;
	uint32_t gather_ms;
	uint32_t wait_ms;
	uint32_t return_ms;   /* 0: default */
	uint32_t deadline_ms; /* 0: none */
	bool allow_downgrade;
	bool upgrade_only;
	bool allow_no_revert;
	bool replace_pending;
	bool no_reset;
	bool fresh;
	bool erase_settings;
	bool dry_run;
};

/* Ends the process itself on wrong usage, as argp does. */
void update_options_parse(struct update_options *options, int argc, char **argv);
void update_options_free(struct update_options *options);
/* "test-confirm" … */
const char *update_mode_name(enum dfucast_update_mode mode);

/* One KEY=VALUE. */
struct update_match {
	struct dfucast_match line; /* without its value, which lies here or is the text given */
	const char *text;
	struct dfucast_version bounds[2];
	uint8_t hash[DFUCAST_IMAGE_HASH_BYTES_MAX];
};

struct update_matches {
	struct update_match *items; /* lists one after the other, each with its end */
	size_t count;
	size_t room;
	struct dfucast_match *lines; /* the same for the plan */
	bool some_boardless;         /* the list of some target names no board */
};

/* What --dry-run learns of a target's link. */
struct update_dry {
	uint64_t asked_ns; /* when the last request went out */
	uint32_t rtt_us;   /* the shortest answer; 0: none yet */
};

/* One more image of the package, behind the first. */
struct update_more {
	struct image_file file; /* in memory */
	struct dfucast_image image;
	uint8_t header[DFUCAST_IMAGE_HEADER_BYTES];
	uint8_t sha[32];
	uint8_t number;
	char member[64];
};

struct update_told {
	char board[64]; /* "": not told, or not asked for */
};

/* What the report remembers of a target, to say only what changed. */
struct update_line {
	uint8_t state;   /* last one told; 255: none */
	uint32_t offset; /* at the last progress event */
	uint32_t told_ms;
	uint32_t upload_ms;   /* when uploading began; 0: not yet */
	uint32_t upload_from; /* offset then */
};

struct update_job {
	struct cli cli;
	struct update_options options;
	struct cli_targets targets;
	struct image_file file; /* once loaded: all images, one behind the other */
	char member[64];        /* the image's name in its package; "": the file is the image itself */
	char board[64];         /* the board that its package names */
	struct dfucast_image image;
	uint8_t header[DFUCAST_IMAGE_HEADER_BYTES];
	uint8_t sha[32];
	struct update_more more[DFUCAST_UPDATE_MORE_MAX];
	struct dfucast_update_image more_plan[DFUCAST_UPDATE_MORE_MAX];
	size_t more_count;
	struct dfucast_linux_key *key; /* NULL: none given */
	bool unchecked;                /* the image's hash cannot be compared here */
	struct dfucast_update_plan plan;
	struct dfucast_update_boards boards;
	struct update_matches matches;
	uint16_t *match_of; /* of each target: where its list begins */
	struct update_told *told;
	struct update_dry *dry; /* NULL: this is no dry run */
	struct dfucast_cast cast;
	const struct dfucast_cast *watched; /* what is reported: `cast`, or the simulator's */
	struct dfucast_update *devices;
	struct dfucast_cast_target *cast_targets;
	struct dfucast_linux_way *ways;
	uint8_t *ring;
	struct dfucast_linux_runner runner;
	uv_timer_t deadline;
	uv_timer_t redraw;
	struct update_line *lines;
	struct report_html *page; /* NULL: no --report */
	unsigned drawn;           /* lines of live progress on the screen */
	bool live;                /* standard error is a terminal */
	bool finished;
	const char *sim;         /* what follows "sim:N?" in the one target; NULL: real targets */
	struct sim_fleet *fleet; /* lives until the report is out; NULL: none */
	struct update_via *via;  /* the gateway's side of it; NULL: none */
	double ratio_to_limit;   /* of a simulated upload; 0: not to be said */
	double sim_upload_s;
};

/* update_image.c: reads and proves what the options name. @return CLI_EXIT_OK, or the exit code after saying why not */
int update_image_load(struct update_job *job);
/* Says why the image, or one in the package, is bad; and proves one: both hashes over the whole file. The image's own
 * decides; the file's is the key for resuming. */
int update_image_failure(struct update_job *job, int err, const char *why);
int update_prove_image(const struct dfucast_image *image, struct image_file *file, uint8_t sha[32]);

/* update_set.c: a package with several images. */
struct package;
bool update_set_is(const struct package *package);
/* Takes all of them out of the package. @return CLI_EXIT_OK, or the exit code after saying what cannot be done */
int update_set_take(struct update_job *job, struct package *package);
/* Proves the others once the first is proven, and lays them behind it in `file`. The same codes. */
int update_set_load(struct update_job *job);
void update_set_plan(struct update_job *job);
void update_set_free(struct update_job *job);

/* Reads one KEY=VALUE; `why`: half a sentence. */
bool update_match_read(struct update_match *match, const char *text, char *why, size_t why_bytes);
int update_match_check(const struct update_job *job);
/* For a gateway, a target's list has its own lines alone: it puts them together with those of the plan itself. */
bool update_match_build(struct update_job *job);
void update_match_free(struct update_job *job);
/* The plan's `told`; the context is the job. */
void update_match_told(void *context, const void *device, const char *text, size_t length);

/* What is known of a target. */
void update_status(const struct update_job *job, size_t index, struct dfucast_status *status);

/* --via: update_via.c. The targets' texts are the gateway's. Same codes as cli_targets_add(). */
int update_via_targets(struct update_job *job);
/* Those of --to, or the gateway's own: update_via_targets.c. Same codes. */
int update_via_take(struct update_job *job, const struct dfucast_linux_target *gateway);
/* Runs the job on the gateway. @return CLI_EXIT_OK, or the exit code after saying why it did not come to an end. */
int update_via_run(struct update_job *job);
void update_via_status(const struct update_job *job, size_t index, struct dfucast_status *status);
uint32_t update_via_dropped(const struct update_job *job);
/* One pass of the image over the wire to the gateway, and the waves that it needs for its targets. */
double update_via_wire_s(const struct update_job *job);
unsigned update_via_waves(const struct update_job *job);
void update_via_free(struct update_job *job);

/* The target names virtual devices. */
bool update_sim_is(const char *text);
/* The targets of "sim:N[?KEY=VALUE&...]". Same codes as cli_targets_add(). */
int update_sim_targets(struct update_job *job, const char *text);
/* Runs the job in virtual time, as update_run() does on links; paced where somebody watches. @return CLI_EXIT_OK, or
 * the exit code after saying why it does not start. */
int update_sim_run(struct update_job *job);
void update_sim_free(struct update_job *job);
/* What the physical limit says for `uploads` virtual devices, seconds. */
void update_sim_predict(struct update_job *job, size_t uploads, double *upload_s, double *swap_s);

/* update_dry.c: what would be done. A frame went over the wire; the words for one end, static storage; totals. */
void update_dry_note(struct update_job *job, uint16_t target, bool outgoing);
const char *update_dry_word(const struct update_job *job, const struct dfucast_status *status);
void update_dry_summary(struct update_job *job, cJSON *event);
void update_dry_print(struct update_job *job);

void update_report_start(struct update_job *job);
/* The label, or the target as given. */
const char *update_target_name(const struct update_job *job, size_t index);
/* "runs as before, holds a part of the image" …: enum dfucast_holds in words. */
const char *update_holds_words(uint8_t holds);
/* It was left in the middle of its reset: the next command waits better UPDATE_BOOT_S. */
bool update_is_booting(const struct dfucast_status *status);
#define UPDATE_BOOT_S 15u /* a swap and what the bootloader does around it, with room */
/* Tells what changed since the last call. */
void update_report_changes(struct update_job *job);
/* Redraws the live lines, if there is a terminal. */
void update_report_draw(struct update_job *job);
/* Why a target ended badly, in the device's words where it gave any, and what to do. */
void update_report_reason(const struct update_job *job, size_t index, const struct dfucast_status *status);
/* Final table or summary object, hints, what to run next. @return the exit code */
int update_report_end(struct update_job *job);

#endif
