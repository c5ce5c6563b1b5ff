// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the memory types that accesses of a guest really have, address by address,
 * against what CPU manuals make of the MTRRs, PAT and CR0.CD that the guest has
 * programmed.  Without non-coherent DMA, everything is WB.
 *
 * No CPU tells the type of an access, i.e. the test runs on an emulated host that
 * does, see effective_memory_type(), and is skipped anywhere else.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kvm_util.h"
#include "mtrr.h"
#include "noncoherent_dma.h"
#include "processor.h"
#include "test_util.h"

/* What fixed MTRRs are about: memory of the VM, mapped once more. */
#define LOW_SIZE		BIT_ULL(20)
#define LOW_GVA			BIT_ULL(36)

/* GVA == GPA */
#define MEM_SLOT		10
#define MEM_GPA			BIT_ULL(30)
#define NR_PAGES		16

#define HUGE_SLOT		11
#define HUGE_GPA		BIT_ULL(31)
#define HUGE_SIZE		BIT_ULL(21)

#define NR_FIXED		11
#define NR_VAR			3
#define NR_VCPUS		2

/* What is used by some vCPUs while another one changes its type. */
#define BUSY_SLOT		12
#define BUSY_GPA		BIT_ULL(30)
#define BUSY_PAGES		512
#define NR_USERS		2
#define NR_CHANGES		16

/* PAT0 is for everything else that is mapped. */
#define PAT_DEFAULT		0x0007040600070406ull
#define PAT_ALL_TYPES		0x0406010500070406ull
#define TYPE_UC_MINUS		7

/* What the guest asks for. */
struct state {
	uint64_t pat;
	uint64_t def_type;
	uint64_t fixed[NR_FIXED];
	uint64_t base[NR_VAR];
	uint64_t mask[NR_VAR];
	bool cd;
};

static const struct {
	uint32_t msr;
	uint32_t start;
	uint32_t size;
} fixed_mtrrs[NR_FIXED] = {
	{ 0x250, 0x00000, 0x10000 },
	{ 0x258, 0x80000, 0x4000 },
	{ 0x259, 0xa0000, 0x4000 },
	{ 0x268, 0xc0000, 0x1000 },
	{ 0x269, 0xc8000, 0x1000 },
	{ 0x26a, 0xd0000, 0x1000 },
	{ 0x26b, 0xd8000, 0x1000 },
	{ 0x26c, 0xe0000, 0x1000 },
	{ 0x26d, 0xe8000, 0x1000 },
	{ 0x26e, 0xf0000, 0x1000 },
	{ 0x26f, 0xf8000, 0x1000 },
};

/* The addresses that are looked at. */
static struct probe {
	uint64_t gva;
	uint64_t gpa;
	int pat;
} probes[256];
static int nr_probes;

enum guest_op {
	OP_PROGRAM,
	OP_LOOK,
};

static enum guest_op op;
static struct state state;
static int types[ARRAY_SIZE(probes)];

static struct noncoherent_dma *dma;
static struct kvm_vcpu *vcpus[NR_VCPUS];
static struct kvm_vm *vm;
static bool dma_runs = true;
static bool quirk = true;
static bool failed;

static void guest_set_cr0(uint64_t cr0)
{
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}

static void guest_flush_tlb(void)
{
	uint64_t cr3;

	asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
}

static void guest_program(void)
{
	int i;

	wrmsr(MTRR_DEF_TYPE, TYPE_WB);
	for (i = 0; i < NR_FIXED; i++)
		wrmsr(fixed_mtrrs[i].msr, state.fixed[i]);
	for (i = 0; i < NR_VAR; i++) {
		wrmsr(MTRR_MASK(i), 0);
		wrmsr(MTRR_BASE(i), state.base[i]);
		wrmsr(MTRR_MASK(i), state.mask[i]);
	}
	wrmsr(MTRR_DEF_TYPE, state.def_type);
	wrmsr(MSR_IA32_CR_PAT, state.pat);
	guest_flush_tlb();
	guest_set_cr0(state.cd ? get_cr0() | X86_CR0_CD : get_cr0() & ~X86_CR0_CD);
}

static void guest_look(void)
{
	int i;

	for (i = 0; i < nr_probes; i++)
		types[i] = effective_memory_type(probes[i].gva);
}

static void guest_code(void)
{
	for (;;) {
		/* The host has written a new command since the last exit. */
		barrier();
		if (op == OP_PROGRAM)
			guest_program();
		else
			guest_look();
		GUEST_SYNC(op);
	}
}

