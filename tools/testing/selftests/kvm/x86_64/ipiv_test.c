// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that every IPI is received exactly once, and that those IPIs exit, and
 * only those, that the CPU can't deliver on its own with VMX's IPI
 * virtualization: from and to all APIC IDs, in xAPIC and x2APIC mode, while IDs
 * move, are swapped and are aliased, while vCPUs are created, and while targets
 * are blocked, preempted or not running at all.
 *
 * With AVIC the number of exits isn't checked.
 *
 *   ipiv_test [IPIS [TEST...]]   IPIS: how many for each of the tests under load
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IPI_VECTOR	0xa4
#define MAX_VCPUS	8

/* The table has room for these even if the VM has declared fewer. */
#define IDS_OF_ONE_PAGE	512

/* IPIs of one exchange: more than there are exits for other reasons. */
#define NR_IPIS		100
#define NR_BLOCKED	25

/* Ticks of the TSC within which an IPI has to arrive: a cap, not a delay. */
#define PATIENCE	20000000000ull

/* Ticks of the TSC that a target needs to halt and to be blocked. */
#define TIME_TO_BLOCK	20000

/* A preempted target gets its IPIs one time slice at a time. */
#define NR_PREEMPTED	5

enum command {
	CMD_ENABLE_XAPIC,
	CMD_ENABLE_X2APIC,
	/* Send @n IPIs to @dest, each @delay after @target has received the last. */
	CMD_SEND,
	/* Send @n IPIs to @dest, and don't wait for anything. */
	CMD_SEND_BLIND,
	/* Receive until the counter is @n, spinning or halted. */
	CMD_RECEIVE_SPIN,
	CMD_RECEIVE_HALT,
	/* Set the xAPIC ID to @dest. */
	CMD_SET_ID,
	/* Move the xAPIC ID back and forth until @stop. */
	CMD_MOVE_ID,
	CMD_SW_DISABLE,
	CMD_SW_ENABLE,
};

/* Shared with the guest: READ_ONCE() what changes during a command. */
struct vcpu_state {
	enum command cmd;
	uint64_t dest, n, delay;
	int target;
	bool receiving;
	uint64_t received;
	uint64_t nr_done;
	bool x2apic;
};

static struct vcpu_state guest[MAX_VCPUS];
static bool stop;

/* The host's side. */
static struct vcpu_state *state;
static bool *host_stop;
static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[MAX_VCPUS];
static sem_t start[MAX_VCPUS], done[MAX_VCPUS];
static pthread_t threads[MAX_VCPUS];
static bool quit;
static int nr_vcpus;
static uint64_t table_ids;
static bool ipiv;
static uint64_t nr_load = 300;

/* GS isn't used otherwise. */
static int self(void)
{
	return rdmsr(MSR_GS_BASE);
}

static uint32_t apic_read(struct vcpu_state *s, uint32_t reg)
{
	return s->x2apic ? x2apic_read_reg(reg) : xapic_read_reg(reg);
}

static void apic_write(struct vcpu_state *s, uint32_t reg, uint32_t val)
{
	if (s->x2apic)
		x2apic_write_reg(reg, val);
	else
		xapic_write_reg(reg, val);
}

static void ipi_handler(struct ex_regs *regs)
{
	struct vcpu_state *s = &guest[self()];

	WRITE_ONCE(s->received, s->received + 1);
	apic_write(s, APIC_EOI, 0);
}

static void send_ipi(struct vcpu_state *s)
{
	if (s->x2apic) {
		x2apic_write_reg(APIC_ICR, s->dest << 32 | IPI_VECTOR);
		return;
	}
	xapic_write_reg(APIC_ICR2, s->dest << 24);
	xapic_write_reg(APIC_ICR, IPI_VECTOR);
}

static void guest_send(struct vcpu_state *s)
{
	struct vcpu_state *target = &guest[s->target];
	uint64_t i, received, tsc;

	for (i = 0; i < s->n; i++) {
		received = READ_ONCE(target->received);
		for (tsc = rdtsc(); rdtsc() - tsc < s->delay;)
			cpu_relax();
		send_ipi(s);
		tsc = rdtsc();
		while (READ_ONCE(target->received) == received && rdtsc() - tsc < PATIENCE)
			cpu_relax();
		GUEST_ASSERT_3(READ_ONCE(target->received) == received + 1,
			       READ_ONCE(target->received), received, s->dest);
		WRITE_ONCE(s->nr_done, i + 1);
	}
}

