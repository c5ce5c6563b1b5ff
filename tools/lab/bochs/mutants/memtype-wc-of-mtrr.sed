# SPDX-License-Identifier: LGPL-2.1-or-later
# what: WC of an MTRR with WT or WP is WC
# file: cpu/memtype.h
# caught-by: memtype_test
s/(pat == BX_MEMTYPE_WB || pat == BX_MEMTYPE_UC_WEAK) ? BX_MEMTYPE_WC : BX_MEMTYPE_UC/BX_MEMTYPE_WC/
