/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_SVM_AVIC_DEST_H
#define __KVM_X86_SVM_AVIC_DEST_H

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/types.h>

/* How the sender's local APIC interprets a logical destination. */
enum avic_dest_model {
	AVIC_DEST_XAPIC_FLAT,
	AVIC_DEST_XAPIC_CLUSTER,
	AVIC_DEST_X2APIC,
};

/*
 * Find the one target that is named by the logical destination of an IPI.
 *
 * Return the target's index into the AVIC logical ID table for xAPIC, and its
 * physical APIC ID for x2APIC, whose logical IDs are derived from the physical
 * ID.  Return -ENOENT if the destination is empty, and -E2BIG if all vCPUs need
 * to be matched against the destination.
 */
static inline int avic_decode_logical_dest(enum avic_dest_model model, u32 dest)
{
	u32 bitmap, cluster;

	switch (model) {
	case AVIC_DEST_X2APIC:
		/* 16 bit dest mask, 16 bit cluster id */
		bitmap = dest & 0xFFFF;
		cluster = (dest >> 16) << 4;
		break;
	case AVIC_DEST_XAPIC_FLAT:
		/* 8 bit dest mask*/
		bitmap = dest;
		cluster = 0;
		break;
	default:
		/* 4 bit desk mask, 4 bit cluster id */
		bitmap = dest & 0xF;
		cluster = (dest >> 4) << 2;
		break;
	}

	if (unlikely(!bitmap))
		return -ENOENT;

	if (!is_power_of_2(bitmap))
		return -E2BIG;

	return cluster + __ffs(bitmap);
}

#endif /* __KVM_X86_SVM_AVIC_DEST_H */
