/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The fleet's group: status, and what is read in pages: report, log, scan. docs/gateway-protocol.md.
 */
#include "body.h"
#include "write.h"

#include <dfucast/smp_fleet.h>
#include <string.h>

/* ---- requests: one number ------------------------------------------------------------------------------------ */

int dfucast_smp_fleet_read_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				  enum dfucast_smp_fleet_command command, uint32_t from)
{
	struct dfucast_smp_writer writer;
	const struct dfucast_smp_header header = {
	    .op = DFUCAST_SMP_READ,
	    .version = id.version,
	    .sequence = id.sequence,
	    .group = DFUCAST_SMP_GROUP_FLEET,
	    .command = (uint8_t)command,
	};

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_uint(&writer, "at", from);
	return dfucast_smp_write_finish(&writer, &header);
}

static const struct dfucast_smp_field read_fields[] = {{"at", DFUCAST_SMP_KIND_UINT, 4, 0}};
DFUCAST_SMP_SCHEMA(read, uint32_t);

int dfucast_smp_fleet_read_decode(const uint8_t *body, size_t length, uint32_t *number)
{
	struct dfucast_smp_error ignored;

	return dfucast_smp_body_read(body, length, &ignored, &read, number);
}

/* ---- status: two lists of numbers, since it is read again and again ------------------------------------------ */

/* The numbers in the order of the answer. */
static const uint8_t status_offsets[] = {
    offsetof(struct dfucast_smp_fleet_status, now),
    offsetof(struct dfucast_smp_fleet_status, state),
    offsetof(struct dfucast_smp_fleet_status, next),
    offsetof(struct dfucast_smp_fleet_status, low),
    offsetof(struct dfucast_smp_fleet_status, high),
    offsetof(struct dfucast_smp_fleet_status, eta_s),
    offsetof(struct dfucast_smp_fleet_status, ended),
    offsetof(struct dfucast_smp_fleet_status, waiting),
    offsetof(struct dfucast_smp_fleet_status, host_bytes),
    offsetof(struct dfucast_smp_fleet_status, host_dropped_bytes),
    offsetof(struct dfucast_smp_fleet_status, passes),
};
#define STATUS_NUMBERS (sizeof(status_offsets) / sizeof(status_offsets[0]))
/* Header, map, two keys and lists, the numbers in five bytes each, the changes in four, `more`. */
_Static_assert(DFUCAST_SMP_HEADER_BYTES + 2u + 8u + 5u * STATUS_NUMBERS + 4u * DFUCAST_SMP_FLEET_CHANGES_MAX +
		       3u <=
		   DFUCAST_SMP_FLEET_STATUS_BYTES_MAX,
	       "a status answer has a stated limit");

int dfucast_smp_fleet_status_answer(uint8_t *frame, size_t capacity, const struct dfucast_smp_header *request,
				    const struct dfucast_smp_fleet_status *status)
{
	struct dfucast_smp_writer writer;
	uint32_t value;

	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_list(&writer, "s");
	for (size_t i = 0; i < STATUS_NUMBERS; i++) {
		memcpy(&value, (const uint8_t *)status + status_offsets[i], sizeof(value));
		dfucast_smp_write_uint(&writer, NULL, value);
	}
	dfucast_smp_write_end(&writer);
	dfucast_smp_write_list(&writer, "c");
	for (unsigned int i = 0; i < status->count; i++) {
		dfucast_smp_write_uint(&writer, NULL, status->changes[i].target);
		dfucast_smp_write_uint(&writer, NULL, status->changes[i].state);
	}
	dfucast_smp_write_end(&writer);
	if (status->more) {
		dfucast_smp_write_bool(&writer, "m", true);
	}
	return dfucast_smp_write_answer(&writer, request);
}

struct status {
	struct dfucast_smp_text numbers;
	struct dfucast_smp_text changes;
	bool more;
};

