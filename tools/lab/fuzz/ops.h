/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations that a program of apic_fuzz is made of.
 */
#ifndef APIC_FUZZ_OPS_H
#define APIC_FUZZ_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"

#define NR_ARGS		4

struct op_type {
	const char *name;
	/* How often it's chosen, compared to others. */
	unsigned int weight;
	/*
	 * Do it, and have the model do it.  An operation that makes no sense in the
	 * state the program is in, or whose result is undefined, does nothing: any
	 * part of a program is a program.
	 */
	void (*run)(const uint16_t *args);
};

/* What operations are made of. */
int actor(uint16_t arg);
uint64_t execute(int i, enum command what, uint64_t a, uint64_t b);
void write_reg(int i, unsigned int reg, uint64_t value);
bool is_enabled(int i);
#define IOAPIC_MASKED	(1u << 16)
void write_entry(int i, int pin, uint32_t low, uint32_t high);
void set_routes(void);
void wait_by(int i, enum wait wait);

extern const struct op_type op_types[];
extern const int nr_op_types;

/* Whether KVM has told of each EOI of RESAMPLE_PIN; of how many. */
bool ops_resampled(unsigned int *got);

/* The state that each program begins in. */
void ops_begin(int vcpus, bool is_split);

/* Undo whatever inhibits APICv, and see that all is as in the beginning. */
void ops_end(void);

#endif
