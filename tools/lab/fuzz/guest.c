// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of apic_fuzz: each vCPU waits for commands, in the way that it's told
 * to, executes them with interrupts disabled, and logs the interrupts it takes.
 */
#include "apic.h"
#include "guest.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"
#include "vmx.h"

#define APIC_LVTT	0x320
#define APIC_TMICT	0x380
#define APIC_TDCR	0x3e0
#define APIC_TDR_DIV_1	0xb
#define APIC_SELF_IPI	0x3f0
#define CR0_CD		(1ul << 30)

struct mailbox mail[MAX_VCPUS];
struct posted posted;

/* FS has the address of a vCPU's mailbox as its base. */
static volatile struct mailbox *me(void)
{
	uint64_t index;

	asm volatile("mov %%fs:%c1, %0" : "=r"(index) : "i"(offsetof(struct mailbox, index)));
	return &mail[index];
}

static void out32(uint16_t port, uint32_t value)
{
	asm volatile("outl %0, %1" :: "a"(value), "d"(port) : "memory");
}

static bool is_x2apic(volatile struct mailbox *m)
{
	return m->base & MSR_IA32_APICBASE_EXTD;
}

static volatile uint8_t *page(volatile struct mailbox *m)
{
	return (void *)(m->base & MSR_IA32_APICBASE_BASE & ~0xfffull);
}

static uint64_t read_reg(volatile struct mailbox *m, unsigned int reg)
{
	if (is_x2apic(m))
		return x2apic_read_reg(reg);
	return *(volatile uint32_t *)(page(m) + reg);
}

static void write_reg(volatile struct mailbox *m, unsigned int reg, uint64_t value)
{
	if (is_x2apic(m))
		x2apic_write_reg(reg, value);
	else
		*(volatile uint32_t *)(page(m) + reg) = value;
}

static void write_icr(volatile struct mailbox *m, uint64_t icr)
{
	if (!is_x2apic(m))
		write_reg(m, APIC_ICR2, SET_APIC_DEST_FIELD(icr >> 32));
	write_reg(m, APIC_ICR, is_x2apic(m) ? icr : (uint32_t)icr);
}

static uint64_t load(volatile struct mailbox *m, uint64_t offset, uint64_t bytes)
{
	volatile uint8_t *p = page(m) + offset;

	switch (bytes) {
	case 1:
		return *p;
	case 2:
		return *(volatile uint16_t *)p;
	case 4:
		return *(volatile uint32_t *)p;
	default:
		return *(volatile uint64_t *)p;
	}
}

/* KVM may have said that none is needed: it looks at the flag on the next exit. */
static void eoi(volatile struct mailbox *m)
{
	bool was_set;

	asm volatile("btrl $0, %0" : "+m"(mail[m->index].pv_eoi), "=@ccc"(was_set) :: "memory");
	if (!was_set)
		write_reg(m, APIC_EOI, 0);
}

static void start_timer(volatile struct mailbox *m)
{
	write_reg(m, APIC_LVTT, m->a);
	write_reg(m, APIC_TDCR, APIC_TDR_DIV_1);
	write_reg(m, APIC_TMICT, m->b);
}

static void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "d"(port));
}

/* The time in between varies, so that each place of another vCPU is hit. */
static void toggle(uint64_t times, uint64_t masks)
{
	uint64_t i;
	int j;

	for (i = 0; i < times; i++) {
		out8(PIC_PORT + 1, masks);
		for (j = 0; j < i % 64; j++)
			cpu_relax();
		out8(PIC_PORT + 1, masks >> 8);
	}
}

static void open_window(void)
{
	int n = 100;

	/* An emulator doesn't look after each instruction. */
	asm volatile("sti; 1: dec %0; jnz 1b; cli" : "+r"(n) :: "memory");
}

static void set_cd(bool on)
{
	uint64_t cr0 = get_cr0() & ~CR0_CD;

	asm volatile("mov %0, %%cr0" :: "r"(cr0 | (on ? CR0_CD : 0)) : "memory");
}

/* Flag, then send: whoever gets the interrupt clears the flag. */
static void burst(volatile struct mailbox *m)
{
	uint64_t i, target, index = m->index;

	for (i = 0; i < m->a; i++) {
		target = (index + 1 + i) % m->b;
		__atomic_store_n(&mail[target].burst[index], 1, __ATOMIC_SEQ_CST);
		write_icr(m, target << 32 | (BURST_VECTOR + index));
		open_window();
	}
}

/*
 * L2 has the memory, descriptors and local APIC of L1, and IF=1 for a moment.
 */
