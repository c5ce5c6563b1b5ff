# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an entry beyond the maximum index is accepted
# file: cpu/avic_decode.h
# caught-by: avic_test
s/if (index > g->max_index)/if (index > 511)/
