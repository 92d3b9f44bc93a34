/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target texts and target files, and the list of this machine's serial ports.
 */
#define _GNU_SOURCE 1
#include "linux.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Lines of a target file, and ports in the list: more is a mistake. */
#define FILE_LINES_MAX 100000u
#define PORTS_MAX 256

/* Where the sentence for people goes. */
struct reason {
	char *text;
	size_t bytes;
};

static enum dfucast_linux_parse say(const struct reason *why, enum dfucast_linux_parse result,
				    const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum dfucast_linux_parse say(const struct reason *why, enum dfucast_linux_parse result,
				    const char *format, ...)
{
	va_list arguments;

	if (why->bytes > 0) {
		va_start(arguments, format);
		(void)vsnprintf(why->text, why->bytes, format, arguments);
		va_end(arguments);
	}
	return result;
}

static bool number_parse(const char *text, unsigned long low, unsigned long high, unsigned long *number)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *number >= low && *number <= high;
}

static enum dfucast_linux_parse port_parse(struct dfucast_linux_target *target, const char *text,
					   const struct reason *why)
{
	unsigned long number;

	if (!number_parse(text, 1, 65535, &number))
		return say(why, DFUCAST_LINUX_PARSE_WRONG,
			   "\"%s\" is no port number in \"%s\". Write a number from 1 to 65535 after the "
			   "last colon.",
			   text, target->text);
	target->port = (uint16_t)number;
	return DFUCAST_LINUX_PARSE_OK;
}

/* HOST, HOST:PORT, [V6], [V6]:PORT, plain V6. `rest` is ours to cut. */
static enum dfucast_linux_parse host_parse(struct dfucast_linux_target *target, char *rest,
					   bool port_required, const struct reason *why)
{
	const char *scheme = port_required ? "tcp" : "udp";
	const char *port = NULL;
	char *host = rest;

	if (rest[0] == '[') {
		char *end = strchr(rest, ']');

		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return say(why, DFUCAST_LINUX_PARSE_WRONG,
				   "\"%s\" has a bracket that is not closed. Write %s:[ADDRESS]:PORT.",
				   target->text, scheme);
		host = rest + 1;
		if (end[1] == ':')
			port = end + 2;
		*end = '\0';
	} else {
		char *colon = strrchr(rest, ':');

		/* More than one colon: an IPv6 address as it is, and a port would be ambiguous. */
		if (colon != NULL && strchr(rest, ':') == colon) {
			port = colon + 1;
			*colon = '\0';
		}
	}
	if (host[0] == '\0')
		return say(why, DFUCAST_LINUX_PARSE_WRONG, "\"%s\" names no host. Write %s:HOST%s.",
			   target->text, scheme, port_required ? ":PORT" : " or udp:HOST:PORT");
	(void)snprintf(target->host, sizeof(target->host), "%s", host);
	if (port != NULL)
		return port_parse(target, port, why);
	if (port_required)
		return say(why, DFUCAST_LINUX_PARSE_WRONG,
			   "\"%s\" has no port. Write tcp:HOST:PORT, and an IPv6 address in brackets.",
			   target->text);
	return DFUCAST_LINUX_PARSE_OK;
}

static bool framing_parse(struct dfucast_linux_target *target, const char *value)
{
	static const char *const names[] = {"console", "raw", "cobs"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			target->framing = (enum dfucast_framing_kind)i;
			return true;
		}
	}
	return false;
}

static enum dfucast_linux_parse stream_key(struct dfucast_linux_target *target, const char *key,
					   const char *value, const struct reason *why)
{
	unsigned long number = 0;

	if (strcmp(key, "framing") == 0) {
		if (framing_parse(target, value))
			return DFUCAST_LINUX_PARSE_OK;
		return say(why, DFUCAST_LINUX_PARSE_WRONG,
			   "framing \"%s\" is unknown. Write framing=console, framing=raw or framing=cobs.",
			   value);
	}
	if (strcmp(key, "baud") == 0 && target->scheme == DFUCAST_LINUX_SERIAL) {
		if (!number_parse(value, 50, 20000000, &number))
			return say(
			    why, DFUCAST_LINUX_PARSE_WRONG,
			    "baud \"%s\" is no rate. Write a number from 50 to 20000000, as baud=115200.",
			    value);
		target->baud = (uint32_t)number;
		return DFUCAST_LINUX_PARSE_OK;
	}
	if (strcmp(key, "line_bytes") == 0) {
		if (!number_parse(value, 16, 8192, &number))
			return say(why, DFUCAST_LINUX_PARSE_WRONG,
				   "line_bytes \"%s\" is out of range. Write a number from 16 to 8192; 128 "
				   "is usual.",
				   value);
		target->line_bytes = (uint16_t)number;
		target->lines_given = true;
		return DFUCAST_LINUX_PARSE_OK;
	}
	if (strcmp(key, "line_buffers") == 0) {
		if (!number_parse(value, 1, 64, &number))
			return say(
			    why, DFUCAST_LINUX_PARSE_WRONG,
			    "line_buffers \"%s\" is out of range. Write a number from 1 to 64; 2 is usual.",
			    value);
		target->line_buffers = (uint16_t)number;
		target->lines_given = true;
		return DFUCAST_LINUX_PARSE_OK;
	}
	return say(why, DFUCAST_LINUX_PARSE_WRONG,
		   "key \"%s\" is unknown in \"%s\". Write %sframing, line_bytes or "
		   "line_buffers, as in ?framing=raw.",
		   key, target->text, target->scheme == DFUCAST_LINUX_SERIAL ? "baud, " : "");
}

