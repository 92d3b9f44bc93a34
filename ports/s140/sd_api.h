/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What the port uses of the S140 SoftDevice's API (6.1 and 7.x), declared anew from its facts: names, numbers and layouts
 * as the SoftDevice has them, members that the port does not use left out behind the last one that it does.
 *
 * A product's build defines DFUCAST_S140_SDK and gets Nordic's own headers from its SDK instead. Without it the calls
 * are supervisor calls on a Cortex-M, and plain functions elsewhere: tests/fake is a SoftDevice for the host.
 *
 * tests/interop/test_s140_api.py holds every structure, bit field, constant, argument and call number below against
 * generated bindings of S140 7.0.1.
 */
#ifndef DFUCAST_S140_SD_API_H
#define DFUCAST_S140_SD_API_H

#ifdef DFUCAST_S140_SDK

#include "ble.h"
#include "ble_hci.h"
#include "nrf_error.h"
#include "nrf_sdm.h"

#else

#include <stdint.h>

/* ---- numbers ---- */

#define NRF_SUCCESS 0
#define NRF_ERROR_NO_MEM 4
#define NRF_ERROR_NOT_FOUND 5
#define NRF_ERROR_INVALID_PARAM 7
#define NRF_ERROR_INVALID_STATE 8
#define NRF_ERROR_INVALID_DATA 11
#define NRF_ERROR_DATA_SIZE 12
#define NRF_ERROR_TIMEOUT 13
#define NRF_ERROR_BUSY 17
#define NRF_ERROR_CONN_COUNT 18
#define NRF_ERROR_RESOURCES 19
#define BLE_ERROR_INVALID_CONN_HANDLE 0x3002
#define BLE_HCI_REMOTE_USER_TERMINATED_CONNECTION 0x13

#define BLE_CONN_HANDLE_INVALID 0xFFFF
#define BLE_UUID_TYPE_BLE 1
#define BLE_GAP_ROLE_CENTRAL 2
#define BLE_GAP_PHY_AUTO 0
#define BLE_GAP_PHY_1MBPS 1
#define BLE_GAP_PHY_2MBPS 2
#define BLE_GAP_TIMEOUT_SRC_SCAN 1
#define BLE_GAP_TIMEOUT_SRC_CONN 2
#define BLE_GAP_ADV_DATA_STATUS_COMPLETE 0
#define BLE_GAP_SCAN_BUFFER_MAX 31
#define BLE_GAP_SEC_STATUS_SUCCESS 0
#define BLE_GAP_SEC_STATUS_AUTH_REQ 0x83
#define BLE_GAP_SEC_STATUS_UNSPECIFIED 0x88
#define BLE_GAP_IO_CAPS_KEYBOARD_ONLY 2
#define BLE_GAP_IO_CAPS_NONE 3
#define BLE_GAP_AUTH_KEY_TYPE_NONE 0
#define BLE_GAP_AUTH_KEY_TYPE_PASSKEY 1
#define BLE_GAP_PASSKEY_LEN 6
#define BLE_GATT_ATT_MTU_DEFAULT 23
#define BLE_GATT_STATUS_SUCCESS 0
#define BLE_GATT_STATUS_ATTERR_ATTRIBUTE_NOT_FOUND 0x010A
#define BLE_GATT_OP_WRITE_REQ 1
#define BLE_GATT_OP_WRITE_CMD 2
#define BLE_GATT_HVX_NOTIFICATION 1

#define BLE_COMMON_CFG_VS_UUID 0x01
#define BLE_COMMON_OPT_CONN_EVT_EXT 2
#define BLE_CONN_CFG_GAP 0x20
#define BLE_CONN_CFG_GATTC 0x21
#define BLE_CONN_CFG_GATT 0x23
#define BLE_GAP_CFG_ROLE_COUNT 0x40
#define BLE_GATTS_CFG_ATTR_TAB_SIZE 0xA1