static void run_guest(struct kvm_vcpu *vcpu, enum guest_op what)
{
	op = what;
	sync_global_to_guest(vm, op);
	sync_global_to_guest(vm, state);
	vcpu_run_op(vcpu, op);
}

/* The combination of a MTRR's type, in rows, and of PAT's, in columns. */
static int combine(int mtrr, int pat)
{
	static const int columns[] = {
		TYPE_UC, TYPE_UC_MINUS, TYPE_WC, TYPE_WT, TYPE_WP, TYPE_WB,
	};
	static const struct {
		int mtrr;
		int type[ARRAY_SIZE(columns)];
	} rows[] = {
		{ TYPE_UC, { TYPE_UC, TYPE_UC, TYPE_WC, TYPE_UC, TYPE_UC, TYPE_UC } },
		{ TYPE_WC, { TYPE_UC, TYPE_WC, TYPE_WC, TYPE_UC, TYPE_UC, TYPE_WC } },
		{ TYPE_WT, { TYPE_UC, TYPE_UC, TYPE_WC, TYPE_WT, TYPE_WP, TYPE_WT } },
		{ TYPE_WP, { TYPE_UC, TYPE_WC, TYPE_WC, TYPE_WT, TYPE_WP, TYPE_WP } },
		{ TYPE_WB, { TYPE_UC, TYPE_UC, TYPE_WC, TYPE_WT, TYPE_WP, TYPE_WB } },
	};
	int i, j;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		for (j = 0; j < ARRAY_SIZE(columns); j++)
			if (rows[i].mtrr == mtrr && columns[j] == pat)
				return rows[i].type[j];
	TEST_FAIL("There's no type %d, or %d", mtrr, pat);
	return -1;
}

static int fixed_type(uint64_t gpa)
{
	int i = NR_FIXED - 1;

	while (gpa < fixed_mtrrs[i].start)
		i--;
	return state.fixed[i] >> (gpa - fixed_mtrrs[i].start) / fixed_mtrrs[i].size * 8 & 0xff;
}

/* UC goes before all others, and WT before WB.  Nothing else may overlap. */
static int mtrr_type(uint64_t gpa)
{
	int i, one, type = -1;

	if (!(state.def_type & MTRR_DEF_TYPE_E))
		return TYPE_UC;
	if (state.def_type & MTRR_DEF_TYPE_FE && gpa < LOW_SIZE)
		return fixed_type(gpa);

	for (i = 0; i < NR_VAR; i++) {
		if (!(state.mask[i] & MTRR_MASK_VALID) ||
		    (gpa ^ state.base[i]) & state.mask[i] & ~0xfffull)
			continue;
		one = state.base[i] & 0xff;
		type = type < 0 || one < type ? one : type;
	}
	return type < 0 ? state.def_type & 0xff : type;
}

static int expected_type(const struct probe *probe)
{
	int pat = state.pat >> probe->pat * 8 & 0xff;

	if (!dma_runs)
		return TYPE_WB;
	if (state.cd)
		return quirk ? combine(TYPE_WB, pat) : TYPE_UC;
	return combine(mtrr_type(probe->gpa), pat);
}

/* Each address has the type that the guest has asked for. */
static void look(struct kvm_vcpu *vcpu, const char *func, int line)
{
	int i, expected, nr = 0;

	run_guest(vcpu, OP_LOOK);
	sync_global_from_guest(vm, types);
	for (i = 0; i < nr_probes; i++) {
		expected = expected_type(&probes[i]);
		if (types[i] == expected)
			continue;
		if (!nr++)
			ksft_print_msg("%s:%d: vCPU %d: GPA %#lx, PAT%d: type %d, expected %d\n",
				       func, line, vcpu->id, probes[i].gpa, probes[i].pat,
				       types[i], expected);
	}
	EXPECT(!nr, "%d of %d types are wrong", nr, nr_probes);
}

#define LOOK()	look(vcpus[0], __func__, __LINE__)

static void program(void)
{
	run_guest(vcpus[0], OP_PROGRAM);
}

#define PROGRAM_AND_LOOK()						\
do {									\
	program();							\
	LOOK();								\
} while (0)

static void set_var(int i, uint64_t gpa, uint64_t size, int type)
{
	state.base[i] = gpa | type;
	state.mask[i] = (GENMASK_ULL(vm->pa_bits - 1, 12) & ~(size - 1)) | MTRR_MASK_VALID;
}