static void guest_receive(struct vcpu_state *s, bool halt)
{
	WRITE_ONCE(s->receiving, true);
	while (READ_ONCE(s->received) < s->n) {
		if (!halt) {
			cpu_relax();
			continue;
		}
		asm volatile("cli");
		if (READ_ONCE(s->received) < s->n)
			asm volatile("sti; hlt");
		asm volatile("sti");
	}
	WRITE_ONCE(s->receiving, false);
}

static void guest_move_id(struct vcpu_state *s)
{
	uint32_t old = xapic_read_reg(APIC_ID), i;

	for (i = 0; !READ_ONCE(stop); i++) {
		xapic_write_reg(APIC_ID, (0x20 + i % 16) << 24);
		WRITE_ONCE(s->nr_done, i + 1);
	}
	xapic_write_reg(APIC_ID, old);
}

static void guest_command(struct vcpu_state *s)
{
	uint64_t i;

	switch (s->cmd) {
	case CMD_ENABLE_XAPIC:
		xapic_enable();
		s->x2apic = false;
		asm volatile("sti");
		break;
	case CMD_ENABLE_X2APIC:
		x2apic_enable();
		s->x2apic = true;
		asm volatile("sti");
		break;
	case CMD_SEND:
		guest_send(s);
		break;
	case CMD_SEND_BLIND:
		for (i = 0; i < s->n; i++)
			send_ipi(s);
		break;
	case CMD_RECEIVE_SPIN:
	case CMD_RECEIVE_HALT:
		guest_receive(s, s->cmd == CMD_RECEIVE_HALT);
		break;
	case CMD_SET_ID:
		xapic_write_reg(APIC_ID, s->dest << 24);
		break;
	case CMD_MOVE_ID:
		guest_move_id(s);
		break;
	case CMD_SW_DISABLE:
		apic_write(s, APIC_SPIV, apic_read(s, APIC_SPIV) & ~APIC_SPIV_APIC_ENABLED);
		break;
	case CMD_SW_ENABLE:
		apic_write(s, APIC_SPIV, apic_read(s, APIC_SPIV) | APIC_SPIV_APIC_ENABLED);
		break;
	}
}

static void guest_code(int i)
{
	wrmsr(MSR_GS_BASE, i);
	for (;;) {
		guest_command(&guest[i]);
		GUEST_SYNC(0);
	}
}

static void pin_to_cpu(pthread_t thread, int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	TEST_ASSERT(!pthread_setaffinity_np(thread, sizeof(cpus), &cpus), "No CPU %d", cpu);
}

/* A vCPU that has no command isn't in KVM_RUN. */
static void *vcpu_thread(void *arg)
{
	int i = (long)arg;
	struct ucall uc;

	for (;;) {
		while (sem_wait(&start[i]))
			;
		if (quit)
			return NULL;
		vcpu_run(vcpus[i]);
		switch (get_ucall(vcpus[i], &uc)) {
		case UCALL_SYNC:
			break;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT_3(uc, "received %ld, before the IPI %ld, dest %ld");
			break;
		default:
			TEST_FAIL("Unexpected exit of vCPU %u: %s", vcpus[i]->id,
				  exit_reason_str(vcpus[i]->run->exit_reason));
		}
		sem_post(&done[i]);
	}
}

static void begin(int i, enum command cmd, uint64_t dest, uint64_t n, int target)
{
	state[i].cmd = cmd;
	state[i].dest = dest;
	state[i].n = n;
	state[i].target = target;
	state[i].nr_done = 0;
	sem_post(&start[i]);
}

static void end(int i)
{
	while (sem_wait(&done[i]))
		;
}

static void command(int i, enum command cmd, uint64_t dest)
{
	begin(i, cmd, dest, 0, 0);
	end(i);
}

static int add_vcpu(uint32_t id, bool x2apic)
{
	int i = nr_vcpus++;

	TEST_ASSERT(i < MAX_VCPUS, "Too many vCPUs");
	vcpus[i] = vm_vcpu_add(vm, id, guest_code);
	vcpu_args_set(vcpus[i], 1, i);
	vcpu_init_descriptor_tables(vcpus[i]);
	memset(&state[i], 0, sizeof(state[i]));
	sem_init(&start[i], 0, 0);
	sem_init(&done[i], 0, 0);
	pthread_create(&threads[i], NULL, vcpu_thread, (void *)(long)i);
	command(i, x2apic ? CMD_ENABLE_X2APIC : CMD_ENABLE_XAPIC, 0);
	return i;
}

