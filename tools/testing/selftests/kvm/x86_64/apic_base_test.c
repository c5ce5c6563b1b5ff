// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the relocation of the APIC: what the guest can do then, that APICv is not
 * used meanwhile, but is used again a moment after the last APIC has returned, and
 * that a vCPU which moves its APIC back and forth doesn't bother the others.
 *
 * vCPU 0 does what it's told, vCPU 1 is relocated by userspace, and doesn't run,
 * unless told otherwise.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define RELOCATED_GPA	0xfef00000ull
#define IPI_VECTOR	0x61
#define HIGH_VECTOR	0x71
#define NR_READS	100
#define NR_LOOPS	10
#define NR_TOGGLES	500
#define MAX_SPINNERS	3
#define NR_VMS		10
#define NR_REBOOTS	20
#define SLOT		10

/* Ticks of the TSC within which an IPI has to arrive: a cap, not a delay. */
#define PATIENCE	1000000000ull

/* How long it may take until APICv is used again, in ms: a cap, not a delay. */
#define MAX_DELAY	5000

/* Exits of each spinner while another vCPU moves its APIC NR_TOGGLES times. */
#define MAX_EXITS	33

enum command {
	/* Read the TPR NR_READS times. */
	READ_TPR,
	/* Send an IPI to itself and wait for it. */
	SELF_IPI,
	/* Write @arg to IA32_APICBASE. */
	WRITE_BASE,
	/* Read the first word of the page at @arg to @result. */
	READ_PAGE,
	/* Send INIT to vCPU 1. */
	SEND_INIT,
	/* Send itself an interrupt, and another one that has to wait for its EOI. */
	NESTED_IPI,
	/* Leave the base, use x2APIC mode, and accept no interrupts. */
	MESS_UP,
	/* Move the APIC to @arg and back, NR_TOGGLES times. */
	TOGGLE_BASE,
};

/* Shared with the guest. */
static volatile struct {
	enum command command;
	uint64_t arg;
	uint64_t result;
} shared;

static volatile typeof(shared) *host;
static volatile uint64_t received, high_received;
static volatile uint64_t nr_spinning;
static volatile uint64_t stop_spinning;

static uint64_t apic_gpa(void)
{
	return GET_APIC_BASE(rdmsr(MSR_IA32_APICBASE));
}

static void write_reg(uint32_t reg, uint32_t value)
{
	WRITE_ONCE(*(uint32_t *)(apic_gpa() + reg), value);
}

static void ipi_handler(struct ex_regs *regs)
{
	received++;
	write_reg(APIC_EOI, 0);
}

/* Exits before its EOI. */
static void high_handler(struct ex_regs *regs)
{
	high_received++;
	write_reg(APIC_ICR, APIC_DEST_SELF | APIC_DM_FIXED | IPI_VECTOR);
	GUEST_SYNC(0);
	GUEST_ASSERT_EQ(received, 0);
	write_reg(APIC_EOI, 0);
}

static void nested_ipi(void)
{
	uint64_t expected = high_received + 1, start = rdtsc();

	received = 0;
	write_reg(APIC_ICR, APIC_DEST_SELF | APIC_DM_FIXED | HIGH_VECTOR);
	while (!received && rdtsc() - start < PATIENCE)
		cpu_relax();
	GUEST_ASSERT_EQ(received, 1);
	GUEST_ASSERT_EQ(high_received, expected);
}

static void mess_up(void)
{
	uint64_t base = rdmsr(MSR_IA32_APICBASE) & ~0xffffff000ull;

	wrmsr(MSR_IA32_APICBASE, base | RELOCATED_GPA);
	x2apic_enable();
	x2apic_write_reg(APIC_TASKPRI, 0xf0);
}

static void read_tpr(void)
{
	volatile uint32_t *tpr = (uint32_t *)(apic_gpa() + APIC_TASKPRI);
	int i;

	write_reg(APIC_TASKPRI, 0x20);
	for (i = 0; i < NR_READS; i++)
		GUEST_ASSERT_EQ(*tpr, 0x20);
	write_reg(APIC_TASKPRI, 0);
}

