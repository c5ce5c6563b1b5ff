// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the reasons for which APICv and AVIC are inhibited: that each of them is
 * set and cleared by what it is a reason for, that what the guest's APIC does is
 * the same with and without it, and that none remains without a cause for long.
 *
 * vCPU 0 does what it's told.  The others are changed by userspace, and don't run.
 */
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "apicv.h"
#include "hyperv.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"
#include "test_util.h"

#define X86_FEATURE_X2AVIC	KVM_X86_CPU_FEATURE(0x8000000A, 0, EDX, 18)

#define RELOCATED_GPA	0xfef00000ull
#define IPI_VECTOR	0x61
#define TIMER_VECTOR	0x62
#define NR_READS	100
#define NR_RESETS	100
#define NR_RACES	100
#define NR_TOGGLES	500
#define NR_TOGGLERS	4

/* How often to look for a reason that is cleared a moment after it has gone. */
#define NR_POLLS	2000

#define SINT_AUTO_EOI	BIT_ULL(17)
#define SINT_MASKED	BIT_ULL(16)

#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_LVTT	0x320
#define APIC_TMICT	0x380
#define APIC_TDCR	0x3e0

/* Ticks of the TSC within which an interrupt has to arrive: a cap, not a delay. */
#define PATIENCE	1000000000ull

enum command {
	/* Read the TPR NR_READS times, in the mode that the APIC is in. */
	READ_TPR,
	/* Send an IPI to itself and wait for it. */
	SELF_IPI,
	/* Wait for a tick of the timer. */
	TIMER,
	/* Write @value to the register @arg of the APIC. */
	WRITE_REG,
	/* Go to x2APIC mode. */
	X2APIC,
	/* Run a nested guest that exits to userspace, and return. */
	NESTED,
};

/* Shared with the guest. */
static volatile struct {
	enum command command;
	uint32_t arg;
	uint32_t value;
} shared;

static volatile typeof(shared) *host;
static volatile uint64_t received;
static struct svm_test_data *svm_data;
/* To ask the MSR would exit. */
static bool is_x2apic;

static uint32_t read_reg(uint32_t reg)
{
	return is_x2apic ? x2apic_read_reg(reg) : xapic_read_reg(reg);
}

static void write_reg(uint32_t reg, uint32_t value)
{
	if (is_x2apic)
		x2apic_write_reg(reg, value);
	else
		xapic_write_reg(reg, value);
}

static void handler(struct ex_regs *regs)
{
	received++;
	write_reg(APIC_EOI, 0);
}

static void await(uint64_t expected)
{
	uint64_t start = rdtsc();

	while (received != expected && rdtsc() - start < PATIENCE)
		cpu_relax();
	GUEST_ASSERT_EQ(received, expected);
}

static void read_tpr(void)
{
	int i;

	write_reg(APIC_TASKPRI, 0x20);
	for (i = 0; i < NR_READS; i++)
		GUEST_ASSERT_EQ(read_reg(APIC_TASKPRI), 0x20);
	write_reg(APIC_TASKPRI, 0);
}

static void self_ipi(void)
{
	uint64_t expected = received + 1;

	write_reg(APIC_ICR, APIC_DEST_SELF | APIC_DM_FIXED | IPI_VECTOR);
	await(expected);
}

static void timer(void)
{
	uint64_t expected = received + 1;

	write_reg(APIC_TDCR, 0xb);
	write_reg(APIC_LVTT, TIMER_VECTOR);
	write_reg(APIC_TMICT, 100);
	await(expected);
}

static void l2_code(void)
{
	GUEST_SYNC(NESTED);
	vmmcall();
}

static void run_nested(void)
{
	static unsigned long stack[64];

	generic_svm_setup(svm_data, l2_code, &stack[64]);
	run_guest(svm_data->vmcb, svm_data->vmcb_gpa);
	asm volatile("stgi");
	GUEST_ASSERT_EQ(svm_data->vmcb->control.exit_code, SVM_EXIT_VMMCALL);
}

