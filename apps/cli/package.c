/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads dfu_application.zip with libzip and cJSON. A package comes from anywhere, so nothing in it is believed:
 * sizes are bounded before memory is asked for, names are only compared, and nothing is ever written to disk.
 *
 * Words: not_an_image for what is no such package or is refused outright, image_truncated for a part that is missing,
 * image_hash for content that was changed, image_read for a file that cannot be read.
 */
#include "package.h"
#include <dfucast/image.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

/* A package holds a handful of files, each for one flash slot. */
#define ZIP_BYTES_MAX (64u << 20)
#define ZIP_ENTRIES_MAX 64
#define ENTRY_BYTES_MAX (16u << 20)
#define UNPACKED_BYTES_MAX (64u << 20)
#define MANIFEST_BYTES_MAX (256u << 10)
#define MANIFEST_NAME "manifest.json"
/* Deflate reaches 1032 : 1, firmware padded to its slot about 50 : 1. Small entries may be anything. */
#define RATIO_MAX 200u
#define RATIO_FREE_BYTES (64u << 10)
#define INDEX_MAX 255

struct reader {
	zip_t *zip;
	struct package *package;
	char *why;
	size_t why_bytes;
};

static int refuse(const struct reader *reader, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(const struct reader *reader, int err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reader->why, reader->why_bytes, format, arguments);
	va_end(arguments);
	return err;
}

/* A name out of the package, fit for a terminal. */
static const char *shown(char text[PACKAGE_TEXT_BYTES], const char *name)
{
	return output_text(text, PACKAGE_TEXT_BYTES, name, strlen(name));
}

/* ---- the zip ---------------------------------------------------------------------------------------------------- */

/* Absolute, with a drive, or with a ".." between separators of either kind. */
static bool leads_outside(const char *name)
{
	if (name[0] == '/' || name[0] == '\\' || (name[0] != '\0' && name[1] == ':')) {
		return true;
	}
	for (const char *part = name; part != NULL;) {
		size_t length = strcspn(part, "/\\");

		if (length == 2 && part[0] == '.' && part[1] == '.') {
			return true;
		}
		part = part[length] == '\0' ? NULL : part + length + 1;
	}
	return false;
}

static int check_entry(const struct reader *reader, const char *name, const zip_stat_t *entry)
{
	const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
	char text[PACKAGE_TEXT_BYTES];

	(void)shown(text, name);
	if (leads_outside(name)) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      "the package has a file whose path leads outside: \"%s\"", text);
	}
	if ((entry->valid & needed) != needed) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC, "the package does not tell the size of \"%s\"",
			      text);
	}
	if (entry->size > ENTRY_BYTES_MAX) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      "\"%s\" in the package unpacks to %" PRIu64 " bytes; the most is %u", text,
			      (uint64_t)entry->size, ENTRY_BYTES_MAX);
	}
	if (entry->size > RATIO_FREE_BYTES && entry->size / RATIO_MAX > entry->comp_size) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      "\"%s\" in the package unpacks %" PRIu64 " bytes to %" PRIu64
			      ", more than %u times: no firmware does",
			      text, (uint64_t)entry->comp_size, (uint64_t)entry->size, RATIO_MAX);
	}
	return DFUCAST_ERR_OK;
}

