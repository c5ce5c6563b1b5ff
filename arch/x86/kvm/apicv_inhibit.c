// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_host.h>
#include <linux/seq_file.h>

#include "apic_access.h"
#include "apicv_inhibit.h"
#include "lapic.h"
#include "trace.h"
#include "x86.h"

static const char * const apicv_inhibit_names[] = {
	[APICV_INHIBIT_REASON_DISABLE] = "DISABLE",
	[APICV_INHIBIT_REASON_HYPERV] = "HYPERV",
	[APICV_INHIBIT_REASON_ABSENT] = "ABSENT",
	[APICV_INHIBIT_REASON_BLOCKIRQ] = "BLOCKIRQ",
	[APICV_INHIBIT_REASON_APIC_ID_MODIFIED] = "APIC_ID_MODIFIED",
	[APICV_INHIBIT_REASON_APIC_BASE_MODIFIED] = "APIC_BASE_MODIFIED",
	[APICV_INHIBIT_REASON_NESTED] = "NESTED",
	[APICV_INHIBIT_REASON_IRQWIN] = "IRQWIN",
	[APICV_INHIBIT_REASON_PIT_REINJ] = "PIT_REINJ",
	[APICV_INHIBIT_REASON_SEV] = "SEV",
	[APICV_INHIBIT_REASON_PHYSICAL_ID_ALIASED] = "PHYSICAL_ID_ALIASED",
	[APICV_INHIBIT_REASON_LOGICAL_ID_ALIASED] = "LOGICAL_ID_ALIASED",
	[APICV_INHIBIT_REASON_PHYSICAL_ID_TOO_BIG] = "PHYSICAL_ID_TOO_BIG",
};

static_assert(ARRAY_SIZE(apicv_inhibit_names) == NR_APICV_INHIBIT_REASONS);

bool kvm_apicv_activated(struct kvm *kvm)
{
	return (READ_ONCE(kvm->arch.apicv_inhibit_reasons) == 0);
}
EXPORT_SYMBOL_GPL(kvm_apicv_activated);

bool kvm_vcpu_apicv_activated(struct kvm_vcpu *vcpu)
{
	ulong vm_reasons = READ_ONCE(vcpu->kvm->arch.apicv_inhibit_reasons);
	ulong vcpu_reasons = static_call(kvm_x86_vcpu_get_apicv_inhibit_reasons)(vcpu);

	return (vm_reasons | vcpu_reasons) == 0;
}
EXPORT_SYMBOL_GPL(kvm_vcpu_apicv_activated);

static void apicv_count_inhibit(struct kvm *kvm, int reason, bool set, u64 now)
{
	u64 *since = &kvm->arch.apicv_inhibited_since[reason];

	if (set) {
		kvm->stat.apicv_inhibit_set[reason]++;
		*since = now;
	} else {
		kvm->stat.apicv_inhibit_cleared[reason]++;
		kvm->stat.apicv_inhibit_ns[reason] += now - *since;
	}
}

/* Store the reasons, count and trace those that change. */
static void apicv_store_inhibits(struct kvm *kvm, unsigned long new)
{
	unsigned long changed = kvm->arch.apicv_inhibit_reasons ^ new;
	u64 now = ktime_get_ns();
	int reason;

	/* Faults read the inhibits without a lock. */
	WRITE_ONCE(kvm->arch.apicv_inhibit_reasons, new);

	for_each_set_bit(reason, &changed, NR_APICV_INHIBIT_REASONS) {
		apicv_count_inhibit(kvm, reason, new & BIT(reason), now);
		trace_kvm_apicv_inhibit_changed(kvm, reason,
						apicv_inhibit_names[reason],
						new & BIT(reason), new);
	}
}

#define APICV_IRQWIN	BIT(APICV_INHIBIT_REASON_IRQWIN)

/*
 * Count the inhibit itself among the users of the windows, i.e. that's zero only
 * if there's neither an inhibit nor an open window, and see that it goes away.
 */
static void apicv_hold_irq_window_inhibit(struct kvm *kvm)
{
	struct kvm_apicv_irq_windows *windows = &kvm->arch.apicv_irq_windows;

	lockdep_assert_held_write(&kvm->arch.apicv_update_lock);

	/*
	 * Whoever sees the count sees the inhibit and the requests, too.
	 * Pairs with atomic_inc_not_zero() in kvm_apicv_irq_window_open().
	 */
	smp_mb__before_atomic();
	atomic_inc(&windows->users);
	WRITE_ONCE(windows->last_close, jiffies);
	schedule_delayed_work(&windows->clear, APICV_IRQ_WINDOW_LINGER);
}

/*
 * Return the reasons in @inhibits, or APICV_IRQWIN if there are none and a window
 * is open.  As long as there are others, it's enough to count the windows.
 */
static unsigned long apicv_add_irq_window_inhibit(struct kvm *kvm,
						  unsigned long inhibits)
{
	if (inhibits || !atomic_read(&kvm->arch.apicv_irq_windows.users))
		return inhibits;

	apicv_hold_irq_window_inhibit(kvm);
	return APICV_IRQWIN;
}

