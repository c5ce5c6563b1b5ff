// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of the decode of AVIC's logical destinations.
 */
#include <kunit/test.h>
#include <linux/bitops.h>

#include "avic_dest.h"

struct avic_dest_case {
	const char *name;
	enum avic_dest_model model;
	u32 dest;
	u32 first;
	u16 bitmap;
};

#define FLAT(_name, _dest, _first, _bitmap)				\
	{ "xAPIC flat, " _name, AVIC_DEST_XAPIC_FLAT, _dest, _first, _bitmap }
#define CLUSTER(_name, _dest, _first, _bitmap)			\
	{ "xAPIC cluster, " _name, AVIC_DEST_XAPIC_CLUSTER, _dest, _first, _bitmap }
#define X2APIC(_name, _dest, _first, _bitmap)				\
	{ "x2APIC, " _name, AVIC_DEST_X2APIC, _dest, _first, _bitmap }

static const struct avic_dest_case xapic[] = {
	FLAT("first APIC", 0x01, 0, 0x01),
	FLAT("last APIC", 0x80, 0, 0x80),
	FLAT("no APIC", 0x00, 0, 0x00),
	FLAT("two APICs", 0x03, 0, 0x03),
	CLUSTER("cluster 0, first APIC", 0x01, 0, 0x1),
	CLUSTER("cluster 0, last APIC", 0x08, 0, 0x8),
	CLUSTER("cluster 1, first APIC", 0x11, 4, 0x1),
	CLUSTER("cluster 14, last APIC", 0xe8, 56, 0x8),
	CLUSTER("cluster 0, no APIC", 0x00, 0, 0x0),
	CLUSTER("cluster 1, no APIC", 0x10, 4, 0x0),
	CLUSTER("cluster 2, two APICs", 0x23, 8, 0x3),
};

static const struct avic_dest_case x2apic_cluster_0[] = {
	X2APIC("cluster 0, first APIC", 0x00000001, 0, 0x0001),
	X2APIC("cluster 0, second APIC", 0x00000002, 0, 0x0002),
	X2APIC("cluster 0, last APIC", 0x00008000, 0, 0x8000),
	X2APIC("cluster 0, no APIC", 0x00000000, 0, 0x0000),
	X2APIC("cluster 0, two APICs", 0x00000003, 0, 0x0003),
	X2APIC("cluster 0, all APICs", 0x0000ffff, 0, 0xffff),
};

static const struct avic_dest_case x2apic_clusters[] = {
	X2APIC("cluster 1, first APIC", 0x00010001, 16, 0x0001),
	X2APIC("cluster 1, last APIC", 0x00018000, 16, 0x8000),
	X2APIC("cluster 2, second APIC", 0x00020002, 32, 0x0002),
	X2APIC("cluster 255, last APIC", 0x00ff8000, 4080, 0x8000),
	X2APIC("last cluster, last APIC", 0xffff8000, 0xffff0, 0x8000),
	X2APIC("cluster 3, no APIC", 0x00030000, 48, 0x0000),
	X2APIC("cluster 1, two APICs", 0x00018001, 16, 0x8001),
	X2APIC("cluster 3, all APICs", 0x0003ffff, 48, 0xffff),
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
	u32 first;

	KUNIT_EXPECT_EQ(test, c->bitmap,
			avic_decode_logical_dest(c->model, c->dest, &first));
	if (c->bitmap)
		KUNIT_EXPECT_EQ(test, c->first, first);
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

/* An APIC is a target if and only if KVM's rule for logical IDs says so. */
static void expect_xapic_targets(struct kunit *test, enum avic_dest_model model,
				 u32 dest, u32 index, bool want)
{
	u32 first, bitmap = avic_decode_logical_dest(model, dest, &first);
	bool is = index >= first && index < first + 16 &&
		  bitmap & (1 << (index - first));

	KUNIT_EXPECT_EQ_MSG(test, want, is, "destination %#x, index %u", dest, index);
}

static void avic_dest_xapic_flat_all(struct kunit *test)
{
	u32 dest, index;

	for (dest = 0; dest < 0xff; dest++)
		for (index = 0; index < 64; index++)
			expect_xapic_targets(test, AVIC_DEST_XAPIC_FLAT, dest, index,
					     index < 8 && dest >> index & 1);
}

static void avic_dest_xapic_cluster_all(struct kunit *test)
{
	u32 dest, index;

	for (dest = 0; dest < 0xff; dest++)
		for (index = 0; index < 64; index++)
			expect_xapic_targets(test, AVIC_DEST_XAPIC_CLUSTER, dest, index,
					     dest / 16 == index / 4 &&
					     dest >> (index % 4) & 1);
}

/* Every x2APIC ID is what the logical ID that is derived from it decodes to. */
static void avic_dest_x2apic_round_trip(struct kunit *test)
{
	u32 id, ldr, first, bitmap;

	for (id = 0; id < 4096; id++) {
		ldr = (id / 16) << 16 | 1 << (id % 16);
		bitmap = avic_decode_logical_dest(AVIC_DEST_X2APIC, ldr, &first);
		KUNIT_ASSERT_EQ(test, 1, hweight32(bitmap));
		KUNIT_ASSERT_EQ_MSG(test, id, first + __ffs(bitmap),
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
