/* SPDX-License-Identifier: Apache-2.0 */
/* dfucast image inspect FILE: what an image says of itself, and whether it is whole. */
#define _GNU_SOURCE 1
#include "cli.h"
#include "package.h"
#include <dfucast/image.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------------------------- */

/* MCUboot bootutil/image.h */
static const struct {
	uint16_t type;
	const char *name;
} tlv_names[] = {
    {0x01, "key hash"},
    {0x02, "public key"},
    {0x10, "SHA-256"},
    {0x11, "SHA-384"},
    {0x12, "SHA-512"},
    {0x20, "RSA-2048 PSS signature"},
    {0x21, "ECDSA-224 signature"},
    {0x22, "ECDSA signature"},
    {0x23, "RSA-3072 PSS signature"},
    {0x24, "Ed25519 signature"},
    {0x25, "pure signature mark"},
    {0x30, "key encrypted with RSA-2048"},
    {0x31, "key encrypted with AES-KW"},
    {0x32, "key encrypted with EC-P256"},
    {0x33, "key encrypted with X25519"},
    {0x34, "key encrypted with X25519, SHA-512"},
    {0x40, "dependency"},
    {0x50, "security counter"},
    {0x60, "boot record"},
    {0x70, "decompressed size"},
    {0x71, "decompressed SHA"},
    {0x72, "decompressed signature"},
    {0x73, "compressed and decrypted size"},
    {0x74, "vendor UUID"},
    {0x75, "class UUID"},
};

static const char *tlv_name(uint16_t type)
{
	for (size_t i = 0; i < sizeof(tlv_names) / sizeof(tlv_names[0]); i++) {
		if (tlv_names[i].type == type)
			return tlv_names[i].name;
	}
	return (type & 0xFF) >= 0xA0 && (type & 0xFF) <= 0xFE ? "vendor" : "unknown";
}

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
    {DFUCAST_IMAGE_PIC, "position independent"},
    {DFUCAST_IMAGE_ENCRYPTED_AES128, "encrypted (AES-128)"},
    {DFUCAST_IMAGE_ENCRYPTED_AES256, "encrypted (AES-256)"},
    {DFUCAST_IMAGE_NON_BOOTABLE, "not bootable"},
    {DFUCAST_IMAGE_RAM_LOAD, "RAM load"},
    {DFUCAST_IMAGE_ROM_FIXED, "fixed address"},
    {DFUCAST_IMAGE_COMPRESSED_LZMA1, "compressed (LZMA1)"},
    {DFUCAST_IMAGE_COMPRESSED_LZMA2, "compressed (LZMA2)"},
    {DFUCAST_IMAGE_COMPRESSED_ARM_THUMB, "compressed (ARM Thumb filter)"},
};

/* ---- checking -------------------------------------------------------------------------------------------------- */

struct inspection {
	struct image_file file;
	struct dfucast_image image;
	uint8_t file_sha[32];
	int verdict;                         /* 0, IMAGE_HASH or IMAGE_UNCHECKED */
	const struct dfucast_linux_key *key; /* NULL: none given */
	int signature;                       /* with a key: 0 or IMAGE_SIGNATURE … */
	char signature_why[200];             /* … and why */
};

/* Both hashes over the whole file. @return as dfucast_image_digest_finish(), or IMAGE_READ. */
static int digest_file(struct inspection *inspection)
{
	struct dfucast_linux_sha256 file_state, content_state;
	struct dfucast_sha256 file_hash, content_hash;
	struct dfucast_image_digest digest;
	uint8_t block[4096];
	int err = DFUCAST_ERR_OK;

	dfucast_linux_sha256_init(&file_hash, &file_state);
	dfucast_linux_sha256_init(&content_hash, &content_state);
	dfucast_image_digest_start(&digest, &inspection->image, &file_hash, &content_hash);
	for (uint32_t offset = 0; offset < inspection->file.length;) {
		uint32_t left = inspection->file.length - offset;
		uint32_t length = left < sizeof(block) ? left : (uint32_t)sizeof(block);

		if (!image_file_read(&inspection->file, offset, block, length)) {
			err = DFUCAST_ERR_IMAGE_READ;
			break;
		}
		dfucast_image_digest_feed(&digest, block, length);
		offset += length;
	}
	if (err == DFUCAST_ERR_OK)
		err = dfucast_image_digest_finish(&digest, &inspection->image, inspection->file_sha);
	dfucast_linux_sha256_abort(&file_state);
	dfucast_linux_sha256_abort(&content_state);
	return err;
}

