// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_host.h>

#include <asm/apicdef.h>
#include <asm/vmx.h>

#include "apic_access.h"
#include "apicv_inhibit.h"
#include "kvm_cache_regs.h"
#include "lapic.h"
#include "mmu.h"

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
	if (kvm->arch.apic_access.created)
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
 * The answer may change at any time.  The fault has read mmu_invalidate_seq
 * already; whoever changes what the answer depends on stores that first, then zaps
 * and increments mmu_invalidate_seq with mmu_lock held for write.  A fault that
 * had the old answer either is zapped, or retries, see is_page_fault_stale().
 */
bool kvm_apic_access_is_mmio(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	return is_guest_mode(vcpu) || !kvm_apicv_activated(kvm) ||
	       READ_ONCE(kvm->arch.apic_access.suppressed);
}

void kvm_apic_access_zap(struct kvm *kvm)
{
	lockdep_assert_held_write(&kvm->arch.apicv_update_lock);

	if (kvm_apicv_activated(kvm))
		kvm_mmu_zap_mmio(kvm, APIC_ACCESS_GFN);
	else
		kvm_zap_gfn_range(kvm, APIC_ACCESS_GFN, APIC_ACCESS_GFN + 1);
}

void kvm_apic_access_page_moved(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->mmu_lock);

	if (kvm_x86_ops.set_apic_access_page_addr)
		kvm_make_all_cpus_request(kvm, KVM_REQ_APIC_PAGE_RELOAD);
}

/* An APIC that is disabled is nowhere, wherever its base is. */
static bool apic_is_relocated(u64 apic_base)
{
	return (apic_base & MSR_IA32_APICBASE_ENABLE) &&
	       (apic_base & MSR_IA32_APICBASE_BASE) != APIC_DEFAULT_PHYS_BASE;
}

/*
 * vCPUs share page tables.  If the CPU virtualizes accesses to the page even if a
 * vCPU is in x2APIC mode, where there's nothing at the page's address, then no vCPU
 * can have the page.
 *
 * The memslot stays, deleting it might fail for want of memory.
 */
static void apic_access_suppress(struct kvm *kvm)
{
	struct kvm_apic_access *access = &kvm->arch.apic_access;

	lockdep_assert_held_write(&kvm->arch.apicv_update_lock);

	if (access->suppressed)
		return;

	WRITE_ONCE(access->suppressed, true);
	kvm_zap_gfn_range(kvm, APIC_ACCESS_GFN, APIC_ACCESS_GFN + 1);
}

void kvm_apic_access_restore(struct kvm *kvm)
{
	struct kvm_apic_access *access = &kvm->arch.apic_access;

	lockdep_assert_held_write(&kvm->arch.apicv_update_lock);

	if (!access->suppressed || access->nr_x2apic)
		return;

	WRITE_ONCE(access->suppressed, false);
	kvm_apic_access_zap(kvm);
}

void kvm_apic_access_base_changed(struct kvm_vcpu *vcpu)
{
	struct kvm_apic_access *access = &vcpu->kvm->arch.apic_access;
	bool relocated = apic_is_relocated(vcpu->arch.apic_base);
	struct kvm_lapic *apic = vcpu->arch.apic;
	bool x2apic = kvm_x86_ops.virtualizes_xapic_in_x2apic_mode &&
		      apic_x2apic_mode(apic);
	struct kvm *kvm = vcpu->kvm;

	if (!enable_apicv ||
	    (relocated == apic->relocated && x2apic == apic->suppresses_page))
		return;

	/* The counts and what follows from them change together, or not at all. */
	down_write(&kvm->arch.apicv_update_lock);
	access->nr_relocated += relocated - apic->relocated;
	apic->relocated = relocated;
	access->nr_x2apic += x2apic - apic->suppresses_page;
	apic->suppresses_page = x2apic;

	__kvm_set_or_clear_apicv_inhibit(kvm,
					 APICV_INHIBIT_REASON_APIC_BASE_MODIFIED,
					 access->nr_relocated);
	if (access->nr_x2apic)
		apic_access_suppress(kvm);
	else if (access->suppressed)
		kvm_apicv_clear_later(kvm);
	up_write(&kvm->arch.apicv_update_lock);
}
