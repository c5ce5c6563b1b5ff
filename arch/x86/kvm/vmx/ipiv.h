/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_VMX_IPIV_H
#define __KVM_X86_VMX_IPIV_H

#include <linux/types.h>

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
 */
#define IPIV_ENTRY_VALID	BIT_ULL(0)

/*
 * Allocate the table of @kvm if IPI virtualization can be used and there is no
 * table yet.  Must be called with kvm->lock held.  Returns 0 or -ENOMEM.
 */
int vmx_ipiv_alloc(struct kvm *kvm);

/*
 * Free the table of @kvm.  No vCPU of @kvm may run anymore, but vCPUs may be
 * freed later.
 */
void vmx_ipiv_free(struct kvm *kvm);

/* Make the descriptor of @vcpu the target of IPIs to its APIC ID. */
void vmx_ipiv_publish(struct kvm_vcpu *vcpu);

/*
 * Make IPIs to @vcpu's APIC ID exit.  When this returns no CPU uses the
 * descriptor of @vcpu anymore, i.e. @vcpu can be freed.  Does nothing if the
 * table is gone already, i.e. when the VM is being destroyed.  May sleep.
 */
void vmx_ipiv_retract(struct kvm_vcpu *vcpu);

/* Write the table's address and size to the current VMCS, that of @vcpu. */
void vmx_ipiv_write_vmcs(struct kvm_vcpu *vcpu);

#endif /* __KVM_X86_VMX_IPIV_H */
