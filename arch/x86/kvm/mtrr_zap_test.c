// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of the list of ranges to zap: merge, overflow, order and tickets.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/prandom.h>

#include "mtrr_zap.h"

#define NR_PAGES	256	/* in the tests of tickets and of merging */
#define NR_TASKS	4
#define NR_ROUNDS	200

/* A list whose zap op looks at what a test has "mapped". */
struct fake_vm {
	struct kvm_mtrr_zap_list list;
	struct kunit *test;

	/* What has been zapped, in this order. */
	struct kvm_mtrr_gfns zapped[64];
	int nr_zapped;

	/* Asked for by the zap op when it's called for the first time. */
	struct kvm_mtrr_gfns more[KVM_MTRR_ZAP_RANGES + 1];
	int nr_more;

	/* Tickets: pages that are mapped, and the number of zappers. */
	bool mapped[NR_PAGES];
	atomic_t zappers;
	atomic_t errors;
	atomic_t running;
};

static struct kvm_mtrr_gfns gfns(u64 start, u64 end)
{
	return (struct kvm_mtrr_gfns) { .start = start, .end = end };
}

/*
 * Record what is zapped.  While the first range is being zapped, the list is
 * busy: put the others on the list as a waiter would, but don't wait.
 */
static void record(struct kvm_mtrr_zap_list *list,
		   const struct kvm_mtrr_gfns *range)
{
	struct fake_vm *vm = container_of(list, struct fake_vm, list);
	unsigned long ticket;
	int nr = vm->nr_more;

	KUNIT_EXPECT_TRUE(vm->test, list->busy);
	KUNIT_ASSERT_LT(vm->test, vm->nr_zapped, (int)ARRAY_SIZE(vm->zapped));
	vm->zapped[vm->nr_zapped++] = *range;

	vm->nr_more = 0;
	if (nr)
		KUNIT_EXPECT_FALSE(vm->test, kvm_mtrr_zap_enqueue(list, vm->more, nr, &ticket));
}

static struct fake_vm *new_vm(struct kunit *test,
			      void (*zap)(struct kvm_mtrr_zap_list *list,
					  const struct kvm_mtrr_gfns *range))
{
	struct fake_vm *vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vm);
	vm->test = test;
	kvm_mtrr_zap_init(&vm->list, zap);
	return vm;
}

static void expect_zapped(struct fake_vm *vm, int i, u64 start, u64 end)
{
	KUNIT_ASSERT_LT(vm->test, i, vm->nr_zapped);
	KUNIT_EXPECT_EQ(vm->test, vm->zapped[i].start, start);
	KUNIT_EXPECT_EQ(vm->test, vm->zapped[i].end, end);
}

static void expect_idle(struct fake_vm *vm)
{
	KUNIT_EXPECT_FALSE(vm->test, vm->list.busy);
	KUNIT_EXPECT_EQ(vm->test, vm->list.nr, 0);
	KUNIT_EXPECT_EQ(vm->test, vm->list.done, vm->list.requested);
}

static void mtrr_zap_nothing(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test, record);

	kvm_mtrr_zap_ranges(&vm->list, NULL, 0);
	KUNIT_EXPECT_EQ(test, vm->nr_zapped, 0);
	expect_idle(vm);
}

/* Ranges are zapped in ascending order, in whatever order they come. */
static void mtrr_zap_order(struct kunit *test)
{
	struct kvm_mtrr_gfns r[] = { gfns(50, 60), gfns(10, 20), gfns(30, 40) };
	struct fake_vm *vm = new_vm(test, record);

	kvm_mtrr_zap_ranges(&vm->list, r, ARRAY_SIZE(r));
	KUNIT_EXPECT_EQ(test, vm->nr_zapped, 3);
	expect_zapped(vm, 0, 10, 20);
	expect_zapped(vm, 1, 30, 40);
	expect_zapped(vm, 2, 50, 60);
	expect_idle(vm);
}

