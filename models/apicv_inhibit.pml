/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes of the inhibits against VM entries, IDs whose entries are written while AVIC is inhibited, what is deferred, and the
 * end of the VM: arch/x86/kvm/apicv_inhibit.c, avic_apic_map_changed() and vcpu_enter_guest(). A vCPU never is in the guest with
 * APICv active while there is a reason against it, nor while an entry isn't valid; and nothing runs once the VM is freed.
 *
 * mutant STORE_FIRST   the reasons are stored before the vCPUs are kicked
 * mutant NO_WAIT       the kick doesn't wait for vCPUs that are in the guest
 * mutant NO_RECHECK    a vCPU doesn't look at its requests again once it is IN_GUEST_MODE
 * mutant NO_LOCK       a vCPU handles the request without apicv_update_lock
 * mutant WRITE_FIRST   the entry becomes invalid before AVIC is inhibited
 * mutant CLEAR_FIRST   the reason is cleared before the entry is valid again
 * mutant KEEP_STALE    a reason that is set again is still going to be cleared
 * mutant NO_DYING      destruction cancels what is deferred, and lets it be deferred again
 */
#define VCPUS	2
#define ENTRIES	2
#define CHANGES	2

bool request[VCPUS];
bool in_guest[VCPUS];		/* vcpu->mode */
bool entered[VCPUS];		/* really */
bool apicv[VCPUS];
byte finished;

bool id;			/* the reason */
bool valid = true;		/* the entry of an APIC in the table */

bool stale, armed, running;	/* id is going to be cleared, the work */
bool dying, freed, changed;

byte readers;			/* of apicv_update_lock */
bool writer;

#define INHIBITED	id

inline down_read() { atomic { !writer -> readers++ } }
inline up_read() { readers-- }
inline down_write() { atomic { !writer && readers == 0 -> writer = true } }
inline up_write() { writer = false }

inline kick()
{
	for (k : 0 .. VCPUS - 1) {
		request[k] = true;
#ifndef NO_WAIT
		!in_guest[k];
#endif
	}
}

/* apicv_set_and_clear(), with what the reasons are going to be. */
inline update(new_id)
{
#ifdef STORE_FIRST
	bool before = INHIBITED;
	id = new_id
	if
	:: before != INHIBITED -> kick()
	:: else
	fi;
#else
	if
	:: id != new_id -> kick()
	:: else
	fi;
	id = new_id
#endif
	/* A vCPU that is about to enter is stopped by the request. */
	assert(!INHIBITED || !entered[0] || !apicv[0]);
	assert(!INHIBITED || !entered[1] || !apicv[1])
}

/* kvm_vcpu_update_apicv() */
inline handle_request()
{
	request[me] = false;
#ifndef NO_LOCK
	down_read();
#endif
	apicv[me] = !INHIBITED;
#ifndef NO_LOCK
	up_read()
#endif
}

/* Handle requests until there are none once the vCPU is IN_GUEST_MODE, then enter. */
inline enter()
{
	do
	:: request[me] -> handle_request()
	:: else ->
		in_guest[me] = true;
#ifndef NO_RECHECK
		if
		:: request[me] -> in_guest[me] = false
		:: else -> break
		fi
#else
		break
#endif
	od;
	entered[me] = true;
	/* The check before each VM entry. */
	assert(apicv[me] == !INHIBITED);
	/* A broadcast skips entries that aren't valid. */
	assert(valid || !apicv[me]);
	atomic { entered[me] = false; in_guest[me] = false }
}

active [VCPUS] proctype vcpu()
{
	byte me = _pid, i;

	apicv[me] = true;
	for (i : 1 .. ENTRIES) {
		enter()
	}
	atomic { finished++ }
}

/* __kvm_update_apicv_inhibits() with a reason that a guest can toggle. */
inline clear_later()
{
	down_write();
	if
	:: !dying && id -> stale = true; armed = true
	:: else
	fi;
	up_write()
}

/* An APIC gets an ID that isn't its own, and gets its own again. */
active proctype ids()
{
	byte i, k;

	for (i : 1 .. CHANGES) {
#ifdef WRITE_FIRST
		valid = false;
#endif
		down_write();
		update(true);
#ifndef KEEP_STALE
		stale = false;
#endif
		up_write();
		valid = false;
#ifdef CLEAR_FIRST
		clear_later();
		valid = true
#else
		valid = true;
		clear_later()
#endif
	}
	changed = true
}

/* The delayed work. */
active proctype work()
{
	byte k;

end:	do
	:: atomic { armed -> armed = false; running = true }
		assert(!freed);
		down_write();
		if
		:: stale -> update(false); stale = false
		:: else
		fi;
		up_write();
		running = false
	od
}

/* kvm_arch_sync_events(), and devices that clear their reasons when they go. */
active proctype destroy()
{
	finished == VCPUS && changed;
#ifndef NO_DYING
	down_write();
	dying = true;
	up_write();
#endif
	armed = false;
	!running;
	clear_later();
	freed = true;
	assert(!armed && !running)
}
