// SPDX-License-Identifier: GPL-2.0
/*
 * The memory types that have been installed in the SPTEs of a VM.
 *
 * Below 1MiB there is a slot for each fixed-range MTRR, above one for each
 * range that the variable MTRRs of any vCPU have told apart so far.  A slot has
 * a bit for each type.  Slots are looked up and filled with mmu_lock held for
 * read, i.e. concurrently, and change their place only with it held for write.
 */
#include <linux/seq_file.h>
#include <linux/sizes.h>

#include <asm/mtrr.h>

#include "mtrr_cache.h"

#define NR_FIXED	KVM_NR_FIXED_MTRR_REGION
#define GFN(gpa)	((gpa) >> PAGE_SHIFT)

/* The VGA hole, and the first slot in there.  Code is executed below it. */
#define VGA_GFN		GFN(0xa0000)
#define VGA_SLOT	16

/*
 * Tell memory that is far apart from each other from the start, e.g. page tables
 * and code of the firmware from the memory of the operating system.
 */
static const gfn_t initial_starts[] = {
	KVM_MTRR_FIXED_END, GFN(SZ_16M), GFN(SZ_64M), GFN(SZ_256M),
	GFN(SZ_512M), GFN(SZ_1G), GFN(3ULL * SZ_512M), GFN(SZ_2G),
	GFN(5ULL * SZ_512M), GFN(3ULL * SZ_1G), GFN(7ULL * SZ_512M),
	GFN(BIT_ULL(32)), GFN(BIT_ULL(33)), GFN(BIT_ULL(34)), GFN(BIT_ULL(35)),
	GFN(BIT_ULL(36)), GFN(BIT_ULL(37)), GFN(BIT_ULL(38)), GFN(BIT_ULL(39)),
};

void kvm_mtrr_cache_init(struct kvm_mtrr_cache *cache)
{
	BUILD_BUG_ON(ARRAY_SIZE(initial_starts) + KVM_MTRR_MAP_PIECES >
		     KVM_MTRR_CACHE_RANGES);

	memset(cache, 0, sizeof(*cache));
	memcpy(cache->starts, initial_starts, sizeof(initial_starts));
	cache->nr = ARRAY_SIZE(initial_starts);
}

static int nr_slots(struct kvm_mtrr_cache *cache)
{
	return NR_FIXED + cache->nr;
}

static gfn_t slot_start(struct kvm_mtrr_cache *cache, int slot)
{
	if (slot < 8)
		return slot * GFN(SZ_64K);
	if (slot < 24)
		return GFN(SZ_512K) + (slot - 8) * GFN(SZ_16K);
	if (slot < NR_FIXED)
		return GFN(0xc0000) + (slot - 24);
	return cache->starts[slot - NR_FIXED];
}

static gfn_t slot_end(struct kvm_mtrr_cache *cache, int slot)
{
	return slot + 1 < nr_slots(cache) ? slot_start(cache, slot + 1) : ~0ULL;
}

static int slot_of(struct kvm_mtrr_cache *cache, gfn_t gfn)
{
	int low = 0, high = cache->nr, mid;

	if (gfn < GFN(SZ_512K))
		return gfn / GFN(SZ_64K);
	if (gfn < GFN(0xc0000))
		return 8 + (gfn - GFN(SZ_512K)) / GFN(SZ_16K);
	if (gfn < KVM_MTRR_FIXED_END)
		return 24 + gfn - GFN(0xc0000);

	/* starts[low] <= gfn < starts[high], with an end that has no entry. */
	while (high - low > 1) {
		mid = (low + high) / 2;
		if (cache->starts[mid] <= gfn)
			low = mid;
		else
			high = mid;
	}
	return NR_FIXED + low;
}

/*
 * The other side is kvm_mtrr_cache_forget().  Whoever sees the type set before
 * it is forgotten is in a critical section of mmu_lock that the subsequent zap
 * has to wait for, i.e. the SPTE will be zapped.
 */
static void add_type(u8 *types, u8 type)
{
	u8 old = READ_ONCE(*types);

	while ((old & type) != type)
		if (try_cmpxchg(types, &old, old | type))
			break;
}

void kvm_mtrr_cache_add(struct kvm_mtrr_cache *cache, struct kvm_mtrr_gfns gfns,
			u8 type)
{
	int slot = slot_of(cache, gfns.start);

	do {
		add_type(&cache->types[slot], type);
	} while (slot_end(cache, slot++) < gfns.end);
}

gfn_t kvm_mtrr_cache_range_end(struct kvm_mtrr_cache *cache, gfn_t gfn)
{
	return slot_end(cache, slot_of(cache, gfn));
}

