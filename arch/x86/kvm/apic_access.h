/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_APIC_ACCESS_H
#define __KVM_X86_APIC_ACCESS_H

#include <linux/types.h>

struct kvm;
struct kvm_vcpu;

/*
 * The APIC-access page is a page of memory that KVM maps at the default base of
 * the APIC.  VMX and AVIC virtualize accesses to its address.  There is one per
 * VM, in a memslot of its own, which stays as it is when APICv gets inhibited:
 * then, accesses are emulated as MMIO.
 */

/*
 * Create the page and its memslot, unless they exist.  Takes kvm->slots_lock.
 * Returns 0 or a negative error code, with nothing left behind.
 */
int kvm_apic_access_create(struct kvm *kvm);

/*
 * Delete the memslot and unmap its page.  Called when the VM is destroyed, with
 * kvm->slots_lock held, by a task with the address space of the VM.
 */
void kvm_apic_access_drop(struct kvm *kvm);

/*
 * Whether a fault of @vcpu on the GFN of the page is MMIO at the moment.  It always
 * is if L2 is active, which would read and write the page as memory where it
 * expects whatever L1 maps there.  Called by the task that runs @vcpu, after it has
 * read mmu_invalidate_seq.
 */
bool kvm_apic_access_is_mmio(struct kvm_vcpu *vcpu);

/*
 * Zap what isn't right anymore, because APICv became active or inactive for @kvm:
 * the page, or the MMIO SPTEs in its place.  Called with apicv_update_lock held for
 * write, after the inhibits have been stored.  Takes kvm->srcu and mmu_lock.
 */
void kvm_apic_access_zap(struct kvm *kvm);

/*
 * Map the page again if it isn't because of a vCPU in x2APIC mode, and there's none
 * anymore.  Called with apicv_update_lock held for write.  Takes kvm->srcu and
 * mmu_lock.
 */
void kvm_apic_access_restore(struct kvm *kvm);

/*
 * Make all vCPUs look the page up again if the CPU has to be told its address,
 * because it's about to be moved or swapped out.  Called with mmu_lock held, by
 * the MMU notifier.
 */
void kvm_apic_access_page_moved(struct kvm *kvm);

/*
 * Inhibit APICv if the APIC of @vcpu has left the default base, and no longer when
 * the last one of the VM is back or disabled.  Don't map the page, i.e. accesses are
 * MMIO whatever the inhibits, if @vcpu is in x2APIC mode and the CPU would virtualize
 * them nevertheless; map it again a moment after the last one has left that mode.
 *
 * Called by the task that has @vcpu loaded, or creates it, after each write to
 * IA32_APICBASE.  Takes apicv_update_lock for write, kvm->srcu and mmu_lock.
 *
 * A vCPU needs nothing when it's freed: either it was never seen by userspace, and
 * its APIC is where it was at RESET, or the VM goes with it.
 */
void kvm_apic_access_base_changed(struct kvm_vcpu *vcpu);

#endif /* __KVM_X86_APIC_ACCESS_H */