/* @max_ids is for KVM_CAP_MAX_VCPU_ID, 0: leave it alone. */
static void create_vm(int max_ids)
{
	vm = __vm_create(VM_MODE_DEFAULT, MAX_VCPUS, 0);
	/* A vCPU that halts is blocked, and not polled first. */
	vm_enable_cap(vm, KVM_CAP_HALT_POLL, 0);
	if (max_ids)
		vm_enable_cap(vm, KVM_CAP_MAX_VCPU_ID, max_ids);
	/* One page unless more is declared, whole pages. */
	table_ids = IDS_OF_ONE_PAGE;
	if (max_ids > IDS_OF_ONE_PAGE)
		table_ids = max_ids;
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
	state = addr_gva2hva(vm, (vm_vaddr_t)&guest);
	host_stop = addr_gva2hva(vm, (vm_vaddr_t)&stop);
	nr_vcpus = 0;
	quit = false;
}

static void free_vm(void)
{
	int i;

	quit = true;
	for (i = 0; i < nr_vcpus; i++) {
		sem_post(&start[i]);
		pthread_join(threads[i], NULL);
	}
	kvm_vm_free(vm);
}

enum exits {
	DONT_CARE,
	/* No exit because of an IPI. */
	NONE,
	/* An exit for each IPI. */
	ALL,
};

static void check_exits(uint64_t exits, uint64_t nr_ipis, enum exits expected,
			const char *what, uint64_t dest)
{
	if (!ipiv || expected == DONT_CARE)
		return;
	TEST_ASSERT(expected == ALL ? exits >= nr_ipis : exits < nr_ipis / 2,
		    "%s: %lu exits for %lu IPIs to ID %lu", what, exits, nr_ipis, dest);
}

/*
 * Send IPIs from vCPU @from to @dest, which is an ID of vCPU @to.  All have to
 * arrive, and there only.
 */
static void exchange(const char *what, int from, int to, uint64_t dest, uint64_t nr_ipis,
		     enum command receive, enum exits expected)
{
	uint64_t before[MAX_VCPUS], exits;
	int i;

	for (i = 0; i < nr_vcpus; i++)
		before[i] = state[i].received;

	pin_to_cpu(threads[from], 0);
	pin_to_cpu(threads[to], 1);
	begin(to, receive, 0, before[to] + nr_ipis, 0);
	while (!READ_ONCE(state[to].receiving))
		sched_yield();

	exits = vcpu_get_stat(vcpus[from], "exits");
	state[from].delay = receive == CMD_RECEIVE_HALT ? TIME_TO_BLOCK : 0;
	begin(from, CMD_SEND, dest, nr_ipis, to);
	end(from);
	exits = vcpu_get_stat(vcpus[from], "exits") - exits;
	end(to);

	for (i = 0; i < nr_vcpus; i++)
		TEST_ASSERT(state[i].received == before[i] + (i == to ? nr_ipis : 0),
			    "%s: %lu IPIs from vCPU %u to ID %lu: vCPU %u received %lu", what,
			    nr_ipis, vcpus[from]->id, dest, vcpus[i]->id,
			    state[i].received - before[i]);
	check_exits(exits, nr_ipis, expected, what, dest);
}

static void exchange_spin(const char *what, int from, int to, uint64_t dest, enum exits expected)
{
	exchange(what, from, to, dest, NR_IPIS, CMD_RECEIVE_SPIN, expected);
}

/* Each IPI finds its target blocked, give or take a few. */
static void exchange_blocked(int from, int to, uint64_t dest)
{
	uint64_t halts = vcpu_get_stat(vcpus[to], "halt_exits");

	exchange("blocked", from, to, dest, NR_BLOCKED, CMD_RECEIVE_HALT, DONT_CARE);
	halts = vcpu_get_stat(vcpus[to], "halt_exits") - halts;
	TEST_ASSERT(halts > NR_BLOCKED / 2, "vCPU %u was blocked %lu times for %d IPIs",
		    vcpus[to]->id, halts, NR_BLOCKED);
}

/* Send IPIs to an ID that nobody has, or too many. */
static void send_to_nobody(const char *what, int from, uint64_t dest)
{
	uint64_t exits = vcpu_get_stat(vcpus[from], "exits");

	begin(from, CMD_SEND_BLIND, dest, NR_IPIS, 0);
	end(from);
	check_exits(vcpu_get_stat(vcpus[from], "exits") - exits, NR_IPIS, ALL, what, dest);
}

