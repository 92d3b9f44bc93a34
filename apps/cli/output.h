/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user sees. With --json: one JSON object a line on standard output and nothing else there, each with
 * `event` and `t_ms`. Without: plain text on standard output, errors on standard error.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct output {
	const char *command; /* "dfucast echo" */
	bool json;
	uint64_t start_ns; /* of the process's monotonic clock, for t_ms */
	bool is_virtual;   /* t_ms is virtual_ms, whoever simulates sets it */
	uint32_t virtual_ms;
};

/* How something with a target or a file failed. */
struct failure {
	int err;        /* enum dfucast_err */
	uint16_t group; /* the device's, DFUCAST_GROUP_NONE for an SMP-level code */
	uint16_t rc;    /* the device's, 0: none */
	char why[320];  /* what happened in this case; "": the general sentence of what_for() */
};

void output_init(struct output *out, const char *command, bool json);
/* Milliseconds since output_init(), or the simulator's. */
uint32_t output_ms(const struct output *out);

/* Begins a JSON object with `event` and `t_ms`, and `target` unless it is NULL. Add fields, then output_end(). */
cJSON *output_begin(const struct output *out, const char *event, const char *target);
/* Prints it on one line of standard output, and frees it. */
void output_end(cJSON *object);

/* Text from a device, which is not NUL-terminated and may hold anything: control characters and bad UTF-8 become
 * '?'. Returns `to`. */
char *output_text(char *to, size_t to_bytes, const char *text, size_t length);
/* True for well-formed UTF-8 without a NUL, which a C string and JSON hold as it is. */
bool output_is_text(const char *text, size_t length);
/* Adds it to an object in full length. */
void output_add_text(cJSON *object, const char *key, const char *text, size_t length);

/* A word of a command line that is shown to be copied: quoted where a shell would read more into it. Returns `to`. */
char *output_shell_word(char *to, size_t to_bytes, const char *text);
/* So many bytes of the text fit `columns`, and take `*used` of them. */
size_t output_clip(const char *text, unsigned columns, unsigned *used);

/* "not a usage but a wrong argument": what and what to do, on standard error; with --json also an error object.
 * Returns CLI_EXIT_USAGE. */
int output_usage(const struct output *out, const char *what, const char *what_to_do);
/* The error object or the two lines. `about`: target or file. Returns the exit code for the error's band:
 * image errors 2, everything else 3, DFUCAST_ERR_ARGUMENT 1. */
int output_failure(const struct output *out, const char *about, const struct failure *failure);
/* "group 1 rc 33 IMG_TEST_OF_ACTIVE", or "rc 8 NOT_SUPPORTED". Returns `to`. */
char *output_device_code(char *to, size_t to_bytes, uint16_t group, uint16_t rc);

/* A table for people: cells in reading order, columns as wide as their widest cell. */
struct table {
	size_t columns;
	char **cells;
	size_t count;
	size_t capacity;
};
void table_init(struct table *table, size_t columns);
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *table, FILE *to); /* first row: headings */
void table_print_csv(const struct table *table, FILE *to);
void table_free(struct table *table);

#endif
