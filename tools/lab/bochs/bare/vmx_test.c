// SPDX-License-Identifier: GPL-2.0
/* VMX controls, memory types and IPI virtualization: VMLAUNCH without an operating system on model corei7_skylake_x. */
#include "bare.h"

enum {
	VMXON = 0x200000, VMCS = 0x201000, IDT = 0x214000, STACK = 0x230000,
	VMXON_AP = 0x202000, VMCS_AP = 0x203000, STACK_AP = 0x220000,
	ACCESS = 0x260000, VAPIC = 0x261000, PID = 0x262000, TABLE = 0x263000, TARGET = 0x264000, BITMAP = 0x265000,
	EPT = 0x270000, EPT_PDPT = 0x271000, EPT_PD = 0x272000, EPT_PT = 0x273000,
	/* where guests find an address, and leave what they have seen */
	WHERE = 0x280000, SEEN = 0x280008, HELD = 0x280010, RELEASED = 0x280018,
	PAGE = 0x400000, LARGE = 0x600000,	/* mapped by EPT_PT, resp. a page of 2 MiB */
};
#define LAPIC 0xfee00000u
enum { NV = 0xf2, OTHER_NV = 0xf3 };

/* fields */
enum {
	NV_FIELD = 0x0002, LAST_INDEX = 0x0008, INT_STATUS = 0x0810, MSR_BITMAP = 0x2004, VAPIC_ADDR = 0x2012, ACCESS_ADDR = 0x2014,
	PID_ADDR = 0x2016, PROC3 = 0x2034, TABLE_ADDR = 0x2042, PIN = 0x4000, PROC = 0x4002, EXIT = 0x400c, ENTRY = 0x4012, PROC2 = 0x401e,
	EXCEPTIONS = 0x4004, ERROR = 0x4400, REASON = 0x4402, EXIT_INFO = 0x4404, IDT_VECTORING = 0x4408, ACTIVITY = 0x4826, TIMER = 0x482e, QUALIFICATION = 0x6400,
	GUEST_IDT = 0x6818, GUEST_RSP = 0x681c, GUEST_RIP = 0x681e, GUEST_RFLAGS = 0x6820, HOST_CR0 = 0x6c00,
	EPTP = 0x201a, GUEST_CR0 = 0x6800,
};
enum { EPT_VIOLATION = 48, EXCEPTION = 0, EXTERNAL = 1, VMCALL = 18, WRMSR = 32, PREEMPTION = 52, APIC_WRITE = 56 };
enum { INVALID_CONTROL = 7, INVALID_HOST = 8 };

static void vmwrite(u64 field, u64 v) { asm volatile("vmwrite %1, %0" :: "r"(field), "r"(v) : "cc", "memory"); }
static u64 vmread(u64 field) { u64 v; asm volatile("vmread %1, %0" : "=r"(v) : "r"(field) : "cc"); return v; }

/* Each control word: its capability MSR, and what the model advertises. A new bit needs a row in the documentation. */
static const struct { u16 field, msr; u32 optional; const char *name; } controls[] = {
	{ PIN, 0x48d, 0x000000e9, "pin-based" },
	{ PROC, 0x48e, 0xfbfb9e8c, "primary" },
	{ PROC2, 0x48b, 0x02577fff, "secondary" },
	{ EXIT, 0x48f, 0x007c8204, "exit" },
	{ ENTRY, 0x490, 0x0000ce04, "entry" },
};

static u32 required(u16 msr) { return rdmsr(msr); }
static u32 allowed(u16 msr) { return rdmsr(msr) >> 32; }

static void set(u16 field, u16 msr, u32 wanted) { vmwrite(field, wanted | required(msr)); }

static u64 vmcs = VMCS;	/* of whoever sets one up */

