# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the priority is not compared
# file: cpu/avic_decode.h
# caught-by: avic_test
s/if (irr < 0 || (unsigned(irr) >> 4) <= (ppr >> 4))/if (irr < 0)/
