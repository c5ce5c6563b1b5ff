# SPDX-License-Identifier: LGPL-2.1-or-later
# what: WC of an MTRR with WT or WP is WC
# file: cpu/memtype.h
# caught-by: memtype_test
/  \/\/ WC$/s/UC, UC, UC, UC/UC, UC, WC, WC/