static void guest_code(struct svm_test_data *svm)
{
	svm_data = svm;
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
		case TIMER:
			timer();
			break;
		case WRITE_REG:
			write_reg(shared.arg, shared.value);
			break;
		case X2APIC:
			x2apic_enable();
			is_x2apic = true;
			break;
		case NESTED:
			run_nested();
			break;
		}
	}
}

static struct kvm_vcpu *vcpu, *other, *third;
static struct kvm_vm *vm;
/* What the host has: APICv or AVIC, and which of them. */
static bool apicv, avic;
/*
 * Whether that can be seen by the exits.  Not with AVIC without x2AVIC, where
 * accesses of the whole VM exit once a vCPU has been in x2APIC mode.
 */
static bool visible;

static uint64_t run(void)
{
	struct ucall uc;

	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2(uc, "%lx, expected %lx");
	ASSERT_EQ(uc.cmd, UCALL_SYNC);
	return uc.args[1];
}

static void command(enum command command)
{
	host->command = command;
	run();
}

static void guest_write(uint32_t reg, uint32_t value)
{
	host->arg = reg;
	host->value = value;
	command(WRITE_REG);
}

/* APICv is active if and only if accesses don't exit; interrupts arrive anyway. */
static void expect_active(bool active)
{
	uint64_t exits = vcpu_get_stat(vcpu, "exits");

	command(READ_TPR);
	exits = vcpu_get_stat(vcpu, "exits") - exits;
	if (active && visible && exits >= NR_READS / 2)
		apicv_print(vm);
	if (active && visible)
		TEST_ASSERT(exits < NR_READS / 2,
			    "APICv isn't active: %lu exits of %d reads", exits, NR_READS);
	if (!active || !apicv)
		TEST_ASSERT(exits >= NR_READS,
			    "APICv is active: %lu exits of %d reads", exits, NR_READS);

	command(SELF_IPI);
	command(TIMER);
}

static bool is_active(void)
{
	uint64_t exits = vcpu_get_stat(vcpu, "exits");

	command(READ_TPR);
	return vcpu_get_stat(vcpu, "exits") - exits < NR_READS / 2;
}

/* Wait for what a guest can toggle to be cleared, on any kernel. */
static void await_active(void)
{
	int i;

	for (i = 0; visible && !is_active(); i++) {
		TEST_ASSERT(i < NR_POLLS, "APICv doesn't become active again");
		usleep(1000);
	}
}

/*
 * Inhibited for these reasons, which are separated by spaces, "" if for none, at
 * the latest in a moment.  On hosts without APICv, for that reason alone.
 */
static void expect(const char *reasons)
{
	if (vm == vcpu->vm) {
		if (!*reasons)
			await_active();
		expect_active(!*reasons);
	}
	apicv_await_reasons(vm, apicv ? reasons : "DISABLE");
}

/* The same for a reason that matters only to AVIC. */
static void expect_avic(const char *reasons)
{
	expect(avic ? reasons : "");
}

/* What a reason waits for, see apicv_expect_cause(). */
static void expect_cause(const char *cause)
{
	if (apicv)
		apicv_expect_cause(vm, cause);
}

static uint32_t *lapic_reg(struct kvm_lapic_state *lapic, uint32_t reg)
{
	return (uint32_t *)(lapic->regs + reg);
}

static void set_lapic_reg(struct kvm_vcpu *vcpu, uint32_t reg, uint32_t value)
{
	struct kvm_lapic_state lapic;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &lapic);
	*lapic_reg(&lapic, reg) = value;
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
}

#define HOME	(APIC_DEFAULT_GPA | MSR_IA32_APICBASE_ENABLE)
#define AWAY	(RELOCATED_GPA | MSR_IA32_APICBASE_ENABLE)

/*
 * A VM that is migrated to has the reasons that are in the state of its APICs,
 * whatever the order in which they are restored.
 */