/* "encrypted", "compressed", or the hash that is not SHA-256. */
static const char *unchecked_reason(const struct dfucast_image *image)
{
	if ((image->flags & (DFUCAST_IMAGE_ENCRYPTED_AES128 | DFUCAST_IMAGE_ENCRYPTED_AES256)) != 0)
		return "encrypted";
	if ((image->flags & (DFUCAST_IMAGE_COMPRESSED_LZMA1 | DFUCAST_IMAGE_COMPRESSED_LZMA2 |
			     DFUCAST_IMAGE_COMPRESSED_ARM_THUMB)) != 0)
		return "compressed";
	return "not SHA-256";
}

static const char *hash_word(const struct inspection *inspection, char text[64])
{
	if (inspection->verdict == DFUCAST_ERR_OK)
		return "ok";
	if (inspection->verdict == DFUCAST_ERR_IMAGE_HASH)
		return "MISMATCH";
	(void)snprintf(text, 64, "not checkable (%s)", unchecked_reason(&inspection->image));
	return text;
}

/* ---- output ---------------------------------------------------------------------------------------------------- */

struct report {
	const struct output *out;
	const char *path;
	struct inspection *inspection;
	const char *package; /* NULL: the file is the image itself */
};

static void report_json(const struct report *report)
{
	struct inspection *inspection = report->inspection;
	const struct dfucast_image *image = &inspection->image;
	cJSON *object = output_begin(report->out, "image", NULL);
	struct dfucast_image_tlv entry;
	char text[2 * DFUCAST_IMAGE_HASH_BYTES_MAX + 1];
	uint32_t cursor = 0;
	cJSON *list;

	output_add_text(object, "file", report->path, strlen(report->path));
	if (report->package != NULL)
		(void)cJSON_AddStringToObject(object, "package", report->package);
	(void)dfucast_version_format(&image->version, text);
	(void)cJSON_AddStringToObject(object, "version", text);
	(void)cJSON_AddNumberToObject(object, "size", image->length);
	cli_hex_format(text, image->hash, image->hash_bytes);
	(void)cJSON_AddStringToObject(object, "hash", text);
	(void)cJSON_AddBoolToObject(object, "signed", image->signature_count > 0);
	cli_hex_format(text, inspection->file_sha, sizeof(inspection->file_sha));
	(void)cJSON_AddStringToObject(object, "file_sha256", text);
	(void)cJSON_AddNumberToObject(object, "header_bytes", image->header_bytes);
	(void)cJSON_AddNumberToObject(object, "payload_bytes", image->payload_bytes);
	(void)cJSON_AddNumberToObject(object, "protected_tlv_bytes", image->protected_tlv_bytes);
	(void)cJSON_AddNumberToObject(object, "load_address", image->load_address);
	(void)cJSON_AddNumberToObject(object, "flags", image->flags);
	(void)cJSON_AddStringToObject(object, "hash_type", tlv_name(image->hash_type));
	if (image->signature_count > 0)
		(void)cJSON_AddStringToObject(object, "signature_type", tlv_name(image->signature_type));
	(void)cJSON_AddStringToObject(object, "payload_hash",
				      inspection->verdict == DFUCAST_ERR_OK           ? "ok"
				      : inspection->verdict == DFUCAST_ERR_IMAGE_HASH ? "mismatch"
										      : "not_checkable");
	if (inspection->key != NULL)
		(void)cJSON_AddStringToObject(object, "signature",
					      inspection->signature != DFUCAST_ERR_OK ? "mismatch"
					      : inspection->verdict == DFUCAST_ERR_OK ? "ok"
										      : "of_hash_only");
	list = cJSON_AddArrayToObject(object, "tlvs");
	while (dfucast_image_tlv_next(image, image_file_read, &inspection->file, &cursor, &entry) == 1) {
		cJSON *tlv = cJSON_CreateObject();

		(void)cJSON_AddItemToArray(list, tlv);
		(void)cJSON_AddNumberToObject(tlv, "type", entry.type);
		(void)cJSON_AddStringToObject(tlv, "name", tlv_name(entry.type));
		(void)cJSON_AddNumberToObject(tlv, "length", entry.length);
		(void)cJSON_AddNumberToObject(tlv, "offset", entry.offset);
		(void)cJSON_AddBoolToObject(tlv, "protected", entry.is_protected);
	}
	output_end(object);
}

