/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes of the inhibits against VM entries, and interrupt windows that inhibit APICv for a while, in
 * arch/x86/kvm/apicv_inhibit.c and vcpu_enter_guest(). A vCPU never is in the guest with APICv active while there is a
 * reason against it, nor while it has a window open; and nothing remains inhibited when all windows are closed.
 *
 * mutant STORE_FIRST   the reasons are stored before the vCPUs are kicked
 * mutant NO_WAIT       the kick doesn't wait for vCPUs that are in the guest
 * mutant NO_RECHECK    a vCPU doesn't look at its requests again once it is IN_GUEST_MODE
 * mutant NO_LOCK       a vCPU handles the request without apicv_update_lock
 * mutant COUNT_FIRST   a window is counted before the inhibit is there that the count stands for
 * mutant NOT_ATOMIC    the work looks at the users, and drops the last one in another step
 * mutant LAZY_UNLOCKED a window is counted without a lock because there's another reason
 */
#define VCPUS	2
#define ENTRIES	2
#define TOGGLES	2

bool request[VCPUS];
bool in_guest[VCPUS];		/* vcpu->mode */
bool entered[VCPUS];		/* really */
bool apicv[VCPUS];
byte finished;

bool irqwin, other;		/* the reasons */
byte users;			/* of the inhibit for windows */
bool armed, running;		/* the work */

byte readers;			/* of apicv_update_lock */
bool writer;

#define INHIBITED	(irqwin || other)

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

inline hold()
{
	atomic { users++ }
	armed = true
}

/* __kvm_update_apicv_inhibits(), what there is apart from the windows is given. */
inline update(new_irqwin, new_other)
{
	bool want = new_irqwin;
	if
	:: !new_irqwin && !new_other && users > 0 ->
		hold();
		want = true
	:: else
	fi;
#ifdef STORE_FIRST
	bool before = INHIBITED;
	atomic { irqwin = want; other = new_other }
	if
	:: before != INHIBITED -> kick()
	:: else
	fi;
#else
	if
	:: INHIBITED != (want || new_other) -> kick()
	:: else
	fi;
	atomic { irqwin = want; other = new_other }
#endif
	/* A vCPU that is about to enter is stopped by the request. */
	assert(!INHIBITED || !entered[0] || !apicv[0]);
	assert(!INHIBITED || !entered[1] || !apicv[1])
}

inline open_window()
{
	byte k;
	bool counted = false;

	atomic {
		if
		:: users > 0 -> users++; counted = true
		:: else
		fi
	}
	if
	:: !counted ->
#ifdef LAZY_UNLOCKED
		if
		:: INHIBITED -> users++; counted = true
		:: else
		fi
#else
		down_read();
		if
		:: INHIBITED -> atomic { users++ } counted = true
		:: else
		fi;
		up_read()
#endif
	:: else
	fi;
	if
	:: !counted ->
		down_write();
#ifdef COUNT_FIRST
		atomic { users++ }
		update(irqwin, other);
#else
		if
		:: !INHIBITED -> update(true, other); hold()
		:: else
		fi;
		atomic { users++ }
#endif
		up_write()
	:: else
	fi
}

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
	/* V_IRQ works with APICv off only. */
	assert(!window || !apicv[me]);
	atomic { entered[me] = false; in_guest[me] = false }
}

active [VCPUS] proctype vcpu()
{
	byte me = _pid, i;
	bool window;

	apicv[me] = true;
	for (i : 1 .. ENTRIES) {
		if
		:: open_window(); window = true
		:: window = false
		fi;
		enter();
		if
		:: window -> atomic { users-- }
		:: else
		fi
	}
	atomic { finished++ }
}

/* The work, as long as it's armed. */
active proctype clear()
{
	byte k;

end:	do
	:: atomic { armed -> armed = false; running = true }
		down_write();
#ifdef NOT_ATOMIC
		bool last = (users == 1);
		if
		:: last -> users = 0; update(false, other)
		:: else -> armed = true
		fi;
#else
		bool last = false;
		atomic {
			if
			:: users == 1 -> users = 0; last = true
			:: else
			fi
		}
		if
		:: last -> update(false, other)
		:: else -> armed = true
		fi;
#endif
		up_write();
		running = false
	od
}

/* Another reason that comes and goes. */
active proctype toggle()
{
	byte i, k;

	for (i : 1 .. TOGGLES) {
		down_write();
		update(irqwin, !other);
		up_write()
	}
	/* All windows are closed some time, and then the work clears the inhibit. */
	finished == VCPUS && !armed && !running;
	assert(!irqwin && users == 0)
}
