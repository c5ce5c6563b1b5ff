/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ticks of a reinjecting PIT through the I/O APIC with AVIC, which doesn't exit for their EOI: timer, worker, vCPU, and a
 * reason to inhibit AVIC that has nothing to do with it. pit_do_work(), pit_find_eoi(), pit_update_inhibit() and
 * kvm_pit_ack_irq(), kvm_ioapic_find_tracked_eoi() and kvm_ioapic_find_eoi(), kvm_vcpu_update_apicv(). Each tick arrives,
 * none has to wait for one that isn't due yet, and AVIC comes back: after the last one, and when the PIT is reset. One too
 * many may arrive, as it may without AVIC: kvm_pit_ack_irq() sets irq_ack before it looks at what is pending.
 *
 * variant LATER       base 7.3: the PIT itself clears its inhibit later, unless ticks are owed again
 * mutant NO_INHIBIT   AVIC isn't inhibited while ticks are owed
 * mutant NO_RECHECK   nobody looks once more when the inhibit is in force
 * mutant STOP_SILENT  nobody looks at a vCPU that stops using AVIC
 * mutant LOOK_AT_ALL  vCPUs that don't use AVIC are looked at, too
 * mutant NOT_FORGOTTEN  an EOI that exits leaves what is tracked to be found once more
 * mutant TOLD_TWICE   an EOI that is emulated although AVIC is active is told even if it has been found
 * mutant LATE_FLAG    the flag that the inhibit is wanted is set when it's in force, and then nobody looks
 */
#define TICKS	3

byte fired;			/* by the timer */
byte received;			/* by the guest */
bool was_reset, settled;

byte pending;
bool irq_ack = true;
bool expired, recheck, uninhibit, busy;	/* the worker */
bool flag;			/* pit->inhibits_apicv */

bool ioapic;			/* its lock */
bool tracked;			/* the vCPU is in the map of who got the tick */

bool reason, other;		/* to inhibit AVIC: the PIT's, and another one */
byte readers;			/* of apicv_update_lock */
bool writer;

bool request, in_guest, halted;
bool avic = true;		/* apic->apicv_active */
bool irr, isr;

inline lock() { atomic { !ioapic -> ioapic = true } }
inline unlock() { ioapic = false }

/* kvm_set_apicv_inhibit() and kvm_clear_apicv_inhibit() */
inline update(var, value)
{
	atomic { !writer && readers == 0 -> writer = true }
	request = true;
	!in_guest;
	var = value;
	writer = false
}

/* kvm_pit_ack_irq() */
inline ack()
{
	bool more;

	irq_ack = true;
	atomic {
		more = pending > 1;
		if
		:: pending > 0 -> pending--
		:: else
		fi
	}
	if
	:: more -> expired = true
	:: else
	fi;
	more = false
}

/* Look for the EOI, and tell it as if it had exited. */
inline look(allowed)
{
	bool gone;

	lock();
	if
	:: tracked && (allowed) ->
		gone = !irr;
		gone = gone && !isr;
		if
		:: gone -> tracked = false
		:: else
		fi
	:: else
	fi;
	unlock();
	if
	:: gone -> gone = false; ack()
	:: else
	fi
}

inline update_inhibit()
{
	bool owes;

	owes = (pending > 1 && tracked);
	if
	:: owes && !flag ->
#ifdef NO_INHIBIT
		skip
#else
#ifdef LATE_FLAG
		update(reason, true);
		flag = true
#else
		flag = true;
		update(reason, true);
#ifndef NO_RECHECK
		recheck = true
#endif
#endif
#endif
	:: !owes && flag ->
#ifdef LATER
		uninhibit = true
#else
		flag = false;
		/* Later in fact, so that the guest can't do that too often. */
		update(reason, false)
#endif
	:: else
	fi;
	owes = false
}

/* pit_do_uninhibit() of base 7.3 */
inline do_uninhibit()
{
	bool still;

	still = (pending > 1 && tracked);
	if
	:: flag && !still ->
		flag = false;
		update(reason, false)
	:: else
	fi;
	still = false
}