#define BLE_GAP_EVT_CONNECTED 0x10
#define BLE_GAP_EVT_DISCONNECTED 0x11
#define BLE_GAP_EVT_CONN_PARAM_UPDATE 0x12
#define BLE_GAP_EVT_AUTH_KEY_REQUEST 0x17
#define BLE_GAP_EVT_AUTH_STATUS 0x19
#define BLE_GAP_EVT_CONN_SEC_UPDATE 0x1A
#define BLE_GAP_EVT_TIMEOUT 0x1B
#define BLE_GAP_EVT_ADV_REPORT 0x1D
#define BLE_GAP_EVT_SEC_REQUEST 0x1E
#define BLE_GAP_EVT_CONN_PARAM_UPDATE_REQUEST 0x1F
#define BLE_GAP_EVT_PHY_UPDATE_REQUEST 0x21
#define BLE_GAP_EVT_PHY_UPDATE 0x22
#define BLE_GAP_EVT_DATA_LENGTH_UPDATE_REQUEST 0x23
#define BLE_GAP_EVT_DATA_LENGTH_UPDATE 0x24
#define BLE_GATTC_EVT_PRIM_SRVC_DISC_RSP 0x30
#define BLE_GATTC_EVT_CHAR_DISC_RSP 0x32
#define BLE_GATTC_EVT_DESC_DISC_RSP 0x33
#define BLE_GATTC_EVT_WRITE_RSP 0x38
#define BLE_GATTC_EVT_HVX 0x39
#define BLE_GATTC_EVT_EXCHANGE_MTU_RSP 0x3A
#define BLE_GATTC_EVT_TIMEOUT 0x3B
#define BLE_GATTC_EVT_WRITE_CMD_TX_COMPLETE 0x3C
#define BLE_GATTS_EVT_SYS_ATTR_MISSING 0x52
#define BLE_GATTS_EVT_EXCHANGE_MTU_REQUEST 0x55

/* ---- structures ---- */

typedef struct {
	uint8_t *p_data;
	uint16_t len;
} ble_data_t;

typedef struct {
	uint8_t addr_id_peer : 1;
	uint8_t addr_type : 7;
	uint8_t addr[6];
} ble_gap_addr_t;

typedef struct {
	uint16_t min_conn_interval;
	uint16_t max_conn_interval;
	uint16_t slave_latency;
	uint16_t conn_sup_timeout;
} ble_gap_conn_params_t;

typedef struct {
	uint8_t extended : 1;
	uint8_t report_incomplete_evts : 1;
	uint8_t active : 1;
	uint8_t filter_policy : 2;
	uint8_t scan_phys;
	uint16_t interval;
	uint16_t window;
	uint16_t timeout;
	uint8_t channel_mask[5];
} ble_gap_scan_params_t;

typedef struct {
	uint8_t tx_phys;
	uint8_t rx_phys;
} ble_gap_phys_t;

typedef struct {
	uint16_t max_tx_octets;
	uint16_t max_rx_octets;
	uint16_t max_tx_time_us;
	uint16_t max_rx_time_us;
} ble_gap_data_length_params_t;

typedef struct {
	uint16_t tx_payload_limited_octets;
	uint16_t rx_payload_limited_octets;
	uint16_t tx_rx_time_limited_us;
} ble_gap_data_length_limitation_t;

typedef struct {
	uint16_t uuid;
	uint8_t type;
} ble_uuid_t;

typedef struct {
	uint8_t uuid128[16];
} ble_uuid128_t;

typedef struct {
	uint16_t start_handle;
	uint16_t end_handle;
} ble_gattc_handle_range_t;

typedef struct {
	uint8_t write_op;
	uint8_t flags;
	uint16_t handle;
	uint16_t offset;
	uint16_t len;
	uint8_t const *p_value;
} ble_gattc_write_params_t;

typedef struct {
	uint8_t enc : 1;
	uint8_t id : 1;
	uint8_t sign : 1;
	uint8_t link : 1;
} ble_gap_sec_kdist_t;

typedef struct {
	uint8_t bond : 1;
	uint8_t mitm : 1;
	uint8_t lesc : 1;
	uint8_t keypress : 1;
	uint8_t io_caps : 3;
	uint8_t oob : 1;
	uint8_t min_key_size;
	uint8_t max_key_size;
	ble_gap_sec_kdist_t kdist_own;
	ble_gap_sec_kdist_t kdist_peer;
} ble_gap_sec_params_t;

/* ---- GAP events ---- */

typedef struct {
	ble_data_t adv_data;
	ble_data_t scan_rsp_data;
} ble_gap_adv_data_t;