static void reset_state(void)
{
	memset(&state, 0, sizeof(state));
	memset(state.fixed, TYPE_WB, sizeof(state.fixed));
	state.pat = PAT_DEFAULT;
	state.def_type = MTRR_DEF_TYPE_E | TYPE_WB;
}

static void set_dma(bool on)
{
	if (on == dma_runs)
		return;
	if (on)
		noncoherent_dma_start(dma, vm);
	else
		noncoherent_dma_stop(dma);
	dma_runs = on;
}

static void set_quirk(bool on)
{
	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, on ? 0 : KVM_X86_QUIRK_CD_NW_CLEARED);
	quirk = on;
}

static const int mtrr_types[] = { TYPE_UC, TYPE_WC, TYPE_WT, TYPE_WP, TYPE_WB };

static void test_default_type(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(mtrr_types); i++) {
		state.def_type = MTRR_DEF_TYPE_E | mtrr_types[i];
		PROGRAM_AND_LOOK();
	}
	state.def_type = TYPE_WB;
	PROGRAM_AND_LOOK();
}

static void test_pat(void)
{
	state.pat = PAT_ALL_TYPES;
	test_default_type();
}

static void set_fixed(int first)
{
	int i;

	for (i = 0; i < NR_FIXED * 8; i++)
		((uint8_t *)state.fixed)[i] = mtrr_types[(first + i) % ARRAY_SIZE(mtrr_types)];
}

static void test_fixed(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(mtrr_types); i++) {
		set_fixed(i);
		state.def_type = MTRR_DEF_TYPE_E | MTRR_DEF_TYPE_FE | mtrr_types[i];
		PROGRAM_AND_LOOK();
	}
	state.def_type = MTRR_DEF_TYPE_E | TYPE_WB;
	PROGRAM_AND_LOOK();
	state.def_type = MTRR_DEF_TYPE_FE | TYPE_WB;
	PROGRAM_AND_LOOK();
}

static void test_var(void)
{
	const uint64_t half = NR_PAGES / 2 * 4096ull;
	int i;

	state.pat = PAT_ALL_TYPES;
	for (i = 0; i < ARRAY_SIZE(mtrr_types); i++) {
		set_var(0, MEM_GPA, half, mtrr_types[i]);
		PROGRAM_AND_LOOK();
	}

	/* Overlaps: UC with WB, WT with WB, a fixed one with a variable one. */
	set_var(0, 0, BIT_ULL(36), TYPE_WB);
	set_var(1, MEM_GPA, half, TYPE_UC);
	set_var(2, MEM_GPA + half, half, TYPE_WT);
	state.def_type = MTRR_DEF_TYPE_E | TYPE_UC;
	PROGRAM_AND_LOOK();
	set_fixed(1);
	state.def_type |= MTRR_DEF_TYPE_FE;
	PROGRAM_AND_LOOK();

	/* One moves, and one after the other goes. */
	set_var(1, HUGE_GPA, HUGE_SIZE, TYPE_UC);
	PROGRAM_AND_LOOK();
	for (i = NR_VAR - 1; i >= 0; i--) {
		state.mask[i] = 0;
		PROGRAM_AND_LOOK();
	}
}

static void test_cd(void)
{
	state.pat = PAT_ALL_TYPES;
	set_var(0, MEM_GPA, NR_PAGES / 2 * 4096ull, TYPE_UC);
	set_var(1, HUGE_GPA, HUGE_SIZE, TYPE_WT);
	PROGRAM_AND_LOOK();
	state.cd = true;
	PROGRAM_AND_LOOK();
	madvise(addr_gpa2hva(vm, MEM_GPA), NR_PAGES * 4096, MADV_DONTNEED);
	LOOK();
	state.cd = false;
	PROGRAM_AND_LOOK();

	/* MTRRs change while CR0.CD is set. */
	state.cd = true;
	program();
	set_var(0, MEM_GPA, NR_PAGES / 2 * 4096ull, TYPE_WP);
	PROGRAM_AND_LOOK();
	state.cd = false;
	PROGRAM_AND_LOOK();
}

static void test_cd_no_quirk(void)
{
	set_quirk(false);
	test_cd();
	set_quirk(true);
}

static void test_no_dma(void)
{
	set_dma(false);
	test_pat();
	reset_state();
	test_cd();
	reset_state();
	test_cd_no_quirk();
	set_dma(true);
}

