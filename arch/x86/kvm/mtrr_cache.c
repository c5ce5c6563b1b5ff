// SPDX-License-Identifier: GPL-2.0
/*
 * The memory types that may be installed in the SPTEs of a VM, see mtrr_cache.h.
 */
#include "mtrr_cache.h"

/* 512KiB: there are 8 slots for each order from here on. */
#define FIRST_ORDER	7

gfn_t kvm_mtrr_slot_start(int slot)
{
	if (!slot)
		return 0;

	slot--;
	return (8ULL + slot % 8) << (FIRST_ORDER - 3 + slot / 8);
}

/* The three bits below the most significant one tell the slots of an order apart. */
static int slot_of(gfn_t gfn)
{
	int order = fls64(gfn) - 1;

	if (order < FIRST_ORDER)
		return 0;

	return 1 + (order - FIRST_ORDER) * 8 + ((gfn >> (order - 3)) & 7);
}

/* Others may add types at the same time, but none is forgotten, see mmu_lock. */
static void add_type(u8 *types, u8 type)
{
	u8 old = READ_ONCE(*types);

	while ((old & type) != type)
		if (try_cmpxchg(types, &old, old | type))
			break;
}

void kvm_mtrr_cache_add(struct kvm_mtrr_cache *cache, gfn_t start, gfn_t end,
			u8 type)
{
	int slot, last = slot_of(end - 1);

	for (slot = slot_of(start); slot <= last; slot++)
		add_type(&cache->types[slot], type);
}

/*
 * Join the slot and the last range if nothing is mapped between them, or if
 * there's no room, which zaps what needn't be zapped but does no harm.
 */
static void batch_slot(struct kvm_mtrr_batch *batch, int slot)
{
	if (!batch->nr || (batch->closed && batch->nr < KVM_MTRR_BATCH_RANGES))
		batch->ranges[batch->nr++].start = kvm_mtrr_slot_start(slot);

	batch->ranges[batch->nr - 1].end = kvm_mtrr_slot_start(slot + 1);
	batch->closed = false;
}

void kvm_mtrr_cache_take(struct kvm_mtrr_cache *cache, int slot, u8 wanted,
			 struct kvm_mtrr_batch *batch)
{
	if (!cache->types[slot])
		return;

	if (cache->types[slot] == wanted) {
		batch->closed = true;
		return;
	}

	cache->types[slot] = 0;
	batch_slot(batch, slot);
}