u8 kvm_mtrr_cache_types(struct kvm_mtrr_cache *cache, gfn_t gfn)
{
	return READ_ONCE(cache->types[slot_of(cache, gfn)]);
}

/*
 * SPTEs that are installed from now on are remembered anew, even if the zap
 * then removes them, too.  See add_type() for those that are there already.
 */
void kvm_mtrr_cache_forget(struct kvm_mtrr_cache *cache,
			   const struct kvm_mtrr_gfns *gfns)
{
	int slot;

	for (slot = slot_of(cache, gfns->start);
	     slot < nr_slots(cache) && slot_start(cache, slot) < gfns->end; slot++) {
		if (slot_start(cache, slot) < gfns->start ||
		    slot_end(cache, slot) > gfns->end)
			continue;

		/* Pairs with smp_load_acquire() in kvm_mtrr_cache_diff(). */
		smp_store_release(&cache->types[slot], 0);
	}
}

/*
 * Nobody is about to install a SPTE while mmu_lock is held for write, i.e. a
 * slot without types is indeed empty, and whoever installs a SPTE afterwards
 * remembers its type anew, as in kvm_mtrr_cache_forget().
 */
bool kvm_mtrr_cache_rewrite(struct kvm_mtrr_cache *cache,
			    const struct kvm_mtrr_gfns *gfns, u8 type)
{
	bool changed = false;
	u8 *types;
	int slot;

	for (slot = slot_of(cache, gfns->start);
	     slot < nr_slots(cache) && slot_start(cache, slot) < gfns->end; slot++) {
		types = &cache->types[slot];
		if (!*types || *types == type)
			continue;

		changed = true;
		if (slot_start(cache, slot) < gfns->start ||
		    slot_end(cache, slot) > gfns->end)
			*types |= type;
		else
			*types = type;
	}
	return changed;
}

static bool is_start(struct kvm_mtrr_cache *cache, gfn_t gfn)
{
	return slot_start(cache, slot_of(cache, gfn)) == gfn;
}

bool kvm_mtrr_cache_is_split(struct kvm_mtrr_cache *cache,
			     const struct kvm_mtrr_map *map)
{
	int i;

	for (i = 0; i < map->nr; i++)
		if (!is_start(cache, map->pieces[i].start))
			return false;

	return true;
}

static bool starts_piece(const struct kvm_mtrr_map *map, gfn_t gfn)
{
	int i;

	for (i = 0; i < map->nr; i++)
		if (map->pieces[i].start == gfn)
			return true;

	return false;
}

/*
 * Make room: merge two neighbors that @map doesn't tell apart, and that have
 * the same types or, if there are none, any types.  The latter always succeeds,
 * as there are more ranges than pieces in a map.
 */
static void merge_one(struct kvm_mtrr_cache *cache,
		      const struct kvm_mtrr_map *map, bool any)
{
	u8 *types = &cache->types[NR_FIXED];
	int i, nr;

	for (i = 1; i < cache->nr; i++) {
		if (starts_piece(map, cache->starts[i]) ||
		    (!any && types[i] && types[i - 1] && types[i] != types[i - 1]))
			continue;

		types[i - 1] |= types[i];
		nr = --cache->nr - i;
		memmove(&cache->starts[i], &cache->starts[i + 1], nr * sizeof(gfn_t));
		memmove(&types[i], &types[i + 1], nr);
		return;
	}
}

static void insert_start(struct kvm_mtrr_cache *cache, gfn_t gfn)
{
	u8 *types = &cache->types[NR_FIXED];
	int i = slot_of(cache, gfn) - NR_FIXED, nr = cache->nr++ - i;

	/* Both halves of the range have the types of the whole. */
	memmove(&types[i + 1], &types[i], nr);
	memmove(&cache->starts[i + 1], &cache->starts[i], nr * sizeof(gfn_t));
	cache->starts[i + 1] = gfn;
}

void kvm_mtrr_cache_split(struct kvm_mtrr_cache *cache,
			  const struct kvm_mtrr_map *map)
{
	gfn_t gfn;
	int i;

	for (i = 0; i < map->nr; i++) {
		gfn = map->pieces[i].start;
		if (is_start(cache, gfn))
			continue;

		if (cache->nr == KVM_MTRR_CACHE_RANGES)
			merge_one(cache, map, false);
		if (cache->nr == KVM_MTRR_CACHE_RANGES)
			merge_one(cache, map, true);
		insert_start(cache, gfn);
	}
}

/* The ranges that differ, while they're being collected. */
struct diff {
	struct kvm_mtrr_gfns *ranges;
	int nr;
	/* What comes next may be joined with the last range. */
	bool join;
};

