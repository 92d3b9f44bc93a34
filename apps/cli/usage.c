/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong usage that argp and getopt find: they print it to standard error and end the process. With --json scripts get
 * the same words as an `error` object on standard output: what is printed meanwhile is caught in a file in memory, and
 * told when the process ends inside the parser.
 */
#define _GNU_SOURCE 1
#include "cli.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX 4096u

/* argp gives no context to what runs at the exit, so this cannot lie anywhere else. */
static struct {
	struct output out;
	int caught; /* file in memory that stands in for standard error; -1: nothing is caught */
	int stderr_fd;
} parsing = {.caught = -1};

bool cli_wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		/* argp takes any beginning of an option's name that fits no other one */
		if (strncmp(argv[i], "--j", 3) == 0 && strncmp("--json", argv[i], strlen(argv[i])) == 0)
			return true;
	}
	return false;
}

/* Standard error is itself again; what was caught is in `text`. */
static void end_catching(char text[MESSAGE_BYTES_MAX])
{
	ssize_t length;

	(void)fflush(stderr);
	(void)dup2(parsing.stderr_fd, STDERR_FILENO);
	(void)close(parsing.stderr_fd);
	length = pread(parsing.caught, text, MESSAGE_BYTES_MAX - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	(void)close(parsing.caught);
	parsing.caught = -1;
}

/* "dfucast update: the message\nTry `…' for more information.\n" as message and hint. */
static void tell(char *text)
{
	size_t name = strlen(parsing.out.command);
	char *hint = strchr(text, '\n');
	cJSON *object;

	if (hint != NULL) {
		*hint++ = '\0';
		hint[strcspn(hint, "\n")] = '\0';
	}
	if (strncmp(text, parsing.out.command, name) == 0 && strncmp(text + name, ": ", 2) == 0)
		text += name + 2;
	object = output_begin(&parsing.out, "error", NULL);
	(void)cJSON_AddStringToObject(object, "error", "usage");
	output_add_text(object, "message", text, strlen(text));
	output_add_text(object, "hint", hint != NULL ? hint : "", hint != NULL ? strlen(hint) : 0);
	output_end(object);
}

static void at_exit(int status, void *unused)
{
	char text[MESSAGE_BYTES_MAX];

	(void)unused;
	if (parsing.caught < 0)
		return;
	end_catching(text);
	(void)fputs(text, stderr);
	if (status != 0)
		tell(text);
}

static void begin_catching(const char *command)
{
	int file = memfd_create("usage", MFD_CLOEXEC);

	if (file < 0)
		return;
	(void)fflush(stderr);
	parsing.stderr_fd = dup(STDERR_FILENO);
	if (parsing.stderr_fd < 0 || on_exit(at_exit, NULL) != 0 || dup2(file, STDERR_FILENO) < 0) {
		if (parsing.stderr_fd >= 0)
			(void)close(parsing.stderr_fd);
		(void)close(file);
		return;
	}
	output_init(&parsing.out, command, true);
	parsing.caught = file;
}

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	char text[MESSAGE_BYTES_MAX];

	if (cli_wants_json(argc, argv))
		begin_catching(argv[0]);
	(void)argp_parse(argp, argc, argv, 0, NULL, input);
	if (parsing.caught >= 0) {
		end_catching(text);
		(void)fputs(text, stderr);
	}
}