static uint8_t l2_stack[4096] __attribute__((aligned(16)));

static void l2_code(void)
{
	open_window();
	asm volatile("vmcall");
	__builtin_unreachable();
}

static void l2_svm_code(void)
{
	open_window();
	asm volatile("vmmcall");
	__builtin_unreachable();
}

/* Returns the exit that isn't an interrupt. */
static uint64_t run_l2_on_svm(struct svm_test_data *svm, bool intercept)
{
	struct vmcb_control_area *control = &svm->vmcb->control;

	generic_svm_setup(svm, l2_svm_code, l2_stack + sizeof(l2_stack) - 8);
	if (intercept)
		control->intercept |= 1ull << INTERCEPT_INTR;
	do {
		run_guest(svm->vmcb, svm->vmcb_gpa);
		asm volatile("stgi" ::: "memory");
		if (control->exit_code == SVM_EXIT_INTR)
			open_window();
	} while (control->exit_code == SVM_EXIT_INTR);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
	return control->exit_code == SVM_EXIT_VMMCALL ? 0 : control->exit_code;
}

static uint64_t run_l2_on_vmx(struct vmx_pages *vmx, bool intercept)
{
	uint64_t reason, failed;

	if (!prepare_for_vmx_operation(vmx) || !load_vmcs(vmx))
		return -1;
	prepare_vmcs(vmx, l2_code, l2_stack + sizeof(l2_stack) - 8);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL, vmreadz(CPU_BASED_VM_EXEC_CONTROL) | CPU_BASED_USE_MSR_BITMAPS);
	if (intercept)
		vmwrite(PIN_BASED_VM_EXEC_CONTROL, vmreadz(PIN_BASED_VM_EXEC_CONTROL) | PIN_BASED_EXT_INTR_MASK);
	failed = vmlaunch();
	while (!failed && (reason = vmreadz(VM_EXIT_REASON)) == EXIT_REASON_EXTERNAL_INTERRUPT) {
		open_window();
		failed = vmresume();
	}
	asm volatile("vmxoff" ::: "memory");
	set_cr4(get_cr4() & ~X86_CR4_VMXE);
	return failed ? -2 : reason == EXIT_REASON_VMCALL ? 0 : reason;
}

static uint64_t run_l2(uint64_t where, uint64_t how)
{
	if (how & L2_VMX)
		return run_l2_on_vmx((void *)where, how & L2_INTERCEPT);
	return run_l2_on_svm((void *)where, how & L2_INTERCEPT);
}

/*
 * Interrupts that another vCPU posts to L2.  L1 keeps no registers of L2, which therefore takes
 * them itself only if it exits for nothing else; otherwise L1 sees what it would take.
 */
#define PI_ON		256
#define RESUMES		1000

static void l2_receives(void)
{
	asm volatile("1: incq %[begun]\n\t"
		     "sti\n\t"
		     "2: pause\n\t"
		     "movq %[begun], %%rax\n\t"
		     "cmpq %%rax, %[received]\n\t"
		     "jne 2b\n\t"
		     "cli\n\t"
		     "vmcall\n\t"
		     "jmp 1b"
		     : [begun] "+m"(posted.begun), [received] "+m"(posted.received) :: "rax");
	__builtin_unreachable();
}

static void l2_halts(void)
{
	asm volatile("1: incq %[begun]\n\t"
		     "sti\n\t"
		     "hlt\n\t"
		     "cli\n\t"
		     "vmcall\n\t"
		     "jmp 1b"
		     : [begun] "+m"(posted.begun));
	__builtin_unreachable();
}

static void l2_is_asked(void)
{
	asm volatile("incq %[begun]\n\t"
		     "1: pause\n\t"
		     "vmcall\n\t"
		     "jmp 1b"
		     : [begun] "+m"(posted.begun));
	__builtin_unreachable();
}

static void posted_handler(struct ex_regs *regs)
{
	posted.received++;
}

static void irq_handler(struct ex_regs *regs);

/* The reason of an exit that isn't for an interrupt of L1. */
static uint64_t resume_l2(bool *is_launched)
{
	struct ex_regs regs = {};

	for (;;) {
		if (*is_launched ? vmresume() : vmlaunch())
			return -2;
		*is_launched = true;
		if (vmreadz(VM_EXIT_REASON) != EXIT_REASON_EXTERNAL_INTERRUPT)
			return vmreadz(VM_EXIT_REASON);
		regs.vector = (uint8_t)vmreadz(VM_EXIT_INTR_INFO);
		irq_handler(&regs);
	}
}

