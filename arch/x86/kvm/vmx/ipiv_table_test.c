// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of the contents of the PID-pointer table: geometry, growth, and
 * which IDs get an entry when APIC IDs move, are swapped and are aliased.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include "ipiv_table.h"

#define MAX_APICS	8
#define MAX_IDS		1024
#define PI_DESC(_i)	(0x10000ull + 64 * (_i))
#define ENTRY(_i)	(PI_DESC(_i) | IPIV_ENTRY_VALID)

/* A write beyond the table ends here. */
#define GUARD		0xdeadbeefcafef00dull

struct ipiv_test {
	u64 entries[MAX_IDS + 1];
	struct ipiv_table table;
	struct ipiv_apic apics[MAX_APICS];
	int nr_apics;
};

static int ipiv_test_init(struct kunit *test)
{
	struct ipiv_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->table.entries = t->entries;
	t->table.nr_ids = IPIV_MIN_IDS;
	test->priv = t;
	return 0;
}

/* Add an APIC that accepts interrupts, in the mode that it has after RESET. */
static struct ipiv_apic *add_apic(struct ipiv_test *t, u32 vcpu_id)
{
	struct ipiv_apic *apic = &t->apics[t->nr_apics];

	apic->pi_desc = PI_DESC(t->nr_apics++);
	apic->vcpu_id = vcpu_id;
	apic->xapic_id = vcpu_id;
	apic->present = true;
	apic->enabled = true;
	return apic;
}

static void update(struct ipiv_test *t)
{
	struct ipiv_claims claims = {};
	int i;

	for (i = 0; i < t->nr_apics; i++)
		ipiv_claim(&claims, &t->apics[i]);
	ipiv_clear_stale(&t->table, &claims);
	for (i = 0; i < t->nr_apics; i++)
		ipiv_write_apic(&t->table, &claims, &t->apics[i]);
}

/* The same as kvm_apic_match_physical_addr(), without broadcasts. */
static bool accepts(const struct ipiv_apic *apic, u32 id)
{
	if (!apic->enabled)
		return false;
	if (apic->x2apic || id > 0xff)
		return id == apic->vcpu_id;
	return id == apic->xapic_id;
}

/* What has to be in the table, found out the slow way. */
static u64 expected(const struct ipiv_test *t, u32 id)
{
	int i, owners = 0;
	u64 entry = 0;

	for (i = 0; i < t->nr_apics; i++) {
		if (id == 0xff && t->apics[i].present && !t->apics[i].x2apic)
			return 0;
		if (accepts(&t->apics[i], id)) {
			owners++;
			entry = ENTRY(i);
		}
	}
	return owners == 1 ? entry : 0;
}

static void expect_table(struct kunit *test)
{
	struct ipiv_test *t = test->priv;
	u32 id;

	update(t);
	for (id = 0; id < t->table.nr_ids; id++)
		KUNIT_ASSERT_EQ_MSG(test, expected(t, id), t->entries[id], "ID %u", id);
}

static void ipiv_geometry(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, (int)IPIV_MIN_IDS, 512);
	KUNIT_EXPECT_EQ(test, ipiv_table_order(0), 0);
	KUNIT_EXPECT_EQ(test, ipiv_table_order(1), 0);
	KUNIT_EXPECT_EQ(test, ipiv_table_order(512), 0);
	KUNIT_EXPECT_EQ(test, ipiv_table_order(513), 1);
	KUNIT_EXPECT_EQ(test, ipiv_table_order(1024), 1);
	KUNIT_EXPECT_EQ(test, ipiv_table_order(1025), 2);
	KUNIT_EXPECT_EQ(test, ipiv_table_order(2048), 2);
	KUNIT_EXPECT_EQ(test, ipiv_table_order(2049), 3);
	KUNIT_EXPECT_EQ(test, ipiv_table_order(4096), 3);
}

static void ipiv_ids_needed(struct kunit *test)
{
	struct ipiv_test *t = test->priv;
	struct ipiv_apic *apic = add_apic(t, 0);

	KUNIT_EXPECT_EQ(test, ipiv_nr_ids(apic), 256u);
	apic->vcpu_id = 511;
	KUNIT_EXPECT_EQ(test, ipiv_nr_ids(apic), 512u);
	apic->vcpu_id = 512;
	KUNIT_EXPECT_EQ(test, ipiv_nr_ids(apic), 513u);
	apic->vcpu_id = 4095;
	KUNIT_EXPECT_EQ(test, ipiv_nr_ids(apic), 4096u);
	apic->enabled = false;
	KUNIT_EXPECT_EQ(test, ipiv_nr_ids(apic), 0u);
}

static void ipiv_enable(struct kunit *test)
{
	struct ipiv_test *t = test->priv;
	struct ipiv_apic *apic = add_apic(t, 3);

	apic->enabled = false;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[3], 0ull);
	apic->enabled = true;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[3], ENTRY(0));
	apic->enabled = false;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[3], 0ull);
}

static void ipiv_move(struct kunit *test)
{
	struct ipiv_test *t = test->priv;
	struct ipiv_apic *a = add_apic(t, 0), *b = add_apic(t, 1);

	expect_table(test);
	b->xapic_id = 0x77;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[0], ENTRY(0));
	KUNIT_EXPECT_EQ(test, t->entries[1], 0ull);
	KUNIT_EXPECT_EQ(test, t->entries[0x77], ENTRY(1));

	/* Swap, with both IDs the same halfway. */
	b->xapic_id = 0;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[0], 0ull);
	KUNIT_EXPECT_EQ(test, t->entries[0x77], 0ull);
	a->xapic_id = 1;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[0], ENTRY(1));
	KUNIT_EXPECT_EQ(test, t->entries[1], ENTRY(0));
}