/*
 * Drop the count of the inhibit if it's the last one, which is atomic with regard
 * to kvm_apicv_irq_window_open() on other CPUs.  Otherwise, or if it's too early,
 * come back.  The time may be an old one if a window is closed right now; nobody
 * needs the inhibit anymore in this case.
 */
static void apicv_clear_irq_window_inhibit(struct work_struct *work)
{
	struct kvm_apicv_irq_windows *windows =
		container_of(work, struct kvm_apicv_irq_windows, clear.work);
	struct kvm *kvm = container_of(windows, struct kvm, arch.apicv_irq_windows);
	unsigned long end = READ_ONCE(windows->last_close) + APICV_IRQ_WINDOW_LINGER;

	down_write(&kvm->arch.apicv_update_lock);
	if (time_before(jiffies, end))
		schedule_delayed_work(&windows->clear, end - jiffies);
	else if (atomic_cmpxchg(&windows->users, 1, 0) != 1)
		schedule_delayed_work(&windows->clear, APICV_IRQ_WINDOW_LINGER);
	else
		__kvm_update_apicv_inhibits(kvm, 0, APICV_IRQWIN);
	up_write(&kvm->arch.apicv_update_lock);
}

/*
 * While APICv is inhibited, for whatever reason, it stays so until windows have
 * been counted: whoever clears the last reason takes the lock for write, and
 * finds the window.
 */
static bool apicv_count_irq_window(struct kvm *kvm)
{
	bool inhibited;

	down_read(&kvm->arch.apicv_update_lock);
	inhibited = kvm->arch.apicv_inhibit_reasons;
	if (inhibited)
		atomic_inc(&kvm->arch.apicv_irq_windows.users);
	up_read(&kvm->arch.apicv_update_lock);

	return inhibited;
}

void kvm_apicv_irq_window_open(struct kvm *kvm)
{
	/* Pairs with the barrier in apicv_hold_irq_window_inhibit(). */
	if (atomic_inc_not_zero(&kvm->arch.apicv_irq_windows.users))
		return;

	if (apicv_count_irq_window(kvm))
		return;

	/* Count it only then: others rely on the inhibit if there's a count. */
	down_write(&kvm->arch.apicv_update_lock);
	if (kvm_apicv_activated(kvm)) {
		__kvm_update_apicv_inhibits(kvm, APICV_IRQWIN, 0);
		apicv_hold_irq_window_inhibit(kvm);
	}
	atomic_inc(&kvm->arch.apicv_irq_windows.users);
	up_write(&kvm->arch.apicv_update_lock);
}
EXPORT_SYMBOL_GPL(kvm_apicv_irq_window_open);

void kvm_apicv_irq_window_close(struct kvm *kvm)
{
	WRITE_ONCE(kvm->arch.apicv_irq_windows.last_close, jiffies);
	atomic_dec(&kvm->arch.apicv_irq_windows.users);
}
EXPORT_SYMBOL_GPL(kvm_apicv_irq_window_close);

void kvm_apicv_init(struct kvm *kvm)
{
	/* The host's reason stays alone, as nobody sets or clears others then. */
	int reason = enable_apicv ? APICV_INHIBIT_REASON_ABSENT :
				    APICV_INHIBIT_REASON_DISABLE;

	init_rwsem(&kvm->arch.apicv_update_lock);
	INIT_DELAYED_WORK(&kvm->arch.apicv_irq_windows.clear,
			  apicv_clear_irq_window_inhibit);

	kvm->arch.apicv_inhibit_reasons = BIT(reason);
	apicv_count_inhibit(kvm, reason, true, ktime_get_ns());
}

static void apicv_show_reasons(struct seq_file *m, unsigned long reasons)
{
	int reason;

	for_each_set_bit(reason, &reasons, NR_APICV_INHIBIT_REASONS)
		seq_printf(m, " %s", apicv_inhibit_names[reason]);
	seq_putc(m, '\n');
}

static void apicv_show_reason(struct kvm *kvm, struct seq_file *m, int reason)
{
	bool set = kvm->arch.apicv_inhibit_reasons & BIT(reason);
	u64 ns = kvm->stat.apicv_inhibit_ns[reason];

	if (!kvm->stat.apicv_inhibit_set[reason])
		return;

	if (set)
		ns += ktime_get_ns() - kvm->arch.apicv_inhibited_since[reason];

	seq_printf(m, "%-20s %-3s %10llu %10llu %14llu\n",
		   apicv_inhibit_names[reason], set ? "yes" : "no",
		   kvm->stat.apicv_inhibit_set[reason],
		   kvm->stat.apicv_inhibit_cleared[reason],
		   div_u64(ns, NSEC_PER_USEC));
}

/* A snapshot, as the vCPU may run. */
static void apicv_show_vcpu(struct kvm_vcpu *vcpu, struct seq_file *m)
{
	seq_printf(m, "vcpu %d: %s", vcpu->vcpu_id,
		   kvm_vcpu_apicv_active(vcpu) ? "on" : "off");
	apicv_show_reasons(m, static_call(kvm_x86_vcpu_get_apicv_inhibit_reasons)(vcpu));
}