static struct kvm_mtrr_gfns *last_range(struct diff *diff)
{
	return diff->nr ? &diff->ranges[diff->nr - 1] : NULL;
}

static void differs(struct diff *diff, gfn_t start, gfn_t end, bool wb)
{
	struct kvm_mtrr_gfns *last = last_range(diff);

	if (last && diff->join && last->becomes_wb == wb) {
		last->end = end;
	} else if (diff->nr == KVM_MTRR_ZAP_RANGES) {
		last->end = end;
		last->becomes_wb = false;
	} else {
		diff->ranges[diff->nr++] = (struct kvm_mtrr_gfns) { start, end, wb };
		diff->join = true;
	}
}

/*
 * Nothing is mapped, i.e. a zap may span it.  To rewrite types mustn't, unless
 * the right type is the same: another vCPU may map something in the meantime.
 */
static void empty(struct diff *diff, bool wb)
{
	struct kvm_mtrr_gfns *last = last_range(diff);

	if (last && last->becomes_wb && !wb)
		diff->join = false;
}

/*
 * Memory that is mapped with the right type must not be zapped, but for the
 * little that is between the VGA hole and 1MiB: its 72 fixed-range MTRRs would
 * easily fill all ranges.
 */
static void same(struct diff *diff, int slot)
{
	struct kvm_mtrr_gfns *last = last_range(diff);

	if (slot < VGA_SLOT || slot >= NR_FIXED || !last || last->start < VGA_GFN)
		diff->join = false;
}

/* Compare the types of a part of a slot with the right one, 0 if there's none. */
static void diff_part(struct diff *diff, int slot, gfn_t start, gfn_t end,
		      u8 types, u8 right)
{
	bool in_vga_bin = slot >= VGA_SLOT && slot < NR_FIXED;
	bool wb = right == BIT(MTRR_TYPE_WRBACK) && !in_vga_bin;

	if (!types)
		empty(diff, wb);
	else if (types == right)
		same(diff, slot);
	else
		differs(diff, start, end, wb);
}

static void diff_slot(struct kvm_mtrr_cache *cache, int slot,
		      const struct kvm_mtrr_map *map, u8 types,
		      struct diff *diff)
{
	gfn_t start = slot_start(cache, slot), end = slot_end(cache, slot);
	gfn_t from, to;
	int i;

	/* A single piece unless the cache has no room to tell them apart. */
	for (i = 0; i < map->nr; i++) {
		from = max(start, map->pieces[i].start);
		to = i + 1 < map->nr ? min(end, map->pieces[i + 1].start) : end;
		if (from < to)
			diff_part(diff, slot, from, to, types, map->pieces[i].type);
	}
}

int kvm_mtrr_cache_diff(struct kvm_mtrr_cache *cache,
			const struct kvm_mtrr_map *map,
			struct kvm_mtrr_gfns *ranges)
{
	struct diff diff = { .ranges = ranges };
	int slot;
	u8 types;

	for (slot = 0; slot < nr_slots(cache); slot++) {
		/*
		 * Pairs with smp_store_release() in kvm_mtrr_cache_forget():
		 * who sees that types have been forgotten also sees that a zap
		 * is under way, and waits for it.
		 */
		types = smp_load_acquire(&cache->types[slot]);
		if (slot >= NR_FIXED)
			diff_slot(cache, slot, map, types, &diff);
		else
			diff_part(&diff, slot, slot_start(cache, slot),
				  slot_end(cache, slot), types, map->fixed[slot]);
	}
	return diff.nr;
}

static const char * const type_names[] = {
	[MTRR_TYPE_UNCACHABLE]	= "UC",
	[MTRR_TYPE_WRCOMB]	= "WC",
	[MTRR_TYPE_WRTHROUGH]	= "WT",
	[MTRR_TYPE_WRPROT]	= "WP",
	[MTRR_TYPE_WRBACK]	= "WB",
	[7]			= "UC(ignores PAT)",
};

void kvm_mtrr_cache_show(struct kvm_mtrr_cache *cache, struct seq_file *m)
{
	unsigned long types;
	int slot, bit;

	for (slot = 0; slot < nr_slots(cache); slot++) {
		types = READ_ONCE(cache->types[slot]);
		if (!types)
			continue;

		seq_printf(m, "%#llx-%#llx:", slot_start(cache, slot), slot_end(cache, slot));
		for_each_set_bit(bit, &types, ARRAY_SIZE(type_names))
			seq_printf(m, " %s", type_names[bit] ?: "?");
		seq_putc(m, '\n');
	}
}
