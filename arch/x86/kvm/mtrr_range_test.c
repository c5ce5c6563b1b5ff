// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of the range arithmetic of variable-range MTRRs, and of the
 * choice of what to zap when an MTRR is written.
 */
#include <kunit/test.h>
#include <linux/sizes.h>

#include <asm/mtrr.h>

#include "mtrr_range.h"

#define UC	MTRR_TYPE_UNCACHABLE
#define WT	MTRR_TYPE_WRTHROUGH
#define WB	MTRR_TYPE_WRBACK
#define VALID	VAR_MTRR_MASK_VALID

/* What KVM stores for a mask, including the bits that are illegal in a GPA. */
#define MASK(_size)		(~((_size) - 1ULL) | VALID)
#define MASK_ALL(_maxphyaddr)	(GENMASK_ULL(63, _maxphyaddr) | VALID)
#define INVALID(_mask)		((_mask) & ~VALID)
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

struct zap_case {
	const char *name;
	struct kvm_var_mtrr old;
	struct kvm_var_mtrr new;
	int nr;
	struct kvm_mtrr_gfns zap[VAR_MTRR_MAX_ZAPS];
};

static const struct zap_case stays_invalid[] = {
	{ "base, mask never written",
	  { 0, NEVER_WRITTEN }, { GIB(3) | UC, NEVER_WRITTEN }, 0 },
	{ "base, mask written but not valid",
	  { 0, INVALID(MASK(SZ_1G)) }, { GIB(3) | UC, INVALID(MASK(SZ_1G)) }, 0 },
	{ "mask, for the first time",
	  { GIB(3) | UC, NEVER_WRITTEN }, { GIB(3) | UC, INVALID(MASK(SZ_1G)) }, 0 },
	{ "mask, zeroes",
	  { GIB(3) | UC, INVALID(MASK(SZ_1G)) }, { GIB(3) | UC, INVALID(MASK_ALL(46)) }, 0 },
};

static const struct zap_case becomes_valid[] = {
	{ "mask, for the first time",
	  { GIB(3) | UC, NEVER_WRITTEN }, { GIB(3) | UC, MASK(SZ_1G) },
	  1, { { GFN(GIB(3)), GFN(GIB(4)) } } },
	{ "mask, only the valid bit",
	  { GIB(3) | UC, INVALID(MASK(SZ_1G)) }, { GIB(3) | UC, MASK(SZ_1G) },
	  1, { { GFN(GIB(3)), GFN(GIB(4)) } } },
	{ "mask, other size",
	  { GIB(4) | UC, INVALID(MASK(SZ_2M)) }, { GIB(4) | UC, MASK(GIB(4)) },
	  1, { { GFN(GIB(4)), GFN(GIB(8)) } } },
	{ "mask, everything",
	  { 0 | WB, NEVER_WRITTEN }, { 0 | WB, MASK_ALL(46) },
	  1, { { 0, GFN(BIT_ULL(46)) } } },
};

static const struct zap_case becomes_invalid[] = {
	{ "mask, only the valid bit",
	  { GIB(3) | UC, MASK(SZ_1G) }, { GIB(3) | UC, INVALID(MASK(SZ_1G)) },
	  1, { { GFN(GIB(3)), GFN(GIB(4)) } } },
	{ "mask, zeroes",
	  { GIB(3) | UC, MASK(SZ_1G) }, { GIB(3) | UC, INVALID(MASK_ALL(46)) },
	  1, { { GFN(GIB(3)), GFN(GIB(4)) } } },
	{ "mask, smaller size",
	  { GIB(3) | UC, MASK(SZ_1G) }, { GIB(3) | UC, INVALID(MASK(SZ_2M)) },
	  1, { { GFN(GIB(3)), GFN(GIB(4)) } } },
};

