// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of MTRRs: the range of a variable MTRR, the cache of memory types,
 * and what has to be zapped, against a model that knows the type of each page.
 * Included by mtrr.c.  vCPUs and VMs are made up, i.e. not known to KVM.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#define GFN(_gpa)	((gfn_t)((_gpa) >> PAGE_SHIFT))
#define GIB(_n)		((_n) * (u64)SZ_1G)
#define UC		BIT(MTRR_TYPE_UNCACHABLE)
#define WB		BIT(MTRR_TYPE_WRBACK)

/* What KVM stores for a mask: bits that are illegal in a GPA are set. */
#define MASK(_size)	(~((_size) - 1ULL) | BIT(11))

struct range_case {
	const char *name;
	u64 base, mask;
	gfn_t start, end;
};

static const struct range_case ranges[] = {
	{ "first page", 6, MASK(SZ_4K), 0, 1 },
	{ "type isn't part of the address", SZ_2M | 6, MASK(SZ_2M), GFN(SZ_2M), GFN(SZ_4M) },
	{ "1GiB up to 4GiB", GIB(3), MASK(SZ_1G), GFN(GIB(3)), GFN(GIB(4)) },
	{ "8GiB at 8GiB", GIB(8), MASK(GIB(8)), GFN(GIB(8)), GFN(GIB(16)) },
	{ "52 bits, all", 0, MASK(BIT_ULL(52)), 0, GFN(BIT_ULL(52)) },
	{ "52 bits, last page", BIT_ULL(52) - SZ_4K, MASK(SZ_4K), BIT_ULL(40) - 1, BIT_ULL(40) },
	{ "mask never written", GIB(3), 0, 0, BIT_ULL(52) },
	{ "base above the start", GIB(1) + SZ_2M - SZ_4K, MASK(SZ_2M),
	  GFN(GIB(1)), GFN(GIB(1) + SZ_2M) },
	{ "hole, base in the last part", GIB(1) + SZ_4M, MASK(SZ_2M) & ~(u64)SZ_4M,
	  GFN(GIB(1)), GFN(GIB(1) + SZ_4M + SZ_2M) },
};

static void range_case_desc(const struct range_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ranges, ranges, range_case_desc);

static void mtrr_range(struct kunit *test)
{
	const struct range_case *c = test->param_value;
	struct kvm_mtrr_range range = { .base = c->base, .mask = c->mask };
	gfn_t start, end;

	var_mtrr_gfn_range(&range, &start, &end);
	KUNIT_EXPECT_EQ(test, c->start, start);
	KUNIT_EXPECT_EQ(test, c->end, end);
}

/* The range begins with the first page that matches, and ends after the last. */
static void mtrr_range_all(struct kunit *test)
{
	const int nr_bits = 6, nr = 1 << nr_bits;
	struct kvm_mtrr_range range;
	gfn_t start, end, gfn, last;
	u64 base, mask;

	for (base = 0; base < nr; base++) {
		for (mask = 0; mask < nr; mask++) {
			range.base = base << PAGE_SHIFT;
			range.mask = mask << PAGE_SHIFT | GENMASK_ULL(63, PAGE_SHIFT + nr_bits);
			var_mtrr_gfn_range(&range, &start, &end);

			for (gfn = 0; (gfn & mask) != (base & mask);)
				gfn++;
			KUNIT_ASSERT_EQ(test, gfn, start);

			for (last = gfn; gfn < nr; gfn++)
				if ((gfn & mask) == (base & mask))
					last = gfn;
			KUNIT_ASSERT_EQ(test, last + 1, end);
		}
	}
}

static struct kvm_mtrr_cache *new_cache(struct kunit *test)
{
	struct kvm_mtrr_cache *cache = kunit_kzalloc(test, sizeof(*cache), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cache);
	return cache;
}

