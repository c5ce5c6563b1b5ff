// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test what L2 finds at the address of the APIC, and at those of the other
 * private memslots, if L1 maps L2's memory one to one: the APIC of L1, not the
 * page that KVM has there, and what L1 finds there, respectively.
 *
 * vCPU 1 doesn't run, it is what APICv is inhibited with.
 *
 * Whether there are other private memslots depends on the CPU, and on
 * kvm_intel.unrestricted_guest.
 */
#include <linux/stringify.h>
#include <string.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"
#include "test_util.h"
#include "vmx.h"

#define L2_STACK_SIZE	256
#define NR_LOOPS	20

/* Where KVM has its identity map unless it's told otherwise, and its TSS. */
#define IDENTITY_MAP_GPA	0xfffbc000ull
#define TSS_GPA			0xfffbd000ull

/* What userspace has at addresses that are MMIO. */
#define MMIO_VALUE	0x600d0000u

/* Shared with the guest. */
static volatile struct {
	/* Whether L2 does it, and what it does. */
	bool nested;
	bool write;
	uint64_t gpa;
	uint32_t value;
} shared;

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu, *other;
static volatile typeof(shared) *host;

static void do_access(void)
{
	volatile uint32_t *p = (uint32_t *)shared.gpa;

	if (shared.write)
		*p = shared.value;
	else
		shared.value = *p;
}

static void l2_vmx_code(void)
{
	for (;;) {
		do_access();
		vmcall();
	}
}

static void l2_svm_code(void)
{
	for (;;) {
		do_access();
		vmmcall();
	}
}

static void l1_vmx_code(struct vmx_pages *vmx)
{
	unsigned long stack[L2_STACK_SIZE];
	bool launched = false;

	xapic_enable();
	GUEST_ASSERT(prepare_for_vmx_operation(vmx));
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, l2_vmx_code, &stack[L2_STACK_SIZE]);

	for (;;) {
		GUEST_SYNC(0);
		if (!shared.nested) {
			do_access();
			continue;
		}
		GUEST_ASSERT(!(launched ? vmresume() : vmlaunch()));
		launched = true;
		GUEST_ASSERT_EQ(vmreadz(VM_EXIT_REASON), EXIT_REASON_VMCALL);
		vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));
	}
}

static void l1_svm_code(struct svm_test_data *svm)
{
	unsigned long stack[L2_STACK_SIZE];
	struct vmcb *vmcb = svm->vmcb;

	xapic_enable();
	generic_svm_setup(svm, l2_svm_code, &stack[L2_STACK_SIZE]);

	for (;;) {
		GUEST_SYNC(0);
		if (!shared.nested) {
			do_access();
			continue;
		}
		run_guest(vmcb, svm->vmcb_gpa);
		GUEST_ASSERT_EQ(vmcb->control.exit_code, SVM_EXIT_VMMCALL);
		/* The length of VMMCALL. */
		vmcb->save.rip += 3;
	}
}

/* Run until the access is done, and return whether userspace has done it. */
static bool run(void)
{
	uint32_t value = MMIO_VALUE;
	bool mmio = false;
	struct ucall uc;

	for (;;) {
		vcpu_run(vcpu);
		if (vcpu->run->exit_reason != KVM_EXIT_MMIO)
			break;
		ASSERT_EQ(vcpu->run->mmio.phys_addr, host->gpa);
		if (!vcpu->run->mmio.is_write)
			memcpy(vcpu->run->mmio.data, &value, sizeof(value));
		mmio = true;
	}
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2(uc, "%lx, expected %lx");
	ASSERT_EQ(uc.cmd, UCALL_SYNC);
	return mmio;
}

static bool read_gpa(bool nested, uint64_t gpa, uint32_t *value)
{
	bool mmio;

	host->nested = nested;
	host->write = false;
	host->gpa = gpa;
	mmio = run();
	*value = host->value;
	return mmio;
}

static bool write_gpa(bool nested, uint64_t gpa, uint32_t value)
{
	host->nested = nested;
	host->write = true;
	host->gpa = gpa;
	host->value = value;
	return run();
}

/* In L1 or in L2. */
static void expect_reg(bool nested, uint32_t reg, uint32_t expected, const char *when)
{
	uint32_t value;
	bool mmio = read_gpa(nested, APIC_DEFAULT_GPA + reg, &value);

	TEST_ASSERT(!mmio && value == expected,
		    "L%d read %x from APIC register %x %s, expected %x", nested ? 2 : 1, value,
		    reg, when, expected);
}