/* key=value&key=value */
static enum dfucast_linux_parse stream_keys(struct dfucast_linux_target *target, char *keys,
					    const struct reason *why)
{
	char *save = NULL;

	for (char *key = strtok_r(keys, "&", &save); key != NULL; key = strtok_r(NULL, "&", &save)) {
		char *value = strchr(key, '=');
		enum dfucast_linux_parse result;

		if (value == NULL)
			return say(why, DFUCAST_LINUX_PARSE_WRONG,
				   "\"%s\" has no value in \"%s\". Write key=value, as in ?baud=115200.", key,
				   target->text);
		*value = '\0';
		result = stream_key(target, key, value + 1, why);
		if (result != DFUCAST_LINUX_PARSE_OK)
			return result;
	}
	return DFUCAST_LINUX_PARSE_OK;
}

static enum dfucast_linux_parse udp_parse(struct dfucast_linux_target *target, char *rest,
					  const struct reason *why)
{
	if (strchr(rest, '?') != NULL)
		return say(why, DFUCAST_LINUX_PARSE_WRONG,
			   "\"%s\" has a key, and udp takes none. Write udp:HOST or udp:HOST:PORT.",
			   target->text);
	return host_parse(target, rest, false, why);
}

static enum dfucast_linux_parse serial_parse(struct dfucast_linux_target *target, char *rest,
					     const struct reason *why)
{
	char *keys = strchr(rest, '?');

	if (keys != NULL)
		*keys++ = '\0';
	if (rest[0] == '\0')
		return say(why, DFUCAST_LINUX_PARSE_LIST,
			   "\"%s\" names no port. Write one of this machine's ports, as serial:/dev/ttyACM0.",
			   target->text);
	(void)snprintf(target->host, sizeof(target->host), "%s", rest);
	return keys != NULL ? stream_keys(target, keys, why) : DFUCAST_LINUX_PARSE_OK;
}

static enum dfucast_linux_parse tcp_parse(struct dfucast_linux_target *target, char *rest,
					  const struct reason *why)
{
	char *keys = strchr(rest, '?');
	enum dfucast_linux_parse result;

	if (keys != NULL)
		*keys++ = '\0';
	result = host_parse(target, rest, true, why);
	if (result != DFUCAST_LINUX_PARSE_OK || keys == NULL)
		return result;
	return stream_keys(target, keys, why);
}

static enum dfucast_linux_parse ble_parse(struct dfucast_linux_target *target, char *rest,
					  const struct reason *why)
{
	if (rest[0] == '\0')
		return say(
		    why, DFUCAST_LINUX_PARSE_WRONG,
		    "\"%s\" names no device. Write ble:AA:BB:CC:DD:EE:FF, ble:name=NAME or ble:name=PREFIX*.",
		    target->text);
	return say(
	    why, DFUCAST_LINUX_PARSE_NO_RADIO,
	    "\"%s\" needs a Bluetooth LE radio, which this version does not drive yet. Reach the device over "
	    "udp:, serial: or tcp:; a radio comes with the gateway firmware on a board at a serial port, or "
	    "with BlueZ on this machine.",
	    target->text);
}

static enum dfucast_linux_parse sim_parse(struct dfucast_linux_target *target, char *rest,
					  const struct reason *why)
{
	(void)rest;
	return say(why, DFUCAST_LINUX_PARSE_LATER,
		   "\"%s\": virtual devices are no target here. Use udp:, serial: or tcp:; sim:N stands "
		   "alone, as in "
		   "--to sim:8.",
		   target->text);
}