/* The slot of a GFN, by way of the only one whose types change. */
static int slot_of_gfn(struct kunit *test, gfn_t gfn)
{
	struct kvm_mtrr_cache *cache = new_cache(test);
	int slot = -1, i;

	kvm_mtrr_cache_add(cache, gfn, gfn + 1, WB);
	for (i = 0; i < KVM_MTRR_SLOTS; i++) {
		if (!cache->types[i])
			continue;
		KUNIT_EXPECT_EQ(test, slot, -1);
		slot = i;
	}
	return slot;
}

static void mtrr_slots(struct kunit *test)
{
	static const u64 gpas[] = {
		0, SZ_512K, 0xa0000, 0xc0000, SZ_1M, SZ_2M, SZ_1G, 0xb0000000, 0xc0000000,
		0xe0000000, BIT_ULL(32), GIB(5), GIB(32), GIB(36),
	};
	int slot, i;

	for (slot = 0; slot < KVM_MTRR_SLOTS; slot++) {
		KUNIT_ASSERT_LT(test, kvm_mtrr_slot_start(slot), kvm_mtrr_slot_start(slot + 1));
		KUNIT_ASSERT_EQ(test, slot, slot_of_gfn(test, kvm_mtrr_slot_start(slot)));
		KUNIT_ASSERT_EQ(test, slot, slot_of_gfn(test, kvm_mtrr_slot_start(slot + 1) - 1));
	}
	KUNIT_EXPECT_EQ(test, kvm_mtrr_slot_start(KVM_MTRR_SLOTS), GFN(BIT_ULL(52)));

	for (i = 0; i < ARRAY_SIZE(gpas); i++) {
		slot = slot_of_gfn(test, GFN(gpas[i]));
		KUNIT_EXPECT_EQ(test, kvm_mtrr_slot_start(slot), GFN(gpas[i]));
	}
}

static void mtrr_cache_add_take(struct kunit *test)
{
	struct kvm_mtrr_cache *cache = new_cache(test);
	struct kvm_mtrr_batch batch = {};

	/* A huge page that spans slots has its type in all of them. */
	kvm_mtrr_cache_add(cache, GFN(SZ_2M), GFN(SZ_4M), WB);
	kvm_mtrr_cache_take(cache, slot_of_gfn(test, GFN(SZ_4M) - 1), WB, &batch);
	KUNIT_EXPECT_EQ(test, 0, batch.nr);
	kvm_mtrr_cache_take(cache, slot_of_gfn(test, GFN(SZ_4M)), UC, &batch);
	KUNIT_EXPECT_EQ(test, 0, batch.nr);

	/* Types add up, and one that's wrong or unknown is enough. */
	kvm_mtrr_cache_add(cache, GFN(SZ_2M), GFN(SZ_2M) + 1, UC);
	kvm_mtrr_cache_take(cache, slot_of_gfn(test, GFN(SZ_2M)), WB, &batch);
	KUNIT_EXPECT_EQ(test, 1, batch.nr);
	kvm_mtrr_cache_take(cache, slot_of_gfn(test, GFN(SZ_4M) - 1), 0, &batch);
	KUNIT_EXPECT_EQ(test, 1, batch.nr);
	KUNIT_EXPECT_EQ(test, GFN(SZ_2M), batch.ranges[0].start);
	KUNIT_EXPECT_EQ(test, GFN(SZ_4M), batch.ranges[0].end);

	/* What has been taken is forgotten, the rest is not. */
	KUNIT_EXPECT_EQ(test, 0, cache->types[slot_of_gfn(test, GFN(SZ_2M))]);
	KUNIT_EXPECT_EQ(test, WB, cache->types[slot_of_gfn(test, GFN(SZ_2M + SZ_1M))]);
}

/* All slots with either WB, UC or nothing: ranges of UC end where there's WB. */
static void take_uc(struct kvm_mtrr_cache *cache, struct kvm_mtrr_batch *batch)
{
	int slot;

	*batch = (struct kvm_mtrr_batch) {};
	for (slot = 0; slot < KVM_MTRR_SLOTS; slot++)
		kvm_mtrr_cache_take(cache, slot, WB, batch);
}

