// SPDX-License-Identifier: GPL-2.0
/*
 * A list of GFN ranges that is zapped by one task on behalf of all.
 *
 * All vCPUs of a VM program their MTRRs at about the same time, and mostly ask
 * for the same ranges.  Ranges are therefore merged while they wait, and each
 * request gets a ticket, i.e. the number of requests so far.  The ticket is
 * done when everything that was on the list when it was drawn has been zapped.
 */
#include "mtrr_zap.h"

void kvm_mtrr_zap_init(struct kvm_mtrr_zap_list *list,
		       void (*zap)(struct kvm_mtrr_zap_list *list,
				   const struct kvm_mtrr_gfns *gfns))
{
	memset(list, 0, sizeof(*list));
	spin_lock_init(&list->lock);
	init_waitqueue_head(&list->wait);
	list->zap = zap;
}

/* Ranges that touch become one, too, unless only one of them becomes WB. */
static bool is_one_range(const struct kvm_mtrr_gfns *a,
			 const struct kvm_mtrr_gfns *b)
{
	if (a->becomes_wb == b->becomes_wb)
		return a->start <= b->end && b->start <= a->end;

	return a->start < b->end && b->start < a->end;
}

/* The zapper reads the counter without the lock, for the sake of a stat. */
static void count_merged(struct kvm_mtrr_zap_list *list, int nr)
{
	WRITE_ONCE(list->merged, list->merged + nr);
}

/*
 * Ranges are sorted, and don't overlap, i.e. all that become one range with the
 * new one are neighbors: ranges[first] up to, not including, ranges[next].  It's
 * not rewritten but zapped if any part of it has to be.  If there's no room, a
 * single range of everything takes the place of all.
 */
static void insert_range(struct kvm_mtrr_zap_list *list, struct kvm_mtrr_gfns new)
{
	struct kvm_mtrr_gfns *ranges = list->ranges;
	int first = 0, next;

	while (first < list->nr && ranges[first].end <= new.start &&
	       !is_one_range(&ranges[first], &new))
		first++;

	for (next = first; next < list->nr && is_one_range(&ranges[next], &new); next++) {
		new.start = min(new.start, ranges[next].start);
		new.end = max(new.end, ranges[next].end);
		new.becomes_wb &= ranges[next].becomes_wb;
	}

	if (next == first && list->nr == ARRAY_SIZE(list->ranges)) {
		ranges[0] = (struct kvm_mtrr_gfns) { .end = ~0ULL };
		count_merged(list, list->nr);
		list->nr = 1;
		return;
	}

	memmove(&ranges[first + 1], &ranges[next],
		(list->nr - next) * sizeof(*ranges));
	ranges[first] = new;
	count_merged(list, next - first);
	list->nr += 1 - (next - first);
}

bool kvm_mtrr_zap_enqueue(struct kvm_mtrr_zap_list *list,
			  const struct kvm_mtrr_gfns *ranges, int nr,
			  unsigned long *ticket)
{
	bool zapper = false;
	int i;

	spin_lock(&list->lock);
	for (i = 0; i < nr; i++)
		insert_range(list, ranges[i]);

	if (nr)
		list->requested++;

	*ticket = list->requested;
	if (list->nr && !list->busy) {
		list->busy = true;
		zapper = true;
	}
	spin_unlock(&list->lock);

	return zapper;
}

/*
 * Take all ranges off the list.  The zapper quits its job in the very critical
 * section in which it sees the list empty: whoever takes the lock before puts
 * its ranges on a list that is looked at again, and whoever takes it after
 * becomes the zapper.
 */
static int take_all(struct kvm_mtrr_zap_list *list,
		    struct kvm_mtrr_gfns *ranges, unsigned long *ticket)
{
	int nr;

	spin_lock(&list->lock);
	nr = list->nr;
	memcpy(ranges, list->ranges, nr * sizeof(*ranges));
	*ticket = list->requested;
	list->nr = 0;
	if (!nr)
		list->busy = false;
	spin_unlock(&list->lock);

	return nr;
}

static void zap_all(struct kvm_mtrr_zap_list *list)
{
	struct kvm_mtrr_gfns ranges[KVM_MTRR_ZAP_RANGES];
	unsigned long ticket;
	int i, nr;

	while ((nr = take_all(list, ranges, &ticket))) {
		for (i = 0; i < nr; i++)
			list->zap(list, &ranges[i]);

		/* Pairs with smp_load_acquire() in is_done(). */
		smp_store_release(&list->done, ticket);
		wake_up_all(&list->wait);
	}
}

static bool is_done(struct kvm_mtrr_zap_list *list, unsigned long ticket)
{
	/* Pairs with smp_store_release() in zap_all(). */
	return (long)(smp_load_acquire(&list->done) - ticket) >= 0;
}

bool kvm_mtrr_zap_ranges(struct kvm_mtrr_zap_list *list,
			 const struct kvm_mtrr_gfns *ranges, int nr)
{
	unsigned long ticket;

	might_sleep();

	if (kvm_mtrr_zap_enqueue(list, ranges, nr, &ticket))
		zap_all(list);

	/* The zapper's own ticket is done, and so is that of an idle list. */
	if (is_done(list, ticket))
		return false;

	wait_event(list->wait, is_done(list, ticket));
	return true;
}
