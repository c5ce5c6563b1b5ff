/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ASM_X86_KVM_APICV_H
#define _ASM_X86_KVM_APICV_H

/**
 * enum kvm_apicv_inhibit - Reasons not to use APICv or AVIC
 *
 * Each has three sentences: what it is, who sets it, how to avoid it.
 *
 * @APICV_INHIBIT_REASON_DISABLE:
 *	APIC virtualization is off on this host.
 *	Set by a module parameter, or because the CPU doesn't have it.
 *	Load kvm_intel with enable_apicv=1 or kvm_amd with avic=1.
 * @APICV_INHIBIT_REASON_HYPERV:
 *	The guest uses AutoEOI of Hyper-V's SynIC.
 *	Set by a guest's write to an SINT MSR.
 *	Tell the guest that AutoEOI is deprecated, by way of CPUID (QEMU: hv-avic).
 * @APICV_INHIBIT_REASON_ABSENT:
 *	The VM has no local APIC in the kernel.
 *	Set until a VMM creates the irqchip.
 *	Use KVM_CREATE_IRQCHIP or KVM_CAP_SPLIT_IRQCHIP (QEMU: kernel-irqchip=on).
 * @APICV_INHIBIT_REASON_BLOCKIRQ:
 *	A debugger keeps interrupts away from a vCPU.
 *	Set by KVM_SET_GUEST_DEBUG with KVM_GUESTDBG_BLOCKIRQ.
 *	Don't single-step with interrupts blocked.
 * @APICV_INHIBIT_REASON_APIC_ID_MODIFIED:
 *	An xAPIC ID isn't the ID of its vCPU.
 *	Set by a guest's write to the ID register, or by KVM_SET_LAPIC.
 *	Write the ID back.
 * @APICV_INHIBIT_REASON_APIC_BASE_MODIFIED:
 *	An enabled APIC isn't at its default base.
 *	Set by a guest's or a VMM's write to IA32_APICBASE.
 *	Move it back.
 * @APICV_INHIBIT_REASON_NESTED:
 *	A vCPU runs a nested guest: peers can't signal it by way of a doorbell.
 *	Set for that vCPU alone, by its VMRUN.
 *	None, it's gone as soon as the nested guest exits.
 * @APICV_INHIBIT_REASON_IRQWIN:
 *	A vCPU waits until it can take an ExtINT, which AVIC can't virtualize.
 *	Set by interrupts that come through the PIC while interrupts are disabled.
 *	Use the APIC and the I/O APIC; it's gone after the next few interrupts of these.
 * @APICV_INHIBIT_REASON_PIT_REINJ:
 *	The PIT owes ticks, and has to see when the guest is ready for the next.
 *	Set while a guest that uses the PIT is too slow to take its interrupts.
 *	Use another timer in the guest, or KVM_REINJECT_CONTROL.
 * @APICV_INHIBIT_REASON_SEV:
 *	The guest's memory is encrypted.
 *	Set by KVM_SEV_INIT and KVM_SEV_ES_INIT.
 *	None.
 * @APICV_INHIBIT_REASON_PHYSICAL_ID_TOO_BIG:
 *	An APIC has an ID that AVIC can't address.
 *	Set by a vCPU ID above 511, or 254 while an APIC is in xAPIC mode.
 *	Use fewer vCPUs and x2APIC mode, on a CPU that has x2AVIC.
 * @NR_APICV_INHIBIT_REASONS: The number of reasons.
 *
 * The numbers are seen in traces, i.e. have to stay what they are.
 */
enum kvm_apicv_inhibit {
	/* Of APICv and AVIC: see the vendor modules for which they know. */
	APICV_INHIBIT_REASON_DISABLE,
	APICV_INHIBIT_REASON_HYPERV,
	APICV_INHIBIT_REASON_ABSENT,
	APICV_INHIBIT_REASON_BLOCKIRQ,
	APICV_INHIBIT_REASON_APIC_ID_MODIFIED,
	APICV_INHIBIT_REASON_APIC_BASE_MODIFIED,

	/* Of AVIC only. */
	APICV_INHIBIT_REASON_NESTED,
	APICV_INHIBIT_REASON_IRQWIN,
	APICV_INHIBIT_REASON_PIT_REINJ,
	APICV_INHIBIT_REASON_SEV,
	APICV_INHIBIT_REASON_PHYSICAL_ID_TOO_BIG,

	NR_APICV_INHIBIT_REASONS
};

#endif /* _ASM_X86_KVM_APICV_H */
