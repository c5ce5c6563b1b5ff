// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_host.h>
#include <linux/seq_file.h>

#include "apic_access.h"
#include "apicv_inhibit.h"
#include "hyperv.h"
#include "i8254.h"
#include "ioapic.h"
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
	[APICV_INHIBIT_REASON_PHYSICAL_ID_TOO_BIG] = "PHYSICAL_ID_TOO_BIG",
};

static_assert(ARRAY_SIZE(apicv_inhibit_names) == NR_APICV_INHIBIT_REASONS);

/*
 * Reasons that come and go with what a guest writes.  Each change that switches
 * APICv makes all vCPUs exit and wait, i.e. one vCPU that writes in a loop would
 * slow down all others.  Set at once, for the sake of correctness, such a reason
 * stays for up to this many jiffies after it has gone: APICv is switched off and
 * on once in that time at most.
 */
#define APICV_GUEST_INHIBITS				\
	(BIT(APICV_INHIBIT_REASON_HYPERV) |		\
	 BIT(APICV_INHIBIT_REASON_APIC_ID_MODIFIED) |	\
	 BIT(APICV_INHIBIT_REASON_APIC_BASE_MODIFIED) |	\
	 BIT(APICV_INHIBIT_REASON_PIT_REINJ) |		\
	 BIT(APICV_INHIBIT_REASON_PHYSICAL_ID_TOO_BIG))
#define APICV_CLEAR_DELAY	(HZ / 10)

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

static void apicv_clear_stale(struct work_struct *work);

void kvm_apicv_init(struct kvm *kvm)
{
	/* The host's reason stays alone, as nobody sets or clears others then. */
	int reason = enable_apicv ? APICV_INHIBIT_REASON_ABSENT :
				    APICV_INHIBIT_REASON_DISABLE;

	init_rwsem(&kvm->arch.apicv_update_lock);
	INIT_DELAYED_WORK(&kvm->arch.apicv_clear_work, apicv_clear_stale);

	kvm->arch.apicv_inhibit_reasons = BIT(reason);
}

void kvm_apicv_destroy(struct kvm *kvm)
{
	/* Destruction clears reasons, too, e.g. those of devices. */
	down_write(&kvm->arch.apicv_update_lock);
	kvm->arch.apicv_dying = true;
	up_write(&kvm->arch.apicv_update_lock);

	cancel_delayed_work_sync(&kvm->arch.apicv_clear_work);
}

/*
 * IRQWIN is cleared once that many interrupts have been delivered that APICv would
 * have delivered, since the last window was closed.  To switch APICv off and on
 * costs about as much, i.e. whether the next window comes before or after that, no
 * more than twice what had to be is spent.
 */
#define APICV_MISSED_INTERRUPTS	6

void kvm_apicv_open_irq_window(struct kvm *kvm)
{
	atomic_t *windows = &kvm->arch.apicv_irq_windows;

	/* Pairs with atomic_set_release() below, i.e. the inhibit is in force. */
	if (atomic_inc_not_zero(windows))
		return;

	down_write(&kvm->arch.apicv_update_lock);
	if (!atomic_inc_not_zero(windows)) {
		__kvm_update_apicv_inhibits(kvm, BIT(APICV_INHIBIT_REASON_IRQWIN), 0);
		/* Pairs with atomic_inc_not_zero() without the lock. */
		atomic_set_release(windows, 2);
	}
	up_write(&kvm->arch.apicv_update_lock);
}
EXPORT_SYMBOL_GPL(kvm_apicv_open_irq_window);

void kvm_apicv_close_irq_window(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	atomic_set(&kvm->arch.apicv_missed_interrupts, 0);
	atomic_dec(&kvm->arch.apicv_irq_windows);
}
EXPORT_SYMBOL_GPL(kvm_apicv_close_irq_window);

