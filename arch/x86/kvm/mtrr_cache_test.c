// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of the cache of installed memory types: what has to be zapped
 * when a vCPU has programmed its MTRRs, against a model that knows the type of
 * every page that is mapped.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#include <asm/mtrr.h>

#include "mtrr_cache.h"
#include "mtrr_range.h"
#include "x86.h"

#define UC	MTRR_TYPE_UNCACHABLE
#define WC	MTRR_TYPE_WRCOMB
#define WT	MTRR_TYPE_WRTHROUGH
#define WP	MTRR_TYPE_WRPROT
#define WB	MTRR_TYPE_WRBACK

#define MTRR_E		BIT_ULL(11)
#define MTRR_FE		BIT_ULL(10)
#define MAXPHYADDR	46

#define NR_VCPUS	3
#define NR_PAGES	64
#define NR_CASES	2000

struct fake_vm {
	struct kvm_mtrr_cache cache;
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_mtrr_gfns zaps[KVM_MTRR_ZAP_RANGES];
	int nr_zaps;
	struct rnd_state rnd;

	/* The type of each page, if it's mapped, as a bit. */
	gfn_t gfns[NR_PAGES];
	u8 types[NR_PAGES];
};

static u32 random(struct fake_vm *vm, u32 ceil)
{
	return prandom_u32_state(&vm->rnd) % ceil;
}

static struct kvm_vcpu *new_vcpu(struct kunit *test, struct kvm *kvm)
{
	struct kvm_vcpu *vcpu = kunit_kzalloc(test, sizeof(*vcpu), GFP_KERNEL);
	struct kvm_cpuid_entry2 *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vcpu);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, e);
	e->function = 1;
	e->edx = BIT(X86_FEATURE_MTRR & 31);
	vcpu->arch.cpuid_entries = e;
	vcpu->arch.cpuid_nent = 1;
	vcpu->arch.maxphyaddr = MAXPHYADDR;
	vcpu->kvm = kvm;
	kvm_vcpu_mtrr_init(vcpu);
	return vcpu;
}

static struct fake_vm *new_vm(struct kunit *test)
{
	struct fake_vm *vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);
	struct kvm *kvm = kunit_kzalloc(test, sizeof(*kvm), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vm);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kvm);
	kvm_mtrr_cache_init(&vm->cache);
	prandom_seed_state(&vm->rnd, 1);
	for (i = 0; i < NR_VCPUS; i++)
		vm->vcpus[i] = new_vcpu(test, kvm);
	return vm;
}

static void set_msr(struct kunit *test, struct kvm_vcpu *vcpu, u32 msr, u64 data)
{
	KUNIT_ASSERT_EQ(test, kvm_mtrr_set_msr(vcpu, msr, data), 0);
}

static void set_var(struct kunit *test, struct kvm_vcpu *vcpu, int n, u64 base,
		    u64 size, u8 type)
{
	u64 mask = GENMASK_ULL(MAXPHYADDR - 1, 12) & ~(size - 1);

	set_msr(test, vcpu, 0x200 + 2 * n, base | type);
	set_msr(test, vcpu, 0x201 + 2 * n, mask | VAR_MTRR_MASK_VALID);
}

static u8 type_of(struct kvm_vcpu *vcpu, gfn_t gfn)
{
	return BIT(kvm_mtrr_get_guest_memory_type(vcpu, gfn));
}

static void map_page(struct fake_vm *vm, struct kvm_vcpu *vcpu, int page)
{
	gfn_t gfn = vm->gfns[page];

	if (vm->types[page])
		return;

	vm->types[page] = type_of(vcpu, gfn);
	kvm_mtrr_cache_add(&vm->cache, (struct kvm_mtrr_gfns) { gfn, gfn + 1 },
			   vm->types[page]);
}

/* What a vCPU does that is about to compare, maybe before another one zaps. */
static struct kvm_mtrr_map split(struct fake_vm *vm, struct kvm_vcpu *vcpu)
{
	struct kvm_mtrr_map map;

	kvm_mtrr_get_map(vcpu, &map);
	if (!kvm_mtrr_cache_is_split(&vm->cache, &map))
		kvm_mtrr_cache_split(&vm->cache, &map);
	return map;
}

/* Get the ranges to zap for a vCPU. */
static void diff(struct fake_vm *vm, struct kvm_vcpu *vcpu)
{
	struct kvm_mtrr_map map = split(vm, vcpu);

	vm->nr_zaps = kvm_mtrr_cache_diff(&vm->cache, &map, vm->zaps);
}

