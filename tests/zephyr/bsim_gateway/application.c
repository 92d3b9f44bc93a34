/* SPDX-License-Identifier: Apache-2.0 */
#include "application.h"

#include "../bsim_board/tick.h"
#include "gateway.h"

#include <zephyr/bluetooth/bluetooth.h>
#include <zephyr/bluetooth/gatt.h>
#include <zephyr/sys/printk.h>

#include <string.h>

#define INTERVAL_MIN 40 /* x 1.25 ms */
#define INTERVAL_MAX 60
#define TIMEOUT 400 /* x 10 ms */

enum state { AWAY, CONNECTING, CONNECTED, FINDING, SUBSCRIBED, OFFERED };

static struct sensor {
	struct bt_conn *conn; /* a reference */
	struct bt_gatt_discover_params find;
	struct bt_gatt_subscribe_params subscription;
	atomic_t state; /* enum state; callbacks move it on as poll() does */
	uint32_t last, heard, missed, losses;
} sensors[LINKS];
static struct k_sem *wake;
static atomic_t seen; /* sensor that a scan has found, and 1; 0: none */
static bool scanning;

static bool is_number(const bt_addr_le_t *address, unsigned int number)
{
	return address->type == BT_ADDR_LE_RANDOM && address->a.val[0] == number && address->a.val[5] == 0xc0;
}

static struct sensor *sensor_of(struct bt_conn *conn)
{
	for (unsigned int i = 0; i < LINKS; i++) {
		if (sensors[i].conn == conn)
			return &sensors[i];
	}
	return NULL;
}

/* ---- callbacks of the host's ---- */

static void on_connected(struct bt_conn *conn, uint8_t err)
{
	struct sensor *sensor = sensor_of(conn);

	if (sensor == NULL)
		return; /* the gateway's */
	if (err != 0)
		bt_conn_unref(conn);
	sensor->conn = err != 0 ? NULL : conn;
	atomic_set(&sensor->state, err != 0 ? AWAY : CONNECTED);
	k_sem_give(wake);
}

static void on_disconnected(struct bt_conn *conn, uint8_t reason)
{
	struct sensor *sensor = sensor_of(conn);

	ARG_UNUSED(reason);
	if (sensor == NULL)
		return;
	sensor->conn = NULL;
	sensor->losses++;
	sensor->last = 0; /* it counts from 1 when it has started again */
	atomic_set(&sensor->state, AWAY);
	bt_conn_unref(conn);
	k_sem_give(wake);
}

BT_CONN_CB_DEFINE(application_callbacks) = {.connected = on_connected, .disconnected = on_disconnected};

static uint8_t on_number(struct bt_conn *conn, struct bt_gatt_subscribe_params *params, const void *data,
			 uint16_t length)
{
	struct sensor *sensor = CONTAINER_OF(params, struct sensor, subscription);
	uint32_t number;

	ARG_UNUSED(conn);
	if (data == NULL || length != sizeof(number))
		return BT_GATT_ITER_STOP;
	memcpy(&number, data, sizeof(number));
	if (sensor->last != 0)
		sensor->missed += number - sensor->last - 1;
	sensor->last = number;
	sensor->heard++;
	return BT_GATT_ITER_CONTINUE;
}

static uint8_t on_found(struct bt_conn *conn, const struct bt_gatt_attr *attribute,
			struct bt_gatt_discover_params *params)
{
	struct sensor *sensor = CONTAINER_OF(params, struct sensor, find);
	const struct bt_gatt_chrc *characteristic;

	if (attribute == NULL)
		return BT_GATT_ITER_STOP;
	characteristic = attribute->user_data;
	sensor->subscription =
	    (struct bt_gatt_subscribe_params){.notify = on_number,
					      .value_handle = characteristic->value_handle,
					      .ccc_handle = (uint16_t)(characteristic->value_handle + 1),
					      .value = BT_GATT_CCC_NOTIFY};
	if (bt_gatt_subscribe(conn, &sensor->subscription) == 0)
		atomic_set(&sensor->state, SUBSCRIBED);
	k_sem_give(wake);
	return BT_GATT_ITER_STOP;
}