enum dfucast_linux_parse dfucast_linux_target_parse(struct dfucast_linux_target *target, const char *text,
						    char *why_text, size_t why_bytes)
{
	static const struct {
		const char *name;
		enum dfucast_linux_scheme scheme;
		enum dfucast_linux_parse (*parse)(struct dfucast_linux_target *target, char *rest,
						  const struct reason *why);
	} schemes[] = {
	    {"udp:", DFUCAST_LINUX_UDP, udp_parse}, {"serial:", DFUCAST_LINUX_SERIAL, serial_parse},
	    {"tcp:", DFUCAST_LINUX_TCP, tcp_parse}, {"ble:", DFUCAST_LINUX_BLE, ble_parse},
	    {"sim:", DFUCAST_LINUX_SIM, sim_parse},
	};
	const struct reason why = {why_text, why_bytes};
	char rest[DFUCAST_LINUX_TEXT_BYTES];

	memset(target, 0, sizeof(*target));
	target->port = DFUCAST_LINUX_UDP_PORT;
	target->baud = 115200;
	target->framing = DFUCAST_FRAMING_CONSOLE;
	target->line_bytes = 128;
	target->line_buffers = 2;
	if (why_bytes > 0)
		why_text[0] = '\0';
	if (strlen(text) >= sizeof(target->text))
		return say(&why, DFUCAST_LINUX_PARSE_WRONG,
			   "a target of %zu characters is too long. Write at most %zu.", strlen(text),
			   sizeof(target->text) - 1);
	(void)snprintf(target->text, sizeof(target->text), "%s", text);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i].name);

		if (strncmp(text, schemes[i].name, length) != 0)
			continue;
		target->scheme = schemes[i].scheme;
		/* serial:///dev/x keeps its third slash, which begins the path */
		if (strncmp(text + length, "//", 2) == 0)
			length += 2;
		(void)snprintf(rest, sizeof(rest), "%s", text + length);
		return schemes[i].parse(target, rest, &why);
	}
	if (text[0] == '/')
		return say(&why, DFUCAST_LINUX_PARSE_WRONG, "\"%s\" has no scheme. Write serial:%s.", text,
			   text);
	return say(
	    &why, DFUCAST_LINUX_PARSE_WRONG,
	    "\"%s\" begins with no scheme known here. Write udp:HOST, serial:/dev/PORT or tcp:HOST:PORT.",
	    text);
}

/* ---- target files -------------------------------------------------------------------------------------------- */

static enum dfucast_linux_parse take_word(struct dfucast_linux_target *target, const char *word,
					  const struct reason *why)
{
	static const char *const keys[] = {"label=", "match=", "passkey="};
	char *const fields[] = {target->label, target->match, target->passkey};
	const size_t sizes[] = {sizeof(target->label), sizeof(target->match), sizeof(target->passkey)};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t length = strlen(keys[i]);

		if (strncmp(word, keys[i], length) != 0)
			continue;
		size_t used = 0;

		if (fields[i] == target->match && fields[i][0] != '\0') { /* each match= is one more */
			used = strlen(fields[i]) + 1;
		}
		if (used + strlen(word + length) >= sizes[i])
			return say(why, DFUCAST_LINUX_PARSE_WRONG,
				   "%s has more than %zu characters. Shorten it.", keys[i], sizes[i] - 1);
		for (const char *at = word + length; *at != '\0'; at++) {
			if ((unsigned char)*at < ' ' || *at == 0x7F)
				return say(
				    why, DFUCAST_LINUX_PARSE_WRONG,
				    "%s has a control character, which a terminal would obey. Leave it out.",
				    keys[i]);
		}
		if (used > 0)
			fields[i][used - 1] = ' ';
		(void)snprintf(fields[i] + used, sizes[i] - used, "%s", word + length);
		return DFUCAST_LINUX_PARSE_OK;
	}
	return say(why, DFUCAST_LINUX_PARSE_WRONG,
		   "\"%s\" is unknown after a target. Write label=, match= or passkey=.", word);
}

enum dfucast_linux_parse dfucast_linux_target_word(struct dfucast_linux_target *target, const char *word,
						   char *why, size_t why_bytes)
{
	const struct reason reason = {why, why_bytes};

	return take_word(target, word, &reason);
}

/* One line: blank or a comment (then *is_target is false), or a target and its words. */
static enum dfucast_linux_parse file_line(struct dfucast_linux_target *target, char *line, bool *is_target,
					  const struct reason *why)
{
	char *save = NULL;
	char *word = strtok_r(line, " \t\r\n", &save);
	enum dfucast_linux_parse result;

	*is_target = word != NULL && word[0] != '#';
	if (!*is_target)
		return DFUCAST_LINUX_PARSE_OK;
	result = dfucast_linux_target_parse(target, word, why->text, why->bytes);
	if (result != DFUCAST_LINUX_PARSE_OK)
		return result;
	for (word = strtok_r(NULL, " \t\r\n", &save); word != NULL && word[0] != '#';
	     word = strtok_r(NULL, " \t\r\n", &save)) {
		result = take_word(target, word, why);
		if (result != DFUCAST_LINUX_PARSE_OK)
			return result;
	}
	return DFUCAST_LINUX_PARSE_OK;
}

