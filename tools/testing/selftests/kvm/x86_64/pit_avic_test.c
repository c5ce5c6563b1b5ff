// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that no tick of the PIT is lost while it reinjects, i.e. while KVM keeps
 * ticks that the guest can't take yet, and that AVIC is used although it doesn't
 * tell KVM of the guest's EOI: unless ticks are owed.
 *
 * The guest lets channel 0 run for some periods and a half, stops it in a mode that
 * has no ticks, and counts what arrives.
 */
#include <pthread.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IOAPIC_GPA	0xfec00000ull
#define IOAPIC_MASKED	BIT(16)
#define PIC_MASTER	0x20
#define PIC_BASE	0x30
#define PIT_CHANNEL_0	0x40
#define PIT_CONTROL	0x43
#define PIT_HZ		1193181
#define PIN		0
#define VECTOR		0x52
#define OTHER_VECTOR	0x63
#define APIC_LVT0	0x350
#define APIC_LVT_MASKED	BIT(16)

/* Modes of channel 0: one-shot, rate, square, and one that has no ticks. */
enum { ONE_SHOT = 0x30, RATE = 0x34, SQUARE = 0x36, STOPPED = 0x3a };

enum command {
	BY_IOAPIC, BY_PIC, MASK, UNMASK, START, SPIN, SPIN_UNTIL, STOP, TAKE, TAKE_ALL, HALT, STAMP,
	EPISODE, UNMASK_AT_TICK, DISABLE, ENABLE, MOVE
};

/* How the guest waits for an episode's end. */
enum wait { WITH_IF_0, IN_SERVICE, HALTED };

#define NR_TRIES	50

/* What the host tells the guest, and what that tells the host. */
static struct shared {
	uint64_t command, arg;
	uint64_t mode, count, period, wait, patience;
	/* Before and after channel 0 was started and stopped. */
	uint64_t starting, started, stopping, stopped;
	uint64_t ticks;
	/* When they were counted from zero again, and the first since then. */
	uint64_t zeroed, first;
	/* Leave ticks in service until then. */
	uint64_t busy_until;
	bool pic, x2apic;
} shared;

#define g (*(volatile struct shared *)&shared)

static void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "d"(port));
}

static void apic_write(unsigned int reg, uint32_t value)
{
	if (g.x2apic)
		x2apic_write_reg(reg, value);
	else
		xapic_write_reg(reg, value);
}

static void handler(struct ex_regs *regs)
{
	if (!g.ticks++)
		g.first = rdtsc();
	while (rdtsc() < g.busy_until)
		cpu_relax();
	if (g.pic)
		out8(PIC_MASTER, 0x20);
	else
		apic_write(APIC_EOI, 0);
}

static void program_pin(uint32_t entry)
{
	volatile uint32_t *io = (void *)IOAPIC_GPA;

	io[0] = 0x11 + 2 * PIN;
	io[4] = 0;
	io[0] = 0x10 + 2 * PIN;
	io[4] = entry;
}

static void program_pic(uint8_t imr)
{
	out8(PIC_MASTER, 0x11);
	out8(PIC_MASTER + 1, PIC_BASE);
	out8(PIC_MASTER + 1, 4);
	out8(PIC_MASTER + 1, 1);
	out8(PIC_MASTER + 1, imr);
}

static void program(bool pic)
{
	g.pic = pic;
	program_pic(pic ? 0xfe : 0xff);
	apic_write(APIC_LVT0, pic ? APIC_DM_EXTINT : APIC_LVT_MASKED);
	program_pin(VECTOR | (pic ? IOAPIC_MASKED : 0));
}

static void write_pit(uint8_t mode, uint16_t count)
{
	out8(PIT_CONTROL, mode);
	out8(PIT_CHANNEL_0, count & 0xff);
	out8(PIT_CHANNEL_0, count >> 8);
}

static void start(void)
{
	g.starting = rdtsc();
	write_pit(g.mode, g.count);
	g.started = rdtsc();
}

static void stop(void)
{
	g.stopping = rdtsc();
	write_pit(STOPPED, g.count);
	g.stopped = rdtsc();
}

static void spin_until(uint64_t end)
{
	while (rdtsc() < end)
		cpu_relax();
}

