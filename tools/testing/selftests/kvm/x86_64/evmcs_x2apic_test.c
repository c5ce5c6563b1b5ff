// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that L2 has the x2APIC of L1, and not the host's, after an L1 with an
 * enlightened VMCS has told KVM that its MSR bitmap hasn't changed, but has
 * stopped to virtualize x2APIC mode for L2.
 */
#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "vmx.h"

#define L2_STACK_SIZE	256

/* A TPR that wouldn't hold up anything if it were the host's. */
#define TPR		0x10

static void l2_code(void)
{
	uint8_t vector;

	for (;;) {
		vector = wrmsr_safe(APIC_BASE_MSR + (APIC_TASKPRI >> 4), TPR);
		GUEST_ASSERT_1(!vector, vector);
		vmcall();
	}
}

static void run_l2(bool launched)
{
	GUEST_ASSERT(!(launched ? vmresume() : vmlaunch()));
	GUEST_ASSERT_EQ(vmreadz(VM_EXIT_REASON), EXIT_REASON_VMCALL);
	vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));
}

static void l1_code(struct vmx_pages *vmx, uint64_t virtual_apic_gpa)
{
	unsigned long stack[L2_STACK_SIZE];

	x2apic_enable();
	enable_vp_assist(vmx->vp_assist_gpa, vmx->vp_assist);
	GUEST_ASSERT(prepare_for_vmx_operation(vmx));
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, l2_code, &stack[L2_STACK_SIZE]);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL, vmreadz(CPU_BASED_VM_EXEC_CONTROL) |
		CPU_BASED_USE_MSR_BITMAPS | CPU_BASED_TPR_SHADOW |
		CPU_BASED_ACTIVATE_SECONDARY_CONTROLS);
	vmwrite(SECONDARY_VM_EXEC_CONTROL, vmreadz(SECONDARY_VM_EXEC_CONTROL) |
		SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE);
	vmwrite(VIRTUAL_APIC_PAGE_ADDR, virtual_apic_gpa);
	current_evmcs->hv_enlightenments_control.msr_bitmap = 1;
	run_l2(false);
	GUEST_ASSERT_EQ(x2apic_read_reg(APIC_TASKPRI), 0);

	/* From now on the fields of the VMCS are clean. */
	run_l2(true);
	GUEST_ASSERT_EQ(x2apic_read_reg(APIC_TASKPRI), 0);

	vmwrite(CPU_BASED_VM_EXEC_CONTROL, vmreadz(CPU_BASED_VM_EXEC_CONTROL) &
		~CPU_BASED_TPR_SHADOW);
	vmwrite(SECONDARY_VM_EXEC_CONTROL, vmreadz(SECONDARY_VM_EXEC_CONTROL) &
		~SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE);
	run_l2(true);
	GUEST_ASSERT_EQ(x2apic_read_reg(APIC_TASKPRI), TPR);
	GUEST_DONE();
}

int main(void)
{
	struct kvm_vcpu *vcpu;
	vm_vaddr_t vmx, page;
	struct kvm_vm *vm;
	struct ucall uc;

	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_VMX));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_HYPERV_ENLIGHTENED_VMCS));
	__TEST_REQUIRE(kvm_get_feature_msr(MSR_IA32_VMX_PROCBASED_CTLS2) >> 32 &
		       SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE,
		       "no virtualized x2APIC for L2");

	vm = vm_create_with_one_vcpu(&vcpu, l1_code);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpu);
	vcpu_set_hv_cpuid(vcpu);
	vcpu_enable_evmcs(vcpu);
	vcpu_alloc_vmx(vm, &vmx);
	page = vm_vaddr_alloc_page(vm);
	vcpu_args_set(vcpu, 2, vmx, addr_gva2gpa(vm, page));

	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2(uc, "got %lx, expected %lx");
	ASSERT_EQ(uc.cmd, UCALL_DONE);
	kvm_vm_free(vm);
	return 0;
}
