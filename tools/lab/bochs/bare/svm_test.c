// SPDX-License-Identifier: GPL-2.0
/* AVIC and x2AVIC as a guest and its hypervisor see them: VMRUN without an operating system on model ryzen. */
#include "bare.h"

enum {
	VMCB = 0x200000, VMCB_AP = 0x201000, HSAVE = 0x202000, HSAVE_AP = 0x203000,
	PAGE = 0x210000, PAGE_AP = 0x211000,	/* backing pages of vCPU 0 and 1 */
	PHYS = 0x212000, LOGICAL = 0x213000, IDT = 0x214000, MSRPM = 0x216000, IOPM = 0x218000,
	STACK = 0x230000, STACK_AP = 0x240000, MAIL = 0x250000, ORDINARY = 0x300000,
};
#define APIC 0xfee00000u
#define DOORBELL 0xc001011b

/* VMCB */
enum {
	EXC = 0x08, INT1 = 0x0c, INT2 = 0x10, INT3 = 0x14, ASID = 0x58, INT_CTL = 0x60, SHADOW = 0x68, EXITCODE = 0x70, INFO1 = 0x78, INFO2 = 0x80,
	NESTED = 0x90, BAR = 0x98, EVENTINJ = 0xa8, NCR3 = 0xb0, LBR = 0xb8, NRIP = 0xc8, BYTES = 0xd0, BACKING = 0xe0, LOGICAL_PTR = 0xf0, PHYS_PTR = 0xf8,
	CR3 = 0x550, RFLAGS = 0x570, RIP = 0x578, RSP = 0x5d8, RAX = 0x5f8,
};
enum { INVALID = -1, VINTR = 0x64, IRET = 0x74, MSR = 0x7c, VMMCALL = 0x81, NPF = 0x400, INCOMPLETE = 0x401, NOACCEL = 0x402 };
enum { AVIC = 1u << 31, X2AVIC = 1u << 30, MASKING = 1 << 24, VGIF = 1 << 25, GIF = 1 << 9, V_IRQ = 1 << 8 };
#define WRITE (1ull << 32)
#define VALID (1ull << 63)
#define RUNNING (1ull << 62)
#define IF 0x200
#define TF 0x100
#define RF 0x10000

static void segment(u64 vmcb, int offset, u16 selector, u16 attributes)
{
	wr64(vmcb + offset, selector | (u64)attributes << 16 | 0xffffffffull << 32);
}

static void make_vmcb(u64 vmcb, u64 page)
{
	clear(vmcb);
	wr32(vmcb + INT2, 3);			/* VMRUN, VMMCALL */
	wr64(vmcb + 0x40, IOPM);
	wr64(vmcb + 0x48, MSRPM);
	wr32(vmcb + ASID, 1);
	wr32(vmcb + INT_CTL, AVIC | MASKING);
	wr64(vmcb + NESTED, 1);
	wr64(vmcb + NCR3, (u64)pml4);
	wr64(vmcb + BAR, APIC);
	wr64(vmcb + BACKING, page);
	wr64(vmcb + LOGICAL_PTR, LOGICAL);
	wr64(vmcb + PHYS_PTR, PHYS | 3);
	segment(vmcb, 0x400, 16, 0xc93);
	segment(vmcb, 0x410, 8, 0xa9b);
	segment(vmcb, 0x420, 16, 0xc93);
	segment(vmcb, 0x430, 16, 0xc93);
	wr64(vmcb + 0x460, 0x17ull << 32);	/* GDTR: limit, base */
	wr64(vmcb + 0x468, (u64)gdt);
	wr64(vmcb + 0x480, 0xfffull << 32);	/* IDTR */
	wr64(vmcb + 0x488, IDT);
	wr64(vmcb + 0x4d0, 0x1500);		/* EFER: SVME, LMA, LME */
	wr64(vmcb + 0x548, 0x20);
	wr64(vmcb + CR3, (u64)pml4);
	wr64(vmcb + 0x558, 0x80000031);
	wr64(vmcb + 0x560, 0x400);
	wr64(vmcb + 0x568, 0xffff0ff0);
	wr64(vmcb + 0x668, 0x0007040600070406);
	clear(page);
	wr32(page + 0xe0, 0xffffffff);
	wr32(page + 0xf0, 0x1ff);
}

static void entry(int id, u64 value) { wr64(PHYS + id * 8, value); }

/* vCPU 0 as new; the tables name vCPUs 0 and 1, both running. */
static void fresh(void)
{
	clear(PHYS);
	clear(LOGICAL);
	make_vmcb(VMCB, PAGE);
	clear(PAGE_AP);
	entry(0, VALID | RUNNING | PAGE);
	entry(1, VALID | RUNNING | PAGE_AP | 1);
}

