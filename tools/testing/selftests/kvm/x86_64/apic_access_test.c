// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the page at the address of the APIC while APICv comes and goes: what is
 * mapped there, what is zapped, and that the guest doesn't notice.
 *
 * vCPUs 0 and 1 send IPIs to each other, and hammer their APICs.  vCPU 2 doesn't
 * run, it is what APICv is inhibited with.
 *
 *   apic_access_test [TOGGLES]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IPI_VECTOR	0x71
#define NR_READS	100
#define NR_RELOCATIONS	200
#define NR_MOVES	50
#define NR_CYCLES	10

/* Nothing that a guest can toggle comes back sooner. */
#define CLEAR_DELAY_US	100000

/* How often to look whether APICv is used again: a cap. */
#define MAX_WAIT	10000
#define RELOCATED_GPA	0xfef00000ull

/* Ticks of the TSC within which an IPI has to arrive: a cap, not a delay. */
#define PATIENCE	4000000000ull

enum phase {
	/* Read the TPR NR_READS times, vCPU 0 only. */
	PHASE_READ,
	PHASE_STORM,
	/* Go to x2APIC mode, look at the page, and come back, vCPU 0 only. */
	PHASE_X2APIC,
	PHASE_DONE,
};

/* Shared with the guest. */
static volatile enum phase phase;
static volatile uint64_t sent[2], received[2];
static volatile bool ready[2];

static struct kvm_vcpu *vcpus[3];
static volatile enum phase *host_phase;
static volatile uint64_t *host_sent;
static struct kvm_vm *vm;
static bool apicv, tdp_mmu;
static int nr_toggles = 500;

static uint32_t me(void)
{
	return xapic_read_reg(APIC_ID) >> 24;
}

static void ipi_handler(struct ex_regs *regs)
{
	received[me()]++;
	xapic_write_reg(APIC_EOI, 0);
}

static void read_tpr(void)
{
	int i;

	for (i = 0; i < NR_READS; i++)
		GUEST_ASSERT_EQ(xapic_read_reg(APIC_TASKPRI), 0);
}

/* What was written has to be there, wherever it was written to. */
static void check_registers(int cpu, uint32_t value)
{
	uint32_t tpr = value & 0x10;

	xapic_write_reg(APIC_TASKPRI, tpr);
	xapic_write_reg(APIC_ICR2, SET_APIC_DEST_FIELD(value));
	GUEST_ASSERT_EQ(xapic_read_reg(APIC_TASKPRI), tpr);
	GUEST_ASSERT_EQ(xapic_read_reg(APIC_ICR2), SET_APIC_DEST_FIELD(value));
	GUEST_ASSERT_EQ(me(), cpu);
}

static void send_ipi(int cpu)
{
	uint64_t start;

	sent[cpu]++;
	xapic_write_reg(APIC_ICR2, SET_APIC_DEST_FIELD((uint32_t)cpu));
	xapic_write_reg(APIC_ICR, APIC_DM_FIXED | APIC_INT_ASSERT | IPI_VECTOR);

	start = rdtsc();
	while (received[cpu] != sent[cpu] && rdtsc() - start < PATIENCE)
		cpu_relax();
	GUEST_ASSERT_EQ(received[cpu], sent[cpu]);
}

static void storm(int cpu)
{
	uint32_t i;

	for (i = 0; phase == PHASE_STORM; i++) {
		send_ipi(!cpu);
		check_registers(cpu, i & 0xff);
	}
	/* Give the other one time to send its last. */
	xapic_write_reg(APIC_TASKPRI, 0);
	ready[cpu] = false;
	while (ready[!cpu])
		cpu_relax();
}

/* In x2APIC mode the registers aren't there, and KVM reads as ones. */
static void look_in_x2apic_mode(void)
{
	x2apic_enable();
	GUEST_ASSERT_EQ(xapic_read_reg(APIC_LVR), -1u);
	xapic_write_reg(APIC_TASKPRI, 0x10);
	GUEST_ASSERT_EQ(x2apic_read_reg(APIC_TASKPRI), 0);
	xapic_enable();
}

static void guest_code(void)
{
	int cpu;

	xapic_enable();
	asm volatile("sti");
	cpu = me();

	for (;;) {
		GUEST_SYNC(cpu);
		if (phase == PHASE_DONE)
			break;
		if (phase == PHASE_READ) {
			read_tpr();
			continue;
		}
		if (phase == PHASE_X2APIC) {
			look_in_x2apic_mode();
			continue;
		}
		ready[cpu] = true;
		while (!ready[!cpu])
			cpu_relax();
		storm(cpu);
	}
	GUEST_DONE();
}

static uint64_t run_vcpu(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2(uc, "%lx, expected %lx");
	return uc.cmd;
}

static void pin_to_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpus), &cpus), "No CPU %d", cpu);
}

static void *vcpu_thread(void *arg)
{
	struct kvm_vcpu *vcpu = arg;

	pin_to_cpu(vcpu->id);
	ASSERT_EQ(run_vcpu(vcpu), UCALL_SYNC);
	return NULL;
}

static void inhibit(bool on)
{
	apicv_inhibit(vcpus[2], on);
}