static void expect_migrated(const char *reasons, bool lapic_first)
{
	struct kvm_vm *source = vm;
	struct kvm_lapic_state lapic;
	struct kvm_sregs sregs;
	struct kvm_vcpu *from, *to;

	vm = vm_create(3);
	list_for_each_entry(from, &source->vcpus, list) {
		to = __vm_vcpu_add(vm, from->id);
		vcpu_init_cpuid(to, kvm_get_supported_cpuid());
		vcpu_ioctl(from, KVM_GET_LAPIC, &lapic);
		vcpu_sregs_get(from, &sregs);
		if (lapic_first)
			vcpu_ioctl(to, KVM_SET_LAPIC, &lapic);
		vcpu_sregs_set(to, &sregs);
		vcpu_ioctl(to, KVM_SET_LAPIC, &lapic);
	}
	expect(reasons);
	kvm_vm_free(vm);
	vm = source;
}

/* A reason that is in the state of APICs. */
static void expect_state(const char *reasons)
{
	expect(reasons);
	expect_migrated(reasons, false);
	expect_migrated(reasons, true);
}

static void test_absent(void)
{
	struct kvm_vm *main_vm = vm;

	vm = vm_create_barebones();
	apicv_await_reasons(vm, apicv ? "ABSENT" : "DISABLE");
	vm_create_irqchip(vm);
	apicv_await_reasons(vm, apicv ? "" : "DISABLE");
	kvm_vm_free(vm);
	vm = main_vm;
}

static void test_blockirq(void)
{
	apicv_inhibit(other, true);
	expect("BLOCKIRQ");
	expect_cause("vCPU 1: KVM_GUESTDBG_BLOCKIRQ");
	apicv_inhibit(other, false);
	expect("");
	expect_cause("vCPU 1:");
}

/*
 * A SINT that is masked doesn't count, whatever its other bits are, nor does it
 * matter how often something is written, or how many SINTs share a vector.
 */
static void test_hyperv(void)
{
	int i;

	vcpu_enable_cap(other, KVM_CAP_HYPERV_SYNIC2, 0);
	vcpu_set_msr(other, HV_X64_MSR_SINT0, 0x80 | SINT_AUTO_EOI);
	expect("HYPERV");
	expect_cause("vCPU 1: AutoEOI");
	vcpu_set_msr(other, HV_X64_MSR_SINT0, 0x80);
	expect("");
	expect_cause("vCPU 1:");
	vcpu_set_msr(other, HV_X64_MSR_SINT0, 0x80 | SINT_AUTO_EOI | SINT_MASKED);
	expect("");

	vcpu_enable_cap(third, KVM_CAP_HYPERV_SYNIC2, 0);
	for (i = 0; i < 3; i++) {
		vcpu_set_msr(other, HV_X64_MSR_SINT0 + i, 0x80 | SINT_AUTO_EOI);
		vcpu_set_msr(third, HV_X64_MSR_SINT0 + i, (0x80 + i) | SINT_AUTO_EOI);
	}
	expect("HYPERV");
	/* As a guest does that stops using them, and as a VMM does at RESET. */
	for (i = 0; i < 3; i++) {
		expect("HYPERV");
		vcpu_set_msr(other, HV_X64_MSR_SINT0 + i, 0x80 | SINT_AUTO_EOI | SINT_MASKED);
	}
	for (i = 0; i < 3; i++) {
		expect("HYPERV");
		expect_cause("vCPU 1:");
		expect_cause("vCPU 2: AutoEOI");
		vcpu_set_msr(third, HV_X64_MSR_SINT0 + i, SINT_MASKED);
	}
	expect("");
}

#define NR_SINTS	16

