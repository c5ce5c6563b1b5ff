// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that a VM whose vCPUs change their MTRRs all the time can be changed, and
 * be killed, by its VMM.
 *
 * Two vCPUs take turns in giving a third one something to do: vCPU 3 maps page
 * after page as UC, the others write an MTRR, which has everything unmapped that
 * isn't WB, and which takes a while because of the size of the memory.  vCPU 0
 * is the victim: if KVM let it work for the others, they'd see to it that there's
 * always more to do, and WRMSR would never be completed.  If it held kvm->srcu
 * meanwhile, no memslot could be added.
 *
 * And one that waits for another one's WRMSR is interrupted by a signal.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm_util.h"
#include "mtrr.h"
#include "noncoherent_dma.h"
#include "processor.h"
#include "test_util.h"

#define MEM_SLOT		10
#define MEM_GPA			BIT_ULL(30)
#define NR_PAGES		32768

#define SHARED_SLOT		11
#define SHARED_GPA		(MEM_GPA - BIT_ULL(20))

/* Memslots that are added. */
#define NEW_SLOT		20
#define NEW_GPA			(3 * BIT_ULL(30) / 2)
#define NR_NEW_SLOTS		8

/* 0: the victim, 1 and 2: give it something to do, 3: maps pages as UC */
#define NR_VCPUS		4
#define VICTIM			0
#define MAPPER			3

/* How often it's tried to interrupt a vCPU in time. */
#define NR_TRIES	8

/* What each of the others has changed before memslots are added. */
#define NR_CHANGES		24

/* Seconds before it's over. */
#define LIMIT			10

/*
 * The time that it may take to add a memslot, as a multiple of what it takes to
 * unmap everything once: each vCPU may be in the middle of that, and there may be
 * fewer CPUs than vCPUs.
 */
#define LIMIT_ZAPS		(4 * NR_VCPUS)

struct shared {
	uint64_t stop;
	/* The rounds that the victim has begun and ended. */
	uint64_t begun;
	uint64_t ended;
	uint64_t ready[NR_VCPUS];
	uint64_t changes[NR_VCPUS];
	/* Cycles that it takes to unmap everything. */
	uint64_t zap;
	/* The next page that is mapped as UC. */
	uint64_t page;
	/* vCPU 1 waits for what vCPU 0 unmaps once, and the others don't run. */
	uint64_t once;
	uint64_t go;
	uint64_t waits;
};

static volatile struct shared *shared;
static struct kvm_vcpu *vcpus[NR_VCPUS];
static struct kvm_vm *vm;

static void guest_delay(volatile struct shared *s, uint64_t cycles)
{
	uint64_t end = rdtsc() + cycles;

	while (rdtsc() < end && !s->stop)
		asm volatile("pause");
}

static void guest_touch(uint64_t page)
{
	WRITE_ONCE(*(uint64_t *)(MEM_GPA + page * 4096), page);
}

/* Write an MTRR when there's something UC that has to go. */
static void guest_change(volatile struct shared *s, uint64_t me)
{
	uint64_t page = s->page;

	while (s->page == page && !s->stop)
		asm volatile("pause");
	wrmsr(MTRR_MASK(0), 0);
	s->changes[me]++;
}

static void guest_victim(volatile struct shared *s)
{
	uint64_t round;

	for (round = 1; !s->stop; round++) {
		while ((s->ready[1] != round || s->ready[2] != round) && !s->stop)
			asm volatile("pause");
		s->begun = round;
		guest_change(s, VICTIM);
		s->ended = round;
	}
}

/* At different times of what the victim does, so that one of them always waits. */
static void guest_other(volatile struct shared *s, uint64_t me)
{
	uint64_t round;

	for (round = 1; !s->stop; round++) {
		s->ready[me] = round;
		while (s->begun < round && !s->stop)
			asm volatile("pause");
		guest_delay(s, me == 1 ? s->zap / 4 : s->zap * 19 / 20);
		while (s->ended < round && !s->stop)
			guest_change(s, me);
	}
}

static void guest_mapper(volatile struct shared *s)
{
	while (!s->stop) {
		guest_touch(s->page++ % NR_PAGES);
		guest_delay(s, s->zap / 8);
	}
}

