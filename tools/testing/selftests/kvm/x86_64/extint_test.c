// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test interrupts through the PIC, which AVIC can't deliver: that each of them
 * arrives, and that a burst of them doesn't inhibit and uninhibit AVIC each time.
 *
 * The vCPUs take the interrupts in turn, one at a time, and with interrupts masked
 * when it is raised, so that KVM has to wait for a window.  The last vCPU does
 * nothing but send IPIs to itself all the while.
 */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_EXTINTS	1000
#define MAX_VCPUS	16

/* Pin 3 of the PIC, whose vectors start here. */
#define PIN		3
#define PIC_VECTORS	0x40
#define EXTINT_VECTOR	(PIC_VECTORS + PIN)
#define SPURIOUS_VECTOR	(PIC_VECTORS + 7)
#define IPI_VECTOR	0x61

#define APIC_LVT0	0x350
#define LVT_MASKED	BIT(16)

/*
 * AVIC may be inhibited for that long after the last one, in ms.  A host that has
 * other things to do adds to it, thus the margin.
 */
#define LINGER		50
#define MARGIN		450

/* Ticks of the TSC within which an interrupt has to arrive: a cap, not a delay. */
#define PATIENCE	1000000000ull

static volatile uint64_t nr_extints, nr_spurious, nr_ipis, nr_sent;
static volatile bool stop;

static void pic_write(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "d"(port));
}

static void init_pic(void)
{
	pic_write(0x20, 0x11);
	pic_write(0x21, PIC_VECTORS);
	pic_write(0x21, 0x04);
	pic_write(0x21, 0x01);
	pic_write(0x21, (uint8_t)~(1u << PIN));
}

static void extint_handler(struct ex_regs *regs)
{
	nr_extints++;
	pic_write(0x20, 0x20);
}

static void spurious_handler(struct ex_regs *regs)
{
	nr_spurious++;
}

static void ipi_handler(struct ex_regs *regs)
{
	nr_ipis++;
	xapic_write_reg(APIC_EOI, 0);
}

static void await(volatile uint64_t *count, uint64_t expected)
{
	uint64_t start = rdtsc();

	while (*count != expected && rdtsc() - start < PATIENCE)
		cpu_relax();
	GUEST_ASSERT_2(*count == expected, *count, expected);
}

static void extint_guest(bool first)
{
	uint64_t expected;

	xapic_enable();
	if (first)
		init_pic();
	xapic_write_reg(APIC_LVT0, LVT_MASKED);
	GUEST_SYNC(0);

	for (;;) {
		expected = nr_extints + 1;
		xapic_write_reg(APIC_LVT0, APIC_DM_EXTINT);
		/* Raised here, and not taken before interrupts are unmasked. */
		GUEST_SYNC(0);
		GUEST_ASSERT_2(nr_extints == expected - 1, nr_extints, expected - 1);
		asm volatile("sti");
		await(&nr_extints, expected);
		asm volatile("cli");
		xapic_write_reg(APIC_LVT0, LVT_MASKED);
		GUEST_SYNC(0);
	}
}

/* With interrupts masked, so that they need windows while AVIC is inhibited. */
static void ipi_guest(void)
{
	xapic_enable();
	xapic_write_reg(APIC_LVT0, LVT_MASKED);

	while (!stop) {
		asm volatile("cli");
		xapic_write_reg(APIC_ICR, APIC_DEST_SELF | APIC_DM_FIXED | IPI_VECTOR);
		nr_sent++;
		asm volatile("sti");
		await(&nr_ipis, nr_sent);
	}
	GUEST_DONE();
}

static void run(struct kvm_vcpu *vcpu, uint64_t want)
{
	struct ucall uc;

	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2(uc, "%ld, expected %ld");
	ASSERT_EQ(uc.cmd, want);
}

static void *run_ipis(void *vcpu)
{
	run(vcpu, UCALL_DONE);
	return NULL;
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* How long AVIC stays inhibited, while one vCPU is busy with its IPIs. */
static void expect_active_soon(struct kvm_vm *vm)
{
	double start = now_ms();

	while (apicv_has_reason(vm, "IRQWIN")) {
		TEST_ASSERT(now_ms() - start < LINGER + MARGIN,
			    "Still inhibited after %d ms", LINGER + MARGIN);
		usleep(1000);
	}
	pr_info("No longer inhibited after %.0f ms\n", now_ms() - start);
}

static void extint(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	run(vcpu, UCALL_SYNC);
	kvm_irq_line(vm, PIN, 1);
	kvm_irq_line(vm, PIN, 0);
	run(vcpu, UCALL_SYNC);
}

static void create_vcpus(struct kvm_vm *vm, struct kvm_vcpu *vcpus[], int nr_vcpus)
{
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		vcpus[i] = vm_vcpu_add(vm, i, i < nr_vcpus - 1 ? (void *)extint_guest :
								 (void *)ipi_guest);
		vcpu_args_set(vcpus[i], 1, i == 0);
	}
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	for (i = 0; i < nr_vcpus; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	vm_install_exception_handler(vm, EXTINT_VECTOR, extint_handler);
	vm_install_exception_handler(vm, SPURIOUS_VECTOR, spurious_handler);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
}

static uint64_t guest_value(struct kvm_vm *vm, volatile uint64_t *p)
{
	return *(volatile uint64_t *)addr_gva2hva(vm, (vm_vaddr_t)p);
}

/* A burst on one vCPU, or spread over all but the last. */
static void test_burst(int nr_vcpus, bool spread)
{
	struct kvm_vcpu *vcpus[MAX_VCPUS];
	struct kvm_vm *vm = vm_create(nr_vcpus);
	int i, nr_takers = spread ? nr_vcpus - 1 : 1;
	unsigned int changes;
	pthread_t thread;

	create_vcpus(vm, vcpus, nr_vcpus);
	for (i = 0; i < nr_vcpus - 1; i++)
		run(vcpus[i], UCALL_SYNC);
	pthread_create(&thread, NULL, run_ipis, vcpus[nr_vcpus - 1]);

	apicv_trace_start();
	for (i = 0; i < NR_EXTINTS; i++)
		extint(vm, vcpus[i % nr_takers]);
	changes = apicv_trace_stop();

	pr_info("%d vCPUs, %d of them take ExtINTs: %d interrupts, %u changes of inhibits\n",
		nr_vcpus, nr_takers, NR_EXTINTS, changes);
	ASSERT_EQ(guest_value(vm, &nr_extints), NR_EXTINTS);
	ASSERT_EQ(guest_value(vm, &nr_spurious), 0);
	TEST_ASSERT(changes <= 2, "%u changes of inhibits for a burst", changes);

	expect_active_soon(vm);
	*(volatile bool *)addr_gva2hva(vm, (vm_vaddr_t)&stop) = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(guest_value(vm, &nr_ipis), guest_value(vm, &nr_sent));

	kvm_vm_free(vm);
}

int main(void)
{
	pr_info("APICv is %s\n", kvm_has_apicv() ? "on" : "off: nothing to inhibit");

	test_burst(2, false);
	test_burst(4, true);
	test_burst(MAX_VCPUS, true);
	return 0;
}