static const struct dfucast_smp_field status_fields[] = {
    {"s", DFUCAST_SMP_KIND_LIST, 0, offsetof(struct status, numbers)},
    {"c", DFUCAST_SMP_KIND_LIST, 0, offsetof(struct status, changes)},
    DFUCAST_SMP_FIELD_BOOL(status, "m", more),
};
DFUCAST_SMP_SCHEMA(status, struct status);

int dfucast_smp_fleet_status_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				    struct dfucast_smp_fleet_status *to)
{
	struct status said;
	int found = dfucast_smp_body_decode(body, length, error, &status, &said);

	memset(to, 0, sizeof(*to));
	if (found < 0) {
		return found;
	}
	/* A later version may add numbers behind these. */
	for (size_t i = 0; i < STATUS_NUMBERS && said.numbers.length != 0; i++) {
		uint32_t value;

		if (dfucast_smp_body_number(&said.numbers, &value) != 0) {
			return DFUCAST_ERR_MALFORMED;
		}
		memcpy((uint8_t *)to + status_offsets[i], &value, sizeof(value));
	}
	while (said.changes.length != 0 && to->count < DFUCAST_SMP_FLEET_CHANGES_MAX) {
		uint32_t target;
		uint32_t state;

		if (dfucast_smp_body_number(&said.changes, &target) != 0 || said.changes.length == 0 ||
		    dfucast_smp_body_number(&said.changes, &state) != 0 || target > UINT16_MAX ||
		    state > UINT8_MAX) {
			return DFUCAST_ERR_MALFORMED;
		}
		to->changes[to->count].target = (uint16_t)target;
		to->changes[to->count].state = (uint8_t)state;
		to->count++;
	}
	to->more = said.more;
	return 0;
}

/* ---- pages ----------------------------------------------------------------------------------------------------- */

/* What closes a page: the list, `next` with its number, the map. */
#define PAGE_END_BYTES (1u + 5u + 5u + 1u)

/* The page as a writer: what is there stays, PAGE_END_BYTES are kept free. */
static void page_open(const struct dfucast_smp_page *page, struct dfucast_smp_writer *writer)
{
	size_t room = page->capacity > PAGE_END_BYTES ? page->capacity - PAGE_END_BYTES : 0;

	memset(writer, 0, sizeof(*writer));
	writer->frame = page->frame;
	writer->is_full = page->length > room;
	writer->state.payload_mut = page->frame + page->length;
	writer->state.payload_end = page->frame + (writer->is_full ? page->length : room);
}

static bool page_close(struct dfucast_smp_page *page, const struct dfucast_smp_writer *writer)
{
	if (writer->is_full) {
		return false;
	}
	page->length = dfucast_smp_write_length(writer);
	return true;
}

void dfucast_smp_fleet_page_begin(struct dfucast_smp_page *page, uint8_t *frame, size_t capacity,
				  const char *key)
{
	struct dfucast_smp_writer writer;

	page->frame = frame;
	page->capacity = capacity;
	dfucast_smp_write_start(&writer, frame, capacity);
	dfucast_smp_write_list(&writer, key);
	/* Without room for this much, the end will say so. */
	page->length = writer.is_full ? capacity : dfucast_smp_write_length(&writer);
}

int dfucast_smp_fleet_page_end(struct dfucast_smp_page *page, const struct dfucast_smp_header *request,
			       uint32_t next)
{
	struct dfucast_smp_writer writer = {.frame = page->frame};

	writer.state.payload_mut = page->frame + page->length;
	writer.state.payload_end = page->frame + page->capacity;
	dfucast_smp_write_end(&writer);
	if (next != 0) {
		dfucast_smp_write_uint(&writer, "next", next);
	}
	return dfucast_smp_write_answer(&writer, request);
}

struct page {
	struct dfucast_smp_text elements;
	uint32_t next;
};

