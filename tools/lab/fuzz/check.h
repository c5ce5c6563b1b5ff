/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine compared with the model, when all is quiet.
 */
#ifndef APIC_FUZZ_CHECK_H
#define APIC_FUZZ_CHECK_H

#include <stdbool.h>
#include <stdint.h>

/* What was received, and the registers of vCPUs that are in user space. */
void check_all(void);

/* The one of @targets that got @vector, -1 if none has yet. */
int check_find(uint8_t vector, unsigned int targets);

/*
 * A reason to inhibit APICv that the program has given.  Any other is a failure; once
 * there's no cause anymore, all have to go, but for IRQWIN, which needs interrupts.
 */
void check_caused(const char *reason);
void check_inhibits(void);
/* It's a failure if KVM doesn't tell what inhibits APICv: the unpatched one doesn't. */
extern bool check_wants_reasons;
void check_inhibits_are_gone(void);

uint64_t check_digest(void);

#endif
