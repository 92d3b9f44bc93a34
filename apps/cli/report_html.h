/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of `dfucast update --report`: one HTML file that needs nothing else, neither network nor scripts. What
 * happened to whom and when is noted while the run goes on; the page is written once, at the end.
 */
#ifndef CLI_REPORT_HTML_H
#define CLI_REPORT_HTML_H

#include <dfucast/consumer.h>
#include <stdio.h>
#include <time.h>

struct update_job;

struct mark {
	uint32_t ms;
	uint8_t state;
};

/* One target's course. */
struct course {
	struct mark *marks;
	size_t count;
	size_t capacity;
	uint32_t first_bytes; /* what the device said first that it has; 0: nothing yet */
	uint32_t start_bytes; /* what it had after it had first taken some more: */
	uint32_t start_ms;    /* from then on its rate counts, without erase and waiting for others */
	uint32_t most_bytes;  /* the most that it ever had */
	uint32_t last_ms;     /* since then */
};

struct report_html {
	time_t started;
	size_t count;
	bool incomplete; /* memory ran out on the way */
	struct course courses[];
};

/* For `count` targets; the run starts now. NULL: no memory. */
struct report_html *report_html_new(size_t count);
void report_html_free(struct report_html *report);
/* A target's status at `ms` of the run; call it at every change, it keeps what is new. */
void report_html_note(struct report_html *report, size_t index, uint32_t ms,
		      const struct dfucast_status *status);
/* Whether a file could be written there now. False, with a sentence in `why`, for a directory, a device, no permission. */
bool report_html_can_write(const char *path, char *why, size_t why_bytes);
/* Writes the page to --report's path: the whole page or nothing. `code` is the run's exit code. */
bool report_html_write(const struct update_job *job, int code, char *why, size_t why_bytes);

/* The page itself; report_page.c. */
void report_html_page(FILE *to, const struct update_job *job, int code);

#endif