static void ipiv_alias(struct kunit *test)
{
	struct ipiv_test *t = test->priv;
	struct ipiv_apic *a = add_apic(t, 4), *b = add_apic(t, 5), *c = add_apic(t, 6);

	a->xapic_id = c->xapic_id;
	b->xapic_id = c->xapic_id;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[6], 0ull);
	/* Two are as bad as three. */
	a->xapic_id = 4;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[6], 0ull);
	/* An APIC that doesn't accept anything is no alias. */
	b->enabled = false;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[6], ENTRY(2));
	/* The ID of an APIC in x2APIC mode can be aliased, too. */
	c->x2apic = true;
	b->enabled = true;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[6], 0ull);
	b->xapic_id = 5;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[6], ENTRY(2));
}

static void ipiv_broadcast(struct kunit *test)
{
	struct ipiv_test *t = test->priv;
	struct ipiv_apic *a = add_apic(t, 0), *b = add_apic(t, 255);

	b->x2apic = true;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[255], 0ull);
	/* It can send although it doesn't accept anything. */
	a->enabled = false;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[255], 0ull);
	a->present = false;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[255], ENTRY(1));
	a->present = true;
	a->enabled = true;
	a->x2apic = true;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[255], ENTRY(1));
}

static void ipiv_large_id(struct kunit *test)
{
	struct ipiv_test *t = test->priv;
	struct ipiv_apic *apic = add_apic(t, 0x105);

	/* Two IDs in xAPIC mode, see kvm_apic_match_physical_addr(). */
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[0x05], ENTRY(0));
	KUNIT_EXPECT_EQ(test, t->entries[0x105], ENTRY(0));
	apic->x2apic = true;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[0x05], 0ull);
	KUNIT_EXPECT_EQ(test, t->entries[0x105], ENTRY(0));
	apic->enabled = false;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[0x105], 0ull);
}

static void ipiv_growth(struct kunit *test)
{
	struct ipiv_test *t = test->priv;
	struct ipiv_table old;
	struct ipiv_apic *apic;
	u32 id;

	add_apic(t, 1);
	add_apic(t, 400)->x2apic = true;
	apic = add_apic(t, 600);
	apic->x2apic = true;
	t->entries[t->table.nr_ids] = GUARD;
	expect_table(test);
	KUNIT_EXPECT_EQ(test, t->entries[t->table.nr_ids], GUARD);
	old = t->table;

	/* What a larger table has, whatever was there before. */
	t->table.entries = kunit_kzalloc(test, MAX_IDS * sizeof(u64), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->table.entries);
	t->table.nr_ids = MAX_IDS;
	memset(t->table.valid, 0, sizeof(t->table.valid));
	ipiv_table_copy(&t->table, &old);
	for (id = 0; id < MAX_IDS; id++)
		KUNIT_ASSERT_EQ(test, t->table.entries[id], id < old.nr_ids ? old.entries[id] : 0);

	update(t);
	for (id = 0; id < MAX_IDS; id++)
		KUNIT_ASSERT_EQ(test, t->table.entries[id], expected(t, id));
	KUNIT_EXPECT_EQ(test, t->table.entries[400], ENTRY(1));
	KUNIT_EXPECT_EQ(test, t->table.entries[600], ENTRY(2));

	/* Entries from before the growth can become stale, too. */
	t->apics[0].xapic_id = 9;
	update(t);
	KUNIT_EXPECT_EQ(test, t->table.entries[1], 0ull);
	KUNIT_EXPECT_EQ(test, t->table.entries[9], ENTRY(0));
}

/* A long life of a few APICs with few IDs, i.e. with many aliases. */
static void ipiv_random(struct kunit *test)
{
	static const u8 xapic_ids[] = { 0, 1, 2, 3, 0x05, 0xfe, 0xff, 0x7f };
	static const u32 vcpu_ids[] = { 0, 1, 2, 3, 255, 0x105, 511, 512 };
	struct ipiv_test *t = test->priv;
	struct ipiv_apic *apic;
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, 6);
	for (i = 0; i < MAX_APICS; i++)
		add_apic(t, vcpu_ids[i]);
	t->entries[t->table.nr_ids] = GUARD;

	for (i = 0; i < 250; i++) {
		apic = &t->apics[prandom_u32_state(&rnd) % MAX_APICS];
		apic->xapic_id = xapic_ids[prandom_u32_state(&rnd) % ARRAY_SIZE(xapic_ids)];
		apic->present = prandom_u32_state(&rnd) % 4;
		apic->enabled = apic->present && prandom_u32_state(&rnd) % 4;
		apic->x2apic = apic->present && prandom_u32_state(&rnd) % 2;
		expect_table(test);
	}
	KUNIT_EXPECT_EQ(test, t->entries[t->table.nr_ids], GUARD);
}

static struct kunit_case ipiv_cases[] = {
	KUNIT_CASE(ipiv_geometry),
	KUNIT_CASE(ipiv_ids_needed),
	KUNIT_CASE(ipiv_enable),
	KUNIT_CASE(ipiv_move),
	KUNIT_CASE(ipiv_alias),
	KUNIT_CASE(ipiv_broadcast),
	KUNIT_CASE(ipiv_large_id),
	KUNIT_CASE(ipiv_growth),
	KUNIT_CASE(ipiv_random),
	{}
};

static struct kunit_suite ipiv_suite = {
	.name = "kvm_ipiv_table",
	.init = ipiv_test_init,
	.test_cases = ipiv_cases,
};

kunit_test_suite(ipiv_suite);
