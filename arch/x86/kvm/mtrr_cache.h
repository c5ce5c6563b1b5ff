/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_MTRR_CACHE_H
#define __KVM_X86_MTRR_CACHE_H

#include <linux/bits.h>
#include <linux/kvm_host.h>

/*
 * Which memory types have been installed in SPTEs since a range of guest memory
 * was last zapped, see struct kvm_mtrr_cache.  The cache tells what has to be
 * zapped when a vCPU changes its mind about types.  It never tells the type of
 * a mapping, which is up to the vCPU that faults.
 *
 * Types are bits: BIT() of an MTRR type, or the following for UC that ignores
 * the guest's PAT.  All ranges are GFNs, end exclusive.
 */
#define KVM_MTRR_UC_IPAT	BIT(7)

/* The first GFN that isn't subject to fixed-range MTRRs. */
#define KVM_MTRR_FIXED_END	0x100

#define KVM_MTRR_MAP_PIECES	(2 * KVM_NR_VAR_MTRR + 1)

/*
 * The type that a vCPU would install, for all of guest memory.  Piece N has the
 * GFNs from its start up to the start of piece N + 1.  The first one starts at
 * KVM_MTRR_FIXED_END, the last one has no end.
 */
struct kvm_mtrr_map {
	u8 fixed[KVM_NR_FIXED_MTRR_REGION];
	u8 nr;
	struct {
		gfn_t start;
		u8 type;
	} pieces[KVM_MTRR_MAP_PIECES];
};

/*
 * Get the types that the MTRRs of a vCPU ask for, regardless of CR0.CD.  To be
 * called by the task that runs the vCPU.
 */
void kvm_mtrr_get_map(struct kvm_vcpu *vcpu, struct kvm_mtrr_map *map);

/* Prepare the cache of a VM in which nothing is mapped. */
void kvm_mtrr_cache_init(struct kvm_mtrr_cache *cache);

/*
 * Remember that @type is about to be installed in @gfns.  The caller holds
 * mmu_lock, for read at least, from here on until the SPTE is in place.
 */
void kvm_mtrr_cache_add(struct kvm_mtrr_cache *cache, struct kvm_mtrr_gfns gfns,
			u8 type);

/*
 * Get the types that may be installed at @gfn.  The caller holds mmu_lock, for
 * read at least.
 */
u8 kvm_mtrr_cache_types(struct kvm_mtrr_cache *cache, gfn_t gfn);

/*
 * Forget the types in all ranges of the cache that are within @gfns.  The
 * caller holds mmu_lock, for read at least, and zaps @gfns afterwards, in a
 * critical section of mmu_lock that it enters after the call.
 */
void kvm_mtrr_cache_forget(struct kvm_mtrr_cache *cache,
			   const struct kvm_mtrr_gfns *gfns);

/*
 * Get the end of the range of the cache that @gfn is in.  The caller holds
 * mmu_lock, for read at least.
 */
gfn_t kvm_mtrr_cache_range_end(struct kvm_mtrr_cache *cache, gfn_t gfn);

/*
 * Remember that everything that is installed in @gfns is about to become @type.
 * Return false if it is already.  The caller holds mmu_lock for write, rewrites
 * the SPTEs afterwards, and is the only one to do so.
 */
bool kvm_mtrr_cache_rewrite(struct kvm_mtrr_cache *cache,
			    const struct kvm_mtrr_gfns *gfns, u8 type);

/*
 * Return true if the cache tells all pieces of @map apart.  The caller holds
 * mmu_lock, for read at least.
 */
bool kvm_mtrr_cache_is_split(struct kvm_mtrr_cache *cache,
			     const struct kvm_mtrr_map *map);

/*
 * Make the cache tell the pieces of @map apart, if there's room.  If there's
 * none, the cache is less precise, i.e. more is zapped than need be.  The
 * caller holds mmu_lock for write.
 */
void kvm_mtrr_cache_split(struct kvm_mtrr_cache *cache,
			  const struct kvm_mtrr_map *map);

/*
 * Get the ranges in which a type other than the one in @map may be installed.
 * @ranges has room for KVM_MTRR_ZAP_RANGES.  Return the number of ranges, which
 * are in ascending order.  A range may also span memory in which nothing is
 * installed.  If a range becomes WB, then WB is the type of all of it in @map.
 * The caller holds mmu_lock, for read at least, and waits for zaps that are
 * under way, as they have been forgotten but may not be done.
 */
int kvm_mtrr_cache_diff(struct kvm_mtrr_cache *cache,
			const struct kvm_mtrr_map *map,
			struct kvm_mtrr_gfns *ranges);

/*
 * Print the ranges that have any type, as GFNs, end exclusive, one a line.  The
 * caller holds mmu_lock, for read at least.
 */
void kvm_mtrr_cache_show(struct kvm_mtrr_cache *cache, struct seq_file *m);

#endif /* __KVM_X86_MTRR_CACHE_H */