/* The tables of AVIC have room for fewer IDs, and KVM refuses the others. */
static bool can_create(uint32_t id)
{
	struct kvm_vm *vm = vm_create_barebones();
	int fd;

	vm_create_irqchip(vm);
	fd = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(unsigned long)id);
	if (fd >= 0)
		close(fd);
	else
		pr_info("No vCPU can have ID %u\n", id);
	kvm_vm_free(vm);
	return fd >= 0;
}

/* All pairs, running and blocked targets. */
static void test_pairs(bool x2apic, const uint32_t *ids, int nr_ids, int max_ids)
{
	enum exits expected;
	int from, to, i;

	if (!can_create(ids[nr_ids - 1]))
		return;

	create_vm(max_ids);
	for (i = 0; i < nr_ids; i++)
		add_vcpu(ids[i], x2apic);

	for (from = 0; from < nr_ids; from++) {
		for (to = 0; to < nr_ids; to++) {
			if (from == to)
				continue;
			/* 255 would be a broadcast if it came from an xAPIC. */
			expected = ids[to] < table_ids && ids[to] != 255 ? NONE : ALL;
			exchange_spin("pairs", from, to, ids[to], expected);
			exchange_blocked(from, to, ids[to]);
		}
	}
	send_to_nobody("nobody", 0, ids[nr_ids - 1] == 7 ? 8 : 7);
	free_vm();
}

static void test_all_pairs(void)
{
	static const uint32_t small[] = { 0, 1, 5 };
	static const uint32_t one_page[] = { 0, 255, 511 };
	static const uint32_t two_pages[] = { 0, 512 };
	static const uint32_t large[] = { 0, 255, 256, 4095 };

	test_pairs(false, small, ARRAY_SIZE(small), 0);
	test_pairs(true, small, ARRAY_SIZE(small), 0);
	test_pairs(true, one_page, ARRAY_SIZE(one_page), 512);
	test_pairs(true, two_pages, ARRAY_SIZE(two_pages), 513);
	test_pairs(true, large, ARRAY_SIZE(large), 4096);
	/* Nothing is declared. */
	test_pairs(true, large, ARRAY_SIZE(large), 0);
}

/* A VM with room for a single ID still has a table for each xAPIC ID. */
static void test_one_id(void)
{
	create_vm(1);
	add_vcpu(0, false);
	command(0, CMD_SET_ID, 9);
	send_to_nobody("one ID", 0, 0);
	free_vm();
}

static void test_move_swap_alias(void)
{
	uint64_t received[2];

	create_vm(0);
	add_vcpu(0, false);
	add_vcpu(1, false);
	add_vcpu(2, false);

	exchange_spin("before", 0, 1, 1, NONE);
	command(1, CMD_SET_ID, 0x77);
	exchange_spin("moved", 0, 1, 0x77, NONE);
	exchange_spin("others", 0, 2, 2, NONE);
	exchange_spin("from moved", 1, 0, 0, NONE);
	send_to_nobody("old ID", 0, 1);

	command(1, CMD_SET_ID, 2);
	command(2, CMD_SET_ID, 1);
	exchange_spin("swapped", 0, 1, 2, NONE);
	exchange_spin("swapped", 0, 2, 1, NONE);

	/* vCPU 1 has ID 2, too.  Both have to get the IPIs, later. */
	command(2, CMD_SET_ID, 2);
	received[0] = state[1].received;
	received[1] = state[2].received;
	send_to_nobody("aliased", 0, 2);
	command(1, CMD_SW_ENABLE, 0);
	command(2, CMD_SW_ENABLE, 0);
	TEST_ASSERT(state[1].received > received[0] && state[2].received > received[1],
		    "IPI to an alias lost");
	send_to_nobody("aliased, no owner", 0, 1);
	command(1, CMD_SET_ID, 1);
	exchange_spin("no alias anymore", 0, 1, 1, NONE);
	exchange_spin("no alias anymore", 0, 2, 2, NONE);
	free_vm();
}

/* Exchange IPIs while vCPU 2 changes its ID all the time. */
static void test_move_under_load(void)
{
	create_vm(0);
	add_vcpu(0, false);
	add_vcpu(1, false);
	add_vcpu(2, false);

	*host_stop = false;
	begin(2, CMD_MOVE_ID, 0, 0, 0);
	while (READ_ONCE(state[2].nr_done) < 10)
		sched_yield();
	exchange("under load", 0, 1, 1, nr_load, CMD_RECEIVE_SPIN, DONT_CARE);
	WRITE_ONCE(*host_stop, true);
	end(2);
	pr_info("under load: %lu IPIs, %lu moves\n", nr_load, state[2].nr_done);
	exchange_spin("after load", 0, 1, 1, NONE);
	exchange_spin("after load", 0, 2, 2, NONE);
	free_vm();
}

