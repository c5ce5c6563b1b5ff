// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_host.h>

#include <asm/vmx.h>

#include "apic_access.h"
#include "apicv_inhibit.h"
#include "kvm_cache_regs.h"
#include "lapic.h"
#include "mmu.h"
#include "x86.h"

#define APIC_ACCESS_GFN		gpa_to_gfn(APIC_DEFAULT_PHYS_BASE)

static int apic_access_set_memslot(struct kvm *kvm, u32 size)
{
	void __user *hva;

	lockdep_assert_held(&kvm->slots_lock);

	hva = __x86_set_memory_region(kvm, APIC_ACCESS_PAGE_PRIVATE_MEMSLOT,
				      APIC_DEFAULT_PHYS_BASE, size);
	return PTR_ERR_OR_ZERO((void __force *)hva);
}

/*
 * Allocate the page.  It isn't pinned, i.e. may be migrated or swapped out: SVM
 * gets it by way of NPT, VMX is told by the MMU notifier to look it up again.
 */
static int apic_access_fault_in(struct kvm *kvm)
{
	struct page *page = gfn_to_page(kvm, APIC_ACCESS_GFN);

	if (is_error_page(page))
		return -EFAULT;

	put_page(page);
	return 0;
}

int kvm_apic_access_create(struct kvm *kvm)
{
	int r = 0;

	mutex_lock(&kvm->slots_lock);
	if (kvm->arch.apic_access.created || kvm->arch.apic_access.suppressed)
		goto out;

	r = apic_access_set_memslot(kvm, PAGE_SIZE);
	if (r)
		goto out;

	r = apic_access_fault_in(kvm);
	if (r)
		apic_access_set_memslot(kvm, 0);
	else
		kvm->arch.apic_access.created = true;
out:
	mutex_unlock(&kvm->slots_lock);
	return r;
}
EXPORT_SYMBOL_GPL(kvm_apic_access_create);

void kvm_apic_access_drop(struct kvm *kvm)
{
	apic_access_set_memslot(kvm, 0);
	kvm->arch.apic_access.created = false;
}

/*
 * The memslot isn't needed for correctness, i.e. it's suppressed even if it can't
 * be deleted for want of memory, and there won't be another attempt.
 */
void kvm_apic_access_suppress(struct kvm_vcpu *vcpu)
	__must_hold(&vcpu->kvm->srcu)
{
	struct kvm *kvm = vcpu->kvm;

	if (READ_ONCE(kvm->arch.apic_access.suppressed))
		return;

	/* The update of the memslots waits for readers, among them this one. */
	kvm_vcpu_srcu_read_unlock(vcpu);
	mutex_lock(&kvm->slots_lock);

	if (kvm->arch.apic_access.created)
		kvm_apic_access_drop(kvm);
	WRITE_ONCE(kvm->arch.apic_access.suppressed, true);

	mutex_unlock(&kvm->slots_lock);
	kvm_vcpu_srcu_read_lock(vcpu);
}

static void apic_access_count_fault(struct kvm *kvm,
				    enum kvm_apic_access_fault fault)
{
	if (fault == APIC_ACCESS_MAP)
		atomic64_inc(&kvm->stat.apic_access_map);
	else if (fault == APIC_ACCESS_EMULATE)
		atomic64_inc(&kvm->stat.apic_access_emulate);
	else
		atomic64_inc(&kvm->stat.apic_access_retry);
}

enum kvm_apic_access_fault
__kvm_apic_access_fault(struct kvm_vcpu *vcpu, const struct kvm_memory_slot *slot)
{
	enum kvm_apic_access_fault fault;

	fault = apic_access_decide(slot->flags & KVM_MEMSLOT_INVALID,
				   is_guest_mode(vcpu),
				   kvm_apicv_activated(vcpu->kvm));
	apic_access_count_fault(vcpu->kvm, fault);
	return fault;
}

/*
 * The decision of a fault depends on the inhibits, and the inhibits may change
 * before the fault is done.  The fault marks the page as mapped, and only then
 * looks at the inhibits again.  Whoever changes the inhibits stores them, and
 * only then looks whether the page is mapped.  Either the fault sees the new
 * inhibits, or the other side sees that there may be an SPTE to zap, and it
 * zaps with mmu_lock held for write, i.e. after the fault has installed it.
 *
 * As it's the decision that is checked, the zap doesn't have to invalidate any
 * range, be it of GFNs or of HVAs, and concerns no other fault.
 */
