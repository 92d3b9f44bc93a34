/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON lines, errors and tables.
 */
#define _GNU_SOURCE 1
#include "output.h"
#include "cli.h"
#include <dfucast/smp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void output_init(struct output *out, const char *command, bool json)
{
	*out = (struct output){.command = command, .json = json, .start_ns = now_ns()};
}

uint32_t output_ms(const struct output *out)
{
	return out->is_virtual ? out->virtual_ms : (uint32_t)((now_ns() - out->start_ns) / 1000000u);
}

cJSON *output_begin(const struct output *out, const char *event, const char *target)
{
	cJSON *object = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(object, "event", event);
	(void)cJSON_AddNumberToObject(object, "t_ms", (double)output_ms(out));
	if (target != NULL)
		output_add_text(object, "target", target, strlen(target));
	return object;
}

void output_end(cJSON *object)
{
	char *line = cJSON_PrintUnformatted(object);

	if (line != NULL)
		(void)printf("%s\n", line);
	(void)fflush(stdout);
	cJSON_free(line);
	cJSON_Delete(object);
}

/* Bytes of a well-formed UTF-8 character at `text`, 0: none is there. Surrogates and overlong forms are none. */
static size_t utf8_bytes(const uint8_t *text, size_t length)
{
	uint32_t code;
	size_t bytes;

	if (text[0] < 0x80)
		return 1;
	bytes = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
	if (text[0] < 0xC2 || text[0] > 0xF4 || bytes > length)
		return 0;
	code = text[0] & (0x7Fu >> bytes);
	for (size_t i = 1; i < bytes; i++) {
		if ((text[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3Fu);
	}
	if ((bytes == 3 && (code < 0x800 || (code >= 0xD800 && code < 0xE000))) ||
	    (bytes == 4 && (code < 0x10000 || code > 0x10FFFF)))
		return 0;
	return bytes;
}

bool output_is_text(const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t bytes = utf8_bytes((const uint8_t *)text + i, length - i);

		if (bytes == 0 || text[i] == '\0')
			return false;
		i += bytes;
	}
	return true;
}

char *output_text(char *to, size_t to_bytes, const char *text, size_t length)
{
	size_t at = 0;

	for (size_t i = 0; i < length && at + 5 < to_bytes;) {
		size_t bytes = utf8_bytes((const uint8_t *)text + i, length - i);
		bool control = bytes == 1 && ((uint8_t)text[i] < 0x20 || (uint8_t)text[i] == 0x7F);

		/* U+0080 to U+009F are control characters that some terminals obey */
		control = control || (bytes == 2 && (uint8_t)text[i] == 0xC2 && (uint8_t)text[i + 1] < 0xA0);
		if (bytes == 0 || control) {
			to[at++] = '?';
			i += bytes == 0 ? 1 : bytes;
			continue;
		}
		memcpy(to + at, text + i, bytes);
		at += bytes;
		i += bytes;
	}
	to[at] = '\0';
	return to;
}

void output_add_text(cJSON *object, const char *key, const char *text, size_t length)
{
	char *copy = malloc(length + 6);

	if (copy == NULL)
		return;
	(void)cJSON_AddStringToObject(object, key, output_text(copy, length + 6, text, length));
	free(copy);
}

char *output_shell_word(char *to, size_t to_bytes, const char *text)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
	bool quote = text[0] == '\0' || strspn(text, plain) != strlen(text);
	size_t at = 0;

	if (quote)
		to[at++] = '\'';
	for (; *text != '\0' && at + 6 < to_bytes; text++) {
		if (*text == '\'') { /* out of the quotes, one by itself, and in again */
			memcpy(to + at, "'\\''", 4);
			at += 4;
		} else {
			to[at++] = *text;
		}
	}
	if (quote)
		to[at++] = '\'';
	to[at] = '\0';
	return to;
}

size_t output_clip(const char *text, unsigned columns, unsigned *used)
{
	size_t length = 0;

	*used = 0;
	while (text[length] != '\0') {
		bool begins = ((uint8_t)text[length] & 0xC0) != 0x80;

		if (begins && *used == columns)
			break;
		*used += begins;
		length++;
	}
	return length;
}

int output_usage(const struct output *out, const char *what, const char *what_to_do)
{
	(void)fprintf(stderr, "%s: %s\n", out->command, what);
	if (what_to_do != NULL && what_to_do[0] != '\0')
		(void)fprintf(stderr, "  %s\n", what_to_do);
	if (out->json) {
		cJSON *object = output_begin(out, "error", NULL);

		(void)cJSON_AddStringToObject(object, "error", "usage");
		output_add_text(object, "message", what, strlen(what));
		if (what_to_do == NULL)
			what_to_do = "";
		output_add_text(object, "hint", what_to_do, strlen(what_to_do));
		output_end(object);
	}
	return CLI_EXIT_USAGE;
}

