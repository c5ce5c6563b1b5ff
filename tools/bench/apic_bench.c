// SPDX-License-Identifier: GPL-2.0-only
/*
 * What APIC accesses cost while APICv is inhibited, and what it costs to inhibit APICv and to activate it again, in
 * instructions, as "bench: NAME VALUE": on Bochs, one tick of the TSC is one instruction of a CPU. The exit is included.
 *
 * Built and run by tools/bench/run; a KVM selftest in all but the Makefile's list.
 */
#include <stdio.h>
#include <stdlib.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_READS	50
#define NR_BATCHES	51
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

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Not the mean: some meet an interrupt of the host. */
static uint64_t median(uint64_t *ticks, int n)
{
	qsort(ticks, n, sizeof(*ticks), compare);
	return ticks[n / 2];
}

static uint64_t one_read(struct kvm_vm *vm)
{
	uint64_t batch[NR_BATCHES];
	int i;

	for (i = 0; i < NR_BATCHES; i++)
		batch[i] = read_ticks(vm) / NR_READS;
	return median(batch, NR_BATCHES);
}

/* One inhibit and one activation, with the page accessed in between, so that there is something to zap each time, or not. */
static void toggle(const char *name, int n, struct kvm_vm *vm, struct kvm_vcpu *inhibitor, bool access)
{
	uint64_t start, on[NR_TOGGLES], off[NR_TOGGLES];
	int i;

	for (i = 0; i < NR_TOGGLES; i++) {
		start = rdtsc();
		apicv_inhibit(inhibitor, true);
		on[i] = rdtsc() - start;
		if (access)
			read_ticks(vm);
		start = rdtsc();
		apicv_inhibit(inhibitor, false);
		off[i] = rdtsc() - start;
		if (access)
			read_ticks(vm);
	}
	printf("bench: toggle-%s-%d-vcpus %lu\n", name, n, median(on, NR_TOGGLES) + median(off, NR_TOGGLES));
	/* From which tools/bench/run computes what the zap costs. */
	if (!access) {
		printf("bench: part-on-%d %lu\n", n, median(on, NR_TOGGLES));
		printf("bench: part-off-%d %lu\n", n, median(off, NR_TOGGLES));
	}
}

/* A stat that the base doesn't have is no figure of the base. */
static void count_zapped(struct kvm_vm *vm, struct kvm_vcpu *inhibitor, int n)
{
	uint64_t before = -1ul, after;

	__vm_get_stat(vm, "apic_access_zapped", &before, 1);
	if (before == -1ul)
		return;
	read_ticks(vm);
	apicv_inhibit(inhibitor, true);
	after = vm_get_stat(vm, "apic_access_zapped");
	apicv_inhibit(inhibitor, false);
	printf("bench: inhibit-zapped-sptes-%d-vcpus %lu\n", n, after - before);
	read_ticks(vm);
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
		printf("bench: read-active %lu\n", one_read(vm));
		apicv_inhibit(vcpus[n], true);
		read_ticks(vm);
		printf("bench: read-inhibited %lu\n", one_read(vm));
		apicv_inhibit(vcpus[n], false);
	}

	count_zapped(vm, vcpus[n], n);
	toggle("mapped", n, vm, vcpus[n], true);
	apicv_inhibit(vcpus[n], true);
	apicv_inhibit(vcpus[n], false);
	toggle("empty", n, vm, vcpus[n], false);
	kvm_vm_free(vm);
}

int main(void)
{
	bench(1);
	bench(8);
	bench(32);
	return 0;
}