static void mtrr_batch_merge(struct kunit *test)
{
	struct kvm_mtrr_cache *cache = new_cache(test);
	struct kvm_mtrr_batch batch;

	cache->types[10] = UC;
	cache->types[11] = UC | WB;
	cache->types[13] = UC;
	cache->types[20] = WB;
	cache->types[30] = UC;
	take_uc(cache, &batch);

	KUNIT_ASSERT_EQ(test, 2, batch.nr);
	KUNIT_EXPECT_EQ(test, kvm_mtrr_slot_start(10), batch.ranges[0].start);
	KUNIT_EXPECT_EQ(test, kvm_mtrr_slot_start(14), batch.ranges[0].end);
	KUNIT_EXPECT_EQ(test, kvm_mtrr_slot_start(30), batch.ranges[1].start);
	KUNIT_EXPECT_EQ(test, kvm_mtrr_slot_start(31), batch.ranges[1].end);

	take_uc(cache, &batch);
	KUNIT_EXPECT_EQ(test, 0, batch.nr);
}

static void mtrr_batch_overflow(struct kunit *test)
{
	struct kvm_mtrr_cache *cache = new_cache(test);
	struct kvm_mtrr_batch batch;
	int slot;

	for (slot = 0; slot < KVM_MTRR_SLOTS; slot++)
		cache->types[slot] = slot % 2 ? UC : WB;
	take_uc(cache, &batch);

	KUNIT_ASSERT_EQ(test, KVM_MTRR_BATCH_RANGES, batch.nr);
	for (slot = 0; slot < KVM_MTRR_BATCH_RANGES; slot++)
		KUNIT_EXPECT_EQ(test, kvm_mtrr_slot_start(2 * slot + 1),
				batch.ranges[slot].start);
	KUNIT_EXPECT_EQ(test, kvm_mtrr_slot_start(KVM_MTRR_SLOTS - 1),
			batch.ranges[KVM_MTRR_BATCH_RANGES - 1].end);
}

#define NR_VCPUS	3
#define NR_PAGES	64
#define NR_CASES	300

struct fake_vm {
	struct kvm *kvm;
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct rnd_state rnd;

	/* The type of each page, if it's mapped. */
	gfn_t gfns[NR_PAGES];
	u8 types[NR_PAGES];
};

static u32 rnd(struct fake_vm *vm, u32 ceil)
{
	return prandom_u32_state(&vm->rnd) % ceil;
}

static u8 rnd_type(struct fake_vm *vm)
{
	static const u8 types[] = { 0, 1, 4, 5, 6, 6, 6 };

	return types[rnd(vm, ARRAY_SIZE(types))];
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
	vcpu->arch.maxphyaddr = 52;
	vcpu->kvm = kvm;
	kvm_vcpu_mtrr_init(vcpu);
	return vcpu;
}

static struct fake_vm *new_vm(struct kunit *test)
{
	struct fake_vm *vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vm);
	vm->kvm = kunit_kzalloc(test, sizeof(*vm->kvm), GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vm->kvm);
	rwlock_init(&vm->kvm->mmu_lock);
	prandom_seed_state(&vm->rnd, 42);

	for (i = 0; i < NR_VCPUS; i++)
		vm->vcpus[i] = new_vcpu(test, vm->kvm);
	for (i = 0; i < NR_PAGES; i++)
		vm->gfns[i] = rnd(vm, 1 << (6 + rnd(vm, 20)));
	return vm;
}

/* Some MTRRs that end where slots do, some that don't, and some that overlap. */
static void program(struct fake_vm *vm, struct kvm_vcpu *vcpu)
{
	struct kvm_mtrr *mtrr = &vcpu->arch.mtrr_state;
	u64 size;
	int i;

	mtrr->deftype = rnd_type(vm) | (rnd(vm, 8) ? IA32_MTRR_DEF_TYPE_E : 0) |
			(rnd(vm, 2) ? IA32_MTRR_DEF_TYPE_FE : 0);
	memset(mtrr->fixed_ranges, rnd_type(vm), sizeof(mtrr->fixed_ranges));
	memset(&mtrr->fixed_ranges[16 + rnd(vm, 16)], rnd_type(vm), 40);

	INIT_LIST_HEAD(&mtrr->head);
	for (i = 0; i < KVM_NR_VAR_MTRR; i++) {
		size = (u64)SZ_4K << rnd(vm, 26);
		mtrr->var_ranges[i].mask = 0;
		set_var_mtrr_msr(vcpu, 0x200 + 2 * i, rnd(vm, 64) * size | rnd_type(vm));
		if (!rnd(vm, 3))
			set_var_mtrr_msr(vcpu, 0x201 + 2 * i, MASK(size));
	}
}