/* Enable interrupts here alone: handlers write below the stack's red zone. */
static void take_until(uint64_t end)
{
	int n;

	do {
		/* For a while, as an emulator doesn't look after each instruction. */
		n = 1000;
		asm volatile("sub $128, %%rsp; sti; 1: dec %0; jnz 1b; cli; add $128, %%rsp"
			     : "+r"(n) :: "memory");
	} while (rdtsc() < end);
}

static void halt_until(uint64_t ticks)
{
	while (g.ticks < ticks)
		asm volatile("sub $128, %%rsp; sti; hlt; cli; add $128, %%rsp" ::: "memory");
}

/* Take all ticks that are due, and those that aren't. */
static void take_all(void)
{
	uint64_t due = (g.stopping - g.started) / g.period;
	uint64_t end = rdtsc() + g.patience;

	while (g.ticks < due && rdtsc() < end)
		take_until(0);
	take_until(rdtsc() + 2 * g.period);
}

/* @arg periods and a half. */
static void episode(void)
{
	uint64_t end;

	g.ticks = 0;
	start();
	end = g.started + g.arg * g.period + g.period / 2;
	if (g.wait == IN_SERVICE) {
		g.busy_until = end;
		take_until(end);
	} else if (g.wait == HALTED) {
		halt_until(g.arg);
	}
	spin_until(end);
	stop();
	take_all();
}

/* Take the first tick, unmask the pin at about the second, and count the third. */
static void unmask_at_tick(void)
{
	uint64_t p = g.period, end;

	start();
	take_until(g.started + p + p / 4);
	program_pin(VECTOR | IOAPIC_MASKED);
	spin_until(g.started + 2 * p - p / 40 + g.arg * p / 1000);
	program_pin(VECTOR);
	take_until(g.started + 2 * p + p / 2);
	g.ticks = 0;
	g.zeroed = rdtsc();
	take_until(g.started + 3 * p + p / 2);
	stop();
	/* The host may be late. */
	end = rdtsc() + g.patience;
	while (!g.ticks && rdtsc() < end)
		take_until(0);
}

static void enable(void)
{
	xapic_enable();
	if (g.x2apic)
		x2apic_enable();
}

static void disable(bool by_software)
{
	if (by_software)
		apic_write(APIC_SPIV, 0xff);
	else
		wrmsr(MSR_IA32_APICBASE, rdmsr(MSR_IA32_APICBASE) &
		      ~(MSR_IA32_APICBASE_ENABLE | MSR_IA32_APICBASE_EXTD));
}

static void guest_code(void)
{
	enable();

	for (;;) {
		GUEST_SYNC(g.command);
		switch (g.command) {
		case BY_IOAPIC:
		case BY_PIC:
			program(g.command == BY_PIC);
			break;
		case MASK:
			program_pin(VECTOR | IOAPIC_MASKED);
			break;
		case UNMASK:
			program_pin(VECTOR);
			break;
		case START:
			start();
			break;
		case SPIN:
			spin_until(rdtsc() + g.arg * g.period);
			break;
		case SPIN_UNTIL:
			spin_until(g.arg);
			break;
		case STOP:
			stop();
			break;
		case TAKE:
			take_until(rdtsc() + g.arg * g.period);
			break;
		case TAKE_ALL:
			take_all();
			break;
		case HALT:
			halt_until(g.arg);
			break;
		case STAMP:
			g.starting = g.started;
			g.started = rdtsc();
			break;
		case EPISODE:
			episode();
			break;
		case UNMASK_AT_TICK:
			unmask_at_tick();
			break;
		case DISABLE:
			disable(g.arg);
			break;
		case ENABLE:
			enable();
			break;
		case MOVE:
			program_pin(OTHER_VECTOR);
			break;
		}
	}
}

struct test {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu, *other;
	volatile struct shared *s;
	uint64_t tsc_hz;
	bool avic;
	unsigned int nr_wrong;
};

static void run(struct test *t, enum command what, uint64_t arg)
{
	struct ucall uc;

	t->s->command = what;
	t->s->arg = arg;
	vcpu_run(t->vcpu);
	TEST_ASSERT(get_ucall(t->vcpu, &uc) == UCALL_SYNC, "Unexpected ucall %lu", uc.cmd);
}

static void set_rate(struct test *t, uint8_t mode, int hz)
{
	t->s->mode = mode;
	t->s->count = PIT_HZ / hz;
	t->s->period = t->s->count * t->tsc_hz / PIT_HZ;
}