static void skip_vmcall(void)
{
	vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));
}

/* One of them.  Returns 0, L2_LOST or an exit that there must not be. */
static uint64_t receive_posted(uint64_t how, bool *is_launched)
{
	uint64_t reason;
	int i;

	/* Nothing is requested or in service. */
	for (i = 0; i < 4096 / 8; i++)
		((volatile uint64_t *)posted.apic)[i] = 0;
	vmwrite(GUEST_INTR_STATUS, 0);
	if (how & L2_EXITS)
		vmwrite(GUEST_RIP, (uint64_t)l2_is_asked);
	for (i = 0; i < RESUMES; i++) {
		reason = resume_l2(is_launched);
		if (reason != EXIT_REASON_VMCALL)
			return reason;
		skip_vmcall();
		if (!(how & L2_EXITS))
			return posted.received == posted.begun ? 0 : L2_LOST;
		if ((uint8_t)vmreadz(GUEST_INTR_STATUS) == POSTED_VECTOR)
			return 0;
	}
	return L2_LOST;
}

static void set_up_posted(uint64_t how)
{
	prepare_vmcs((void *)posted.nested, how & L2_HALTS ? l2_halts : l2_receives, l2_stack + sizeof(l2_stack) - 8);
	vmwrite(PIN_BASED_VM_EXEC_CONTROL, vmreadz(PIN_BASED_VM_EXEC_CONTROL) |
		PIN_BASED_EXT_INTR_MASK | PIN_BASED_POSTED_INTR);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL, vmreadz(CPU_BASED_VM_EXEC_CONTROL) | CPU_BASED_USE_MSR_BITMAPS |
		CPU_BASED_TPR_SHADOW | CPU_BASED_ACTIVATE_SECONDARY_CONTROLS);
	vmwrite(SECONDARY_VM_EXEC_CONTROL, vmreadz(SECONDARY_VM_EXEC_CONTROL) |
		SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY);
	vmwrite(VM_EXIT_CONTROLS, vmreadz(VM_EXIT_CONTROLS) | VM_EXIT_ACK_INTR_ON_EXIT);
	vmwrite(EOI_EXIT_BITMAP0, 0);
	vmwrite(EOI_EXIT_BITMAP1, 0);
	vmwrite(EOI_EXIT_BITMAP2, 0);
	vmwrite(EOI_EXIT_BITMAP3, 0);
	vmwrite(VIRTUAL_APIC_PAGE_ADDR, posted.apic_gpa);
	vmwrite(POSTED_INTR_DESC_ADDR, posted.descriptor_gpa);
	vmwrite(POSTED_INTR_NV, NOTIFY_VECTOR);
}

static uint64_t run_l2_posted(uint64_t times, uint64_t how)
{
	struct vmx_pages *vmx = (void *)posted.nested;
	bool is_launched = false;
	uint64_t i, failed = 0;

	if (!prepare_for_vmx_operation(vmx) || !load_vmcs(vmx))
		return -1;
	set_up_posted(how);
	for (i = 0; i < times && !failed; i++)
		failed = receive_posted(how, &is_launched);
	asm volatile("vmxoff" ::: "memory");
	set_cr4(get_cr4() & ~X86_CR4_VMXE);
	return failed;
}

static void post(volatile struct mailbox *m, uint64_t times, uint64_t how, uint64_t target)
{
	uint64_t i;

	for (i = 1; i <= times; i++) {
		while (__atomic_load_n(&posted.begun, __ATOMIC_SEQ_CST) != i)
			cpu_relax();
		if (how & L2_EXITS) {
			__atomic_store_n(&mail[target].burst[m->index], 1, __ATOMIC_SEQ_CST);
			write_icr(m, target << 32 | (BURST_VECTOR + m->index));
		}
		__sync_fetch_and_or(&posted.descriptor[POSTED_VECTOR / 64], 1ul << POSTED_VECTOR % 64);
		__sync_fetch_and_or(&posted.descriptor[PI_ON / 64], 1ul << PI_ON % 64);
		write_icr(m, target << 32 | NOTIFY_VECTOR);
	}
}