/* Unmap a page, or make it WB if it's mapped. */
static void zap_page(struct fake_vm *vm, int page, bool becomes_wb)
{
	if (!becomes_wb)
		vm->types[page] = 0;
	else if (vm->types[page])
		vm->types[page] = BIT(WB);
}

static void zap(struct fake_vm *vm)
{
	struct kvm_mtrr_gfns *r;
	int page;

	for (r = vm->zaps; r < vm->zaps + vm->nr_zaps; r++) {
		if (r->becomes_wb)
			kvm_mtrr_cache_rewrite(&vm->cache, r, BIT(WB));
		else
			kvm_mtrr_cache_forget(&vm->cache, r);
		for (page = 0; page < NR_PAGES; page++)
			if (vm->gfns[page] >= r->start && vm->gfns[page] < r->end)
				zap_page(vm, page, r->becomes_wb);
	}
}

/* Memory that isn't mapped yet becomes WB, too, if it's mapped before a zap. */
static void expect_all_becomes_wb(struct kunit *test, struct fake_vm *vm,
				  struct kvm_vcpu *vcpu, int nr)
{
	struct kvm_mtrr_gfns *r;
	int page;

	for (r = vm->zaps; r < vm->zaps + vm->nr_zaps; r++)
		for (page = 0; r->becomes_wb && page < NR_PAGES; page++)
			if (vm->gfns[page] >= r->start && vm->gfns[page] < r->end &&
			    type_of(vcpu, vm->gfns[page]) != BIT(WB))
				KUNIT_FAIL(test, "case %d: gfn %#llx becomes WB", nr,
					   vm->gfns[page]);
}

static void expect_zap(struct kunit *test, struct fake_vm *vm, int i,
		       u64 start, u64 end)
{
	KUNIT_ASSERT_LT(test, i, vm->nr_zaps);
	KUNIT_EXPECT_EQ(test, vm->zaps[i].start, start >> PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, vm->zaps[i].end, end >> PAGE_SHIFT);
}

static void map_at(struct fake_vm *vm, struct kvm_vcpu *vcpu, u64 gpa)
{
	vm->gfns[0] = gpa >> PAGE_SHIFT;
	vm->types[0] = 0;
	map_page(vm, vcpu, 0);
}

/* What OVMF programs, and Linux after it. */
static void program_ovmf(struct kunit *test, struct kvm_vcpu *vcpu)
{
	int i;

	set_msr(test, vcpu, MSR_MTRRfix64K_00000, 0x0101010101010101ULL * WB);
	set_msr(test, vcpu, MSR_MTRRfix16K_80000, 0x0101010101010101ULL * WB);
	for (i = 0; i < 8; i++)
		set_msr(test, vcpu, MSR_MTRRfix4K_C0000 + i, 0);
	set_var(test, vcpu, 0, SZ_2G, SZ_2G, UC);
	set_var(test, vcpu, 1, 32ULL * SZ_1G, 32ULL * SZ_1G, UC);
	set_msr(test, vcpu, MSR_MTRRdefType, MTRR_E | MTRR_FE | WB);
}

/* The quirk has mapped everything WB: only what becomes UC is zapped. */
static void mtrr_cache_ovmf(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test);
	struct kvm_mtrr_gfns all = { 0, BIT_ULL(MAXPHYADDR - PAGE_SHIFT) };

	program_ovmf(test, vm->vcpus[0]);
	kvm_mtrr_cache_add(&vm->cache, all, BIT(WB));
	diff(vm, vm->vcpus[0]);

	KUNIT_EXPECT_EQ(test, vm->nr_zaps, 3);
	expect_zap(test, vm, 0, 0xa0000, SZ_1M);
	expect_zap(test, vm, 1, SZ_2G, 4ULL * SZ_1G);
	expect_zap(test, vm, 2, 32ULL * SZ_1G, 64ULL * SZ_1G);
}

/* AP bring-up, kexec, hot-plug: who programs the same zaps nothing. */
static void mtrr_cache_same(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test);
	u64 gpas[] = { 0x1000, 0xa0000, 0xc1000, SZ_2M, SZ_1G, 3ULL * SZ_1G, 33ULL * SZ_1G };
	int i;

	program_ovmf(test, vm->vcpus[0]);
	diff(vm, vm->vcpus[0]);
	KUNIT_EXPECT_EQ(test, vm->nr_zaps, 0);
	for (i = 0; i < ARRAY_SIZE(gpas); i++)
		map_at(vm, vm->vcpus[0], gpas[i]);

	program_ovmf(test, vm->vcpus[1]);
	diff(vm, vm->vcpus[1]);
	KUNIT_EXPECT_EQ(test, vm->nr_zaps, 0);
	diff(vm, vm->vcpus[0]);
	KUNIT_EXPECT_EQ(test, vm->nr_zaps, 0);
}