static void expect(struct test *t, const char *what, int got, int want)
{
	if (want < 0) {
		pr_info("# %s: can't tell\n", what);
		return;
	}
	pr_info("# %s: %d ticks, expected %d%s\n", what, got, want,
		got == want ? "" : "  <-- WRONG");
	t->nr_wrong += got != want;
}

/*
 * The number of ticks of the periodic channel 0 while it ran, or -1 if it was
 * stopped too close to a tick to tell.
 */
static int ticks_due(struct test *t)
{
	uint64_t p = t->s->period;
	uint64_t min = t->s->stopping - t->s->started;
	uint64_t max = t->s->stopped - t->s->starting;

	if (min / p != max / p || min % p < p / 10 || max % p > p - p / 20)
		return -1;
	return min / p;
}

/* AVIC is in use, i.e. the PIT, of which ticks may have been owed, doesn't mind. */
static void expect_active(struct test *t)
{
	if (t->avic)
		apicv_await_reasons(t->vm, "");
}

static void expect_owed(struct test *t)
{
	if (t->avic)
		apicv_expect_reasons(t->vm, "PIT_REINJ");
}

static const char * const waits[] = {
	[WITH_IF_0] = "interrupts disabled",
	[IN_SERVICE] = "the first in service",
	[HALTED] = "halted",
};

/* Let channel 0 run for some time, and see that all of its ticks arrive. */
static void test_episode(struct test *t, enum command path, uint8_t mode, int hz,
			 int n, enum wait wait)
{
	char what[128];
	int i, due = -1;

	set_rate(t, mode, hz);
	t->s->wait = wait;
	run(t, path, 0);
	for (i = 0; i < NR_TRIES && due < 0; i++) {
		t->s->busy_until = 0;
		run(t, EPISODE, n);
		due = ticks_due(t);
	}
	snprintf(what, sizeof(what), "%s, mode %d, %d Hz, %s",
		 path == BY_PIC ? "PIC" : "I/O APIC", mode >> 1 & 7, hz, waits[wait]);
	expect(t, what, t->s->ticks, due);
	if (path == BY_PIC)
		apicv_await_cleared(t->vm, "PIT_REINJ");
	else
		expect_active(t);
}

static void test_one_shot(struct test *t, enum command path)
{
	set_rate(t, ONE_SHOT, 200);
	run(t, path, 0);
	t->s->ticks = 0;
	run(t, START, 0);
	run(t, HALT, 1);
	run(t, TAKE, 3);
	expect(t, "one-shot", t->s->ticks, 1);
}

/* The guest owes the acknowledgment of a tick, and KVM some more ticks. */
static void starve(struct test *t)
{
	set_rate(t, RATE, 200);
	run(t, BY_IOAPIC, 0);
	t->s->ticks = 0;
	run(t, START, 0);
	run(t, SPIN, 4);
	expect_owed(t);
}

/* One-shot channel 0 after @what has voided the ticks that were owed. */
static void expect_void(struct test *t, const char *what)
{
	expect_active(t);
	run(t, TAKE, 1);
	expect(t, what, t->s->ticks, 1);
	set_rate(t, ONE_SHOT, 20);
	run(t, START, 0);
	run(t, UNMASK, 0);
	t->s->ticks = 0;
	run(t, TAKE, 2);
	expect(t, "  after that, one-shot", t->s->ticks, 1);
	expect_active(t);
}

static void test_mask(struct test *t)
{
	starve(t);
	run(t, MASK, 0);
	/* The channel runs on, for a pin that's masked. */
	run(t, SPIN, 3);
	expect_void(t, "pin masked");
}

static void test_reprogram(struct test *t)
{
	starve(t);
	set_rate(t, ONE_SHOT, 20);
	run(t, START, 0);
	/* It's a 20th of a second until its tick. */
	set_rate(t, RATE, 1000);
	expect_void(t, "channel 0 reprogrammed");
}

static void test_restore(struct test *t)
{
	struct kvm_pit_state2 state;

	starve(t);
	vm_ioctl(t->vm, KVM_GET_PIT2, &state);
	/* Another mode than the one that goes on ticking. */
	state.channels[0].mode = 0;
	state.channels[0].count = PIT_HZ / 20;
	vm_ioctl(t->vm, KVM_SET_PIT2, &state);
	set_rate(t, RATE, 1000);
	expect_void(t, "PIT restored");
}