int dfucast_smp_fleet_page_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				  const char *key, struct dfucast_smp_text *elements, uint32_t *next)
{
	const struct dfucast_smp_field fields[] = {
	    {key, DFUCAST_SMP_KIND_LIST, 0, offsetof(struct page, elements)},
	    DFUCAST_SMP_FIELD_UINT(page, "next", next),
	};
	const struct dfucast_smp_schema schema = {fields, 2, sizeof(struct page)};
	struct page said;
	int found = dfucast_smp_body_decode(body, length, error, &schema, &said);

	if (found < 0) {
		return found;
	}
	*elements = said.elements;
	*next = said.next;
	return 0;
}

static void write_int_unless_0(struct dfucast_smp_writer *writer, const char *key, int32_t value)
{
	if (value != 0) {
		dfucast_smp_write_int(writer, key, value);
	}
}

static void write_text_if(struct dfucast_smp_writer *writer, const char *key, struct dfucast_smp_text text)
{
	if (text.length != 0) {
		dfucast_smp_write_text(writer, key, text);
	}
}

static void write_true(struct dfucast_smp_writer *writer, const char *key, bool value)
{
	if (value) {
		dfucast_smp_write_bool(writer, key, true);
	}
}

bool dfucast_smp_fleet_page_report(struct dfucast_smp_page *page, const struct dfucast_smp_fleet_report *from)
{
	struct dfucast_smp_writer writer;

	page_open(page, &writer);
	dfucast_smp_write_map(&writer, NULL);
	dfucast_smp_write_uint(&writer, "target", from->target);
	dfucast_smp_write_text(&writer, "id", from->id);
	dfucast_smp_write_uint(&writer, "state", from->state);
	dfucast_smp_write_uint_unless_0(&writer, "holds", from->holds);
	dfucast_smp_write_uint_unless_0(&writer, "attempts", from->attempts);
	dfucast_smp_write_uint_unless_0(&writer, "window", from->window);
	dfucast_smp_write_uint_unless_0(&writer, "off", from->offset);
	dfucast_smp_write_uint_unless_0(&writer, "sent", from->sent_bytes);
	write_int_unless_0(&writer, "error", from->err);
	dfucast_smp_write_uint_unless_0(&writer, "step", from->step);
	if (from->rc != 0) {
		dfucast_smp_write_uint(&writer, "group", from->group);
		dfucast_smp_write_uint(&writer, "code", from->rc);
	}
	write_int_unless_0(&writer, "rssi", from->rssi);
	write_text_if(&writer, "before", from->before);
	write_text_if(&writer, "after", from->after);
	write_text_if(&writer, "board", from->board);
	write_true(&writer, "skipped", from->skipped_upload);
	write_true(&writer, "unproven", from->revert_unproven);
	write_true(&writer, "unsized", from->slot_unknown);
	dfucast_smp_write_end(&writer);
	return page_close(page, &writer);
}

enum { FOUND_GROUP = 1 << 10 };

static const struct dfucast_smp_field report_fields[] = {
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "target", target),
    DFUCAST_SMP_FIELD_TEXT(dfucast_smp_fleet_report, "id", id),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "state", state),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "holds", holds),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "attempts", attempts),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "window", window),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "off", offset),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "sent", sent_bytes),
    DFUCAST_SMP_FIELD_INT(dfucast_smp_fleet_report, "error", err),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "step", step),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "group", group),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_report, "code", rc),
    DFUCAST_SMP_FIELD_INT(dfucast_smp_fleet_report, "rssi", rssi),
    DFUCAST_SMP_FIELD_TEXT(dfucast_smp_fleet_report, "before", before),
    DFUCAST_SMP_FIELD_TEXT(dfucast_smp_fleet_report, "after", after),
    DFUCAST_SMP_FIELD_TEXT(dfucast_smp_fleet_report, "board", board),
    DFUCAST_SMP_FIELD_BOOL(dfucast_smp_fleet_report, "skipped", skipped_upload),
    DFUCAST_SMP_FIELD_BOOL(dfucast_smp_fleet_report, "unproven", revert_unproven),
    DFUCAST_SMP_FIELD_BOOL(dfucast_smp_fleet_report, "unsized", slot_unknown),
};
DFUCAST_SMP_SCHEMA(report, struct dfucast_smp_fleet_report);

