# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the last entry is refused
# file: cpu/avic_decode.h
# caught-by: avic_test
s/if (index > g->max_index)/if (index >= g->max_index)/
