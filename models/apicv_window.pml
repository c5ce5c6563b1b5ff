/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupt windows that inhibit AVIC: kvm_apicv_open_irq_window(), kvm_apicv_close_irq_window(), svm_enable_irq_window(),
 * svm_vcpu_put() and vcpu_enter_guest(). A vCPU never is in the guest with AVIC active while it waits for a window, whoever
 * puts it, changes its mind about the interrupt, or clears the inhibit.
 *
 * mutant CLOSE_TWICE   the flag of the window is looked at, and cleared later
 * mutant COUNT_FIRST   a window is counted before the inhibit is there that the count stands for
 * mutant NOT_ATOMIC    whoever clears the inhibit looks at the count, and drops the last one in another step
 * mutant FLAG_FIRST    a vCPU takes its window for open before it is counted, and is put in between
 * mutant PUT_SILENT    a vCPU that is put closes its window and doesn't ask again
 * mutant READ_TWICE    whether a window is needed is decided, and looked at again to open it
 */
#define VCPUS	2
#define ENTRIES	2

bool request[VCPUS];
bool in_guest[VCPUS];		/* vcpu->mode */
bool entered[VCPUS];		/* really */
bool apicv[VCPUS];
byte finished;

bool irqwin;			/* the reason */
byte windows;			/* that are open, plus one for irqwin */

byte readers;			/* of apicv_update_lock */
bool writer;

#define INHIBITED	irqwin

inline down_read() { atomic { !writer -> readers++ } }
inline up_read() { readers-- }
inline down_write() { atomic { !writer && readers == 0 -> writer = true } }
inline up_write() { writer = false }

inline kick()
{
	for (k : 0 .. VCPUS - 1) {
		request[k] = true;
		!in_guest[k]
	}
}

/* apicv_set_and_clear() */
inline update(new_irqwin)
{
	if
	:: irqwin != new_irqwin -> kick()
	:: else
	fi;
	irqwin = new_irqwin
}

/* kvm_apicv_open_irq_window() */
inline open_window()
{
	bool counted = false;

	atomic {
		if
		:: windows > 0 -> windows++; counted = true
		:: else
		fi
	}
	if
	:: !counted ->
		down_write();
		if
		:: windows > 0 -> atomic { windows++ }
		:: else ->
#ifdef COUNT_FIRST
			windows = 2;
			update(true)
#else
			update(true);
			windows = 2
#endif
		fi;
		up_write()
	:: else
	fi
}

inline close_window()
{
	open = false;
	atomic { assert(windows > 0); windows-- }
}

/* Enough interrupts have been missed, or not. */
inline clear_irqwin()
{
	bool last = false;
	if
	:: windows == 1 ->
		down_write();
#ifdef NOT_ATOMIC
		last = (windows == 1);
		if
		:: last -> windows = 0
		:: else
		fi;
#else
		atomic {
			if
			:: windows == 1 -> windows = 0; last = true
			:: else
			fi
		}
#endif
		if
		:: last -> update(false)
		:: else
		fi;
		up_write()
	:: true
	fi
}

/* kvm_vcpu_update_apicv() */
inline handle_request()
{
	request[me] = false;
	clear_irqwin();
	down_read();
	/* That KVM looks for events, too, if this changes is for others. */
	apicv[me] = !INHIBITED;
	up_read()
}

/* The vCPU may be preempted while it waits for a lock, or whenever it likes. */
inline put()
{
	if
	:: open ->
		close_window();
#ifndef PUT_SILENT
		event = true
#endif
	:: else
	fi
}

/* kvm_check_and_inject_events(): the PIC's output changes at any time. */
inline events()
{
	event = false;
	if
	:: true -> waits = true
	:: true -> waits = false
	fi;
	if
#ifdef READ_TWICE
	:: waits && !open -> skip
#endif
	:: waits && !open ->
#ifdef FLAG_FIRST
		open = true;
		if
		:: put()
		:: true
		fi;
		open_window()
#else
		open_window();
		open = true
#endif
	:: else
	fi
}

/* Handle requests until there are none once the vCPU is IN_GUEST_MODE, then enter. */
inline enter()
{
	do
	:: request[me] -> handle_request()
	:: !request[me] && event -> events()
	:: open -> put()
	:: !request[me] && !event ->
		in_guest[me] = true;
		if
		:: request[me] || event -> in_guest[me] = false
		:: else -> break
		fi
	od;
	entered[me] = true;
	/* The check before each VM entry. */
	assert(apicv[me] == !INHIBITED);
	/* V_IRQ works with AVIC off only. */
	assert(!waits || !apicv[me]);
	atomic { entered[me] = false; in_guest[me] = false }
}

active [VCPUS] proctype vcpu()
{
	byte me = _pid, i, k;
	bool open, waits, event;

	apicv[me] = true;
	for (i : 1 .. ENTRIES) {
		if
		:: event = true
		:: true
		fi;
		enter();
		/* The guest enables interrupts, and the vCPU exits for its window. */
		if
		:: waits && open -> waits = false;
			/* It may be preempted before it closes it, and put closes it, too. */
			if
			:: put()
			:: true
			fi;
#ifdef CLOSE_TWICE
			close_window();
#else
			if
			:: open -> close_window()
			:: else
			fi;
#endif
			event = true
		:: true
		fi
	}
	/* vcpu_put() */
	put();
	atomic { finished++ }
	/* Nobody has a window anymore, and the count says so. */
	finished == VCPUS;
	assert(windows == irqwin)
}
