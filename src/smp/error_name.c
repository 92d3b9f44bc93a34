/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Names of the devices' codes, for people. Spec sections 2.1 and 2.2: each group numbers its own from 0, and only
 * ever adds at the end, so a group is a list of words.
 */
#include <dfucast/smp_fleet.h>

#include "../util/words.h"

static const char smp_names[] = "OK\0"
				"UNKNOWN\0"
				"NO_MEMORY\0"
				"INVALID\0"
				"TIMEOUT\0"
				"NO_ENTRY\0"
				"BAD_STATE\0"
				"TOO_LONG\0"
				"NOT_SUPPORTED\0"
				"CORRUPT\0"
				"BUSY\0"
				"ACCESS_DENIED\0"
				"VERSION_TOO_OLD\0"
				"VERSION_TOO_NEW\0"
				"BRIDGE_UNAVAILABLE\0";

static const char os_names[] = "OS_OK\0"
			       "OS_UNKNOWN\0"
			       "OS_INVALID_FORMAT\0"
			       "OS_QUERY_YIELDS_NO_ANSWER\0"
			       "OS_RTC_NOT_SET\0"
			       "OS_RTC_COMMAND_FAILED\0"
			       "OS_QUERY_RESPONSE_NOT_VALID\0"
			       "OS_HEAP_STATS_FETCH_FAILED\0";

static const char img_names[] = "IMG_OK\0"
				"IMG_UNKNOWN\0"
				"IMG_FLASH_CONFIG_QUERY_FAIL\0"
				"IMG_NO_IMAGE\0"
				"IMG_NO_TLVS\0"
				"IMG_INVALID_TLV\0"
				"IMG_TLV_MULTIPLE_HASHES_FOUND\0"
				"IMG_TLV_INVALID_SIZE\0"
				"IMG_HASH_NOT_FOUND\0"
				"IMG_NO_FREE_SLOT\0"
				"IMG_FLASH_OPEN_FAILED\0"
				"IMG_FLASH_READ_FAILED\0"
				"IMG_FLASH_WRITE_FAILED\0"
				"IMG_FLASH_ERASE_FAILED\0"
				"IMG_INVALID_SLOT\0"
				"IMG_NO_FREE_MEMORY\0"
				"IMG_FLASH_CONTEXT_ALREADY_SET\0"
				"IMG_FLASH_CONTEXT_NOT_SET\0"
				"IMG_FLASH_AREA_DEVICE_NULL\0"
				"IMG_INVALID_PAGE_OFFSET\0"
				"IMG_INVALID_OFFSET\0"
				"IMG_INVALID_LENGTH\0"
				"IMG_INVALID_IMAGE_HEADER\0"
				"IMG_INVALID_IMAGE_HEADER_MAGIC\0"
				"IMG_INVALID_HASH\0"
				"IMG_INVALID_FLASH_ADDRESS\0"
				"IMG_VERSION_GET_FAILED\0"
				"IMG_CURRENT_VERSION_IS_NEWER\0"
				"IMG_IMAGE_ALREADY_PENDING\0"
				"IMG_INVALID_IMAGE_VECTOR_TABLE\0"
				"IMG_INVALID_IMAGE_TOO_LARGE\0"
				"IMG_INVALID_IMAGE_DATA_OVERRUN\0"
				"IMG_IMAGE_CONFIRMATION_DENIED\0"
				"IMG_IMAGE_SETTING_TEST_TO_ACTIVE_DENIED\0"
				"IMG_ACTIVE_SLOT_NOT_KNOWN\0";

static const char stat_names[] = "STAT_OK\0"
				 "STAT_UNKNOWN\0"
				 "STAT_INVALID_GROUP\0"
				 "STAT_INVALID_STAT_NAME\0"
				 "STAT_INVALID_STAT_SIZE\0"
				 "STAT_WALK_ABORTED\0";

static const char settings_names[] = "SETTINGS_OK\0"
				     "SETTINGS_UNKNOWN\0"
				     "SETTINGS_KEY_TOO_LONG\0"
				     "SETTINGS_KEY_NOT_FOUND\0"
				     "SETTINGS_READ_NOT_SUPPORTED\0"
				     "SETTINGS_ROOT_KEY_NOT_FOUND\0"
				     "SETTINGS_WRITE_NOT_SUPPORTED\0"
				     "SETTINGS_DELETE_NOT_SUPPORTED\0"
				     "SETTINGS_SAVE_NOT_SUPPORTED\0";

