// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_host.h>

#include "irq.h"
#include "lapic.h"
#include "vmx.h"

static struct ipiv_table *kvm_ipiv_table(struct kvm *kvm)
{
	return &to_kvm_vmx(kvm)->ipiv.table;
}

/* Allocate a table with room for at least @nr_ids. */
static int ipiv_alloc_table(struct ipiv_table *table, u32 nr_ids)
{
	int order = ipiv_table_order(nr_ids);
	struct page *pages;

	pages = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN, order);
	if (!pages)
		return -ENOMEM;

	table->entries = page_address(pages);
	table->nr_ids = (PAGE_SIZE << order) / sizeof(*table->entries);
	return 0;
}

static void ipiv_free_table(struct ipiv_table *table)
{
	free_pages((unsigned long)table->entries, ipiv_table_order(table->nr_ids));
}

int vmx_ipiv_alloc(struct kvm *kvm)
{
	struct ipiv_table *table = kvm_ipiv_table(kvm);
	int r;

	lockdep_assert_held(&kvm->lock);

	if (!irqchip_in_kernel(kvm) || !enable_ipiv)
		return 0;

	if (table->entries)
		return 0;

	r = ipiv_alloc_table(table, IPIV_MIN_IDS);
	if (!r)
		kvm->stat.ipiv_table_ids = table->nr_ids;
	return r;
}

void vmx_ipiv_free(struct kvm *kvm)
{
	struct ipiv_table *table = kvm_ipiv_table(kvm);

	if (!table->entries)
		return;

	ipiv_free_table(table);
	/* vCPUs are freed only after this. */
	table->entries = NULL;
}

/*
 * Take a snapshot of what the table depends on.  The APIC of a vCPU that runs can
 * change between the passes of vmx_ipiv_update(), which is followed by another
 * update.  A vCPU that appears between the passes has a snapshot that's all
 * zeroes, and doesn't accept anything.
 */
static struct ipiv_apic *ipiv_snapshot(struct kvm_vcpu *vcpu)
{
	struct ipiv_apic *snapshot = &to_vmx(vcpu)->ipiv_apic;
	struct kvm_lapic *apic = vcpu->arch.apic;

	*snapshot = (struct ipiv_apic) {
		.pi_desc = __pa(&to_vmx(vcpu)->pi_desc),
		.vcpu_id = vcpu->vcpu_id,
		.xapic_id = kvm_xapic_id(apic),
		.x2apic = apic_x2apic_mode(apic),
		.present = kvm_apic_present(vcpu),
		.enabled = kvm_apic_present(vcpu) && kvm_apic_sw_enabled(apic),
	};
	return snapshot;
}

/*
 * Replace the table with one for at least @nr_ids.  Each vCPU loads the address
 * of the new one before it enters the guest again.  The old one can be freed as
 * soon as no CPU is in guest mode with it anymore: the request waits for every
 * vCPU that is IN_GUEST_MODE.  A vCPU that is about to be finds the request, as
 * the request is set before vcpu->mode is read, and vcpu->mode is set before
 * the requests are read in vcpu_enter_guest(), with full barriers in between.
 *
 * A vCPU that is being created and can't be found yet doesn't get the request.
 * It has got one of its own, see init_vmcs(), takes apic_map_lock on its behalf
 * and thus sees the new table.
 */
static void ipiv_grow(struct kvm *kvm, u32 nr_ids)
{
	struct ipiv_table *table = kvm_ipiv_table(kvm);
	struct ipiv_table old = *table, new;

	if (ipiv_alloc_table(&new, nr_ids)) {
		kvm->stat.ipiv_alloc_failed++;
		return;
	}

	ipiv_table_copy(&new, &old);
	*table = new;
	kvm->stat.ipiv_table_ids = new.nr_ids;

	kvm_make_all_cpus_request(kvm, KVM_REQ_IPIV_RELOAD);
	ipiv_free_table(&old);
}

void vmx_ipiv_update(struct kvm *kvm)
{
	struct ipiv_table *table = kvm_ipiv_table(kvm);
	struct ipiv_claims claims = {};
	struct kvm_vcpu *vcpu;
	struct ipiv_apic *apic;
	u32 nr_ids = 0;
	unsigned long i;

	lockdep_assert_held(&kvm->arch.apic_map_lock);

	if (!table->entries)
		return;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		apic = ipiv_snapshot(vcpu);
		ipiv_claim(&claims, apic);
		nr_ids = max(nr_ids, ipiv_nr_ids(apic));
	}

	if (nr_ids > table->nr_ids)
		ipiv_grow(kvm, nr_ids);

	ipiv_clear_stale(table, &claims);

	kvm_for_each_vcpu(i, vcpu, kvm)
		ipiv_write_apic(table, &claims, &to_vmx(vcpu)->ipiv_apic);
}

void vmx_ipiv_reload(struct kvm_vcpu *vcpu)
{
	struct ipiv_table *table = kvm_ipiv_table(vcpu->kvm);

	/* vmcs02 doesn't use IPI virtualization, L2's ICR is L1's business. */
	if (is_guest_mode(vcpu)) {
		to_vmx(vcpu)->nested.reload_vmcs01_ipiv = true;
		return;
	}

	mutex_lock(&vcpu->kvm->arch.apic_map_lock);
	/* A vCPU that runs for the first time is a sender in xAPIC mode. */
	vmx_ipiv_update(vcpu->kvm);
	vmcs_write64(PID_POINTER_TABLE, __pa(table->entries));
	vmcs_write16(LAST_PID_POINTER_INDEX, table->nr_ids - 1);
	mutex_unlock(&vcpu->kvm->arch.apic_map_lock);
}
