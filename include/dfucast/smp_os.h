/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * SMP group 0 (OS). Conventions in smp.h; spec section 3.0.
 */
#ifndef DFUCAST_SMP_OS_H
#define DFUCAST_SMP_OS_H

#include <dfucast/smp.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dfucast_smp_os_command {
	DFUCAST_SMP_OS_ECHO = 0,
	DFUCAST_SMP_OS_CONSOLE_ECHO = 1,
	DFUCAST_SMP_OS_TASKSTAT = 2,
	DFUCAST_SMP_OS_MEMORY_POOLS = 3,
	DFUCAST_SMP_OS_DATETIME = 4,
	DFUCAST_SMP_OS_RESET = 5,
	DFUCAST_SMP_OS_PARAMS = 6,
	DFUCAST_SMP_OS_INFO = 7,
	DFUCAST_SMP_OS_BOOTLOADER = 8,
};

/** Text in a body or for a request: not NUL-terminated. */
struct dfucast_smp_text {
	const char *text;
	size_t length;
};

int dfucast_smp_echo_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
			    struct dfucast_smp_text text);
int dfucast_smp_echo_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			    struct dfucast_smp_text *text);

int dfucast_smp_params_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id);
struct dfucast_smp_params {
	uint32_t buf_size;  /**< whole frames, header included, bytes; 0: not told */
	uint32_t buf_count; /**< buffers shared by requests and answers; 0: not told */
};
int dfucast_smp_params_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			      struct dfucast_smp_params *params);

/** @p format: letters of the wanted fields ("i" board, "a" all); empty: the kernel's name. */
int dfucast_smp_info_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
			    struct dfucast_smp_text format);
int dfucast_smp_info_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
			    struct dfucast_smp_text *output);

/** MCUboot's mode as the server tells it; spec 3.0. */
enum dfucast_boot_mode {
	DFUCAST_BOOT_UNKNOWN = -1,
	DFUCAST_BOOT_SINGLE_SLOT = 0,
	DFUCAST_BOOT_SWAP_SCRATCH = 1,
	DFUCAST_BOOT_OVERWRITE = 2,
	DFUCAST_BOOT_SWAP_MOVE = 3,
	DFUCAST_BOOT_DIRECT_XIP = 4,
	DFUCAST_BOOT_DIRECT_XIP_REVERT = 5,
	DFUCAST_BOOT_RAM_LOAD = 6,
	DFUCAST_BOOT_FIRMWARE_LOADER = 7,
	DFUCAST_BOOT_SINGLE_RAM_LOAD = 8,
	DFUCAST_BOOT_SWAP_OFFSET = 9,
};

/** @p query "mode", or empty for the bootloader's name. */
int dfucast_smp_bootloader_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				  struct dfucast_smp_text query);
struct dfucast_smp_bootloader {
	struct dfucast_smp_text name; /**< length 0: not told */
	int32_t mode;                 /**< enum dfucast_boot_mode, or a newer number; -1: not told */
	bool no_downgrade;
};
int dfucast_smp_bootloader_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				  struct dfucast_smp_bootloader *bootloader);

/** @p force and @p boot_mode are left out of the request when false and negative. */
int dfucast_smp_reset_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, bool force,
			     int boot_mode);

int dfucast_smp_datetime_get_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id);
int dfucast_smp_datetime_set_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id,
				    struct dfucast_smp_text datetime);
int dfucast_smp_datetime_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				struct dfucast_smp_text *datetime);

int dfucast_smp_console_echo_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id, bool on);

int dfucast_smp_taskstat_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id);
/** Fields a server leaves out are 0 and their bit in `present` (bit order of the members below) is clear. */
struct dfucast_smp_task {
	struct dfucast_smp_text name;
	int32_t priority;          /**< bit 0 */
	uint32_t task_id;          /**< bit 1 */
	uint32_t state;            /**< bit 2 */
	uint32_t stack_used;       /**< bit 3, 4-byte words */
	uint32_t stack_size;       /**< bit 4, 4-byte words */
	uint64_t context_switches; /**< bit 5 */
	uint64_t runtime;          /**< bit 6, ticks */
	uint16_t present;
};
/** Calls @p task for each task in the order of the answer; NULL: only checks. */
int dfucast_smp_taskstat_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				void (*task)(void *context, const struct dfucast_smp_task *task),
				void *context);

int dfucast_smp_memory_pools_encode(uint8_t *frame, size_t capacity, struct dfucast_smp_id id);

#ifdef __cplusplus
}
#endif
#endif
