/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of apic_fuzz that change where memory is, of which type it is, and who else wants it.
 */
#ifndef APIC_FUZZ_HOST_H
#define APIC_FUZZ_HOST_H

#include <stdint.h>

void op_page(const uint16_t *args);
void op_mtrr(const uint16_t *args);
void op_dma(const uint16_t *args);
void op_pressure(const uint16_t *args);

/* Before a migration: DMA would keep the old VM. */
void dma_stop(void);

#endif