int dfucast_smp_fleet_report_next(struct dfucast_smp_text *elements, struct dfucast_smp_fleet_report *to)
{
	if (elements->length == 0) {
		return 0;
	}
	int found = dfucast_smp_body_element(elements, &report, to);

	if (found < 0) {
		return found;
	}
	if ((found & FOUND_GROUP) == 0) {
		to->group = DFUCAST_GROUP_NONE;
	}
	return 1;
}

bool dfucast_smp_fleet_page_event(struct dfucast_smp_page *page, const struct dfucast_smp_fleet_event *from)
{
	struct dfucast_smp_writer writer;

	page_open(page, &writer);
	dfucast_smp_write_map(&writer, NULL);
	dfucast_smp_write_uint(&writer, "n", from->number);
	dfucast_smp_write_uint(&writer, "t", from->t_ms);
	dfucast_smp_write_uint(&writer, "what", from->what);
	if (from->target != UINT16_MAX) {
		dfucast_smp_write_uint(&writer, "target", from->target);
	}
	write_int_unless_0(&writer, "value", from->value);
	dfucast_smp_write_end(&writer);
	return page_close(page, &writer);
}

enum { FOUND_TARGET = 1 << 3 };

static const struct dfucast_smp_field event_fields[] = {
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_event, "n", number),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_event, "t", t_ms),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_event, "what", what),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_event, "target", target),
    DFUCAST_SMP_FIELD_INT(dfucast_smp_fleet_event, "value", value),
};
DFUCAST_SMP_SCHEMA(event, struct dfucast_smp_fleet_event);

int dfucast_smp_fleet_event_next(struct dfucast_smp_text *elements, struct dfucast_smp_fleet_event *to)
{
	if (elements->length == 0) {
		return 0;
	}
	int found = dfucast_smp_body_element(elements, &event, to);

	if (found < 0) {
		return found;
	}
	if ((found & FOUND_TARGET) == 0) {
		to->target = UINT16_MAX;
	}
	return 1;
}

bool dfucast_smp_fleet_page_seen(struct dfucast_smp_page *page, const struct dfucast_smp_fleet_seen *from)
{
	struct dfucast_smp_writer writer;

	page_open(page, &writer);
	dfucast_smp_write_map(&writer, NULL);
	dfucast_smp_write_text(&writer, "id", from->id);
	dfucast_smp_write_uint(&writer, "protocol", from->protocol);
	write_text_if(&writer, "name", from->name);
	write_int_unless_0(&writer, "rssi", from->rssi);
	dfucast_smp_write_uint_unless_0(&writer, "period", from->period_ms);
	dfucast_smp_write_end(&writer);
	return page_close(page, &writer);
}

static const struct dfucast_smp_field seen_fields[] = {
    DFUCAST_SMP_FIELD_TEXT(dfucast_smp_fleet_seen, "id", id),
    DFUCAST_SMP_FIELD_TEXT(dfucast_smp_fleet_seen, "name", name),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_seen, "protocol", protocol),
    DFUCAST_SMP_FIELD_INT(dfucast_smp_fleet_seen, "rssi", rssi),
    DFUCAST_SMP_FIELD_UINT(dfucast_smp_fleet_seen, "period", period_ms),
};
DFUCAST_SMP_SCHEMA(seen, struct dfucast_smp_fleet_seen);

int dfucast_smp_fleet_seen_next(struct dfucast_smp_text *elements, struct dfucast_smp_fleet_seen *to)
{
	if (elements->length == 0) {
		return 0;
	}
	int found = dfucast_smp_body_element(elements, &seen, to);

	return found < 0 ? found : 1;
}