static void fresh(void)
{
	clear(vmcs);
	wr32(vmcs, rdmsr(0x480));
	asm volatile("vmclear %0; vmptrld %0" :: "m"(vmcs) : "cc", "memory");
	set(PIN, 0x48d, 1 | 1 << 6 | 1 << 7);			/* external interrupts, preemption timer, posted interrupts */
	set(PROC, 0x48e, 1 << 17 | 1 << 21 | 1 << 28 | 1u << 31); /* tertiary, TPR shadow, MSR bitmap, secondary */
	set(PROC2, 0x48b, 1 | 1 << 8 | 1 << 9);			/* APIC accesses, registers, virtual interrupts */
	vmwrite(PROC3, 1 << 4);
	set(EXIT, 0x48f, 1 << 9 | 1 << 15);			/* 64-bit host, acknowledge */
	set(ENTRY, 0x490, 1 << 9);
	vmwrite(NV_FIELD, NV);
	vmwrite(LAST_INDEX, 3);
	vmwrite(MSR_BITMAP, BITMAP);
	vmwrite(VAPIC_ADDR, VAPIC);
	vmwrite(ACCESS_ADDR, ACCESS);
	vmwrite(PID_ADDR, PID);
	vmwrite(TABLE_ADDR, TABLE);
	vmwrite(TIMER, 100000);
	vmwrite(0x2800, ~0ull);
	for (int i = 0; i < 6; i++) {
		vmwrite(0x0c00 + 2 * i, i == 1 ? 8 : 16);
		vmwrite(0x0800 + 2 * i, i == 1 ? 8 : 16);
		vmwrite(0x4800 + 2 * i, 0xffffffff);
		vmwrite(0x4814 + 2 * i, i == 1 ? 0xa09b : 0xc093);
	}
	vmwrite(0x0c0c, 0x18);
	vmwrite(HOST_CR0, 0x80000031);
	vmwrite(0x6c02, (u64)pml4);
	vmwrite(0x6c04, 0x2220);
	vmwrite(0x6c0c, (u64)gdt);
	vmwrite(0x6c0e, IDT);
	vmwrite(0x6c16, (u64)vmx_exit);
	vmwrite(0x480c, 0xffff);
	vmwrite(0x4820, 0x10000);
	vmwrite(0x480e, 0x67);
	vmwrite(0x4822, 0x8b);
	vmwrite(0x4810, 0x17);
	vmwrite(0x4812, 0xfff);
	vmwrite(0x6816, (u64)gdt);
	vmwrite(GUEST_IDT, IDT);
	vmwrite(GUEST_CR0, 0x80000031);
	vmwrite(0x6802, (u64)pml4);
	vmwrite(0x6804, 0x2220);
	vmwrite(0x681a, 0x400);
	for (u64 page = VAPIC; page <= BITMAP; page += 4096)
		clear(page);
	wr64(TABLE + 8, TARGET | 1);
	wr64(TARGET + 32, (u64)OTHER_NV << 16);	/* the notification comes to this processor, as an external interrupt */
	wr64(PID + 32, (u64)NV << 16);
}

/* The VM-instruction error; the host state is broken, so that no guest runs. */
static int error(void)
{
	vmwrite(HOST_CR0, 0);
	if (!vmenter(1))
		return -1;
	return vmread(ERROR);
}

static int run(const void *rip, u32 flags)
{
	vmwrite(GUEST_RIP, (u64)rip);
	vmwrite(GUEST_RSP, STACK);
	vmwrite(GUEST_RFLAGS, 2 | flags);
	if (vmenter(1))
		return -(int)vmread(ERROR);
	return vmread(REASON);
}

static int vector(void)
{
	u64 rip = vmread(GUEST_RIP) - (u64)stubs;

	return vmread(REASON) == VMCALL && rip < 256 * 8 ? (int)rip / 8 : -1;
}

