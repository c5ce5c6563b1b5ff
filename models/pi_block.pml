/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An IPI is posted by hardware while the target is put because it blocks or is preempted: vmx_vcpu_pi_put(),
 * vmx_vcpu_pi_load(), pi_wakeup_handler() in arch/x86/kvm/vmx/posted_intr.c. No wakeup may be lost, i.e. the vCPU must
 * not sleep forever with an interrupt posted.
 *
 * mutant NO_ON_CHECK    put doesn't look at ON after it has set the wakeup vector
 * mutant NO_PIR_CHECK   load doesn't look for what was posted without a notification
 * mutant SN_IF_BLOCKED  put suppresses notifications although the vCPU blocks
 * mutant NO_WAKEUP      put doesn't set the wakeup vector
 */
bool pir, on, sn, wakeup_nv;
bool self_ipi, woken;

active proctype poster()
{
	/* Locked accesses to the descriptor, one after the other. */
	pir = true;
	atomic {
		if
		:: !on && !sn -> on = true; self_ipi = self_ipi || wakeup_nv
		:: else
		fi
	}
}

active proctype wakeup_handler()
{
end:	do
	:: atomic { self_ipi -> self_ipi = false }
		if
		:: on -> woken = true
		:: else
		fi
	od
}

inline load()
{
	atomic { wakeup_nv = false; sn = false }
#ifndef NO_PIR_CHECK
	if
	:: pir -> on = true
	:: else
	fi
#endif
}

inline put_preempted() { sn = true }

inline put_blocking()
{
#ifndef NO_WAKEUP
	wakeup_nv = true;
#endif
#ifdef SN_IF_BLOCKED
	sn = true;
#endif
#ifndef NO_ON_CHECK
	if
	:: on -> self_ipi = true
	:: else
	fi
#endif
}

active proctype vcpu()
{
	bool once;

	do
	:: woken = false;
		/* kvm_vcpu_check_block(), pi_has_pending_interrupt() */
		if
		:: on -> break
		:: sn && pir -> break
		:: else
		fi;
		/* Preempted between setting the state and schedule(), or back in user space. */
		if
		:: !once -> once = true; put_preempted(); load()
		:: skip
		fi;
		put_blocking();
		woken;
		load()
	od
}
