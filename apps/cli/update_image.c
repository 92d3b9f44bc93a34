/* SPDX-License-Identifier: Apache-2.0 */
/* The image of `dfucast update`: out of its file or package, and proven before any link is opened. */
#include "update.h"
#include "package.h"
#include <stdlib.h>
#include <string.h>

int update_image_failure(struct update_job *job, int err, const char *why)
{
	struct failure failure = {.err = err, .group = DFUCAST_GROUP_NONE};

	snprintf(failure.why, sizeof(failure.why), "%s", why);
	return output_failure(&job->cli.out, job->options.image_path, &failure);
}

int update_prove_image(const struct dfucast_image *image, struct image_file *from, uint8_t sha[32])
{
	struct dfucast_linux_sha256 file_state;
	struct dfucast_linux_sha256 content_state;
	struct dfucast_sha256 file;
	struct dfucast_sha256 content;
	struct dfucast_image_digest digest;
	static uint8_t bytes[65536];

	dfucast_linux_sha256_init(&file, &file_state);
	dfucast_linux_sha256_init(&content, &content_state);
	dfucast_image_digest_start(&digest, image, &file, &content);
	for (uint32_t at = 0; at < image->length;) {
		uint32_t part = image->length - at < sizeof(bytes) ? image->length - at : sizeof(bytes);

		if (!image_file_read(from, at, bytes, part)) {
			dfucast_linux_sha256_abort(&file_state);
			dfucast_linux_sha256_abort(&content_state);
			return DFUCAST_ERR_IMAGE_READ;
		}
		dfucast_image_digest_feed(&digest, bytes, part);
		at += part;
	}
	return dfucast_image_digest_finish(&digest, image, sha);
}

/* Direct-XIP: the same image twice, linked for either slot. */
static bool has_one_for_each_slot(const struct package *package)
{
	const struct package_image *images = package->images;

	return package->count == 2 && images[0].image_index == images[1].image_index && images[0].slot >= 0 &&
	       images[1].slot >= 0 && images[0].slot != images[1].slot;
}

/* The file that --slot means, the only one otherwise. */
static size_t find_in_package(const struct update_job *job, const struct package *package)
{
	return has_one_for_each_slot(package) && package->images[1].slot == job->options.slot ? 1 : 0;
}

/* One image, for the image number that the command line means: anything else is refused. */
static int check_package(struct update_job *job, const struct package *package)
{
	const struct package_image *image = &package->images[find_in_package(job, package)];
	char what[200];

	if (has_one_for_each_slot(package) && job->options.slot < 0) {
		return output_usage(
		    &job->cli.out, "The package holds an image for each slot.",
		    "Give --slot N: the slot that does not run now (\"dfucast image list TARGET\" "
		    "shows which one runs).");
	}
	if (image->slot >= 0 && job->options.slot >= 0 && image->slot != job->options.slot) {
		snprintf(what, sizeof(what), "The package's image is linked for slot %d, not %ld.",
			 image->slot, job->options.slot);
		return output_usage(&job->cli.out, what, "Leave --slot out: the package says it.");
	}
	if (image->bootloader) {
		return output_usage(&job->cli.out, "The package holds a bootloader, not an application.",
				    "Updates of MCUboot itself come with a later version.");
	}
	/* Behind a gateway it is the devices' image 0, whatever the gateway's link calls it. */
	long number = job->options.via == NULL ? job->options.image : 0;

	if (image->image_index >= 0 && image->image_index != number) {
		snprintf(what, sizeof(what), "The package's image is for image number %d, not %ld.",
			 image->image_index, number);
		if (job->options.via != NULL) {
			return output_usage(&job->cli.out, what,
					    "Update the devices directly, without --via.");
		}
		return output_usage(&job->cli.out, what,
				    "Give its number with --image, and with a number above 0 also --mode "
				    "confirm or --mode upload.");
	}
	return CLI_EXIT_OK;
}

static int load_package(struct update_job *job)
{
	static struct package package;
	char why[300];
	int err = package_open(&package, &job->file, why, sizeof(why));
	int code;

	if (err != 0) {
		return update_image_failure(job, err, why);
	}
	if (update_set_is(&package) && !has_one_for_each_slot(&package)) {
		code = update_set_take(job, &package);
		package_close(&package);
		return code;
	}
	code = check_package(job, &package);
	if (code == CLI_EXIT_OK) {
		size_t index = find_in_package(job, &package);

		snprintf(job->member, sizeof(job->member), "%s", package.images[index].file);
		/* What the device tells is the board that image 0 is for. */
		snprintf(job->board, sizeof(job->board), "%s",
			 package.images[index].image_index > 0 ? "" : package.images[index].board);
		job->options.slot =
		    package.images[index].slot >= 0 ? package.images[index].slot : job->options.slot;
		package_take(&package, index, &job->file);
	}
	package_close(&package);
	return code;
}

/* From here on the image is these bytes, whatever happens to the file: what is proven is what is sent. */
static int keep_image(struct update_job *job)
{
	uint8_t *memory;

	if (job->file.memory != NULL) {
		return 0;
	}
	memory = malloc(job->file.length);
	if (memory == NULL || !image_file_read(&job->file, 0, memory, job->file.length)) {
		free(memory);
		return DFUCAST_ERR_IMAGE_READ;
	}
	job->file.memory = memory;
	return 0;
}

int update_image_load(struct update_job *job)
{
	char why[300];
	int err = image_file_open(&job->file, job->options.image_path, why, sizeof(why));

	if (err != 0) {
		return update_image_failure(job, err, why);
	}
	if (package_is(&job->file)) {
		int code = load_package(job);

		if (code != CLI_EXIT_OK) {
			return code;
		}
	}
	err = dfucast_image_parse(&job->image, image_file_read, &job->file, job->file.length);
	why[0] = '\0';
	if (err == 0) {
		err = keep_image(job);
	}
	if (err == 0) {
		err = image_file_check_end(&job->image, &job->file, why, sizeof(why));
	}
	if (err == 0) {
		memcpy(job->header, job->file.memory, sizeof(job->header));
		err = update_prove_image(&job->image, &job->file, job->sha);
	}
#ifdef DFUCAST_TEST_HOOKS
	/* Only in the tests' own build: lets a damaged image past the sender, to see what the bootloader does. */
	if (err == DFUCAST_ERR_IMAGE_HASH && getenv("DFUCAST_TEST_SEND_DAMAGED") != NULL) {
		err = 0;
	}
#endif
	if (err == DFUCAST_ERR_IMAGE_UNCHECKED) {
		job->unchecked = true;
		err = 0;
	}
	if (err == 0 && job->key != NULL) {
		err = signed_check(job->key, &job->image, &job->file, why, sizeof(why));
	}
	return err == 0 ? update_set_load(job) : update_image_failure(job, err, why);
}
