/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_MTRR_RANGE_H
#define __KVM_X86_MTRR_RANGE_H

#include <linux/bits.h>
#include <linux/kvm_host.h>

#define VAR_MTRR_MASK_VALID	BIT_ULL(11)

/*
 * The two MSRs of a variable-range MTRR.  The mask is 0 until it's written for
 * the first time.  From then on, all bits that are illegal in a guest physical
 * address are set, i.e. the range ends at MAXPHYADDR at the latest.
 */
struct kvm_var_mtrr {
	u64 base;
	u64 mask;
};

static inline bool kvm_var_mtrr_is_valid(const struct kvm_var_mtrr *mtrr)
{
	return mtrr->mask & VAR_MTRR_MASK_VALID;
}

/*
 * An address matches if it's equal to the base in all bits that are set in the
 * mask.  Get the smallest range that holds all matches: clear the bits that
 * don't need to match for the first one, and set them for the last one.  The
 * range holds nothing but matches if the mask is contiguous, and is too large
 * otherwise, which is harmless when zapping.
 *
 * Do the arithmetic on GFNs, as the end of a range of GPAs is 0 if the mask has
 * never been written, and don't use PAGE_MASK, which has only 32 bits on 32-bit
 * hosts.
 */
static inline struct kvm_mtrr_gfns
kvm_var_mtrr_gfns(const struct kvm_var_mtrr *mtrr)
{
	return (struct kvm_mtrr_gfns) {
		.start = (mtrr->base & mtrr->mask) >> PAGE_SHIFT,
		.end = ((mtrr->base | ~mtrr->mask) >> PAGE_SHIFT) + 1,
	};
}

#endif /* __KVM_X86_MTRR_RANGE_H */
