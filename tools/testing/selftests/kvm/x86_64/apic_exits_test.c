// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test what a guest does to its APIC for which the CPU exits, where KVM has to find
 * out what it's about: a TPR that is lowered below the priority of an interrupt that
 * can't be delivered even so, and a read, of a register whose writes are trapped.
 */
#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define LOW	0x50
#define HIGH	0x90

static volatile uint64_t nr_low, nr_high;

/* Whether the TPR is lowered by CR8, which doesn't exit, or in the APIC's register. */
static volatile bool by_cr8;

static bool is_x2apic(void)
{
	return rdmsr(MSR_IA32_APICBASE) & MSR_IA32_APICBASE_EXTD;
}

static void write_reg(unsigned int reg, uint64_t val)
{
	if (is_x2apic())
		x2apic_write_reg(reg, val);
	else
		xapic_write_reg(reg, val);
}

static void write_cr8(uint64_t val)
{
	asm volatile("mov %0, %%cr8" : : "r" (val) : "memory");
}

static void send_self(uint8_t vector)
{
	write_reg(APIC_ICR, APIC_DEST_SELF | APIC_INT_ASSERT | vector);
}

static void handle_low(struct ex_regs *regs)
{
	nr_low++;
	write_reg(APIC_EOI, 0);
}

/* LOW is pending, and waits for the EOI once the TPR doesn't mask it anymore. */
static void handle_high(struct ex_regs *regs)
{
	write_cr8((HIGH >> 4) + 1);
	send_self(LOW);
	if (by_cr8)
		write_cr8(1);
	else
		write_reg(APIC_TASKPRI, 1 << 4);
	nr_high++;
	write_reg(APIC_EOI, 0);
}

static void lower_tpr(bool use_cr8)
{
	by_cr8 = use_cr8;
	nr_high = 0;
	nr_low = 0;
	send_self(HIGH);
	while (!nr_low)
		cpu_relax();
	GUEST_ASSERT_2(nr_high == 1 && nr_low == 1, nr_high, nr_low);
}

static void guest_code(bool x2apic)
{
	if (x2apic)
		x2apic_enable();
	else
		xapic_enable();
	asm volatile("sti");
	lower_tpr(true);
	lower_tpr(false);
	if (x2apic)
		GUEST_DONE();

	/* 8 bytes, which AVIC doesn't do by itself.  KVM says what it likes. */
	asm volatile("mov (%0), %%rax" : : "r" (APIC_DEFAULT_GPA + APIC_ICR) : "rax", "memory");
	asm volatile("nop");
	GUEST_ASSERT_1(nr_low == 1, nr_low);
	GUEST_DONE();
}

static void run(bool inhibit, bool x2apic)
{
	struct kvm_vm *vm = vm_create(2);
	struct kvm_vcpu *vcpu = vm_vcpu_add(vm, 0, guest_code);
	struct ucall uc;

	apicv_inhibit(vm_vcpu_add(vm, 1, guest_code), inhibit);
	vcpu_args_set(vcpu, 1, x2apic);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpu);
	vm_install_exception_handler(vm, LOW, handle_low);
	vm_install_exception_handler(vm, HIGH, handle_high);

	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2(uc, "%lu, %lu");
	TEST_ASSERT(uc.cmd == UCALL_DONE, "Unexpected ucall %lu", uc.cmd);
	pr_info("# APICv %sinhibited, x%sAPIC: passed\n", inhibit ? "" : "not ", x2apic ? "2" : "");
	kvm_vm_free(vm);
}

int main(void)
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG));

	/* A vCPU that makes no progress doesn't end by itself. */
	alarm(60);
	run(false, false);
	run(false, true);
	run(true, false);
	run(true, true);
	return 0;
}
