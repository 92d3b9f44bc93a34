/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * OS group: echo, reset, parameters, info, bootloader, date and time. Spec section 3.0.
 */
#include "body.h"

#define READ(command) DFUCAST_SMP_BODY_READ(DFUCAST_SMP_GROUP_OS, command)
#define WRITE(command) DFUCAST_SMP_BODY_WRITE(DFUCAST_SMP_GROUP_OS, command)

int dfucast_smp_echo_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
			    struct dfucast_smp_text text)
{
	return dfucast_smp_build_text(frame, capacity, id, WRITE(DFUCAST_SMP_OS_ECHO), "d", &text);
}

static const struct dfucast_smp_field echo_fields[] = {{"r", DFUCAST_SMP_KIND_TEXT, 0, 0}};
DFUCAST_SMP_SCHEMA(echo, struct dfucast_smp_text);

int dfucast_smp_echo_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			    struct dfucast_smp_text *text)
{
	return dfucast_smp_body_read(body, length, error, &echo, text);
}

int dfucast_smp_params_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id)
{
	return dfucast_smp_build_empty(frame, capacity, id, READ(DFUCAST_SMP_OS_PARAMS));
}

static const struct dfucast_smp_field params_fields[] = {
    {"buf_size", DFUCAST_SMP_KIND_UINT, 4, offsetof(struct dfucast_smp_params, buf_size)},
    {"buf_count", DFUCAST_SMP_KIND_UINT, 4, offsetof(struct dfucast_smp_params, buf_count)},
};
DFUCAST_SMP_SCHEMA(params, struct dfucast_smp_params);

int dfucast_smp_params_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			      struct dfucast_smp_params *result)
{
	return dfucast_smp_body_read(body, length, error, &params, result);
}

int dfucast_smp_info_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
			    struct dfucast_smp_text format)
{
	return dfucast_smp_build_text(frame, capacity, id, READ(DFUCAST_SMP_OS_INFO),
				      format.length != 0 ? "format" : NULL, &format);
}

static const struct dfucast_smp_field info_fields[] = {{"output", DFUCAST_SMP_KIND_TEXT, 0, 0}};
DFUCAST_SMP_SCHEMA(info, struct dfucast_smp_text);

int dfucast_smp_info_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			    struct dfucast_smp_text *output)
{
	return dfucast_smp_body_read(body, length, error, &info, output);
}

int dfucast_smp_bootloader_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				  struct dfucast_smp_text query)
{
	return dfucast_smp_build_text(frame, capacity, id, READ(DFUCAST_SMP_OS_BOOTLOADER),
				      query.length != 0 ? "query" : NULL, &query);
}

static const struct dfucast_smp_field bootloader_fields[] = {
    {"mode", DFUCAST_SMP_KIND_INT, 4, offsetof(struct dfucast_smp_bootloader, mode)},
    {"no-downgrade", DFUCAST_SMP_KIND_BOOL, 1, offsetof(struct dfucast_smp_bootloader, no_downgrade)},
    {"bootloader", DFUCAST_SMP_KIND_TEXT, 0, offsetof(struct dfucast_smp_bootloader, name)},
};
DFUCAST_SMP_SCHEMA(bootloader, struct dfucast_smp_bootloader);

int dfucast_smp_bootloader_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				  struct dfucast_smp_bootloader *result)
{
	int found = dfucast_smp_body_decode(body, length, error, &bootloader, result);

	if (found < 0) {
		return found;
	}
	if ((found & 1) == 0) {
		result->mode = DFUCAST_BOOT_UNKNOWN;
	}
	return 0;
}

int dfucast_smp_reset_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, bool force,
			     int boot_mode)
{
	struct dfucast_smp_build build;

	dfucast_smp_build_start(&build, frame, capacity);
	if (force) {
		dfucast_smp_build_bool(&build, "force", true);
	}
	if (boot_mode >= 0) {
		dfucast_smp_build_put(&build, "boot_mode", DFUCAST_SMP_PUT_UINT, (size_t)boot_mode, NULL);
	}
	return dfucast_smp_build_finish(&build, id, WRITE(DFUCAST_SMP_OS_RESET), 0);
}

int dfucast_smp_datetime_get_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id)
{
	return dfucast_smp_build_empty(frame, capacity, id, READ(DFUCAST_SMP_OS_DATETIME));
}

int dfucast_smp_datetime_set_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				    struct dfucast_smp_text text)
{
	return dfucast_smp_build_text(frame, capacity, id, WRITE(DFUCAST_SMP_OS_DATETIME), "datetime", &text);
}

static const struct dfucast_smp_field datetime_fields[] = {{"datetime", DFUCAST_SMP_KIND_TEXT, 0, 0}};
DFUCAST_SMP_SCHEMA(datetime, struct dfucast_smp_text);

int dfucast_smp_datetime_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				struct dfucast_smp_text *text)
{
	return dfucast_smp_body_read(body, length, error, &datetime, text);
}

int dfucast_smp_console_echo_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, bool on)
{
	struct dfucast_smp_build build;

	dfucast_smp_build_start(&build, frame, capacity);
	dfucast_smp_build_put(&build, "echo", DFUCAST_SMP_PUT_UINT, on ? 1u : 0u, NULL);
	return dfucast_smp_build_finish(&build, id, WRITE(DFUCAST_SMP_OS_CONSOLE_ECHO), 0);
}

int dfucast_smp_taskstat_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id)
{
	return dfucast_smp_build_empty(frame, capacity, id, READ(DFUCAST_SMP_OS_TASKSTAT));
}

int dfucast_smp_memory_pools_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id)
{
	return dfucast_smp_build_empty(frame, capacity, id, READ(DFUCAST_SMP_OS_MEMORY_POOLS));
}