/* What is mapped right stays, right up to what isn't. */
static void mtrr_cache_exact(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test);
	struct kvm_vcpu *vcpu = vm->vcpus[0];

	set_msr(test, vcpu, MSR_MTRRdefType, MTRR_E | WB);
	set_var(test, vcpu, 0, SZ_1G + SZ_4K, SZ_4K, WT);
	diff(vm, vcpu);
	map_at(vm, vcpu, SZ_1G);
	map_at(vm, vcpu, SZ_1G + SZ_4K);
	map_at(vm, vcpu, SZ_1G + SZ_8K);

	set_var(test, vcpu, 0, SZ_1G + SZ_4K, SZ_4K, UC);
	diff(vm, vcpu);
	KUNIT_EXPECT_EQ(test, vm->nr_zaps, 1);
	expect_zap(test, vm, 0, SZ_1G + SZ_4K, SZ_1G + SZ_8K);
}

/* Only what is WB is rewritten, even if nothing is mapped in between. */
static void mtrr_cache_becomes_wb(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test);
	struct kvm_vcpu *vcpu = vm->vcpus[0];

	program_ovmf(test, vcpu);
	set_var(test, vcpu, 2, 5ULL * SZ_1G, SZ_1G, WT);
	split(vm, vcpu);
	set_msr(test, vcpu, MSR_MTRRdefType, 0);
	map_at(vm, vcpu, SZ_64K);
	map_at(vm, vcpu, 0xa0000);
	map_at(vm, vcpu, SZ_1M);
	map_at(vm, vcpu, 5ULL * SZ_1G);
	set_msr(test, vcpu, MSR_MTRRdefType, MTRR_E | MTRR_FE | WB);
	diff(vm, vcpu);

	/* The VGA hole is UC before and after. */
	KUNIT_EXPECT_EQ(test, vm->nr_zaps, 3);
	expect_zap(test, vm, 0, SZ_64K, SZ_128K);
	expect_zap(test, vm, 1, SZ_1M, SZ_16M);
	expect_zap(test, vm, 2, 5ULL * SZ_1G, 6ULL * SZ_1G);
	KUNIT_EXPECT_TRUE(test, vm->zaps[0].becomes_wb);
	KUNIT_EXPECT_TRUE(test, vm->zaps[1].becomes_wb);
	KUNIT_EXPECT_FALSE(test, vm->zaps[2].becomes_wb);
	zap(vm);
	diff(vm, vcpu);
	KUNIT_EXPECT_EQ(test, vm->nr_zaps, 0);
}

/* A huge page has its type in all ranges that it spans. */
static void mtrr_cache_huge(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test);
	struct kvm_vcpu *vcpu = vm->vcpus[0];
	gfn_t gfn = SZ_1G >> PAGE_SHIFT;

	set_msr(test, vcpu, MSR_MTRRdefType, MTRR_E | WB);
	set_var(test, vcpu, 0, SZ_1G + SZ_256M, SZ_1M, UC);
	diff(vm, vcpu);
	kvm_mtrr_cache_add(&vm->cache, (struct kvm_mtrr_gfns) { gfn, 2 * gfn }, BIT(WB));

	diff(vm, vcpu);
	KUNIT_EXPECT_EQ(test, vm->nr_zaps, 1);
	expect_zap(test, vm, 0, SZ_1G + SZ_256M, SZ_1G + SZ_256M + SZ_1M);
}

/*
 * Bases and sizes of random MTRRs, which are small in order to have them
 * overlap, and pages, which are near to where MTRRs start and end.
 */
static u64 random_gpa(struct fake_vm *vm)
{
	static const u64 windows[] = {
		0, SZ_512K, 0xa0000, 0xc0000, SZ_1M, SZ_16M, 3ULL * SZ_1G,
		BIT_ULL(32), 32ULL * SZ_1G, BIT_ULL(MAXPHYADDR - 1),
	};

	return windows[random(vm, ARRAY_SIZE(windows))] +
	       random(vm, 32) * (random(vm, 2) ? SZ_4K : SZ_16K);
}

static u8 random_type(struct fake_vm *vm)
{
	static const u8 types[] = { UC, WC, WT, WP, WB };

	return types[random(vm, ARRAY_SIZE(types))];
}

static void random_program(struct kunit *test, struct fake_vm *vm,
			   struct kvm_vcpu *vcpu)
{
	int nr = 1 + random(vm, 4), i, n;
	u64 size;

