/* SPDX-License-Identifier: Apache-2.0 */
/* Image files, as the core reads them: from the disk, or out of a package in memory. */
#define _GNU_SOURCE 1
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int image_file_open(struct image_file *file, const char *path, char *why, size_t why_bytes)
{
	struct stat status;

	file->length = 0;
	file->memory = NULL;
	/* not blocking: somebody may name a pipe or a tty */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0 || fstat(file->fd, &status) != 0) {
		(void)snprintf(why, why_bytes, "the file cannot be read: %s", strerror(errno));
	} else if (S_ISDIR(status.st_mode)) {
		(void)snprintf(why, why_bytes, "it is a directory");
	} else if (!S_ISREG(status.st_mode)) {
		(void)snprintf(why, why_bytes, "it is no ordinary file");
	} else if ((uint64_t)status.st_size > UINT32_MAX) {
		(void)snprintf(why, why_bytes, "it is longer than 4 GiB");
	} else {
		file->length = (uint32_t)status.st_size;
		if (file->length > 0)
			return DFUCAST_ERR_OK;
		(void)snprintf(why, why_bytes, "the file is empty");
		image_file_close(file);
		return DFUCAST_ERR_IMAGE_TRUNCATED;
	}
	image_file_close(file);
	return DFUCAST_ERR_IMAGE_READ;
}

bool image_file_read(void *context, uint32_t offset, uint8_t *buffer, uint32_t length)
{
	const struct image_file *file = context;

	if (file->memory != NULL) {
		if (offset > file->length || length > file->length - offset)
			return false;
		memcpy(buffer, file->memory + offset, length);
		return true;
	}
	while (length > 0) {
		ssize_t got = pread(file->fd, buffer, length, (off_t)offset);

		if (got <= 0 && !(got < 0 && errno == EINTR))
			return false; /* an error, or the file became shorter */
		if (got > 0) {
			offset += (uint32_t)got;
			buffer += got;
			length -= (uint32_t)got;
		}
	}
	return true;
}

int image_file_check_end(const struct dfucast_image *image, struct image_file *file, char *why,
			 size_t why_bytes)
{
	/* MCUboot bootutil_public.h, BOOT_MAGIC: for a write alignment of 8 bytes; above, two bytes say which. */
	static const uint8_t magic[] = {0x77, 0xC2, 0x95, 0xF3, 0x60, 0xD2, 0xEF, 0x7F,
					0x35, 0x52, 0x50, 0x0F, 0x2C, 0xB6, 0x79, 0x80};
	static const uint8_t aligned[] = {0x2D, 0xE1, 0x5D, 0x29, 0x41, 0x0B, 0x8D,
					  0x77, 0x67, 0x9C, 0x11, 0x0F, 0x1F, 0x8A};
	uint8_t end[sizeof(magic)];

	if (image->length - image->tlv_end < sizeof(end) ||
	    !image_file_read(file, image->length - (uint32_t)sizeof(end), end, sizeof(end)) ||
	    (memcmp(end, magic, sizeof(magic)) != 0 && memcmp(end + 2, aligned, sizeof(aligned)) != 0))
		return 0;
	(void)snprintf(why, why_bytes,
		       "it ends with a trailer (imgtool --pad): devices would start it at their next reset, "
		       "canary or not");
	return DFUCAST_ERR_IMAGE_TLV;
}

void image_file_close(struct image_file *file)
{
	if (file->fd >= 0)
		(void)close(file->fd);
	file->fd = -1;
	free(file->memory);
	file->memory = NULL;
}
