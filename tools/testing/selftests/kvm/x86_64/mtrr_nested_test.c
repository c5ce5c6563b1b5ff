// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the memory types of what a nested guest, L2, has mapped, with non-coherent
 * DMA: they are those of the MTRRs of L1, and what L2 has mapped is unmapped when
 * these change.  That's done by way of rmaps, with the TDP MMU or without.
 *
 * The type that an access of L2 really has is tested where the CPU tells it, see
 * effective_memory_type().
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm_util.h"
#include "mtrr.h"
#include "noncoherent_dma.h"
#include "processor.h"
#include "test_util.h"
#include "vmx.h"

/* GVA == GPA == GPA of L2 */
#define MEM_SLOT		10
#define MEM_GPA			BIT_ULL(30)
#define NR_PAGES		16

/* L1 maps it as part of 1GiB for L2. */
#define HUGE_SLOT		11
#define HUGE_GPA		BIT_ULL(31)
#define HUGE_SIZE		BIT_ULL(21)

#define SPTE_TYPE(spte)		(((spte) >> 3) & 7)

#define TRACING			"/sys/kernel/tracing/"
#define TRACE_EVENT		TRACING "events/kvmmmu/kvm_mmu_set_spte/enable"

/* Transitions to L2 with CR0.CD=1, changes of MTRRs while L2 runs */
#define NR_TRANSITIONS		8
#define NR_CHANGES		32

enum guest_op {
	OP_L1_TOUCH,
	OP_L2_NOP,
	OP_L2_TOUCH,
	OP_L2_TOUCH_HUGE,
	OP_L2_LOOK,
	OP_L2_WRMSR,
	OP_WRMSR,
	OP_SET_CD,
	OP_CLEAR_CD,
};

static struct guest_cmd {
	enum guest_op op;
	bool l2_cd;
	uint32_t msr;
	uint64_t val;
} cmd;

/* What L2 has seen. */
static int types[NR_PAGES];

static struct noncoherent_dma *dma;
static struct kvm_vcpu *vcpu, *other;
static struct kvm_vm *vm;
static bool failed;

static void guest_touch(void)
{
	int i;

	for (i = 0; i < NR_PAGES; i++)
		WRITE_ONCE(*(uint64_t *)(MEM_GPA + i * 4096ull), i);
}

static void guest_look(void)
{
	int i;

	for (i = 0; i < NR_PAGES; i++)
		types[i] = effective_memory_type(MEM_GPA + i * 4096ull);
}

/* Entered anew each time, i.e. keeps nothing in registers. */
static void l2_guest_code(void)
{
	barrier();
	if (cmd.op == OP_L2_TOUCH)
		guest_touch();
	else if (cmd.op == OP_L2_TOUCH_HUGE)
		WRITE_ONCE(*(uint64_t *)HUGE_GPA, 1);
	else if (cmd.op == OP_L2_LOOK)
		guest_look();
	else if (cmd.op == OP_L2_WRMSR)
		wrmsr(cmd.msr, cmd.val);
	vmcall();
}

static void run_l2(void)
{
	static uint64_t stack[128];
	static bool launched;
	uint64_t cr0 = get_cr0();

	vmwrite(GUEST_RIP, (uint64_t)l2_guest_code);
	vmwrite(GUEST_RSP, (uint64_t)&stack[ARRAY_SIZE(stack) - 1]);
	vmwrite(GUEST_CR0, cmd.l2_cd ? cr0 | X86_CR0_CD : cr0 & ~X86_CR0_CD);
	GUEST_ASSERT(launched ? !vmresume() : !vmlaunch());
	launched = true;
	GUEST_ASSERT(vmreadz(VM_EXIT_REASON) == EXIT_REASON_VMCALL);
}

static void guest_set_cr0(uint64_t cr0)
{
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}

