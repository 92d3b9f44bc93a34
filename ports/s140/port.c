/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SoftDevice's calls, and the round of the main loop. Whatever it answers is told to the central's logic, which asks
 * again what was busy; nothing here waits or spins.
 */
#include "internal.h"
#include <dfucast/port.h>
#include <string.h>

#define RETRY_MS 5u
#define ROUND_MS 1000u
#define UUID_SMP_SERVICE 0xDC1Du
#define UUID_CCC_ON 1u
#define CANCEL_IS_LATE NRF_ERROR_INVALID_STATE

uint32_t dfucast_s140_init(struct dfucast_s140 *port, const struct dfucast_s140_config *config)
{
	ble_uuid128_t base;
	uint32_t result;

	DFUCAST_ASSERT(config->queue != NULL && config->hooks.mask != NULL && config->hooks.unmask != NULL);
	DFUCAST_ASSERT(config->queue_bytes >= 4u * DFUCAST_S140_EVENT_BYTES(config->att_mtu));
	DFUCAST_ASSERT(config->central.value_bytes + 3u >= config->att_mtu);
	memset(port, 0, sizeof(*port));
	port->config = *config;
	port->queue.words = config->queue;
	port->queue.count = (uint32_t)(config->queue_bytes / sizeof(uintptr_t));
	dfucast_ble_central_init(&port->central, &config->central);
	/* The SoftDevice knows a long UUID by its base, in which bytes 12 and 13 do not count. */
	memcpy(base.uuid128, dfucast_ble_smp_service_uuid, sizeof(base.uuid128));
	result = sd_ble_uuid_vs_add(&base, &port->service_type);
	if (result != NRF_SUCCESS)
		return result;
	memcpy(base.uuid128, dfucast_ble_smp_characteristic_uuid, sizeof(base.uuid128));
	return sd_ble_uuid_vs_add(&base, &port->characteristic_type);
}

/* ---- answers of the SoftDevice ---- */

static enum dfucast_ble_result result_of(uint32_t code)
{
	switch (code) {
	case NRF_SUCCESS:
		return DFUCAST_BLE_STARTED;
	case NRF_ERROR_BUSY:
	case NRF_ERROR_RESOURCES:
	case NRF_ERROR_NO_MEM:
		return DFUCAST_BLE_BUSY;
	case BLE_ERROR_INVALID_CONN_HANDLE:
		return DFUCAST_BLE_GONE;
	default:
		return DFUCAST_BLE_REFUSED;
	}
}

/*
 * What is asked of a link for its values. Where the SoftDevice calls its state invalid, its end is under way. After a
 * question that timed out it takes none any more: our own link is closed then, a lent one ends when its owner sees to it.
 */
static enum dfucast_ble_result link_result_of(uint32_t code)
{
	if (code == NRF_ERROR_INVALID_STATE)
		return DFUCAST_BLE_GONE;
	return code == NRF_ERROR_TIMEOUT ? DFUCAST_BLE_BUSY : result_of(code);
}

/* ---- scanner and initiator ---- */

static ble_gap_scan_params_t scan_params(const struct dfucast_s140 *port, const struct dfucast_ble_op *op)
{
	/* Timeouts in units of 10 ms; 0: none. */
	return (ble_gap_scan_params_t){.active =
					   op->kind == DFUCAST_BLE_OP_SCAN_START && port->config.active_scan,
				       .scan_phys = BLE_GAP_PHY_1MBPS,
				       .interval = op->duty.interval,
				       .window = op->duty.window,
				       .timeout = (uint16_t)(op->timeout_ms / 10u)};
}

static ble_gap_conn_params_t conn_params(const struct dfucast_ble_params *params)
{
	return (ble_gap_conn_params_t){params->interval, params->interval, params->latency, params->timeout};
}

static enum dfucast_ble_result radio(struct dfucast_s140 *port, const struct dfucast_ble_op *op)
{
	const ble_gap_scan_params_t scan = scan_params(port, op);
	const ble_data_t buffer = {port->scan_buffer, sizeof(port->scan_buffer)};
	const ble_gap_conn_params_t params = conn_params(&op->params);
	ble_gap_addr_t address = {0};
	uint32_t code;