static void print_tlvs(struct inspection *inspection)
{
	struct dfucast_image_tlv entry;
	struct table table;
	uint32_t cursor = 0;

	table_init(&table, 5);
	table_cell(&table, "TLV");
	table_cell(&table, "name");
	table_cell(&table, "bytes");
	table_cell(&table, "area");
	table_cell(&table, "value");
	while (dfucast_image_tlv_next(&inspection->image, image_file_read, &inspection->file, &cursor,
				      &entry) == 1) {
		uint8_t value[16];
		char hex[2 * sizeof(value) + 1] = "";
		uint32_t shown = entry.length < sizeof(value) ? entry.length : (uint32_t)sizeof(value);

		if (image_file_read(&inspection->file, entry.offset, value, shown))
			cli_hex_format(hex, value, shown);
		table_cell(&table, "0x%02x", entry.type);
		table_cell(&table, "%s", tlv_name(entry.type));
		table_cell(&table, "%u", entry.length);
		table_cell(&table, "%s", entry.is_protected ? "protected" : "-");
		table_cell(&table, "%s%s", hex, shown < entry.length ? "…" : "");
	}
	table_print(&table, stdout);
	table_free(&table);
}

static void report_text(const struct report *report)
{
	struct inspection *inspection = report->inspection;
	const struct dfucast_image *image = &inspection->image;
	char text[2 * DFUCAST_IMAGE_HASH_BYTES_MAX + 1];
	char version[DFUCAST_VERSION_TEXT_BYTES];
	char reason[64];
	bool any = false;

	(void)dfucast_version_format(&image->version, version);
	(void)printf("version       %s\n", version);
	(void)printf("size          %u bytes: header %u, payload %u, protected TLVs %u, after the TLVs %u\n",
		     image->length, image->header_bytes, image->payload_bytes, image->protected_tlv_bytes,
		     image->length - image->tlv_end);
	(void)printf("load address  0x%08x\n", image->load_address);
	(void)printf("flags         0x%x", image->flags);
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
		if ((image->flags & flag_names[i].flag) != 0) {
			(void)printf("%s%s", any ? ", " : ": ", flag_names[i].name);
			any = true;
		}
	}
	cli_hex_format(text, image->hash, image->hash_bytes);
	(void)printf("\nhash          %s (%s; what devices list)\n", text, tlv_name(image->hash_type));
	cli_hex_format(text, inspection->file_sha, sizeof(inspection->file_sha));
	(void)printf("file SHA-256  %s (what an upload sends)\n", text);
	if (image->signature_count == 0)
		(void)printf("signed by     nobody: it carries a hash only\n");
	else
		(void)printf("signed by     %s%s\n", tlv_name(image->signature_type),
			     image->signature_count > 1 ? " and more" : "");
	if (inspection->key != NULL && inspection->signature == DFUCAST_ERR_OK)
		(void)printf("signature     ok, of the key given%s\n",
			     inspection->verdict == DFUCAST_ERR_OK ? "" : ", over the hash alone");
	else if (inspection->key != NULL)
		(void)printf("signature     WRONG: %s\n", inspection->signature_why);
	(void)printf("payload hash  %s\n\n", hash_word(inspection, reason));
	print_tlvs(inspection);
}

/* ---- the image -------------------------------------------------------------------------------------------------- */

