/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_MTRR_ZAP_H
#define __KVM_X86_MTRR_ZAP_H

#include <linux/kvm_host.h>

/*
 * A batched list of GFN ranges to zap, see struct kvm_mtrr_zap_list.  Whoever
 * finds the list idle zaps for all, until the list is empty.  The others sleep
 * until what they asked for has been zapped.
 *
 * If WB is the type that all of a range has to have, then it's up to the zap to
 * rewrite the type of what is mapped there, instead of unmapping it.
 */

/*
 * Prepare an empty list.  @zap is called without any lock of the list held, by
 * one task at a time, with GFNs, end exclusive.  When it returns, nothing may
 * be mapped any more that was mapped in the range when it was called, unless it
 * is WB and so was asked for.  TLBs have to be flushed, too.
 */
void kvm_mtrr_zap_init(struct kvm_mtrr_zap_list *list,
		       void (*zap)(struct kvm_mtrr_zap_list *list,
				   const struct kvm_mtrr_gfns *gfns));

/*
 * The half of kvm_mtrr_zap_ranges() that doesn't sleep: put @nr ranges on the
 * list, and draw a ticket.  Return true if the caller has to zap what is on the
 * list.  Not to be used by itself, except for tests.
 */
bool kvm_mtrr_zap_enqueue(struct kvm_mtrr_zap_list *list,
			  const struct kvm_mtrr_gfns *ranges, int nr,
			  unsigned long *ticket);

/*
 * Return when @nr ranges, and all that had been asked for before, are zapped.
 * With @nr 0, just wait for what others have asked for.  Return true if it was
 * up to others to zap, i.e. if the caller had to wait.  May sleep.  The caller
 * may hold vcpu->mutex, kvm->srcu and the lock of the KVM-VFIO device, but
 * neither mmu_lock nor any lock that @zap takes.
 */
bool kvm_mtrr_zap_ranges(struct kvm_mtrr_zap_list *list,
			 const struct kvm_mtrr_gfns *ranges, int nr);

#endif /* __KVM_X86_MTRR_ZAP_H */
