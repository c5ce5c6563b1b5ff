// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that no interrupt is lost when APICv or AVIC is switched off and on.
 *
 * Each case is a source of interrupts and a way to switch, for a guest in xAPIC
 * mode, in x2APIC mode, and with L2 active at the switch.  The guest switches at
 * all moments that matter: while nothing is pending, while an interrupt waits for
 * EFLAGS.IF or for the TPR, within its handler, and around the programming of the
 * source, each from on to off and from off to on.  Further interrupts show whether
 * the EOI reached everyone.
 *
 * vCPU 0 runs.  vCPU 1 exists to inhibit APICv.
 */
#define _GNU_SOURCE /* for program_invocation_name */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"
#include "test_util.h"
#include "vmx.h"

#define IOAPIC_GPA		0xfec00000ull
#define IOAPIC_LEVEL		BIT(15)
#define APIC_AWAY		0xfef00000ull

#define APIC_LVTT		0x320
#define APIC_LVT0		0x350
#define APIC_LVT_MASKED		BIT(16)
#define APIC_TMICT		0x380
#define APIC_TDCR		0x3e0
#define APIC_TDR_DIV_1		0xb

#define MSR_PV_EOI_EN		0x4b564d04
#define MSR_SCONTROL		0x40000080
#define MSR_SINT0		0x40000090
#define SINT_AUTO_EOI		BIT(17)

#define PIC_MASTER		0x20
#define PIC_SLAVE		0xa0
#define PIC_BASE		0x40
#define EXT_IRQ			3
#define PIT_IRQ			0
#define RTC_PIN			8

/* The source has the one or the other, in turn. */
#define VECTOR			0x51
#define OTHER_VECTOR		0x62

/* 2 ms, a multiple of what the PIT's emulation takes at least. */
#define PIT_COUNT		2386

/* Ticks of the TSC within which an interrupt has to arrive: a cap, no delay. */
#define PATIENCE		500000000ull

enum moment { IDLE, PENDING, MASKED, IN_SERVICE, PROGRAMMED, NR_MOMENTS };

static const char * const moments[] = {
	"while nothing is pending", "while one waits for IF", "while one waits for the TPR",
	"in its handler", "around its programming",
};

enum source_id {
	LEVEL_PIN, EDGE_PIN, RTC, PIT_PIN, PIT_PIN_REINJECT, PIT_PIC, PIT_PIC_REINJECT,
	RESAMPLE, SPLIT, SINT, SELF_IPI, TIMER, PV_EOI, NR_SOURCES,
};

#define ALL_MOMENTS		(BIT(NR_MOMENTS) - 1)
#define PIC_MOMENTS		(ALL_MOMENTS & ~(BIT(MASKED) | BIT(PROGRAMMED)))

static const struct source {
	const char *name;
	int gsi;
	unsigned int moments;
	bool level, pin, pit, reinject, irqfd;
} sources[] = {
	[LEVEL_PIN] = { "level-triggered pin", 16, ALL_MOMENTS, .level = true, .pin = true },
	[EDGE_PIN] = { "edge-triggered pin", 17, ALL_MOMENTS, .pin = true },
	[RTC] = { "RTC", RTC_PIN, ALL_MOMENTS, .pin = true },
	[PIT_PIN] = { "PIT by I/O APIC", 0, ALL_MOMENTS, .pin = true, .pit = true },
	[PIT_PIN_REINJECT] = { "reinjecting PIT by I/O APIC", 0, ALL_MOMENTS, .pin = true,
			       .pit = true, .reinject = true },
	[PIT_PIC] = { "PIT by PIC", 0, PIC_MOMENTS, .pit = true },
	[PIT_PIC_REINJECT] = { "reinjecting PIT by PIC", 0, PIC_MOMENTS, .pit = true,
			       .reinject = true },
	[RESAMPLE] = { "resample irqfd", 18, ALL_MOMENTS, .level = true, .pin = true,
		       .irqfd = true },
	[SPLIT] = { "I/O APIC in user space", 5, ALL_MOMENTS, .level = true },
	[SINT] = { "SynIC irqfd", 20, ALL_MOMENTS, .irqfd = true },
	[SELF_IPI] = { "self-IPI", -1, ALL_MOMENTS },
	[TIMER] = { "APIC timer", -1, ALL_MOMENTS },
	[PV_EOI] = { "self-IPI with PV EOI", -1, ALL_MOMENTS },
};