bool __kvm_apic_access_fault_stale(struct kvm_vcpu *vcpu,
				   enum kvm_apic_access_fault decided)
{
	struct kvm *kvm = vcpu->kvm;

	lockdep_assert_held(&kvm->mmu_lock);

	/* The inhibits don't matter for L2. */
	if (is_guest_mode(vcpu))
		return false;

	WRITE_ONCE(kvm->arch.apic_access.mapped, true);
	/* Pairs with the barrier in kvm_apic_access_zap(). */
	smp_mb();

	if (decided == apic_access_decide(false, false, kvm_apicv_activated(kvm)))
		return false;

	apic_access_count_fault(kvm, APIC_ACCESS_RETRY);
	return true;
}

/*
 * TLBs aren't flushed here.  Every vCPU has KVM_REQ_APICV_UPDATE pending, is out
 * of the guest since the request was made, and can't be done with it before
 * apicv_update_lock is released.  It flushes its TLB then, before it enters the
 * guest, see kvm_apic_access_updated().  Whatever page was mapped may be gone by
 * then, but nobody can have used the translation.
 */
void kvm_apic_access_zap(struct kvm *kvm)
{
	struct kvm_apic_access *access = &kvm->arch.apic_access;
	bool flush;
	int idx;

	lockdep_assert_held_write(&kvm->arch.apicv_update_lock);

	/* Pairs with the barrier in kvm_apic_access_fault_stale(). */
	smp_mb();
	if (!READ_ONCE(access->mapped))
		return;

	idx = srcu_read_lock(&kvm->srcu);
	write_lock(&kvm->mmu_lock);

	/* Before the zap, as that may drop mmu_lock for a moment. */
	WRITE_ONCE(access->mapped, false);
	kvm->stat.apic_access_zapped += kvm_mmu_zap_gfn(kvm, APIC_ACCESS_GFN, &flush);
	kvm->stat.apic_access_zap++;
	if (flush)
		WRITE_ONCE(access->flush_seq, access->flush_seq + 1);

	write_unlock(&kvm->mmu_lock);
	srcu_read_unlock(&kvm->srcu, idx);
}

void kvm_apic_access_forget_mmio(struct kvm_vcpu *vcpu)
{
	vcpu_clear_mmio_gfn(vcpu, APIC_ACCESS_GFN);
}

bool kvm_apic_access_updated(struct kvm_vcpu *vcpu)
{
	u32 seq = READ_ONCE(vcpu->kvm->arch.apic_access.flush_seq);
	struct kvm_lapic *apic = vcpu->arch.apic;

	if (!apic || apic->access_flush_seq == seq)
		return false;

	apic->access_flush_seq = seq;
	return true;
}

void kvm_apic_access_page_moved(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->mmu_lock);

	if (kvm_x86_ops.set_apic_access_page_addr)
		kvm_make_all_cpus_request(kvm, KVM_REQ_APIC_PAGE_RELOAD);
}

void kvm_apic_access_base_changed(struct kvm_vcpu *vcpu)
{
	bool relocated = apic_base_is_relocated(vcpu->arch.apic_base);
	struct kvm_lapic *apic = vcpu->arch.apic;
	struct kvm *kvm = vcpu->kvm;
	struct kvm_apic_access *access = &kvm->arch.apic_access;
	bool inhibit;

	if (!enable_apicv || relocated == apic->relocated)
		return;

	/* The count and the inhibit change together, or not at all. */
	down_write(&kvm->arch.apicv_update_lock);
	inhibit = apic_access_count(access, apic->relocated, relocated);
	apic->relocated = relocated;
	if (relocated && access->nr_relocated == 1)
		kvm->stat.apic_base_inhibit++;
	__kvm_set_or_clear_apicv_inhibit(kvm,
					 APICV_INHIBIT_REASON_APIC_BASE_MODIFIED,
					 inhibit);
	up_write(&kvm->arch.apicv_update_lock);
}