typedef struct {
	ble_gap_addr_t peer_addr;
	uint8_t role;
	ble_gap_conn_params_t conn_params;
	uint8_t adv_handle;
	ble_gap_adv_data_t adv_data;
} ble_gap_evt_connected_t;

typedef struct {
	uint8_t reason;
} ble_gap_evt_disconnected_t;

typedef struct {
	ble_gap_conn_params_t conn_params;
} ble_gap_evt_conn_param_update_t;

typedef struct {
	ble_gap_conn_params_t conn_params;
} ble_gap_evt_conn_param_update_request_t;

typedef struct {
	uint16_t connectable : 1;
	uint16_t scannable : 1;
	uint16_t directed : 1;
	uint16_t scan_response : 1;
	uint16_t extended_pdu : 1;
	uint16_t status : 2;
	uint16_t reserved : 9;
} ble_gap_adv_report_type_t;

typedef struct {
	uint16_t aux_offset;
	uint8_t aux_phy;
} ble_gap_aux_pointer_t;

typedef struct {
	ble_gap_adv_report_type_t type;
	ble_gap_addr_t peer_addr;
	ble_gap_addr_t direct_addr;
	uint8_t primary_phy;
	uint8_t secondary_phy;
	int8_t tx_power;
	int8_t rssi;
	uint8_t ch_index;
	uint8_t set_id;
	uint16_t data_id : 12;
	ble_data_t data;
	ble_gap_aux_pointer_t aux_pointer;
} ble_gap_evt_adv_report_t;

typedef struct {
	uint8_t src;
	union {
		ble_data_t adv_report_buffer;
	} params;
} ble_gap_evt_timeout_t;

typedef struct {
	uint8_t status;
	uint8_t tx_phy;
	uint8_t rx_phy;
} ble_gap_evt_phy_update_t;

typedef struct {
	ble_gap_data_length_params_t effective_params;
} ble_gap_evt_data_length_update_t;

typedef struct {
	uint8_t sm : 4;
	uint8_t lv : 4;
} ble_gap_conn_sec_mode_t;

typedef struct {
	ble_gap_conn_sec_mode_t sec_mode;
	uint8_t encr_key_size;
} ble_gap_conn_sec_t;

typedef struct {
	ble_gap_conn_sec_t conn_sec;
} ble_gap_evt_conn_sec_update_t;

typedef struct {
	uint8_t auth_status; /* and more */
} ble_gap_evt_auth_status_t;

typedef struct {
	uint8_t key_type;
} ble_gap_evt_auth_key_request_t;

typedef struct {
	uint16_t conn_handle;
	union {
		ble_gap_evt_connected_t connected;
		ble_gap_evt_disconnected_t disconnected;
		ble_gap_evt_conn_param_update_t conn_param_update;
		ble_gap_evt_conn_param_update_request_t conn_param_update_request;
		ble_gap_evt_timeout_t timeout;
		ble_gap_evt_adv_report_t adv_report;
		ble_gap_evt_auth_key_request_t auth_key_request;
		ble_gap_evt_auth_status_t auth_status;
		ble_gap_evt_conn_sec_update_t conn_sec_update;
		ble_gap_evt_phy_update_t phy_update;
		ble_gap_evt_data_length_update_t data_length_update;
	} params;
} ble_gap_evt_t;

/* ---- GATT client events ---- */

typedef struct {
	uint8_t broadcast : 1;
	uint8_t read : 1;
	uint8_t write_wo_resp : 1;
	uint8_t write : 1;
	uint8_t notify : 1;
	uint8_t indicate : 1;
	uint8_t auth_signed_wr : 1;
} ble_gatt_char_props_t;

typedef struct {
	ble_uuid_t uuid;
	ble_gattc_handle_range_t handle_range;
} ble_gattc_service_t;

typedef struct {
	ble_uuid_t uuid;
	ble_gatt_char_props_t char_props;
	uint8_t char_ext_props : 1;
	uint16_t handle_decl;
	uint16_t handle_value;
} ble_gattc_char_t;

typedef struct {
	uint16_t handle;
	ble_uuid_t uuid;
} ble_gattc_desc_t;