static uint64_t stat(const char *name)
{
	return vcpu_get_stat(vcpus[0], name);
}

static void read_registers(void)
{
	*host_phase = PHASE_READ;
	ASSERT_EQ(run_vcpu(vcpus[0]), UCALL_SYNC);
}

/* While inhibited, every access exits, but only the first one is a page fault. */
static void test_fast_path(void)
{
	uint64_t exits, faults;

	inhibit(true);
	read_registers();

	exits = stat("exits");
	faults = stat("pf_taken");
	read_registers();
	exits = stat("exits") - exits;
	faults = stat("pf_taken") - faults;
	TEST_ASSERT(exits >= NR_READS, "%lu exits of %d reads", exits, NR_READS);
	TEST_ASSERT(!tdp_mmu || faults < NR_READS / 10,
		    "%lu page faults of %d reads, %lu exits", faults, NR_READS, exits);

	/* Back again, the page is mapped, and stays so. */
	inhibit(false);
	read_registers();
	exits = stat("exits");
	faults = stat("pf_taken");
	read_registers();
	exits = stat("exits") - exits;
	faults = stat("pf_taken") - faults;
	TEST_ASSERT(!apicv || exits < NR_READS / 2,
		    "%lu exits of %d reads with APICv", exits, NR_READS);
	TEST_ASSERT(faults < NR_READS / 10, "%lu page faults of %d reads",
		    faults, NR_READS);
}

/* Each change unmaps what is there, and nothing else. */
static void test_zaps(void)
{
	uint64_t faults, mmio;
	int i;

	if (!apicv || !tdp_mmu)
		return;

	inhibit(true);
	read_registers();
	inhibit(false);
	read_registers();

	faults = stat("pf_taken");
	mmio = stat("pf_mmio_spte_created");
	for (i = 0; i < NR_CYCLES; i++) {
		inhibit(true);
		read_registers();
		inhibit(false);
		read_registers();
	}
	faults = stat("pf_taken") - faults;
	mmio = stat("pf_mmio_spte_created") - mmio;
	ASSERT_EQ(faults, 2 * NR_CYCLES);
	ASSERT_EQ(mmio, NR_CYCLES);
}

static void wait_for_ipis(void)
{
	uint64_t n = host_sent[0] + host_sent[1];

	while (host_sent[0] + host_sent[1] < n + 2)
		sched_yield();
}

/* Run @test while vCPUs 0 and 1 do their thing. */
static void under_storm(void (*test)(void))
{
	pthread_t threads[2];
	int i;

	*host_phase = PHASE_STORM;
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, vcpu_thread, vcpus[i]);
	wait_for_ipis();
	test();
	*host_phase = PHASE_READ;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static void test_toggles(void)
{
	int i;

	for (i = 0; i < nr_toggles; i++) {
		inhibit(true);
		if (i % 10 == 0)
			wait_for_ipis();
		inhibit(false);
		if (i % 10 == 5)
			wait_for_ipis();
	}
}

/* The APIC of vCPU 2 leaves and returns, those of the others stay. */
static void test_relocations(void)
{
	struct kvm_sregs sregs;
	uint64_t home;
	int i;

	vcpu_sregs_get(vcpus[2], &sregs);
	home = sregs.apic_base;
	for (i = 0; i < NR_RELOCATIONS; i++) {
		sregs.apic_base = i % 2 ? home : RELOCATED_GPA | MSR_IA32_APICBASE_ENABLE;
		vcpu_sregs_set(vcpus[2], &sregs);
		if (i % 10 < 2)
			wait_for_ipis();
	}
}

/* It takes a moment until APICv is used again after a relocation. */
static void wait_for_apicv(void)
{
	uint64_t exits, i;

	for (i = 0; apicv && i < MAX_WAIT; i++) {
		exits = stat("exits");
		read_registers();
		if (stat("exits") - exits < NR_READS)
			break;
	}
}

/* Where in this process KVM has the page, NULL if there's none. */
static void *find_page(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	void *page = NULL;
	char line[256];

	TEST_ASSERT(f, "No /proc/self/maps");
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "rw-s") && strstr(line, "/dev/zero") &&
		    sscanf(line, "%lx-%lx", &start, &end) == 2 && end - start == 4096)
			page = (void *)start;
	}
	fclose(f);
	return page;
}

/* Let the kernel move pages around, if it can. */
static void move_pages_by_compaction(void)
{
	int fd = open("/proc/sys/vm/compact_memory", O_WRONLY);

	if (fd < 0)
		return;
	TEST_ASSERT(write(fd, "1", 1) == 1, "Can't compact memory");
	close(fd);
}

/*
 * Take the page away, or only its mapping: KVM has to map what is there then, and
 * to tell the CPU.
 */
static void test_moves(void)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_REMOVE, MADV_MERGEABLE, MADV_UNMERGEABLE,
	};
	void *page = find_page();
	int i;

	TEST_ASSERT(page || !apicv, "No APIC-access page");
	for (i = 0; page && i < NR_MOVES; i++) {
		TEST_ASSERT(!madvise(page, 4096, advice[i % ARRAY_SIZE(advice)]),
			    "madvise() failed");
		if (i % 10 == 0)
			move_pages_by_compaction();
		wait_for_ipis();
	}
}

