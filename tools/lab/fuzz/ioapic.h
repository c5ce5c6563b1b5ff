/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The I/O APIC of a VM with a split irqchip, which is the VMM's: its pins are MSIs to KVM, and
 * KVM_EXIT_IOAPIC_EOI tells of the EOI of those that are level-triggered.  Any thread may
 * call these.
 */
#ifndef APIC_FUZZ_IOAPIC_H
#define APIC_FUZZ_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

/* The line is low from now on, and no EOI is awaited. */
void ioapic_program(int pin, uint8_t vector, bool level, bool masked);
void ioapic_raise(int pin);
void ioapic_lower(int pin);
void ioapic_eoi(uint8_t vector);

#endif
