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

static void write_cr8(uint64_t val)
{
	asm volatile("mov %0, %%cr8" : : "r" (val) : "memory");
}

static void send_self(uint8_t vector)
{
	xapic_write_reg(APIC_ICR, APIC_DEST_SELF | APIC_INT_ASSERT | vector);
}

static void handle_low(struct ex_regs *regs)
{
	nr_low++;
	xapic_write_reg(APIC_EOI, 0);
}

/* LOW is pending, and waits for the EOI once the TPR doesn't mask it anymore. */
static void handle_high(struct ex_regs *regs)
{
	write_cr8((HIGH >> 4) + 1);
	send_self(LOW);
	write_cr8(1);
	nr_high++;
	xapic_write_reg(APIC_EOI, 0);
}

static void guest_code(void)
{
	xapic_enable();
	asm volatile("sti");
	send_self(HIGH);
	while (!nr_low)
		cpu_relax();
	GUEST_ASSERT_2(nr_high == 1 && nr_low == 1, nr_high, nr_low);

	/* 8 bytes, which AVIC doesn't do by itself.  KVM says what it likes. */
	asm volatile("mov (%0), %%rax" : : "r" (APIC_DEFAULT_GPA + APIC_ICR) : "rax", "memory");
	asm volatile("nop");
	GUEST_ASSERT_1(nr_low == 1, nr_low);
	GUEST_DONE();
}

static void run(bool inhibit)
{
	struct kvm_vm *vm = vm_create(2);
	struct kvm_vcpu *vcpu = vm_vcpu_add(vm, 0, guest_code);
	struct ucall uc;

	apicv_inhibit(vm_vcpu_add(vm, 1, guest_code), inhibit);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpu);
	vm_install_exception_handler(vm, LOW, handle_low);
	vm_install_exception_handler(vm, HIGH, handle_high);

	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2(uc, "%lu, %lu");
	TEST_ASSERT(uc.cmd == UCALL_DONE, "Unexpected ucall %lu", uc.cmd);
	pr_info("# APICv %sinhibited: passed\n", inhibit ? "" : "not ");
	kvm_vm_free(vm);
}

int main(void)
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG));

	/* A vCPU that makes no progress doesn't end by itself. */
	alarm(60);
	run(false);
	run(true);
	return 0;
}
