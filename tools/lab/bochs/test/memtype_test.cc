// SPDX-License-Identifier: LGPL-2.1-or-later
// Unit test of the emulator's rules of effective memory types; prints TAP.
// Compiled against cpu/memtype.h of the patched source. The oracle is the manual's table as it is printed.

#include <cstdint>
#include <cstdio>

typedef uint8_t Bit8u;
typedef uint64_t Bit64u;
#define BX_CPP_INLINE static inline
// as in cpu/tlb.h
enum { BX_MEMTYPE_UC = 0, BX_MEMTYPE_WC = 1, BX_MEMTYPE_WT = 4, BX_MEMTYPE_WP = 5, BX_MEMTYPE_WB = 6, BX_MEMTYPE_UC_WEAK = 7, BX_MEMTYPE_INVALID = 8 };
#include "memtype.h"

static int number, failed;

static void report(bool ok, const char *name)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++number, name);
	failed += !ok;
}

enum { UC = 0, WC = 1, WT = 4, WP = 5, WB = 6, UC_MINUS = 7 };
static const unsigned mtrrs[] = { UC, WC, WT, WB, WP };
static const unsigned pats[] = { UC, UC_MINUS, WC, WT, WB, WP };
static const unsigned effective[5][6] = {
	{ UC, UC, WC, UC, UC, UC },
	{ UC, WC, WC, UC, WC, UC },
	{ UC, UC, WC, WT, WT, WP },
	{ UC, UC, WC, WT, WB, WP },
	{ UC, WC, WC, WT, WP, WP },
};

static bool all_combinations(void)
{
	for (int m = 0; m < 5; m++)
		for (int p = 0; p < 6; p++)
			if (memtype_combine(mtrrs[m], pats[p]) != effective[m][p]) {
				printf("# MTRR %u PAT %u\n", mtrrs[m], pats[p]);
				return false;
			}
	return true;
}

// With all other bits of the entry set, and with none of them.
static bool all_ept_entries(bool ipat, bool cd)
{
	for (int rest = 0; rest < 2; rest++)
		for (int m = 0; m < 5; m++)
			for (int p = 0; p < 6; p++) {
				const Bit64u leaf = (rest ? ~Bit64u(0x78) : 0) | mtrrs[m] << 3 | (ipat ? 1 << 6 : 0);
				const unsigned want = cd ? unsigned(UC) : ipat ? mtrrs[m] : effective[m][p];

				if (memtype_by_ept(leaf, pats[p], cd) != want) {
					printf("# entry %llx PAT %u\n", (unsigned long long)leaf, pats[p]);
					return false;
				}
			}
	return true;
}

static bool conflicts(void)
{
	for (int a = 0; a < 5; a++)
		for (int b = 0; b < 5; b++) {
			const unsigned x = mtrrs[a], y = mtrrs[b];
			const bool want = (x == WC && y != WC && y != UC) || (y == WC && x != WC && x != UC);

			if (memtype_conflict(x, y) != want) {
				printf("# %u %u\n", x, y);
				return false;
			}
		}
	return true;
}

int main()
{
	printf("TAP version 13\n");
	report(all_combinations(), "every MTRR type with every PAT type");
	report(memtype_combine(2, WB) == UC && memtype_combine(7, WT) == UC && memtype_combine(WB, 3) == UC && memtype_combine(0x200000, WB) == UC &&
		memtype_combine(BX_MEMTYPE_INVALID, WT) == WT,
		"what is no type makes UC; without MTRRs it is PAT");
	report(all_ept_entries(false, false), "EPT: every type with every PAT type");
	report(all_ept_entries(true, false), "EPT: ignore PAT");
	report(all_ept_entries(false, true) && all_ept_entries(true, true), "EPT: CR0.CD, ignore PAT or not");
	report(conflicts(), "WC conflicts with WT, WP and WB, and nothing else does");
	printf("1..%d\n", number);
	return failed ? 1 : 0;
}
