// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test interrupts to IDs that several APICs have, and to logical IDs of several
 * bits: each APIC whose ID matches has to get the interrupt, and no other.
 *
 * vCPU 0 sends, the others take what has arrived when they are run.
 */
#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_VCPUS	4
#define IPI_VECTOR	0x61

#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define DFR_FLAT	0xffffffff
#define DFR_CLUSTER	0x0fffffff

/* What the vCPU that is run does: send, or set up and look. */
static volatile struct {
	uint32_t icr;
	uint32_t dest;
	uint32_t id;
	uint32_t ldr;
	uint32_t dfr;
} shared;

static volatile uint64_t received[NR_VCPUS];
static volatile uint32_t current;

static void ipi_handler(struct ex_regs *regs)
{
	received[current]++;
	xapic_write_reg(APIC_EOI, 0);
}

static void guest_code(uint32_t index)
{
	xapic_enable();

	for (;;) {
		current = index;
		asm volatile("sti; nop; cli");
		GUEST_SYNC(0);
		if (shared.icr) {
			xapic_write_reg(APIC_ICR2, SET_APIC_DEST_FIELD(shared.dest));
			xapic_write_reg(APIC_ICR, shared.icr);
		} else if (shared.dfr) {
			xapic_write_reg(APIC_ID, SET_APIC_DEST_FIELD(shared.id));
			xapic_write_reg(APIC_DFR, shared.dfr);
			xapic_write_reg(APIC_LDR, SET_APIC_DEST_FIELD(shared.ldr));
		}
	}
}

static struct kvm_vcpu *vcpus[NR_VCPUS];
static struct kvm_vm *vm;
static volatile typeof(shared) *host;

static void run(int i)
{
	struct ucall uc;

	vcpu_run(vcpus[i]);
	ASSERT_EQ(get_ucall(vcpus[i], &uc), UCALL_SYNC);
}

static void set_ids(int i, uint32_t id, uint32_t ldr, uint32_t dfr)
{
	host->icr = 0;
	host->id = id;
	host->ldr = ldr;
	host->dfr = dfr;
	run(i);
	host->dfr = 0;
}

static uint64_t nr_received(int i)
{
	host->icr = 0;
	run(i);
	return *(uint64_t *)addr_gva2hva(vm, (vm_vaddr_t)&received[i]);
}

/* Send to @dest and expect the vCPUs in the bitmap @want to get it, once. */
static void expect(uint32_t mode, uint32_t dest, unsigned int want)
{
	uint64_t before[NR_VCPUS], got;
	int i;

	for (i = 1; i < NR_VCPUS; i++)
		before[i] = nr_received(i);

	host->icr = mode | APIC_DM_FIXED | APIC_INT_ASSERT | IPI_VECTOR;
	host->dest = dest;
	run(0);
	host->icr = 0;

	for (i = 1; i < NR_VCPUS; i++) {
		got = nr_received(i) - before[i];
		TEST_ASSERT(got == !!(want & (1u << i)),
			    "vCPU %d got %lu interrupts to %s ID %#x", i, got,
			    mode ? "logical" : "physical", dest);
	}
}

#define VCPU(i)	(1u << (i))

static void test_physical(void)
{
	set_ids(1, 1, 0, DFR_FLAT);
	set_ids(2, 1, 0, DFR_FLAT);
	set_ids(3, 3, 0, DFR_FLAT);
	expect(APIC_DEST_PHYSICAL, 1, VCPU(1) | VCPU(2));
	expect(APIC_DEST_PHYSICAL, 2, 0);
	expect(APIC_DEST_PHYSICAL, 3, VCPU(3));
	set_ids(2, 2, 0, DFR_FLAT);
	expect(APIC_DEST_PHYSICAL, 1, VCPU(1));
	expect(APIC_DEST_PHYSICAL, 2, VCPU(2));
}

static void test_flat(void)
{
	/* Nobody shares, and several are named. */
	set_ids(1, 1, 0x02, DFR_FLAT);
	set_ids(2, 2, 0x04, DFR_FLAT);
	set_ids(3, 3, 0x80, DFR_FLAT);
	expect(APIC_DEST_LOGICAL, 0x06, VCPU(1) | VCPU(2));
	expect(APIC_DEST_LOGICAL, 0x80, VCPU(3));
	expect(APIC_DEST_LOGICAL, 0x08, 0);

	/* Two share a bit. */
	set_ids(3, 3, 0x02, DFR_FLAT);
	expect(APIC_DEST_LOGICAL, 0x02, VCPU(1) | VCPU(3));
	expect(APIC_DEST_LOGICAL, 0x04, VCPU(2));

	/* One has two bits. */
	set_ids(3, 3, 0x18, DFR_FLAT);
	expect(APIC_DEST_LOGICAL, 0x08, VCPU(3));
	expect(APIC_DEST_LOGICAL, 0x10, VCPU(3));
	expect(APIC_DEST_LOGICAL, 0x12, VCPU(1) | VCPU(3));

	/* One has no bit at all. */
	set_ids(3, 3, 0, DFR_FLAT);
	expect(APIC_DEST_LOGICAL, 0x18, 0);
}

static void test_cluster(void)
{
	set_ids(0, 0, 0, DFR_CLUSTER);
	set_ids(1, 1, 0x11, DFR_CLUSTER);
	set_ids(2, 2, 0x12, DFR_CLUSTER);
	set_ids(3, 3, 0x21, DFR_CLUSTER);
	expect(APIC_DEST_LOGICAL, 0x13, VCPU(1) | VCPU(2));
	expect(APIC_DEST_LOGICAL, 0x21, VCPU(3));
	set_ids(3, 3, 0x13, DFR_CLUSTER);
	expect(APIC_DEST_LOGICAL, 0x11, VCPU(1) | VCPU(3));
	expect(APIC_DEST_LOGICAL, 0x12, VCPU(2) | VCPU(3));
	expect(APIC_DEST_LOGICAL, 0x21, 0);
}

/* An ID that doesn't fit into 8 bits is truncated, i.e. is that of another APIC. */
static void test_truncated(void)
{
	expect(APIC_DEST_PHYSICAL, 1, VCPU(1) | VCPU(3));
	expect(APIC_DEST_PHYSICAL, 2, VCPU(2));

	/* The other one is disabled, so that the ID has one owner. */
	vcpu_set_apic_base(vcpus[1], APIC_DEFAULT_GPA);
	expect(APIC_DEST_PHYSICAL, 1, VCPU(3));
}

static void create_vm(uint32_t last_id)
{
	int i;

	vm = vm_create(NR_VCPUS);
	for (i = 0; i < NR_VCPUS; i++) {
		vcpus[i] = vm_vcpu_add(vm, i < NR_VCPUS - 1 ? i : last_id, guest_code);
		vcpu_args_set(vcpus[i], 1, i);
	}
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
	host = addr_gva2hva(vm, (vm_vaddr_t)&shared);
	for (i = 0; i < NR_VCPUS; i++)
		run(i);
}

int main(void)
{
	create_vm(NR_VCPUS - 1);
	test_physical();
	test_flat();
	test_cluster();
	kvm_vm_free(vm);

	create_vm(0x101);
	test_truncated();
	kvm_vm_free(vm);
	return 0;
}
