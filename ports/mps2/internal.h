/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Registers of the Cortex-M4 and of this board, the handlers in the vector table, what the linker script names.
 */
#ifndef DFUCAST_MPS2_INTERNAL_H
#define DFUCAST_MPS2_INTERNAL_H

#include "mps2.h"

#define MPS2_REGISTER(address) (*(volatile uint32_t *)(address))

/* Cortex-M4: Armv7-M Architecture Reference Manual, B3. */
#define MPS2_SYST_CSR MPS2_REGISTER(0xE000E010u) /* bit 0 on, 1 interrupt, 2 processor clock */
#define MPS2_SYST_RVR MPS2_REGISTER(0xE000E014u)
#define MPS2_SYST_CVR MPS2_REGISTER(0xE000E018u)
#define MPS2_NVIC_ISER0 MPS2_REGISTER(0xE000E100u) /* a bit an interrupt: enables it */
#define MPS2_SCB_AIRCR MPS2_REGISTER(0xE000ED0Cu)
#define MPS2_SCB_AIRCR_RESET 0x05FA0004u
#define MPS2_SCB_CFSR MPS2_REGISTER(0xE000ED28u) /* why there was a fault */
#define MPS2_MPU_CTRL MPS2_REGISTER(0xE000ED94u)
#define MPS2_MPU_RBAR MPS2_REGISTER(0xE000ED9Cu)
#define MPS2_MPU_RASR MPS2_REGISTER(0xE000EDA0u)

/* The board's timer 0, CMSDK APB timer: Arm DDI 0479, 4.5. Counts down at MPS2_CLOCK_HZ. */
#define MPS2_TIMER0_CTRL MPS2_REGISTER(0x40000000u)
#define MPS2_TIMER0_VALUE MPS2_REGISTER(0x40000004u)
#define MPS2_TIMER0_RELOAD MPS2_REGISTER(0x40000008u)

/* What a byte of stack holds that was never used. */
#define MPS2_STACK_PAINT 0xA5A5A5A5u

/* mps2.ld. Their addresses count. */
extern uint32_t mps2_ld_stack_bottom[], mps2_ld_stack_top[];
extern uint32_t mps2_ld_data_load[], mps2_ld_data_start[], mps2_ld_data_end[];
extern uint32_t mps2_ld_bss_start[], mps2_ld_bss_end[];

/** The program; does not return. */
int main(void);

void mps2_reset(void);
void mps2_fault(void);
void mps2_on_tick(void);
void mps2_on_uart0(void);
void mps2_on_uart1(void);
void mps2_on_uart2(void);
void mps2_on_uart3(void);
void mps2_on_uart4(void);

/** From an interrupt: whoever sleeps shall look. */
void mps2_wake(void);
/** Writes a text on UART 0 past its ring, waiting for each byte: for last words only. */
void mps2_uart_last_words(const char *text);

/* Interrupts off, and as they were. Nests. */
static inline uint32_t mps2_lock(void)
{
	uint32_t before;

	__asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(before)::"memory");
	return before;
}

static inline void mps2_unlock(uint32_t before)
{
	__asm__ volatile("msr primask, %0" ::"r"(before) : "memory");
}

#endif