#define IF 0x200
#define GUEST(name, text) \
	extern u8 name[], name##_after[]; \
	asm(".globl " #name ", " #name "_after\n" #name ": mov $0x260000, %edx\n" text "\n" #name "_after: nop\n vmcall\n")

GUEST(g_icr_1, "movl $0x01abcdef, 0x310(%rdx); movl $0x4052, 0x300(%rdx)");
GUEST(g_icr_4, "movl $0x04000000, 0x310(%rdx); movl $0x4052, 0x300(%rdx)");
GUEST(g_icr_vector, "movl $0x01000000, 0x310(%rdx); movl $0x400f, 0x300(%rdx)");
GUEST(g_icr_logical, "movl $0x01000000, 0x310(%rdx); movl $0x4852, 0x300(%rdx)");
GUEST(g_icr_self, "movl $0x44052, 0x300(%rdx)");
GUEST(g_x2_icr, "mov $0x830, %ecx; mov $0x4053, %eax; mov $1, %edx; wrmsr");
GUEST(g_x2_bad, "mov $0x830, %ecx; mov $0x6053, %eax; mov $1, %edx; wrmsr");
GUEST(g_hlt, "hlt");
/* For tools/lab/bochs/cost: 2048 pages, which are more than the TLB keeps, read and written. */
GUEST(g_work, "mov $0x400000, %ebx; mov $2048, %ecx; 1: mov (%rbx), %eax; mov %eax, 8(%rbx); add $0x1000, %rbx; loop 1b");

static void test_controls(void)
{
	for (unsigned i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		u32 must = required(controls[i].msr), can = allowed(controls[i].msr);

		EQ(must & ~can, 0);
		EQ(can & ~must, controls[i].optional);
		test(controls[i].name);
		for (int bit = 0; bit < 32; bit++) {
			u32 mask = 1u << bit;

			if (can & mask && !(must & mask))
				continue;
			fresh();
			vmwrite(controls[i].field, vmread(controls[i].field) ^ mask);
			if (error() != INVALID_CONTROL)
				check_at(false, "a control that is not allowed was accepted: mask", mask);
		}
		test("... VM entry refuses every other value");
	}
	EQ(rdmsr(0x492), 1 << 4);
	for (int bit = 0; bit < 64; bit++) {
		fresh();
		vmwrite(PROC3, 1ull << bit | 1 << 4);
		check_at(error() == (bit == 4 ? INVALID_HOST : INVALID_CONTROL), "tertiary bit", bit);
	}
	test("tertiary: IPI virtualization only");
	EQ(rdmsr(0x48c), 0x00000f0106734141);
	EQ(rdmsr(0x491), 1);
	test("EPT, VPID and VM functions");
}

static void refused(u16 field, u64 value, int want, const char *name)
{
	fresh();
	vmwrite(field, value);
	EQ(error(), want);
	test(name);
}

static void test_entry(void)
{
	u64 top = 1ull << 40;	/* the physical address width of the model is 40 or less */

	fresh();
	EQ(error(), INVALID_HOST);
	test("the controls of these tests are valid");
	fresh();
	vmwrite(PROC, vmread(PROC) & ~(1 << 21));
	vmwrite(PROC2, required(0x48b));
	vmwrite(PIN, vmread(PIN) & ~(1 << 7));
	EQ(error(), INVALID_CONTROL);
	vmwrite(PROC3, 0);
	EQ(error(), INVALID_HOST);
	test("IPI virtualization needs the TPR shadow");
	fresh();
	vmwrite(PROC, vmread(PROC) & ~(1 << 17));
	vmwrite(TABLE_ADDR, 4);
	EQ(error(), INVALID_HOST);
	vmwrite(PROC3, ~0ull);
	EQ(error(), INVALID_HOST);
	test("without the activation bit the tertiary controls count as zero");
	refused(TABLE_ADDR, TABLE + 4, INVALID_CONTROL, "PID-pointer table at 4 modulo 8 is refused");
	refused(TABLE_ADDR, TABLE + 8, INVALID_HOST, "PID-pointer table at 8 is accepted");
	refused(TABLE_ADDR, 1ull << 52, INVALID_CONTROL, "PID-pointer table beyond the address width is refused");
	refused(TABLE_ADDR, top - 4 * 8, INVALID_HOST, "PID-pointer table that ends at the address width is accepted");
	refused(TABLE_ADDR, top - 3 * 8, INVALID_CONTROL, "last entry beyond the address width is refused");
	refused(PID_ADDR, PID + 64, INVALID_HOST, "descriptor at 64 is accepted");
	refused(PID_ADDR, PID + 32, INVALID_CONTROL, "descriptor at 32 is refused");
	refused(PID_ADDR, 1ull << 52, INVALID_CONTROL, "descriptor beyond the address width is refused");
	refused(NV_FIELD, 0x1f2, INVALID_CONTROL, "notification vector above 255 is refused");
	refused(EXIT, required(0x48f) | 1 << 9, INVALID_CONTROL, "posted interrupts need acknowledge on exit");
	refused(PROC2, required(0x48b) | 1 | 1 << 8, INVALID_CONTROL, "posted interrupts need virtual-interrupt delivery");
}

static u32 posted(int v) { return rd32(TARGET + v / 32 * 4) >> v % 32 & 1; }

static void exits(const void *guest, const char *name)
{
	EQ(run(guest, 0), APIC_WRITE);
	EQ(vmread(QUALIFICATION), 0x300);
	for (int i = 0; i < 32; i += 4)
		EQ(rd32(TARGET + i), 0);
	EQ(rd64(TARGET + 32) & 3, 0);
	test(name);
}

static void test_ipi(void)
{
	fresh();
	EQ(run(g_icr_1, 0), EXTERNAL);		/* the notification */
	EQ(vmread(EXIT_INFO), 0x80000000 | OTHER_NV);
	EQ(vmread(GUEST_RIP), g_icr_1_after);
	EQ(posted(0x52), 1);
	EQ(rd64(TARGET + 32), (u64)OTHER_NV << 16 | 1);
	EQ(rd32(VAPIC + 0x310), 0x01000000);
	wr32(LAPIC + 0xb0, 0);
	test("an IPI: PIR, ON, notification with NV to NDST, no APIC-write exit; bits 23:0 of the high half are zero");

	fresh();
	wr64(TARGET + 32, (u64)OTHER_NV << 16 | 2);
	EQ(run(g_icr_1, 0), VMCALL);
	EQ(posted(0x52), 1);
	EQ(rd64(TARGET + 32), (u64)OTHER_NV << 16 | 2);
	test("SN set: PIR, no ON, no notification, no exit");

	fresh();
	wr64(TARGET + 32, (u64)OTHER_NV << 16 | 1);
	EQ(run(g_icr_1, 0), VMCALL);
	EQ(posted(0x52), 1);
	test("ON set: PIR, no notification, no exit");

	fresh();
	wr64(TABLE + 4 * 8, TARGET | 1);
	exits(g_icr_4, "destination beyond the last index exits, nothing is written");
	fresh();
	wr64(TABLE + 4 * 8, TARGET | 1);
	wr64(TARGET + 32, (u64)OTHER_NV << 16 | 2);
	vmwrite(LAST_INDEX, 4);
	EQ(run(g_icr_4, 0), VMCALL);
	EQ(posted(0x52), 1);
	test("the last index itself is a destination");
	fresh();
	wr64(TABLE + 8, TARGET);
	exits(g_icr_1, "entry that is not valid exits, nothing is written");
	fresh();
	wr64(TABLE + 8, TARGET | 3);
	exits(g_icr_1, "entry with a reserved bit exits, nothing is written");
	fresh();
	wr64(TABLE + 8, TARGET | 1 | 1ull << 52);
	exits(g_icr_1, "entry beyond the address width exits, nothing is written");
	fresh();
	exits(g_icr_vector, "vector 15 exits");
	fresh();
	exits(g_icr_logical, "logical destination exits");

	fresh();
	EQ(run(g_icr_self, IF), VMCALL);
	EQ(vector(), 0x52);
	test("self IPI");

	fresh();
	wr64(TABLE + 8, PID | 1);
	EQ(run(g_icr_1, IF), VMCALL);
	EQ(vector(), 0x52);
	EQ(rd64(PID + 32), (u64)NV << 16);
	EQ(rd32(PID + 0x52 / 32 * 4), 0);
	test("a notification that arrives in its guest is delivered there");
}

/* The IDT is where nothing is mapped: #PF while the virtual interrupt is delivered. */
static void test_idt_vectoring(void)
{
	fresh();
	vmwrite(EXCEPTIONS, 1 << 14);
	vmwrite(GUEST_IDT, 1ull << 32);
	EQ(run(g_icr_self, IF), EXCEPTION);
	EQ(vmread(EXIT_INFO) & 0xff, 14);
	EQ(vmread(IDT_VECTORING), 0x80000052);
	test("an exit during the delivery of a virtual interrupt reports it");
}

static void x2(void)
{
	fresh();
	set(PROC2, 0x48b, 1 << 4 | 1 << 8 | 1 << 9);
}

static void test_x2(void)
{
	x2();
	EQ(run(g_x2_icr, 0), EXTERNAL);
	EQ(posted(0x53), 1);
	EQ(rd64(VAPIC + 0x300), 0x100004053);
	wr32(LAPIC + 0xb0, 0);
	test("x2APIC: an IPI, and 64 bits of ICR in the page");

	x2();
	EQ(run(g_x2_bad, 0), VMCALL);
	EQ(vector(), 13);
	EQ(rd64(VAPIC + 0x300), 0);
	test("x2APIC: a reserved bit of the ICR is #GP, nothing is written");

	x2();
	wr32(BITMAP + 0x800 + 0x830 / 32 * 4, 1 << 0x830 % 32);
	EQ(run(g_x2_icr, 0), WRMSR);
	EQ(posted(0x53), 0);
	test("x2APIC: the MSR bitmap comes first");
}

/* The local APIC's timer sends the notification vector to a halted guest. */
static void timer(u32 ticks)
{
	wr32(LAPIC + 0xf0, 0x1ff);
	wr32(LAPIC + 0x3e0, 0xb);
	wr32(LAPIC + 0x320, NV);
	wr32(LAPIC + 0x380, ticks);
}

static void test_hlt(void)
{
	fresh();
	timer(5000);
	wr64(PID + 32, (u64)NV << 16 | 1);
	wr32(PID + 0x54 / 32 * 4, 1 << 0x54 % 32);
	EQ(run(g_hlt, IF), VMCALL);
	EQ(vector(), 0x54);
	test("a virtual interrupt ends HLT");

	fresh();
	timer(5000);
	wr64(PID + 32, (u64)NV << 16 | 1);
	EQ(run(g_hlt, IF), PREEMPTION);
	EQ(vmread(GUEST_RIP), g_hlt_after);
	EQ(vmread(ACTIVITY), 1);
	EQ(rd64(PID + 32), (u64)NV << 16);
	test("a notification with nothing to deliver does not end HLT");
}

/* Memory types: PAGE and LARGE have theirs, everything else is WB. */
enum { UC = 0, WC = 1, WT = 4, WP = 5, WB = 6, UC_MINUS = 7 };
enum { IPAT = 1 << 6, CD = 1 << 30 };

static void set_type(u32 bits)
{
	wr64(EPT_PT, PAGE | 7 | bits);
	wr64(EPT_PD + 3 * 8, LARGE | 7 | 1 << 7 | bits);
}

static void with_ept(void)
{
	fresh();
	clear(EPT);
	clear(EPT_PDPT);
	clear(EPT_PT);
	wr64(EPT, EPT_PDPT | 7);
	wr64(EPT_PDPT, EPT_PD | 7);
	for (u64 i = 0; i < 512; i++)
		wr64(EPT_PD + i * 8, i << 21 | 7 | 1 << 7 | WB << 3);
	wr64(EPT_PD + 2 * 8, EPT_PT | 7);
	vmwrite(EPTP, EPT | 3 << 3 | WB);
	set(PROC2, 0x48b, 1 << 1);
	set(PIN, 0x48d, 1);
	set(PROC, 0x48e, 1u << 31);
}

/* PAT0 is for all that is mapped, and for the host, too. */
static void set_pat(int type)
{
	wrmsr(0x277, 0x0007040600070400 | type);
	asm volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" ::: "rax", "memory");
}

static void set_cd(bool cd)
{
	u64 cr0;

	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	asm volatile("mov %0, %%cr0" :: "r"(cd ? cr0 | CD : cr0 & ~(u64)CD) : "memory");
}

#define QUERY "mov $0x3f657079746d656d, %rax\n .byte 0x0f, 0x1d, 0x07\n"
GUEST(g_type, "mov 0x280000, %rdi\n" QUERY "mov %rax, 0x280008");
GUEST(g_hold, "mov 0x400000, %eax; movl $1, 0x280010; 1: cmpl $0, 0x280018; je 1b");
GUEST(g_read, "mov 0x400000, %eax");

static u64 host_type(u64 addr, u64 question)
{
	asm volatile(".byte 0x0f, 0x1d, 0x07" : "+a"(question) : "D"(addr) : "memory");
	return question;
}

static u64 guest_type(u64 addr)
{
	wr64(WHERE, addr);
	wr64(SEEN, ~0ull);
	EQ(run(g_type, 0), VMCALL);
	return rd64(SEEN);
}

static void test_types(void)
{
	static const u8 ept[] = { UC, WC, WT, WB, WP }, pat[] = { UC, UC_MINUS, WC, WT, WB, WP };
	static const u8 want[5][6] = {
		{ UC, UC, WC, UC, UC, UC },
		{ UC, WC, WC, UC, WC, UC },
		{ UC, UC, WC, WT, WT, WP },
		{ UC, UC, WC, WT, WB, WP },
		{ UC, WC, WC, WT, WP, WP },
	};
	u64 old = rdmsr(0x2ff);

	EQ(host_type(PAGE, 1), 1);
	wrmsr(0x2ff, 0x800 | WT);
	for (int p = 0; p < 6; p++) {
		set_pat(pat[p]);
		EQ(host_type(0x1000000, 0x3f657079746d656d), want[2][p]);
	}
	set_pat(WB);
	wrmsr(0x2ff, old);
	test("the query tells the type by MTRRs and PAT, and is a NOP without its number in RAX");

	for (int e = 0; e < 5; e++)
		for (int p = 0; p < 6; p++) {
			with_ept();
			set_type(ept[e] << 3);
			set_pat(pat[p]);
			EQ(guest_type(PAGE), want[e][p]);
			with_ept();
			set_type(ept[e] << 3);
			EQ(guest_type(LARGE + 0x1ff000), want[e][p]);
		}
	set_pat(WB);
	test("EPT's type with PAT, 4 KiB and 2 MiB");

	for (int e = 0; e < 5; e++) {
		with_ept();
		set_type(ept[e] << 3 | IPAT);
		set_pat(UC);
		EQ(guest_type(PAGE), ept[e]);
	}
	set_pat(WB);
	test("EPT's type alone");

	with_ept();
	set_type(WB << 3 | IPAT);
	vmwrite(GUEST_CR0, 0x80000031 | CD);
	EQ(guest_type(PAGE), WB);
	with_ept();
	set_type(WB << 3 | IPAT);
	set_cd(true);
	EQ(guest_type(PAGE), UC);
	set_cd(false);
	test("CR0.CD of the processor, which VM entry doesn't load, makes UC");

	with_ept();
	wr64(WHERE, PAGE);
	EQ(run(g_type, 0), EPT_VIOLATION);
	test("the query exits like a read");
}

static void vmx_on(u64 vmxon)
{
	u64 cr4;

	if (!(rdmsr(0x3a) & 1))
		wrmsr(0x3a, 5);
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" :: "r"(cr4 | 0x2000));
	wr32(vmxon, rdmsr(0x480));
	asm volatile("vmxon %0" :: "m"(vmxon) : "cc", "memory");
}

#ifdef WATCH
/* One processor stays in a guest that has read the page; EPT changes without a flush; the other one reads it, too. */
void run_ap(void)
{
	vmx_on(VMXON_AP);
	while (!rd64(HELD))
		pause_loops(1);
	vmcs = VMCS_AP;
	with_ept();
	set_type(WATCH << 3);
	vmwrite(GUEST_RIP, (u64)g_read);
	vmwrite(GUEST_RSP, STACK_AP);
	vmwrite(GUEST_RFLAGS, 2);
	vmenter(1);
	wr64(RELEASED, 1);
	for (;;)
		pause_loops(1);
}

static void watch(void)
{
	wr32(LAPIC + 0xf0, 0x1ff);
	wr32(LAPIC + 0x310, 1 << 24);
	wr32(LAPIC + 0x300, 0x4500);
	pause_loops(1000);
	wr32(LAPIC + 0x310, 1 << 24);
	wr32(LAPIC + 0x300, 0x4600 | (u32)(u64)ap_start >> 12);
	with_ept();
	set_type(HELD_AS << 3);
	EQ(run(g_hold, 0), VMCALL);
	test("both have read it");
}
#endif

void run_tests(void)
{
	mask_pic();
	make_idt(IDT);
	for (int v = 0; v < 256; v++)
		stubs[v * 8 + 2] = 0xc1;	/* VMCALL */
	vmx_on(VMXON);
	put("TAP version 13\n");
#ifdef COST
	for (int i = 0; i < 200; i++) {
		fresh();
		vmwrite(PROC, vmread(PROC) & ~(1 << 17));	/* no tertiary controls */
		set(PIN, 0x48d, 1 | 1 << 7);
		run(g_work, IF);
	}
	test("work");
#elif defined(WATCH)
	watch();
#else
	test_controls();
	test_entry();
	test_ipi();
	test_idt_vectoring();
	test_x2();
	test_hlt();
	test_types();
#endif
	done();
}