/* What is asked for during a zap is zapped afterwards, even if it's the same. */
static void mtrr_zap_again(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test, record);
	struct kvm_mtrr_gfns r = gfns(10, 20);

	vm->more[0] = gfns(10, 20);
	vm->more[1] = gfns(0, 5);
	vm->nr_more = 2;
	kvm_mtrr_zap_ranges(&vm->list, &r, 1);
	KUNIT_EXPECT_EQ(test, vm->nr_zapped, 3);
	expect_zapped(vm, 0, 10, 20);
	expect_zapped(vm, 1, 0, 5);
	expect_zapped(vm, 2, 10, 20);
	expect_idle(vm);
}

static void mtrr_zap_overflow(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test, record);
	struct kvm_mtrr_gfns r = gfns(1000, 1001);
	int i;

	for (i = 0; i < ARRAY_SIZE(vm->more); i++)
		vm->more[i] = gfns(10 * i, 10 * i + 5);

	vm->nr_more = KVM_MTRR_ZAP_RANGES;
	kvm_mtrr_zap_ranges(&vm->list, &r, 1);
	KUNIT_EXPECT_EQ(test, vm->nr_zapped, 1 + KVM_MTRR_ZAP_RANGES);

	vm->nr_zapped = 0;
	vm->nr_more = KVM_MTRR_ZAP_RANGES + 1;
	kvm_mtrr_zap_ranges(&vm->list, &r, 1);
	KUNIT_EXPECT_EQ(test, vm->nr_zapped, 2);
	expect_zapped(vm, 0, 1000, 1001);
	expect_zapped(vm, 1, 0, ~0ULL);
	expect_idle(vm);
}

/* Ranges that touch stay apart if they aren't treated alike, others don't. */
static void mtrr_zap_becomes_wb(struct kunit *test)
{
	struct kvm_mtrr_gfns r[] = {
		{ 10, 20, true }, { 20, 30, false }, { 30, 40, true },
		{ 40, 50, true }, { 60, 70, true }, { 65, 75, false },
	};
	struct fake_vm *vm = new_vm(test, record);

	kvm_mtrr_zap_ranges(&vm->list, r, ARRAY_SIZE(r));
	KUNIT_EXPECT_EQ(test, vm->nr_zapped, 4);
	KUNIT_EXPECT_EQ(test, vm->list.merged, ARRAY_SIZE(r) - 4);
	expect_zapped(vm, 0, 10, 20);
	expect_zapped(vm, 1, 20, 30);
	expect_zapped(vm, 2, 30, 50);
	expect_zapped(vm, 3, 60, 75);
	KUNIT_EXPECT_TRUE(test, vm->zapped[0].becomes_wb);
	KUNIT_EXPECT_FALSE(test, vm->zapped[1].becomes_wb);
	KUNIT_EXPECT_TRUE(test, vm->zapped[2].becomes_wb);
	KUNIT_EXPECT_FALSE(test, vm->zapped[3].becomes_wb);
	expect_idle(vm);
}

/* What has to be done to a page, in the order of what is the most. */
enum { NOTHING, REWRITE, UNMAP };

/*
 * Random ranges against an array of pages: no page is lost, none is added, and
 * none that has to be unmapped is rewritten instead.
 */