static u8 type_of(struct kvm_vcpu *vcpu, gfn_t gfn)
{
	return BIT(kvm_mtrr_get_guest_memory_type(vcpu, gfn));
}

static void map_some(struct fake_vm *vm, struct kvm_vcpu *vcpu)
{
	int i;

	for (i = 0; i < NR_PAGES; i++) {
		if (vm->types[i] || rnd(vm, 3))
			continue;
		vm->types[i] = type_of(vcpu, vm->gfns[i]);
		kvm_mtrr_type_installed(vm->kvm, vm->gfns[i], PG_LEVEL_4K,
					(u64)__ffs(vm->types[i]) << VMX_EPT_MT_EPTE_SHIFT);
	}
}

static void unmap(struct fake_vm *vm, const struct kvm_mtrr_batch *batch)
{
	int i, n;

	for (n = 0; n < batch->nr; n++)
		for (i = 0; i < NR_PAGES; i++)
			if (vm->gfns[i] >= batch->ranges[n].start &&
			    vm->gfns[i] < batch->ranges[n].end)
				vm->types[i] = 0;
}

/* Whatever others have mapped: nothing that's left has another type. */
static void mtrr_zap_model(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test);
	struct kvm_mtrr_batch batch;
	struct kvm_vcpu *vcpu;
	int i, n;

	for (n = 0; n < NR_CASES; n++) {
		for (i = 0; i < NR_VCPUS; i++) {
			read_lock(&vm->kvm->mmu_lock);
			map_some(vm, vm->vcpus[i]);
			read_unlock(&vm->kvm->mmu_lock);
		}

		vcpu = vm->vcpus[rnd(vm, NR_VCPUS)];
		program(vm, vcpu);
		batch = (struct kvm_mtrr_batch) {};
		take_stale(vcpu, &batch);
		unmap(vm, &batch);

		for (i = 0; i < NR_PAGES; i++)
			KUNIT_ASSERT_TRUE_MSG(test, !vm->types[i] ||
					      vm->types[i] == type_of(vcpu, vm->gfns[i]),
					      "case %d: GFN %#llx has type %#x", n,
					      vm->gfns[i], vm->types[i]);

		/* Who comes second finds nothing. */
		batch = (struct kvm_mtrr_batch) {};
		take_stale(vcpu, &batch);
		KUNIT_ASSERT_EQ(test, 0, batch.nr);
	}
}

/* UC goes before all others and WT before WB, whichever of the two MTRRs has it. */
static void mtrr_overlap(struct kunit *test)
{
	static const u8 cases[][3] = {
		{ MTRR_TYPE_UNCACHABLE, MTRR_TYPE_WRBACK, MTRR_TYPE_UNCACHABLE },
		{ MTRR_TYPE_UNCACHABLE, MTRR_TYPE_WRCOMB, MTRR_TYPE_UNCACHABLE },
		{ MTRR_TYPE_WRTHROUGH, MTRR_TYPE_WRBACK, MTRR_TYPE_WRTHROUGH },
		{ MTRR_TYPE_WRCOMB, MTRR_TYPE_WRCOMB, MTRR_TYPE_WRCOMB },
	};
	struct kvm_vcpu *vcpu = new_vm(test)->vcpus[0];
	int i, hole;

	vcpu->arch.mtrr_state.deftype = IA32_MTRR_DEF_TYPE_E | MTRR_TYPE_WRPROT;
	set_var_mtrr_msr(vcpu, 0x201, MASK(GIB(4)));
	set_var_mtrr_msr(vcpu, 0x203, MASK(SZ_1G));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (hole = 0; hole < 2; hole++) {
			set_var_mtrr_msr(vcpu, 0x200, cases[i][hole]);
			set_var_mtrr_msr(vcpu, 0x202, GIB(3) | cases[i][!hole]);
			KUNIT_EXPECT_EQ(test, cases[i][2],
					kvm_mtrr_get_guest_memory_type(vcpu, GFN(GIB(3))));
			KUNIT_EXPECT_EQ(test, cases[i][hole],
					kvm_mtrr_get_guest_memory_type(vcpu, GFN(GIB(2))));
		}
	}
}