/* Every entry, also those that the manifest does not name. */
static int check_entries(const struct reader *reader)
{
	zip_int64_t count = zip_get_num_entries(reader->zip, 0);
	const char *names[ZIP_ENTRIES_MAX];
	zip_uint64_t unpacked = 0;

	if (count > ZIP_ENTRIES_MAX) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      "the package has %" PRId64 " files; the most is %d", (int64_t)count,
			      ZIP_ENTRIES_MAX);
	}
	for (zip_int64_t i = 0; i < count; i++) {
		zip_stat_t entry;
		int err;

		names[i] = zip_get_name(reader->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
		if (names[i] == NULL || zip_stat_index(reader->zip, (zip_uint64_t)i, 0, &entry) != 0) {
			return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC, "the zip's directory is broken");
		}
		err = check_entry(reader, names[i], &entry);
		if (err != DFUCAST_ERR_OK) {
			return err;
		}
		unpacked += entry.size;
		for (zip_int64_t k = 0; k < i; k++) {
			if (strcmp(names[i], names[k]) == 0) {
				char text[PACKAGE_TEXT_BYTES];

				return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
					      "the package has two files of the name \"%s\"",
					      shown(text, names[i]));
			}
		}
	}
	if (unpacked > UNPACKED_BYTES_MAX) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      "the package unpacks to %" PRIu64 " bytes; the most is %u", (uint64_t)unpacked,
			      UNPACKED_BYTES_MAX);
	}
	return DFUCAST_ERR_OK;
}

/* Why an entry's bytes could not be had. */
static int refuse_read(const struct reader *reader, const char *text, zip_error_t *error)
{
	int code = zip_error_code_zip(error);
	int err = DFUCAST_ERR_IMAGE_HASH;

	if (code == ZIP_ER_EOF) {
		err = DFUCAST_ERR_IMAGE_TRUNCATED;
	} else if (code == ZIP_ER_READ || code == ZIP_ER_SEEK || code == ZIP_ER_MEMORY) {
		err = DFUCAST_ERR_IMAGE_READ;
	}
	return refuse(reader, err, "\"%s\" in the package is damaged: %s", text, zip_error_strerror(error));
}

/* Up to `size` + 1 bytes, so that an entry longer than it says is seen. */
static int read_bytes(const struct reader *reader, zip_file_t *file, const char *text, uint8_t *bytes,
		      zip_uint64_t size)
{
	zip_uint64_t length = 0;

	for (;;) {
		zip_int64_t got = zip_fread(file, bytes + length, size + 1 - length);

		if (got < 0) {
			return refuse_read(reader, text, zip_file_get_error(file));
		}
		length += (zip_uint64_t)got;
		if (length > size) {
			return refuse(reader, DFUCAST_ERR_IMAGE_HASH,
				      "\"%s\" in the package is longer than its directory says", text);
		}
		if (got == 0) {
			break;
		}
	}
	if (length < size) {
		return refuse(reader, DFUCAST_ERR_IMAGE_TRUNCATED,
			      "\"%s\" in the package is shorter than its directory says", text);
	}
	return DFUCAST_ERR_OK;
}

/* An entry in memory of its own, one byte longer than the entry and 0 there. */
static int read_entry(const struct reader *reader, zip_int64_t index, const char *name, uint32_t bytes_max,
		      uint8_t **bytes, uint32_t *length)
{
	char text[PACKAGE_TEXT_BYTES];
	zip_stat_t entry;
	zip_file_t *file;
	int err;

	(void)shown(text, name);
	if (zip_stat_index(reader->zip, (zip_uint64_t)index, 0, &entry) != 0 || entry.size > bytes_max) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC, "\"%s\" in the package is too long", text);
	}
	if (((entry.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && entry.encryption_method != ZIP_EM_NONE) ||
	    (entry.comp_method != ZIP_CM_STORE && entry.comp_method != ZIP_CM_DEFLATE)) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      "\"%s\" in the package is encrypted, or neither stored nor deflated", text);
	}
	*bytes = calloc(1, (size_t)entry.size + 1);
	if (*bytes == NULL) {
		return refuse(reader, DFUCAST_ERR_IMAGE_READ, "no memory for \"%s\" of the package", text);
	}
	file = zip_fopen_index(reader->zip, (zip_uint64_t)index, 0);
	if (file == NULL) {
		err = refuse_read(reader, text, zip_get_error(reader->zip));
	} else {
		err = read_bytes(reader, file, text, *bytes, entry.size);
		(void)zip_fclose(file);
	}
	if (err != DFUCAST_ERR_OK) {
		free(*bytes);
		*bytes = NULL;
		return err;
	}
	(*bytes)[entry.size] = 0;
	*length = (uint32_t)entry.size;
	return DFUCAST_ERR_OK;
}