static void self_ipi(void)
{
	uint64_t expected = received + 1, start = rdtsc();

	write_reg(APIC_ICR, APIC_DEST_SELF | APIC_DM_FIXED | IPI_VECTOR);
	while (received != expected && rdtsc() - start < PATIENCE)
		cpu_relax();
	GUEST_ASSERT_EQ(received, expected);
}

static void send_init(void)
{
	write_reg(APIC_ICR2, SET_APIC_DEST_FIELD(1u));
	write_reg(APIC_ICR, APIC_INT_ASSERT | APIC_DM_INIT);
}

static void toggle_base(void)
{
	uint64_t base = rdmsr(MSR_IA32_APICBASE);
	int i;

	for (i = 0; i < NR_TOGGLES; i++) {
		wrmsr(MSR_IA32_APICBASE, shared.arg | get_bsp_flag());
		wrmsr(MSR_IA32_APICBASE, base);
	}
}

/* What others shouldn't make exit. */
static void spinner_code(void)
{
	xapic_enable();
	xapic_read_reg(APIC_TASKPRI);
	__sync_fetch_and_add(&nr_spinning, 1);
	while (!stop_spinning)
		cpu_relax();
	GUEST_DONE();
}

static void guest_code(void)
{
	xapic_enable();
	asm volatile("sti");

	for (;;) {
		GUEST_SYNC(0);
		switch (shared.command) {
		case READ_TPR:
			read_tpr();
			break;
		case SELF_IPI:
			self_ipi();
			break;
		case WRITE_BASE:
			wrmsr(MSR_IA32_APICBASE, shared.arg | get_bsp_flag());
			break;
		case READ_PAGE:
			shared.result = *(volatile uint32_t *)shared.arg;
			break;
		case SEND_INIT:
			send_init();
			break;
		case NESTED_IPI:
			nested_ipi();
			break;
		case MESS_UP:
			mess_up();
			break;
		case TOGGLE_BASE:
			toggle_base();
			break;
		}
	}
}

static struct kvm_vcpu *vcpu, *other;
static struct kvm_vm *vm;
static bool apicv;

/* A VM for up to @nr_vcpus, with vCPU 0. */
static void create_vm(int nr_vcpus)
{
	vm = vm_create(nr_vcpus);
	vcpu = vm_vcpu_add(vm, 0, guest_code);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	virt_pg_map(vm, RELOCATED_GPA, RELOCATED_GPA);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpu);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
	vm_install_exception_handler(vm, HIGH_VECTOR, high_handler);
	host = addr_gva2hva(vm, (vm_vaddr_t)&shared);
}

/* Let the guest run until it waits for a command, or exits for MMIO. */
static void run(void)
{
	struct ucall uc;

	vcpu_run(vcpu);
	if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
		return;
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2(uc, "%lx, expected %lx");
	ASSERT_EQ(uc.cmd, UCALL_SYNC);
}

static void command(enum command command, uint64_t arg)
{
	host->command = command;
	host->arg = arg;
	run();
}

static uint64_t exits_of_reads(void)
{
	uint64_t exits = vcpu_get_stat(vcpu, "exits");

	command(READ_TPR, 0);
	return vcpu_get_stat(vcpu, "exits") - exits;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/*
 * Accesses exit if and only if APICv is inhibited, which it is at once.  It isn't
 * anymore some time after the reason has gone.
 */
static void expect_active(bool active)
{
	uint64_t exits, end = now_ms() + MAX_DELAY;

	do {
		exits = exits_of_reads();
	} while (active && apicv && exits >= NR_READS && now_ms() < end);

	if (active && apicv)
		TEST_ASSERT(exits < NR_READS,
			    "APICv isn't active: %lu exits of %d reads", exits, NR_READS);
	else
		TEST_ASSERT(exits >= NR_READS,
			    "APICv is active: %lu exits of %d reads", exits, NR_READS);

	command(SELF_IPI, 0);
}

/* Read from a page that nothing is at, which userspace has to answer. */
static void expect_mmio(uint64_t gpa)
{
	uint32_t value = 0x12345678;

	command(READ_PAGE, gpa);
	ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, gpa);
	memcpy(vcpu->run->mmio.data, &value, sizeof(value));
	run();
	ASSERT_EQ(host->result, value);
}

