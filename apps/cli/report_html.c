/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run's report remembers, and its file. The page's text is in report_page.c.
 */
#define _GNU_SOURCE 1
#include "report_html.h"
#include "update.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- noting ----------------------------------------------------------------------------------------------------- */

struct report_html *report_html_new(size_t count)
{
	struct report_html *report = calloc(1, sizeof(*report) + count * sizeof(report->courses[0]));

	if (report != NULL) {
		report->count = count;
		report->started = time(NULL);
	}
	return report;
}

void report_html_free(struct report_html *report)
{
	if (report == NULL) {
		return;
	}
	for (size_t i = 0; i < report->count; i++) {
		free(report->courses[i].marks);
	}
	free(report);
}

static bool add_mark(struct course *course, uint32_t ms, uint8_t state)
{
	if (course->count == course->capacity) {
		size_t capacity = course->capacity * 2 + 16;
		struct mark *marks = realloc(course->marks, capacity * sizeof(*marks));

		if (marks == NULL) {
			return false;
		}
		course->marks = marks;
		course->capacity = capacity;
	}
	course->marks[course->count++] = (struct mark){.ms = ms, .state = state};
	return true;
}

void report_html_note(struct report_html *report, size_t index, uint32_t ms,
		      const struct dfucast_status *status)
{
	struct course *course = &report->courses[index];
	bool uploading = status->state == DFUCAST_STATE_UPLOADING;

	if (course->count == 0 || course->marks[course->count - 1].state != status->state) {
		report->incomplete |= !add_mark(course, ms, status->state);
	}
	/* The first chunk goes alone, so the first answer tells what the device held before this run. */
	if (uploading && course->first_bytes == 0) {
		course->first_bytes = course->most_bytes = status->offset;
	} else if (course->first_bytes > 0 && status->offset > course->most_bytes && status->sent_bytes > 0) {
		if (course->start_bytes == 0) {
			course->start_bytes = status->offset;
			course->start_ms = ms;
		}
		course->most_bytes = status->offset;
		course->last_ms = ms;
	}
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* A new file beside `path`, whose name is put into `*name`. -1, with errno: there can be none. */
static int open_beside(const char *path, char **name)
{
	int fd;

	if (asprintf(name, "%s.XXXXXX", path) < 0) {
		*name = NULL;
		return -1;
	}
	fd = mkstemp(*name);
	if (fd < 0) {
		free(*name);
		*name = NULL;
	}
	return fd;
}

bool report_html_can_write(const char *path, char *why, size_t why_bytes)
{
	struct stat status;
	char *name;
	int fd;

	/* It would be replaced, so nothing but a file may stand there. */
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
		(void)snprintf(why, why_bytes, "the report cannot be written: %.200s is no ordinary file.",
			       path);
		return false;
	}
	fd = open_beside(path, &name);
	if (fd < 0) {
		(void)snprintf(why, why_bytes, "the report cannot be written to %.200s: %s.", path,
			       strerror(errno));
		return false;
	}
	(void)close(fd);
	(void)unlink(name);
	free(name);
	return true;
}

bool report_html_write(const struct update_job *job, int code, char *why, size_t why_bytes)
{
	const char *path = job->options.report_path;
	char *name = NULL;
	int fd = open_beside(path, &name);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	bool ok = to != NULL;

	if (ok) {
		mode_t mask = umask(0);

		(void)umask(mask);
		report_html_page(to, job, job->cli.interrupted ? CLI_EXIT_INTERRUPTED : code);
		ok = fflush(to) == 0 && ferror(to) == 0 && fchmod(fd, 0666 & ~mask) == 0 && fsync(fd) == 0;
		ok = fclose(to) == 0 && ok;
		ok = ok && rename(name, path) == 0;
	} else if (fd >= 0) {
		(void)close(fd);
	}
	if (!ok) {
		(void)snprintf(why, why_bytes, "the report could not be written to %.200s: %s.", path,
			       strerror(errno));
		if (name != NULL) {
			(void)unlink(name);
		}
	}
	free(name);
	return ok;
}
