/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __KVM_X86_VMX_IPIV_TABLE_H
#define __KVM_X86_VMX_IPIV_TABLE_H

#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/types.h>

#include <asm/page.h>

/*
 * The contents of a PID-pointer table, i.e. of the table in which a CPU looks up
 * the posted-interrupt descriptor of the target of an IPI, with the physical
 * destination as the index.  Everything here is arithmetic on the table, vCPUs,
 * locks and VMCSs are the business of ipiv.c.
 *
 * The rule for all IDs: the entry is valid if there is one and only one local
 * APIC that KVM would deliver the IPI to, otherwise the IPI has to exit.
 */
#define IPIV_ENTRY_VALID	BIT_ULL(0)

/* One page, enough for every ID that is valid in xAPIC mode. */
#define IPIV_MIN_IDS		(PAGE_SIZE / sizeof(u64))

/* IDs up to this one can have several owners, as guests can change them. */
#define IPIV_MAX_XAPIC_ID	0xff
#define IPIV_XAPIC_BROADCAST	0xff

struct ipiv_table {
	u64 *entries;
	/* The number of entries, i.e. the table is for IDs below this. */
	u32 nr_ids;
	/* The IDs that have a valid entry and can have several owners. */
	DECLARE_BITMAP(valid, IPIV_MAX_XAPIC_ID + 1);
};

/* What the table depends on, of one local APIC. */
struct ipiv_apic {
	/* Physical address of the posted-interrupt descriptor. */
	u64 pi_desc;
	u32 vcpu_id;
	u8 xapic_id;
	bool x2apic;
	/* Enabled by the MSR, i.e. can send IPIs. */
	bool present;
	/* Enabled by the MSR and in the SVR, i.e. accepts fixed interrupts. */
	bool enabled;
};

/* Who is addressed by the IDs that can have several owners. */
struct ipiv_claims {
	DECLARE_BITMAP(once, IPIV_MAX_XAPIC_ID + 1);
	DECLARE_BITMAP(twice, IPIV_MAX_XAPIC_ID + 1);
};

/*
 * Return the order of the allocation for a table with room for @nr_ids IDs, at
 * least one.
 */
int ipiv_table_order(u32 nr_ids);

/* Copy the entries of @old to @new, which has at least as many. */
void ipiv_table_copy(struct ipiv_table *new, const struct ipiv_table *old);

/*
 * Return the number of IDs that a table needs to have for interrupts to @apic,
 * 0 if @apic doesn't accept any.
 */
u32 ipiv_nr_ids(const struct ipiv_apic *apic);

/*
 * Bring a table up to date, in three steps.  @claims is all zeroes at first.
 *
 * 1. ipiv_claim() for each APIC, adds the APIC's ID to @claims.
 * 2. ipiv_clear_stale() clears the entries of IDs that aren't claimed once.
 * 3. ipiv_write_apic() for each APIC, writes the entries it has a right to.
 *
 * CPUs may use the table at any time.  Each entry is written at once and only if
 * it changes.  No entry points to an APIC that isn't passed to step 3, and IDs
 * beyond the table are skipped.
 */
void ipiv_claim(struct ipiv_claims *claims, const struct ipiv_apic *apic);
void ipiv_clear_stale(struct ipiv_table *table, const struct ipiv_claims *claims);
void ipiv_write_apic(struct ipiv_table *table, const struct ipiv_claims *claims,
		     const struct ipiv_apic *apic);

#endif /* __KVM_X86_VMX_IPIV_TABLE_H */
