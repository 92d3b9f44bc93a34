/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What pairing.c uses of the nRF5 SDK's Peer Manager (15.3 … 17.1), declared anew: names and meanings as there, numbers as
 * they come. A product's build defines DFUCAST_S140_SDK and gets the SDK's own; tests/fake has a Peer Manager for the host.
 */
#ifndef GATEWAY_S140_PM_API_H
#define GATEWAY_S140_PM_API_H

#ifdef DFUCAST_S140_SDK

#include "peer_manager.h"
#include "peer_manager_handler.h"
#if PM_LESC_ENABLED
#include "nrf_ble_lesc.h"
#endif

#else

#include "sd_api.h"
#include <stdbool.h>

#define PM_LESC_ENABLED 1
#define PM_CONN_SEC_ERROR_PIN_OR_KEY_MISSING 0x1006
#define PM_CONN_SEC_ERROR_MIC_FAILURE 0x103D
#define PM_CONN_SEC_ERROR_DISCONNECT 0x1100

typedef enum {
	PM_EVT_CONN_SEC_START,
	PM_EVT_CONN_SEC_SUCCEEDED,
	PM_EVT_CONN_SEC_FAILED,
	PM_EVT_CONN_SEC_PARAMS_REQ,
	PM_EVT_STORAGE_FULL,
	PM_EVT_ERROR_UNEXPECTED,
} pm_evt_id_t;

typedef struct {
	pm_evt_id_t evt_id;
	uint16_t conn_handle;
	union {
		struct {
			uint16_t error;
		} conn_sec_failed;
		struct {
			void const *p_context;
		} conn_sec_params_req;
	} params;
} pm_evt_t;

typedef void (*pm_evt_handler_t)(pm_evt_t const *p_event);

typedef struct {
	uint8_t connected : 1;
	uint8_t encrypted : 1;
	uint8_t mitm_protected : 1;
	uint8_t bonded : 1;
	uint8_t lesc : 1;
	uint8_t reserved : 3;
} pm_conn_sec_status_t;

uint32_t pm_init(void);
uint32_t pm_register(pm_evt_handler_t event_handler);
uint32_t pm_sec_params_set(ble_gap_sec_params_t *p_sec_params);
uint32_t pm_conn_secure(uint16_t conn_handle, bool force_repairing);
uint32_t pm_conn_sec_params_reply(uint16_t conn_handle, ble_gap_sec_params_t *p_sec_params,
				  void const *p_context);
uint32_t pm_conn_sec_status_get(uint16_t conn_handle, pm_conn_sec_status_t *p_conn_sec_status);
void pm_handler_flash_clean(pm_evt_t const *p_pm_evt);
uint32_t nrf_ble_lesc_request_handler(void);

#endif
#endif
