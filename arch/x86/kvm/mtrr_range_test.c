// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of the range arithmetic of variable-range MTRRs.
 */
#include <kunit/test.h>
#include <linux/sizes.h>

#include <asm/mtrr.h>

#include "mtrr_range.h"

#define UC	MTRR_TYPE_UNCACHABLE
#define WB	MTRR_TYPE_WRBACK
#define VALID	VAR_MTRR_MASK_VALID

/* What KVM stores for a mask, including the bits that are illegal in a GPA. */
#define MASK(_size)		(~((_size) - 1ULL) | VALID)
#define MASK_ALL(_maxphyaddr)	(GENMASK_ULL(63, _maxphyaddr) | VALID)
#define NEVER_WRITTEN		0

#define GIB(_n)		((_n) * (u64)SZ_1G)
#define GFN(_gpa)	((_gpa) >> PAGE_SHIFT)

struct range_case {
	const char *name;
	struct kvm_var_mtrr mtrr;
	u64 start;
	u64 end;
};

static const struct range_case aligned[] = {
	{ "first page", { 0 | WB, MASK(SZ_4K) }, 0, GFN(SZ_4K) },
	{ "second page", { SZ_4K | UC, MASK(SZ_4K) }, GFN(SZ_4K), GFN(SZ_8K) },
	{ "2MiB at 0", { 0 | WB, MASK(SZ_2M) }, 0, GFN(SZ_2M) },
	{ "type isn't part of the address", { SZ_2M | WB, MASK(SZ_2M) },
	  GFN(SZ_2M), GFN(SZ_4M) },
	{ "1GiB up to 4GiB", { GIB(3) | UC, MASK(SZ_1G) },
	  GFN(GIB(3)), GFN(GIB(4)) },
	{ "36 bits, all", { 0 | WB, MASK_ALL(36) }, 0, GFN(BIT_ULL(36)) },
	{ "39 bits, all", { 0 | WB, MASK_ALL(39) }, 0, GFN(BIT_ULL(39)) },
	{ "46 bits, all", { 0 | WB, MASK_ALL(46) }, 0, GFN(BIT_ULL(46)) },
	{ "52 bits, all", { 0 | WB, MASK_ALL(52) }, 0, GFN(BIT_ULL(52)) },
	{ "36 bits, last page", { (BIT_ULL(36) - SZ_4K) | UC, MASK(SZ_4K) },
	  GFN(BIT_ULL(36) - SZ_4K), GFN(BIT_ULL(36)) },
	{ "52 bits, last page", { (BIT_ULL(52) - SZ_4K) | UC, MASK(SZ_4K) },
	  GFN(BIT_ULL(52) - SZ_4K), GFN(BIT_ULL(52)) },
};

/* A 32-bit host has to get these right, too. */
static const struct range_case above_4g[] = {
	{ "1GiB at 4GiB", { GIB(4) | WB, MASK(SZ_1G) },
	  GFN(GIB(4)), GFN(GIB(5)) },
	{ "8GiB at 8GiB", { GIB(8) | WB, MASK(GIB(8)) },
	  GFN(GIB(8)), GFN(GIB(16)) },
	{ "16GiB at 0", { 0 | WB, MASK(GIB(16)) }, 0, GFN(GIB(16)) },
};

static const struct range_case odd[] = {
	{ "mask never written", { GIB(3) | UC, NEVER_WRITTEN },
	  0, GFN(BIT_ULL(63)) * 2 },
	{ "base above the start, by one page", { SZ_4K | UC, MASK(SZ_2M) },
	  0, GFN(SZ_2M) },
	{ "base above the start, at the last page",
	  { (GIB(1) + SZ_2M - SZ_4K) | UC, MASK(SZ_2M) },
	  GFN(GIB(1)), GFN(GIB(1) + SZ_2M) },
	{ "hole, base in the first part",
	  { GIB(1) | UC, MASK(SZ_2M) & ~(u64)SZ_4M },
	  GFN(GIB(1)), GFN(GIB(1) + SZ_4M + SZ_2M) },
	{ "hole, base in the last part",
	  { (GIB(1) + SZ_4M) | UC, MASK(SZ_2M) & ~(u64)SZ_4M },
	  GFN(GIB(1)), GFN(GIB(1) + SZ_4M + SZ_2M) },
	{ "mask with nothing but one bit",
	  { GIB(1) | UC, MASK_ALL(36) | SZ_1G },
	  GFN(GIB(1)), GFN(BIT_ULL(36)) },
};

static void range_case_desc(const struct range_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(aligned, aligned, range_case_desc);
KUNIT_ARRAY_PARAM(above_4g, above_4g, range_case_desc);
KUNIT_ARRAY_PARAM(odd, odd, range_case_desc);

static void expect_range(struct kunit *test)
{
	const struct range_case *c = test->param_value;
	struct kvm_mtrr_gfns got = kvm_var_mtrr_gfns(&c->mtrr);

	KUNIT_EXPECT_EQ(test, c->start, got.start);
	KUNIT_EXPECT_EQ(test, c->end, got.end);
}

static void mtrr_range_aligned(struct kunit *test)
{
	expect_range(test);
}

static void mtrr_range_above_4g(struct kunit *test)
{
	expect_range(test);
}

static void mtrr_range_odd(struct kunit *test)
{
	expect_range(test);
}

/*
 * The exhaustive tests use an address space of a few pages.  Everything that
 * happens to MTRRs in a larger one happens there.
 */
static struct kvm_var_mtrr small_mtrr(int base, int mask, int nr_bits, u64 flags)
{
	return (struct kvm_var_mtrr) {
		.base = (u64)base << PAGE_SHIFT,
		.mask = (u64)mask << PAGE_SHIFT | flags |
			GENMASK_ULL(63, PAGE_SHIFT + nr_bits),
	};
}

/* The range begins with the first page that matches, and ends after the last. */
static void mtrr_range_all(struct kunit *test)
{
	const int nr_bits = 6, nr = 1 << nr_bits;
	int base, mask, page, first, last;
	struct kvm_mtrr_gfns got;
	struct kvm_var_mtrr mtrr;

	for (base = 0; base < nr; base++) {
		for (mask = 0; mask < nr; mask++) {
			first = -1;
			for (page = 0; page < nr; page++) {
				if ((page & mask) != (base & mask))
					continue;
				if (first < 0)
					first = page;
				last = page;
			}

			mtrr = small_mtrr(base, mask, nr_bits, VALID);
			got = kvm_var_mtrr_gfns(&mtrr);
			KUNIT_ASSERT_EQ_MSG(test, (u64)first, got.start,
					    "base %#x mask %#x", base, mask);
			KUNIT_ASSERT_EQ_MSG(test, (u64)last + 1, got.end,
					    "base %#x mask %#x", base, mask);
		}
	}
}

static struct kunit_case mtrr_range_cases[] = {
	KUNIT_CASE_PARAM(mtrr_range_aligned, aligned_gen_params),
	KUNIT_CASE_PARAM(mtrr_range_above_4g, above_4g_gen_params),
	KUNIT_CASE_PARAM(mtrr_range_odd, odd_gen_params),
	KUNIT_CASE(mtrr_range_all),
	{}
};

static struct kunit_suite mtrr_range_suite = {
	.name = "kvm_mtrr_range",
	.test_cases = mtrr_range_cases,
};

kunit_test_suite(mtrr_range_suite);