	switch (op->kind) {
	case DFUCAST_BLE_OP_SCAN_START:
		code = sd_ble_gap_scan_start(&scan, &buffer);
		/* The application's scan runs: its reports serve us as well, but its end is for it to say. */
		return code == NRF_ERROR_INVALID_STATE ? DFUCAST_BLE_BUSY : result_of(code);
	case DFUCAST_BLE_OP_SCAN_STOP:
		(void)sd_ble_gap_scan_stop();
		return DFUCAST_BLE_DONE;
	case DFUCAST_BLE_OP_CONNECT:
		address.addr_type = op->address->type & 0x7Fu;
		memcpy(address.addr, op->address->bytes, sizeof(address.addr));
		code = sd_ble_gap_connect(&address, &scan, &params, port->config.tag);
		/* Another connect is under way, or all links are in use: the application's. */
		return code == NRF_ERROR_INVALID_STATE || code == NRF_ERROR_CONN_COUNT ? DFUCAST_BLE_BUSY
										       : result_of(code);
	default:
		return sd_ble_gap_connect_cancel() == NRF_SUCCESS ? DFUCAST_BLE_DONE : DFUCAST_BLE_REFUSED;
	}
}

/* ---- one link ---- */

static uint32_t write_ccc(uint16_t handle, uint16_t attribute, uint8_t value)
{
	const uint8_t bytes[2] = {value, 0};
	const ble_gattc_write_params_t write = {
	    .write_op = BLE_GATT_OP_WRITE_REQ, .handle = attribute, .len = sizeof(bytes), .p_value = bytes};

	return sd_ble_gattc_write(handle, &write);
}

static uint32_t find_service(const struct dfucast_s140 *port, uint16_t handle)
{
	const ble_uuid_t uuid = {UUID_SMP_SERVICE, port->service_type};

	return sd_ble_gattc_primary_services_discover(handle, 1, &uuid);
}

static enum dfucast_ble_result attribute_step(struct dfucast_s140 *port, const struct dfucast_ble_op *op)
{
	const ble_gattc_handle_range_t range = {op->setup->first, op->setup->last};
	uint16_t handle = op->handle.index;
	uint32_t code;

	switch (op->step) {
	case DFUCAST_BLE_STEP_MTU:
		code = sd_ble_gattc_exchange_mtu_request(handle, port->config.att_mtu);
		/* Once in a connection's life: somebody else asked already. */
		return code == NRF_ERROR_INVALID_STATE ? DFUCAST_BLE_DONE : link_result_of(code);
	case DFUCAST_BLE_STEP_SERVICE:
		return link_result_of(find_service(port, handle));
	case DFUCAST_BLE_STEP_CHARACTERISTIC:
		return link_result_of(sd_ble_gattc_characteristics_discover(handle, &range));
	case DFUCAST_BLE_STEP_CCC:
		return link_result_of(sd_ble_gattc_descriptors_discover(handle, &range));
	default:
		return link_result_of(write_ccc(handle, op->setup->ccc,
						op->step == DFUCAST_BLE_STEP_SUBSCRIBE ? UUID_CCC_ON : 0));
	}
}

static enum dfucast_ble_result secure(struct dfucast_s140 *port, const struct dfucast_ble_op *op)
{
	const struct dfucast_s140_hooks *hooks = &port->config.hooks;
	uint32_t passkey;

	if (hooks->secure == NULL)
		return DFUCAST_BLE_REFUSED;
	return result_of(hooks->secure(hooks->context, op->handle.index,
				       dfucast_ble_central_passkey(&port->central, op->handle, &passkey)));
}

static enum dfucast_ble_result step(struct dfucast_s140 *port, const struct dfucast_ble_op *op)
{
	const ble_gap_phys_t phys = {BLE_GAP_PHY_2MBPS, BLE_GAP_PHY_2MBPS};
	uint16_t handle = op->handle.index;
	uint32_t code;

	switch (op->step) {
	case DFUCAST_BLE_STEP_PHY:
		code = sd_ble_gap_phy_update(handle, &phys);
		break;
	case DFUCAST_BLE_STEP_DATA_LENGTH:
		/* As long as the event length allows. */
		code = sd_ble_gap_data_length_update(handle, NULL, NULL);
		break;
	case DFUCAST_BLE_STEP_SECURE:
		return secure(port, op);
	default:
		return attribute_step(port, op);
	}
	/* RESOURCES: the configured event length is too short for it, and stays so. */
	return code == NRF_ERROR_RESOURCES ? DFUCAST_BLE_REFUSED : link_result_of(code);
}

