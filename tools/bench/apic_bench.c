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
#include "processor.h"
#include "test_util.h"

#define NR_READS	1000
#define NR_TOGGLES	20
#define MAX_VCPUS	33

static volatile uint64_t ticks;

static void guest_code(void)
{
	uint64_t start;
	int i;

	xapic_enable();
	for (;;) {
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

/* One inhibit and one activation, with the page accessed in between, so that there is something to zap each time, or not. */
static uint64_t toggle_ticks(struct kvm_vm *vm, struct kvm_vcpu *inhibitor, bool access)
{
	uint64_t start, sum = 0;
	int i;

	for (i = 0; i < NR_TOGGLES; i++) {
		start = rdtsc();
		apicv_inhibit(inhibitor, true);
		sum += rdtsc() - start;
		if (access)
			read_ticks(vm);
		start = rdtsc();
		apicv_inhibit(inhibitor, false);
		sum += rdtsc() - start;
		if (access)
			read_ticks(vm);
	}
	return sum / NR_TOGGLES;
}

static void bench(int n)
{
	struct kvm_vm *vm = vm_create(n + 1);
	int i;

	for (i = 0; i <= n; i++)
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);

	read_ticks(vm);
	if (n == 1) {
		printf("bench: read-active %lu\n", read_ticks(vm) / NR_READS);
		apicv_inhibit(vcpus[n], true);
		read_ticks(vm);
		printf("bench: read-inhibited %lu\n", read_ticks(vm) / NR_READS);
		apicv_inhibit(vcpus[n], false);
	}

	printf("bench: toggle-mapped-%d-vcpus %lu\n", n, toggle_ticks(vm, vcpus[n], true));
	apicv_inhibit(vcpus[n], true);
	apicv_inhibit(vcpus[n], false);
	printf("bench: toggle-empty-%d-vcpus %lu\n", n, toggle_ticks(vm, vcpus[n], false));
	kvm_vm_free(vm);
}

int main(void)
{
	bench(1);
	bench(8);
	bench(32);
	return 0;
}
