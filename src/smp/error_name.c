/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Names of the devices' codes, for people. Spec sections 2.1 and 2.2: each group numbers its own from 0, and only
 * ever adds at the end, so a group is a row of names.
 */
#include <dfucast/smp.h>

static const char *const smp_names[] = {
    "OK",       "UNKNOWN",       "NO_MEMORY",       "INVALID",         "TIMEOUT",
    "NO_ENTRY", "BAD_STATE",     "TOO_LONG",        "NOT_SUPPORTED",   "CORRUPT",
    "BUSY",     "ACCESS_DENIED", "VERSION_TOO_OLD", "VERSION_TOO_NEW", "BRIDGE_UNAVAILABLE",
};

static const char *const os_names[] = {
    "OS_OK",
    "OS_UNKNOWN",
    "OS_INVALID_FORMAT",
    "OS_QUERY_YIELDS_NO_ANSWER",
    "OS_RTC_NOT_SET",
    "OS_RTC_COMMAND_FAILED",
    "OS_QUERY_RESPONSE_NOT_VALID",
    "OS_HEAP_STATS_FETCH_FAILED",
};

static const char *const img_names[] = {
    "IMG_OK",
    "IMG_UNKNOWN",
    "IMG_FLASH_CONFIG_QUERY_FAIL",
    "IMG_NO_IMAGE",
    "IMG_NO_TLVS",
    "IMG_INVALID_TLV",
    "IMG_TLV_MULTIPLE_HASHES_FOUND",
    "IMG_TLV_INVALID_SIZE",
    "IMG_HASH_NOT_FOUND",
    "IMG_NO_FREE_SLOT",
    "IMG_FLASH_OPEN_FAILED",
    "IMG_FLASH_READ_FAILED",
    "IMG_FLASH_WRITE_FAILED",
    "IMG_FLASH_ERASE_FAILED",
    "IMG_INVALID_SLOT",
    "IMG_NO_FREE_MEMORY",
    "IMG_FLASH_CONTEXT_ALREADY_SET",
    "IMG_FLASH_CONTEXT_NOT_SET",
    "IMG_FLASH_AREA_DEVICE_NULL",
    "IMG_INVALID_PAGE_OFFSET",
    "IMG_INVALID_OFFSET",
    "IMG_INVALID_LENGTH",
    "IMG_INVALID_IMAGE_HEADER",
    "IMG_INVALID_IMAGE_HEADER_MAGIC",
    "IMG_INVALID_HASH",
    "IMG_INVALID_FLASH_ADDRESS",
    "IMG_VERSION_GET_FAILED",
    "IMG_CURRENT_VERSION_IS_NEWER",
    "IMG_IMAGE_ALREADY_PENDING",
    "IMG_INVALID_IMAGE_VECTOR_TABLE",
    "IMG_INVALID_IMAGE_TOO_LARGE",
    "IMG_INVALID_IMAGE_DATA_OVERRUN",
    "IMG_IMAGE_CONFIRMATION_DENIED",
    "IMG_IMAGE_SETTING_TEST_TO_ACTIVE_DENIED",
    "IMG_ACTIVE_SLOT_NOT_KNOWN",
};

static const char *const stat_names[] = {
    "STAT_OK",
    "STAT_UNKNOWN",
    "STAT_INVALID_GROUP",
    "STAT_INVALID_STAT_NAME",
    "STAT_INVALID_STAT_SIZE",
    "STAT_WALK_ABORTED",
};

static const char *const settings_names[] = {
    "SETTINGS_OK",
    "SETTINGS_UNKNOWN",
    "SETTINGS_KEY_TOO_LONG",
    "SETTINGS_KEY_NOT_FOUND",
    "SETTINGS_READ_NOT_SUPPORTED",
    "SETTINGS_ROOT_KEY_NOT_FOUND",
    "SETTINGS_WRITE_NOT_SUPPORTED",
    "SETTINGS_DELETE_NOT_SUPPORTED",
    "SETTINGS_SAVE_NOT_SUPPORTED",
};