static enum dfucast_ble_result write_value(const struct dfucast_ble_op *op)
{
	const ble_gattc_write_params_t write = {.write_op = BLE_GATT_OP_WRITE_CMD,
						.handle = op->setup->value,
						.len = op->length,
						.p_value = op->value};

	return link_result_of(sd_ble_gattc_write(op->handle.index, &write));
}

static enum dfucast_ble_result on_link(struct dfucast_s140 *port, const struct dfucast_ble_op *op)
{
	const ble_gap_conn_params_t params = conn_params(&op->params);
	uint16_t handle = op->handle.index;

	switch (op->kind) {
	case DFUCAST_BLE_OP_DISCONNECT:
		return result_of(sd_ble_gap_disconnect(handle, BLE_HCI_REMOTE_USER_TERMINATED_CONNECTION));
	case DFUCAST_BLE_OP_STEP:
		return step(port, op);
	case DFUCAST_BLE_OP_PARAMS:
	case DFUCAST_BLE_OP_AGREE:
		return result_of(sd_ble_gap_conn_param_update(handle, &params));
	case DFUCAST_BLE_OP_REFUSE:
		return result_of(sd_ble_gap_conn_param_update(handle, NULL));
	default:
		return write_value(op);
	}
}

/* With the interrupt masked: what is fetched meanwhile cannot give the number to another connection. */
static enum dfucast_ble_result perform(struct dfucast_s140 *port, const struct dfucast_ble_op *op)
{
	const struct dfucast_s140_hooks *hooks = &port->config.hooks;
	enum dfucast_ble_result result = DFUCAST_BLE_GONE;

	if (op->kind <= DFUCAST_BLE_OP_CONNECT_CANCEL)
		return radio(port, op);
	hooks->mask(hooks->context);
	if (dfucast_ble_door_holds(&port->door, op->handle))
		result = on_link(port, op);
	hooks->unmask(hooks->context);
	return result;
}

/* ---- what peers ask for ---- */

static uint32_t answer_phy(const struct dfucast_s140 *port, uint16_t handle)
{
	const ble_gap_phys_t phys = {BLE_GAP_PHY_AUTO, BLE_GAP_PHY_AUTO};

	(void)port;
	return sd_ble_gap_phy_update(handle, &phys);
}

static uint32_t answer_length(const struct dfucast_s140 *port, uint16_t handle)
{
	(void)port;
	return sd_ble_gap_data_length_update(handle, NULL, NULL);
}

static uint32_t answer_mtu(const struct dfucast_s140 *port, uint16_t handle)
{
	return sd_ble_gatts_exchange_mtu_reply(handle, port->config.att_mtu);
}

static uint32_t answer_attributes(const struct dfucast_s140 *port, uint16_t handle)
{
	(void)port;
	return sd_ble_gatts_sys_attr_set(handle, NULL, 0, 0);
}

static uint32_t answer_passkey(const struct dfucast_s140 *port, uint16_t handle)
{
	const struct dfucast_ble_handle meant = {(uint8_t)handle, port->door.openings[handle]};
	uint8_t digits[BLE_GAP_PASSKEY_LEN];
	uint32_t passkey = 0;

	if (!dfucast_ble_central_passkey(&port->central, meant, &passkey))
		return sd_ble_gap_auth_key_reply(handle, BLE_GAP_AUTH_KEY_TYPE_NONE, NULL);
	for (unsigned int i = BLE_GAP_PASSKEY_LEN; i-- > 0; passkey /= 10u)
		digits[i] = (uint8_t)('0' + passkey % 10u);
	return sd_ble_gap_auth_key_reply(handle, BLE_GAP_AUTH_KEY_TYPE_PASSKEY, digits);
}

