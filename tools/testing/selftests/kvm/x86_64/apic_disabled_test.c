// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that an interrupt which is pending when the guest disables its local APIC
 * by software is taken nevertheless, whether APICv or AVIC was in use when it came
 * or is when it's taken, and if the guest masks it by the TPR for a moment.
 *
 * vCPU 1 never runs.  It inhibits APICv.
 */
#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define VECTOR		0x61

/* Ticks of the TSC within which the interrupt has to arrive: a cap, not a delay. */
#define PATIENCE	100000000ull

static volatile uint64_t received;
static volatile bool x2apic, by_tpr;

static void write_reg(unsigned int reg, uint32_t value)
{
	if (x2apic)
		x2apic_write_reg(reg, value);
	else
		xapic_write_reg(reg, value);
}

static void handler(struct ex_regs *regs)
{
	received++;
	write_reg(APIC_EOI, 0);
}

static void mask_by_cr8(uint64_t value)
{
	asm volatile("mov %0, %%cr8" :: "r"(value) : "memory");
}

static void guest_code(void)
{
	uint64_t start;

	if (x2apic)
		x2apic_enable();
	else
		xapic_enable();

	for (;;) {
		write_reg(APIC_SPIV, 0xff | APIC_SPIV_APIC_ENABLED);
		GUEST_SYNC(0);
		write_reg(APIC_ICR, APIC_DEST_SELF | APIC_DM_FIXED | VECTOR);
		write_reg(APIC_SPIV, 0xff);
		GUEST_SYNC(1);
		received = 0;
		start = rdtsc();
		mask_by_cr8(by_tpr ? 15 : 0);
		asm volatile("sti; nop");
		mask_by_cr8(0);
		while (!received && rdtsc() - start < PATIENCE)
			cpu_relax();
		asm volatile("cli");
		GUEST_SYNC(2 + received);
	}
}

static uint64_t run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
	return uc.args[1];
}

static volatile bool *guest_bool(struct kvm_vm *vm, volatile bool *p)
{
	return addr_gva2hva(vm, (vm_vaddr_t)p);
}

/* Whether APICv is inhibited when the interrupt comes, and when it's taken. */
static bool arrives(struct kvm_vcpu *vcpus[2], bool before, bool after)
{
	ASSERT_EQ(run(vcpus[0]), 0);
	apicv_inhibit(vcpus[1], before);
	ASSERT_EQ(run(vcpus[0]), 1);
	apicv_inhibit(vcpus[1], after);
	return run(vcpus[0]) == 3;
}

static int test(bool is_x2apic)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = vm_create(2);
	int i, lost = 0;

	for (i = 0; i < 2; i++)
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpus[0]);
	vm_install_exception_handler(vm, VECTOR, handler);
	*guest_bool(vm, &x2apic) = is_x2apic;

	for (i = 0; i < 8; i++) {
		*guest_bool(vm, &by_tpr) = i & 4;
		if (arrives(vcpus, i & 1, i & 2))
			continue;
		lost++;
		pr_info("%s: lost, APICv %s when it came, %s then%s\n",
			is_x2apic ? "x2APIC" : "xAPIC", i & 1 ? "off" : "on",
			i & 2 ? "off" : "on", i & 4 ? ", masked by TPR" : "");
	}
	kvm_vm_free(vm);
	return lost;
}

int main(void)
{
	int lost;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG2));
	pr_info("APICv is %s\n", kvm_has_apicv() ? "on" : "off: nothing to inhibit");
	lost = test(false) + test(true);
	TEST_ASSERT(!lost, "%d of 16 interrupts are lost", lost);
	return 0;
}