/* ---- the manifest ----------------------------------------------------------------------------------------------- */

/* Some builds wrote load_address as a bare 0x…, which is no JSON: made decimal in place, which is never longer. */
static void make_hex_decimal(char *text, size_t length)
{
	bool quoted = false;

	for (size_t i = 0; i < length; i++) {
		char number[24];
		size_t digits;
		unsigned long long value;

		if (text[i] == '"') {
			quoted = !quoted;
		}
		if (quoted) {
			i += text[i] == '\\';
			continue;
		}
		if (text[i] != '0' || (text[i + 1] != 'x' && text[i + 1] != 'X') ||
		    (i > 0 && strchr("0123456789.+-", text[i - 1]) != NULL)) {
			continue;
		}
		digits = strspn(text + i + 2, "0123456789abcdefABCDEF");
		value = digits >= 1 && digits <= 8 ? strtoull(text + i + 2, NULL, 16) : UINT64_MAX;
		if (value <= UINT32_MAX) {
			(void)snprintf(number, sizeof(number), "%-*llu", (int)digits + 2, value);
			memcpy(text + i, number, digits + 2);
		}
		i += digits + 1;
	}
}

static void copy_text(char to[PACKAGE_TEXT_BYTES], const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	to[0] = '\0';
	if (cJSON_IsString(item)) {
		(void)shown(to, item->valuestring);
	}
}

/* A whole number, or one in quotes, decimal or 0x. Absent or null: -1. @return false: something else. */
static bool read_number(const cJSON *object, const char *key, int64_t high, int64_t *number)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	*number = -1;
	if (item == NULL || cJSON_IsNull(item)) {
		return true;
	}
	if (cJSON_IsNumber(item)) {
		if (!(item->valuedouble >= 0 && item->valuedouble <= (double)high)) {
			return false;
		}
		*number = (int64_t)item->valuedouble;
		return (double)*number == item->valuedouble;
	}
	if (cJSON_IsString(item)) {
		const char *text = item->valuestring;
		bool hex = strncmp(text, "0x", 2) == 0;
		const char *digits = hex ? text + 2 : text;
		size_t length = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");

		if (length == 0 || length > 15 || digits[length] != '\0') {
			return false;
		}
		*number = (int64_t)strtoull(digits, NULL, hex ? 16 : 10);
		return *number <= high;
	}
	return false;
}

static bool is_mcuboot_image(const uint8_t *bytes, uint32_t length)
{
	return length >= 4 && ((uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 |
			       bytes[0]) == DFUCAST_IMAGE_MAGIC;
}

/* The keys of one file, into `image`; `size` is what the manifest says, -1: nothing. */
static int read_keys(const struct reader *reader, const cJSON *item, struct package_image *image,
		     int64_t *size)
{
	static const char *const versions[] = {"version_MCUBOOT", "version_MCUBOOT+XIP", "version"};
	int64_t index;
	int64_t slot;

	copy_text(image->file, item, "file");
	copy_text(image->type, item, "type");
	copy_text(image->board, item, "board");
	copy_text(image->soc, item, "soc");
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]) && image->version[0] == '\0'; i++) {
		copy_text(image->version, item, versions[i]);
	}
	if (image->file[0] == '\0') {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      MANIFEST_NAME " is broken: its entry %zu names no file",
			      reader->package->count + 1);
	}
	if (!read_number(item, "size", UINT32_MAX, size) ||
	    !read_number(item, "load_address", UINT32_MAX, &image->load_address) ||
	    !read_number(item, "image_index", INDEX_MAX, &index) ||
	    !read_number(item, "slot", INDEX_MAX, &slot)) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      MANIFEST_NAME
			      " is broken: size, load_address, image_index or slot of \"%s\" is "
			      "no whole number or too large",
			      image->file);
	}
	image->image_index = (int)index;
	image->slot = (int)slot;
	return DFUCAST_ERR_OK;
}

