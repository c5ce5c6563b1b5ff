// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that vCPUs that wait with an ExtINT each for the guest to enable interrupts
 * all get it, no matter who is first.  On SVM, a vCPU that waits inhibits AVIC,
 * and AVIC must not come back, or must go once more, for those that still wait.
 */
#define _GNU_SOURCE /* for program_invocation_name */
#include <errno.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_VCPUS	3
#define NR_ROUNDS	4
#define VECTOR		0x40
#define APIC_LVT0	0x350

/* Ticks of the TSC within which an interrupt has to arrive: a cap, no delay. */
#define PATIENCE	500000000ull

static volatile uint64_t received[NR_VCPUS];

static void handler(struct ex_regs *regs)
{
	received[xapic_read_reg(APIC_ID) >> 24]++;
}

static void guest_code(int id)
{
	uint64_t start, want;

	xapic_enable();
	xapic_write_reg(APIC_LVT0, APIC_DM_EXTINT);

	for (want = 1; ; want++) {
		/* User space queues an interrupt, ... */
		GUEST_SYNC(0);
		/* ... which this vCPU waits for, as do the others, ... */
		GUEST_SYNC(1);
		/* ... and gets when it's its turn, whatever the TPR. */
		asm volatile("mov %0, %%cr8" : : "r" (want & 1 ? 15ul : 0));
		asm volatile("sti");
		start = rdtsc();
		while (received[id] < want && rdtsc() - start < PATIENCE)
			cpu_relax();
		asm volatile("cli");
		GUEST_ASSERT_2(received[id] == want, received[id], want);
		GUEST_SYNC(2);
	}
}

static struct kvm_vm *create(struct kvm_vcpu **vcpus)
{
	struct kvm_vm *vm = ____vm_create(VM_MODE_DEFAULT, 1024);
	int i;

	kvm_vm_elf_load(vm, program_invocation_name);
	vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24);
	vm->has_irqchip = true;
	for (i = 0; i < NR_VCPUS; i++) {
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);
		vcpu_args_set(vcpus[i], 1, i);
	}
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	vm_install_exception_handler(vm, VECTOR, handler);
	return vm;
}

/* Run @vcpu until it says @stage, and return false if it lost an interrupt. */
static bool run_until(struct kvm_vcpu *vcpu, uint64_t stage)
{
	struct ucall uc;

	do {
		vcpu_run(vcpu);
		if (get_ucall(vcpu, &uc) == UCALL_ABORT)
			return false;
		TEST_ASSERT(uc.cmd == UCALL_SYNC, "Unexpected ucall %lu", uc.cmd);
	} while (uc.args[1] != stage);
	return true;
}

/* Let @first, and then the others, enable interrupts.  Return how many are lost. */
static int run_round(struct kvm_vcpu **vcpus, int first)
{
	struct kvm_interrupt irq = { .irq = VECTOR };
	int i, lost = 0;

	for (i = 0; i < NR_VCPUS; i++) {
		run_until(vcpus[i], 0);
		vcpu_ioctl(vcpus[i], KVM_INTERRUPT, &irq);
	}
	for (i = 0; i < NR_VCPUS; i++)
		run_until(vcpus[i], 1);
	for (i = 0; i < NR_VCPUS; i++)
		lost += !run_until(vcpus[(first + i) % NR_VCPUS], 2);
	pr_info("# vCPU %d first: %d of %d arrived\n", first, NR_VCPUS - lost, NR_VCPUS);
	return lost;
}

int main(void)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_vm *vm;
	int i, lost = 0;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_IRQCHIP));
	pr_info("# APICv is %sused\n", kvm_has_apicv() ? "" : "not ");

	vm = create(vcpus);
	for (i = 0; i < NR_ROUNDS && !lost; i++)
		lost += run_round(vcpus, i % NR_VCPUS);
	kvm_vm_free(vm);
	TEST_ASSERT(!lost, "%d interrupts lost", lost);
	return 0;
}