static void l1_guest_code(struct vmx_pages *vmx)
{
	GUEST_ASSERT(prepare_for_vmx_operation(vmx));
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, l2_guest_code, NULL);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL,
		vmreadz(CPU_BASED_VM_EXEC_CONTROL) | CPU_BASED_USE_MSR_BITMAPS);

	for (;;) {
		/* The host has written a new command since the last exit. */
		barrier();
		switch (cmd.op) {
		case OP_L1_TOUCH:
			guest_touch();
			break;
		case OP_L2_NOP:
		case OP_L2_TOUCH:
		case OP_L2_TOUCH_HUGE:
		case OP_L2_LOOK:
		case OP_L2_WRMSR:
			run_l2();
			break;
		case OP_WRMSR:
			wrmsr(cmd.msr, cmd.val);
			break;
		case OP_SET_CD:
			guest_set_cr0(get_cr0() | X86_CR0_CD);
			break;
		case OP_CLEAR_CD:
			guest_set_cr0(get_cr0() & ~X86_CR0_CD);
			break;
		}
		GUEST_SYNC(cmd.op);
	}
}

static void other_guest_code(void)
{
	int i;

	for (i = 0; i < NR_CHANGES; i++) {
		wrmsr(MTRR_DEF_TYPE, TYPE_WB);
		wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
	}
	GUEST_DONE();
}

static void run_guest(enum guest_op op)
{
	cmd.op = op;
	sync_global_to_guest(vm, cmd);
	vcpu_run_op(vcpu, op);
}

static void guest_wrmsr(uint32_t msr, uint64_t val)
{
	cmd.msr = msr;
	cmd.val = val;
	run_guest(OP_WRMSR);
}

static uint64_t count_faults(enum guest_op op)
{
	uint64_t before = vcpu_get_stat(vcpu, "pf_fixed");

	run_guest(op);
	return vcpu_get_stat(vcpu, "pf_fixed") - before;
}

static void write_file(const char *path, const char *text)
{
	int fd = open_path_or_exit(path, O_WRONLY | O_TRUNC);

	test_write(fd, text, strlen(text));
	close(fd);
}

/* Let L2 touch memory, and return how many pages are mapped with this type. */
static int l2_touch_with_type(int type)
{
	const char *format = "gfn %llx spte %llx (%*[^)]) level %d";
	unsigned long long gfn, spte;
	bool right[NR_PAGES] = {};
	char line[512], *event;
	int level, i, nr = 0;
	FILE *f;

	write_file(TRACING "trace", "\n");
	write_file(TRACE_EVENT, "1");
	run_guest(OP_L2_TOUCH);
	write_file(TRACE_EVENT, "0");

	f = fopen(TRACING "trace", "r");
	TEST_ASSERT(f, "Failed to open the trace");
	while (fgets(line, sizeof(line), f)) {
		event = strstr(line, "gfn ");
		if (!event || sscanf(event, format, &gfn, &spte, &level) != 3)
			continue;
		if (gfn >= MEM_GPA >> 12 && gfn < (MEM_GPA >> 12) + NR_PAGES && level == 1)
			right[gfn - (MEM_GPA >> 12)] = SPTE_TYPE(spte) == type;
	}
	fclose(f);

	for (i = 0; i < NR_PAGES; i++)
		nr += right[i];
	return nr;
}

static void test_types(void)
{
	run_guest(OP_L2_TOUCH);
	guest_wrmsr(MTRR_DEF_TYPE, TYPE_WB);
	EXPECT(l2_touch_with_type(TYPE_UC) == NR_PAGES,
	       "not everything is UC with MTRRs disabled");
	guest_wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
	EXPECT(l2_touch_with_type(TYPE_WB) == NR_PAGES,
	       "not everything is WB with MTRRs enabled");
}

static void l2_look(void)
{
	run_guest(OP_L2_LOOK);
	sync_global_from_guest(vm, types);
}

/* KVM ignores the types that L1's EPT has. */
static void test_effective_types(void)
{
	static const int wanted[] = { TYPE_UC, TYPE_WC, TYPE_WT, TYPE_WP, TYPE_WB };
	int i, j;

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		guest_wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | wanted[i]);
		l2_look();
		for (j = 0; j < NR_PAGES; j++)
			EXPECT(types[j] == wanted[i], "page %d has type %d, expected %d",
			       j, types[j], wanted[i]);
	}
}