/* Write back what is there, as migration does. */
static void rewrite_lapic(struct kvm_vcpu *vcpu)
{
	struct kvm_lapic_state lapic;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &lapic);
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
}

#define HOME	(APIC_DEFAULT_GPA | MSR_IA32_APICBASE_ENABLE)
#define AWAY	(RELOCATED_GPA | MSR_IA32_APICBASE_ENABLE)

static void test_guest_relocates(void)
{
	int i;

	for (i = 0; i < NR_LOOPS; i++) {
		command(WRITE_BASE, AWAY);
		expect_active(false);
		command(WRITE_BASE, HOME);
		expect_active(true);
	}
}

/* Elsewhere, the APIC is no longer where it was. */
static void test_pages(void)
{
	uint32_t *memory;

	expect_mmio(RELOCATED_GPA + 0x30);
	command(WRITE_BASE, AWAY);
	expect_mmio(APIC_DEFAULT_GPA + 0x30);

	/* A memslot takes precedence over the APIC. */
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, RELOCATED_GPA, SLOT, 1, 0);
	memory = addr_gpa2hva(vm, RELOCATED_GPA);
	memory[APIC_LVR / 4] = 0xabcdef01;
	command(READ_PAGE, RELOCATED_GPA + APIC_LVR);
	ASSERT_EQ(host->result, 0xabcdef01);
	vm_mem_region_delete(vm, SLOT);

	command(READ_PAGE, RELOCATED_GPA + APIC_LVR);
	TEST_ASSERT((host->result & 0xff) >= 0x10 && (host->result & 0xff) < 0x20,
		    "Not the version of an APIC: %lx", host->result);
	expect_active(false);
	command(WRITE_BASE, HOME);
	expect_active(true);
}

static void test_all_relocated(void)
{
	command(WRITE_BASE, AWAY);
	vcpu_set_apic_base(other, AWAY);
	expect_active(false);
	command(WRITE_BASE, HOME);
	expect_active(false);
	vcpu_set_apic_base(other, HOME);
	expect_active(true);
}

/* An APIC that is disabled is nowhere. */
static void test_disabled(void)
{
	vcpu_set_apic_base(other, AWAY);
	expect_active(false);
	vcpu_set_apic_base(other, RELOCATED_GPA);
	expect_active(true);
	vcpu_set_apic_base(other, AWAY);
	expect_active(false);
	vcpu_set_apic_base(other, APIC_DEFAULT_GPA);
	expect_active(true);
	vcpu_set_apic_base(other, HOME);
	expect_active(true);
}

/* What a VMM does for migration, and for RESET, in both orders. */
static void test_userspace_writes(void)
{
	int i;

	for (i = 0; i < NR_LOOPS; i++) {
		vcpu_set_apic_base(other, AWAY);
		rewrite_lapic(other);
		vcpu_set_apic_base(other, AWAY);
		rewrite_lapic(other);
		vcpu_set_apic_base(other, HOME);
		rewrite_lapic(other);
		rewrite_lapic(other);
		vcpu_set_apic_base(other, HOME);
	}
	expect_active(true);

	vcpu_set_apic_base(other, AWAY);
	rewrite_lapic(other);
	expect_active(false);
	rewrite_lapic(other);
	vcpu_set_apic_base(other, HOME);
	expect_active(true);
}

/* INIT leaves the base alone.  KVM_GET_MP_STATE lets the vCPU take it. */
static void test_init(void)
{
	struct kvm_mp_state state;
	struct kvm_sregs sregs;

	vcpu_set_apic_base(other, AWAY);
	command(SEND_INIT, 0);
	vcpu_mp_state_get(other, &state);
	vcpu_sregs_get(other, &sregs);
	ASSERT_EQ(sregs.apic_base, AWAY);
	expect_active(false);
	vcpu_set_apic_base(other, HOME);
	expect_active(true);
}