/* KVM_SET_LAPIC, disabling and enabling the APIC as a reboot does, and in the SVR. */
static void test_user_and_reset(void)
{
	struct kvm_lapic_state lapic;
	struct kvm_sregs sregs;

	create_vm(0);
	add_vcpu(0, false);
	add_vcpu(1, false);

	vcpu_ioctl(vcpus[1], KVM_GET_LAPIC, &lapic);
	*(uint32_t *)&lapic.regs[APIC_ID] = 0x44 << 24;
	vcpu_ioctl(vcpus[1], KVM_SET_LAPIC, &lapic);
	exchange_spin("KVM_SET_LAPIC", 0, 1, 0x44, NONE);

	vcpu_sregs_get(vcpus[1], &sregs);
	sregs.apic_base &= ~MSR_IA32_APICBASE_ENABLE;
	vcpu_sregs_set(vcpus[1], &sregs);
	send_to_nobody("disabled", 0, 0x44);
	send_to_nobody("disabled", 0, 1);
	sregs.apic_base |= MSR_IA32_APICBASE_ENABLE;
	vcpu_sregs_set(vcpus[1], &sregs);
	exchange_spin("enabled", 0, 1, 1, NONE);

	command(1, CMD_SW_DISABLE, 0);
	send_to_nobody("disabled in the SVR", 0, 1);
	command(1, CMD_SW_ENABLE, 0);
	exchange_spin("enabled in the SVR", 0, 1, 1, NONE);
	free_vm();
}

static void test_mixed_modes(void)
{
	if (!can_create(255))
		return;

	create_vm(0);
	add_vcpu(0, true);
	add_vcpu(1, false);
	add_vcpu(255, true);

	exchange_spin("x2APIC to xAPIC", 0, 1, 1, NONE);
	exchange_spin("xAPIC to x2APIC", 1, 0, 0, NONE);
	/* A broadcast for vCPU 1, i.e. nothing that the CPU may deliver. */
	exchange_spin("x2APIC to 255", 0, 2, 255, ALL);
	command(1, CMD_ENABLE_X2APIC, 0);
	exchange_spin("all x2APIC, to 255", 0, 2, 255, ALL);
	free_vm();
}

/*
 * With 32-bit IDs, one that is truncated in xAPIC mode doesn't count if another vCPU
 * has that ID, no matter which of them was created first.
 */
static void test_32bit_ids(void)
{
	create_vm(0);
	vm_enable_cap(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS);
	add_vcpu(0, false);
	add_vcpu(0x101, false);
	add_vcpu(1, false);
	exchange_spin("truncated", 0, 2, 1, NONE);
	command(1, CMD_SW_DISABLE, 0);
	exchange_spin("truncated and disabled", 0, 2, 1, NONE);
	command(1, CMD_ENABLE_X2APIC, 0);
	exchange_spin("not truncated anymore", 0, 2, 1, NONE);
	free_vm();
}

/* Create vCPUs, the last ones with IDs beyond the table, while IPIs are sent. */
static void test_hotplug(void)
{
	static const uint32_t ids[] = { 7, 600, 1500, 3000 };
	uint64_t received;
	int i;

	if (!can_create(3000))
		return;

	create_vm(0);
	add_vcpu(0, true);
	add_vcpu(1, true);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		send_to_nobody("not there yet", 0, ids[i]);

		received = state[1].received;
		begin(1, CMD_RECEIVE_SPIN, 0, received + nr_load, 0);
		begin(0, CMD_SEND, 1, nr_load, 1);
		while (READ_ONCE(state[0].nr_done) < 10)
			sched_yield();
		add_vcpu(ids[i], true);
		end(0);
		end(1);
		ASSERT_EQ(state[1].received, received + nr_load);

		exchange_spin("hotplugged", 0, i + 2, ids[i],
			      ids[i] < table_ids ? NONE : ALL);
		exchange_spin("after hotplug", 0, 1, 1, NONE);
	}
	free_vm();
}

static bool busy;

static void *busy_thread(void *arg)
{
	while (READ_ONCE(busy))
		;
	return NULL;
}

