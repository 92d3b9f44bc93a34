/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dfucast command: its table of commands, and what the commands share (cli.h).
 */
#define _GNU_SOURCE 1
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NAME_BYTES_MAX 64u

struct command {
	const char *name; /* one word, or two */
	int (*run)(int argc, char **argv);
	const char *summary;
	const char *later; /* run NULL: what there is until then */
};

static const struct command commands[] = {
    {"update", cmd_update, "update devices with a signed image: the main job", NULL},
    {"inventory", cmd_inventory, "version, hash, board and buffers of many devices", NULL},
    {"image list", cmd_image_list, "the images in a device's slots", NULL},
    {"image upload", cmd_image_upload, "upload an image, activate nothing", NULL},
    {"image test", cmd_image_test, "mark an image to run once at the next reset", NULL},
    {"image confirm", cmd_image_confirm, "make the running image permanent", NULL},
    {"image erase", cmd_image_erase, "erase the slot that is not running", NULL},
    {"image slots", cmd_image_slots, "slots and their sizes", NULL},
    {"image inspect", cmd_image_inspect, "check an image file: header, TLVs, hash", NULL},
    {"echo", cmd_echo, "send a text and get it back", NULL},
    {"reset", cmd_reset, "reset a device", NULL},
    {"params", cmd_params, "a device's buffer size and count", NULL},
    {"taskstat", cmd_taskstat, "threads and their stacks", NULL},
    {"datetime", cmd_datetime, "read or set a device's clock", NULL},
    {"info", cmd_info, "board, kernel and build of a device", NULL},
    {"bootloader", cmd_bootloader, "bootloader and its mode", NULL},
    {"raw", cmd_raw, "any request, as JSON", NULL},
    {"demo", cmd_demo, "the main job on virtual devices, nothing to plug in", NULL},
    {"gateway", cmd_gateway, "make this machine a gateway: an SMP server whose image is the fleet's", NULL},
    {"scan", cmd_scan, "list updatable devices that a gateway sees", NULL},
    {"stat", NULL, "statistics group", "Until then, use \"dfucast raw TARGET 2 1\"."},
    {"settings", NULL, "settings group",
     "Until then, use \"dfucast raw TARGET 3 0 '{\"name\":\"KEY\"}' --read\"."},
    {"fs", NULL, "files on a device", "Until then, use \"dfucast raw TARGET 8 …\"."},
    {"shell", NULL, "run a shell command on a device",
     "Until then, use \"dfucast raw TARGET 9 0 '{\"argv\":[\"help\"]}'\"."},
    {"enum", NULL, "list a device's command groups", "Until then, use \"dfucast raw TARGET 10 1\"."},
    {"zephyr erase-storage", cmd_zephyr_erase_storage, "erase a device's settings and bonds", NULL},
    {"doctor", NULL, "what holds a device's speed back", "Until then, \"dfucast params\" tells its buffers."},
    {"sim", cmd_sim, "serve virtual devices to any client: sim serve --udp PORT", NULL},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)fprintf(stderr, "dfucast: internal error at %s:%d. Please report it.\n", file, line);
	abort();
}

/* ---- numbers and hex ----------------------------------------------------------------------------------------- */

bool cli_seconds_parse(const char *text, uint32_t *ms)
{
	char *end;
	double seconds;

	if (strspn(text, "0123456789.") != strlen(text) || text[0] == '\0')
		return false;
	seconds = strtod(text, &end);
	if (*end != '\0' || seconds > 24.0 * 86400.0)
		return false;
	*ms = (uint32_t)(seconds * 1000.0 + 0.5);
	return true;
}

bool cli_number_parse(const char *text, long low, long high, long *number)
{
	bool hex = strncmp(text, "0x", 2) == 0;
	char *end;

	errno = 0;
	*number = strtol(text, &end, hex ? 16 : 10);
	return end != text && *end == '\0' && errno == 0 && *number >= low && *number <= high;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

size_t cli_hex_parse(const char *text, uint8_t *bytes, size_t capacity)
{
	size_t length = strlen(text);

	if (length % 2 != 0 || length / 2 > capacity)
		return 0;
	for (size_t i = 0; i < length / 2; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return 0;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return length / 2;
}

void cli_hex_format(char *text, const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * length] = '\0';
}

/* ---- common options ------------------------------------------------------------------------------------------ */

enum { KEY_JSON = 0x100, KEY_TIMEOUT, KEY_LOG, KEY_TRACE };

static const struct argp_option common_options[] = {
    {"json", KEY_JSON, NULL, 0, "One JSON object a line on standard output", 0},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "Limit for each answer, all tries and connecting included (10)",
     0},
    {"verbose", 'v', NULL, 0, "Say what happens on standard error; twice: more", 0},
    {"log", KEY_LOG, "FILE", 0, "Append what happens to FILE, with UTC stamps", 0},
    {"trace", KEY_TRACE, "FILE", 0, "Write all SMP frames to FILE (pcap, opens in Wireshark)", 0},
    {0},
};

