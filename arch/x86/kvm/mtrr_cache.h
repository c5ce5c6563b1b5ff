/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_MTRR_CACHE_H
#define __KVM_X86_MTRR_CACHE_H

#include <linux/bits.h>
#include <linux/kvm_host.h>

/*
 * Which memory types may be installed in the SPTEs of a VM, so that only what
 * has another type than a vCPU asks for is zapped when its MTRRs or CR0.CD
 * change.  The cache never tells the type of a mapping: that's up to the vCPU
 * that faults.
 *
 * Guest memory is divided into slots that are fixed: one below 512KiB, and from
 * there on eight of equal size from each power of two to the next, i.e. 64KiB each
 * up to 1MiB and 256MiB each from 2GiB to 4GiB.  That tells memory from holes, as
 * firmware lays them out.  For each slot, the cache has the types that have been
 * installed there since it was last zapped.
 *
 * All ranges are GFNs, end exclusive.  None of the functions fails.
 */

/* Types are BIT() of an MTRR type, or this for UC that ignores the guest's PAT. */
#define KVM_MTRR_UC_IPAT	BIT(7)

#define KVM_MTRR_BATCH_RANGES	16

/* The ranges that have to be zapped, in ascending order. */
struct kvm_mtrr_batch {
	int nr;
	/* There's something mapped behind the last range that may stay. */
	bool closed;
	struct {
		gfn_t start;
		gfn_t end;
	} ranges[KVM_MTRR_BATCH_RANGES];
};

/*
 * Get the first GFN of slot @slot, which is also the end of the one before it.
 * No locks needed.
 */
gfn_t kvm_mtrr_slot_start(int slot);

/*
 * Remember that @type may be installed from @start to @end.  The caller holds
 * mmu_lock, for read at least, from here on until the SPTE is in place.
 */
void kvm_mtrr_cache_add(struct kvm_mtrr_cache *cache, gfn_t start, gfn_t end,
			u8 type);

/*
 * Forget the types of slot @slot, and add the slot to @batch, if any other than
 * @wanted may be installed there; 0 is none.  To be called for all slots in
 * ascending order, with mmu_lock held for write throughout.  The caller zaps what
 * is in @batch afterwards, and nobody else may rely on the cache until that's
 * done.  If there are too many ranges, the last one spans what is between, too.
 */
void kvm_mtrr_cache_take(struct kvm_mtrr_cache *cache, int slot, u8 wanted,
			 struct kvm_mtrr_batch *batch);

#endif /* __KVM_X86_MTRR_CACHE_H */
