/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a board does that is not its program's, for a program that is taken as it is. A board is several processes, one
 * after another in simulated time, of the same flash file: life 0 from the beginning, life K+1 once life K was reset or lost
 * its power. Each has its own number on the phy, for a process cannot come back to it.
 *
 *     -board=PREFIX      files PREFIX.K are made when life K may begin
 *     -life=K            which one this is
 *     -bootloader=EXE    run before each life but the first, with -nosim and
 *     -boot_flash=FILE   the flash file: MCUboot's own nrf52_bsim program
 *     -boot_ms=N         simulated time until the program runs: what MCUboot takes
 *     -off_at_ms=N       life 0: power is lost then
 *     -address=N         lowest byte of the static address c0:…, the same in all lives
 */
#include <zephyr/bluetooth/bluetooth.h>
#include <zephyr/init.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/reboot.h>

#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bs_cmd_line.h"
#include "bs_dynargs.h"
#include "bs_tracing.h"
#include "bs_types.h"
#if __has_include("posix_native_task.h")
#include "posix_native_task.h"
#define INIT_ARGUMENTS void
#else /* before Zephyr 3.4 */
#include "soc.h"
#define phy_sync_ctrl_set_max_resync_offset tm_set_phy_max_resync_offset
#define nsi_exit posix_exit
#define INIT_ARGUMENTS const struct device *device
#endif

#define POLL_US 1000
#define NOT_GIVEN UINT_MAX /* of a number: BabbleSim's default */

/* The board's, without a header for programs. */
extern void phy_sync_ctrl_set_max_resync_offset(bs_time_t us);
extern void hwll_disconnect_phy(void);
extern void nsi_exit(int code);

static struct {
	char *board;
	char *bootloader;
	char *boot_flash;
	unsigned int life, boot_ms, off_at_ms, address;
} options;

static void add_options(void)
{
	static bs_args_struct_t table[] = {
	    {.option = "board",
	     .name = "prefix",
	     .type = 's',
	     .dest = &options.board,
	     .descript = "of files"},
	    {.option = "bootloader",
	     .name = "executable",
	     .type = 's',
	     .dest = &options.bootloader,
	     .descript = "run before each life but the first"},
	    {.option = "boot_flash",
	     .name = "file",
	     .type = 's',
	     .dest = &options.boot_flash,
	     .descript = "its flash file"},
	    {.option = "life", .name = "k", .type = 'u', .dest = &options.life, .descript = "which life"},
	    {.option = "boot_ms",
	     .name = "ms",
	     .type = 'u',
	     .dest = &options.boot_ms,
	     .descript = "the bootloader's time"},
	    {.option = "off_at_ms",
	     .name = "ms",
	     .type = 'u',
	     .dest = &options.off_at_ms,
	     .descript = "when power is lost, in life 0"},
	    {.option = "address",
	     .name = "n",
	     .type = 'u',
	     .dest = &options.address,
	     .descript = "lowest byte of the address"},
	    ARG_TABLE_ENDMARKER};

	bs_add_extra_dynargs(table);
}

NATIVE_TASK(add_options, PRE_BOOT_1, 200);

static const char *file_of(unsigned int life)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s.%u", options.board, life);
	return path;
}

/* This life ends, whatever the program was at; the next one begins. */
static void end_life(const char *why)
{
	FILE *file;

	bs_trace_raw_time(2, "board: %s\n", why);
	hwll_disconnect_phy();
	if (options.board != NULL) {
		file = fopen(file_of(options.life + 1), "w");
		if (file != NULL)
			(void)fclose(file);
	}
	nsi_exit(0);
}

void sys_arch_reboot(int type)
{
	ARG_UNUSED(type);
	end_life("reset");
}

static void lose_power(struct k_timer *timer)
{
	ARG_UNUSED(timer);
	end_life("no power");
}

static K_TIMER_DEFINE(power, lose_power, NULL);

static void run_bootloader(void)
{
	char flash[256];
	char *arguments[] = {options.bootloader, "-nosim", flash, NULL};
	int status = -1;
	pid_t child;

	(void)snprintf(flash, sizeof(flash), "-flash=%s", options.boot_flash);
	if (posix_spawn(&child, options.bootloader, NULL, NULL, arguments, NULL) != 0 ||
	    waitpid(child, &status, 0) != child)
		bs_trace_error_line("%s does not run\n", options.bootloader);
	bs_trace_raw_time(2, "board: bootloader ended with %x\n", (unsigned int)status);
}

/* Before anything looks at the flash: waits for the life before this one, and for the bootloader. */
static int begin_life(INIT_ARGUMENTS)
{
	if (options.life == NOT_GIVEN)
		options.life = 0;
	if (options.life != 0 && options.board == NULL)
		bs_trace_error_line("-life needs -board\n");
	if (options.life != 0) {
		phy_sync_ctrl_set_max_resync_offset(POLL_US);
		while (access(file_of(options.life), F_OK) != 0)
			k_busy_wait(POLL_US);
		bs_trace_raw_time(2, "board: life %u\n", options.life);
		if (options.bootloader != NULL && options.boot_flash != NULL)
			run_bootloader();
		if (options.boot_ms != NOT_GIVEN)
			k_busy_wait(1000u * options.boot_ms);
		phy_sync_ctrl_set_max_resync_offset(1000000);
	} else if (options.board != NULL) {
		(void)unlink(file_of(1));
		(void)unlink(file_of(2));
	}
	return 0;
}

SYS_INIT(begin_life, PRE_KERNEL_1, 0);

static int name_board(INIT_ARGUMENTS)
{
	bt_addr_le_t address = {.type = BT_ADDR_LE_RANDOM, .a.val = {0, 0, 0, 0, 0, 0xc0}};

	if (options.life == 0 && options.off_at_ms != NOT_GIVEN)
		k_timer_start(&power, K_MSEC(options.off_at_ms), K_NO_WAIT);
	if (options.address == NOT_GIVEN)
		return 0;
	address.a.val[0] = (uint8_t)options.address;
	return bt_id_create(&address, NULL) < 0 ? -EIO : 0;
}

SYS_INIT(name_board, APPLICATION, 0);
