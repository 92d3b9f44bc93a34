/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a board's program would have for pairing, and smp_svr has not.
 *
 *     -passkey=N     it shows this passkey (CONFIG_BT_FIXED_PASSKEY)
 *     -encrypt       the SMP characteristic wants an encrypted link, as CONFIG_MCUMGR_TRANSPORT_BT_PERM_RW_ENCRYPT does on
 *                    later Zephyr; before it, there is only "authenticated" or "anybody"
 */
#include <zephyr/bluetooth/bluetooth.h>
#include <zephyr/bluetooth/conn.h>
#include <zephyr/bluetooth/gatt.h>
#include <zephyr/init.h>

#include <limits.h>

#include "bs_cmd_line.h"
#include "bs_dynargs.h"
#include "bs_tracing.h"
#include "posix_native_task.h"

#define NOT_GIVEN UINT_MAX /* BabbleSim's default */

static unsigned int passkey;
static bool encrypt;

static void add_options(void)
{
	static bs_args_struct_t table[] = {{.option = "passkey",
					    .name = "n",
					    .type = 'u',
					    .dest = &passkey,
					    .descript = "the passkey it shows"},
					   {.is_switch = true,
					    .option = "encrypt",
					    .type = 'b',
					    .dest = &encrypt,
					    .descript = "SMP only on encrypted links"},
					   ARG_TABLE_ENDMARKER};

	bs_add_extra_dynargs(table);
}

NATIVE_TASK(add_options, PRE_BOOT_1, 200);

#ifdef CONFIG_BT_FIXED_PASSKEY
static void show_passkey(struct bt_conn *conn, unsigned int shown)
{
	ARG_UNUSED(conn);
	bs_trace_raw_time(2, "board: passkey %06u\n", shown);
}

static void cancelled(struct bt_conn *conn)
{
	ARG_UNUSED(conn);
	bs_trace_raw_time(2, "board: pairing cancelled\n");
}
#endif

static uint8_t want_encryption(const struct bt_gatt_attr *attribute, uint16_t handle, void *user_data)
{
	ARG_UNUSED(handle);
	ARG_UNUSED(user_data);
	/* Of a service that is registered at run time: its attributes are no constants. */
	if ((attribute->perm & BT_GATT_PERM_WRITE) != 0)
		((struct bt_gatt_attr *)attribute)->perm =
		    (uint16_t)((attribute->perm & ~BT_GATT_PERM_WRITE) | BT_GATT_PERM_WRITE_ENCRYPT);
	return BT_GATT_ITER_CONTINUE;
}

static void on_connected(struct bt_conn *conn, uint8_t err)
{
	static const struct bt_uuid_128 smp =
	    BT_UUID_INIT_128(BT_UUID_128_ENCODE(0xda2e7828, 0xfbce, 0x4e01, 0xae9e, 0x261174997c48));

	ARG_UNUSED(conn);
	if (err == 0 && encrypt)
		bt_gatt_foreach_attr_type(BT_ATT_FIRST_ATTRIBUTE_HANDLE, BT_ATT_LAST_ATTRIBUTE_HANDLE,
					  &smp.uuid, NULL, 0, want_encryption, NULL);
}

static void on_security(struct bt_conn *conn, bt_security_t level, enum bt_security_err err)
{
	ARG_UNUSED(conn);
	bs_trace_raw_time(2, "board: security level %d, error %d\n", level, err);
}

BT_CONN_CB_DEFINE(board_callbacks) = {.connected = on_connected, .security_changed = on_security};

static int set_pairing(void)
{
#ifdef CONFIG_BT_FIXED_PASSKEY
	static const struct bt_conn_auth_cb callbacks = {.passkey_display = show_passkey,
							 .cancel = cancelled};

	if (passkey != NOT_GIVEN &&
	    (bt_passkey_set(passkey) != 0 || bt_conn_auth_cb_register(&callbacks) != 0))
		return -EIO;
#endif
	return 0;
}

SYS_INIT(set_pairing, APPLICATION, 1);
