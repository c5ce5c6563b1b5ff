// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that a vCPU that is created while the VM runs can be addressed by the guest
 * at once, i.e. without user space doing anything else with it: INIT has to reach
 * it, be it the latest vCPU or not.
 */
#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_VCPUS	4

/* Send INIT to each ID, one after the other. */
static void guest_code(void)
{
	uint32_t id;

	xapic_enable();
	for (id = 1; id < NR_VCPUS; id++) {
		GUEST_SYNC(id);
		xapic_write_reg(APIC_ICR2, SET_APIC_DEST_FIELD(id));
		xapic_write_reg(APIC_ICR, APIC_INT_ASSERT | APIC_DM_INIT);
	}
	GUEST_SYNC(NR_VCPUS);
}

static void run_until(struct kvm_vcpu *vcpu, uint64_t stage)
{
	struct ucall uc;

	vcpu_run(vcpu);
	ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
	ASSERT_EQ(uc.args[1], stage);
}

static uint32_t mp_state(struct kvm_vcpu *vcpu)
{
	struct kvm_mp_state state;

	vcpu_mp_state_get(vcpu, &state);
	return state.mp_state;
}

int main(void)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_vm *vm;
	int i;

	vm = vm_create(NR_VCPUS);
	vcpus[0] = vm_vcpu_add(vm, 0, guest_code);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	run_until(vcpus[0], 1);

	/* The only one that is new, then two at once. */
	vcpus[1] = __vm_vcpu_add(vm, 1);
	ASSERT_EQ(mp_state(vcpus[1]), KVM_MP_STATE_UNINITIALIZED);
	run_until(vcpus[0], 2);
	TEST_ASSERT(mp_state(vcpus[1]) == KVM_MP_STATE_INIT_RECEIVED,
		    "INIT to the latest vCPU is lost");

	for (i = 2; i < NR_VCPUS; i++)
		vcpus[i] = __vm_vcpu_add(vm, i);
	for (i = 2; i < NR_VCPUS; i++) {
		run_until(vcpus[0], i + 1);
		TEST_ASSERT(mp_state(vcpus[i]) == KVM_MP_STATE_INIT_RECEIVED,
			    "INIT to vCPU %d is lost", i);
	}

	kvm_vm_free(vm);
	return 0;
}
