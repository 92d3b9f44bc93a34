/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From reset to main(): the vector table, RAM as C expects it, the stack painted and guarded. And where faults end.
 */
#include "internal.h"

static void unexpected(void)
{
	uint32_t exception;

	__asm__ volatile("mrs %0, ipsr" : "=r"(exception));
	mps2_die("exception", exception);
}

void mps2_fault(void)
{
	mps2_die("fault", MPS2_SCB_CFSR);
}

/* Perhaps it was the stack that ran over: begin it anew. */
__attribute__((naked)) static void on_fault(void)
{
	__asm__("ldr r0, =mps2_ld_stack_top\n\t"
		"mov sp, r0\n\t"
		"b mps2_fault");
}

typedef void (*handler)(void);

/* AN386, table 4-2: an interrupt for receiving and one for sending a UART, both served alike. */
__attribute__((section(".vectors"), used)) static const struct {
	const uint32_t *stack;
	handler exceptions[15]; /* from number 1 */
	handler interrupts[32];
} vectors = {
    .stack = mps2_ld_stack_top,
    .exceptions = {mps2_reset, on_fault, on_fault, on_fault, on_fault, on_fault, unexpected, unexpected,
		   unexpected, unexpected, unexpected, unexpected, unexpected, unexpected, mps2_on_tick},
    .interrupts = {[0] = mps2_on_uart0,
		   [1] = mps2_on_uart0,
		   [2] = mps2_on_uart1,
		   [3] = mps2_on_uart1,
		   [4] = mps2_on_uart2,
		   [5] = mps2_on_uart2,
		   [6 ... 17] = unexpected,
		   [18] = mps2_on_uart3,
		   [19] = mps2_on_uart3,
		   [20] = mps2_on_uart4,
		   [21] = mps2_on_uart4,
		   [22 ... 31] = unexpected},
};

/* 32 KiB below the stack, outside of RAM, that nobody may touch; all else as without an MPU. */
static void guard_stack(void)
{
	const uint32_t bytes_log2 = 15;

	MPS2_MPU_RBAR = ((uint32_t)mps2_ld_stack_bottom - (1u << bytes_log2)) | 1u << 4 /* region 0 */;
	MPS2_MPU_RASR = 1u << 28 /* no code */ | (bytes_log2 - 1) << 1 | 1u /* on; access: none */;
	MPS2_MPU_CTRL = 1u << 2 /* the rest by default */ | 1u;
	__asm__ volatile("dsb\n\tisb" ::: "memory");
}

void mps2_reset(void)
{
	const uint32_t *stack_pointer;
	const uint32_t *from = mps2_ld_data_load;
	uint32_t *to;

	__asm__ volatile("mov %0, sp" : "=r"(stack_pointer));
	for (to = mps2_ld_stack_bottom; to < stack_pointer - 16; to++)
		*to = MPS2_STACK_PAINT;
	for (to = mps2_ld_data_start; to < mps2_ld_data_end; to++)
		*to = *from++;
	for (to = mps2_ld_bss_start; to < mps2_ld_bss_end; to++)
		*to = 0;
	guard_stack();
	(void)main();
	mps2_die("main returned", 0);
}
