// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs N vCPUs to program their MTRRs as Linux does at boot, in a VM with non-coherent DMA: all touch the same
 * pages, meet, program all MTRRs (CD=1, WBINVD, disable, write, enable, CD=0), touch again. Then all meet and do it
 * once more, with the same MTRRs, as after kexec. Prints for each N, as "bench: NAME VALUE":
 *   faults-N   EPT faults that KVM fixed up to the end of the first round: one pass, and what was unmapped since
 *   ticks-N    the emulator's clock in the first round: with one CPU, and without idling, instructions
 *   zapping-N  CPU time of all vCPUs in which they program their MTRRs in the first round, beyond that of a VM without
 *              non-coherent DMA, in which nothing is zapped; in ticks, i.e. instructions. Spinning counts, sleeping
 *              doesn't, and neither does WBINVD, which exits only with non-coherent DMA and is measured by itself
 *   again-...  faults of the second round
 *   serial-..  the same with one vCPU after the other, each touching all pages before the next one programs its MTRRs
 *   fault-without-dma  ticks of an access that faults, in a VM without non-coherent DMA: the median of all pages
 *   zap-once   what zapping costs that is the limit: all pages, once, as non-coherent DMA stops
 *
 * Built and run by tools/bench/run; a KVM selftest in all but the Makefile's list.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kvm_util.h"
#include "median.h"
#include "noncoherent_dma.h"
#include "processor.h"
#include "test_util.h"

#define NR_PAGES	2048
#define MEM_SLOT	10
#define MEM_GPA		(1ULL << 30)
#define MAX_VCPUS	16

#define MTRR_FIX64K	0x250
#define MTRR_FIX16K	0x258
#define MTRR_FIX4K	0x268
#define MTRR_DEF_TYPE	0x2ff
#define DEF_TYPE_E	(BIT(11) | BIT(10))
#define TYPES(t)	((t) * 0x0101010101010101ull)
#define CR0_CD		BIT(30)

enum stage {
	STAGE_MEET,
	STAGE_PROGRAMMED,
	STAGE_WBINVD,
};

struct sample {
	uint64_t faults, ticks;
};

static pthread_barrier_t barrier;
static int arrived;
static uint64_t mask_2g;
static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[MAX_VCPUS];
static int nr_vcpus;
static bool serial;
static sem_t turns[MAX_VCPUS];
/* Before the first round, after it, after the second one. */
static struct sample samples[3];
/* CPU time of all vCPUs in program_mtrrs(), in ns, in each round. */
static uint64_t programming[2];
/* The same, for as many WBINVD as there are in a round. */
static uint64_t flushing;
/* Of the first access to each page. */
static uint64_t access_ticks[NR_PAGES];

/* Only without non-coherent DMA: whether the array is in memory that becomes WP, i.e. is zapped, is up to the linker. */
static void touch_all_timed(void)
{
	uint64_t start;
	int i;

	for (i = 0; i < NR_PAGES; i++) {
		start = rdtsc();
		READ_ONCE(*(uint64_t *)(MEM_GPA + i * 4096ull));
		access_ticks[i] = rdtsc() - start;
	}
}

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

static void guest_code(uint64_t mask, bool timed)
{
	int i;

	if (timed)
		touch_all_timed();
	else
		touch_all();
	for (i = 0; i < 2; i++) {
		GUEST_SYNC(STAGE_MEET);
		program_mtrrs(mask);
		GUEST_SYNC(STAGE_PROGRAMMED);
		touch_all();
	}
	GUEST_SYNC(STAGE_WBINVD);
	asm volatile("wbinvd; wbinvd" : : : "memory");
	GUEST_DONE();
}

static void sample_vm(struct sample *sample)
{
	sample->ticks = rdtsc();
}

/*
 * One meeting only, as at boot: with another one for the sake of the samples, all vCPUs would program their MTRRs before
 * any of them has touched much, and hardly hit each other. Who comes last looks at the VM before the others go on.
 */
static void meet(struct sample *sample, struct kvm_vcpu *vcpu)
{
	__atomic_fetch_add(&sample->faults, vcpu_get_stat(vcpu, "pf_fixed"), __ATOMIC_SEQ_CST);
	if (__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST) % nr_vcpus == 0)
		sample_vm(sample);
	pthread_barrier_wait(&barrier);
}

static void wait_for_turn(int i)
{
	if (serial && i)
		sem_wait(&turns[i]);
}

static void end_turn(int i)
{
	if (serial && i + 1 < nr_vcpus)
		sem_post(&turns[i + 1]);
}