enum way_id { BLOCKIRQ, AUTOEOI, BASE, APIC_OFF, IRQ_WINDOW, ENTER_L2, NR_WAYS };

static const struct way {
	const char *name;
	unsigned int moments;
	/* User space does it by means of vCPU 1, i.e. whatever vCPU 0 runs. */
	bool by_user;
} ways[] = {
	[BLOCKIRQ] = { "BLOCKIRQ of vCPU 1", ALL_MOMENTS, true },
	[AUTOEOI] = { "AutoEOI of vCPU 1", ALL_MOMENTS, true },
	[BASE] = { "APIC of vCPU 1 moved", ALL_MOMENTS, true },
	[APIC_OFF] = { "APIC disabled", BIT(PROGRAMMED) },
	[IRQ_WINDOW] = { "ExtINT", ALL_MOMENTS },
	[ENTER_L2] = { "L2 entered", ALL_MOMENTS },
};

enum context { XAPIC, X2APIC, IN_L2, NR_CONTEXTS };

static const char * const contexts[] = { "xAPIC", "x2APIC", "L2" };

/* Why the guest exits. */
enum { RAISE, LOWER, SWITCH, PROGRAM, EXTINT, LOST };

/* What the guest is to do, and how far it is. */
static struct {
	uint64_t source, way, context;
	uint64_t moment, off;
	uint64_t vector, pv_eoi_gpa;
} g;

static volatile uint64_t received, expected, nr_ext;
static volatile bool switch_in_handler;
static volatile uint32_t pv_eoi __aligned(4);

/*
 * L2: exits to user space, then to L1.
 */
static struct svm_test_data *svm;
static bool launched;
static unsigned long l2_stack[256];

static void l2_vmx(void)
{
	for (;;) {
		GUEST_SYNC(SWITCH);
		vmcall();
	}
}

static void l2_svm(void)
{
	for (;;) {
		GUEST_SYNC(SWITCH);
		vmmcall();
	}
}

/* L2 has a TPR of its own, i.e. the threshold of L1's isn't in the CPU. */
static void setup_vmx(struct vmx_pages *vmx)
{
	GUEST_ASSERT(prepare_for_vmx_operation(vmx));
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, l2_vmx, &l2_stack[256]);
	vmwrite(VIRTUAL_APIC_PAGE_ADDR, vmx->shadow_vmcs_gpa);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL,
		vmreadz(CPU_BASED_VM_EXEC_CONTROL) | CPU_BASED_TPR_SHADOW);
}

static void setup_l2(void *data)
{
	if (this_cpu_has(X86_FEATURE_SVM)) {
		svm = data;
		generic_svm_setup(svm, l2_svm, &l2_stack[256]);
	} else {
		setup_vmx(data);
	}
}

static void run_l2(void)
{
	if (svm) {
		run_guest(svm->vmcb, svm->vmcb_gpa);
		svm->vmcb->save.rip += 3;
		asm volatile("stgi");
		return;
	}
	GUEST_ASSERT(!(launched ? vmresume() : vmlaunch()));
	launched = true;
	GUEST_ASSERT_EQ(vmreadz(VM_EXIT_REASON), EXIT_REASON_VMCALL);
	vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));
}

/*
 * The devices.
 */
static void apic_enable(void)
{
	xapic_enable();
	if (g.context == X2APIC)
		x2apic_enable();
}

static uint32_t apic_read(unsigned int reg)
{
	return g.context == X2APIC ? x2apic_read_reg(reg) : xapic_read_reg(reg);
}

