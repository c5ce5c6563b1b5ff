# SPDX-License-Identifier: LGPL-2.1-or-later
# what: UC- with WP is UC
# file: cpu/memtype.h
# caught-by: memtype_test
s/(mtrr == BX_MEMTYPE_WP) ? BX_MEMTYPE_WC : BX_MEMTYPE_UC/BX_MEMTYPE_UC/
