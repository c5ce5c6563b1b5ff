// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of the reasons to inhibit APICv, and of the interrupt windows that
 * are one.  The VM has no vCPUs, i.e. nobody has to be told anything.
 */
#include <kunit/test.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>

#include "apicv_inhibit.h"

#define DISABLE	BIT(APICV_INHIBIT_REASON_DISABLE)
#define ABSENT	BIT(APICV_INHIBIT_REASON_ABSENT)
#define HYPERV	BIT(APICV_INHIBIT_REASON_HYPERV)
#define SEV	BIT(APICV_INHIBIT_REASON_SEV)
#define IRQWIN	BIT(APICV_INHIBIT_REASON_IRQWIN)

static unsigned long vendor_inhibits;

static int apicv_test_init(struct kunit *test)
{
	struct kvm *kvm = kvzalloc(sizeof(*kvm), GFP_KERNEL);

	if (!kvm)
		return -ENOMEM;

	vendor_inhibits = kvm_x86_ops.apicv_inhibits;
	kvm_x86_ops.apicv_inhibits = ~SEV;
	kvm_apicv_init(kvm);
	test->priv = kvm;
	return 0;
}

static void apicv_test_exit(struct kunit *test)
{
	struct kvm *kvm = test->priv;

	if (!kvm)
		return;

	kvm_apicv_destroy(kvm);
	kvm_x86_ops.apicv_inhibits = vendor_inhibits;
	kvfree(kvm);
}

static unsigned long update(struct kvm *kvm, unsigned long set, unsigned long clear)
{
	down_write(&kvm->arch.apicv_update_lock);
	__kvm_update_apicv_inhibits(kvm, set, clear);
	up_write(&kvm->arch.apicv_update_lock);

	return kvm->arch.apicv_inhibit_reasons;
}

static void apicv_reasons(struct kunit *test)
{
	struct kvm *kvm = test->priv;

	KUNIT_EXPECT_EQ(test, 0ul, update(kvm, 0, DISABLE | ABSENT));
	KUNIT_EXPECT_TRUE(test, kvm_apicv_activated(kvm));
	KUNIT_EXPECT_EQ(test, HYPERV, update(kvm, HYPERV, 0));
	KUNIT_EXPECT_FALSE(test, kvm_apicv_activated(kvm));

	/* Several at once, some of which are there already, or aren't. */
	KUNIT_EXPECT_EQ(test, HYPERV | ABSENT, update(kvm, HYPERV | ABSENT, DISABLE));
	KUNIT_EXPECT_EQ(test, DISABLE, update(kvm, DISABLE, HYPERV | ABSENT));

	/* In both masks: a set of reasons is replaced by another one. */
	KUNIT_EXPECT_EQ(test, HYPERV, update(kvm, HYPERV, HYPERV | DISABLE));

	/* A reason that the vendor module doesn't know. */
	KUNIT_EXPECT_EQ(test, 0ul, update(kvm, SEV, HYPERV));
}

static void apicv_counts(struct kunit *test)
{
	struct kvm *kvm = test->priv;
	struct kvm_vm_stat *stat = &kvm->stat;
	u64 updates;

	update(kvm, 0, DISABLE | ABSENT);
	updates = stat->apicv_update;

	update(kvm, HYPERV | DISABLE, 0);
	update(kvm, HYPERV, 0);
	update(kvm, 0, DISABLE);
	KUNIT_EXPECT_EQ(test, updates + 1, stat->apicv_update);
	update(kvm, 0, HYPERV);
	KUNIT_EXPECT_EQ(test, updates + 2, stat->apicv_update);
	update(kvm, 0, HYPERV);
	KUNIT_EXPECT_EQ(test, updates + 2, stat->apicv_update);

	KUNIT_EXPECT_EQ(test, 1ull, stat->apicv_inhibit_set[APICV_INHIBIT_REASON_HYPERV]);
	KUNIT_EXPECT_EQ(test, 1ull, stat->apicv_inhibit_cleared[APICV_INHIBIT_REASON_HYPERV]);
	KUNIT_EXPECT_GT(test, stat->apicv_inhibit_ns[APICV_INHIBIT_REASON_HYPERV], 0ull);
}