/* Two entries for the same place: nobody could say which is meant. */
static const struct package_image *find_same_place(const struct package *package,
						   const struct package_image *image)
{
	for (size_t i = 0; i < package->count; i++) {
		const struct package_image *other = &package->images[i];
		bool same_index = (other->image_index > 0 ? other->image_index : 0) ==
				  (image->image_index > 0 ? image->image_index : 0);

		if (other->entry == image->entry ||
		    (same_index && other->slot == image->slot && strcmp(other->type, image->type) == 0 &&
		     strcmp(other->board, image->board) == 0)) {
			return other;
		}
	}
	return NULL;
}

static int read_image(const struct reader *reader, const cJSON *item)
{
	struct package *package = reader->package;
	struct package_image *image;
	const struct package_image *same;
	const char *name;
	int64_t size;
	int err;

	if (package->count == PACKAGE_IMAGES_MAX) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      MANIFEST_NAME " names more than %u files, the most there can be",
			      PACKAGE_IMAGES_MAX);
	}
	image = &package->images[package->count];
	err = read_keys(reader, item, image, &size);
	if (err != DFUCAST_ERR_OK) {
		return err;
	}
	name = cJSON_GetObjectItemCaseSensitive(item, "file")->valuestring;
	if (leads_outside(name)) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      MANIFEST_NAME " names a file outside the package: \"%s\"", image->file);
	}
	image->entry = zip_name_locate(reader->zip, name, ZIP_FL_ENC_RAW);
	if (image->entry < 0) {
		return refuse(reader, DFUCAST_ERR_IMAGE_TRUNCATED,
			      "\"%s\", which " MANIFEST_NAME " names, is not in the package", image->file);
	}
	same = find_same_place(package, image);
	if (same != NULL) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      MANIFEST_NAME " is ambiguous: \"%s\" and \"%s\" are for the same place",
			      same->file, image->file);
	}
	err = read_entry(reader, image->entry, name, ENTRY_BYTES_MAX, &image->bytes, &image->length);
	if (err != DFUCAST_ERR_OK) {
		return err;
	}
	package->count++; /* from here package_close() frees it */
	if (size >= 0 && (uint64_t)size != image->length) {
		return refuse(reader, DFUCAST_ERR_IMAGE_TRUNCATED,
			      "\"%s\" in the package has %" PRIu32 " bytes, and " MANIFEST_NAME
			      " says %" PRId64,
			      image->file, image->length, size);
	}
	image->bootloader = strcmp(image->type, "mcuboot") == 0;
	image->usable = is_mcuboot_image(image->bytes, image->length) || image->type[0] == '\0' ||
			strcmp(image->type, "application") == 0;
	return DFUCAST_ERR_OK;
}

static int read_manifest(const struct reader *reader, const cJSON *manifest)
{
	struct package *package = reader->package;
	const cJSON *files = cJSON_GetObjectItemCaseSensitive(manifest, "files");
	const cJSON *item;

	if (!cJSON_IsObject(manifest) || !cJSON_IsArray(files)) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC, MANIFEST_NAME " is broken: %s",
			      cJSON_IsObject(manifest) ? "it has no list of files" : "it is no JSON object");
	}
	if (!read_number(manifest, "format-version", INT32_MAX, &package->format_version) ||
	    !read_number(manifest, "time", INT64_C(1) << 50, &package->time)) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      MANIFEST_NAME " is broken: format-version or time is no whole number");
	}
	copy_text(package->name, manifest, "name");
	cJSON_ArrayForEach(item, files)
	{
		int err = read_image(reader, item);

		if (err != DFUCAST_ERR_OK) {
			return err;
		}
	}
	for (size_t i = 0; i < package->count; i++) {
		if (package->images[i].usable) {
			return DFUCAST_ERR_OK;
		}
	}
	return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC, "the package holds no MCUboot image%s%s%s",
		      package->count > 0 ? ", its first file is of type \"" : "",
		      package->count > 0 ? package->images[0].type : "", package->count > 0 ? "\"" : "");
}

