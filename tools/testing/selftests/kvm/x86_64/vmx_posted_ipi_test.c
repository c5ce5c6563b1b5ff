// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that L2 gets the interrupts that one vCPU of L1 posts to it while it runs
 * on another: the IPI that notifies it doesn't reach L1, neither as an interrupt
 * nor as a VM-Exit, also if IPI virtualization delivers it without KVM.  If it
 * comes with another interrupt, then L2 exits for that one only.
 */
#include <pthread.h>
#include <string.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "vmx.h"

#define NOTIFICATION_VECTOR	0xf3
#define L2_VECTOR		0x51
#define OTHER_VECTOR		0x31
#define L2_STACK_SIZE		256
#define NR_ROUNDS		200

/* The bit of a posted-interrupt descriptor that says that PIR isn't empty. */
#define PI_ON			256

/* Ticks of the TSC within which an interrupt has to arrive: a cap, not a delay. */
#define PATIENCE		20000000000ull

/* Ticks of the TSC that a vCPU needs to halt and to be blocked. */
#define TIME_TO_BLOCK		20000

/* Shared with the guest: READ_ONCE() what changes while L2 runs. */
static struct {
	/* Rounds that L2 has begun, and interrupts that it has received. */
	uint64_t begun, received;
	uint64_t notified;
	/* The last round in which everything has been sent. */
	uint64_t sent;
} shared;

/* The pages that L1 gives to L2, addresses of the guest. */
struct l2_pages {
	unsigned long *descriptor;
	uint64_t descriptor_gpa;
	void *apic;
	uint64_t apic_gpa;
};

static struct l2_pages *pages;

static void notification_handler(struct ex_regs *regs)
{
	shared.notified++;
	x2apic_write_reg(APIC_EOI, 0);
}

/* L1 forgets for L2 what is in service. */
static void l2_handler(struct ex_regs *regs)
{
	WRITE_ONCE(shared.received, shared.received + 1);
}

/* Every other interrupt is waited for in HLT. */
static void l2_code(void)
{
	uint64_t n, tsc;

	for (n = 1;; n++) {
		asm volatile("cli" ::: "memory");
		WRITE_ONCE(shared.begun, n);
		if (n & 1) {
			asm volatile("sti" ::: "memory");
			tsc = rdtsc();
			while (READ_ONCE(shared.received) != n && rdtsc() - tsc < PATIENCE)
				cpu_relax();
		} else {
			asm volatile("sti; hlt" ::: "memory");
		}
		vmcall();
	}
}

/* L2 may exit anywhere: L1 doesn't keep its registers.  Interrupts stay disabled. */
static void l2_wait_code(void)
{
	asm volatile("incq %[begun]\n\t"
		     "1: pause\n\t"
		     "cmpq $0, %[sent]\n\t"
		     "je 1b\n\t"
		     "vmcall"
		     : [begun] "+m" (shared.begun) : [sent] "m" (shared.sent));
}

static void set_up_l2(struct vmx_pages *vmx, void *stack)
{
	GUEST_ASSERT(prepare_for_vmx_operation(vmx));
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, l2_code, stack);

	vmwrite(PIN_BASED_VM_EXEC_CONTROL, vmreadz(PIN_BASED_VM_EXEC_CONTROL) |
		PIN_BASED_EXT_INTR_MASK | PIN_BASED_POSTED_INTR);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL, vmreadz(CPU_BASED_VM_EXEC_CONTROL) |
		CPU_BASED_TPR_SHADOW | CPU_BASED_ACTIVATE_SECONDARY_CONTROLS);
	vmwrite(SECONDARY_VM_EXEC_CONTROL, vmreadz(SECONDARY_VM_EXEC_CONTROL) |
		SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY);
	vmwrite(VM_EXIT_CONTROLS, vmreadz(VM_EXIT_CONTROLS) | VM_EXIT_ACK_INTR_ON_EXIT);
	vmwrite(EOI_EXIT_BITMAP0, 0);
	vmwrite(EOI_EXIT_BITMAP1, 0);
	vmwrite(EOI_EXIT_BITMAP2, 0);
	vmwrite(EOI_EXIT_BITMAP3, 0);
	vmwrite(VIRTUAL_APIC_PAGE_ADDR, pages->apic_gpa);
	vmwrite(POSTED_INTR_DESC_ADDR, pages->descriptor_gpa);
	vmwrite(POSTED_INTR_NV, NOTIFICATION_VECTOR);
}

/* The interrupt of lower priority makes L2 exit, and L2 has the posted one. */
static void receive_two_at_once(uint64_t n)
{
	memset(pages->apic, 0, PAGE_SIZE);
	WRITE_ONCE(shared.sent, 0);
	vmwrite(GUEST_INTR_STATUS, 0);
	vmwrite(GUEST_RIP, (unsigned long)l2_wait_code);
	vmwrite(GUEST_RFLAGS, 2);

	GUEST_ASSERT(!vmresume());
	while (vmreadz(VM_EXIT_REASON) == EXIT_REASON_EXTERNAL_INTERRUPT) {
		GUEST_ASSERT_3((uint8_t)vmreadz(VM_EXIT_INTR_INFO) == OTHER_VECTOR,
			       vmreadz(VM_EXIT_INTR_INFO), n, 0);
		x2apic_write_reg(APIC_EOI, 0);
		GUEST_ASSERT(!vmresume());
	}
	GUEST_ASSERT_3(vmreadz(VM_EXIT_REASON) == EXIT_REASON_VMCALL,
		       vmreadz(VM_EXIT_REASON), n, 0);
	GUEST_ASSERT_3((uint8_t)vmreadz(GUEST_INTR_STATUS) == L2_VECTOR,
		       vmreadz(GUEST_INTR_STATUS), n, 0);
}