static error_t parse_common(int key, char *value, struct argp_state *state)
{
	struct cli_common *common = state->input;

	switch (key) {
	case KEY_JSON:
		common->json = true;
		return 0;
	case KEY_TIMEOUT:
		if (!cli_seconds_parse(value, &common->timeout_ms) || common->timeout_ms == 0)
			argp_error(state, "--timeout takes seconds above 0, as 10 or 0.5, not \"%s\"", value);
		return 0;
	case 'v':
		common->verbose++;
		return 0;
	case KEY_LOG:
		common->log_path = value;
		return 0;
	case KEY_TRACE:
		common->trace_path = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp cli_common_argp = {common_options, parse_common, NULL, NULL, NULL, NULL, NULL};

/* ---- a running command ---------------------------------------------------------------------------------------- */

static void on_signal(uv_signal_t *handle, int number)
{
	struct cli *cli = handle->data;

	(void)number;
	cli->interrupted = true;
	if (cli->on_interrupt != NULL)
		cli->on_interrupt(cli->on_interrupt_context);
	else
		uv_stop(&cli->loop);
}

static void start_signal(struct cli *cli, uv_signal_t *handle, int number)
{
	struct sigaction before;

	(void)uv_signal_init(&cli->loop, handle);
	handle->data = cli;
	/* ignored by nohup: it stays so */
	if (number != SIGHUP || sigaction(number, NULL, &before) != 0 || before.sa_handler != SIG_IGN)
		(void)uv_signal_start(handle, on_signal, number);
	uv_unref((uv_handle_t *)handle);
}

/* A target takes a descriptor, and the usual soft limit is 1024. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int cli_open(struct cli *cli, const char *command, const struct cli_common *options)
{
	char why[512];

	cli->options = *options;
	cli->interrupted = false;
	cli->on_interrupt = NULL;
	allow_descriptors();
	output_init(&cli->out, command, options->json);
	if (!trace_open(&cli->trace, options->trace_path, options->log_path, why, sizeof(why)))
		return output_usage(&cli->out, why, "Give --trace and --log a path that can be written.");
	if (uv_loop_init(&cli->loop) != 0) {
		(void)trace_close(&cli->trace);
		return output_usage(&cli->out, "no event loop to be had from this system.",
				    "Look at the limits of open files (ulimit -n).");
	}
	start_signal(cli, &cli->interrupt, SIGINT);
	start_signal(cli, &cli->terminate, SIGTERM);
	start_signal(cli, &cli->hangup, SIGHUP); /* the terminal or the ssh session ended */
	return CLI_EXIT_OK;
}

int cli_close(struct cli *cli, int code)
{
	uv_close((uv_handle_t *)&cli->interrupt, NULL);
	uv_close((uv_handle_t *)&cli->terminate, NULL);
	uv_close((uv_handle_t *)&cli->hangup, NULL);
	/* What was closed needs a turn or two of the loop. */
	for (int i = 0; i < 8 && uv_loop_alive(&cli->loop) != 0; i++)
		(void)uv_run(&cli->loop, UV_RUN_NOWAIT);
	if (!trace_close(&cli->trace) && code == CLI_EXIT_OK)
		code = CLI_EXIT_USAGE;
	if (cli->interrupted)
		code = CLI_EXIT_INTERRUPTED;
	if (uv_loop_close(&cli->loop) != 0) {
		/* A name is still being looked up in another thread, which an ordinary exit would wait for. */
		(void)fflush(NULL);
		_exit(code);
	}
	return code;
}

void cli_log(struct cli *cli, int level, const char *format, ...)
{
	va_list arguments;

	if (cli->trace.log != NULL) {
		va_start(arguments, format);
		trace_log(&cli->trace, format, arguments);
		va_end(arguments);
	}
	if (cli->options.verbose >= level) {
		(void)fprintf(stderr, "[%6u ms] ", output_ms(&cli->out));
		va_start(arguments, format);
		(void)vfprintf(stderr, format, arguments);
		va_end(arguments);
		(void)fputc('\n', stderr);
	}
}

/* ---- targets -------------------------------------------------------------------------------------------------- */

static void print_port(void *context, const char *path, const char *resolved)
{
	FILE *to = context;

	if (strcmp(path, resolved) == 0)
		(void)fprintf(to, "serial:%s\n", path);
	else
		(void)fprintf(to, "serial:%s  (%s)\n", path, resolved);
}

void cli_ports_print(FILE *to)
{
	if (dfucast_linux_serial_list(print_port, to) == 0)
		(void)fprintf(stderr,
			      "This machine has no serial port. Plug the board in, and look at \"dmesg\".\n");
}

static bool add_target(void *context, const struct dfucast_linux_target *target)
{
	struct cli_targets *targets = context;
	struct dfucast_linux_target *items = realloc(targets->items, (targets->count + 1) * sizeof(*items));

	if (items == NULL)
		return false;
	items[targets->count++] = *target;
	targets->items = items;
	return true;
}

/* Sentences of the parser: what went wrong, then what to write. */
static int target_error(const struct output *out, enum dfucast_linux_parse result, char *why)
{
	char *advice = NULL;

	/* the last sentence: what the user wrote may have dots in it */
	for (char *dot = strstr(why, ". "); dot != NULL; dot = strstr(dot + 1, ". "))
		advice = dot;
	if (result == DFUCAST_LINUX_PARSE_LIST && !out->json)
		cli_ports_print(stdout);
	if (advice != NULL) {
		advice[1] = '\0';
		advice += 2;
	}
	(void)output_usage(out, why, advice);
	return result == DFUCAST_LINUX_PARSE_NO_RADIO ? CLI_EXIT_RADIO : CLI_EXIT_USAGE;
}

int cli_target_one(struct dfucast_linux_target *target, const char *text, const struct output *out)
{
	char why[768];
	enum dfucast_linux_parse result = dfucast_linux_target_parse(target, text, why, sizeof(why));

	return result == DFUCAST_LINUX_PARSE_OK ? CLI_EXIT_OK : target_error(out, result, why);
}

int cli_targets_add(struct cli_targets *targets, const char *text, const struct output *out)
{
	struct dfucast_linux_target target;
	enum dfucast_linux_parse result;
	char why[768];

	if (text[0] == '@')
		result = dfucast_linux_target_file(text + 1, add_target, targets, why, sizeof(why));
	else
		result = dfucast_linux_target_parse(&target, text, why, sizeof(why));
	if (result != DFUCAST_LINUX_PARSE_OK)
		return target_error(out, result, why);
	if (text[0] != '@' && !add_target(targets, &target))
		return output_usage(out, "out of memory.", "");
	return CLI_EXIT_OK;
}

void cli_targets_free(struct cli_targets *targets)
{
	free(targets->items);
	memset(targets, 0, sizeof(*targets));
}

/* ---- the command line ----------------------------------------------------------------------------------------- */

static void print_help(FILE *to, const char *group)
{
	(void)fprintf(to, "Usage: dfucast COMMAND [ARGUMENTS]\n\n"
			  "Updates the firmware of many devices at once over SMP (MCUmgr).\n\nCommands:\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (group == NULL || strncmp(commands[i].name, group, strlen(group)) == 0)
			(void)fprintf(to, "  %-20s %s%s\n", commands[i].name, commands[i].summary,
				      commands[i].run == NULL ? " (comes later)" : "");
	}
	if (group == NULL)
		(void)fprintf(
		    to,
		    "\nTargets:\n"
		    "  udp:HOST[:1337]                      SMP over UDP; IPv6 in brackets\n"
		    "  serial:/dev/ttyACM0[?baud=115200&framing=console&line_bytes=128&line_buffers=2]\n"
		    "                                       serial port; framing console, raw or cobs;\n"
		    "                                       \"dfucast serial:\" lists the ports\n"
		    "  tcp:HOST:PORT[?framing=console]      the same bytes over TCP\n"
		    "  @FILE                                one target a line, with label=, match=, "
		    "passkey=\n"
		    "  sim:N[?seed=1&loss=0.01&…]           N virtual devices around one simulated radio:\n"
		    "                                       in other commands, fresh ones each time\n"
		    "  ble:…                                comes later\n\n"
		    "Exit codes: 0 done, 1 wrong usage, 2 bad image file, 3 a device did not get there,\n"
		    "4 no radio or gateway, 130 interrupted. Error words: docs/errors.md.\n");
	(void)fprintf(to, "\n\"dfucast COMMAND --help\" tells a command's options and examples.\n");
}

/* Edit distance, for the nearest name. Names are short: both are cut at NAME_BYTES_MAX. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_BYTES_MAX + 1];
	size_t a_length = strnlen(a, NAME_BYTES_MAX);
	size_t b_length = strnlen(b, NAME_BYTES_MAX);

	for (size_t j = 0; j <= b_length; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b_length];
}

static int unknown_command(const struct output *out, const char *name)
{
	char what[3 * NAME_BYTES_MAX];
	char what_to_do[2 * NAME_BYTES_MAX] = "\"dfucast --help\" lists the commands.";
	const char *nearest = NULL;
	unsigned best = strlen(name) < 6 ? 3 : 4;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const char *blank = strchr(commands[i].name, ' ');
		unsigned far = distance(name, commands[i].name);

		if (strncmp(name, commands[i].name, strlen(name)) == 0) /* "upd" */
			far = far < 2 ? far : 2;
		if (blank != NULL) { /* "imag", "list": one of the two words */
			char first[NAME_BYTES_MAX];
			unsigned far_first;
			unsigned far_second = distance(name, blank + 1);

			(void)snprintf(first, sizeof(first), "%.*s", (int)(blank - commands[i].name),
				       commands[i].name);
			far_first = distance(name, first);
			far_first = far_first < far_second ? far_first : far_second;
			far = far < far_first ? far : far_first;
		}
		if (far < best) {
			best = far;
			nearest = commands[i].name;
		}
	}
	(void)snprintf(what, sizeof(what), "\"%s\" is no command.", name);
	if (nearest != NULL)
		(void)snprintf(what_to_do, sizeof(what_to_do), "Did you mean \"dfucast %s\"?", nearest);
	return output_usage(out, what, what_to_do);
}

