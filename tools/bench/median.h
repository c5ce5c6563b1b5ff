/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_MEDIAN_H
#define BENCH_MEDIAN_H

#include <stdint.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Sorts the values. Not the mean: some meet an interrupt of the host, or have to fill a slab. */
static inline uint64_t median(uint64_t *values, int n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

#endif
