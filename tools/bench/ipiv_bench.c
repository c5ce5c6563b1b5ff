// SPDX-License-Identifier: GPL-2.0-only
/*
 * What IPI virtualization costs and saves: exits of the sender, instructions of one IPI, pages allocated for a vCPU.
 * Prints "bench: NAME VALUE"; an instruction is a tick of the TSC in the emulated host, see tools/bench/run.
 *
 * Built and run by tools/bench/run; a KVM selftest in all but the Makefile's list.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apic.h"
#include "kvm_util.h"
#include "median.h"
#include "processor.h"
#include "test_util.h"

#define IPI_VECTOR	0xa4
#define NR_IPIS		20000
#define NR_BLOCKED	2000
#define TIME_TO_BLOCK	20000
#define NR_CREATED	31
#define TRACEFS		"/sys/kernel/tracing/"
#define PAGE_ALLOC	TRACEFS "events/kmem/mm_page_alloc/"

static volatile uint64_t received, expected;
static volatile bool halt;
static uint64_t ticks[NR_IPIS];

static void ipi_handler(struct ex_regs *regs)
{
	received++;
	xapic_write_reg(APIC_EOI, 0);
}

static void receiver_code(void)
{
	xapic_enable();
	GUEST_SYNC(0);
	for (;;) {
		asm volatile("cli");
		if (received == expected)
			break;
		if (halt)
			asm volatile("sti; hlt");
		else
			asm volatile("sti; pause");
	}
	GUEST_SYNC(1);
	GUEST_DONE();
}

/* Send IPIs, each after the last was received, and the receiver is blocked if it has to be. Take the time of each. */
static void sender_code(void)
{
	uint64_t i, start, n;

	xapic_enable();
	GUEST_SYNC(0);
	for (i = 0; i < expected; i++) {
		n = received;
		for (start = rdtsc(); halt && rdtsc() - start < TIME_TO_BLOCK;)
			cpu_relax();
		start = rdtsc();
		xapic_write_reg(APIC_ICR2, 1 << 24);
		xapic_write_reg(APIC_ICR, IPI_VECTOR);
		while (received == n)
			cpu_relax();
		ticks[i] = rdtsc() - start;
	}
	GUEST_SYNC(1);
}

static void mover_code(void)
{
	xapic_enable();
	xapic_write_reg(APIC_ID, 0x20 << 24);
	GUEST_SYNC(0);
}

static void pin_to_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpus), &cpus), "No CPU %d", cpu);
}

static void run_vcpu(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
}

static void *receiver_thread(void *vcpu)
{
	pin_to_cpu(1);
	run_vcpu(vcpu);
	return NULL;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	TEST_ASSERT(fd >= 0, "Can't open %s", path);
	TEST_ASSERT(write(fd, text, strlen(text)) == strlen(text), "Can't write %s", path);
	close(fd);
}

/* A vCPU that halts is polled for a while by default, i.e. isn't blocked. */
static void set_halt_poll(const char *ns)
{
	write_file("/sys/module/kvm/parameters/halt_poll_ns", ns);
}

static void measure_ipis(const char *name, bool blocked, bool moved)
{
	struct kvm_vcpu *vcpus[3];
	struct kvm_vm *vm;
	pthread_t thread;
	uint64_t exits, halts, nr = blocked ? NR_BLOCKED : NR_IPIS;
	int i;

	set_halt_poll(blocked ? "0" : "200000");
	vm = __vm_create(VM_MODE_DEFAULT, 3, 0);
	vcpus[0] = vm_vcpu_add(vm, 0, sender_code);
	vcpus[1] = vm_vcpu_add(vm, 1, receiver_code);
	vcpus[2] = vm_vcpu_add(vm, 2, mover_code);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
	for (i = 0; i < 3; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	*(bool *)addr_gva2hva(vm, (vm_vaddr_t)&halt) = blocked;
	*(uint64_t *)addr_gva2hva(vm, (vm_vaddr_t)&expected) = nr;

	for (i = 0; i < (moved ? 3 : 2); i++)
		run_vcpu(vcpus[i]);
	pthread_create(&thread, NULL, receiver_thread, vcpus[1]);
	pin_to_cpu(0);
	exits = vcpu_get_stat(vcpus[0], "exits");
	run_vcpu(vcpus[0]);
	exits = vcpu_get_stat(vcpus[0], "exits") - exits;
	pthread_join(thread, NULL);
	halts = vcpu_get_stat(vcpus[1], "halt_exits");
	TEST_ASSERT(!blocked || halts > nr / 2, "The receiver was blocked %lu times for %lu IPIs", halts, nr);

	printf("bench: ipi-%s-exits %lu\n", name, exits);
	printf("bench: ipi-%s-instructions %lu\n", name, median(addr_gva2hva(vm, (vm_vaddr_t)ticks), nr));
	kvm_vm_free(vm);
}

/* Pages and the largest allocation in the trace buffer. */
static void count_pages(unsigned int *pages, unsigned int *largest)
{
	FILE *f = fopen(TRACEFS "trace", "r");
	char line[512], *s;
	unsigned int n;

	TEST_ASSERT(f, "Can't open the trace");
	*pages = *largest = 0;
	while (fgets(line, sizeof(line), f)) {
		s = strstr(line, " order=");
		if (!s)
			continue;
		n = 1u << strtoul(s + strlen(" order="), NULL, 10);
		*pages += n;
		if (n > *largest)
			*largest = n;
	}
	fclose(f);
}

static void measure_creation(void)
{
	unsigned int pages, largest;
	struct kvm_vm *vm;
	uint64_t tsc, cost[NR_CREATED];
	int i;

	pin_to_cpu(0);
	vm = vm_create_barebones();
	vm_create_irqchip(vm);
	write_file(TRACEFS "trace", "");
	write_file(PAGE_ALLOC "enable", "1");
	close(__vm_ioctl(vm, KVM_CREATE_VCPU, (void *)0ul));
	write_file(PAGE_ALLOC "enable", "0");
	count_pages(&pages, &largest);
	printf("bench: vcpu-0-pages %u\n", pages);
	printf("bench: vcpu-0-contiguous-pages %u\n", largest);

	for (i = 0; i < NR_CREATED; i++) {
		tsc = rdtsc();
		TEST_ASSERT(__vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(i + 1l)) >= 0, "No vCPU %d", i);
		cost[i] = rdtsc() - tsc;
	}
	printf("bench: vcpu-create-instructions %lu\n", median(cost, NR_CREATED));
	kvm_vm_free(vm);
}

int main(void)
{
	setbuf(stdout, NULL);
	TEST_REQUIRE(sysconf(_SC_NPROCESSORS_ONLN) >= 2);
	measure_ipis("running", false, false);
	measure_ipis("blocked", true, false);
	measure_ipis("running-moved", false, true);
	measure_creation();
	return 0;
}
