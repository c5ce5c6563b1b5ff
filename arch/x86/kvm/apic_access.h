/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_APIC_ACCESS_H
#define __KVM_X86_APIC_ACCESS_H

#include <linux/kvm_host.h>

#include <asm/apicdef.h>
#include <asm/vmx.h>

/*
 * The APIC-access page is a page of memory that KVM maps at the default base of
 * the APIC.  VMX and AVIC virtualize accesses to its address.  There is one per
 * VM, in a memslot of its own, which stays as it is when APICv gets inhibited:
 * then, accesses are emulated as MMIO.
 *
 * Stats of a VM:
 *   apic_access_map, _emulate	faults on its GFN, by what was decided, L2's and
 *				those that were retried included
 *   apic_access_retry		faults that had to be taken again
 *   apic_access_zap		zaps that found the page marked as mapped
 *   apic_access_zapped		SPTEs zapped by these, MMIO SPTEs included; those
 *				of the shadow MMU count as one per zap
 *   apic_base_inhibit		times APICv was inhibited because the first APIC
 *				was relocated
 */

/* What to do with a fault on the GFN of the APIC-access page. */
enum kvm_apic_access_fault {
	/* Not a fault on that GFN. */
	APIC_ACCESS_NONE,
	/* Map the page. */
	APIC_ACCESS_MAP,
	/* Emulate the access as MMIO. */
	APIC_ACCESS_EMULATE,
	/* Let the guest fault again, things are changing. */
	APIC_ACCESS_RETRY,
};

/*
 * Decide a fault, given whether the memslot is about to be deleted, whether L2
 * is active, and whether APICv is activated for the VM.  A pure function.
 *
 * The page is hidden from L2, always, as it would be read and written as memory
 * where L2 expects whatever L1 maps there.
 */
static inline enum kvm_apic_access_fault
apic_access_decide(bool slot_invalid, bool guest_mode, bool activated)
{
	if (slot_invalid)
		return APIC_ACCESS_RETRY;

	if (guest_mode || !activated)
		return APIC_ACCESS_EMULATE;

	return APIC_ACCESS_MAP;
}

/*
 * Create the page and its memslot, unless they exist or are suppressed.  Takes
 * kvm->slots_lock.  Returns 0 or a negative error code, with nothing left behind.
 */
int kvm_apic_access_create(struct kvm *kvm);

/*
 * Delete the memslot and unmap its page.  Called when the VM is destroyed, with
 * kvm->slots_lock held, by a task with the address space of the VM.
 */
void kvm_apic_access_drop(struct kvm *kvm);

/*
 * Delete the memslot for good, so that accesses to its address are MMIO, as they
 * are without APICv, whatever the inhibits.  To be called by the task that runs
 * @vcpu, where it handles requests: kvm->srcu must be held, and is dropped in
 * between, i.e. memslots may have changed.  Takes kvm->slots_lock.
 */
void kvm_apic_access_suppress(struct kvm_vcpu *vcpu);

enum kvm_apic_access_fault
__kvm_apic_access_fault(struct kvm_vcpu *vcpu, const struct kvm_memory_slot *slot);
bool __kvm_apic_access_fault_stale(struct kvm_vcpu *vcpu,
				   enum kvm_apic_access_fault decided);

/*
 * Decide a fault of @vcpu in @slot, which may be NULL.  Called with kvm->srcu
 * held.
 */
static inline enum kvm_apic_access_fault
kvm_apic_access_fault(struct kvm_vcpu *vcpu, const struct kvm_memory_slot *slot)
{
	/* Each fault comes here, hardly any is of that page. */
	if (likely(!slot || slot->id != APIC_ACCESS_PAGE_PRIVATE_MEMSLOT))
		return APIC_ACCESS_NONE;

	return __kvm_apic_access_fault(vcpu, slot);
}

/*
 * Whether a fault of @vcpu that was decided as @decided has to be retried, as it
 * would be decided differently now.  Called before an SPTE is installed for it,
 * with mmu_lock held until that is done.
 */
static inline bool
kvm_apic_access_fault_stale(struct kvm_vcpu *vcpu,
			    enum kvm_apic_access_fault decided)
{
	return unlikely(decided != APIC_ACCESS_NONE) &&
	       __kvm_apic_access_fault_stale(vcpu, decided);
}

/*
 * Zap the GFN of the page, and nothing else, because the inhibits of @kvm have
 * changed.  Does next to nothing if nothing is mapped there, and doesn't make
 * faults on other GFNs retry.  Called with apicv_update_lock held for write,
 * after all vCPUs got KVM_REQ_APICV_UPDATE and the inhibits have been stored.  Takes
 * kvm->srcu and mmu_lock.
 */
void kvm_apic_access_zap(struct kvm *kvm);

/*
 * Forget that an access of @vcpu to the page was MMIO.  Called by the task that
 * runs @vcpu, on KVM_REQ_APICV_UPDATE.
 */
void kvm_apic_access_forget_mmio(struct kvm_vcpu *vcpu);

/*
 * Return whether @vcpu has to flush its TLB before it enters the guest, because
 * the page was unmapped since the last call.  Called by the task that runs @vcpu,
 * on KVM_REQ_APICV_UPDATE, after it has held apicv_update_lock for read.
 */
bool kvm_apic_access_updated(struct kvm_vcpu *vcpu);

/*
 * Make all vCPUs look the page up again if the CPU has to be told its address,
 * because it's about to be moved or swapped out.  Called with mmu_lock held, by
 * the MMU notifier.
 */
void kvm_apic_access_page_moved(struct kvm *kvm);

/* Whether an APIC with this IA32_APICBASE is enabled, but not where it was. */
static inline bool apic_base_is_relocated(u64 apic_base)
{
	return (apic_base & MSR_IA32_APICBASE_ENABLE) &&
	       (apic_base & MSR_IA32_APICBASE_BASE) != APIC_DEFAULT_PHYS_BASE;
}

/*
 * Count an APIC that was and is relocated, or not.  Returns whether APICv has
 * to be inhibited from now on.  Called with apicv_update_lock held for write.
 */
static inline bool apic_access_count(struct kvm_apic_access *access, bool was,
				     bool is)
{
	access->nr_relocated += is - was;

	return access->nr_relocated;
}

/*
 * Inhibit APICv when the first APIC of the VM leaves the default base, and no
 * longer when the last one is back or disabled.  Called by the task that has
 * @vcpu loaded, or creates it, after each write to IA32_APICBASE.
 *
 * A vCPU needs nothing when it's freed: either it was never seen by userspace,
 * and its APIC is where it was at RESET, or the VM goes with it.
 */
void kvm_apic_access_base_changed(struct kvm_vcpu *vcpu);

#endif /* __KVM_X86_APIC_ACCESS_H */