/* Go on in the middle, with the same state. */
static void test_migrate(struct test *t)
{
	struct kvm_pit_state2 state;
	int i, due = -1;

	/* What has been delivered before isn't taken before the next one is. */
	for (i = 0; i < NR_TRIES && due < 0; i++) {
		starve(t);
		vm_ioctl(t->vm, KVM_GET_PIT2, &state);
		run(t, STAMP, 0);
		vm_ioctl(t->vm, KVM_SET_PIT2, &state);
		run(t, STAMP, 0);
		run(t, SPIN_UNTIL, t->s->started + t->s->period * 11 / 2);
		run(t, STOP, 0);
		due = ticks_due(t);
		run(t, TAKE_ALL, 0);
	}
	expect(t, "PIT saved and restored", t->s->ticks, due);
	expect_active(t);
}

static void test_reinject_control(struct test *t)
{
	struct kvm_reinject_control control = {};

	starve(t);
	vm_ioctl(t->vm, KVM_REINJECT_CONTROL, &control);
	expect_active(t);
	run(t, SPIN, 4);
	run(t, STOP, 0);
	run(t, TAKE, 5);
	/* Each went to the same bit of the IRR. */
	expect(t, "reinjection switched off", t->s->ticks, 1);

	control.pit_reinject = 1;
	vm_ioctl(t->vm, KVM_REINJECT_CONTROL, &control);
	test_episode(t, BY_IOAPIC, RATE, 200, 6, WITH_IF_0);
}

static volatile bool done;

static void *toggle(void *arg)
{
	bool inhibit = false;

	while (!done) {
		inhibit = !inhibit;
		apicv_inhibit(arg, inhibit);
		usleep(2000);
	}
	apicv_inhibit(arg, false);
	return NULL;
}

/* AVIC comes and goes for another reason, at any time. */
static void test_switches(struct test *t)
{
	pthread_t thread;
	bool avic = t->avic;
	int i;

	t->avic = false;
	done = false;
	pthread_create(&thread, NULL, toggle, t->other);
	for (i = 0; i < 3; i++) {
		test_episode(t, BY_IOAPIC, RATE, 500, 10, WITH_IF_0);
		test_episode(t, BY_IOAPIC, RATE, 500, 10, IN_SERVICE);
		test_episode(t, BY_IOAPIC, RATE, 500, 10, HALTED);
	}
	done = true;
	pthread_join(thread, NULL);
	t->avic = avic;
	expect_active(t);
}

static void test_inhibited(struct test *t)
{
	bool avic = t->avic;

	t->avic = false;
	apicv_inhibit(t->other, true);
	test_episode(t, BY_IOAPIC, RATE, 200, 10, WITH_IF_0);
	apicv_inhibit(t->other, false);
	t->avic = avic;
	expect_active(t);
}

/* Whether what was counted has to include the third tick: the host wasn't late. */
static bool third_is_counted(struct test *t)
{
	uint64_t p = t->s->period, third = t->s->starting + 3 * p;

	return t->s->zeroed < third - p / 10 && t->s->stopped < third + p - p / 10 &&
	       (!t->s->ticks || t->s->first > third - p / 10);
}

/* What is owed is void then, but not what is due later. */
static void test_unmask_at_tick(struct test *t)
{
	int i, nr = 0, due = 0;

	set_rate(t, RATE, 250);
	run(t, BY_IOAPIC, 0);
	for (i = 0; i < NR_TRIES; i++) {
		run(t, UNMASK_AT_TICK, i);
		if (!third_is_counted(t))
			continue;
		nr += t->s->ticks > 0;
		due++;
	}
	expect(t, "unmasked when a tick is due, the next one", nr, due);
}

/* Whether ticks still come, other than what is pending. */
static void expect_goes_on(struct test *t, const char *what)
{
	run(t, TAKE, 3);
	t->s->ticks = 0;
	run(t, TAKE, 10);
	expect(t, what, t->s->ticks > 0, 1);
	run(t, STOP, 0);
	expect_active(t);
}

/* Nobody acknowledges a tick that comes while the APIC is disabled. */
static void test_disabled(struct test *t, bool by_software)
{
	set_rate(t, RATE, 200);
	run(t, BY_IOAPIC, 0);
	run(t, START, 0);
	run(t, DISABLE, by_software);
	run(t, SPIN, 3);
	run(t, ENABLE, 0);
	expect_goes_on(t, by_software ? "goes on after the APIC was disabled by software" :
					"goes on after the APIC was disabled");
}

