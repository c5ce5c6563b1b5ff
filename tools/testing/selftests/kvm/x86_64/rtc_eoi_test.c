// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that user space is told the truth about the RTC's interrupts: whether an
 * interrupt is delivered, or coalesced with one that the guest hasn't acknowledged.
 * KVM_IRQ_LINE_STATUS says to how many vCPUs it goes, 0 if it's coalesced.
 */
#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IOAPIC_GPA	0xfec00000ull
#define RTC_PIN		8
#define VECTOR		0x52
#define APIC_LDR	0xd0
#define APIC_LVT0	0x350
#define APIC_LVT_MASKED	BIT(16)
#define LOGICAL		BIT(11)
#define NR_VCPUS	2

static volatile uint64_t received[NR_VCPUS];

/* The upper half of the pin's entry, and more bits of the lower one. */
static volatile uint64_t entry_high, entry_low;

/* Exit within the handler, before the EOI. */
static volatile bool exit_in_handler;

static int this_id(void)
{
	return xapic_read_reg(APIC_ID) >> 24;
}

static void handler(struct ex_regs *regs)
{
	received[this_id()]++;
	if (exit_in_handler)
		GUEST_SYNC(1);
	xapic_write_reg(APIC_EOI, 0);
}

static void program(void)
{
	volatile uint32_t *io = (void *)IOAPIC_GPA;

	io[0] = 0x11 + 2 * RTC_PIN;
	io[4] = entry_high;
	io[0] = 0x10 + 2 * RTC_PIN;
	io[4] = VECTOR | entry_low;
}

static void guest_code(int id)
{
	xapic_enable();
	xapic_write_reg(APIC_LVT0, APIC_LVT_MASKED);
	xapic_write_reg(APIC_LDR, SET_APIC_DEST_FIELD(1u << id));

	for (;;) {
		if (!id)
			program();
		/* Here alone, as handlers use the stack of all others. */
		asm volatile("sti; nop; cli");
		GUEST_SYNC(0);
	}
}

struct test {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[NR_VCPUS];
	unsigned int nr_wrong;
};

static uint64_t *guest_var(struct test *t, volatile void *var)
{
	return addr_gva2hva(t->vm, (vm_vaddr_t)var);
}

/* Run @id until it exits, which it does in the handler if @in_handler. */
static void run(struct test *t, int id, bool in_handler)
{
	struct ucall uc;

	*(bool *)guest_var(t, &exit_in_handler) = in_handler;
	do {
		vcpu_run(t->vcpus[id]);
		get_ucall(t->vcpus[id], &uc);
		TEST_ASSERT(uc.cmd == UCALL_SYNC, "Unexpected ucall %lu", uc.cmd);
	} while (uc.args[1] != in_handler);
}

static void set_destination(struct test *t, uint64_t high, uint64_t low)
{
	*guest_var(t, &entry_high) = high << 24;
	*guest_var(t, &entry_low) = low;
	run(t, 0, false);
}

static void expect(struct test *t, const char *what, int got, int want)
{
	pr_info("# %s: %d, expected %d%s\n", what, got, want, got == want ? "" : "  <-- WRONG");
	t->nr_wrong += got != want;
}

/* A tick of the RTC, of which KVM is to say that it goes to @want vCPUs. */
static void tick(struct test *t, const char *what, int want)
{
	struct kvm_irq_level line = { .irq = RTC_PIN, .level = 1 };
	int got;

	vm_ioctl(t->vm, KVM_IRQ_LINE_STATUS, &line);
	got = line.status;
	line = (struct kvm_irq_level) { .irq = RTC_PIN, .level = 0 };
	vm_ioctl(t->vm, KVM_IRQ_LINE_STATUS, &line);
	expect(t, what, got, want);
}

/* Let the vCPUs take what is pending, and count what arrives. */
static void take(struct test *t, int want)
{
	uint64_t *count = guest_var(t, received);
	int old = count[0] + count[1];

	run(t, 0, false);
	run(t, 1, false);
	expect(t, "  arrived", count[0] + count[1] - old, want);
}

