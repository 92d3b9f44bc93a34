/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dfu_application.zip, as the nRF Connect SDK builds it: a flat zip of manifest.json and the image files it names.
 * Everything is read into memory and checked here; what is not whole, or could harm, is refused with a reason.
 */
#ifndef CLI_PACKAGE_H
#define CLI_PACKAGE_H

#include "cli.h"

#define PACKAGE_IMAGES_MAX 16u
#define PACKAGE_TEXT_BYTES 64u

/* One file of the manifest. Numbers are -1 and texts "" where the manifest has no such key. */
struct package_image {
	char file[PACKAGE_TEXT_BYTES]; /* for people: cut, and without control characters */
	char type[PACKAGE_TEXT_BYTES];
	char board[PACKAGE_TEXT_BYTES];
	char soc[PACKAGE_TEXT_BYTES];
	char version[PACKAGE_TEXT_BYTES]; /* as the manifest has it; the image's header decides */
	int64_t load_address;
	int64_t entry; /* its index in the zip */
	int image_index;
	int slot;        /* the slot that the file is linked for */
	bool bootloader; /* an update of MCUboot itself */
	bool usable;     /* an MCUboot image, or said to be one; a SUIT envelope, for example, is none */
	uint8_t *bytes;  /* NULL once taken */
	uint32_t length;
};

struct package {
	int64_t format_version;
	int64_t time; /* Unix seconds */
	char name[PACKAGE_TEXT_BYTES];
	struct package_image images[PACKAGE_IMAGES_MAX]; /* in the manifest's order */
	size_t count;
};

/* True when the file's first bytes are a zip's, whatever its name. */
bool package_is(struct image_file *file);
/* Reads and checks all of it. 0, or an error of the image band with `why`; on failure nothing is held. */
int package_open(struct package *package, const struct image_file *file, char *why, size_t why_bytes);
/* Hands the bytes of one image over: `file` then reads and frees them as if it were the image's own file. */
void package_take(struct package *package, size_t index, struct image_file *file);
void package_close(struct package *package);

#endif
