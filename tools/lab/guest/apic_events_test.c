// SPDX-License-Identifier: GPL-2.0
/*
 * Who receives an IPI, for every way to name its destination, and what becomes
 * of level-triggered interrupts and of an IRR that userspace saves and restores.
 * A guest-side test for the laboratory, built like any KVM selftest; it holds
 * whether or not the host virtualizes IPIs.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_VCPUS	3
#define VECTOR		0xa5

#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define DFR_FLAT	0xffffffff
#define DFR_CLUSTER	0x0fffffff

#define IOAPIC_GPA	0xfec00000ull
#define IOAPIC_PIN	20
#define LEVEL		APIC_INT_LEVELTRIG

/* Ticks of the TSC: a cap for what has to come, a delay for what must not. */
#define PATIENCE	1000000000ull
#define SILENCE		200000ull

enum mode { XAPIC_FLAT, XAPIC_CLUSTER, X2APIC };

static const char * const mode_names[] = { "xAPIC flat", "xAPIC cluster", "x2APIC" };

static volatile uint64_t received[NR_VCPUS];
static volatile bool ready[NR_VCPUS], done;
static enum mode mode;

static uint32_t apic_id(void)
{
	return mode == X2APIC ? x2apic_read_reg(APIC_ID) : xapic_read_reg(APIC_ID) >> 24;
}

static void eoi(void)
{
	if (mode == X2APIC)
		x2apic_write_reg(APIC_EOI, 0);
	else
		xapic_write_reg(APIC_EOI, 0);
}

static void write_icr(uint32_t dest, uint32_t low)
{
	if (mode == X2APIC) {
		x2apic_write_reg(APIC_ICR, (uint64_t)dest << 32 | low);
	} else {
		xapic_write_reg(APIC_ICR2, dest << 24);
		xapic_write_reg(APIC_ICR, low);
	}
}

/* The logical ID of one vCPU: with clusters, the third is alone in the second cluster. */
static uint32_t logical_id(uint32_t id)
{
	if (mode == XAPIC_CLUSTER)
		return id == 2 ? 0x11 : 1u << id;
	return 1u << id;
}

static void apic_setup(uint32_t id)
{
	if (mode == X2APIC) {
		x2apic_enable();
		return;
	}
	xapic_enable();
	xapic_write_reg(APIC_DFR, mode == XAPIC_FLAT ? DFR_FLAT : DFR_CLUSTER);
	xapic_write_reg(APIC_LDR, logical_id(id) << 24);
}

static void ipi_handler(struct ex_regs *regs)
{
	received[apic_id()]++;
	eoi();
}

static void delay(uint64_t ticks)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < ticks)
		cpu_relax();
}

/* Send once; exactly the vCPUs of @targets must receive it, each once. */
static void expect(uint32_t dest, uint32_t low, uint32_t targets)
{
	uint64_t before[NR_VCPUS], start = rdtsc();
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		before[i] = received[i];
	write_icr(dest, low | VECTOR);
	for (i = 0; i < NR_VCPUS; i++)
		while ((targets & 1u << i) && received[i] == before[i] && rdtsc() - start < PATIENCE)
			cpu_relax();
	delay(SILENCE);
	for (i = 0; i < NR_VCPUS; i++)
		GUEST_ASSERT_4(received[i] - before[i] == !!(targets & 1u << i), dest, low, i, received[i] - before[i]);
}

static void sender(void)
{
	uint32_t all = mode == X2APIC ? 0xffffffff : 0xff;
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		expect(i, 0, 1u << i);
		expect(logical_id(i), APIC_DEST_LOGICAL, 1u << i);
	}
	expect(0x3, APIC_DEST_LOGICAL, 0x3);
	if (mode != XAPIC_CLUSTER) {
		expect(0x6, APIC_DEST_LOGICAL, 0x6);
		expect(0x7, APIC_DEST_LOGICAL, 0x7);
	}
	if (mode != X2APIC)
		expect(0xff, APIC_DEST_LOGICAL, 0x7);
	expect(all, 0, 0x7);
	expect(0, APIC_DEST_SELF, 0x1);
	expect(0, APIC_DEST_ALLINC, 0x7);
	expect(0, APIC_DEST_ALLBUT, 0x6);
	expect(NR_VCPUS, 0, 0);		/* there is no such vCPU */
}