static int go_on(u64 vmcb) { vmrun(vmcb); return rd64(vmcb + EXITCODE); }

/* Run a guest from its beginning; how it ended. */
static int run(const void *rip, u32 flags)
{
	wr64(VMCB + RIP, (u64)rip);
	wr64(VMCB + RSP, STACK);
	wr64(VMCB + RFLAGS, 2 | flags);
	return go_on(VMCB);
}

/* The vector whose stub the guest has come to; -1: none. */
static int vector_of(u64 vmcb)
{
	u64 rip = rd64(vmcb + RIP) - (u64)stubs;

	return rd64(vmcb + EXITCODE) == VMMCALL && rip < 256 * 8 ? (int)rip / 8 : -1;
}
static int vector(void) { return vector_of(VMCB); }

static u32 bit_of(u64 page, int array, int v) { return rd32(page + array + v / 32 * 16) >> v % 32 & 1; }
static void set_bit(u64 page, int array, int v)
{
	u64 reg = page + array + v / 32 * 16;

	wr32(reg, rd32(reg) | 1u << v % 32);
}
enum { ISR = 0x100, TMR = 0x180, IRR = 0x200 };

/* Guests: EDX is the APIC page; the label NAME_after follows the instruction in question. */
#define GUEST(name, before, tested, after) \
	extern u8 name[], name##_at[], name##_after[]; \
	asm(".globl " #name ", " #name "_at, " #name "_after\n" #name ": mov $0xfee00000, %edx\n" before "\n" \
	    #name "_at: " tested "\n" #name "_after: " after "\n vmmcall\n")

GUEST(g_ldr, "", "movl $0x01000000, 0xd0(%rdx)", "");
GUEST(g_ppr, "", "movl $0x10, 0xa0(%rdx)", "");
GUEST(g_eoi, "", "movl $0, 0xb0(%rdx)", "");
GUEST(g_or_tpr, "", "orl $0x20, 0x80(%rdx)", "");
GUEST(g_or_tmcct, "", "orl $1, 0x390(%rdx)", "");
GUEST(g_or_ldr, "", "orl $0x02000000, 0xd0(%rdx)", "");
GUEST(g_fetch, "", "jmp *%rdx", "");
GUEST(g_wide, "", "movq 0x20(%rdx), %rax", "");
GUEST(g_byte, "", "movb 0x33(%rdx), %al", "");
GUEST(g_middle, "", "movb 0x34(%rdx), %al", "");
GUEST(g_half, "", "movw $1, 0x80(%rdx)", "");
GUEST(g_cr8, "mov $5, %eax", "mov %rax, %cr8", "movl 0x80(%rdx), %eax");
GUEST(g_cr8_read, "movl $0x37, 0x80(%rdx)", "mov %cr8, %rax", "");
GUEST(g_beyond, "mov $0x100000000, %rax", "movl (%rax), %eax", "");
GUEST(g_iret, "mov %rsp, %rax; push $16; push %rax; pushf; push $8; push $g_iret_after", "iretq", "nop; nop");
GUEST(g_nothing, "", "nop", "nop");
GUEST(g_sti, "", "sti", "nop; nop");
GUEST(g_self, "", "movl $0x40051, 0x300(%rdx)", "nop");
GUEST(g_self_hlt, "cli; movl $0x40051, 0x300(%rdx); sti", "hlt", "nop");
GUEST(g_hlt, "sti", "hlt", "nop");
GUEST(g_icr_1, "movl $0x01000000, 0x310(%rdx)", "movl $0x4052, 0x300(%rdx)", "");
GUEST(g_icr_2, "movl $0x02000000, 0x310(%rdx)", "movl $0x4052, 0x300(%rdx)", "");
GUEST(g_icr_4, "movl $0x04000000, 0x310(%rdx)", "movl $0x4052, 0x300(%rdx)", "");
GUEST(g_icr_vector, "movl $0x01000000, 0x310(%rdx)", "movl $0x4005, 0x300(%rdx)", "");
GUEST(g_icr_nmi, "movl $0x01000000, 0x310(%rdx)", "movl $0x4400, 0x300(%rdx)", "");
GUEST(g_icr_readback, "movl $0x01abcdef, 0x310(%rdx)", "movl $0x5052, 0x300(%rdx)",
      "movl 0x300(%rdx), %eax; movl 0x310(%rdx), %edx; shl $32, %rdx; or %rdx, %rax");
GUEST(g_bell_read, "mov $0xc001011b, %ecx", "rdmsr", "");
GUEST(g_bell_high, "mov $0xc001011b, %ecx; mov $0x100, %eax; xor %edx, %edx", "wrmsr", "");
GUEST(g_bell, "mov $0xc001011b, %ecx; xor %eax, %eax; xor %edx, %edx", "wrmsr", "");
GUEST(g_tpr_0, "", "movl $0, 0x80(%rdx)", "");
GUEST(g_cr8_0, "xor %eax, %eax", "mov %rax, %cr8", "");
GUEST(g_step, "pushf; orl $0x100, (%rsp); popf", "movl $0x01000000, 0xd0(%rdx)", "nop; nop");
GUEST(g_x2_tpr, "mov $0x808, %ecx; mov $0x40, %eax; xor %edx, %edx", "wrmsr", "");
GUEST(g_x2_tpr_bad, "mov $0x808, %ecx; mov $0x140, %eax; xor %edx, %edx", "wrmsr", "");
GUEST(g_x2_eoi, "mov $0x80b, %ecx; xor %eax, %eax; xor %edx, %edx", "wrmsr", "");
GUEST(g_x2_svr, "mov $0x80f, %ecx; mov $0x11ff, %eax; xor %edx, %edx", "wrmsr", "");
GUEST(g_x2_svr_bad, "mov $0x80f, %ecx; mov $0x10001ff, %eax; xor %edx, %edx", "wrmsr", "");
GUEST(g_x2_lint_bad, "mov $0x835, %ecx; mov $0x1000000, %eax; xor %edx, %edx", "wrmsr", "");
GUEST(g_x2_icr, "mov $0x830, %ecx; mov $0x4053, %eax; mov $1, %edx", "wrmsr", "");
GUEST(g_x2_self, "mov $0x83f, %ecx; mov $0x54, %eax; xor %edx, %edx", "wrmsr", "nop");
GUEST(g_x2_tmcct, "mov $0x839, %ecx", "rdmsr", "");
GUEST(g_x2_page, "mov $0x300000, %edx", "movl $0x1234, 0xd0(%rdx)", "");
/* IsRunning is cleared after the ICR write, as by the target's hypervisor; then the target's last look at its IRR */
GUEST(g_early, "movl $0x01000000, 0x310(%rdx); mov $0x21200f, %ebx", "movl $0x4052, 0x300(%rdx)",
      "andb $0xbf, (%rbx); movl 0x211220, %edi; mov $8000, %ecx; 1: pause; loop 1b; movl 0x211220, %eax; shl $32, %rax; or %rdi, %rax");

/* MAIL + 16 is a lock, MAIL + 24 says who had it. */
GUEST(g_lock, "mov $0x250010, %ebx; 1: lock btsl $0, (%rbx); jc 1b", "movl $1, 8(%rbx)", "movl $0, (%rbx)");

/* For tools/lab/bochs/cost: 2048 pages, which are more than the TLB keeps, read and written. */
GUEST(g_work, "mov $0x400000, %ebx; mov $2048, %ecx; 1: mov (%rbx), %eax; mov %eax, 8(%rbx); add $0x1000, %rbx; loop 1b", "nop", "");

static void test_access(void)
{
	fresh();
	EQ(run(g_ldr, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0xd0 | WRITE);
	EQ(rd64(VMCB + INFO2), 0);
	EQ(rd64(VMCB + RIP), g_ldr_after);
	EQ(rd64(VMCB + NRIP), 0);
	EQ(rd32(PAGE + 0xd0), 0x01000000);
	EQ(go_on(VMCB), VMMCALL);
	test("a write that traps is done, RIP is behind it, nRIP is zero");

	fresh();
	EQ(run(g_ppr, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0xa0 | WRITE);
	EQ(rd64(VMCB + RIP), g_ppr_at);
	EQ(rd64(VMCB + NRIP), 0);
	EQ(rd32(PAGE + 0xa0), 0);
	test("a write that faults is not done, RIP is at it");

	fresh();
	set_bit(PAGE, ISR, 0x71);
	EQ(run(g_eoi, 0), VMMCALL);
	EQ(bit_of(PAGE, ISR, 0x71), 0);
	set_bit(PAGE, ISR, 0x71);
	set_bit(PAGE, TMR, 0x71);
	EQ(run(g_eoi, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0xb0 | WRITE);
	EQ(rd64(VMCB + INFO2), 0x71);
	EQ(rd64(VMCB + RIP), g_eoi_after);
	EQ(bit_of(PAGE, ISR, 0x71), 1);
	test("EOI of an edge is done, EOI of a level traps with the vector");

	fresh();
	EQ(run(g_or_tpr, 0), VMMCALL);
	EQ(rd32(PAGE + 0x80), 0x20);
	EQ(rd32(VMCB + INT_CTL) & 0xff, 2);
	EQ(run(g_or_tmcct, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0x390);
	EQ(rd64(VMCB + RIP), g_or_tmcct_at);
	wr32(PAGE + 0xd0, 0x01000000);
	EQ(run(g_or_ldr, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0xd0 | WRITE);
	EQ(rd32(PAGE + 0xd0), 0x03000000);
	test("read-modify-write: first the rule of the read, then of the write");

	fresh();
	EQ(run(g_fetch, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0);
	EQ(rd64(VMCB + RIP), APIC);
	test("an instruction fetch from the APIC page is a read fault");

	fresh();
	EQ(run(g_wide, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0x20);
	wr32(PAGE + 0x30, 0x42000000);
	EQ(run(g_byte, 0), VMMCALL);
	EQ(rd64(VMCB + RAX) & 0xff, 0x42);
	EQ(run(g_middle, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0x30);
	EQ(run(g_half, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0x80 | WRITE);
	EQ(rd64(VMCB + RIP), g_half_at);
	test("accesses that are not 32 bits wide or not at the register's first bytes");

	fresh();
	EQ(run(g_cr8, 0), VMMCALL);
	EQ(rd64(VMCB + RAX), 0x50);
	EQ(rd32(VMCB + INT_CTL) & 0xff, 5);
	wr32(VMCB + INT_CTL, AVIC);		/* V_INTR_MASKING clear: the same */
	EQ(run(g_cr8, 0), VMMCALL);
	EQ(rd64(VMCB + RAX), 0x50);
	EQ(run(g_cr8_read, 0), VMMCALL);
	EQ(rd64(VMCB + RAX), 3);
	test("CR8, V_TPR and the TPR of the backing page");

	fresh();
	EQ(run(g_step, 0), NOACCEL);
	EQ(rd64(VMCB + RIP), g_step_after);
	EQ(rd64(VMCB + RFLAGS) & TF, TF);
	EQ(go_on(VMCB), VMMCALL);
	EQ(vector(), 1);
	test("a single step over a write that traps: the exit comes, the next instruction steps");
}

static void test_delivery(void)
{
	fresh();
	set_bit(PAGE, IRR, 0x61);
	EQ(run(g_nothing, 0), VMMCALL);
	EQ(vector(), -1);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), 0x61);
	EQ(bit_of(PAGE, IRR, 0x61), 0);
	EQ(bit_of(PAGE, ISR, 0x61), 1);
	EQ(rd32(PAGE + 0xa0), 0x60);
	test("VMRUN evaluates the IRR; RFLAGS.IF gates the delivery");

	fresh();
	set_bit(PAGE, IRR, 0x61);
	wr32(VMCB + INT_CTL, AVIC | MASKING | 6);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), -1);
	wr32(VMCB + INT_CTL, AVIC | MASKING | 5);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), 0x61);
	test("V_TPR gates the delivery");

	fresh();
	set_bit(PAGE, IRR, 0x61);
	wr64(VMCB + SHADOW, 1);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), 0x61);
	EQ(rd64(rd64(VMCB + RSP)), (u64)g_nothing + 5);
	test("the interrupt shadow holds the delivery back for one instruction");

	fresh();
	set_bit(PAGE, IRR, 0x61);
	wr32(VMCB + INT_CTL, AVIC | MASKING | VGIF);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), -1);
	wr32(VMCB + INT_CTL, AVIC | MASKING | VGIF | GIF);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), 0x61);
	test("V_GIF gates the delivery");

	fresh();
	set_bit(PAGE, IRR, 0x61);
	wr32(VMCB + INT1, 1 << 4);
	EQ(run(g_nothing, IF), VINTR);
	EQ(rd64(VMCB + RIP), g_nothing);
	EQ(bit_of(PAGE, IRR, 0x61), 1);
	EQ(bit_of(PAGE, ISR, 0x61), 0);
	test("the VINTR intercept exits before the delivery");

	fresh();
	wr32(VMCB + INT_CTL, AVIC | MASKING | V_IRQ | 1 << 20);
	wr32(VMCB + 0x64, 0x99);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), -1);
	EQ(rd32(VMCB + INT_CTL) & V_IRQ, V_IRQ);
	test("V_IRQ is ignored and not written back");

	fresh();
	EQ(run(g_self, IF), VMMCALL);
	EQ(vector(), 0x51);
	test("a self IPI is delivered at once");
}

