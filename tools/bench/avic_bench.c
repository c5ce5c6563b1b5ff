// SPDX-License-Identifier: GPL-2.0-only
/*
 * What interrupts through the PIC and IPIs cost with AVIC, in instructions, exits and changes of inhibits, as "bench: NAME
 * VALUE": on Bochs, one tick of the TSC is one instruction of a CPU. The exits are included.
 *
 * Built and run by tools/bench/run; a KVM selftest in all but the Makefile's list.
 */
#include <stdio.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_EXTINTS	1000
#define NR_MOVES	100
#define MAX_VCPUS	16
#define PIN		3
#define PIC_VECTORS	0x40
#define APIC_LVT0	0x350
#define LVT_MASKED	(1u << 16)

static volatile uint64_t nr_extints, ticks;

static void outb(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "d"(port));
}

static void handler(struct ex_regs *regs)
{
	nr_extints++;
	outb(0x20, 0x20);
}

static void guest_code(bool first)
{
	uint64_t start;

	xapic_enable();
	if (first) {
		outb(0x20, 0x11);
		outb(0x21, PIC_VECTORS);
		outb(0x21, 0x04);
		outb(0x21, 0x01);
		outb(0x21, (uint8_t)~(1u << PIN));
	}
	xapic_write_reg(APIC_LVT0, LVT_MASKED);
	GUEST_SYNC(0);

	for (;;) {
		uint64_t expected = nr_extints + 1;

		xapic_write_reg(APIC_LVT0, APIC_DM_EXTINT);
		GUEST_SYNC(0);
		start = rdtsc();
		asm volatile("sti");
		while (nr_extints != expected)
			cpu_relax();
		asm volatile("cli");
		ticks += rdtsc() - start;
		xapic_write_reg(APIC_LVT0, LVT_MASKED);
		GUEST_SYNC(0);
	}
}

static void run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
}

static void extints(int nr_vcpus)
{
	struct kvm_vm *vm = vm_create(nr_vcpus);
	struct kvm_vcpu *vcpus[MAX_VCPUS];
	uint64_t start;
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);
		vcpu_args_set(vcpus[i], 1, i == 0);
	}
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	for (i = 0; i < nr_vcpus; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	vm_install_exception_handler(vm, PIC_VECTORS + PIN, handler);
	for (i = 0; i < nr_vcpus; i++)
		run(vcpus[i]);

	apicv_trace_start();
	start = rdtsc();
	for (i = 0; i < NR_EXTINTS; i++) {
		run(vcpus[i % nr_vcpus]);
		kvm_irq_line(vm, PIN, 1);
		kvm_irq_line(vm, PIN, 0);
		run(vcpus[i % nr_vcpus]);
	}
	start = rdtsc() - start;
	printf("bench: extint-%d-vcpus-inhibit-changes %u\n", nr_vcpus, apicv_trace_stop());
	printf("bench: extint-%d-vcpus %lu\n", nr_vcpus, start / NR_EXTINTS);
	printf("bench: extint-%d-vcpus-guest %lu\n", nr_vcpus,
	       *(uint64_t *)addr_gva2hva(vm, (vm_vaddr_t)&ticks) / NR_EXTINTS);
	kvm_vm_free(vm);
}

/* Restore the IDs of all vCPUs one by one, swapped, so that several reasons come and go. */
static void set_id(struct kvm_vcpu *vcpu, uint32_t id)
{
	struct kvm_lapic_state lapic;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &lapic);
	*(uint32_t *)(lapic.regs + APIC_ID) = id << 24;
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
}

static void recalculations(void)
{
	struct kvm_vm *vm = vm_create(2);
	struct kvm_vcpu *vcpus[2];
	uint64_t start;
	int i;

	for (i = 0; i < 2; i++)
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);

	apicv_trace_start();
	start = rdtsc();
	for (i = 0; i < NR_MOVES; i++) {
		set_id(vcpus[1], 0);
		set_id(vcpus[1], 1);
	}
	start = rdtsc() - start;
	printf("bench: change-id-inhibit-changes %u\n", apicv_trace_stop());
	printf("bench: change-id-and-back %lu\n", start / NR_MOVES);
	kvm_vm_free(vm);
}

int main(void)
{
	extints(1);
	extints(16);
	recalculations();
	return 0;
}
