// SPDX-License-Identifier: GPL-2.0
/*
 * Which memory is affected by writes to variable-range MTRRs.
 *
 * Everything in this file is a pure function of the values of MSRs.  Whether or
 * not MTRRs are in effect at all, i.e. are enabled by the guest and honored by
 * KVM, is for the caller to know.
 */
#include <linux/minmax.h>

#include "mtrr_range.h"

/* Merge two ranges if they overlap or touch.  Return the number of ranges. */
static int merge_gfns(struct kvm_mtrr_gfns *gfns)
{
	if (gfns[0].end < gfns[1].start || gfns[1].end < gfns[0].start)
		return 2;

	gfns[0].start = min(gfns[0].start, gfns[1].start);
	gfns[0].end = max(gfns[0].end, gfns[1].end);
	return 1;
}

/*
 * Get the ranges that need to be zapped when the MSRs of a variable MTRR change
 * from @old to @new: SPTEs in the old range have the type of this MTRR, but may
 * be subject to another one or to the default type now, and those in the new
 * range the other way round.  An MTRR that isn't valid covers nothing.  Return
 * the number of ranges.
 *
 * Don't bother to skip memory that is in both ranges if the type is the same,
 * as valid MTRRs are rarely rewritten while MTRRs are enabled.
 */
int kvm_var_mtrr_zaps(const struct kvm_var_mtrr *old,
		      const struct kvm_var_mtrr *new,
		      struct kvm_mtrr_gfns *zap)
{
	int nr = 0;

	if (kvm_var_mtrr_is_valid(old))
		zap[nr++] = kvm_var_mtrr_gfns(old);

	if (kvm_var_mtrr_is_valid(new))
		zap[nr++] = kvm_var_mtrr_gfns(new);

	return nr == 2 ? merge_gfns(zap) : nr;
}