/* AVIC off, as KVM has it while it waits for a window to inject an ExtINT. */
static void virq(u32 int_ctl, u32 intercept)
{
	fresh();
	wr32(VMCB + INT_CTL, MASKING | V_IRQ | int_ctl);
	wr32(VMCB + 0x64, 0x99);
	wr32(VMCB + INT1, intercept);
	set_bit(PAGE, IRR, 0x61);
}

static void test_window(void)
{
	enum { PRIO = 0xf << 16, IGN_TPR = 1 << 20, ON_VINTR = 1 << 4 };

	virq(PRIO, ON_VINTR);
	EQ(run(g_nothing, 0), VMMCALL);
	EQ(rd32(VMCB + INT_CTL) & V_IRQ, V_IRQ);
	EQ(run(g_nothing, IF), VINTR);
	EQ(rd64(VMCB + RIP), g_nothing);
	EQ(rd32(VMCB + INT_CTL) & V_IRQ, V_IRQ);
	EQ(run(g_sti, 0), VINTR);
	EQ(rd64(VMCB + RIP), (u64)g_sti_after + 1);
	test("AVIC off: V_IRQ and the VINTR intercept exit when the guest opens the window, not in the shadow of STI");

	virq(PRIO, 0);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), 0x99);
	EQ(rd32(VMCB + INT_CTL) & V_IRQ, 0);
	EQ(bit_of(PAGE, IRR, 0x61), 1);
	virq(6 << 16 | 6, 0);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), -1);
	virq(6 << 16 | 6 | IGN_TPR, 0);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), 0x99);
	test("AVIC off: V_IRQ is delivered by V_INTR_PRIO, V_TPR and V_IGN_TPR, the backing page is not looked at");
}

