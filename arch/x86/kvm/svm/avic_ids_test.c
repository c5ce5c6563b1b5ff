// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of what AVIC makes of APIC IDs.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include <asm/apicdef.h>
#include <asm/svm.h>

#include "avic_dest.h"
#include "avic_ids.h"

#define MODIFIED	BIT(APICV_INHIBIT_REASON_APIC_ID_MODIFIED)
#define PHYSICAL	BIT(APICV_INHIBIT_REASON_PHYSICAL_ID_ALIASED)
#define LOGICAL		BIT(APICV_INHIBIT_REASON_LOGICAL_ID_ALIASED)

#define MAX_APICS	6

struct avic_vm {
	const char *name;
	struct avic_apic apics[MAX_APICS];
	int nr_apics;
	bool unique_ids;
	unsigned long want;
};

#define APIC(_id, _xapic_id, _ldr, _dfr, _x2apic)			\
	{ .vcpu_id = _id, .xapic_id = _xapic_id, .ldr = _ldr,		\
	  .dfr = _dfr, .x2apic = _x2apic, .present = true, .enabled = true }
#define FLAT(_id, _xapic_id, _ldr)					\
	APIC(_id, _xapic_id, (_ldr) << 24, APIC_DFR_FLAT, false)
#define CLUSTER(_id, _xapic_id, _ldr)					\
	APIC(_id, _xapic_id, (_ldr) << 24, APIC_DFR_CLUSTER, false)
#define XAPIC(id, xapic_id)	APIC(id, xapic_id, 0, APIC_DFR_FLAT, false)
#define X2APIC(id)		APIC(id, 0, 0, APIC_DFR_FLAT, true)
#define OFF(_id, _xapic_id)						\
	{ .vcpu_id = _id, .xapic_id = _xapic_id, .dfr = APIC_DFR_FLAT }

static const struct avic_vm vms[] = {
	{ "none", {}, 0 },
	{ "IDs as after RESET", { XAPIC(0, 0), XAPIC(1, 1) }, 2 },
	{ "a changed ID", { XAPIC(0, 0), XAPIC(1, 7) }, 2, .want = MODIFIED },
	{ "swapped IDs", { XAPIC(0, 1), XAPIC(1, 0) }, 2, .want = MODIFIED },
	{ "a shared ID", { XAPIC(0, 0), XAPIC(1, 0) }, 2, .want = MODIFIED | PHYSICAL },
	{ "a changed ID of a disabled APIC", { XAPIC(0, 0), OFF(1, 0) }, 2 },
	{ "a truncated ID", { XAPIC(256, 0), XAPIC(1, 1) }, 2 },
	{ "a truncated ID that's taken", { XAPIC(0, 0), XAPIC(256, 0) }, 2, .want = PHYSICAL },
	{ "the same, unique IDs", { XAPIC(0, 0), XAPIC(256, 0) }, 2, .unique_ids = true },
	{ "a changed ID, unique IDs", { XAPIC(0, 1), XAPIC(1, 1) }, 2, .unique_ids = true,
	  .want = MODIFIED | PHYSICAL },
	{ "an xAPIC ID that's an x2APIC's", { X2APIC(1), XAPIC(257, 1) }, 2,
	  .want = PHYSICAL },
	{ "x2APIC", { X2APIC(0), X2APIC(1), X2APIC(300) }, 3 },
	{ "flat", { FLAT(0, 0, 1), FLAT(1, 1, 2), FLAT(2, 2, 0x80) }, 3 },
	{ "flat, shared", { FLAT(0, 0, 1), FLAT(1, 1, 1) }, 2, .want = LOGICAL },
	{ "flat, two bits", { FLAT(0, 0, 3), FLAT(1, 1, 4) }, 2, .want = LOGICAL },
	{ "flat, no bit", { FLAT(0, 0, 0), FLAT(1, 1, 0) }, 2 },
	{ "cluster", { CLUSTER(0, 0, 0x01), CLUSTER(1, 1, 0x11), CLUSTER(2, 2, 0xe8) }, 3 },
	{ "cluster, shared", { CLUSTER(0, 0, 0x21), CLUSTER(1, 1, 0x21) }, 2, .want = LOGICAL },
	{ "cluster, two bits", { CLUSTER(0, 0, 0x13) }, 1, .want = LOGICAL },
	{ "cluster, no bit", { CLUSTER(0, 0, 0x10), CLUSTER(1, 1, 0x10) }, 2 },
	{ "cluster of the broadcast", { CLUSTER(0, 0, 0xf1) }, 1, .want = LOGICAL },
	{ "flat and cluster", { FLAT(0, 0, 1), CLUSTER(1, 1, 0x12) }, 2, .want = LOGICAL },
	{ "flat and x2APIC", { FLAT(0, 0, 1), X2APIC(1) }, 2, .want = LOGICAL },
	{ "xAPIC without logical ID and x2APIC", { XAPIC(0, 0), X2APIC(1) }, 2 },
	{ "neither flat nor cluster",
	  { APIC(0, 0, 1 << 24, 0x2fffffff, false), FLAT(1, 1, 1) }, 2 },
	{ "logical ID of a large ID", { APIC(256, 0, 1 << 24, APIC_DFR_FLAT, false) }, 1,
	  .want = LOGICAL },
};

