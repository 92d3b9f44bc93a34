/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Bare metal on a Cortex-M4: Arm's MPS2 board with the AN386 FPGA image, which QEMU has as `mps2-an386`. No OS, no heap.
 * The template for other boards: what a program calls is in this file, and nothing of it is special to this board.
 *
 * One context. Interrupts only move bytes between the UARTs and their rings, count milliseconds, and wake who sleeps:
 * that is the one door. Everything else, every call of the core included, is made from main()'s loop.
 */
#ifndef DFUCAST_MPS2_H
#define DFUCAST_MPS2_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The system clock, Hz. */
#define MPS2_CLOCK_HZ 25000000u

/* ---- time: system.c ---- */

/** Starts the millisecond clock. Call first. */
void mps2_clock_start(void);
/** ms since mps2_clock_start(); wraps. */
uint32_t mps2_now(void);
/** The clock's ticks, 1 / MPS2_CLOCK_HZ each; wraps. */
uint32_t mps2_ticks(void);
/** Sleeps until a UART moved a byte since the last sleep, or until the time is @p deadline (NULL: however long). */
void mps2_sleep(const uint32_t *deadline);

/* ---- UARTs: uart.c ---- */

#define MPS2_UARTS 5u

/** Bytes between one interrupt and one main loop. Opaque. */
struct mps2_ring {
	uint8_t *bytes;
	uint32_t size;         /**< a power of two */
	_Atomic uint32_t head; /**< bytes ever put in; wraps */
	_Atomic uint32_t tail; /**< bytes ever taken out; wraps */
};

/** One UART. Opaque, but for the counter. */
struct mps2_uart {
	unsigned int number;
	struct mps2_ring rx;
	struct mps2_ring tx;
	volatile uint32_t overflows; /**< bytes received and lost: the ring was full, or the interrupt late */
};

/**
 * Opens UART @p number, 0 … MPS2_UARTS - 1. @p uart and both buffers must outlive the program. Sizes are powers of two.
 * @param baud at most MPS2_CLOCK_HZ / 16
 */
void mps2_uart_open(struct mps2_uart *uart, unsigned int number, uint32_t baud, uint8_t *rx,
		    uint32_t rx_bytes, uint8_t *tx, uint32_t tx_bytes);
/** Bytes that mps2_uart_read() would give now. */
size_t mps2_uart_waiting(const struct mps2_uart *uart);
/** Takes what has been received, at most @p capacity bytes. @return how many; 0: nothing now. */
size_t mps2_uart_read(struct mps2_uart *uart, uint8_t *bytes, size_t capacity);
/** Bytes that mps2_uart_write() takes now. */
size_t mps2_uart_room(const struct mps2_uart *uart);
/** Sends @p length bytes, which must not be more than mps2_uart_room() said. */
void mps2_uart_write(struct mps2_uart *uart, const uint8_t *bytes, size_t length);

/* ---- the end, and how near it was: system.c ---- */

/** Stack there is, and the most that was ever used of it, interrupts included; bytes. */
uint32_t mps2_stack_bytes(void);
uint32_t mps2_stack_peak(void);

/** Begins anew, as after power-on. */
_Noreturn void mps2_reboot(void);

/**
 * A programmer's error or a fault: says "mps2: WHAT VALUE" on UART 0, past its ring, and resets the board. From any
 * context. dfucast_port_assert_failed() (port.h) ends here too.
 */
_Noreturn void mps2_die(const char *what, uint32_t value);

#endif
