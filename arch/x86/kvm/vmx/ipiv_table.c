// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "ipiv_table.h"

int ipiv_table_order(u32 nr_ids)
{
	return get_order(max_t(unsigned long, nr_ids, 1) * sizeof(u64));
}

void ipiv_table_copy(struct ipiv_table *new, const struct ipiv_table *old)
{
	memcpy(new->entries, old->entries, old->nr_ids * sizeof(*old->entries));
	memcpy(new->valid, old->valid, sizeof(old->valid));
}

u32 ipiv_nr_ids(const struct ipiv_apic *apic)
{
	if (!apic->enabled)
		return 0;

	return max_t(u32, apic->vcpu_id, IPIV_MAX_XAPIC_ID) + 1;
}

static void ipiv_claim_id(struct ipiv_claims *claims, u32 id)
{
	if (__test_and_set_bit(id, claims->once))
		__set_bit(id, claims->twice);
}

void ipiv_claim(struct ipiv_claims *claims, const struct ipiv_apic *apic)
{
	/*
	 * In xAPIC mode this ID is a broadcast, but not for the CPU, which uses
	 * it as an index like any other.  The table serves senders in both
	 * modes, i.e. the ID isn't anyone's while there is a sender that means
	 * everyone.
	 */
	if (apic->present && !apic->x2apic)
		__set_bit(IPIV_XAPIC_BROADCAST, claims->twice);

	if (!apic->enabled)
		return;

	if (!apic->x2apic)
		ipiv_claim_id(claims, apic->xapic_id);
	else if (apic->vcpu_id <= IPIV_MAX_XAPIC_ID)
		ipiv_claim_id(claims, apic->vcpu_id);
}

static void ipiv_write_entry(struct ipiv_table *table, u32 id, u64 entry)
{
	if (id >= table->nr_ids || table->entries[id] == entry)
		return;

	WRITE_ONCE(table->entries[id], entry);
	if (id <= IPIV_MAX_XAPIC_ID)
		__assign_bit(id, table->valid, entry);
}

static bool ipiv_has_one_owner(const struct ipiv_claims *claims, u32 id)
{
	return test_bit(id, claims->once) && !test_bit(id, claims->twice);
}

void ipiv_clear_stale(struct ipiv_table *table, const struct ipiv_claims *claims)
{
	unsigned int id;

	for_each_set_bit(id, table->valid, IPIV_MAX_XAPIC_ID + 1) {
		if (!ipiv_has_one_owner(claims, id))
			ipiv_write_entry(table, id, 0);
	}
}

void ipiv_write_apic(struct ipiv_table *table, const struct ipiv_claims *claims,
		     const struct ipiv_apic *apic)
{
	u64 entry = apic->enabled ? apic->pi_desc | IPIV_ENTRY_VALID : 0;
	u32 id = apic->x2apic ? apic->vcpu_id : apic->xapic_id;

	/*
	 * In both modes the APIC accepts interrupts to an ID that is too large
	 * for xAPIC mode, see kvm_apic_match_physical_addr().  No other APIC can
	 * have the ID, i.e. nobody else clears the entry.
	 */
	if (apic->vcpu_id > IPIV_MAX_XAPIC_ID)
		ipiv_write_entry(table, apic->vcpu_id, entry);

	if (apic->enabled && id <= IPIV_MAX_XAPIC_ID && ipiv_has_one_owner(claims, id))
		ipiv_write_entry(table, id, entry);
}