typedef struct {
	uint16_t count;
	ble_gattc_service_t services[1]; /* count of them */
} ble_gattc_evt_prim_srvc_disc_rsp_t;

typedef struct {
	uint16_t count;
	ble_gattc_char_t chars[1];
} ble_gattc_evt_char_disc_rsp_t;

typedef struct {
	uint16_t count;
	ble_gattc_desc_t descs[1];
} ble_gattc_evt_desc_disc_rsp_t;

typedef struct {
	uint16_t handle;
	uint8_t write_op;
	uint16_t offset;
	uint16_t len;
	uint8_t data[1];
} ble_gattc_evt_write_rsp_t;

typedef struct {
	uint16_t handle;
	uint8_t type;
	uint16_t len;
	uint8_t data[1]; /* len of them */
} ble_gattc_evt_hvx_t;

typedef struct {
	uint16_t server_rx_mtu;
} ble_gattc_evt_exchange_mtu_rsp_t;

typedef struct {
	uint8_t src;
} ble_gattc_evt_timeout_t;

typedef struct {
	uint8_t count;
} ble_gattc_evt_write_cmd_tx_complete_t;

typedef struct {
	uint16_t conn_handle;
	uint16_t gatt_status;
	uint16_t error_handle;
	union {
		ble_gattc_evt_prim_srvc_disc_rsp_t prim_srvc_disc_rsp;
		ble_gattc_evt_char_disc_rsp_t char_disc_rsp;
		ble_gattc_evt_desc_disc_rsp_t desc_disc_rsp;
		ble_gattc_evt_write_rsp_t write_rsp;
		ble_gattc_evt_hvx_t hvx;
		ble_gattc_evt_exchange_mtu_rsp_t exchange_mtu_rsp;
		ble_gattc_evt_timeout_t timeout;
		ble_gattc_evt_write_cmd_tx_complete_t write_cmd_tx_complete;
	} params;
} ble_gattc_evt_t;

/* ---- GATT server events: those that every central must answer ---- */

typedef struct {
	uint16_t client_rx_mtu;
} ble_gatts_evt_exchange_mtu_request_t;

typedef struct {
	uint16_t conn_handle;
	union {
		ble_gatts_evt_exchange_mtu_request_t exchange_mtu_request;
	} params;
} ble_gatts_evt_t;

typedef struct {
	uint16_t evt_id;
	uint16_t evt_len;
} ble_evt_hdr_t;

typedef struct {
	ble_evt_hdr_t header;
	union {
		ble_gap_evt_t gap_evt;
		ble_gattc_evt_t gattc_evt;
		ble_gatts_evt_t gatts_evt;
	} evt;
} ble_evt_t;

/* ---- configuration ---- */

typedef struct {
	uint8_t conn_count;
	uint16_t event_length;
} ble_gap_conn_cfg_t;

typedef struct {
	uint8_t write_cmd_tx_queue_size;
} ble_gattc_conn_cfg_t;

typedef struct {
	uint16_t att_mtu;
} ble_gatt_conn_cfg_t;

typedef struct {
	uint8_t conn_cfg_tag;
	union {
		ble_gap_conn_cfg_t gap_conn_cfg;
		ble_gattc_conn_cfg_t gattc_conn_cfg;
		ble_gatt_conn_cfg_t gatt_conn_cfg;
		uint16_t reserved[4];
	} params;
} ble_conn_cfg_t;

typedef struct {
	uint8_t vs_uuid_count;
} ble_common_cfg_vs_uuid_t;

typedef union {
	ble_common_cfg_vs_uuid_t vs_uuid_cfg;
} ble_common_cfg_t;

typedef struct {
	uint8_t adv_set_count;
	uint8_t periph_role_count;
	uint8_t central_role_count;
	uint8_t central_sec_count;
	uint8_t qos_channel_survey_role_available : 1;
} ble_gap_cfg_role_count_t;

typedef union {
	ble_gap_cfg_role_count_t role_count_cfg;
	uint32_t reserved[3];
} ble_gap_cfg_t;

typedef struct {
	uint32_t attr_tab_size;
} ble_gatts_cfg_attr_tab_size_t;

typedef union {
	ble_gatts_cfg_attr_tab_size_t attr_tab_size;
} ble_gatts_cfg_t;

