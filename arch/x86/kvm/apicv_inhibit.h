/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_APICV_INHIBIT_H
#define __KVM_X86_APICV_INHIBIT_H

#include <linux/kvm_host.h>

struct seq_file;

/*
 * Stats of a VM:
 *   apicv_update		times APICv became active or inactive, each of which
 *				takes a request to all vCPUs
 *   apicv_inhibit_set,		times that each reason was set and cleared, and how
 *   _cleared, _ns		long it was set, as of when it was cleared last; by
 *				its number in enum kvm_apicv_inhibit
 */

/*
 * APICv and AVIC are used unless there's a reason not to.  Reasons are kept per
 * VM, in kvm->arch.apicv_inhibit_reasons, with the exception of those that are
 * asked of the vendor module for each vCPU when a vCPU updates its state.
 *
 * Whoever changes the reasons of a VM makes all vCPUs handle
 * KVM_REQ_APICV_UPDATE if APICv thereby becomes active or inactive.
 */

/* Initialize the reasons of @kvm.  Called when the VM is created. */
void kvm_apicv_init(struct kvm *kvm);

/*
 * Print whether APICv is active, and for each reason that there ever was whether
 * it's set, how often it was set and cleared and for how long it was set; and for
 * each vCPU whether it's active and the reasons of its own.  Takes
 * apicv_update_lock for read.
 */
void kvm_apicv_show(struct kvm *kvm, struct seq_file *m);

/* Stop what goes on by itself.  Called when the VM is destroyed, before its vCPUs. */
void kvm_apicv_destroy(struct kvm *kvm);

/* Whether @kvm has no reason to inhibit APICv.  Needs no lock, gives a snapshot. */
bool kvm_apicv_activated(struct kvm *kvm);

/*
 * Whether neither @vcpu nor its VM has a reason to inhibit APICv.  Called by the
 * task that runs @vcpu.
 */
bool kvm_vcpu_apicv_activated(struct kvm_vcpu *vcpu);

/*
 * Use APICv for @vcpu, or don't, as the reasons are now.  Called by the task that
 * runs @vcpu.  Takes apicv_update_lock for read.
 */
void kvm_vcpu_update_apicv(struct kvm_vcpu *vcpu);

/*
 * Set the reasons in @set and clear those in @clear, both masks, with one request
 * to all vCPUs at most.  A reason that is in both ends up set; one that the vendor
 * module doesn't know as a reason of VMs isn't set.  Called with apicv_update_lock
 * held for write, takes kvm->srcu and mmu_lock.
 */
void __kvm_update_apicv_inhibits(struct kvm *kvm, unsigned long set,
				 unsigned long clear);

/* The same for callers that don't hold apicv_update_lock. */
void kvm_update_apicv_inhibits(struct kvm *kvm, unsigned long set,
			       unsigned long clear);

/* The same for a single reason. */
static inline void __kvm_set_or_clear_apicv_inhibit(struct kvm *kvm,
						    enum kvm_apicv_inhibit reason,
						    bool set)
{
	__kvm_update_apicv_inhibits(kvm, set ? BIT(reason) : 0, BIT(reason));
}

static inline void kvm_set_apicv_inhibit(struct kvm *kvm,
					 enum kvm_apicv_inhibit reason)
{
	kvm_update_apicv_inhibits(kvm, BIT(reason), 0);
}

static inline void kvm_clear_apicv_inhibit(struct kvm *kvm,
					   enum kvm_apicv_inhibit reason)
{
	kvm_update_apicv_inhibits(kvm, 0, BIT(reason));
}

/* How long APICv stays inhibited after the last interrupt window, in jiffies. */
#define APICV_IRQ_WINDOW_LINGER		(HZ / 20)

/*
 * Inhibit APICv as long as a vCPU waits to inject an interrupt that APICv can't
 * virtualize, and for APICV_IRQ_WINDOW_LINGER after the last of them, give or take
 * a tick: such interrupts rarely come alone, and to change an inhibit takes a
 * request to all vCPUs and a zap.  A vCPU has one window at most.
 *
 * kvm_apicv_irq_window_open() may take apicv_update_lock, kvm->srcu and mmu_lock,
 * but doesn't take the first one for write while windows are in use or APICv is
 * inhibited anyway.  kvm_apicv_irq_window_close() doesn't take any lock.
 */
void kvm_apicv_irq_window_open(struct kvm *kvm);
void kvm_apicv_irq_window_close(struct kvm *kvm);

#endif /* __KVM_X86_APICV_INHIBIT_H */
