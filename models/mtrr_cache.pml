/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cache of memory types, arch/x86/kvm/mtrr_cache.c, and who zaps, mtrr.c, for
 * one page: vCPUs fault, i.e. remember their type and install it, with mmu_lock
 * held for read.  A vCPU whose MTRRs have changed compares before it runs again:
 * under a lock, it forgets with mmu_lock held for write, and then zaps, dropping
 * mmu_lock in between.  Signals interrupt the wait for the lock, and the VM may
 * be killed.  Non-coherent DMA stops and starts, which zaps without the lock, and
 * a memslot is added, which waits for readers of kvm->srcu.
 *
 * Checked: a vCPU doesn't run with a type that it doesn't ask for, unless someone
 * has installed that since it began to compare; no page is mapped as a huge one,
 * or without regard to types, once non-coherent DMA has started; a memslot waits
 * for one zap at most; nobody waits forever (no invalid end state), and no lock is
 * left behind when the VM dies.
 *
 * mutant NO_MUTEX a vCPU that finds nothing doesn't wait for what another one has forgotten
 * mutant FORGET_LATE types are forgotten after the zap
 * mutant REQUEST_LOST a vCPU whose wait is interrupted doesn't compare when it runs again
 * mutant SIZE_EARLY the size of a page is decided before mmu_invalidate_seq is read
 * mutant COUNT_LATE non-coherent DMA is counted after everything has been zapped
 * mutant WAIT_WITH_SRCU a vCPU holds kvm->srcu while it waits for the lock
 * mutant KILLED_INSIDE a vCPU that is killed leaves the mutex locked
 */
#define N	2	/* vCPUs */
#define CHANGES	2	/* of the MTRRs of each vCPU */

#define UC	1
#define WB	2
#define ANY	4	/* WB, without regard to what the guest asks for */

byte readers, types, spte, seq;
bool writer, mutex, dma = true, huge, dead;

/* The type that a vCPU asks for; what was mapped when it began to compare. */
byte want[N];
bool seen[N];

/* In a read-side critical section of kvm->srcu; those that the memslot waits for. */
bool srcu[N], awaited[N];
byte zaps_awaited;

#define READ_LOCK	atomic { !writer -> readers++ }
#define READ_UNLOCK	readers--
#define WRITE_LOCK	atomic { !writer && readers == 0 -> writer = true }
#define WRITE_UNLOCK	writer = false

/* What is mapped without regard to types is for the start of DMA to zap, see vfio. */
#define STALE	(spte && seen[me] && spte != want[me] && spte != ANY)

/* kvm_zap_gfn_range() */
inline zap()
{
	WRITE_LOCK;
	atomic {
		spte = 0;
		huge = false;
		seq++;
		WRITE_UNLOCK
	}
}

/* A page that is mapped already doesn't fault. */
inline fault()
{
#ifdef SIZE_EARLY
	big = !dma;
#endif
	s = seq;
	READ_LOCK;
	if
	:: s != seq || spte
	:: else ->
#ifndef SIZE_EARLY
		big = !dma;
#endif
		type = (dma -> want[me] : ANY);
		if
		:: type != ANY -> types = types | type	/* a compare-and-exchange */
		:: else
		fi;
		atomic {
			spte = type;
			huge = big;
			seen[0] = false;
			seen[1] = false
		}
	fi;
	atomic {
		READ_UNLOCK;
		s = 0;
		big = false;
		type = 0
	}
}

/* take_stale() */
inline take()
{
	WRITE_LOCK;
	if
	:: types != 0 && types != want[me] -> stale = true;
#ifndef FORGET_LATE
		types = 0
#endif
	:: else
	fi;
	WRITE_UNLOCK
}

inline leave_srcu()
{
	atomic {
		srcu[me] = false;
		awaited[me] = false
	}
}

inline zap_stale()
{
	take();
	if
	:: stale ->
		srcu[me] = true;
		zap();
#ifdef FORGET_LATE
		types = 0;
#endif
		atomic {
			if
			:: awaited[0] || awaited[1] -> zaps_awaited++; assert(zaps_awaited <= 1)
			:: else
			fi
		}
		leave_srcu();
		stale = false
	:: else
	fi
}

proctype vcpu(byte me)
{
	byte n, s, type;
	bool big, stale, request;

	do
	:: dead -> break
	:: !dead && !request && !spte -> fault()
	:: !dead && !request && n < CHANGES ->
		atomic {
			n++;
			want[me] = (want[me] == UC -> WB : UC);
			request = true;
			seen[me] = spte != 0
		}
	:: !dead && request ->
		/* kvm_mtrr_zap_stale() */
#ifdef WAIT_WITH_SRCU
		srcu[me] = true;
#endif
		if
#ifdef NO_MUTEX
		:: true ->
#else
		:: atomic { !mutex -> mutex = true } ->
#endif
			if
			:: dma -> zap_stale()
			:: else
			fi;
#ifdef KILLED_INSIDE
			if
			:: dead -> break
			:: else
			fi;
#endif
			atomic {
				request = false;
				mutex = false;
				assert(!dma || dead || !STALE)
			}
		:: true ->	/* a signal, after which the vCPU is run again */
#ifdef REQUEST_LOST
			atomic {
				request = false;
				assert(!dma || !STALE)
			}
#else
			skip
#endif
		fi;
#ifdef WAIT_WITH_SRCU
		leave_srcu()
#endif
	od
}

/* kvm_mtrr_noncoherent_dma_changed() */
proctype vfio()
{
	dma = false;
	zap();
#ifndef COUNT_LATE
	dma = true;
#endif
	zap();
#ifdef COUNT_LATE
	dma = true;
#endif
	assert(spte != ANY && !huge)
}

proctype memslot()
{
	atomic {
		awaited[0] = srcu[0];
		awaited[1] = srcu[1]
	}
	!awaited[0] && !awaited[1]
}

proctype killer()
{
	dead = true
}

init
{
	atomic {
		want[0] = UC;
		want[1] = UC;
		run vcpu(0);
		run vcpu(1);
		run vfio();
		run memslot();
		run killer()
	}
	_nr_pr == 1;
	assert(!mutex && !writer && readers == 0)
}