static void apic_write(unsigned int reg, uint32_t value)
{
	if (g.context == X2APIC)
		x2apic_write_reg(reg, value);
	else
		xapic_write_reg(reg, value);
}

static void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "d"(port));
}

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %1, %0" : "=a"(value) : "d"(port));
	return value;
}

static void set_cr8(uint64_t value)
{
	asm volatile("mov %0, %%cr8" :: "r"(value) : "memory");
}

static void pic_init(void)
{
	uint8_t open = 0;

	if (g.way == IRQ_WINDOW)
		open |= 1u << EXT_IRQ;
	if (g.source == PIT_PIC || g.source == PIT_PIC_REINJECT)
		open |= 1u << PIT_IRQ;
	out8(PIC_MASTER, 0x11);
	out8(PIC_MASTER + 1, PIC_BASE);
	out8(PIC_MASTER + 1, 4);
	out8(PIC_MASTER + 1, 1);
	out8(PIC_MASTER + 1, ~open);
	out8(PIC_SLAVE, 0x11);
	out8(PIC_SLAVE + 1, PIC_BASE + 8);
	out8(PIC_SLAVE + 1, 2);
	out8(PIC_SLAVE + 1, 1);
	out8(PIC_SLAVE + 1, 0xff);
	apic_write(APIC_LVT0, open ? APIC_DM_EXTINT : APIC_LVT_MASKED);
}

static void ioapic_program(int pin, uint32_t entry)
{
	volatile uint32_t *io = (void *)IOAPIC_GPA;

	io[0] = 0x11 + 2 * pin;
	io[4] = 0;
	io[0] = 0x10 + 2 * pin;
	io[4] = entry;
}

static void program(void)
{
	const struct source *src = &sources[g.source];

	g.vector = g.vector == VECTOR ? OTHER_VECTOR : VECTOR;
	if (src->pin)
		ioapic_program(src->gsi, g.vector | (src->level ? IOAPIC_LEVEL : 0));
	else if (g.source == SPLIT || g.source == SINT)
		GUEST_SYNC(PROGRAM);
}

static void start_pit(void)
{
	out8(0x43, 0x34);
	out8(0x40, PIT_COUNT & 0xff);
	out8(0x40, PIT_COUNT >> 8);
}

static void raise_irq(void)
{
	/* The PIT ticks by itself. */
	expected = sources[g.source].pit ? received + 1 : expected + 1;

	switch (g.source) {
	case PIT_PIN:
	case PIT_PIN_REINJECT:
	case PIT_PIC:
	case PIT_PIC_REINJECT:
		break;
	case SELF_IPI:
	case PV_EOI:
		apic_write(APIC_ICR, APIC_DEST_SELF | APIC_DM_FIXED | g.vector);
		break;
	case TIMER:
		apic_write(APIC_LVTT, g.vector);
		apic_write(APIC_TDCR, APIC_TDR_DIV_1);
		apic_write(APIC_TMICT, 10000);
		break;
	default:
		GUEST_SYNC(RAISE);
	}
}

static bool is_pending(void)
{
	if (g.source == PIT_PIC || g.source == PIT_PIC_REINJECT) {
		out8(PIC_MASTER, 0x0a);
		return in8(PIC_MASTER) & (1u << PIT_IRQ);
	}
	return apic_read(APIC_IRR + g.vector / 32 * 0x10) & (1u << g.vector % 32);
}

static void await_pending(void)
{
	uint64_t start = rdtsc();

	while (!is_pending() && rdtsc() - start < PATIENCE)
		cpu_relax();
}

/*
 * Interrupts are enabled here and in switch_while_masked() alone: handlers use
 * the stack of what they interrupt, with its red zone.
 */
static void await_count(volatile uint64_t *count, uint64_t want)
{
	uint64_t start = rdtsc();

	asm volatile("sti");
	while (*count < want && rdtsc() - start < PATIENCE)
		cpu_relax();
	asm volatile("cli");
	if (*count != want && (*count < want || !sources[g.source].pit))
		GUEST_SYNC(LOST);
}