/* A VM that is migrated to counts the same, in whatever order that is written. */
static void expect_hyperv_migrated(const char *reasons)
{
	struct kvm_vm *source = vm;
	struct kvm_vcpu *from, *to;
	int i, order;

	for (order = 0; order < 3; order++) {
		vm = vm_create(3);
		list_for_each_entry(from, &source->vcpus, list) {
			to = __vm_vcpu_add(vm, from->id);
			vcpu_init_cpuid(to, kvm_get_supported_cpuid());
			if (from->id)
				vcpu_enable_cap(to, KVM_CAP_HYPERV_SYNIC2, 0);
			for (i = 0; from->id && i < 2 * NR_SINTS; i++) {
				uint32_t msr = HV_X64_MSR_SINT0 +
					       (order == 0 ? i % NR_SINTS :
						order == 1 ? NR_SINTS - 1 - i % NR_SINTS : i / 2);

				vcpu_set_msr(to, msr, vcpu_get_msr(from, msr));
			}
		}
		expect(reasons);
		list_for_each_entry(to, &vm->vcpus, list) {
			for (i = 0; to->id && i < NR_SINTS; i++)
				vcpu_set_msr(to, HV_X64_MSR_SINT0 + i, SINT_MASKED);
		}
		expect("");
		kvm_vm_free(vm);
		vm = source;
	}
}

static void test_hyperv_migration(void)
{
	vcpu_set_msr(other, HV_X64_MSR_SINT0 + 2, 0x90 | SINT_AUTO_EOI);
	vcpu_set_msr(other, HV_X64_MSR_SINT0 + 3, 0x90);
	vcpu_set_msr(third, HV_X64_MSR_SINT0 + 2, 0x91 | SINT_AUTO_EOI | SINT_MASKED);
	expect_hyperv_migrated("HYPERV");
	vcpu_set_msr(third, HV_X64_MSR_SINT0 + 2, 0x91 | SINT_AUTO_EOI);
	vcpu_set_msr(other, HV_X64_MSR_SINT0 + 2, 0x90);
	expect_hyperv_migrated("HYPERV");
	vcpu_set_msr(third, HV_X64_MSR_SINT0 + 2, SINT_MASKED);
	expect_hyperv_migrated("");
	expect("");
}

static void test_base(void)
{
	vcpu_set_apic_base(other, AWAY);
	expect_state("APIC_BASE_MODIFIED");
	expect_cause("vCPU 1: base 0xfef00000");
	vcpu_set_apic_base(other, HOME);
	expect_state("");
	expect_cause("vCPU 1:");
}

/* IDs of APICs that accept interrupts matter, and to AVIC alone. */
static void test_id(void)
{
	/* By the guest, and by a VMM. */
	guest_write(APIC_ID, 0x77u << 24);
	expect_state("APIC_ID_MODIFIED");
	expect_cause("vCPU 0: ID 119");
	guest_write(APIC_ID, 0);
	expect_state("");
	expect_cause("vCPU 0:");

	set_lapic_reg(other, APIC_SPIV, 0x1ff);
	set_lapic_reg(other, APIC_ID, 0x77u << 24);
	expect_state("APIC_ID_MODIFIED");
	set_lapic_reg(other, APIC_ID, other->id << 24);
	expect_state("");

	/* The ID of another one. */
	set_lapic_reg(other, APIC_ID, 0);
	expect_state("APIC_ID_MODIFIED");
	expect_cause("vCPU 0:");
	expect_cause("vCPU 1: ID 0 shared with vCPU 0");
	/* The ID of an APIC that is disabled isn't one, and it's set when enabled. */
	vcpu_set_apic_base(other, APIC_DEFAULT_GPA);
	expect_state("");
	vcpu_set_apic_base(other, HOME);
	expect_state("");

	set_lapic_reg(other, APIC_ID, 0x77u << 24);
	expect_state("APIC_ID_MODIFIED");
	set_lapic_reg(other, APIC_SPIV, 0xff);
	expect_state("");
	set_lapic_reg(other, APIC_SPIV, 0x1ff);
	expect_state("APIC_ID_MODIFIED");
	set_lapic_reg(other, APIC_ID, other->id << 24);
	set_lapic_reg(other, APIC_SPIV, 0xff);
	expect_state("");
}