static const char *const fs_names[] = {
    "FS_OK",
    "FS_UNKNOWN",
    "FS_FILE_INVALID_NAME",
    "FS_FILE_NOT_FOUND",
    "FS_FILE_IS_DIRECTORY",
    "FS_FILE_OPEN_FAILED",
    "FS_FILE_SEEK_FAILED",
    "FS_FILE_READ_FAILED",
    "FS_FILE_TRUNCATE_FAILED",
    "FS_FILE_DELETE_FAILED",
    "FS_FILE_WRITE_FAILED",
    "FS_FILE_OFFSET_NOT_VALID",
    "FS_FILE_OFFSET_LARGER_THAN_FILE",
    "FS_CHECKSUM_HASH_NOT_FOUND",
    "FS_MOUNT_POINT_NOT_FOUND",
    "FS_READ_ONLY_FILESYSTEM",
    "FS_FILE_EMPTY",
    "FS_FILE_CLOSE_FAILED",
};

static const char *const shell_names[] = {
    "SHELL_OK",
    "SHELL_UNKNOWN",
    "SHELL_COMMAND_TOO_LONG",
    "SHELL_EMPTY_COMMAND",
};

static const char *const enum_names[] = {
    "ENUM_OK",
    "ENUM_UNKNOWN",
    "ENUM_TOO_MANY_GROUP_ENTRIES",
    "ENUM_INSUFFICIENT_HEAP",
    "ENUM_INDEX_TOO_LARGE",
};

static const char *const transport_names[] = {
    "TRANSPORT_OK",
    "TRANSPORT_UNKNOWN",
    "TRANSPORT_FUNCTIONS_MISSING",
    "TRANSPORT_INFO_FUNCTIONS_MISSING",
    "TRANSPORT_INVALID_TRANSPORT",
    "TRANSPORT_INVALID_MODE",
    "TRANSPORT_ALL_CONTEXTS_USED",
    "TRANSPORT_AND_ALL_GIVEN",
    "TRANSPORT_NOT_BRIDGED",
    "TRANSPORT_SAME_DEVICE",
    "TRANSPORT_INGOING_NOT_SUPPORTED",
    "TRANSPORT_OUTGOING_NOT_SUPPORTED",
    "TRANSPORT_INCOMING_ALREADY_BRIDGED",
    "TRANSPORT_OUTGOING_ALREADY_BRIDGED",
};

static const char *const zephyr_names[] = {
    "ZEPHYR_OK",
    "ZEPHYR_UNKNOWN",
    "ZEPHYR_FLASH_OPEN_FAILED",
    "ZEPHYR_FLASH_CONFIG_QUERY_FAIL",
    "ZEPHYR_FLASH_ERASE_FAILED",
};

#define GROUP_TRANSPORT 11u

#define ROW(group, names)                                                                                    \
	{                                                                                                    \
		names, sizeof(names) / sizeof(names[0]), group                                               \
	}

static const struct {
	const char *const *names;
	uint16_t count;
	uint16_t group;
} groups[] = {
    ROW(DFUCAST_GROUP_NONE, smp_names),
    ROW(DFUCAST_SMP_GROUP_OS, os_names),
    ROW(DFUCAST_SMP_GROUP_IMG, img_names),
    ROW(DFUCAST_SMP_GROUP_STAT, stat_names),
    ROW(DFUCAST_SMP_GROUP_SETTINGS, settings_names),
    ROW(DFUCAST_SMP_GROUP_FS, fs_names),
    ROW(DFUCAST_SMP_GROUP_SHELL, shell_names),
    ROW(DFUCAST_SMP_GROUP_ENUM, enum_names),
    ROW(GROUP_TRANSPORT, transport_names),
    ROW(DFUCAST_SMP_GROUP_ZEPHYR, zephyr_names),
};

const char *dfucast_smp_error_name(uint16_t group, uint16_t rc)
{
	for (unsigned int i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].group == group) {
			return rc < groups[i].count ? groups[i].names[rc] : NULL;
		}
	}
	return NULL;
}