static void await_irq(void)
{
	await_count(&received, expected);
}

/*
 * The ways to switch.
 */
static void disable_or_enable_apic(void)
{
	uint64_t base = rdmsr(MSR_IA32_APICBASE);

	if (!g.off) {
		wrmsr(MSR_IA32_APICBASE,
		      base & ~(MSR_IA32_APICBASE_ENABLE | MSR_IA32_APICBASE_EXTD));
	} else {
		apic_enable();
	}
}

/* AVIC is inhibited as long as the ExtINT waits. */
static void open_or_close_window(void)
{
	static uint64_t nr_raised;

	if (!g.off) {
		nr_raised++;
		GUEST_SYNC(EXTINT);
	} else {
		await_count(&nr_ext, nr_raised);
	}
}

static void do_switch(void)
{
	switch (g.way) {
	case APIC_OFF:
		disable_or_enable_apic();
		break;
	case IRQ_WINDOW:
		open_or_close_window();
		break;
	case ENTER_L2:
		run_l2();
		break;
	default:
		if (g.context == IN_L2)
			run_l2();
		else
			GUEST_SYNC(SWITCH);
	}
	g.off = !g.off;
}

/*
 * The handlers.
 */
static bool ack_by_pv_eoi(void)
{
	return g.source == PV_EOI && __sync_fetch_and_and(&pv_eoi, ~1u) & 1;
}

static void handler(struct ex_regs *regs)
{
	received++;
	if (switch_in_handler) {
		switch_in_handler = false;
		do_switch();
	}
	if (g.source == LEVEL_PIN)
		GUEST_SYNC(LOWER);
	if (!ack_by_pv_eoi())
		apic_write(APIC_EOI, 0);
}

static void pic_handler(struct ex_regs *regs)
{
	received++;
	if (switch_in_handler) {
		switch_in_handler = false;
		do_switch();
	}
	out8(PIC_MASTER, 0x20);
}

static void ext_handler(struct ex_regs *regs)
{
	nr_ext++;
	out8(PIC_MASTER, 0x20);
}

/*
 * The moments.
 */
static void switch_while_pending(void)
{
	raise_irq();
	await_pending();
	do_switch();
}

static void switch_while_masked(void)
{
	set_cr8(15);
	raise_irq();
	await_pending();
	do_switch();
	asm volatile("sti; nop");
	set_cr8(0);
	asm volatile("nop; cli");
}

/* Leave it switched every other time, unless nothing would arrive. */
static void switch_while_programmed(int i)
{
	do_switch();
	program();
	if (i % 2 == 0 || g.way == APIC_OFF)
		do_switch();
	raise_irq();
}

static void switch_at(enum moment moment, int i)
{
	switch (moment) {
	case IDLE:
		do_switch();
		raise_irq();
		break;
	case PENDING:
		switch_while_pending();
		break;
	case MASKED:
		switch_while_masked();
		break;
	case IN_SERVICE:
		/* What the CPU remembers is another vector, and wrong. */
		program();
		switch_in_handler = true;
		raise_irq();
		break;
	default:
		switch_while_programmed(i);
	}
	await_irq();
}

static void run_moment(enum moment moment)
{
	int i, j;

	g.moment = moment;
	for (i = 0; i < 4; i++) {
		switch_at(moment, i);
		for (j = 0; j < 2; j++) {
			raise_irq();
			await_irq();
		}
	}
}

static void guest_code(void *data)
{
	unsigned int mask = sources[g.source].moments & ways[g.way].moments;
	enum moment m;

	apic_enable();
	if (g.source != SPLIT)
		pic_init();
	if (data)
		setup_l2(data);
	if (g.source == PV_EOI)
		wrmsr(MSR_PV_EOI_EN, g.pv_eoi_gpa | 1);
	program();
	if (sources[g.source].pit)
		start_pit();

	for (m = 0; m < NR_MOMENTS; m++) {
		if (mask & BIT(m))
			run_moment(m);
	}
	GUEST_DONE();
}