/* Logical IDs that AVIC can't address are no reason. */
static void test_logical_id(void)
{
	guest_write(APIC_LDR, 1u << 24);
	set_lapic_reg(other, APIC_SPIV, 0x1ff);
	set_lapic_reg(other, APIC_LDR, 1u << 24);
	expect_state("");
	guest_write(APIC_LDR, 0xcu << 24);
	expect_state("");
	set_lapic_reg(other, APIC_DFR, 0x0fffffff);
	expect_state("");

	set_lapic_reg(other, APIC_DFR, 0xffffffff);
	set_lapic_reg(other, APIC_SPIV, 0xff);
	set_lapic_reg(other, APIC_LDR, 0);
	guest_write(APIC_LDR, 0);
	expect_state("");
}

static void test_combined(void)
{
	vcpu_set_apic_base(third, AWAY);
	apicv_inhibit(other, true);
	expect("BLOCKIRQ APIC_BASE_MODIFIED");
	if (avic) {
		guest_write(APIC_ID, 0x77u << 24);
		expect("BLOCKIRQ APIC_ID_MODIFIED APIC_BASE_MODIFIED");
		guest_write(APIC_ID, 0);
	}
	expect("BLOCKIRQ APIC_BASE_MODIFIED");
	apicv_inhibit(other, false);
	expect("APIC_BASE_MODIFIED");
	vcpu_set_apic_base(third, HOME);
	expect("");
}

static volatile bool spin = true;
static volatile int nr_spinning;

static void toggle_code(bool toggle)
{
	int i;

	xapic_enable();
	GUEST_SYNC(0);
	for (i = 0; toggle && i < NR_TOGGLES; i++) {
		xapic_write_reg(APIC_ID, 0x77u << 24);
		xapic_write_reg(APIC_ID, 0);
	}
	if (!toggle)
		__atomic_fetch_add(&nr_spinning, 1, __ATOMIC_SEQ_CST);
	while (!toggle && spin)
		cpu_relax();
	GUEST_SYNC(0);
}

static void *run_until_sync(void *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
	return NULL;
}

/*
 * One vCPU changes its ID back and forth, which must not make the others wait for
 * a switch of APICv each time, nor exit at all.
 */
static void test_toggles(void)
{
	struct kvm_vm *vm = vm_create(NR_TOGGLERS);
	struct kvm_vcpu *vcpus[NR_TOGGLERS];
	pthread_t threads[NR_TOGGLERS];
	unsigned int changes;
	uint64_t own, all;
	volatile int *nr;
	int i;

	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	nr = addr_gva2hva(vm, (vm_vaddr_t)&nr_spinning);
	for (i = 0; i < NR_TOGGLERS; i++) {
		vcpus[i] = vm_vcpu_add(vm, i, toggle_code);
		vcpu_args_set(vcpus[i], 1, i == 0);
		run_until_sync(vcpus[i]);
	}
	apicv_trace_start();
	for (i = 1; i < NR_TOGGLERS; i++)
		pthread_create(&threads[i], NULL, run_until_sync, vcpus[i]);
	while (*nr < NR_TOGGLERS - 1)
		usleep(1000);
	own = vcpu_get_stat(vcpus[0], "exits");
	all = vm_exits(vm);
	run_until_sync(vcpus[0]);
	own = vcpu_get_stat(vcpus[0], "exits") - own;
	all = vm_exits(vm) - all;
	*(volatile bool *)addr_gva2hva(vm, (vm_vaddr_t)&spin) = false;
	for (i = 1; i < NR_TOGGLERS; i++)
		pthread_join(threads[i], NULL);
	changes = apicv_trace_stop();
	pr_info("%d toggles of an ID: %u changes of inhibits, %lu exits of %d other vCPUs\n",
		NR_TOGGLES, changes, all - own, NR_TOGGLERS - 1);
	TEST_ASSERT(all - own < NR_TOGGLES / 4, "%lu exits of others", all - own);
	TEST_ASSERT(changes < NR_TOGGLES / 4, "%u changes of inhibits", changes);
	apicv_await_reasons(vm, "");
	kvm_vm_free(vm);
}

static void test_pit(void)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_reinject_control control = { .pit_reinject = 0 };

	vm_ioctl(vm, KVM_CREATE_PIT2, &pit);
	/* No ticks are owed.  Those that are see pit_avic_test. */
	expect("");
	vm_ioctl(vm, KVM_REINJECT_CONTROL, &control);
	expect("");
}

