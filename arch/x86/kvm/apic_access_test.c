// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of the pure logic of the APIC-access page.
 */
#include <kunit/test.h>

#include "apic_access.h"

static const struct decide_case {
	bool slot_invalid;
	bool guest_mode;
	bool activated;
	enum kvm_apic_access_fault fault;
} decide_cases[] = {
	{ false, false, true,  APIC_ACCESS_MAP },
	{ false, false, false, APIC_ACCESS_EMULATE },
	{ false, true,  true,  APIC_ACCESS_EMULATE },
	{ false, true,  false, APIC_ACCESS_EMULATE },
	{ true,  false, true,  APIC_ACCESS_RETRY },
	{ true,  false, false, APIC_ACCESS_RETRY },
	{ true,  true,  true,  APIC_ACCESS_RETRY },
	{ true,  true,  false, APIC_ACCESS_RETRY },
};

static void apic_access_decides(struct kunit *test)
{
	const struct decide_case *c;
	int i;

	for (i = 0; i < ARRAY_SIZE(decide_cases); i++) {
		c = &decide_cases[i];
		KUNIT_EXPECT_EQ_MSG(test, c->fault,
				    apic_access_decide(c->slot_invalid,
						       c->guest_mode,
						       c->activated),
				    "case %d", i);
	}
}

#define BASE(_gpa, _flags)	((_gpa) | (_flags))
#define ENABLE			MSR_IA32_APICBASE_ENABLE
#define DEFAULT			((u64)APIC_DEFAULT_PHYS_BASE)

static const struct base_case {
	u64 apic_base;
	bool relocated;
} base_cases[] = {
	{ BASE(DEFAULT, ENABLE), false },
	{ BASE(DEFAULT, ENABLE | MSR_IA32_APICBASE_BSP), false },
	{ BASE(DEFAULT, ENABLE | X2APIC_ENABLE), false },
	{ BASE(DEFAULT, 0), false },
	{ BASE(DEFAULT + PAGE_SIZE, ENABLE), true },
	{ BASE(DEFAULT - PAGE_SIZE, ENABLE | MSR_IA32_APICBASE_BSP), true },
	{ BASE(DEFAULT + PAGE_SIZE, ENABLE | X2APIC_ENABLE), true },
	{ BASE(0, ENABLE), true },
	/* A disabled APIC is nowhere. */
	{ BASE(DEFAULT + PAGE_SIZE, 0), false },
	{ BASE(0, 0), false },
	/* The mask of the base has 64 bits, even if it doesn't look like it. */
	{ BASE(DEFAULT | BIT_ULL(32), ENABLE), true },
};

static void apic_base_relocated(struct kunit *test)
{
	const struct base_case *c;
	int i;

	for (i = 0; i < ARRAY_SIZE(base_cases); i++) {
		c = &base_cases[i];
		KUNIT_EXPECT_EQ_MSG(test, c->relocated,
				    apic_base_is_relocated(c->apic_base),
				    "base %llx", c->apic_base);
	}
}

/* Three APICs that leave, stay and return in a fixed pseudo-random order. */
static void apic_access_counts(struct kunit *test)
{
	bool was[3] = {}, is, inhibit;
	struct kvm_apic_access access = {};
	unsigned int seed, nr, n, i;

	for (seed = 0; seed < 1u << 12; seed++) {
		n = (seed >> (seed % 10)) % 3;
		is = seed & (1 << (seed % 7));

		inhibit = apic_access_count(&access, was[n], is);
		was[n] = is;

		for (i = nr = 0; i < 3; i++)
			nr += was[i];
		KUNIT_EXPECT_EQ(test, nr, access.nr_relocated);
		KUNIT_EXPECT_EQ(test, nr != 0, inhibit);
	}

	for (i = 0; i < 3; i++)
		inhibit = apic_access_count(&access, was[i], false);
	KUNIT_EXPECT_FALSE(test, inhibit);
}

static struct kunit_case apic_access_cases[] = {
	KUNIT_CASE(apic_base_relocated),
	KUNIT_CASE(apic_access_counts),
	KUNIT_CASE(apic_access_decides),
	{}
};

static struct kunit_suite apic_access_suite = {
	.name = "kvm_apic_access",
	.test_cases = apic_access_cases,
};

kunit_test_suite(apic_access_suite);