static int read_package(const struct reader *reader)
{
	zip_int64_t at;
	uint8_t *text;
	uint32_t length;
	cJSON *manifest;
	const char *end = NULL;
	int err = check_entries(reader);

	if (err != DFUCAST_ERR_OK) {
		return err;
	}
	at = zip_name_locate(reader->zip, MANIFEST_NAME, ZIP_FL_ENC_RAW);
	if (at < 0) {
		return refuse(reader, DFUCAST_ERR_IMAGE_MAGIC,
			      "the zip has no " MANIFEST_NAME ", so it is no dfu_application.zip");
	}
	err = read_entry(reader, at, MANIFEST_NAME, MANIFEST_BYTES_MAX, &text, &length);
	if (err != DFUCAST_ERR_OK) {
		return err;
	}
	make_hex_decimal((char *)text, length);
	manifest = cJSON_ParseWithLengthOpts((const char *)text, length + 1, &end, true);
	/* A 0 byte ends the text for the parser: what stands behind it would go unread. */
	if (manifest == NULL || strlen((const char *)text) != length) {
		err = refuse(reader, DFUCAST_ERR_IMAGE_MAGIC, MANIFEST_NAME " is broken: no JSON at byte %td",
			     end != NULL ? end - (const char *)text : 0);
	} else {
		err = read_manifest(reader, manifest);
	}
	cJSON_Delete(manifest);
	free(text);
	return err;
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

bool package_is(struct image_file *file)
{
	uint8_t magic[4];

	if (file->length < sizeof(magic) || !image_file_read(file, 0, magic, sizeof(magic))) {
		return false;
	}
	/* a first file, or the end of a directory with none */
	return memcmp(magic, "PK\003\004", 4) == 0 || memcmp(magic, "PK\005\006", 4) == 0;
}

int package_open(struct package *package, const struct image_file *file, char *why, size_t why_bytes)
{
	struct reader reader = {.package = package, .why = why, .why_bytes = why_bytes};
	int code = 0;
	int err;
	int fd;

	memset(package, 0, sizeof(*package));
	if (file->length > ZIP_BYTES_MAX) {
		return refuse(&reader, DFUCAST_ERR_IMAGE_MAGIC,
			      "the zip has %" PRIu32 " bytes; a package has %u at most", file->length,
			      ZIP_BYTES_MAX);
	}
	fd = dup(file->fd);
	reader.zip = fd < 0 ? NULL : zip_fdopen(fd, 0, &code);
	if (reader.zip == NULL) {
		zip_error_t error;

		zip_error_init_with_code(&error, code);
		err = refuse(&reader, DFUCAST_ERR_IMAGE_MAGIC,
			     "it begins like a zip and cannot be read as one (cut off?): %s",
			     zip_error_strerror(&error));
		zip_error_fini(&error);
		if (fd >= 0) {
			(void)close(fd);
		}
		return err;
	}
	err = read_package(&reader);
	zip_discard(reader.zip);
	if (err != DFUCAST_ERR_OK) {
		package_close(package);
	}
	return err;
}

void package_take(struct package *package, size_t index, struct image_file *file)
{
	struct package_image *image = &package->images[index];

	image_file_close(file);
	file->memory = image->bytes;
	file->length = image->length;
	image->bytes = NULL;
}

void package_close(struct package *package)
{
	for (size_t i = 0; i < package->count; i++) {
		free(package->images[i].bytes);
	}
	memset(package, 0, sizeof(*package));
}