enum dfucast_linux_parse dfucast_linux_target_file(const char *path,
						   bool (*add)(void *context,
							       const struct dfucast_linux_target *target),
						   void *context, char *why_text, size_t why_bytes)
{
	const struct reason why = {why_text, why_bytes};
	struct dfucast_linux_target target;
	char inner[512] = "";
	const struct reason inner_why = {inner, sizeof(inner)};
	enum dfucast_linux_parse result = DFUCAST_LINUX_PARSE_OK;
	unsigned number = 0;
	size_t count = 0;
	char line[1024];
	char *text;
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return say(&why, DFUCAST_LINUX_PARSE_WRONG,
			   "the target file %s cannot be read: %s. Write @FILE with one target a line.", path,
			   strerror(errno));
	while (result == DFUCAST_LINUX_PARSE_OK && number < FILE_LINES_MAX &&
	       fgets(line, sizeof(line), file) != NULL) {
		bool is_target = false;

		number++;
		text = line;
		if (number == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0)
			text += 3; /* some editors begin a file with a byte order mark */
		if (strchr(line, '\n') == NULL && strlen(line) == sizeof(line) - 1)
			result =
			    say(&inner_why, DFUCAST_LINUX_PARSE_WRONG, "the line is too long. Split it.");
		else
			result = file_line(&target, text, &is_target, &inner_why);
		if (result != DFUCAST_LINUX_PARSE_OK) {
			(void)say(&why, result, "%s, line %u: %s", path, number, inner);
		} else if (is_target) {
			count++;
			if (!add(context, &target))
				result = say(&why, DFUCAST_LINUX_PARSE_WRONG, "%s, line %u: out of memory.",
					     path, number);
		}
	}
	if (result == DFUCAST_LINUX_PARSE_OK && ferror(file) != 0)
		result = say(&why, DFUCAST_LINUX_PARSE_WRONG,
			     "the target file %s cannot be read: %s. Write @FILE with one target a line.",
			     path, strerror(errno));
	else if (result == DFUCAST_LINUX_PARSE_OK && count == 0)
		result = say(&why, DFUCAST_LINUX_PARSE_WRONG,
			     "%s names no target. Write one a line, as udp:192.0.2.7.", path);
	(void)fclose(file);
	return result;
}

/* ---- ports --------------------------------------------------------------------------------------------------- */

struct ports {
	void (*port)(void *context, const char *path, const char *resolved);
	void *context;
	char seen[PORTS_MAX][64]; /* ttys that a by-id name pointed to */
	int seen_count;
	int count;
};

static void ports_by_id(struct ports *ports)
{
	const char *folder = "/dev/serial/by-id";
	struct dirent **names = NULL;
	int count = scandir(folder, &names, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];
		char real[PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && ports->seen_count < PORTS_MAX &&
		    realpath(path, real) != NULL) {
			(void)snprintf(ports->seen[ports->seen_count++], sizeof(ports->seen[0]), "%.63s",
				       real);
			ports->port(ports->context, path, real);
			ports->count++;
		}
		free(names[i]);
	}
	free(names);
}

/* The kernel makes ttyS nodes for hardware that is not there; those have no UART type. */
static bool ttys_exists(const char *name)
{
	char path[PATH_MAX];
	char type[16] = "0";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/sys/class/tty/%s/type", name);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(type, sizeof(type), file) == NULL)
		type[0] = '0';
	(void)fclose(file);
	return strtol(type, NULL, 10) != 0;
}

static bool port_wanted(const struct ports *ports, const char *name, const char *path)
{
	bool wanted =
	    strncmp(name, "ttyACM", 6) == 0 || strncmp(name, "ttyUSB", 6) == 0 ||
	    (strncmp(name, "ttyS", 4) == 0 && name[4] >= '0' && name[4] <= '9' && ttys_exists(name));

	for (int i = 0; wanted && i < ports->seen_count; i++)
		wanted = strcmp(ports->seen[i], path) != 0;
	return wanted;
}

int dfucast_linux_serial_list(void (*port)(void *context, const char *path, const char *resolved),
			      void *context)
{
	struct ports ports = {.port = port, .context = context};
	struct dirent **names = NULL;
	int count;

	ports_by_id(&ports);
	count = scandir("/dev", &names, NULL, versionsort);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "/dev/%s", names[i]->d_name);
		if (port_wanted(&ports, names[i]->d_name, path)) {
			port(context, path, path);
			ports.count++;
		}
		free(names[i]);
	}
	free(names);
	return ports.count;
}