static void test_preempted(void)
{
	pthread_t thread;

	create_vm(0);
	add_vcpu(0, true);
	add_vcpu(1, true);
	busy = true;
	pthread_create(&thread, NULL, busy_thread, NULL);
	pin_to_cpu(thread, 1);
	exchange("preempted", 0, 1, 1, NR_PREEMPTED, CMD_RECEIVE_SPIN, DONT_CARE);
	exchange("preempted, blocked", 0, 1, 1, NR_PREEMPTED, CMD_RECEIVE_HALT, DONT_CARE);
	WRITE_ONCE(busy, false);
	pthread_join(thread, NULL);
	free_vm();
}

/* The number of notifications that all CPUs have received outside of guests. */
static uint64_t nr_notifications(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	char line[256], *s, *next;
	uint64_t n, sum = 0;

	TEST_ASSERT(f, "Can't open /proc/interrupts");
	while (fgets(line, sizeof(line), f)) {
		s = strstr(line, "PIN:");
		if (!s)
			continue;
		for (s += 4; n = strtoull(s, &next, 10), next != s; s = next)
			sum += n;
	}
	fclose(f);
	return sum;
}

/* A vCPU that isn't loaded gets its IPI when it runs, and no notification. */
static void test_not_loaded(void)
{
	uint64_t before, received;

	create_vm(0);
	add_vcpu(0, true);
	add_vcpu(1, true);
	exchange_spin("loaded", 0, 1, 1, NONE);

	before = nr_notifications();
	received = state[1].received;
	begin(0, CMD_SEND_BLIND, 1, NR_IPIS, 0);
	end(0);
	ASSERT_EQ(nr_notifications(), before);
	ASSERT_EQ(state[1].received, received);

	/* All had the same vector. */
	begin(1, CMD_RECEIVE_SPIN, 0, received + 1, 0);
	end(1);
	ASSERT_EQ(state[1].received, received + 1);
	exchange_spin("loaded again", 0, 1, 1, NONE);
	free_vm();
}

/* While APICv is inhibited no write to the ICR may reach hardware. */
static void test_inhibited(void)
{
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ };
	int mode;

	if (!(kvm_check_cap(KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ))
		return;

	for (mode = 0; mode < 2; mode++) {
		create_vm(0);
		add_vcpu(0, mode);
		add_vcpu(1, mode);
		add_vcpu(2, mode);
		exchange_spin("not inhibited", 0, 1, 1, NONE);
		debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ;
		vcpu_guest_debug_set(vcpus[2], &debug);
		exchange_spin("inhibited", 0, 1, 1, ALL);
		debug.control = 0;
		vcpu_guest_debug_set(vcpus[2], &debug);
		exchange_spin("not inhibited anymore", 0, 1, 1, NONE);
		free_vm();
	}
}

static bool is_enabled(const char *param)
{
	FILE *f = fopen(param, "r");
	bool r = f && fgetc(f) == 'Y';

	if (f)
		fclose(f);
	return r;
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "pairs", test_all_pairs },
	{ "one-id", test_one_id },
	{ "move", test_move_swap_alias },
	{ "load", test_move_under_load },
	{ "reset", test_user_and_reset },
	{ "mixed", test_mixed_modes },
	{ "32-bit-ids", test_32bit_ids },
	{ "hotplug", test_hotplug },
	{ "preempted", test_preempted },
	{ "not-loaded", test_not_loaded },
	{ "inhibited", test_inhibited },
};

static bool is_selected(int argc, char *argv[], const char *name)
{
	int i;

	for (i = 2; i < argc; i++) {
		if (!strcmp(argv[i], name))
			return true;
	}
	return argc <= 2;
}

int main(int argc, char *argv[])
{
	int i;

	TEST_REQUIRE(sysconf(_SC_NPROCESSORS_ONLN) >= 2);

	setbuf(stdout, NULL);
	ipiv = is_intel_cpu() && is_enabled("/sys/module/kvm_intel/parameters/enable_ipiv");
	__TEST_REQUIRE(ipiv || (is_amd_cpu() && is_enabled("/sys/module/kvm_amd/parameters/avic")),
		       "neither IPI virtualization nor AVIC is enabled");
	if (argc > 1)
		nr_load = strtoull(argv[1], NULL, 0);

	pr_info("IPI virtualization is %sused\n", ipiv ? "" : "not ");
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (!is_selected(argc, argv, tests[i].name))
			continue;
		tests[i].run();
		pr_info("%s: done\n", tests[i].name);
	}
	return 0;
}