/* A vCPU that comes while another one is relocated, and stays. */
static void test_new_vcpu(void)
{
	struct kvm_vcpu *new;

	vcpu_set_apic_base(other, AWAY);
	new = vm_vcpu_add(vm, 2, guest_code);
	expect_active(false);
	vcpu_set_apic_base(new, AWAY);
	vcpu_set_apic_base(other, HOME);
	expect_active(false);
	vcpu_set_apic_base(new, HOME);
	expect_active(true);

	/* The VM is destroyed with an APIC that isn't where it was. */
	vcpu_set_apic_base(new, AWAY);
	expect_active(false);
}

/* A reboot, as a VMM does it: everything as it was when the vCPU was created. */
static void reset_vcpu(struct kvm_regs *regs, struct kvm_sregs *sregs,
		       struct kvm_lapic_state *lapic, bool lapic_first)
{
	if (lapic_first)
		vcpu_ioctl(vcpu, KVM_SET_LAPIC, lapic);
	vcpu_sregs_set(vcpu, sregs);
	if (!lapic_first)
		vcpu_ioctl(vcpu, KVM_SET_LAPIC, lapic);
	vcpu_regs_set(vcpu, regs);
}

/* With AVIC, what once was in x2APIC mode may get no APIC-access page anymore. */
static void test_reboots(void)
{
	struct kvm_lapic_state lapic;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int i;

	create_vm(1);
	vcpu_regs_get(vcpu, &regs);
	vcpu_sregs_get(vcpu, &sregs);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &lapic);

	for (i = 0; i < NR_REBOOTS; i++) {
		run();
		if (is_intel_cpu())
			expect_active(true);
		command(SELF_IPI, 0);
		command(WRITE_BASE, AWAY);
		expect_active(false);
		if (i % 2)
			command(MESS_UP, 0);
		reset_vcpu(&regs, &sregs, &lapic, i % 4 < 2);
	}
	kvm_vm_free(vm);
}

/* Let @vcpu go on in another VM, with an interrupt in service and one pending. */
static void migrate(bool lapic_first)
{
	struct kvm_lapic_state lapic;
	struct kvm_x86_state *state;

	state = vcpu_save_state(vcpu);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &lapic);
	kvm_vm_release(vm);
	vcpu = vm_recreate_with_one_vcpu(vm);

	if (lapic_first)
		vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
	vcpu_load_state(vcpu, state);
	if (!lapic_first)
		vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
	kvm_x86_state_cleanup(state);
}

static void test_migration(uint64_t base, bool lapic_first)
{
	create_vm(1);
	run();
	command(WRITE_BASE, base);
	expect_active(base == HOME);

	/* In the middle of it, the handler exits. */
	command(NESTED_IPI, 0);
	migrate(lapic_first);
	run();
	ASSERT_EQ(*(uint64_t *)addr_gva2hva(vm, (vm_vaddr_t)&received), 1);
	ASSERT_EQ(*(uint64_t *)addr_gva2hva(vm, (vm_vaddr_t)&high_received), 1);

	expect_active(base == HOME);
	command(WRITE_BASE, HOME);
	expect_active(true);
	kvm_vm_free(vm);
}

static void test_migrations(void)
{
	int i;

	for (i = 0; i < 4; i++)
		test_migration(i & 1 ? AWAY : HOME, i & 2);
}

struct spinner {
	struct kvm_vcpu *vcpu;
	pthread_t thread;
	/* Of its stats: to ask for them isn't possible while the vCPU runs. */
	int fd;
	struct kvm_stats_header header;
	struct kvm_stats_desc *descs;
	struct kvm_stats_desc *exits;
};

static void pin_to_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpus), &cpus), "No CPU %d", cpu);
}

static void *spinner_thread(void *arg)
{
	struct spinner *s = arg;
	struct ucall uc;

	pin_to_cpu(s->vcpu->id);
	vcpu_run(s->vcpu);
	ASSERT_EQ(get_ucall(s->vcpu, &uc), UCALL_DONE);
	return NULL;
}