/* L2 has the APIC of L1. */
static void check_apic(const char *when)
{
	uint32_t version;

	TEST_ASSERT(!read_gpa(false, APIC_DEFAULT_GPA + APIC_LVR, &version) && version,
		    "L1 has no APIC %s", when);
	expect_reg(true, APIC_LVR, version, when);

	write_gpa(false, APIC_DEFAULT_GPA + APIC_TASKPRI, 0x10);
	expect_reg(true, APIC_TASKPRI, 0x10, when);
	write_gpa(true, APIC_DEFAULT_GPA + APIC_TASKPRI, 0x20);
	expect_reg(false, APIC_TASKPRI, 0x20, when);
	write_gpa(true, APIC_DEFAULT_GPA + APIC_TASKPRI, 0);
}

static void test_apic(void)
{
	int i;

	for (i = 0; i < NR_LOOPS; i++) {
		check_apic("with APICv");
		apicv_inhibit(other, true);
		check_apic("while APICv is inhibited");
		apicv_inhibit(other, false);
	}
	check_apic("with APICv again");
}

/* What L1 finds in the other memslots, L2 finds as well. */
static void test_private_slot(const char *name, uint64_t gpa)
{
	uint32_t l1, l2;
	bool mmio, mmio2;

	mmio = read_gpa(false, gpa, &l1);
	mmio2 = read_gpa(true, gpa, &l2);
	TEST_ASSERT(mmio == mmio2 && l1 == l2, "%s: L1 reads %x (%s), L2 reads %x (%s)", name,
		    l1, mmio ? "MMIO" : "memory", l2, mmio2 ? "MMIO" : "memory");

	TEST_ASSERT(write_gpa(true, gpa, l1 ^ 1) == mmio, "%s: L1 and L2 differ", name);
	if (!mmio) {
		read_gpa(false, gpa, &l2);
		TEST_ASSERT(l2 == (l1 ^ 1), "%s: L2 wrote %x, L1 reads %x", name, l1 ^ 1, l2);
		write_gpa(false, gpa, l1);
	}
	pr_info("%s: %s in L1 and L2\n", name, mmio ? "nothing" : "memory");
}

static void map_page(uint64_t gpa)
{
	virt_pg_map(vm, gpa, gpa);
}

/* Map L2's memory one to one, with page tables of L1. */
static void set_up_ept(struct vmx_pages *vmx)
{
	prepare_eptp(vmx, vm, 0);
	nested_map_memslot(vmx, vm, 0);
	nested_pg_map(vmx, vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	nested_pg_map(vmx, vm, IDENTITY_MAP_GPA, IDENTITY_MAP_GPA);
	nested_pg_map(vmx, vm, TSS_GPA, TSS_GPA);
}

static void test_nested(bool svm, bool ept)
{
	vm_vaddr_t data;
	void *vmx;

	vm = vm_create(2);
	__vm_ioctl(vm, KVM_SET_TSS_ADDR, (void *)TSS_GPA);
	vcpu = vm_vcpu_add(vm, 0, svm ? (void *)l1_svm_code : l1_vmx_code);
	other = vm_vcpu_add(vm, 1, svm ? (void *)l1_svm_code : l1_vmx_code);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpu);
	map_page(APIC_DEFAULT_GPA);
	map_page(IDENTITY_MAP_GPA);
	map_page(TSS_GPA);
	host = addr_gva2hva(vm, (vm_vaddr_t)&shared);

	if (svm) {
		vcpu_alloc_svm(vm, &data);
	} else {
		vmx = vcpu_alloc_vmx(vm, &data);
		if (ept)
			set_up_ept(vmx);
	}
	vcpu_args_set(vcpu, 1, data);

	run();
	test_private_slot("identity map", IDENTITY_MAP_GPA + 0x10);
	test_private_slot("TSS", TSS_GPA + 0x10);
	test_apic();
	kvm_vm_free(vm);
}

int main(void)
{
	bool svm = kvm_cpu_has(X86_FEATURE_SVM);

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG2));
	__TEST_REQUIRE(svm || kvm_cpu_has(X86_FEATURE_VMX), "no nested virtualization");
	pr_info("APICv is %s\n", kvm_has_apicv() ? "on" : "off");

	test_nested(svm, false);
	if (!svm)
		test_nested(svm, true);
	return 0;
}
