/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of apic_fuzz that use the PIC.  Of its inputs, one is for vCPU 0, and one is
 * level-triggered and shared, i.e. for any vCPU that accepts ExtINTs.
 */
#ifndef APIC_FUZZ_PIC_H
#define APIC_FUZZ_PIC_H

#include <stdbool.h>
#include <stdint.h>

void op_extint(const uint16_t *args);
void op_lvt0(const uint16_t *args);
void op_pic_line(const uint16_t *args);
void op_pic_toggle(const uint16_t *args);

/* Have inputs masked but for those of ExtINTs and @others. */
void pic_program(uint8_t others);

/* Whether vCPU @i accepts ExtINTs from now on, if its APIC is enabled. */
void pic_accept(int i, bool on);

/* Whether vCPU 0 is the only one that accepts ExtINTs: who takes one that isn't shared. */
bool pic_is_for_vcpu0(void);

/* The shared input isn't active anymore, and whoever has taken it is done with it. */
void pic_lower(void);

/* What was taken of the shared input. */
void pic_check(void);

#endif