/* Vector 0x61 waits for the instruction GUEST_at; it has to come right behind it. */
static void comes_after(const u8 *guest, const u8 *after)
{
	set_bit(PAGE, IRR, 0x61);
	EQ(run(guest, IF), VMMCALL);
	EQ(vector(), 0x61);
	EQ(rd64(rd64(VMCB + RSP)), (u64)after);
}

static void raise_tpr(u32 avic)
{
	fresh();
	wr32(PAGE + 0x80, 0x70);
	wr32(VMCB + INT_CTL, avic | MASKING | 7);
}

static void test_evaluation(void)
{
	raise_tpr(AVIC);
	comes_after(g_tpr_0, g_tpr_0_after);
	raise_tpr(AVIC);
	comes_after(g_cr8_0, g_cr8_0_after);
	raise_tpr(AVIC | X2AVIC);
	comes_after(g_x2_tpr, g_x2_tpr_after);
	test("a lower TPR lets a pending interrupt in at once: APIC page, CR8, MSR");

	fresh();
	set_bit(PAGE, ISR, 0x71);
	comes_after(g_eoi, g_eoi_after);
	fresh();
	wr32(VMCB + INT_CTL, AVIC | X2AVIC | MASKING);
	set_bit(PAGE, ISR, 0x71);
	comes_after(g_x2_eoi, g_x2_eoi_after);
	test("EOI lets the next interrupt in at once: APIC page, MSR");
}

