/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_SVM_AVIC_DEST_H
#define __KVM_X86_SVM_AVIC_DEST_H

#include <linux/types.h>

/* How the sender's local APIC interprets a logical destination. */
enum avic_dest_model {
	AVIC_DEST_XAPIC_FLAT,
	AVIC_DEST_XAPIC_CLUSTER,
	AVIC_DEST_X2APIC,
};

/*
 * Find the targets of the logical destination @dest of an IPI, which isn't a
 * broadcast.
 *
 * Return them as a bitmap, whose first bit stands for @first: for xAPIC that's an
 * index into the AVIC logical ID table, for x2APIC a physical APIC ID, as logical
 * IDs are derived from it.
 */
static inline u16 avic_decode_logical_dest(enum avic_dest_model model, u32 dest,
					   u32 *first)
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

	*first = cluster;
	return bitmap;
}

#endif /* __KVM_X86_SVM_AVIC_DEST_H */