/* The EOI of a tick that is pending is that of a vector which the pin has no more. */
static void test_other_vector(struct test *t)
{
	starve(t);
	run(t, MOVE, 0);
	expect_goes_on(t, "goes on with another vector");
}

static void create(struct test *t, bool x2apic)
{
	struct kvm_pit_config pit = {};
	unsigned int changes;

	t->vm = vm_create(2);
	t->vcpu = vm_vcpu_add(t->vm, 0, guest_code);
	t->other = vm_vcpu_add(t->vm, 1, guest_code);
	apicv_trace_start();
	vm_ioctl(t->vm, KVM_CREATE_PIT2, &pit);
	changes = apicv_trace_stop();
	TEST_ASSERT(!changes, "APICv is inhibited because there's a PIT");

	virt_pg_map(t->vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	virt_pg_map(t->vm, IOAPIC_GPA, IOAPIC_GPA);
	vm_init_descriptor_tables(t->vm);
	vcpu_init_descriptor_tables(t->vcpu);
	vm_install_exception_handler(t->vm, VECTOR, handler);
	vm_install_exception_handler(t->vm, OTHER_VECTOR, handler);
	vm_install_exception_handler(t->vm, PIC_BASE, handler);
	t->s = addr_gva2hva(t->vm, (vm_vaddr_t)&shared);
	t->tsc_hz = __vcpu_ioctl(t->vcpu, KVM_GET_TSC_KHZ, NULL) * 1000ull;
	t->s->patience = 5 * t->tsc_hz;
	t->s->x2apic = x2apic;
	/* Until the first command. */
	run(t, SPIN, 0);
}

/* Nothing acknowledges the tick, and the VM is destroyed with ticks owed. */
static void test_destroy(bool avic, bool late)
{
	struct test t = { .avic = avic };

	create(&t, false);
	starve(&t);
	if (late)
		run(&t, MASK, 0);
	kvm_vm_free(t.vm);
}

int main(void)
{
	struct test t = {};

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_PIT2));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_REINJECT_CONTROL));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_GET_TSC_KHZ));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG2));
	__TEST_REQUIRE(kvm_has_apicv(), "KVM uses neither AVIC nor APICv");
	/* On VMX, the EOI exits if anybody wants to know of it. */
	t.avic = !is_intel_cpu();

	create(&t, false);
	test_episode(&t, BY_IOAPIC, RATE, 100, 5, HALTED);
	test_episode(&t, BY_IOAPIC, RATE, 1000, 50, HALTED);
	test_episode(&t, BY_IOAPIC, RATE, 100, 8, WITH_IF_0);
	test_episode(&t, BY_IOAPIC, RATE, 1000, 50, WITH_IF_0);
	test_episode(&t, BY_IOAPIC, SQUARE, 200, 8, WITH_IF_0);
	test_episode(&t, BY_IOAPIC, RATE, 200, 8, IN_SERVICE);
	test_one_shot(&t, BY_IOAPIC);
	test_mask(&t);
	test_unmask_at_tick(&t);
	test_reprogram(&t);
	test_restore(&t);
	test_migrate(&t);
	test_reinject_control(&t);
	test_inhibited(&t);
	test_disabled(&t, false);
	test_disabled(&t, true);
	test_other_vector(&t);
	test_switches(&t);

	/* The last ones, as they make KVM inhibit AVIC until it's of use. */
	test_episode(&t, BY_PIC, RATE, 200, 8, HALTED);
	test_episode(&t, BY_PIC, RATE, 200, 8, WITH_IF_0);
	test_episode(&t, BY_PIC, RATE, 200, 8, IN_SERVICE);
	test_one_shot(&t, BY_PIC);
	kvm_vm_free(t.vm);

	/* With AVIC but without x2AVIC, KVM emulates the EOI, with AVIC active. */
	create(&t, true);
	test_episode(&t, BY_IOAPIC, RATE, 200, 8, HALTED);
	test_episode(&t, BY_IOAPIC, RATE, 200, 8, WITH_IF_0);
	test_episode(&t, BY_IOAPIC, RATE, 200, 8, IN_SERVICE);
	test_switches(&t);
	kvm_vm_free(t.vm);

	test_destroy(t.avic, false);
	test_destroy(t.avic, true);
	TEST_ASSERT(!t.nr_wrong, "%u wrong counts", t.nr_wrong);
	return 0;
}