static int run_command(const struct output *out, const struct command *command, int argc, char **argv)
{
	char name[NAME_BYTES_MAX];

	if (command->run == NULL) {
		char what[2 * NAME_BYTES_MAX];

		(void)snprintf(what, sizeof(what), "the command \"%s\" comes later.", command->name);
		return output_usage(out, what, command->later);
	}
	(void)snprintf(name, sizeof(name), "dfucast %s", command->name);
	argv[0] = name;
	return command->run(argc, argv);
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "-?") == 0 ||
	       strcmp(word, "help") == 0;
}

static int run(int argc, char **argv)
{
	char two_words[2 * NAME_BYTES_MAX];
	struct output out;          /* for what is wrong before a command has its own */
	char group[NAME_BYTES_MAX]; /* of commands of two words */
	bool two;

	output_init(&out, "dfucast", cli_wants_json(argc, argv));
	if (argc < 2) {
		print_help(stderr, NULL);
		return CLI_EXIT_USAGE;
	}
	if (is_help(argv[1])) {
		print_help(stdout, NULL);
		return CLI_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		(void)printf("%s\n", argp_program_version);
		return CLI_EXIT_OK;
	}
	if (strcmp(argv[1], "serial:") == 0) {
		cli_ports_print(stdout);
		return CLI_EXIT_OK;
	}
	if (argv[1][0] == '-') {
		char what[2 * NAME_BYTES_MAX];
		char what_to_do[2 * NAME_BYTES_MAX];

		(void)snprintf(what, sizeof(what), "the option %.60s stands before a command.", argv[1]);
		(void)snprintf(what_to_do, sizeof(what_to_do), "Write \"dfucast COMMAND %.60s\".", argv[1]);
		return output_usage(&out, what, what_to_do);
	}
	two = strcmp(argv[1], "image") == 0 || strcmp(argv[1], "zephyr") == 0;
	if (two && (argc < 3 || is_help(argv[2]))) {
		(void)snprintf(group, sizeof(group), "%s ", argv[1]);
		print_help(argc < 3 ? stderr : stdout, group);
		return argc < 3 ? CLI_EXIT_USAGE : CLI_EXIT_OK;
	}
	(void)snprintf(two_words, sizeof(two_words), "%.60s%s%.60s", argv[1], two ? " " : "",
		       two ? argv[2] : "");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(two_words, commands[i].name) == 0)
			return run_command(&out, &commands[i], argc - 1 - two, argv + 1 + two);
	}
	return unknown_command(&out, two_words);
}

/*
 * A standard stream that was closed ("dfucast … >&-") would be given to the next file that is opened, and libuv aborts
 * on that. /dev/null takes its place, opened the other way round, so that what cannot be written still is an error.
 */
static void fill_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			_exit(CLI_EXIT_USAGE);
	}
}

int main(int argc, char **argv)
{
	int code;

	fill_standard_streams();

	argp_program_version = "dfucast " DFUCAST_VERSION;
	argp_err_exit_status = CLI_EXIT_USAGE;
	(void)signal(SIGPIPE, SIG_IGN);
	code = run(argc, argv);
	errno = 0;
	if (fflush(stdout) != 0 || ferror(stdout) != 0) { /* now, or earlier */
		(void)fprintf(stderr, "dfucast: the output could not be written%s%s.\n",
			      errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
		code = code == CLI_EXIT_OK ? CLI_EXIT_USAGE : code;
	}
	return code;
}
