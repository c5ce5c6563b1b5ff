// SPDX-License-Identifier: GPL-2.0-only
/*
 * What APIC accesses cost while APICv is inhibited, and what it costs to inhibit APICv and to activate it again, in
 * instructions, as "bench: NAME VALUE": on Bochs, one tick of the TSC is one instruction of a CPU. The exit is included.
 *
 * Built and run by tools/bench/run; a KVM selftest in all but the Makefile's list.
 */
#include <stdio.h>

#include "apicv.h"
#include "kvm_util.h"
#include "median.h"
#include "processor.h"
#include "test_util.h"

#define NR_READS	50
#define NR_BATCHES	51
#define NR_TOGGLES	20
#define VECTOR		0x40
#define RELOCATED_GPA	(APIC_DEFAULT_GPA + 0x100000)
#define MAX_VCPUS	33

static volatile uint64_t ticks, interrupts;
static volatile bool take_interrupt;

static void handler(struct ex_regs *regs)
{
	interrupts++;
	xapic_write_reg(APIC_EOI, 0);
}

static void guest_code(void)
{
	uint64_t start;
	int i;

	xapic_enable();
	for (;;) {
		if (take_interrupt) {
			xapic_write_reg(APIC_ICR, APIC_DEST_SELF | VECTOR);
			asm volatile("sti; nop; cli");
			GUEST_ASSERT(interrupts);
			take_interrupt = false;
		}
		start = rdtsc();
		for (i = 0; i < NR_READS; i++)
			xapic_read_reg(APIC_TASKPRI);
		ticks = rdtsc() - start;
		GUEST_SYNC(0);
	}
}

static struct kvm_vcpu *vcpus[MAX_VCPUS];

static uint64_t read_ticks(struct kvm_vm *vm)
{
	struct ucall uc;

	vcpu_run(vcpus[0]);
	ASSERT_EQ(get_ucall(vcpus[0], &uc), UCALL_SYNC);
	return *(uint64_t *)addr_gva2hva(vm, (vm_vaddr_t)&ticks);
}

static uint64_t one_read(struct kvm_vm *vm)
{
	uint64_t batch[NR_BATCHES];
	int i;

	for (i = 0; i < NR_BATCHES; i++)
		batch[i] = read_ticks(vm) / NR_READS;
	return median(batch, NR_BATCHES);
}

/* What it costs to inhibit APICv, and to activate it again. With @access, so that there is something to zap each time. */
static void toggle(struct kvm_vm *vm, struct kvm_vcpu *inhibitor, bool access, uint64_t *on, uint64_t *off)
{
	uint64_t start, to_inhibit[NR_TOGGLES], to_activate[NR_TOGGLES];
	int i;

	for (i = 0; i < NR_TOGGLES; i++) {
		start = rdtsc();
		apicv_inhibit(inhibitor, true);
		to_inhibit[i] = rdtsc() - start;
		if (access)
			read_ticks(vm);
		start = rdtsc();
		apicv_inhibit(inhibitor, false);
		to_activate[i] = rdtsc() - start;
		if (access)
			read_ticks(vm);
	}
	*on = median(to_inhibit, NR_TOGGLES);
	*off = median(to_activate, NR_TOGGLES);
}

/* part-...: tools/bench/run computes from them what the zap costs if there is nothing to zap. */
static void bench_toggles(struct kvm_vm *vm, struct kvm_vcpu *inhibitor, int n)
{
	uint64_t on, off;

	toggle(vm, inhibitor, true, &on, &off);
	printf("bench: toggle-mapped-%d-vcpus %lu\n", n, on + off);

	apicv_inhibit(inhibitor, true);
	apicv_inhibit(inhibitor, false);
	toggle(vm, inhibitor, false, &on, &off);
	printf("bench: toggle-empty-%d-vcpus %lu\n", n, on + off);
	printf("bench: part-on-%d %lu\n", n, on);
	printf("bench: part-off-%d %lu\n", n, off);

	/* The same as the second reason, with which there is neither a zap nor a request. The base never drops the first. */
	vcpu_set_apic_base(inhibitor, RELOCATED_GPA | MSR_IA32_APICBASE_ENABLE);
	toggle(vm, inhibitor, false, &on, &off);
	printf("bench: part-second-on-%d %lu\n", n, on);
	printf("bench: part-second-off-%d %lu\n", n, off);
}

/*
 * KVM searches the IRR at each entry from the inhibition of APICv to the first interrupt that it injects. Guests
 * have a timer: what counts is what comes after that.
 */
static void bench_reads(struct kvm_vm *vm, struct kvm_vcpu *inhibitor)
{
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpus[0]);
	vm_install_exception_handler(vm, VECTOR, handler);

	printf("bench: read-active %lu\n", one_read(vm));
	apicv_inhibit(inhibitor, true);
	read_ticks(vm);
	printf("bench: read-inhibited-no-interrupt-yet %lu\n", one_read(vm));
	*(bool *)addr_gva2hva(vm, (vm_vaddr_t)&take_interrupt) = true;
	read_ticks(vm);
	printf("bench: read-inhibited %lu\n", one_read(vm));
	apicv_inhibit(inhibitor, false);
}

static void bench(int n)
{
	struct kvm_vm *vm = vm_create(n + 1);
	int i;

	for (i = 0; i <= n; i++)
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);

	read_ticks(vm);
	if (n == 1)
		bench_reads(vm, vcpus[n]);
	bench_toggles(vm, vcpus[n], n);
	kvm_vm_free(vm);
}

int main(void)
{
	bench(1);
	bench(8);
	bench(32);
	return 0;
}