static void test_hlt(void)
{
	fresh();
	EQ(run(g_self_hlt, 0), VMMCALL);
	EQ(vector(), 0x51);
	test("a virtual interrupt ends HLT");
}

static void test_page_walk(void)
{
	fresh();
	wr64(VMCB + CR3, APIC);
	EQ(run(g_nothing, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0);
	EQ(rd64(VMCB + RIP), g_nothing);
	test("guest page tables in the APIC page are a read fault");

	/* the IDT is where nothing is mapped */
	fresh();
	wr32(VMCB + EXC, 1 << 14);
	wr64(VMCB + 0x488, 1ull << 32);
	set_bit(PAGE, IRR, 0x61);
	EQ(run(g_nothing, IF), 0x40 + 14);
	EQ(rd64(VMCB + 0x88), 0x80000061);
	EQ(bit_of(PAGE, ISR, 0x61), 1);
	test("an exit during the delivery reports the interrupt in EXITINTINFO");
}

/* Decode assists: of the instruction whose data access faults, and of no other. */
static void test_instruction_bytes(void)
{
	fresh();
	wr32(VMCB + EXC, 1 << 14);
	EQ(run(g_beyond, 0), 0x40 + 14);
	EQ(rd64(VMCB + BYTES) & 0xff, 15);
	EQ(rd64(VMCB + BYTES) >> 8 & 0xffff, rd32((u64)g_beyond_at) & 0xffff);
	test("the bytes of an instruction whose data access faults are recorded");

	/* the guest's page tables are where nothing is mapped */
	fresh();
	wr64(VMCB + CR3, 1ull << 32);
	EQ(run(g_nothing, 0), NPF);
	EQ(rd64(VMCB + INFO1) >> 32, 2);
	EQ(rd64(VMCB + BYTES) & 0xff, 0);
	test("no bytes are recorded when the walk for the instruction faults");
}

/* How KVM learns that a guest has ended its NMI handler: IRET is intercepted, then stepped over. */
static void test_iret(void)
{
	fresh();
	wr32(VMCB + EXC, 1 << 1);
	wr32(VMCB + INT1, 1 << 20);
	EQ(run(g_iret, 0), IRET);
	EQ(rd64(VMCB + RIP), g_iret_at);
	wr32(VMCB + INT1, 0);
	wr64(VMCB + RFLAGS, rd64(VMCB + RFLAGS) | TF | RF);
	EQ(go_on(VMCB), 0x40 + 1);
	EQ(rd64(VMCB + RIP), g_iret_after);
	test("a single step over IRET");
}

static void test_injection(void)
{
	fresh();
	wr64(VMCB + EVENTINJ, 0x80000061);
	EQ(run(g_nothing, IF), VMMCALL);
	EQ(vector(), 0x61);
	EQ(rd64(VMCB + EVENTINJ), 0);
	test("nothing is left of an event that was injected");
}

static void test_vmrun(void)
{
	static const struct { u16 field; u64 value; const char *name; } bad[] = {
		{ INT_CTL, X2AVIC | MASKING, "x2AVIC without AVIC is refused" },
		{ NESTED, 0, "AVIC without nested paging is refused" },
		{ PHYS_PTR, PHYS | 256, "AVIC: maximum index 256 is refused" },
		{ PHYS_PTR, 1ull << 51 | 3, "physical table beyond the address width is refused" },
		{ BACKING, 1ull << 51, "backing page beyond the address width is refused" },
		{ LOGICAL_PTR, 1ull << 51, "logical table beyond the address width is refused" },
		{ ASID, 0, "ASID 0 is refused" },
		{ INT2, 2, "VMRUN that is not intercepted is refused" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fresh();
		if (bad[i].field == INT_CTL || bad[i].field == ASID || bad[i].field == INT2)
			wr32(VMCB + bad[i].field, bad[i].value);
		else
			wr64(VMCB + bad[i].field, bad[i].value);
		EQ(run(g_nothing, 0), INVALID);
		EQ(rd64(VMCB + RIP), g_nothing);
		test(bad[i].name);
	}

	fresh();
	wr64(VMCB + PHYS_PTR, PHYS | 255);
	EQ(run(g_nothing, 0), VMMCALL);
	wr32(VMCB + INT_CTL, AVIC | X2AVIC | MASKING);
	wr64(VMCB + PHYS_PTR, PHYS | 511);
	wr64(VMCB + LOGICAL_PTR, 1ull << 51);
	EQ(run(g_nothing, 0), VMMCALL);
	wr64(VMCB + PHYS_PTR, PHYS | 512);
	EQ(run(g_nothing, 0), INVALID);
	test("maximum index 255 and, x2AVIC, 511; x2AVIC has no logical table");
}

static void ipi(const u8 *guest, const u8 *after, u32 icrh, u32 icrl, u64 info2)
{
	EQ(run(guest, 0), INCOMPLETE);
	EQ(rd64(VMCB + INFO1), (u64)icrh << 32 | icrl);
	EQ(rd64(VMCB + INFO2), info2);
	EQ(rd64(VMCB + RIP), after);
}

static void test_ipi(void)
{
	fresh();
	ipi(g_icr_2, g_icr_2_after, 0x02000000, 0x4052, 2ull << 32 | 2);
	ipi(g_icr_4, g_icr_4_after, 0x04000000, 0x4052, 2ull << 32 | 4);
	test("IPI to an entry that is not valid, and beyond the maximum index");

	fresh();
	ipi(g_icr_vector, g_icr_vector_after, 0x01000000, 0x4005, 4ull << 32);
	ipi(g_icr_nmi, g_icr_nmi_after, 0x01000000, 0x4400, 0);
	EQ(rd32(PAGE_AP + 0x200), 0);
	test("IPI with vector 5, and an NMI");

	fresh();
	entry(1, VALID | RUNNING | 1ull << 51);
	ipi(g_icr_1, g_icr_1_after, 0x01000000, 0x4052, 3ull << 32 | 1);
	test("IPI to a backing page beyond the address width");

	fresh();
	entry(1, VALID | PAGE_AP | 1);
	ipi(g_icr_1, g_icr_1_after, 0x01000000, 0x4052, 1ull << 32 | 1);
	EQ(bit_of(PAGE_AP, IRR, 0x52), 1);
	test("IPI to a target that does not run: IRR and exit");

	fresh();
	EQ(run(g_icr_1, 0), VMMCALL);
	EQ(bit_of(PAGE_AP, IRR, 0x52), 1);
	EQ(run(g_icr_readback, 0), VMMCALL);
	EQ(rd64(VMCB + RAX), 0x0100000000004052);
	test("IPI to a target that runs: no exit; the ICR reads back without BUSY and ICRH[23:0]");
}

static void test_doorbell(void)
{
	fresh();
	EQ(run(g_bell_read, 0), VMMCALL);
	EQ(vector(), 13);
	EQ(run(g_bell_high, 0), VMMCALL);
	EQ(vector(), 13);
	EQ(run(g_bell, 0), VMMCALL);
	EQ(vector(), -1);
	test("doorbell MSR: a read is #GP, so are bits 63:8");
}

static void x2(void)
{
	fresh();
	wr32(VMCB + INT_CTL, AVIC | X2AVIC | MASKING);
}

static void test_x2avic(void)
{
	x2();
	EQ(run(g_x2_tpr, 0), VMMCALL);
	EQ(rd32(PAGE + 0x80), 0x40);
	EQ(rd32(VMCB + INT_CTL) & 0xff, 4);
	EQ(run(g_x2_tpr_bad, 0), VMMCALL);
	EQ(vector(), 13);
	EQ(run(g_x2_tmcct, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0x390);
	EQ(rd64(VMCB + RIP), g_x2_tmcct_at);
	EQ(run(g_x2_svr, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0xf0 | WRITE);
	EQ(rd64(VMCB + RIP), g_x2_svr_after);
	EQ(rd32(PAGE + 0xf0), 0x11ff);
	test("x2AVIC: MSRs that are accelerated, fault and trap");

	x2();
	set_bit(PAGE, ISR, 0x71);
	set_bit(PAGE, TMR, 0x71);
	EQ(run(g_x2_eoi, 0), NOACCEL);
	EQ(rd64(VMCB + INFO1), 0xb0 | WRITE);
	EQ(rd64(VMCB + INFO2), 0x71);
	EQ(rd64(VMCB + RIP), g_x2_eoi_after);
	EQ(bit_of(PAGE, ISR, 0x71), 1);
	test("x2AVIC: EOI of a level traps with the vector");

	x2();
	EQ(run(g_x2_svr_bad, 0), VMMCALL);
	EQ(vector(), 13);
	EQ(rd32(PAGE + 0xf0), 0x1ff);
	EQ(run(g_x2_lint_bad, 0), VMMCALL);
	EQ(vector(), 13);
	test("x2AVIC: reserved bits of the SVR and of an LVT are #GP");

	x2();
	wr32(VMCB + INT1, 1 << 28);
	wr32(MSRPM + 0x808 / 4, 2 << 0);	/* write of MSR 808h */
	EQ(run(g_x2_tpr, 0), MSR);
	EQ(run(g_x2_tpr_bad, 0), MSR);
	EQ(rd32(PAGE + 0x80), 0);
	wr32(MSRPM + 0x808 / 4, 0);
	EQ(run(g_x2_tpr, 0), VMMCALL);
	EQ(rd32(PAGE + 0x80), 0x40);
	test("x2AVIC: the MSR permission map comes first");

	fresh();
	EQ(run(g_x2_tpr, 0), VMMCALL);
	EQ(rd32(PAGE + 0x80), 0);
	wr32(VMCB + INT1, 1 << 28);
	wr32(MSRPM + 0x808 / 4, 2 << 0);
	EQ(run(g_x2_tpr, 0), MSR);
	wr32(MSRPM + 0x808 / 4, 0);
	EQ(rd32(PAGE + 0x80), 0);
	EQ(run(g_tpr_0, 0), VMMCALL);
	test("hybrid: without x2AVIC the x2APIC MSRs are not the backing page's, the APIC page still is");

	x2();
	EQ(run(g_x2_icr, 0), VMMCALL);
	EQ(bit_of(PAGE_AP, IRR, 0x53), 1);
	EQ(rd32(PAGE + 0x300), 0x4053);
	EQ(rd32(PAGE + 0x310), 1);
	EQ(run(g_x2_self, IF), VMMCALL);
	EQ(vector(), 0x54);
	test("x2AVIC: ICR and SELF IPI");

	x2();
	wr64(VMCB + BAR, ORDINARY);
	wr32(ORDINARY + 0xd0, 0);
	EQ(run(g_x2_page, 0), VMMCALL);
	EQ(rd32(ORDINARY + 0xd0), 0x1234);
	EQ(rd32(PAGE + 0xd0), 0);
	wr32(VMCB + INT_CTL, AVIC | MASKING);
	EQ(run(g_x2_page, 0), NOACCEL);
	EQ(rd32(PAGE + 0xd0), 0x1234);
	test("the APIC page is where APIC_BAR says; x2AVIC has none");
}

/* The second processor: MAIL is the RIP to run, MAIL + 8 says that its guest has ended. */
void run_ap(void)
{
	wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x1000);
	wrmsr(0xc0010117, HSAVE_AP);
	for (;;) {
		while (!rd64(MAIL))
			pause_loops(1);
		wr64(VMCB_AP + RIP, rd64(MAIL));
		wr64(VMCB_AP + RSP, STACK_AP);
		wr64(VMCB_AP + RFLAGS, 2);
		wr64(MAIL, 0);
		vmrun(VMCB_AP);
		wr64(MAIL + 8, 1);
	}
}

static void start_ap(void)
{
	wr32(APIC + 0xf0, 0x1ff);
	wr32(APIC + 0x310, 1 << 24);
	wr32(APIC + 0x300, 0x4500);
	pause_loops(1000);
	wr32(APIC + 0x310, 1 << 24);
	wr32(APIC + 0x300, 0x4600 | (u32)(u64)ap_start >> 12);
}

static void ap_go(const void *rip)
{
	make_vmcb(VMCB_AP, PAGE_AP);
	wr64(MAIL + 8, 0);
	wr64(MAIL, (u64)rip);
	pause_loops(5000);
}

static void test_two_cpus(void)
{
	fresh();
	ap_go(g_hlt);
	EQ(rd64(MAIL), 0);
	set_bit(PAGE_AP, IRR, 0x55);
	pause_loops(20000);
	EQ(rd64(MAIL + 8), 0);
	wrmsr(DOORBELL, 1);
	pause_loops(20000);
	EQ(rd64(MAIL + 8), 1);
	EQ(vector_of(VMCB_AP), 0x55);
	test("a processor that runs a halted guest looks at the IRR at a doorbell, not before");

	fresh();
	ap_go(g_hlt);
	EQ(run(g_icr_1, 0), VMMCALL);
	pause_loops(20000);
	EQ(rd64(MAIL + 8), 1);
	EQ(vector_of(VMCB_AP), 0x52);
	test("an IPI from guest to guest ends HLT there");

	fresh();
	set_bit(PAGE_AP, IRR, 0x56);
	wrmsr(DOORBELL, 1);		/* it is not in a guest */
	pause_loops(1000);
	EQ(bit_of(PAGE_AP, IRR, 0x56), 1);
	test("a doorbell outside of a guest does nothing");
}

/* As SeaBIOS waits for its other processors: what lies between two branches, Bochs executes in one go. */
static void test_lock(void)
{
	fresh();
	wr64(MAIL + 16, 1);
	wr64(MAIL + 24, 0);
	ap_go(g_lock);
	EQ(rd64(MAIL + 24), 0);
	for (int i = 0; i < 1000 && !rd64(MAIL + 24); i++)
		asm volatile("movl $0, %0; 1: pause; lock btsl $0, %0; jc 1b" : "+m" (*(u32 *)(MAIL + 16)) : : "cc", "memory");
	EQ(rd64(MAIL + 24), 1);
	wr64(MAIL + 16, 0);
	test("a lock that is free while its owner pauses is taken by another processor");
}

static void test_erratum(void)
{
	bool early;

	fresh();
	EQ(run(g_early, 0), VMMCALL);		/* no exit: the sender thinks that the target runs */
	EQ(rd64(VMCB + RAX) >> 32, 1u << (0x52 - 0x40));
	early = !(u32)rd64(VMCB + RAX);
#ifdef ERRATUM_1235
	EQ(early, 1);
	test("erratum 1235: a target that stops after the ICR write sees no IRR, and nobody wakes it");
#else
	EQ(early, 0);
	test("without erratum 1235 a target that stops after the ICR write sees the IRR");
#endif
}

void run_tests(void)
{
	mask_pic();
	make_idt(IDT);
	wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x1000);
	wrmsr(0xc0010117, HSAVE);
	put("TAP version 13\n");
#ifdef UNSUPPORTED
	fresh();
	wr32(VMCB + UNSUPPORTED, rd32(VMCB + UNSUPPORTED) | UNSUPPORTED_BITS);
	EQ(run(g_nothing, 0), -2);	/* never comes back */
	test("stopped");
#elif defined(COST)
	fresh();
	wr32(VMCB + INT_CTL, MASKING);
	for (int i = 0; i < 200; i++)
		run(g_work, IF);
	test("work");
#elif defined(ERRATUM_1235)
	test_erratum();
#else
	test_access();
	test_delivery();
	test_evaluation();
	test_window();
	test_hlt();
	test_page_walk();
	test_instruction_bytes();
	test_iret();
	test_injection();
	test_vmrun();
	test_ipi();
	test_doorbell();
	test_x2avic();
	test_erratum();
	start_ap();
	test_two_cpus();
	test_lock();
#endif
	done();
}
