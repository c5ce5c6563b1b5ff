/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of apic_fuzz that use the PIT, and what others have to know of it.
 */
#ifndef APIC_FUZZ_PIT_H
#define APIC_FUZZ_PIT_H

#include <stdbool.h>
#include <stdint.h>

void op_pit(const uint16_t *args);
void op_pit_pic(const uint16_t *args);
void op_pit_mask(const uint16_t *args);
void op_reinject(const uint16_t *args);

/* Let it tick for whatever comes. */
void pit_start(void);

/*
 * Whether ticks wait until the last one is acknowledged.  Then an ID or a mode of an
 * APIC doesn't change: it wouldn't be known whose EOI counts.
 */
bool pit_owes(void);

/* Before and after a migration, which keeps its state, but not what it owes. */
void pit_save(void);
void pit_restore(void);

#endif
