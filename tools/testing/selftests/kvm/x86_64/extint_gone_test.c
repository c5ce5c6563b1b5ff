// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that an interrupt of the PIC which is withdrawn while KVM is about to
 * deliver it makes no vCPU get another vector, and that L1 doesn't see an exit of
 * L2 without a vector.  One vCPU masks and unmasks an input that is active all the
 * time, another one takes the interrupt, in L1 and, if there's VMX, by exits of L2.
 *
 * A vector that isn't the input's is the one that the PIC has for spurious ones.
 * Nothing of this is a reason for the host to WARN.
 */
#include <pthread.h>
#include <string.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "vmx.h"

#define PIC_CMD			0x20
#define PIC_DATA		0x21
#define PIC_ELCR		0x4d0
#define LVT0			0x350
#define LVT_EXTINT		0x700

#define PIC_BASE		0x20
#define INPUT			4
#define SPECIFIC_EOI		0x60
#define SPURIOUS_INPUT		7

/* What is valid in the information about an exit, above the vector. */
#define INTR_INFO_EXTERNAL	0x80000000

#define NR_ROUNDS		3000
#define L2_STACK_SIZE		64

/* Shared with the guest: READ_ONCE() what another vCPU changes. */
static struct {
	uint64_t ready, stop;
	uint64_t taken, spurious, wrong;
} shared;

static void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "Nd"(port));
}

static void take(uint8_t vector)
{
	if (vector == PIC_BASE + INPUT) {
		shared.taken++;
		out8(PIC_CMD, SPECIFIC_EOI | INPUT);
	} else if (vector == PIC_BASE + SPURIOUS_INPUT) {
		shared.spurious++;
	} else {
		shared.wrong++;
	}
}

static void input_handler(struct ex_regs *regs)
{
	take(PIC_BASE + INPUT);
}

static void spurious_handler(struct ex_regs *regs)
{
	take(PIC_BASE + SPURIOUS_INPUT);
}

/* -1, truncated to a vector. */
static void wrong_handler(struct ex_regs *regs)
{
	take(0xff);
}

static void enable_extint(void)
{
	x2apic_enable();
	x2apic_write_reg(LVT0, LVT_EXTINT);
}

static void l1_code(void)
{
	enable_extint();
	WRITE_ONCE(shared.ready, 1);
	asm volatile("sti");
	while (!READ_ONCE(shared.stop))
		cpu_relax();
	GUEST_DONE();
}

/* L1 doesn't keep L2's registers. */
static void l2_code(void)
{
	asm volatile("movq $1, %[ready]\n\t"
		     "1: pause\n\t"
		     "cmpq $0, %[stop]\n\t"
		     "je 1b\n\t"
		     "vmcall"
		     : [ready] "=m" (shared.ready) : [stop] "m" (shared.stop));
}

static void l1_vmx_code(struct vmx_pages *vmx)
{
	unsigned long stack[L2_STACK_SIZE];
	uint64_t info;

	enable_extint();
	GUEST_ASSERT(prepare_for_vmx_operation(vmx));
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, l2_code, &stack[L2_STACK_SIZE]);
	vmwrite(PIN_BASED_VM_EXEC_CONTROL, vmreadz(PIN_BASED_VM_EXEC_CONTROL) |
		PIN_BASED_EXT_INTR_MASK);
	vmwrite(VM_EXIT_CONTROLS, vmreadz(VM_EXIT_CONTROLS) | VM_EXIT_ACK_INTR_ON_EXIT);

	GUEST_ASSERT(!vmlaunch());
	while (vmreadz(VM_EXIT_REASON) == EXIT_REASON_EXTERNAL_INTERRUPT) {
		info = vmreadz(VM_EXIT_INTR_INFO);
		take((info & ~0xffull) == INTR_INFO_EXTERNAL ? info : 0xff);
		GUEST_ASSERT(!vmresume());
	}
	GUEST_ASSERT(vmreadz(VM_EXIT_REASON) == EXIT_REASON_VMCALL);
	GUEST_DONE();
}

