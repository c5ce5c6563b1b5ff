# SPDX-License-Identifier: LGPL-2.1-or-later
# what: "all but self" includes the sender
# file: cpu/avic_decode.h
# caught-by: avic_test
s/if ((entry & AVIC_PAGE_MASK) == g->backing) continue;//