static void destinations(uint64_t id)
{
	int i;

	apic_setup(id);
	asm volatile("sti");
	ready[id] = true;
	for (i = 0; i < NR_VCPUS; i++)
		while (!ready[i])
			cpu_relax();
	if (!id) {
		sender();
		done = true;
	}
	while (!done)
		cpu_relax();
	GUEST_DONE();
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
	volatile uint32_t *ioapic = (volatile uint32_t *)IOAPIC_GPA;

	ioapic[0] = reg;
	ioapic[4] = value;
}

/* The device lowers its line at the third interrupt; an EOI that does not reach the IOAPIC ends the series early. */
static void level_handler(struct ex_regs *regs)
{
	if (++received[0] == 3)
		GUEST_SYNC(0);
	eoi();
}

static void level(uint64_t trigger)
{
	uint64_t start, expected = trigger ? 3 : 1;

	apic_setup(0);
	ioapic_write(0x10 + 2 * IOAPIC_PIN + 1, 0);
	ioapic_write(0x10 + 2 * IOAPIC_PIN, trigger | VECTOR);
	asm volatile("sti");
	GUEST_SYNC(1);
	start = rdtsc();
	while (received[0] < expected && rdtsc() - start < PATIENCE)
		cpu_relax();
	delay(SILENCE);
	GUEST_ASSERT_4(received[0] == expected, trigger, 0, expected, received[0]);
	GUEST_DONE();
}

/* An interrupt that waits in the IRR while userspace takes the APIC's state away and brings it back. */
static void restore(uint64_t unused)
{
	apic_setup(0);
	write_icr(0, APIC_DEST_SELF | VECTOR);
	GUEST_SYNC(2);
	GUEST_ASSERT_4(!received[0], 0, 0, 0, received[0]);
	asm volatile("sti; nop; nop");
	delay(SILENCE);
	GUEST_ASSERT_4(received[0] == 1, 0, 0, 1, received[0]);
	GUEST_DONE();
}

static void save_and_restore(struct kvm_vcpu *vcpu)
{
	struct kvm_lapic_state saved, empty;
	uint32_t *irr;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &saved);
	empty = saved;
	irr = (uint32_t *)&empty.regs[APIC_IRR + VECTOR / 32 * 0x10];
	TEST_ASSERT(*irr == 1u << VECTOR % 32, "IRR %x", *irr);
	*irr = 0;
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &empty);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &empty);
	TEST_ASSERT(!*irr, "IRR %x after it was cleared", *irr);
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &saved);
}

static void *vcpu_thread(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct ucall uc;

	for (;;) {
		vcpu_run(vcpu);
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_DONE:
			return NULL;
		case UCALL_SYNC:
			if (uc.args[1] == 2)
				save_and_restore(vcpu);
			else
				kvm_irq_line(vcpu->vm, IOAPIC_PIN, uc.args[1]);
			break;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT_4(uc, "destination %lx, ICR or trigger %lx, vCPU or expected %lu: received %lu");
		default:
			TEST_FAIL("vCPU %u: exit %u, ucall %lu", vcpu->id, vcpu->run->exit_reason, uc.cmd);
		}
	}
}

/* run NR vCPUs of GUEST_CODE with the argument; ARG -1: the vCPU's number. */
static void run(enum mode m, int nr, void *guest_code, void *handler, int64_t arg)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	pthread_t threads[NR_VCPUS];
	struct kvm_vm *vm;
	int i;

	mode = m;
	vm = vm_create_with_vcpus(nr, guest_code, vcpus);
	vm_init_descriptor_tables(vm);
	vm_install_exception_handler(vm, VECTOR, handler);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	virt_pg_map(vm, IOAPIC_GPA, IOAPIC_GPA);
	sync_global_to_guest(vm, mode);
	for (i = 0; i < nr; i++) {
		vcpu_init_descriptor_tables(vcpus[i]);
		vcpu_args_set(vcpus[i], 1, arg < 0 ? (uint64_t)i : (uint64_t)arg);
		pthread_create(&threads[i], NULL, vcpu_thread, vcpus[i]);
	}
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	kvm_vm_free(vm);
}

int main(int argc, char *argv[])
{
	enum mode m;

	for (m = XAPIC_FLAT; m <= X2APIC; m++) {
		run(m, NR_VCPUS, destinations, ipi_handler, -1);
		run(m, 1, level, level_handler, LEVEL);
		run(m, 1, level, level_handler, 0);
		run(m, 1, restore, ipi_handler, 0);
		pr_info("%s: destinations, level and edge, restored IRR\n", mode_names[m]);
	}
	return 0;
}
