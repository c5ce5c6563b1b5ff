/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of APICv and AVIC have in common.
 */
#ifndef SELFTEST_KVM_APICV_H
#define SELFTEST_KVM_APICV_H

#include <stdio.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"

/* Whether KVM uses APICv or AVIC as long as nothing inhibits it. */
static inline bool kvm_has_apicv(void)
{
	const char *path = is_intel_cpu() ?
			   "/sys/module/kvm_intel/parameters/enable_apicv" :
			   "/sys/module/kvm_amd/parameters/avic";
	FILE *f = fopen(path, "r");
	int c = f ? fgetc(f) : EOF;

	if (f)
		fclose(f);
	return c == 'Y' || c == '1';
}

/*
 * Inhibit APICv for the whole VM, or don't, by means of a vCPU that need not
 * run, and that interrupts are no longer injected into meanwhile.
 */
static inline void apicv_inhibit(struct kvm_vcpu *vcpu, bool inhibit)
{
	struct kvm_guest_debug debug = {};

	if (inhibit)
		debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ;
	vcpu_guest_debug_set(vcpu, &debug);
}

/* Write IA32_APICBASE as userspace does when it restores or resets a vCPU. */
static inline void vcpu_set_apic_base(struct kvm_vcpu *vcpu, uint64_t apic_base)
{
	struct kvm_sregs sregs;

	vcpu_sregs_get(vcpu, &sregs);
	sregs.apic_base = apic_base;
	vcpu_sregs_set(vcpu, &sregs);
}

/*
 * Expect APICv to be inhibited for @reasons, by name and separated by spaces, or
 * not to be if there are none.  KVM tells that in debugfs; with a KVM that
 * doesn't, the test is skipped.
 */
void apicv_expect_reasons(struct kvm_vm *vm, const char *reasons);

/*
 * The same, for reasons that may take a moment: KVM clears those that a guest can
 * toggle some time after they are gone.
 */
void apicv_await_reasons(struct kvm_vm *vm, const char *reasons);

/* Wait until @reason is gone, for a while.  Doesn't wait if KVM doesn't tell. */
void apicv_await_cleared(struct kvm_vm *vm, const char *reason);

/* Expect "on" or "off", and the reasons of the vCPU alone, in the same form. */
void apicv_expect_vcpu(struct kvm_vm *vm, uint32_t vcpu_id, const char *state);

/*
 * Expect a line that tells what a reason waits for, e.g. "vCPU 1: AutoEOI"; if
 * there's nothing after the colon, then that there's no such line.
 */
void apicv_expect_cause(struct kvm_vm *vm, const char *cause);

/* Whether @reason is one of them. */
bool apicv_has_reason(struct kvm_vm *vm, const char *reason);

/* Print all that KVM tells. */
void apicv_print(struct kvm_vm *vm);

/* Of all vCPUs: to ask for those of one that runs would wait for it. */
uint64_t vm_exits(struct kvm_vm *vm);

/*
 * Count the changes of inhibits of all VMs in between, by tracing them, which
 * unpatched kernels can, too.
 */
void apicv_trace_start(void);
unsigned int apicv_trace_stop(void);

#endif /* SELFTEST_KVM_APICV_H */