void __kvm_apicv_missed_interrupt(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	/* It's missed because of other reasons, too. */
	if (READ_ONCE(kvm->arch.apicv_inhibit_reasons) !=
	    BIT(APICV_INHIBIT_REASON_IRQWIN))
		return;

	/* Any vCPU will do, and this one has to be kicked anyway. */
	if (atomic_inc_return(&kvm->arch.apicv_missed_interrupts) >=
	    APICV_MISSED_INTERRUPTS)
		kvm_make_request(KVM_REQ_APICV_UPDATE, vcpu);
}
EXPORT_SYMBOL_GPL(__kvm_apicv_missed_interrupt);

static void apicv_clear_irq_window_inhibit(struct kvm *kvm)
{
	atomic_t *windows = &kvm->arch.apicv_irq_windows;

	if (atomic_read(windows) != 1 ||
	    atomic_read(&kvm->arch.apicv_missed_interrupts) < APICV_MISSED_INTERRUPTS)
		return;

	down_write(&kvm->arch.apicv_update_lock);
	/* Whoever opens a window from here on waits for the lock. */
	if (atomic_cmpxchg(windows, 1, 0) == 1)
		__kvm_update_apicv_inhibits(kvm, 0, BIT(APICV_INHIBIT_REASON_IRQWIN));
	up_write(&kvm->arch.apicv_update_lock);
}

static bool apicv_is_to_be_active(struct kvm_vcpu *vcpu)
{
	/* Do not activate APICV when APIC is disabled */
	return lapic_in_kernel(vcpu) && kvm_vcpu_apicv_activated(vcpu) &&
	       kvm_get_apic_mode(vcpu) != LAPIC_MODE_DISABLED;
}

void kvm_vcpu_update_apicv(struct kvm_vcpu *vcpu)
{
	struct kvm_lapic *apic = vcpu->arch.apic;
	bool activate;

	if (!lapic_in_kernel(vcpu))
		return;

	apicv_clear_irq_window_inhibit(vcpu->kvm);

	down_read(&vcpu->kvm->arch.apicv_update_lock);
	preempt_disable();

	activate = apicv_is_to_be_active(vcpu);
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
	 * When AVIC gets enabled, an interrupt window may be open, for an ExtINT
	 * that AVIC can't deliver.  The CPU ignores V_IRQ from now on: have the
	 * window requested once more.
	 */
	kvm_make_request(KVM_REQ_EVENT, vcpu);

	/*
	 * When APICv gets enabled, the guest may be in the middle of an
	 * interrupt that KVM injected.  Tell the CPU its vector, as the guest's
	 * EOI no longer exits.  If L2 is active, then that is deferred until
	 * vmcs01 is loaded.
	 */
	if (apic->apicv_active)
		kvm_apic_update_hwapic_isr(vcpu);

out:
	preempt_enable();

	/* AVIC may have virtualized the EOI that the RTC or the PIT waits for. */
	if (!activate && !kvm_x86_ops.load_eoi_exitmap)
		kvm_ioapic_find_eoi(vcpu);

	up_read(&vcpu->kvm->arch.apicv_update_lock);
}
EXPORT_SYMBOL_GPL(kvm_vcpu_update_apicv);

/* Trace what isn't as in @old anymore. */
static void trace_apicv_inhibits(struct kvm *kvm, unsigned long old)
{
	unsigned long new = kvm->arch.apicv_inhibit_reasons;
	unsigned long changed = old ^ new;
	int reason;

	for_each_set_bit(reason, &changed, NR_APICV_INHIBIT_REASONS)
		trace_kvm_apicv_inhibit_changed(kvm, reason,
						apicv_inhibit_names[reason],
						new & BIT(reason), new);
}

/* APICv becomes active for the VM, or inactive. */
static void apicv_switch(struct kvm *kvm, unsigned long reasons)
{
	/*
	 * Kick all vCPUs before setting apicv_inhibit_reasons to avoid false
	 * positives in the sanity check WARN in svm_vcpu_run(). This task will
	 * wait for all vCPUs to ack the kick IRQ before updating
	 * apicv_inhibit_reasons, and all other vCPUs will block on acquiring
	 * apicv_update_lock so that vCPUs can't redo svm_vcpu_run() without
	 * seeing the new inhibit state.
	 *
	 * Note, holding apicv_update_lock and taking it in the read side
	 * (handling the request) also prevents other vCPUs from servicing the
	 * request with a stale apicv_inhibit_reasons.
	 */
	kvm_make_all_cpus_request(kvm, KVM_REQ_APICV_UPDATE);
	WRITE_ONCE(kvm->arch.apicv_inhibit_reasons, reasons);
	/* Not the other way round: a fault in between would be none the wiser. */
	kvm_apic_access_zap(kvm);
}

