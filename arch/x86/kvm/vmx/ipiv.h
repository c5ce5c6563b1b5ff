/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_VMX_IPIV_H
#define __KVM_X86_VMX_IPIV_H

#include <linux/types.h>

struct kvm;
struct kvm_apic_map;
struct kvm_vcpu;

/*
 * The table of IPI virtualization, a.k.a. PID-pointer table, one per VM.  The
 * CPU uses the physical destination of an IPI as the index into the table, and
 * finds there the physical address of the target's posted-interrupt descriptor.
 * If the index is out of range, or if the entry isn't valid, then the write to
 * the ICR exits and KVM delivers the IPI.
 *
 * "PID" is avoided in names, as it means process ID everywhere else.
 */
struct kvm_vmx_ipiv {
	/*
	 * Allocated before the first vCPU is created, NULL if IPI virtualization
	 * isn't used.  Entries are written with apic_map_lock held, CPUs in guest
	 * mode read them at any time.
	 */
	u64 *table;
	/*
	 * The number of entries.  Constant: IPIs to larger IDs exit, which is
	 * slower and right.
	 */
	u32 nr_ids;
	/* Entries from here on aren't valid.  Protected by apic_map_lock. */
	u32 nr_used;
};

/*
 * Allocate the table of @kvm if IPI virtualization can be used and there is no
 * table yet: one page, i.e. 512 IDs, or as much as userspace has declared to need
 * with KVM_CAP_MAX_VCPU_ID, in which case kvm->arch.max_vcpu_ids isn't 0.  Called
 * with kvm->lock held before a vCPU is created.  May sleep.  Returns 0 or -ENOMEM.
 */
int vmx_ipiv_alloc(struct kvm *kvm);

/* Free the table of @kvm.  No vCPU of @kvm may run anymore.  Needs no lock. */
void vmx_ipiv_free(struct kvm *kvm);

/*
 * Bring the table up to date with the APIC map, which is @map, or NULL if there is
 * no memory for one.  Called with kvm->arch.apic_map_lock held.
 *
 * The entry of an ID is valid if the ID has one and only one owner, and that one
 * accepts interrupts.  Everything else is for KVM to deliver.
 *
 * vCPUs that are in the map are freed only after the table.
 */
void vmx_apic_map_changed(struct kvm *kvm, struct kvm_apic_map *map);

/*
 * Write the table's address and size to the current VMCS, that of @vcpu.  Called
 * by the task that has loaded @vcpu, needs no lock.
 */
void vmx_ipiv_write_vmcs(struct kvm_vcpu *vcpu);

#endif /* __KVM_X86_VMX_IPIV_H */