void kvm_apicv_show(struct kvm *kvm, struct seq_file *m)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	down_read(&kvm->arch.apicv_update_lock);

	seq_printf(m, "apicv: %s", kvm_apicv_activated(kvm) ? "on" : "off");
	apicv_show_reasons(m, kvm->arch.apicv_inhibit_reasons);

	seq_printf(m, "%-20s %-3s %10s %10s %14s\n",
		   "reason", "now", "set", "cleared", "us");
	for (i = 0; i < NR_APICV_INHIBIT_REASONS; i++)
		apicv_show_reason(kvm, m, i);

	kvm_for_each_vcpu(i, vcpu, kvm)
		apicv_show_vcpu(vcpu, m);

	up_read(&kvm->arch.apicv_update_lock);
}

void kvm_apicv_destroy(struct kvm *kvm)
{
	cancel_delayed_work_sync(&kvm->arch.apicv_irq_windows.clear);
}

void kvm_vcpu_update_apicv(struct kvm_vcpu *vcpu)
{
	struct kvm_lapic *apic = vcpu->arch.apic;
	bool activate;

	if (!lapic_in_kernel(vcpu))
		return;

	/*
	 * Even if this vCPU doesn't notice a change: APICv may have been off
	 * and on again since a fault of this vCPU was cached as MMIO.
	 */
	kvm_apic_access_forget_mmio(vcpu);

	down_read(&vcpu->kvm->arch.apicv_update_lock);
	preempt_disable();

	/* Do not activate APICV when APIC is disabled */
	activate = kvm_vcpu_apicv_activated(vcpu) &&
		   (kvm_get_apic_mode(vcpu) != LAPIC_MODE_DISABLED);

	if (apic->apicv_active == activate)
		goto out;

	apic->apicv_active = activate;
	kvm_apic_update_apicv(vcpu);
	static_call(kvm_x86_refresh_apicv_exec_ctrl)(vcpu);

	/*
	 * When APICv gets disabled, we may still have injected interrupts
	 * pending. At the same time, KVM_REQ_EVENT may not be set as APICv was
	 * still active when the interrupt got accepted. Make sure
	 * kvm_check_and_inject_events() is called to check for that.
	 *
	 * When APICv gets enabled, the guest may be in the middle of an
	 * interrupt that KVM injected.  The CPU has to know its vector, as the
	 * guest's EOI no longer exits.  If L2 is active, then the vector is
	 * set when vmcs01 is loaded.
	 */
	if (!apic->apicv_active)
		kvm_make_request(KVM_REQ_EVENT, vcpu);
	else
		kvm_apic_update_hwapic_isr(vcpu);

out:
	preempt_enable();
	up_read(&vcpu->kvm->arch.apicv_update_lock);
}
EXPORT_SYMBOL_GPL(kvm_vcpu_update_apicv);

void __kvm_update_apicv_inhibits(struct kvm *kvm, unsigned long set,
				 unsigned long clear)
{
	unsigned long old = kvm->arch.apicv_inhibit_reasons, new;

	lockdep_assert_held_write(&kvm->arch.apicv_update_lock);

	new = (old & ~clear) | (set & kvm_x86_ops.apicv_inhibits);
	new = apicv_add_irq_window_inhibit(kvm, new);
	if (new == old)
		return;

	if (!old != !new) {
		/*
		 * Kick all vCPUs before setting apicv_inhibit_reasons to avoid
		 * false positives in the sanity check WARN in svm_vcpu_run().
		 * This task will wait for all vCPUs to ack the kick IRQ before
		 * updating apicv_inhibit_reasons, and all other vCPUs will
		 * block on acquiring apicv_update_lock so that vCPUs can't
		 * redo svm_vcpu_run() without seeing the new inhibit state.
		 *
		 * Note, holding apicv_update_lock and taking it in the read
		 * side (handling the request) also prevents other vCPUs from
		 * servicing the request with a stale apicv_inhibit_reasons.
		 */
		kvm_make_all_cpus_request(kvm, KVM_REQ_APICV_UPDATE);
		/*
		 * Then zap the APIC-access page, so that accesses fault, or the
		 * MMIO SPTE that is there instead, so that the page is mapped.
		 * Not the other way round: a fault in between would install it
		 * again.
		 */
		apicv_store_inhibits(kvm, new);
		kvm_apic_access_zap(kvm);
		kvm->stat.apicv_update++;
	} else {
		apicv_store_inhibits(kvm, new);
	}
}

void kvm_update_apicv_inhibits(struct kvm *kvm, unsigned long set,
			       unsigned long clear)
{
	if (!enable_apicv)
		return;

	down_write(&kvm->arch.apicv_update_lock);
	__kvm_update_apicv_inhibits(kvm, set, clear);
	up_write(&kvm->arch.apicv_update_lock);
}
EXPORT_SYMBOL_GPL(kvm_update_apicv_inhibits);