static void set_up_pic(void)
{
	out8(PIC_CMD, 0x11);
	out8(PIC_DATA, PIC_BASE);
	out8(PIC_DATA, 4);
	out8(PIC_DATA, 1);
	out8(PIC_ELCR, 1 << INPUT);
	out8(PIC_DATA, 0xff);
}

static void toggle_code(void)
{
	int i, j;

	set_up_pic();
	/* The input becomes active. */
	GUEST_SYNC(1);

	while (!READ_ONCE(shared.ready))
		cpu_relax();
	/* The time in between varies, so that each place is hit. */
	for (i = 0; i < NR_ROUNDS; i++) {
		out8(PIC_DATA, (uint8_t)~(1 << INPUT));
		for (j = 0; j < i % 64; j++)
			cpu_relax();
		out8(PIC_DATA, 0xff);
	}
	WRITE_ONCE(shared.stop, 1);
	GUEST_DONE();
}

static void *toggler(void *vcpu)
{
	vcpu_run(vcpu);
	return NULL;
}

static void test(bool nested)
{
	struct kvm_irq_level line = { .irq = INPUT, .level = 1 };
	struct kvm_vcpu *taker_vcpu, *toggler_vcpu;
	struct kvm_vm *vm = vm_create(2);
	vm_vaddr_t vmx_gva;
	struct ucall uc;
	pthread_t thread;

	taker_vcpu = vm_vcpu_add(vm, 0, nested ? (void *)l1_vmx_code : l1_code);
	toggler_vcpu = vm_vcpu_add(vm, 1, toggle_code);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(taker_vcpu);
	vcpu_init_descriptor_tables(toggler_vcpu);
	vm_install_exception_handler(vm, PIC_BASE + INPUT, input_handler);
	vm_install_exception_handler(vm, PIC_BASE + SPURIOUS_INPUT, spurious_handler);
	vm_install_exception_handler(vm, 0xff, wrong_handler);
	if (nested) {
		vcpu_alloc_vmx(vm, &vmx_gva);
		vcpu_args_set(taker_vcpu, 1, vmx_gva);
	}

	vcpu_run(toggler_vcpu);
	ASSERT_EQ(get_ucall(toggler_vcpu, &uc), UCALL_SYNC);
	vm_ioctl(vm, KVM_IRQ_LINE, &line);

	pthread_create(&thread, NULL, toggler, toggler_vcpu);
	vcpu_run(taker_vcpu);
	if (get_ucall(taker_vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_1(uc, "%lu");
	ASSERT_EQ(uc.cmd, UCALL_DONE);
	pthread_join(thread, NULL);

	sync_global_from_guest(vm, shared);
	pr_info("%s: %lu taken, %lu spurious, %lu wrong\n", nested ? "L2" : "L1",
		shared.taken, shared.spurious, shared.wrong);
	TEST_ASSERT(shared.taken, "No interrupt was taken");
	TEST_ASSERT(!shared.wrong, "%lu interrupts without a vector of the PIC",
		    shared.wrong);
	kvm_vm_free(vm);
	memset(&shared, 0, sizeof(shared));
}

/* Since the host was booted, for whatever reason. */
static bool host_has_warned(void)
{
	FILE *f = fopen("/proc/sys/kernel/tainted", "r");
	unsigned long tainted;

	TEST_ASSERT(f && fscanf(f, "%lu", &tainted) == 1, "What taints the kernel?");
	fclose(f);
	return tainted & BIT(9);
}

int main(void)
{
	bool has_warned = host_has_warned();

	test(false);
	if (kvm_cpu_has(X86_FEATURE_VMX))
		test(true);

	TEST_ASSERT(has_warned || !host_has_warned(), "The host has WARNed");
	return 0;
}
