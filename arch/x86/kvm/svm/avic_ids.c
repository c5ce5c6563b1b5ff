// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/log2.h>

#include <asm/apicdef.h>
#include <asm/svm.h>

#include "avic_dest.h"
#include "avic_ids.h"

static void avic_inhibit(struct avic_ids *ids, enum kvm_apicv_inhibit reason)
{
	__set_bit(reason, &ids->inhibits);
}

static void avic_ids_add_physical(struct avic_ids *ids,
				  const struct avic_apic *apic, bool unique_ids)
{
	u32 id = apic->x2apic ? apic->vcpu_id : apic->xapic_id;

	/*
	 * An ID that doesn't fit into 8 bits is truncated when the APIC is reset,
	 * the guest didn't do that.
	 */
	if (!apic->x2apic && apic->xapic_id != (u8)apic->vcpu_id)
		avic_inhibit(ids, APICV_INHIBIT_REASON_APIC_ID_MODIFIED);

	if (id > 0xff || (unique_ids && apic->vcpu_id > 0xff))
		return;

	if (__test_and_set_bit(id, ids->physical))
		avic_inhibit(ids, APICV_INHIBIT_REASON_PHYSICAL_ID_ALIASED);
}

/*
 * Return the index of @apic's entry in the logical ID table, -ENOENT if nothing
 * is addressed to its logical ID, -EINVAL if the table can't tell.
 */
static int avic_logical_index(const struct avic_apic *apic)
{
	u32 id = GET_APIC_LOGICAL_ID(apic->ldr);
	u32 first, bitmap;

	if (apic->dfr == APIC_DFR_FLAT)
		bitmap = avic_decode_logical_dest(AVIC_DEST_XAPIC_FLAT, id, &first);
	else if (apic->dfr == APIC_DFR_CLUSTER)
		bitmap = avic_decode_logical_dest(AVIC_DEST_XAPIC_CLUSTER, id, &first);
	else
		return -ENOENT;

	if (!bitmap)
		return -ENOENT;

	/* No entry refers to two APICs, nor to an ID of more than 8 bits. */
	if (!is_power_of_2(bitmap) || first >= AVIC_NR_LOGICAL_IDS ||
	    apic->vcpu_id > AVIC_LOGICAL_ID_ENTRY_GUEST_PHYSICAL_ID_MASK)
		return -EINVAL;

	return first + __ffs(bitmap);
}

static void avic_ids_add_xapic_logical(struct avic_ids *ids,
				       const struct avic_apic *apic)
{
	int index = avic_logical_index(apic);

	if (index == -ENOENT)
		return;

	ids->models |= BIT(apic->dfr == APIC_DFR_FLAT ? AVIC_DEST_XAPIC_FLAT :
							AVIC_DEST_XAPIC_CLUSTER);

	if (index < 0 || ids->logical[index])
		avic_inhibit(ids, APICV_INHIBIT_REASON_LOGICAL_ID_ALIASED);
	else
		ids->logical[index] = AVIC_LOGICAL_ID_ENTRY_VALID_MASK | apic->vcpu_id;
}

void avic_ids_add(struct avic_ids *ids, const struct avic_apic *apic,
		  bool unique_ids)
{
	if (!apic->present)
		return;

	avic_ids_add_physical(ids, apic, unique_ids);

	if (!apic->enabled)
		return;

	if (apic->x2apic)
		ids->models |= BIT(AVIC_DEST_X2APIC);
	else
		avic_ids_add_xapic_logical(ids, apic);
}

unsigned long avic_ids_inhibits(const struct avic_ids *ids)
{
	unsigned long inhibits = ids->inhibits;

	/* With several models, an entry can mean different APICs to senders. */
	if (hweight8(ids->models) > 1)
		inhibits |= BIT(APICV_INHIBIT_REASON_LOGICAL_ID_ALIASED);

	return inhibits;
}
