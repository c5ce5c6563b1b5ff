// SPDX-License-Identifier: GPL-2.0
/*
 * Two vCPUs on different CPUs answer every IPI with one, without ever halting.
 * A guest-side test for the laboratory, built like any KVM selftest.
 *
 * xapic_ipi_test is no judge of lost notifications: its halting vCPU is seen
 * by halt polling, and its guest waits longer for an IPI than the test runs
 * where the TSC is slow.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IPI_VECTOR	0xa5
#define ROUNDS		5000

/* Ticks of the TSC within which an answer has to come: a cap, not a delay. */
#define PATIENCE	1000000000ull

static volatile uint64_t received[2];
static volatile bool ready[2];
static bool x2apic;

static void ipi_handler(struct ex_regs *regs)
{
	if (x2apic) {
		received[x2apic_read_reg(APIC_ID)]++;
		x2apic_write_reg(APIC_EOI, 0);
	} else {
		received[xapic_read_reg(APIC_ID) >> 24]++;
		xapic_write_reg(APIC_EOI, 0);
	}
}

static void send_ipi(uint64_t id)
{
	if (x2apic) {
		x2apic_write_reg(APIC_ICR, id << 32 | IPI_VECTOR);
	} else {
		xapic_write_reg(APIC_ICR2, id << 24);
		xapic_write_reg(APIC_ICR, IPI_VECTOR);
	}
}

static void guest_code(uint64_t id)
{
	uint64_t n, start;

	if (x2apic)
		x2apic_enable();
	else
		xapic_enable();
	asm volatile("sti");
	ready[id] = true;
	while (!ready[!id])
		cpu_relax();

	for (n = 1; n <= ROUNDS; n++) {
		if (!id)
			send_ipi(1);
		start = rdtsc();
		while (received[id] < n && rdtsc() - start < PATIENCE)
			cpu_relax();
		GUEST_ASSERT_2(received[id] == n, received[id], n);
		if (id)
			send_ipi(0);
	}
	GUEST_DONE();
}

static void *vcpu_thread(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct ucall uc;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(vcpu->id, &cpu);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpu), &cpu), "No CPU %u", vcpu->id);

	vcpu_run(vcpu);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_DONE:
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT_2(uc, "IPIs received %ld, expected %ld");
	default:
		TEST_FAIL("vCPU %u: exit %u, ucall %lu", vcpu->id, vcpu->run->exit_reason, uc.cmd);
	}
	return NULL;
}

static void ping_pong(bool use_x2apic)
{
	struct kvm_vcpu *vcpus[2];
	pthread_t threads[2];
	struct kvm_vm *vm;
	uint64_t *counts;
	int i;

	x2apic = use_x2apic;
	vm = vm_create_with_vcpus(2, guest_code, vcpus);
	vm_init_descriptor_tables(vm);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	sync_global_to_guest(vm, x2apic);
	counts = addr_gva2hva(vm, (vm_vaddr_t)received);
	counts[0] = counts[1] = 0;
	for (i = 0; i < 2; i++) {
		vcpu_init_descriptor_tables(vcpus[i]);
		vcpu_args_set(vcpus[i], 1, (uint64_t)i);
		pthread_create(&threads[i], NULL, vcpu_thread, vcpus[i]);
	}
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pr_info("%s: %d IPIs sent, %ld received\n", use_x2apic ? "x2APIC" : "xAPIC", 2 * ROUNDS,
		counts[0] + counts[1]);
	kvm_vm_free(vm);
}

/* Arguments: xapic, x2apic, or none for both. */
int main(int argc, char *argv[])
{
	TEST_REQUIRE(sysconf(_SC_NPROCESSORS_ONLN) >= 2);

	if (argc < 2 || !strcmp(argv[1], "xapic"))
		ping_pong(false);
	if (argc < 2 || !strcmp(argv[1], "x2apic"))
		ping_pong(true);
	return 0;
}