/* Map everything as WB, and find out how long it takes to unmap it. */
static void guest_measure(volatile struct shared *s, uint64_t mask)
{
	uint64_t i;

	for (i = 0; i < NR_PAGES; i++)
		guest_touch(i);
	wrmsr(MTRR_BASE(0), MEM_GPA | TYPE_UC);
	wrmsr(MTRR_MASK(0), mask);
	guest_touch(s->page++);

	s->zap = rdtsc();
	wrmsr(MTRR_MASK(0), 0);
	s->zap = rdtsc() - s->zap;
}

/* Everything is WB, and becomes UC when the VMM says so. */
static void guest_once(volatile struct shared *s, uint64_t mask)
{
	uint64_t i;

	for (i = 0; i < NR_PAGES; i++)
		guest_touch(i);
	s->ready[VICTIM] = 1;
	while (!s->go)
		asm volatile("pause");
	s->begun = 1;
	wrmsr(MTRR_MASK(0), mask);
	s->ended = 1;
}

static void guest_waiter(volatile struct shared *s)
{
	while (!s->begun)
		asm volatile("pause");
	guest_delay(s, s->zap / 8);
	s->waits = 1;
	wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
}

static void guest_code(uint64_t me, uint64_t mask)
{
	volatile struct shared *s = (void *)SHARED_GPA;

	if (me == VICTIM) {
		guest_measure(s, mask);
	} else if (me == MAPPER) {
		wrmsr(MTRR_BASE(0), MEM_GPA | TYPE_UC);
		wrmsr(MTRR_MASK(0), mask);
	}
	GUEST_SYNC(0);

	if (s->once && me == VICTIM)
		guest_once(s, mask);
	else if (s->once)
		guest_waiter(s);
	else if (me == VICTIM)
		guest_victim(s);
	else if (me == MAPPER)
		guest_mapper(s);
	else
		guest_other(s, me);
	GUEST_DONE();
}

static void create_vm(void)
{
	const uint64_t size = NR_PAGES * 4096ull;
	uint64_t mask, i;

	vm = vm_create_with_vcpus(NR_VCPUS, guest_code, vcpus);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, MEM_GPA, MEM_SLOT,
				    NR_PAGES, 0);
	virt_map(vm, MEM_GPA, MEM_GPA, NR_PAGES);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, SHARED_GPA, SHARED_SLOT, 1, 0);
	virt_map(vm, SHARED_GPA, SHARED_GPA, 1);
	shared = addr_gpa2hva(vm, SHARED_GPA);
	memset((void *)shared, 0, sizeof(*shared));

	mask = (GENMASK_ULL(vm->pa_bits - 1, 12) & ~(size - 1)) | MTRR_MASK_VALID;
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_args_set(vcpus[i], 2, i, mask);
}

/* Have the vCPUs program their MTRRs, one by one. */
static void prepare_vcpus(void)
{
	struct ucall uc;
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		vcpu_set_msr(vcpus[i], MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
		vcpu_run(vcpus[i]);
		TEST_ASSERT(get_ucall(vcpus[i], &uc) == UCALL_SYNC,
			    "Unexpected exit, reason %u", vcpus[i]->run->exit_reason);
	}
}

static void *stop_late(void *arg)
{
	sleep(LIMIT);
	shared->stop = 1;
	return NULL;
}

static void start_vcpus(pthread_t *threads)
{
	int i;

	for (i = NR_VCPUS - 1; i >= 0; i--)
		pthread_create(&threads[i], NULL, vcpu_run_to_done, vcpus[i]);
	while (shared->changes[1] < NR_CHANGES && !shared->stop)
		usleep(1000);
}

/* Return the cycles that the slowest of a few memslots takes. */
static uint64_t add_memslots(void)
{
	uint64_t start, took, max = 0;
	int i;

	for (i = 0; i < NR_NEW_SLOTS; i++) {
		start = rdtsc();
		vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS,
					    NEW_GPA + i * BIT_ULL(16), NEW_SLOT + i, 1, 0);
		took = rdtsc() - start;
		if (took > max)
			max = took;
		usleep(20000);
	}
	return max;
}