/* Let the work run, as if the last window had been closed long ago. */
static unsigned long linger(struct kvm *kvm)
{
	struct kvm_apicv_irq_windows *windows = &kvm->arch.apicv_irq_windows;

	windows->last_close = jiffies - APICV_IRQ_WINDOW_LINGER;
	mod_delayed_work(system_wq, &windows->clear, 0);
	flush_work(&windows->clear.work);

	return kvm->arch.apicv_inhibit_reasons;
}

static void apicv_irq_windows(struct kunit *test)
{
	struct kvm *kvm = test->priv;
	u64 *set = &kvm->stat.apicv_inhibit_set[APICV_INHIBIT_REASON_IRQWIN];

	update(kvm, 0, DISABLE | ABSENT);

	kvm_apicv_irq_window_open(kvm);
	KUNIT_EXPECT_EQ(test, IRQWIN, kvm->arch.apicv_inhibit_reasons);
	kvm_apicv_irq_window_open(kvm);
	kvm_apicv_irq_window_close(kvm);
	KUNIT_EXPECT_EQ(test, IRQWIN, linger(kvm));

	/* It stays for a while, and another window needs nothing. */
	kvm_apicv_irq_window_close(kvm);
	KUNIT_EXPECT_EQ(test, IRQWIN, kvm->arch.apicv_inhibit_reasons);
	kvm_apicv_irq_window_open(kvm);
	kvm_apicv_irq_window_close(kvm);
	KUNIT_EXPECT_EQ(test, 1ull, *set);

	KUNIT_EXPECT_EQ(test, 0ul, linger(kvm));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&kvm->arch.apicv_irq_windows.users));
	kvm_apicv_irq_window_open(kvm);
	KUNIT_EXPECT_EQ(test, IRQWIN, kvm->arch.apicv_inhibit_reasons);
	KUNIT_EXPECT_EQ(test, 2ull, *set);
	kvm_apicv_irq_window_close(kvm);
}

/* While there's another reason, windows are counted, and count once it's gone. */
static void apicv_irq_windows_lazy(struct kunit *test)
{
	struct kvm *kvm = test->priv;

	update(kvm, HYPERV, DISABLE | ABSENT);

	kvm_apicv_irq_window_open(kvm);
	KUNIT_EXPECT_EQ(test, HYPERV, kvm->arch.apicv_inhibit_reasons);
	kvm_apicv_irq_window_close(kvm);
	KUNIT_EXPECT_EQ(test, 0ul, update(kvm, 0, HYPERV));

	update(kvm, HYPERV, 0);
	kvm_apicv_irq_window_open(kvm);
	KUNIT_EXPECT_EQ(test, IRQWIN, update(kvm, 0, HYPERV));
	KUNIT_EXPECT_EQ(test, HYPERV | IRQWIN, update(kvm, HYPERV, 0));
	kvm_apicv_irq_window_close(kvm);
	KUNIT_EXPECT_EQ(test, HYPERV, linger(kvm));
	KUNIT_EXPECT_EQ(test, 0ul, update(kvm, 0, HYPERV));
}

static struct kunit_case apicv_inhibit_cases[] = {
	KUNIT_CASE(apicv_reasons),
	KUNIT_CASE(apicv_counts),
	KUNIT_CASE(apicv_irq_windows),
	KUNIT_CASE(apicv_irq_windows_lazy),
	{}
};

static struct kunit_suite apicv_inhibit_suite = {
	.name = "kvm_apicv_inhibit",
	.init = apicv_test_init,
	.exit = apicv_test_exit,
	.test_cases = apicv_inhibit_cases,
};

kunit_test_suite(apicv_inhibit_suite);