/* Checks the image at hand. 0 or the error; a hash that does not match is a verdict, not an error here. */
static int inspect(struct inspection *inspection)
{
	int err = dfucast_image_parse(&inspection->image, image_file_read, &inspection->file,
				      inspection->file.length);

	if (err != DFUCAST_ERR_OK)
		return err;
	inspection->verdict = digest_file(inspection);
	if (inspection->key != NULL) {
		inspection->signature =
		    signed_check(inspection->key, &inspection->image, &inspection->file,
				 inspection->signature_why, sizeof(inspection->signature_why));
	}
	if (inspection->verdict == DFUCAST_ERR_IMAGE_HASH ||
	    inspection->verdict == DFUCAST_ERR_IMAGE_UNCHECKED)
		return DFUCAST_ERR_OK;
	return inspection->verdict;
}

static int inspect_and_report(const struct report *report)
{
	struct failure failure = {.group = DFUCAST_GROUP_NONE};

	failure.err = inspect(report->inspection);
	if (failure.err == DFUCAST_ERR_OK) {
		if (report->out->json)
			report_json(report);
		else
			report_text(report);
		if (report->inspection->verdict == DFUCAST_ERR_IMAGE_HASH) {
			failure.err = DFUCAST_ERR_IMAGE_HASH;
		} else if (report->inspection->key != NULL &&
			   report->inspection->signature != DFUCAST_ERR_OK) {
			failure.err = report->inspection->signature;
			(void)snprintf(failure.why, sizeof(failure.why), "%s",
				       report->inspection->signature_why);
		} else {
			failure.err =
			    image_file_check_end(&report->inspection->image, &report->inspection->file,
						 failure.why, sizeof(failure.why));
		}
	}
	return failure.err == DFUCAST_ERR_OK ? CLI_EXIT_OK
					     : output_failure(report->out, report->path, &failure);
}

/* ---- packages -------------------------------------------------------------------------------------------------- */

static void add_text(cJSON *object, const char *key, const char *text)
{
	if (text[0] != '\0')
		(void)cJSON_AddStringToObject(object, key, text);
}

static void add_number(cJSON *object, const char *key, int64_t number)
{
	if (number >= 0)
		(void)cJSON_AddNumberToObject(object, key, (double)number);
}

static void package_json(const struct output *out, const char *path, const struct package *package)
{
	cJSON *object = output_begin(out, "package", NULL);
	cJSON *list;

	output_add_text(object, "file", path, strlen(path));
	add_text(object, "name", package->name);
	add_number(object, "format_version", package->format_version);
	add_number(object, "time", package->time);
	list = cJSON_AddArrayToObject(object, "files");
	for (size_t i = 0; i < package->count; i++) {
		const struct package_image *image = &package->images[i];
		cJSON *item = cJSON_CreateObject();

		(void)cJSON_AddItemToArray(list, item);
		(void)cJSON_AddStringToObject(item, "file", image->file);
		(void)cJSON_AddNumberToObject(item, "size", image->length);
		add_text(item, "type", image->type);
		add_text(item, "board", image->board);
		add_text(item, "soc", image->soc);
		add_text(item, "version", image->version);
		add_number(item, "image_index", image->image_index);
		add_number(item, "slot", image->slot);
		add_number(item, "load_address", image->load_address);
		(void)cJSON_AddBoolToObject(item, "usable", image->usable);
	}
	output_end(object);
}

static void number_cell(struct table *table, int number)
{
	if (number >= 0)
		table_cell(table, "%d", number);
	else
		table_cell(table, "-");
}

static void package_text(const struct package *package)
{
	struct table table;

	(void)printf("package       %s%s%zu file%s\n", package->name, package->name[0] != '\0' ? ", " : "",
		     package->count, package->count == 1 ? "" : "s");
	table_init(&table, 7);
	for (const char *const *heading =
		 (const char *const[]){"file", "type", "image", "slot", "version", "board", "bytes", NULL};
	     *heading != NULL; heading++)
		table_cell(&table, "%s", *heading);
	for (size_t i = 0; i < package->count; i++) {
		const struct package_image *image = &package->images[i];

		table_cell(&table, "%s", image->file);
		table_cell(&table, "%s", image->type[0] != '\0' ? image->type : "-");
		number_cell(&table, image->image_index);
		number_cell(&table, image->slot);
		table_cell(&table, "%s", image->version[0] != '\0' ? image->version : "-");
		table_cell(&table, "%s", image->board[0] != '\0' ? image->board : "-");
		table_cell(&table, "%u", image->length);
	}
	table_print(&table, stdout);
	table_free(&table);
}

