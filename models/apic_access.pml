/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults on the APIC-access page against a change of the inhibits, which zaps what is mapped there:
 * kvm_apic_access_fault(), kvm_apic_access_fault_stale() and kvm_apic_access_zap() in arch/x86/kvm/apic_access.c. When
 * the zap is done, nothing may be mapped that was decided with the old inhibits, and it must stay so.
 *
 * mutant CHECK_FIRST  the fault looks at the inhibits before it marks the page as mapped, i.e. there is no barrier
 * mutant NO_RECHECK   the fault doesn't look at the inhibits again with mmu_lock held
 * mutant NO_MARK      the fault doesn't mark the page as mapped
 * mutant ZAP_FIRST    the zap comes before the inhibits are stored
 * mutant CLEAR_LATE   the mark is cleared after the zap, which may drop mmu_lock for a moment
 */
#define FAULTS	2
#define CHANGES	4

mtype = { nothing, page, mmio };

mtype spte = nothing;
bool inhibited;
bool mapped;			/* the mark */
byte readers;			/* of mmu_lock */
bool writer;

#define RIGHT	(inhibited -> mmio : page)

inline write_lock() { atomic { !writer && readers == 0 -> writer = true } }

active [FAULTS] proctype fault()
{
	mtype decided;
	bool stale;

end:	do
	:: stale = false;
		decided = RIGHT;
		atomic { !writer -> readers++ }
#ifdef CHECK_FIRST
		stale = (decided != RIGHT);
#endif
#ifndef NO_MARK
		mapped = true;
#endif
#if !defined(CHECK_FIRST) && !defined(NO_RECHECK)
		stale = (decided != RIGHT);
#endif
		if
		:: stale
		:: else -> spte = decided
		fi;
		readers--
	od
}

inline zap()
{
	if
	:: !mapped
	:: else ->
		write_lock();
#ifndef CLEAR_LATE
		mapped = false;
#endif
		spte = nothing;
		if
		:: true
		:: writer = false; write_lock()
		fi;
#ifdef CLEAR_LATE
		mapped = false;
#endif
		writer = false
	fi
}

/* One at a time: apicv_update_lock is held for write. */
active proctype change()
{
	byte i;

	for (i : 1 .. CHANGES) {
#ifdef ZAP_FIRST
		zap();
		inhibited = !inhibited;
#else
		inhibited = !inhibited;
		zap();
#endif
		assert(spte == nothing || spte == RIGHT)
	}
	assert(spte == nothing || spte == RIGHT)
}
