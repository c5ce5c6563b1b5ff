# SPDX-License-Identifier: LGPL-2.1-or-later
# what: WC after WB is no conflict
# file: cpu/memtype.h
# caught-by: memtype_test
s/(a == BX_MEMTYPE_WC && b >= BX_MEMTYPE_WT) || //
