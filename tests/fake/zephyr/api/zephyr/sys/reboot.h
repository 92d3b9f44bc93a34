/* SPDX-License-Identifier: Apache-2.0 */
/** @file See kernel.h. */
#ifndef FAKE_ZEPHYR_REBOOT_H
#define FAKE_ZEPHYR_REBOOT_H

#define SYS_REBOOT_COLD 1

_Noreturn void sys_reboot(int type);

#endif
