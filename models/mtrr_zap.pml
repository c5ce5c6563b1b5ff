/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The list of ranges to zap, arch/x86/kvm/mtrr_zap.c: vCPUs map a range, ask
 * for it to be zapped, and go on when their ticket is done.  One of them zaps
 * for all.
 *
 * Checked: a vCPU doesn't go on before its range is zapped, nobody sleeps
 * forever (no invalid end state), there's one zapper at a time, and at the end
 * the list is empty and idle.
 *
 * mutant CLEAR_OUTSIDE busy is cleared after the lock has been dropped
 * mutant DONE_EARLY the ticket is done before the ranges are zapped
 * mutant LATE_TICKET the ticket that is done is read after the zap
 */
#define N	3	/* vCPUs */
#define ROUNDS	2

bool locked, busy;
bool queued[N], mapped[N];
byte requested, done, zappers, running = N;

#define LOCK	atomic { !locked -> locked = true }
#define UNLOCK	locked = false

proctype vcpu(byte me)
{
	bool taken[N], zapper, nothing;
	byte i, round, ticket, batch;

	do
	:: round < ROUNDS ->
		round++;
		mapped[me] = true;

		/* kvm_mtrr_zap_enqueue() */
		LOCK;
		d_step {
			queued[me] = true;
			requested++;
			ticket = requested;
			zapper = !busy;
			busy = true
		}
		UNLOCK;

		/* zap_all() */
		do
		:: !zapper -> break
		:: zapper ->
			LOCK;			/* take_all() */
			d_step {
				batch = requested;
				nothing = true;
				i = 0;
				do
				:: i < N ->
					taken[i] = queued[i];
					nothing = nothing && !queued[i];
					queued[i] = false;
					i++
				:: else -> break
				od;
#ifndef CLEAR_OUTSIDE
				if
				:: nothing -> busy = false
				:: else
				fi
#endif
			}
			UNLOCK;
			if
			:: nothing ->
#ifdef CLEAR_OUTSIDE
				busy = false;
#endif
				zapper = false
			:: else ->
				zappers++;
				assert(zappers == 1);
#ifdef DONE_EARLY
				done = batch;
#endif
				i = 0;
				do
				:: i < N ->
					if
					:: taken[i] -> mapped[i] = false
					:: else
					fi;
					i++
				:: else -> break
				od;
				zappers--;
#ifdef LATE_TICKET
				batch = requested;
#endif
				done = batch
			fi
		od;

		/* wait_event() */
		done >= ticket;
		assert(!mapped[me])
	:: else -> break
	od;
	running--
}

init
{
	byte i;

	atomic {
		for (i : 0 .. N - 1) {
			run vcpu(i)
		}
	}
	running == 0;
	assert(!busy && done == requested);
	for (i : 0 .. N - 1) {
		assert(!queued[i])
	}
}