static void test_dma(void)
{
	run_guest(OP_L2_TOUCH);
	noncoherent_dma_stop(dma);
	EXPECT(l2_touch_with_type(TYPE_WB) == NR_PAGES,
	       "not everything is mapped anew without non-coherent DMA");
	guest_wrmsr(MTRR_DEF_TYPE, TYPE_WB);
	noncoherent_dma_start(dma, vm);
	EXPECT(l2_touch_with_type(TYPE_UC) == NR_PAGES,
	       "not everything is UC with non-coherent DMA");
	guest_wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
}

static void test_same(void)
{
	uint64_t nr;

	run_guest(OP_L2_TOUCH);
	run_guest(OP_SET_CD);
	guest_wrmsr(MTRR_DEF_TYPE, TYPE_WB);
	guest_wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
	run_guest(OP_CLEAR_CD);
	nr = count_faults(OP_L2_TOUCH);
	EXPECT(!nr, "%lu faults although nothing has changed", nr);
}

/* A page with two types isn't mapped as a whole for L2, either. */
static void test_huge(void)
{
	uint64_t mask = GENMASK_ULL(vm->pa_bits - 1, 12) & ~(HUGE_SIZE / 2 - 1);

	noncoherent_dma_stop(dma);
	run_guest(OP_L2_TOUCH_HUGE);
	guest_wrmsr(MTRR_BASE(0), (HUGE_GPA + HUGE_SIZE / 2) | TYPE_UC);
	guest_wrmsr(MTRR_MASK(0), mask | MTRR_MASK_VALID);
	noncoherent_dma_start(dma, vm);
	run_guest(OP_L2_TOUCH_HUGE);
	EXPECT(!vm_get_stat(vm, "pages_2m"), "a huge page that is half UC");

	guest_wrmsr(MTRR_MASK(0), 0);
}

/* To enter L2 with another CR0.CD must not cost L1 its mappings, nor L2. */
static void test_transitions(void)
{
	uint64_t nr;
	int i;

	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_CD_NW_CLEARED);
	cmd.l2_cd = true;
	run_guest(OP_L2_TOUCH);
	run_guest(OP_L1_TOUCH);
	for (i = 0; i < NR_TRANSITIONS; i++)
		run_guest(OP_L2_NOP);
	nr = count_faults(OP_L1_TOUCH);
	EXPECT(!nr, "%lu faults of L1", nr);
	nr = count_faults(OP_L2_TOUCH);
	EXPECT(!nr, "%lu faults of L2", nr);
	cmd.l2_cd = false;
	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, 0);
}

/* L2 writes an MTRR of L1, which lets it: L2's CR0.CD doesn't make that one of L2's. */
static void test_l2_writes(void)
{
	uint64_t nr;
	int cd;

	for (cd = 0; cd <= 1; cd++) {
		run_guest(OP_L1_TOUCH);
		cmd.l2_cd = cd;
		cmd.msr = MTRR_DEF_TYPE;
		cmd.val = TYPE_WB;
		run_guest(OP_L2_WRMSR);
		cmd.l2_cd = false;
		/* The shadow MMU maps up to eight pages in one fault. */
		nr = count_faults(OP_L1_TOUCH);
		EXPECT(nr >= NR_PAGES / 8, "%lu faults of L1 after a write of L2 with CR0.CD=%d",
		       nr, cd);
		guest_wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
	}
}

static void *run_other(void *done)
{
	vcpu_run_to_done(other);
	WRITE_ONCE(*(bool *)done, true);
	return NULL;
}