static void on_heard(const bt_addr_le_t *address, int8_t rssi, uint8_t type, struct net_buf_simple *data)
{
	ARG_UNUSED(rssi);
	ARG_UNUSED(data);
	if (type != BT_GAP_ADV_TYPE_ADV_IND)
		return;
	for (unsigned int i = 0; i < LINKS; i++) {
		if (is_number(address, i + 1) && atomic_get(&sensors[i].state) == AWAY &&
		    atomic_cas(&seen, 0, (atomic_val_t)i + 1))
			k_sem_give(wake);
	}
}

/* ---- the application's round ---- */

static void connect(unsigned int number)
{
	struct sensor *sensor = &sensors[number - 1];
	bt_addr_le_t address = {.type = BT_ADDR_LE_RANDOM, .a.val = {(uint8_t)number, 0, 0, 0, 0, 0xc0}};

	atomic_set(&sensor->state, CONNECTING);
	if (bt_conn_le_create(&address, BT_CONN_LE_CREATE_CONN,
			      BT_LE_CONN_PARAM(INTERVAL_MIN, INTERVAL_MAX, 0, TIMEOUT), &sensor->conn) != 0)
		atomic_set(&sensor->state, AWAY);
}

static void connect_those_away(unsigned int away, bool connecting)
{
	unsigned int number = (unsigned int)atomic_get(&seen);

	if (number != 0 && !connecting) {
		(void)bt_le_scan_stop();
		scanning = false;
		connect(number);
		atomic_set(&seen, 0);
	} else if (away > 0 && !connecting && !scanning) {
		scanning = bt_le_scan_start(BT_LE_SCAN_PASSIVE, on_heard) == 0;
	} else if (away == 0 && scanning) {
		(void)bt_le_scan_stop();
		scanning = false;
	}
}

static void find(struct sensor *sensor)
{
	static const struct bt_uuid_128 value = BT_UUID_INIT_128(TICK_VALUE);

	sensor->find = (struct bt_gatt_discover_params){.uuid = &value.uuid,
							.func = on_found,
							.start_handle = BT_ATT_FIRST_ATTRIBUTE_HANDLE,
							.end_handle = BT_ATT_LAST_ATTRIBUTE_HANDLE,
							.type = BT_GATT_DISCOVER_CHARACTERISTIC};
	/* As an application does that wants its links fast: the gateway takes a lent link's radio as it is. */
	(void)bt_conn_le_phy_update(sensor->conn, BT_CONN_LE_PHY_PARAM_2M);
	(void)bt_conn_le_data_len_update(sensor->conn, BT_LE_DATA_LEN_PARAM_MAX);
	atomic_set(&sensor->state, FINDING);
	if (bt_gatt_discover(sensor->conn, &sensor->find) != 0)
		atomic_set(&sensor->state, CONNECTED); /* again at the next round */
}

void application_start(struct k_sem *given)
{
	wake = given;
}

bool application_poll(void)
{
	unsigned int away = 0, subscribed = 0;
	bool connecting = false;

	for (unsigned int i = 0; i < LINKS; i++) {
		struct sensor *sensor = &sensors[i];
		atomic_val_t state = atomic_get(&sensor->state);

		if (state == CONNECTED)
			find(sensor);
		else if (state == SUBSCRIBED && gateway_offer(sensor->conn))
			(void)atomic_cas(&sensor->state, SUBSCRIBED, OFFERED);
		away += state == AWAY;
		connecting |= state == CONNECTING;
		subscribed += state >= SUBSCRIBED;
	}
	connect_those_away(away, connecting);
	return subscribed == LINKS;
}

struct bt_conn *application_connection(const struct dfucast_ble_address *address, bool *ours)
{
	unsigned int number = address->bytes[0];

	*ours = address->type == 1 && number >= 1 && number <= LINKS;
	return *ours && atomic_get(&sensors[number - 1].state) >= SUBSCRIBED ? sensors[number - 1].conn
									     : NULL;
}

void application_print(void)
{
	for (unsigned int i = 0; i < LINKS; i++) {
		struct bt_conn_info info = {0};

		if (sensors[i].conn != NULL)
			(void)bt_conn_get_info(sensors[i].conn, &info);
		printk("sensor %u: %u numbers heard, %u missed, link lost %u times, interval %u, latency %u, "
		       "timeout %u\n",
		       i + 1, sensors[i].heard, sensors[i].missed, sensors[i].losses, info.le.interval,
		       info.le.latency, info.le.timeout);
	}
}