typedef union {
	ble_conn_cfg_t conn_cfg;
	ble_common_cfg_t common_cfg;
	ble_gap_cfg_t gap_cfg;
	ble_gatts_cfg_t gatts_cfg;
} ble_cfg_t;

typedef struct {
	uint8_t enable : 1;
} ble_common_opt_conn_evt_ext_t;

typedef union {
	ble_common_opt_conn_evt_ext_t conn_evt_ext;
	uint8_t reserved[5];
} ble_common_opt_t;

typedef union {
	ble_common_opt_t common_opt;
	uint32_t reserved[2];
} ble_opt_t;

/* ---- calls ---- */

/** A call by its number. It takes its arguments in registers and answers in r0, as a function does. */
#if defined(__arm__)
#define S140_CALL(number, declaration)                                                                       \
	__attribute__((naked, unused)) static uint32_t declaration                                           \
	{                                                                                                    \
		__asm__("svc %0\n\tbx lr" ::"I"(number) : "r0");                                             \
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#else
#define S140_CALL(number, declaration) uint32_t declaration;
#endif

/* clang-format off */
S140_CALL(96, sd_ble_enable(uint32_t *p_app_ram_base))
S140_CALL(97, sd_ble_evt_get(uint8_t *p_dest, uint16_t *p_len))
S140_CALL(98, sd_ble_uuid_vs_add(ble_uuid128_t const *p_vs_uuid, uint8_t *p_uuid_type))
S140_CALL(103, sd_ble_opt_set(uint32_t opt_id, ble_opt_t const *p_opt))
S140_CALL(105, sd_ble_cfg_set(uint32_t cfg_id, ble_cfg_t const *p_cfg, uint32_t app_ram_base))
S140_CALL(117, sd_ble_gap_conn_param_update(uint16_t conn_handle, ble_gap_conn_params_t const *p_conn_params))
S140_CALL(118, sd_ble_gap_disconnect(uint16_t conn_handle, uint8_t hci_status_code))
S140_CALL(128, sd_ble_gap_auth_key_reply(uint16_t conn_handle, uint8_t key_type, uint8_t const *p_key))
S140_CALL(138, sd_ble_gap_scan_start(ble_gap_scan_params_t const *p_scan_params, ble_data_t const *p_adv_report_buffer))
S140_CALL(139, sd_ble_gap_scan_stop(void))
S140_CALL(140, sd_ble_gap_connect(ble_gap_addr_t const *p_peer_addr, ble_gap_scan_params_t const *p_scan_params, ble_gap_conn_params_t const *p_conn_params, uint8_t conn_cfg_tag))
S140_CALL(141, sd_ble_gap_connect_cancel(void))
S140_CALL(143, sd_ble_gap_phy_update(uint16_t conn_handle, ble_gap_phys_t const *p_gap_phys))
S140_CALL(144, sd_ble_gap_data_length_update(uint16_t conn_handle, ble_gap_data_length_params_t const *p_dl_params, ble_gap_data_length_limitation_t *p_dl_limitation))
S140_CALL(155, sd_ble_gattc_primary_services_discover(uint16_t conn_handle, uint16_t start_handle, ble_uuid_t const *p_srvc_uuid))
S140_CALL(157, sd_ble_gattc_characteristics_discover(uint16_t conn_handle, ble_gattc_handle_range_t const *p_handle_range))
S140_CALL(158, sd_ble_gattc_descriptors_discover(uint16_t conn_handle, ble_gattc_handle_range_t const *p_handle_range))
S140_CALL(163, sd_ble_gattc_write(uint16_t conn_handle, ble_gattc_write_params_t const *p_write_params))
S140_CALL(165, sd_ble_gattc_exchange_mtu_request(uint16_t conn_handle, uint16_t client_rx_mtu))
S140_CALL(177, sd_ble_gatts_sys_attr_set(uint16_t conn_handle, uint8_t const *p_sys_attr_data, uint16_t len, uint32_t flags))
S140_CALL(181, sd_ble_gatts_exchange_mtu_reply(uint16_t conn_handle, uint16_t server_rx_mtu))
/* clang-format on */

#if defined(__arm__)
#pragma GCC diagnostic pop
#endif
#undef S140_CALL

#endif
#endif