static uint64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void *run(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct ucall uc;
	int round = -1;
	uint64_t start;

	for (;;) {
		start = cpu_time();
		vcpu_run(vcpu);
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
			if (uc.args[1] == STAGE_PROGRAMMED) {
				__atomic_fetch_add(&programming[round], cpu_time() - start, __ATOMIC_SEQ_CST);
				break;
			}
			if (round >= 0)
				end_turn(vcpu->id);
			if (uc.args[1] == STAGE_WBINVD)
				break;
			meet(&samples[++round], vcpu);
			wait_for_turn(vcpu->id);
			break;
		case UCALL_DONE:
			__atomic_fetch_add(&flushing, cpu_time() - start, __ATOMIC_SEQ_CST);
			return NULL;
		default:
			TEST_FAIL("Unexpected exit, reason %u", vcpu->run->exit_reason);
		}
	}
}

static uint64_t ns_to_ticks(uint64_t ns)
{
	return ns * ioctl(vcpus[0]->fd, KVM_GET_TSC_KHZ) / 1000000;
}

static void report(const char *prefix, const struct sample *from, const struct sample *to, uint64_t faults)
{
	const char *order = serial ? "serial-" : "";

	printf("bench: %s%sfaults-%d %lu\n", order, prefix, nr_vcpus, faults);
	if (!*prefix)
		printf("bench: %sticks-%d %lu\n", order, nr_vcpus, to->ticks - from->ticks);
}

static void make_vm(int n)
{
	nr_vcpus = n;
	memset(samples, 0, sizeof(samples));
	memset(programming, 0, sizeof(programming));
	flushing = 0;
	arrived = 0;
	vm = vm_create_with_vcpus(nr_vcpus, guest_code, vcpus);
	mask_2g = GENMASK_ULL(vm->pa_bits - 1, 31);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, MEM_GPA, MEM_SLOT, NR_PAGES, 0);
	virt_map(vm, MEM_GPA, MEM_GPA, NR_PAGES);
}

static void run_vm(bool timed)
{
	pthread_t threads[MAX_VCPUS];
	int i;

	pthread_barrier_init(&barrier, NULL, nr_vcpus);
	sample_vm(&samples[0]);
	for (i = 0; i < nr_vcpus; i++) {
		sem_init(&turns[i], 0, 0);
		vcpu_args_set(vcpus[i], 2, mask_2g, timed);
		pthread_create(&threads[i], NULL, run, vcpus[i]);
	}
	for (i = 0; i < nr_vcpus; i++)
		pthread_join(threads[i], NULL);
	sample_vm(&samples[2]);
	for (i = 0; i < nr_vcpus; i++)
		samples[2].faults += vcpu_get_stat(vcpus[i], "pf_fixed");
	pthread_barrier_destroy(&barrier);
}

/* CPU time of the end of non-coherent DMA, after the guest has run. */
static uint64_t stop_dma(struct noncoherent_dma *dma)
{
	uint64_t start = cpu_time();

	noncoherent_dma_stop(dma);
	return cpu_time() - start;
}

static void measure(struct noncoherent_dma *dma, int n)
{
	uint64_t mapped, empty;
	int64_t zapping;

	make_vm(n);
	run_vm(n == 1);
	zapping = flushing - programming[0];
	if (n == 1)
		printf("bench: fault-without-dma %lu\n",
		       median(addr_gva2hva(vm, (vm_vaddr_t)access_ticks), NR_PAGES));
	kvm_vm_free(vm);

	make_vm(n);
	noncoherent_dma_start(dma, vm);
	run_vm(false);
	report("", &samples[0], &samples[1], samples[1].faults);
	zapping += programming[0] - flushing;
	printf("bench: %szapping-%d %lu\n", serial ? "serial-" : "", n, zapping > 0 ? ns_to_ticks(zapping) : 0);
	report("again-", &samples[1], &samples[2], samples[2].faults - samples[1].faults);

	mapped = stop_dma(dma);
	if (n == 1) {
		/* Nothing is mapped any more. */
		noncoherent_dma_start(dma, vm);
		empty = stop_dma(dma);
		printf("bench: zap-once %lu\n", mapped > empty ? ns_to_ticks(mapped - empty) : 0);
	}
	kvm_vm_free(vm);
}

int main(void)
{
	struct noncoherent_dma *dma;
	int n;

	setbuf(stdout, NULL);
	TEST_REQUIRE(kvm_is_tdp_enabled());
	dma = noncoherent_dma_open();
	measure(dma, 1);
	for (n = 2; n <= MAX_VCPUS; n *= 2)
		measure(dma, n);
	serial = true;
	for (n = 4; n <= MAX_VCPUS; n *= 2)
		measure(dma, n);
	noncoherent_dma_close(dma);
	return 0;
}