static void test_dma_toggles(void)
{
	int i;

	state.pat = PAT_ALL_TYPES;
	set_var(0, MEM_GPA, NR_PAGES / 2 * 4096ull, TYPE_UC);
	for (i = 0; i < 4; i++) {
		set_dma(i % 2);
		LOOK();
		state.def_type = MTRR_DEF_TYPE_E | mtrr_types[i];
		program();
	}
	LOOK();
}

/* A page that KVM would map as a whole has two types, and one again. */
static void test_huge(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		state.pat = i ? PAT_ALL_TYPES : PAT_DEFAULT;
		set_var(0, HUGE_GPA, HUGE_SIZE / 2, TYPE_UC);
		set_dma(false);
		PROGRAM_AND_LOOK();
		set_dma(true);
		LOOK();
		set_var(0, HUGE_GPA + HUGE_SIZE / 2, HUGE_SIZE / 2, TYPE_WC);
		PROGRAM_AND_LOOK();
		state.mask[0] = 0;
		PROGRAM_AND_LOOK();
	}
}

/* All program the same, and all see it, who has mapped the memory notwithstanding. */
static void test_vcpus(void)
{
	int i, j, round;

	state.pat = PAT_ALL_TYPES;
	for (round = 0; round < ARRAY_SIZE(mtrr_types); round++) {
		set_var(0, MEM_GPA, NR_PAGES * 4096ull, mtrr_types[round]);
		set_var(1, HUGE_GPA, HUGE_SIZE, mtrr_types[round]);
		state.cd = true;
		for (i = 0; i < NR_VCPUS; i++)
			run_guest(vcpus[i], OP_PROGRAM);
		state.cd = false;
		for (i = 0; i < NR_VCPUS; i++)
			run_guest(vcpus[(round + i) % NR_VCPUS], OP_PROGRAM);
		for (j = 0; j < NR_VCPUS; j++)
			look(vcpus[(round / 2 + j) % NR_VCPUS], __func__, __LINE__);
	}
}

/* Those that use memory believe that it's WC, another one can't make up its mind. */
static struct {
	bool stop;
	uint64_t mask;
	int wrong_type;
	int laps[NR_USERS];
} busy;

static void busy_program(int type)
{
	wrmsr(MTRR_BASE(0), BUSY_GPA | type);
	wrmsr(MTRR_MASK(0), busy.mask);
	wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
}

/* The second one has to find its way by the page tables all the time. */
static void user_code(int nr)
{
	int i, type;

	busy_program(TYPE_WC);
	while (!READ_ONCE(busy.stop)) {
		for (i = 0; i < BUSY_PAGES; i++) {
			type = effective_memory_type(BUSY_GPA + i * 4096ull);
			if (type != TYPE_WC && type != TYPE_WB)
				busy.wrong_type = type;
		}
		if (nr)
			guest_flush_tlb();
		WRITE_ONCE(busy.laps[nr], busy.laps[nr] + 1);
	}
	GUEST_DONE();
}

static void changer_code(void)
{
	int i, j, laps[NR_USERS];

	for (i = 0; i < NR_CHANGES; i++) {
		/* All of it is mapped, and is in the TLB of the first one. */
		for (j = 0; j < NR_USERS; j++)
			laps[j] = READ_ONCE(busy.laps[j]);
		for (j = 0; j < NR_USERS; j++)
			while (READ_ONCE(busy.laps[j]) < laps[j] + 2)
				asm volatile("pause");
		busy_program(i % 2 ? TYPE_WC : TYPE_WB);
	}
	WRITE_ONCE(busy.stop, true);
	GUEST_DONE();
}

/*
 * No page is WC for one vCPU while it's WB for another.  That's up to the emulated
 * host to see, which stops if it is; there have to be as many CPUs as vCPUs.
 */
