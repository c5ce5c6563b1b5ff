// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs N vCPUs to program their MTRRs as Linux does at boot, in a VM with non-coherent DMA: all touch the same
 * pages, meet, program all MTRRs (CD=1, WBINVD, disable, write, enable, CD=0), touch again. Prints the EPT faults
 * that KVM fixed, for each N, as "bench: NAME VALUE". Without any zap it is one pass over the pages, with one zap two.
 *
 * Built and run by tools/bench/run; a KVM selftest in all but the Makefile's list.
 */
#include <pthread.h>
#include <stdio.h>

#include "kvm_util.h"
#include "noncoherent_dma.h"
#include "processor.h"
#include "test_util.h"

#define NR_PAGES	2048
#define MEM_SLOT	10
#define MEM_GPA		(1ULL << 30)
#define MAX_VCPUS	8

#define MTRR_FIX64K	0x250
#define MTRR_FIX16K	0x258
#define MTRR_FIX4K	0x268
#define MTRR_DEF_TYPE	0x2ff
#define DEF_TYPE_E	(BIT(11) | BIT(10))
#define TYPES(t)	((t) * 0x0101010101010101ull)
#define CR0_CD		BIT(30)

static pthread_barrier_t barrier;
static uint64_t mask_2g;

static void touch_all(void)
{
	uint64_t gva;

	for (gva = MEM_GPA; gva < MEM_GPA + NR_PAGES * 4096ull; gva += 4096)
		READ_ONCE(*(uint64_t *)gva);
}

static void set_cd(bool cd)
{
	uint64_t cr0 = get_cr0();

	cr0 = cd ? cr0 | CR0_CD : cr0 & ~CR0_CD;
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}

static void program_mtrrs(uint64_t mask)
{
	int i;

	set_cd(true);
	asm volatile("wbinvd" : : : "memory");
	wrmsr(MTRR_DEF_TYPE, 6);

	wrmsr(MTRR_FIX64K, TYPES(6));
	wrmsr(MTRR_FIX16K, TYPES(6));
	wrmsr(MTRR_FIX16K + 1, TYPES(0));
	for (i = 0; i < 8; i++)
		wrmsr(MTRR_FIX4K + i, TYPES(5));
	wrmsr(0x200, 0x80000000ull);		/* 2 GiB to 4 GiB: UC */
	wrmsr(0x201, mask | BIT(11));
	wrmsr(0x202, 0x800000000ull);		/* 32 GiB to 34 GiB: UC */
	wrmsr(0x203, mask | BIT(11));

	wrmsr(MTRR_DEF_TYPE, DEF_TYPE_E | 6);
	asm volatile("wbinvd" : : : "memory");
	set_cd(false);
}

static void guest_code(uint64_t mask)
{
	touch_all();
	GUEST_SYNC(1);
	program_mtrrs(mask);
	touch_all();
	GUEST_DONE();
}

static void *run(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct ucall uc;

	for (;;) {
		vcpu_run(vcpu);
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
			pthread_barrier_wait(&barrier);
			break;
		case UCALL_DONE:
			return NULL;
		default:
			TEST_FAIL("Unexpected exit, reason %u", vcpu->run->exit_reason);
		}
	}
}

static void measure(struct noncoherent_dma *dma, int nr_vcpus)
{
	struct kvm_vcpu *vcpus[MAX_VCPUS];
	pthread_t threads[MAX_VCPUS];
	uint64_t faults = 0;
	struct kvm_vm *vm;
	int i;

	vm = vm_create_with_vcpus(nr_vcpus, guest_code, vcpus);
	mask_2g = GENMASK_ULL(vm->pa_bits - 1, 31);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, MEM_GPA, MEM_SLOT, NR_PAGES, 0);
	virt_map(vm, MEM_GPA, MEM_GPA, NR_PAGES);
	noncoherent_dma_start(dma, vm);
	pthread_barrier_init(&barrier, NULL, nr_vcpus);

	for (i = 0; i < nr_vcpus; i++) {
		vcpu_args_set(vcpus[i], 1, mask_2g);
		pthread_create(&threads[i], NULL, run, vcpus[i]);
	}
	for (i = 0; i < nr_vcpus; i++) {
		pthread_join(threads[i], NULL);
		faults += vcpu_get_stat(vcpus[i], "pf_fixed");
	}
	printf("bench: faults-%d-vcpus %lu\n", nr_vcpus, faults);

	noncoherent_dma_stop(dma);
	pthread_barrier_destroy(&barrier);
	kvm_vm_free(vm);
}

int main(void)
{
	struct noncoherent_dma *dma;
	int n;

	setbuf(stdout, NULL);
	TEST_REQUIRE(kvm_is_tdp_enabled());
	dma = noncoherent_dma_open();
	for (n = 1; n <= MAX_VCPUS; n *= 2)
		measure(dma, n);
	noncoherent_dma_close(dma);
	return 0;
}