/* Seen by the vCPU that runs the nested guest, and by no other. */
static void test_nested(void)
{
	if (!this_cpu_has(X86_FEATURE_SVM))
		return;

	host->command = NESTED;
	ASSERT_EQ(run(), NESTED);
	apicv_await_reasons(vm, apicv ? "" : "DISABLE");
	apicv_expect_vcpu(vm, 0, avic ? "off NESTED" : "off");

	/* Reasons of the VM come and go while the nested guest runs. */
	apicv_inhibit(other, true);
	vcpu_set_apic_base(third, AWAY);
	apicv_await_reasons(vm, avic ? "BLOCKIRQ APIC_BASE_MODIFIED" : "DISABLE");
	apicv_inhibit(other, false);
	vcpu_set_apic_base(third, HOME);
	apicv_await_reasons(vm, apicv ? "" : "DISABLE");
	run();
	expect("");
	apicv_expect_vcpu(vm, 0, apicv ? "on" : "off");
}

enum { RACE_BASE, RACE_ID, RACE_BLOCKIRQ, NR_RACERS };

static void *race(void *arg)
{
	unsigned long what = (unsigned long)arg;
	int i;

	for (i = 0; i < NR_RACES; i++) {
		switch (what) {
		case RACE_BASE:
			vcpu_set_apic_base(third, AWAY);
			vcpu_set_apic_base(third, HOME);
			break;
		case RACE_ID:
			if (!avic)
				return NULL;
			set_lapic_reg(other, APIC_ID, 0x77u << 24);
			set_lapic_reg(other, APIC_ID, other->id << 24);
			break;
		case RACE_BLOCKIRQ:
			apicv_inhibit(other, i % 2 == 0);
			break;
		}
	}
	return NULL;
}

static void test_concurrent(void)
{
	pthread_t threads[NR_RACERS];
	unsigned long i;

	for (i = 0; i < NR_RACERS; i++)
		pthread_create(&threads[i], NULL, race, (void *)i);
	for (i = 0; i < NR_RACES; i++) {
		command(SELF_IPI);
		command(TIMER);
	}
	for (i = 0; i < NR_RACERS; i++)
		pthread_join(threads[i], NULL);
	expect("");
}

/* RESET of an APIC by a VMM, which writes all of its state, in either order. */
static void reset(struct kvm_vcpu *vcpu, bool lapic_first)
{
	struct kvm_lapic_state lapic = {};

	*lapic_reg(&lapic, APIC_ID) = vcpu->id << 24;
	*lapic_reg(&lapic, APIC_LVR) = 0x50014;
	*lapic_reg(&lapic, APIC_DFR) = 0xffffffff;
	*lapic_reg(&lapic, APIC_SPIV) = 0xff;

	if (lapic_first)
		vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
	vcpu_set_apic_base(vcpu, HOME);
	if (!lapic_first)
		vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
}

static void send_init(struct kvm_vcpu *vcpu)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_INIT_RECEIVED };

	vcpu_mp_state_set(vcpu, &state);
	vcpu_mp_state_get(vcpu, &state);
}

/* Guests do odd things, and none of them matters after a reboot. */
static void test_reboots(void)
{
	int i;

	for (i = 0; i < NR_RESETS; i++) {
		switch (i % 4) {
		case 0:
			if (avic)
				set_lapic_reg(other, APIC_ID, 0);
			break;
		case 1:
			vcpu_set_apic_base(other, HOME | X2APIC_ENABLE);
			break;
		case 2:
			vcpu_set_apic_base(third, AWAY);
			set_lapic_reg(other, APIC_SPIV, 0x1ff);
			set_lapic_reg(other, APIC_LDR, 3u << 24);
			break;
		case 3:
			vcpu_set_apic_base(other, HOME | X2APIC_ENABLE);
			vcpu_set_apic_base(third, HOME | X2APIC_ENABLE);
			send_init(other);
			break;
		}
		reset(other, i & 1);
		reset(third, i & 2);
		if (i % 10 == 9)
			await_active();
	}
	expect("");
}