/* Anything but "busy" is an answer, also that it is too late for one. */
static void answer(struct dfucast_s140 *port, uint32_t *bits,
		   uint32_t (*call)(const struct dfucast_s140 *port, uint16_t handle))
{
	const struct dfucast_s140_hooks *hooks = &port->config.hooks;

	for (uint16_t i = 0; i < DFUCAST_BLE_HANDLES_MAX && *bits != 0; i++) {
		const struct dfucast_ble_handle asked = {(uint8_t)i, port->due_opening[i]};
		uint32_t bit = UINT32_C(1) << i;

		if ((*bits & bit) == 0)
			continue;
		hooks->mask(hooks->context);
		/* The one that asked may have gone, and another have its number: no event of that was taken yet. */
		if (!dfucast_ble_door_holds(&port->door, asked) || call(port, i) != NRF_ERROR_BUSY)
			*bits &= ~bit;
		hooks->unmask(hooks->context);
		port->retry |= (*bits & bit) != 0;
	}
}

/* ---- the round ---- */

static void take_events(struct dfucast_s140 *port, uint32_t now)
{
	const struct dfucast_s140_hooks *hooks = &port->config.hooks;
	const ble_data_t buffer = {port->scan_buffer, sizeof(port->scan_buffer)};
	const struct s140_entry *entry;

	while ((entry = s140_queue_first(&port->queue)) != NULL) {
		bool report = s140_event_of(entry)->header.evt_id == BLE_GAP_EVT_ADV_REPORT;

		s140_dispatch(port, entry, now);
		s140_queue_drop_first(&port->queue, entry);
		/* A report pauses the scan. Not ours: then it is not our buffer's either, and this is refused. */
		if (report && port->central.scanning)
			(void)sd_ble_gap_scan_start(NULL, &buffer);
	}
	if (atomic_exchange(&port->queue.starved, false)) {
		port->starvations++;
		hooks->pend(hooks->context); /* and with the interrupt we are called again */
	}
}

uint32_t dfucast_s140_run(struct dfucast_s140 *port, uint32_t now)
{
	struct dfucast_ble_op op;
	uint32_t deadline;

	port->retry = false;
	take_events(port, now);
	answer(port, &port->phy_due, answer_phy);
	answer(port, &port->length_due, answer_length);
	answer(port, &port->mtu_due, answer_mtu);
	answer(port, &port->attributes_due, answer_attributes);
	answer(port, &port->passkey_due, answer_passkey);
	dfucast_ble_central_tick(&port->central, now);
	while (dfucast_ble_central_next(&port->central, &op, now))
		dfucast_ble_central_result(&port->central, &op, perform(port, &op), now);
	if (!dfucast_ble_central_deadline(&port->central, &deadline))
		deadline = now + ROUND_MS;
	if (port->retry && (int32_t)(deadline - now) > (int32_t)RETRY_MS)
		deadline = now + RETRY_MS;
	return deadline;
}

/* ---- the application's links ---- */

static bool handle_of(struct dfucast_s140 *port, uint16_t conn_handle, struct dfucast_ble_handle *handle)
{
	const struct dfucast_s140_hooks *hooks = &port->config.hooks;

	hooks->mask(hooks->context);
	bool alive = dfucast_ble_door_pass(&port->door, conn_handle, handle);

	hooks->unmask(hooks->context);
	return alive;
}

bool dfucast_s140_offer(struct dfucast_s140 *port, uint16_t conn_handle, const ble_gap_conn_params_t *params,
			uint16_t att_mtu, struct dfucast_ble_offer *offer)
{
	*offer = (struct dfucast_ble_offer){
	    .params = {params->max_conn_interval, params->slave_latency, params->conn_sup_timeout},
	    .mtu = att_mtu};
	return handle_of(port, conn_handle, &offer->handle);
}

bool dfucast_s140_adopt(struct dfucast_s140 *port, uint16_t conn_handle, uint16_t target,
			const ble_gap_conn_params_t *params, uint16_t att_mtu, uint32_t now)
{
	struct dfucast_ble_offer offer;

	if (!dfucast_s140_offer(port, conn_handle, params, att_mtu, &offer))
		return false;
	offer.target = target;
	return dfucast_ble_central_adopt(&port->central, &offer, now);
}

bool dfucast_s140_release(struct dfucast_s140 *port, uint16_t conn_handle)
{
	struct dfucast_ble_handle handle;

	return !handle_of(port, conn_handle, &handle) || dfucast_ble_central_release(&port->central, handle);
}

bool dfucast_s140_uses(struct dfucast_s140 *port, uint16_t conn_handle)
{
	struct dfucast_ble_handle handle;

	return handle_of(port, conn_handle, &handle) && dfucast_ble_central_uses(&port->central, handle);
}