static void apicv_set_and_clear(struct kvm *kvm, unsigned long set,
				unsigned long clear)
{
	unsigned long old = kvm->arch.apicv_inhibit_reasons, new;

	lockdep_assert_held_write(&kvm->arch.apicv_update_lock);

	new = (old & ~clear) | (set & kvm_x86_ops.apicv_inhibits);
	if (new == old)
		return;

	if (!old != !new)
		apicv_switch(kvm, new);
	else
		WRITE_ONCE(kvm->arch.apicv_inhibit_reasons, new);

	trace_apicv_inhibits(kvm, old);
}

void kvm_apicv_clear_later(struct kvm *kvm)
{
	lockdep_assert_held_write(&kvm->arch.apicv_update_lock);

	if (!kvm->arch.apicv_dying)
		schedule_delayed_work(&kvm->arch.apicv_clear_work, APICV_CLEAR_DELAY);
}

static void apicv_clear_stale(struct work_struct *work)
{
	struct kvm *kvm = container_of(to_delayed_work(work), struct kvm,
				       arch.apicv_clear_work);

	down_write(&kvm->arch.apicv_update_lock);
	apicv_set_and_clear(kvm, 0, kvm->arch.apicv_stale_inhibits);
	kvm->arch.apicv_stale_inhibits = 0;
	kvm_apic_access_restore(kvm);
	up_write(&kvm->arch.apicv_update_lock);
}

void __kvm_update_apicv_inhibits(struct kvm *kvm, unsigned long set,
				 unsigned long clear)
{
	unsigned long later;

	clear &= ~set;
	later = clear & APICV_GUEST_INHIBITS & kvm->arch.apicv_inhibit_reasons;

	apicv_set_and_clear(kvm, set, clear & ~later);

	/* What has come back isn't stale anymore. */
	kvm->arch.apicv_stale_inhibits &= ~set;
	kvm->arch.apicv_stale_inhibits |= later;
	if (later)
		kvm_apicv_clear_later(kvm);
}

void kvm_update_apicv_inhibits(struct kvm *kvm, unsigned long set,
			       unsigned long clear)
{
	if (!enable_apicv || !((set | clear) & kvm_x86_ops.apicv_inhibits))
		return;

	down_write(&kvm->arch.apicv_update_lock);
	__kvm_update_apicv_inhibits(kvm, set, clear);
	up_write(&kvm->arch.apicv_update_lock);
}
EXPORT_SYMBOL_GPL(kvm_update_apicv_inhibits);

/*
 * What PIT_REINJ waits for, which may be nothing anymore, see APICV_CLEAR_DELAY.
 * The file in debugfs is removed before the PIT is freed.
 */
static void apicv_show_pit(struct kvm *kvm, struct seq_file *m)
{
	struct kvm_pit *pit = READ_ONCE(kvm->arch.vpit);

	if (pit && kvm->arch.apicv_inhibit_reasons & BIT(APICV_INHIBIT_REASON_PIT_REINJ))
		seq_printf(m, "PIT: %d ticks owed\n", kvm_pit_owed_ticks(pit));
}

/* What IRQWIN waits for.  It outlives the last window, see above. */
static void apicv_show_irq_windows(struct kvm *kvm, struct seq_file *m)
{
	int windows = atomic_read(&kvm->arch.apicv_irq_windows);

	if (windows)
		seq_printf(m, "PIC: %d vCPUs wait for an interrupt window\n", windows - 1);
}

