/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is mapped at the address of the APIC while APICv comes and goes: faults against changes of the inhibits, a vCPU that comes
 * online in between, the page that is suppressed when a vCPU enters x2APIC mode, and the work that clears reasons late, which must be
 * gone when the VM is. kvm_apic_access_*() in arch/x86/kvm/apic_access.c and arch/x86/kvm/apicv_inhibit.c, kvm_faultin_pfn() and
 * is_page_fault_stale() in arch/x86/kvm/mmu/mmu.c.
 *
 * A vCPU in the guest that uses APICv finds the page or nothing, i.e. faults, and one that doesn't finds MMIO or nothing.
 *
 * mutant NO_RECHECK        a fault doesn't look at mmu_invalidate_seq again with mmu_lock held
 * mutant NO_MMIO_RECHECK   an MMIO fault doesn't, as those that have no memslot
 * mutant SEQ_LATE          a fault decides before it reads mmu_invalidate_seq
 * mutant ZAP_FIRST         the zap comes before the inhibits are stored
 * mutant NO_MMIO_ZAP       what is MMIO stays when APICv becomes active
 * mutant NO_REQUEST        a vCPU comes online without a request to update its APICv
 * mutant SUPPRESS_EARLY    who comes second relies on a suppression that isn't done
 * mutant SUPPRESS_FLAG     the page is zapped, and mapped again
 * mutant STALE_STAYS       a reason that comes back is cleared by the work nonetheless
 * mutant NOT_QUEUED        the work isn't queued, APICv stays off
 * mutant ARM_DYING         a reason that destruction clears queues the work
 * mutant NO_CANCEL         the work isn't cancelled
 */
#define VCPUS	2
#define CHANGES	2

mtype = { nothing, page, mmio };

mtype spte = nothing;
bool moved[VCPUS];		/* mmu_invalidate_seq isn't what the vCPU's fault has read */
byte readers;			/* of mmu_lock */
bool writer;

bool inhibited;			/* what KVM has stored */
bool reason;			/* what the guest has done */
bool stale, queued, working, dying, freed;
bool updating;			/* apicv_update_lock, held for write */
byte updaters;			/* held for read */

bool suppressed;
bool x2apic[VCPUS];
bool online[VCPUS], request[VCPUS], uses_apicv[VCPUS], in_guest[VCPUS];
byte users;			/* of the VM */

inline write_lock() { atomic { !writer && readers == 0 -> writer = true } }
inline update_lock() { atomic { !updating && updaters == 0 -> updating = true } }

/* kvm_zap_gfn_range() or kvm_mmu_zap_mmio(). */
inline zap()
{
	write_lock();
	d_step { spte = nothing; moved[0] = true; moved[1] = true }
	writer = false
}

/* apicv_switch(), with apicv_update_lock held for write. */
inline switch(to)
{
	d_step { request[0] = request[0] || online[0]; request[1] = request[1] || online[1] }
	!in_guest[0] && !in_guest[1];
#ifdef ZAP_FIRST
	zap();
#endif
	inhibited = to;
#ifdef NO_MMIO_ZAP
	if
	:: to -> zap()
	:: else
	fi
#else
#ifndef ZAP_FIRST
	zap()
#endif
#endif
}

inline set()
{
	update_lock();
	reason = true;
#ifndef STALE_STAYS
	stale = false;
#endif
	if
	:: !inhibited -> switch(true)
	:: else
	fi;
	updating = false
}

#ifdef ARM_DYING
#define MAY_QUEUE	true
#else
#define MAY_QUEUE	!dying
#endif

inline clear()
{
	update_lock();
	reason = false;
	if
	:: inhibited && MAY_QUEUE ->
		stale = true;
#ifndef NOT_QUEUED
		queued = true
#else
		skip
#endif
	:: else
	fi;
	updating = false
}

active proctype work()
{
end:	do
	:: atomic { queued -> queued = false; working = true }
		assert(!freed);
		update_lock();
		if
		:: stale ->
			stale = false;
			switch(false);
			assert(!reason)
		:: else
		fi;
		updating = false;
		working = false
	od
}

inline suppress(n)
{
	if
#ifndef SUPPRESS_EARLY
	:: suppressed ->
		/* Waits for who was first, in update(). */
		skip
#else
	:: suppressed ->
		waits = false
#endif
	:: else ->
#ifndef SUPPRESS_EARLY
		update_lock();
#endif
#ifndef SUPPRESS_FLAG
		suppressed = true;
#endif
		zap();
#ifdef SUPPRESS_FLAG
		suppressed = true;
#endif
#ifndef SUPPRESS_EARLY
		updating = false
#else
		skip
#endif
	fi
}

inline update(n)
{
	request[n] = false;
	waits = true;
	if
	:: x2apic[n] -> suppress(n)
	:: else
	fi;
	if
	:: waits -> atomic { !updating -> updaters++ }; uses_apicv[n] = !inhibited; updaters--
	:: else -> uses_apicv[n] = !inhibited
	fi
}

#define RIGHT	((inhibited || suppressed) -> mmio : page)

inline fault()
{
#ifdef SEQ_LATE
	decided = RIGHT;
	moved[n] = false;
#else
	moved[n] = false;
	decided = RIGHT;
#endif
	atomic { !writer -> readers++ }
	if
#ifdef NO_RECHECK
	:: spte = decided
#else
#ifdef NO_MMIO_RECHECK
	:: !moved[n] || decided == mmio -> spte = decided
#else
	:: !moved[n] -> spte = decided
#endif
	:: else
#endif
	fi;
	atomic { readers--; decided = nothing; moved[n] = false }
}

/* An access in the guest, which is but one step: the CPU looks at the SPTE. */
#define WRONG(n)	((spte == page && (!uses_apicv[n] || x2apic[n])) || (spte == mmio && uses_apicv[n] && !suppressed))

proctype vcpu(byte n)
{
	mtype decided;
	bool waits;

	/* kvm_arch_vcpu_create(), and then it can be found. */
#ifdef NO_REQUEST
	uses_apicv[n] = !inhibited;
#else
	request[n] = true;
#endif
	online[n] = true;

	do
	:: request[n] -> update(n)
	:: !x2apic[n] -> atomic { x2apic[n] = true; request[n] = true }
	:: atomic { !request[n] -> in_guest[n] = true };
		assert(!WRONG(n));
		if
		:: spte == nothing -> in_guest[n] = false; fault()
		:: else -> in_guest[n] = false
		fi
	:: break
	od;
	users--
}

/* The vCPU that writes, or a VMM. */
proctype change()
{
	byte i;

	for (i : 1 .. CHANGES) {
		set();
		clear()
	}
	users--
}

active proctype vm()
{
	atomic {
		users = VCPUS + 1;
		run vcpu(0);
		run vcpu(1);
		run change()
	}
	users == 0;
	/* APICv is off, or there's a reason, or somebody will mind it. */
	assert(inhibited == reason || queued || working);

	/* kvm_apicv_destroy() */
	update_lock();
	dying = true;
	updating = false;
#ifndef NO_CANCEL
	queued = false;
	!working;
#endif
	/* kvm_free_pit(): a reason that is gone with its device. */
	set();
	clear();
	freed = true;
	assert(!queued && !working)
}
