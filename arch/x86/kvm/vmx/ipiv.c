// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_host.h>

#include "ipiv.h"
#include "irq.h"
#include "lapic.h"
#include "vmx.h"

static int ipiv_table_order(struct kvm *kvm)
{
	return get_order(kvm->arch.max_vcpu_ids * sizeof(*to_kvm_vmx(kvm)->ipiv_table));
}

int vmx_ipiv_alloc(struct kvm *kvm)
{
	struct kvm_vmx *kvm_vmx = to_kvm_vmx(kvm);
	struct page *pages;

	lockdep_assert_held(&kvm->lock);

	if (!irqchip_in_kernel(kvm) || !enable_ipiv)
		return 0;

	if (kvm_vmx->ipiv_table)
		return 0;

	pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, ipiv_table_order(kvm));
	if (!pages)
		return -ENOMEM;

	kvm_vmx->ipiv_table = page_address(pages);
	return 0;
}

void vmx_ipiv_free(struct kvm *kvm)
{
	struct kvm_vmx *kvm_vmx = to_kvm_vmx(kvm);

	free_pages((unsigned long)kvm_vmx->ipiv_table, ipiv_table_order(kvm));

	/* vCPUs are freed only after this, see vmx_ipiv_retract(). */
	kvm_vmx->ipiv_table = NULL;
}

void vmx_ipiv_publish(struct kvm_vcpu *vcpu)
{
	if (!vmx_can_use_ipiv(vcpu))
		return;

	WRITE_ONCE(to_kvm_vmx(vcpu->kvm)->ipiv_table[vcpu->vcpu_id],
		   __pa(&to_vmx(vcpu)->pi_desc) | IPIV_ENTRY_VALID);
}

void vmx_ipiv_retract(struct kvm_vcpu *vcpu)
{
	struct kvm_vmx *kvm_vmx = to_kvm_vmx(vcpu->kvm);

	if (!vmx_can_use_ipiv(vcpu) || !kvm_vmx->ipiv_table)
		return;

	WRITE_ONCE(kvm_vmx->ipiv_table[vcpu->vcpu_id], 0);

	/*
	 * A CPU that is in the middle of an IPI may have read the entry already
	 * and go on to write to the descriptor, which is about to be freed.
	 * The instruction is over once the CPU has left the guest.  The request
	 * reads vcpu->mode with a full barrier, pairs with the one between
	 * vcpu->mode = IN_GUEST_MODE and VM-Entry in vcpu_enter_guest(): either
	 * the vCPU is waited for, or the guest sees the cleared entry.
	 */
	kvm_make_all_cpus_request(vcpu->kvm, KVM_REQ_OUTSIDE_GUEST_MODE);
}

void vmx_ipiv_write_vmcs(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	if (!vmx_can_use_ipiv(vcpu))
		return;

	vmcs_write64(PID_POINTER_TABLE, __pa(to_kvm_vmx(kvm)->ipiv_table));
	vmcs_write16(LAST_PID_POINTER_INDEX, kvm->arch.max_vcpu_ids - 1);
}