static void create(struct test *t)
{
	struct {
		struct kvm_irq_routing r;
		struct kvm_irq_routing_entry e[1];
	} routes = {
		.r.nr = 1,
		.e[0] = { .gsi = RTC_PIN, .type = KVM_IRQ_ROUTING_IRQCHIP,
			  .u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = RTC_PIN } },
	};
	int i;

	t->vm = vm_create(NR_VCPUS);
	for (i = 0; i < NR_VCPUS; i++) {
		t->vcpus[i] = vm_vcpu_add(t->vm, i, guest_code);
		vcpu_args_set(t->vcpus[i], 1, i);
	}
	virt_pg_map(t->vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	virt_pg_map(t->vm, IOAPIC_GPA, IOAPIC_GPA);
	vm_init_descriptor_tables(t->vm);
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_init_descriptor_tables(t->vcpus[i]);
	vm_install_exception_handler(t->vm, VECTOR, handler);
	vm_ioctl(t->vm, KVM_SET_GSI_ROUTING, &routes.r);
	run(t, 0, false);
	run(t, 1, false);
}

static void test_not_running(struct test *t)
{
	set_destination(t, 0, 0);
	tick(t, "to a vCPU that isn't running", 1);
	tick(t, "one more before it runs", 0);
	take(t, 1);
	tick(t, "one more after it ran", 1);
	take(t, 1);
}

static void test_in_service(struct test *t)
{
	tick(t, "to be in service", 1);
	run(t, 0, true);
	tick(t, "one more before the EOI", 0);
	take(t, 0);
	tick(t, "one more after the EOI", 1);
	take(t, 1);
}

static void test_all_vcpus(struct test *t)
{
	int i;

	set_destination(t, 3, LOGICAL);
	for (i = 0; i < 3; i++) {
		tick(t, "to two vCPUs", 2);
		take(t, 2);
	}
	tick(t, "to two vCPUs", 2);
	run(t, 0, false);
	tick(t, "one more before the second ran", 0);
	take(t, 1);
}

static void test_redirected(struct test *t)
{
	set_destination(t, 0, 0);
	tick(t, "to vCPU 0", 1);
	take(t, 1);
	set_destination(t, 1, 0);
	tick(t, "redirected to vCPU 1", 1);
	take(t, 1);
}

static void test_inhibited(struct test *t)
{
	set_destination(t, 0, 0);
	tick(t, "to vCPU 0", 1);
	take(t, 1);
	apicv_inhibit(t->vcpus[1], true);
	tick(t, "with APICv inhibited since", 1);
	run(t, 0, false);
	tick(t, "one more", 1);
	run(t, 0, false);
	apicv_inhibit(t->vcpus[1], false);
	tick(t, "with APICv active since", 1);
	take(t, 1);
}

/* vCPU 1 gets INIT before the EOI.  KVM_GET_MP_STATE has INIT processed. */
static void init_vcpu1(struct test *t)
{
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;

	vcpu_events_get(t->vcpus[1], &events);
	events.flags |= KVM_VCPUEVENT_VALID_SMM;
	events.smi.latched_init = 1;
	vcpu_events_set(t->vcpus[1], &events);
	vcpu_mp_state_get(t->vcpus[1], &mp_state);
	TEST_ASSERT(mp_state.mp_state == KVM_MP_STATE_INIT_RECEIVED, "No INIT");
}

/* In a VM of its own, as vCPU 1 waits for SIPI at the end. */
static void test_init(struct test *t, const char *how, uint64_t high, uint64_t low,
		      bool redirect)
{
	pr_info("# INIT, %s\n", how);
	create(t);
	set_destination(t, high, low);
	tick(t, "to vCPU 1", 1);
	run(t, 1, true);
	if (redirect)
		set_destination(t, 0, 0);
	init_vcpu1(t);
	set_destination(t, 0, 0);
	tick(t, "to vCPU 0 after INIT of vCPU 1", 1);
	run(t, 0, false);
	tick(t, "one more", 1);
	kvm_vm_free(t->vm);
}

int main(void)
{
	struct test t = {};

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG2));
	pr_info("# APICv is %sused\n", kvm_has_apicv() ? "" : "not ");

	create(&t);
	test_not_running(&t);
	test_in_service(&t);
	test_all_vcpus(&t);
	test_redirected(&t);
	test_inhibited(&t);
	kvm_vm_free(t.vm);
	test_init(&t, "physical destination", 1, 0, false);
	test_init(&t, "logical destination", 2, LOGICAL, false);
	test_init(&t, "redirected meanwhile", 1, 0, true);
	TEST_ASSERT(!t.nr_wrong, "%u wrong answers", t.nr_wrong);
	return 0;
}