/* Without x2AVIC, AVIC would go on to virtualize the page in x2APIC mode. */
static bool has_x2avic(void)
{
	uint32_t eax, ebx, ecx, edx;

	__cpuid(0x8000000a, 0, &eax, &ebx, &ecx, &edx);
	return edx & BIT(18);
}

#define HOME	(APIC_DEFAULT_GPA | MSR_IA32_APICBASE_ENABLE)

static uint64_t exits_of_reads(void)
{
	uint64_t exits = stat("exits");

	read_registers();
	return stat("exits") - exits;
}

/* vCPUs share the page, i.e. it isn't there while any of them is in x2APIC mode. */
static void test_x2apic(void)
{
	uint64_t exits;
	int i;

	vcpu_set_apic_base(vcpus[2], HOME | X2APIC_ENABLE);
	*host_phase = PHASE_X2APIC;
	ASSERT_EQ(run_vcpu(vcpus[0]), UCALL_SYNC);

	for (i = 0; i < 3; i++) {
		exits = exits_of_reads();
		TEST_ASSERT(exits >= NR_READS, "%lu exits of %d reads", exits, NR_READS);
		inhibit(true);
		read_registers();
		inhibit(false);
	}
}

/* The page comes back, whether or not APICv is inhibited in the meantime. */
static void test_back_from_x2apic(void)
{
	uint64_t exits;
	int i;

	for (i = 0; i < 3; i++) {
		vcpu_set_apic_base(vcpus[2], HOME | X2APIC_ENABLE);
		exits = exits_of_reads();
		TEST_ASSERT(exits >= NR_READS, "%lu exits of %d reads", exits, NR_READS);
		inhibit(i == 1);
		vcpu_set_apic_base(vcpus[2], HOME);
		if (i == 1)
			usleep(2 * CLEAR_DELAY_US);
		inhibit(false);
		wait_for_apicv();
		exits = exits_of_reads();
		TEST_ASSERT(exits < NR_READS / 2, "%lu exits of %d reads", exits, NR_READS);
	}
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

/* A guest that toggles the mode can't have the page come and go each time. */
static void test_x2apic_toggles(void)
{
	uint64_t faults = stat("pf_taken"), start = now_us(), max;
	int i;

	for (i = 0; i < NR_RELOCATIONS; i++) {
		vcpu_set_apic_base(vcpus[2], HOME | X2APIC_ENABLE);
		vcpu_set_apic_base(vcpus[2], HOME);
		if (i % 4 == 0)
			read_registers();
	}
	faults = stat("pf_taken") - faults;
	max = 2 * ((now_us() - start) / CLEAR_DELAY_US + 1);
	pr_info("%d toggles of x2APIC mode: %lu page faults, at most %lu\n",
		NR_RELOCATIONS, faults, max);
	TEST_ASSERT(faults <= max, "%lu page faults, at most %lu", faults, max);
}

static bool is_enabled(const char *param)
{
	FILE *f = fopen(param, "r");
	int c = f ? fgetc(f) : EOF;

	if (f)
		fclose(f);
	return c == 'Y' || c == '1';
}

int main(int argc, char *argv[])
{
	int i;

	if (argc > 1)
		nr_toggles = atoi(argv[1]);

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG2));
	TEST_REQUIRE(sysconf(_SC_NPROCESSORS_ONLN) >= 2);
	apicv = kvm_has_apicv();
	tdp_mmu = is_enabled("/sys/module/kvm/parameters/tdp_mmu") &&
		  is_enabled(is_intel_cpu() ? "/sys/module/kvm_intel/parameters/ept" :
					      "/sys/module/kvm_amd/parameters/npt");
	pr_info("APICv is %s, the TDP MMU is %s\n", apicv ? "on" : "off: nothing to zap",
		tdp_mmu ? "on" : "off: nothing is cached");

	vm = vm_create(3);
	for (i = 0; i < 3; i++)
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	for (i = 0; i < 3; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
	host_phase = addr_gva2hva(vm, (vm_vaddr_t)&phase);
	host_sent = addr_gva2hva(vm, (vm_vaddr_t)&sent);

	for (i = 0; i < 2; i++)
		ASSERT_EQ(run_vcpu(vcpus[i]), UCALL_SYNC);

	test_fast_path();
	test_zaps();
	under_storm(test_toggles);
	pr_info("%d toggles, %lu IPIs\n", nr_toggles, host_sent[0] + host_sent[1]);
	under_storm(test_moves);
	under_storm(test_relocations);
	wait_for_apicv();
	test_fast_path();
	if (!apicv || (is_amd_cpu() && !has_x2avic())) {
		test_x2apic();
		vcpu_set_apic_base(vcpus[2], HOME);
	}
	if (apicv && is_amd_cpu() && !has_x2avic()) {
		test_back_from_x2apic();
		test_x2apic_toggles();
	}

	*host_phase = PHASE_DONE;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(run_vcpu(vcpus[i]), UCALL_DONE);
	kvm_vm_free(vm);
	return 0;
}