static void spinner_start(struct spinner *s, uint32_t id)
{
	int i;

	s->vcpu = vm_vcpu_add(vm, id, spinner_code);
	s->fd = vcpu_get_stats_fd(s->vcpu);
	read_stats_header(s->fd, &s->header);
	s->descs = read_stats_descriptors(s->fd, &s->header);
	s->exits = NULL;
	for (i = 0; i < s->header.num_desc && !s->exits; i++) {
		s->exits = get_stats_descriptor(s->descs, i, &s->header);
		if (strcmp(s->exits->name, "exits"))
			s->exits = NULL;
	}
	TEST_ASSERT(s->exits, "No stat 'exits'");
	pthread_create(&s->thread, NULL, spinner_thread, s);
}

static void spinner_join(struct spinner *s)
{
	pthread_join(s->thread, NULL);
	free(s->descs);
	close(s->fd);
}

static uint64_t exits_of(struct spinner *spinners, int nr)
{
	uint64_t exits = 0, n;
	int i;

	for (i = 0; i < nr; i++) {
		read_stat_data(spinners[i].fd, &spinners[i].header, spinners[i].exits,
			       &n, 1);
		exits += n;
	}
	return exits;
}

static volatile uint64_t *guest_var(volatile void *var)
{
	return addr_gva2hva(vm, (vm_vaddr_t)var);
}

/*
 * Interrupts of the host make the spinners exit, too, hence not just a few of them.
 * Each vCPU has a CPU of its own, the scheduler is not what is tested.
 */
static void test_toggles(void)
{
	int i, nr = min(MAX_SPINNERS, (int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	struct spinner spinners[MAX_SPINNERS];
	cpu_set_t cpus;
	uint64_t exits;

	if (nr < 1)
		return;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	pin_to_cpu(0);
	create_vm(1 + nr);
	run();
	for (i = 0; i < nr; i++)
		spinner_start(&spinners[i], 1 + i);
	while (*guest_var(&nr_spinning) < nr)
		sched_yield();
	expect_active(true);

	exits = exits_of(spinners, nr);
	command(TOGGLE_BASE, AWAY);
	exits = exits_of(spinners, nr) - exits;
	pr_info("%d times there and back: %lu exits of %d other vCPUs\n", NR_TOGGLES, exits,
		nr);
	TEST_ASSERT(exits <= nr * MAX_EXITS,
		    "%d times there and back: %lu exits of %d other vCPUs", NR_TOGGLES,
		    exits, nr);
	expect_active(true);

	*guest_var(&stop_spinning) = true;
	for (i = 0; i < nr; i++)
		spinner_join(&spinners[i]);
	kvm_vm_free(vm);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

/*
 * VMs are destroyed before APICv is used again, with devices whose destruction
 * clears inhibits of its own.  Then time passes, i.e. whatever is left of them would
 * run.
 */
static void test_destruction(void)
{
	struct kvm_pit_config pit = {};
	int i;

	for (i = 0; i < NR_VMS; i++) {
		create_vm(1);
		vm_ioctl(vm, KVM_CREATE_PIT2, &pit);
		run();
		command(WRITE_BASE, AWAY);
		expect_active(false);
		command(WRITE_BASE, i % 2 ? AWAY : HOME);
		kvm_vm_free(vm);
	}

	create_vm(1);
	run();
	command(WRITE_BASE, AWAY);
	expect_active(false);
	command(WRITE_BASE, HOME);
	expect_active(true);
	kvm_vm_free(vm);
}

int main(void)
{
	apicv = kvm_has_apicv();
	pr_info("APICv is %s\n", apicv ? "on" : "off: nothing to inhibit");

	create_vm(3);
	other = vm_vcpu_add(vm, 1, guest_code);
	run();
	expect_active(true);
	test_guest_relocates();
	test_pages();
	test_all_relocated();
	test_disabled();
	test_userspace_writes();
	test_init();
	test_new_vcpu();
	kvm_vm_free(vm);

	test_reboots();
	test_migrations();
	test_toggles();
	test_destruction();
	return 0;
}
