/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of local APICs: who gets which interrupt, and when.
 *
 * It knows nothing of KVM, except for what KVM defines where the architecture leaves
 * it open, each marked KVM.  There's no time in it: an interrupt that a vCPU can take
 * is taken.
 */
#ifndef APIC_FUZZ_MODEL_H
#define APIC_FUZZ_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"

#define NR_PINS		24
#define RTC_PIN		8
#define RESAMPLE_PIN	20

enum mode { OFF, XAPIC, X2APIC };

struct apic {
	bool present, blocked;		/* blocked: by KVM_GUESTDBG_BLOCKIRQ */
	uint32_t vcpu_id;
	enum mode mode;
	uint64_t base;
	uint8_t id;			/* of xAPIC mode */
	uint32_t ldr, dfr, svr;
	uint8_t tpr;
	bool auto_eoi, icr_known;
	bool extint;			/* LVT0 accepts ExtINTs */
	uint64_t icr;
	uint8_t irr[256], isr[256], tmr[256];
	enum wait wait;
	bool keep;
	unsigned int nr_log, nr_nmi, nr_ext, nmi_pending;
	unsigned int nr_shared, nr_spurious;
	uint8_t log[MAX_LOG];
};

/*
 * A pin of the I/O APIC.  The guest's handler lowers the line of a level-triggered one, or,
 * if that is RESAMPLE_PIN's, KVM does on EOI.
 */
struct pin {
	bool known, masked, level, logical, line, remote_irr;
	uint8_t vector, dest;
	unsigned int nr_acks;
};

/* The PIT, which ticks within an operation only. */
struct pit {
	bool is_there, reinjects, masked;
	int pin, target;
	uint8_t vector, dest;
	unsigned int owed;		/* ticks that are due when the last is acknowledged */
	unsigned int nr_ext;		/* ExtINTs that are ticks */
	bool has_ticked;		/* one that was owed came, since the last quiet point */
};

/* The PIC's input that is shared, see pic.c. */
struct pic {
	bool line, masked;
	int told;			/* who has to take it as soon as it can, or -1 */
	bool due;			/* it can */
	unsigned int may_take, could_take;	/* vCPUs that may, since the last check and before */
	bool may_be_spurious;
};

struct model {
	struct apic apics[MAX_VCPUS];
	struct pin pins[NR_PINS];
	struct pit pit;
	struct pic pic;
	unsigned int ext_pending;	/* ExtINTs, which are for vCPU 0 */
};

extern struct model model;

void model_reset(void);
void model_add(int i, uint32_t vcpu_id);

/* The state after INIT, IA32_APICBASE excepted. */
void model_init(int i);

/* The physical ID by which others address it. */
uint32_t model_id(const struct apic *a);
uint32_t model_x2apic_ldr(const struct apic *a);

/*
 * The APICs that an IPI of @src is for, as a bitmap.  @src is -1 for a message that
 * isn't an IPI.
 */
unsigned int model_targets(int src, uint64_t icr);

/* A fixed interrupt arrives.  Whether the APIC accepts it. */
bool model_accept(int i, uint8_t vector, bool level);
void model_nmi(int i);

/* It runs in the guest, which is enough to take NMIs. */
void model_run(int i);
void model_eoi(int i);

/* Let each vCPU take what it can take.  @i: one that has IF=1 for a moment, or -1. */
void model_settle(int i);

uint8_t model_ppr(const struct apic *a);
int model_highest(const uint8_t *bits);
bool model_is_idle(const struct apic *a);

/* What a read of register @reg yields.  False if the model doesn't say. */
bool model_reg(const struct apic *a, unsigned int reg, uint64_t *value);

/* The vCPUs that accept ExtINTs, as a bitmap. */
unsigned int model_acceptors(void);

/* Whether it takes an ExtINT if it accepts it.  @window: it has IF=1 for a moment. */
bool model_takes_ext(const struct apic *a, bool window);

/* The state of the shared input. */
void model_pic(bool line, bool masked);

/* Pins. */
void model_raise(int pin);
unsigned int model_pin_targets(const struct pin *p);

/* Whether the RTC's last interrupt hasn't been acknowledged: its vector has no other source. */
bool model_rtc_is_pending(void);

#endif