/*
 * User space.
 */
struct test {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu, *other;
	const struct source *src;
	int irqfd, resamplefd;
	unsigned int nr_raised, nr_acked;
};

static void set_vm_irqchip(struct test *t, enum source_id source)
{
	struct kvm_reinject_control control = {
		.pit_reinject = sources[source].reinject,
	};
	struct kvm_pit_config pit = {};

	if (source == SPLIT) {
		vm_enable_cap(t->vm, KVM_CAP_SPLIT_IRQCHIP, 24);
		t->vm->has_irqchip = true;
		return;
	}
	vm_create_irqchip(t->vm);
	if (sources[source].pit) {
		vm_ioctl(t->vm, KVM_CREATE_PIT2, &pit);
		vm_ioctl(t->vm, KVM_REINJECT_CONTROL, &control);
	}
}

static void route(struct test *t, int type, uint8_t vector)
{
	struct {
		struct kvm_irq_routing r;
		struct kvm_irq_routing_entry e[1];
	} routes = {
		.r.nr = 1,
		.e[0] = { .gsi = t->src->gsi, .type = type },
	};

	if (type == KVM_IRQ_ROUTING_MSI) {
		routes.e[0].u.msi.address_lo = APIC_DEFAULT_GPA;
		routes.e[0].u.msi.data = vector | 1u << 14 | IOAPIC_LEVEL;
	} else {
		routes.e[0].u.hv_sint.sint = 2;
	}
	vm_ioctl(t->vm, KVM_SET_GSI_ROUTING, &routes.r);
}

static void program_by_user(struct test *t, uint8_t vector)
{
	if (t->src == &sources[SPLIT])
		route(t, KVM_IRQ_ROUTING_MSI, vector);
	else
		vcpu_set_msr(t->vcpu, MSR_SINT0 + 2, vector);
}

static void create_irqfd(struct test *t)
{
	struct kvm_irqfd irqfd = {
		.gsi = t->src->gsi,
		.flags = KVM_IRQFD_FLAG_RESAMPLE,
	};

	t->irqfd = eventfd(0, EFD_NONBLOCK);
	t->resamplefd = eventfd(0, EFD_NONBLOCK);
	TEST_ASSERT(t->irqfd >= 0 && t->resamplefd >= 0, "eventfd() failed");
	irqfd.fd = t->irqfd;
	irqfd.resamplefd = t->resamplefd;
	vm_ioctl(t->vm, KVM_IRQFD, &irqfd);
}

static void set_handlers(struct test *t)
{
	vm_init_descriptor_tables(t->vm);
	vcpu_init_descriptor_tables(t->vcpu);
	vm_install_exception_handler(t->vm, VECTOR, handler);
	vm_install_exception_handler(t->vm, OTHER_VECTOR, handler);
	vm_install_exception_handler(t->vm, PIC_BASE + PIT_IRQ, pic_handler);
	vm_install_exception_handler(t->vm, PIC_BASE + EXT_IRQ, ext_handler);
}

static void set_l2(struct test *t, bool needed)
{
	vm_vaddr_t gva = 0;

	if (needed && kvm_cpu_has(X86_FEATURE_SVM))
		vcpu_alloc_svm(t->vm, &gva);
	else if (needed)
		vcpu_alloc_vmx(t->vm, &gva);
	vcpu_args_set(t->vcpu, 1, gva);
}

static void create(struct test *t, enum source_id source, enum way_id way,
		   enum context context)
{
	*t = (struct test) { .src = &sources[source], .irqfd = -1, .resamplefd = -1 };