static void receiver_code(struct vmx_pages *vmx)
{
	unsigned long stack[L2_STACK_SIZE];
	uint64_t n;

	x2apic_enable();
	set_up_l2(vmx, &stack[L2_STACK_SIZE]);

	for (n = 1; n <= NR_ROUNDS; n++) {
		/* Nothing is in service or requested. */
		memset(pages->apic, 0, PAGE_SIZE);
		vmwrite(GUEST_INTR_STATUS, 0);
		GUEST_ASSERT(!(n > 1 ? vmresume() : vmlaunch()));
		GUEST_ASSERT_3(vmreadz(VM_EXIT_REASON) == EXIT_REASON_VMCALL,
			       vmreadz(VM_EXIT_REASON), n, shared.received);
		GUEST_ASSERT_3(shared.received == n, shared.received, n, 0);
		vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));
	}
	for (; n <= 2 * NR_ROUNDS; n++)
		receive_two_at_once(n);
	GUEST_ASSERT_3(!shared.notified, shared.notified, n, 0);
	GUEST_DONE();
}

static void notify(void)
{
	__sync_fetch_and_or(&pages->descriptor[L2_VECTOR / 64], 1ul << L2_VECTOR % 64);
	__sync_fetch_and_or(&pages->descriptor[PI_ON / 64], 1ul << PI_ON % 64);
	x2apic_write_reg(APIC_ICR, NOTIFICATION_VECTOR);
}

static void sender_code(void)
{
	uint64_t n, tsc;

	x2apic_enable();
	for (n = 1; n <= NR_ROUNDS; n++) {
		while (READ_ONCE(shared.begun) != n)
			cpu_relax();
		for (tsc = rdtsc(); !(n & 1) && rdtsc() - tsc < TIME_TO_BLOCK;)
			cpu_relax();
		notify();
	}
	for (; n <= 2 * NR_ROUNDS; n++) {
		while (READ_ONCE(shared.begun) != n)
			cpu_relax();
		x2apic_write_reg(APIC_ICR, OTHER_VECTOR);
		notify();
		for (tsc = rdtsc(); rdtsc() - tsc < TIME_TO_BLOCK;)
			cpu_relax();
		WRITE_ONCE(shared.sent, n);
	}
	GUEST_DONE();
}

static void *sender(void *vcpu)
{
	vcpu_run(vcpu);
	return NULL;
}

static void set_up_pages(struct kvm_vm *vm)
{
	struct l2_pages *p;
	vm_vaddr_t gva = vm_vaddr_alloc_page(vm), page;

	p = addr_gva2hva(vm, gva);
	page = vm_vaddr_alloc_page(vm);
	p->descriptor = (void *)page;
	p->descriptor_gpa = addr_gva2gpa(vm, page);
	page = vm_vaddr_alloc_page(vm);
	p->apic = (void *)page;
	p->apic_gpa = addr_gva2gpa(vm, page);
	pages = (void *)gva;
	sync_global_to_guest(vm, pages);
}

int main(void)
{
	struct kvm_vcpu *receiver_vcpu, *sender_vcpu;
	vm_vaddr_t vmx_gva;
	struct kvm_vm *vm;
	struct ucall uc;
	pthread_t thread;

	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_VMX));
	__TEST_REQUIRE(kvm_get_feature_msr(MSR_IA32_VMX_TRUE_PINBASED_CTLS) >> 32 &
		       PIN_BASED_POSTED_INTR, "no posted interrupts for L2");

	vm = vm_create(2);
	receiver_vcpu = vm_vcpu_add(vm, 0, receiver_code);
	sender_vcpu = vm_vcpu_add(vm, 1, sender_code);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(receiver_vcpu);
	vcpu_init_descriptor_tables(sender_vcpu);
	vm_install_exception_handler(vm, NOTIFICATION_VECTOR, notification_handler);
	vm_install_exception_handler(vm, L2_VECTOR, l2_handler);
	vcpu_alloc_vmx(vm, &vmx_gva);
	vcpu_args_set(receiver_vcpu, 1, vmx_gva);
	set_up_pages(vm);

	pthread_create(&thread, NULL, sender, sender_vcpu);
	vcpu_run(receiver_vcpu);
	if (get_ucall(receiver_vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_3(uc, "got %lu in round %lu, %lu interrupts received");
	ASSERT_EQ(uc.cmd, UCALL_DONE);
	pthread_join(thread, NULL);
	kvm_vm_free(vm);
	return 0;
}
