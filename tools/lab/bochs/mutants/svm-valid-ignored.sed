# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the valid bit of a physical entry is ignored
# file: cpu/avic_decode.h
# caught-by: avic_test
s/if (! (entry & AVIC_ENTRY_VALID))/if (entry == 0)/
