/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_SVM_AVIC_IDS_H
#define __KVM_X86_SVM_AVIC_IDS_H

#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/types.h>

#include <asm/kvm_apicv.h>

/*
 * What the IDs of a VM's local APICs mean to AVIC: the contents of the logical ID
 * table, and whether AVIC has to be inhibited.  Everything here is arithmetic,
 * vCPUs, locks and the table are the business of avic.c.
 *
 * The CPU finds the target of an IPI in two tables.  The physical ID table is
 * indexed by the ID of the vCPU.  The logical ID table is for xAPIC only, each
 * entry refers to one physical ID, and flat and cluster mode share its entries.
 * IDs that can't be found that way need software.
 */
#define AVIC_NR_LOGICAL_IDS	60

/* The reasons to inhibit AVIC that depend on nothing but the IDs. */
#define AVIC_ID_INHIBITS				\
	(BIT(APICV_INHIBIT_REASON_APIC_ID_MODIFIED) |	\
	 BIT(APICV_INHIBIT_REASON_PHYSICAL_ID_ALIASED) |	\
	 BIT(APICV_INHIBIT_REASON_LOGICAL_ID_ALIASED))

/* One local APIC. */
struct avic_apic {
	u32 vcpu_id;
	u32 ldr;
	u32 dfr;
	u8 xapic_id;
	bool x2apic;
	/* Enabled by the MSR. */
	bool present;
	/* Enabled by the MSR and in the SVR, i.e. accepts logical destinations. */
	bool enabled;
};

/* All local APICs of a VM, all zeroes at first. */
struct avic_ids {
	/* The IDs in use, by which physical destinations up to 0xff are matched. */
	DECLARE_BITMAP(physical, 256);
	/* The logical ID table as it has to be. */
	u32 logical[AVIC_NR_LOGICAL_IDS];
	/* The models in use, a mask of enum avic_dest_model. */
	u8 models;
	/* Among AVIC_ID_INHIBITS. */
	unsigned long inhibits;
};

/*
 * Add an APIC to @ids.  @unique_ids says that the VMM relies on IDs above 0xff to
 * be unique, i.e. on APICs with such an ID not to be addressed by its low byte.
 */
void avic_ids_add(struct avic_ids *ids, const struct avic_apic *apic,
		  bool unique_ids);

/* Return the reasons, a mask, for the APICs that were added. */
unsigned long avic_ids_inhibits(const struct avic_ids *ids);

#endif /* __KVM_X86_SVM_AVIC_IDS_H */