static const struct zap_case stays_valid[] = {
	{ "base moved up",
	  { GIB(1) | UC, MASK(SZ_1G) }, { GIB(3) | UC, MASK(SZ_1G) },
	  2, { { GFN(GIB(1)), GFN(GIB(2)) }, { GFN(GIB(3)), GFN(GIB(4)) } } },
	{ "base moved down",
	  { GIB(3) | UC, MASK(SZ_1G) }, { GIB(1) | UC, MASK(SZ_1G) },
	  2, { { GFN(GIB(3)), GFN(GIB(4)) }, { GFN(GIB(1)), GFN(GIB(2)) } } },
	{ "base moved up to the next range",
	  { GIB(2) | UC, MASK(SZ_1G) }, { GIB(3) | UC, MASK(SZ_1G) },
	  1, { { GFN(GIB(2)), GFN(GIB(4)) } } },
	{ "base moved down to the next range",
	  { GIB(3) | UC, MASK(SZ_1G) }, { GIB(2) | UC, MASK(SZ_1G) },
	  1, { { GFN(GIB(2)), GFN(GIB(4)) } } },
	{ "base moved within the range",
	  { GIB(2) | UC, MASK(GIB(2)) }, { GIB(3) | UC, MASK(GIB(2)) },
	  1, { { GFN(GIB(2)), GFN(GIB(4)) } } },
	{ "type changed",
	  { GIB(3) | UC, MASK(SZ_1G) }, { GIB(3) | WT, MASK(SZ_1G) },
	  1, { { GFN(GIB(3)), GFN(GIB(4)) } } },
	{ "mask narrowed",
	  { GIB(2) | UC, MASK(GIB(2)) }, { GIB(2) | UC, MASK(SZ_2M) },
	  1, { { GFN(GIB(2)), GFN(GIB(4)) } } },
	{ "mask widened",
	  { GIB(2) | UC, MASK(SZ_2M) }, { GIB(2) | UC, MASK(GIB(2)) },
	  1, { { GFN(GIB(2)), GFN(GIB(4)) } } },
	{ "hole added to the mask",
	  { GIB(1) | UC, MASK(SZ_1G) }, { GIB(1) | UC, MASK(SZ_1G) & ~GIB(2) },
	  1, { { GFN(GIB(1)), GFN(GIB(4)) } } },
	{ "hole removed from the mask",
	  { GIB(3) | UC, MASK(SZ_1G) & ~GIB(2) }, { GIB(3) | UC, MASK(SZ_1G) },
	  1, { { GFN(GIB(1)), GFN(GIB(4)) } } },
};

static void zap_case_desc(const struct zap_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(stays_invalid, stays_invalid, zap_case_desc);
KUNIT_ARRAY_PARAM(becomes_valid, becomes_valid, zap_case_desc);
KUNIT_ARRAY_PARAM(becomes_invalid, becomes_invalid, zap_case_desc);
KUNIT_ARRAY_PARAM(stays_valid, stays_valid, zap_case_desc);

static void expect_zaps(struct kunit *test)
{
	const struct zap_case *c = test->param_value;
	struct kvm_mtrr_gfns zap[VAR_MTRR_MAX_ZAPS];
	int i, nr;

	nr = kvm_var_mtrr_zaps(&c->old, &c->new, zap);
	KUNIT_ASSERT_EQ(test, c->nr, nr);

	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_EQ(test, c->zap[i].start, zap[i].start);
		KUNIT_EXPECT_EQ(test, c->zap[i].end, zap[i].end);
	}
}

static void mtrr_zap_stays_invalid(struct kunit *test)
{
	expect_zaps(test);
}

static void mtrr_zap_becomes_valid(struct kunit *test)
{
	expect_zaps(test);
}

static void mtrr_zap_becomes_invalid(struct kunit *test)
{
	expect_zaps(test);
}

static void mtrr_zap_stays_valid(struct kunit *test)
{
	expect_zaps(test);
}

static bool in_gfns(u64 gfn, const struct kvm_mtrr_gfns *gfns)
{
	return gfn >= gfns->start && gfn < gfns->end;
}

/* Does a GFN match a valid MTRR, by the letter of what a mask is? */
static bool matches(u64 gfn, const struct kvm_var_mtrr *mtrr)
{
	u64 mask = mtrr->mask & ~(SZ_4K - 1ULL);

	return (mtrr->mask & VALID) &&
	       ((gfn << PAGE_SHIFT) & mask) == (mtrr->base & mask);
}