static void vm_desc(const struct avic_vm *vm, char *desc)
{
	strscpy(desc, vm->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vms, vms, vm_desc);

static void add_all(struct avic_ids *ids, const struct avic_vm *vm)
{
	int i;

	memset(ids, 0, sizeof(*ids));
	for (i = 0; i < vm->nr_apics; i++)
		avic_ids_add(ids, &vm->apics[i], vm->unique_ids);
}

static void avic_ids_cases(struct kunit *test)
{
	const struct avic_vm *vm = test->param_value;
	struct avic_ids ids;

	add_all(&ids, vm);
	KUNIT_EXPECT_EQ(test, vm->want, avic_ids_inhibits(&ids));
}

/* The rules of KVM, and of the architecture, for interrupts to one APIC. */
static bool matches_physical(const struct avic_apic *apic, u32 dest)
{
	return dest == (apic->x2apic ? apic->vcpu_id : apic->xapic_id);
}

static bool matches_logical(const struct avic_apic *apic, u32 dest)
{
	u32 id = apic->ldr >> 24;

	if (apic->x2apic)
		return apic->vcpu_id >> 4 == dest >> 16 &&
		       dest & (1 << (apic->vcpu_id & 0xf));
	if (apic->dfr == APIC_DFR_FLAT)
		return id & dest;
	if (apic->dfr == APIC_DFR_CLUSTER)
		return id >> 4 == dest >> 4 && id & dest & 0xf;
	return false;
}

/* Whether the CPU finds @apic, whose entry in the physical table is its own. */
static bool finds_logical(const struct avic_ids *ids, enum avic_dest_model model,
			  const struct avic_apic *apic, u32 dest)
{
	unsigned long bitmap;
	u32 first, entry, i;

	bitmap = avic_decode_logical_dest(model, dest, &first);

	for_each_set_bit(i, &bitmap, 16) {
		if (model == AVIC_DEST_X2APIC) {
			if (first + i == apic->vcpu_id)
				return true;
			continue;
		}
		if (first + i >= AVIC_NR_LOGICAL_IDS)
			continue;
		entry = ids->logical[first + i];
		if (entry & AVIC_LOGICAL_ID_ENTRY_VALID_MASK &&
		    (entry & AVIC_LOGICAL_ID_ENTRY_GUEST_PHYSICAL_ID_MASK) == apic->vcpu_id)
			return true;
	}
	return false;
}

static u32 logical_dest(enum avic_dest_model model, u32 i)
{
	/* The clusters of all IDs that are used below, all bitmaps of 8 bits. */
	return model == AVIC_DEST_X2APIC ? (i & 0x1f) << 16 | i : i;
}

/* Return whether the CPU finds those that KVM would deliver to. */
static bool logical_agrees(const struct avic_vm *vm, const struct avic_ids *ids,
			   enum avic_dest_model model)
{
	const struct avic_apic *apic;
	u32 i, dest;

	for (i = 0; i < 0xff; i++) {
		dest = logical_dest(model, i);
		for (apic = vm->apics; apic < vm->apics + vm->nr_apics; apic++) {
			if (apic->enabled &&
			    matches_logical(apic, dest) != finds_logical(ids, model, apic, dest))
				return false;
		}
	}
	return true;
}

static bool physical_agrees(const struct avic_vm *vm)
{
	const struct avic_apic *apic;
	bool found;
	u32 dest;

	for (dest = 0; dest < 0xff; dest++) {
		for (apic = vm->apics; apic < vm->apics + vm->nr_apics; apic++) {
			found = dest == apic->vcpu_id;
			if (apic->present && apic->vcpu_id <= 0xff &&
			    matches_physical(apic, dest) != found)
				return false;
		}
	}
	return true;
}

static void random_apic(struct rnd_state *rnd, struct avic_apic *apic, u32 vcpu_id)
{
	static const u32 dfrs[] = {
		APIC_DFR_FLAT, APIC_DFR_FLAT, APIC_DFR_FLAT, APIC_DFR_CLUSTER, 0x2fffffff
	};
	u32 r = prandom_u32_state(rnd);

	apic->vcpu_id = vcpu_id;
	apic->xapic_id = r % 8 ? vcpu_id : r >> 8;
	apic->x2apic = r & BIT(20) && r & BIT(21);
	apic->present = r & (BIT(22) | BIT(23));
	apic->enabled = apic->present && r & (BIT(24) | BIT(25));
	apic->dfr = dfrs[prandom_u32_state(rnd) % ARRAY_SIZE(dfrs)];
	/* Mostly one bit, as otherwise hardly any VM has no alias. */
	r = prandom_u32_state(rnd);
	apic->ldr = r % 8 ? BIT(r >> 8 & 7) << 24 : r & 0xff000000;
}

static void random_vm(struct rnd_state *rnd, struct avic_vm *vm)
{
	static const u32 vcpu_ids[MAX_APICS] = { 0, 1, 17, 254, 256, 300 };

	memset(vm, 0, sizeof(*vm));
	for (; vm->nr_apics < 1 + prandom_u32_state(rnd) % MAX_APICS; vm->nr_apics++)
		random_apic(rnd, &vm->apics[vm->nr_apics], vcpu_ids[vm->nr_apics]);
}

/* Without an inhibit, the tables say the same as KVM does, for each destination. */
static void avic_ids_random(struct kunit *test)
{
	struct rnd_state rnd;
	struct avic_ids ids;
	struct avic_vm vm;
	int i, model, active = 0, inhibited = 0;

	prandom_seed_state(&rnd, 1235);

	for (i = 0; i < 20000; i++) {
		random_vm(&rnd, &vm);
		add_all(&ids, &vm);
		if (avic_ids_inhibits(&ids)) {
			inhibited++;
			continue;
		}
		active++;
		KUNIT_ASSERT_TRUE_MSG(test, physical_agrees(&vm), "VM %d", i);
		for (model = 0; model <= AVIC_DEST_X2APIC; model++) {
			if (ids.models & BIT(model))
				KUNIT_ASSERT_TRUE_MSG(test, logical_agrees(&vm, &ids, model),
						      "VM %d, model %d", i, model);
		}
	}

	/* Neither is rare, i.e. the test is one. */
	KUNIT_EXPECT_GT(test, active, 2000);
	KUNIT_EXPECT_GT(test, inhibited, 2000);
}

static struct kunit_case avic_ids_test_cases[] = {
	KUNIT_CASE_PARAM(avic_ids_cases, vms_gen_params),
	KUNIT_CASE(avic_ids_random),
	{}
};

static struct kunit_suite avic_ids_suite = {
	.name = "kvm_avic_ids",
	.test_cases = avic_ids_test_cases,
};

kunit_test_suite(avic_ids_suite);