char *output_device_code(char *to, size_t to_bytes, uint16_t group, uint16_t rc)
{
	const char *name = dfucast_smp_error_name(group, rc);

	if (name == NULL)
		name = "a code without a name here";
	if (group == DFUCAST_GROUP_NONE)
		(void)snprintf(to, to_bytes, "rc %u %s", rc, name);
	else
		(void)snprintf(to, to_bytes, "group %u rc %u %s", group, rc, name);
	return to;
}

static int exit_code(int err)
{
	if (err == DFUCAST_ERR_OK)
		return CLI_EXIT_OK;
	if (err == DFUCAST_ERR_ABORTED)
		return CLI_EXIT_INTERRUPTED;
	switch (dfucast_err_band(err)) {
	case DFUCAST_BAND_CALLER:
		return CLI_EXIT_USAGE;
	case DFUCAST_BAND_IMAGE:
		return CLI_EXIT_IMAGE;
	default:
		return CLI_EXIT_TARGET;
	}
}

int output_failure(const struct output *out, const char *about, const struct failure *failure)
{
	const char *why = failure->why[0] != '\0' ? failure->why : what_for(failure->err);
	const char *hint = NULL;
	char code[96] = "";

	(void)fflush(stdout); /* what was printed before the failure comes before it */
	if (failure->rc != 0) {
		hint = hint_for_device(failure->group, failure->rc);
		(void)output_device_code(code, sizeof(code), failure->group, failure->rc);
	}
	if (hint == NULL)
		hint = hint_for(failure->err);
	if (out->json) {
		cJSON *object = output_begin(out, "error", about);

		(void)cJSON_AddStringToObject(object, "error", dfucast_err_name(failure->err));
		if (failure->rc != 0) {
			const char *name = dfucast_smp_error_name(failure->group, failure->rc);

			if (failure->group != DFUCAST_GROUP_NONE)
				(void)cJSON_AddNumberToObject(object, "group", failure->group);
			(void)cJSON_AddNumberToObject(object, "rc", failure->rc);
			if (name != NULL)
				(void)cJSON_AddStringToObject(object, "rc_name", name);
		}
		output_add_text(object, "message", why, strlen(why));
		(void)cJSON_AddStringToObject(object, "hint", hint);
		output_end(object);
	}
	(void)fprintf(stderr, "%s: %s: %s%s%s%s.\n  %s\n", out->command, about, why,
		      code[0] != '\0' ? " (" : "", code, code[0] != '\0' ? ")" : "", hint);
	return exit_code(failure->err);
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

void table_init(struct table *table, size_t columns)
{
	memset(table, 0, sizeof(*table));
	table->columns = columns;
}

void table_cell(struct table *table, const char *format, ...)
{
	va_list arguments;
	char *cell = NULL;
	int length;

	if (table->count == table->capacity) {
		size_t capacity = table->capacity * 2 + 32;
		char **cells = realloc(table->cells, capacity * sizeof(*cells));

		if (cells == NULL)
			return;
		table->cells = cells;
		table->capacity = capacity;
	}
	va_start(arguments, format);
	length = vasprintf(&cell, format, arguments);
	va_end(arguments);
	table->cells[table->count++] = length >= 0 ? cell : NULL;
}

static const char *cell_at(const struct table *table, size_t row, size_t column)
{
	size_t index = row * table->columns + column;

	return index < table->count && table->cells[index] != NULL ? table->cells[index] : "";
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static int cell_width(const char *cell)
{
	int width = 0;

	for (; *cell != '\0'; cell++)
		width += ((uint8_t)*cell & 0xC0) != 0x80;
	return width;
}

void table_print(const struct table *table, FILE *to)
{
	size_t rows = (table->count + table->columns - 1) / table->columns;

	for (size_t row = 0; row < rows; row++) {
		for (size_t column = 0; column < table->columns; column++) {
			const char *cell = cell_at(table, row, column);
			int width = 0;

			if (column + 1 == table->columns) {
				(void)fprintf(to, "%s\n", cell);
				break;
			}
			for (size_t other = 0; other < rows; other++) {
				int other_width = cell_width(cell_at(table, other, column));

				width = other_width > width ? other_width : width;
			}
			(void)fprintf(to, "%s%*s", cell, width - cell_width(cell) + 2, "");
		}
	}
}

static void csv_cell(const char *cell, FILE *to)
{
	if (strpbrk(cell, ",\"\r\n") == NULL) {
		(void)fputs(cell, to);
		return;
	}
	(void)fputc('"', to);
	for (; *cell != '\0'; cell++) {
		if (*cell == '"')
			(void)fputc('"', to);
		(void)fputc(*cell, to);
	}
	(void)fputc('"', to);
}

void table_print_csv(const struct table *table, FILE *to)
{
	for (size_t i = 0; i < table->count; i++) {
		csv_cell(table->cells[i] != NULL ? table->cells[i] : "", to);
		(void)fputc((i + 1) % table->columns == 0 ? '\n' : ',', to);
	}
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	memset(table, 0, sizeof(*table));
}
