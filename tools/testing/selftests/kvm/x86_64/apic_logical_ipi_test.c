// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test IPIs to logical destinations with one and several targets that are halted,
 * in each of the models of logical IDs: all targets wake up and nobody else does.
 */
#include <pthread.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define VECTOR		0x61
#define NR_TARGETS	4
#define NR_ROUNDS	20

#define APIC_LDR	0xd0
#define APIC_DFR	0xe0

/* Ticks of the TSC within which an interrupt has to arrive: a cap, not a delay. */
#define PATIENCE	1000000000ull

enum { FLAT, CLUSTER, X2APIC, NR_MODELS };

static const char * const names[] = { "flat", "cluster", "x2APIC" };

/* In x2APIC mode, the logical ID is in the ID: two clusters. */
static const uint32_t ids[NR_TARGETS] = { 1, 2, 17, 18 };
static const uint8_t ldrs[][NR_TARGETS] = {
	[FLAT] = { 0x01, 0x02, 0x04, 0x80 },
	[CLUSTER] = { 0x01, 0x02, 0x11, 0x18 },
};

/* A destination, and its targets by their index. */
static const struct {
	uint32_t dest;
	uint32_t targets;
} dests[][4] = {
	[FLAT] = { { 0x01, 1 }, { 0x06, 6 }, { 0x81, 9 }, { 0x87, 15 } },
	[CLUSTER] = { { 0x01, 1 }, { 0x03, 3 }, { 0x18, 8 }, { 0x19, 12 } },
	[X2APIC] = { { 0x2, 1 }, { 0x6, 3 }, { 0x10004, 8 }, { 0x10006, 12 } },
};

static int model;
static volatile uint64_t received[NR_TARGETS], ready;

static void write_reg(uint32_t reg, uint64_t value)
{
	if (model == X2APIC)
		x2apic_write_reg(reg, value);
	else
		xapic_write_reg(reg, value);
}

static void enable(int ldr)
{
	if (model == X2APIC) {
		x2apic_enable();
		return;
	}
	xapic_enable();
	xapic_write_reg(APIC_DFR, model == FLAT ? 0xffffffff : 0x0fffffff);
	xapic_write_reg(APIC_LDR, ldr << 24);
}

static void handler(struct ex_regs *regs)
{
	uint32_t id = model == X2APIC ? x2apic_read_reg(APIC_ID) : xapic_read_reg(APIC_ID) >> 24;
	int i;

	for (i = 0; i < NR_TARGETS; i++) {
		if (ids[i] == id)
			received[i]++;
	}
	write_reg(APIC_EOI, 0);
}

static void target_code(int index)
{
	enable(model == X2APIC ? 0 : ldrs[model][index]);
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		asm volatile("sti; hlt; cli");
}

static void send(uint32_t dest)
{
	uint32_t icr = APIC_DEST_LOGICAL | APIC_DM_FIXED | VECTOR;

	if (model == X2APIC) {
		x2apic_write_reg(APIC_ICR, (uint64_t)dest << 32 | icr);
	} else {
		xapic_write_reg(APIC_ICR2, dest << 24);
		xapic_write_reg(APIC_ICR, icr);
	}
}

static void await(volatile uint64_t *count, uint64_t want)
{
	uint64_t start = rdtsc();

	while (*count != want && rdtsc() - start < PATIENCE)
		cpu_relax();
	GUEST_ASSERT_2(*count == want, *count, want);
}

static void sender_code(void)
{
	static uint64_t want[NR_TARGETS];
	int round, i, j;

	enable(0);
	await(&ready, NR_TARGETS);
	for (round = 0; round < NR_ROUNDS; round++) {
		for (i = 0; i < ARRAY_SIZE(dests[model]); i++) {
			for (j = 0; j < NR_TARGETS; j++)
				want[j] += dests[model][i].targets >> j & 1;
			send(dests[model][i].dest);
			for (j = 0; j < NR_TARGETS; j++)
				await(&received[j], want[j]);
		}
	}
	GUEST_DONE();
}

static void *run_target(void *vcpu)
{
	int old;

	/* The vCPU halts in the end, until the thread is cancelled. */
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	vcpu_run(vcpu);
	TEST_FAIL("vCPU %d exits: %d", ((struct kvm_vcpu *)vcpu)->id,
		  ((struct kvm_vcpu *)vcpu)->run->exit_reason);
	return NULL;
}

static void test_model(int m)
{
	pthread_t threads[NR_TARGETS];
	struct kvm_vcpu *vcpu, *target;
	struct kvm_vm *vm = vm_create(NR_TARGETS + 1);
	struct ucall uc;
	int i;

	model = m;
	sync_global_to_guest(vm, model);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	vcpu = vm_vcpu_add(vm, 0, sender_code);
	vcpu_init_descriptor_tables(vcpu);
	vm_install_exception_handler(vm, VECTOR, handler);
	for (i = 0; i < NR_TARGETS; i++) {
		target = vm_vcpu_add(vm, ids[i], target_code);
		vcpu_args_set(target, 1, i);
		vcpu_init_descriptor_tables(target);
		pthread_create(&threads[i], NULL, run_target, target);
	}

	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		TEST_FAIL("%s: %lu interrupts, expected %lu", names[m], uc.args[2], uc.args[3]);
	ASSERT_EQ(uc.cmd, UCALL_DONE);
	pr_info("%s: %d IPIs\n", names[m], NR_ROUNDS * (int)ARRAY_SIZE(dests[m]));

	for (i = 0; i < NR_TARGETS; i++) {
		pthread_cancel(threads[i]);
		pthread_join(threads[i], NULL);
	}
	kvm_vm_free(vm);
}

int main(void)
{
	int m;

	for (m = 0; m < NR_MODELS; m++)
		test_model(m);
	return 0;
}
