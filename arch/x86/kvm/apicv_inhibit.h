/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_APICV_INHIBIT_H
#define __KVM_X86_APICV_INHIBIT_H

#include <linux/kvm_host.h>

struct seq_file;

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
 * Cancel what is deferred, and defer nothing anymore.  Called when destruction of
 * the VM begins.  Sleeps, takes apicv_update_lock for write.
 */
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
 * runs @vcpu.  Takes apicv_update_lock, for write if IRQWIN is to be cleared.
 */
void kvm_vcpu_update_apicv(struct kvm_vcpu *vcpu);

/*
 * Set the reasons in @set and clear those in @clear, both masks, with one request
 * to all vCPUs at most.  A reason that is in both ends up set; one that the vendor
 * module doesn't know as a reason of VMs isn't set.  Called with apicv_update_lock
 * held for write, takes kvm->srcu and mmu_lock.
 *
 * Whatever is set is in force on return: no vCPU is in the guest, or will enter it,
 * without having seen the reason.  A reason that a guest can set and clear as often
 * as it likes, see APICV_GUEST_INHIBITS, is cleared a moment later, if it hasn't
 * been set again by then.
 */
void __kvm_update_apicv_inhibits(struct kvm *kvm, unsigned long set,
				 unsigned long clear);

/*
 * Look a moment later, see APICV_CLEAR_DELAY, whether what was set is stale, i.e. not
 * before its time if that is scheduled already.  Called with apicv_update_lock held
 * for write.
 */
void kvm_apicv_clear_later(struct kvm *kvm);

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

/*
 * Show what inhibits APICv, for the VM and for each vCPU, and what the reasons wait
 * for.  Takes apicv_update_lock for read.
 */
void kvm_apicv_show(struct kvm *kvm, struct seq_file *m);

/*
 * Inhibit APICv as long as a vCPU waits to inject an interrupt that APICv can't
 * virtualize, and until APICv would be of use after that.  A vCPU has one such
 * window at most, and may close it before it has injected the interrupt: when
 * APICv becomes active, the vCPU asks again.
 *
 * To open a window may sleep and takes apicv_update_lock for write if there's no
 * other; the inhibit is in force on return.  Both are called by the task that runs
 * the vCPU, to close doesn't sleep.
 */
void kvm_apicv_open_irq_window(struct kvm *kvm);
void kvm_apicv_close_irq_window(struct kvm_vcpu *vcpu);

/*
 * Tell that an interrupt of the local APIC of @vcpu is delivered by software, or an
 * access to its TPR emulated, as APICv isn't active.  Needs no lock, doesn't sleep.
 * See APICV_MISSED_INTERRUPTS.
 */
void __kvm_apicv_missed_interrupt(struct kvm_vcpu *vcpu);

static inline void kvm_apicv_missed_interrupt(struct kvm_vcpu *vcpu)
{
	/* Only IRQWIN itself is counted, i.e. it has outlived the last window. */
	if (atomic_read(&vcpu->kvm->arch.apicv_irq_windows) == 1)
		__kvm_apicv_missed_interrupt(vcpu);
}

#endif /* __KVM_X86_APICV_INHIBIT_H */