/* What L2 has mapped goes all the time. */
static void test_runs(void)
{
	uint64_t *mem = addr_gpa2hva(vm, MEM_GPA);
	uint64_t runs = 0, nr;
	bool done = false;
	pthread_t thread;
	int i;

	pthread_create(&thread, NULL, run_other, &done);
	while (!READ_ONCE(done)) {
		memset(mem, 0xff, NR_PAGES * 4096);
		run_guest(OP_L2_TOUCH);
		for (i = 0; i < NR_PAGES; i++)
			EXPECT(mem[i * 512] == i, "L2 has written %#lx to page %d",
			       mem[i * 512], i);
		runs++;
	}
	pthread_join(thread, NULL);
	EXPECT(runs, "L2 hasn't run");

	run_guest(OP_L2_TOUCH);
	nr = count_faults(OP_L2_TOUCH);
	EXPECT(!nr, "%lu faults although nothing changes any more", nr);
}

/* Transparent huge pages are up to the host. */
static bool has_huge_page(void)
{
	bool huge;

	noncoherent_dma_stop(dma);
	run_guest(OP_L2_TOUCH_HUGE);
	huge = vm_get_stat(vm, "pages_2m");
	noncoherent_dma_start(dma, vm);
	return huge;
}

static bool types_can_be_seen(void)
{
	l2_look();
	return types[0] >= 0;
}

static const struct {
	const char *name;
	void (*run)(void);
	bool needs_huge;
	bool needs_types;
} tests[] = {
	{ "types of what L2 has mapped", test_types },
	{ "types of what L2 accesses", test_effective_types, .needs_types = true },
	{ "non-coherent DMA stops and starts", test_dma },
	{ "the same MTRRs again", test_same },
	{ "huge page of L2 with two types", test_huge, .needs_huge = true },
	{ "L2 has another CR0.CD", test_transitions },
	{ "L2 writes an MTRR of L1", test_l2_writes },
	{ "L2 runs while another vCPU changes MTRRs", test_runs },
};

static void run_test(int i)
{
	if (tests[i].needs_huge && !has_huge_page()) {
		ksft_test_result_skip("%s: needs transparent huge pages\n",
				      tests[i].name);
		return;
	}

	if (tests[i].needs_types && !types_can_be_seen()) {
		ksft_test_result_skip("%s: this CPU doesn't tell memory types\n",
				      tests[i].name);
		return;
	}

	failed = false;
	tests[i].run();
	ksft_test_result(!failed, "%s\n", tests[i].name);
}

static void create_vm(void)
{
	vm_vaddr_t vmx_gva;
	struct vmx_pages *vmx;

	vm = vm_create_with_one_vcpu(&vcpu, l1_guest_code);
	vmx = vcpu_alloc_vmx(vm, &vmx_gva);
	vcpu_args_set(vcpu, 1, vmx_gva);
	other = vm_vcpu_add(vm, 1, other_guest_code);

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, MEM_GPA, MEM_SLOT, NR_PAGES, 0);
	virt_map(vm, MEM_GPA, MEM_GPA, NR_PAGES);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS_THP, HUGE_GPA, HUGE_SLOT,
				    HUGE_SIZE / 4096, 0);
	virt_map(vm, HUGE_GPA, HUGE_GPA, HUGE_SIZE / 4096);

	prepare_eptp(vmx, vm, 0);
	nested_map_memslot(vmx, vm, 0);
	nested_map(vmx, vm, MEM_GPA, MEM_GPA, NR_PAGES * 4096);
	nested_identity_map_1g(vmx, vm, HUGE_GPA, BIT_ULL(30));
}

int main(int argc, char *argv[])
{
	int i;

	setbuf(stdout, NULL);

	TEST_REQUIRE(kvm_is_tdp_enabled());
	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_VMX));
	__TEST_REQUIRE(!access(TRACE_EVENT, W_OK), "needs tracefs at " TRACING);

	dma = noncoherent_dma_open();
	create_vm();
	noncoherent_dma_start(dma, vm);

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(tests));

	vcpu_set_msr(other, MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
	guest_wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		run_test(i);

	noncoherent_dma_stop(dma);
	kvm_vm_free(vm);
	noncoherent_dma_close(dma);

	ksft_finished();
}