#ifdef LOOK_AT_ALL
#define MAY_BE_LOOKED_AT	true
#else
#define MAY_BE_LOOKED_AT	avic
#endif

inline find_eoi()
{
	if
	:: !irq_ack -> look(MAY_BE_LOOKED_AT)
	:: else
	fi;
	update_inhibit()
}

/* pit_do_work() */
inline tick()
{
	bool acked;

	atomic { acked = irq_ack; irq_ack = false }
	if
	:: acked ->
		lock(); tracked = false; unlock();
		lock();
		/* It would be lost. */
		assert(!irr || was_reset);
		tracked = true;
		irr = true;
		unlock();
		update_inhibit()
	:: else -> find_eoi()
	fi;
	acked = false
}

active proctype worker()
{
end:	do
	:: atomic { expired -> expired = false; busy = true } tick(); busy = false
	:: atomic { recheck -> recheck = false; busy = true } find_eoi(); busy = false
	:: atomic { uninhibit -> uninhibit = false; busy = true } do_uninhibit(); busy = false
	od
}

active proctype timer()
{
	do
	:: fired < TICKS -> atomic { pending++; expired = true; fired++ }
	:: fired == TICKS && !was_reset ->
		/* The pin is masked and unmasked, or channel 0 is written to. */
		was_reset = true;
		pending = 0;
		irq_ack = true;
		if
		:: flag -> recheck = true
		:: else
		fi;
		break
	:: fired == TICKS -> break
	od;
	settled = true
}

/* Another reason comes and goes. */
active proctype another()
{
	update(other, true);
	update(other, false)
}

/* kvm_vcpu_update_apicv() */
inline handle_request()
{
	request = false;
	atomic { !writer -> readers++ }
	if
	:: avic && (reason || other) ->
		avic = false;
#ifndef STOP_SILENT
		look(true)
#endif
	:: else -> avic = !(reason || other)
	fi;
	readers--
}

/* kvm_ioapic_update_eoi(): a vCPU that uses AVIC may have been looked at. */
inline emulated_eoi()
{
	bool known;

	lock();
#ifndef TOLD_TWICE
	known = avic && (!tracked || irr || isr);
#endif
#ifndef NOT_FORGOTTEN
	tracked = tracked && known;
#endif
	unlock();
	if
	:: !known -> ack()
	:: else
	fi;
	known = false
}

active proctype vcpu()
{
end:	do
	:: request -> handle_request()
	/* KVM injects, in two steps. */
	:: !request && !avic && irr && !isr ->
		irr = false;
		isr = true;
		received++
	/* The guest's EOI exits. */
	:: !request && !avic && isr ->
		isr = false;
		emulated_eoi()
	:: !request && avic ->
		in_guest = true;
		if
		:: request -> skip
		:: else ->
			do
			:: atomic { irr && !isr -> irr = false; isr = true; received++ }
			:: atomic { isr -> isr = false }
			/* KVM emulates the EOI, e.g. in x2APIC mode without x2AVIC. */
			:: isr -> in_guest = false; isr = false; emulated_eoi(); break
			/* It exits. */
			:: request -> break
			:: !irr && !isr -> break
			od
		fi;
		in_guest = false
	/* It blocks, and requests don't wake it up. */
	:: !irr && !isr ->
		halted = true;
end_halt:	irr;
		halted = false
	od
}

/* Nothing happens anymore. */
#define AT_REST	(settled && !expired && !recheck && !uninhibit && !busy && !ioapic && !writer)

active proctype monitor()
{
end:	atomic {
		AT_REST && halted && !irr && !isr ->
		assert(received >= TICKS || was_reset);
		assert(!flag && !reason)
	}
}

/* The vCPU hasn't come so far, whether it ever will or not. */
active proctype reset_monitor()
{
end:	atomic {
		AT_REST && was_reset && pending == 0 && irq_ack ->
		assert(!flag && !reason)
	}
}
