// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_host.h>

#include "irq.h"
#include "lapic.h"
#include "vmx.h"

#define IPIV_ENTRY_VALID	BIT_ULL(0)

/* One page, enough for every ID that is valid in xAPIC mode. */
#define IPIV_MIN_IDS		(PAGE_SIZE / sizeof(u64))

static int ipiv_table_order(u32 nr_ids)
{
	return get_order(nr_ids * sizeof(u64));
}

int vmx_ipiv_alloc(struct kvm *kvm)
{
	struct kvm_vmx_ipiv *ipiv = &to_kvm_vmx(kvm)->ipiv;
	struct page *pages;

	lockdep_assert_held(&kvm->lock);

	if (!irqchip_in_kernel(kvm) || !enable_ipiv || ipiv->table)
		return 0;

	ipiv->nr_ids = max_t(u32, kvm->arch.max_vcpu_ids, IPIV_MIN_IDS);
	pages = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO,
			    ipiv_table_order(ipiv->nr_ids));
	if (!pages)
		return -ENOMEM;

	ipiv->table = page_address(pages);
	return 0;
}

void vmx_ipiv_free(struct kvm *kvm)
{
	struct kvm_vmx_ipiv *ipiv = &to_kvm_vmx(kvm)->ipiv;

	free_pages((unsigned long)ipiv->table, ipiv_table_order(ipiv->nr_ids));
	/* vCPUs are freed only after this. */
	ipiv->table = NULL;
}

/*
 * Whether an IPI to the physical ID @id may not be for a single APIC.  0xff is for
 * all of them if it comes from an APIC in xAPIC mode, but the CPU doesn't know.
 */
static bool ipiv_is_shared(struct kvm_apic_map *map, u32 id)
{
	return id == APIC_BROADCAST ||
	       (id < APIC_BROADCAST && test_bit(id, map->phys_shared));
}

/* The entry for a physical APIC ID, 0 if IPIs to the ID have to exit. */
static u64 ipiv_entry(struct kvm_apic_map *map, u32 id)
{
	struct kvm_lapic *apic;

	if (!map || id >= map->nr_ids || ipiv_is_shared(map, id))
		return 0;

	/* A disabled APIC accepts nothing, but the CPU doesn't look at that. */
	apic = map->phys_map[id];
	if (!apic || !kvm_apic_sw_enabled(apic))
		return 0;

	return __pa(&to_vmx(apic->vcpu)->pi_desc) | IPIV_ENTRY_VALID;
}

void vmx_apic_map_changed(struct kvm *kvm, struct kvm_apic_map *map)
{
	struct kvm_vmx_ipiv *ipiv = &to_kvm_vmx(kvm)->ipiv;
	u32 nr_ids = map ? min(map->nr_ids, ipiv->nr_ids) : 0;
	u64 entry;
	u32 id;

	lockdep_assert_held(&kvm->arch.apic_map_lock);

	if (!ipiv->table)
		return;

	for (id = 0; id < max(nr_ids, ipiv->nr_used); id++) {
		entry = ipiv_entry(map, id);
		if (ipiv->table[id] != entry)
			WRITE_ONCE(ipiv->table[id], entry);
	}

	ipiv->nr_used = nr_ids;
}

void vmx_ipiv_write_vmcs(struct kvm_vcpu *vcpu)
{
	struct kvm_vmx_ipiv *ipiv = &to_kvm_vmx(vcpu->kvm)->ipiv;

	if (!vmx_can_use_ipiv(vcpu))
		return;

	vmcs_write64(PID_POINTER_TABLE, __pa(ipiv->table));
	vmcs_write16(LAST_PID_POINTER_INDEX, ipiv->nr_ids - 1);
}