static void test_memslots(struct noncoherent_dma *dma)
{
	pthread_t threads[NR_VCPUS], stopper;
	uint64_t max, limit;
	bool stopped;
	int i;

	create_vm();
	noncoherent_dma_start(dma, vm);
	prepare_vcpus();
	pthread_create(&stopper, NULL, stop_late, NULL);
	start_vcpus(threads);
	max = add_memslots();
	limit = LIMIT_ZAPS * shared->zap;
	ksft_print_msg("%lu cycles to unmap, %lu to add a memslot, %lu and %lu changes\n",
		       shared->zap, max, shared->changes[VICTIM], shared->changes[1]);
	stopped = shared->stop;
	shared->stop = 1;
	for (i = 0; i < NR_VCPUS; i++)
		pthread_join(threads[i], NULL);
	pthread_cancel(stopper);
	pthread_join(stopper, NULL);
	noncoherent_dma_stop(dma);
	kvm_vm_free(vm);

	ksft_test_result(!stopped && max < limit,
			 "memslots are added while vCPUs change MTRRs\n");
}

static void ignore(int signal)
{
}

/* Tell whether KVM_RUN ended before what the vCPU waits for. */
static void *run_waiter(void *in_time)
{
	int r = __vcpu_run(vcpus[1]);

	*(bool *)in_time = !shared->ended;
	if (r)
		vcpu_run_to_done(vcpus[1]);
	return NULL;
}

/* Whether a vCPU that waits for another is interrupted before that one is done. */
static bool interrupt_waiter(struct noncoherent_dma *dma)
{
	pthread_t zapper, waiter;
	bool in_time;
	uint64_t end;

	create_vm();
	noncoherent_dma_start(dma, vm);
	shared->once = 1;
	prepare_vcpus();
	pthread_create(&zapper, NULL, vcpu_run_to_done, vcpus[VICTIM]);
	while (!shared->ready[VICTIM])
		usleep(1000);
	pthread_create(&waiter, NULL, run_waiter, &in_time);
	shared->go = 1;
	while (!shared->waits && !shared->ended)
		cpu_relax();
	/* Let it begin to wait. */
	for (end = rdtsc() + shared->zap / 10; rdtsc() < end;)
		cpu_relax();
	pthread_kill(waiter, SIGUSR1);
	pthread_join(waiter, NULL);
	pthread_join(zapper, NULL);
	noncoherent_dma_stop(dma);
	kvm_vm_free(vm);
	return in_time;
}

/* Once is enough: with fewer CPUs than threads, the signal can come too late. */
static void test_signal(struct noncoherent_dma *dma)
{
	struct sigaction action = { .sa_handler = ignore };
	bool in_time = false;
	int i;

	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < NR_TRIES && !in_time; i++)
		in_time = interrupt_waiter(dma);
	ksft_test_result(in_time, "a vCPU that waits for another is interrupted\n");
}

/* The VMM dies with vCPUs that zap, or wait for others that do. */
static void test_kill(struct noncoherent_dma *dma)
{
	pthread_t threads[NR_VCPUS];
	int pipe_fds[2], status, n;
	char c = 0;
	pid_t pid;

	TEST_ASSERT(!pipe(pipe_fds), "pipe() failed, errno %d", errno);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork() failed, errno %d", errno);
	if (!pid) {
		create_vm();
		noncoherent_dma_start(dma, vm);
		prepare_vcpus();
		start_vcpus(threads);
		test_write(pipe_fds[1], &c, 1);
		for (;;)
			pause();
	}

	TEST_ASSERT(read(pipe_fds[0], &c, 1) == 1, "the child died early");
	kill(pid, SIGKILL);
	for (n = 0; n < LIMIT * 100 && !waitpid(pid, &status, WNOHANG); n++)
		usleep(10000);
	ksft_test_result(n < LIMIT * 100 && WIFSIGNALED(status),
			 "a VM whose vCPUs change MTRRs is killed\n");
}

int main(int argc, char *argv[])
{
	struct noncoherent_dma *dma;

	setbuf(stdout, NULL);

	TEST_REQUIRE(kvm_is_tdp_enabled());
	__TEST_REQUIRE(is_intel_cpu(), "nothing is unmapped without EPT");

	dma = noncoherent_dma_open();
	ksft_print_header();
	ksft_set_plan(3);

	test_kill(dma);
	test_memslots(dma);
	test_signal(dma);

	noncoherent_dma_close(dma);
	ksft_finished();
}