/* Memory that has the same type for all stays, in whatever order they come. */
static void mtrr_zap_same(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test);
	struct kvm_mtrr_batch batch = {};
	int i, n;

	for (i = 0; i < NR_VCPUS; i++) {
		struct kvm_vcpu *vcpu = vm->vcpus[i];

		vcpu->arch.mtrr_state.deftype = IA32_MTRR_DEF_TYPE_E | MTRR_TYPE_WRBACK;
		set_var_mtrr_msr(vcpu, 0x200, 0xb0000000);
		set_var_mtrr_msr(vcpu, 0x201, MASK(SZ_256M));
		set_var_mtrr_msr(vcpu, 0x202, 0xc0000000);
		set_var_mtrr_msr(vcpu, 0x203, MASK(SZ_1G));
	}

	for (n = 0; n < 2 * NR_VCPUS; n++) {
		read_lock(&vm->kvm->mmu_lock);
		map_some(vm, vm->vcpus[n % NR_VCPUS]);
		read_unlock(&vm->kvm->mmu_lock);
		take_stale(vm->vcpus[(n + 1) % NR_VCPUS], &batch);
		KUNIT_ASSERT_EQ_MSG(test, 0, batch.nr, "GFN %#llx is zapped",
				    batch.ranges[0].start);
	}
}

/* With CR0.CD and without the quirk, all has to be UC that ignores PAT. */
static void mtrr_zap_cd(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test);
	struct kvm_vcpu *vcpu = vm->vcpus[0];
	struct kvm_mtrr_batch batch = {};

	vcpu->arch.cr0 = X86_CR0_CD;
	read_lock(&vm->kvm->mmu_lock);
	kvm_mtrr_type_installed(vm->kvm, GFN(GIB(1)), PG_LEVEL_4K, VMX_EPT_IPAT_BIT);
	kvm_mtrr_type_installed(vm->kvm, GFN(GIB(2)), PG_LEVEL_4K, 0);
	read_unlock(&vm->kvm->mmu_lock);

	take_stale(vcpu, &batch);
	KUNIT_ASSERT_EQ(test, 1, batch.nr);
	KUNIT_EXPECT_EQ(test, GFN(GIB(2)), batch.ranges[0].start);

	vcpu->arch.cr0 = 0;
	batch = (struct kvm_mtrr_batch) {};
	take_stale(vcpu, &batch);
	KUNIT_ASSERT_EQ(test, 1, batch.nr);
	KUNIT_EXPECT_EQ(test, GFN(GIB(1)), batch.ranges[0].start);
}

static struct kunit_case mtrr_cases[] = {
	KUNIT_CASE_PARAM(mtrr_range, ranges_gen_params),
	KUNIT_CASE(mtrr_range_all),
	KUNIT_CASE(mtrr_slots),
	KUNIT_CASE(mtrr_cache_add_take),
	KUNIT_CASE(mtrr_batch_merge),
	KUNIT_CASE(mtrr_batch_overflow),
	KUNIT_CASE(mtrr_overlap),
	KUNIT_CASE(mtrr_zap_model),
	KUNIT_CASE(mtrr_zap_same),
	KUNIT_CASE(mtrr_zap_cd),
	{}
};

static struct kunit_suite mtrr_suite = {
	.name = "kvm_mtrr",
	.test_cases = mtrr_cases,
};

kunit_test_suite(mtrr_suite);
