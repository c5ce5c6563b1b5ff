// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of the decode of AVIC's logical destinations.
 */
#include <kunit/test.h>

#include "avic_dest.h"

struct avic_dest_case {
	const char *name;
	enum avic_dest_model model;
	u32 dest;
	int want;
};

#define FLAT(_name, _dest, _want)					\
	{ "xAPIC flat, " _name, AVIC_DEST_XAPIC_FLAT, _dest, _want }
#define CLUSTER(_name, _dest, _want)					\
	{ "xAPIC cluster, " _name, AVIC_DEST_XAPIC_CLUSTER, _dest, _want }
#define X2APIC(_name, _dest, _want)					\
	{ "x2APIC, " _name, AVIC_DEST_X2APIC, _dest, _want }

static const struct avic_dest_case xapic[] = {
	FLAT("first APIC", 0x01, 0),
	FLAT("last APIC", 0x80, 7),
	FLAT("no APIC", 0x00, -ENOENT),
	FLAT("two APICs", 0x03, -E2BIG),
	FLAT("broadcast", 0xff, -E2BIG),
	CLUSTER("cluster 0, first APIC", 0x01, 0),
	CLUSTER("cluster 0, last APIC", 0x08, 3),
	CLUSTER("cluster 1, first APIC", 0x11, 4),
	CLUSTER("cluster 14, last APIC", 0xe8, 59),
	CLUSTER("cluster 0, no APIC", 0x00, -ENOENT),
	CLUSTER("cluster 1, no APIC", 0x10, -ENOENT),
	CLUSTER("cluster 2, two APICs", 0x23, -E2BIG),
	CLUSTER("broadcast", 0xff, -E2BIG),
};

static const struct avic_dest_case x2apic_cluster_0[] = {
	X2APIC("cluster 0, first APIC", 0x00000001, 0),
	X2APIC("cluster 0, second APIC", 0x00000002, 1),
	X2APIC("cluster 0, last APIC", 0x00008000, 15),
	X2APIC("cluster 0, no APIC", 0x00000000, -ENOENT),
	X2APIC("cluster 0, two APICs", 0x00000003, -E2BIG),
	X2APIC("cluster 0, all APICs", 0x0000ffff, -E2BIG),
};

static const struct avic_dest_case x2apic_clusters[] = {
	X2APIC("cluster 1, first APIC", 0x00010001, 16),
	X2APIC("cluster 1, last APIC", 0x00018000, 31),
	X2APIC("cluster 2, second APIC", 0x00020002, 33),
	X2APIC("cluster 3, third APIC", 0x00030004, 50),
	X2APIC("cluster 255, last APIC", 0x00ff8000, 4095),
	X2APIC("last cluster, last APIC", 0xffff8000, 0xfffff),
	X2APIC("cluster 1, no APIC", 0x00010000, -ENOENT),
	X2APIC("cluster 3, no APIC", 0x00030000, -ENOENT),
	X2APIC("last cluster, no APIC", 0xffff0000, -ENOENT),
	X2APIC("cluster 1, two APICs", 0x00018001, -E2BIG),
	X2APIC("cluster 3, all APICs", 0x0003ffff, -E2BIG),
	X2APIC("broadcast", 0xffffffff, -E2BIG),
};

static void avic_dest_case_desc(const struct avic_dest_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(xapic, xapic, avic_dest_case_desc);
KUNIT_ARRAY_PARAM(x2apic_cluster_0, x2apic_cluster_0, avic_dest_case_desc);
KUNIT_ARRAY_PARAM(x2apic_clusters, x2apic_clusters, avic_dest_case_desc);

static void expect_dest(struct kunit *test)
{
	const struct avic_dest_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, c->want,
			avic_decode_logical_dest(c->model, c->dest));
}

static void avic_dest_xapic(struct kunit *test)
{
	expect_dest(test);
}

static void avic_dest_x2apic_cluster_0(struct kunit *test)
{
	expect_dest(test);
}

static void avic_dest_x2apic_clusters(struct kunit *test)
{
	expect_dest(test);
}

/* The one bit that is set in an xAPIC bitmap, by looking at each of them. */
static int find_only_bit(u32 bitmap, int nr_bits)
{
	int bit, found = -ENOENT;

	for (bit = 0; bit < nr_bits; bit++) {
		if (!(bitmap & (1 << bit)))
			continue;
		if (found != -ENOENT)
			return -E2BIG;
		found = bit;
	}

	return found;
}

static void avic_dest_xapic_flat_all(struct kunit *test)
{
	u32 dest;

	for (dest = 0; dest <= 0xff; dest++)
		KUNIT_EXPECT_EQ_MSG(test, find_only_bit(dest, 8),
				    avic_decode_logical_dest(AVIC_DEST_XAPIC_FLAT, dest),
				    "destination %#x", dest);
}

static void avic_dest_xapic_cluster_all(struct kunit *test)
{
	u32 dest;
	int want;

	for (dest = 0; dest <= 0xff; dest++) {
		want = find_only_bit(dest & 0xf, 4);
		if (want >= 0)
			want += 4 * (dest >> 4);

		KUNIT_EXPECT_EQ_MSG(test, want,
				    avic_decode_logical_dest(AVIC_DEST_XAPIC_CLUSTER, dest),
				    "destination %#x", dest);
	}
}

/* Every x2APIC ID is what the logical ID that is derived from it decodes to. */
static void avic_dest_x2apic_round_trip(struct kunit *test)
{
	u32 id, ldr;

	for (id = 0; id < 4096; id++) {
		ldr = (id / 16) << 16 | 1 << (id % 16);
		KUNIT_ASSERT_EQ_MSG(test, (int)id,
				    avic_decode_logical_dest(AVIC_DEST_X2APIC, ldr),
				    "x2APIC ID %u, logical ID %#x", id, ldr);
	}
}

static struct kunit_case avic_dest_cases[] = {
	KUNIT_CASE_PARAM(avic_dest_xapic, xapic_gen_params),
	KUNIT_CASE_PARAM(avic_dest_x2apic_cluster_0, x2apic_cluster_0_gen_params),
	KUNIT_CASE_PARAM(avic_dest_x2apic_clusters, x2apic_clusters_gen_params),
	KUNIT_CASE(avic_dest_xapic_flat_all),
	KUNIT_CASE(avic_dest_xapic_cluster_all),
	KUNIT_CASE(avic_dest_x2apic_round_trip),
	{}
};

static struct kunit_suite avic_dest_suite = {
	.name = "kvm_avic_dest",
	.test_cases = avic_dest_cases,
};

kunit_test_suite(avic_dest_suite);