static void test_busy(void)
{
	struct kvm_vcpu *user[NR_USERS], *changer;
	pthread_t threads[NR_USERS + 1];
	struct kvm_vm *v;
	int i;

	v = vm_create_with_vcpus(NR_USERS, user_code, user);
	changer = vm_vcpu_add(v, NR_USERS, changer_code);
	vm_userspace_mem_region_add(v, VM_MEM_SRC_ANONYMOUS, BUSY_GPA, BUSY_SLOT,
				    BUSY_PAGES, 0);
	virt_map(v, BUSY_GPA, BUSY_GPA, BUSY_PAGES);
	memset(addr_gpa2hva(v, BUSY_GPA), 0xff, BUSY_PAGES * 4096);
	busy.mask = (GENMASK_ULL(v->pa_bits - 1, 12) & ~(BUSY_PAGES * 4096ull - 1)) |
		    MTRR_MASK_VALID;
	sync_global_to_guest(v, busy);
	for (i = 0; i < NR_USERS; i++)
		vcpu_args_set(user[i], 1, i);

	noncoherent_dma_stop(dma);
	noncoherent_dma_start(dma, v);
	for (i = 0; i < NR_USERS; i++)
		pthread_create(&threads[i], NULL, vcpu_run_to_done, user[i]);
	pthread_create(&threads[i], NULL, vcpu_run_to_done, changer);
	for (i = 0; i <= NR_USERS; i++)
		pthread_join(threads[i], NULL);
	noncoherent_dma_stop(dma);
	noncoherent_dma_start(dma, vm);

	sync_global_from_guest(v, busy);
	EXPECT(!busy.wrong_type, "type %d", busy.wrong_type);
	kvm_vm_free(v);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "default type, MTRRs disabled", test_default_type },
	{ "PAT", test_pat },
	{ "fixed MTRRs", test_fixed },
	{ "variable MTRRs", test_var },
	{ "CR0.CD with the quirk", test_cd },
	{ "CR0.CD without the quirk", test_cd_no_quirk },
	{ "no non-coherent DMA", test_no_dma },
	{ "non-coherent DMA stops and starts", test_dma_toggles },
	{ "huge page with two types", test_huge },
	{ "two vCPUs", test_vcpus },
	{ "types change while memory is used", test_busy },
};

static void add_probe(uint64_t gva, uint64_t gpa, int pat)
{
	const uint64_t pat_bits = (pat & 1) << 3 | (pat & 2) << 3 | (pat & 4) << 5;
	uint64_t pte = vm_get_page_table_entry(vm, vcpus[0], gva);
	uint64_t *hva = addr_gpa2hva(vm, gpa);

	vm_set_page_table_entry(vm, vcpus[0], gva, pte | pat_bits);
	/* No page is the host's zero page, which may be mapped elsewhere, too. */
	WRITE_ONCE(*hva, READ_ONCE(*hva));
	probes[nr_probes++] = (struct probe) { gva, gpa, pat };
}

static void create_vm(void)
{
	uint64_t gpa;
	int i;

	vm = vm_create_with_vcpus(NR_VCPUS, guest_code, vcpus);
	virt_map(vm, LOW_GVA, 0, LOW_SIZE / 4096);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, MEM_GPA, MEM_SLOT, NR_PAGES, 0);
	virt_map(vm, MEM_GPA, MEM_GPA, NR_PAGES);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS_THP, HUGE_GPA, HUGE_SLOT,
				    HUGE_SIZE / 4096, 0);
	virt_map(vm, HUGE_GPA, HUGE_GPA, HUGE_SIZE / 4096);

	for (i = 0; i < NR_FIXED * 8; i++) {
		gpa = fixed_mtrrs[i / 8].start + i % 8 * fixed_mtrrs[i / 8].size;
		add_probe(LOW_GVA + gpa, gpa, 0);
	}
	for (i = 0; i < NR_PAGES; i++)
		add_probe(MEM_GPA + i * 4096ull, MEM_GPA + i * 4096ull, i % 8);
	for (i = 0; i < 32; i++) {
		gpa = HUGE_GPA + i * HUGE_SIZE / 32;
		add_probe(gpa, gpa, i % 8);
	}
	sync_global_to_guest(vm, probes);
	sync_global_to_guest(vm, nr_probes);
}

static bool types_can_be_seen(void)
{
	reset_state();
	run_guest(vcpus[0], OP_LOOK);
	sync_global_from_guest(vm, types);
	return types[0] >= 0;
}

int main(int argc, char *argv[])
{
	int i;

	setbuf(stdout, NULL);

	TEST_REQUIRE(kvm_is_tdp_enabled());
	__TEST_REQUIRE(is_intel_cpu(), "there are no memory types without EPT");
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_DISABLE_QUIRKS2) &
		     KVM_X86_QUIRK_CD_NW_CLEARED);

	dma = noncoherent_dma_open();
	create_vm();
	__TEST_REQUIRE(types_can_be_seen(), "this CPU doesn't tell memory types");
	noncoherent_dma_start(dma, vm);

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(tests));

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		failed = false;
		reset_state();
		tests[i].run();
		ksft_test_result(!failed, "%s\n", tests[i].name);
	}

	noncoherent_dma_stop(dma);
	kvm_vm_free(vm);
	noncoherent_dma_close(dma);

	ksft_finished();
}