static const char fs_names[] = "FS_OK\0"
			       "FS_UNKNOWN\0"
			       "FS_FILE_INVALID_NAME\0"
			       "FS_FILE_NOT_FOUND\0"
			       "FS_FILE_IS_DIRECTORY\0"
			       "FS_FILE_OPEN_FAILED\0"
			       "FS_FILE_SEEK_FAILED\0"
			       "FS_FILE_READ_FAILED\0"
			       "FS_FILE_TRUNCATE_FAILED\0"
			       "FS_FILE_DELETE_FAILED\0"
			       "FS_FILE_WRITE_FAILED\0"
			       "FS_FILE_OFFSET_NOT_VALID\0"
			       "FS_FILE_OFFSET_LARGER_THAN_FILE\0"
			       "FS_CHECKSUM_HASH_NOT_FOUND\0"
			       "FS_MOUNT_POINT_NOT_FOUND\0"
			       "FS_READ_ONLY_FILESYSTEM\0"
			       "FS_FILE_EMPTY\0"
			       "FS_FILE_CLOSE_FAILED\0";

static const char shell_names[] = "SHELL_OK\0"
				  "SHELL_UNKNOWN\0"
				  "SHELL_COMMAND_TOO_LONG\0"
				  "SHELL_EMPTY_COMMAND\0";

static const char enum_names[] = "ENUM_OK\0"
				 "ENUM_UNKNOWN\0"
				 "ENUM_TOO_MANY_GROUP_ENTRIES\0"
				 "ENUM_INSUFFICIENT_HEAP\0"
				 "ENUM_INDEX_TOO_LARGE\0";

static const char transport_names[] = "TRANSPORT_OK\0"
				      "TRANSPORT_UNKNOWN\0"
				      "TRANSPORT_FUNCTIONS_MISSING\0"
				      "TRANSPORT_INFO_FUNCTIONS_MISSING\0"
				      "TRANSPORT_INVALID_TRANSPORT\0"
				      "TRANSPORT_INVALID_MODE\0"
				      "TRANSPORT_ALL_CONTEXTS_USED\0"
				      "TRANSPORT_AND_ALL_GIVEN\0"
				      "TRANSPORT_NOT_BRIDGED\0"
				      "TRANSPORT_SAME_DEVICE\0"
				      "TRANSPORT_INGOING_NOT_SUPPORTED\0"
				      "TRANSPORT_OUTGOING_NOT_SUPPORTED\0"
				      "TRANSPORT_INCOMING_ALREADY_BRIDGED\0"
				      "TRANSPORT_OUTGOING_ALREADY_BRIDGED\0";

static const char zephyr_names[] = "ZEPHYR_OK\0"
				   "ZEPHYR_UNKNOWN\0"
				   "ZEPHYR_FLASH_OPEN_FAILED\0"
				   "ZEPHYR_FLASH_CONFIG_QUERY_FAIL\0"
				   "ZEPHYR_FLASH_ERASE_FAILED\0";

static const char fleet_names[] = "FLEET_OK\0"
				  "FLEET_NO_TARGET\0"
				  "FLEET_BAD_PLAN\0"
				  "FLEET_STATE\0"
				  "FLEET_DISOBEYED\0"
				  "FLEET_IMAGE\0"
				  "FLEET_UNREACHABLE\0"
				  "FLEET_HOST_BYTES\0"
				  "FLEET_NOBODY\0"
				  "FLEET_MATCH\0";

#define GROUP_TRANSPORT 11u

static const struct {
	const char *words;
	uint16_t group;
} groups[] = {
    {smp_names, DFUCAST_GROUP_NONE},
    {os_names, DFUCAST_SMP_GROUP_OS},
    {img_names, DFUCAST_SMP_GROUP_IMG},
    {stat_names, DFUCAST_SMP_GROUP_STAT},
    {settings_names, DFUCAST_SMP_GROUP_SETTINGS},
    {fs_names, DFUCAST_SMP_GROUP_FS},
    {shell_names, DFUCAST_SMP_GROUP_SHELL},
    {enum_names, DFUCAST_SMP_GROUP_ENUM},
    {transport_names, GROUP_TRANSPORT},
    {zephyr_names, DFUCAST_SMP_GROUP_ZEPHYR},
    {fleet_names, DFUCAST_SMP_GROUP_FLEET},
};

const char *dfucast_smp_error_name(uint16_t group, uint16_t rc)
{
	for (unsigned int i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].group == group) {
			return dfucast_words_at(groups[i].words, rc);
		}
	}
	return NULL;
}