static uint64_t execute(volatile struct mailbox *m)
{
	uint64_t value = 0;

	switch (m->command) {
	case CMD_WRITE:
		write_reg(m, m->a, m->b);
		break;
	case CMD_READ:
		return read_reg(m, m->a);
	case CMD_ICR:
		write_icr(m, m->a);
		break;
	case CMD_SELF:
		write_reg(m, APIC_SELF_IPI, m->a);
		break;
	case CMD_CR8:
		asm volatile("mov %0, %%cr8" :: "r"(m->a) : "memory");
		break;
	case CMD_READ_CR8:
		asm volatile("mov %%cr8, %0" : "=r"(value));
		break;
	case CMD_BASE:
		m->base = m->a;
		wrmsr(MSR_IA32_APICBASE, m->a);
		break;
	case CMD_LOAD:
		return load(m, m->a, m->b);
	case CMD_TIMER:
		start_timer(m);
		break;
	case CMD_WINDOW:
		open_window();
		break;
	case CMD_BURST:
		burst(m);
		break;
	case CMD_OUT8:
		out8(m->a, m->b);
		break;
	case CMD_TOGGLE:
		toggle(m->a, m->b);
		break;
	case CMD_MMIO:
		*(volatile uint32_t *)m->a = m->b;
		break;
	case CMD_WRMSR:
		wrmsr(m->a, m->b);
		return rdmsr(m->a);
	case CMD_CD:
		set_cd(m->a);
		break;
	case CMD_L2:
		return run_l2(m->a, m->b);
	case CMD_L2_POSTED:
		return run_l2_posted(m->a, m->b);
	case CMD_POST:
		post(m, m->a, (uint32_t)m->b, m->b >> 32);
		break;
	}
	return value;
}

static void wait(volatile struct mailbox *m)
{
	switch (m->wait) {
	case WAIT_OUT:
		out32(PORT_WAIT, 0);
		break;
	case WAIT_HLT:
		asm volatile("sti; hlt; cli" ::: "memory");
		break;
	case WAIT_SPIN:
		asm volatile("sti; pause; pause; pause; pause; cli" ::: "memory");
		break;
	default:
		cpu_relax();
	}
}

void guest_code(uint64_t index)
{
	volatile struct mailbox *m = me();

	for (;;) {
		if (m->seq == m->done) {
			wait(m);
			continue;
		}
		m->result = execute(m);
		__atomic_store_n(&mail[index].done, m->seq, __ATOMIC_SEQ_CST);
	}
}

static void irq_handler(struct ex_regs *regs)
{
	volatile struct mailbox *m = me();
	uint8_t vector = regs->vector;

	if (vector >= BURST_VECTOR && vector < BURST_VECTOR + MAX_VCPUS) {
		__atomic_store_n(&mail[m->index].burst[vector - BURST_VECTOR], 0,
				 __ATOMIC_SEQ_CST);
		eoi(m);
		return;
	}
	if (m->level[vector])
		out32(PORT_LOWER, m->level[vector] - 1);
	if (!m->keep)
		eoi(m);
	if (m->nr_log < MAX_LOG)
		m->log[m->nr_log] = vector;
	__atomic_store_n(&mail[m->index].nr_log, m->nr_log + 1, __ATOMIC_SEQ_CST);
}

static void nmi_handler(struct ex_regs *regs)
{
	me()->nr_nmi++;
}

static void exception_handler(struct ex_regs *regs)
{
	me()->a = regs->vector;
	me()->b = regs->rip;
	out32(PORT_EXCEPTION, 0);
}

static void pic_handler(struct ex_regs *regs)
{
	out8(PIC_PORT, 0x20);
	me()->nr_ext++;
}

/* An EOI for this input only, as another vCPU may handle another one. */
static void shared_handler(struct ex_regs *regs)
{
	volatile struct mailbox *m = me();

	if (m->level[regs->vector])
		out32(PORT_LOWER, m->level[regs->vector] - 1);
	out8(PIC_PORT, 0x60 | SHARED_IRQ);
	m->nr_shared++;
}

/* Of these, the PIC has none in service. */
static void spurious_handler(struct ex_regs *regs)
{
	me()->nr_spurious++;
}

void guest_install(struct kvm_vm *vm)
{
	int vector;

	vm_init_descriptor_tables(vm);
	for (vector = 0; vector < 32; vector++)
		vm_install_exception_handler(vm, vector, exception_handler);
	vm_install_exception_handler(vm, 2, nmi_handler);
	for (vector = PIC_BASE; vector < BURST_VECTOR; vector++)
		vm_install_exception_handler(vm, vector, pic_handler);
	vm_install_exception_handler(vm, PIC_BASE + SHARED_IRQ, shared_handler);
	vm_install_exception_handler(vm, PIC_BASE + SPURIOUS_IRQ, spurious_handler);
	for (; vector < 256; vector++)
		vm_install_exception_handler(vm, vector, irq_handler);
	vm_install_exception_handler(vm, POSTED_VECTOR, posted_handler);
}