	for (i = 0; i < nr; i++) {
		n = random(vm, KVM_NR_VAR_MTRR);
		size = SZ_4K << random(vm, 16);
		set_var(test, vcpu, n, random_gpa(vm) & ~(size - 1), size, random_type(vm));
		if (!random(vm, 3))
			set_msr(test, vcpu, 0x201 + 2 * n, 0);
	}
	set_msr(test, vcpu, MSR_MTRRfix64K_00000, 0x0101010101010101ULL * random_type(vm));
	set_msr(test, vcpu, MSR_MTRRfix16K_A0000, random_type(vm));
	set_msr(test, vcpu, MSR_MTRRfix4K_C0000 + random(vm, 8),
		(u64)random_type(vm) << 8 * random(vm, 8));
	set_msr(test, vcpu, MSR_MTRRdefType, random_type(vm) |
		(random(vm, 8) ? MTRR_E : 0) | (random(vm, 3) ? MTRR_FE : 0));
}

/* Nothing that is left is of another type than this vCPU would install. */
static void expect_right_types(struct kunit *test, struct fake_vm *vm,
			       struct kvm_vcpu *vcpu, int nr)
{
	int i;

	for (i = 0; i < NR_PAGES; i++) {
		if (!vm->types[i] || vm->types[i] == type_of(vcpu, vm->gfns[i]))
			continue;
		KUNIT_FAIL(test, "case %d: gfn %#llx has type %#x, not %#x", nr, vm->gfns[i],
			   vm->types[i], type_of(vcpu, vm->gfns[i]));
	}
}

/*
 * Nothing differs once the vCPU has had its way, even if it then maps whatever
 * it likes, but for what fixed MTRRs can't tell apart.
 */
static void expect_settled(struct kunit *test, struct fake_vm *vm,
			   struct kvm_vcpu *vcpu, int nr)
{
	int i;

	for (i = 0; i < NR_PAGES; i += 2)
		map_page(vm, vcpu, i);

	diff(vm, vcpu);
	for (i = 0; i < vm->nr_zaps; i++)
		if (vm->zaps[i].end > KVM_MTRR_FIXED_END)
			KUNIT_FAIL(test, "case %d: [%#llx, %#llx) is zapped in vain", nr,
				   vm->zaps[i].start, vm->zaps[i].end);
	zap(vm);
}

static void mtrr_cache_random(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test);
	struct kvm_vcpu *vcpu;
	int i, nr;

	for (nr = 0; nr < NR_CASES; nr++) {
		for (i = 0; i < NR_PAGES / 8; i++) {
			int page = random(vm, NR_PAGES);

			if (!vm->types[page])
				vm->gfns[page] = random_gpa(vm) >> PAGE_SHIFT;
			map_page(vm, vm->vcpus[random(vm, NR_VCPUS)], page);
		}

		vcpu = vm->vcpus[random(vm, NR_VCPUS)];
		random_program(test, vm, vcpu);
		diff(vm, vcpu);
		expect_all_becomes_wb(test, vm, vcpu, nr);
		/* Another vCPU comes first, and may merge what is to be zapped. */
		if (nr % 4)
			split(vm, vm->vcpus[random(vm, NR_VCPUS)]);
		zap(vm);
		expect_right_types(test, vm, vcpu, nr);
		KUNIT_ASSERT_LE(test, vm->cache.nr, KVM_MTRR_CACHE_RANGES);
		if (nr % 4 == 0)
			expect_settled(test, vm, vcpu, nr);
	}
	/* It did get full. */
	KUNIT_EXPECT_EQ(test, vm->cache.nr, KVM_MTRR_CACHE_RANGES);
}

static void mtrr_cache_size(struct kunit *test)
{
	/* Locks are larger if they're debugged. */
	if (IS_ENABLED(CONFIG_DEBUG_SPINLOCK) || IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))
		kunit_skip(test, "locks are debugged");

	KUNIT_EXPECT_LE(test, sizeof(struct kvm_mtrr_cache) +
			      sizeof(struct kvm_mtrr_zap_list), 1024);
}

static struct kunit_case mtrr_cache_cases[] = {
	KUNIT_CASE(mtrr_cache_ovmf),
	KUNIT_CASE(mtrr_cache_same),
	KUNIT_CASE(mtrr_cache_exact),
	KUNIT_CASE(mtrr_cache_becomes_wb),
	KUNIT_CASE(mtrr_cache_huge),
	KUNIT_CASE(mtrr_cache_random),
	KUNIT_CASE(mtrr_cache_size),
	{}
};

static struct kunit_suite mtrr_cache_suite = {
	.name = "kvm_mtrr_cache",
	.test_cases = mtrr_cache_cases,
};

kunit_test_suite(mtrr_cache_suite);
