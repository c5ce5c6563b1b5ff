// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test interrupts to IDs that several APICs have, and to logical IDs of several
 * bits: each APIC whose ID matches has to get the interrupt, and no other.  The
 * same for paravirtualized IPIs.  A Xen upcall is for a vCPU, whatever its ID.
 * And IDs that don't fit into 8 bits, with and without 32-bit IDs.
 *
 * vCPU 0 sends, the others take what has arrived when they are run.
 */
#include <linux/kvm_para.h>

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
	bool pv;
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
		if (shared.pv) {
			kvm_hypercall(KVM_HC_SEND_IPI, 1ull << shared.dest, 0, 0,
				      IPI_VECTOR);
		} else if (shared.icr) {
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
static void __expect(uint32_t mode, bool pv, uint32_t dest, unsigned int want)
{
	uint64_t before[NR_VCPUS], got;
	int i;

	for (i = 1; i < NR_VCPUS; i++)
		before[i] = nr_received(i);

	host->icr = mode | APIC_DM_FIXED | APIC_INT_ASSERT | IPI_VECTOR;
	host->pv = pv;
	host->dest = dest;
	run(0);
	host->icr = 0;
	host->pv = false;

	for (i = 1; i < NR_VCPUS; i++) {
		got = nr_received(i) - before[i];
		TEST_ASSERT(got == !!(want & (1u << i)),
			    "vCPU %d got %lu interrupts to %s ID %#x", i, got,
			    pv ? "paravirtualized" : mode ? "logical" : "physical", dest);
	}
}

static void expect(uint32_t mode, uint32_t dest, unsigned int want)
{
	__expect(mode, false, dest, want);
	/* What guests are told of is what KVM has, i.e. nothing is left out. */
	if (mode == APIC_DEST_PHYSICAL && kvm_cpu_has(X86_FEATURE_KVM_PV_SEND_IPI))
		__expect(mode, true, dest, want);
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

#define XEN_GPA		0xc0000000ull
#define XEN_PORT	15

static void xen_setup(void)
{
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL |
			 KVM_XEN_HVM_CONFIG_EVTCHN_SEND,
		.msr = 0x40000000,
	};
	struct kvm_xen_hvm_attr mode = {
		.type = KVM_XEN_ATTR_TYPE_LONG_MODE,
		.u.long_mode = 1,
	};
	struct kvm_xen_hvm_attr shared_info = {
		.type = KVM_XEN_ATTR_TYPE_SHARED_INFO,
		.u.shared_info.gfn = XEN_GPA >> 12,
	};
	struct kvm_xen_vcpu_attr vcpu_info = {
		.type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO,
		.u.gpa = XEN_GPA + getpagesize(),
	};
	struct kvm_xen_vcpu_attr vector = {
		.type = KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR,
		.u.vector = IPI_VECTOR,
	};

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, XEN_GPA, 10, 2, 0);
	vm_ioctl(vm, KVM_XEN_HVM_CONFIG, &config);
	vm_ioctl(vm, KVM_XEN_HVM_SET_ATTR, &mode);
	vm_ioctl(vm, KVM_XEN_HVM_SET_ATTR, &shared_info);
	vcpu_ioctl(vcpus[1], KVM_XEN_VCPU_SET_ATTR, &vcpu_info);
	vcpu_ioctl(vcpus[1], KVM_XEN_VCPU_SET_ATTR, &vector);
}

/* Send an upcall to vCPU 1 and expect that one, and no other, to get it. */
static void expect_upcall(const char *what)
{
	struct kvm_irq_routing_xen_evtchn event = {
		.port = XEN_PORT,
		.vcpu = vcpus[1]->id,
		.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
	};
	uint64_t before[NR_VCPUS];
	int i;

	for (i = 1; i < NR_VCPUS; i++)
		before[i] = nr_received(i);

	memset(addr_gpa2hva(vm, XEN_GPA), 0, 2 * getpagesize());
	vm_ioctl(vm, KVM_XEN_HVM_EVTCHN_SEND, &event);

	for (i = 1; i < NR_VCPUS; i++)
		TEST_ASSERT(nr_received(i) - before[i] == (i == 1),
			    "%s: upcall to vCPU 1, vCPU %d got %lu", what, i,
			    nr_received(i) - before[i]);
}

static void test_xen(void)
{
	if (!(kvm_check_cap(KVM_CAP_XEN_HVM) & KVM_XEN_HVM_CONFIG_EVTCHN_SEND)) {
		pr_info("No Xen event channels, upcalls aren't tested\n");
		return;
	}

	xen_setup();
	set_ids(1, 1, 0, DFR_FLAT);
	set_ids(2, 2, 0, DFR_FLAT);
	expect_upcall("an ID of its own");
	set_ids(2, 1, 0, DFR_FLAT);
	expect_upcall("a shared ID");
	set_ids(1, 7, 0, DFR_FLAT);
	expect_upcall("an ID that has changed");
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

/*
 * The same if user space relies on all IDs to be unique: a truncated one doesn't
 * count, and it makes no difference that others share theirs.
 */
static void test_unique(void)
{
	expect(APIC_DEST_PHYSICAL, 1, VCPU(1));
	set_ids(2, 0, 0, DFR_FLAT);
	expect(APIC_DEST_PHYSICAL, 0, VCPU(2));
	expect(APIC_DEST_PHYSICAL, 1, VCPU(1));
	set_ids(2, 1, 0, DFR_FLAT);
	expect(APIC_DEST_PHYSICAL, 1, VCPU(1) | VCPU(2));
	vcpu_set_apic_base(vcpus[1], APIC_DEFAULT_GPA);
	set_ids(2, 2, 0, DFR_FLAT);
	expect(APIC_DEST_PHYSICAL, 1, 0);

	/* One that the guest has written is an ID like any other. */
	set_ids(3, 5, 0, DFR_FLAT);
	expect(APIC_DEST_PHYSICAL, 5, VCPU(3));
}

static void use_32bit_ids(void)
{
	vm_enable_cap(vm, KVM_CAP_X2APIC_API,
		      KVM_X2APIC_API_USE_32BIT_IDS |
		      KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
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
	test_xen();
	kvm_vm_free(vm);

	create_vm(0x101);
	test_truncated();
	kvm_vm_free(vm);

	/* After the vCPUs have been created, and have run. */
	create_vm(0x101);
	use_32bit_ids();
	test_unique();
	kvm_vm_free(vm);
	return 0;
}