static int inspect_package(struct report *report)
{
	static struct package package;
	struct failure failure = {.group = DFUCAST_GROUP_NONE};
	int code = CLI_EXIT_OK;

	failure.err = package_open(&package, &report->inspection->file, failure.why, sizeof(failure.why));
	if (failure.err != DFUCAST_ERR_OK)
		return output_failure(report->out, report->path, &failure);
	report->package = report->path;
	if (report->out->json)
		package_json(report->out, report->path, &package);
	else
		package_text(&package);
	for (size_t i = 0; i < package.count; i++) {
		int one;

		if (!package.images[i].usable)
			continue;
		package_take(&package, i, &report->inspection->file);
		report->path = package.images[i].file;
		if (!report->out->json)
			(void)printf("\nfile          %s\n", report->path);
		one = inspect_and_report(report);
		code = code == CLI_EXIT_OK ? one : code;
	}
	package_close(&package);
	return code;
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

struct inspect_parser {
	struct cli_common common;
	const char *path;
	const char *key_path;
};

enum { KEY_KEY = 0x600 };

static error_t parse_inspect(int key, char *value, struct argp_state *state)
{
	struct inspect_parser *parser = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &parser->common;
		return 0;
	case KEY_KEY:
		parser->key_path = value;
		return 0;
	case ARGP_KEY_ARG:
		if (parser->path != NULL)
			argp_error(state, "\"%s\" is one argument too many", value);
		parser->path = value;
		return 0;
	case ARGP_KEY_END:
		if (parser->path == NULL)
			argp_error(state, "an argument is missing: write %s FILE", state->name);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_image_inspect(int argc, char **argv)
{
	static const struct argp_child children[] = {{&cli_common_argp, 0, "Common options:", 10}, {0}};
	static const struct argp_option options[] = {
	    {"key", KEY_KEY, "PEM", 0,
	     "Check too that it is signed with this key (ECDSA P-256, RSA-2048, RSA-3072)", 0},
	    {0},
	};
	static const struct argp argp = {
	    options,
	    parse_inspect,
	    "FILE",
	    "Reads a signed MCUboot image, or all images of a dfu_application.zip: version, sizes, flags, "
	    "both hashes, every TLV, and whether its "
	    "content matches "
	    "its hash. No device is needed. Exit code 2 for an image that is not whole.\v"
	    "Examples:\n"
	    "  dfucast image inspect zephyr.signed.bin\n"
	    "  dfucast image inspect zephyr.signed.bin --json\n"
	    "  dfucast image inspect dfu_application.zip",
	    children,
	    NULL,
	    NULL};
	struct inspect_parser parser = {.path = NULL};
	struct inspection inspection = {.file = {.fd = -1}};
	struct failure failure = {.group = DFUCAST_GROUP_NONE};
	struct output out;
	struct report report = {&out, NULL, &inspection, NULL};
	struct dfucast_linux_key *key = NULL;
	int code = CLI_EXIT_OK;

	cli_parse(&argp, argc, argv, &parser);
	output_init(&out, argv[0], parser.common.json);
	report.path = parser.path;
	if (parser.key_path != NULL)
		key = signed_key(&out, parser.key_path, &code);
	if (code != CLI_EXIT_OK)
		return code;
	inspection.key = key;
	failure.err = image_file_open(&inspection.file, parser.path, failure.why, sizeof(failure.why));
	if (failure.err != DFUCAST_ERR_OK)
		code = output_failure(&out, parser.path, &failure);
	else if (package_is(&inspection.file))
		code = inspect_package(&report);
	else
		code = inspect_and_report(&report);
	image_file_close(&inspection.file);
	dfucast_linux_key_free(key);
	return code;
}