	t->vm = ____vm_create(VM_MODE_DEFAULT, 1024);
	kvm_vm_elf_load(t->vm, program_invocation_name);
	set_vm_irqchip(t, source);
	t->vcpu = vm_vcpu_add(t->vm, 0, guest_code);
	t->other = vm_vcpu_add(t->vm, 1, guest_code);
	virt_pg_map(t->vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	virt_pg_map(t->vm, IOAPIC_GPA, IOAPIC_GPA);
	set_handlers(t);
	set_l2(t, context == IN_L2 || way == ENTER_L2);
	if (way == AUTOEOI)
		vcpu_enable_cap(t->other, KVM_CAP_HYPERV_SYNIC2, 0);
	if (source == SINT) {
		vcpu_enable_cap(t->vcpu, KVM_CAP_HYPERV_SYNIC2, 0);
		vcpu_set_msr(t->vcpu, MSR_SCONTROL, 1);
		route(t, KVM_IRQ_ROUTING_HV_SINT, 0);
	}
	if (t->src->irqfd)
		create_irqfd(t);

	g.source = source;
	g.way = way;
	g.context = context;
	g.pv_eoi_gpa = addr_gva2gpa(t->vm, (vm_vaddr_t)&pv_eoi);
	sync_global_to_guest(t->vm, g);
}

static void destroy(struct test *t)
{
	kvm_vm_free(t->vm);
	if (t->irqfd >= 0) {
		close(t->irqfd);
		close(t->resamplefd);
	}
}

/* How often user space was told that an interrupt is done with. */
static void count_acks(struct test *t)
{
	uint64_t value;

	if (t->src->irqfd && read(t->resamplefd, &value, sizeof(value)) == sizeof(value))
		t->nr_acked += value;
}

static bool waits_for_ack(struct test *t)
{
	count_acks(t);
	return (t->src->irqfd || t->src == &sources[SPLIT]) && t->nr_acked != t->nr_raised;
}

static void pulse(struct kvm_vm *vm, int gsi, int last_level)
{
	struct kvm_irq_level line;
	int level;

	for (level = 1; level >= last_level; level--) {
		line.irq = gsi;
		line.level = level;
		vm_ioctl(vm, KVM_IRQ_LINE_STATUS, &line);
	}
}

/* A device with an interrupt that hasn't been acknowledged raises no other. */
static void raise_by_user(struct test *t)
{
	uint64_t one = 1;

	if (waits_for_ack(t))
		return;
	t->nr_raised++;
	if (t->src->irqfd)
		TEST_ASSERT(write(t->irqfd, &one, sizeof(one)) == sizeof(one), "write() failed");
	else
		pulse(t->vm, t->src->gsi, t->src->level);
}

/* Not if a PIT reinjects: it goes on ticking, which is more than is counted. */
static bool awaits_switch(void)
{
	return g.source != PIT_PIN_REINJECT && g.source != PIT_PIC_REINJECT;
}

static void switch_by_user(struct test *t, bool off)
{
	switch (g.way) {
	case BLOCKIRQ:
		apicv_inhibit(t->other, off);
		break;
	case AUTOEOI:
		vcpu_set_msr(t->other, MSR_SINT0, 0x80 | (off ? SINT_AUTO_EOI : 0));
		if (!off && awaits_switch())
			apicv_await_cleared(t->vm, "HYPERV");
		break;
	case BASE:
		vcpu_set_apic_base(t->other, MSR_IA32_APICBASE_ENABLE |
					     (off ? APIC_AWAY : APIC_DEFAULT_GPA));
		if (!off && awaits_switch())
			apicv_await_cleared(t->vm, "APIC_BASE_MODIFIED");
		break;
	default:
		/* L2 was entered. */
		break;
	}
}

static void handle_sync(struct test *t, uint64_t what)
{
	switch (what) {
	case RAISE:
		raise_by_user(t);
		break;
	case LOWER:
		kvm_irq_line(t->vm, t->src->gsi, 0);
		break;
	case SWITCH:
		switch_by_user(t, !g.off);
		break;
	case PROGRAM:
		program_by_user(t, g.vector);
		break;
	case EXTINT:
		pulse(t->vm, EXT_IRQ, 0);
		break;
	}
}

/* Run the guest until it's done, or has lost an interrupt. */
static bool run_guest_code(struct test *t)
{
	struct ucall uc;

	for (;;) {
		vcpu_run(t->vcpu);
		if (t->vcpu->run->exit_reason == KVM_EXIT_IOAPIC_EOI) {
			t->nr_acked++;
			continue;
		}
		switch (get_ucall(t->vcpu, &uc)) {
		case UCALL_DONE:
			return !waits_for_ack(t);
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT_2(uc, "%lx, expected %lx");
		case UCALL_SYNC:
			break;
		default:
			TEST_FAIL("Unknown ucall %lu", uc.cmd);
		}
		sync_global_from_guest(t->vm, g);
		if (uc.args[1] == LOST)
			return false;
		handle_sync(t, uc.args[1]);
	}
}

static bool is_possible(enum source_id source, enum way_id way, enum context context)
{
	if (!(sources[source].moments & ways[way].moments))
		return false;
	/* The window needs a PIC with a route, and the APIC what is programmed. */
	if (way == IRQ_WINDOW && (source == SPLIT || source == SINT))
		return false;
	if (way == APIC_OFF && !sources[source].pin && source != SPLIT)
		return false;
	if (context == IN_L2 && !ways[way].by_user)
		return false;
	if ((context == IN_L2 || way == ENTER_L2) &&
	    !kvm_cpu_has(X86_FEATURE_SVM) && !kvm_cpu_has(X86_FEATURE_VMX))
		return false;
	/* AVIC doesn't exit for edge-triggered interrupts, nobody sees the EOI. */
	if (source == SINT && !is_intel_cpu() && kvm_has_apicv())
		return false;
	return (source != SINT && way != AUTOEOI) || kvm_has_cap(KVM_CAP_HYPERV_SYNIC2);
}

/* Return the number of interrupts that didn't arrive. */
static unsigned int run_case(enum source_id source, enum way_id way, enum context context)
{
	uint64_t got, want;
	unsigned int lost;
	struct test t;
	bool ok;

	memset(&g, 0, sizeof(g));
	create(&t, source, way, context);
	ok = run_guest_code(&t);
	got = *(uint64_t *)addr_gva2hva(t.vm, (vm_vaddr_t)&received);
	want = *(uint64_t *)addr_gva2hva(t.vm, (vm_vaddr_t)&expected);
	lost = want > got ? want - got : !ok;

	pr_info(", %s %lu of %lu", contexts[context], got, want);
	if (lost)
		pr_info(" LOST when switched %s %s", g.off ? "off" : "on", moments[g.moment]);
	destroy(&t);
	return lost;
}

static unsigned int run_cases(enum source_id source, enum way_id way)
{
	enum context context;
	unsigned int lost = 0;

	pr_info("# %s, %s", sources[source].name, ways[way].name);
	for (context = 0; context < NR_CONTEXTS; context++) {
		if (is_possible(source, way, context))
			lost += run_case(source, way, context);
	}
	pr_info("\n");
	return lost;
}

static bool is_wanted(int argc, char **argv, enum source_id source, enum way_id way)
{
	return argc < 2 || strstr(sources[source].name, argv[1]) || strstr(ways[way].name, argv[1]);
}

int main(int argc, char **argv)
{
	unsigned int nr_lost = 0;
	enum source_id source;
	enum way_id way;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG2));
	pr_info("# APICv is %sused\n", kvm_has_apicv() ? "" : "not ");

	for (way = 0; way < NR_WAYS; way++) {
		for (source = 0; source < NR_SOURCES; source++) {
			if (is_possible(source, way, XAPIC) &&
			    is_wanted(argc, argv, source, way))
				nr_lost += run_cases(source, way);
		}
	}
	TEST_ASSERT(!nr_lost, "%u interrupts lost", nr_lost);
	return 0;
}
