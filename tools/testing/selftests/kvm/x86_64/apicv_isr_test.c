// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that an interrupt that is in service when APICv becomes active, or
 * inactive, is ended by the guest's EOI, i.e. that the CPU and KVM agree on the
 * vector at all times.
 *
 * vCPU 0 runs.  vCPU 1 exists to inhibit APICv.
 */
#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define HIGH_VECTOR	0x81
#define LOW_VECTOR	0x42
#define APIC_ISR	0x100
#define NR_ROUNDS	20

/* Ticks of the TSC within which an IPI has to arrive: a cap, not a delay. */
#define PATIENCE	1000000000ull

/* What the guest is about to do when it exits. */
enum {
	BEFORE_IPI,
	IN_HANDLER,
};

static volatile uint64_t nr_high, nr_low;

static bool in_service(uint8_t vector)
{
	return xapic_read_reg(APIC_ISR + vector / 32 * 0x10) & (1u << (vector % 32));
}

static void high_handler(struct ex_regs *regs)
{
	nr_high++;
	GUEST_SYNC(IN_HANDLER);
	GUEST_ASSERT(in_service(HIGH_VECTOR));
	xapic_write_reg(APIC_EOI, 0);
	GUEST_ASSERT(!in_service(HIGH_VECTOR));
}

static void low_handler(struct ex_regs *regs)
{
	nr_low++;
	xapic_write_reg(APIC_EOI, 0);
}

static void self_ipi(uint8_t vector, volatile uint64_t *received)
{
	uint64_t expected = *received + 1, start;

	xapic_write_reg(APIC_ICR, APIC_DEST_SELF | APIC_DM_FIXED | vector);
	start = rdtsc();
	while (*received != expected && rdtsc() - start < PATIENCE)
		cpu_relax();
	GUEST_ASSERT_3(*received == expected, vector, *received, expected);
}

static void guest_code(void)
{
	int i;

	xapic_enable();
	asm volatile("sti");

	for (i = 0; i < NR_ROUNDS; i++) {
		GUEST_SYNC(BEFORE_IPI);
		self_ipi(HIGH_VECTOR, &nr_high);
		self_ipi(LOW_VECTOR, &nr_low);
		GUEST_ASSERT(!in_service(HIGH_VECTOR) && !in_service(LOW_VECTOR));
	}
	GUEST_DONE();
}

int main(void)
{
	struct kvm_vcpu *vcpu, *other;
	bool inhibited = false;
	struct kvm_vm *vm;
	int round = 0;
	struct ucall uc;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG2));

	vm = vm_create(2);
	vcpu = vm_vcpu_add(vm, 0, guest_code);
	other = vm_vcpu_add(vm, 1, guest_code);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpu);
	vm_install_exception_handler(vm, HIGH_VECTOR, high_handler);
	vm_install_exception_handler(vm, LOW_VECTOR, low_handler);

	/* On and off in turn within a handler, and before every second one. */
	for (;;) {
		vcpu_run(vcpu);
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
			if (uc.args[1] == BEFORE_IPI && round++ % 2)
				continue;
			inhibited = !inhibited;
			apicv_inhibit(other, inhibited);
			continue;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT_3(uc, "vector %lx: %ld, expected %ld");
		case UCALL_DONE:
			break;
		default:
			TEST_FAIL("Unknown ucall %lu", uc.cmd);
		}
		break;
	}

	kvm_vm_free(vm);
	return 0;
}