/* What APIC_ID_MODIFIED waits for.  If two share an ID, then one of them tells. */
static void apicv_show_id(struct kvm_vcpu *vcpu, struct seq_file *m)
{
	struct kvm_lapic *apic = vcpu->arch.apic, *owner = NULL;
	struct kvm_apic_map *map;
	u32 id;

	if (!kvm_apic_hw_enabled(apic) || apic_x2apic_mode(apic))
		return;

	id = kvm_xapic_id(apic);
	/* Truncated, and not an ID at all. */
	if (!kvm_apic_has_id(apic, id))
		return;

	/* vCPUs stay as long as the VM, the map doesn't. */
	rcu_read_lock();
	map = rcu_dereference(vcpu->kvm->arch.apic_map);
	if (map && test_bit(id, map->phys_shared))
		owner = map->phys_map[id];
	rcu_read_unlock();

	if (owner && owner != apic)
		seq_printf(m, "vCPU %d: ID %u shared with vCPU %d\n", vcpu->vcpu_id,
			   id, owner->vcpu->vcpu_id);
	else if (kvm_apic_sw_enabled(apic) && id != (u8)vcpu->vcpu_id)
		seq_printf(m, "vCPU %d: ID %u\n", vcpu->vcpu_id, id);
}

/*
 * What of @vcpu a reason of the VM waits for, a line for each.  Nothing if it has
 * gone a moment ago, see APICV_CLEAR_DELAY.
 */
static void apicv_show_causes(struct kvm_vcpu *vcpu, struct seq_file *m)
{
	unsigned long reasons = vcpu->kvm->arch.apicv_inhibit_reasons;
	struct kvm_lapic *apic = vcpu->arch.apic;

	if (!lapic_in_kernel(vcpu))
		return;

	if (reasons & BIT(APICV_INHIBIT_REASON_HYPERV) && to_hv_vcpu(vcpu) &&
	    !bitmap_empty(to_hv_synic(vcpu)->auto_eoi_bitmap, 256))
		seq_printf(m, "vCPU %d: AutoEOI\n", vcpu->vcpu_id);
	if (reasons & BIT(APICV_INHIBIT_REASON_BLOCKIRQ) &&
	    vcpu->guest_debug & KVM_GUESTDBG_BLOCKIRQ)
		seq_printf(m, "vCPU %d: KVM_GUESTDBG_BLOCKIRQ\n", vcpu->vcpu_id);
	if (reasons & BIT(APICV_INHIBIT_REASON_APIC_ID_MODIFIED))
		apicv_show_id(vcpu, m);
	if (reasons & BIT(APICV_INHIBIT_REASON_APIC_BASE_MODIFIED) && apic->relocated)
		seq_printf(m, "vCPU %d: base 0x%lx\n", vcpu->vcpu_id,
			   apic->base_address);
}

static void apicv_show_reasons(struct seq_file *m, unsigned long reasons)
{
	int reason;

	for_each_set_bit(reason, &reasons, NR_APICV_INHIBIT_REASONS)
		seq_printf(m, " %s", apicv_inhibit_names[reason]);
	seq_putc(m, '\n');
}

void kvm_apicv_show(struct kvm *kvm, struct seq_file *m)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	down_read(&kvm->arch.apicv_update_lock);

	seq_printf(m, "apicv: %s", kvm_apicv_activated(kvm) ? "on" : "off");
	apicv_show_reasons(m, kvm->arch.apicv_inhibit_reasons);
	apicv_show_pit(kvm, m);
	apicv_show_irq_windows(kvm, m);
	kvm_for_each_vcpu(i, vcpu, kvm)
		apicv_show_causes(vcpu, m);

	/* As it is when the vCPU runs, however long ago that was. */
	kvm_for_each_vcpu(i, vcpu, kvm) {
		seq_printf(m, "vcpu %d: %s", vcpu->vcpu_id,
			   apicv_is_to_be_active(vcpu) ? "on" : "off");
		apicv_show_reasons(m, static_call(kvm_x86_vcpu_get_apicv_inhibit_reasons)(vcpu));
	}

	up_read(&kvm->arch.apicv_update_lock);
}
