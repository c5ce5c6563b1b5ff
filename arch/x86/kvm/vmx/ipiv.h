/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_VMX_IPIV_H
#define __KVM_X86_VMX_IPIV_H

#include "ipiv_table.h"

struct kvm;
struct kvm_vcpu;

/*
 * The table of IPI virtualization, a.k.a. PID-pointer table, one per VM.  The
 * CPU uses the destination of an IPI as the index into the table, and finds
 * there the physical address of the target's posted-interrupt descriptor.  If
 * the index is out of range, or if the entry isn't valid, then the write to the
 * ICR exits and KVM delivers the IPI.
 *
 * "PID" is avoided in names, as it means process ID everywhere else.
 *
 * The table is protected by kvm->arch.apic_map_lock.  Only CPUs in guest mode
 * use it without the lock.  It's NULL if IPI virtualization isn't used.
 *
 * Entries point only to vCPUs that can be found with kvm_for_each_vcpu(), which
 * are freed only after the table.
 */
struct kvm_vmx_ipiv {
	struct ipiv_table table;
};

/*
 * Allocate the table of @kvm if IPI virtualization can be used and there is no
 * table yet.  Must be called with kvm->lock held and before the first vCPU is
 * created.  Returns 0 or -ENOMEM.
 */
int vmx_ipiv_alloc(struct kvm *kvm);

/*
 * Free the table of @kvm.  No vCPU of @kvm may run anymore, but vCPUs may be
 * freed later.
 */
void vmx_ipiv_free(struct kvm *kvm);

/*
 * Bring the table up to date with the IDs and modes of all local APICs, and
 * make it larger if need be.  Must be called with kvm->arch.apic_map_lock held,
 * after each change.  May sleep.
 *
 * If there is no memory for a larger table then IPIs to the IDs beyond its end
 * keep exiting, and the VM's stat ipiv_alloc_failed is incremented.
 */
void vmx_ipiv_update(struct kvm *kvm);

/*
 * Write the table's address and size to the VMCS of @vcpu, which is loaded, or
 * defer it if that's vmcs02.  Called for KVM_REQ_IPIV_RELOAD.  May sleep.
 */
void vmx_ipiv_reload(struct kvm_vcpu *vcpu);

#endif /* __KVM_X86_VMX_IPIV_H */
