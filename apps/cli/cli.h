/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands share: exit codes, common options, the running command's context, targets, image files.
 * Output is in output.h, one device's conversation in session.h, trace and log files in trace.h.
 */
#ifndef CLI_H
#define CLI_H

#include "linux.h"
#include "output.h"
#include "trace.h"
#include <argp.h>
#include <dfucast/err.h>
#include <dfucast/image.h>

/* The words are promised to scripts: see docs of the command line. */
enum cli_exit {
	CLI_EXIT_OK = 0,            /* every target is in the state asked for */
	CLI_EXIT_USAGE = 1,         /* wrong usage, unknown scheme or key, a command still to come */
	CLI_EXIT_IMAGE = 2,         /* the image file is bad; no frame was sent */
	CLI_EXIT_TARGET = 3,        /* one or more targets did not get there */
	CLI_EXIT_RADIO = 4,         /* the gateway link or the radio cannot be reached */
	CLI_EXIT_INTERRUPTED = 130, /* Ctrl-C */
};

#ifndef DFUCAST_VERSION
#define DFUCAST_VERSION "unversioned"
#endif

/* Options every command takes. A command's argp has cli_common_argp as child and sets
 * state->child_inputs[0] to its struct cli_common. */
struct cli_common {
	bool json;
	bool csv;               /* set by commands that have --csv, not by the common options */
	int verbose;            /* -v: what happens; -vv: frames too */
	uint32_t timeout_ms;    /* 0: not given */
	const char *log_path;   /* NULL: none */
	const char *trace_path; /* NULL: none */
};
extern const struct argp cli_common_argp;

/* Seconds as people write them ("10", "0.5") to milliseconds; false: not a number, negative, above 24 days. */
bool cli_seconds_parse(const char *text, uint32_t *ms);
/* A whole number from `low` to `high`, decimal or 0x…; false: it is none. */
bool cli_number_parse(const char *text, long low, long high, long *number);
/* Hex digits to bytes; 0: no hex, odd, or longer than `capacity`. */
size_t cli_hex_parse(const char *text, uint8_t *bytes, size_t capacity);
void cli_hex_format(char *text, const uint8_t *bytes, size_t length); /* text: 2 * length + 1 */

/* argp_parse(), and with --json among the words an `error` object too for what argp finds wrong. Like argp it ends
 * the process itself then, and for --help. usage.c */
void cli_parse(const struct argp *argp, int argc, char **argv, void *input);
/* --json is among the words, so that errors found before the options are parsed are told as objects too. */
bool cli_wants_json(int argc, char **argv);

/* A running command: loop, signals, output, log and trace. One per process run, on the stack of the command. */
struct cli {
	struct cli_common options;
	uv_loop_t loop;
	uv_signal_t interrupt;
	uv_signal_t terminate;
	uv_signal_t hangup;
	void (*on_interrupt)(void *context); /* NULL: the loop is stopped and `interrupted` set */
	void *on_interrupt_context;
	bool interrupted;
	struct output out;
	struct trace trace;
};

/* Loop, signal handlers, files. @return CLI_EXIT_OK, or the exit code after saying why. */
int cli_open(struct cli *cli, const char *command, const struct cli_common *options);
/* Runs the loop until every handle that was closed is gone, then ends files and loop. Returns `code`, or
 * CLI_EXIT_INTERRUPTED after Ctrl-C. Close sessions and links first. */
int cli_close(struct cli *cli, int code);

/* -v and --log. level 1: -v and log file, level 2: -vv and log file. */
void cli_log(struct cli *cli, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Targets as given by --to or as first argument; `text` may be "@FILE". */
struct cli_targets {
	struct dfucast_linux_target *items;
	size_t count;
};
/* Adds what `text` names. @return CLI_EXIT_OK, or the exit code after the sentence was printed: USAGE for an
 * unknown scheme or key, RADIO for ble:, USAGE after the list of ports for "serial:" alone. */
int cli_targets_add(struct cli_targets *targets, const char *text, const struct output *out);
void cli_targets_free(struct cli_targets *targets);
/* Exactly one target. Same codes. */
int cli_target_one(struct dfucast_linux_target *target, const char *text, const struct output *out);
void cli_ports_print(FILE *to);

/* An image file, read by the core through image_file_read(). One out of a package lies in memory. */
struct image_file {
	int fd;          /* -1: none */
	uint8_t *memory; /* NULL: the file is read; else freed by image_file_close() */
	uint32_t length;
};
/* @return 0 or IMAGE_READ (missing, a directory, unreadable, over 4 GiB) or IMAGE_TRUNCATED (empty), with `why`. */
int image_file_open(struct image_file *file, const char *path, char *why, size_t why_bytes);
bool image_file_read(void *file, uint32_t offset, uint8_t *buffer, uint32_t length); /* dfucast_image_read */
/* @return 0, or IMAGE_TLV with `why`: it ends with a bootloader's trailer, which a device takes for a mark to start it,
 * perhaps for good, as soon as it is uploaded. */
int image_file_check_end(const struct dfucast_image *image, struct image_file *file, char *why,
			 size_t why_bytes);
void image_file_close(struct image_file *file);

/* --key: reads the PEM file. NULL: *code is the exit code after saying why. */
struct dfucast_linux_key *signed_key(const struct output *out, const char *path, int *code);
/* @return 0, or IMAGE_SIGNATURE or IMAGE_READ with `why`. The image's hash must have been proven. */
int signed_check(const struct dfucast_linux_key *key, const struct dfucast_image *image,
		 struct image_file *file, char *why, size_t why_bytes);

/* One line for people: what to do about an error word. Never NULL. hints.c; docs/errors.md has the long form. */
const char *hint_for(int err);
/* One sentence: what happened, in general words. Never NULL. */
const char *what_for(int err);
/* What the device's own code asks for, NULL when nothing is known beyond its name. */
const char *hint_for_device(uint16_t group, uint16_t rc);

/* Commands: argv[0] is the name as the user typed it ("dfucast image list"). They return the exit code. */
int cmd_update(int argc, char **argv); /* cmd_update.c */
int cmd_demo(int argc, char **argv);
int cmd_sim(int argc, char **argv);
int cmd_gateway(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_inventory(int argc, char **argv);
int cmd_raw(int argc, char **argv);
int cmd_echo(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_params(int argc, char **argv);
int cmd_taskstat(int argc, char **argv);
int cmd_datetime(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_bootloader(int argc, char **argv);
int cmd_image_list(int argc, char **argv);
int cmd_image_upload(int argc, char **argv);
int cmd_image_test(int argc, char **argv);
int cmd_image_confirm(int argc, char **argv);
int cmd_image_erase(int argc, char **argv);
int cmd_zephyr_erase_storage(int argc, char **argv);
#define UPDATE_BOOTLOADERS                                                                                   \
	"swap, overwrite, direct-xip, direct-xip-revert, ram-load, firmware-loader or single-slot"
/* One of these words as an enum dfucast_boot_mode. */
bool update_bootloader_read(const char *text, int *mode);
int cmd_image_slots(int argc, char **argv);
int cmd_image_inspect(int argc, char **argv);

#endif