static void mtrr_zap_merge(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test, record);
	u8 want[NR_PAGES + 1], got[NR_PAGES + 1], what;
	struct kvm_mtrr_gfns r[8];
	struct rnd_state rnd;
	int i, n, nr, page;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 3000; i++) {
		memset(want, 0, sizeof(want));
		memset(got, 0, sizeof(got));
		nr = 1 + prandom_u32_state(&rnd) % ARRAY_SIZE(r);
		for (n = 0; n < nr; n++) {
			r[n].start = prandom_u32_state(&rnd) % NR_PAGES;
			r[n].end = r[n].start + 1 +
				   prandom_u32_state(&rnd) % min_t(u64, 40, NR_PAGES - r[n].start);
			r[n].becomes_wb = prandom_u32_state(&rnd) % 2;
			what = r[n].becomes_wb ? REWRITE : UNMAP;
			for (page = r[n].start; page < r[n].end; page++)
				want[page] = max(want[page], what);
		}

		vm->nr_zapped = 0;
		kvm_mtrr_zap_ranges(&vm->list, r, nr);
		for (n = 0; n < vm->nr_zapped; n++) {
			if (n)
				KUNIT_EXPECT_GE(test, vm->zapped[n].start, vm->zapped[n - 1].end);
			what = vm->zapped[n].becomes_wb ? REWRITE : UNMAP;
			for (page = vm->zapped[n].start; page < vm->zapped[n].end; page++)
				got[page] = what;
		}
		for (page = 0; page < NR_PAGES; page++) {
			KUNIT_ASSERT_EQ(test, !want[page], !got[page]);
			KUNIT_ASSERT_GE(test, got[page], want[page]);
		}
	}
	expect_idle(vm);
}

/* Unmap pages, slowly, and notice if someone else does it at the same time. */
static void unmap(struct kvm_mtrr_zap_list *list,
		  const struct kvm_mtrr_gfns *range)
{
	struct fake_vm *vm = container_of(list, struct fake_vm, list);
	u64 end = min_t(u64, range->end, NR_PAGES);

	if (atomic_inc_return(&vm->zappers) != 1)
		atomic_inc(&vm->errors);
	usleep_range(20, 60);
	memset(&vm->mapped[range->start], 0, end - range->start);
	atomic_dec(&vm->zappers);
}

struct fake_vcpu {
	struct fake_vm *vm;
	int nr;
};

/* Map own pages, ask for them to be unmapped, and check that they are. */
static int vcpu_fn(void *arg)
{
	struct fake_vcpu *vcpu = arg;
	struct fake_vm *vm = vcpu->vm;
	struct kvm_mtrr_gfns r;
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, vcpu->nr);
	for (i = 0; i < NR_ROUNDS; i++) {
		r.start = vcpu->nr + NR_TASKS * (prandom_u32_state(&rnd) % (NR_PAGES / NR_TASKS));
		r.end = r.start + 1;
		WRITE_ONCE(vm->mapped[r.start], true);
		kvm_mtrr_zap_ranges(&vm->list, &r, 1);
		if (READ_ONCE(vm->mapped[r.start]))
			atomic_inc(&vm->errors);
		if (prandom_u32_state(&rnd) % 4 == 0)
			cond_resched();
	}
	atomic_dec(&vm->running);
	return 0;
}

static void mtrr_zap_tickets(struct kunit *test)
{
	struct fake_vm *vm = new_vm(test, unmap);
	struct fake_vcpu vcpus[NR_TASKS];
	struct task_struct *task;
	int i, ms;

	atomic_set(&vm->running, NR_TASKS);
	for (i = 0; i < NR_TASKS; i++) {
		vcpus[i] = (struct fake_vcpu) { vm, i };
		task = kthread_run(vcpu_fn, &vcpus[i], "mtrr-zap/%d", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	}

	for (ms = 0; ms < 60000 && atomic_read(&vm->running); ms += 20)
		msleep(20);
	KUNIT_ASSERT_EQ(test, atomic_read(&vm->running), 0);
	msleep(20);

	KUNIT_EXPECT_EQ(test, atomic_read(&vm->errors), 0);
	expect_idle(vm);
}

static struct kunit_case mtrr_zap_cases[] = {
	KUNIT_CASE(mtrr_zap_nothing),
	KUNIT_CASE(mtrr_zap_order),
	KUNIT_CASE(mtrr_zap_again),
	KUNIT_CASE(mtrr_zap_overflow),
	KUNIT_CASE(mtrr_zap_becomes_wb),
	KUNIT_CASE(mtrr_zap_merge),
	KUNIT_CASE(mtrr_zap_tickets),
	{}
};

static struct kunit_suite mtrr_zap_suite = {
	.name = "kvm_mtrr_zap",
	.test_cases = mtrr_zap_cases,
};

kunit_test_suite(mtrr_zap_suite);