/* As vm_vcpu_add(), for vCPUs that don't run. */
static struct kvm_vcpu *add_vcpu(struct kvm_vm *vm, uint32_t id)
{
	struct kvm_vcpu *vcpu = __vm_vcpu_add(vm, id);

	vcpu_init_cpuid(vcpu, kvm_get_supported_cpuid());
	return vcpu;
}

/* What the CPU's tables have no entry for, and xAPIC mode has no ID for. */
static void test_large_ids(void)
{
	struct kvm_vm *main_vm = vm;
	struct kvm_vcpu *first, *large;
	bool too_big;

	vm = vm_create(2);
	vm_enable_cap(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS);
	first = add_vcpu(vm, 0);
	large = add_vcpu(vm, 256);
	too_big = apicv_has_reason(vm, "PHYSICAL_ID_TOO_BIG");
	if (!too_big) {
		expect("");
		/* An APIC in xAPIC mode can send now. */
		set_lapic_reg(first, APIC_SPIV, 0x1ff);
		expect_avic("PHYSICAL_ID_TOO_BIG");
		vcpu_set_apic_base(first, HOME | X2APIC_ENABLE);
		expect("");
	}
	/* An APIC that is disabled has no registers. */
	vcpu_set_apic_base(large, APIC_DEFAULT_GPA);
	expect("");
	kvm_vm_free(vm);

	vm = vm_create(2);
	vm_enable_cap(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS);
	add_vcpu(vm, 0);
	expect("");
	add_vcpu(vm, 512);
	expect_avic("PHYSICAL_ID_TOO_BIG");
	kvm_vm_free(vm);
	vm = main_vm;
}

/*
 * 0xff isn't an ID in xAPIC mode, but a guest can write it, and with what is sent to
 * all the CPU would skip that APIC, even if another one with 0xff is disabled.
 */
static void test_id_ff(void)
{
	struct kvm_vm *main_vm = vm;
	struct kvm_vcpu *disabled, *enabled;

	vm = vm_create(3);
	vcpu_set_apic_base(add_vcpu(vm, 0), HOME | X2APIC_ENABLE);
	disabled = add_vcpu(vm, 1);
	enabled = add_vcpu(vm, 2);
	set_lapic_reg(disabled, APIC_ID, 0xffu << 24);
	set_lapic_reg(enabled, APIC_ID, 0xffu << 24);
	set_lapic_reg(enabled, APIC_SPIV, 0x1ff);
	TEST_ASSERT(apicv_has_reason(vm, "APIC_ID_MODIFIED"), "Enabled APIC ignored");
	set_lapic_reg(disabled, APIC_ID, disabled->id << 24);
	set_lapic_reg(enabled, APIC_ID, enabled->id << 24);
	expect("");
	kvm_vm_free(vm);
	vm = main_vm;
}

/* With 32-bit IDs, an ID that is truncated is none, i.e. not shared either. */
static void test_id_truncated(void)
{
	struct kvm_vm *main_vm = vm;
	struct kvm_vcpu *thief;

	vm = vm_create(3);
	vm_enable_cap(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS);
	add_vcpu(vm, 1);
	thief = add_vcpu(vm, 2);
	add_vcpu(vm, 257);
	set_lapic_reg(thief, APIC_ID, 1u << 24);
	expect_cause("vCPU 2: ID 1 shared with vCPU 1");
	expect_cause("vCPU 257:");
	kvm_vm_free(vm);
	vm = main_vm;
}

/* Reboots with an ID above 255, which is unique as the VMM says so. */
static void test_reboots_large_id(void)
{
	struct kvm_vm *main_vm = vm;
	struct kvm_vcpu *first, *large;
	int i;

	vm = vm_create(2);
	vm_enable_cap(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS);
	first = add_vcpu(vm, 0);
	large = add_vcpu(vm, 300);
	for (i = 0; i < NR_RESETS && !apicv_has_reason(vm, "PHYSICAL_ID_TOO_BIG"); i++) {
		expect("");
		vcpu_set_apic_base(first, HOME | X2APIC_ENABLE);
		vcpu_set_apic_base(large, HOME | X2APIC_ENABLE);
		expect("");
		if (i % 2)
			send_init(large);
		reset(first, false);
		reset(large, false);
	}
	kvm_vm_free(vm);
	vm = main_vm;
}