/* Is a GFN in the range of a valid MTRR, as far as KVM is concerned? */
static bool covers(u64 gfn, const struct kvm_var_mtrr *mtrr)
{
	struct kvm_mtrr_gfns gfns = kvm_var_mtrr_gfns(mtrr);

	return (mtrr->mask & VALID) && in_gfns(gfn, &gfns);
}

static bool type_changes(u64 gfn, const struct kvm_var_mtrr *old,
			 const struct kvm_var_mtrr *new,
			 bool (*applies)(u64, const struct kvm_var_mtrr *))
{
	int old_type = applies(gfn, old) ? old->base & 0xff : -1;
	int new_type = applies(gfn, new) ? new->base & 0xff : -1;

	return old_type != new_type;
}

/*
 * Everything whose type changes is zapped, nothing is zapped that isn't covered
 * before or after, and the ranges are neither empty nor in need of a merge.
 */
static void check_zaps(struct kunit *test, const struct kvm_var_mtrr *old,
		       const struct kvm_var_mtrr *new, int nr_gfns)
{
	struct kvm_mtrr_gfns zap[VAR_MTRR_MAX_ZAPS];
	int nr = kvm_var_mtrr_zaps(old, new, zap);
	bool ok = nr >= 0 && nr <= VAR_MTRR_MAX_ZAPS;
	bool zapped;
	u64 gfn;
	int i;

	for (i = 0; ok && i < nr; i++)
		ok = zap[i].start < zap[i].end;

	if (ok && nr == 2)
		ok = zap[0].end < zap[1].start || zap[1].end < zap[0].start;

	for (gfn = 0; ok && gfn < nr_gfns; gfn++) {
		zapped = (nr > 0 && in_gfns(gfn, &zap[0])) ||
			 (nr > 1 && in_gfns(gfn, &zap[1]));

		if (type_changes(gfn, old, new, matches) ||
		    type_changes(gfn, old, new, covers))
			ok = zapped;
		else if (zapped)
			ok = covers(gfn, old) || covers(gfn, new);
	}

	KUNIT_ASSERT_TRUE_MSG(test, ok, "%#llx/%#llx => %#llx/%#llx",
			      old->base, old->mask, new->base, new->mask);
}

/* All transitions of an MTRR, between all states and to each of two types. */
static void mtrr_zap_all(struct kunit *test)
{
	const int nr_bits = 3, nr_states = 1 << (2 * nr_bits + 1);
	const int mask = (1 << nr_bits) - 1;
	struct kvm_var_mtrr old, new;
	int i, j;

	for (i = 0; i < nr_states; i++) {
		old = small_mtrr(i & mask, (i >> nr_bits) & mask, nr_bits,
				 i >> (2 * nr_bits) ? VALID : 0);

		for (j = 0; j < nr_states; j++) {
			new = small_mtrr(j & mask, (j >> nr_bits) & mask, nr_bits,
					 j >> (2 * nr_bits) ? VALID : 0);

			check_zaps(test, &old, &new, 1 << nr_bits);
			new.base |= WB;
			check_zaps(test, &old, &new, 1 << nr_bits);
		}
	}
}

static struct kunit_case mtrr_range_cases[] = {
	KUNIT_CASE_PARAM(mtrr_range_aligned, aligned_gen_params),
	KUNIT_CASE_PARAM(mtrr_range_above_4g, above_4g_gen_params),
	KUNIT_CASE_PARAM(mtrr_range_odd, odd_gen_params),
	KUNIT_CASE(mtrr_range_all),
	KUNIT_CASE_PARAM(mtrr_zap_stays_invalid, stays_invalid_gen_params),
	KUNIT_CASE_PARAM(mtrr_zap_becomes_valid, becomes_valid_gen_params),
	KUNIT_CASE_PARAM(mtrr_zap_becomes_invalid, becomes_invalid_gen_params),
	KUNIT_CASE_PARAM(mtrr_zap_stays_valid, stays_valid_gen_params),
	KUNIT_CASE(mtrr_zap_all),
	{}
};

static struct kunit_suite mtrr_range_suite = {
	.name = "kvm_mtrr_range",
	.test_cases = mtrr_range_cases,
};

kunit_test_suite(mtrr_range_suite);
