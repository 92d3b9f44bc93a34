/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A package with several images for one device: checked, proven one by one, and laid one behind the other, as the plan
 * wants them.
 */
#include "package.h"
#include "update.h"
#include <stdlib.h>
#include <string.h>

static int number_of(const struct package_image *image)
{
	return image->image_index > 0 ? image->image_index : 0;
}

/* The entry with the lowest number above `below`; the count: none. */
static size_t next_above(const struct package *package, int below)
{
	size_t found = package->count;

	for (size_t i = 0; i < package->count; i++) {
		int number = number_of(&package->images[i]);

		if (number > below &&
		    (found == package->count || number < number_of(&package->images[found]))) {
			found = i;
		}
	}
	return found;
}

static int refuse(const struct update_job *job, const char *what, const char *hint)
{
	return output_usage(&job->cli.out, what, hint);
}

/* What cannot be done safely is refused before anybody is asked anything. */
static int check(const struct update_job *job, const struct package *package)
{
	char what[300];
	int highest = -1;

	if (package->count > 1 + DFUCAST_UPDATE_MORE_MAX) {
		return refuse(job, "The package holds more files than servers have images.",
			      "\"dfucast image inspect\" lists what is in it; give the images one by one.");
	}
	for (size_t i = 0; i < package->count; i++) {
		const struct package_image *image = &package->images[i];

		if (image->bootloader || !image->usable) {
			snprintf(what, sizeof(what), "\"%s\" in the package is no application image.",
				 image->file);
			return refuse(job, what, "Give the application images one by one, with --image.");
		}
		if (image->slot >= 0) {
			snprintf(what, sizeof(what), "\"%s\" in the package is linked for a slot.",
				 image->file);
			return refuse(job, what, "Give the images one by one, with --image and --slot.");
		}
		for (size_t k = 0; k < i; k++) {
			if (number_of(image) == number_of(&package->images[k])) {
				snprintf(what, sizeof(what),
					 "The package holds two files for image number %d.",
					 number_of(image));
				return refuse(job, what, "Give the right one of them by itself.");
			}
		}
		highest = number_of(image) > highest ? number_of(image) : highest;
	}
	if (highest > 2) {
		return refuse(job, "The package names an image number above 2, which no server has.",
			      "\"dfucast image inspect\" lists what is in it.");
	}
	if (job->options.via != NULL) {
		return refuse(job, "A gateway takes one image at a time.",
			      "Give the one for image 0 by itself, or update the devices directly.");
	}
	if (job->options.image > 0 || job->options.slot >= 0) {
		return refuse(job, "The package names the image number of each of its files.",
			      "Leave out --image and --slot.");
	}
	if (job->options.mode == DFUCAST_MODE_TEST_CONFIRM) {
		return refuse(
		    job, "The package holds several images, and devices confirm only image 0 after a reset.",
		    "Give --mode confirm (all are made permanent before one reset: no way back), --mode test "
		    "(the "
		    "next reset goes back) or --mode upload.");
	}
	return CLI_EXIT_OK;
}

bool update_set_is(const struct package *package)
{
	return package->count > 1;
}

int update_set_take(struct update_job *job, struct package *package)
{
	int code = check(job, package);
	size_t index = next_above(package, -1);

	if (code != CLI_EXIT_OK) {
		return code;
	}
	snprintf(job->member, sizeof(job->member), "%s", package->images[index].file);
	/* What the device tells is the board that image 0 is for. */
	snprintf(job->board, sizeof(job->board), "%s",
		 number_of(&package->images[index]) == 0 ? package->images[index].board : "");
	job->options.image = number_of(&package->images[index]);
	package_take(package, index, &job->file);
	for (int number = (int)job->options.image;;) {
		struct update_more *more = &job->more[job->more_count];

		index = next_above(package, number);
		if (index == package->count) {
			return CLI_EXIT_OK;
		}
		number = number_of(&package->images[index]);
		more->number = (uint8_t)number;
		snprintf(more->member, sizeof(more->member), "%s", package->images[index].file);
		more->file.fd = -1;
		package_take(package, index, &more->file);
		job->more_count++;
	}
}

/* Behind what is there already. */
static bool append(struct update_job *job, const struct update_more *more)
{
	uint8_t *bytes = realloc(job->file.memory, (size_t)job->file.length + more->file.length);

	if (bytes == NULL) {
		return false;
	}
	memcpy(bytes + job->file.length, more->file.memory, more->file.length);
	job->file.memory = bytes;
	job->file.length += more->file.length;
	return true;
}

/* A device is told by its hash which image is meant: two of the same hash cannot be told apart. */
static bool is_twice(const struct update_job *job, size_t index)
{
	const struct dfucast_image *image = &job->more[index].image;
	bool twice = memcmp(image->hash, job->image.hash, image->hash_bytes) == 0;

	for (size_t i = 0; i < index; i++) {
		twice |= memcmp(image->hash, job->more[i].image.hash, image->hash_bytes) == 0;
	}
	return twice;
}

int update_set_load(struct update_job *job)
{
	for (size_t i = 0; i < job->more_count; i++) {
		struct update_more *more = &job->more[i];
		char why[300] = "";
		char what[400];
		int err = dfucast_image_parse(&more->image, image_file_read, &more->file, more->file.length);

		if (err == 0) {
			err = image_file_check_end(&more->image, &more->file, why, sizeof(why));
		}
		if (err == 0) {
			memcpy(more->header, more->file.memory, sizeof(more->header));
			err = update_prove_image(&more->image, &more->file, more->sha);
		}
		if (err == DFUCAST_ERR_IMAGE_UNCHECKED) {
			job->unchecked = true;
			err = 0;
		}
		if (err == 0 && job->key != NULL) {
			err = signed_check(job->key, &more->image, &more->file, why, sizeof(why));
		}
		if (err == 0 && !append(job, more)) {
			err = DFUCAST_ERR_IMAGE_READ;
		}
		if (err == 0 && is_twice(job, i)) {
			return refuse(job, "The package holds the same image twice.",
				      "Devices tell images apart by their hashes; build them as two images.");
		}
		if (err != 0) {
			snprintf(what, sizeof(what), "\"%s\" in it: %s", more->member,
				 why[0] != '\0' ? why : what_for(err));
			return update_image_failure(job, err, what);
		}
	}
	return CLI_EXIT_OK;
}

void update_set_plan(struct update_job *job)
{
	for (size_t i = 0; i < job->more_count; i++) {
		const struct update_more *more = &job->more[i];

		job->more_plan[i] = (struct dfucast_update_image){.header = more->header,
								  .sha = more->sha,
								  .hash = more->image.hash,
								  .hash_bytes = more->image.hash_bytes,
								  .image_bytes = more->image.length,
								  .version = more->image.version,
								  .image = more->number};
	}
	if (job->more_count > 0) {
		job->plan.more = job->more_plan;
		job->plan.more_count = (uint8_t)job->more_count;
		job->plan.set = &dfucast_update_set;
	}
}

void update_set_free(struct update_job *job)
{
	for (size_t i = 0; i < job->more_count; i++) {
		image_file_close(&job->more[i].file);
	}
}