/* A vCPU that fails to be created late, for want of a file descriptor. */
static void test_large_id_fails(void)
{
	struct rlimit old, none = {};
	struct kvm_vm *main_vm = vm;

	vm = vm_create(2);
	add_vcpu(vm, 0);
	TEST_ASSERT(!getrlimit(RLIMIT_NOFILE, &old), "getrlimit() failed");
	none.rlim_max = old.rlim_max;
	TEST_ASSERT(!setrlimit(RLIMIT_NOFILE, &none), "setrlimit() failed");
	TEST_ASSERT(__vm_ioctl(vm, KVM_CREATE_VCPU, (void *)512ul) < 0,
		    "A vCPU without a file descriptor");
	TEST_ASSERT(!setrlimit(RLIMIT_NOFILE, &old), "setrlimit() failed");
	expect("");
	kvm_vm_free(vm);
	vm = main_vm;
}

/* In x2APIC mode, nothing but x2AVIC and VMX accelerates accesses to registers. */
static void test_x2apic(void)
{
	vcpu_set_apic_base(other, HOME | X2APIC_ENABLE);
	vcpu_set_apic_base(third, HOME | X2APIC_ENABLE);
	command(X2APIC);
	command(SELF_IPI);
	command(TIMER);
	apicv_await_reasons(vm, apicv ? "" : "DISABLE");

	/* The IDs are those of the vCPUs whatever is restored. */
	set_lapic_reg(other, APIC_ID, other->id << 24);
	apicv_await_reasons(vm, apicv ? "" : "DISABLE");

	/* One that goes back alone. */
	reset(other, false);
	apicv_await_reasons(vm, apicv ? "" : "DISABLE");
	set_lapic_reg(other, APIC_SPIV, 0x1ff);
	set_lapic_reg(other, APIC_LDR, 2u << 24);
	apicv_await_reasons(vm, apicv ? "" : "DISABLE");
	command(SELF_IPI);
	command(TIMER);
	reset(other, true);
	apicv_await_reasons(vm, apicv ? "" : "DISABLE");
}

int main(void)
{
	vm_vaddr_t svm_gva;

	apicv = kvm_has_apicv();
	avic = apicv && is_amd_cpu();
	visible = apicv && (!avic || this_cpu_has(X86_FEATURE_X2AVIC));
	pr_info("APICv is %s\n", apicv ? "on" : "off: nothing to inhibit");

	vm = vm_create(3);
	vcpu = vm_vcpu_add(vm, 0, guest_code);
	other = vm_vcpu_add(vm, 1, guest_code);
	third = vm_vcpu_add(vm, 2, guest_code);
	if (this_cpu_has(X86_FEATURE_SVM)) {
		vcpu_alloc_svm(vm, &svm_gva);
		vcpu_args_set(vcpu, 1, svm_gva);
	}
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpu);
	vm_install_exception_handler(vm, IPI_VECTOR, handler);
	vm_install_exception_handler(vm, TIMER_VECTOR, handler);
	host = addr_gva2hva(vm, (vm_vaddr_t)&shared);

	run();
	expect_active(true);
	test_reboots();
	test_absent();
	test_blockirq();
	test_hyperv();
	test_hyperv_migration();
	test_base();
	if (avic) {
		test_id();
		test_id_ff();
		test_id_truncated();
	}
	test_logical_id();
	test_combined();
	test_nested();
	test_concurrent();
	if (avic)
		test_toggles();
	test_large_ids();
	test_reboots_large_id();
	test_large_id_fails();
	test_pit();
	test_x2apic();

	kvm_vm_free(vm);
	return 0;
}
