/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cache of installed memory types, arch/x86/kvm/mtrr_cache.c, while the
 * zapper rewrites SPTEs, rewrite_gfns() in mtrr.c: vCPUs fault, remember their
 * type and install it, all with mmu_lock held for read.  The zapper changes the
 * cache with mmu_lock held for write, and then the SPTEs, one at a time, with
 * mmu_lock held for read, i.e. while vCPUs go on faulting.
 *
 * Checked: a type that is installed is in the cache whenever nobody is about to
 * install it or to rewrite it, and once the zapper is done and nobody has faulted
 * with another type since, nothing else is left.
 *
 * mutant CACHE_READ_LOCK the zapper changes the cache with mmu_lock held for read
 * mutant CACHE_LATE the zapper changes the cache after it has rewritten SPTEs
 * mutant NOT_REMEMBERED the zapper doesn't remember what it rewrites in a range that was empty
 * mutant INSTALL_FIRST a vCPU installs its type before it remembers it
 */
#define PAGES	2	/* of one range of the cache */
#define FAULTS	2	/* by each vCPU */

#define UC	1
#define WB	2

byte readers, types, spte[PAGES];
bool writer, rewriting;
/* Faults that are under way. */
byte faulting;
/* UC has been remembered since the cache was changed. */
bool uc_again;

#define READ_LOCK	atomic { !writer -> readers++ }
#define READ_UNLOCK	readers--
#define WRITE_LOCK	atomic { !writer && readers == 0 -> writer = true }
#define WRITE_UNLOCK	writer = false

#define COVERED	((spte[0] & types) == spte[0] && (spte[1] & types) == spte[1])

/* kvm_mtrr_cache_add(): a read if nothing is new, else a compare-and-exchange. */
inline remember(type)
{
	if
	:: types & type
	:: else -> atomic {
		types = types | type;
		uc_again = uc_again || type == UC
	   }
	fi
}

proctype vcpu(byte type)
{
	byte page, n;

	do
	:: n < FAULTS ->
		n++;
		READ_LOCK;
		faulting++;
		if
		:: page = 0
		:: page = 1
		fi;
#ifdef INSTALL_FIRST
		spte[page] = type;
		faulting--;
		remember(type);
#else
		remember(type);
		atomic { spte[page] = type; faulting-- }
#endif
		READ_UNLOCK
	:: else -> break
	od
}

inline change_cache()
{
	/* kvm_mtrr_cache_rewrite(): a slot without types stays empty. */
	atomic {
		if
		:: types -> types = WB
		:: else
		fi;
		uc_again = false
	}
}

inline rewrite()
{
	i = 0;
	do
	:: i < PAGES ->
		/* A compare-and-exchange, present SPTEs only. */
		if
		:: spte[i] ->
#ifndef NOT_REMEMBERED
			remember(WB);
#endif
			spte[i] = WB
		:: else
		fi;
		i++
	:: else -> break
	od
}

proctype zapper()
{
	byte i;

	rewriting = true;
#ifdef CACHE_LATE
	READ_LOCK;
	rewrite();
	READ_UNLOCK;
	WRITE_LOCK;
	change_cache();
	WRITE_UNLOCK;
#else
#ifdef CACHE_READ_LOCK
	READ_LOCK;
	change_cache();
	READ_UNLOCK;
#else
	WRITE_LOCK;
	change_cache();
	WRITE_UNLOCK;
#endif
	READ_LOCK;
	rewrite();
	READ_UNLOCK;
#endif
	atomic {
		assert(uc_again || (spte[0] != UC && spte[1] != UC));
		rewriting = false
	}
}

/* At any time but while the zapper is between the cache and the SPTEs. */
proctype monitor()
{
	atomic { !rewriting && faulting == 0 -> assert(COVERED) }
}

init
{
	atomic {
		run vcpu(UC);
		run vcpu(UC);
		run vcpu(WB);
		run zapper();
		run monitor()
	}
	_nr_pr == 1;
	assert(COVERED)
}
